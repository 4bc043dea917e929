"""Refreshes of a box between two regular polls."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime
import time
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

# Seconds. See lianke-api, "Ground rules": no rate is published, so the least that serves.
REFRESH_SPACING = 5


class RefreshScheduler:
    """Starts refreshes one at a time, at least five seconds after the last request."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        refresh: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        """Take `refresh`, which polls the box."""
        self._hass = hass
        self._entry = entry
        self._refresh = refresh
        self._task: asyncio.Task[None] | None = None
        self._timer: CALLBACK_TYPE | None = None
        self._due = float("inf")
        self._stopped = False
        # When the last poll began, and how many are under way.
        self.last_started = float("-inf")
        self._polling = 0

    @contextmanager
    def polling(self) -> Iterator[None]:
        """Count a poll as under way, whatever started it."""
        self.cancel()
        self._polling += 1
        try:
            yield
        finally:
            self._polling -= 1

    @callback
    def request(self) -> None:
        """Refresh as soon as the spacing allows."""
        self.schedule(max(0.0, self.last_started + REFRESH_SPACING - time.monotonic()))

    @callback
    def schedule(self, delay: float) -> None:
        """Refresh after `delay` seconds unless a refresh is due earlier."""
        due = time.monotonic() + delay
        if self._due <= due or self._stopped:
            return
        self.cancel()
        if delay <= 0:
            self._begin()
            return
        self._due = due
        self._timer = async_call_later(self._hass, delay, self._begin)

    @callback
    def cancel(self) -> None:
        """Cancel the scheduled refresh."""
        if self._timer is not None:
            self._timer()
            self._timer = None
            self._due = float("inf")

    @callback
    def stop(self) -> None:
        """Cancel the scheduled refresh and start no other."""
        self._stopped = True
        self.cancel()

    @callback
    def _begin(self, _now: datetime | None = None) -> None:
        """Refresh now, or later when a poll is under way."""
        self.cancel()
        if self._polling or (self._task is not None and not self._task.done()):
            self.schedule(REFRESH_SPACING)
            return
        self.last_started = time.monotonic()
        self._task = self._entry.async_create_background_task(
            self._hass, self._refresh(), f"refresh {self._entry.title}"
        )
