"""Approvers are told of jobs that wait, and answer by buttons; askers are told of the answers."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.job_signals import SIGNAL_JOB_UPDATED, JobUpdate
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.logbook import EVENT_JOB_ENDED, async_describe_events
from custom_components.lianke.people import notifications
from tests.clock import until
from tests.household import ask, came_out, data_of, device_of, sent, uploader
from tests.security.rendering import active
from tests.simulator import Simulator, make_pdf

PHONE = "notify.mobile_app_boss"
TABLET = "notify.hall_tablet"


class House:
    """A house with an approver's phone, a tablet and a child's phone."""

    def __init__(
        self, hass: HomeAssistant, entry: MockConfigEntry, boss: User, child: User
    ) -> None:
        """Take its people."""
        self.hass, self.entry, self.boss, self.child = hass, entry, boss, child
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.broken = False

    async def take(self, call: ServiceCall) -> None:
        """Take a notification."""
        if self.broken:
            raise HomeAssistantError("no connection")
        name = call.data.get("entity_id", call.service)
        self.messages.append((name[0] if isinstance(name, list) else name, dict(call.data)))

    async def reported(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for so many messages to somebody, and return them."""
        async with asyncio.timeout(20):
            while len(found := [data for to, data in self.messages if to == name]) < count:
                await asyncio.sleep(0.02)
        return found

    async def print_as(self, user: User, **data: Any) -> str:
        """Print something as a user; return the job's id."""
        if "upload" not in data:
            data["text"] = "Hello"
        response = await ask(
            self.hass, "print", Context(user_id=user.id), device_id=device_of(self.hass), **data
        )
        return str(response["jobs"][0]["job_id"])

    async def press(self, button: str, user: User | None) -> None:
        """Press a button of a notification."""
        self.hass.bus.async_fire(
            "mobile_app_notification_action",
            {"action": button},
            context=Context(user_id=None if user is None else user.id),
        )
        await self.hass.async_block_till_done()

    def state(self, job_id: str) -> JobState:
        """Return the state of a job."""
        return data_of(self.entry).queue.get(job_id).state


@pytest.fixture
async def house(hass: HomeAssistant, setup: MockConfigEntry) -> AsyncGenerator[House]:
    """Let a child's jobs wait for the boss, who has a phone; a tablet shows them, too."""
    boss = await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])
    child = await hass.auth.async_create_user("Child", group_ids=[GROUP_ID_USER])
    house = House(hass, setup, boss, child)
    hass.services.async_register("notify", "mobile_app_boss", house.take)
    hass.services.async_register("notify", "send_message", house.take)
    phones = []
    for user in (boss, child):
        phone = MockConfigEntry(domain="mobile_app", data={"user_id": user.id})
        phones.append(phone)
        phone.add_to_hass(hass)
        phone.mock_state(hass, ConfigEntryState.LOADED)
        er.async_get(hass).async_get_or_create(
            "notify", "mobile_app", user.name or "", config_entry=phone, object_id_base=user.name
        )
    hass.config_entries.async_update_entry(
        setup,
        options={"approval_users": [child.id], "approval_notify": [PHONE, TABLET]},
    )
    yield house
    for phone in phones:
        phone.mock_state(hass, ConfigEntryState.NOT_LOADED)


async def buttons(house: House) -> tuple[str, str]:
    """Return the buttons of the first notification."""
    [reported, *_] = await house.reported("mobile_app_boss")
    approve, reject = reported["data"]["actions"]
    assert (approve["title"], reject["title"]) == ("Approve", "Reject")
    return approve["action"], reject["action"]


async def test_an_approver_approves(house: House, simulator: Simulator) -> None:
    job_id = await house.print_as(house.child, title="Homework")
    approve, _ = await buttons(house)
    [reported] = await house.reported("mobile_app_boss")
    assert reported["title"] == "A print job waits for your approval"
    assert reported["message"] == "“Homework” · Kyocera MA2000w GX · Child"
    [words] = await house.reported(TABLET)
    assert words["message"].startswith(reported["message"] + "\nApprove or reject it on the card")
    assert "data" not in words
    await house.press(approve, house.boss)
    await came_out(simulator)
    [answer] = await house.reported("notify.child")
    assert (answer["title"], answer["message"]) == ("Homework", "Your print job was approved.")
    [_, gone] = await house.reported("mobile_app_boss", 2)
    assert (gone["message"], gone["data"]) == (
        "clear_notification",
        {"tag": reported["data"]["tag"]},
    )
    # Once more changes nothing; the phone says so.
    await house.press(approve, house.boss)
    [refused] = await house.reported("notify.boss")
    assert "does not wait for this answer" in refused["message"]
    assert sent(simulator) == 1
    assert house.state(job_id) is not JobState.HELD


async def test_an_approver_rejects(house: House, simulator: Simulator) -> None:
    job_id = await house.print_as(house.child)
    _, reject = await buttons(house)
    await house.press(reject, house.boss)
    [answer] = await house.reported("notify.child")
    assert answer["message"] == "The job was rejected. Boss"
    assert house.state(job_id) is JobState.CANCELED
    assert not sent(simulator)


async def test_others_press_the_button(
    house: House, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = await house.print_as(house.child)
    approve, reject = await buttons(house)
    await house.press(approve, house.child)
    [refused] = await house.reported("notify.child")
    assert "You may not approve or reject" in refused["message"]
    other = await house.print_as(house.child)
    for forged in (
        approve.replace(job_id, other),
        approve.replace("APPROVE", "REJECT"),
        reject.replace("REJECT", "APPROVE"),
        approve[:-1] + ("0" if approve[-1] != "0" else "1"),
        approve[:-1],
        approve.lower(),
        approve.replace(job_id, "0" * 26),
        "x" * 100_000,
        "",
    ):
        await house.press(forged, house.boss)
    # Whoever fires an event has no phone's user.
    await house.press(approve, None)
    ours = [one for one in caplog.records if one.name.startswith("custom_components")]
    assert not [one for one in ours if job_id in one.getMessage()]
    assert (house.state(job_id), house.state(other)) == (JobState.HELD, JobState.HELD)
    assert not sent(simulator)


async def test_nobody_answers(house: House) -> None:
    await house.print_as(house.child, expires_in={"seconds": 10})
    data = data_of(house.entry)
    [job] = data.queue.jobs()
    data.queue._registry.change(job, expires_at=job.created_at - timedelta(seconds=1))
    data.queue._scheduler.review()
    [answer] = await house.reported("notify.child")
    assert answer["message"] == "Nobody approved your print job in time. It was not printed."
    await house.reported("mobile_app_boss", 2)


async def test_buttons_hold_over_a_restart(
    hass: HomeAssistant, house: House, simulator: Simulator
) -> None:
    await house.print_as(house.child)
    approve, _ = await buttons(house)
    await hass.config_entries.async_unload(house.entry.entry_id)
    # Nothing happens while the box is not loaded; the phone says so.
    await house.press(approve, house.boss)
    [told] = await house.reported("notify.boss")
    assert told["message"].startswith("Nothing was done")
    assert await hass.config_entries.async_setup(house.entry.entry_id)
    await house.press(approve, house.boss)
    await came_out(simulator)
    # Nobody was asked twice.
    assert len([data for to, data in house.messages if to == TABLET]) == 1


async def test_the_box_is_removed_while_somebody_waits(
    hass: HomeAssistant, house: House, simulator: Simulator
) -> None:
    """Nobody goes on waiting, and no phone keeps a question that nobody can answer."""
    await house.print_as(house.child, title="Homework")
    approve, _ = await buttons(house)
    [asked] = await house.reported("mobile_app_boss")
    ends: list[JobUpdate] = []
    async_dispatcher_connect(hass, SIGNAL_JOB_UPDATED, ends.append)
    lines = async_capture_events(hass, EVENT_JOB_ENDED)
    async_describe_events(hass, lambda *_: None)
    await hass.config_entries.async_remove(house.entry.entry_id)
    [told] = await house.reported("notify.child")
    assert (told["title"], told["message"]) == (
        "Homework",
        "Its print box was removed from Home Assistant. Your print job was not printed.",
    )
    [_, gone] = await house.reported("mobile_app_boss", 2)
    assert (gone["message"], gone["data"]) == (
        "clear_notification",
        {"tag": asked["data"]["tag"]},
    )
    assert [end.job.state for end in ends] == [JobState.CANCELED]
    [line] = lines
    assert (line.data["state"], line.data["title"]) == ("canceled", "Homework")
    assert line.context.user_id == house.child.id
    # A phone that was off has the buttons still.
    await house.press(approve, house.boss)
    [told] = await house.reported("notify.boss")
    assert told["message"].startswith("Nothing was done")
    assert not sent(simulator)


async def test_a_phone_that_is_not_reached(
    house: House, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    house.broken = True
    job_id = await house.print_as(house.child, title="Secret diary")
    await until(lambda: "A notification was not sent by notify.hall_tablet" in caplog.text)
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert not [message for message in warned if "Secret diary" in message]
    await ask(house.hass, "continue_job", Context(user_id=house.boss.id), job_id=job_id)
    await came_out(simulator)


async def test_titles_are_shown_as_they_are(house: House) -> None:
    options = {**house.entry.options, "approval_notify": [PHONE, "notify.persistent_notification"]}
    house.hass.config_entries.async_update_entry(house.entry, options=options)
    house.hass.services.async_register("notify", "persistent_notification", house.take)
    await house.print_as(house.child, title="<b>Bill</b> ![x](https://127.0.0.1/x.png)")
    [phone] = await house.reported("mobile_app_boss")
    assert phone["message"].startswith("“‹b›Bill‹/b› ![x](https://127.0.0.1/x.png)”")
    [sidebar] = await house.reported("persistent_notification")
    assert "\\!\\[x\\]\\(" in sidebar["message"]
    assert not active(sidebar["message"])


async def test_a_phone_that_hangs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "SEND_SECONDS", 0.1)

    async def hang(call: ServiceCall) -> None:
        await asyncio.Event().wait()

    house.hass.services.async_register("notify", "mobile_app_boss", hang)
    await house.print_as(house.child)
    await house.reported(TABLET)


async def test_the_picture_of_a_job(
    hass: HomeAssistant,
    house: House,
    simulator: Simulator,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    upload = await uploader(hass_client)
    job_id = await house.print_as(house.child, upload=await upload(make_pdf(2), "Plan.pdf"))
    [reported] = await house.reported("mobile_app_boss")
    assert reported["message"] == "“Plan.pdf” · 2 pages · Kyocera MA2000w GX · Child"
    client = await hass_client_no_auth()
    answer = await client.get(reported["data"]["image"])
    assert (answer.status, answer.content_type) == (200, "image/jpeg")
    plain = reported["data"]["image"].split("?")[0]
    assert (await client.get(plain)).status == 401
    assert (await client.get(reported["data"]["image"].replace(job_id, "0" * 26))).status == 401
    await ask(hass, "reject_job", Context(user_id=house.boss.id), job_id=job_id)
    assert (await client.get(reported["data"]["image"])).status == 404


async def test_who_sees_the_picture_of_a_job(
    hass: HomeAssistant,
    house: House,
    simulator: Simulator,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """Who asked and who is to answer; what waits for a code is for the eyes of who asked alone."""
    other = await hass.auth.async_create_user("Other", group_ids=[GROUP_ID_USER])
    upload = await uploader(hass_client)
    client = await hass_client_no_auth()

    async def status(user: User, job_id: str) -> int:
        token = hass.auth.async_create_access_token(
            await hass.auth.async_create_refresh_token(user, client_id="https://example.com")
        )
        headers = {"Authorization": f"Bearer {token}"}
        url = f"/api/lianke/job_picture/{job_id}"
        return (await client.get(url, headers=headers)).status

    job_id = await house.print_as(
        house.child, upload=await upload(make_pdf(1), "Diary.pdf"), release_code="4711"
    )
    [reported] = await house.reported("mobile_app_boss")
    image = reported["data"]["image"]
    people = (house.boss, house.child, other)
    assert (await client.get(image)).status == 200
    assert [await status(user, job_id) for user in people] == [200, 200, 404]
    await ask(hass, "continue_job", Context(user_id=house.boss.id), job_id=job_id)
    assert (await client.get(image)).status == 404
    assert [await status(user, job_id) for user in people] == [404, 200, 404]
    # As a phone's job with a PIN, which no user asked for.
    nobodys = await ask(
        hass,
        "print",
        device_id=device_of(hass),
        upload=await upload(make_pdf(1), "Letter.pdf"),
        release_code="4711",
    )
    job_id = nobodys["jobs"][0]["job_id"]
    assert [await status(user, job_id) for user in people] == [404, 404, 404]
    assert not sent(simulator)
