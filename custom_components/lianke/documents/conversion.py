"""Make documents from spooled files, and convert pictures of types that the service does not take.

The functions that are not async are blocking: run them in the executor.
"""

import asyncio
from collections.abc import Callable
import contextlib
from dataclasses import replace
from functools import partial
import importlib
from pathlib import Path
import re

from homeassistant.core import HomeAssistant
from homeassistant.util.hass_dict import HassKey
from PIL import Image, ImageOps, features

from ..api.coerce import to_encodable
from ..const import DOMAIN
from ..fair_queue import FairQueue
from ..input_error import InputError
from ..pages.compose import markdown_page, text_page
from ..pages.csv_table import csv_page
from ..pages.page import MAX_MADE_BYTES, MAX_TEXT_BYTES, PageStyle, is_visible, page_too_large
from ..pages.page_estimate import pages_at_most
from ..pdf.pictures import DECODER_ERRORS, flatten, srgb
from .document import (
    CONTENT_TYPES,
    CONVERTED_IMAGES,
    IMAGES,
    KNOWN_SUFFIXES,
    Document,
    FileType,
    sniff,
)
from .encoding import decode_if_clear
from .spool import open_private, translate_disk_errors, write_bytes

# Maximum number of pixels of an AVIF or HEIC picture that is converted. Pillow 12.3 needs up to 12 bytes a pixel for
# AVIF and 9 for HEIC, so a picture takes at most 300 MB. Phones' usual 12 to 24 megapixels fit; 48 do not, and these
# formats cannot be decoded at a smaller size.
MAX_CONVERTED_PIXELS = 25_000_000
# Maximum number of pixels of a WebP picture that is converted: Pillow 12.3 needs up to 16 bytes for each.
MAX_CONVERTED_WEBP_PIXELS = 17_000_000
# Converted pictures of up to this many pixels become PNG, which is lossless. Larger pictures become JPEG: as PNG, a
# large photo would be several times as big.
MAX_PNG_PIXELS = 4_000_000
JPEG_QUALITY = 92
# Counting the pages of a TIFF stops at this number; the page count is then unknown.
MAX_COUNTED_TIFF_PAGES = 2000
HEIF_DECODER = "pillow_heif"
HEIF_HEAD_BYTES = 64
# Errors that mean that a picture is damaged, or that there is not enough memory to decode it.
UNREADABLE = (*DECODER_ERRORS, MemoryError)
DATA_CONVERTING: HassKey[FairQueue] = HassKey(f"{DOMAIN}_pictures_in_conversion")


def convert_image(source: Path, target: Path, name: str) -> FileType:
    """Write the picture at `source` to the new file `target` as PNG or JPEG, and return the type written.

    Transparent parts become white; of an animation only the first frame remains. Colors are converted to sRGB with the
    picture's own color profile: otherwise, the reds of a phone's photo would print paler.
    Raises InputError: image_unreadable, image_too_large; HomeAssistantError: disk_full.
    """
    try:
        picture = flatten(srgb(_decode(source, name)))
    except Image.DecompressionBombError:
        raise InputError("image_too_large", name=name) from None
    except UNREADABLE:
        raise InputError("image_unreadable", name=name) from None
    kind = FileType.PNG if picture.width * picture.height <= MAX_PNG_PIXELS else FileType.JPEG
    with translate_disk_errors(), open_private(target) as file:
        if kind is FileType.PNG:
            picture.save(file, "PNG")
        else:
            picture.save(file, "JPEG", quality=JPEG_QUALITY)
    return kind


def _decode(source: Path, name: str) -> Image.Image:
    """Return the decoded picture, turned upright; the decoder's memory is freed. Raises InputError: image_too_large."""
    with Image.open(source) as opened:
        limit = MAX_CONVERTED_WEBP_PIXELS if opened.format == "WEBP" else MAX_CONVERTED_PIXELS
        if opened.width * opened.height > limit:
            raise InputError("image_too_large", name=name)
        picture = opened.copy()
    ImageOps.exif_transpose(picture, in_place=True)
    return picture


def can_read_heif(path: Path) -> bool:
    """Whether this system can decode the file: as AVIF if its first bytes say so, otherwise as HEIC."""
    with path.open("rb") as file:
        head = file.read(HEIF_HEAD_BYTES)
    if b"avif" in head or b"avis" in head:
        return bool(features.check("avif"))
    with contextlib.suppress(ImportError):
        importlib.import_module(HEIF_DECODER).register_heif_opener()
        return True
    return False


def count_frames(path: Path) -> int | None:
    """Return the number of pages of a TIFF file.

    Return None if the file cannot be read, or has at least MAX_COUNTED_TIFF_PAGES pages.
    """
    try:
        with Image.open(path) as picture:
            for frame in range(MAX_COUNTED_TIFF_PAGES):
                try:
                    picture.seek(frame)
                except EOFError:
                    return frame
    except (*UNREADABLE, Image.DecompressionBombError):
        return None
    return None


# Maximum length in characters of a document's file name without its extension.
MAX_STEM = 100
# Maximum length in characters of a title.
MAX_TITLE = 200
MACRO_SUFFIXES = {
    FileType.DOCX: frozenset({".docm"}),
    FileType.XLSX: frozenset({".xlsm"}),
    FileType.PPTX: frozenset({".pptm"}),
}
UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\u202a-\u202e\u2066-\u2069\ud800-\udfff]+')


async def async_make_document(
    hass: HomeAssistant,
    path: Path,
    write: Callable[[], object],
    name: str,
    *,
    user: str | None,
    title: str | None = None,
    kind: FileType | None = None,
    may_be_raw: bool = False,
) -> Document:
    """Call `write`, which completes the file at `path`; return the file's document.

    Pictures are converted one at a time, and users take turns. Raises what `make_document` and `write` raise.
    """

    def make() -> Document | None:
        nonlocal kind
        write()
        if kind is None and path.stat().st_size:
            kind = sniff(path, name, may_be_raw=may_be_raw)
        return None if kind in CONVERTED_IMAGES else make_from_content()

    def make_from_content() -> Document:
        return make_document(path, name, title=title, kind=kind)

    if (document := await hass.async_add_executor_job(make)) is not None:
        return document
    # Convert one picture at a time: otherwise the memory peaks add up. A task that waits here holds no thread.
    if (turns := hass.data.get(DATA_CONVERTING)) is None:
        turns = hass.data[DATA_CONVERTING] = FairQueue(1)
    async with turns.place(user) as place:
        work = hass.async_add_executor_job(make_from_content)

        def is_over(_: object) -> None:
            place.give_back()
            if not work.cancelled():
                # Retrieve the exception: otherwise asyncio logs it if the caller was canceled.
                work.exception()

        # The thread keeps running when the caller is canceled, so give the place back only when the thread ends.
        work.add_done_callback(is_over)
        place.keep()
        await asyncio.wait([work])
        return work.result()


def make_document(
    path: Path,
    name: str,
    *,
    title: str | None = None,
    kind: FileType | None = None,
    pages: int | None = None,
) -> Document:
    """Return the document for the file at `path`. The caller must still turn text into a page, and open a PDF.

    If `kind` or `pages` is None, it is found from the content. A file counts as printer commands only if `kind` says
    so. Pictures that the service does not take are converted. Raises InputError for a file that cannot be printed.
    """
    if path.stat().st_size == 0:
        raise InputError("file_empty", name=name)
    kind = kind or sniff(path, name)
    if kind in CONVERTED_IMAGES:
        kind = _convert(path, kind, name)
    if pages is None and kind in IMAGES:
        pages = count_frames(path) if kind is FileType.TIFF else 1
    return Document(
        path=path,
        name=document_file_name(name, kind),
        content_type=CONTENT_TYPES.get(kind, "text/plain"),
        extension=kind,
        size=path.stat().st_size,
        pages=pages,
        title=clean_title(title or name),
    )


def make_page_document(
    path: Path, html: str, style: PageStyle, *, name: str, title: str, at_most: int | None = None
) -> Document:
    """Write a page to the new file `path`; return the page's document.

    `at_most` is the maximum number of sheets, or None to have it estimated. Raises InputError: page_too_large;
    HomeAssistantError: disk_full.
    """
    data = to_encodable(html).encode()
    if len(data) > MAX_MADE_BYTES:
        raise page_too_large()
    write_bytes(path, data)
    document = make_document(path, name, title=title, kind=FileType.HTML)
    return replace(document, pages_at_most=at_most or pages_at_most(html, style))


def clean_title(title: str) -> str:
    """Return the title on one line, without control characters, cut to MAX_TITLE characters."""
    # Cut first, which keeps the loop short: a title may be as long as a whole service call.
    start = to_encodable(title[: MAX_TITLE * 20])
    kept = "".join(c for c in start if c.isprintable() or c.isspace())
    return " ".join(kept.split())[:MAX_TITLE].rstrip()


def document_file_name(name: str, kind: FileType, number: str = "") -> str:
    """Return a file name that is safe in form fields and file systems; `number` is put before the extension."""
    stem = UNSAFE.sub("_", Path(name).name).strip(" .")
    suffix = Path(stem).suffix.lower()
    # Office does not open a file with macros that is named .docx, so .docm stays.
    extension = suffix if suffix in MACRO_SUFFIXES.get(kind, ()) else kind
    if suffix in KNOWN_SUFFIXES or extension == suffix:
        stem = Path(stem).stem
    # File systems limit a name to 255 bytes, and a character may take several.
    stem = stem[:MAX_STEM].encode()[: 2 * MAX_STEM].decode(errors="ignore")
    return f"{stem.strip(' .') or 'document'}{number}{extension}"


def make_text_document(document: Document, style: PageStyle) -> Document:
    """Replace a text, CSV or Markdown file with a page of its content; return the page's document.

    Raises InputError.
    """
    if document.size > MAX_TEXT_BYTES:
        raise InputError("text_too_large", limit=str(MAX_TEXT_BYTES // 1024))
    if (text := decode_if_clear(document.path.read_bytes(), style.language)) is None:
        raise InputError("text_unreadable", name=document.name)
    text = text.rstrip("\x1a")  # DOS ends a text with Ctrl-Z
    document.path.unlink()
    if not is_visible(text):
        raise InputError("file_empty", name=document.name)
    pages: dict[str, Callable[..., str]] = {
        FileType.CSV: csv_page,
        FileType.MARKDOWN: partial(markdown_page, breaks=False),
    }
    html = pages.get(document.extension, text_page)(text, style, title=document.title)
    return make_page_document(document.path, html, style, name=document.name, title=document.title)


def _convert(path: Path, kind: FileType, name: str) -> FileType:
    """Convert the picture at `path` in place; return the picture's new type."""
    if kind is FileType.HEIF and not can_read_heif(path):
        raise InputError("heic_not_supported", name=name)
    target = path.with_suffix(".converted")
    try:
        converted = convert_image(path, target, name)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    target.replace(path)
    return converted
