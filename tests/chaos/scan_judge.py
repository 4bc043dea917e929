"""Compares what is reported about scans and copies with the scanned pages and the printed paper."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from tests.ledgers import rows
from tests.simulator.models import Printer

from .home import FINAL, Home
from .world import World

# Seconds of the world's clock after which a scanner has ended a scan that was started by a home that has died.
AFTERWARDS: Final = 120.0
# Reasons of failed scans without pages: nobody knows whether paper was scanned, or the scan certainly did not begin.
NOTHING_CAME: Final = frozenset({"scan_in_doubt", "scan_not_begun"})


def scans_of(home: Home) -> dict[str, dict[str, Any]]:
    """Return every scan as it is on disk, by its id."""
    return {record["job_id"]: record for record in rows(home.ledger, "scan")}


def at_rest(world: World, home: Home) -> bool:
    """Return whether every scan, job and task has an end."""
    return all(
        one["state"] in FINAL for one in (*scans_of(home).values(), *home.records())
    ) and all(task.ended.is_set() for task in world.sim.cloud.tasks.values())


@dataclass(kw_only=True)
class Attempt:
    """One requested scan or copy. A page lies on the glass and `pages` pages in the feeder, each with its own text."""

    world: World
    home: Home
    printer: Printer
    name: str
    pages: int
    known: frozenset[str] = field(init=False)
    papers: int = field(init=False)
    scanned: int = field(init=False)

    def __post_init__(self) -> None:
        self.printer.glass = f"page {self.name}"
        self.printer.feeder = [f"page {self.name} of {number}" for number in range(self.pages)]
        self.known = frozenset(scans_of(self.home))
        self.papers = len(self.world.sim.cloud.out_tray)
        self.scanned = len(self.printer.scanned)

    async def judge(
        self, *, undisturbed: bool, reasons: frozenset[str] | None = NOTHING_CAME
    ) -> list[str]:
        """Wait until everything has ended; return the problems. `reasons`: why a scan may fail, None for any reason."""
        problems: list[str] = []
        if not await self.world.until(lambda: at_rest(self.world, self.home), 3600, 10):
            problems.append("open")
        await asyncio.sleep(AFTERWARDS)
        new = [one for scan_id, one in scans_of(self.home).items() if scan_id not in self.known]
        printed = len(self.world.sim.cloud.out_tray) - self.papers
        scanned = self.printer.scanned
        made = len(scanned) - self.scanned
        wrong = {
            "scanned twice": made > self.pages or len(set(scanned)) < len(scanned),
            "printed twice": printed > 1,
            "two scans": len(new) > 1,
            "scanned without a record": made and not new,
            "not done": undisturbed and [one["state"] for one in new] != ["completed"],
            "told wrongly": not all(self._is_right(one, made, printed, reasons) for one in new),
        }
        problems += [text for text, is_so in wrong.items() if is_so]
        ends = [(one["state"], one["reason"]) for one in new]
        told = f"{self.name}: {ends}, {made} scanned, {printed} printed"
        self.world.note(told)
        return [f"{one}: {told}" for one in problems]

    def _is_right(
        self, scan: dict[str, Any], made: int, printed: int, reasons: frozenset[str] | None
    ) -> bool:
        if scan["state"] == "completed":
            folders = self.home.ledger.parent.glob(f"scans-*/{scan['job_id']}/*")
            files = {path.name for path in folders if path.stat().st_size}
            jobs = {one["job_id"]: one["state"] for one in self.home.records()}
            prints = [jobs.get(job_id) for job_id in scan["print_jobs"]]
            # The state of the print job must agree with the paper.
            says_so = len(prints) == bool(scan["printing"]) and (
                (prints == ["completed"]) == bool(printed) or prints == ["unconfirmed"]
            )
            is_whole = len(scan["pages"]) == made == self.pages
            return says_so and {*scan["files"]} <= files and (is_whole or reasons is None)
        if reasons is None:
            # A failed scan has printed nothing, and has kept no pages that were not scanned.
            return not printed and len(scan["pages"]) <= made
        expected = reasons if not made else reasons - {"scan_not_begun"}
        return scan["reason"] in expected and not printed and not scan["pages"]
