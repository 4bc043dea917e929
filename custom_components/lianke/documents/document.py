"""A document: a file in the spool with its type, size and pages; how types are told by content; kinds of sources.

Telling a type blocks: run it in the executor.
"""

from dataclasses import dataclass, field
from enum import StrEnum
import hashlib
from io import BufferedReader, FileIO
import json
from pathlib import Path
import re
import struct
from typing import Any, Final, override
import zipfile

from ..api.stored import Record
from ..api.upload import UploadFile
from ..errors import InputError
from .encoding import SURE_ENCODINGS, UTF_16, can_be_text, guess_encoding


def digest_of(*asked: object) -> str:
    """Return the digest of a request for a document."""
    return hashlib.sha256(json.dumps(asked, default=str).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file; blocking."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def too_large(name: str, limit_bytes: int) -> InputError:
    """Return the error for a file above the limit, given in MB."""
    return InputError("file_too_large", name=name, limit=str(limit_bytes // 1024**2))


@dataclass(frozen=True, kw_only=True, slots=True)
class Document(UploadFile, Record):
    """A file ready to be uploaded.

    `path` is in the spool until a job takes it over. `name` carries the extension that
    fits the content. `pages` is None when it cannot be known here; then
    `pages_at_most` may be known. `counted_for` names the printer and options that `pages` is
    right for where the service has counted them, None where it is for all. `title` is what a
    user may see of it and quotes none of its content; `foreign_title` says that the server that it came from wrote it.
    `snapshot` says that a camera or image is on it, which is of no use tomorrow.
    `digest` tells documents apart by what
    was asked for, where one is made here and so carries the time; None where its bytes do.
    `ticket` lets the service reuse what it has prepared for the printer and options named by
    `ticket_scope`.
    """

    extension: str
    pages: int | None
    title: str
    foreign_title: bool = False
    snapshot: bool = False
    digest: str | None = None
    pages_at_most: int | None = None
    counted_for: str | None = None
    ticket: str | None = field(default=None, repr=False)
    ticket_scope: str | None = None


RAW_ENCODINGS = ("utf-8", "gb18030")


class SourceKind(StrEnum):
    """The kinds of sources; the values are the names of the actions' fields."""

    UPLOAD = "upload"
    MEDIA = "media"
    FILE = "file"
    URL = "url"
    ENTITY = "source_entity"
    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    CONTENT = "content"
    DOCUMENT = "document"


MAGIC: Final = bytes.fromhex("d0cf11e0a1b11ae1")
# Of streams and folders: far more than any document has.
MAX_DIRECTORY_ENTRIES: Final = 4096
HEADER_BYTES: Final = 512
SECTOR_SHIFTS: Final = (9, 12)
# Of the sectors with the table of all sectors, in a header; a file may have so many that it does not need.
HEADER_FAT_SECTORS: Final = 109
_OLE_ERRORS: Final = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    struct.error,
    RecursionError,
)


def root_names(path: Path) -> frozenset[str] | None:
    """Return the names of the streams and folders at the root; None when the file is cut off or damaged.

    Embedded documents are in folders below, which are left out.
    """
    from olefile import OleFileIO  # noqa: PLC0415  # few files need it

    class Bounded(OleFileIO):  # type: ignore[misc]  # it has no types
        def _load_direntry(self, sid: int) -> Any:
            if sid >= MAX_DIRECTORY_ENTRIES:
                raise ValueError
            return super()._load_direntry(sid)

    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    shift = int.from_bytes(header[30:32], "little")
    if len(header) < HEADER_BYTES or shift not in SECTOR_SHIFTS:
        return None
    # The table is read whole, before anything else: a small file must not have a large one.
    table_sectors = int.from_bytes(header[44:48], "little")
    if (table_sectors - 2 * HEADER_FAT_SECTORS) << (shift - 2) > path.stat().st_size >> shift:
        return None
    try:
        with Bounded(path) as document:
            return frozenset(one.name.partition("\0")[0] for one in document.root.kids)
    except _OLE_ERRORS:
        return None


CONTENT_TYPES: Final = {
    ".pdf": "application/pdf",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".tiff": "image/tiff",
    ".doc": "application/msword",
    ".xls": "application/vnd.ms-excel",
    ".ppt": "application/vnd.ms-powerpoint",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".html": "text/html",
    ".prn": "application/octet-stream",
}
"""The types the service takes (lianke-api: POST /print/job, jobFile)."""
HEAD_BYTES = 8192
MAX_ZIP_DIRECTORY = 4 * 1024 * 1024
RAW_STARTS = (b"\x1b", b"@PJL", b"^XA")
HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"}
)
# Entries at the root of an old Office file; the first match counts.
OLE_STREAMS = {
    "WordDocument": ".doc",
    "Workbook": ".xls",
    "Book": ".xls",
    "PowerPoint Document": ".ppt",
}
# A protected new Office file is as a whole in one of these.
OLE_PROTECTED = frozenset({"EncryptedPackage", "EncryptionInfo"})
OLE_NAMES = {".wps": ".doc", ".et": ".xls", ".dps": ".ppt"}
OOXML_FOLDERS = {"word/": ".docx", "xl/": ".xlsx", "ppt/": ".pptx"}
# Source code of pages for a program: as text it is only noise.
_POSTSCRIPT = re.compile(rb"%!(ps|\s|\Z)")
FOREIGN_TEXT = (b"{\\rtf", b"<svg", b"<?xml")
_COMMENTS = re.compile(rb"\A(?:<!--.*?-->\s*)+", re.DOTALL)
TEXT_SUFFIXES = frozenset({".txt", ".csv", ".tsv", ".md", ".markdown", ".log"})
# Where such a file holds text, it is the error page of a server, or was named by mistake. Not so Office
# files: many programs give a table in HTML the name of one.
NEVER_TEXT = frozenset({".pdf", ".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp"})
# Lines that an e-mail as it is sent begins with (RFC 5322, 3.6); it holds its attachments as text.
_MAIL = re.compile(
    rb"\A(?:from |(?:return-path|received|delivered-to|dkim-signature|authentication-results|x-[a-z-]+|mime-version"
    rb"|message-id|date|from|to|subject|reply-to):)",
    re.IGNORECASE,
)
_PRIVATE_KEY = re.compile(rb"^-----BEGIN [A-Z0-9 ]{0,20}PRIVATE KEY( BLOCK)?-----", re.MULTILINE)
_MIME = re.compile(rb"^mime-version:", re.IGNORECASE | re.MULTILINE)


class FileType(StrEnum):
    """The type of a file; the value is its extension."""

    PDF = ".pdf"
    JPEG = ".jpg"
    PNG = ".png"
    BMP = ".bmp"
    GIF = ".gif"
    TIFF = ".tiff"
    WEBP = ".webp"
    HEIF = ".heic"
    DOC = ".doc"
    XLS = ".xls"
    PPT = ".ppt"
    DOCX = ".docx"
    XLSX = ".xlsx"
    PPTX = ".pptx"
    HTML = ".html"
    RAW = ".prn"
    TEXT = ".txt"
    CSV = ".csv"
    MARKDOWN = ".md"


STARTS: Final[dict[bytes | tuple[bytes, ...], FileType]] = {
    b"\xff\xd8\xff": FileType.JPEG,
    b"\x89PNG\r\n\x1a\n": FileType.PNG,
    (b"GIF87a", b"GIF89a"): FileType.GIF,
    (b"II*\0", b"MM\0*"): FileType.TIFF,
}
IMAGES = frozenset({FileType.JPEG, FileType.PNG, FileType.BMP, FileType.GIF, FileType.TIFF})
CONVERTED_IMAGES = frozenset({FileType.WEBP, FileType.HEIF})
TEXTS = frozenset({FileType.TEXT, FileType.CSV, FileType.MARKDOWN})


def sniff(path: Path, name: str, *, may_be_raw: bool = False) -> FileType:
    """Return the type of the file at path.

    The name only helps where the content says nothing: text and old Office files. Printer
    commands are told by nothing but a name that ends in .prn, and that only with may_be_raw: where
    the name is of a file on this system. Raises InputError: file_empty, file_damaged,
    content_not_as_named, mail_not_supported, office_protected, ofd_not_supported, private_key, raw_not_asked_for,
    text_unreadable, type_not_supported; OSError when the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise InputError("file_empty", name=name)
    suffix = Path(name).suffix.lower()
    kind = _binary_kind(path, head, name, suffix)
    if kind is None and (suffix == FileType.RAW or head.startswith(RAW_STARTS)):
        if not may_be_raw or suffix != FileType.RAW:
            raise InputError("raw_not_asked_for", name=name)
        kind = FileType.RAW
    if kind is None and (kind := _text_kind(head, name, suffix)) and suffix in NEVER_TEXT:
        raise InputError("content_not_as_named", name=name)
    if kind is None:
        reason = "file_damaged" if suffix in NEVER_TEXT else "type_not_supported"
        raise InputError(reason, name=name)
    if kind == ".ofd":
        raise InputError("ofd_not_supported", name=name)
    return FileType(kind)


def _binary_kind(path: Path, head: bytes, name: str, suffix: str) -> str | None:
    # Some programs write a few bytes before the mark; readers accept that.
    if head.lstrip().startswith(b"%PDF-") or (suffix == FileType.PDF and b"%PDF-" in head[:1024]):
        return FileType.PDF
    if known := next((kind for start, kind in STARTS.items() if head.startswith(start)), None):
        return known
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0" and b"\0" in head[14:18]:
        return FileType.BMP
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return FileType.WEBP
    if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
        return FileType.HEIF
    if head.startswith(MAGIC):
        return _ole_kind(path, name, suffix)
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(path, name)
    return None


def _ole_kind(path: Path, name: str, suffix: str) -> str | None:
    """Return whether it is Word, Excel or PowerPoint, by the entries at the root of the file."""
    if (names := root_names(path)) is None:
        raise InputError("file_damaged", name=name)
    if names & OLE_PROTECTED:
        raise InputError("office_protected", name=name)
    for stream, kind in OLE_STREAMS.items():
        if stream in names:
            return kind
    if suffix in (".doc", ".xls", ".ppt"):
        return suffix
    return OLE_NAMES.get(suffix)


class _ZipReader(BufferedReader):
    """Reader that limits how large a directory zipfile reads.

    zipfile reads the whole directory into memory at once and makes a dozen times as much of it.
    """

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next size bytes; raises BadZipFile beyond the limit of a directory."""
        if size is None or not 0 <= size <= MAX_ZIP_DIRECTORY:
            raise zipfile.BadZipFile
        return super().read(size)


def _zip_kind(path: Path, name: str) -> str | None:
    """Return the type of new Office files and OFD, by the names of their parts."""
    try:
        with _ZipReader(FileIO(path)) as file, zipfile.ZipFile(file) as archive:
            # Some programs write the paths of Windows.
            names = [part.replace("\\", "/") for part in archive.namelist()]
    except zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, struct.error:
        raise InputError("file_damaged", name=name) from None
    if any(part.rpartition("/")[2].lower() == "ofd.xml" for part in names):
        return ".ofd"
    if "[Content_Types].xml" not in names:
        return None
    for folder, kind in OOXML_FOLDERS.items():
        if any(part.startswith(folder) for part in names):
            return kind
    return None


def _text_kind(head: bytes, name: str, suffix: str) -> FileType | None:
    encoding = guess_encoding(head)
    # In UTF-16 a page is a page, too.
    head = head.decode(encoding, "ignore").encode() if encoding in UTF_16 else head
    # Drivers of Windows begin PostScript with a Ctrl-D.
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\x04 \t\r\n\v\f")[:200].lower()
    if suffix not in TEXT_SUFFIXES and _MAIL.match(start) and _MIME.search(head):
        raise InputError("mail_not_supported", name=name)
    if start.startswith((b"<!doctype html", b"<html")):
        return FileType.HTML
    if suffix in (".html", ".htm") and b"<" in head and b"\0" not in head:
        return FileType.HTML
    if b"<html" in head[:2048].lower() and start.startswith((b"<?xml", b"<!--")):
        return FileType.HTML
    if suffix not in TEXT_SUFFIXES and _PRIVATE_KEY.search(head):
        raise InputError("private_key", name=name)
    bare = _COMMENTS.sub(b"", head.removeprefix(b"\xef\xbb\xbf").lstrip())[:200].lower()
    if bare.startswith(FOREIGN_TEXT) or _POSTSCRIPT.match(start):
        return None
    if encoding is None and suffix in TEXT_SUFFIXES and (b"\0" in head or not can_be_text(head)):
        raise InputError("text_unreadable", name=name)
    # Without a name that says text, only what is certain.
    if suffix not in TEXT_SUFFIXES and encoding not in SURE_ENCODINGS:
        return None
    if suffix in (".csv", ".tsv"):
        return FileType.CSV
    if suffix in (".md", ".markdown"):
        return FileType.MARKDOWN
    return FileType.TEXT
