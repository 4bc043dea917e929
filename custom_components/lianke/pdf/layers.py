"""Hide the annotations of a page that are on hidden layers: PDFium draws them all the same."""

import re
from typing import Any, Final

import pypdfium2

from .render import render
from .revision import copied, reopened, revised

MAX_LAYERS: Final = 1000
# One of the others is in a file that hides a layer; an empty list of those that are off hides none.
LAYER_NAMES: Final = rb"/OCProperties\b|/OFF\b(?!\[ *\])|/AllOff\b|/AnyOff\b|/VE\b"
# The layer of something, in a copy that PDFium wrote.
_LAYER: Final = re.compile(rb"/OC (\d+ \d+) R")
# Pixels; only the one in the middle is looked at.
_WIDE: Final = 3


def may_hide(found: set[bytes]) -> bool:
    """Return whether a document in which those of LAYER_NAMES were found may hide a layer."""
    return b"/OCProperties" in found and bool(found & {b"/OFF", b"/AllOff", b"/AnyOff", b"/VE"})


class Layers:
    """The layers of a document, read once an annotation is on one."""

    def __init__(self, document: Any, path: str) -> None:
        """Read nothing yet."""
        self._document = document
        self._path = path
        self._hidden: set[str] | None = None
        self._named: Any = None

    def hide_annotations(self, page: Any, number: int) -> None:
        """Hide the annotations of a page, from 0, that are on hidden layers."""
        raw = pypdfium2.raw
        names: list[str] | None = None
        for index in range(raw.FPDFPage_GetAnnotCount(page)):
            annotation = raw.FPDFPage_GetAnnot(page, index)
            if not annotation:
                continue
            if raw.FPDFAnnot_HasKey(annotation, b"OC"):
                hidden = self._read()
                if names is None:
                    names = self._names(number)
                if index < len(names) and names[index] in hidden:
                    raw.FPDFAnnot_SetFlags(annotation, raw.FPDF_ANNOT_FLAG_HIDDEN)
            raw.FPDFPage_CloseAnnot(annotation)

    def close(self) -> None:
        """Close what was opened."""
        if self._named is not None:
            self._named.close()

    def _read(self) -> set[str]:
        """Return the numbers of the objects that are hidden layers."""
        if self._hidden is None:
            self._hidden = set()
            if copy := copied(self._document, self._path):
                self._hidden = _hidden(copy)
                # PDFium tells strings of an annotation, and no references.
                self._named = reopened(_LAYER.sub(rb"/OC(\1) ", copy))
        return self._hidden

    def _names(self, number: int) -> list[str]:
        """Return the number of the layer of each annotation of a page."""
        if self._named is None or number >= len(self._named):
            return []
        raw = pypdfium2.raw
        names: list[str] = []
        try:
            page = self._named[number]
        except pypdfium2.PdfiumError:
            return []
        for index in range(raw.FPDFPage_GetAnnotCount(page)):
            annotation = raw.FPDFPage_GetAnnot(page, index)
            text = (raw.FPDF_WCHAR * 64)()
            length = raw.FPDFAnnot_GetStringValue(annotation, b"OC", text, 128)
            names.append(bytes(text)[: max(0, min(length, 128) - 2)].decode("utf-16-le", "replace"))
            raw.FPDFPage_CloseAnnot(annotation)
        page.close()
        return names


def _hidden(copy: bytes) -> set[str]:
    """Return which layers PDFium hides: it draws something on each."""
    numbers = sorted({*_LAYER.findall(copy)})[:MAX_LAYERS]
    named = b"".join(b"/L%d %b R" % (n, number) for n, number in enumerate(numbers))
    drawn = b"".join(
        b"/OC/L%d BDC %d 0 %d 1 re f EMC\n" % (n, n * _WIDE, _WIDE) for n in range(len(numbers))
    )
    width = len(numbers) * _WIDE
    revision = revised(
        copy,
        b"/Pages {0}",
        [
            b"<</Type/Pages/Count 1/Kids[{1}]>>",
            b"<</Type/Page/Parent {0}/MediaBox[0 0 %d 1]/Contents {2}/Resources<</Properties<<%b>>>>>>"
            % (width, named),
            b"<</Length %d>>stream\n%b\nendstream" % (len(drawn), drawn),
        ],
        without=b"/Pages",
    )
    document = reopened(revision) if numbers else None
    if document is None:
        return set()
    page = document[0]
    pixels = render(document, page, (width, 1), (0, 0, width, 1)).convert("L").tobytes()
    page.close()
    document.close()
    shown = pixels[_WIDE // 2 :: _WIDE]
    return {number.decode() for number, pixel in zip(numbers, shown, strict=True) if pixel > 128}
