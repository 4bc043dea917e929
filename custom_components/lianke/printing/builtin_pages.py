"""Prints pages that the integration generates: test pages, notifications, color pages and pages of set-up forms."""

from datetime import timedelta

from homeassistant.core import Context, HomeAssistant

from ..api.capabilities import Paper
from ..api.options import PrintOptions
from ..devices import Target
from ..documents.document import Document
from ..documents.page_documents import WritePage, async_test_page
from ..documents.spool import Spool
from ..issues import async_ask_about_test_page
from ..jobs.job import Job
from ..runtime import LiankeConfigEntry
from .builder import PrintRequest, async_print_single_job
from .refusals import reporting_refusals

# How long a built-in page waits for its printer: nobody needs it any more if the printer is switched on tomorrow.
BUILTIN_PAGE_EXPIRY = timedelta(hours=1)


async def async_print_test_page(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    printer_key: str,
    context: Context,
    *,
    entity_id: str | None = None,
) -> Job:
    """Print a page that shows a printer's details and capabilities, in color and on both sides if it can.

    Returns the job. Raises Unauthorized; ServiceValidationError if the printer is gone or accepts no jobs;
    HomeAssistantError if the job cannot be stored.
    """
    able, _ = await entry.runtime_data.coordinator.capabilities.get(printer_key)
    options: PrintOptions = {"color": "color"} if able and 2 in (able.colors or ()) else {}
    if able and 2 in (able.duplex or ()):
        options["duplex"] = "long_edge"

    async def write(spool: Spool, paper: Paper | None) -> Document:
        view = Target(device_id="", entry=entry, printer_key=printer_key).view
        return await async_test_page(
            hass,
            spool,
            view.name,
            view.printer.model,
            capabilities=able,
            paper=paper,
            two_sided="duplex" in options,
        )

    job = await async_print_page(
        hass, entry, printer_key, write, context, entity_id=entity_id, options=options
    )
    known = entry.runtime_data.storage.printers.get(printer_key)
    # Without a user, the page comes from the set-up of a box or from an automation. It asks only if nobody has reported
    # this printer yet. Whoever presses the button is always asked.
    if context.user_id or not (known and known.is_reported):
        async_ask_about_test_page(hass, entry, job)
    return job


async def async_print_page(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    printer_key: str,
    write: WritePage,
    context: Context,
    *,
    entity_id: str | None = None,
    hold: bool = True,
    options: PrintOptions | None = None,
) -> Job:
    """Print the page that `write` makes for the printer's paper; return the job.

    If `hold` is False, the page is printed at once or not at all. The person behind the call must have the right to
    control the entity, by default the printer's status sensor. Raises the same errors as `async_print_test_page`.
    """
    # Home Assistant does not check the rights of automations, so the request checks them. If the integration no longer
    # knows who began an automation's run, the page waits for a person like any print.
    request = PrintRequest(
        target=Target(device_id="", entry=entry, printer_key=printer_key),
        context=context,
        documents=[lambda request: write(request.spool, request.options.paper)],
        options=options or {},
        entity_id=entity_id,
        hold=hold,
        asks_people=hold,
        expires_in=BUILTIN_PAGE_EXPIRY,
    )
    async with reporting_refusals(hass, context):
        return await async_print_single_job(hass, request)
