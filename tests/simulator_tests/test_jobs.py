"""Jobs: what they need, and the way they go."""

import asyncio
from email.utils import parsedate_to_datetime
import json
import time
from typing import Any

import aiohttp
import pytest

from tests.clock import moved_by_hand, threads_work
from tests.simulator import Simulator, make_pdf
from tests.simulator_tests.client import LASER, Api, until


async def test_a_job_comes_out_byte_for_byte(sim: Simulator, api: Api) -> None:
    content = make_pdf(3, "Byte for byte")
    task_id = await api.submit(
        content,
        "会议纪要 (终稿).pdf",
        dmCopies=2,
        dmDuplex=2,
        jpPageRange="1,3",
        callbackUrl="https://example.com/secret",
    )
    data = await api.ended(task_id)
    assert data["task_state"] == "SUCCESS"
    assert data["task_result"] == {
        "code": 200,
        "msg": "success",
        # Bytes, as the vendor's own client shows them, not files and pages.
        "data": {"file_total": len(content), "send_total": len(content), "total_page": 2},
    }
    done = parsedate_to_datetime(data["task_done_time"])
    assert abs(done.timestamp() * 1000 - data["task_done_timestamp"]) < 1000
    (job,) = sim.printed
    assert job.path.name == "0001-会议纪要 (终稿).pdf"
    assert job.path.read_bytes() == content
    assert (job.pages, job.copies, job.pages_out, job.sheets) == (2, 2, 4, 2)
    record = json.loads(job.path.with_name(f"{job.path.name}.json").read_text())
    assert record["task_id"] == task_id
    assert record["device_id"] == sim.device_id
    assert record["port"] == 1
    assert record["callback_asked"] is True
    assert record["options"]["dmDuplex"] == "2"
    text = json.dumps(record)
    assert sim.device_key not in text
    assert "secret" not in text
    assert not list(sim.cloud.spool.glob("upload-*"))
    sim.cloud.variants.total_page = "with_copies"
    data = await api.ended(await api.submit(content, dmCopies=2))
    assert data["task_result"]["data"]["total_page"] == 6


async def test_a_job_moves_through_the_states(sim: Simulator, api: Api) -> None:
    task_id = await api.submit()
    await api.ended(task_id)
    states = [moment.state for moment in sim.cloud.tasks[task_id].history]
    assert states == ["READY", "PARSING", "SENDING", "SUCCESS"]


@pytest.mark.parametrize(
    ("variant", "extra"),
    [
        ("state_only", {}),
        ("nulls", {"task_result": None, "task_done_time": None, "task_done_timestamp": None}),
        ("empty_result", {"task_result": {}, "task_done_time": ""}),
        ("zero_code", {"task_result": {"code": 0, "msg": "", "data": {}}}),
        ("empty", None),
    ],
)
async def test_unfinished_bodies(
    sim: Simulator, api: Api, variant: str, extra: dict[str, Any] | None
) -> None:
    sim.cloud.variants.update(unfinished=variant)
    sim.box.printer(1).paper = 0
    task_id = await api.submit()
    await until(lambda: sim.cloud.tasks[task_id].state == "SENDING")
    expected = {} if extra is None else {"task_state": "SENDING", **extra}
    assert await api.data("GET /print/job", task_id=task_id) == expected


async def test_unknown_tasks(sim: Simulator, session: aiohttp.ClientSession, api: Api) -> None:
    task_id = await api.submit()
    endpoint = "GET /print/job"
    other = Api(sim, session, list(sim.cloud.boxes.values())[1])
    assert await other.code(endpoint, task_id=task_id) == 404
    sim.cloud.variants.unknown_task = "code_400"
    assert await other.code(endpoint, task_id=task_id) == 400
    sim.cloud.variants.unknown_task = "missing"
    assert not await other.data(endpoint, task_id="nonsense")
    sim.cloud.variants.unknown_task = "empty"
    assert await other.data(endpoint, task_id="nonsense") == {}
    sim.cloud.variants.unknown_task = "ready"
    assert await other.data(endpoint, task_id="nonsense") == {"task_state": "READY"}
    assert await other.code("DELETE /print/job", task_id="nonsense") == 200
    assert await api.code(endpoint) == 400


async def test_one_job_a_printer_at_a_time(sim: Simulator, api: Api) -> None:
    sim.cloud.speed = 100
    first = await api.submit(make_pdf(2))
    second = await api.submit()
    beside = await api.submit(devicePort=4, printerModel="HP LaserJet 1020")
    await asyncio.gather(*(api.ended(task_id) for task_id in (first, second, beside)))
    histories = {key: sim.cloud.tasks[key].history for key in (first, second, beside)}
    # The second waits as READY until the first is out; another printer does not wait.
    assert histories[second][1].time >= histories[first][-2].time + 2 * 3 / 100
    assert histories[beside][1].time < histories[first][-1].time


async def test_printing_takes_its_time(sim: Simulator, api: Api) -> None:
    sim.cloud.speed = 20
    started = time.monotonic()
    await api.ended(await api.submit(make_pdf(3), dmCopies=2))
    # 0.5 s queue + 1.5 s and 0.1 s a page converting + 2 s warming up + 3 s a page.
    assert time.monotonic() - started >= (0.5 + 1.8 + 2 + 18) / 20


async def test_label_and_network_printers(sim: Simulator, api: Api) -> None:
    inkjet = sim.box.network_printer()
    await api.ended(
        await api.submit(targetIp=inkjet.ip, printerModel=inkjet.driver_name, dmColor=2)
    )
    # Without the address, port 1 is the USB laser.
    await api.ended(await api.submit(printerModel=inkjet.driver_name))
    raw = b"SIZE 60 mm, 40 mm\r\nPRINT 1\r\n"
    label = sim.box.printer(2)
    data = await api.ended(
        await api.submit(
            raw, "label.prn", printerHash=label.hash_id, devicePort=None, printerModel=None
        )
    )
    assert data["task_result"]["data"] == {"file_total": len(raw), "send_total": len(raw)}
    assert [job.printer_id for job in sim.printed] == [
        inkjet.id,
        sim.box.printer(1).id,
        label.id,
    ]
    assert sim.printed[2].path.read_bytes() == raw
    assert sim.printed[2].pages is None
    assert await api.refused(devicePort=631) == 5011
    assert await api.refused(targetIp="192.168.1.99") == 5011
    sim.cloud.variants.empty_port = "code_5051"
    assert await api.refused(devicePort=9) == 5051
    sim.cloud.variants.unknown_pages = "null"
    data = await api.ended(await api.submit(raw, "label.prn", devicePort=2))
    assert data["task_result"]["data"]["total_page"] is None


@pytest.mark.parametrize(
    "fields",
    [
        {"dmPaperSize": None},
        {"dmPaperSize": "A4"},
        {"dmPaperSize": 0, "dmPaperWidth": 500},
        {"dmCopies": 0},
        {"dmCopies": "two"},
        {"dmColor": 3},
        {"dmDuplex": "long"},
        {"dmOrientation": 0},
        {"dmPrintQuality": 600},
        {"dmDefaultSource": "tray"},
        {"jpScale": "half"},
        {"jpAutoAlign": "z0"},
        {"jpPageRange": "5-2"},
        {"jpPageRange": "1;2"},
        {"htmlKernel": "lynx"},
        {"isPreview": "yes"},
        {"deviceKey": None},
        {"taskTicket": "nothing"},
    ],
)
async def test_bad_parameters(api: Api, fields: dict[str, Any]) -> None:
    assert await api.refused(make_pdf(1), **fields) == 400


async def test_a_job_needs_a_document(sim: Simulator, api: Api) -> None:
    assert await api.refused(None) == 400
    assert await api.refused("") == 400
    body = aiohttp.FormData({"deviceId": sim.device_id})
    async with api.session.post(
        f"{sim.url}/print/job", data=body, headers={"ApiKey": api.api_key}
    ) as response:
        assert int((await response.json())["code"]) == 400
    async with api.session.post(
        f"{sim.url}/print/job",
        data=b"nonsense",
        headers={"ApiKey": api.api_key, "Content-Type": "multipart/form-data; boundary=x"},
    ) as response:
        assert int((await response.json())["code"]) == 400


async def test_options_of_every_kind_are_taken(sim: Simulator, api: Api) -> None:
    fields: dict[str, Any] = {
        "dmPaperSize": 0,
        "dmPaperWidth": 500,
        "dmPaperLength": 300,
        "dmPrintQuality": -4,
        "dmDefaultSource": 258,
        "dmMediaType": 1,
        "jpScale": "85%",
        "jpAutoAlign": "z5",
        "jpAutoRotate": 1,
        "pdfRev": 1,
        "htmlKernel": "chrometopdf",
        "officeExcelFitToPages": 2,
        "errLimitNum": 10,
    }
    await api.ended(await api.submit(**fields))
    (job,) = sim.printed
    assert {name: str(value) for name, value in fields.items()}.items() <= job.options.items()


async def test_what_live_clients_leave_out_or_send_besides(sim: Simulator, api: Api) -> None:
    """The vendor's basic sample names no model and no port; others send an address of zeros."""
    await api.ended(await api.submit(printerModel=None, devicePort=None))
    await api.ended(await api.submit(targetIp="0.0.0.0", htmlKernel="chrome"))
    assert [job.port for job in sim.printed] == [1, 1]


async def test_a_job_for_a_dead_box_ends_after_16_minutes(sim: Simulator, api: Api) -> None:
    sim.cloud.speed = 1
    sim.box.online = False
    async with moved_by_hand() as clock:
        task_id = await api.submit(reportDeviceStatus=0)
        passed = 0
        while not sim.cloud.tasks[task_id].ended.is_set():
            assert passed < 22 * 60
            await asyncio.sleep(0.005)
            # Reading the document has an end, however long a busy machine takes.
            if not threads_work(sim.cloud.renderer._executor):
                clock.tick(20)
                passed += 20
        assert await api.result(task_id) == ("SUCCESS", 503)
    assert passed > 15 * 60


async def test_states_of_the_box_refuse_a_job(sim: Simulator, api: Api) -> None:
    sim.box.online = None
    assert await api.refused() == 5001
    sim.box.online = False
    assert await api.refused() == 5002
    assert await api.refused(devicePort=9) == 5002
    task_id = await api.submit(reportDeviceStatus=0)
    assert await api.result(task_id) == ("SUCCESS", 503)
    sim.cloud.variants.box_lost = "waits"
    task_id = await api.submit(reportDeviceStatus=0)
    await asyncio.sleep(0.05)
    assert not sim.cloud.tasks[task_id].ended.is_set()
    sim.box.online = True
    assert await api.result(task_id) == ("SUCCESS", 200)
    assert await api.refused(devicePort=9) == 5011


async def test_file_names_in_utf8_and_rfc_5987(sim: Simulator, api: Api) -> None:
    await api.ended(await api.submit(make_pdf(1), "发票 2026.pdf"))
    boundary = "frontier"
    lines = []
    fields = {"devicePort": "1", "printerModel": LASER, "dmPaperSize": "9", **api.credentials}
    # The file comes first: the order of the fields means nothing.
    encoded = "%E5%8F%91%E7%A5%A8.pdf"
    head = f'jobFile"; filename="fallback.pdf"; filename*=UTF-8\'\'{encoded}'.removesuffix('"')
    lines.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{head}\r\n\r\n'.encode())
    lines.append(make_pdf(1) + b"\r\n")
    for name, value in fields.items():
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        lines.append(part.encode())
    lines.append(f"--{boundary}--\r\n".encode())
    async with api.session.post(
        f"{sim.url}/print/job",
        data=b"".join(lines),
        headers={
            "ApiKey": api.api_key,
            "Content-Type": f"multipart/form-data; boundary={boundary}",
        },
    ) as response:
        answer = await response.json()
    await api.ended(answer["data"]["task_id"])
    assert [job.name for job in sim.printed] == ["发票 2026.pdf", "发票.pdf"]
