"""Pages drawn as they will lie on paper: real PDF files and pictures, and the pixels that come of them."""

from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms
import pytest

from custom_components.lianke.pdf import pictures
from custom_components.lianke.pdf.draw import PREVIEW_PIXELS
from custom_components.lianke.pdf.process import TaskError
from tests.documents.pdf_samples import LETTER, one_page
from tests.pdf.sheets import A4, colour, drawn, ink, picture
from tests.simulator import make_pdf


def test_a_page_is_drawn_large_enough_to_be_read(tmp_path: Path) -> None:
    page = drawn(tmp_path, make_pdf(2), page=1)
    assert page.size == (1240, PREVIEW_PIXELS)
    left, top, right, bottom = ink(page)
    # 36 points of text at 72, 720 from the bottom: "Page 2" is some 3.5 cm wide.
    assert left == pytest.approx(72 / 595 * 1240, abs=8)
    assert bottom == pytest.approx((842 - 720) / 842 * PREVIEW_PIXELS, abs=20)
    assert 150 < right - left < 300
    assert top < bottom


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({"paper": None}, (1239, PREVIEW_PIXELS)),
        ({"paper": (297, 210)}, (1240, PREVIEW_PIXELS)),
        ({"paper": (297, 210), "rotate": False}, (PREVIEW_PIXELS, 1240)),
        ({"paper": (40, 30), "rotate": False}, (PREVIEW_PIXELS, 1316)),
        ({"paper": (40, 3000), "rotate": False}, (23, PREVIEW_PIXELS)),
    ],
)
def test_the_paper_is_drawn(tmp_path: Path, changes: dict[str, Any], size: tuple[int, int]) -> None:
    page = drawn(tmp_path, make_pdf(1), **changes)
    assert page.size == pytest.approx(size, abs=1)


def test_a_page_lies_on_the_paper_as_the_options_say(tmp_path: Path) -> None:
    small = drawn(tmp_path, make_pdf(1), scale="50%", align=9)
    large = drawn(tmp_path, make_pdf(1))
    assert ink(small)[0] == pytest.approx(1240 / 2 + ink(large)[0] / 2, abs=4)
    assert ink(small)[1] == pytest.approx(PREVIEW_PIXELS / 2 + ink(large)[1] / 2, abs=4)


@pytest.mark.parametrize("unit", [0.5, 2])
def test_a_unit_counts_on_paper(tmp_path: Path, unit: float) -> None:
    """A page of A5 in double units is one of A3, of which A4 shows the half."""
    data = one_page(entries=f"/MediaBox [0 0 420 595] /UserUnit {unit}")()
    plain = one_page(
        f"{unit} 0 0 {unit} 0 0 cm {LETTER}", f"/MediaBox [0 0 {420 * unit} {595 * unit}]"
    )
    for changes in ({"scale": "none"}, {"scale": "50%", "align": 1}, {"scale": "fit"}):
        one, other = (ink(drawn(tmp_path, one, **changes)) for one in (data, plain()))
        assert one == pytest.approx(other, abs=2)


def test_grey(tmp_path: Path) -> None:
    assert drawn(tmp_path, picture((100, 50)), mono=True).mode == "L"
    assert drawn(tmp_path, make_pdf(1), mono=True).mode == "L"


def test_pictures(tmp_path: Path) -> None:
    page = drawn(tmp_path, picture((400, 200)))
    # The paper turns the way the picture lies, which then is as wide as the paper.
    assert page.size == (PREVIEW_PIXELS, 1240)
    assert [colour(page, x, 0.5) for x in (0.01, 0.49, 0.51, 0.99)] == [
        "red",
        "red",
        "blue",
        "blue",
    ]
    assert [colour(page, 0.5, y) for y in (0.1, 0.9)] == ["white", "white"]
    page = drawn(tmp_path, picture((400, 200)), rotate=False, scale="cover")
    assert page.size == (1240, PREVIEW_PIXELS)
    assert [colour(page, x, y) for x in (0.01, 0.99) for y in (0.01, 0.99)] == [
        *("red", "red", "blue", "blue")
    ]
    # 96 pixels an inch, if nothing else is said: 20 × 10 inches are far larger than the paper.
    page = drawn(tmp_path, picture((1920, 960)), rotate=False, scale="none", align=6)
    assert colour(page, 0.01, 0.5) == "blue"


@pytest.mark.parametrize("scale", ["999%", "none"])
def test_what_is_larger_than_the_paper_takes_no_memory(tmp_path: Path, scale: str) -> None:
    data = picture((2000, 2000), dpi=(20, 20))
    page = drawn(tmp_path, data, scale=scale, paper=(20, 20))
    assert page.size == (PREVIEW_PIXELS, PREVIEW_PIXELS)


def test_a_photo_lies_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    page = drawn(tmp_path, picture((400, 200), "JPEG", exif=exif))
    assert page.size == (1240, PREVIEW_PIXELS)
    assert [colour(page, 0.5, y) for y in (0.2, 0.8)] == ["red", "blue"]


def test_the_profile_of_a_photo_counts(tmp_path: Path) -> None:
    """In a profile whose red and blue are exchanged, red is blue."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for tag in range(int.from_bytes(profile[128:132])):
        place = 132 + 12 * tag
        for old, new in ((b"rXYZ", b"bXYZ"), (b"bXYZ", b"rXYZ")):
            if profile[place : place + 4] == old:
                profile[place : place + 4] = new
                break
    page = drawn(tmp_path, picture((400, 200), icc_profile=bytes(profile)))
    assert [colour(page, x, 0.5) for x in (0.2, 0.8)] == ["blue", "red"]
    broken = drawn(tmp_path, picture((400, 200), icc_profile=b"nothing"))
    assert [colour(broken, x, 0.5) for x in (0.2, 0.8)] == ["red", "blue"]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_all_kinds_of_pictures(tmp_path: Path, mode: str) -> None:
    image = Image.new(mode, (50, 80), 1 if mode == "1" else None)
    image.save(tmp_path / "x", "TIFF" if mode == "CMYK" else "PNG")
    assert drawn(tmp_path, tmp_path / "x").size == (1240, PREVIEW_PIXELS)


def test_transparent_is_white(tmp_path: Path) -> None:
    Image.new("RGBA", (50, 80), (0, 0, 0, 0)).save(tmp_path / "x", "PNG")
    page = drawn(tmp_path, tmp_path / "x")
    assert colour(page, 0.5, 0.5) == "white"


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK"])
def test_a_page_behind_one_with_a_palette(tmp_path: Path, mode: str) -> None:
    """Scanners mix them; a grey page ended the process, one in colour was called damaged."""
    first, second = (Image.new("RGB", (200, 300), name) for name in ("red", "white"))
    second.paste("black", (0, 0, 100, 300))
    out = BytesIO()
    first.convert("P").save(out, "TIFF", save_all=True, append_images=[second.convert(mode)])
    image = drawn(tmp_path, out.getvalue(), page=1, paper=None).convert("L")
    left, right = (image.getpixel((image.width * at // 4, image.height // 2)) for at in (1, 3))
    assert left == pytest.approx(0, abs=3)
    assert right == pytest.approx(255, abs=3)


def test_frames_of_a_tiff(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (50, 80), "red"), Image.new("RGB", (50, 80), "blue")
    first.save(tmp_path / "x", "TIFF", save_all=True, append_images=[second])
    for page, name in enumerate(("red", "blue")):
        assert colour(drawn(tmp_path, tmp_path / "x", page=page), 0.5, 0.5) == name
    with pytest.raises(TaskError, match=r"^image_damaged$"):
        drawn(tmp_path, tmp_path / "x", page=2)


def test_large_photos_are_decoded_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_PICTURE_PIXELS", 300_000)
    page = drawn(tmp_path, picture((2000, 1000), "JPEG"))
    assert [colour(page, x, 0.5) for x in (0.2, 0.8)] == ["red", "blue"]
    for limit, kind in (
        ("MAX_PICTURE_PIXELS", "TIFF"),
        ("MAX_PICTURE_PIXELS", "PNG"),
        ("MAX_REDUCIBLE_PIXELS", "JPEG"),
    ):
        monkeypatch.setattr(pictures, limit, 300_000)
        with pytest.raises(TaskError, match=r"^image_too_large$"):
            drawn(tmp_path, picture((2000, 1000), kind))


@pytest.mark.parametrize(
    ("data", "changes", "reason"),
    [
        (picture((400, 200))[:92], {}, "image_damaged"),
        (picture((400, 200), "JPEG")[:295], {}, "image_damaged"),
        (make_pdf(2), {"page": 2}, "damaged"),
        (make_pdf(2), {"target": "/nowhere/x"}, "disk"),
    ],
)
def test_what_cannot_be_drawn(
    tmp_path: Path, data: bytes, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(TaskError, match=f"^{reason}$"):
        drawn(tmp_path, data, **changes)


def test_a_photo_with_further_pictures_behind_it(tmp_path: Path) -> None:
    """Phones of 48 megapixels write such files, which are JPEG and decoded as such."""
    # A wider picture than all but JPEG may have.
    data = picture((8064, 6048), "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    made = drawn(tmp_path, data)
    assert (colour(made, 0.25, 0.5), colour(made, 0.75, 0.5)) == ("red", "blue")


def test_a_fax_is_as_high_as_it_was(tmp_path: Path) -> None:
    """It has twice as many dots across as down."""
    fax = Image.new("1", (1728, 1078), 1)
    fax.paste(0, (300, 300, 300 + 408, 300 + 196))  # two inches by two
    out = BytesIO()
    fax.save(out, "TIFF", dpi=(204, 98))
    left, top, right, bottom = ink(drawn(tmp_path, out.getvalue(), paper=None))
    assert (right - left) / (bottom - top) == pytest.approx(1, rel=0.02)
    left, top, right, bottom = ink(drawn(tmp_path, out.getvalue(), scale="none"))
    assert (right - left) / PREVIEW_PIXELS == pytest.approx(2 * 25.4 / A4[1], rel=0.02)
    assert (bottom - top) / PREVIEW_PIXELS == pytest.approx(2 * 25.4 / A4[1], rel=0.02)


@pytest.mark.parametrize("highest", [1.0, 255.0, 65535.0])
def test_brightness_in_floating_numbers(tmp_path: Path, highest: float) -> None:
    image = Image.new("F", (40, 40), highest)
    image.paste(0.0, (0, 0, 20, 40))
    out = BytesIO()
    image.save(out, "TIFF")
    made = drawn(tmp_path, out.getvalue()).convert("L")
    half = made.height // 2
    assert made.getpixel((made.width // 4, half)) == pytest.approx(0, abs=3)
    assert made.getpixel((made.width * 3 // 4, half)) == pytest.approx(255, abs=3)
