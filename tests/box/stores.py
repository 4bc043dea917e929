"""A box's storage, written and read again."""

from homeassistant.core import HomeAssistant

from custom_components.lianke.api.models import DriverState, Marker, Printer
from custom_components.lianke.box.storage import (
    BoxStorage,
)

LASER = Printer(
    row_id=1,
    hash_id="h1",
    name="Laser",
    model="MA2000w",
    driver=DriverState.SUPPORTED,
    is_printer=True,
    port=1,
    raw_state="idle",
    markers=(Marker(name="black", level=70),),
)


async def reread(hass: HomeAssistant, storage: BoxStorage) -> BoxStorage:
    """Write the memory down and return what a new start reads."""
    await storage.async_flush()
    again = BoxStorage(hass, "entry")
    await again.async_load()
    return again
