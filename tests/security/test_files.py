"""Which local files can be printed or shown: whatever links say, and whatever changes meanwhile."""

from collections.abc import Callable
import contextlib
import itertools
import os
from pathlib import Path
import socket
import threading
import time
from typing import Any

from homeassistant.components.media_player.errors import BrowseError
from homeassistant.components.media_source import (
    Unresolvable,
    async_browse_media,
    async_resolve_media,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.documents.local_files import open_allowed
from custom_components.lianke.input_error import InputError
from tests.household import ask, came_out, data_of, device_of, make_media, sent, without_shares
from tests.simulator import Simulator, make_pdf

SECRET = b"password: hunter2"


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Make a media folder, secrets beside it, and ways within it that lead there."""
    media, outside = make_media(hass, tmp_path / "media"), tmp_path / "outside"
    outside.mkdir()
    (outside / "private.txt").write_bytes(SECRET)
    config = Path(hass.config.config_dir)
    (config / "secrets.yaml").write_bytes(SECRET)
    for folder in (".storage", ".cloud"):
        (config / folder).mkdir(exist_ok=True)
        (config / folder / "auth.txt").write_bytes(SECRET)
    (media / "good.pdf").write_bytes(make_pdf(1))
    (media / "inner.pdf").symlink_to(media / "good.pdf")
    (media / "secrets.yaml").write_bytes(SECRET)
    (media / "yaml.txt").symlink_to(config / "secrets.yaml")
    (media / "twice.txt").symlink_to(media / "yaml.txt")
    (media / "relative.txt").symlink_to("../outside/private.txt")
    (media / "auth.txt").symlink_to(config / ".storage" / "auth.txt")
    (media / "cloud.txt").symlink_to(config / ".cloud" / "auth.txt")
    (media / "private.txt").symlink_to(outside / "private.txt")
    (media / "folder").symlink_to(outside)
    (media / "config").symlink_to(config)
    (media / "zero.txt").symlink_to("/dev/zero")
    (media / "process.txt").symlink_to("/proc/self/environ")
    (media / "nowhere.txt").symlink_to(media / "missing.txt")
    (media / "round").symlink_to(media / "round")
    (media / "empty folder").mkdir()
    os.mkfifo(media / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(media / "socket.txt"))
    return media


# Within the media folder: as a path, as media, and as media of our own source.
WITHIN = {
    "yaml.txt": "file_not_allowed",
    "twice.txt": "file_not_allowed",
    "relative.txt": "file_not_allowed",
    "auth.txt": "file_not_allowed",
    "cloud.txt": "file_not_allowed",
    "private.txt": "file_not_allowed",
    "folder/private.txt": "file_not_allowed",
    "config/secrets.yaml": "file_not_allowed",
    "config/.storage/auth.txt": "file_not_allowed",
    "secrets.yaml": "file_not_allowed",
    "zero.txt": "file_not_allowed",
    "process.txt": "file_not_allowed",
    "nowhere.txt": "file_not_found",
    "round": "file_not_found",
    "empty folder": "file_not_found",
    "pipe.txt": "file_not_found",
    "socket.txt": "file_not_found",
}
# Of any kind of source.
ELSEWHERE: list[tuple[dict[str, str], str]] = [
    ({"file": "secrets.yaml"}, "file_not_allowed"),
    ({"file": ".storage/auth.txt"}, "file_not_allowed"),
    ({"file": "configuration.yaml"}, "file_not_allowed"),
    ({"file": "MEDIA/../outside/private.txt"}, "file_not_allowed"),
    ({"file": "MEDIA/folder/../private.txt"}, "file_not_allowed"),
    ({"file": "/etc/passwd"}, "file_not_allowed"),
    ({"file": "/dev/zero"}, "file_not_allowed"),
    ({"file": "/dev/tty"}, "file_not_allowed"),
    ({"file": "/proc/self/environ"}, "file_not_allowed"),
    ({"file": "/proc/self/root/etc/passwd"}, "file_not_allowed"),
    ({"file": "file:///etc/passwd"}, "file_not_allowed"),
    ({"file": "MEDIA/nul\0.pdf"}, "file_not_found"),
    ({"file": "MEDIA/" + "x" * 5000}, "file_not_found"),
    ({"file": "MEDIA/good.pdf/x"}, "file_not_found"),
]


async def outcome(hass: HomeAssistant, action: str, **data: Any) -> str:
    """Return the key of the error that an action ends with; it shows nothing of a secret."""
    with pytest.raises(HomeAssistantError) as refused:
        await ask(hass, action, device_id=device_of(hass), **data)
    reported = str(refused.value.translation_placeholders)
    assert "hunter2" not in reported
    assert "outside" not in reported
    return refused.value.translation_key or ""


@pytest.mark.parametrize("action", ["print", "preview"])
async def test_ways_that_lead_elsewhere(
    hass: HomeAssistant,
    setup: MockConfigEntry,
    simulator: Simulator,
    media: Path,
    action: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Links in a media folder led to secrets, which were read and sent."""
    without_shares(setup, monkeypatch)
    assert await async_setup_component(hass, "media_source", {})
    cases = [
        ({kind: value.replace("MEDIA", str(media)) for kind, value in data.items()}, key)
        for data, key in ELSEWHERE
    ]
    for name, key in WITHIN.items():
        cases += [
            ({"file": str(media / name)}, key),
            ({"media": f"media-source://media_source/local/{name}"}, key),
            ({"media": f"media-source://lianke/local/{name}"}, key),
        ]
    found = [(source, await outcome(hass, action, **source)) for source, _ in cases]
    assert [case for case in found if case not in cases] == []
    assert sent(simulator) == 0
    assert data_of(setup).queue.jobs() == []


async def test_devices_where_they_may_be_read(
    hass: HomeAssistant, setup: MockConfigEntry, simulator: Simulator
) -> None:
    """Even then a device is no document: it has no end."""
    hass.config.allowlist_external_dirs = {"/dev"}
    for path in ("/dev/zero", "/dev/null", "/dev/random"):
        assert await outcome(hass, "print", file=path) == "file_not_found"
    assert sent(simulator) == 0


async def test_secrets_where_everything_may_be_read(
    hass: HomeAssistant, setup: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    config = Path(hass.config.config_dir)
    hass.config.allowlist_external_dirs = {str(config), str(media)}
    for name in (
        "secrets.yaml",
        ".storage/auth.txt",
        ".storage/../.storage/auth.txt",
        ".cloud/auth.txt",
        str(media / "yaml.txt"),
        str(media / "config" / "secrets.yaml"),
    ):
        assert await outcome(hass, "print", file=name) == "file_not_allowed"
    assert sent(simulator) == 0


async def test_links_within_are_followed(
    hass: HomeAssistant, setup: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    await ask(hass, "print", device_id=device_of(hass), file=str(media / "inner.pdf"))
    [printed] = await came_out(simulator)
    assert printed.path.read_bytes() == make_pdf(1)


async def test_names_with_characters_that_are_none(
    hass: HomeAssistant,
    setup: MockConfigEntry,
    simulator: Simulator,
    media: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A name cannot end a line of the form or of the log, nor turn what follows it."""
    name = 'a\r\nX-Key: 1\x1b[31m\u202e"fdp.\x7f.pdf'
    (media / name).write_bytes(make_pdf(1))
    await ask(hass, "print", device_id=device_of(hass), file=str(media / name))
    [printed] = await came_out(simulator)
    job = data_of(setup).queue.jobs()[0]
    for text in (printed.name, job.spec.title, job.current_delivery.document.name):
        assert text.isprintable(), repr(text)
    ours = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("custom_components.lianke")
    ]
    assert not any("\x1b" in line or "\u202e" in line for line in ours)


async def test_the_media_browser_shows_no_such_ways(hass: HomeAssistant, media: Path) -> None:
    assert await async_setup_component(hass, "lianke", {})
    assert await async_setup_component(hass, "media_source", {})
    root = await async_browse_media(hass, "media-source://lianke/local")
    shown = {child.title for child in root.children or []}
    assert shown == {"good.pdf", "inner.pdf", "菜单.pdf", "empty folder"}
    for name in ("folder", "config", "round"):
        with pytest.raises(BrowseError):
            await async_browse_media(hass, f"media-source://lianke/local/{name}")
    for name in WITHIN:
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
    read: list[bytes] = []
    patience = time.monotonic() + 60
    try:
        # The thread may be halted while the way in is away: it is tried until it is there again.
        for tries in itertools.count():
            if (tries >= 4000 and len(read) >= 100) or time.monotonic() > patience:
                break
            with (
                contextlib.suppress(InputError),
                open_allowed(media / "a" / "x.txt", (media,), str(tmp_path / "config")) as file,
            ):
                read.append(file.read())
    finally:
        stop.set()
        thread.join()
    assert set(read) == {b"public"}
