"""A job is there for the address that sent it, and for no other device of the home network."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from custom_components.lianke.api.errors import BoxNotRespondingError
from custom_components.lianke.ipp import model as values
from custom_components.lianke.ipp.codec import decode
from custom_components.lianke.ipp.model import IppTag, Operation, Status
from custom_components.lianke.jobs.job import Job, JobState
from tests.household import came_out, print_one, sent
from tests.lan.conftest import PDF, Device, LanPrinter, jobs_of
from tests.simulator import make_pdf

LAST = values.boolean(True)
TITLE = "Kündigung"
OTHER_PDF = make_pdf(2)
# What the protocol knows (RFC 8011, PWG 5100.x), and some of CUPS: hold, release, purge, cancel all, reprocess …
OPERATIONS = [*range(0x0002, 0x0050), 0x4001, 0x4027]
# Answered for who may use the printer at all; none of them is about somebody else's job.
ABOUT_NO_JOB = {
    Operation.PRINT_JOB,
    Operation.VALIDATE_JOB,
    Operation.CREATE_JOB,
    Operation.GET_JOBS,
    Operation.GET_PRINTER_ATTRIBUTES,
    Operation.CANCEL_MY_JOBS,
    Operation.IDENTIFY_PRINTER,
}


@pytest.fixture
async def stranger(device: Device) -> LanPrinter:
    """Return another device, which gives itself the same name."""
    return device("127.0.0.2")


async def test_nobody_takes_a_job_over(lan: LanPrinter, stranger: LanPrinter) -> None:
    """Between Create-Job and Send-Document: neither with a document of theirs nor by closing it."""
    number = await lan.create(job_name=values.name(TITLE))
    assert (await stranger.send(number, OTHER_PDF)).status == Status.NOT_FOUND
    assert (await stranger.send(number, b"")).status == Status.NOT_FOUND
    for operation in (Operation.CLOSE_JOB, Operation.CANCEL_JOB):
        reply = await stranger.ask(operation, job_id=values.integer(number))
        assert reply.status == Status.NOT_FOUND
    assert (await stranger.ask(Operation.CANCEL_MY_JOBS)).status == Status.OK
    assert (await lan.job(number)).one("job-state-reasons") == "job-data-insufficient"
    assert (await lan.send(number)).status == Status.OK
    (printed,) = await came_out(lan.simulator)
    assert printed.path.read_bytes() == PDF
    assert printed.name == f"{TITLE}.pdf"


async def test_nobody_takes_a_job_over_while_its_document_comes(
    lan: LanPrinter, stranger: LanPrinter
) -> None:
    number = await lan.create(job_name=values.name(TITLE))
    gate = asyncio.Event()
    attributes: dict[str, Any] = {"job_id": values.integer(number), "last_document": LAST}

    async def slow() -> AsyncIterator[bytes]:
        yield lan.message(Operation.SEND_DOCUMENT, **attributes) + PDF[:50]
        await gate.wait()
        yield PDF[50:]

    task = asyncio.create_task(lan.stream(slow()))
    async with asyncio.timeout(20):
        while (await lan.job(number)).one("job-state-reasons") != "job-incoming":
            await asyncio.sleep(0.02)
    assert (await stranger.send(number, OTHER_PDF)).status == Status.NOT_FOUND
    reply = await stranger.ask(Operation.CANCEL_JOB, job_id=values.integer(number))
    assert reply.status == Status.NOT_FOUND
    gate.set()
    assert await task == Status.OK
    (printed,) = await came_out(lan.simulator)
    assert printed.path.read_bytes() == PDF


@pytest.mark.parametrize("with_document", [False, True])
async def test_every_operation_of_another_device(
    lan: LanPrinter, stranger: LanPrinter, *, with_document: bool
) -> None:
    """Whatever it asks for, by number or address: the job stays as it is, and nothing of it is told."""
    await lan.switch_off()
    number = (
        await lan.print(job_name=values.name(TITLE))
        if with_document
        else await lan.create(job_name=values.name(TITLE))
    )
    before = (await lan.job(number)).one("job-state")
    secrets = [text.encode() for text in (TITLE, f"/jobs/{number}")]
    names: list[dict[str, Any]] = [
        {"job_id": values.integer(number)},
        {"job_uri": values.uri(f"{lan.uri}/jobs/{number}")},
        {"job_ids": values.integer(number)},
    ]
    for operation in OPERATIONS:
        for named in names:
            body = stranger.message(
                operation,
                last_document=LAST,
                requested_attributes=values.keyword("all"),
                my_jobs=values.boolean(False),
                which_jobs=values.keyword("not-completed"),
                **named,
            )
            code, answer = await stranger.post(body)
            assert code == 200
            assert not [secret for secret in secrets if secret in answer], hex(operation)
            status = decode(answer)[0].code
            if operation not in ABOUT_NO_JOB:
                assert status >= Status.BAD_REQUEST, hex(operation)
        assert (await lan.job(number)).one("job-state") == before, hex(operation)
    if with_document:
        assert [job.state for job in jobs_of(lan)] == [JobState.HELD]
    assert sent(lan.simulator) == 0


@pytest.mark.parametrize("which", ["not-completed", "completed"])
async def test_names_and_titles_are_for_nobody_else(
    lan: LanPrinter, stranger: LanPrinter, which: str
) -> None:
    """How many jobs there are is told to everybody, and no more."""
    if which == "not-completed":
        await lan.switch_off()
    await print_one(lan.hass, text="Einkaufsliste", wait=which == "completed")
    number = await lan.print(job_name=values.name(TITLE))
    if which == "completed":
        await lan.ended(number)
    asked: dict[str, Any] = {
        "which_jobs": values.keyword(which),
        "requested_attributes": values.keyword("all"),
    }
    own = await lan.ask(Operation.GET_JOBS, **asked)
    assert [job["job-id"][0].content for job in own.jobs] == [number]
    for mine in (True, False):
        reply = await stranger.ask(Operation.GET_JOBS, my_jobs=values.boolean(mine), **asked)
        assert (reply.status, reply.jobs) == (Status.OK, [])
    assert (await stranger.job(number)).status == Status.NOT_FOUND
    printer = await stranger.ask(Operation.GET_PRINTER_ATTRIBUTES)
    count = {"not-completed": 2, "completed": 0}[which]
    assert printer.one("queued-job-count", IppTag.PRINTER) == count


async def test_behind_one_address_the_name_decides(lan: LanPrinter) -> None:
    """Several people on a computer, or behind a router: a name is needed besides the address."""
    await lan.switch_off()
    number = await lan.print()
    lan.name = "Android von Ben"
    assert (await lan.ask(Operation.GET_JOBS)).jobs == []
    reply = await lan.ask(Operation.CANCEL_JOB, job_id=values.integer(number))
    assert reply.status == Status.NOT_AUTHORIZED
    assert (await lan.ask(Operation.CANCEL_MY_JOBS)).status == Status.OK
    assert [job.state for job in jobs_of(lan)] == [JobState.HELD]
    lan.name = "iPhone von Anna"
    # Of one's own jobs those that are listed: all of these, or none.
    waiting, other = await lan.create(), await lan.print(OTHER_PDF)
    listed = values.integer(waiting, other + 1)
    reply = await lan.ask(Operation.CANCEL_MY_JOBS, job_ids=listed)
    assert (reply.status, list(reply.unsupported)) == (Status.NOT_POSSIBLE, ["job-ids"])
    listed = values.integer(waiting, other)
    assert (await lan.ask(Operation.CANCEL_MY_JOBS, job_ids=listed)).status == Status.OK
    states = [(await lan.job(job)).one("job-state") for job in (number, waiting, other)]
    assert states == [3, 7, 7]
    assert (await lan.ask(Operation.CANCEL_MY_JOBS)).status == Status.OK
    assert (await lan.job(number)).one("job-state") == 7
    # One that cannot be canceled now keeps none of the others.
    kept = [await lan.print(make_pdf(pages)) for pages in (3, 4)]
    cancel, refusal = lan.data.queue.async_cancel, [BoxNotRespondingError()]

    async def cancel_but_one(job_id: str) -> Job:
        if refusal:
            raise refusal.pop()
        return await cancel(job_id)

    with patch.object(lan.data.queue, "async_cancel", cancel_but_one):
        assert (await lan.ask(Operation.CANCEL_MY_JOBS)).status == Status.NOT_POSSIBLE
    assert {(await lan.job(job)).one("job-state") for job in kept} == {3, 7}


async def test_a_stored_job_of_no_address_or_another(lan: LanPrinter) -> None:
    """It is nobody's in the home network; whoever may control the printer still has it."""
    await lan.switch_off()
    number = await lan.print()
    queue = lan.data.queue
    for address in (None, "", "::ffff:127.0.0.1", "192.168.1.99"):
        (job,) = jobs_of(lan)
        spec = replace(job.spec, sender_address=address)
        await queue._jobs.async_change(job, spec=spec)
        assert (await lan.job(number)).status == Status.NOT_FOUND
        assert (await lan.ask(Operation.GET_JOBS)).jobs == []
        assert (await lan.ask(Operation.CANCEL_MY_JOBS)).status == Status.OK
        assert jobs_of(lan)[0].state is JobState.HELD
    await queue.async_cancel(job.job_id)
    assert jobs_of(lan)[0].state is JobState.CANCELED
