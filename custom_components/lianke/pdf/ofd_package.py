"""Read the parts of an OFD file, a ZIP file of XML and pictures whose paths are often written carelessly."""

from contextlib import suppress
from typing import Any, BinaryIO, Final
import zipfile
import zlib

from lxml import etree

from .process import TaskError

# Maximum number of parts in a file; an OFD file of 2,000 pages has about 6,000.
MAX_OFD_PARTS: Final = 20_000
# Maximum bytes of an XML part; the parsed tree takes up to twenty times as much memory.
MAX_XML_BYTES: Final = 8 * 1024 * 1024
# Maximum bytes of a picture or font.
MAX_PART_BYTES: Final = 64 * 1024 * 1024
# Maximum total bytes of all parts that are read.
MAX_ALL_PARTS_BYTES: Final = 256 * 1024 * 1024

_ZIP_ERRORS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    OverflowError,
)
_PACKED: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UTF8_NAME: Final = 0x800


class Gaps:
    """What cannot be drawn: page numbers by the kind of what is missing (seal, picture, text, page, part)."""

    def __init__(self) -> None:
        # The number of the page that is being drawn.
        self.page = 1
        self.pages: dict[str, set[int]] = {}
        # Characters that no font has, in the order of their discovery.
        self.letters: dict[str, None] = {}

    def add(self, kind: str, page: int | None = None) -> None:
        self.pages.setdefault(kind, set()).add(page or self.page)


def joined(folder: str, location: str) -> str:
    """Return the path of a part; `folder` is ignored if the location begins with a slash."""
    location = location.strip().replace("\\", "/")
    parts: list[str] = []
    for part in (location if location.startswith("/") else f"{folder}/{location}").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def folder_of_part(path: str) -> str:
    return path.rpartition("/")[0]


def flag(element: Any, name: str, default: bool) -> bool:
    return str(element.get(name, default)).strip().lower() in ("true", "1")


class Package:
    """The parts of an OFD file, by path. Paths are not case-sensitive."""

    def __init__(self, file: BinaryIO | str, gaps: Gaps) -> None:
        """Raise TaskError: damaged, ofd_too_large."""
        try:
            self._zip = zipfile.ZipFile(file)
        except FileNotFoundError:
            raise
        except _ZIP_ERRORS:
            raise TaskError("damaged") from None
        self._gaps = gaps
        self._left = MAX_ALL_PARTS_BYTES
        self._parts: dict[str, zipfile.ZipInfo] = {}
        self._named: dict[str, list[str]] = {}
        if len(infos := self._zip.infolist()) > MAX_OFD_PARTS:
            raise TaskError("ofd_too_large")
        for info in infos:
            for name in _names(info):
                path = joined("", name)
                if not name.endswith(("/", "\\")) and path.casefold() not in self._parts:
                    self._parts[path.casefold()] = info
                    self._named.setdefault(path.casefold().rpartition("/")[2], []).append(path)

    def find(self, location: str | None, *folders: str) -> str | None:
        """Return the path of a part in one of these folders or in the root.

        If the part is in none of them, return the path of the only part with that file name; None if there is no such
        part, or more than one.
        """
        if not location or not location.strip():
            return None
        for folder in (*folders, ""):
            if (path := joined(folder, location)).casefold() in self._parts:
                return path
        same = self._named.get(joined("", location).casefold().rpartition("/")[2], [])
        return same[0] if len(same) == 1 else None

    def read(self, path: str | None, limit: int = MAX_PART_BYTES) -> bytes | None:
        """Return a part; None if it is missing, damaged or locked. Raises TaskError: ofd_too_large."""
        info = self._parts.get((path or "").casefold())
        if info is None or info.compress_type not in _PACKED:
            return None
        try:
            with self._zip.open(info) as part:
                data = part.read(min(limit, self._left) + 1)
        except _ZIP_ERRORS:
            return None
        self._left -= len(data)
        if len(data) > limit or self._left < 0:
            raise TaskError("ofd_too_large")
        return data

    def xml(self, path: str | None) -> Any:
        """Return the root of an XML part, with element names without namespace; None if the part cannot be read.

        If the XML has errors, the root contains what could be read, and the page is added to the gaps.
        Raises TaskError: ofd_too_large.
        """
        data = self.read(path, MAX_XML_BYTES)
        if data is None:
            return None
        try:
            root = _parsed(data, recover=False)
        except etree.XMLSyntaxError, ValueError:
            self._gaps.add("page")
            try:
                root = _parsed(data, recover=True)
            except etree.XMLSyntaxError, ValueError:
                return None
        # A document type can define entities; OFD has none.
        if root is None or root.getroottree().docinfo.internalDTD is not None:
            return None
        for element in root.iter(etree.Element):
            # A name that would become empty or invalid, such as that of `<ofd:>`, stays.
            name = element.tag.rpartition("}")[2].rpartition(":")[2]
            if name != element.tag:
                with suppress(ValueError):
                    element.tag = name
        return root


def _parsed(data: bytes, *, recover: bool) -> Any:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        recover=recover,
    )
    return etree.fromstring(data, parser)


def _names(info: zipfile.ZipInfo) -> list[str]:
    """Return the possible names of a part: several if the file does not name the encoding."""
    if info.flag_bits & _UTF8_NAME or info.filename.isascii():
        return [info.filename]
    names = [info.filename]
    for encoding in ("utf-8", "gb18030"):
        try:
            names.append(info.filename.encode("cp437").decode(encoding))
        except UnicodeError:
            continue
    return names
