"""Broken connections and broken answers, at a chosen endpoint and at a chosen point of the exchange."""

from dataclasses import dataclass
import fnmatch
import json
from typing import Any, Final, Literal, get_args

type FaultKind = Literal[
    "refuse",
    "reset_before",
    "reset_mid_body",
    "reset_after_body",
    "reset_after_accept",
    "timeout",
    "delay",
    "http",
    "empty",
    "truncated",
    "not_json",
    "wrong_types",
    "string_codes",
    "code",
    "firewall",
    "portal",
    "early",
    "twice",
]
type Shape = Literal[
    "swap",
    "list",
    "text",
    "null",
    "number",
    "data_list",
    "data_text",
    "data_number",
    "data_null",
    "code_object",
    "code_missing",
    "code_bool",
    "deep",
]
BEFORE_BODY: Final = frozenset({"refuse", "reset_before"})
KINDS: Final = get_args(FaultKind.__value__)
SHAPES: Final = get_args(Shape.__value__)
FIREWALL: Final = (
    '<html>\r\n<head><meta charset="utf-8"><title>访问被拦截</title></head>\r\n<body>\r\n'
    "<h1>很抱歉，由于您访问的URL有可能对网站造成安全威胁，您的访问被阻断。</h1>\r\n</body>\r\n</html>"
)
PORTAL: Final = (
    "<!DOCTYPE html><html><head><title>Welcome</title></head><body>"
    '<form action="/login" method="post"><input name="room"><input name="code"></form></body></html>'
)
BAD_GATEWAY: Final = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>"
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way in which a request goes wrong."""

    kind: FaultKind
    # Whether the request's action runs before the fault spoils the answer. `runs_action` names the kinds with which it
    # always runs.
    done: bool = False
    status: int = 500
    body: str | None = None
    content_type: str = "text/html"
    code: int | str = 500
    msg: str = "服务器内部错误"
    # Seconds that a timeout or delay lasts.
    seconds: float = 3600.0
    shape: Shape = "swap"
    # If set, the fault hits only requests for this device_id.
    box: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.shape not in SHAPES:
            raise ValueError(f"there is no fault {self.kind!r} of shape {self.shape!r}")

    @property
    def runs_action(self) -> bool:
        """Whether the request's action runs in spite of the fault."""
        return self.done or self.kind in ("reset_after_accept", "delay", "string_codes", "twice")


@dataclass(eq=False)
class Planned:
    """A planned fault and the number of requests it has hit; if `times` is None, it never ends."""

    id: int
    endpoint: str
    fault: Fault
    times: int | None
    hits: int = 0

    def matches(self, endpoint: str, device_id: str | None) -> bool:
        """Return whether the fault hits a request; `endpoint` is a method and a path, such as "POST /print/job"."""
        if self.times is not None and self.hits >= self.times:
            return False
        if self.fault.box is not None and self.fault.box != device_id:
            return False
        return fnmatch.fnmatchcase(endpoint, self.endpoint)


class Faults:
    """The planned faults; the first fault that matches a request hits it."""

    def __init__(self) -> None:
        self.planned: list[Planned] = []
        self._next_id = 1

    def add(self, endpoint: str, fault: Fault, times: int | None = 1) -> Planned:
        """Plan a fault for an endpoint such as `POST /print/job`; `*` matches anything."""
        planned = Planned(self._next_id, endpoint, fault, times)
        self._next_id += 1
        self.planned.append(planned)
        return planned

    def clear(self) -> None:
        self.planned.clear()

    def take(self, endpoint: str, device_id: str | None) -> Fault | None:
        """Return the fault that hits this request, and count the hit; None if no fault matches."""
        for planned in self.planned:
            if planned.matches(endpoint, device_id):
                planned.hits += 1
                return planned.fault
        return None


def _swap(value: Any) -> Any:
    """Replace every value by a value of a wrong type; the names of fields stay."""
    match value:
        case bool():
            return "maybe"
        case int() | float():
            return {"value": value}
        case str():
            return [len(value)]
        case dict():
            return {name: _swap(one) for name, one in value.items()}
        case list():
            return {"0": [_swap(one) for one in value]}
        case _:
            return -1


def wrong_types(shape: Shape, data: Any) -> str:
    """Build an answer of the wrong shape from the right data, as JSON text."""
    answer: Any
    match shape:
        case "list":
            answer = [200, "success"]
        case "text":
            answer = "success"
        case "null":
            answer = None
        case "number":
            answer = 200
        case "data_list":
            answer = {"code": 200, "msg": "success", "data": [data]}
        case "data_text":
            answer = {"code": 200, "msg": "success", "data": "数据"}
        case "data_number":
            answer = {"code": 200, "msg": "success", "data": 7}
        case "data_null":
            answer = {"code": 200, "msg": "success", "data": None}
        case "code_object":
            answer = {"code": {"value": 200}, "msg": ["success"], "data": data}
        case "code_missing":
            answer = {"msg": "success", "data": data}
        case "code_bool":
            answer = {"code": True, "msg": None, "data": data}
        case "deep":
            return '{"code":200,"msg":"success","data":' + "[" * 5000 + "]" * 5000 + "}"
        case _:
            answer = {"code": 200, "msg": "success", "data": _swap(data)}
    return json.dumps(answer, ensure_ascii=False)
