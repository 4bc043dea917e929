"""Measures stalls of the event loop: how long it takes from one look at its sockets to the next."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
import gc
import os
from pathlib import Path
import threading
import time
from typing import Any

from homeassistant.util.hass_dict import HassKey

# Seconds: only turns of the loop that take longer are corrected for time without a processor and for collections.
NOTED = 0.02


class StallMeter:
    """Measures the longest turn of a loop, without the time for which its thread waited for a processor.

    Time in which other processes use the processor is not our stall; the kernel measures that time. Python's garbage
    collection is not our stall either, since it walks all of Home Assistant's memory no matter who triggers it; it is
    measured separately. Waiting for a lock, for the disk or for another thread does count.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch the loop from now on."""
        selector: Any = loop._selector  # type: ignore[attr-defined]  # no public way to it
        self._selector, self._select = selector, selector.select
        self._thread = threading.get_ident()
        self._clock = time.pthread_getcpuclockid(self._thread)
        path = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        self._file = os.open(path, os.O_RDONLY) if path.exists() else None
        self._woken_at: float | None = None
        self._waited_at = 0.0
        self._collecting_since = 0.0
        # Seconds of processor time: that of all garbage collections, and that of the longest collection.
        self.collecting = 0.0
        self.longest_collection = 0.0
        # Seconds of the longest turn.
        self.longest = 0.0
        # Seconds for which collections have held the loop up (see `_held_up`).
        self._held = 0.0
        self._held_at = 0.0
        self._slept_before: float | None = None
        selector.select = self._on_select
        gc.callbacks.append(self._on_collection)

    @property
    def found(self) -> dict[str, float]:
        """The longest stall and the longest collection since the last reset(), in seconds."""
        return {"longest": self.longest, "collection": self.longest_collection}

    def reset(self) -> None:
        self.longest = 0.0
        self.longest_collection = 0.0

    def _on_collection(self, phase: str, _info: object) -> None:
        if phase == "start":
            self._collecting_since = time.thread_time()
            is_own = threading.get_ident() == self._thread
            self._slept_before = None if is_own else self._slept()
            return
        # Processor time, since another process may have run in between.
        spent = time.thread_time() - self._collecting_since
        self.longest_collection = max(self.longest_collection, spent)
        self.collecting += spent
        self._held = self._held_up() if self._slept_before is not None else self._held + spent
        self._slept_before = None

    def _held_up(self) -> float:
        """Return the seconds for which collections have held the loop up.

        A collection in another thread holds the loop up for as long as the loop's thread sleeps meanwhile. The loop may
        continue before the end of that collection is reported.
        """
        before = self._slept_before
        return self._held if before is None else self._held + self._slept() - before

    def _slept(self) -> float:
        """Return how many seconds since a fixed moment the loop's thread has neither run nor been ready to run."""
        return time.perf_counter() - time.clock_gettime(self._clock) - self._waited()

    def _waited(self) -> float:
        """Return the seconds for which the loop's thread was ready to run but had no processor."""
        if self._file is None:
            return 0.0
        return int(os.pread(self._file, 100, 0).split()[1]) / 1e9

    def _on_select(self, timeout: float | None = None) -> Any:
        if self._woken_at is not None:
            busy = time.perf_counter() - self._woken_at
            if busy > NOTED:
                lost = self._waited() - self._waited_at
                busy -= max(lost, 0.0) + self._held_up() - self._held_at
            self.longest = max(self.longest, busy)
        events = self._select(timeout)
        self._waited_at = self._waited()
        self._held_at = self._held_up()
        self._woken_at = time.perf_counter()
        return events

    @contextmanager
    def away(self) -> Iterator[None]:
        """Do not watch the loop within the context, in which processor time is measured: watching would add to it."""
        self._selector.select = self._select
        try:
            yield
        finally:
            self._woken_at = None
            self._selector.select = self._on_select

    def forgive(self) -> None:
        """Do not count the present turn of the loop, because the bench itself has done something slow in it."""
        self._woken_at = None


DATA_STALLS: HassKey[StallMeter] = HassKey("lianke_bench_stalls")
