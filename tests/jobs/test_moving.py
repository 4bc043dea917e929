"""Held jobs at another printer: each comes out once, whatever is cut off in between."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
import shutil
from threading import Lock
from typing import Any
from unittest.mock import patch

from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.const import CONF_APPROVAL_PRINTERS
from custom_components.lianke.documents.spool import sync_path
from custom_components.lianke.errors import InputError
from custom_components.lianke.jobs import retention, store
from custom_components.lianke.jobs.job import Asker, Job, JobState, Origin
from custom_components.lianke.jobs.retention import to_forget
from custom_components.lianke.jobs.retry import Changes
from tests.jobs.conftest import SUBMIT, OpenShop, Shop, refusal
from tests.power_cut import copy_moment
from tests.simulator.faults import Fault

# The small laser of the first box, and the printer of the second one.
SMALL = 4
HOME = 1


def changes(shop: Shop, port: int) -> Changes:
    """Return how to print on the printer at a port."""
    return Changes(printer_key=shop.key(port), options=shop.options(port=port), requested={})


async def held(shop: Shop, **wishes: Any) -> Job:
    """Return a job that waits because the box is off."""
    await shop.switch(online=False)
    job = await shop.submit(**wishes)
    assert job.state is JobState.HELD
    return job


async def move(shop: Shop, job: Job, other: Shop | None = None, port: int = SMALL) -> Job:
    """Move a job to another printer."""
    other = other or shop
    return await shop.queue.async_move(job.job_id, changes(other, port), other.entry.entry_id)


def documents(shop: Shop) -> int:
    """Return how many documents lie in the jobs' folder, copies included."""
    return len(list(shop.folder.rglob("*.pdf")))


async def test_who_asked_stays_and_who_is_to_be_asked_too(shop: Shop) -> None:
    job = await held(
        shop,
        waits_for=("release",),
        sender="Phone",
        sender_address="192.168.1.9",
        origin=Origin.USER,
    )
    asker = Asker(context_id="c", user_id="u", parent_id="p")
    spec = replace(job.spec, asker=asker, release_code="hashed")
    job = shop.queue._jobs.change(job, spec=spec)
    options = {**shop.entry.options, CONF_APPROVAL_PRINTERS: [shop.key(SMALL)]}
    shop.hass.config_entries.async_update_entry(shop.entry, options=options)
    new = await move(shop, job)
    assert (new.spec.asker, new.spec.release_code) == (asker, "hashed")
    assert new.waits_for == ("release", "approval")
    assert (new.spec.sender, new.spec.sender_address, new.spec.origin) == (
        "Phone",
        "192.168.1.9",
        "user",
    )


async def test_what_cannot_be_moved(shop: Shop) -> None:
    job = await shop.submit()
    await shop.until(job, JobState.COMPLETED)
    assert await refusal(move(shop, job)) == "job_not_movable"
    assert (
        await refusal(
            shop.queue.async_move("no such job", changes(shop, SMALL), shop.entry.entry_id)
        )
        == "job_not_found"
    )
    # Its deliveries were made for the printer's way of turning paper.
    job = await held(shop)
    two = (replace(job.present, counts_as=(2, 1)), replace(job.present, token="another"))
    turned = shop.queue._jobs.change(job, deliveries=two)
    assert not turned.can_reroute
    assert await refusal(move(shop, turned)) == "job_not_movable"
    copied = shop.queue._jobs.change(await held(shop), copied=True)
    assert await refusal(move(shop, copied)) == "job_not_movable"
    sent = shop.queue._jobs.change(await held(shop), handed_over_at=copied.created_at)
    assert await refusal(move(shop, sent)) == "job_not_movable"


async def test_what_the_other_printer_refuses_stays(open_shop: OpenShop) -> None:
    async with open_shop() as shop, open_shop(number=1, max_pages=1) as other:
        job = await held(shop)
        assert await refusal(move(shop, job, other=other, port=HOME)) == "too_many_pages"
        stays = shop.queue.get(job.job_id)
        assert (stays.state, stays.moving_to, stays.can_reroute) == (JobState.HELD, None, True)
        assert documents(shop) == 1
        assert documents(other) == 0
        await shop.switch(online=True)
        await shop.until(job, JobState.COMPLETED)
        [document] = shop.sim.cloud.printed
        assert document.device_id == shop.box.device_id


@pytest.mark.parametrize("of_target", [False, True])
async def test_a_disk_that_refuses_moves_nothing(open_shop: OpenShop, of_target: bool) -> None:
    async with open_shop() as shop, open_shop(number=1) as other:
        job = await held(shop)
        await other.switch(online=False)
        full = OSError(28, "No space left on device")
        name = "write_private" if not of_target else "sync_path"
        with patch.object(store, name, side_effect=full):
            with pytest.raises(HomeAssistantError) as caught:
                await move(shop, job, other=other, port=HOME)
            error = "disk_full" if of_target else "change_not_saved"
            assert caught.value.translation_key == error
        assert shop.queue.get(job.job_id).state is JobState.HELD
        assert (documents(shop), documents(other)) == (1, 0)
        for one in (shop, other):
            await one.switch(online=True)
        await shop.until(job, JobState.COMPLETED)
        assert len(shop.sim.cloud.printed) == 1


async def test_two_moves_at_once_are_one(shop: Shop) -> None:
    job = await held(shop)
    results = await asyncio.gather(move(shop, job), move(shop, job), return_exceptions=True)
    [error] = [one for one in results if isinstance(one, InputError)]
    assert error.reason == "job_is_moving"
    [new] = [one for one in results if isinstance(one, Job)]
    await shop.switch(online=True)
    await shop.until(new, JobState.COMPLETED)
    assert len(shop.sim.cloud.printed) == 1


async def test_a_move_goes_on_though_its_caller_is_cancelled(shop: Shop) -> None:
    job = await held(shop)
    call = asyncio.create_task(move(shop, job))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await shop.settle()
    assert shop.queue.get(job.job_id).reason == "moved"


async def test_the_same_request_prints_nothing_more_once_it_was_moved(open_shop: OpenShop) -> None:
    """Neither where it was asked for, nor where it went to."""
    async with open_shop() as shop, open_shop(number=1) as other:
        content = shop.document().path.read_bytes()
        job = await held(shop, document=shop.document(content=content), request_id="menu")
        new = await move(shop, job, other, HOME)
        await other.until(new, JobState.COMPLETED)
        await shop.switch(online=True)
        again = await shop.take(shop.document(content=content), request_id="menu")
        assert (again.duplicate, again.job.job_id) == (True, job.job_id)
        near = await held(shop, document=shop.document(content=content), request_id="near")
        moved = await move(shop, near)
        again = await shop.take(shop.document(content=content), request_id="near")
        assert (again.duplicate, again.job.job_id) == (True, near.job_id)
        # It frees the name once it surely does not come out, however often it was moved.
        moved = await move(shop, await move(shop, moved, port=1))
        await shop.queue.async_cancel(moved.job_id)
        again = await shop.take(shop.document(content=content), request_id="near")
        assert not again.duplicate


async def test_a_retry_that_was_moved_is_the_one_retry(shop: Shop) -> None:
    shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=502, msg="转换失败"))
    job = await shop.uploaded(await shop.submit())
    await shop.switch(online=False)
    again = await shop.queue.async_retry(job.job_id, context=Context())
    new = await move(shop, again)
    assert (
        await refusal(shop.queue.async_retry(job.job_id, context=Context()))
        == "job_retried_already"
    )
    await shop.switch(online=True)
    await shop.until(new, JobState.COMPLETED)
    assert len(shop.sim.cloud.printed) == 1


async def test_a_retry_at_another_box_that_was_never_sent_does_not_count(
    open_shop: OpenShop,
) -> None:
    async with open_shop() as shop, open_shop(number=1) as other:
        shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=502, msg="转换失败"))
        job = await shop.uploaded(await shop.submit())
        await other.switch(online=False)
        to_other = {"changes": changes(other, HOME), "queue": other.queue}
        there = await shop.queue.async_retry(job.job_id, context=Context(), **to_other)
        await other.queue.async_cancel(there.job_id)
        await shop.until(
            await shop.queue.async_retry(job.job_id, context=Context()), JobState.COMPLETED
        )
        assert len(shop.sim.cloud.printed) == 1


async def test_an_older_job_does_not_take_a_newer_ones_place(shop: Shop) -> None:
    old = await held(shop, replace_key="briefing")
    shop.clock.tick(60)
    await shop.submit(replace_key="briefing", port=SMALL)
    assert await refusal(move(shop, old)) == "newer_job_waits"
    assert shop.queue.get(old.job_id).state is JobState.HELD


async def test_a_move_replaces_an_older_job_there(shop: Shop) -> None:
    old = await held(shop, replace_key="briefing", port=SMALL)
    shop.clock.tick(60)
    job = await shop.submit(replace_key="briefing")
    new = await move(shop, job)
    assert shop.queue.get(old.job_id).reason == "replaced"
    assert shop.queue.get(new.job_id).state is JobState.HELD


async def test_a_refused_newer_job_replaces_an_older_one_that_was_moved_there(shop: Shop) -> None:
    old = await held(shop, replace_key="briefing", port=SMALL, waits_for=("release",))
    await shop.switch(online=True)
    await shop.tick(90)
    shop.box.online = False
    shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=10))
    job = await shop.submit(replace_key="briefing")
    await shop.handed_over(job)
    new = await move(shop, old, port=HOME)
    shop.clock.tick(10)
    assert (await shop.uploaded(job)).state is JobState.HELD
    await shop.settle()
    assert shop.queue.get(new.job_id).reason == "replaced"


async def test_a_newer_job_that_was_printed_before_is_none_that_takes_its_place(
    open_shop: OpenShop,
) -> None:
    async with open_shop() as shop, open_shop(number=1, max_pages=1) as other:
        job = await held(shop, replace_key="briefing", waits_for=("release",))
        shop.clock.tick(60)
        await shop.switch(online=True)
        await shop.until(await shop.submit(replace_key="briefing", port=SMALL), JobState.COMPLETED)
        await shop.switch(online=False)
        new = await move(shop, job)
        assert await refusal(move(shop, new, other, HOME)) == "too_many_pages"
        assert shop.queue.get(new.job_id).state is JobState.HELD


async def test_a_job_that_was_replaced_during_its_move_ends(open_shop: OpenShop) -> None:
    async with open_shop() as shop, open_shop(number=1) as other:
        job = await held(shop, replace_key="briefing")

        async def replaced_meanwhile(*_args: Any, **_more: Any) -> Any:
            shop.clock.tick(1)
            await shop.submit(replace_key="briefing")
            raise InputError("no")

        with (
            patch.object(other.queue.mover, "submit", replaced_meanwhile),
            pytest.raises(InputError),
        ):
            await move(shop, job, other, HOME)
        assert shop.queue.get(job.job_id).reason == "replaced"
        await shop.switch(online=True)
        await shop.until(shop.queue.jobs()[0], JobState.COMPLETED)
        assert len(shop.sim.cloud.printed) == 1


# Cut off


class Snapshots:
    """The folders of both boxes as they are right before each write to the disk."""

    def __init__(self, shops: list[Shop], folder: Path) -> None:
        """Take them from now on."""
        self._roots = [shop.folder for shop in shops]
        self._folder = folder
        # Documents are flushed in a thread of their own.
        self._lock = Lock()
        self.count = 0

    def take(self) -> None:
        """Take one."""
        with self._lock:
            for root in self._roots:
                copy_moment(root, self._folder / str(self.count) / root.name)
            self.count += 1

    def before(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Take one before each call."""

        def taken(*args: Any) -> Any:
            self.take()
            return work(*args)

        return taken

    def restore(self, number: int) -> None:
        """Put the folders back as they were, as a power cut would have left them."""
        for root in self._roots:
            shutil.rmtree(root)
            shutil.copytree(self._folder / str(number) / root.name, root)


async def take_snapshots(shops: list[Shop], folder: Path, job: Job, port: int) -> Snapshots:
    """Move a job to the last of some boxes, all of which are off, with a snapshot before each write."""
    snapshots = Snapshots(shops, folder)
    with (
        patch.object(store, "SMALL_BYTES", 0),
        patch.object(Job, "as_json", snapshots.before(Job.as_json)),
        patch.object(store, "_flush", snapshots.before(store._flush)),
        patch.object(store, "sync_path", snapshots.before(sync_path)),
        patch.object(store.JobStore, "_create", snapshots.before(store.JobStore._create)),
    ):
        await move(shops[0], job, shops[-1], port)
        await shops[-1].tick(5)
    snapshots.take()
    # The mark, the record, the document, the end, and that the mark is not needed any more.
    assert snapshots.count >= 7
    return snapshots


def judge(shops: list[Shop], digest: str, number: int) -> None:
    """Check that one job says that it came out, and that it did."""
    jobs = [job for shop in shops for job in shop.queue.jobs()]
    assert all(job.present.document.digest == digest for job in jobs)
    ends = sorted(job.state for job in jobs)
    assert ends in ([JobState.COMPLETED], [JobState.CANCELED, JobState.COMPLETED]), (number, jobs)
    assert all(job.reason == "moved" for job in jobs if job.state is JobState.CANCELED)
    assert len(shops[0].sim.cloud.printed) == 1, number


async def pass_time(shops: list[Shop], seconds: int) -> None:
    """Let time pass for several boxes, but never while something is being uploaded."""
    for _ in range(0, seconds, 5):
        for shop in shops:
            for job in shop.queue.jobs():
                await shop.uploaded(job)
        shops[0].clock.tick(5)
        for shop in shops:
            await shop.settle()


async def rest(shops: list[Shop]) -> None:
    """Switch everything on and wait until all jobs are over."""
    for shop in shops:
        await shop.switch(online=True)
    passed = 0
    while not all(job.is_final for shop in shops for job in shop.queue.jobs()):
        assert passed < 120, [job for shop in shops for job in shop.queue.jobs()]
        await pass_time(shops, 5)
        passed += 1
    await pass_time(shops, 65)


async def test_a_move_within_a_box_that_is_cut_off_anywhere(
    open_shop: OpenShop, tmp_path: Path
) -> None:
    async with open_shop() as shop:
        job = await held(shop)
        snapshots = await take_snapshots([shop], tmp_path / "snapshots", job, SMALL)
        entry = shop.entry
    for number in range(snapshots.count):
        snapshots.restore(number)
        shop.sim.cloud.out_tray.clear()
        shop.sim.cloud.printed.clear()
        async with open_shop(entry=entry) as shop:
            await rest([shop])
            judge([shop], job.present.document.digest or "", number)
            shop.box.online = False


@pytest.mark.parametrize("first", [0, 1])
async def test_a_move_to_another_box_that_is_cut_off_anywhere(
    open_shop: OpenShop, tmp_path: Path, first: int
) -> None:
    async with open_shop() as shop, open_shop(number=1) as other:
        job = await held(shop)
        await other.switch(online=False)
        snapshots = await take_snapshots([shop, other], tmp_path / "snapshots", job, HOME)
        entries: list[MockConfigEntry] = [shop.entry, other.entry]
        boxes = [shop.box, other.box]
    for number in range(snapshots.count):
        snapshots.restore(number)
        shop.sim.cloud.out_tray.clear()
        shop.sim.cloud.printed.clear()
        async with AsyncExitStack() as stack:
            shops = {}
            for which in (first, 1 - first):
                # The one that is there alone prints what it may.
                boxes[which].online = True
                shops[which] = await stack.enter_async_context(
                    open_shop(entry=entries[which], number=which)
                )
                await pass_time(list(shops.values()), 65)
            await rest([shops[0], shops[1]])
            judge([shops[0], shops[1]], job.present.document.digest or "", number)
        for box in boxes:
            box.online = False


async def cut_off(open_shop: OpenShop) -> tuple[MockConfigEntry, MockConfigEntry, Job]:
    """Cut a move off right after its first write; return both entries and the job."""
    async with open_shop() as shop, open_shop(number=1) as other:
        job = await held(shop)
        refusal = InputError("no")
        with (
            patch.object(shop.queue.mover, "_stay"),
            patch.object(other.queue.mover, "submit", side_effect=refusal),
            pytest.raises(InputError),
        ):
            await move(shop, job, other, HOME)
        # Nothing goes on with it until the restart.
        shop.queue.mover._active.add(job.job_id)
        await shop.switch(online=True)
        return shop.entry, other.entry, job


async def test_a_job_waits_while_nobody_can_tell_whether_it_was_moved(open_shop: OpenShop) -> None:
    entry, other, job = await cut_off(open_shop)
    async with open_shop(entry=entry) as shop:
        await shop.tick(120)
        waits = shop.queue.get(job.job_id)
        assert (waits.state, waits.hold_reason) == (JobState.HELD, "moving")
        assert [waits.can_cancel, waits.can_reroute, waits.can_continue] == [False] * 3
        assert await refusal(shop.queue.async_cancel(job.job_id)) == "job_is_moving"
        assert await refusal(move(shop, job)) == "job_is_moving"
        assert not shop.sim.cloud.printed
        async with open_shop(entry=other, number=1):
            await shop.until(job, JobState.COMPLETED)
        assert len(shop.sim.cloud.printed) == 1


async def test_nobody_ever_tells_whether_it_was_moved(open_shop: OpenShop) -> None:
    entry, _, job = await cut_off(open_shop)
    async with open_shop(entry=entry) as shop:
        await shop.tick(13 * 3600)
        ended = shop.queue.get(job.job_id)
        assert (ended.state, ended.reason) == (JobState.UNCONFIRMED, "move_unclear")
        assert not shop.sim.cloud.printed
        # A person decides.
        again = await shop.queue.async_retry(job.job_id, context=Context())
        await shop.refresh()
        await shop.until(again, JobState.COMPLETED)
        assert len(shop.sim.cloud.printed) == 1


async def test_the_other_box_is_gone_for_good(open_shop: OpenShop) -> None:
    entry, other, job = await cut_off(open_shop)
    async with open_shop(entry=entry) as shop:
        await shop.hass.config_entries.async_remove(other.entry_id)
        await shop.refresh()
        assert shop.queue.get(job.job_id).reason == "move_unclear"
        assert not shop.sim.cloud.printed


async def test_a_moved_job_is_remembered_as_long_as_it_may_be_asked_for(shop: Shop) -> None:
    new = await move(shop, await held(shop))
    over = new.changed(state=JobState.CANCELED, has_document=False, move_open=True)
    over = replace(over, spec=replace(over.spec, request_id=None))
    many = [over.changed(job_id=f"{n}", move_open=False) for n in range(1100)]
    for days, gone in ((1, False), (8, False), (10, True)):
        forgotten = to_forget([over, *many], over.created_at + timedelta(days=days))
        assert (over.job_id in forgotten) is gone, days
    assert timedelta(days=7) < retention.MOVE_MEMORY
