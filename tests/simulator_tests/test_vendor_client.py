"""The vendor's own PHP client runs against the simulator as it is: each of its calls, in its words."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.simulator import Simulator, make_pdf
from tests.simulator_tests.client import LASER, Api, Listener

# PHP's curl gives a GET a form without fields: an empty one today, a multipart one without parts in older versions.
BODIES = {
    "of today": ("application/x-www-form-urlencoded", b""),
    "of older ones": ("multipart/form-data; boundary=----------a", b"------------a--\r\n"),
}


class Php:
    """Asks as that client does: all in the query, or all in a form."""

    def __init__(self, api: Api, session: aiohttp.ClientSession, body: str) -> None:
        self._api = api
        self._session = session
        self._body = body

    async def ask(self, method: str, path: str, **fields: Any) -> Any:
        kind, body = BODIES[self._body]
        headers = {"ApiKey": self._api.api_key, "Content-Type": kind}
        query = {name: str(value) for name, value in (self._api.credentials | fields).items()}
        url = self._api.sim.url + path
        async with self._session.request(
            method, url, params=query, headers=headers, data=body
        ) as response:
            assert response.status == 200
            answer = await response.json(content_type=None)
        assert answer["code"] == 200, answer
        return answer.get("data")


@pytest.mark.parametrize("body", BODIES)
async def test_every_call(
    sim: Simulator, session: aiohttp.ClientSession, api: Api, listener: Listener, body: str
) -> None:
    sim.box.software = "2.1.100"
    php = Php(api, session, body)
    assert (await php.ask("GET", "/device/device_info"))["version"]["software"] == "2.1.100"
    await php.ask("GET", "/device/async_refresh_device_info")
    sim.cloud.advance(61)
    await _ended_refresh(sim)
    await php.ask("GET", "/device/refresh_device_info")
    row = (await php.ask("GET", "/external_api/printer_list"))["row"][0]
    assert row["driver_name"] == LASER
    params = await php.ask("GET", "/print/printer_params", printerModel=LASER)
    assert params["Capabilities"]["Papers"]["A4"] == 9

    listener.files = {"one": make_pdf(2), "two.pdf": make_pdf(3)}
    where = {"devicePort": row["port"], "printerModel": LASER, "dmPaperSize": 9}
    form = api.form(f"{listener.url}/files/one", urlFileExt=".pdf", dmOrientation=1, **where)
    assert (await api.post("/print/file_pages", form))["data"] == {"pages": 2}
    both = f"{listener.url}/files/one\n{listener.url}/files/two.pdf"
    for content, pages in ((make_pdf(1), 1), (both, 5)):
        task_id = await api.submit(content, urlFileExt=".pdf", **where)
        await api.ended(task_id)
        port = row["port"]
        told = await php.ask("GET", "/print/job", devicePort=port, task_id=task_id)
        assert (told["task_state"], told["task_result"]["code"]) == ("SUCCESS", 200)
        assert told["task_result"]["data"]["total_page"] == pages
    assert [job.path.read_bytes() for job in sim.printed[1:]] == [*listener.files.values()]

    sim.box.printer(1).paper = 0
    task_id = await api.submit(make_pdf(1), **where)
    await php.ask("DELETE", "/print/job", devicePort=row["port"], task_id=task_id)
    assert await api.result(task_id) == ("REVOKED", None)


async def _ended_refresh(sim: Simulator) -> None:
    while sim.box.refreshing:  # the simulator's own time, hundreds of times faster
        await sim.cloud.sleep(1)


async def test_search_of_models(api: Api) -> None:
    names = await api.data("POST /print/printer_enum", query="hp 1020")
    assert names
    assert all("1020" in name for name in names)


@pytest.mark.parametrize("text", ["1", "", None, True, 1.0, [1]])
async def test_a_text_is_no_number(sim: Simulator, api: Api, text: object) -> None:
    """Where the vendor's clients send a JSON number, nothing else is taken for one."""
    scanner = next(one for one in sim.box.printers if one.scanner)
    assert await api.code("POST /print/flush_jobs", devicePort=text) == 400
    assert await api.code("POST /print/reset_printing_error_limit", devicePort=text) == 400
    asked = {"printerId": text, "phone": "13800138000"}
    assert await api.code("POST /driver/uninstall_driver_event", **asked) == 400
    assert await api.code("POST /scanning/job", scanningId=text) == 400
    assert await api.code("POST /scanning/job", scanningId=scanner.id, duplex=text) == 400


async def test_old_firmware_reports_when_asked(
    sim: Simulator, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep, go_on = sim.cloud.sleep, asyncio.Event()
    monkeypatch.setattr(sim.cloud, "sleep", lambda _seconds: go_on.wait())
    endpoint = "GET /device/async_refresh_device_info"
    sim.box.software = "2.1.99"
    before = await api.data("GET /external_api/printer_list", printerType=3)
    sim.box.printer(1).paper = 0
    sim.box.lan_address = "192.168.1.99"
    assert await api.data("GET /external_api/printer_list", printerType=3) == before
    assert await api.code(endpoint) == 200
    assert await api.code(endpoint) == 401
    assert await api.data("GET /external_api/printer_list", printerType=3) == before
    go_on.set()
    monkeypatch.setattr(sim.cloud, "sleep", sleep)
    await _ended_refresh(sim)
    after = await api.data("GET /external_api/printer_list", printerType=3)
    assert "outOfPaper" in [row["printer_state"] for row in after["row"]]
    info = await api.data("GET /device/device_info")
    assert info["network"]["lan"]["ipaddr"] == "192.168.1.99"
    assert await api.code(endpoint) == 10009
    sim.cloud.advance(61)
    assert await api.code(endpoint) == 200
    # Newer firmware does not need it, and does not refuse it.
    sim.cloud.advance(61)
    await _ended_refresh(sim)
    sim.box.software = "2.1.213C"
    assert await api.code(endpoint) == 200
