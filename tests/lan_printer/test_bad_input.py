"""Whatever a device sends gets an answer of the protocol, and nothing is lost or printed."""

import asyncio
import gzip
import os
from pathlib import Path
import random

import pytest

from custom_components.lianke.const import CONF_MAX_DOCUMENT_MB, CONF_MAX_JOBS_PER_HOUR
from custom_components.lianke.documents import received
from custom_components.lianke.lan_printer import (
    job_options,
    lan_jobs,
    querying,
    reception,
    requests,
    server,
    values,
    view,
)
from custom_components.lianke.lan_printer.codec import decode, encode
from custom_components.lianke.lan_printer.ipp import (
    Group,
    Message,
    Operation,
    Status,
    Tag,
    Value,
)
from custom_components.lianke.lan_printer.lan_jobs import PendingJobs
from custom_components.lianke.lan_printer.server import async_get_server
from tests.documents.rasters import a_page, urf
from tests.lan_printer.conftest import PDF, LanPrinter, jobs_of
from tests.lan_printer.test_codec import spoiled
from tests.printing import came_out, data_of, sent
from tests.simulator import Simulator, make_pdf

LAST = values.boolean(True)


def spooled(lan: LanPrinter) -> list[str]:
    """Return the files in the spool."""
    folder = lan.hass.config.cache_path("lianke", "spool")
    return sorted(path.name for path in Path(folder).iterdir())


def request(operation: int, **changes: object) -> bytes:
    """Return a bare request; `changes` are fields of the message."""
    attributes = {
        "attributes-charset": (Value(Tag.CHARSET, "utf-8"),),
        "attributes-natural-language": (Value(Tag.LANGUAGE, "en"),),
        "printer-uri": values.uri("ipp://x/y"),
    }
    group = Group(tag=Tag.OPERATION, attributes=attributes)
    return encode(
        Message(**{"code": operation, "request_id": 1, "groups": (group,), **changes})  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (request(0x4001), Status.OPERATION_NOT_SUPPORTED),
        (request(Operation.GET_JOBS, version=(3, 0)), Status.VERSION_NOT_SUPPORTED),
        (request(Operation.GET_JOBS, request_id=0), Status.BAD_REQUEST),
        (request(Operation.GET_JOBS, groups=()), Status.BAD_REQUEST),
        (request(Operation.GET_JOBS)[:-9], Status.BAD_REQUEST),
        (request(Operation.GET_JOBS).replace(b"utf-8", b"big-5"), Status.CHARSET_NOT_SUPPORTED),
        (request(Operation.GET_JOBS)[:10] + b"\xff\xff", Status.BAD_REQUEST),
        (request(Operation.GET_JOBS)[:9] + b"\x47" + bytes(70_000), Status.BAD_REQUEST),
        (request(Operation.CANCEL_JOB), Status.BAD_REQUEST),
        (request(Operation.SEND_DOCUMENT), Status.BAD_REQUEST),
    ],
)
async def test_a_request_that_makes_no_sense(
    lan: LanPrinter, simulator: Simulator, body: bytes, status: Status
) -> None:
    code, answer = await lan.post(body)
    assert code == 200
    message, _ = decode(answer)
    assert message.code == status
    assert sent(simulator) == 0


@pytest.mark.parametrize("body", [b"", b"\2\0\0"])
async def test_a_body_without_a_header(lan: LanPrinter, body: bytes) -> None:
    assert (await lan.post(body))[0] == 400


async def test_another_type_of_body(lan: LanPrinter) -> None:
    assert (await lan.post(b"x" * 20, **{"Content-Type": "text/html"}))[0] == 415


@pytest.mark.parametrize(
    ("document", "attributes", "status"),
    [
        (b"", {}, Status.FORMAT_ERROR),
        (b"%PDF-1.7 cut", {}, Status.FORMAT_ERROR),
        (urf(a_page(), a_page()[:100]), {}, Status.FORMAT_ERROR),
        (b"just text", {}, Status.FORMAT_NOT_SUPPORTED),
        (b"\x1bE printer commands", {}, Status.FORMAT_NOT_SUPPORTED),
        (b"<html><script>alert(1)</script>", {}, Status.FORMAT_NOT_SUPPORTED),
        (PDF, {"document_format": values.mime_type("text/html")}, Status.FORMAT_NOT_SUPPORTED),
        (PDF, {"compression": values.keyword("compress")}, Status.COMPRESSION_NOT_SUPPORTED),
        (PDF, {"compression": values.keyword("gzip")}, Status.COMPRESSION_ERROR),
        (
            gzip.compress(PDF)[:-20],
            {"compression": values.keyword("gzip")},
            Status.COMPRESSION_ERROR,
        ),
        (make_pdf(101), {}, Status.NOT_POSSIBLE),
    ],
)
async def test_a_document_that_cannot_be_printed(
    lan: LanPrinter,
    simulator: Simulator,
    document: bytes,
    attributes: dict[str, tuple[Value, ...]],
    status: Status,
) -> None:
    reply = await lan.ask(Operation.PRINT_JOB, None, document, **attributes)
    assert reply.status == status
    assert reply.one("status-message", Tag.OPERATION)
    assert jobs_of(lan) == []
    assert spooled(lan) == []
    assert sent(simulator) == 0


async def test_a_bad_document_ends_its_job(lan: LanPrinter) -> None:
    number = (await lan.ask(Operation.CREATE_JOB)).one("job-id")
    assert isinstance(number, int)
    job_id = values.integer(number)
    reply = await lan.ask(
        Operation.SEND_DOCUMENT, document=b"noise", job_id=job_id, last_document=LAST
    )
    assert reply.status == Status.FORMAT_NOT_SUPPORTED
    assert (await lan.job(number)).one("job-state") == 8


@pytest.mark.parametrize(
    "content",
    [
        values.integer(-(2**31)),
        values.collection({}),
        values.octets(b"\xff"),
        values.NO_VALUE,
        values.boolean(True),
        values.number_range(5, 2),
        (Value(0x7F, b"?"),),
    ],
)
async def test_attributes_of_another_kind(
    lan: LanPrinter, simulator: Simulator, content: tuple[Value, ...]
) -> None:
    """Wherever something else is expected: each is told as not supported, or ignored."""
    names = ("copies", "sides", "media", "media-col", "page-ranges", "print-quality")
    job = dict.fromkeys(names, content)
    reply = await lan.ask(Operation.VALIDATE_JOB, job)
    assert reply.status == Status.OK_SUBSTITUTED
    assert set(reply.unsupported) >= set(names) - {"media-col"}
    reply = await lan.ask(
        Operation.GET_JOBS,
        limit=content,
        which_jobs=content,
        my_jobs=content,
        requested_attributes=content,
        job_id=content,
    )
    assert reply.status in (Status.OK, Status.ATTRIBUTES_NOT_SUPPORTED)
    for operation in (Operation.CANCEL_JOB, Operation.GET_JOB_ATTRIBUTES):
        reply = await lan.ask(operation, job_id=content, job_uri=content)
        assert reply.status in (Status.BAD_REQUEST, Status.NOT_FOUND)


async def test_a_document_beyond_the_limit(
    lan: LanPrinter, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**lan.entry.options, CONF_MAX_DOCUMENT_MB: 1}
    lan.hass.config_entries.async_update_entry(lan.entry, options=options)
    monkeypatch.setattr(reception, "MAX_RASTER_BYTES", 3 * 1024**2)
    padded = PDF + bytes(1024**2)
    raster = urf(a_page()) + bytes(3 * 1024**2)
    for document in (padded, raster, gzip.compress(padded)):
        compression = "gzip" if document.startswith(b"\x1f\x8b") else "none"
        reply = await lan.ask(
            Operation.PRINT_JOB, document=document, compression=values.keyword(compression)
        )
        assert reply.status == Status.ENTITY_TOO_LARGE
    assert spooled(lan) == []
    assert sent(simulator) == 0


async def test_a_connection_that_breaks(lan: LanPrinter, simulator: Simulator) -> None:
    """Before all of the document was there: nothing is printed, nothing is left."""
    body = lan.message(Operation.PRINT_JOB) + PDF
    host, port = lan.session, int(lan.base.rpartition(":")[2])
    del host
    head = f"POST {lan.url.removeprefix(lan.base)} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    head += f"Content-Type: application/ipp\r\nContent-Length: {len(body)}\r\n\r\n"
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + body[:-10])
    await writer.drain()
    async with asyncio.timeout(10):
        while not spooled(lan) and not async_get_server(lan.hass)._receiving:
            await asyncio.sleep(0.01)
    writer.close()
    async with asyncio.timeout(10):
        while spooled(lan) or async_get_server(lan.hass)._requests:
            await asyncio.sleep(0.01)
    assert jobs_of(lan) == []
    assert sent(simulator) == 0


async def test_attributes_and_documents_that_never_end(
    lan: LanPrinter, monkeypatch: pytest.MonkeyPatch, simulator: Simulator
) -> None:
    monkeypatch.setattr(view, "ATTRIBUTES_SECONDS", 0.2)
    monkeypatch.setattr(reception, "IDLE_SECONDS", 0.2)
    gate = asyncio.Event()

    async def endless(start: bytes) -> object:
        yield start
        await gate.wait()

    headers = {"Content-Type": "application/ipp"}
    async with lan.session.post(lan.url, data=endless(b"\2\0"), headers=headers) as answer:
        assert answer.status == 408
    whole = lan.message(Operation.PRINT_JOB) + PDF[:100]
    async with lan.session.post(lan.url, data=endless(whole), headers=headers) as answer:
        message, _ = decode(await answer.read())
    assert message.code == Status.TIMEOUT
    monkeypatch.setattr(reception, "IDLE_SECONDS", 60)
    monkeypatch.setattr(reception, "RECEIVE_SECONDS", 0.2)
    async with lan.session.post(lan.url, data=endless(whole), headers=headers) as answer:
        message, _ = decode(await answer.read())
    assert message.code == Status.TIMEOUT
    gate.set()
    assert spooled(lan) == []


async def test_a_disk_that_is_full(
    lan: LanPrinter, monkeypatch: pytest.MonkeyPatch, simulator: Simulator
) -> None:
    def full(_path: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reception, "open_private", full)
    reply = await lan.ask(Operation.PRINT_JOB, document=PDF)
    assert reply.status == Status.TEMPORARY_ERROR
    assert sent(simulator) == 0


async def test_a_printer_that_was_removed(lan: LanPrinter, simulator: Simulator) -> None:
    data_of(lan.entry).coordinator.async_forget(lan.key)
    assert (await lan.ask(Operation.PRINT_JOB, document=PDF)).status == Status.NOT_FOUND
    assert sent(simulator) == 0


async def test_a_box_that_is_being_loaded(lan: LanPrinter, simulator: Simulator) -> None:
    await lan.hass.config_entries.async_unload(lan.entry.entry_id)
    reply = await lan.ask(Operation.PRINT_JOB, document=PDF)
    assert reply.status == Status.SERVICE_UNAVAILABLE
    assert await lan.hass.config_entries.async_setup(lan.entry.entry_id)
    assert (await lan.ask(Operation.GET_JOBS)).status == Status.OK


async def test_the_network_has_a_limit_of_its_own(lan: LanPrinter, simulator: Simulator) -> None:
    """Beyond it a device is refused; automations still print."""
    options = {**lan.entry.options, CONF_MAX_JOBS_PER_HOUR: 2}
    lan.hass.config_entries.async_update_entry(lan.entry, options=options)
    for _ in range(2):
        await lan.print()
    reply = await lan.ask(Operation.PRINT_JOB, document=PDF)
    assert reply.status == Status.NOT_POSSIBLE
    data_of(lan.entry).queue.check_rate(lan.key, None)
    await came_out(simulator, 2)


async def test_two_hundred_connections(
    lan: LanPrinter, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many requests are answered, the others told to come again, and it goes on afterwards."""
    gate = asyncio.Event()
    waiting = 0
    held = querying.async_get_jobs

    async def slow(asked: requests.Request) -> requests.Answer:
        nonlocal waiting
        waiting += 1
        await gate.wait()
        return await held(asked)

    monkeypatch.setitem(view._HANDLERS, Operation.GET_JOBS, slow)
    body = lan.message(Operation.GET_JOBS)
    lan.session.connector._limit = 0  # type: ignore[union-attr]
    tasks = [asyncio.create_task(lan.post(body)) for _ in range(200)]
    refused = 200 - server.MAX_REQUESTS
    async with asyncio.timeout(60):
        while sum(task.done() for task in tasks) < refused or waiting < server.MAX_REQUESTS:
            await asyncio.sleep(0.02)
    gate.set()
    codes = [code for code, _ in await asyncio.gather(*tasks)]
    assert codes.count(503) == refused
    assert codes.count(200) == server.MAX_REQUESTS
    assert (await lan.ask(Operation.GET_JOBS)).status == Status.OK


async def test_few_documents_are_received_at_a_time(lan: LanPrinter, simulator: Simulator) -> None:
    gate = asyncio.Event()

    async def slow() -> object:
        yield lan.message(Operation.PRINT_JOB) + PDF[:50]
        await gate.wait()
        yield PDF[50:]

    headers = {"Content-Type": "application/ipp"}

    async def send() -> int:
        async with lan.session.post(lan.url, data=slow(), headers=headers) as answer:
            message, _ = decode(await answer.read())
            return message.code

    tasks = [asyncio.create_task(send()) for _ in range(server.MAX_RECEIVING)]
    async with asyncio.timeout(20):
        while not async_get_server(lan.hass).is_receiving_all:
            await asyncio.sleep(0.02)
    assert (await lan.ask(Operation.PRINT_JOB, document=PDF)).status == Status.BUSY
    printer = await lan.ask(Operation.GET_PRINTER_ATTRIBUTES)
    assert printer.many("printer-state-reasons") == ["spool-area-full-report"]
    gate.set()
    assert await asyncio.gather(*tasks) == [Status.OK] * server.MAX_RECEIVING
    await came_out(simulator, server.MAX_RECEIVING)


async def test_few_jobs_wait_for_their_documents(lan: LanPrinter) -> None:
    for _ in range(lan_jobs.MAX_PENDING):
        assert (await lan.ask(Operation.CREATE_JOB)).status == Status.OK
    assert (await lan.ask(Operation.CREATE_JOB)).status == Status.BUSY


async def test_few_jobs_that_ended_are_kept(lan: LanPrinter) -> None:
    pending: PendingJobs = async_get_server(lan.hass).pending[lan.token]
    for _ in range(lan_jobs.MAX_ENDED + 5):
        number = (await lan.ask(Operation.CREATE_JOB)).one("job-id")
        assert isinstance(number, int)
        await lan.ask(Operation.CANCEL_JOB, job_id=values.integer(number))
    assert len(pending.all) == lan_jobs.MAX_ENDED


async def test_a_list_of_jobs_is_bounded(lan: LanPrinter, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        await lan.ask(Operation.CREATE_JOB)
    monkeypatch.setattr(querying, "MAX_LISTED", 3)
    assert len((await lan.ask(Operation.GET_JOBS)).jobs) == 3
    assert len((await lan.ask(Operation.GET_JOBS, limit=values.integer(2))).jobs) == 2
    assert len((await lan.ask(Operation.GET_JOBS, limit=values.integer(99))).jobs) == 3


async def test_a_page_selection_is_bounded(lan: LanPrinter) -> None:
    pieces = [values.number_range(n, n)[0] for n in range(1, 2 * job_options.MAX_RANGES + 3, 2)]
    for count, status in (
        (job_options.MAX_RANGES, Status.OK),
        (job_options.MAX_RANGES + 1, Status.OK_SUBSTITUTED),
    ):
        reply = await lan.ask(Operation.VALIDATE_JOB, {"page-ranges": tuple(pieces[:count])})
        assert reply.status == status


async def test_names_of_devices_are_cut_and_cleaned(lan: LanPrinter, simulator: Simulator) -> None:
    lan.name = "\u202e\n<b>Anna</b>\x00 " + "x" * 100
    await lan.print(job_name=values.name("a\nb\u202e"))
    (job,) = jobs_of(lan)
    assert job.sender is not None
    assert job.sender.startswith("<b>Anna</b> xx")
    assert len(job.sender) == requests.MAX_SENDER
    assert job.title == "a b"
    await came_out(simulator)


async def test_fuzzed_requests(lan: LanPrinter, simulator: Simulator) -> None:
    """Each gets an answer; none of them ends in an error of the web server."""
    chance = random.Random(7)
    for _ in range(int(os.environ.get("LIANKE_FUZZ_HTTP", "300"))):
        body = spoiled(chance).replace(
            b"\2\0\0\2", b"\2\0\0" + bytes([chance.choice((2, 4, 5, 10, 11))])
        )
        status, _ = await lan.post(body)
        assert status in (200, 400)


async def test_raster_pages_that_take_too_long(
    lan: LanPrinter, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received, "TURN_SECONDS", 0)
    reply = await lan.ask(Operation.PRINT_JOB, document=urf(a_page()))
    assert reply.status == Status.FORMAT_ERROR
    assert spooled(lan) == []
    assert sent(simulator) == 0
