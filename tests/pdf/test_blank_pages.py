"""Which scanned pages count as blank: none that has anything on it."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw
import pytest

from custom_components.lianke.pdf.blank_pages import is_blank_page
from custom_components.lianke.pdf.process import TaskError
from tests.scanned import jpeg
from tests.simulator import make_pdf

from .feeder_pages import BLANK, OTHERS, Sheet, feeder_page

# Blank pages that are kept, of 20.
MOST_KEPT = 2


def blank(folder: Path, data: bytes, **fields: object) -> bool:
    """Return whether a page counts as blank."""
    path = folder / "page"
    path.write_bytes(data)
    request = {"path": str(path), "target": str(path), "is_pdf": data[:4] == b"%PDF", **fields}
    return bool(is_blank_page(request)["blank"])


@pytest.mark.long
@pytest.mark.timeout(600)
def test_of_40_pages_no_content_is_left_out_and_hardly_a_blank_page_kept(tmp_path: Path) -> None:
    wrong = [
        (kind, seed)
        for kind in (*BLANK, *OTHERS)
        for seed in range(5)
        if blank(tmp_path, feeder_page(kind, seed)) is not (kind in BLANK)
    ]
    kept = [(kind, seed) for kind, seed in wrong if kind in BLANK]
    assert len(kept) <= MOST_KEPT, kept
    assert wrong == kept


@pytest.mark.short
@pytest.mark.parametrize("kind", [*BLANK, *OTHERS])
def test_one_page_of_each_kind(kind: Callable[[Sheet], None], tmp_path: Path) -> None:
    assert blank(tmp_path, feeder_page(kind, 2)) is (kind in BLANK)


def test_what_covers_most_of_a_page_is_not_taken_for_paper(tmp_path: Path) -> None:
    """A photo up to the edges, a dark cover, a colored field, a gradient, noise."""
    size = (826, 1169)
    photo = Image.effect_mandelbrot(size, (-2, -1.5, 1, 1.5), 40).convert("RGB")
    dark = Image.new("RGB", size, (40, 30, 60))
    field = Image.new("RGB", size, "white")
    ImageDraw.Draw(field).rectangle((200, 200, 600, 700), (225, 240, 222))
    gradient = Image.linear_gradient("L").resize(size)
    noise = Image.effect_noise(size, 60)
    for page in (photo, dark, field, gradient, noise):
        assert not blank(tmp_path, jpeg(page.convert("RGB"), 100))


@pytest.mark.long
def test_one_hole_or_marks_elsewhere_are_no_punch_holes(tmp_path: Path) -> None:
    """Also a dotted line, whose dots are no larger than specks."""

    def marked(*boxes: tuple[float, float, float, float]) -> bool:
        sheet = Sheet(0, 100)

        def make(pen: ImageDraw.ImageDraw) -> None:
            for box in boxes:
                pen.ellipse(sheet.mm(*box), "black")

        sheet.draw(make)
        return blank(tmp_path, sheet.scanned())

    assert marked((8, 105, 14, 111), (8, 185, 14, 191))
    assert not marked((8, 105, 14, 111))
    assert not marked((8, 105, 14, 111), (8, 165, 14, 171))
    assert not marked((90, 105, 96, 111), (90, 185, 96, 191))
    assert not marked(*((40 + 2.5 * dot, 100, 40.6 + 2.5 * dot, 100.6) for dot in range(20)))


def test_pages_of_any_kind_of_file(tmp_path: Path) -> None:
    """Gray, black and white, tiny, and as PDF; a damaged one is refused."""
    assert blank(tmp_path, jpeg(Image.new("L", (1653, 2338), 250), 200))
    assert blank(tmp_path, jpeg(Image.new("RGB", (3, 2), "white")))
    assert not blank(tmp_path, make_pdf(1))
    with pytest.raises(TaskError):
        blank(tmp_path, b"\xff\xd8\xff")
