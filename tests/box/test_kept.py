"""A box that was removed and is added again: the same printers, the same rules."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.storage import Store
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.file import WriteError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.lianke.box.pages_per_user import month_of
from custom_components.lianke.box.storage import (
    MAX_FORMER_ENTRIES,
    MAX_FORMER_PRINTERS,
    MAX_KEPT_BOXES,
    MAX_PRINTERS,
    BoxStorage,
    box_store,
)
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.printing.fallback_printer import current_reference
from custom_components.lianke.runtime import LiankeData
from tests.box.stores import LASER
from tests.clock import rest
from tests.config_flows import answer, asked
from tests.conftest import make_entry, set_up, tear_down
from tests.flows.options import fields_of
from tests.household import House
from tests.simulator import Box, Printer, Simulator

OPTIONS = {
    "approvers": ["a"],
    "approval_pages": 1,
    "monthly_pages": 20,
    "keep_printed_hours": 12,
    "quiet_from": "22:00:00",
    "quiet_to": "07:00:00",
}


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Let Home Assistant write to the test's own folder, since files are what is kept."""
    return {}


@pytest.fixture(autouse=True)
async def _ready(hass: HomeAssistant) -> AsyncGenerator[None]:
    """Set up what forms need; unload what a test has set up."""
    for dependency in ("file_upload", "media_source", "webhook"):
        assert await async_setup_component(hass, dependency, {})
    yield
    await tear_down(hass)


async def remove(house: House) -> None:
    """Remove the box, as its menu does."""
    (entry,) = house.hass.config_entries.async_entries(DOMAIN)
    await house.hass.config_entries.async_remove(entry.entry_id)
    await house.hass.async_block_till_done()


async def add(house: House, **answers: bool) -> ConfigEntry[Any]:
    """Add the box by the form, and return its entry."""
    result = await asked(house.hass, house.simulator)
    given: dict[str, Any] = {str(field): False for field in fields_of(result)} | answers
    result = await answer(house.hass, result, **given)
    await rest(house.hass)
    return result["result"]


def identities(hass: HomeAssistant) -> tuple[dict[str, str], dict[str, str | None]]:
    """Return the devices by identifier and the entities by unique id, each as cards and automations name them."""
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return (
        {name: one.id for one in devices for _, name in one.identifiers},
        {one.unique_id: one.entity_id for one in entities},
    )


def data_of(entry: ConfigEntry[Any]) -> LiankeData:
    """Return the runtime data of an entry."""
    data = entry.runtime_data
    assert isinstance(data, LiankeData)
    return data


def files(hass: HomeAssistant) -> list[Path]:
    """Return the stored files of boxes."""
    return [*Path(hass.config.path(".storage")).glob("lianke.*")]


def two_of_a_kind(box: Box) -> tuple[Printer, Printer]:
    """Return a printer, and another one of the same model behind the same box."""
    first = box.printers[0]
    other = next(one for one in box.printers[1:] if one.ip is None)
    other.driver_name, other.extras, other.species = first.driver_name, first.extras, first.species
    return first, other


def another_port(box: Box) -> None:
    box.printers[0].port = 9


def other_numbers(box: Box) -> None:
    for printer in box.printers:
        printer.id += 1000


def all_at_once(box: Box) -> None:
    box.printers[0].driver_name = "Kyocera MA2000w GX (KPDL)"
    another_port(box)
    other_numbers(box)


def the_marks_come_late_at_another_port(box: Box) -> None:
    for printer in box.printers:
        printer.hash_id = f"late{printer.id}"
    another_port(box)


def swapped(box: Box) -> None:
    first, other = box.printers[0], next(one for one in box.printers[1:] if one.ip is None)
    first.port, other.port = other.port, first.port
    other_numbers(box)


@pytest.mark.parametrize(
    ("change", "has_marks"),
    [
        # Without a mark nothing at all would be left to know it by.
        (all_at_once, True),
        (another_port, False),
        (the_marks_come_late_at_another_port, False),
    ],
)
async def test_printers_are_the_same(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    change: Callable[[Box], None],
    has_marks: bool,
) -> None:
    """Whatever has changed meanwhile, and whether or not the service tells printers from each other."""
    for printer in simulator.box.printers if not has_marks else ():
        printer.hash_id = None
    await once_more(hass, simulator, entry, change)


async def test_two_printers_of_a_model_change_places(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry
) -> None:
    first, other = two_of_a_kind(simulator.box)
    before = await once_more(hass, simulator, entry, swapped)
    known = {one.printer.hash_id: one.key for one in before.storage.printers.values()}
    storage = data_of(hass.config_entries.async_loaded_entries(DOMAIN)[0]).storage
    for printer in (first, other):
        assert storage.printers[known[printer.hash_id]].printer.port == printer.port


async def once_more(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    change: Callable[[Box], None],
) -> Any:
    """Set the box up, remove it, change something, add it: it must have the same identities; twice."""
    assert await set_up(hass, entry)
    house = House(hass=hass, simulator=simulator, entry=entry)
    data = house.data
    before = identities(hass)
    assert len(before[0]) == len(simulator.box.printers) + 1
    for _ in range(2):
        await remove(house)
        change(simulator.box)
        await add(house)
        assert identities(hass) == before
    return data


async def test_a_box_of_0_3_0_is_the_same(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry
) -> None:
    """Its file names neither the box nor options, and its keys were made of what was seen first."""
    assert await set_up(hass, entry)
    house = House(hass=hass, simulator=simulator, entry=entry)
    before = identities(hass)
    await hass.config_entries.async_unload(entry.entry_id)
    (path,) = files(hass)
    stored = json.loads(path.read_text("utf-8"))
    for name in ("device_id", "options", "former_entries", "former_printers"):
        del stored["data"][name]
    del stored["data"]["page_counts"]["owner"]
    path.write_text(json.dumps(stored), "utf-8")
    house.set_options(OPTIONS)
    assert await set_up(hass, entry)
    await remove(house)
    all_at_once(simulator.box)
    assert (await add(house)).options == OPTIONS
    assert identities(hass) == before


async def test_many_printers_of_a_model_are_the_same(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry
) -> None:
    box = simulator.box
    number = 16
    while len(box.printers) < number:
        simulator.cloud.add_printer(box, "Kyocera MA2000w GX", len(box.printers) + 10)
    assert await set_up(hass, entry)
    house = House(hass=hass, simulator=simulator, entry=entry)
    before = identities(hass)
    assert len(before[0]) == number + 1
    await remove(house)
    ports = [printer.port for printer in reversed(box.printers) if printer.ip is None]
    for printer, port in zip([one for one in box.printers if one.ip is None], ports, strict=True):
        printer.port = port
    await add(house)
    assert identities(hass) == before


async def test_a_printer_that_was_removed_is_the_same_when_it_comes_back(house: House) -> None:
    """Its key was made of what was seen of it first, which has changed since."""
    before = identities(house.hass)
    printer = house.box.printers[1]
    key = next(
        key
        for key, known in house.data.storage.printers.items()
        if known.printer.hash_id == printer.hash_id
    )
    printer.plugged = False
    await house.coordinator.async_refresh()
    device = dr.async_get(house.hass).async_get_device_by_identifier(
        (DOMAIN, f"{house.box.device_id}_{key}"), house.entry.entry_id
    )
    assert device is not None
    house.coordinator.async_forget(key)
    dr.async_get(house.hass).async_remove_device(device.id)
    await house.hass.config_entries.async_reload(house.entry.entry_id)
    await rest(house.hass)
    assert len(identities(house.hass)[0]) == len(before[0]) - 1
    printer.plugged, printer.port = True, 7
    printer.hash_id, printer.id = None, printer.id
    await house.coordinator.async_refresh()
    await rest(house.hass)
    assert identities(house.hass) == before


async def test_rules_and_pages_are_the_same(house: House) -> None:
    """A child's next job was printed at once, and the month's pages began anew."""
    month = month_of(dt_util.now())
    house.set_options(OPTIONS)
    key = next(iter(house.data.storage.printers))
    house.data.storage.count_pages(key, "job", 7, user_id="child", source="user")
    await remove(house)
    entry = await add(house)
    assert entry.options == OPTIONS
    storage = data_of(entry).storage
    assert storage.pages.of_user(month, "child") == 7
    assert storage.printers[key].pages_printed == 7
    # Statistics go on under the name that they had.
    assert storage.pages.owner == house.entry.entry_id
    # A job counts once.
    storage.count_pages(key, "job", 7, user_id="child", source="user")
    assert storage.pages.of_user(month, "child") == 7


async def test_whoever_starts_afresh_finds_nothing(house: House) -> None:
    house.set_options(OPTIONS)
    key = next(iter(house.data.storage.printers))
    house.data.storage.count_pages(key, "job", 7, user_id="child", source="user")
    await remove(house)
    entry = await add(house, start_afresh=True)
    assert not entry.options
    storage = data_of(entry).storage
    assert storage.pages.of_user(month_of(dt_util.now()), "child") == 0
    assert not storage.printers[key].pages_printed
    assert [path.name for path in files(house.hass)] in ([], [f"lianke.{entry.entry_id}"])


async def test_a_new_box_is_not_asked_about(hass: HomeAssistant, simulator: Simulator) -> None:
    result = await asked(hass, simulator)
    assert "start_afresh" not in {str(field) for field in fields_of(result)}
    hass.config_entries.flow.async_abort(result["flow_id"])


async def test_nothing_of_a_removed_box_is_given_to_another(house: House) -> None:
    house.set_options(OPTIONS)
    await remove(house)
    other = list(house.cloud.boxes.values())[1]
    result = await asked(house.hass, house.simulator, other)
    assert "start_afresh" not in {str(field) for field in fields_of(result)}
    result = await answer(house.hass, result, test_page=False)
    assert not result["result"].options


@pytest.mark.parametrize("when", ["unloaded", "disabled", "never set up"])
async def test_a_box_is_removed_while_it_is_not_loaded(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry, when: str
) -> None:
    """What was changed meanwhile counts."""
    house = House(hass=hass, simulator=simulator, entry=entry)
    before = None
    if when == "never set up":
        entry.add_to_hass(hass)
    else:
        assert await set_up(hass, entry)
        before = identities(hass)
        await hass.config_entries.async_unload(entry.entry_id)
    house.set_options(OPTIONS)
    await hass.async_block_till_done()
    await remove(house)
    assert (await add(house)).options == OPTIONS
    assert before in (None, identities(hass))


async def test_a_kill_right_after_the_removal(house: House) -> None:
    """Home Assistant wrote that the entry is gone, and was killed before anything else."""
    before = identities(house.hass)
    house.set_options(OPTIONS)
    await house.hass.async_block_till_done()
    await house.data.storage.async_flush()
    with patch("custom_components.lianke.async_remove_entry"):
        await remove(house)
    assert (await add(house)).options == OPTIONS
    assert identities(house.hass) == before


@pytest.mark.parametrize("whose", ["the removed box", "the added one"])
async def test_the_disk_refuses(house: House, whose: str) -> None:
    """Nothing that was written is given up before its successor is on disk."""
    before = identities(house.hass)
    house.set_options(OPTIONS)
    await house.hass.async_block_till_done()
    await house.data.storage.async_flush()
    # As the storage helper does where the disk is full: it logs it, and that is all.
    full = patch.object(Store, "_async_write_data", side_effect=_full)
    if whose == "the removed box":
        with full:
            await remove(house)
        entry = await add(house)
    else:
        await remove(house)
        with full:
            entry = await add(house)
            assert identities(house.hass) == before
            await house.hass.config_entries.async_unload(entry.entry_id)
        assert f"lianke.{house.entry.entry_id}" in [path.name for path in files(house.hass)]
        await house.hass.config_entries.async_setup(entry.entry_id)
        await rest(house.hass)
    assert entry.options == OPTIONS
    assert identities(house.hass) == before


def _full(*_: object) -> None:
    raise WriteError("No space left on device")


async def test_what_is_kept_cannot_be_read_or_deleted(house: House) -> None:
    """The form says so, and nothing is added by half."""
    await remove(house)
    result = await asked(house.hass, house.simulator)
    with patch.object(Store, "async_remove", side_effect=OSError):
        result = await answer(house.hass, result, test_page=False, start_afresh=True)
    assert result["errors"] == {"base": "kept_box_refused"}
    result = await answer(house.hass, result, test_page=False, start_afresh=True)
    assert result["type"] == "create_entry"


async def test_a_box_is_removed_between_two_answers(house: House) -> None:
    """The form that was open all the while gives the rules back, too."""
    house.set_options(OPTIONS)
    await remove(house)
    one, two = [await asked(house.hass, house.simulator) for _ in range(2)]
    one = await answer(house.hass, one, test_page=False, start_afresh=False)
    await remove(house)
    again = await add(house)
    assert again.options == OPTIONS
    assert two["flow_id"] not in {
        flow["flow_id"] for flow in house.hass.config_entries.flow.async_progress()
    }


async def test_a_stand_in_is_found_under_its_box_s_new_entry(
    hass: HomeAssistant, house: House
) -> None:
    """Other boxes' options, and its own, name the entry that is gone."""
    names = [f"{house.entry.entry_id}/{key}" for key in house.data.storage.printers]
    house.set_options(
        {"stand_ins": {names[0].partition("/")[2]: {"printer": names[1], "minutes": 5}}}
    )
    for _ in range(2):
        await remove(house)
        assert current_reference(hass, names[1]) == names[1]
        entry = await add(house)
        assert current_reference(hass, names[1]) == f"{entry.entry_id}/{names[1].partition('/')[2]}"


async def test_few_former_printers_and_entries_are_kept(hass: HomeAssistant) -> None:
    """Of a box that is removed and added again and again, each time with other printers."""
    for turn in range(MAX_FORMER_ENTRIES + 2):
        storage = BoxStorage(hass, f"entry {turn}", "box")
        await storage.async_load()
        names = [f"{turn} {number}" for number in range(MAX_PRINTERS)]
        storage.match([replace(LASER, row_id=None, hash_id=name, model=name) for name in names])
        await storage.async_close()
        stored = storage._as_stored()
        assert len(stored["printers"]) == MAX_PRINTERS
        assert len(stored["former_printers"]) == min(turn * MAX_PRINTERS, MAX_FORMER_PRINTERS)
        assert len(storage.former_entries) == min(turn, MAX_FORMER_ENTRIES)


async def test_few_removed_boxes_are_kept(house: House) -> None:
    for number in range(MAX_KEPT_BOXES + 3):
        await box_store(house.hass, f"gone{number}").async_save({"device_id": f"gone{number}"})
    await remove(house)
    assert len(files(house.hass)) == MAX_KEPT_BOXES
    assert (await add(house)).state.value == "loaded"


async def test_administrators_have_what_is_kept_deleted(
    hass: HomeAssistant, house: House, hass_admin_user: MockUser
) -> None:
    house.set_options(OPTIONS)
    await remove(house)
    second = make_entry(house.simulator, list(house.cloud.boxes.values())[1])
    assert await set_up(hass, second)
    await data_of(second).storage.async_flush()
    assert len(files(hass)) == 2
    child = MockUser(name="Child").add_to_hass(hass)

    async def delete(context: Context) -> Any:
        return await hass.services.async_call(
            DOMAIN, "forget_removed_boxes", {}, True, context, return_response=True
        )

    with pytest.raises(Unauthorized):
        await delete(Context(user_id=child.id))
    assert await delete(Context(user_id=hass_admin_user.id)) == {"boxes": 1}
    # That of the box that is set up stays.
    assert [path.name for path in files(hass)] == [f"lianke.{second.entry_id}"]
    assert await delete(Context()) == {"boxes": 0}


async def test_what_is_kept_has_no_keys_and_is_private(house: House) -> None:
    house.set_options(OPTIONS)
    await remove(house)
    (path,) = files(house.hass)
    assert path.stat().st_mode & 0o777 == 0o600
    content = path.read_text("utf-8")
    for name in ("api_key", "device_key", "webhook_id", "server"):
        assert house.entry.data[name] not in content
