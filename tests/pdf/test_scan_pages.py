"""Pages of scans, as clients want them: cut, resampled, without colour, straight, and as one PDF."""

from io import BytesIO
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from PIL import Image
import pypdfium2
import pytest

from custom_components.lianke.documents.pdf_client import PdfError, async_get_pdf_worker
from custom_components.lianke.pdf import scan_pages
from custom_components.lianke.pdf.process import TaskError
from custom_components.lianke.pdf.scan_pages import join_scans, scan_page, skew
from tests.scanned import ALIKE, difference, jpeg, page, part
from tests.simulator import make_pdf

LIMIT = 50 * 1024**2
REQUEST: dict[str, Any] = {
    "page": 0,
    "is_pdf": False,
    "width": 210,
    "straighten": False,
    "cut": None,
    "region": None,
    "dpi": None,
    "color": "color",
    "limit": LIMIT,
}


def made(folder: Path, data: bytes | Image.Image, **changes: Any) -> Image.Image:
    """Return what is made of a scanned page."""
    source = folder / "source"
    source.write_bytes(data if isinstance(data, bytes) else jpeg(data))
    target = folder / f"{len([*folder.iterdir()])}.jpg"
    scan_page({**REQUEST, "path": str(source), "target": str(target), **changes})
    assert target.stat().st_mode & 0o777 == 0o600
    with Image.open(target) as picture:
        assert picture.format == "JPEG"
        if "dpi" in changes:
            assert picture.info["dpi"][0] == pytest.approx(changes["dpi"], abs=1)
        picture.load()
        return picture


@pytest.mark.parametrize(
    ("dpi", "said"), [(75, 150), (100, None), (150, 72), (300, None), (600, 150)]
)
def test_another_resolution(tmp_path: Path, dpi: int, said: int | None) -> None:
    """Whatever the scanner's picture says of its own."""
    found = made(tmp_path, jpeg(page(150), said), dpi=dpi)
    assert found.width == pytest.approx(210 / 25.4 * dpi, rel=0.01)
    assert found.height == pytest.approx(297 / 25.4 * dpi, rel=0.01)
    assert difference(found, page(dpi)) < ALIKE


def test_a_smaller_page_is_believed(tmp_path: Path) -> None:
    """One of A5 from the feeder of a scanner for A4, which says its resolution."""
    found = made(tmp_path, jpeg(page(150, (148, 210)), 150), dpi=300)
    assert found.size == pytest.approx((1748, 2480), abs=3)


@pytest.mark.parametrize("source_dpi", [100, 300])
@pytest.mark.parametrize("box", [(150, 200, 60, 97), (33.3, 44.4, 55.5, 22.2)])
def test_a_region(tmp_path: Path, box: tuple[float, ...], source_dpi: int) -> None:
    found = made(tmp_path, page(source_dpi), region=box, dpi=150)
    assert found.size == (round(box[2] / 25.4 * 150), round(box[3] / 25.4 * 150))
    assert difference(found, part(page(150), 150, box)) < ALIKE


def test_a_region_beyond_the_page_is_white_there(tmp_path: Path) -> None:
    found = made(tmp_path, page(100), region=(190, 280, 40, 40), dpi=100)
    assert found.size == (157, 157)
    assert found.getpixel((150, 20)) == (255, 255, 255)
    assert difference(found, part(page(100, (250, 350)), 100, (190, 280, 40, 40))) > ALIKE
    beyond = made(tmp_path, page(100), region=(300, 300, 10, 10), dpi=100)
    assert beyond.getextrema() == ((255, 255),) * 3


def test_gray_and_black_and_white(tmp_path: Path) -> None:
    gray = made(tmp_path, page(150), color="gray", dpi=100)
    assert gray.mode == "L"
    assert difference(gray, page(100).convert("L")) < ALIKE
    mono = made(tmp_path, page(150), color="mono", dpi=100)
    assert mono.mode == "L"
    middle = sum(mono.histogram()[32:224])
    assert middle < mono.width * mono.height / 100
    wanted = page(100).convert("L").point(lambda value: 255 if value >= 128 else 0)
    assert difference(mono, wanted) < ALIKE


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "CMYK", "P"])
def test_whatever_the_scanner_sends(tmp_path: Path, kind: str, mode: str) -> None:
    if (kind, mode) in (("PNG", "CMYK"), ("JPEG", "P")):
        pytest.skip("there is no such picture")
    path = tmp_path / "scanned"
    page(100).convert(mode).save(path, kind)
    found = made(tmp_path, path.read_bytes(), dpi=200)
    assert difference(found, page(200).convert(mode)) < 2 * ALIKE


def test_pages_of_a_pdf(tmp_path: Path) -> None:
    pdf = make_pdf(3)
    found = made(tmp_path, pdf, is_pdf=True, page=2, dpi=75, color="gray")
    assert found.size == (620, 877)
    assert found.getextrema()[0] < 64  # type: ignore[operator]
    with pytest.raises(TaskError, match="damaged"):
        made(tmp_path, pdf, is_pdf=True, page=3)


@pytest.mark.parametrize("degrees", [-0.6, 4.5])
def test_it_is_straightened(tmp_path: Path, degrees: float) -> None:
    askew = page(100).rotate(degrees, Image.Resampling.BICUBIC, fillcolor="white")
    assert skew(askew) == pytest.approx(degrees, abs=0.15)
    straight = made(tmp_path, askew, straighten=True)
    assert difference(straight, page(100)) < difference(askew, page(100)) / 2


def test_what_lies_straight_is_left() -> None:
    assert skew(page(100)) == 0
    assert skew(Image.new("L", (300, 400), "white")) == 0


def test_it_is_turned_and_cut(tmp_path: Path) -> None:
    cut = {"left": 0.5, "top": 0, "right": 1, "bottom": 0.5, "turn": 90}
    found = made(tmp_path, page(100), cut=cut)
    turned = page(100).transpose(Image.Transpose.ROTATE_270)
    wanted = turned.crop((turned.width // 2, 0, turned.width, turned.height // 2))
    assert difference(found, wanted) < ALIKE


def test_pages_are_joined_as_they_are(tmp_path: Path) -> None:
    """Each as large as its resolution says, and not a byte of its picture changed."""
    pages = [jpeg(page(100, number=1), 100), jpeg(page(150, (148, 210), 2).convert("L"), 150)]
    document = joined(tmp_path, pages)
    sizes = [one.get_size() for one in document]
    assert sizes[0] == pytest.approx((595, 842), abs=1)
    assert sizes[1] == pytest.approx((419.5, 595.3), abs=1)
    for one, data in zip(document, pages, strict=True):
        (item,) = one.get_objects()
        assert isinstance(item, pypdfium2.PdfImage)
        assert bytes(item.get_data()) == data
    document.close()


def test_pages_in_black_and_white_take_little(tmp_path: Path) -> None:
    source = page(200)
    document = joined(tmp_path, [jpeg(source, 200)], mono=True)
    assert (tmp_path / "joined.pdf").stat().st_size < 30_000
    drawn = document[0].render(scale=200 / 72).to_pil()
    wanted = source.convert("L").point(lambda value: 255 if value >= 128 else 0)
    assert difference(drawn, wanted) < ALIKE
    document.close()


def test_a_joined_page_has_its_size_whatever_its_picture_says(tmp_path: Path) -> None:
    """As many scanners' pictures say 72 dots per inch, or nothing."""
    pages = [jpeg(page(150), 72), jpeg(page(150)), jpeg(page(150, (148, 210)), 150)]
    document = joined(tmp_path, pages)
    sizes = [[round(side / 72 * 25.4) for side in one.get_size()] for one in document]
    assert sizes == [[210, 297], [210, 297], [148, 210]]
    document.close()


@pytest.mark.parametrize("mono", [False, True])
def test_other_pictures_become_upright_jpegs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, mono: bool
) -> None:
    """Pages that lie by what they say of themselves, or that are PNG; none loses a dot."""
    source, turned = page(100), Image.Exif()
    turned[0x0112] = 6
    lying, png, palette = BytesIO(), BytesIO(), BytesIO()
    source.rotate(90, expand=True).save(lying, "JPEG", quality=95, dpi=(100, 100), exif=turned)
    source.save(png, "PNG")
    source.convert("P").save(palette, "PNG")
    pages = [one.getvalue() for one in (lying, png, palette)]
    document = joined(tmp_path, pages, mono=mono)
    for one in document:
        assert [round(side / 72 * 25.4) for side in one.get_size()] == [210, 297]
        drawn = one.render(scale=100 / 72).to_pil().convert("L")
        wanted = source.convert("L")
        if mono:
            wanted = wanted.point(lambda value: 255 if value >= 128 else 0)
        assert difference(drawn, wanted) < 2 * ALIKE
    document.close()
    (tmp_path / "joined.pdf").unlink()
    monkeypatch.setattr("custom_components.lianke.pdf.pictures.MAX_PICTURE_PIXELS", 1000)
    with pytest.raises(TaskError, match="image_too_large"):
        joined(tmp_path, pages[1:2])


def joined(
    folder: Path, pages: list[bytes], *, mono: bool = False, limit: int = LIMIT
) -> pypdfium2.PdfDocument:
    """Return the PDF of these pages."""
    paths = [folder / f"{number}.jpeg" for number in range(len(pages))]
    for path, data in zip(paths, pages, strict=True):
        path.write_bytes(data)
    target = folder / "joined.pdf"
    request = {"paths": [*map(str, paths)], "target": str(target), "limit": limit, "mono": mono}
    join_scans(request)
    assert target.stat().st_mode & 0o777 == 0o600
    return pypdfium2.PdfDocument(target)


def test_pages_that_are_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for in the request, or in what the box gave."""
    with pytest.raises(TaskError, match="image_too_large"):
        made(tmp_path, page(75), dpi=2400)
    monkeypatch.setattr(scan_pages, "MAX_SCAN_PIXELS", 1000)
    monkeypatch.setattr("custom_components.lianke.pdf.pictures.MAX_PICTURE_PIXELS", 1000)
    for kind in ("JPEG", "TIFF"):
        path = tmp_path / kind
        page(200).save(path, kind)
        with pytest.raises(TaskError, match="image_too_large"):
            made(tmp_path, path.read_bytes(), dpi=1)
    with pytest.raises(TaskError, match="image_too_large"):
        made(tmp_path, make_pdf(1), is_pdf=True)
    with pytest.raises(TaskError, match="image_too_large"):
        joined(tmp_path, [jpeg(page(75))], mono=True)


def test_pages_that_cannot_be_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left of what was begun."""
    monkeypatch.setattr(scan_pages, "MAX_JOINED", 2)
    good = jpeg(page(75))
    cases = [([], "too_many_pages"), ([good] * 3, "too_many_pages"), ([b"no"], "image_damaged")]
    for pages, reason, limit in (*((*case, LIMIT) for case in cases), ([good], "^too_large$", 999)):
        with pytest.raises(TaskError, match=reason):
            joined(tmp_path, pages, limit=limit)
        assert not (tmp_path / "joined.pdf").exists()


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xe0", jpeg(page(75))[:4000]])
def test_damaged_pictures(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(TaskError, match="image_damaged"):
        made(tmp_path, data)


def test_no_more_bytes_than_wanted(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="too_large"):
        made(tmp_path, page(100), limit=1000)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.long
async def test_the_largest_page_fits_into_the_process(hass: HomeAssistant, tmp_path: Path) -> None:
    """A4 with 600 dots per inch in colour, straightened, from as large a picture; then in black and white."""
    source = tmp_path / "source"
    source.write_bytes(jpeg(page(600), 600))
    worker = async_get_pdf_worker(hass)
    for color in ("color", "mono"):
        target = tmp_path / f"{color}.jpg"
        request = {**REQUEST, "path": str(source), "target": str(target), "dpi": 600}
        changes = {"straighten": True, "color": color}
        await worker.async_run("scan_page", request | changes, seconds=50)
        with Image.open(target) as drawn:
            assert drawn.size == (4961, 7016)
    pdf = {"paths": [str(target)] * 5, "target": str(tmp_path / "all.pdf"), "limit": LIMIT}
    await worker.async_run("join_scans", {**pdf, "mono": True}, seconds=50)
    assert len(pypdfium2.PdfDocument(pdf["target"])) == 5
    with pytest.raises(PdfError, match="image_too_large"):
        await worker.async_run("scan_page", {**request, "dpi": 700}, seconds=50)
    await worker.async_close()
