"""The rate limit, and whatever can be broken."""

import asyncio
from io import BytesIO
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.clock import until
from tests.simulator import Fault, Simulator, make_pdf
from tests.simulator.faults import KINDS
from tests.simulator_tests.client import Api


async def test_over_sixty_requests_a_minute_the_key_is_banned(
    tmp_path: Path, socket_enabled: None
) -> None:
    async with (
        Simulator(tmp_path / "out", speed=300) as sim,
        aiohttp.ClientSession() as session,
    ):
        api = Api(sim, session, sim.box)
        for _number in range(60):
            await api.data("GET /device/device_info")
        sim.cloud.advance(61)
        for _number in range(60):
            await api.data("GET /device/device_info")
        assert not any(account.banned for account in sim.cloud.accounts)
        for wait in (0, 120):
            sim.cloud.advance(wait)
            async with session.get(
                f"{sim.url}/device/device_info", headers={"ApiKey": api.api_key}
            ) as response:
                assert response.status == 403
        assert [account.banned for account in sim.cloud.accounts] == [True, False]
        other = Api(sim, session, list(sim.cloud.boxes.values())[2])
        assert await other.code("GET /device/device_info") == 200
        assert sim.cloud.banned
        assert sim.cloud.count("GET /device/device_info") == 123
        assert [one.status for one in sim.cloud.requests][-3:] == [403, 403, 200]

    # Closing the simulator does not wait for the hour that is left.


async def test_an_upload_that_breaks_off_is_not_accepted(sim: Simulator, api: Api) -> None:
    form = api.form(make_pdf(1))()
    body = BytesIO()

    class Writer:
        async def write(self, chunk: bytes) -> None:
            body.write(chunk)

    await form.write(Writer())  # type: ignore[arg-type]  # all that the form asks of a writer
    content = body.getvalue()
    head = (
        f"POST /api/print/job HTTP/1.1\r\nHost: localhost\r\nApiKey: {api.api_key}\r\n"
        f"Content-Type: {form.headers['Content-Type']}\r\nContent-Length: {len(content)}\r\n\r\n"
    ).encode()
    _reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    writer.write(head + content[:-6])
    await writer.drain()
    writer.close()
    await until(lambda: len(sim.cloud.requests) == 1)
    assert sim.cloud.requests[-1].status is None
    assert not sim.cloud.tasks
    assert not list(sim.cloud.spool.glob("upload-*"))
    # With its last bytes the same upload is a job.
    _reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    writer.write(head + content)
    await until(lambda: len(sim.cloud.tasks) == 1)
    writer.close()


def test_fault_names_are_checked() -> None:
    assert {"refuse", "timeout", "code"} <= set(KINDS)
    with pytest.raises(ValueError, match="no fault"):
        Fault(kind="nonsense")  # type: ignore[arg-type]  # the mistake is the test


@pytest.mark.parametrize("filtered", [False, True])
async def test_an_answer_before_the_end_of_the_form(
    sim: Simulator, api: Api, filtered: bool
) -> None:
    fault = Fault(kind="early", code=5002, msg="x", box=sim.device_id if filtered else None)
    sim.cloud.fail("POST /print/job", fault)
    form = api.form(make_pdf(1) + b"%" * 1_000_000)()
    body = BytesIO()

    class Writer:
        async def write(self, chunk: bytes) -> None:
            body.write(chunk)

    await form.write(Writer())  # type: ignore[arg-type]  # all that the form asks of a writer
    content = body.getvalue()
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    writer.write(
        f"POST /api/print/job HTTP/1.1\r\nHost: localhost\r\nApiKey: {api.api_key}\r\n"
        f"Content-Type: {form.headers['Content-Type']}\r\n"
        f"Content-Length: {len(content)}\r\n\r\n".encode()
        + content[:-200]
    )
    answer = await asyncio.wait_for(reader.readuntil(b"}"), 20)
    assert b'"code": 5002' in answer
    assert b"Connection: close" in answer
    # The connection stays open for a while, in case the rest of the form is on its way.
    writer.write(content[-200:])
    await asyncio.wait_for(reader.read(), 20)
    writer.close()
    assert not sim.cloud.tasks


async def test_a_late_second_answer_on_the_same_connection(sim: Simulator, api: Api) -> None:
    sim.cloud.fail("GET /device/device_info", Fault(kind="twice"))
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)

    async def answers(path: str, count: int) -> list[Any]:
        query = "&".join(f"{name}={value}" for name, value in api.credentials.items())
        writer.write(
            f"GET /api{path}?{query} HTTP/1.1\r\nHost: localhost\r\n"
            f"ApiKey: {api.api_key}\r\n\r\n".encode()
        )
        bodies = []
        for _ in range(count):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            bodies.append(json.loads(await reader.readexactly(length))["data"])
        return bodies

    (first,) = await answers("/device/device_info", 1)
    copy, second = await answers("/external_api/printer_list", 2)
    assert copy == first
    assert "row" in second
    assert len(await answers("/external_api/printer_list", 1)) == 1
    writer.close()
    # Who keeps the connection takes the copy for the next request's answer.
    sim.cloud.fail("GET /device/device_info", Fault(kind="twice"))
    await api.data("GET /device/device_info")
    assert "info" in await api.data("GET /external_api/printer_list")
