"""Devices of the home network print on a whole Home Assistant: through a power cut, and much at a time."""

import asyncio
from collections import Counter
import os
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout, TCPConnector
import pytest

from benchmarks.printing import Peak
from tests.documents.rasters import RGB, pack_rows, urf_header
from tests.simulator import make_pdf

from .binding import bind, entity_of, printer_device, wait_loaded, wait_written
from .cloud import SimulatorProcess
from .hass import HassError, RealHomeAssistant
from .home import PRINTER
from .lan import offer, send

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(600)]

CLIENTS = 5
JOBS_EACH = 4
PAGES = 100
# Bytes of a page, far more than it takes as a PDF, and MB that both processes may need for all.
RASTER_PAGE = 2 * 1024 * 1024
MORE_MEMORY = 40


async def seen(home: RealHomeAssistant, cloud: SimulatorProcess, state: str) -> None:
    """Have the box polled until the printer's new state is known."""

    async def now() -> str:
        try:
            device = await printer_device(home, cloud.device_id, PRINTER)
        except HassError:
            # The registry had not been written yet, and the box is just being polled.
            return "unknown"
        status = await entity_of(home, device, "sensor", "status")
        await home.call("homeassistant", "update_entity", {"entity_id": status})
        return str(((await home.state(status)) or {}).get("state"))

    assert await home.poll(now, lambda found: found == state, timeout=60) == state


def page(number: int) -> bytes:
    """Return a page of A4 with 300 dots per inch whose rows do not shrink in the raster format."""
    width, height = 2480, 3508
    noisy = [
        bytes((at * at * 31 + at * number + row * 7) % 251 for at in range(2400))
        for row in range(4)
    ]
    white = b"\xff" * (width * RGB)
    lines = RASTER_PAGE // 2450
    rows = [noisy[row % 4] + white[2400:] if row < lines else white for row in range(height)]
    return urf_header(width, height) + pack_rows(rows, RGB)


def worker_of(pid: int) -> int:
    """Return the process of PDF work of a Home Assistant."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"/pdf/__main__.py" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise AssertionError("there is no process for PDF work")


async def large_raster(home: RealHomeAssistant, cloud: SimulatorProcess, url: str) -> None:
    """Print many raster pages, which take little memory."""
    first = await asyncio.to_thread(page, 1)
    async with ClientSession(timeout=ClientTimeout(total=500)) as session:
        mark = b"UNIRAST\0" + (1).to_bytes(4)
        # What is loaded and compiled at the first one does not depend on its size.
        await send(session, url, [mark, first], "first", "Anna")
        assert home.process is not None
        peaks = [Peak(home.process.pid), Peak(worker_of(home.process.pid))]
        for peak in peaks:
            peak.begin()
        mark = b"UNIRAST\0" + PAGES.to_bytes(4)
        await send(session, url, [mark, *[first] * PAGES], "large", "Anna")
    growth = [peak.growth() for peak in peaks]
    size = len(first) * PAGES / 1024**2
    print(f"{size:.0f} MB: Home Assistant {growth[0]:.1f} MB, PDF {growth[1]:.1f} MB")  # noqa: T201
    assert size >= 200
    assert sum(growth) <= MORE_MEMORY, growth
    printed = await home.poll(
        lambda: cloud.get("printed"), lambda found: len(found) == 2, timeout=120
    )
    assert printed is not None
    assert [(one["name"], one["pages"]) for one in printed] == [
        ("first.pdf", 1),
        ("large.pdf", PAGES),
    ]


async def test_each_job_of_five_devices_comes_out_once(tmp_path: Path) -> None:
    """The printer is off, Home Assistant is killed and started again, the printer is switched on.

    Before that, one prints much at a time; only root can measure another process's peak.
    """
    home = RealHomeAssistant(tmp_path / "config")
    names = [f"{user}-{number}" for user in range(CLIENTS) for number in range(JOBS_EACH)]
    async with SimulatorProcess(tmp_path / "printed", speed=50) as cloud, home:
        entry = await bind(home, server=cloud.url, api_key=cloud.api_key, qr_text=cloud.qr_link)
        url = await offer(home, entry["entry_id"])
        if os.geteuid() == 0:
            await large_raster(home, cloud, url)
        before = len(await cloud.get("printed"))
        await cloud.change_printer(cloud.device_id, 1, on=False)
        await seen(home, cloud, "disconnected")

        async def client(user: int) -> list[int]:
            """Send a device's documents, one after the other, from an address of its own."""
            device = TCPConnector(local_addr=(f"127.0.0.{user + 2}", 0))
            async with ClientSession(connector=device, timeout=ClientTimeout(total=120)) as session:
                mine = [name for name in names if name.startswith(f"{user}-")]
                return [await send(session, url, [make_pdf(1)], name, str(user)) for name in mine]

        sent = await asyncio.gather(*(client(user) for user in range(CLIENTS)))
        assert len({number for numbers in sent for number in numbers}) == len(names)
        await wait_written(home, entry["entry_id"], "lan_printers")
        await home.kill()
        await home.start()
        await wait_loaded(home, entry["entry_id"])
        await cloud.change_printer(cloud.device_id, 1, on=True)
        await seen(home, cloud, "idle")

        async def printed() -> Counter[str]:
            found = (await cloud.get("printed"))[before:]
            return Counter(one["name"].removesuffix(".pdf") for one in found)

        await home.poll(printed, lambda found: found.total() >= len(names), timeout=300)
        # One too many would come soon after.
        await asyncio.sleep(5)
        assert await printed() == Counter(names)
        assert not home.problems("lianke"), home.problems("lianke")
