"""Who set timers going last, also over a restart: one that goes on by itself ends, or is set going again, for ever."""

from collections.abc import Mapping
import logging
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.storage import Store

from ..api.coerce import to_mapping
from ..const import DOMAIN

STORAGE_VERSION: Final = 1
# Timers of which is remembered who set them going.
MAX_TIMERS: Final = 100
# Seconds until it is on disk.
SAVE_DELAY: Final = 1
_LOGGER = logging.getLogger(__name__)


class Timers:
    """Remembers a beginning of each timer, as what can be stored."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._began: dict[str, Mapping[str, Any]] = {}
        self._store = Store[dict[str, Any]](
            hass, STORAGE_VERSION, f"{DOMAIN}_timers", private=True, atomic_writes=True
        )
        # Those of a Home Assistant that has kept none so far were nobody's.
        self.is_new = False

    async def async_load(self) -> None:
        """Read what was kept before the restart."""
        try:
            stored = await self._store.async_load()
        except (OSError, HomeAssistantError) as err:
            _LOGGER.debug("Who set timers going cannot be read: %s", err)
            return
        self.is_new = stored is None
        kept = {key: to_mapping(value) for key, value in to_mapping(stored).items()}
        # What was set going meanwhile is newer.
        self._began = dict([*(kept | self._began).items()][-MAX_TIMERS:])

    def find(self, timer: str) -> Mapping[str, Any] | None:
        """Return how a timer began, None where that is not known."""
        return self._began.get(timer)

    @callback
    def set(self, timer: str, began: Mapping[str, Any]) -> None:
        """Remember how a timer began."""
        is_known = self._began.pop(timer, None) == began
        self._began[timer] = began
        if len(self._began) > MAX_TIMERS:
            del self._began[next(iter(self._began))]
            self.is_new = False
        if not is_known:
            self._store.async_delay_save(lambda: dict(self._began), SAVE_DELAY)

    async def async_remove(self) -> None:
        """Delete what is kept."""
        await self._store.async_remove()
