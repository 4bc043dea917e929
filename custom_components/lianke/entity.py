"""Base classes for the entities of boxes, printers and scanners."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable
from enum import IntFlag
from typing import override

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .api.models import PrinterType
from .box.printer_status import PrinterSnapshot
from .const import DOMAIN
from .coordinator import LiankeCoordinator, printer_identifier
from .devices import box_identifier
from .jobs.job import Job, JobState
from .runtime import LiankeConfigEntry, LiankeData
from .scanner.hub import SIGNAL_SCANNERS, SIGNAL_SCANS, async_get_hub, scanner_identifier
from .scanner.scan_jobs import async_get_scan_jobs


class EntityKind(IntFlag):
    """Flags in `supported_features`, which decide what actions, triggers and conditions are offered for an entity."""

    PRINTER = 1
    SCANNER = 2
    INK = 4


class LiankeEntity(CoordinatorEntity[LiankeCoordinator]):
    """An entity that writes its state only when the state has changed."""

    _attr_has_entity_name = True
    # Whether polls can change what the entity shows.
    _follows_polls = True
    # Whether the entity is always available, so that Home Assistant's actions do not silently skip it.
    _stays_available = False
    _written: tuple[bool, object] | None = None

    def __init__(
        self,
        entry: LiankeConfigEntry,
        identifier: tuple[str, str],
        description: EntityDescription,
    ) -> None:
        self.lianke: LiankeData = entry.runtime_data
        coordinator = self.lianke.coordinator
        super().__init__(coordinator)
        self.entity_description = description
        self.entry = entry
        self._attr_unique_id = f"{identifier[1]}_{description.key}"
        self._attr_translation_key = description.key
        # Set the device, which is already registered (see devices.py), so that Home Assistant need not search for it
        # at each change.
        self.device_entry = dr.async_get(coordinator.hass).async_get_device_by_identifier(
            identifier, entry.entry_id
        )

    @property
    @override
    def available(self) -> bool:
        return self._stays_available or (super().available and self._is_there)

    @property
    def _is_there(self) -> bool:
        """Whether the last successful poll found the entity's device."""
        return True

    @override
    async def async_added_to_hass(self) -> None:
        if self._follows_polls:
            await super().async_added_to_hass()
        self._async_subscribe()
        # Home Assistant writes the first state itself.
        self._written = (self.available, self.state)

    def _async_subscribe(self) -> None:
        """Subscribe to changes of the state that do not come from polls."""

    @callback
    def async_entity_id_changed(self, old_entity_id: str) -> None:
        """Keep running under the new entity id, because no subscription depends on the id.

        Home Assistant 2026.10 does not have this hook; it adds the entity again instead.
        """
        if (inherited := getattr(super(), "async_entity_id_changed", None)) is not None:
            inherited(old_entity_id)

    @callback
    def async_write_if_changed(self) -> None:
        """Write the state unless it equals the state written last."""
        if (current := (self.available, self.state)) != self._written:
            self._written = current
            self.async_write_ha_state()

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        self.async_write_if_changed()


class BoxEntity(LiankeEntity):
    def __init__(self, entry: LiankeConfigEntry, description: EntityDescription) -> None:
        super().__init__(entry, box_identifier(entry), description)


class PrinterEntity(LiankeEntity):
    def __init__(
        self, entry: LiankeConfigEntry, printer_key: str, description: EntityDescription
    ) -> None:
        super().__init__(entry, printer_identifier(entry, printer_key), description)
        self.printer_key = printer_key

    @property
    def view(self) -> PrinterSnapshot | None:
        """The printer as last polled; None once it is removed."""
        return self.coordinator.data.printers.get(self.printer_key)

    @property
    @override
    def _is_there(self) -> bool:
        view = self.view
        return bool(self.coordinator.data.online and view and view.present)


class KnownPrinterEntity(PrinterEntity):
    """An entity that stays available while its printer is off."""

    _stays_available = True


class ScannerEntity(LiankeEntity):
    """An entity of one scanner; it is updated when our scans or the box change."""

    _follows_polls = False
    _stays_available = True

    def __init__(
        self, entry: LiankeConfigEntry, scanner_id: str, description: EntityDescription
    ) -> None:
        super().__init__(entry, scanner_identifier(entry, scanner_id), description)
        self.scanner_id = scanner_id
        self.scans = async_get_scan_jobs(self.coordinator.hass, entry)

    @callback
    @override
    def _async_subscribe(self) -> None:
        self.async_on_remove(
            async_dispatcher_connect(
                self.coordinator.hass, SIGNAL_SCANS, self.async_write_if_changed
            )
        )
        self.async_on_remove(self.coordinator.async_add_listener(self.async_write_if_changed))


class QueueEntity(KnownPrinterEntity):
    """An entity that shows or changes our own jobs, which polls do not affect."""

    _follows_polls = False


class JobEntity(QueueEntity):
    """An entity that is notified of each change of its printer's jobs."""

    @callback
    @override
    def _async_subscribe(self) -> None:
        self.async_on_remove(self.lianke.queue.listen(self.on_job, self.printer_key))

    @callback
    @abstractmethod
    def on_job(self, job: Job, old: JobState | None) -> None:
        """Handle a changed job; `old` is its previous state, None for a new job."""


@callback
def async_add_scanners(
    entry: LiankeConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: Callable[[str], Iterable[Entity]],
) -> None:
    hass = entry.runtime_data.coordinator.hass
    hub = async_get_hub(hass, entry)
    added: set[str] = set()

    @callback
    def add() -> None:
        new = hub.scanners.keys() - added
        # Forget scanners that are gone: they come back if the user switches the preview feature on again.
        added.intersection_update(hub.scanners)
        added.update(new)
        if entities := [entity for scanner_id in sorted(new) for entity in make(scanner_id)]:
            async_add_entities(entities)

    entry.async_on_unload(async_dispatcher_connect(hass, SIGNAL_SCANNERS, add))
    add()


def is_registered(
    hass: HomeAssistant, entry: LiankeConfigEntry, platform: str, printer_key: str, key: str
) -> bool:
    unique_id = f"{printer_identifier(entry, printer_key)[1]}_{key}"
    return er.async_get(hass).async_get_entity_id(platform, DOMAIN, unique_id) is not None


@callback
def async_add_printers(
    entry: LiankeConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: Callable[[PrinterSnapshot], Iterable[Entity]],
    box_entities: Iterable[Entity] = (),
) -> None:
    """Add the box's entities, and the entities that `make` returns for each printer, including printers found later.

    `make` is called again for a printer only if the features that decide its entities (condition, type, inks) have
    changed, or if the printer was removed and comes back.
    """
    coordinator = entry.runtime_data.coordinator
    # Unique ids of the added entities, by printer key.
    added: defaultdict[str, set[str]] = defaultdict(set)
    features: dict[str, tuple[bool, PrinterType, list[str]]] = {}

    @callback
    def add(others: Iterable[Entity] = ()) -> None:
        new: dict[str, Entity] = {}
        for key in features.keys() - coordinator.data.printers.keys():
            del features[key]
            added.pop(key, None)
        for view in coordinator.data.printers.values():
            markers = [marker.name for marker in view.printer.markers]
            found = (view.printer.reports_condition, view.printer.species, markers)
            if features.get(view.key) == found:
                continue
            features[view.key] = found
            for entity in make(view):
                if entity.unique_id and entity.unique_id not in added[view.key]:
                    added[view.key].add(entity.unique_id)
                    new[entity.unique_id] = entity
        if entities := [*others, *new.values()]:
            async_add_entities(entities)

    entry.async_on_unload(coordinator.async_add_listener(add))
    add(box_entities)
