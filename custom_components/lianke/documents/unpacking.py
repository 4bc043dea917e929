"""Unpack gzip and deflate data as it arrives, and tell whether its end was there."""

from collections.abc import Iterator
from typing import Final
import zlib

CODINGS: Final = frozenset({"gzip", "deflate"})
_GZIP: Final = 31
_ZLIB: Final = 15
_BARE: Final = -15
_GZIP_START: Final = b"\x1f"


class DamagedDataError(Exception):
    """Packed data is damaged, or its end is missing."""


class Unpacker:
    """Unpacks one stream of packed data, a piece at a time. Its methods block."""

    def __init__(self, coding: str) -> None:
        """Take the coding, one of CODINGS."""
        self._coding = coding
        self._stream: zlib._Decompress | None = None  # it has no public name

    def unpack(self, data: bytes, piece_bytes: int) -> Iterator[bytes]:
        """Yield what the next bytes stand for, in pieces of at most piece_bytes. Raises DamagedDataError."""
        while data:
            if self._stream is None or self._stream.eof:
                if self._stream is not None and not data.startswith(_GZIP_START):
                    return  # what follows the end is padding
                # Data in several members is one document.
                self._stream = zlib.decompressobj(self._window(data))
            try:
                yield self._stream.decompress(data, piece_bytes)
            except zlib.error:
                raise DamagedDataError from None
            data = self._stream.unconsumed_tail or self._stream.unused_data

    def finish(self) -> bytes:
        """Return what is left, a few bytes. Raises DamagedDataError if the data has no end."""
        if self._stream is None:
            return b""
        try:
            rest = self._stream.flush()
        except zlib.error:
            raise DamagedDataError from None
        if not self._stream.eof:
            raise DamagedDataError
        return rest

    def _window(self, data: bytes) -> int:
        """Return how zlib is to read it: deflate comes in zlib's frame, and from some programs bare."""
        if self._coding == "gzip":
            return _GZIP
        framed = data[:1] == b"\x78" and int.from_bytes(data[:2]) % 31 == 0
        return _ZLIB if framed else _BARE
