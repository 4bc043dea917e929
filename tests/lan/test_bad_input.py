"""Whatever a device sends gets an answer of the protocol, and nothing is lost or printed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
import gzip
import os
import random
from typing import Any, override
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.lianke.const import MAX_DOCUMENT_MB, MAX_JOBS_PER_HOUR
from custom_components.lianke.documents import download, sources as received
from custom_components.lianke.ipp import model as values
from custom_components.lianke.ipp.codec import decode, encode
from custom_components.lianke.ipp.model import (
    IppGroup,
    IppMessage,
    IppTag,
    IppValue,
    Operation,
    Status,
)
from custom_components.lianke.lan import origin
from custom_components.lianke.lan.printer import (
    ipp_endpoint,
    job_options,
    lan_jobs,
    query_operations,
    requests_and_documents,
    server,
)
from custom_components.lianke.lan.printer.lan_jobs import PendingJobs
from custom_components.lianke.lan.printer.server import async_get_server
from tests.clock import until
from tests.documents.rasters import GRAY, a_page, urf, urf_header
from tests.household import came_out, sent
from tests.ipp.requests import spoiled
from tests.lan.conftest import PDF, Device, LanPrinter, jobs_of, spooled
from tests.scanned import jpeg, page as scanned_page
from tests.simulator import make_pdf

LAST = values.boolean(True)


def request(operation: int, **changes: object) -> bytes:
    """Return a bare request; `changes` are fields of the message."""
    attributes = {
        "attributes-charset": (IppValue(IppTag.CHARSET, "utf-8"),),
        "attributes-natural-language": (IppValue(IppTag.LANGUAGE, "en"),),
        "printer-uri": values.uri("ipp://x/y"),
    }
    group = IppGroup(tag=IppTag.OPERATION, attributes=attributes)
    return encode(
        IppMessage(**{"code": operation, "request_id": 1, "groups": (group,), **changes})  # type: ignore[arg-type]
    )


async def test_requests_that_make_no_sense(lan: LanPrinter) -> None:
    for body, status in (
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
    ):
        code, answer = await lan.post(body)
        assert code == 200, body
        assert decode(answer)[0].code == status, body
    for body in (b"", b"\2\0\0"):
        assert (await lan.post(body))[0] == 400
    assert (await lan.post(b"x" * 20, **{"Content-Type": "text/html"}))[0] == 415
    # The web server would unpack it without a look at its end; a document's own compression is checked.
    for body in (gzip.compress(b"\2\0" * 500)[:-30], b"no gzip at all"):
        assert (await lan.post(body, **{"Content-Encoding": "gzip"}))[0] == 415
    assert sent(lan.simulator) == 0


async def test_documents_that_cannot_be_printed(lan: LanPrinter) -> None:
    cases: list[tuple[bytes, dict[str, tuple[IppValue, ...]], Status]] = [
        (b"", {}, Status.FORMAT_ERROR),
        (b"%PDF-1.7 cut", {}, Status.FORMAT_ERROR),
        # Half of the paper would be grey.
        (jpeg(scanned_page(75))[:8000], {}, Status.FORMAT_ERROR),
        (PDF[: len(PDF) // 2], {}, Status.FORMAT_ERROR),
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
    ]
    for document, attributes, status in cases:
        reply = await lan.ask(Operation.PRINT_JOB, None, document, **attributes)
        assert reply.status == status, (document[:20], attributes)
        assert reply.one("status-message", IppTag.OPERATION)
    assert jobs_of(lan) == []
    assert spooled(lan.hass) == []
    assert sent(lan.simulator) == 0


async def test_a_bad_document_ends_its_job(lan: LanPrinter) -> None:
    number = await lan.create()
    assert (await lan.send(number, b"noise")).status == Status.FORMAT_NOT_SUPPORTED
    assert (await lan.job(number)).one("job-state") == 8


async def test_attributes_of_another_kind(lan: LanPrinter) -> None:
    """Wherever something else is expected: each is told as not supported, or ignored."""
    names = ("copies", "sides", "media", "media-col", "page-ranges", "print-quality")
    for content in (
        values.integer(-(2**31)),
        values.collection({}),
        values.octets(b"\xff"),
        values.NO_VALUE,
        values.boolean(True),
        values.number_range(5, 2),
        (IppValue(0x7F, b"?"),),
    ):
        reply = await lan.ask(Operation.VALIDATE_JOB, dict.fromkeys(names, content))
        assert reply.status == Status.OK_SUBSTITUTED, content
        assert set(reply.unsupported) >= set(names) - {"media-col"}, content
        reply = await lan.ask(
            Operation.GET_JOBS,
            limit=content,
            which_jobs=content,
            my_jobs=content,
            requested_attributes=content,
            job_id=content,
        )
        assert reply.status in (Status.OK, Status.ATTRIBUTES_NOT_SUPPORTED), content
        for operation in (Operation.CANCEL_JOB, Operation.GET_JOB_ATTRIBUTES):
            reply = await lan.ask(operation, job_id=content, job_uri=content)
            assert reply.status in (Status.BAD_REQUEST, Status.NOT_FOUND), content


async def test_a_document_beyond_the_limit(
    lan: LanPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    lan.set_option(MAX_DOCUMENT_MB.key, 1)
    monkeypatch.setattr(requests_and_documents, "MAX_RASTER_BYTES", 3 * 1024**2)
    padded = PDF + bytes(1024**2)
    raster = urf(a_page()) + bytes(3 * 1024**2)
    for document in (padded, raster, gzip.compress(padded)):
        compression = "gzip" if document.startswith(b"\x1f\x8b") else "none"
        reply = await lan.ask(
            Operation.PRINT_JOB, document=document, compression=values.keyword(compression)
        )
        assert reply.status == Status.ENTITY_TOO_LARGE
    assert spooled(lan.hass) == []
    assert sent(lan.simulator) == 0


async def test_a_connection_that_breaks(lan: LanPrinter) -> None:
    """Before all of the document was there: nothing is printed, nothing is left."""
    writer = await lan.begin(lan.message(Operation.PRINT_JOB) + PDF, missing=10)
    await until(lambda: spooled(lan.hass) or async_get_server(lan.hass).documents.taken)
    writer.close()
    await until(lambda: not (spooled(lan.hass) or async_get_server(lan.hass).requests.taken))
    assert jobs_of(lan) == []
    assert sent(lan.simulator) == 0


async def test_attributes_and_documents_that_never_end(
    lan: LanPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ipp_endpoint, "ATTRIBUTES_SECONDS", 0.2)
    monkeypatch.setattr(requests_and_documents, "DOCUMENT_SILENCE_SECONDS", 0.2)
    gate = asyncio.Event()

    async def endless(start: bytes) -> AsyncIterator[bytes]:
        yield start
        await gate.wait()

    headers = {"Content-Type": "application/ipp"}
    async with lan.session.post(lan.url, data=endless(b"\2\0"), headers=headers) as answer:
        assert answer.status == 408
    monkeypatch.setattr(ipp_endpoint, "ATTRIBUTES_SECONDS", 60)
    whole = lan.message(Operation.PRINT_JOB) + PDF[:100]
    assert await lan.stream(endless(whole)) == Status.TIMEOUT
    monkeypatch.setattr(requests_and_documents, "DOCUMENT_SILENCE_SECONDS", 60)
    monkeypatch.setattr(requests_and_documents, "RECEIVE_SECONDS", 0.2)
    assert await lan.stream(endless(whole)) == Status.TIMEOUT
    gate.set()
    assert spooled(lan.hass) == []


async def test_a_disk_that_is_full(lan: LanPrinter, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "open_private", full)
    reply = await lan.ask(Operation.PRINT_JOB, document=PDF)
    assert reply.status == Status.TEMPORARY_ERROR
    # What is no fault of the sender's does not count as a refused document.
    assert async_get_server(lan.hass).refusals.count(lan.token, "127.0.0.1") == 0
    assert sent(lan.simulator) == 0


async def test_a_printer_that_was_removed(lan: LanPrinter) -> None:
    lan.data.coordinator.async_forget(lan.key)
    assert (await lan.ask(Operation.PRINT_JOB, document=PDF)).status == Status.NOT_FOUND
    assert sent(lan.simulator) == 0


async def test_a_box_that_is_being_loaded(lan: LanPrinter) -> None:
    await lan.hass.config_entries.async_unload(lan.entry.entry_id)
    reply = await lan.ask(Operation.PRINT_JOB, document=PDF)
    assert reply.status == Status.SERVICE_UNAVAILABLE
    assert await lan.hass.config_entries.async_setup(lan.entry.entry_id)
    assert (await lan.ask(Operation.GET_JOBS)).status == Status.OK


async def test_two_hundred_connections(
    lan: LanPrinter, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many requests are answered, the others told to come again, and it goes on afterwards.

    Of one device only a few are; ten devices reach what is answered of all of them.
    """
    gate = asyncio.Event()
    waiting = 0
    held = query_operations.async_get_lan_jobs

    async def slow(asked: requests_and_documents.IppRequest) -> requests_and_documents.IppResponse:
        nonlocal waiting
        waiting += 1
        await gate.wait()
        return await held(asked)

    monkeypatch.setitem(ipp_endpoint._HANDLERS, Operation.GET_JOBS, slow)
    body = lan.message(Operation.GET_JOBS)
    first = device("127.0.0.2")
    tasks = [
        asyncio.create_task(first.post(body)) for _ in range(2 * server.MAX_LAN_REQUESTS_A_DEVICE)
    ]
    share = server.MAX_LAN_REQUESTS_A_DEVICE
    await until(lambda: sum(task.done() for task in tasks) >= share <= waiting)
    assert {task.result()[0] for task in tasks if task.done()} == {503}
    others = [device(f"127.0.0.{number}") for number in range(3, 11)]
    tasks += [asyncio.create_task(other.post(body)) for other in others for _ in range(share)]
    refused = len(tasks) - server.MAX_LAN_REQUESTS
    await until(lambda: sum(task.done() for task in tasks) >= refused)
    await until(lambda: waiting >= server.MAX_LAN_REQUESTS)
    gate.set()
    codes = [code for code, _ in await asyncio.gather(*tasks)]
    assert codes.count(503) == refused
    assert codes.count(200) == server.MAX_LAN_REQUESTS
    assert (await lan.ask(Operation.GET_JOBS)).status == Status.OK


async def test_twenty_jobs_made_first_at_once(lan: LanPrinter) -> None:
    """A selection of twenty files, as phones send it: a job that has no place among those that wait waits for one."""

    async def print_one(number: int) -> int:
        made = await lan.create(job_name=values.name(f"photo {number}"))
        return (await lan.send(made, make_pdf(1, f"document {number}"))).status

    statuses = await asyncio.gather(*(print_one(number) for number in range(20)))
    assert set(statuses) == {Status.OK}
    await came_out(lan.simulator, 20)


async def test_jobs_that_wait_leave_room_for_the_documents_of_others(lan: LanPrinter) -> None:
    """Of more jobs than requests of one device are answered, those that were made come out."""
    made = [await lan.create() for _ in range(lan_jobs.MAX_PENDING_LAN_JOBS_A_DEVICE)]
    places = async_get_server(lan.hass).pending_places
    late = [
        asyncio.create_task(lan.ask(Operation.CREATE_JOB))
        for _ in range(2 * server.MAX_LAN_REQUESTS_A_DEVICE - server.MAX_WAITING_LAN_JOBS_A_DEVICE)
    ]
    await until(lambda: places.waiting == server.MAX_WAITING_LAN_JOBS_A_DEVICE)
    for number in made:
        assert (await lan.send(number, make_pdf(1, str(number)))).status == Status.OK
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    await came_out(lan.simulator, len(made))


async def test_few_jobs_of_all_devices_wait_for_a_place(lan: LanPrinter) -> None:
    for _ in range(lan_jobs.MAX_PENDING_LAN_JOBS_A_DEVICE):
        await lan.create()
    places = async_get_server(lan.hass).pending_places

    async def wait(number: int) -> None:
        async with places.place(f"192.168.1.{number % 10}", extra_limits={lan.token: 0}):
            pass

    others = [asyncio.create_task(wait(number)) for number in range(server.MAX_WAITING_LAN_JOBS)]
    await until(lambda: places.waiting == server.MAX_WAITING_LAN_JOBS)
    assert (await lan.ask(Operation.CREATE_JOB)).status == Status.BUSY
    for other in others:
        other.cancel()


async def test_who_has_gone_takes_no_place(lan: LanPrinter) -> None:
    """A device that gave up while it waited sends no document: its job would keep others away."""
    made = [await lan.create() for _ in range(lan_jobs.MAX_PENDING_LAN_JOBS_A_DEVICE)]
    places = async_get_server(lan.hass).pending_places
    writer = await lan.begin(lan.message(Operation.CREATE_JOB))
    await until(lambda: places.waiting == 1)
    writer.transport.abort()
    await asyncio.sleep(0.1)
    await lan.ask(Operation.CANCEL_JOB, job_id=values.integer(made[0]))
    await until(lambda: not places.waiting)
    pending = async_get_server(lan.hass).pending[lan.token].pending
    assert {job.number for job in pending} == set(made[1:])


async def test_few_documents_are_received_at_a_time(
    lan: LanPrinter, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one device still fewer: meanwhile another one prints."""
    monkeypatch.setattr(server, "PLACE_SECONDS", 0.1)
    gate = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield lan.message(Operation.PRINT_JOB) + PDF[:50]
        await gate.wait()
        yield PDF[50:]

    async def fill(sender: LanPrinter, most: int) -> None:
        places = async_get_server(lan.hass).documents
        there = places.taken + most
        tasks.extend(asyncio.create_task(sender.stream(slow())) for _ in range(most))
        await until(lambda: places.taken >= there)

    tasks: list[asyncio.Task[int]] = []
    first, second, third = (device(f"127.0.0.{number}") for number in (2, 3, 4))
    await fill(first, server.MAX_RECEIVING_A_DEVICE)
    assert (await first.ask(Operation.PRINT_JOB, document=PDF)).status == Status.BUSY
    reply = await first.ask(Operation.GET_PRINTER_ATTRIBUTES)
    assert reply.many("printer-state-reasons") == ["spool-area-full-report"]
    reply = await lan.ask(Operation.GET_PRINTER_ATTRIBUTES)
    assert reply.many("printer-state-reasons") == ["none"]
    await lan.print()
    await fill(second, server.MAX_RECEIVING_A_DEVICE)
    await fill(third, server.MAX_RECEIVING - 2 * server.MAX_RECEIVING_A_DEVICE)
    assert (await lan.ask(Operation.PRINT_JOB, document=PDF)).status == Status.BUSY
    printer = await lan.ask(Operation.GET_PRINTER_ATTRIBUTES)
    assert printer.many("printer-state-reasons") == ["spool-area-full-report"]
    gate.set()
    assert await asyncio.gather(*tasks) == [Status.OK] * server.MAX_RECEIVING
    await came_out(lan.simulator, server.MAX_RECEIVING + 1)


async def test_few_jobs_wait_for_their_documents(
    lan: LanPrinter, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one device still fewer, however many come while a code is hashed."""
    monkeypatch.setattr(server, "PLACE_SECONDS", 0.05)
    code: dict[str, Any] = {"job_password": values.octets(b"4711")}
    devices = [device(f"127.0.0.{number}") for number in range(2, 7)]
    replies = await asyncio.gather(
        *(sender.ask(Operation.CREATE_JOB, **code) for sender in devices for _ in range(8))
    )
    codes = [reply.status for reply in replies]
    assert codes.count(Status.OK) == lan_jobs.MAX_PENDING_LAN_JOBS
    assert codes.count(Status.BUSY) == len(codes) - lan_jobs.MAX_PENDING_LAN_JOBS
    pending = async_get_server(lan.hass).pending[lan.token].pending
    shares = Counter(job.sender.address for job in pending)
    assert max(shares.values()) <= lan_jobs.MAX_PENDING_LAN_JOBS_A_DEVICE


async def test_few_jobs_that_ended_are_kept(lan: LanPrinter, device: Device) -> None:
    """Of one device still fewer, so that it does not push out those of others."""
    pending: PendingJobs = async_get_server(lan.hass).pending[lan.token]

    async def make(sender: LanPrinter, count: int) -> None:
        for _ in range(count):
            number = await sender.create()
            await sender.ask(Operation.CANCEL_JOB, job_id=values.integer(number))

    await make(lan, 1)
    await make(device("127.0.0.2"), lan_jobs.MAX_ENDED_LAN_JOBS)
    assert [job.sender.address for job in pending.all].count("127.0.0.1") == 1
    assert len(pending.all) == lan_jobs.MAX_ENDED_LAN_JOBS_A_DEVICE + 1
    for number in range(3, 9):
        await make(device(f"127.0.0.{number}"), lan_jobs.MAX_ENDED_LAN_JOBS_A_DEVICE)
    assert len(pending.all) == lan_jobs.MAX_ENDED_LAN_JOBS


async def test_a_list_of_jobs_is_bounded(lan: LanPrinter, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        await lan.ask(Operation.CREATE_JOB)
    monkeypatch.setattr(query_operations, "MAX_LISTED_JOBS", 3)
    assert len((await lan.ask(Operation.GET_JOBS)).jobs) == 3
    assert len((await lan.ask(Operation.GET_JOBS, limit=values.integer(2))).jobs) == 2
    assert len((await lan.ask(Operation.GET_JOBS, limit=values.integer(99))).jobs) == 3


async def test_each_device_has_a_limit_of_its_own(lan: LanPrinter, device: Device) -> None:
    """And all of them together twice as much; automations still print."""
    lan.set_option(MAX_JOBS_PER_HOUR.key, 2)
    for address in ("127.0.0.1", "127.0.0.2"):
        sender = device(address)
        for _ in range(2):
            await sender.print()
        reply = await sender.ask(Operation.PRINT_JOB, document=PDF)
        assert reply.status == Status.NOT_POSSIBLE
    reply = await device("127.0.0.3").ask(Operation.PRINT_JOB, document=PDF)
    assert reply.status == Status.NOT_POSSIBLE
    lan.data.queue.check_limits(lan.key, (None,))
    await came_out(lan.simulator, 4)


async def test_six_addresses_of_one_device_have_its_limits(
    lan: LanPrinter, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leave those of all devices to others: for printed, refused and canceled jobs alike."""
    addresses = [f"127.0.0.{number}" for number in range(11, 17)]
    table = dict.fromkeys(addresses, "02:00:00:00:00:01")
    # The system's own, in which one network card of a test cannot have them all.
    monkeypatch.setattr(origin, "neighbours", lambda: table)
    lan.set_option(MAX_JOBS_PER_HOUR.key, 2)
    senders = [device(address) for address in addresses]
    reply = await senders[0].ask(Operation.PRINT_JOB, document=b"%PDF-1.7 cut")
    assert reply.status == Status.FORMAT_ERROR
    await senders[1].print()
    for sender in senders:
        assert (await sender.ask(Operation.PRINT_JOB, document=PDF)).status == Status.NOT_POSSIBLE
    for _ in range(2):
        await lan.print()
    await came_out(lan.simulator, 3)
    assert lan.data.queue.jobs()[-1].spec.sender_device == "02:00:00:00:00:01"
    number = await lan.create()
    await lan.ask(Operation.CANCEL_JOB, job_id=values.integer(number))
    for sender in senders:
        for _ in range(lan_jobs.MAX_ENDED_LAN_JOBS_A_DEVICE):
            number = await sender.create()
            await sender.ask(Operation.CANCEL_JOB, job_id=values.integer(number))
    kept = async_get_server(lan.hass).pending[lan.token].all
    assert Counter(job.device for job in kept) == {
        "02:00:00:00:00:01": lan_jobs.MAX_ENDED_LAN_JOBS_A_DEVICE,
        "127.0.0.1": 1,
    }


async def test_refused_documents_count(lan: LanPrinter, device: Device) -> None:
    """For whoever sent them, as they take time as well; being refused for that counts no more."""
    lan.set_option(MAX_JOBS_PER_HOUR.key, 2)
    for _ in range(2):
        reply = await lan.ask(Operation.PRINT_JOB, document=b"%PDF-1.7 cut")
        assert reply.status == Status.FORMAT_ERROR
    for _ in range(3):
        assert (await lan.ask(Operation.PRINT_JOB, document=PDF)).status == Status.NOT_POSSIBLE
    assert async_get_server(lan.hass).refusals.count(lan.token, "127.0.0.1") == 2
    await device("127.0.0.2").print()
    await came_out(lan.simulator)


async def test_refused_documents_count_for_an_hour(freezer: FrozenDateTimeFactory) -> None:
    refusals = server.RefusalCounts()
    refusals.note("token", "127.0.0.1")
    freezer.tick(3599)
    assert refusals.count("token", "127.0.0.1") == 1
    freezer.tick(2)
    assert refusals.count("token", "127.0.0.1") == 0


async def test_refused_documents_are_kept_of_few_devices() -> None:
    refusals = server.RefusalCounts()
    for number in range(server.MAX_REFUSED_DEVICES + 1):
        refusals.note("token", str(number))
    assert refusals.count("token", "0") == 0
    assert refusals.count("token", "1") == 1


async def test_few_bytes_that_are_a_huge_page(lan: LanPrinter) -> None:
    width = height = 20_000  # larger than every paper of the printer
    row_runs = b"".join(bytes([min(256, height - at) - 1, 0x80]) for at in range(0, height, 256))
    page = urf_header(width, height, GRAY, 600) + row_runs
    document = gzip.compress(urf(page))
    reply = await lan.ask(
        Operation.PRINT_JOB, document=document, compression=values.keyword("gzip")
    )
    assert reply.status == Status.ENTITY_TOO_LARGE
    assert "larger than the papers" in str(reply.one("status-message", IppTag.OPERATION))
    assert async_get_server(lan.hass).refusals.count(lan.token, "127.0.0.1") == 1
    assert spooled(lan.hass) == []
    assert sent(lan.simulator) == 0


async def test_a_page_selection_is_bounded(lan: LanPrinter) -> None:
    pieces = [
        values.number_range(n, n)[0] for n in range(1, 2 * job_options.MAX_PAGE_RANGES + 3, 2)
    ]
    for count, status in (
        (job_options.MAX_PAGE_RANGES, Status.OK),
        (job_options.MAX_PAGE_RANGES + 1, Status.OK_SUBSTITUTED),
    ):
        reply = await lan.ask(Operation.VALIDATE_JOB, {"page-ranges": tuple(pieces[:count])})
        assert reply.status == status


async def test_names_of_devices_are_cut_and_cleaned(lan: LanPrinter) -> None:
    lan.name = "\u202e\n<b>Anna</b>\x00 " + "x" * 100
    await lan.print(job_name=values.name("a\nb\u202e"))
    (job,) = jobs_of(lan)
    assert job.spec.sender is not None
    assert job.spec.sender.startswith("<b>Anna</b> xx")
    assert len(job.spec.sender) == requests_and_documents.MAX_SENDER_NAME
    assert job.spec.title == "a b"
    await came_out(lan.simulator)


async def test_the_log_has_no_control_characters(
    lan: LanPrinter, caplog: pytest.LogCaptureFixture
) -> None:
    name = "x\x1b[2J\r\nERROR forged"
    reply = await lan.ask(
        Operation.VALIDATE_JOB,
        {name: values.integer(1)},
        ipp_attribute_fidelity=values.boolean(True),
    )
    assert reply.status == Status.ATTRIBUTES_NOT_SUPPORTED
    assert set(reply.unsupported) == {name}
    assert "x[2JERROR forged" in caplog.text
    assert "\x1b" not in caplog.text
    assert "\nERROR forged" not in caplog.text


async def test_many_names_of_attributes_cost_little(lan: LanPrinter) -> None:
    """Each request is answered in the event loop: so many names take hardly longer than few."""
    for _ in range(5):
        await lan.ask(Operation.CREATE_JOB)
    looked_at = 0

    class Name(str):
        """Counts what it is compared with."""

        __slots__ = ()

        @override
        def __eq__(self, other: object) -> bool:
            nonlocal looked_at
            looked_at += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    def counting(asked: requests_and_documents.IppRequest, _name: str) -> list[str]:
        return [Name(f"unknown-{number}") for number in range(1900)]

    with patch.object(requests_and_documents.IppRequest, "words", counting):
        for operation in (Operation.GET_PRINTER_ATTRIBUTES, Operation.GET_JOBS):
            reply = await lan.ask(operation, requested_attributes=values.keyword("x"))
            assert reply.status == Status.OK
    assert looked_at < 1900


async def test_fuzzed_requests(lan: LanPrinter) -> None:
    """Each gets an answer; none of them ends in an error of the web server."""
    chance = random.Random(7)
    for _ in range(int(os.environ.get("LIANKE_FUZZ_HTTP", "300"))):
        body = spoiled(chance).replace(
            b"\2\0\0\2", b"\2\0\0" + bytes([chance.choice((2, 4, 5, 10, 11))])
        )
        status, _ = await lan.post(body)
        assert status in (200, 400)


async def test_raster_pages_that_take_too_long(
    lan: LanPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received, "RASTER_SECONDS", 0)
    reply = await lan.ask(Operation.PRINT_JOB, document=urf(a_page()))
    assert reply.status == Status.FORMAT_ERROR
    assert spooled(lan.hass) == []
    assert sent(lan.simulator) == 0
