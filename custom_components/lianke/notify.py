"""Notify entity that prints messages."""

from functools import partial
from typing import override

from homeassistant.components.notify import NotifyEntity, NotifyEntityDescription
from homeassistant.components.notify.const import NotifyEntityFeature
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .documents.page_documents import async_notification_page
from .entity import QueueEntity, async_add_printers
from .printing.builtin_pages import async_print_page
from .runtime import LiankeConfigEntry

PARALLEL_UPDATES = 1

NOTIFY = NotifyEntityDescription(key="notify")


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    async_add_printers(
        entry, async_add_entities, lambda view: [PrinterNotify(entry, view.key, NOTIFY)]
    )


class PrinterNotify(QueueEntity, NotifyEntity):
    """Prints each message on a page of its own."""

    _attr_supported_features = NotifyEntityFeature.TITLE

    @override
    async def async_send_message(self, message: str, title: str | None = None) -> None:
        """Print a message. Its job waits at most an hour for the printer. Raises Unauthorized, HomeAssistantError."""
        page = partial(async_notification_page, self.hass, message=message, title=title)
        context = self._context or Context()
        await async_print_page(
            self.hass, self.entry, self.printer_key, page, context, entity_id=self.entity_id
        )
