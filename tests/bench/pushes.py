"""Pushes: how soon a printer that was pulled out is shown as such."""

import asyncio
import json
import time
from typing import Any

from .figures import Figure, middle
from .house import BARE, POLL_HOOK, House, Poster, Watcher, webhook_of

# Seconds from one look at a box to the next push about it; the integration keeps looks apart.
SPACING = 5.5
PAUSE = 0.03
PORT = 2
# Seconds in which the states that a push changes are counted.
COUNTED = 1.0


async def measure(
    house: House, boxes: list[dict[str, Any]], entry_ids: list[str], *, rounds: int
) -> Figure:
    """Pull a printer out and plug it in again, box after box, each told by a push.

    The baseline asks the cloud what a poll asks, one after the other, and sets one state.
    """
    status = await house.run("status_entities", port=PORT)
    bare: list[float] = []
    ours: list[float] = []
    several: list[float] = []
    states = 1
    # No push before the first moment, since each box was polled when it was set up.
    free_at = dict.fromkeys((box["device_id"] for box in boxes), time.perf_counter() + SPACING)
    entities = [BARE, *status.values()]
    await house.stalls()
    async with (
        Poster(house.hass.url) as poster,
        house.hass.subscribe("subscribe_entities", entity_ids=entities) as subscription,
    ):
        watcher = Watcher(subscription)

        async def poll_bare(box: dict[str, Any], task: str, count: int) -> float:
            """Return the seconds until so many bare states, set after a poll's requests, are seen."""
            message = {"task_id": task, "server": house.cloud.url, "api_key": box["api_key"]}
            body = json.dumps({**message, "paths": poll_paths(box), "states": count}).encode()
            began = time.perf_counter()
            await poster.send(poster.request(f"/api/webhook/{POLL_HOOK}", body))
            seen = await watcher.until(BARE, task=task)
            await asyncio.sleep(PAUSE)
            return seen - began

        for number in range(rounds):
            plugged = number % 2 == 1
            for box in boxes:
                await asyncio.sleep(max(0.0, free_at[box["device_id"]] - time.perf_counter()))
                task = f"{number}-{box['device_id']}"
                bare.append(await poll_bare(box, task, 1))
                if states > 1:
                    several.append(await poll_bare(box, f"{task}-{states}", states))
                await house.cloud.change_printer(box["device_id"], PORT, plugged=plugged)
                await asyncio.sleep(PAUSE)
                if states == 1:
                    counting = asyncio.create_task(house.run("count_states", seconds=COUNTED))
                    await asyncio.sleep(COUNTED / 2)
                body = json.dumps({"device_id": box["device_id"], "event": "printer"}).encode()
                began = time.perf_counter()
                await poster.send(poster.request(f"/api/webhook/{webhook_of(box)}", body))
                wanted = "idle" if plugged else "disconnected"
                seen = await watcher.until_state(status[box["device_id"]], wanted)
                ours.append(seen - began)
                if states == 1:
                    states = (await counting)["states"]
                free_at[box["device_id"]] = seen + SPACING
                await asyncio.sleep(PAUSE)
    await house.stalls("push_latency")
    read = (await house.run("read", entry_ids=entry_ids))["spent"]
    return Figure.times(
        "push_latency",
        middle(ours) * 1e3,
        "ms",
        middle(bare) * 1e3,
        1.3,
        f"{middle(several) * 1e3:.2f} ms for {states} states of bare entities, the kinds that change, "
        f"and {middle(read) * 1e3:.2f} ms to read and compare what came",
    )


def poll_paths(box: dict[str, Any]) -> list[str]:
    """Return what a poll of a box asks for."""
    who = f"deviceId={box['device_id']}&deviceKey={box['device_key']}"
    return [
        f"/device/device_info?{who}",
        f"/external_api/printer_list?{who}&printerType=3",
    ]
