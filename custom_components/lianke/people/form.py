"""The options about people: whose jobs wait for whom, and how many pages each may print."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from homeassistant.components.notify.const import DOMAIN as NOTIFY_DOMAIN, SERVICE_SEND_MESSAGE
from homeassistant.config_entries import ConfigFlowResult
from homeassistant.const import ATTR_FRIENDLY_NAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import voluptuous as vol

from ..const import (
    BEYOND_APPROVAL,
    BEYOND_REFUSED,
    CONF_APPROVAL_NOTIFY,
    CONF_APPROVAL_PAGES,
    CONF_APPROVAL_PRINTERS,
    CONF_APPROVAL_SOURCES,
    CONF_APPROVAL_USERS,
    CONF_APPROVERS,
    CONF_MONTHLY_BEYOND,
    CONF_MONTHLY_PAGES,
    CONF_MONTHLY_USERS,
    CONF_PAGE_STATISTICS,
    CONF_RELEASE_CODES,
    CONF_RELEASE_PRINTERS,
    CONF_RELEASE_USERS,
    DOMAIN,
)
from ..jobs.job import NOBODY, Origin
from ..options_frame import BoxOptionsFlow, needs_box, number_field, several
from ..pages.clean import escape_markdown
from ..runtime import async_error_text
from .approval import is_approver
from .notifications import IN_SIDEBAR, phones_of
from .release_code import MAX_CODE, MIN_CODE, async_hash_code

# The fields that set a code.
CODE_USER: Final = "code_user"
CODE: Final = "code"
# Sources that may need an approval; users are chosen one by one.
SOURCES: Final = [
    Origin.LAN_PRINTER.value,
    Origin.ASSISTANT.value,
    Origin.AUTOMATION.value,
    NOBODY,
]
# Actions of the domain that are no device of somebody's.
_GENERAL: Final = frozenset({"notify", SERVICE_SEND_MESSAGE, IN_SIDEBAR})
_APPROVAL: Final = (
    CONF_APPROVAL_PAGES,
    CONF_APPROVAL_USERS,
    CONF_APPROVAL_SOURCES,
    CONF_APPROVAL_PRINTERS,
    CONF_APPROVERS,
    CONF_APPROVAL_NOTIFY,
)


class PeopleSteps(BoxOptionsFlow):
    """The steps of the options flow."""

    @needs_box
    async def async_step_approval(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose what is to be approved, by whom, and how they are told."""
        if user_input is not None:
            pages = int(user_input[CONF_APPROVAL_PAGES])
            chosen = {name: user_input.get(name, []) for name in _APPROVAL}
            return self._save(chosen | {CONF_APPROVAL_PAGES: pages})
        options = self.config_entry.options
        users = await _async_users(self.hass)
        printers = self._printers(options.get(CONF_APPROVAL_PRINTERS, []))
        told = options.get(CONF_APPROVAL_NOTIFY, [])
        if not any(name in options for name in _APPROVAL):
            # At first, so that nobody forgets the approvers' phones.
            everybody = await self.hass.auth.async_get_users()
            told = phones_of(
                self.hass, {user.id for user in everybody if is_approver(options, user)}
            )
        schema: dict[vol.Marker, object] = {
            vol.Required(
                CONF_APPROVAL_PAGES, default=options.get(CONF_APPROVAL_PAGES, 0)
            ): number_field(0, 9999),
            _chosen(options, CONF_APPROVAL_USERS, users): several(users),
            _chosen(options, CONF_APPROVAL_SOURCES, SOURCES): several(SOURCES, key="origin"),
            _chosen(options, CONF_APPROVAL_PRINTERS, printers): several(printers),
            _chosen(options, CONF_APPROVERS, users): several(users),
            vol.Optional(CONF_APPROVAL_NOTIFY, default=told): several(
                _ways_to_notify(self.hass), custom=True
            ),
        }
        return self.async_show_form(step_id="approval", data_schema=vol.Schema(schema))

    @needs_box
    async def async_step_release(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose whose jobs wait for somebody at the printer, and set a user's code."""
        options, errors = self.config_entry.options, {}
        codes = dict(options.get(CONF_RELEASE_CODES, {}))
        if user_input is not None:
            code = user_input.get(CODE, "").strip()
            user_id = user_input.get(CODE_USER)
            if code and user_id is None:
                errors[CODE_USER] = "code_needs_user"
            elif code and not MIN_CODE <= len(code) <= MAX_CODE:
                errors[CODE] = "code_length"
            else:
                # A user without a code has none any more.
                codes.pop(user_id, None)
                if code:
                    codes[user_id] = await async_hash_code(self.hass, code.encode())
                return self._save(
                    {
                        CONF_RELEASE_PRINTERS: user_input.get(CONF_RELEASE_PRINTERS, []),
                        CONF_RELEASE_USERS: user_input.get(CONF_RELEASE_USERS, []),
                        CONF_RELEASE_CODES: codes,
                    }
                )
        users = await _async_users(self.hass)
        printers = self._printers(options.get(CONF_RELEASE_PRINTERS, []))
        chosen = options if user_input is None else user_input
        # Codes are never shown.
        schema: dict[vol.Marker, object] = {
            _chosen(chosen, CONF_RELEASE_PRINTERS, printers): several(printers),
            _chosen(chosen, CONF_RELEASE_USERS, users): several(users),
            vol.Optional(CODE_USER): SelectSelector(
                SelectSelectorConfig(options=users, mode=SelectSelectorMode.DROPDOWN)
            ),
            vol.Optional(CODE): TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD)),
        }
        with_code = [escape_markdown(one["label"]) for one in users if one["value"] in codes]
        shown = ", ".join(with_code) or await async_error_text(self.hass, "release_codes_none")
        return self.async_show_form(
            step_id="release",
            data_schema=vol.Schema(schema),
            description_placeholders={"users": shown},
            errors=errors,
        )

    async def async_step_page_counts(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose how many pages a user may print in a month, and who sees how many it were."""
        if user_input is not None:
            pages, beyond = int(user_input[CONF_MONTHLY_PAGES]), user_input[CONF_MONTHLY_BEYOND]
            return self._save(
                {
                    CONF_MONTHLY_PAGES: pages,
                    CONF_MONTHLY_USERS: user_input.get(CONF_MONTHLY_USERS, []),
                    CONF_MONTHLY_BEYOND: beyond if pages and beyond != BEYOND_APPROVAL else "",
                    CONF_PAGE_STATISTICS: user_input[CONF_PAGE_STATISTICS],
                }
            )
        schema = page_counts_schema(self.config_entry.options, await _async_users(self.hass))
        return self.async_show_form(step_id="page_counts", data_schema=schema)


def page_counts_schema(options: Mapping[str, Any], users: list[SelectOptionDict]) -> vol.Schema:
    """Return the form about pages by user with its present values."""
    return vol.Schema(
        {
            vol.Required(
                CONF_MONTHLY_PAGES, default=options.get(CONF_MONTHLY_PAGES, 0)
            ): number_field(0, 99999),
            _chosen(options, CONF_MONTHLY_USERS, users): several(users),
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


def _chosen(
    options: Mapping[str, Any], name: str, offered: Sequence[SelectOptionDict] | Sequence[str]
) -> vol.Marker:
    """Return the marker of a field whose chosen values are those that are still there."""
    values = {one if isinstance(one, str) else one["value"] for one in offered}
    return vol.Optional(name, default=[one for one in options.get(name, []) if one in values])


async def _async_users(hass: HomeAssistant) -> list[SelectOptionDict]:
    """Return the people who use this Home Assistant, by name."""
    users = [
        SelectOptionDict(value=user.id, label=user.name or user.id)
        for user in await hass.auth.async_get_users()
        if user.is_active and not user.system_generated
    ]
    return sorted(users, key=lambda user: user["label"])


@callback
def _ways_to_notify(hass: HomeAssistant) -> list[SelectOptionDict]:
    """Return the ways to reach people: actions of their phones, and notify entities but for printers."""
    printers = {
        entry.entity_id
        for entry in er.async_get(hass).entities.values()
        if entry.platform == DOMAIN and entry.domain == NOTIFY_DOMAIN
    }
    found = {
        f"{NOTIFY_DOMAIN}.{name}": f"{NOTIFY_DOMAIN}.{name}"
        for name in hass.services.async_services_for_domain(NOTIFY_DOMAIN)
        if name not in _GENERAL
    }
    for state in hass.states.async_all(NOTIFY_DOMAIN):
        if state.entity_id not in printers:
            found.setdefault(
                state.entity_id, state.attributes.get(ATTR_FRIENDLY_NAME, state.entity_id)
            )
    return [SelectOptionDict(value=value, label=label) for value, label in sorted(found.items())]
