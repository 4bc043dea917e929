"""Repair flows of the integration's issues."""

from abc import ABC, abstractmethod
from contextlib import suppress
import re
from typing import Any, override

from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig, TextSelectorType
import voluptuous as vol

from . import issues
from .api.errors import LiankeError, NothingToResetError
from .api.models import Printer
from .const import DOMAIN, MAX_JOBS_PER_HOUR, MAX_PAGES
from .options_frame import EXPLAINED_EVERYWHERE, number_field
from .report.guide import TestPageGuide
from .runtime import LiankeConfigEntry, LiankeData, async_loaded_entries

EXPLAINED_IN_REPAIRS = EXPLAINED_EVERYWHERE | {
    "bad_phone",
    "invalid_api_key",
    "printer_not_found",
    "resets_used_up",
}
PHONE = re.compile(r"\+?\d{7,15}")
_PHONE_SIGNS = re.compile(r"[\s()-]")
CONF_PHONE = "phone"
CONF_LIMIT = "limit"
LIMITS = {"too_many_pages": MAX_PAGES, "too_many_jobs": MAX_JOBS_PER_HOUR}


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: issues.IssueData | None
) -> RepairsFlow:
    """Return the flow for an issue. If the issue's entry is not loaded, the user can only confirm the issue."""
    facts = data or {}
    entry: LiankeConfigEntry | None = hass.config_entries.async_get_entry(
        str(facts.get("entry_id"))
    )
    kind = str(facts.get("kind"))
    if kind == issues.PUSH_ADDRESS_CHANGED:
        # The box that reported the issue may be gone; any other box of the same account will do.
        loaded = async_loaded_entries(hass)
        entry = next((one for one in loaded if issues.push_issue_id(one) == issue_id), entry)
    flows: dict[str, type[_FixFlow | TestPageGuide]] = {
        issues.AWAITING_DRIVER: RequestDriverFlow,
        issues.BOX_NOT_BOUND: CheckAgainFlow,
        issues.ERROR_LIMIT_REACHED: ResetErrorLimitFlow,
        issues.PUSH_ADDRESS_CHANGED: ConfirmAddressFlow,
        issues.TEST_PAGE_PRINTED: TestPageGuide,
        **dict.fromkeys(LIMITS, PrintLimitFlow),
    }
    if kind not in flows or entry is None or entry.state is not ConfigEntryState.LOADED:
        return ConfirmRepairFlow()
    return flows[kind](entry, facts)


class _FixFlow(RepairsFlow, ABC):
    """A flow with one form: submitting the form applies the fix, and an error shows the form again."""

    def __init__(self, entry: LiankeConfigEntry, facts: issues.IssueData) -> None:
        self.entry = entry
        self.facts = facts

    @property
    def is_loaded(self) -> bool:
        """Whether the box is loaded; it may be unloaded while a request is under way."""
        return self.entry.state is ConfigEntryState.LOADED

    @property
    def box(self) -> LiankeData:
        """The data of the box; only while the box is loaded."""
        return self.entry.runtime_data

    @property
    def printer_key(self) -> str:
        return str(self.facts["printer_key"])

    @property
    def printer(self) -> Printer | None:
        """The printer of the issue; None once the printer is forgotten."""
        known = self.box.storage.printers.get(self.printer_key)
        return known.printer if known else None

    def schema(self) -> vol.Schema:
        return vol.Schema({})

    @callback
    def done(self) -> RepairsFlowResult:
        return self.async_create_entry(data={})

    @abstractmethod
    async def async_apply_fix(self, answer: dict[str, Any]) -> str | None:
        """Apply the fix; return an error's key, or None if the fix worked. May raise LiankeError."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        errors: dict[str, str] = {}
        details = {"detail": "", "code": ""}
        if not self.is_loaded:
            return self.async_abort(reason="not_loaded")
        if user_input is not None:
            try:
                reason = await self.async_apply_fix(user_input)
            except LiankeError as err:
                reason = err.reason if err.reason in EXPLAINED_IN_REPAIRS else "refused"
                details = err.placeholders
            if reason is None:
                return self.done()
            errors["base"] = reason
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        shown = (issue.translation_placeholders if issue else None) or {}
        return self.async_show_form(
            step_id="confirm",
            data_schema=self.schema(),
            errors=errors,
            description_placeholders={**shown, **details},
        )


class ResetErrorLimitFlow(_FixFlow):
    """Lift the pause that the service imposes on a printer after too many failures."""

    @override
    async def async_apply_fix(self, answer: dict[str, Any]) -> str | None:
        if (printer := self.printer) is None:
            return None
        # There is nothing to reset if somebody has already ended the pause, or if its half hour is over.
        with suppress(NothingToResetError):
            await self.box.client.reset_error_limit(printer.address)
        if self.is_loaded:
            self.box.queue.clear_backoff(self.printer_key)
        return None


class RequestDriverFlow(_FixFlow):
    @override
    def schema(self) -> vol.Schema:
        phone = TextSelector(TextSelectorConfig(type=TextSelectorType.TEL, autocomplete="tel"))
        return vol.Schema({vol.Required(CONF_PHONE): phone})

    @override
    async def async_apply_fix(self, answer: dict[str, Any]) -> str | None:
        """Send the request, and record it so that the issue does not return within DRIVER_TIME."""
        phone = _PHONE_SIGNS.sub("", answer[CONF_PHONE])
        if not PHONE.fullmatch(phone):
            return "bad_phone"
        if (printer := self.printer) is None or printer.row_id is None:
            return "printer_not_found"
        await self.box.client.request_driver(printer.row_id, phone)
        if self.is_loaded:
            self.box.storage.record_driver_request(self.printer_key)
        return None

    @callback
    @override
    def done(self) -> RepairsFlowResult:
        """Show that the driver was requested, since nothing is repaired yet."""
        ir.async_delete_issue(self.hass, DOMAIN, self.issue_id)
        return self.async_abort(reason="driver_requested")


class CheckAgainFlow(_FixFlow):
    """Check whether the user has bound the box by now."""

    @override
    async def async_apply_fix(self, answer: dict[str, Any]) -> str | None:
        coordinator = self.box.coordinator
        await coordinator.async_refresh()
        if coordinator.last_error is not None:
            raise coordinator.last_error
        return None


class PrintLimitFlow(_FixFlow):
    """Confirm that a print limit refused a job, or change the limit."""

    @override
    def schema(self) -> vol.Schema:
        limit = LIMITS[str(self.facts["kind"])]
        field = number_field(limit.least, limit.most)
        return vol.Schema({vol.Required(CONF_LIMIT, default=limit.of(self.entry.options)): field})

    @override
    async def async_apply_fix(self, answer: dict[str, Any]) -> str | None:
        limit, wanted = LIMITS[str(self.facts["kind"])], int(answer[CONF_LIMIT])
        if wanted != limit.of(self.entry.options):
            self.hass.config_entries.async_update_entry(
                self.entry, options={**self.entry.options, limit.key: wanted}
            )
        return None


class ConfirmAddressFlow(_FixFlow):
    """Confirm that the user has entered the new address in the vendor's console."""

    @override
    async def async_apply_fix(self, answer: dict[str, Any]) -> str | None:
        issues.async_accept_address(self.hass, self.entry)
        return None
