"""Decode base64 piece by piece: of a large file only its text is in memory."""

from binascii import a2b_base64
from collections.abc import Iterator
import re
from typing import BinaryIO, Final

# Characters; a multiple of 4.
PIECE: Final = 1 << 18
_BLANK = re.compile(r"\s+")


class ContentTooLargeError(Exception):
    """There are more bytes than allowed."""


def write_base64(writer: BinaryIO, text: str, limit_bytes: int) -> None:
    """Write what base64 text stands for; blanks and line ends in it are skipped.

    Raises ValueError for text that is no base64, ContentTooLargeError beyond `limit_bytes`.
    """
    written = 0
    ended = False
    for piece in _pieces(text):
        if ended:
            raise ValueError("text after the padding")
        data = a2b_base64(piece.encode("ascii"), strict_mode=True)
        ended = piece.endswith("=")
        written += len(data)
        if written > limit_bytes:
            raise ContentTooLargeError
        writer.write(data)


def _pieces(text: str) -> Iterator[str]:
    """Give the text without blanks in pieces of whole groups of four."""
    rest = ""
    for start in range(0, len(text), PIECE):
        rest += _BLANK.sub("", text[start : start + PIECE])
        whole = len(rest) // 4 * 4
        if whole:
            yield rest[:whole]
        rest = rest[whole:]
    if rest:
        yield rest
