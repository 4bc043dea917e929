"""Draw the pages of an OFD file as content of PDF pages."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, Final
import zlib

from pikepdf import Dictionary, Name, Pdf, Stream

from .font import PdfFont
from .font_file import FontFile
from .ofd_document import Annotation, Drawing, Resources, read_documents
from .ofd_geometry import (
    UNMOVED,
    Matrix,
    box,
    child,
    enlargement,
    inverted,
    matrix,
    moved,
    multiplied,
    number,
    numbers,
    path,
    put,
)
from .ofd_package import Gaps, Package, flag
from .ofd_paint import BLACK, Painter, color_of
from .ofd_pictures import add_picture
from .ofd_seals import Stamp
from .ofd_text import Glyph, Line
from .process import TaskError

# Maximum number of objects that are drawn on all pages together.
MAX_OBJECTS: Final = 250_000
# Maximum characters of drawing instructions on all pages together.
MAX_DRAWN_CHARACTERS: Final = 64_000_000
# Maximum number of nested blocks and composite objects.
MAX_NESTED: Final = 32
# Maximum number of nested OFD files: a seal may be an OFD file.
MAX_SEAL_DEPTH: Final = 2

USUAL_LINE_WIDTH: Final = 0.353
# To imitate a bold font (of weight BOLD_WEIGHT or more), glyphs get a stroke as wide as BOLD times the font size; to
# imitate an italic font, they are slanted by SLANT.
BOLD: Final = 0.03
BOLD_WEIGHT: Final = 600
SLANT: Final = 0.2
_CAPS: Final = {"Butt": 0, "Round": 1, "Square": 2}
_JOINS: Final = {"Miter": 0, "Round": 1, "Bevel": 2}
_BLENDS: Final = frozenset(
    (
        *("Multiply", "Screen", "Overlay", "Darken", "Lighten", "ColorDodge", "ColorBurn"),
        *("HardLight", "SoftLight", "Difference", "Exclusion"),
    )
)
# Elements of a page or block that are not drawn.
_NOT_DRAWN: Final = frozenset(("Actions", "Extensions"))
_OBJECTS: Final = frozenset(("TextObject", "PathObject", "ImageObject", "CompositeObject"))

# Attributes and colors of an object, or of the drawing parameters (DrawParam) that it uses.
type Style = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """What an object inherits from the block that contains it."""

    # From the block's coordinates to those of the PDF.
    place: Matrix
    # From the page's coordinates to those of the PDF.
    page: Matrix
    style: Style
    alpha: float = 1.0
    depth: int = 0


class Conversion:
    """The state that all documents of a conversion share."""

    def __init__(self, pdf: Pdf, font: Path | str) -> None:
        """`font` is the path of the font for text whose own font is not in the file."""
        self.pdf = pdf
        self.gaps = Gaps()
        self.objects_left = MAX_OBJECTS
        self.characters_left = MAX_DRAWN_CHARACTERS
        self._font = font
        self._fonts: list[PdfFont] = []
        self._names = 0

    def next_name(self, kind: str) -> str:
        self._names += 1
        return f"/{kind}{self._names}"

    def font(self, data: bytes | None) -> PdfFont | None:
        """Return a PDF font made from a font program; None if the program cannot be read."""
        try:
            self._fonts.append(PdfFont(self.pdf, FontFile(data or b""), f"F{len(self._fonts)}"))
        except ValueError:
            return None
        return self._fonts[-1]

    @cached_property
    def substitute_font(self) -> PdfFont | None:
        return self.font(Path(self._font).read_bytes())

    def finish(self) -> None:
        for font in self._fonts:
            font.finish()


class Canvas:
    """The instructions that draw a page or a cell of a pattern, and the objects that they use."""

    def __init__(self, job: Conversion) -> None:
        self._job = job
        self._parts: list[str] = []
        self._used: dict[str, dict[str, Any]] = {}

    def put(self, text: str) -> None:
        """Raise TaskError: ofd_too_large."""
        self._job.characters_left -= len(text)
        if self._job.characters_left < 0:
            raise TaskError("ofd_too_large")
        self._parts.append(text)

    def use(self, kind: str, name: str, used: Any) -> str:
        self._used.setdefault(kind, {})[name] = used
        return name

    @property
    def text(self) -> str:
        return "\n".join(self._parts)

    @property
    def resources(self) -> Dictionary:
        return Dictionary({f"/{kind}": Dictionary(found) for kind, found in self._used.items()})

    def stream(self, pdf: Pdf, text: str) -> Any:
        return Stream(
            pdf,
            zlib.compress(text.encode()),
            Dictionary(Filter=Name.FlateDecode, Resources=self.resources),
        )


class Drawer:
    """Draws the pages of one document."""

    def __init__(self, job: Conversion, package: Package, gaps: Gaps, depth: int = 0) -> None:
        """`depth` is the number of OFD files that contain this one as a seal."""
        self._job = job
        self._package = package
        self._gaps = gaps
        self._depth = depth
        self._resources: Resources = {}
        self._canvas = Canvas(job)
        # Fonts by the paths of their files.
        self._fonts: dict[str, PdfFont | None] = {}
        # Each picture's name, object and whether parts are transparent, by the paths of the picture and its mask, or by
        # a seal's data.
        self._pictures: dict[tuple[str, str] | bytes, tuple[str, Any, bool] | None] = {}
        # The glyphs of characters, by font.
        self._letters: dict[str, dict[str, Glyph]] = {}
        self._states: dict[tuple[Any, ...], tuple[str, Any]] = {}

    def draw(self, drawing: Drawing, canvas: Canvas, place: Matrix) -> None:
        """Draw a page on a canvas that has the page's coordinates; `place` converts them to those of the PDF."""
        self._resources, self._canvas = drawing.resources, canvas
        context = Context(place, place, {})
        for layer in drawing.layers:
            style = self._with_parameters(layer.get("DrawParam"), {})
            self._block(layer, replace(context, style=style))
        for annotation in drawing.annotations:
            self._annotation(annotation, context)
        for stamp in drawing.stamps:
            self._stamp(stamp, context)

    # Blocks and objects

    def _block(self, block: Any, context: Context) -> None:
        if context.depth > MAX_NESTED:
            self._gaps.add("part")
            return
        for element in block:
            if element.tag in _OBJECTS:
                self._object(element, context)
            elif element.tag in ("PageBlock", "Layer"):
                self._block(element, replace(context, depth=context.depth + 1))
            elif element.tag not in _NOT_DRAWN:
                self._gaps.add("part")

    def _annotation(self, annotation: Annotation, context: Context) -> None:
        x, y = annotation.place[:2]
        self._canvas.put(f"q {put(*moved(x, y))} cm")
        self._block(
            annotation.appearance, replace(context, place=multiplied(moved(x, y), context.place))
        )
        self._canvas.put("Q")

    def _object(self, element: Any, context: Context) -> None:
        if not flag(element, "Visible", True):
            return
        self._job.objects_left -= 1
        if self._job.objects_left < 0:
            raise TaskError("ofd_too_large")
        canvas = self._canvas
        style = self._style(element, context.style)
        boundary, own = box(element.get("Boundary")), matrix(element.get("CTM"))
        kind = element.tag
        if kind == "ImageObject" and len(numbers(element.get("CTM"))) < 6 and boundary:
            own = (boundary[2], 0.0, 0.0, boundary[3], 0.0, 0.0)
        x, y = boundary[:2] if boundary else (0.0, 0.0)
        canvas.put(f"q {put(*moved(x, y))} cm")
        clips, border = child(element, "Clips"), child(element, "Border")
        moves_clips = clips is not None and flag(clips, "TransFlag", True)
        if boundary and min(boundary[2:]) > 0 and kind != "TextObject":
            # Many lines and borders extend slightly beyond the boundary.
            edge = 0.1
            if kind == "PathObject":
                edge = self._line_width(style) * max(1.0, enlargement(own))
            elif border is not None:
                edge = self._line_width(border.attrib)
            canvas.put(
                f"{put(-edge, -edge, boundary[2] + 2 * edge, boundary[3] + 2 * edge)} re W n"
            )
        if clips is not None and not moves_clips:
            self._clip(clips, style)
        if own != UNMOVED:
            canvas.put(f"{put(*own)} cm")
        if clips is not None and moves_clips:
            self._clip(clips, style)
        alpha = context.alpha * min(1.0, max(0.0, number(element.get("Alpha"), 255.0) / 255))
        place = multiplied(own, multiplied(moved(x, y), context.place))
        self._state(alpha, alpha, element.get("BlendMode"), unless=context.alpha)
        inner = replace(context, place=place, style=style, alpha=alpha)
        if kind == "TextObject":
            self._text(element, inner)
        elif kind == "PathObject":
            self._path(element, inner)
        elif kind == "ImageObject":
            self._picture(element)
            if border is not None:
                self._border(border, own, inner)
        else:
            self._composite(element, inner)
        canvas.put("Q")

    def _composite(self, element: Any, context: Context) -> None:
        unit = self._resources.get(("CompositeGraphicUnit", element.get("ResourceID", "")))
        content = None if unit is None else child(unit.element, "Content")
        if content is None:
            self._gaps.add("part")
            return
        self._block(content, replace(context, depth=context.depth + 1))

    # Styles, states, colors and clips

    def _style(self, element: Any, inherited: Style) -> Style:
        return {**self._with_parameters(element.get("DrawParam"), inherited), **_own_style(element)}

    def _with_parameters(self, name: str | None, inherited: Style) -> Style:
        found: list[Any] = []
        while name:
            resource = self._resources.get(("DrawParam", name))
            if resource is None or resource.element in found:
                break
            found.append(resource.element)
            name = resource.element.get("Relative")
        style = dict(inherited)
        for element in reversed(found):
            style |= _own_style(element)
        return style

    def _line_width(self, style: Style) -> float:
        return abs(number(style.get("LineWidth"), USUAL_LINE_WIDTH))

    def _state(self, fill: float, stroke: float, blend: str | None, *, unless: float = 1.0) -> None:
        """Set the opacities and the blend mode, unless both opacities are `unless` and no mode is given."""
        mode = blend if blend in _BLENDS else None
        if fill == stroke == unless and mode is None:
            return
        key = (round(fill, 3), round(stroke, 3), mode)
        if key not in self._states:
            state = Dictionary(Type=Name.ExtGState, ca=key[0], CA=key[1])
            if mode is not None:
                state.BM = Name(f"/{mode}")
            self._states[key] = self._job.next_name("G"), self._job.pdf.make_indirect(state)
        self._canvas.put(f"{self._canvas.use('ExtGState', *self._states[key])} gs")

    def _color(self, name: str, context: Context) -> tuple[str, float] | None:
        """Return the instruction that sets a color, and the color's opacity; None if the style has no such color."""
        if (element := context.style.get(name)) is None:
            return None
        stroke = name == "StrokeColor"
        painter = Painter(
            self._job.pdf, self._cell, self._resources, lambda: self._gaps.add("part")
        )
        pattern = painter.pattern(element, context.place, context.page)
        color = color_of(element, self._resources)
        if pattern is None:
            return color.put(stroke=stroke), color.alpha
        name = self._canvas.use("Pattern", self._job.next_name("P"), pattern)
        return (
            f"/Pattern {'CS' if stroke else 'cs'} {name} {'SCN' if stroke else 'scn'}",
            color.alpha,
        )

    def _cell(self, content: Any, place: Matrix) -> Canvas:
        """Draw the content of a pattern's cell on a canvas of its own."""
        outer, self._canvas = self._canvas, Canvas(self._job)
        try:
            # The cell's coordinates are those of the pattern, which has its own matrix.
            self._block(content, Context(UNMOVED, UNMOVED, {}, depth=MAX_NESTED - 4))
            return self._canvas
        finally:
            self._canvas = outer

    def _clip(self, clips: Any, style: Style) -> None:
        """Clip to the intersection of all clips; each clip is the union of its areas."""
        for clip in clips.findall("Clip"):
            paths: list[str] = []
            rule = "W"
            for area in clip.findall("Area"):
                by = matrix(area.get("CTM"))
                for element in area:
                    where = box(element.get("Boundary"))
                    inner = multiplied(
                        matrix(element.get("CTM")), moved(*where[:2]) if where else UNMOVED
                    )
                    inner = multiplied(inner, by)
                    if element.tag == "Path":
                        paths.append(path(element.findtext("AbbreviatedData") or "", inner))
                        if element.get("Rule") == "Even-Odd" and len(clip) == 1:
                            rule = "W*"
                    elif element.tag == "Text" and (back := inverted(inner)) is not None:
                        self._canvas.put(f"{put(*inner)} cm")
                        self._glyphs(element, style, 7)
                        self._canvas.put(f"{put(*back)} cm")
            if drawn := "\n".join(filter(None, paths)):
                self._canvas.put(f"{drawn}\n{rule} n")

    # Paths

    def _path(self, element: Any, context: Context) -> None:
        drawn = path(element.findtext("AbbreviatedData") or "")
        fill = self._color("FillColor", context) if flag(element, "Fill", False) else None
        strokes = flag(element, "Stroke", True)
        if not drawn or not (strokes or fill):
            return
        self._brush(context, fill, strokes=strokes)
        evenly = "*" if element.get("Rule") == "Even-Odd" else ""
        self._canvas.put(f"{drawn}\n" + (("B" if strokes else "f") + evenly if fill else "S"))

    def _brush(self, context: Context, fill: tuple[str, float] | None, *, strokes: bool) -> None:
        """Set colors, opacities and the pen."""
        stroke = self._color("StrokeColor", context) or (BLACK.put(stroke=True), 1.0)
        if fill:
            self._canvas.put(fill[0])
        if strokes:
            self._canvas.put(stroke[0])
            self._pen(context.style)
        opacity = context.alpha * (fill[1] if fill else 1.0)
        self._state(opacity, context.alpha * stroke[1], None, unless=context.alpha)

    def _pen(self, style: Style) -> None:
        self._canvas.put(f"{put(self._line_width(style))} w")
        if cap := _CAPS.get(style.get("Cap", ""), 0):
            self._canvas.put(f"{cap} J")
        if join := _JOINS.get(style.get("Join", ""), 0):
            self._canvas.put(f"{join} j")
        elif (limit := number(style.get("MiterLimit"), 0.0)) > 1:
            self._canvas.put(f"{put(limit)} M")
        dashes = [max(0.0, one) for one in numbers(style.get("DashPattern"))[:32]]
        if sum(dashes) > 0.01:
            self._canvas.put(f"[{put(*dashes)}] {put(number(style.get('DashOffset'), 0.0))} d")

    # Pictures and seals

    def _picture(self, element: Any) -> None:
        if not (resource := element.get("ResourceID")):
            # Forms may have a place for a picture that nobody has inserted.
            return
        if (found := self._picture_of(resource, element.get("ImageMask"))) is None:
            self._gaps.add("picture")
            return
        self._put_picture(*found[:2])

    def _border(self, border: Any, own: Matrix, context: Context) -> None:
        """Draw a border, with square corners, around the picture that `own` places."""
        if (back := inverted(own)) is None:
            return
        style = {**border.attrib, "StrokeColor": child(border, "BorderColor")}
        self._canvas.put(f"{put(*back)} cm")
        self._brush(replace(context, style=style), None, strokes=True)
        self._canvas.put(f"{path('M 0 0 L 1 0 L 1 1 L 0 1 C', own)}\nS")

    def _put_picture(self, name: str, picture: Any) -> None:
        self._canvas.use("XObject", name, picture)
        self._canvas.put(f"q 1 0 0 -1 0 1 cm {name} Do Q")

    def _picture_of(self, name: str, mask: str | None) -> tuple[str, Any, bool] | None:
        paths = self._file("MultiMedia", name), self._file("MultiMedia", mask or "")
        key = paths[0] or "", paths[1] or ""
        if key not in self._pictures:
            data, cover = (self._package.read(one) if one else None for one in paths)
            self._pictures[key] = self._made_picture(data, cover)
            if mask and cover is None:
                self._gaps.add("part")
        return self._pictures[key]

    def _made_picture(
        self, data: bytes | None, mask: bytes | None = None
    ) -> tuple[str, Any, bool] | None:
        if data is None:
            return None
        try:
            picture, is_clear = add_picture(self._job.pdf, data, mask)
        except TaskError:
            return None
        return self._job.next_name("I"), self._job.pdf.make_indirect(picture), is_clear

    def _file(self, kind: str, name: str) -> str | None:
        if (resource := self._resources.get((kind, name))) is None:
            return None
        location = child(resource.element, "MediaFile", "FontFile")
        return None if location is None else self._package.find(location.text, *resource.folders)

    def _stamp(self, stamp: Stamp, context: Context) -> None:
        x, y, width, height = stamp.place
        canvas = self._canvas
        canvas.put(f"q {put(*moved(x, y))} cm")
        if stamp.clip is not None:
            canvas.put(f"{put(*stamp.clip)} re W n")
        data = stamp.picture
        if data is not None and data[:2] == b"PK" and self._depth < MAX_SEAL_DEPTH:
            if not self._ofd_seal(data, (width, height), multiplied(moved(x, y), context.place)):
                self._gaps.add("seal")
        elif (found := self._seal(data)) is None:
            self._gaps.add("seal")
        else:
            # Keep text under a seal readable even if the seal's picture has a white background.
            self._state(1.0, 1.0, None if found[2] else "Multiply")
            canvas.put(f"{put(width, 0, 0, height, 0, 0)} cm")
            self._put_picture(*found[:2])
        canvas.put("Q")

    def _seal(self, data: bytes | None) -> tuple[str, Any, bool] | None:
        """Return the picture of a seal; it is made only once, although the seal may be on every page."""
        key = data or b""
        if key not in self._pictures:
            self._pictures[key] = self._made_picture(data)
        return self._pictures[key]

    def _ofd_seal(self, data: bytes, size: tuple[float, float], place: Matrix) -> bool:
        """Draw a seal that is an OFD file; return whether it is complete."""
        gaps = Gaps()
        try:
            package = Package(BytesIO(data), gaps)
            drawing = read_documents(package, gaps)[0].page(0)
        except TaskError, IndexError:
            return False
        own = (size[0] / drawing.size[0], 0.0, 0.0, size[1] / drawing.size[1], 0.0, 0.0)
        self._canvas.put(f"q {put(*own)} cm")
        inner = Drawer(self._job, package, gaps, self._depth + 1)
        inner.draw(drawing, self._canvas, multiplied(own, place))
        self._canvas.put("Q")
        self._gaps.letters |= gaps.letters
        return not gaps.pages and not gaps.letters

    # Text

    def _text(self, element: Any, context: Context) -> None:
        fills, strokes = flag(element, "Fill", True), flag(element, "Stroke", False)
        if not (fills or strokes):
            return
        fill = self._color("FillColor", context) or (BLACK.put(stroke=False), 1.0)
        self._brush(context, fill, strokes=strokes)
        self._glyphs(element, context.style, (2 if fills else 1) if strokes else 0)

    def _font(self, name: str) -> tuple[PdfFont | None, Any]:
        """Return the font embedded in the OFD file (None if there is none), and the element that describes the font."""
        resource = self._resources.get(("Font", name))
        if (path := self._file("Font", name)) is not None and path not in self._fonts:
            self._fonts[path] = self._job.font(self._package.read(path))
        return self._fonts.get(path or ""), None if resource is None else resource.element

    def _glyphs(self, element: Any, style: Style, mode: int) -> None:
        """Draw the glyphs of a text; `mode` is one of the text rendering modes of PDF."""
        font, described = self._font(element.get("Font", ""))
        size = number(element.get("Size"), 0.0)
        if size <= 0:
            return
        is_bold = number(element.get("Weight"), 400.0) >= BOLD_WEIGHT
        is_slanted = flag(element, "Italic", False)
        if described is not None and font is None:
            is_bold = is_bold or flag(described, "Bold", False)
            is_slanted = is_slanted or flag(described, "Italic", False)
        known = self._letters.setdefault("" if font is None else font.name, {})
        line = Line(font, self._job.substitute_font, size, known, self._gaps)
        line.stretch = number(element.get("HScale"), 1.0) or 1.0
        line.slant = SLANT if is_slanted else 0.0
        line.turn = number(element.get("CharDirection"), 0.0)
        line.reading = number(element.get("ReadDirection"), 0.0)
        canvas = self._canvas
        canvas.put("BT")
        if is_bold and font is None and mode == 0:
            canvas.put(f"2 Tr {put(size * BOLD)} w")
            if (color := style.get("FillColor")) is not None:
                canvas.put(color_of(color, self._resources).put(stroke=True))
        elif mode:
            canvas.put(f"{mode} Tr")
        transforms: list[Any] = []
        for one in element:
            if one.tag == "CGTransform":
                transforms.append(one)
            elif one.tag == "TextCode":
                line.x = number(one.get("X"), line.x)
                line.y = number(one.get("Y"), line.y)
                canvas.put(line.drawn(one, transforms))
                transforms = []
        for used in line.used.values():
            canvas.use("Font", used.name, used.object)
        canvas.put("ET")


def _own_style(element: Any) -> Style:
    colors = {one.tag: one for one in element if one.tag in ("FillColor", "StrokeColor")}
    return {**element.attrib, **colors}
