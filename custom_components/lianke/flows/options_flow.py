"""Options flow of a box: its menu, settings, default print options, push, blueprints; the rooms bring theirs.

Options are read when they are used; saving them reloads nothing.
"""

import asyncio
from typing import Any, override

from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import Context, callback
from homeassistant.helpers.selector import SelectOptionDict
from homeassistant.util.file import WriteError
import voluptuous as vol

from ..api.capabilities import Capabilities, Paper
from ..api.errors import OptionError
from ..api.models import Species
from ..api.options import merge_options
from ..const import (
    CONF_DEFAULT_OPTIONS,
    CONF_PRINTER_OPTIONS,
    CONSOLE_URL,
)
from ..documents.page_documents import WritePage
from ..lan.form import LanPrinterSteps
from ..manual_duplex.form import ManualDuplexSteps
from ..options_frame import CONF_TARGET, WHOLE_BOX, needs_box, one_of
from ..people.form import PeopleSteps
from ..printing.nozzle_care import NozzleCareSteps
from ..printing.own_pages import async_print_page
from ..printing.request import stored_options
from ..printing.stand_in import StandInSteps
from ..runtime import async_account_entries
from .blueprints import async_copy, async_listed
from .option_forms import (
    blueprints_schema,
    check_defaults,
    defaults_from,
    defaults_schema,
    settings_errors,
    settings_from,
    settings_schema,
    shown_reason,
)

# Seconds to wait for a push message.
PUSH_SECONDS = 120

CONF_BLUEPRINTS = "blueprints"


class LiankeOptionsFlow(
    NozzleCareSteps, StandInSteps, PeopleSteps, LanPrinterSteps, ManualDuplexSteps
):
    """Options flow; each path through its menu ends with the options saved."""

    def __init__(self) -> None:
        """Start at the menu."""
        super().__init__()
        self._wait: asyncio.Task[bool] | None = None
        self._unclear_before = 0
        self._copied = ""
        self._kept = ""

    @override
    async def async_print_page(self, write: WritePage) -> None:
        await async_print_page(
            self.hass, self.config_entry, self._target, write, Context(), hold=False
        )

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the menu; some of its steps need the box to be loaded."""
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
        steps.append("blueprints")
        return self.async_show_menu(step_id="init", menu_options=steps)

    async def async_step_settings(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change polling, quiet hours and limits."""
        options = self.config_entry.options
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = settings_errors(user_input)
            if not errors:
                return self.async_create_entry(data=settings_from(user_input, options))
        schema = settings_schema(options)
        if user_input is not None:
            schema = self.add_suggested_values_to_schema(schema, user_input)
        return self.async_show_form(step_id="settings", data_schema=schema, errors=errors)

    @needs_box
    async def async_step_defaults(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose the printer, or the whole box, for default print options."""
        if user_input is not None:
            self._target = user_input[CONF_TARGET]
            return await self.async_step_default_options(None)
        chosen = self.config_entry.options.get(CONF_PRINTER_OPTIONS, {})
        return self.async_show_form(
            step_id="defaults",
            data_schema=vol.Schema(
                {
                    vol.Required(CONF_TARGET, default=WHOLE_BOX): one_of(
                        [
                            SelectOptionDict(value=WHOLE_BOX, label=WHOLE_BOX),
                            *self._printers(chosen),
                        ]
                    )
                }
            ),
            last_step=False,
        )

    @needs_box
    async def async_step_default_options(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change the print options used where an action names none."""
        options = self.config_entry.options
        shown = of_box = options.get(CONF_DEFAULT_OPTIONS, {})
        if self._target != WHOLE_BOX:
            shown = options.get(CONF_PRINTER_OPTIONS, {}).get(self._target, {})
        able, papers, species = await self._async_capabilities()
        errors: dict[str, str] = {}
        details = {"option": "", "value": "", "allowed": ""}
        if user_input is not None:
            shown = defaults_from(user_input)
            wanted = stored_options(shown)
            if self._target != WHOLE_BOX:
                wanted = merge_options(wanted, stored_options(of_box))
            try:
                check_defaults(wanted, able, papers, species)
            except OptionError as err:
                details |= err.placeholders
                errors[err.option if err.option in shown else "base"] = shown_reason(err)
            else:
                if self._target == WHOLE_BOX:
                    return self._save({CONF_DEFAULT_OPTIONS: shown})
                return self._save_for_target(CONF_PRINTER_OPTIONS, shown)
        return self.async_show_form(
            step_id="default_options",
            data_schema=defaults_schema(shown, able, papers),
            errors=errors,
            description_placeholders={"name": self._target_name(), **details},
        )

    async def _async_capabilities(self) -> tuple[Capabilities | None, tuple[Paper, ...], Species]:
        """Return the capabilities of the target, unknown for a whole box, whose printers differ."""
        data = self.config_entry.runtime_data
        if (printer := data.storage.printers.get(self._target)) is None:
            return None, (), Species.UNKNOWN
        able = await data.coordinator.get_capabilities(self._target)
        papers = await data.coordinator.get_papers(self._target)
        return able, papers, printer.printer.species

    @needs_box
    async def async_step_push(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the callback address for the console; it is shown nowhere else."""
        address = self.config_entry.runtime_data.account.address
        if address is None:
            return self.async_show_form(
                step_id="no_address", data_schema=vol.Schema({}), last_step=True
            )
        if user_input is not None:
            return await self.async_step_push_wait(None)
        return self.async_show_form(
            step_id="push",
            data_schema=vol.Schema({}),
            description_placeholders={"address": address, "console_url": CONSOLE_URL},
            last_step=False,
        )

    async def async_step_push_wait(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Wait until a message arrives, or the time is over."""
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
    async def async_step_push_unheard(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Distinguish a message of an unknown form from none at all."""
        if self.config_entry.runtime_data.account.unclear_messages > self._unclear_before:
            return await self.async_step_push_unclear()
        return await self.async_step_push_silent()

    async def _async_wait_for_push(self) -> bool:
        """Return whether a message of this account arrived within two minutes."""
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

    async def async_step_push_heard(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Confirm that push works."""
        return self.async_show_menu(step_id="push_heard", menu_options=["done"])

    async def async_step_push_unclear(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Explain that the message names no box, so that it is of no use."""
        return self.async_show_menu(step_id="push_unclear", menu_options=["push", "done"])

    async def async_step_push_silent(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Explain that nothing arrived, which does no harm."""
        return self.async_show_menu(step_id="push_silent", menu_options=["push", "done"])

    async def async_step_blueprints(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Copy the chosen blueprints; this needs no box."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                copies = await async_copy(self.hass, user_input[CONF_BLUEPRINTS])
            except OSError, WriteError:
                errors["base"] = "blueprints_not_written"
            else:
                self._copied = await async_listed(self.hass, copies.copied)
                self._kept = await async_listed(self.hass, copies.kept)
                return await self.async_step_blueprints_copied()
        return self.async_show_form(
            step_id="blueprints",
            data_schema=blueprints_schema(user_input and user_input[CONF_BLUEPRINTS]),
            errors=errors,
            last_step=False,
        )

    async def async_step_blueprints_copied(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show which blueprints were copied, and which were edited and stay."""
        return self.async_show_menu(
            step_id="blueprints_copied",
            menu_options=["done"],
            description_placeholders={"copied": self._copied, "kept": self._kept},
        )

    async def async_step_done(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """End without a change."""
        return self._save({})

    async_step_no_address = async_step_done
    async_step_no_printers = async_step_done
    async_step_no_ink_jets = async_step_done

    @callback
    @override
    def async_remove(self) -> None:
        """Stop waiting when the dialog is closed."""
        if self._wait is not None:
            self._wait.cancel()
