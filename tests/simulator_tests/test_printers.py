"""Printers, their states, drivers, models and papers."""

import asyncio
import time

from tests.simulator import Simulator
from tests.simulator_tests.client import Api


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
    assert await api.code(endpoint, usbPort=9) == 497
    assert not sim.cloud.violations
    assert await api.code(endpoint, usbPort=2) == 500
    assert len(sim.cloud.violations) == 1
    sim.box.online = False
    assert await api.code(endpoint, usbPort=1) == 500


async def test_one_printer_status_at_a_time(sim: Simulator, api: Api) -> None:
    # A second each: both are there together, however busy the machine is.
    sim.cloud.speed = 3
    codes = await asyncio.gather(
        *(api.code("GET /device/printer_status", usbPort=1) for _number in range(2))
    )
    assert sorted(codes) == [200, 500]
    assert sim.cloud.violations == [f"two printer_status at a time at {sim.device_id}"]
