"""Tell the type of a file by what is in it. Everything here blocks: run it in the executor."""

from enum import StrEnum
from io import BufferedReader, FileIO
from pathlib import Path
from typing import override
import zipfile

from .document import input_error

HEAD_BYTES = 8192
MAX_ZIP_DIRECTORY = 4 * 1024 * 1024
OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
RAW_STARTS = (b"\x1b", b"@PJL", b"^XA")
HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif"}
)
# Markers in the names of the streams, as they stand in the directory of the file.
OLE_STREAMS = {
    "WordDocument".encode("utf-16-le"): ".doc",
    "Workbook".encode("utf-16-le"): ".xls",
    "Book".encode("utf-16-le"): ".xls",
    "PowerPoint Document".encode("utf-16-le"): ".ppt",
}
OLE_NAMES = {".wps": ".doc", ".et": ".xls", ".dps": ".ppt"}
OOXML_FOLDERS = {"word/": ".docx", "xl/": ".xlsx", "ppt/": ".pptx"}
# Text that is a program for something else: printed as it stands it is only noise.
FOREIGN_TEXT = (b"%!ps", b"{\\rtf", b"<svg", b"<?xml")
TEXT_ENCODINGS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}


class Kind(StrEnum):
    """What kind of file it is; the value is its extension."""

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


IMAGES = frozenset({Kind.JPEG, Kind.PNG, Kind.BMP, Kind.GIF, Kind.TIFF})
CONVERTED_IMAGES = frozenset({Kind.WEBP, Kind.HEIF})
TEXTS = frozenset({Kind.TEXT, Kind.CSV, Kind.MARKDOWN})


def sniff(path: Path, name: str) -> Kind:
    """Return the kind of the file at path.

    The name only helps where the content says nothing: text, raw commands and old
    Office files. Raises ServiceValidationError: file_empty, ofd_not_supported,
    type_not_supported; OSError when the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise input_error("file_empty", name=name)
    suffix = Path(name).suffix.lower()
    kind = _binary_kind(path, head, suffix) or _text_kind(head, suffix)
    if kind is None:
        raise input_error("type_not_supported", name=name)
    if kind == ".ofd":
        raise input_error("ofd_not_supported", name=name)
    return Kind(kind)


def _binary_kind(path: Path, head: bytes, suffix: str) -> str | None:
    # Some writers put a few bytes before the mark; readers accept that.
    if head.lstrip().startswith(b"%PDF-") or (suffix == Kind.PDF and b"%PDF-" in head[:1024]):
        return Kind.PDF
    if head.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return Kind.GIF
    if head.startswith((b"II*\0", b"MM\0*")):
        return Kind.TIFF
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0" and b"\0" in head[14:18]:
        return Kind.BMP
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return Kind.WEBP
    if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
        return Kind.HEIF
    if head.startswith(OLE_MAGIC):
        return _ole_kind(path, head, suffix)
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(path)
    if suffix == Kind.RAW or head.startswith(RAW_STARTS):
        return Kind.RAW
    return None


def _ole_kind(path: Path, head: bytes, suffix: str) -> str | None:
    """Tell Word, Excel and PowerPoint apart by the streams in the first directory sector."""
    sector_size = 1 << min(int.from_bytes(head[30:32], "little"), 12)
    first_sector = int.from_bytes(head[48:52], "little")
    with path.open("rb") as file:
        file.seek((first_sector + 1) * sector_size)
        directory = file.read(8 * 4096)
    for marker, kind in OLE_STREAMS.items():
        # A name is followed by zeros up to 64 bytes, so "Book" is not in "Workbook".
        if any(
            directory[start : start + 64].startswith(marker + b"\0\0")
            for start in range(0, len(directory), 128)
        ):
            return kind
    if suffix in (".doc", ".xls", ".ppt"):
        return suffix
    return OLE_NAMES.get(suffix)


class _ZipReader(BufferedReader):
    """A file whose directory zipfile may read, wherever it is told how large that is.

    zipfile reads the whole directory into memory at once and makes a dozen times as much of it.
    """

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next size bytes; raises BadZipFile for more than a directory may have."""
        if size is None or not 0 <= size <= MAX_ZIP_DIRECTORY:
            raise zipfile.BadZipFile
        return super().read(size)


def _zip_kind(path: Path) -> str | None:
    """Tell new Office files and OFD by the names of their parts."""
    try:
        with _ZipReader(FileIO(path)) as file, zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile, ValueError, NotImplementedError:
        return None
    if any(part.rpartition("/")[2].lower() == "ofd.xml" for part in names):
        return ".ofd"
    if "[Content_Types].xml" not in names:
        return None
    for folder, kind in OOXML_FOLDERS.items():
        if any(part.startswith(folder) for part in names):
            return kind
    return None


def _text_kind(head: bytes, suffix: str) -> Kind | None:
    has_mark = head.startswith(tuple(TEXT_ENCODINGS))
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return Kind.HTML
    if suffix in (".html", ".htm") and b"<" in head and b"\0" not in head:
        return Kind.HTML
    if b"<html" in head[:2048].lower() and start.startswith((b"<?xml", b"<!--")):
        return Kind.HTML
    if start.startswith(FOREIGN_TEXT):
        return None
    if not has_mark and not _reads_as_text(head, suffix):
        return None
    if suffix == ".csv":
        return Kind.CSV
    if suffix in (".md", ".markdown"):
        return Kind.MARKDOWN
    return Kind.TEXT


def _reads_as_text(head: bytes, suffix: str) -> bool:
    if any(byte < 32 and byte not in (9, 10, 12, 13) for byte in head):
        return False
    encodings = ["utf-8"]
    if suffix in (".txt", ".csv", ".md", ".markdown", ".log"):
        encodings.append("gb18030")
    return any(_decodes(head, encoding) for encoding in encodings)


def _decodes(head: bytes, encoding: str) -> bool:
    # The head may end inside a character of up to four bytes.
    for cut in range(4):
        try:
            head[: len(head) - cut].decode(encoding)
        except UnicodeDecodeError:
            if len(head) < HEAD_BYTES:
                return False
        else:
            return True
    return False


def decode_text(data: bytes) -> str:
    """Return the text in data: UTF-8, UTF-16 with its mark, or GB18030."""
    for mark, encoding in TEXT_ENCODINGS.items():
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("gb18030", errors="replace")
