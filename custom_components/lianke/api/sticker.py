"""Credentials from the QR code on the box: a link, a token, `id:key` or a photo of the sticker.

The link's `token` is base64 of `deviceId:deviceKey` ("Credentials from the QR code" in the service's documents).
Shapes seen in the wild rank candidates; they never refuse one.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from pathlib import Path
import re
import struct
import unicodedata
from urllib.parse import unquote

from PIL import Image, ImageChops, ImageFilter, ImageOps

from ..errors import InputError
from .errors import CredentialsError
from .models import Credentials

MAX_TEXT = 4096
MAX_ENCODINGS = 3
MAX_PHOTO_BYTES = 32 * 1024 * 1024
MAX_JPEG_PIXELS = 51_000_000
"""Measured: JPEG is decoded at a smaller size, but a progressive one takes 6 bytes a pixel even so, in CMYK 8."""
MAX_WEBP_PIXELS = 17_000_000
"""Measured: 16 bytes a pixel while it is decoded."""
MAX_OTHER_PIXELS = 30_000_000
"""Measured: 7 bytes a pixel with transparency. So a photo takes 0.3 GB at most (CMYK 0.45), a phone's usual one 0.1."""
MAX_AVIF_PIXELS = 25_000_000
"""Measured: 12 bytes a pixel while it is decoded."""
_MAX_PIXELS = {
    "JPEG": MAX_JPEG_PIXELS,
    "MPO": MAX_JPEG_PIXELS,
    "WEBP": MAX_WEBP_PIXELS,
    "AVIF": MAX_AVIF_PIXELS,
}
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "GIF", "TIFF")
_DECODED_SIDE = 3000
_SIDES = (1600, 1000, 2400, 700)
"""px; noise vanishes in small copies of a photo, a small code needs a large one."""
_TINY = 600
"""px; up to here larger copies are worth their time."""
# What Pillow raises on damaged files.
_BROKEN_PICTURE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    Image.DecompressionBombError,
)
_SURE = 2

_INVISIBLE = re.compile("[\u200b-\u200f\u2028-\u202f\u2060\ufeff\x00-\x08\x0b\x0c\x0e-\x1f]")
# Chats put a link between brackets, quotes and other words. A token that was wrapped has blanks in it.
_TOKEN = re.compile(r"[?&#/;]token=([a-z0-9+/=_%\s-]*)", re.IGNORECASE)
_PAIR = re.compile(r"([A-Za-z0-9_-]{4,64})\s*[:：]\s*([A-Za-z0-9_-]{4,64})")
_BARE_PAIR = re.compile(r"([A-Za-z0-9_-]{6,64})\s*[:：]\s*([A-Za-z0-9_-]{8,64})")
_LINK = re.compile(r"[a-z][a-z0-9+.-]{0,20}://", re.IGNORECASE)
_VENDOR = re.compile(
    r"https?://([\w-]{1,63}\.){0,8}(liankenet|wisiyilink)\.com[/?#:]", re.IGNORECASE
)
_LINE_ENDS = re.compile(r"[\r\n\t]\s*")
_USUAL_ID = re.compile(r"[a-z0-9]{14}")
_USUAL_KEY = re.compile(r"[A-Za-z0-9]{16}")


def parse_credentials(text: str) -> Credentials:
    """Return the credentials in a pasted link, token or `id:key`; raises CredentialsError when there are none."""
    # Full-width letters and signs are what Chinese keyboards make of plain ones.
    folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text[:MAX_TEXT]))[:MAX_TEXT]
    clean = folded.strip().strip("\"'<>").strip()
    if _LINK.match(clean) or _TOKEN.search(clean):
        return _from_link(clean)
    if (pair := _BARE_PAIR.fullmatch(clean)) is not None:
        return Credentials(device_id=pair[1], device_key=pair[2])
    return _from_token(clean.removeprefix("token="))


def rank_code(text: str) -> int:
    """Return how likely a code's text is a Lianke sticker's, 0 when it holds no credentials.

    3: a link of the vendor's; 2: another link or a token with the usual shapes; 1: readable, but unusual.
    """
    try:
        found = parse_credentials(text)
    except CredentialsError:
        return 0
    if _VENDOR.match(text.lstrip()):
        return 3
    return 2 if _is_usual(found) else 1


def _is_usual(found: Credentials) -> bool:
    """Return whether number and key look like those of most boxes."""
    return bool(_USUAL_ID.fullmatch(found.device_id) and _USUAL_KEY.fullmatch(found.device_key))


def _from_link(link: str) -> Credentials:
    """Return the credentials in a link's token, wherever in the link it stands."""
    # A link wrapped over several lines is one link.
    text = _LINE_ENDS.sub("", link)
    for _ in range(MAX_ENCODINGS):
        for found in _TOKEN.finditer(text):
            try:
                return _from_token(found[1])
            except CredentialsError:
                continue
        # The whole link may be percent-encoded, as a parameter of another one.
        text = unquote(text)
    raise CredentialsError


def _from_token(token: str) -> Credentials:
    """Return the credentials a token encodes; padding may be missing, the alphabet may be the url-safe one."""
    text = _LINE_ENDS.sub("", unquote(unquote(token)).strip())
    # A blank inside a token was a plus sign once, or came in where somebody copied it.
    for blank in ("+", "") if " " in text else ("",):
        joined = text.replace(" ", blank).replace("-", "+").replace("_", "/").rstrip("=")
        try:
            padded = joined + "=" * (-len(joined) % 4)
            decoded = base64.b64decode(padded, validate=True).decode("ascii")
        except binascii.Error, ValueError:
            continue
        if (pair := _PAIR.fullmatch(decoded.strip())) is not None:
            return Credentials(device_id=pair[1], device_key=pair[2])
    raise CredentialsError


def read_photo(path: Path) -> Credentials:
    """Return the credentials in a photo of the sticker, whatever else can be read in it. Blocking, up to some seconds.

    Raises InputError: photo_unreadable for no picture or a too big one, no_qr_code_found when there is no code in it,
    qr_reader_missing without the zbar library; CredentialsError when no code is a Lianke sticker's.
    """
    decode = _reader()
    best, best_rank, seen = "", 0, False
    for picture in _versions(_open_photo(path)):
        for text in decode(picture):
            seen = True
            if (text_rank := rank_code(text)) > best_rank:
                best, best_rank = text, text_rank
        if best_rank >= _SURE:
            break
    if not seen:
        raise InputError("no_qr_code_found")
    return parse_credentials(best)


def _reader() -> Callable[[Image.Image], list[str]]:
    """Return a function that reads all QR codes in a picture; raises InputError."""
    try:
        # Looks for the system's library, which may be missing, on import.
        from pyzbar.pyzbar import ZBarSymbol, decode  # noqa: PLC0415
    except (ImportError, OSError) as err:
        raise InputError("qr_reader_missing") from err

    def read(picture: Image.Image) -> list[str]:
        codes = decode(picture, symbols=[ZBarSymbol.QRCODE])
        return [code.data.decode("utf-8", "replace") for code in codes]

    return read


def _open_photo(path: Path) -> Image.Image:
    """Return the picture in grey, however it was held: codes are read in any way; raises InputError."""
    try:
        if path.stat().st_size > MAX_PHOTO_BYTES:
            raise InputError("photo_unreadable")
        with Image.open(path, formats=_FORMATS) as picture:
            limit = _MAX_PIXELS.get(picture.format or "", MAX_OTHER_PIXELS)
            if picture.width * picture.height > limit:
                raise InputError("photo_unreadable")
            picture.draft("L", (_DECODED_SIDE, _DECODED_SIDE))
            return _grey(picture)
    except _BROKEN_PICTURE:
        raise InputError("photo_unreadable") from None


def _grey(picture: Image.Image) -> Image.Image:
    """Return the picture in grey; what is transparent becomes white."""
    if picture.has_transparency_data:
        layer = picture if picture.mode in ("LA", "RGBA") else picture.convert("RGBA")
        grey = Image.new("L", layer.size, "white")
        grey.paste(layer.convert("L"), mask=layer.getchannel("A"))
        return grey
    return picture.convert("L")


def _versions(photo: Image.Image) -> Iterator[Image.Image]:
    """Yield copies in which a code may be easier to read: smaller, brighter, without shadows or noise."""
    largest = max(photo.size)
    for side in (*(side for side in _SIDES if side < largest), largest):
        copy = photo.copy()
        copy.thumbnail((side, side))
        yield copy
        yield ImageOps.autocontrast(copy, cutoff=1)
        shadows = copy.filter(ImageFilter.BoxBlur(max(side // 40, 4)))
        yield ImageOps.autocontrast(ImageChops.subtract(copy, shadows, 1, 128), cutoff=2)
        if side <= max(_SIDES):
            # Of a larger one this takes as long as all the others together, and thumbnails have less noise.
            yield ImageOps.autocontrast(copy.filter(ImageFilter.MedianFilter(5)), cutoff=1)
    # Rarer: light on dark, blurred, or cut out of a screen with few pixels a module.
    copy = photo.copy()
    copy.thumbnail((_SIDES[0], _SIDES[0]))
    yield ImageOps.invert(copy)
    yield copy.filter(ImageFilter.UnsharpMask(radius=3, percent=250, threshold=0))
    if largest <= _TINY:
        for factor in (2, 3):
            yield ImageOps.scale(photo, factor, Image.Resampling.BICUBIC)
