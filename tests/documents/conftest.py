"""A Home Assistant with folders of its own, a spool, and a web site."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.core import HomeAssistant
import pytest

from custom_components.lianke.documents.spool import Spool, async_get_spool
from tests.simulator import make_pdf

PDF = make_pdf(2)


@pytest.fixture
async def spool(hass: HomeAssistant) -> Spool:
    """Return the spool of this Home Assistant."""
    return await async_get_spool(hass)


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Make a media folder that may be read."""
    folder = tmp_path / "media"
    folder.mkdir()
    hass.config.media_dirs = {"local": str(folder)}
    hass.config.allowlist_external_dirs = {str(folder)}
    return folder


@dataclass
class Site:
    """A web site on this machine that remembers what was asked of it."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None


@pytest.fixture
async def site(socket_enabled: None) -> AsyncIterator[Site]:
    """Run a web site that answers with a PDF unless told otherwise."""
    site = Site()

    async def handle(request: web.Request) -> web.StreamResponse:
        site.asked.append(request.path_qs)
        if site.answer is not None:
            return await site.answer(request)
        return web.Response(body=PDF, content_type="application/pdf")

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    site.url = f"http://127.0.0.1:{server.port}"
    yield site
    await server.close()
