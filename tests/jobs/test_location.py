"""A whole copy of the configuration folder: waiting jobs print in one home only."""

import json
from pathlib import Path
import shutil
from unittest.mock import patch

from homeassistant.core import Context
import pytest

from custom_components.lianke import ledger
from custom_components.lianke.jobs.files import ledger_path
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.location import MARKER_NAME, is_copied, record_location
from custom_components.lianke.ledger_file import LedgerFile
from custom_components.lianke.printing.builder import async_print_again
from tests.clock import until
from tests.jobs.conftest import OpenShop, full


def bring_elsewhere(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy a folder as a snapshot or rsync brings it to another host: every file is a new one."""
    shutil.copytree(root, root.with_name("copy"))
    shutil.rmtree(root)
    root.with_name("copy").rename(root)
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")


async def test_held_jobs_of_a_copied_folder_wait_for_a_person(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_shop() as shop:
        await shop.switch(online=False)
        job, other = await shop.submit(), await shop.submit()
        entry, root = shop.entry, ledger_path(shop.hass)
    bring_elsewhere(root, monkeypatch)
    for _ in range(2):
        # Also after one more restart.
        async with open_shop(entry=entry) as shop:
            await shop.switch(online=True)
            await shop.tick(120)
            reported = shop.queue.get(job.job_id)
            assert (reported.state, reported.present.hold_reason) == (JobState.HELD, "copied")
            assert reported.can_retry
            assert not shop.sim.cloud.tasks
    async with open_shop(entry=entry) as shop:
        again = await async_print_again(shop.queue, job, Context())
        assert again.job_id == job.job_id
        await shop.until(job, JobState.COMPLETED)
        assert len(shop.sim.cloud.printed) == 1
        # The other one waits on, and expires.
        shop.clock.tick(13 * 3600)
        await shop.until(other, JobState.EXPIRED)
        # What is taken here prints here.
        await shop.until(await shop.submit(), JobState.COMPLETED)


async def test_a_copy_whose_disk_refuses_prints_nothing_either(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_shop() as shop:
        await shop.switch(online=False)
        job = await shop.submit()
        entry, root = shop.entry, ledger_path(shop.hass)
    bring_elsewhere(root, monkeypatch)
    monkeypatch.setattr(ledger, "CLOSE_TIME", 0.1)
    with patch.object(LedgerFile, "write", full):
        async with open_shop(entry=entry) as shop:
            await shop.switch(online=True)
            await shop.tick(120)
            assert (current := shop.queue.find(job.job_id)) is not None
            assert current.copied
            assert not shop.sim.cloud.count("POST /print/job")
    # It still counts as a copy.
    async with open_shop(entry=entry) as shop:
        await until(lambda: shop.queue.get(job.job_id).present.hold_reason == "copied")
        await shop.tick(120)
        assert not shop.sim.cloud.tasks


def noted(root: Path) -> dict[str, object]:
    """Return what the marker says."""
    found = json.loads((root / MARKER_NAME).read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def test_what_is_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "jobs"
    root.mkdir()
    # Version 0.1.0 had no marker.
    assert not is_copied(root)
    record_location(root)
    assert not is_copied(root)
    moved = tmp_path / "moved"
    root.rename(moved)
    assert not is_copied(moved)
    with monkeypatch.context() as patched:
        # A container that was made anew.
        patched.setattr("socket.gethostname", lambda: "3f2a9c0d11aa")
        assert not is_copied(moved)
        record_location(moved)
        assert noted(moved)["host"] == "3f2a9c0d11aa"
        assert not is_copied(moved)
        # A file system that numbers its files anew at each start.
        (moved / MARKER_NAME).write_text(json.dumps(noted(moved) | {"inode": 1}), "utf-8")
        assert not is_copied(moved)
    assert is_copied(moved)
    for damaged in ("", "[]", "{", "[" * 100_000):
        (moved / MARKER_NAME).write_text(damaged, "utf-8")
        assert not is_copied(moved)
