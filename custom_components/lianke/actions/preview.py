"""Previews and page counts of documents that are not printed yet."""

from contextlib import suppress
from dataclasses import replace

from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util.json import JsonObjectType

from ..api.options import ResolvedOptions
from ..documents.document import Document, input_error
from ..documents.drawing import can_draw, plan_drawing
from ..documents.kinds import SourceKind
from ..documents.pdf import pdf_error
from ..documents.pdf_client import PdfError, PdfUnavailableError
from ..documents.spool import async_get_spool
from ..runtime import preview_signal
from .preview_view import preview_paths
from .print import async_documents, async_resolve, ticket_scope
from .request import PrintParameters
from .schemas import BY_CLOUD, BY_HERE
from .target import Target


async def async_preview(
    hass: HomeAssistant, target: Target, parameters: PrintParameters, context: Context
) -> JsonObjectType:
    """Draw one document as it would be printed, and keep it for printing.

    PDF files and pictures are drawn here, each page when its picture is requested; other types, or
    all if the call says so, by the cloud. Returns the pages, the addresses of the pictures and the
    handle, all valid for an hour; the printer's image entity shows the first page. Raises
    LiankeError besides what printing raises.
    """
    options = await async_resolve(target.entry, target.printer_key, parameters.options)
    document = await _async_one(hass, target, parameters, options, context)
    if not parameters.preview_by_cloud and can_draw(document):
        with suppress(PdfUnavailableError):
            return await _async_draw(hass, target, parameters, document, options, context)
    return await _async_ask_cloud(hass, target, parameters, document, options, context)


async def _async_draw(
    hass: HomeAssistant,
    target: Target,
    parameters: PrintParameters,
    document: Document,
    options: ResolvedOptions,
    context: Context,
) -> JsonObjectType:
    """Draw a document here. Raises PdfUnavailableError where that cannot be done."""
    spool = await async_get_spool(hass)
    try:
        drawing = plan_drawing(hass, document, options, context.user_id)
        if not drawing.pages:
            raise input_error("pages_not_in_document", count=str(document.pages))
        first = await spool.async_draw(drawing, 1)
    except PdfUnavailableError:
        raise
    except PdfError as err:
        await spool.async_discard(document)
        raise pdf_error(err, document.name) from None
    except BaseException:
        await spool.async_discard(document)
        raise
    source = parameters.sources[0]
    handle = await spool.async_keep(
        document,
        [first],
        drawing=drawing,
        # Previewed again with other options, it stays one document.
        handle=source.value if source.kind is SourceKind.DOCUMENT else None,
    )
    return _describe(
        hass,
        target,
        parameters,
        document,
        handle,
        pages=len(drawing.pages),
        pictures=drawing.count,
        first=first,
        drawn_by=BY_HERE,
        version=spool.version(handle) or 0,
    )


async def _async_ask_cloud(
    hass: HomeAssistant,
    target: Target,
    parameters: PrintParameters,
    document: Document,
    options: ResolvedOptions,
    context: Context,
) -> JsonObjectType:
    """Have a document drawn by the cloud."""
    spool = await async_get_spool(hass)
    try:
        client = target.data.client_for(context)
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
    return _describe(
        hass,
        target,
        parameters,
        document,
        handle,
        pages=preview.pages,
        pictures=len(preview.images),
        first=preview.images[0] if preview.images else None,
        drawn_by=BY_CLOUD,
    )


async def async_count_pages(
    hass: HomeAssistant, target: Target, parameters: PrintParameters, context: Context
) -> JsonObjectType:
    """Count the pages of one document and keep it for printing.

    Counted here where possible, else by the service. Pages are None when they cannot be counted.
    Raises LiankeError besides what printing raises.
    """
    options = await async_resolve(target.entry, target.printer_key, parameters.options)
    document = await _async_one(hass, target, parameters, options, context)
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
        "title": parameters.sources[0].title or document.title,
        "pages": document.pages,
        "document": await spool.async_keep(document),
    }


@callback
def _describe(
    hass: HomeAssistant,
    target: Target,
    parameters: PrintParameters,
    document: Document,
    handle: str,
    *,
    pages: int | None,
    pictures: int,
    first: bytes | None,
    drawn_by: str,
    version: int = 0,
) -> JsonObjectType:
    """Return the response for a preview, and show its first page as the printer's image."""
    if first is not None:
        async_dispatcher_send(hass, preview_signal(target.entry, target.printer_key), first)
    return {
        "device_id": target.device_id,
        "title": parameters.sources[0].title or document.title,
        "pages": pages,
        "images": preview_paths(hass, handle, version, pictures),
        "document": handle,
        "drawn_by": drawn_by,
    }


async def _async_one(
    hass: HomeAssistant,
    target: Target,
    parameters: PrintParameters,
    options: ResolvedOptions,
    context: Context,
) -> Document:
    """Return the one document of a call. Raises ServiceValidationError: one_document_only."""
    if len(parameters.sources) != 1:
        raise input_error("one_document_only")
    documents = await async_documents(hass, target, parameters, options, context)
    return documents[0]
