"""Adding a box: its forms, its sticker and key, what the service reports about it, a test page."""

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

# Characters of an ApiKey; a longer one is malformed.
MAX_KEY_LENGTH = 128
# Seconds a form waits in all for its requests' turn: browsers and proxies give up after a minute.
TURN_SECONDS = 40
MARKS = {DriverState.SUPPORTED: "✓", DriverState.AWAITING: "⏳", DriverState.UNSUPPORTED: "✗"}

_LOGGER = logging.getLogger(__name__)


class BindingThrottle:
    """The throttle of one form. Its requests queue like those of polls, but not for ever."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._until = time.monotonic() + TURN_SECONDS

    @asynccontextmanager
    async def request_slot(self, purpose: Purpose, *, upload: bool = False) -> AsyncIterator[None]:
        """Hold a place. Raises TooManyRequestsError when none is free in time."""
        left = max(0.0, self._until - time.monotonic())
        async with self._account.request_slot(purpose, upload=upload, max_wait=left):
            yield

    def too_frequent(self) -> None:
        self._account.too_frequent()


async def async_read_sticker(
    hass: HomeAssistant, photo: str | None, text: str | None
) -> Credentials | None:
    """Read the box's credentials from an uploaded photo (its id) or a pasted text.

    The text counts only when there is no readable photo; None when neither was given. The uploaded file is
    consumed in any case. Raises InputError, with the `field` of the form.
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
    """Strip an ApiKey; raises InputError, with the `field`, when it cannot be one.

    The documented shape, 32 letters and digits, is only a hint: a key is refused when no HTTP header can carry it.
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
    """Check that the service knows the box, and return its printers; raises LiankeError.

    A box that cannot list its printers at the moment (off, busy) has none. When the account's boxes have used up this
    minute's requests, the form waits for its turn, and then raises TooManyRequestsError.
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
    """In Markdown."""
    lines = []
    for printer in printers:
        place = (printer.ip_address or "?") if printer.address.is_network else f"USB {printer.port}"
        name = escape_markdown(printer.name)
        lines.append(f"- {MARKS.get(printer.driver, '?')} {name} ({escape_markdown(place)})")
    return "\n".join(lines)


def test_page_printer(printers: tuple[Printer, ...]) -> Printer | None:
    """Choose a printer that can print, preferably an idle one."""
    able = [one for one in printers if one.is_printer and one.driver is DriverState.SUPPORTED]
    return next((one for one in able if one.raw_state == "idle"), next(iter(able), None))


async def async_print_first_page(
    hass: HomeAssistant, entry: LiankeConfigEntry, row: Printer
) -> None:
    """Print a test page on this row's printer; the entry must be set up."""
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

# The choice for an account that no entry has yet.
ANOTHER_ACCOUNT = "another"

# Fills the key's field when the flow already holds a key, since no key goes back to the browser.
# No key looks like this, so a half-edited one is refused.
KEPT_KEY = "•" * 12

EXPLAINED_IN_SETUP = EXPLAINED_EVERYWHERE | {
    "box_never_activated",
    "box_not_found",
    "box_not_provisioned",
    "too_many_requests",
}
# Errors that a wrong server address may cause: after them, its section is open.
ABOUT_SERVER = frozenset(
    {"address_unknown", "cannot_connect", "invalid_server", "timed_out", "unexpected_answer"}
)

_SECRET = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))
# The photo goes first, since WeChat hides the link.
STICKER: dict[vol.Marker, object] = {
    vol.Optional(CONF_PHOTO): FileSelector(FileSelectorConfig(accept="image/*")),
    vol.Optional(CONF_QR_TEXT): TextSelector(TextSelectorConfig(autocomplete="off")),
}


def account_field(entries: list[ConfigEntry], chosen: str | None) -> dict[vol.Marker, object]:
    """Offer the accounts of the entries, or no field without entries; `chosen` is an entry's id.

    ANOTHER_ACCOUNT takes a choice back, which the selector itself cannot.
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
    """Fill the field with dots when the flow already holds a key (`kept`)."""
    shown: dict[str, Any] | None = {"suggested_value": KEPT_KEY} if kept else None
    return {marker(CONF_API_KEY, description=shown): _SECRET}


def server_section(server: str, errors: Mapping[str, str]) -> dict[vol.Marker, object]:
    """Offer the service's address, in a section that is open after an error that it may cause."""
    address = TextSelector(TextSelectorConfig(type=TextSelectorType.URL, autocomplete="off"))
    return {
        vol.Required(SECTION_ADVANCED): section(
            vol.Schema({vol.Required(CONF_SERVER, default=server): address}),
            {"collapsed": errors.get("base") not in ABOUT_SERVER},
        )
    }
