"""Held jobs at another printer: each comes out once, whatever is cut off in between."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.const import CONF_APPROVAL_PRINTERS
from custom_components.lianke.input_error import InputError
from custom_components.lianke.jobs import files, queue
from custom_components.lianke.jobs.job import Asker, Job, JobState, Origin
from custom_components.lianke.printing.builder import (
    ReprintChanges,
    async_move_to,
    async_print_again,
)
from tests.clock import until
from tests.jobs.conftest import SUBMIT, OpenShop, Shop, full, refusal
from tests.jobs.cut_off import Snapshots, snapshots
from tests.ledgers import refusing
from tests.simulator.faults import Fault

# The small laser of the first box, and the printer of the second one.
SMALL = 4
HOME = 1


def changes(shop: Shop, port: int) -> ReprintChanges:
    """Return how to print on the printer at a port."""
    return ReprintChanges(printer_key=shop.key(port), options=shop.options(port=port), requested={})


async def held(shop: Shop, **wishes: Any) -> Job:
    """Return a job that waits because the box is off."""
    await shop.switch(online=False)
    job = await shop.submit(**wishes)
    assert job.state is JobState.HELD
    return job


async def move(shop: Shop, job: Job, other: Shop | None = None, port: int = SMALL) -> Job:
    other = other or shop
    return await async_move_to(shop.queue, job, changes(other, port), other.entry.entry_id)


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
    job = shop.box_jobs.change(job, spec=spec)
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


async def test_what_was_approved_for_one_box_is_asked_about_at_another(open_shop: OpenShop) -> None:
    """Whoever may approve there has not been asked."""
    async with open_shop() as shop, open_shop(number=1) as other:
        options = {CONF_APPROVAL_PRINTERS: [other.key(HOME)]}
        shop.hass.config_entries.async_update_entry(other.entry, options=options)
        job = await held(shop, waits_for=("approval",))
        approved = await shop.queue.async_continue(job.job_id)
        assert approved.spec.approved
        near = await move(shop, approved)
        assert (near.spec.approved, near.waits_for) == (True, ())
        far = await move(shop, near, other, HOME)
        assert (far.spec.approved, far.waits_for) == (False, ("approval",))


async def test_what_the_other_printer_refuses_stays(open_shop: OpenShop) -> None:
    async with open_shop() as shop, open_shop(number=1, max_pages=1) as other:
        job = await held(shop)
        assert await refusal(move(shop, job, other=other, port=HOME)) == "too_many_pages"
        stays = shop.queue.get(job.job_id)
        assert (stays.state, stays.moved_to, stays.can_move) == (JobState.HELD, None, True)
        assert documents(shop) == 1
        assert documents(other) == 0
        await shop.switch(online=True)
        await shop.until(job, JobState.COMPLETED)
        [document] = shop.sim.cloud.printed
        assert document.device_id == shop.box.device_id


@pytest.mark.parametrize("refused", ["link_or_copy", "flush_to_disk", "the ledger"])
async def test_a_disk_that_refuses_moves_nothing(open_shop: OpenShop, refused: str) -> None:
    """Nothing of the new job is left, and the old one is as it was."""
    async with open_shop() as shop, open_shop(number=1) as other:
        job = await held(shop, sender="x" * 5000)
        before = shop.row(job)
        await other.switch(online=False)
        disk: AbstractContextManager[Any] = (
            refusing(shop.hass) if refused == "the ledger" else patch.object(files, refused, full)
        )
        with disk, pytest.raises(HomeAssistantError) as caught:
            await move(shop, job, other=other, port=HOME)
        assert caught.value.translation_key == "disk_full"
        assert shop.queue.get(job.job_id) == job
        assert shop.row(job) == before
        assert not other.queue.jobs()
        assert (documents(shop), documents(other)) == (1, 0)
        for one in (shop, other):
            await one.switch(online=True)
        await shop.until(job, JobState.COMPLETED)
        assert len(shop.sim.cloud.printed) == 1


@contextmanager
def between(to: Shop, work: Callable[[], Awaitable[object]]) -> Iterator[None]:
    """Let something happen once a move was found to be possible, and before it is decided: its document is written."""
    take = to.box_jobs.files.async_take_over

    async def take_meanwhile(job: Job, spooled: Sequence[Path]) -> bool:
        is_flushed = await take(job, spooled)
        await work()
        return is_flushed

    with patch.object(to.box_jobs.files, "async_take_over", take_meanwhile):
        yield


async def canceled(shop: Shop, job: Job) -> None:
    await shop.queue.async_cancel(job.job_id)


async def answered(shop: Shop, job: Job) -> None:
    """Answer what a job waits for; it goes on where it is."""
    await shop.queue.async_continue(job.job_id)


async def sent(shop: Shop, job: Job) -> None:
    """Let a job's printer be ready again, which sends it."""
    shop.box.online = True
    for _ in range(30):
        # Once it has been ready for a while. To settle would wait for the move itself.
        shop.clock.tick(5)
        await shop.coordinator.async_refresh()
        await asyncio.sleep(0.01)
    await until(lambda: shop.queue.get(job.job_id).state is not JobState.HELD)


@pytest.mark.parametrize(
    ("meanwhile", "elsewhere"), [(canceled, True), (answered, False), (sent, True)]
)
async def test_what_became_of_a_job_meanwhile_stands(
    open_shop: OpenShop, meanwhile: Callable[[Shop, Job], Awaitable[None]], elsewhere: bool
) -> None:
    """Between the question whether it can be moved and the decision; nothing is left of the new one."""
    async with open_shop() as shop, open_shop(number=1) as other:
        to, port = (other, HOME) if elsewhere else (shop, SMALL)
        job = await held(shop, waits_for=("release",) if meanwhile is answered else None)
        with between(to, lambda: meanwhile(shop, job)):
            assert await refusal(move(shop, job, to, port)) == "job_not_movable"
        kept = 0 if meanwhile is canceled else 1
        assert [one.job_id for one in shop.queue.jobs()] == [job.job_id]
        assert not other.queue.jobs()
        assert [folder.name for folder in shop.folder.iterdir()] == [job.job_id]
        assert documents(other) == 0
        await shop.switch(online=True)
        done = await shop.until(job, JobState.COMPLETED, JobState.CANCELED)
        assert (done.reason, done.moved_to) == (None, None)
        assert len(shop.sim.cloud.printed) == kept


@pytest.mark.parametrize("unloaded", ["from", "to"])
async def test_a_box_that_is_unloaded_during_a_move(open_shop: OpenShop, unloaded: str) -> None:
    """Its lease is over before the move is decided: both are as before, and the job comes out where it was, once."""
    async with open_shop(number=1) as other:
        async with open_shop() as shop:
            job = await held(shop)
            gone = (shop if unloaded == "from" else other).queue
            # Longer than an unload waits for what is being accepted.
            with patch.object(queue, "ABORT_TIME", 0), between(other, gone.async_drain):
                assert await refusal(move(shop, job, other, HOME)) == "not_ready_getting_ready"
            assert shop.stored(job)["state"] == JobState.HELD
            assert (documents(shop), documents(other)) == (1, 0)
            assert not other.queue.jobs()
            entry = shop.entry
        async with open_shop(entry=entry) as shop:
            await shop.switch(online=True)
            await shop.until(job, JobState.COMPLETED)
            assert len(shop.sim.cloud.printed) == 1


async def test_two_moves_at_once_are_one(shop: Shop) -> None:
    job = await held(shop)
    results = await asyncio.gather(move(shop, job), move(shop, job), return_exceptions=True)
    [error] = [one for one in results if isinstance(one, InputError)]
    assert error.reason == "job_not_movable"
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
    again = await async_print_again(shop.queue, job, Context())
    new = await move(shop, again)
    assert await refusal(async_print_again(shop.queue, job, Context())) == "job_retried_already"
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
        to_other = {"changes": changes(other, HOME), "to": other.queue}
        there = await async_print_again(shop.queue, job, Context(), **to_other)
        await other.queue.async_cancel(there.job_id)
        await shop.until(await async_print_again(shop.queue, job, Context()), JobState.COMPLETED)
        assert len(shop.sim.cloud.printed) == 1


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
    """By a newer one, which alone comes out."""
    async with open_shop() as shop, open_shop(number=1) as other:
        job = await held(shop, replace_key="briefing")
        newer: list[Job] = []

        async def replaced_meanwhile() -> None:
            shop.clock.tick(1)
            newer.append(await shop.submit(replace_key="briefing"))

        with between(other, replaced_meanwhile):
            assert await refusal(move(shop, job, other, HOME)) == "job_not_movable"
        assert shop.queue.get(job.job_id).reason == "replaced"
        await shop.tick(2)
        assert (documents(shop), documents(other)) == (1, 0)
        assert not other.queue.jobs()
        await shop.switch(online=True)
        await shop.until(newer[0], JobState.COMPLETED)
        assert len(shop.sim.cloud.printed) == 1


async def test_a_job_that_is_about_to_be_replaced_is_not_moved(open_shop: OpenShop) -> None:
    """Both would come out: the newer one where it is, and the older one elsewhere."""
    async with open_shop() as shop, open_shop(number=1) as other:
        job = await held(shop, replace_key="briefing")
        shop.clock.tick(1)
        refused: list[str] = []

        async def move_meanwhile() -> None:
            refused.append(await refusal(move(shop, job, other, HOME)))

        with between(shop, move_meanwhile):
            newer = await shop.submit(replace_key="briefing")
        assert refused == ["job_not_movable"]
        assert shop.queue.get(job.job_id).reason == "replaced"
        assert not other.queue.jobs()
        assert documents(other) == 0
        await shop.switch(online=True)
        await shop.until(newer, JobState.COMPLETED)
        assert len(shop.sim.cloud.printed) == 1


# Cut off


async def take_snapshots(shops: list[Shop], folder: Path, job: Job, port: int) -> Snapshots:
    """Move a job to the last of some boxes, all of which are off, with a snapshot before each write."""
    with snapshots(shops[0], folder) as taken:
        await move(shops[0], job, shops[-1], port)
        await shops[-1].tick(5)
    # Before all of it, and after the copy of the document, the one transaction of both ends, the old document's end.
    assert taken.count >= 4
    return taken


def judge(shops: list[Shop], digest: str, number: int) -> None:
    """Check that one job says that it came out, and that it did."""
    jobs = [job for shop in shops for job in shop.queue.jobs()]
    assert all(job.current_delivery.document.digest == digest for job in jobs)
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
        taken = await take_snapshots([shop], tmp_path / "snapshots", job, SMALL)
        entry = shop.entry
    where = set()
    for number in range(taken.count):
        taken.restore(number)
        shop.sim.cloud.out_tray.clear()
        shop.sim.cloud.printed.clear()
        async with open_shop(entry=entry) as shop:
            await rest([shop])
            judge([shop], job.current_delivery.document.digest or "", number)
            where.add(shop.sim.cloud.printed[0].port)
            shop.box.online = False
    # Before the transaction at the one printer, after it at the other.
    assert where == {1, SMALL}


async def test_a_move_to_another_box_that_is_cut_off_anywhere(
    open_shop: OpenShop, tmp_path: Path
) -> None:
    """Whichever of the boxes is there first."""
    async with open_shop() as shop, open_shop(number=1) as other:
        job = await held(shop)
        await other.switch(online=False)
        taken = await take_snapshots([shop, other], tmp_path / "snapshots", job, HOME)
        entries: list[MockConfigEntry] = [shop.entry, other.entry]
        boxes = [shop.box, other.box]
    where = set()
    for number in range(taken.count):
        taken.restore(number)
        shop.sim.cloud.out_tray.clear()
        shop.sim.cloud.printed.clear()
        async with AsyncExitStack() as stack:
            shops, first = {}, number % 2
            for which in (first, 1 - first):
                # The one that is there alone prints what it may.
                boxes[which].online = True
                shops[which] = await stack.enter_async_context(
                    open_shop(entry=entries[which], number=which)
                )
                await pass_time(list(shops.values()), 65)
            await rest([shops[0], shops[1]])
            judge([shops[0], shops[1]], job.current_delivery.document.digest or "", number)
            where.add((shop.sim.cloud.printed[0].device_id, first))
        for box in boxes:
            box.online = False
    assert where == {(box.device_id, first) for box in boxes for first in (0, 1)}


async def test_a_box_that_is_gone_for_good_holds_up_no_job_of_another(
    open_shop: OpenShop, tmp_path: Path
) -> None:
    """After a move that was cut off anywhere: where the job is, is known without the other box."""
    async with open_shop() as shop, open_shop(number=1) as other:
        job = await held(shop)
        await other.switch(online=False)
        taken = await take_snapshots([shop, other], tmp_path / "snapshots", job, HOME)
        entry = shop.entry
        await shop.hass.config_entries.async_remove(other.entry.entry_id)
    ends = set()
    for number in range(taken.count):
        taken.restore(number)
        shop.sim.cloud.out_tray.clear()
        shop.sim.cloud.printed.clear()
        async with open_shop(entry=entry) as shop:
            await rest([shop])
            (found,) = shop.queue.jobs()
            ends.add((found.state, found.reason))
            assert len(shop.sim.cloud.printed) == (found.state is JobState.COMPLETED), number
            shop.box.online = False
    assert ends == {(JobState.COMPLETED, None), (JobState.CANCELED, "moved")}
