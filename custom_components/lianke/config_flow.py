"""Config flow: adds a box, renews its key, changes its connection."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    OptionsFlow,
)
from homeassistant.const import CONF_API_KEY, CONF_DEVICE_ID, CONF_WEBHOOK_ID
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.selector import BooleanSelector
import voluptuous as vol

from .api.addresses import DEFAULT_SERVER, check_server
from .api.errors import AuthenticationError, BoxNotFoundError, LiankeError
from .api.models import Credentials, Printer
from .box.storage import async_delete_kept, async_find_kept
from .const import CONF_DEVICE_KEY, CONF_SERVER, CONSOLE_URL, DOMAIN, ENTRY_VERSION
from .flows import binding
from .flows.options_flow import LiankeOptionsFlow
from .input_error import InputError
from .options_frame import UserInput
from .pages.clean import escape_markdown
from .runtime import LiankeConfigEntry, async_account_of_key

CONF_TEST_PAGE = "test_page"
CONF_START_AFRESH = "start_afresh"


def _credentials_in(data: Mapping[str, Any]) -> Credentials:
    return Credentials(device_id=data[CONF_DEVICE_ID], device_key=data[CONF_DEVICE_KEY])


class LiankeConfigFlow(ConfigFlow, domain=DOMAIN):
    """Config flow of a box.

    Secrets stay in the flow and are never sent back to the browser. After an error, a key that was not rejected appears
    as dots, so that the user need not enter the key again.
    """

    VERSION = ENTRY_VERSION
    MINOR_VERSION = 1

    def __init__(self) -> None:
        self._sticker: Credentials | None = None
        self._api_key = ""
        self._account: str | None = None
        self._server = DEFAULT_SERVER
        self._data: dict[str, str] = {}
        self._printers: tuple[Printer, ...] = ()
        self._test_printer: Printer | None = None
        self._forget_errors()

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        return LiankeOptionsFlow()

    @override
    async def async_step_user(self, user_input: UserInput = None) -> ConfigFlowResult:
        if user_input is not None:
            await self._async_read_sticker(user_input)
            if (sticker := self._sticker) is None and not self._errors:
                self._errors[binding.CONF_PHOTO] = "sticker_missing"
            if sticker is not None and not self._errors:
                # A flow left open in a closed browser tab must not block a new flow for the same box.
                await self.async_set_unique_id(sticker.device_id, raise_on_progress=False)
                self._abort_if_unique_id_configured()
                self._data = {
                    CONF_DEVICE_ID: sticker.device_id,
                    CONF_DEVICE_KEY: sticker.device_key,
                }
                return await self.async_step_account()
        return self._sticker_form()

    def _sticker_form(self) -> ConfigFlowResult:
        return self.async_show_form(
            step_id="user",
            data_schema=vol.Schema(binding.STICKER),
            errors=self._errors,
            last_step=False,
        )

    async def async_step_account(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Ask for the ApiKey and fetch the box; return to the sticker's form if the service does not know the box."""
        if user_input is not None:
            self._forget_errors()
            self._read_connection(user_input)
            # A newly entered key takes precedence over a chosen account.
            chosen = user_input.get(binding.CONF_ACCOUNT, binding.ANOTHER_ACCOUNT)
            is_typed = user_input.get(CONF_API_KEY, binding.KEPT_KEY) != binding.KEPT_KEY
            self._account = None if is_typed or chosen == binding.ANOTHER_ACCOUNT else chosen
            api_key, server = self._key_and_server()
            if not self._errors:
                sticker = _credentials_in(self._data)
                if (printers := await self._async_fetch(api_key, sticker, server)) is not None:
                    self._printers = printers
                    self._data |= {CONF_API_KEY: api_key, CONF_SERVER: server}
                    return await self.async_step_printers()
                if self._sticker is None:
                    return self._sticker_form()
        entries = self.hass.config_entries.async_entries(DOMAIN)
        return self.async_show_form(
            step_id="account",
            data_schema=vol.Schema(
                {
                    **binding.account_field(entries, self._account),
                    **binding.key_field(vol.Optional, kept=bool(self._api_key)),
                    **binding.server_section(self._server, self._errors),
                }
            ),
            errors=self._errors,
            description_placeholders={
                "device_id": escape_markdown(self._data[CONF_DEVICE_ID]),
                "console_url": CONSOLE_URL,
                **self._details,
            },
            last_step=False,
        )

    async def async_step_printers(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Show the printers, offer to print a test page and to delete data kept of the box, and create the entry."""
        printers = self._printers
        ready = binding.test_page_printer(printers)
        device_id = self._data[CONF_DEVICE_ID]
        self._forget_errors()
        afresh = bool(user_input and user_input.get(CONF_START_AFRESH))
        kept = await self._async_kept_options(device_id, delete=afresh)
        if user_input is not None and not self._errors:
            self._test_printer = ready if user_input.get(CONF_TEST_PAGE) else None
            # Look up the webhook id last: another flow may just have used the same key for the first time.
            webhook_id = self._webhook_id(self._data[CONF_API_KEY])
            return self.async_create_entry(
                title=f"Lianke {device_id}",
                data={**self._data, CONF_WEBHOOK_ID: webhook_id},
                options=kept,
            )
        offers = {CONF_TEST_PAGE: ready is not None, CONF_START_AFRESH: kept is not None}
        schema: dict[vol.Marker, object] = {
            vol.Required(name, default=False): BooleanSelector()
            for name, is_offered in offers.items()
            if is_offered
        }
        return self.async_show_form(
            step_id="printers" if printers else "no_printers",
            data_schema=vol.Schema(schema),
            errors=self._errors,
            description_placeholders={
                "device_id": escape_markdown(device_id),
                "printers": binding.printer_list(printers),
                "test_printer": escape_markdown(ready.name) if ready else "",
            },
            last_step=True,
        )

    async def _async_kept_options(
        self, device_id: str, *, delete: bool
    ) -> Mapping[str, Any] | None:
        """Return the options that were kept when the box was removed; None if nothing is kept.

        With `delete`, first delete all data kept of the box. If the disk fails, note the error and return no options.
        """
        try:
            if delete:
                await async_delete_kept(self.hass, device_id)
            kept = await async_find_kept(self.hass, device_id)
        except OSError, HomeAssistantError:
            self._errors["base"] = "kept_box_refused"
            return {}
        return kept[0].options if kept else None

    # The form for a box without printers also creates the entry.
    async_step_no_printers = async_step_printers

    @override
    async def async_on_create_entry(self, result: ConfigFlowResult) -> ConfigFlowResult:
        entry: LiankeConfigEntry = result["result"]
        if self._test_printer is not None and entry.state is ConfigEntryState.LOADED:
            entry.async_create_background_task(
                self.hass,
                binding.async_print_first_page(self.hass, entry, self._test_printer),
                "print a test page",
            )
        return result

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Ask for a new key for all boxes that use the old key."""
        entry = self._get_reauth_entry()
        if user_input is not None:
            self._forget_errors()
            self._read_connection(user_input)
            server = entry.data[CONF_SERVER]
            if not self._errors:
                sticker = _credentials_in(entry.data)
                keep = entry.data[CONF_WEBHOOK_ID]
                if await self._async_fetch(self._api_key, sticker, server, keep) is not None:
                    return self._renew(entry)
        return self.async_show_form(
            step_id="reauth_confirm",
            data_schema=vol.Schema(binding.key_field(vol.Required, kept=bool(self._api_key))),
            errors=self._errors,
            description_placeholders=self._placeholders(entry),
        )

    def _placeholders(self, entry: ConfigEntry) -> dict[str, str]:
        return {
            "name": escape_markdown(entry.title),
            "device_id": escape_markdown(entry.data[CONF_DEVICE_ID]),
            "console_url": CONSOLE_URL,
            **self._details,
        }

    def _renew(self, entry: ConfigEntry) -> ConfigFlowResult:
        """Save the new key in every entry that has the old key, and reload these entries unless they are disabled."""
        updates = {
            CONF_API_KEY: self._api_key,
            CONF_WEBHOOK_ID: self._webhook_id(self._api_key, entry.data[CONF_WEBHOOK_ID]),
        }
        for other in self._entries_of(entry.data[CONF_API_KEY]):
            if other.entry_id == entry.entry_id:
                continue
            self.hass.config_entries.async_update_entry(other, data={**other.data, **updates})
            if other.disabled_by is None:
                self.hass.config_entries.async_schedule_reload(other.entry_id)
        return self.async_update_reload_and_abort(entry, data_updates=updates)

    async def async_step_reconfigure(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Change the key, sticker or server of the same box; empty fields change nothing."""
        entry = self._get_reconfigure_entry()
        if user_input is None:
            self._server = entry.data[CONF_SERVER]
        else:
            await self._async_read_sticker(user_input)
            self._read_connection(user_input)
            api_key = self._api_key or entry.data[CONF_API_KEY]
            credentials = self._sticker or _credentials_in(entry.data)
            if not self._errors:
                await self.async_set_unique_id(credentials.device_id, raise_on_progress=False)
                self._abort_if_unique_id_mismatch(reason="wrong_account")
                # If other boxes use the old key too, they keep its webhook id.
                alone = len(self._entries_of(entry.data[CONF_API_KEY])) == 1
                kept = entry.data[CONF_WEBHOOK_ID] if alone else None
                printers = await self._async_fetch(api_key, credentials, self._server, kept)
                if printers is not None:
                    return self.async_update_reload_and_abort(
                        entry,
                        data_updates={
                            CONF_API_KEY: api_key,
                            CONF_DEVICE_KEY: credentials.device_key,
                            CONF_SERVER: self._server,
                            CONF_WEBHOOK_ID: self._webhook_id(api_key, kept),
                        },
                        reload_even_if_entry_is_unchanged=False,
                    )
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=vol.Schema(
                {
                    **binding.key_field(vol.Optional, kept=bool(self._api_key)),
                    **binding.STICKER,
                    **binding.server_section(self._server, self._errors),
                }
            ),
            errors=self._errors,
            # Do not escape the name: the form shows it in its title, which is not Markdown.
            description_placeholders={**self._placeholders(entry), "name": entry.title},
        )

    async def _async_read_sticker(self, user_input: dict[str, Any]) -> None:
        """Read the sticker in a form's answer and keep it in the flow, or note the error. Deletes an uploaded photo."""
        self._forget_errors()
        try:
            sticker = await binding.async_read_sticker(
                self.hass, user_input.get(binding.CONF_PHOTO), user_input.get(binding.CONF_QR_TEXT)
            )
            self._sticker = sticker or self._sticker
        except InputError as err:
            self._errors[err.placeholders["field"]] = err.reason

    def _read_connection(self, user_input: dict[str, Any]) -> None:
        """Check the key and server in a form's answer and keep them in the flow; note their errors."""
        kept, self._api_key = self._api_key, ""
        if (api_key := user_input.get(CONF_API_KEY)) is not None:
            try:
                self._api_key = (
                    kept if kept and api_key == binding.KEPT_KEY else binding.checked_key(api_key)
                )
            except InputError as err:
                self._errors[err.placeholders["field"]] = err.reason
        if (advanced := user_input.get(binding.SECTION_ADVANCED)) is not None:
            self._server = advanced[CONF_SERVER]
            try:
                self._server = check_server(self._server)
            except InputError as err:
                self._errors["base"] = err.reason

    def _forget_errors(self) -> None:
        self._errors: dict[str, str] = {}
        self._details = {"detail": "", "code": ""}

    def _key_and_server(self) -> tuple[str, str]:
        """Return the key and server that the user entered, or those of the chosen account.

        If the key or the account is missing, note the error.
        """
        if self._account is None:
            if not self._api_key:
                self._errors.setdefault(CONF_API_KEY, "api_key_missing")
            return self._api_key, self._server
        entry = self.hass.config_entries.async_get_entry(self._account)
        if entry is None:
            self._errors[binding.CONF_ACCOUNT], self._account = "account_gone", None
            return "", self._server
        return entry.data[CONF_API_KEY], entry.data[CONF_SERVER]

    async def _async_fetch(
        self, api_key: str, credentials: Credentials, server: str, keep: str | None = None
    ) -> tuple[Printer, ...] | None:
        """Return the box's printers; on an error, note the error and return None.

        A key or sticker that the service rejects is dropped, so that the form asks for it again. `keep` is the webhook
        id of the account that gets this key in place of its old key.
        """
        try:
            return await binding.async_fetch_box(
                self.hass,
                api_key=api_key,
                credentials=credentials,
                server=server,
                account=async_account_of_key(self.hass, api_key, keep),
            )
        except LiankeError as err:
            self._details = err.placeholders
            if isinstance(err, AuthenticationError):
                self._errors[CONF_API_KEY] = err.reason
                self._api_key, self._account = "", None
            else:
                self._errors["base"] = (
                    err.reason if err.reason in binding.EXPLAINED_IN_SETUP else "refused"
                )
            if isinstance(err, BoxNotFoundError):
                self._sticker = None
            return None

    def _entries_of(self, api_key: str) -> list[ConfigEntry]:
        entries = self.hass.config_entries.async_entries(DOMAIN)
        return [entry for entry in entries if entry.data[CONF_API_KEY] == api_key]

    def _webhook_id(self, api_key: str, keep: str | None = None) -> str:
        """Return the webhook id of an entry with this key.

        If no entry has the key, return `keep`, or else the id that the key had before, or else a new id.
        """
        return async_account_of_key(self.hass, api_key, keep).webhook_id
