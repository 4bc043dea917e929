"""What the set-up forms share: sticker, key, server's address, a first look, the test page."""

import logging
from typing import NamedTuple

from homeassistant.components.file_upload import process_uploaded_file
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from ..actions.own_pages import async_print_test_page
from ..api.client import LiankeClient
from ..api.errors import (
    AddressUnknownError,
    AuthenticationError,
    LiankeInputError,
    LiankeRefusedError,
    ServerAddressError,
)
from ..api.models import Box, Credentials, DriverState, Printer, PrinterKind
from ..api.server import check_server
from ..api.sticker import parse_credentials, read_photo
from ..documents.escaping import escape_markdown
from ..runtime import LiankeConfigEntry

MAX_KEY_LENGTH = 128
MARKS = {DriverState.SUPPORTED: "✓", DriverState.AWAITING: "⏳", DriverState.UNSUPPORTED: "✗"}

_LOGGER = logging.getLogger(__name__)


class FieldError(Exception):
    """One field of a form cannot be used.

    `field` is the field (or "base") that shows the message, `reason` the message's translation key.
    """

    def __init__(self, field: str, reason: str) -> None:
        """Keep where and what to show."""
        super().__init__(reason)
        self.field = field
        self.reason = reason


class FirstLook(NamedTuple):
    """What the service says of a box that is being bound."""

    box: Box
    printers: tuple[Printer, ...]


async def async_read_sticker(
    hass: HomeAssistant, photo: str | None, text: str | None
) -> Credentials | None:
    """Return the box's credentials from an uploaded photo's id or a pasted text.

    The photo goes first; a text beside it helps out when the photo cannot be read.
    None when neither was given. The uploaded file is used up in any case.
    Raises FieldError.
    """
    text = (text or "").strip()
    if photo:
        try:
            return await hass.async_add_executor_job(_read_upload, hass, photo)
        except LiankeInputError as err:
            if not text:
                raise FieldError("photo", err.reason) from None
        except ValueError, OSError:
            if not text:
                raise FieldError("photo", "photo_gone") from None
    if not text:
        return None
    try:
        return parse_credentials(text)
    except LiankeInputError as err:
        raise FieldError("qr_text", err.reason) from None


def _read_upload(hass: HomeAssistant, file_id: str) -> Credentials:
    """Read a photo and remove it: one executor job, since both touch the disk."""
    with process_uploaded_file(hass, file_id) as path:
        return read_photo(path)


def checked_key(text: str) -> str:
    """Return an ApiKey without blanks around it; FieldError when it cannot be one.

    The documented shape, 32 letters and digits, is a hint only: refused is what no HTTP header can carry.
    """
    key = text.strip()
    if not key:
        raise FieldError("api_key", "api_key_missing")
    if len(key) > MAX_KEY_LENGTH or not key.isascii() or not key.isprintable() or " " in key:
        raise FieldError("api_key", "api_key_malformed")
    return key


def checked_server(text: str) -> str:
    """Return the service's base address without a slash at its end; FieldError when it is unsafe.

    Plain http is for this machine alone: the key would cross the network readable.
    """
    try:
        return check_server(text)
    except ServerAddressError as err:
        raise FieldError("base", err.reason) from None


async def async_first_look(
    hass: HomeAssistant, *, api_key: str, credentials: Credentials, server: str
) -> FirstLook:
    """Ask the service for the box and its printers; raises LiankeError.

    A box that cannot list its printers just now (off, busy) is bound all the same.
    """
    client = LiankeClient(
        async_get_clientsession(hass), api_key=api_key, credentials=credentials, server=server
    )
    box = await client.box()
    try:
        printers = await client.printers(PrinterKind.BOTH)
    except AuthenticationError, AddressUnknownError:
        raise
    except LiankeRefusedError:
        printers = ()
    return FirstLook(box=box, printers=tuple(printers))


def listed(printers: tuple[Printer, ...]) -> str:
    """Return the printers found as a Markdown list."""
    lines = []
    for printer in printers:
        place = (printer.ip_address or "?") if printer.is_network else f"USB {printer.port}"
        name = escape_markdown(printer.name)
        lines.append(f"- {MARKS.get(printer.driver, '?')} {name} ({escape_markdown(place)})")
    return "\n".join(lines)


def ready_for_test(printers: tuple[Printer, ...]) -> Printer | None:
    """Return the printer to offer a test page on: one that can print, best an idle one."""
    able = [one for one in printers if one.is_printer and one.driver is DriverState.SUPPORTED]
    return next((one for one in able if one.raw_state == "idle"), next(iter(able), None))


async def async_try_test_page(hass: HomeAssistant, entry: LiankeConfigEntry, row: Printer) -> None:
    """Print a test page on the printer that had this row a moment ago."""
    known = entry.runtime_data.storage.printers.values()
    key = next((one.key for one in known if one.printer.address == row.address), None)
    if key is None:
        _LOGGER.warning("The printer for the test page is gone")
        return
    try:
        await async_print_test_page(hass, entry, key, Context())
    except HomeAssistantError as err:
        _LOGGER.warning("The test page was not printed: %s", err)
