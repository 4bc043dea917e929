"""Registers the actions, and the view that serves their previews, once for all boxes."""

from functools import partial

from homeassistant.core import HomeAssistant, callback
import voluptuous as vol

from .const import DOMAIN
from .printing.handlers import ACTIONS
from .printing.preview import PreviewView
from .scanner.actions import SCAN_ACTIONS


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    for action in (ACTIONS | SCAN_ACTIONS).values():
        hass.services.async_register(
            DOMAIN,
            action.name,
            partial(action.run, hass),
            schema=vol.All(action.check),
            supports_response=action.supports_response,
        )
    hass.http.register_view(PreviewView)
