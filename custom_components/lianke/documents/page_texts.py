"""The words that pages and titles say, in the language of the house."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations

from ..const import DOMAIN


async def async_page_text(hass: HomeAssistant, key: str) -> str:
    """Return one of the words a page or a title says, in the language of the house."""
    return (await async_page_texts(hass)).get(key, key)


async def async_page_texts(hass: HomeAssistant) -> dict[str, str]:
    """Return all words by their keys."""
    prefix = f"component.{DOMAIN}.common."
    texts = await async_get_translations(hass, hass.config.language, "common", [DOMAIN])
    return {key.removeprefix(prefix): text for key, text in texts.items() if key.startswith(prefix)}
