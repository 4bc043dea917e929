"""What the set-up forms share: the sticker, the key, the server's address, a first look."""

from dataclasses import dataclass

from homeassistant.components.file_upload import process_uploaded_file
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from .api.client import LiankeClient
from .api.credentials import Credentials, parse, read_photo
from .api.errors import (
    AuthenticationError,
    LiankeInputError,
    LiankeRefusedError,
    ServerAddressError,
)
from .api.models import Box, Printer, PrinterKind
from .api.server import check_server

MAX_KEY_LENGTH = 128


class FieldError(Exception):
    """One field of a form cannot be used.

    `field` is the field (or "base") that shows the message, `reason` the message's translation key.
    """

    def __init__(self, field: str, reason: str) -> None:
        """Keep where and what to show."""
        super().__init__(reason)
        self.field = field
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstLook:
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
        return parse(text)
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
    except AuthenticationError:
        raise
    except LiankeRefusedError:
        printers = ()
    return FirstLook(box=box, printers=tuple(printers))
