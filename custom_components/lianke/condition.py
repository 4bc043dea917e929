"""Conditions: printers that are ready, need attention, have jobs waiting or are low on ink, and scanners that scan."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar, Final, override

from homeassistant.const import CONF_OPTIONS, PERCENTAGE
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.condition import (
    ENTITY_STATE_CONDITION_SCHEMA_ANY_ALL,
    Condition,
    EntityConditionBase,
    EntityNumericalConditionBase,
)
from homeassistant.helpers.selector import (
    NumericThresholdMode,
    NumericThresholdSelector,
    NumericThresholdSelectorConfig,
)
import voluptuous as vol

from .box.printer_status import PROBLEMS, READY
from .devices import async_printer_sensors


class SensorCondition(EntityConditionBase):
    """Checks a sensor of each targeted printer, whichever of the printer's entities is targeted.

    A printer whose state is unknown is not left out: it counts as a printer that does not match.
    """

    _domain_specs: Mapping[str, DomainSpec] = MappingProxyType({"sensor": DomainSpec()})
    _key: ClassVar[str]

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        return async_printer_sensors(self._hass, entities, self._key)

    @override
    def _should_include(self, _state: State) -> bool:
        return True

    @property
    @override
    def needs_polling(self) -> bool:
        # Home Assistant tracks only the targeted entity, not the sensor of the targeted entity's printer.
        return True


class StatusCondition(SensorCondition):
    _matches: Callable[[str], bool]

    @override
    def is_valid_state(self, entity_state: State) -> bool:
        return self._matches(entity_state.state)


class InkCondition(SensorCondition, EntityNumericalConditionBase):
    """Checks each ink and toner of a printer; a threshold is a number or an entity's state."""

    _key = "ink"
    _valid_unit = PERCENTAGE
    _schema = ENTITY_STATE_CONDITION_SCHEMA_ANY_ALL.extend(
        {
            vol.Required(CONF_OPTIONS, default={}): {
                vol.Required(
                    "threshold", default={"type": "below", "value": {"number": 15}}
                ): NumericThresholdSelector(
                    NumericThresholdSelectorConfig(mode=NumericThresholdMode.IS)
                )
            }
        }
    )


def _condition(key: str, matches: Callable[[str], bool]) -> type[Condition]:
    """Return a condition that applies `matches` to the state of a device's sensor whose translation key is `key`."""
    return type("On", (StatusCondition,), {"_key": key, "_matches": staticmethod(matches)})


CONDITIONS: Final[dict[str, type[Condition]]] = {
    "is_ready": _condition("status", READY.__contains__),
    "needs_attention": _condition("status", PROBLEMS.__contains__),
    "has_waiting_jobs": _condition(
        "jobs_waiting", lambda state: state.isdecimal() and int(state) > 0
    ),
    "is_ink_low": InkCondition,
    "is_scanning": _condition("scanner_status", ("scanning", "waiting").__contains__),
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    return CONDITIONS
