"""A disk that is full: the user is told so, and nothing is left behind."""

from collections.abc import Callable
import errno
import os
from pathlib import Path
from typing import BinaryIO

from aiohttp import web
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.lianke.documents.document import SourceKind
from custom_components.lianke.documents.spool import Spool, copy_opened
from custom_components.lianke.input_error import InputError
from tests.documents.conftest import fetched, spooled
from tests.documents.samples import picture
from tests.household import Site
from tests.simulator import make_pdf

# Takes nothing, as the system tells it: at the first write, or when the file is closed.
FULL = Path("/dev/full")
LIMIT = 4 * 1024 * 1024

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")

type Fill = Callable[[str], None]


@pytest.fixture
def fill(monkeypatch: pytest.MonkeyPatch, spool: Spool) -> Fill:
    """Return what fills the disk for new files whose names end like that."""
    real = os.open

    def fill(suffix: str) -> None:
        def opened(path: str | Path, flags: int, mode: int = 0o777, **more: int) -> int:
            descriptor = real(path, flags, mode, **more)
            if Path(path).parent.name == "spool" and Path(path).name.endswith(suffix):
                os.close(descriptor)
                return real(FULL, os.O_WRONLY)
            return descriptor

        monkeypatch.setattr(os, "open", opened)

    return fill


def is_full(err: HomeAssistantError) -> bool:
    return err.translation_key == "disk_full"


@pytest.mark.parametrize("raw", [False, True])
async def test_text(hass: HomeAssistant, spool: Spool, fill: Fill, raw: bool) -> None:
    fill("")
    with pytest.raises(HomeAssistantError, check=is_full):
        await fetched(hass, spool, SourceKind.TEXT, "hello", raw=raw)
    assert spooled(hass) == []


@pytest.mark.parametrize(
    ("make", "suffix"),
    [
        pytest.param(lambda: make_pdf(1), ".part", id="small"),
        pytest.param(lambda: make_pdf(1) + bytes(3 * 1024 * 1024), ".part", id="large"),
        pytest.param(lambda: picture("WEBP"), ".converted", id="to-png"),
        pytest.param(lambda: picture("WEBP", (2400, 2000)), ".converted", id="to-jpeg"),
    ],
)
async def test_file(
    hass: HomeAssistant,
    spool: Spool,
    media: Path,
    fill: Fill,
    make: Callable[[], bytes],
    suffix: str,
) -> None:
    (media / "file").write_bytes(make())
    fill(suffix)
    with pytest.raises(HomeAssistantError, check=is_full):
        await fetched(hass, spool, SourceKind.FILE, str(media / "file"))
    assert spooled(hass) == []


@pytest.mark.parametrize("size", [100, 3 * 1024 * 1024])
async def test_web_address(
    hass: HomeAssistant, spool: Spool, site: Site, fill: Fill, size: int
) -> None:
    hass.config.allowlist_external_urls = {f"{site.url}/"}
    body = bytes(size)

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body)

    site.answer = answer
    fill(".part")
    with pytest.raises(HomeAssistantError, check=is_full):
        await fetched(hass, spool, SourceKind.URL, f"{site.url}/x.pdf")
    assert spooled(hass) == []


async def test_no_file_can_be_made(
    hass: HomeAssistant, spool: Spool, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> BinaryIO:
        raise OSError(errno.ENOSPC, "No space left on device")

    hass.config.allowlist_external_urls = {f"{site.url}/"}
    for module in ("spool", "download"):
        monkeypatch.setattr(f"custom_components.lianke.documents.{module}.open_private", refuse)
    for kind, value in ((SourceKind.TEXT, "hello"), (SourceKind.URL, f"{site.url}/x.pdf")):
        with pytest.raises(HomeAssistantError, check=is_full):
            await fetched(hass, spool, kind, value)
    assert spooled(hass) == []


async def test_pictures_of_a_kept_document(hass: HomeAssistant, spool: Spool, fill: Fill) -> None:
    document = await fetched(hass, spool, SourceKind.TEXT, "hello")
    fill(".picture")
    with pytest.raises(HomeAssistantError, check=is_full):
        async with spool.scope(document.path):
            await spool.async_keep(document, [b"one", b"two"])
    assert spooled(hass) == []


async def test_a_copy_of_a_kept_document(
    hass: HomeAssistant, spool: Spool, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    document = await fetched(hass, spool, SourceKind.TEXT, "hello")
    handle = await spool.async_keep(document)
    monkeypatch.setattr(os, "link", refuse)
    fill("")
    with pytest.raises(HomeAssistantError, check=is_full):
        await fetched(hass, spool, SourceKind.DOCUMENT, handle)
    assert spooled(hass) == [document.path.name]


def test_a_source_that_breaks_off_is_no_full_disk(tmp_path: Path) -> None:
    # It can be opened, but not read from its start.
    with Path("/proc/self/mem").open("rb") as reader, pytest.raises(InputError) as raised:
        copy_opened(reader, tmp_path / "copy", LIMIT, "x")
    assert raised.value.reason == "document_unreadable"


async def test_the_folder_cannot_be_made(hass: HomeAssistant, spool: Spool) -> None:
    await spool.async_clear()
    folder = Path(hass.config.cache_path("lianke"))

    def block() -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.touch()

    await hass.async_add_executor_job(block)
    with pytest.raises(HomeAssistantError, check=is_full):
        await spool.async_new_path(".part")
    await hass.async_add_executor_job(folder.unlink)
    await spool.async_new_path(".part")
    assert spooled(hass) == []
