"""What a person sets off does to jobs what that person may do: automations are asked whose finger it was."""

import base64
from collections.abc import AsyncGenerator
from typing import Any

from homeassistant.auth.const import GROUP_ID_READ_ONLY
from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import CAT_ENTITIES
from homeassistant.components.todo.const import TodoItemStatus
from homeassistant.components.todo.entity import TodoItem
from homeassistant.core import Context, Event, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util.ulid import ulid_at_time
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.jobs.job import Job, JobState
from tests.clock import until
from tests.documents.entities import Shopping, add
from tests.household import LASER, OTHER_LASER, House, key_of, refusal
from tests.people.steps import CONTROL, entity_of, messages
from tests.simulator import make_pdf

# Of a context from before all that is remembered.
LONG_AGO = ulid_at_time(1_700_000_000)
LASER_STATUS, OTHER_STATUS = "sensor.kyocera_ma2000w_gx", "sensor.hp_laserjet_1020"


@pytest.fixture
async def house(house: House) -> AsyncGenerator[House]:
    hass = house.hass
    act = {"action": "{{ trigger.event.data.action }}", "data": "{{ trigger.event.data.fields }}"}
    config: dict[str, Any] = {
        "homeassistant": {},
        "automation": [
            {
                "alias": "acts",
                "mode": "parallel",
                "triggers": {"trigger": "event", "event_type": "act"},
                "actions": [act],
            },
            {
                "alias": "prints a list",
                "triggers": {"trigger": "event", "event_type": "print_list"},
                "actions": {
                    "action": "lianke.print",
                    "data": {"device_id": house.device(), "source_entity": "todo.shopping"},
                },
            },
            {
                "alias": "lists",
                "triggers": {"trigger": "event", "event_type": "list"},
                "actions": [
                    {
                        "action": "lianke.list_jobs",
                        "data": {"device_id": house.device()},
                        "response_variable": "found",
                    },
                    {
                        "event": "found",
                        "event_data": {
                            "users": "{{ found.jobs | map(attribute='user_id') | list }}"
                        },
                    },
                ],
            },
        ],
    }
    for component, settings in config.items():
        assert await async_setup_component(hass, component, {component: settings})
    await hass.async_block_till_done()
    yield house
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)


@pytest.fixture
async def guest(house: House, boss: User) -> User:
    """Return somebody who may look at the printers, and use none."""
    return await house.hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_READ_ONLY])


async def set_off(house: House, user: User | None, action: str, **fields: Any) -> None:
    context = Context(user_id=None if user is None else user.id)
    house.hass.bus.async_fire("act", {"action": action, "fields": fields}, context=context)
    await house.hass.async_block_till_done()


async def held(house: House, **data: Any) -> Job:
    """Let the house print something that waits: nobody is at the printer, or it is off."""
    if "release_code" not in data:
        await house.switch_off()
    answer = await house.ask("print", device_id=house.device(), text="Hello", **data)
    return house.queue.get(str(answer["jobs"][0]["job_id"]))


ACTIONS: dict[str, dict[str, Any]] = {
    "cancel_job": {},
    "reject_job": {},
    "continue_job": {},
    "move_job": {"to_device_id": OTHER_LASER},
}


@pytest.mark.parametrize("action", ACTIONS)
async def test_who_may_not_use_a_printer_does_nothing_to_its_jobs(
    house: House, guest: User, anna: User, action: str
) -> None:
    """By no automation either; who may use it does by the same one."""
    answers = action in ("reject_job", "continue_job")
    job = await held(house, **({"release_code": "4711"} if answers else {}))
    fields: dict[str, Any] = {"job_id": job.job_id}
    if action == "move_job":
        fields["to_device_id"] = house.device(OTHER_LASER)
    await set_off(house, guest, f"{DOMAIN}.{action}", **fields)
    assert house.queue.get(job.job_id).state is JobState.HELD
    assert len(house.queue.jobs()) == 1
    await set_off(house, anna, f"{DOMAIN}.{action}", **fields)
    assert house.queue.get(job.job_id).state is not JobState.HELD


async def test_nothing_is_moved_where_who_set_it_off_may_not_print(house: House) -> None:
    """The rights on the printer that the job waits for are not enough."""
    user = MockUser(groups=[]).add_to_hass(house.hass)
    user.mock_policy({CAT_ENTITIES: {"entity_ids": {LASER_STATUS: CONTROL}}})
    job = await held(house)
    fields = {"job_id": job.job_id, "to_device_id": house.device(OTHER_LASER)}
    await set_off(house, user, "lianke.move_job", **fields)
    assert [one.job_id for one in house.queue.jobs()] == [job.job_id]
    user.mock_policy({CAT_ENTITIES: {"entity_ids": {LASER_STATUS: CONTROL, OTHER_STATUS: CONTROL}}})
    await set_off(house, user, "lianke.move_job", **fields)
    assert len(house.queue.jobs()) == 2


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("to", [LASER, OTHER_LASER])
async def test_nothing_is_printed_again_for_who_may_not_print_it(
    house: House, guest: User, anna: User, to: str
) -> None:
    """Neither where it was printed, nor elsewhere."""
    house.set_options({"keep_printed_hours": 24})
    await house.hass.async_block_till_done()
    done = await house.print_one(text="Hello")
    # The clean-up after a job's end keeps the document.
    await until(lambda: house.queue.get(done["job_id"]).can_print_again)
    fields = {"job_id": done["job_id"], "to_device_id": house.device(to)}
    await set_off(house, guest, "lianke.retry_job", **fields)
    assert len(house.queue.jobs()) == 1
    await set_off(house, anna, "lianke.retry_job", **fields)
    await house.came_out(2)


async def test_what_a_document_is_drawn_and_counted_for(house: House, guest: User) -> None:
    """Who may not print asks the cloud for no picture and no number, by an automation either."""
    fields = {"device_id": house.device(), "text": "Hello"}
    for action in ("preview", "count_pages"):
        run = {"action": f"lianke.{action}", "data": fields, "response_variable": "seen"}
        script = {"sequence": [run, {"event": "seen", "event_data": {"action": action}}]}
        assert await async_setup_component(house.hass, "script", {"script": {action: script}})
    seen: list[str] = []
    house.hass.bus.async_listen("seen", lambda event: seen.append(event.data["action"]))
    await set_off(house, guest, "script.preview")
    assert not seen
    await set_off(house, None, "script.preview")
    assert seen == ["preview"]


async def with_release_button(house: House) -> str:
    """Switch the button that releases jobs on, as a user does."""
    entity_id = entity_of(house, "button", "release_jobs")
    er.async_get(house.hass).async_update_entity(entity_id, disabled_by=None)
    assert await house.hass.config_entries.async_reload(house.entry.entry_id)
    await house.hass.async_block_till_done()
    return entity_id


async def test_buttons_are_pressed_for_whoever_set_it_off(
    house: House, guest: User, anna: User
) -> None:
    """A guest cannot press one, and no automation presses it for the guest; a sensor's does."""
    entity_id = entity_of(house, "button", "cancel_waiting_jobs")
    for user in (anna, None):
        job = await held(house)
        await set_off(house, guest, "button.press", entity_id=entity_id)
        assert house.queue.get(job.job_id).state is JobState.HELD
        await set_off(house, user, "button.press", entity_id=entity_id)
        assert house.queue.get(job.job_id).state is JobState.CANCELED


async def test_whoever_hears_of_an_event_first_acts_for_who_fired_it(
    house: House, guest: User, anna: User
) -> None:
    """An integration that acts at once is heard of before what set it off."""
    entity_id, hass = entity_of(house, "button", "cancel_waiting_jobs"), house.hass

    @callback
    def act(event: Event) -> None:
        press = hass.services.async_call(
            "button", "press", {"entity_id": entity_id}, context=Context(parent_id=event.context.id)
        )
        hass.async_create_task(press)

    hass.bus.async_listen("knob_turned", act)
    job = await held(house)
    hass.bus.async_fire("knob_turned", context=Context(user_id=guest.id))
    await hass.async_block_till_done()
    assert house.queue.get(job.job_id).state is JobState.HELD
    hass.bus.async_fire("knob_turned", context=Context(user_id=anna.id))
    await hass.async_block_till_done()
    assert house.queue.get(job.job_id).state is JobState.CANCELED


async def test_a_test_page_and_the_box_are_for_who_may_press_the_button(
    house: House, guest: User, anna: User
) -> None:
    """Neither paper nor a restart comes of what a guest set off."""
    test_page = entity_of(house, "button", "test_page")
    restart = er.async_get(house.hass).async_get_entity_id(
        "button", DOMAIN, f"{house.entry.unique_id}_restart"
    )
    for entity_id in (test_page, restart):
        await set_off(house, guest, "button.press", entity_id=entity_id)
    assert not house.queue.jobs()
    assert not house.cloud.count("POST /box/restart")
    await set_off(house, anna, "button.press", entity_id=test_page)
    await house.came_out()


async def test_messages_are_printed_for_whoever_may_print_them(
    house: House, guest: User, anna: User
) -> None:
    """A guest's phone fires any event: no paper comes of it by the notify entity either, and a sensor's does."""
    message = {"message": "Hello", "entity_id": messages(house)}
    await set_off(house, guest, "notify.send_message", **message)
    assert not house.queue.jobs()
    for count, user in enumerate((anna, None), 1):
        await set_off(house, user, "notify.send_message", **message)
        await house.came_out(count)
        assert house.queue.jobs()[0].spec.asker.user_id == (user and user.id)


async def test_what_is_forgotten_prints_no_message_where_somebody_may_not(
    house: House, guest: User
) -> None:
    """It waits for an approver, as every print does."""
    data = {"message": "Hello", "entity_id": messages(house)}
    forgotten = Context(parent_id=LONG_AGO)
    await house.hass.services.async_call(
        "notify", "send_message", data, blocking=True, context=forgotten
    )
    assert [job.spec.waits_for for job in house.queue.jobs()] == [("approval",)]


async def test_what_is_forgotten_releases_nothing_by_the_button(
    house: House, boss: User, anna: User
) -> None:
    """The manual says so of all ways; the button let it through."""
    entity_id = await with_release_button(house)
    house.set_options({"release_users": [anna.id]})
    answer = await house.ask(
        "print", Context(user_id=anna.id), device_id=house.device(), text="Hello"
    )
    job_id = str(answer["jobs"][0]["job_id"])

    async def press(context: Context) -> None:
        data = {"entity_id": entity_id}
        await house.hass.services.async_call(
            "button", "press", data, blocking=True, context=context
        )

    forgotten = press(Context(parent_id=LONG_AGO))
    assert await refusal(forgotten) == "beginning_forgotten"
    assert house.queue.get(job_id).state is JobState.HELD
    # As a sensor's automation presses it.
    await press(Context())
    await house.came_out()


@pytest.mark.parametrize("action", ["cancel_job", "move_job"])
async def test_what_is_forgotten_may_have_been_a_guests(
    house: House, boss: User, anna: User, action: str
) -> None:
    """Where somebody may not use the printer; where everybody may, it goes on."""
    guest = await house.hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_READ_ONLY])
    job = await held(house)
    fields: dict[str, Any] = {"job_id": job.job_id}
    if action == "move_job":
        fields["to_device_id"] = house.device(OTHER_LASER)

    def forgotten() -> Any:
        return house.ask(action, Context(parent_id=LONG_AGO), **fields)

    assert await refusal(forgotten()) == "beginning_forgotten_here"
    assert house.queue.get(job.job_id).state is JobState.HELD
    await house.hass.auth.async_remove_user(guest)
    await forgotten()
    assert house.queue.get(job.job_id).state is JobState.CANCELED


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("action", ["reject_job", "continue_job"])
async def test_what_is_forgotten_turns_no_paper_of_a_printer_that_is_not_for_all(
    house: House, boss: User, action: str
) -> None:
    """A guest may have begun it: neither is the rest of the job given up, nor printed on paper that nobody turned."""
    guest = await house.hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_READ_ONLY])
    house.set_options({"by_hand": {key_of(house.entry, LASER): {}}})
    content = base64.b64encode(make_pdf(4)).decode()
    data = {"content": content, "filename": "a.pdf", "duplex": "manual_long_edge"}
    mine = Context(user_id=boss.id)
    answer = await house.ask("print", mine, device_id=house.device(), **data)
    job_id = str(answer["jobs"][0]["job_id"])
    await until(lambda: house.queue.get(job_id).asks_for == "turn_paper")

    def forgotten() -> Any:
        return house.ask(action, Context(parent_id=LONG_AGO), job_id=job_id)

    assert await refusal(forgotten()) == "beginning_forgotten_here"
    assert house.queue.get(job_id).asks_for == "turn_paper"
    # Where everybody may use the printer, it goes on.
    await house.hass.auth.async_remove_user(guest)
    await forgotten()
    assert house.queue.get(job_id).asks_for is None


async def test_what_is_forgotten_replaces_no_job_of_a_printer_that_is_not_for_all(
    house: House, boss: User
) -> None:
    """It waits for an approver, and what it was to replace was canceled all the same."""
    guest = await house.hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_READ_ONLY])
    job = await held(house, replace_key="list")

    async def forgotten() -> Job:
        data = {"device_id": house.device(), "text": "Milk", "replace_key": "list"}
        answer = await house.ask("print", Context(parent_id=LONG_AGO), **data)
        return house.queue.get(str(answer["jobs"][0]["job_id"]))

    assert (await forgotten()).waits_for == ("approval",)
    assert house.queue.get(job.job_id).state is JobState.HELD
    # Where everybody may use the printer, it goes on.
    await house.hass.auth.async_remove_user(guest)
    assert (await forgotten()).waits_for == ()
    assert house.queue.get(job.job_id).reason == "replaced"


@pytest.mark.usefixtures("hurried")
async def test_what_is_forgotten_prints_no_document_of_a_printer_that_is_not_for_all(
    house: House, boss: User
) -> None:
    """At another printer, which all may use, nobody would be asked about it."""
    house.set_options({"keep_printed_hours": 24})
    await house.hass.async_block_till_done()
    done = await house.print_one(text="Hello")
    # The clean-up after a job's end keeps the document.
    await until(lambda: house.queue.get(done["job_id"]).can_print_again)
    user = MockUser(groups=[]).add_to_hass(house.hass)
    user.mock_policy({CAT_ENTITIES: {"entity_ids": {OTHER_STATUS: CONTROL}}})
    fields = {"job_id": done["job_id"], "to_device_id": house.device(OTHER_LASER)}
    again = house.ask("retry_job", Context(parent_id=LONG_AGO), **fields)
    assert await refusal(again) == "beginning_forgotten_here"
    assert len(house.queue.jobs()) == 1


async def test_lists_show_to_who_runs_an_automation_what_that_person_may_see(
    house: House, anna: User, boss: User
) -> None:
    """Run by hand; by its own trigger it sees all, as an administrator wanted."""
    hass, found = house.hass, list[Any]()
    mine = Context(user_id=boss.id)
    await house.ask("print", mine, device_id=house.device(), text="Hello", wait=True)
    hass.bus.async_listen("found", lambda event: found.append(event.data["users"]))
    for user, users in ((anna, [None]), (boss, [boss.id])):
        run = {"entity_id": "automation.lists"}
        context = Context(user_id=user.id)
        await hass.services.async_call("automation", "trigger", run, blocking=True, context=context)
        await hass.async_block_till_done()
        assert found.pop() == users
    hass.bus.async_fire("list", context=Context(user_id=anna.id))
    await hass.async_block_till_done()
    assert found == [[boss.id]]


async def test_who_runs_an_automation_by_hand_reads_what_that_person_may(house: House) -> None:
    """By its own trigger it prints what an administrator wanted, whoever set it off."""
    hass, run = house.hass, "automation.prints_a_list"
    item = TodoItem(summary="Present for Anna", status=TodoItemStatus.NEEDS_ACTION)
    await add(hass, "todo", [Shopping([item])])
    rights = {LASER_STATUS: CONTROL, run: CONTROL}
    user = MockUser(groups=[]).add_to_hass(hass)
    user.mock_policy({CAT_ENTITIES: {"entity_ids": rights}})

    async def by_hand() -> None:
        context = Context(user_id=user.id)
        data = {"entity_id": run}
        await hass.services.async_call(
            "automation", "trigger", data, blocking=True, context=context
        )
        await hass.async_block_till_done()

    await by_hand()
    assert not house.queue.jobs()
    hass.bus.async_fire("print_list", context=Context(user_id=user.id))
    await house.came_out()
    # To look at a list is to read it.
    user.mock_policy({CAT_ENTITIES: {"entity_ids": rights | {"todo.shopping": {"read": True}}}})
    await by_hand()
    await house.came_out(2)
