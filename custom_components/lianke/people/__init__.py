"""People who print: who asks, who is to be asked first, who may answer, and how many pages are whose."""

from homeassistant.core import HomeAssistant, callback

from ..runtime import LiankeConfigEntry
from . import notifications, page_counts
from .beginning import async_get_trail
from .visible import JobPictureView


@callback
def async_setup(hass: HomeAssistant) -> None:
    """Follow who begins what, and listen to the buttons of notifications, once for all boxes."""
    async_get_trail(hass)
    notifications.async_setup(hass)
    hass.http.register_view(JobPictureView)


@callback
def async_watch(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Watch the jobs and the pages of a box for as long as it is loaded."""
    notifications.async_watch(hass, entry)
    page_counts.async_watch(hass, entry)
