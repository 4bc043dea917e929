"""Through how many functions and files of ours a print goes: how much there is to understand, not how fast it is.

Four prints walk through a real Home Assistant, each begun from outside as its user begins it: by the action, by a phone
of the home network (IPP Print-Job), by a copy (one page from the glass), and by the button on an approver's phone. A
walk begins with the request and ends once the event entity has told that the print is completed and no function of ours
has begun for half a second; what is tidied up later does not count.

What counts:

- Every function below custom_components/lianke that begins meanwhile, in the event loop and in all threads, properties
  as well; not the process for PDF files. A coroutine begins once, however often it goes on.
- What is defined inside a function is a part of it. Lambdas, generator expressions and what data classes generate do
  not count.
- What begins in as long a time of rest just before does not count, nor what a poll of the box begins: they come anyway,
  by a clock that would have them in one walk and not in the next.
- No card is open, which would be told, too.
- Each walk is gone once before: what only a first one does, such as importing, is not on the way of every other.

`scripts/bench walk --list` names the functions by file, those with the most first; behind each how often it began.
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

# The most functions, and the most files.
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
# Goals for later, that nothing is judged by yet.
LATER: Final = ("walk_approval",)

type Step = tuple[str, str]
type Call = Callable[[], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Walk:
    """What a print went through: files below the integration and functions, in the order in which they began."""

    name: str
    steps: Sequence[Step]

    @classmethod
    def of(cls, name: str, steps: Iterable[Sequence[str]], idle: Iterable[Sequence[str]]) -> Walk:
        """Return the walk of what began in it, without what begins at rest as well."""
        rest = {(file, function) for file, function in idle}
        found = ((file, function) for file, function in steps)
        return cls(name=name, steps=[step for step in found if step not in rest])

    @property
    def files(self) -> dict[str, Counter[str]]:
        """Return how often the functions of each file began; the files with the most functions come first."""
        found: dict[str, Counter[str]] = {}
        for file, function in self.steps:
            found.setdefault(file, Counter())[function] += 1
        return dict(sorted(found.items(), key=lambda item: -len(item[1])))

    def figures(self) -> list[Figure]:
        """Return how many functions there are, and how many files."""
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
        """Return the walk for people."""
        lines = [self.name]
        for file, functions in self.files.items():
            names = ", ".join(f"{name} {count}" for name, count in functions.items())
            lines.append(f"{len(functions):4}  {file}: {names}")
        return "\n".join(lines)


async def measure(now: House, box: dict[str, Any], entry_id: str) -> list[Walk]:
    """Walk all four ways, each twice, and count the second time."""
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
        # From now on everybody's prints at this printer wait for an approval.
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
    """Return the device of the printer's scanner, None until it is known."""
    devices = await now.hass.devices()
    return next((one["id"] for one in devices if one["name"] == f"{PRINTER} scanner"), None)
