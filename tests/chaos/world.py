"""The cloud, the clock, and the Home Assistants of one round, in one folder."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
import json
import os
from pathlib import Path
from random import Random
import shutil
import socket
import sys
import tempfile
from typing import Final

from tests.disk.recorder import preloaded
from tests.e2e.hass import ROOT
from tests.proof.papers import unlike_any
from tests.simulator import Box, Simulator

from .child import LINE_LIMIT, Order
from .clock import ChaosClock, Leader, real_time
from .home import FINAL, Home
from .user import answer_all

MODEL: Final = "HP LaserJet 1020"
PRINTERS: Final = 3
# Seconds of the world's clock within which everything should have ended, and seconds between two looks at it.
SETTLE_TIME: Final = 26 * 3600.0
LOOK: Final = 60.0
# Seconds within which everything should have ended that only a restart has brought to light.
LATE_TIME: Final = 2 * 3600.0
# Seconds of rest before the restart and after it.
AFTERWARDS: Final = 400.0


class Zygote:
    """The process from which Home Assistants are forked; it serves any number of worlds, one at a time."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._ours, self._theirs = socket.socketpair()
        self.world: World | None = None
        self._reader: asyncio.Task[None] | None = None

    async def begin(self, world: World) -> None:
        """Serve a world from now on."""
        self.world = world
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.chaos.zygote", str(self._theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                cwd=ROOT,
                # With this library loaded, a Home Assistant is recorded as soon as it names the folder to watch.
                env={**os.environ, "LD_PRELOAD": preloaded()},
                pass_fds=[self._theirs.fileno()],
            )
            self._theirs.close()
            self._ours.setblocking(False)
        self._reader = asyncio.create_task(self._read())

    async def end(self) -> None:
        """Stop serving the world."""
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
        self.world = None

    def close(self) -> None:
        """End the process."""
        self._ours.close()

    async def send(self, order: Order) -> None:
        """Have a Home Assistant forked."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._ours, json.dumps(asdict(order)).encode() + b"\n")

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        pending = b""
        while received := await loop.sock_recv(self._ours, CHUNK):
            *lines, pending = (pending + received).split(b"\n")
            for line in lines:
                message = json.loads(line)
                assert self.world is not None
                home = self.world.homes[message["name"]]
                if "started" in message:
                    home.note_started(message["started"])
                elif home.pid == message["ended"]:
                    home.note_ended()


CHUNK: Final = 1 << 16


class World:
    """Everything that belongs to one round."""

    def __init__(self, folder: Path, seed: int, leader: Leader, zygote: Zygote) -> None:
        self.folder = folder
        self.seed = seed
        self.random = Random(seed)
        self.leader = leader
        self.leader_path = folder / "leader"
        self.clock_path = folder / "clock"
        self.control_path = folder / "control"
        self.homes: dict[str, Home] = {}
        self.sim: Simulator
        self.began = 0.0
        self.began_really = real_time()
        self.story: list[str] = []
        self._zygote = zygote
        self._made = 0

    @property
    def now(self) -> float:
        """Seconds of the world's clock, which is never set wrong."""
        return asyncio.get_running_loop().time()

    def note(self, text: str) -> None:
        """Add a line to the round's story, with the time."""
        self.story.append(f"{self.now - self.began:9.2f} {text}")

    async def order(self, order: Order) -> None:
        """Start a Home Assistant."""
        await self._zygote.send(order)

    def add_box(self, printers: int = PRINTERS) -> Box:
        """Add a box with this many laser printers, named Printer 1, Printer 2 and so on."""
        box = self.sim.cloud.add_box(printers=0)
        for port in range(1, printers + 1):
            self.sim.cloud.add_printer(box, MODEL, port, name=f"Printer {port}")
        return box

    async def add_home(self, *boxes: Box) -> Home:
        """Add a home with these boxes and wait until it runs and all is on disk."""
        home = Home(world=self, name=f"home{len(self.homes) + 1}", boxes=list(boxes))
        self.homes[home.name] = home
        await home.set_up()
        return home

    def paper(self, home: Home, pages: int = 2, padding: int = 0) -> Path:
        """Write a document that differs from all others; return its path."""
        self._made += 1
        path = home.documents / f"doc{self._made:03}.pdf"
        path.write_bytes(unlike_any(self.random, pages, path.stem, padding))
        return path

    async def until(
        self, condition: Callable[[], bool], seconds: float = 600.0, step: float = 1.0
    ) -> bool:
        """Wait until a condition is true, for `seconds` at most; return whether it became true."""
        end = self.now + seconds
        while not condition():
            if self.now >= end:
                return False
            await asyncio.sleep(step)
        return True

    async def settle(self) -> None:
        """Put everything in order, wait until every job has ended, restart all homes and wait once more."""
        cloud = self.sim.cloud
        for box in cloud.boxes.values():
            box.online = True
            for printer in box.printers:
                printer.on = printer.plugged = True
                printer.paper = None
                printer.paused = False
        for home in self.homes.values():
            home.proxy.policy = lambda _exchange: None
            home.proxy.is_up = True
            home.steps_to_live = None
            await home.set_disk("ok")
            await home.set_skew(0.0)
            if not home.runs:
                await home.start()
            for entry_id in home.entries.values():
                await home.ask("enable", entry_id=entry_id)
        await asyncio.sleep(2 * LOOK)
        await self._answer(SETTLE_TIME)
        await asyncio.sleep(AFTERWARDS)
        for home in self.homes.values():
            await home.stop()
            await asyncio.sleep(1)
            await home.start()
        await asyncio.sleep(AFTERWARDS)
        # The restart may have brought more to light.
        await self._answer(LATE_TIME)
        for home in self.homes.values():
            for device in home.devices.values():
                with suppress(Exception):
                    await home.call("list_jobs", device_id=device, limit=200)
            await home.stop()

    async def _answer(self, seconds: float) -> None:
        """Continue all jobs that wait for a person, until everything is settled, for `seconds` at most."""
        end = self.now + seconds
        while not self._is_settled() and self.now < end:
            for home in self.homes.values():
                await answer_all(home)
            await asyncio.sleep(LOOK)

    def _is_settled(self) -> bool:
        return all(
            record["state"] in FINAL for home in self.homes.values() for record in home.records()
        ) and all(task.ended.is_set() for task in self.sim.cloud.tasks.values())

    async def _take_line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = json.loads(await reader.readline())
        await self.homes[hello["name"]].listen(reader, writer)

    async def run[T](self, script: Callable[[World], Awaitable[T]]) -> T:
        """Run a script in this world, and return its result."""
        server = await asyncio.start_unix_server(
            self._take_line, self.control_path, limit=LINE_LIMIT
        )
        await self._zygote.begin(self)
        self.sim = Simulator(self.folder / "out", rate_limit=None, chromium="", cast=_nothing)
        await self.sim.start()
        self.sim.cloud.add_account("home")
        self.began = self.now
        try:
            return await script(self)
        finally:
            for home in self.homes.values():
                await home.kill()
                await home.proxy.stop()
            await self.sim.stop()
            server.close()
            await self._zygote.end()
            # The clock must not jump any more: the end of threads is awaited in real time.
            self.leader.holds += 1


def _nothing(_cloud: object) -> None:
    """Leave the cloud empty."""


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, leader: Leader) -> None:
        super().__init__()
        leader.attach(self)


def live[T](
    seed: int,
    script: Callable[[World], Awaitable[T]],
    zygote: Zygote,
    *,
    keep: Path | None = None,
) -> T:
    """Make a world, run a script in it, and return the script's result.

    This process uses the world's clock from now on. `keep` is a folder for the world that is not deleted.
    """
    folder = keep or Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # A round begins at any time of the day, also around midnight in China, whose time the service's lists have.
        clock = ChaosClock(folder / "clock", begin=1000 + Random(seed).uniform(0, 86400))
        clock.install()
        leader = Leader(clock, folder / "leader")
        with asyncio.Runner(loop_factory=lambda: _Loop(leader)) as runner:
            world = World(folder, seed, leader, zygote)
            try:
                return runner.run(world.run(script))
            finally:
                leader.close()
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
