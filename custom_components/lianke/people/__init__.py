"""People who print: who asks for a job, who must approve it, who may answer, and whose pages are counted."""

from typing import Any

from homeassistant.auth import EVENT_USER_REMOVED, EVENT_USER_UPDATED
from homeassistant.core import Event, HomeAssistant

from ..const import CONF_APPROVERS, CONF_MONTHLY_PAGES, CONF_MONTHLY_USERS, DOMAIN
from . import notifications
from .initiator import async_get_context_history
from .rights import JobPictureView


async def async_setup(hass: HomeAssistant) -> None:
    """Start the history of contexts, and listen for the buttons of notifications, once for all boxes."""
    await async_get_context_history(hass).async_load()
    notifications.async_follow_buttons(hass)
    hass.http.register_view(JobPictureView)

    async def on_user(_event: Event[dict[str, Any]]) -> None:
        users = await hass.auth.async_get_users()
        everybody = {user.id for user in users}
        active = {user.id for user in users if user.is_active}
        for entry in hass.config_entries.async_entries(DOMAIN):
            options = dict(entry.options)
            # If no chosen approver is an active user any more, nobody could approve: let administrators approve again.
            if active.isdisjoint(options.get(CONF_APPROVERS, ())):
                options.pop(CONF_APPROVERS, None)
            # A monthly limit whose users are all gone would be shown in the form, and saved again, as a limit for
            # everybody.
            if (limited := options.get(CONF_MONTHLY_USERS)) and everybody.isdisjoint(limited):
                del options[CONF_MONTHLY_USERS]
                options.pop(CONF_MONTHLY_PAGES, None)
            hass.config_entries.async_update_entry(entry, options=options)

    hass.bus.async_listen(EVENT_USER_REMOVED, on_user)
    hass.bus.async_listen(EVENT_USER_UPDATED, on_user)


async def async_remove(hass: HomeAssistant) -> None:
    await async_get_context_history(hass).timers.async_remove()
