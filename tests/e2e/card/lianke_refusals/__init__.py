"""Makes actions of the integration refuse calls for a given reason, instead of running their handlers.

Most refusals cannot be provoked in a single test. Everything from the handler to the screen is the real code. The tests
of the card link this component into the configuration of the Home Assistant that they share.
"""

from typing import Any

from homeassistant.components.websocket_api import async_register_command
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.decorators import websocket_command
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers.typing import ConfigType
import voluptuous as vol

from custom_components.lianke.printing import handlers
from custom_components.lianke.scanner.actions import SCAN_ACTIONS

DOMAIN = "lianke_refusals"
# Refusals without a translation key of ours.
OTHERS = {"unauthorized": Unauthorized(), "untranslated": HomeAssistantError("The dog ate it")}


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Wrap the actions, and register the command that chooses what they refuse."""
    refused: dict[str, Exception] = {}

    def refusing(action: handlers.Action) -> handlers.Action:
        async def handle(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
            if error := refused.get(action.name):
                raise error
            return await action.handler(hass, call)

        return action._replace(handler=handle)

    for actions in (handlers.ACTIONS, SCAN_ACTIONS):
        actions.update({name: refusing(action) for name, action in actions.items()})

    @websocket_command(
        {
            vol.Required("type"): f"{DOMAIN}/refuse",
            vol.Required("action"): str,
            vol.Required("key"): vol.Any(None, str),
            vol.Optional("values", default={}): dict,
        }
    )
    @callback
    def ws_refuse(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
        """Refuse all calls of an action for the reason `key` from now on; None ends that."""
        refused.pop(msg["action"], None)
        if key := msg["key"]:
            refused[msg["action"]] = OTHERS.get(key) or ServiceValidationError(
                translation_domain="lianke",
                translation_key=key,
                translation_placeholders=msg["values"],
            )
        connection.send_result(msg["id"])

    async_register_command(hass, ws_refuse)
    return True
