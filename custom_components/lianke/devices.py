"""Devices of a box and of the printers behind it."""

from collections.abc import Iterable
from ipaddress import ip_address

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_DEVICE_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.device_registry import DeviceEntry, DeviceInfo

from .api.models import Box, Printer
from .const import CONSOLE_URL, DOMAIN, MANUFACTURER
from .runtime import LiankeConfigEntry


def box_identifier(entry: LiankeConfigEntry) -> tuple[str, str]:
    """Return the identifier of the box in the device registry."""
    return DOMAIN, entry.data[CONF_DEVICE_ID]


def printer_identifier(entry: LiankeConfigEntry, key: str) -> tuple[str, str]:
    """Return the identifier of the printer with this key in the device registry."""
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
def async_printer_sensors(hass: HomeAssistant, entity_ids: Iterable[str], key: str) -> set[str]:
    """Return the enabled sensors with a translation key of the printers that entities belong to."""
    registry = er.async_get(hass)
    device_ids = {
        entity.device_id
        for entity in map(registry.async_get, entity_ids)
        if entity is not None and entity.platform == DOMAIN and entity.device_id
    }
    return {
        entity.entity_id
        for device_id in device_ids
        for entity in er.async_entries_for_device(registry, device_id)
        if (entity.platform, entity.domain, entity.translation_key) == (DOMAIN, "sensor", key)
    }


@callback
def async_follow_devices(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Register the devices, the box first, and again whenever their description changes."""
    registry = dr.async_get(hass)
    coordinator = entry.runtime_data.coordinator
    registered: dict[tuple[str, str], tuple[DeviceInfo, str]] = {}

    @callback
    def register(identifier: tuple[str, str], info: DeviceInfo) -> str:
        known = registered.get(identifier)
        if known is None or known[0] != info:
            device = registry.async_get_or_create(config_entry_id=entry.entry_id, **info)
            known = registered[identifier] = (info, device.id)
        return known[1]

    @callback
    def update() -> None:
        box_id = register(box_identifier(entry), _box_info(entry, coordinator.data.box))
        for key, view in coordinator.data.printers.items():
            identifier = printer_identifier(entry, key)
            register(
                identifier,
                DeviceInfo(
                    identifiers={identifier},
                    name=view.name,
                    manufacturer=view.printer.vendor,
                    model=view.printer.model or view.printer.product,
                    configuration_url=_web_page(view.printer),
                    via_device_id=box_id,
                ),
            )

    entry.async_on_unload(coordinator.async_add_listener(update))
    update()


def _box_info(entry: LiankeConfigEntry, box: Box | None) -> DeviceInfo:
    info = DeviceInfo(
        identifiers={box_identifier(entry)},
        name=entry.title,
        manufacturer=MANUFACTURER,
        configuration_url=CONSOLE_URL,
    )
    if box is not None:
        # `device_type` is a bare number such as 2: no model.
        info["model"] = info["hw_version"] = box.hardware or None
        info["sw_version"] = box.software or None
    return info


def _web_page(printer: Printer) -> str | None:
    """Return the address of a network printer's own page; None without an address of a private network."""
    try:
        address = ip_address(printer.ip_address or "")
    except ValueError:
        return None
    if not address.is_private or address.is_loopback or address.is_unspecified:
        return None
    return f"http://[{address}]" if address.version == 6 else f"http://{address}"
