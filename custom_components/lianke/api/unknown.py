"""What the service says and nobody here knows yet: codes, states, fields and shapes of answers.

Answers are read tolerantly, so that unknown parts change nothing. They are worth knowing all the same, as most of
what is known of the service comes from documents. Found here are names and shapes (shapes.py), never values.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from itertools import islice

from .coerce import to_int, to_text
from .errors import CODES, LiankeRefusedError, UnknownCodeError
from .shapes import Shape, is_word, name_of, pattern_of, shape_of
from .tasks import TaskState

# Rows of a list, and fields of an object, that are looked at.
MAX_ROWS = 50
MAX_FIELDS = 200
# Unknown parts that one answer may bring.
MAX_FOUND = 10
# Codes have at most five digits; more could be an id.
_CODE_END = 10**6


class UnknownKind(StrEnum):
    """What is unknown."""

    CODE = "code"
    STATE = "state"
    FIELD = "field"
    ANSWER = "answer"
    MESSAGE = "message"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unknown:
    """Something unknown: `where` is an endpoint or "callback", `name` the field, code or state."""

    kind: UnknownKind
    where: str
    name: str
    shape: Shape = ""


class _Absent(Enum):
    """Stands for a field that is not listed."""

    ABSENT = 0


type Observer = Callable[[Unknown], None]
# A field's known parts: None for any value, a test of its value, or the fields of the objects in it.
type _Known = Callable[[object], bool] | Mapping[str, _Known] | None
EVERY = "*"
"""Stands for fields whose names are free, such as those of papers."""


def _fields(names: str) -> dict[str, _Known]:
    return dict.fromkeys(names.split())


def _one_of(*numbers: int) -> Callable[[object], bool]:
    return lambda value: value is None or value == "" or to_int(value) in numbers


def _flag(value: object) -> bool:
    return value is None or isinstance(value, bool) or to_int(value) in (0, 1)


def _task_state(value: object) -> bool:
    return to_text(value).upper() in TaskState.__members__


def _result_code(value: object) -> bool:
    return value is None or (code := to_int(value)) == 200 or code in CODES


_NETWORK = _fields("ipaddr gateway dns netmask macaddr proto link")
_RESULT: dict[str, _Known] = {
    "code": _result_code,
    "msg": None,
    "data": _fields("file_total send_total total_page img_list task_ticket taskTicket ticket"),
    **_fields("task_ticket taskTicket ticket"),
}
_ROW: dict[str, _Known] = {
    **_fields(
        "MDL device drivce_name driver_name hash_id id idProduct idVendor ip_addr markers port printer_name"
        " printer_state product support_status vendor"
    ),
    "driver_type": _one_of(0, 1, 2),
    "isPrinter": _flag,
    "species": _one_of(*range(8)),
    "printer_species": _one_of(*range(8)),
}
_PAPER = _fields("paper_id physical_width physical_height printable_width printable_height")
_CALLBACK: dict[str, _Known] = {
    **_fields("device_id task_id create_time finish_time"),
    "task_state": _task_state,
    "task_result": _RESULT,
}
CALLBACK = "callback"
# `data` of each answer, and a job's callback.
_KNOWN: Mapping[str, _Known] = {
    "GET /device/device_info": {
        "info": {
            **_fields("api_support device_type expire_date mobile_support remote_support"),
            **_fields("usb_port_num"),
            "is_expire": _flag,
            "online": _flag,
        },
        "network": {"lan": _NETWORK, "wwan": _NETWORK},
        "version": _fields("hardware software"),
    },
    "GET /device/printer_status": _fields(
        "headOpened paperJam outOfPaper outOfRibbon outOfInk pause printing msg statusCode errCode"
    ),
    "GET /external_api/printer_list": {"row": _ROW, "total": None},
    "GET /print/printer_params": {
        "Capabilities": _fields(
            "Papers Bins Color Duplex MediaTypes Orientation Copies Resolutions"
        ),
        **_fields("DevMode DeviceContext Name"),
    },
    "GET /print/paper_dimension_list": {EVERY: _PAPER},
    "POST /print/file_pages": _fields("pages"),
    "POST /print/job": _fields("task_id task_priority"),
    "GET /print/job": {
        **_fields("task_id task_done_time task_done_timestamp"),
        "task_state": _task_state,
        "task_result": _RESULT,
    },
    "POST /print/query_device_task": {
        "task_list": {
            **_fields("task_id job_id create_at created_at updated_at update_at"),
            "job_status": lambda value: value == "" or _flag(value),
            "status": _task_state,
            "result": {**_fields("msg data"), "code": _result_code},
        },
        "total": None,
    },
    "POST /print/flush_jobs": _fields("queue_num"),
    "GET /printer/refresh_network_printer": _fields("total num count"),
    CALLBACK: _CALLBACK,
}


def unknown_code(where: str, code: int, message: str = "") -> Unknown:
    """Return an answered code that nobody knows; of the service's words only the shape."""
    name = str(code) if 0 <= code < _CODE_END else pattern_of(str(code))
    return Unknown(kind=UnknownKind.CODE, where=where, name=name, shape=pattern_of(message))


def unknown_state(where: str, path: str, state: str) -> Unknown:
    """Return a state in the field at this path that nobody knows."""
    return Unknown(kind=UnknownKind.STATE, where=where, name=f"{path} {_value_name(state)}")


def unknown_answer(where: str, answer: object) -> Unknown:
    """Return an answer of a shape that nobody knows."""
    return Unknown(kind=UnknownKind.ANSWER, where=where, name="shape", shape=shape_of(answer))


def unknown_message(name: str, message: object, known: Mapping[str, str]) -> Unknown:
    """Return a message to the webhook; `known` names the values that are worth telling."""
    shape = shape_of(message, known)
    return Unknown(kind=UnknownKind.MESSAGE, where="webhook", name=name, shape=shape)


def unknown_parts(where: str, data: object) -> Iterator[Unknown]:
    """Yield what is unknown in the `data` of an answer, or in a callback: at most ten parts."""
    known = _KNOWN.get(where)
    if known is None or data is None:
        return
    if not isinstance(data, Mapping):
        if data != []:
            yield unknown_answer(where, data)
        return
    yield from islice(_in_fields(where, data, known, ""), MAX_FOUND)


def _in_fields(where: str, value: object, known: _Known, path: str) -> Iterator[Unknown]:
    """Yield what is unknown in a value that stands at this path."""
    if callable(known):
        if not known(value):
            yield _unknown_value(where, path, value)
        return
    if known is None or value is None or value == "":
        return
    if isinstance(value, list) and path:
        for item in islice(value, MAX_ROWS):
            yield from _in_fields(where, item, known, path)
    elif isinstance(value, Mapping):
        every = known.get(EVERY)
        for name, item in islice(value.items(), MAX_FIELDS):
            if every is not None:
                yield from _in_fields(where, item, every, EVERY)
                continue
            # What is known comes with every poll: no name is built for it.
            part = known.get(name, _Absent.ABSENT)
            if part is None or (callable(part) and part(item)):
                continue
            inner = f"{path}/{name_of(str(name))}" if path else name_of(str(name))
            if part is _Absent.ABSENT:
                yield Unknown(kind=UnknownKind.FIELD, where=where, name=inner, shape=shape_of(item))
            else:
                yield from _in_fields(where, item, part, inner)
    else:
        yield Unknown(kind=UnknownKind.FIELD, where=where, name=path, shape=shape_of(value))


def _unknown_value(where: str, path: str, value: object) -> Unknown:
    """Return a value that is not one of those that its field is known to have."""
    kind = UnknownKind.CODE if path.endswith("code") else UnknownKind.STATE
    if isinstance(value, Mapping | list):
        return Unknown(kind=kind, where=where, name=path, shape=shape_of(value))
    return Unknown(kind=kind, where=where, name=f"{path} {_value_name(value)}")


def _value_name(value: object) -> str:
    """Return a code or a state as it is; anything that could be more only by its shape."""
    text = to_text(value)
    number = to_int(value)
    if is_word(text) or (number is not None and abs(number) < _CODE_END):
        return text
    return pattern_of(text) if text else str(shape_of(value))


class Watch:
    """Reports what is unknown in answers to an observer, if there is one."""

    def __init__(self, observer: Observer | None) -> None:
        """Take the observer."""
        self._observer = observer

    def data(self, where: str, data: object) -> object:
        """Report the unknown parts of an answer's `data`, and return the `data`."""
        if self._observer is not None:
            for part in unknown_parts(where, data):
                self._observer(part)
        return data

    def answer(self, where: str, answer: object) -> None:
        """Report a whole answer that cannot be understood."""
        if self._observer is not None:
            self._observer(unknown_answer(where, answer))

    def error(self, where: str, err: LiankeRefusedError) -> LiankeRefusedError:
        """Report the code of a refusal if it is unknown, and return the refusal."""
        if (
            self._observer is not None
            and isinstance(err, UnknownCodeError)
            and err.code is not None
        ):
            self._observer(unknown_code(where, err.code, err.detail))
        return err
