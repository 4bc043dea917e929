"""Approvers are told of jobs that wait, and answer by buttons; askers are told of the answers."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from homeassistant.auth.const import GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.components import persistent_notification
from homeassistant.components.lovelace.const import LOVELACE_DATA
from homeassistant.components.lovelace.dashboard import LovelaceStorage
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context, CoreState, ServiceCall, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.job_signals import SIGNAL_JOB_UPDATED, JobUpdate
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.people import notifications
from tests.clock import Clock, until
from tests.conftest import texts
from tests.household import OTHER_LASER, House, uploader
from tests.ledgers import refusing
from tests.security.rendering import active
from tests.simulator import make_pdf

PHONE = "notify.mobile_app_boss"
TABLET = "notify.hall_tablet"


@dataclass(frozen=True, kw_only=True)
class Family(House):
    """A house with an approver's phone, a tablet and a child's phone."""

    boss: User
    anna: User
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def take(self, call: ServiceCall) -> None:
        name = call.data.get("entity_id", call.service)
        self.messages.append((name[0] if isinstance(name, list) else name, dict(call.data)))

    async def reported(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for so many messages to somebody, and return them."""
        await until(lambda: sum(to == name for to, _ in self.messages) >= count)
        return [data for to, data in self.messages if to == name]

    async def print_as_anna(self, **data: Any) -> str:
        """Print something as the child; return the job's id."""
        source = {} if "upload" in data else {"text": "Hello"}
        answer = await self.ask(
            "print", Context(user_id=self.anna.id), device_id=self.device(), **source, **data
        )
        return str(answer["jobs"][0]["job_id"])

    async def press(self, button: str, user: User | None) -> None:
        self.hass.bus.async_fire(
            "mobile_app_notification_action",
            {"action": button},
            context=Context(user_id=None if user is None else user.id),
        )
        await self.hass.async_block_till_done()

    def state(self, job_id: str) -> JobState:
        return self.queue.get(job_id).state


@pytest.fixture
async def house(house: House, boss: User, anna: User) -> AsyncGenerator[Family]:
    """Let a child's jobs wait for the boss, who has a phone; a tablet shows them, too."""
    hass = house.hass
    family = Family(hass=hass, simulator=house.simulator, entry=house.entry, boss=boss, anna=anna)
    for service in ("mobile_app_boss", "send_message"):
        hass.services.async_register("notify", service, family.take)
    phones = []
    for user in (boss, anna):
        phone = MockConfigEntry(domain="mobile_app", data={"user_id": user.id})
        phones.append(phone)
        phone.add_to_hass(hass)
        phone.mock_state(hass, ConfigEntryState.LOADED)
        er.async_get(hass).async_get_or_create(
            "notify", "mobile_app", user.name or "", config_entry=phone, object_id_base=user.name
        )
    house.set_options({"approval_users": [anna.id], "approval_notify": [PHONE, TABLET]})
    yield family
    for phone in phones:
        phone.mock_state(hass, ConfigEntryState.NOT_LOADED)


async def buttons(house: Family) -> tuple[str, str]:
    [reported, *_] = await house.reported("mobile_app_boss")
    approve, reject = reported["data"]["actions"]
    assert (approve["title"], reject["title"]) == ("Approve", "Reject")
    return approve["action"], reject["action"]


async def test_an_approver_approves(house: Family) -> None:
    job_id = await house.print_as_anna(title="Homework")
    approve, _ = await buttons(house)
    [reported] = await house.reported("mobile_app_boss")
    assert reported["title"] == "A print job waits for your approval"
    assert reported["message"] == "“Homework” · Kyocera MA2000w GX · Anna"
    [words] = await house.reported(TABLET)
    assert words["message"].startswith(reported["message"] + "\nApprove or reject it on the card")
    assert "data" not in words
    await house.press(approve, house.boss)
    await house.came_out()
    [answer] = await house.reported("notify.anna")
    assert (answer["title"], answer["message"]) == ("Homework", "Your print job was approved.")
    [_, gone] = await house.reported("mobile_app_boss", 2)
    assert (gone["message"], gone["data"]) == (
        "clear_notification",
        {"tag": reported["data"]["tag"]},
    )
    # Words cannot be taken back: whoever reads them is told that nothing is left to be done.
    [_, over] = await house.reported(TABLET, 2)
    assert over["message"] == "“Homework” is settled: it waits for nobody's approval any more."
    # Once more changes nothing; the phone says so.
    await house.press(approve, house.boss)
    [refused] = await house.reported("notify.boss")
    assert "does not wait for this answer" in refused["message"]
    assert house.sent == 1
    assert house.state(job_id) is not JobState.HELD


async def test_a_phone_is_told_why_nothing_was_done_in_the_language_of_the_house(
    house: Family,
) -> None:
    """What was said in Chinese before ended in English."""
    job_id = await house.print_as_anna(title="Homework")
    approve, _ = await buttons(house)
    house.hass.config.language = "zh-Hans"
    with refusing(house.hass):
        await house.press(approve, house.boss)
    [refused] = await house.reported("notify.boss")
    told = texts("zh-Hans")["exceptions"]["change_not_saved"]["message"]
    assert refused["message"] == told.format(title="Homework")
    assert house.state(job_id) is JobState.HELD
    assert not house.sent


async def test_an_approver_rejects(house: Family) -> None:
    job_id = await house.print_as_anna()
    _, reject = await buttons(house)
    await house.press(reject, house.boss)
    [answer] = await house.reported("notify.anna")
    assert answer["message"] == "The job was rejected (Boss)."
    assert house.state(job_id) is JobState.CANCELED
    assert not house.sent


async def test_others_press_the_button(house: Family, caplog: pytest.LogCaptureFixture) -> None:
    job_id = await house.print_as_anna()
    approve, reject = await buttons(house)
    await house.press(approve, house.anna)
    [refused] = await house.reported("notify.anna")
    assert "You may not approve or reject" in refused["message"]
    other = await house.print_as_anna()
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
    # The way of the job itself is told, too.
    ours = [
        one
        for one in caplog.records
        if one.name.startswith("custom_components") and not one.name.endswith("jobs.box_jobs")
    ]
    assert not [one for one in ours if job_id in one.getMessage()]
    assert (house.state(job_id), house.state(other)) == (JobState.HELD, JobState.HELD)
    assert not house.sent


async def test_a_question_in_the_sidebar_leads_to_the_card_and_goes_with_the_answer(
    house: Family,
) -> None:
    hass = house.hass
    for component in ("persistent_notification", "lovelace"):
        assert await async_setup_component(hass, component, {})
    card = {"type": "custom:lianke-card", "devices": [house.device()]}
    other = {"type": "custom:lianke-card", "devices": [house.device(OTHER_LASER)]}
    views = [{"cards": [other]}, {"path": "paper", "sections": [{"cards": [card]}]}]
    board = LovelaceStorage(hass, {"id": "home", "url_path": "home-board"})
    await board.async_save({"views": views})
    hass.data[LOVELACE_DATA].dashboards["home-board"] = board
    await hass.config.async_update(external_url="https://home.example")
    sidebar = "notify.persistent_notification"
    house.set_options(
        {"approval_users": [house.anna.id], "approval_notify": [PHONE, sidebar, TABLET]}
    )
    await house.print_as_anna(title="Home*work*")
    _, reject = await buttons(house)
    await house.reported(TABLET)
    [shown] = persistent_notification._async_get_or_create_notifications(hass).values()
    where = "Approve or reject it on the card of the printer."
    assert shown["message"].endswith(f"[{where}](/home-board/paper)")
    [phone] = await house.reported("mobile_app_boss")
    assert (phone["data"]["url"], phone["data"]["clickAction"]) == ("/home-board/paper",) * 2
    [tablet] = await house.reported(TABLET)
    assert tablet["message"].endswith(f"{where} https://home.example/home-board/paper")
    await house.press(reject, house.boss)
    await until(lambda: not persistent_notification._async_get_or_create_notifications(hass))


@pytest.mark.parametrize("starting", [False, True])
async def test_nobody_answers(house: Family, starting: bool) -> None:
    """Also where it is learned of before the phones' notify actions are there."""
    await house.print_as_anna(expires_in={"seconds": 10})
    await house.reported("mobile_app_boss")
    if starting:
        house.hass.set_state(CoreState.not_running)
        house.hass.services.async_remove("notify", "send_message")
    data = house.data
    [job] = data.queue.jobs()
    data.queue._jobs.change(job, expires_at=job.created_at - timedelta(seconds=1))
    data.queue._scheduler.review()
    if starting:
        await house.hass.async_block_till_done(wait_background_tasks=True)
        house.hass.services.async_register("notify", "send_message", house.take)
        await house.hass.async_start()
    [answer] = await house.reported("notify.anna")
    assert answer["message"] == "Nobody approved your print job in time. It was not printed."
    await house.reported("mobile_app_boss", 2)


async def test_buttons_hold_over_a_restart(house: Family) -> None:
    await house.print_as_anna()
    approve, _ = await buttons(house)
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    # Nothing happens while the box is not loaded; the phone says so.
    await house.press(approve, house.boss)
    [told] = await house.reported("notify.boss")
    assert told["message"].startswith("Nothing was done")
    assert await house.hass.config_entries.async_setup(house.entry.entry_id)
    await house.press(approve, house.boss)
    await house.came_out()
    # Nobody was asked twice.
    [question, over] = await house.reported(TABLET, 2)
    assert ("title" in question, "title" in over) == (True, False)


async def test_the_box_is_removed_while_somebody_waits(house: Family) -> None:
    """Nobody goes on waiting, and no phone keeps a question that nobody can answer."""
    await house.print_as_anna(title="Homework")
    approve, _ = await buttons(house)
    [asked] = await house.reported("mobile_app_boss")
    ends: list[JobUpdate] = []

    @callback
    def on_update(update: JobUpdate) -> None:
        ends.append(update)

    async_dispatcher_connect(house.hass, SIGNAL_JOB_UPDATED, on_update)
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    [told] = await house.reported("notify.anna")
    assert (told["title"], told["message"]) == (
        "Homework",
        "Its print box was removed from Home Assistant. Your print job was not printed.",
    )
    [_, gone] = await house.reported("mobile_app_boss", 2)
    assert (gone["message"], gone["data"]) == ("clear_notification", {"tag": asked["data"]["tag"]})
    assert [end.job.state for end in ends] == [JobState.CANCELED]
    # A phone that was off has the buttons still.
    await house.press(approve, house.boss)
    [told] = await house.reported("notify.boss")
    assert told["message"].startswith("Nothing was done")
    assert not house.sent


async def test_the_printer_is_removed_while_somebody_waits(house: Family) -> None:
    job_id = await house.print_as_anna()
    await house.queue.async_fail_waiting(house.queue.get(job_id).spec.printer_key)
    [told] = await house.reported("notify.anna")
    assert told["message"].startswith("Its printer was removed from Home Assistant.")


@pytest.mark.parametrize("error", [HomeAssistantError("no connection"), OSError("no route")])
async def test_a_phone_that_is_not_reached(
    house: Family, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:

    async def refuse(call: ServiceCall) -> None:
        raise error

    for service in ("mobile_app_boss", "send_message"):
        house.hass.services.async_register("notify", service, refuse)
    job_id = await house.print_as_anna(title="Secret diary")
    await until(lambda: "A notification was not sent by notify.hall_tablet" in caplog.text)
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert not [message for message in warned if "Secret diary" in message]
    await house.ask("continue_job", Context(user_id=house.boss.id), job_id=job_id)
    await house.came_out()


async def test_a_job_that_is_moved_is_not_approved_by_that(house: Family) -> None:
    """The question moves with it; its asker is told of the answer alone, and it waits but once at each printer."""
    events = house.hass.states.async_entity_ids("event")
    changes = async_capture_events(house.hass, "state_changed")
    job_id = await house.print_as_anna()
    await house.ask(
        "move_job",
        Context(user_id=house.anna.id),
        job_id=job_id,
        to_device_id=house.device(OTHER_LASER),
    )
    reported = await house.reported("mobile_app_boss", 3)
    await house.hass.async_block_till_done(wait_background_tasks=True)
    assert "notify.anna" not in [name for name, _ in house.messages]
    fired = [one.data["new_state"] for one in changes if one.data["entity_id"] in events]
    kinds = [state.attributes["event_type"] for state in fired]
    assert sorted(kinds) == ["canceled", "held", "held"]
    [_, asked] = [message for message in reported if "actions" in message["data"]]
    await house.press(asked["data"]["actions"][0]["action"], house.boss)
    await house.came_out()
    [told] = await house.reported("notify.anna")
    assert told["message"] == "Your print job was approved."


async def test_titles_are_shown_as_they_are(house: Family) -> None:
    options = {**house.entry.options, "approval_notify": [PHONE, "notify.persistent_notification"]}
    house.hass.config_entries.async_update_entry(house.entry, options=options)
    house.hass.services.async_register("notify", "persistent_notification", house.take)
    await house.print_as_anna(title="<b>Bill</b> ![x](https://127.0.0.1/x.png)")
    [phone] = await house.reported("mobile_app_boss")
    assert phone["message"].startswith("“‹b›Bill‹/b› ![x](https://127.0.0.1/x.png)”")
    [sidebar] = await house.reported("persistent_notification")
    assert "\\!\\[x\\]\\(" in sidebar["message"]
    # The last line is ours.
    words, _, ours = sidebar["message"].rpartition("\n")
    # There is no dashboard with the card here.
    assert ours == "Approve or reject it on the card of the printer."
    assert not active(words)


async def test_a_phone_that_hangs(house: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "SEND_SECONDS", 0.1)

    async def hang(call: ServiceCall) -> None:
        await asyncio.Event().wait()

    house.hass.services.async_register("notify", "mobile_app_boss", hang)
    await house.print_as_anna()
    await house.reported(TABLET)


@pytest.mark.parametrize("then", ["stays", "reloads", "is removed"])
async def test_nobody_is_asked_after_the_answer(house: Family, then: str) -> None:
    """A question that was on its way at that moment is taken back once it has come."""
    reached, answered = asyncio.Event(), asyncio.Event()

    async def slow(call: ServiceCall) -> None:
        if call.data["message"] != notifications.CLEAR_NOTIFICATION:
            reached.set()
            await answered.wait()
        await house.take(call)

    house.hass.services.async_register("notify", "mobile_app_boss", slow)
    job_id = await house.print_as_anna()
    await reached.wait()
    if then == "reloads":
        await house.hass.config_entries.async_reload(house.entry.entry_id)
    if then == "is removed":
        await house.hass.config_entries.async_remove(house.entry.entry_id)
    else:
        await house.ask("continue_job", Context(user_id=house.boss.id), job_id=job_id)
    await house.reported("notify.anna")
    answered.set()
    await house.hass.async_block_till_done(wait_background_tasks=True)
    told = [
        to if data["message"] != notifications.CLEAR_NOTIFICATION else None
        for to, data in house.messages
    ]
    assert told == ["notify.anna", "mobile_app_boss", None]


async def test_whoever_was_asked_is_told_once_that_it_is_settled(house: Family) -> None:
    """Words that are on their way at the answer, and a target that is not among those to be asked any more."""
    on_its_way, answered = asyncio.Event(), asyncio.Event()

    async def slow(call: ServiceCall) -> None:
        on_its_way.set()
        await answered.wait()
        await house.take(call)

    house.hass.services.async_register("notify", "send_message", slow)
    job_id = await house.print_as_anna()
    await on_its_way.wait()
    house.set_options({"approval_users": [house.anna.id]})
    await house.ask("continue_job", Context(user_id=house.boss.id), job_id=job_id)
    await house.reported("mobile_app_boss", 2)
    answered.set()
    await house.hass.async_block_till_done(wait_background_tasks=True)
    assert [to for to, _ in house.messages].count("mobile_app_boss") == 2
    assert ["title" in data for to, data in house.messages if to == TABLET] == [True, False]


async def test_nobody_is_told_of_an_answer_to_what_was_not_asked(
    house: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that is canceled before its question is sent."""
    written = asyncio.Event()
    facts = notifications._async_facts

    async def slow(*args: Any) -> list[str]:
        await written.wait()
        return await facts(*args)

    monkeypatch.setattr(notifications, "_async_facts", slow)
    job_id = await house.print_as_anna()
    await house.ask("cancel_job", Context(user_id=house.anna.id), job_id=job_id)
    await until(lambda: house.state(job_id) is JobState.CANCELED)
    written.set()
    await house.hass.async_block_till_done(wait_background_tasks=True)
    assert house.messages == []


async def test_nobody_answers_while_home_assistant_is_off(house: Family, clock: Clock) -> None:
    await house.print_as_anna(expires_in={"seconds": 10})
    await house.reported(TABLET)
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    clock.tick(60)
    assert await house.hass.config_entries.async_setup(house.entry.entry_id)
    [answer] = await house.reported("notify.anna")
    assert answer["message"] == "Nobody approved your print job in time. It was not printed."
    await house.reported("mobile_app_boss", 2)


async def test_a_question_outlasts_a_reload(house: Family) -> None:
    """Where a phone is slow to take it, the others are asked all the same, and all of them once."""
    reloaded = asyncio.Event()

    async def slow(call: ServiceCall) -> None:
        await reloaded.wait()
        await house.take(call)

    house.hass.services.async_register("notify", "mobile_app_boss", slow)
    await house.print_as_anna()
    await house.hass.config_entries.async_reload(house.entry.entry_id)
    reloaded.set()
    await house.reported(TABLET)
    assert [to for to, _ in house.messages] == ["mobile_app_boss", TABLET]


async def test_the_picture_of_a_job(
    house: Family, hass_client: ClientSessionGenerator, hass_client_no_auth: ClientSessionGenerator
) -> None:
    upload = await uploader(hass_client)
    job_id = await house.print_as_anna(upload=await upload(make_pdf(2), "Plan.pdf"))
    [reported] = await house.reported("mobile_app_boss")
    assert reported["message"] == "“Plan.pdf” · 2 pages · Kyocera MA2000w GX · Anna"
    client = await hass_client_no_auth()
    answer = await client.get(reported["data"]["image"])
    assert (answer.status, answer.content_type) == (200, "image/jpeg")
    plain = reported["data"]["image"].split("?")[0]
    assert (await client.get(plain)).status == 401
    assert (await client.get(reported["data"]["image"].replace(job_id, "0" * 26))).status == 401
    await house.ask("reject_job", Context(user_id=house.boss.id), job_id=job_id)
    assert (await client.get(reported["data"]["image"])).status == 404


async def test_who_sees_the_picture_of_a_job(
    house: Family, hass_client: ClientSessionGenerator, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """Who asked and who is to answer; what waits for a code is for the eyes of who asked alone."""
    other = await house.hass.auth.async_create_user("Other", group_ids=[GROUP_ID_USER])
    upload = await uploader(hass_client)
    client = await hass_client_no_auth()

    async def status(user: User, job_id: str) -> int:
        token = house.hass.auth.async_create_access_token(
            await house.hass.auth.async_create_refresh_token(user, client_id="https://example.com")
        )
        headers = {"Authorization": f"Bearer {token}"}
        url = f"/api/lianke/job_picture/{job_id}"
        return (await client.get(url, headers=headers)).status

    job_id = await house.print_as_anna(
        upload=await upload(make_pdf(1), "Diary.pdf"), release_code="4711"
    )
    [reported] = await house.reported("mobile_app_boss")
    image = reported["data"]["image"]
    people = (house.boss, house.anna, other)
    assert (await client.get(image)).status == 200
    assert [await status(user, job_id) for user in people] == [200, 200, 404]
    await house.ask("continue_job", Context(user_id=house.boss.id), job_id=job_id)
    assert (await client.get(image)).status == 404
    assert [await status(user, job_id) for user in people] == [404, 200, 404]
    # As a phone's job with a PIN, which no user asked for.
    nobodys = await house.ask(
        "print",
        device_id=house.device(),
        upload=await upload(make_pdf(1), "Letter.pdf"),
        release_code="4711",
    )
    job_id = nobodys["jobs"][0]["job_id"]
    assert [await status(user, job_id) for user in people] == [404, 404, 404]
    # Nor does whoever prints it again, who does not know the code.
    house.set_options({"keep_printed_hours": 24})
    pressed = Context(user_id=other.id)
    house.hass.bus.async_fire("pressed", context=pressed)
    # An automation that this sets off, then the user.
    for context in (Context(parent_id=pressed.id), pressed):
        await house.ask("cancel_job", job_id=job_id)
        await until(lambda: house.queue.jobs()[0].can_print_again)
        again = await house.ask("retry_job", context, job_id=job_id)
        job_id = again["job"]["job_id"]
        assert [await status(user, job_id) for user in people] == [404, 404, 404]
    assert not house.sent
