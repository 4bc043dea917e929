"""A config entry whose entities do nothing; it shows what the same entities would cost without our code."""

from collections.abc import Awaitable, Callable
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

PLATFORMS: Final = (
    *(Platform.BINARY_SENSOR, Platform.BUTTON, Platform.EVENT),
    *(Platform.IMAGE, Platform.NOTIFY, Platform.SENSOR),
)

type Setup = Callable[[HomeAssistant, ConfigEntry, AddConfigEntryEntitiesCallback], Awaitable[None]]


class RegisteredEntity(Entity):
    """The simplest entity of a device."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def place(self, entry: ConfigEntry, number: int, *, enabled: bool) -> None:
        self._attr_unique_id = f"{entry.unique_id}_{number}"
        self._attr_name = f"Value {number}"
        self._attr_entity_registry_enabled_default = enabled
        self._attr_device_info = DeviceInfo(
            identifiers={("lianke_bench", entry.entry_id)}, name=entry.title
        )


def setup_of(platform: Platform, make: Callable[[HomeAssistant], RegisteredEntity]) -> Setup:
    """Return a platform's set-up function, which adds the entities listed in the config entry, enabled or not."""

    async def async_setup_entry(
        hass: HomeAssistant, entry: ConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
    ) -> None:
        entities = []
        for number, enabled in enumerate(entry.data["entities"].get(platform, [])):
            entity = make(hass)
            entity.place(entry, number, enabled=enabled)
            entities.append(entity)
        async_add_entities(entities)

    return async_setup_entry
