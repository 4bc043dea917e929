"""Yes-or-no facts about boxes and printers."""

from collections.abc import Callable, Iterator, Mapping
from typing import override

from homeassistant.components.binary_sensor import BinarySensorEntity, BinarySensorEntityDescription
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .api.models import PrinterCondition
from .box.status import PROBLEMS
from .coordinator import PrinterView
from .entity import BoxEntity, KnownPrinterEntity, PrinterEntity, async_add_printers
from .runtime import LiankeConfigEntry

PARALLEL_UPDATES = 0


CONNECTIVITY = BinarySensorEntityDescription(
    key="connectivity",
    translation_key="connectivity",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
)

PROBLEM = BinarySensorEntityDescription(
    key="problem",
    translation_key="problem",
    device_class=BinarySensorDeviceClass.PROBLEM,
)

_FAULTS: Mapping[str, Callable[[PrinterCondition], bool | None]] = {
    "cover": lambda condition: condition.cover_open,
    "paper_jam": lambda condition: condition.paper_jam,
    "paper": lambda condition: condition.out_of_paper,
    "ink": lambda condition: condition.out_of_ink,
    "ribbon": lambda condition: condition.out_of_ribbon,
}

# Faults that a printer itself reports, each with where it is in the report.
CONDITIONS: tuple[
    tuple[BinarySensorEntityDescription, Callable[[PrinterCondition], bool | None]], ...
] = tuple(
    (
        BinarySensorEntityDescription(
            key=key,
            translation_key=key,
            device_class=BinarySensorDeviceClass.PROBLEM,
            entity_category=EntityCategory.DIAGNOSTIC,
        ),
        value,
    )
    for key, value in _FAULTS.items()
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the box's connection, and the faults of its printers as they appear."""

    def make(view: PrinterView) -> Iterator[BinarySensorEntity]:
        yield ProblemSensor(entry, view.key, PROBLEM)
        if view.printer.reports_condition:
            for description, value in CONDITIONS:
                yield ConditionSensor(entry, view.key, description, value)

    async_add_printers(entry, async_add_entities, make, [ConnectivitySensor(entry, CONNECTIVITY)])


class ConnectivitySensor(BoxEntity, BinarySensorEntity):
    """Whether the cloud has contact with the box."""

    @property
    @override
    def is_on(self) -> bool | None:
        return self.coordinator.data.online

    @override
    def _shown(self) -> object:
        return self.is_on


class ProblemSensor(KnownPrinterEntity, BinarySensorEntity):
    """Whether somebody has to go to the printer. One that is off is no problem."""

    @property
    @override
    def available(self) -> bool:
        return self.coordinator.is_fresh

    @property
    @override
    def is_on(self) -> bool | None:
        if (view := self.view) is None or view.status is None:
            return None
        return view.status in PROBLEMS

    @override
    def _shown(self) -> object:
        return self.is_on


class ConditionSensor(PrinterEntity, BinarySensorEntity):
    """One fault, as the printer reported it last."""

    def __init__(
        self,
        entry: LiankeConfigEntry,
        printer_key: str,
        description: BinarySensorEntityDescription,
        value: Callable[[PrinterCondition], bool | None],
    ) -> None:
        """Show what `value` takes from the report."""
        super().__init__(entry, printer_key, description)
        self._value = value

    @property
    @override
    def is_on(self) -> bool | None:
        if (view := self.view) is None or view.condition is None:
            return None
        return self._value(view.condition)

    @override
    def _shown(self) -> object:
        return self.is_on
