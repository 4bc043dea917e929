"""Steps of the options flow for the home network: which printers and scanners it sees, and their addresses."""

from collections.abc import Mapping
import secrets
from typing import Any, Final

from homeassistant.components import network
from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.helpers.selector import SelectOptionDict
from homeassistant.util.network import is_ip_address
import voluptuous as vol
from yarl import URL

from ..const import CONF_LAN_PRINTERS, CONF_LAN_SCANNERS, LAN_PRINTER_PATH, LAN_SCANNER_PATH
from ..options_frame import BoxOptionsFlow, UserInput, choice, needs_box
from ..pages.clean import escape_markdown
from ..scanner.hub import async_get_hub
from .announce import async_web_server_address

# Number of random bytes in the token at the end of a printer's or scanner's address, so that nobody can guess it.
ADDRESS_TOKEN_BYTES: Final = 18
_USUAL_URL: Final = "http://homeassistant.local:8123"


class LanPrinterSteps(BoxOptionsFlow):
    def __init__(self) -> None:
        super().__init__()
        # For each option, the tokens by printer key or scanner id.
        self._offered: dict[str, dict[str, str]] = {}

    @needs_box
    async def async_step_lan_printers(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Let the user choose the printers and scanners that devices of the home network may use."""
        options = self.config_entry.options
        choices = self._lan_choices(options)
        if user_input is not None:
            # A printer or scanner that stays switched on keeps its token. An option that the form did not show stays as
            # it is.
            self._offered = {
                option: {
                    key: options.get(option, {}).get(key)
                    or secrets.token_urlsafe(ADDRESS_TOKEN_BYTES)
                    for key in user_input[option]
                }
                for option in choices
                if option in user_input
            }
            if any(self._offered.values()):
                return await self.async_step_lan_addresses(None)
            return self._save(self._offered)
        if not choices:
            return self.async_show_form(step_id="no_printers", last_step=True)
        schema = {}
        for option, listed in choices.items():
            known = {one["value"] for one in listed}
            ticked = [key for key in options.get(option, {}) if key in known]
            field = choice(listed, many=True, listed=True)
            schema[vol.Required(option, default=ticked)] = field
        return self.async_show_form(
            step_id="lan_printers", data_schema=vol.Schema(schema), last_step=False
        )

    def _lan_choices(self, options: Mapping[str, Any]) -> dict[str, list[SelectOptionDict]]:
        """Return the choices for each option; an option without choices is left out."""
        known = async_get_hub(self.hass, self.config_entry).scanners
        scanners = [SelectOptionDict(value=key, label=one.name) for key, one in known.items()]
        printers = self._printers(options.get(CONF_LAN_PRINTERS, {}))
        choices = {CONF_LAN_PRINTERS: printers, CONF_LAN_SCANNERS: scanners}
        return {option: listed for option, listed in choices.items() if listed}

    @needs_box
    async def async_step_lan_addresses(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Show the addresses, which people enter on devices that do not discover printers and scanners."""
        if user_input is not None:
            return self._save(self._offered)
        choices = self._lan_choices(self._offered)
        names = {
            option: {one["value"]: one["label"] for one in listed}
            for option, listed in choices.items()
        }
        return self.async_show_form(
            step_id="lan_addresses",
            description_placeholders={
                "addresses": lan_addresses(await _async_base(self.hass), names, self._offered)
            },
            last_step=True,
        )


async def _async_base(hass: HomeAssistant) -> URL:
    """Return a URL at which the home network reaches Home Assistant's own web server.

    This is Home Assistant's internal URL where possible. But a configured URL may lead to a proxy, whose requests are
    refused, and a URL that Home Assistant found by itself may name an address on which the web server does not listen.
    """
    try:
        base = URL(get_url(hass, allow_external=False, allow_cloud=False))
    except NoURLAvailableError:
        base = URL(_USUAL_URL)
    if (place := await async_web_server_address(hass)) is None:
        return base
    scheme = "https" if place.secure else "http"
    if (base.scheme, base.port) == (scheme, place.port):
        own = await network.async_get_announce_addresses(hass)
        is_set = hass.config.internal_url is not None
        # Keep a URL with a host name, and a configured URL with another machine's address, such as that of a
        # container's host.
        if (
            base.host in place.addresses
            or (is_set and base.host not in own)
            or not is_ip_address(base.host or "")
        ):
            return base
    return URL.build(scheme=scheme, host=place.addresses[0], port=place.port)


def lan_addresses(
    base: URL,
    names: Mapping[str, Mapping[str, str]],
    offered: Mapping[str, Mapping[str, str]],
) -> str:
    """Return a Markdown list of addresses. `names` and `offered` (tokens) are keyed by option, then by device."""
    ipp = "ipps" if base.scheme == "https" else "ipp"
    # `host_subcomponent` puts an IPv6 address in brackets.
    place = f"{base.host_subcomponent}:{base.port}"
    starts = {
        CONF_LAN_PRINTERS: f"{ipp}://{place}{LAN_PRINTER_PATH}",
        CONF_LAN_SCANNERS: f"{base.scheme}://{place}{LAN_SCANNER_PATH}",
    }
    return "\n".join(
        f"- {escape_markdown(names.get(option, {}).get(key, key))}: `{starts[option]}/{token}`"
        for option, tokens in offered.items()
        for key, token in tokens.items()
    )
