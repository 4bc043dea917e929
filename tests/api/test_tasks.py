"""Tasks and the day's list, as the service sends them and as it should not."""

import pytest

from custom_components.lianke.api.tasks import Task, TaskResult, TaskState


def test_ticket_beside_the_data() -> None:
    result = TaskResult.from_json({"code": 200, "taskTicket": "abc"})
    assert result is not None
    assert result.ticket == "abc"


@pytest.mark.parametrize(
    ("data", "state"),
    [
        (None, TaskState.UNKNOWN),
        ({}, TaskState.UNKNOWN),
        ({"task_state": None}, TaskState.UNKNOWN),
        ({"task_state": 3}, TaskState.UNKNOWN),
        ({"task_state": "PAUSED"}, TaskState.UNKNOWN),
        ({"task_state": "READY", "task_result": {}}, TaskState.READY),
        ({"task_state": " SET_REVOKE ", "task_result": None}, TaskState.SET_REVOKE),
    ],
)
def test_unfinished_and_unknown_tasks(data: object, state: TaskState) -> None:
    assert Task.from_json("t1", data) == Task(task_id="t1", state=state)
