"""Scans, copies and answers that are cut off at each of their moments.

Nothing is scanned twice, nothing is printed twice, nothing is lost that was told as kept, and what is told is on disk.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from homeassistant.exceptions import HomeAssistantError
from PIL import Image
import pytest

from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.scanner.hub import async_get_hub
from custom_components.lianke.scanner.scan_job import (
    FINAL_SCAN_STATES,
    GIVEN_UP,
    NOT_KEPT,
    ScanJob,
    ScanState,
)
from custom_components.lianke.scanner.scan_jobs import async_get_scan_jobs
from tests.clock import Clock, rest, until
from tests.household import House
from tests.scanner.moments import Driven, Moments, moments_of
from tests.scanner.scans import device, records, restart
from tests.simulator.endpoints import scanning
from tests.simulator.faults import Fault
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")

# What is in the text of a sheet that is white.
BLANK = "blank"
# One moment of so many is tried; of the transactions that are refused, more.
FEW, MANY = 23, 7

type Story = Callable[[Case], Coroutine[Any, Any, None]]


@dataclass(kw_only=True)
class Case:
    """A house in which the same is done again and again."""

    house: House
    laser: Printer
    clock: Clock
    moments: Moments
    scanner: str
    folder: Path
    number: int = 0
    answers: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def ask(self, action: str, **data: Any) -> None:
        """Press a button, and note what is told."""
        try:
            self.answers.append(await self.house.ask(action, device_id=self.scanner, **data))
        except HomeAssistantError as err:
            if not self.moments.is_dead:
                self.errors.append(str(err.translation_key))

    def put(self, page: int) -> None:
        """Lay another page on the glass."""
        self.laser.glass = f"paper {self.number}, page {page}"


async def feeder(case: Case) -> None:
    case.laser.feeder = [f"paper {case.number}, page {page}" for page in (1, 2)]
    await case.ask("scan", source="feeder", folder="local", filename=f"paper {case.number}")


async def copy(case: Case) -> None:
    case.put(1)
    await case.ask("copy", size="A4")


async def pages(case: Case) -> None:
    case.put(1)
    await case.ask("scan", several_pages=True, format="jpeg")
    await case.ask("continue_scan", answer="change", straighten=True)
    case.put(2)
    await case.ask("continue_scan", answer="next")
    await case.ask("continue_scan", answer="finish")


async def discarded(case: Case) -> None:
    case.put(1)
    await case.ask("scan", several_pages=True)
    await case.ask("continue_scan", answer="discard")


async def stacks(case: Case) -> None:
    """Scan both sides of two sheets by a feeder that scans one side."""
    case.laser.feeder = [f"paper {case.number}, page {page}" for page in (1, 3)]
    await case.ask("scan", source="feeder", two_stacks=True, size="A4")
    case.laser.feeder = [f"paper {case.number}, page {page}" for page in (4, 2)]
    await case.ask("continue_scan", answer="next")


async def blanks(case: Case) -> None:
    """Bring one blank page back, and leave another out."""
    case.laser.feeder = [f"paper {case.number}, {page}" for page in ("page 1", BLANK, "page 3")]
    await case.ask("scan", source="feeder", skip_blank=True, several_pages=True, format="jpeg")
    await case.ask("continue_scan", answer="restore", page=1)
    case.laser.feeder = [f"paper {case.number}, {page}" for page in ("page 4", f"{BLANK} 5")]
    await case.ask("continue_scan", answer="next")
    await case.ask("continue_scan", answer="finish")


STORIES: dict[str, Story] = {
    story.__name__: story for story in (feeder, copy, pages, discarded, stacks, blanks)
}
WAYS = ("power", "reload", "refused", "refused, then power")
# Only these stories are told with a disk that refuses for longer: the others write the same kinds of changes.
MORE_WAYS = ("refused for long", "refused, then reload")
MOST_AT_THE_DISK = ("copy", "pages")
# Reasons of a scan that was canceled because the disk refused its task id: the next start finds it canceled or, if the
# service had already finished it, deleted. That start looks for it only if the id is on disk in spite of the refusal.
CANCELED = ("scan_canceled", "scan_lost")


async def once(case: Case, story: Story, way: str, at: int) -> str:
    """Do it with something that happens at one moment; return what is wrong, nothing if all is well."""
    house, hass, moments = case.house, case.house.hass, case.moments
    entry_id = house.entry.entry_id
    case.number += 1
    case.answers, case.errors = [], []
    # The limits on how often count anew.
    case.clock.tick(3700)
    known = {job.job_id for job in records(house)}
    scanned, printed = len(case.laser.scanned), len(house.printed)
    before = {*case.folder.iterdir()}
    reloads: list[Any] = []
    moments.begin()
    moments.at = at if way in ("power", "reload") else 0
    if way == "power":
        moments.act = moments.cut
    elif way == "reload":
        moments.act = lambda: reloads.append(
            hass.async_create_task(hass.config_entries.async_reload(entry_id))
        )
    elif way == "refused, then power":
        moments.refused, moments.comes_true = frozenset({at}), True
    elif way == "refused, then reload":
        moments.refused = frozenset(range(at, at + 4))
    else:
        moments.refused = frozenset(range(at, at + (1 if way == "refused" else 4)))

    async def tell() -> None:
        await Driven(story(case), moments.pass_)

    telling = hass.async_create_task(tell())
    if way == "refused, then reload":
        await until(lambda: telling.done() or moments.has_acted)
        if moments.has_acted:
            reloads.append(hass.async_create_task(hass.config_entries.async_reload(entry_id)))
    await until(
        lambda: (
            moments.is_copied
            or (
                telling.done()
                and not moments.is_dead
                and not (moments.comes_true and moments.has_acted)
                # A box that is being loaded may have refused all further answers.
                and all(job.is_final or job.is_waiting for job in records(house))
                and all(job.is_final for job in house.queue.jobs())
            )
        )
    )
    moments.at, moments.refused, moments.comes_true = 0, frozenset(), False
    if moments.is_dead:
        telling.cancel()
        await rest(hass)
        await moments.async_start()
    for reload in reloads:
        await reload

    def new() -> list[ScanJob]:
        return [job for job in records(house) if job.job_id not in known]

    await until(lambda: async_get_hub(hass, house.entry).is_listed)
    # A start takes a scan up that failed on a full disk; until that is on disk, the scan still counts as over.
    await rest(hass)

    async def finish() -> None:
        """Bring to their end the scans that wait for somebody."""
        for _ in range(4):
            await until(lambda: all(job.is_final or job.is_waiting for job in new()))
            for job in new():
                if job.is_waiting:
                    await case.ask("continue_scan", answer="finish", scan_id=job.job_id)

    await finish()
    await rest(hass)
    await until(lambda: all(job.is_final for job in house.queue.jobs()))
    await rest(hass)
    problems = [*moments.lies]
    made, paper = len(case.laser.scanned) - scanned, len(house.printed) - printed
    files = {*case.folder.iterdir()} - before
    found, answers = new(), [*case.answers]
    said = (
        f"{way} at {at}: {[(one.state.value, one.reason, len(one.pages)) for one in found]}, {made} scanned, "
        f"{paper} printed, {len(files)} copied, errors {case.errors}, "
        f"told {[(one.state.value, one.reason) for one in moments.told]}"
    )
    if len({*case.laser.scanned}) < len(case.laser.scanned):
        problems.append("scanned twice")
    if paper > 1:
        problems.append("printed twice")
    if len(found) > 1:
        problems.append("two scans")
    if made and not found:
        problems.append("scanned without a record")
    if len(files) > 1:
        problems.append("copied twice")
    without_pages = ("scan_in_doubt", *(CANCELED if way == "refused, then power" else ()))
    for job in found:
        if not job.is_final:
            problems.append("it does not end")
        ends = [one for one in moments.told if one.is_final and one.job_id == job.job_id]
        taken_up = [one for one in ends if one.reason == NOT_KEPT and not one.printing]
        if any(one.state is not job.state for one in ends if one not in taken_up):
            problems.append("an end was told that is none")
        if not ends and way != "power" and "power" not in way:
            problems.append("nobody was told of the end")
        if job.state is ScanState.COMPLETED:
            # Of the pages that one of its scans should have brought, it was told that they did not come.
            left = [len(one.pages) for one in moments.told if one.reason in without_pages]
            if not max(left, default=made) <= len(job.pages) <= made:
                problems.append("a page is lost")
            kept = async_get_scan_jobs(hass, house.entry)
            if not job.files or not all(kept.path(job, name).is_file() for name in job.files):
                problems.append("a file is lost")
            if job.folder and len(files) != 1:
                problems.append("not copied")
        elif job.state is ScanState.FAILED:
            if made and not job.pages and job.reason not in (*without_pages, NOT_KEPT, GIVEN_UP):
                problems.append("a page is lost")
            if job.reason == NOT_KEPT and not job.printing and (job.pages or job.task_id):
                # What is there is taken up after the next start.
                await hass.config_entries.async_reload(entry_id)
                await until(lambda: all(one.reason != NOT_KEPT for one in new()))
                await finish()
                again = next(one for one in new() if one.job_id == job.job_id)
                if again.state is not ScanState.COMPLETED:
                    problems.append(f"not taken up: {again.state} {again.reason}")
        if job.printing and (job.state is ScanState.COMPLETED) != bool(job.print_jobs):
            problems.append("a copy and its print differ")
        states = [house.queue.get(one).state for one in job.print_jobs]
        if states.count(JobState.COMPLETED) != paper or (
            JobState.FAILED in states and way != "refused, then power"
        ):
            problems.append(f"printed, but {states}")
        for answer in answers:
            state = ScanState(answer["state"])
            if (
                state in FINAL_SCAN_STATES
                and answer["reason"] != NOT_KEPT
                and state is not job.state
            ):
                problems.append(f"answered {state}")
        if "scan_gone" in case.errors:
            problems.append("said to be gone")
    if telling.done() and not telling.cancelled() and telling.exception():
        problems.append(repr(telling.exception()))
    if not telling.done():
        problems.append("nobody heard of the end")
    if "refused" in way:
        # What was told is found at the next start.
        told = {job.job_id: (job.state, job.reason) for job in new()}
        await restart(house)
        await rest(hass)
        after = {job.job_id: (job.state, job.reason) for job in new()}
        if told != after or len(house.printed) - printed != paper:
            problems.append(f"otherwise after a start: {told} {after}")
    jobs_now = async_get_scan_jobs(hass, house.entry)
    if jobs_now.unfinished_job(str(case.laser.id)) or jobs_now.hub.is_in_use(str(case.laser.id)):
        problems.append("the scanner is not free")
    await jobs_now.async_delete([job.job_id for job in jobs_now.all])
    return f"{', '.join(problems)}: {said}" if problems else ""


async def sweep(case: Case, story: str, way: str, every: int) -> None:
    """Tell a story again and again, with what happens a few moments later each time, until it is over before."""
    found, at = [], 1
    case.moments.has_acted = True
    while case.moments.has_acted:
        if problem := await once(case, STORIES[story], way, at):
            found.append(problem)
        at += every
    assert not found, "\n".join(found)
    assert at > every + 1, "nothing ever happened"


@pytest.fixture
async def case(
    house: House, laser: Printer, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncGenerator[Case]:
    """Return a house whose moments are counted, with a folder for scans."""
    folder = tmp_path / "media"
    folder.mkdir()
    house.hass.config.media_dirs = {"local": str(folder)}
    house.set_options({"max_jobs_per_hour": 999})
    house.cloud.variants.update(scan_dpi=40)
    draw = scanning.draw_page

    def draw_page(text: str, *args: Any) -> Image.Image:
        page = draw(text, *args)
        return Image.new(page.mode, page.size, "white") if BLANK in text else page

    monkeypatch.setattr(scanning, "draw_page", draw_page)
    async with moments_of(house, monkeypatch, tmp_path) as moments:
        yield Case(
            house=house,
            laser=laser,
            clock=clock,
            moments=moments,
            scanner=device(house, laser),
            folder=folder,
        )


@pytest.mark.short
@pytest.mark.parametrize("way", ["power", "reload", "refused"])
@pytest.mark.parametrize("story", ["copy", "pages"])
async def test_some_moments(case: Case, story: str, way: str) -> None:
    await sweep(case, story, way, FEW if way != "refused" else 3)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("story", "way"), [*product(STORIES, WAYS), *product(MOST_AT_THE_DISK, MORE_WAYS)]
)
async def test_many_moments(case: Case, story: str, way: str) -> None:
    await sweep(case, story, way, MANY if way in ("power", "reload") else 1)


@pytest.mark.long
@pytest.mark.parametrize("story", ["stacks", "blanks"])
async def test_a_cancel_that_comes_late(case: Case, story: str) -> None:
    """Pages have gone through the feeder by then, in its first scan or in its second."""
    case.house.cloud.fail("DELETE /scanning/job", Fault(kind="delay", seconds=3), None)
    reasons: set[str | None] = set()
    for at in (3, 7, 8, 9):
        assert not await once(case, STORIES[story], "refused, then power", at)
        reasons |= {one.reason for one in case.moments.told}
    assert reasons & {*CANCELED}
