"""Print-Job that is sent again because its answer was lost prints once; one that is meant prints again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
import socket
import struct
from typing import Any

import pytest

from custom_components.lianke.ipp import model as values
from custom_components.lianke.ipp.model import Attributes, Operation, Status
from custom_components.lianke.jobs.job import Job, JobState
from custom_components.lianke.lan.printer import job_operations, lan_jobs as repeats
from custom_components.lianke.lan.printer.lan_jobs import (
    MAX_ENDED_LAN_JOBS_A_DEVICE,
    RepeatedDocuments,
    SenderIdentity,
    SentDocument,
    job_number,
)
from custom_components.lianke.lan.printer.requests_and_documents import DocumentStream
from custom_components.lianke.lan.printer.server import async_get_server
from custom_components.lianke.printing.builder import async_print_single_job
from tests.clock import until
from tests.household import came_out
from tests.lan.conftest import PDF, Device, LanPrinter, jobs_of
from tests.simulator import make_pdf

TITLE = "Brief"


def hang_up(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    """End a connection, as a program or as a system does whose program has died."""
    if reset:
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.close()


class Gate:
    """Holds up the making of jobs, before or after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        real: Callable[..., Awaitable[Job]] = async_print_single_job

        async def held(*args: Any, **received: Any) -> Job:
            job = await real(*args, **received) if after else None
            self.reached.set()
            await self.opened.wait()
            return job or await real(*args, **received)

        monkeypatch.setattr(job_operations, "async_print_single_job", held)


@pytest.mark.parametrize(("after", "reset"), [(False, True), (True, False)])
async def test_the_line_breaks_before_the_answer(
    lan: LanPrinter, monkeypatch: pytest.MonkeyPatch, *, after: bool, reset: bool
) -> None:
    """While the document that has come is worked on, or right after its job was made."""
    gate = Gate(monkeypatch, after=after)
    writer = await lan.begin(lan.message(Operation.PRINT_JOB, job_name=values.name(TITLE)) + PDF)
    await asyncio.wait_for(gate.reached.wait(), 30)
    hang_up(writer, reset=reset)
    again = asyncio.create_task(lan.print(job_name=values.name(TITLE)))
    await asyncio.sleep(0.2)
    gate.opened.set()
    number = await again
    (job,) = jobs_of(lan)
    assert job_number(job.job_id) == number
    # That answer has arrived: whoever prints it once more means it.
    assert await lan.print(job_name=values.name(TITLE)) != number
    await came_out(lan.simulator, 2)


async def test_an_answer_that_nobody_acknowledges(
    lan: LanPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Wi-Fi is gone without a word: the connection seems to live."""
    monkeypatch.setattr(repeats, "ACKNOWLEDGE_SECONDS", 0.1)
    with monkeypatch.context() as patch:
        patch.setattr(repeats, "_is_acknowledged", lambda _line: False)
        number = await lan.print()
        assert await lan.print() == number
        await until(lambda: not async_get_server(lan.hass).requests.taken)
    assert await lan.print() == number
    assert await lan.print() != number
    await came_out(lan.simulator, 2)


async def test_home_assistant_ends_before_the_answer(
    lan: LanPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known of answers is gone; the job is on disk. Only within minutes is it a repetition."""
    number = await lan.print()
    async_get_server(lan.hass).repeats = RepeatedDocuments()
    assert await lan.hass.config_entries.async_reload(lan.entry.entry_id)
    assert await lan.print() == number
    async_get_server(lan.hass).repeats = RepeatedDocuments()
    monkeypatch.setattr(repeats, "REPEAT_SECONDS", 0)
    assert await lan.print() != number
    await came_out(lan.simulator, 2)


async def test_a_job_that_0_2_0_made_is_known_by_address_title_and_size(lan: LanPrinter) -> None:
    """K8: it kept no digest, so a phone that repeated its job across the update printed twice."""
    number = await lan.print()
    (job,) = jobs_of(lan)
    document = replace(job.current_delivery.document, digest="")
    lan.data.queue._jobs.record(
        job.job_id,
        deliveries=(replace(job.current_delivery, document=document),),
        spec=replace(job.spec, sender="Phone", requested={"copies": 1}),
    )
    async_get_server(lan.hass).repeats = RepeatedDocuments()
    assert await lan.hass.config_entries.async_reload(lan.entry.entry_id)
    assert await lan.print() == number
    # That answer has arrived, and what has another title or size is another document.
    async_get_server(lan.hass).repeats = RepeatedDocuments()
    assert await lan.print(job_name=values.name(TITLE)) != number
    assert await lan.print(make_pdf(4)) != number
    await came_out(lan.simulator, 3)


async def test_a_document_comes_again_in_another_job(lan: LanPrinter) -> None:
    """Whoever makes the job first, as iPhones do, makes another: it is the first one under another number."""

    async def send() -> int:
        number = await lan.create(job_name=values.name(TITLE))
        reply = await lan.send(number)
        assert (reply.status, reply.one("job-id")) == (Status.OK, number)
        return number

    await lan.switch_off()
    number = await send()
    async_get_server(lan.hass).repeats = RepeatedDocuments()
    assert await lan.hass.config_entries.async_reload(lan.entry.entry_id)
    again = await send()
    (job,) = jobs_of(lan)
    assert [(await lan.job(one)).one("job-id") for one in (number, again)] == [number, again]
    (listed,) = (await lan.ask(Operation.GET_JOBS)).jobs
    assert listed["job-id"] == values.integer(number)
    assert (await lan.ask(Operation.CANCEL_JOB, job_id=values.integer(again))).status == Status.OK
    assert lan.data.queue.get(job.job_id).state == "canceled"
    assert (await lan.job(again)).one("job-state") == 7
    # That answer has arrived: what comes now is meant, also twice at once.
    await asyncio.gather(send(), send())
    assert len(jobs_of(lan)) == 3


async def test_a_device_that_asks_for_its_job_has_the_answer(
    lan: LanPrinter, device: Device
) -> None:
    number = await lan.print()
    async_get_server(lan.hass).repeats = RepeatedDocuments()
    assert (await device("127.0.0.2").job(number)).status == Status.NOT_FOUND
    assert (await lan.job(number)).status == Status.OK
    assert await lan.print() != number
    await came_out(lan.simulator, 2)


async def test_what_differs_is_printed(lan: LanPrinter, device: Device) -> None:
    async def send(sender: LanPrinter, what: dict[str, object]) -> int:
        document, job = what.get("document", PDF), what.get("job")
        assert isinstance(document, bytes)
        title = values.name(str(what.get("title", TITLE)))
        options: Attributes | None = job if isinstance(job, dict) else None
        return await sender.print(document, options, job_name=title)

    changes: list[dict[str, object]] = [
        {"name": "Android von Ben"},
        {"address": "127.0.0.2"},
        {"title": "Rechnung"},
        {"document": PDF + b"\n"},
        {"job": {"copies": values.integer(2)}},
    ]
    numbers = [await send(lan, {})]
    for change in changes:
        # As if no answer had arrived.
        async_get_server(lan.hass).repeats = RepeatedDocuments()
        other = device(str(change["address"])) if "address" in change else lan
        other = replace(other, name=str(change.get("name", lan.name)))
        numbers.append(await send(other, change))
    assert len(set(numbers)) == 6
    await came_out(lan.simulator, 6)


async def test_the_device_cancels_and_hangs_up(
    lan: LanPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job whose document was being worked on at that moment is not printed."""
    await lan.switch_off()
    number = await lan.create()
    job_id = values.integer(number)
    gate = Gate(monkeypatch, after=True)
    sending = asyncio.create_task(lan.send(number))
    await asyncio.wait_for(gate.reached.wait(), 30)
    assert (await lan.ask(Operation.CANCEL_JOB, job_id=job_id)).status == Status.OK
    sending.cancel()
    gate.opened.set()
    await until(lambda: [job.state for job in jobs_of(lan)] == ["canceled"])
    assert (await lan.job(number)).one("job-state") == 7


@pytest.mark.parametrize(("start", "is_sent_again"), [(b"", False), (b"", True), (PDF[:99], False)])
async def test_what_happens_before_the_document_is_there(
    lan: LanPrinter, monkeypatch: pytest.MonkeyPatch, *, start: bytes, is_sent_again: bool
) -> None:
    """A computer sends Send-Document and still draws a page; it cancels, or sends the document anew."""
    reading, drawn, read = asyncio.Event(), asyncio.Event(), DocumentStream.read

    async def watched(document: DocumentStream) -> bytes:
        reading.set()
        return await read(document)

    monkeypatch.setattr(DocumentStream, "read", watched)
    number = await lan.create()
    job_id = values.integer(number)

    async def slow() -> AsyncIterator[bytes]:
        last = values.boolean(True)
        yield lan.message(Operation.SEND_DOCUMENT, job_id=job_id, last_document=last) + start
        await drawn.wait()
        yield PDF[len(start) :]

    sending = asyncio.create_task(lan.stream(slow()))
    await asyncio.wait_for(reading.wait(), 30)
    pending = async_get_server(lan.hass).pending[lan.token]
    await until(lambda: [job.is_receiving for job in pending.all] == [bool(start)])
    if is_sent_again:
        assert (await lan.send(number)).status == Status.OK
        refused, state = Status.MULTIPLE_DOCUMENTS_NOT_SUPPORTED, 9
    else:
        assert (await lan.ask(Operation.CANCEL_JOB, job_id=job_id)).status == Status.OK
        refused, state = Status.NOT_POSSIBLE, 7
    # Of later ones so many that the first is not remembered.
    for _ in range(MAX_ENDED_LAN_JOBS_A_DEVICE if start else 0):
        other = values.integer(await lan.create())
        assert (await lan.ask(Operation.CANCEL_JOB, job_id=other)).status == Status.OK
    drawn.set()
    assert await sending == refused
    if not start:
        assert (await lan.ended(number)).one("job-state") == state
    await came_out(lan.simulator, int(is_sent_again))
    assert len(jobs_of(lan)) == is_sent_again


async def test_the_newest_one_is_found(lan: LanPrinter) -> None:
    await lan.print()
    (job,) = jobs_of(lan)
    older = replace(job, job_id="older", created_at=job.created_at - timedelta(seconds=60))
    sent = SentDocument(
        SenderIdentity(lan.name, "127.0.0.1"),
        job.spec.title,
        job.current_delivery.document.digest or "",
        dict(job.spec.requested),
        len(PDF),
    )
    known = RepeatedDocuments()
    now = job.created_at + timedelta(seconds=repeats.REPEAT_SECONDS)
    assert known.find([older, job], sent, now) is job
    assert known.find([older], sent, now) is None
    failed, canceled = (
        replace(job, deliveries=(replace(job.current_delivery, state=state, task_id=None),))
        for state in (JobState.FAILED, JobState.CANCELED)
    )
    for repeated, is_it in (
        (failed, False),
        (replace(failed, retried_as="newer"), True),
        (
            replace(failed, deliveries=(replace(failed.current_delivery, partly_printed=True),)),
            True,
        ),
        (canceled, True),
    ):
        assert (known.find([repeated], sent, job.created_at) is repeated) is is_it
        # Whatever was before it.
        assert known.find([older, repeated], sent, job.created_at) is (repeated if is_it else None)
    known.note_client_knows(job.job_id)
    for number in range(repeats.MAX_KNOWN_TO_CLIENTS):
        assert known.find([job], sent, now) is None
        known.note_client_knows(str(number))
    # So many jobs later, nobody remembers that its device knows it.
    assert known.find([job], sent, now) is job
    await came_out(lan.simulator)
