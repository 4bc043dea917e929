"""The cost of importing the integration and of setting up boxes."""

import asyncio
import json
import os
import sys
from typing import Any

from tests.e2e.hass import ROOT

from .figures import FELT, Figure, middle
from .house import House
from .ipp import ipp_entry, ipp_printer
from .pushes import poll_paths

# Maximum number of modules that the integration may import.
MOST_MODULES = 220
# Modules that must not be imported together with the integration, but only where they are needed.
UNWANTED = (
    "PIL",
    "hass_nabucasa",
    "homeassistant.components.camera",
    "homeassistant.components.cloud",
    "lxml",
    "markdown_it",
    "olefile",
    "pikepdf",
    "pypdfium2",
    "pyzbar",
)


async def measure_import(rounds: int) -> list[Figure]:
    """Time importing the integration and core's `ipp`, each time in a process that has loaded neither."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.imported", str(rounds), *UNWANTED),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        # Compiled code is kept on disk, as in every Home Assistant.
        env={
            name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
        },
    )
    output, _ = await process.communicate()
    found = json.loads(output)
    seconds = {name: middle([one["seconds"] for one in all_]) for name, all_ in found.items()}
    came = sorted({name for one in found["lianke"] for name in one["watched"]})
    first = found["lianke"][0]
    making, reading = (
        middle([one[part] for one in found["lianke"]]) * 1e3
        for part in ("class_seconds", "code_seconds")
    )
    note = (
        f"{reading:.1f} ms to find them and read their compiled code, "
        f"{making:.1f} ms for {first['classes']} data classes"
    )
    return [
        Figure(
            name="import_cost",
            value=seconds["lianke"] * 1e3,
            unit="ms",
            baseline=seconds["ipp"] * 1e3,
            note=f"{note}; LOADS {', '.join(came)}" if came else note,
            failed=bool(came),
        ),
        Figure(
            name="import_modules",
            value=first["modules"],
            unit="modules",
            baseline=found["ipp"][0]["modules"],
            goal=MOST_MODULES,
        ),
    ]


async def measure_set_up(house: House, *, rounds: int) -> Figure:
    """Time setting up, in turn, a box with one printer and core's `ipp`, both of which have been set up before."""
    made = await house.cloud.post("boxes", {"count": 1, "printers": 1})
    device_id = made[0]["device_id"]
    box = next(box for box in await house.boxes() if box["device_id"] == device_id)
    (entry_id,) = await house.add_boxes([box])
    async with ipp_printer() as port:
        answer = await house.run("add_entries", entries=[ipp_entry(port)])
        names = {"ipp": answer["entry_ids"][0], "lianke": entry_id}
        first = await house.run("set_up_rounds", entry_ids=names, rounds=2)
        asks = {
            "stored": f"lianke.{entry_id}",
            "server": house.cloud.url,
            "api_key": box["api_key"],
            "paths": poll_paths(box),
        }
        entities = first["entities"]["lianke"]
        answer = await house.run(
            "add_entries",
            entries=[_bare_entry("bare", entities), _bare_entry("least", entities, asks=asks)],
        )
        names["bare"], names["least"] = answer["entry_ids"]
        await house.run("set_up_rounds", entry_ids=names, rounds=2)
        found = await house.run("set_up_rounds", entry_ids=names, rounds=rounds)
        for stalls in found["stalls"]["lianke"]:
            house.note_stall(stalls, "setup_cost")
        await house.run("remove_entries", entry_ids=list(names.values()))
    cpu, states = found["cpu"], found["states"]
    each = " against ".join(
        f"{middle(cpu[name]) / states[name] * 1e3:.2f}" for name in ("lianke", "ipp")
    )
    return Figure(
        name="setup_cost",
        value=middle(cpu["lianke"]) * 1e3,
        unit="ms",
        baseline=middle(cpu["ipp"]) * 1e3,
        goal=FELT,
        note=f"processor time; {states['lianke']} entities against {states['ipp']}, {each} ms each; "
        f"{middle(cpu['bare']) * 1e3:.2f} ms for {states['bare']} of the same kinds with nothing behind them, "
        f"{middle(cpu['least']) * 1e3:.2f} ms with the same file read and the same two requests made",
    )


def _bare_entry(name: str, entities: dict[str, list[bool]], **more: Any) -> dict[str, Any]:
    """Make the data of a config entry whose entities do nothing.

    `entities` maps each domain to a list that says, for each entity, whether it is enabled.
    """
    return {
        "domain": "lianke_bench",
        "title": name,
        "unique_id": name,
        "data": {"entities": entities, **more},
    }


async def measure_scale(
    house: House, boxes: list[dict[str, Any]], *, few: int, rounds: int
) -> list[Figure]:
    """Set up all boxes and compare the cost per box with that of the first few."""
    # Each printer gets a different name. Home Assistant finds a free entity id by trying number after number: if all
    # printers had the same name, the time for this alone would grow with the square of the number of printers.
    for number, box in enumerate(boxes):
        for printer in box["printers"]:
            name = f"{printer['name']} {number}"
            await house.cloud.change_printer(box["device_id"], printer["id"], name=name)
    entries = [house.entry(box) for box in boxes]
    many = len(boxes)
    fields: dict[str, Any] = {"entries": entries, "marks": [few, many]}
    times: list[list[float]] = [[], []]
    first: list[dict[str, float]] = []
    # The first box imports modules and fills caches for all boxes, so it does not count.
    warm = await house.run("scale", memory=False, entries=entries[:1], marks=[1])
    await house.run("remove_entries", entry_ids=warm["entry_ids"])
    for number in range(rounds + 1):
        await house.stalls()
        found = await house.run("scale", memory=number == 0, **fields)
        # The times of the run with `memory` mean nothing, because every allocation is recorded.
        await house.stalls("scale" if number else None)
        await house.run("remove_entries", entry_ids=found["entry_ids"])
        if number == 0:
            first = found["marks"]
        else:
            for spent, mark in zip(times, found["marks"], strict=True):
                spent.append(mark["cpu"])
    (low, high), sizes = first, (few, many)
    time_low, time_high = (
        middle(spent) / size * 1e3 for spent, size in zip(times, sizes, strict=True)
    )
    memory_low, memory_high = (
        mark["memory"] / size / 1024 for mark, size in zip(first, sizes, strict=True)
    )
    what = f"a box, of {many} against of {few}"
    return [
        Figure.times("scale_time", time_high, "ms", time_low, 1.1, f"processor time {what}"),
        Figure.times("scale_memory", memory_high, "kB", memory_low, 1.1, what),
        Figure.times(
            "scale_entities", high["entities"] / many, "entities", low["entities"] / few, 1.1, what
        ),
    ]
