"""Devices of a box and of its printers: registering them, finding those that a call targets, and checking rights."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import CONF_DEVICE_ID
from homeassistant.core import (
    DOMAIN as HOMEASSISTANT_DOMAIN,
    Context,
    HomeAssistant,
    callback,
)
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    label_registry as lr,
    service,
)
from homeassistant.helpers.device_registry import DeviceEntry, DeviceInfo
from homeassistant.helpers.target import TargetSelection, async_extract_referenced_entity_ids

from .api.models import Box
from .box.printer_status import PrinterSnapshot
from .const import CONSOLE_URL, DOMAIN, MANUFACTURER
from .coordinator import printer_identifier
from .documents.local_files import async_check_entity
from .input_error import InputError
from .jobs.job import Job
from .runtime import LiankeConfigEntry, LiankeData, async_loaded_entries


def box_identifier(entry: LiankeConfigEntry) -> tuple[str, str]:
    return DOMAIN, entry.data[CONF_DEVICE_ID]


def printer_key_of(entry: LiankeConfigEntry, device: DeviceEntry) -> str | None:
    """Return the key of a device's printer; None if the device is no known printer, or the entry is not loaded."""
    if entry.state is not ConfigEntryState.LOADED:
        return None
    key = _printer_key(entry, device)
    return key if key in entry.runtime_data.storage.printers else None


def _printer_key(entry: LiankeConfigEntry, device: DeviceEntry) -> str | None:
    """Read a printer's key from its device, whether or not the printer is known; None for a box or a scanner."""
    prefix = printer_identifier(entry, "")[1]
    for domain, identifier in device.identifiers:
        if domain == DOMAIN and identifier.startswith(prefix):
            return identifier.removeprefix(prefix)
    return None


@callback
def async_printer_device(
    hass: HomeAssistant, entry: LiankeConfigEntry, key: str
) -> DeviceEntry | None:
    identifier = printer_identifier(entry, key)
    return dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)


@callback
def async_printer_sensors(hass: HomeAssistant, entity_ids: Iterable[str], key: str) -> set[str]:
    """Find the printers to which the entities belong, and return their enabled sensors with this translation key."""
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
    """Register the devices, the box first, and register a device again whenever its description changes."""
    registry = dr.async_get(hass)
    coordinator = entry.runtime_data.coordinator
    registered: dict[tuple[str, str], tuple[DeviceInfo, str]] = {}

    @callback
    def register(identifier: tuple[str, str], info: DeviceInfo) -> str:
        known = registered.get(identifier)
        # If the user has deleted the device, register it again when its printer is found again.
        if known is None or known[0] != info or registry.async_get(known[1]) is None:
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
                    configuration_url=_web_page(view.printer.ip_address),
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
        # Do not use `device_type` as the model: it is only a number, such as 2.
        info["model"] = info["hw_version"] = box.hardware or None
        info["sw_version"] = box.software or None
    return info


def _web_page(ip: str | None) -> str | None:
    try:
        address = ip_address(ip or "")
    except ValueError:
        return None
    if not address.is_private or address.is_loopback or address.is_unspecified:
        return None
    return f"http://[{address}]" if address.version == 6 else f"http://{address}"


STATUS_KEY = "status"
# Maximum number of names in the error for a target that does not stand for exactly one printer.
MAX_NAMES: Final = 10


class Target(NamedTuple):
    device_id: str
    entry: LiankeConfigEntry
    printer_key: str

    @property
    def data(self) -> LiankeData:
        """The runtime data of the printer's box. Raises the same errors as `loaded_data`."""
        if self.entry.state is not ConfigEntryState.LOADED:
            raise _not_loaded(self.entry)
        return self.entry.runtime_data

    @property
    def view(self) -> PrinterSnapshot:
        """The printer as last polled. Raises InputError: printer_gone."""
        view = self.data.coordinator.data.printers.get(self.printer_key)
        if view is None:
            raise InputError("printer_gone")
        return view


def loaded_data(entry: LiankeConfigEntry) -> LiankeData:
    """Return an entry's runtime data. Raises Home Assistant's ServiceValidationError if the entry is not loaded."""
    if entry.state is not ConfigEntryState.LOADED:
        raise _not_loaded(entry)
    return entry.runtime_data


def _not_loaded(entry: LiankeConfigEntry) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=HOMEASSISTANT_DOMAIN,
        translation_key="service_config_entry_not_loaded",
        translation_placeholders={"domain": DOMAIN, "entry_title": entry.title},
    )


@callback
def async_target(hass: HomeAssistant, device_id: str) -> Target:
    """Return the printer that a device stands for.

    Raises ServiceValidationError if the device is unknown, belongs to another integration, or its entry is not loaded;
    InputError for a scanner (scanner_not_printer) and for a box (not_a_printer).
    """
    device, entry = service.async_get_device_and_config_entry(
        hass, DOMAIN, device_id, include_child_devices=False
    )
    if (printer_key := _printer_key(entry, device)) is not None:
        return Target(device_id=device.id, entry=entry, printer_key=printer_key)
    name = device.name_by_user or device.name or device_id
    if box_identifier(entry) in device.identifiers:
        raise InputError("not_a_printer", device=name)
    printers = {
        printer.name_by_user or view.name: view.name
        for key, view in entry.runtime_data.coordinator.data.printers.items()
        if (printer := async_printer_device(hass, entry, key))
    }
    # A scanner is registered with a name that begins with the name of its printer.
    own = [one for one, called in printers.items() if (device.name or "").startswith(called)]
    raise InputError("scanner_not_printer", device=name, printers=join_names(own or printers))


@callback
def async_resolve_target(hass: HomeAssistant, data: Mapping[str, Any]) -> Target:
    """Return the one printer that the target in a call's data stands for, without checking the caller's rights.

    A device or entity that the target names must belong to a printer; an area, floor or label may also contain
    other things.
    Raises InputError if there is no target (printer_missing), if the target contains no printer
    (target_without_printer) or several printers (target_several_printers), and for an entity that is unknown
    (entity_not_found) or does not belong to a printer (entity_not_of_printer). For a device that is not a printer,
    raises the errors of `async_target`.
    """
    selection = TargetSelection(dict(data))
    if not selection.has_any_target:
        raise InputError("printer_missing")
    targets = [async_target(hass, device_id) for device_id in sorted(selection.device_ids)]
    places = selection.area_ids | selection.floor_ids | selection.label_ids
    if len(targets) == 1 and not (selection.entity_ids or places):
        # The target is a single device, so nothing else can be meant.
        return targets[0]
    entities = er.async_get(hass)
    for entity_id in sorted(async_extract_referenced_entity_ids(hass, selection).referenced):
        if (entity := entities.async_get(entity_id)) is None:
            raise InputError("entity_not_found", entity=entity_id)
        if entity.platform != DOMAIN or entity.device_id is None:
            raise InputError("entity_not_of_printer", entity=entity_id)
        async_target(hass, entity.device_id)
    devices = dr.async_get(hass)
    printers = {
        device.id: device.name_by_user or device.name or device.id
        for device in map(devices.async_get, async_targeted_devices(hass, selection))
        if isinstance(device, DeviceEntry)
        # Include printers of entries that are not loaded, so that `async_target` below raises the error.
        and (entry := hass.config_entries.async_get_entry(device.config_entry_id)) is not None
        and entry.domain == DOMAIN
        and _printer_key(entry, device) is not None
    }
    if not printers:
        raise InputError("target_without_printer", target=join_names(_named_in(hass, selection)))
    if len(printers) > 1:
        raise InputError("target_several_printers", printers=join_names(printers.values()))
    return async_target(hass, next(iter(printers)))


@callback
def async_targeted_devices(hass: HomeAssistant, selection: TargetSelection) -> set[str]:
    """Return the ids of the devices that a target names or contains, and of the devices whose entities it names."""
    selected = async_extract_referenced_entity_ids(hass, selection)
    registry = er.async_get(hass)
    entities = map(registry.async_get, selected.referenced | selected.indirectly_referenced)
    return selected.referenced_devices | {
        entity.device_id for entity in entities if entity is not None and entity.device_id
    }


@callback
def async_target_of_job(hass: HomeAssistant, job_id: str) -> tuple[Target, Job]:
    """Find a job of any loaded box by its id; return its printer and the job. Raises InputError: job_not_found."""
    for entry in async_loaded_entries(hass):
        queue = entry.runtime_data.queue
        if queue.find(job_id) is None:
            continue
        job = queue.get(job_id)
        device = async_printer_device(hass, entry, job.spec.printer_key)
        target = Target(
            device_id="" if device is None else device.id,
            entry=entry,
            printer_key=job.spec.printer_key,
        )
        return target, job
    raise InputError("job_not_found", job_id=job_id[:64])


def _named_in(hass: HomeAssistant, selection: TargetSelection) -> list[str]:
    """Return the names of a target's areas, floors and labels, and the ids of its entities."""
    areas, floors, labels = ar.async_get(hass), fr.async_get(hass), lr.async_get(hass)
    found = [
        *((one, areas.async_get_area(one)) for one in selection.area_ids),
        *((one, floors.async_get_floor(one)) for one in selection.floor_ids),
        *((one, labels.async_get_label(one)) for one in selection.label_ids),
    ]
    return [*selection.entity_ids, *(place.name if place else one for one, place in found)]


def join_names(names: Iterable[str]) -> str:
    """Join at most MAX_NAMES names in alphabetical order; "…" stands for all further names."""
    ordered = sorted(names)
    shown = ", ".join(ordered[:MAX_NAMES])
    return f"{shown}, …" if len(ordered) > MAX_NAMES else shown


async def async_check_target(
    hass: HomeAssistant, target: Target, context: Context, policy: str
) -> None:
    """Raise Unauthorized unless the caller has the permission `policy` for the printer's status entity."""
    entity_id = status_entity(hass, target.entry, target.printer_key)
    await async_check_entity(hass, context, entity_id, policy)


@callback
def async_may(
    hass: HomeAssistant, user: User, entry: ConfigEntry, printer_key: str, policy: str
) -> bool:
    """Whether a user has the permission `policy` for a printer's status entity.

    If the printer has no status entity, only administrators have the permission.
    """
    entity_id = status_entity(hass, entry, printer_key)
    return user.is_admin if entity_id is None else user.permissions.check_entity(entity_id, policy)


def status_entity(hass: HomeAssistant, entry: ConfigEntry, printer_key: str) -> str | None:
    return er.async_get(hass).async_get_entity_id(
        "sensor", DOMAIN, f"{entry.unique_id}_{printer_key}_{STATUS_KEY}"
    )
