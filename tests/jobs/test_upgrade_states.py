"""Job folders that 0.1.0, 0.2.0 and 0.3.0 wrote: each is taken into the ledger, and goes on as it would have.

The folders are described in `old_folders`.
"""

import json
from typing import Any

from homeassistant.core import Context, HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.api.stored import StoredError
from custom_components.lianke.jobs.job import Job, JobState
from custom_components.lianke.jobs.migration import read_record
from custom_components.lianke.jobs.rules import find_duplicate
from custom_components.lianke.manual_duplex import public_dict
from custom_components.lianke.people.release_code import code_matches
from custom_components.lianke.printing.builder import async_print_again
from tests.jobs.conftest import SUBMIT, OpenShop, Shop, in_doubt, refusal
from tests.jobs.old_folders import STATES, Written, entries, folder_of, lay_out, records, written
from tests.simulator import Fault

__all__ = ["entries", "written"]


@pytest.mark.parametrize("name", STATES)
def test_each_record_is_read(name: str) -> None:
    """Nothing of it is lost, and it is the same once it was written by this version."""
    found = records(name)
    assert {record["version"] for record in found} == {2 if name.startswith("0_3_0") else 1}
    for record in found:
        job = read_record(record)
        again = json.loads(job.as_json())
        assert again["version"] == 3
        assert Job.from_record(again) == job
        if record["version"] == 2:
            # What it had is there; three marks of moves and the count of its versions are not needed any more.
            gone = record.keys() - again.keys()
            assert gone <= {"moving_to", "move_open", "retrying_to", "generation"}
            assert _without_new(again, record) == {
                name: value for name, value in record.items() if name not in gone
            } | {"version": 3}
            continue
        assert (job.job_id, job.state, job.spec.title) == (
            record["job_id"],
            record["state"],
            record["title"],
        )
        assert job.current_delivery.token == record["token"]
        assert job.current_delivery.options.as_dict().items() >= record["options"].items()
        assert list(job.waits_for) == record.get("waits_for", [])
        assert (job.reason, job.current_delivery.hold_reason) == (
            record["reason"],
            record["hold_reason"],
        )
        assert (job.pages, job.copies) == (record["pages"], record["copies"])
        view = public_dict(job)
        by_hand = record.get("by_hand")
        assert (view and view["half"]) == (by_hand and by_hand["half"])
        at_second = (by_hand or {}).get("half") == 2
        assert job.has_stack is (at_second and not job.waits_for)


@pytest.mark.parametrize("name", ["0_3_0 held", "0_3_0 second_half_waits"])
def test_what_early_copies_of_0_3_0_wrote_is_read(name: str) -> None:
    """The options of the first delivery once more, and no field that came the day after."""
    (record,) = records(name)
    early: dict[str, Any] = json.loads(json.dumps(record))
    early["spec"]["options"] = early["deliveries"][0]["options"]
    del early["spec"]["foreign_code"]
    for delivery in early["deliveries"]:
        del delivery["given_up_at"]
    assert read_record(early) == read_record(record)


def _without_new(value: Any, old: Any) -> Any:
    """Return what is written, without the fields that an older version did not have."""
    if isinstance(value, dict) and isinstance(old, dict):
        return {name: _without_new(one, old[name]) for name, one in value.items() if name in old}
    if isinstance(value, list) and isinstance(old, list) and len(value) == len(old):
        return [_without_new(*pair) for pair in zip(value, old, strict=True)]
    return value


async def printed_again(shop: Shop, job: Job) -> None:
    again = await async_print_again(shop.queue, job, Context())
    await shop.until(again, JobState.COMPLETED)


# Each state goes on in one of the versions that had it: what differs between versions is how it is read, which
# `test_each_record_is_read` shows of all.


@pytest.mark.parametrize(
    ("name", "sent", "pages"),
    [
        ("0_1_0 uploading", 1, 2),
        ("in_doubt", 0, 2),
        ("0_3_0 in_cloud", 0, 2),
        ("0_3_0 second_half_turned", 1, 7),
        ("second_half_in_doubt", 0, 7),
    ],
)
async def test_it_comes_out_once(written: Written, name: str, sent: int, pages: int) -> None:
    """What waits for somebody or for its printer does in `tests/upgrade`."""
    async with written(name) as (shop, job):
        done = await shop.until(job, JobState.COMPLETED)
        assert shop.sim.cloud.count(SUBMIT) == sent
        assert done.pages_printed == pages
        await shop.tick(3600)
        assert shop.sim.cloud.count(SUBMIT) == sent


async def test_what_was_being_canceled_is_followed_to_its_end(written: Written) -> None:
    async with written("0_3_0 canceling") as (shop, job):
        assert (job.state, job.cancel_requested) == (JobState.CANCELING, True)
        done = await shop.until(job, JobState.COMPLETED, JobState.CANCELED)
        assert shop.sim.cloud.count(SUBMIT) == 0
        assert len(shop.sim.cloud.printed) == (done.state is JobState.COMPLETED)


async def test_a_job_of_which_nobody_was_told_is_none(
    hass: HomeAssistant, entries: list[MockConfigEntry], open_shop: OpenShop
) -> None:
    """Its document may not have reached the disk when the power failed."""
    lay_out(hass, "0_3_0 flushing")
    async with open_shop(entry=entries[0]) as shop:
        await shop.tick(600)
        assert not shop.queue.jobs()
        assert not [*shop.folder.iterdir()]
        assert shop.sim.cloud.count(SUBMIT) == 0


async def test_what_was_asked_for_is_known(written: Written) -> None:
    async with written("held") as (shop, job):
        spec = job.spec
        assert (spec.request_id, spec.replace_key, spec.requested) == (
            "menu",
            "menu",
            {"color": "mono"},
        )
        assert (spec.sender, job.source) == ("Phone", "Phone · 192.168.1.9")
        await shop.until(job, JobState.COMPLETED)
        twice = shop.document(content=shop.sim.cloud.printed[0].path.read_bytes())
        assert (await shop.take(twice, request_id="menu")).duplicate


async def test_a_first_half_goes_on_to_the_second_one(written: Written) -> None:
    async with written("first_half_held") as (shop, job):
        for _ in range(30):
            await shop.tick(5)
            if shop.queue.get(job.job_id).waits_for:
                break
        waits = shop.queue.get(job.job_id)
        assert (waits.state, waits.waits_for) == (JobState.HELD, ("turn_paper",))
        await shop.queue.async_continue(job.job_id)
        await shop.until(job, JobState.COMPLETED)
        sizes = [one.path.stat().st_size for one in shop.sim.cloud.printed]
        assert sizes == [one.document.size for one in job.deliveries]


@pytest.mark.parametrize("name", ["moving", "0_3_0 moving_waits"])
async def test_a_move_that_was_cut_off_before_the_other_box_took_it(
    written: Written, entries: list[MockConfigEntry], open_shop: OpenShop, name: str
) -> None:
    """It comes out where it was, whether the other box is loaded or not."""
    async with written(name) as (shop, job):
        assert (job.state, job.moved_to, job.current_delivery.hold_reason == "moving") == (
            JobState.HELD,
            None,
            False,
        )
        async with open_shop(number=1, entry=entries[1]) as other:
            await shop.until(job, JobState.COMPLETED)
            assert not other.queue.jobs()
        assert shop.sim.cloud.count(SUBMIT) == 1


async def test_whether_it_was_moved_to_a_box_that_is_gone_nobody_knows(
    hass: HomeAssistant, written: Written, entries: list[MockConfigEntry]
) -> None:
    await hass.config_entries.async_remove(entries[1].entry_id)
    async with written("0_3_0 moving") as (shop, job):
        await shop.tick(3600)
        ended = shop.queue.get(job.job_id)
        assert (ended.state, ended.reason) == (JobState.UNCONFIRMED, "move_unclear")
        assert not shop.sim.cloud.printed
        # A person decides.
        await printed_again(shop, job)
        assert len(shop.sim.cloud.printed) == 1


@pytest.mark.parametrize("name", ["moved_not_ended", "0_3_0 moved"])
async def test_a_move_that_the_other_box_had_taken(
    written: Written, entries: list[MockConfigEntry], open_shop: OpenShop, name: str
) -> None:
    async with written(name) as (shop, over), open_shop(number=1, entry=entries[1]) as other:
        (there,) = other.queue.jobs()
        assert (over.state, over.reason, over.moved_to) == (
            JobState.CANCELED,
            "moved",
            there.job_id,
        )
        assert over.current_delivery.detail == there.printer_name
        await other.until(there, JobState.COMPLETED)
        await shop.tick(3600)
        (printed,) = shop.sim.cloud.printed
        assert printed.device_id == other.box.device_id


async def test_a_retry_of_0_2_0_that_was_cut_off(written: Written) -> None:
    """What was marked as retried is not printed once more: the new job may lie in another box's folder."""
    async with written("retry_cut_off") as (shop, job):
        assert await refusal(async_print_again(shop.queue, job, Context())) == "job_retried_already"
        assert shop.sim.cloud.count(SUBMIT) == 0


async def test_a_retry_of_0_3_0_that_was_cut_off(written: Written) -> None:
    """It noted where the new job was to be: the mark of one that was not made is void."""
    async with written("0_3_0 retry_cut_off") as (shop, job):
        assert job.retried_as is None
        await printed_again(shop, job)
        assert len(shop.sim.cloud.printed) == 1


async def test_a_retry_of_0_3_0_that_was_made(written: Written) -> None:
    async with written("0_3_0 retried_not_noted") as (shop, again):
        job = shop.queue.jobs()[1]
        assert (job.retried_as, again.spec.retry_of) == (again.job_id, job.job_id)
        asked = async_print_again(shop.queue, job, Context())
        assert await refusal(asked) == "job_retried_already"
        await shop.until(again, JobState.COMPLETED)
        assert len(shop.sim.cloud.printed) == 1


async def test_a_job_of_a_copied_folder_waits_on(written: Written) -> None:
    async with written("copied") as (shop, job):
        await shop.tick(3600)
        waits = shop.queue.get(job.job_id)
        assert (waits.state, waits.current_delivery.hold_reason) == (JobState.HELD, "copied")
        again = await async_print_again(shop.queue, job, Context())
        assert again.job_id == job.job_id
        await shop.until(job, JobState.COMPLETED)
        assert shop.sim.cloud.count(SUBMIT) == 1


@pytest.mark.parametrize("name", ["with_a_code", "0_3_0 with_a_code"])
def test_a_code_still_releases(name: str) -> None:
    (record,) = records(name)
    job = read_record(record)
    assert job.needs_code
    assert code_matches("4711", job.spec.release_code or "")


@pytest.mark.parametrize(
    ("name", "options"),
    [("0_3_0 kept_document", {"keep_printed_hours": 24}), ("0_1_0 failed", {})],
)
async def test_a_kept_document_is_printed_again(
    written: Written, name: str, options: dict[str, Any]
) -> None:
    async with written(name, **options) as (shop, job):
        assert job.can_print_again or job.can_retry
        await printed_again(shop, job)
        assert shop.sim.cloud.count(SUBMIT) == 1


@pytest.mark.parametrize("name", ["lost_preview", "0_3_0 lost_preview"])
async def test_a_lost_preview_is_no_stranger(written: Written, name: str) -> None:
    """Its task is on the list, and may be that of the preview."""
    async with written(name) as (shop, _):
        (lost,) = shop.queue.own_tasks.lost_preview_uploads
        assert (lost.document.size, lost.clock_least, lost.clock_most) == (669, -1, 1001)
        await shop.tick(600)
        assert shop.storage.foreign_seen_at is None


async def test_an_interrupted_preview_of_0_1_0_settles_nothing(
    written: Written, entries: list[MockConfigEntry], open_shop: OpenShop
) -> None:
    """It only noted that one was coming: any new task may be that one, and is nobody's print."""
    async with written("0_1_0 cut_off_preview") as (shop, _):
        (lost,) = shop.queue.own_tasks.lost_preview_uploads
        await shop.settle()
    # It counts once.
    async with open_shop(entry=entries[0]) as shop:
        assert [one.token for one in shop.queue.own_tasks.lost_preview_uploads] == [lost.token]
        await shop.refresh()
        shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_body"))
        job = await shop.submit()
        await in_doubt(shop, job.job_id)
        shop.sim.cloud.print_as_someone_else(shop.box, shop.printer())
        done = await shop.until(job, JobState.COMPLETED, JobState.UNCONFIRMED)
        assert done.state is JobState.UNCONFIRMED
        assert shop.storage.foreign_seen_at is None


async def test_what_could_not_be_confirmed_is_not_printed_once_more(written: Written) -> None:
    async with written("0_1_0 unconfirmed") as (shop, job):
        assert (job.state, job.spec.request_id) == (JobState.UNCONFIRMED, "unclear")
        (document,) = folder_of("0_1_0 unconfirmed").glob("jobs/*/document.pdf")
        again = await shop.take(shop.document(content=document.read_bytes()), request_id="unclear")
        assert again.duplicate
        assert shop.sim.cloud.count(SUBMIT) == 0


@pytest.mark.parametrize(("code", "is_free"), [(500, False), (None, False), (502, True)])
def test_what_0_1_0_called_failed_frees_no_request_id(code: int | None, is_free: bool) -> None:
    """It said that nothing was printed where sheets may be out; 502 is told before any paper moves."""
    (record,) = records("0_1_0 failed")
    failed = {"code": code, "request_id": "once", "partly_printed": False}
    job = read_record(record | failed)
    found = find_duplicate([job], job.spec, job.current_delivery, job.created_at)
    assert (found is None) == is_free


def test_a_reason_of_0_1_0_has_its_name_of_today() -> None:
    (record,) = records("0_1_0 unconfirmed")
    assert read_record(record | {"reason": "taken_back_late"}).reason == "expired_too_late"


def halves(**changes: Any) -> Job:
    """Return a job that waits for its paper to be turned over, with these changes of what 0.2.0 wrote of its halves."""
    (record,) = records("second_half_waits")
    return read_record(record | {"by_hand": record["by_hand"] | changes})


def test_the_halves_of_a_job_are_its_deliveries() -> None:
    (record,) = records("second_half_waits")
    written = record["by_hand"]
    job = halves(first_from_list=True, back_range="2-4")
    first, second = job.deliveries
    assert (first.state, first.task_from_list) == (JobState.COMPLETED, True)
    assert (first.token, first.task_id) == (written["first_token"], written["first_task_id"])
    assert (second.token, second.after) == (record["token"], "turn_paper")
    sizes = (first.document.size, second.document.size)
    assert sizes == (written["front_size"], written["back_size"])
    assert (second.options.page_range, second.document.path.name) == ("2-4", "backs.pdf")
    assert (public_dict(job) or {})["sheets"] == 3


@pytest.mark.parametrize(
    "damage",
    [
        {"half": 3},
        {"half": 1},
        {"half": True},
        {"pages": "7"},
        {"copies": True},
        {"front_range": "x"},
        {"front_range": 3},
        {"first_token": 5},
        {"back_size": "90"},
    ],
)
def test_damaged_halves(damage: dict[str, Any]) -> None:
    with pytest.raises(StoredError):
        halves(**damage)
