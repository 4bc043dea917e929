"""Runtime data of config entries, and their accounts."""

import hashlib
from typing import Final, NamedTuple

from homeassistant.components.webhook import async_generate_id
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_API_KEY, CONF_WEBHOOK_ID
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.limited_size_dict import LimitedSizeDict
from homeassistant.util.signal_type import SignalType

from .account.request_limits import Account
from .api.client import LiankeClient
from .box.storage import BoxStorage
from .const import DOMAIN
from .coordinator import LiankeCoordinator
from .jobs.queue import PrintQueue

ACCOUNTS: HassKey[dict[str, Account]] = HassKey(f"{DOMAIN}_accounts")
# Webhook ids, keyed by a digest of the ApiKey. Accounts without an entry (whose first box is being added, or whose last
# box was removed) are included, because their requests still count.
_WEBHOOKS: HassKey[LimitedSizeDict[str, str]] = HassKey(f"{DOMAIN}_webhooks")
# Maximum number of accounts without a box that are remembered; the oldest are forgotten first.
MAX_ACCOUNTS_WITHOUT_BOX: Final = 20

type LiankeConfigEntry = ConfigEntry[LiankeData]


class LiankeData(NamedTuple):
    client: LiankeClient
    storage: BoxStorage
    coordinator: LiankeCoordinator
    queue: PrintQueue
    account: Account

    def client_for(self, context: Context | None) -> LiankeClient:
        """Return a client for one lookup on behalf of a call's user, and count the lookup.

        Raises TooManyRequestsError if the limit of the user, or of all users together, is reached.
        """
        user = None if context is None else context.user_id
        return self.client.with_throttle(self.account.user_throttle(user))


def preview_signal(entry: LiankeConfigEntry, printer_key: str) -> SignalType[bytes | None]:
    """Return the dispatcher signal of new previews, which carries the first picture, or None if there is no picture."""
    return SignalType(f"{DOMAIN}_preview_{entry.entry_id}_{printer_key}")


@callback
def async_account(hass: HomeAssistant, webhook_id: str) -> Account:
    return hass.data.setdefault(ACCOUNTS, {}).setdefault(webhook_id, Account(webhook_id))


@callback
def async_account_of_key(hass: HomeAssistant, api_key: str, keep: str | None = None) -> Account:
    """Return the account of an ApiKey that an entry has or is about to get.

    The account's webhook id is that of an entry with the key. If there is none, it is `keep`, or the id that the
    account had before, or a new id.
    """
    digest = hashlib.sha256(api_key.encode()).hexdigest()
    webhooks = hass.data.setdefault(_WEBHOOKS, LimitedSizeDict(size_limit=MAX_ACCOUNTS_WITHOUT_BOX))
    entries = hass.config_entries.async_entries(DOMAIN)
    ids = (entry.data[CONF_WEBHOOK_ID] for entry in entries if entry.data[CONF_API_KEY] == api_key)
    webhook_id = next(ids, None) or keep or webhooks.get(digest) or async_generate_id()
    webhooks[digest] = webhook_id
    account = async_account(hass, webhook_id)
    async_drop_accounts(hass)
    return account


@callback
def async_drop_accounts(hass: HomeAssistant) -> None:
    """Forget the accounts that have no entry and whose requests need not be counted any more."""
    accounts, counted = hass.data.get(ACCOUNTS, {}), set(hass.data.get(_WEBHOOKS, {}).values())
    for webhook_id in [*accounts]:
        if webhook_id not in counted and not async_account_entries(hass, webhook_id):
            del accounts[webhook_id]


@callback
def async_account_entries(
    hass: HomeAssistant, webhook_id: str, *, include_disabled: bool = False
) -> list[LiankeConfigEntry]:
    entries: list[LiankeConfigEntry] = hass.config_entries.async_entries(
        DOMAIN, include_ignore=False, include_disabled=include_disabled
    )
    return [entry for entry in entries if entry.data.get(CONF_WEBHOOK_ID) == webhook_id]


@callback
def async_loaded_entries(hass: HomeAssistant) -> list[LiankeConfigEntry]:
    entries: list[LiankeConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    return entries
