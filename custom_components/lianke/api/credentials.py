"""Box id and key from the QR code on the box: as a link, a token, `id:key` or a photo of the sticker.

The link's `token` is base64 of `deviceId:deviceKey` ("Credentials from the QR code" in the service's documents).
Shapes seen in the wild rank candidates; they never refuse one.
"""

import base64
import binascii
from dataclasses import dataclass, field
import re
from urllib.parse import unquote

from .errors import CredentialsError

MAX_TEXT = 4096
MAX_ENCODINGS = 3
_INVISIBLE = re.compile("[\u200b-\u200f\u2028-\u202f\u2060\ufeff\x00-\x08\x0b\x0c\x0e-\x1f]")
_TOKEN = re.compile(r"[?&#/;]token=([^&#;\"'<>]*)", re.IGNORECASE)
_PAIR = re.compile(r"([A-Za-z0-9_-]{4,64})\s*[:：]\s*([A-Za-z0-9_-]{4,64})")
_BARE_PAIR = re.compile(r"([A-Za-z0-9_-]{6,64})\s*[:：]\s*([A-Za-z0-9_-]{8,64})")
_LINK = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_VENDOR = re.compile(r"\s*https?://([\w-]+\.)*(liankenet|wisiyilink)\.com[/?#:]", re.IGNORECASE)
_USUAL_ID = re.compile(r"[a-z0-9]{14}")
_USUAL_KEY = re.compile(r"[A-Za-z0-9]{16}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """A box's id and its secret key."""

    device_id: str
    device_key: str = field(repr=False)


def parse(text: str) -> Credentials:
    """Return the credentials in a pasted link, token or `id:key`; raises CredentialsError when there are none."""
    clean = _INVISIBLE.sub("", text[:MAX_TEXT]).strip().strip("\"'<>").strip()
    if _LINK.match(clean) or _TOKEN.search(clean):
        return _from_link(clean)
    if (pair := _BARE_PAIR.fullmatch(clean)) is not None:
        return Credentials(device_id=pair[1], device_key=pair[2])
    return _from_token(clean.removeprefix("token="))


def rank(text: str) -> int:
    """Return how surely a code's text is a Lianke sticker, 0 when it holds no credentials at all.

    3: a link of the vendor's; 2: another link or a token with the usual shapes; 1: readable, but unusual.
    """
    try:
        found = parse(text)
    except CredentialsError:
        return 0
    if _VENDOR.match(text):
        return 3
    usual = _USUAL_ID.fullmatch(found.device_id) and _USUAL_KEY.fullmatch(found.device_key)
    return 2 if usual else 1


def _from_link(link: str) -> Credentials:
    """Return the credentials in a link's token, wherever in the link it stands."""
    # A link wrapped over several lines is one link.
    text = re.sub(r"[\r\n\t]+\s*", "", link)
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
    text = unquote(unquote(token)).strip()
    # A blank inside a token was a plus sign once.
    text = re.sub(r"[\r\n\t]+\s*", "", text).replace(" ", "+")
    text = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("ascii")
    except binascii.Error, ValueError:
        raise CredentialsError from None
    if (pair := _PAIR.fullmatch(decoded.strip())) is None:
        raise CredentialsError
    return Credentials(device_id=pair[1], device_key=pair[2])
