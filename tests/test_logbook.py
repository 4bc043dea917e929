"""Lines of the logbook: one for each job that has ended, in the language of the house."""

import base64
from collections.abc import Callable
from typing import Any

from homeassistant.core import Context, Event, HomeAssistant, callback
from homeassistant.helpers.translation import async_load_integrations
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.logbook import EVENT_JOB_ENDED, async_describe_events
from tests.clock import Clock, elapse, rest
from tests.household import INKJET, LASER, House
from tests.simulator import Outcome, make_pdf

type Describe = Callable[[Event[Any]], dict[str, Any]]

STATUS = "sensor.kyocera_ma2000w_gx"


@pytest.fixture
def describe(hass: HomeAssistant) -> Describe:
    """Return what the logbook says of an event."""
    known: dict[str, Describe] = {}

    @callback
    def register(domain: str, event: str, described: Describe) -> None:
        assert domain == DOMAIN
        known[event] = described

    async_describe_events(hass, register)
    return known[EVENT_JOB_ENDED]


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("language", "lines"),
    [
        ("en", ["printed “数学作业.pdf”, 1 page", "printed “数学作业.pdf”, 3 pages"]),
        ("zh-Hans", ["已打印“数学作业.pdf”，1 页", "已打印“数学作业.pdf”，3 页"]),
    ],
)
async def test_one_line_a_print(
    describe: Describe, language: str, lines: list[str], house: House
) -> None:
    """It names the printer and leads to its status, and it is the doing of who asked."""
    house.hass.config.language = language
    # Home Assistant does it when its language changes; that of the tests does not.
    await async_load_integrations(house.hass, {DOMAIN})
    events = async_capture_events(house.hass, EVENT_JOB_ENDED)
    context = Context()
    for pages in (1, 3):
        content = base64.b64encode(make_pdf(pages)).decode()
        data = {"device_id": house.device(), "content": content, "filename": "数学作业.pdf"}
        await house.ask("print", context, wait=True, **data)
    await rest(house.hass)
    assert len(house.printed) == 2
    assert [describe(event) for event in events] == [
        {"name": LASER, "message": line, "entity_id": STATUS} for line in lines
    ]
    assert events[0].data["device_id"] == house.device()
    assert events[0].context.id == context.id


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (Outcome(code=502, msg="x"), "did not print “数学作业.pdf”"),
        (
            Outcome(code=503, prints=1),
            "did not print all of “数学作业.pdf”; some of its pages may be on paper",
        ),
    ],
)
async def test_jobs_that_were_not_printed(
    describe: Describe, outcome: Outcome, line: str, house: House
) -> None:
    events = async_capture_events(house.hass, EVENT_JOB_ENDED)
    house.box.printer(1).outcomes.append(outcome)
    laser = house.device()
    await house.ask("print", device_id=laser, title="数学作业.pdf", text="x", wait=True)
    await rest(house.hass)
    assert [describe(event)["message"] for event in events] == [line]


async def test_jobs_that_waited(clock: Clock, describe: Describe, house: House) -> None:
    """Waiting itself makes no line."""
    events = async_capture_events(house.hass, EVENT_JOB_ENDED)
    await house.switch_off()
    await rest(house.hass)
    job = (await house.ask("print", device_id=house.device(), title="a", text="x"))["jobs"][0]
    await house.ask("print", device_id=house.device(), title="b", text="y", expires_in=60)
    assert not events
    await house.ask("cancel_job", device_id=house.device(), job_id=job["job_id"])
    await elapse(house.hass, clock, 90, step=30)
    assert [describe(event)["message"] for event in events] == [
        "canceled “a”, which was not printed",
        "gave up “b”, which waited too long and was not printed",
    ]


async def test_a_job_that_was_moved(describe: Describe, house: House) -> None:
    """The line says where to."""
    events = async_capture_events(house.hass, EVENT_JOB_ENDED)
    await house.switch_off()
    (job,) = (await house.ask("print", device_id=house.device(), text="x", title="a"))["jobs"]
    to = house.device(INKJET)
    await house.ask("move_job", job_id=job["job_id"], to_device_id=to)
    await rest(house.hass)
    assert [describe(event)["message"] for event in events] == [f"moved “a” to {INKJET}"]


async def test_a_printer_that_is_gone(describe: Describe, house: House) -> None:
    """Old lines stay readable."""
    for state, line in (
        ("completed", "printed “{pages}”"),
        ("unconfirmed", "may have printed “{pages}”, which cannot be confirmed"),
    ):
        for partly in (False, True):
            data = {"device_id": "gone", "title": "{pages}", "state": state}
            event: Event[Any] = Event(EVENT_JOB_ENDED, data | {"partly_printed": partly})
            assert describe(event) == {"name": None, "message": line, "entity_id": None}
