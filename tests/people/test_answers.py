"""Answers to jobs that wait for a person: which jobs wait, and who may answer."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.core import Context
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.typing import MockHAClientWebSocket, WebSocketGenerator

from custom_components.lianke.api.options import options_in, resolve_options
from custom_components.lianke.devices import async_target_of_job
from custom_components.lianke.documents.document import Document
from custom_components.lianke.jobs.job import Delivery, JobSpec, JobState, Origin
from custom_components.lianke.people.approval_and_page_limit import PrintPolicy
from custom_components.lianke.people.notifications import ButtonAnswer, answer_action
from tests.clock import until
from tests.documents.samples import zipped
from tests.household import LASER, OTHER_LASER, House, follow, make_media, refusal
from tests.people.conftest import print_as
from tests.simulator import Fault, Outcome


def acting(user: User) -> Context:
    return Context(user_id=user.id)


@pytest.mark.usefixtures("hurried")
async def test_a_job_is_approved(anna: User, boss: User, house: House) -> None:
    house.set_options({"approval_users": [anna.id]})
    job = await print_as(house, anna)
    assert (job["state"], job["hold_reason"]) == ("held", "approval")
    assert job["message"] == "Waiting for approval"
    with pytest.raises(ServiceValidationError, match="may not approve"):
        await house.ask("continue_job", acting(anna), job_id=job["job_id"])
    with pytest.raises(ServiceValidationError, match="may not approve"):
        await house.ask("reject_job", acting(anna), job_id=job["job_id"])
    # As a loudspeaker's words come, by a script that was exposed.
    cloud = await house.hass.auth.async_create_system_user("Cloud", group_ids=[GROUP_ID_ADMIN])
    with pytest.raises(ServiceValidationError, match="may not approve"):
        await house.ask("continue_job", acting(cloud), job_id=job["job_id"])
    assert not house.sent
    await house.ask("continue_job", acting(boss), job_id=job["job_id"], reason="approval")
    await house.came_out()
    with pytest.raises(ServiceValidationError, match="does not wait"):
        await house.ask("continue_job", acting(boss), job_id=job["job_id"])
    # Their own jobs, and those of others, wait for nobody.
    assert (await print_as(house, boss))["state"] == "uploading"
    assert (await house.print_one(text="Hello"))["state"] == "completed"


@pytest.mark.parametrize("how", ["removed", "deactivated"])
async def test_the_only_approver_is_removed(anna: User, boss: User, house: House, how: str) -> None:
    """As the form shows it then, nobody is chosen: administrators may approve."""
    other = await house.hass.auth.async_create_user("Other", group_ids=[GROUP_ID_USER])
    house.set_options({"approval_users": [anna.id], "approvers": [other.id]})
    job_id = (await print_as(house, anna))["job_id"]
    with pytest.raises(ServiceValidationError, match="may not approve"):
        await house.ask("continue_job", acting(boss), job_id=job_id)
    if how == "removed":
        await house.hass.auth.async_remove_user(other)
    else:
        await house.hass.auth.async_update_user(other, is_active=False)
    await house.hass.async_block_till_done()
    await house.ask("continue_job", acting(boss), job_id=job_id)
    await house.came_out()


async def test_a_job_is_rejected(anna: User, boss: User, house: House) -> None:
    house.hass.config.language = "zh-Hans"
    house.set_options(
        {"approval_printers": list(house.data.storage.printers), "approvers": [anna.id]}
    )
    job = await print_as(house, boss)
    # There are approvers, and an administrator is none of them.
    assert (
        await refusal(house.ask("continue_job", acting(boss), job_id=job["job_id"]))
        == "not_an_approver"
    )
    reported = (
        await house.ask("reject_job", acting(anna), job_id=job["job_id"], message="Read it here\n")
    )["job"]
    assert (reported["state"], reported["reason"]) == ("canceled", "rejected")
    assert reported["message"] == "任务已被拒绝（Anna：Read it here）。"
    assert not house.sent


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


async def test_what_is_to_be_approved(house: House) -> None:
    printers = house.data.coordinator.data.printers.values()
    laser = next(one for one in printers if one.name == LASER)
    policy = PrintPolicy(house.hass, house.entry, house.data.storage.pages)
    for case, (options, asked, expected) in LIMITS.items():
        house.set_options(options)
        document = Document(
            path=Path("unread.pdf"),
            name="Report.pdf",
            content_type="application/pdf",
            extension=".pdf",
            size=1,
            pages=asked.get("pages", 1),
            title="Report",
        )
        wanted = options_in({"copies": asked.get("copies"), "pages": asked.get("range")})
        spec = JobSpec(
            printer_key=laser.key,
            title="Report",
            sender_address=asked.get("sender_address"),
            origin=asked.get("origin"),
        )
        resolved = resolve_options(wanted, None, (), laser.printer.species)
        first = Delivery(document=document, options=resolved)
        asked_for = await policy.async_add_hold_reasons(spec, first, [])
        assert asked_for.waits_for == (("approval",) if expected else ()), case


async def test_it_is_told_for_whom_a_job_waits(
    all_entities: None, anna: User, boss: User, house: House
) -> None:
    """The event fires once for each person and once for the printer, the sensor has the present reason."""
    house.set_options({"approval_users": [anna.id]})
    sensor, event_id = (
        f"{kind}.kyocera_ma2000w_gx_{what}"
        for kind, what in (("sensor", "hold_reason"), ("event", "print_job"))
    )
    states = follow(house.hass, event_id)

    def reported() -> list[tuple[str, str | None]]:
        return [(one.attributes["event_type"], one.attributes["reason"]) for one in states]

    house.box.printer(1).on = False
    await house.data.coordinator.async_refresh()
    job = await print_as(house, anna, release_code="4711")
    for reason, code in (("approval", None), ("release", "4711")):
        await until(partial(house.hass.states.is_state, sensor, reason))
        assert reported()[-1] == ("held", reason)
        data = {"job_id": job["job_id"], "reason": reason}
        await house.ask("continue_job", acting(boss), **data, **({"code": code} if code else {}))
    await until(lambda: house.hass.states.is_state(sensor, "disconnected"))
    assert reported() == [("held", "approval"), ("held", "release"), ("held", "disconnected")]
    await house.ask("cancel_job", acting(anna), job_id=job["job_id"])
    await house.hass.async_block_till_done()
    assert reported()[3:] == [("canceled", None)]
    assert not house.sent


async def test_answering_twice_at_once(anna: User, boss: User, house: House) -> None:
    """One of several presses counts, and what waits for the next person goes on waiting."""
    house.set_options({"approval_users": [anna.id], "release_users": [anna.id]})
    job = await print_as(house, anna)
    answers = await asyncio.gather(
        *(
            house.ask("continue_job", acting(boss), job_id=job["job_id"], reason="approval")
            for _ in range(5)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, dict) for answer in answers) == 1
    assert house.queue.get(job["job_id"]).waits_for == ("release",)
    yes = [house.ask("continue_job", acting(boss), job_id=job["job_id"]) for _ in range(3)]
    no = [house.ask("reject_job", acting(boss), job_id=job["job_id"]) for _ in range(3)]
    answers = await asyncio.gather(*yes, *no, return_exceptions=True)
    assert sum(isinstance(answer, dict) for answer in answers) == 1
    await house.came_out()


async def by_action(house: House, user: User, job_id: str, _client: MockHAClientWebSocket) -> None:
    await house.ask("continue_job", acting(user), job_id=job_id)


async def by_rejection(
    house: House, user: User, job_id: str, _client: MockHAClientWebSocket
) -> None:
    await house.ask("reject_job", acting(user), job_id=job_id)


async def by_card(house: House, _user: User, job_id: str, client: MockHAClientWebSocket) -> None:
    data = {"job_id": job_id}
    await client.send_json_auto_id(
        {"type": "lianke/action", "service": "continue_job", "service_data": data}
    )


async def by_notification(
    house: House, user: User, job_id: str, _client: MockHAClientWebSocket
) -> None:
    _, job = async_target_of_job(house.hass, job_id)
    action = {"action": answer_action(job, ButtonAnswer.APPROVE)}
    house.hass.bus.async_fire("mobile_app_notification_action", action, context=acting(user))


async def by_button(house: House, user: User, _job_id: str, _client: MockHAClientWebSocket) -> None:
    entities = er.async_entries_for_device(er.async_get(house.hass), house.device(OTHER_LASER))
    entity_id = next(one.entity_id for one in entities if "release_jobs" in one.unique_id)
    await house.hass.services.async_call(
        "button", "press", {"entity_id": entity_id}, blocking=True, context=acting(user)
    )


@pytest.mark.parametrize("door", [by_action, by_rejection, by_card, by_notification, by_button])
async def test_an_answer_counts_for_what_it_was_checked_for(
    hass_ws_client: WebSocketGenerator,
    anna: User,
    boss: User,
    door: Callable[..., Awaitable[None]],
    house: House,
) -> None:
    """Whoever releases a job twice at once has not approved it."""
    keys = {one.name: key for key, one in house.data.storage.printers.items()}
    house.set_options(
        {
            "release_printers": [keys[LASER], keys[OTHER_LASER]],
            "approval_printers": [keys[OTHER_LASER]],
        }
    )
    other = house.device(OTHER_LASER)
    made = await house.hass.auth.async_create_refresh_token(anna, "http://localhost/")
    client = await hass_ws_client(house.hass, house.hass.auth.async_create_access_token(made))
    job_id = (await print_as(house, anna))["job_id"]
    moved = await house.ask("move_job", acting(anna), job_id=job_id, to_device_id=other)
    job_id = moved["job"]["job_id"]
    queue = house.queue
    assert queue.get(job_id).waits_for == ("release", "approval")
    released = house.ask("continue_job", acting(anna), job_id=job_id, reason="release")
    answers = (door(house, anna, job_id, client) for _ in range(2))
    await asyncio.gather(released, *answers, return_exceptions=True)
    if door is by_card:
        for _ in range(2):
            assert not (await client.receive_json())["success"]
    await house.hass.async_block_till_done()
    job = queue.get(job_id)
    assert (job.state, job.waits_for) == (JobState.HELD, ("approval",))
    assert not house.sent
    await house.ask("continue_job", acting(boss), job_id=job_id)
    await house.came_out()


async def test_what_was_approved_and_did_not_come_out(
    reachable: str, anna: User, boss: User, house: House
) -> None:
    """The same document for the same user needs no second approval; a change of it, or of the user, does."""
    other = await house.hass.auth.async_create_user("Other", group_ids=[GROUP_ID_USER])
    house.set_options({"approval_users": [anna.id, other.id]})

    async def fails() -> str:
        house.cloud.plan(house.box.printer(1), Outcome(code=502))
        job_id = str((await print_as(house, anna))["job_id"])
        await house.ask("continue_job", acting(boss), job_id=job_id)
        queue = house.queue
        await until(lambda: queue.get(job_id).state is JobState.FAILED)
        return job_id

    again = (await house.ask("retry_job", acting(anna), job_id=await fails()))["job"]
    assert again["state"] == "uploading"
    await house.came_out()
    for user, changed in ((anna, {"copies": 50}), (other, {})):
        again = await house.ask("retry_job", acting(user), job_id=await fails(), **changed)
        assert again["job"]["hold_reason"] == "approval"


async def test_what_was_approved_and_is_moved(anna: User, boss: User, house: House) -> None:
    house.set_options({"approval_users": [anna.id]})
    house.box.printer(1).on = False
    await house.data.coordinator.async_refresh()
    jobs = [await print_as(house, anna) for _ in range(2)]
    await house.ask("continue_job", acting(boss), job_id=jobs[0]["job_id"])
    other = house.device(OTHER_LASER)
    moved = [
        (await house.ask("move_job", acting(anna), job_id=job["job_id"], to_device_id=other))["job"]
        for job in jobs
    ]
    assert [job["hold_reason"] for job in moved] == [None, "approval"]
    await house.came_out()


async def test_who_lets_print_what_nobody_can_count(
    house: House, anna: User, boss: User, tmp_path: Path
) -> None:
    """Whoever asked did, past the limits on pages; an approver does, or anybody where no person asked."""
    make_media(house.hass, tmp_path / "media")
    house.cloud.fail("POST /print/page_count", Fault(kind="http", status=503), times=9)
    (house.media / "Plan.docx").write_bytes(zipped("[Content_Types].xml", "word/document.xml"))
    call = {"device_id": house.device(), "file": house.path("Plan.docx")}
    askers = ((anna, "approval"), (boss, "release"), (None, "release"))
    for count, (asker, reason) in enumerate(askers, 1):
        context = Context() if asker is None else acting(asker)
        [job] = (await house.ask("print", context, **call))["jobs"]
        assert (job["state"], job["waits_for"]) == ("held", [reason])
        if asker is anna:
            own = house.ask("continue_job", acting(anna), job_id=job["job_id"])
            assert await refusal(own) == "not_an_approver"
            assert not house.sent
        await house.ask("continue_job", acting(boss), job_id=job["job_id"])
        await until(lambda: house.sent >= count)  # noqa: B023 - it is awaited here
