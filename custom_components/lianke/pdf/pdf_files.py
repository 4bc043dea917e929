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
    """Open a PDF file, given by its path or as an open file, as a `pypdfium2.PdfDocument` for drawing.

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
    """Open page `number`, counted from 0. Raises TaskError: damaged."""
    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        raise TaskError("damaged") from None
    with closing(page):
        yield page


@contextmanager
def new_file(target: str, limit: int | None = None) -> Iterator[BinaryIO]:
    """Create a file that only its owner may read; if the `with` block fails, the file is deleted.

    Raises TaskError: disk; too_large, if the file has more than `limit` bytes at the end.
    """
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            try:
                yield file
                if limit is not None and file.tell() > limit:
                    raise TaskError("too_large")
                # Flush inside the try, which deletes the file if the disk has no room for the buffered data.
                file.flush()
            except BaseException:
                os.unlink(target)  # noqa: PTH108  # the path is a str
                raise
    except OSError:
        raise TaskError("disk") from None


@contextmanager
def temporary(folder: str) -> Iterator[Any]:
    """Open a file without a name, which disappears with the process even after a crash. Raises TaskError: disk."""
    try:
        with TemporaryFile(dir=folder) as file:
            yield file
    except OSError:
        raise TaskError("disk") from None


def folder_of(target: str) -> str:
    return os.path.dirname(target)  # noqa: PTH120  # the path is a str


class _Limited:
    """A file to which at most `limit` bytes can be written."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._file = file
        self._left = limit

    def write(self, data: bytes) -> int:
        """Raise TaskError: too_large, if the limit is exceeded."""
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
    """Open a PDF file to read or change its objects; attributes that pages inherit are set on the pages themselves.

    A damaged file is first saved by PDFium, which tolerates more damage than qpdf and shows what other programs print.
    Raises TaskError: password, certificate, damaged, memory, disk; errors in the `with` block become TaskErrors, too.
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
        # qpdf catches a lack of memory itself, and reports only that it could not copy a stream.
        reason = "memory" if "getting raw stream data" in str(err) else "damaged"
        raise TaskError(reason) from None
    except TypeError, ValueError, KeyError, AttributeError:
        # An object of the file has the wrong type.
        raise TaskError("damaged") from None


def _undamaged(path: str, password: str) -> Pdf | None:
    """Open a file with qpdf; return None if anything in the file needs repair."""
    try:
        pdf = pikepdf.open(path, password=password)
        # This reads the whole page tree instead of trusting the number of pages that the file claims.
        len(pdf.pages)
    except PikepdfError:
        return None
    if pdf.get_warnings():
        pdf.close()
        return None
    return pdf


def count(request: dict[str, Any]) -> dict[str, Any]:
    """Count the pages that the file `path` really has, whatever number the file claims; `password` opens the file.

    With `target`, also write a copy without password, of at most `limit` bytes. Forms drawn by a program inside the
    file (XFA) and collections of files are refused, since their pages hold only a notice that says what the file is.
    Raises TaskError: incomplete, password, certificate, damaged, dynamic_form, collection, too_large, memory, disk.
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
    """Return an RGBX picture of `size` pixels with a page drawn at `place` (left, top, width, height).

    Form fields are drawn only if the document's forms were initialized before the page was opened.
    """
    raw = pypdfium2.raw
    # Pillow's own pixel format, so that the pixels need not be copied.
    bitmap = pypdfium2.PdfBitmap.new_native(*size, raw.FPDFBitmap_BGRx, rev_byteorder=True)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, *size)
    where = (*place, 0, raw.FPDF_ANNOT | raw.FPDF_PRINTING | raw.FPDF_REVERSE_BYTE_ORDER)
    raw.FPDF_RenderPageBitmap(bitmap, page, *where)
    if document.formenv:
        raw.FPDF_FFLDraw(document.formenv, bitmap, page, *where)
    picture: Image.Image = bitmap.to_pil()
    return picture
