"""The forms that add boxes and renew keys: their requests are the account's."""

from collections import deque
from collections.abc import AsyncGenerator
from typing import Any, override

from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.flows.binding import TURN_SECONDS
from custom_components.lianke.runtime import MAX_ACCOUNTS_WITHOUT_BOX, async_account_of_key
from tests.clock import Clock, elapse, rest
from tests.config_flows import answer, asked
from tests.conftest import tear_down
from tests.flows.options import fields_of
from tests.household import House
from tests.polling import INFO
from tests.simulator import Fault, Simulator

MANY = 50
TOO_FREQUENT = Fault(kind="code", code=10009, msg="请求过于频繁")


@pytest.fixture(autouse=True)
async def _ready(clock: Clock, hass: HomeAssistant) -> AsyncGenerator[None]:
    """Set up what forms need; unload what a test has set up."""
    for dependency in ("file_upload", "media_source", "webhook"):
        assert await async_setup_component(hass, dependency, {})
    yield
    await tear_down(hass)


class Counted(deque[float]):
    """When requests of a key came, as the simulator keeps them, and how many there were in the fullest minute."""

    most = 0

    @override
    def append(self, at: float) -> None:
        super().append(at)
        self.most = max(self.most, sum(one > at - 60 for one in self))


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("hurried")
async def test_fifty_boxes_are_added_as_fast_as_forms_go(
    hass: HomeAssistant, simulator: Simulator, clock: Clock
) -> None:
    """Seven in half a minute once had the key banned."""
    account = simulator.cloud.accounts[0]
    counted = account.calls = Counted()
    boxes = [simulator.cloud.add_box(account, 1) for _ in range(MANY)]
    for number, box in enumerate(boxes):
        result = await asked(hass, simulator, box)
        while result["step_id"] == "account":
            # The key is kept: whoever waits for a minute only submits once more.
            assert result["errors"] == {"base": "too_many_requests"}
            clock.tick(60)
            result = await answer(hass, result, simulator.url)
        result = await answer(hass, result, test_page=False)
        assert result["type"] is FlowResultType.CREATE_ENTRY, number
    assert len(hass.config_entries.async_loaded_entries(DOMAIN)) == MANY
    assert not simulator.cloud.banned
    # By the form, and when it was set up.
    assert simulator.cloud.count(INFO) >= 2 * MANY
    assert 0 < counted.most <= 60


async def submitted(
    hass: HomeAssistant, clock: Clock, result: ConfigFlowResult, **fields: Any
) -> ConfigFlowResult:
    """Submit a form while time passes, and return the next one; it must come before a browser gives up."""
    task = hass.async_create_task(answer(hass, result, **fields))
    await elapse(hass, clock, TURN_SECONDS + 5)
    assert task.done()
    return await task


@pytest.mark.parametrize("form", ["another box", "a new key", "another connection"])
async def test_a_form_does_not_wait_for_ever(
    hass: HomeAssistant, clock: Clock, house: House, form: str
) -> None:
    """The service has asked all boxes of the account for silence: a form says so, and keeps what was typed."""
    assert house.box.account is not None
    key = house.box.account.api_key
    house.cloud.fail(INFO, TOO_FREQUENT)
    await house.coordinator.async_refresh()
    house.cloud.faults.clear()
    asked_before = house.cloud.count(INFO)
    fields: dict[str, Any] = {"api_key": key}
    if form == "another box":
        other = list(house.cloud.boxes.values())[1]
        result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": "user"})
        link = f"{other.device_id}:{other.device_key}"
        result = await answer(hass, result, qr_text=link)
        fields["server"] = house.simulator.url
    elif form == "a new key":
        result = await house.entry.start_reauth_flow(hass)
    else:
        result = await house.entry.start_reconfigure_flow(hass)
        fields["server"] = house.simulator.url
    result = await submitted(hass, clock, result, **fields)
    assert result["errors"] == {"base": "too_many_requests"}
    assert house.cloud.count(INFO) == asked_before
    fields.pop("api_key")
    result = await submitted(hass, clock, result, **fields)
    assert not result.get("errors")
    assert house.cloud.count(INFO) > asked_before
    if result["type"] is FlowResultType.FORM:
        hass.config_entries.flow.async_abort(result["flow_id"])
    await rest(hass)


async def test_the_last_box_of_an_account_takes_no_count_along(
    hass: HomeAssistant, clock: Clock, house: House
) -> None:
    """Removed and added again within a minute, it has not made its requests undone."""
    before = house.data.account
    await hass.config_entries.async_remove(house.entry.entry_id)
    result = await asked(hass, house.simulator)
    given: dict[str, Any] = {str(field): False for field in fields_of(result)}
    result = await answer(hass, result, **given)
    assert result["result"].runtime_data.account is before


async def test_few_accounts_without_a_box_are_kept(
    hass: HomeAssistant, house: House, setup: MockConfigEntry
) -> None:
    first = async_account_of_key(hass, "first")
    assert async_account_of_key(hass, "first") is first
    for number in range(MAX_ACCOUNTS_WITHOUT_BOX):
        async_account_of_key(hass, f"key {number}")
    assert async_account_of_key(hass, "first") is not first
    # That of a box is not among them.
    assert async_account_of_key(hass, setup.data["api_key"]) is house.data.account
    assert setup.state is ConfigEntryState.LOADED
