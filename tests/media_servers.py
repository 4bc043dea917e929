"""Servers of pictures: the parts of Immich and of a DLNA media server that Home Assistant uses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web
from aiohttp.test_utils import TestServer

ALBUM = "0f5b2f2e-1b1a-4f0e-9d58-6a1f3a3c0001"
API_KEY = "key-of-the-tests"
NOT_FOUND = {"message": "Not found", "error": "Not Found", "statusCode": 404, "correlationId": "1"}
LONG_AGO = "2026-05-01T10:00:00.000Z"


@dataclass
class MediaServer:
    """A server with pictures by name, and the names that were fetched."""

    pictures: dict[str, bytes]
    port: int = 0
    fetched: list[str] = field(default_factory=list)


@asynccontextmanager
async def served(app: web.Application, server: MediaServer) -> AsyncIterator[MediaServer]:
    async with TestServer(app, host="127.0.0.1") as running:
        assert running.port is not None
        server.port = running.port
        yield server


@asynccontextmanager
async def immich(pictures: dict[str, bytes]) -> AsyncIterator[MediaServer]:
    """Run an Immich 2 with one album, whose assets have the names of their files without the ending."""
    server = MediaServer(pictures)

    def asset(name: str) -> dict[str, Any]:
        texts = ("checksum", "thumbhash", "originalPath", "ownerId")
        times = ("fileCreatedAt", "fileModifiedAt", "localDateTime", "updatedAt")
        flags = ("hasMetadata", "isArchived", "isFavorite", "isOffline", "isTrashed", "resized")
        is_film = name.endswith(".mp4")
        return {
            **dict.fromkeys(texts, ""),
            **dict.fromkeys(times, LONG_AGO),
            **dict.fromkeys(flags, False),
            "id": name.partition(".")[0],
            "type": "VIDEO" if is_film else "IMAGE",
            "duration": "0:00:00",
            "originalFileName": name,
            "originalMimeType": "video/mp4" if is_film else "image/jpeg",
            "people": [],
        }

    album = {
        "id": ALBUM,
        "albumName": "海边",
        "albumThumbnailAssetId": None,
        "albumUsers": [],
        "assetCount": len(pictures),
        "createdAt": LONG_AGO,
        "updatedAt": LONG_AGO,
        "hasSharedLink": False,
        "isActivityEnabled": False,
        "shared": False,
        "assets": [asset(name) for name in pictures],
    }
    disk = {
        f"disk{what}{raw}": 1 if raw else "1 B"
        for what in ("Available", "Size", "Use")
        for raw in ("", "Raw")
    }
    user = {
        "avatarColor": "amber",
        "email": "anna@example.com",
        "name": "Anna",
        "profileChangedAt": LONG_AGO,
        "profileImagePath": "",
        "id": "anna",
        "createdAt": LONG_AGO,
        "isAdmin": False,
        "oauthId": "",
        "shouldChangePassword": False,
        "status": "active",
        "storageLabel": "",
        "deletedAt": None,
        "quotaSizeInBytes": None,
        "quotaUsageInBytes": None,
        "updatedAt": None,
    }
    answers: dict[str, Any] = {
        "server/version": {"major": 2, "minor": 3, "patch": 0},
        "server/version-check": {"checkedAt": LONG_AGO, "releaseVersion": "v2.3.0"},
        "server/about": {"licensed": False, "versionUrl": "", "version": "v2.3.0"},
        "server/storage": disk | {"diskUsagePercentage": 1.0},
        "users/me": user,
        f"albums/{ALBUM}": album,
    }

    async def handle(request: web.Request) -> web.Response:
        if request.headers.get("x-api-key") != API_KEY:
            return web.json_response({"message": "Invalid API key"}, status=401)
        path = request.match_info["path"]
        if path == "albums":
            mine = request.query.get("shared") != "true"
            return web.json_response([album] if mine else [])
        if path in answers:
            return web.json_response(answers[path])
        name = path.removeprefix("assets/").removesuffix("/thumbnail")
        for file, picture in pictures.items():
            if file.partition(".")[0] == name:
                server.fetched.append(f"{path} {request.query['size']}")
                return web.Response(body=picture, content_type="image/jpeg")
        return web.json_response(NOT_FOUND, status=404)

    app = web.Application()
    app.router.add_get("/api/{path:.*}", handle)
    async with served(app, server):
        yield server


DEVICE = """<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
<device><deviceType>urn:schemas-upnp-org:device:MediaServer:1</deviceType><friendlyName>NAS</friendlyName>
<manufacturer>Tests</manufacturer><modelName>Tests</modelName><UDN>uuid:nas</UDN><serviceList>{}</serviceList>
</device></root>"""
SERVICE = """<service><serviceType>urn:schemas-upnp-org:service:{name}:1</serviceType>
<serviceId>urn:upnp-org:serviceId:{name}</serviceId><SCPDURL>/{name}.xml</SCPDURL>
<controlURL>/control</controlURL><eventSubURL>/events</eventSubURL></service>"""
SCPD = """<?xml version="1.0"?>
<scpd xmlns="urn:schemas-upnp-org:service-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
<actionList>{actions}</actionList><serviceStateTable>{variables}</serviceStateTable></scpd>"""
NO_SUCH_OBJECT = """<?xml version="1.0"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><s:Fault><faultcode>s:Client</faultcode>
<faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0">
<errorCode>701</errorCode><errorDescription>No such object</errorDescription></UPnPError></detail></s:Fault></s:Body>
</s:Envelope>"""
# Each action's arguments, in and out.
ACTIONS: dict[str, tuple[list[str], list[str]]] = {
    "Browse": (
        ["ObjectID", "BrowseFlag", "Filter", "StartingIndex", "RequestedCount", "SortCriteria"],
        ["Result", "NumberReturned", "TotalMatches", "UpdateID"],
    ),
    "GetSystemUpdateID": ([], ["Id"]),
    "GetSearchCapabilities": ([], ["SearchCaps"]),
    "GetSortCapabilities": ([], ["SortCaps"]),
}
NUMBERS = {"StartingIndex", "RequestedCount", "NumberReturned", "TotalMatches", "UpdateID", "Id"}
VARIABLES = {
    "Id": "SystemUpdateID",
    "SearchCaps": "SearchCapabilities",
    "SortCaps": "SortCapabilities",
}


def _scpd() -> str:
    actions = variables = ""
    for action, sides in ACTIONS.items():
        arguments = ""
        for direction, names in zip(("in", "out"), sides, strict=True):
            for name in names:
                variable = VARIABLES.get(name, f"A_ARG_TYPE_{name}")
                kind = "ui4" if name in NUMBERS else "string"
                arguments += (
                    f"<argument><name>{name}</name><direction>{direction}</direction>"
                    f"<relatedStateVariable>{variable}</relatedStateVariable></argument>"
                )
                variables += (
                    f'<stateVariable sendEvents="no"><name>{variable}</name>'
                    f"<dataType>{kind}</dataType></stateVariable>"
                )
        actions += f"<action><name>{action}</name><argumentList>{arguments}</argumentList></action>"
    return SCPD.format(actions=actions, variables=variables)


@asynccontextmanager
async def dlna(pictures: dict[str, bytes]) -> AsyncIterator[MediaServer]:
    """Run a DLNA server with the pictures at its root, by name; their files are at /files/NAME."""
    server = MediaServer(pictures)

    async def describe(_: web.Request) -> web.Response:
        services = "".join(
            SERVICE.format(name=name) for name in ("ContentDirectory", "ConnectionManager")
        )
        return web.Response(text=DEVICE.format(services), content_type="text/xml")

    async def service(request: web.Request) -> web.Response:
        text = _scpd() if "Content" in request.path else SCPD.format(actions="", variables="")
        return web.Response(text=text, content_type="text/xml")

    async def control(request: web.Request) -> web.Response:
        action = request.headers["SOAPAction"].strip('"').rpartition("#")[2]
        asked = await request.text()
        shown = [name for name in pictures if f">{name}<" in asked]
        if action == "Browse" and not shown:
            return web.Response(status=500, text=NO_SUCH_OBJECT, content_type="text/xml")
        items = "".join(
            f'<item id="{name}" parentID="0" restricted="1"><dc:title>{name}</dc:title>'
            "<upnp:class>object.item.imageItem.photo</upnp:class>"
            f'<res protocolInfo="http-get:*:image/jpeg:*">{server_url(server)}/files/{name}</res></item>'
            for name in shown
        )
        didl = (
            '<DIDL-Lite xmlns="urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/"'
            ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:upnp="urn:schemas-upnp-org:metadata-1-0/upnp/">'
            f"{items}</DIDL-Lite>"
        )
        values = {"Result": escape(didl), "NumberReturned": len(shown), "TotalMatches": len(shown)}
        out = "".join(
            f"<{name}>{values.get(name, 1 if name in NUMBERS else '')}</{name}>"
            for name in ACTIONS[action][1]
        )
        kind = "urn:schemas-upnp-org:service:ContentDirectory:1"
        return web.Response(
            text='<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
            ' s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
            f'<u:{action}Response xmlns:u="{kind}">{out}</u:{action}Response></s:Body></s:Envelope>',
            content_type="text/xml",
        )

    async def file(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        server.fetched.append(name)
        if name not in pictures:
            raise web.HTTPNotFound
        return web.Response(body=pictures[name], content_type="image/jpeg")

    app = web.Application()
    app.router.add_get("/description.xml", describe)
    app.router.add_get("/{name}.xml", service)
    app.router.add_post("/control", control)
    app.router.add_get("/files/{name}", file)
    async with served(app, server):
        yield server


def server_url(server: MediaServer) -> str:
    return f"http://127.0.0.1:{server.port}"
