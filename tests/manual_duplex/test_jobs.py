"""Both sides by hand: two deliveries that are one job, with a person who turns the stack between them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
import json
import shutil
from typing import Any
from unittest.mock import patch

from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.lianke.api.stored import StoredError
from custom_components.lianke.api.tasks import TaskState
from custom_components.lianke.input_error import InputError
from custom_components.lianke.jobs.files import ledger_path
from custom_components.lianke.jobs.job import FIRST_SIDES_ONLY, NOT_TURNED, Job, JobState
from custom_components.lianke.manual_duplex import public_dict, rest_of
from custom_components.lianke.printing.builder import async_print_again
from custom_components.lianke.printing.print_action import job_dict
from tests.clock import until
from tests.jobs.conftest import OpenShop, Receiver, Shop, refusal
from tests.ledgers import refusing
from tests.manual_duplex.laser import LASERS, Laser, Sheet, images_of, paper, read, turn_stack
from tests.manual_duplex.requests import USUAL, request, submit
from tests.power_cut import copy_moment
from tests.simulator import Outcome
from tests.simulator.faults import Fault

SUBMIT = "POST /print/job"
SEVEN = ["Page 1 Page 2", "Page 3 Page 4", "Page 5 Page 6", "Page 7"]


async def turning(shop: Shop, **changes: Any) -> Job:
    """Print the first delivery of a job and return it as it waits for its paper to be turned."""
    job = await submit(shop, **changes)
    return await waits(shop, job)


async def waits(shop: Shop, job: Job) -> Job:
    """Wait until the first delivery of a job is over, and is known to be."""
    for _ in range(100):
        reported = await shop.until(job, JobState.HELD, JobState.FAILED)
        if reported.current_delivery.hold_reason == "turn_paper":
            break
        # After a failure, it waits for the printer first.
        await shop.tick(5)
    assert (reported.state, reported.waits_for) == (JobState.HELD, ("turn_paper",))
    return reported


async def finish(shop: Shop, job: Job) -> Job:
    """Say that the paper of a job is turned, and return it once its second delivery is printed."""
    await shop.queue.async_continue(job.job_id)
    return await shop.until(job, JobState.COMPLETED)


def stack_of(shop: Shop, laser: Laser = USUAL, sheets: int = 4) -> list[Sheet]:
    """Return what lies in the out tray after the first delivery, as it is put back."""
    out = laser.print(images_of(shop.sim.cloud.printed[0]), paper(sheets))
    return turn_stack(out, laser.put_back)


def texts(stack: list[Sheet], laser: Laser = USUAL) -> list[str]:
    return [f"{one.text} {two.text}".strip() for one, two in read(stack, out_up=laser.out_up)]


def first_token(job: Job) -> str:
    """Return the token of the first delivery, which is over."""
    assert job.is_at_second_delivery
    return job.deliveries[0].token


@pytest.mark.parametrize(
    ("laser", "edge"), zip(LASERS, ["long", "short", "short", "long"] * 2, strict=True)
)
async def test_seven_pages_twice_on_every_kind_of_printer(
    open_shop: OpenShop, laser: Laser, edge: str
) -> None:
    async with open_shop() as shop:
        job = await turning(shop, copies=2, laser=laser, edge=edge)
        assert (job.pages, job.copies) == (7, 2)
        assert not shop.storage.printers[shop.key()].pages_printed
        stack = stack_of(shop, laser, 8)
        entry = shop.entry
    async with open_shop(entry=entry) as shop:
        # Stopped between the deliveries: nothing is sent before somebody says so.
        await shop.tick(600)
        assert shop.queue.get(job.job_id).current_delivery.hold_reason == "turn_paper"
        assert len(shop.sim.cloud.tasks) == 1
        done = await finish(shop, job)
        stack = laser.print(images_of(shop.sim.cloud.printed[1]), stack)
        assert texts(stack, laser) == SEVEN * 2
        turns = {(back.turn - front.turn) % 360 for front, back in read(stack, out_up=laser.out_up)}
        assert turns == {0 if edge == "long" else 180}
        assert done.pages_printed == 14
        assert shop.storage.printers[shop.key()].pages_printed == 14
        await shop.tick(3600)
        assert len(shop.sim.cloud.tasks) == len(shop.sim.cloud.printed) == 2
        assert shop.states(job)[-1] is JobState.COMPLETED
        assert shop.storage.foreign_seen_at is None


async def test_it_is_one_job_to_everybody(shop: Shop) -> None:
    job = await turning(shop)
    view = public_dict(job)
    assert view == {
        "half": 2,
        "sheets": 4,
        "put_back": "face_down",
        "edge_first": "top",
        "tested": False,
    }
    assert len(shop.queue.jobs()) == 1
    assert shop.queue.waiting(shop.key()) == 1
    assert first_token(job) not in repr(job)
    assert first_token(job) not in json.dumps(job_dict(job))
    assert first_token(job) != job.current_delivery.token
    # What it expires by is counted from when it waits for a person.
    assert job.expires_at - job.changed_at == timedelta(hours=12)
    await finish(shop, job)
    assert shop.states(job) == [JobState.UPLOADING, JobState.QUEUED, *shop.states(job)[2:]]
    assert shop.states(job).count(JobState.HELD) == 1


async def test_other_jobs_go_on_and_the_second_delivery_goes_first(shop: Shop) -> None:
    job = await turning(shop)
    shop.printer().seconds_per_page = 3000
    other = await shop.submit()
    await shop.uploaded(other)
    # It would come out on the paper that was turned over.
    assert await refusal(shop.queue.async_continue(job.job_id)) == "tray_busy"
    await shop.until(other, JobState.COMPLETED)
    await shop.switch(online=False)
    late = await shop.submit()
    await shop.queue.async_continue(job.job_id)
    assert shop.queue.get(job.job_id).current_delivery.hold_reason == "box_offline"
    await shop.switch(online=True)
    await shop.until(late, JobState.COMPLETED)
    assert shop.queue.get(job.job_id).state is JobState.COMPLETED
    assert [one.task_id for one in shop.sim.cloud.printed[-2:]] == [
        shop.queue.get(one.job_id).current_delivery.task_id for one in (job, late)
    ]


async def test_quiet_hours_do_not_begin_between_the_deliveries(shop: Shop) -> None:
    job = await turning(shop)
    now = job.changed_at
    shop.hass.config_entries.async_update_entry(
        shop.entry,
        options={
            "quiet_from": f"{(now - timedelta(hours=9)).hour:02}:00:00",
            "quiet_to": f"{(now - timedelta(hours=10)).hour:02}:00:00",
        },
    )
    await finish(shop, job)


@pytest.mark.parametrize(
    "end", ["cancel", "reject", "expire", "expire turned", "revoke", "replace"]
)
async def test_without_its_second_delivery_it_says_that_paper_came_out(
    shop: Shop, end: str
) -> None:
    job = await turning(shop, replace_key="briefing")
    if end == "cancel":
        await shop.queue.async_cancel(job.job_id)
    elif end == "reject":
        await shop.queue.async_reject(job.job_id)
    elif end == "replace":
        await shop.submit(replace_key="briefing")
    elif end == "revoke":
        # While the second sides come out.
        shop.sim.cloud.variants.update(cancel="revoked_prints")
        shop.printer().seconds_per_page = 3000
        await shop.queue.async_continue(job.job_id)
        await shop.until(job, JobState.SENDING)
        await shop.queue.async_cancel(job.job_id)
        await shop.until(job, JobState.CANCELED)
    else:
        if end == "expire turned":
            await off(shop)
            await shop.queue.async_continue(job.job_id)
        await shop.tick(12 * 3600)
        await shop.until(job, JobState.EXPIRED)
    reported = shop.queue.get(job.job_id)
    expected = {
        "cancel": (JobState.CANCELED, FIRST_SIDES_ONLY),
        "reject": (JobState.CANCELED, "rejected"),
        "expire": (JobState.EXPIRED, NOT_TURNED),
        "expire turned": (JobState.EXPIRED, FIRST_SIDES_ONLY),
        # How many of the second sides there are, nobody knows.
        "revoke": (JobState.CANCELED, None),
        "replace": (JobState.CANCELED, "replaced"),
    }
    assert (reported.state, reported.reason) == expected[end]
    assert reported.partly_printed
    assert not reported.was_never_sent
    with pytest.raises(InputError, match="job_not_waiting"):
        await shop.queue.async_continue(job.job_id)


@pytest.mark.parametrize("code", [500, 502])
async def test_a_first_delivery_that_failed_is_the_end(shop: Shop, code: int) -> None:
    shop.sim.cloud.plan(shop.printer(), Outcome(code=code, prints=2 if code == 500 else "none"))
    job = await submit(shop)
    reported = await shop.until(job, JobState.FAILED)
    assert reported.partly_printed is (code == 500)
    await shop.tick(3600)
    assert shop.sim.cloud.count(SUBMIT) == 1


async def test_a_first_delivery_that_was_canceled_too_late_is_the_end(open_shop: OpenShop) -> None:
    """Also if Home Assistant was restarted before that was known."""
    async with open_shop() as shop:
        shop.sim.cloud.variants.update(cancel="prints_success")
        shop.printer().seconds_per_page = 1000
        job = await submit(shop)
        await shop.uploaded(job)
        await shop.until(job, JobState.SENDING)
        assert (await shop.queue.async_cancel(job.job_id)).state is JobState.CANCELING
        entry = shop.entry
    shop.clock.tick(4 * 1000)
    await until(lambda: shop.sim.cloud.printed)
    async with open_shop(entry=entry) as shop:
        reported = await shop.until(job, JobState.CANCELED)
        assert (reported.reason, reported.partly_printed) == (FIRST_SIDES_ONLY, True)
        assert shop.sim.cloud.count(SUBMIT) == 1


@pytest.mark.parametrize("again", ["not", "canceled", "printed"])
async def test_an_unconfirmed_first_delivery_goes_on_once_somebody_has_seen_it(
    shop: Shop, again: str
) -> None:
    """Not if a retry has printed its second sides meanwhile."""
    shop.storage.record_foreign_task()
    shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_accept"))
    job = await submit(shop)
    reported = await shop.until(job, JobState.UNCONFIRMED, seconds=7200)
    assert not reported.asks_for
    if again != "not":
        await shop.tick(1801)
        await off(shop)
        anew = await print_again(shop, job, backs_only=True)
        if again == "canceled":
            await shop.queue.async_cancel(anew.job_id)
        await on(shop)
        await shop.until(anew, JobState(again if again == "canceled" else "completed"))
    await shop.queue.async_confirm(job.job_id)
    reported = shop.queue.get(job.job_id)
    if again == "printed":
        assert (reported.state, reported.reason) == (JobState.CANCELED, FIRST_SIDES_ONLY)
        return
    assert (reported.state, reported.waits_for) == (JobState.HELD, ("turn_paper",))
    done = await finish(shop, job)
    assert done.pages_printed == 7
    assert shop.sim.cloud.count(SUBMIT) == 2


@contextmanager
def full_disk(shop: Shop) -> Iterator[None]:
    """Have something refused since the disk does not take it."""
    with refusing(shop.hass), pytest.raises(HomeAssistantError):
        yield


async def test_what_the_disk_refuses_is_not_confirmed(shop: Shop) -> None:
    shop.storage.record_foreign_task()
    shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_accept"))
    job = await submit(shop)
    before = await shop.until(job, JobState.UNCONFIRMED, seconds=7200)

    with full_disk(shop):
        await shop.queue.async_confirm(job.job_id)
    current = shop.queue.find(job.job_id)
    assert current is not None
    assert current == before


async def test_a_restart_before_the_waiting_was_written_proves_it_again(
    open_shop: OpenShop,
) -> None:
    async with open_shop() as shop:
        shop.printer().seconds_per_page = 3000
        job = await submit(shop)
        await shop.uploaded(job)
        root, kept = ledger_path(shop.hass), shop.tmp_path / "kept"
        copy_moment(root, kept)
        await waits(shop, job)
        entry = shop.entry
    shutil.rmtree(root)
    kept.rename(root)
    async with open_shop(entry=entry) as shop:
        await waits(shop, job)
        await finish(shop, job)
        assert shop.sim.cloud.count(SUBMIT) == 2


@pytest.mark.parametrize("state", ["SUCCESS", "FAILURE", "REVOKED", "SENDING"])
async def test_late_callbacks_of_the_first_delivery_change_nothing(
    open_shop: OpenShop, receiver: Receiver, state: str
) -> None:
    async with open_shop(receiver) as shop:
        job = await turning(shop)
        said = (job.deliveries[0].task_id, state, 200 if state == "SUCCESS" else 500)
        assert await shop.call_back(first_token(job), *said)
        assert shop.queue.get(job.job_id) == job
        shop.printer().seconds_per_page = 3000
        await shop.queue.async_continue(job.job_id)
        await shop.uploaded(job)
        reported = shop.queue.get(job.job_id)
        assert await shop.call_back(first_token(job), *said)
        # Nor does one without the token have the second delivery's task polled.
        assert not await shop.call_back(None, *said)
        assert shop.queue.get(job.job_id).state is reported.state
        await shop.until(job, JobState.COMPLETED)
        # A second delivery that is proven by callbacks has a token of its own.
        assert await shop.call_back(first_token(job), *said)
        assert shop.queue.get(job.job_id).state is JobState.COMPLETED


async def test_callbacks_prove_both_deliveries(open_shop: OpenShop, receiver: Receiver) -> None:
    receiver.proven = True
    async with open_shop(receiver) as shop:
        shop.sim.cloud.variants.update(callbacks="end")
        job = await turning(shop)
        await shop.queue.async_continue(job.job_id)
        await shop.until(job, JobState.COMPLETED, step=2)
        assert receiver.taken == [True, True]
        assert shop.sim.cloud.count("GET /print/job") == 0


async def test_an_answer_about_the_first_delivery_says_nothing_of_the_second(
    open_shop: OpenShop, receiver: Receiver
) -> None:
    """The callback comes while the first delivery's task is being polled."""
    async with open_shop(receiver) as shop:
        shop.sim.cloud.variants.update(callbacks="end")
        receiver.deliver = False
        shop.printer().seconds_per_page = 3000
        job = await submit(shop)
        await shop.uploaded(job)
        polled, go_on = asyncio.Event(), asyncio.Event()
        real = shop.queue.tracker._client.task

        async def slow(*args: Any) -> Any:
            task = await real(*args)
            if task.state is TaskState.SUCCESS and task.result is not None:
                polled.set()
                await go_on.wait()
            return task

        with patch.object(shop.queue.tracker._client, "task", slow):
            while not polled.is_set():
                shop.clock.tick(10)
                shop.queue._scheduler.review()
                await asyncio.sleep(0.02)
                # Another ten seconds would cut off a poll that a busy machine has not answered yet.
                await until(lambda: polled.is_set() or not shop.queue._scheduler._is_working)
            # On a busy machine the poll may see the end before the callback is there.
            await until(lambda: bool(receiver.bodies))
            # The clock ran on, ten seconds a turn: where that cuts off the answer, it has come again.
            token = shop.queue.get(job.job_id).current_delivery.token
            assert await shop.call_back(token, receiver.bodies[0]["task_id"], "SUCCESS", 200)
            go_on.set()
            await shop.settle()
        await waits(shop, job)
        await finish(shop, job)
        assert len(shop.sim.cloud.printed) == 2


@pytest.mark.parametrize("when", ["asked", "canceled"])
async def test_a_first_delivery_that_ends_while_it_is_being_canceled(
    open_shop: OpenShop, receiver: Receiver, when: str
) -> None:
    async with open_shop(receiver) as shop:
        receiver.deliver = False
        shop.sim.cloud.variants.update(callbacks="end", cancel="prints_success")
        shop.printer().seconds_per_page = 3000
        job = await submit(shop)
        await shop.uploaded(job)
        name = "task" if when == "asked" else "cancel_task"
        real = getattr(shop.queue._scheduler._client, name)

        async def late(*args: Any) -> Any:
            answer = await real(*args)
            present = shop.queue.get(job.job_id).current_delivery
            await shop.call_back(present.token, present.task_id, "SUCCESS", 200)
            return answer

        with patch.object(shop.queue._scheduler._client, name, late):
            await shop.queue.async_cancel(job.job_id)
        reported = shop.queue.get(job.job_id)
        assert (reported.state, reported.reason) == (JobState.CANCELED, FIRST_SIDES_ONLY)
        assert reported.partly_printed
        await shop.tick(3600)
        assert shop.sim.cloud.count(SUBMIT) == 1


async def test_an_end_that_comes_before_the_answer(open_shop: OpenShop, receiver: Receiver) -> None:
    """The answer to the first upload hangs until its delivery is over; it is not the second one's."""
    receiver.proven = True
    async with open_shop(receiver) as shop:
        shop.sim.cloud.variants.update(callbacks="end")
        shop.sim.cloud.fail(SUBMIT, Fault(kind="timeout", done=True, seconds=20))
        job = await waits(shop, await submit(shop))
        await shop.queue.async_continue(job.job_id)
        await shop.tick(120)
        await shop.until(job, JobState.COMPLETED)
        assert shop.sim.cloud.count(SUBMIT) == len(shop.sim.cloud.printed) == 2
        assert shop.storage.foreign_seen_at is None


async def test_the_own_token_corrects_a_first_delivery_that_the_list_had_shown(
    open_shop: OpenShop, receiver: Receiver
) -> None:
    async with open_shop(receiver) as shop:
        shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_accept"))
        job = await waits(shop, await submit(shop))
        assert job.deliveries[0].task_from_list
        assert await shop.call_back(first_token(job), "another task", "SUCCESS", 500)
        reported = shop.queue.get(job.job_id)
        assert (reported.state, reported.partly_printed) == (JobState.FAILED, True)
        assert not reported.asks_for


async def test_first_deliveries_stay_ours_on_the_list(shop: Shop) -> None:
    job = await turning(shop)
    assert shop.queue.own_task_ids == {shop.sim.cloud.printed[0].task_id}
    # A doubt has the list read, on which the first delivery is.
    shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_accept"))
    await finish(shop, job)
    assert shop.storage.foreign_seen_at is None
    assert len(shop.queue.own_task_ids) == 2
    assert len(shop.sim.cloud.printed) == 2


async def print_again(
    shop: Shop, job: Job, *, from_sheet: int = 1, backs_only: bool = False
) -> Job:
    return await async_print_again(
        shop.queue, job, Context(), from_sheet=from_sheet, backs_only=backs_only
    )


# Which edge goes first turns the second sides, and changes nothing of the order of the sheets.
ORDERS = [laser for laser in LASERS if laser.top_leads]


class TestAgain:
    """After a jam: what lies there is used, and nothing is printed twice on one side."""

    async def failed(self, shop: Shop, number: int, sheets: int, **changes: Any) -> Job:
        """Let a delivery fail after so many sheets, and return the job."""
        outcome = Outcome(code=500, prints=sheets)
        if number == 1:
            shop.sim.cloud.plan(shop.printer(), outcome)
            return await shop.until(await submit(shop, **changes), JobState.FAILED)
        job = await turning(shop, **changes)
        shop.sim.cloud.plan(shop.printer(), outcome)
        await shop.queue.async_continue(job.job_id)
        reported = await shop.until(job, JobState.FAILED)
        assert reported.partly_printed
        return reported

    @pytest.mark.parametrize("laser", ORDERS)
    async def test_in_the_first_delivery(self, shop: Shop, laser: Laser) -> None:
        """Two good sheets stay where they are; the others come on top of them."""
        failed = await self.failed(shop, 1, 2, laser=laser)
        again = await print_again(shop, failed, from_sheet=3)
        assert again.copies == 1
        await waits(shop, again)
        tray = paper(4)
        fronts = images_of(shop.sim.cloud.out_tray[0])
        good = laser.print(fronts[:2], tray)
        rest = laser.print(images_of(shop.sim.cloud.printed[-1]), tray)
        stack = turn_stack(rest + good, laser.put_back)
        await finish(shop, again)
        done = laser.print(images_of(shop.sim.cloud.printed[-1]), stack)
        assert texts(done, laser) == SEVEN

    @pytest.mark.parametrize("laser", ORDERS)
    async def test_in_the_second_delivery(self, shop: Shop, laser: Laser) -> None:
        """One sheet is finished, one is torn, the others are thrown away with it."""
        failed = await self.failed(shop, 2, 1, laser=laser)
        stack = stack_of(shop, laser)
        backs = images_of(shop.sim.cloud.out_tray[1])
        done = laser.print(backs[:1], stack)
        again = await print_again(shop, failed, from_sheet=2)
        await waits(shop, again)
        anew = laser.print(images_of(shop.sim.cloud.printed[-1]), paper(3))
        stack = turn_stack(anew, laser.put_back)
        reported = await finish(shop, again)
        done = laser.print(images_of(shop.sim.cloud.printed[-1]), stack) + done
        assert texts(done, laser) == SEVEN
        printed = sum(
            bool(image.text) for one in shop.sim.cloud.printed[-2:] for image in images_of(one)
        )
        assert reported.pages_printed == printed

    @pytest.mark.parametrize("laser", ORDERS)
    async def test_the_second_delivery_alone(self, shop: Shop, laser: Laser) -> None:
        """The sheet that was stuck is whole: the rest of the stack goes back, and on."""
        failed = await self.failed(shop, 2, 1, laser=laser)
        stack = stack_of(shop, laser)
        done = laser.print(images_of(shop.sim.cloud.out_tray[1])[:1], stack)
        again = await print_again(shop, failed, from_sheet=2, backs_only=True)
        assert again.state is JobState.UPLOADING
        reported = await shop.until(again, JobState.COMPLETED)
        [backs] = shop.sim.cloud.printed[1:]
        done = laser.print(images_of(backs), stack) + done
        assert texts(done, laser) == SEVEN
        assert reported.pages_printed == sum(bool(image.text) for image in images_of(backs))

    async def test_an_expired_job_goes_on_with_its_fronts(self, shop: Shop) -> None:
        job = await turning(shop)
        stack = stack_of(shop)
        await shop.tick(12 * 3600)
        await shop.until(job, JobState.EXPIRED)
        await off(shop)
        again = await print_again(shop, job, backs_only=True)
        await shop.queue.async_cancel(again.job_id)
        # One that was never sent does not count.
        await on(shop)
        again = await print_again(shop, job, backs_only=True)
        await shop.until(again, JobState.COMPLETED)
        assert texts(USUAL.print(images_of(shop.sim.cloud.printed[-1]), stack)) == SEVEN

    async def test_all_of_it(self, shop: Shop) -> None:
        failed = await self.failed(shop, 2, 1, copies=2)
        job = await print_again(shop, failed)
        assert (job.pages, job.copies) == (7, 2)
        await waits(shop, job)
        stack = turn_stack(
            USUAL.print(images_of(shop.sim.cloud.printed[-1]), paper(8)), "face_down"
        )
        await finish(shop, job)
        done = USUAL.print(images_of(shop.sim.cloud.printed[-1]), stack)
        assert texts(done) == SEVEN * 2

    async def test_what_is_wrong_prints_nothing(self, shop: Shop) -> None:
        failed = await self.failed(shop, 2, 1)
        for sheet in (0, 5):
            assert await refusal(print_again(shop, failed, from_sheet=sheet)) == "no_such_sheet"
        assert shop.queue.get(failed.job_id).retried_as is None
        shop.sim.cloud.plan(shop.printer(), Outcome(code=502))
        plain = await shop.until(await shop.submit(), JobState.FAILED)
        assert await refusal(print_again(shop, plain)) == "not_manual_duplex"


async def off(shop: Shop) -> None:
    """Switch the printer off, so that jobs wait for it."""
    shop.printer().on = False
    await shop.refresh()


async def on(shop: Shop) -> None:
    shop.printer().on = True
    await shop.refresh()


def order(shop: Shop, *jobs: Job) -> None:
    """Check that these jobs were printed last, in this order."""
    ids = [one.task_id for one in shop.sim.cloud.printed[-len(jobs) :]]
    assert ids == [shop.queue.get(job.job_id).current_delivery.task_id for job in jobs]


class TestTurnedPaper:
    """Paper that was turned over gets the second sides it was turned for, and nothing else."""

    async def test_it_is_refused_once_and_goes_first_all_the_same(self, shop: Shop) -> None:
        job = await turning(shop)
        shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=5011))
        await shop.queue.async_continue(job.job_id)
        await shop.until(job, JobState.HELD)
        other = await shop.submit()
        await shop.until(other, JobState.COMPLETED)
        order(shop, job, other)

    async def test_what_waits_beside_it_does_not_go_when_it_is_refused(self, shop: Shop) -> None:
        """It would come out on its sheets."""
        job = await turning(shop)
        await shop.switch(online=False)
        other = await shop.submit()
        await shop.queue.async_continue(job.job_id)
        shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=5011))
        await shop.switch(online=True)
        await shop.until(other, JobState.COMPLETED)
        order(shop, job, other)

    @pytest.mark.parametrize("end", ["canceled", "unconfirmed"])
    async def test_a_job_that_may_still_come_out_counts_for_a_while(
        self, shop: Shop, end: str
    ) -> None:
        """The service prints some that it calls revoked, and some of which it never tells."""
        job = await turning(shop)
        shop.printer().seconds_per_page = 3000
        if end == "canceled":
            shop.sim.cloud.variants.update(cancel="revoked_prints")
            other = await shop.submit()
            await shop.until(other, JobState.SENDING)
            await shop.queue.async_cancel(other.job_id)
        else:
            shop.storage.record_foreign_task()
            shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_accept"))
            other = await shop.submit()
        ended = await shop.until(other, JobState(end), seconds=7200)
        assert ended.partly_printed is (end == "canceled")
        assert await refusal(shop.queue.async_continue(job.job_id)) == "tray_busy"
        await shop.tick(1801)
        await finish(shop, job)

    async def test_whoever_prints_at_that_moment_and_cannot_wait_is_refused(
        self, shop: Shop
    ) -> None:
        """Whoever can waits for it: `turned_and_printed_at_once` of the chaos test."""
        job = await turning(shop)
        files = shop.queue._files
        take, written = files.async_take_over, asyncio.Event()
        go_on = asyncio.Event()

        async def slow(*args: Any) -> bool:
            is_flushed = await take(*args)
            written.set()
            await go_on.wait()
            return is_flushed

        with patch.object(files, "async_take_over", slow):
            submitting = asyncio.ensure_future(shop.submit(hold=False))
            await written.wait()
            continuing = asyncio.ensure_future(shop.queue.async_continue(job.job_id))
            await asyncio.sleep(0)
            go_on.set()
            assert await refusal(submitting) == "not_ready_paper_turned"
        await continuing
        await shop.until(job, JobState.COMPLETED)
        assert [path.name for path in shop.folder.iterdir() if path.is_dir()] == [job.job_id]

    async def test_what_the_disk_refuses_holds_up_nobody(self, shop: Shop) -> None:
        job = await turning(shop)
        with full_disk(shop):
            await shop.queue.async_continue(job.job_id)
        other = await shop.submit()
        await shop.until(other, JobState.COMPLETED)

    async def test_second_sides_alone(self, shop: Shop) -> None:
        """They come from a retry, for which the paper lies there at once."""
        first, second = await turning(shop), await turning(shop)
        await shop.tick(12 * 3600)
        for job in (first, second):
            await shop.until(job, JobState.EXPIRED)

        shop.printer().seconds_per_page = 3000
        other = await shop.submit()
        await shop.uploaded(other)
        assert await refusal(print_again(shop, first, backs_only=True)) == "tray_busy"
        shop.printer().seconds_per_page = 3
        await shop.until(other, JobState.COMPLETED)
        await off(shop)
        anew = await print_again(shop, first, backs_only=True)
        assert await refusal(print_again(shop, second, backs_only=True)) == "tray_taken"
        late = await shop.submit()
        await on(shop)
        await shop.until(late, JobState.COMPLETED)
        order(shop, anew, late)

    async def test_second_sides_alone_that_people_are_asked_about(
        self, open_shop: OpenShop
    ) -> None:
        """Until somebody has released them, the paper does not lie there."""
        async with open_shop() as shop:
            job = await turning(shop)
            await shop.tick(12 * 3600)
            await shop.until(job, JobState.EXPIRED)
            shop.hass.config_entries.async_update_entry(
                shop.entry, options={"release_printers": [shop.key()]}
            )
            job = await print_again(shop, job, backs_only=True)
            assert job.waits_for == ("release", "turn_paper")

    async def test_a_newer_job_does_not_take_its_place(self, open_shop: OpenShop) -> None:
        async with open_shop() as shop:
            job = await turning(shop, replace_key="briefing")
            await off(shop)
            await shop.queue.async_continue(job.job_id)
            newer = await shop.submit(replace_key="briefing")
            assert shop.queue.get(job.job_id).state is JobState.HELD
            entry = shop.entry
        async with open_shop(entry=entry) as shop:
            await on(shop)
            await shop.until(newer, JobState.COMPLETED)
            order(shop, job, newer)


async def test_pages_are_limited_as_they_are_asked_for(open_shop: OpenShop) -> None:
    async with open_shop(max_pages=14) as shop:
        job = await submit(shop, pages=7, copies=2)
        assert job.copies == 2
        assert await refusal(submit(shop, pages=5, copies=3)) == "too_many_pages"
    left = [path.name for path in shop.tmp_path.glob("[fb]-*.pdf")]
    assert not left


async def test_the_same_request_is_not_printed_twice(shop: Shop) -> None:
    first = request(shop, request_id="once")
    job = await shop.queue.async_submit(*first)
    await waits(shop, job)
    again = await shop.queue.async_submit(*request(shop, request_id="once"))
    assert again.job_id == job.job_id
    await finish(shop, job)


async def test_a_record_that_cannot_be_read(shop: Shop) -> None:
    """With damaged details the job goes on: only what is left of it cannot be told, and so not printed."""
    job = await turning(shop)
    record = json.loads(job.as_json())
    assert Job.from_record(record) == job
    first, second = record["deliveries"]
    ranged = second | {"options": second["options"] | {"page_range": "2-4"}}
    details: list[dict[str, Any]] = [
        *({"pages": pages} for pages in ("7", 0, 2**40, 2)),
        {"copies": True},
        {"put_back": "sideways"},
        {"lies": 1},
        {"another": 1},
    ]
    for damage in details:
        backs = ranged | {"details": second["details"] | damage}
        read = Job.from_record(record | {"deliveries": [first, backs]})
        assert public_dict(read) is None, damage
        with pytest.raises(InputError, match="not_manual_duplex"):
            rest_of(read, from_sheet=1, backs_only=False)
        assert read.asks_for
    for deliveries in (
        [first],
        [first, second, second],
        [first, second | {"token": first["token"]}],
        [first | {"token": 5}, second],
        [first | {"after": "lunch"}, second],
        [first | {"counts_as": None}, second],
        [first | {"counts_as": [7]}, second],
        [first, second | {"details": []}],
        [first | {"options": first["options"] | {"page_range": "x"}}, second],
        [first, second | {"document": second["document"] | {"path": "../x"}}],
    ):
        with pytest.raises(StoredError):
            Job.from_record(record | {"deliveries": deliveries})
