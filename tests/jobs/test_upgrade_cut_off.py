"""The way of earlier versions' folders into the ledger, cut off anywhere: the next start goes on as if it had not been.

The states are those of `test_upgrade_states`. What a power cut leaves of each write to the disk is in
`tests/disk/test_migration.py`.
"""

from contextlib import suppress
from pathlib import Path
import shutil
from typing import Any
from unittest.mock import AsyncMock, patch

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

import custom_components.lianke as integration
from custom_components.lianke.jobs.files import ledger_path, old_path
from custom_components.lianke.jobs.job import RECORD_VERSION, JobState
from custom_components.lianke.jobs.opening import (
    async_close_ledger,
    async_get_ledger,
    async_remove_jobs,
)
from custom_components.lianke.ledger_file import LedgerFile, LedgerRefusedError, Row
from tests.clock import Clock
from tests.jobs.conftest import SUBMIT, OpenShop
from tests.jobs.old_folders import (
    STEPS,
    Written,
    cut_off_anywhere,
    entries,
    lay_out,
    look,
    taken_in,
    together,
    written,
)
from tests.simulator import Simulator

__all__ = ["entries", "written"]

# Maximum number of states in a folder that is cut off at each step: each further one adds a record, and no other step.
FEW = 2


@pytest.mark.parametrize("names", together(), ids=lambda names: f"{names[0]} and {len(names) - 1}")
async def test_it_is_taken_in_as_if_it_had_not_been_cut_off(
    hass: HomeAssistant,
    entries: list[MockConfigEntry],
    clock: Clock,
    tmp_path: Path,
    names: list[str],
) -> None:
    """Every state of every version; those of which few fit into one folder at each step."""
    lay_out(hass, *names)
    whole = await taken_in(hass)
    assert old_path(hass, "test_entry").read_bytes() == b""
    left = [Path(path) for path in whole if path.endswith(("job.json", "other_tasks.json"))]
    # Those are nobody's, and go when their box is set up.
    assert all(str(path.with_name("flushing")) in whole for path in left)
    # The next start finds nothing to do.
    assert await taken_in(hass) == whole
    if len(names) > FEW:
        return
    shutil.rmtree(ledger_path(hass).parent)
    lay_out(hass, *names)
    with cut_off_anywhere(hass, tmp_path / "cut off") as taken:
        assert await taken_in(hass) == whole
    # Both boxes' folders and what stands in their place, the ledger, its transaction, the records of before.
    assert taken.count >= 6 + len(names)
    for number in range(taken.count):
        taken.restore(number)
        assert await taken_in(hass) == whole, number


@pytest.mark.long
async def test_a_start_that_goes_on_is_cut_off_as_well(
    hass: HomeAssistant, entries: list[MockConfigEntry], clock: Clock, tmp_path: Path
) -> None:
    lay_out(hass, "0_3_0 moved_not_ended")
    with cut_off_anywhere(hass, tmp_path / "first") as first:
        whole = await taken_in(hass)
    for number in range(0, first.count, 3):
        first.restore(number)
        with cut_off_anywhere(hass, tmp_path / f"second {number}") as second:
            await taken_in(hass)
        for again in range(second.count):
            second.restore(again)
            assert await taken_in(hass) == whole, (number, again)


async def test_a_full_disk_puts_it_off(
    hass: HomeAssistant, entries: list[MockConfigEntry], clock: Clock
) -> None:
    """Whatever it refuses: the box is set up later, and nothing is lost."""
    name = "0_3_0 moved_not_ended"
    lay_out(hass, name)
    whole = await taken_in(hass)
    shutil.rmtree(ledger_path(hass).parent)
    lay_out(hass, name)

    def refuse(*_: object, **__: object) -> None:
        raise LedgerRefusedError("database or disk is full")

    for kind, step in (*((Path, step) for step in STEPS), (LedgerFile, "write")):
        with patch.object(kind, step, refuse), suppress(OSError):
            await taken_in(hass)
    assert await taken_in(hass) == whole


async def test_what_cannot_be_read_is_set_aside_and_stays(
    hass: HomeAssistant, written: Written, caplog: pytest.LogCaptureFixture
) -> None:
    """It costs one job; what was being made or deleted when the power failed is nobody's."""
    folder = old_path(hass, "test_entry")
    lay_out(hass, "0_3_0 held")
    (good,) = (path for path in folder.iterdir() if path.is_dir())
    for name in ("bad", "large", "part-made", "damaged-before"):
        shutil.copytree(good, folder / name)
    (folder / "bad" / "job.json").write_text("{")
    (folder / "large" / "job.json").write_text(" " * 300_000)
    async with written("0_3_0 held") as (shop, job):
        assert [one.job_id for one in shop.queue.jobs()] == [job.job_id] == [good.name]
        found = {path.name for path in shop.folder.iterdir()}
        assert found == {good.name, "damaged-bad", "damaged-large", "damaged-before"}
        assert (shop.folder / "damaged-bad" / "document.pdf").is_file()
        await shop.until(job, JobState.COMPLETED)
        assert shop.sim.cloud.count(SUBMIT) == 1
    assert caplog.text.count("cannot be read and is set aside") == 2


async def test_what_an_earlier_version_wrote_once_more_joins_the_rest(
    hass: HomeAssistant, entries: list[MockConfigEntry], clock: Clock, tmp_path: Path
) -> None:
    """Somebody deleted the empty file to let it start: both folders' jobs are there, cut off anywhere."""
    lay_out(hass, "0_3_0 held")
    (first,) = (await taken_in(hass))["job test_entry"]
    lay_out(hass, "0_3_0 waits_for_approval")
    with cut_off_anywhere(hass, tmp_path / "cut off") as taken:
        whole = await taken_in(hass)
    assert [job == first for job in whole["job test_entry"]] == [True, False]
    for number in range(taken.count):
        taken.restore(number)
        assert await taken_in(hass) == whole, number


async def test_a_record_that_cannot_be_deleted_keeps_its_box_from_starting(
    hass: HomeAssistant, entries: list[MockConfigEntry], clock: Clock
) -> None:
    """Once its row was forgotten, it would be taken in and print again: the disk takes rows, that folder nothing."""
    lay_out(hass, "0_3_0 held")
    unlink = Path.unlink

    def refuse(path: Path, *args: Any, **more: Any) -> None:
        if path.name == "job.json":
            raise PermissionError("not yours")
        unlink(path, *args, **more)

    with patch.object(Path, "unlink", refuse):
        for _ in range(2):
            with pytest.raises(PermissionError):
                await async_get_ledger(hass)
    (job,) = (await taken_in(hass))["job test_entry"]
    assert job["deliveries"][0]["state"] == "held"
    assert not [*ledger_path(hass).rglob("job.json")]


async def test_an_earlier_version_cannot_use_the_folder(
    hass: HomeAssistant, entries: list[MockConfigEntry], clock: Clock, tmp_path: Path
) -> None:
    """All of them began by making it where it was missing, and did not set up where that failed (K7)."""
    lay_out(hass, "0_3_0 held")
    with cut_off_anywhere(hass, tmp_path / "cut off") as taken:
        whole = await taken_in(hass)
    for entry in entries:
        # Nothing that takes its time comes between the folder's end and the file in its place.
        place = old_path(hass, entry.entry_id).name
        stands = [
            (tmp_path / "cut off" / str(number) / place).exists() for number in range(taken.count)
        ]
        assert stands.count(False) == 1
    for entry in entries:
        with pytest.raises(FileExistsError):
            old_path(hass, entry.entry_id).mkdir(mode=0o700, parents=True, exist_ok=True)
    assert await taken_in(hass) == whole
    # Nothing of it is left once the box is removed.
    for entry in entries:
        await async_remove_jobs(hass, entry.entry_id)
        assert not old_path(hass, entry.entry_id).exists()


async def test_what_a_later_version_wrote_waits_for_it_with_its_document(
    hass: HomeAssistant,
    sim: Simulator,
    entries: list[MockConfigEntry],
    written: Written,
    open_shop: OpenShop,
) -> None:
    sim.box.online = False
    async with written("0_3_0 held") as (shop, job):
        assert shop.queue.get(job.job_id).state is JobState.HELD

    await hass.async_add_executor_job(set_version, hass, RECORD_VERSION, RECORD_VERSION + 1)
    async with open_shop(entry=entries[0]) as shop:
        await shop.switch(online=True)
        await shop.tick(600)
        assert not shop.queue.jobs()
        assert shop.sim.cloud.count(SUBMIT) == 0
    await hass.async_add_executor_job(set_version, hass, RECORD_VERSION + 1, RECORD_VERSION)
    async with open_shop(entry=entries[0]) as shop:
        await shop.until(job, JobState.COMPLETED)
        assert shop.sim.cloud.count(SUBMIT) == 1


@pytest.mark.parametrize("days", [0, 7])
async def test_what_a_later_version_wrote_goes_with_its_box(
    hass: HomeAssistant, entries: list[MockConfigEntry], clock: Clock, days: int
) -> None:
    """However old it is."""
    lay_out(hass, "0_3_0 moved_not_ended", "0_3_0 kept_document")
    whole = await taken_in(hass)
    clock.tick(days * 86400)
    await hass.async_add_executor_job(set_version, hass, RECORD_VERSION, RECORD_VERSION + 1)
    await async_remove_jobs(hass, "test_entry")
    await async_close_ledger(hass)
    left = await hass.async_add_executor_job(look, ledger_path(hass))
    assert whole["job test_entry"]
    assert not left["job test_entry"]
    assert not [path for path in left if path.startswith(("jobs/test_entry/", "test_entry/"))]
    # Those of the other box stay.
    assert [job["job_id"] for job in left["job test_entry_1"]] == [
        job["job_id"] for job in whole["job test_entry_1"]
    ]
    assert [path for path in left if path.startswith("jobs/test_entry_1/")]


async def test_nothing_is_left_of_a_box_that_an_earlier_version_removed(
    hass: HomeAssistant, entries: list[MockConfigEntry], clock: Clock
) -> None:
    """It refuses to set it up, and so somebody removes it there, adds it anew, and updates once more."""
    lay_out(hass, "0_3_0 moved_not_ended")
    whole = await taken_in(hass)
    scans = ledger_path(hass).with_name("scans-test_entry_1") / "one"
    scans.mkdir(parents=True)
    with patch.object(integration, "async_remove_entry", AsyncMock()):
        await hass.config_entries.async_remove("test_entry_1")
    assert [path for path in whole if "test_entry_1" in path and whole[path]]
    left = await taken_in(hass)
    places = ("jobs/test_entry_1/", "test_entry_1")
    kept = {path: found for path, found in whole.items() if not path.startswith(places)}
    assert left == kept | {"job test_entry_1": []}
    assert not scans.parent.exists()
    # The other box is as it was, also at the next start.
    assert await taken_in(hass) == left


async def test_what_a_disabled_box_had_waiting_is_told_at_its_removal(
    hass: HomeAssistant, entries: list[MockConfigEntry], clock: Clock
) -> None:
    """Nothing of it was loaded, and what earlier versions wrote of it never was."""
    for is_new in (True, False):
        lay_out(hass, "0_3_0 held")
        if not is_new:
            await taken_in(hass)
        with patch.object(integration, "async_remove_entry", AsyncMock()):
            await hass.config_entries.async_remove("test_entry")
        (job,) = await async_remove_jobs(hass, "test_entry")
        assert job.state is JobState.HELD
        await async_close_ledger(hass)
        entries[0].add_to_hass(hass)


def set_version(hass: HomeAssistant, old: int, new: int) -> None:
    """Let all records be of another version; blocks."""
    file = LedgerFile(ledger_path(hass))
    changed = {
        key: Row(text.replace(f'"version": {old}', f'"version": {new}'), is_staged=False)
        for key, text in file.open()
    }
    file.write(changed)
    file.close()
