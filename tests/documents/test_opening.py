"""Which local files may be read, whatever links say and whatever changes meanwhile."""

from collections.abc import Callable
import contextlib
import os
from pathlib import Path
import threading

from homeassistant.components.media_player.errors import BrowseError
from homeassistant.components.media_source import (
    Unresolvable,
    async_browse_media,
    async_resolve_media,
)
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.setup import async_setup_component
import pytest

from custom_components.lianke.documents.kinds import SourceKind
from custom_components.lianke.documents.opening import open_allowed
from custom_components.lianke.documents.sources import Source, async_fetch
from custom_components.lianke.documents.spool import Spool
from tests.simulator import make_pdf

SECRET = b"password: hunter2"


@pytest.fixture
def outside(hass: HomeAssistant, media: Path, tmp_path: Path) -> Path:
    """Put secrets beside the media folder, and links to them within."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "private.txt").write_bytes(SECRET)
    config = Path(hass.config.config_dir)
    (config / "secrets.yaml").write_bytes(SECRET)
    (config / ".storage").mkdir(exist_ok=True)
    (config / ".storage" / "auth.txt").write_bytes(SECRET)
    (media / "good.pdf").write_bytes(make_pdf(1))
    (media / "inner.pdf").symlink_to(media / "good.pdf")
    (media / "secrets.yaml").write_bytes(SECRET)
    (media / "yaml.txt").symlink_to(config / "secrets.yaml")
    (media / "auth.txt").symlink_to(config / ".storage" / "auth.txt")
    (media / "private.txt").symlink_to(folder / "private.txt")
    (media / "folder").symlink_to(folder)
    (media / "config").symlink_to(config)
    (media / "round").symlink_to(media / "round")
    return folder


LINKS = (
    "yaml.txt",
    "auth.txt",
    "private.txt",
    "folder/private.txt",
    "config/secrets.yaml",
    "secrets.yaml",
)


async def key(hass: HomeAssistant, spool: Spool, kind: SourceKind, value: str) -> str | None:
    """Return the key of the error that a source gives."""
    try:
        document = await async_fetch(
            hass,
            spool,
            Source(kind=kind, value=value),
            limit_bytes=10**6,
            context=Context(),
            paper=None,
        )
    except ServiceValidationError as err:
        return err.translation_key
    assert SECRET not in document.path.read_bytes()
    await spool.async_discard(document)
    return None


@pytest.mark.parametrize("name", LINKS)
async def test_links_lead_nowhere(
    hass: HomeAssistant, spool: Spool, media: Path, outside: Path, name: str
) -> None:
    """Links in a media folder led to secrets, which were read and sent."""
    assert await async_setup_component(hass, "media_source", {})
    for kind, value in (
        (SourceKind.FILE, str(media / name)),
        (SourceKind.MEDIA, f"media-source://media_source/local/{name}"),
        (SourceKind.MEDIA, f"media-source://lianke/local/{name}"),
    ):
        assert await key(hass, spool, kind, value) == "file_not_allowed"


async def test_links_within_are_followed(
    hass: HomeAssistant, spool: Spool, media: Path, outside: Path
) -> None:
    assert await key(hass, spool, SourceKind.FILE, str(media / "inner.pdf")) is None
    assert await key(hass, spool, SourceKind.FILE, str(media / "round")) == "file_not_found"


async def test_secrets_are_never_printed(
    hass: HomeAssistant, spool: Spool, media: Path, outside: Path
) -> None:
    """Not even where the whole configuration may be read."""
    config = Path(hass.config.config_dir)
    hass.config.allowlist_external_dirs = {str(config), str(media)}
    (config / "note.txt").write_text("note")
    assert await key(hass, spool, SourceKind.FILE, "note.txt") is None
    for name in ("secrets.yaml", ".storage/auth.txt", str(media / "yaml.txt")):
        assert await key(hass, spool, SourceKind.FILE, name) == "file_not_allowed"


async def test_the_media_browser_shows_no_such_links(
    hass: HomeAssistant, media: Path, outside: Path
) -> None:
    assert await async_setup_component(hass, "lianke", {})
    assert await async_setup_component(hass, "media_source", {})
    root = await async_browse_media(hass, "media-source://lianke/local")
    assert {child.title for child in root.children or []} == {"good.pdf", "inner.pdf"}
    for name in ("folder", "config", "round"):
        with pytest.raises(BrowseError):
            await async_browse_media(hass, f"media-source://lianke/local/{name}")
    for name in LINKS:
        with pytest.raises(Unresolvable):
            await async_resolve_media(hass, f"media-source://lianke/local/{name}", None)


@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_swapping_a_file_and_a_link_gains_nothing(tmp_path: Path, swapped: str) -> None:
    """Of 600 tries at reading a file that became a link meanwhile, 12 read the secret."""
    media, outside = tmp_path / "media", tmp_path / "outside"
    for folder, content in ((media / "a", b"public"), (outside, SECRET)):
        folder.mkdir(parents=True)
        (folder / "x.txt").write_bytes(content)
    stop = threading.Event()

    def swap(target: Path, link_to: Path, real: Path) -> None:
        link = tmp_path / "link"
        while not stop.is_set():
            link.unlink(missing_ok=True)
            link.symlink_to(link_to)
            link.replace(target)
            target.unlink()
            os.link(real, target)

    def swap_folder() -> None:
        target, kept = media / "a", media / "kept"
        while not stop.is_set():
            target.rename(kept)
            target.symlink_to(outside)
            target.unlink()
            kept.rename(target)

    real = tmp_path / "real.txt"
    real.write_bytes(b"public")
    work: Callable[[], None] = (
        swap_folder
        if swapped == "folder"
        else lambda: swap(media / "a" / "x.txt", outside / "x.txt", real)
    )
    thread = threading.Thread(target=work)
    thread.start()
    read = []
    try:
        for _ in range(4000):
            with (
                contextlib.suppress(ServiceValidationError),
                open_allowed(media / "a" / "x.txt", (media,), str(tmp_path / "config")) as file,
            ):
                read.append(file.read())
    finally:
        stop.set()
        thread.join()
    assert set(read) == {b"public"}
