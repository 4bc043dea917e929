"""Scenes that last for hours, under a clock that jumps (see moved.py)."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
import gc
from itertools import chain
import json
from pathlib import Path
from random import Random
import secrets
import sys
import time
import traceback
from typing import Any
from uuid import uuid4

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_at_time

from .entries import async_add
from .jobs import async_print, printers_of
from .moved import moving
from .stalls import DATA_STALLS

HOUR = 3600
# Seconds into the day after which no job and no trouble begins, so that the last jobs can end in time.
LAST_JOB = 20 * HOUR
LAST_TROUBLE = 21 * HOUR
# Number of finished jobs that each box has before the day begins.
EARLIER_JOBS = 200

# Faults of requests: the endpoint and the fault. The "timeout" is longer than the integration waits for an answer.
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("POST /print/job", {"kind": "reset_before"}),
    ("POST /print/job", {"kind": "reset_mid_body"}),
    ("POST /print/job", {"kind": "reset_after_body"}),
    ("POST /print/job", {"kind": "reset_after_accept"}),
    ("POST /print/job", {"kind": "timeout", "seconds": 90, "done": True}),
    ("POST /print/job", {"kind": "http", "status": 502}),
    ("POST /print/job", {"kind": "http", "status": 502, "done": True}),
    ("POST /print/job", {"kind": "truncated", "done": True}),
    ("POST /print/job", {"kind": "code", "code": 500}),
    ("POST /print/job", {"kind": "code", "code": 10009}),
    ("GET /print/job", {"kind": "http", "status": 500}),
    ("GET /print/job", {"kind": "wrong_types", "shape": "swap"}),
    ("POST /print/query_device_task", {"kind": "empty"}),
    ("POST /print/query_device_task", {"kind": "wrong_types", "shape": "data_null"}),
    ("GET /external_api/printer_list", {"kind": "reset_before"}),
    ("GET /external_api/printer_list", {"kind": "wrong_types", "shape": "data_list"}),
    ("GET /device/device_info", {"kind": "delay", "seconds": 8}),
    ("GET /device/device_info", {"kind": "not_json"}),
    ("GET /device/printer_status", {"kind": "code", "code": 500}),
)
ENDINGS: tuple[dict[str, Any], ...] = (
    {"code": 503, "prints": "none"},
    {"code": 502, "prints": "none"},
    {"code": 500, "prints": 1},
    {"code": 503, "state": "FAILURE", "prints": "none"},
)


@dataclass
class _Cloud:
    """The simulator's admin interface."""

    hass: HomeAssistant
    url: str

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        session = async_get_clientsession(self.hass)
        async with session.request(method, f"{self.url}{path}", json=body) as response:
            answer = await response.json()
            if response.status >= 400:
                raise RuntimeError(f"{path}: {answer}")
            return answer


async def async_start(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Start one of the scenes below; its result, or its error, is written to a file."""
    scenes: dict[str, Callable[[HomeAssistant, dict[str, Any]], Awaitable[Any]]] = {
        "idle": _idle,
        "day": _day,
    }

    async def run() -> None:
        began, began_cpu = time.perf_counter(), time.process_time()
        try:
            with moving(hass) as leader:
                result = await scenes[msg["scene"]](hass, msg)
            result["jumps"] = leader.jumps
        except Exception:  # noqa: BLE001  # the bench's other process reports it
            result = {"error": traceback.format_exc()}
        result["seconds"] = time.perf_counter() - began
        result["cpu"] = time.process_time() - began_cpu
        await hass.async_add_executor_job(_write, Path(msg["result"]), result)

    hass.async_create_background_task(run(), "bench scene")
    return {}


def _write(path: Path, result: Any) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(result), encoding="utf-8")
    part.rename(path)


# An hour without jobs


async def _idle(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Let an hour without prints pass; returns the requests to the cloud, the state changes and the changed files.

    Before that hour, the box `push` has proved that its push messages can be trusted. For the box `naive`, a loop of
    the bench requests everything each minute.
    """
    cloud = _Cloud(hass, msg["admin"])
    push: dict[str, Any] = msg["push"]
    for plugged in (False, True):
        # The cloud reports each of the two changes by a push message.
        await asyncio.sleep(400)
        await cloud.ask("POST", f"boxes/{push['device_id']}/printers/2", {"plugged": plugged})
    await asyncio.sleep(HOUR)
    registry = er.async_get(hass)
    entities = {
        entity.entity_id
        for entry in hass.config_entries.async_loaded_entries("lianke")
        for entity in er.async_entries_for_config_entry(registry, entry.entry_id)
    }
    written: Counter[str] = Counter()

    @callback
    def is_ours(data: Mapping[str, Any]) -> bool:
        return data["entity_id"] in entities

    @callback
    def on_state(event: Event[Any]) -> None:
        written[event.data["entity_id"]] += 1

    unsubscribe = hass.bus.async_listen(EVENT_STATE_CHANGED, on_state, event_filter=is_ours)
    files = await hass.async_add_executor_job(_files, hass)
    await cloud.ask("DELETE", "requests")
    naive = asyncio.create_task(_ask_everything(hass, msg["naive"], msg["server"]))
    await asyncio.sleep(HOUR)
    naive.cancel()
    requests = await cloud.ask("GET", "requests")
    changed = await hass.async_add_executor_job(_files, hass)
    unsubscribe()
    counts: dict[str, Counter[str]] = {}
    for request in requests:
        counts.setdefault(request["device_id"], Counter())[request["path"]] += 1
    return {
        "requests": counts,
        "states": dict(written),
        "files": sorted(path for path, stamp in changed.items() if files.get(path) != stamp),
    }


async def _ask_everything(hass: HomeAssistant, box: dict[str, Any], server: str) -> None:
    """Request, once a minute, a box, its printers, and the condition of each printer that reports its condition."""
    session = async_get_clientsession(hass)
    who = {"deviceId": box["device_id"], "deviceKey": box["device_key"]}

    async def ask(path: str, **more: str) -> Any:
        async with session.get(
            f"{server}{path}", params={**who, **more}, headers={"ApiKey": box["api_key"]}
        ) as response:
            return await response.json()

    while True:
        began = hass.loop.time()
        await ask("/device/device_info")
        rows = (await ask("/external_api/printer_list", printerType="3"))["data"]["row"]
        for row in rows:
            if row["support_status"]:
                await ask("/device/printer_status", usbPort=str(row["port"]))
        await asyncio.sleep(60 - (hass.loop.time() - began))


def _files(hass: HomeAssistant) -> dict[str, tuple[int, int]]:
    """Map the path of each file of the integration to its size and modification time."""
    storage = Path(hass.config.path(".storage")).glob("lianke.*")
    kept = Path(hass.config.cache_path("lianke")).rglob("*")
    found = {}
    for path in (*storage, *kept):
        status = path.stat()
        found[str(path)] = (status.st_size, status.st_mtime_ns)
    return found


def _disk(hass: HomeAssistant) -> tuple[int, int]:
    """Return the integration's bytes on disk and the number of its files.

    The files are counted without a list of them, which would be most of the memory that is measured at the same time.
    """
    size = count = 0
    storage = Path(hass.config.path(".storage")).glob("lianke.*")
    for path in chain(storage, Path(hass.config.cache_path("lianke")).rglob("*")):
        size += path.stat().st_size
        count += 1
    return size, count


# A day of work


@dataclass
class _Day:
    hass: HomeAssistant
    cloud: _Cloud
    random: Random
    boxes: list[dict[str, Any]]
    entries: list[ConfigEntry]
    # Seconds since 1970 by the clock that jumps.
    began: float
    jobs: dict[str, str] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    samples: list[dict[str, float]] = field(default_factory=list)
    troubles: int = 0

    async def work(self, documents: list[str]) -> None:
        """Print the documents, each once, spread over the day."""
        moments = sorted(self.random.uniform(60, LAST_JOB) for _ in documents)
        began = self.hass.loop.time()
        for number, (moment, document) in enumerate(zip(moments, documents, strict=True)):
            await asyncio.sleep(began + moment - self.hass.loop.time())
            entry = self.entries[number % len(self.entries)]
            self.hass.async_create_background_task(self._print(entry, document), "bench print")

    async def _print(self, entry: ConfigEntry, document: str) -> None:
        device_id = self.random.choice(list(printers_of(self.hass, entry.entry_id).values()))
        try:
            ids = await async_print(self.hass, device_id, {"file": document})
        except HomeAssistantError as err:
            self.refused[err.translation_key or str(err)] += 1
            return
        self.jobs[ids[0]] = Path(document).name

    async def trouble(self) -> None:
        """Cause some trouble every minute or two."""
        until = self.hass.loop.time() + LAST_TROUBLE
        while self.hass.loop.time() < until:
            await asyncio.sleep(self.random.uniform(40, 120))
            self.troubles += 1
            if self.troubles % 50 == 0:
                await self.cloud.ask("DELETE", "faults")
            box = self.random.choice(self.boxes)
            name = f"boxes/{box['device_id']}"
            printer = f"{name}/printers/{self.random.choice(box['printers'])['id']}"
            choice = self.random.random()
            if choice < 0.7:
                endpoint, fault = self.random.choice(FAULTS)
                fault = {**fault, "endpoint": endpoint, "box": box["device_id"]}
                await self.cloud.ask("POST", "faults", fault)
            elif choice < 0.8:
                ending = self.random.choice(ENDINGS)
                await self.cloud.ask("POST", f"{printer}/outcomes", {"outcomes": [ending]})
            elif choice < 0.85:
                self._for_a_while(name, {"online": False}, {"online": True})
            elif choice < 0.92:
                self._for_a_while(printer, {"on": False}, {"on": True})
            else:
                self._for_a_while(printer, {"paper": 0}, {"paper": None})
        await self.cloud.ask("DELETE", "faults")

    def _for_a_while(self, path: str, bad: dict[str, Any], good: dict[str, Any]) -> None:
        async def run() -> None:
            await self.cloud.ask("POST", path, bad)
            await asyncio.sleep(self.random.uniform(60, 1800))
            await self.cloud.ask("POST", path, good)

        self.hass.async_create_background_task(run(), "bench trouble")

    async def sample_at(self, hour: float) -> None:
        """Wait for this hour, then record the use of memory and disk."""
        await asyncio.sleep(hour * HOUR)
        await self.take_sample()

    async def take_sample(self) -> None:
        """Record the use of memory and disk. The hour is read first: the clock goes on while files are read."""
        hour = (time.time() - self.began) / HOUR
        gc.collect()
        self.hass.data[DATA_STALLS].forgive()
        memory, blocks = _memory(), sys.getallocatedblocks()
        size, count = await self.hass.async_add_executor_job(_disk, self.hass)
        self.samples.append(
            {
                "hour": hour,
                "memory": memory,
                "blocks": blocks,
                "disk": size / 1e6,
                "files": count,
            }
        )

    def open_jobs(self) -> int:
        """Count the jobs that have not ended yet."""
        return sum(
            not job.is_final for entry in self.entries for job in entry.runtime_data.queue.jobs()
        )


def _memory() -> float:
    """Return the memory that belongs to this process alone, in MB."""
    lines = Path("/proc/self/smaps_rollup").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty:")) / 1024


async def _day(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Let a fleet print for a day, while things go wrong."""
    added = await async_add(hass, {"entries": msg["entries"]})
    entries = [
        hass.config_entries.async_get_known_entry(entry_id) for entry_id in added["entry_ids"]
    ]
    cloud = _Cloud(hass, msg["admin"])
    for entry in entries:
        await _fill_book(hass, entry)
    # Every box is polled once before the day begins. This takes minutes, because boxes with the same key take turns.
    await asyncio.sleep(1200)
    await cloud.ask("DELETE", "requests")
    hass.data[DATA_STALLS].reset()
    day = _Day(hass, cloud, Random(24), msg["boxes"], entries, began=time.time())
    tasks = [
        hass.async_create_background_task(work, "bench day")
        for work in (day.work(msg["documents"]), day.trouble(), day.sample_at(msg["settled"]))
    ]
    await asyncio.sleep(msg["hours"] * HOUR)
    stalls = hass.data[DATA_STALLS].found
    overview = await cloud.ask("GET", "")
    for task in tasks:
        task.cancel()
    await day.take_sample()
    jobs = {job.job_id: job for entry in entries for job in entry.runtime_data.queue.jobs()}
    return {
        "stalls": stalls,
        "requests": overview["requests"],
        "banned": overview["banned"],
        "violations": overview["violations"],
        "errors": overview["errors"],
        "printed": await cloud.ask("GET", "printed"),
        "refused": day.refused,
        "troubles": day.troubles,
        "samples": day.samples,
        "open": day.open_jobs(),
        "jobs": {
            name: {
                "state": jobs[job_id].state.value if job_id in jobs else "lost",
                "partly": job_id in jobs and jobs[job_id].partly_printed,
            }
            for job_id, name in day.jobs.items()
        },
        "pages": sum(
            known.pages_printed
            for entry in entries
            for known in entry.runtime_data.storage.printers.values()
        ),
    }


async def _fill_book(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Give a box the maximum number of finished jobs that is kept, as if it had printed for weeks."""
    from custom_components.lianke.devices import Target  # already loaded
    from custom_components.lianke.jobs.box_jobs import JOB_KIND
    from custom_components.lianke.jobs.job import Job
    from custom_components.lianke.jobs.migration import _as_version_3, _Found
    from custom_components.lianke.jobs.opening import async_get_ledger
    from custom_components.lianke.ledger import Table, View
    from custom_components.lianke.printing.builder import async_resolve_options

    printers = list(entry.runtime_data.coordinator.data.printers.values())
    options = {
        view.key: (await async_resolve_options(Target("", entry, view.key), {})).as_dict()
        for view in printers
    }
    await hass.config_entries.async_unload(entry.entry_id)
    table = Table(JOB_KIND, entry.entry_id)

    def write(view: View) -> None:
        for number in range(EARLIER_JOBS):
            moment = dt_util.utcnow() - timedelta(hours=2 * (EARLIER_JOBS - number))
            printer = printers[number % len(printers)]
            job_id, at = ulid_at_time(moment.timestamp()), moment.isoformat()
            # The record has the form of version 0.1.0, which all later versions can read; it is stored in today's form.
            # It is as long as the records of the day's jobs, which replace it later.
            record = {
                "version": 1,
                "job_id": job_id,
                "printer_key": printer.key,
                "printer_name": printer.name,
                "title": f"doc-{number:05}.pdf",
                "state": "completed",
                "created_at": at,
                "changed_at": at,
                "expires_at": at,
                "document_name": f"doc-{number:05}.pdf",
                "content_type": "application/pdf",
                "size": 900,
                "digest": "",
                "token": secrets.token_urlsafe(24),
                "document_pages": 1,
                "pages": 1,
                "copies": 1,
                "options": options[printer.key],
                "requested": {},
                "ticket": None,
                "request_id": None,
                "replace_key": None,
                "retry_of": None,
                "hold": True,
                "ignore_quiet_hours": False,
                "hold_reason": None,
                "asker": {"context_id": job_id, "user_id": None, "parent_id": None},
                "has_document": False,
                "handed_over_at": at,
                "task_id": str(uuid4()),
                "task_known_at": at,
                "cancel_requested": False,
                "expiring": False,
                "reason": None,
                "code": None,
                "detail": "",
                "partly_printed": False,
                "pages_printed": 1,
                "finished_at": at,
                "sent_bytes": 900,
            }
            job = Job.from_record(_as_version_3(record, _Found(entry.entry_id)))
            view.put(table, job_id, job)

    await (await async_get_ledger(hass)).commit(write)
    await hass.config_entries.async_setup(entry.entry_id)
