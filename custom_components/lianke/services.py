"""The actions: registered once, for all boxes."""

from typing import Final

from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
import voluptuous as vol

from .actions.handlers import HANDLERS
from .actions.preview_view import PreviewView
from .actions.schemas import (
    CANCEL_SCHEMA,
    CAPABILITIES_SCHEMA,
    COUNT_SCHEMA,
    MODELS_SCHEMA,
    PREVIEW_SCHEMA,
    PRINT_SCHEMA,
    RETRY_SCHEMA,
    SERVICE_CANCEL_JOB,
    SERVICE_COUNT_PAGES,
    SERVICE_GET_CAPABILITIES,
    SERVICE_LIST_JOBS,
    SERVICE_PREVIEW,
    SERVICE_PRINT,
    SERVICE_RETRY_JOB,
    SERVICE_SEARCH_MODELS,
    list_schema,
)
from .api.errors import LiankeError
from .const import DOMAIN
from .jobs.job import JobState
from .runtime import translated

_OPTIONAL: Final = SupportsResponse.OPTIONAL
_ONLY: Final = SupportsResponse.ONLY

_ACTIONS: Final[tuple[tuple[str, vol.Schema, SupportsResponse], ...]] = (
    (SERVICE_PRINT, PRINT_SCHEMA, _OPTIONAL),
    (SERVICE_PREVIEW, PREVIEW_SCHEMA, _OPTIONAL),
    (SERVICE_COUNT_PAGES, COUNT_SCHEMA, _ONLY),
    (SERVICE_CANCEL_JOB, CANCEL_SCHEMA, _OPTIONAL),
    (SERVICE_RETRY_JOB, RETRY_SCHEMA, _OPTIONAL),
    (SERVICE_LIST_JOBS, list_schema(tuple(JobState)), _ONLY),
    (SERVICE_GET_CAPABILITIES, CAPABILITIES_SCHEMA, _ONLY),
    (SERVICE_SEARCH_MODELS, MODELS_SCHEMA, _ONLY),
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register all actions."""
    for name, schema, supports_response in _ACTIONS:
        _register(hass, name, schema, supports_response)
    hass.http.register_view(PreviewView)


@callback
def _register(
    hass: HomeAssistant, name: str, schema: vol.Schema, supports_response: SupportsResponse
) -> None:
    async def handle(call: ServiceCall) -> ServiceResponse:
        """Run the action; what the service says against it becomes a translated error."""
        try:
            return await HANDLERS[name](hass, call)
        except LiankeError as err:
            raise translated(err) from None

    hass.services.async_register(
        DOMAIN, name, handle, schema=schema, supports_response=supports_response
    )
