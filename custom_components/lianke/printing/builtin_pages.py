"""Prints pages that the integration generates: test page, notification, color page, those of set-up forms."""

from datetime import timedelta

from homeassistant.core import Context, HomeAssistant

from ..api.capabilities import Paper
from ..devices import Target
from ..documents.document import Document
from ..documents.page_documents import WritePage, async_test_page
from ..documents.spool import Spool
from ..jobs.job import Job
from ..runtime import LiankeConfigEntry
from .builder import PrintRequest, async_print_one
from .handlers import reporting_refusals

# These pages are of no use on a printer that is switched on tomorrow.
BUILTIN_PAGE_EXPIRY = timedelta(hours=1)


async def async_print_test_page(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    printer_key: str,
    context: Context,
    *,
    entity_id: str | None = None,
) -> Job:
    """Print a page that shows what a printer is and can do.

    Raises Unauthorized, ServiceValidationError (printer gone or takes no job), HomeAssistantError (job not kept).
    """

    async def write(spool: Spool, paper: Paper | None) -> Document:
        target = Target(device_id="", entry=entry, printer_key=printer_key)
        view = target.view
        capabilities, _ = await target.data.coordinator.capabilities.get(printer_key)
        return await async_test_page(
            hass, spool, view.name, view.printer.model, capabilities=capabilities, paper=paper
        )

    return await async_print_page(hass, entry, printer_key, write, context, entity_id=entity_id)


async def async_print_page(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    printer_key: str,
    write: WritePage,
    context: Context,
    *,
    entity_id: str | None = None,
    hold: bool = True,
) -> Job:
    """Print the document that `write` makes for the printer's paper; without `hold`, now or not at all.

    The person behind it needs control of the entity, by default the printer's. Raises as `async_print_test_page`.
    """
    # Home Assistant checks no rights of automations. Where the person is forgotten, the page waits like any print.
    request = PrintRequest(
        target=Target(device_id="", entry=entry, printer_key=printer_key),
        context=context,
        documents=[lambda request: write(request.spool, request.options.paper)],
        options={},
        entity_id=entity_id,
        hold=hold,
        asks_people=hold,
        expires_in=BUILTIN_PAGE_EXPIRY,
    )
    async with reporting_refusals(hass, context):
        return await async_print_one(hass, request)
