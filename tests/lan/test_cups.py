"""A real CUPS prints through a printer of the home network, as any Linux computer or Mac does."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
import os
from pathlib import Path
import shutil
import tempfile

from PIL import Image
import pypdfium2
import pytest

from custom_components.lianke.const import CONF_QUIET_FROM, CONF_QUIET_TO
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.rules import STEADY_TIME
from tests.clock import Clock, until
from tests.household import INKJET, came_out, sent
from tests.lan.conftest import LanPrinter, Offer, jobs_of
from tests.simulator import Simulator, make_pdf

CUPSD = shutil.which("cupsd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
QUEUE = "lan"
ASKED = b"] Get-Job-Attributes: successful-ok"

pytestmark = [
    pytest.mark.skipif(
        CUPSD is None or not shutil.which("lpadmin") or not shutil.which("lp"),
        reason="no CUPS",
    ),
    pytest.mark.long,
    pytest.mark.timeout(300),
]

PHOTO = """\
{
    OPERATION Print-Job
    GROUP operation-attributes-tag
    ATTR charset attributes-charset utf-8
    ATTR language attributes-natural-language en
    ATTR uri printer-uri $uri
    GROUP job-attributes-tag
    ATTR collection media-col {
        MEMBER keyword media-color white
        MEMBER collection media-size {
            MEMBER integer x-dimension 10160
            MEMBER integer y-dimension 15240
        }
        MEMBER keyword media-type photographic
    }
    FILE $filename
    STATUS successful-ok-ignored-or-substituted-attributes
}
"""
CONFIG = """\
LogLevel debug
MaxLogSize 0
Listen {socket}
Browsing Off
WebInterface No
DefaultAuthType None
ErrorPolicy abort-job
<Location />
  Allow all
</Location>
<Location /admin>
  Allow all
</Location>
<Policy default>
  <Limit All>
    Allow all
  </Limit>
</Policy>
"""
FILES = """\
ServerRoot {root}
ServerBin /usr/lib/cups
DataDir /usr/share/cups
StateDir {root}/state
CacheDir {root}/cache
RequestRoot {root}/spool
TempDir {root}/spool/tmp
AccessLog {root}/access_log
ErrorLog {root}/error_log
PageLog {root}/page_log
SystemGroup {group}
FileDevice Yes
"""


@dataclass
class Cups:
    """A CUPS of our own, in a folder that goes with the test."""

    socket: Path
    root: Path

    async def run(self, *command: str) -> str:
        """Run a client of CUPS and return what it says; fails when it does."""
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, "CUPS_SERVER": str(self.socket), "LC_ALL": "C.UTF-8"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, f"{command}: {out.decode()}\n{self.log()}"
        return out.decode()

    async def printing(self) -> list[int]:
        """Return the numbers of the jobs that CUPS has not done with."""
        listed = await self.run("lpstat", "-W", "not-completed", "-o", QUEUE)
        return [int(line.split()[0].rpartition("-")[2]) for line in listed.splitlines()]

    async def asked(self, count: int = 2) -> None:
        """Wait until CUPS has asked so many times more what became of its job."""
        path = self.root / "error_log"
        wanted = path.read_bytes().count(ASKED) + count
        await until(lambda: path.read_bytes().count(ASKED) >= wanted)

    def log(self) -> str:
        path = self.root / "error_log"
        return path.read_text("utf-8", "replace")[-8000:] if path.exists() else ""


@pytest.fixture
async def cups(offer: Offer) -> AsyncGenerator[Cups]:
    """Start a CUPS that serves this test alone, and ends before the printer: it may connect at any moment."""
    # A socket's path is short, and the filters' user has to get in.
    root = Path(tempfile.mkdtemp(prefix="cups-", dir="/tmp"))
    os.chmod(root, 0o755)  # noqa: PTH101  # a quick look at a folder
    for name in ("state", "cache", "spool", "spool/tmp", "ppd", "ssl"):
        (root / name).mkdir(exist_ok=True)
    if os.geteuid() == 0:
        for name in ("cache", "spool", "spool/tmp"):
            shutil.chown(root / name, "root", "lp")
            (root / name).chmod(0o1770 if name.endswith("tmp") else 0o770)
    group = "root" if os.geteuid() == 0 else str(os.getegid())
    socket = root / "cups.sock"
    (root / "cupsd.conf").write_text(CONFIG.format(socket=socket))
    (root / "cups-files.conf").write_text(FILES.format(root=root, group=group))
    assert CUPSD is not None
    daemon = await asyncio.create_subprocess_exec(
        CUPSD,
        *("-f", "-c", str(root / "cupsd.conf"), "-s", str(root / "cups-files.conf")),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    cups = Cups(socket, root)
    async with asyncio.timeout(30):
        while not socket.exists():
            assert daemon.returncode is None, cups.log()
            await asyncio.sleep(0.05)
    yield cups
    daemon.terminate()
    async with asyncio.timeout(30):
        await daemon.wait()
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
async def queue(cups: Cups, lan: LanPrinter) -> Cups:
    """Add the printer as a driverless queue."""
    await cups.run("lpadmin", "-p", QUEUE, "-E", "-v", lan.uri, "-m", "everywhere")
    return cups


async def test_it_is_a_driverless_queue(queue: Cups, lan: LanPrinter) -> None:
    ppd = (queue.root / "ppd" / f"{QUEUE}.ppd").read_text("utf-8")
    for wanted in (
        "*DefaultPageSize: A4",
        "*PageSize A5",
        "*PageSize Letter",
        "*Duplex DuplexNoTumble",
        "*ColorModel Gray",
        "*InputSlot Manual",
        "application/pdf",
        "image/urf",
    ):
        assert wanted in ppd, wanted


async def test_documents_of_all_kinds(queue: Cups, lan: LanPrinter, tmp_path: Path) -> None:
    """In 2 copies, two-sided, pages 2-3; a picture and a text beside."""
    pdf, jpeg, text = tmp_path / "drei.pdf", tmp_path / "x.jpg", tmp_path / "liste.txt"
    pdf.write_bytes(make_pdf(5))
    Image.new("RGB", (600, 400), "red").save(jpeg)
    text.write_text("Milch\nBrot\n")
    two_sided = ("-o", "sides=two-sided-long-edge")
    await queue.run("lp", "-d", QUEUE, "-n", "2", *two_sided, "-P", "2-3", str(pdf))
    (printed,) = await came_out(lan.simulator)
    # CUPS chooses the pages itself, and leaves copies and sides to the printer.
    assert (printed.pages, printed.copies, printed.sheets) == (2, 2, 2)
    assert printed.options["dmDuplex"] == "2"
    assert printed.options["dmPaperSize"] == "9"
    await queue.run("lp", "-d", QUEUE, "-o", "media=iso_a5_148x210mm", str(jpeg))
    printed = (await came_out(lan.simulator, 2))[1]
    assert printed.options["dmPaperSize"] == "11"
    await queue.run("lp", "-d", QUEUE, str(text))
    printed = (await came_out(lan.simulator, 3))[2]
    assert (printed.pages, printed.options["dmDuplex"]) == (1, "1")
    assert all(job.source and job.source.endswith("127.0.0.1") for job in jobs_of(lan))


@pytest.mark.parametrize("kind", ["image/urf", "image/pwg-raster"])
async def test_raster_pages_of_its_own_filter(
    queue: Cups, lan: LanPrinter, tmp_path: Path, kind: str
) -> None:
    """What CUPS draws of a PDF comes out with the right pages and their size."""
    pdf = tmp_path / "drei.pdf"
    pdf.write_bytes(make_pdf(3))
    ppd = queue.root / "ppd" / f"{QUEUE}.ppd"
    raster = tmp_path / "pages.raster"
    process = await asyncio.create_subprocess_exec(
        shutil.which("cupsfilter", path="/usr/sbin:/usr/bin") or "cupsfilter",
        *("-p", str(ppd), "-m", kind, "-o", "media=iso_a4_210x297mm", str(pdf)),
        env={**os.environ, "CUPS_SERVER": str(queue.socket)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate()
    assert process.returncode == 0, said.decode("utf-8", "replace")[-3000:]
    raster.write_bytes(out)
    await lan.print(out)
    (printed,) = await came_out(lan.simulator)
    assert printed.pages == 3
    document = pypdfium2.PdfDocument(printed.path)
    for page in document:
        assert page.get_size() == pytest.approx((595.3, 841.9), abs=1.5)
    document.close()


async def test_photo_paper_with_a_color_that_no_printer_knows(
    cups: Cups, offer: Offer, simulator: Simulator, tmp_path: Path
) -> None:
    """By a queue, and as a client that talks to the printer itself sends it."""
    lan = await offer(INKJET)
    await cups.run("lpadmin", "-p", QUEUE, "-E", "-v", lan.uri, "-m", "everywhere")
    photo = tmp_path / "urlaub.jpg"
    Image.new("RGB", (600, 400), "red").save(photo)
    (tmp_path / "photo.test").write_text(PHOTO)
    size = "media-size={x-dimension=10160 y-dimension=15240}"
    media = f"{{{size} media-type=photographic media-color=white}}"
    await cups.run("lp", "-d", QUEUE, "-o", f"media-col={media}", str(photo))
    await came_out(simulator)
    await cups.run("ipptool", "-t", "-f", str(photo), lan.uri, str(tmp_path / "photo.test"))
    for printed in await came_out(simulator, 2):
        assert printed.options["dmPaperSize"] == "257"
        assert printed.options["dmMediaType"] == "260"


async def test_a_job_stays_until_it_ends(
    clock: Clock, queue: Cups, lan: LanPrinter, tmp_path: Path
) -> None:
    """From off over on and getting ready to printed, and through quiet hours; it can be canceled all the way."""
    coordinator = lan.data.coordinator
    lan.simulator.box.online = False
    await coordinator.async_refresh()
    pdf = tmp_path / "drei.pdf"
    pdf.write_bytes(make_pdf(1))
    await queue.run("lp", "-d", QUEUE, str(pdf))
    await until(
        lambda: [job.current_delivery.hold_reason for job in jobs_of(lan)] == ["box_offline"]
    )
    lan.simulator.box.online = True
    await coordinator.async_refresh()
    await until(lambda: jobs_of(lan)[0].current_delivery.hold_reason == "getting_ready")
    await queue.asked()
    assert await queue.printing() == [1]
    options = {**lan.entry.options, CONF_QUIET_FROM: "00:00:00", CONF_QUIET_TO: "23:59:00"}
    lan.hass.config_entries.async_update_entry(lan.entry, options=options)
    await coordinator.async_refresh()
    await until(lambda: jobs_of(lan)[0].current_delivery.hold_reason == "quiet_hours")
    await queue.asked()
    assert await queue.printing() == [1]
    await queue.run("cancel", f"{QUEUE}-1")
    await until(lambda: jobs_of(lan)[0].state is JobState.CANCELED)
    lan.hass.config_entries.async_update_entry(
        lan.entry, options={**options, CONF_QUIET_FROM: "00:00:00", CONF_QUIET_TO: "00:00:00"}
    )
    await coordinator.async_refresh()
    await queue.run("lp", "-d", QUEUE, str(pdf))
    await until(lambda: jobs_of(lan)[0].current_delivery.hold_reason == "getting_ready")
    assert sent(lan.simulator) == 0
    clock.tick(STEADY_TIME)
    await came_out(lan.simulator)
    async with asyncio.timeout(120):
        while await queue.printing():
            await asyncio.sleep(0.1)
    assert jobs_of(lan)[0].state is JobState.COMPLETED
