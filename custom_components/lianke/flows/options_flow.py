"""Options flow of a box: menu, settings, default print options, push, blueprints. Other packages add more steps.

Options are read when they are used, so saving them does not reload the entry.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, override

from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import Context, callback
from homeassistant.helpers.selector import (
    EntitySelector,
    EntitySelectorConfig,
    SelectOptionDict,
    SelectSelector,
    TimeSelector,
)
from homeassistant.util import dt as dt_util
from homeassistant.util.file import WriteError
import voluptuous as vol

from .. import const
from ..api.capabilities import STANDARD_PAPERS, Capabilities, Paper
from ..api.errors import OptionError
from ..api.models import PrinterType
from ..api.options import (
    ALIGNMENTS,
    COLORS,
    ORIENTATIONS,
    QUALITIES,
    SCALES,
    PrintOptions,
    duplex_names,
    options_in,
    resolve_options,
)
from ..documents.page_documents import WritePage
from ..error_texts import worded_placeholders
from ..lan.network_options import LanPrinterSteps
from ..manual_duplex.form import ManualDuplexSteps
from ..options_frame import CONF_TARGET, WHOLE_BOX, UserInput, choice, needs_box, number_field
from ..people.people_steps import PeopleSteps
from ..printing.builtin_pages import async_print_page
from ..printing.fallback_printer import FallbackSteps
from ..printing.nozzle_care import NozzleCareSteps
from ..runtime import async_account_entries
from ..scanner.destination_steps import DestinationSteps
from ..scanner.hub import is_scanning_enabled
from .blueprints import BLUEPRINTS, async_copy, async_listed

# Seconds that the dialog waits for a push message.
PUSH_SECONDS = 120

CONF_BLUEPRINTS = "blueprints"
YES = "yes"
NO = "no"
SWITCHES = ("auto_rotate", "reverse_order")


# Settings that are numbers, in the order of the form.
_NUMBERS = (
    const.POLL_INTERVAL,
    const.HOLD_HOURS,
    const.MAX_DOCUMENT_MB,
    const.MAX_PAGES,
    const.MAX_JOBS_PER_HOUR,
    const.KEEP_FAILED_HOURS,
    const.KEEP_PRINTED_HOURS,
    const.KEEP_SCANS_DAYS,
    const.KEEP_SCANS_MB,
)
# Settings shown only while the preview feature for scanning is on.
_OF_SCANS = (const.KEEP_SCANS_DAYS, const.KEEP_SCANS_MB)


class LiankeOptionsFlow(
    NozzleCareSteps,
    FallbackSteps,
    PeopleSteps,
    LanPrinterSteps,
    ManualDuplexSteps,
    DestinationSteps,
):
    """The options flow of a box. Every path through its menu ends by saving the options."""

    def __init__(self) -> None:
        super().__init__()
        self._wait: asyncio.Task[bool] | None = None
        self._unclear_before = 0

    @override
    async def async_print_page(self, write: WritePage) -> None:
        await async_print_page(
            self.hass, self.config_entry, self._target, write, Context(), hold=False
        )

    async def async_step_init(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Show the menu; most of its steps need a loaded box."""
        steps = ["settings"]
        if self.config_entry.state is ConfigEntryState.LOADED:
            steps += [
                "defaults",
                "manual_duplex",
                "keep_alive",
                "stand_in",
                "approval",
                "release",
                "page_counts",
                "lan_printers",
                "push",
            ]
            if is_scanning_enabled(self.hass):
                steps.append("scan_destinations")
        steps.append("blueprints")
        return self.async_show_menu(step_id="init", menu_options=steps)

    async def async_step_settings(self, user_input: UserInput = None) -> ConfigFlowResult:
        options = self.config_entry.options
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = settings_errors(user_input)
            if not errors:
                return self.async_create_entry(data=settings_from(user_input, options))
        schema = settings_schema(options, scans=is_scanning_enabled(self.hass))
        if user_input is not None:
            schema = self.add_suggested_values_to_schema(schema, user_input)
        return self.async_show_form(step_id="settings", data_schema=schema, errors=errors)

    @needs_box
    async def async_step_defaults(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Ask whether to set the default print options of one printer or of the whole box."""
        if user_input is not None:
            self._target = user_input[CONF_TARGET]
            return await self.async_step_default_options(None)
        chosen = self.config_entry.options.get(const.CONF_PRINTER_OPTIONS, {})
        whole_box = SelectOptionDict(value=WHOLE_BOX, label=WHOLE_BOX)
        targets = [whole_box, *self._printers(chosen)]
        return self._choose_printer("defaults", targets, default=WHOLE_BOX)

    @needs_box
    async def async_step_default_options(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Change the print options that apply if an action does not set them."""
        options = self.config_entry.options
        shown = of_box = options.get(const.CONF_DEFAULT_OPTIONS, {})
        if self._target != WHOLE_BOX:
            shown = options.get(const.CONF_PRINTER_OPTIONS, {}).get(self._target, {})
        able, papers, printer_type = await self._async_capabilities()
        errors: dict[str, str] = {}
        details = {"option": "", "value": "", "allowed": ""}
        if user_input is not None:
            shown = defaults_from(user_input)
            wanted = options_in(shown, {} if self._target == WHOLE_BOX else of_box)
            try:
                check_defaults(wanted, able, papers, printer_type)
            except OptionError as err:
                details |= worded_placeholders(self.hass, err)
                errors[err.option if err.option in shown else "base"] = shown_reason(err)
            else:
                if self._target == WHOLE_BOX:
                    return self._save({const.CONF_DEFAULT_OPTIONS: shown})
                return self._save_for_target(const.CONF_PRINTER_OPTIONS, shown)
        return self.async_show_form(
            step_id="default_options",
            data_schema=defaults_schema(shown, able, papers),
            errors=errors,
            description_placeholders={"name": self._target_name(), **details},
        )

    async def _async_capabilities(
        self,
    ) -> tuple[Capabilities | None, tuple[Paper, ...], PrinterType]:
        """Return the target's capabilities, papers and type; all are unknown for a box, whose printers differ."""
        data = self.config_entry.runtime_data
        if (printer := data.storage.printers.get(self._target)) is None:
            return None, (), PrinterType.UNKNOWN
        able, papers = await data.coordinator.capabilities.get(self._target)
        return able, papers, printer.printer.species

    @needs_box
    async def async_step_push(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Show the callback address, which the user enters in the vendor's console. No other form shows it."""
        address = self.config_entry.runtime_data.account.address
        if address is None:
            return self.async_show_form(step_id="no_address", last_step=True)
        if user_input is not None:
            return await self.async_step_push_wait(None)
        return self.async_show_form(
            step_id="push",
            description_placeholders={"address": address, "console_url": const.CONSOLE_URL},
            last_step=False,
        )

    async def async_step_push_wait(self, user_input: UserInput = None) -> ConfigFlowResult:
        if self._wait is None:
            account = self.config_entry.runtime_data.account
            self._unclear_before = account.unclear_messages
            self._wait = self.hass.async_create_background_task(
                self._async_wait_for_push(), "wait for a push message"
            )
        if not self._wait.done():
            return self.async_show_progress(
                step_id="push_wait", progress_action="push_wait", progress_task=self._wait
            )
        heard = not self._wait.cancelled() and self._wait.result()
        self._wait = None
        return self.async_show_progress_done(next_step_id="push_heard" if heard else "push_unheard")

    @needs_box
    async def async_step_push_unheard(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Report that no push message arrived (which is harmless), or that only a message without a box arrived."""
        messages = self.config_entry.runtime_data.account.unclear_messages
        step = "push_unclear" if messages > self._unclear_before else "push_silent"
        return self.async_show_menu(step_id=step, menu_options=["push", "done"])

    async_step_push_unclear = async_step_push_silent = async_step_push_unheard

    async def _async_wait_for_push(self) -> bool:
        """Wait up to PUSH_SECONDS for a push message about a box of this account; return whether a message arrived."""
        webhook_id = self.config_entry.data[CONF_WEBHOOK_ID]
        boxes = [
            entry.runtime_data
            for entry in async_account_entries(self.hass, webhook_id)
            if entry.state is ConfigEntryState.LOADED
        ]
        heard = asyncio.Event()
        unsubscribe = [box.coordinator.pushes.listen(heard.set) for box in boxes]
        try:
            async with asyncio.timeout(PUSH_SECONDS):
                return await heard.wait()
        except TimeoutError:
            return False
        finally:
            for stop in unsubscribe:
                stop()

    async def async_step_push_heard(self, user_input: UserInput = None) -> ConfigFlowResult:
        return self.async_show_menu(step_id="push_heard", menu_options=["done"])

    async def async_step_blueprints(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Copy the chosen blueprints; the box need not be loaded."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                copied, kept = await async_copy(self.hass, user_input[CONF_BLUEPRINTS])
            except OSError, WriteError:
                errors["base"] = "blueprints_not_written"
            else:
                if not copied and not kept:
                    return self._save({})
                # If nothing was copied, choose the text without a list of copied blueprints.
                some = "blueprints_some_kept" if copied else "blueprints_kept"
                return self.async_show_menu(
                    step_id=some if kept else "blueprints_copied",
                    menu_options=["done"],
                    description_placeholders={
                        "copied": await async_listed(self.hass, copied),
                        "kept": await async_listed(self.hass, kept),
                    },
                )
        chosen = list(BLUEPRINTS) if user_input is None else user_input[CONF_BLUEPRINTS]
        offered = choice(BLUEPRINTS, key=CONF_BLUEPRINTS, many=True, listed=True)
        return self.async_show_form(
            step_id="blueprints",
            data_schema=vol.Schema({vol.Required(CONF_BLUEPRINTS, default=chosen): offered}),
            errors=errors,
            last_step=False,
        )

    async def async_step_done(self, user_input: UserInput = None) -> ConfigFlowResult:
        return self._save({})

    async_step_no_address = async_step_done
    async_step_no_printers = async_step_done
    async_step_no_ink_jets = async_step_done
    async_step_blueprints_copied = async_step_done
    async_step_blueprints_kept = async_step_done
    async_step_blueprints_some_kept = async_step_done

    @callback
    @override
    def async_remove(self) -> None:
        """Stop waiting for a push message when the dialog is closed."""
        if self._wait is not None:
            self._wait.cancel()


# Forms, and functions that turn their answers into options. A default that the user did not change is not stored.


def _words(name: str, options: Iterable[str], *, custom: bool = False) -> SelectSelector:
    """Return a drop-down list whose texts are translated under the key `name`."""
    return choice(options, key=name, custom=custom, listed=False)


def _driver_names(options: Iterable[str]) -> SelectSelector:
    names = dict.fromkeys(name.strip() for name in options)
    return choice(names, custom=True, listed=False)


def settings_schema(options: Mapping[str, Any], *, scans: bool = True) -> vol.Schema:
    """Return the form of the general settings with their present values; `scans` adds the settings of scans."""
    schema: dict[vol.Marker, object] = {}
    for number in _NUMBERS:
        if number in _OF_SCANS and not scans:
            continue
        field = number_field(number.least, number.most, unit=number.unit)
        schema[vol.Required(number.key, default=number.of(options))] = field
        if number is const.POLL_INTERVAL:
            kind = options.get(const.CONF_PRINTER_KIND, const.DEFAULT_PRINTER_KIND)
            schema[vol.Required(const.CONF_PRINTER_KIND, default=kind)] = _words(
                const.CONF_PRINTER_KIND, const.PRINTER_KINDS
            )
            for time_key in (const.CONF_QUIET_FROM, const.CONF_QUIET_TO):
                shown = {"suggested_value": options.get(time_key)}
                schema[vol.Optional(time_key, description=shown)] = TimeSelector()
    if scans:
        shown = {"suggested_value": options.get(const.CONF_SCAN_SCRIPT)}
        schema[vol.Optional(const.CONF_SCAN_SCRIPT, description=shown)] = EntitySelector(
            EntitySelectorConfig(domain="script")
        )
    return vol.Schema(schema)


def settings_errors(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return the errors in an answer to the form of the general settings, by field."""
    begin = dt_util.parse_time(answer.get(const.CONF_QUIET_FROM) or "")
    end = dt_util.parse_time(answer.get(const.CONF_QUIET_TO) or "")
    if (begin is None) is not (end is None):
        return {
            const.CONF_QUIET_TO if end is None else const.CONF_QUIET_FROM: "quiet_hours_need_both"
        }
    if begin is not None and begin == end:
        return {const.CONF_QUIET_TO: "quiet_hours_are_none"}
    return {}


def settings_from(answer: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with the general settings changed as the user answered."""
    changed = dict(options)
    for number in _NUMBERS:
        if number.key in answer and int(answer[number.key]) != number.of(options):
            changed[number.key] = int(answer[number.key])
    if (kind := answer[const.CONF_PRINTER_KIND]) != options.get(
        const.CONF_PRINTER_KIND, const.DEFAULT_PRINTER_KIND
    ):
        changed[const.CONF_PRINTER_KIND] = kind
    emptied = [const.CONF_QUIET_FROM, const.CONF_QUIET_TO]
    # If the form did not show the settings of scans, a missing script does not mean that the user cleared it.
    if const.KEEP_SCANS_DAYS.key in answer:
        emptied.append(const.CONF_SCAN_SCRIPT)
    for key in emptied:
        if answer.get(key):
            changed[key] = answer[key]
        else:
            changed.pop(key, None)
    return changed


def defaults_schema(
    stored: Mapping[str, Any],
    capabilities: Capabilities | None = None,
    papers: tuple[Paper, ...] = (),
) -> vol.Schema:
    """Return the form of default print options, limited to the printer's capabilities if these are known."""
    able = capabilities or Capabilities()
    names = [*(able.papers or {}), *(paper.name for paper in papers)]

    def possible(
        field: str, values: Mapping[str, int], ids: frozenset[int] | None
    ) -> SelectSelector:
        names = [name for name, number in values.items() if ids is None or number in ids]
        return _words(field, _with_stored(stored.get(field), names))

    # The field has no upper limit, so that a size outside the range gets our own error, which names the possible sizes.
    size = number_field(0.1, None, step=0.1, unit="mm")
    fields: dict[str, object] = {
        "paper": _driver_names(names or [paper.name for paper in STANDARD_PAPERS]),
        "paper_width": size,
        "paper_height": size,
        "color": possible("color", COLORS, able.colors),
        "duplex": _words("duplex", _with_stored(stored.get("duplex"), duplex_names(able.duplex))),
        "orientation": possible("orientation", ORIENTATIONS, able.orientations),
        "tray": _driver_names(able.trays or ()),
        "media_type": _driver_names(able.media_types or ()),
        "quality": _words("quality", QUALITIES),
        "scale": _words("scale", SCALES, custom=True),
        "align": _words("align", ALIGNMENTS),
        **{name: _words("yes_no", (YES, NO)) for name in SWITCHES},
    }
    return vol.Schema(
        {
            vol.Optional(name, description={"suggested_value": _shown(stored.get(name))}): selector
            for name, selector in fields.items()
        }
    )


def _with_stored(stored: str | None, names: list[str]) -> list[str]:
    """Return `names` and the stored name: if the printer no longer offers it, submitting the form says so."""
    return names if stored is None or stored in names else [*names, stored]


def _shown(value: object) -> object:
    if isinstance(value, bool):
        return YES if value else NO
    return value


def defaults_from(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the default options that an answer sets, without empty fields."""
    chosen: dict[str, Any] = {}
    for name, answered in answer.items():
        value = answered.strip() if isinstance(answered, str) else answered
        if value not in (None, ""):
            chosen[name] = value == YES if name in SWITCHES else value
    return chosen


def check_defaults(
    options: PrintOptions,
    capabilities: Capabilities | None,
    papers: tuple[Paper, ...],
    printer_type: PrinterType,
) -> None:
    """Raise OptionError if the printer does not support these defaults."""
    try:
        resolve_options(options, capabilities, papers, printer_type)
    except OptionError as err:
        if err.reason != "paper_required":
            raise
        # A label printer's defaults may leave the paper to each action, so check the other options with any paper.
        sized: PrintOptions = {**options, "paper_width": 100.0, "paper_height": 100.0}
        resolve_options(sized, capabilities, papers, printer_type)


def shown_reason(err: OptionError) -> str:
    """Return the form's error key for an option that cannot be a default."""
    if err.reason.endswith("_not_available") or err.reason == "invalid_option":
        return "not_available"
    return err.reason
