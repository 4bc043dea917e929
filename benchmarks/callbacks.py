"""Callbacks: the time until a change that a callback reports is shown, and the number of callbacks per second."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
import json
from random import Random
import time
from typing import Any

from tests.simulator.samples import make_pdf

from .figures import FELT, Figure, middle, percentile
from .house import BARE, STATE_HOOK, House, Poster, Watcher, webhook_of

# Mean seconds between callbacks.
PAUSE = 0.005
# Seconds for which state changes are counted, to learn how many a single callback causes.
COUNTED = 1.0
CONNECTIONS = 8
# Milliseconds within which 99 of 100 callbacks must be shown.
OUTLIER = 15.0


def body_of(job: dict[str, Any], state: str) -> bytes:
    """Build a callback as the service sends it."""
    body: dict[str, Any] = {
        "device_id": job["device_id"],
        "task_id": job["task_id"],
        "task_state": state,
        "create_time": "2026-11-24 10:00:00",
    }
    if state == "SUCCESS":
        body["finish_time"] = "2026-11-24 10:00:09"
        body["task_result"] = {"code": 200, "msg": "success"}
    return json.dumps(body).encode()


def path_of(job: dict[str, Any], hooks: dict[str, str]) -> str:
    return f"/api/webhook/{hooks[job['device_id']]}?job={job['token']}"


async def measure(house: House, entry_ids: list[str], *, samples: int, flood: int) -> list[Figure]:
    """Measure latency and rate with real jobs that the cloud has accepted and never finishes."""
    hooks = {box["device_id"]: webhook_of(box) for box in await house.boxes()}
    jobs = await _jobs(house, entry_ids, samples + flood)
    figures = await _latency(house, jobs[:samples], hooks)
    figures.append(await _rate(house, jobs[samples:], hooks, entry_ids))
    return figures


async def _jobs(house: House, entry_ids: list[str], wanted: int) -> list[dict[str, Any]]:
    document = house.hass.documents / "small.pdf"
    await asyncio.to_thread(document.write_bytes, make_pdf(2))
    await house.cloud.post("variants", {"callbacks": "never"})
    for box in await house.boxes():
        for printer in box["printers"]:
            await house.cloud.change_printer(
                box["device_id"], printer["id"], seconds_per_page=1_000_000.0
            )
    each = -(-wanted // (3 * len(entry_ids)))
    answer = await house.run(
        "submit_jobs", timeout=300, entry_ids=entry_ids, path=str(document), each=each
    )
    jobs: list[dict[str, Any]] = answer["jobs"]
    Random(6).shuffle(jobs)
    return jobs[:wanted]


async def _latency(house: House, jobs: list[dict[str, Any]], hooks: dict[str, str]) -> list[Figure]:
    """Compare callbacks that end a job with bare callbacks, which set one state, or as many as a job's end changes.

    The order and the pauses are random. Otherwise the work that Home Assistant does some seconds after each job would
    always delay the same kind of callback.
    """
    chance = Random(6)
    entities = sorted({BARE, *(job["event"] for job in jobs)})
    await house.stalls()
    async with (
        Poster(house.hass.url) as poster,
        house.hass.subscribe("subscribe_entities", entity_ids=entities) as subscription,
    ):
        watcher = Watcher(subscription)

        async def seen_after(path: str, body: bytes, entity_id: str, **wanted: str) -> float:
            """Send a callback; return the seconds until the entity has these attributes."""
            await asyncio.sleep(PAUSE * chance.uniform(0.5, 1.5))
            request = poster.request(path, body)
            began = time.perf_counter()
            sent = asyncio.create_task(poster.send(request))
            seen = await watcher.until(entity_id, **wanted)
            assert await sent == 200
            return seen - began

        async def end_bare(job: dict[str, Any], states: int, name: str) -> float:
            task = f"{job['task_id']}-{name}"
            body = json.loads(body_of(job, "SUCCESS")) | {"task_id": task, "states": states}
            path = f"/api/webhook/{STATE_HOOK}"
            return await seen_after(path, json.dumps(body).encode(), BARE, task=task)

        async def end(job: dict[str, Any]) -> float:
            wanted = {"job_id": job["job_id"], "event_type": "completed"}
            path, body = path_of(job, hooks), body_of(job, "SUCCESS")
            return await seen_after(path, body, job["event"], **wanted)

        counting = asyncio.create_task(house.run("count_states", seconds=COUNTED))
        await asyncio.sleep(COUNTED / 2)
        await end(jobs[0])
        states: int = (await counting)["states"]
        kinds: dict[str, Callable[[dict[str, Any]], Awaitable[float]]] = {
            "ours": end,
            "bare": lambda job: end_bare(job, 1, "bare"),
            "several": lambda job: end_bare(job, states, "several"),
        }
        spent: dict[str, list[float]] = {name: [] for name in kinds}
        for job in jobs[1:]:
            for name in chance.sample(list(kinds), len(kinds)):
                spent[name].append(await kinds[name](job))
    await house.stalls("callback_latency")
    return [
        Figure(
            name="callback_latency",
            value=middle(spent["ours"]) * 1e3,
            unit="ms",
            baseline=middle(spent["bare"]) * 1e3,
            goal=FELT,
            note=f"{middle(spent['several']) * 1e3:.2f} ms for {states} states of bare entities, the kinds that change",
        ),
        Figure(
            name="callback_latency_p99",
            value=percentile(spent["ours"], 0.99) * 1e3,
            unit="ms",
            baseline=percentile(spent["bare"], 0.99) * 1e3,
            goal=OUTLIER,
            note=f"of {len(spent['ours'])}; "
            f"{percentile(spent['several'], 0.99) * 1e3:.2f} ms for {states} states of bare entities",
        ),
    ]


async def _rate(
    house: House, jobs: list[dict[str, Any]], hooks: dict[str, str], entry_ids: list[str]
) -> Figure:
    """Measure the rate: send a callback for each of three states of every job, as fast as Home Assistant answers."""
    before = await house.run("settled", entry_ids=entry_ids)
    parts = 4
    bare: list[float] = []
    ours: list[float] = []
    answered: list[float] = []
    for part in range(parts):
        some = jobs[part::parts]
        for is_bare, rates in ((True, bare), (False, ours)):
            queues: list[list[tuple[str, bytes]]] = [[] for _ in range(CONNECTIONS)]
            for number, job in enumerate(some):
                queues[number % CONNECTIONS] += [
                    (
                        f"/api/webhook/{STATE_HOOK}" if is_bare else path_of(job, hooks),
                        body_of(job, state),
                    )
                    for state in ("PARSING", "SENDING", "SUCCESS")
                ]
            await house.stalls()
            began = time.perf_counter()
            await asyncio.gather(*(_flood(house, iter(queue)) for queue in queues))
            if not is_bare:
                answered.append(3 * len(some) / (time.perf_counter() - began))
                await house.run("settled", entry_ids=entry_ids)
            rates.append(3 * len(some) / (time.perf_counter() - began))
            await house.stalls(None if is_bare else "callbacks_per_second")
    after = await house.run("settled", entry_ids=entry_ids)
    text = json.dumps(jobs[0]) * 3
    spent = (await house.run("write", times=len(jobs), text=text))["seconds"]
    # The best possible rate: bare callbacks are handled and one file per job is written, but nothing else is done.
    best = 1 / (1 / middle(bare) + spent / len(jobs) / 3)
    lost = len(jobs) - (after.get("completed", 0) - before.get("completed", 0))
    return Figure(
        name="callbacks_per_second",
        value=middle(ours),
        unit="/s",
        baseline=middle(bare),
        note=f"{lost} of {len(jobs) * 3} lost; {middle(answered):,.0f} /s answered, then all is written; "
        f"a flushed file a job, {spent / len(jobs) * 1e3:.2f} ms each, leaves {best:,.0f} /s at best",
        failed=bool(lost),
    )


async def _flood(house: House, requests: Iterator[tuple[str, bytes]]) -> None:
    async with Poster(house.hass.url) as poster:
        for path, body in requests:
            assert await poster.send(poster.request(path, body)) == 200
