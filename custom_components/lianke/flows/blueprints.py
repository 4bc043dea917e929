"""Copies the shipped blueprints to Home Assistant's blueprint folder, in Home Assistant's language."""

from collections.abc import Iterable
import hashlib
from pathlib import Path

from homeassistant.components.automation import automations_with_blueprint
from homeassistant.components.automation.const import DOMAIN as AUTOMATION_DOMAIN
from homeassistant.components.automation.helpers import async_get_blueprints
from homeassistant.const import SERVICE_RELOAD
from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util.file import write_utf8_file_atomic

from ..const import DOMAIN

# Names of the blueprints' files without extension, in the order of the form.
BLUEPRINTS = (
    "shopping_list",
    "voice",
    "morning_briefing",
    "arithmetic",
    "wrong_questions",
    "doorbell_photo",
    "ai_picture",
    "mail_to_paper",
    "telegram_to_paper",
    "share_from_phone",
    "printer_messages",
    "folder",
    "invoices",
    "smart_plug",
    "print_when_there",
    "scan_to_folder",
)

# Folders in _SHIPPED; each contains all blueprints in one language.
LANGUAGE_ENGLISH = "en"
LANGUAGE_CHINESE = "zh-Hans"

_SHIPPED = Path(__file__).parents[1] / "blueprints" / AUTOMATION_DOMAIN
# The last line of a copy has a digest of the lines above it. If that does not match, somebody has edited the copy.
_SEAL = "# Copied by the integration; written over only while unchanged. sha256: "


async def async_copy(hass: HomeAssistant, names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Copy these blueprints in Home Assistant's language, and make Home Assistant load them.

    Returns the names of the blueprints that were copied, and of those that were not copied because somebody has edited
    an earlier copy or put another file in its place. Raises OSError or WriteError if a file cannot be read or written;
    the blueprints copied before the error stay.
    """
    chosen = [name for name in BLUEPRINTS if name in set(names)]
    blueprints = async_get_blueprints(hass)
    try:
        copied, kept = await hass.async_add_executor_job(
            _copy,
            _SHIPPED / language_of(hass.config.language),
            blueprints.blueprint_folder / DOMAIN,
            chosen,
        )
    finally:
        await blueprints.async_reset_cache()
    if any(automations_with_blueprint(hass, path_of(name)) for name in copied):
        await hass.services.async_call(AUTOMATION_DOMAIN, SERVICE_RELOAD, blocking=True)
    return copied, kept


def language_of(language: str) -> str:
    """Return the name of the folder with the shipped blueprints for a language: Chinese or English."""
    return LANGUAGE_CHINESE if language.lower().startswith("zh") else LANGUAGE_ENGLISH


async def async_listed(hass: HomeAssistant, names: Iterable[str]) -> str:
    """Return a Markdown list of blueprints with the texts of the form, which say what each blueprint does."""
    texts = await async_get_translations(
        hass, language_of(hass.config.language), "selector", [DOMAIN]
    )
    prefix = f"component.{DOMAIN}.selector.blueprints.options."
    return "\n".join(f"- {texts.get(prefix + name, name)}" for name in names)


def path_of(name: str) -> str:
    """Return the path by which automations refer to a copied blueprint."""
    return f"{DOMAIN}/{name}.yaml"


def _copy(shipped: Path, folder: Path, names: list[str]) -> tuple[list[str], list[str]]:
    folder.mkdir(parents=True, exist_ok=True)
    copied, kept = [], []
    for name in names:
        file = folder / f"{name}.yaml"
        if _is_edited(file):
            kept.append(name)
            continue
        text = (shipped / file.name).read_text("utf-8")
        write_utf8_file_atomic(str(file), f"{text}{_SEAL}{_digest(text.encode())}\n")
        copied.append(name)
    return copied, kept


def _is_edited(file: Path) -> bool:
    """Whether a file exists and has other content than any version of the integration wrote."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return False
    text, found, digest = content.rpartition(_SEAL.encode())
    return not found or digest != f"{_digest(text)}\n".encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
