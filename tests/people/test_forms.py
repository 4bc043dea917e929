"""The options about people: jobs that wait for them, and pages of each."""

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.lianke.people.release_code import code_matches
from tests.conftest import texts
from tests.flows.options import answer, choices, go, shown
from tests.household import LASER, key_of


async def test_approval(hass: HomeAssistant, setup: MockConfigEntry) -> None:
    anna = MockUser(name="Anna").add_to_hass(hass)
    MockUser(name="A script", system_generated=True).add_to_hass(hass)
    MockUser(name="Long gone", is_active=False).add_to_hass(hass)

    async def take(call: ServiceCall) -> None:
        """Take a notification."""

    hass.services.async_register("notify", "mobile_app_anna", take)
    hass.states.async_set("notify.anna_s_phone", "unknown", {"friendly_name": "Anna's phone"})
    nothing = {
        "approval_pages": 0,
        "approval_users": [],
        "approval_sources": [],
        "approval_printers": [],
        "approvers": [],
        "approval_notify": [],
    }
    result = await go(hass, setup, "approval")
    assert shown(result) == nothing
    assert choices(result, "approvers") == ["Anna"]
    assert choices(result, "approval_sources") == [
        "lan_printer",
        "assistant",
        "automation",
        "nobody",
    ]
    # Neither the printers nor what is no device.
    assert choices(result, "approval_notify") == ["Anna's phone", "notify.mobile_app_anna"]
    await answer(hass, result, nothing)
    assert setup.options == {}
    chosen = {
        "approval_pages": 10,
        "approval_users": [anna.id],
        "approval_sources": ["lan_printer"],
        "approval_printers": [key_of(setup, LASER)],
        "approvers": [anna.id],
        "approval_notify": ["notify.mobile_app_anna", "notify.later"],
    }
    await answer(hass, await go(hass, setup, "approval"), chosen)
    assert setup.options == chosen
    result = await go(hass, setup, "approval")
    assert shown(result) == chosen
    await answer(hass, result, nothing)
    assert setup.options == {}


async def test_an_empty_list_of_whom_to_notify_says_how_somebody_comes_into_it(
    hass: HomeAssistant, setup: MockConfigEntry
) -> None:
    """Beside the list, in the language of whoever reads the form, not in that of the house."""
    result = await go(hass, setup, "approval")
    assert choices(result, "approval_notify") == []
    following = await answer(hass, result, {"approval_pages": 5})
    assert following["step_id"] == "approval_notify"
    for step in (result, following):
        assert not step["description_placeholders"]
        for language, words in (("en", "install the Home Assistant app"), ("zh-Hans", "安装 Home")):
            form = texts(language)["options"]["step"][step["step_id"]]
            assert words in form["data_description"]["approval_notify"]
            assert "{" not in form["description"]


async def test_approvers_phones_are_suggested(hass: HomeAssistant, setup: MockConfigEntry) -> None:
    """At first, so that nobody forgets them; what was chosen stays as it is."""

    async def take(call: ServiceCall) -> None:
        """Take a notification."""

    boss = await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])
    child = await hass.auth.async_create_user("Child", group_ids=[GROUP_ID_USER])
    phones = []
    for user, name in ((boss, "Boss' Phone"), (child, "Child"), (boss, "Old one")):
        data = {"user_id": user.id, "device_name": name}
        phones.append(MockConfigEntry(domain="mobile_app", data=data))
        phones[-1].add_to_hass(hass)
        phones[-1].mock_state(hass, ConfigEntryState.LOADED)
    for action in ("mobile_app_boss_phone", "mobile_app_child"):
        hass.services.async_register("notify", action, take)
    result = await go(hass, setup, "approval")
    suggested = shown(result)
    assert suggested["approval_notify"] == ["notify.mobile_app_boss_phone"]
    # Nobody is told by somebody's choice alone, who is asked once, with the phones of those who were chosen.
    chosen = {"approval_pages": 5, "approvers": [child.id], "approval_notify": []}
    result = await answer(hass, result, suggested | chosen)
    assert (result["step_id"], shown(result)) == (
        "approval_notify",
        {"approval_notify": ["notify.mobile_app_child"]},
    )
    assert setup.options == {}
    await answer(hass, result, {"approval_notify": []})
    assert setup.options == {"approval_pages": 5, "approvers": [child.id]}
    result = await go(hass, setup, "approval")
    assert shown(result)["approval_notify"] == []
    result = await answer(hass, result, shown(result) | {"approval_pages": 6})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    for phone in phones:
        phone.mock_state(hass, ConfigEntryState.NOT_LOADED)


async def test_a_monthly_limit_asks_whom_to_notify(
    hass: HomeAssistant, setup: MockConfigEntry
) -> None:
    """What is beyond it waits for an approval; nobody has to find the other form to hear of it."""
    result = await go(hass, setup, "page_counts")
    limit = shown(result) | {"monthly_pages": 30}
    result = await answer(hass, result, limit | {"monthly_beyond": "refused"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    result = await answer(hass, await go(hass, setup, "page_counts"), limit)
    assert result["step_id"] == "approval_notify"
    await answer(hass, result, {"approval_notify": ["notify.mobile_app_boss"]})
    assert setup.options == {"monthly_pages": 30, "approval_notify": ["notify.mobile_app_boss"]}
    result = await answer(hass, await go(hass, setup, "page_counts"), limit)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_those_who_are_gone_are_not_offered(
    hass: HomeAssistant, setup: MockConfigEntry
) -> None:
    hass.config_entries.async_update_entry(
        setup, options={"approvers": ["gone"], "approval_printers": ["gone"]}
    )
    result = await go(hass, setup, "approval")
    assert shown(result)["approvers"] == []
    await answer(hass, result, shown(result))
    assert setup.options == {}


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ("approval", "approval_users"),
        ("release", "release_users"),
        ("page_counts", "monthly_users"),
    ],
)
async def test_what_holds_for_a_deactivated_user_stays(
    hass: HomeAssistant, setup: MockConfigEntry, step: str, name: str
) -> None:
    """It would be gone when the user is active again; a limit would hold for everybody."""
    anna = MockUser(name="Anna", is_active=False).add_to_hass(hass)
    kept = {name: [anna.id], "approval_notify": ["notify.mobile_app_boss"]}
    hass.config_entries.async_update_entry(setup, options=kept)
    result = await go(hass, setup, step)
    await answer(hass, result, shown(result))
    assert setup.options == kept


async def test_release(hass: HomeAssistant, setup: MockConfigEntry) -> None:
    anna = MockUser(name="Anna").add_to_hass(hass)
    result = await go(hass, setup, "release")
    nothing: dict[str, list[str]] = {"release_printers": [], "release_users": []}
    assert shown(result) == nothing
    assert result["description_placeholders"] == {"users": "–"}
    chosen = {"release_printers": [key_of(setup, LASER)], "release_users": [anna.id]}
    for wrong, errors in (
        ({"code": "1234"}, {"code_user": "code_needs_user"}),
        ({"code": "123", "code_user": anna.id}, {"code": "code_length"}),
        ({"code": "1" * 65, "code_user": anna.id}, {"code": "code_length"}),
    ):
        result = await answer(hass, result, chosen | wrong)
        assert result["errors"] == errors
        assert shown(result) == chosen
    await answer(hass, result, chosen | {"code": " 1234 ", "code_user": anna.id})
    stored = setup.options["release_codes"][anna.id]
    assert "1234" not in stored.split(":")
    assert code_matches("1234", stored)
    result = await go(hass, setup, "release")
    # Who has a code is shown, the code is not.
    assert shown(result) == chosen
    assert result["description_placeholders"] == {"users": "Anna"}
    await answer(hass, result, chosen)
    assert setup.options == chosen | {"release_codes": {anna.id: stored}}
    await answer(hass, await go(hass, setup, "release"), nothing | {"code_user": anna.id})
    assert setup.options == {}


async def test_a_limit_for_users_who_are_gone_does_not_hold_for_everybody(
    hass: HomeAssistant, setup: MockConfigEntry
) -> None:
    await hass.auth.async_create_user("Boss")
    anna = await hass.auth.async_create_user("Anna", group_ids=[GROUP_ID_USER])
    options = {"monthly_pages": 30, "monthly_users": [anna.id], "monthly_beyond": "refused"}
    hass.config_entries.async_update_entry(setup, options=options)
    await hass.auth.async_update_user(anna, is_active=False)
    await hass.async_block_till_done()
    assert setup.options == options
    await hass.auth.async_remove_user(anna)
    await hass.async_block_till_done()
    result = await go(hass, setup, "page_counts")
    assert shown(result)["monthly_pages"] == 0
    await answer(hass, result, shown(result))
    assert setup.options == {}


async def test_limit_and_statistics(hass: HomeAssistant, setup: MockConfigEntry) -> None:
    """Off at first; nothing is left of them when they are off again."""
    user = MockUser(name="Anna").add_to_hass(hass)
    result = await go(hass, setup, "page_counts")
    off = {
        "monthly_pages": 0,
        "monthly_users": [],
        "monthly_beyond": "approval",
        "page_statistics": False,
    }
    assert shown(result) == off
    assert "Anna" in choices(result, "monthly_users")
    wanted = {
        "monthly_pages": 200,
        "monthly_users": [user.id],
        "monthly_beyond": "refused",
        "page_statistics": True,
    }
    await answer(hass, result, wanted)
    assert setup.options == wanted
    result = await go(hass, setup, "page_counts")
    assert shown(result) == wanted
    await answer(hass, result, off)
    assert setup.options == {}
