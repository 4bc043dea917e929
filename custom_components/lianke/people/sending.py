"""Sends notifications by whatever notify action or entity there is."""

import asyncio
import logging
from typing import Any, Final

from homeassistant.components.notify.const import (
    ATTR_DATA,
    ATTR_MESSAGE,
    ATTR_TITLE,
    DOMAIN as NOTIFY_DOMAIN,
    SERVICE_SEND_MESSAGE,
)
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
import voluptuous as vol

from ..pages.escaping import escape_markdown

_LOGGER = logging.getLogger(__name__)

SEND_SECONDS: Final = 30
# The companion app, whose action shows buttons and pictures.
MOBILE_APP: Final = "mobile_app"
CLEAR: Final = "clear_notification"
# It shows Markdown.
IN_SIDEBAR: Final = "persistent_notification"


async def async_send(
    hass: HomeAssistant,
    target: str,
    message: str,
    *,
    title: str | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    """Send a message to a notify action or entity; one that fails is logged.

    `data` is for phones alone.
    """
    name = target.removeprefix(f"{NOTIFY_DOMAIN}.")
    # Titles and names may come from a device of the home network.
    shown = escape_markdown if name == IN_SIDEBAR else _without_tags
    content: dict[str, Any] = {ATTR_MESSAGE: shown(message)}
    if title is not None:
        content[ATTR_TITLE] = shown(title)
    if not hass.services.has_service(NOTIFY_DOMAIN, name):
        content[ATTR_ENTITY_ID] = target
        name = SERVICE_SEND_MESSAGE
    elif data is not None and is_phone(target):
        content[ATTR_DATA] = data
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await hass.services.async_call(NOTIFY_DOMAIN, name, content, blocking=True)
    except (HomeAssistantError, vol.Invalid, TimeoutError) as err:
        _LOGGER.warning("A notification was not sent by %s: %s", target, type(err).__name__)


def _without_tags(text: str) -> str:
    """Return a text that a phone, which knows some HTML, shows as it is."""
    return text.replace("<", "‹").replace(">", "›")


def is_phone(target: str) -> bool:
    """Return whether a notify action is one of the companion app."""
    return target.startswith(f"{NOTIFY_DOMAIN}.{MOBILE_APP}_")


async def async_tell_user(hass: HomeAssistant, user_id: str, title: str, message: str) -> None:
    """Send a message to a user's phones, if there are any."""
    registry = er.async_get(hass)
    for entry in hass.config_entries.async_loaded_entries(MOBILE_APP):
        if entry.data.get("user_id") != user_id:
            continue
        for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
            if entity.domain == NOTIFY_DOMAIN and not entity.disabled:
                await async_send(hass, entity.entity_id, message, title=title)
