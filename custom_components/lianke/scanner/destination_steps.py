"""The step of the options flow that sets up where scans go, and tests it."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import voluptuous as vol

from .. import const
from ..documents.folders import find_or_create_folder
from ..error_texts import async_error_text
from ..input_error import InputError
from ..options_frame import BoxOptionsFlow, UserInput, choice, needs_box
from .delivery import Destination
from .paperless import async_paperless

_TEXT = TextSelector()
_TEXTS = TextSelector(TextSelectorConfig(multiple=True))
_PASSWORD = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))
_FIELDS: Mapping[str, Any] = {
    const.CONF_SCAN_SEND_TO: choice(Destination, key="scan_send_to", many=True),
    const.CONF_SCAN_FOLDER: _TEXT,
    const.CONF_SCAN_MAIL: EntitySelector(EntitySelectorConfig(domain="notify", integration="smtp")),
    const.CONF_PAPERLESS_TAGS: _TEXTS,
    const.CONF_PAPERLESS_URL: _TEXT,
    const.CONF_PAPERLESS_TOKEN: _PASSWORD,
    const.CONF_PAPERLESS_ANY_CERTIFICATE: BooleanSelector(),
}
# Fields that are left out if Home Assistant's own integration has a server.
_OF_SERVER = (
    const.CONF_PAPERLESS_URL,
    const.CONF_PAPERLESS_TOKEN,
    const.CONF_PAPERLESS_ANY_CERTIFICATE,
)


class DestinationSteps(BoxOptionsFlow):
    # What the user entered, until it is saved.
    _wanted: Mapping[str, Any] = {}

    @needs_box
    async def async_step_scan_destinations(self, user_input: UserInput = None) -> ConfigFlowResult:
        known = {**self.config_entry.options, **self._wanted}
        is_ours = async_paperless(self.hass, {}) is None
        errors: dict[str, str] = {}
        if user_input is not None:
            shown = [name for name in _FIELDS if is_ours or name not in _OF_SERVER]
            wanted = {name: user_input.get(name) for name in shown}
            url, token = wanted.get(const.CONF_PAPERLESS_URL), const.CONF_PAPERLESS_TOKEN
            if is_ours and not wanted[token] and url == known.get(const.CONF_PAPERLESS_URL):
                # The form never shows the token; at another address it must be entered again.
                wanted[token] = known.get(token)
            if is_ours and bool(url) is not bool(wanted[token]):
                errors[token] = "paperless_needs_both"
            self._wanted = known = {**self._wanted, **wanted}
            if not errors:
                return await self.async_step_destinations_tested(None)
        schema = {
            vol.Optional(
                name,
                description={
                    "suggested_value": None
                    if name == const.CONF_PAPERLESS_TOKEN
                    else known.get(name)
                },
            ): field
            for name, field in _FIELDS.items()
            if is_ours or name not in _OF_SERVER
        }
        return self.async_show_form(
            step_id="scan_destinations", data_schema=vol.Schema(schema), errors=errors
        )

    async def async_step_destinations_tested(
        self, user_input: UserInput = None
    ) -> ConfigFlowResult:
        """Say whether the folder and Paperless-ngx can take scans; they may also be saved while they cannot."""
        found = []
        server = async_paperless(self.hass, self._wanted)
        try:
            if folder := self._wanted.get(const.CONF_SCAN_FOLDER):
                run = self.hass.async_add_executor_job
                await run(find_or_create_folder, self.hass, folder)
            if server is not None:
                await server.async_check(self._wanted.get(const.CONF_PAPERLESS_TAGS) or ())
                found.append(await async_error_text(self.hass, "paperless_works"))
        except InputError as err:
            found.append(await async_error_text(self.hass, err.reason, err.placeholders))
        if not found:
            return await self.async_step_destinations_saved(None)
        return self.async_show_menu(
            step_id="destinations_tested",
            menu_options=["destinations_saved", "scan_destinations"],
            description_placeholders={"result": "\n".join(found)},
        )

    async def async_step_destinations_saved(self, user_input: UserInput = None) -> ConfigFlowResult:
        return self._save({**self._wanted})
