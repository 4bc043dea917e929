"""Image of a printer's last preview."""

from datetime import datetime
from typing import override

from homeassistant.components.image import ImageEntity, ImageEntityDescription
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .documents.drawing import picture_type
from .entity import JobEntity, async_add_printers
from .jobs.job import Job, JobState
from .runtime import LiankeConfigEntry, preview_signal

PARALLEL_UPDATES = 0

# Seconds.
PREVIEW_TIME = 600

PREVIEW = ImageEntityDescription(
    key="preview", translation_key="preview", entity_registry_enabled_default=False
)


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

    _picture: bytes | None = None
    _expiry: CALLBACK_TYPE | None = None

    def __init__(self, hass: HomeAssistant, entry: LiankeConfigEntry, printer_key: str) -> None:
        """Start without a preview."""
        JobEntity.__init__(self, entry, printer_key, PREVIEW)
        ImageEntity.__init__(self, hass)

    @callback
    @override
    def _async_subscribe(self) -> None:
        super()._async_subscribe()
        signal = preview_signal(self.entry, self.printer_key)
        self.async_on_remove(async_dispatcher_connect(self.hass, signal, self._set_picture))
        self.async_on_remove(self._cancel_expiry)

    @override
    async def async_image(self) -> bytes | None:
        """Return the picture's bytes, None without a preview."""
        return self._picture

    @callback
    @override
    def on_job(self, job: Job, old: JobState | None) -> None:
        if old is None:
            self._set_picture(None)

    @callback
    @override
    def async_update_token(self) -> None:
        """Change the token in the picture's address, as long as there is a picture.

        Home Assistant asks for that every five minutes, and each change is a new state.
        """
        if not self.access_tokens or self._picture is not None:
            super().async_update_token()

    @callback
    def _set_picture(self, picture: bytes | None) -> None:
        """Show a picture until it expires, or with None no picture."""
        self._cancel_expiry()
        if picture is None and self._picture is None:
            return
        self._picture = picture
        self._attr_image_last_updated = None
        if picture is not None:
            self._attr_content_type = picture_type(picture)
            self._attr_image_last_updated = dt_util.utcnow()
            self._expiry = async_call_later(self.hass, PREVIEW_TIME, self._expire)
        # Both when one comes and when it goes: no address outlives its picture.
        super().async_update_token()
        self.async_write_if_changed()

    @callback
    def _expire(self, _now: datetime) -> None:
        self._expiry = None
        self._set_picture(None)

    @callback
    def _cancel_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry()
            self._expiry = None
