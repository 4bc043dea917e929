"""A clock that a test moves, while real sockets go on working."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
import sys
from threading import Lock
from typing import Any
from unittest.mock import patch
from weakref import WeakKeyDictionary, WeakSet

from freezegun import api as freezegun_api, freeze_time
from freezegun.api import FrozenDateTimeFactory, StepTickTimeFactory, TickingDateTimeFactory
from homeassistant.core import HomeAssistant

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.documents.pdf_client import async_get_pdf_worker

START = "2026-11-24 10:00:00+00:00"
# Maximum seconds by which one turn of the event loop moves its clock. A turn may take longer on a busy machine, which
# must not make timers due.
TURN = 0.02
# Turns of the event loop (a millisecond each on an idle machine) for which rest() waits for requests and short pauses.
# After that it no longer waits for them, because a fault may hold a request up forever.
PATIENCE = 1000
# Seconds: rest() waits for shorter pauses, because the event loop's clock gets to their end by itself.
SOON = 0.5
# Seconds of real time after which a test fails because it does not come to rest.
LONGEST = 120.0
# Seconds of real time for which all threads of a pool must wait for work before the pool counts as idle.
WAITING = 0.3
# Before each test freezegun compares the names in each module with those it has seen. Comparing only how many there are
# takes a quarter of the time.
freezegun_api._get_module_attributes_hash = lambda module: (
    f"{id(module)}-{len(getattr(module, '__dict__', ()))}"
)
_waiting_since: WeakKeyDictionary[ThreadPoolExecutor, float] = WeakKeyDictionary()
# Thread pools other than the event loop's whose work rest() waits for as well: those of a running simulator.
pools_of_others: set[ThreadPoolExecutor] = set()
# Number of looks in a row that must find nothing under way before everything counts as done.
CALM = 4


def real_time() -> float:
    """Return the seconds of a clock that is never frozen or moved."""
    # Called through its module, because freezegun would replace a name imported into this module.
    return freezegun_api.real_monotonic()


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true that no event announces; in real time, independent of the event loop's clock."""
    began = real_time()
    while not condition():
        assert real_time() - began < LONGEST, "it does not come true"
        await asyncio.sleep(0.01)


class Clock:
    """A clock that stands still until a test moves it.

    The event loop's clock keeps running, because sockets need it. tick() puts both clocks forward, so that timers
    become due. The loop's clock runs only while the loop does: time for which a busy machine stops it does not count.
    """

    def __init__(
        self, frozen: FrozenDateTimeFactory | StepTickTimeFactory | TickingDateTimeFactory
    ) -> None:
        self._frozen = frozen
        self._looked_at = self._time = real_time()

    def loop_time(self) -> float:
        """Return the seconds of the event loop's clock."""
        before, self._looked_at = self._looked_at, real_time()
        self._time += min(self._looked_at - before, TURN)
        return self._time

    def tick(self, delta: float | timedelta) -> None:
        """Put both clocks forward, by seconds or a time span."""
        seconds = delta.total_seconds() if isinstance(delta, timedelta) else delta
        self._frozen.tick(timedelta(seconds=seconds))
        self._time += seconds


# The clock of the running test, if it has one.
_moved: list[Clock] = []


@asynccontextmanager
async def moved_by_hand() -> AsyncGenerator[Clock]:
    with freeze_time(START) as frozen:
        clock = Clock(frozen)
        loop = asyncio.get_running_loop()
        selector = loop._selector  # type: ignore[attr-defined] # no other way
        select = selector.select

        def look(timeout: float | None = None) -> list[Any]:
            """Wait for TURN seconds at most, so that the clock moves by no more than that."""
            return list(select(TURN if timeout is None else min(timeout, TURN)))

        _moved.append(clock)
        try:
            with (
                patch.object(loop, "time", clock.loop_time),
                patch.object(selector, "select", look),
            ):
                yield clock
        finally:
            _moved.remove(clock)


def pass_a_second() -> None:
    """Make all that was seen until now older than what comes, where a clock stands still between the two."""
    for clock in _moved:
        clock.tick(1)


def threads_work(*pools: ThreadPoolExecutor) -> bool:
    """Return whether a thread of the event loop's pool or of one of `pools` has work.

    On a busy machine such a thread may wait long for a processor; the clock must not move meanwhile.
    """
    own: ThreadPoolExecutor | None = asyncio.get_running_loop()._default_executor  # type: ignore[attr-defined] # no other way
    return any(_works(pool) for pool in (*pools, *([own] if own else [])))


def _submit[**P, R](
    self: ThreadPoolExecutor, work: Callable[P, R], /, *args: P.args, **more: P.kwargs
) -> Future[R]:
    """Remember the work given to a pool: on a busy machine, a thread may have taken it but not begun it yet."""
    future = _real_submit(self, work, *args, **more)
    with _submitting:
        _submitted.setdefault(self, WeakSet()).add(future)
    return future


_real_submit = ThreadPoolExecutor.submit
_submitted: WeakKeyDictionary[ThreadPoolExecutor, WeakSet[Future[Any]]] = WeakKeyDictionary()
_submitting = Lock()
ThreadPoolExecutor.submit = _submit  # type: ignore[assignment, method-assign]


def _works(pool: ThreadPoolExecutor) -> bool:
    """Return whether a pool has work.

    The pool's own count of idle threads can stay one too low: a thread that has just finished may take work meant for
    a waiting thread. So a pool also counts as idle once all its threads have waited for WAITING seconds.
    """
    if pool._shutdown:
        # A test has stopped the simulator that owns this pool; the queue keeps the item that ends the threads.
        return False
    with _submitting:
        given = [*_submitted.get(pool, ())]
    if not all(future.done() for future in given):
        return True
    is_idle = pool._idle_semaphore._value >= len(pool._threads)
    if is_idle or pool._work_queue.qsize() or not _all_wait(pool):
        _waiting_since.pop(pool, None)
        return not is_idle or bool(pool._work_queue.qsize())
    return real_time() - _waiting_since.setdefault(pool, real_time()) < WAITING


def _all_wait(pool: ThreadPoolExecutor) -> bool:
    """Return whether each thread is in the function in which a pool's threads wait for work."""
    frames = sys._current_frames()
    ours = (frames.get(thread.ident or 0) for thread in [*pool._threads])
    return all(frame is None or frame.f_code.co_name == "_worker" for frame in ours)


def has_requests(hass: HomeAssistant) -> bool:
    """Return whether a request to the cloud is under way; a fault may hold it up forever."""
    return any(
        entry.runtime_data.account.requests.taken
        for entry in hass.config_entries.async_loaded_entries(DOMAIN)
    )


def others_work(hass: HomeAssistant) -> bool:
    """Return whether anything outside the event loop is under way: a thread, or the PDF process."""
    return threads_work(*pools_of_others) or async_get_pdf_worker(hass).is_busy


@asynccontextmanager
async def hurrying(clock: Clock, hass: HomeAssistant) -> AsyncGenerator[None]:
    """Move the clock on whenever nothing else is under way."""

    async def hurry() -> None:
        while True:
            await asyncio.sleep(0.005)
            if not (others_work(hass) or has_requests(hass)):
                clock.tick(1)

    task = asyncio.create_task(hurry())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def pauses(seconds: float) -> bool:
    """Return whether a timer is due within this many seconds."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    return any(
        timer.when() < until and not timer.cancelled()
        for timer in loop._scheduled  # type: ignore[attr-defined] # no other way
    )


async def rest(hass: HomeAssistant) -> None:
    """Wait until everything that has begun is done, except work that waits for the clock."""
    began, calm, waited = real_time(), 0, 0
    while calm < CALM:
        assert real_time() - began < LONGEST, "it does not come to rest"
        # Callbacks that the event loop runs in its next turn are in this list.
        await asyncio.sleep(0)
        if asyncio.get_running_loop()._ready:  # type: ignore[attr-defined] # no other way
            calm = 0
        elif others_work(hass):
            calm = 0
            await asyncio.sleep(0.001)
        elif not hass._tasks and not hass._background_tasks:
            calm += 1
        else:
            waits = waited < PATIENCE and (has_requests(hass) or pauses(SOON))
            calm = 0 if waits else calm + 1
            waited += waits
            await asyncio.sleep(0.001)


async def elapse(hass: HomeAssistant, clock: Clock, seconds: float, step: float = 5) -> None:
    """Move the clock in steps; before and after each step, wait until everything that is due is done.

    Without the first wait, a request that has just begun would time out in the first step.
    """
    await rest(hass)
    passed = 0.0
    while passed < seconds:
        clock.tick(step)
        passed += step
        await rest(hass)
