"""ID cards and photos: their size on paper, to be measured with a ruler, and what is cropped."""

from pathlib import Path
from typing import Any

from PIL import Image
import pypdfium2
import pytest

from custom_components.lianke.pdf import layout, plan
from tests.pdf.sheets import A4, POINT, Seen, Sheets, laid_out, make_pages, make_picture

# A part of a millimetre that a driver may lose.
EXACT = 0.3
# Points that the line of a frame is thick.
LINE = 0.5


def test_posters_are_as_sharp_as_their_pictures(tmp_path: Path) -> None:
    """One of 24 megapixels came out with 59 dots an inch on 4 × 4 sheets."""
    image = Image.effect_noise((6000, 600), 60)
    image.save(tmp_path / "x.jpg")
    file = {"path": str(tmp_path / "x.jpg"), "is_pdf": False, "pages": [0]}
    for columns, width in ((2, 6000), (1, 4000)):
        poster = laid_out(tmp_path, file, sheet="poster", columns=columns, rows=columns)
        [picture] = poster.document[0].get_objects(
            filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=3
        )
        assert picture.get_metadata().width == width


def whole(sheets: Sheets, number: int = 0) -> Seen:
    """Return where all that is red or blue lies on a sheet."""
    places = [place for _, place in sheets.colours(number)]
    left, top = min(place.left for place in places), min(place.top for place in places)
    right = max(place.left + place.width for place in places)
    bottom = max(place.top + place.height for place in places)
    return Seen(left, top, right - left, bottom - top)


@pytest.mark.parametrize(
    "size", [(856, 540), (1080, 1712), (2000, 1080), (1000, 1000), (300, 1200)]
)
def test_a_card_is_as_large_as_a_card(tmp_path: Path, size: tuple[int, int]) -> None:
    """Whatever the photo's shape and however it lies: 85.6 × 54 mm, in the middle of the width."""
    file = make_picture(tmp_path / "x.png", size)
    place = whole(laid_out(tmp_path, file, sheet="id_card"))
    assert place.width == pytest.approx(85.6, abs=EXACT)
    assert place.height == pytest.approx(54, abs=EXACT)
    assert place.left + place.width / 2 == pytest.approx(105, abs=EXACT)
    # A square, too, is one that lies: nothing is turned, and no end of the card is lost.
    red = dict(laid_out(tmp_path, file, sheet="id_card").colours(0))["red"]
    assert red.width == pytest.approx(42.8 if size[0] >= size[1] else 85.6, abs=EXACT)


def test_both_sides_of_a_card(tmp_path: Path) -> None:
    front = make_picture(tmp_path / "1.png", (856, 540))
    back = make_picture(tmp_path / "2.png", (856, 540), right="red")
    sheets = laid_out(tmp_path, front, back, front, sheet="id_card")
    assert sheets.sizes == [(210, 297)] * 2
    place = whole(sheets)
    assert place.height == pytest.approx(54 * 2 + 20, abs=EXACT)
    assert place.top == pytest.approx((297 - 128) / 2, abs=EXACT)
    parts = dict(sheets.colours(0))
    # Only the front, above, has blue in it.
    assert parts["blue"].height == pytest.approx(54, abs=EXACT)
    assert parts["blue"].top == pytest.approx(place.top, abs=EXACT)


def make_card(path: Path, turn: int = 0) -> dict[str, Any]:
    """Return a photo of a card on a table: red and blue halves, a fifth of the photo from its edges.

    The table is green; the photo was turned counter-clockwise by some degrees.
    """
    photo = Image.new("RGB", (1600, 1000), (0, 200, 0))
    photo.paste("red", (320, 200, 800, 800))
    photo.paste("blue", (800, 200, 1280, 800))
    photo.rotate(turn, Image.Resampling.BICUBIC, expand=True, fillcolor=(0, 200, 0)).save(path)
    return {"path": str(path), "is_pdf": False, "pages": [0]}


UNCUT = {"left": 0.0, "top": 0.0, "right": 1.0, "bottom": 1.0, "turn": 0}
BY_HAND = {"left": 0.2, "top": 0.2, "right": 0.8, "bottom": 0.8}


@pytest.mark.parametrize("turn", [0, 90, 180, 270, -90])
def test_a_card_is_cropped_and_turned_by_hand(tmp_path: Path, turn: int) -> None:
    """What was chosen fills the card, upright: the table is gone, and the halves are in order."""
    file = make_card(tmp_path / "x.png", turn) | {"cut": UNCUT | BY_HAND | {"turn": turn}}
    sheets = laid_out(tmp_path, file, sheet="id_card")
    place = whole(sheets)
    assert place.width == pytest.approx(85.6, abs=EXACT)
    assert place.height == pytest.approx(54, abs=EXACT)
    parts = dict(sheets.colours(0))
    assert parts["red"].width == pytest.approx(42.8, abs=EXACT)
    assert parts["red"].left < parts["blue"].left
    middle = sheets.picture(0, dpi=254).crop((630, 850, 1470, 1380))
    assert max(middle.getchannel("G").histogram()[60:], default=0) == 0


def test_a_card_is_turned_by_a_few_degrees(tmp_path: Path) -> None:
    """The frame that holds the turned picture is what the edges are parts of."""
    file = make_card(tmp_path / "x.png", 7)
    turned = Image.open(file["path"]).rotate(-7, expand=True)
    across, down = 960 / turned.width / 2, 600 / turned.height / 2
    cut = {"left": 0.5 - across, "right": 0.5 + across, "top": 0.5 - down, "bottom": 0.5 + down}
    sheets = laid_out(tmp_path, file | {"cut": UNCUT | cut | {"turn": 7}}, sheet="id_card")
    place = whole(sheets)
    assert (place.width, place.height) == pytest.approx((85.6, 54), abs=EXACT)
    red = dict(sheets.colours(0))["red"]
    assert (red.width, red.height) == pytest.approx((42.8, 54), abs=EXACT)


@pytest.mark.parametrize(
    ("cut", "red"),
    [
        # A little too narrow: all of it is there.
        ({"left": 0.25, "top": 0.2, "right": 0.8, "bottom": 0.8}, 38.9),
        # Much too narrow, and still wider than high: its middle fills the card.
        ({"left": 0.35, "top": 0.2, "right": 0.8, "bottom": 0.8}, 28.5),
        # The card stands in the photo after all.
        ({"left": 0.2, "top": 0.2, "right": 0.5, "bottom": 0.8}, 85.6),
    ],
)
def test_a_part_of_another_shape(tmp_path: Path, cut: dict[str, float], red: float) -> None:
    file = make_card(tmp_path / "x.png") | {"cut": UNCUT | cut}
    sheets = laid_out(tmp_path, file, sheet="id_card")
    place = whole(sheets)
    assert (place.width, place.height) == pytest.approx((85.6, 54), abs=EXACT)
    assert dict(sheets.colours(0))["red"].width == pytest.approx(red, abs=EXACT)


def test_a_part_of_a_few_pixels(tmp_path: Path) -> None:
    file = make_picture(tmp_path / "x.png", (3, 2))
    cut = {"left": 0.9, "top": 0.9, "right": 1.0, "bottom": 1.0}
    for turn in (0, 45, 359.5):
        made = laid_out(tmp_path, file | {"cut": UNCUT | cut | {"turn": turn}}, sheet="id_card")
        assert len(made) == 1


def test_a_scanned_card_keeps_its_shape(tmp_path: Path) -> None:
    """A page of a PDF is not cropped: it is as large as it can be within a card."""
    sheets = laid_out(tmp_path, make_pages(tmp_path / "x.pdf", A4), sheet="id_card")
    letter = sheets.letters(0)["A"]
    assert max(letter.width, letter.height) < 3
    assert 84.5 < letter.top < 138.5


@pytest.mark.parametrize(
    ("photo", "on_a_sheet"),
    [((25, 35), 50), ((35, 49), 25), ((89, 127), 4), ((127, 178), 2), ((152, 203), 1)],
)
def test_photos_are_as_large_as_they_say(
    tmp_path: Path, photo: tuple[int, int], on_a_sheet: int
) -> None:
    file = make_picture(tmp_path / "x.png", (600, 840))
    place = whole(laid_out(tmp_path, file, sheet="photos", photo=photo))
    assert sorted((place.width, place.height)) == pytest.approx(photo, abs=EXACT)
    most = laid_out(tmp_path, file, sheet="photos", photo=photo, count=on_a_sheet)
    assert len(most) == 1
    more = laid_out(tmp_path, file, sheet="photos", photo=photo, count=on_a_sheet + 1)
    assert len(more) == 2
    place = whole(more)
    assert place.left >= 5 - EXACT
    assert place.top >= 5 - EXACT
    assert place.left + place.width <= 205 + EXACT
    assert place.top + place.height <= 292 + EXACT


@pytest.mark.parametrize(
    ("photo", "paper", "on_a_sheet"),
    [
        ((25, 35), (102, 152), 10),
        ((25, 35), A4, 50),
        ((35, 49), A4, 25),
        ((25, 35), (420, 594), 100),
        ((102, 152), (102, 152), 1),
    ],
)
def test_a_sheet_is_filled_with_each_photo(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    photo: tuple[float, float],
    paper: tuple[float, float],
    on_a_sheet: int,
) -> None:
    """ID photos to be cut out along their frames: all upright in their size, 3 mm apart, and none cut off.

    Where more of them fit so, it is the sheet that lies.
    """
    for module in (layout, plan):
        monkeypatch.setattr(module, "MAX_SOURCE_PAGES", 2 * on_a_sheet)
    one = make_picture(tmp_path / "1.png", (500, 700))
    red = make_picture(tmp_path / "2.png", (500, 700), right="red")
    fields = {"sheet": "photos", "photo": photo, "paper": paper, "upright": True}
    sheets = laid_out(tmp_path, one, red, count=0, frame=True, **fields)
    assert len(sheets) == 2
    assert [sorted(size) for size in sheets.sizes] == [sorted(map(round, paper))] * 2
    for page in sheets.document:
        photos = list(page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=3))
        assert len(photos) == on_a_sheet
    frames = [(width * POINT, height * POINT) for width, height in framed(sheets.document[0])]
    assert len(frames) == on_a_sheet
    for frame in frames:
        assert frame == pytest.approx(photo, abs=0.5)
    place = whole(sheets, 1)
    if on_a_sheet > 1:
        assert min(place.left, place.top) >= 5 - EXACT
        once = whole(laid_out(tmp_path, red, **fields))
        assert once[2:] == pytest.approx(photo, abs=0.5)


def framed(page: Any) -> list[tuple[float, float]]:
    """Return width and height of the frames on a sheet, in points, without the thickness of their lines."""
    found = []
    for one in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_PATH], max_depth=1):
        left, bottom, right, top = one.get_bounds()
        if right - left > 5:
            found.append((right - left - LINE, top - bottom - LINE))
    return found


def test_what_is_printed_of_a_photo_is_chosen_by_hand(tmp_path: Path) -> None:
    """A head in a picture of a whole room: what was chosen fills the photo, and nothing else is seen."""
    room = Image.new("RGB", (1600, 1200), (0, 200, 0))
    room.paste("red", (400, 200, 525, 550))
    room.paste("blue", (525, 200, 650, 550))
    room.save(tmp_path / "x.png")
    file = {"path": str(tmp_path / "x.png"), "is_pdf": False, "pages": [0]}
    cut = {"left": 400 / 1600, "right": 650 / 1600, "top": 200 / 1200, "bottom": 550 / 1200}
    sheets = laid_out(
        tmp_path, file | {"cut": UNCUT | cut}, sheet="photos", photo=(25, 35), upright=True
    )
    place = whole(sheets)
    assert (place.width, place.height) == pytest.approx((25, 35), abs=0.5)
    parts = dict(sheets.colours(0))
    for half in parts.values():
        assert (half.width, half.height) == pytest.approx((12.5, 35), abs=0.5)


def test_a_photo_on_paper_of_its_size_fills_it(tmp_path: Path) -> None:
    file = make_picture(tmp_path / "x.png", (600, 900))
    paper = (101.6, 152.4)
    sheets = laid_out(tmp_path, file, sheet="photos", photo=(102, 152), paper=paper)
    assert sheets.sizes == [(102, 152)]
    assert whole(sheets)[2:] == pytest.approx(paper, abs=0.5)


def test_as_large_as_the_paper(tmp_path: Path) -> None:
    """Up to the margins, and up to the edges where there are none."""
    file = make_picture(tmp_path / "x.png", (900, 600))
    sheets = laid_out(tmp_path, file, sheet="photos", photo=None)
    assert whole(sheets)[2:] == pytest.approx((200, 287), abs=EXACT)
    sheets = laid_out(tmp_path, file, sheet="photos", photo=None, margin=(0, 0))
    assert whole(sheets)[2:] == pytest.approx(A4, abs=EXACT)


def test_fit_shows_all_of_a_photo(tmp_path: Path) -> None:
    file = make_picture(tmp_path / "x.png", (800, 400))
    fit = whole(laid_out(tmp_path, file, sheet="photos", photo=(89, 127), fill=False))
    assert sorted((fit.width, fit.height)) == pytest.approx((63.5, 127), abs=EXACT)


@pytest.mark.parametrize(
    ("photo", "how", "stays", "size"),
    [
        ((35, 49), {"upright": True}, True, (35, 49)),
        ((35, 49), {"upright": False}, False, (35, 49)),
        ((35, 49), {"upright": True, "fill": False}, True, (35, 17.5)),
        ((35, 49), {"upright": False, "fill": False}, False, (24.5, 49)),
        # The sheet lies, as more of them fit on it so.
        ((25, 35), {"upright": True, "fill": False}, True, (25, 12.5)),
    ],
)
def test_a_head_stays_upright(
    tmp_path: Path,
    photo: tuple[int, int],
    how: dict[str, bool],
    stays: bool,
    size: tuple[float, float],
) -> None:
    """A wide picture of a head is cropped at its sides; other photos are turned."""
    file = make_picture(tmp_path / "x.png", (800, 400))
    sheets = laid_out(tmp_path, file, sheet="photos", photo=photo, **how)
    parts = dict(sheets.colours(0))
    is_beside = parts["blue"].left > parts["red"].left + 5
    assert is_beside is stays
    place = whole(sheets)
    assert (place.width, place.height) == pytest.approx(size, abs=EXACT)


def test_photos_follow_each_other(tmp_path: Path) -> None:
    one = make_picture(tmp_path / "1.png", (600, 840))
    other = make_picture(tmp_path / "2.png", (600, 840), right="red")
    sheets = laid_out(tmp_path, one, other, sheet="photos", photo=(89, 127), count=3, frame=True)
    assert len(sheets) == 2
    assert [name for name, _ in sheets.colours(1)] == ["red"]


@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {"quality": 95}), ("TIFF", {}), ("BMP", {}), ("GIF", {})]
)
def test_kinds_of_pictures(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    file = make_picture(tmp_path / "x", (600, 400), kind, **options)
    assert whole(laid_out(tmp_path, file, sheet="id_card")).width == pytest.approx(85.6, abs=EXACT)


def test_a_photo_is_laid_out_as_it_was_held(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8  # to be turned by 90° counter-clockwise
    file = make_picture(tmp_path / "x.jpg", (600, 400), "JPEG", exif=exif)
    parts = dict(laid_out(tmp_path, file, sheet="photos", photo=(89, 127)).colours(0))
    assert parts["red"].top > parts["blue"].top + 30


@pytest.mark.long
@pytest.mark.parametrize(
    ("how", "pixels"),
    [
        ({}, layout.MAX_SHEET_PICTURE_PIXELS),
        ({"sheet": "id_card"}, layout.MAX_SHEET_PICTURE_PIXELS),
        ({"sheet": "photos", "photo": None}, 3842),
        ({"sheet": "photos", "photo": (102, 152)}, 2035),
    ],
)
def test_a_picture_is_as_sharp_as_can_be_seen(
    tmp_path: Path, how: dict[str, Any], pixels: int
) -> None:
    """More pixels would take space and time that nobody sees: a dozen photos of a phone were more than 50 MB."""
    file = make_picture(tmp_path / "x.png", (5000, 3000))
    page = laid_out(tmp_path, file, **how).document[0]
    [image] = page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=3)
    assert max(image.get_px_size()) == pixels
