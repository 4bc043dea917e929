"""Every endpoint gone for good (HTTP 404), as the gateway tells it and as the service would.

The rest of the service goes on. Whoever asks is told that the server has no such address; every job ends, and what
is said of it is what lies in the out tray; nothing is printed twice.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from homeassistant.const import STATE_ON
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.lianke.jobs.job import JobState
from tests.proof.acts import (
    ACTS,
    CANCEL,
    DAY,
    FOLLOW,
    RAISES,
    STEP,
    SUBMIT,
    check_entities,
    check_log,
    is_told,
)
from tests.proof.conftest import House
from tests.simulator.endpoints import ENDPOINTS

ANSWERS = ("html", "json")
POLLS = ("GET /device/device_info", "GET /external_api/printer_list")
# What a print has no need of; each print shows that none of them is asked for.
OUT_OF_THE_WAY = frozenset(one for one in ENDPOINTS if "/scanning/" in one) | {
    "GET /device/async_refresh_device_info",
    "GET /print/printer_enum",
    "GET /printer/refresh_network_printer",
    "POST /device/async_device_reboot",
    "POST /driver/uninstall_driver_event",
    "POST /print/flush_jobs",
    "POST /print/reset_printing_error_limit",
}
# One of the two forms of the answer for each endpoint; both where they mean something else for the paper.
CELLS = tuple(
    (endpoint, answer)
    for number, endpoint in enumerate(sorted(ENDPOINTS))
    for answer in (ANSWERS if endpoint == SUBMIT else ANSWERS[number % 2 :][:1])
)


@contextmanager
def _missing(house: House, endpoint: str, answer: str) -> Iterator[None]:
    """Take an endpoint away."""
    variants = house.sim.cloud.variants
    variants.update(missing_endpoints=[endpoint], missing_answer=answer)
    try:
        yield
    finally:
        variants.update(missing_endpoints=[], missing_answer="html")


async def _look(house: House, endpoint: str, answer: str) -> None:
    """Do what leads to the endpoint."""
    before = house.sim.cloud.count(endpoint)
    with _missing(house, endpoint, answer):
        if endpoint in RAISES:
            with pytest.raises(HomeAssistantError) as caught:
                await house.drive(ACTS[endpoint](house), step=1)
            assert caught.value.translation_key == "address_unknown", caught.value
            assert caught.value.translation_placeholders is not None
            assert caught.value.translation_placeholders["code"] == "404"
        else:
            with suppress(HomeAssistantError):
                await house.drive(ACTS[endpoint](house), step=1)
        assert house.sim.cloud.count(endpoint) > before, "never asked"
        check_entities(house)


async def _print(house: House, endpoint: str, answer: str) -> None:
    """Print on one printer and on two at once, from the upload to the end without the endpoint."""
    before = house.sim.cloud.counts.copy()
    for ports in ((1,), (2, 4)):
        with _missing(house, endpoint, answer):
            papers = [house.paper() for _ in ports]
            jobs = [
                await house.submit(paper, port=port)
                for paper, port in zip(papers, ports, strict=True)
            ]
            for job in jobs:
                done = await house.finish(job)
                house.judge(done)
                expected, printed = JobState.COMPLETED, 1
                if endpoint == SUBMIT:
                    expected = JobState.FAILED if answer == "json" else JobState.UNCONFIRMED
                    printed = 0
                    if answer == "json":
                        assert done.reason == "address_unknown"
                        assert not done.partly_printed
                assert (done.state, house.tray(done)) == (expected, (printed, 0)), done
        await house.next_day()
    assert not OUT_OF_THE_WAY & (house.sim.cloud.counts - before).keys()


async def _hold(house: House, endpoint: str, answer: str) -> None:
    """Take an endpoint of the polls away while a job is held: it waits, and is printed once."""
    await house.set_paper(0)
    job = await house.submit(house.paper())
    assert job.state is JobState.HELD
    with _missing(house, endpoint, answer):
        house.printer().paper = None
        for _ in range(6):
            await house.drive(house.coordinator.async_refresh())
            await house.tick(STEP)
        assert house.queue.get(job.job_id).state is JobState.HELD
        check_entities(house)
    done = await house.finish(job)
    house.judge(done)
    assert (done.state, house.tray(done)) == (JobState.COMPLETED, (1, 0)), done
    await is_told(house, done)
    await house.next_day()


async def _cancel(house: House, answer: str) -> None:
    """Cancel a job that waits in a cloud that takes nothing back: the attempt is told as failed."""
    # Without paper, the second one would not be sent once that is known.
    usual, house.printer().seconds_per_page = house.printer().seconds_per_page, 20_000
    jobs = [await house.submit(house.paper()) for _ in range(2)]
    for job in jobs:
        await house.calm(job)
    with _missing(house, CANCEL, answer):
        with pytest.raises(HomeAssistantError) as caught:
            await house.drive(
                house.act("cancel_job", device_id=house.device(), job_id=jobs[1].job_id), step=1
            )
        assert caught.value.translation_key == "address_unknown"
        house.printer().seconds_per_page = usual
        for job in jobs:
            done = await house.finish(job)
            house.judge(done)
            assert (done.state, house.tray(done)) == (JobState.COMPLETED, (1, 0)), done
    await house.next_day()


def test_every_endpoint_goes() -> None:
    assert {endpoint for endpoint, _ in CELLS} == set(ENDPOINTS) >= {DAY, FOLLOW}


@pytest.mark.short
async def test_an_endpoint_of_jobs_that_is_gone(
    house: House, subtests: pytest.Subtests, caplog: pytest.LogCaptureFixture
) -> None:
    cells = [cell for cell in CELLS if cell[0] in (SUBMIT, FOLLOW, DAY)]
    await _go_through(house, cells, subtests, caplog)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_an_endpoint_that_is_gone(
    house: House, subtests: pytest.Subtests, caplog: pytest.LogCaptureFixture
) -> None:
    await _go_through(house, CELLS, subtests, caplog)


async def _go_through(
    house: House,
    cells: Iterable[tuple[str, str]],
    subtests: pytest.Subtests,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for endpoint, answer in cells:
        with subtests.test(endpoint=endpoint, answer=answer):
            if not house.coordinator.is_ready(house.key()):
                await house.mend()
            caplog.clear()
            await _look(house, endpoint, answer)
            if not house.coordinator.is_ready(house.key()):
                await house.mend()
            assert house.state("binary_sensor", "connectivity", None).state == STATE_ON
            check_log(caplog)
            if endpoint in POLLS:
                await _hold(house, endpoint, answer)
            elif endpoint == CANCEL:
                await _cancel(house, answer)
            else:
                await house.next_day()
                if endpoint not in OUT_OF_THE_WAY:
                    await _print(house, endpoint, answer)
    assert not house.sim.cloud.banned
    house.judge_tray()
