"""A clock that jumps, shared by two processes, so that no time is spent waiting.

Real sockets cannot be sped up, but waiting can be skipped while neither process has work. So the event loops of Home
Assistant (the leader) and of the simulated cloud (the follower) run as usual. Only when neither has anything to read,
compute or write do both clocks jump to the next timer of either process. A day passes in the time that its work takes;
all time-outs, pauses and intervals keep their length.

The processes share a small file in memory that holds the seconds by which the clocks are ahead. The leader asks over a
socket when the follower's next timer is due, and the follower answers only once it has nothing left to do. By then
everything that the processes have sent to each other is readable, because a loopback connection delivers data within
the call that sends it.
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
# Maximum seconds of one wait for the sockets, so that a lost message cannot stop everything.
GLANCE: Final = 0.5


class Clock:
    """Seconds by which the clocks are ahead, in a file that both processes map."""

    def __init__(self, path: Path) -> None:
        """Map the file, which is created if missing."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(descriptor, 8)
            self._map = mmap.mmap(descriptor, 8)
        finally:
            os.close(descriptor)
        self._ahead = memoryview(self._map).cast("d")

    @property
    def ahead(self) -> float:
        return self._ahead[0]

    def advance(self, seconds: float) -> None:
        self._ahead[0] += seconds

    def monotonic(self) -> float:
        return _REAL_MONOTONIC() + self._ahead[0]

    def time(self) -> float:
        return _REAL_TIME() + self._ahead[0]

    def install(self) -> None:
        """Replace the clock of this process for event loops and all users of the time module."""
        time.monotonic = self.monotonic
        time.monotonic_ns = lambda: int(self.monotonic() * 1e9)
        time.time = self.time
        time.time_ns = lambda: int(self.time() * 1e9)


class _Jumper:
    """Stands between an event loop and its selector."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.busy_threads = 0
        self._real_select: Callable[[float | None], list[Any]]
        self._selector: selectors.BaseSelector

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch the loop's sockets, and the work that the loop gives to threads."""
        self._selector = loop._selector  # type: ignore[attr-defined]  # no public way to it
        self._real_select = self._selector.select
        self._selector.select = self.select  # type: ignore[method-assign]
        # Home Assistant has set `loop.time` to the real `monotonic`, so replacing `time.monotonic` is not enough.
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
        raise NotImplementedError

    def _deadline(self, timeout: float | None) -> float:
        return NEVER if timeout is None else self.clock.monotonic() + max(0.0, timeout)

    def _look(self, seconds: float) -> tuple[list[Any], bool]:
        """Wait up to `seconds`; return the loop's own events, and whether the other process has sent a message."""
        events = self._real_select(seconds)
        ours = [event for event in events if event[0].data is not self]
        return ours, len(ours) < len(events)


class Leader(_Jumper):
    """Home Assistant's side, which decides when to jump."""

    def __init__(self, clock: Clock, path: Path) -> None:
        """`path` is the follower's socket."""
        super().__init__(clock)
        self._path = path
        self._socket: socket.socket | None = None
        self._asked = 0
        self.jumps = 0

    def begin(self) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.connect(str(self._path))
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, self)
        self._socket = connection

    def end(self) -> None:
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None

    @override
    def select(self, timeout: float | None = None) -> list[Any]:
        """Wait for the sockets, or, when neither process has work, put the clocks forward."""
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
        """Return when the follower's next timer is due; None if the follower has answered only older questions."""
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
        # Number 0 tells the follower that the time has changed.
        self._socket.send(_FORMAT.pack(0, 0.0))


class Follower(_Jumper):
    """The cloud's side, which reports when its next timer is due."""

    def __init__(self, clock: Clock, path: Path) -> None:
        """Listen at `path`."""
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
        """Wait for the sockets, and answer the leader when there is nothing else to do."""
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
        """Accept the leader's connection, or read one message from it."""
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
