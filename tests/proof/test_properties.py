"""What holds for every job, record, report and hour of the day, whatever they are."""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import fields, replace
from datetime import UTC, datetime, time, timedelta, timezone
import json
from pathlib import Path
import shutil
import sqlite3
from typing import Any, cast
from unittest.mock import patch
from zoneinfo import ZoneInfo

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from hypothesis import HealthCheck, example, given, settings, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.api.options import ResolvedOptions
from custom_components.lianke.api.stored import StoredError
from custom_components.lianke.api.tasks import TaskResult, TaskState
from custom_components.lianke.box.printer_status import PrinterStatus
from custom_components.lianke.coordinator import LiankeCoordinator
from custom_components.lianke.documents.document import Document
from custom_components.lianke.input_error import InputError
from custom_components.lianke.jobs.files import DAMAGED_PREFIX, ledger_path
from custom_components.lianke.jobs.job import (
    FINAL_JOB_STATES,
    Asker,
    Delivery,
    Job,
    JobSpec,
    JobState,
    Origin,
    is_valid_transition,
)
from custom_components.lianke.jobs.migration import (
    OTHER_TASKS_NAME,
    RECORD_NAME,
    _find,
)
from custom_components.lianke.jobs.opening import async_get_ledger
from custom_components.lianke.jobs.outcome import changes_from_state
from custom_components.lianke.jobs.rules import (
    RATE_PERIOD,
    REFUSAL_PAUSE_LIMIT,
    REFUSAL_PAUSE_START,
    REQUEST_ID_LIFE,
    STEADY_TIME,
    LimitError,
    check_pages,
    check_rate,
    find_duplicate,
    quiet_until,
)
from custom_components.lianke.jobs.uploader import ReadinessWatch
from custom_components.lianke.ledger_file import (
    COUNTER_NAME,
    DATABASE_NAME,
    LedgerFile,
    Row,
    RowKey,
)
from custom_components.lianke.printing.print_action import job_dict
from tests.examples import examples
from tests.jobs.make import altered, make_job

EXAMPLES = examples(50)
ULID = "01HQZX3T7XJ9V1N5K8M2P4R6S0"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

words = st.text(max_size=12)
moments = st.datetimes(
    min_value=datetime(2021, 1, 1),  # noqa: DTZ001  # hypothesis adds the time zone
    max_value=datetime(2118, 12, 31),  # noqa: DTZ001  # as above
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))]),
)
near = st.integers(-2 * 86400, 60).map(lambda seconds: NOW + timedelta(seconds=seconds))
counts = st.integers(0, 10**9)
states = st.sampled_from(JobState)
NAMES = [
    item.name
    for kind in (Job, JobSpec, Delivery, Document)
    for item in fields(kind)
    # The others follow from these, and are not kept.
    if item.init
]
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
options = st.fixed_dictionaries(
    {"paper_id": st.integers(0, 400), "copies": st.integers(1, 99)},
    optional={"color": st.integers(1, 2), "page_range": st.sampled_from(["", "1-3"])},
)
jobs = st.builds(
    make_job,
    job_id=st.just(ULID),
    printer_key=words,
    printer_name=words,
    title=words,
    state=states,
    created_at=moments,
    changed_at=moments,
    expires_at=moments,
    name=words,
    content_type=words,
    size=counts,
    digest=st.none() | words,
    token=words,
    pages_at_most=st.none() | counts,
    pages=st.none() | st.integers(0, 500),
    copies=st.integers(1, 99),
    options=options.map(ResolvedOptions.from_dict),
    requested=st.dictionaries(words, st.none() | st.booleans() | st.integers() | words, max_size=3),
    ticket=st.none() | words,
    request_id=st.none() | words,
    hold_reason=st.none() | words,
    asker=st.builds(Asker, context_id=st.none() | words, user_id=st.none() | words),
    handed_over_at=st.none() | moments,
    task_id=st.none() | words,
    task_known_at=st.none() | moments,
    expiring=st.booleans(),
    partly_printed=st.booleans(),
    pages_printed=st.none() | counts,
    waits_for=st.just(()) | st.just(("approval",)),
    origin=st.none() | st.sampled_from(Origin),
)


# Records


def a_record_gives_back_the_job(job: Job) -> None:
    """Everything is written, and read as it was, through real JSON."""
    text = job.as_json()
    assert Job.from_record(json.loads(text)) == job


def a_damaged_record_is_one_error(job: Job, name: str, value: object) -> None:
    """One field that holds anything at all."""
    record = json.loads(job.as_json())
    (delivery,) = record["deliveries"]
    holders = [record, record["spec"], delivery, delivery["document"], delivery["options"]]
    (holder,) = [one for one in holders if name in one][:1]
    holder[name] = value
    try:
        read = Job.from_record(record)
    except StoredError:
        return
    job_dict(read)
    read.as_json()
    assert (read.is_final, read.current_delivery.is_in_doubt, read.can_cancel) is not None
    # Whatever passes can be reckoned with.
    for one in (
        getattr(holder, item.name)
        for holder in (read, read.spec, read.current_delivery, read.current_delivery.document)
        for item in fields(holder)
    ):
        assert not isinstance(one, datetime) or 2020 <= one.year < 2120
        assert not isinstance(one, int) or abs(one) < 2**50


def anything_is_a_record_or_one_error(value: object) -> None:
    """Not even an object."""
    try:
        Job.from_record(value)
    except StoredError:
        return
    pytest.fail("there is no such record")


# States


def moves_lead_forward(path: list[JobState]) -> None:
    """No job comes back from its end, and only an upload goes back to waiting."""
    state = path[0]
    seen = [state]
    for wanted in path[1:]:
        if is_valid_transition(state, wanted):
            state = wanted
            seen.append(state)
    ends = [one for one in seen if one in FINAL_JOB_STATES]
    if JobState.UNCONFIRMED in ends:
        ends.remove(JobState.UNCONFIRMED)
    assert len(ends) <= 1
    rest = [one for one in seen if one not in (JobState.HELD, JobState.UPLOADING)]
    assert len(rest) == len(set(rest))


reports = st.tuples(
    st.sampled_from(TaskState),
    st.none()
    | st.builds(
        TaskResult,
        code=st.none() | st.sampled_from([200, 400, 500, 502, 503, 5002, 11203, 0, 77777]),
        message=words,
        total_page=st.none() | st.integers(0, 50),
        send_total=st.none() | st.integers(0, 50),
    ),
)


def reports_in_any_order(job: Job, reported: list[tuple[TaskState, TaskResult | None]]) -> None:
    """Late, repeated and contradicting reports: completed only by SUCCESS with 200."""
    for state, result in reported:
        changes = changes_from_state(job, job.current_delivery, state, result)
        if changes is None:
            continue
        assert is_valid_transition(job.state, changes["state"])
        if changes["state"] is JobState.COMPLETED:
            assert state is TaskState.SUCCESS
            assert result is not None
            assert result.code == 200
        if changes["state"] is JobState.FAILED:
            assert changes["reason"]
            nothing_sent = result is not None and (
                result.send_total == 0
                or (result.send_total is None and result.code in (400, 502, 11203))
            )
            assert changes["partly_printed"] is not nothing_sent
        job = job.changed(**changes)
        assert changes_from_state(job, job.current_delivery, state, result) is None, (
            "a repetition changes something"
        )


# Once only, and not too often


def a_request_id_answers_once(found: list[tuple[Job, bool]], request_id: str) -> None:
    """Give the newest job that may have printed, within a day, and only for the same content."""
    known = [
        altered(
            job,
            job_id=str(number),
            created_at=at,
            request_id=request_id if mine else "another",
        )
        for number, ((job, mine), at) in enumerate(zip(found, _times(len(found)), strict=True))
    ]
    spec = replace(TEMPLATE.spec, printer_key="printer", request_id=request_id)
    frees = {JobState.FAILED, JobState.CANCELED, JobState.EXPIRED}
    live = [
        job
        for job in known
        if job.spec.request_id == request_id
        and job.state not in frees
        and NOW - job.created_at <= REQUEST_ID_LIFE
    ]
    refused: InputError | None = None
    answer: Job | None = None
    try:
        answer = find_duplicate(known, spec, TEMPLATE.current_delivery, NOW)
    except InputError as err:
        refused = err
    if refused is not None:
        assert refused.reason == "request_id_conflict"
        assert any(
            (job.spec.printer_key, job.current_delivery.document.digest) != ("printer", "digest")
            for job in live
        )
        return
    assert answer == (max(live, key=lambda job: job.created_at) if live else None)


def _times(count: int) -> list[datetime]:
    """Return moments of the last two days, each its own."""
    return [NOW - timedelta(hours=5 * number, seconds=number) for number in range(count)]


def the_limit_lets_no_more_than_its_limit(
    found: list[tuple[JobState, datetime]], limit: int
) -> None:
    """Whatever the order, no more than the limit take paper in an hour or are still to do so."""
    taken: list[Job] = []
    for number, (state, at) in enumerate(sorted(found, key=lambda one: one[1])):
        job = altered(TEMPLATE, job_id=str(number), created_at=at, state=state)
        try:
            check_rate(taken, at, limit=limit, printer="P")
        except LimitError:
            continue
        taken.append(job)
        hour = [
            one
            for one in taken
            if at - one.created_at < RATE_PERIOD
            and one.state not in (JobState.CANCELED, JobState.EXPIRED)
        ]
        assert len(hour) <= limit


def pages_times_copies(pages: int | None, copies: int, limit: int) -> None:
    """Unknown is not one: a PDF of unknown length is refused however few its copies are."""
    document = Document(
        path=Path("x.pdf"),
        name="x.pdf",
        content_type="application/pdf",
        extension=".pdf",
        size=1,
        pages=pages,
        title="x",
    )
    options = ResolvedOptions(paper_id=9, copies=copies)
    refused = False
    try:
        first = Delivery(document=document, options=options)
        check_pages(first, limit=limit, printer="P")
    except LimitError:
        refused = True
    assert refused is (pages is None or pages * copies > limit)


TEMPLATE = make_job(job_id=ULID, size=1, digest="digest", token="token")


# Quiet hours

ZONES = (
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/Havana",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "UTC",
)
clocks = st.times().map(lambda one: one.replace(microsecond=0, fold=0))
half_hours = st.integers(0, 47).map(lambda number: time(number // 2, 30 * (number % 2)))
years = st.datetimes(
    min_value=datetime(2026, 1, 1),  # noqa: DTZ001  # hypothesis adds the time zone
    max_value=datetime(2027, 12, 31),  # noqa: DTZ001  # as above
    timezones=st.just(UTC),
)


def quiet_hours_end(zone: str, begin: time, end: time, now: datetime) -> None:
    """Their end lies ahead, within a day, at the clock time that was set, and it is an end."""
    dt_util.set_default_time_zone(ZoneInfo(zone))
    hours = {"quiet_from": begin.isoformat(), "quiet_to": end.isoformat()}
    until = quiet_until(hours, now)
    clock = dt_util.as_local(now).time()
    inside = begin <= clock < end if begin < end else clock >= begin or clock < end
    assert (until is not None) is (begin != end and inside)
    if until is None:
        return
    assert now < until <= now + timedelta(hours=25, minutes=30)
    following = quiet_until(hours, until)
    assert following is None or following > until
    shown = dt_util.as_local(until)
    # A clock time that is left out in spring comes an hour, or half of one, later; in autumn the clock may be put
    # back to before the quiet hours.
    late = datetime.combine(shown.date(), shown.time()) - datetime.combine(shown.date(), end)
    a_moment_before = dt_util.as_local(until - timedelta(seconds=1))
    is_put_back = shown.replace(tzinfo=None) < a_moment_before.replace(tzinfo=None)
    assert is_put_back or late % timedelta(days=1) <= timedelta(hours=1)


def quiet_hours_as_clocks_change(
    night: tuple[str, datetime], minutes: int, since: int, left: int
) -> None:
    """Hours that began a while ago and end in a while, as an hour comes twice or not at all."""
    zone, change = night
    now = change + timedelta(minutes=minutes)
    local = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None, second=0)
    begin = (local - timedelta(minutes=since)).time()
    end = (local + timedelta(minutes=left)).time()
    quiet_hours_end(zone, begin, end, now)


def odd_quiet_hours(begin: object, end: object, now: datetime) -> None:
    """Take a text that is no time for none."""
    until = quiet_until({"quiet_from": begin, "quiet_to": end}, now)
    assert until is None or until > now


# The readiness


class Facts:
    """What a coordinator knows, and nothing else of it."""

    def __init__(self) -> None:
        """Begin before the first poll."""
        self.is_fresh = False
        self.key_rejected = False
        self.reason: PrinterStatus | None = None
        self.data = self
        self.printers = {"printer": object()}
        self.config_entry = MockConfigEntry(options={})

    def hold_reason(self, _key: str) -> PrinterStatus | None:
        """Return why the printer cannot take a job."""
        return self.reason


steps = st.lists(
    st.tuples(
        st.integers(1, 200),
        st.sampled_from(["ready", "away", "lost", "back_off", "clear"]),
    ),
    max_size=12,
)


def at(now: datetime) -> AbstractContextManager[Any]:
    """Let the monotonic clock show the same as the wall clock."""
    seconds = (now - NOW).total_seconds()
    return patch("custom_components.lianke.jobs.uploader.time.monotonic", lambda: seconds)


def only_the_steady_pass(story: list[tuple[int, str]]) -> None:
    """Let a job go only to a printer that has been seen ready, all the time for a minute."""
    facts = Facts()
    readiness = ReadinessWatch(cast(LiankeCoordinator, facts))
    now = NOW
    ready_since: datetime | None = None
    backed_off, pause = NOW, timedelta(0)
    first = True
    for seconds, what in story:
        now += timedelta(seconds=seconds)
        if what in ("ready", "away", "lost"):
            facts.is_fresh = what != "lost"
            facts.reason = PrinterStatus.OUT_OF_PAPER if what == "away" else None
            if what == "ready" and ready_since is None:
                # Nobody saw it come: it has been ready all along.
                ready_since = NOW - timedelta(days=1) if first else now
            if what != "ready":
                ready_since = None
            first = first and what == "lost"
        elif what == "back_off":
            # Longer each time in a row.
            pause = min(pause * 2, REFUSAL_PAUSE_LIMIT) or REFUSAL_PAUSE_START
            with at(now):
                readiness.back_off("printer", "too_frequent")
            backed_off = now + pause
        else:
            readiness.clear_backoff("printer")
            backed_off, pause = now, timedelta(0)
        with at(now):
            readiness.observe()
            verdict = readiness.check("printer", now)
        steady = ready_since is not None and now - ready_since >= STEADY_TIME
        assert (verdict.reason is None) is (steady and now >= backed_off)
        assert verdict.until is None or verdict.until > now


PROPERTIES: dict[str, tuple[Callable[..., None], Mapping[str, st.SearchStrategy[Any]]]] = {
    "a record gives back the job": (a_record_gives_back_the_job, {"job": jobs}),
    "a damaged record is one error": (
        a_damaged_record_is_one_error,
        {
            "job": jobs,
            "name": st.sampled_from(NAMES)
            | st.sampled_from(["created_at", "expires_at", "task_known_at", "size", "options"]),
            "value": json_values
            | moments.map(str)
            | st.datetimes().map(lambda one: f"{one.isoformat()}+00:00"),
        },
    ),
    "anything is a record or one error": (
        anything_is_a_record_or_one_error,
        {"value": json_values | st.fixed_dictionaries({"version": st.just(1)})},
    ),
    "moves lead forward": (
        moves_lead_forward,
        {"path": st.lists(states, min_size=1, max_size=20)},
    ),
    "reports in any order": (
        reports_in_any_order,
        {"job": jobs, "reported": st.lists(reports, max_size=10)},
    ),
    "a request id answers once": (
        a_request_id_answers_once,
        {
            "found": st.lists(
                st.tuples(
                    st.builds(
                        altered,
                        st.just(TEMPLATE),
                        state=states,
                        digest=st.sampled_from(["digest", "digest", "other"]),
                    ),
                    st.booleans(),
                ),
                max_size=8,
            ),
            "request_id": words,
        },
    ),
    "no more than the limit is printed": (
        the_limit_lets_no_more_than_its_limit,
        {
            "found": st.lists(st.tuples(states, near), max_size=40),
            "limit": st.integers(1, 5),
        },
    ),
    "pages times copies": (
        pages_times_copies,
        {
            "pages": st.none() | st.integers(1, 5000),
            "copies": st.integers(1, 999),
            "limit": st.integers(1, 9999),
        },
    ),
    "quiet hours end": (
        quiet_hours_end,
        {
            "zone": st.sampled_from(ZONES),
            "begin": clocks | half_hours,
            "end": clocks | half_hours,
            "now": years,
        },
    ),
    "quiet hours as clocks change": (
        quiet_hours_as_clocks_change,
        {
            "night": st.sampled_from(
                [
                    ("Europe/Berlin", datetime(2026, 10, 25, 1, 0, tzinfo=UTC)),
                    ("Europe/Berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
                    ("America/Havana", datetime(2026, 11, 1, 5, 0, tzinfo=UTC)),
                    ("America/Havana", datetime(2026, 3, 8, 5, 0, tzinfo=UTC)),
                    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, 0, tzinfo=UTC)),
                    ("Africa/Cairo", datetime(2026, 10, 29, 21, 0, tzinfo=UTC)),
                ]
            ),
            "minutes": st.integers(-90, 90),
            "since": st.integers(0, 90),
            "left": st.integers(1, 90),
        },
    ),
    "odd quiet hours": (
        odd_quiet_hours,
        {
            "begin": st.none() | words | st.sampled_from(["25:00", "22:00:00", "7:5"]),
            "end": st.none() | words | st.sampled_from(["25:00", "07:00:00", "24:00:00"]),
            "now": years,
        },
    ),
    "only the steady pass": (only_the_steady_pass, {"story": steps}),
}


@pytest.fixture(autouse=True)
def _time_zone() -> Any:
    """Put the time zone back that a property changed."""
    zone = dt_util.get_default_time_zone()
    yield
    dt_util.set_default_time_zone(zone)


sized = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", PROPERTIES)
def test_properties(name: str) -> None:
    check, strategies = PROPERTIES[name]
    sized(given(**strategies)(check))()


# What is on disk

damages = st.one_of(
    st.tuples(st.just("bytes"), st.binary(max_size=200)),
    st.tuples(st.just("cut"), st.integers(0, 3000)),
    st.tuples(st.just("flip"), st.integers(0, 10**6)),
    st.tuples(
        st.just("value"),
        st.tuples(st.sampled_from([f.name for f in fields(Job) if f.init]), json_values),
    ),
    st.tuples(st.just("drop"), st.sampled_from([f.name for f in fields(Job) if f.init])),
    st.tuples(st.just("json"), json_values),
    st.tuples(
        st.sampled_from(["gone", "folder", "huge", "deep", "loop", "other", "stray"]), st.none()
    ),
)
# A folder without a record that can be looked at is nobody's job.
NO_RECORD = ("gone", "folder", "loop")


def damage(folder: Path, kind: str, how: Any) -> None:
    """Spoil a job's folder."""
    record = folder / RECORD_NAME
    content = record.read_bytes()
    match kind:
        case "bytes":
            record.write_bytes(how)
        case "cut":
            record.write_bytes(content[: how % len(content)])
        case "flip":
            at = how % len(content)
            record.write_bytes(
                content[:at] + bytes([content[at] ^ 1 << how % 8]) + content[at + 1 :]
            )
        case "value":
            record.write_text(json.dumps(json.loads(content) | {how[0]: how[1]}), "utf-8")
        case "drop":
            record.write_text(
                json.dumps({key: one for key, one in json.loads(content).items() if key != how})
            )
        case "json":
            record.write_text(json.dumps(how), "utf-8")
        case "gone":
            record.unlink()
        case "folder":
            record.unlink()
            record.mkdir()
        case "huge":
            record.write_bytes(content + b" " * 300_000)
        case "deep":
            record.write_text("[" * 100_000)
        case "loop":
            record.unlink()
            record.symlink_to(record)
        case "other":
            record.write_text(json.dumps(json.loads(content) | {"job_id": "../../etc"}))
        case "stray":
            (folder / "document.pdf").unlink(missing_ok=True)
            (folder / "stray").write_bytes(b"x")


def in_0_3_0(job: Job) -> str:
    """Return a job's record as that version wrote it."""
    return json.dumps(json.loads(job.as_json()) | {"version": 2, "generation": 1})


@pytest.mark.timeout(600)
def test_a_damaged_folder_of_0_3_0_costs_one_job(tmp_path: Path) -> None:
    """One of three jobs is damaged in every way, and taken in."""
    root = tmp_path / "jobs"
    whole = [replace(TEMPLATE, job_id=f"01HQZX3T7XJ9V1N5K8M2P4R6S{number}") for number in range(3)]

    uploads = st.fixed_dictionaries(
        {"handed_over_at": json_values | st.just("2026-99-99T00:00:00+00:00"), "size": json_values},
        optional={"clock_least": json_values, "clock_most": json_values},
    )
    notes = st.lists(uploads | json_values, max_size=3).map(
        lambda found: json.dumps(found).encode()
    )

    @sized
    @given(which=st.integers(0, 2), how=damages, others=st.none() | st.binary(max_size=50) | notes)
    @example(which=0, how=("bytes", b""), others=b'[""]')
    def check(which: int, how: tuple[str, Any], others: bytes | None) -> None:
        shutil.rmtree(root, ignore_errors=True)
        for job in whole:
            folder = root / job.job_id
            folder.mkdir(parents=True)
            (folder / "document.pdf").write_bytes(b"1")
            (folder / RECORD_NAME).write_text(in_0_3_0(job), "utf-8")
        damage(root / whole[which].job_id, *how)
        if others is not None:
            (root / OTHER_TASKS_NAME).write_bytes(others)
        for _ in range(2):
            # A start that was cut off, and the next one.
            found = _find("entry", root)
            loaded = {job.job_id: job for job in found.jobs}
            for number, job in enumerate(whole):
                if number != which:
                    assert loaded.get(job.job_id) == job
            assert set(loaded) <= {job.job_id for job in whole}
            assert all(task.task_id or task.upload or key for key, task in found.tasks.items())
            aside = [path.name for path in root.iterdir() if path.name.startswith(DAMAGED_PREFIX)]
            assert len(loaded) + len(aside) == len(whole) - (how[0] in NO_RECORD)

    check()


# As somebody with an editor for databases does.
STATEMENTS = (
    "DROP TABLE record",
    "UPDATE record SET record = replace(record, 'held', 'done') WHERE id = 'b'",
    "UPDATE record SET id = 'c' WHERE id = 'b'",
    "UPDATE record SET staged = 1",
    "UPDATE record SET seq = 9223372036854775807 WHERE id = 'b'; UPDATE record SET digest = 'x'",
    "UPDATE record SET record = CAST(record AS BLOB)",
    (
        "INSERT INTO record(kind, box, id, staged, record, digest)"
        " SELECT kind, box, 'd', 0, record, digest FROM record WHERE id = 'b'"
    ),
    "ALTER TABLE record RENAME COLUMN digest TO diges",
    "DELETE FROM count",
    "UPDATE count SET value = 'x'",
)
ledger_damages = st.one_of(
    st.tuples(st.just("flip"), st.integers(0, 10**7)),
    st.tuples(st.just("cut"), st.integers(0, 10**7)),
    st.tuples(st.just("blank"), st.integers(0, 40)),
    st.tuples(st.just("junk"), st.binary(max_size=5000)),
    st.tuples(st.just("count"), st.binary(max_size=25)),
    st.tuples(st.just("sql"), st.sampled_from(STATEMENTS)),
    st.tuples(st.sampled_from(["gone", "older", "empty"]), st.none()),
)
# Page size of SQLite.
PAGE = 4096


def damage_ledger(path: Path, older: bytes, kind: str, how: Any) -> None:
    """Spoil a database that is closed."""
    content = bytearray(path.read_bytes())
    match kind:
        case "flip":
            content[how % len(content)] ^= 1 << how % 8
            path.write_bytes(content)
        case "cut":
            path.write_bytes(content[: how % len(content)])
        case "blank":
            at = how * PAGE % len(content)
            content[at : at + PAGE] = bytes(PAGE)
            path.write_bytes(content)
        case "junk":
            path.write_bytes(how)
        case "count":
            (path.parent / COUNTER_NAME).write_bytes(how)
        case "sql":
            with closing(sqlite3.connect(path)) as db, db:
                db.executescript(how)
        case "gone":
            path.unlink()
        case "older":
            path.write_bytes(older)
        case "empty":
            path.write_bytes(b"")


@pytest.mark.timeout(600)
def test_a_damaged_ledger_says_nothing_untrue(tmp_path: Path) -> None:
    """What is read was written so; what is missing is noticed, also where the file looks whole to SQLite."""
    root = tmp_path / "cache" / "jobs"
    rows = {
        RowKey("job", "box", name): Row(f'{{"{name}": "held", "pad": "{"x" * size}"}}', False)
        for name, size in (("a", 50), ("b", 200), ("long", 9000))
    }

    path, texts = root / DATABASE_NAME, {key: row.text for key, row in rows.items()}

    def opened() -> tuple[dict[RowKey, str], Path | None]:
        file = LedgerFile(root)
        try:
            return dict(file.open()), file.damaged_folder
        finally:
            file.close()

    def written(names: Collection[str]) -> bytes:
        file = LedgerFile(root)
        file.open()
        file.write({key: row for key, row in rows.items() if key.record_id in names})
        file.close()
        return path.read_bytes()

    @sized
    @given(how=ledger_damages)
    def check(how: tuple[str, Any]) -> None:
        shutil.rmtree(root.parent, ignore_errors=True)
        older = written("a")
        written(("b", "long"))
        damage_ledger(path, older, *how)
        found, aside = opened()
        assert found.items() <= texts.items()
        assert aside is not None or found == texts
        # The next start finds the same, and no damage any more.
        assert opened() == (found, None)

    check()


async def test_jobs_that_cannot_be_read(hass: HomeAssistant, tmp_path: Path) -> None:
    hass.config.config_dir = str(tmp_path / "home")
    root = ledger_path(hass)
    root.parent.mkdir(parents=True)
    root.write_text("no folder")
    for _ in range(2):
        with pytest.raises(OSError, match="jobs"):
            await async_get_ledger(hass)
    # It is opened as soon as it can be.
    root.unlink()
    assert (await async_get_ledger(hass)).is_settled
