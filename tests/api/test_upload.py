"""Uploads that go wrong at every point, and what is known about them afterwards."""

import asyncio
from collections.abc import Callable, Iterator
import gc
from pathlib import Path
import resource
import tracemalloc
from types import SimpleNamespace
from unittest.mock import create_autospec

from aiohttp import ClientSession, FormData
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
import pytest

from custom_components.lianke.api import transport
from custom_components.lianke.api.client import LiankeClient
from custom_components.lianke.api.errors import (
    BoxOfflineError,
    ConversionFailedError,
    DocumentTooLargeError,
    DocumentUnreadableError,
    LiankeConnectionError,
    LiankeError,
    LiankeResponseError,
    LiankeTimeoutError,
    UnknownCodeError,
)
from custom_components.lianke.api.models import PrinterAddress
from custom_components.lianke.api.upload import JobForm, UploadFile
from tests.simulator import Simulator

from .calls import FIELDS, LASER, client_of, length_of
from .conftest import upload_file
from .raw_server import answer, raw_server

ACCEPTED = answer(b'{"code":200,"msg":"success","data":{"task_id":"t-1"}}')
BIG = 40_000_000


@pytest.fixture
def document(tmp_path: Path) -> UploadFile:
    """Give a document that fits into no socket's buffer."""
    return upload_file(tmp_path / "document", name="文档.pdf", size=BIG)


async def test_the_form_byte_for_byte(session: ClientSession, small: UploadFile) -> None:
    """What is sent is what FormData(quote_fields=False) sends, with a length and the file last."""
    bodies: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append(await reader.readexactly(await length_of(server)))
        writer.write(ACCEPTED)

    named = upload_file(small.path, name='报告 "1"\\x.pdf')
    async with raw_server(script) as server:
        client = client_of(server, session)
        task = await client.submit(LASER, named, FIELDS, callback_address="https://ha/c", token="1")
        assert task == "t-1"
        assert b"Transfer-Encoding" not in server.heads[0]
        form = FormData(quote_fields=False)
        form.add_field("deviceId", "lk00ab00000000")
        form.add_field("deviceKey", "AbCdEfGh12345678")
        form.add_field("devicePort", "1")
        form.add_field("printerModel", LASER.model)
        form.add_field("dmPaperSize", "9")
        form.add_field("callbackUrl", "https://ha/c?job=1")
        with small.path.open("rb") as file:
            form.add_field("jobFile", file, filename="x.pdf", content_type="application/pdf")
            await session.post(server.url, data=form)
    ours, theirs = bodies
    assert _parts(ours) == _parts(theirs)


def _parts(body: bytes) -> list[bytes]:
    boundary = body.split(b"\r\n", 1)[0]
    return body.split(boundary)


async def test_before_end_comes_when_only_the_end_is_missing(
    session: ClientSession, small: UploadFile
) -> None:
    received = bytearray()
    all_but_the_end = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = await length_of(server)
        while len(received) < length:
            received.extend(await reader.read(65536))
            if len(received) == length - len(b"--") - 32 - len(b"--\r\n"):
                all_but_the_end.set()
        writer.write(ACCEPTED)

    seen: list[int] = []

    async def before_end() -> None:
        await asyncio.wait_for(all_but_the_end.wait(), 30)
        seen.append(len(received))

    async with raw_server(script) as server:
        client = client_of(server, session)
        assert await client.submit(LASER, small, FIELDS, before_end=before_end) == "t-1"
        assert len(received) - seen[0] == 38
        assert received.endswith(b"--\r\n")


class HookError(Exception):
    """What a hook of ours may raise."""


@pytest.mark.parametrize(
    "error", [HookError("disk"), OSError(28, "full"), TimeoutError(), ValueError("x")]
)
async def test_an_error_before_the_end_keeps_the_end_back(
    client: LiankeClient, sim: Simulator, small: UploadFile, error: Exception
) -> None:
    async def before_end() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        await client.submit(LASER, small, FIELDS, before_end=before_end)
    assert caught.value is error
    await asyncio.sleep(0.05)
    assert sim.cloud.tasks == {}


async def test_cancelled_before_the_end(
    client: LiankeClient, sim: Simulator, small: UploadFile
) -> None:
    reached, never = asyncio.Event(), asyncio.Event()

    async def before_end() -> None:
        reached.set()
        await never.wait()

    task = asyncio.create_task(client.submit(LASER, small, FIELDS, before_end=before_end))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    never.set()
    await asyncio.sleep(0.05)
    assert sim.cloud.tasks == {}


@pytest.mark.parametrize(
    ("told_by", "last_words"),
    [
        ("data_received", answer(b'{"code":502,"msg":"bad file"}')),
        ("data_received", ACCEPTED),
        ("eof_received", b""),
        ("connection_lost", b""),
    ],
)
async def test_what_the_connection_hears_last_before_the_end_keeps_the_end_back(
    session: ClientSession,
    small: UploadFile,
    monkeypatch: pytest.MonkeyPatch,
    told_by: str,
    last_words: bytes,
) -> None:
    """Also where nobody could read it yet: the hook returns first of all who wait for that moment."""
    heard = asyncio.Event()
    hears = getattr(ResponseHandler, told_by)

    def on_hearing(self: ResponseHandler, *args: object) -> object:
        heard.set()
        return hears(self, *args)

    monkeypatch.setattr(ResponseHandler, told_by, on_hearing)
    received, ended = bytearray(), asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = await length_of(server)
        while len(received) < length - 38:
            received.extend(await reader.read(65536))
        writer.write(last_words)
        await writer.drain()
        if told_by == "connection_lost":
            writer.transport.abort()
        elif told_by == "eof_received":
            writer.write_eof()
        try:
            while piece := await reader.read(65536):
                received.extend(piece)
        finally:
            ended.set()

    async def before_end() -> None:
        await asyncio.wait_for(heard.wait(), 10)

    async with raw_server(script) as server:
        with pytest.raises(LiankeError) as caught:
            await client_of(server, session).submit(LASER, small, FIELDS, before_end=before_end)
        await asyncio.wait_for(ended.wait(), 10)
    assert heard.is_set()
    refused = isinstance(caught.value, ConversionFailedError)
    assert refused == (b"502" in last_words)
    assert refused or getattr(caught.value, "may_have_arrived", None) is False
    assert not received.endswith(b"--\r\n")


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.4)
    monkeypatch.setattr(transport, "UPLOAD_IDLE_SECONDS", 0.4)
    monkeypatch.setattr(transport, "UPLOAD_TURN_SECONDS", 0.8)
    monkeypatch.setattr(transport, "UPLOAD_ANSWER_SECONDS", 0.4)
    monkeypatch.setattr(transport, "ANSWER_BYTES_A_SECOND", 1e12)
    monkeypatch.setattr(transport, "SLOWEST_LINE_BYTES_A_SECOND", 1e12)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("hangs", ["reading", "answer", "hook"])
async def test_what_hangs_ends(session: ClientSession, document: UploadFile, hangs: str) -> None:
    """Only without an answer to the whole form may it have arrived."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while hangs == "reading" or await reader.read(1 << 20):
            await asyncio.sleep(5 if hangs == "reading" else 0)

    async def before_end() -> None:
        if hangs == "hook":
            await asyncio.sleep(60)

    async with raw_server(script) as server:
        with pytest.raises(LiankeTimeoutError) as caught:
            await client_of(server, session).submit(LASER, document, FIELDS, before_end=before_end)
    assert caught.value.may_have_arrived is (hangs == "answer")


@pytest.mark.usefixtures("hasty")
async def test_slow_but_steady_is_no_time_out(
    session: ClientSession, document: UploadFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither while the file goes, nor while the system's buffers empty themselves afterwards."""
    monkeypatch.setattr(transport, "SLOWEST_LINE_BYTES_A_SECOND", 5e5)
    # A machine with other work to do may stop for a while.
    monkeypatch.setattr(transport, "UPLOAD_IDLE_SECONDS", 2.0)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = await length_of(server)
        while left:
            left -= len(await reader.readexactly(min(left, 1_000_000)))
            await asyncio.sleep(0.08)
        writer.write(ACCEPTED)

    loop = asyncio.get_running_loop()
    async with raw_server(script) as server:
        start = loop.time()
        assert await client_of(server, session).submit(LASER, document, FIELDS) == "t-1"
        assert loop.time() - start > 2.0


@pytest.mark.usefixtures("hasty")
async def test_waiting_for_the_turn_is_not_idle(
    session: ClientSession, small: UploadFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait has a limit of its own, and afterwards the others hold again."""
    monkeypatch.setattr(transport, "UPLOAD_TURN_SECONDS", 30.0)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(await length_of(server))
        if len(server.heads) == 1:
            writer.write(ACCEPTED)
        else:
            await asyncio.sleep(60)

    async def before_end() -> None:
        await asyncio.sleep(1.5)

    loop = asyncio.get_running_loop()
    async with raw_server(script) as server:
        client = client_of(server, session)
        assert await client.submit(LASER, small, FIELDS, before_end=before_end) == "t-1"
        start = loop.time()
        with pytest.raises(LiankeTimeoutError) as caught:
            await client.submit(LASER, small, FIELDS, before_end=before_end)
    assert caught.value.may_have_arrived is True
    assert loop.time() - start < 20


@pytest.mark.usefixtures("hasty")
async def test_total_time_is_bounded_by_size(
    session: ClientSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that always takes a little more keeps nobody for ever."""
    monkeypatch.setattr(transport, "UPLOAD_IDLE_SECONDS", 0.9)
    large = upload_file(tmp_path / "large", size=60_000_000)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(200):
            await reader.readexactly(250_000)
            await asyncio.sleep(0.1)

    loop = asyncio.get_running_loop()
    start = loop.time()
    async with raw_server(script) as server:
        with pytest.raises(LiankeTimeoutError) as caught:
            await client_of(server, session).submit(LASER, large, FIELDS)
    assert caught.value.may_have_arrived is False
    assert 1.6 < loop.time() - start < 12


@pytest.mark.parametrize(
    ("early", "kind"),
    [
        (answer(b"<html>nginx</html>", "413 Request Entity Too Large"), DocumentTooLargeError),
        (answer('{"code":"5002","msg":"设备不在线"}'.encode()), BoxOfflineError),
        # Of a whole upload it would leave doubt; this one surely never arrived.
        (answer(b"", "302 Found", "Location: /elsewhere"), LiankeConnectionError),
        (answer(b'{"code":502,"msg":"bad file"}'), ConversionFailedError),
        (ACCEPTED, LiankeConnectionError),
        # Whatever the code: nothing can have been accepted.
        (answer(b'{"code":10021,"msg":"too many"}'), UnknownCodeError),
    ],
)
async def test_an_answer_in_mid_upload_ends_it(
    session: ClientSession, document: UploadFile, early: bytes, kind: type[LiankeError]
) -> None:
    received = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        received += len(await reader.read(10_000))
        writer.write(early)
        await writer.drain()
        await asyncio.sleep(0.2)
        while chunk := await reader.read(1 << 20):
            received += len(chunk)

    hook_called = False

    async def before_end() -> None:
        nonlocal hook_called
        hook_called = True

    async with raw_server(script) as server:
        async with asyncio.timeout(30):
            with pytest.raises(kind) as caught:
                await client_of(server, session).submit(
                    LASER, document, FIELDS, before_end=before_end
                )
        assert len(server.heads) == 1
    assert getattr(caught.value, "may_have_arrived", False) is False
    assert not hook_called
    assert received < BIG


@pytest.mark.parametrize("change", ["gone", "shorter", "longer", "folder"])
async def test_a_file_that_is_not_what_it_was(
    client: LiankeClient, sim: Simulator, small: UploadFile, change: str
) -> None:
    match change:
        case "gone":
            small.path.unlink()
        case "shorter":
            small.path.write_bytes(b"x")
        case "longer":
            small.path.write_bytes(b"x" * (small.size + 1))
        case "folder":
            small.path.unlink()
            small.path.mkdir()
    with pytest.raises(DocumentUnreadableError) as caught:
        await client.submit(LASER, small, FIELDS)
    assert str(small.path) not in str(caught.value)
    assert sim.cloud.counts.total() == 0


async def test_a_file_cut_during_the_upload(session: ClientSession, document: UploadFile) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        with document.path.open("r+b") as file:
            file.truncate(10)
        await _drain(reader)

    async with raw_server(script) as server:
        with pytest.raises(DocumentUnreadableError):
            await client_of(server, session).submit(LASER, document, FIELDS)


@pytest.mark.parametrize(
    "data",
    [
        "{}",
        "null",
        "[]",
        '""',
        "7",
        '{"task_id":null}',
        '{"task_id":{}}',
        '{"task_id":""}',
        '{"task_id":" "}',
    ],
)
async def test_accepted_without_a_task(
    session: ClientSession, small: UploadFile, data: str
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(await length_of(server))
        writer.write(answer(f'{{"code":200,"msg":"success","data":{data}}}'.encode()))

    async with raw_server(script) as server:
        with pytest.raises(LiankeResponseError) as caught:
            await client_of(server, session).submit(LASER, small, FIELDS)
    assert caught.value.may_have_arrived is True


async def test_broken_characters_in_fields_do_no_harm(
    client: LiankeClient, sim: Simulator, small: UploadFile
) -> None:
    model = PrinterAddress(port=1, model="broken\ud83d\r\nmodel")
    await client.submit(model, small, {**FIELDS, "jpPageRange": "1"})
    for task in sim.cloud.tasks.values():
        await task.ended.wait()


@pytest.fixture
def measured() -> Iterator[Callable[[], float]]:
    """Give what tells the most MiB of Python memory used since the start."""
    gc.collect()
    tracemalloc.start()
    tracemalloc.reset_peak()
    start = tracemalloc.get_traced_memory()[0]
    yield lambda: (tracemalloc.get_traced_memory()[1] - start) / 2**20
    tracemalloc.stop()


@pytest.mark.long
async def test_200_megabytes_cost_no_memory(
    session: ClientSession, tmp_path: Path, measured: Callable[[], float]
) -> None:
    size = 200 * 2**20
    large = upload_file(tmp_path / "large", size=size)
    received = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        length = await length_of(server)
        while received < length:
            received += len(await reader.read(1 << 18))
        writer.write(ACCEPTED)

    progress: list[int] = []
    async with raw_server(script) as server:
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert (
            await client_of(server, session).submit(
                LASER, large, FIELDS, on_progress=progress.append
            )
            == "t-1"
        )
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rss) / 1024
    assert received > size
    assert progress == sorted(set(progress))
    assert progress[-1] == size
    assert measured() < 16
    assert grown < 16


async def test_an_abandoned_form_never_sends_its_end(small: UploadFile) -> None:
    """Even if nobody could cancel it in time."""

    async def before_end() -> None:
        form.abandoned = True

    sink = create_autospec(AbstractStreamWriter, instance=True)
    form = JobForm(small, FIELDS, before_end=before_end)
    writing = asyncio.create_task(form.write(sink))
    async with asyncio.timeout(30):
        while not form.abandoned:
            await asyncio.sleep(0)
    assert await asyncio.wait([writing], timeout=0.2) == (set(), {writing})
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert not form.handed_over
    sent = b"".join(bytes(call.args[0]) for call in sink.write.await_args_list)
    assert small.path.read_bytes() in sent
    assert not sent.rstrip().endswith(b"--")


async def test_a_file_that_can_no_longer_be_read(
    document: UploadFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = JobForm(document, FIELDS)
    await form.close_file()

    def fail(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(form, "_file", SimpleNamespace(seek=fail, read=fail))
    with pytest.raises(DocumentUnreadableError):
        await form.write(create_autospec(AbstractStreamWriter, instance=True))
    assert isinstance(form.failure, DocumentUnreadableError)


# One answer, one request.
