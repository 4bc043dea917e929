"""Prints of large and small documents, and, for comparison, uploads of the same bytes without the integration."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
import gc
import io
import os
from pathlib import Path
import shutil
import sqlite3
import time
from typing import Any, override

from aiohttp import FormData
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from custom_components.lianke.const import CONF_LAN_PRINTERS, LAN_PRINTER_PATH
from custom_components.lianke.ipp.codec import encode
from custom_components.lianke.ipp.model import (
    IppGroup,
    IppMessage,
    IppTag,
    IppValue,
    Operation,
    uri,
)

from .jobs import async_print, printers_of
from .stalls import DATA_STALLS

LAN_TOKEN = "bench-0123456789abcdef"
DONE = ("completed", "failed", "canceled", "expired", "unconfirmed")


async def async_once(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Print once and wait until the cloud has taken the job; returns the seconds."""
    entry = hass.config_entries.async_get_entry(msg["entry_id"])
    assert entry is not None
    return {"seconds": await _print(hass, entry, msg["source"])}


async def async_rounds(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """In turn, upload a file without the integration, print it, and upload it safely; returns the seconds of each."""
    entry = hass.config_entries.async_get_entry(msg["entry_id"])
    assert entry is not None
    path = Path(msg["path"])
    bare: list[float] = []
    printed: list[float] = []
    safe: list[float] = []
    for _ in range(msg["rounds"]):
        bare.append(await _upload(hass, entry, path))
        await asyncio.sleep(0.3)
        printed.append(await _print(hass, entry, {"file": msg["path"]}))
        await asyncio.sleep(0.3)
        safe.append(await _upload_safely(hass, entry, path))
        await asyncio.sleep(0.3)
    return {"bare": bare, "printed": printed, "safe": safe}


async def _upload_safely(hass: HomeAssistant, entry: ConfigEntry, path: Path) -> float:
    """Send a file without the integration, but with the precautions needed to survive a power cut; returns the seconds.

    The file may be changed or deleted, so a copy is sent. Paper may come out once the last byte is sent. Before that,
    the copy must be on disk (it is flushed during the upload), and so must one row about the job.
    """
    copy = Path(hass.config.cache_path("lianke_bench_copy"))
    ledger = await hass.async_add_executor_job(_open_ledger, copy.with_suffix(".db"))
    began = time.perf_counter()
    await hass.async_add_executor_job(shutil.copyfile, path, copy)
    flushed = asyncio.run_coroutine_threadsafe(
        _as_coroutine(hass.async_add_executor_job(_flush, copy)), hass.loop
    )

    def before_last() -> None:
        flushed.result()
        _write_row(ledger)

    await _upload(hass, entry, copy, before_last)
    spent = time.perf_counter() - began
    await hass.async_add_executor_job(_remove, ledger, copy)
    return spent


class _Watched(io.BufferedReader):
    """A file that calls `before_last` before it returns its last bytes, in the thread that reads them."""

    def __init__(self, path: Path, before_last: Callable[[], None]) -> None:
        super().__init__(io.FileIO(path))
        self._size, self._before_last = path.stat().st_size, before_last

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        if found and self.tell() == self._size:
            self._before_last()
        return found


async def _as_coroutine(future: asyncio.Future[None]) -> None:
    await future


def _open_ledger(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
        db.execute(f"PRAGMA {pragma}").fetchall()
    db.execute("CREATE TABLE record(id TEXT PRIMARY KEY, record TEXT)")
    return db


def _write_row(db: sqlite3.Connection) -> None:
    db.execute("BEGIN EXCLUSIVE")
    db.execute("INSERT INTO record VALUES('job', ?)", ("x" * 2400,))
    db.execute("COMMIT")


def _remove(db: sqlite3.Connection, copy: Path) -> None:
    db.close()
    for path in (copy, copy.with_suffix(".db")):
        path.unlink()


def _flush(copy: Path) -> None:
    with copy.open("rb") as reader:
        os.fsync(reader.fileno())


async def _upload(
    hass: HomeAssistant,
    entry: ConfigEntry,
    path: Path,
    before_last: Callable[[], None] = lambda: None,
) -> float:
    """Send a file as the simplest client would; returns the seconds until it was accepted."""
    view = next(iter(entry.runtime_data.coordinator.data.printers.values()))
    session = async_get_clientsession(hass)
    began = time.perf_counter()
    with await asyncio.to_thread(_Watched, path, before_last) as file:
        form = FormData()
        form.add_field("deviceId", entry.data["device_id"])
        form.add_field("deviceKey", entry.data["device_key"])
        form.add_field("devicePort", str(view.printer.port))
        form.add_field("printerModel", view.printer.model)
        form.add_field("dmPaperSize", "9")
        form.add_field("jobFile", file, filename=path.name, content_type="application/pdf")
        async with session.post(
            f"{entry.data['server']}/print/job",
            data=form,
            headers={"ApiKey": entry.data["api_key"]},
        ) as response:
            answer = await response.json()
    spent = time.perf_counter() - began
    if int(answer["code"]) != 200:
        raise RuntimeError(str(answer))
    return spent


async def _print(hass: HomeAssistant, entry: ConfigEntry, source: dict[str, Any]) -> float:
    """Print on the first printer; returns the seconds until the cloud has taken the job."""
    key, device_id = next(iter(printers_of(hass, entry.entry_id).items()))

    async def start() -> float:
        began = time.perf_counter()
        await async_print(hass, device_id, source)
        return began

    return await _until_taken(entry, key, start)


async def _until_taken(
    entry: ConfigEntry, key: str, start: Callable[[], Awaitable[float]]
) -> float:
    """Return the seconds from the time that `start` returns until the cloud has taken the job made by `start`."""
    taken = asyncio.Event()
    ended: list[float] = []
    queue = entry.runtime_data.queue
    earlier = {job.job_id for job in queue.jobs()}

    def on_change(job: Any, _old: Any) -> None:
        if job.spec.printer_key != key or job.job_id in earlier or taken.is_set():
            return
        if job.current_delivery.task_id is not None:
            ended.append(time.perf_counter())
        if job.current_delivery.task_id is not None or job.state.value in DONE:
            taken.set()

    unsubscribe = queue.listen(on_change)
    try:
        began = await start()
        async with asyncio.timeout(120):
            await taken.wait()
    finally:
        unsubscribe()
    (job,) = (job for job in queue.jobs() if job.job_id not in earlier)
    if job.current_delivery.task_id is None or not ended:
        raise RuntimeError(f"the job is {job.state}: {job.reason} {job.current_delivery.detail}")
    return ended[0] - began


async def async_small(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Upload flushed copies of files without the integration, then print the files; returns the times of both in s.

    The times are wall time and processor time. Both ways handle one file after the other. Printing ends once the cloud
    has taken all jobs.
    """
    entry = hass.config_entries.async_get_known_entry(msg["entry_id"])
    _, device_id = next(iter(printers_of(hass, entry.entry_id).items()))
    paths = [Path(path) for path in msg["paths"]]
    copy = Path(hass.config.cache_path("lianke_bench_small.pdf"))

    async def print_all() -> None:
        queue = entry.runtime_data.queue
        taken: set[str] = set()
        changed = asyncio.Event()

        def on_change(job: Any, _old: Any) -> None:
            if job.current_delivery.task_id is not None:
                taken.add(job.job_id)
                changed.set()

        unsubscribe = queue.listen(on_change)
        made: set[str] = set()
        for path in paths:
            made.update(await async_print(hass, device_id, {"file": str(path)}))
        async with asyncio.timeout(120):
            while made - taken:
                changed.clear()
                await changed.wait()
        unsubscribe()

    async def upload_all() -> None:
        for path in paths:
            await hass.async_add_executor_job(_copy_and_flush, path, copy)
            await _upload(hass, entry, copy)
            await hass.async_add_executor_job(copy.unlink)

    spent: dict[str, list[float]] = {}
    for name, run in (("bare", upload_all), ("printed", print_all)):
        gc.collect()
        with hass.data[DATA_STALLS].away():
            began, began_cpu = time.perf_counter(), time.process_time()
            await run()
            spent[name] = [time.perf_counter() - began, time.process_time() - began_cpu]
    return spent


def _copy_and_flush(path: Path, copy: Path) -> None:
    with path.open("rb") as reader, copy.open("wb") as writer:
        shutil.copyfileobj(reader, writer)
        writer.flush()
        os.fsync(writer.fileno())


def print_job(title: str) -> bytes:
    """Build the beginning of a Print-Job request; the document follows it."""
    attributes = {
        "attributes-charset": (IppValue(IppTag.CHARSET, "utf-8"),),
        "attributes-natural-language": (IppValue(IppTag.LANGUAGE, "en"),),
        "printer-uri": uri("ipp://127.0.0.1/"),
        "job-name": (IppValue(IppTag.NAME, title),),
    }
    group = IppGroup(tag=IppTag.OPERATION, attributes=attributes)
    return encode(IppMessage(code=Operation.PRINT_JOB, request_id=1, groups=(group,)))


def offer_to_phones(hass: HomeAssistant, entry_id: str) -> str:
    """Offer the first printer of a box to the home network; returns the printer's key."""
    entry = hass.config_entries.async_get_known_entry(entry_id)
    key = next(iter(printers_of(hass, entry_id)))
    options = {**entry.options, CONF_LAN_PRINTERS: {key: LAN_TOKEN}}
    hass.config_entries.async_update_entry(entry, options=options)
    return key


def lan_address(hass: HomeAssistant) -> str:
    assert hass.config.api is not None
    return f"http://127.0.0.1:{hass.config.api.port}{LAN_PRINTER_PATH}/{LAN_TOKEN}"


async def async_lan_rounds(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Print a file by the action and from a device of the home network, in turn; returns the seconds of each print.

    Prints from the device are timed from the last byte that the device sends.
    """
    entry = hass.config_entries.async_get_entry(msg["entry_id"])
    assert entry is not None
    key = offer_to_phones(hass, entry.entry_id)
    printed: list[float] = []
    sent: list[float] = []
    for _ in range(msg["rounds"]):
        printed.append(await _print(hass, entry, {"file": msg["path"]}))
        await asyncio.sleep(0.3)
        sent.append(await _until_taken(entry, key, partial(_send, hass, Path(msg["path"]))))
        await asyncio.sleep(0.3)
    return {"printed": printed, "sent": sent}


async def _send(hass: HomeAssistant, path: Path) -> float:
    """Send a file to the printer offered on the home network; returns the time at which the last byte was sent."""
    last: list[float] = []

    async def body() -> AsyncIterator[bytes]:
        yield print_job(path.name)
        file = await asyncio.to_thread(path.open, "rb")
        try:
            while part := await asyncio.to_thread(file.read, 64 * 1024):
                yield part
        finally:
            file.close()
        last.append(time.perf_counter())

    session = async_get_clientsession(hass)
    headers = {"Content-Type": "application/ipp"}
    async with session.post(lan_address(hass), data=body(), headers=headers) as answer:
        status = int.from_bytes((await answer.read())[2:4])
    if status:
        raise RuntimeError(f"the document was refused: {status:#06x}")
    return last[0]
