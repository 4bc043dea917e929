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
from ..documents.pdf import PageRenderer, can_draw, pdf_error, picture_type, plan_drawing
from ..documents.pdf_client import PdfError, PdfUnavailableError
from ..documents.sources import Source
from ..documents.spool import KEPT_FOR, async_get_spool
from ..error_texts import async_error_text
from ..input_error import InputError
from ..jobs.job import Delivery
from ..jobs.rules import check_range
from ..runtime import preview_signal
from .builder import JobBuilder, PrintRequest, async_job_builder, ticket_scope
from .cloud_preview import async_preview_by_cloud
from .print_action import async_report, build_request
from .schemas import BY_CLOUD, BY_HERE, BY_HERE_ONLY

PREVIEW_URL: Final = f"/api/{DOMAIN}/preview"
# Key of the text that says what happens if a document is printed although its pages cannot be counted.
UNCOUNTED_TEXT: Final = "preview_uncounted"
# Query parameter with the preview's version: a new preview with other options gives its pictures new addresses.
PICTURE_VERSION: Final = "v"


class PreviewView(HomeAssistantView):
    """Serves the pictures of stored previews to whoever knows the secret handle."""

    url = f"{PREVIEW_URL}/{{handle}}/{{number:[0-9]{{1,4}}}}"
    name = f"api:{DOMAIN}:preview"

    async def get(self, request: web.Request, handle: str, number: str) -> web.Response:
        """Return the picture of page `number`, from 1, drawn at its first request. Raises HTTPNotFound if it is gone.

        After a preview with other options, the earlier addresses serve the new pictures, so that no picture is missing
        until the card has the new addresses.
        """
        hass: HomeAssistant = request.app[KEY_HASS]
        spool = await async_get_spool(hass)
        try:
            picture = await spool.async_picture(handle, int(number))
        except PdfError, InputError, HomeAssistantError:
            picture = None
        if picture is None:
            raise web.HTTPNotFound
        # No browser or proxy may cache a page of somebody's document.
        return web.Response(
            body=picture,
            content_type=picture_type(picture),
            headers={hdrs.CACHE_CONTROL: "no-store"},
        )


async def async_preview(hass: HomeAssistant, call: ServiceCall) -> JsonObjectType:
    """Draw one document, or several on sheets, as it would be printed, and keep it for printing.

    Home Assistant draws PDFs and pictures, each page when its picture is requested. The cloud draws other types, or all
    types if the call says so. Returns the number of pages, the addresses of the pictures, and the document's handle (a
    list of handles for several documents); addresses and handles are valid for an hour. If there are no pictures, the
    response says why, which the cloud does not. The printer's image entity shows the first page to other people, too,
    unless the call allows drawing only in Home Assistant.
    Raises the same errors as printing; LiankeError; InputError: not_drawn_here.
    """
    data, context = call.data, call.context
    request = _request_of(hass, data, context)
    target = request.target
    spool = await async_get_spool(hass)
    preview_by = data["preview_by"]
    async with async_job_builder(hass, request, prints=False) as builder:
        # Requests to the service count against this user's limits.
        asker = Context(user_id=builder.asker or context.user_id)
        documents, shown, options = await _async_make(builder)
        drawing: PageRenderer | None = None
        pictures: Sequence[bytes] = ()
        pages: int | None
        if preview_by != BY_CLOUD and can_draw(shown):
            drawing = plan_drawing(hass, shown, options, context.user_id)
            try:
                pictures = [await spool.async_draw(drawing, 1)]
            except PdfUnavailableError:
                drawing = None
            except PdfError as err:
                raise pdf_error(err, shown.name) from None
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
                # No sheets were made, so the cloud has prepared the document itself.
                scope = ticket_scope(target.printer_key, options)
                shown = replace(shown, ticket=preview.ticket, ticket_scope=scope)
                if shown.pages is None and not options.page_range:
                    # With a page range, the cloud counts only the pages in that range.
                    shown = replace(shown, pages=preview.pages, counted_for=scope)
                documents = [shown]
        handles: list[str] = []
        kept = [one.value for one in Source.all_in(data) if one.kind is SourceKind.DOCUMENT]
        for number, document in enumerate(documents):
            kept_as = kept[number] if kept else None
            if kept_as is not None and kept_as in handles:
                # The call names the same document twice: its pictures are stored already.
                handles.append(kept_as)
                continue
            handle = await spool.async_keep(
                document,
                # Pictures are stored with the first document.
                () if handles else pictures,
                drawing=None if handles else drawing,
                # If a document is previewed again, its handle stays the same.
                handle=kept_as,
                user=context.user_id,
            )
            handles.append(handle)
        reason = None
        if not count:
            # If Home Assistant can draw the document, the call asked for the cloud, or the PDF process cannot run.
            drawable = "preview_by_cloud_empty" if can_draw(shown) else None
            reason = drawable or ("preview_not_drawn" if pages is None else "preview_only_counted")
        uncounted = Delivery(document=shown, options=options).has_unknown_length
        message = None
        if reason is not None:
            placeholders = {"name": shown.title, "pages": str(pages)}
            message = await async_error_text(hass, reason, placeholders)
            if uncounted:
                blank = "" if hass.config.language.startswith("zh") else " "
                message += blank + await async_error_text(hass, UNCOUNTED_TEXT)
        if preview_by != BY_HERE_ONLY:
            signal = preview_signal(target.entry, target.printer_key)
            async_dispatcher_send(hass, signal, None if reason else pictures[0])
        version = spool.version(handles[0])
        query = f"?{PICTURE_VERSION}={version}" if version else ""
        paths = [f"{PREVIEW_URL}/{handles[0]}/{number}{query}" for number in range(1, count + 1)]
        return {
            "device_id": target.device_id,
            "title": request.title or shown.title,
            "pages": pages,
            "images": [async_sign_path(hass, path, KEPT_FOR) for path in paths],
            "document": _handles(handles),
            "drawn_by": BY_CLOUD if drawing is None else BY_HERE,
            "reason": reason,
            "message": message,
            "uncounted": uncounted,
            **await async_report(hass, data, builder),
        }


async def async_count_pages(hass: HomeAssistant, call: ServiceCall) -> JsonObjectType:
    """Count the pages of one document, or of the sheets made from several; keep the documents for printing.

    Home Assistant counts the pages if possible, otherwise the service does. The number in the response is None if
    neither can count them. Raises the same errors as printing, and LiankeError.
    """
    context = call.context
    request = _request_of(hass, call.data, context)
    target = request.target
    spool = await async_get_spool(hass)
    async with async_job_builder(hass, request, prints=False) as builder:
        # Requests to the service count against this user's limits.
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
            **await async_report(hass, call.data, builder),
        }


def _request_of(hass: HomeAssistant, data: Mapping[str, Any], context: Context) -> PrintRequest:
    """Return the request of a call, whose documents must become one job.

    Raises InputError: one_document_only if they do not, and the errors of `build_request`.
    """
    request = build_request(hass, data, context)
    if len(request.documents) != 1 and not request.joins_documents:
        raise InputError("one_document_only")
    return request


async def _async_make(builder: JobBuilder) -> tuple[list[Document], Document, ResolvedOptions]:
    """Return the request's documents, and the single document to print with its options.

    Raises InputError: one_document_only, and the errors of `MailReport.error`, `JobBuilder.async_documents` and
    `check_range`.
    """
    documents, made = await builder.async_documents()
    if len(made) != 1:
        # A mail may become several documents, or none.
        raise InputError("one_document_only") if made else builder.mail.error
    [(shown, options)] = made
    check_range(shown, options.page_range)
    return documents, shown, options


def _handles(handles: list[str]) -> JsonValueType:
    return handles[0] if len(handles) == 1 else list[JsonValueType](handles)
