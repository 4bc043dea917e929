"""The form that offers printers to the home network, and the addresses they get."""

from collections.abc import Mapping
import secrets
from typing import Any, Final

from homeassistant.core import HomeAssistant
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
import voluptuous as vol
from yarl import URL

from ..const import CONF_LAN_PRINTERS, LAN_PRINTER_PATH
from ..pages.clean import escape_markdown

TOKEN_BYTES: Final = 18
"""of the last part of a printer's address, which nobody can guess."""
_USUAL_URL: Final = "http://homeassistant.local:8123"


def lan_printers_schema(printers: list[SelectOptionDict], offered: Mapping[str, str]) -> vol.Schema:
    """Return the form with the printers of a box, those that are offered ticked."""
    known = {printer["value"] for printer in printers}
    return vol.Schema(
        {
            vol.Required(
                CONF_LAN_PRINTERS, default=[key for key in offered if key in known]
            ): SelectSelector(
                SelectSelectorConfig(options=printers, multiple=True, mode=SelectSelectorMode.LIST)
            )
        }
    )


def lan_printers_from(answer: Mapping[str, Any], offered: Mapping[str, str]) -> dict[str, str]:
    """Return the tokens of the chosen printers by printer key; one that stays on keeps its token."""
    return {
        key: offered.get(key) or secrets.token_urlsafe(TOKEN_BYTES)
        for key in answer[CONF_LAN_PRINTERS]
    }


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
