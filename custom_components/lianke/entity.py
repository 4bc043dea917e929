"""What the entities of all platforms share."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import override

from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .api.models import Printer
from .coordinator import LiankeCoordinator, PrinterView
from .devices import box_identifier, printer_identifier
from .jobs.job import Job, JobState
from .runtime import LiankeConfigEntry, LiankeData


class LiankeEntity(CoordinatorEntity[LiankeCoordinator]):
    """An entity that writes its state only when `_shown` has changed."""

    _attr_has_entity_name = True
    # Whether polls can change what the entity shows.
    _follows_polls = True

    def __init__(
        self,
        entry: LiankeConfigEntry,
        identifier: tuple[str, str],
        description: EntityDescription,
        *,
        is_main: bool = False,
    ) -> None:
        """Attach the entity to its device; `is_main` gives it the device's name."""
        coordinator = entry.runtime_data.coordinator
        super().__init__(coordinator)
        self.entity_description = description
        self.entry = entry
        self._attr_unique_id = f"{identifier[1]}_{description.key}"
        # Registered by now (see devices): Home Assistant need not look for what may have changed.
        self.device_entry = dr.async_get(coordinator.hass).async_get_device_by_identifier(
            identifier, entry.entry_id
        )
        if is_main:
            self._attr_name = None
        self._written: object = None

    @property
    def lianke(self) -> LiankeData:
        """Return what is alive of the box."""
        return self.entry.runtime_data

    def _shown(self) -> object:
        """Return everything of the state that can change, besides being available."""
        return None

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the coordinator; the state is written next in any case."""
        if self._follows_polls:
            await super().async_added_to_hass()
        self._written = (self.available, self._shown())

    @callback
    def async_show(self) -> None:
        """Write the state if it is another one than the last."""
        if (shown := (self.available, self._shown())) != self._written:
            self._written = shown
            self.async_write_ha_state()

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        self.async_show()


class BoxEntity(LiankeEntity):
    """An entity of the box itself."""

    def __init__(self, entry: LiankeConfigEntry, description: EntityDescription) -> None:
        """Attach the entity to the box."""
        super().__init__(entry, box_identifier(entry), description)


class PrinterEntity(LiankeEntity):
    """An entity of one printer."""

    def __init__(
        self,
        entry: LiankeConfigEntry,
        printer_key: str,
        description: EntityDescription,
        *,
        is_main: bool = False,
    ) -> None:
        """Attach the entity to the printer with this key."""
        super().__init__(
            entry, printer_identifier(entry, printer_key), description, is_main=is_main
        )
        self.printer_key = printer_key

    @property
    def view(self) -> PrinterView | None:
        """Return the printer as it is now, None once it is forgotten."""
        return self.coordinator.data.printers.get(self.printer_key)

    @property
    @override
    def available(self) -> bool:
        """Return whether the printer is connected, as far as is known."""
        view = self.view
        return super().available and bool(self.coordinator.data.online and view and view.present)


class KnownPrinterEntity(PrinterEntity):
    """A printer's entity that has something to say while the printer is off, too."""

    @property
    @override
    def available(self) -> bool:
        """Return True: actions would pass over an unavailable entity without a word."""
        return True


class QueueEntity(KnownPrinterEntity):
    """A printer's entity that has to do with our own jobs, of which polls tell nothing."""

    _follows_polls = False


class JobEntity(QueueEntity):
    """A printer's entity that hears of every change of its jobs."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the queue."""
        await super().async_added_to_hass()
        self.async_on_remove(self.lianke.queue.listen(self.on_job, self.printer_key))

    @callback
    @abstractmethod
    def on_job(self, job: Job, old: JobState | None) -> None:
        """Take news of one of the printer's jobs: `old` is its state before, None for a new one."""


@callback
def async_add_printers(
    entry: LiankeConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: Callable[[PrinterView], Iterable[Entity]],
    box_entities: Iterable[Entity] = (),
) -> None:
    """Add the box's entities, and those that `make` gives for each printer, now and as there is more to give.

    It is asked again only when the printer offers something else: most of its row is of the moment.
    A printer that is removed and comes back has another key, and so other entities.
    """
    coordinator = entry.runtime_data.coordinator
    added: set[str] = set()
    seen: dict[str, Printer] = {}
    offered: dict[str, object] = {}

    @callback
    def add(others: Iterable[Entity] = ()) -> None:
        views = coordinator.data.printers
        new: dict[str, Entity] = {}
        for view in views.values():
            if seen.get(view.key) is view.printer:
                continue
            seen[view.key] = view.printer
            if offered.get(view.key) == (offer := _offer(view.printer)):
                continue
            offered[view.key] = offer
            for entity in make(view):
                if entity.unique_id and entity.unique_id not in added:
                    new.setdefault(entity.unique_id, entity)
        added.update(new)
        if entities := [*others, *new.values()]:
            async_add_entities(entities)

    entry.async_on_unload(coordinator.async_add_listener(add))
    add(box_entities)


def _offer(printer: Printer) -> object:
    """Return what of a printer's row decides which entities it has."""
    return printer.reports_condition, [marker.name for marker in printer.markers]
