"""A clock that jumps: two processes that wait for each other share it, and no moment is spent waiting.

Real sockets cannot be rushed, but nothing needs to happen while everybody sleeps. So the event loops of Home
Assistant (the leader) and of the simulated cloud (the follower) run as always; only when neither has anything to
read, to compute or to write, both clocks are put forward to the next timer of either. A day passes in the time that
its work takes, with every time-out, pause and interval as long as in life.

What both share is a small file in memory: how far the clocks are ahead. The leader asks over a socket when the
follower's next timer is due; the follower answers only once it has nothing left to do. Whatever one has sent to the
other before is readable by then, since a loopback connection delivers within the call that sends.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
import mmap
import os
from pathlib import Path
import selectors
import socket
import struct
import time
from typing import Any, Final, override

_REAL_MONOTONIC: Final = time.monotonic
_REAL_TIME: Final = time.time
_FORMAT: Final = struct.Struct("=Qd")
NEVER: Final = float("inf")
# Seconds. Longest look at the sockets, so that a lost message cannot stop the world.
GLANCE: Final = 0.5


class Clock:
    """How far ahead the clocks are, in a file that both processes map."""

    def __init__(self, path: Path) -> None:
        """Map the file, made if missing."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(descriptor, 8)
            self._map = mmap.mmap(descriptor, 8)
        finally:
            os.close(descriptor)
        self._ahead = memoryview(self._map).cast("d")

    @property
    def ahead(self) -> float:
        """Return the seconds."""
        return self._ahead[0]

    def advance(self, seconds: float) -> None:
        """Put the clocks forward."""
        self._ahead[0] += seconds

    def monotonic(self) -> float:
        """Return what `time.monotonic` returns from now on."""
        return _REAL_MONOTONIC() + self._ahead[0]

    def time(self) -> float:
        """Return what `time.time` returns from now on."""
        return _REAL_TIME() + self._ahead[0]

    def install(self) -> None:
        """Let this process go by the clock; event loops and everybody who asks the time module."""
        time.monotonic = self.monotonic
        time.monotonic_ns = lambda: int(self.monotonic() * 1e9)
        time.time = self.time
        time.time_ns = lambda: int(self.time() * 1e9)


class _Jumper:
    """Stands between an event loop and its selector."""

    def __init__(self, clock: Clock) -> None:
        """Take the clock."""
        self.clock = clock
        self.busy_threads = 0
        self._real_select: Callable[[float | None], list[Any]]
        self._selector: selectors.BaseSelector

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch the loop's sockets, and the work it gives to threads."""
        self._selector = loop._selector  # type: ignore[attr-defined]  # no public way to it
        self._real_select = self._selector.select
        self._selector.select = self.select  # type: ignore[method-assign]
        # Home Assistant gives its loop the machine's own clock directly.
        loop.time = self.clock.monotonic  # type: ignore[method-assign]
        run_in_executor = loop.run_in_executor

        def counted(*args: Any) -> asyncio.Future[Any]:
            future = run_in_executor(*args)
            self.busy_threads += 1
            future.add_done_callback(self._thread_is_done)
            return future

        loop.run_in_executor = counted  # type: ignore[assignment, method-assign]

    def _thread_is_done(self, _future: object) -> None:
        self.busy_threads -= 1

    def select(self, timeout: float | None = None) -> list[Any]:
        """Wait as a selector does."""
        raise NotImplementedError

    def _deadline(self, timeout: float | None) -> float:
        return NEVER if timeout is None else self.clock.monotonic() + max(0.0, timeout)

    def _look(self, seconds: float) -> tuple[list[Any], bool]:
        """Return what there is for the loop, and whether there is a word of the other side."""
        events = self._real_select(seconds)
        ours = [event for event in events if event[0].data is not self]
        return ours, len(ours) < len(events)


class Leader(_Jumper):
    """Home Assistant's side: it decides when to jump."""

    def __init__(self, clock: Clock, path: Path) -> None:
        """Take the clock and the follower's socket."""
        super().__init__(clock)
        self._path = path
        self._socket: socket.socket | None = None
        self._asked = 0
        self.jumps = 0

    def begin(self) -> None:
        """Jump from now on."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.connect(str(self._path))
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, self)
        self._socket = connection

    def end(self) -> None:
        """Jump no more."""
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None

    @override
    def select(self, timeout: float | None = None) -> list[Any]:
        """Wait for the sockets; when all is still, put the clocks forward instead."""
        if self._socket is None:
            return self._real_select(timeout)
        deadline = self._deadline(timeout)
        is_asked = False
        while True:
            events, _ = self._look(0)
            now = self.clock.monotonic()
            if events or now >= deadline:
                return events
            if not self.busy_threads and not is_asked:
                self._asked += 1
                self._socket.send(_FORMAT.pack(self._asked, 0.0))
                is_asked = True
            events, reported = self._look(min(deadline - now, GLANCE))
            if events:
                return events
            if reported and (other := self._answer()) is not None:
                events, _ = self._look(0)
                if events or self.busy_threads:
                    return events
                self._jump(min(deadline, other))
                is_asked = False

    def _answer(self) -> float | None:
        """Return the follower's next moment, None when it answers an older question."""
        assert self._socket is not None
        other = None
        with suppress(BlockingIOError):
            while True:
                number, moment = _FORMAT.unpack(self._socket.recv(_FORMAT.size))
                if number == self._asked:
                    other = moment
        return other

    def _jump(self, moment: float) -> None:
        assert self._socket is not None
        if moment == NEVER:
            return
        self.clock.advance(max(0.0, moment - self.clock.monotonic()))
        self.jumps += 1
        # Number 0: the time has changed.
        self._socket.send(_FORMAT.pack(0, 0.0))


class Follower(_Jumper):
    """The cloud's side: it tells when its next timer is due."""

    def __init__(self, clock: Clock, path: Path) -> None:
        """Take the clock and listen."""
        super().__init__(clock)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._listener.setblocking(False)
        self._connection: socket.socket | None = None
        self._question = 0

    @override
    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch the loop, and the leader's socket."""
        super().attach(loop)
        self._selector.register(self._listener, selectors.EVENT_READ, self)

    @override
    def select(self, timeout: float | None = None) -> list[Any]:
        """Wait for the sockets, and tell the leader when there is nothing else to do."""
        deadline = self._deadline(timeout)
        while True:
            events, reported = self._look(0)
            if reported:
                self._hear()
            now = self.clock.monotonic()
            if events or now >= deadline:
                return events
            if self._question and not self.busy_threads and self._connection is not None:
                with suppress(OSError):
                    self._connection.send(_FORMAT.pack(self._question, deadline))
                self._question = 0
            if not reported:
                events, _ = self._look(min(deadline - now, GLANCE))
                if events:
                    return events

    def _hear(self) -> None:
        """Take one word of the leader."""
        if self._connection is None:
            with suppress(BlockingIOError):
                self._connection, _ = self._listener.accept()
                self._connection.setblocking(False)
                self._selector.register(self._connection, selectors.EVENT_READ, self)
            return
        try:
            word = self._connection.recv(_FORMAT.size)
        except BlockingIOError:
            return
        except ConnectionError:
            word = b""
        if not word:
            self._selector.unregister(self._connection)
            self._connection.close()
            self._connection = None
            return
        number, _ = _FORMAT.unpack(word)
        if number:
            self._question = number
