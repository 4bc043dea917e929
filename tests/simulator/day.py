"""The list of a box's tasks of the last 24 hours, as `query_device_task` shows it."""

from typing import TYPE_CHECKING, Any, Final
import uuid

from .models import CHINA, RESULT_TEXTS, Box, Moment, Printer, Task, TaskState

if TYPE_CHECKING:
    from .cloud import Cloud

DAY_SECONDS: Final = 24 * 3600.0


def day_list(cloud: Cloud, box: Box) -> list[dict[str, Any]]:
    """List the box's tasks of the last 24 hours as the cloud would show them now: late."""
    now = cloud.now()
    rows = []
    for task in cloud.tasks_of(box):
        seen = [moment for moment in task.history if moment.time <= now - task.lag]
        if not seen or task.created <= now - DAY_SECONDS:
            continue
        created = cloud.shown_time(task.created).astimezone(CHINA)
        last = seen[-1]
        updated = cloud.shown_time(last.time).astimezone(CHINA)
        result = last.result
        rows.append(
            {
                "task_id": task.task_id,
                "status": last.state,
                "result": {"code": result["code"], "msg": result["msg"]} if result else {},
                "job_id": "",
                "job_status": int(last.state == "SUCCESS" and (result or {}).get("code") == 200),
                "create_at": created.strftime("%Y-%m-%d %H:%M:%S"),
                "updated_at": updated.strftime("%Y-%m-%d %H:%M:%S"),
            }
        )
    return rows if cloud.variants.list_order == "oldest_first" else rows[::-1]


def add_past_task(
    cloud: Cloud,
    box: Box,
    printer: Printer,
    *,
    age: float,
    code: int = 200,
    state: TaskState = "SUCCESS",
) -> Task:
    """Put somebody else's task of `age` seconds ago on the day's list; it puts out no paper."""
    now = cloud.now()
    result = {"code": code, "msg": RESULT_TEXTS.get(code, "未知错误")}
    ended = min(now, now - age + 20)
    task = Task(
        task_id=str(uuid.uuid4()),
        box=box,
        printer=printer,
        fields={},
        documents=[],
        created=now - age,
        foreign=True,
        state=state,
        result=result,
        updated=ended,
        finished=ended,
        history=[Moment(time=ended, state=state, result=result)],
    )
    task.ended.set()
    cloud.tasks[task.task_id] = task
    box.tasks.append(task)
    box.tasks.sort(key=lambda one: one.created)
    return task
