"""What is told as kept is kept, and what is told to be under way has somebody who brings it to its end."""

import asyncio
from collections.abc import Mapping
import os
from pathlib import Path
import shutil
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_connect
import pytest

from custom_components.lianke.documents import completeness, folders
from custom_components.lianke.documents.pdf_client import PdfError
from custom_components.lianke.jobs.opening import async_get_ledger
from custom_components.lianke.ledger import RecordChange
from custom_components.lianke.ledger_file import LedgerFile, LedgerRefusedError, Row, RowKey
from custom_components.lianke.scanner import scan, scan_jobs, scan_rules
from custom_components.lianke.scanner.hub import async_get_hub
from custom_components.lianke.scanner.scan_job import ScanJob, ScanState, ScanUpdate
from custom_components.lianke.scanner.scan_jobs import SIGNAL_SCAN, async_get_scan_jobs
from tests.clock import rest, until
from tests.household import House, refusal
from tests.ledger.things import refusing_disk
from tests.scanner.scans import (
    do,
    hold,
    last,
    media_folder,
    over,
    records,
    restart,
    rewrite,
    say,
    under_way,
)
from tests.simulator import Fault
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")


async def test_whoever_asks_for_a_scan_goes(house: House, laser: Printer) -> None:
    """As an automation that is started anew: what was begun comes to its end, and the scanner is free again."""
    scans = async_get_scan_jobs(house.hass, house.entry)
    asking = house.hass.async_create_task(do(house, laser))
    await until(lambda: scans.unfinished_job(str(laser.id)))
    asking.cancel()
    await over(house)
    assert (last(house).state, len(laser.scanned)) == ("completed", 1)


@pytest.mark.parametrize("problem", ["hangs", "none"])
async def test_a_scan_whose_discard_the_disk_refuses_goes_on(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    monkeypatch.setattr(scan_jobs, "GLASS_SECONDS", 1200)
    house.cloud.variants.update(scan_problem=problem)
    await do(house, laser, several_pages=True, wait=problem == "none")
    await until(lambda: last(house).task_id or last(house).is_waiting)
    with refusing_disk(await async_get_ledger(house.hass)):
        discard = say(house, laser, "discard")
        assert await refusal(discard, HomeAssistantError) == "disk_full"
    await over(house)
    [made] = house.cloud.scans.values()
    # One that hangs is given up once its time is over.
    ended = ("failed", False) if problem == "hangs" else ("completed", False)
    assert (last(house).state, made.deleted_early) == ended


async def test_a_box_that_is_loaded_anew_while_a_scan_is_copied(
    house: House, laser: Printer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a share that takes its time: the file stays, once it is told to be there."""
    folder = media_folder(house, tmp_path)
    copying, go_on = hold(monkeypatch, folders, "copy_all")
    await do(house, laser, folder="local", filename="a", wait=False)
    await until(copying.is_set)
    reload = house.hass.async_create_task(
        house.hass.config_entries.async_reload(house.entry.entry_id)
    )
    await over(house)
    go_on.set()
    await reload
    await rest(house.hass)
    assert (last(house).state, [*folder.iterdir()]) == ("completed", [folder / "a.pdf"])


async def test_a_scan_that_has_begun_is_no_failure_because_an_older_one_cannot_be_deleted(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever heard of an error pressed again, while the scanner was at work."""
    monkeypatch.setattr(scan_rules, "MAX_KEPT_SCANS", 1)
    kept = [(await do(house, laser))["scan_id"] for _ in range(2)]

    def fails(*_args: Any) -> None:
        raise OSError("input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(scan_jobs, "sizes_of", fails)
        answer = await do(house, laser)
    assert answer["state"] == "completed"
    assert {job.job_id for job in records(house)} == {*kept, answer["scan_id"]}
    await async_get_scan_jobs(house.hass, house.entry).async_prune()
    assert [job.job_id for job in records(house)] == [answer["scan_id"]]


async def test_two_scans_of_one_scanner_are_taken_up(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that a full disk has left at the service, and one that was under way when the power went."""

    def full(*_args: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(shutil, "move", full)
    laser.glass = "one"
    assert (await do(house, laser))["reason"] == "scan_not_kept"
    monkeypatch.undo()
    laser.glass = "two"
    await do(house, laser, wait=False)
    await under_way(house)
    await restart(house)
    await until(lambda: [job.state for job in records(house)] == ["completed"] * 2)
    assert [len(job.pages) for job in records(house)] == [1, 1]
    assert laser.scanned == ["one", "two"]


async def test_a_copy_that_is_told_to_have_failed_is_never_printed(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk refuses its print, and all that comes after that for a while."""
    write, left = LedgerFile.write, 3

    def refuse(self: LedgerFile, rows: Mapping[RowKey, Row | None]) -> None:
        nonlocal left
        if left < 3 or (left and any(key.kind == "job" for key in rows)):
            left -= left > 0
            if left or rows:
                raise LedgerRefusedError("the disk is full")
        write(self, rows)

    monkeypatch.setattr(LedgerFile, "write", refuse)
    asking = house.hass.async_create_task(do(house, laser, "copy", size="A4"))
    await until(lambda: left == 0)
    monkeypatch.undo()
    answer = await asking
    assert (answer["state"], answer["print_jobs"]) == ("failed", [])
    await restart(house)
    assert [(job.state, job.reason) for job in records(house)] == [("failed", answer["reason"])]
    await rest(house.hass)
    assert (house.printed, house.queue.jobs(), laser.scanned) == ([], [], [laser.glass])


async def test_a_box_that_is_loaded_anew_while_an_answer_is_written(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next instance goes on by it, and no page of either is lost."""
    laser.glass = "one"
    await do(house, laser, several_pages=True)

    def is_of_a_scan(_file: LedgerFile, rows: Mapping[RowKey, Row | None]) -> bool:
        return any(key.kind == "scan" for key in rows)

    writing, go_on = hold(monkeypatch, LedgerFile, "write", is_of_a_scan)
    laser.glass = "two"
    asking = house.hass.async_create_task(say(house, laser, "next"))
    await until(writing.is_set)
    reload = house.hass.async_create_task(
        house.hass.config_entries.async_reload(house.entry.entry_id)
    )
    await asyncio.sleep(0)
    go_on.set()
    await reload
    # It was about to begin; nobody knows whether the page still lies there.
    assert ((await asking)["state"], (await asking)["reason"]) == ("waiting", "scan_not_begun")
    await say(house, laser, "next")
    done = await say(house, laser, "finish")
    assert (done["state"], done["pages"], laser.scanned) == ("completed", 2, ["one", "two"])


async def test_whoever_waits_for_a_scan_hears_of_its_end_over_a_reload(
    house: House, laser: Printer
) -> None:
    asking = house.hass.async_create_task(do(house, laser))
    await under_way(house)
    await house.hass.config_entries.async_reload(house.entry.entry_id)
    answer = await asking
    assert (answer["state"], len(answer["files"])) == ("completed", 1)


async def test_a_file_is_put_into_its_folder_once(
    house: House, laser: Printer, tmp_path: Path
) -> None:
    """Although the power goes when it is there, before that is on disk; its name was before."""
    folder = media_folder(house, tmp_path)
    answer = await do(house, laser, folder="local", filename="a")
    await rewrite(house, answer["scan_id"], state=ScanState.FINISHING, is_copied=False)
    await restart(house)
    await over(house)
    assert (last(house).state, [*folder.iterdir()]) == ("completed", [folder / "a.pdf"])


async def test_a_page_that_is_looked_at_while_the_box_is_loaded_anew_is_kept(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that looks at it ends with the box."""
    check, began = completeness.async_check_complete, asyncio.Event()

    async def ends(*args: Any, **more: Any) -> int:
        if began.is_set():
            return await check(*args, **more)
        began.set()
        await until(lambda: house.entry.state is not ConfigEntryState.LOADED)
        raise PdfError("unavailable")

    assert "unavailable" in completeness.UNCHECKED_REASONS
    monkeypatch.setattr(scan, "async_check_complete", ends)
    monkeypatch.setattr(scan, "FETCHES", 1)
    await do(house, laser, wait=False)
    await began.wait()
    await house.hass.config_entries.async_reload(house.entry.entry_id)
    job = await over(house)
    assert (job.state, job.reason) == ("completed", None)


async def test_a_scan_that_meets_an_error_nobody_expects_is_not_under_way_for_ever(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has failed, the log says why, and its page is taken up at the next start."""

    async def fails(*_args: Any, **_more: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(scan, "async_check_complete", fails)
    answer = await do(house, laser)
    assert (answer["state"], answer["reason"]) == ("failed", "scan_not_kept")
    assert not async_get_hub(house.hass, house.entry).is_in_use(str(laser.id))
    monkeypatch.undo()
    await house.hass.config_entries.async_reload(house.entry.entry_id)
    await until(lambda: last(house).state == "completed")
    assert (len(last(house).pages), len(laser.scanned)) == (1, 1)


async def test_pages_are_on_disk_before_they_are_told_of(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As much as that they are: a power cut leaves what was flushed."""
    flushed: set[tuple[str, int]] = set()
    fsync = os.fsync

    def note(descriptor: int) -> None:
        fsync(descriptor)
        seen = os.fstat(descriptor)
        flushed.add((str(Path(f"/proc/self/fd/{descriptor}").readlink()), seen.st_size))

    monkeypatch.setattr(os, "fsync", note)
    kept = async_get_scan_jobs(house.hass, house.entry)
    lies: list[str] = []

    def look(step: RecordChange[ScanJob]) -> None:
        if (job := step.new) is None:
            return
        for path in (kept.path(job, name) for name in (*job.pages, *job.files)):
            is_there = path.exists()
            if is_there and (str(path), path.stat().st_size) not in flushed:
                lies.append(path.name)

    stop = (await async_get_ledger(house.hass)).listen(kept.table, look)
    await do(house, laser, several_pages=True, straighten=True)
    await say(house, laser, "change", straighten=True)
    await say(house, laser, "next")
    await say(house, laser, "finish")
    await do(house, laser, format="jpeg")
    stop()
    assert flushed
    assert not lies


async def test_an_end_that_came_on_disk_between_two_instances_is_told(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where an action waits for it all the while, which tells nobody."""
    told: list[ScanUpdate] = []
    stop = async_dispatcher_connect(house.hass, SIGNAL_SCAN, told.append)
    house.cloud.variants.update(scan_problem="hangs")
    asking = house.hass.async_create_task(do(house, laser))
    await under_way(house)
    setup, [job] = house.hass.config_entries.async_setup, records(house)
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    await rewrite(house, job.job_id, state=ScanState.FAILED, reason="scan_given_up")
    assert not told
    assert await setup(house.entry.entry_id)
    await until(lambda: told)
    assert [(one.job.state, one.job.reason) for one in told] == [("failed", "scan_given_up")]
    assert (await asking)["reason"] == "scan_given_up"
    stop()


async def test_a_page_that_a_full_disk_has_given_up_is_told_of_when_the_others_are_taken_up(
    house: House, laser: Printer
) -> None:
    """The scan is not completed without it: somebody may lay it on the glass again."""
    laser.glass = "one"
    waiting = await do(house, laser, several_pages=True)
    given_up = {"state": ScanState.FAILED, "reason": "scan_not_kept", "asked": True}
    await rewrite(house, waiting["scan_id"], **given_up)
    await restart(house)
    await until(lambda: last(house).is_waiting)
    assert last(house).reason == "scan_in_doubt"
    laser.glass = "two"
    await say(house, laser, "next")
    done = await say(house, laser, "finish")
    assert (done["state"], done["pages"]) == ("completed", 2)


@pytest.mark.parametrize("way", ["reload", "restart", "away", "more"])
async def test_a_scan_that_the_service_was_still_to_forget(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Whatever cut that off, it is asked after the next start; not if more has come since."""
    hub, cloud = async_get_hub(house.hass, house.entry), house.cloud
    monkeypatch.setattr(scan, "FORGET_PAUSE", 10**9)
    laser.feeder = ["one", "two"]
    assert (await do(house, laser, source="feeder"))["pages"] == 2
    [made] = cloud.scans.values()
    assert (len(hub.to_forget), made.deleted) == (1, False)
    if way == "more":
        made.files.append(made.files[0])
        made.shown += 1
    elif way == "away":
        cloud.fail("GET /scanning/job", Fault(kind="reset_before"), times=2)
        cloud.fail("DELETE /scanning/job", Fault(kind="reset_before"))
    if way == "restart":
        await restart(house)
    else:
        await house.hass.config_entries.async_reload(house.entry.entry_id)
    await until(lambda: not async_get_hub(house.hass, house.entry).to_forget)
    assert made.deleted is (way != "more")
