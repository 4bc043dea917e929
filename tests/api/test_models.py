"""Answers as dataclasses: everything readable is read, nothing raises but the documented error."""

import json

import pytest

from custom_components.lianke.api.capabilities import Capabilities, Paper, parse_papers
from custom_components.lianke.api.errors import LiankeResponseError
from custom_components.lianke.api.models import (
    Box,
    DriverState,
    Marker,
    Printer,
    PrinterCondition,
    PrinterType,
    ink_of,
    parse_markers,
    parse_printers,
    to_level,
)
from tests.papers import paper

ROW = json.loads(
    """{"MDL":"MA2000w","device":null,"drivce_name":"Kyocera MA2000w GX","driver_name":"Kyocera MA2000w GX",
    "driver_type":1,"id":611757,"idProduct":null,"idVendor":null,"isPrinter":1,"port":1,
    "printer_name":"Kyocera MA2000w GX","printer_state":"outOfPaper","product":"MA2000w","species":4,
    "support_status":true,"vendor":null}"""
)


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
        ({"species": None, "printer_species": 3}, "species", PrinterType.LABEL),
        ({"species": 0, "printer_species": 3}, "species", PrinterType.UNKNOWN),
        ({"species": 99}, "species", PrinterType.UNKNOWN),
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
        ({"driver_name": "ESC/POS 80mm"}, PrinterType.RECEIPT),
        ({"driver_name": "POS-80C"}, PrinterType.RECEIPT),
        ({"driver_name": "XP-58"}, PrinterType.RECEIPT),
        ({"driver_name": "M1", "printer_name": "热敏小票机"}, PrinterType.RECEIPT),
        ({"driver_name": "ZDesigner GK888t"}, PrinterType.LABEL),
        ({"driver_name": "XP-460B", "species": 0}, PrinterType.LABEL),
        ({"driver_name": "M1", "product": "Label Printer"}, PrinterType.LABEL),
        ({"driver_name": "得力标签打印机"}, PrinterType.LABEL),
        ({"driver_name": "HP LaserJet 1020"}, PrinterType.UNKNOWN),
        ({"driver_name": "EPSON XP-2100 Series"}, PrinterType.UNKNOWN),
        ({"driver_name": "Positive Print"}, PrinterType.UNKNOWN),
        ({"driver_name": "POS-80C", "species": 4}, PrinterType.LASER),
    ],
)
def test_a_species_that_the_service_does_not_know_is_told_by_the_names(
    row: dict[str, object], species: PrinterType
) -> None:
    """A receipt printer with species 0 once got an A4 page."""
    printer = Printer.from_json({"port": 1, **row})
    assert printer is not None
    assert printer.species is species


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (72.6, 73),
        ("72", 72),
        ("72%", None),
        (100.4, 100),
        (0.0, 0),
        (0.8, None),
        (255, None),
        (True, None),
    ],
)
def test_levels(value: object, level: int | None) -> None:
    assert to_level(value) == level


def test_as_the_vendors_own_model_has_them() -> None:
    """With a colour that it does not know, and levels as texts, as other fields of the list come."""
    row = {"marker_id": 1, "marker_type": "unknown", "low_level": 0, "high_level": 100}
    assert parse_markers(
        [
            {**row, "name": "Black", "color": "", "level": 72},
            {**row, "name": "Cyan", "color": [], "level": "8"},
        ]
    ) == (Marker(name="Black", level=72), Marker(name="Cyan", level=8))


def test_one_without_a_name_is_called_by_its_colour() -> None:
    assert parse_markers([{"color": "#00FFFF", "level": 5}, {"level": 6}]) == (
        Marker(name="#00FFFF", level=5, color="#00FFFF"),
        Marker(name="2", level=6),
    )


def test_unreadable_levels_are_unknown() -> None:
    assert parse_markers([{"name": "Black", "level": -2}]) == (Marker(name="Black"),)
    assert parse_markers([7, {"level": "many"}, None, {"name": 5}]) == (
        Marker(name="1"),
        Marker(name="5"),
    )


@pytest.mark.parametrize("value", ["Black:72", {"Black": 72}, {"levels": [72]}, 7, None])
def test_another_shape_has_no_markers(value: object) -> None:
    assert parse_markers(value) == ()


def test_colours_of_one_cartridge() -> None:
    (tricolor,) = parse_markers([{"name": "Tri", "color": ["#00FFFF", "#FF00FF"], "level": -2}])
    assert tricolor == Marker(name="Tri", color="#00FFFF#FF00FF")


@pytest.mark.parametrize(
    ("name", "ink"),
    [
        ("Black", "black"),
        ("black ink", "black"),
        ("黑", "black"),
        ("PK", "photo_black"),
        ("Matte Black", "matte_black"),
        ("light-gray", "light_gray"),
        ("Cyan", "cyan"),
        ("浅青色", "light_cyan"),
        ("Magenta Toner", "magenta"),
        ("品红", "magenta"),
        ("LM", "light_magenta"),
        ("Y", "yellow"),
        ("Waste box", None),
        ("Blackboard", None),
        ("", None),
    ],
)
def test_the_usual_inks(name: str, ink: str | None) -> None:
    assert ink_of(name) == ink


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"Capabilities": None},
        {"Capabilities": {"Papers": {}, "Copies": 0, "Color": []}},
        {"DevMode": 7},
    ],
)
def test_missing_blocks_are_unknown(data: object) -> None:
    able = Capabilities.from_json(data)
    assert able == Capabilities()
    assert Capabilities.from_dict(json.loads(json.dumps(able.as_dict()))) == able


def test_papers() -> None:
    size = {"paper_id": 9, "physical_width": 2100, "physical_height": 2970}
    papers = parse_papers(
        {
            "A4\r\n": {**size, "printable_width": 2016, "printable_height": "2886"},
            "unknown margins": size,
            "too wide inside": {**size, "printable_width": 3000, "printable_height": 0},
            "no id": {**size, "paper_id": None},
            "no size": {"paper_id": 1},
            "negative": {**size, "physical_width": -1},
            "no object": 7,
        }
    )
    assert papers == (
        paper(2100, 2970, 42, name="A4", paper_id=9),
        paper(2100, 2970, name="unknown margins", paper_id=9),
        paper(2100, 2970, name="too wide inside", paper_id=9),
    )
    assert [Paper.from_dict(json.loads(json.dumps(one.as_dict()))) for one in papers] == [*papers]
    assert parse_papers(None) == ()
    with pytest.raises(LiankeResponseError):
        parse_papers([])
