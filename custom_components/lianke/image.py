"""Images of a printer's last preview and of a scanner's last scan."""

from datetime import datetime
from pathlib import Path
from typing import override

from homeassistant.components.image import ImageEntity, ImageEntityDescription
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .documents.pdf import picture_type
from .entity import JobEntity, ScannerEntity, async_add_printers, async_add_scanners
from .jobs.job import Job, JobState
from .runtime import LiankeConfigEntry, preview_signal
from .scanner.scan_job import content_type

PARALLEL_UPDATES = 0

# Seconds for which a preview is shown.
PREVIEW_LIFETIME = 600

PREVIEW = ImageEntityDescription(key="preview", entity_registry_enabled_default=False)

LAST_SCAN = ImageEntityDescription(key="last_scan", entity_registry_enabled_default=False)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    async_add_printers(
        entry, async_add_entities, lambda view: [PreviewImage(hass, entry, view.key)]
    )
    async_add_scanners(entry, async_add_entities, lambda key: [ScanImage(hass, entry, key)])


class PreviewImage(JobEntity, ImageEntity):
    """The first page of the last preview, for ten minutes or until something is printed."""

    _picture: bytes | None = None

    def __init__(self, hass: HomeAssistant, entry: LiankeConfigEntry, printer_key: str) -> None:
        JobEntity.__init__(self, entry, printer_key, PREVIEW)
        ImageEntity.__init__(self, hass)
        self._cancel_expiry: CALLBACK_TYPE = lambda: None

    @callback
    @override
    def _async_subscribe(self) -> None:
        super()._async_subscribe()
        signal = preview_signal(self.entry, self.printer_key)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self._set_picture))
        self.async_on_remove(lambda: self._cancel_expiry())  # noqa: PLW0108  # looked up when called

    @override
    async def async_image(self) -> bytes | None:
        return self._picture

    @callback
    @override
    def on_job(self, job: Job, old: JobState | None) -> None:
        if old is None:
            self._set_picture(None)

    @callback
    @override
    def async_update_token(self) -> None:
        """Renew the token only while there is a picture, since each new token changes the entity's state.

        Home Assistant calls this every five minutes.
        """
        if not self.access_tokens or self._picture is not None:
            super().async_update_token()

    @callback
    def _set_picture(self, picture: bytes | None) -> None:
        """Show a picture until it expires. None removes the picture, so that it is not taken for the next document."""
        self._cancel_expiry()
        if picture is None and self._picture is None:
            return
        self._picture = picture
        self._attr_image_last_updated = None
        if picture is not None:
            self._attr_content_type = picture_type(picture)
            self._attr_image_last_updated = dt_util.utcnow()
            self._cancel_expiry = async_call_later(self.hass, PREVIEW_LIFETIME, self._expire)
        # Renew the token when a picture appears or disappears, so that the old picture's address is no longer valid.
        super().async_update_token()
        self.async_write_if_changed()

    @callback
    def _expire(self, _now: datetime) -> None:
        self._set_picture(None)


class ScanImage(ScannerEntity, ImageEntity):
    """The first page of a scanner's last scan, as long as that scan is kept."""

    _shown: str | None = None

    def __init__(self, hass: HomeAssistant, entry: LiankeConfigEntry, scanner_id: str) -> None:
        ScannerEntity.__init__(self, entry, scanner_id, LAST_SCAN)
        ImageEntity.__init__(self, hass)
        self._find()

    @property
    def _page(self) -> tuple[Path, datetime] | None:
        """The page's file, and the time when its scan began; a restart does not change this time."""
        for job in self.scans.all:
            if job.scanner_id == self.scanner_id and job.files and job.pages:
                path = self.scans.path(job, job.kept_pages[0])
                return (path, job.created_at) if path.suffix in (".jpg", ".png") else None
        return None

    @override
    async def async_image(self) -> bytes | None:
        if (page := self._page) is None:
            return None
        try:
            return await self.hass.async_add_executor_job(page[0].read_bytes)
        except OSError:
            return None

    @callback
    @override
    def async_write_if_changed(self) -> None:
        if self._find():
            super().async_update_token()
        super().async_write_if_changed()

    def _find(self) -> bool:
        """Find the page to show; return whether it differs from the page shown before."""
        page, began_at = self._page or (None, None)
        shown = None if page is None else str(page)
        if shown == self._shown:
            return False
        self._shown = shown
        self._attr_content_type = content_type(shown or ".jpg")
        self._attr_image_last_updated = began_at
        return True
