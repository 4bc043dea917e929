"""Markdown to HTML. HTML in it is shown, not obeyed; images are QR codes or given as data."""

from collections.abc import MutableMapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from .qr import SCHEME, qr_image


def render(text: str) -> str:
    """Return the body of a page for Markdown (CommonMark with tables and strike-through).

    Raises ServiceValidationError: qr_empty, qr_too_long.
    """
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    parser.enable(["table", "strikethrough"])
    parser.core.ruler.push("tick_boxes", _tick_boxes)
    parser.add_render_rule("image", _image)
    return str(parser.render(text))


def _tick_boxes(state: StateCore) -> None:
    """Draw `[ ]` and `[x]` at the start of a list item as boxes."""
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
        return qr_image(address, alt)
    if address.startswith("data:image/"):
        return f'<img alt="{escape(alt)}" src="{escape(address)}">'
    return escape(alt)
