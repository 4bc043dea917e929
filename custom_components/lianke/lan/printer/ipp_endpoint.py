"""HTTP views that serve IPP printers on Home Assistant's web server."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
import logging
from typing import Final

from aiohttp import hdrs, web
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView

from ...api.errors import LiankeError
from ...const import LAN_PRINTER_PATH
from ...devices import Target
from ...error_texts import translated
from ...fair_queue import NoPlaceError
from ...input_error import InputError
from ...ipp.codec import MAX_ATTRIBUTES_BYTES, IncompleteError, decode, encode
from ...ipp.model import IppError, IppMessage, IppTag, Operation
from ..origin import is_from_home
from . import job_operations, query_operations
from .lan_jobs import async_send_acknowledged
from .requests_and_documents import (
    DocumentStream,
    IppRequest,
    IppResponse,
    async_refusal,
    check_request,
    response_message,
)
from .server import ICON_NAME, ICON_PATH, async_find_printer, async_get_server

_LOGGER = logging.getLogger(__name__)

# Seconds in which the attributes of a request must arrive.
ATTRIBUTES_SECONDS: Final = 30
IPP_TYPE: Final = "application/ipp"
_HEADER_BYTES: Final = 8

type Handler = Callable[[IppRequest], Awaitable[IppResponse]]

_HANDLERS: Final[Mapping[int, Handler]] = {
    Operation.PRINT_JOB: job_operations.async_print_job,
    Operation.VALIDATE_JOB: job_operations.async_validate_job,
    Operation.CREATE_JOB: job_operations.async_create_job,
    Operation.SEND_DOCUMENT: job_operations.async_send_document,
    Operation.CLOSE_JOB: job_operations.async_close_job,
    Operation.CANCEL_JOB: job_operations.async_cancel_job,
    Operation.CANCEL_MY_JOBS: job_operations.async_cancel_my_jobs,
    Operation.GET_JOB_ATTRIBUTES: query_operations.async_get_job_attributes,
    Operation.GET_JOBS: query_operations.async_get_lan_jobs,
    Operation.GET_PRINTER_ATTRIBUTES: query_operations.async_get_printer_attributes,
    Operation.IDENTIFY_PRINTER: query_operations.async_identify_printer,
}

_WITH_DOCUMENT: Final = (Operation.PRINT_JOB, Operation.SEND_DOCUMENT)


class LanPrinterView(HomeAssistantView):
    """Answers IPP requests; everybody outside the home network gets a 404."""

    url = f"{LAN_PRINTER_PATH}/{{token}}"
    extra_urls = [f"{LAN_PRINTER_PATH}/{{token}}/jobs/{{number:[0-9]{{1,10}}}}"]  # noqa: RUF012  # as in its base class
    name = "api:lianke:ipp"
    requires_auth = False

    async def post(self, request: web.Request, token: str, number: str = "") -> web.Response:
        hass: HomeAssistant = request.app[KEY_HASS]
        server = async_get_server(hass)
        address, device = await server.devices.async_client(hass, request)
        if (offered := async_find_printer(hass, token)) is None:
            raise web.HTTPNotFound
        if request.content_type != IPP_TYPE:
            raise web.HTTPUnsupportedMediaType
        # Refuse HTTP compression: the web server decompresses a truncated body without an error. IPP has its own
        # compression of documents.
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower() != "identity":
            raise web.HTTPUnsupportedMediaType(headers={hdrs.ACCEPT_ENCODING: "identity"})
        async with AsyncExitStack() as until_answered:
            try:
                place = server.requests.place(device, max_wait=0)
                await until_answered.enter_async_context(place)
            except NoPlaceError:
                raise web.HTTPServiceUnavailable from None
            try:
                async with asyncio.timeout(ATTRIBUTES_SECONDS):
                    head, message, rest = await _async_read(request)
                    if not isinstance(message, IppMessage) or message.code not in _WITH_DOCUMENT:
                        await _async_finish(request)
            except TimeoutError:
                raise web.HTTPRequestTimeout from None
            version, request_id = (head[0], head[1]), int.from_bytes(head[4:8])
            try:
                if isinstance(message, IppError):
                    raise message
                check_request(message)
                answer = await _async_answer(
                    IppRequest(
                        hass=hass,
                        server=server,
                        offered=offered,
                        target=Target("", offered.entry, offered.printer_key),
                        message=message,
                        operation=message.group(IppTag.OPERATION),
                        address=address,
                        device=device,
                        base_url=f"{request.scheme}://{request.host}",
                        secure=request.secure,
                        number=int(number) if number else None,
                        document=DocumentStream(rest, request.content),
                        until_answered=until_answered,
                    )
                )
            except IppError as err:
                _LOGGER.debug("A request of the home network is refused: %s", err)
                answer = IppResponse(
                    status=err.status, message=err.message, unsupported=err.unsupported
                )
            reply = response_message(answer, request_id, version, hass.config.language.lower())
            response = web.Response(body=encode(reply), content_type=IPP_TYPE)
            if answer.on_arrival is not None:
                await async_send_acknowledged(request, response, answer.on_arrival)
        return response


class IconView(HomeAssistantView):
    """Serves the picture that devices show for a printer, and a 404 to everybody outside the home network."""

    url = f"{LAN_PRINTER_PATH}/{{token}}/{ICON_NAME}"
    name = "api:lianke:ipp:icon"
    requires_auth = False

    async def get(self, request: web.Request, token: str) -> web.FileResponse:
        hass: HomeAssistant = request.app[KEY_HASS]
        if not is_from_home(hass, request) or async_find_printer(hass, token) is None:
            raise web.HTTPNotFound
        return web.FileResponse(ICON_PATH)


async def _async_answer(request: IppRequest) -> IppResponse:
    try:
        return await _HANDLERS[request.message.code](request)
    except (InputError, LiankeError) as err:
        raise await async_refusal(request.hass, translated(err)) from None
    except HomeAssistantError as err:
        raise await async_refusal(request.hass, err) from None


async def _async_finish(request: web.Request) -> None:
    """Read a request without a document to its end: some clients ignore an answer that comes earlier."""
    left = MAX_ATTRIBUTES_BYTES
    while left > 0 and (part := await request.content.readany()):
        left -= len(part)


async def _async_read(request: web.Request) -> tuple[bytes, IppMessage | IppError, bytes]:
    """Read a request's body up to the end of its message.

    Returns the bytes read, the message or the error in it, and the bytes after the message. Decodes again only once the
    body has doubled, so that many small pieces cost no more than a few large ones.
    """
    body = bytearray()
    tried = 0
    ended = False
    while True:
        if not ended:
            part = await request.content.readany()
            ended = not part
            body += part
        if len(body) < _HEADER_BYTES and ended:
            raise web.HTTPBadRequest
        if len(body) < 2 * tried and not ended:
            continue
        tried = len(body)
        try:
            message, length = decode(bytes(body[:MAX_ATTRIBUTES_BYTES]))
        except IncompleteError as err:
            if ended:
                return bytes(body), err, b""
        except IppError as err:
            if len(body) >= _HEADER_BYTES:
                return bytes(body), err, b""
        else:
            return bytes(body), message, bytes(body[length:])
