"""Judges a PDF by the XML of the OFD file it was made of, which is read here once more, without our reader."""

from collections import defaultdict
from collections.abc import Iterator
import ctypes
from io import BytesIO
import posixpath
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET
import zipfile

import pypdfium2

MM = 25.4 / 72
type Matrix = tuple[float, ...]


class Letter(NamedTuple):
    letter: str
    x: float
    y: float


def _mul(first: Matrix, then: Matrix) -> Matrix:
    (a, b, c, d, e, f), (g, h, i, j, k, m) = first, then
    return (
        a * g + b * i,
        a * h + b * j,
        c * g + d * i,
        c * h + d * j,
        e * g + f * i + k,
        e * h + f * j + m,
    )


def _floats(text: str | None) -> list[float]:
    return [float(one) for one in (text or "").split()]


def _steps(text: str | None) -> list[float]:
    words, found = (text or "").split(), []
    while words:
        if words[0] == "g":
            found += [float(words[2])] * int(words[1])
            words = words[3:]
        else:
            found.append(float(words.pop(0)))
    return found


def _local(name: str) -> str:
    return name.rpartition("}")[2]


class Strangers:
    """A file of somebody else."""

    def __init__(self, data: bytes) -> None:
        """Read what lies in the file, and its only document."""
        self._zip = zipfile.ZipFile(BytesIO(data))
        self._names = {
            one.replace("\\", "/").lstrip("/").lower(): one for one in self._zip.namelist()
        }
        root = self.tree("OFD.xml")
        path = next(one.text or "" for one in root.iter() if _local(one.tag) == "DocRoot").lstrip(
            "/"
        )
        self.folder = posixpath.dirname(path)
        self.document = self.tree(path)
        self.units: dict[str, ET.Element] = {}
        for one in self.document.iter():
            if _local(one.tag) in ("PublicRes", "DocumentRes"):
                for unit in self.tree(self.path(one.text)).iter():
                    if _local(unit.tag) == "CompositeGraphicUnit":
                        self.units[unit.get("ID", "")] = unit

    @property
    def page_ids(self) -> list[str]:
        return [
            one.get("ID", "")
            for one in self.document.iter()
            if _local(one.tag) == "Page" and one.get("BaseLoc") is not None
        ]

    def signatures(self) -> Iterator[ET.Element]:
        for name in self._names:
            if name.endswith("/signature.xml"):
                yield self.tree(name)

    def path(self, location: str | None) -> str:
        location = location or ""
        if location.startswith("/"):
            return location[1:]
        return posixpath.normpath(posixpath.join(self.folder, location))

    def tree(self, path: str) -> ET.Element:
        return ET.fromstring(self._zip.read(self._names[path.lower()]))

    def pages(self) -> list[list[Letter]]:
        """Return the letters of each page and its template in the order in which they are drawn, with their places."""
        templates = {
            one.get("ID"): self.path(one.get("BaseLoc"))
            for one in self.document.iter()
            if _local(one.tag) == "TemplatePage"
        }
        notes: dict[str, list[str]] = defaultdict(list)
        for one in self.document:
            if _local(one.tag) == "Annotations":
                path = self.path(one.text)
                for page in self.tree(path):
                    for location in page:
                        text = location.text or ""
                        notes[page.get("PageID", "")].append(
                            text[1:] if text[0] == "/" else f"{posixpath.dirname(path)}/{text}"
                        )
        found = []
        for one in self.document.iter():
            if _local(one.tag) != "Page" or one.get("BaseLoc") is None:
                continue
            root = self.tree(self.path(one.get("BaseLoc")))
            below = [
                self.tree(templates[child.get("TemplateID")])
                for child in root
                if _local(child.tag) == "Template"
            ]
            letters: list[Letter] = []
            for tree in (*below, root):
                for content in (child for child in tree if _local(child.tag) == "Content"):
                    letters += self._letters(content, (1, 0, 0, 1, 0, 0))
            for path in notes[one.get("ID", "")]:
                for appearance in self.tree(path).iter():
                    if _local(appearance.tag) == "Appearance":
                        x, y = _floats(appearance.get("Boundary"))[:2]
                        letters += self._letters(appearance, (1, 0, 0, 1, x, y))
            found.append(letters)
        return found

    def _letters(self, block: ET.Element, outer: Matrix) -> Iterator[Letter]:
        for one in block:
            kind = _local(one.tag)
            if kind in ("Layer", "PageBlock", "Content"):
                yield from self._letters(one, outer)
            if kind not in ("TextObject", "CompositeObject"):
                continue
            x, y = _floats(one.get("Boundary"))[:2]
            place = _mul(tuple(_floats(one.get("CTM"))) or (1, 0, 0, 1, 0, 0), (1, 0, 0, 1, x, y))
            place = _mul(place, outer)
            if kind == "CompositeObject":
                yield from self._letters(self.units[one.get("ResourceID", "")], place)
                continue
            for code in one:
                if _local(code.tag) == "TextCode":
                    yield from _coded(code, place)


def _coded(code: ET.Element, place: Matrix) -> Iterator[Letter]:
    x, y = float(code.get("X", 0)), float(code.get("Y", 0))
    across, down = _steps(code.get("DeltaX")), _steps(code.get("DeltaY"))
    a, b, c, d, e, f = place
    for number, letter in enumerate((code.text or "").replace("\n", "").replace("\t", "")):
        if not letter.isspace():
            yield Letter(letter, a * x + c * y + e, b * x + d * y + f)
        x += across[min(number, len(across) - 1)] if across else 0
        y += down[min(number, len(down) - 1)] if down else 0


def drawn_letters(document: Any, number: int) -> dict[str, list[tuple[float, float]]]:
    """Return the places of the letters on a page of a PDF, in mm from its upper left corner."""
    raw = pypdfium2.raw
    page = document[number]
    height = page.get_size()[1]
    text = page.get_textpage()
    x, y = ctypes.c_double(), ctypes.c_double()
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for place in range(text.count_chars()):
        raw.FPDFText_GetCharOrigin(text, place, x, y)
        found[chr(raw.FPDFText_GetUnicode(text, place))].append(
            (x.value * MM, (height - y.value) * MM)
        )
    return found
