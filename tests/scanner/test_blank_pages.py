"""Blank pages of a feeder: left out if wanted, brought back by a person, and gone once the scan is finished."""

from typing import Any

from PIL import Image
import pytest

from custom_components.lianke.scanner.actions import describe_scanners
from custom_components.lianke.scanner.scan_jobs import async_get_scan_jobs
from tests.clock import until
from tests.household import House, refusal
from tests.scanner.scans import do, last, pages_of, restart, say, show
from tests.simulator.endpoints import scanning
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")

BLANK = "blank"
STACK = ["one", BLANK, "two", "three", BLANK]


@pytest.fixture(autouse=True)
def blank_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a sheet with this text be white."""
    draw = scanning.draw_page

    def draw_page(text: str, *args: Any) -> Image.Image:
        page = draw(text, *args)
        return Image.new(page.mode, page.size, "white") if text == BLANK else page

    monkeypatch.setattr(scanning, "draw_page", draw_page)


def left(house: House) -> tuple[int, set[str]]:
    """Return how many pages are left out of the last scan, and which files its folder has."""
    job = last(house)
    folder = async_get_scan_jobs(house.hass, house.entry).path(job, "x").parent
    return len(job.left_out), {path.name for path in folder.iterdir()}


async def test_blank_pages_are_left_out_of_a_stack(house: House, laser: Printer) -> None:
    laser.feeder = [*STACK]
    answer = await do(house, laser, source="feeder", skip_blank=True, size="A4")
    assert (answer["state"], answer["pages"], answer["left_out"]) == ("completed", 3, 2)
    assert show(pages_of(answer["files"][0]["path"]), ["one", "two", "three"], size="A4")
    await until(lambda: left(house) == (2, {answer["files"][0]["name"], "page-0001.jpg"}))


async def test_they_stay_unless_it_is_wanted(house: House, laser: Printer) -> None:
    laser.feeder = [*STACK]
    answer = await do(house, laser, source="feeder", size="A4")
    assert (answer["pages"], answer["left_out"]) == (5, 0)


@pytest.mark.long
async def test_a_page_is_brought_back_in_its_place_also_after_a_restart(
    house: House, laser: Printer, hass_admin_user: Any
) -> None:
    laser.feeder = [BLANK, *STACK]
    fields: dict[str, Any] = {
        "source": "feeder",
        "skip_blank": True,
        "several_pages": True,
        "size": "A4",
    }
    answer = await do(house, laser, straighten=True, **fields)
    assert (answer["state"], answer["pages"], answer["left_out"]) == ("waiting", 3, 3)
    await restart(house)
    (found,) = (
        one["scan"] for one in describe_scanners(house.hass, hass_admin_user) if one["scan"]
    )
    assert isinstance(found, dict)
    shown, aside = found["pictures"], found["left_out_pictures"]
    assert isinstance(shown, list)
    assert isinstance(aside, list)
    assert (len(shown), len(aside)) == (3, 3)
    assert not {*map(str, shown)} & {*map(str, aside)}
    answer = await say(house, laser, "restore", page=2)
    assert (answer["pages"], answer["left_out"]) == (4, 2)
    assert await refusal(say(house, laser, "restore", page=3)) == "scan_no_page"
    # The pages that one counts are those that are kept.
    await say(house, laser, "remove", page=1)
    laser.feeder = ["four", BLANK]
    answer = await say(house, laser, "next")
    assert (answer["pages"], answer["left_out"]) == (4, 3)
    laser.feeder = [BLANK, "five"]
    answer = await say(house, laser, "again")
    assert (answer["pages"], answer["left_out"]) == (4, 3)
    await restart(house)
    answer = await say(house, laser, "finish")
    assert (answer["state"], answer["pages"], answer["left_out"]) == ("completed", 4, 3)
    pages = pages_of(answer["files"][0]["path"])
    assert show(pages[1:], ["two", "three", "five"], size="A4")
    assert min(pages[0].convert("L").tobytes()) > 250
    await until(lambda: len(left(house)[1]) == 2)


@pytest.mark.long
async def test_a_scan_of_nothing_but_blank_pages_keeps_them(house: House, laser: Printer) -> None:
    laser.feeder = [BLANK, BLANK]
    answer = await do(house, laser, source="feeder", skip_blank=True, several_pages=True)
    assert (answer["pages"], answer["left_out"]) == (2, 0)
    laser.feeder = [BLANK]
    answer = await say(house, laser, "next")
    assert (answer["pages"], answer["left_out"]) == (2, 1)
    await say(house, laser, "restore")
    assert await refusal(say(house, laser, "restore")) == "scan_no_page"


async def test_the_glass_has_no_blank_pages(house: House, laser: Printer) -> None:
    assert await refusal(do(house, laser, skip_blank=True)) == "scan_only_fed"


async def test_a_page_that_cannot_be_looked_at_is_kept(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page whose decoder fails, or a PDF of several pages, is no blank page."""
    house.cloud.variants.scan_type = "pdf"
    laser.feeder = [BLANK, BLANK, "one"]
    answer = await do(house, laser, source="feeder", skip_blank=True, size="A4")
    assert (answer["pages"], answer["left_out"]) == (3, 0)
