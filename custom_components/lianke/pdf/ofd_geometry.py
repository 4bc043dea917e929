"""Numbers, matrices and paths in OFD. Lengths are in mm; y points down."""

import math
import re
from typing import Any, Final

# Maximum absolute value of a number, such as a length in mm; a larger number is treated as missing.
MAX_NUMBER: Final = 1_000_000.0

type Matrix = tuple[float, float, float, float, float, float]
type BoxMm = tuple[float, float, float, float]

UNMOVED: Final[Matrix] = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def number(text: str | None, default: float) -> float:
    try:
        value = float(text or "")
    except ValueError:
        return default
    return value if abs(value) <= MAX_NUMBER else default


def numbers(text: str | None) -> list[float]:
    """Return the numbers in a text; an empty list if any word is not a number or is too large."""
    try:
        values = [float(one) for one in (text or "").replace(",", " ").split()]
    except ValueError:
        return []
    return values if all(abs(value) <= MAX_NUMBER for value in values) else []


def deltas(text: str | None, most: int) -> list[float]:
    """Return up to `most` distances between glyphs; in the text, `g 3 2.5` stands for 2.5 2.5 2.5."""
    found: list[float] = []
    parts = iter((text or "").replace(",", " ").split())
    try:
        for part in parts:
            if len(found) >= most:
                break
            if part.lower() == "g":
                count = min(int(float(next(parts))), most)
                found += [number(next(parts), 0.0)] * count
            else:
                found.append(number(part, 0.0))
    except ValueError, OverflowError, StopIteration:
        pass
    return found[:most]


def box(text: str | None) -> BoxMm | None:
    found = numbers(text)
    return (found[0], found[1], found[2], found[3]) if len(found) >= 4 else None


def matrix(text: str | None) -> Matrix:
    found = numbers(text)
    return (
        (found[0], found[1], found[2], found[3], found[4], found[5]) if len(found) >= 6 else UNMOVED
    )


def multiplied(first: Matrix, then: Matrix) -> Matrix:
    """Return the matrix that has the effect of applying `first`, then `then`."""
    a, b, c, d, e, f = first
    g, h, i, j, k, m = then
    return (
        a * g + b * i,
        a * h + b * j,
        c * g + d * i,
        c * h + d * j,
        e * g + f * i + k,
        e * h + f * j + m,
    )


def moved(x: float, y: float) -> Matrix:
    return (1.0, 0.0, 0.0, 1.0, x, y)


def inverted(one: Matrix) -> Matrix | None:
    a, b, c, d, e, f = one
    if abs(det := a * d - b * c) < 1e-9:
        return None
    return (
        d / det,
        -b / det,
        -c / det,
        a / det,
        (c * f - d * e) / det,
        (b * e - a * f) / det,
    )


def enlargement(one: Matrix) -> float:
    return math.sqrt(abs(one[0] * one[3] - one[1] * one[2]))


def put(*values: float) -> str:
    """Return numbers in the syntax of PDF."""
    return " ".join([f"{value:.4f}".rstrip("0").rstrip(".") for value in values])


_TOKEN: Final = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|[A-Za-z]")
# Number of operands of each path operator.
_ARITY: Final = {"M": 2, "S": 2, "L": 2, "Q": 4, "B": 6, "A": 7, "C": 0}


def path(data: str, by: Matrix | None = None) -> str:
    """Return path data (AbbreviatedData) as path operators of PDF, with all points transformed by the matrix `by`."""
    tokens: list[str] = _TOKEN.findall(data)
    drawn: list[str] = []
    at = start = (0.0, 0.0)
    place = 0

    def points(*values: float) -> str:
        if by is None:
            return put(*values)
        a, b, c, d, e, f = by
        turned: list[float] = []
        for x, y in zip(values[::2], values[1::2], strict=True):
            turned += [a * x + c * y + e, b * x + d * y + f]
        return put(*turned)

    while place < len(tokens):
        name = tokens[place].upper()
        count = _ARITY.get(name)
        place += 1
        if count is None:
            continue
        try:
            values = [float(one) for one in tokens[place : place + count]]
        except ValueError:
            continue
        if len(values) < count or any(abs(value) > MAX_NUMBER for value in values):
            continue
        place += count
        if name in ("M", "S"):
            at = start = (values[0], values[1])
            drawn.append(f"{points(*at)} m")
            continue
        if name == "C":
            if drawn:
                drawn.append("h")
                at = start
            continue
        if not drawn:
            drawn.append(f"{points(*at)} m")
        if name == "L":
            drawn.append(f"{points(*values)} l")
        elif name == "B":
            drawn.append(f"{points(*values)} c")
        elif name == "Q":
            x, y, to_x, to_y = values
            first = (at[0] + 2 / 3 * (x - at[0]), at[1] + 2 / 3 * (y - at[1]))
            second = (to_x + 2 / 3 * (x - to_x), to_y + 2 / 3 * (y - to_y))
            drawn.append(f"{points(*first, *second, to_x, to_y)} c")
        else:
            drawn += [
                f"{points(*curve)} {'c' if len(curve) == 6 else 'l'}" for curve in arc(at, values)
            ]
        at = (values[-2], values[-1])
    return "\n".join(drawn)


def arc(at: tuple[float, float], values: list[float]) -> list[tuple[float, ...]]:
    """Return an elliptical arc as Bézier curves: each a tuple of six numbers, or of two for a straight line.

    The values are those of the operator A: both radii, the angle of the ellipse in degrees, whether the longer arc is
    meant, whether it runs clockwise, and the end (as in SVG 1.1, appendix F.6).
    """
    rx, ry, turn, is_long, is_clockwise, to_x, to_y = values
    rx, ry = abs(rx), abs(ry)
    if not rx or not ry or at == (to_x, to_y):
        return [(to_x, to_y)]
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    across, down = (at[0] - to_x) / 2, (at[1] - to_y) / 2
    x, y = cos * across + sin * down, cos * down - sin * across
    # Enlarge radii that are too small for the arc to reach its end.
    if (short := (x / rx) ** 2 + (y / ry) ** 2) > 1:
        rx, ry = rx * math.sqrt(short), ry * math.sqrt(short)
    left = (x / rx) ** 2 + (y / ry) ** 2
    factor = math.sqrt(max(0.0, 1 / left - 1)) if left else 0.0
    if bool(is_long) == bool(is_clockwise):
        factor = -factor
    mid_x, mid_y = factor * rx * y / ry, -factor * ry * x / rx
    begin = math.atan2((y - mid_y) / ry, (x - mid_x) / rx)
    sweep = math.atan2((-y - mid_y) / ry, (-x - mid_x) / rx) - begin
    if is_clockwise and sweep < 0:
        sweep += 2 * math.pi
    elif not is_clockwise and sweep > 0:
        sweep -= 2 * math.pi
    middle = (at[0] + to_x) / 2, (at[1] + to_y) / 2
    pieces = max(1, math.ceil(abs(sweep) / (math.pi / 2) - 1e-6))
    step = sweep / pieces
    reach = 4 / 3 * math.tan(step / 4)

    def point(angle: float, along: float) -> tuple[float, float]:
        px = rx * (math.cos(angle) - along * math.sin(angle)) + mid_x
        py = ry * (math.sin(angle) + along * math.cos(angle)) + mid_y
        return cos * px - sin * py + middle[0], sin * px + cos * py + middle[1]

    curves: list[tuple[float, ...]] = []
    for piece in range(pieces):
        one, two = begin + piece * step, begin + (piece + 1) * step
        curves.append((*point(one, reach), *point(two, -reach), *point(two, 0)))
    return curves


def child(element: Any, *names: str) -> Any:
    """Return the first child with one of these names, or None."""
    return next((one for one in element if one.tag in names), None)
