"""Runtime data of a config entry, and what its rooms raise, and say, in the words that a user reads."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
import hashlib
from typing import Final, NamedTuple

from homeassistant.components.webhook import async_generate_id
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_API_KEY, CONF_WEBHOOK_ID
from homeassistant.core import Context, HomeAssistant, async_get_hass_or_none, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.translation import (
    async_get_cached_translations,
    async_get_translations,
)
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.limited_size_dict import LimitedSizeDict
from homeassistant.util.signal_type import SignalType

from .account.request_limits import Account
from .api.client import LiankeClient
from .api.errors import (
    DocumentUnreadableError,
    LiankeError,
    OptionError,
    TooManyRequestsError,
)
from .box.storage import BoxStorage
from .const import DOMAIN
from .coordinator import LiankeCoordinator
from .errors import InputError
from .jobs.queue import PrintQueue

# What we refuse before anything is sent, and Home Assistant does not log as an error.
_REFUSED_HERE: Final = (InputError, TooManyRequestsError, DocumentUnreadableError)

# What errors mention that are fields of the action Print, and lists of them, by the reason of the error.
_FIELDS: Final = ("option", "field", "needed")
_FIELD_LISTS: Final = {"raw_refuses_options": "value", "source_not_one": "sources"}

ACCOUNTS: HassKey[dict[str, Account]] = HassKey(f"{DOMAIN}_accounts")
# By the digests of ApiKeys, the webhook ids of accounts without an entry: a box is just being added, or the last was
# removed. Their requests count all the same.
_WEBHOOKS: HassKey[LimitedSizeDict[str, str]] = HassKey(f"{DOMAIN}_webhooks")
MAX_ACCOUNTS_WITHOUT_BOX: Final = 20

type LiankeConfigEntry = ConfigEntry[LiankeData]


class LiankeData(NamedTuple):
    """Runtime data of a box that is set up."""

    client: LiankeClient
    storage: BoxStorage
    coordinator: LiankeCoordinator
    queue: PrintQueue
    account: Account

    def client_for(self, context: Context | None) -> LiankeClient:
        """Return a client for one lookup of the user of a call.

        Raises TooManyRequestsError when that is beyond the user's limit.
        """
        user = None if context is None else context.user_id
        return self.client.with_throttle(self.account.user_throttle(user))


def preview_signal(entry: LiankeConfigEntry, printer_key: str) -> SignalType[bytes | None]:
    """Return the dispatcher signal for a new preview of a printer: its first picture, if it has one."""
    return SignalType(f"{DOMAIN}_preview_{entry.entry_id}_{printer_key}")


@callback
def async_account(hass: HomeAssistant, webhook_id: str) -> Account:
    return hass.data.setdefault(ACCOUNTS, {}).setdefault(webhook_id, Account(webhook_id))


@callback
def async_account_of_key(hass: HomeAssistant, api_key: str, keep: str | None = None) -> Account:
    """Return the account of an ApiKey, which an entry has or is about to get.

    Its webhook is that of an entry with the key, else the one to keep, else the one that it had before, else a new one.
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
    """Forget the accounts without an entry whose requests need not be counted any more."""
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


def translated(err: InputError | LiankeError) -> HomeAssistantError:
    """Return an error of ours as one that Home Assistant shows in the user's language."""
    kind = ServiceValidationError if isinstance(err, _REFUSED_HERE) else HomeAssistantError
    placeholders = err.placeholders
    said: tuple[str, ...] = ()
    if (hass := async_get_hass_or_none()) is not None:
        placeholders |= _in_words(hass, err)
        # By itself, Home Assistant says it in English: to logs, traces, phones and assistants.
        if hass.config.language != "en" and (text := error_text(hass, err.reason, placeholders)):
            said = (text,)
    return kind(
        *said,
        translation_domain=DOMAIN,
        translation_key=err.reason,
        translation_placeholders=placeholders or None,
    )


def in_words(hass: HomeAssistant, err: InputError) -> dict[str, str]:
    """Return what an error's text mentions in the words of the house, as forms and lists have them."""
    return {**err.placeholders, **_in_words(hass, err)}


def _in_words(hass: HomeAssistant, err: InputError | LiankeError) -> dict[str, str]:
    """Return placeholders with the words of the house for fields of actions and their values.

    Each is followed by the name that automations write, which also is by itself under `PLACEHOLDER_key`, for the card,
    whose user may read another language.
    """
    language = hass.config.language
    fields: dict[str, str] = {name: "field" for name in _FIELDS if name in err.placeholders}
    if (named := _FIELD_LISTS.get(err.reason)) is not None:
        fields[named] = "field"
    if isinstance(err, OptionError):
        fields = {"value": err.option, "allowed": err.option} | fields
    both, comma = ("{}（{}）", "、") if language.startswith("zh") else ("{} ({})", ", ")
    worded: dict[str, str] = {}
    for placeholder, of in fields.items():
        names = err.placeholders[placeholder].split(", ")
        if placeholder == "allowed" and isinstance(err, OptionError):
            names = [*err.allowed]
        kind = "services" if of == "field" else "selector"
        path = "services.print.fields.{}.name" if of == "field" else f"selector.{of}.options.{{}}"
        texts = async_get_cached_translations(hass, language, kind, DOMAIN)
        words = [texts.get(f"component.{DOMAIN}.{path.format(name)}") for name in names]
        if any(words):
            worded[placeholder] = comma.join(
                both.format(word, name)
                if word and word.casefold() != name
                # Where people read it, and automations find the name beside it.
                else ((err.reason == "option_missing_there" and of == "field" and word) or name)
                for name, word in zip(names, words, strict=True)
            )
            worded[f"{placeholder}_key"] = ", ".join(names)
    return worded


@contextmanager
def translating() -> Iterator[None]:
    """Raise errors of ours as Home Assistant shows them: for whoever is called by it, or answers for it."""
    try:
        yield
    except (InputError, LiankeError) as err:
        raise translated(err) from None


async def async_error_text(
    hass: HomeAssistant,
    key: str,
    placeholders: Mapping[str, str] | None = None,
    *,
    domain: str = DOMAIN,
) -> str:
    """Return an error's text, by default one of ours, in Home Assistant's language; empty when there is none.

    Placeholders that a stored job does not know are empty.
    """
    texts = await async_get_translations(hass, hass.config.language, "exceptions", [domain])
    text = texts.get(f"component.{domain}.exceptions.{key}.message", "")
    return text.format_map(defaultdict(str, placeholders or {}))


@callback
def error_text(hass: HomeAssistant, key: str, placeholders: Mapping[str, str]) -> str:
    """Return the same at once, empty also while Home Assistant has not loaded the texts of its language."""
    texts = async_get_cached_translations(hass, hass.config.language, "exceptions", DOMAIN)
    text = texts.get(f"component.{DOMAIN}.exceptions.{key}.message", "")
    return text.format_map(defaultdict(str, placeholders))


async def async_said(hass: HomeAssistant, err: HomeAssistantError) -> str:
    """Return what an error says in Home Assistant's language; by itself it says most in English."""
    domain, key = err.translation_domain, err.translation_key
    if not (domain and key):
        return str(err)
    text = await async_error_text(hass, key, err.translation_placeholders, domain=domain)
    return text or str(err)


async def async_whole_error(
    hass: HomeAssistant, key: str, placeholders: Mapping[str, str]
) -> HomeAssistantError:
    """Return an error for a text of ours with another in it that is known in Home Assistant's language alone.

    It has no key: by that, people would read the text in their own language, and the one inside in this one.
    """
    return HomeAssistantError(await async_error_text(hass, key, placeholders))
