"""Open, count, unlock, render and save PDF files."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
import ctypes
import os
import re
from typing import Any, BinaryIO, Final

from PIL import Image
import pypdfium2

from .ending import check_end
from .process import TaskError

LONGEST_NAME: Final = 32
_REASONS: Final = {
    pypdfium2.raw.FPDF_ERR_PASSWORD: "password",
    pypdfium2.raw.FPDF_ERR_SECURITY: "certificate",
}


@contextmanager
def opened(file: str | bytes, password: str | None = None) -> Iterator[Any]:
    """Open a PDF file by its path or what is in it, a `pypdfium2.PdfDocument`.

    Reasons: password, certificate, damaged.
    """
    try:
        document = pypdfium2.PdfDocument(file, password=password)
    except pypdfium2.PdfiumError as err:
        raise TaskError(_REASONS.get(err.err_code, "damaged")) from None
    with document:
        yield document


@contextmanager
def opened_page(document: Any, number: int) -> Iterator[Any]:
    """Open a page of a document, from 0. Raises TaskError: damaged."""
    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        raise TaskError("damaged") from None
    with closing(page):
        yield page


@contextmanager
def new_file(target: str, limit: int | None = None) -> Iterator[BinaryIO]:
    """Open a new file that only its owner may read, which is deleted on failure.

    Reasons: disk, too_large if it has more than `limit` bytes.
    """
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            try:
                yield file
                if limit is not None and file.tell() > limit:
                    raise TaskError("too_large")
                # What is still in its buffer may not find a place either.
                file.flush()
            except BaseException:
                os.unlink(target)  # noqa: PTH108  # a process that starts fast
                raise
    except OSError:
        raise TaskError("disk") from None


def save_new(document: Any, target: str, limit: int) -> None:
    """Write a document without its password to the new file `target`. Reasons: too_large, disk."""
    with new_file(target) as file:

        def write(data: bytes) -> None:
            if file.tell() + len(data) > limit:
                raise TaskError("too_large")
            file.write(data)

        save(document, write)


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
        except (OSError, MemoryError, TaskError) as err:
            error = err
        return error is None

    writer = raw.FPDF_FILEWRITE(version=1)
    writer.WriteBlock = type(writer.WriteBlock)(write_block)
    raw.FPDF_SaveAsCopy(document, writer, raw.FPDF_REMOVE_SECURITY)
    if error is not None:
        raise error


def uncompressed(document: Any, path: str, most: int) -> bytearray | None:
    """Return a copy of a document, in which no object is compressed; None if its file has more than `most` bytes."""
    if os.path.getsize(path) > most:  # noqa: PTH202  # a process that starts fast
        return None
    copy = bytearray()
    save(document, copy.extend)
    return copy


def import_pages(target: Any, source: Any, pages: list[int]) -> None:
    """Append pages of a document, by their numbers from 0, to another. Raises TaskError: damaged."""
    numbers = (ctypes.c_int * len(pages))(*pages)
    if not pypdfium2.raw.FPDF_ImportPagesByIndex(target, source, numbers, len(pages), len(target)):
        raise TaskError("damaged")


_UNIT: Final = re.compile(rb"/UserUnit (\d*\.?\d+)(?!\d|\.| \d+ R)")


def unit_of(document: Any, number: int) -> float:
    """Return how many points the unit of a page is, of whose size PDFium knows nothing; 1 where it makes no sense."""
    with pypdfium2.PdfDocument.new() as alone:
        import_pages(alone, document, [number])
        found = names(alone, _UNIT)
    # The end of a block may cut it.
    unit = float(max(found, key=len, default=b"1"))
    return unit if unit > 0 else 1.0


MAX_CHECKED: Final = 64 * 1024 * 1024
COLLECTION: Final = re.compile(rb"/Collection\s*(<<|\d+ \d+ R)")
COUNT: Final = re.compile(rb"/Count ?([+-]?\d+)")


def count(request: dict[str, Any]) -> dict[str, Any]:
    """Count the pages of the file `path`, opened with `password`. Raises TaskError: incomplete, password, damaged."""
    check_end(request["path"])
    with opened(request["path"], request.get("password")) as document:
        return {"pages": count_pages(document, request["path"])}


def unlock(request: dict[str, Any]) -> dict[str, Any]:
    """Count the pages and write a copy without password, at most `limit` bytes, to `target`."""
    check_end(request["path"])
    with opened(request["path"], request.get("password")) as document:
        save_new(document, request["target"], request["limit"])
        return {"pages": count_pages(document, request["path"])}


def count_pages(document: Any, path: str) -> int:
    """Return the number of pages of an open file, however few it claims to have.

    PDFium believes the page tree's /Count; other programs print the pages that are there. In a
    copy, in which no object is compressed, every /Count is overwritten, so that PDFium has to
    count the pages. That is left out for a file too large to be held in memory.
    Of a form that is drawn by a program inside it (XFA), and of a collection of files, the pages say no more than
    that. Raises TaskError: damaged, dynamic_form, collection.
    """
    if document.get_formtype() == pypdfium2.raw.FORMTYPE_XFA_FULL:
        raise TaskError("dynamic_form")
    claimed = len(document)
    if (copy := uncompressed(document, path, MAX_CHECKED)) is None:
        return claimed
    if document.count_attachments() and COLLECTION.search(copy):
        raise TaskError("collection")
    for match in COUNT.finditer(copy):
        copy[match.start(1) : match.end(1)] = b"0" * len(match[1])
    with opened(bytes(copy)) as counted:
        # None means that there is no end to them.
        if not (found := len(counted)):
            raise TaskError("damaged")
        return max(claimed, found)


def render(
    document: Any, page: Any, size: tuple[int, int], place: tuple[int, int, int, int]
) -> Image.Image:
    """Return a picture, RGBX, of that size in pixels, in which the page has a place: left, top, width, height.

    The document's forms have to be initialized before its page is opened.
    """
    raw = pypdfium2.raw
    # As Pillow's own pixels are, so that they are not copied.
    bitmap = pypdfium2.PdfBitmap.new_native(*size, raw.FPDFBitmap_BGRx, rev_byteorder=True)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, *size)
    where = (*place, 0, raw.FPDF_ANNOT | raw.FPDF_PRINTING | raw.FPDF_REVERSE_BYTE_ORDER)
    raw.FPDF_RenderPageBitmap(bitmap, page, *where)
    if document.formenv:
        raw.FPDF_FFLDraw(document.formenv, bitmap, page, *where)
    picture: Image.Image = bitmap.to_pil()
    return picture
