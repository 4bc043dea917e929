"""Jobs that are kept: a start reads open ones, new ones and the newest of each printer, and the others afterwards."""

from datetime import timedelta
from typing import Any

from homeassistant.core import CoreState
from homeassistant.util import dt as dt_util
import pytest

from custom_components.lianke.jobs.job import Job, JobState
from custom_components.lianke.jobs.rules import MAX_RECORDS
from tests.clock import until
from tests.jobs.conftest import OpenShop, Shop
from tests.jobs.make import altered, make_job
from tests.ledgers import keep


def old(shop: Shop, number: int, days: float = 5, port: int = 1, **more: Any) -> Job:
    """Return a job that was printed some days ago."""
    at = dt_util.utcnow() - timedelta(days=days)
    values = {
        "job_id": f"job-{number}",
        "printer_key": shop.key(port),
        "state": JobState.COMPLETED,
        "created_at": at,
        "changed_at": at,
        "ended_at": at,
        "handed_over_at": at,
        "task_id": f"task-{number}",
        "has_document": False,
        "pages": 2,
        "pages_printed": 2,
    }
    return make_job(**values | more)


def already_read(shop: Shop) -> list[str]:
    return [job.job_id for job in shop.box_jobs.latest.already_read]


@pytest.fixture
async def jobs(open_shop: OpenShop) -> tuple[Any, list[Job]]:
    """Keep jobs of a shop, and return them with its entry."""
    async with open_shop() as shop:
        printed = [old(shop, number) for number in range(4)]
        made = [
            old(shop, 10, 20, port=2),
            *printed,
            old(shop, 20, 9, state=JobState.UNCONFIRMED, reason="no_outcome", pages_printed=None),
            old(shop, 30, 1),
            old(shop, 40, 4),
        ]
        await keep(shop.hass, shop.entry, *made)
        # A folder stays as long as its row.
        for job in made:
            (shop.folder / job.job_id).mkdir()
        entry = shop.entry
        shop.storage._counted.clear()
    shop.hass.set_state(CoreState.starting)
    return entry, made


async def test_a_start_reads_open_jobs_new_ones_and_the_newest_of_each_printer(
    open_shop: OpenShop, jobs: tuple[Any, list[Job]]
) -> None:
    entry, made = jobs
    async with open_shop(entry=entry) as shop:
        assert already_read(shop) == ["job-10", "job-20", "job-30", "job-40"]
        for port, job_id in ((1, "job-40"), (2, "job-10")):
            newest = shop.queue.newest(shop.key(port))
            assert newest is not None
            assert newest.job_id == job_id
        await shop.tick(5)
        assert len(already_read(shop)) == 4
        assert {path.name for path in shop.folder.iterdir()} == {job.job_id for job in made}
        # The others are read once Home Assistant has started.
        shop.hass.set_state(CoreState.running)
        await shop.tick(5)
        await until(lambda: len(already_read(shop)) == len(made))
        assert shop.queue.jobs() == made[::-1]


async def test_a_callback_finds_an_old_job_by_its_token(
    open_shop: OpenShop, jobs: tuple[Any, list[Job]]
) -> None:
    entry, made = jobs
    async with open_shop(entry=entry) as shop:
        printed, doubtful = made[1], made[5]
        token = doubtful.current_delivery.token
        assert await shop.call_back(token, doubtful.current_delivery.task_id, "SUCCESS", 200)
        await shop.until(doubtful, JobState.COMPLETED)
        assert len(already_read(shop)) == 4
        assert await shop.call_back(
            printed.current_delivery.token, printed.current_delivery.task_id, "SUCCESS", 200
        )
        assert shop.queue.get(printed.job_id) == printed
        assert not await shop.call_back("nobody's", "task-99", "SUCCESS", 200)
        # A new job is accepted by all that is kept.
        job = await shop.submit()
        assert len(already_read(shop)) == len(made) + 1
        newest = shop.queue.newest(shop.key())
        assert newest is not None
        assert newest.job_id == job.job_id


async def test_what_is_old_is_found_by_its_id_and_changes_as_what_is_new(
    open_shop: OpenShop, jobs: tuple[Any, list[Job]]
) -> None:
    entry, made = jobs
    async with open_shop(entry=entry) as shop:
        assert shop.queue.get("job-2") == made[3]
        shop.box_jobs.record("job-2", document_kept=True)
        await shop.box_jobs.async_written()
        assert already_read(shop) == ["job-10", "job-2", "job-20", "job-30", "job-40"]
    async with open_shop(entry=entry) as shop:
        assert shop.queue.get("job-2") == altered(made[3], document_kept=True)


async def test_pages_of_old_jobs_that_a_power_cut_left_uncounted_are_counted_once(
    open_shop: OpenShop, jobs: tuple[Any, list[Job]]
) -> None:
    entry, made = jobs
    async with open_shop(entry=entry) as shop:
        key = shop.key()
        shop.storage._counted.clear()
        before = shop.storage.printers[key].pages_printed
        await shop.queue.async_read_unread()
        counted = shop.storage.printers[key].pages_printed - before
        assert counted == 2 * len(made[1:5])
        assert [*shop.storage._counted] == [job.job_id for job in made[1:5]]
        await shop.queue.async_read_unread()
        assert shop.storage.printers[key].pages_printed - before == counted


async def test_what_is_beyond_the_limit_is_forgotten_although_no_start_has_read_it(
    open_shop: OpenShop,
) -> None:
    async with open_shop() as shop:
        made = [old(shop, number) for number in range(MAX_RECORDS + 50)]
        await keep(shop.hass, shop.entry, *made)
        entry = shop.entry
    async with open_shop(entry=entry) as shop:
        await shop.tick(5)
        await until(lambda: len(shop.queue.jobs()) == MAX_RECORDS)
        assert shop.queue.jobs()[-1].job_id == "job-50"
