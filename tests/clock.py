"""A clock that a test moves, while real sockets go on working."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from unittest.mock import patch

from freezegun import api as freezegun_api, freeze_time
from freezegun.api import FrozenDateTimeFactory, StepTickTimeFactory, TickingDateTimeFactory
from homeassistant.core import HomeAssistant

START = "2026-11-24 10:00:00+00:00"
# Real seconds that something under way may take until a test goes on without it.
PATIENCE = 0.5


class Clock:
    """Stands still until it is told to move.

    The event loop's own clock runs on, as sockets need it, and is put forward as well, so that
    its timers are due.
    """

    def __init__(
        self, frozen: FrozenDateTimeFactory | StepTickTimeFactory | TickingDateTimeFactory
    ) -> None:
        """Take the frozen time."""
        self._frozen = frozen
        self._ahead = 0.0

    def loop_time(self) -> float:
        """Return the time of the event loop."""
        # Named by its module, since a name of this one would be frozen as well.
        return freezegun_api.real_monotonic() + self._ahead

    def tick(self, delta: float | timedelta) -> None:
        """Put both clocks forward, by seconds or a time span."""
        seconds = delta.total_seconds() if isinstance(delta, timedelta) else delta
        self._frozen.tick(timedelta(seconds=seconds))
        self._ahead += seconds


@asynccontextmanager
async def moved_by_hand() -> AsyncGenerator[Clock]:
    """Let the time of the running event loop be moved by hand."""
    with freeze_time(START) as frozen:
        clock = Clock(frozen)
        loop = asyncio.get_running_loop()
        # A tick looks like a slow callback.
        loop.slow_callback_duration = 1e9
        with patch.object(loop, "time", clock.loop_time):
            yield clock


async def rest(hass: HomeAssistant) -> None:
    """Wait until everything that was begun is done, except for what waits for time to pass."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await asyncio.sleep(0)
            await hass.async_block_till_done(wait_background_tasks=True)


async def elapse(hass: HomeAssistant, clock: Clock, seconds: float, step: float = 5) -> None:
    """Let time pass in steps, and what is due happen at each."""
    passed = 0.0
    while passed < seconds:
        clock.tick(step)
        passed += step
        await rest(hass)
