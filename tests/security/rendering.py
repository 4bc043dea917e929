"""Markdown as Home Assistant's pages render it: what a text may load, lead to or set up."""

from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

# The frontend lets much of HTML through (pictures, links, its own icons), and makes tables.
_MARKDOWN = MarkdownIt("commonmark", {"html": True, "breaks": True}).enable(
    ["table", "strikethrough"]
)
_ACTIVE = {"html_block", "html_inline", "image", "link_open", "code_inline", "code_block", "fence"}
# What somebody could write to make a repair, a form or a notification load or say something else.
PAYLOADS = {
    "picture": "![x](http://evil.example/a.png)",
    "picture without a scheme": "![x](//evil.example/a.png)",
    "link": "[sign in again](https://evil.example/login)",
    "link without a scheme": "[sign in again](//evil.example/login)",
    "HTML picture": '<img src="http://evil.example/a.png">',
    "HTML picture, unquoted": "<img src=//evil.example/a.png>",
    "HTML link": "<a href='https://evil.example'>here</a>",
    "script": "<script>fetch('//evil.example')</script>",
    "icon of Home Assistant": '<ha-icon icon="mdi:skull"></ha-icon>',
    "alert of Home Assistant": '<ha-alert alert-type="error">Call 555</ha-alert>',
    "comment": "<!-- the rest is gone",
    "autolink": "<https://evil.example>",
    "bare address": "https://evil.example/login",
    "bare address without a scheme": "www.evil.example",
    "mail": "<boss@evil.example>",
    "reference": "[x][y]\n\n[y]: https://evil.example/",
    "picture by reference": "![x][y]\n\n[y]: //evil.example/a.png",
    "closed brackets": "](http://evil.example) [x",
    "heading": "# All is well\n\nGo on",
    "heading by a rule": "All is well\n===",
    "list": "a\n- b\n- c",
    "quote": "a\n> b",
    "table": "a|b\n-|-\n1|2",
    "code": "`code` and ``more``",
    "fence": "a\n```\nb\n```",
    "emphasis": "**bold** _italic_ ~~gone~~",
    "entity": "&lt;img src=x&gt; &#33;&#91;x](//evil.example)",
    "backslashes": "\\![x](//evil.example/a.png) \\\\[y](//evil.example)",
    "escaped already": "\\[x\\]\\(//evil.example\\)",
    "Chinese": "EPSON L3250 Series (网络)【二楼】",
    "turned direction": "a\u202egnp.exe\u202c b",
    "control characters": "a\x00b\x1b[31mc\rd",
    "braces": "{printer} {{ states('sensor.x') }} {0}",
    "percent": "%s %(x)s $HOME",
}


def tokens(markdown: str) -> Iterator[Token]:
    for token in _MARKDOWN.parse(markdown):
        yield token
        yield from token.children or ()


def active(markdown: str) -> set[str]:
    """Return the types of tokens that are more than text: links, pictures, HTML, code."""
    return {token.type for token in tokens(markdown)} & _ACTIVE


def blocks(markdown: str) -> list[str]:
    return [token.type for token in _MARKDOWN.parse(markdown)]


def shown(markdown: str) -> str:
    return "".join(
        token.content
        if token.type in {"text", "text_special"}
        else "\n"
        if token.type in {"softbreak", "hardbreak"}
        else ""
        for token in tokens(markdown)
    )


def as_shown(payload: str) -> str:
    """Return how a payload reads when it is shown as one line of text."""
    plain = "".join(
        " " if ord(letter) < 32 or 0x202A <= ord(letter) <= 0x202E else letter for letter in payload
    )
    return " ".join(plain.split())
