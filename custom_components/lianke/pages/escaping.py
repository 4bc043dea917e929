"""Escape texts from outside where Home Assistant renders Markdown."""

import re
from typing import Final

MAX_LENGTH: Final = 300

# All that CommonMark lets a backslash escape.
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Control characters, and those that turn the direction of the text around them.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def escape_markdown(text: str) -> str:
    """Return a text as one line that Markdown shows as it is.

    Names of printers, addresses, titles and the service's own words come from devices, users and
    servers. Unescaped they could load a foreign picture or make a link in a repair or a form.
    """
    shown = " ".join(_UNSEEN.sub(" ", text).split())
    if len(shown) > MAX_LENGTH:
        shown = shown[:MAX_LENGTH] + "…"
    return _PUNCTUATION.sub(r"\\\1", shown)
