"""Both sides by hand: what four kinds of printers make of the two files, sheet by sheet."""

from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from custom_components.lianke.manual_duplex import Plan
from custom_components.lianke.pdf.process import TaskError
from tests.manual_duplex.laser import (
    LASERS,
    Image,
    Laser,
    images,
    paper,
    plan_for,
    read,
    split_to,
    turn_stack,
)
from tests.pdf.sheets import A4, make_pages, make_picture

LYING = (297.0, 210.0)


def split_file(
    folder: Path, file: dict[str, Any], plan: Plan, **how: Any
) -> tuple[list[Image], list[Image]]:
    """Return the pages of both files in the order of printing."""
    paths = [folder / f"{side}.pdf" for side in ("fronts", "backs")]
    split_to(paths, file, plan, **how)
    return images(paths[0]), images(paths[1])


@pytest.mark.parametrize("laser", LASERS)
@pytest.mark.parametrize("edge", ["long", "short"])
def test_pages_that_lie_are_read_in_order(tmp_path: Path, laser: Laser, edge: str) -> None:
    """Upright ones are read after the whole way of a job (`test_jobs.py`)."""
    file = make_pages(tmp_path / "x.pdf", *[LYING] * 7)
    turned = (edge == "short") != laser.turned
    fronts, backs = split_file(tmp_path, file, plan_for(7, 2, laser), turned=turned)
    stack = turn_stack(laser.print(fronts, paper(8)), laser.put_back)
    done = laser.print(backs, stack)
    assert not stack
    seen = [*read(done, out_up=laser.out_up)]
    assert [front.text + back.text for front, back in seen] == ["AB", "CD", "EF", "G"] * 2
    assert {(back.turn - front.turn) % 360 for front, back in seen} == {
        0 if edge == "long" else 180
    }


def headed(path: Path, size: tuple[float, float]) -> dict[str, Any]:
    """Write two pages of a size in points with a bar at their upper edge."""
    width, height = size
    document = pypdfium2.PdfDocument.new()
    for _ in range(2):
        page = document.new_page(width, height)
        bar = pypdfium2.raw.FPDFPageObj_CreateNewRect(0, height * 0.9, width, height * 0.1)
        pypdfium2.raw.FPDFPath_SetDrawMode(bar, pypdfium2.raw.FPDF_FILLMODE_WINDING, 0)
        pypdfium2.raw.FPDFPage_InsertObject(page, bar)
        page.gen_content()
    document.save(path)
    return {"path": str(path), "is_pdf": True, "pages": [0, 1]}


def head(path: Path) -> str:
    """Return the edge at which the bar of a file's first page is printed, its first end upwards."""
    drawn = pypdfium2.PdfDocument(path)[0].render().to_pil().convert("L")
    width, height = drawn.size
    places = {
        "top": (width // 2, 2),
        "right": (width - 3, height // 2),
        "bottom": (width // 2, height - 3),
        "left": (2, height // 2),
    }
    [edge] = [name for name, place in places.items() if drawn.getpixel(place) == 0]
    return edge


@pytest.mark.parametrize(
    ("size", "edge", "turns_as"),
    [
        ((420, 595), "long", "book"),
        ((420, 595), "short", "calendar"),
        ((595, 420), "long", "calendar"),
        ((595, 420), "short", "book"),
    ],
)
def test_pages_turn_as_in_a_book_or_on_a_calendar(
    tmp_path: Path, size: tuple[float, float], edge: str, turns_as: str
) -> None:
    """Sheets are bound at that edge, and the long one is at the side of a page only if it is upright."""
    split_file(tmp_path, headed(tmp_path / "x.pdf", size), plan_for(2), turned=edge == "short")
    front, back = head(tmp_path / "fronts.pdf"), head(tmp_path / "backs.pdf")
    # Where it is for who looks through the sheet from the front.
    behind = {"left": "right", "right": "left"}.get(back, back)
    # On a calendar, the upper edge of one page is the lower edge of the other.
    assert (front == behind) is (turns_as == "book")


def test_a_page_that_lies_stays_so_if_it_is_to(tmp_path: Path) -> None:
    file = make_pages(tmp_path / "x.pdf", LYING, LYING)
    with pytest.raises(AssertionError, match="either way"):
        split_file(tmp_path, file, plan_for(2), upright=False)


def test_pictures(tmp_path: Path) -> None:
    frames = make_picture(tmp_path / "x.tiff", (40, 20), "TIFF")
    fronts, backs = split_file(tmp_path, frames, plan_for(1))
    assert [len(fronts), len(backs)] == [1, 1]
    assert fronts[0].turn == 90


@pytest.mark.parametrize(
    ("copies", "limit", "reason"), [(501, 10**7, "too_many_pages"), (2, 800, "too_large")]
)
def test_bounds(tmp_path: Path, copies: int, limit: int, reason: str) -> None:
    file = make_pages(tmp_path / "x.pdf", *[A4] * 4)
    with pytest.raises(TaskError) as refused:
        split_file(tmp_path, file, plan_for(4, copies), limit=limit)
    assert refused.value.reason == reason
