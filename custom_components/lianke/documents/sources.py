"""Make documents from their sources: each source is copied or downloaded into the spool."""

from binascii import a2b_base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
import os
from pathlib import Path
import re
from typing import Any, BinaryIO, Final, NamedTuple, Self

from homeassistant.components.file_upload import process_uploaded_file
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import config_validation as cv

from ..api.options import ORIENTATIONS, ResolvedOptions
from ..input_error import InputError
from ..pdf.ending import check_end
from ..pdf.process import TaskError
from ..pdf.raster import PWG_SYNC, URF_SYNC
from .completeness import async_check_complete
from .conversion import async_make_document, clean_title, make_document, make_text_document
from .document import (
    IMAGES,
    TEXTS,
    Document,
    FileType,
    SourceKind,
    digest_of,
    file_digest,
    sniff,
    too_large,
)
from .download import async_download
from .local_files import LocalFile, open_allowed
from .mail_reference import MailReference, MailReport
from .media import URI_SCHEME, MediaAddress, async_fetch_media, async_find_media
from .ofd_files import async_ofd_as_pdf
from .page_documents import (
    DEFAULT_PAGE,
    PAGE_BUILDERS,
    SNAPSHOT_DOMAINS,
    PageOptions,
    async_entity_document,
    async_page_text,
    async_style,
    async_text_page,
)
from .pdf import pdf_error
from .pdf_client import PdfError, PdfUnavailableError, async_get_pdf_worker
from .spool import (
    Spool,
    copy_opened,
    move_file,
    open_private,
    translate_disk_errors,
    write_bytes,
)

# Number of characters of base64 text that are decoded at once; a multiple of 4.
BASE64_PIECE: Final = 1 << 18
_BLANK = re.compile(r"\s+")


def write_base64(writer: BinaryIO, text: str, limit_bytes: int, name: str) -> None:
    """Decode base64 text into a file; white space in the text is skipped.

    Raises ValueError for text that is not base64; InputError: file_too_large.
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
            raise too_large(name, limit_bytes)
        writer.write(data)


def _pieces(text: str) -> Iterator[str]:
    """Yield the text without white space, in pieces that consist of whole groups of four characters."""
    rest = ""
    for start in range(0, len(text), BASE64_PIECE):
        rest += _BLANK.sub("", text[start : start + BASE64_PIECE])
        whole = len(rest) // 4 * 4
        if whole:
            yield rest[:whole]
        rest = rest[whole:]
    if rest:
        yield rest


# Sources of files, which may contain raw printer commands.
FILE_SOURCES = frozenset(
    {SourceKind.UPLOAD, SourceKind.MEDIA, SourceKind.FILE, SourceKind.URL, SourceKind.CONTENT}
)
ENTITY_SOURCES = frozenset({SourceKind.ENTITY, SourceKind.MEDIA})


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Source:
    """Where a document comes from, and the call's other fields about the document."""

    kind: SourceKind
    # An id, path, address or text, depending on the kind.
    value: str
    title: str = ""
    # Whether the content is printer commands.
    raw: bool = False
    # The encoding for printer commands given as text.
    raw_encoding: str = "utf-8"
    # The name of the file, if its content is given as base64.
    filename: str | None = None
    # The password of a PDF.
    password: str | None = None
    # Whether to print an OFD file although something in it cannot be drawn.
    print_incomplete: bool = False
    # The options of a page that Home Assistant composes.
    page: PageOptions = DEFAULT_PAGE
    mail: MailReference | None = None

    @classmethod
    def all_in(cls, data: Mapping[str, Any]) -> list[Self]:
        """Return the sources in the fields of a call; all sources must be of one kind.

        Raises InputError: source_missing, source_not_one.
        """
        kinds = [kind for kind in SourceKind if kind.value in data]
        if not kinds:
            raise InputError("source_missing")
        if len(kinds) > 1:
            raise InputError("source_not_one", sources=", ".join(kinds))
        fields = {name: data[name] for name in _SOURCE_FIELDS if name in data}
        page = PageOptions(**{name: data[name] for name in _PAGE_FIELDS if name in data})
        if kinds[0] is SourceKind.MAIL:
            mail = MailReference(**data[SourceKind.MAIL])
            return [cls(kind=SourceKind.MAIL, value="", mail=mail, page=page, **fields)]
        return [
            cls(kind=kinds[0], value=value, page=page, **fields)
            for value in cv.ensure_list(data[kinds[0].value])
        ]

    def page_on(self, options: ResolvedOptions) -> PageOptions:
        """Return the options of a page in the orientation that the print options give."""
        landscape = options.orientation == ORIENTATIONS["landscape"]
        return replace(self.page, landscape=landscape)


_SOURCE_FIELDS: Final = ("title", "raw", "raw_encoding", "filename", "password", "print_incomplete")
_PAGE_FIELDS: Final = ("header", "columns", "agenda", "completed", "print_empty", "text_size")


def entity_of(kind: SourceKind, value: str) -> str | None:
    """Return the entity that a source names, directly or as a media id; None if the source names no entity."""
    if kind is SourceKind.ENTITY:
        return value
    if kind is SourceKind.MEDIA:
        domain, _, entity_id = value.removeprefix(URI_SCHEME).partition("/")
        if domain in SNAPSHOT_DOMAINS and entity_id.startswith(f"{domain}."):
            return entity_id
    return None


class DocumentRequest(NamedTuple):
    """The values needed to make a document; the options have been checked already."""

    spool: Spool
    options: ResolvedOptions
    limit_bytes: int
    # The context of the user whose rights decide whether the source may be read.
    context: Context
    # The user on whose behalf work is queued in the PDF process.
    user: str | None = None
    # Receives the reasons why parts of a mail are not printed.
    mail: MailReport | None = None


async def async_get_document(
    hass: HomeAssistant, source: Source, request: DocumentRequest
) -> Document:
    """Return a document made from a source; the document's file belongs to the current `Spool.scope`.

    Raises InputError, whose text says what to do; Unauthorized; HomeAssistantError: disk_full.
    """
    spool, limit_bytes, context = request.spool, request.limit_bytes, request.context
    kind, value, raw, paper = source.kind, source.value, source.raw, request.options.paper
    title = clean_title(source.title) or None
    is_foreign = False
    page = source.page_on(request.options)
    if raw and kind not in FILE_SOURCES | {SourceKind.TEXT}:
        raise InputError("raw_needs_file_or_text")
    if kind is SourceKind.DOCUMENT:
        document = await spool.async_copy_kept(value)
    elif kind in PAGE_BUILDERS and not raw:
        document = await async_text_page(
            hass, spool, value, kind=kind, title=title, paper=paper, options=page
        )
    elif kind in ENTITY_SOURCES and (entity_id := entity_of(kind, value)) is not None:
        document = await async_entity_document(
            hass,
            spool,
            entity_id,
            title=title,
            limit_bytes=limit_bytes,
            context=context,
            paper=paper,
            options=page,
        )
    else:
        path = await spool.async_new_path(".part")
        # Only the name of a file on this system may declare that the content is printer commands.
        may_be_raw = False
        write: Callable[[], object] = _nothing
        if kind is SourceKind.URL:
            name = await async_download(hass, value, path, limit_bytes)
            is_foreign = title is None
        elif kind is SourceKind.CONTENT:
            name = source.filename or await async_page_text(hass, "page_content")
            write = partial(_write_content, value, name, limit_bytes, path)
        elif kind is SourceKind.UPLOAD:
            name = await hass.async_add_executor_job(_move_upload, hass, value, limit_bytes, path)
        elif kind is SourceKind.TEXT:
            name = title or await async_page_text(hass, "page_raw")
            commands = _encoded(value, source.raw_encoding)
            if len(commands) > limit_bytes:
                raise too_large(name, limit_bytes)
            write = partial(write_bytes, path, commands)
        elif kind is SourceKind.FILE:
            local = Path(hass.config.path(value))
            name, may_be_raw = local.name, True
            file = LocalFile(local, tuple(hass.config.allowlist_external_dirs), name)
            write = partial(_copy_file, file, hass.config.config_dir, limit_bytes, path)
        else:
            found = await async_find_media(hass, value, context)
            if isinstance(found, MediaAddress):
                name = await async_fetch_media(hass, found, path, limit_bytes, context)
                is_foreign = title is None
            else:
                name, may_be_raw = found.name, True
                write = partial(_copy_file, found, hass.config.config_dir, limit_bytes, path)

        document = await async_make_document(
            hass,
            path,
            write,
            name,
            user=context.user_id,
            title=title,
            kind=FileType.RAW if raw else None,
            may_be_raw=may_be_raw,
        )
    document = await async_finish_document(hass, source, document, request)
    return replace(document, foreign_title=True) if is_foreign else document


async def async_finish_document(
    hass: HomeAssistant, source: Source, document: Document, request: DocumentRequest
) -> Document:
    """Return the document for a file in the spool: a text becomes a page; other files are opened and checked.

    Raises the errors of `make_text_document` and `async_open_document`.
    """
    kind, page = source.kind, source.page_on(request.options)
    if document.extension in TEXTS:
        title = clean_title(source.title) or None
        header = (title or "") if page.header else None
        style = await async_style(hass, request.options.paper, page, header=header)
        digest: str | None = None
        if header is not None:
            # The page will contain the time, so identify the document by a digest of the request.
            text = await hass.async_add_executor_job(file_digest, document.path)
            digest = digest_of(text, title, asdict(page))
        document = await hass.async_add_executor_job(make_text_document, document, style)
        document = replace(document, digest=digest)
    elif kind is not SourceKind.DOCUMENT or document.extension not in IMAGES:
        # A kept picture was checked when it was first opened.
        document = await async_open_document(
            hass,
            request.spool,
            document,
            password=source.password,
            incomplete=source.print_incomplete,
            limit_bytes=request.limit_bytes,
            user=request.context.user_id,
        )
    return document


async def async_open_document(
    hass: HomeAssistant,
    spool: Spool,
    document: Document,
    *,
    password: str | None,
    limit_bytes: int,
    user: str | None,
    incomplete: bool = False,
) -> Document:
    """Return the document after counting the pages of a PDF, or checking a picture by decoding it.

    A PDF with a password is replaced by an unlocked copy, and an OFD file by a PDF; `incomplete` allows that something
    in the OFD file cannot be drawn. Other documents are returned unchanged; without PDFium, so is a PDF.
    Raises InputError: file_damaged, image_unreadable, picture_unchecked, picture_check_unavailable,
    pdf_password_needed, pdf_password_wrong, pdf_damaged, pdf_needs_memory, pdf_takes_long, pdf_busy, file_too_large,
    ofd_incomplete, ofd_locked, ofd_too_large, ofd_not_supported; HomeAssistantError: disk_full.
    """
    if document.extension == FileType.OFD:
        return await async_ofd_as_pdf(
            hass, spool, document, incomplete=incomplete, limit_bytes=limit_bytes, user=user
        )
    if document.extension in IMAGES:
        try:
            await async_check_complete(hass, document.path, FileType(document.extension), user=user)
        except PdfError as err:
            if err.reason == "unavailable":
                raise InputError("picture_check_unavailable", name=document.name) from None
            raise pdf_error(err, document.name) from None
    if document.extension != FileType.PDF or document.pages is not None:
        return document
    worker = async_get_pdf_worker(hass)
    try:
        try:
            return replace(document, pages=await worker.async_count(document.path, user=user))
        except PdfError as err:
            if err.reason != "password" or not password:
                raise
        path = await spool.async_new_path(FileType.PDF)
        pages = await worker.async_count(
            document.path, password, user=user, copy=(path, limit_bytes)
        )
    except PdfUnavailableError:
        try:
            await hass.async_add_executor_job(check_end, str(document.path))
        except TaskError:
            raise InputError("file_damaged", name=document.name) from None
        return document
    except PdfError as err:
        raise pdf_error(err, document.name, password=password, limit_bytes=limit_bytes) from None
    # Two unlocked copies of a file differ, so use the digest of the locked file.
    digest = await hass.async_add_executor_job(file_digest, document.path)
    size = (await hass.async_add_executor_job(path.stat)).st_size
    return replace(document, path=path, size=size, pages=pages, digest=digest)


def _nothing() -> None:
    """Do nothing: the file has been written already."""


def _encoded(text: str, encoding: str) -> bytes:
    """Return printer commands, given as text, as bytes. Raises InputError: text_empty, raw_not_encodable."""
    if not text:
        raise InputError("text_empty")
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        raise InputError("raw_not_encodable", encoding=encoding) from None


def _move_upload(hass: HomeAssistant, file_id: str, limit_bytes: int, target: Path) -> str:
    """Move an uploaded file to `target`; return the file's name. Blocking: run it in the executor.

    Raises InputError: upload_gone, file_too_large.
    """
    moved = False
    try:
        with process_uploaded_file(hass, file_id) as original:
            name = original.name
            if original.stat().st_size > limit_bytes:
                raise too_large(name, limit_bytes)
            moved = move_file(original, target)
            if not moved:
                # The upload is on another disk.
                with original.open("rb") as reader:
                    copy_opened(reader, target, limit_bytes, name)
    except ValueError, KeyError, FileNotFoundError:
        # A file id works only once: if two calls use the same id at the same time, only one gets the file.
        if not moved:
            raise InputError("upload_gone") from None
    return name


def _write_content(content: str, name: str, limit_bytes: int, target: Path) -> None:
    """Decode base64 text into the new file `target`. Blocking: run it in the executor.

    Raises InputError: content_not_base64, file_too_large; HomeAssistantError: disk_full.
    """
    try:
        with translate_disk_errors(), open_private(target) as writer:
            write_base64(writer, content, limit_bytes, name)
    except ValueError:
        raise InputError("content_not_base64") from None


def _copy_file(file: LocalFile, config_dir: str, limit_bytes: int, target: Path) -> None:
    """Copy a local file to `target`. Blocking: run it in the executor.

    Raises the same errors as `open_allowed` and `copy_opened`.
    """
    with open_allowed(file.path, file.roots, config_dir) as reader:
        if os.fstat(reader.fileno()).st_size > limit_bytes:
            raise too_large(file.name, limit_bytes)
        copy_opened(reader, target, limit_bytes, file.name)


# Devices of the home network send a PDF or JPEG, which stays as it is, or raster pages, which become a PDF.

# Seconds for one turn of the PDF process with raster pages; the process always finishes a page that it has begun.
RASTER_SECONDS: Final = 50
_UNCHANGED_TYPES: Final = frozenset({FileType.PDF, FileType.JPEG})
# Keys of the texts for PdfError reasons about raster pages; other reasons have the texts of `pdf_error`.
_RASTER_ERRORS: Final = {
    **dict.fromkeys(("damaged", "missing"), "file_damaged"),
    **dict.fromkeys(("unsupported", "unavailable"), "type_not_supported"),
    "raster_too_large": "raster_too_large",
}


async def async_lan_document(
    hass: HomeAssistant,
    spool: Spool,
    path: Path,
    *,
    name: str,
    title: str,
    limit_bytes: int,
    papers: Callable[[], Sequence[tuple[int, int]]],
    user: str | None,
) -> Document:
    """Return the document for a spool file that a device of the home network has sent.

    `papers` returns the widths and heights of papers in 0.01 mm; each raster page must fit on one of these papers.
    Raises InputError: file_empty, file_damaged, file_too_large, raster_too_large, type_not_supported, and those of
    `async_open_document`.
    """
    admitted = partial(_unchanged_document, path, name, title=title)
    if (document := await hass.async_add_executor_job(admitted)) is not None:
        return await async_open_document(
            hass, spool, document, password=None, limit_bytes=limit_bytes, user=user
        )
    target = await spool.async_new_path(FileType.PDF)
    worker = async_get_pdf_worker(hass)
    answer: dict[str, Any] = {"position": 0, "objects": [], "pixels": 0}
    fixed = {"path": str(path), "target": str(target), "limit": limit_bytes, "papers": papers()}
    while "pages" not in answer:
        request = {**answer, **fixed}
        try:
            answer = await worker.async_run_pdf_task(
                "raster", request, user=user, seconds=RASTER_SECONDS
            )
        except PdfError as err:
            if key := _RASTER_ERRORS.get(err.reason):
                raise InputError(key, name=name) from None
            raise pdf_error(err, name, limit_bytes=limit_bytes) from None
    return await hass.async_add_executor_job(
        partial(make_document, target, name, title=title, kind=FileType.PDF, pages=answer["pages"])
    )


def _unchanged_document(path: Path, name: str, *, title: str) -> Document | None:
    """Return the document for a PDF or JPEG, or None for raster pages.

    Raises InputError: file_empty, file_damaged, type_not_supported.
    """
    with path.open("rb") as file:
        if file.read(len(URF_SYNC)).startswith((URF_SYNC, PWG_SYNC)):
            return None
    try:
        kind = sniff(path, name)
    except InputError as err:
        if err.reason in ("file_empty", "file_damaged"):
            raise
        raise InputError("type_not_supported", name=name) from None
    if kind not in _UNCHANGED_TYPES:
        raise InputError("type_not_supported", name=name)
    return make_document(path, name, title=title, kind=kind)
