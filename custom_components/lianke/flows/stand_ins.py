"""Steps of the options flow about the printers that stand in for others."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
import voluptuous as vol

from ..const import CONF_STAND_INS, STAND_IN_MINUTES, STAND_IN_PRINTER
from ..options_frame import (
    CONF_TARGET,
    BoxOptionsFlow,
    fitting,
    needs_box,
    number_field,
    offers,
    one_of,
)
from ..runtime import async_loaded_entries

DEFAULT_MINUTES: Final = 30
A_DAY: Final = 1440


class StandInSteps(BoxOptionsFlow):
    """Which printer takes over when one is off or faulty, and when."""

    @needs_box
    async def async_step_stand_in(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose the printer that another one stands in for."""
        if user_input is not None:
            self._target = user_input[CONF_TARGET]
            return await self.async_step_stand_in_printer(None)
        printers = self._printers(self.config_entry.options.get(CONF_STAND_INS, {}))
        return self.async_show_form(
            step_id="stand_in" if printers else "no_printers",
            data_schema=vol.Schema(
                {vol.Required(CONF_TARGET): one_of(printers)} if printers else {}
            ),
            last_step=not printers,
        )

    @needs_box
    async def async_step_stand_in_printer(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose the stand-in and after how many minutes it takes over."""
        plan: Mapping[str, Any] = self.config_entry.options.get(CONF_STAND_INS, {}).get(
            self._target, {}
        )
        errors: dict[str, str] = {}
        if user_input is not None:
            plan = {
                STAND_IN_PRINTER: user_input.get(STAND_IN_PRINTER),
                STAND_IN_MINUTES: int(user_input[STAND_IN_MINUTES]),
            }
            of = f"{self.config_entry.entry_id}/{self._target}"
            if (error := _error(self.hass, of, plan[STAND_IN_PRINTER])) is not None:
                errors[STAND_IN_PRINTER] = error
            else:
                return self._save_for_target(
                    CONF_STAND_INS, dict(plan) if plan[STAND_IN_PRINTER] else {}
                )
        return self.async_show_form(
            step_id="stand_in_printer",
            data_schema=stand_in_schema(plan, _choices(self.hass, plan.get(STAND_IN_PRINTER))),
            errors=errors,
            description_placeholders={"name": self._target_name()},
        )


def stand_in_schema(plan: Mapping[str, Any], printers: list[SelectOptionDict]) -> vol.Schema:
    """Return the form of a printer's stand-in with its present values."""
    shown = {"suggested_value": plan.get(STAND_IN_PRINTER)}
    return vol.Schema(
        {
            vol.Optional(STAND_IN_PRINTER, description=shown): SelectSelector(
                SelectSelectorConfig(options=printers, mode=SelectSelectorMode.DROPDOWN)
            ),
            vol.Required(
                STAND_IN_MINUTES, default=plan.get(STAND_IN_MINUTES, DEFAULT_MINUTES)
            ): number_field(1, A_DAY, unit="minutes"),
        }
    )


def _choices(hass: HomeAssistant, chosen: str | None) -> list[SelectOptionDict]:
    """Return the printers of all boxes, named with their boxes; and the chosen one, wherever it is."""
    entries = async_loaded_entries(hass)
    found = [
        SelectOptionDict(
            value=f"{entry.entry_id}/{offer['value']}",
            label=f"{offer['label']} ({entry.title})" if len(entries) > 1 else offer["label"],
        )
        for entry in entries
        for offer in offers(entry.runtime_data.storage.printers.values(), fitting, ())
    ]
    if chosen is not None and all(offer["value"] != chosen for offer in found):
        found.append(SelectOptionDict(value=chosen, label=chosen.partition("/")[2]))
    return found


def _error(hass: HomeAssistant, of: str, stand_in: str | None) -> str | None:
    """Return why a printer cannot have this stand-in; None if it can."""
    if stand_in == of:
        return "stand_in_is_itself"
    seen = {of}
    while stand_in is not None:
        if stand_in in seen:
            return "stand_in_in_a_circle" if stand_in == of else None
        seen.add(stand_in)
        entry_id, _, key = stand_in.partition("/")
        entry = hass.config_entries.async_get_entry(entry_id)
        plans = {} if entry is None else entry.options.get(CONF_STAND_INS, {})
        stand_in = plans.get(key, {}).get(STAND_IN_PRINTER)
    return None
