"""Programs of others scan through the box: SANE's AirScan, as Linux desktops do, and a client of another make."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
import os
from pathlib import Path
import shutil
import signal
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image
import pytest

from custom_components.lianke.lan.scanner import network_scanner
from custom_components.lianke.scanner.scan_rules import (
    CURRENT_SECONDS,
    MAX_LAN_STARTS,
    MAX_LAN_STARTS_A_DEVICE,
)
from tests.clock import real_time, until
from tests.lan.scanner.conftest import (
    Device,
    LanScanner,
    check_pdf,
    dpi,
    freed,
    settings,
    wanted,
)
from tests.scanned import ALIKE, difference, part

DEVICE = "airscan:e0:Lianke"
# SANE's words, and what the simulated scanner calls the same.
MODES = {"Color": "RGB24", "Gray": "Grayscale8"}

pytestmark = [
    pytest.mark.skipif(
        not shutil.which("airscan-discover") or not shutil.which("scanimage"),
        reason="no sane-airscan",
    ),
    pytest.mark.long,
    pytest.mark.timeout(300),
]


@dataclass
class Sane:
    """SANE with a configuration of its own, in which this scanner is the only one."""

    lan: LanScanner
    folder: Path

    async def start(self, *command: str) -> asyncio.subprocess.Process:
        """Start a program of SANE."""
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            env={**os.environ, "SANE_CONFIG_DIR": str(self.folder), "LC_ALL": "C.UTF-8"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def run(self, *command: str) -> tuple[int | None, str]:
        process = await self.start(*command)
        out, _ = await process.communicate()
        return process.returncode, out.decode("utf-8", "replace")

    async def scan(self, name: str, *options: str) -> Image.Image:
        path = self.folder / name
        code, said = await self.run(
            *("scanimage", "-d", DEVICE, "--format=pnm", "-o", str(path)), *options
        )
        assert code == 0, said
        with Image.open(path) as picture:
            picture.load()
            return picture


@pytest.fixture
async def sane(lan: LanScanner, tmp_path: Path) -> AsyncGenerator[Sane]:
    folder = tmp_path / "sane"
    folder.mkdir()
    (folder / "dll.conf").write_text("airscan\n")
    (folder / "airscan.conf").write_text(
        f'[devices]\n"Lianke" = {lan.url}, eSCL\n[options]\ndiscovery = disable\nws-discovery = off\n'
    )
    yield Sane(lan, folder)
    await freed(lan)


async def test_it_is_listed(sane: Sane) -> None:
    """With its resolutions, modes, sources and size. Black and white is nothing that this program asks for."""
    _, said = await sane.run("scanimage", "-L")
    assert DEVICE in said
    _, said = await sane.run("scanimage", "-d", DEVICE, "-A")
    for option in (
        "--resolution 75|100|150|200|300|400|600dpi",
        "--mode Color|Gray",
        "--source Flatbed|ADF|ADF Duplex",
        "-x 0..209.",
        "-y 0..296.",
    ):
        assert option in said, said


@pytest.mark.parametrize(("mode", "dpi"), [("Color", 300), ("Gray", 75)])
async def test_the_glass(sane: Sane, mode: str, dpi: int) -> None:
    found = await sane.scan("page.pnm", "--mode", mode, "--resolution", str(dpi))
    assert found.width == pytest.approx(210 / 25.4 * dpi, rel=0.01)
    assert found.height == pytest.approx(297 / 25.4 * dpi, rel=0.01)
    assert found.mode == ("RGB" if mode == "Color" else "L")
    assert difference(found, wanted("page on the glass", dpi, MODES[mode])) < ALIKE


async def test_a_region_of_the_glass(sane: Sane) -> None:
    box = (15, 15, 100, 60)
    options = [text for name, mm in zip("ltxy", box, strict=True) for text in (f"-{name}", str(mm))]
    found = await sane.scan("part.pnm", "--resolution", "150", *options)
    assert found.width == pytest.approx(100 / 25.4 * 150, rel=0.01)
    assert found.height == pytest.approx(60 / 25.4 * 150, rel=0.01)
    assert difference(found, part(wanted("page on the glass", 150), 150, box)) < ALIKE


@pytest.mark.parametrize("source", ["ADF", "ADF Duplex"])
async def test_a_batch_ends_by_itself(sane: Sane, source: str) -> None:
    sane.lan.printer.feeder = ["one", "two", "three"]
    code, said = await sane.run(
        *("scanimage", "-d", DEVICE, "--format=pnm", "--source", source, "--resolution", "75"),
        "--batch=page-%d.pnm",
    )
    assert code == 0, said
    sheets = ["one", "two", "three"]
    pages = (
        sheets
        if source == "ADF"
        else [f"{one} {two}" for one in sheets for two in ("front", "back")]
    )
    assert f"Batch terminated, {len(pages)} pages scanned" in said
    for number, text in enumerate(pages, start=1):
        with Image.open(sane.folder / f"page-{number}.pnm") as found:
            assert difference(found, wanted(text, 75)) < ALIKE
    assert not (sane.folder / f"page-{len(pages) + 1}.pnm").exists()


async def test_ctrl_c_leaves_the_scanner_free(sane: Sane) -> None:
    sane.lan.simulator.cloud.variants.scan_problem = "hangs"
    process = await sane.start("scanimage", "-d", DEVICE, "--format=pnm", "-o", "page.pnm")
    scans = sane.lan.simulator.cloud.scans
    await until(lambda: [one.state for one in scans.values()] == ["SENDING"])
    process.send_signal(signal.SIGINT)
    await process.communicate()
    await until(lambda: [one.state for one in scans.values()] == ["REVOKED"])
    sane.lan.simulator.cloud.variants.scan_problem = "none"
    await sane.scan("page.pnm", "--resolution", "75")


async def test_two_clients_at_once(sane: Sane) -> None:
    """Each gets its page: SANE asks again where the scanner is busy."""
    first, second = await asyncio.gather(
        sane.scan("first.pnm", "--resolution", "75"),
        sane.scan("second.pnm", "--resolution", "75"),
    )
    assert first.size == second.size
    assert len(sane.lan.printer.scanned) == 2


async def test_a_client_that_vanishes(sane: Sane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it waits for its page: whoever comes next gets the scanner after a while."""
    monkeypatch.setattr(network_scanner, "ABANDONED_SECONDS", 3)
    cloud = sane.lan.simulator.cloud
    cloud.variants.scan_problem = "hangs"
    process = await sane.start("scanimage", "-d", DEVICE, "--format=pnm", "-o", "gone.pnm")
    await until(lambda: [one.state for one in cloud.scans.values()] == ["SENDING"])
    process.kill()
    await process.communicate()
    cloud.variants.scan_problem = "none"
    await sane.scan("page.pnm", "--resolution", "75")
    assert [one.state for one in cloud.scans.values()] == ["REVOKED", "SUCCESS"]


@pytest.mark.timeout(400)
async def test_a_device_that_begins_and_cancels_for_90_seconds(
    sane: Sane, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one scans page after page meanwhile: none of its pages waits longer than SANE does."""
    monkeypatch.setattr(network_scanner, "CLIENT_TURN_SECONDS", 10)
    other, begun, pages, began = device("127.0.0.2"), 0, 0, real_time()

    async def begin_and_cancel() -> None:
        nonlocal begun
        while True:
            status, place = await other.post(settings(dpi(75)))
            if status == 201:
                begun += 1
                await other.delete(place)
            else:
                await asyncio.sleep(0.1)

    going = asyncio.create_task(begin_and_cancel())
    try:
        # On a busy machine, a page may take twice as long, so that five take more time.
        while pages < 5 or real_time() < began + 90:
            await sane.scan("page.pnm", "--resolution", "75")
            pages += 1
            # No person turns pages faster than the scanner may begin.
            await asyncio.sleep(10)
        assert not going.done()
    finally:
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
    # In each minute in which both scan, half of the scans are the other's; it may have begun more before that.
    half = (real_time() - began) // 60 * (MAX_LAN_STARTS // 2)
    assert 5 <= begun <= half + MAX_LAN_STARTS_A_DEVICE


# What is wrong, by SANE's words for a source, and what the service says of it beforehand.
WRONG = [
    ("busy", "Flatbed", "silent", "Device busy"),
    ("busy", "ADF", "words", "Device busy"),
    ("off", "Flatbed", "silent", "Device busy"),
    ("lid", "ADF", "silent", "Scanner cover is open"),
    ("lid", "ADF", "words", "Scanner cover is open"),
    ("lid", "Flatbed", "words", "Device busy"),
    ("feeder_empty", "ADF", "silent", "Document feeder out of documents"),
    ("feeder_empty", "ADF", "flags", "Document feeder out of documents"),
    ("jam", "ADF", "silent", "Document feeder jammed"),
    ("jam", "ADF", "flags", "Document feeder jammed"),
]


@pytest.mark.parametrize(("wrong", "source", "status", "says"), WRONG)
async def test_what_is_wrong_is_said(
    sane: Sane, wrong: str, source: str, status: Any, says: str
) -> None:
    """SANE has no words for a scanner that is off, nor for the cover of the glass: it says that it is busy."""
    lan, variants = sane.lan, sane.lan.simulator.cloud.variants
    variants.scanner_status = status
    await lan.hub.async_refresh()
    lan.printer.feeder = [] if wrong == "feeder_empty" else ["one", "two"]
    if wrong in ("lid", "jam"):
        if status == "silent":
            variants.scan_problem = wrong  # type: ignore[assignment]
        else:
            lan.printer.scan_trouble = wrong  # type: ignore[assignment]
    if wrong == "busy":
        lan.printer.current = object()  # type: ignore[assignment]  # whatever it prints
    if wrong == "off":
        lan.printer.on = False
    options = ("--source", source, "--resolution", "75", "--format=pnm", "--batch=page-%d.pnm")
    many = ("--batch-count=1",) if source == "Flatbed" else ()
    _, said = await sane.run("scanimage", "-d", DEVICE, *options, *many)
    assert f"sane_start: {says}" in said or f"sane_read: {says}" in said, said
    assert "Error during device I/O" not in said
    # What came before the jam is a page.
    came = wrong == "jam" and status == "silent"
    assert (sane.folder / "page-1.pnm").exists() == came
    # Somebody attends to it.
    lan.printer.current = lan.printer.scan_trouble = None
    lan.printer.on, variants.scan_problem, variants.scanner_status = True, "none", "silent"
    await asyncio.sleep(CURRENT_SECONDS)
    await lan.hub.async_refresh()


CLIENT = shutil.which("escl-scan")
CLIENT_PYTHON = CLIENT and str(Path(CLIENT).resolve().parent / "python")
# Its own search would look for scanners on the whole network.
_FIXED = """
import sys, types
from scanner import main
import scanner
url, token, *arguments = sys.argv[1:]
host, _, port = url.removeprefix("http://").partition(":")
found = types.SimpleNamespace(
    name="Lianke._uscan._tcp.local.", server=host, port=int(port),
    properties={b"rs": token.encode(), b"duplex": b"T"},
)
scanner.resolve_scanner = lambda: found
sys.argv[1:] = arguments
sys.exit(main())
"""


@pytest.mark.skipif(not CLIENT_PYTHON, reason="no escl-scan")
@pytest.mark.parametrize("source", ["flatbed", "feeder", "automatic"])
async def test_another_client(sane: Sane, source: str) -> None:
    """It asks for a PDF, says Flatbed for the glass, and looks whether its job ended well."""
    lan = sane.lan
    lan.printer.feeder = ["one", "two"]
    assert CLIENT_PYTHON is not None
    path = lan.path.removeprefix("/")
    options = ("--source", source, "--resolution", "100", "--grayscale", "--no-open", "scan.pdf")
    code, said = await sane.run(CLIENT_PYTHON, "-c", _FIXED, lan.base, path, *options)
    assert code == 0, said
    pages = ["one", "two"] if source == "feeder" else ["page on the glass"]
    check_pdf((sane.folder / "scan.pdf").read_bytes(), pages, "Grayscale8")


@pytest.fixture
async def elsewhere(lan: LanScanner) -> AsyncGenerator[str]:
    """Pass requests on from the one path that SANE's older backend knows."""

    async def pass_on(request: web.Request) -> web.Response:
        url = f"{lan.url}/{request.match_info['rest']}"
        async with lan.session.request(request.method, url, data=await request.read()) as answer:
            headers = {}
            if place := answer.headers.get("Location"):
                headers["Location"] = place.replace(lan.url, str(server.make_url("/eSCL")))
            kind = answer.content_type
            return web.Response(
                body=await answer.read(), status=answer.status, headers=headers, content_type=kind
            )

    app = web.Application()
    app.router.add_route("*", "/eSCL/{rest:.*}", pass_on)
    server = TestServer(app)
    await server.start_server()
    yield str(server.make_url("")).rstrip("/")
    await server.close()


async def test_lineart(sane: Sane, elsewhere: str) -> None:
    """By SANE's other backend, which asks for black and white."""
    dpi = 150
    (sane.folder / "dll.conf").write_text("escl\n")
    # Without this file it crashes.
    (sane.folder / "escl.conf").touch()
    options = ("--mode", "Lineart", "--resolution", str(dpi))
    path = sane.folder / "page.pnm"
    code, said = await sane.run(
        *("scanimage", "-d", f"escl:{elsewhere}", "--format=pnm", "-o", str(path)), *options
    )
    assert code == 0, said
    with Image.open(path) as found:
        assert found.width == pytest.approx(210 / 25.4 * dpi, rel=0.01)
        assert found.height == pytest.approx(297 / 25.4 * dpi, rel=0.01)
        gray = found.convert("L")
    assert sum(gray.histogram()[32:224]) < gray.width * gray.height / 100
    assert difference(gray, wanted("page on the glass", dpi, "BlackAndWhite1")) < ALIKE
