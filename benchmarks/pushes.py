"""Push messages: the time until a printer that was unplugged is shown as unplugged."""

import asyncio
import json
from random import Random
import time
from typing import Any

from .figures import FELT, Figure, middle
from .house import BARE, POLL_HOOK, House, Poster, Watcher, webhook_of

# Seconds between a poll of a box and the next push about that box: after fewer, the integration would delay the poll.
SPACING = 5.5
# Mean seconds between pushes.
PAUSE = 0.015
PORT = 2
# Seconds for which state changes are counted, to learn how many a single push causes.
COUNTED = 1.0


async def measure(
    house: House, boxes: list[dict[str, Any]], entry_ids: list[str], *, rounds: int
) -> Figure:
    """Time a push until its change is shown: printers are unplugged and plugged in again, box after box.

    The baseline sends the requests of a poll one after the other, then sets one state, or as many as a push changes.
    The order and the pauses are random. Otherwise the work that follows one kind of measurement would always delay the
    same other kind.
    """
    status = await house.run("status_entities", port=PORT)
    chance = Random(6)
    # The first push has to wait as well, because each box was polled when it was set up.
    free_at = dict.fromkeys((box["device_id"] for box in boxes), time.perf_counter() + SPACING)
    entities = [BARE, *status.values()]
    await house.stalls()
    async with (
        Poster(house.hass.url) as poster,
        house.hass.subscribe("subscribe_entities", entity_ids=entities) as subscription,
    ):
        watcher = Watcher(subscription)

        async def poll_bare(box: dict[str, Any], task: str, states: int) -> float:
            """Have the requests of a poll sent and `states` states set; return the seconds until they are seen."""
            message = {"task_id": task, "server": house.cloud.url, "api_key": box["api_key"]}
            body = json.dumps({**message, "paths": poll_paths(box), "states": states}).encode()
            began = time.perf_counter()
            await poster.send(poster.request(f"/api/webhook/{POLL_HOOK}", body))
            return await watcher.until(BARE, task=task) - began

        async def push(box: dict[str, Any], wanted: str) -> float:
            """Send a push message; return the seconds until the change is seen."""
            body = json.dumps({"device_id": box["device_id"], "event": "printer"}).encode()
            began = time.perf_counter()
            await poster.send(poster.request(f"/api/webhook/{webhook_of(box)}", body))
            seen = await watcher.until_state(status[box["device_id"]], wanted)
            free_at[box["device_id"]] = seen + SPACING
            return seen - began

        async def change(box: dict[str, Any], *, plugged: bool) -> str:
            """Plug in or unplug the printer once the next push may follow; returns the status that will be shown."""
            await asyncio.sleep(max(0.0, free_at[box["device_id"]] - time.perf_counter()))
            await house.cloud.change_printer(box["device_id"], PORT, plugged=plugged)
            return "idle" if plugged else "disconnected"

        async def count_states(box: dict[str, Any], wanted: str) -> int:
            """Count the states that one push changes."""
            counting = asyncio.create_task(house.run("count_states", seconds=COUNTED))
            await asyncio.sleep(COUNTED / 2)
            await push(box, wanted)
            states: int = (await counting)["states"]
            return states

        spent: dict[str, list[float]] = {"ours": [], "bare": [], "several": []}
        states = 0
        for number in range(rounds):
            for box in boxes:
                wanted = await change(box, plugged=number % 2 == 1)
                if not states:
                    states = await count_states(box, wanted)
                    continue
                for kind in chance.sample(list(spent), len(spent)):
                    await asyncio.sleep(PAUSE * chance.uniform(0.5, 1.5))
                    if kind == "ours":
                        seconds = await push(box, wanted)
                    else:
                        task = f"{number}-{box['device_id']}-{kind}"
                        seconds = await poll_bare(box, task, 1 if kind == "bare" else states)
                    spent[kind].append(seconds)
    await house.stalls("push_latency")
    read = (await house.run("read", entry_ids=entry_ids))["spent"]
    return Figure(
        name="push_latency",
        value=middle(spent["ours"]) * 1e3,
        unit="ms",
        baseline=middle(spent["bare"]) * 1e3,
        goal=FELT,
        note=f"{middle(spent['several']) * 1e3:.2f} ms for {states} states of bare entities, the kinds that change, "
        f"and {middle(read) * 1e3:.2f} ms to read and compare what came",
    )


def poll_paths(box: dict[str, Any]) -> list[str]:
    """Return the paths that a poll of a box requests."""
    who = f"deviceId={box['device_id']}&deviceKey={box['device_key']}"
    return [
        f"/device/device_info?{who}",
        f"/external_api/printer_list?{who}&printerType=3",
    ]
