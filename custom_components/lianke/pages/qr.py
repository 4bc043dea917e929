"""QR codes inside Markdown and HTML, by the image address `qr:CONTENT`."""

from base64 import b64encode
from html import escape
from io import BytesIO
from urllib.parse import unquote

import segno

from ..errors import InputError

SCHEME = "qr:"
# Of one document; drawing one takes up to a tenth of a second.
MAX_CODES = 50


def check_codes(count: int) -> None:
    """Check the number of codes in a document. Raises InputError: too_many_codes."""
    if count > MAX_CODES:
        raise InputError("too_many_codes", allowed=str(MAX_CODES))


def qr_image(address: str, alt: str = "") -> str:
    """Return an img element that contains the code; nothing is loaded.

    address is `qr:` and the content, percent-encoded where the surrounding text needs it.
    Raises InputError: qr_empty, qr_too_long.
    """
    content = unquote(address[len(SCHEME) :])
    if not content:
        raise InputError("qr_empty")
    try:
        code = segno.make(content, error="m", micro=False, encoding="utf-8")
    except ValueError:
        raise InputError("qr_too_long") from None
    picture = BytesIO()
    code.save(picture, kind="svg", border=4, omitsize=True, xmldecl=False, svgns=True)
    data = b64encode(picture.getvalue()).decode("ascii")
    return f'<img class="qr" alt="{escape(alt)}" src="data:image/svg+xml;base64,{data}">'
