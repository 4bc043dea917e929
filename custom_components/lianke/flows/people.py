"""Steps of the options flow about jobs that wait for people."""

from typing import Any

from homeassistant.config_entries import ConfigFlowResult

from ..const import CONF_APPROVAL_PRINTERS, CONF_RELEASE_CODES, CONF_RELEASE_PRINTERS
from ..jobs.approval import is_approver
from ..pages.escaping import escape_markdown
from ..printing.print import async_error_text
from .base import BoxOptionsFlow, needs_box
from .people_forms import (
    approval_from,
    approval_schema,
    async_user_choices,
    notify_choices,
    release_errors,
    release_from,
    release_schema,
    suggested_notify,
)


class PeopleSteps(BoxOptionsFlow):
    """Which jobs wait for whom."""

    @needs_box
    async def async_step_approval(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose what is to be approved, by whom, and how they are told."""
        if user_input is not None:
            return self._save(approval_from(user_input))
        options = self.config_entry.options
        approvers = [
            user.id for user in await self.hass.auth.async_get_users() if is_approver(options, user)
        ]
        schema = approval_schema(
            options,
            printers=self._printers(options.get(CONF_APPROVAL_PRINTERS, [])),
            users=await async_user_choices(self.hass),
            notify=notify_choices(self.hass),
            suggested=suggested_notify(self.hass, approvers),
        )
        return self.async_show_form(step_id="approval", data_schema=schema)

    @needs_box
    async def async_step_release(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose whose jobs wait for somebody at the printer, and set a user's code."""
        options, errors = self.config_entry.options, {}
        if user_input is not None and not (errors := release_errors(user_input)):
            changes = await self.hass.async_add_executor_job(release_from, user_input, options)
            return self._save(changes)
        users = await async_user_choices(self.hass)
        codes = options.get(CONF_RELEASE_CODES, {})
        with_code = [escape_markdown(one["label"]) for one in users if one["value"] in codes]
        shown = ", ".join(with_code) or await async_error_text(self.hass, "release_codes_none", {})
        return self.async_show_form(
            step_id="release",
            data_schema=release_schema(
                user_input or options,
                printers=self._printers(options.get(CONF_RELEASE_PRINTERS, [])),
                users=users,
            ),
            description_placeholders={"users": shown or ""},
            errors=errors,
        )
