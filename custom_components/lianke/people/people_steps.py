"""Steps of the options flow about people: whose jobs wait for whom, and how many pages each user may print."""

from collections.abc import Container, Mapping, Sequence
from typing import Any, Final

from homeassistant.components.notify.const import DOMAIN as NOTIFY_DOMAIN, SERVICE_SEND_MESSAGE
from homeassistant.config_entries import ConfigFlowResult
from homeassistant.const import ATTR_FRIENDLY_NAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectOptionDict,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import voluptuous as vol

from .. import const
from ..jobs.job import NOBODY, Origin
from ..options_frame import BoxOptionsFlow, UserInput, choice, needs_box, number_field
from ..pages.clean import escape_markdown
from .notifications import IN_SIDEBAR, phones_of
from .release_code import MAX_CODE_LENGTH, MIN_CODE_LENGTH, async_hash_code
from .rights import is_approver

# The form fields that set a user's code.
RELEASE_CODE_USER: Final = "code_user"
RELEASE_CODE: Final = "code"
# Sources whose jobs may need an approval; users are chosen individually.
APPROVAL_SOURCES: Final = [
    Origin.LAN_PRINTER.value,
    Origin.ASSISTANT.value,
    Origin.AUTOMATION.value,
    NOBODY,
]
# Names of `notify` actions that do not belong to any person's device.
_GENERAL: Final = frozenset({"notify", SERVICE_SEND_MESSAGE, IN_SIDEBAR})
# The options that make jobs wait for an approval, except for the monthly limit.
_RULES: Final = (
    const.CONF_APPROVAL_PAGES,
    const.CONF_APPROVAL_USERS,
    const.CONF_APPROVAL_SOURCES,
    const.CONF_APPROVAL_PRINTERS,
)
_APPROVAL: Final = (*_RULES, const.CONF_APPROVERS, const.CONF_APPROVAL_NOTIFY)


class PeopleSteps(BoxOptionsFlow):
    # The options to save after the step that asks whom to notify.
    _changes: dict[str, Any]

    @needs_box
    async def async_step_approval(self, user_input: UserInput = None) -> ConfigFlowResult:
        if user_input is not None:
            pages = int(user_input[const.CONF_APPROVAL_PAGES])
            chosen = {name: user_input.get(name, []) for name in _APPROVAL}
            return await self._async_save(chosen | {const.CONF_APPROVAL_PAGES: pages})
        options = self.config_entry.options
        users = await _async_users(self.hass)
        asked_about = await _async_users(self.hass, options.get(const.CONF_APPROVAL_USERS, []))
        printers = self._printers(options.get(const.CONF_APPROVAL_PRINTERS, []))
        told = options.get(const.CONF_APPROVAL_NOTIFY, [])
        if not any(name in options for name in _APPROVAL):
            # When the form is shown for the first time, the approvers' phones are ticked, so that nobody forgets to
            # choose them.
            told = await _async_phones_of_approvers(self.hass, options)
        schema: dict[vol.Marker, object] = {
            vol.Required(
                const.CONF_APPROVAL_PAGES, default=options.get(const.CONF_APPROVAL_PAGES, 0)
            ): number_field(0, 9999),
            **_several(options, const.CONF_APPROVAL_USERS, asked_about),
            **_several(options, const.CONF_APPROVAL_SOURCES, APPROVAL_SOURCES, key="origin"),
            **_several(options, const.CONF_APPROVAL_PRINTERS, printers),
            **_several(options, const.CONF_APPROVERS, users),
            **_whom_to_notify(self.hass, told),
        }
        return self.async_show_form(step_id="approval", data_schema=vol.Schema(schema))

    async def _async_save(self, changes: dict[str, Any]) -> ConfigFlowResult:
        """Save options. If jobs will wait for an approval of which nobody is notified, first ask whom to notify."""
        before = self.config_entry.options
        self._changes, after = changes, {**before, **changes}
        if _waits_unheard(after) and not _waits_unheard(before):
            return await self.async_step_approval_notify()
        return self._save(changes)

    async def async_step_approval_notify(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Ask whom to notify of jobs that wait for approval; choosing nobody is allowed."""
        if user_input is not None:
            told = user_input.get(const.CONF_APPROVAL_NOTIFY, [])
            return self._save(self._changes | {const.CONF_APPROVAL_NOTIFY: told})
        options = {**self.config_entry.options, **self._changes}
        told = await _async_phones_of_approvers(self.hass, options)
        schema = vol.Schema(_whom_to_notify(self.hass, told))
        return self.async_show_form(step_id="approval_notify", data_schema=schema)

    @needs_box
    async def async_step_release(self, user_input: UserInput = None) -> ConfigFlowResult:
        options, errors = self.config_entry.options, {}
        codes = dict(options.get(const.CONF_RELEASE_CODES, {}))
        if user_input is not None:
            code = user_input.get(RELEASE_CODE, "").strip()
            user_id = user_input.get(RELEASE_CODE_USER)
            if code and user_id is None:
                errors[RELEASE_CODE_USER] = "code_needs_user"
            elif code and not MIN_CODE_LENGTH <= len(code) <= MAX_CODE_LENGTH:
                errors[RELEASE_CODE] = "code_length"
            else:
                # An empty code removes the user's code.
                codes.pop(user_id, None)
                if code:
                    codes[user_id] = await async_hash_code(self.hass, code.encode())
                names = (const.CONF_RELEASE_PRINTERS, const.CONF_RELEASE_USERS)
                chosen = {name: user_input.get(name, []) for name in names}
                return self._save(chosen | {const.CONF_RELEASE_CODES: codes})
        users = await _async_users(self.hass, [*options.get(const.CONF_RELEASE_USERS, []), *codes])
        printers = self._printers(options.get(const.CONF_RELEASE_PRINTERS, []))
        shown = options if user_input is None else user_input
        # Codes are never shown.
        schema: dict[vol.Marker, object] = {
            **_several(shown, const.CONF_RELEASE_PRINTERS, printers),
            **_several(shown, const.CONF_RELEASE_USERS, users),
            vol.Optional(RELEASE_CODE_USER): choice(users, listed=False),
            vol.Optional(RELEASE_CODE): TextSelector(
                TextSelectorConfig(type=TextSelectorType.PASSWORD)
            ),
        }
        with_code = [escape_markdown(one["label"]) for one in users if one["value"] in codes]
        return self.async_show_form(
            step_id="release",
            data_schema=vol.Schema(schema),
            description_placeholders={"users": ", ".join(with_code) or "–"},
            errors=errors,
        )

    async def async_step_page_counts(self, user_input: UserInput = None) -> ConfigFlowResult:
        if user_input is not None:
            pages = int(user_input[const.CONF_MONTHLY_PAGES])
            beyond = user_input[const.CONF_MONTHLY_BEYOND]
            if not pages or beyond == const.BEYOND_APPROVAL:
                beyond = ""
            return await self._async_save(
                {
                    const.CONF_MONTHLY_PAGES: pages,
                    const.CONF_MONTHLY_USERS: user_input.get(const.CONF_MONTHLY_USERS, []),
                    const.CONF_MONTHLY_BEYOND: beyond,
                    const.CONF_PAGE_STATISTICS: user_input[const.CONF_PAGE_STATISTICS],
                }
            )
        options = self.config_entry.options
        users = await _async_users(self.hass, options.get(const.CONF_MONTHLY_USERS, []))
        schema = page_counts_schema(options, users)
        return self.async_show_form(step_id="page_counts", data_schema=schema)


def _waits_unheard(options: Mapping[str, Any]) -> bool:
    """Whether jobs may wait for an approval without anybody being notified."""
    if options.get(const.CONF_APPROVAL_NOTIFY):
        return False
    return any(options.get(name) for name in _RULES) or bool(
        options.get(const.CONF_MONTHLY_PAGES)
        and options.get(const.CONF_MONTHLY_BEYOND) != const.BEYOND_REFUSED
    )


def page_counts_schema(options: Mapping[str, Any], users: list[SelectOptionDict]) -> vol.Schema:
    return vol.Schema(
        {
            vol.Required(
                const.CONF_MONTHLY_PAGES, default=options.get(const.CONF_MONTHLY_PAGES, 0)
            ): number_field(0, 99999),
            **_several(options, const.CONF_MONTHLY_USERS, users),
            vol.Required(
                const.CONF_MONTHLY_BEYOND,
                default=options.get(const.CONF_MONTHLY_BEYOND, const.BEYOND_APPROVAL),
            ): choice(
                (const.BEYOND_APPROVAL, const.BEYOND_REFUSED),
                key=const.CONF_MONTHLY_BEYOND,
                listed=True,
            ),
            vol.Required(
                const.CONF_PAGE_STATISTICS, default=options.get(const.CONF_PAGE_STATISTICS, False)
            ): BooleanSelector(),
        }
    )


def _several(
    options: Mapping[str, Any],
    name: str,
    offered: Sequence[SelectOptionDict] | Sequence[str],
    *,
    key: str | None = None,
) -> dict[vol.Marker, object]:
    """Make a field for several of the offered values; earlier choices that are still offered are ticked."""
    values = {one if isinstance(one, str) else one["value"] for one in offered}
    ticked = [one for one in options.get(name, []) if one in values]
    field = choice(offered, key=key, many=True, listed=key is not None)
    return {vol.Optional(name, default=ticked): field}


async def _async_users(hass: HomeAssistant, chosen: Container[str] = ()) -> list[SelectOptionDict]:
    """List users to choose from. Deactivated users are listed only if chosen already, so that they stay chosen."""
    users = [
        SelectOptionDict(value=user.id, label=user.name or user.id)
        for user in await hass.auth.async_get_users()
        if (user.is_active or user.id in chosen) and not user.system_generated
    ]
    return sorted(users, key=lambda user: user["label"])


async def _async_phones_of_approvers(hass: HomeAssistant, options: Mapping[str, Any]) -> list[str]:
    everybody = await hass.auth.async_get_users()
    return phones_of(hass, {user.id for user in everybody if is_approver(options, user)})


def _whom_to_notify(hass: HomeAssistant, told: list[str]) -> dict[vol.Marker, object]:
    field = choice(_ways_to_notify(hass), many=True, custom=True, listed=False)
    return {vol.Optional(const.CONF_APPROVAL_NOTIFY, default=told): field}


def _ways_to_notify(hass: HomeAssistant) -> list[SelectOptionDict]:
    """List the notify actions, except general actions, and the notify entities, except those of our own printers."""
    printers = {
        entry.entity_id
        for entry in er.async_get(hass).entities.values()
        if entry.platform == const.DOMAIN and entry.domain == NOTIFY_DOMAIN
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
