"""What a job makes of the service's answers: to its upload, to a question about its task, and in callbacks."""

from typing import Any

import pytest

from custom_components.lianke.api.errors import (
    BoxOfflineError,
    LiankeConnectionError,
    LiankeError,
    LiankeRefusedError,
    UnknownCodeError,
)
from custom_components.lianke.api.tasks import Task, TaskResult, TaskState
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.outcome import (
    NO_TASK,
    changes_from_callback,
    changes_from_task,
    changes_from_upload_error,
    changes_without_task,
)
from tests.jobs.make import NOW, make_job

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
    return changes_from_callback(one, one.current_delivery, named, says, result, NOW)


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
        return changes_from_task(
            one, one.current_delivery, Task(task_id="task", state=says, result=result)
        )

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
