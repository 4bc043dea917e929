"""Convert colors, gradients and patterns of OFD to those of PDF."""

from collections.abc import Callable, Sequence
from itertools import pairwise
import math
import struct
from typing import Any, Final, NamedTuple

from pikepdf import Array, Dictionary, Name, Pdf, Stream

from .ofd_document import Resources
from .ofd_geometry import MAX_NUMBER, Matrix, child, matrix, multiplied, number, numbers, put

# Maximum number of times that a gradient is repeated.
MAX_REPEATS: Final = 64

_OPERATORS: Final = {1: ("g", "G"), 3: ("rg", "RG"), 4: ("k", "K")}
_CHANNELS: Final = {"GRAY": 1, "RGB": 3, "CMYK": 4}
_GRADIENTS: Final = ("AxialShd", "RadialShd", "GouraudShd", "LaGouraudShd")


class Color(NamedTuple):
    """One, three or four values from 0 to 1: gray, RGB or CMYK."""

    values: tuple[float, ...]
    alpha: float

    @property
    def rgb(self) -> tuple[float, float, float]:
        match self.values:
            case (gray,):
                return gray, gray, gray
            case (red, green, blue):
                return red, green, blue
            case (cyan, magenta, yellow, black):
                left = 1 - black
                return (1 - cyan) * left, (1 - magenta) * left, (1 - yellow) * left
        return 0.0, 0.0, 0.0

    def put(self, *, stroke: bool) -> str:
        return f"{put(*self.values)} {_OPERATORS[len(self.values)][stroke]}"


BLACK: Final = Color((0.0,), 1.0)


def color_of(element: Any, resources: Resources) -> Color:
    """Return the color of an element; black if it has none."""
    alpha = min(1.0, max(0.0, number(element.get("Alpha"), 255.0) / 255))
    space = resources.get(("ColorSpace", element.get("ColorSpace", "")))
    bits, kind, text = 8, "", element.get("Value")
    if space is not None:
        kind = space.element.get("Type", "").upper()
        bits = max(1, min(16, int(number(space.element.get("BitsPerComponent"), 8.0))))
        palette = space.element.findall("Palette/CV")
        place = int(number(element.get("Index"), -1.0))
        if text is None and 0 <= place < len(palette):
            text = palette[place].text
    values = [_channel(one) for one in (text or "").replace(",", " ").split()]
    count = _CHANNELS.get(kind, len(values))
    if len(values) != count:
        count = len(values)
    if count not in _OPERATORS or any(value is None for value in values):
        return Color(BLACK.values, alpha)
    most = 2**bits - 1
    return Color(tuple(min(1.0, max(0.0, (value or 0.0) / most)) for value in values), alpha)


def _channel(text: str) -> float | None:
    try:
        return float(int(text[1:], 16)) if text.startswith("#") else float(text)
    except ValueError:
        return None


class Painter:
    def __init__(
        self,
        pdf: Pdf,
        draw_cell: Callable[[Any, Matrix], Any],
        resources: Resources,
        missing: Callable[[], None],
    ) -> None:
        """`draw_cell` draws the content of a pattern; `missing` notes that something cannot be drawn."""
        self._pdf = pdf
        self._draw_cell = draw_cell
        self._resources = resources
        self._missing = missing

    def pattern(self, color: Any, place: Matrix, page: Matrix) -> Any:
        """Return the gradient or pattern of a color as an object of the PDF; None for a plain color.

        `place` converts the coordinates of the painted object to those of the PDF; `page` converts those of its page.
        """
        found = child(color, "Pattern", *_GRADIENTS)
        if found is None:
            return None
        if found.tag == "Pattern":
            return self._tiles(found, page if found.get("RelativeTo") == "Page" else place)
        if found.tag in ("AxialShd", "RadialShd"):
            shading, place = self._gradient(found, place)
        else:
            shading = self._mesh(found)
        if shading is None:
            self._missing()
            return None
        return self._pdf.make_indirect(
            Dictionary(Type=Name.Pattern, PatternType=2, Shading=shading, Matrix=Array(place))
        )

    def _tiles(self, found: Any, place: Matrix) -> Any:
        width, height = number(found.get("Width"), 0.0), number(found.get("Height"), 0.0)
        across, down = number(found.get("XStep"), 0.0), number(found.get("YStep"), 0.0)
        across, down = max(across, width), max(down, height)
        content = child(found, "CellContent")
        if content is None or min(width, height) <= 0.01:
            self._missing()
            return None
        place = multiplied(matrix(found.get("CTM")), place)
        mirrored = found.get("ReflectMethod", "Normal")
        columns = 2 if mirrored in ("Column", "RowAndColumn") else 1
        rows = 2 if mirrored in ("Row", "RowAndColumn") else 1
        cell = self._draw_cell(content, place)
        drawn = []
        for column in range(columns):
            for row in range(rows):
                # A mirrored cell has its origin at its far edge.
                turn = put(1 - 2 * column, 0, 0, 1 - 2 * row)
                corner = put(column * (across + width), row * (down + height))
                drawn.append(f"q {turn} {corner} cm\n{cell.text}\nQ")
        tile = cell.stream(self._pdf, "\n".join(drawn))
        tile.Type, tile.PatternType, tile.PaintType, tile.TilingType = Name.Pattern, 1, 1, 1
        tile.BBox = Array([0, 0, width + across * (columns - 1), height + down * (rows - 1)])
        tile.XStep, tile.YStep = across * columns, down * rows
        tile.Matrix = Array(place)
        return self._pdf.make_indirect(tile)

    def _gradient(self, found: Any, place: Matrix) -> tuple[Any, Matrix]:
        start, end = numbers(found.get("StartPoint"))[:2], numbers(found.get("EndPoint"))[:2]
        first, last = number(found.get("StartRadius"), 0.0), number(found.get("EndRadius"), 0.0)
        if len(start) < 2 or len(end) < 2 or last < 0 or first < 0:
            return None, place
        if found.tag == "AxialShd":
            return self._shading(found, 2, [*start, *end], math.dist(start, end)), place
        flat = number(found.get("Eccentricity"), 0.0)
        if 0 < flat < 1:
            # An ellipse is a circle compressed in one direction.
            turn = math.radians(number(found.get("Angle"), 0.0))
            cos, sin, short = math.cos(turn), math.sin(turn), math.sqrt(1 - flat * flat)
            x, y = start
            a, b = cos * cos + short * sin * sin, (1 - short) * cos * sin
            d = sin * sin + short * cos * cos
            press = (a, b, b, d, x - a * x - b * y, y - b * x - d * y)
            place = multiplied(press, place)
        return self._shading(found, 3, [*start, first, *end, last], abs(last - first)), place

    def _mesh(self, found: Any) -> Any:
        """Return a mesh of triangles with colored corners: a shading of type 4, or 5 if the points are in rows."""
        points, row = found.findall("Point"), int(number(found.get("VerticesPerRow"), 0.0))
        is_lattice = found.tag == "LaGouraudShd"
        if len(points) < (2 * row if is_lattice and row > 1 else 3) or (is_lattice and row < 2):
            return None
        data = bytearray()
        for point in points:
            if (color := child(point, "Color")) is None:
                return None
            if not is_lattice:
                data.append(int(number(point.get("EdgeFlag"), 0.0)) % 3)
            x, y = (number(point.get(name), 0.0) / MAX_NUMBER for name in ("X", "Y"))
            place = (round((value + 1) / 2 * (2**32 - 1)) for value in (x, y))
            rgb = color_of(color, self._resources).rgb
            data += struct.pack(">2I3B", *place, *(round(255 * value) for value in rgb))
        mesh = Stream(
            self._pdf, bytes(data), ShadingType=5 if is_lattice else 4, ColorSpace=Name.DeviceRGB
        )
        mesh.BitsPerCoordinate, mesh.BitsPerComponent = 32, 8
        mesh.Decode = Array([-MAX_NUMBER, MAX_NUMBER] * 2 + [0, 1] * 3)
        if is_lattice:
            mesh.VerticesPerRow = row
        else:
            mesh.BitsPerFlag = 8
        if (back := child(found, "BackColor")) is not None:
            mesh.Background = Array(color_of(back, self._resources).rgb)
        return self._pdf.make_indirect(mesh)

    def _shading(self, found: Any, kind: int, coords: list[float], length: float) -> Any:
        stops = self._stops(found)
        if not stops:
            return None
        extend = int(number(found.get("Extend"), 0.0))
        repeats = 1
        mapping, unit = found.get("MapType", "Direct"), number(found.get("MapUnit"), length)
        if mapping in ("Repeat", "Reflect") and unit > 0:
            repeats = max(1, min(MAX_REPEATS, math.ceil(length / unit)))
        functions = [
            _blend(stops, mapping == "Reflect" and turn % 2 == 1) for turn in range(repeats)
        ]
        function = _stitched(functions, [turn / repeats for turn in range(1, repeats)])
        return Dictionary(
            ShadingType=kind,
            ColorSpace=Name.DeviceRGB,
            Coords=Array(coords),
            Function=function,
            Extend=Array([bool(extend & 1), bool(extend & 2)]),
        )

    def _stops(self, found: Any) -> list[tuple[float, tuple[float, float, float]]]:
        """Return the stops of a gradient in order: positions from 0 to 1, and their colors."""
        segments = found.findall("Segment")
        stops = []
        for place, segment in enumerate(segments):
            usual = place / max(1, len(segments) - 1)
            at = min(1.0, max(0.0, number(segment.get("Position"), usual)))
            if (color := child(segment, "Color")) is not None:
                stops.append((at, color_of(color, self._resources).rgb))
        stops.sort(key=lambda stop: stop[0])
        return stops


def _blend(stops: Sequence[tuple[float, tuple[float, ...]]], backwards: bool) -> Any:
    if backwards:
        stops = [(1 - at, color) for at, color in reversed(stops)]
    stops = [(0.0, stops[0][1]), *stops, (1.0, stops[-1][1])]
    functions, bounds = list[Any](), list[float]()
    for (start, before), (end, after) in pairwise(stops):
        # Two stops at the same position make a sharp edge.
        if end - start < 1e-6:
            continue
        if functions:
            bounds.append(start)
        functions.append(
            Dictionary(FunctionType=2, Domain=Array([0, 1]), C0=Array(before), C1=Array(after), N=1)
        )
    return _stitched(functions, bounds)


def _stitched(functions: list[Any], bounds: list[float]) -> Any:
    if not bounds:
        return functions[0]
    return Dictionary(
        FunctionType=3,
        Domain=Array([0, 1]),
        Functions=Array(functions),
        Bounds=Array(bounds),
        Encode=Array([0, 1] * len(functions)),
    )
