"""Configuration folders that 0.1.0, 0.2.0 and 0.3.0 wrote: today's goes on with them.

They were written by the released versions in Home Assistant and in front of the simulator, stopped as for an update;
only what is the integration's was kept. `0_1_0` has a job that was completed, one held for a printer that was off, one
that waited in the cloud, and one whose answer was lost; `cloud.json` has the cloud's tasks of that moment. `0_2_0` has
one held as well, one that waits for an approval, one for a code, one whose paper is to be turned over, and kept
documents; nothing was in the cloud. `0_3_0` has the same.
"""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
import json
from pathlib import Path
import shutil
from typing import Any
from unittest.mock import patch

from homeassistant import bootstrap
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockUser, async_test_home_assistant

import custom_components.lianke as integration
from custom_components.lianke import config_flow
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.jobs.job import Job
from custom_components.lianke.jobs.queue import PrintQueue
from custom_components.lianke.printing.builder import async_print_again
from tests import config_flows as forms
from tests.clock import Clock, elapse, rest
from tests.conftest import tear_down
from tests.flows.options import fields_of, shown
from tests.household import print_one
from tests.simulator import Simulator, make_pdf
from tests.upgrade import cloud

HERE = Path(__file__).parent
# As long as an update takes, after the moment in which the folder was left.
UPDATED = {
    "0_1_0": datetime(2026, 11, 24, 10, 15, tzinfo=UTC),
    "0_2_0": datetime(2026, 11, 28, 9, 38, tzinfo=UTC),
    "0_3_0": datetime(2026, 11, 24, 10, 15, tzinfo=UTC),
}
LASER = "Kyocera MA2000w GX"
# The laser's counter of pages, as it was renamed, and what it showed.
COUNTERS = {
    "0_1_0": ("sensor.pages_of_the_laser", 3),
    "0_2_0": ("sensor.my_pages", 10),
    "0_3_0": ("sensor.my_pages", 6),
}


@pytest.fixture(params=sorted(UPDATED))
def version(request: pytest.FixtureRequest) -> str:
    """Return the version that wrote the folder, as the folder is called."""
    name: str = request.param
    return name


def stored(version: str, name: str) -> dict[str, Any]:
    """Return what a version left in the storage under a name."""
    path = HERE / version / ".storage" / name
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))["data"]
    return found


@pytest.fixture
def hass_config_dir(tmp_path: Path, simulator: Simulator, version: str) -> str:
    """Give a copy of the folder in which the entry's server is the simulator."""
    folder = tmp_path / "config"
    for part in (".storage", ".cache"):
        shutil.copytree(HERE / version / part, folder / part)
    path = folder / ".storage" / "core.config_entries"
    written = json.loads(path.read_text("utf-8"))
    written["data"]["entries"][0]["data"]["server"] = simulator.url
    path.write_text(json.dumps(written), "utf-8")
    return str(folder)


@pytest.fixture
async def hass(
    clock: Clock, simulator: Simulator, hass_config_dir: str, version: str
) -> AsyncGenerator[HomeAssistant]:
    """Start Home Assistant on that folder, with what it has stored."""
    clock.tick(UPDATED[version] - dt_util.utcnow())
    remember(simulator, version)
    async with async_test_home_assistant(load_registries=False, config_dir=hass_config_dir) as hass:
        await bootstrap.async_load_base_functionality(hass)
        yield hass
        await tear_down(hass)
        await hass.async_stop(force=True)


@pytest.fixture
async def entry(hass: HomeAssistant, enable_custom_integrations: None) -> ConfigEntry[Any]:
    """Set the integration up."""
    assert await async_setup_component(hass, DOMAIN, {})
    await rest(hass)
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    assert entry.state is ConfigEntryState.LOADED
    return entry


def remember(simulator: Simulator, version: str) -> None:
    """Give the cloud the keys and the tasks that it had."""
    (entry,) = stored(version, "core.config_entries")["entries"]
    box = simulator.box
    assert box.account is not None
    assert box.device_id == entry["unique_id"]
    box.device_key = entry["data"]["device_key"]
    box.account.api_key = entry["data"]["api_key"]
    if version == "0_1_0":
        tasks = json.loads((HERE / version / "cloud.json").read_text("utf-8"))["tasks"]
        cloud.remember(simulator, box, tasks)


def pages_of(hass: HomeAssistant, version: str) -> float:
    """Return the pages that the laser's counter shows."""
    state = hass.states.get(COUNTERS[version][0])
    assert state is not None
    return float(state.state)


async def ended(hass: HomeAssistant, clock: Clock, queue: PrintQueue) -> dict[str, Job]:
    """Wait until all jobs are over, and return them by their titles."""
    for _ in range(60):
        if all(job.is_final for job in queue.jobs()):
            break
        await elapse(hass, clock, 10)
    return {job.spec.title: job for job in queue.jobs()}


@pytest.mark.parametrize("version", ["0_1_0"], indirect=True)
async def test_the_jobs_of_0_1_0_go_on(
    hass: HomeAssistant, entry: ConfigEntry[Any], simulator: Simulator, clock: Clock, version: str
) -> None:
    """The held one prints, once; the one in the cloud and the one without an answer get their outcome."""
    queue = entry.runtime_data.queue
    before = {job.spec.title: job for job in queue.jobs()}
    assert set(before) == {"completed.pdf", "held.pdf", "queued.pdf", "unanswered.pdf"}
    after = await ended(hass, clock, queue)
    assert {title: job.state for title, job in after.items()} == dict.fromkeys(before, "completed")
    assert {title: job.pages_printed for title, job in after.items()} == {
        "completed.pdf": 3,
        "held.pdf": 2,
        "queued.pdf": 2,
        "unanswered.pdf": 1,
    }
    assert pages_of(hass, version) == 3 + 2
    assert simulator.cloud.count("POST /print/job") == 1
    assert [job.name for job in simulator.printed].count("held.pdf") == 1
    for title, job in after.items():
        assert (job.job_id, job.current_delivery.token, job.spec.request_id) == (
            before[title].job_id,
            before[title].current_delivery.token,
            title,
        )


@pytest.mark.parametrize("version", ["0_2_0", "0_3_0"], indirect=True)
async def test_the_jobs_of_later_versions_go_on(
    hass: HomeAssistant, entry: ConfigEntry[Any], simulator: Simulator, clock: Clock, version: str
) -> None:
    """The held one prints by itself, the others once their answer is there, each once."""
    queue = entry.runtime_data.queue
    before = {job.spec.title: job for job in queue.jobs()}
    waits = {title: job.waits_for for title, job in before.items() if not job.is_final}
    assert waits == {
        "held 1": (),
        "asks": ("approval",),
        "coded": ("release",),
        "both sides": ("turn_paper",),
    }
    for title in ("asks", "coded"):
        await queue.async_continue(before[title].job_id)
    # Nothing else may be on its way to the tray in which its stack lies.
    for _ in range(60):
        if all(job.is_final for job in queue.jobs() if job.spec.title != "both sides"):
            break
        await elapse(hass, clock, 10)
    await queue.async_continue(before["both sides"].job_id)
    after = await ended(hass, clock, queue)
    assert {title: job.state for title, job in after.items()} == dict.fromkeys(before, "completed")
    assert {title: after[title].pages_printed for title in waits} == {
        "held 1": 3,
        "asks": 21,
        "coded": 3,
        "both sides": 3,
    }
    assert simulator.cloud.count("POST /print/job") == len(simulator.printed) == len(waits)
    # That of 0.2.0 was held at another printer.
    assert pages_of(hass, version) == {"0_2_0": 10, "0_3_0": 6 + 3}[version] + 21 + 3 + 3
    again = await async_print_again(queue, before["kept"], Context())
    assert (await ended(hass, clock, queue))["kept"].state == "completed"
    assert again.pages == 3


async def test_options_entities_and_counters_stay(
    hass: HomeAssistant, entry: ConfigEntry[Any], version: str
) -> None:
    (written,) = stored(version, "core.config_entries")["entries"]
    assert entry.options == written["options"]
    assert entry.entry_id == written["entry_id"]
    assert entry.data["webhook_id"] == written["data"]["webhook_id"]
    entities = er.async_get(hass)
    for one in stored(version, "core.entity_registry")["entities"]:
        found = entities.async_get_entity_id(
            one["entity_id"].split(".")[0], DOMAIN, one["unique_id"]
        )
        assert found == one["entity_id"]
        kept = entities.async_get(one["entity_id"])
        assert kept is not None
        assert (kept.id, kept.disabled_by) == (one["id"], one["disabled_by"])
        assert kept.device_id == one["device_id"]
    devices = dr.async_get(hass)
    for device in stored(version, "core.device_registry")["devices"]:
        assert devices.async_get(device["id"]) is not None
    # The one that waited in the cloud may be counted already.
    pages = COUNTERS[version][1]
    assert pages_of(hass, version) in ((pages, pages + 2) if version == "0_1_0" else (pages,))


@pytest.mark.parametrize("is_started", [True, False])
async def test_a_box_that_is_removed_and_added_again_is_the_same(
    hass: HomeAssistant,
    enable_custom_integrations: None,
    simulator: Simulator,
    clock: Clock,
    version: str,
    is_started: bool,
) -> None:
    """Its printers got keys by chance, which nothing that the service says leads back to."""
    for dependency in ("file_upload", "media_source", "webhook"):
        assert await async_setup_component(hass, dependency, {})
    (written,) = stored(version, "core.config_entries")["entries"]
    old_id = written["entry_id"]
    # Or not: as a box that was disabled, and of which nothing was loaded.
    if is_started:
        assert await async_setup_component(hass, DOMAIN, {})
        await rest(hass)
    await hass.config_entries.async_remove(old_id)
    for number, printer in enumerate(simulator.box.printers):
        # One without a driver has no model: nothing but its port is left to know it by.
        if printer.ip is None and printer.driver_name:
            printer.port = 20 + number
        printer.id += 1000
        printer.hash_id = printer.hash_id or f"late{number}"
    form = await forms.asked(hass, simulator)
    assert "start_afresh" in {str(field) for field in fields_of(form)}
    form = await forms.answer(hass, form, test_page=False, start_afresh=False)
    await rest(hass)
    entry = form["result"]
    assert entry.options == written["options"]
    entities = er.async_get(hass)
    there = set(entry.runtime_data.storage.printers)
    known = stored(version, f"lianke.{old_id}")["printers"]
    assert there <= set(known)
    assert len(there) == len(simulator.box.printers)
    old = {
        (one["entity_id"].split(".")[0], one["unique_id"]): one["entity_id"]
        for one in stored(version, "core.entity_registry")["entities"]
    }
    # An entity that 0.1.0 had and that there is no more has none to be the same as.
    new = {
        (one.domain, one.unique_id): one.entity_id
        for one in er.async_entries_for_config_entry(entities, entry.entry_id)
    }
    assert {name: new[name] for name in new.keys() & old.keys()} == {
        name: old[name] for name in new.keys() & old.keys()
    }
    for key in there:
        status = ("sensor", f"{entry.unique_id}_{key}_status")
        assert new[status] == old[status]
    # Home Assistant cleans its registries up some seconds later.
    await elapse(hass, clock, 20)


@pytest.mark.parametrize("version", ["0_2_0", "0_3_0"], indirect=True)
async def test_forms_show_the_options_of_earlier_versions(
    hass: HomeAssistant, entry: ConfigEntry[Any]
) -> None:
    """So that whoever opens a form and saves it changes nothing."""
    keys = {known.name: key for key, known in entry.runtime_data.storage.printers.items()}
    inkjet, small = (
        next(key for name, key in keys.items() if name.startswith(model))
        for model in ("EPSON", "HP LaserJet 1020")
    )
    before = dict(entry.options)
    for user_id in (*before["approvers"], *before["release_codes"]):
        MockUser(id=user_id, name="Somebody").add_to_hass(hass)
    for step, *targets in (
        ("settings",),
        ("approval",),
        ("release",),
        ("page_counts",),
        ("lan_printers",),
        ("defaults", {"target": "box"}),
        ("keep_alive", {"target": inkjet}),
        ("stand_in", {"target": small}),
        ("manual_duplex", {"target": keys[LASER]}, {"next_step_id": "manual_duplex_answers"}),
    ):
        flow = await hass.config_entries.options.async_init(entry.entry_id)
        for answer in ({"next_step_id": step}, *targets):
            flow = await hass.config_entries.options.async_configure(flow["flow_id"], answer)
        while flow["type"] == "form":
            answer = {} if flow["data_schema"] is None else shown(flow)
            flow = await hass.config_entries.options.async_configure(flow["flow_id"], answer)
        assert flow["type"] == "create_entry", step
        assert entry.options == before, step


async def test_who_asks_again_gets_the_same_job(
    hass: HomeAssistant, entry: ConfigEntry[Any], tmp_path: Path, version: str
) -> None:
    """An automation that repeats its request id after the update prints nothing twice."""
    request_id, content = {
        "0_1_0": ("completed.pdf", make_pdf(3, "completed.pdf")),
        "0_2_0": ("once", make_pdf(3, "Demo")),
        "0_3_0": ("once", make_pdf(3, "Demo")),
    }[version]
    queue = entry.runtime_data.queue
    (done,) = [job for job in queue.jobs() if job.spec.request_id == request_id]
    path = tmp_path / "completed.pdf"
    path.write_bytes(content)
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    devices = stored(version, "core.device_registry")["devices"]
    (laser,) = [one["id"] for one in devices if one["name"] == LASER]
    job = await print_one(hass, device_id=laser, file=str(path), request_id=request_id, wait=False)
    assert job["job_id"] == done.job_id


def contents(folder: str) -> dict[str, bytes]:
    """Return all files of a folder with what they have."""
    root = Path(folder)
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


async def test_an_earlier_version_is_refused_and_touches_nothing(
    hass: HomeAssistant, entry: ConfigEntry[Any], hass_config_dir: str, clock: Clock
) -> None:
    """K7: 0.2.0 deleted what 0.3.0 had written. Home Assistant refuses what has a higher version."""
    assert entry.version == 2
    before = {job.job_id for job in entry.runtime_data.queue.jobs()}
    assert await hass.config_entries.async_unload(entry.entry_id)
    await elapse(hass, clock, 60)
    (kept,) = json.loads(
        (Path(hass_config_dir) / ".storage" / "core.config_entries").read_text("utf-8")
    )["data"]["entries"]
    assert kept["version"] == 2
    left = contents(hass_config_dir)
    with (
        patch.object(config_flow.LiankeConfigFlow, "VERSION", 1),
        patch.object(integration, "async_setup_entry", side_effect=AssertionError),
    ):
        await hass.config_entries.async_setup(entry.entry_id)
        assert entry.state is ConfigEntryState.MIGRATION_ERROR
    await elapse(hass, clock, 60)
    assert contents(hass_config_dir) == left
    # Once today's is back, it goes on. Home Assistant tries what it has refused at its next start alone.
    entry._async_set_state(hass, ConfigEntryState.NOT_LOADED, None)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert {job.job_id for job in entry.runtime_data.queue.jobs()} == before


async def test_an_earlier_version_cannot_start_where_the_entrys_version_was_lost(
    hass: HomeAssistant, entry: ConfigEntry[Any], hass_config_dir: str, clock: Clock
) -> None:
    """With the power, a second before it was written: a file stands where it had its jobs."""
    place = Path(hass_config_dir) / ".cache" / "lianke" / entry.entry_id
    assert place.read_bytes() == b""
    # What all of them did first, and did not set up without.
    with pytest.raises(FileExistsError):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    assert await hass.config_entries.async_remove(entry.entry_id)
    assert not place.exists()
    # Home Assistant cleans its registries up some seconds later.
    await elapse(hass, clock, 20)
