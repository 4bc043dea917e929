"""Previews and page counts of documents that are not printed yet."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from aiohttp import hdrs, web
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import Context, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView
from homeassistant.util.json import JsonObjectType, JsonValueType

from ..api.options import ResolvedOptions, count_selected
from ..const import DOMAIN
from ..documents.document import Document, SourceKind
from ..documents.pdf import PageDrawing, can_draw, pdf_error, picture_type, plan_drawing
from ..documents.pdf_client import PdfError, PdfUnavailableError
from ..documents.sources import Source
from ..documents.spool import KEEP, async_get_spool
from ..errors import InputError
from ..jobs.job import Delivery
from ..jobs.rules import check_range
from ..runtime import async_error_text, preview_signal
from .builder import JobBuilder, PrintRequest, async_building, ticket_scope
from .cloud_preview import async_preview_by_cloud
from .print import request_of
from .schemas import BY_CLOUD, BY_HERE, BY_HERE_ONLY

PREVIEW_URL: Final = f"/api/{DOMAIN}/preview"
# The text that says what that means for printing it.
UNCOUNTED: Final = "preview_uncounted"
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


async def async_preview(hass: HomeAssistant, call: ServiceCall) -> JsonObjectType:
    """Draw one document, or several on sheets, as it would be printed, and keep it for printing.

    PDF files and pictures are drawn here, each page when its picture is requested; other types, or
    all if the call says so, by the cloud. Returns the pages, the addresses of the pictures and the
    handle, or a list of one for each document, all valid for an hour. The printer's image entity
    shows the first page, unless the call wants it drawn here only: then nobody else gets to see it. Without pictures,
    the response says why, as the cloud does not.
    Raises LiankeError besides what printing raises, InputError: not_drawn_here.
    """
    data, context = call.data, call.context
    request = _request_of(hass, data, context)
    target = request.target
    spool = await async_get_spool(hass)
    preview_by = data["preview_by"]
    async with async_building(hass, request, prints=False) as builder:
        # Whose share of the requests it takes.
        asker = Context(user_id=builder.asker or context.user_id)
        documents, shown, options = await _async_make(builder)
        drawing: PageDrawing | None = None
        pictures: Sequence[bytes] = ()
        pages: int | None
        if preview_by != BY_CLOUD and can_draw(shown):
            drawing, pictures = await _async_draw(hass, shown, options, context.user_id)
        if drawing is not None:
            pages, count = drawing.total, drawing.count
        elif preview_by == BY_HERE_ONLY:
            raise InputError("not_drawn_here", name=shown.name)
        else:
            preview = await async_preview_by_cloud(
                target.data,
                target.printer_key,
                shown,
                options,
                client=target.data.client_for(asker),
                user=asker.user_id,
            )
            pictures, pages, count = preview.images, preview.pages, len(preview.images)
            if shown is documents[0]:
                # What the cloud has prepared is of the document itself, and not of sheets.
                scope = ticket_scope(target.printer_key, options)
                shown = replace(shown, ticket=preview.ticket, ticket_scope=scope)
                if shown.pages is None and not options.page_range:
                    # Of a range of pages it shows only those.
                    shown = replace(shown, pages=preview.pages, counted_for=scope)
                documents = [shown]
        handles: list[str] = []
        for source, document in zip(Source.all_in(data), documents, strict=True):
            kept_as = source.value if source.kind is SourceKind.DOCUMENT else None
            if kept_as in handles:
                # The same one twice: the pictures lie with it already.
                handles.append(source.value)
                continue
            handle = await spool.async_keep(
                document,
                # The pictures lie with the first one.
                () if handles else pictures,
                drawing=None if handles else drawing,
                # A document that is previewed again keeps its handle.
                handle=kept_as,
                user=context.user_id,
            )
            handles.append(handle)
        reason = None if count else _reason_of(shown, pages)
        uncounted = Delivery(document=shown, options=options).is_uncounted
        message = None
        if reason is not None:
            placeholders = {"name": shown.title, "pages": str(pages)}
            message = await async_error_text(hass, reason, placeholders)
            if uncounted:
                blank = "" if hass.config.language.startswith("zh") else " "
                message += blank + await async_error_text(hass, UNCOUNTED)
        if preview_by != BY_HERE_ONLY:
            signal = preview_signal(target.entry, target.printer_key)
            async_dispatcher_send(hass, signal, None if reason else pictures[0])
        version = spool.version(handles[0])
        query = f"?{VERSION}={version}" if version else ""
        paths = [f"{PREVIEW_URL}/{handles[0]}/{number}{query}" for number in range(1, count + 1)]
        return {
            "device_id": target.device_id,
            "title": request.title or shown.title,
            "pages": pages,
            "images": [async_sign_path(hass, path, KEEP) for path in paths],
            "document": _handles(handles),
            "drawn_by": BY_CLOUD if drawing is None else BY_HERE,
            "reason": reason,
            "message": message,
            "uncounted": uncounted,
        }


def _reason_of(document: Document, pages: int | None) -> str:
    """Return the key of the text that says why the cloud has sent no pictures, and what to do."""
    if can_draw(document):
        # Home Assistant would have drawn it, had it been asked to, or had it been able to.
        return "preview_by_cloud_empty"
    return "preview_not_drawn" if pages is None else "preview_only_counted"


async def _async_draw(
    hass: HomeAssistant, document: Document, options: ResolvedOptions, user: str | None
) -> tuple[PageDrawing | None, Sequence[bytes]]:
    """Return how a document is drawn here, with its first picture; without them where that cannot be done."""
    spool = await async_get_spool(hass)
    drawing = plan_drawing(hass, document, options, user)
    try:
        return drawing, [await spool.async_draw(drawing, 1)]
    except PdfUnavailableError:
        return None, ()
    except PdfError as err:
        raise pdf_error(err, document.name) from None


async def async_count_pages(hass: HomeAssistant, call: ServiceCall) -> JsonObjectType:
    """Count what one document, or several on sheets, come to, and keep them for printing.

    Counted here where possible, else by the service; sheets are laid out for it. Pages are None when
    they cannot be counted. Raises LiankeError besides what printing raises.
    """
    context = call.context
    request = _request_of(hass, call.data, context)
    target = request.target
    spool = await async_get_spool(hass)
    async with async_building(hass, request, prints=False) as builder:
        # Whose share of the requests it takes.
        asker = Context(user_id=builder.asker or context.user_id)
        documents, shown, options = await _async_make(builder)
        pages = shown.pages
        if shown is documents[0]:
            if pages is None:
                pages = await target.data.queue.page_counter.async_count(
                    target.data.client_for(asker), target.printer_key, shown, options.paper_id
                )
                scope = ticket_scope(target.printer_key, options)
                documents = [replace(shown, pages=pages, counted_for=scope)]
            if (selected := count_selected(options.page_range, pages)) == 0:
                raise InputError("pages_not_in_document", count=str(pages))
            pages = selected
        handles = [await spool.async_keep(document, user=context.user_id) for document in documents]
        return {
            "device_id": target.device_id,
            "title": request.title or documents[0].title,
            "pages": pages,
            "document": _handles(handles),
        }


def _request_of(hass: HomeAssistant, data: Mapping[str, Any], context: Context) -> PrintRequest:
    """Return what a call asks for. Raises InputError: one_document_only, and as `request_of`."""
    request = request_of(hass, data, context)
    if len(request.documents) != 1 and not request.joins:
        raise InputError("one_document_only")
    return request


async def _async_make(builder: JobBuilder) -> tuple[list[Document], Document, ResolvedOptions]:
    """Return the documents as they are, and the one that is printed of them, with its options.

    Raises as `JobBuilder.async_documents` and `check_range`.
    """
    documents, [(shown, options)] = await builder.async_documents()
    check_range(shown, options.page_range)
    return documents, shown, options


def _handles(handles: list[str]) -> JsonValueType:
    """Return the handle of a document, or a list where there are several."""
    return handles[0] if len(handles) == 1 else list[JsonValueType](handles)
