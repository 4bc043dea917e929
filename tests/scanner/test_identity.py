"""A scanner is the same for ever, whatever the service calls it."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.translation import async_load_integrations
import pytest

from custom_components.lianke.box.storage import MAX_KNOWN_SCANNERS
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.scanner.hub import ScannerHub, async_get_hub, scanner_devices
from tests.clock import rest
from tests.conftest import make_entry, set_up, tear_down
from tests.household import LASER, House, as_read, box_of, refusal


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Let Home Assistant write to the test's own folder, where what is kept of a removed box is found."""
    return {}


def identities(hass: HomeAssistant) -> dict[str, tuple[str, set[str]]]:
    """Return the scanners' devices and entities by what each scanner is known by."""
    (entry,) = hass.config_entries.async_loaded_entries(DOMAIN)
    registry = er.async_get(hass)
    return {
        key: (
            device.id,
            {one.unique_id for one in er.async_entries_for_device(registry, device.id)},
        )
        for key, device in scanner_devices(hass, entry)
    }


def call_otherwise(house: House) -> None:
    """Let the service call all printers and scanners of the box by other numbers, as if it were bound anew."""
    for printer in house.box.printers:
        printer.id += 5000


async def listed(house: House) -> ScannerHub:
    """Ask the service for the scanners of the box."""
    (entry,) = house.hass.config_entries.async_loaded_entries(DOMAIN)
    hub = async_get_hub(house.hass, entry)
    await hub.async_refresh()
    await rest(house.hass)
    return hub


@pytest.mark.parametrize("how", ["while it runs", "reloaded", "removed and added"])
async def test_a_scanner_that_the_service_calls_otherwise_is_the_same(
    house: House, how: str
) -> None:
    await listed(house)
    before = identities(house.hass)
    assert before
    if how == "removed and added":
        await house.hass.config_entries.async_remove(house.entry.entry_id)
        await house.hass.async_block_till_done()
        assert not dr.async_entries_for_config_entry(dr.async_get(house.hass), house.entry.entry_id)
        call_otherwise(house)
        assert await set_up(house.hass, make_entry(house.simulator, house.box))
    elif how == "reloaded":
        call_otherwise(house)
        await house.hass.config_entries.async_reload(house.entry.entry_id)
    else:
        call_otherwise(house)
    hub = await listed(house)
    assert identities(house.hass) == before
    assert {one.service_id for one in hub.scanners.values()} == {
        str(printer.id) for printer in house.box.printers if printer.scanner
    }
    # And it scans: the service is asked by its own name for it.
    scanner = next(
        one.entity_id
        for one in er.async_get(house.hass).entities.values()
        if one.platform == DOMAIN and one.domain == "event" and "/scanner/" in one.unique_id
    )
    answer = await house.hass.services.async_call(
        DOMAIN, "scan", {"entity_id": scanner}, blocking=True, return_response=True
    )
    assert answer
    assert answer["state"] == "completed"
    await tear_down(house.hass)


async def test_scanners_of_one_name_are_told_by_number_alone(house: House) -> None:
    scanners = [printer for printer in house.box.printers if printer.scanner]
    for printer in house.box.printers:
        printer.scanner = True
        printer.driver_name = scanners[0].driver_name
    await listed(house)
    before = identities(house.hass)
    assert len(before) == len(house.box.printers)
    call_otherwise(house)
    hub = await listed(house)
    present = {key for key, one in hub.scanners.items() if one.present}
    assert present.isdisjoint(before)
    assert len(present) == len(before)
    await tear_down(house.hass)


async def test_few_scanners_are_kept(house: House) -> None:
    for number in range(2 * MAX_KNOWN_SCANNERS):
        house.data.storage.save_scanners({f"{number}": "x"})
    assert len(house.data.storage.scanners) == MAX_KNOWN_SCANNERS
    assert f"{2 * MAX_KNOWN_SCANNERS - 1}" in house.data.storage.scanners


async def test_nothing_is_printed_on_a_scanner_which_is_called_one(house: House) -> None:
    """A scanner that is called as its printer was said to be a box."""
    await listed(house)
    (entry,) = house.hass.config_entries.async_loaded_entries(DOMAIN)
    _, scanner = scanner_devices(house.hass, entry)[0]
    for language, word in (
        ("en", "is a scanner, not a printer"),
        ("zh-Hans", "是扫描仪，不是打印机"),
    ):
        with pytest.raises(ServiceValidationError) as refused:
            await house.ask("print", device_id=scanner.id, text="Hello")
        said = as_read(refused.value, language)
        assert word in said
        assert str(scanner.name) in said
        # And which printer to use instead.
        assert said.endswith((f"Choose a printer: {LASER}.", f"请选择打印机：{LASER}。"))
        assert ("box" in said, "云盒" in said) == (False, False)
    assert house.sent == 0
    await tear_down(house.hass)


@pytest.mark.long
@pytest.mark.parametrize(("language", "word"), [("en", "scanner"), ("zh-Hans", "扫描仪")])
async def test_a_scanner_is_told_from_the_printer_that_it_is_called_as(
    house: House, language: str, word: str
) -> None:
    """Two devices of one name, of which one prints; what its user has named keeps that name."""
    await house.hass.config.async_update(language=language)
    await async_load_integrations(house.hass, {DOMAIN})
    registry = dr.async_get(house.hass)
    (entry,) = house.hass.config_entries.async_loaded_entries(DOMAIN)
    for _, device in scanner_devices(house.hass, entry):
        registry.async_remove_device(device.id)
    async_get_hub(house.hass, entry).clear()
    await listed(house)
    found = [device for _, device in scanner_devices(house.hass, entry)]
    assert {f"{LASER} {word}"} <= {device.name for device in found}
    [new] = [device for device in found if device.name == f"{LASER} {word}"]
    printer = registry.async_get(house.device())
    assert isinstance(printer, dr.DeviceEntry)
    assert printer.name == LASER
    assert (new.manufacturer, new.model) == (printer.manufacturer, printer.model)
    # What the service calls it is known by that name after a restart.
    await house.hass.config_entries.async_reload(entry.entry_id)
    assert LASER in {one.name for one in async_get_hub(house.hass, entry).scanners.values()}
    # One of an earlier version, whose entities keep their ids.
    entities = {
        one.entity_id for one in er.async_entries_for_device(er.async_get(house.hass), new.id)
    }
    for named in (None, "Auntie's"):
        registry.async_update_device(new.id, name=LASER, name_by_user=named, model=None)
        await house.hass.config_entries.async_reload(entry.entry_id)
        await listed(house)
        kept = registry.async_get(new.id)
        assert isinstance(kept, dr.DeviceEntry)
        assert (kept.name, kept.name_by_user) == (f"{LASER} {word}", named)
        assert kept.model == printer.model
    assert entities == {
        one.entity_id for one in er.async_entries_for_device(er.async_get(house.hass), new.id)
    }
    await tear_down(house.hass)


async def test_nothing_is_scanned_on_a_printer_which_is_called_one(house: House) -> None:
    await listed(house)
    (entry,) = house.hass.config_entries.async_loaded_entries(DOMAIN)
    registry = dr.async_get(house.hass)
    (_, scanner), *_others = scanner_devices(house.hass, entry)
    for language, words in (
        ("en", f"is a printer, not a scanner. Choose a scanner: {scanner.name}."),
        ("zh-Hans", f"是打印机，不是扫描仪。请选择扫描仪：{scanner.name}。"),
    ):
        for action in ("scan", "copy"):
            with pytest.raises(ServiceValidationError) as refused:
                await house.ask(action, device_id=house.device())
            assert as_read(refused.value, language) == f"{LASER} {words}"
    # By an entity of the printer, too, and where the box scans nothing at all.
    [status] = [
        one.entity_id
        for one in er.async_entries_for_device(er.async_get(house.hass), house.device())
        if one.unique_id.endswith("_status")
    ]
    assert await refusal(house.ask("scan", entity_id=status)) == "printer_not_scanner"
    for printer in house.box.printers:
        printer.scanner = False
    await listed(house)
    for _, device in scanner_devices(house.hass, entry):
        registry.async_remove_device(device.id)
    assert await refusal(house.ask("scan", entity_id=status)) == "printer_without_scanner"
    box = box_of(house.hass, house.entry)
    assert await refusal(house.ask("scan", device_id=box.id)) == "scanner_missing"
    assert not house.cloud.scans
    await tear_down(house.hass)
