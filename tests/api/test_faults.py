"""Every endpoint times every way to go wrong: one clear error, or a value, and never anything else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, TCPConnector, ThreadedResolver
import pytest

from custom_components.lianke.api import client as client_module, transport
from custom_components.lianke.api.addresses import is_public_name
from custom_components.lianke.api.client import LiankeClient
from custom_components.lianke.api.errors import (
    ERROR_BY_CODE,
    AddressUnknownError,
    BoxNotFoundError,
    EndpointMissingError,
    LiankeConnectionError,
    LiankeError,
    LiankeResponseError,
    LiankeTimeoutError,
    TooFrequentError,
)
from custom_components.lianke.api.models import Credentials
from custom_components.lianke.api.transport import Purpose
from custom_components.lianke.api.upload import UploadFile
from custom_components.lianke.jobs.outcome import may_have_arrived
from tests.simulator import Account, Box, Fault, Simulator
from tests.simulator.endpoints import ENDPOINTS

from .calls import CALLS, FEW, SLOW, SPECIAL, client_of, meant_by, outcome
from .conftest import make_client
from .raw_server import answer, raw_server, saying


def test_the_table_knows_every_endpoint() -> None:
    assert set(CALLS) == set(ENDPOINTS)


@pytest.mark.parametrize("endpoint", [*FEW, *SLOW])
async def test_time_out(
    client: LiankeClient,
    sim: Simulator,
    small: UploadFile,
    endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PRINTER_LIST_SECONDS", "STATUS_SECONDS", "PAPER_SECONDS"):
        monkeypatch.setattr(client_module, name, 0.15)
    monkeypatch.setattr(transport, "QUICK_SECONDS", 0.15)
    monkeypatch.setattr(transport, "UPLOAD_ANSWER_SECONDS", 0.15)
    sim.cloud.fail(endpoint, Fault(kind="timeout", seconds=20), times=None)
    async with asyncio.timeout(15):
        error = await outcome(CALLS[endpoint], client, small)
    assert type(error) is LiankeTimeoutError
    assert error.may_have_arrived is True
    assert error.reason == "timed_out"


@pytest.mark.parametrize("endpoint", FEW)
async def test_an_address_that_does_not_exist(
    client: LiankeClient, sim: Simulator, small: UploadFile, endpoint: str
) -> None:
    """A wrong path is not taken for a wrong box, whatever the 404 carries."""
    sim.cloud.variants.missing_endpoints = [endpoint]
    error = await outcome(CALLS[endpoint], client, small)
    assert type(error) is AddressUnknownError
    assert may_have_arrived(error)
    sim.cloud.variants.missing_answer = "json"
    error = await outcome(CALLS[endpoint], client, small)
    assert type(error) is EndpointMissingError
    assert not may_have_arrived(error)
    assert (error.reason, error.code) == ("address_unknown", 404)
    for body in ('{"status":404,"error":"Not Found"}', '{"code":200,"data":{}}', "[]", "no JSON"):
        fault = Fault(kind="http", status=404, body=body, content_type="application/json")
        sim.cloud.variants.missing_endpoints = []
        sim.cloud.fail(endpoint, fault)
        assert isinstance(await outcome(CALLS[endpoint], client, small), AddressUnknownError), body
    # A code of the service that says more is told, whatever its HTTP status.
    body = '{"code":11404,"msg":"设备不存在"}'
    sim.cloud.fail(
        endpoint, Fault(kind="http", status=404, body=body, content_type="application/json")
    )
    assert type(await outcome(CALLS[endpoint], client, small)) is BoxNotFoundError


@pytest.mark.parametrize("endpoint", sorted({*FEW, *(endpoint for endpoint, _ in SPECIAL)}))
async def test_every_code(
    client: LiankeClient, sim: Simulator, small: UploadFile, endpoint: str
) -> None:
    for code in (*ERROR_BY_CODE, 401, 403, 4711):
        sim.cloud.fail(endpoint, Fault(kind="code", code=code, msg="原因"))
        error = await outcome(CALLS[endpoint], client, small)
        assert type(error) is meant_by(endpoint, code)
        assert error.code == code
        assert error.detail == "原因"


# Answers no simulator gives: byte for byte.


@pytest.mark.parametrize("endpoint", FEW)
async def test_a_redirect_is_not_followed(
    session: ClientSession, small: UploadFile, endpoint: str
) -> None:
    async with raw_server(saying(answer(b"", "200 OK"))) as elsewhere:
        moved = answer(b"", "307 Temporary Redirect", f"Location: {elsewhere.url}")
        async with raw_server(saying(moved)) as server:
            error = await outcome(CALLS[endpoint], client_of(server, session), small)
        assert type(error) in (LiankeResponseError, LiankeConnectionError)
        assert elsewhere.heads == []


@pytest.mark.parametrize("endpoint", sorted(CALLS))
async def test_an_answer_of_another_shape(
    session: ClientSession, small: UploadFile, endpoint: str
) -> None:
    for data in ("null", "[]", "{}", '"x"', '{"row":[{"id":1}],"task_id":"t"}', '[{"name":"x"},7]'):
        body = f'{{"code":200,"data":{data}}}'.encode()
        async with raw_server(saying(answer(body))) as server:
            found = await outcome(CALLS[endpoint], client_of(server, session), small)
        if isinstance(found, LiankeError):
            # An upload's answer may come before its end.
            assert type(found) in (LiankeResponseError, LiankeConnectionError), data


async def test_a_huge_answer_is_not_read(session: ClientSession) -> None:
    sent = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"data":"')
        for _ in range(1000):
            writer.write(b"x" * 100_000)
            await writer.drain()
            sent += 100_000

    async with raw_server(script) as server:
        with pytest.raises(LiankeResponseError) as caught:
            await client_of(server, session).box()
    assert caught.value.detail == "too long"
    assert sent < 40_000_000


async def test_a_long_but_allowed_answer(session: ClientSession) -> None:
    papers = b",".join(
        b'"P%d":{"paper_id":%d,"physical_width":100,"physical_height":100}' % (i, i)
        for i in range(6000)
    )
    body = b'{"code":200,"data":{' + papers + b"}}"
    assert len(body) > transport.BIG_ANSWER
    async with raw_server(saying(answer(body))) as server:
        assert len(await client_of(server, session).papers("x")) == 5000
        with pytest.raises(LiankeResponseError):
            await client_of(server, session).printers()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
        b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_broken_http(
    session: ClientSession, small: UploadFile, monkeypatch: pytest.MonkeyPatch, raw: bytes
) -> None:
    for wait in ("QUICK_SECONDS", "UPLOAD_ANSWER_SECONDS"):
        monkeypatch.setattr(transport, wait, 1.0)
    async with raw_server(saying(raw)) as server:
        for endpoint in ("GET /device/device_info", "POST /print/job"):
            error = await outcome(CALLS[endpoint], client_of(server, session), small)
            assert isinstance(error, LiankeConnectionError | LiankeResponseError)
            assert "AbCdEfGh12345678" not in f"{error} {error!r}"


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + b'{"code":200,"data":{"info":{"online":1}}}',
        '{"code":200,"data":{"info":{"online":1}}}'.encode("utf-16"),
        b'{"code":"200","msg":null,"data":{"info":{"online":1}},"extra":NaN}',
        b'{"code":2e2,"message":"ok","data":{"info":{"online":"1"}}}',
    ],
)
async def test_odd_but_readable(session: ClientSession, body: bytes) -> None:
    async with raw_server(saying(answer(body))) as server:
        assert (await client_of(server, session).box()).online is True


async def test_a_closed_session(
    client: LiankeClient, session: ClientSession, small: UploadFile
) -> None:
    await session.close()
    for endpoint in ("GET /device/device_info", "POST /print/job"):
        error = await outcome(CALLS[endpoint], client, small)
        assert type(error) is LiankeConnectionError
        assert error.may_have_arrived is False


async def test_an_impossible_server(
    session: ClientSession, account: Account, box: Box, small: UploadFile
) -> None:
    for url in ("nonsense", "http://127.0.0.1:1/api"):
        api = make_client(url, session, account, box)
        for endpoint in ("GET /device/device_info", "POST /print/job"):
            error = await outcome(CALLS[endpoint], api, small)
            assert type(error) is LiankeConnectionError, url
            assert error.may_have_arrived is False


class Gate:
    """A throttle that counts."""

    def __init__(self) -> None:
        self.inside = self.entered = self.uploads = self.complaints = 0

    @asynccontextmanager
    async def request_slot(self, purpose: Purpose, *, upload: bool = False) -> AsyncIterator[None]:
        self.uploads += upload
        self.entered += 1
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    def on_too_frequent(self) -> None:
        self.complaints += 1


async def test_throttle(
    sim: Simulator, session: ClientSession, account: Account, box: Box, small: UploadFile
) -> None:
    gate = Gate()
    api = LiankeClient(
        session,
        api_key=account.api_key,
        credentials=Credentials(device_id=box.device_id, device_key=box.device_key),
        server=sim.url,
        throttle=gate,
    )
    for endpoint, call in CALLS.items():
        sim.cloud.fail(endpoint, Fault(kind="code", code=10009))
        assert isinstance(await outcome(call, api, small), TooFrequentError)
    assert (gate.entered, gate.complaints, gate.inside) == (len(CALLS), len(CALLS), 0)
    assert gate.uploads == 2
    await api.box()
    sim.cloud.fail("GET /device/device_info", Fault(kind="reset_before"), times=None)
    with pytest.raises(LiankeConnectionError):
        await api.box()
    with pytest.raises(LiankeResponseError):
        await api.download(f"{sim.url}/nothing", 100)
    assert (gate.entered, gate.complaints, gate.inside) == (len(CALLS) + 3, len(CALLS), 0)


def test_pictures_come_from_public_places_only() -> None:
    """A list of pictures once led to this machine and the house's network."""
    assert all(is_public_name(host) for host in ("img.liankenet.com", "8.8.8.8"))
    for host in (
        *("localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "192.168.1.1"),
        *("169.254.169.254", "::1", "fd00::1", "router", "nas.local", "nas.lan."),
        *(
            "64:ff9b::7f00:1",
            "64:ff9b::c0a8:101",
            "2002:c0a8:101::1",
            "::ffff:10.0.0.1",
            "::7f00:1",
        ),
        *("224.0.0.1", "ff0e::1", "2001:0:4136:e378:8000:63bf:80ff:fffe"),
    ):
        assert not is_public_name(host), host


async def test_no_name_of_a_picture_leads_inside(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who answers for the names of an address in an answer may say that they are this machine."""

    async def resolve(
        _: ThreadedResolver, host: str, port: int = 0, family: int = 2
    ) -> list[dict[str, object]]:
        here = {"host": "127.0.0.1", "port": port, "family": 2, "proto": 0, "flags": 0}
        return [{"hostname": host, **here}]

    monkeypatch.setattr(ThreadedResolver, "resolve", resolve)
    async with ClientSession(connector=TCPConnector(resolver=ThreadedResolver())) as usual:
        connections = 0

        async def listen(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            writer.close()

        listener = await asyncio.start_server(listen, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        async with listener, raw_server(saying(answer(b"page"))) as server:
            api = client_of(server, usual)
            with pytest.raises(LiankeConnectionError):
                await api.download(f"https://img.liankenet.com:{port}/1.png", 100)
            assert connections == 0
            # What the service itself has is fetched from wherever it is.
            assert await api.download(f"{server.url}/1.png", 100) == b"page"
