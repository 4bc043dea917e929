"""Both sides on a printer without a duplex unit: offered to devices once it is known how its paper is turned."""

import pytest

from custom_components.lianke.const import CONF_PRINTER_OPTIONS
from custom_components.lianke.ipp import model as values
from custom_components.lianke.ipp.model import Attributes, IppTag, Operation, Status
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.manual_duplex import CONF_MANUAL_DUPLEX, Setup
from tests.clock import until
from tests.household import LASER, OTHER_LASER, came_out, data_of
from tests.lan.conftest import LanPrinter, Offer, jobs_of
from tests.manual_duplex.laser import LASERS, Laser, images_of, paper, read, turn_stack
from tests.simulator import Simulator, make_pdf

ONE, LONG, SHORT = "one-sided", "two-sided-long-edge", "two-sided-short-edge"
STOPPED, COMPLETED = 6, 9


def set_up_turning(lan: LanPrinter, laser: Laser = LASERS[0]) -> None:
    """Answer the questions about a printer."""
    setup = Setup(comes_out=laser.comes_out, put_back=laser.put_back, turned=laser.turned)
    change(lan, CONF_MANUAL_DUPLEX, setup.as_dict())


def change(lan: LanPrinter, option: str, of_printer: object) -> None:
    """Change an option that a printer has."""
    options = {**lan.entry.options, option: {lan.key: of_printer}}
    lan.hass.config_entries.async_update_entry(lan.entry, options=options)


def sides(word: str) -> Attributes:
    """Return the job attribute."""
    return {"sides": values.keyword(word)}


async def offered(lan: LanPrinter) -> tuple[list[object], object, bool]:
    """Return the sides that a device may choose, which it chooses by itself, and AirPrint's word for both."""
    reply = await lan.ask(Operation.GET_PRINTER_ATTRIBUTES)
    both = "DM1" in reply.many("urf-supported")
    return reply.many("sides-supported"), reply.one("sides-default", IppTag.PRINTER), both


async def test_it_is_offered_once_the_questions_are_answered(
    offer: Offer, simulator: Simulator
) -> None:
    lan = await offer(OTHER_LASER)
    assert await offered(lan) == ([ONE], ONE, False)
    # As a default print option it needs no answers; a device is told nothing of it then.
    change(lan, CONF_PRINTER_OPTIONS, {"duplex": "manual_short_edge"})
    assert await offered(lan) == ([ONE], ONE, False)
    set_up_turning(lan)
    assert await offered(lan) == ([ONE, LONG, SHORT], SHORT, True)
    change(lan, CONF_PRINTER_OPTIONS, {})
    assert await offered(lan) == ([ONE, LONG, SHORT], ONE, True)
    change(lan, CONF_PRINTER_OPTIONS, {"duplex": "manual_short_edge"})
    await lan.print(make_pdf(2), sides(ONE))
    (printed,) = await came_out(simulator)
    assert (printed.pages_out, printed.options["dmDuplex"]) == (2, "1")


async def test_without_the_answers_one_side_is_printed(offer: Offer, simulator: Simulator) -> None:
    lan = await offer(OTHER_LASER)
    insist = values.boolean(True)
    reply = await lan.ask(
        Operation.PRINT_JOB, sides(LONG), make_pdf(3), ipp_attribute_fidelity=insist
    )
    assert reply.status == Status.ATTRIBUTES_NOT_SUPPORTED
    reply = await lan.ask(Operation.PRINT_JOB, sides(LONG), make_pdf(3))
    assert reply.status == Status.OK_SUBSTITUTED
    assert set(reply.unsupported) == {"sides"}
    (printed,) = await came_out(simulator)
    assert (printed.pages_out, printed.options["dmDuplex"]) == (3, "1")


@pytest.mark.parametrize(("word", "laser"), [(LONG, LASERS[0]), (SHORT, LASERS[1])])
async def test_a_device_prints_on_both_sides(
    offer: Offer, simulator: Simulator, word: str, laser: Laser
) -> None:
    lan = await offer(OTHER_LASER)
    set_up_turning(lan, laser)
    number = await lan.print(make_pdf(3), {**sides(word), "copies": values.integer(2)})
    (fronts,) = await came_out(simulator)
    queue = data_of(lan.entry).queue
    (job,) = jobs_of(lan)
    await until(lambda: queue.get(job.job_id).current_delivery.hold_reason == "turn_paper")
    assert (await lan.job(number)).one("job-state") == STOPPED
    out = laser.print(images_of(fronts), paper(4))
    stack = turn_stack(out, laser.put_back)
    await queue.async_continue(job.job_id)
    assert (await lan.ended(number)).one("job-state") == COMPLETED
    _, backs = simulator.cloud.printed
    done = [*read(laser.print(images_of(backs), stack), out_up=laser.out_up)]
    texts = [(front.text, back.text) for front, back in done]
    assert texts == [("Page 1", "Page 2"), ("Page 3", "")] * 2
    assert (done[0][1].turn - done[0][0].turn) % 360 == (0 if word == LONG else 180)
    (job,) = jobs_of(lan)
    assert (job.state, job.pages_printed) == (JobState.COMPLETED, 6)


async def test_a_duplex_unit_is_used(offer: Offer, simulator: Simulator) -> None:
    lan = await offer(LASER)
    set_up_turning(lan)
    assert await offered(lan) == ([ONE, LONG, SHORT], ONE, True)
    await lan.print(make_pdf(3), sides(LONG))
    (printed,) = await came_out(simulator)
    assert (printed.sheets, printed.options["dmDuplex"]) == (2, "2")
