"""Modules that are needed only once somebody prints: not loaded while Home Assistant starts.

They are loaded soon after it has started: the first print need not wait for them, and none is
left to be read from the disk after an update has put another version there.
"""

import asyncio
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.importlib import async_import_module
from homeassistant.helpers.start import async_at_started

# With these comes everything else that is loaded late, most with the first.
LATE: Final = ("actions", "media_files", "api.scanning", "api.sticker", "documents.markdown")

# Seconds. Modules are loaded one at a time: those that Home Assistant itself wants at once go first.
PAUSE = 2


@callback
def async_load_after_start(hass: HomeAssistant) -> None:
    """Load everything once Home Assistant has started, in the background."""

    @callback
    def load(hass: HomeAssistant) -> None:
        # Nothing that a stop of Home Assistant has to wait for.
        hass.async_create_background_task(_async_load_all(hass), "load what printing needs")

    async_at_started(hass, load)


async def _async_load_all(hass: HomeAssistant) -> None:
    await asyncio.sleep(PAUSE)
    await async_load(hass, *LATE)


async def async_load(hass: HomeAssistant, *names: str) -> None:
    """Load modules of this integration outside of the event loop, which must not wait for the disk.

    After this, an `import` of them inside a function only looks them up.
    """
    # One that is just being loaded as a part of the first would be waited for in the event loop.
    for name in (LATE[0], *names):
        await async_import_module(hass, f"{__package__}.{name}")
