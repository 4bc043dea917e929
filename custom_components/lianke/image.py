"""The picture of a printer's last preview."""

from typing import override

from homeassistant.components.image import ImageEntity, ImageEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import JobEntity, async_add_printers
from .jobs.job import Job, JobState
from .runtime import LiankeConfigEntry

PARALLEL_UPDATES = 0

PREVIEW = ImageEntityDescription(key="preview", translation_key="preview")


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add a preview for each printer as it appears."""
    async_add_printers(
        entry, async_add_entities, lambda view: [PreviewImage(hass, entry, view.key)]
    )


class PreviewImage(JobEntity, ImageEntity):
    """The first page of the last preview, for ten minutes or until something is printed."""

    def __init__(self, hass: HomeAssistant, entry: LiankeConfigEntry, printer_key: str) -> None:
        """Show what lies on the shelf for this printer."""
        JobEntity.__init__(self, entry, printer_key, PREVIEW)
        ImageEntity.__init__(self, hass)

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the shelf."""
        self._take()
        await super().async_added_to_hass()
        self.async_on_remove(self.lianke.previews.listen(self._on_preview))

    @override
    async def async_image(self) -> bytes | None:
        """Return the picture's bytes, None without a preview."""
        preview = self.lianke.previews.get(self.printer_key)
        return preview.content if preview else None

    @callback
    @override
    def on_job(self, job: Job, old: JobState | None) -> None:
        if old is None:
            self.lianke.previews.clear(self.printer_key)

    @callback
    @override
    def async_update_token(self) -> None:
        """Change the token in the picture's address, as long as there is a picture.

        Home Assistant asks for that every five minutes, and each change is a new state.
        """
        if not self.access_tokens or self.lianke.previews.get(self.printer_key):
            super().async_update_token()

    @callback
    def _on_preview(self, printer_key: str) -> None:
        if printer_key == self.printer_key:
            self._take()
            # With the one that comes and the one that goes, no address outlives its picture.
            super().async_update_token()
            self.async_show()

    @callback
    def _take(self) -> None:
        preview = self.lianke.previews.get(self.printer_key)
        self._attr_content_type = preview.content_type if preview else "image/png"
        self._attr_image_last_updated = preview.taken_at if preview else None

    @override
    def _shown(self) -> object:
        return self._attr_image_last_updated
