"""Every endpoint times every fault: what the user is told, and what becomes of the paper."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
import itertools
import logging
from typing import Any
import zlib

from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.lianke.account.request_limits import SERVICE_PAUSE_LIMIT
from custom_components.lianke.api.errors import (
    ERROR_BY_CODE,
    LiankeError,
    ServiceExpiredError,
    TooManyRequestsError,
)
from custom_components.lianke.api.models import PrinterAddress
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.error_texts import translated
from custom_components.lianke.jobs.job import Job, JobState
from custom_components.lianke.printing.queries import DATA_MODELS
from tests.api.calls import meant_by
from tests.conftest import LANGUAGES, texts
from tests.documents.samples import zipped
from tests.proof.conftest import House
from tests.proof.faults import CELLS, CODES, EXPIRED, TABLE, Cell
from tests.simulator.endpoints import ENDPOINTS

SUBMIT = "POST /print/job"
FOLLOW = "GET /print/job"
CANCEL = "DELETE /print/job"
DAY = "POST /print/query_device_task"
# Home Assistant skips actions on entities that are not available.
ALWAYS_AVAILABLE = (
    ("event", "job"),
    ("notify", "notify"),
    ("sensor", "jobs_waiting"),
    ("sensor", "hold_reason"),
    ("sensor", "pages_printed"),
    ("sensor", "status"),
    ("image", "preview"),
    ("button", "test_page"),
)
STEP = 20.0
LASER = PrinterAddress(port=1, model="Kyocera MA2000w GX")
NO_TASK = "00000000-0000-4000-8000-000000000000"


def test_the_table_has_every_code_that_is_known() -> None:
    # A preview's own code: no upload is answered with it.
    assert ERROR_BY_CODE.keys() - {10015} <= CODES.keys()


def test_the_table_is_large() -> None:
    assert len(TABLE) == len(ENDPOINTS) * len(CELLS)
    assert len(TABLE) >= 200
    assert len({cell.name for cell in CELLS}) == len(CELLS)


# What the user sees

type Act = Callable[[House], Awaitable[Any]]


async def _search(house: House) -> Any:
    # An old list would do as well.
    house.hass.data.pop(DATA_MODELS, None)
    return await house.act("search_models", config_entry=house.entry.entry_id)


async def _ask_for_capabilities(house: House) -> Any:
    await house.tick(8 * 86400)
    return await house.act("get_capabilities", device_id=house.device())


NUMBERS = itertools.count()


async def _count(house: House) -> Any:
    path = house.tmp_path / "document.docx"
    # Another one each time: the service is asked only once for the same.
    parts = ("[Content_Types].xml", "word/document.xml", f"word/{next(NUMBERS)}.xml")
    path.write_bytes(zipped(*parts))
    house.hass.config.allowlist_external_dirs = {str(house.tmp_path)}
    return await house.act("count_pages", device_id=house.device(), file=str(path))


async def _preview(house: House) -> Any:
    house.hass.config.allowlist_external_dirs = {str(house.tmp_path)}
    path = house.paper(1).path
    return await house.act("preview", device_id=house.device(), file=str(path), preview_by="cloud")


async def _list_cloud(house: House) -> Any:
    await house.tick(61)
    return await house.act("list_jobs", device_id=house.device(), include_cloud=True)


async def _push(house: House) -> None:
    house.coordinator.async_on_push()
    # Time passes between a poll, which is at once or in a moment, and the printer's own report: in the middle of the
    # poll, it would be a time-out.
    await house.settle()
    await house.tick(6)
    await house.tick(1)


def _client(call: Callable[[Any], Awaitable[Any]]) -> Act:
    """Return a call that no screen makes by itself: an error is told as a screen would."""

    async def act(house: House) -> Any:
        try:
            return await call(house.entry.runtime_data.client)
        except LiankeError as err:
            raise translated(err) from None

    return act


ACTS: dict[str, Act] = {
    "GET /device/device_info": lambda house: house.refresh(),
    "GET /device/async_refresh_device_info": _client(lambda client: client.refresh_box()),
    "GET /device/printer_status": _push,
    "POST /device/async_device_reboot": lambda house: house.press("restart"),
    "GET /external_api/printer_list": lambda house: house.refresh(),
    "GET /print/printer_enum": _search,
    "GET /print/printer_params": _ask_for_capabilities,
    "GET /print/paper_dimension_list": _ask_for_capabilities,
    "POST /print/file_pages": _count,
    SUBMIT: _preview,
    FOLLOW: _preview,
    CANCEL: _client(lambda client: client.cancel_task(LASER, NO_TASK)),
    DAY: _list_cloud,
    "POST /print/flush_jobs": lambda house: house.press("clear_queue"),
    "POST /print/reset_printing_error_limit": lambda house: house.press("reset_error_limit", 1),
    "POST /driver/uninstall_driver_event": _client(
        lambda client: client.request_driver(1, "13800138000")
    ),
    "GET /printer/refresh_network_printer": lambda house: house.press("search_network_printers"),
    "GET /scanning/scanner_list": _client(lambda client: client.scanners.all()),
    "GET /scanning/scanner_status": _client(lambda client: client.scanners.status("1")),
    "GET /scanning/scanner_params": _client(lambda client: client.scanners.params("1")),
    "POST /scanning/job": _client(lambda client: client.scanners.start("1", {})),
    "GET /scanning/job": _client(lambda client: client.scanners.task("t")),
    "DELETE /scanning/job": _client(lambda client: client.scanners.cancel("t")),
}
# Those whose caller waits for the answer: whatever is wrong is raised.
RAISES = frozenset(ACTS) - {
    "GET /device/device_info",
    "GET /device/printer_status",
    "GET /external_api/printer_list",
    "GET /print/printer_params",
    "GET /print/paper_dimension_list",
    # Looked at again and again, until it has a result.
    FOLLOW,
}
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


def told_apart(endpoint: str) -> tuple[Cell, ...]:
    """Return the faults that differ at an endpoint: nobody can tell whether a GET was carried out."""
    if not endpoint.startswith("GET "):
        return CELLS
    names = {one.name for one in CELLS}
    return tuple(one for one in CELLS if f"{one.name}, done" not in names)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("endpoint", sorted(ACTS))
async def test_what_the_user_sees_everywhere(
    house: House, endpoint: str, subtests: pytest.Subtests, caplog: pytest.LogCaptureFixture
) -> None:
    await _look_at_all(house, endpoint, told_apart(endpoint), subtests, caplog)


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
            _check_log(caplog)
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
        _check_entities(house)
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


def _check_entities(house: House) -> None:
    """Look at every state: there, and one that it may have."""
    for domain, key in ALWAYS_AVAILABLE:
        assert house.state(domain, key).state != STATE_UNAVAILABLE, key
    for entry in er.async_entries_for_config_entry(er.async_get(house.hass), house.entry.entry_id):
        state = house.hass.states.get(entry.entity_id)
        assert state is not None, entry.entity_id
        options = state.attributes.get("options")
        if options is not None:
            assert state.state in (*options, STATE_UNKNOWN, STATE_UNAVAILABLE), state
    connected = house.state("binary_sensor", "connectivity", None).state
    assert connected in (STATE_ON, STATE_OFF, STATE_UNKNOWN, STATE_UNAVAILABLE)
    if house.coordinator.is_fresh:
        assert connected != STATE_UNAVAILABLE


def _check_log(caplog: pytest.LogCaptureFixture) -> None:
    """Find nothing in the log that nobody has thought of."""
    for record in caplog.records:
        assert record.exc_info is None, record.getMessage()
        if record.levelno >= logging.ERROR:
            # The coordinator says once that a box is lost, and why.
            assert record.getMessage().startswith(("Error fetching", "Authentication failed"))


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
    await _is_told(house, done)


async def _is_told(house: House, job: Job) -> None:
    """Compare what the entities say of a finished job with the job, and look for its reason's text."""
    # What became of it is told once it is on disk.
    await house.wait_for(lambda: house.state("event", "job").attributes["event_type"] == job.state)
    event = house.state("event", "job")
    assert event.attributes["event_type"] == job.state
    assert event.attributes["job_id"] == job.job_id
    assert event.attributes["reason"] == job.reason
    answer = await house.act("list_jobs", device_id=house.device(), limit=1)
    if job.state is JobState.COMPLETED:
        assert job.reason is None
        return
    assert job.reason is not None
    assert answer["jobs"][0]["message"] not in (None, "", job.reason)
    for language in LANGUAGES:
        assert job.reason in texts(language)["exceptions"], job.reason


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
            _check_entities(house)
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


def _kind(cell: Cell) -> tuple[object, ...]:
    """Return what cells have in common of which one has to do; refusals of an upload differ in what follows."""
    fault = cell.fault
    code = fault and cell.meaning == "unsent" and (fault.code or fault.status)
    return fault and fault.kind, code, cell.meaning, cell.done


# What each answer to an upload means is shown by "upload"; here, what follows from that.
ONE_OF_EACH = tuple({_kind(cell): cell for cell in reversed(CELLS)}.values())
# A move asks the cloud for nothing of its own, and each takes many polls: every fourth fault has to do.
SOME = {
    "upload of what waited for a person": ONE_OF_EACH,
    "upload among strangers": ONE_OF_EACH,
    "move": CELLS[::4],
    **dict.fromkeys(("follow one", "poll box", "poll printers"), told_apart("GET ")),
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
    await _go_through(house, SOME.get(name, CELLS), subtests, JUDGES[name])


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
