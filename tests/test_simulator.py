"""The simulated cloud keeps to what is known of the service, and is no kinder."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from io import BytesIO
from itertools import pairwise
import json
import os
from pathlib import Path
import signal
import sys
import time
from typing import Any, get_args

import aiohttp
from aiohttp import web
from PIL import Image
import pypdfium2
import pytest

from tests.simulator import Box, Fault, Outcome, Simulator, Variants, make_pdf, qr_link, qr_png
from tests.simulator.admin import ACCOUNT_FIELDS, BOX_FIELDS, PRINTER_FIELDS, SETTINGS
from tests.simulator.endpoints import ENDPOINTS
from tests.simulator.faults import KINDS, SHAPES
from tests.simulator.messenger import PUSH_SHAPES
from tests.simulator.models import CHINA, ApiError
from tests.simulator.printing import parse_page_range, safe_name
from tests.simulator.rendering import find_chromium

LASER = "Kyocera MA2000w GX"


class Api:
    """A plain client of the simulated cloud, for one box."""

    def __init__(self, sim: Simulator, session: aiohttp.ClientSession, box: Box) -> None:
        self.sim = sim
        self.session = session
        self.credentials = {"deviceId": box.device_id, "deviceKey": box.device_key}
        self.api_key = box.account.api_key if box.account else ""

    async def ask(self, endpoint: str, **fields: Any) -> Any:
        """Ask an endpoint ("GET /device/device_info"); gives the decoded answer."""
        method, path = endpoint.split(" ")
        values = {**self.credentials, **{name: str(value) for name, value in fields.items()}}
        sent: dict[str, Any] = {"params" if method in ("GET", "DELETE") else "json": values}
        headers = {"ApiKey": self.api_key}
        async with self.session.request(
            method, self.sim.url + path, headers=headers, **sent
        ) as response:
            assert response.status == 200
            return json.loads(await response.text())

    async def data(self, endpoint: str, **fields: Any) -> Any:
        """Ask an endpoint that must succeed; gives its data."""
        answer = await self.ask(endpoint, **fields)
        assert int(answer["code"]) == 200, answer
        return answer.get("data")

    async def code(self, endpoint: str, **fields: Any) -> int:
        """Ask an endpoint; gives the code of the answer."""
        return int((await self.ask(endpoint, **fields))["code"])

    def form(
        self, content: bytes | str | None, name: str = "a.pdf", **fields: Any
    ) -> aiohttp.FormData:
        """Make the form of a job: a file (bytes), links (str), or neither."""
        form = aiohttp.FormData(quote_fields=False)
        known = {"devicePort": 1, "printerModel": LASER, "dmPaperSize": 9}
        for key, value in {**self.credentials, **known, **fields}.items():
            if value is not None:
                form.add_field(key, str(value))
        if isinstance(content, bytes):
            form.add_field(
                "jobFile", content, filename=name, content_type="application/octet-stream"
            )
        elif content is not None:
            form.add_field("jobFile", content)
        return form

    async def post(
        self, path: str, form: aiohttp.FormData, headers: dict[str, str] | None = None
    ) -> Any:
        """Post a form; gives the decoded answer."""
        async with self.session.post(
            self.sim.url + path, data=form, headers={"ApiKey": self.api_key, **(headers or {})}
        ) as response:
            assert response.status == 200
            return json.loads(await response.text())

    async def submit(
        self, content: bytes | str | None = None, name: str = "a.pdf", **fields: Any
    ) -> str:
        """Submit a job that must be accepted; gives the task id."""
        content = make_pdf(1) if content is None else content
        answer = await self.post("/print/job", self.form(content, name, **fields))
        assert int(answer["code"]) == 200, answer
        return str(answer["data"]["task_id"])

    async def refused(self, content: bytes | str | None = b"x", **fields: Any) -> int:
        """Submit a job that must be refused; gives the code."""
        before = len(self.sim.cloud.tasks)
        answer = await self.post("/print/job", self.form(content, **fields))
        assert len(self.sim.cloud.tasks) == before
        return int(answer["code"])

    async def ended(self, task_id: str) -> dict[str, Any]:
        """Wait for the end of a task; gives what GET /print/job then says."""
        async with asyncio.timeout(20):
            await self.sim.cloud.tasks[task_id].ended.wait()
        answer: dict[str, Any] = await self.data("GET /print/job", task_id=task_id)
        return answer

    async def result(self, task_id: str) -> tuple[str, int | None]:
        """Wait for the end of a task; gives its state and result code."""
        data = await self.ended(task_id)
        return data["task_state"], data.get("task_result", {}).get("code")


@pytest.fixture
async def sim(tmp_path: Path, socket_enabled: None) -> AsyncGenerator[Simulator]:
    """Run a simulator 300 times faster than life; a test that gets banned fails."""
    async with Simulator(tmp_path / "out", speed=300) as simulator:
        yield simulator
        assert not simulator.cloud.banned


@pytest.fixture
async def session(sim: Simulator) -> AsyncGenerator[aiohttp.ClientSession]:
    """Give a client session that ends before the simulator does."""
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
def api(sim: Simulator, session: aiohttp.ClientSession) -> Api:
    """Give a client of the first box."""
    return Api(sim, session, sim.box)


@pytest.fixture
async def admin(sim: Simulator, session: aiohttp.ClientSession) -> Callable[..., Any]:
    """Give a function that makes an admin call that must succeed."""

    async def call(method: str, path: str, **body: Any) -> Any:
        sent = body or None
        async with session.request(method, sim.admin_url + path, json=sent) as response:
            answer = await response.json()
            assert response.status == 200, answer
            return answer

    return call


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something has become true."""
    async with asyncio.timeout(20):
        while not condition():  # what is waited for sets no event
            await asyncio.sleep(0.005)


class Listener:
    """Somebody who receives callbacks and pushes, and replies as told."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[Any] = []
        self.types: list[str] = []
        self.replies: list[int] = []
        self.files: dict[str, bytes] = {}

    async def take(self, request: web.Request) -> web.Response:
        """Receive a message."""
        self.types.append(request.content_type)
        if request.content_type == "application/json":
            self.bodies.append(await request.json())
        else:
            self.bodies.append(dict(await request.post()))
        return web.Response(status=self.replies.pop(0) if self.replies else 200)

    async def give(self, request: web.Request) -> web.Response:
        """Hand a file out."""
        return web.Response(body=self.files[request.match_info["name"]])

    @property
    def states(self) -> list[str]:
        """The states told, in the order they came."""
        return [body["task_state"] for body in self.bodies]


@asynccontextmanager
async def listening() -> AsyncGenerator[Listener]:
    """Run a listener on a port of its own."""
    listener = Listener()
    app = web.Application()
    app.router.add_post("/hook", listener.take)
    app.router.add_get("/files/{name}", listener.give)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield listener
    finally:
        await runner.cleanup()


@pytest.fixture
async def listener(session: aiohttp.ClientSession) -> AsyncGenerator[Listener]:
    """Give a listener that ends before the simulator does."""
    async with listening() as one:
        yield one


# Keys and boxes


@pytest.mark.parametrize(
    ("variant", "status", "code"),
    [
        ("http_401", 401, 401),
        ("http_403", 403, 403),
        ("code_401", 200, 401),
        ("code_403", 200, 403),
        ("code_400", 200, 400),
    ],
)
async def test_wrong_key(
    sim: Simulator, session: aiohttp.ClientSession, variant: str, status: int, code: int
) -> None:
    sim.cloud.variants.update(bad_key=variant)
    for headers in ({"ApiKey": "x" * 32}, {}):
        async with session.get(f"{sim.url}/device/device_info", headers=headers) as response:
            assert response.status == status
            answer = json.loads(await response.text())
            assert int(answer["code"]) == code
            assert "ApiKey" in answer["msg"]


async def test_renewed_key(sim: Simulator, api: Api) -> None:
    old = api.api_key
    api.api_key = sim.cloud.renew_key(sim.cloud.accounts[0])
    assert api.api_key != old
    assert await api.code("GET /device/device_info") == 200


async def test_what_is_wrong_with_a_box(
    sim: Simulator, session: aiohttp.ClientSession, api: Api
) -> None:
    good = dict(api.credentials)
    endpoint = "GET /device/device_info"
    api.credentials = {**good, "deviceKey": good["deviceKey"].swapcase()}
    assert await api.code(endpoint) == 404
    api.credentials = {**good, "deviceId": "lk00zz00000000"}
    assert await api.code(endpoint) == 11404
    sim.cloud.variants.unknown_box = "code_404"
    assert await api.code(endpoint) == 404
    api.credentials = {"deviceId": good["deviceId"]}
    assert await api.code(endpoint) == 400
    api.credentials = good
    foreign = list(sim.cloud.boxes.values())[2]
    api.credentials = {"deviceId": foreign.device_id, "deviceKey": foreign.device_key}
    assert await api.code(endpoint) == 11013
    unbound = sim.cloud.add_box(printers=0)
    unbound.account = None
    api.credentials = {"deviceId": unbound.device_id, "deviceKey": unbound.device_key}
    assert await api.code(endpoint) == 11013
    api.credentials = good
    sim.box.activated = False
    assert await api.code(endpoint) == 10011


async def test_two_boxes_of_one_key(
    sim: Simulator, session: aiohttp.ClientSession, api: Api
) -> None:
    first, second, third = sim.cloud.boxes.values()
    assert first.account is second.account
    assert third.account is not first.account
    other = Api(sim, session, second)
    assert other.api_key == api.api_key
    assert (await other.data("GET /external_api/printer_list"))["total"] == 1


async def test_device_info(sim: Simulator, api: Api) -> None:
    data = await api.data("GET /device/device_info")
    assert data["info"]["online"] == 1
    assert data["info"]["expire_date"] == "2031年8月25日"
    assert data["info"]["is_expire"] is False
    assert data["info"]["device_type"] == 2
    assert "link" not in data["network"]["wwan"]
    assert data["network"]["lan"]["link"] == [True]
    assert isinstance(data["network"]["wwan"]["dns"], list)
    assert data["version"] == {"hardware": "LK300EW_D2", "software": "2.1.113"}
    sim.box.online = False
    assert (await api.data("GET /device/device_info"))["info"]["online"] == 0
    sim.cloud.variants.offline_network = "empty"
    assert (await api.data("GET /device/device_info"))["network"] == {}
    sim.box.online = None
    data = await api.data("GET /device/device_info")
    assert data["info"]["online"] is None
    assert "network" not in data


async def test_expired_box_is_told_by_a_message_alone(sim: Simulator, api: Api) -> None:
    sim.box.expired = True
    assert (await api.data("GET /device/device_info"))["info"]["is_expire"] is True
    answer = await api.ask("GET /external_api/printer_list")
    assert answer["msg"] == "设备已超过有效期"
    assert int(answer["code"]) == sim.cloud.variants.expired_code
    assert await api.refused() == sim.cloud.variants.expired_code


async def test_codes_as_numbers_and_as_strings(sim: Simulator, api: Api) -> None:
    assert (await api.ask("GET /external_api/printer_list"))["code"] == 200
    sim.cloud.variants.code_type = "mixed"
    seen = {
        type((await api.ask(endpoint))["code"])
        for endpoint in ("GET /device/device_info", "GET /external_api/printer_list")
    } | {type((await api.ask("GET /print/printer_params", printerModel=LASER))["code"])}
    assert seen == {int, str}
    sim.cloud.variants.code_type = "str"
    assert (await api.ask("GET /device/device_info"))["code"] == "200"
    sim.cloud.variants.code_type = "int"
    assert (await api.ask("GET /print/printer_params", printerModel="?"))["code"] == 400


async def test_no_data_in_every_form(sim: Simulator, api: Api) -> None:
    for shape, expected in (("missing", "none"), ("empty", {}), ("null", None)):
        sim.cloud.variants.update(no_data=shape)
        task_id = await api.submit()
        answer = await api.ask("DELETE /print/job", task_id=task_id)
        assert answer.get("data", "none") == expected


async def test_unknown_path_and_method(sim: Simulator, session: aiohttp.ClientSession) -> None:
    headers = {"ApiKey": sim.api_key}
    async with session.get(f"{sim.url}/device/nothing", headers=headers) as response:
        assert response.status == 404
    async with session.put(f"{sim.url}/print/job", headers=headers) as response:
        assert response.status == 404


@pytest.mark.parametrize("answer", ["html", "json"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_any_endpoint_can_be_gone(
    sim: Simulator, session: aiohttp.ClientSession, endpoint: str, answer: str
) -> None:
    sim.cloud.variants.update(missing_endpoints=[endpoint], missing_answer=answer)
    method, path = endpoint.split(" ")
    for url in (sim.url + path, sim.url.removesuffix("/api") + path):
        async with session.request(method, url, headers={"ApiKey": sim.api_key}) as response:
            assert response.status == 404
            text = await response.text()
    assert (text == '{"code": 404, "msg": "Not Found"}') == (answer == "json")
    other = "/print/printer_enum" if path != "/print/printer_enum" else "/print/job"
    async with session.get(sim.url + other, headers={"ApiKey": sim.api_key}) as response:
        assert response.status == 200


async def test_reboot(sim: Simulator, api: Api) -> None:
    sim.cloud.speed = 100
    endpoint = "POST /device/async_device_reboot"
    assert await api.code(endpoint) == 200
    assert (await api.data("GET /device/device_info"))["info"]["online"] == 0
    assert await api.code(endpoint) == 401
    await until(lambda: not sim.box.rebooting)
    assert (await api.data("GET /device/device_info"))["info"]["online"] == 1
    sim.box.online = False
    assert await api.code(endpoint) == 5002


@pytest.mark.parametrize("firmware", ["2.1.99", "2.1.213C"])
async def test_refresh(sim: Simulator, api: Api, firmware: str) -> None:
    """New firmware does not need it, and does not refuse it."""
    endpoint = "GET /device/async_refresh_device_info"
    sim.box.software = firmware
    assert await api.code(endpoint) == 200
    assert await api.code(endpoint) == 401
    await until(lambda: not sim.box.refreshing)
    assert await api.code(endpoint) == 10009
    sim.cloud.advance(61)
    assert await api.code(endpoint) == 200


# Printers


async def test_the_cast(api: Api) -> None:
    usb = await api.data("GET /external_api/printer_list")
    network = await api.data("GET /external_api/printer_list", printerType=2)
    both = await api.data("GET /external_api/printer_list", printerType=3)
    assert [row["port"] for row in usb["row"]] == [1, 2, 3, 4, 5]
    assert [row["port"] for row in network["row"]] == [631]
    assert both["total"] == 6
    laser, label, awaiting, twin, other_twin = usb["row"]
    assert laser["support_status"]
    assert laser["drivce_name"] == laser["driver_name"] == LASER
    assert laser["vendor"] is None
    assert (laser["species"], label["species"]) == (4, 3)
    assert label["hash_id"].isdigit()
    assert awaiting["driver_type"] == 0
    assert "hash_id" not in awaiting
    assert twin["driver_name"] == other_twin["driver_name"]
    assert "hash_id" not in other_twin
    assert [ink["level"] for ink in network["row"][0]["markers"]] == [72, 40, 55, 8]
    assert await api.code("GET /external_api/printer_list", printerType=4) == 400


async def test_row_oddities(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.update(species_key="printer_species", hash_id="number")
    row = (await api.data("GET /external_api/printer_list"))["row"][0]
    assert "species" not in row
    assert row["printer_species"] == 4
    assert isinstance(row["hash_id"], int)
    sim.cloud.variants.update(species_key="missing", hash_id="missing")
    row = (await api.data("GET /external_api/printer_list"))["row"][0]
    assert not {"species", "printer_species", "hash_id"} & set(row)


@pytest.mark.parametrize(
    ("variant", "check"),
    [
        ("list", lambda value: value[0]["level"] == 72),
        ("vendor", lambda value: [one["color"] for one in value][:2] == [["#000000"], ["#00FFFF"]]),
        ("parallel", lambda value: value["marker-levels"] == [72, 40, 55, 8]),
        ("text", lambda value: value.startswith("Black:72")),
        ("json_text", lambda value: json.loads(value)[3]["level"] == 8),
        ("negative", lambda value: {one["level"] for one in value} == {-2}),
        ("null", lambda value: value is None),
        ("missing", lambda value: value == "none"),
        ("garbage", lambda value: len(value) == 4),
    ],
)
async def test_markers(
    sim: Simulator, api: Api, variant: str, check: Callable[[Any], bool]
) -> None:
    sim.cloud.variants.update(markers=variant)
    data = await api.data("GET /external_api/printer_list", printerType=2)
    assert check(data["row"][0].get("markers", "none"))


async def test_printer_list_of_an_offline_box(sim: Simulator, api: Api) -> None:
    endpoint = "GET /external_api/printer_list"
    sim.box.online = False
    assert await api.code(endpoint) == 5002
    sim.cloud.variants.offline_list = "code_500"
    assert await api.code(endpoint) == 500
    sim.cloud.variants.offline_list = "empty"
    assert await api.data(endpoint) == {"row": [], "total": 0}
    sim.cloud.variants.offline_list = "stale"
    assert (await api.data(endpoint))["total"] == 5


async def test_no_printers(sim: Simulator, api: Api) -> None:
    sim.box.printers.clear()
    endpoint = "GET /external_api/printer_list"
    assert await api.data(endpoint) == {"row": [], "total": 0}
    sim.cloud.variants.no_printers = "code_497"
    assert await api.code(endpoint) == 497
    sim.cloud.variants.no_printers = "missing"
    assert not await api.data(endpoint)


@pytest.mark.parametrize(
    ("mode", "row", "code", "end"),
    [
        ("row_gone", None, 5011, None),
        ("not_printer", {"isPrinter": 0}, 5011, None),
        ("stale_row", {"isPrinter": 1, "printer_state": "idle"}, 200, ("SUCCESS", 503)),
        ("state_null", {"isPrinter": 1, "printer_state": None}, 200, ("SUCCESS", 503)),
        ("accepted_until_on", {"isPrinter": 1, "printer_state": "idle"}, 200, None),
    ],
)
async def test_printer_switched_off(
    *,
    sim: Simulator,
    api: Api,
    mode: str,
    row: dict[str, Any] | None,
    code: int,
    end: tuple[str, int] | None,
) -> None:
    sim.cloud.variants.update(printer_off=mode)
    laser = sim.box.printer(1)
    laser.on = False
    rows = (await api.data("GET /external_api/printer_list"))["row"]
    shown = [one for one in rows if one["id"] == laser.id]
    if row is None:
        assert not shown
    else:
        assert row.items() <= shown[0].items()
    assert await api.code("GET /device/printer_status", usbPort=1) in (497, 500)
    if code != 200:
        assert await api.refused() == code
        return
    task_id = await api.submit()
    if end:
        assert await api.result(task_id) == end
        assert not sim.printed
        return
    await asyncio.sleep(0.1)
    assert await api.data("GET /print/job", task_id=task_id) == {"task_state": "READY"}
    laser.on = True
    assert await api.result(task_id) == ("SUCCESS", 200)
    assert len(sim.printed) == 1


async def test_unplugged_printer_is_gone_whatever_the_variant(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.printer_off = "stale_row"
    sim.box.printer(1).plugged = False
    assert (await api.data("GET /external_api/printer_list"))["total"] == 4
    assert await api.refused() == 5011
    task_id = await api.submit(reportPrinterStatus=0)
    assert await api.result(task_id) == ("SUCCESS", 503)


async def test_busy_printer_says_it_is_none(sim: Simulator, api: Api) -> None:
    laser = sim.box.printer(1)
    laser.paper = 0
    await api.submit()
    await until(lambda: laser.current is not None)
    row = (await api.data("GET /external_api/printer_list"))["row"][0]
    assert row["isPrinter"] == 0
    assert row["printer_state"] == "outOfPaper"
    sim.cloud.variants.busy_is_printer = 1
    row = (await api.data("GET /external_api/printer_list"))["row"][0]
    assert row["isPrinter"] == 1
    laser.paper = None
    assert (await api.data("GET /external_api/printer_list"))["row"][0]["printer_state"] in (
        "printing",
        "idle",
    )


async def test_printer_status(sim: Simulator, api: Api) -> None:
    endpoint = "GET /device/printer_status"
    started = time.monotonic()
    data = await api.data(endpoint, usbPort=1)
    assert time.monotonic() - started >= 3 / 300
    assert data["outOfPaper"] is False
    laser = sim.box.printer(1)
    laser.paper, laser.cover_open = 0, True
    data = await api.data(endpoint, printerHash=laser.hash_id)
    assert (data["outOfPaper"], data["headOpened"], data["paperJam"]) == (True, True, False)
    assert data["errCode"] == 3
    sim.cloud.variants.status_flags = "str"
    assert (await api.data(endpoint, usbPort=1))["outOfPaper"] == "1"
    sim.cloud.variants.status_flags = "int"
    assert (await api.data(endpoint, usbPort=1))["outOfPaper"] == 1
    sim.cloud.variants.status_flags = "some_missing"
    assert "headOpened" not in await api.data(endpoint, usbPort=1)
    assert await api.code(endpoint, usbPort=9) == 497
    assert not sim.cloud.violations
    assert await api.code(endpoint, usbPort=2) == 500
    assert len(sim.cloud.violations) == 1
    sim.box.online = False
    assert await api.code(endpoint, usbPort=1) == 500


async def test_one_printer_status_at_a_time(sim: Simulator, api: Api) -> None:
    sim.cloud.speed = 20
    codes = await asyncio.gather(
        *(api.code("GET /device/printer_status", usbPort=1) for _number in range(2))
    )
    assert sorted(codes) == [200, 500]
    assert sim.cloud.violations == [f"two printer_status at a time at {sim.device_id}"]


async def test_driver_request_and_arrival(sim: Simulator, api: Api) -> None:
    endpoint = "POST /driver/uninstall_driver_event"
    awaiting = sim.box.printer(3)
    assert await api.code(endpoint, printerId=awaiting.id, phone="123") == 403
    assert await api.code(endpoint, printerId=1, phone="13800138000") == 497
    assert await api.code(endpoint, printerId=awaiting.id, phone="13800138000") == 200
    assert awaiting.driver_requested
    task_id = await api.submit(devicePort=3, printerModel="Unknown Printer")
    assert await api.result(task_id) == ("SUCCESS", 502)
    sim.cloud.variants.awaiting_job = "code_400"
    assert await api.refused(devicePort=3, printerModel="Unknown Printer") == 400
    sim.cloud.support_arrives(awaiting, "HP LaserJet 1020")
    row = (await api.data("GET /external_api/printer_list"))["row"][2]
    assert (row["driver_name"], row["driver_type"]) == ("HP LaserJet 1020", 1)
    task_id = await api.submit(devicePort=3, printerModel="HP LaserJet 1020")
    assert await api.result(task_id) == ("SUCCESS", 200)


async def test_network_search_once_in_twelve_hours(sim: Simulator, api: Api) -> None:
    endpoint = "GET /printer/refresh_network_printer"
    assert await api.data(endpoint) == {"total": 1}
    assert await api.code(endpoint) == 10009
    sim.cloud.advance(12 * 3600)
    assert await api.code(endpoint) == 200


# Models


async def test_models_and_capabilities(sim: Simulator, api: Api) -> None:
    names = await api.data("GET /print/printer_enum")
    assert LASER in names
    assert await api.data("POST /print/printer_enum", query="hp 1020") == ["HP LaserJet 1020"]
    data = await api.data("GET /print/printer_params", printerModel=LASER)
    assert data["Name"] == LASER
    assert data["Capabilities"]["Papers"]["A4"] == 9
    assert any(name.endswith("\r\n") for name in data["Capabilities"]["Papers"])
    assert data["Capabilities"]["Resolutions"] is None
    assert data["DevMode"]["PaperSize"] == 9
    by_hash = await api.data("GET /print/printer_params", printerHash=sim.box.printer(1).hash_id)
    assert by_hash == data
    label = await api.data("GET /print/printer_params", printerModel="Gprinter GP-1324D")
    assert "Duplex" not in label["Capabilities"]
    sim.cloud.variants.missing_blocks = ["DevMode", "Papers"]
    data = await api.data("GET /print/printer_params", printerModel=LASER)
    assert "DevMode" not in data
    assert "Papers" not in data["Capabilities"]
    assert await api.code("GET /print/printer_params", printerModel="nothing like it") == 400


async def test_papers(sim: Simulator, api: Api) -> None:
    endpoint = "GET /print/paper_dimension_list"
    data = await api.data(endpoint, printerModel=LASER)
    assert (data["A4"]["physical_width"], data["A4"]["physical_height"]) == (2100, 2970)
    assert data["A4"]["printable_width"] < 2100
    sim.cloud.variants.papers = "empty"
    assert await api.data(endpoint, printerModel=LASER) == {}
    sim.cloud.variants.papers = "missing"
    assert not await api.data(endpoint, printerModel=LASER)
    sim.cloud.variants.papers = "code_400"
    assert await api.code(endpoint, printerModel=LASER) == 400


# Documents


def picture(kind: str, frames: int = 1) -> bytes:
    """Draw a small picture; frames for TIFF and GIF."""
    images = [Image.new("RGB", (60, 40), (30 * number, 90, 120)) for number in range(frames)]
    target = BytesIO()
    if frames > 1:
        images[0].save(target, kind, save_all=True, append_images=images[1:])
    else:
        images[0].save(target, kind)
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "pages"),
    [
        ("one.pdf", make_pdf(1), 1),
        ("many.PDF", make_pdf(17), 17),
        ("photo.jpg", picture("JPEG"), 1),
        ("scan.tiff", picture("TIFF", 3), 3),
        ("moving.gif", picture("GIF", 3), 1),
        ("letter.docx", b"PK\x03\x04 not opened", None),
        ("label.prn", b"SIZE 60 mm, 40 mm\r\nPRINT 1\r\n", None),
    ],
)
async def test_page_counts(
    sim: Simulator, api: Api, name: str, content: bytes, pages: int | None
) -> None:
    answer = await api.post("/print/file_pages", api.form(content, name))
    assert answer["data"] == ({} if pages is None else {"pages": pages})
    sim.cloud.variants.unknown_pages = "null"
    answer = await api.post("/print/file_pages", api.form(content, name))
    assert answer["data"] == {"pages": pages}
    assert not list(sim.cloud.spool.glob("upload-*"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.pdf", b"%PDF-1.4 and no more"),
        ("broken.png", picture("PNG")[:40]),
        ("empty.pdf", b""),
        ("book.ofd", b"PK"),
        ("no ending", make_pdf(1)),
    ],
)
async def test_what_cannot_be_converted(
    sim: Simulator, api: Api, name: str, content: bytes
) -> None:
    answer = await api.post("/print/file_pages", api.form(content, name))
    assert int(answer["code"]) == 502
    assert "文件转换失败" in answer["msg"]
    task_id = await api.submit(content, name)
    data = await api.ended(task_id)
    assert data["task_state"] == "SUCCESS"
    assert data["task_result"]["code"] == 502
    assert not sim.cloud.out_tray


@pytest.mark.skipif(find_chromium() is None, reason="no Chromium here")
async def test_html_is_rendered(sim: Simulator, api: Api) -> None:
    breaks = '<p style="break-after: page">甲</p>' * 2
    html = f"<!doctype html><meta charset=utf-8>{breaks}<p>丙</p>".encode()
    answer = await api.post("/print/file_pages", api.form(html, "page.html"))
    assert answer["data"] == {"pages": 3}
    data = await api.ended(await api.submit(html, "page.html", isPreview=1))
    assert len(data["task_result"]["data"]["img_list"]) == 3


async def test_html_without_a_browser_has_no_page_count(
    tmp_path: Path, socket_enabled: None
) -> None:
    async with (
        Simulator(tmp_path / "out", speed=300, chromium="") as sim,
        aiohttp.ClientSession() as session,
    ):
        api = Api(sim, session, sim.box)
        answer = await api.post("/print/file_pages", api.form(b"<p>x", "page.html"))
        assert answer["data"] == {}


@pytest.mark.parametrize(
    ("variant", "status", "text"),
    [("http_413", 413, "413 Request"), ("http_502", 502, "502 Bad"), ("code_400", 200, "文件过大")],
)
@pytest.mark.parametrize("path", ["/print/job", "/print/file_pages"])
async def test_too_large(
    *,
    sim: Simulator,
    session: aiohttp.ClientSession,
    api: Api,
    variant: str,
    status: int,
    text: str,
    path: str,
) -> None:
    sim.cloud.variants.update(too_large=variant)
    sim.cloud.job_limit = sim.cloud.pages_limit = 100_000
    # Seen by the length of the whole body, and only while reading.
    for size in (3_000_000, 100_001):
        async with session.post(
            sim.url + path, data=api.form(b"x" * size), headers={"ApiKey": api.api_key}
        ) as response:
            assert response.status == status
            assert text in await response.text()
    assert not sim.cloud.tasks
    assert not list(sim.cloud.spool.glob("upload-*"))


async def test_links_of_this_machine_only(sim: Simulator, api: Api, listener: Listener) -> None:
    listener.files = {"a": make_pdf(2), "b.pdf": make_pdf(3)}
    url = f"{listener.url}/files/a"
    form = api.form(url, urlFileExt=".pdf")
    assert (await api.post("/print/file_pages", form))["data"] == {"pages": 2}
    both = f"{url}\n{listener.url}/files/b.pdf"
    data = await api.ended(await api.submit(both, urlFileExt=".pdf"))
    assert data["task_result"]["data"] == {
        "file_total": sum(map(len, listener.files.values())),
        "send_total": sum(map(len, listener.files.values())),
        "total_page": 5,
    }
    assert [job.name for job in sim.printed] == ["a.pdf", "b.pdf"]
    assert sim.printed[0].path.read_bytes() == listener.files["a"]
    for gone in ("https://example.com/a.pdf", f"{listener.url}/nothing/c.pdf"):
        data = await api.ended(await api.submit(gone))
        assert data["task_result"]["code"] == 502
        assert data["task_result"]["msg"].startswith("文件下载失败")
    assert await api.refused("ftp://127.0.0.1/a.pdf") == 400


async def test_links_in_a_plain_form(sim: Simulator, api: Api, listener: Listener) -> None:
    listener.files = {"a.pdf": make_pdf(2)}
    fields = {"devicePort": "1", "printerModel": LASER, "dmPaperSize": "9"}
    form = {**api.credentials, **fields, "jobFile": f"{listener.url}/files/a.pdf"}
    url, headers = f"{sim.url}/print/job", {"ApiKey": api.api_key}
    async with api.session.post(url, data=form, headers=headers) as response:
        answer = await response.json()
    assert await api.result(answer["data"]["task_id"]) == ("SUCCESS", 200)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"deviceId=1"),
        ("application/json", b"{"),
        ("application/json", b"[1]"),
        ("application/json", b""),
    ],
)
async def test_bodies_that_are_no_form(
    sim: Simulator, api: Api, content_type: str, body: bytes
) -> None:
    headers = {"ApiKey": api.api_key, "Content-Type": content_type}
    url = f"{sim.url}/print/query_device_task"
    async with api.session.post(url, data=body, headers=headers) as response:
        assert int(json.loads(await response.text())["code"]) == 400


async def test_a_browser_that_hangs_ends_with_the_simulator(
    tmp_path: Path, socket_enabled: None
) -> None:
    pid_file = tmp_path / "pid"
    browser = tmp_path / "chromium"
    browser.write_text(f"#!/bin/sh\necho $$ > {pid_file}\nexec sleep 1000\n")
    browser.chmod(0o700)
    async with (
        Simulator(tmp_path / "out", speed=300, chromium=str(browser)) as sim,
        aiohttp.ClientSession() as session,
    ):
        await Api(sim, session, sim.box).submit(b"<p>x", "page.html")
        await until(lambda: pid_file.exists() and bool(pid_file.read_text()))
        pid = int(pid_file.read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# Jobs


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
    sim.cloud.speed = 2000
    sim.box.online = False
    started = time.monotonic()
    task_id = await api.submit(reportDeviceStatus=0)
    assert await api.result(task_id) == ("SUCCESS", 503)
    assert 15 * 60 < (time.monotonic() - started) * sim.cloud.speed < 22 * 60


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


# How a job ends


@pytest.mark.parametrize("code", [500, 502, 503])
async def test_success_that_is_a_failure(sim: Simulator, api: Api, code: int) -> None:
    sim.cloud.plan(sim.box.printer(1), Outcome(code=code))
    task_id = await api.submit()
    assert await api.result(task_id) == ("SUCCESS", code)
    assert not sim.cloud.out_tray
    assert await api.result(await api.submit()) == ("SUCCESS", 200)


async def test_success_without_a_result(sim: Simulator, api: Api) -> None:
    printer = sim.box.printer(1)
    sim.cloud.plan(printer, Outcome(result=False), Outcome(state="FAILURE", code=500))
    assert await api.result(await api.submit()) == ("SUCCESS", None)
    assert await api.result(await api.submit()) == ("FAILURE", 500)


async def test_result_that_comes_late(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.result_delay = 60
    task_id = await api.submit()
    await until(lambda: sim.cloud.tasks[task_id].state == "SUCCESS")
    data = await api.data("GET /print/job", task_id=task_id)
    assert data["task_state"] == "SUCCESS"
    assert "task_result" not in data
    assert await api.result(task_id) == ("SUCCESS", 200)


async def test_failures_that_printed(sim: Simulator, api: Api) -> None:
    printer = sim.box.printer(1)
    sim.cloud.plan(printer, Outcome(code=503, prints="all"), Outcome(code=503, prints=2))
    assert await api.result(await api.submit(make_pdf(3))) == ("SUCCESS", 503)
    assert [job.pages_out for job in sim.printed] == [3]
    assert await api.result(await api.submit(make_pdf(3))) == ("SUCCESS", 503)
    (partial,) = sim.cloud.partly_printed
    assert partial.pages_out == 2
    assert partial.path.name.startswith("0002-partial-")
    assert len(sim.printed) == 1


async def test_failures_may_tell_how_many_bytes_were_sent(sim: Simulator, api: Api) -> None:
    content = make_pdf(4)
    sim.cloud.variants.failed_totals = "bytes"
    sim.cloud.plan(sim.box.printer(1), Outcome(code=503, prints=2), Outcome(code=503))
    for sent in (len(content) // 2, 0):
        data = await api.ended(await api.submit(content))
        assert data["task_result"]["data"] == {"file_total": len(content), "send_total": sent}


async def test_paper_out_in_the_middle_goes_on_after_the_refill(sim: Simulator, api: Api) -> None:
    laser = sim.box.printer(1)
    laser.paper = 2
    task_id = await api.submit(make_pdf(5))
    await until(lambda: laser.paper == 0)
    await asyncio.sleep(0.1)
    assert sim.cloud.tasks[task_id].state == "SENDING"
    assert sim.cloud.tasks[task_id].pages_out == 2
    assert not sim.cloud.out_tray
    laser.paper = 10
    assert await api.result(task_id) == ("SUCCESS", 200)
    assert laser.paper == 7
    assert sim.printed[0].pages_out == 5


async def test_paper_out_that_fails(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.paper_out = "fails"
    sim.box.printer(1).paper = 1
    task_id = await api.submit(make_pdf(4), dmDuplex=2)
    assert await api.result(task_id) == ("SUCCESS", 500)
    assert [job.pages_out for job in sim.cloud.partly_printed] == [2]
    assert not sim.printed


async def test_box_lost_while_printing(sim: Simulator, api: Api) -> None:
    task_id = await api.submit(make_pdf(50))
    await until(lambda: sim.cloud.tasks[task_id].pages_out >= 1)
    sim.box.online = False
    assert await api.result(task_id) == ("SUCCESS", 503)
    assert 1 <= sim.cloud.partly_printed[0].pages_out < 50


async def test_box_lost_while_printing_can_go_on(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.box_lost = "waits"
    task_id = await api.submit(make_pdf(50))
    await until(lambda: sim.cloud.tasks[task_id].pages_out >= 1)
    sim.box.online = False
    await asyncio.sleep(0.1)
    assert sim.cloud.tasks[task_id].pages_out < 50
    assert not sim.cloud.tasks[task_id].ended.is_set()
    sim.box.online = True
    assert await api.result(task_id) == ("SUCCESS", 200)
    assert [job.pages_out for job in sim.printed] == [50]


async def test_success_before_the_paper(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.success_when = "sent"
    laser = sim.box.printer(1)
    laser.paper = 0
    task_id = await api.submit()
    assert await api.result(task_id) == ("SUCCESS", 200)
    assert not sim.printed
    laser.paper = None
    await until(lambda: len(sim.printed) == 1)


async def test_thirty_failures_pause_the_printer(sim: Simulator, api: Api) -> None:
    laser = sim.box.printer(1)
    sim.cloud.plan(laser, *[Outcome(code=502)] * 4)
    for _number in range(2):
        await api.ended(await api.submit())
    assert await api.refused(make_pdf(1), errLimitNum=2) == 11203
    await api.ended(await api.submit(errLimitNum=3))
    laser.failures = 30
    assert await api.refused(make_pdf(1)) == 11203
    assert await api.refused(make_pdf(1), errLimitNum=500) == 11203
    reset = "POST /print/reset_printing_error_limit"
    assert await api.code(reset, devicePort=1) == 200
    assert laser.failures == 0
    await api.ended(await api.submit())
    laser.failures, laser.last_failure = 30, sim.cloud.now()
    assert await api.refused(make_pdf(1)) == 11203
    sim.cloud.advance(1801)
    assert await api.result(await api.submit()) == ("SUCCESS", 200)


async def test_reset_limits(sim: Simulator, api: Api) -> None:
    reset = "POST /print/reset_printing_error_limit"
    laser = sim.box.printer(1)
    assert await api.code(reset, devicePort=1) == 11201
    for _number in range(10):
        laser.failures = 1
        assert await api.code(reset, devicePort=1) == 200
        assert await api.code(reset, devicePort=1) == 10009
        sim.cloud.advance(61)
    laser.failures = 1
    assert await api.code(reset, devicePort=1) == 11200
    sim.cloud.advance(86400)
    assert await api.code(reset, devicePort=1) == 200


# Taking back


async def test_cancel_a_waiting_job(sim: Simulator, api: Api) -> None:
    laser = sim.box.printer(1)
    laser.paper = 0
    first = await api.submit()
    second = await api.submit()
    await until(lambda: laser.current is not None)
    assert await api.code("DELETE /print/job", task_id=second) == 200
    assert sim.cloud.tasks[second].state == "SET_REVOKE"
    assert await api.result(second) == ("REVOKED", None)
    laser.paper = None
    assert await api.result(first) == ("SUCCESS", 200)
    assert [job.task_id for job in sim.printed] == [first]


async def test_cancel_in_the_middle(sim: Simulator, api: Api) -> None:
    laser = sim.box.printer(1)
    laser.paper = 1
    task_id = await api.submit(make_pdf(3))
    await until(lambda: sim.cloud.tasks[task_id].pages_out == 1)
    await api.data("DELETE /print/job", task_id=task_id)
    assert (await api.result(task_id))[0] == "REVOKED"
    assert [job.pages_out for job in sim.cloud.partly_printed] == [1]
    laser.paper = None
    assert await api.result(await api.submit()) == ("SUCCESS", 200)


@pytest.mark.parametrize(
    ("variant", "end"), [("prints_success", "SUCCESS"), ("prints_revoked", "REVOKED")]
)
async def test_cancel_answered_200_though_it_printed(
    sim: Simulator, api: Api, variant: str, end: str
) -> None:
    sim.cloud.variants.update(cancel=variant)
    task_id = await api.submit()
    assert await api.code("DELETE /print/job", task_id=task_id) == 200
    assert (await api.result(task_id))[0] == end
    assert [job.task_id for job in sim.printed] == [task_id]


async def test_cancel_that_never_ends_or_is_refused(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.cancel = "hangs"
    task_id = await api.submit()
    assert await api.code("DELETE /print/job", task_id=task_id) == 200
    await asyncio.sleep(0.1)
    assert sim.cloud.tasks[task_id].state == "SET_REVOKE"
    sim.cloud.variants.cancel = "code_400"
    task_id = await api.submit()
    assert await api.code("DELETE /print/job", task_id=task_id) == 400
    assert await api.result(task_id) == ("SUCCESS", 200)
    assert len(sim.printed) == 1


async def test_cancel_too_late(sim: Simulator, api: Api) -> None:
    task_id = await api.submit()
    await api.ended(task_id)
    assert await api.code("DELETE /print/job", task_id=task_id) == 200
    assert await api.result(task_id) == ("SUCCESS", 200)
    sim.cloud.variants.cancel_finished = "code_400"
    assert await api.code("DELETE /print/job", task_id=task_id) == 400


async def test_flush_takes_everybodys_waiting_jobs(sim: Simulator, api: Api) -> None:
    laser = sim.box.printer(1)
    laser.paper = 0
    first = await api.submit()
    await until(lambda: laser.current is not None)
    waiting = [await api.submit(), sim.cloud.print_as_someone_else(sim.box, laser).task_id]
    beside = await api.submit(devicePort=4, printerModel="HP LaserJet 1020")
    assert await api.data("POST /print/flush_jobs", devicePort=1) == {"queue_num": 2}
    for task_id in waiting:
        assert (await api.result(task_id))[0] == "REVOKED"
    laser.paper = None
    assert await api.result(first) == ("SUCCESS", 200)
    assert await api.result(beside) == ("SUCCESS", 200)


# Previews


async def test_preview_and_its_ticket(sim: Simulator, api: Api) -> None:
    content = make_pdf(4)
    data = await api.ended(await api.submit(content, "plan.pdf", isPreview=1, jpPageRange="2,4"))
    result = data["task_result"]["data"]
    assert result["total_page"] == 2
    assert len(result["img_list"]) == 2
    async with api.session.get(result["img_list"][0]) as response:
        image = Image.open(BytesIO(await response.read()))
    expected = pypdfium2.PdfDocument(content)[1].render(scale=1000 / 842).to_pil()
    assert max(image.size) in (1000, 1001)
    assert image.convert("L").resize((50, 70)) == expected.convert("L").resize((50, 70))
    async with api.session.get(result["img_list"][0].replace("1.png", "9.png")) as response:
        assert response.status == 404
    assert not sim.cloud.out_tray
    # The ticket stands for the document: jobFile is then ignored.
    task_id = await api.submit(b"ignored", "b.pdf", taskTicket=result["task_ticket"])
    assert await api.result(task_id) == ("SUCCESS", 200)
    assert sim.printed[0].path.read_bytes() == content
    assert sim.printed[0].name == "plan.pdf"


@pytest.mark.parametrize("name", ["taskTicket", "ticket", "none"])
async def test_names_of_the_ticket(sim: Simulator, api: Api, name: str) -> None:
    sim.cloud.variants.update(ticket_name=name)
    data = await api.ended(await api.submit(picture("PNG"), "a.png", isPreview=1))
    known = {"file_total", "send_total", "total_page", "img_list"}
    assert set(data["task_result"]["data"]) - known == ({name} - {"none"})


async def test_preview_of_what_nobody_can_open(api: Api) -> None:
    data = await api.ended(await api.submit(b"PK", "table.xlsx", isPreview=1))
    assert data["task_result"]["data"]["img_list"] == []
    assert "total_page" not in data["task_result"]["data"]


async def test_preview_that_fails_with_a_code_of_its_own(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.failed_preview = "code_10015"
    assert await api.result(await api.submit(b"x", "a.pdf", isPreview=1)) == ("SUCCESS", 10015)


# The day's list


async def day_list(api: Api) -> list[dict[str, Any]]:
    """Give the box's tasks of the last 24 hours."""
    data = await api.data("POST /print/query_device_task")
    rows: list[dict[str, Any]] = data["task_list"]
    return rows


async def test_day_list(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.list_lag = 0
    sim.cloud.plan(sim.box.printer(1), Outcome(code=503))
    first = await api.submit()
    await api.ended(first)
    second = await api.submit()
    await api.ended(second)
    rows = await day_list(api)
    assert [row["task_id"] for row in rows] == [second, first]
    assert [row["result"]["code"] for row in rows] == [200, 503]
    assert {row["status"] for row in rows} == {"SUCCESS"}
    assert [row["job_status"] for row in rows] == [1, 0]
    fields = "task_id status result job_id job_status create_at updated_at"
    assert all(list(row) == fields.split() and row["job_id"] == "" for row in rows)
    shown = datetime.strptime(rows[0]["create_at"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    assert abs(shown - datetime.now(UTC)) < timedelta(seconds=10)
    sim.cloud.variants.list_order = "oldest_first"
    assert [row["task_id"] for row in await day_list(api)] == [first, second]


async def test_day_list_lags(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.list_lag = 90
    task_id = await api.submit()
    await api.ended(task_id)
    assert await day_list(api) == []
    sim.cloud.advance(80)
    assert await day_list(api) == []
    sim.cloud.advance(11)
    assert [row["status"] for row in await day_list(api)] == ["SUCCESS"]
    # What it shows is as old as that: a later change is not yet there.
    sim.box.printer(1).paper = 0
    waiting = await api.submit()
    await until(lambda: sim.cloud.tasks[waiting].state == "SENDING")
    sim.cloud.advance(95)
    assert [row["status"] for row in await day_list(api)] == ["SENDING", "SUCCESS"]
    sim.box.printer(1).paper = None
    await api.ended(waiting)
    assert [row["status"] for row in await day_list(api)] == ["SENDING", "SUCCESS"]


async def test_day_list_lag_can_differ(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.update(list_lag=120, list_lag_random=True)
    for _number in range(5):
        await api.submit(isPreview=1)
    lags = {task.lag for task in sim.cloud.tasks.values()}
    assert len(lags) > 1
    assert all(0 <= lag <= 120 for lag in lags)


async def test_day_list_spans_24_hours_across_midnight(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.list_lag = 0
    now = datetime.now(CHINA)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    sim.cloud.advance((midnight - now).total_seconds() - 30)
    yesterday = await api.submit()
    await api.ended(yesterday)
    sim.cloud.advance(60)
    today = await api.submit()
    await api.ended(today)
    assert [row["task_id"] for row in await day_list(api)] == [today, yesterday]
    sim.cloud.advance(24 * 3600 - 80)
    assert [row["task_id"] for row in await day_list(api)] == [today, yesterday]
    sim.cloud.advance(40)
    assert [row["task_id"] for row in await day_list(api)] == [today]
    sim.cloud.advance(60)
    assert await day_list(api) == []


async def test_day_list_of_one_state(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.list_lag = 0
    await api.ended(await api.submit())
    sim.box.printer(1).paper = 0
    waiting = await api.submit()
    await until(lambda: sim.cloud.tasks[waiting].state == "SENDING")
    for status, count in (("null", 2), ("SUCCESS", 1), ("SENDING", 1), ("READY", 0)):
        data = await api.data("POST /print/query_device_task", status=status)
        assert len(data["task_list"]) == count


async def test_clock_that_is_off(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.update(list_lag=0, clock_skew=180)
    data = await api.ended(await api.submit())
    assert 170 < data["task_done_timestamp"] / 1000 - time.time() < 190
    (row,) = await day_list(api)
    shown = datetime.strptime(row["create_at"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    assert 165 < (shown - datetime.now(UTC)).total_seconds() < 190


async def test_foreign_jobs(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.list_lag = 0
    laser = sim.box.printer(1)
    foreign = sim.cloud.print_as_someone_else(sim.box, laser)
    ours = await api.submit()
    await api.ended(ours)
    assert {row["task_id"] for row in await day_list(api)} == {ours, foreign.task_id}
    assert [job.task_id for job in sim.printed] == [ours]
    assert [job.foreign for job in sim.cloud.out_tray] == [True, False]
    # It took its turn on the printer.
    assert foreign.history[-1].time <= sim.cloud.tasks[ours].history[1].time


# Callbacks


async def test_callback_at_the_end(sim: Simulator, api: Api, listener: Listener) -> None:
    task_id = await api.submit(callbackUrl=f"{listener.url}/hook?job=a%20b")
    await until(lambda: len(listener.bodies) == 1)
    (body,) = listener.bodies
    assert body["device_id"] == sim.device_id
    assert body["task_id"] == task_id
    assert body["task_state"] == "SUCCESS"
    assert body["task_result"] == {"code": 200, "msg": "success"}
    for name in ("create_time", "finish_time"):
        shown = datetime.strptime(body[name], "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
        assert abs(shown - datetime.now(UTC)) < timedelta(seconds=10)
    await asyncio.sleep(0.1)
    assert len(listener.bodies) == 1
    (delivery,) = sim.cloud.deliveries
    assert (delivery.status, delivery.attempt, delivery.sent) == (200, 1, True)


async def test_callback_at_each_state(sim: Simulator, api: Api, listener: Listener) -> None:
    sim.cloud.speed = 50
    sim.cloud.variants.callbacks = "each_state"
    await api.submit(callbackUrl=f"{listener.url}/hook")
    await until(lambda: len(listener.bodies) == 4)
    assert listener.states == ["READY", "PARSING", "SENDING", "SUCCESS"]
    assert "task_result" not in listener.bodies[0]
    assert "finish_time" not in listener.bodies[0]


async def test_callbacks_in_reverse_and_twice(sim: Simulator, api: Api, listener: Listener) -> None:
    sim.cloud.variants.update(
        callbacks="each_state", callback_order="reversed", callback_duplicates=1
    )
    await api.submit(callbackUrl=f"{listener.url}/hook")
    await until(lambda: len(listener.bodies) == 8)
    order = ["SUCCESS", "SENDING", "PARSING", "READY"]
    assert listener.states == [state for state in order for _twice in range(2)]


async def test_callback_before_the_answer(sim: Simulator, api: Api, listener: Listener) -> None:
    sim.cloud.variants.callbacks = "before_answer"
    task_id = await api.submit(callbackUrl=f"{listener.url}/hook")
    assert [body["task_id"] for body in listener.bodies] == [task_id]
    assert listener.states == ["SUCCESS"]


async def test_no_callback(sim: Simulator, api: Api, listener: Listener) -> None:
    sim.cloud.variants.callbacks = "never"
    await api.ended(await api.submit(callbackUrl=f"{listener.url}/hook"))
    sim.cloud.variants.callbacks = "end"
    await api.ended(await api.submit())
    await asyncio.sleep(0.1)
    assert not sim.cloud.deliveries


async def test_callback_as_form_with_other_times(
    sim: Simulator, api: Api, listener: Listener
) -> None:
    sim.cloud.variants.update(
        callback_encoding="form", callback_times="rfc1123", callback_code_type="str"
    )
    await api.submit(callbackUrl=f"{listener.url}/hook")
    await until(lambda: len(listener.bodies) == 1)
    assert listener.types == ["application/x-www-form-urlencoded"]
    assert json.loads(listener.bodies[0]["task_result"])["code"] == "200"
    assert listener.bodies[0]["create_time"].endswith("GMT")
    sim.cloud.variants.update(callback_encoding="json", callback_times="ms", callback_delay=5)
    await api.submit(callbackUrl=f"{listener.url}/hook")
    await until(lambda: len(listener.bodies) == 2)
    assert abs(listener.bodies[1]["create_time"] / 1000 - time.time()) < 10


async def test_callback_repeats_until_200(sim: Simulator, api: Api, listener: Listener) -> None:
    listener.replies = [500, 404]
    await api.submit(callbackUrl=f"{listener.url}/hook")
    await until(lambda: len(listener.bodies) == 3)
    await asyncio.sleep(0.1)
    assert len(listener.bodies) == 3
    assert listener.bodies[0] == listener.bodies[2]
    assert [one.status for one in sim.cloud.deliveries] == [500, 404, 200]


async def test_callback_is_dropped_after_0_5_and_10_seconds(
    sim: Simulator, api: Api, listener: Listener
) -> None:
    sim.cloud.speed = 30
    listener.replies = [503] * 10
    await api.submit(callbackUrl=f"{listener.url}/hook")
    await until(lambda: len(sim.cloud.deliveries) == 4)
    await asyncio.sleep(0.5)
    assert len(listener.bodies) == 4
    times = [one.time for one in sim.cloud.deliveries]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[0] < gaps[1] < gaps[2]
    assert gaps[1] >= 5 / 30
    assert gaps[2] >= 10 / 30


async def test_callback_nobody_listens_to(sim: Simulator, api: Api) -> None:
    async with listening() as gone:
        url = gone.url
    await api.submit(callbackUrl=f"{url}/hook")
    await until(lambda: len(sim.cloud.deliveries) == 4)
    assert {one.status for one in sim.cloud.deliveries} == {None}


async def test_callbacks_leave_this_machine_never(sim: Simulator, api: Api) -> None:
    for url in (
        "https://example.com/hook",
        "http://192.168.1.1/",
        "file:///etc/passwd",
        "http://[",
    ):
        await api.ended(await api.submit(callbackUrl=url))
    await until(lambda: len(sim.cloud.deliveries) == 4)
    assert not any(one.sent for one in sim.cloud.deliveries)


# Pushes


async def test_push_shapes(sim: Simulator, admin: Callable[..., Any], listener: Listener) -> None:
    await admin("POST", "/accounts/office", push_url=f"{listener.url}/hook")
    for shape in PUSH_SHAPES:
        answer = await admin("POST", "/push", device_id=sim.device_id, shape=shape)
        assert answer == {"status": 200}
    await admin("POST", "/push", device_id=sim.device_id, encoding="form", event="printer_plug")
    assert listener.bodies[0]["device_id"] == sim.device_id
    assert listener.bodies[4]["data"]["device_id"] == sim.device_id
    assert listener.bodies[-1]["event"] == "printer_plug"
    assert listener.types[-1] == "application/x-www-form-urlencoded"
    named = [sim.device_id in json.dumps(body) for body in listener.bodies]
    assert named == [True] * 6 + [False] * 3 + [True]


async def test_pushes_by_themselves(sim: Simulator, listener: Listener) -> None:
    account = sim.cloud.accounts[0]
    account.push_url, account.auto_push = f"{listener.url}/hook", True
    sim.box.online = False
    sim.box.online = False
    await until(lambda: len(listener.bodies) == 1)
    sim.box.printer(1).on = False
    await until(lambda: len(listener.bodies) == 2)
    sim.box.printer(1).plugged = False
    sim.box.online = True
    await until(lambda: len(listener.bodies) == 3)
    events = [body["event"] for body in listener.bodies]
    assert events == ["device_offline", "printer_unplug", "device_online"]


# Rate


async def test_over_sixty_requests_a_minute_the_key_is_banned(
    tmp_path: Path, socket_enabled: None
) -> None:
    async with (
        Simulator(tmp_path / "out", speed=300) as sim,
        aiohttp.ClientSession() as session,
    ):
        api = Api(sim, session, sim.box)
        for _number in range(60):
            await api.data("GET /device/device_info")
        sim.cloud.advance(61)
        for _number in range(60):
            await api.data("GET /device/device_info")
        assert not any(account.banned for account in sim.cloud.accounts)
        for wait in (0, 120):
            sim.cloud.advance(wait)
            async with session.get(
                f"{sim.url}/device/device_info", headers={"ApiKey": api.api_key}
            ) as response:
                assert response.status == 403
        assert [account.banned for account in sim.cloud.accounts] == [True, False]
        other = Api(sim, session, list(sim.cloud.boxes.values())[2])
        assert await other.code("GET /device/device_info") == 200
        assert sim.cloud.banned
        assert sim.cloud.count("GET /device/device_info") == 123
        assert [one.status for one in sim.cloud.requests][-3:] == [403, 403, 200]


async def test_no_limit_when_asked_for(sim: Simulator, api: Api) -> None:
    sim.cloud.rate_limit = None
    sim.cloud.variants.latency = 0.01
    await asyncio.gather(*(api.data("GET /device/device_info") for _number in range(100)))
    assert sim.cloud.accounts[0].max_in_flight > 4


# Faults


async def broken(api: Api, endpoint: str = "POST /print/job", size: int = 0) -> Any:
    """Meet a fault; gives the exception, or status and text."""
    try:
        if endpoint == "POST /print/job":
            form = api.form(make_pdf(1) + b"%" * size)
            request = api.session.post(
                f"{api.sim.url}/print/job", data=form, headers={"ApiKey": api.api_key}
            )
        else:
            request = api.session.get(
                api.sim.url + endpoint.split(" ")[1],
                params=api.credentials,
                headers={"ApiKey": api.api_key},
                timeout=aiohttp.ClientTimeout(total=0.3),
            )
        async with request as response:
            return response.status, await response.text()
    except (aiohttp.ClientError, TimeoutError) as error:
        return error


@pytest.mark.parametrize(
    ("kind", "accepted"),
    [
        ("refuse", 0),
        ("reset_before", 0),
        ("reset_mid_body", 0),
        ("reset_after_body", 0),
        ("reset_after_accept", 1),
    ],
)
@pytest.mark.parametrize("size", [0, 3_000_000])
@pytest.mark.parametrize("filtered", [False, True])
async def test_broken_connections(
    *, sim: Simulator, api: Api, kind: Any, accepted: int, size: int, filtered: bool
) -> None:
    fault = Fault(kind=kind, box=sim.device_id if filtered else None)
    planned = sim.cloud.fail("POST /print/job", fault)
    assert isinstance(await broken(api, size=size), aiohttp.ClientError)
    assert planned.hits == 1
    assert len(sim.cloud.tasks) == accepted
    assert sim.cloud.requests[-1].status is None
    assert sim.cloud.requests[-1].fault == kind
    status, _text = await broken(api)
    assert status == 200
    assert len(sim.cloud.tasks) == accepted + 1
    await until(lambda: len(sim.printed) == accepted + 1)
    assert not list(sim.cloud.spool.glob("upload-*"))


async def test_faults_of_another_box_do_no_harm(sim: Simulator, api: Api) -> None:
    other = list(sim.cloud.boxes)[1]
    sim.cloud.fail("*", Fault(kind="reset_before", box=other), times=None)
    await api.data("GET /device/device_info")
    await api.ended(await api.submit())
    await api.data("POST /print/query_device_task")
    assert sim.cloud.faults.planned[0].hits == 0


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize(
    ("fault", "status", "check"),
    [
        ({"kind": "http"}, 500, lambda text: text == "Internal Server Error"),
        ({"kind": "http", "status": 502}, 502, lambda text: "<h1>502 Bad Gateway" in text),
        ({"kind": "empty"}, 200, lambda text: text == ""),
        ({"kind": "truncated"}, 200, lambda text: text.startswith('{"code"') and text[-1] != "}"),
        ({"kind": "not_json"}, 200, lambda text: text.startswith("<html>")),
        (
            {"kind": "code", "code": 503, "msg": "x"},
            200,
            lambda text: json.loads(text)["code"] == 503,
        ),
        ({"kind": "code", "code": "500"}, 200, lambda text: json.loads(text)["code"] == "500"),
    ],
)
async def test_broken_answers(
    *,
    sim: Simulator,
    api: Api,
    fault: dict[str, Any],
    status: int,
    check: Callable[[str], bool],
    done: bool,
) -> None:
    sim.cloud.fail("POST /print/job", Fault(done=done, **fault))
    answer = await broken(api)
    assert answer[0] == status
    assert check(answer[1])
    assert len(sim.cloud.tasks) == done


@pytest.mark.parametrize("shape", SHAPES)
async def test_wrong_types(sim: Simulator, api: Api, shape: Any) -> None:
    sim.cloud.fail("GET /device/device_info", Fault(kind="wrong_types", shape=shape))
    right = await api.data("GET /external_api/printer_list")
    assert isinstance(right, dict)
    status, text = await broken(api, "GET /device/device_info")
    assert status == 200
    if shape == "deep":
        assert text.count("[") == 5000
        return
    answer = json.loads(text)
    right = await api.ask("GET /device/device_info")
    assert answer != right
    if shape == "swap":
        assert answer["data"]["info"].keys() == right["data"]["info"].keys()
        assert isinstance(answer["data"]["info"]["expire_date"], list)


async def test_codes_as_strings_on_demand(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.code_type = "int"
    sim.cloud.fail("POST /print/job", Fault(kind="string_codes"))
    _status, text = await broken(api)
    assert json.loads(text)["code"] == "200"
    assert len(sim.cloud.tasks) == 1


@pytest.mark.parametrize("done", [False, True])
async def test_hanging(sim: Simulator, api: Api, done: bool) -> None:
    sim.cloud.fail("POST /print/job", Fault(kind="timeout", seconds=0.2, done=done))
    started = time.monotonic()
    assert isinstance(await broken(api), aiohttp.ClientError)
    assert time.monotonic() - started >= 0.2
    assert len(sim.cloud.tasks) == done
    sim.cloud.fail("GET /device/*", Fault(kind="timeout"))
    assert isinstance(await broken(api, "GET /device/device_info"), TimeoutError)
    # Closing the simulator does not wait for the hour that is left.


async def test_delay_and_latency(sim: Simulator, api: Api) -> None:
    sim.cloud.fail("GET /device/device_info", Fault(kind="delay", seconds=0.1))
    started = time.monotonic()
    await api.data("GET /device/device_info")
    assert time.monotonic() - started >= 0.1
    sim.cloud.variants.latency = 0.1
    started = time.monotonic()
    await api.data("GET /device/device_info")
    assert time.monotonic() - started >= 0.1


async def test_how_often_a_fault_is_met(sim: Simulator, api: Api) -> None:
    endpoint = "GET /device/device_info"
    sim.cloud.fail(endpoint, Fault(kind="code", code=10009), times=2)
    assert [await api.code(endpoint) for _number in range(3)] == [10009, 10009, 200]
    sim.cloud.fail("GET *", Fault(kind="code", code=497), times=None)
    assert [await api.code(endpoint) for _number in range(3)] == [497] * 3
    sim.cloud.faults.clear()
    assert await api.code(endpoint) == 200


async def test_refused_connections(sim: Simulator, api: Api) -> None:
    await api.data("GET /device/device_info")
    await sim.stop_listening()
    with pytest.raises(aiohttp.ClientConnectorError):
        await api.data("GET /device/device_info")
    await sim.start_listening()
    await api.data("GET /device/device_info")


async def test_an_upload_that_breaks_off_is_not_accepted(sim: Simulator, api: Api) -> None:
    form = api.form(make_pdf(1))()
    body = BytesIO()

    class Writer:
        async def write(self, chunk: bytes) -> None:
            body.write(chunk)

    await form.write(Writer())  # type: ignore[arg-type]  # all that the form asks of a writer
    content = body.getvalue()
    head = (
        f"POST /api/print/job HTTP/1.1\r\nHost: localhost\r\nApiKey: {api.api_key}\r\n"
        f"Content-Type: {form.headers['Content-Type']}\r\nContent-Length: {len(content)}\r\n\r\n"
    ).encode()
    _reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    writer.write(head + content[:-6])
    await writer.drain()
    writer.close()
    await until(lambda: len(sim.cloud.requests) == 1)
    assert sim.cloud.requests[-1].status is None
    assert not sim.cloud.tasks
    assert not list(sim.cloud.spool.glob("upload-*"))
    # With its last bytes the same upload is a job.
    _reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    writer.write(head + content)
    await until(lambda: len(sim.cloud.tasks) == 1)
    writer.close()


def test_fault_names_are_checked() -> None:
    assert {"refuse", "timeout", "code"} <= set(KINDS)
    with pytest.raises(ValueError, match="no fault"):
        Fault(kind="nonsense")  # type: ignore[arg-type]  # the mistake is the test


# Scanning


async def test_scanning(sim: Simulator, api: Api) -> None:
    rows = (await api.data("GET /scanning/scanner_list"))["row"]
    assert [row["name"] for row in rows] == [LASER, "EPSON L3250 Series"]
    scanner = rows[0]["id"]
    assert (await api.data("GET /scanning/scanner_status", scanningId=scanner))["status"] == "idle"
    params = await api.data("GET /scanning/scanner_params", scanningId=scanner)
    assert params["inputSource"] == ["Platen", "ADF"]
    assert await api.code("POST /scanning/job", scanningId=scanner, inputSource="Lap") == 400
    assert await api.code("POST /scanning/job", scanningId=7) == 497
    data = await api.data("POST /scanning/job", scanningId=scanner, format="PDF")
    task_id = data["task_id"]
    await until(lambda: sim.cloud.scans[task_id]["state"] == "SUCCESS")
    answer = await api.data("GET /scanning/job", task_id=task_id)
    assert answer["task_result"]["code"] == 200
    data = await api.data("POST /scanning/job", scanningId=scanner)
    async with api.session.delete(
        f"{sim.url}/scanning/job",
        json={**api.credentials, "task_id": data["task_id"]},
        headers={"ApiKey": api.api_key},
    ) as response:
        assert int((await response.json())["code"]) == 200
    assert (await api.data("GET /scanning/job", task_id=data["task_id"]))["task_state"] == "REVOKED"


# Admin, command line, the rest


async def test_admin_walk(sim: Simulator, api: Api, admin: Callable[..., Any]) -> None:
    box = f"/boxes/{sim.device_id}"
    overview = await admin("GET", "/")
    assert [len(one["printers"]) for one in overview["boxes"]] == [6, 1, 1]
    assert overview["boxes"][0]["qr_link"] == sim.qr_link
    await admin("POST", box, online=False, expire_date="2026-12-01")
    data = await api.data("GET /device/device_info")
    assert (data["info"]["online"], data["info"]["expire_date"]) == (0, "2026年12月1日")
    await admin("POST", box, online=True, account=None)
    assert await api.code("GET /device/device_info") == 11013
    await admin("POST", box, account="office")
    await admin("POST", f"{box}/printers/1", paper=0)
    assert sim.box.printer(1).state == "outOfPaper"
    await admin("POST", f"{box}/printers/192.168.1.40", markers=[{"name": "K", "level": 3}])
    await admin("POST", f"{box}/printers/5", hash_id="12345")
    assert sim.box.printer(5).hash_id == "12345"
    await admin("POST", f"{box}/printers/3/support", model="HP LaserJet 1020")
    assert sim.box.printer(3).driver_type == 1
    await admin("POST", f"{box}/printers/1", paper=None)
    planned = await admin("POST", f"{box}/printers/1/outcomes", outcomes=[{"code": 503}])
    assert planned == {"planned": 1}
    task_id = await api.submit()
    assert await api.result(task_id) == ("SUCCESS", 503)
    foreign = await admin("POST", f"{box}/printers/1/foreign", copies=2)
    await api.ended(foreign["task_id"])
    tasks = await admin("GET", "/tasks")
    assert [task["foreign"] for task in tasks] == [False, True]
    printed = await admin("GET", "/printed")
    assert [job["foreign"] for job in printed] == [True]
    await admin("POST", f"{box}/printers", model=LASER, port=6)
    assert sim.box.printer(6).driver_name == LASER
    await admin("DELETE", f"{box}/printers/6")
    with pytest.raises(LookupError):
        sim.box.printer(6)
    made = await admin("POST", "/boxes", count=3, printers=2, account="shop")
    assert len(made) == 3
    assert sim.cloud.boxes[made[0]["device_id"]].account is sim.cloud.accounts[1]
    await admin("DELETE", f"/boxes/{made[0]['device_id']}")
    assert made[0]["device_id"] not in sim.cloud.boxes
    log = await admin("GET", "/requests?endpoint=POST /print/job")
    assert [one["path"] for one in log] == ["/print/job"]
    await admin("DELETE", "/requests")
    assert sim.cloud.count("POST /print/job") == 0


async def test_admin_settings(sim: Simulator, api: Api, admin: Callable[..., Any]) -> None:
    assert (await admin("POST", "/variants", bad_key="http_403"))["bad_key"] == "http_403"
    assert (await admin("GET", "/variants"))["list_lag"] == 10
    await admin("POST", "/settings", speed=10, rate_limit=None, job_limit=1000)
    assert (sim.cloud.speed, sim.cloud.rate_limit, sim.cloud.job_limit) == (10, None, 1000)
    before = sim.cloud.now()
    await admin("POST", "/clock", advance=3600)
    assert sim.cloud.now() - before >= 3600
    answer = await admin("POST", "/faults", endpoint="GET *", kind="code", code=10009, times=None)
    assert answer["id"] == 1
    assert await api.code("GET /device/device_info") == 10009
    (fault,) = await admin("GET", "/faults")
    assert (fault["hits"], fault["code"], fault["times"]) == (1, 10009, None)
    await admin("DELETE", "/faults")
    account = await admin("POST", "/accounts", name="third")
    assert len(account["api_key"]) == 32
    renewed = await admin("POST", "/accounts/third/renew")
    assert renewed["api_key"] != account["api_key"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/variants", {"nothing": 1}),
        ("/variants", {"callbacks": "sometimes"}),
        ("/variants", {"list_lag": "long"}),
        ("/settings", {"speed": 0}),
        ("/settings", {"rate_limit": "none"}),
        ("/boxes/nothing", {"online": False}),
        ("/boxes/{box}", {"colour": "red"}),
        ("/boxes/{box}", {"online": "no"}),
        ("/boxes/{box}", {"account": "nobody"}),
        ("/boxes/{box}/printers/99", {"on": False}),
        ("/boxes/{box}/printers/abc", {"on": False}),
        ("/boxes/{box}/printers/1", {"off_mode": "asleep"}),
        ("/boxes/{box}/printers/1/outcomes", {"outcomes": [{"prints": "some"}]}),
        ("/faults", {"endpoint": "*", "kind": "flood"}),
        ("/faults", {"endpoint": "*", "kind": "empty", "when": "now"}),
        ("/faults", {"endpoint": "*", "kind": "empty", "times": "often"}),
        ("/push", {"device_id": "nothing"}),
        ("/callback", {"task_id": "nothing"}),
        ("/clock", {}),
    ],
)
async def test_admin_mistakes_are_told(
    sim: Simulator, session: aiohttp.ClientSession, path: str, body: dict[str, Any]
) -> None:
    url = sim.admin_url + path.format(box=sim.device_id)
    async with session.post(url, json=body) as response:
        assert response.status == 400
        assert (await response.json())["error"]


async def test_admin_callback_of_any_kind(
    sim: Simulator, api: Api, admin: Callable[..., Any], listener: Listener
) -> None:
    sim.cloud.variants.callbacks = "never"
    task_id = await api.submit(callbackUrl=f"{listener.url}/hook")
    await admin("POST", "/callback", task_id=task_id, state="FAILURE", code=500)
    await admin(
        "POST", "/callback", task_id=task_id, url=f"{listener.url}/hook", override={"task_id": "?"}
    )
    assert listener.states[0] == "FAILURE"
    assert listener.bodies[0]["task_result"]["code"] == 500
    assert listener.bodies[1]["task_id"] == "?"
    deliveries = await admin("GET", "/deliveries")
    assert [one["kind"] for one in deliveries] == ["callback", "callback"]


async def test_admin_outage(sim: Simulator, api: Api, admin: Callable[..., Any]) -> None:
    async def refused() -> bool:
        try:
            await api.data("GET /device/device_info")
        except aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError:
            return True
        return False

    sim.cloud.rate_limit = None
    await admin("POST", "/outage", seconds=0.3)
    for wanted in (True, False):
        for _attempt in range(500):
            if await refused() is wanted:
                break
            await asyncio.sleep(0.01)
        else:
            pytest.fail(f"refused never became {wanted}")


async def test_qr_picture(sim: Simulator, session: aiohttp.ClientSession) -> None:
    async with session.get(f"{sim.admin_url}/qr/{sim.device_id}.png") as response:
        content = await response.read()
    assert content == qr_png(qr_link(sim.device_id, sim.device_key))
    image = Image.open(BytesIO(content))
    assert image.format == "PNG"
    pyzbar = pytest.importorskip("pyzbar.pyzbar", exc_type=ImportError)
    (found,) = pyzbar.decode(image)
    assert found.data.decode() == sim.qr_link
    async with session.get(f"{sim.admin_url}/qr/nothing.png") as response:
        assert response.status == 404


def test_qr_link_has_the_documented_shape() -> None:
    link = qr_link("lk00ab00000000", "AbCdEfGh12345678")
    assert link == (
        "https://printing.liankenet.com/?token=bGswMGFiMDAwMDAwMDA6QWJDZEVmR2gxMjM0NTY3OA=="
        "#/home?isMainPage=1&isBack=1"
    )


async def test_a_fleet(tmp_path: Path, socket_enabled: None) -> None:
    async with (
        Simulator(tmp_path / "out", speed=1000, rate_limit=None) as sim,
        aiohttp.ClientSession() as session,
    ):
        boxes = [sim.cloud.add_box(printers=3) for _number in range(100)]
        assert len({box.device_id for box in boxes}) == 100
        assert len({box.device_key for box in boxes}) == 100
        assert len({printer.id for box in boxes for printer in box.printers}) == 300
        apis = [Api(sim, session, box) for box in boxes]
        lists = await asyncio.gather(
            *(one.data("GET /external_api/printer_list", printerType=3) for one in apis)
        )
        assert {one["total"] for one in lists} == {3}
        tasks = await asyncio.gather(*(one.submit() for one in apis))
        await asyncio.gather(*(one.ended(task) for one, task in zip(apis, tasks, strict=True)))
        assert {job.device_id for job in sim.printed} == {box.device_id for box in boxes}


async def test_everything_ends_with_the_simulator(tmp_path: Path, socket_enabled: None) -> None:
    before = asyncio.all_tasks()
    async with (
        Simulator(tmp_path / "out", speed=1) as sim,
        aiohttp.ClientSession() as session,
    ):
        api = Api(sim, session, sim.box)
        for _number in range(3):
            await api.submit(make_pdf(100))
        sim.cloud.reboot(sim.box)
    assert asyncio.all_tasks() == before
    assert not sim.cloud.spool.exists()


async def test_an_error_inside_is_not_swallowed(tmp_path: Path, socket_enabled: None) -> None:
    async def fail() -> None:
        raise RuntimeError("a mistake in the simulator")

    simulator = Simulator(tmp_path / "out")
    await simulator.start()
    simulator.cloud.spawn(fail())
    await asyncio.sleep(0)
    with pytest.raises(ExceptionGroup, match="the simulator failed"):
        await simulator.stop()


async def test_command_line(tmp_path: Path, socket_enabled: None) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.simulator", "--port", "0", "--out", str(tmp_path / "tray")),
        *("--scenario", "single", "--speed", "100", "--variant", "list_lag=0"),
        cwd=Path(__file__).parents[1],
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        greeting = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
        assert greeting.keys() == {"url", "api_key", "device_id", "device_key", "qr_link"}
        assert greeting["qr_link"] == qr_link(greeting["device_id"], greeting["device_key"])
        async with (
            aiohttp.ClientSession() as session,
            session.get(
                f"{greeting['url']}/device/device_info",
                params={"deviceId": greeting["device_id"], "deviceKey": greeting["device_key"]},
                headers={"ApiKey": greeting["api_key"]},
            ) as response,
        ):
            assert (await response.json())["code"] == 200
    finally:
        process.send_signal(signal.SIGTERM)
        rest, _errors = await asyncio.wait_for(process.communicate(), 30)
    assert rest == b""
    assert process.returncode == 0


def test_variants_are_checked() -> None:
    variants = Variants(callbacks="never")
    assert variants.callbacks == "never"
    with pytest.raises(ValueError, match="no variant"):
        variants.update(callback="never")
    with pytest.raises(ValueError, match="cannot be"):
        variants.update(busy_is_printer=True)
    with pytest.raises(ValueError, match="cannot be"):
        variants.update(missing_blocks="Papers")


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("", [1, 2, 3, 4, 5, 6]),
        ("2", [2]),
        ("1,2,5-10", [1, 2, 5, 6]),
        ("-1", [1, 3, 5]),
        ("-2", [2, 4, 6]),
        ("9", []),
        ("3, 1", [3, 1]),
    ],
)
def test_page_ranges(text: str, pages: list[int]) -> None:
    assert parse_page_range(text)(6) == pages


@pytest.mark.parametrize("text", ["0", "1-", "a", "2-1", "-3", "1,,2"])
def test_bad_page_ranges(text: str) -> None:
    with pytest.raises(ApiError):
        parse_page_range(text)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a\x00b.pdf", "a_b.pdf"),
        ("", "document"),
        ("甲" * 200 + ".pdf", "甲" * 50 + ".pdf"),
    ],
)
def test_names_in_the_out_tray(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_the_readme_names_everything() -> None:
    folder = Path(__file__).parent / "simulator"
    text = (folder / "README.md").read_text(encoding="utf-8")
    names = [field.name for field in fields(Variants)]
    names += [
        *KINDS,
        *SHAPES,
        *PUSH_SHAPES,
        *BOX_FIELDS,
        *PRINTER_FIELDS,
        *ACCOUNT_FIELDS,
        *SETTINGS,
    ]
    for field in fields(Variants):
        names += [choice for choice in get_args(field.type) if isinstance(choice, str)]
    assert [name for name in names if f"`{name}`" not in text] == []
    modules = [path.name for path in folder.iterdir() if path.suffix == ".py"]
    unnamed = [name for name in modules if not name.startswith("__") and f"`{name}`" not in text]
    assert unnamed == []
