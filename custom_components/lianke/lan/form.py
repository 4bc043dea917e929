"""The options about the home network: which printers and scanners its devices see, and the addresses of these."""

from collections.abc import Mapping
from ipaddress import ip_address
import secrets
from typing import Any, Final

from homeassistant.components import network
from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.helpers.selector import SelectOptionDict
import voluptuous as vol
from yarl import URL

from ..const import CONF_LAN_PRINTERS, CONF_LAN_SCANNERS, LAN_PRINTER_PATH, LAN_SCANNER_PATH
from ..options_frame import BoxOptionsFlow, UserInput, choice, needs_box
from ..pages.clean import escape_markdown
from ..scanner.hub import async_get_hub
from .announce import async_place

TOKEN_BYTES: Final = 18
"""of the last part of a printer's address, which nobody can guess."""
_USUAL_URL: Final = "http://homeassistant.local:8123"


class LanPrinterSteps(BoxOptionsFlow):
    """The steps of the options flow."""

    def __init__(self) -> None:
        super().__init__()
        # By option, tokens by the keys of printers and the ids of scanners.
        self._offered: dict[str, dict[str, str]] = {}

    @needs_box
    async def async_step_lan_printers(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Choose the printers that devices of the home network may print on, and the scanners that they may use."""
        options = self.config_entry.options
        choices = self._lan_choices(options)
        if user_input is not None:
            # What stays on keeps its token. What is not asked about stays as it is.
            self._offered = {
                option: {
                    key: options.get(option, {}).get(key) or secrets.token_urlsafe(TOKEN_BYTES)
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
        """Return what may be offered, by option; without an entry where there is nothing."""
        known = async_get_hub(self.hass, self.config_entry).scanners
        scanners = [SelectOptionDict(value=key, label=one.name) for key, one in known.items()]
        printers = self._printers(options.get(CONF_LAN_PRINTERS, {}))
        choices = {CONF_LAN_PRINTERS: printers, CONF_LAN_SCANNERS: scanners}
        return {option: listed for option, listed in choices.items() if listed}

    @needs_box
    async def async_step_lan_addresses(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Show the addresses, for devices that do not find them by themselves."""
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
    """Return where devices find Home Assistant's own web server, as it is called here if that leads there.

    What is set as its address may lead to a proxy, from which no prints are taken; one that is not set may be one on
    which the server does not listen.
    """
    try:
        base = URL(get_url(hass, allow_external=False, allow_cloud=False))
    except NoURLAvailableError:
        base = URL(_USUAL_URL)
    if (place := await async_place(hass)) is None:
        return base
    scheme = "https" if place.secure else "http"
    if (base.scheme, base.port) == (scheme, place.port):
        own = await network.async_get_announce_addresses(hass)
        is_set = hass.config.internal_url is not None
        # Somebody else's address, such as that of a container's host, or a name, is known best by who has set it.
        if base.host in place.addresses or (is_set and base.host not in own) or not _is_ip(base):
            return base
    return URL.build(scheme=scheme, host=place.addresses[0], port=place.port)


def _is_ip(url: URL) -> bool:
    try:
        ip_address(url.host or "")
    except ValueError:
        return False
    return True


def lan_addresses(
    base: URL,
    names: Mapping[str, Mapping[str, str]],
    offered: Mapping[str, Mapping[str, str]],
) -> str:
    """Return a list in Markdown of the addresses of printers and scanners; names and tokens by option, then by key."""
    ipp = "ipps" if base.scheme == "https" else "ipp"
    # An address of IPv6 has brackets here.
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
