"""Tasks of the service: their states and results, the list of the day's tasks, and callbacks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
import re
from typing import Self, override

from .answer_limits import MAX_ANSWER_ROWS, MAX_ANSWER_URL
from .coerce import JsonValue, to_int, to_json, to_list, to_mapping, to_message, to_text, to_time
from .errors import LiankeResponseError
from .stored import Stored, service_field


class TaskState(StrEnum):
    """A task's state in the service's queue. SUCCESS alone does not prove that anything was printed."""

    READY = "READY"
    PARSING = "PARSING"
    SENDING = "SENDING"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    SET_REVOKE = "SET_REVOKE"
    REVOKED = "REVOKED"
    UNKNOWN = "UNKNOWN"

    @classmethod
    @override
    def _missing_(cls, value: object) -> Self:
        # Accepts the name in any case.
        return cls.__members__.get(str(value).upper(), cls.UNKNOWN)


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskResult:
    """How a task ended."""

    code: int | None = None  # 200 means printed
    # The sender of a callback may know our secrets, so the message may contain them until
    # `LiankeClient.without_secrets` has removed them.
    message: str = field(default="", repr=False)
    send_total: int | None = None  # bytes
    total_page: int | None = None
    # The pages of a preview, and the ticket that replaces the preview's document in a later job.
    images: tuple[str, ...] = field(default=(), repr=False)
    ticket: str | None = field(default=None, repr=False)

    @classmethod
    def from_json(cls, block: object) -> Self | None:
        """Read `task_result`; None if it is missing or empty."""
        fields = to_mapping(block)
        if not fields:
            return None
        data = to_mapping(fields.get("data"))
        tickets = (
            block.get(name)
            for block in (data, fields)
            for name in ("task_ticket", "taskTicket", "ticket")
        )
        return cls(
            code=to_int(fields.get("code")),
            message=to_message(fields.get("msg")),
            send_total=to_int(data.get("send_total")),
            total_page=to_int(data.get("total_page")),
            images=tuple(
                url
                for item in to_list(data.get("img_list"))[:MAX_ANSWER_ROWS]
                if (url := to_text(item, MAX_ANSWER_URL))
            ),
            ticket=next(
                (text for item in tickets if (text := to_text(item, MAX_ANSWER_URL))), None
            ),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A task as `GET /print/job` returns it."""

    task_id: str
    state: TaskState  # UNKNOWN if the answer contains no state
    result: TaskResult | None = None

    @classmethod
    def from_json(cls, task_id: str, data: object) -> Self:
        """Read `data` of the answer. Raises LiankeResponseError if `data` is not an object."""
        if data is not None and not isinstance(data, dict):
            raise LiankeResponseError("job of an unknown shape")
        fields = to_mapping(data)
        return cls(
            task_id=task_id,
            state=TaskState(to_text(fields.get("task_state"))),
            result=TaskResult.from_json(fields.get("task_result")),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class DayTask(Stored):
    """A row in the list of the day's tasks. The times have a time zone; the service writes them in China time."""

    task_id: str = service_field("task_id", "")
    state: TaskState = service_field(
        "status", TaskState.UNKNOWN, lambda value: TaskState(to_text(value))
    )
    code: int | None = service_field("result/code")
    message: str = service_field("result/msg", "", to_message)
    created_at: datetime | None = service_field("create_at", None, to_time)
    updated_at: datetime | None = service_field("updated_at", None, to_time)


def rows_of(data: object, name: str) -> list[object]:
    """Return the rows in the field `name` of `data`: an empty list if there is no data, or if the rows are null.

    Raises LiankeResponseError for any other shape, because an unreadable list must not be taken for an empty list.
    """
    if data is None or data in ({}, [], {"total": 0}):
        return []
    if not isinstance(data, dict) or not isinstance(data.get(name, data), list | None):
        raise LiankeResponseError(f"a list without {name}")
    return data[name] or []


def parse_day_tasks(data: object) -> tuple[DayTask, ...]:
    """Return the tasks in `data` of `query_device_task`. Raises LiankeResponseError if `data` has another shape."""
    rows = rows_of(data, "task_list")
    tasks = (DayTask.from_service(row) for row in rows[:MAX_ANSWER_ROWS])
    return tuple(task for task in tasks if task.task_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class Callback(Task):
    """A job callback. It is not signed: only the secret address to which it was sent shows that it is genuine."""

    device_id: str


# Maximum boxes that are read from a push message; the rest are ignored.
MAX_PUSH_BOXES = 20
# Maximum fields or rows that are read at each level of a push message; the rest are ignored.
MAX_PUSH_ENTRIES = 200
_ID_NAMES = frozenset(
    {"deviceid", "sn", "devicesn", "boxid", "devid", "device", "serial", "serialnumber"}
)
_ID = re.compile(r"[A-Za-z0-9_-]{4,64}")


def parse_callback(body: Mapping[str, object]) -> Callback | None:
    """Return the job callback in a message; None if the message names no box or no task.

    The callback was sent as JSON, or as a form whose `task_result` is JSON text.
    """
    device_id, task_id = to_text(body.get("device_id"), 64), to_text(body.get("task_id"), 128)
    if not device_id or not task_id:
        return None
    result = body.get("task_result")
    return Callback(
        device_id=device_id,
        task_id=task_id,
        state=TaskState(to_text(body.get("task_state"))),
        result=TaskResult.from_json(_from_text(result) if isinstance(result, str) else result),
    )


def _from_text(text: str) -> JsonValue:
    """Parse the JSON in a form field; None if the text is not JSON."""
    try:
        return to_json(text)
    except ValueError:
        return None


def parse_push(body: object) -> frozenset[str]:
    """Return the box ids at the top level of a push message and one level below; at most MAX_PUSH_BOXES."""
    found: set[str] = set()
    for name, value in _fields(body):
        if name.lower().replace("_", "").replace("-", "") in _ID_NAMES:
            text = to_text(value, 65)
            if _ID.fullmatch(text):
                found.add(text)
        if len(found) == MAX_PUSH_BOXES:
            break
    return frozenset(found)


def _fields(body: object) -> Iterator[tuple[str, object]]:
    """Yield the fields of a message and of the objects in its fields. Such an object may also be JSON text."""
    for block in _blocks(body):
        for name, value in list(block.items())[:MAX_PUSH_ENTRIES]:
            yield name, value
            nested = (
                _from_text(value) if isinstance(value, str) and value[:1] in ("{", "[") else value
            )
            for inner in _blocks(nested):
                yield from list(inner.items())[:MAX_PUSH_ENTRIES]


def _blocks(body: object) -> Iterator[Mapping[str, object]]:
    for item in body[:MAX_PUSH_ENTRIES] if isinstance(body, list) else (body,):
        if isinstance(item, Mapping):
            yield item
