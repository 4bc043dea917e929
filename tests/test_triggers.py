"""Triggers, each in a real automation: what fires it, how often, and what it says."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from homeassistant.components.websocket_api.automation import (
    async_get_conditions_for_target,
    async_get_triggers_for_target,
)
from homeassistant.core import Context, CoreState, Event, HomeAssistant, callback
from homeassistant.helpers import (
    area_registry as ar,
    config_validation as cv,
    device_registry as dr,
)
from homeassistant.helpers.trigger import (
    async_validate_trigger_config,
)
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import WebSocketGenerator
import voluptuous as vol

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.scanner.actions import SCAN_ACTIONS
from custom_components.lianke.trigger import TRIGGERS
from tests.clock import Clock, elapse, rest, until
from tests.household import (
    INKJET,
    LABELS,
    LASER,
    OTHER_LASER,
    House,
    ask,
    box_of,
    device_of,
    show_state,
)
from tests.packaging import actions_for, load_services
from tests.simulator import Fault, Outcome
from tests.traces import traces, why_not

STATUS = "sensor.kyocera_ma2000w_gx"
FIELDS = (
    *("id", "job_id", "title", "state", "pages", "reason", "message", "printer", "device_id"),
    *("partly_printed", "status", "entity_id", "ink", "level", "platform"),
)

type Fired = list[dict[str, Any]]
type Automate = Callable[..., Awaitable[Fired]]


@pytest.fixture
async def automate(hass: HomeAssistant) -> Automate:
    """Return a function that makes an automation, and returns what its triggers will have said."""

    async def make(*triggers: dict[str, Any]) -> Fired:
        fired: Fired = []

        @callback
        def note(event: Event) -> None:
            fired.append({**event.data["trigger"], "context": event.context})

        hass.bus.async_listen("fired", note)
        reported = {name: f"{{{{ trigger.get('{name}') }}}}" for name in FIELDS}
        config = {
            "id": "test",
            "alias": "test",
            "mode": "parallel",
            "trace": {"stored_traces": 50},
            "triggers": list(triggers),
            "actions": [{"event": "fired", "event_data": {"trigger": reported}}],
        }
        assert await async_setup_component(hass, "automation", {"automation": [config]})
        await hass.async_block_till_done()
        assert hass.states.is_state("automation.test", "on")
        return fired

    return make


def on(hass: HomeAssistant, name: str, printer: str = LASER, /, **options: Any) -> dict[str, Any]:
    """Return the configuration of a trigger for a printer's device."""
    trigger: dict[str, Any] = {
        "trigger": f"{DOMAIN}.{name}",
        "id": name,
        "target": {"device_id": device_of(hass, printer)},
    }
    return trigger | ({"options": options} if options else {})


async def print_text(hass: HomeAssistant, **data: Any) -> dict[str, Any]:
    """Print a line on the laser printer, and return its job."""
    data = {"device_id": device_of(hass), "text": "x"} | data
    [job] = (await ask(hass, "print", data.pop("context", None), **data))["jobs"]
    return dict(job)


def named(fired: Fired) -> list[str]:
    """Return which triggers have fired, in order."""
    return [one["id"] for one in fired]


async def show(house: House, clock: Clock | None = None) -> None:
    """Poll, and let everybody hear of it.

    Where time is moved: what the printer was asked for at the same instant would count as the newer word.
    """
    if clock:
        clock.tick(1)
    await house.poll()


# Jobs


@pytest.mark.parametrize("starting", [False, True])
async def test_a_job_is_printed(
    starting: bool, reachable: str, automate: Automate, house: House
) -> None:
    """What is learned of it while Home Assistant starts is told once automations listen."""
    if starting:
        house.hass.set_state(CoreState.not_running)
    fired = await automate(
        on(house.hass, "job_printed"), on(house.hass, "job_failed"), on(house.hass, "job_held")
    )
    context = Context()
    job = await print_text(house.hass, title="今天的菜单", wait=True, context=context)
    assert job["state"] == "completed"
    if starting:
        await house.hass.async_start()
    await until(lambda: fired)
    [said] = fired
    assert (said["id"], said["platform"]) == ("job_printed", "lianke.job_printed")
    assert said["job_id"] == job["job_id"]
    assert (said["title"], said["state"], said["pages"]) == (
        "今天的菜单",
        "completed",
        job["pages"],
    )
    assert (said["reason"], said["message"]) == (None, None)
    assert (said["printer"], said["device_id"]) == (LASER, house.device())
    # What the automation does is the doing of who asked for the print.
    assert said["context"].parent_id == context.id


async def test_a_job_fails(reachable: str, automate: Automate, house: House) -> None:
    await house.hass.config.async_update(language="zh-Hans")
    fired = await automate(
        on(house.hass, "job_failed"),
        on(house.hass, "job_failed", outcome="failed") | {"id": "only this"},
        on(house.hass, "job_failed", outcome=["expired", "unconfirmed"]) | {"id": "not this"},
        # Ticked in the form, and nothing chosen.
        on(house.hass, "job_failed", outcome=[]) | {"id": "no choice"},
        on(house.hass, "job_printed"),
    )
    house.box.printer(1).outcomes.append(Outcome(code=502, msg="x"))
    job = await print_text(house.hass, wait=True)
    await until(lambda: len(fired) == 3)
    await rest(house.hass)
    assert named(fired) == ["job_failed", "only this", "no choice"]
    said = fired[0]
    assert (said["state"], said["reason"]) == ("failed", "conversion_failed")
    assert said["message"] == job["message"] > ""
    assert "无法转换" in said["message"]


async def test_a_job_expires(clock: Clock, automate: Automate, house: House) -> None:
    house.box.online = False
    await show(house)
    fired = await automate(
        on(house.hass, "job_failed"),
        on(house.hass, "job_failed", outcome=["failed"]) | {"id": "not this"},
    )
    await print_text(house.hass, expires_in=60)
    await elapse(house.hass, clock, 90, step=30)
    assert named(fired) == ["job_failed"]
    assert fired[0]["state"] == "expired"


async def test_a_job_fails_whose_printer_is_deleted(
    automate: Automate, hass_ws_client: WebSocketGenerator, house: House
) -> None:
    assert await async_setup_component(house.hass, "config", {})
    house.box.printer(1).plugged = False
    await show(house)
    fired = await automate(on(house.hass, "job_failed"))
    job = await print_text(house.hass)
    answer = await (await hass_ws_client(house.hass)).remove_device(device_of(house.hass))
    assert answer["success"]
    await rest(house.hass)
    assert [(one["job_id"], one["reason"]) for one in fired] == [(job["job_id"], "printer_gone")]


async def test_a_job_that_is_in_doubt_at_first(
    clock: Clock, automate: Automate, house: House
) -> None:
    """Each end is told once: first that nobody knows, then that it is on paper."""
    fired = await automate(on(house.hass, "job_failed"), on(house.hass, "job_printed"))
    house.cloud.fail("POST /print/job", Fault(kind="reset_after_accept"))
    house.cloud.fail("POST /print/query_device_task", Fault(kind="http"), times=None)
    job = await print_text(house.hass)
    queue = house.queue
    # An upload that the clock overtakes on its way is begun anew, and the fault is used up.
    await until(lambda: queue.get(job["job_id"]).current_delivery.is_in_doubt)
    await rest(house.hass)
    for _ in range(200):
        if queue.get(job["job_id"]).is_final:
            break
        await elapse(house.hass, clock, 600, step=600)
    assert queue.get(job["job_id"]).state == "unconfirmed"
    await rest(house.hass)
    assert named(fired) == ["job_failed"]
    assert fired[0]["state"] == "unconfirmed"
    await queue.async_confirm(job["job_id"])
    await rest(house.hass)
    assert named(fired) == ["job_failed", "job_printed"]


async def test_a_job_is_held(reachable: str, automate: Automate, house: House) -> None:
    house.box.online = False
    await show(house)
    fired = await automate(
        on(house.hass, "job_held"),
        # A reason of 0.3.0 that there is no more is taken for what it is: none.
        on(house.hass, "job_held", reason=["out_of_paper", "moving"]) | {"id": "paper"},
        on(house.hass, "job_held", reason=["quiet_hours"]) | {"id": "not this"},
    )
    job = await print_text(house.hass)
    await until(lambda: fired)
    await rest(house.hass)
    assert named(fired) == ["job_held"]
    assert (fired[0]["job_id"], fired[0]["state"]) == (job["job_id"], "held")
    assert (fired[0]["reason"], fired[0]["message"]) == ("box_offline", "Box offline")
    # The same job, for another reason; and again for the first one.
    for _ in range(2):
        house.box.online = True
        show_state(house.box.printer(1), "outOfPaper")
        await show(house)
        await until(
            lambda: house.queue.get(job["job_id"]).current_delivery.hold_reason == "out_of_paper"
        )
        house.box.online = False
        await show(house)
        await until(
            lambda: house.queue.get(job["job_id"]).current_delivery.hold_reason == "box_offline"
        )
    assert named(fired) == ["job_held", "paper"]
    assert fired[1]["message"] == "Out of paper"
    # Another job is another matter.
    await print_text(house.hass)
    await until(lambda: len(fired) == 3)
    assert named(fired) == ["job_held", "paper", "job_held"]


async def test_a_job_that_begins_to_wait_while_home_assistant_starts(
    automate: Automate, house: House
) -> None:
    """It still waits, perhaps for somebody who switches its printer on; what is over by then is not told."""
    house.box.online = False
    await show(house)
    job = await print_text(house.hass)
    house.hass.set_state(CoreState.not_running)
    assert await house.hass.config_entries.async_reload(house.entry.entry_id)
    fired = await automate(
        on(house.hass, "job_held", reason=["disconnected"]),
        on(house.hass, "job_held", reason=["box_offline", "out_of_paper"]) | {"id": "not this"},
    )
    house.box.online = True
    show_state(house.box.printer(1), "outOfPaper")
    await show(house)
    await until(
        lambda: house.queue.get(job["job_id"]).current_delivery.hold_reason == "out_of_paper"
    )
    house.box.printer(1).plugged = False
    await show(house)
    await until(
        lambda: house.queue.get(job["job_id"]).current_delivery.hold_reason == "disconnected"
    )
    await house.hass.async_start()
    await until(lambda: fired)
    await rest(house.hass)
    assert named(fired) == ["job_held"]


async def test_nothing_is_told_again_after_a_reload(automate: Automate, house: House) -> None:
    house.box.online = False
    await show(house)
    fired = await automate(
        *(on(house.hass, name) for name in TRIGGERS),
        on(house.hass, "job_held", reason=["cloud_unreachable"]) | {"id": "not this"},
    )
    job = await print_text(house.hass)
    await until(lambda: fired)
    for _ in range(2):
        assert await house.hass.config_entries.async_reload(house.entry.entry_id)
        await show(house)
    assert named(fired) == ["job_held"]
    # The trigger goes on with the queue that was made anew.
    await house.ask("cancel_job", job_id=job["job_id"])
    await print_text(house.hass)
    await until(lambda: len(fired) == 2)
    assert named(fired) == ["job_held"] * 2


async def test_what_begins_to_wait_during_a_stop_is_told_after_the_start(
    automate: Automate, house: House
) -> None:
    fired = await automate(on(house.hass, "job_held", reason=["disconnected"]))
    job = await print_text(house.hass, release_code="4711")
    house.box.printer(1).plugged = False
    await show(house)
    house.cloud.variants.latency = 0.5
    await print_text(house.hass, device_id=device_of(house.hass, OTHER_LASER))
    stop = asyncio.ensure_future(house.queue.async_drain())
    await asyncio.sleep(0)
    await house.ask("continue_job", job_id=job["job_id"], code="4711")
    await stop
    assert await house.hass.config_entries.async_reload(house.entry.entry_id)
    await until(lambda: fired)
    event = house.hass.states.get("event.kyocera_ma2000w_gx_print_job")
    assert event is not None
    assert (event.attributes["job_id"], event.attributes["reason"]) == (
        job["job_id"],
        "disconnected",
    )


async def test_only_jobs_of_the_target_count(automate: Automate, house: House) -> None:
    house.box.online = False
    await show(house)
    area = ar.async_get(house.hass).async_create("Study")
    held = {"trigger": "lianke.job_held"}
    fired = await automate(
        {**held, "id": "area", "target": {"area_id": area.id}},
        {**held, "id": "entity", "target": {"entity_id": STATUS}},
        {
            **held,
            "id": "both",
            "target": {"device_id": [house.device(n) for n in (LASER, LABELS)]},
        },
    )
    await print_text(house.hass)
    await until(lambda: len(fired) == 2)
    assert sorted(named(fired)) == ["both", "entity"]
    # A printer that moves into the area belongs to it from now on.
    dr.async_get(house.hass).async_update_device(house.device(LABELS), area_id=area.id)
    fired.clear()
    await print_text(house.hass, device_id=house.device(LABELS), paper="60 x 40 mm")
    await until(lambda: len(fired) == 2)
    await rest(house.hass)
    assert sorted(named(fired)) == ["area", "both"]
    assert {one["printer"] for one in fired} == {LABELS}


# Printers


async def test_a_printer_needs_attention(reachable: str, automate: Automate, house: House) -> None:
    fired = await automate(
        on(house.hass, "printer_needs_attention"),
        on(house.hass, "printer_needs_attention", fault=["paper_jam"]) | {"id": "jam"},
        on(house.hass, "printer_needs_attention", fault=["disconnected"]) | {"id": "off"},
        on(house.hass, "printer_needs_attention", LABELS) | {"id": "another printer"},
        on(house.hass, "printer_ready"),
    )
    printer = house.box.printer(1)
    show_state(printer, "outOfPaper")
    await show(house)
    assert named(fired) == ["printer_needs_attention"]
    said = fired[0]
    assert (said["status"], said["message"]) == ("out_of_paper", "Out of paper")
    assert (said["printer"], said["device_id"]) == (LASER, house.device())
    assert said["entity_id"] == STATUS
    # The same incident goes on with another fault.
    show_state(printer, "paperJam")
    await show(house)
    assert named(fired) == ["printer_needs_attention", "jam"]
    show_state(printer, "idle")
    await show(house)
    show_state(printer, "printing")
    await show(house)
    assert named(fired) == ["printer_needs_attention", "jam", "printer_ready"]
    # Being off is nothing to see to, unless it is asked for.
    printer.plugged = False
    await show(house)
    assert named(fired)[3:] == ["off"]
    printer.plugged = True
    show_state(printer, "idle")
    await show(house)
    assert named(fired)[4:] == ["printer_ready"]


@pytest.mark.usefixtures("hurried")
async def test_what_is_not_known_in_between_changes_nothing(
    reachable: str, clock: Clock, automate: Automate, house: House
) -> None:
    """Neither a cloud that is not reached nor a reload makes an incident of an old one, or hides a new one."""
    fired = await automate(
        on(house.hass, "printer_needs_attention"), on(house.hass, "printer_ready")
    )

    async def lose_contact() -> None:
        fault = Fault(kind="http")
        house.cloud.fail("GET /device/device_info", fault, times=None)
        for _ in range(2):
            await show(house, clock)
        assert house.hass.states.is_state(STATUS, "unknown")
        house.cloud.faults.clear()

    show_state(house.box.printer(1), "outOfPaper")
    await show(house, clock)
    assert named(fired) == ["printer_needs_attention"]
    await lose_contact()
    await show(house, clock)
    assert named(fired) == ["printer_needs_attention"]
    assert await house.hass.config_entries.async_reload(house.entry.entry_id)
    await show(house, clock)
    assert named(fired) == ["printer_needs_attention"]
    # It was seen to while nobody could know.
    await lose_contact()
    show_state(house.box.printer(1), "idle")
    await show(house, clock)
    assert named(fired) == ["printer_needs_attention", "printer_ready"]


async def test_a_fault_has_to_last(clock: Clock, automate: Automate, house: House) -> None:
    # What the printer has reported itself is older than what comes.
    await elapse(house.hass, clock, 20, step=20)
    fired = await automate(
        on(house.hass, "printer_needs_attention", **{"for": {"minutes": 2}}),
        on(house.hass, "printer_ready", **{"for": "00:01:00"}),
    )
    printer = house.box.printer(1)
    printer.cover_open = True
    await show(house)
    await elapse(house.hass, clock, 100, step=20)
    printer.cover_open = False
    await show(house)
    await elapse(house.hass, clock, 200, step=20)
    assert named(fired) == ["printer_ready"]
    fired.clear()
    printer.cover_open = True
    await show(house)
    await elapse(house.hass, clock, 100, step=20)
    # A reload in the middle does not start it anew.
    assert await house.hass.config_entries.async_reload(house.entry.entry_id)
    await show(house)
    assert named(fired) == []
    # What it has turned into is told.
    printer.cover_open = False
    show_state(printer, "outOfPaper")
    await show(house, clock)
    await elapse(house.hass, clock, 40, step=20)
    assert [one["message"] for one in fired] == ["Out of paper"]
    await elapse(house.hass, clock, 300, step=60)
    assert named(fired) == ["printer_needs_attention"]


async def test_a_fault_from_before_is_not_told(
    reachable: str, automate: Automate, house: House
) -> None:
    """As with Home Assistant's own triggers, also where the state is not known yet at first."""
    show_state(house.box.printer(1), "outOfPaper")
    await show(house)
    fired = await automate(on(house.hass, "printer_needs_attention"))
    await show(house)
    assert fired == []


async def test_ink_becomes_low(reachable: str, automate: Automate, house: House) -> None:
    fired = await automate(
        on(house.hass, "ink_low", INKJET),
        on(house.hass, "ink_low", INKJET, below=50) | {"id": "half"},
        on(house.hass, "ink_low", LASER) | {"id": "no ink"},
    )
    printer = next(one for one in house.box.printers if one.markers)
    assert printer.markers is not None
    levels = {str(marker["name"]): marker for marker in printer.markers}

    async def set_to(**wanted: int) -> None:
        for name, level in wanted.items():
            levels[name]["level"] = level
        await show(house)

    await set_to(Black=50)
    assert fired == []
    await set_to(Black=49)
    assert named(fired) == ["half"]
    await set_to(Black=12)
    assert named(fired) == ["half", "ink_low"]
    said = fired[1]
    assert (said["printer"], said["level"]) == (INKJET, 12)
    assert said["ink"] == "Ink or toner left Black"
    # Down to nothing is the same news; filled and used again is another.
    await set_to(Black=0)
    await set_to(Black=100)
    await set_to(Black=14)
    assert sorted(named(fired)[2:]) == ["half", "ink_low"]


async def test_ink_passes_a_threshold_that_an_entity_sets(
    reachable: str, clock: Clock, automate: Automate, house: House
) -> None:
    limit = {"entity": "input_number.limit"}
    hass = house.hass
    fired = await automate(
        on(hass, "ink_low", INKJET, threshold={"type": "below", "value": limit}),
        on(
            hass,
            "ink_low",
            INKJET,
            # Where the editor has put a threshold beside the limit of 0.3.0, the threshold counts.
            below=90,
            threshold={"type": "below", "value": {"number": 30}},
            **{"for": "00:10:00"},
        )
        | {"id": "for a while"},
        on(
            hass,
            "ink_low",
            INKJET,
            threshold={"type": "between", "value_min": {"number": 20}, "value_max": {"number": 25}},
            behavior="all",
        )
        | {"id": "all"},
    )
    printer = next(one for one in house.box.printers if one.markers)
    assert printer.markers is not None

    async def set_to(*levels: int) -> None:
        assert printer.markers is not None
        for marker, level in zip(printer.markers, levels, strict=False):
            marker["level"] = level
        await show(house, clock)

    many = len(printer.markers)
    await set_to(*[80] * many)
    assert why_not(hass, "test") == ["threshold_entity_not_found"] * 4
    hass.states.async_set("input_number.limit", "a third", {"unit_of_measurement": "%"})
    await set_to(79)
    assert why_not(hass, "test")[-1] == "threshold_value_not_numeric"
    hass.states.async_set("input_number.limit", "33", {"unit_of_measurement": "%"})
    await set_to(32)
    assert named(fired) == ["ink_low"]
    await set_to(24)
    assert named(fired) == ["ink_low"]
    assert why_not(hass, "test")[-1] == "others_differ"
    await elapse(hass, clock, 660, step=60)
    assert named(fired) == ["ink_low", "for a while"]
    fired.clear()
    await set_to(*[22] * many)
    assert named(fired).count("all") == 1
    # The timers of the other colors must not outlive the test.
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)


@pytest.mark.usefixtures("hurried")
async def test_the_first_or_all_of_several_printers(
    clock: Clock, automate: Automate, house: House
) -> None:
    hass = house.hass

    def of_both(name: str, behavior: str, **options: Any) -> dict[str, Any]:
        trigger = on(hass, name, behavior=behavior, **options)
        devices = [house.device(LASER), house.device(LABELS)]
        return trigger | {"id": f"{name} {behavior}", "target": {"device_id": devices}}

    fired = await automate(
        of_both("printer_needs_attention", "first"),
        of_both("printer_needs_attention", "all", **{"for": "00:02:00"}),
        of_both("printer_ready", "all"),
    )
    laser = house.box.printer(1)
    labels = next(one for one in house.box.printers if one.name == LABELS)
    show_state(laser, "outOfPaper")
    await show(house, clock)
    assert named(fired) == ["printer_needs_attention first"]
    assert why_not(hass, "test") == ["others_differ"]
    show_state(labels, "outOfPaper")
    await show(house, clock)
    assert why_not(hass, "test")[1:] == ["another_matched_before"]
    # Both have a fault for a minute only.
    await elapse(hass, clock, 60, step=20)
    show_state(labels, "idle")
    await show(house, clock)
    assert "ended_too_early" in why_not(hass, "test")
    assert why_not(hass, "test")[-1] == "others_differ"
    show_state(labels, "outOfPaper")
    await show(house, clock)
    await elapse(hass, clock, 140, step=20)
    assert named(fired) == ["printer_needs_attention first", "printer_needs_attention all"]
    assert fired[1]["printer"] == LABELS
    show_state(laser, "idle")
    await show(house, clock)
    assert len(fired) == 2
    show_state(labels, "idle")
    await show(house, clock)
    assert named(fired)[2:] == ["printer_ready all"]


@pytest.mark.long
async def test_why_a_printer_s_state_did_not_fire(
    reachable: str, automate: Automate, house: House
) -> None:
    fault = ["paper_jam", "out_of_paper"]
    fired = await automate(on(house.hass, "printer_needs_attention", fault=fault))
    for state, reason in (
        ("stopped", "fault_not_chosen"),
        ("idle", None),
        ("outOfPaper", None),
        ("paperJam", "matched_before"),
    ):
        before = len(why_not(house.hass, "test"))
        show_state(house.box.printer(1), state)
        await show(house)
        await show(house)
        assert why_not(house.hass, "test")[before:] == ([reason] if reason else []), state
    assert [one["status"] for one in fired] == ["out_of_paper"]


async def test_why_a_job_did_not_fire(reachable: str, automate: Automate, house: House) -> None:
    fired = await automate(
        on(house.hass, "job_failed", outcome=["expired"]),
        on(house.hass, "job_held", reason=["quiet_hours"]),
        on(house.hass, "job_printed", LABELS),
    )
    house.box.printer(1).outcomes.append(Outcome(code=502, msg="x"))
    await print_text(house.hass, title="Secret", wait=True)
    await until(lambda: len(why_not(house.hass, "test")) == 2)
    assert sorted(why_not(house.hass, "test")) == ["job_not_held", "outcome_not_chosen"]
    house.box.online = False
    await show(house)
    await print_text(house.hass, title="Secret")
    await until(lambda: "reason_not_chosen" in why_not(house.hass, "test"))
    assert fired == []
    assert "Secret" not in str(traces(house.hass, "test"))


async def test_a_job_waits_for_a_person(reachable: str, automate: Automate, house: House) -> None:
    fired = await automate(
        on(house.hass, "job_needs_person"),
        on(house.hass, "job_needs_person", reason="approval") | {"id": "not this"},
    )
    house.box.online = False
    await show(house)
    await print_text(house.hass)
    await until(lambda: len(why_not(house.hass, "test")) == 2)
    assert fired == []
    job = await print_text(house.hass, release_code="4711")
    await until(lambda: fired)
    await rest(house.hass)
    assert named(fired) == ["job_needs_person"]
    assert (fired[0]["job_id"], fired[0]["reason"]) == (job["job_id"], "release")
    assert fired[0]["message"] == "Waiting to be released"


# Editor


async def test_a_device_offers_what_it_can_do(house: House) -> None:
    """A printer prints; its scanner is a device of its own. The box offers none of it."""
    targeted = {name for name, service in load_services().items() if "target" in service}
    for device, expected in (
        (house.device(LASER), targeted - SCAN_ACTIONS.keys()),
        (box_of(house.hass, house.entry).id, set[str]()),
    ):
        assert actions_for(house.hass, device) == expected


async def test_a_device_offers_what_it_can_have(house: House) -> None:
    """What *Add to…* and the target-first editor list; the box offers none of it."""
    of_printer = {"is_ready", "needs_attention", "has_waiting_jobs"}
    of_ink = {"ink_low", "is_ink_low"}
    of_scanner = {"scan_ready", "is_scanning"}
    jobs = set(TRIGGERS) - of_ink - of_scanner
    for device, expected in (
        (house.device(LASER), jobs | of_printer),
        (house.device(INKJET), jobs | of_printer | of_ink),
        (box_of(house.hass, house.entry).id, set[str]()),
    ):
        offered: set[str] = set()
        for find in (async_get_triggers_for_target, async_get_conditions_for_target):
            names = await find(house.hass, {"device_id": [device]}, True)
            offered |= {name.partition(".")[2] for name in names if name.startswith("lianke.")}
        assert offered == expected


BAD: list[dict[str, Any]] = [
    {"trigger": "lianke.job_printed"},
    {"trigger": "lianke.job_printed", "target": {}},
    {
        "trigger": "lianke.job_printed",
        "target": {"device_id": "x"},
        "options": {"outcome": "failed"},
    },
    {
        "trigger": "lianke.job_failed",
        "target": {"device_id": "x"},
        "options": {"outcome": "completed"},
    },
    {"trigger": "lianke.job_held", "target": {"device_id": "x"}, "options": {"reason": "none"}},
    {
        "trigger": "lianke.printer_needs_attention",
        "target": {"device_id": "x"},
        "options": {"fault": "idle"},
    },
    {"trigger": "lianke.printer_ready", "target": {"device_id": "x"}, "options": {"for": "-1"}},
    {"trigger": "lianke.ink_low", "target": {"device_id": "x"}, "options": {"below": 0}},
    {"trigger": "lianke.ink_low", "target": {"device_id": "x"}, "options": {"below": 101}},
    {
        "trigger": "lianke.ink_low",
        "target": {"device_id": "x"},
        "options": {"threshold": {"type": "any"}},
    },
    {
        "trigger": "lianke.printer_ready",
        "target": {"device_id": "x"},
        "options": {"behavior": "any"},
    },
    {
        "trigger": "lianke.job_needs_person",
        "target": {"device_id": "x"},
        "options": {"reason": "out_of_paper"},
    },
    {"trigger": "lianke.unknown", "target": {"device_id": "x"}},
]


async def test_a_configuration_that_is_refused(house: House) -> None:
    for config in BAD:
        with pytest.raises(vol.Invalid):
            await async_validate_trigger_config(house.hass, cv.TRIGGER_SCHEMA(config))
