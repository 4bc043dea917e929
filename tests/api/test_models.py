"""Answers as dataclasses: everything readable is read, nothing raises but the documented error."""

from datetime import UTC, date, datetime
import json

import pytest

from custom_components.lianke.api.capabilities import (
    Capabilities,
    DriverDefaults,
    Paper,
    parse_papers,
)
from custom_components.lianke.api.coerce import (
    to_bool,
    to_date,
    to_int,
    to_json,
    to_message,
    to_text,
    to_time,
)
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
from custom_components.lianke.api.tasks import DayTask, Task, TaskResult, TaskState, parse_day_tasks

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


CAPABILITIES = {
    "Capabilities": {
        "Papers": {"A4": 9, "信封 DL\r\n": 27, "": 5, "broken": None},
        "Bins": {"纸盒 1": "258"},
        "Color": {"黑白": 1},
        "Duplex": {"关闭": 1, "长边翻转": 2},
        "MediaTypes": None,
        "Orientation": {"纵向": 1, "横向": 2},
        "Copies": "99",
        "Resolutions": None,
    },
    "DevMode": {
        "PaperSize": 9,
        "PaperWidth": 2100,
        "PaperLength": 2970,
        "Copies": 1,
        "PrintQuality": 600,
    },
    "DeviceContext": None,
    "Name": "x",
}


def test_capabilities() -> None:
    able = Capabilities.from_json(CAPABILITIES)
    assert able == Capabilities(
        papers={"A4": 9, "信封 DL": 27},
        trays={"纸盒 1": 258},
        media_types=None,
        colors=frozenset({1}),
        duplex=frozenset({1, 2}),
        orientations=frozenset({1, 2}),
        max_copies=99,
        defaults=DriverDefaults(
            paper_id=9, paper_width=2100, paper_length=2970, copies=1, quality=600
        ),
    )
    assert Capabilities.from_dict(json.loads(json.dumps(able.as_dict()))) == able


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


@pytest.mark.parametrize("data", [[], "x", 7, True])
def test_no_capabilities(data: object) -> None:
    with pytest.raises(LiankeResponseError):
        Capabilities.from_json(data)


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
        Paper(
            paper_id=9,
            name="A4",
            width=2100,
            height=2970,
            printable_width=2016,
            printable_height=2886,
        ),
        Paper(
            paper_id=9,
            name="unknown margins",
            width=2100,
            height=2970,
            printable_width=2100,
            printable_height=2970,
        ),
        Paper(
            paper_id=9,
            name="too wide inside",
            width=2100,
            height=2970,
            printable_width=2100,
            printable_height=2970,
        ),
    )
    assert [Paper.from_dict(json.loads(json.dumps(paper.as_dict()))) for paper in papers] == [
        *papers
    ]
    assert parse_papers(None) == ()
    with pytest.raises(LiankeResponseError):
        parse_papers([])


def test_finished_task() -> None:
    task = Task.from_json(
        "t1",
        {
            "task_state": "success",
            "task_result": {
                "code": "200",
                "msg": "success",
                "data": {
                    "file_total": 434347,
                    "send_total": "434347",
                    "total_page": 3,
                    "img_list": ["https://x/1.png", None, 7],
                    "task_ticket": "abc",
                },
            },
            "task_done_time": "Mon, 24 Nov 2026 07:00:00 GMT",
            "task_done_timestamp": 1764000000123,
        },
    )
    assert task == Task(
        task_id="t1",
        state=TaskState.SUCCESS,
        result=TaskResult(
            code=200,
            message="success",
            file_total=434347,
            send_total=434347,
            total_page=3,
            images=("https://x/1.png", "7"),
            ticket="abc",
        ),
        done_at=datetime.fromtimestamp(1764000000.123, UTC),
    )


def test_ticket_beside_the_data() -> None:
    result = TaskResult.from_json({"code": 200, "taskTicket": "abc"})
    assert result is not None
    assert result.ticket == "abc"


def test_done_time_without_stamp() -> None:
    task = Task.from_json(
        "t1", {"task_state": "FAILURE", "task_done_time": "Tue, 24 Nov 2026 07:00:00 GMT"}
    )
    assert task.done_at == datetime(2026, 11, 24, 7, tzinfo=UTC)
    assert task.result is None


@pytest.mark.parametrize(
    ("data", "state"),
    [
        (None, TaskState.UNKNOWN),
        ({}, TaskState.UNKNOWN),
        ({"task_state": None}, TaskState.UNKNOWN),
        ({"task_state": 3}, TaskState.UNKNOWN),
        ({"task_state": "PAUSED"}, TaskState.UNKNOWN),
        ({"task_state": "READY", "task_result": {}}, TaskState.READY),
        ({"task_state": " SET_REVOKE ", "task_result": None}, TaskState.SET_REVOKE),
    ],
)
def test_unfinished_and_unknown_tasks(data: object, state: TaskState) -> None:
    assert Task.from_json("t1", data) == Task(task_id="t1", state=state)


def test_no_task() -> None:
    with pytest.raises(LiankeResponseError):
        Task.from_json("t1", ["READY"])


def test_day_tasks() -> None:
    tasks = parse_day_tasks(
        {
            "task_list": [
                {
                    "task_id": "t1",
                    "status": "SUCCESS",
                    "result": {"code": 503, "msg": "设备连接异常"},
                    "job_id": "",
                    "job_status": 0,
                    "create_at": "2026-11-24 15:00:00",
                    "updated_at": "2026-11-24 15:00:09",
                },
                {"task_id": "t2", "status": "READY", "result": None, "create_at": "soon"},
                {"status": "READY"},
                None,
            ]
        }
    )
    assert tasks == (
        DayTask(
            task_id="t1",
            state=TaskState.SUCCESS,
            code=503,
            message="设备连接异常",
            created_at=datetime(2026, 11, 24, 7, tzinfo=UTC),
            updated_at=datetime(2026, 11, 24, 7, 0, 9, tzinfo=UTC),
        ),
        DayTask(task_id="t2", state=TaskState.READY),
    )


@pytest.mark.parametrize("data", [None, {}, [], {"task_list": None}, {"task_list": []}])
def test_no_day_tasks(data: object) -> None:
    assert parse_day_tasks(data) == ()


@pytest.mark.parametrize(
    "data", ["x", 7, [1], {"tasks": []}, {"task_list": {}}, {"task_list": "x"}]
)
def test_no_day_list(data: object) -> None:
    with pytest.raises(LiankeResponseError):
        parse_day_tasks(data)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        ("7", 7),
        (" -7 ", -7),
        (7.0, 7),
        ("7.00", 7),
        (7.5, None),
        ("7.5", None),
        (True, None),
        (None, None),
        ("", None),
        ("seven", None),
        (float("nan"), None),
        (float("inf"), None),
        (10**30, None),
        ("9" * 30, None),
        ("٣", 3),
        ([], None),
    ],
)
def test_whole_numbers(value: object, number: int | None) -> None:
    assert to_int(value) == number


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        (True, True),
        (0, False),
        ("1", True),
        ("False", False),
        (2, None),
        ("", None),
        (None, None),
        ([], None),
    ],
)
def test_truth(value: object, truth: bool | None) -> None:
    assert to_bool(value) is truth


def test_text() -> None:
    assert to_text(" a\r\n\tb\0 ") == "a b"
    assert to_text("a\ud83db") == "a b"
    assert to_text(5) == "5"
    assert to_text(5.5) == ""
    assert to_text(True) == ""
    assert to_text(None) == ""
    assert to_text("啊" * 300) == "啊" * 255
    assert to_text(" " * 300 + "x", 10) == ""


def test_messages_lose_what_is_secret() -> None:
    assert to_message("see https://ha.example/api/webhook/abc?job=1，然后") == "see …，然后"
    assert to_message("deviceKey=AbCdEf, ApiKey: xyz") == "deviceKey=…, ApiKey=…"
    assert to_message("key abcdef wrong, ABCDEF", ["abcdef", ""]) == "key … wrong, …"


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2024年8月25日", date(2024, 8, 25)),
        ("2024-08-25", date(2024, 8, 25)),
        ("2024/8/25 00:00", date(2024, 8, 25)),
        ("2024年13月25日", None),
        ("永久", None),
        (None, None),
        (20240825, None),
    ],
)
def test_days(value: object, day: date | None) -> None:
    assert to_date(value) == day


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Tue, 24 Nov 2026 07:00:00 GMT", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        ("Tue, 24 Nov 2026 15:00:00 +0800", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        ("Tue, 24 Nov 2026 07:00:00 -0000", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        ("2026-11-24 15:00:00", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        ("2026-11-24T07:00:00Z", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        (1795503600, datetime(2026, 11, 24, 7, tzinfo=UTC)),
        ("1795503600000", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        (0, None),
        (-5, None),
        (10**17, None),
        ("0001-01-01 00:00:00", None),
        ("9999-12-31T23:59:59-23:00", None),
        ("soon", None),
        ("", None),
        (None, None),
        ({}, None),
    ],
)
def test_times(value: object, moment: datetime | None) -> None:
    assert to_time(value) == moment


def test_json_that_is_none() -> None:
    for text in ("", "{", b"\xff", "[" * 100_000, "9" * 5000, "{" + '"a":{' * 50_000):
        with pytest.raises(ValueError):  # noqa: PT011 - any kind of it
            to_json(text)


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
