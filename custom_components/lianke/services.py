"""Registers the actions, once for all boxes."""

from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, callback

from .actions.handlers import ACTIONS, Action
from .actions.job_picture import JobPictureView
from .actions.preview_view import PreviewView
from .api.errors import LiankeError
from .const import DOMAIN
from .runtime import translated


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register all actions, and the view that serves their previews."""
    for action in ACTIONS:
        _register(hass, action)
    hass.http.register_view(PreviewView)
    hass.http.register_view(JobPictureView)


@callback
def _register(hass: HomeAssistant, action: Action) -> None:
    async def handle(call: ServiceCall) -> ServiceResponse:
        """Run the action; errors of the API client become translated ones."""
        try:
            return await action.handler(hass, call)
        except LiankeError as err:
            raise translated(err) from None

    hass.services.async_register(
        DOMAIN,
        action.name,
        handle,
        schema=action.schema,
        supports_response=action.supports_response,
    )
