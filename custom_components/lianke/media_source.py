"""Offers what can be printed to the media browser: the built-in source shows no documents."""

from typing import override

from homeassistant.components.media_source import (
    BrowseMediaSource,
    MediaSource,
    MediaSourceItem,
    PlayMedia,
)
from homeassistant.core import HomeAssistant

from .const import DOMAIN
from .documents.media_files import async_browse, async_resolve
from .documents.page_texts import async_page_text


async def async_get_media_source(hass: HomeAssistant) -> MediaSource:
    """Return the source of printable files."""
    return PrintableSource(hass, await async_page_text(hass, "media_source"))


class PrintableSource(MediaSource):
    """The media folders, seen by someone who wants to print."""

    def __init__(self, hass: HomeAssistant, name: str) -> None:
        """Show the source under a name in the language of the house."""
        self.name = name
        super().__init__(DOMAIN)
        self._hass = hass

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        """Return where a file lies."""
        return await async_resolve(self._hass, item)

    @override
    async def async_browse_media(self, item: MediaSourceItem) -> BrowseMediaSource:
        """List a folder."""
        return await async_browse(self._hass, item, self.name or DOMAIN)
