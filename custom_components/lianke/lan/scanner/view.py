"""The scanners of the home network on Home Assistant's web server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
import os
from pathlib import Path
import socket
from typing import Final

from aiohttp import hdrs, web
from homeassistant.core import HomeAssistant
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView

from ...const import DOMAIN, LAN_SCANNER_PATH, ScanSource
from ...escl.messages import (
    MAX_SETTINGS,
    Capabilities,
    EsclError,
    JobState,
    capabilities_xml,
    parse_settings,
    status_xml,
)
from ...fair_queue import NoPlaceError
from ..origin import Client
from ..printer.lan_jobs import async_deliver
from ..printer.server import async_get_server
from .scans import (
    ICON,
    NetworkScan,
    NetworkScanner,
    area_of,
    async_find,
    colors_of,
    has_source,
    resolutions_of,
)

SETTINGS_SECONDS: Final = 30
"""seconds for what is to be scanned."""
DELIVERY_SECONDS: Final = 600
"""seconds for a document on its way to a client."""
SILENT_SECONDS: Final = 20
"""seconds without a sign that a client has got more of it."""
# Seconds after which a client is to ask again.
_LATER: Final = "2"
XML: Final = "text/xml"
_ICON: Final = Path(__file__).parents[2] / "brand" / "icon@2x.png"
# Only the first tells a client that it has had all pages.
_GONE: Final = {
    JobState.COMPLETED: web.HTTPNotFound,
    JobState.CANCELED: web.HTTPGone,
}


class _View(HomeAssistantView):
    """A view of a scanner; to everybody outside of the home network it is not there."""

    requires_auth = False
    # For who is at home and asks for what is not there.
    unknown: type[web.HTTPException] = web.HTTPNotFound

    @asynccontextmanager
    async def scanner(
        self, request: web.Request, token: str
    ) -> AsyncIterator[tuple[NetworkScanner, Client]]:
        """Return the scanner that a request is for, and who asks. Raises HTTPException."""
        hass: HomeAssistant = request.app[KEY_HASS]
        server = async_get_server(hass)
        client = await server.devices.async_client(hass, request)
        if (scanner := async_find(hass, token)) is None:
            raise self.unknown
        if not scanner.hub.is_listed:
            raise _busy()
        try:
            async with server.requests.place(client.device, patience=0):
                yield scanner, client
        except NoPlaceError:
            raise _busy() from None

    def found(self, scanner: NetworkScanner, uuid: str, client: Client) -> NetworkScan:
        """Return a client's scan. Raises HTTPException."""
        for scan in scanner.scans(client.address):
            if scan.uuid == uuid:
                return scan
        raise self.unknown


class DescriptionView(_View):
    """Tells what a scanner can do, and how it is."""

    url = f"{LAN_SCANNER_PATH}/{{token}}/{{what:ScannerCapabilities|ScannerStatus|{ICON}}}"
    name = "api:lianke:escl"

    async def get(self, request: web.Request, token: str, what: str) -> web.StreamResponse:
        """Return the document, or the picture that devices show."""
        async with self.scanner(request, token) as (scanner, client):
            if what == ICON:
                return web.FileResponse(_ICON)
            if what == "ScannerCapabilities":
                document = capabilities_xml(_capabilities(request, scanner))
            else:
                known = scanner.scans(client.address)
                for scan in known:
                    # Pages that nobody fetches are nobody's, however often somebody looks for a turn.
                    if not scan.is_scanned:
                        scanner.touch(scan)
                document = status_xml(
                    [*map(scanner.info, known)], is_idle=not scanner.is_busy(client.device)
                )
            return web.Response(body=document, content_type=XML, charset="utf-8")


def _capabilities(request: web.Request, scanner: NetworkScanner) -> Capabilities:
    able = scanner.abilities
    area = area_of(able)
    base = f"{request.scheme}://{request.host}"
    return Capabilities(
        make_and_model=scanner.hub.scanners[scanner.offered.scanner_id].name,
        uuid=scanner.offered.uuid,
        admin_url=f"{base}/config/integrations/integration/{DOMAIN}",
        icon_url=f"{base}{scanner.offered.path}/{ICON}",
        glass=area if has_source(able, ScanSource.GLASS) else None,
        feeder=area if has_source(able, ScanSource.FEEDER) else None,
        two_sided=bool(able.duplex),
        colors=colors_of(able),
        resolutions=resolutions_of(area),
    )


class JobsView(_View):
    url = f"{LAN_SCANNER_PATH}/{{token}}/ScanJobs"
    name = "api:lianke:escl:jobs"

    async def post(self, request: web.Request, token: str) -> web.Response:
        async with self.scanner(request, token) as (scanner, client):
            if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
                raise web.HTTPUnsupportedMediaType
            try:
                async with asyncio.timeout(SETTINGS_SECONDS):
                    body = await _async_read(request)
                settings = parse_settings(body)
            except TimeoutError:
                raise web.HTTPRequestTimeout from None
            except EsclError as err:
                raise web.HTTPBadRequest(text=str(err)) from None
            try:
                scan = await scanner.async_begin(settings, *client)
            except EsclError as err:
                raise web.HTTPConflict(text=str(err)) from None
            place = f"{request.scheme}://{request.host}{scanner.info(scan).path}"
            return web.Response(status=201, headers={hdrs.LOCATION: place})


class JobView(_View):
    """A scan, which its client can end."""

    url = f"{LAN_SCANNER_PATH}/{{token}}/ScanJobs/{{uuid}}"
    name = "api:lianke:escl:job"

    async def delete(self, request: web.Request, token: str, uuid: str) -> web.Response:
        """End a scan; of one that is over nothing is left to be ended."""
        async with self.scanner(request, token) as (scanner, client):
            scanner.cancel(self.found(scanner, uuid, client))
            return web.Response()


class DocumentView(_View):
    """The documents of a scan, one after the other."""

    url = f"{LAN_SCANNER_PATH}/{{token}}/ScanJobs/{{uuid}}/NextDocument"
    name = "api:lianke:escl:document"
    # Of a scan that a restart has cut off: nobody knows whether its client had all pages.
    unknown = web.HTTPGone

    async def get(self, request: web.Request, token: str, uuid: str) -> web.StreamResponse:
        """Return the next document once it is there, 404 behind the last one."""
        async with self.scanner(request, token) as (scanner, client):
            scan = self.found(scanner, uuid, client)
            with scanner.attending(scan):
                async with scan.turn:
                    try:
                        path = await scanner.async_next(scan)
                    except TimeoutError:
                        raise _busy() from None
                    if path is None:
                        raise _GONE.get(scan.state, web.HTTPInternalServerError)
                    return await _async_send(request, scanner, scan, path)


def _busy() -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(headers={hdrs.RETRY_AFTER: _LATER})


async def _async_read(request: web.Request) -> bytes:
    """Return a request's body, no more of it than is looked at. Raises EsclError."""
    body = bytearray()
    while part := await request.content.readany():
        body += part
        if len(body) > MAX_SETTINGS:
            raise EsclError("too much of it")
    return bytes(body)


async def _async_send(
    request: web.Request, scanner: NetworkScanner, scan: NetworkScan, path: Path
) -> web.Response:
    """Send a scan's next document; where the line breaks, the client may ask for it again, while it has time."""
    hass: HomeAssistant = request.app[KEY_HASS]
    if request.transport is not None and (line := request.transport.get_extra_info("socket")):
        # A computer that is closed goes without a word. The line may have ended, and only Linux knows this option.
        with suppress(OSError, AttributeError):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT_SECONDS * 1000)
    try:
        opened = await hass.async_add_executor_job(path.open, "rb")
    except OSError:
        # It was canceled just then, or the disk does not give it.
        raise _GONE.get(scan.state, web.HTTPInternalServerError) from None
    with opened as file:
        # A page of somebody's, which nothing on the way keeps.
        kept_by_nobody = {hdrs.CACHE_CONTROL: "no-store"}
        kind, taken = scan.settings.format, partial(scanner.note_taken, scan)
        response = web.Response(body=file, content_type=kind, headers=kept_by_nobody)
        until = scanner.take_until(scan, os.fstat(file.fileno()).st_size)
        try:
            async with asyncio.timeout(DELIVERY_SECONDS), asyncio.timeout_at(until):
                # A slow line gets the end of a page long after it was written.
                await async_deliver(request, response, taken, DELIVERY_SECONDS)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            if asyncio.get_running_loop().time() >= until:
                scanner.cancel(scan)
        return response
