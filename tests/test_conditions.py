"""Conditions, each in a real automation: when it lets the actions run."""

from collections.abc import Awaitable, Callable
from typing import Any

from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import (
    area_registry as ar,
    config_validation as cv,
    device_registry as dr,
)
from homeassistant.helpers.condition import async_validate_condition_config
from homeassistant.setup import async_setup_component
import pytest
import voluptuous as vol

from custom_components.lianke.condition import CONDITIONS
from custom_components.lianke.const import DOMAIN
from tests.clock import Clock, elapse, rest
from tests.household import INKJET, LABELS, LASER, House, device_of, show_state
from tests.simulator import Fault

STATUS = "sensor.kyocera_ma2000w_gx"

type Check = Callable[[], Awaitable[set[str]]]
type Automate = Callable[..., Awaitable[Check]]


@pytest.fixture
async def automate(hass: HomeAssistant) -> Automate:
    """Return a function that makes an automation a condition, and returns how to see which let it run."""

    async def make(**conditions: dict[str, Any]) -> Check:
        passed: set[str] = set()

        @callback
        def note(event: Event) -> None:
            passed.add(event.data["name"])

        hass.bus.async_listen("passed", note)
        automations = [
            {
                "alias": name,
                "triggers": [{"trigger": "event", "event_type": "check"}],
                "conditions": [condition],
                "actions": [{"event": "passed", "event_data": {"name": name}}],
            }
            for name, condition in conditions.items()
        ]
        assert await async_setup_component(hass, "automation", {"automation": automations})
        await hass.async_block_till_done()
        assert {state.state for state in hass.states.async_all("automation")} == {"on"}

        async def check() -> set[str]:
            passed.clear()
            hass.bus.async_fire("check")
            await hass.async_block_till_done()
            return set(passed)

        return check

    return make


def when(hass: HomeAssistant, name: str, *printers: str, **options: Any) -> dict[str, Any]:
    """Return the configuration of a condition on printers' devices."""
    condition: dict[str, Any] = {
        "condition": f"{DOMAIN}.{name}",
        "target": {"device_id": [device_of(hass, printer) for printer in printers or (LASER,)]},
    }
    return condition | ({"options": options} if options else {})


@pytest.mark.usefixtures("hurried")
async def test_each_state_of_a_printer(clock: Clock, automate: Automate, house: House) -> None:
    data = house.data
    names = CONDITIONS.keys() - {"is_ink_low"}
    check = await automate(**{name: when(house.hass, name) for name in names})
    printer = house.box.printer(1)

    async def look() -> set[str]:
        # What the printer was asked for at the same instant would count as the newer word.
        clock.tick(1)
        await house.poll()
        return await check()

    for raw_state, expected in (
        ("idle", {"is_ready"}),
        ("outOfPaper", {"needs_attention"}),
        ("stopped", {"needs_attention"}),
        ("printing", {"is_ready"}),
    ):
        show_state(printer, raw_state)
        assert await look() == expected, raw_state
    printer.plugged = False
    assert await look() == set()
    house.cloud.fail("GET /device/device_info", Fault(kind="http"), times=None)
    for _ in range(2):
        await data.coordinator.async_refresh()
    assert house.hass.states.is_state(STATUS, "unknown")
    assert await check() == set()
    assert await house.hass.config_entries.async_unload(house.entry.entry_id)
    assert await check() == set()


async def test_jobs_that_wait(automate: Automate, house: House) -> None:
    check = await automate(
        waiting=when(house.hass, "has_waiting_jobs"),
        other=when(house.hass, "has_waiting_jobs", LABELS),
    )
    assert await check() == set()
    await house.switch_off()
    [job] = (await house.ask("print", device_id=house.device(), text="x"))["jobs"]
    await rest(house.hass)
    assert await check() == {"waiting"}
    await house.ask("cancel_job", job_id=job["job_id"])
    await rest(house.hass)
    assert await check() == set()


async def test_ink(automate: Automate, house: House) -> None:
    limit = {"type": "below", "value": {"entity": "input_number.limit"}}
    range_ = {"type": "between", "value_min": {"number": 5}, "value_max": {"number": 20}}
    check = await automate(
        low=when(house.hass, "is_ink_low", INKJET),
        entity=when(house.hass, "is_ink_low", INKJET, threshold=limit),
        all=when(house.hass, "is_ink_low", INKJET, threshold=range_, behavior="all"),
        none=when(house.hass, "is_ink_low", LASER),
    )
    printer = next(one for one in house.box.printers if one.markers)
    assert printer.markers is not None
    for marker in printer.markers:
        marker["level"] = 80
    await house.poll()
    assert await check() == set()
    printer.markers[0]["level"] = 14
    await house.poll()
    assert await check() == {"low"}
    house.hass.states.async_set("input_number.limit", "85", {"unit_of_measurement": "%"})
    assert await check() == {"low", "entity"}
    for marker in printer.markers:
        marker["level"] = 20
    await house.poll()
    assert await check() == {"entity", "all"}


async def test_several_printers(automate: Automate, house: House) -> None:
    data = house.data
    both = (LASER, LABELS)
    check = await automate(
        any=when(house.hass, "is_ready", *both),
        all=when(house.hass, "is_ready", *both, behavior="all"),
        any_trouble=when(house.hass, "needs_attention", *both),
        all_trouble=when(house.hass, "needs_attention", *both, behavior="all"),
    )
    assert await check() == {"any", "all"}
    show_state(house.box.printer(1), "paperJam")
    await house.poll()
    assert await check() == {"any", "any_trouble"}
    # All printers that nobody knows of are not all ready.
    house.cloud.fail("GET /device/device_info", Fault(kind="http"), times=None)
    for _ in range(2):
        await data.coordinator.async_refresh()
    assert await check() == set()


async def test_any_entity_or_area_stands_for_the_printer(automate: Automate, house: House) -> None:
    area = ar.async_get(house.hass).async_create("Study")
    dr.async_get(house.hass).async_update_device(house.device(), area_id=area.id)
    ready = {"condition": "lianke.is_ready"}
    check = await automate(
        area={**ready, "target": {"area_id": area.id}},
        status={**ready, "target": {"entity_id": STATUS}},
        event={**ready, "target": {"entity_id": "event.kyocera_ma2000w_gx_print_job"}},
        stranger={**ready, "target": {"entity_id": "sensor.of_another_integration"}},
        box={**ready, "target": {"entity_id": "binary_sensor.office_box_cloud_connection"}},
    )
    assert await check() == {"area", "status", "event"}


async def test_it_has_to_be_so_for_a_while(clock: Clock, automate: Automate, house: House) -> None:
    await elapse(house.hass, clock, 20, step=20)
    check = await automate(trouble=when(house.hass, "needs_attention", **{"for": "00:05:00"}))
    house.box.printer(1).cover_open = True
    await house.poll()
    await elapse(house.hass, clock, 240, step=60)
    assert await check() == set()
    # Another fault of the same incident does not start it anew.
    house.box.printer(1).paper_jam, house.box.printer(1).cover_open = True, False
    await elapse(house.hass, clock, 120, step=60)
    assert house.hass.states.is_state(STATUS, "paper_jam")
    assert await check() == {"trouble"}


BAD: list[dict[str, Any]] = [
    {"condition": "lianke.is_ready"},
    {"condition": "lianke.is_ready", "target": {"device_id": "x"}, "options": {"behavior": "few"}},
    {"condition": "lianke.needs_attention", "target": {"device_id": "x"}, "options": {"for": "-1"}},
    {"condition": "lianke.has_waiting_jobs", "target": {"device_id": "x"}, "options": {"above": 1}},
    {"condition": "lianke.unknown", "target": {"device_id": "x"}},
]


async def test_a_configuration_that_is_refused(house: House) -> None:
    for config in BAD:
        with pytest.raises(vol.Invalid):
            await async_validate_condition_config(house.hass, cv.CONDITION_SCHEMA(config))
