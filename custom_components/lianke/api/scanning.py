"""Scanning: known from the vendor's own clients only, so answers are passed on as they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .coerce import JsonValue, to_list, to_mapping, to_optional_text, to_text
from .errors import LiankeResponseError
from .tasks import TaskState, to_task_state
from .transport import Transport

MAX_SCANNERS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Scanner:
    """A scanner behind the box."""

    scanner_id: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanOptions:
    """How to scan; None = not sent. `color_mode` and `size` are words from `scanner_params`."""

    color_mode: str | None = None
    input_source: Literal["Platen", "ADF"] | None = None
    format: Literal["JPEG", "PDF"] | None = None
    duplex: bool | None = None
    size: str | None = None

    def as_body(self) -> dict[str, JsonValue]:
        """Return the fields of `POST /scanning/job`."""
        values: dict[str, JsonValue] = {
            "colorMode": self.color_mode,
            "inputSource": self.input_source,
            "format": self.format,
            "duplex": None if self.duplex is None else int(self.duplex),
            "size": self.size,
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanTask:
    """A scan under way; `answer` is everything the service sent, since its shape is not documented."""

    task_id: str
    state: TaskState
    answer: Mapping[str, object] = field(repr=False)


class Scanners:
    """The scanning endpoints for one box."""

    def __init__(self, transport: Transport, auth: Mapping[str, str]) -> None:
        """Initialize with the transport and the box's credentials."""
        self._transport = transport
        self._auth = auth

    async def all(self) -> tuple[Scanner, ...]:
        """Return the scanners (`GET /scanning/scanner_list`)."""
        data = await self._transport.call("GET", "/scanning/scanner_list", query=self._auth)
        rows = to_mapping(data).get("row")
        if (data is not None and not isinstance(data, dict)) or not isinstance(rows, list | None):
            raise LiankeResponseError("scanner_list of an unknown shape")
        fields = (to_mapping(row) for row in to_list(rows)[:MAX_SCANNERS])
        return tuple(
            Scanner(scanner_id=scanner_id, name=to_text(row.get("name")) or scanner_id)
            for row in fields
            if (scanner_id := to_optional_text(row.get("id"))) is not None
        )

    async def status(self, scanner_id: str) -> Mapping[str, object]:
        """Return a scanner's status as the service sends it (`GET /scanning/scanner_status`)."""
        return await self._ask("/scanning/scanner_status", scanner_id)

    async def params(self, scanner_id: str) -> Mapping[str, object]:
        """Return a scanner's capabilities as the service sends them (`GET /scanning/scanner_params`)."""
        return await self._ask("/scanning/scanner_params", scanner_id)

    async def start(self, scanner_id: str, options: ScanOptions) -> str:
        """Start a scan and return its task id (`POST /scanning/job`)."""
        body: dict[str, JsonValue] = {**self._auth, "scanningId": scanner_id, **options.as_body()}
        data = await self._transport.call("POST", "/scanning/job", body=body)
        task_id = to_optional_text(to_mapping(data).get("task_id"))
        if task_id is None:
            raise LiankeResponseError("scan without task_id")
        return task_id

    async def task(self, scanner_id: str, task_id: str) -> ScanTask:
        """Return a scan's state (`GET /scanning/job`)."""
        query = {**self._auth, "scanningId": scanner_id, "task_id": task_id}
        data = await self._transport.call("GET", "/scanning/job", query=query)
        answer = _object(data)
        return ScanTask(
            task_id=task_id, state=to_task_state(answer.get("task_state")), answer=answer
        )

    async def cancel(self, scanner_id: str, task_id: str) -> None:
        """Cancel a scan (`DELETE /scanning/job`, which takes JSON)."""
        body: dict[str, JsonValue] = {**self._auth, "scanningId": scanner_id, "task_id": task_id}
        await self._transport.call("DELETE", "/scanning/job", body=body)

    async def _ask(self, path: str, scanner_id: str) -> Mapping[str, object]:
        """Return an answer about one scanner as it is."""
        query = {**self._auth, "scanningId": scanner_id}
        return _object(await self._transport.call("GET", path, query=query))


def _object(data: object) -> Mapping[str, object]:
    """Return an answer that is an object or nothing; raises LiankeResponseError for anything else."""
    if data is not None and not isinstance(data, dict):
        raise LiankeResponseError("scanning answer of an unknown shape")
    return to_mapping(data)
