"""Repairs: each appears when its cause does, can be mended, and goes away by itself."""

from collections.abc import AsyncGenerator
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.api.client import LiankeClient
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.pages.clean import escape_markdown
from tests.clock import until
from tests.conftest import make_entry, set_up, tear_down
from tests.household import House, key_of, twin_of
from tests.simulator import Box, Fault, Printer, Simulator

LASER = "Kyocera MA2000w GX"
PHONE = "138 0013 8000"


@pytest.fixture
async def dialogs(hass: HomeAssistant) -> None:
    """Set the repairs' dialogs up, before there is a web server."""
    assert await async_setup_component(hass, "http", {})
    assert await async_setup_component(hass, "repairs", {})


@pytest.fixture
async def loaded(
    hass: HomeAssistant, dialogs: None, reachable: str, entry: MockConfigEntry
) -> AsyncGenerator[MockConfigEntry]:
    """Set the office box up, at an address that the simulator reaches."""
    assert await set_up(hass, entry)
    yield entry
    await tear_down(hass)


@pytest.fixture
def house(hass: HomeAssistant, simulator: Simulator, loaded: MockConfigEntry) -> House:
    """Return the house with the office box set up."""
    return House(hass=hass, simulator=simulator, entry=loaded)


def issues(hass: HomeAssistant) -> dict[str, ir.IssueEntry]:
    """Return our active issues by what they say."""
    return {
        str(issue.translation_key): issue
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN and issue.active
    }


async def look(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Let the box be polled now."""
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done()


async def open_fix(client: ClientSessionGenerator, issue: ir.IssueEntry) -> dict[str, Any]:
    """Open an issue's dialog as the frontend does."""
    response = await (await client()).post(
        "/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue.issue_id}
    )
    assert response.status == HTTPStatus.OK
    result: dict[str, Any] = await response.json()
    return result


async def submit(
    client: ClientSessionGenerator, result: dict[str, Any], **fields: Any
) -> dict[str, Any]:
    """Submit an issue's dialog."""
    response = await (await client()).post(
        f"/api/repairs/issues/fix/{result['flow_id']}", json=fields
    )
    assert response.status == HTTPStatus.OK
    answer: dict[str, Any] = await response.json()
    return answer


async def print_text(hass: HomeAssistant, name: str = LASER, **more: Any) -> None:
    """Print something on a printer."""
    device = next(one for one in dr.async_get(hass).devices if one.name == name)
    await hass.services.async_call(
        DOMAIN, "print", {"device_id": device.id, "text": "Hello", **more}, blocking=True
    )


def named(box: Box, name: str) -> Printer:
    """Return a printer of the simulator by its name."""
    return next(one for one in box.printers if one.name == name)


def unknown_printer(box: Box) -> Printer:
    """Return the printer that has no driver yet."""
    return next(one for one in box.printers if one.driver_type == 0)


async def pause(house: House) -> Printer:
    """Have the laser paused after too many failures, with a job that waits; wait until that is told."""
    laser = named(house.box, LASER)
    laser.failures, laser.last_failure = 30, house.cloud.now()
    await print_text(house.hass)
    await until(lambda: "error_limit_reached" in issues(house.hass))
    return laser


async def test_nothing_to_mend(house: House) -> None:
    """A healthy box has one repair only, for the printer without a driver."""
    assert list(issues(house.hass)) == ["awaiting_driver"]
    await print_text(house.hass)
    await until(lambda: all(job.is_final for job in house.queue.jobs()))
    assert list(issues(house.hass)) == ["awaiting_driver"]


def names(entry: MockConfigEntry, printer: str | None = None) -> dict[str, str]:
    """Return the names that an issue tells: escaped for descriptions, as they are for titles."""
    reported = {"box": escape_markdown(entry.title), "box_name": entry.title}
    if printer is not None:
        reported |= {"printer": escape_markdown(printer), "printer_name": printer}
    return reported


async def test_pause_after_many_failures(hass_client: ClientSessionGenerator, house: House) -> None:
    """The button lifts the pause, and what waited is printed."""
    await pause(house)
    issue = issues(house.hass)["error_limit_reached"]
    assert issue.is_fixable
    assert issue.translation_placeholders == names(house.entry, LASER)
    assert not house.printed

    endpoint = "POST /print/reset_printing_error_limit"
    house.cloud.fail(endpoint, Fault(kind="code", code=11200, msg="今日次数已用完"))
    house.cloud.fail(endpoint, Fault(kind="code", code=4711, msg="奇怪"))
    result = await open_fix(hass_client, issue)
    assert result["step_id"] == "confirm"
    assert result["description_placeholders"]["printer"] == LASER
    result = await submit(hass_client, result)
    assert result["errors"] == {"base": "resets_used_up"}
    result = await submit(hass_client, result)
    assert result["errors"] == {"base": "refused"}
    assert result["description_placeholders"]["code"] == "4711"
    result = await submit(hass_client, result)
    assert result["type"] == "create_entry"
    assert "error_limit_reached" not in issues(house.hass)
    await until(lambda: house.printed)
    assert "error_limit_reached" not in issues(house.hass)


async def test_pause_of_a_printer_that_is_gone(
    hass_client: ClientSessionGenerator, house: House
) -> None:
    """The repair goes with the printer; a dialog left open ends, and nothing is asked."""
    await pause(house)
    result = await open_fix(hass_client, issues(house.hass)["error_limit_reached"])
    house.coordinator.async_forget(key_of(house.entry, LASER))
    await house.hass.async_block_till_done()
    assert "error_limit_reached" not in issues(house.hass)
    result = await submit(hass_client, result)
    assert result["type"] == "create_entry"
    assert house.cloud.count("POST /print/reset_printing_error_limit") == 0


async def test_pause_that_is_lifted_elsewhere(
    hass_client: ClientSessionGenerator, house: House
) -> None:
    """Nothing to reset is as good as a reset; a job that is taken clears the repair, too."""
    laser = await pause(house)
    issue = issues(house.hass)["error_limit_reached"]
    laser.failures = 0
    result = await submit(hass_client, await open_fix(hass_client, issue))
    assert result["type"] == "create_entry"
    await until(lambda: len(house.printed) == 1)

    await pause(house)
    laser.failures = 0
    house.queue.clear_backoff(key_of(house.entry, LASER))
    await until(lambda: len(house.printed) == 2)
    await until(lambda: "error_limit_reached" not in issues(house.hass))


async def test_pause_ends_by_itself(house: House) -> None:
    """Half an hour later the repair is gone; and a pause survives a reload."""
    await pause(house)
    assert await house.hass.config_entries.async_reload(house.entry.entry_id)
    await house.hass.async_block_till_done()
    assert "error_limit_reached" in issues(house.hass)
    await house.queue.async_cancel(house.queue.jobs()[0].job_id)
    assert "error_limit_reached" in issues(house.hass)
    async_fire_time_changed(house.hass, dt_util.utcnow() + timedelta(minutes=29))
    await house.hass.async_block_till_done()
    assert "error_limit_reached" in issues(house.hass)
    async_fire_time_changed(house.hass, dt_util.utcnow() + timedelta(minutes=32))
    await house.hass.async_block_till_done()
    assert "error_limit_reached" not in issues(house.hass)


async def test_driver_is_asked_for_once(
    hass_client: ClientSessionGenerator, freezer: FrozenDateTimeFactory, house: House
) -> None:
    """A phone number is asked for; then there is peace for the vendor's 72 hours."""
    printer = unknown_printer(house.box)
    issue = issues(house.hass)["awaiting_driver"]
    assert issue.translation_placeholders == names(house.entry, f"{printer.name} (Qixun QX-77)")
    result = await open_fix(hass_client, issue)
    assert [field["name"] for field in result["data_schema"]] == ["phone"]
    result = await submit(hass_client, result, phone="call me")
    assert result["errors"] == {"base": "bad_phone"}
    assert house.cloud.count("POST /driver/uninstall_driver_event") == 0
    house.cloud.fail(
        "POST /driver/uninstall_driver_event", Fault(kind="code", code=403, msg="手机号错误")
    )
    result = await submit(hass_client, result, phone=PHONE)
    assert result["errors"] == {"base": "bad_phone"}
    assert not printer.driver_requested
    result = await submit(hass_client, result, phone=PHONE)
    # Nothing is repaired yet.
    assert (result["type"], result["reason"]) == ("abort", "driver_requested")
    assert "awaiting_driver" not in issues(house.hass)
    assert printer.driver_requested

    await look(house.hass, house.entry)
    assert "awaiting_driver" not in issues(house.hass)
    assert await house.hass.config_entries.async_reload(house.entry.entry_id)
    await look(house.hass, house.entry)
    assert "awaiting_driver" not in issues(house.hass), "nobody is asked again after a restart"

    freezer.tick(timedelta(hours=73))
    async_fire_time_changed(house.hass)
    await house.hass.async_block_till_done()
    assert "awaiting_driver" in issues(house.hass)
    house.cloud.support_arrives(printer, "HP LaserJet 1020")
    await look(house.hass, house.entry)
    assert "awaiting_driver" not in issues(house.hass)


async def test_driver_of_a_printer_that_is_gone(
    hass_client: ClientSessionGenerator, house: House
) -> None:
    """A dialog left open says so; the repair goes with the printer."""
    printer = unknown_printer(house.box)
    result = await open_fix(hass_client, issues(house.hass)["awaiting_driver"])
    house.coordinator.async_forget(key_of(house.entry, printer.name))
    await house.hass.async_block_till_done()
    assert "awaiting_driver" not in issues(house.hass)
    result = await submit(hass_client, result, phone=PHONE)
    assert result["errors"] == {"base": "printer_not_found"}
    assert house.cloud.count("POST /driver/uninstall_driver_event") == 0


async def test_box_is_bound_no_more(hass_client: ClientSessionGenerator, house: House) -> None:
    """Submitting looks again; a lost connection neither raises nor clears it."""
    account, house.box.account = house.box.account, None
    await look(house.hass, house.entry)
    issue = issues(house.hass)["box_not_bound"]
    assert issue.severity is ir.IssueSeverity.ERROR
    result = await submit(hass_client, await open_fix(hass_client, issue))
    assert result["errors"] == {"base": "box_not_bound"}
    house.cloud.fail("*", Fault(kind="reset_before"))
    await look(house.hass, house.entry)
    assert "box_not_bound" in issues(house.hass)
    house.box.account = account
    result = await submit(hass_client, result)
    assert result["type"] == "create_entry"
    assert "box_not_bound" not in issues(house.hass)

    house.box.account = None
    await look(house.hass, house.entry)
    assert "box_not_bound" in issues(house.hass)
    house.box.account = account
    await look(house.hass, house.entry)
    assert "box_not_bound" not in issues(house.hass), "it clears itself, too"


async def test_box_is_bound_no_more_after_an_outage(house: House) -> None:
    house.cloud.fail("*", Fault(kind="reset_before"), times=None)
    for _ in range(2):
        await look(house.hass, house.entry)
    assert not house.coordinator.is_fresh
    assert "box_not_bound" not in issues(house.hass)
    house.cloud.faults.clear()
    house.box.account = None
    await look(house.hass, house.entry)
    assert "box_not_bound" in issues(house.hass)


async def test_service_expires(freezer: FrozenDateTimeFactory, house: House) -> None:
    """Once within 14 days, however often one looks; then as an error; then it is renewed."""
    today = date.today()  # noqa: DTZ011  # as the simulator's dates
    house.box.expire_date = today + timedelta(days=16)
    await look(house.hass, house.entry)
    assert "service_expiring" not in issues(house.hass)
    house.box.expire_date = today + timedelta(days=13)
    await look(house.hass, house.entry)
    issue = issues(house.hass)["service_expiring"]
    assert not issue.is_fixable
    placeholders = {**names(house.entry), "date": house.box.expire_date.isoformat()}
    assert issue.translation_placeholders == placeholders
    ir.async_ignore_issue(house.hass, DOMAIN, issue.issue_id, True)
    freezer.tick(timedelta(days=2))
    async_fire_time_changed(house.hass)
    await look(house.hass, house.entry)
    assert issues(house.hass)["service_expiring"].dismissed_version, "ignored is ignored"

    house.box.expired = True
    await look(house.hass, house.entry)
    assert "service_expiring" not in issues(house.hass)
    assert issues(house.hass)["service_expired"].severity is ir.IssueSeverity.ERROR
    house.box.expired = False
    house.box.expire_date = today + timedelta(days=380)
    await look(house.hass, house.entry)
    assert not {"service_expired", "service_expiring"} & issues(house.hass).keys()


async def test_expiry_that_only_words_tell(house: House) -> None:
    """Some answers name no code for it."""
    fault = Fault(kind="code", code=400, msg="设备已超过有效期")
    house.cloud.fail("GET /device/device_info", fault)
    await look(house.hass, house.entry)
    assert "service_expired" in issues(house.hass)
    await look(house.hass, house.entry)
    assert "service_expired" not in issues(house.hass)


@pytest.mark.parametrize("kind", ["too_many_pages", "too_many_jobs"])
async def test_print_limits(hass_client: ClientSessionGenerator, kind: str, house: House) -> None:
    """One repair however many jobs were refused; the limit can be raised in it."""
    option = "max_pages" if kind == "too_many_pages" else "max_jobs_per_hour"
    house.set_options({option: 2})
    too_much: dict[str, Any] = {"copies": 3} if kind == "too_many_pages" else {}
    printed = 0
    if kind == "too_many_jobs":
        printed = 2
        await print_text(house.hass)
        await print_text(house.hass)
    for _ in range(3):
        with pytest.raises(ServiceValidationError):
            await print_text(house.hass, **too_much)
    issue = issues(house.hass)[kind]
    placeholders = {**names(house.entry, LASER), "limit": "2"}
    assert issue.translation_placeholders == placeholders

    result = await open_fix(hass_client, issue)
    (field,) = result["data_schema"]
    assert field["default"] == 2
    result = await submit(hass_client, result, limit=2)
    assert result["type"] == "create_entry"
    assert house.entry.options == {option: 2}, "submitted unchanged, it changes nothing"
    assert kind not in issues(house.hass)

    with pytest.raises(ServiceValidationError):
        await print_text(house.hass, **too_much)
    result = await open_fix(hass_client, issues(house.hass)[kind])
    await submit(hass_client, result, limit=7.0)
    assert house.entry.options == {option: 7}
    await print_text(house.hass, **too_much)
    await until(lambda: len(house.printed) == printed + 1)


async def test_a_print_limit_clears_itself(house: House) -> None:
    """A job of the right size shows that all is well again."""
    house.set_options({"max_pages": 2})
    with pytest.raises(ServiceValidationError):
        await print_text(house.hass, copies=3)
    assert "too_many_pages" in issues(house.hass)
    await print_text(house.hass)
    assert "too_many_pages" not in issues(house.hass)

    with pytest.raises(ServiceValidationError):
        await print_text(house.hass, copies=3)
    house.coordinator.async_forget(key_of(house.entry, LASER))
    await house.hass.async_block_till_done()
    assert "too_many_pages" not in issues(house.hass), "it goes with its printer"


@pytest.fixture
async def pushed(loaded: MockConfigEntry) -> str:
    """Let pushes be proven at the present address, and return it."""
    data = loaded.runtime_data
    assert data.account.address is not None
    data.storage.record_push()
    data.storage.save_push_address(data.account.fingerprint)
    return str(data.account.address)


async def later(hass: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float) -> None:
    """Let some time pass."""
    freezer.tick(seconds)
    async_fire_time_changed(hass)
    await hass.async_block_till_done()


NEW = "https://other.example.com/api/webhook/secret-part"


async def test_push_address_changed(
    pushed: str, freezer: FrozenDateTimeFactory, hass_client: ClientSessionGenerator, house: House
) -> None:
    """It is told after some minutes, without the address, survives a restart, and can be closed."""
    data = house.data
    data.account.set_address(NEW)
    await later(house.hass, freezer, 100)
    assert "push_address_changed" not in issues(house.hass)
    # A change that polling found first makes the memory doubt that pushes come.
    data.storage.save_push_address(None)
    data.coordinator.async_update_listeners()
    await later(house.hass, freezer, 250)
    issue = issues(house.hass)["push_address_changed"]
    assert issue.is_persistent
    reported = repr(issue)
    for secret in (NEW, "secret-part", pushed, house.entry.data["webhook_id"]):
        assert secret not in reported
    result = await open_fix(hass_client, issue)
    assert "secret-part" not in repr(result)
    result = await submit(hass_client, result)
    assert result["type"] == "create_entry"
    await later(house.hass, freezer, 4000)
    assert "push_address_changed" not in issues(house.hass), "closed is closed"


async def test_push_address_comes_back(
    pushed: str, freezer: FrozenDateTimeFactory, house: House
) -> None:
    """A short change is none, no address is none, and the old address clears the repair."""
    account = house.data.account
    account.set_address(NEW)
    await later(house.hass, freezer, 100)
    account.set_address(None)
    await later(house.hass, freezer, 100)
    account.set_address(pushed)
    await later(house.hass, freezer, 400)
    assert "push_address_changed" not in issues(house.hass)
    account.set_address(None)
    await later(house.hass, freezer, 400)
    assert "push_address_changed" not in issues(house.hass)
    account.set_address(NEW)
    await later(house.hass, freezer, 400)
    assert "push_address_changed" in issues(house.hass)
    account.set_address(pushed)
    await house.hass.async_block_till_done()
    assert "push_address_changed" not in issues(house.hass)


async def test_a_new_push_address_that_goes_again(
    pushed: str, freezer: FrozenDateTimeFactory, house: House
) -> None:
    """Nobody is asked to enter an address that is not there; once it is there again, it is told."""
    account = house.data.account
    account.set_address(NEW)
    await later(house.hass, freezer, 100)
    account.set_address(None)
    await later(house.hass, freezer, 400)
    assert "push_address_changed" not in issues(house.hass)
    for _ in range(2):
        account.set_address(NEW)
        await later(house.hass, freezer, 400)
        assert "push_address_changed" in issues(house.hass)
        account.set_address(pushed)
        await later(house.hass, freezer, 1)
        assert "push_address_changed" not in issues(house.hass)


@pytest.mark.parametrize("waited", [100, 400])
async def test_push_arrives_at_the_new_address(
    pushed: str, freezer: FrozenDateTimeFactory, waited: int, house: House
) -> None:
    """Somebody has entered it in the console already: nothing to say, or no more."""
    data = house.data
    data.account.set_address(NEW)
    await later(house.hass, freezer, waited)
    assert ("push_address_changed" in issues(house.hass)) is (waited > 300)
    freezer.tick(1)
    data.coordinator.async_on_push()
    await later(house.hass, freezer, 1)
    assert "push_address_changed" not in issues(house.hass)
    await later(house.hass, freezer, 1000)
    assert "push_address_changed" not in issues(house.hass)


async def test_box_that_leaves_its_account(
    pushed: str, freezer: FrozenDateTimeFactory, house: House
) -> None:
    """What was told about the old account's address is of no use then."""
    assert pushed
    house.data.account.set_address(NEW)
    await later(house.hass, freezer, 400)
    assert "push_address_changed" in issues(house.hass)
    house.hass.config_entries.async_update_entry(
        house.entry, data={**house.entry.data, "webhook_id": "hook-of-another-account-0123456789"}
    )
    assert await house.hass.config_entries.async_reload(house.entry.entry_id)
    await house.hass.async_block_till_done()
    assert "push_address_changed" not in issues(house.hass)


async def test_one_repair_an_account(
    pushed: str, freezer: FrozenDateTimeFactory, hass_client: ClientSessionGenerator, house: House
) -> None:
    """Two boxes of one key have one address, and one repair, which goes with the last that is in use."""
    second = make_entry(house.simulator, twin_of(house.simulator), title="Home box")
    assert await set_up(house.hass, second)
    data = second.runtime_data
    data.storage.save_push_address(data.account.fingerprint)
    data.account.set_address(NEW)
    await later(house.hass, freezer, 400)
    found = [
        one
        for one in ir.async_get(house.hass).issues.values()
        if one.translation_key == "push_address_changed"
    ]
    assert len(found) == 1
    # Either may have told it.
    boxes = sorted(
        (house.entry, second), key=lambda one: one.entry_id != (found[0].data or {})["entry_id"]
    )
    await house.hass.config_entries.async_set_disabled_by(
        boxes[0].entry_id, ConfigEntryDisabler.USER
    )
    issue = issues(house.hass)["push_address_changed"]
    await submit(hass_client, await open_fix(hass_client, issue))
    for seconds in (4000, 400):
        await later(house.hass, freezer, seconds)
    assert "push_address_changed" not in issues(house.hass), "closed is closed"
    boxes[1].runtime_data.storage.save_push_address(data.account.fingerprint)
    data.account.set_address(pushed)
    await later(house.hass, freezer, 400)
    assert "push_address_changed" in issues(house.hass)
    await house.hass.config_entries.async_remove(boxes[1].entry_id)
    assert not issues(house.hass)


async def test_disabled_boxes_need_no_repair(house: House) -> None:
    """A repair of a box that nobody uses is noise."""
    assert issues(house.hass)
    await house.hass.config_entries.async_set_disabled_by(
        house.entry.entry_id, ConfigEntryDisabler.USER
    )
    await house.hass.async_block_till_done()
    assert not issues(house.hass)


async def test_dialog_of_a_box_that_is_not_loaded(
    hass_client: ClientSessionGenerator, house: House
) -> None:
    """An open dialog says so; a new one lets the message be closed, no more."""
    issue = issues(house.hass)["awaiting_driver"]
    result = await open_fix(hass_client, issue)
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    result = await submit(hass_client, result, phone=PHONE)
    assert result["type"] == "abort"
    assert result["reason"] == "not_loaded"
    result = await open_fix(hass_client, issues(house.hass)["awaiting_driver"])
    assert not result["data_schema"]
    result = await submit(hass_client, result)
    assert result["type"] == "create_entry"
    assert house.cloud.count("POST /driver/uninstall_driver_event") == 0


@pytest.mark.parametrize("kind", ["awaiting_driver", "error_limit_reached"])
async def test_a_box_that_is_unloaded_during_a_request(
    hass_client: ClientSessionGenerator, house: House, kind: str
) -> None:
    """What the service has accepted is not told as a failure."""
    if kind == "error_limit_reached":
        await pause(house)
    method, fields, end = {
        "awaiting_driver": ("request_driver", {"phone": PHONE}, "abort"),
        "error_limit_reached": ("reset_error_limit", {}, "create_entry"),
    }[kind]
    result = await open_fix(hass_client, issues(house.hass)[kind])
    request = getattr(LiankeClient, method)

    async def unload(*args: Any) -> None:
        await request(*args)
        await house.hass.config_entries.async_unload(house.entry.entry_id)

    with patch.object(LiankeClient, method, unload):
        result = await submit(hass_client, result, **fields)
    assert result["type"] == end
