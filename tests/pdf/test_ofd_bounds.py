"""OFD files that are larger or deeper than any document is, and damaged ones."""

from pathlib import Path
import struct

import pytest

from custom_components.lianke.pdf import (
    ofd,
    ofd_document,
    ofd_package,
    ofd_page,
    ofd_pictures,
    ofd_text,
)
from custom_components.lianke.pdf.font_file import MAX_CHARACTERS, FontFile
from custom_components.lianke.pdf.ofd_geometry import MAX_NUMBER
from custom_components.lianke.pdf.ofd_paint import MAX_REPEATS
from custom_components.lianke.pdf.process import MAX_SOURCE_PAGES, TaskError
from tests.pdf.ofd_samples import (
    SQUARE,
    color,
    converted,
    embedded,
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


def refused(folder: Path, data: bytes) -> str:
    with pytest.raises(TaskError) as err:
        converted(folder, data)
    assert not (folder / "x.pdf").exists()
    return err.value.reason


IMAGE = '<ofd:ImageObject ID="5" ResourceID="7" Boundary="20 20 40 40"/>'
FILLED = 'Stroke="false" Fill="true"'


def test_parts(tmp_path: Path) -> None:
    many = {f"{number}.txt": "" for number in range(ofd_package.MAX_OFD_PARTS)}
    assert refused(tmp_path, make_ofd("", files=many)) == "ofd_too_large"


def test_bytes_of_a_part(tmp_path: Path) -> None:
    blanks = " " * ofd_package.MAX_XML_BYTES
    assert refused(tmp_path, make_ofd(page_of("") + blanks)) == "ofd_too_large"
    huge = {"Doc_0/Res/a.png": bytes(ofd_package.MAX_PART_BYTES + 1)}
    assert (
        refused(tmp_path, make_ofd(IMAGE, resources=pictures(p7="a.png"), files=huge))
        == "ofd_too_large"
    )


@pytest.mark.long
def test_bytes_of_all_parts(tmp_path: Path) -> None:
    size = ofd_package.MAX_PART_BYTES
    count = ofd_package.MAX_ALL_PARTS_BYTES // size + 1
    files = {f"Doc_0/Res/{number}.png": bytes(size) for number in range(count)}
    resources = pictures(**{f"p{number}": f"{number}.png" for number in range(count)})
    content = "".join(IMAGE.replace('"7"', f'"{number}"') for number in range(count))
    assert refused(tmp_path, make_ofd(content, resources=resources, files=files)) == "ofd_too_large"


def test_pages(tmp_path: Path) -> None:
    parts = make_ofd(*[""] * 1)
    pages = "".join(f'<ofd:Page ID="{n}" BaseLoc="x"/>' for n in range(MAX_SOURCE_PAGES + 1))
    document = xml("Document", f"<ofd:CommonData/><ofd:Pages>{pages}</ofd:Pages>")
    assert refused(tmp_path, make_ofd(files={"Doc_0/Document.xml": document})) == "too_many_pages"
    assert converted(tmp_path, parts).answer["pages"] == 1


def test_the_answer_names_only_some_pages_and_letters(tmp_path: Path) -> None:
    letters = "".join(chr(0xE000 + number) for number in range(50))
    made = converted(tmp_path, make_ofd(*[text(letters)] * 50))
    assert made.missing == {"text": list(range(1, ofd.MAX_NAMED + 1))}
    assert made.answer["letters"].split() == [
        f"U+E0{number:02X}" for number in range(ofd.MAX_NAMED)
    ]


def test_sides_of_a_page(tmp_path: Path) -> None:
    long = converted(tmp_path, make_ofd(page_of("", f"0 0 {ofd_document.MAX_PAGE_SIDE + 1} 20")))
    assert round(long.document[0].get_size()[0] * 25.4 / 72) == 100


def test_numbers(tmp_path: Path) -> None:
    far = shape(SQUARE, FILLED + f' CTM="{MAX_NUMBER * 10} 0 0 1 0 0"', color("255 0 0"))
    assert converted(tmp_path, make_ofd(far)).at(40, 40) == (255, 0, 0)


def test_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ofd_page, "MAX_OBJECTS", 5)
    assert refused(tmp_path, make_ofd(*[shape(SQUARE)] * 6)) == "ofd_too_large"
    converted(tmp_path, make_ofd(*[shape(SQUARE)] * 5))


def test_instructions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Composite objects that contain each other ten times draw a path a hundred thousand times."""
    units = "".join(
        f'<ofd:CompositeGraphicUnit ID="{number}"><ofd:Content>'
        + (
            shape("L 1 1 " * 2000)
            if number == 30
            else f'<ofd:CompositeObject ResourceID="{number - 1}"/>' * 10
        )
        + "</ofd:Content></ofd:CompositeGraphicUnit>"
        for number in range(30, 36)
    )
    resources = f"<ofd:CompositeGraphicUnits>{units}</ofd:CompositeGraphicUnits>"
    monkeypatch.setattr(ofd_page, "MAX_DRAWN_CHARACTERS", 1_000_000)
    data = make_ofd('<ofd:CompositeObject ResourceID="35"/>', resources=resources)
    assert refused(tmp_path, data) == "ofd_too_large"


def test_blocks_within_each_other(tmp_path: Path) -> None:
    for depth, missing in ((ofd_page.MAX_NESTED, {}), (ofd_page.MAX_NESTED + 1, {"part": [1]})):
        content = "<ofd:PageBlock>" * depth + "</ofd:PageBlock>" * depth
        assert converted(tmp_path, make_ofd(content)).missing == missing
    deep = "<ofd:PageBlock>" * 5000 + "</ofd:PageBlock>" * 5000
    assert "page" in converted(tmp_path, make_ofd(deep)).missing


def test_glyphs(tmp_path: Path) -> None:
    count = ofd_text.MAX_GLYPHS
    made = converted(
        tmp_path, make_ofd(text("一" * (count + 1), deltas=f'DeltaX="g {count * 9} 0"')), font="一"
    )
    assert made.missing == {"text": [1]}


def test_repeats_of_a_gradient(tmp_path: Path) -> None:
    stops = "".join(
        f"<ofd:Segment>{color(one, 'Color')}</ofd:Segment>" for one in ("255 0 0", "0 0 255")
    )
    axis = 'StartPoint="0 0" EndPoint="100 0" MapType="Repeat" MapUnit="0.001"'
    inner = f"<ofd:AxialShd {axis}>{stops}</ofd:AxialShd>"
    made = converted(tmp_path, make_ofd(shape(SQUARE, FILLED, color("0", inner=inner))))
    assert made.missing == {}
    assert len(made.path.read_bytes()) < 200 * MAX_REPEATS


def test_memory_of_a_picture(tmp_path: Path) -> None:
    side = int((ofd_pictures.MAX_DECODED_BYTES / 4) ** 0.5) + 1
    files = {"Doc_0/Res/a.png": plain("red", (side, side))}
    assert converted(
        tmp_path, make_ofd(IMAGE, resources=pictures(p7="a.png"), files=files)
    ).missing == {"picture": [1]}


def test_characters_of_a_font() -> None:
    """Tables whose ranges overlap could name any number of characters."""
    font = make_font("一")
    groups = b"".join(struct.pack(">III", 0, 60_000, 1) for _ in range(2000))
    table = struct.pack(">HHIII", 12, 0, 16 + len(groups), 0, 2000) + groups
    cmap = struct.pack(">HHHHI", 0, 1, 3, 10, 12) + table
    entry = font.index(b"cmap")
    made = font[: entry + 8] + struct.pack(">II", len(font), len(cmap)) + font[entry + 16 :] + cmap
    assert len(FontFile(made).codes) < MAX_CHARACTERS


@pytest.mark.parametrize(
    "data", [b"", b"OTTO", make_font("一")[:200], b"\1\0\4\2" + bytes(50), bytes(90)]
)
def test_damaged_fonts(tmp_path: Path, data: bytes) -> None:
    """Another font takes their place."""
    files = {"Doc_0/Res/a.ttf": data}
    made = converted(tmp_path, make_ofd(text("一"), resources=embedded(), files=files), font="一")
    assert made.missing == {}
    assert made.ink() == pytest.approx((10.8, 11.6, 17.2, 18), abs=0.3)


def test_xml_that_refers_to_itself(tmp_path: Path) -> None:
    bomb = "<!DOCTYPE a [" + "".join(
        f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha"}">' for n in range(12)
    )
    page = xml("Page", "<ofd:Content><ofd:Layer>&e11;</ofd:Layer></ofd:Content>").replace(
        "<ofd:Page", bomb + "]>\n<ofd:Page", 1
    )
    assert "page" in converted(tmp_path, make_ofd(page)).missing
    read = xml("Page", "&x;").replace(
        "<ofd:Page", '<!DOCTYPE a [<!ENTITY x SYSTEM "/etc/passwd">]><ofd:Page', 1
    )
    assert "page" in converted(tmp_path, make_ofd(read)).missing
    assert refused(tmp_path, packed({"OFD.xml": read})) == "damaged"
