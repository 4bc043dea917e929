"""Callbacks and pushes: whatever comes, a claim or nothing."""

import json

import pytest

from custom_components.lianke.api.tasks import (
    Callback,
    Task,
    TaskResult,
    TaskState,
    parse_callback,
    parse_push,
)

BOX = "lk00ab00000000"
SAMPLE = {
    "device_id": BOX,
    "task_id": "5e1c",
    "task_state": "SUCCESS",
    "create_time": "2026-11-24 15:00:00",
    "finish_time": "Tue, 24 Nov 2026 07:00:09 GMT",
    "task_result": {"code": 200, "msg": "success"},
}
READ = Callback(
    device_id=BOX,
    task_id="5e1c",
    state=TaskState.SUCCESS,
    result=TaskResult(code=200, message="success"),
)


def test_as_a_form() -> None:
    assert parse_callback({**SAMPLE, "task_result": json.dumps(SAMPLE["task_result"])}) == READ


def test_a_repr_says_nothing_that_may_be_secret() -> None:
    """Our secrets are still in the message, and by a preview's addresses anybody sees the document."""
    secret = "Xqzv-the-key"
    said = {"code": 500, "msg": secret, "data": {"img_list": [secret], "task_ticket": secret}}
    callback = parse_callback({**SAMPLE, "task_result": said})
    assert callback is not None
    assert callback.result is not None
    result = callback.result
    assert (result.message, result.images, result.ticket) == (secret, (secret,), secret)
    assert secret not in repr(callback)


@pytest.mark.parametrize("result", [None, {}, [], "", "no json", "[" * 100_000, 7, "x" * 70_000])
def test_without_a_result(result: object) -> None:
    callback = parse_callback({**SAMPLE, "task_result": result})
    assert callback is not None
    assert callback.result is None


@pytest.mark.parametrize(
    "body",
    [
        {"device_id": BOX},
        {"deviceId": BOX, "event": "offline"},
        {"deviceid": BOX},
        {"DEVICE-ID": BOX},
        {"sn": BOX},
        {"type": 1, "data": {"device_id": BOX}},
        {"type": 1, "data": json.dumps({"device_id": BOX})},
        {"data": [{"sn": BOX}, {"sn": BOX}]},
        {"device": {"sn": BOX}},
        [{"device_id": BOX}],
    ],
)
def test_pushes(body: object) -> None:
    assert parse_push(body) == {BOX}


@pytest.mark.parametrize(
    "body",
    [
        None,
        "这不是 JSON 对象",
        7,
        [],
        {},
        {"event": "offline"},
        {"device_id": None},
        {"device_id": "a b"},
        {"device_id": "x" * 65},
        {"device_id": "../../x"},
        {"a": {"b": {"device_id": BOX}}},
        {"data": "{" * 70_000},
        [[{"device_id": BOX}]],
    ],
)
def test_pushes_that_name_no_box(body: object) -> None:
    assert parse_push(body) == frozenset()


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
