"""Which printer an action is meant for, and whether the caller may use it."""

from typing import NamedTuple

from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import DOMAIN as HOMEASSISTANT_DOMAIN, Context, HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er, service

from ..const import DOMAIN
from ..coordinator import PrinterView
from ..documents.access import POLICY_READ, async_check_entity
from ..documents.document import input_error
from ..runtime import LiankeConfigEntry, LiankeData

STATUS_KEY = "status"
CONNECTIVITY_KEY = "connectivity"


class Target(NamedTuple):
    """A printer's device with what is alive behind it."""

    device_id: str
    entry: LiankeConfigEntry
    printer_key: str

    @property
    def data(self) -> LiankeData:
        """Return the parts of the box the printer hangs on; raises as `loaded_data`."""
        return loaded_data(self.entry)

    @property
    def view(self) -> PrinterView:
        """Return the printer as it is now. Raises ServiceValidationError: printer_gone."""
        view = self.data.coordinator.data.printers.get(self.printer_key)
        if view is None:
            raise input_error("printer_gone")
        return view


def loaded_data(entry: LiankeConfigEntry) -> LiankeData:
    """Return what is alive of an entry, which may have been unloaded since the last look.

    Raises ServiceValidationError, the one that Home Assistant has for an entry not loaded.
    """
    if entry.state is not ConfigEntryState.LOADED:
        raise ServiceValidationError(
            translation_domain=HOMEASSISTANT_DOMAIN,
            translation_key="service_config_entry_not_loaded",
            translation_placeholders={"domain": DOMAIN, "entry_title": entry.title},
        )
    return entry.runtime_data


@callback
def async_target(hass: HomeAssistant, device_id: str) -> Target:
    """Return the printer that a device stands for.

    Raises ServiceValidationError for an unknown device, one of another integration or of an entry
    that is not loaded, and for a box (not_a_printer).
    """
    device, entry = service.async_get_device_and_config_entry(
        hass, DOMAIN, device_id, include_child_devices=False
    )
    prefix = f"{entry.unique_id}_"
    for domain, identifier in device.identifiers:
        if domain == DOMAIN and identifier.startswith(prefix):
            return Target(
                device_id=device.id, entry=entry, printer_key=identifier.removeprefix(prefix)
            )
    raise input_error("not_a_printer", device=device.name_by_user or device.name or device_id)


async def async_check_target(
    hass: HomeAssistant, target: Target, context: Context, policy: str
) -> None:
    """Raise Unauthorized unless the caller has the policy on the printer's status entity."""
    entity_id = _status_entity(hass, target.entry, target.printer_key)
    await async_check_entity(hass, context, entity_id, policy)


async def async_check_box(
    hass: HomeAssistant, entry: LiankeConfigEntry, context: Context, policy: str
) -> None:
    """Raise Unauthorized unless the caller has the policy on the box's connectivity entity."""
    entity_id = er.async_get(hass).async_get_entity_id(
        "binary_sensor", DOMAIN, f"{entry.unique_id}_{CONNECTIVITY_KEY}"
    )
    await async_check_entity(hass, context, entity_id, policy)


async def async_may_read_box(
    hass: HomeAssistant, entry: LiankeConfigEntry, context: Context
) -> bool:
    """Return whether the caller may read all printers of a box, and so what all of them print."""
    if context.user_id is None:
        return True
    user = await hass.auth.async_get_user(context.user_id)
    return user is not None and all(
        async_may(hass, user, entry, key, POLICY_READ)
        for key in loaded_data(entry).storage.printers
    )


@callback
def async_may(
    hass: HomeAssistant, user: User, entry: ConfigEntry, printer_key: str, policy: str
) -> bool:
    """Return whether a user has the policy on a printer's status entity.

    Where there is no such entity, only an administrator has.
    """
    entity_id = _status_entity(hass, entry, printer_key)
    return user.is_admin if entity_id is None else user.permissions.check_entity(entity_id, policy)


def _status_entity(hass: HomeAssistant, entry: ConfigEntry, printer_key: str) -> str | None:
    """Return the entity that stands for a printer where permissions are asked for."""
    return er.async_get(hass).async_get_entity_id(
        "sensor", DOMAIN, f"{entry.unique_id}_{printer_key}_{STATUS_KEY}"
    )
