"""Reads the credentials in the box's QR code, given as a link, a token, `id:key` or a photo of the sticker.

The link's `token` is base64 of `deviceId:deviceKey` ("Credentials from the QR code" in the service's documents).
The usual shapes of ids and keys are only used to rank candidates; no candidate is refused for its shape.
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

from ..input_error import InputError
from .errors import UnreadableCredentialsError
from .models import Credentials

# Maximum characters of a pasted text that are read; the rest is ignored.
MAX_STICKER_TEXT = 4096
# Maximum number of times that a link may be percent-encoded.
MAX_ENCODINGS = 3
# Maximum bytes of a photo. A larger photo is refused with `photo_unreadable`, and so is a photo with more pixels than
# allowed for its format. The limits on pixels keep memory use below 0.3 GB (0.45 GB in CMYK); a phone's photo takes
# 0.1 GB.
MAX_PHOTO_BYTES = 32 * 1024 * 1024
# Maximum pixels of a JPEG. A JPEG is decoded at a smaller size, but a progressive JPEG still takes 6 bytes of memory a
# pixel, or 8 in CMYK (measured).
MAX_PHOTO_JPEG_PIXELS = 51_000_000
# Maximum pixels of a WebP picture, which takes 16 bytes a pixel while it is decoded (measured).
MAX_PHOTO_WEBP_PIXELS = 17_000_000
# Maximum pixels of a photo in any other format, which takes 7 bytes a pixel if it has transparency (measured).
MAX_PHOTO_OTHER_PIXELS = 30_000_000
# Maximum pixels of an AVIF picture, which takes 12 bytes a pixel while it is decoded (measured).
MAX_PHOTO_AVIF_PIXELS = 25_000_000
_MAX_PIXELS = {
    "JPEG": MAX_PHOTO_JPEG_PIXELS,
    "MPO": MAX_PHOTO_JPEG_PIXELS,
    "WEBP": MAX_PHOTO_WEBP_PIXELS,
    "AVIF": MAX_PHOTO_AVIF_PIXELS,
}
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "GIF", "TIFF")
_DECODED_SIDE = 3000
# Length, in pixels, of the longer side of each copy of a photo that is searched for codes. Noise vanishes in small
# copies; a small code needs a large copy.
_COPY_SIDES = (1600, 1000, 2400, 700)
# A photo whose longer side has at most this many pixels is also searched at two and three times its size.
_TINY_SIDE = 600
# Exceptions that Pillow raises for damaged files.
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
_SURE_RANK = 2

_INVISIBLE = re.compile("[\u200b-\u200f\u2028-\u202f\u2060\ufeff\x00-\x08\x0b\x0c\x0e-\x1f]")
# A link in a chat may be surrounded by brackets, quotes and words. A wrapped token contains blanks.
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
    """Return the credentials in a pasted link, token or `id:key`. Raises UnreadableCredentialsError."""
    # Chinese keyboards produce full-width letters and signs.
    folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text[:MAX_STICKER_TEXT]))[
        :MAX_STICKER_TEXT
    ]
    clean = folded.strip().strip("\"'<>").strip()
    if _LINK.match(clean) or _TOKEN.search(clean):
        return _from_link(clean)
    if (pair := _BARE_PAIR.fullmatch(clean)) is not None:
        return Credentials(device_id=pair[1], device_key=pair[2])
    return _from_token(clean.removeprefix("token="))


def rank_code(text: str) -> int:
    """Return a rank from 0 to 3: how likely it is that a code with this text is on a Lianke sticker.

    3: a link to the vendor; 2: any other text with an id and a key of the usual shapes; 1: a text with an id and a key
    of other shapes; 0: no credentials.
    """
    try:
        found = parse_credentials(text)
    except UnreadableCredentialsError:
        return 0
    if _VENDOR.match(text.lstrip()):
        return 3
    return 2 if _is_usual(found) else 1


def _is_usual(found: Credentials) -> bool:
    return bool(_USUAL_ID.fullmatch(found.device_id) and _USUAL_KEY.fullmatch(found.device_key))


def _from_link(link: str) -> Credentials:
    """Return the credentials in the token of a link, wherever the token is in the link.

    Raises UnreadableCredentialsError if no token can be read.
    """
    # A link may be wrapped over several lines.
    text = _LINE_ENDS.sub("", link)
    for _ in range(MAX_ENCODINGS):
        for found in _TOKEN.finditer(text):
            try:
                return _from_token(found[1])
            except UnreadableCredentialsError:
                continue
        # The whole link may be percent-encoded, as a parameter of another link.
        text = unquote(text)
    raise UnreadableCredentialsError


def _from_token(token: str) -> Credentials:
    """Return the credentials in a token, in standard or URL-safe base64, padded or not.

    Raises UnreadableCredentialsError if the token is invalid.
    """
    text = _LINE_ENDS.sub("", unquote(unquote(token)).strip())
    # A blank inside a token was a plus sign, or was added when somebody copied the token.
    for blank in ("+", "") if " " in text else ("",):
        joined = text.replace(" ", blank).replace("-", "+").replace("_", "/").rstrip("=")
        try:
            padded = joined + "=" * (-len(joined) % 4)
            decoded = base64.b64decode(padded, validate=True).decode("ascii")
        except binascii.Error, ValueError:
            continue
        if (pair := _PAIR.fullmatch(decoded.strip())) is not None:
            return Credentials(device_id=pair[1], device_key=pair[2])
    raise UnreadableCredentialsError


def read_photo(path: Path) -> Credentials:
    """Return the credentials in a photo of the sticker, whatever else the photo shows. May block for several seconds.

    Raises InputError with photo_unreadable (not a picture, or too big), no_qr_code_found or qr_reader_missing (no zbar
    library). Raises UnreadableCredentialsError if no code in the photo contains an id and a key.
    """
    decode = _reader()
    best, best_rank, seen = "", 0, False
    for picture in _copies_to_try(_open_photo(path)):
        for text in decode(picture):
            seen = True
            if (text_rank := rank_code(text)) > best_rank:
                best, best_rank = text, text_rank
        if best_rank >= _SURE_RANK:
            break
    if not seen:
        raise InputError("no_qr_code_found")
    return parse_credentials(best)


def _reader() -> Callable[[Image.Image], list[str]]:
    """Return a function that reads all QR codes in a picture. Raises InputError (qr_reader_missing)."""
    try:
        # The import looks for the system's zbar library, which may be missing.
        from pyzbar.pyzbar import ZBarSymbol, decode  # noqa: PLC0415
    except (ImportError, OSError) as err:
        raise InputError("qr_reader_missing") from err

    def read(picture: Image.Image) -> list[str]:
        codes = decode(picture, symbols=[ZBarSymbol.QRCODE])
        return [code.data.decode("utf-8", "replace") for code in codes]

    return read


def _open_photo(path: Path) -> Image.Image:
    """Open a photo in gray. Raises InputError. The photo is not rotated, because codes are readable in any rotation."""
    try:
        if path.stat().st_size > MAX_PHOTO_BYTES:
            raise InputError("photo_unreadable")
        with Image.open(path, formats=_FORMATS) as picture:
            limit = _MAX_PIXELS.get(picture.format or "", MAX_PHOTO_OTHER_PIXELS)
            if picture.width * picture.height > limit:
                raise InputError("photo_unreadable")
            picture.draft("L", (_DECODED_SIDE, _DECODED_SIDE))
            return _grey(picture)
    except _BROKEN_PICTURE:
        raise InputError("photo_unreadable") from None


def _grey(picture: Image.Image) -> Image.Image:
    """Convert a picture to gray; transparent parts become white."""
    if picture.has_transparency_data:
        layer = picture if picture.mode in ("LA", "RGBA") else picture.convert("RGBA")
        grey = Image.new("L", layer.size, "white")
        grey.paste(layer.convert("L"), mask=layer.getchannel("A"))
        return grey
    return picture.convert("L")


def _copies_to_try(photo: Image.Image) -> Iterator[Image.Image]:
    """Yield copies in which a code may be easier to read: smaller, brighter, without shadows or noise."""
    largest = max(photo.size)
    for side in (*(side for side in _COPY_SIDES if side < largest), largest):
        copy = photo.copy()
        copy.thumbnail((side, side))
        yield copy
        yield ImageOps.autocontrast(copy, cutoff=1)
        shadows = copy.filter(ImageFilter.BoxBlur(max(side // 40, 4)))
        yield ImageOps.autocontrast(ImageChops.subtract(copy, shadows, 1, 128), cutoff=2)
        if side <= max(_COPY_SIDES):
            # On a larger copy, this filter would take as long as everything else together.
            yield ImageOps.autocontrast(copy.filter(ImageFilter.MedianFilter(5)), cutoff=1)
    # Rarer cases: a code that is light on dark or blurred, or a screenshot with few pixels per module of the code.
    copy = photo.copy()
    copy.thumbnail((_COPY_SIDES[0], _COPY_SIDES[0]))
    yield ImageOps.invert(copy)
    yield copy.filter(ImageFilter.UnsharpMask(radius=3, percent=250, threshold=0))
    if largest <= _TINY_SIDE:
        for factor in (2, 3):
            yield ImageOps.scale(photo, factor, Image.Resampling.BICUBIC)
