"""Has actions of the integration refuse what they are told to, in place of their handlers.

Most refusals cannot be provoked in one test; all the way from the handler to the screen is as it is. Laid into the
configuration of the Home Assistant that the tests of the card share.
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
# Refusals that have no key.
OTHERS = {"unauthorized": Unauthorized(), "untranslated": HomeAssistantError("The dog ate it")}


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the command that says what is refused."""
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
        """Have calls of an action refused for a reason from now on; None ends that."""
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
