"""Forms of the config flow: sticker, account, server."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_API_KEY
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    FileSelector,
    FileSelectorConfig,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import voluptuous as vol

from ..const import CONF_SERVER

CONF_ACCOUNT = "account"
CONF_PHOTO = "photo"
CONF_QR_TEXT = "qr_text"
SECTION_ADVANCED = "advanced"

# The choice for a box of an account that no entry has yet.
ANOTHER_ACCOUNT = "another"

# Stands in the key's field for a key that the flow holds already, since no key goes back to the
# browser. No key looks like this, so one that was edited by half is refused.
KEPT_KEY = "•" * 12

# Errors with a text of their own; for any other the message of the service is shown.
EXPLAINED = frozenset(
    {
        "address_unknown",
        "box_never_activated",
        "box_not_bound",
        "box_not_found",
        "box_not_provisioned",
        "box_not_responding",
        "box_offline",
        "cannot_connect",
        "service_expired",
        "timed_out",
        "too_frequent",
        "unexpected_answer",
    }
)
# Errors that the server's address may cause, for which its section is shown open.
ABOUT_SERVER = frozenset(
    {"address_unknown", "cannot_connect", "invalid_server", "timed_out", "unexpected_answer"}
)

_SECRET = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))
_STICKER: Mapping[vol.Marker, object] = {
    vol.Optional(CONF_PHOTO): FileSelector(FileSelectorConfig(accept="image/*")),
    vol.Optional(CONF_QR_TEXT): TextSelector(TextSelectorConfig(autocomplete="off")),
}


def sticker_schema() -> vol.Schema:
    """Return the form that asks for the sticker; the photo goes first, since WeChat hides the link."""
    return vol.Schema(dict(_STICKER))


def account_schema(
    entries: list[ConfigEntry],
    chosen: str | None,
    *,
    key_kept: bool,
    server: str,
    errors: Mapping[str, str],
) -> vol.Schema:
    """Return the form that asks for the ApiKey, or for an entry of the same account, and the server.

    `chosen` is the id of that entry. One that was chosen can be unchosen by ANOTHER_ACCOUNT, since the
    selector itself has no way back.
    """
    accounts: dict[str, SelectOptionDict] = {}
    for entry in entries:
        option = SelectOptionDict(value=entry.entry_id, label=entry.title)
        accounts.setdefault(entry.data[CONF_API_KEY], option)
    schema: dict[vol.Marker, object] = {}
    if accounts:
        another = SelectOptionDict(value=ANOTHER_ACCOUNT, label=ANOTHER_ACCOUNT)
        shown = {"suggested_value": chosen}
        schema[vol.Optional(CONF_ACCOUNT, description=shown)] = SelectSelector(
            SelectSelectorConfig(
                options=[*accounts.values(), another], translation_key=CONF_ACCOUNT
            )
        )
    return vol.Schema(schema | _key(vol.Optional, kept=key_kept) | _advanced(server, errors))


def reauth_schema(*, key_kept: bool) -> vol.Schema:
    """Return the form that asks for a new ApiKey."""
    return vol.Schema(_key(vol.Required, kept=key_kept))


def reconfigure_schema(*, key_kept: bool, server: str, errors: Mapping[str, str]) -> vol.Schema:
    """Return the form of everything that can be changed."""
    return vol.Schema(
        {**_key(vol.Optional, kept=key_kept), **_STICKER, **_advanced(server, errors)}
    )


def _key(marker: type[vol.Marker], *, kept: bool) -> dict[vol.Marker, object]:
    """Return the field of the ApiKey, filled with dots when the flow holds one."""
    shown: dict[str, Any] | None = {"suggested_value": KEPT_KEY} if kept else None
    return {marker(CONF_API_KEY, description=shown): _SECRET}


def _advanced(server: str, errors: Mapping[str, str]) -> dict[vol.Marker, object]:
    """Return the section with the service's address, open after an error that it may cause."""
    address = TextSelector(TextSelectorConfig(type=TextSelectorType.URL, autocomplete="off"))
    return {
        vol.Required(SECTION_ADVANCED): section(
            vol.Schema({vol.Required(CONF_SERVER, default=server): address}),
            {"collapsed": errors.get("base") not in ABOUT_SERVER},
        )
    }
