"""What is printed from other integrations' media sources, and what is not: from the action to the out tray."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, override
from unittest.mock import Mock, patch

from aiohttp import FormData, web
from aiohttp.test_utils import TestServer
from homeassistant.auth.const import GROUP_ID_USER
from homeassistant.auth.models import TOKEN_TYPE_LONG_LIVED_ACCESS_TOKEN, User
from homeassistant.components.ai_task import (
    AITaskEntity,
    AITaskEntityFeature,
    GenImageTask,
    GenImageTaskResult,
)
from homeassistant.components.ai_task.const import DATA_COMPONENT
from homeassistant.components.conversation.chat_log import ChatLog
from homeassistant.components.http.auth import async_sign_path
from homeassistant.components.http.ban import KEY_LOGIN_THRESHOLD
from homeassistant.components.http.const import KEY_HASS_USER
from homeassistant.components.media_player.errors import BrowseError
from homeassistant.components.media_source import (
    MediaSource,
    MediaSourceItem,
    PlayMedia,
    Unresolvable,
    async_browse_media,
)
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers.http import HomeAssistantView
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    mock_integration,
    mock_platform,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.lianke.documents import media as documents_media
from custom_components.lianke.input_error import InputError
from tests import media_servers
from tests.documents.certificates import certificate
from tests.documents.samples import picture
from tests.household import House, Site

SHELF = "media-source://shelf"
PHOTO = picture("JPEG", (600, 400))


async def go_online(hass: HomeAssistant, clients: ClientSessionGenerator) -> str:
    """Put Home Assistant, with all its views, on a port of this machine; return its address."""
    client = await clients()
    assert client.server.port is not None
    hass.http.server_port = client.server.port
    url = f"http://127.0.0.1:{client.server.port}"
    await hass.config.async_update(internal_url=url)
    return url


async def pictures_of(hass: HomeAssistant, *path: str) -> dict[str, str]:
    """Open folders of the media browser by their titles; return the ids in the last one by title."""
    media_id: str | None = None
    for title in (*path, ""):
        found = await async_browse_media(hass, media_id)
        assert found.children is not None
        ids = {child.title: child.media_content_id for child in found.children}
        media_id = ids.get(title)
    return ids


async def refused(house: House, media_id: str, context: Context | None = None) -> tuple[str, str]:
    """Return the key and the words of the error; nothing was sent and nothing is left."""
    before = house.sent
    with pytest.raises(HomeAssistantError) as raised:
        await house.ask("print", context, device_id=house.device(), media=media_id)
    assert house.sent == before
    assert house.spooled() == []
    if isinstance(raised.value, Unauthorized):
        return "unauthorized", ""
    return raised.value.translation_key or "", str(raised.value)


async def test_immich(
    house: House, hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """As in core's own integration: the picture that is chosen in the media browser, in the name of who chose it."""
    await async_setup_component(hass, "media_source", {})
    photos = {"IMG_1.jpg": PHOTO, "film.mp4": b"film"}
    async with media_servers.immich(photos) as server:
        entry = MockConfigEntry(
            domain="immich",
            title="Anna",
            unique_id="anna",
            data={
                "host": "127.0.0.1",
                "port": server.port,
                "ssl": False,
                "api_key": media_servers.API_KEY,
                "verify_ssl": False,
            },
        )
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        found = await pictures_of(hass, "Immich", "Anna", "albums", "海边")
        await go_online(hass, hass_client_no_auth)
        anna = await make_user(hass, "Anna")
        context = Context(user_id=anna.id)
        answer = await house.ask(
            "print", context, device_id=house.device(), media=found["IMG_1.jpg"], wait=True
        )
        [job] = answer["jobs"]
        [printed] = house.printed
        assert printed.path.read_bytes() == PHOTO
        assert (job["title"], job["title_is_foreign"]) == ("IMG_1.jpg", True)
        assert server.fetched == ["assets/IMG_1/thumbnail fullsize"]
        assert (await refused(house, found["film.mp4"]))[0] == "type_not_supported"
        # An id that is none, a picture that is gone, and an id that leads elsewhere.
        key, words = await refused(house, "media-source://immich/anna|albums")
        assert key == "media_refused"
        assert words.startswith("Immich did not hand out this media item. It says: “")
        assert "anna|albums" in words
        gone = found["IMG_1.jpg"].replace("|IMG_1|", "|IMG_2|")
        key, words = await refused(house, gone)
        assert key == "media_failed"
        assert words.startswith("Immich could not hand out this media item (HTTP 404).")
        away = found["IMG_1.jpg"].replace("anna|", "../api/config?|", 1)
        assert (await refused(house, away, context))[0] == "media_failed"
        assert await hass.config_entries.async_unload(entry.entry_id)
        assert (await refused(house, found["IMG_1.jpg"]))[0] == "media_failed"
    assert server.fetched == ["assets/IMG_1/thumbnail fullsize"]


async def test_dlna(
    house: House, hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """A server at home hands out its own addresses; elsewhere at home it leads nobody."""
    await async_setup_component(hass, "media_source", {})
    await go_online(hass, hass_client_no_auth)
    hass.config.components.add("ssdp")
    # Where DLNA's libraries are missing, this fails, and nothing else does.
    from homeassistant.components import ssdp

    pictures = {"IMG_2.jpg": PHOTO}
    # Nobody announces himself by multicast here.
    with patch.object(ssdp, "async_register_callback", return_value=Mock()):
        async with media_servers.dlna(pictures) as server:
            url = media_servers.server_url(server)
            entry = MockConfigEntry(
                domain="dlna_dms",
                title="NAS",
                unique_id="uuid:nas::urn:schemas-upnp-org:device:MediaServer:1",
                data={
                    "url": f"{url}/description.xml",
                    "device_id": "uuid:nas::urn:schemas-upnp-org:device:MediaServer:1",
                    "source_id": "nas",
                },
            )
            entry.add_to_hass(hass)
            assert await hass.config_entries.async_setup(entry.entry_id)
            job = await house.print_one(media="media-source://dlna_dms/nas/:IMG_2.jpg")
            [printed] = house.printed
            assert printed.path.read_bytes() == PHOTO
            assert (job["title"], job["state"]) == ("IMG_2.jpg", "completed")
            key, words = await refused(house, "media-source://dlna_dms/nas/:nothing")
            assert key == "media_refused"
            assert "DLNA Digital Media Server did not hand out" in words
            # What nobody has set up with this host is an address like any other.
            hass.config_entries.async_update_entry(
                entry, data={**entry.data, "url": "http://192.168.1.20/description.xml"}
            )
            key, _ = await refused(house, "media-source://dlna_dms/nas/:IMG_2.jpg")
            assert key == "url_not_https"
            assert server.fetched == ["IMG_2.jpg"]
            assert await hass.config_entries.async_unload(entry.entry_id)


class Painter(AITaskEntity):
    """Paints the photo whatever it is told."""

    _attr_name = "Painter"
    _attr_supported_features = AITaskEntityFeature.GENERATE_IMAGE

    @override
    async def _async_generate_image(
        self, task: GenImageTask, chat_log: ChatLog
    ) -> GenImageTaskResult:
        return GenImageTaskResult(
            image_data=PHOTO, conversation_id="1", mime_type="image/jpeg", width=600, height=400
        )


async def test_what_an_ai_task_has_painted_and_what_was_uploaded(
    media: Path,
    house: House,
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    for component in ("homeassistant", "ai_task", "image_upload"):
        assert await async_setup_component(hass, component, {})
    await hass.data[DATA_COMPONENT].async_add_entities([Painter()])
    painted: Any = await hass.services.async_call(
        "ai_task",
        "generate_image",
        {"entity_id": "ai_task.painter", "task_name": "Cat", "instructions": "A cat"},
        blocking=True,
        return_response=True,
    )
    await go_online(hass, hass_client_no_auth)
    client = await hass_client()
    form = FormData()
    form.add_field("file", PHOTO, filename="cat.jpg", content_type="image/jpeg")
    uploaded = await (await client.post("/api/image/upload", data=form)).json()
    for media_id, title in (
        (painted["media_source_id"], ".jpg"),
        (f"media-source://image_upload/{uploaded['id']}", "Image upload"),
    ):
        job = await house.print_one(media=media_id)
        assert job["title"].endswith(title)
    assert [printed.path.read_bytes() for printed in house.printed] == [PHOTO, PHOTO]


class Shelf(MediaSource):
    """Answers as the test says: an address, or an error."""

    def __init__(self) -> None:
        super().__init__("shelf")
        self.answers: dict[str, Callable[[], PlayMedia]] = {}

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        if item.identifier == "hangs":
            await asyncio.Event().wait()
        return self.answers[item.identifier]()


class ShelfView(HomeAssistantView):
    """What the shelf serves by Home Assistant's own server; private things to Anna alone."""

    url = "/api/shelf/{what:.*}"
    name = "api:shelf"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.elsewhere = ""

    async def get(self, request: web.Request, what: str) -> web.StreamResponse:
        user: User = request[KEY_HASS_USER]
        self.asked.append((what, user.name or ""))
        if what == "private" and user.name != "Anna":
            raise Unauthorized
        if what == "inside":
            raise web.HTTPFound("/api/shelf/private")
        if what == "outside":
            raise web.HTTPFound(f"{self.elsewhere}/x.jpg")
        if what == "page":
            return web.Response(text="<html><body>Not found", content_type="text/html")
        if what == "broken":
            raise RuntimeError("inside of a view")
        if what == "endless":
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(PHOTO)
        return web.Response(body=PHOTO, content_type="image/jpeg")


class Shelves(NamedTuple):
    """A media source of the tests, and what it serves."""

    source: Shelf
    view: ShelfView
    url: str
    anna: Context
    ben: Context


async def make_user(hass: HomeAssistant, name: str) -> User:
    """Make a user who is logged in somewhere."""
    user = await hass.auth.async_create_user(name, group_ids=[GROUP_ID_USER])
    await hass.auth.async_create_refresh_token(
        user, client_name="Phone", token_type=TOKEN_TYPE_LONG_LIVED_ACCESS_TOKEN
    )
    return user


@pytest.fixture
async def shelves(
    house: House, hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator
) -> Shelves:
    """Give Home Assistant a media source of the tests and two users."""
    assert await async_setup_component(hass, "media_source", {})
    source, view = Shelf(), ShelfView()

    async def get_source(_: HomeAssistant) -> Shelf:
        return source

    mock_integration(hass, MockModule("shelf", partial_manifest={"name": "The shelf"}))
    mock_platform(hass, "shelf.media_source", Mock(async_get_media_source=get_source))
    assert await async_setup_component(hass, "shelf", {})
    hass.http.register_view(view)
    url = await go_online(hass, hass_client_no_auth)
    users = [await make_user(hass, name) for name in ("Anna", "Ben")]
    return Shelves(source, view, url, *(Context(user_id=user.id) for user in users))


async def test_what_home_assistant_serves_is_fetched_with_the_rights_of_who_asks(
    house: House, hass: HomeAssistant, shelves: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Refusals are no wrong logins for which Home Assistant would ban itself.
    monkeypatch.setitem(hass.http.app._state, KEY_LOGIN_THRESHOLD, 2)
    source, view, url, anna, ben = shelves
    signed = async_sign_path(
        hass, "/api/shelf/private", timedelta(minutes=5), use_content_user=True
    )
    paths = {
        "relative": "/api/shelf/private",
        "signed": signed,
        "inside": "/api/shelf/inside",
        "query": "/api/shelf/private?a=1&width=100&b=%E7%8C%AB",
    }
    for name, path in paths.items():
        source.answers[f"{name}/猫.jpg"] = partial(PlayMedia, path, "image/jpeg")
    for name in paths:
        media = f"{SHELF}/{name}/猫.jpg"
        await house.ask("print", anna, device_id=house.device(), media=media, wait=True)
        [*_, printed] = house.printed
        assert printed.path.read_bytes() == PHOTO
        assert printed.name == "猫.jpg"
        for other in (ben, Context(), Context(user_id="nobody")):
            assert (await refused(house, media, other))[0] == "unauthorized"
    # An address may come from a foreign server, and has the rights alone that it brings along.
    photo = async_sign_path(hass, "/api/shelf/photo", timedelta(minutes=5), use_content_user=True)
    media = f"{SHELF}/absolute"
    source.answers["absolute"] = partial(PlayMedia, f"{url}/api/shelf/private", "image/jpeg")
    assert (await refused(house, media, anna))[0] == "unauthorized"
    source.answers["absolute"] = partial(PlayMedia, f"{url}{photo}", "image/jpeg")
    await house.ask("print", ben, device_id=house.device(), media=media, wait=True)
    assert {name for what, name in view.asked if what == "private"} == {
        "Anna",
        "Ben",
        "Home Assistant Content",
    }
    # Who is logged in nowhere, or may no longer be.
    cold = await hass.auth.async_create_user("Cold", group_ids=[GROUP_ID_USER])
    gone = await make_user(hass, "Gone")
    await hass.auth.async_update_user(gone, is_active=False)
    before = len(view.asked)
    for user in (cold, gone):
        context = Context(user_id=user.id)
        assert (await refused(house, f"{SHELF}/relative/猫.jpg", context))[0] == "unauthorized"
    assert len(view.asked) == before


async def test_whatever_a_source_answers(
    house: House,
    hass: HomeAssistant,
    shelves: Shelves,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its own words where they are meant to be read, else that it failed; never a job, never a rest."""
    source, view, url, _, _ = shelves
    view.elsewhere = site.url
    monkeypatch.setattr(documents_media, "RESOLVE_SECONDS", 0.2)
    house.set_options({"max_document_mb": 1})

    def at(address: str, mime_type: Any = "image/jpeg") -> Callable[[], PlayMedia]:
        return partial(PlayMedia, address, mime_type)

    handed = "The shelf did not hand out this media item. It says: “{}”"
    failed = "The shelf could not hand out this media item ({})."
    raised: dict[str, tuple[BaseException, str, str]] = {
        "album": (Unresolvable("the album\nis empty"), "media_refused", "the album is empty"),
        "browse": (BrowseError("no such album"), "media_refused", "no such album"),
        "mute": (HomeAssistantError(), "media_refused", "HomeAssistantError"),
        "long": (Unresolvable("x" * 9999), "media_refused", "x" * 200),
        "permission": (PermissionError("/secret"), "media_failed", "PermissionError"),
        "key": (KeyError("token=1"), "media_failed", "KeyError"),
        "assertion": (AssertionError(), "media_failed", "AssertionError"),
        "timeout": (TimeoutError(), "media_failed", "TimeoutError"),
        "unauthorized": (Unauthorized(), "unauthorized", ""),
    }
    whole = {"media_refused": handed, "media_failed": failed}
    cases: dict[str, tuple[Callable[[], PlayMedia], str, str]] = {
        name: (
            Mock(side_effect=error),
            key,
            words if name == "long" else whole.get(key, "{}").format(words),
        )
        for name, (error, key, words) in raised.items()
    }
    failing = {
        "hangs": (at("/"), "TimeoutError"),
        "not there": (at("/api/nothing"), "HTTP 404"),
        "broken": (at("/api/shelf/broken"), "HTTP 500"),
        "no type": (at("/api/shelf/page", None), "mime_type"),
        "outside": (at("/api/shelf/outside"), "url_not_https"),
        "up": (at("/api/shelf/../config"), "url"),
        "up quoted": (at("/api/shelf/%2e%2e/config"), "url"),
        "up behind a tab": (at("/api/shelf/.\t./config"), "url"),
        "up absolute": (at(f"{url}/api/shelf/../config"), "url"),
        "half": (at("http://["), "url"),
        "own, no path": (at(f"{url}//127.0.0.1:{site.url[-5:]}/x"), "HTTP 404"),
    }
    cases |= {
        **{
            name: (answer, "media_failed", failed.format(words))
            for name, (answer, words) in failing.items()
        },
        "endless": (at("/api/shelf/endless"), "file_too_large", "1 MB"),
        "page.jpg": (at("/api/shelf/page"), "content_not_as_named", "page.jpg"),
        "film": (at("/api/shelf/photo", "video/mp4"), "type_not_supported", ""),
        "song": (at("/api/shelf/photo", "audio/mpeg"), "type_not_supported", ""),
        "stream": (at("/x.m3u8", "application/vnd.apple.mpegurl"), "type_not_supported", ""),
        "no scheme": (at("//127.0.0.1/x.jpg"), "url_invalid", ""),
        "rtsp": (at("rtsp://127.0.0.1/live"), "url_invalid", ""),
        "nothing": (at(""), "url_invalid", ""),
        "at home": (at(f"{site.url}/x.jpg"), "url_not_https", "127.0.0.1"),
        "router": (at("https://192.168.1.1/x.jpg"), "url_not_public", "192.168.1.1"),
    }
    for name, (answer, key, words) in cases.items():
        source.answers[name] = answer
        found, said = await refused(house, f"{SHELF}/{name}")
        assert found == key, (name, said)
        assert words in said, (name, said)
        assert "secret" not in said
        assert "token" not in said
    assert site.asked == []


async def test_a_source_leads_to_the_host_it_was_set_up_with(
    house: House, hass: HomeAssistant, shelves: Shelves, site: Site
) -> None:
    """And only there: not where a redirect leads, nor by what somebody else has set up."""
    port = int(site.url.rpartition(":")[2])
    shelves.source.answers["photo"] = partial(PlayMedia, f"{site.url}/x", "application/pdf")
    for domain, data in (
        ("other", {"host": "127.0.0.1"}),
        ("shelf", {"host": "127.0.0.2"}),
        ("shelf", {"name": "127.0.0.1"}),
        # This machine has other ports that are nobody's business.
        ("shelf", {"host": "127.0.0.1", "port": port + 1}),
        ("shelf", {"url": f"http://127.0.0.1:{port - 1}/x"}),
    ):
        MockConfigEntry(domain=domain, data=data).add_to_hass(hass)
        assert (await refused(house, f"{SHELF}/photo"))[0] == "url_not_https"
    ours = MockConfigEntry(domain="shelf", data={"port": port, "host": "127.0.0.1:80"})
    ours.add_to_hass(hass)
    job = await house.print_one(media=f"{SHELF}/photo")
    assert (job["title"], job["pages"]) == ("The shelf", 2)
    targets = [f"http://127.0.0.2:{port}/y", f"{shelves.url}/api/shelf/photo"]

    async def redirect(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(targets[-1])

    site.answer = redirect
    while targets:
        assert (await refused(house, f"{SHELF}/photo"))[0] == "url_not_https"
        targets.pop()
    assert shelves.view.asked == []


@pytest.mark.parametrize("hosts", [None, ["::", "0.0.0.0"]], ids=str)
async def test_home_assistant_with_a_certificate_reaches_itself(
    tmp_path: Path, house: House, hass: HomeAssistant, shelves: Shelves, hosts: list[str] | None
) -> None:
    """It bears another name than the one by which Home Assistant calls itself."""
    context, _ = await asyncio.to_thread(certificate, tmp_path)
    queries: list[set[str]] = []

    async def photo(request: web.Request) -> web.Response:
        queries.append(set(request.query))
        return web.Response(body=PHOTO, content_type="image/jpeg")

    app = web.Application()
    app.router.add_get("/photo", photo)
    server = TestServer(app, host="127.0.0.1", scheme="https")
    await server.start_server(ssl=context)
    assert server.port is not None
    hass.http.server_port, hass.http.server_host = server.port, hosts
    hass.http.ssl_certificate = "certificate.pem"
    shelves.source.answers["photo"] = partial(PlayMedia, "/photo", "image/jpeg")
    await house.print_one(media=f"{SHELF}/photo")
    await server.close()
    [printed] = house.printed
    assert printed.path.read_bytes() == PHOTO
    assert queries == [{"authSig"}]


async def test_home_assistant_is_asked_where_it_listens(
    house: House, hass: HomeAssistant, shelves: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    async def unreachable(_: HomeAssistant, address: str, *args: Any, **more: Any) -> str:
        asked.append(URL(address).host)
        raise InputError("url_unreachable", host=asked[-1] or "")

    monkeypatch.setattr(documents_media, "async_download", unreachable)
    shelves.source.answers["photo"] = partial(PlayMedia, "/photo", "image/jpeg")
    for host in ("::", "192.168.1.5"):
        hass.http.server_host = [host]
        key, words = await refused(house, f"{SHELF}/photo")
        assert (key, "url_unreachable" in words) == ("media_failed", True)
    assert asked == ["::1", "192.168.1.5"]
