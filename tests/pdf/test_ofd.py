"""OFD files become PDF: each construct of GB/T 33190 in a file of its own, and what is on the page."""

from pathlib import Path
import random
from typing import Any

import pytest

from custom_components.lianke.pdf.process import TaskError
from tests import needs
from tests.pdf.ofd_samples import (
    SQUARE,
    color,
    converted,
    embedded,
    layer,
    make_cff,
    make_font,
    make_ofd,
    packed,
    page_of,
    pictures,
    plain,
    shape,
    text,
    xml,
)

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255,) * 3, (0, 0, 0)
FONT: dict[str, Any] = {
    "resources": embedded(),
    "files": {"Doc_0/Res/a.ttf": make_font("一二三abc𠮷")},
}


def near(found: tuple[int, ...], wanted: tuple[int, ...], off: int = 6) -> bool:
    return all(abs(one - other) <= off for one, other in zip(found, wanted, strict=True))


def transform(glyphs: str, position: int = 0, codes: int | None = None) -> str:
    count = len(glyphs.split())
    return (
        f'<ofd:CGTransform CodePosition="{position}" CodeCount="{count if codes is None else codes}"'
        f' GlyphCount="{count}"><ofd:Glyphs>{glyphs}</ofd:Glyphs></ofd:CGTransform>'
    )


# The text, attributes of its object and of its code, what comes before the code; then where the ink is. A glyph of 8 mm
# is inked from 0.8 to 7.2 mm across, and up to 6.4 mm above the base line, which is at (10, 18).
TEXTS: list[tuple[str, dict[str, str], tuple[float, float, float, float]]] = [
    ("一", {}, (10.8, 11.6, 17.2, 18)),
    ("一二", {"deltas": 'DeltaX="12"'}, (10.8, 11.6, 29.2, 18)),
    ("一二三", {"deltas": 'DeltaX="12"'}, (10.8, 11.6, 41.2, 18)),
    ("一二三", {"deltas": 'DeltaX="g 2 10"'}, (10.8, 11.6, 37.2, 18)),
    ("一二三", {"deltas": 'DeltaX="g 1 10 20"'}, (10.8, 11.6, 47.2, 18)),
    ("一二三", {"deltas": 'DeltaY="9 9"'}, (10.8, 11.6, 17.2, 36)),
    ("一二", {"deltas": 'DeltaX="10" DeltaY="5"'}, (10.8, 11.6, 27.2, 23)),
    ("一二", {"deltas": ""}, (10.8, 11.6, 25.2, 18)),
    ("一", {"attributes": 'Font="1" Size="8" HScale="0.5"'}, (10.4, 11.6, 13.6, 18)),
    ("一二", {"attributes": 'Font="1" Size="8" ReadDirection="90"'}, (10.8, 11.6, 17.2, 26)),
    ("一", {"attributes": 'Font="1" Size="8" CharDirection="90"'}, (10, 18.8, 16.4, 25.2)),
    ("一", {"attributes": 'Font="1" Size="8" CTM="2 0 0 2 0 0"'}, (11.6, 13.2, 24.4, 26)),
    ("一", {"attributes": 'Font="1" Size="8" CTM="0 1 -1 0 0 0"'}, (2, 10.8, 8.4, 17.2)),
    ("一", {"attributes": 'Font="1" Size="8" Italic="true"'}, (10.8, 11.6, 18.5, 18)),
    ("\n一\t", {}, (10.8, 11.6, 17.2, 18)),
    ("𠮷二", {"deltas": 'DeltaX="10"'}, (10.8, 11.6, 27.2, 18)),
    ("𠮷二", {"deltas": 'DeltaX="5 5"'}, (10.8, 11.6, 27.2, 18)),
]


@pytest.mark.parametrize(("letters", "how", "ink"), TEXTS)
@pytest.mark.whole
def test_text_lies_where_it_should(
    tmp_path: Path, letters: str, how: dict[str, str], ink: tuple[float, ...]
) -> None:
    made = converted(tmp_path, make_ofd(text(letters, **how), **FONT))
    assert made.ink() == pytest.approx(ink, abs=0.3)
    assert made.missing == {}
    assert made.at(ink[0] + 1, ink[1] + 1) == BLACK or "Italic" in str(how)


@needs.poppler
def test_text_stays_text(tmp_path: Path) -> None:
    some = text("一二a") + text("三bc", at="10 30 80 10") + text("𠮷", at="10 50 80 10")
    made = converted(tmp_path, make_ofd(some, text("二"), **FONT))
    assert (made.text(), made.text(1)) == ("一二a三bc𠮷", "二")


@needs.poppler
@pytest.mark.parametrize(
    ("letters", "inner", "ink"),
    [
        # The glyphs, not the characters, decide what is drawn: the file's font has no "x".
        ("xyz", transform("1 2 3"), 3),
        ("a1二", transform("2", 1), 3),
        ("1234", transform("5 6", 1, 2), 4),
        # Two characters with one glyph, and one with two.
        ("fi", transform("4", 0, 2), 1),
        ("x", transform("1 2", 0, 1), 2),
        # One glyph stands for two characters.
        ("xy", transform("1 1"), 2),
        # A glyph that the font does not have: its character is drawn.
        ("一二", transform("900 2"), 2),
        ("一二", transform("x y"), 2),
    ],
)
def test_glyphs_of_a_font(tmp_path: Path, letters: str, inner: str, ink: int) -> None:
    code = text(letters, inner=inner, deltas='DeltaX="g 5 10"')
    made = converted(tmp_path, make_ofd(code, **FONT), font="1234")
    assert made.ink()[2] == pytest.approx(17.2 + 10 * (ink - 1), abs=0.3)
    assert made.text() == letters
    assert made.missing == {}


@needs.poppler
def test_glyphs_that_consist_of_others_are_kept(tmp_path: Path) -> None:
    code = text("x", inner=transform("8"))
    assert converted(tmp_path, make_ofd(code, **FONT)).ink() == pytest.approx(
        (10.8, 11.6, 17.2, 18), abs=0.3
    )


@needs.poppler
@pytest.mark.parametrize("names", [None, range(500, 502)])
def test_cff_fonts(tmp_path: Path, names: Any) -> None:
    """Pure CFF fonts, also those whose glyphs have numbers that differ from their order."""
    files = {"Doc_0/Res/a.otf": make_cff(3, names)}
    code = text("甲乙", inner=transform("1 2"), deltas='DeltaX="10"')
    made = converted(tmp_path, make_ofd(code, resources=embedded("a.otf"), files=files))
    assert made.ink() == pytest.approx((10.8, 11.6, 27.2, 18), abs=0.3)
    assert made.text() == "甲乙"


@needs.poppler
def test_another_font_takes_the_place_of_one_that_is_not_there(tmp_path: Path) -> None:
    resources = '<ofd:Fonts><ofd:Font ID="1" FontName="宋体"/></ofd:Fonts>'
    code = text("发票W", deltas='DeltaX="8 8"') + text("WW", at="10 30 80 10", deltas='DeltaX="4"')
    made = converted(tmp_path, make_ofd(code, resources=resources), font="发票W")
    assert made.text() == "发票WWW"
    assert made.missing == {}
    # A glyph that is wider than the room that the missing font left it is pressed.
    assert made.at(13.8, 36) == WHITE
    assert made.at(12, 36) == BLACK


def test_letters_that_no_font_has_are_named(tmp_path: Path) -> None:
    made = converted(tmp_path, make_ofd(text("一 犇\u3000x"), text("二犇"), **FONT), font="y")
    assert made.missing == {"text": [1, 2]}
    assert made.answer["letters"] == "犇 x"
    # A character that only the file's own font could have, and characters that nobody sees.
    made = converted(tmp_path, make_ofd(text("一犇\ue000\u200b\ufeff")))
    assert made.answer["letters"] == "U+E000"


def test_bold_where_the_font_is_another_one(tmp_path: Path) -> None:
    thin, bold = (
        converted(tmp_path, make_ofd(text("字", attributes=f'Size="8" {more}')), font="字").ink()
        for more in ("", 'Weight="700"')
    )
    assert bold[0] < thin[0]
    assert bold[2] > thin[2]


# A path with its attributes and what is in it, then colors by place.
RGB = color("255 0 0")
STROKE = 'Stroke="false" Fill="true"'
PATHS: list[tuple[str, dict[tuple[float, float], tuple[int, ...]]]] = [
    (shape(SQUARE, STROKE, RGB), {(40, 40): RED, (10, 10): WHITE}),
    (shape(SQUARE, 'LineWidth="4"'), {(40, 40): WHITE, (20, 40): BLACK, (23, 40): WHITE}),
    (shape(SQUARE, 'Fill="true" LineWidth="4"', RGB), {(40, 40): RED, (20, 40): BLACK}),
    # Without a color there is nothing to fill with.
    (shape(SQUARE, STROKE), {(40, 40): WHITE}),
    (shape(SQUARE, 'LineWidth="-4"', color("0 0 255", "StrokeColor")), {(20, 40): BLUE}),
    (shape(SQUARE, STROKE, color("#ff #0 #0")), {(40, 40): RED}),
    (shape(SQUARE, STROKE, color("0")), {(40, 40): BLACK}),
    (shape(SQUARE, STROKE, color("0 255 255 0")), {(40, 40): (237, 28, 36)}),
    (shape(SQUARE, STROKE, color("255 0 0", attributes='Alpha="128"')), {(40, 40): (255, 127, 127)}),
    (shape(SQUARE, STROKE + ' Alpha="128"', RGB), {(40, 40): (255, 127, 127)}),
    (shape("M 20 20 L 60 20 L 60 60 L 20 60 C M 30 30 L 50 30 L 50 50 L 30 50 C",
           STROKE + ' Rule="Even-Odd"', RGB), {(40, 40): WHITE, (25, 40): RED}),
    (shape("M 20 20 L 60 20 L 60 60 L 20 60 C M 30 30 L 50 30 L 50 50 L 30 50 C", STROKE, RGB),
     {(40, 40): RED}),
    # Curves: a quarter of a circle as arc, and half circles that are the longer or the other way.
    (shape("M 20 40 A 20 20 0 0 1 40 20 L 40 40 C", STROKE, RGB), {(29, 29): RED, (23, 24): WHITE}),
    (shape("M 20 40 A 20 20 0 0 0 40 20 L 40 40 C", STROKE, RGB), {(30, 30): WHITE, (38, 38): RED}),
    (shape("M 20 40 A 20 20 0 1 1 60 40 C", STROKE, RGB), {(40, 25): RED, (40, 50): WHITE}),
    (shape("M 20 40 A 20 10 90 1 0 20.1 40 C", STROKE, RGB), {(20, 70): RED}),
    (shape("M 20 40 B 20 20 60 20 60 40 C", STROKE, RGB), {(40, 28): RED, (40, 23): WHITE}),
    (shape("M 20 40 Q 40 0 60 40 C", STROKE, RGB), {(40, 22): RED, (40, 18): WHITE}),
    (shape("S20,20L60 20 L6e1,60L20 60C", STROKE, RGB), {(40, 40): RED}),
    (shape("L 60 20 L 60 60 C", STROKE, RGB), {(50, 40): RED}),
    (shape("M 2 2 L 6 2 L 6 6 L 2 6 C", STROKE + ' CTM="10 0 0 10 0 0"', RGB), {(40, 40): RED}),
    (shape("M 0 0 L 40 0 L 40 40 L 0 40 C", STROKE, RGB, "20 20 40 40"), {(40, 40): RED, (10, 10): WHITE}),
    # What is outside of the boundary is not drawn.
    (shape("M 0 0 L 60 0 L 60 60 L 0 60 C", STROKE, RGB, "20 20 20 20"), {(30, 30): RED, (50, 50): WHITE}),
    (shape("M 20 40 L 60 40", 'LineWidth="2" DashPattern="4 4"'), {(22, 40): BLACK, (26, 40): WHITE}),
    (shape("M 20 40 L 60 40", 'LineWidth="2" DashPattern="4 4" DashOffset="4"'), {(22, 40): WHITE}),
    (shape("M 20 40 L 60 40", 'LineWidth="8" Cap="Square"'), {(18, 40): BLACK}),
    (shape("M 20 40 L 60 40", 'LineWidth="8"'), {(18, 40): WHITE}),
    (shape(SQUARE, STROKE + ' Visible="false"', RGB), {(40, 40): WHITE}),
    ("<ofd:PageBlock>" + shape(SQUARE, STROKE, RGB) + "</ofd:PageBlock>", {(40, 40): RED}),
]  # fmt: skip


@pytest.mark.parametrize(("content", "colors"), PATHS)
@pytest.mark.whole
def test_paths(
    tmp_path: Path, content: str, colors: dict[tuple[float, float], tuple[int, ...]]
) -> None:
    made = converted(tmp_path, make_ofd(content))
    seen = {place: made.at(*place) for place in colors}
    assert all(
        near(seen[place], wanted, 40 if wanted[1] == 28 else 6) for place, wanted in colors.items()
    ), seen
    assert made.missing == {}


SPACES = (
    '<ofd:ColorSpaces><ofd:ColorSpace ID="5" Type="GRAY" BitsPerComponent="4"/>'
    '<ofd:ColorSpace ID="6" Type="RGB"><ofd:Palette><ofd:CV>0 0 255</ofd:CV><ofd:CV>0 255 0</ofd:CV>'
    "</ofd:Palette></ofd:ColorSpace></ofd:ColorSpaces>"
)
PARAMETERS = (
    f'<ofd:DrawParams><ofd:DrawParam ID="7" LineWidth="6">{color("0 255 0", "StrokeColor")}</ofd:DrawParam>'
    f'<ofd:DrawParam ID="8" Relative="7">{color("0 0 255")}</ofd:DrawParam>'
    '<ofd:DrawParam ID="9" Relative="9"/></ofd:DrawParams>'
)


@pytest.mark.parametrize(
    ("content", "inside", "edge"),
    [
        (shape(SQUARE, STROKE, color("15", attributes='ColorSpace="5"')), WHITE, None),
        (shape(SQUARE, STROKE, color("0", attributes='ColorSpace="5"')), BLACK, None),
        (
            shape(SQUARE, STROKE, '<ofd:FillColor ColorSpace="6" Index="1"/>'),
            GREEN,
            None,
        ),
        (shape(SQUARE, 'Fill="true" DrawParam="8"'), BLUE, GREEN),
        (shape(SQUARE, 'Fill="true" DrawParam="8" LineWidth="1"', RGB), RED, None),
        (shape(SQUARE, 'Fill="true" DrawParam="9"', RGB), RED, None),
    ],
)
def test_color_spaces_and_parameters(
    tmp_path: Path, content: str, inside: tuple[int, ...], edge: tuple[int, ...] | None
) -> None:
    made = converted(tmp_path, make_ofd(content, resources=SPACES + PARAMETERS))
    assert near(made.at(40, 40), inside)
    assert edge is None or near(made.at(22, 40), edge)


def test_parameters_of_a_layer(tmp_path: Path) -> None:
    page = page_of(layer(shape(SQUARE, 'Fill="true"'), 'DrawParam="8"'))
    made = converted(tmp_path, make_ofd(page, resources=PARAMETERS))
    assert (made.at(40, 40), made.at(22, 40)) == (BLUE, GREEN)


def segments(*colors: str) -> str:
    return "".join(f"<ofd:Segment>{color(one, 'Color')}</ofd:Segment>" for one in colors)


def gradient(name: str, attributes: str, *colors: str) -> str:
    inner = f"<ofd:{name} {attributes}>{segments(*colors)}</ofd:{name}>"
    return shape(SQUARE, STROKE, color("0 0 0", inner=inner))


def mesh(name: str, attributes: str, *points: str, inner: str = "") -> str:
    """Return a square of colored points, each with its place and the edge from which its triangle continues."""
    colors = ("255 0 0", "0 0 255", "0 0 255", "255 0 0")
    inner += "".join(
        '<ofd:Point X="{}" Y="{}" EdgeFlag="{}">'.format(*point.split())
        + f"{color(said, 'Color')}</ofd:Point>"
        for point, said in zip(points, colors, strict=False)
    )
    return shape(
        SQUARE, STROKE, color("0 0 0", inner=f"<ofd:{name} {attributes}>{inner}</ofd:{name}>")
    )


AXIS = 'StartPoint="20 40" EndPoint="60 40"'
FAR: tuple[tuple[float, float], ...] = ((21, 40), (59, 40))
MESH = {(21, 21): RED, (59, 21): BLUE, (21, 59): BLUE, (59, 59): RED, (40, 21): (127, 0, 127)}


@pytest.mark.parametrize(
    ("content", "colors"),
    [
        (gradient("AxialShd", AXIS, "255 0 0", "0 0 255"), {FAR[0]: RED, FAR[1]: BLUE, (40, 40): (127, 0, 127)}),
        (gradient("AxialShd", AXIS + ' MapType="Repeat" MapUnit="20"', "255 0 0", "0 0 255"),
         {FAR[0]: RED, (39, 40): BLUE, (41, 40): RED}),
        (gradient("AxialShd", AXIS + ' MapType="Reflect" MapUnit="20"', "255 0 0", "0 0 255"),
         {FAR[0]: RED, (40, 40): BLUE, FAR[1]: RED}),
        (gradient("AxialShd", 'StartPoint="30 0" EndPoint="50 0"', "255 0 0", "0 0 255"),
         {(25, 40): WHITE, (55, 40): WHITE}),
        (gradient("AxialShd", 'Extend="3" StartPoint="30 0" EndPoint="50 0"', "255 0 0", "0 0 255"),
         {(25, 40): RED, (55, 40): BLUE}),
        (gradient("RadialShd", 'StartPoint="40 40" EndPoint="40 40" EndRadius="20"', "255 0 0", "0 0 255"),
         {(40, 40): RED, (40, 59): BLUE, (22, 22): WHITE}),
        (gradient("RadialShd", 'StartPoint="40 40" EndPoint="40 40" EndRadius="20" Eccentricity="0.8660254"',
                  "255 0 0", "0 0 255"), {(40, 40): RED, (59, 40): BLUE, (40, 55): WHITE}),
        (mesh("GouraudShd", "", "20 20 0", "60 20 0", "20 60 0", "60 60 1"), MESH),
        (mesh("LaGouraudShd", 'VerticesPerRow="2"', "20 20 0", "60 20 0", "20 60 0", "60 60 0"), MESH),
        (mesh("GouraudShd", "", "20 20 0", "60 20 0", "20 60 0", inner=color("0 255 0", "BackColor")),
         {(21, 21): RED, (58, 58): GREEN}),
    ],
)  # fmt: skip
@pytest.mark.whole
def test_gradients(
    tmp_path: Path, content: str, colors: dict[tuple[float, float], tuple[int, ...]]
) -> None:
    made = converted(tmp_path, make_ofd(content))
    seen = {place: made.at(*place) for place in colors}
    assert all(near(seen[place], wanted, 24) for place, wanted in colors.items()), seen
    assert made.missing == {}


@pytest.mark.parametrize(
    ("attributes", "colors"),
    [
        ("", {(22, 22): RED, (27, 22): WHITE, (32, 22): RED, (37, 22): WHITE}),
        (
            'ReflectMethod="Column"',
            {(22, 22): RED, (27, 22): WHITE, (32, 22): WHITE, (37, 22): RED},
        ),
        ('XStep="20"', {(22, 22): RED, (32, 22): WHITE, (42, 22): RED}),
        ('CTM="2 0 0 2 0 0"', {(22, 22): RED, (28, 22): RED, (32, 22): WHITE}),
        ('CTM="1 0 0 1 5 0"', {(22, 22): WHITE, (27, 22): RED}),
        ('RelativeTo="Page" CTM="1 0 0 1 3 0"', {(21, 22): WHITE, (24, 22): RED, (29, 22): WHITE}),
    ],
)
def test_patterns(
    tmp_path: Path, attributes: str, colors: dict[tuple[float, float], tuple[int, ...]]
) -> None:
    cell = shape("M 0 0 L 5 0 L 5 10 L 0 10 C", STROKE, RGB, "0 0 10 10")
    inner = f'<ofd:Pattern Width="10" Height="10" {attributes}><ofd:CellContent>{cell}</ofd:CellContent></ofd:Pattern>'
    content = shape(
        "M 0 0 L 40 0 L 40 40 L 0 40 C", STROKE, color("0 0 0", inner=inner), "20 20 40 40"
    )
    made = converted(tmp_path, make_ofd(content))
    seen = {place: made.at(*place) for place in colors}
    assert all(near(seen[place], wanted) for place, wanted in colors.items()), seen
    assert made.missing == {}


def clip(*areas: str) -> str:
    return "<ofd:Clip>" + "".join(f"<ofd:Area {area}</ofd:Area>" for area in areas) + "</ofd:Clip>"


def clip_path(data: str, attributes: str = "") -> str:
    return f"<ofd:Path {attributes}><ofd:AbbreviatedData>{data}</ofd:AbbreviatedData></ofd:Path>"


LEFT = clip_path("M 20 20 L 30 20 L 30 60 L 20 60 C")
RIGHT = clip_path("M 50 20 L 60 20 L 60 60 L 50 60 C")


@pytest.mark.parametrize(
    ("clips", "ctm", "red", "white"),
    [
        (f"<ofd:Clips>{clip('>' + LEFT)}</ofd:Clips>", "", [25], [40, 55]),
        # Areas of a clip add up; clips cut each other.
        (f"<ofd:Clips>{clip('>' + LEFT, '>' + RIGHT)}</ofd:Clips>", "", [25, 55], [40]),
        (f"<ofd:Clips>{clip('>' + LEFT)}{clip('>' + RIGHT)}</ofd:Clips>", "", [], [25, 40, 55]),
        (f"<ofd:Clips>{clip('CTM="2 0 0 1 0 0">' + LEFT)}</ofd:Clips>", "", [45], [25, 35]),
        (
            f"<ofd:Clips>{clip('>' + LEFT.replace('<ofd:Path', '<ofd:Path Boundary="15 0 60 60"'))}</ofd:Clips>",
            "",
            [40],
            [30, 50],
        ),
        # By default, the clip is moved with the object.
        (f"<ofd:Clips>{clip('>' + LEFT)}</ofd:Clips>", "1 0 0 1 10 0", [35], [25, 45]),
        (
            f'<ofd:Clips TransFlag="false">{clip(">" + LEFT)}</ofd:Clips>',
            "1 0 0 1 -10 0",
            [25],
            [15, 35],
        ),
        ("<ofd:Clips/>", "", [25, 40, 55], []),
    ],
)
def test_clips(tmp_path: Path, clips: str, ctm: str, red: list[int], white: list[int]) -> None:
    content = shape(SQUARE, STROKE + (f' CTM="{ctm}"' if ctm else ""), RGB + clips)
    made = converted(tmp_path, make_ofd(content))
    assert [made.at(x, 40) for x in (*red, *white)] == [RED] * len(red) + [WHITE] * len(white)


def test_a_clip_may_be_text(tmp_path: Path) -> None:
    letters = (
        '<ofd:Text Boundary="20 20 40 40" Font="1" Size="20">'
        '<ofd:TextCode X="0" Y="20">一</ofd:TextCode></ofd:Text>'
    )
    content = shape(SQUARE, STROKE, RGB + f"<ofd:Clips>{clip('>' + letters)}</ofd:Clips>")
    assert converted(tmp_path, make_ofd(content, **FONT)).ink() == pytest.approx(
        (22, 24, 38, 40), abs=0.3
    )


def test_composite_objects(tmp_path: Path) -> None:
    unit = (
        '<ofd:CompositeGraphicUnits><ofd:CompositeGraphicUnit ID="30" Width="80" Height="80">'
        f"<ofd:Content>{shape(SQUARE, STROKE, RGB)}</ofd:Content></ofd:CompositeGraphicUnit>"
        '<ofd:CompositeGraphicUnit ID="31" Width="80" Height="80"><ofd:Content>'
        '<ofd:CompositeObject ID="4" ResourceID="31" Boundary="0 0 99 99"/></ofd:Content></ofd:CompositeGraphicUnit>'
        "</ofd:CompositeGraphicUnits>"
    )
    used = (
        '<ofd:CompositeObject ID="3" ResourceID="{}" Boundary="10 0 80 80" CTM="0.5 0 0 0.5 0 0"/>'
    )
    made = converted(tmp_path, make_ofd(used.format(30), resources=unit))
    assert made.ink() == pytest.approx((20, 10, 40, 30), abs=0.3)
    # One that is missing, and one that contains itself.
    for number in (29, 31):
        assert converted(tmp_path, make_ofd(used.format(number), resources=unit)).missing == {
            "part": [1]
        }


def image(number: int, more: str = 'CTM="40 0 0 40 0 0"', inner: str = "") -> str:
    return f'<ofd:ImageObject ID="5" ResourceID="{number}" Boundary="20 20 40 40" {more}>{inner}</ofd:ImageObject>'


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *[("PNG", mode) for mode in ("RGB", "L", "P", "1", "RGBA", "I;16")],
        *[("JPEG", mode) for mode in ("RGB", "L", "CMYK")],
        *[("BMP", "RGB"), ("TIFF", "RGB"), ("TIFF", "1"), ("GIF", "P")],
    ],
)
def test_pictures(tmp_path: Path, kind: str, mode: str) -> None:
    black: Any = 0 if mode in ("1", "I;16") else "black"
    files = {"Doc_0/Res/a.bin": plain(black, kind=kind, mode=mode)}
    made = converted(tmp_path, make_ofd(image(7), resources=pictures(p7="a.bin"), files=files))
    assert made.ink() == pytest.approx((20, 20, 60, 60), abs=0.3)
    assert near(made.at(40, 40), (35, 31, 32) if mode == "CMYK" else BLACK, 40)
    assert made.missing == {}


def test_places_of_pictures(tmp_path: Path) -> None:
    """Pictures stand upright, are turned by their matrix, and have the size of the boundary without one."""
    from io import BytesIO

    from PIL import Image

    out = BytesIO()
    upper = Image.new("RGB", (40, 40), "red")
    upper.paste((0, 0, 255), (0, 20, 40, 40))
    upper.save(out, "PNG")
    files = {"Doc_0/Res/a.png": out.getvalue()}
    for more, colors in (
        ('CTM="40 0 0 40 0 0"', {(40, 25): RED, (40, 55): BLUE}),
        ("", {(40, 25): RED, (40, 55): BLUE}),
        ('CTM="0 40 -40 0 40 0"', {(55, 40): RED, (25, 40): BLUE}),
        ('Alpha="128"', {(40, 25): (255, 127, 127)}),
        ('BlendMode="Multiply"', {(40, 25): RED}),
    ):
        made = converted(
            tmp_path, make_ofd(image(7, more), resources=pictures(p7="a.png"), files=files)
        )
        assert all(near(made.at(*place), wanted) for place, wanted in colors.items()), more


def test_borders_of_pictures(tmp_path: Path) -> None:
    """Equally wide at all sides, whatever the shape of the picture."""
    border = f'<ofd:Border LineWidth="2">{color("0 0 255", "BorderColor")}</ofd:Border>'
    content = image(7, 'CTM="40 0 0 20 0 0"', border).replace("20 20 40 40", "20 20 40 20")
    files = {"Doc_0/Res/a.png": plain("red")}
    made = converted(tmp_path, make_ofd(content, resources=pictures(p7="a.png"), files=files))
    assert made.missing == {}
    assert made.ink() == pytest.approx((19, 19, 61, 41), abs=0.3)
    assert [made.at(*place) for place in ((20.5, 30), (40, 39.5), (40, 30))] == [BLUE, BLUE, RED]


def test_transparent_pictures_and_masks(tmp_path: Path) -> None:
    below = shape(SQUARE, STROKE, color("0 0 255"))
    files = {
        "Doc_0/Res/clear.png": plain("#ff000000", mode="RGBA"),
        "Doc_0/Res/red.png": plain("red"),
        "Doc_0/Res/black.png": plain("black", mode="L"),
        "Doc_0/Res/white.png": plain("white", mode="L"),
    }
    resources = pictures(p1="clear.png", p2="red.png", p3="black.png", p4="white.png")
    for content, wanted in (
        (image(1), BLUE),
        (image(2), RED),
        (image(2, 'CTM="40 0 0 40 0 0" ImageMask="3"'), BLUE),
        (image(2, 'CTM="40 0 0 40 0 0" ImageMask="4"'), RED),
    ):
        made = converted(tmp_path, make_ofd(below + content, resources=resources, files=files))
        assert made.at(40, 40) == wanted


# A picture of 8 × 8 pixels, all black, by generic regions of JBIG2: page, region, end of the page, end of the file.
_REGION = bytes.fromhex("00000008000000080000000000000000000003fffdff02fefefe") + bytes.fromhex(
    "ffffac"
)


def jbig2(*, sequential: bool, end: bool = True) -> bytes:
    """Return a page of JBIG2 that is black from the beginning, with segments one by one or headers first."""
    page = bytes.fromhex("00000008000000080000000000000000040000")
    segments = [(48, page), *([(49, b""), (51, b"")] if end else [])]
    heads = [
        number.to_bytes(4) + bytes([kind, 0, 1 if kind != 51 else 0]) + len(data).to_bytes(4)
        for number, (kind, data) in enumerate(segments)
    ]
    start = b"\x97JB2\r\n\x1a\n" + bytes([1 if sequential else 0]) + (1).to_bytes(4)
    if sequential:
        return start + b"".join(
            head + data for head, (_, data) in zip(heads, segments, strict=True)
        )
    return start + b"".join(heads) + b"".join(data for _, data in segments)


@pytest.mark.parametrize("sequential", [True, False])
def test_jbig2_is_passed_through(tmp_path: Path, sequential: bool) -> None:
    files = {"Doc_0/Res/a.jb2": jbig2(sequential=sequential)}
    made = converted(tmp_path, make_ofd(image(7), resources=pictures(p7="a.jb2"), files=files))
    assert made.missing == {}
    assert made.at(40, 40) == BLACK


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"nothing",
        plain("red")[:60],
        plain("red", kind="JPEG")[:400],
        b"\x97JB2\r\n\x1a\n\1\0",
    ],
)
def test_pictures_that_cannot_be_drawn_are_named(tmp_path: Path, data: bytes | None) -> None:
    files: dict[str, str | bytes] = {} if data is None else {"Doc_0/Res/a.png": data}
    made = converted(tmp_path, make_ofd("", image(7), resources=pictures(p7="a.png"), files=files))
    assert made.missing == {"picture": [2]}
    # A place for a picture that nobody has filled in lacks nothing.
    empty = '<ofd:ImageObject ID="5" Boundary="20 20 40 40"/>'
    assert converted(tmp_path, make_ofd(empty)).missing == {}


def test_templates_and_layers_from_the_back_to_the_front(tmp_path: Path) -> None:
    def square(place: int, shade: str) -> str:
        return shape(
            "M 0 0 L 30 0 L 30 30 L 0 30 C", STROKE, color(shade), f"{place} {place} 30 30"
        )

    common = (
        '<ofd:TemplatePage ID="50" BaseLoc="Tpls/a.xml"/>'
        '<ofd:TemplatePage ID="51" BaseLoc="Tpls/b.xml" ZOrder="Foreground"/>'
    )
    front, middle = square(20, "255 0 0"), square(10, "0 0 255")
    inner = f'<ofd:Layer Type="Foreground">{front}</ofd:Layer><ofd:Layer>{middle}</ofd:Layer>'
    page = xml(
        "Page",
        '<ofd:Template TemplateID="50" ZOrder="Background"/><ofd:Template TemplateID="51"/>'
        f"<ofd:Content>{inner}</ofd:Content>",
    )
    files = {
        "Doc_0/Tpls/a.xml": page_of(layer(square(0, "0 255 0")), "0 0 90 70"),
        "Doc_0/Tpls/b.xml": page_of(layer(square(30, "0 0 0"))),
    }
    made = converted(tmp_path, make_ofd(page, common=common, files=files))
    places = [made.at(at, at) for at in (5, 15, 25, 35)]
    assert places == [GREEN, BLUE, RED, BLACK]
    # The page has no size of its own, so it has its template's.
    assert [round(side * 25.4 / 72) for side in made.document[0].get_size()] == [90, 70]


@pytest.mark.parametrize(
    ("attributes", "seen"), [("", True), ('Visible="false"', False), ('Print="false"', False)]
)
def test_annotations(tmp_path: Path, attributes: str, seen: bool) -> None:
    drawn = shape("M 0 0 L 20 0 L 20 20 L 0 20 C", STROKE, RGB, "0 0 20 20")
    files = {
        "Doc_0/Annots/Annotations.xml": xml(
            "Annotations", '<ofd:Page PageID="1"><ofd:FileLoc>Page_1/A.xml</ofd:FileLoc></ofd:Page>'
        ),
        "Doc_0/Annots/Page_1/A.xml": xml(
            "PageAnnot",
            f'<ofd:Annot ID="3" {attributes}><ofd:Appearance Boundary="30 30 20 20">{drawn}'
            "</ofd:Appearance></ofd:Annot>",
        ),
    }
    document = "<ofd:Annotations>Annots/Annotations.xml</ofd:Annotations>"
    made = converted(tmp_path, make_ofd("", document=document, files=files))
    assert (made.at(40, 40), made.at(10, 10)) == (RED if seen else WHITE, WHITE)
    del files["Doc_0/Annots/Page_1/A.xml"]
    assert converted(tmp_path, make_ofd("", document=document, files=files)).missing == {
        "part": [1]
    }


# How files are written that do not keep to the standard.
def _renamed(data: bytes, how: Any) -> bytes:
    from io import BytesIO
    import zipfile

    with zipfile.ZipFile(BytesIO(data)) as archive:
        return packed({how(one): archive.read(one) for one in archive.namelist()})


def _edited(data: bytes, *pairs: tuple[str, str]) -> bytes:
    from io import BytesIO
    import zipfile

    parts: dict[str, bytes] = {}
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            for one, other in pairs:
                content = content.replace(one.encode(), other.encode())
            parts[name] = content
    return packed(parts)


GOOD = make_ofd(shape(SQUARE, STROKE, RGB), shape(SQUARE, STROKE, RGB))
CARELESS: dict[str, bytes] = {
    "backslashes": _renamed(GOOD, lambda name: name.replace("/", "\\")),
    "capitals": _renamed(GOOD, str.upper),
    "dots": _renamed(GOOD, lambda name: f"./{name}"),
    "absolute": _edited(GOOD, ('BaseLoc="Pages', 'BaseLoc="/Doc_0/Pages')),
    "from the top": _edited(GOOD, ('BaseLoc="Pages', 'BaseLoc="Doc_0/Pages')),
    "backslashes inside": _edited(GOOD, ('BaseLoc="Pages/', 'BaseLoc=".\\Pages\\')),
    "another namespace": _edited(GOOD, ("http://www.ofdspec.org/2016", "urn:other")),
    "another prefix": _edited(GOOD, ("<ofd:", "<o:"), ("</ofd:", "</o:"), ("xmlns:ofd", "xmlns:o")),
    "no prefix": _edited(GOOD, ("<ofd:", "<"), ("</ofd:", "</"), ("xmlns:ofd", "xmlns")),
    "blanks": _edited(GOOD, ("Doc_0/Document.xml</", "\n  Doc_0/Document.xml\n</")),
    "commas": _edited(GOOD, ("0 0 100 80", "0,0,100,80")),
}


@pytest.mark.parametrize("how", CARELESS)
def test_careless_files(tmp_path: Path, how: str) -> None:
    made = converted(tmp_path, CARELESS[how])
    assert [made.at(40, 40, page) for page in (0, 1)] == [RED, RED]
    assert made.missing == {}


@needs.poppler
def test_files_whose_names_say_no_encoding(tmp_path: Path) -> None:
    """Old programs write Chinese names in GBK without saying so."""
    data = make_ofd(
        image(7), resources=pictures(p7="图.png"), files={"Doc_0/Res/AA.png": plain("black")}
    )
    data = data.replace(b"Doc_0/Res/AA.png", b"Doc_0/Res/" + "图".encode("gbk") + b".png")
    assert converted(tmp_path, data).missing == {}


def test_several_documents_in_one_file(tmp_path: Path) -> None:
    first = make_ofd(shape(SQUARE, STROKE, RGB), shape(SQUARE, STROKE, RGB))
    second = "<ofd:DocBody><ofd:DocRoot>Doc_1/Document.xml</ofd:DocRoot></ofd:DocBody>"
    gone = "<ofd:DocBody><ofd:DocRoot>Doc_2/Document.xml</ofd:DocRoot></ofd:DocBody>"
    from io import BytesIO
    import zipfile

    with zipfile.ZipFile(BytesIO(first)) as archive:
        parts: dict[str, str | bytes] = {one: archive.read(one) for one in archive.namelist()}
    parts |= {one.replace("Doc_0", "Doc_1"): data for one, data in parts.items() if "Doc_0" in one}
    parts["OFD.xml"] = xml(
        "OFD",
        f"<ofd:DocBody><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody>{second}",
    )
    made = converted(tmp_path, packed(parts))
    assert made.answer["pages"] == 4
    assert made.missing == {}
    parts["OFD.xml"] = xml("OFD", gone + second)
    made = converted(tmp_path, packed(parts))
    assert (made.answer["pages"], made.missing) == (2, {"page": [1]})


def test_what_is_missing_or_unknown_is_named(tmp_path: Path) -> None:
    damaged = xml("Page", layer(shape(SQUARE, STROKE, RGB)))[:-20]
    made = converted(tmp_path, make_ofd("", damaged, "<ofd:HologramObject/>"))
    assert made.missing == {"page": [2], "part": [3]}
    # What can be read of a damaged page is drawn.
    assert made.at(40, 40, 1) == RED
    gone = _edited(make_ofd("", ""), ("Page_2/", "Page_7/"))
    assert converted(tmp_path, gone).missing == {"page": [2]}
    empty = color("0 0 255", inner="<ofd:GouraudShd/>")
    made = converted(tmp_path, make_ofd(shape(SQUARE, STROKE, empty)))
    assert (made.missing, made.at(40, 40)) == ({"part": [1]}, BLUE)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\3\4nothing", "damaged"),
        (packed({"OFD.xml": "<nothing"}), "damaged"),
        (packed({"OFD.xml": xml("OFD", "")}), "damaged"),
        (packed({"a.xml": xml("OFD", "")}), "damaged"),
        (make_ofd(), "damaged"),
        (packed({"OFD.xml": xml("OFD", ""), "Encryptions.xml": ""}), "ofd_locked"),
        (
            packed({"OFD.xml": '<!DOCTYPE a [<!ENTITY b "c">]>' + xml("OFD", "&b;")[39:]}),
            "damaged",
        ),
    ],
)
def test_files_that_are_none(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(TaskError) as refused:
        converted(tmp_path, data)
    assert refused.value.reason == reason
    assert not (tmp_path / "x.pdf").exists()


def test_random_numbers_in_paths_are_no_problem(tmp_path: Path) -> None:
    rolled = random.Random(5)
    signs = ["M", "L", "A", "B", "Q", "C", "S", "x", "-", "1e9", "nan", "7", "0", "-3.5", "1e-300"]
    for _ in range(40):
        data = " ".join(rolled.choices(signs, k=30))
        attributes = f'CTM="{" ".join(rolled.choices(["0", "1", "-1", "1e6", "1e-9"], k=6))}"'
        converted(tmp_path, make_ofd(shape(data, attributes), shape(data))).rendered()
