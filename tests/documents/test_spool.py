"""The spool: what it keeps, for how long, and what it leaves behind."""

import asyncio
from datetime import timedelta
import os
from pathlib import Path
import shutil
import threading
import time
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.lianke.documents import spool as spool_module
from custom_components.lianke.documents.spool import (
    Spool,
    copy_opened,
    link_or_copy,
    move_file,
    write_bytes,
)
from custom_components.lianke.input_error import InputError
from tests.documents.conftest import make, spooled


class SlowDrawing:
    """A drawing that fails once its document was replaced, as one does whose file is gone."""

    count = 2

    def __init__(self, path: Path) -> None:
        self.path = path
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def async_draw(self, number: int, target: Path) -> None:
        self.begun.set()
        await self.may_end.wait()
        raise OSError("no such file")


async def test_a_picture_under_way_is_the_new_one_once_its_document_is_replaced(
    spool: Spool,
) -> None:
    drawing: Any = SlowDrawing(await spool.async_new_path(".pdf"))
    handle = await spool.async_keep(await make(spool), drawing=drawing)
    asked = asyncio.create_task(spool.async_picture(handle, 2))
    await drawing.begun.wait()
    await spool.async_keep(await make(spool), [b"one", b"two"], handle=handle)
    drawing.may_end.set()
    assert await asked == b"two"
    # What fails by itself is told.
    handle = await spool.async_keep(await make(spool), drawing=drawing)
    with pytest.raises(OSError, match="no such file"):
        await spool.async_picture(handle, 1)


async def test_a_document_that_is_replaced_while_it_is_copied_is_the_new_one(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_go_on = threading.Event(), threading.Event()

    def slow(source: Path, target: Path) -> None:
        begun.set()
        assert may_go_on.wait(timeout=60)
        link_or_copy(source, target)

    monkeypatch.setattr(spool_module, "link_or_copy", slow)
    handle = await spool.async_keep(await make(spool))
    copying = asyncio.create_task(spool.async_copy_kept(handle))
    assert await asyncio.to_thread(begun.wait, 60)
    await spool.async_keep(await make(spool, b"again"), handle=handle)
    may_go_on.set()
    for copy in (await copying, await spool.async_copy_kept(handle)):
        assert copy.path.read_bytes() == b"again"


async def test_two_files_at_once_after_the_last_box_was_removed(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses, delete = iter((0, 0.2)), shutil.rmtree

    def slow(path: Path, ignore_errors: bool) -> None:
        time.sleep(next(pauses, 0))
        delete(path, ignore_errors)

    await spool.async_clear()
    monkeypatch.setattr(shutil, "rmtree", slow)
    for made in await asyncio.gather(make(spool), make(spool)):
        assert made.path.exists()


def leave_something(folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o755, exist_ok=True)
    (folder / "old.pdf").write_text("left behind")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_it_is_private_and_starts_empty(hass: HomeAssistant) -> None:
    folder = Path(hass.config.cache_path("lianke", "spool"))
    leave_something(folder)
    spool = await spool_module.async_get_spool(hass)
    assert spooled(hass) == []
    assert mode(folder) == 0o700
    document = await make(spool)
    assert mode(document.path) == 0o600
    assert await spool_module.async_get_spool(hass) is spool
    assert document.size == 5


async def test_a_kept_document_can_be_taken_again_and_again(spool: Spool) -> None:
    document = await make(spool)
    handle = await spool.async_keep(document, [b"\x89PNG one", b"two"])
    first, second = await spool.async_copy_kept(handle), await spool.async_copy_kept(handle)
    assert len({document.path, first.path, second.path}) == 3
    assert first.path.read_bytes() == b"hello"
    first.path.unlink()
    second.path.unlink()
    assert (await spool.async_copy_kept(handle)).digest == document.digest
    assert await spool.async_picture(handle, 1) == b"\x89PNG one"
    assert await spool.async_picture(handle, 2) == b"two"
    for number in (-1, 0, 3):
        assert await spool.async_picture(handle, number) is None
    assert await spool.async_picture("other", 1) is None


async def test_it_is_gone_after_an_hour(
    hass: HomeAssistant, spool: Spool, freezer: FrozenDateTimeFactory
) -> None:
    first = await spool.async_keep(await make(spool), [b"picture"])
    freezer.tick(timedelta(minutes=30))
    second = await spool.async_keep(await make(spool))
    freezer.tick(timedelta(minutes=31))
    with pytest.raises(InputError, match="document_gone"):
        await spool.async_copy_kept(first)
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert len(spooled(hass)) == 1
    await spool.async_copy_kept(second)
    freezer.tick(timedelta(minutes=31))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    with pytest.raises(InputError, match="document_gone"):
        await spool.async_copy_kept(second)


async def test_number_and_size_are_limited(
    hass: HomeAssistant, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "MAX_SPOOL_DOCUMENTS", 3)
    handles = [await spool.async_keep(await make(spool)) for _ in range(5)]
    assert len(spooled(hass)) == 3
    await spool.async_copy_kept(handles[-1])
    with pytest.raises(InputError, match="document_gone"):
        await spool.async_copy_kept(handles[0])
    monkeypatch.setattr(spool_module, "MAX_SPOOL_BYTES", 12)
    big = await spool.async_keep(await make(spool, b"x" * 100))
    assert (await spool.async_copy_kept(big)).size == 100
    with pytest.raises(InputError, match="document_gone"):
        await spool.async_copy_kept(handles[-1])


async def test_each_user_has_a_share(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many, and however large, one user's documents are: another's stay."""
    monkeypatch.setattr(spool_module, "MAX_SPOOL_DOCUMENTS", 5)
    monkeypatch.setattr(spool_module, "MAX_SPOOL_BYTES", 200)
    mine = [await spool.async_keep(await make(spool), user="a") for _ in range(2)]
    for _ in range(10):
        await spool.async_keep(await make(spool), user="b")
    for _ in range(5):
        large = await spool.async_keep(await make(spool, b"x" * 150), user="b")
    for handle in (*mine, large):
        await spool.async_copy_kept(handle)


async def test_a_file_that_vanished_is_gone(hass: HomeAssistant, spool: Spool) -> None:
    document = await make(spool)
    handle = await spool.async_keep(document, [b"picture"])
    for name in spooled(hass):
        (document.path.parent / name).unlink()
    assert await spool.async_picture(handle, 1) is None
    with pytest.raises(InputError, match="document_gone"):
        await spool.async_copy_kept(handle)


async def test_what_is_forgotten_is_deleted_and_its_copies_are_not(
    hass: HomeAssistant, spool: Spool
) -> None:
    handle = await spool.async_keep(await make(spool), [b"picture"])
    copy = await spool.async_copy_kept(handle)
    for _ in "twice":
        await spool.async_forget(handle)
    assert spooled(hass) == [copy.path.name]
    with pytest.raises(InputError):
        await spool.async_copy_kept(handle)


async def test_without_hard_links_a_copy_is_made(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    taken = await spool.async_copy_kept(await spool.async_keep(await make(spool)))
    assert taken.path.read_bytes() == b"hello"
    assert mode(taken.path) == 0o600


async def test_what_a_broken_call_left_is_swept(
    hass: HomeAssistant, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, young, kept, upload = [await make(spool) for _ in range(4)]
    long_ago = time.time() - timedelta(hours=4).total_seconds()
    for document in (old, kept, upload):
        os.utime(document.path, (long_ago, long_ago))
    # Not so one that is previewed again and again.
    copy = await spool.async_copy_kept(await spool.async_keep(kept))
    # Nor one that was uploaded in the morning and is previewed now.
    previewed = await spool.async_new_path(".prn")
    assert move_file(upload.path, previewed)
    monkeypatch.setattr(spool_module, "SWEEP_INTERVAL", timedelta(0))
    await spool.async_new_path(".x")
    left = (young.path, kept.path, copy.path, previewed)
    assert spooled(hass) == sorted(path.name for path in left)


async def test_a_failed_write_leaves_nothing(hass: HomeAssistant, spool: Spool) -> None:
    def fail(path: Path) -> None:
        write_bytes(path, b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        async with spool.scope():
            await spool.async_write(fail)
    assert spooled(hass) == []


async def test_what_a_scope_lets_go_or_keeps_outlives_it(spool: Spool) -> None:
    async with spool.scope():
        kept, gone, other = [await make(spool) for _ in range(3)]
        handle = await spool.async_keep(kept, [b"picture"])
        spool.release(other.path)
    assert not gone.path.exists()
    assert other.path.exists()
    assert (await spool.async_copy_kept(handle)).digest == kept.digest
    assert await spool.async_picture(handle, 1) == b"picture"


async def test_what_a_scope_sets_off_owns_its_files(spool: Spool) -> None:
    """A job's event, told within a call to print, may start a scan."""
    async with spool.scope():
        scanned = await asyncio.create_task(make(spool))
    assert scanned.path.exists()


def test_a_growing_file_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(3000))
    with (tmp_path / "big").open("rb") as reader:
        with pytest.raises(InputError, match="file_too_large"):
            copy_opened(reader, tmp_path / "copy", 2999, "big")
        reader.seek(0)
        copy_opened(reader, tmp_path / "again", 3000, "big")
    assert (tmp_path / "again").read_bytes() == bytes(3000)


async def test_pictures_count_in_the_limit(
    hass: HomeAssistant, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Previews filled the disk: their pictures were outside of the limit on what is kept."""
    monkeypatch.setattr(spool_module, "MAX_SPOOL_BYTES", 5000)
    handles = [await spool.async_keep(await make(spool), [bytes(1000), bytes(1000)]) for _ in "123"]
    assert await spool.async_picture(handles[0], 1) is None
    with pytest.raises(InputError):
        await spool.async_copy_kept(handles[0])
    assert await spool.async_picture(handles[2], 2) == bytes(1000)
    assert len(spooled(hass)) == 6
