"""Conditions: printers that are ready, need attention or have jobs waiting."""

from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final, override

from homeassistant.core import HomeAssistant, State
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.condition import Condition, EntityConditionBase

from .box.status import PROBLEMS, READY
from .devices import async_printer_sensors


class PrinterCondition(EntityConditionBase):
    """Condition on a sensor of each targeted printer, whichever of its entities is targeted.

    A printer whose state is not known does not match, and does not count as left out either.
    """

    _domain_specs: Mapping[str, DomainSpec] = MappingProxyType({"sensor": DomainSpec()})
    _key: ClassVar[str] = "status"

    @abstractmethod
    @override
    def is_valid_state(self, entity_state: State) -> bool:
        """Return whether the sensor's state is one of those that are meant."""

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        return async_printer_sensors(self._hass, entities, self._key)

    @override
    def _should_include(self, _state: State) -> bool:
        return True

    @property
    @override
    def needs_polling(self) -> bool:
        """Return True: Home Assistant follows a targeted entity itself, not its printer's sensor."""
        return True


class IsReady(PrinterCondition):
    """A printer can take jobs."""

    @override
    def is_valid_state(self, entity_state: State) -> bool:
        return entity_state.state in READY


class NeedsAttention(PrinterCondition):
    """Somebody has to go to a printer."""

    @override
    def is_valid_state(self, entity_state: State) -> bool:
        return entity_state.state in PROBLEMS


class HasWaitingJobs(PrinterCondition):
    """Jobs wait for a printer, here or at the front of the cloud's queue."""

    _key = "jobs_waiting"

    @override
    def is_valid_state(self, entity_state: State) -> bool:
        return entity_state.state.isdecimal() and int(entity_state.state) > 0


class IsScanning(PrinterCondition):
    """A scanner scans, or waits for somebody to put the next page on its glass."""

    _key = "scanner_status"

    @override
    def is_valid_state(self, entity_state: State) -> bool:
        return entity_state.state in ("scanning", "waiting")


CONDITIONS: Final[dict[str, type[Condition]]] = {
    "is_ready": IsReady,
    "needs_attention": NeedsAttention,
    "has_waiting_jobs": HasWaitingJobs,
    "is_scanning": IsScanning,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions by their names."""
    return CONDITIONS
