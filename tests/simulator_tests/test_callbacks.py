"""Callbacks and pushes."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
import json
import time
from typing import Any

from tests.simulator import Simulator
from tests.simulator.messenger import PUSH_SHAPES
from tests.simulator.models import CHINA
from tests.simulator_tests.client import Api, Listener, listening, until


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
