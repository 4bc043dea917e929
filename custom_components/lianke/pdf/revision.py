"""Change a copy of a PDF file the way such files are changed: with objects that are added at its end."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
import os
import re
from typing import Any, Final

import pypdfium2

from .files import save

MAX_REVISED: Final = 32 * 1024 * 1024
"""Bytes of a file of which copies are held in memory."""
_ROOT: Final = re.compile(rb"/Root (\d+) \d+ R")
_SIZE: Final = re.compile(rb"/Size (\d+)")
_START: Final = re.compile(rb"startxref\s+(\d+)")
_DICTIONARY: Final = re.compile(rb"[\r\n](\d+) \d+ obj\s+<<")
_ITS_END: Final = re.compile(rb">>\s+endobj")
_REFERENCE: Final = re.compile(rb"(/\w+) \d+ \d+ R")
_PLACE: Final = re.compile(rb"\{(\d+)\}")
# The font is an object of its own, as PDFium refers to it.
_FORM: Final = b"/AcroForm<</Fields[]/DA(/Helv 12 Tf 0 g)/DR<</Font<</Helv {0}>>>>>>"
_FONT: Final = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"


def copied(document: Any, path: str) -> bytes | None:
    """Return a copy of a document, in which no object is compressed; None if its file is too large."""
    if os.path.getsize(path) > MAX_REVISED:  # noqa: PTH202  # a process that starts fast
        return None
    copy = bytearray()
    save(document, copy.extend)
    return bytes(copy)


def revised(
    copy: bytes, entries: bytes, added: Sequence[bytes] = (), *, without: bytes = b""
) -> bytes | None:
    """Return a copy with more entries in its catalog and with more objects, None if it is of an unknown form.

    `{n}` in entries and objects is the number of an object that is added, from 0. The catalog loses the entry
    `without`, a reference.
    """
    trailer = copy[copy.rfind(b"trailer") :]
    root, size, start = (part.search(trailer) for part in (_ROOT, _SIZE, _START))
    if not (root and size and start):
        return None
    catalog = next((one for one in _DICTIONARY.finditer(copy) if one[1] == root[1]), None)
    if catalog is None or (end := _ITS_END.search(copy, catalog.end())) is None:
        return None
    kept = copy[catalog.end() : end.start()]
    if without:
        kept = _REFERENCE.sub(lambda match: b"" if match[1] == without else match[0], kept)
    first = int(size[1])
    out, table = bytearray(copy), b""
    bodies = [(int(root[1]), b"<<%b%b>>" % (kept, _numbered(entries, first)))]
    bodies += [(first + n, _numbered(body, first)) for n, body in enumerate(added)]
    for number, body in bodies:
        table += b"%d 1\n%010d 00000 n \n" % (number, len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    out += b"xref\n%btrailer\n<</Root %b 0 R/Size %d/Prev %b>>\nstartxref\n%d\n%%%%EOF\n" % (
        table,
        root[1],
        first + len(added),
        start[1],
        len(out),
    )
    return bytes(out)


def reopened(copy: bytes | None) -> Any | None:
    """Open a copy; None without one, or if it cannot be opened, as may be with that of a damaged file."""
    try:
        return None if copy is None else pypdfium2.PdfDocument(copy)
    except pypdfium2.PdfiumError:
        return None


def _numbered(text: bytes, first: int) -> bytes:
    return _PLACE.sub(lambda match: b"%d 0 R" % (first + int(match[1])), text)


@contextmanager
def with_form(document: Any, path: str) -> Iterator[Any]:
    """Open a copy of a document with an empty form, or the document itself if it has one.

    Only then PDFium makes appearances for free texts.
    """
    revision = None
    if document.get_formtype() == pypdfium2.raw.FORMTYPE_NONE and (copy := copied(document, path)):
        revision = revised(copy, _FORM, [_FONT])
    changed = reopened(revision)
    try:
        yield document if changed is None else changed
    finally:
        if changed is not None:
            changed.close()
