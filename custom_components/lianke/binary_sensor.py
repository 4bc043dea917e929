"""Yes-or-no facts about boxes and printers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import override

from homeassistant.components.binary_sensor import (
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .api.models import PrinterCondition
from .coordinator import PrinterView
from .entity import BoxEntity, KnownPrinterEntity, PrinterEntity, async_add_printers
from .runtime import LiankeConfigEntry
from .status import PROBLEMS

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ConditionDescription(BinarySensorEntityDescription):
    """A fault that the printer itself reports."""

    device_class: BinarySensorDeviceClass = BinarySensorDeviceClass.PROBLEM
    entity_category: EntityCategory = EntityCategory.DIAGNOSTIC
    value_fn: Callable[[PrinterCondition], bool | None]


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

CONDITIONS = (
    ConditionDescription(
        key="cover",
        translation_key="cover",
        value_fn=lambda condition: condition.cover_open,
    ),
    ConditionDescription(
        key="paper_jam",
        translation_key="paper_jam",
        value_fn=lambda condition: condition.paper_jam,
    ),
    ConditionDescription(
        key="paper",
        translation_key="paper",
        value_fn=lambda condition: condition.out_of_paper,
    ),
    ConditionDescription(
        key="ink",
        translation_key="ink",
        value_fn=lambda condition: condition.out_of_ink,
    ),
    ConditionDescription(
        key="ribbon",
        translation_key="ribbon",
        value_fn=lambda condition: condition.out_of_ribbon,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the box's connection, and the faults of its printers as they appear."""
    async_add_entities([ConnectivitySensor(entry, CONNECTIVITY)])

    def make(view: PrinterView) -> Iterator[BinarySensorEntity]:
        yield ProblemSensor(entry, view.key, PROBLEM)
        if view.printer.reports_condition:
            for description in CONDITIONS:
                yield ConditionSensor(entry, view.key, description)

    async_add_printers(entry, async_add_entities, make)


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

    entity_description: ConditionDescription

    @property
    @override
    def is_on(self) -> bool | None:
        if (view := self.view) is None or view.condition is None:
            return None
        return self.entity_description.value_fn(view.condition)

    @override
    def _shown(self) -> object:
        return self.is_on
