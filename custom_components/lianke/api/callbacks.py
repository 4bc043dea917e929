"""Job callbacks and push messages that the service sends to our webhook.

Anyone may send anything there: nothing in this module raises, and nothing it returns is proof.
"""

from collections.abc import Iterator, Mapping
import re

from .coerce import JsonValue, to_json, to_text
from .tasks import Callback, TaskResult, to_task_state

MAX_IDS = 20
MAX_ENTRIES = 200
MAX_JSON = 65536
_ID_NAMES = frozenset(
    {"deviceid", "sn", "devicesn", "boxid", "devid", "device", "serial", "serialnumber"}
)
_ID = re.compile(r"[A-Za-z0-9_-]{4,64}")
_BRACKETS = re.compile(r"(\w{1,64})(?:\[(\w{1,64})\]|\.(\w{1,64}))")


def parse_callback(body: Mapping[str, object]) -> Callback | None:
    """Read a job callback from JSON or form fields; None when it names no box and task.

    Form fields may carry `task_result` as JSON text, as `task_result[code]` or as `task_result.code`.
    """
    device_id, task_id = to_text(body.get("device_id"), 64), to_text(body.get("task_id"), 128)
    if not device_id or not task_id:
        return None
    return Callback(
        device_id=device_id,
        task_id=task_id,
        state=to_task_state(body.get("task_state")),
        result=TaskResult.from_json(_result(body)),
    )


def _result(body: Mapping[str, object]) -> object:
    """Return the result of a callback, joined from the fields of a form if need be."""
    result = body.get("task_result")
    if isinstance(result, str):
        return _from_text(result)
    if result is not None:
        return result
    parts: dict[str, object] = {}
    for name, value in list(body.items())[:MAX_ENTRIES]:
        found = _BRACKETS.fullmatch(name[:64])
        if found is not None and found[1] == "task_result":
            parts[found[2] or found[3]] = value
    return parts


def _from_text(text: str) -> JsonValue:
    """Return the JSON in a form field, None when it is none."""
    if len(text) > MAX_JSON:
        return None
    try:
        return to_json(text)
    except ValueError:
        return None


def parse_push(body: object) -> frozenset[str]:
    """Return the box ids a push message mentions, at its top or one level down, at most 20."""
    found: set[str] = set()
    for name, value in _fields(body):
        if name.lower().replace("_", "").replace("-", "") in _ID_NAMES:
            text = to_text(value, 65)
            if _ID.fullmatch(text):
                found.add(text)
        if len(found) == MAX_IDS:
            break
    return frozenset(found)


def _fields(body: object) -> Iterator[tuple[str, object]]:
    """Yield the fields of a message and of the objects in it, JSON text in a field included."""
    for block in _blocks(body):
        for name, value in list(block.items())[:MAX_ENTRIES]:
            yield name, value
            nested = (
                _from_text(value) if isinstance(value, str) and value[:1] in ("{", "[") else value
            )
            for inner in _blocks(nested):
                yield from list(inner.items())[:MAX_ENTRIES]


def _blocks(body: object) -> Iterator[Mapping[str, object]]:
    """Yield the object, or the objects of a list."""
    for item in body[:MAX_ENTRIES] if isinstance(body, list) else (body,):
        if isinstance(item, Mapping):
            yield item
