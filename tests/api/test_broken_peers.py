"""A peer that answers in pieces and breaks off: one of our errors, whatever aiohttp makes of it."""

import asyncio
import base64
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout, TCPConnector, ThreadedResolver
from aiohttp.client_proto import ResponseHandler
import pytest

from custom_components.lianke.api import transport
from custom_components.lianke.api.errors import (
    BoxNotFoundError,
    LiankeConnectionError,
    LiankeTimeoutError,
)

from .calls import CALLS, FIELDS, LASER, client_of, length_of, outcome
from .conftest import upload_file
from .raw_server import answer, raw_server, saying

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
MANY = b"1\r\n \r\n" * 40_000


@pytest.mark.parametrize("patience", [0, 0.02])
async def test_an_early_answer_in_pieces_that_breaks_off(
    session: ClientSession, tmp_path: Path, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form reaches its end, and gives up, while the answer still comes."""
    document = upload_file(tmp_path / "x", size=3_000_000)
    has_begun = asyncio.Event()
    receive = ResponseHandler.data_received

    def data_received(handler: ResponseHandler, data: bytes) -> None:
        receive(handler, data)
        has_begun.set()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = await length_of(server)
        writer.write(CHUNKED + MANY)
        await reader.readexactly(length - 100)
        await asyncio.sleep(patience)
        writer.transport.abort()

    async def before_end() -> None:
        # What was sent may still be under way on a busy machine, so wait until the client has it.
        await has_begun.wait()

    monkeypatch.setattr(ResponseHandler, "data_received", data_received)
    async with raw_server(script) as server:
        for _ in range(5):
            has_begun.clear()
            async with asyncio.timeout(30):
                with pytest.raises(LiankeConnectionError) as caught:
                    await client_of(server, session).submit(
                        LASER, document, FIELDS, before_end=before_end
                    )
            assert caught.value.may_have_arrived is False


async def test_an_early_refusal_in_pieces_is_told(session: ClientSession, tmp_path: Path) -> None:
    """The form gives up at its end; what it was refused with still comes."""
    body = '{"code":11404,"msg":"设备不存在"}'.encode()
    document = upload_file(tmp_path / "x", size=3_000_000)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length, whole = await length_of(server), answer(body)
        writer.write(whole[:-10])
        await reader.readexactly(length - 100)
        await asyncio.sleep(0.3)
        writer.write(whole[-10:])

    async with raw_server(script) as server, asyncio.timeout(20):
        error = await outcome(CALLS["POST /print/job"], client_of(server, session), document)
    assert type(error) is BoxNotFoundError
    assert (error.code, error.detail) == (11404, "设备不存在")


async def test_a_name_that_no_resolver_takes(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a picture in an answer: no label of a name is empty, or has more than 63 characters."""

    async def resolve(_: ThreadedResolver, host: str, *_more: object) -> list[object]:
        # As the system's own, which the tests may not ask, does before it asks anybody.
        host.encode("idna")
        raise OSError

    monkeypatch.setattr(ThreadedResolver, "resolve", resolve)
    async with raw_server(saying(answer(b"page"))) as server:
        for host in ("a" * 70 + ".com", "a..com"):
            with pytest.raises(LiankeConnectionError):
                await client_of(server, session).download(f"https://{host}/1.png", 100)
        assert server.heads == []


async def test_a_picture_with_a_closed_session(socket_enabled: None) -> None:
    """Home Assistant is shutting down, or the box is unloaded."""
    async with raw_server(saying(answer(b"page"))) as server:
        async with ClientSession(connector=TCPConnector(resolver=ThreadedResolver())) as closed:
            api = client_of(server, closed)
        with pytest.raises(LiankeConnectionError):
            await api.download(f"{server.url}/1.png", 100)


@pytest.mark.parametrize(
    ("piece", "silence", "is_read"), [(50_000, 0.0, True), (10, 0.0, False), (50_000, 30.0, False)]
)
async def test_the_pages_of_a_scan_over_a_slow_line(
    session: ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    piece: int,
    silence: float,
    is_read: bool,
) -> None:
    """Have the time that they take, but neither bytes one by one have, nor silence."""
    monkeypatch.setattr(transport, "QUICK_SECONDS", 1)
    monkeypatch.setattr(transport, "LONG_ANSWER", ClientTimeout(total=None, sock_read=1))
    page = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(1_500_000)).decode()
    body = f'{{"code":200,"data":{{"task_state":"SUCCESS","img":"{page}"}}}}'.encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head.encode())
        for start in range(0, len(body), piece):
            writer.write(body[start : start + piece])
            await writer.drain()
            await asyncio.sleep(silence if start == piece else 0.05)

    async with raw_server(script) as server, asyncio.timeout(20):
        client = client_of(server, session)
        if is_read:
            assert [len(part) for part in (await client.scanners.task("t")).parts] == [1_500_004]
            return
        with pytest.raises(LiankeTimeoutError):
            await client.scanners.task("t")
