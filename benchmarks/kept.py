"""`python -m benchmarks.kept BOXES EACH ROUNDS`: start with stored jobs, many times.

Fills a ledger with the jobs of thirty days, then opens it and loads one box after the other, as a start of Home
Assistant does. Prints JSON for each round: the seconds until all boxes know their jobs; the processor time that this
takes, and how much of that time is the event loop's; the processor time for reading the skipped jobs after the start;
and the seconds of a start that skips no jobs.
"""

import asyncio
from datetime import timedelta
import gc
import json
from pathlib import Path
import secrets
import sys
import tempfile
import time
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_at_time

from custom_components.lianke.api.capabilities import standard_paper
from custom_components.lianke.api.options import ResolvedOptions
from custom_components.lianke.coordinator import LiankeCoordinator
from custom_components.lianke.documents.document import Document
from custom_components.lianke.jobs.box_jobs import JOB_KIND, BoxJobs
from custom_components.lianke.jobs.files import jobs_path, ledger_path
from custom_components.lianke.jobs.job import Asker, Delivery, Job, JobSpec, JobState
from custom_components.lianke.ledger import Ledger, Table, View

from .figures import Figure, middle

DAYS = 30
# Maximum milliseconds until all boxes know their jobs.
GOAL = 300


async def measure(*, boxes: int, each: int, rounds: int) -> Figure:
    """Measure, in a separate process, a start with `each` stored jobs per box."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.kept", str(boxes), str(each), str(rounds)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    found = json.loads(output)
    # The least time of each kind counts, because other work of the machine only makes a time longer.
    least = {name: min(one[name] for one in found) * 1e3 for name in found[0]}
    usual = middle([one["wall"] for one in found]) * 1e3
    return Figure(
        name="start_jobs",
        value=least["wall"],
        unit="ms",
        baseline=least["all"],
        goal=GOAL,
        note=f"{boxes * each:,} jobs of {boxes} boxes; the least of {rounds}, {usual:.0f} ms in the middle; "
        f"{least['cpu']:.0f} ms of processor, {least['loop']:.0f} ms of them the event loop's; "
        f"then {least['rest']:.0f} ms of processor beside it",
    )


def made(number: int, each: int) -> Job:
    """Make a job that was printed within the last thirty days."""
    at = dt_util.utcnow() - timedelta(days=DAYS) / each * (each - number)
    job_id, title = ulid_at_time(at.timestamp()), f"Document {number}.pdf"
    delivery = Delivery(
        document=Document(
            path=Path("document.pdf"),
            name=title,
            content_type="application/pdf",
            extension=".pdf",
            size=200_000,
            pages=2,
            title=title,
            digest=secrets.token_hex(32),
        ),
        options=ResolvedOptions(paper_id=9, paper=standard_paper("A4"), color=1, scale="fit"),
        state=JobState.COMPLETED,
        handed_over_at=at,
        task_id=str(uuid4()),
        task_known_at=at,
        sent_bytes=200_000,
        ended_at=at,
    )
    spec = JobSpec(
        printer_key=f"printer-{number % 3}",
        title=title,
        requested={"copies": 1, "color": "mono"},
        waits_for=(),
        asker=Asker(context_id=job_id, user_id=secrets.token_hex(16)),
    )
    return Job(
        job_id=job_id,
        spec=spec,
        deliveries=(delivery,),
        printer_name="Laser",
        created_at=at,
        changed_at=at,
        expires_at=at + timedelta(hours=12),
        pages=2,
        pages_printed=2,
        has_document=False,
    )


async def _fill(hass: HomeAssistant, entries: list[ConfigEntry], each: int) -> None:
    ledger = Ledger(hass, ledger_path(hass))
    await ledger.async_open()
    for entry in entries:
        table, jobs = (
            Table(JOB_KIND, entry.entry_id),
            [made(number, each) for number in range(each)],
        )
        await ledger.async_load(table)

        def write(view: View, table: Table[Job] = table, jobs: list[Job] = jobs) -> None:
            for job in jobs:
                view.put(table, job.job_id, job)

        await ledger.commit(write)
        for job in jobs:
            (jobs_path(hass, entry.entry_id) / job.job_id).mkdir(parents=True)
    await ledger.async_close()


async def _start(hass: HomeAssistant, entries: list[ConfigEntry], *kinds: Any) -> dict[str, float]:
    """Open the ledger, which may skip records of `kinds`, and load the boxes; returns the seconds of each part."""
    gc.collect()
    began = time.perf_counter(), time.process_time(), time.thread_time()
    ledger = Ledger(hass, ledger_path(hass))
    await ledger.async_open(*kinds)
    boxes = [
        BoxJobs(cast(LiankeCoordinator, SimpleNamespace(hass=hass, config_entry=entry)), ledger)
        for entry in entries
    ]
    for box in boxes:
        await box.async_load()
    ended = time.perf_counter(), time.process_time(), time.thread_time()
    for box in boxes:
        await box.async_read_unread()
    rest = time.process_time() - ended[1]
    await ledger.async_close()
    wall, cpu, loop = (after - before for before, after in zip(began, ended, strict=True))
    return {"wall": wall, "cpu": cpu, "loop": loop, "rest": rest}


async def _main(boxes: int, each: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="lianke-bench-", dir="/var/tmp") as folder:
        hass = HomeAssistant(folder)
        entries = [
            cast(ConfigEntry, SimpleNamespace(entry_id=f"box-{number}", options={}))
            for number in range(boxes)
        ]
        await _fill(hass, entries, each)
        found = []
        for _ in range(rounds):
            everything = await _start(hass, entries)
            found.append(await _start(hass, entries, JOB_KIND) | {"all": everything["wall"]})
        await hass.async_stop(force=True)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(_main(*map(int, sys.argv[1:])))
