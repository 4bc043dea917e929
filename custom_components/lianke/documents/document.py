"""Documents (spooled files with their type, size and pages), kinds of sources, and detection of a file's type.

`sniff` is blocking: run it in the executor.
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
from ..input_error import InputError
from .encoding import SURE_ENCODINGS, UTF_16, can_be_text, guess_encoding


def digest_of(*identity: object) -> str:
    return hashlib.sha256(json.dumps(identity, default=str).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal. Blocking: run it in the executor."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def too_large(name: str, limit_bytes: int) -> InputError:
    return InputError("file_too_large", name=name, limit=str(limit_bytes // 1024**2))


@dataclass(frozen=True, kw_only=True, slots=True)
class Document(UploadFile, Record):
    """A file ready to be uploaded, which is in the spool until a job takes it over.

    The document's name has the extension that its content requires.
    """

    extension: str
    # None if Home Assistant cannot count the pages; even then, `pages_at_most` may be known.
    pages: int | None
    # Users may see the title, so it quotes nothing of the content.
    title: str
    # Whether a stranger may have chosen the title: the server from which the document was downloaded, or the sender of
    # the mail to which it was attached.
    foreign_title: bool = False
    # Whether the document is a picture from a camera or image entity, which would be useless tomorrow.
    snapshot: bool = False
    # Identifies a document whose bytes differ each time it is made: a digest of the request, or of the file from which
    # it is made, such as a locked PDF or an OFD file. None if the bytes themselves identify the document.
    digest: str | None = None
    pages_at_most: int | None = None
    # Hash of the printer and options for which the service counted `pages`; None if the count holds for all printers
    # and options.
    counted_for: str | None = None
    # Lets the service reuse the document that it prepared for a preview.
    ticket: str | None = field(default=None, repr=False)
    # Hash of the printer and options for which the ticket is valid.
    ticket_scope: str | None = None


RAW_ENCODINGS = ("utf-8", "gb18030")


class SourceKind(StrEnum):
    """Kinds of sources; the values are the names of the actions' fields."""

    UPLOAD = "upload"
    MEDIA = "media"
    FILE = "file"
    URL = "url"
    ENTITY = "source_entity"
    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    CONTENT = "content"
    MAIL = "mail"
    DOCUMENT = "document"


OLE_MAGIC: Final = bytes.fromhex("d0cf11e0a1b11ae1")
# Maximum number of streams and folders in an OLE file, far more than any document has.
MAX_OLE_ENTRIES: Final = 4096
OLE_HEADER_BYTES: Final = 512
OLE_SECTOR_SHIFTS: Final = (9, 12)
# Number of sectors of the sector table (FAT) that the header itself can list. A file's table may have at most twice
# this number of sectors in addition to those that the file needs.
OLE_HEADER_FAT_SECTORS: Final = 109
_OLE_ERRORS: Final = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    struct.error,
    RecursionError,
)


def ole_root_names(path: Path) -> frozenset[str] | None:
    """Return the names of the streams and folders at the root of an OLE file; None if it is cut off or damaged.

    Entries below the root are left out, since these belong to embedded documents.
    """
    from olefile import OleFileIO  # noqa: PLC0415  # few files need olefile

    class Bounded(OleFileIO):  # type: ignore[misc]  # olefile has no types
        def _load_direntry(self, sid: int) -> Any:
            if sid >= MAX_OLE_ENTRIES:
                raise ValueError
            return super()._load_direntry(sid)

    with path.open("rb") as file:
        header = file.read(OLE_HEADER_BYTES)
    shift = int.from_bytes(header[30:32], "little")
    if len(header) < OLE_HEADER_BYTES or shift not in OLE_SECTOR_SHIFTS:
        return None
    # olefile reads the whole FAT first, so refuse a small file that claims to have a large FAT.
    table_sectors = int.from_bytes(header[44:48], "little")
    if (table_sectors - 2 * OLE_HEADER_FAT_SECTORS) << (shift - 2) > path.stat().st_size >> shift:
        return None
    try:
        with Bounded(path) as document:
            return frozenset(one.name.partition("\0")[0] for one in document.root.kids)
    except _OLE_ERRORS:
        return None


# Content types of the files that the service takes, by extension (lianke-api.md: POST /print/job, jobFile).
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
HEAD_BYTES = 8192
# Maximum bytes of a ZIP directory; a file with a larger directory counts as damaged.
MAX_ZIP_DIRECTORY = 4 * 1024 * 1024
RAW_STARTS = (b"\x1b", b"@PJL", b"^XA")
HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"}
)
# Root entries that show the type of an old Office file; the first match decides.
OLE_STREAMS = {
    "WordDocument": ".doc",
    "Workbook": ".xls",
    "Book": ".xls",
    "PowerPoint Document": ".ppt",
}
# A protected new Office file is an OLE file with these entries.
OLE_PROTECTED = frozenset({"EncryptedPackage", "EncryptionInfo"})
OLE_NAMES = {".wps": ".doc", ".et": ".xls", ".dps": ".ppt"}
OOXML_FOLDERS = {"word/": ".docx", "xl/": ".xlsx", "ppt/": ".pptx"}
# PostScript, RTF, SVG and XML are written for programs; nobody wants this source code printed as text.
_POSTSCRIPT = re.compile(rb"%!(ps|\s|\Z)")
FOREIGN_TEXT = (b"{\\rtf", b"<svg", b"<?xml")
_COMMENTS = re.compile(rb"\A(?:<!--.*?-->\s*)+", re.DOTALL)
TEXT_SUFFIXES = frozenset({".txt", ".csv", ".tsv", ".md", ".markdown", ".log"})
# A text file with one of these suffixes is a server's error page, or has the wrong name. Office suffixes are not
# listed, since many programs give them to HTML tables.
NOT_TEXT_SUFFIXES = frozenset(
    {".pdf", ".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ofd"}
)
# Matches the beginning of a raw e-mail (RFC 5322, 3.6). E-mails are refused: their attachments are encoded text.
_MAIL = re.compile(
    rb"\A(?:from |(?:return-path|received|delivered-to|dkim-signature|authentication-results|x-[a-z-]+|mime-version"
    rb"|message-id|date|from|to|subject|reply-to):)",
    re.IGNORECASE,
)
_PRIVATE_KEY = re.compile(rb"^-----BEGIN [A-Z0-9 ]{0,20}PRIVATE KEY( BLOCK)?-----", re.MULTILINE)
_MIME = re.compile(rb"^mime-version:", re.IGNORECASE | re.MULTILINE)


class FileType(StrEnum):
    """Types of files; the values are their extensions."""

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
    OFD = ".ofd"


# Other extensions of these types.
_OTHER_SUFFIXES: Final = frozenset({".jpeg", ".tif", ".htm", ".markdown", ".heif", ".avif"})
KNOWN_SUFFIXES: Final = _OTHER_SUFFIXES | {kind.value for kind in FileType}

IMAGE_STARTS: Final[dict[bytes | tuple[bytes, ...], FileType]] = {
    b"\xff\xd8\xff": FileType.JPEG,
    b"\x89PNG\r\n\x1a\n": FileType.PNG,
    (b"GIF87a", b"GIF89a"): FileType.GIF,
    (b"II*\0", b"MM\0*"): FileType.TIFF,
}
IMAGES = frozenset({FileType.JPEG, FileType.PNG, FileType.BMP, FileType.GIF, FileType.TIFF})
CONVERTED_IMAGES = frozenset({FileType.WEBP, FileType.HEIF})
TEXTS = frozenset({FileType.TEXT, FileType.CSV, FileType.MARKDOWN})


def sniff(path: Path, name: str, *, may_be_raw: bool = False) -> FileType:
    """Return a file's type by its content; the name only tells kinds of text and of old Office files apart.

    A file counts as printer commands only if its name ends in .prn and `may_be_raw` is set, which is meant for files on
    this system.
    Raises InputError: file_empty, file_damaged, content_not_as_named, mail_not_supported, office_protected,
    private_key, raw_not_asked_for, text_unreadable, type_not_supported; OSError when the file cannot be read.
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
    if kind is None and (kind := _text_kind(head, name, suffix)) and suffix in NOT_TEXT_SUFFIXES:
        raise InputError("content_not_as_named", name=name)
    if kind is None:
        reason = "file_damaged" if suffix in NOT_TEXT_SUFFIXES else "type_not_supported"
        raise InputError(reason, name=name)
    return FileType(kind)


def _binary_kind(path: Path, head: bytes, name: str, suffix: str) -> str | None:
    # Some programs write a few bytes before %PDF-, and PDF readers accept these.
    if head.lstrip().startswith(b"%PDF-") or (suffix == FileType.PDF and b"%PDF-" in head[:1024]):
        return FileType.PDF
    if known := next(
        (kind for start, kind in IMAGE_STARTS.items() if head.startswith(start)), None
    ):
        return known
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0" and b"\0" in head[14:18]:
        return FileType.BMP
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return FileType.WEBP
    if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
        return FileType.HEIF
    if head.startswith(OLE_MAGIC):
        return _ole_kind(path, name, suffix)
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(path, name)
    return None


def _ole_kind(path: Path, name: str, suffix: str) -> str | None:
    """Return the type of an old Office file, or None for other OLE files.

    Raises InputError: file_damaged, office_protected.
    """
    if (names := ole_root_names(path)) is None:
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
    """Limits the size of a ZIP directory: zipfile loads all of it, into a dozen times as many bytes of memory."""

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        """Raise BadZipFile if the caller asks for more than MAX_ZIP_DIRECTORY bytes at once."""
        if size is None or not 0 <= size <= MAX_ZIP_DIRECTORY:
            raise zipfile.BadZipFile
        return super().read(size)


def _zip_kind(path: Path, name: str) -> str | None:
    """Return the type of a new Office file or OFD by the names of its parts, or None for other ZIP files.

    Raises InputError: file_damaged.
    """
    try:
        with _ZipReader(FileIO(path)) as file, zipfile.ZipFile(file) as archive:
            # Some programs write paths with backslashes.
            names = [part.replace("\\", "/") for part in archive.namelist()]
    except zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, struct.error:
        raise InputError("file_damaged", name=name) from None
    if any(part.rpartition("/")[2].lower() == "ofd.xml" for part in names):
        return FileType.OFD
    if "[Content_Types].xml" not in names:
        return None
    for folder, kind in OOXML_FOLDERS.items():
        if any(part.startswith(folder) for part in names):
            return kind
    return None


def _text_kind(head: bytes, name: str, suffix: str) -> FileType | None:
    encoding = guess_encoding(head)
    # HTML may be in UTF-16: convert it to UTF-8 for the checks below.
    head = head.decode(encoding, "ignore").encode() if encoding in UTF_16 else head
    # Windows drivers begin PostScript with Ctrl-D.
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
    # A file with any other suffix is text only if its encoding needs no guess.
    if suffix not in TEXT_SUFFIXES and encoding not in SURE_ENCODINGS:
        return None
    if suffix in (".csv", ".tsv"):
        return FileType.CSV
    if suffix in (".md", ".markdown"):
        return FileType.MARKDOWN
    return FileType.TEXT
