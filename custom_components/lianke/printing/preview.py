"""Previews and page counts of documents that are not printed yet."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from aiohttp import hdrs, web
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView
from homeassistant.util.json import JsonObjectType, JsonValueType

from ..api.options import ResolvedOptions, count_selected
from ..const import DOMAIN
from ..devices import Target
from ..documents.document import Document, SourceKind
from ..documents.pdf import PageDrawing, can_draw, pdf_error, picture_type, plan_drawing
from ..documents.pdf_client import PdfError, PdfUnavailableError
from ..documents.spool import KEEP, Spool, async_get_spool
from ..errors import InputError
from ..jobs.job import Delivery
from ..runtime import preview_signal
from .print import limit_calls
from .request import (
    PrintParameters,
    async_documents,
    async_lay_out_all,
    async_options,
    async_resolve,
    ticket_scope,
)
from .schemas import BY_CLOUD, BY_HERE, BY_HERE_ONLY

PREVIEW_URL: Final = f"/api/{DOMAIN}/preview"
# Distinguishes the pictures of a document that is previewed again with other options.
VERSION: Final = "v"


class PreviewView(HomeAssistantView):
    """Serves the pictures of stored previews; the handle is the secret."""

    url = f"{PREVIEW_URL}/{{handle}}/{{number:[0-9]{{1,4}}}}"
    name = f"api:{DOMAIN}:preview"

    async def get(self, request: web.Request, handle: str, number: str) -> web.Response:
        """Return the picture of a page, counted from 1; 404 when it is not stored any more.

        It is drawn if it has not been yet; a page that cannot be drawn is a 404, too. An address from before a preview
        with other options gives the newest picture, so that none is missing until the card has the new addresses.
        """
        hass: HomeAssistant = request.app[KEY_HASS]
        spool = await async_get_spool(hass)
        try:
            picture = await spool.async_picture(handle, int(number))
        except PdfError, InputError, HomeAssistantError:
            picture = None
        if picture is None:
            raise web.HTTPNotFound
        # A page of somebody's document, which no browser or proxy may cache.
        return web.Response(
            body=picture,
            content_type=picture_type(picture),
            headers={hdrs.CACHE_CONTROL: "no-store"},
        )


def preview_paths(
    hass: HomeAssistant, handle: str, version: int, count: int
) -> list[JsonValueType]:
    """Return the signed addresses of the pictures of the first pages of a kept document."""
    query = f"?{VERSION}={version}" if version else ""
    return [
        async_sign_path(hass, f"{PREVIEW_URL}/{handle}/{number}{query}", KEEP)
        for number in range(1, count + 1)
    ]


async def async_preview(
    hass: HomeAssistant, target: Target, parameters: PrintParameters, context: Context
) -> JsonObjectType:
    """Draw one document, or several on sheets, as it would be printed, and keep it for printing.

    PDF files and pictures are drawn here, each page when its picture is requested; other types, or
    all if the call says so, by the cloud. Returns the pages, the addresses of the pictures and the
    handle, or a list of one for each document, all valid for an hour. The printer's image entity
    shows the first page, unless the call wants it drawn here only: then nobody else gets to see it.
    Raises LiankeError besides what printing raises, InputError: not_drawn_here.
    """
    spool = await async_get_spool(hass)
    async with limit_calls(hass, (target.entry.entry_id, context.user_id)), spool.scope():
        options = await async_options(target, parameters)
        documents = await _async_documents(hass, target, parameters, options, context)
        shown = Delivery(document=documents[0], options=options)
        if parameters.sheets.is_set:
            [(sheets, options)] = await async_lay_out_all(
                hass, target, parameters, options, documents, context
            )
            shown = Delivery(document=sheets, options=options)
        if parameters.preview_by != BY_CLOUD and can_draw(shown.document):
            with suppress(PdfUnavailableError):
                return await _async_draw(hass, target, parameters, documents, shown, context)
        if parameters.preview_by == BY_HERE_ONLY:
            raise InputError("not_drawn_here", name=shown.document.name)
        return await _async_ask_cloud(hass, target, parameters, documents, shown, context)


async def _async_draw(
    hass: HomeAssistant,
    target: Target,
    parameters: PrintParameters,
    documents: list[Document],
    shown: Delivery,
    context: Context,
) -> JsonObjectType:
    """Draw a document here. Raises PdfUnavailableError where that cannot be done."""
    spool = await async_get_spool(hass)
    drawing = plan_drawing(hass, shown.document, shown.options, context.user_id)
    if not drawing.pages:
        raise InputError("pages_not_in_document", count=str(shown.document.pages))
    try:
        first = await spool.async_draw(drawing, 1)
    except PdfUnavailableError:
        raise
    except PdfError as err:
        raise pdf_error(err, shown.document.name) from None
    handles = await _async_keep(
        spool, parameters, documents, [first], drawing, user=context.user_id
    )
    return _describe(
        hass,
        target,
        parameters,
        shown.document,
        handles,
        pages=len(drawing.pages),
        pictures=preview_paths(hass, handles[0], spool.version(handles[0]) or 0, drawing.count),
        first=first,
        drawn_by=BY_HERE,
    )


async def _async_ask_cloud(
    hass: HomeAssistant,
    target: Target,
    parameters: PrintParameters,
    documents: list[Document],
    shown: Delivery,
    context: Context,
) -> JsonObjectType:
    """Have a document drawn by the cloud."""
    spool = await async_get_spool(hass)
    client = target.data.client_for(context)
    preview = await target.data.queue.previewer.async_preview(
        target.printer_key, shown.document, shown.options, client
    )
    if not parameters.sheets.is_set:
        # What the cloud has prepared is of the document itself.
        scope = ticket_scope(target.printer_key, shown.options)
        [document] = documents
        document = replace(document, ticket=preview.ticket, ticket_scope=scope)
        if document.pages is None and not shown.options.page_range:
            # Of a range of pages it shows only those.
            document = replace(document, pages=preview.pages, counted_for=scope)
        documents = [document]
    handles = await _async_keep(spool, parameters, documents, preview.images, user=context.user_id)
    return _describe(
        hass,
        target,
        parameters,
        shown.document,
        handles,
        pages=preview.pages,
        pictures=preview_paths(
            hass, handles[0], spool.version(handles[0]) or 0, len(preview.images)
        ),
        first=preview.images[0] if preview.images else None,
        drawn_by=BY_CLOUD,
    )


async def _async_keep(
    spool: Spool,
    parameters: PrintParameters,
    documents: list[Document],
    pictures: Sequence[bytes],
    drawing: PageDrawing | None = None,
    *,
    user: str | None,
) -> list[str]:
    """Keep documents, the pictures with the first; return their handles.

    A document that is previewed again keeps its handle.
    """
    handles: list[str] = []
    for source, document in zip(parameters.sources, documents, strict=True):
        handles.append(
            await spool.async_keep(
                document,
                () if handles else pictures,
                drawing=None if handles else drawing,
                handle=source.value if source.kind is SourceKind.DOCUMENT else None,
                user=user,
            )
        )
    return handles


async def async_count_pages(
    hass: HomeAssistant, target: Target, parameters: PrintParameters, context: Context
) -> JsonObjectType:
    """Count what one document, or several on sheets, come to, and keep them for printing.

    Counted here where possible, else by the service; sheets are laid out for it. Pages are None when
    they cannot be counted. Raises LiankeError besides what printing raises.
    """
    spool = await async_get_spool(hass)
    async with spool.scope():
        options = await async_resolve(target.entry, target.printer_key, parameters.options)
        documents = await _async_documents(hass, target, parameters, options, context)
        if parameters.sheets.is_set:
            [(sheets, _)] = await async_lay_out_all(
                hass, target, parameters, options, documents, context
            )
            pages = sheets.pages
        else:
            documents = [await _async_counted(target, documents[0], options, context)]
            pages = _selected(options, documents[0].pages)
        handles = [await spool.async_keep(document, user=context.user_id) for document in documents]
        return {
            "device_id": target.device_id,
            "title": parameters.sources[0].title or documents[0].title,
            "pages": pages,
            "document": _handles(handles),
        }


async def _async_counted(
    target: Target, document: Document, options: ResolvedOptions, context: Context
) -> Document:
    """Return a document with its pages, by the service if they could not be counted here."""
    if document.pages is not None:
        return document
    pages = await target.data.queue.page_counter.async_count(
        target.printer_key, document, options.paper_id, client=target.data.client_for(context)
    )
    return replace(document, pages=pages, counted_for=ticket_scope(target.printer_key, options))


def _selected(options: ResolvedOptions, pages: int | None) -> int | None:
    """Return how many of a document's pages are printed. Raises InputError."""
    if pages is None:
        return None
    if not (selected := count_selected(options.page_range, pages)):
        raise InputError("pages_not_in_document", count=str(pages))
    return selected


def _handles(handles: list[str]) -> JsonValueType:
    """Return the handle of a document, or a list where there are several."""
    return handles[0] if len(handles) == 1 else list[JsonValueType](handles)


@callback
def _describe(
    hass: HomeAssistant,
    target: Target,
    parameters: PrintParameters,
    document: Document,
    handles: list[str],
    *,
    pages: int | None,
    pictures: list[JsonValueType],
    first: bytes | None,
    drawn_by: str,
) -> JsonObjectType:
    """Return the response for a preview; its first page becomes the printer's image where it may."""
    if first is not None and parameters.preview_by != BY_HERE_ONLY:
        async_dispatcher_send(hass, preview_signal(target.entry, target.printer_key), first)
    return {
        "device_id": target.device_id,
        "title": parameters.sources[0].title or document.title,
        "pages": pages,
        "images": pictures,
        "document": _handles(handles),
        "drawn_by": drawn_by,
    }


async def _async_documents(
    hass: HomeAssistant,
    target: Target,
    parameters: PrintParameters,
    options: ResolvedOptions,
    context: Context,
) -> list[Document]:
    """Return the documents of a call that become one.

    Raises InputError: one_document_only.
    """
    if len(parameters.sources) != 1 and not parameters.sheets.joins:
        raise InputError("one_document_only")
    return await async_documents(hass, target, parameters, options, context)
