"""Looking before paper is used: previews and page counts."""

from dataclasses import replace

from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import Context, HomeAssistant
from homeassistant.util.json import JsonObjectType

from ..api.options import ResolvedOptions
from ..documents.document import Document, input_error
from ..documents.spool import KEEP, async_get_spool
from .preview_view import PREVIEW_URL, picture_type
from .print import async_documents, async_resolve, ticket_scope
from .request import Order
from .target import Target


async def async_preview(
    hass: HomeAssistant, target: Target, order: Order, context: Context
) -> JsonObjectType:
    """Have one document drawn as it would come out, and keep it for printing.

    Returns its pages, the addresses of the pictures and the handle, all good for an hour; the
    printer's image entity shows the first page. Raises LiankeError besides what printing raises.
    """
    options = await async_resolve(target.entry, target.printer_key, order.options)
    client = target.data.client_for(context)
    document = await _async_one(hass, target, order, options, context)
    spool = await async_get_spool(hass)
    try:
        preview = await target.data.queue.previewer.async_preview(
            target.printer_key, document, options, client
        )
    except BaseException:
        await spool.async_discard(document)
        raise
    scope = ticket_scope(target.printer_key, options)
    document = replace(document, ticket=preview.ticket, ticket_scope=scope)
    if document.pages is None and not options.page_range:
        # Of a range of pages it shows only those.
        document = replace(document, pages=preview.pages, counted_for=scope)
    handle = await spool.async_keep(document, preview.images)
    if preview.images:
        first = preview.images[0]
        target.data.previews.put(target.printer_key, first, picture_type(first))
    return {
        "device_id": target.device_id,
        "title": order.sources[0].title or document.title,
        "pages": preview.pages,
        "images": [
            async_sign_path(hass, f"{PREVIEW_URL}/{handle}/{number}", KEEP)
            for number in range(1, len(preview.images) + 1)
        ],
        "document": handle,
    }


async def async_count_pages(
    hass: HomeAssistant, target: Target, order: Order, context: Context
) -> JsonObjectType:
    """Count the pages of one document and keep it for printing.

    What can be counted here is; the service is asked for the rest. None means that nobody knows.
    Raises LiankeError besides what printing raises.
    """
    options = await async_resolve(target.entry, target.printer_key, order.options)
    document = await _async_one(hass, target, order, options, context)
    spool = await async_get_spool(hass)
    if document.pages is None:
        try:
            pages = await target.data.queue.page_counter.async_count(
                target.printer_key,
                document,
                options.paper_id,
                client=target.data.client_for(context),
            )
        except BaseException:
            await spool.async_discard(document)
            raise
        document = replace(
            document, pages=pages, counted_for=ticket_scope(target.printer_key, options)
        )
    return {
        "device_id": target.device_id,
        "title": order.sources[0].title or document.title,
        "pages": document.pages,
        "document": await spool.async_keep(document),
    }


async def _async_one(
    hass: HomeAssistant,
    target: Target,
    order: Order,
    options: ResolvedOptions,
    context: Context,
) -> Document:
    """Return the one document of an order. Raises ServiceValidationError: one_document_only."""
    if len(order.sources) != 1:
        raise input_error("one_document_only")
    documents = await async_documents(hass, target, order, options, context)
    return documents[0]
