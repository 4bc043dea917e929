"""Lines of the logbook: one for each job that has ended, in the language of the house."""

import base64
from collections.abc import Callable
from typing import Any

from homeassistant.core import Context, Event, HomeAssistant, callback
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.logbook import EVENT_JOB_ENDED, async_describe_events
from tests.clock import Clock, elapse, rest
from tests.printing import INKJET, LASER, ask, data_of, device_of
from tests.simulator import Box, Outcome, Simulator, make_pdf

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
    hass: HomeAssistant,
    setup: MockConfigEntry,
    simulator: Simulator,
    describe: Describe,
    language: str,
    lines: list[str],
) -> None:
    """It names the printer and leads to its status, and it is the doing of who asked."""
    await hass.config.async_update(language=language)
    events = async_capture_events(hass, EVENT_JOB_ENDED)
    context = Context()
    for pages in (1, 3):
        content = base64.b64encode(make_pdf(pages)).decode()
        data = {"device_id": device_of(hass), "content": content, "filename": "数学作业.pdf"}
        await ask(hass, "print", context, wait=True, **data)
    await rest(hass)
    assert len(simulator.printed) == 2
    assert [describe(event) for event in events] == [
        {"name": LASER, "message": line, "entity_id": STATUS} for line in lines
    ]
    assert events[0].data["device_id"] == device_of(hass)
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
    hass: HomeAssistant,
    setup: MockConfigEntry,
    box: Box,
    describe: Describe,
    outcome: Outcome,
    line: str,
) -> None:
    events = async_capture_events(hass, EVENT_JOB_ENDED)
    box.printer(1).outcomes.append(outcome)
    laser = device_of(hass)
    await ask(hass, "print", device_id=laser, title="数学作业.pdf", text="x", wait=True)
    await rest(hass)
    assert [describe(event)["message"] for event in events] == [line]


async def test_jobs_that_waited(
    clock: Clock, hass: HomeAssistant, setup: MockConfigEntry, box: Box, describe: Describe
) -> None:
    """Waiting itself makes no line."""
    events = async_capture_events(hass, EVENT_JOB_ENDED)
    box.online = False
    await data_of(setup).coordinator.async_refresh()
    await rest(hass)
    job = (await ask(hass, "print", device_id=device_of(hass), title="a", text="x"))["jobs"][0]
    await ask(hass, "print", device_id=device_of(hass), title="b", text="y", expires_in=60)
    assert not events
    await ask(hass, "cancel_job", device_id=device_of(hass), job_id=job["job_id"])
    await elapse(hass, clock, 90, step=30)
    assert [describe(event)["message"] for event in events] == [
        "canceled “a”, which was not printed",
        "gave up “b”, which waited too long and was not printed",
    ]


async def test_a_job_that_was_moved(
    hass: HomeAssistant, setup: MockConfigEntry, simulator: Simulator, box: Box, describe: Describe
) -> None:
    """The line says where to."""
    events = async_capture_events(hass, EVENT_JOB_ENDED)
    box.online = False
    await data_of(setup).coordinator.async_refresh()
    (job,) = (await ask(hass, "print", device_id=device_of(hass), text="x", title="a"))["jobs"]
    to = device_of(hass, INKJET)
    await ask(hass, "move_job", job_id=job["job_id"], to_device_id=to)
    await rest(hass)
    assert [describe(event)["message"] for event in events] == [f"moved “a” to {INKJET}"]


async def test_a_printer_that_is_gone(
    hass: HomeAssistant, setup: MockConfigEntry, describe: Describe
) -> None:
    """Old lines stay readable."""
    for state, line in (
        ("completed", "printed “{pages}”"),
        ("unconfirmed", "may have printed “{pages}”, which cannot be confirmed"),
    ):
        data = {"device_id": "gone", "title": "{pages}", "state": state}
        event: Event[Any] = Event(EVENT_JOB_ENDED, data)
        assert describe(event) == {"name": None, "message": line, "entity_id": None}
