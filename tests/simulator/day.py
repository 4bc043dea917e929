"""The list of a box's tasks from the last 24 hours, as `query_device_task` reports it."""

from typing import TYPE_CHECKING, Any, Final

from .models import CHINA, Box

if TYPE_CHECKING:
    from .cloud import Cloud

DAY_SECONDS: Final = 24 * 3600.0


def day_list(cloud: Cloud, box: Box) -> list[dict[str, Any]]:
    """Return the list, which lags as the service's list does: it shows each task as it was `task.lag` seconds ago."""
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
