"""Every endpoint over a real socket, as it should be."""

from pathlib import Path

from aiohttp import ClientSession
import pytest

from custom_components.lianke.api.client import LiankeClient
from custom_components.lianke.api.errors import (
    AuthenticationError,
    DocumentTooLargeError,
    LiankeResponseError,
    PrinterNotFoundError,
)
from custom_components.lianke.api.models import PrinterAddress, PrinterType
from custom_components.lianke.api.options import PrintOptions, resolve_options
from custom_components.lianke.api.upload import UploadFile
from tests.simulator import Account, Box, Simulator, Task, make_pdf

from .conftest import make_client, upload_file

LASER = PrinterAddress(port=1, model="Kyocera MA2000w GX")
INKJET = PrinterAddress(port=1, model="EPSON L3250 Series", target_ip="192.168.1.40")
FIELDS = resolve_options(PrintOptions(), None, (), PrinterType.LASER).form_fields()


def pdf(folder: Path, pages: int = 3, name: str = "报告.pdf") -> UploadFile:
    path = folder / "document"
    path.write_bytes(make_pdf(pages))
    return upload_file(path, name=name)


async def finish(sim: Simulator, task_id: str) -> Task:
    task = sim.cloud.tasks[task_id]
    await task.ended.wait()
    return task


async def test_a_network_printer_is_asked_by_its_hash_only(
    client: LiankeClient, sim: Simulator, box: Box
) -> None:
    inkjet = box.network_printer()
    inkjet.support_status = True
    address = PrinterAddress(port=1, model="x", target_ip=inkjet.ip, hash_id=inkjet.hash_id)
    assert (await client.printer_condition(address)).out_of_paper is False
    asked = sim.cloud.counts.total()
    for lost in (INKJET, PrinterAddress(port=631, model="x")):
        with pytest.raises(PrinterNotFoundError):
            await client.printer_condition(lost)
    assert sim.cloud.counts.total() == asked


async def test_count_pages_refuses_what_is_too_large(
    client: LiankeClient, sim: Simulator, tmp_path: Path
) -> None:
    big = upload_file(tmp_path / "big.pdf", size=20 * 1024 * 1024 + 1)
    with pytest.raises(DocumentTooLargeError):
        await client.count_pages(LASER, big, 9)
    assert sim.cloud.counts.total() == 0


async def test_a_network_printer_without_address_never_means_a_usb_port(
    client: LiankeClient, sim: Simulator, box: Box, tmp_path: Path
) -> None:
    inkjet = box.network_printer()
    lost = PrinterAddress(port=631, model=inkjet.driver_name, hash_id=inkjet.hash_id)
    task_id = await client.submit(lost, pdf(tmp_path), FIELDS)
    assert sim.cloud.tasks[task_id].printer is inkjet
    assert (await client.task(lost, task_id)).task_id == task_id
    await finish(sim, task_id)
    with pytest.raises(PrinterNotFoundError):
        await client.submit(PrinterAddress(port=631, model="x"), pdf(tmp_path), FIELDS)
    assert len(sim.cloud.tasks) == 1


@pytest.mark.parametrize(
    "url",
    ["http://img.example/x.png", "https://192.168.1.1/x", "file:///etc/passwd", "http://[::bad/"],
)
async def test_only_harmless_addresses_are_fetched(client: LiankeClient, url: str) -> None:
    with pytest.raises(LiankeResponseError):
        await client.download(url, 1000)


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ("报告 2026.pdf", "报告 2026.pdf"),
        ('a "quoted" name.pdf', 'a "quoted" name.pdf'),
        ("back\\slash.pdf", "slash.pdf"),
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("line\r\nbreak: x.pdf", "linebreak: x.pdf"),
        ("nul\0.pdf", "nul.pdf"),
        ("broken\ud83d.pdf", "broken.pdf"),
        ("emoji 🖨️.pdf", "emoji 🖨️.pdf"),
        ("; filename=evil.pdf", "; filename=evil.pdf"),
        pytest.param("很" * 300 + ".pdf", "很" * 116 + ".pdf", id="long"),
        ("no ending", "no ending"),
        ("...", "..."),
        ("\r\n", "document"),
        ("", "document"),
    ],
)
async def test_file_names(
    client: LiankeClient, sim: Simulator, tmp_path: Path, given: str, reported: str
) -> None:
    task_id = await client.submit(LASER, pdf(tmp_path, name=given), FIELDS)
    (document,) = sim.cloud.tasks[task_id].documents
    assert document.name == reported
    await finish(sim, task_id)


@pytest.mark.parametrize("key", ["", " ", "中文", "a b", "a\r\nX: y"])
async def test_impossible_api_key(
    sim: Simulator, session: ClientSession, box: Box, key: str
) -> None:
    stranger = make_client(sim.url, session, Account(name="x", api_key=key), box)
    with pytest.raises(AuthenticationError):
        await stranger.box()
    assert sim.cloud.counts.total() == 0
