"""One Home Assistant as the world sees it: its process, the commands it gets, and everything it reports."""

import asyncio
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import lru_cache
import json
import os
from pathlib import Path
import signal
import time
from typing import TYPE_CHECKING, Any, Final, Literal

import aiohttp

from tests.e2e.hass import free_port
from tests.ledgers import look, texts
from tests.records import flat
from tests.simulator import Box

from .child import DOMAIN, Order
from .disk import LEDGER, Disk
from .proxy import Fault, Proxy

if TYPE_CHECKING:
    from .user import Asked
    from .world import World

FINAL: Final = frozenset({"completed", "failed", "canceled", "expired", "unconfirmed"})
# Seconds of the world's clock within which a command must be answered.
ANSWER_TIME: Final = 4000.0
# Options with limits that no round reaches.
WIDE: Final = {"max_jobs_per_hour": 1000, "max_pages": 1000}


class CallError(Exception):
    """Home Assistant refused a call; `key` is the translation key of its error."""

    def __init__(self, text: str, key: str | None = None) -> None:
        super().__init__(text)
        self.key = key


class GoneError(CallError):
    """Home Assistant ended before it answered."""


@dataclass(kw_only=True)
class Reported:
    """A state of a job that a user learned of."""

    time: float
    # How often the home had been started by then.
    life: int
    how: Literal["event", "screen", "answer", "error"]
    job_id: str
    state: str
    partly: bool | None = None
    reason: str | None = None


@dataclass(eq=False, kw_only=True)
class Home:
    """One configuration folder with a Home Assistant that comes and goes."""

    world: World
    name: str
    boxes: list[Box]
    proxy: Proxy = field(init=False)
    disk: Disk = field(init=False)
    reported: list[Reported] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    # When processes were killed, and from when to when no Home Assistant ran.
    deaths: list[float] = field(default_factory=list)
    absences: list[tuple[float, float]] = field(default_factory=list)
    entries: dict[str, str] = field(default_factory=dict)
    # Device ids, by box and name of the printer.
    devices: dict[tuple[str, str], str] = field(default_factory=dict)
    skew: float = 0.0
    lives: int = 0
    # Further integrations with their configuration, from the next start on.
    others: dict[str, Any] = field(default_factory=dict)
    # Scans, each with an event that told the end of a delivery.
    delivered: list[tuple[str, str]] = field(default_factory=list)
    pid: int | None = None
    # After this many steps of its messages the process is killed.
    steps_to_live: int | None = None
    # Whether the process must not be killed now.
    is_spared: bool = False
    _is_starting: bool = False
    _is_ending: bool = False
    _writer: asyncio.StreamWriter | None = None
    _answers: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    _number: int = 0
    _ready: asyncio.Future[str] | None = None
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _heard: asyncio.Event = field(default_factory=asyncio.Event)
    _left: float = 0.0
    _screen: asyncio.Task[None] | None = None
    _shown: dict[str, tuple[str, bool, str | None]] = field(default_factory=dict)
    # The records read last, and the versions of the ledger's files at that time.
    _records: list[dict[str, Any]] = field(default_factory=list)
    _seen: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    # Faults that were ordered and have not happened yet.
    planned: list[Fault] = field(default_factory=list)
    # Pairs of jobs: turned paper of the first was put on top of the second's.
    piled: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.config = self.world.folder / self.name
        self.disk = Disk(self.config, self.world.folder)
        self.port = free_port()
        self.proxy = Proxy(cloud_port=self.world.sim.port, hass_port=self.port)
        self.proxy.on_step = self.on_step

    @property
    def documents(self) -> Path:
        """The folder that may be printed from."""
        return self.config / "documents"

    @property
    def runs(self) -> bool:
        """Whether a process runs or is being started."""
        return self.pid is not None or self._is_starting

    async def set_up(self) -> None:
        """Start for the first time and add the config entries of the boxes."""
        self.documents.mkdir(parents=True)
        storage = self.config / ".storage"
        storage.mkdir()
        preset = {
            "version": 1,
            "minor_version": 1,
            "key": "http",
            "data": {"server_host": ["127.0.0.1"], "server_port": self.port},
        }
        (storage / "http").write_text(json.dumps(preset))
        await self.proxy.start()
        await self.start()
        for box in self.boxes:
            assert box.account is not None
            self.entries[box.device_id] = await self.ask(
                "add_entry",
                title=box.device_id,
                unique_id=box.device_id,
                data={
                    "api_key": box.account.api_key,
                    "device_id": box.device_id,
                    "device_key": box.device_key,
                    "server": f"http://127.0.0.1:{self.proxy.port}/api",
                    "webhook_id": f"hook-{self.name}-{box.account.api_key.lower()}",
                },
                options=dict(WIDE),
            )
        self.devices = {
            (identifier.partition("_")[0], name): device
            for identifier, name, device in await self.ask("devices")
        }
        # Wait until everything known by now is on disk.
        await asyncio.sleep(120)

    # Process

    async def start(self) -> None:
        """Start a process and wait until its Home Assistant runs. Raises GoneError if it dies before."""
        assert not self.runs
        self._is_starting = True
        try:
            await self._start()
        finally:
            self._is_starting = False

    async def _start(self) -> None:
        world = self.world
        self._ready = asyncio.get_running_loop().create_future()
        self._ended.clear()
        self._heard.clear()
        self.steps_to_live = None
        self.lives += 1
        world.leader.holds += 1
        try:
            watched, log = self.disk.begin()
            await world.order(
                Order(
                    name=self.name,
                    config=str(self.config),
                    clock=str(world.clock_path),
                    leader=str(world.leader_path),
                    control=str(world.control_path),
                    port=self.port,
                    internal_url=f"http://127.0.0.1:{self.proxy.callback_port}",
                    skew=self.skew,
                    watched=watched,
                    log=log,
                    others=self.others,
                )
            )
            ended = asyncio.ensure_future(self._ended.wait())
            heard = asyncio.ensure_future(self._heard.wait())
            await asyncio.wait([heard, ended], return_when=asyncio.FIRST_COMPLETED)
            heard.cancel()
        finally:
            world.leader.holds -= 1
        waits: list[asyncio.Future[Any]] = [self._ready, ended]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not self._ready.done():
            if self.deaths and self.deaths[-1] >= self._left:
                raise GoneError("killed while it started")
            raise AssertionError(f"{self.name} did not start, see its log")
        if self._left:
            self.absences.append((self._left, world.now))
        self._screen = asyncio.create_task(self._watch_screen(await self._ready))

    async def kill(self) -> None:
        """End the process as a power cut would."""
        await self.world.until(lambda: self.pid is not None or not self._is_starting, step=0.1)
        if self.pid is None:
            return
        self.world.leader.holds += 1
        try:
            self.die()
            await self._ended.wait()
        finally:
            self.world.leader.holds -= 1

    def die(self) -> None:
        """Kill the process at once."""
        if self.pid is not None:
            self.deaths.append(self.world.now)
            self._hold()
            os.kill(self.pid, signal.SIGKILL)

    def _hold(self) -> None:
        """Let no time pass until the end of the process is known."""
        if not self._is_ending:
            self._is_ending = True
            self.world.leader.holds += 1

    def on_step(self) -> None:
        """Count a step, and kill the process if it was its last."""
        if self.steps_to_live is None or self.pid is None or self.is_spared:
            return
        self.steps_to_live -= 1
        if self.steps_to_live <= 0:
            self.steps_to_live = None
            self.die()

    async def stop(self) -> None:
        """Let Home Assistant shut down normally."""
        await self.world.until(lambda: not self._is_starting, step=0.1)
        if self.pid is not None:
            with suppress(GoneError):
                self._say({"do": "stop"})
            await self._ended.wait()

    def note_started(self, pid: int) -> None:
        """Keep the id of the process that has been started."""
        self.pid = pid

    def note_ended(self) -> None:
        """Clean up after the end of the process; unanswered calls raise GoneError."""
        self.pid = None
        self._writer = None
        if self._is_ending:
            self._is_ending = False
            self.world.leader.holds -= 1
        self._left = self.world.now
        if self._screen is not None:
            self._screen.cancel()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(GoneError("Home Assistant is gone"))
        self._answers.clear()
        self._ended.set()

    # Words

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read the reports of the process until it ends."""
        self._writer = writer
        self._heard.set()
        with suppress(OSError):
            while line := await reader.readline():
                self._hear(json.loads(line))
        if not self._is_ending and self.disk.has_died:
            self.deaths.append(self.world.now)
            self._hold()

    def _hear(self, message: dict[str, Any]) -> None:
        match message["kind"]:
            case "ready":
                if self._ready is not None and not self._ready.done():
                    self._ready.set_result(message["token"])
            case "answer":
                answer = self._answers.pop(message["id"], None)
                if answer is not None and not answer.done():
                    if message["ok"]:
                        answer.set_result(message["result"])
                    else:
                        answer.set_exception(CallError(message["error"], message["key"]))
            case "stopped":
                self._hold()
            case "delivered":
                self.delivered.append((message["scan_id"], message["event_type"]))
                self.on_step()
            case "event":
                self._note("event", message, message["event_type"])
                self.on_step()

    def _note(self, how: Any, reported: dict[str, Any], state: str) -> None:
        if state in FINAL:
            # Whoever has put paper back for this job takes the remaining sheets away.
            for box in self.boxes:
                for printer in box.printers:
                    printer.take_out(reported["job_id"])
        self.reported.append(
            Reported(
                time=self.world.now,
                life=self.lives,
                how=how,
                job_id=reported["job_id"],
                state=state,
                partly=reported.get("partly_printed"),
                reason=reported.get("reason") or reported.get("hold_reason"),
            )
        )

    def _say(self, message: dict[str, Any]) -> None:
        if self._writer is None:
            raise GoneError("Home Assistant is gone")
        self._writer.write(json.dumps(message).encode() + b"\n")

    async def ask(self, do: str, **fields: Any) -> Any:
        """Send a command to the process and return its result. Raises CallError."""
        self._number += 1
        answer = asyncio.get_running_loop().create_future()
        self._answers[self._number] = answer
        self._say({"do": do, "id": self._number, "with": fields})
        try:
            async with asyncio.timeout(ANSWER_TIME):
                return await answer
        except TimeoutError:
            if self.pid is not None:
                # On this signal, the process prints where its tasks wait.
                os.kill(self.pid, signal.SIGUSR1)
                await asyncio.to_thread(time.sleep, 1)
            raise AssertionError(f"{do} {fields} was never answered") from None

    async def call(self, service: str, **data: Any) -> Any:
        """Call an action and return its answer; the states of jobs in it are noted as reported."""
        answer = await self.ask("call", service=service, data=data)
        for job in _jobs_in(answer):
            self._note("answer", job, job["state"])
        return answer

    def device(self, box: Box, port: int) -> str:
        """Return the device id of the printer at a port of a box."""
        return self.devices[box.device_id, box.printer(port).name]

    def device_named(self, name: str) -> str:
        """Return the device id of a printer with this name."""
        return next(device for (_, printer), device in self.devices.items() if printer == name)

    def records(self) -> list[dict[str, Any]]:
        """Return every job as it is on disk."""
        seen = look(self.ledger)
        if seen != self._seen:
            self._records, self._seen = [*map(_read, texts(self.ledger, "job"))], seen
        return self._records

    @property
    def ledger(self) -> Path:
        """The folder of the ledger, which holds jobs and scans."""
        return self.config / ".cache" / DOMAIN / "jobs"

    async def set_disk(self, mode: str, *, meets: str = LEDGER) -> None:
        """Fill the disk, make it read-only, slow or broken, or repair it; the fault must hit a path with `meets`."""
        self.disk.set(mode, meets)

    async def set_skew(self, seconds: float) -> None:
        """Set the time of day wrong by this many seconds."""
        self.skew = seconds
        if self.runs:
            await self.ask("skew", seconds=seconds)

    # The card

    async def _watch_screen(self, token: str) -> None:
        """Watch the card's feed over a real WebSocket."""
        self._shown.clear()
        with suppress(aiohttp.ClientError, OSError, TypeError):
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(f"http://127.0.0.1:{self.port}/api/websocket") as socket,
            ):
                await socket.receive_json()
                await socket.send_json({"type": "auth", "access_token": token})
                answer = await socket.receive_json()
                assert answer["type"] == "auth_ok", answer
                await socket.send_json({"id": 1, "type": "lianke/jobs/subscribe"})
                async for message in socket:
                    self._note_screen(json.loads(message.data))

    def _note_screen(self, message: Any) -> None:
        for one in message if isinstance(message, list) else [message]:
            if one.get("type") != "event":
                continue
            for job in one["event"].get("jobs", []):
                shown = (job["state"], bool(job.get("partly_printed")), job.get("hold_reason"))
                if self._shown.get(job["job_id"]) != shown:
                    self._shown[job["job_id"]] = shown
                    self._note("screen", job, job["state"])


def _jobs_in(answer: Any) -> list[dict[str, Any]]:
    """Return the jobs that an answer describes."""
    if not isinstance(answer, dict):
        return []
    if "job_id" in answer and "state" in answer:
        return [answer]
    found = [*answer.get("jobs", [])]
    if isinstance(answer.get("job"), dict):
        found.append(answer["job"])
    return [job for job in found if isinstance(job, dict) and "job_id" in job]


@lru_cache(1000)
def _read(text: str) -> dict[str, Any]:
    """Return the job of a record; cached, because waiting for a change means reading the same records many times."""
    return flat(json.loads(text))


def as_line(reported: Reported) -> str:
    """Return a report as a line of JSON."""
    return json.dumps({key: value for key, value in asdict(reported).items() if value is not None})
