"""Open, count, unlock, draw and save PDF files."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
import os
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Final

import pikepdf
from pikepdf import Dictionary, Name, Pdf
from pikepdf.exceptions import PikepdfError
from PIL import Image
import pypdfium2

from .ending import check_end
from .process import TaskError

_REASONS: Final = {
    pypdfium2.raw.FPDF_ERR_PASSWORD: "password",
    pypdfium2.raw.FPDF_ERR_SECURITY: "certificate",
}


@contextmanager
def opened(file: Any, password: str | None = None) -> Iterator[Any]:
    """Open a PDF file, by its path or as an open file, as a `pypdfium2.PdfDocument` to be drawn.

    Raises TaskError: password, certificate, damaged.
    """
    try:
        document = pypdfium2.PdfDocument(file, password=password)
    except pypdfium2.PdfiumError as err:
        raise TaskError(_REASONS.get(err.err_code, "damaged")) from None
    with document:
        yield document


@contextmanager
def opened_page(document: Any, number: int) -> Iterator[Any]:
    """Count pages from 0. Raises TaskError: damaged."""
    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        raise TaskError("damaged") from None
    with closing(page):
        yield page


@contextmanager
def new_file(target: str, limit: int | None = None) -> Iterator[BinaryIO]:
    """Open a new file that only its owner may read, and that is deleted on failure.

    Raises TaskError: disk; too_large, if it has more than `limit` bytes.
    """
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            try:
                yield file
                if limit is not None and file.tell() > limit:
                    raise TaskError("too_large")
                # The disk may have no room for what is still in the buffer.
                file.flush()
            except BaseException:
                os.unlink(target)  # noqa: PTH108  # a process that starts fast
                raise
    except OSError:
        raise TaskError("disk") from None


@contextmanager
def temporary(folder: str) -> Iterator[Any]:
    """Open a file without a name, which disappears with the process whatever happens. Raises TaskError: disk."""
    try:
        with TemporaryFile(dir=folder) as file:
            yield file
    except OSError:
        raise TaskError("disk") from None


def folder_of(target: str) -> str:
    return os.path.dirname(target)  # noqa: PTH120  # a process that starts fast


class _Limited:
    """A file that takes at most `limit` bytes."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._file = file
        self._left = limit

    def write(self, data: bytes) -> int:
        """Raise TaskError: too_large, beyond the limit."""
        self._left -= len(data)
        if self._left < 0:
            raise TaskError("too_large")
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def save(pdf: Pdf, file: Any) -> None:
    """Write a document without its password."""
    pdf.save(file, fix_metadata_version=False)


def save_new(pdf: Pdf, target: str, limit: int) -> None:
    """Write a document without its password to the new file `target`. Raises TaskError: too_large, disk."""
    with new_file(target) as file:
        save(pdf, _Limited(file, limit))


@contextmanager
def structure(path: str, password: str | None = None) -> Iterator[Pdf]:
    """Open a PDF file for work on its objects; its pages have all that they inherit.

    A damaged file is read as PDFium understands it: PDFium forgives more, and shows what other programs print.
    Raises TaskError: password, certificate, damaged, memory, also for what is found while the file is open.
    """
    try:
        with ExitStack() as stack:
            if (pdf := _undamaged(path, password or "")) is None:
                copy = stack.enter_context(temporary(folder_of(path)))
                with opened(path, password) as document:
                    document.save(copy, flags=pypdfium2.raw.FPDF_REMOVE_SECURITY)
                pdf = pikepdf.open(copy)
            stack.enter_context(pdf)
            if not pdf.pages:
                raise TaskError("damaged")
            yield pdf
    except PikepdfError as err:
        # qpdf catches a lack of memory itself: it only says that it cannot copy the stream that it copies.
        reason = "memory" if "getting raw stream data" in str(err) else "damaged"
        raise TaskError(reason) from None
    except TypeError, ValueError, KeyError, AttributeError:
        # An object is of the wrong kind.
        raise TaskError("damaged") from None


def _undamaged(path: str, password: str) -> Pdf | None:
    """None for a file in which something has to be repaired."""
    try:
        pdf = pikepdf.open(path, password=password)
        # This reads the whole page tree, whatever number of pages it claims.
        len(pdf.pages)
    except PikepdfError:
        return None
    if pdf.get_warnings():
        pdf.close()
        return None
    return pdf


def count(request: dict[str, Any]) -> dict[str, Any]:
    """Count the pages that are in the file `path`, opened with `password`, whatever number it claims.

    With `target`, also write a copy without password, of at most `limit` bytes. Refuses a form drawn by a program
    inside it (XFA) and a collection of files, whose pages only say that they are one.
    Raises TaskError: incomplete, password, certificate, damaged, dynamic_form, collection, too_large, disk.
    """
    check_end(request["path"])
    with structure(request["path"], request.get("password")) as pdf:
        form, needs_program = pdf.Root.get(Name.AcroForm), pdf.Root.get(Name.NeedsRendering, False)
        if needs_program and isinstance(form, Dictionary) and Name.XFA in form:
            raise TaskError("dynamic_form")
        if isinstance(pdf.Root.get(Name.Collection), Dictionary) and len(pdf.attachments):
            raise TaskError("collection")
        if "target" in request:
            save_new(pdf, request["target"], request["limit"])
        return {"pages": len(pdf.pages)}


def render_page(
    document: Any, page: Any, size: tuple[int, int], place: tuple[int, int, int, int]
) -> Image.Image:
    """Draw a page into an RGBX picture of that size in pixels, at a place in it: left, top, width, height.

    The document's forms must be initialized before its page is opened.
    """
    raw = pypdfium2.raw
    # The format of Pillow's own pixels, so that they are not copied.
    bitmap = pypdfium2.PdfBitmap.new_native(*size, raw.FPDFBitmap_BGRx, rev_byteorder=True)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, *size)
    where = (*place, 0, raw.FPDF_ANNOT | raw.FPDF_PRINTING | raw.FPDF_REVERSE_BYTE_ORDER)
    raw.FPDF_RenderPageBitmap(bitmap, page, *where)
    if document.formenv:
        raw.FPDF_FFLDraw(document.formenv, bitmap, page, *where)
    picture: Image.Image = bitmap.to_pil()
    return picture
