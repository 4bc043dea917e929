"""Whoever finds the address, and even knows the box: nothing changes, nothing grows, nothing is told."""

import asyncio
from collections.abc import Callable, Iterator
import functools
import gc
import json
import logging
import os
from pathlib import Path
from random import Random
import tracemalloc
from typing import Any, override
from urllib.parse import quote, urlencode

from aiohttp import ClientSession, TCPConnector, ThreadedResolver
import pytest

from custom_components.lianke.box.unknown_parts import MAX_OF_A_KIND
from custom_components.lianke.jobs.job import JobState
from tests.conftest import LOGGER
from tests.proof.conftest import (
    House,
    _quiet_asyncio,
    house,
    open_house,
    open_shop,
    reachable_house,
    receiver,
    sim,
)
from tests.simulator import Fault

# Fixtures of a house with a clock that the test moves.
__all__ = [
    "_quiet_asyncio",
    "house",
    "open_house",
    "open_shop",
    "reachable_house",
    "receiver",
    "sim",
]

SUBMIT = "POST /print/job"
SHORT = 600
LONG = 5000
WARM_UP = 300
# Bytes that all but the first quarter of the bodies may leave behind: the server's caches of addresses. It is less than
# the smallest thing kept of each of them.
GROWTH = 750_000
RSS_GROWTH = 24_000_000
CONTENT_TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain; charset=utf-16",
    "image/png",
    "",
)
WORDS = ("SUCCESS", "FAILURE", "REVOKED", "READY", "SENDING", "null", "", "\x00", "成功", "1e999")


class Tally(logging.Handler):
    """Counts what the integration logs, in place of pytest, which would keep every line."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines = 0
        self.loud = 0

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.lines += 1
        self.loud += record.levelno > logging.DEBUG


@pytest.fixture
def tally() -> Iterator[Tally]:
    tally = Tally()
    logger = logging.getLogger(LOGGER)
    logger.addHandler(tally)
    logger.propagate = False
    yield tally
    logger.propagate = True
    logger.removeHandler(tally)


class Attacker:
    """Makes bodies of every kind. It knows the box's id, and tasks that are not ours."""

    def __init__(self, random: Random, device_id: str, tasks: list[str]) -> None:
        self._random = random
        self._device_id = device_id
        self._tasks = tasks
        self._letters = "".join(random.choices("abcXYZ019-_%&=\u4e2d\U0001f600", k=100_000))

    def requests(self, count: int) -> Iterator[tuple[str, str, bytes, str]]:
        """Give so many requests: method, query, body, content type."""
        kinds = (
            self._noise,
            self._callback,
            self._callback,
            self._form,
            self._deep,
            self._numbers,
            self._wide,
            self._broken,
            self._large,
        )
        for number in range(count):
            body = kinds[number % len(kinds)]()
            method = self._random.choice(["POST", "POST", "POST", "PUT", "GET"])
            yield method, self._query(), body, self._random.choice(CONTENT_TYPES)

    def _query(self) -> str:
        return self._random.choice(
            [
                "",
                f"job={quote(self._word(40))}",
                f"job={'A' * 32}",
                f"job={'x' * 5000}",
                "job=&job=1&job=2",
                "job[]=1&%00=%ff",
            ]
        )

    def _word(self, length: int) -> str:
        at = self._random.randrange(len(self._letters) - length)
        return self._letters[at : at + length]

    def _value(self) -> Any:
        choice = self._random.choice
        # Only what is chosen is made: a wide body has two hundred.
        kinds: list[Callable[[], Any]] = [
            lambda: choice(WORDS),
            lambda: self._random.randint(-(2**70), 2**70),
            self._random.random,
            lambda: None,
            lambda: True,
            lambda: [choice(WORDS)] * 3,
            lambda: {"code": 200, "msg": "success"},
            lambda: {"code": "200", "data": {"total_page": 10**30}},
            lambda: self._word(20),
        ]
        return choice(kinds)()

    def _claim(self) -> dict[str, Any]:
        """Make a callback that is nearly right: an unknown task, or somebody else's."""
        return {
            "device_id": self._random.choice([self._device_id, "lc26ha99999999", self._value()]),
            "task_id": self._random.choice([*self._tasks, self._word(36), self._value()]),
            "task_state": self._random.choice([*WORDS, self._value()]),
            "task_result": self._value(),
            "create_time": self._value(),
            self._word(5): self._value(),
        }

    def _noise(self) -> bytes:
        return self._random.randbytes(self._random.randint(0, 400))

    def _callback(self) -> bytes:
        return json.dumps(self._claim()).encode()

    def _form(self) -> bytes:
        claim = {name: json.dumps(value) for name, value in self._claim().items()}
        claim["task_id"] = self._random.choice(self._tasks)
        claim["task_result[code]"] = "200"
        return urlencode(claim).encode()

    def _deep(self) -> bytes:
        depth = self._random.choice([50, 900, 5000, 30_000])
        opening, closing = self._random.choice([("[", "]"), ('{"device_id":', "}")])
        return (opening * depth + "1" + closing * depth).encode()[: 64 * 1024]

    def _numbers(self) -> bytes:
        return (
            b'{"device_id":"x","task_id":' + b"9" * self._random.choice([30, 5000, 60_000]) + b"}"
        )

    def _wide(self) -> bytes:
        return json.dumps({self._word(8): self._value() for _ in range(200)}).encode()

    def _broken(self) -> bytes:
        body = self._callback()
        at = self._random.randrange(len(body))
        return body[:at] + self._random.randbytes(3) + body[at + 1 :]

    def _large(self) -> bytes:
        return self._callback() + b" " * self._random.choice([1000, 64 * 1024, 200_000])


async def open_jobs(house: House) -> list[str]:
    """Leave jobs behind in every state that a callback could move; return strangers' tasks."""
    house.printer(1).paper = 0
    await house.calm(await house.submit(house.paper()))
    house.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_body"))
    doubtful = await house.submit(house.paper(), port=4)
    await house.finish(doubtful)
    house.printer(2).paper = 0
    await house.refresh()
    await house.submit(house.paper(), port=2)
    states = {job.state for job in house.queue.jobs()}
    assert JobState.UNCONFIRMED in states
    assert JobState.HELD in states
    assert states & {JobState.SENDING, JobState.PROCESSING, JobState.QUEUED}
    strangers = [
        house.sim.cloud.print_as_someone_else(house.box, house.printer(5)) for _ in range(3)
    ]
    for task in strangers:
        await task.ended.wait()
    # What a push makes us look at has been seen.
    for _ in range(4):
        house.coordinator.async_on_push()
        await house.tick(6)
    return [task.task_id for task in strangers]


def snapshot(house: House) -> dict[str, Any]:
    """Return all that could change, but for when a push came last, and the shapes of some messages."""
    stored = house.storage._as_stored()
    shapes = stored.pop("unknown")
    assert len(shapes) <= MAX_OF_A_KIND
    assert {shape["kind"] for shape in shapes} <= {"message"}
    stored.pop("last_push_at", None)
    pushes = house.entity("sensor", "last_push", None)
    return {
        "jobs": [json.loads(job.as_json()) for job in house.queue.jobs()],
        "memory": json.dumps(stored, default=repr, sort_keys=True),
        "data": house.coordinator.data,
        "states": {
            state.entity_id: (state.state, dict(state.attributes))
            for state in house.hass.states.async_all()
            if state.entity_id != pushes
        },
        "entry": dict(house.entry.data),
        "flows": len(house.hass.config_entries.flow.async_progress()),
    }


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def attack(house: House, count: int, caplog: pytest.LogCaptureFixture, tally: Tally) -> None:
    strangers = await open_jobs(house)
    attacker = Attacker(Random(20_261_124), house.box.device_id, strangers)
    address = house.entry.runtime_data.account.address
    assert address is not None
    before = snapshot(house)
    asked = sum(house.sim.cloud.counts.values())
    # What the test itself keeps of others' debug messages would grow.
    for name in ("", "aiohttp", "homeassistant", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("aiohttp.access", "homeassistant.components.http.view"):
        caplog.set_level(logging.WARNING, name)
    caplog.clear()
    tally.lines = tally.loud = 0
    loop = asyncio.get_running_loop()
    # It would remember where each timer was set.
    loop.set_debug(False)
    started = loop.time()
    traced = resident = 0
    connector = TCPConnector(limit=1, resolver=ThreadedResolver())
    async with ClientSession(connector=connector) as session:
        for number, (method, query, body, content_type) in enumerate(attacker.requests(count)):
            if number == max(WARM_UP, count // 4):
                await forget_requests()
                tracemalloc.start()
                traced, resident = tracemalloc.get_traced_memory()[0], resident_bytes()
            headers = {"Content-Type": content_type} if content_type else {}
            url = f"{address}?{query}" if query else address
            async with session.request(method, url, data=body, headers=headers) as response:
                assert response.status == 200, (method, query, body[:200])
                assert await response.json() == {"code": 200, "msg": "success"}
                assert set(response.headers) <= {
                    "Content-Type",
                    "Content-Length",
                    "Date",
                    "Server",
                    "Referrer-Policy",
                    "X-Content-Type-Options",
                    "X-Frame-Options",
                    "Content-Encoding",
                    "Vary",
                }
    seconds = loop.time() - started
    await forget_requests()
    grown = tracemalloc.get_traced_memory()[0] - traced
    tracemalloc.stop()
    assert grown < GROWTH, f"{grown} bytes were left behind"
    assert resident_bytes() - resident < RSS_GROWTH
    assert not tally.loud
    # However many messages come: a few lines for each look that they bring about.
    assert tally.lines <= 10 * (2 + seconds / 5)
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]
    # Whatever a push may ask for comes every five seconds at most: box, printers, a condition.
    asked = sum(house.sim.cloud.counts.values()) - asked
    assert asked <= 4 * (1 + seconds / 5)
    assert snapshot(house) == before


async def forget_requests() -> None:
    """Have caches of addresses emptied, and canceled timers forgotten: the loop does once they are most of all."""
    caches = [one for one in gc.get_objects() if isinstance(one, functools._lru_cache_wrapper)]
    for cache in caches:
        cache.cache_clear()
    loop = asyncio.get_running_loop()
    for _ in range(10_000):
        loop.call_later(3600, print).cancel()
    await asyncio.sleep(0)
    gc.collect()


@pytest.mark.short
@pytest.mark.timeout(300)
async def test_bodies(
    reachable_house: House, caplog: pytest.LogCaptureFixture, tally: Tally
) -> None:
    await attack(reachable_house, SHORT, caplog, tally)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_thousands_of_bodies(
    reachable_house: House, caplog: pytest.LogCaptureFixture, tally: Tally
) -> None:
    await attack(reachable_house, LONG, caplog, tally)


async def test_many_at_once(reachable_house: House) -> None:
    """Slow senders do not keep others out."""
    house = reachable_house
    address = house.entry.runtime_data.account.address
    assert address is not None
    host, port = "127.0.0.1", int(address.split(":")[2].split("/")[0])
    path = address.split(str(port), 1)[1]
    slow = [await asyncio.open_connection(host, port) for _ in range(50)]
    for _reader, writer in slow:
        writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n{{".encode())
    connector = TCPConnector(resolver=ThreadedResolver())
    async with (
        ClientSession(connector=connector) as session,
        session.post(address, json={}) as response,
    ):
        assert response.status == 200
    house.clock.tick(11)
    for reader, writer in slow:
        # Not waited for: answered like everybody else.
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
