"""Printers, their states, drivers, models and papers."""

import asyncio
from collections.abc import Callable
import json
import time
from typing import Any

import pytest

from tests.simulator import Simulator
from tests.simulator_tests.client import LASER, Api, until


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
