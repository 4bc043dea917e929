"""What all steps of the options flow share."""

from collections.abc import Awaitable, Callable, Container
from functools import wraps
from typing import Any

from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult, OptionsFlow
from homeassistant.core import callback
from homeassistant.helpers.selector import SelectOptionDict

from .fitting_printers import fitting, offers

WHOLE_BOX = "box"


type Step[F] = Callable[[F, dict[str, Any] | None], Awaitable[ConfigFlowResult]]


def needs_box[F: BoxOptionsFlow](step: Step[F]) -> Step[F]:
    """Abort a step when the box was unloaded while the dialog was open."""

    @wraps(step)
    async def checked(flow: F, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        if flow.config_entry.state is not ConfigEntryState.LOADED:
            return flow.async_abort(reason="not_loaded")
        return await step(flow, user_input)

    return checked


class BoxOptionsFlow(OptionsFlow):
    """Options of a box or its printers; those of the chosen target are saved for it alone."""

    def __init__(self) -> None:
        """Start with the whole box as target."""
        self._target = WHOLE_BOX

    def _printers(self, chosen: Container[str] = ()) -> list[SelectOptionDict]:
        """Return the printers that can print, and those that an option is set for."""
        known = self.config_entry.runtime_data.storage.printers.values()
        return offers(known, fitting, chosen)

    @callback
    def _save(self, changes: dict[str, Any]) -> ConfigFlowResult:
        """Save these options; empty ones are removed."""
        options = {**self.config_entry.options, **changes}
        for key, value in changes.items():
            if not value:
                del options[key]
        return self.async_create_entry(data=options)

    @callback
    def _save_for_target(self, option: str, chosen: dict[str, Any]) -> ConfigFlowResult:
        """Save what was chosen for the target printer under an option of all printers."""
        others = {
            key: kept
            for key, kept in self.config_entry.options.get(option, {}).items()
            if key != self._target
        }
        return self._save({option: others | ({self._target: chosen} if chosen else {})})

    def _target_name(self) -> str:
        """Return the name of the chosen target."""
        printers = self.config_entry.runtime_data.storage.printers
        printer = printers.get(self._target)
        return printer.name if printer else self.config_entry.title
