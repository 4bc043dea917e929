"""Open and save PDF files. Every function raises TaskError."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import ctypes
import os
import re
from typing import Any, Final

import pypdfium2

from .failure import TaskError

LONGEST_NAME: Final = 32


@contextmanager
def opened(path: str, password: str | None = None) -> Iterator[Any]:
    """Open a PDF file, a `pypdfium2.PdfDocument`. Reasons: password, damaged."""
    try:
        document = pypdfium2.PdfDocument(path, password=password)
    except pypdfium2.PdfiumError as err:
        protected = err.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD
        raise TaskError("password" if protected else "damaged") from None
    try:
        yield document
    finally:
        document.close()


def save_new(document: Any, target: str, limit: int) -> int:
    """Write a document to the new file `target` and return its size in bytes.

    It has no password. Reasons: too_large when it has more than `limit` bytes, disk.
    """
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        written = 0

        def write(data: bytes) -> None:
            nonlocal written
            written += len(data)
            if written <= limit:
                file.write(data)

        try:
            save(document, write)
            file.flush()
        except OSError:
            raise TaskError("disk") from None
    if written > limit:
        raise TaskError("too_large")
    return written


def names(document: Any, wanted: re.Pattern[bytes]) -> set[bytes]:
    """Return the names that a document's objects have, of those wanted; raises nothing."""
    found, last = set[bytes](), b""

    def look(data: bytes) -> None:
        nonlocal last
        # A name may be cut by the end of a block.
        found.update(wanted.findall(last + data))
        last = data[-LONGEST_NAME:]

    # In a copy no object is compressed.
    save(document, look)
    return found


def save(document: Any, write: Callable[[bytes], object]) -> None:
    """Give a copy of a document without its password to `write`; raises what write() raises."""
    raw = pypdfium2.raw
    error: Exception | None = None

    def write_block(_this: Any, data: Any, size: int) -> int:
        nonlocal error
        try:
            write(ctypes.string_at(data, size))
        except (OSError, MemoryError) as err:
            error = err
        return error is None

    writer = raw.FPDF_FILEWRITE(version=1)
    writer.WriteBlock = type(writer.WriteBlock)(write_block)
    raw.FPDF_SaveAsCopy(document, writer, raw.FPDF_REMOVE_SECURITY)
    if error is not None:
        raise error
