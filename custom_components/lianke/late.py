"""Modules that are needed only once somebody prints: loaded then, not when Home Assistant starts."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers.importlib import async_import_module


async def async_load(hass: HomeAssistant, *names: str) -> None:
    """Load modules of this integration outside of the event loop, which must not wait for the disk.

    After this, an `import` of them inside a function only looks them up.
    """
    for name in names:
        await async_import_module(hass, f"{__package__}.{name}")
