"""What is said of scans and copies, compared with what lay on the glass and what came out."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from tests.ledgers import rows
from tests.simulator.models import Printer

from .home import FINAL, Home
from .world import World

# Seconds, by the world's clock, after which a scanner that a dead home has set off has ended by itself.
AFTERWARDS: Final = 120.0
# What a scan may fail for of which nobody knows whether the paper was scanned, or that was surely not begun.
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
    """One scan or copy that is asked for. `pages` lie on the glass and in the feeder, each with a text of its own."""

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
        """Wait for the end of all, and return what is wrong. `reasons` for which it may have failed; None for any."""
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
            # Whether it is on paper is what its job says.
            says_so = len(prints) == bool(scan["printing"]) and (
                (prints == ["completed"]) == bool(printed) or prints == ["unconfirmed"]
            )
            is_whole = len(scan["pages"]) == made == self.pages
            return says_so and {*scan["files"]} <= files and (is_whole or reasons is None)
        if reasons is None:
            # Of what failed nothing is on paper, and what came of it is kept.
            return not printed and len(scan["pages"]) <= made
        expected = reasons if not made else reasons - {"scan_not_begun"}
        return scan["reason"] in expected and not printed and not scan["pages"]
