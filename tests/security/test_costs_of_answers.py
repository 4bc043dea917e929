"""What answers of a bad cloud cost: ten of them, of whatever endpoint, at most 50 MB, and never a stall.

Errors and results are kept as long as the ten last: a coordinator, a script or a repair keeps them, too.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
import gc
import gzip
import json
from pathlib import Path
import random
from statistics import median
import time
from typing import Any

from aiohttp import ClientSession
from homeassistant.const import STATE_UNAVAILABLE
import pytest

from custom_components.lianke.api.answer_limits import (
    MAX_ANSWER_BYTES,
    MAX_ANSWER_ROWS,
    MAX_ANSWER_VALUES,
    MAX_SCAN_ANSWER_BYTES,
)
from custom_components.lianke.api.client import LiankeClient
from custom_components.lianke.api.errors import LiankeError
from custom_components.lianke.api.upload import UploadFile
from tests.api.calls import CALLS, FEW, client_of
from tests.api.conftest import session, small
from tests.api.raw_server import RawServer, raw_server
from tests.household import House
from tests.loop_hold import MAX_HOLD
from tests.simulator import Fault

__all__ = ["session", "small"]

MEMORY = Path("/proc/self/statm")
PAGE_BYTES = 4096
MAX_GROWTH = 50_000_000
ANSWERS = 10
PATIENCE = 200
LIST = "GET /external_api/printer_list"
SCAN = "GET /scanning/job"

pytestmark = pytest.mark.skipif(not MEMORY.exists(), reason="memory is told by Linux only")


type Fill = Callable[[int], bytes]


def many(unit: bytes, before: bytes = b'{"code":200,"data":[', after: bytes = b"]}") -> Fill:
    """Fill an answer with a value and its comma, over and over."""
    return lambda size: (
        before + unit * ((size - len(before) - len(after)) // len(unit) - 1) + unit[:-1] + after
    )


def long(unit: bytes, before: bytes = b'{"code":200,"data":"', after: bytes = b'"}') -> Fill:
    """Fill an answer with one thing that never ends."""
    return lambda size: before + unit * ((size - len(before) - len(after)) // len(unit)) + after


ROWS = many(b"{},", b'{"code":200,"data":{"row":[', b"]}}")
TEXT = long(b"x")
FILLED: dict[str, Fill] = {
    "objects": many(b"{},"),
    "lists": many(b"[],"),
    "rows": ROWS,
    "numbers": many(b"1,"),
    "long numbers": many(b"9" * 4000 + b","),
    "texts": many(b'"",'),
    "texts of some length": many(b'"' + b"x" * 4000 + b'",'),
    "one name": many(b'"a":1,', b'{"code":200,"data":{', b"}}"),
    "names": lambda size: (
        b'{"code":200,"data":{%s}}' % b",".join(b'"%d":1' % one for one in range(size // 12))
    ),
    "as many values as are read": lambda _: (
        b'{"code":200,"data":{%s}}'
        % b",".join(b'"%d":1' % one for one in range(MAX_ANSWER_VALUES - 10))
    ),
    "as many objects as are read": lambda _: (
        b'{"code":200,"data":{"row":[%s]}}'
        % b",".join([b'{"a":1}'] * (MAX_ANSWER_VALUES // 2 - 10))
    ),
    "depth": long(b"[", b'{"code":200,"data":', b""),
    "a text": TEXT,
    "a text of wide letters": long("长".encode()),
    "a text with one wide letter": long(b"x", b'{"code":200,"data":"\xf0\x9f\x98\x80'),
    "JSON in a text": long(rb"\u005b\u005d\u002c", b'{"code":200,"data":"[', b'[]]"}'),
    "backslashes": long(rb"\\"),
    "quotes": long(rb"\""),
    "no end of a text": long(b"x", after=b""),
    "words": long(b"x", b'{"code":500,"msg":"'),
    "a code of digits": long(b"9", b'{"code":', b"}"),
    "a code as text": long(b"9", b'{"code":"'),
    "a fraction": long(b"9", b'{"code":200,"data":0.', b"}"),
    "blanks": long(b" ", b'{"code":200,"data":', b"1}"),
    "no page": long(b"A", b'{"code":200,"data":"/9j/'),
    "addresses": long(b"https://a/ ", b'{"code":200,"data":"'),
}


@dataclass
class Cost:
    """Bytes that are there after something and were not before, and the longest stall of the event loop in it.

    The stall is the processor time of all threads between two turns of the loop: a busy machine does not count.
    """

    growth: int = 0
    stall: float = 0.0


def _used() -> int:
    gc.collect()
    return int(MEMORY.read_text("ascii").split()[1]) * PAGE_BYTES


@contextmanager
def _no_collector() -> Iterator[None]:
    """Let the collector look at what is new only: the tests' own objects take it longer than any answer."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@asynccontextmanager
async def measured() -> AsyncIterator[Cost]:
    cost = Cost()
    turned = time.process_time()

    async def turn() -> None:
        nonlocal turned
        while True:
            await asyncio.sleep(0.001)
            now = time.process_time()
            cost.stall = max(cost.stall, now - turned)
            turned = now

    with _no_collector():
        before = _used()
        turned = time.process_time()
        turning = asyncio.create_task(turn())
        try:
            yield cost
        finally:
            turning.cancel()
        # A thread that has handed its result over lets go of what it was given once it runs again.
        for _ in range(PATIENCE):
            cost.growth = _used() - before
            if cost.growth < MAX_GROWTH:
                break
            await asyncio.sleep(0.01)


@asynccontextmanager
async def saying_long(body: bytes, *headers: str) -> AsyncIterator[RawServer]:
    """Give a server that says something long, with the loop's other work in between."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "Connection: close", *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
        for start in range(0, len(body), 1 << 18):
            writer.write(body[start : start + (1 << 18)])
            await writer.drain()

    async with raw_server(script) as server:
        yield server


async def ask(client: LiankeClient, endpoint: str, file: UploadFile) -> object:
    """Return the error of a call, or its result; of a scan's pages, which are files soon, only how many."""
    try:
        found = await CALLS[endpoint](client, file)
    except LiankeError as err:
        return err
    return len(found.parts) if endpoint == SCAN else found  # type: ignore[attr-defined]


async def cost_of_ten(
    session: ClientSession, endpoint: str, file: UploadFile, body: bytes, *headers: str
) -> Cost:
    async with saying_long(body, *headers) as server:
        client = client_of(server, session)
        # What is loaded once, and what a first request leaves for the next.
        await ask(client, endpoint, file)
        kept, stalls = [], []
        async with measured() as cost:
            for _ in range(ANSWERS):
                cost.stall = 0.0
                kept.append(await ask(client, endpoint, file))
                stalls.append(cost.stall)
            # What stalls the loop does so each time. A busy machine, which lets the thread that reads an answer run on
            # while the loop waits for a core, does so now and then.
            cost.stall = median(stalls)
        assert len(kept) == ANSWERS
    return cost


@pytest.mark.parametrize("filled", ["rows", "a text"])
@pytest.mark.parametrize("endpoint", [*FEW, SCAN])
async def test_ten_answers_of_any_endpoint(
    session: ClientSession, small: UploadFile, endpoint: str, filled: str
) -> None:
    cost = await cost_of_ten(session, endpoint, small, FILLED[filled](MAX_ANSWER_BYTES))
    assert cost.growth < MAX_GROWTH
    assert cost.stall < MAX_HOLD


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("endpoint", [LIST, SCAN])
@pytest.mark.parametrize("filled", sorted(FILLED))
async def test_ten_answers_of_any_filling(
    session: ClientSession, small: UploadFile, endpoint: str, filled: str
) -> None:
    size = MAX_SCAN_ANSWER_BYTES if endpoint == SCAN else MAX_ANSWER_BYTES
    cost = await cost_of_ten(session, endpoint, small, FILLED[filled](size))
    assert cost.growth < MAX_GROWTH
    assert cost.stall < MAX_HOLD


@pytest.mark.long
@pytest.mark.parametrize("endpoint", [LIST, SCAN])
async def test_ten_packed_answers(session: ClientSession, small: UploadFile, endpoint: str) -> None:
    for size in (MAX_ANSWER_BYTES, 2 * MAX_SCAN_ANSWER_BYTES):
        body = gzip.compress(ROWS(size))
        cost = await cost_of_ten(session, endpoint, small, body, "Content-Encoding: gzip")
        assert cost.growth < MAX_GROWTH
        assert cost.stall < MAX_HOLD


def _biggest() -> dict[str, tuple[object, int]]:
    """Return the largest answers that may be real, by endpoint, and how many values are found in them."""
    row: dict[str, Any] = {
        "task_id": "0" * 36,
        "status": "SUCCESS",
        "result": {"code": 200, "msg": "打印成功, 共 3 页"},
        "job_id": "",
        "job_status": 1,
        "create_at": "2026-11-26 06:51:34",
        "updated_at": "2026-11-26 06:51:40",
    }
    models = [f"Hersteller LaserJet {one}, PCL 6" for one in range(20_000)]
    papers = {
        f"纸张 {one}": dict.fromkeys(
            (
                *("paper_id", "physical_width", "physical_height"),
                *("printable_width", "printable_height"),
            ),
            one,
        )
        for one in range(1, 2001)
    }
    return {
        "POST /print/query_device_task": ({"task_list": [row] * MAX_ANSWER_ROWS}, MAX_ANSWER_ROWS),
        "GET /print/printer_enum": (models, len(models)),
        "GET /print/paper_dimension_list": (papers, len(papers)),
    }


@pytest.mark.parametrize("endpoint", sorted(_biggest()))
async def test_the_largest_real_answers_are_read(
    session: ClientSession, small: UploadFile, endpoint: str
) -> None:
    data, wanted = _biggest()[endpoint]
    for is_ascii in (True, False):
        answer = {"code": 200, "msg": "success", "data": data}
        body = json.dumps(answer, ensure_ascii=is_ascii).encode()
        async with saying_long(body) as server, measured() as cost:
            found = await ask(client_of(server, session), endpoint, small)
        assert isinstance(found, tuple), found
        assert len(found) == wanted
        assert cost.stall < MAX_HOLD


# How a page may be written in JSON: as it is, as PHP writes a slash, in lines, as the web does.
WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": json.dumps,
    "with escaped slashes": lambda text: json.dumps(text).replace("/", r"\/"),
    "with escaped signs": lambda text: json.dumps(text).replace("+", r"\u002b"),
    "in lines": lambda text: json.dumps(base64.encodebytes(base64.b64decode(text)).decode()),
    "as an address": lambda text: json.dumps(f"data:image/jpeg;base64,{text}"),
    "as JSON in a text": lambda text: json.dumps(json.dumps({"img": text}).replace("/", r"\/")),
}


@pytest.mark.parametrize("written", sorted(WRITTEN))
async def test_a_large_page_is_read(session: ClientSession, written: str) -> None:
    # Nothing within a JPEG looks like its end.
    noise = random.Random(4711).randbytes(29 * 1024 * 1024).replace(b"\xff\xd9", b"\xff\0")
    page = b"\xff\xd8\xff\xe0" + noise
    text = WRITTEN[written](base64.b64encode(page).decode())
    body = (
        f'{{"code":200,"msg":"扫描完成😀","data":{{"task_state":"SUCCESS","img":{text}}}}}'.encode()
    )
    assert len(body) < MAX_SCAN_ANSWER_BYTES
    async with saying_long(body) as server, measured() as cost:
        task = await client_of(server, session).scanners.task("t")
    # In text, so that a failure says which, and not all of it.
    assert [part == page for part in task.parts] == [True]
    assert cost.stall < MAX_HOLD


@pytest.mark.long
async def test_polls_of_a_bad_cloud(house: House) -> None:
    """Ten polls that are answered with eight megabytes of empty rows cost nothing that stays."""
    fault = Fault(kind="http", body=ROWS(MAX_ANSWER_BYTES).decode(), status=200)
    house.simulator.cloud.fail(LIST, fault, times=None)
    coordinator = house.entry.runtime_data.coordinator
    for _ in range(2):
        await coordinator.async_refresh()
    async with measured() as cost:
        for _ in range(ANSWERS):
            await coordinator.async_refresh()
    assert not coordinator.last_update_success
    states = house.hass.states.async_all("binary_sensor")
    assert STATE_UNAVAILABLE in {one.state for one in states}
    assert cost.growth < MAX_GROWTH
    assert cost.stall < MAX_HOLD
    house.simulator.cloud.faults.clear()
    await coordinator.async_refresh()
    assert coordinator.last_update_success
