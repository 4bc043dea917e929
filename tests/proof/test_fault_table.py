"""Every endpoint times every fault: what the user is told, and what becomes of the paper."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
import zlib

from homeassistant.const import STATE_ON
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.lianke.account.request_limits import SERVICE_PAUSE_LIMIT
from custom_components.lianke.api.errors import (
    ERROR_BY_CODE,
    ServiceExpiredError,
    TooManyRequestsError,
    error_for_code,
)
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.outcome import may_have_arrived, passing_reason
from tests.api.calls import meant_by
from tests.proof.acts import (
    ACTS,
    CANCEL,
    DAY,
    FOLLOW,
    RAISES,
    STEP,
    SUBMIT,
    check_entities,
    check_log,
    is_told,
)
from tests.proof.conftest import House
from tests.proof.faults import CELLS, CODES, EXPIRED, TABLE, Cell
from tests.simulator.endpoints import ENDPOINTS


def test_the_table_has_every_code_that_is_known() -> None:
    # A preview's own code: no upload is answered with it.
    assert ERROR_BY_CODE.keys() - {10015} <= CODES.keys()


def test_the_table_is_large() -> None:
    assert len(TABLE) == len(ENDPOINTS) * len(CELLS)
    assert len(TABLE) >= 200
    assert len({cell.name for cell in CELLS}) == len(CELLS)


def test_what_each_code_means_for_an_upload() -> None:
    for code, meaning in CODES.items():
        err = meant_by(SUBMIT, code)(code=code)
        assert may_have_arrived(err) is (meaning == "unclear"), code
        assert meaning == "unclear" or (passing_reason(err) is None) is (meaning == "refused"), code
    expired = error_for_code(400, EXPIRED)
    assert (may_have_arrived(expired), passing_reason(expired)) == (False, None)


# What the user sees


# Those whose callers need what is in the answer.
READ = (
    *("GET /print/printer_enum", "GET /scanning/scanner_list", "POST /scanning/job"),
    *(DAY, SUBMIT),
)
# What breaks below the service's own codes, by its kind; None: nobody listens.
BROKEN: dict[str | None, str] = {
    "timeout": "timed_out",
    **dict.fromkeys(
        (
            *(None, "refuse"),
            *("reset_before", "reset_mid_body", "reset_after_body", "reset_after_accept"),
        ),
        "cannot_connect",
    ),
    **dict.fromkeys(("empty", "truncated", "not_json", "portal"), "unexpected_answer"),
}


def test_every_endpoint_is_used() -> None:
    assert set(ACTS) == set(ENDPOINTS)


@pytest.mark.short
async def test_what_the_user_sees(
    house: House, subtests: pytest.Subtests, caplog: pytest.LogCaptureFixture
) -> None:
    for endpoint in sorted(ACTS):
        await _look_at_all(house, endpoint, some(endpoint), subtests, caplog)


def _kind(cell: Cell) -> tuple[object, ...]:
    """Return what cells have in common of which one has to do; refusals of an upload differ in what follows."""
    fault = cell.fault
    code = fault and cell.meaning == "unsent" and (fault.code or fault.status)
    return fault and fault.kind, code, cell.meaning, cell.done


# What each code means is shown by tests/api/test_faults.py and, for an upload, by the table above.
ONE_OF_EACH = tuple({_kind(cell): cell for cell in reversed(CELLS)}.values())


def told_apart(endpoint: str) -> tuple[Cell, ...]:
    """Return the kinds of faults that differ at an endpoint: nobody can tell whether a GET was carried out."""
    if not endpoint.startswith("GET "):
        return ONE_OF_EACH
    names = {one.name for one in ONE_OF_EACH}
    return tuple(one for one in ONE_OF_EACH if f"{one.name}, done" not in names)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("number", "endpoint"), enumerate(sorted(ACTS)))
async def test_what_the_user_sees_everywhere(
    house: House,
    number: int,
    endpoint: str,
    subtests: pytest.Subtests,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """All endpoints share the code that reads answers: each meets every third kind, all of them each kind."""
    cells = told_apart(endpoint)[number % 3 :: 3]
    await _look_at_all(house, endpoint, cells, subtests, caplog)


def some(name: str, share: int = 25) -> tuple[Cell, ...]:
    """Return every so many-th cell, beginning elsewhere for each name: the short form."""
    return CELLS[zlib.crc32(name.encode()) % share :: share]


async def _look_at_all(
    house: House,
    endpoint: str,
    cells: tuple[Cell, ...],
    subtests: pytest.Subtests,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for cell in cells:
        with subtests.test(endpoint=endpoint, cell=cell.name):
            caplog.clear()
            await _look(house, endpoint, cell)
            if not house.coordinator.is_ready(house.key()):
                await house.mend()
            assert house.state("binary_sensor", "connectivity", None).state == STATE_ON
            check_log(caplog)
    await house.next_day()
    assert not house.sim.cloud.out_tray
    assert not house.queue.jobs()


async def _look(house: House, endpoint: str, cell: Cell) -> None:
    """Do what leads to the endpoint while the fault lasts, and look at what can be seen."""
    raised: HomeAssistantError | None = None
    # Who has just asked as often is refused, and nothing is sent.
    await house.tick(SERVICE_PAUSE_LIMIT + 1)
    async with _broken(house, endpoint, cell, times=None):
        try:
            await house.drive(ACTS[endpoint](house))
        except HomeAssistantError as err:
            raised = err
        check_entities(house)
    if raised is not None:
        # That it has a text in both languages is looked at for every error that is made.
        assert raised.translation_domain == DOMAIN, raised
        assert raised.translation_key not in (None, TooManyRequestsError.reason)
        if endpoint in RAISES:
            assert _reason(endpoint, cell) in (None, raised.translation_key), raised
    elif endpoint in RAISES:
        assert cell.fault is not None
        kind, shape = cell.fault.kind, cell.fault.shape
        # These carry the answer after all, or its code where nothing else of it is needed.
        code = ("data_null",) if endpoint in READ else ("swap", "data_", "deep")
        assert kind in ("string_codes", "twice") or (
            kind == "wrong_types" and shape.startswith(code)
        ), "told as done"


def _reason(endpoint: str, cell: Cell) -> str | None:
    """Return what a fault is told as; None where that depends on how much of the answer is needed."""
    fault = cell.fault
    if fault is None or fault.kind not in ("code", "early"):
        return BROKEN.get(fault.kind if fault else None)
    if fault.msg == EXPIRED:
        return ServiceExpiredError.reason
    return meant_by(endpoint, int(fault.code)).reason


@asynccontextmanager
async def _broken(
    house: House, endpoint: str, cell: Cell, times: int | None
) -> AsyncIterator[None]:
    """Let the fault last, and see that it was met."""
    if cell.fault is None:
        await house.sim.stop_listening()
    else:
        house.sim.cloud.fail(endpoint, cell.fault, times=times)
    try:
        yield
        await house.wait_for(lambda: all(one.hits for one in house.sim.cloud.faults.planned))
    finally:
        await house.forget_faults()
        if cell.fault is None:
            await house.sim.start_listening()


# What becomes of the paper


type Judge = Callable[[House, Cell], Awaitable[None]]


async def _upload(house: House, cell: Cell, *, proof: bool, waits: bool = False) -> None:
    """Let the fault hit the upload of a job. `proof`: something but the answer tells what became of it.

    `waits`: the upload begins with a person's answer.
    """
    if not house.coordinator.is_ready(house.key()):
        await house.mend()
    before = house.sim.cloud.count(SUBMIT)
    known = set(house.sim.cloud.tasks)
    paper = house.paper(2, padding=cell.padding)
    async with _broken(house, SUBMIT, cell, times=1):
        job = await house.submit(paper, **({"waits_for": ("approval",)} if waits else {}))
        if waits:
            assert (job.current_delivery.hold_reason, house.sim.cloud.count(SUBMIT)) == (
                "approval",
                before,
            )
            await house.queue.async_continue(job.job_id)
        await house.calm(job)
        if cell.fault is not None and cell.fault.kind == "timeout":
            if cell.done:
                # The request counts as one that hangs before it is carried out.
                await house.wait_for(lambda: bool(set(house.sim.cloud.tasks) - known))
                await house.settle()
            for _ in range(10):
                await house.tick(STEP)
    done = await house.finish(job)
    house.judge(done)
    sent = house.sim.cloud.count(SUBMIT) - before
    printed, _partial = house.tray(done)
    match cell.meaning:
        case "taken":
            assert (done.state, printed, sent) == (JobState.COMPLETED, 1, 1), done
        case "unsent":
            # A connection that nobody took is no request.
            again = 1 if cell.fault is None else 2
            assert (done.state, printed, sent) == (JobState.COMPLETED, 1, again), done
        case "refused":
            assert (done.state, printed, sent) == (JobState.FAILED, 0, 1), done
            assert not done.partly_printed
        case "unclear":
            proven = cell.done and proof
            expected = JobState.COMPLETED if proven else JobState.UNCONFIRMED
            assert (done.state, printed, sent) == (expected, int(cell.done), 1), done
    await is_told(house, done)


async def _follow(house: House, cell: Cell, endpoint: str, count: int) -> None:
    """Let the fault hit the first questions for jobs that are open; it must not decide anything."""
    jobs = []
    async with _broken(house, endpoint, cell, times=3):
        if cell.fault is None:
            await house.sim.start_listening()
        for number in range(count):
            port = (1, 2, 4)[number]
            job = await house.submit(house.paper(), port=port)
            await house.calm(job)
            jobs.append(job)
        if cell.fault is None:
            await house.sim.stop_listening()
        for _ in range(8):
            await house.tick(STEP)
    for job in jobs:
        done = await house.finish(job)
        house.judge(done)
        assert (done.state, house.tray(done)) == (JobState.COMPLETED, (1, 0)), done


async def _cancel(house: House, cell: Cell) -> None:
    """Let the fault hit the attempt to cancel a job that waits in the cloud."""
    # Without paper, the second one would not be sent once that is known.
    usual, house.printer().seconds_per_page = house.printer().seconds_per_page, 20_000
    first = await house.submit(house.paper())
    second = await house.submit(house.paper())
    await house.calm(first)
    await house.calm(second)
    async with _broken(house, CANCEL, cell, times=1):
        # What is raised is looked at with every other error of an action.
        with suppress(HomeAssistantError):
            await house.drive(
                house.act("cancel_job", device_id=house.device(), job_id=second.job_id)
            )
    house.printer().seconds_per_page = usual
    for job in (first, second):
        done = await house.finish(job)
        house.judge(done)
        assert done.state in (JobState.COMPLETED, JobState.CANCELED), done
    assert house.queue.get(first.job_id).state is JobState.COMPLETED
    if cell.done:
        assert house.queue.get(second.job_id).state is JobState.CANCELED


async def _poll(house: House, cell: Cell, endpoint: str) -> None:
    """Let the fault hit the polls while a job waits for paper."""
    await house.set_paper(0)
    job = await house.submit(house.paper())
    assert job.state is JobState.HELD
    async with _broken(house, endpoint, cell, times=3):
        for _ in range(3):
            await house.drive(house.coordinator.async_refresh())
            assert house.queue.get(job.job_id).state is JobState.HELD
            check_entities(house)
        house.printer().paper = None
    done = await house.finish(job)
    house.judge(done)
    assert (done.state, house.tray(done)) == (JobState.COMPLETED, (1, 0)), done


async def _move(house: House, cell: Cell) -> None:
    """Let the fault hit the upload of a job that was moved from a printer without paper."""
    await house.set_paper(0)
    job = await house.submit(house.paper())
    assert job.state is JobState.HELD
    async with _broken(house, SUBMIT, cell, times=1):
        act = house.act("move_job", job_id=job.job_id, to_device_id=house.device(4))
        new = house.queue.get((await house.drive(act))["job"]["job_id"])
        await house.calm(new)
    await house.set_paper(None)
    done = await house.finish(new)
    house.judge(done)
    old = house.queue.get(job.job_id)
    assert (old.state, old.reason) == (JobState.CANCELED, "moved")
    assert all(
        one.port == 4
        for one in house.sim.cloud.printed
        if one.name == job.current_delivery.document.name
    )


async def _go_through(
    house: House, cells: tuple[Cell, ...], subtests: pytest.Subtests, judge: Judge
) -> None:
    for cell in cells:
        with subtests.test(cell=cell.name):
            await judge(house, cell)
            await house.next_day()
    assert not house.sim.cloud.banned
    house.judge_tray()


async def _let_a_stranger_print(house: House) -> None:
    """Let somebody else print, seen as one of our own jobs is followed."""
    house.sim.cloud.print_as_someone_else(house.box, house.printer(2))
    jobs = [await house.submit(house.paper(), port=port) for port in (1, 4)]
    for job in jobs:
        await house.calm(job)
    for job in jobs:
        await house.finish(job)
    assert house.storage.foreign_seen_at is not None


async def _among_strangers(house: House, cell: Cell) -> None:
    await _let_a_stranger_print(house)
    await _upload(house, cell, proof=False)


JUDGES: dict[str, Judge] = {
    "upload": partial(_upload, proof=True),
    "upload of what waited for a person": partial(_upload, proof=True, waits=True),
    "upload among strangers": _among_strangers,
    "follow one": partial(_follow, endpoint=FOLLOW, count=1),
    "follow three": partial(_follow, endpoint=DAY, count=3),
    "cancel": _cancel,
    "move": _move,
    "poll box": partial(_poll, endpoint="GET /device/device_info"),
    "poll printers": partial(_poll, endpoint="GET /external_api/printer_list"),
}


# An answer and a move begin the same upload as any other job, and a list is read as a task is: every third kind, or
# every second one, has to do.
SOME = {
    "upload of what waited for a person": ONE_OF_EACH[1::3],
    "move": ONE_OF_EACH[::3],
    "follow one": told_apart("GET "),
    "follow three": told_apart("GET ")[::2],
    "poll box": told_apart("GET ")[::2],
    "poll printers": told_apart("GET ")[1::2],
}


@pytest.mark.short
@pytest.mark.timeout(600)
async def test_what_becomes_of_the_paper(house: House, subtests: pytest.Subtests) -> None:
    for name, judge in JUDGES.items():
        await _go_through(house, some(name), subtests, judge)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", JUDGES)
async def test_what_becomes_of_the_paper_everywhere(
    house: House, name: str, subtests: pytest.Subtests
) -> None:
    await _go_through(house, SOME.get(name, ONE_OF_EACH), subtests, JUDGES[name])


async def _called_back(house: House, cell: Cell) -> None:
    """Let strangers print as well: a job's own callback proves it all the same."""
    house.sim.cloud.variants.callbacks = "never"
    await _let_a_stranger_print(house)
    house.sim.cloud.variants.callbacks = "end"
    await _upload(house, cell, proof=True)


@pytest.mark.short
async def test_a_callback_is_proof(reachable_house: House, subtests: pytest.Subtests) -> None:
    await _go_through(reachable_house, some("callback"), subtests, _called_back)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_a_callback_is_proof_everywhere(
    reachable_house: House, subtests: pytest.Subtests
) -> None:
    await _go_through(reachable_house, ONE_OF_EACH, subtests, _called_back)
