"""Steps of the options flow about jobs that wait for people."""

from typing import Any

from homeassistant.config_entries import ConfigFlowResult

from ..const import CONF_APPROVAL_PRINTERS
from .base import BoxOptionsFlow, needs_box
from .people_forms import approval_from, approval_schema, async_user_choices, notify_choices


class PeopleSteps(BoxOptionsFlow):
    """Which jobs are to be approved, and by whom."""

    @needs_box
    async def async_step_approval(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose what is to be approved, by whom, and how they are told."""
        if user_input is not None:
            return self._save(approval_from(user_input))
        schema = approval_schema(
            self.config_entry.options,
            printers=self._printers(self.config_entry.options.get(CONF_APPROVAL_PRINTERS, [])),
            users=await async_user_choices(self.hass),
            notify=notify_choices(self.hass),
        )
        return self.async_show_form(step_id="approval", data_schema=schema)
