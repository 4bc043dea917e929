"""A bad cloud: its answers with every field, one after the other, made into something else.

Whatever a service, or somebody between it and the house, answers: a result or one of our errors, in
bounded time, holding the event loop for a moment only, with nothing secret in the error.
"""

from collections.abc import Awaitable, Callable, Iterator
import copy
import json
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.lianke.api.client import LiankeClient
from custom_components.lianke.api.errors import LiankeError
from custom_components.lianke.api.models import PrinterAddress
from custom_components.lianke.api.unknown import Unknown
from tests.api.conftest import account, box, client, make_client, session, sim
from tests.loop_hold import MAX_HOLD, measured_hold
from tests.simulator import Account, Box, Fault, Simulator

__all__ = ["account", "box", "client", "session", "sim"]

# What takes the place of a field.
HOSTILE: dict[str, Any] = {
    "null": None,
    "yes": True,
    "zero": 0,
    "negative": -(2**63),
    "huge number": 10**400,
    "fraction": 1e308,
    "not a number": float("nan"),
    "infinite": float("inf"),
    "empty text": "",
    "blanks": " " * 8192,
    "long text": "长" * 65536,
    "number as text": "9" * 5000,
    "markup": '<img src="//evil.example/x.png" onerror="alert(1)">',
    "markdown": "![x](//evil.example/x.png)",
    "template": "{{ states | list }} {printer} %s",
    "path": "../../../../etc/passwd\x00.pdf",
    "line ends": "a\r\nX-Evil: 1\r\n\r\nb\u2028c",
    "half a character": "\ud800",
    "turned direction": "\u202egnp.exe",
    "empty list": [],
    "empty object": {},
    "list of everything": [None, True, 1, "x", [], {}],
    "many": list(range(20000)),
    "nested lists": json.loads("[" * 300 + "]" * 300),
    "nested objects": json.loads('{"a":' * 300 + "1" + "}" * 300),
    "colons": ":" * 20000 + "," * 20000,
    "names of ours": {"__class__": {"__init__": "x"}, "code": 200, "data": {}, "row": {}},
}

type Ask = Callable[[LiankeClient, PrinterAddress], Awaitable[object]]

ENDPOINTS: dict[str, Ask] = {
    "GET /device/device_info": lambda client, _: client.box(),
    "GET /external_api/printer_list": lambda client, _: client.printers(),
    "GET /device/printer_status": lambda client, address: client.printer_condition(address),
    "GET /print/printer_params": lambda client, address: client.capabilities(address),
    "GET /print/paper_dimension_list": lambda client, address: client.papers(address.model),
    "GET /print/job": lambda client, address: client.task(address, "a-task"),
    "POST /print/query_device_task": lambda client, _: client.day_tasks(),
}
# What each endpoint answers when all is well, as published; a table of its own, so that fields that the
# simulator leaves out are tried, too.
ANSWERS: dict[str, Any] = {
    "GET /device/device_info": {
        "info": {
            "online": 1,
            "device_type": 2,
            "hardware": "LK300EW_D2",
            "software": "2.1.113",
            "expire_date": "2031-08-25",
            "is_expire": False,
            "usb_port_num": 5,
            "api_support": 1,
            "net": {"lan": {"ip": "192.168.1.30", "mac": "00:ca:01:0b:0c:0d"}, "wwan": {"ip": ""}},
        }
    },
    "GET /external_api/printer_list": {
        "row": [
            {
                "id": 611757,
                "hash_id": "bdeb5690f34a328c01f98010d23334a4",
                "printer_name": "Kyocera MA2000w GX",
                "driver_name": "Kyocera MA2000w GX",
                "drivce_name": "Kyocera MA2000w GX",
                "driver_type": 1,
                "isPrinter": 1,
                "port": 1,
                "ip_addr": "192.168.1.40",
                "printer_state": "idle",
                "species": 4,
                "support_status": True,
                "vendor": "Kyocera",
                "product": "MA2000w",
                "MDL": "MA2000w",
                "markers": [{"name": "Black", "color": ["000000"], "level": 72}],
            }
        ]
    },
    "GET /device/printer_status": {
        "headOpened": False,
        "paperJam": False,
        "outOfPaper": True,
        "outOfRibbon": False,
        "pause": False,
        "printing": False,
        "msg": "缺纸",
        "statusCode": 1,
        "errCode": 0,
    },
    "GET /print/printer_params": {
        "Capabilities": {
            "Papers": {"A4": 9},
            "Bins": {"纸盒 1": 1},
            "MediaTypes": {"Plain": 1},
            "Color": [1, 2],
            "Duplex": [1, 2, 3],
            "Copies": 99,
            "Orientation": [1, 2],
        },
        "DevMode": {
            "PaperSize": 9,
            "PaperWidth": 2100,
            "PaperLength": 2970,
            "Copies": 1,
            "Color": 1,
        },
        "Name": "Kyocera MA2000w GX",
    },
    "GET /print/paper_dimension_list": {
        "A4": {
            "paper_id": 9,
            "physical_width": 2100,
            "physical_height": 2970,
            "printable_width": 2016,
            "printable_height": 2886,
        }
    },
    "GET /print/job": {
        "task_id": "a-task",
        "task_state": "SUCCESS",
        "task_result": {"code": 200, "msg": "success", "data": {"total": 3}},
        "task_done_time": "2026-11-26 06:51:34",
        "task_done_timestamp": 1795675894,
    },
    "POST /print/query_device_task": {
        "task_list": [
            {
                "task_id": "a-task",
                "status": "SUCCESS",
                "job_status": 1,
                "result": {"code": 200, "msg": "success"},
                "create_at": "2026-11-26 06:51:34",
                "updated_at": "2026-11-26 06:51:40",
            }
        ]
    },
}


def places(answer: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the path of every part of an answer, the whole among them."""
    yield path
    if isinstance(answer, dict | list):
        keys = answer if isinstance(answer, dict) else range(len(answer))
        for key in keys:
            yield from places(answer[key], (*path, key))


def with_part(answer: Any, path: tuple[Any, ...], part: Any) -> Any:
    """Return an answer in which something else stands at a path."""
    if not path:
        return part
    changed = copy.deepcopy(answer)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = part
    return changed


async def tried(
    sim: Simulator, client: LiankeClient, endpoint: str, body: str
) -> LiankeError | None:
    """Ask an endpoint that answers with this; return the error, None without one."""
    address = PrinterAddress(port=1, model="Kyocera MA2000w GX", hash_id="x", target_ip=None)
    fault = Fault(kind="http", status=200, body=body, content_type="application/json")
    sim.cloud.fail(endpoint, fault, times=1)
    try:
        result = await ENDPOINTS[endpoint](client, address)
    except LiankeError as err:
        return err
    repr(result).encode()
    return None


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_every_field_of_every_answer(
    sim: Simulator, session: ClientSession, account: Account, box: Box, endpoint: str
) -> None:
    done = {"code": 200, "msg": "success", "data": ANSWERS[endpoint]}
    refused = {"code": 77777, "msg": "refused"}
    unknown: list[Unknown] = []
    client = make_client(sim.url, session, account, box, unknown.append)
    assert await tried(sim, client, endpoint, json.dumps(done)) is None
    count = 0
    keys = f"no {account.api_key} for {box.device_key.upper()}"
    hostile = HOSTILE | {"keys": keys, "keys as names": {account.api_key: {box.device_key: [keys]}}}
    for whole, path in [(one, path) for one in (done, refused) for path in places(one)]:
        for name, value in hostile.items():
            body = json.dumps(with_part(whole, path, value))
            with measured_hold() as hold:
                err = await tried(sim, client, endpoint, body)
            assert hold.longest < MAX_HOLD, (path, name, hold)
            reported = f"{err!r} {err} {vars(err) if err else ''} {err.placeholders if err else ''}"
            for secret in (account.api_key, box.device_key):
                assert secret.lower() not in f"{reported} {unknown}".lower(), (path, name)
            unknown.clear()
            assert len(reported) < 2000, (path, name)
            count += 1
    assert count >= len(HOSTILE) * 8


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_bodies_that_are_no_answer(
    sim: Simulator, client: LiankeClient, endpoint: str
) -> None:
    for body in (
        "",
        "{",
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"code":200,"data":' + "[" * 5000 + "]" * 5000 + "}",
        '{"code":' + "9" * 100_000 + "}",
        '{"code":200,"code":500,"data":{}}',
        "\ufeff{}",
        "\x00" * 1000,
        '{"code": 200, "msg": "' + "x" * 3_000_000 + '", "data": {}}',
        "<html><script>alert(1)</script>",
        "null",
    ):
        with measured_hold() as hold:
            err = await tried(sim, client, endpoint, body)
        assert hold.longest < MAX_HOLD, (body[:50], hold)
        assert err is None or len(f"{err!r} {err}") < 2000, body[:50]
