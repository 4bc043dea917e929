"""Binary sensors of boxes and printers."""

from collections.abc import Iterator
from typing import override

from homeassistant.components.binary_sensor import BinarySensorEntity, BinarySensorEntityDescription
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .api.models import PrinterType
from .box.printer_status import PROBLEMS, PrinterSnapshot
from .entity import BoxEntity, KnownPrinterEntity, PrinterEntity, async_add_printers, is_registered
from .runtime import LiankeConfigEntry

PARALLEL_UPDATES = 0


CONNECTIVITY = BinarySensorEntityDescription(
    key="connectivity",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
)

PROBLEM = BinarySensorEntityDescription(
    key="problem",
    device_class=BinarySensorDeviceClass.PROBLEM,
)

# For each entity key, the name of the fault's field in a printer's report.
_FAULTS = {
    "cover": "cover_open",
    "paper_jam": "paper_jam",
    "paper": "out_of_paper",
    "ink": "out_of_ink",
    "ribbon": "out_of_ribbon",
}

# For each entity key, the types of printers that cannot have this fault.
_ABSENT: dict[str, frozenset[PrinterType]] = {
    "ink": frozenset(
        {PrinterType.DOT_MATRIX, PrinterType.RECEIPT, PrinterType.LABEL, PrinterType.CARD}
    ),
    "ribbon": frozenset({PrinterType.LASER, PrinterType.INKJET}),
}

PRINTER_CONDITIONS = tuple(
    BinarySensorEntityDescription(
        key=key,
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=key != "ribbon",
    )
    for key in _FAULTS
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    def make(view: PrinterSnapshot) -> Iterator[BinarySensorEntity]:
        yield ProblemSensor(entry, view.key, PROBLEM)
        if view.printer.reports_condition:
            for description in PRINTER_CONDITIONS:
                # Keep an entity that was registered before the printer's type was known.
                if view.printer.species not in _ABSENT.get(description.key, ()) or is_registered(
                    hass, entry, "binary_sensor", view.key, description.key
                ):
                    yield ConditionSensor(entry, view.key, description)

    async_add_printers(entry, async_add_entities, make, [ConnectivitySensor(entry, CONNECTIVITY)])


class ConnectivitySensor(BoxEntity, BinarySensorEntity):
    """Whether the cloud can reach the box."""

    @property
    @override
    def is_on(self) -> bool | None:
        return self.coordinator.data.online


class ProblemSensor(KnownPrinterEntity, BinarySensorEntity):
    """Whether the printer has a problem that somebody must solve; being off does not count as a problem."""

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


class ConditionSensor(PrinterEntity, BinarySensorEntity):
    """Whether the printer had a certain fault when it last reported."""

    @property
    @override
    def is_on(self) -> bool | None:
        if (view := self.view) is None or view.condition is None:
            return None
        reported: bool | None = getattr(view.condition, _FAULTS[self.entity_description.key])
        return reported
