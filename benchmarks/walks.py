"""Counts the functions and files of ours that a print passes through: how much there is to understand, not how fast.

Four prints run in a real Home Assistant, each started from outside as a user starts it: by the action, by a phone of
the home network (IPP Print-Job), by a copy (one page from the glass), and by the button on an approver's phone. A walk
begins with the request. It ends when the event entity has reported a completed print and for half a second no function
of ours has begun; cleaning up later does not count.

What counts:

- Every function below custom_components/lianke that begins during the walk, including properties, in the event loop and
  in all threads, but not in the PDF process. A coroutine begins once, however often it is resumed.
- An inner function counts as part of the enclosing function. Lambdas, generator expressions and functions generated for
  data classes do not count.
- Functions that also begin during an equally long rest just before, or during a poll of the box, do not count: timers
  would run them in one walk and not in the next.
- No card is open; a card would receive updates, which would count as well.
- Each walk runs twice and the second run counts: work that is done only the first time, such as imports, does not.

`scripts/bench walk --list` lists the functions by file, files with the most functions first, and how often each began.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, override

from aiohttp import ClientSession

from tests.e2e.binding import printer_device
from tests.e2e.home import PRINTER
from tests.e2e.lan import offer, send
from tests.simulator.samples import make_pdf

from .figures import Figure
from .house import House

# Maximum number of functions and of files for each walk.
GOALS: Final = {
    "walk_print": 200,
    "walk_print_files": 38,
    "walk_phone": 240,
    "walk_phone_files": 46,
    "walk_copy": 310,
    "walk_copy_files": 50,
    "walk_approval": 130,
    "walk_approval_files": 28,
}
# Walks with a note that their goal is for later.
LATER: Final = ("walk_approval",)

type Step = tuple[str, str]
type Call = Callable[[], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Walk:
    """A print's functions in the order in which they began, each with its file's path below the integration."""

    name: str
    steps: Sequence[Step]

    @classmethod
    def of(cls, name: str, steps: Iterable[Sequence[str]], idle: Iterable[Sequence[str]]) -> Walk:
        """Make a walk of all steps except functions that also begin at rest."""
        rest = {(file, function) for file, function in idle}
        found = ((file, function) for file, function in steps)
        return cls(name=name, steps=[step for step in found if step not in rest])

    @property
    def files(self) -> dict[str, Counter[str]]:
        """The number of times that each function began, by file; files with the most functions come first."""
        found: dict[str, Counter[str]] = {}
        for file, function in self.steps:
            found.setdefault(file, Counter())[function] += 1
        return dict(sorted(found.items(), key=lambda item: -len(item[1])))

    def figures(self) -> list[Figure]:
        changes = sum(before[0] != after[0] for before, after in pairwise(self.steps))
        later = "a goal for later; " if self.name in LATER else ""
        note = f"{later}{len(self.steps):,} calls, {changes:,} changes of file"
        values = {self.name: len(set(self.steps)), f"{self.name}_files": len(self.files)}
        return [
            Figure(
                name=name,
                value=value,
                unit="files" if name.endswith("_files") else "functions",
                baseline=None,
                goal=GOALS[name],
                note=note if name == self.name else later.removesuffix("; "),
            )
            for name, value in values.items()
        ]

    @override
    def __str__(self) -> str:
        lines = [self.name]
        for file, functions in self.files.items():
            names = ", ".join(f"{name} {count}" for name, count in functions.items())
            lines.append(f"{len(functions):4}  {file}: {names}")
        return "\n".join(lines)


async def measure(now: House, box: dict[str, Any], entry_id: str) -> list[Walk]:
    """Run each of the four walks twice, and return the second run of each."""
    hass = now.hass
    device = await printer_device(hass, box["device_id"], PRINTER)
    about = {"entry_id": entry_id, "device_id": device["id"]}
    document = make_pdf(1)
    path = hass.documents / "walk.pdf"
    await asyncio.to_thread(path.write_bytes, document)
    printed = {"device_id": device["id"], "file": str(path)}
    feature: dict[str, Any] = {"domain": "lianke", "preview_feature": "scanning"}
    await hass.command("labs/update", enabled=True, **feature)
    scanner = await hass.poll(lambda: _scanner(now), bool)
    address = await offer(hass, entry_id)
    buttons: list[str] = []

    async def print_() -> None:
        await hass.call("lianke", "print", printed, response=True)

    async def phone() -> None:
        async with ClientSession() as session:
            await send(session, address, [document], "walk", "phone")

    async def copy() -> None:
        await hass.call("lianke", "copy", {"device_id": scanner}, response=True)

    async def ask() -> None:
        # From now on all prints at this printer wait for an approval.
        buttons.append((await now.run("walk_ask", data={"file": str(path)}, **about))["button"])

    async def approve() -> None:
        await hass.post("/api/events/mobile_app_notification_action", {"action": buttons.pop()})

    async def nothing() -> None:
        pass

    async def gone(walk: Call) -> dict[str, Any]:
        await now.run("walk_begin", **about)
        await walk()
        found: dict[str, Any] = await now.run("walk_end")
        return found

    async def twice(name: str, walk: Call, before: Call = nothing) -> Walk:
        await before()
        first = await gone(walk)
        await before()
        idle = await now.run("walk_idle", entry_id=entry_id, seconds=first["seconds"])
        return Walk.of(name, (await gone(walk))["steps"], idle["steps"])

    return [
        await twice("walk_print", print_),
        await twice("walk_phone", phone),
        await twice("walk_copy", copy),
        await twice("walk_approval", approve, ask),
    ]


async def _scanner(now: House) -> str | None:
    """Find the device of the printer's scanner; None until it is known."""
    devices = await now.hass.devices()
    return next((one["id"] for one in devices if one["name"] == f"{PRINTER} scanner"), None)
