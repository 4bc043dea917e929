"""Callbacks and pushes."""

import asyncio
from itertools import pairwise

from tests.clock import until
from tests.simulator import Simulator
from tests.simulator_tests.client import Api, Listener


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
    assert gaps[1] >= 5 / 30
    assert gaps[2] >= 10 / 30


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
