"""The steps of the options flow that set up and test the destinations of scans."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    SelectOptionDict,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.translation import async_get_translations
import voluptuous as vol

from .. import const
from ..documents.folders import find_or_create_folder
from ..error_texts import async_error_text
from ..input_error import InputError
from ..options_frame import BoxOptionsFlow, UserInput, choice, needs_box
from ..pages.clean import escape_markdown
from .hub import async_get_hub
from .paperless import async_paperless
from .scan_delivery import button_destinations
from .scan_job import Destination

_TEXT = TextSelector()
_TEXTS = TextSelector(TextSelectorConfig(multiple=True))
_PASSWORD = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))
_FIELDS: Mapping[str, Any] = {
    const.CONF_SCAN_FOLDER: _TEXT,
    const.CONF_SCAN_MAIL: EntitySelector(EntitySelectorConfig(domain="notify", integration="smtp")),
    const.CONF_PAPERLESS_TAGS: _TEXTS,
    const.CONF_PAPERLESS_URL: _TEXT,
    const.CONF_PAPERLESS_TOKEN: _PASSWORD,
    const.CONF_PAPERLESS_ANY_CERTIFICATE: BooleanSelector(),
}
TOKEN = const.CONF_PAPERLESS_TOKEN
# Fields that are left out if Home Assistant's own integration for Paperless-ngx has a server.
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
        is_theirs = async_paperless(self.hass, {}) is not None
        buttons = await self._async_buttons()
        fields = ({const.CONF_SCAN_SEND_TO: choice(buttons, many=True)} if buttons else {}) | {
            name: field for name, field in _FIELDS.items() if not (is_theirs and name in _OF_SERVER)
        }
        errors = {}
        if user_input is not None:
            wanted = {name: user_input.get(name) for name in fields}
            url, token = wanted.get(const.CONF_PAPERLESS_URL), wanted.get(TOKEN)
            if url and not token and url == known.get(const.CONF_PAPERLESS_URL):
                # The form never shows the token: an empty field keeps it, unless the address has changed.
                wanted[TOKEN] = token = known.get(TOKEN)
            self._wanted = known = wanted
            if bool(url) is bool(token):
                return await self.async_step_destinations_tested(None)
            errors[TOKEN] = "paperless_needs_both"
        schema = vol.Schema({vol.Optional(name): field for name, field in fields.items()})
        shown = {name: value for name, value in known.items() if name != TOKEN}
        shown[const.CONF_SCAN_SEND_TO] = [
            f"{scanner_id} {to}"
            for scanner_id in async_get_hub(self.hass, self.config_entry).scanners
            for to in button_destinations(known, scanner_id)
        ]
        return self.async_show_form(
            step_id="scan_destinations",
            data_schema=self.add_suggested_values_to_schema(schema, shown),
            errors=errors,
        )

    async def _async_buttons(self) -> list[SelectOptionDict]:
        """Return the options of a selector: each scanner's button with each destination."""
        language, names = self.hass.config.language, f"component.{const.DOMAIN}.selector."
        texts = await async_get_translations(self.hass, language, "selector", [const.DOMAIN])
        return [
            SelectOptionDict(
                value=f"{scanner_id} {to}",
                label=f"{scanner.name}: {texts.get(f'{names}scan_send_to.options.{to}', to)}",
            )
            for scanner_id, scanner in async_get_hub(self.hass, self.config_entry).scanners.items()
            for to in Destination
        ]

    async def async_step_destinations_tested(
        self, user_input: UserInput = None
    ) -> ConfigFlowResult:
        """Show whether the folder and Paperless-ngx can receive scans; the user may save them even if they cannot."""
        result = ""
        try:
            if folder := self._wanted.get(const.CONF_SCAN_FOLDER):
                run = self.hass.async_add_executor_job
                await run(find_or_create_folder, self.hass, folder)
            if (server := async_paperless(self.hass, self._wanted)) is not None:
                await server.async_check(self._wanted.get(const.CONF_PAPERLESS_TAGS) or ())
                result = await async_error_text(self.hass, "paperless_works")
        except InputError as err:
            quoted = {name: escape_markdown(text) for name, text in err.placeholders.items()}
            result = await async_error_text(self.hass, err.reason, quoted)
        if not result:
            return await self.async_step_destinations_saved(None)
        return self.async_show_menu(
            step_id="destinations_tested",
            menu_options=["destinations_saved", "scan_destinations"],
            description_placeholders={"result": result},
        )

    async def async_step_destinations_saved(self, user_input: UserInput = None) -> ConfigFlowResult:
        return self._save({**self._wanted})
