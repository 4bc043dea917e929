"""The state of the simulated cloud and the actions that change it."""

import asyncio
from collections import Counter, deque
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
import random
import time
from typing import Any, Final
import uuid
from weakref import WeakKeyDictionary

from .cast import (
    MODEL_NAMES,
    MODELS,
    Inventor,
    Maker,
    fleet_printers,
    home_printers,
    make_printer,
    office_printers,
    shop_printers,
)
from .faults import Fault, Faults, Planned
from .messenger import Messenger
from .models import (
    Account,
    Box,
    Delivery,
    Document,
    LoggedRequest,
    OffMode,
    Outcome,
    PrintedJob,
    Printer,
    Task,
)
from .printing import PrintShop
from .rendering import Renderer
from .samples import make_pdf
from .upload import Receiver
from .variants import Variants

RATE_LIMIT: Final = 60
RATE_SECONDS: Final = 60.0
JOB_LIMIT: Final = 50 * 1024 * 1024
PAGES_LIMIT: Final = 20 * 1024 * 1024
LOG_LENGTH: Final = 100_000
REBOOT_SECONDS: Final = 30.0
FOREIGN_PDF: Final = make_pdf(2, "Printed by somebody else")


class Cloud:
    """The simulated cloud: accounts, boxes, printers and tasks, and records for tests to check."""

    def __init__(
        self,
        out: Path,
        *,
        speed: float = 1.0,
        rate_limit: int | None = RATE_LIMIT,
        chromium: str | None = None,
    ) -> None:
        """`rate_limit` is in requests a minute for each ApiKey, None for no limit; `chromium` is a path."""
        self.out = out
        self.spool = out / ".spool"
        self.speed = speed
        self.rate_limit = rate_limit
        self.job_limit = JOB_LIMIT
        self.pages_limit = PAGES_LIMIT
        self.base_url = ""
        self.variants = Variants()
        self.faults = Faults()
        self.banned = False
        self.clock_offset = 0.0

        self.accounts: list[Account] = []
        self.boxes: dict[str, Box] = {}
        self.tasks: dict[str, Task] = {}
        self.tickets: dict[str, Task] = {}
        self.kept_documents: set[Path] = set()
        self.requests: deque[LoggedRequest] = deque(maxlen=LOG_LENGTH)
        self.counts: Counter[str] = Counter()
        self.deliveries: deque[Delivery] = deque(maxlen=LOG_LENGTH)
        self.out_tray: list[PrintedJob] = []
        self.violations: list[str] = []
        self.errors: list[BaseException] = []
        # Copies of answers by connection; a copy is sent when the next request arrives on the same connection.
        self.late_answers: WeakKeyDictionary[asyncio.BaseTransport, bytes] = WeakKeyDictionary()
        self.scans: dict[str, Any] = {}
        self.models = dict(MODELS)
        self.model_names = list(MODEL_NAMES)

        self.inventor = Inventor()
        self._running: set[asyncio.Task[Any]] = set()
        self._answering: set[asyncio.Task[Any]] = set()
        # Number of requests currently held up by a fault.
        self.hanging = 0
        self.executor = ThreadPoolExecutor(2, thread_name_prefix="simulator-disk")
        self.receiver = Receiver(self.spool, self.executor)
        self.renderer = Renderer(self.spool, chromium)
        self.messenger = Messenger(self)
        self.shop = PrintShop(self, out)

    # Time and tasks

    def now(self) -> float:
        """Return the seconds since 1970 by the cloud's own clock, without `clock_skew`."""
        return time.time() + self.clock_offset

    def advance(self, seconds: float) -> None:
        """Move the cloud's clock forward; pauses after failures, rate limits and the day's task list follow it."""
        self.clock_offset += seconds

    def shown_time(self, moment: float) -> datetime:
        """Convert seconds since 1970 to the UTC time that answers show, which is off by `clock_skew`."""
        return datetime.fromtimestamp(moment + self.variants.clock_skew, UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait for simulated seconds; in real time the wait takes `seconds` / `speed`."""
        await asyncio.sleep(seconds / self.speed)

    def spawn[T](self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a task in the background; close() cancels it, and Simulator.stop() raises its errors."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.errors.append(error)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Mark the current asyncio task as answering a request; close() cancels it, as the client may be gone."""
        current = asyncio.current_task()
        assert current is not None
        self._answering.add(current)
        try:
            yield
        finally:
            self._answering.discard(current)

    async def close(self) -> None:
        if answering := list(self._answering):
            for request in answering:
                request.cancel()
            await asyncio.wait(answering)
            # The web server's tasks waited for the canceled tasks and end in the next turn of the event loop.
            await asyncio.sleep(0)
        while self._running:
            running = list(self._running)
            for task in running:
                task.cancel()
            await asyncio.wait(running)
        await self.messenger.close()
        self.renderer.close()
        self.executor.shutdown(wait=True)

    # The cast

    def add_account(self, name: str | None = None) -> Account:
        account = Account(
            name=name or f"account {len(self.accounts) + 1}", api_key=self.inventor.api_key()
        )
        self.accounts.append(account)
        return account

    def add_box(
        self,
        account: Account | None = None,
        printers: int | Maker = 1,
        **changes: Any,
    ) -> Box:
        """Add a box bound to `account`; None stands for the first account.

        `printers` is the number of printers, which are made as for a fleet, or a function that makes the printers.
        `changes` are fields of Box.
        """
        if not self.accounts:
            self.add_account()
        values: dict[str, Any] = {
            "device_id": self.inventor.device_id(),
            "device_key": self.inventor.device_key(),
            "account": account or self.accounts[0],
        }
        if isinstance(printers, int):
            made = fleet_printers(self.inventor, printers, len(self.boxes))
        else:
            made = printers(self.inventor)
        box = Box(printers=made, **{**values, **changes})
        self.boxes[box.device_id] = box
        box.notify = partial(self._auto_push, box)
        for printer in box.printers:
            printer.notify = box.notify
        return box

    def add_printer(self, box: Box, model: str, port: int, **changes: Any) -> Printer:
        """Plug one more printer into a box; `model` is a key of `models`."""
        printer = make_printer(self.inventor, self.models[model], port, **changes)
        box.printers.append(printer)
        printer.notify = box.notify
        return printer

    def cast_default(self) -> None:
        """Add two accounts: one with an office box and a home box, one with a shop's box."""
        first = self.add_account("office")
        second = self.add_account("shop")
        self.add_box(first, office_printers, usb_port_num=5)
        self.add_box(first, home_printers, wifi_address="192.168.1.31")
        self.add_box(second, shop_printers)

    def renew_key(self, account: Account) -> str:
        """Give an account a new ApiKey and return it; the old key is refused from now on."""
        account.api_key = self.inventor.api_key()
        account.calls.clear()
        account.submissions.clear()
        return account.api_key

    def account_of(self, api_key: str) -> Account | None:
        return next((one for one in self.accounts if one.api_key == api_key), None)

    def _auto_push(self, box: Box, event: str) -> None:
        """Push an event to the account's address if it has one and `auto_push` is set."""
        if box.account and box.account.auto_push and box.account.push_url:
            self.spawn(self.messenger.push(box.account, box.device_id, event))

    def find_box(self, device_id: str) -> Box:
        """Find a box by its id; raises LookupError."""
        if device_id not in self.boxes:
            raise LookupError(f"no box {device_id!r}")
        return self.boxes[device_id]

    # What a printer shows

    def off_mode(self, printer: Printer) -> OffMode | None:
        """Return how the cloud reports a printer that is off; None while it is on."""
        if printer.reachable:
            return None
        if not printer.plugged:
            return "row_gone"
        return printer.off_mode or self.variants.printer_off

    def support_arrives(self, printer: Printer, model: str) -> None:
        """Act as the vendor after making a driver: the printer's row gets a `driver_name`, and jobs can be printed."""
        known = self.models[model]
        printer.driver_name = known.name
        printer.driver_type = 1
        printer.species = known.species
        printer.capabilities = known.capabilities
        printer.papers = known.papers

    # Rate

    def count_call(self, account: Account, endpoint: str) -> bool:
        """Count a request; returns False once the key is banned. Job submissions are counted separately."""
        if self.rate_limit is None or account.banned:
            return not account.banned
        now = self.now()
        calls = account.submissions if endpoint == "POST /print/job" else account.calls
        calls.append(now)
        while calls[0] <= now - RATE_SECONDS:
            calls.popleft()
        if len(calls) > self.rate_limit:
            account.banned = self.banned = True
        return not account.banned

    # Jobs

    def submit(
        self,
        box: Box,
        printer: Printer,
        fields: dict[str, str],
        documents: list[Document],
        *,
        urls: list[str] | None = None,
        foreign: bool = False,
    ) -> Task:
        outcome = None
        preview = fields.get("isPreview") == "1"
        if printer.outcomes and not foreign and not preview:
            outcome = printer.outcomes.popleft()
        task = Task(
            task_id=str(uuid.uuid4()),
            box=box,
            printer=printer,
            fields=fields,
            documents=documents,
            urls=urls or [],
            created=self.now(),
            foreign=foreign,
            preview=preview,
            copies=int(fields.get("dmCopies") or 1),
            outcome=outcome,
            callback_url=fields.get("callbackUrl") or None,
        )
        task.lag = self.variants.list_lag
        if self.variants.list_lag_random:
            number = len(self.tasks)
            task.lag *= random.Random(f"0 {number}").random()
        self.tasks[task.task_id] = task
        box.tasks.append(task)
        if self.variants.callbacks == "before_answer" and task.callback_url:
            self.messenger.first_tries[task.task_id] = asyncio.Event()
        self.shop.start(task)
        return task

    def print_as_someone_else(self, box: Box, printer: Printer, copies: int = 1) -> Task:
        """Print as another app would on the same box: the job occupies the printer and is in the day's list."""
        path = self.receiver.new_path()
        path.write_bytes(FOREIGN_PDF)
        document = Document(path=path, name="foreign.pdf", size=len(FOREIGN_PDF))
        fields = {"dmCopies": str(copies), "dmPaperSize": "9"}
        return self.submit(box, printer, fields, [document], foreign=True)

    def plan(self, printer: Printer, *outcomes: Outcome) -> None:
        """Plan how the printer's next jobs end, in this order."""
        printer.outcomes.extend(outcomes)

    def new_ticket(self, task: Task) -> str:
        """Make the ticket of a preview, and keep the preview's documents."""
        ticket = uuid.uuid4().hex
        self.tickets[ticket] = task
        self.kept_documents.update(document.path for document in task.documents)
        return ticket

    def preview_url(self, task: Task, index: int) -> str:
        """Return the address of a preview's picture; `index` counts from 0, the number in the address from 1."""
        root = self.base_url.removesuffix("/api")
        return f"{root}/preview/{task.task_id}/{index + 1}.png"

    def tasks_of(self, box: Box, printer: Printer | None = None) -> list[Task]:
        """Return the tasks of a box, or of one of its printers, in the order in which they were submitted."""
        return [task for task in box.tasks if printer in (None, task.printer)]

    def reboot(self, box: Box) -> None:
        """Take the box offline for REBOOT_SECONDS."""
        self.spawn(self._reboot(box))

    async def _reboot(self, box: Box) -> None:
        box.rebooting = True
        box.online = False
        try:
            await self.sleep(REBOOT_SECONDS)
        finally:
            box.rebooting = False
            box.online = True

    # What tests check

    @property
    def printers(self) -> list[Printer]:
        return [printer for box in self.boxes.values() for printer in box.printers]

    @property
    def printed(self) -> list[PrintedJob]:
        """Our jobs that were printed completely, in the order in which they came out."""
        return [job for job in self.out_tray if job.complete and not job.foreign]

    @property
    def partly_printed(self) -> list[PrintedJob]:
        """Our jobs that ended after some of their pages."""
        return [job for job in self.out_tray if not job.complete and not job.foreign]

    def count(self, endpoint: str) -> int:
        """Count the requests to an endpoint such as "POST /print/job"."""
        return self.counts[endpoint]

    def fail(self, endpoint: str, fault: Fault, times: int | None = 1) -> Planned:
        """Plan a fault; `*` in the endpoint matches anything, `times` None means forever."""
        return self.faults.add(endpoint, fault, times)
