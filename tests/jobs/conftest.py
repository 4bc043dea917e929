"""A print queue with the simulated cloud behind it, and no entities in front."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
import hashlib
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple, cast
from unittest.mock import patch

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
import pypdfium2
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.account.request_limits import Account, KeyWatch
from custom_components.lianke.api.client import LiankeClient
from custom_components.lianke.api.models import Credentials
from custom_components.lianke.api.options import PrintOptions, ResolvedOptions, resolve_options
from custom_components.lianke.api.tasks import parse_callback
from custom_components.lianke.box.storage import BoxStorage
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.coordinator import LiankeCoordinator
from custom_components.lianke.documents.document import Document
from custom_components.lianke.documents.pdf_client import async_get_pdf_worker
from custom_components.lianke.input_error import InputError
from custom_components.lianke.jobs import files
from custom_components.lianke.jobs.box_jobs import JOB_KIND, BoxJobs
from custom_components.lianke.jobs.files import jobs_path, ledger_path
from custom_components.lianke.jobs.job import Asker, Delivery, Job, JobSpec, JobState
from custom_components.lianke.jobs.opening import async_close_ledger, async_get_ledger
from custom_components.lianke.jobs.queue import PrintQueue
from custom_components.lianke.ledger_file import LedgerFile, LedgerRefusedError, Row, RowKey
from custom_components.lianke.people.approval_and_page_limit import PrintPolicy
from custom_components.lianke.printing.cloud_preview import Preview, async_preview_by_cloud
from custom_components.lianke.runtime import LiankeData
from tests.clock import Clock, pauses, threads_work, until
from tests.ledgers import rows
from tests.records import flat
from tests.simulator import Simulator
from tests.simulator.faults import Fault
from tests.simulator.models import Box, Printer

# Names of the simulator's endpoints.
ASK = "GET /print/job"
CANCEL = "DELETE /print/job"
COUNT = "POST /print/file_pages"
LIST = "POST /print/query_device_task"
SUBMIT = "POST /print/job"
SPEED = 500.0
# Number of looks in a row that must find nothing under way.
CALM = 4
# Maximum number of looks, a few milliseconds apart, while a request is under way; SHORT if a fault holds one up.
PATIENCE = 2000
SHORT = 60
# Seconds: settle() waits for timers that are due within this time.
MOMENT = 0.03


type Request = tuple[JobSpec, tuple[Delivery, ...]]


@dataclass
class Receiver:
    """Stands in for an account without other boxes, and receives callbacks; it cannot be reached if `url` is None."""

    url: str | None = None
    proven: bool = False
    deliver: bool = True
    queue: PrintQueue | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    taken: list[bool] = field(default_factory=list)
    key_watch: KeyWatch = field(default_factory=KeyWatch)

    @property
    def address(self) -> str | None:
        return self.url

    @property
    def fingerprint(self) -> str | None:
        """Return the address at which callbacks have arrived; None unless the test sets `proven`."""
        return "here" if self.proven else None

    def stretch_interval(self, interval: float) -> float:
        """Leave the interval as it is."""
        return interval

    watch_interval = 15.0

    def set_watched(self, box: str, requests: int) -> None:
        """Do nothing: the interval stays as it is."""

    async def async_wait_for_poll_rate(self, requests: int) -> None:
        """Never wait."""

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        token = request.query.get("job")
        self.bodies.append(body)
        self.tokens.append(token)
        claim = parse_callback(body)
        if self.deliver and self.queue is not None and claim is not None:
            self.taken.append(await self.queue.tracker.async_on_callback(token, claim))
        return web.json_response({"code": 200})


class Taken(NamedTuple):
    """A job that a queue has taken; `duplicate` if it had been asked for before."""

    job: Job
    duplicate: bool


@dataclass
class Shop:
    """One box with a running queue, and ways to wait for things."""

    hass: HomeAssistant
    sim: Simulator
    entry: MockConfigEntry
    storage: BoxStorage
    coordinator: LiankeCoordinator
    queue: PrintQueue
    receiver: Receiver
    tmp_path: Path
    clock: Clock
    history: list[tuple[str, JobState | None, JobState]] = field(default_factory=list)
    made: int = 0

    @property
    def gate(self) -> Gate:
        return Gate(self.queue)

    @property
    def box_jobs(self) -> BoxJobs:
        """The jobs below the queue, for what takes the cloud long to bring about, or is cleaned up much later."""
        return self.queue._jobs

    @property
    def is_uploading(self) -> bool:
        return bool(self.queue._uploader._uploads)

    @property
    def box(self) -> Box:
        return self.sim.cloud.boxes[self.entry.data["device_id"]]

    def printer(self, port: int = 1) -> Printer:
        return next(printer for printer in self.box.printers if printer.port == port)

    def key(self, port: int = 1) -> str:
        return next(
            key for key, known in self.storage.printers.items() if known.printer.port == port
        )

    def document(self, pages: int = 2, *, content: bytes | None = None) -> Document:
        """Make a document: a PDF of this many pages, or the given bytes."""
        self.made += 1
        path = self.tmp_path / f"source-{self.made}.pdf"
        if content is None:
            pdf = pypdfium2.PdfDocument.new()
            for _ in range(pages):
                pdf.new_page(595, 842)
            pdf.save(path)
        else:
            path.write_bytes(content)
        data = path.read_bytes()
        return Document(
            path=path,
            name=f"文档 {self.made}.pdf",
            content_type="application/pdf",
            extension=".pdf",
            size=len(data),
            pages=pages,
            digest=hashlib.sha256(data).hexdigest(),
            title=f"Document {self.made}",
        )

    def options(self, options: PrintOptions | None = None, port: int = 1) -> ResolvedOptions:
        """Return the options of a print at a port's printer, resolved from the user's choices, by default from none."""
        known = self.storage.printers[self.key(port)]
        return resolve_options(
            options or PrintOptions(), known.capabilities, known.papers, known.printer.species
        )

    def request(self, document: Document | None = None, **changes: Any) -> Request:
        """Return the arguments of `async_submit` for a print, on the laser by default."""
        document = document or self.document()
        port = changes.pop("port", 1)
        resolved = self.options(changes.pop("options", None), port)
        spec = JobSpec(
            printer_key=self.key(port),
            title=changes.pop("title", document.title),
            asker=Asker.of(changes.pop("context", Context())),
            **changes,
        )
        return spec, (Delivery(document=document, options=resolved),)

    async def submit(self, document: Document | None = None, **changes: Any) -> Job:
        return (await self.take(document, **changes)).job

    async def take(self, document: Document | None = None, **changes: Any) -> Taken:
        """Submit a job and return it, and whether it had been asked for before."""
        job_id = changes.pop("job_id", None)
        spec, deliveries = self.request(document, **changes)
        job = await self.queue.async_submit(spec, deliveries, job_id=job_id)
        return Taken(job, job.deliveries[0].token != deliveries[0].token)

    async def preview(
        self, document: Document | None = None, *, port: int = 1, user: str | None = None
    ) -> Preview:
        coordinator = self.coordinator
        data = LiankeData(
            client=coordinator.client,
            storage=self.storage,
            coordinator=coordinator,
            queue=self.queue,
            account=coordinator.account,
        )
        return await async_preview_by_cloud(
            data, self.key(port), document or self.document(), self.options(), user=user
        )

    async def tick(self, seconds: float) -> None:
        """Move the clock, and wait until everything that has become due is done."""
        self.clock.tick(seconds)
        await self.settle()

    def threads_work(self) -> bool:
        return threads_work(self.sim.cloud.executor, self.sim.cloud.renderer._executor)

    async def settle(self) -> None:
        """Wait until nothing is under way any more, including requests over real sockets."""
        calm = looks = 0
        while calm < CALM:
            await asyncio.sleep(0.003)
            await self.hass.async_block_till_done()
            if self.threads_work() or async_get_pdf_worker(self.hass).is_busy:
                # Such work always ends, however long a busy machine takes for it.
                calm = 0
                continue
            looks += 1
            # Wait for requests: a request under way would seem to last as long as the next move of the clock.
            hanging = self.sim.cloud.hanging
            asked = sum(account.in_flight for account in self.sim.cloud.accounts) > hanging
            works = self.queue._scheduler._is_working
            is_busy = looks < PATIENCE and (asked or (works and (not hanging or looks < SHORT)))
            # Wait also for what the cloud does within MOMENT, but not forever: it may do something again and again.
            is_busy = is_busy or (looks < CALM * 5 and pauses(MOMENT))
            calm = 0 if is_busy else calm + 1

    async def refresh(self) -> None:
        """Poll the box now, a second after anything that was seen of it before."""
        await self.tick(1)
        await self.coordinator.async_refresh()
        await self.settle()

    async def until(
        self, job: Job, *states: JobState, seconds: float = 600, step: float = 5
    ) -> Job:
        """Move the clock until a job is in one of these states; return the job."""
        passed = 0.0
        while self.queue.get(job.job_id).state not in states:
            assert passed < seconds, (
                self.queue.get(job.job_id),
                list(self.sim.cloud.requests)[-12:],
            )
            await self.tick(step)
            passed += step
        # Wait for what follows from the new state.
        await self.settle()
        return self.queue.get(job.job_id)

    async def switch(self, *, online: bool) -> None:
        """Switch the box off or on, and poll it."""
        self.box.online = online
        await self.refresh()

    async def set_paper(self, sheets: int | None, port: int = 1) -> None:
        """Put this many sheets into a printer, None for more than are needed, and poll the box."""
        self.printer(port).paper = sheets
        await self.refresh()

    async def handed_over(self, job: Job) -> None:
        """Wait in real time until the cloud has all of a job's document."""
        await until(lambda: self.queue.get(job.job_id).current_delivery.handed_over_at)

    async def call_back(
        self, token: str | None, task_id: str | None, state: str, code: int | None = None
    ) -> bool:
        """Hand the tracker a callback as the cloud would send it; return whether it belongs to a job."""
        body: dict[str, Any] = {"device_id": self.box.device_id, "task_id": task_id}
        body["task_state"] = state
        if code is not None:
            body["task_result"] = {"code": code, "msg": ""}
        claim = parse_callback(body)
        assert claim is not None
        return await self.queue.tracker.async_on_callback(token, claim)

    @property
    def folder(self) -> Path:
        return jobs_path(self.hass, self.entry.entry_id)

    def row(self, job: Job) -> dict[str, Any]:
        found = rows(ledger_path(self.hass), JOB_KIND.name, self.entry.entry_id)
        (record,) = (one for one in found if one["job_id"] == job.job_id)
        return record

    def stored(self, job: Job) -> dict[str, Any]:
        """Return a job's fields on disk, by name."""
        return flat(self.row(job))

    async def uploaded(self, job: Job) -> Job:
        """Wait in real time until a job's upload has ended; return the job."""
        async with asyncio.timeout(30):
            while self.queue.get(job.job_id).state is JobState.UPLOADING:
                await self.settle()
        return self.queue.get(job.job_id)

    def states(self, job: Job) -> list[JobState]:
        """Return the states that a job went through, without repetitions."""
        seen: list[JobState] = []
        for job_id, _, new in self.history:
            if job_id == job.job_id and seen[-1:] != [new]:
                seen.append(new)
        return seen


class Gate:
    """Where uploads wait for their turn to send their ends; closed, all of them wait there."""

    def __init__(self, queue: PrintQueue) -> None:
        self._turn = queue._uploader._handover

    async def close(self) -> None:
        await self._turn.acquire()

    def open(self) -> None:
        self._turn.release()

    async def reached(self) -> None:
        """Wait in real time until an upload waits for its turn."""
        await until(lambda: self._turn._waiters)


type OpenShop = Callable[..., Any]


def full(*_: object, **__: object) -> None:
    """Refuse as a full disk does; Home Assistant's tests would call a mock in the event loop, not in a thread."""
    raise OSError(28, "No space left on device")


@dataclass
class Disk:
    """Holds up each write of the ledger, as a slow or hanging disk does."""

    goes_on: Event = field(default_factory=Event)
    # Number of rows of each transaction that has begun.
    visits: list[int] = field(default_factory=list)
    # Number of transactions to refuse from now on.
    refusals: int = 0

    @property
    def hangs(self) -> bool:
        """Whether a transaction waits for the disk."""
        return bool(self.visits) and not self.goes_on.is_set()


@contextmanager
def hanging() -> Iterator[Disk]:
    """Let the ledger's disk hang until `goes_on` is set, at the latest at the end; the ledger must write meanwhile."""
    disk, real = Disk(), LedgerFile.write

    def write(self: LedgerFile, rows: Mapping[RowKey, Row | None]) -> None:
        disk.visits.append(len(rows))
        assert disk.goes_on.wait(timeout=60)
        if disk.refusals:
            disk.refusals -= 1
            raise LedgerRefusedError("database or disk is full")
        real(self, rows)

    try:
        with patch.object(LedgerFile, "write", write):
            yield disk
    finally:
        disk.goes_on.set()
    assert disk.visits, "the ledger wrote nothing that could have hung"


async def refusal(work: Awaitable[object]) -> str:
    with pytest.raises(InputError) as refused:
        await work
    return refused.value.reason


@contextmanager
def answered(answer: str | Exception) -> Iterator[None]:
    """Let the cloud accept jobs, and the client read this answer (or raise this error) instead of the right one."""
    real = LiankeClient.submit

    async def submit(self: LiankeClient, *args: Any, **more: Any) -> str:
        await real(self, *args, **more)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with patch.object(LiankeClient, "submit", submit):
        yield


@pytest.fixture
async def sim(tmp_path: Path, socket_enabled: None) -> AsyncIterator[Simulator]:
    """Simulate the cloud, five hundred times as fast as real time and without callbacks."""
    async with Simulator(out=tmp_path / "out", speed=SPEED, chromium="") as simulator:
        simulator.cloud.variants.update(callbacks="never", list_lag=0.0)
        yield simulator
        assert not simulator.cloud.banned, "asked the cloud too often"


@pytest.fixture
async def receiver(socket_enabled: None) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/callback", receiver.handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(access_log=None)
    receiver.url = str(server.make_url("/callback"))
    yield receiver
    await server.close()


@pytest.fixture
def open_shop(hass: HomeAssistant, sim: Simulator, tmp_path: Path, clock: Clock) -> OpenShop:
    """Return a function that opens a shop on the first box or another; with `entry`, again in the same folder."""
    hass.config.config_dir = str(tmp_path / "config")
    open_shops: list[str] = []

    @asynccontextmanager
    async def opener(
        receiver: Receiver | None = None,
        entry: MockConfigEntry | None = None,
        number: int = 0,
        **options: Any,
    ) -> AsyncIterator[Shop]:
        receiver = receiver or Receiver()
        box = list(sim.cloud.boxes.values())[number]
        assert box.account is not None
        if entry is None:
            entry = MockConfigEntry(
                domain=DOMAIN,
                title="Box",
                data={"device_id": box.device_id, "webhook_id": "test_webhook"},
                options=options,
                entry_id=f"test_entry_{number}" if number else "test_entry",
            )
            entry.add_to_hass(hass)
        client = LiankeClient(
            async_get_clientsession(hass),
            api_key=box.account.api_key,
            credentials=Credentials(device_id=box.device_id, device_key=box.device_key),
            server=sim.url,
        )
        storage = BoxStorage(hass, entry.entry_id)
        await storage.async_load()
        storage.callback_address = "here"
        coordinator = LiankeCoordinator(
            hass, entry, client=client, storage=storage, account=cast("Account", receiver)
        )
        ledger = await async_get_ledger(hass)
        queue = PrintQueue(coordinator, PrintPolicy(hass, entry, storage.pages), ledger)
        receiver.queue = queue
        await coordinator.async_refresh()
        for key in storage.printers:
            await coordinator.capabilities.get(key)
        shop = Shop(
            hass=hass,
            sim=sim,
            entry=entry,
            storage=storage,
            coordinator=coordinator,
            queue=queue,
            receiver=receiver,
            tmp_path=tmp_path,
            clock=clock,
        )
        queue.listen(lambda job, old: shop.history.append((job.job_id, old, job.state)))
        await queue.async_load()
        queue.start()
        open_shops.append(entry.entry_id)
        try:
            yield shop
        finally:
            await queue.async_drain()
            await coordinator.async_shutdown()
            await storage.async_flush()
            await hass.async_block_till_done(wait_background_tasks=True)
            open_shops.remove(entry.entry_id)
            if not open_shops:
                # The last shop closes the ledger, as Home Assistant does when it stops.
                await async_close_ledger(hass)

    return opener


@pytest.fixture
async def shop(open_shop: OpenShop) -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        yield opened


async def lose_answer(shop: Shop) -> None:
    """Let the next job be accepted without an answer."""
    shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_accept"))


async def in_doubt(shop: Shop, job_id: str) -> None:
    """Wait until an upload has ended in doubt."""
    await until(
        lambda: shop.queue.get(job_id).current_delivery.is_in_doubt and not shop.is_uploading
    )
    await shop.settle()


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every document flushed during its upload, as large documents are."""
    monkeypatch.setattr(files, "SMALL_BYTES", 0)
