"""Simulated time for one world process and any number of Home Assistant processes.

The world (the cloud, the proxies and the script of a round) leads. Whenever neither the world nor any Home Assistant
has anything to read, compute or write, all clocks move forward to the next timer of any process, so that no time is
spent waiting. A process that is killed drops out; the others go on.
"""

from contextlib import suppress
import mmap
import os
from pathlib import Path
import selectors
import socket
import struct
import time
from typing import Any, Final, override

from benchmarks.clock import GLANCE, NEVER, Clock, _Jumper

_FORMAT: Final = struct.Struct("=Qd")
START: Final = 1_795_651_200.0  # midnight in London, 2026-11-26
# Seconds that the clock moves in each real second.
SLOWNESS: Final = 0.01


def real_time() -> float:
    """Return real seconds, which no jump of a clock changes."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class ChaosClock(Clock):
    """The clock of one process; `skew` sets a Home Assistant's time of day wrong.

    Real time hardly moves this clock, so that a round takes the same course on a busy machine.
    """

    def __init__(self, path: Path, *, begin: float | None = None) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(descriptor, 16)
            shared = mmap.mmap(descriptor, 16)
        finally:
            os.close(descriptor)
        self._ahead = memoryview(shared).cast("d")
        if begin is not None:
            self._ahead[0], self._ahead[1] = begin, real_time()
        self.skew = 0.0

    @override
    def monotonic(self) -> float:
        return self._ahead[0] + (real_time() - self._ahead[1]) * SLOWNESS

    @override
    def time(self) -> float:
        return START + self.monotonic() + self.skew


class Leader(_Jumper):
    """The world's side, which asks every follower for its next timer and moves the clock."""

    def __init__(self, clock: Clock, path: Path) -> None:
        super().__init__(clock)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen(8)
        self._listener.setblocking(False)
        self._followers: dict[socket.socket, float | None] = {}
        self._asked = 0
        # While this is above zero, the clock does not jump, because a process is starting or ending.
        self.holds = 0
        self.jumps = 0

    @override
    def attach(self, loop: Any) -> None:
        super().attach(loop)
        self._selector.register(self._listener, selectors.EVENT_READ, self)

    def close(self) -> None:
        """Close the connections to all followers, and accept no more."""
        for follower in list(self._followers):
            self._drop(follower)
        self._selector.unregister(self._listener)
        self._listener.close()

    @property
    def followers(self) -> int:
        """How many processes take part."""
        return len(self._followers)

    @override
    def select(self, timeout: float | None = None) -> list[Any]:
        deadline = self._deadline(timeout)
        is_asked = False
        while True:
            events, reported = self._look(0)
            if reported:
                self._hear()
            now = self.clock.monotonic()
            if events or now >= deadline:
                return events
            free = not self.busy_threads and not self.holds
            if free and not is_asked:
                self._ask()
                is_asked = True
            if free and all(moment is not None for moment in self._followers.values()):
                if events := self._look(0)[0]:
                    return events
                moments = [moment for moment in self._followers.values() if moment is not None]
                self._jump(min([deadline, *moments]))
                is_asked = False
                continue
            events, reported = self._look(min(deadline - now, GLANCE))
            if reported:
                self._hear()
            if events:
                return events

    def _ask(self) -> None:
        self._asked += 1
        for follower in list(self._followers):
            self._followers[follower] = None
            try:
                follower.send(_FORMAT.pack(self._asked, 0.0))
            except OSError:
                self._drop(follower)

    def _jump(self, moment: float) -> None:
        if moment == NEVER:
            # No process has a timer, so only something from outside can make anything happen.
            self._real_select(GLANCE)
            return
        self.clock.advance(max(0.0, moment - self.clock.monotonic()))
        self.jumps += 1
        for follower in list(self._followers):
            with suppress(OSError):
                # Number 0 tells the follower that the time has changed.
                follower.send(_FORMAT.pack(0, 0.0))

    def _hear(self) -> None:
        with suppress(BlockingIOError):
            follower, _ = self._listener.accept()
            follower.setblocking(False)
            self._selector.register(follower, selectors.EVENT_READ, self)
            self._followers[follower] = None
        for follower in list(self._followers):
            self._hear_one(follower)

    def _hear_one(self, follower: socket.socket) -> None:
        try:
            while True:
                word = follower.recv(_FORMAT.size)
                if not word:
                    self._drop(follower)
                    return
                number, moment = _FORMAT.unpack(word)
                if number == self._asked:
                    self._followers[follower] = moment
        except BlockingIOError:
            return
        except OSError:
            self._drop(follower)

    def _drop(self, follower: socket.socket) -> None:
        del self._followers[follower]
        self._selector.unregister(follower)
        follower.close()


class Follower(_Jumper):
    """A Home Assistant's side, which reports when its next timer is due, once it has nothing left to do."""

    def __init__(self, clock: Clock, path: Path) -> None:
        super().__init__(clock)
        self._leader = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._leader.connect(str(path))
        self._leader.setblocking(False)
        self._question = 0

    @override
    def attach(self, loop: Any) -> None:
        super().attach(loop)
        self._selector.register(self._leader, selectors.EVENT_READ, self)

    @override
    def select(self, timeout: float | None = None) -> list[Any]:
        deadline = self._deadline(timeout)
        while True:
            events, reported = self._look(0)
            if reported:
                self._hear()
            now = self.clock.monotonic()
            if events or now >= deadline:
                return events
            if self._question and not self.busy_threads:
                with suppress(OSError):
                    self._leader.send(_FORMAT.pack(self._question, deadline))
                self._question = 0
            if not reported:
                events, reported = self._look(min(deadline - now, GLANCE))
                if reported:
                    self._hear()
                if events:
                    return events

    def _hear(self) -> None:
        try:
            while True:
                word = self._leader.recv(_FORMAT.size)
                if not word:
                    # The world process has ended.
                    os._exit(3)
                number, _ = _FORMAT.unpack(word)
                if number:
                    self._question = number
        except BlockingIOError:
            return
