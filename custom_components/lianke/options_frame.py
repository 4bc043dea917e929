"""The base class of all steps of the options flow, and functions that create form fields."""

from collections.abc import Awaitable, Callable, Container, Iterable
from functools import wraps
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult, OptionsFlow
from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
import voluptuous as vol

from .api.models import DriverState
from .box.printer_identity import StoredPrinter

CONF_TARGET: Final = "target"
WHOLE_BOX: Final = "box"
# Errors of the service for which every form has a text; for other errors, a form shows the service's message.
EXPLAINED_EVERYWHERE: Final = frozenset(
    {
        "address_unknown",
        "box_not_bound",
        "box_not_responding",
        "box_offline",
        "cannot_connect",
        "service_expired",
        "timed_out",
        "too_frequent",
        "unexpected_answer",
    }
)
_TRANSLATED_UNITS: Final = frozenset({"days", "hours", "jobs", "minutes", "pages", "seconds"})

# Returns how well a printer fits an option: higher is better, 0 means not at all.
type Fit = Callable[[StoredPrinter], int]

_DRIVERLESS: Final = frozenset({DriverState.AWAITING, DriverState.UNSUPPORTED})


def has_driver(known: StoredPrinter) -> int:
    """Return 0 for a printer without a driver, otherwise 1; the simplest Fit."""
    return int(known.printer.driver not in _DRIVERLESS)


def offers(
    known: Iterable[StoredPrinter], fit: Fit, chosen: Container[str]
) -> list[SelectOptionDict]:
    """Return the printers that fit, as options of a selector: first those in `chosen`, then the others, best first.

    Printers in `chosen` are listed even if they do not fit, so that the user can undo what was set for them.
    """
    fits = sorted(
        (one for one in known if fit(one) or one.key in chosen),
        key=lambda one: (one.key in chosen, fit(one)),
        reverse=True,
    )
    return [SelectOptionDict(value=one.key, label=one.name) for one in fits]


def choice(
    options: Iterable[SelectOptionDict] | Iterable[str],
    *,
    key: str | None = None,
    many: bool = False,
    custom: bool = False,
    listed: bool | None = None,
) -> SelectSelector:
    """Return a selector with texts translated under `key`; if `listed` is None, Home Assistant picks the mode."""
    config = SelectSelectorConfig(options=[*options], multiple=many, custom_value=custom)
    if key is not None:
        config["translation_key"] = key
    if listed is not None:
        config["mode"] = SelectSelectorMode.LIST if listed else SelectSelectorMode.DROPDOWN
    return SelectSelector(config)


def number_field(
    low: float, high: float | None, *, step: float = 1, unit: str | None = None
) -> NumberSelector:
    """Return a number field; `unit` is a symbol, or one of _TRANSLATED_UNITS."""
    config = NumberSelectorConfig(min=low, step=step, mode=NumberSelectorMode.BOX)
    if high is not None:
        config["max"] = high
    if unit is not None:
        config["unit_of_measurement"] = unit
    if unit in _TRANSLATED_UNITS:
        config["translation_key"] = "unit"
    return NumberSelector(config)


# The answer to a form; None if the form must be shown first.
type UserInput = dict[str, Any] | None
type Step[F] = Callable[[F, UserInput], Awaitable[ConfigFlowResult]]


def needs_box[F: BoxOptionsFlow](step: Step[F]) -> Step[F]:
    """Make a step abort if the box was unloaded while the dialog was open."""

    @wraps(step)
    async def checked(flow: F, user_input: UserInput = None) -> ConfigFlowResult:
        if flow.config_entry.state is not ConfigEntryState.LOADED:
            return flow.async_abort(reason="not_loaded")
        return await step(flow, user_input)

    return checked


class BoxOptionsFlow(OptionsFlow):
    """Base of the steps that set options for a target: the whole box or one of its printers."""

    def __init__(self) -> None:
        self._target = WHOLE_BOX

    def _printers(
        self, chosen: Container[str] = (), fit: Fit = has_driver
    ) -> list[SelectOptionDict]:
        """Return the printers that fit, and also the printers in `chosen`, for which the user has set the option."""
        return offers(self.config_entry.runtime_data.storage.printers.values(), fit, chosen)

    def _choose_printer(
        self,
        step_id: str,
        printers: list[SelectOptionDict],
        *,
        none: str = "no_printers",
        default: Any = vol.UNDEFINED,
    ) -> ConfigFlowResult:
        """Show the form to choose a printer, or the form `none` if there is no printer."""
        if not printers:
            return self.async_show_form(step_id=none, last_step=True)
        target = {vol.Required(CONF_TARGET, default=default): choice(printers, key=CONF_TARGET)}
        return self.async_show_form(
            step_id=step_id, data_schema=vol.Schema(target), last_step=False
        )

    def _save(self, changes: dict[str, Any]) -> ConfigFlowResult:
        options = {**self.config_entry.options, **changes}
        for key, value in changes.items():
            if not value:
                del options[key]
        return self.async_create_entry(data=options)

    def _save_for_target(self, option: str, chosen: dict[str, Any]) -> ConfigFlowResult:
        """Save what the user chose for the target, in an option that holds the choices for all targets."""
        of_all = dict(self.config_entry.options.get(option, {}))
        of_all.pop(self._target, None)
        if chosen:
            of_all[self._target] = chosen
        return self._save({option: of_all})

    def _target_name(self) -> str:
        entry = self.config_entry
        # The box may have been unloaded while a step waited.
        is_loaded = entry.state is ConfigEntryState.LOADED
        printer = entry.runtime_data.storage.printers.get(self._target) if is_loaded else None
        return printer.name if printer else entry.title
