"""`scripts/bench trace [--list]`: through how many functions, files and shapes a print or a push goes.

It measures how much there is to understand, not how fast it is, so that it is measured only when asked for. Three
things are sent on their way through a real Home Assistant, each with a mark that nothing else has: a PDF by
`lianke.print` (from the action's handler to the last byte on the wire, and from the callback that tells of its end to
the event), a push about a printer (to the printer's new state), and a Print-Job of a phone (until the queue is asked to
take it).

What counts:

- A *shape* is a class of ours (or a mapping, as a call's data is one) of which an object with the mark in its fields
  was handed to a function of ours or handed back by one.
- A *function* of ours is on the walk if it was handed such an object, gave one back, or lies above such a function on
  the call stack: above its task's creation, too, so that what only passes the work on is counted as well.
- Each function counts once, however often it is called; what is defined inside it is a part of it. Properties, lambdas,
  comprehensions and what data classes generate do not count, nor do helpers that see only a piece: a number, a name.
- What the event loop calls outside any task is told afterwards (sensors, for example) and does not count. What the PDF
  process does is not seen. Where two tasks run beside each other, one or two functions more or less are chance.

`--list` prints each walk in the order in which its functions began.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
import json
from pathlib import Path
import sys
import tempfile
from typing import Any

from tests.simulator.samples import make_pdf

from .figures import Figure, table
from .house import House, Poster, house, webhook_of

# What nothing else has: a document's name and the pages of a call, a printer's name, a job's name.
PRINTED = "walk-7c1e"
PUSHED = "walk-3b9a"
PHONED = "walk-d05f"
PAGES = "1,3-4"
# Seconds that the cloud thinks about an upload: what follows upon its answer is no part of the way to the wire.
ANSWER = 3.0
# Seconds from one push to the next: the integration keeps looks at a box apart.
SPACING = 6.0
PORT = 2
# How many times faster than life the cloud prints.
SPEED = 50.0


@dataclass(frozen=True, kw_only=True)
class Walk:
    """What was passed: steps as (file, function), and shapes, each in the order of the walk."""

    steps: list[tuple[str, str]]
    shapes: list[str]

    @classmethod
    def of(cls, *found: dict[str, Any]) -> Walk:
        """Return the walk that such parts make, each step and shape once."""
        steps = {(file, name): None for part in found for file, name in part["steps"]}
        shapes = {name: None for part in found for name in part["shapes"]}
        return cls(steps=list(steps), shapes=list(shapes))

    @property
    def files(self) -> set[str]:
        """The files of the steps."""
        return {file for file, _ in self.steps}

    def figure(self, name: str, functions: int, files: int, shapes: int | None = None) -> Figure:
        """Return the figure, beside the most of each that there should be."""
        note = f"functions in {len(self.files)} files (≤ {files})"
        failed = len(self.files) > files
        if shapes is not None:
            note += f", {len(self.shapes)} shapes (≤ {shapes}): {', '.join(self.shapes)}"
            failed = failed or len(self.shapes) > shapes
        return Figure(
            name=name,
            value=len(self.steps),
            unit="functions",
            baseline=None,
            goal=functions,
            note=note,
            failed=failed,
        )

    def text(self, name: str) -> str:
        """Return the walk for people."""
        rows = [f"{number:4}  {file}: {step}" for number, (file, step) in enumerate(self.steps, 1)]
        return "\n".join([name, *rows])


async def _print(now: House, entry_id: str, box: dict[str, Any]) -> dict[str, Any]:
    """Print a PDF, and let its callback come."""
    path = now.hass.documents / f"{PRINTED}.pdf"
    await asyncio.to_thread(path.write_bytes, make_pdf(5))
    # What only a first print does is not on the way of every other.
    other = now.hass.documents / "first.pdf"
    await asyncio.to_thread(other.write_bytes, make_pdf(1))
    await now.run("print_once", entry_id=entry_id, source={"file": str(other)})
    await asyncio.sleep(ANSWER)
    # The callbacks come after the answer.
    for printer in box["printers"]:
        await now.cloud.change_printer(
            box["device_id"], printer["id"], seconds_per_page=ANSWER * SPEED
        )
    delay = {"endpoint": "POST /print/job", "kind": "delay", "seconds": ANSWER}
    await now.cloud.post("faults", delay)
    found: dict[str, Any] = await now.run(
        "print_walk",
        entry_id=entry_id,
        marks=[PRINTED, PAGES],
        data={"file": str(path), "pages": PAGES},
    )
    return found


async def _push(now: House, entry_id: str, box: dict[str, Any]) -> dict[str, Any]:
    """Pull a printer out, and tell of it by a push once it is back."""
    status = (await now.run("status_entities", port=PORT))[box["device_id"]]
    await now.cloud.change_printer(box["device_id"], PORT, name=PUSHED)

    async def push(*, plugged: bool) -> None:
        await now.cloud.change_printer(box["device_id"], PORT, plugged=plugged)
        body = json.dumps({"device_id": box["device_id"], "event": "printer"}).encode()
        async with Poster(now.hass.url) as poster:
            await poster.send(poster.request(f"/api/webhook/{webhook_of(box)}", body))
        await asyncio.sleep(SPACING)

    await asyncio.sleep(SPACING)
    await push(plugged=False)
    walking = asyncio.create_task(
        now.run("push_walk", entry_id=entry_id, marks=[PUSHED], entity_id=status, state="idle")
    )
    await asyncio.sleep(1)
    await push(plugged=True)
    found: dict[str, Any] = await walking
    return found


async def _phone(now: House, entry_id: str) -> dict[str, Any]:
    """Print as a phone does."""
    path = now.hass.documents / "phone.pdf"
    await asyncio.to_thread(path.write_bytes, make_pdf(1))
    found: dict[str, Any] = await now.run(
        "phone_walk", entry_id=entry_id, marks=[PHONED], title=PHONED, path=str(path)
    )
    return found


async def measure() -> dict[str, tuple[Walk, Figure]]:
    """Walk all three ways; return each with its figure."""
    with tempfile.TemporaryDirectory(prefix="lianke-bench-", dir="/var/tmp") as name:
        async with house(Path(name), scenario="fleet-keys", speed=SPEED) as now:
            box = (await now.boxes())[0]
            (entry_id,) = await now.add_boxes([box])
            print_ = await _print(now, entry_id, box)
            push = await _push(now, entry_id, box)
            phone = await _phone(now, entry_id)
    sent, told = Walk.of(print_["sent"]), Walk.of(print_["told"])
    both = Walk.of(print_["sent"], print_["told"])
    pushed, phoned = Walk.of(push), Walk.of(phone)
    return {
        "walk_print_sent": (sent, sent.figure("walk_print_sent", 60, 25, 5)),
        "walk_print_told": (told, told.figure("walk_print_told", 60, 25, 5)),
        "walk_print": (both, both.figure("walk_print", 60, 25, 5)),
        "walk_push": (pushed, pushed.figure("walk_push", 30, 14)),
        "walk_phone": (phoned, phoned.figure("walk_phone", 30, 14)),
    }


def main(arguments: Iterable[str]) -> int:
    """Print the figures, and the walks if asked to; return 1 when a goal is missed."""
    walks = asyncio.run(measure())
    figures = [figure for _, figure in walks.values()]
    lines = []
    if "--list" in arguments:
        lines += [
            f"{walk.text(name)}\n" for name, (walk, _) in walks.items() if name != "walk_print"
        ]
    lines += [table(figures), "", *(figure.as_json() for figure in figures)]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if all(figure.ok for figure in figures) else 1
