"""Texts of pages and titles, in Home Assistant's language."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations

from ..const import DOMAIN


async def async_page_text(hass: HomeAssistant, key: str) -> str:
    """Return a text of a page or title; its key where it is not translated."""
    return (await async_page_texts(hass)).get(key, key)


async def async_page_texts(hass: HomeAssistant) -> dict[str, str]:
    """Return all texts by their keys."""
    prefix = f"component.{DOMAIN}.common."
    texts = await async_get_translations(hass, hass.config.language, "common", [DOMAIN])
    return {key.removeprefix(prefix): text for key, text in texts.items() if key.startswith(prefix)}
