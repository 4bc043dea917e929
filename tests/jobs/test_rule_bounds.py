"""Each rule about jobs at its bound: request ids, limits, answers, outcomes, how long what is kept."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from custom_components.lianke.api.errors import (
    BoxOfflineError,
    LiankeConnectionError,
    LiankeError,
    LiankeRefusedError,
    UnknownCodeError,
)
from custom_components.lianke.api.options import ResolvedOptions
from custom_components.lianke.api.tasks import Task, TaskResult, TaskState
from custom_components.lianke.errors import InputError
from custom_components.lianke.jobs.job import (
    MOVED,
    Delivery,
    Job,
    JobState,
    PersonReason,
    read_reasons,
)
from custom_components.lianke.jobs.outcome import (
    CANCELED_TOO_LATE,
    NO_TASK,
    asked,
    changes_from_state,
    changes_from_upload_error,
    changes_without_task,
    failure,
    has_other_pages,
    reported,
)
from custom_components.lianke.jobs.rules import (
    FREE_WITHDRAWALS,
    RATE_PERIOD,
    REQUEST_ID_LIFE,
    STILL_PRINTING,
    LimitError,
    answered,
    canceled,
    check_pages,
    check_rate,
    confirmed,
    find_duplicate,
    frees_request_id,
    rejected,
    released,
    stacks_in_trays,
)
from tests.jobs.make import NOW, altered, make_delivery, make_job

MOMENT = timedelta(microseconds=1)


# Request ids


@pytest.mark.parametrize(
    ("state", "frees"),
    [
        (JobState.FAILED, (True, True)),
        (JobState.CANCELED, (True, False)),
        (JobState.EXPIRED, (True, False)),
    ],
)
def test_what_frees_a_request_id(state: JobState, frees: tuple[bool, bool]) -> None:
    """One that has no task, or one, of which the service says that it is canceled, and prints it all the same."""
    job, task = make_job(state=state), make_job(state=state, task_id="task")
    assert (frees_request_id(job), frees_request_id(task)) == frees
    for one in (job, task):
        assert not frees_request_id(altered(one, partly_printed=True))
        assert not frees_request_id(altered(one, reason=MOVED))


def test_what_may_come_out_frees_no_request_id() -> None:
    ended = (JobState.FAILED, JobState.CANCELED, JobState.EXPIRED)
    for state in JobState:
        assert frees_request_id(make_job(state=state)) is (state in ended)


def asked_before(
    *jobs: Job, now: datetime = NOW, spec: Job | None = None, first: Delivery | None = None
) -> Job | None:
    """Return what stands for a repeat of these jobs' request."""
    asked = spec or make_job(request_id="once")
    return find_duplicate(jobs, asked.spec, first or asked.deliveries[0], now)


def test_the_newest_of_a_request_id_stands_for_a_day() -> None:
    old = make_job(job_id="old", request_id="once", created_at=NOW - timedelta(hours=1))
    new = make_job(job_id="new", request_id="once")
    other = make_job(job_id="other", request_id="another")
    assert asked_before(other, new, old) is new
    assert asked_before(other) is None
    assert asked_before(altered(new, state=JobState.FAILED), old) is old
    assert asked_before(new, now=NOW + REQUEST_ID_LIFE) is new
    assert asked_before(new, now=NOW + REQUEST_ID_LIFE + MOMENT) is None


def test_for_a_job_that_was_moved_the_one_stands_as_which_it_was_asked_for() -> None:
    """At another printer it is another job, and the same request; what came of it there counts."""
    first = make_job(
        job_id="first", request_id="once", state=JobState.CANCELED, reason=MOVED, moved_to="second"
    )
    second = make_job(
        job_id="second", request_id="once", printer_key="other", moved_from="first", created_at=NOW
    )
    assert asked_before(first, second) is first
    assert asked_before(second, first) is first
    # Where that is of another box.
    assert asked_before(first) is first
    failed = altered(second, state=JobState.FAILED)
    assert asked_before(first, failed) is None


def test_a_request_id_stands_for_one_document_at_one_printer() -> None:
    known = make_job(request_id="once", digest="same")
    same, other = make_delivery(digest="same"), make_delivery(digest="other")
    assert asked_before(known, first=same) is known
    elsewhere = make_job(request_id="once", printer_key="other")
    twice = replace(same, options=ResolvedOptions(paper_id=9, copies=2))
    for spec, first in ((None, other), (elsewhere, same), (None, twice)):
        with pytest.raises(InputError) as refused:
            asked_before(known, spec=spec, first=first)
        assert refused.value.reason == "request_id_conflict"


# Limits


def is_over(*jobs: Job, limit: int, refused: int = 0, now: datetime = NOW) -> bool:
    """Return whether one more job would be beyond the limit of an hour."""
    try:
        check_rate(jobs, now, limit=limit, printer="Printer", refused=refused)
    except LimitError:
        return True
    return False


def test_what_counts_for_the_limit_on_jobs() -> None:
    waiting = make_job(created_at=NOW - timedelta(days=1))
    assert is_over(waiting, limit=1)
    assert not is_over(waiting, limit=2)
    printed = make_job(state=JobState.COMPLETED)
    assert is_over(printed, limit=1, now=NOW + RATE_PERIOD - MOMENT)
    assert not is_over(printed, limit=1, now=NOW + RATE_PERIOD)
    assert is_over(limit=2, refused=2)
    assert not is_over(limit=3, refused=2)
    for state in (JobState.CANCELED, JobState.EXPIRED):
        unsent, task = make_job(state=state), make_job(state=state, task_id="task")
        assert not is_over(*[unsent] * FREE_WITHDRAWALS, limit=1)
        assert is_over(*[unsent] * (FREE_WITHDRAWALS + 1), limit=1)
        assert is_over(task, limit=1)
        for reason in ("replaced", MOVED):
            given_on = altered(unsent, reason=reason)
            assert not is_over(*[given_on] * 50, *[unsent] * FREE_WITHDRAWALS, limit=1)
            assert is_over(*[given_on] * 50, *[unsent] * (FREE_WITHDRAWALS + 1), limit=1)


def too_many(first: Delivery, limit: int) -> str | None:
    """Return what the limit on pages says of a job."""
    try:
        check_pages(first, limit=limit, printer="Printer")
    except LimitError as err:
        return err.reason
    return None


def sent(copies: int = 1, page_range: str = "", pages: int | None = 2, **changes: Any) -> Delivery:
    """Return a delivery of so many copies of a document of so many pages."""
    options = ResolvedOptions(paper_id=9, copies=copies, page_range=page_range)
    made = make_delivery(options=options, **changes)
    return replace(made, document=replace(made.document, pages=pages))


def test_pages_times_copies_are_within_the_limit() -> None:
    assert too_many(sent(copies=3, pages=2), 6) is None
    assert too_many(sent(copies=3, pages=2), 5) == "too_many_pages"
    assert too_many(sent(copies=2, pages=None, pages_at_most=3), 6) is None
    assert too_many(sent(copies=2, pages=None, pages_at_most=3), 5) == "maybe_too_many_pages"
    assert too_many(sent(copies=9, extension=".prn", pages=None), 1) is None
    converted: dict[str, Any] = {"extension": ".docx", "pages": None}
    assert too_many(sent(**converted), 1) is None
    assert too_many(sent(copies=2, **converted), 9) == "pages_unknown"
    assert too_many(sent(pages=None), 9) == "pages_unknown"
    assert too_many(sent(copies=2, page_range="1-3", **converted), 6) is None
    assert too_many(sent(copies=2, page_range="1-3", **converted), 5) == "maybe_too_many_pages"


@pytest.mark.parametrize(
    ("pages", "reason"),
    [
        ({"pages": 2}, "pages_not_in_document"),
        ({"pages": None, "pages_at_most": 2}, "pages_beyond_document"),
    ],
)
def test_a_range_without_a_page_is_refused(pages: dict[str, Any], reason: str) -> None:
    check_pages(sent(page_range="2", **pages), limit=9, printer="Printer")
    with pytest.raises(InputError) as refused:
        check_pages(sent(page_range="3-4", **pages), limit=9, printer="Printer")
    assert refused.value.reason == reason


# Answers

APPROVAL, RELEASE, TURN = PersonReason.APPROVAL, PersonReason.RELEASE, PersonReason.TURN_PAPER


def test_what_a_yes_changes() -> None:
    job = make_job(waits_for=(RELEASE, APPROVAL), hold_reason=RELEASE)
    after_release = job.changed(now=NOW, **answered(job, RELEASE, [job], NOW))
    assert (after_release.waits_for, after_release.current_delivery.hold_reason) == (
        (APPROVAL,),
        APPROVAL,
    )
    assert not after_release.spec.approved
    approved = after_release.changed(now=NOW, **answered(after_release, APPROVAL, [job], NOW))
    assert (approved.waits_for, approved.current_delivery.hold_reason) == ((), None)
    assert approved.spec.approved


def test_an_answer_counts_for_its_reason_alone() -> None:
    job = make_job(waits_for=(APPROVAL,))
    for reason in (None, RELEASE, TURN):
        with pytest.raises(InputError, match="job_not_waiting"):
            answered(job, reason, [job], NOW)
        with pytest.raises(InputError, match="job_not_waiting"):
            rejected(job, reason, "")


def test_a_reason_that_this_version_does_not_know_is_an_approval() -> None:
    assert read_reasons(["release", "of a later version"]) == ("release", "approval")


def stack(**changes: Any) -> Job:
    """Return a job whose first sides came out, and whose paper somebody is to turn."""
    first = make_delivery(state=JobState.COMPLETED, counts_as=(3, 1), task_id="first")
    second = make_delivery(after=TURN, hold_reason=TURN)
    return make_job(job_id="stack", deliveries=(first, second), **changes)


def refusal(job: Job, *others: Job, now: datetime = NOW) -> str | None:
    """Return why a job's paper cannot be turned yet beside other jobs."""
    try:
        answered(job, TURN, [job, *others], now)
    except InputError as err:
        return err.reason
    return None


def test_paper_is_put_back_into_a_tray_that_nobody_else_uses() -> None:
    job = stack()
    lies = replace(altered(job, after=None), job_id="other")
    assert refusal(job) is None
    assert refusal(job, make_job()) is None
    assert refusal(job, lies) == "tray_taken"
    assert refusal(job, altered(lies, printer_key="elsewhere")) is None
    for state in JobState:
        # One that waits here is held up by the paper; one that ended is over.
        is_sent = state.value in ("uploading", "queued", "processing", "sending", "canceling")
        other = make_job(state=state, task_id="task", created_at=NOW - timedelta(days=1))
        doubt = state is JobState.UNCONFIRMED
        assert refusal(job, other) == ("tray_busy" if is_sent or doubt else None), state
        assert refusal(job, altered(other, printer_key="elsewhere")) is None


def test_what_may_be_coming_out_keeps_paper_from_being_put_back_for_half_an_hour() -> None:
    for state, partly in ((JobState.CANCELED, True), (JobState.EXPIRED, True)):
        late = make_job(state=state, task_id="task", partly_printed=partly, ended_at=NOW)
        for sign in (1, -1):
            # A clock may have been put back since.
            assert refusal(stack(), late, now=NOW + sign * (STILL_PRINTING - MOMENT)) == "tray_busy"
            assert refusal(stack(), late, now=NOW + sign * STILL_PRINTING) is None
        assert refusal(stack(), altered(late, partly_printed=False)) is None
        assert refusal(stack(), altered(late, task_id=None)) is None


def test_of_several_stacks_the_oldest_lies_in_the_tray() -> None:
    lies = altered(stack(), after=None)
    jobs = [replace(lies, job_id=name) for name in "ab"]
    assert stacks_in_trays(jobs) == {"printer": jobs[0]}
    assert stacks_in_trays([stack(), altered(lies, state=JobState.CANCELED)]) == {}


def test_what_somebody_has_seen_counts_with_all_its_copies() -> None:
    job = make_job(state=JobState.UNCONFIRMED, task_from_list=True, reason="no_answer")
    for pages, printed in ((None, None), (3, 6)):
        found = job.changed(pages=pages, copies=2)
        done = found.changed(**confirmed(found))
        assert (done.state, done.reason) == (JobState.COMPLETED, None)
        assert (done.pages_printed, done.current_delivery.task_from_list) == (printed, False)
    with pytest.raises(InputError, match="job_not_unconfirmed"):
        confirmed(make_job(state=JobState.COMPLETED))


def test_what_is_not_held_here_is_not_canceled_here() -> None:
    for state in JobState:
        job = make_job(state=state)
        if state is JobState.HELD:
            assert canceled(job) == {"state": JobState.CANCELED}
            continue
        with pytest.raises(InputError, match="job_not_cancelable"):
            canceled(job)


def test_only_what_waits_since_its_record_was_damaged_is_released() -> None:
    job = make_job(copied=True)
    assert not job.changed(**released(job)).copied
    for other in (make_job(), make_job(copied=True, state=JobState.CANCELED)):
        with pytest.raises(InputError, match="job_not_retryable"):
            released(other)


# Outcomes


def outcome(task: TaskState, result: TaskResult | None = None, **job: Any) -> dict[str, Any] | None:
    """Return what a report makes of a job that the cloud sends to its printer."""
    sending = make_job(**({"state": JobState.SENDING, "task_id": "task"} | job))
    return changes_from_state(sending, sending.current_delivery, task, result)


def test_what_a_report_makes_of_a_job() -> None:
    """Printed is what ended well and has the code of it; nothing else says so."""
    printed = {"state": JobState.COMPLETED, "reason": None, "pages_printed": None}
    assert outcome(TaskState.SUCCESS) is None
    assert outcome(TaskState.SUCCESS, TaskResult(code=None)) is None
    assert outcome(TaskState.SUCCESS, TaskResult(code=200)) == printed
    assert outcome(TaskState.SUCCESS, TaskResult(code=200, total_page=4)) == printed | {
        "pages_printed": 4,
        "pages": 4,
    }
    twice = {"copies": 2, "pages": None}
    assert outcome(TaskState.SUCCESS, TaskResult(code=200, total_page=4), **twice) == printed | {
        "pages_printed": 4
    }
    assert outcome(TaskState.SUCCESS, TaskResult(code=200, total_page=9), copies=2, pages=3) == (
        printed | {"pages_printed": 6}
    )
    for code in (199, 201, 0, 400, 5002):
        for state in (TaskState.SUCCESS, TaskState.FAILURE):
            found = outcome(state, TaskResult(code=code))
            assert found is not None
            assert found["state"] is JobState.FAILED
    failed = outcome(TaskState.FAILURE)
    assert failed is not None
    assert (failed["state"], failed["partly_printed"]) == (JobState.FAILED, True)
    assert outcome(TaskState.UNKNOWN, TaskResult(code=200)) is None
    assert outcome(TaskState.READY) is None
    assert outcome(TaskState.READY, state=JobState.UPLOADING) == {"state": JobState.QUEUED}


@pytest.mark.parametrize(
    ("code", "sent_bytes", "partly"),
    [
        (400, None, False),
        (502, None, False),
        (11203, None, False),
        (5002, None, True),
        (None, None, True),
        (400, 0, False),
        (400, 1, True),
        (5002, 0, False),
        (5002, 1, True),
    ],
)
def test_what_of_a_failed_job_may_be_on_paper(
    code: int | None, sent_bytes: int | None, *, partly: bool
) -> None:
    found = failure(TaskResult(code=code, send_total=sent_bytes))
    assert found["partly_printed"] is partly


# What the service's codes are called where its answers have them as well.
KNOWN = {
    400: "bad_parameter",
    404: "box_not_found",
    497: "printer_not_found",
    500: "box_not_responding",
    502: "conversion_failed",
    503: "box_not_responding",
    5001: "box_not_provisioned",
    5002: "box_offline",
    5011: "printer_not_found",
    5051: "printer_not_found",
    11203: "error_limit_reached",
    11404: "box_not_found",
}


def test_a_failure_has_the_reason_of_its_code() -> None:
    reasons = {code: failure(TaskResult(code=code))["reason"] for code in (None, 0, 1, *KNOWN)}
    assert [reasons[code] for code in (None, 0, 1)] == ["print_failed"] * 3
    assert {code: reasons[code] for code in KNOWN} == KNOWN


def test_a_revocation_proves_nothing_but_by_the_bytes_that_were_sent() -> None:
    for total, may_be in ((None, True), (1, True), (0, False)):
        result = TaskResult(code=None, send_total=total)
        assert outcome(TaskState.REVOKED, result) == {
            "state": JobState.CANCELED,
            "reason": None,
            "partly_printed": may_be,
        }
        late = outcome(TaskState.REVOKED, result, expiring=True)
        assert late is not None
        assert late["state"] is (JobState.UNCONFIRMED if may_be else JobState.EXPIRED)
    assert outcome(TaskState.REVOKED, expiring=True) == {
        "state": JobState.UNCONFIRMED,
        "reason": CANCELED_TOO_LATE,
        "partly_printed": True,
    }


def test_a_task_of_other_pages_than_ours_is_another() -> None:
    delivery = sent(copies=3, pages=2)
    for total, is_other in ((2, False), (6, False), (None, False), (1, True), (3, True), (7, True)):
        assert has_other_pages(delivery, TaskResult(code=200, total_page=total)) is is_other
    assert not has_other_pages(delivery, None)
    assert not has_other_pages(delivery, TaskResult(code=500, total_page=1))
    assert not has_other_pages(sent(pages=None), TaskResult(code=200, total_page=1))


REFUSED = LiankeRefusedError("no", code=502)
AWAY = BoxOfflineError("off", code=5002)
LOST = LiankeConnectionError(may_have_arrived=True)
UNCLEAR = UnknownCodeError("whatever", code=4711)


@pytest.mark.parametrize(
    ("err", "job", "expected"),
    [
        # Its end was sent, and nobody says that it was refused: the service's words are kept.
        (LOST, {"handed_over_at": NOW}, {"given_up_at": NOW}),
        (
            UNCLEAR,
            {"handed_over_at": NOW},
            {"given_up_at": NOW, "code": 4711, "detail": "whatever"},
        ),
        # It waits, or is over where it must not wait.
        (AWAY, {}, {"state": JobState.HELD, "hold_reason": "box_offline", "was_refused": False}),
        (
            AWAY,
            {"handed_over_at": NOW},
            {"state": JobState.HELD, "was_refused": True, "code": 5002},
        ),
        (AWAY, {"hold": False}, {"state": JobState.FAILED, "reason": "box_offline"}),
        (REFUSED, {}, {"state": JobState.FAILED, "handed_over_at": None, "detail": "no"}),
        (LOST, {}, {"state": JobState.HELD, "hold_reason": "cloud_unreachable"}),
        # Somebody has canceled it.
        (AWAY, {"cancel_requested": True}, {"state": JobState.CANCELED, "handed_over_at": None}),
    ],
)
def test_what_an_upload_that_was_not_taken_makes_of_a_job(
    err: LiankeError, job: dict[str, Any], expected: dict[str, Any]
) -> None:
    one = make_job(state=JobState.UPLOADING, **job)
    found = changes_from_upload_error(one, one.current_delivery, err, NOW, is_deciding=False)
    assert found == found | expected
    assert ("state" in found) is ("state" in expected)


def test_an_upload_that_is_being_canceled_is_left_to_the_decision() -> None:
    one = make_job(state=JobState.UPLOADING, cancel_requested=True)
    found = changes_from_upload_error(one, one.current_delivery, AWAY, NOW, is_deciding=True)
    assert found == {"handed_over_at": None, "was_refused": False}


def test_what_was_prepared_for_a_preview_is_made_up_for_by_the_document() -> None:
    one = make_job(state=JobState.UPLOADING, ticket="gone")
    found = changes_from_upload_error(one, one.current_delivery, REFUSED, NOW, is_deciding=False)
    assert found.pop("document").ticket is None
    assert found == {"handed_over_at": None, "was_refused": False}
    # That the box is off has nothing to do with it.
    assert "document" not in changes_from_upload_error(
        one, one.current_delivery, AWAY, NOW, is_deciding=False
    )


DONE = TaskResult(code=200, total_page=2)
OF_THE_LIST: dict[str, Any] = {"task_id": "listed", "task_from_list": True}


def told(named: str, says: TaskState, result: TaskResult | None = None, **job: Any) -> Any:
    """Return what a callback with its token makes of a job."""
    one = make_job(**({"state": JobState.SENDING, "pages": None} | job))
    return reported(one, one.current_delivery, named, says, result, NOW)


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        # Nothing was sent that it could be of, or the answer to the upload named another one.
        ({"state": JobState.HELD}, None),
        ({"task_id": "other"}, None),
        ({"task_id": "task"}, {"state": JobState.COMPLETED, "pages_printed": 2}),
        # It outranks the list, and an answer that refused the upload.
        (
            {"task_from_list": True, "task_id": "listed"},
            {"state": JobState.COMPLETED, "task_id": "task", "task_from_list": False},
        ),
        (
            {"was_refused": True, "state": JobState.FAILED},
            {"state": JobState.COMPLETED, "task_id": "task", "task_known_at": NOW},
        ),
        ({"handed_over_at": NOW}, {"state": JobState.COMPLETED, "task_id": "task"}),
        # It was printed; that is known already.
        ({"task_id": "task", "state": JobState.COMPLETED}, {}),
    ],
)
def test_what_a_callback_proves(job: dict[str, Any], expected: dict[str, Any] | None) -> None:
    found = told("task", TaskState.SUCCESS, DONE, **job)
    assert found == (None if expected is None else found | expected)
    assert bool(found) is bool(expected)


def test_what_the_list_alone_had_ended_is_open_again() -> None:
    """As long as the task of the callback says nothing else."""
    found = told("task", TaskState.SENDING, **OF_THE_LIST, state=JobState.COMPLETED)
    assert (found["state"], found["reason"]) == (JobState.UNCONFIRMED, "no_outcome")
    assert told("task", TaskState.SENDING, was_refused=True, state=JobState.HELD) == {
        "task_id": "task",
        "task_known_at": NOW,
        "task_from_list": False,
        "state": JobState.SENDING,
    }


def test_the_end_of_a_job_waits_for_its_pages() -> None:
    bare = TaskResult(code=200)
    assert told("task", TaskState.SUCCESS, bare, task_id="task", state=JobState.QUEUED) == {
        "proven_at": NOW,
        "state": JobState.SENDING,
    }
    # A repeat changes nothing, and what is said after that is not believed.
    for state, result in ((TaskState.SUCCESS, bare), (TaskState.FAILURE, None)):
        assert told("task", state, result, task_id="task", proven_at=NOW) == {}
    counted = told("task", TaskState.SUCCESS, bare, task_id="task", pages=3)
    assert (counted["state"], counted["pages_printed"]) == (JobState.COMPLETED, 3)


def test_a_callback_alone_does_not_say_what_of_a_revoked_task_came_out() -> None:
    for result, state in (
        (None, JobState.CANCELING),
        (TaskResult(code=None), JobState.CANCELING),
        (TaskResult(code=None, send_total=0), JobState.CANCELED),
    ):
        assert told("task", TaskState.REVOKED, result, task_id="task")["state"] is state


def test_what_is_asked_of_a_task() -> None:
    """Of one that is over, or proven, only its pages; of another's, which the list named, nothing."""

    def answer(says: TaskState, result: TaskResult | None, **job: Any) -> dict[str, Any] | None:
        one = make_job(**({"state": JobState.SENDING, "task_id": "task", "pages": None} | job))
        return asked(one, one.current_delivery, Task(task_id="task", state=says, result=result))

    over = {"state": JobState.COMPLETED}
    assert answer(TaskState.SUCCESS, DONE, **over) == {"pages": 2, "pages_printed": 2}
    assert answer(TaskState.SUCCESS, DONE, **over, pages_printed=1) is None
    assert answer(TaskState.SUCCESS, TaskResult(code=200), **over) is None
    for state, result, pages in (
        (TaskState.SUCCESS, DONE, 2),
        (TaskState.SUCCESS, TaskResult(code=200), None),
        (TaskState.FAILURE, None, None),
    ):
        found = answer(state, result, proven_at=NOW)
        assert found is not None
        assert (found["state"], found["pages_printed"]) == (JobState.COMPLETED, pages)
    other = TaskResult(code=200, total_page=7)
    foreign = answer(TaskState.SUCCESS, other, task_from_list=True)
    assert foreign == {"state": JobState.UNCONFIRMED, "reason": "no_answer", **NO_TASK}
    assert answer(TaskState.SENDING, None, state=JobState.QUEUED) == {"state": JobState.SENDING}
    assert answer(TaskState.SUCCESS, None) is None


def test_a_job_whose_task_is_anothers_is_in_doubt_again() -> None:
    for state in (JobState.SENDING, JobState.COMPLETED):
        found = changes_without_task(make_job(**OF_THE_LIST, state=state).current_delivery)
        is_over = state is JobState.COMPLETED
        assert found["state"] is (JobState.UNCONFIRMED if is_over else JobState.UPLOADING)
        assert found == found | NO_TASK
        assert ("reason" in found) is is_over
