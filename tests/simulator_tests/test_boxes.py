"""Keys, boxes, and the shape of every answer."""

import aiohttp

from tests.simulator import Simulator
from tests.simulator_tests.client import Api


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
