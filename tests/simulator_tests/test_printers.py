"""Printers, their states, drivers, models and papers."""

import asyncio
import time
from typing import Any

import pytest

from tests.clock import until
from tests.simulator import Simulator
from tests.simulator_tests.client import Api


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
