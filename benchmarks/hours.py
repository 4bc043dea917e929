"""Figures over hours of simulated time: requests of an idle box, and a fleet's day."""

import asyncio
from collections import Counter
import json
import os
from pathlib import Path
from typing import Any

from tests.simulator.samples import make_pdf

from .figures import Figure
from .house import House, webhook_of

JOBS_A_BOX = 50
HOURS = 24
# Hour from which memory and disk use may not grow. A state that Home Assistant has replaced is part of a reference
# cycle with its context, so it stays in memory until Python collects garbage: about every six hours in such a fleet.
# Later states reuse that memory, but until the first collection every change of a state adds to it.
SETTLED = 8
# Maximum polling requests a minute that the design allows for each ApiKey.
POLLS_A_MINUTE = 30
POLLING = (
    "GET /device/device_info",
    "GET /external_api/printer_list",
    "GET /device/printer_status",
)


async def _scene(house: House, folder: Path, scene: str, timeout: float, **fields: Any) -> Any:
    """Run a scene inside Home Assistant and return its result."""
    result = folder / f"{scene}.json"
    await house.run(
        "start",
        scene=scene,
        result=str(result),
        admin=house.cloud.admin_url,
        server=house.cloud.url,
        **fields,
    )
    async with asyncio.timeout(timeout):
        while not result.exists():  # another process writes it, so there is no event to wait for
            await asyncio.sleep(0.2)
    found = json.loads(await asyncio.to_thread(result.read_text))
    if "error" in found:
        raise RuntimeError(found["error"])
    return found


async def measure_idle(house: House, folder: Path, boxes: list[dict[str, Any]]) -> list[Figure]:
    """Count the requests in an hour without jobs, for a box without push messages and for a box with push messages."""
    quiet, push, naive = boxes
    await house.add_boxes([quiet, push])
    await house.cloud.post(
        f"accounts/{push['account']}",
        {"push_url": f"{house.hass.url}/api/webhook/{webhook_of(push)}", "auto_push": True},
    )
    found = await _scene(house, folder, "idle", 120, push=push, naive=naive)
    await house.stalls("idle_requests_per_hour")
    asked = {device: sum(paths.values()) for device, paths in found["requests"].items()}
    baseline = asked[naive["device_id"]]
    return [
        Figure(
            name=name,
            value=asked[box["device_id"]],
            unit="requests",
            baseline=baseline,
            goal=goal,
        )
        for name, box, goal in (
            ("idle_requests_per_hour", quiet, 135),
            ("idle_requests_per_hour_push", push, 40),
        )
    ] + [
        Figure(
            name="idle_writes_per_hour",
            value=sum(found["states"].values()) + len(found["files"]),
            unit="writes",
            baseline=None,
            goal=0,
            note="of states and files, both boxes",
        )
    ]


def _documents(folder: Path, count: int) -> list[str]:
    """Make `count` small documents of one to four pages with different names; returns their paths."""
    masters = []
    for pages in range(1, 5):
        master = folder / f"master-{pages}.pdf"
        master.write_bytes(make_pdf(pages))
        masters.append(master)
    paths = []
    for number in range(count):
        path = folder / f"doc-{number:05}.pdf"
        os.link(masters[number % len(masters)], path)
        paths.append(str(path))
    return paths


async def measure_day(
    house: House,
    folder: Path,
    boxes: list[dict[str, Any]],
    *,
    jobs_a_box: int = JOBS_A_BOX,
    hours: int = HOURS,
) -> list[Figure]:
    """Let a fleet of one ApiKey print for a day, while requests fail and printers are off."""
    documents = await asyncio.to_thread(_documents, house.hass.documents, jobs_a_box * len(boxes))
    await house.cloud.post(
        f"accounts/{boxes[0]['account']}",
        {"push_url": f"{house.hass.url}/api/webhook/{webhook_of(boxes[0])}", "auto_push": True},
    )
    await house.stalls()
    found = await _scene(
        house,
        folder,
        "day",
        1200,
        entries=[house.entry(box) for box in boxes],
        boxes=[
            {"device_id": box["device_id"], "printers": [{"id": p["id"]} for p in box["printers"]]}
            for box in boxes
        ],
        documents=documents,
        hours=hours,
        settled=SETTLED,
    )
    house.note_stall(found["stalls"], "fleet_day")
    return _judge(found, hours)


def _judge(found: dict[str, Any], hours: int) -> list[Figure]:
    whole = Counter(
        job["name"] for job in found["printed"] if job["complete"] and not job["foreign"]
    )
    states = Counter(job["state"] for job in found["jobs"].values())
    lost = [name for name, job in found["jobs"].items() if job["state"] == "lost"]
    twice = [name for name, times in whole.items() if times > 1]
    # A job reported as printed must have been printed; a job reported as not even partly printed must not be complete.
    wrong = [
        name
        for name, job in found["jobs"].items()
        if (job["state"] == "completed" and not whole[name])
        or (job["state"] in ("failed", "canceled", "expired") and not job["partly"] and whole[name])
    ]
    unsettled = found["open"] + len(lost)
    polls = sum(found["requests"].get(endpoint, 0) for endpoint in POLLING)
    others = sum(found["requests"].values()) - polls
    first, last = found["samples"]
    blocks = (last["blocks"] - first["blocks"]) / first["blocks"] * 100
    reported = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    jobs = max(1, len(found["jobs"]))
    return [
        Figure(
            name="fleet_day_requests",
            value=polls,
            unit="polls",
            baseline=None,
            goal=POLLS_A_MINUTE * 60 * hours,
            note=f"and {others / jobs:.2f} requests a job"
            + (", BANNED" if found["banned"] else ""),
        ),
        Figure(
            name="fleet_day_unsettled",
            value=unsettled + len(twice) + len(wrong),
            unit="jobs",
            baseline=None,
            goal=0,
            note=f"{reported}; {len(twice)} twice, {len(wrong)} wrong; {found['troubles']} troubles; "
            f"refused: {found['refused'] or 'none'}",
        ),
        Figure(
            name="fleet_day_memory",
            value=last["memory"] - first["memory"],
            unit="MB",
            baseline=None,
            goal=8,
            note=f"of {last['memory']:.0f} MB, hour {first['hour']:.0f} to {last['hour']:.0f}; "
            f"{blocks:+.1f} % of what Python itself has allocated",
        ),
        Figure(
            name="fleet_day_disk",
            value=last["disk"] - first["disk"],
            unit="MB",
            baseline=None,
            goal=1,
            note=f"of {last['disk']:.1f} MB in {last['files']} files",
        ),
    ]
