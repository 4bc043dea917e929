"""Sanitize HTML and CSS as browsers read them, draw `qr:` images as QR codes, and escape text for Markdown.

The functions are blocking, except `escape_markdown`: run them in the executor.
"""

from base64 import b64encode
from html import escape, unescape
from html.parser import HTMLParser
from io import BytesIO
from itertools import count
import json
from pathlib import Path
import re
from typing import Final, override
from urllib.parse import unquote

import nh3
import segno

from ..input_error import InputError
from .page import MAX_TEXT_BYTES

SCHEME = "qr:"
# Maximum number of QR codes in one document; drawing a QR code takes up to a tenth of a second.
MAX_QR_CODES = 50


def check_code_count(count: int) -> None:
    if count > MAX_QR_CODES:
        raise InputError("too_many_codes", allowed=str(MAX_QR_CODES))


def qr_img_element(address: str, alt: str = "") -> str:
    """Return an img element that contains the drawing of a QR code.

    `address` is `qr:` and the content of the code, percent-encoded where the surrounding text needs it.
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
    # The page estimate recognizes our own square QR codes by data-qr; no HTML from outside can contain this attribute.
    return f'<img data-qr class="qr" alt="{escape(alt)}" src="data:image/svg+xml;base64,{data}">'


_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
# A CSS escape, which may disguise a letter, a digit or a sign in a function's name.
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[ \t\r\n\f])?|([^\n\r\f0-9a-fA-F]))")
# The start of a tag, which valid CSS does not contain.
_TAG = re.compile(r"<(?=[a-zA-Z/!?])")
_HIDDEN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_@(:")
# CSS that loads something. Looking for the first letters of these words is ten times as fast as trying every word.
_LOADS = re.compile(
    r"""[uUiIcCeEsSpPbB@-](?i:
    (?<=u)rl\(\s*(?P<quote>["']?)data:(?:image/|font/|application/(?:x-)?font-)[^"'()\\<]*(?P=quote)\s*\)
    | (?<=u)rl\( | (?<=i)mage(?:-set)?\( | (?<=c)ross-fade\( | (?<=e)(?:lement|xpression)\( | (?<=s)rc\(
    | (?<=p)aint\( | (?<=@)(?:import|namespace|charset) | (?<=b)ehavior\s*: | (?<=-)moz-binding)""",
    re.VERBOSE,
)


def clean_css(css: str) -> str:
    """Return CSS that loads nothing; pictures and fonts in data URIs stay.

    Functions and rules that load something are renamed, so that browsers skip only the declaration that contains them.
    """
    css = _ESCAPE.sub(_unhide, _COMMENT.sub(" ", css))
    # Unescaping may have revealed a comment, or a function to rename.
    css = _LOADS.sub(_rename, _COMMENT.sub(" ", css))
    return _TAG.sub("< ", css)


def _unhide(found: re.Match[str]) -> str:
    """Return the character that an escape stands for if a name may contain it; otherwise the escape stays as text."""
    if found[1] is None:
        return found[2] if found[2] in _HIDDEN else found[0]
    number = int(found[1], 16)
    letter = chr(number) if 0 < number < 128 else ""
    return letter if letter in _HIDDEN and letter else found[0]


def _rename(found: re.Match[str]) -> str:
    """Rename a function or rule so that it loads nothing; a `url()` with a data URI stays."""
    text = found[0]
    if text.lower().startswith("url(") and len(text) > len("url("):
        return text
    return f"x-{text.lstrip('@')}"


# Maximum depth of nested elements: the parser's time grows with the square of the depth, and browsers stop at 512.
MAX_HTML_DEPTH: Final = 500
# Maximum number of ampersands in HTML. For each ampersand the parser copies a growing text, which takes nine seconds
# for a megabyte of ampersands.
MAX_AMPERSANDS: Final = 300_000


_HTML: Final = json.loads(Path(__file__).with_name("html.json").read_text("utf-8"))
TAGS: Final = frozenset(_HTML["tags"])
# Elements that are dropped with their content; the text in other forbidden elements stays.
DROPPED_WITH_CONTENT: Final = frozenset(_HTML["dropped_with_content"])
ATTRIBUTES: Final = {name: frozenset(some) for name, some in _HTML["attributes"].items()}
EVERYWHERE: Final = ATTRIBUTES["*"]
LINK_SCHEMES: Final = ("http:", "https:", "mailto:", "tel:")
# Elements that add no depth: void elements, and elements that the next sibling closes.
_FLAT: Final = frozenset(_HTML["flat"])
_STYLE = re.compile(r"(<style[^>]*>)(.*?)(</style>)", re.DOTALL)
_IMAGE = re.compile(r"<img [^>]*>")
_ATTRIBUTE = re.compile(r'(?<![a-z])([a-z]+)="([^"]*)"')


class HtmlFrame(HTMLParser):
    """Finds the depth of HTML, and the attributes of its html and body elements.

    The attributes are sanitized before use, so this parser need not agree with browsers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_document = False
        self.attributes: dict[str, dict[str, str]] = {"html": {}, "body": {}}
        self._open: dict[str, int] = {}
        self._depth = 0
        self.deepest = 0

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.attributes:
            self.is_document = True
            for name, value in attrs:
                self.attributes[tag].setdefault(name, value or "")
        elif tag not in _FLAT:
            self._open[tag] = self._open.get(tag, 0) + 1
            self._depth += 1
            self.deepest = max(self.deepest, self._depth)

    @override
    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # HTML ignores the slash at the end of a start tag.
        self.handle_starttag(tag, attrs)

    @override
    def handle_endtag(self, tag: str) -> None:
        if self._open.get(tag):
            self._open[tag] -= 1
            self._depth -= 1

    def kept_attributes(self, tag: str) -> str:
        """Return the allowed attributes of the html or body element, sanitized and written as in a tag."""
        return "".join(
            f' {name}="{escape(clean)}"'
            for name, value in self.attributes[tag].items()
            if name in EVERYWHERE and (clean := _attribute(tag, name, value)) is not None
        )


def read_frame(source: str) -> HtmlFrame:
    """Parse the tags of HTML. Raises InputError: html_too_deep."""
    frame = HtmlFrame()
    frame.feed(source)
    frame.close()
    if frame.deepest > MAX_HTML_DEPTH:
        raise InputError("html_too_deep", limit=str(MAX_HTML_DEPTH))
    return frame


def clean_html(source: str) -> str:
    """Return HTML with only the allowed elements and attributes, and with its QR codes drawn.

    The result loads nothing, runs nothing, redirects nowhere and sends nothing: it has no scripts, SVG, MathML, forms,
    frames, meta or base elements, and its only pictures are data URIs and QR codes.
    Raises InputError: html_too_large, qr_empty, qr_too_long, too_many_codes.
    """
    if source.count("&") > MAX_AMPERSANDS:
        raise InputError("html_too_large", limit=str(MAX_TEXT_BYTES // 1024))
    cleaned = nh3.clean(
        source,
        tags=TAGS,
        clean_content_tags=DROPPED_WITH_CONTENT,
        attributes=ATTRIBUTES,
        attribute_filter=_attribute,
        link_rel=None,
        url_schemes={"data", "qr", *(scheme.rstrip(":") for scheme in LINK_SCHEMES)},
        url_relative="deny",
    )
    # The sanitizer escapes "<" in texts and attributes, so whatever matches here is an element.
    cleaned = _STYLE.sub(lambda found: found[1] + clean_css(found[2]) + found[3], cleaned)
    codes = count(1)

    def image(found: re.Match[str]) -> str:
        attributes = {name: unescape(value) for name, value in _ATTRIBUTE.findall(found[0])}
        address = attributes.get("src", "")
        if not address.lower().startswith(SCHEME):
            return found[0]
        check_code_count(next(codes))
        return qr_img_element(address, attributes.get("alt", ""))

    return _IMAGE.sub(image, cleaned)


def _attribute(tag: str, name: str, value: str) -> str | None:
    """Sanitize an attribute's value; None drops the attribute."""
    if name == "style":
        return clean_css(value)
    if name == "src":
        start = value.strip().lower()
        return value.strip() if start.startswith((SCHEME, "data:image/")) else None
    if name == "href":
        return value if value.strip().lower().startswith(LINK_SCHEMES) else None
    return value


# Maximum number of characters of a name from outside that are shown in a rendered text.
MAX_ESCAPED_LENGTH: Final = 300

# All characters that a backslash may escape in CommonMark.
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Control characters, and characters that change the direction of the text around them.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def escape_markdown(text: str) -> str:
    """Return a text as one line that Markdown shows literally.

    Names of printers, addresses, titles and the service's messages come from devices, users and servers. Unescaped,
    they could load an external picture or insert a link in a repair issue or a form.
    """
    shown = " ".join(_UNSEEN.sub(" ", text).split())
    if len(shown) > MAX_ESCAPED_LENGTH:
        shown = shown[:MAX_ESCAPED_LENGTH] + "…"
    return _PUNCTUATION.sub(r"\\\1", shown)
