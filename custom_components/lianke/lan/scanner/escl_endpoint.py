"""HTTP views that serve eSCL scanners on Home Assistant's web server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from math import ceil
import os
from pathlib import Path
import socket
from typing import Final

from aiohttp import hdrs, web
from homeassistant.core import HomeAssistant
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView

from ...const import DOMAIN, LAN_SCANNER_PATH, ScanSource
from ...escl.messages import (
    MAX_SETTINGS_BYTES,
    EsclConflictError,
    EsclError,
    FeederState,
    ScanJobState,
    ScannerCapabilities,
    capabilities_xml,
    parse_settings,
    status_xml,
)
from ...fair_queue import NoPlaceError
from ..origin import RequestingDevice
from ..printer.lan_jobs import async_send_acknowledged
from ..printer.server import ICON_NAME, ICON_PATH, async_get_server
from .network_scanner import (
    NetworkScan,
    NetworkScanner,
    area_of,
    async_find_scanner,
    colors_of,
    has_source,
    resolutions_of,
)

# Seconds in which the settings of a scan must arrive.
SETTINGS_SECONDS: Final = 30
# Seconds in which a document must reach its client.
SCAN_DELIVERY_SECONDS: Final = 600
# Seconds without an acknowledgment from the client, after which the connection is closed.
CLIENT_SILENCE_SECONDS: Final = 20
# Minimum seconds before a client should try again.
_RETRY_AFTER: Final = 2
XML_TYPE: Final = "text/xml"
# The answer when no page is left, by the scan's state. Only a 404 tells the client that it has all pages.
_NO_MORE_PAGES: Final = {
    ScanJobState.COMPLETED: web.HTTPNotFound,
    ScanJobState.CANCELED: web.HTTPGone,
}


class _ScannerView(HomeAssistantView):
    """Base class of the views of a scanner, which answer everybody outside the home network with a 404."""

    requires_auth = False
    # The answer to clients at home that ask for an unknown scanner or scan.
    unknown: type[web.HTTPException] = web.HTTPNotFound

    @asynccontextmanager
    async def scanner(
        self, request: web.Request, token: str
    ) -> AsyncIterator[tuple[NetworkScanner, RequestingDevice]]:
        """Yield the scanner with this token, and the client that sent the request. Raises HTTPException."""
        hass: HomeAssistant = request.app[KEY_HASS]
        server = async_get_server(hass)
        client = await server.devices.async_client(hass, request)
        if (scanner := async_find_scanner(hass, token)) is None:
            raise self.unknown
        if not scanner.hub.is_listed:
            raise _busy()
        try:
            async with server.requests.place(client.device, max_wait=0):
                yield scanner, client
        except NoPlaceError:
            raise _busy() from None

    def find_scan(
        self, scanner: NetworkScanner, uuid: str, client: RequestingDevice
    ) -> NetworkScan:
        """Return the client's scan with this id. Raises HTTPException if the client has no such scan."""
        for scan in scanner.scans(client.address):
            if scan.uuid == uuid:
                return scan
        raise self.unknown


class DescriptionView(_ScannerView):
    """Serves a scanner's capabilities, its status, and the picture that devices show."""

    url = f"{LAN_SCANNER_PATH}/{{token}}/{{what:ScannerCapabilities|ScannerStatus|{ICON_NAME}}}"
    name = "api:lianke:escl"

    async def get(self, request: web.Request, token: str, what: str) -> web.StreamResponse:
        async with self.scanner(request, token) as (scanner, client):
            if what == ICON_NAME:
                return web.FileResponse(ICON_PATH)
            if what == "ScannerCapabilities":
                document = capabilities_xml(_capabilities(request, scanner))
            else:
                known = scanner.scans(client.address)
                for scan in known:
                    # A status request keeps a scan alive only while pages still come: pages that nobody fetches expire.
                    if not (scan.is_scanned or scan.is_left):
                        scanner.touch(scan)
                state, feeder = await scanner.async_status()
                if feeder is FeederState.OPEN and hdrs.USER_AGENT not in request.headers:
                    # A request without a User-Agent comes from SANE: all other clients send this header.
                    feeder = FeederState.OPEN_FOR_SANE
                document = status_xml([*map(scanner.scan_job_info, known)], state, feeder)
            return web.Response(body=document, content_type=XML_TYPE, charset="utf-8")


def _capabilities(request: web.Request, scanner: NetworkScanner) -> ScannerCapabilities:
    able = scanner.abilities
    area = area_of(able)
    base = f"{request.scheme}://{request.host}"
    return ScannerCapabilities(
        make_and_model=scanner.hub.scanners[scanner.offered.scanner_id].name,
        uuid=scanner.offered.uuid,
        admin_url=f"{base}/config/integrations/integration/{DOMAIN}",
        icon_url=f"{base}{scanner.offered.path}/{ICON_NAME}",
        glass=area if has_source(able, ScanSource.GLASS) else None,
        feeder=area if has_source(able, ScanSource.FEEDER) else None,
        two_sided=bool(able.duplex),
        colors=colors_of(able),
        resolutions=resolutions_of(area),
    )


class JobsView(_ScannerView):
    url = f"{LAN_SCANNER_PATH}/{{token}}/ScanJobs"
    name = "api:lianke:escl:jobs"

    async def post(self, request: web.Request, token: str) -> web.Response:
        async with self.scanner(request, token) as (scanner, client):
            if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
                raise web.HTTPUnsupportedMediaType
            try:
                async with asyncio.timeout(SETTINGS_SECONDS):
                    body = await _async_read(request)
                scan = await scanner.async_begin(parse_settings(body), *client)
            except TimeoutError:
                raise web.HTTPRequestTimeout from None
            except EsclConflictError as err:
                raise web.HTTPConflict(text=str(err)) from None
            except EsclError as err:
                raise web.HTTPBadRequest(text=str(err)) from None
            except NoPlaceError:
                raise _busy(scanner.seconds_until_free(client.device)) from None
            if not scan.is_told:
                # The service may or may not have scanned, so the client must not repeat its request automatically.
                raise web.HTTPInternalServerError
            place = f"{request.scheme}://{request.host}{scanner.scan_job_info(scan).path}"
            return web.Response(status=201, headers={hdrs.LOCATION: place})


class JobView(_ScannerView):
    url = f"{LAN_SCANNER_PATH}/{{token}}/ScanJobs/{{uuid}}"
    name = "api:lianke:escl:job"

    async def delete(self, request: web.Request, token: str, uuid: str) -> web.Response:
        """Cancel a scan; a scan that has ended stays as it is."""
        async with self.scanner(request, token) as (scanner, client):
            scanner.cancel(self.find_scan(scanner, uuid, client))
            return web.Response()


class DocumentView(_ScannerView):
    url = f"{LAN_SCANNER_PATH}/{{token}}/ScanJobs/{{uuid}}/NextDocument"
    name = "api:lianke:escl:document"
    # A 404 would mean that the client has all pages, which nobody knows: a restart may have ended the scan.
    unknown = web.HTTPGone

    async def get(self, request: web.Request, token: str, uuid: str) -> web.StreamResponse:
        """Send the next document as soon as it is ready; answer with a 404 after the last document."""
        async with self.scanner(request, token) as (scanner, client):
            scan = self.find_scan(scanner, uuid, client)
            with scanner.attending(scan):
                async with scan.turn:
                    try:
                        path = await scanner.async_next(scan)
                    except TimeoutError:
                        raise _busy() from None
                    if path is None:
                        again = _busy() if scan.should_client_retry else web.HTTPInternalServerError
                        raise _NO_MORE_PAGES.get(scan.state, again)
                    return await _async_send(request, scanner, scan, path)


def _busy(wait: float = 0) -> web.HTTPServiceUnavailable:
    """Return the answer for a client that should try again; `wait` (seconds) is positive after too many scans."""
    text = f"Too many scans in a minute. Wait {ceil(wait)} s." if wait > 0 else None
    headers = {hdrs.RETRY_AFTER: str(max(ceil(wait), _RETRY_AFTER))}
    return web.HTTPServiceUnavailable(headers=headers, text=text)


async def _async_read(request: web.Request) -> bytes:
    """Read a request's body. Raises EsclError if it has more than MAX_SETTINGS_BYTES."""
    body = bytearray()
    while part := await request.content.readany():
        body += part
        if len(body) > MAX_SETTINGS_BYTES:
            raise EsclError("too much of it")
    return bytes(body)


async def _async_send(
    request: web.Request, scanner: NetworkScanner, scan: NetworkScan, path: Path
) -> web.Response:
    """Send the next document. If the connection breaks, the client may request the document again in time."""
    hass: HomeAssistant = request.app[KEY_HASS]
    if request.transport is not None and (line := request.transport.get_extra_info("socket")):
        # A laptop that falls asleep does not close its connections; this option lets us notice that it is gone.
        # Setting the option fails if the socket is already closed, and on systems other than Linux.
        with suppress(OSError, AttributeError):
            line.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, CLIENT_SILENCE_SECONDS * 1000
            )
    try:
        opened = await hass.async_add_executor_job(path.open, "rb")
    except OSError:
        # The scan has just been canceled, or the disk fails.
        raise _NO_MORE_PAGES.get(scan.state, web.HTTPInternalServerError) from None
    with opened as file:
        # The page is private: no cache between us and the client may keep it.
        kept_by_nobody = {hdrs.CACHE_CONTROL: "no-store"}
        kind, taken = scan.settings.format, partial(scanner.on_page_delivered, scan)
        response = web.Response(body=file, content_type=kind, headers=kept_by_nobody)
        until = scanner.fetch_deadline(scan, os.fstat(file.fileno()).st_size)
        try:
            async with asyncio.timeout(SCAN_DELIVERY_SECONDS), asyncio.timeout_at(until):
                # Over a slow connection, the end of a page arrives long after the server has written it.
                await async_send_acknowledged(request, response, taken, SCAN_DELIVERY_SECONDS)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            if asyncio.get_running_loop().time() >= until:
                scanner.cancel(scan)
        return response
