"""Steps and forms of the options flow about jobs that wait for people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from homeassistant.components.notify.const import DOMAIN as NOTIFY_DOMAIN
from homeassistant.config_entries import ConfigFlowResult
from homeassistant.const import ATTR_FRIENDLY_NAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.util import slugify
import voluptuous as vol

from ..const import (
    CONF_APPROVAL_NOTIFY,
    CONF_APPROVAL_PAGES,
    CONF_APPROVAL_PRINTERS,
    CONF_APPROVAL_SOURCES,
    CONF_APPROVAL_USERS,
    CONF_APPROVERS,
    CONF_RELEASE_CODES,
    CONF_RELEASE_PRINTERS,
    CONF_RELEASE_USERS,
    DOMAIN,
)
from ..jobs.approval import is_approver
from ..jobs.release_code import MAX_CODE, MIN_CODE, hash_code
from ..jobs.spec import NOBODY, Origin
from ..options_frame import BoxOptionsFlow, needs_box
from ..pages.clean import escape_markdown
from ..printing.print import async_error_text

# The companion app; its notify action bears its device's name.
MOBILE_APP: Final = "mobile_app"
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
_GENERAL: Final = frozenset({"notify", "send_message", "persistent_notification"})
_APPROVAL: Final = (
    CONF_APPROVAL_PAGES,
    CONF_APPROVAL_USERS,
    CONF_APPROVAL_SOURCES,
    CONF_APPROVAL_PRINTERS,
    CONF_APPROVERS,
    CONF_APPROVAL_NOTIFY,
)


def several(
    options: Sequence[SelectOptionDict] | Sequence[str],
    *,
    key: str | None = None,
    custom: bool = False,
) -> SelectSelector:
    """Return a field for several of these options; `key` is where their texts are translated."""
    config = SelectSelectorConfig(
        options=options,
        multiple=True,
        custom_value=custom,
        mode=SelectSelectorMode.DROPDOWN,
    )
    if key is not None:
        config["translation_key"] = key
        config["mode"] = SelectSelectorMode.LIST
    return SelectSelector(config)


async def async_user_choices(hass: HomeAssistant) -> list[SelectOptionDict]:
    """Return the people who use this Home Assistant, by name."""
    users = [
        SelectOptionDict(value=user.id, label=user.name or user.id)
        for user in await hass.auth.async_get_users()
        if user.is_active and not user.system_generated
    ]
    return sorted(users, key=lambda user: user["label"])


@callback
def notify_choices(hass: HomeAssistant) -> list[SelectOptionDict]:
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


@callback
def suggested_notify(hass: HomeAssistant, approvers: Iterable[str]) -> list[str]:
    """Return the actions that reach approvers' phones."""
    users = set(approvers)
    found = [
        f"{NOTIFY_DOMAIN}.{MOBILE_APP}_{slugify(entry.data.get('device_name', ''))}"
        for entry in hass.config_entries.async_loaded_entries(MOBILE_APP)
        if entry.data.get("user_id") in users
    ]
    return [
        name
        for name in found
        if hass.services.has_service(NOTIFY_DOMAIN, name.removeprefix(f"{NOTIFY_DOMAIN}."))
    ]


def chosen_of(options: Mapping[str, Any], name: str, allowed: Iterable[str]) -> vol.Marker:
    """Return the marker of a field whose chosen values are those that are still there."""
    offered = set(allowed)
    return vol.Optional(name, default=[one for one in options.get(name, []) if one in offered])


def approval_schema(
    options: Mapping[str, Any],
    *,
    printers: list[SelectOptionDict],
    users: list[SelectOptionDict],
    notify: list[SelectOptionDict],
    suggested: list[str],
) -> vol.Schema:
    """Return the form of what is to be approved, with the present values.

    `suggested` are whom to notify, as long as nothing has been chosen at all.
    """
    told = [] if any(name in options for name in _APPROVAL) else suggested
    known = [user["value"] for user in users]

    def chosen(name: str, allowed: Iterable[str]) -> vol.Marker:
        return chosen_of(options, name, allowed)

    return vol.Schema(
        {
            vol.Required(
                CONF_APPROVAL_PAGES, default=options.get(CONF_APPROVAL_PAGES, 0)
            ): NumberSelector(
                NumberSelectorConfig(min=0, max=9999, step=1, mode=NumberSelectorMode.BOX)
            ),
            chosen(CONF_APPROVAL_USERS, known): several(users),
            chosen(CONF_APPROVAL_SOURCES, SOURCES): several(SOURCES, key="origin"),
            chosen(CONF_APPROVAL_PRINTERS, [one["value"] for one in printers]): several(printers),
            chosen(CONF_APPROVERS, known): several(users),
            vol.Optional(
                CONF_APPROVAL_NOTIFY, default=options.get(CONF_APPROVAL_NOTIFY, told)
            ): several(notify, custom=True),
        }
    )


def approval_from(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of an answer; what is empty is removed."""
    return {
        name: int(answer[name]) if name == CONF_APPROVAL_PAGES else list(answer.get(name, []))
        for name in _APPROVAL
    }


def release_schema(
    options: Mapping[str, Any], *, printers: list[SelectOptionDict], users: list[SelectOptionDict]
) -> vol.Schema:
    """Return the form of what waits for somebody at the printer; codes are never shown."""
    known = [user["value"] for user in users]
    return vol.Schema(
        {
            chosen_of(options, CONF_RELEASE_PRINTERS, (one["value"] for one in printers)): several(
                printers
            ),
            chosen_of(options, CONF_RELEASE_USERS, known): several(users),
            vol.Optional(CODE_USER): SelectSelector(
                SelectSelectorConfig(options=users, mode=SelectSelectorMode.DROPDOWN)
            ),
            vol.Optional(CODE): TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD)),
        }
    )


def release_errors(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with a code, by field."""
    code = answer.get(CODE, "").strip()
    if code and CODE_USER not in answer:
        return {CODE_USER: "code_needs_user"}
    if code and not MIN_CODE <= len(code) <= MAX_CODE:
        return {CODE: "code_length"}
    return {}


def release_from(answer: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of an answer; a user without a code has none any more. Blocks for a moment."""
    codes = dict(options.get(CONF_RELEASE_CODES, {}))
    if (user := answer.get(CODE_USER)) is not None:
        codes.pop(user, None)
        if code := answer.get(CODE, "").strip():
            codes[user] = hash_code(code)
    return {
        CONF_RELEASE_PRINTERS: list(answer.get(CONF_RELEASE_PRINTERS, [])),
        CONF_RELEASE_USERS: list(answer.get(CONF_RELEASE_USERS, [])),
        CONF_RELEASE_CODES: codes,
    }


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
