"""Which printer an action is meant for: one by its device, an entity, an area, a floor or a label."""

from collections.abc import Callable
from typing import Any

from homeassistant.auth.permissions.const import CAT_ENTITIES
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import (
    area_registry as ar,
    config_validation as cv,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    label_registry as lr,
)
from homeassistant.helpers.script import Script
from homeassistant.helpers.target import TargetSelection
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.devices import MAX_NAMES, async_resolve_target
from custom_components.lianke.error_texts import translating
from custom_components.lianke.printing.builtin_pages import async_print_test_page
from tests.conftest import make_entry, set_up
from tests.household import INKJET, LABELS, LASER, House, ask, box_of, data_of, device_of, key_of
from tests.simulator import Box


def place(house: House, name: str, *printers: str) -> str:
    """Put printers into a new area, and return its id."""
    area = ar.async_get(house.hass).async_create(name)
    for printer in printers:
        dr.async_get(house.hass).async_update_device(house.device(printer), area_id=area.id)
    return area.id


def entity_of(house: House, platform: str, key: str, printer: str = LASER) -> str:
    """Return an entity of a printer by its platform and the end of its unique id."""
    return next(
        entity.entity_id
        for entity in er.async_entries_for_device(er.async_get(house.hass), house.device(printer))
        if entity.domain == platform and entity.unique_id.endswith(f"_{key}")
    )


async def resolved(house: House, **target: Any) -> str:
    """Return the device that a target stands for."""
    found = async_resolve_target(house.hass, target)
    return found.device_id


async def refusal(house: House, **target: Any) -> ServiceValidationError:
    """Return the error with which a target is refused."""
    with pytest.raises(ServiceValidationError) as raised, translating():
        async_resolve_target(house.hass, target)
    return raised.value


async def test_all_ways_to_name_a_printer(house: House) -> None:
    laser = house.device()
    area = place(house, "Study", LASER)
    floor = fr.async_get(house.hass).async_create("Upstairs")
    ar.async_get(house.hass).async_update(area, floor_id=floor.floor_id)
    label = lr.async_get(house.hass).async_create("Paper")
    dr.async_get(house.hass).async_update_device(laser, labels={label.label_id})
    # What else is in the area does not count, nor does the box.
    dr.async_get(house.hass).async_update_device(box_of(house.hass, house.entry).id, area_id=area)
    targets: list[dict[str, Any]] = [
        {"device_id": laser},
        {"device_id": [laser]},
        {"entity_id": [entity_of(house, "notify", "notify")]},
        {"entity_id": [entity_of(house, "sensor", "status")]},
        {"entity_id": [entity_of(house, "sensor", "status"), entity_of(house, "event", "job")]},
        {"area_id": area},
        {"floor_id": [floor.floor_id]},
        {"label_id": label.label_id},
        {
            "device_id": laser,
            "area_id": area,
            "entity_id": [entity_of(house, "button", "test_page")],
        },
    ]
    for target in targets:
        assert await resolved(house, **target) == laser, target


async def test_an_entity_that_was_put_elsewhere(house: House) -> None:
    area = ar.async_get(house.hass).async_create("Shelf")
    notify = entity_of(house, "notify", "notify", LABELS)
    er.async_get(house.hass).async_update_entity(notify, area_id=area.id)
    assert await resolved(house, area_id=area.id) == house.device(LABELS)


async def test_a_hidden_printer_is_found_by_its_device(house: House) -> None:
    registry = er.async_get(house.hass)
    for entity in er.async_entries_for_device(registry, house.device()):
        registry.async_update_entity(entity.entity_id, hidden_by=er.RegistryEntryHider.USER)
    assert await resolved(house, device_id=house.device()) == house.device()


async def test_several_printers_are_refused_by_name(house: House) -> None:
    area = place(house, "Office", LASER, INKJET)
    dr.async_get(house.hass).async_update_device(house.device(INKJET), name_by_user="Photos")
    for target in (
        {"area_id": area},
        {"device_id": [house.device(LASER), house.device(INKJET)]},
        {"device_id": house.device(LASER), "area_id": area},
    ):
        error = await refusal(house, **target)
        assert error.translation_key == "target_several_printers"
        assert error.translation_placeholders == {"printers": f"{LASER}, Photos"}


async def test_an_error_names_a_few_of_many(monkeypatch: pytest.MonkeyPatch, house: House) -> None:
    assert MAX_NAMES == 10
    monkeypatch.setattr("custom_components.lianke.devices.MAX_NAMES", 1)
    error = await refusal(house, device_id=[house.device(LASER), house.device(INKJET)])
    assert error.translation_placeholders == {"printers": f"{INKJET}, …"}
    # As long as ids may be, and so many of them: a short text all the same.
    monkeypatch.undo()
    error = await refusal(house, area_id=[f"{number:0255}" for number in range(100)])
    assert len((error.translation_placeholders or {})["target"]) < 12 * 255


async def test_what_is_no_printer(house: House) -> None:
    empty = ar.async_get(house.hass).async_create("Cellar")
    box = box_of(house.hass, house.entry)
    of_box = er.async_entries_for_device(er.async_get(house.hass), box.id)[0].entity_id
    other = MockConfigEntry(domain="other")
    other.add_to_hass(house.hass)
    lamp = er.async_get(house.hass).async_get_or_create("light", "other", "1", config_entry=other)
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({}, "printer_missing", ""),
        ({"device_id": []}, "printer_missing", ""),
        ({"entity_id": "none"}, "printer_missing", ""),
        ({"area_id": empty.id}, "target_without_printer", "Cellar"),
        ({"area_id": "gone"}, "target_without_printer", "gone"),
        ({"floor_id": "gone"}, "target_without_printer", "gone"),
        ({"label_id": "gone"}, "target_without_printer", "gone"),
        ({"device_id": box.id}, "not_a_printer", "Office box"),
        ({"entity_id": [of_box]}, "not_a_printer", "Office box"),
        ({"entity_id": ["light.none"]}, "entity_not_found", "light.none"),
        ({"entity_id": "all"}, "target_without_printer", "all"),
        ({"entity_id": [lamp.entity_id]}, "entity_not_of_printer", lamp.entity_id),
        ({"device_id": "gone"}, "service_device_not_found", "gone"),
        # One good name does not make up for a bad one.
        ({"device_id": [house.device(), "gone"]}, "service_device_not_found", "gone"),
    ]
    for target, key, named in cases:
        error = await refusal(house, **target)
        assert error.translation_key == key, target
        assert not named or named in (error.translation_placeholders or {}).values(), target


async def test_a_printer_whose_entry_is_not_loaded(house: House) -> None:
    area = place(house, "Study", LASER)
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    error = await refusal(house, area_id=area)
    assert error.translation_key == "service_config_entry_not_loaded"


@pytest.mark.skipif(
    "exclude" not in TargetSelection.__slots__, reason="this Home Assistant knows no exclude"
)
async def test_what_is_excluded_does_not_count(house: House) -> None:
    area = place(house, "Office", LASER, INKJET)
    without = {"device_id": [house.device(INKJET)]}
    assert await resolved(house, area_id=area, exclude=without) == house.device(LASER)


@pytest.mark.usefixtures("hurried")
async def test_a_script_prints_on_its_target(house: House) -> None:
    """As the target-first editor writes it; and as an automation of 0.1.0 has it."""
    area = place(house, "Study", LASER)
    for call in (
        {"target": {"area_id": area}, "data": {"text": "one", "wait": True}},
        {"target": {"device_id": house.device()}, "data": {"text": "two", "wait": True}},
        {"data": {"device_id": house.device(), "text": "three", "wait": True}},
        {"data": {"device_id": "{{ device_id }}", "text": "four", "wait": True}},
    ):
        steps = cv.SCRIPT_SCHEMA([{"action": "lianke.print", **call}])
        script = Script(house.hass, steps, "test", DOMAIN)
        await script.async_run({"device_id": house.device()}, Context())
    assert [job.port for job in house.printed] == [1, 1, 1, 1]
    place(house, "Office", LASER, INKJET)
    steps = [{"action": "lianke.print", "target": {"area_id": "office"}, "data": {"text": "five"}}]
    script = Script(house.hass, cv.SCRIPT_SCHEMA(steps), "test", DOMAIN)
    with pytest.raises(HomeAssistantError) as raised:
        await script.async_run(context=Context())
    assert raised.value.translation_key == "target_several_printers"
    assert house.sent == 4


async def test_who_may_not_use_the_printer_may_not_by_its_area(house: House) -> None:
    area = place(house, "Study", LASER)
    user = MockUser().add_to_hass(house.hass)
    user.mock_policy({CAT_ENTITIES: {"domains": {"light": True}}})
    with pytest.raises(Unauthorized):
        await house.ask("print", Context(user_id=user.id), area_id=area, text="x")
    assert house.sent == 0


@pytest.fixture
async def held(hass: HomeAssistant, setup: MockConfigEntry, box: Box) -> Callable[[], Any]:
    """Return a function that makes a job which waits for its box."""
    box.online = False
    await data_of(setup).coordinator.async_refresh()

    async def make(**data: Any) -> dict[str, Any]:
        [job] = (await ask(hass, "print", **{"device_id": device_of(hass), "text": "x"} | data))[
            "jobs"
        ]
        assert job["state"] == "held"
        return dict(job)

    return make


async def test_a_job_is_canceled_by_its_id_alone(held: Callable[[], Any], house: House) -> None:
    """Whichever box it is of."""
    home = next(one for one in house.cloud.boxes.values() if one.account and one is not house.box)
    assert await set_up(house.hass, make_entry(house.simulator, home, title="Other box"))
    job = await held()
    answer = await house.ask("cancel_job", job_id=job["job_id"])
    assert answer["job"]["state"] == "canceled"
    assert answer["job"]["device_id"] == house.device()
    with pytest.raises(ServiceValidationError) as raised:
        await house.ask("cancel_job", job_id="01JD8T5W3ZQ9K4N7V2X6B1C0MF")
    assert raised.value.translation_key == "job_not_found"


async def test_a_job_of_another_printer_stays(held: Callable[[], Any], house: House) -> None:
    job = await held()
    for action in ("cancel_job", "retry_job"):
        with pytest.raises(ServiceValidationError) as raised:
            await house.ask(action, device_id=house.device(INKJET), job_id=job["job_id"])
        assert raised.value.translation_key == "job_not_found"
    assert house.queue.get(job["job_id"]).state == "held"
    await house.ask("cancel_job", entity_id=entity_of(house, "event", "job"), job_id=job["job_id"])
    assert house.queue.get(job["job_id"]).state == "canceled"


async def test_a_job_is_not_canceled_by_who_may_not_use_its_printer(
    held: Callable[[], Any], house: House
) -> None:
    job = await held()
    user = MockUser().add_to_hass(house.hass)
    user.mock_policy({CAT_ENTITIES: {"domains": {"light": True}}})
    for action in ("cancel_job", "retry_job"):
        with pytest.raises(Unauthorized):
            await house.ask(action, Context(user_id=user.id), job_id=job["job_id"])
    assert house.queue.get(job["job_id"]).state == "held"


async def test_a_printer_that_is_disabled_prints_nothing(house: House) -> None:
    """By an action, a page of our own or a job that is moved there: the one place where jobs are accepted."""
    laser = house.device(LASER)
    await house.switch_off()
    (job,) = (await house.ask("print", device_id=house.device(INKJET), text="x"))["jobs"]
    registry = dr.async_get(house.hass)
    registry.async_update_device(laser, disabled_by=dr.DeviceEntryDisabler.USER)
    house.box.online = True
    await house.poll()
    key = key_of(house.entry, LASER)
    for attempt in (
        lambda: house.ask("print", device_id=laser, text="y"),
        lambda: house.ask("move_job", job_id=job["job_id"], to_device_id=laser),
        lambda: async_print_test_page(house.hass, house.entry, key, Context()),
    ):
        with (
            pytest.raises(ServiceValidationError, match="disabled in Home Assistant"),
            translating(),
        ):
            await attempt()
    assert not [one for one in house.printed if one.port == 1]
    registry.async_update_device(laser, disabled_by=None)
    assert (await house.ask("print", device_id=laser, text="again"))["jobs"]
