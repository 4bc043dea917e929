"""Printing large and small documents: how much longer it takes than an upload alone, and how much memory it needs."""

import asyncio
import os
from pathlib import Path
import sys
from typing import Any

from tests.simulator.samples import make_pdf

from .figures import Figure, middle
from .house import House

KB = 1024
MB = 1024 * KB
# Bytes of a small document.
SMALL = 200 * KB
# Maximum milliseconds of processor time for a small job.
SMALL_CPU = 8
# Bytes of memory to warm up: more than all copies made during one measurement.
WARM = 3000 * MB


def write_pdf(path: Path, size: int) -> None:
    """Write a PDF of one page with an attachment of random bytes of this size."""
    small = make_pdf(1)
    body, _, rest = small.partition(b"xref\n")
    head = f"999 0 obj\n<< /Length {size} >>\nstream\n".encode()
    with path.open("wb") as file:
        file.write(body + head)
        noise = os.urandom(min(size, MB))
        for _ in range(size // len(noise)):
            file.write(noise)
        file.write(b"\nendstream\nendobj\n")
        start = file.tell()
        table = rest.replace(f"startxref\n{len(body)}\n".encode(), f"startxref\n{start}\n".encode())
        file.write(b"xref\n" + table)


class Peak:
    """The peak memory use of a process since begin(), as the kernel measures it."""

    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")
        self._before = 0

    def begin(self) -> None:
        """Reset the peak to the present memory use."""
        (self._proc / "clear_refs").write_text("5")
        self._before = self._read("VmRSS")

    def growth(self) -> float:
        """Return by how many MB the peak exceeds the memory use at begin()."""
        return (self._read("VmHWM") - self._before) / 1024

    def _read(self, name: str) -> int:
        lines = (self._proc / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


async def warm_memory() -> None:
    """Use some memory and free it, because a virtual machine's first use of memory takes several times as long.

    Without this, chance would decide whether the baseline or the integration is the first to use the memory.
    """
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    size = min(WARM, available // 4)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", f"b'x' * {size}")
    await process.wait()


async def measure_overhead(house: House, entry_id: str, *, rounds: int) -> Figure:
    """Time printing 20 MB until the cloud has the job; the baseline is the fastest safe upload (`_upload_safely`)."""
    path = house.hass.documents / "large.pdf"
    await asyncio.to_thread(write_pdf, path, 20 * MB)
    await warm_memory()
    await house.run("print_rounds", entry_id=entry_id, path=str(path), rounds=1)
    await house.stalls()
    found = await house.run("print_rounds", entry_id=entry_id, path=str(path), rounds=rounds)
    await house.stalls("print_overhead")
    path.unlink()
    return Figure.times(
        "print_overhead",
        middle(found["printed"]) * 1e3,
        "ms",
        middle(found["safe"]) * 1e3,
        1.15,
        f"{middle(found['bare']) * 1e3:.0f} ms for a bare upload, which a power cut prints twice or not at all",
    )


async def measure_lan(house: House, entry_id: str, *, rounds: int) -> Figure:
    """Time printing 20 MB from a device of the home network, from the device's last byte on.

    The baseline is printing by the action.
    """
    path = house.hass.documents / "lan.pdf"
    await asyncio.to_thread(write_pdf, path, 20 * MB)
    await house.run("lan_rounds", entry_id=entry_id, path=str(path), rounds=1)
    await house.stalls()
    found = await house.run("lan_rounds", entry_id=entry_id, path=str(path), rounds=rounds)
    await house.stalls("lan_overhead")
    path.unlink()
    return Figure.times(
        "lan_overhead", middle(found["sent"]) * 1e3, "ms", middle(found["printed"]) * 1e3, 1.2
    )


async def measure_small(house: House, *, jobs: int, rounds: int) -> list[Figure]:
    """Time printing many small files until the cloud has them; the baseline only flushes and uploads a copy of each.

    Each round has its own box with a slow printer, so that no job ends during the round. Each round also has its own
    account, because the number of jobs per minute is limited for each account. The first round does not count: it
    imports modules and starts processes.
    """
    paths = [house.hass.documents / f"small-{number}.pdf" for number in range(jobs)]
    for path in paths:
        await asyncio.to_thread(write_pdf, path, SMALL)
    wall: dict[str, list[float]] = {"bare": [], "printed": []}
    cpu: dict[str, list[float]] = {"bare": [], "printed": []}
    for number in range(rounds + 1):
        account = {"name": f"small {number}"}
        await house.cloud.post("accounts", account)
        (made,) = await house.cloud.post("boxes", {"account": account["name"], "printers": 1})
        box = next(one for one in await house.boxes() if one["device_id"] == made["device_id"])
        for printer in box["printers"]:
            await house.cloud.change_printer(
                box["device_id"], printer["id"], seconds_per_page=1_000_000.0
            )
        entry_ids = await house.add_boxes([box])
        found = await house.run(
            "small_jobs", entry_id=entry_ids[0], paths=[str(path) for path in paths]
        )
        await house.run("remove_entries", entry_ids=entry_ids)
        if number:
            for name, (seconds, processor) in found.items():
                wall[name].append(seconds / jobs * 1e3)
                cpu[name].append(processor / jobs * 1e3)
    for path in paths:
        path.unlink()
    what = f"a file of {SMALL // KB} kB, one of {jobs}"
    return [
        Figure.times("small_jobs", middle(wall["printed"]), "ms", middle(wall["bare"]), 2.2, what),
        Figure(
            name="small_jobs_cpu",
            # Other work of the machine only makes the time longer, so the least time counts.
            value=min(cpu["printed"]),
            unit="ms",
            baseline=min(cpu["bare"]),
            goal=SMALL_CPU,
            note=f"processor time {what}",
        ),
    ]


async def measure_memory(house: House, entry_id: str) -> list[Figure]:
    """Measure the memory for printing 200 MB from a path and 95 MB from an upload."""
    await house.cloud.post("settings", {"job_limit": 400 * MB})
    small = house.hass.documents / "first.pdf"
    await asyncio.to_thread(small.write_bytes, make_pdf(1))
    # The first print imports modules; the memory for these does not depend on the document's size.
    await _print(house, entry_id, {"file": str(small)})
    file_id = await house.hass.upload(small)
    await _print(house, entry_id, {"upload": file_id})
    peak = Peak(house.pid)
    path = house.hass.documents / "huge.pdf"
    figures = []
    await asyncio.to_thread(write_pdf, path, 200 * MB)
    await house.stalls()
    peak.begin()
    await _print(house, entry_id, {"file": str(path)})
    figures.append(_figure("print_memory_path", peak, "200 MB"))
    await asyncio.to_thread(write_pdf, path, 95 * MB)
    peak.begin()
    file_id = await house.hass.upload(path)
    taken = peak.growth()
    peak.begin()
    await _print(house, entry_id, {"upload": file_id})
    figures.append(_figure("print_memory_upload", peak, f"95 MB; {taken:.1f} MB while uploaded"))
    await house.stalls("print_memory")
    path.unlink()
    return figures


async def _print(house: House, entry_id: str, source: dict[str, Any]) -> None:
    await house.run("print_once", timeout=120, entry_id=entry_id, source=source)


def _figure(name: str, peak: Peak, note: str) -> Figure:
    return Figure(name=name, value=peak.growth(), unit="MB", baseline=None, goal=16, note=note)
