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
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.lianke.condition import CONDITIONS
from custom_components.lianke.const import DOMAIN
from tests.clock import Clock, elapse, rest
from tests.printing import LABELS, LASER, ask, data_of, device_of, show_state
from tests.simulator import Box, Fault, Simulator

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
async def test_each_state_of_a_printer(
    clock: Clock,
    hass: HomeAssistant,
    setup: MockConfigEntry,
    simulator: Simulator,
    box: Box,
    automate: Automate,
) -> None:
    data = data_of(setup)
    check = await automate(**{name: when(hass, name) for name in CONDITIONS})
    printer = box.printer(1)

    async def look() -> set[str]:
        # What the printer was asked for at the same instant would count as the newer word.
        clock.tick(1)
        await data.coordinator.async_refresh()
        await rest(hass)
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
    simulator.cloud.fail("GET /device/device_info", Fault(kind="http"), times=None)
    for _ in range(2):
        await data.coordinator.async_refresh()
    state = hass.states.get(STATUS)
    assert state is not None
    assert state.state == "unknown"
    assert await check() == set()
    assert await hass.config_entries.async_unload(setup.entry_id)
    assert await check() == set()


async def test_jobs_that_wait(
    hass: HomeAssistant, setup: MockConfigEntry, box: Box, automate: Automate
) -> None:
    check = await automate(
        waiting=when(hass, "has_waiting_jobs"), other=when(hass, "has_waiting_jobs", LABELS)
    )
    assert await check() == set()
    box.online = False
    await data_of(setup).coordinator.async_refresh()
    [job] = (await ask(hass, "print", device_id=device_of(hass), text="x"))["jobs"]
    await rest(hass)
    assert await check() == {"waiting"}
    await ask(hass, "cancel_job", job_id=job["job_id"])
    await rest(hass)
    assert await check() == set()


async def test_several_printers(
    hass: HomeAssistant, setup: MockConfigEntry, simulator: Simulator, box: Box, automate: Automate
) -> None:
    data = data_of(setup)
    both = (LASER, LABELS)
    check = await automate(
        any=when(hass, "is_ready", *both),
        all=when(hass, "is_ready", *both, behavior="all"),
        any_trouble=when(hass, "needs_attention", *both),
        all_trouble=when(hass, "needs_attention", *both, behavior="all"),
    )
    assert await check() == {"any", "all"}
    show_state(box.printer(1), "paperJam")
    await data.coordinator.async_refresh()
    await rest(hass)
    assert await check() == {"any", "any_trouble"}
    # All printers that nobody knows of are not all ready.
    simulator.cloud.fail("GET /device/device_info", Fault(kind="http"), times=None)
    for _ in range(2):
        await data.coordinator.async_refresh()
    assert await check() == set()


async def test_any_entity_or_area_stands_for_the_printer(
    hass: HomeAssistant, setup: MockConfigEntry, automate: Automate
) -> None:
    area = ar.async_get(hass).async_create("Study")
    dr.async_get(hass).async_update_device(device_of(hass), area_id=area.id)
    ready = {"condition": "lianke.is_ready"}
    check = await automate(
        area={**ready, "target": {"area_id": area.id}},
        status={**ready, "target": {"entity_id": STATUS}},
        event={**ready, "target": {"entity_id": "event.kyocera_ma2000w_gx_print_job"}},
        stranger={**ready, "target": {"entity_id": "sensor.of_another_integration"}},
        box={**ready, "target": {"entity_id": "binary_sensor.office_box_cloud_connection"}},
    )
    assert await check() == {"area", "status", "event"}


async def test_it_has_to_be_so_for_a_while(
    clock: Clock, hass: HomeAssistant, setup: MockConfigEntry, box: Box, automate: Automate
) -> None:
    await elapse(hass, clock, 20, step=20)
    check = await automate(trouble=when(hass, "needs_attention", **{"for": "00:05:00"}))
    box.printer(1).cover_open = True
    await data_of(setup).coordinator.async_refresh()
    await rest(hass)
    await elapse(hass, clock, 240, step=60)
    assert await check() == set()
    # Another fault of the same incident does not start it anew.
    box.printer(1).paper_jam, box.printer(1).cover_open = True, False
    await elapse(hass, clock, 120, step=60)
    state = hass.states.get(STATUS)
    assert state is not None
    assert state.state == "paper_jam"
    assert await check() == {"trouble"}


BAD: list[dict[str, Any]] = [
    {"condition": "lianke.is_ready"},
    {"condition": "lianke.is_ready", "target": {"device_id": "x"}, "options": {"behavior": "few"}},
    {"condition": "lianke.needs_attention", "target": {"device_id": "x"}, "options": {"for": "-1"}},
    {"condition": "lianke.has_waiting_jobs", "target": {"device_id": "x"}, "options": {"above": 1}},
    {"condition": "lianke.unknown", "target": {"device_id": "x"}},
]


@pytest.mark.parametrize("config", BAD)
async def test_a_configuration_that_is_refused(
    hass: HomeAssistant, setup: MockConfigEntry, config: dict[str, Any]
) -> None:
    with pytest.raises(vol.Invalid):
        await async_validate_condition_config(hass, cv.CONDITION_SCHEMA(config))
