"""Pages of scans, as clients want them: cut, resampled, without colour, straight, and as one PDF."""

from collections.abc import Callable
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
from custom_components.lianke.pdf.scan_extras import convert_scan
from custom_components.lianke.pdf.scan_pages import join_scans, mark_scan, scan_page, skew
from custom_components.lianke.pdf.writer import is_true_size, true_size_of
from custom_components.lianke.scanner.scanner_abilities import sizes_in_mm
from tests.scanned import ALIKE, difference, jpeg, page, part
from tests.simulator import make_pdf

from .corpus import landscape, portrait

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


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("unit", "dots", "mm"),
    [
        *(
            (unit, dots, mm)
            for unit, dots in ((2, 200.0), (3, 200 / 2.54), (None, 200.0))
            for mm in ((148, 210), (80, 200), (210, 297))
        ),
        (1, 1.0, (210, 297)),
        (None, None, (210, 297)),
    ],
)
def test_a_tiff_is_as_large_as_it_says(
    tmp_path: Path, unit: int | None, dots: float | None, mm: tuple[int, int], count: int
) -> None:
    """In inches or centimetres; one that says nothing is as wide as the glass. Several pages are a PDF at once."""
    tags: dict[int, Any] = {} if dots is None else {282: dots, 283: dots}
    if unit is not None:
        tags[296] = unit
    across, down = (round(side / 25.4 * 200) for side in mm)
    pages = [page(200).resize((across, down))] * count
    source, target = tmp_path / "source", tmp_path / "target"
    pages[0].save(source, "TIFF", tiffinfo=tags, save_all=True, append_images=pages[1:])
    answer = convert_scan({"path": str(source), "target": str(target), "limit": LIMIT})
    assert answer == {"pages": count}
    if count == 1:
        joined(tmp_path, [target.read_bytes()]).close()
        target = tmp_path / "joined.pdf"
    with pypdfium2.PdfDocument(target) as pdf:
        assert len(pdf) == count
        for number in range(count):
            size = [side / 72 * 25.4 for side in pdf.get_page_size(number)]
            assert size == pytest.approx(mm, rel=0.01)
    said = true_size_of(target)
    assert said is not None
    assert [side / 10 for side in said] == pytest.approx(mm, rel=0.01)


def test_a_tiff_of_several_pages_has_the_chosen_size(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    one = blank((105, 148), 200)
    one.save(source, "TIFF", save_all=True, append_images=[one])
    sizes = sizes_in_mm("A6")
    convert_scan({"path": str(source), "target": str(target), "limit": LIMIT, "sizes": sizes})
    with pypdfium2.PdfDocument(target) as pdf:
        assert size_of(pdf) == pytest.approx((105, 148), rel=0.01)


def pixels(data: bytes) -> bytes:
    """Return what a marked picture must contain unchanged: all from the first data that any mark is put before."""
    return data[data.index(b"IDAT" if data.startswith(b"\x89PNG") else b"\xff\xdb") :]


@pytest.mark.parametrize("kind", ["JFIF", "EXIF", "gray", "PNG"])
@pytest.mark.parametrize(("named", "chosen"), [(300, None), (72, "A6"), (None, "A6")])
def test_a_kept_picture_names_its_resolution(
    tmp_path: Path, kind: str, named: int | None, chosen: str | None
) -> None:
    """For any program, and for us from then on; the picture stays as it is."""
    source, target = tmp_path / "source", tmp_path / "target"
    one = blank((105, 148), 300)
    data = jpeg(one, named)
    if kind == "PNG":
        one.save(source, "PNG", **{} if named is None else {"dpi": (named, named)})
        data = source.read_bytes()
    elif kind != "JFIF":
        exif = Image.Exif()
        if named is not None:
            exif[282] = exif[283] = named
            exif[296] = 2
        one.convert("L" if kind == "gray" else "RGB").save(source, "JPEG", exif=exif)
        data = source.read_bytes()
        data = data[:2] + data[20:]
    source.write_bytes(data)
    assert not is_true_size(source)
    mark_scan({"path": str(source), "target": str(target), "sizes": sizes_in_mm(chosen)})
    assert is_true_size(target)
    assert pixels(target.read_bytes()) == pixels(data)
    with Image.open(target) as found, Image.open(source) as before:
        assert found.info["dpi"] == pytest.approx((300, 300), rel=0.01)
        assert found.tobytes() == before.tobytes()
    assert size_of(joined(tmp_path, [target.read_bytes()])) == pytest.approx((105, 148), rel=0.01)


@pytest.mark.parametrize("mode", ["CMYK", "RGB"])
def test_a_picture_in_other_colors_is_not_marked(tmp_path: Path, mode: str) -> None:
    """Neither a JPEG in CMYK nor one whose components are red, green and blue has a JFIF header."""
    source, target = tmp_path / "source", tmp_path / "target"
    blank((105, 148), 100).convert(mode).save(source, "JPEG", keep_rgb=True)
    with pytest.raises(TaskError, match="image_damaged"):
        mark_scan({"path": str(source), "target": str(target)})
    assert not target.exists()


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


@pytest.mark.long
@pytest.mark.parametrize("degrees", [-0.6, 4.5])
def test_it_is_straightened(tmp_path: Path, degrees: float) -> None:
    askew = page(100).rotate(degrees, Image.Resampling.BICUBIC, fillcolor="white")
    assert skew(askew) == pytest.approx(degrees, abs=0.15)
    straight = made(tmp_path, askew, straighten=True)
    assert difference(straight, page(100)) < difference(askew, page(100)) / 2


def test_what_lies_straight_is_left() -> None:
    assert skew(page(100)) == 0
    assert skew(Image.new("L", (300, 400), "white")) == 0


@pytest.mark.parametrize("drawn", [landscape, portrait])
def test_a_straight_photo_is_not_turned(drawn: Callable[..., Image.Image]) -> None:
    """The white of turned corners made rows differ, so that pictures up to the edges were turned by 0.3 degrees."""
    for seed in range(2):
        assert [skew(drawn(size, seed)) for size in ((300, 400), (400, 300))] == [0, 0]


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


# What is laid on the glass or into the feeder, in mm; a receipt has no name.
SHEETS = {
    "A6": (105, 148),
    "receipt": (80, 200),
    "card": (85.6, 54),
    "legal": (215.9, 355.6),
    "A3": (297, 420),
    "a stub": (40, 60),
}


def blank(size: tuple[float, float], dpi: int) -> Image.Image:
    return Image.new("RGB", tuple(round(side / 25.4 * dpi) for side in size), "#dddddd")  # type: ignore[arg-type]


def size_of(document: pypdfium2.PdfDocument) -> tuple[float, ...]:
    with document:
        return tuple(side / 72 * 25.4 for side in document[0].get_size())


@pytest.mark.long
@pytest.mark.parametrize("name", SHEETS)
@pytest.mark.parametrize("said", ["nothing", "the truth", "by EXIF", "72", "96"])
def test_sizes_are_true(tmp_path: Path, name: str, said: str) -> None:
    """As chosen, or as the picture says: in the PDF, straightened, and in the region of a client of the network."""
    size, dpi = SHEETS[name], 100
    chosen = sizes_in_mm(name) if said in ("nothing", "72", "96") else ()
    if not chosen and said in ("nothing", "72", "96"):
        pytest.skip("nobody knows its size")
    out, exif = BytesIO(), Image.Exif()
    exif[0x011A] = exif[0x011B] = float(dpi)
    exif[0x0128] = 2
    named = {"the truth": dpi, "72": 72, "96": 96}.get(said)
    more: dict[str, Any] = {"dpi": (named, named)} if named else {}
    blank(size, dpi).save(out, "JPEG", exif=exif if said == "by EXIF" else b"", **more)
    files = [out.getvalue()]
    if said in ("nothing", "the truth"):
        png = BytesIO()
        blank(size, dpi).save(png, "PNG", **more)
        files.append(png.getvalue())
    for data in files:
        document = joined(tmp_path, [data], sizes=chosen)
        assert size_of(document) == pytest.approx(size, rel=0.01)
        width = max(size[0], 210)
        changed = made(tmp_path, data, straighten=True, sizes=chosen, width=width)
        assert size_of(joined(tmp_path, [jpeg_again(tmp_path)])) == pytest.approx(size, rel=0.01)
        assert changed.size == pytest.approx([side / 25.4 * dpi for side in size], rel=0.01)
        half = [0, 0, size[0] / 2, size[1] / 2]
        region = made(tmp_path, data, region=half, dpi=100, sizes=chosen, width=width)
        assert region.size == pytest.approx([side / 25.4 * 50 for side in size], rel=0.01, abs=1)


def jpeg_again(folder: Path) -> bytes:
    """Return what was made last."""
    return max(folder.glob("[0-9]*.jpg"), key=lambda path: path.stat().st_mtime_ns).read_bytes()


@pytest.mark.parametrize(
    ("size", "dpi", "named", "chosen", "wanted"),
    [
        # Both are possible: the chosen size, unless only what the picture says is a usual resolution.
        ((148, 210), 300, 150, "A5", (148, 210)),
        ((210, 297), 300, 300, "A5", (210, 297)),
        ((148, 210), 317, 250, "A5", (148, 210)),
        # The picture shows another size than the chosen one.
        ((216, 297), 300, 300, "A5", (216, 297)),
        ((80, 200), 200, 200, "A4", (80, 200)),
        # It names no size: at the width of the glass it would be longer than ledger, so it is at 100 dpi.
        ((80, 200), 200, None, "A4", (160, 400)),
        ((100, 200), 200, None, "A4", (200, 400)),
        # The borders: shorter than 40 mm, longer than the long side of ledger.
        ((40, 54), 300, 300, None, (40, 54)),
        ((39, 54), 300, 300, None, (210, 290.8)),
        ((279.4, 431.8), 200, 200, None, (279.4, 431.8)),
        ((297, 440), 200, 200, None, (210, 311)),
        ((310, 420), 200, 200, None, (206.7, 280)),
        # Within two hundredths of the chosen shape, and beyond.
        ((148, 206), 300, None, "A5", (148, 206)),
        ((148, 200), 300, None, "A5", (210, 283.8)),
        ((176, 250), 300, None, "B5", (176, 250)),
        ((210, 297), 300, None, "of a name that nobody knows", (210, 297)),
    ],
)
def test_what_says_the_size(
    tmp_path: Path,
    size: tuple[float, float],
    dpi: int,
    named: int | None,
    chosen: str | None,
    wanted: tuple[float, float],
) -> None:
    document = joined(tmp_path, [jpeg(blank(size, dpi), named)], sizes=sizes_in_mm(chosen))
    assert size_of(document) == pytest.approx(wanted, rel=0.015)


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
    folder: Path, pages: list[bytes], *, mono: bool = False, limit: int = LIMIT, sizes: Any = ()
) -> pypdfium2.PdfDocument:
    """Return the PDF of these pages."""
    paths = [folder / f"{number}.jpeg" for number in range(len(pages))]
    for path, data in zip(paths, pages, strict=True):
        path.write_bytes(data)
    target = folder / "joined.pdf"
    request = {"paths": [*map(str, paths)], "target": str(target), "limit": limit, "mono": mono}
    target.unlink(missing_ok=True)
    join_scans(request | {"sizes": sizes})
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
        await worker.async_run_pdf_task("scan_page", request | changes, seconds=50)
        with Image.open(target) as drawn:
            assert drawn.size == (4961, 7016)
    pdf = {"paths": [str(target)] * 5, "target": str(tmp_path / "all.pdf"), "limit": LIMIT}
    await worker.async_run_pdf_task("join_scans", {**pdf, "mono": True}, seconds=50)
    assert len(pypdfium2.PdfDocument(pdf["target"])) == 5
    with pytest.raises(PdfError, match="image_too_large"):
        await worker.async_run_pdf_task("scan_page", {**request, "dpi": 700}, seconds=50)
    await worker.async_close()
