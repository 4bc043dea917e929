"""In a house of several users nobody can hold up another one's print, whatever they ask for."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
import time
from typing import Any

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import CAT_ENTITIES
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.lianke.account.request_limits import (
    ALL_USERS_BURST,
    MAX_LOOKUPS_A_MINUTE,
    MINUTE,
)
from custom_components.lianke.const import DOMAIN, MAX_JOBS_PER_HOUR
from custom_components.lianke.jobs.rules import FREE_WITHDRAWALS
from tests.conftest import SPEED
from tests.household import LABELS, LASER, House, ask, data_of, device_of
from tests.simulator import Fault

# What one user may do to another's print, in seconds.
WORST_DELAY = 10
# How long the others go on, and calls a second of each of them.
ATTACK_SECONDS = 4
CALLS_A_SECOND = 400
# How long at most until a user has been refused; a loaded machine is slow.
PATIENCE = 60
MODELS = "GET /print/printer_enum"

type Call = Callable[[int], Awaitable[object]]


def user_who(hass: HomeAssistant, name: str, *, control: bool) -> Context:
    """Return the context of a new user who may read, or read and control, all entities."""
    user = MockUser(name=name, is_owner=False).add_to_hass(hass)
    rights = {"read": True, "control": True} if control else {"read": True}
    user.mock_policy({CAT_ENTITIES: {"all": rights}})
    return Context(user_id=user.id)


def entity_of(hass: HomeAssistant, key: str) -> str:
    return next(
        entry.entity_id
        for entry in er.async_get(hass).entities.values()
        if entry.platform == DOMAIN and entry.unique_id.endswith(key)
    )


async def accepted(hass: HomeAssistant, context: Context) -> float:
    """Print as this user, and return the seconds until the cloud has taken the job."""
    started = time.monotonic()
    answer = await ask(hass, "print", context, device_id=device_of(hass), text="urgent")
    job_id = answer["jobs"][0]["job_id"]
    queue = data_of(hass.config_entries.async_loaded_entries(DOMAIN)[0]).queue  # type: ignore[arg-type]
    while queue.get(job_id).current_delivery.task_id is None:
        assert time.monotonic() - started < WORST_DELAY, queue.get(job_id).state
        await asyncio.sleep(0.01)
    return time.monotonic() - started


async def storm(call: Call, counts: dict[str, int]) -> None:
    """Make 400 calls a second, each on its own, until some were refused, and count how they ended."""

    async def one(number: int) -> None:
        try:
            await call(number)
        except HomeAssistantError as err:
            counts[err.translation_key or type(err).__name__] = (
                counts.get(err.translation_key or type(err).__name__, 0) + 1
            )
        else:
            counts["done"] = counts.get("done", 0) + 1

    numbers = count()
    calls: list[asyncio.Task[None]] = []
    started = time.monotonic()

    def goes_on() -> bool:
        passed = time.monotonic() - started
        refused = "too_many_requests" in counts
        return passed < (ATTACK_SECONDS if refused else PATIENCE)

    while goes_on():
        calls += [asyncio.create_task(one(next(numbers))) for _ in range(CALLS_A_SECOND // 20)]
        await asyncio.sleep(1 / 20)
    # They lose interest, and go away.
    for running in calls:
        running.cancel()
    await asyncio.wait(calls)


@pytest.fixture
def calls(hass: HomeAssistant, setup: MockConfigEntry) -> dict[str, Call]:
    """Return what five users besides the administrator may do, each their own worst."""
    reader = user_who(hass, "reader", control=False)
    impatient = user_who(hass, "impatient", control=False)
    printing = user_who(hass, "printing", control=True)
    pressing = user_who(hass, "pressing", control=True)
    flooding = user_who(hass, "flooding", control=True)
    devices = [device_of(hass, LASER), device_of(hass, LABELS)]
    restart = entity_of(hass, "_search_network_printers")

    async def press(_: int) -> None:
        await hass.services.async_call(
            "button", "press", {"entity_id": restart}, blocking=True, context=pressing
        )

    async def look_around(number: int) -> None:
        device_id = devices[number % 2]
        if number % 3:
            await ask(hass, "list_jobs", impatient, device_id=device_id, include_cloud=True)
        else:
            await ask(hass, "get_capabilities", impatient, device_id=device_id)

    async def print_and_cancel(number: int) -> None:
        answer = await ask(hass, "print", flooding, device_id=devices[0], text=f"flood {number}")
        await ask(
            hass,
            "cancel_job",
            flooding,
            device_id=devices[0],
            job_id=answer["jobs"][0]["job_id"],
        )

    return {
        "search": lambda number: ask(
            hass, "search_models", reader, config_entry=setup.entry_id, query=f"HP {number}"
        ),
        "look around": look_around,
        "count": lambda number: (
            ask(
                hass,
                "preview" if number % 40 else "count_pages",
                printing,
                device_id=devices[0],
                text=f"page {number}",
            )
            if number % 20 == 0
            else asyncio.sleep(0)
        ),
        "press": lambda number: press(number) if number % 20 == 0 else asyncio.sleep(0),
        # On the same printer as the administrator's, and canceled at once.
        "print": print_and_cancel,
    }


@pytest.mark.long
async def test_the_worst_that_a_user_can_do_to_a_print_is_a_short_delay(
    calls: dict[str, Call], hass_admin_user: User, house: House
) -> None:
    """400 searches a second by a user who may only look once held an administrator's print for minutes."""
    admin = Context(user_id=hass_admin_user.id)
    # A slow service is the worst case: each search keeps its place.
    house.cloud.fail(MODELS, Fault(kind="delay", seconds=6 * SPEED), times=None)
    ended: dict[str, dict[str, int]] = {name: {} for name in calls}
    attack = asyncio.gather(*(storm(call, ended[name]) for name, call in calls.items()))
    await asyncio.sleep(1)
    during = await accepted(house.hass, admin)
    await attack
    afterwards = await accepted(house.hass, admin)
    assert max(during, afterwards) < WORST_DELAY
    for name, counts in ended.items():
        assert counts.get("too_many_requests", 0) > 0, (name, counts)
        others = {"too_many_jobs", "job_not_cancelable"} if name == "print" else {"too_frequent"}
        assert set(counts) <= {"done", "too_many_requests"} | others, (name, counts)
    assert ended["print"].get("done", 0) <= MAX_JOBS_PER_HOUR.default + FREE_WITHDRAWALS
    # Nothing lingers: neither requests that wait nor such as go on.
    account = house.data.account
    assert account.requests.waiting == 0
    assert not account.requests._counts["lookups"]
    assert house.cloud.count(MODELS) <= ALL_USERS_BURST


async def test_the_list_of_models_is_asked_for_once_a_day(house: House) -> None:
    searches = [
        house.ask("search_models", config_entry=house.entry.entry_id, query=query)
        for query in ("hp", "HP 1020", "1020 hp", "kyocera", "no such model")
    ]
    answers = await asyncio.gather(*searches)
    assert [bool(answer["models"]) for answer in answers] == [True, True, True, True, False]
    for number in range(3 * MAX_LOOKUPS_A_MINUTE):
        await house.ask("search_models", config_entry=house.entry.entry_id, query=f"HP {number}")
    assert house.cloud.count(MODELS) == 1


async def test_a_printer_that_is_looked_up_counts_once(house: House) -> None:
    """What it can do and its papers are two requests; the fifth printer was refused at once."""
    entry: Any = house.entry
    account = data_of(entry).account
    before = account._all_users.available
    await house.ask("get_capabilities", device_id=house.device(LASER))
    assert house.cloud.count("GET /print/printer_params") == 1
    assert house.cloud.count("GET /print/paper_dimension_list") == 1
    assert before - account._all_users.available < 1.01


async def test_a_caller_that_goes_away_takes_its_requests_along(house: House) -> None:
    house.cloud.fail(MODELS, Fault(kind="delay", seconds=MINUTE * SPEED), times=None)
    contexts = [user_who(house.hass, f"user {number}", control=False) for number in range(4)]
    callers = [
        asyncio.create_task(
            house.ask("search_models", context, config_entry=house.entry.entry_id, query="hp")
        )
        for context in contexts
    ]
    await asyncio.sleep(0.2)
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)
    account = house.data.account
    assert account.requests.waiting == account.requests.taken == 0
