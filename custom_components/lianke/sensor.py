"""Sensors of boxes and printers."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import PERCENTAGE, STATE_UNKNOWN, EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType
from homeassistant.util import slugify

from .api.models import Box
from .coordinator import PrinterStatus, PrinterView
from .entity import BoxEntity, KnownPrinterEntity, QueueEntity, async_add_printers
from .jobs.job import JobState
from .jobs.readiness import HOLD_REASONS
from .runtime import LiankeConfigEntry, LiankeData

PARALLEL_UPDATES = 0

NOT_HELD = "none"

type Value = StateType | date | datetime

# Each description with what tells its value.
BOX_SENSORS: tuple[tuple[SensorEntityDescription, Callable[[Box], Value]], ...] = (
    (
        SensorEntityDescription(
            key="service_expiry",
            translation_key="service_expiry",
            device_class=SensorDeviceClass.DATE,
            entity_category=EntityCategory.DIAGNOSTIC,
        ),
        lambda box: box.expires,
    ),
    (
        SensorEntityDescription(
            key="lan_address",
            translation_key="lan_address",
            entity_category=EntityCategory.DIAGNOSTIC,
            entity_registry_enabled_default=False,
        ),
        lambda box: box.lan_address,
    ),
    (
        SensorEntityDescription(
            key="wifi_address",
            translation_key="wifi_address",
            entity_category=EntityCategory.DIAGNOSTIC,
            entity_registry_enabled_default=False,
        ),
        lambda box: box.wifi_address,
    ),
)

LAST_PUSH = SensorEntityDescription(
    key="last_push",
    translation_key="last_push",
    device_class=SensorDeviceClass.TIMESTAMP,
    entity_category=EntityCategory.DIAGNOSTIC,
)

STATUS = SensorEntityDescription(
    key="status",
    translation_key="status",
    device_class=SensorDeviceClass.ENUM,
    options=[status.value for status in PrinterStatus],
)

INK = SensorEntityDescription(
    key="ink",
    translation_key="ink",
    native_unit_of_measurement=PERCENTAGE,
    state_class=SensorStateClass.MEASUREMENT,
)

JOB_SENSORS: tuple[tuple[SensorEntityDescription, Callable[[LiankeData, str], Value]], ...] = (
    (
        SensorEntityDescription(
            key="jobs_waiting",
            translation_key="jobs_waiting",
            state_class=SensorStateClass.MEASUREMENT,
        ),
        lambda data, key: data.queue.waiting(key),
    ),
    (
        SensorEntityDescription(
            key="hold_reason",
            translation_key="hold_reason",
            device_class=SensorDeviceClass.ENUM,
            options=list(HOLD_REASONS),
        ),
        lambda data, key: data.queue.hold_reason(key) or NOT_HELD,
    ),
    (
        SensorEntityDescription(
            key="pages_printed",
            translation_key="pages_printed",
            state_class=SensorStateClass.TOTAL_INCREASING,
        ),
        lambda data, key: (
            known.pages_printed if (known := data.storage.printers.get(key)) else None
        ),
    ),
    (
        SensorEntityDescription(
            key="last_job",
            translation_key="last_job",
            device_class=SensorDeviceClass.ENUM,
            options=[state.value for state in JobState],
        ),
        lambda data, key: job.state if (job := data.queue.newest(key)) else None,
    ),
    (
        SensorEntityDescription(key="last_job_title", translation_key="last_job_title"),
        lambda data, key: job.title if (job := data.queue.newest(key)) else None,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the box's sensors, and those of its printers as they appear."""
    of_box = [BoxSensor(entry, description, value) for description, value in BOX_SENSORS]

    def make(view: PrinterView) -> Iterator[SensorEntity]:
        yield StatusSensor(entry, view.key, STATUS, is_main=True)
        for description, value in JOB_SENSORS:
            yield JobSensor(entry, view.key, description, value)
        for marker in view.printer.markers:
            yield InkSensor(entry, view.key, marker.name)

    async_add_printers(entry, async_add_entities, make, [*of_box, LastPushSensor(entry, LAST_PUSH)])


class BoxSensor(BoxEntity, SensorEntity):
    """A fact about the box."""

    def __init__(
        self,
        entry: LiankeConfigEntry,
        description: SensorEntityDescription,
        value: Callable[[Box], Value],
    ) -> None:
        """Show what `value` takes from the box."""
        super().__init__(entry, description)
        self._value = value

    @property
    @override
    def native_value(self) -> Value:
        box = self.coordinator.data.box
        return None if box is None else self._value(box)

    @override
    def _shown(self) -> object:
        return self.native_value


class LastPushSensor(BoxEntity, SensorEntity):
    """When the cloud last told something by itself; that holds without contact to it, too."""

    _follows_polls = False

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to what the cloud tells."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.pushes.listen(self.async_show))

    @property
    @override
    def available(self) -> bool:
        return True

    @property
    @override
    def native_value(self) -> datetime | None:
        return self.lianke.storage.last_push_at

    @override
    def _shown(self) -> object:
        return self.native_value


class StatusSensor(KnownPrinterEntity, SensorEntity):
    """What state the printer is in: the device's main entity."""

    @property
    @override
    def native_value(self) -> str | None:
        if not self.coordinator.is_fresh or (view := self.view) is None:
            return None
        return view.status

    @override
    def _shown(self) -> object:
        return self.native_value


class InkSensor(KnownPrinterEntity, SensorEntity):
    """What is left of one colour, as it was when the printer was last seen."""

    def __init__(self, entry: LiankeConfigEntry, printer_key: str, marker: str) -> None:
        """Show the marker of this name."""
        super().__init__(entry, printer_key, INK)
        self._marker = marker
        self._attr_unique_id = f"{self._attr_unique_id}_{_slug_of(marker)}"
        self._attr_translation_placeholders = {"marker": marker}

    @property
    @override
    def native_value(self) -> int | None:
        if (view := self.view) is None:
            return None
        levels = {marker.name: marker.level for marker in view.printer.markers}
        return levels.get(self._marker)

    @override
    def _shown(self) -> object:
        return self.native_value


class JobSensor(QueueEntity, SensorEntity):
    """What shows how the printer's jobs stand."""

    def __init__(
        self,
        entry: LiankeConfigEntry,
        printer_key: str,
        description: SensorEntityDescription,
        value: Callable[[LiankeData, str], Value],
    ) -> None:
        """Show what `value` takes from the box's data for the printer's key."""
        super().__init__(entry, printer_key, description)
        self._value = value

    @override
    async def async_added_to_hass(self) -> None:
        """Watch the queue."""
        await super().async_added_to_hass()
        self.async_on_remove(self.lianke.queue.watch(self.async_show, self.printer_key))

    @property
    @override
    def native_value(self) -> Value:
        return self._value(self.lianke, self.printer_key)

    @override
    def _shown(self) -> object:
        return self.native_value


def _slug_of(marker: str) -> str:
    """Return a marker's part of an entity's unique id; names of signs alone become their codes."""
    slug = slugify(marker, separator="_")
    return slug if slug != STATE_UNKNOWN else marker.encode().hex()
