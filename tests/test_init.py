"""Setting a box up, loading it anew, taking it away."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
import errno
from pathlib import Path
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
from homeassistant.helpers.storage import Store
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.lianke import async_remove_config_entry_device
from custom_components.lianke.box.storage import BoxStorage
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.devices import async_printer_device
from custom_components.lianke.documents.spool import DATA_SPOOL, async_get_spool
from custom_components.lianke.jobs.files import DocumentsError, jobs_path, ledger_path, old_path
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.opening import DATA_LEDGER, async_close_ledger
from custom_components.lianke.jobs.queue import PrintQueue
from custom_components.lianke.ledger import Ledger
from custom_components.lianke.ledger_file import DAMAGED_LEDGER_PREFIX
from custom_components.lianke.printing.builtin_pages import async_print_test_page
from custom_components.lianke.runtime import LiankeConfigEntry
from tests.clock import rest, until
from tests.conftest import make_entry, set_up, tear_down
from tests.documents.conftest import make
from tests.household import House, box_of, data_of, follow, twin_of
from tests.ledgers import keep, refusing, rows
from tests.simulator import Simulator
from tests.simulator.faults import Fault

JOBS = "event.kyocera_ma2000w_gx_print_job"


async def test_actions_are_there_without_a_box(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    assert hass.services.async_services_for_domain(DOMAIN).keys() >= {"print", "cancel_job"}


async def test_devices(device_registry: dr.DeviceRegistry, house: House) -> None:
    devices = dr.async_entries_for_config_entry(device_registry, house.entry.entry_id)
    of_box = box_of(house.hass, house.entry)
    assert of_box.name == "Office box"
    assert of_box.manufacturer == "Lianke"
    # The service's `device_type` is a bare 2, which is no model.
    assert of_box.model == of_box.hw_version == "LK300EW_D2"
    assert of_box.sw_version == "2.1.113"
    printers = [device for device in devices if device != of_box]
    assert {device.via_device_id for device in printers} == {of_box.id}
    assert sorted(str(device.name) for device in printers) == [
        "EPSON L3250 Series (网络)",
        "Gprinter GP-1324D",
        "HP LaserJet 1020",
        "HP LaserJet 1020 (USB 5)",
        "Kyocera MA2000w GX",
        "Unknown Printer",
    ]
    laser = next(device for device in printers if device.name == "Kyocera MA2000w GX")
    assert laser.model == "Kyocera MA2000w GX"


async def test_devices_follow_what_is_told_of_them(
    device_registry: dr.DeviceRegistry, house: House
) -> None:
    house.box.software = "2.2.0"
    house.cloud.support_arrives(house.box.printer(3), "HP LaserJet 1020")
    await house.coordinator.async_refresh()
    of_box = box_of(house.hass, house.entry)
    assert of_box.sw_version == "2.2.0"
    devices = dr.async_entries_for_config_entry(device_registry, house.entry.entry_id)
    assert len(devices) == 7
    assert sum(device.model == "HP LaserJet 1020" for device in devices) == 3


async def test_a_printer_that_comes_later(house: House) -> None:
    before = len(house.hass.states.async_entity_ids("notify"))
    printer = house.cloud.add_printer(house.box, "HP LaserJet 1020", 3, name="New one")
    printer.plugged = True
    await house.coordinator.async_refresh()
    await house.hass.async_block_till_done()
    assert len(house.hass.states.async_entity_ids("notify")) == before + 1
    assert house.hass.states.get("sensor.new_one") is not None


async def test_only_a_printer_that_is_gone_can_be_removed(
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
    hass_ws_client: WebSocketGenerator,
    house: House,
) -> None:
    assert await async_setup_component(house.hass, "config", {})
    client = await hass_ws_client(house.hass)
    coordinator = house.coordinator
    (key,) = (
        key for key, view in coordinator.data.printers.items() if view.name.startswith("Kyocera")
    )
    printer = device_registry.async_get_device_by_identifier(
        (DOMAIN, f"{house.box.device_id}_{key}"), house.entry.entry_id
    )
    of_box = box_of(house.hass, house.entry)
    assert printer

    async def remove(device_id: str) -> str | None:
        answer = await client.remove_device(device_id)
        return None if answer["success"] else answer["error"]["translation_key"]

    assert await remove(of_box.id) == "box_not_removable"
    assert await remove(printer.id) == "printer_connected"
    house.box.printer(1).plugged = False
    await coordinator.async_refresh()
    assert house.hass.states.is_state("sensor.kyocera_ma2000w_gx", "disconnected")
    assert await remove(printer.id) is None
    await house.hass.async_block_till_done()
    assert house.hass.states.get("sensor.kyocera_ma2000w_gx") is None
    assert key not in house.data.storage.printers

    # Plugged in again it is there again, with its device and entities.
    house.box.printer(1).plugged = True
    await coordinator.async_refresh()
    await house.hass.async_block_till_done()
    assert house.hass.states.is_state("sensor.kyocera_ma2000w_gx", "idle")
    back = entity_registry.async_get("sensor.kyocera_ma2000w_gx")
    assert back is not None
    assert back.device_id == printer.id

    await house.hass.config_entries.async_unload(house.entry.entry_id)
    assert await remove(of_box.id) == "box_not_removable"


async def test_a_printer_of_a_box_that_is_off_can_be_removed(
    device_registry: dr.DeviceRegistry, house: House
) -> None:
    coordinator = house.coordinator
    key = next(iter(coordinator.data.printers))
    printer = device_registry.async_get_device_by_identifier(
        (DOMAIN, f"{house.box.device_id}_{key}"), house.entry.entry_id
    )
    assert printer
    with pytest.raises(ServiceValidationError, match="still connected"):
        await async_remove_config_entry_device(house.hass, house.entry, printer)
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    with pytest.raises(ServiceValidationError, match="not loaded"):
        await async_remove_config_entry_device(house.hass, house.entry, printer)
    assert await house.hass.config_entries.async_setup(house.entry.entry_id)
    coordinator = house.coordinator
    house.box.online = False
    await coordinator.async_refresh()
    assert await async_remove_config_entry_device(house.hass, house.entry, printer)
    assert key not in house.data.storage.printers


async def test_what_a_damaged_memory_left_behind_can_be_removed(
    device_registry: dr.DeviceRegistry, house: House
) -> None:
    left = device_registry.async_get_or_create(
        config_entry_id=house.entry.entry_id,
        identifiers={(DOMAIN, f"{house.box.device_id}_forgotten")},
    )
    assert await async_remove_config_entry_device(house.hass, house.entry, left)


async def test_a_box_that_is_added_again_has_its_devices_and_entities(
    device_registry: dr.DeviceRegistry, entity_registry: er.EntityRegistry, house: House
) -> None:
    def found() -> tuple[set[str], dict[str, str]]:
        entry_id = house.hass.config_entries.async_loaded_entries(DOMAIN)[0].entry_id
        entities = er.async_entries_for_config_entry(entity_registry, entry_id)
        devices = dr.async_entries_for_config_entry(device_registry, entry_id)
        return {device.id for device in devices}, {one.unique_id: one.entity_id for one in entities}

    laser = next(one for one in device_registry.devices if one.name == "Kyocera MA2000w GX")
    device_registry.async_update_device(laser.id, name_by_user="Study")
    entity_registry.async_update_entity(
        "sensor.kyocera_ma2000w_gx", new_entity_id="sensor.study_printer"
    )
    await house.hass.async_block_till_done()
    before = found()
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    await house.hass.async_block_till_done()
    assert await set_up(house.hass, make_entry(house.simulator, house.box))
    await rest(house.hass)
    assert found() == before
    again = device_registry.async_get(laser.id)
    assert again
    assert again.name_by_user == "Study"
    await tear_down(house.hass)


async def test_removal_leaves_what_the_box_gets_back(
    hass_storage: dict[str, Any], house: House
) -> None:
    """No job, document, address or time of it is left; what is kept of it is told in box/test_kept.py."""
    folder, old = (at(house.hass, house.entry.entry_id) for at in (jobs_path, old_path))
    aside = ledger_path(house.hass).with_name(f"{DAMAGED_LEDGER_PREFIX}once")
    for path in (folder / "job", aside / "job"):
        await house.hass.async_add_executor_job(path.mkdir, 0o700, True)
    assert await house.hass.async_add_executor_job(old.is_file)
    await house.data.storage.async_flush()
    assert f"lianke.{house.entry.entry_id}" in hass_storage
    printers = set(house.data.storage.printers)
    spool = await async_get_spool(house.hass)
    document = await make(spool)
    handle = await spool.async_keep(document, [b"picture"])
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    await house.hass.async_block_till_done()
    left = hass_storage[f"lianke.{house.entry.entry_id}"]["data"]
    assert set(left["printers"]) == printers
    for name in ("box", "callback_address", "push_address", "last_push_at", "foreign_seen_at"):
        assert left[name] is None
    assert not await house.hass.async_add_executor_job(folder.exists)
    assert DATA_LEDGER not in house.hass.data
    # Not even an empty folder, or the file that keeps an older version from starting.
    cache = Path(house.hass.config.cache_path(DOMAIN))
    assert document.path.is_relative_to(cache)
    assert not await house.hass.async_add_executor_job(cache.exists)
    assert await spool.async_picture(handle, 1) is None
    # A box that is bound afterwards finds the spool in order.
    document = await make(spool, b"again")
    mode = (await house.hass.async_add_executor_job(document.path.parent.stat)).st_mode
    assert mode & 0o777 == 0o700


@pytest.fixture
async def other(house: House) -> MockConfigEntry:
    """Set up a second box."""
    entry = make_entry(house.simulator, twin_of(house.simulator), title="Other box")
    assert await set_up(house.hass, entry)
    await data_of(entry).coordinator.async_refresh()
    return entry


async def waiting(house: House, entry: MockConfigEntry, title: str) -> str:
    """Have a box that is off print something; return the job's id."""
    key = next(iter(data_of(entry).storage.printers))
    device = async_printer_device(house.hass, entry, key)
    assert device is not None
    answer = await house.ask("print", device_id=device.id, text=title, title=title)
    (job,) = answer["jobs"]
    assert job["state"] == "held"
    return str(job["job_id"])


async def test_a_removed_box_takes_its_own_along(house: House, other: MockConfigEntry) -> None:
    """Records, titles and documents, also what damage had set aside; those of the other box stay, and print."""
    hass, entry = house.hass, house.entry
    for one in (entry, other):
        box = house.cloud.boxes[one.data["device_id"]]
        box.online = False
        await data_of(one).coordinator.async_refresh()
    gone, stays = await waiting(house, entry, "Taxes 2026"), await waiting(house, other, "Menu")
    root = ledger_path(hass)
    # Of a box that was just added, too: an older version that is put back must not start.
    assert [old_path(hass, one.entry_id).is_file() for one in (entry, other)] == [True, True]
    aside = root.with_name(f"{DAMAGED_LEDGER_PREFIX}once")
    for one in (entry, other):
        scans = f"scans-{one.entry_id}"
        places = (aside / one.entry_id, aside / scans, root / scans, root.parent / scans)
        for place in places:
            await hass.async_add_executor_job((place / "job").mkdir, 0o700, True)
    await hass.config_entries.async_remove(entry.entry_id)
    assert [record["job_id"] for record in rows(root, "job")] == [stays]
    left = {path.relative_to(root.parent).parts for path in root.parent.rglob("*")}
    assert not [parts for parts in left if gone in parts or entry.entry_id in " ".join(parts)]
    assert {(root.name, other.entry_id, stays), (aside.name, other.entry_id)} <= left
    assert {(aside.name, scans), (root.name, scans), (scans,)} <= left
    # SQLite writes over what it deletes.
    await async_close_ledger(hass)
    files = [path.read_bytes() for path in root.rglob("*") if path.is_file()]
    assert not [data for data in files if b"Taxes 2026" in data]
    assert await hass.config_entries.async_reload(other.entry_id)
    house.cloud.boxes[other.data["device_id"]].online = True
    await data_of(other).coordinator.async_refresh()
    await house.came_out()
    await until(lambda: data_of(other).queue.get(stays).state is JobState.COMPLETED)


async def test_a_box_goes_although_the_disk_refuses(house: House, other: MockConfigEntry) -> None:
    """What is told of its jobs is told all the same, and its records go once the disk lets them."""
    await house.switch_off()
    await waiting(house, house.entry, "Menu")
    with refusing(house.hass):
        await house.hass.config_entries.async_remove(house.entry.entry_id)
        assert rows(ledger_path(house.hass), "job")
    found = {issue.translation_key for issue in ir.async_get(house.hass).issues.values()}
    assert found == {"jobs_dropped"}
    assert not jobs_path(house.hass, house.entry.entry_id).exists()
    await until(lambda: not rows(ledger_path(house.hass), "job"))
    assert other.state is ConfigEntryState.LOADED


async def test_a_box_that_comes_while_the_last_one_goes_has_a_ledger(house: House) -> None:
    """It is the one that is there, or a new one, but none that is closed or deleted."""
    hass = house.hass
    added = make_entry(house.simulator, twin_of(house.simulator), title="Other box")
    close = Ledger.async_close

    async def slow(ledger: Ledger) -> None:
        await close(ledger)
        added.add_to_hass(hass)
        hass.async_create_task(hass.config_entries.async_setup(added.entry_id))
        await asyncio.sleep(0.2)

    with patch.object(Ledger, "async_close", slow):
        await hass.config_entries.async_remove(house.entry.entry_id)
    await hass.async_block_till_done()
    if added.state is ConfigEntryState.SETUP_RETRY:
        # The folder of all was taken away under it.
        await retried(hass, added)
    assert added.state is ConfigEntryState.LOADED
    house.cloud.boxes[added.data["device_id"]].online = False
    await data_of(added).coordinator.async_refresh()
    job_id = await waiting(house, added, "Menu")
    assert [record["job_id"] for record in rows(ledger_path(hass), "job")] == [job_id]


@pytest.mark.usefixtures("hurried")
async def test_a_job_that_was_moved_outlives_the_box_that_it_left(
    issue_registry: ir.IssueRegistry, house: House, other: MockConfigEntry
) -> None:
    """Nobody is told that it was dropped, and it is printed once."""
    await house.switch_off()
    house.cloud.boxes[other.data["device_id"]].online = False
    await data_of(other).coordinator.async_refresh()
    job_id = await waiting(house, house.entry, "Menu")
    from_key, key = (
        house.queue.get(job_id).spec.printer_key,
        next(iter(data_of(other).storage.printers)),
    )
    source, target = (
        async_printer_device(house.hass, entry, of)
        for entry, of in ((house.entry, from_key), (other, key))
    )
    assert source is not None
    assert target is not None
    answer = await house.ask("move_job", device_id=source.id, job_id=job_id, to_device_id=target.id)
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    assert not issue_registry.issues
    assert data_of(other).queue.get(answer["job"]["job_id"]).state is JobState.HELD
    house.cloud.boxes[other.data["device_id"]].online = True
    await data_of(other).coordinator.async_refresh()
    assert len(await house.came_out()) == 1


async def retried(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Let Home Assistant set up an entry once more, as it does by itself."""
    assert entry.state is ConfigEntryState.SETUP_RETRY
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=2))
    await hass.async_block_till_done(wait_background_tasks=True)


@pytest.mark.parametrize("where", ["the folder of all", "the folder of this box"])
async def test_a_box_comes_up_once_the_disk_can_be_written(where: str, house: House) -> None:
    await house.switch_off()
    key = next(iter(house.data.storage.printers))
    job = await async_print_test_page(house.hass, house.entry, key, Context())
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    # As after a restart.
    house.hass.data.pop(DATA_SPOOL)
    await async_close_ledger(house.hass)
    folder = jobs_path(house.hass, house.entry.entry_id)
    if where == "the folder of all":
        folder = folder.parent
    aside = folder.with_name("aside")

    def block() -> None:
        """Put a file where the folder is, in which nothing can be written."""
        folder.rename(aside)
        folder.touch()

    def mend() -> None:
        folder.unlink()
        aside.rename(folder)

    await house.hass.async_add_executor_job(block)
    assert not await set_up(house.hass, house.entry)
    assert house.entry.error_reason_translation_key == "job_folder_unreadable"
    await retried(house.hass, house.entry)
    await house.hass.async_add_executor_job(mend)
    await retried(house.hass, house.entry)
    assert house.entry.state is ConfigEntryState.LOADED
    assert house.queue.get(job.job_id).state is JobState.HELD


async def test_a_first_setup_that_fails_leaves_its_printers_to_the_next(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    with patch.object(PrintQueue, "async_load", side_effect=DocumentsError):
        assert not await set_up(hass, entry)
    left = BoxStorage(hass, entry.entry_id)
    await left.async_load()
    assert left.printers
    await retried(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    assert set(entry.runtime_data.storage.printers) == set(left.printers)


async def test_a_box_comes_up_once_its_data_can_be_read(house: House) -> None:
    printers = set(house.data.storage.printers)
    await house.data.storage.async_flush()
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    # As the storage helper tells it.
    failure = HomeAssistantError("Error while loading")
    failure.__cause__ = OSError(errno.EIO, "Input/output error")
    with patch.object(Store, "async_load", side_effect=failure):
        assert not await set_up(house.hass, house.entry)
    assert house.entry.error_reason_translation_key == "storage_unreadable"
    await retried(house.hass, house.entry)
    assert house.entry.state is ConfigEntryState.LOADED
    assert set(house.data.storage.printers) == printers


async def test_what_expired_while_nobody_was_home_is_told_once(house: House) -> None:
    """The event entities must listen before the jobs are reviewed."""
    await house.switch_off()
    key = next(key for key, known in house.data.storage.printers.items() if known.printer.port == 1)
    job = await async_print_test_page(house.hass, house.entry, key, Context())
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    await keep(house.hass, house.entry, replace(job, expires_at=job.created_at))
    states = follow(house.hass, JOBS)
    forward = house.hass.config_entries.async_forward_entry_setups

    async def later(entry: LiankeConfigEntry, platforms: Iterable[Platform]) -> None:
        # What was reviewed by now would be on disk, and told.
        await asyncio.sleep(0)
        await entry.runtime_data.queue._jobs.async_written()
        await forward(entry, platforms)

    with patch.object(house.hass.config_entries, "async_forward_entry_setups", later):
        assert await set_up(house.hass, house.entry)

    def fired() -> set[str]:
        # The state of an event entity is when it last fired.
        return {one.state for one in states if one.attributes.get("event_type") == "expired"}

    await rest(house.hass)
    assert len(fired()) == 1
    await house.hass.config_entries.async_reload(house.entry.entry_id)
    await rest(house.hass)
    assert len(fired()) == 1


async def test_a_job_that_ends_while_its_box_is_unloaded_is_told(house: House) -> None:
    """An upload may end first: the event entities must still be there then."""
    key = next(key for key, known in house.data.storage.printers.items() if known.printer.port == 1)
    house.cloud.variants.latency = 0.5
    house.cloud.fail("POST /print/job", Fault(kind="code", code=400, msg="参数错误"))
    job = await async_print_test_page(house.hass, house.entry, key, Context())
    states = follow(house.hass, JOBS)
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    await house.hass.async_block_till_done()
    told = [one.attributes for one in states if one.attributes.get("job_id") == job.job_id]
    assert told[-1]["event_type"] == "failed"


@pytest.mark.usefixtures("hurried")
async def test_pages_that_a_power_cut_left_uncounted_are_shown_at_once(house: House) -> None:
    """The count lives in memory, which is written later than the job that it comes from."""
    storage = house.data.storage
    key = next(key for key, known in storage.printers.items() if known.printer.port == 1)
    # It does not end before: then it would count without its pages, which the cloud names later.
    house.box.printer(1).seconds_per_page = 1000.0
    job = await async_print_test_page(house.hass, house.entry, key, Context())
    job = await house.queue.async_wait(job.job_id, 10)
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    done = job.changed(state=JobState.COMPLETED, task_id="t-1")
    await keep(house.hass, house.entry, replace(done, pages_printed=7))
    await async_close_ledger(house.hass)
    assert await set_up(house.hass, house.entry)
    entity_id = er.async_get(house.hass).async_get_entity_id(
        "sensor", DOMAIN, f"{house.entry.unique_id}_{key}_pages_printed"
    )
    state = house.hass.states.get(entity_id or "")
    assert state is not None
    assert float(state.state) >= 7


@pytest.mark.parametrize("refused", [False, True])
async def test_a_removed_box_tells_of_the_jobs_it_drops(
    issue_registry: ir.IssueRegistry, house: House, refused: bool
) -> None:
    """One waits in the cloud, which cancels it unless it refuses; one waits here."""
    laser = house.device()
    house.cloud.variants.printer_off = "accepted_until_on"
    house.box.printer(1).on = False
    await house.ask("print", device_id=laser, text="In the cloud")
    await until(lambda: house.queue.jobs()[0].state is JobState.QUEUED)
    await house.ask("print", device_id=laser, text="For somebody there", release_code="1234")
    if refused:
        house.cloud.fail("DELETE /print/job", Fault(kind="code", code=5002, msg="设备不在线"))
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    (task,) = house.cloud.tasks.values()
    assert (task.state == "READY") is refused
    found = {
        issue.translation_key: (issue.translation_placeholders or {})["count"]
        for issue in issue_registry.issues.values()
    }
    assert found == ({"jobs_dropped": "1", "jobs_left": "1"} if refused else {"jobs_dropped": "2"})


async def test_start_without_internet(all_entities: None, house: House) -> None:
    """The last ink and counters are shown; what acts can be used; the rest is not known."""
    await rest(house.hass)
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    await house.simulator.stop_listening()
    assert await set_up(house.hass, house.entry)
    await rest(house.hass)
    states = {state.entity_id: state.state for state in house.hass.states.async_all()}
    ink = "sensor.epson_l3250_series_wang_luo_ink_or_toner_left"
    assert states[f"{ink}_black"] == "72"
    assert states[f"{ink}_yellow"] == "8"
    assert states["sensor.kyocera_ma2000w_gx"] == "unknown"
    assert states["sensor.kyocera_ma2000w_gx_jobs_waiting"] == "0"
    assert states["binary_sensor.office_box_cloud_connection"] == "unavailable"
    assert states["binary_sensor.kyocera_ma2000w_gx_cover"] == "unavailable"
    assert states["binary_sensor.kyocera_ma2000w_gx_problem"] == "unavailable"
    for always in (
        "notify.kyocera_ma2000w_gx_print_message",
        "event.kyocera_ma2000w_gx_print_job",
        "button.kyocera_ma2000w_gx_print_test_page",
        "button.kyocera_ma2000w_gx_cancel_waiting_jobs",
        "image.kyocera_ma2000w_gx_preview",
        "sensor.kyocera_ma2000w_gx_hold_reason",
    ):
        assert states[always] != "unavailable"
    assert not house.coordinator.is_fresh
    assert not any(house.coordinator.is_ready(key) for key in house.data.storage.printers)
    await house.simulator.start_listening()
    await house.poll()
    assert house.hass.states.is_state("sensor.kyocera_ma2000w_gx", "idle")


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
async def test_entity_ids_do_not_depend_on_the_language(
    hass: HomeAssistant, entry: MockConfigEntry, language: str
) -> None:
    hass.config.language = language
    assert await set_up(hass, entry)
    assert hass.states.get("sensor.kyocera_ma2000w_gx_jobs_waiting") is not None
    state = hass.states.get("notify.kyocera_ma2000w_gx_print_message")
    assert state is not None
    name = {"en": "Print message", "zh-Hans": "打印消息"}[language]
    assert state.name == f"Kyocera MA2000w GX {name}"
    await hass.config_entries.async_unload(entry.entry_id)


async def test_binding_many_boxes_does_not_wait_for_polling(
    hass: HomeAssistant, simulator: Simulator
) -> None:
    """Polling has a rate of its own, which would keep the twelfth box waiting for half a minute."""
    boxes = [simulator.cloud.add_box(simulator.cloud.accounts[0], 1) for _ in range(12)]
    async with asyncio.timeout(10):
        for box in boxes:
            assert await set_up(hass, make_entry(simulator, box, title=box.device_id))
    await tear_down(hass)
