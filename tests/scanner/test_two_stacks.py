"""Both sides of sheets by two stacks: the fronts, then the stack turned over, whose first page is the last back."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from PIL import Image
import pytest

from custom_components.lianke.const import ScanSource
from custom_components.lianke.jobs.job import Asker
from custom_components.lianke.scanner.scan_job import (
    ScanAnswer,
    ScanJob,
    ScanRequest,
    ScanState,
    Stack,
)
from custom_components.lianke.scanner.stacks import (
    documents_of,
    fronts_only,
    join_stacks,
    scan_more,
)
from tests.household import House, refusal
from tests.scanner.scans import do, last, pages_of, restart, say, show
from tests.simulator.endpoints import scanning
from tests.simulator.models import Printer

FED: dict[str, Any] = {"source": "feeder", "two_stacks": True, "size": "A4"}


def scanned(fronts: int, backs: int, **changes: Any) -> ScanJob:
    """Return a scan with the pages of two stacks: 1, 3, 5, … and …, 6, 4, 2."""
    names = [f"{2 * sheet + 1}" for sheet in range(fronts)]
    names += [f"{2 * sheet + 2}" for sheet in reversed(range(backs))]
    job = ScanJob(
        job_id="one",
        scanner_id="one",
        title="",
        request=ScanRequest(source=ScanSource.FEEDER, two_stacks=True),
        created_at=datetime(2026, 12, 2, tzinfo=UTC),
        asker=Asker(),
        stack=Stack.BACKS,
        pages=tuple(names),
        newest=backs,
    )
    return replace(job, **changes)


@pytest.mark.parametrize("sheets", [1, 2, 3, 10, 100])
def test_stacks_of_as_many_pages_are_shuffled(sheets: int) -> None:
    changes = join_stacks(scanned(sheets, sheets))
    assert changes["pages"] == tuple(str(page) for page in range(1, 2 * sheets + 1))
    assert (changes["stack"], changes["reason"]) == (None, None)


@pytest.mark.parametrize(
    ("fronts", "backs", "documents"),
    [
        (3, 2, [["1", "3", "5"], ["2", "4"]]),
        (2, 3, [["1", "3"], ["2", "4", "6"]]),
        (1, 0, [["1"]]),
    ],
)
def test_stacks_of_unequal_pages_are_not(
    fronts: int, backs: int, documents: list[list[str]]
) -> None:
    """They become two documents, or the second is left out or scanned again."""
    job = scanned(fronts, backs)
    assert join_stacks(job) == {"reason": "scan_stacks_differ", "detail": f"{fronts}/{backs}"}
    assert documents_of(job) == documents
    assert fronts_only(job)["pages"] == job.pages[:fronts]
    for answer in (ScanAnswer.NEXT, ScanAnswer.AGAIN):
        again = scan_more(job, answer)
        assert (again["stack"], again["replaces"]) == (Stack.BACKS, job.pages[fronts:])


def test_pages_in_a_pdf_cannot_be_shuffled() -> None:
    assert join_stacks(scanned(1, 1, more_pages={"1": 3}))["reason"] == "scan_stacks_fixed"


def test_the_second_stack_follows_the_first() -> None:
    job = scanned(2, 0, stack=Stack.FRONTS, newest=2)
    assert scan_more(job, ScanAnswer.NEXT)["stack"] is Stack.BACKS
    assert scan_more(job, ScanAnswer.NEXT)["replaces"] == ()
    again = scan_more(job, ScanAnswer.AGAIN)
    assert (again["stack"], again["replaces"]) == (Stack.FRONTS, job.pages)
    plain = scan_more(replace(job, stack=None), ScanAnswer.NEXT)
    assert (plain["stack"], plain["replaces"]) == (None, ())
    # What is left out does not count as a document of its own.
    assert documents_of(replace(scanned(2, 1), left_out=("2",))) == [["1", "3"]]


@pytest.mark.long
@pytest.mark.usefixtures("hurried", "hub")
async def test_ten_pages_by_two_stacks_with_a_restart_at_each_step(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stacks are joined first, then blank pages are left out; the scan ends by itself, as no more is to come."""
    draw = scanning.draw_page

    def draw_page(text: str, *args: Any) -> Image.Image:
        page = draw(text, *args)
        return Image.new(page.mode, page.size, "white") if text == "blank" else page

    monkeypatch.setattr(scanning, "draw_page", draw_page)
    laser.feeder = ["1", "3", "5"]
    waiting = await do(house, laser, skip_blank=True, **FED)
    assert (waiting["state"], waiting["stack"], waiting["pages"]) == ("waiting", "fronts", 3)
    await restart(house)
    laser.feeder = ["6", "blank"]
    told = await say(house, laser, "next")
    assert (told["state"], told["stack"], told["reason"]) == (
        "waiting",
        "backs",
        "scan_stacks_differ",
    )
    await restart(house)
    assert (last(house).state, last(house).detail) == (ScanState.WAITING, "3/2")
    laser.feeder = ["6", "blank", "2"]
    done = await say(house, laser, "again")
    assert (done["state"], done["stack"], done["reason"]) == ("completed", None, None)
    assert (done["pages"], done["left_out"]) == (5, 1)
    pages = pages_of(done["files"][0]["path"])
    assert show(pages, ["1", "2", "3", "5", "6"], size="A4")


@pytest.mark.usefixtures("hurried", "hub")
async def test_a_stack_that_lost_a_page_is_said_before_anything_is_joined(
    house: House, laser: Printer
) -> None:
    laser.feeder = ["1", "3"]
    await do(house, laser, several_pages=True, **FED)
    # Nobody has put the stack back yet.
    empty = await say(house, laser, "next")
    assert (empty["state"], empty["stack"]) == ("waiting", "backs")
    assert empty["reason"] != "scan_stacks_differ"
    laser.feeder = ["4", "4", "2"]
    assert (await say(house, laser, "next"))["reason"] == "scan_stacks_differ"
    # A page that the feeder took twice is removed.
    joined = await say(house, laser, "remove", page=4)
    assert (joined["state"], joined["stack"], joined["reason"]) == ("waiting", None, None)
    done = await say(house, laser, "finish")
    assert show(pages_of(done["files"][0]["path"]), ["1", "2", "3", "4"], size="A4")


@pytest.mark.usefixtures("hurried", "hub")
async def test_unequal_stacks_stay_two_documents_or_the_second_is_left_out(
    house: House, laser: Printer
) -> None:
    for answer, documents in (
        ("finish", [["1", "3"], ["4"]]),
        ("fronts_only", [["1", "3"]]),
    ):
        laser.feeder = ["1", "3"]
        await do(house, laser, filename="lease", **FED)
        laser.feeder = ["4"]
        await say(house, laser, "next")
        done = await say(house, laser, answer)
        assert (done["state"], len(done["files"])) == ("completed", len(documents))
        for file, texts in zip(done["files"], documents, strict=True):
            assert show(pages_of(file["path"]), texts, size="A4")


@pytest.mark.usefixtures("hurried", "hub")
async def test_two_stacks_are_for_a_feeder_that_scans_one_side(
    house: House, laser: Printer
) -> None:
    assert await refusal(do(house, laser, two_stacks=True)) == "scan_only_fed"
    assert await refusal(do(house, laser, scan_duplex=True, **FED)) == "scan_both_ways"
