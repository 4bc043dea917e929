"""Keys, boxes, and the shape of every answer."""

import json

import aiohttp
import pytest

from tests.clock import until
from tests.simulator import Simulator
from tests.simulator_tests.client import LASER, Api


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
