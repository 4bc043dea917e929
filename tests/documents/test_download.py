"""Web addresses: what is fetched, and what is not even tried."""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
import gzip
from pathlib import Path
import random
import zlib

from aiohttp import ClientTimeout, ThreadedResolver, web
from aiohttp.abc import ResolveResult
from aiohttp.test_utils import TestServer
from homeassistant.core import HomeAssistant
import pytest

from custom_components.lianke.api import addresses
from custom_components.lianke.api.addresses import NotPublicError, PublicResolver, is_public
from custom_components.lianke.documents import download
from custom_components.lianke.documents.download import async_download
from custom_components.lianke.input_error import InputError
from tests.documents.certificates import certificate
from tests.household import PDF, Site

LIMIT = 1024 * 1024


async def refused(hass: HomeAssistant, url: str, tmp_path: Path, limit: int = LIMIT) -> str:
    """Return the key of the error that fetching an address ends with."""
    with pytest.raises(InputError) as raised:
        await async_download(hass, url, tmp_path / "file", limit)
    for value in raised.value.placeholders.values():
        assert "secret" not in value
    return raised.value.reason


def resolve_all(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Have every name stand for these addresses; return the list of names that are asked for."""
    asked: list[str] = []

    async def resolve(
        _: ThreadedResolver, host: str, port: int = 0, family: int = 0
    ) -> list[ResolveResult]:
        asked.append(host)
        return [
            ResolveResult(hostname=host, host=one, port=port, family=family, proto=0, flags=0)
            for one in addresses
        ]

    monkeypatch.setattr(ThreadedResolver, "resolve", resolve)
    return asked


async def test_an_allowed_address_is_fetched(
    hass: HomeAssistant, site: Site, tmp_path: Path
) -> None:
    hass.config.allowlist_external_urls = {f"{site.url}/"}
    name = await async_download(hass, f"{site.url}/菜单.pdf?secret=1", tmp_path / "file", LIMIT)
    assert name == "菜单.pdf"
    assert (tmp_path / "file").read_bytes() == PDF
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ('="report.pdf"', "report.pdf"),
        ("=%E5%8F%91%E7%A5%A8.pdf", "发票.pdf"),
        ('="%B7%A2%C6%B1.pdf"', "发票.pdf"),
        ('="发票 100%.pdf"', "发票 100%.pdf"),
        ("*=UTF-8''20%25ab.pdf", "20%ab.pdf"),
        ('="{}.pdf"'.format("发票".encode("gbk").decode("utf-8", "surrogateescape")), "发票.pdf"),
    ],
)
async def test_the_servers_own_name_is_taken(
    hass: HomeAssistant, site: Site, tmp_path: Path, said: str, name: str
) -> None:
    """As browsers read it."""
    head = f"HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename{said}\r\nContent-Length: 1\r\n\r\nx"

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(head.encode("utf-8", "surrogateescape"))
        return web.Response()

    site.answer = answer
    hass.config.allowlist_external_urls = {f"{site.url}/"}
    assert await async_download(hass, f"{site.url}/x", tmp_path / "f", LIMIT) == name


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:{port}/inner", "https://localhost:{port}/inner", "//[::1]/x"]
)
async def test_a_redirect_leads_nowhere_else(
    hass: HomeAssistant, site: Site, tmp_path: Path, location: str
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(location.format(port=request.url.port))

    site.answer = answer
    hass.config.allowlist_external_urls = {f"{site.url}/public/"}
    key = await refused(hass, f"{site.url}/public/x", tmp_path)
    assert key in ("url_not_https", "url_not_public")
    assert site.asked == ["/public/x"]


async def test_the_host_at_fault_is_named(
    hass: HomeAssistant, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the DNS of a proxy answers for every name with an address of its own."""

    async def answer(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("https://cdn.example.com/menu.pdf")

    site.answer = answer
    hass.config.allowlist_external_urls = {f"{site.url}/"}
    resolve_all(monkeypatch, "198.18.0.5")
    with pytest.raises(InputError) as raised:
        await async_download(hass, f"{site.url}/x", tmp_path / "file", LIMIT)
    assert raised.value.reason == "url_not_public"
    assert raised.value.placeholders == {"host": "cdn.example.com"}


async def test_redirects_are_followed_and_counted(
    hass: HomeAssistant, site: Site, tmp_path: Path
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/5":
            return web.Response(body=PDF)
        raise web.HTTPFound(str(int(request.path[1:]) + 1))

    site.answer = answer
    hass.config.allowlist_external_urls = {f"{site.url}/"}
    assert await async_download(hass, f"{site.url}/0", tmp_path / "f", LIMIT) == "5"
    site.asked.clear()
    assert await refused(hass, f"{site.url}/-1", tmp_path) == "url_too_many_redirects"
    assert len(site.asked) == 6


async def test_sizes_are_limited_whatever_the_server_says(
    hass: HomeAssistant, site: Site, tmp_path: Path
) -> None:
    async def honest(_: web.Request) -> web.StreamResponse:
        return web.Response(body=bytes(2000))

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(64 * 1024))

    async def packed(_: web.Request) -> web.StreamResponse:
        response = web.Response(body=bytes(5 * 1024 * 1024))
        response.enable_compression(web.ContentCoding.gzip)
        return response

    hass.config.allowlist_external_urls = {f"{site.url}/"}
    for answer, limit in ((honest, 1999), (endless, LIMIT), (packed, LIMIT)):
        site.answer = answer
        (tmp_path / "file").unlink(missing_ok=True)
        assert await refused(hass, f"{site.url}/x", tmp_path, limit) == "file_too_large"
        assert not (tmp_path / "file").exists() or (tmp_path / "file").stat().st_size <= LIMIT


async def test_failures_are_told_without_the_address(
    hass: HomeAssistant, site: Site, tmp_path: Path
) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"x")
        assert request.transport is not None
        request.transport.close()
        return response

    async def missing(_: web.Request) -> web.StreamResponse:
        raise web.HTTPNotFound

    hass.config.allowlist_external_urls = {f"{site.url}/", "http://127.0.0.1:1/"}
    site.answer = cut
    assert await refused(hass, f"{site.url}/x?secret=1", tmp_path) == "url_unreachable"
    (tmp_path / "file").unlink()
    site.answer = missing
    assert await refused(hass, f"{site.url}/x?secret=1", tmp_path) == "url_refused"
    assert await refused(hass, "http://127.0.0.1:1/?secret=1", tmp_path) == "url_unreachable"


LARGE = random.Random(1).randbytes(3_000_000)


@pytest.mark.parametrize(
    ("coding", "pack", "key"),
    [
        ("gzip", gzip.compress, None),
        (
            "x-gzip",
            lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:]) + bytes(64),
            None,
        ),
        ("deflate", zlib.compress, None),
        ("gzip", lambda data: gzip.compress(data)[:-9], "url_cut_off"),
        ("gzip", lambda data: gzip.compress(data)[:2_000_000], "url_cut_off"),
        ("deflate", lambda data: zlib.compress(data)[:-5], "url_cut_off"),
        ("gzip", bytes, "url_cut_off"),
        ("br", bytes, "url_cut_off"),
        ("gzip", lambda _: gzip.compress(bytes(50_000_000)), "file_too_large"),
    ],
)
async def test_a_packed_answer_is_printed_whole_or_not_at_all(
    hass: HomeAssistant,
    site: Site,
    tmp_path: Path,
    coding: str,
    pack: Callable[[bytes], bytes],
    key: str | None,
) -> None:
    """A server may pack although it was asked not to; the length of what it sends says nothing then."""
    body = pack(LARGE)

    async def packed(request: web.Request) -> web.StreamResponse:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(body=body, headers={"Content-Encoding": coding})

    site.answer = packed
    hass.config.allowlist_external_urls = {f"{site.url}/"}
    limit = 4 * LIMIT
    if key is not None:
        assert await refused(hass, f"{site.url}/x?secret=1", tmp_path, limit) == key
        return
    await async_download(hass, f"{site.url}/x", tmp_path / "file", limit)
    assert (tmp_path / "file").read_bytes() == LARGE


async def test_a_name_without_an_address(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_all(monkeypatch)
    assert await refused(hass, "https://documents.example/x", tmp_path) == "url_unreachable"


async def test_a_slow_server_is_given_up(
    hass: HomeAssistant, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()

    async def slow(_: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    site.answer = slow
    monkeypatch.setattr(download, "TIMEOUT", ClientTimeout(total=0.2))
    hass.config.allowlist_external_urls = {f"{site.url}/"}
    assert await refused(hass, f"{site.url}/x", tmp_path) == "url_unreachable"
    released.set()

    async def sends_on(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.12)
        raise web.HTTPFound(f"{request.path}x")

    # Its redirects have no more time together.
    site.answer = sends_on
    assert await refused(hass, f"{site.url}/x", tmp_path) == "url_unreachable"


async def test_every_connection_is_judged_anew(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, socket_enabled: None
) -> None:
    """A name that is public at first and private after a redirect gains nothing."""
    asked: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if request.path == "/document":
            return web.Response(body=PDF)
        raise web.HTTPFound("/document")

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    server_context, client_context = certificate(tmp_path)
    server = TestServer(app, host="127.0.0.1", scheme="https")
    await server.start_server(ssl=server_context)
    monkeypatch.setattr(download, "get_default_context", lambda: client_context)

    verdicts = iter([True, True, True, False])
    # Only names and judgement are staged: no public address leads to this machine.
    answers = resolve_all(monkeypatch, "127.0.0.1")
    monkeypatch.setattr(addresses, "is_public", lambda _: next(verdicts))
    url = f"https://documents.example:{server.port}/redirect"
    await async_download(hass, url, tmp_path / "one", LIMIT)
    assert (tmp_path / "one").read_bytes() == PDF
    assert asked == ["/redirect", "/document"]
    assert answers == ["documents.example"] * 2

    assert await refused(hass, url, tmp_path) == "url_not_public"
    assert asked == ["/redirect", "/document", "/redirect"]
    await server.close()


PUBLIC = (
    *("8.8.8.8", "2400:3200::1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"),
    "2001:470:1f0b::200:5efe:808:808",
)
NOT_PUBLIC = (
    *("10.1.2.3", "100.64.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "233.252.0.1"),
    *("255.255.255.255", "198.18.0.5", "198.19.255.254", "not an address"),
    *("::", "::1", "fe80::1%eth0", "fd00::1", "ff0e::1", "fec0::1", "5f00::1", "2002:7f00:1::"),
    *("::ffff:127.0.0.1", "::127.0.0.1", "::8.8.8.8", "::ffff:0:127.0.0.1", "::ffff:0:808:808"),
    *("64:ff9b::7f00:1", "64:ff9b:1::808:808", "64:ff9b:1:7f00:0:100::"),
    *("2001:470:1f0b::5efe:7f00:1", "2001:470:1f0b::200:5efe:c0a8:101"),
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
)
MADE_UP = ("198.18.0.5", "198.19.255.254", "fc00::5")
NEVER_MADE_UP = ("127.0.0.1", "192.168.1.1", "169.254.169.254", "fd00::1", "fc00:4000::1", "::1")


@pytest.mark.parametrize("address", [*PUBLIC, *NOT_PUBLIC])
def test_public_addresses(address: str) -> None:
    assert is_public(address) is (address in PUBLIC)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "198.17.255.255", *MADE_UP, *NEVER_MADE_UP, "64:ff9b::7f00:1"]
)
async def test_what_a_proxy_makes_up(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Only what is never anything else counts as made up: not this machine, nor the home network."""
    resolve_all(monkeypatch, address)
    for made_up in (False, True):
        allowed = is_public(address) or (made_up and address in MADE_UP)
        with nullcontext() if allowed else pytest.raises(NotPublicError):
            assert await PublicResolver(made_up_allowed=made_up).resolve("pages.example")
