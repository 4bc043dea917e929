"""The step of the options flow about pages by user: how many in a month, and whether statistics show them."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
import voluptuous as vol

from ..const import (
    BEYOND_APPROVAL,
    BEYOND_REFUSED,
    CONF_MONTHLY_BEYOND,
    CONF_MONTHLY_PAGES,
    CONF_MONTHLY_USERS,
    CONF_PAGE_STATISTICS,
)
from ..options_frame import BoxOptionsFlow
from .people import async_user_choices, several

PAGES_A_MONTH: Final = 99999


class PageCountSteps(BoxOptionsFlow):
    """How many pages a user may print in a month, and who sees how many it were."""

    async def async_step_page_counts(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change the limit and the statistics."""
        if user_input is not None:
            return self._save(page_counts_from(user_input))
        users = await async_user_choices(self.hass)
        return self.async_show_form(
            step_id="page_counts",
            data_schema=page_counts_schema(self.config_entry.options, users),
        )


def page_counts_schema(options: Mapping[str, Any], users: list[SelectOptionDict]) -> vol.Schema:
    """Return the form with its present values."""
    known = {user["value"] for user in users}
    return vol.Schema(
        {
            vol.Required(
                CONF_MONTHLY_PAGES, default=options.get(CONF_MONTHLY_PAGES, 0)
            ): NumberSelector(
                NumberSelectorConfig(min=0, max=PAGES_A_MONTH, step=1, mode=NumberSelectorMode.BOX)
            ),
            vol.Optional(
                CONF_MONTHLY_USERS,
                default=[user for user in options.get(CONF_MONTHLY_USERS, []) if user in known],
            ): several(users),
            vol.Required(
                CONF_MONTHLY_BEYOND, default=options.get(CONF_MONTHLY_BEYOND, BEYOND_APPROVAL)
            ): SelectSelector(
                SelectSelectorConfig(
                    options=[BEYOND_APPROVAL, BEYOND_REFUSED],
                    translation_key=CONF_MONTHLY_BEYOND,
                    mode=SelectSelectorMode.LIST,
                )
            ),
            vol.Required(
                CONF_PAGE_STATISTICS, default=options.get(CONF_PAGE_STATISTICS, False)
            ): BooleanSelector(),
        }
    )


def page_counts_from(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of an answer; empty ones are removed."""
    pages = int(answer[CONF_MONTHLY_PAGES])
    beyond = answer[CONF_MONTHLY_BEYOND]
    return {
        CONF_MONTHLY_PAGES: pages,
        CONF_MONTHLY_USERS: list(answer.get(CONF_MONTHLY_USERS, [])),
        CONF_MONTHLY_BEYOND: beyond if pages and beyond != BEYOND_APPROVAL else "",
        CONF_PAGE_STATISTICS: answer[CONF_PAGE_STATISTICS],
    }
