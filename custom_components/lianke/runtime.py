"""Runtime data of config entries, their accounts, and the translation of errors."""

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

# Errors that occur before anything is sent. They become ServiceValidationError, which is not logged as an error.
_REFUSED_HERE: Final = (InputError, TooManyRequestsError, DocumentUnreadableError)

# Error placeholders that hold the name of a field of the action `print`.
_FIELDS: Final = ("option", "field", "needed")
# For each reason of an error, the placeholder that holds a list of such field names.
_FIELD_LISTS: Final = {"raw_refuses_options": "value", "source_not_one": "sources"}

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


def translated(err: InputError | LiankeError) -> HomeAssistantError:
    """Turn one of our errors into an error that Home Assistant shows in the user's language."""
    kind = ServiceValidationError if isinstance(err, _REFUSED_HERE) else HomeAssistantError
    placeholders = err.placeholders
    message: tuple[str, ...] = ()
    if (hass := async_get_hass_or_none()) is not None:
        placeholders = worded_placeholders(hass, err)
        # Without this text, logs, traces, phones and assistants would get the English text.
        if hass.config.language != "en" and (text := error_text(hass, err.reason, placeholders)):
            message = (text,)
    return kind(
        *message,
        translation_domain=DOMAIN,
        translation_key=err.reason,
        translation_placeholders=placeholders or None,
    )


def worded_placeholders(hass: HomeAssistant, err: InputError | LiankeError) -> dict[str, str]:
    """Return an error's placeholders, with names of fields and values as words in Home Assistant's language.

    Each word is followed by the name that automations use, in parentheses. The card, whose user may have another
    language, gets that name alone in a further placeholder, whose name ends in `_key`.
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
                # People read this error, so show "Paper" rather than "paper". The card finds the name under `_key`.
                else ((err.reason == "option_missing_there" and of == "field" and word) or name)
                for name, word in zip(names, words, strict=True)
            )
            worded[f"{placeholder}_key"] = ", ".join(names)
    return err.placeholders | worded


@contextmanager
def translating() -> Iterator[None]:
    """Turn our errors within the block into errors that Home Assistant can show."""
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
    """Return the text of an error in Home Assistant's language; empty if there is no text.

    `domain` is the integration that has the text. Missing placeholders become empty, since a stored job may lack them.
    """
    texts = await async_get_translations(hass, hass.config.language, "exceptions", [domain])
    text = texts.get(f"component.{domain}.exceptions.{key}.message", "")
    return text.format_map(defaultdict(str, placeholders or {}))


@callback
def error_text(hass: HomeAssistant, key: str, placeholders: Mapping[str, str]) -> str:
    """Return the text of one of our errors without waiting; empty while Home Assistant has not loaded the texts."""
    texts = async_get_cached_translations(hass, hass.config.language, "exceptions", DOMAIN)
    text = texts.get(f"component.{DOMAIN}.exceptions.{key}.message", "")
    return text.format_map(defaultdict(str, placeholders))


async def async_error_message(hass: HomeAssistant, err: HomeAssistantError) -> str:
    """Return the text of an error in Home Assistant's language; `str` would return an English text for most errors."""
    domain, key = err.translation_domain, err.translation_key
    if not (domain and key):
        return str(err)
    text = await async_error_text(hass, key, err.translation_placeholders, domain=domain)
    return text or str(err)


async def async_whole_error(
    hass: HomeAssistant, key: str, placeholders: Mapping[str, str]
) -> HomeAssistantError:
    """Return an error whose text contains another text that is known only in Home Assistant's language.

    The error has no translation key: with a key, people would read the outer text in their own language and the inner
    text in Home Assistant's.
    """
    return HomeAssistantError(await async_error_text(hass, key, placeholders))
