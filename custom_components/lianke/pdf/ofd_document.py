"""Find the documents, pages and resources of an OFD file."""

from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from .ofd_geometry import BoxMm, box
from .ofd_package import Gaps, Package, flag, folder_of_part
from .ofd_seals import Stamp, read_stamps
from .process import MAX_SOURCE_PAGES, TaskError

# Maximum side in mm of a page, the largest that PDF allows.
MAX_PAGE_SIDE: Final = 5080.0

A4: Final[BoxMm] = (0.0, 0.0, 210.0, 297.0)
_RESOURCES: Final = ("ColorSpace", "DrawParam", "Font", "MultiMedia", "CompositeGraphicUnit")
# The order in which the layers of a page are drawn.
_LAYERS: Final = {"Background": 0, "Body": 1, "Foreground": 2}


class Resource(NamedTuple):
    element: Any
    # The folders in which to look for the resource's file.
    folders: tuple[str, ...]


type Resources = Mapping[tuple[str, str], Resource]


class Annotation(NamedTuple):
    place: BoxMm
    appearance: Any


@dataclass(slots=True)
class Drawing:
    """The size and content of a page."""

    # Width and height in mm.
    size: tuple[float, float]
    resources: Resources
    # From the back to the front.
    layers: list[Any]
    annotations: list[Annotation] = field(default_factory=list)
    stamps: list[Stamp] = field(default_factory=list)


class OfdDocument:
    """One document of the file; its pages are read when they are drawn."""

    def __init__(self, package: Package, path: str, root: Any, gaps: Gaps) -> None:
        self._package = package
        self._gaps = gaps
        self.folder = folder_of_part(path)
        common = root.find("CommonData")
        if common is None:
            common = root
        self._size = _size(common.find("PageArea")) or A4[2:]
        self.resources: dict[tuple[str, str], Resource] = {}
        for element in common:
            if element.tag in ("PublicRes", "DocumentRes"):
                self._load(element.text, self.folder, self.resources)
        self._templates = {
            one.get("ID"): (one.get("BaseLoc"), one.get("ZOrder"))
            for one in common.findall("TemplatePage")
        }
        self.pages: list[tuple[str, str | None]] = [
            (one.get("ID", ""), one.get("BaseLoc"))
            for one in root.findall("Pages/Page")[: MAX_SOURCE_PAGES + 1]
        ]
        self._annotations = self._annotated(root.findtext("Annotations"))
        self._stamps: dict[str, list[Stamp]] = {}

    def add_stamps(self, location: str | None, first: int) -> None:
        """Read the seals; `first` is the number of the document's first page."""
        numbers = {page: first + place for place, (page, _) in enumerate(self.pages)}
        self._stamps = read_stamps(self._package, location, self._gaps, numbers)

    def page(self, place: int) -> Drawing:
        """Return the size and content of a page; if the page cannot be read, add it to the gaps."""
        page_id, location = self.pages[place]
        path = self._package.find(location, self.folder)
        root = self._package.xml(path)
        if root is None:
            self._gaps.add("page")
            return Drawing(self._size, self.resources, [], [], self._stamps.get(page_id, []))
        here = folder_of_part(path or "")
        own: dict[tuple[str, str], Resource] = {}
        for element in root.findall("PageRes"):
            self._load(element.text, here, own)
        sizes = [_size(root.find("Area"))]
        below, above = list[Any](), list[Any]()
        for element in root.findall("Template"):
            location, order = self._templates.get(element.get("TemplateID"), (None, None))
            template = self._package.xml(self._package.find(location, self.folder))
            if template is None:
                self._gaps.add("page")
                continue
            sizes.append(_size(template.find("Area")))
            for one in template.findall("PageRes"):
                self._load(one.text, self.folder, own)
            is_above = (element.get("ZOrder") or order) == "Foreground"
            (above if is_above else below).extend(_layers(template))
        return Drawing(
            next((size for size in sizes if size), self._size),
            ChainMap(own, self.resources),
            [*below, *_layers(root), *above],
            list(self._annotations_of(page_id)),
            self._stamps.get(page_id, []),
        )

    def _load(
        self, location: str | None, folder: str, into: dict[tuple[str, str], Resource]
    ) -> None:
        path = self._package.find(location, folder, self.folder)
        root = self._package.xml(path)
        if root is None:
            # If a page needs one of these resources, drawing the page adds a gap.
            return
        here = folder_of_part(path or "")
        base = root.get("BaseLoc") or ""
        folders = (base if base.startswith("/") else f"{here}/{base}", here, self.folder)
        for element in root.iter(*_RESOURCES):
            into.setdefault((element.tag, element.get("ID", "")), Resource(element, folders))

    def _annotated(self, location: str | None) -> dict[str, list[str]]:
        """Return the paths of annotation files by the id of their page."""
        if not location:
            return {}
        path = self._package.find(location, self.folder)
        if (root := self._package.xml(path)) is None:
            self._gaps.add("part")
            return {}
        found: dict[str, list[str]] = {}
        for page in root.findall("Page"):
            for one in page.findall("FileLoc"):
                if file := self._package.find(one.text, folder_of_part(path or ""), self.folder):
                    found.setdefault(page.get("PageID", ""), []).append(file)
                else:
                    self._gaps.add("part")
        return found

    def _annotations_of(self, page: str) -> Iterator[Annotation]:
        for path in self._annotations.get(page, []):
            if (root := self._package.xml(path)) is None:
                self._gaps.add("part")
                continue
            for one in root.findall("Annot"):
                if flag(one, "Visible", True) and flag(one, "Print", True):
                    for appearance in one.findall("Appearance"):
                        place = box(appearance.get("Boundary")) or (0.0, 0.0, 0.0, 0.0)
                        yield Annotation(place, appearance)


def _layers(page: Any) -> list[Any]:
    return sorted(
        page.findall("Content/Layer"), key=lambda layer: _LAYERS.get(layer.get("Type", ""), 1)
    )


def _size(area: Any) -> tuple[float, float] | None:
    """Return the width and height of a page; None if they are not given or make no sense."""
    if area is None:
        return None
    for name in ("PhysicalBox", "ApplicationBox", "CropBox"):
        found = box(area.findtext(name))
        if found and 1 <= found[2] <= MAX_PAGE_SIDE and 1 <= found[3] <= MAX_PAGE_SIDE:
            return found[2], found[3]
    return None


def read_documents(package: Package, gaps: Gaps) -> list[OfdDocument]:
    """Return the documents of a file. Raises TaskError: damaged, ofd_locked, ofd_too_large, too_many_pages."""
    root = package.xml(package.find("OFD.xml"))
    if root is None:
        raise TaskError("damaged")
    documents: list[OfdDocument] = []
    pages = 0
    for body in root.findall("DocBody"):
        path = package.find(body.findtext("DocRoot"))
        content = package.xml(path)
        if path is None or content is None:
            gaps.add("page", pages + 1)
            continue
        document = OfdDocument(package, path, content, gaps)
        gaps.page = pages + 1
        document.add_stamps(body.findtext("Signatures"), pages + 1)
        documents.append(document)
        pages += len(document.pages)
        if pages > MAX_SOURCE_PAGES:
            raise TaskError("too_many_pages")
    if not pages:
        raise TaskError("ofd_locked" if package.find("Encryptions.xml") else "damaged")
    return documents
