"""Asks a box with old firmware to report how it and its printers are: the service shows its last report until then."""

import logging
import time

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from ..api.client import LiankeClient
from ..api.errors import (
    AlreadyRunningError,
    LiankeError,
    LiankeRefusedError,
    TooFrequentError,
)
from ..api.models import Box

_LOGGER = logging.getLogger(__name__)

# Seconds. A report goes through the box, so it is asked for as seldom as a printer's condition: what changes from
# minute to minute, a box that is off and jobs, the service knows by itself.
REPORT_INTERVAL = 300
REFUSED_PAUSE = 86400


class ReportRequests:
    """The requests to one box."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, client: LiankeClient) -> None:
        self._hass = hass
        self._entry = entry
        self._client = client
        self._not_before = float("-inf")

    @callback
    def request(self, box: Box) -> None:
        """Ask in the background, if this box needs it and its time has come; the next poll shows what it has said."""
        if box.reports_by_itself or time.monotonic() < self._not_before:
            return
        self._not_before = time.monotonic() + REPORT_INTERVAL
        self._entry.async_create_background_task(
            self._hass, self._async_ask(), f"ask {self._entry.title} to report"
        )

    async def _async_ask(self) -> None:
        try:
            await self._client.refresh_box()
        except (AlreadyRunningError, TooFrequentError) as err:
            _LOGGER.debug("The box is reporting already: %s", err)
        except LiankeError as err:
            _LOGGER.debug("The box is not asked to report: %s", err)
            if isinstance(err, LiankeRefusedError):
                self._not_before = time.monotonic() + REFUSED_PAUSE
