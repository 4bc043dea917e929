"""The devices of a box: itself, and its printers behind it."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_DEVICE_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntry, DeviceInfo

from .api.models import Box, Printer
from .box.views import PrinterView
from .const import DOMAIN, MANUFACTURER
from .runtime import LiankeConfigEntry


def box_identifier(entry: LiankeConfigEntry) -> tuple[str, str]:
    """Return what identifies the box in the device registry."""
    return DOMAIN, entry.data[CONF_DEVICE_ID]


def printer_identifier(entry: LiankeConfigEntry, key: str) -> tuple[str, str]:
    """Return what identifies a printer of this key in the device registry."""
    return DOMAIN, f"{entry.data[CONF_DEVICE_ID]}_{key}"


def printer_key_of(entry: LiankeConfigEntry, device: DeviceEntry) -> str | None:
    """Return the key of the printer that a device is; None for a box or an entry not loaded."""
    if entry.state is not ConfigEntryState.LOADED:
        return None
    known = entry.runtime_data.storage.printers
    return next(
        (key for key in known if printer_identifier(entry, key) in device.identifiers), None
    )


@callback
def async_follow_devices(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Register the devices, the box first, and again whenever their description changes."""
    registry = dr.async_get(hass)
    coordinator = entry.runtime_data.coordinator
    written: dict[tuple[str, str], DeviceInfo] = {}

    @callback
    def register(identifier: tuple[str, str], info: DeviceInfo) -> DeviceEntry | None:
        if written.get(identifier) == info:
            return None
        written[identifier] = info
        return registry.async_get_or_create(
            config_entry_id=entry.entry_id,
            identifiers={identifier},
            name=info.get("name"),
            manufacturer=info.get("manufacturer"),
            model=info.get("model"),
            hw_version=info.get("hw_version"),
            sw_version=info.get("sw_version"),
            via_device_id=info.get("via_device_id"),
        )

    box_id: str | None = None
    seen: dict[str, tuple[str, Printer]] = {}

    @callback
    def follow() -> None:
        nonlocal box_id
        if (
            box := register(box_identifier(entry), _box_info(entry, coordinator.data.box))
        ) is not None:
            box_id = box.id
        for key, view in coordinator.data.printers.items():
            if seen.get(key) == (now := (view.name, view.printer)):
                continue
            seen[key] = now
            register(printer_identifier(entry, key), _printer_info(view, box_id))

    entry.async_on_unload(coordinator.async_add_listener(follow))
    follow()


def _box_info(entry: LiankeConfigEntry, box: Box | None) -> DeviceInfo:
    info = DeviceInfo(name=entry.title, manufacturer=MANUFACTURER)
    if box is not None:
        # `device_type` is a bare number such as 2: no model.
        info["model"] = info["hw_version"] = box.hardware or None
        info["sw_version"] = box.software or None
    return info


def _printer_info(view: PrinterView, box_id: str | None) -> DeviceInfo:
    info = DeviceInfo(
        name=view.name,
        manufacturer=view.printer.vendor,
        model=view.printer.model or view.printer.product,
    )
    if box_id is not None:
        info["via_device_id"] = box_id
    return info
