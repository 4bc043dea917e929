"""The records of the simulated cloud: accounts, boxes, printers, tasks and printed documents."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta, timezone
from pathlib import Path
import re
from typing import Any, Final, Literal, override

CHINA: Final = timezone(timedelta(hours=8))

type TaskState = Literal[
    "READY", "PARSING", "SENDING", "SUCCESS", "FAILURE", "SET_REVOKE", "REVOKED"
]
type OffMode = Literal["row_gone", "stale_row", "not_printer", "state_null", "accepted_until_on"]
FINAL_STATES: Final = frozenset({"SUCCESS", "FAILURE", "REVOKED"})

# Fields of a printer whose change may let a waiting job continue.
WATCHED: Final = frozenset(
    [
        "plugged",
        "on",
        "off_mode",
        "paper",
        "paper_jam",
        "cover_open",
        "ribbon_out",
        "ink_out",
        "paused",
    ]
)

RESULT_TEXTS: Final = {
    200: "success",
    500: "设备无响应，请检查设备",
    502: "文件转换失败",
    503: "设备连接异常，请检查设备网络",
}


class ApiError(Exception):
    """An answer with a code other than 200; its HTTP status is 200 nevertheless."""

    def __init__(self, code: int, msg: str) -> None:
        super().__init__(f"{code} {msg}")
        self.code = code
        self.msg = msg


@dataclass(eq=False, kw_only=True)
class Account:
    """One ApiKey of the open platform."""

    name: str
    api_key: str
    push_url: str | None = None
    push_encoding: Literal["json", "form"] = "json"
    push_shape: str = "flat"
    auto_push: bool = False
    banned: bool = False
    calls: deque[float] = field(default_factory=deque)
    submissions: deque[float] = field(default_factory=deque)
    in_flight: int = 0
    max_in_flight: int = 0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The planned end of a job."""

    code: int = 503
    msg: str | None = None
    state: Literal["SUCCESS", "FAILURE"] = "SUCCESS"
    # If it is a number, this many pages come out before the failure.
    prints: Literal["all", "none"] | int = "none"
    # False leaves task_result out, so that a SUCCESS proves nothing.
    result: bool = True


@dataclass(eq=False, kw_only=True)
class Stack:
    """Turned sheets that somebody put back into the tray for the second side of a job."""

    # The job that the sheets are for.
    whose: str
    sheets: int


@dataclass(eq=False, kw_only=True)
class Printer:
    id: int
    hash_id: str | None
    name: str
    driver_name: str
    driver_type: int = 1
    species: int | None = 4
    # The USB port; 631 for a network printer.
    port: int = 1
    ip: str | None = None
    support_status: bool = False
    extras: dict[str, Any] = field(default_factory=dict)
    markers: list[dict[str, Any]] | None = None
    capabilities: dict[str, Any] = field(default_factory=dict)
    papers: dict[str, dict[str, int]] = field(default_factory=dict)

    plugged: bool = True
    on: bool = True
    off_mode: OffMode | None = None
    paper: int | None = None
    paper_jam: bool = False
    cover_open: bool = False
    ribbon_out: bool = False
    ink_out: bool = False
    paused: bool = False
    raw_state: str | None = None
    seconds_per_page: float = 3.0
    scanner: bool = False
    # Texts of the page on the glass and of the pages in the feeder; `feeder` is None for a scanner without a feeder.
    glass: str = "page on the glass"
    # Width and height in mm of the page on the glass, to which the scanner cuts its picture unless a size was chosen.
    # None: the scanner sends the whole glass.
    glass_mm: list[float] | None = None
    feeder: list[str] | None = None
    scan_duplex: bool = False
    # What keeps the scanner from scanning until somebody attends to it.
    scan_trouble: Literal["lid", "jam"] | None = None
    # Scanned pages in the order of scanning.
    scanned: list[str] = field(default_factory=list)
    driver_requested: bool = False

    notify: Callable[[str], None] | None = None
    outcomes: deque[Outcome] = field(default_factory=deque)
    failures: int = 0
    last_failure: float = 0.0
    current: Task | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    # Turned sheets on top of the blank paper in the tray, the topmost last.
    stacks: list[Stack] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def network(self) -> bool:
        return self.ip is not None

    @property
    def reachable(self) -> bool:
        """Whether the box can talk to the printer."""
        return self.plugged and self.on

    @property
    def blocked(self) -> bool:
        """Whether something at the printer itself keeps it from printing the next sheet."""
        return (
            self.paper == 0
            or self.paper_jam
            or self.cover_open
            or self.ribbon_out
            or self.ink_out
            or self.paused
        )

    @property
    def state(self) -> str | None:
        """The value of `printer_state` in the printer's row."""
        if self.raw_state is not None:
            return self.raw_state
        if self.paper == 0:
            return "outOfPaper"
        if self.blocked:
            return "stopped"
        return "printing" if self.current else "idle"

    @override
    def __setattr__(self, name: str, value: Any) -> None:
        before = self.reachable if hasattr(self, "_changed") else None
        super().__setattr__(name, value)
        if name not in WATCHED:
            return
        self.touch()
        if before is not None and self.notify and self.reachable != before:
            self.notify("printer_plug" if self.reachable else "printer_unplug")

    def put_back(self, whose: str, sheets: int) -> None:
        """Put turned sheets on top of the paper in the tray."""
        self.stacks.append(Stack(whose=whose, sheets=sheets))

    def take_out(self, whose: str) -> None:
        """Remove the remaining turned sheets of this owner from the tray."""
        self.stacks = [stack for stack in self.stacks if stack.whose != whose]

    def feed(self) -> str | None:
        """Take a sheet from the tray; returns the owner of a turned sheet, None for blank paper."""
        if not self.stacks:
            return None
        stack = self.stacks[-1]
        stack.sheets -= 1
        if not stack.sheets:
            self.stacks.pop()
        return stack.whose

    def touch(self) -> None:
        """Wake all tasks that wait for a change of this printer."""
        if not hasattr(self, "_changed"):
            return
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; it is checked again after each change."""
        while not condition():
            await self._changed.wait()


@dataclass(eq=False, kw_only=True)
class Box:
    device_id: str
    device_key: str
    account: Account | None
    # None if the box has never been started.
    online: bool | None = True
    activated: bool = True
    expired: bool = False
    expire_date: date = date(2031, 8, 25)
    hardware: str = "LK300EW_D2"
    software: str = "2.1.113"
    usb_port_num: int = 4
    lan_address: str = "192.168.1.30"
    wifi_address: str | None = None
    printers: list[Printer] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)

    status_running: int = 0
    refreshing: bool = False
    rebooting: bool = False
    searching: bool = False
    refreshed_at: float | None = None
    # Only with old firmware: the state of the box and its printers at the last refresh.
    reported: tuple[dict[str, Any], list[tuple[bool, dict[str, Any]]]] | None = None
    searched_at: float | None = None
    reset_at: float | None = None
    notify: Callable[[str], None] | None = None
    resets: deque[float] = field(default_factory=deque)

    @override
    def __setattr__(self, name: str, value: Any) -> None:
        before = self.online if hasattr(self, "resets") else None
        super().__setattr__(name, value)
        if name != "online" or not hasattr(self, "resets"):
            return
        for printer in self.printers:
            printer.touch()
        if self.notify and value != before:
            self.notify("device_online" if value else "device_offline")

    @property
    def is_old(self) -> bool:
        """Whether the box has old firmware (before 2.1.112), which reports only after a refresh."""
        numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", self.software)
        return numbers is not None and tuple(map(int, numbers.groups())) < (2, 1, 112)

    def printer(self, port: int) -> Printer:
        """Find the USB printer at a port, plugged in or not; raises LookupError."""
        for printer in self.printers:
            if not printer.network and printer.port == port:
                return printer
        raise LookupError(f"no printer in port {port} of {self.device_id}")

    def find_printer(self, reference: str) -> Printer:
        """Find a printer by USB port ("2"), by network address, or by row id; raises LookupError."""
        if "." in reference:
            return self.network_printer(reference)
        if not reference.isdigit():
            raise LookupError(f"no printer {reference!r}")
        for printer in self.printers:
            if printer.id == int(reference):
                return printer
        return self.printer(int(reference))

    def network_printer(self, address: str | None = None) -> Printer:
        """Find the network printer at an address, or any network printer if it is None; raises LookupError."""
        for printer in self.printers:
            if printer.network and address in (None, printer.ip):
                return printer
        raise LookupError(f"no network printer {address} at {self.device_id}")


@dataclass(eq=False, kw_only=True)
class Document:
    """One file of a job as it was received."""

    path: Path
    name: str
    size: int
    # None if the pages cannot be counted.
    pages: int | None = None
    pdf: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A task's state from `time` on (cloud clock, seconds since 1970)."""

    time: float
    state: TaskState
    result: dict[str, Any] | None


@dataclass(eq=False, kw_only=True)
class Task:
    task_id: str
    box: Box
    printer: Printer
    fields: dict[str, str]
    documents: list[Document]
    created: float
    lag: float = 0.0
    urls: list[str] = field(default_factory=list)
    foreign: bool = False
    preview: bool = False
    copies: int = 1
    outcome: Outcome | None = None
    callback_url: str | None = None
    state: TaskState = "READY"
    result: dict[str, Any] | None = None
    updated: float = 0.0
    finished: float | None = None
    history: list[Moment] = field(default_factory=list)
    ticket: str | None = None
    images: list[Path] = field(default_factory=list)
    pages_out: int = 0
    # Owners of the turned sheets on which the task was printed.
    printed_on: set[str] = field(default_factory=set)
    committed: bool = False
    report_revoked: bool = False
    runner: asyncio.Task[None] | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, kw_only=True)
class PrintedJob:
    """One document that came out on paper."""

    seq: int
    name: str
    path: Path
    task_id: str
    device_id: str
    port: int
    printer_id: int
    options: dict[str, str]
    pages: int | None
    pages_out: int
    copies: int
    sheets: int
    callback_asked: bool
    # Whether all pages came out; otherwise only `pages_out` of them.
    complete: bool
    foreign: bool
    time: float


@dataclass(frozen=True, kw_only=True)
class LoggedRequest:
    """One request to the API; `status` is None if the connection was broken before an answer."""

    method: str
    path: str
    time: float
    api_key: str
    device_id: str | None
    status: int | None
    code: int | None
    fault: str | None


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One attempt to deliver a callback or a push; `status` is None if no reply came."""

    kind: Literal["callback", "push"]
    url: str
    task_id: str | None
    state: str | None
    attempt: int
    status: int | None
    sent: bool
    time: float
