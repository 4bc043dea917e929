"""Render Markdown. HTML in the text is escaped; images must be QR codes or data URIs."""

from collections.abc import MutableMapping, Sequence
from functools import partial
from html import escape
import re
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from ..input_error import InputError
from .clean import SCHEME, check_code_count, qr_img_element
from .page import MAX_MADE_BYTES, PageStyle, break_long_words, page_too_large, table_style

# Maximum bytes of a Markdown text, since the parser needs 500 times as much memory.
MAX_MARKDOWN_BYTES: Final = 96 * 1024
QR_COUNT: Final = "lianke_codes"


def render_markdown(text: str, style: PageStyle, *, breaks: bool) -> str:
    """Return the HTML. Raises InputError: text_too_large, page_too_large, too_many_codes, qr_empty, qr_too_long."""
    if len(text.encode(errors="replace")) > MAX_MARKDOWN_BYTES:
        raise InputError("text_too_large", limit=str(MAX_MARKDOWN_BYTES // 1024))
    parser = MarkdownIt("commonmark", {"html": False, "breaks": breaks})
    parser.enable(["table", "strikethrough"])
    parser.inline.ruler.before("image", "qr_code", _qr_code)
    parser.core.ruler.push("directions", _directions)
    parser.core.ruler.push("tick_boxes", _tick_boxes)
    parser.core.ruler.push("fit_tables", partial(_fit_tables, style=style))
    parser.core.ruler.push("check_size", _check_size)
    parser.add_render_rule("image", _image)
    return str(parser.render(text))


def _check_size(state: StateCore) -> None:
    """Refuse a text that repeats its links so often that the page would be huge. Raises InputError: page_too_large."""
    size = 0
    for token in state.tokens:
        for part in (token, *(token.children or [])):
            # A character may become six when it is escaped, as in &quot;.
            size += 6 * sum(len(str(value)) for value in part.attrs.values())
        if size > MAX_MADE_BYTES:
            raise page_too_large()


# The text after `qr:` is the content of the code; only backslashes before brackets are dropped. CommonMark would
# interpret all backslashes, which Wi-Fi names and passwords may contain, and would allow no blanks. A Wi-Fi code ends
# at its ";;", whatever brackets its password has; any other code ends at the first unmatched closing bracket.
_QR_CODE = re.compile(
    r"""!\[([^\]\n]{0,200})\]\(\s*(?:
        <(?P<framed>qr:[^<>\n]{1,3000})>
        | (?P<wifi>qr:WIFI:(?:[^\\\n]|\\.){1,3000}?;;)
        | (?P<plain>qr:(?:[^()<>\n\\]|\\.|\([^()\n]{0,500}\)){1,3000}?)
    )\s*\)""",
    re.IGNORECASE | re.VERBOSE,
)
_ESCAPED_BRACKET = re.compile(r"\\([()<>])")


def _qr_code(state: StateInline, silent: bool) -> bool:
    """Parse an image with a `qr:` address that _QR_CODE matches; return False if there is no such image here."""
    found = _QR_CODE.match(state.src, state.pos, state.posMax)
    if found is None or (found["plain"] or "").endswith(('"', "'")):
        return False  # an image with a title is left to CommonMark
    if not silent:
        address = found["framed"] or found["wifi"] or found["plain"]
        token = state.push("image", "img", 0)
        token.attrs = {"src": _ESCAPED_BRACKET.sub(r"\1", address), "alt": ""}
        token.content = found[1]
        token.children = [Token("text", "", 0, content=found[1])]
    state.pos = found.end()
    return True


def _directions(state: StateCore) -> None:
    """Give lists, quotes and tables the text direction of their first word."""
    for token in state.tokens:
        if token.tag in ("ul", "ol", "blockquote", "table") and token.nesting == 1:
            token.attrSet("dir", "auto")


def _tick_boxes(state: StateCore) -> None:
    """Replace `[ ]` and `[x]` at the start of a list item with tick boxes."""
    tokens = state.tokens
    for index, token in enumerate(tokens):
        if token.type != "inline" or index < 2 or tokens[index - 2].type != "list_item_open":
            continue
        first = token.children[0] if token.children else None
        if first is None or first.type != "text":
            continue
        for mark, box in (("[ ] ", "☐ "), ("[x] ", "☑ "), ("[X] ", "☑ ")):
            if first.content.startswith(mark):
                first.content = box + first.content[len(mark) :]
                tokens[index - 2].attrSet("style", "list-style: none")


def _fit_tables(state: StateCore, style: PageStyle) -> None:
    """Give each table a style with which it fits on the page, and allow breaks in very long words."""
    rows: list[list[str]] = []
    table: Token | None = None
    for token in state.tokens:
        if token.type == "table_open":
            table, rows = token, []
        elif token.type == "tr_open" and table is not None:
            rows.append([])
        elif token.type == "inline" and table is not None and rows:
            rows[-1].append(token.content)
            for child in token.children or []:
                if child.type in ("text", "code_inline"):
                    # No column is wide enough for a very long word.
                    child.content = break_long_words(child.content)
        elif token.type == "table_close" and table is not None:
            if css := table_style(rows, style):
                table.attrSet("style", css)
            table = None


def _image(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    token = tokens[index]
    address = str(token.attrGet("src") or "")
    alt = renderer.renderInlineAsText(token.children or [], options, env)
    if address.lower().startswith(SCHEME):
        env[QR_COUNT] = env.get(QR_COUNT, 0) + 1
        check_code_count(env[QR_COUNT])
        return qr_img_element(address, alt)
    if address.startswith("data:image/"):
        return f'<img alt="{escape(alt)}" src="{escape(address)}">'
    return escape(alt)
