"""A clock that a test moves, while real sockets go on working."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
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
# Seconds by which the event loop's clock runs on in one turn of the loop: a turn that a busy machine held up for
# longer counts as this, so that nothing is due for that.
TURN = 0.02
# Turns of the event loop, of a millisecond where the machine is idle: how long a request or a pause may take until
# a test goes on without it. They may hang by a fault.
PATIENCE = 400
# Seconds of the event loop's clock that pass by themselves.
SOON = 0.5
# Seconds of real time after which a test is told that it does not come to rest.
LONGEST = 120.0
# Seconds of real time after which threads that were seen to wait for work are believed to.
WAITING = 0.3
# Before each test freezegun asks all modules for all their names, to see whether it knows them: that many of them tell
# it in a quarter of the time.
freezegun_api._get_module_attributes_hash = lambda module: (
    f"{id(module)}-{len(getattr(module, '__dict__', ()))}"
)
_waiting_since: WeakKeyDictionary[ThreadPoolExecutor, float] = WeakKeyDictionary()
# Other pools than the event loop's whose threads do what a test waits for: those of a simulator, while it runs.
pools_of_others: set[ThreadPoolExecutor] = set()
# How many looks after each other find nothing under way, once there is nothing.
CALM = 4


def real_time() -> float:
    """Return seconds of a clock that nothing moves."""
    # Named by its module, since a name of this one would be frozen as well.
    return freezegun_api.real_monotonic()


async def until(condition: Callable[[], object]) -> None:
    """Wait in real time, whatever the event loop's clock does, for something that sets no event."""
    began = real_time()
    while not condition():
        assert real_time() - began < LONGEST, "it does not come true"
        await asyncio.sleep(0.01)


class Clock:
    """Stands still until it is told to move.

    The event loop's own clock runs on, as sockets need it, and is put forward as well, so that
    its timers are due. It runs on only while the loop does: what a busy machine makes it wait does not count.
    """

    def __init__(
        self, frozen: FrozenDateTimeFactory | StepTickTimeFactory | TickingDateTimeFactory
    ) -> None:
        """Take the frozen time."""
        self._frozen = frozen
        self._looked_at = self._time = real_time()

    def loop_time(self) -> float:
        """Return the time of the event loop."""
        before, self._looked_at = self._looked_at, real_time()
        self._time += min(self._looked_at - before, TURN)
        return self._time

    def tick(self, delta: float | timedelta) -> None:
        """Put both clocks forward, by seconds or a time span."""
        seconds = delta.total_seconds() if isinstance(delta, timedelta) else delta
        self._frozen.tick(timedelta(seconds=seconds))
        self._time += seconds


@asynccontextmanager
async def moved_by_hand() -> AsyncGenerator[Clock]:
    """Let the time of the running event loop be moved by hand."""
    with freeze_time(START) as frozen:
        clock = Clock(frozen)
        loop = asyncio.get_running_loop()
        selector = loop._selector  # type: ignore[attr-defined] # no other way
        select = selector.select

        def look(timeout: float | None = None) -> list[Any]:
            """Wait no longer at a time than counts as one turn."""
            return list(select(TURN if timeout is None else min(timeout, TURN)))

        with patch.object(loop, "time", clock.loop_time), patch.object(selector, "select", look):
            yield clock


def threads_work(*pools: ThreadPoolExecutor) -> bool:
    """Return whether a thread of the event loop's pool, or of another one, has something to do.

    A busy machine may let it wait for long, while the clock is about to be moved.
    """
    own: ThreadPoolExecutor | None = asyncio.get_running_loop()._default_executor  # type: ignore[attr-defined] # no other way
    return any(_works(pool) for pool in (*pools, *([own] if own else [])))


def _submit[**P, R](
    self: ThreadPoolExecutor, work: Callable[P, R], /, *args: P.args, **more: P.kwargs
) -> Future[R]:
    """Know what a pool was given to do: a thread may have taken it, and be kept by a busy machine from beginning."""
    future = _real_submit(self, work, *args, **more)
    with _submitting:
        _submitted.setdefault(self, WeakSet()).add(future)
    return future


_real_submit = ThreadPoolExecutor.submit
_submitted: WeakKeyDictionary[ThreadPoolExecutor, WeakSet[Future[Any]]] = WeakKeyDictionary()
_submitting = Lock()
ThreadPoolExecutor.submit = _submit  # type: ignore[assignment, method-assign]


def _works(pool: ThreadPoolExecutor) -> bool:
    """Return whether a pool has something to do.

    Its own count of idle threads stays one too low where a thread that has just finished takes what was meant for
    one that waits: where all of them have waited for work for a while, they are idle, whatever it says.
    """
    if pool._shutdown:
        # A simulated cloud that went away in the midst of a test; what tells its threads to end stays in the queue.
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
    """Return whether each thread of a pool is in the function in which it waits for work."""
    frames = sys._current_frames()
    ours = (frames.get(thread.ident or 0) for thread in [*pool._threads])
    return all(frame is None or frame.f_code.co_name == "_worker" for frame in ours)


def has_requests(hass: HomeAssistant) -> bool:
    """Return whether the cloud is asked for something; by a fault it may take for ever."""
    return any(
        entry.runtime_data.account.requests.taken
        for entry in hass.config_entries.async_loaded_entries(DOMAIN)
    )


def others_work(hass: HomeAssistant) -> bool:
    """Return whether something beside the event loop is under way: a thread, or the process for PDFs."""
    return threads_work(*pools_of_others) or async_get_pdf_worker(hass).is_busy


def pauses(seconds: float) -> bool:
    """Return whether somebody waits for less than so many seconds, which pass by themselves."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    return any(
        timer.when() < until and not timer.cancelled()
        for timer in loop._scheduled  # type: ignore[attr-defined] # no other way
    )


async def rest(hass: HomeAssistant) -> None:
    """Wait until everything that was begun is done, except for what waits for time to pass."""
    began, calm, waited = real_time(), 0, 0
    while calm < CALM:
        assert real_time() - began < LONGEST, "it does not come to rest"
        # What the event loop itself has to do at once is in its list.
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
    """Let time pass in steps, and what is due happen at each."""
    passed = 0.0
    while passed < seconds:
        clock.tick(step)
        passed += step
        await rest(hass)
