"""Runtime data of a config entry, and errors in the words that a user reads."""

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
from .input_error import InputError
from .jobs.queue import PrintQueue

# Refused here before anything is sent: Home Assistant does not log these as errors.
_REFUSED_HERE: Final = (InputError, TooManyRequestsError, DocumentUnreadableError)

# Placeholders of errors that name fields of the action Print, and those that list fields, by the error's reason.
_FIELDS: Final = ("option", "field", "needed")
_FIELD_LISTS: Final = {"raw_refuses_options": "value", "source_not_one": "sources"}

ACCOUNTS: HassKey[dict[str, Account]] = HassKey(f"{DOMAIN}_accounts")
# Webhook ids by digest of the ApiKey, also of accounts without an entry, whose box is being added or was the last one
# removed: their requests still count.
_WEBHOOKS: HassKey[LimitedSizeDict[str, str]] = HassKey(f"{DOMAIN}_webhooks")
# Accounts without a box that are remembered; the first ones are forgotten.
MAX_ACCOUNTS_WITHOUT_BOX: Final = 20

type LiankeConfigEntry = ConfigEntry[LiankeData]


class LiankeData(NamedTuple):
    client: LiankeClient
    storage: BoxStorage
    coordinator: LiankeCoordinator
    queue: PrintQueue
    account: Account

    def client_for(self, context: Context | None) -> LiankeClient:
        """Count one lookup of a call's user. Raises TooManyRequestsError beyond the user's limit."""
        user = None if context is None else context.user_id
        return self.client.with_throttle(self.account.user_throttle(user))


def preview_signal(entry: LiankeConfigEntry, printer_key: str) -> SignalType[bytes | None]:
    """Name the dispatcher signal that sends a new preview's first picture, or None if it has none."""
    return SignalType(f"{DOMAIN}_preview_{entry.entry_id}_{printer_key}")


@callback
def async_account(hass: HomeAssistant, webhook_id: str) -> Account:
    return hass.data.setdefault(ACCOUNTS, {}).setdefault(webhook_id, Account(webhook_id))


@callback
def async_account_of_key(hass: HomeAssistant, api_key: str, keep: str | None = None) -> Account:
    """Find the account of an ApiKey, which an entry has or is about to get.

    Its webhook is that of an entry with the key, else the one to `keep`, else the one that it had before, else new.
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
    """Turn one of our errors into one that Home Assistant shows in the user's language."""
    kind = ServiceValidationError if isinstance(err, _REFUSED_HERE) else HomeAssistantError
    placeholders = err.placeholders
    message: tuple[str, ...] = ()
    if (hass := async_get_hass_or_none()) is not None:
        placeholders = worded_placeholders(hass, err)
        # Without this text, logs, traces, phones and assistants get Home Assistant's English one.
        if hass.config.language != "en" and (text := error_text(hass, err.reason, placeholders)):
            message = (text,)
    return kind(
        *message,
        translation_domain=DOMAIN,
        translation_key=err.reason,
        translation_placeholders=placeholders or None,
    )


def worded_placeholders(hass: HomeAssistant, err: InputError | LiankeError) -> dict[str, str]:
    """Replace names of fields and values in an error's placeholders by words in Home Assistant's language.

    Behind each word stands the name that automations write. `PLACEHOLDER_key` has that name alone, for the card, whose
    user may read another language.
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
                # People read this error, so "Paper" rather than "paper"; automations find the name under _key.
                else ((err.reason == "option_missing_there" and of == "field" and word) or name)
                for name, word in zip(names, words, strict=True)
            )
            worded[f"{placeholder}_key"] = ", ".join(names)
    return err.placeholders | worded


@contextmanager
def translating() -> Iterator[None]:
    """Raise our errors as Home Assistant shows them, in code that it calls or that answers it."""
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
    """Word an error, by default one of ours, in Home Assistant's language; empty if there is no text.

    Placeholders that a stored job does not know are empty.
    """
    texts = await async_get_translations(hass, hass.config.language, "exceptions", [domain])
    text = texts.get(f"component.{domain}.exceptions.{key}.message", "")
    return text.format_map(defaultdict(str, placeholders or {}))


@callback
def error_text(hass: HomeAssistant, key: str, placeholders: Mapping[str, str]) -> str:
    """Word one of our errors without waiting; empty also while Home Assistant has not loaded its language's texts."""
    texts = async_get_cached_translations(hass, hass.config.language, "exceptions", DOMAIN)
    text = texts.get(f"component.{DOMAIN}.exceptions.{key}.message", "")
    return text.format_map(defaultdict(str, placeholders))


async def async_error_message(hass: HomeAssistant, err: HomeAssistantError) -> str:
    """Word an error in Home Assistant's language; its own text is English for most errors."""
    domain, key = err.translation_domain, err.translation_key
    if not (domain and key):
        return str(err)
    text = await async_error_text(hass, key, err.translation_placeholders, domain=domain)
    return text or str(err)


async def async_whole_error(
    hass: HomeAssistant, key: str, placeholders: Mapping[str, str]
) -> HomeAssistantError:
    """Make an error whose text contains another text that is known in Home Assistant's language alone.

    It has no translation key: with one, people would read the outer text in their language and the inner in this one.
    """
    return HomeAssistantError(await async_error_text(hass, key, placeholders))
