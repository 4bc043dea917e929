"""Sensors of boxes, printers and scanners."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import PERCENTAGE, STATE_UNKNOWN, EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType
from homeassistant.util import slugify

from .api.models import Box, ink_of
from .box.printer_status import PrinterSnapshot, PrinterStatus
from .documents.page_documents import async_page_texts
from .entity import (
    BoxEntity,
    EntityKind,
    KnownPrinterEntity,
    QueueEntity,
    ScannerEntity,
    async_add_printers,
    async_add_scanners,
)
from .jobs.job import JobState
from .jobs.rules import HOLD_REASONS
from .runtime import LiankeConfigEntry, LiankeData

PARALLEL_UPDATES = 0

NOT_HELD = "none"

type Value = StateType | date | datetime


@dataclass(frozen=True, kw_only=True)
class BoxSensorDescription(SensorEntityDescription):
    value_fn: Callable[[Box], Value]


@dataclass(frozen=True, kw_only=True)
class JobSensorDescription(SensorEntityDescription):
    """Describes a sensor whose value is computed from the box's data and the printer's key."""

    value_fn: Callable[[LiankeData, str], Value]


BOX_SENSORS = (
    BoxSensorDescription(
        key="service_expiry",
        device_class=SensorDeviceClass.DATE,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda box: box.expires,
    ),
    BoxSensorDescription(
        key="lan_address",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda box: box.lan_address,
    ),
    BoxSensorDescription(
        key="wifi_address",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda box: box.wifi_address,
    ),
)

LAST_PUSH = SensorEntityDescription(
    key="last_push",
    device_class=SensorDeviceClass.TIMESTAMP,
    entity_category=EntityCategory.DIAGNOSTIC,
    # Disabled by default, because each push message would add a line to the activity log, several for each print.
    entity_registry_enabled_default=False,
)

STATUS = SensorEntityDescription(
    key="status",
    device_class=SensorDeviceClass.ENUM,
    options=[status.value for status in PrinterStatus],
)

SCANNER_STATUS = SensorEntityDescription(
    key="scanner_status",
    device_class=SensorDeviceClass.ENUM,
    options=["idle", "scanning", "waiting", "busy", "cover_open", "jam", "offline"],
)

INK = SensorEntityDescription(
    key="ink",
    native_unit_of_measurement=PERCENTAGE,
    state_class=SensorStateClass.MEASUREMENT,
)

JOB_SENSORS = (
    JobSensorDescription(
        key="jobs_waiting",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda data, key: data.queue.waiting(key),
    ),
    JobSensorDescription(
        key="hold_reason",
        device_class=SensorDeviceClass.ENUM,
        # Disabled by default, because the event entity reports the reason too.
        entity_registry_enabled_default=False,
        options=list(HOLD_REASONS),
        value_fn=lambda data, key: data.queue.hold_reason(key) or NOT_HELD,
    ),
    JobSensorDescription(
        key="pages_printed",
        entity_category=EntityCategory.DIAGNOSTIC,
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda data, key: (
            known.pages_printed if (known := data.storage.printers.get(key)) else None
        ),
    ),
    JobSensorDescription(
        key="last_job",
        device_class=SensorDeviceClass.ENUM,
        # Disabled by default, because each state would add a line to the activity log besides that of the event entity.
        entity_registry_enabled_default=False,
        options=[state.value for state in JobState],
        value_fn=lambda data, key: job.state if (job := data.queue.newest(key)) else None,
    ),
    JobSensorDescription(
        key="last_job_title",
        entity_registry_enabled_default=False,
        value_fn=lambda data, key: job.spec.title if (job := data.queue.newest(key)) else None,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    of_box = [BoxSensor(entry, description) for description in BOX_SENSORS]

    texts = await async_page_texts(hass)

    def make(view: PrinterSnapshot) -> Iterator[SensorEntity]:
        yield StatusSensor(entry, view.key, STATUS)
        for description in JOB_SENSORS:
            yield JobSensor(entry, view.key, description)
        for marker in view.printer.markers:
            yield InkSensor(entry, view.key, marker.name, texts.get(f"ink_{ink_of(marker.name)}"))

    async_add_printers(entry, async_add_entities, make, [*of_box, LastPushSensor(entry, LAST_PUSH)])
    async_add_scanners(
        entry, async_add_entities, lambda key: [ScannerStatusSensor(entry, key, SCANNER_STATUS)]
    )


class BoxSensor(BoxEntity, SensorEntity):
    entity_description: BoxSensorDescription

    @property
    @override
    def native_value(self) -> Value:
        box = self.coordinator.data.box
        return None if box is None else self.entity_description.value_fn(box)


class LastPushSensor(BoxEntity, SensorEntity):
    """The time when the last push message arrived; available even if the cloud cannot be reached."""

    _follows_polls = False
    _stays_available = True

    @callback
    @override
    def _async_subscribe(self) -> None:
        self.async_on_remove(self.coordinator.pushes.listen(self.async_write_if_changed))

    @property
    @override
    def native_value(self) -> datetime | None:
        return self.lianke.storage.last_push_at


class StatusSensor(KnownPrinterEntity, SensorEntity):
    """A printer's status; the main entity of the printer's device."""

    _attr_name = None
    _attr_supported_features = EntityKind.PRINTER

    @property
    @override
    def native_value(self) -> str | None:
        if not self.coordinator.is_fresh or (view := self.view) is None:
            return None
        return view.status


class ScannerStatusSensor(ScannerEntity, SensorEntity):
    """What a scanner is doing for us; the main entity of the scanner's device."""

    _attr_name = None
    _attr_supported_features = EntityKind.SCANNER

    @property
    @override
    def native_value(self) -> str | None:
        if not self.coordinator.is_fresh:
            return None
        return self.scans.status(self.scanner_id)


class InkSensor(KnownPrinterEntity, SensorEntity):
    """The level of one ink or toner when the printer was last connected."""

    _attr_supported_features = EntityKind.INK

    def __init__(
        self, entry: LiankeConfigEntry, printer_key: str, marker: str, ink: str | None
    ) -> None:
        """`ink` is the ink's name in Home Assistant's language; if it is None, the printer's own name is shown."""
        super().__init__(entry, printer_key, INK)
        self._marker = marker
        slug = slugify(marker, separator="_")
        if slug == STATE_UNKNOWN:
            # For a name without letters or digits, `slugify` returns "unknown", so use the bytes of the name.
            slug = marker.encode().hex()
        self._attr_unique_id = f"{self._attr_unique_id}_{slug}"
        self._attr_translation_placeholders = {"marker": ink or marker}

    @property
    @override
    def native_value(self) -> int | None:
        if (view := self.view) is None:
            return None
        levels = {marker.name: marker.level for marker in view.printer.markers}
        return levels.get(self._marker)


class JobSensor(QueueEntity, SensorEntity):
    entity_description: JobSensorDescription
    _last_value: Value

    @callback
    @override
    def _async_subscribe(self) -> None:
        self._last_value = self.native_value
        self.async_on_remove(self.lianke.queue.watch(self._on_jobs, self.printer_key))

    @callback
    def _on_jobs(self) -> None:
        # Compare only the value: this runs whenever any job of the printer changes, and computing the whole state takes
        # Home Assistant ten times as long.
        if (value := self.native_value) != self._last_value:
            self._last_value = value
            self.async_write_ha_state()

    @property
    @override
    def native_value(self) -> Value:
        return self.entity_description.value_fn(self.lianke, self.printer_key)
