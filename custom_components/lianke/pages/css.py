"""Remove from CSS what loads something."""

import re
from typing import Final

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
# An escape that hides a letter, a digit or one of the marks of a function's name.
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[ \t\r\n\f])?|([^\n\r\f0-9a-fA-F]))")
# Nothing in valid CSS looks like a tag.
_TAG = re.compile(r"<(?=[a-zA-Z/!?])")
_HIDDEN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_@(:")
_LOADS = re.compile(
    r"""url\(\s*(?P<quote>["']?)data:(?:image/|font/|application/(?:x-)?font-)[^"'()\\<]*(?P=quote)\s*\)
    | url\( | (?:image-set|image|cross-fade|element|src|paint|expression)\(
    | @import | @namespace | @charset | behavior\s*: | -moz-binding""",
    re.IGNORECASE | re.VERBOSE,
)


def clean_css(css: str) -> str:
    """Return CSS that loads nothing; pictures and fonts given as data stay.

    Functions and rules that load are renamed, so that browsers skip only that declaration.
    """
    css = _ESCAPE.sub(_unhide, _COMMENT.sub(" ", css))
    # Unescaping may have revealed the start of a comment, or of what is renamed here.
    css = _LOADS.sub(_rename, _COMMENT.sub(" ", css))
    return _TAG.sub("< ", css)


def _unhide(found: re.Match[str]) -> str:
    """Return an escaped letter as itself; other escapes are text and stay."""
    if found[1] is None:
        return found[2] if found[2] in _HIDDEN else found[0]
    number = int(found[1], 16)
    letter = chr(number) if 0 < number < 128 else ""
    return letter if letter in _HIDDEN and letter else found[0]


def _rename(found: re.Match[str]) -> str:
    """Return the match renamed; data stays as it is."""
    text = found[0]
    if text.lower().startswith("url(") and len(text) > len("url("):
        return text
    return f"x-{text.lstrip('@')}"
