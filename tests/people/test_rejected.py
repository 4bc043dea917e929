"""Why a job was rejected, and its document, are for who asked and for those who may approve: at every door."""

from typing import Any

from homeassistant.auth.const import GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.const import MATCH_ALL
from homeassistant.core import Context, Event, HomeAssistant, callback
import pytest
from pytest_homeassistant_custom_component.typing import MockHAClientWebSocket, WebSocketGenerator

from tests.clock import rest, until
from tests.household import House, refusal
from tests.people.conftest import print_as
from tests.websocket_api.cards import first_view

WHY = "Not before your homework is done"


@pytest.fixture
async def grandma(hass: HomeAssistant, anna: User) -> User:
    return await hass.auth.async_create_user("Grandma", group_ids=[GROUP_ID_USER])


async def rejected(house: House, anna: User, boss: User) -> str:
    house.set_options({"approval_users": [anna.id], "keep_printed_hours": 24})
    job_id = str((await print_as(house, anna, title="Game"))["job_id"])
    await house.ask("reject_job", Context(user_id=boss.id), job_id=job_id, message=WHY)
    await until(lambda: house.queue.get(job_id).can_print_again)
    return job_id


async def client_as(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, user: User
) -> MockHAClientWebSocket:
    token = await hass.auth.async_create_refresh_token(user, "http://127.0.0.1")
    return await hass_ws_client(hass, hass.auth.async_create_access_token(token))


async def test_others_see_neither_why_nor_buttons_on_the_card(
    house: House, boss: User, anna: User, grandma: User, hass_ws_client: WebSocketGenerator
) -> None:
    await rejected(house, anna, boss)
    seen = {}
    for user in (boss, anna, grandma):
        client = await client_as(house.hass, hass_ws_client, user)
        [job] = (await first_view(client))["jobs"]
        seen[user.name] = job["detail"], job["can_print_again"], job["reason_key"]
        assert (job["state"], job["reason"], job["title"]) == ("canceled", "rejected", "Game")
        await client.close()
    assert seen == {
        "Boss": (f"Boss: {WHY}", True, "rejected_by"),
        "Anna": (f"Boss: {WHY}", True, "rejected_by"),
        "Grandma": ("", False, "rejected"),
    }


async def test_others_are_not_told_why_by_an_action(
    house: House, boss: User, anna: User, grandma: User
) -> None:
    job_id = await rejected(house, anna, boss)

    async def listed(user: User | None) -> dict[str, Any]:
        context = Context(user_id=None if user is None else user.id)
        [job] = (await house.ask("list_jobs", context, device_id=house.device()))["jobs"]
        return dict(job)

    # An automation of the house acts on it, as an administrator wanted it.
    for user in (boss, anna, None):
        job = await listed(user)
        assert WHY in job["message"]
        assert (job["detail"], job["can_print_again"]) == (f"Boss: {WHY}", True)
    job = await listed(grandma)
    assert WHY not in str(job)
    assert (job["message"], job["can_print_again"]) == ("The job was rejected.", False)
    # Nor does who prints the same once more.
    mine = Context(user_id=grandma.id)
    assert await refusal(house.ask("retry_job", mine, job_id=job_id)) == "rejected_for_others"
    assert len(house.queue.jobs()) == 1
    assert not house.sent
    again = await house.ask("retry_job", Context(user_id=anna.id), job_id=job_id)
    assert again["job"]["hold_reason"] == "approval"
    await house.ask("retry_job", Context(user_id=boss.id), job_id=job_id)
    await house.came_out()


async def test_no_state_and_no_event_says_why(house: House, boss: User, anna: User) -> None:
    events: list[Event[Any]] = []

    @callback
    def note(event: Event[Any]) -> None:
        # What the rejecting person called is that person's own.
        if event.event_type != "call_service":
            events.append(event)

    house.hass.bus.async_listen(MATCH_ALL, note)
    await rejected(house, anna, boss)
    await rest(house.hass)
    assert any("rejected" in str(event.data) for event in events)
    assert not [event for event in events if WHY in str(event.as_dict())]
    assert not [state for state in house.hass.states.async_all() if WHY in str(state.as_dict())]
