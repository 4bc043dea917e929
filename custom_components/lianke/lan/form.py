"""The options about the home network: which printers its devices see, and the addresses that these get."""

from collections.abc import Mapping
import secrets
from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.helpers.selector import SelectSelector, SelectSelectorConfig, SelectSelectorMode
import voluptuous as vol
from yarl import URL

from ..const import CONF_LAN_PRINTERS, LAN_PRINTER_PATH
from ..options_frame import BoxOptionsFlow, needs_box
from ..pages.clean import escape_markdown

TOKEN_BYTES: Final = 18
"""of the last part of a printer's address, which nobody can guess."""
_USUAL_URL: Final = "http://homeassistant.local:8123"


class LanPrinterSteps(BoxOptionsFlow):
    """The steps of the options flow."""

    def __init__(self) -> None:
        """Offer nothing yet."""
        super().__init__()
        # Tokens by printer key.
        self._lan_printers: dict[str, str] = {}

    @needs_box
    async def async_step_lan_printers(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose the printers that devices of the home network may print on."""
        offered: dict[str, str] = self.config_entry.options.get(CONF_LAN_PRINTERS, {})
        if user_input is not None:
            # One that stays on keeps its token.
            self._lan_printers = {
                key: offered.get(key) or secrets.token_urlsafe(TOKEN_BYTES)
                for key in user_input[CONF_LAN_PRINTERS]
            }
            if self._lan_printers:
                return await self.async_step_lan_addresses(None)
            return self._save({CONF_LAN_PRINTERS: {}})
        if not (printers := self._printers(offered)):
            return self.async_show_form(
                step_id="no_printers", data_schema=vol.Schema({}), last_step=True
            )
        known = {printer["value"] for printer in printers}
        config = SelectSelectorConfig(options=printers, multiple=True, mode=SelectSelectorMode.LIST)
        ticked = [key for key in offered if key in known]
        schema = {vol.Required(CONF_LAN_PRINTERS, default=ticked): SelectSelector(config)}
        return self.async_show_form(
            step_id="lan_printers", data_schema=vol.Schema(schema), last_step=False
        )

    @needs_box
    async def async_step_lan_addresses(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show the printers' addresses, for devices that do not find them by themselves."""
        if user_input is not None:
            return self._save({CONF_LAN_PRINTERS: self._lan_printers})
        names = {one["value"]: one["label"] for one in self._printers(self._lan_printers)}
        addresses = lan_addresses(self.hass, names, self._lan_printers)
        return self.async_show_form(
            step_id="lan_addresses",
            data_schema=vol.Schema({}),
            description_placeholders={"addresses": addresses},
            last_step=True,
        )


def lan_addresses(hass: HomeAssistant, names: Mapping[str, str], tokens: Mapping[str, str]) -> str:
    """Return a list in Markdown of the printers' addresses."""
    try:
        base = URL(get_url(hass, allow_external=False, allow_cloud=False))
    except NoURLAvailableError:
        base = URL(_USUAL_URL)
    scheme = "ipps" if base.scheme == "https" else "ipp"
    return "\n".join(
        f"- {escape_markdown(names.get(key, key))}: `{scheme}://{base.host}:{base.port}{LAN_PRINTER_PATH}/{token}`"
        for key, token in tokens.items()
    )
