"""Helpers for adding a box: forms, checks of the sticker and key, fetching the printers, and a test page."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
import logging
import time
from typing import Any

from homeassistant.components.file_upload import process_uploaded_file
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_API_KEY
from homeassistant.core import Context, HomeAssistant
from homeassistant.data_entry_flow import section
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.selector import (
    FileSelector,
    FileSelectorConfig,
    SelectOptionDict,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import voluptuous as vol

from ..account.request_limits import Account
from ..api.client import LiankeClient
from ..api.errors import AddressUnknownError, AuthenticationError, LiankeRefusedError
from ..api.models import Credentials, DriverState, Printer, PrinterKind
from ..api.sticker import parse_credentials, read_photo
from ..api.transport import Purpose
from ..const import CONF_SERVER
from ..input_error import InputError
from ..options_frame import EXPLAINED_EVERYWHERE, choice
from ..pages.clean import escape_markdown
from ..printing.builtin_pages import async_print_test_page
from ..runtime import LiankeConfigEntry

# Maximum number of characters of an ApiKey; a longer key is refused as malformed.
MAX_KEY_LENGTH = 128
# Maximum seconds that all requests of a form together wait for their turn: browsers and proxies give up after a minute.
TURN_SECONDS = 40
MARKS = {DriverState.SUPPORTED: "✓", DriverState.AWAITING: "⏳", DriverState.UNSUPPORTED: "✗"}

_LOGGER = logging.getLogger(__name__)


class BindingThrottle:
    """The throttle of one form. The form's requests wait in the account's queue, but only for a limited time."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._until = time.monotonic() + TURN_SECONDS

    @asynccontextmanager
    async def request_slot(self, purpose: Purpose, *, upload: bool = False) -> AsyncIterator[None]:
        """Hold a place among the account's requests. Raises TooManyRequestsError if no place is free in time."""
        left = max(0.0, self._until - time.monotonic())
        async with self._account.request_slot(purpose, upload=upload, max_wait=left):
            yield

    def on_too_frequent(self) -> None:
        self._account.on_too_frequent()


async def async_read_sticker(
    hass: HomeAssistant, photo: str | None, text: str | None
) -> Credentials | None:
    """Return the box's credentials from an uploaded photo or a pasted text; None if neither was given.

    `photo` is the id of the upload, which is deleted in any case. The text is used only if there is no readable photo.
    Raises InputError, whose placeholder `field` names the field of the form.
    """
    text = (text or "").strip()
    if photo:
        try:
            return await hass.async_add_executor_job(_read_upload, hass, photo)
        except InputError as err:
            if not text:
                raise InputError(err.reason, field="photo") from None
        except ValueError, OSError:
            if not text:
                raise InputError("photo_gone", field="photo") from None
    if not text:
        return None
    try:
        return parse_credentials(text)
    except InputError as err:
        raise InputError(err.reason, field="qr_text") from None


def _read_upload(hass: HomeAssistant, file_id: str) -> Credentials:
    with process_uploaded_file(hass, file_id) as path:
        return read_photo(path)


def checked_key(text: str) -> str:
    """Check an ApiKey, and return it without surrounding spaces.

    The documented shape, 32 letters and digits, is not required: a key is refused only if it is empty, too long, or
    cannot be sent in an HTTP header. Raises InputError, whose placeholder `field` names the field of the form.
    """
    key = text.strip()
    if not key:
        raise InputError("api_key_missing", field="api_key")
    if len(key) > MAX_KEY_LENGTH or not key.isascii() or not key.isprintable() or " " in key:
        raise InputError("api_key_malformed", field="api_key")
    return key


async def async_fetch_box(
    hass: HomeAssistant, *, api_key: str, credentials: Credentials, server: str, account: Account
) -> tuple[Printer, ...]:
    """Check that the service knows the box, and return its printers. Raises LiankeError.

    The result is empty if the box cannot list its printers at the moment (off, busy). If the account's boxes have used
    up this minute's requests, this waits up to TURN_SECONDS for a request slot, then raises TooManyRequestsError.
    """
    client = LiankeClient(
        async_get_clientsession(hass),
        api_key=api_key,
        credentials=credentials,
        server=server,
        throttle=BindingThrottle(account),
    )
    await client.box()
    account.key_watch.key_works()
    try:
        return await client.printers(PrinterKind.BOTH)
    except AuthenticationError, AddressUnknownError:
        raise
    except LiankeRefusedError:
        return ()


def printer_list(printers: tuple[Printer, ...]) -> str:
    """Return a Markdown list of printers with the driver state, name and connection of each printer."""
    lines = []
    for printer in printers:
        place = (printer.ip_address or "?") if printer.address.is_network else f"USB {printer.port}"
        name = escape_markdown(printer.name)
        lines.append(f"- {MARKS.get(printer.driver, '?')} {name} ({escape_markdown(place)})")
    return "\n".join(lines)


def test_page_printer(printers: tuple[Printer, ...]) -> Printer | None:
    """Return a printer that can print, preferably an idle printer; None if no printer can print."""
    able = [one for one in printers if one.is_printer and one.driver is DriverState.SUPPORTED]
    return next((one for one in able if one.raw_state == "idle"), next(iter(able), None))


async def async_print_first_page(
    hass: HomeAssistant, entry: LiankeConfigEntry, row: Printer
) -> None:
    """Print a test page on the printer that `row` describes; the entry must be loaded."""
    known = entry.runtime_data.storage.printers.values()
    key = next((one.key for one in known if one.printer.address == row.address), None)
    if key is None:
        _LOGGER.warning("The printer for the test page is gone")
        return
    try:
        await async_print_test_page(hass, entry, key, Context())
    except HomeAssistantError as err:
        _LOGGER.warning("The test page was not printed: %s", err)


CONF_ACCOUNT = "account"
CONF_PHOTO = "photo"
CONF_QR_TEXT = "qr_text"
SECTION_ADVANCED = "advanced"

# The choice for an account that no entry uses yet.
ANOTHER_ACCOUNT = "another"

# Shown in the key's field if the flow already has a key, because keys are never sent back to the browser. A key cannot
# contain these dots, so a half-edited value is refused.
KEPT_KEY = "•" * 12

EXPLAINED_IN_SETUP = EXPLAINED_EVERYWHERE | {
    "box_never_activated",
    "box_not_found",
    "box_not_provisioned",
    "too_many_requests",
}
# Errors that a wrong server address may cause. After such an error, the form shows the section with the address open.
ABOUT_SERVER = frozenset(
    {"address_unknown", "cannot_connect", "invalid_server", "timed_out", "unexpected_answer"}
)

_SECRET = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))
# The photo comes first, because people scan the code with WeChat, which does not show the code's link.
STICKER: dict[vol.Marker, object] = {
    vol.Optional(CONF_PHOTO): FileSelector(FileSelectorConfig(accept="image/*")),
    vol.Optional(CONF_QR_TEXT): TextSelector(TextSelectorConfig(autocomplete="off")),
}


def account_field(entries: list[ConfigEntry], chosen: str | None) -> dict[vol.Marker, object]:
    """Return a field that offers the accounts of the entries; no field if there are no entries.

    `chosen` is the id of an entry. ANOTHER_ACCOUNT lets the user undo a choice, since the selector cannot be cleared.
    """
    accounts: dict[str, SelectOptionDict] = {}
    for entry in entries:
        option = SelectOptionDict(value=entry.entry_id, label=entry.title)
        accounts.setdefault(entry.data[CONF_API_KEY], option)
    if not accounts:
        return {}
    another = SelectOptionDict(value=ANOTHER_ACCOUNT, label=ANOTHER_ACCOUNT)
    offered = choice([*accounts.values(), another], key=CONF_ACCOUNT)
    return {vol.Optional(CONF_ACCOUNT, description={"suggested_value": chosen}): offered}


def key_field(marker: type[vol.Marker], *, kept: bool) -> dict[vol.Marker, object]:
    """Return the field for the key; it shows dots if the flow already has a key (`kept`)."""
    shown: dict[str, Any] | None = {"suggested_value": KEPT_KEY} if kept else None
    return {marker(CONF_API_KEY, description=shown): _SECRET}


def server_section(server: str, errors: Mapping[str, str]) -> dict[vol.Marker, object]:
    """Return a section with the address of the service; it is open after an error that the address may cause."""
    address = TextSelector(TextSelectorConfig(type=TextSelectorType.URL, autocomplete="off"))
    return {
        vol.Required(SECTION_ADVANCED): section(
            vol.Schema({vol.Required(CONF_SERVER, default=server): address}),
            {"collapsed": errors.get("base") not in ABOUT_SERVER},
        )
    }
