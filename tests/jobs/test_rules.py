"""Every rule of `jobs/rules.py` and `jobs/outcome.py`, at both sides of each of its numbers: a row a case.

What is tried without a table lies beside it: quiet hours against real clocks in `test_quiet_hours.py` and
`proof/test_properties.py`, whose task is whose in `test_task_matching.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from custom_components.lianke.api.client import MAX_COUNTED_BYTES
from custom_components.lianke.api.errors import (
    ERROR_BY_CODE,
    AuthenticationError,
    BadParameterError,
    BoxNotProvisionedError,
    BoxNotRespondingError,
    BoxOfflineError,
    ConversionFailedError,
    ErrorLimitReachedError,
    LiankeConnectionError,
    LiankeError,
    LiankeRefusedError,
    LiankeResponseError,
    LiankeTimeoutError,
    PrinterNotFoundError,
    TooFrequentError,
    UnknownCodeError,
)
from custom_components.lianke.api.options import ResolvedOptions
from custom_components.lianke.api.tasks import TaskResult, TaskState
from custom_components.lianke.box.printer_status import PrinterStatus
from custom_components.lianke.fair_queue import lan_owner
from custom_components.lianke.input_error import InputError
from custom_components.lianke.jobs import outcome, rules
from custom_components.lianke.jobs.job import MOVED, Asker, Delivery, Job, JobState, PersonReason
from custom_components.lianke.jobs.rules import QueueReason, Verdict
from tests.jobs.make import NOW, make_delivery, make_job, make_task

# Whoever changes a number sees it at once.
pytestmark = pytest.mark.whole
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
LIMIT = 30
SENT = {"handed_over_at": NOW - HOUR}
HALF = 30 * MINUTE

type Case = tuple[object, ...]


def rows(*cases: Case) -> Callable[[Any], Any]:
    """Let a test go through rows: a sentence that names the case, then what the test takes."""

    def decorate(test: Any) -> Any:
        code = test.__code__
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

        def each(subtests: pytest.Subtests) -> None:
            for name, *values in cases:
                with subtests.test(str(name)):
                    test(**dict(zip(arguments, values, strict=True)))

        each.__name__, each.__doc__ = test.__name__, test.__doc__
        return each

    return decorate


def refused(rule: Callable[[], object]) -> str | None:
    """Return the key of the error with which a rule refuses, None if it does not."""
    try:
        rule()
    except InputError as err:
        return err.reason
    return None


def counted(pages: int | None, **values: Any) -> Delivery:
    one = make_delivery(**values)
    return replace(one, document=replace(one.document, pages=pages))


def ended(ago: timedelta, state: JobState = JobState.COMPLETED, **values: Any) -> Job:
    at = NOW - ago
    return make_job(**{"state": state, "created_at": at, "changed_at": at, "ended_at": at} | values)


def two_sided(**second: Any) -> Job:
    """Return a job whose first sides lie on paper, and whose second delivery has these values."""
    first = make_delivery(state=JobState.COMPLETED, counts_as=(4, 1), task_id="fronts")
    return make_job(deliveries=(first, make_delivery(**{"state": JobState.HELD} | second)))


# How many pages


@rows(
    ("as many pages as the limit", {"pages": 30}, {}, None),
    ("one page more than the limit", {"pages": 31}, {}, "too_many_pages"),
    ("as many over all copies", {"pages": 15}, {"copies": 2}, None),
    ("more over all copies", {"pages": 16}, {"copies": 2}, "too_many_pages"),
    ("few pages of a long document", {"pages": 500}, {"page_range": "1-30"}, None),
    ("too many of a long document", {"pages": 500}, {"page_range": "1-31"}, "too_many_pages"),
    ("odd pages of a document twice as long", {"pages": 60}, {"page_range": "-1"}, None),
    ("pages that the document has not", {"pages": 3}, {"page_range": "4"}, "pages_not_in_document"),
    ("at most as many as the limit", {"pages": None, "pages_at_most": 30}, {}, None),
    ("perhaps more", {"pages": None, "pages_at_most": 31}, {}, "maybe_too_many_pages"),
    (
        "a range beyond all that there can be",
        {"pages": None, "pages_at_most": 3},
        {"page_range": "4"},
        "pages_beyond_document",
    ),
    ("unknown, but a range bounds it", {"pages": None}, {"page_range": "1-30"}, None),
    (
        "unknown, and a range of too many",
        {"pages": None},
        {"page_range": "1-31"},
        "maybe_too_many_pages",
    ),
    ("unknown until it is converted", {"pages": None, "extension": ".docx"}, {}, None),
    (
        "unknown until it is converted, twice",
        {"pages": None, "extension": ".docx"},
        {"copies": 2},
        "pages_unknown",
    ),
    ("unknown, of a PDF", {"pages": None}, {}, "pages_unknown"),
    ("raw printer data has none", {"pages": None, "extension": ".prn"}, {"copies": 99}, None),
)
def test_pages(document: dict[str, Any], options: dict[str, Any], key: str | None) -> None:
    first = counted(options=ResolvedOptions(paper_id=9, **options), **document)
    assert refused(lambda: rules.check_pages(first, limit=LIMIT, printer="P")) == key


@rows(
    ("as many as the limit, by a job of two deliveries", (30, 1), None),
    ("more, over its copies", (16, 2), "too_many_pages"),
)
def test_pages_of_a_job_of_two(counts_as: tuple[int, int], key: str | None) -> None:
    """Each of its deliveries has fewer."""
    first = make_delivery(counts_as=counts_as)
    assert refused(lambda: rules.check_pages(first, limit=LIMIT, printer="P")) == key


@rows(
    ("waits to be released, and nobody knows", {"waits_for": ("release",)}, {}, True),
    ("waits for an approval", {"waits_for": ("approval",)}, {}, False),
    ("its pages became known", {"waits_for": ("release",)}, {"pages": 3}, False),
    ("waits for nobody", {}, {}, False),
)
def test_uncounted(spec: dict[str, Any], job: dict[str, Any], *, waits: bool) -> None:
    document = counted(None, state=JobState.HELD, extension=".docx")
    assert not rules.waits_uncounted(make_job(waits_for=("release",)))
    assert rules.waits_uncounted(make_job(deliveries=(document,), **spec, **job)) is waits


@rows(
    ("nobody knows", {"pages": None}, 1, True),
    ("as many as the limit", {"pages": 30}, 1, False),
    ("one page more", {"pages": 31}, 1, True),
    ("as many over all copies", {"pages": 15}, 2, False),
    ("more over all copies", {"pages": 16}, 2, True),
    ("raw printer data", {"pages": None, "extension": ".prn"}, 1, False),
    ("as large as is counted", {"pages": None, "size": MAX_COUNTED_BYTES}, 1, True),
    ("larger", {"pages": None, "size": MAX_COUNTED_BYTES + 1}, 1, False),
    ("as many copies as the limit", {"pages": None}, 30, True),
    ("more copies than the limit", {"pages": None}, 31, False),
)
def test_when_the_service_is_to_count(
    document: dict[str, Any], copies: int, *, counts: bool
) -> None:
    options = ResolvedOptions(paper_id=9, copies=copies)
    assert rules.depends_on_count(counted(options=options, **document), LIMIT) is counts


def test_the_largest_document() -> None:
    assert rules.max_document_bytes({"max_document_mb": 3}) == 3 * 1024 * 1024


# How many jobs


def rate(jobs: Sequence[Job], **changes: Any) -> str | None:
    """Return whether one more job is refused, at a limit of thirty."""
    values: dict[str, Any] = {"limit": LIMIT, "printer": "P"} | changes
    return refused(lambda: rules.check_rate(jobs, NOW, **values))


WITHDRAWN = {"state": JobState.CANCELED}


@rows(
    ("one fewer than the limit", 29, {}, 0, None),
    ("as many as the limit", 30, {}, 0, "too_many_jobs"),
    ("refused documents count", 29, {}, 1, "too_many_jobs"),
    ("an hour ago", 30, {"ago": HOUR}, 0, None),
    ("almost an hour ago", 30, {"ago": HOUR - SECOND}, 0, "too_many_jobs"),
    (
        "waiting ones count at any age",
        30,
        {"ago": 9 * HOUR, "state": JobState.HELD},
        0,
        "too_many_jobs",
    ),
    ("failed ones count", 30, {"state": JobState.FAILED}, 0, "too_many_jobs"),
    ("unconfirmed ones count", 30, {"state": JobState.UNCONFIRMED}, 0, "too_many_jobs"),
    ("ten withdrawn ones are free", 39, WITHDRAWN, 0, None),
    ("further withdrawn ones count", 40, WITHDRAWN, 0, "too_many_jobs"),
    ("expired ones are as free", 39, {"state": JobState.EXPIRED}, 0, None),
    ("and no freer", 40, {"state": JobState.EXPIRED}, 0, "too_many_jobs"),
    ("withdrawn ones that were tasks count", 30, WITHDRAWN | {"task_id": "1"}, 0, "too_many_jobs"),
    ("replaced ones are free", 999, WITHDRAWN | {"reason": "replaced"}, 0, None),
    ("moved ones are free", 999, WITHDRAWN | {"reason": MOVED}, 0, None),
    (
        "replaced ones that were tasks count",
        30,
        WITHDRAWN | {"reason": "replaced", "task_id": "1"},
        0,
        "too_many_jobs",
    ),
)
def test_jobs_of_an_hour(number: int, values: dict[str, Any], also: int, key: str | None) -> None:
    values = {"ago": MINUTE} | values
    jobs = [ended(**values) for _ in range(number)]
    assert rate(jobs, refused=also) == key


def test_free_withdrawals_make_no_room_for_jobs() -> None:
    withdrawn = [ended(MINUTE, JobState.CANCELED) for _ in range(rules.FREE_WITHDRAWALS)]
    printed = [ended(MINUTE) for _ in range(LIMIT)]
    assert rate([*withdrawn, *printed[1:]]) is None
    assert rate([*withdrawn, *printed]) == "too_many_jobs"


ANNA, PHONE, TABLET = ("anna", None), (None, "10.0.0.1"), (None, "10.0.0.2")
NOBODY = (None, None)


@rows(
    ("own jobs", [(ANNA, 30)], ANNA, "too_many_jobs"),
    ("another user's", [(("ben", None), 30)], ANNA, None),
    ("automations have a share of their own", [(ANNA, 30)], NOBODY, None),
    ("a device's own", [(PHONE, 30)], PHONE, "too_many_jobs"),
    ("a device does not take automations' share", [(PHONE, 30)], NOBODY, None),
    ("two devices together may send twice as much", [(PHONE, 30), (TABLET, 29)], TABLET, None),
    (
        "a third one finds nothing left",
        [(PHONE, 30), (TABLET, 30)],
        (None, "10.0.0.3"),
        "too_many_jobs",
    ),
    ("which is nothing to a user", [(PHONE, 30), (TABLET, 30)], ANNA, None),
)
def test_shares(
    known: list[tuple[tuple[str | None, str | None], int]],
    asker: tuple[str | None, str | None],
    key: str | None,
) -> None:
    jobs = [
        ended(MINUTE, asker=Asker(user_id=user), sender_address=address)
        for (user, address), number in known
        for _ in range(number)
    ]
    user, address = asker
    owner = (user,) if address is None else lan_owner(address)
    values: dict[str, Any] = {"owner": owner, "limit": LIMIT, "printer": "P"}
    assert refused(lambda: rules.check_rates(jobs, NOW, **values)) == key


def test_a_device_has_one_share_however_many_addresses_it_takes() -> None:
    jobs = [
        ended(MINUTE, sender_address=f"10.0.0.{number % 6}", sender_device="02:00:00:00:00:01")
        for number in range(LIMIT)
    ]
    for owner, key in (
        (lan_owner("02:00:00:00:00:01"), "too_many_jobs"),
        (lan_owner("02:00:00:00:00:02"), None),
        (lan_owner("10.0.0.1"), None),
    ):
        values: dict[str, Any] = {"owner": owner, "limit": LIMIT, "printer": "P"}
        assert refused(lambda values=values: rules.check_rates(jobs, NOW, **values)) == key  # type: ignore[misc]


@rows(("one fewer than the limit", 29, None), ("as many", 30, "too_many_jobs"))
def test_refused_documents_are_the_devices_own(number: int, key: str | None) -> None:
    """They take nothing from what all devices share."""
    values: dict[str, Any] = {
        "owner": lan_owner(PHONE[1]),
        "limit": LIMIT,
        "printer": "P",
        "refused": number,
    }
    assert refused(lambda: rules.check_rates((), NOW, **values)) == key


# Which requests are the same


@rows(
    ("held", {"state": JobState.HELD}, False),
    ("in the cloud", {"state": JobState.PROCESSING, "task_id": "1"}, False),
    ("printed", {"state": JobState.COMPLETED, "task_id": "1"}, False),
    ("in doubt", {"state": JobState.UNCONFIRMED}, False),
    ("failed before it was a task", {"state": JobState.FAILED}, True),
    ("failed as a task", {"state": JobState.FAILED, "task_id": "1"}, True),
    ("failed after a part was printed", {"state": JobState.FAILED, "partly_printed": True}, False),
    ("canceled here", {"state": JobState.CANCELED}, True),
    (
        "canceled in the cloud, which may print it",
        {"state": JobState.CANCELED, "task_id": "1"},
        False,
    ),
    ("expired here", {"state": JobState.EXPIRED}, True),
    ("expired in the cloud", {"state": JobState.EXPIRED, "task_id": "1"}, False),
    ("moved: another has it", {"state": JobState.CANCELED, "reason": MOVED}, False),
)
def test_what_frees_a_request_id(values: dict[str, Any], *, frees: bool) -> None:
    assert rules.frees_request_id(make_job(**values)) is frees


ONCE = {"request_id": "once", "digest": "digest"}


@rows(
    ("the same", {}, {}, "job"),
    ("exactly a day old", {"created_at": NOW - 24 * HOUR}, {}, "job"),
    ("more than a day old", {"created_at": NOW - 24 * HOUR - SECOND}, {}, None),
    ("another request", {"request_id": "twice"}, {}, None),
    ("freed", {"state": JobState.FAILED}, {}, None),
    ("another printer", {}, {"printer_key": "other"}, "request_id_conflict"),
    ("other bytes", {}, {"digest": "other"}, "request_id_conflict"),
    ("other options", {}, {"copies": 2}, "request_id_conflict"),
)
def test_duplicates(old: dict[str, Any], new: dict[str, Any], found: str | None) -> None:
    options = ResolvedOptions(paper_id=9, copies=new.pop("copies", 1))
    job = make_job(**ONCE | old)
    asked = make_job(**ONCE | new)
    first = replace(asked.current_delivery, options=options)

    def find() -> Job | None:
        return rules.find_duplicate([job], asked.spec, first, NOW)

    if found is not None and found != job.job_id:
        assert refused(find) == found
        return
    duplicate = find()
    assert (duplicate and duplicate.job_id) == found


def test_a_duplicate_of_two_deliveries_is_known_by_its_first() -> None:
    """The second one has a document and options of its own."""
    first = make_delivery(digest="fronts", counts_as=(4, 1))
    backs = make_delivery(digest="backs", options=ResolvedOptions(paper_id=9, copies=2))
    job = make_job(request_id="once", deliveries=(first, backs))
    assert rules.find_duplicate([job], job.spec, first, NOW) is job
    assert refused(lambda: rules.find_duplicate([job], job.spec, backs, NOW)) == (
        "request_id_conflict"
    )


def moved_twice(last: JobState) -> list[Job]:
    """Return a job that was moved, and moved again, and what it is now."""
    moved = {"state": JobState.CANCELED, "reason": MOVED}
    return [
        make_job(**ONCE, **moved, job_id="a", moved_to="b"),
        make_job(**ONCE, **moved, job_id="b", moved_from="a", moved_to="c", printer_key="2"),
        make_job(**ONCE, state=last, job_id="c", moved_from="b", printer_key="3"),
    ]


@rows(
    ("the first one stands for a moved job", JobState.COMPLETED, "a"),
    ("unless the last one was not printed", JobState.FAILED, None),
)
def test_duplicates_of_moved_jobs(last: JobState, found: str | None) -> None:
    jobs = moved_twice(last)
    for known in (jobs, jobs[::-1]):
        job = rules.find_duplicate(known, jobs[0].spec, jobs[0].current_delivery, NOW)
        assert (job and job.job_id) == found


def test_the_newest_of_several_duplicates() -> None:
    jobs = [make_job(**ONCE, job_id=f"{n}", created_at=NOW - n * HOUR) for n in (3, 1, 2)]
    assert rules.find_duplicate(jobs, jobs[0].spec, jobs[0].current_delivery, NOW) is jobs[1]


# Which jobs a newer one replaces

KEYED = {"replace_key": "briefing"}


@rows(
    ("held with the key", {}, True),
    ("without a key", {"replace_key": None}, False),
    ("with another key", {"replace_key": "news"}, False),
    ("at another printer", {"printer_key": "other"}, False),
    ("being uploaded", {"state": JobState.UPLOADING}, False),
    ("over", {"state": JobState.EXPIRED}, False),
)
def test_replaceable(values: dict[str, Any], *, is_replaced: bool) -> None:
    job = make_job(**KEYED | values)
    assert bool(rules.replaceable([job], "printer", "briefing", None)) is is_replaced


def test_a_stack_is_not_replaced() -> None:
    stack = two_sided()
    stack = replace(stack, spec=replace(stack.spec, replace_key="briefing"))
    assert stack.has_stack
    assert not rules.replaceable([stack], "printer", "briefing")
    turning = two_sided(after=PersonReason.TURN_PAPER)
    turning = replace(turning, spec=stack.spec)
    assert rules.replaceable([turning], "printer", "briefing") == [turning]


@rows(
    ("an older one is replaced", -HOUR, None),
    ("one of the same moment, too", timedelta(), None),
    ("a newer one waits there", SECOND, "newer_job_waits"),
)
def test_a_moved_job_does_not_take_a_newer_ones_place(after: timedelta, key: str | None) -> None:
    moved = make_job(**KEYED, job_id="moved")
    other = make_job(**KEYED, job_id="other", created_at=NOW + after)
    found: list[Job] = []
    both = [moved, other]
    assert refused(lambda: found.extend(rules.replaced_by(both, moved.spec, moved))) == key
    assert found == ([] if key else [other])


def test_a_new_job_replaces_whatever_waits() -> None:
    jobs = [make_job(**KEYED, job_id="1"), make_job(**KEYED, job_id="2", created_at=NOW + HOUR)]
    assert rules.replaced_by(jobs, make_job(**KEYED).spec, None) == jobs


@rows(
    ("by one that came meanwhile", {}, {}, True),
    ("of the same moment", {}, {"created_at": NOW}, True),
    ("by an older one", {}, {"created_at": NOW - SECOND}, False),
    ("by one that is uploaded", {}, {"state": JobState.UPLOADING}, True),
    ("by one that is over", {}, {"state": JobState.CANCELED}, False),
    ("by one at another printer", {}, {"printer_key": "other"}, False),
    ("by one with another key", {}, {"replace_key": "news"}, False),
    ("by itself", {}, {"job_id": "job"}, False),
    ("without a key", {"replace_key": None}, {"replace_key": None}, False),
)
def test_replaced_while_it_was_sent(
    own: dict[str, Any], other: dict[str, Any], *, is_replaced: bool
) -> None:
    job = make_job(**KEYED | {"state": JobState.UPLOADING} | own)
    newer = make_job(**KEYED | {"job_id": "newer", "created_at": NOW + SECOND} | other)
    assert rules.is_replaced(job, [newer]) is is_replaced


# When a job may be sent

PAUSED = [(QueueReason.TOO_FREQUENT, 90 * SECOND)]
QUIET = NOW + HOUR


@rows(
    ("nothing is in the way", {}, Verdict(None)),
    ("the printer has none", {"state": "out_of_paper"}, Verdict("out_of_paper")),
    (
        "that comes before everything else",
        {"state": "x", "backoffs": PAUSED, "quiet_end": QUIET, "ready_for": SECOND},
        Verdict("x"),
    ),
    ("a pause after a refusal", {"backoffs": PAUSED}, Verdict("too_frequent", NOW + 90 * SECOND)),
    (
        "that comes before quiet hours",
        {"backoffs": PAUSED, "quiet_end": QUIET},
        Verdict("too_frequent", NOW + 90 * SECOND),
    ),
    (
        "of two pauses the first",
        {"backoffs": [("box_offline", SECOND), *PAUSED]},
        Verdict("box_offline", NOW + SECOND),
    ),
    ("a pause that is over", {"backoffs": [("too_frequent", timedelta())]}, Verdict(None)),
    (
        "another pause after one that is over",
        {"backoffs": [("box_offline", -SECOND), *PAUSED]},
        Verdict("too_frequent", NOW + 90 * SECOND),
    ),
    ("quiet hours", {"quiet_end": QUIET}, Verdict("quiet_hours", QUIET)),
    (
        "they come before a printer that is getting ready",
        {"quiet_end": QUIET, "ready_for": SECOND},
        Verdict("quiet_hours", QUIET),
    ),
    ("ready for a minute", {"ready_for": MINUTE}, Verdict(None)),
    ("ready for less", {"ready_for": MINUTE - SECOND}, Verdict("getting_ready", NOW + SECOND)),
    ("ready just now", {"ready_for": timedelta()}, Verdict("getting_ready", NOW + MINUTE)),
)
def test_verdict(facts: dict[str, Any], expected: Verdict) -> None:
    assert rules.verdict(NOW, **{"state": None} | facts) == expected


@rows(
    ("the first refusal", "too_frequent", None, MINUTE),
    ("the next one in a row", "too_frequent", MINUTE, 2 * MINUTE),
    ("up to half an hour", "too_frequent", 16 * MINUTE, 30 * MINUTE),
    ("and no longer", "too_frequent", 30 * MINUTE, 30 * MINUTE),
    ("the service's limit of errors", "error_limit", None, 30 * MINUTE),
    ("it does not grow", "error_limit", 30 * MINUTE, 30 * MINUTE),
)
def test_backoff(reason: str, last: timedelta | None, expected: timedelta) -> None:
    assert rules.pause_after_refusal(reason, last) == expected


@rows(
    ("a box that is off", PrinterStatus.BOX_OFFLINE, True),
    ("a full disk", QueueReason.DISK_FULL, True),
    ("a printer that is off", PrinterStatus.DISCONNECTED, False),
    ("too frequent", QueueReason.TOO_FREQUENT, False),
    ("the key", QueueReason.KEY_REJECTED, False),
)
def test_what_concerns_the_whole_box(reason: str, *, concerns: bool) -> None:
    assert (reason in rules.REASONS_OF_THE_BOX) is concerns


@rows(
    ("within", "22:00", "07:00", "23:00", "07:00"),
    ("after midnight", "22:00", "07:00", "01:00", "07:00"),
    ("at their begin", "22:00", "07:00", "22:00", "07:00"),
    ("a second before", "22:00", "07:00", "21:59:59", None),
    ("at their end", "22:00", "07:00", "07:00", None),
    ("of one day", "12:00", "14:00", "13:00", "14:00"),
    ("of one day, before", "12:00", "14:00", "11:00", None),
    ("of one day, after", "12:00", "14:00", "14:00", None),
    ("from and to the same", "12:00", "12:00", "12:00", None),
    ("without an end", "22:00", None, "23:00", None),
    ("without a begin", None, "07:00", "01:00", None),
)
def test_quiet_hours(begin: str | None, end: str | None, clock: str, until: str | None) -> None:
    """By the clock of UTC, which never changes."""
    hour, minute, second = (*map(int, clock.split(":")), 0)[:3]
    now = NOW.replace(hour=hour, minute=minute, second=second)
    found = rules.quiet_until({"quiet_from": begin, "quiet_to": end}, now)
    assert (found and f"{found:%H:%M}") == until
    assert found is None or timedelta(0) < found - now < 24 * HOUR


# What becomes of a job by the time alone, and after a crash


@rows(
    ("it goes on", {}, True, None),
    ("its time is over", {"expires_at": NOW}, True, {"state": "expired", "reason": "expired"}),
    ("a second before", {"expires_at": NOW + SECOND}, True, None),
    ("its printer is gone", {}, False, {"state": "failed", "reason": "printer_gone"}),
    (
        "over before its printer",
        {"expires_at": NOW},
        False,
        {"state": "expired", "reason": "expired"},
    ),
    ("canceled", {"cancel_requested": True, "expires_at": NOW}, False, {"state": "canceled"}),
)
def test_the_end_of_what_waits_here(
    values: dict[str, Any], *, has_printer: bool, expected: dict[str, Any] | None
) -> None:
    assert rules.changes_to_end_here(make_job(**values), NOW, has_printer=has_printer) == expected


@rows(
    ("nobody", {}, None),
    ("who approves", {"waits_for": ("approval", "release")}, "approval"),
    ("who decides about a damaged record", {"waits_for": ("approval",), "copied": True}, "copied"),
)
def test_who_is_asked_first(values: dict[str, Any], reason: str | None) -> None:
    assert rules.reason_to_ask(make_job(**values)) == reason


TASK: dict[str, Any] = {"task_id": "1", "expires_at": NOW + HOUR}


@rows(
    ("when it expires", TASK | {"state": JobState.QUEUED}, NOW + HOUR),
    ("not while it is printed", TASK | {"state": JobState.SENDING}, None),
    ("now, if somebody cancels", TASK | {"state": JobState.SENDING, "cancel_requested": True}, NOW),
    ("not twice", TASK | {"state": JobState.CANCELING, "cancel_requested": True}, None),
    ("not what is over", TASK | {"state": JobState.COMPLETED, "cancel_requested": True}, None),
    ("not what is proven", TASK | {"state": JobState.QUEUED, "proven_at": NOW}, None),
    ("not without a task", {"state": JobState.UPLOADING, "cancel_requested": True}, None),
)
def test_when_a_task_is_taken_back(values: dict[str, Any], due: datetime | None) -> None:
    assert rules.cancel_due(make_job(**values), NOW) == due


@rows(
    ("just begun", {"state": JobState.QUEUED}, True),
    (
        "for almost half an hour",
        {"state": JobState.QUEUED, "changed_at": NOW - HALF + SECOND},
        True,
    ),
    ("for half an hour", {"state": JobState.QUEUED, "changed_at": NOW - HALF}, False),
    ("not in the cloud", {"state": JobState.UPLOADING}, False),
    ("over", {"state": JobState.COMPLETED}, False),
)
def test_whose_printer_is_watched(values: dict[str, Any], *, is_watched: bool) -> None:
    assert rules.is_watched(make_job(**values), NOW) is is_watched


UPLOADING = {"state": JobState.UPLOADING}


@rows(
    ("held", {}, None),
    ("an upload waits again", UPLOADING, "held"),
    ("one that must not wait ends", UPLOADING | {"hold": False}, "expired"),
    ("of a damaged record, it asks first", UPLOADING | {"hold": False, "copied": True}, "held"),
    ("its end may have been sent", UPLOADING | SENT, None),
    ("in the cloud", {"state": JobState.QUEUED, "task_id": "1"}, None),
)
def test_after_a_crash(values: dict[str, Any], state: str | None) -> None:
    changes = rules.changes_after_start([make_job(**values)])
    assert (changes["job"]["state"] if changes else None) == state


def test_the_second_sides_of_what_must_not_wait_go_on() -> None:
    job = two_sided(**UPLOADING)
    job = replace(job, spec=replace(job.spec, hold=False))
    assert rules.changes_after_start([job])["job"]["state"] == "held"


@rows(
    ("the newest stays", {}, {}, ["old"]),
    ("one that was uploaded, too", UPLOADING, {}, ["old"]),
    ("by one that was uploaded", {}, UPLOADING, ["old"]),
    ("another key", {"replace_key": "news"}, {}, []),
    ("another printer", {"printer_key": "other"}, {}, []),
    ("without a key", {"replace_key": None}, {"replace_key": None}, []),
    ("by one in the cloud", {}, {"state": JobState.QUEUED, "task_id": "1"}, []),
)
def test_which_replaces_which_after_a_crash(
    old: dict[str, Any], new: dict[str, Any], replaced: list[str]
) -> None:
    jobs = [
        make_job(**KEYED | {"job_id": "old"} | old),
        make_job(**KEYED | {"job_id": "new"} | new),
    ]
    changes = rules.changes_after_start(jobs)
    assert [one for one, to in changes.items() if to["state"] == "canceled"] == replaced
    assert all(changes[one]["reason"] == "replaced" for one in replaced)


# Whose stack lies in a tray


@rows(
    ("put back", {}, True),
    ("to be turned", {"after": PersonReason.TURN_PAPER}, False),
    ("being printed", {"state": JobState.SENDING, "task_id": "backs"}, True),
    ("over", {"state": JobState.CANCELED}, False),
)
def test_stacks(second: dict[str, Any], *, lies: bool) -> None:
    job = two_sided(**second)
    assert bool(rules.stacks_in_trays([job])) is lies


def test_the_first_of_two_stacks() -> None:
    first, second = two_sided(), replace(two_sided(), job_id="second")
    assert rules.stacks_in_trays([first, second]) == {"printer": first}


@rows(
    ("of a box without others", {}, []),
    ("asked for as often as others are", {}, [{}, {}]),
    ("a repeat of another job", {"retry_of": "old"}, [{"retry_of": "another"} | SENT]),
    (
        "a repeat after one that never went",
        {"retry_of": "old"},
        [{"retry_of": "old", "state": JobState.CANCELED}],
    ),
    ("waiting beside a stack", {}, [two_sided()]),
    (
        "to be printed where no stack is",
        {"state": JobState.UPLOADING, "printer_key": "other"},
        [two_sided()],
    ),
    (
        "with paper that is still to be turned",
        {"state": JobState.UPLOADING},
        [two_sided(after=PersonReason.TURN_PAPER)],
    ),
)
def test_a_new_job_that_is_taken_as_it_is(
    values: dict[str, Any], others: list[Job | dict[str, Any]]
) -> None:
    job = make_job(**values)
    beside = [
        replace(one if isinstance(one, Job) else make_job(**one), job_id=f"other-{number}")
        for number, one in enumerate(others)
    ]
    assert rules.checked_against_others(job, beside, NOW) is job


@rows(
    ("a repeat that was asked for twice", {"retry_of": "old"}, {"retry_of": "old"}),
    (
        "a repeat of one that was sent",
        {"retry_of": "old"},
        {"retry_of": "old", "state": JobState.FAILED} | SENT,
    ),
)
def test_a_job_is_repeated_once(values: dict[str, Any], other: dict[str, Any]) -> None:
    beside = [make_job(job_id="other", **other)]
    assert (
        refused(lambda: rules.checked_against_others(make_job(**values), beside, NOW))
        == "job_retried_already"
    )


def test_a_stack_is_put_into_no_tray_that_is_in_use() -> None:
    busy = make_job(job_id="other", state=JobState.SENDING)
    assert refused(lambda: rules.checked_against_others(two_sided(), [busy], NOW)) == "tray_busy"
    assert rules.checked_against_others(two_sided(), [], NOW).state is JobState.HELD


def test_a_new_job_waits_until_the_stack_is_printed_or_is_refused() -> None:
    job, stack = make_job(state=JobState.UPLOADING), replace(two_sided(), job_id="other")
    waits = rules.checked_against_others(job, [stack], NOW)
    assert (waits.state, waits.current_delivery.hold_reason) == (JobState.HELD, "paper_turned")
    at_once = replace(job, spec=replace(job.spec, hold=False))
    assert (
        refused(lambda: rules.checked_against_others(at_once, [stack], NOW))
        == "not_ready_paper_turned"
    )


@rows(
    ("held", {}, None),
    ("being uploaded", {"state": JobState.UPLOADING}, "tray_busy"),
    ("in doubt", {"state": JobState.UPLOADING} | SENT, "tray_busy"),
    ("waiting in the cloud", {"state": JobState.QUEUED}, "tray_busy"),
    ("being canceled", {"state": JobState.CANCELING}, "tray_busy"),
    ("printed", {"state": JobState.COMPLETED} | SENT, None),
    ("at another printer", {"state": JobState.SENDING, "printer_key": "other"}, None),
    ("unconfirmed just now", {"state": JobState.UNCONFIRMED} | SENT, "tray_busy"),
    (
        "unconfirmed almost half an hour ago",
        {"state": JobState.UNCONFIRMED, "ended_at": NOW - HALF + SECOND} | SENT,
        "tray_busy",
    ),
    (
        "unconfirmed half an hour ago",
        {"state": JobState.UNCONFIRMED, "ended_at": NOW - HALF} | SENT,
        None,
    ),
    (
        "unconfirmed in half an hour, by a clock that was set back",
        {"state": JobState.UNCONFIRMED, "ended_at": NOW + HALF} | SENT,
        None,
    ),
    ("unconfirmed, but never sent", {"state": JobState.UNCONFIRMED}, None),
    (
        "canceled after a part",
        {"state": JobState.CANCELED, "partly_printed": True} | SENT,
        "tray_busy",
    ),
    ("canceled before any", {"state": JobState.CANCELED} | SENT, None),
    (
        "expired after a part",
        {"state": JobState.EXPIRED, "partly_printed": True} | SENT,
        "tray_busy",
    ),
    ("failed after a part", {"state": JobState.FAILED, "partly_printed": True} | SENT, None),
)
def test_what_would_be_printed_on_a_stack(values: dict[str, Any], key: str | None) -> None:
    other = make_job(**{"job_id": "other", "ended_at": NOW} | values)
    assert refused(lambda: rules.check_tray_free(two_sided(), [other], NOW)) == key


def test_a_tray_that_is_taken_and_a_job_beside_itself() -> None:
    job = two_sided()
    assert refused(lambda: rules.check_tray_free(job, [job], NOW)) is None
    other = replace(job, job_id="other")
    assert refused(lambda: rules.check_tray_free(job, [other], NOW)) == "tray_taken"


# What people decide


@rows(
    ("an approval", ("approval",), "approval", {"waits_for": (), "approved": True, "reason": None}),
    ("a release", ("release",), "release", {"waits_for": (), "approved": False, "reason": None}),
    (
        "an approval before a release",
        ("approval", "release"),
        "approval",
        {"waits_for": ("release",), "approved": True, "reason": "release"},
    ),
)
def test_yes(waits_for: tuple[str, ...], reason: str, expected: dict[str, Any]) -> None:
    job = make_job(waits_for=waits_for, hold_reason=waits_for[0])
    new = job.changed(now=NOW, **rules.changes_on_answer(job, reason, [job], NOW))
    found = {
        "waits_for": new.waits_for,
        "approved": new.spec.approved,
        "reason": new.current_delivery.hold_reason,
    }
    assert found == expected


def test_who_releases_a_job_leaves_it_approved() -> None:
    job = make_job(waits_for=("release",), approved=True)
    assert rules.changes_on_answer(job, "release", [], NOW)["spec"].approved


def test_paper_that_is_turned_lies_in_the_tray() -> None:
    job = two_sided(after=PersonReason.TURN_PAPER, hold_reason="turn_paper")
    new = job.changed(now=NOW, **rules.changes_on_answer(job, "turn_paper", [job], NOW))
    assert (new.has_stack, new.waits_for, new.current_delivery.hold_reason) == (True, (), None)
    busy = make_job(job_id="other", state=JobState.SENDING)
    assert (
        refused(lambda: rules.changes_on_answer(job, "turn_paper", [job, busy], NOW)) == "tray_busy"
    )
    # An approval puts no stack into the tray.
    asks = make_job(waits_for=("approval",))
    assert refused(lambda: rules.changes_on_answer(asks, "approval", [busy], NOW)) is None


def answer(job: Job, reason: str | None) -> object:
    return rules.changes_on_answer(job, reason, [job], NOW)


def no(job: Job, reason: str | None) -> object:
    return rules.changes_on_rejection(job, reason, "")


@rows(
    ("what it waits for", {}, "approval", None),
    ("its second reason", {}, "release", "job_not_waiting"),
    ("no reason at all", {}, None, "job_not_waiting"),
    ("a job that goes on", {"waits_for": ()}, "approval", "job_not_waiting"),
    ("no reason of a job that goes on", {"waits_for": ()}, None, "job_not_waiting"),
    ("a job that was canceled", {"state": JobState.CANCELED}, "approval", "job_not_waiting"),
    ("a job of a damaged record", {"copied": True}, "approval", "job_not_waiting"),
)
def test_an_answer_counts_for_its_reason(
    values: dict[str, Any], reason: str | None, key: str | None
) -> None:
    job = make_job(**{"waits_for": ("approval", "release")} | values)
    assert refused(lambda: answer(job, reason)) == key
    assert refused(lambda: no(job, reason)) == key


def test_no() -> None:
    job = make_job(waits_for=("approval",))
    new = job.changed(**rules.changes_on_rejection(job, "approval", "Ben: too long"))
    assert (new.state, new.reason) == (JobState.CANCELED, "rejected")
    assert new.current_delivery.detail == "Ben: too long"


@pytest.mark.parametrize("state", JobState)
def test_what_can_be_canceled_confirmed_and_released_in_each_state(state: JobState) -> None:
    held, doubtful = state is JobState.HELD, state is JobState.UNCONFIRMED
    job = make_job(state=state)
    assert (refused(lambda: rules.changes_on_cancellation(job)) is None) is held
    assert (refused(lambda: rules.changes_on_confirmation(job)) is None) is doubtful
    assert refused(lambda: rules.changes_on_resume(job)) == "job_not_retryable"
    copied = replace(job, copied=True)
    assert (refused(lambda: rules.changes_on_resume(copied)) is None) is held
    assert not held or not copied.changed(**rules.changes_on_resume(copied)).copied


@rows(
    ("its pages, over all copies", {"pages": 3, "copies": 2}, 6),
    ("unknown ones stay unknown", {"pages": None, "copies": 2}, None),
)
def test_a_confirmed_job_counts(values: dict[str, Any], pages: int | None) -> None:
    job = make_job(state=JobState.UNCONFIRMED, reason="no_answer", task_from_list=True, **values)
    new = job.changed(**rules.changes_on_confirmation(job))
    assert (new.state, new.reason, new.pages_printed) == (JobState.COMPLETED, None, pages)
    assert not new.current_delivery.task_from_list


# What may be moved or printed again


@rows(
    ("held", {}, None),
    ("being uploaded", {"state": JobState.UPLOADING}, "job_not_movable"),
    ("over", {"state": JobState.EXPIRED}, "job_not_movable"),
    ("it may have been sent", SENT, "job_not_movable"),
    ("a part of it was printed", {"partly_printed": True}, "job_not_movable"),
    ("of a damaged record", {"copied": True}, "job_not_movable"),
)
def test_what_may_be_moved(values: dict[str, Any], key: str | None) -> None:
    job = make_job(**values)
    assert refused(lambda: rules.check_movable(job)) == key


@rows(
    ("a letter on the same paper", ".docx", 9, 2),
    ("a letter on other paper", ".docx", 11, None),
    ("a PDF on other paper", ".pdf", 11, 2),
)
def test_pages_of_what_is_laid_out_for_its_paper(
    extension: str, paper_id: int, pages: int | None
) -> None:
    old = make_delivery(extension=extension)
    new = rules.delivery_with_options(old, ResolvedOptions(paper_id=paper_id))
    assert (new.pages, new.options.paper_id, new.document.path) == (
        pages,
        paper_id,
        old.document.path,
    )


@rows(
    ("a sheet that is fitted to pages", {"excel_fit": "1"}, None),
    ("on its side", {"orientation": 2}, None),
    ("paper of another length", {"paper_length": 2970}, None),
    ("more copies", {"copies": 3}, 2),
    ("some of the pages", {"page_range": "1-2"}, 2),
    ("in black", {"color": 1}, 2),
)
def test_pages_that_the_service_counted_for_a_preview(
    chosen: dict[str, Any], pages: int | None
) -> None:
    """A limit was checked against the pages of the preview, however many came out with the new options."""
    old = make_delivery(extension=".xlsx")
    old = replace(old, document=replace(old.document, counted_for="a scope"))
    new = rules.delivery_with_options(old, replace(old.options, **chosen))
    assert (new.document.pages, new.document.counted_for) == (pages, pages and "a scope")


def test_two_deliveries_are_not_moved() -> None:
    deliveries = (make_delivery(counts_as=(4, 1)), make_delivery())
    job = make_job(deliveries=deliveries)
    assert refused(lambda: rules.check_movable(job)) == "job_not_movable"


@rows(
    ("as many", 4, 1, 4, 1, False),
    ("fewer", 4, 1, 2, 1, False),
    ("more", 4, 1, 5, 1, True),
    ("as many over all copies", 4, 1, 2, 2, False),
    ("more over all copies", 4, 1, 2, 3, True),
    ("fewer over fewer copies", 4, 2, 7, 1, False),
    ("nobody knew and knows", None, 1, None, 1, False),
    ("nobody knows, and more copies", None, 1, None, 2, True),
    ("nobody knows any more", 4, 1, None, 1, True),
    ("it became known", None, 1, 4, 1, False),
    ("it became known, and more copies", None, 1, 4, 2, True),
)
def test_more_pages(
    before: int | None, copies: int, after: int | None, new_copies: int, *, is_more: bool
) -> None:
    old = make_job(
        deliveries=(counted(before, options=ResolvedOptions(paper_id=9, copies=copies)),)
    )
    new = counted(after, options=ResolvedOptions(paper_id=9, copies=new_copies))
    assert rules.asks_for_more(old, new) is is_more


FAILED = {"state": JobState.FAILED}
AGAIN = FAILED | {"retried_as": "again"}


@rows(
    ("failed", FAILED, None, None),
    ("expired", {"state": JobState.EXPIRED}, None, None),
    ("unconfirmed", {"state": JobState.UNCONFIRMED}, None, None),
    ("printed", {"state": JobState.COMPLETED}, None, "job_not_retryable"),
    ("canceled", {"state": JobState.CANCELED}, None, "job_not_retryable"),
    ("its document is gone", FAILED | {"has_document": False}, None, "job_not_retryable"),
    ("held in a damaged record", {"copied": True}, None, "job_not_retryable"),
    ("retried, nobody knows where", AGAIN, None, "job_retried_already"),
    ("its retry waits", AGAIN, {"state": JobState.HELD}, "job_retried_already"),
    ("its retry was printed", AGAIN, {"state": JobState.COMPLETED}, "job_retried_already"),
    ("its retry was canceled unsent", AGAIN, {"state": JobState.CANCELED}, None),
    ("its retry failed unsent, and can be retried", AGAIN, FAILED, "job_retried_already"),
    ("its retry failed unsent, and cannot", AGAIN, FAILED | {"has_document": False}, None),
    (
        "its retry was canceled in the cloud",
        AGAIN,
        {"state": JobState.CANCELED, "task_id": "1"},
        "job_retried_already",
    ),
)
def test_retries(values: dict[str, Any], again: dict[str, Any] | None, key: str | None) -> None:
    job = make_job(**values)
    other = None if again is None else make_job(job_id="again", **again)
    assert refused(lambda: rules.check_retry(job, other)) == key


# What is kept, for how long

DAY = timedelta(days=1)


@rows(
    ("failed, within its time", JobState.FAILED, 24 * HOUR - SECOND, {}, True),
    ("failed, beyond it", JobState.FAILED, 24 * HOUR, {}, False),
    ("expired, within", JobState.EXPIRED, 24 * HOUR - SECOND, {}, True),
    ("unconfirmed, within", JobState.UNCONFIRMED, 24 * HOUR - SECOND, {}, True),
    ("printed, within its time", JobState.COMPLETED, HOUR - SECOND, {}, True),
    ("printed, beyond it", JobState.COMPLETED, HOUR, {}, False),
    ("canceled, within", JobState.CANCELED, HOUR - SECOND, {}, True),
    ("replaced", JobState.CANCELED, SECOND, {"reason": "replaced"}, False),
    ("moved", JobState.CANCELED, SECOND, {"reason": MOVED}, False),
    ("printed, of the most bytes", JobState.COMPLETED, SECOND, {"size": 1024**3}, True),
    ("printed, of more", JobState.COMPLETED, SECOND, {"size": 1024**3 + 1}, False),
    ("failed, of more", JobState.FAILED, SECOND, {"size": 1024**3 + 1}, True),
)
def test_documents(
    state: JobState, ago: timedelta, values: dict[str, Any], *, is_kept: bool
) -> None:
    job = ended(ago, state, **values)
    kept = rules.documents_to_keep([job], NOW, failed=24 * HOUR, wanted=HOUR)
    assert kept == ({"job"} if is_kept else frozenset())


GONE: dict[str, Any] = {"has_document": False}


@rows(
    ("of thirty days", 30 * DAY, JobState.COMPLETED, GONE, False),
    ("older", 30 * DAY + SECOND, JobState.COMPLETED, GONE, True),
    ("older, but open", 31 * DAY, JobState.HELD, GONE, False),
    (
        "older, and ended an hour ago",
        31 * DAY,
        JobState.FAILED,
        GONE | {"ended_at": NOW - HOUR},
        True,
    ),
    (
        "older, ended an hour ago, with its document",
        31 * DAY,
        JobState.FAILED,
        {"ended_at": NOW - HOUR},
        False,
    ),
    (
        "older, ended a day ago, with its document",
        31 * DAY,
        JobState.FAILED,
        {"ended_at": NOW - DAY},
        True,
    ),
    (
        "older, ended an hour ago, with a request id",
        31 * DAY,
        JobState.FAILED,
        GONE | {"ended_at": NOW - HOUR, "request_id": "once"},
        False,
    ),
    (
        "older, unconfirmed an hour ago",
        31 * DAY,
        JobState.UNCONFIRMED,
        GONE | {"ended_at": NOW - HOUR},
        False,
    ),
    (
        "older, and its task may be on the list",
        31 * DAY,
        JobState.CANCELED,
        GONE | {"ended_at": NOW - 2 * DAY, "handed_over_at": NOW - 48 * HOUR + SECOND},
        False,
    ),
    (
        "older, and off the list by now",
        31 * DAY,
        JobState.CANCELED,
        GONE | {"ended_at": NOW - 2 * DAY, "handed_over_at": NOW - 48 * HOUR},
        True,
    ),
)
def test_age(ago: timedelta, state: JobState, values: dict[str, Any], *, goes: bool) -> None:
    values = {"created_at": NOW - ago, "changed_at": NOW - ago} | values
    assert bool(rules.to_forget([make_job(state=state, **values)], NOW)) is goes


def many(
    number: int, ago: timedelta, state: JobState = JobState.COMPLETED, **values: Any
) -> list[Job]:
    """Return jobs of which the first ended first."""
    return [
        ended(ago - n * SECOND / 1000, state, **{"job_id": f"{n}"} | values) for n in range(number)
    ]


OLD = [ended(31 * DAY - n * SECOND, job_id=f"old {n}", **GONE) for n in range(3)]


@rows(
    ("two hundred", many(200, 2 * DAY, **GONE), 0),
    ("more", many(203, 2 * DAY, **GONE), 3),
    ("more, but of the last hour", many(203, HOUR - SECOND, **GONE), 0),
    ("more, but with documents of a day", many(203, DAY - SECOND), 0),
    ("more, with documents that nobody needs", many(203, DAY + SECOND), 3),
    ("a hundred withdrawn", many(100, 2 * HOUR, JobState.CANCELED), 0),
    ("more withdrawn ones", many(103, 2 * HOUR, JobState.CANCELED), 3),
    (
        "more, withdrawn an hour ago",
        [ended(HOUR, JobState.CANCELED, job_id=f"{n}") for n in range(103)],
        3,
    ),
    ("more, expired unsent", many(103, 2 * HOUR, JobState.EXPIRED), 0),
    (
        "more than two hundred, an hour ago",
        [ended(HOUR, job_id=f"{n}", **GONE) for n in range(203)],
        3,
    ),
    ("more, withdrawn in the last hour", many(103, HOUR - SECOND, JobState.CANCELED), 0),
    (
        "more, replaced in the last hour",
        many(103, HOUR - SECOND, JobState.CANCELED, reason="replaced"),
        3,
    ),
    (
        "more, canceled in the cloud",
        many(103, 2 * HOUR, JobState.CANCELED, task_id="1", request_id="x"),
        0,
    ),
    ("a thousand needed ones", many(1000, 2 * HOUR), 0),
    ("more needed ones", many(1003, 2 * HOUR), 3),
    ("more of the last hour", many(1003, HOUR - SECOND), 0),
    ("more of an hour ago", [ended(HOUR, job_id=f"{n}") for n in range(1003)], 3),
    ("what is old makes room", [*OLD, *many(1000, 2 * HOUR)], 3),
    ("what is old makes room for some", [*OLD, *many(1002, 2 * HOUR)], 5),
    (
        "more, each of which may have a task",
        many(1003, 2 * HOUR, JobState.UNCONFIRMED, handed_over_at=NOW - 2 * HOUR),
        0,
    ),
)
def test_records(jobs: list[Job], number: int) -> None:
    """The oldest go first."""
    assert [*rules.to_forget(jobs, NOW)] == [job.job_id for job in jobs[:number]]


# What the service's answers mean


@rows(
    ("its box is off", BoxOfflineError(), PrinterStatus.BOX_OFFLINE),
    ("its box is not bound", BoxNotProvisionedError(), PrinterStatus.BOX_OFFLINE),
    ("its printer is gone", PrinterNotFoundError(), PrinterStatus.DISCONNECTED),
    ("too many requests", TooFrequentError(), QueueReason.TOO_FREQUENT),
    ("too many errors", ErrorLimitReachedError(), QueueReason.ERROR_LIMIT),
    ("the key", AuthenticationError(), QueueReason.KEY_REJECTED),
    ("no line", LiankeConnectionError(may_have_arrived=False), QueueReason.CLOUD_UNREACHABLE),
    (
        "no answer in time",
        LiankeTimeoutError(may_have_arrived=False),
        QueueReason.CLOUD_UNREACHABLE,
    ),
    ("an answer that cannot be read", LiankeResponseError("x"), QueueReason.CLOUD_UNREACHABLE),
    ("a bad document", ConversionFailedError(), None),
    ("a bad field", BadParameterError(), None),
    ("a code that nobody knows", UnknownCodeError(code=4711), None),
    ("a box that does not answer", BoxNotRespondingError(), None),
)
def test_errors_that_pass(err: LiankeError, reason: str | None) -> None:
    assert outcome.passing_reason(err) == reason


@rows(
    ("it surely did not", LiankeConnectionError(may_have_arrived=False), False),
    ("the line broke after its end", LiankeConnectionError(may_have_arrived=True), True),
    ("refused by a known code", BoxOfflineError(), False),
    ("refused by a code that nobody knows", UnknownCodeError(code=4711), True),
    ("an answer that cannot be read", LiankeResponseError("x"), True),
)
def test_what_may_have_arrived(err: LiankeError, *, may: bool) -> None:
    assert isinstance(err, LiankeRefusedError | LiankeConnectionError | LiankeResponseError)
    assert outcome.may_have_arrived(err) is may


OK, NONE = TaskResult(code=200), None
SENDING = {"state": JobState.SENDING, "task_id": "1"}


@rows(
    ("taken", TaskState.READY, NONE, {"state": JobState.UPLOADING}, {"state": "queued"}),
    ("converted", TaskState.PARSING, NONE, {"state": JobState.QUEUED}, {"state": "processing"}),
    ("sent", TaskState.SENDING, NONE, {"state": JobState.PROCESSING}, {"state": "sending"}),
    ("to be canceled", TaskState.SET_REVOKE, NONE, SENDING, {"state": "canceling"}),
    ("an old report", TaskState.READY, NONE, SENDING, None),
    ("the same report", TaskState.SENDING, NONE, SENDING, None),
    ("success without a result", TaskState.SUCCESS, NONE, SENDING, None),
    ("success without a code", TaskState.SUCCESS, TaskResult(), SENDING, None),
    ("unknown", TaskState.UNKNOWN, OK, SENDING, None),
    (
        "printed",
        TaskState.SUCCESS,
        OK,
        SENDING | {"pages": 3, "copies": 2},
        {"state": "completed", "reason": None, "pages_printed": 6},
    ),
    (
        "printed, by the cloud's count",
        TaskState.SUCCESS,
        TaskResult(code=200, total_page=5),
        SENDING,
        {"state": "completed", "reason": None, "pages_printed": 5, "pages": 5},
    ),
    (
        "printed, by the cloud's count, which may include the copies or not",
        TaskState.SUCCESS,
        TaskResult(code=200, total_page=5),
        SENDING | {"copies": 2},
        {"state": "completed", "reason": None, "pages_printed": 5},
    ),
    (
        "printed, without any count",
        TaskState.SUCCESS,
        OK,
        SENDING,
        {"state": "completed", "reason": None, "pages_printed": None},
    ),
    ("printed what is over", TaskState.SUCCESS, OK, {"state": JobState.CANCELED}, None),
    (
        "printed what was in doubt",
        TaskState.SUCCESS,
        OK,
        {"state": JobState.UNCONFIRMED, "pages": 1},
        {"state": "completed", "reason": None, "pages_printed": 1},
    ),
    (
        "success with the code of a failure",
        TaskState.SUCCESS,
        TaskResult(code=500, send_total=0),
        SENDING,
        {"state": "failed", "code": 500, "partly_printed": False},
    ),
    (
        "a code beside that of success",
        TaskState.SUCCESS,
        TaskResult(code=201),
        SENDING,
        {"state": "failed"},
    ),
    ("failed", TaskState.FAILURE, NONE, SENDING, {"state": "failed", "partly_printed": True}),
    (
        "failed although its code says printed",
        TaskState.FAILURE,
        OK,
        SENDING,
        {"state": "failed", "code": 200, "partly_printed": True},
    ),
    (
        "canceled, and nobody knows of paper",
        TaskState.REVOKED,
        NONE,
        SENDING,
        {"state": "canceled", "reason": None, "partly_printed": True},
    ),
    (
        "canceled before a byte was sent",
        TaskState.REVOKED,
        TaskResult(send_total=0),
        SENDING,
        {"state": "canceled", "reason": None, "partly_printed": False},
    ),
    (
        "canceled after a byte was sent",
        TaskState.REVOKED,
        TaskResult(send_total=1),
        SENDING,
        {"state": "canceled", "reason": None, "partly_printed": True},
    ),
    (
        "expired before a byte was sent",
        TaskState.REVOKED,
        TaskResult(send_total=0),
        SENDING | {"expiring": True},
        {"state": "expired", "reason": None},
    ),
    (
        "expired too late",
        TaskState.REVOKED,
        TaskResult(send_total=1),
        SENDING | {"expiring": True},
        {"state": "unconfirmed", "reason": "expired_too_late", "partly_printed": True},
    ),
    (
        "expired, and nobody knows of paper",
        TaskState.REVOKED,
        NONE,
        SENDING | {"expiring": True},
        {"state": "unconfirmed", "reason": "expired_too_late", "partly_printed": True},
    ),
)
def test_reports(
    state: TaskState,
    result: TaskResult | None,
    values: dict[str, Any],
    expected: dict[str, Any] | None,
) -> None:
    job = make_job(**values)
    changes = outcome.changes_from_state(job, job.current_delivery, state, result)
    if expected is None:
        assert changes is None
        return
    assert changes is not None
    assert {name: value for name, value in changes.items() if name in expected} == expected
    assert ("pages" in changes) is ("pages" in expected)


# Codes that answer only requests; a task with such a result has just failed.
ONLY_OF_REQUESTS = {10009, 10011, 10015, 11013, 11200, 11201}
# Results that rule out paper.
UNPRINTED = {400, 502, 11203}


@pytest.mark.parametrize("code", sorted(ERROR_BY_CODE))
def test_what_each_known_code_means_as_a_result(code: int) -> None:
    """A new code belongs into `_CODES` of outcome.py or into ONLY_OF_REQUESTS."""
    ended = outcome.failure(TaskResult(code=code))
    usual = ERROR_BY_CODE[code].reason
    assert ended["reason"] == ("print_failed" if code in ONLY_OF_REQUESTS else usual)
    assert ended["partly_printed"] is (code not in UNPRINTED)


@rows(
    ("without a result", None, ("print_failed", True)),
    ("a code that rules paper out", TaskResult(code=400), (None, False)),
    ("a conversion that failed", TaskResult(code=502), (None, False)),
    ("too many errors", TaskResult(code=11203), (None, False)),
    ("one that does not", TaskResult(code=500), (None, True)),
    ("one that nobody knows", TaskResult(code=4711), ("print_failed", True)),
    ("no byte was sent", TaskResult(code=500, send_total=0), (None, False)),
    ("a byte was sent in spite of the code", TaskResult(code=400, send_total=1), (None, True)),
)
def test_failures(result: TaskResult | None, expected: tuple[str | None, bool]) -> None:
    changes = outcome.failure(result)
    reason, partly = expected
    assert changes["partly_printed"] is partly
    assert changes["reason"]
    assert (changes["reason"] == "print_failed") is (reason == "print_failed")


@rows(
    ("printed", TaskState.SUCCESS, 200, {"state": "completed"}),
    ("no result yet", TaskState.SUCCESS, None, None),
    ("failed", TaskState.FAILURE, 400, {"state": "failed", "code": 400, "partly_printed": False}),
    (
        "failed without a result",
        TaskState.FAILURE,
        None,
        {"state": "failed", "code": None, "partly_printed": True},
    ),
)
def test_what_the_list_says(
    state: TaskState, code: int | None, expected: dict[str, Any] | None
) -> None:
    job = make_job(**SENDING)
    task = replace(make_task("1", NOW, state), code=code)
    changes = outcome.changes_from_list(job, job.current_delivery, task)
    assert (changes and {name: changes[name] for name in expected or {}}) == expected


BY_LIST = {"task_from_list": True} | SENT


def called_back(
    job: Job, delivery: Delivery, state: TaskState, result: TaskResult | None
) -> dict[str, Any] | None:
    return outcome.changes_from_callback(job, delivery, "new", state, result, NOW)


@rows(
    ("failed after all", BY_LIST, {}, TaskState.FAILURE, None, "failed"),
    ("it is known by its id", SENT, {}, TaskState.FAILURE, None, None),
    ("the second sides have begun", BY_LIST, UPLOADING, TaskState.FAILURE, None, None),
    ("without a result", BY_LIST, {}, TaskState.SUCCESS, None, None),
    ("printed, as the list says", BY_LIST, {}, TaskState.SUCCESS, OK, "completed"),
)
def test_a_callback_for_the_first_sides(
    first: dict[str, Any],
    second: dict[str, Any],
    state: TaskState,
    result: TaskResult | None,
    expected: str | None,
) -> None:
    job = two_sided(**second)
    front = replace(job.deliveries[0], **first)
    job = replace(job, deliveries=(front, job.deliveries[1]))
    changes = called_back(job, front, state, result)
    assert changes is not None
    assert changes.get("state") == expected
    assert changes == {} or (changes["task_id"], changes["task_from_list"]) == ("new", False)
    # Pages count when all sides are printed.
    assert "pages_printed" not in changes


@rows(
    ("a wrong end is corrected at once", {"state": JobState.FAILED}, ("completed", None)),
    ("a doubt waits for the count", {"state": JobState.UNCONFIRMED}, (None, NOW)),
    ("of a job under way, too", {"state": JobState.SENDING}, (None, NOW)),
    ("one that waited in the cloud", {"state": JobState.QUEUED}, ("sending", NOW)),
)
def test_a_callback_that_proves_paper_without_its_pages(
    values: dict[str, Any], expected: tuple[str, datetime | None]
) -> None:
    values = BY_LIST | {"task_id": "new"} | values
    for job in (make_job(**values), two_sided(**values)):
        changes = called_back(job, job.deliveries[-1], TaskState.SUCCESS, OK)
        assert changes is not None
        assert (changes.get("state"), changes.get("proven_at")) == expected


@rows(
    ("as many", 3, 1, 3, 200, False),
    ("others", 3, 1, 4, 200, True),
    ("as many, over all copies", 3, 2, 6, 200, False),
    ("as many, of one copy", 3, 2, 3, 200, False),
    ("others than either", 3, 2, 5, 200, True),
    ("we do not know ours", None, 1, 4, 200, False),
    ("it does not say", 3, 1, None, 200, False),
    ("it was not printed", 3, 1, 4, 500, False),
)
def test_pages_of_another_sender(
    own: int | None, copies: int, told: int | None, code: int, *, are_others: bool
) -> None:
    delivery = counted(own, options=ResolvedOptions(paper_id=9, copies=copies))
    result = TaskResult(code=code, total_page=told)
    assert outcome.has_other_pages(delivery, result) is are_others


# How long a doubt lasts

FIVE, LONG, UP = 5 * MINUTE, 24 * HOUR, 150 * SECOND


@rows(
    ("the list was searched in time", FIVE, UP, True, False, None, True),
    ("too early", FIVE - SECOND, UP, True, False, None, False),
    ("too early after a start", FIVE, UP - SECOND, True, False, None, False),
    ("the list was not searched yet", FIVE, UP, False, False, None, False),
    ("the list leaves it open", FIVE, UP, True, True, None, False),
    ("the service gives no list for an hour", FIVE, UP, False, False, HOUR, True),
    ("for less", FIVE, UP, False, False, HOUR - SECOND, False),
    ("no list now, but one that left it open", FIVE, UP, True, True, HOUR, False),
    ("a day without any answer", LONG, UP, False, True, None, True),
    ("almost a day", LONG - SECOND, UP, False, True, None, False),
    ("a day, just after a start", LONG, UP - SECOND, False, False, None, False),
)
def test_the_end_of_a_doubt(
    age: timedelta,
    up: timedelta,
    *,
    searched: bool,
    undecided: bool,
    without: timedelta | None,
    is_over: bool,
) -> None:
    facts: dict[str, Any] = {"age": age, "up": up, "without_list": without}
    facts |= {"is_searched": searched, "is_undecided": undecided}
    assert outcome.is_doubt_over(**facts) is is_over


QUEUED = {"state": JobState.QUEUED, "task_id": "1"}
EXPIRED = {"expires_at": NOW}


@rows(
    ("a day without an end", SENDING, LONG, timedelta(), True),
    ("less than a day", SENDING, LONG - SECOND, timedelta(), False),
    ("it is over", SENDING | {"state": JobState.FAILED}, LONG, timedelta(), False),
    ("it still waits in the cloud", QUEUED, LONG, 9 * HOUR, False),
    ("it expired, and is taken back now", QUEUED | EXPIRED, LONG, HOUR - SECOND, False),
    ("it expired, and was not taken back in an hour", QUEUED | EXPIRED, LONG, HOUR, True),
    ("it is being taken back", SENDING | EXPIRED | {"expiring": True}, LONG, HOUR - SECOND, False),
    (
        "it was being taken back for too long",
        SENDING | EXPIRED | {"expiring": True},
        LONG,
        HOUR,
        True,
    ),
)
def test_no_outcome(
    values: dict[str, Any], age: timedelta, expired_for: timedelta, *, has_none: bool
) -> None:
    job = make_job(**values)
    assert outcome.has_no_outcome(job, NOW, age=age, expired_for=expired_for) is has_none


UNCONFIRMED = {"state": JobState.UNCONFIRMED, "task_id": "1"}


@rows(
    ("held", {}, False, False),
    ("being uploaded", {"state": JobState.UPLOADING}, True, False),
    ("in doubt", {"state": JobState.UPLOADING} | SENT, False, True),
    ("its answer may still come", {"state": JobState.UPLOADING} | SENT, True, False),
    ("in the cloud", QUEUED, False, True),
    ("printed", {"state": JobState.COMPLETED, "task_id": "1"}, False, False),
    ("proven, without its pages", SENDING | {"proven_at": NOW}, False, True),
    ("proven, with its pages", {"state": JobState.COMPLETED, "proven_at": NOW}, False, False),
    ("unconfirmed", UNCONFIRMED | {"ended_at": NOW - LONG + SECOND}, False, True),
    ("unconfirmed for a day", UNCONFIRMED | {"ended_at": NOW - LONG}, False, False),
    ("unconfirmed without a task", UNCONFIRMED | {"task_id": None} | SENT, False, False),
    ("canceled too late", UNCONFIRMED | {"reason": "expired_too_late"}, False, False),
)
def test_whom_the_cloud_is_asked_about(
    values: dict[str, Any], *, is_uploading: bool, asked: bool
) -> None:
    job = make_job(**values)
    assert outcome.is_followed(job, NOW, is_uploading=is_uploading) is asked


DOUBT = {"state": JobState.UPLOADING} | SENT


@rows(
    ("while nothing is proven to call back", QUEUED, SECOND, False, 10 * SECOND),
    ("with callbacks", QUEUED, SECOND, True, MINUTE),
    ("in doubt", DOUBT, 10 * MINUTE - SECOND, True, 10 * SECOND),
    ("in doubt for longer", DOUBT, 10 * MINUTE, True, MINUTE),
    ("after ten minutes", QUEUED, 10 * MINUTE + SECOND, False, MINUTE),
    ("at ten minutes", QUEUED, 10 * MINUTE, False, 10 * SECOND),
    ("after an hour", QUEUED, HOUR + SECOND, False, 5 * MINUTE),
    ("at an hour", QUEUED, HOUR, False, MINUTE),
    (
        "being canceled after an hour",
        QUEUED | {"state": JobState.CANCELING},
        HOUR + SECOND,
        False,
        MINUTE,
    ),
)
def test_how_often_the_cloud_is_asked(
    values: dict[str, Any], age: timedelta, *, proven: bool, pause: timedelta
) -> None:
    job = make_job(**values)
    assert outcome.poll_pause(job, age, are_callbacks_proven=proven) == pause
