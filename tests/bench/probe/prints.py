"""Printing one large document, beside the bare upload of the same bytes to the same server."""

import asyncio
from pathlib import Path
import time
from typing import Any

from aiohttp import FormData
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util.file import write_utf8_file_atomic

from .jobs import async_print, printers_of

DONE = ("completed", "failed", "canceled", "expired", "unconfirmed")


async def async_once(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Print once and wait until the cloud has taken the job; return the seconds."""
    entry = hass.config_entries.async_get_entry(msg["entry_id"])
    assert entry is not None
    return {"seconds": await _print(hass, entry, msg["source"])}


async def async_rounds(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Upload a file bare, print it, and only copy it, in turn; return the seconds of each."""
    entry = hass.config_entries.async_get_entry(msg["entry_id"])
    assert entry is not None
    bare: list[float] = []
    printed: list[float] = []
    copied: list[float] = []
    copy = Path(hass.config.cache_path("lianke_bench_copy"))
    for _ in range(msg["rounds"]):
        bare.append(await _upload(hass, entry, Path(msg["path"])))
        await asyncio.sleep(0.3)
        printed.append(await _print(hass, entry, {"file": msg["path"]}))
        await asyncio.sleep(0.3)
        copied.append(await hass.async_add_executor_job(_copy, Path(msg["path"]), copy))
        await asyncio.sleep(0.3)
    return {"bare": bare, "printed": printed, "copied": copied}


def _copy(path: Path, copy: Path) -> float:
    """Copy a file and have a small one beside it on disk, twice; return the seconds.

    So a job is written down before its first byte leaves, and again before its last.
    """
    record = copy.with_suffix(".json")
    began = time.perf_counter()
    with path.open("rb") as reader, copy.open("wb") as writer:
        while chunk := reader.read(1024 * 1024):
            writer.write(chunk)
    for _ in range(2):
        write_utf8_file_atomic(str(record), "x" * 1500, private=True)
    spent = time.perf_counter() - began
    copy.unlink()
    record.unlink()
    return spent


async def _upload(hass: HomeAssistant, entry: ConfigEntry, path: Path) -> float:
    """Send a file as the simplest client would; return the seconds until it was taken."""
    view = next(iter(entry.runtime_data.coordinator.data.printers.values()))
    session = async_get_clientsession(hass)
    began = time.perf_counter()
    with await asyncio.to_thread(path.open, "rb") as file:
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
    """Print on the first printer; return the seconds until the cloud had taken the job."""
    key, device_id = next(iter(printers_of(hass, entry.entry_id).items()))
    taken = asyncio.Event()
    ended: list[float] = []
    ours: list[str] = []
    earlier = {job.job_id for job in entry.runtime_data.queue.jobs()}

    def on_change(job: Any, _old: Any) -> None:
        if job.printer_key != key or job.job_id in earlier or taken.is_set():
            return
        if job.task_id is not None:
            ended.append(time.perf_counter())
        if job.task_id is not None or job.state.value in DONE:
            taken.set()

    unsubscribe = entry.runtime_data.queue.listen(on_change)
    try:
        began = time.perf_counter()
        ours += await async_print(hass, device_id, source)
        async with asyncio.timeout(120):
            await taken.wait()
    finally:
        unsubscribe()
    job = entry.runtime_data.queue.get(ours[0])
    if job.task_id is None or not ended:
        raise RuntimeError(f"the job is {job.state}: {job.reason} {job.detail}")
    return ended[0] - began
