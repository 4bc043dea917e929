"""Steps of adding a box: read sticker and key, fetch the box, print a test page."""

import logging
from typing import NamedTuple

from homeassistant.components.file_upload import process_uploaded_file
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from ..api.client import LiankeClient
from ..api.errors import AddressUnknownError, AuthenticationError, LiankeRefusedError
from ..api.models import Box, Credentials, DriverState, Printer, PrinterKind
from ..api.sticker import parse_credentials, read_photo
from ..errors import InputError
from ..pages.escaping import escape_markdown
from ..printing.own_pages import async_print_test_page
from ..runtime import LiankeConfigEntry

MAX_KEY_LENGTH = 128
MARKS = {DriverState.SUPPORTED: "✓", DriverState.AWAITING: "⏳", DriverState.UNSUPPORTED: "✗"}

_LOGGER = logging.getLogger(__name__)


class FieldError(Exception):
    """Invalid input in the form field `field`; `reason` is the translation key of its error."""

    def __init__(self, field: str, reason: str) -> None:
        """Take the field and the translation key."""
        super().__init__(reason)
        self.field = field
        self.reason = reason


class BoxInfo(NamedTuple):
    """A box that is being added, and its printers."""

    box: Box
    printers: tuple[Printer, ...]


async def async_read_sticker(
    hass: HomeAssistant, photo: str | None, text: str | None
) -> Credentials | None:
    """Return the box's credentials from an uploaded photo's id or a pasted text.

    The text is used when there is no photo, or it cannot be read; None when neither was given.
    The uploaded file is consumed in any case. Raises FieldError.
    """
    text = (text or "").strip()
    if photo:
        try:
            return await hass.async_add_executor_job(_read_upload, hass, photo)
        except InputError as err:
            if not text:
                raise FieldError("photo", err.reason) from None
        except ValueError, OSError:
            if not text:
                raise FieldError("photo", "photo_gone") from None
    if not text:
        return None
    try:
        return parse_credentials(text)
    except InputError as err:
        raise FieldError("qr_text", err.reason) from None


def _read_upload(hass: HomeAssistant, file_id: str) -> Credentials:
    """Read a photo and remove it; blocking."""
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


async def async_fetch_box(
    hass: HomeAssistant, *, api_key: str, credentials: Credentials, server: str
) -> BoxInfo:
    """Fetch the box and its printers from the service; raises LiankeError.

    A box that cannot list its printers at the moment (off, busy) has none.
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
    return BoxInfo(box=box, printers=tuple(printers))


def printer_list(printers: tuple[Printer, ...]) -> str:
    """Return the printers as a Markdown list."""
    lines = []
    for printer in printers:
        place = (printer.ip_address or "?") if printer.is_network else f"USB {printer.port}"
        name = escape_markdown(printer.name)
        lines.append(f"- {MARKS.get(printer.driver, '?')} {name} ({escape_markdown(place)})")
    return "\n".join(lines)


def test_page_printer(printers: tuple[Printer, ...]) -> Printer | None:
    """Return the printer to offer a test page on: one that can print, best an idle one."""
    able = [one for one in printers if one.is_printer and one.driver is DriverState.SUPPORTED]
    return next((one for one in able if one.raw_state == "idle"), next(iter(able), None))


async def async_print_first_page(
    hass: HomeAssistant, entry: LiankeConfigEntry, row: Printer
) -> None:
    """Print a test page on the printer of this row, as soon as the entry is set up."""
    known = entry.runtime_data.storage.printers.values()
    key = next((one.key for one in known if one.printer.address == row.address), None)
    if key is None:
        _LOGGER.warning("The printer for the test page is gone")
        return
    try:
        await async_print_test_page(hass, entry, key, Context())
    except HomeAssistantError as err:
        _LOGGER.warning("The test page was not printed: %s", err)
