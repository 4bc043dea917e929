"""Texts of errors in the user's language, and our errors as errors that Home Assistant shows."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from homeassistant.core import HomeAssistant, async_get_hass_or_none, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.translation import (
    async_get_cached_translations,
    async_get_translations,
)

from .api.errors import (
    DocumentUnreadableError,
    LiankeError,
    OptionError,
    TooManyRequestsError,
)
from .const import DOMAIN
from .input_error import InputError

# Errors that occur before anything is sent. They become ServiceValidationError, which is not logged as an error.
_REFUSED_HERE: Final = (InputError, TooManyRequestsError, DocumentUnreadableError)
# Error placeholders that hold the name of a field of the action `print`.
_FIELDS: Final = ("option", "field", "needed")
# For each reason of an error, the placeholder that holds a list of such field names.
_FIELD_LISTS: Final = {"raw_refuses_options": "value", "source_not_one": "sources"}


def translated(err: InputError | LiankeError) -> HomeAssistantError:
    """Turn one of our errors into an error that Home Assistant shows in the user's language."""
    kind = ServiceValidationError if isinstance(err, _REFUSED_HERE) else HomeAssistantError
    placeholders = err.placeholders
    message: tuple[str, ...] = ()
    if (hass := async_get_hass_or_none()) is not None:
        placeholders = worded_placeholders(hass, err)
        # Without this text, logs, traces, phones and assistants would get the English text.
        if hass.config.language != "en" and (
            text := cached_error_text(hass, err.reason, placeholders)
        ):
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
    if err.reason == "ofd_incomplete":
        # The card translates these kinds into its user's language.
        worded["kinds"] = err.placeholders["missing"]
        worded["missing"] = comma.join(_missing_words(hass, err.placeholders))
    return err.placeholders | worded


def _missing_words(hass: HomeAssistant, placeholders: Mapping[str, str]) -> Iterator[str]:
    """Yield in words what cannot be drawn in an OFD file; `documents.ofd_files` lists it as `seal: 1, 3; text: 2`."""
    for one in placeholders["missing"].split("; "):
        kind, _, pages = one.partition(": ")
        said = {"pages": pages, "letters": placeholders.get("letters", "")}
        yield cached_error_text(hass, f"ofd_missing_{kind}", said) or one


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
def cached_error_text(hass: HomeAssistant, key: str, placeholders: Mapping[str, str]) -> str:
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
