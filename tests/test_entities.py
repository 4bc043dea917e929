"""What boxes, printers and jobs look like as entities."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Context, Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.translation import async_get_translations
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.api.models import Marker
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.printing.builtin_pages import async_print_test_page
from custom_components.lianke.printing.print_action import job_dict
from custom_components.lianke.runtime import preview_signal
from tests.clock import Clock, elapse, rest, until
from tests.conftest import make_entry, set_up, tear_down
from tests.household import House, follow, refusal
from tests.polling import key_of
from tests.simulator import Box, Fault, Outcome, Simulator
from tests.simulator.printing import QUEUE_SECONDS

LASER = "kyocera_ma2000w_gx"
RESET = "POST /print/reset_printing_error_limit"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def house(hass: HomeAssistant, simulator: Simulator, setup: MockConfigEntry) -> House:
    """Return the house with the office box, at rest."""
    await rest(hass)
    return House(hass=hass, simulator=simulator, entry=setup)


def state_of(hass: HomeAssistant, entity_id: str) -> str:
    """Return an entity's state."""
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return state.state


async def press(hass: HomeAssistant, name: str) -> None:
    """Press a button."""
    await hass.services.async_call(
        "button", "press", {"entity_id": f"button.{name}"}, blocking=True
    )


async def notify(hass: HomeAssistant, name: str, message: str, **more: Any) -> None:
    """Send a message to a printer."""
    await hass.services.async_call(
        "notify",
        "send_message",
        {"entity_id": f"notify.{name}_print_message", "message": message},
        blocking=True,
        **more,
    )


OFFICE = {
    "binary_sensor.office_box_cloud_connection": "on",
    "button.office_box_clear_the_cloud_s_queue_all_apps": "unknown",
    "button.office_box_restart": "unknown",
    "button.office_box_search_for_network_printers": "unknown",
    "sensor.office_box_lan_address": "192.168.1.30",
    "sensor.office_box_last_push_received": "unknown",
    "sensor.office_box_service_expiry": "2031-08-25",
    "sensor.office_box_wi_fi_address": "unknown",
}
PRINTER = {
    "binary_sensor.{}_problem": "off",
    "button.{}_cancel_waiting_jobs": "unknown",
    "button.{}_release_waiting_jobs": "unknown",
    "button.{}_print_test_page": "unknown",
    "button.{}_reset_the_error_limit": "unknown",
    "event.{}_print_job": "unknown",
    "image.{}_preview": "unknown",
    "notify.{}_print_message": "unknown",
    "sensor.{}": "idle",
    "sensor.{}_hold_reason": "none",
    "sensor.{}_jobs_waiting": "0",
    "sensor.{}_last_job": "unknown",
    "sensor.{}_last_job_title": "unknown",
    "sensor.{}_pages_printed_from_home_assistant": "0",
}
CONDITION = {
    f"binary_sensor.{{}}_{name}": "off" for name in ("cover", "ink_or_toner", "paper", "paper_jam")
}
INK = {"black": "72", "cyan": "40", "magenta": "55", "yellow": "8"}


async def test_all_entities(all_entities: None, house: House) -> None:
    printers = (
        LASER,
        "gprinter_gp_1324d",
        "epson_l3250_series_wang_luo",
        "unknown_printer",
        "hp_laserjet_1020",
        "hp_laserjet_1020_usb_5",
    )
    expected = dict(OFFICE)
    for printer in printers:
        expected |= {name.format(printer): state for name, state in PRINTER.items()}
    expected |= {name.format(LASER): state for name, state in CONDITION.items()}
    expected |= {
        f"sensor.epson_l3250_series_wang_luo_ink_or_toner_left_{color}": level
        for color, level in INK.items()
    }
    expected |= {
        "binary_sensor.unknown_printer_problem": "on",
        "sensor.unknown_printer": "awaiting_driver",
    }
    assert {state.entity_id: state.state for state in house.hass.states.async_all()} == expected


async def test_what_is_disabled_at_first(entity_registry: er.EntityRegistry, house: House) -> None:
    entities = er.async_entries_for_config_entry(entity_registry, house.entry.entry_id)
    disabled = {entity.entity_id for entity in entities if entity.disabled_by}
    assert {name for name in disabled if LASER in name or "office_box" in name} == {
        "button.office_box_clear_the_cloud_s_queue_all_apps",
        f"button.{LASER}_release_waiting_jobs",
        f"image.{LASER}_preview",
        "sensor.office_box_lan_address",
        "sensor.office_box_wi_fi_address",
        "sensor.office_box_last_push_received",
        f"sensor.{LASER}_hold_reason",
        f"sensor.{LASER}_last_job",
        f"sensor.{LASER}_last_job_title",
    }
    assert len(disabled) == 4 + 5 * 6
    assert len({entity.unique_id for entity in entities}) == len(entities)
    box_id = house.entry.data["device_id"]
    assert all(entity.unique_id.startswith(f"{box_id}_") for entity in entities)


async def test_every_entity_has_a_name(entity_registry: er.EntityRegistry, house: House) -> None:
    """In English; every other language has the same texts, and all states (`test_translations`)."""
    texts = await async_get_translations(house.hass, "en", "entity", [DOMAIN])
    for entity in er.async_entries_for_config_entry(entity_registry, house.entry.entry_id):
        if (key := entity.translation_key) == "restart":
            assert entity.original_device_class == "restart"
        elif key != "status":
            assert f"component.{DOMAIN}.entity.{entity.domain}.{key}.name" in texts


async def test_a_printer_in_trouble(house: House) -> None:
    printer = house.box.printer(1)
    assert state_of(house.hass, f"binary_sensor.{LASER}_paper_jam") == "off"
    printer.raw_state = "idle"
    printer.paper_jam = True
    house.coordinator.async_refresh_soon("a test", key_of(house.data, "Kyocera"))
    await house.poll()
    assert state_of(house.hass, f"sensor.{LASER}") == "paper_jam"
    assert state_of(house.hass, f"binary_sensor.{LASER}_paper_jam") == "on"
    assert state_of(house.hass, f"binary_sensor.{LASER}_cover") == "off"
    assert state_of(house.hass, f"binary_sensor.{LASER}_problem") == "on"


async def test_paper_is_the_same_everywhere(house: House) -> None:
    """*Paper* once said out of paper for minutes after a refill, and OK while the status said out."""
    printer, key = house.box.printer(1), key_of(house.data, "Kyocera")

    def shown() -> tuple[str | None, ...]:
        entities = (
            f"sensor.{LASER}",
            f"binary_sensor.{LASER}_paper",
            f"binary_sensor.{LASER}_problem",
        )
        return tuple(state_of(house.hass, entity) for entity in entities)

    printer.raw_state = "idle"
    printer.paper = 0
    house.coordinator.async_refresh_soon("a test", key)
    await house.poll()
    assert shown() == ("out_of_paper", "on", "on")
    # Refilled: the row tells of printing, the printer's own report is still the old one.
    printer.paper = 100
    printer.raw_state = "printing"
    await house.coordinator.async_refresh()
    await house.hass.async_block_till_done()
    assert shown() == ("printing", "off", "off")
    # Empty again: the row tells it first.
    printer.raw_state = "outOfPaper"
    await house.coordinator.async_refresh()
    await house.hass.async_block_till_done()
    assert shown() == ("out_of_paper", "on", "on")
    # A page of ours on paper disproves that.
    house.coordinator.async_on_page_printed(key)
    await house.hass.async_block_till_done()
    assert shown() == ("idle", "off", "off")


@pytest.mark.parametrize("way", ["printer", "box"])
async def test_off_is_no_problem(way: str, house: House) -> None:
    if way == "box":
        house.box.online = False
    else:
        house.box.printer(1).plugged = False
    await house.poll()
    assert state_of(house.hass, f"sensor.{LASER}") == (
        "box_offline" if way == "box" else "disconnected"
    )
    assert state_of(house.hass, f"binary_sensor.{LASER}_problem") == "off"
    assert state_of(house.hass, f"binary_sensor.{LASER}_cover") == STATE_UNAVAILABLE
    assert state_of(house.hass, f"button.{LASER}_reset_the_error_limit") == STATE_UNAVAILABLE
    assert state_of(house.hass, f"button.{LASER}_print_test_page") == STATE_UNKNOWN
    assert state_of(house.hass, f"notify.{LASER}_print_message") == STATE_UNKNOWN
    ink = "sensor.epson_l3250_series_wang_luo_ink_or_toner_left_black"
    assert state_of(house.hass, ink) == "72"
    connection = "binary_sensor.office_box_cloud_connection"
    assert state_of(house.hass, connection) == ("off" if way == "box" else "on")


async def test_without_contact_nothing_is_claimed(house: House) -> None:
    house.cloud.fail("GET /device/device_info", Fault(kind="http"), times=None)
    await house.coordinator.async_refresh()
    assert state_of(house.hass, f"sensor.{LASER}") == "idle"
    await house.coordinator.async_refresh()
    assert state_of(house.hass, f"sensor.{LASER}") == STATE_UNKNOWN
    assert state_of(house.hass, "binary_sensor.office_box_cloud_connection") == STATE_UNAVAILABLE
    assert state_of(house.hass, f"binary_sensor.{LASER}_problem") == STATE_UNAVAILABLE
    assert state_of(house.hass, "sensor.office_box_service_expiry") == STATE_UNAVAILABLE
    ink = "sensor.epson_l3250_series_wang_luo_ink_or_toner_left_black"
    assert state_of(house.hass, ink) == "72"


async def test_inks_named_by_signs_are_told_apart(
    caplog: pytest.LogCaptureFixture, house: House
) -> None:
    markers = tuple(
        Marker(name=name, level=level) for level, name in enumerate(("■", "●", "Black", "black"))
    )
    rows = [
        replace(known.printer, markers=markers) for known in house.data.storage.printers.values()
    ]
    with patch.object(type(house.data.client), "printers", return_value=rows):
        await house.coordinator.async_refresh()
    await house.hass.async_block_till_done()
    levels = [
        state.state
        for state in house.hass.states.async_all("sensor")
        if state.entity_id.startswith(f"sensor.{LASER}_ink")
    ]
    assert sorted(levels) == ["0", "1", "2"]
    assert "unique" not in caplog.text


async def test_ink_that_cannot_be_read_is_unknown(house: House) -> None:
    ink = "sensor.epson_l3250_series_wang_luo_ink_or_toner_left_black"
    house.cloud.variants.update(markers="negative")
    await house.coordinator.async_refresh()
    assert state_of(house.hass, ink) == STATE_UNKNOWN
    # No markers at all say nothing new.
    house.cloud.variants.update(markers="list")
    await house.coordinator.async_refresh()
    house.cloud.variants.update(markers="missing")
    await house.coordinator.async_refresh()
    assert state_of(house.hass, ink) == "72"


async def test_condition_entities_come_when_a_printer_learns_to_report(house: House) -> None:
    assert house.hass.states.get("binary_sensor.gprinter_gp_1324d_cover") is None
    house.box.printer(2).support_status = True
    await house.poll()
    assert house.hass.states.get("binary_sensor.gprinter_gp_1324d_cover") is not None


def faults_of(hass: HomeAssistant, printer: str) -> dict[str, bool]:
    """Return the faults that a printer has entities for, and whether those are enabled."""
    registry = er.async_get(hass)
    names = ("cover", "ink_or_toner", "paper", "paper_jam", "ribbon")
    found = {name: registry.async_get(f"binary_sensor.{printer}_{name}") for name in names}
    return {name: entity.disabled_by is None for name, entity in found.items() if entity}


async def test_a_printer_has_no_fault_that_its_kind_cannot_have(house: House) -> None:
    every_kind = {"cover": True, "paper": True, "paper_jam": True}
    assert faults_of(house.hass, LASER) == every_kind | {"ink_or_toner": True}
    house.box.printer(2).support_status = True
    # Nobody knows what this one is: it may have either.
    house.box.printer(4).support_status, house.box.printer(4).species = True, 0
    await house.poll()
    assert faults_of(house.hass, "gprinter_gp_1324d") == every_kind | {"ribbon": False}
    both = {"ink_or_toner": True, "ribbon": False}
    assert faults_of(house.hass, "hp_laserjet_1020") == every_kind | both


async def test_entities_of_an_earlier_version_stay(
    hass: HomeAssistant, entry: MockConfigEntry, box: Box, entity_registry: er.EntityRegistry
) -> None:
    """What 0.1.0 registered is neither disabled nor left behind."""
    assert await set_up(hass, entry)
    key = key_of(entry.runtime_data, "Kyocera")
    of_printer = f"{box.device_id}_{key}"
    names = {
        "binary_sensor": "ribbon",
        "image": "preview",
        "sensor": "last_job_title",
    }
    for platform, name in names.items():
        unique_id = f"{of_printer}_{name}"
        if known := entity_registry.async_get_entity_id(platform, DOMAIN, unique_id):
            entity_registry.async_update_entity(known, disabled_by=None)
        else:
            entity_registry.async_get_or_create(platform, DOMAIN, unique_id, config_entry=entry)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await rest(hass)
    for platform, name in names.items():
        found = entity_registry.async_get_entity_id(platform, DOMAIN, f"{of_printer}_{name}")
        assert found is not None
        assert state_of(hass, found) in {"off", STATE_UNKNOWN}
    await tear_down(hass)


async def test_a_network_printer_has_a_page_of_its_own(house: House) -> None:
    """The address comes from outside: only one of a private network becomes a link."""
    inkjet = house.box.find_printer("192.168.1.40")
    for address, page in (
        ("fd00::40", "http://[fd00::40]"),
        ("8.8.8.8", None),
        ("192.168.1.40", "http://192.168.1.40"),
        ("127.0.0.1", None),
        ("0.0.0.0", None),
        ("printer.example.com", None),
        ("192.168.1.40/x?y=@evil.example", None),
        ("", None),
    ):
        inkjet.ip = address
        await house.poll()
        pages = {
            device.name: device.configuration_url
            for device in dr.async_get(house.hass).devices
            if device.name
        }
        assert pages["Office box"] == "https://open.liankenet.com"
        assert pages["Kyocera MA2000w GX"] is None
        assert pages["EPSON L3250 Series (网络)"] == page, address


async def test_states_are_written_when_they_change(all_entities: None, house: House) -> None:
    """Neither changed nor reported again: nothing for the recorder to look at."""
    writes: list[str] = []

    @callback
    def note(event: Event[Any]) -> None:
        writes.append(event.data["entity_id"])

    house.hass.bus.async_listen("state_changed", note)
    house.hass.bus.async_listen("state_reported", note, event_filter=callback(lambda _: True))
    for _ in range(5):
        await house.poll()
    assert writes == []
    house.box.printer(1).paper = 0
    await house.poll()
    # All that tell of the paper at once, with one truth.
    assert sorted(writes) == [
        f"binary_sensor.{LASER}_paper",
        f"binary_sensor.{LASER}_problem",
        f"sensor.{LASER}",
    ]


# Jobs


async def test_a_job_from_the_button_to_paper(
    all_entities: None, reachable: str, hass_admin_user: MockUser, house: House
) -> None:
    events = follow(house.hass, f"event.{LASER}_print_job")
    user = Context(user_id=hass_admin_user.id)
    await house.hass.services.async_call(
        "button",
        "press",
        {"entity_id": f"button.{LASER}_print_test_page"},
        blocking=True,
        context=user,
    )
    await until(lambda: state_of(house.hass, f"sensor.{LASER}_last_job") == "completed")
    assert [one.attributes["event_type"] for one in events] == ["queued", "completed"]
    reported = events[-1].attributes
    assert reported["title"] == "Test page"
    assert reported["reason"] is None
    assert reported["partly_printed"] is False
    assert len(reported["job_id"]) == 26
    assert events[-1].context.user_id == hass_admin_user.id
    assert state_of(house.hass, f"sensor.{LASER}_last_job_title") == "Test page"
    assert state_of(house.hass, f"sensor.{LASER}_jobs_waiting") == "0"
    (printed,) = house.cloud.printed
    page = await house.hass.async_add_executor_job(printed.path.read_text)
    assert "Kyocera MA2000w GX" in page
    assert printed.options["dmPaperSize"] == "9"


@pytest.mark.usefixtures("hurried")
async def test_pages_are_counted_when_they_are_proven(all_entities: None, house: House) -> None:
    key = key_of(house.data, "Kyocera")
    await async_print_test_page(house.hass, house.coordinator.config_entry, key, Context())
    await until(lambda: state_of(house.hass, f"sensor.{LASER}_last_job") == "completed")
    # Nobody knows how many pages the service made of a web page: none are claimed.
    assert state_of(house.hass, f"sensor.{LASER}_pages_printed_from_home_assistant") == "0"
    house.data.storage.count_pages(key, "another", 3)
    for entity in house.hass.data["entity_components"]["sensor"].entities:
        if entity.entity_id == f"sensor.{LASER}_pages_printed_from_home_assistant":
            entity.async_write_if_changed()
    assert state_of(house.hass, f"sensor.{LASER}_pages_printed_from_home_assistant") == "3"


async def test_a_job_that_fails(all_entities: None, reachable: str, house: House) -> None:
    house.cloud.plan(house.box.printer(1), Outcome(code=503, prints="none"))
    await press(house.hass, f"{LASER}_print_test_page")
    await until(lambda: state_of(house.hass, f"sensor.{LASER}_last_job") == "failed")
    state = house.hass.states.get(f"event.{LASER}_print_job")
    assert state
    assert state.attributes["event_type"] == "failed"
    assert state.attributes["code"] == 503
    assert state.attributes["reason"]


async def test_a_held_job_shows_why_and_can_be_cancelled(all_entities: None, house: House) -> None:
    house.box.printer(1).plugged = False
    await house.coordinator.async_refresh()
    events = follow(house.hass, f"event.{LASER}_print_job")
    await press(house.hass, f"{LASER}_print_test_page")
    await notify(house.hass, LASER, "Dinner is ready")
    assert state_of(house.hass, f"sensor.{LASER}_last_job") == "held"
    assert state_of(house.hass, f"sensor.{LASER}_hold_reason") == "disconnected"
    assert state_of(house.hass, f"sensor.{LASER}_jobs_waiting") == "2"
    # What is of the moment does not come out tomorrow.
    for job in house.queue.jobs():
        assert job.expires_at - job.created_at == timedelta(hours=1)
        assert "Dinner" not in str(job_dict(job))
    assert state_of(house.hass, f"sensor.{LASER}_last_job_title") == "Notification"
    await press(house.hass, f"{LASER}_cancel_waiting_jobs")
    await rest(house.hass)
    assert state_of(house.hass, f"sensor.{LASER}_last_job") == "canceled"
    assert state_of(house.hass, f"sensor.{LASER}_hold_reason") == "none"
    assert state_of(house.hass, f"sensor.{LASER}_jobs_waiting") == "0"
    types = [one.attributes["event_type"] for one in events]
    assert types == ["held", "held", "canceled", "canceled"]
    assert house.cloud.count("POST /print/job") == 0


async def test_a_job_that_the_cloud_does_not_cancel_keeps_none_of_the_others(house: House) -> None:
    laser = house.device()
    await house.ask("print", device_id=laser, text="For somebody there", release_code="1234")
    house.cloud.variants.printer_off = "accepted_until_on"
    house.box.printer(1).on = False
    await house.ask("print", device_id=laser, text="In the cloud")
    await until(lambda: house.queue.jobs()[0].state is JobState.QUEUED)
    house.cloud.fail("DELETE /print/job", Fault(kind="code", code=5002, msg="设备不在线"))
    cancel = press(house.hass, f"{LASER}_cancel_waiting_jobs")
    assert await refusal(cancel, HomeAssistantError) == "box_offline"
    assert [one.state for one in house.queue.jobs()] == [JobState.QUEUED, JobState.CANCELED]


async def test_what_is_refused(house: House) -> None:
    for ask, reason in (
        (notify(house.hass, "unknown_printer", "Hello"), "driver_awaiting"),
        (press(house.hass, "unknown_printer_print_test_page"), "driver_awaiting"),
        (notify(house.hass, LASER, "  "), "text_empty"),
    ):
        assert await refusal(ask) == reason
    assert house.cloud.count("POST /print/job") == 0


# Buttons


async def test_restart(house: House) -> None:
    await press(house.hass, "office_box_restart")
    assert house.box.rebooting
    again = press(house.hass, "office_box_restart")
    assert await refusal(again, HomeAssistantError) in ("already_running", "box_offline")
    await until(lambda: not house.box.rebooting)


async def test_search_for_network_printers(house: House) -> None:
    await press(house.hass, "office_box_search_for_network_printers")
    assert house.cloud.count("GET /printer/refresh_network_printer") == 1
    again = press(house.hass, "office_box_search_for_network_printers")
    assert await refusal(again, HomeAssistantError) == "too_frequent"


async def test_clear_the_queue_for_all_apps(all_entities: None, house: House) -> None:
    """It is for a printer that is off that jobs wait; where the service finds none, that is said."""
    printer = house.box.printer(1)
    printer.on, printer.off_mode = False, "accepted_until_on"
    for _ in range(3):
        house.cloud.print_as_someone_else(house.box, printer)
    await house.cloud.sleep(2 * QUEUE_SECONDS)
    printer.off_mode = "row_gone"
    await house.poll()
    clear, flush = "office_box_clear_the_cloud_s_queue_all_apps", "POST /print/flush_jobs"
    house.cloud.fail(flush, Fault(kind="code", code=5011, msg="打印机不存在"))
    with pytest.raises(ServiceValidationError) as raised:
        await press(house.hass, clear)
    assert raised.value.translation_key == "queue_not_cleared"
    assert raised.value.translation_placeholders == {"printers": "Kyocera MA2000w GX"}
    every = house.cloud.count(flush)
    await press(house.hass, clear)
    assert house.cloud.count(flush) == 2 * every >= 10
    tasks = house.cloud.tasks_of(house.box, printer)
    await until(lambda: [task.state for task in tasks] == ["REVOKED"] * 3)


async def test_reset_the_error_limit(house: House) -> None:
    reset = press(house.hass, f"{LASER}_reset_the_error_limit")
    assert await refusal(reset, HomeAssistantError) == "nothing_to_reset"
    house.box.printer(1).failures = 30
    await press(house.hass, f"{LASER}_reset_the_error_limit")
    assert house.box.printer(1).failures == 0
    assert house.cloud.count(RESET) == 2


@pytest.mark.parametrize(
    ("button", "endpoint"),
    [
        ("office_box_restart", "POST /device/async_device_reboot"),
        ("office_box_search_for_network_printers", "GET /printer/refresh_network_printer"),
        (f"{LASER}_reset_the_error_limit", RESET),
    ],
)
async def test_buttons_tell_what_the_service_said(button: str, endpoint: str, house: House) -> None:
    for fault, key in (
        (Fault(kind="http", status=502), "unexpected_answer"),
        (Fault(kind="code", code=5002, msg="设备不在线"), "box_offline"),
        (Fault(kind="code", code=99999, msg="奇怪"), "refused"),
    ):
        house.cloud.fail(endpoint, fault)
        with pytest.raises(HomeAssistantError) as reported:
            await press(house.hass, button)
        assert reported.value.translation_key == key
        assert reported.value.translation_domain == DOMAIN


async def test_a_button_of_a_printer_that_is_gone(house: House) -> None:
    """Its entities may be there for a moment longer."""
    key = key_of(house.data, "Kyocera")
    gone = {one: view for one, view in house.coordinator.data.printers.items() if one != key}
    # A reading of its condition that ends only now must not bring it back.
    del house.coordinator.storage.printers[key]
    house.coordinator.data = house.coordinator.data._replace(printers=gone)
    assert await refusal(press(house.hass, f"{LASER}_print_test_page")) == "printer_gone"


# The preview


def show_preview(hass: HomeAssistant, key: str, picture: bytes) -> None:
    """Show a picture as a printer's preview, as the action does."""
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    async_dispatcher_send(hass, preview_signal(entry, key), picture)


async def test_the_preview_stays_ten_minutes(
    clock: Clock, all_entities: None, hass_client: ClientSessionGenerator, house: House
) -> None:
    entity_id = f"image.{LASER}_preview"
    key = key_of(house.data, "Kyocera")
    client = await hass_client()

    async def picture() -> tuple[int, bytes, str]:
        response = await client.get(f"/api/image_proxy/{entity_id}")
        return response.status, await response.read(), response.content_type

    assert (await picture())[0] == 500
    show_preview(house.hass, key, PNG)
    shown = state_of(house.hass, entity_id)
    assert shown.startswith("2026-11-24T10:00:00")
    assert await picture() == (200, PNG, "image/png")
    clock.tick(300)
    show_preview(house.hass, key, b"\xff\xd8jpeg")
    assert state_of(house.hass, entity_id) > shown
    assert await picture() == (200, b"\xff\xd8jpeg", "image/jpeg")
    await elapse(house.hass, clock, 590, 59)
    assert state_of(house.hass, entity_id) != STATE_UNKNOWN
    await elapse(house.hass, clock, 20)
    assert state_of(house.hass, entity_id) == STATE_UNKNOWN
    assert (await picture())[0] == 500


async def test_printing_clears_the_preview_of_its_printer(all_entities: None, house: House) -> None:
    show_preview(house.hass, key_of(house.data, "Kyocera"), PNG)
    show_preview(house.hass, key_of(house.data, "Gprinter"), PNG)
    await press(house.hass, f"{LASER}_print_test_page")
    assert state_of(house.hass, f"image.{LASER}_preview") == STATE_UNKNOWN
    assert state_of(house.hass, "image.gprinter_gp_1324d_preview") != STATE_UNKNOWN


async def test_inks_have_names_in_the_language_of_the_house(
    hass: HomeAssistant, simulator: Simulator, box: Box
) -> None:
    """What the printer calls by a name of its own keeps it."""
    inkjet = next(one for one in box.printers if one.markers)
    inkjet.markers = [*(inkjet.markers or ()), {"name": "Waste box", "level": 3}]
    await hass.config.async_update(language="zh-Hans")
    entry = make_entry(simulator, box)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    names = {
        state.name.partition("余墨/余粉")[2].strip()
        for state in hass.states.async_all("sensor")
        if "余墨/余粉" in state.name
    }
    assert names == {"黑色", "青色", "品红", "黄色", "Waste box"}
    await tear_down(hass)
