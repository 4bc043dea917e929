"""Answers as dataclasses: everything readable is read, nothing raises but the documented error."""

from datetime import date
import json

import pytest

from custom_components.lianke.api.capabilities import Capabilities
from custom_components.lianke.api.errors import LiankeResponseError
from custom_components.lianke.api.markers import Marker
from custom_components.lianke.api.models import (
    NETWORK_PORT,
    Box,
    DriverState,
    Printer,
    PrinterAddress,
    PrinterCondition,
    Species,
    parse_printers,
)

DEVICE_INFO = {
    "info": {
        "api_support": 1,
        "device_type": "LK300",
        "expire_date": "2024年8月25日",
        "is_expire": 0,
        "online": 1,
        "usb_port_num": "4",
    },
    "network": {
        "lan": {"ipaddr": "192.168.1.30", "macaddr": "00:ca:01:0b:0c:0d", "link": [True]},
        "wwan": {"ipaddr": None, "dns": ["1.1.1.1"]},
    },
    "version": {"hardware": "LK300EW_D2", "software": "2.1.113"},
}
ROW = json.loads(
    """{"MDL":"MA2000w","device":null,"drivce_name":"Kyocera MA2000w GX","driver_name":"Kyocera MA2000w GX",
    "driver_type":1,"id":611757,"idProduct":null,"idVendor":null,"isPrinter":1,"port":1,
    "printer_name":"Kyocera MA2000w GX","printer_state":"outOfPaper","product":"MA2000w","species":4,
    "support_status":true,"vendor":null}"""
)
NETWORK_ROW = {
    **ROW,
    "port": 631,
    "ip_addr": "192.168.1.40",
    "hash_id": "0012345",
    "markers": [{"name": "Black", "color": "#000000", "level": 72}],
}


def test_box() -> None:
    box = Box.from_json(DEVICE_INFO)
    assert box == Box(
        online=True,
        device_type="LK300",
        hardware="LK300EW_D2",
        software="2.1.113",
        expires=date(2024, 8, 25),
        expired=False,
        usb_ports=4,
        lan_address="192.168.1.30",
        lan_mac="00:ca:01:0b:0c:0d",
        wifi_address=None,
    )
    stored = json.loads(json.dumps(box.as_dict()))
    assert Box.from_dict(stored) == box
    assert Box.from_dict({}) == Box(online=None)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("169.254.12.7", None),
        ("0.0.0.0", None),
        ("192.168.1.31", "192.168.1.31"),
        ("10.0.0.1/24", "10.0.0.1/24"),
        ("", None),
        (None, None),
    ],
)
def test_a_network_without_a_cable_has_no_address(raw: object, shown: str | None) -> None:
    """Neither from the service nor from what was stored before."""
    network = {"lan": {"ipaddr": raw}, "wwan": {"ipaddr": raw}}
    box = Box.from_json({"info": {"online": 1}, "network": network})
    assert (box.lan_address, box.wifi_address) == (shown, shown)
    stored = Box.from_dict(box.as_dict() | {"lan_address": raw, "wifi_address": raw})
    assert (stored.lan_address, stored.wifi_address) == (shown, shown)


@pytest.mark.parametrize(
    ("raw", "online"), [(1, True), (0, False), (None, None), ("1", True), ("x", None)]
)
def test_box_online(raw: object, online: bool | None) -> None:
    assert Box.from_json({"info": {"online": raw}}).online is online


@pytest.mark.parametrize("data", [None, {}, [], "x", 7, {"info": None}, {"info": []}, {"info": {}}])
def test_no_box(data: object) -> None:
    with pytest.raises(LiankeResponseError):
        Box.from_json(data)


def test_printer_row() -> None:
    printer = Printer.from_json(ROW)
    assert printer == Printer(
        row_id=611757,
        name="Kyocera MA2000w GX",
        model="Kyocera MA2000w GX",
        driver=DriverState.SUPPORTED,
        is_printer=True,
        port=1,
        raw_state="outOfPaper",
        species=Species.LASER,
        reports_condition=True,
        product="MA2000w",
    )
    assert printer is not None
    assert not printer.is_network
    assert printer.address == PrinterAddress(port=1, model="Kyocera MA2000w GX")


def test_network_row() -> None:
    printer = Printer.from_json(NETWORK_ROW)
    assert printer is not None
    assert printer.is_network
    assert printer.hash_id == "0012345"
    assert printer.markers == (Marker(name="Black", level=72, color="#000000"),)
    assert printer.address == PrinterAddress(
        port=1, model="Kyocera MA2000w GX", hash_id="0012345", target_ip="192.168.1.40"
    )
    assert Printer.from_dict(json.loads(json.dumps(printer.as_dict()))) == printer


def test_a_network_printer_without_address_is_no_usb_printer() -> None:
    printer = Printer.from_json({**NETWORK_ROW, "ip_addr": ""})
    assert printer is not None
    assert printer.is_network
    assert printer.address.port == NETWORK_PORT
    assert printer.address.is_network


@pytest.mark.parametrize(
    ("changes", "name", "expected"),
    [
        ({"hash_id": 4282299}, "hash_id", "4282299"),
        ({"hash_id": ""}, "hash_id", None),
        ({"printer_state": ""}, "raw_state", None),
        ({"printer_state": None}, "raw_state", None),
        ({"driver_type": "0"}, "driver", DriverState.AWAITING),
        ({"driver_type": 2}, "driver", DriverState.UNSUPPORTED),
        ({"driver_type": 9}, "driver", DriverState.UNKNOWN),
        ({"driver_type": None}, "driver", DriverState.UNKNOWN),
        ({"isPrinter": "1"}, "is_printer", True),
        ({"isPrinter": 0}, "is_printer", False),
        ({"isPrinter": None}, "is_printer", True),
        ({"species": None, "printer_species": 3}, "species", Species.LABEL),
        ({"species": 0, "printer_species": 3}, "species", Species.UNKNOWN),
        ({"species": 99}, "species", Species.UNKNOWN),
        ({"driver_name": None}, "model", "Kyocera MA2000w GX"),
        ({"driver_name": "EPSON\r\n"}, "model", "EPSON"),
        ({"printer_name": None}, "name", "Kyocera MA2000w GX"),
        ({"support_status": "true"}, "reports_condition", True),
        ({"id": "17"}, "row_id", 17),
    ],
)
def test_odd_rows(changes: dict[str, object], name: str, expected: object) -> None:
    printer = Printer.from_json({**ROW, **changes})
    assert printer is not None
    assert getattr(printer, name) == expected


def test_printer_list() -> None:
    assert [printer.port for printer in parse_printers({"row": [ROW, NETWORK_ROW]})] == [1, 631]
    assert parse_printers({"row": [ROW, None, 7, {}, {"port": 2}]}) == (Printer.from_json(ROW),)


@pytest.mark.parametrize("data", [None, {}, [], {"row": []}, {"row": None}, {"total": 0}])
def test_no_printers(data: object) -> None:
    assert parse_printers(data) == ()


@pytest.mark.parametrize(
    "data",
    [[1], "x", 7, {"rows": [ROW]}, {"row": {}}, {"row": "x"}, {"row": [1, 2]}, {"row": [{}]}],
)
def test_no_printer_list(data: object) -> None:
    with pytest.raises(LiankeResponseError):
        parse_printers(data)


def test_condition() -> None:
    condition = PrinterCondition.from_json(
        {
            "headOpened": True,
            "paperJam": 0,
            "outOfPaper": "1",
            "outOfInk": None,
            "pause": "maybe",
            "msg": "打印机异常",
            "errCode": "3",
        }
    )
    assert condition == PrinterCondition(
        cover_open=True, paper_jam=False, out_of_paper=True, message="打印机异常", code=3
    )
    assert PrinterCondition.from_json({"statusCode": 40, "errCode": 3}).code == 40
    assert PrinterCondition.from_json(None) == PrinterCondition()
    with pytest.raises(LiankeResponseError):
        PrinterCondition.from_json([])


@pytest.mark.parametrize(
    ("row", "species"),
    [
        ({"driver_name": "ESC/POS 80mm"}, Species.RECEIPT),
        ({"driver_name": "POS-80C"}, Species.RECEIPT),
        ({"driver_name": "XP-58"}, Species.RECEIPT),
        ({"driver_name": "M1", "printer_name": "热敏小票机"}, Species.RECEIPT),
        ({"driver_name": "ZDesigner GK888t"}, Species.LABEL),
        ({"driver_name": "XP-460B", "species": 0}, Species.LABEL),
        ({"driver_name": "M1", "product": "Label Printer"}, Species.LABEL),
        ({"driver_name": "得力标签打印机"}, Species.LABEL),
        ({"driver_name": "HP LaserJet 1020"}, Species.UNKNOWN),
        ({"driver_name": "EPSON XP-2100 Series"}, Species.UNKNOWN),
        ({"driver_name": "Positive Print"}, Species.UNKNOWN),
        ({"driver_name": "POS-80C", "species": 4}, Species.LASER),
    ],
)
def test_a_species_that_the_service_does_not_know_is_told_by_the_names(
    row: dict[str, object], species: Species
) -> None:
    """A receipt printer with species 0 once got an A4 page."""
    printer = Printer.from_json({"port": 1, **row})
    assert printer is not None
    assert printer.species is species


def test_lists_without_end_are_cut() -> None:
    """330,000 papers of one answer were once remembered."""
    many = {f"paper {number}": number for number in range(10_000)}
    block = {"Papers": many, "Bins": many, "MediaTypes": many, "Color": many}
    able = Capabilities.from_json({"Capabilities": block})
    for names in (able.papers, able.trays, able.media_types, able.colors):
        assert names is not None
        assert len(names) == 2000
