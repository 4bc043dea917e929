"""Tasks and the day's list, as the service sends them and as it should not."""

from datetime import UTC, datetime

import pytest

from custom_components.lianke.api.errors import LiankeResponseError
from custom_components.lianke.api.tasks import DayTask, Task, TaskResult, TaskState, parse_day_tasks


def test_finished_task() -> None:
    task = Task.from_json(
        "t1",
        {
            "task_state": "success",
            "task_result": {
                "code": "200",
                "msg": "success",
                "data": {
                    "file_total": 434347,
                    "send_total": "434347",
                    "total_page": 3,
                    "img_list": ["https://x/1.png", None, 7],
                    "task_ticket": "abc",
                },
            },
            "task_done_time": "Mon, 24 Nov 2026 07:00:00 GMT",
            "task_done_timestamp": 1764000000123,
        },
    )
    assert task == Task(
        task_id="t1",
        state=TaskState.SUCCESS,
        result=TaskResult(
            code=200,
            message="success",
            send_total=434347,
            total_page=3,
            images=("https://x/1.png", "7"),
            ticket="abc",
        ),
    )


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


def test_no_task() -> None:
    with pytest.raises(LiankeResponseError):
        Task.from_json("t1", ["READY"])


def test_day_tasks() -> None:
    tasks = parse_day_tasks(
        {
            "task_list": [
                {
                    "task_id": "t1",
                    "status": "SUCCESS",
                    "result": {"code": 503, "msg": "设备连接异常"},
                    "job_id": "",
                    "job_status": 0,
                    "create_at": "2026-11-24 15:00:00",
                    "updated_at": "2026-11-24 15:00:09",
                },
                {"task_id": "t2", "status": "READY", "result": None, "create_at": "soon"},
                {"status": "READY"},
                None,
            ]
        }
    )
    assert tasks == (
        DayTask(
            task_id="t1",
            state=TaskState.SUCCESS,
            code=503,
            message="设备连接异常",
            created_at=datetime(2026, 11, 24, 7, tzinfo=UTC),
            updated_at=datetime(2026, 11, 24, 7, 0, 9, tzinfo=UTC),
        ),
        DayTask(task_id="t2", state=TaskState.READY),
    )


@pytest.mark.parametrize("data", [None, {}, [], {"task_list": None}, {"task_list": []}])
def test_no_day_tasks(data: object) -> None:
    assert parse_day_tasks(data) == ()


@pytest.mark.parametrize(
    "data", ["x", 7, [1], {"tasks": []}, {"task_list": {}}, {"task_list": "x"}]
)
def test_no_day_list(data: object) -> None:
    with pytest.raises(LiankeResponseError):
        parse_day_tasks(data)
