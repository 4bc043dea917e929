"""`python -m benchmarks [FIGURE …]`: measure, print a table for people and a line of JSON for each figure.

FIGURE is the beginning of a figure's name; without FIGURE, all figures are measured. The exit code is 1 if a goal is
missed or measuring has failed. `--list` lists the functions of each walk that is measured (walks.py).
"""

import argparse
import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
import sys
import tempfile
import time
import traceback
from typing import Any

from tests.simulator.rendering import find_chromium

from . import callbacks, card, hours, kept, previews, printing, pushes, set_up, states, walks
from .figures import Figure, table
from .house import House, house

# A folder in memory, or a folder on disk if there is no /dev/shm.
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else "/var/tmp"
# Maximum milliseconds for which the event loop may stall.
STALL = 50
# How many times faster than real time the simulator works.
FAST = 50.0


class Bench:
    def __init__(self, wanted: Sequence[str]) -> None:
        """Prepare to measure the figures whose names begin with an entry of `wanted`; if it is empty, all figures."""
        self._wanted = wanted
        self._began = time.perf_counter()
        self._stalls: list[tuple[float, str]] = []
        self._longest_collection = 0.0
        self.figures: list[Figure] = []
        self.walks: list[walks.Walk] = []
        # Names of figures without a value, each with the reason. For `left_out`, something is missing on the machine;
        # for `failed`, measuring has failed.
        self.left_out: list[str] = []
        self.failed: list[str] = []

    def wants(self, *names: str) -> bool:
        return not self._wanted or any(
            name.startswith(wish) for name in names for wish in self._wanted
        )

    def take(self, *figures: Figure) -> None:
        """Keep figures, and print their names with the seconds since the start."""
        self.figures += figures
        spent = time.perf_counter() - self._began
        names = ", ".join(figure.name for figure in figures)
        sys.stderr.write(f"{spent:4.0f} s  {names}\n")

    async def attempt(
        self, name: str, measuring: Coroutine[Any, Any, Figure | Sequence[Figure] | None]
    ) -> None:
        """Await a measurement and take its figures. An error is printed and does not stop the other measurements."""
        results = await asyncio.gather(measuring, return_exceptions=True)
        got = results[0]
        if isinstance(got, BaseException):
            traceback.print_exception(got)
            self.failed.append(f"{name} ({type(got).__name__})")
        elif got is not None:
            self.take(*([got] if isinstance(got, Figure) else got))

    def leave(self, left: House) -> None:
        """Keep a house's longest stall and longest garbage collection, and print the first problems in its log."""
        self._stalls.append((left.longest_stall, left.stalled_at))
        self._longest_collection = max(self._longest_collection, left.longest_collection)
        if problems := left.hass.problems("custom_components.lianke]"):
            sys.stderr.write("\n".join(problems[:5]) + "\n")

    async def run(self) -> None:
        if self.wants("import_cost", "import_modules"):
            await self.attempt("import_cost", set_up.measure_import(15))
        if self.wants("start_jobs"):
            await self.attempt("start_jobs", kept.measure(boxes=50, each=200, rounds=7))
        if self.wants("state_cost"):
            await self.attempt("state_cost", states.measure(rounds=40))
        with tempfile.TemporaryDirectory(prefix="lianke-bench-", dir="/var/tmp") as name:
            folder = Path(name)
            await self.attempt("prints, callbacks and pushes", self._now(folder / "now"))
            await self.attempt("walks", self._walk(folder / "walks"))
            await self.attempt("card", self._card(folder / "card"))
            await self.attempt("idle", self._idle(folder / "idle"))
            await self.attempt("scale", self._fleet(folder / "fleet"))
            await self.attempt("fleet_day", self._day())
        if self._stalls:
            longest, figure = max(self._stalls)
            self.take(
                Figure(
                    name="loop_stall",
                    value=longest * 1e3,
                    unit="ms",
                    baseline=None,
                    goal=STALL,
                    note=f"at {figure}; {self._longest_collection * 1e3:.0f} ms for Python's longest collection of "
                    "garbage, which is left out",
                )
            )

    async def _now(self, folder: Path) -> None:
        """Measure, under the real clock, the figures that take only moments."""
        if not self.wants(
            *("print_overhead", "print_memory", "preview_first_page", "lan_overhead", "small_jobs"),
            *("setup_cost", "push_latency", "callback"),
        ):
            return
        async with house(folder, scenario="fleet-keys", speed=FAST) as now:
            boxes = await now.boxes()
            (first,) = await now.add_boxes(boxes[:1])
            if self.wants("preview_first_page"):
                # This figure comes first because it includes the start of the process that draws pages.
                await self.attempt("preview_first_page", previews.measure(now, rounds=6))
            if self.wants("print_memory"):
                await self.attempt("print_memory", printing.measure_memory(now, first))
            if self.wants("print_overhead"):
                await self.attempt(
                    "print_overhead", printing.measure_overhead(now, first, rounds=7)
                )
            if self.wants("lan_overhead"):
                await self.attempt("lan_overhead", printing.measure_lan(now, first, rounds=7))
            if self.wants("small_jobs"):
                await self.attempt("small_jobs", printing.measure_small(now, jobs=40, rounds=5))
            if self.wants("setup_cost"):
                await self.attempt("setup_cost", set_up.measure_set_up(now, rounds=15))
            if self.wants("push_latency"):
                entries = await now.add_boxes(boxes[1:41])
                await self.attempt(
                    "push_latency", pushes.measure(now, boxes[1:41], entries, rounds=3)
                )
            if self.wants("callback"):
                entries = await now.add_boxes(boxes[41:])
                await self.attempt(
                    "callback", callbacks.measure(now, entries, samples=500, flood=400)
                )
            self.leave(now)

    async def _walk(self, folder: Path) -> None:
        """Count the functions that prints pass through, in a separate house, because one walk turns approvals on."""
        if not self.wants(*walks.GOALS):
            return
        async with house(folder, scenario="fleet-keys", speed=FAST) as walked:
            box = (await walked.boxes())[0]
            (entry_id,) = await walked.add_boxes([box])
            self.walks = await walks.measure(walked, box, entry_id)
            self.take(*(figure for walk in self.walks for figure in walk.figures()))

    async def _card(self, folder: Path) -> None:
        if self.wants("card_bytes"):
            self.take(card.measure_bytes())
        if not self.wants("card_paint", "card_long_task"):
            return
        if find_chromium() is None:
            self.left_out.append("card_paint, card_long_task (no Chromium)")
            return
        async with house(folder, scenario="fleet-keys", speed=FAST) as shown:
            box = (await shown.boxes())[0]
            await shown.add_boxes([box])
            self.take(*await card.measure(shown, box, rounds=5))
            self.leave(shown)

    async def _idle(self, folder: Path) -> None:
        """Measure an hour without jobs.

        The house is a separate one: every 15 minutes, Home Assistant would also store the states of the entities that
        other measurements have removed.
        """
        if not self.wants("idle"):
            return
        async with house(folder, scenario="fleet-keys", moved=True) as idle:
            self.take(*await hours.measure_idle(idle, folder, (await idle.boxes())[:3]))
            self.leave(idle)

    async def _fleet(self, folder: Path) -> None:
        """Measure how time and memory grow with the number of boxes."""
        if not self.wants("scale"):
            return
        async with house(folder, scenario="fleet-keys", moved=True) as fleet:
            self.take(*await set_up.measure_scale(fleet, await fleet.boxes(), few=10, rounds=3))
            self.leave(fleet)

    async def _day(self) -> None:
        """Measure a day of a hundred boxes of one account.

        The files are kept in memory if possible: during the day, files are flushed tens of thousands of times, which is
        too often for a slow disk.
        """
        if not self.wants("fleet_day"):
            return
        with tempfile.TemporaryDirectory(prefix="lianke-bench-", dir=IN_MEMORY) as name:
            folder = Path(name)
            async with house(folder, scenario="fleet", moved=True) as day:
                self.take(*await hours.measure_day(day, folder, await day.boxes()))
                self.leave(day)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("figure", nargs="*", help="the beginning of a figure's name")
    parser.add_argument("--list", action="store_true", help="name the functions of the walks")
    arguments = parser.parse_args()
    bench = Bench(arguments.figure)
    asyncio.run(bench.run())
    lines = [f"{walk}\n" for walk in bench.walks if arguments.list]
    lines += [table(bench.figures), "", *(figure.as_json() for figure in bench.figures)]
    if bench.failed:
        lines.append(f"Failed: {'; '.join(bench.failed)}")
    if bench.left_out:
        lines.append(f"Left out: {'; '.join(bench.left_out)}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if all(figure.ok for figure in bench.figures) and not bench.failed else 1


if __name__ == "__main__":
    sys.exit(main())
