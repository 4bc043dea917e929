"""Answers to jobs that wait for a person: which jobs wait, and who may answer."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.core import (
    Context,
    Event,
    EventStateChangedData,
    HomeAssistant,
    callback,
)
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MockHAClientWebSocket, WebSocketGenerator

from custom_components.lianke.actions.target import async_target_of_job
from custom_components.lianke.api.option_resolver import resolve_options
from custom_components.lianke.api.options import PrintOptions
from custom_components.lianke.approvals.tokens import Answer, button_of
from custom_components.lianke.documents.document import Document
from custom_components.lianke.jobs.approval import async_reasons_to_ask
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.people import Origin
from custom_components.lianke.jobs.request import PrintRequest
from tests.printing import LASER, OTHER_LASER, ask, came_out, data_of, device_of, print_one, sent
from tests.simulator import Box, Outcome, Simulator


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Keep the jobs and the spool of a test apart from those of other runs."""
    return hass_tmp_config_dir


@pytest.fixture
async def anna(hass: HomeAssistant, boss: User) -> User:
    """Return a user who is no administrator; the first one of a house is one."""
    return await hass.auth.async_create_user("Anna", group_ids=[GROUP_ID_USER])


@pytest.fixture
async def boss(hass: HomeAssistant) -> User:
    """Return an administrator."""
    return await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])


def option(hass: HomeAssistant, entry: MockConfigEntry, **options: Any) -> None:
    """Set options."""
    hass.config_entries.async_update_entry(entry, options=options)


def acting(user: User) -> Context:
    """Return the context of what a user does."""
    return Context(user_id=user.id)


async def print_as(hass: HomeAssistant, user: User, **data: Any) -> dict[str, Any]:
    """Print a text as a user and return the job."""
    response = await ask(
        hass, "print", acting(user), device_id=device_of(hass), text="Hello", **data
    )
    return dict(response["jobs"][0])


@pytest.mark.usefixtures("hurried")
async def test_a_job_is_approved(
    hass: HomeAssistant, setup: MockConfigEntry, simulator: Simulator, anna: User, boss: User
) -> None:
    option(hass, setup, approval_users=[anna.id])
    job = await print_as(hass, anna)
    assert (job["state"], job["hold_reason"]) == ("held", "approval")
    assert job["message"] == "Waiting for approval"
    with pytest.raises(ServiceValidationError, match="may not approve"):
        await ask(hass, "continue_job", acting(anna), job_id=job["job_id"])
    with pytest.raises(ServiceValidationError, match="may not approve"):
        await ask(hass, "reject_job", acting(anna), job_id=job["job_id"])
    assert not sent(simulator)
    await ask(hass, "continue_job", acting(boss), job_id=job["job_id"], reason="approval")
    await came_out(simulator)
    with pytest.raises(ServiceValidationError, match="does not wait"):
        await ask(hass, "continue_job", acting(boss), job_id=job["job_id"])
    # Their own jobs, and those of others, wait for nobody.
    assert (await print_as(hass, boss))["state"] == "uploading"
    assert (await print_one(hass, text="Hello"))["state"] == "completed"


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", "The job was rejected. Anna: Read it here"),
        ("zh-Hans", "任务已被拒绝。Anna：Read it here"),
    ],
)
async def test_a_job_is_rejected(
    hass: HomeAssistant,
    setup: MockConfigEntry,
    simulator: Simulator,
    anna: User,
    boss: User,
    language: str,
    message: str,
) -> None:
    hass.config.language = language
    option(
        hass, setup, approval_printers=list(data_of(setup).storage.printers), approvers=[anna.id]
    )
    job = await print_as(hass, boss)
    with pytest.raises(ServiceValidationError) as refused:
        # There are approvers, and an administrator is none of them.
        await ask(hass, "continue_job", acting(boss), job_id=job["job_id"])
    assert refused.value.translation_key == "not_an_approver"
    reported = (
        await ask(hass, "reject_job", acting(anna), job_id=job["job_id"], message="Read it here\n")
    )["job"]
    assert (reported["state"], reported["reason"]) == ("canceled", "rejected")
    assert reported["message"] == message
    assert not sent(simulator)


LIMITS: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "off": ({"approval_pages": 0}, {"pages": 99}, False),
    "as many": ({"approval_pages": 6}, {"pages": 3, "copies": 2}, False),
    "one more": ({"approval_pages": 6}, {"pages": 7}, True),
    "with its copies": ({"approval_pages": 6}, {"pages": 4, "copies": 2}, True),
    "not known": ({"approval_pages": 6}, {"pages": None}, True),
    "some of many": ({"approval_pages": 6}, {"pages": 99, "range": "1-6"}, False),
    "home network": ({"approval_sources": ["lan_printer"]}, {"sender_address": "10.0.0.2"}, True),
    "an automation": ({"approval_sources": ["automation"]}, {}, True),
    "an assistant": ({"approval_sources": ["assistant"]}, {"origin": Origin.ASSISTANT}, True),
    "no assistant": ({"approval_sources": ["assistant"]}, {}, False),
}


@pytest.mark.parametrize("case", LIMITS)
async def test_what_is_to_be_approved(
    hass: HomeAssistant, setup: MockConfigEntry, case: str
) -> None:
    options, asked, expected = LIMITS[case]
    view = next(
        view for view in data_of(setup).coordinator.data.printers.values() if view.name == LASER
    )
    request = PrintRequest(
        printer_key=view.key,
        document=Document(
            path=Path("unread.pdf"),
            name="Report.pdf",
            content_type="application/pdf",
            extension=".pdf",
            size=1,
            pages=asked.get("pages", 1),
            title="Report",
        ),
        title="Report",
        options=resolve_options(
            PrintOptions(copies=asked.get("copies"), pages=asked.get("range")),
            None,
            (),
            view.printer.species,
        ),
        context=Context(),
        sender_address=asked.get("sender_address"),
        origin=asked.get("origin"),
    )
    reasons = await async_reasons_to_ask(hass, options, request, view)
    assert reasons == (("approval",) if expected else ())


async def until(check: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(20):
        while not check():
            await asyncio.sleep(0.01)


async def test_it_is_told_for_whom_a_job_waits(
    hass: HomeAssistant,
    setup: MockConfigEntry,
    simulator: Simulator,
    box: Box,
    anna: User,
    boss: User,
) -> None:
    """The event fires once for each person and once for the printer, the sensor has the present reason."""
    option(hass, setup, approval_users=[anna.id])
    sensor, event_id = (
        f"{kind}.kyocera_ma2000w_gx_{what}"
        for kind, what in (("sensor", "hold_reason"), ("event", "print_job"))
    )
    reported: list[tuple[str, str | None]] = []

    @callback
    def on_event(event: Event[EventStateChangedData]) -> None:
        if (state := event.data["new_state"]) is not None:
            reported.append((state.attributes["event_type"], state.attributes["reason"]))

    async_track_state_change_event(hass, event_id, on_event)
    box.printer(1).on = False
    await data_of(setup).coordinator.async_refresh()
    job = await print_as(hass, anna, release_code="4711")
    for reason, code in (("approval", None), ("release", "4711")):
        await until(partial(hass.states.is_state, sensor, reason))
        assert reported[-1] == ("held", reason)
        data = {"job_id": job["job_id"], "reason": reason}
        await ask(hass, "continue_job", acting(boss), **data, **({"code": code} if code else {}))
    await until(lambda: hass.states.is_state(sensor, "disconnected"))
    assert reported == [("held", "approval"), ("held", "release"), ("held", "disconnected")]
    await ask(hass, "cancel_job", acting(anna), job_id=job["job_id"])
    await hass.async_block_till_done()
    assert reported[3:] == [("canceled", None)]
    assert not sent(simulator)


async def test_answering_twice_at_once(
    hass: HomeAssistant, setup: MockConfigEntry, simulator: Simulator, anna: User, boss: User
) -> None:
    """One of several presses counts, and what waits for the next person goes on waiting."""
    option(hass, setup, approval_users=[anna.id], release_users=[anna.id])
    job = await print_as(hass, anna)
    answers = await asyncio.gather(
        *(
            ask(hass, "continue_job", acting(boss), job_id=job["job_id"], reason="approval")
            for _ in range(5)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, dict) for answer in answers) == 1
    assert data_of(setup).queue.get(job["job_id"]).waits_for == ("release",)
    yes = [ask(hass, "continue_job", acting(boss), job_id=job["job_id"]) for _ in range(3)]
    no = [ask(hass, "reject_job", acting(boss), job_id=job["job_id"]) for _ in range(3)]
    answers = await asyncio.gather(*yes, *no, return_exceptions=True)
    assert sum(isinstance(answer, dict) for answer in answers) == 1
    await came_out(simulator)


async def by_action(
    hass: HomeAssistant, user: User, job_id: str, _client: MockHAClientWebSocket
) -> None:
    await ask(hass, "continue_job", acting(user), job_id=job_id)


async def by_rejection(
    hass: HomeAssistant, user: User, job_id: str, _client: MockHAClientWebSocket
) -> None:
    await ask(hass, "reject_job", acting(user), job_id=job_id)


async def by_card(
    hass: HomeAssistant, _user: User, job_id: str, client: MockHAClientWebSocket
) -> None:
    data = {"job_id": job_id}
    await client.send_json_auto_id(
        {"type": "lianke/action", "service": "continue_job", "service_data": data}
    )


async def by_notification(
    hass: HomeAssistant, user: User, job_id: str, _client: MockHAClientWebSocket
) -> None:
    _, job = async_target_of_job(hass, job_id)
    action = {"action": button_of(job, Answer.APPROVE)}
    hass.bus.async_fire("mobile_app_notification_action", action, context=acting(user))


async def by_button(
    hass: HomeAssistant, user: User, _job_id: str, _client: MockHAClientWebSocket
) -> None:
    entities = er.async_entries_for_device(er.async_get(hass), device_of(hass, OTHER_LASER))
    entity_id = next(one.entity_id for one in entities if "release_jobs" in one.unique_id)
    await hass.services.async_call(
        "button", "press", {"entity_id": entity_id}, blocking=True, context=acting(user)
    )


@pytest.mark.parametrize("door", [by_action, by_rejection, by_card, by_notification, by_button])
async def test_an_answer_counts_for_what_it_was_checked_for(
    hass: HomeAssistant,
    setup: MockConfigEntry,
    simulator: Simulator,
    hass_ws_client: WebSocketGenerator,
    anna: User,
    boss: User,
    door: Callable[..., Awaitable[None]],
) -> None:
    """Whoever releases a job twice at once has not approved it."""
    keys = {one.name: key for key, one in data_of(setup).storage.printers.items()}
    option(
        hass,
        setup,
        release_printers=[keys[LASER], keys[OTHER_LASER]],
        approval_printers=[keys[OTHER_LASER]],
    )
    other = device_of(hass, OTHER_LASER)
    made = await hass.auth.async_create_refresh_token(anna, "http://localhost/")
    client = await hass_ws_client(hass, hass.auth.async_create_access_token(made))
    job_id = (await print_as(hass, anna))["job_id"]
    moved = await ask(hass, "move_job", acting(anna), job_id=job_id, to_device_id=other)
    job_id = moved["job"]["job_id"]
    queue = data_of(setup).queue
    assert queue.get(job_id).waits_for == ("release", "approval")
    released = ask(hass, "continue_job", acting(anna), job_id=job_id, reason="release")
    answers = (door(hass, anna, job_id, client) for _ in range(2))
    await asyncio.gather(released, *answers, return_exceptions=True)
    if door is by_card:
        for _ in range(2):
            assert not (await client.receive_json())["success"]
    await hass.async_block_till_done()
    job = queue.get(job_id)
    assert (job.state, job.waits_for) == (JobState.HELD, ("approval",))
    assert not sent(simulator)
    await ask(hass, "continue_job", acting(boss), job_id=job_id)
    await came_out(simulator)


async def test_what_was_approved_and_did_not_come_out(
    hass: HomeAssistant,
    reachable: str,
    setup: MockConfigEntry,
    simulator: Simulator,
    box: Box,
    anna: User,
    boss: User,
) -> None:
    """The same document for the same user needs no second approval; a change of it does."""
    option(hass, setup, approval_users=[anna.id])

    async def fails() -> str:
        simulator.cloud.plan(box.printer(1), Outcome(code=502))
        job_id = str((await print_as(hass, anna))["job_id"])
        await ask(hass, "continue_job", acting(boss), job_id=job_id)
        queue = data_of(setup).queue
        await until(lambda: queue.get(job_id).state is JobState.FAILED)
        return job_id

    again = (await ask(hass, "retry_job", acting(anna), job_id=await fails()))["job"]
    assert again["state"] == "uploading"
    await came_out(simulator)
    more = {"job_id": await fails(), "copies": 50}
    again = (await ask(hass, "retry_job", acting(anna), **more))["job"]
    assert again["hold_reason"] == "approval"


async def test_what_was_approved_and_is_moved(
    hass: HomeAssistant,
    setup: MockConfigEntry,
    simulator: Simulator,
    box: Box,
    anna: User,
    boss: User,
) -> None:
    option(hass, setup, approval_users=[anna.id])
    box.printer(1).on = False
    await data_of(setup).coordinator.async_refresh()
    jobs = [await print_as(hass, anna) for _ in range(2)]
    await ask(hass, "continue_job", acting(boss), job_id=jobs[0]["job_id"])
    other = device_of(hass, OTHER_LASER)
    moved = [
        (await ask(hass, "move_job", acting(anna), job_id=job["job_id"], to_device_id=other))["job"]
        for job in jobs
    ]
    assert [job["hold_reason"] for job in moved] == [None, "approval"]
    await came_out(simulator)
