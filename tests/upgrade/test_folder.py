"""A configuration folder that version 0.1.0 wrote: today's goes on with it.

`0_1_0` was written by 0.1.0 in Home Assistant 2026.10 and in front of the simulator, stopped as for an update. Four
jobs are in it: one completed, one held for a printer that was off, one that waited in the cloud, and one whose answer
was lost. `cloud.json` has the cloud's tasks of that moment.
"""

from collections.abc import AsyncGenerator
import json
from pathlib import Path
import shutil
from typing import Any

from homeassistant import bootstrap
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_test_home_assistant

from custom_components.lianke.const import DOMAIN
from tests.clock import Clock, elapse, rest
from tests.conftest import tear_down
from tests.simulator import Simulator, make_pdf
from tests.upgrade import cloud

HERE = Path(__file__).parent
WRITTEN = HERE / "0_1_0"
# As long as an update takes, in seconds after the clock's start, which was the folder's as well.
UPDATED = 900.0
OPTIONS = {
    "default_options": {"color": "mono"},
    "hold_hours": 48,
    "max_pages": 60,
    "poll_interval": 120,
}
RENAMED = "sensor.pages_of_the_laser"


def stored(name: str) -> dict[str, Any]:
    """Return what 0.1.0 left in the storage under a name."""
    found: dict[str, Any] = json.loads((WRITTEN / ".storage" / name).read_text("utf-8"))["data"]
    return found


@pytest.fixture
def hass_config_dir(tmp_path: Path, simulator: Simulator) -> str:
    """Give a copy of the folder in which the entry's server is the simulator."""
    folder = tmp_path / "config"
    shutil.copytree(WRITTEN, folder)
    path = folder / ".storage" / "core.config_entries"
    written = json.loads(path.read_text("utf-8"))
    written["data"]["entries"][0]["data"]["server"] = simulator.url
    path.write_text(json.dumps(written), "utf-8")
    return str(folder)


@pytest.fixture
async def hass(
    clock: Clock, simulator: Simulator, hass_config_dir: str
) -> AsyncGenerator[HomeAssistant]:
    """Start Home Assistant on that folder, with what it has stored."""
    clock.tick(UPDATED)
    remember(simulator)
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


def remember(simulator: Simulator) -> None:
    """Give the cloud the keys and the tasks that it had."""
    (entry,) = stored("core.config_entries")["entries"]
    box = simulator.box
    assert box.account is not None
    assert box.device_id == entry["unique_id"]
    box.device_key = entry["data"]["device_key"]
    box.account.api_key = entry["data"]["api_key"]
    tasks = json.loads((HERE / "cloud.json").read_text("utf-8"))["tasks"]
    cloud.remember(simulator, box, tasks)


def pages_of(hass: HomeAssistant) -> float:
    """Return the pages that the laser's counter shows."""
    state = hass.states.get(RENAMED)
    assert state is not None
    return float(state.state)


async def test_its_jobs_go_on(
    hass: HomeAssistant, entry: ConfigEntry[Any], simulator: Simulator, clock: Clock
) -> None:
    """The held one prints, once; the one in the cloud and the one without an answer get their outcome."""
    queue = entry.runtime_data.queue
    before = {job.title: job for job in queue.jobs()}
    assert set(before) == {"completed.pdf", "held.pdf", "queued.pdf", "unanswered.pdf"}
    for _ in range(60):
        if all(job.is_final for job in queue.jobs()):
            break
        await elapse(hass, clock, 10)
    after = {job.title: job for job in queue.jobs()}
    assert {title: job.state for title, job in after.items()} == dict.fromkeys(before, "completed")
    assert {title: job.pages_printed for title, job in after.items()} == {
        "completed.pdf": 3,
        "held.pdf": 2,
        "queued.pdf": 2,
        "unanswered.pdf": 1,
    }
    # Three pages were counted before the update.
    assert pages_of(hass) == 3 + 2
    assert simulator.cloud.count("POST /print/job") == 1
    assert [job.name for job in simulator.printed].count("held.pdf") == 1
    for title, job in after.items():
        assert (job.job_id, job.present.token, job.spec.request_id) == (
            before[title].job_id,
            before[title].present.token,
            title,
        )


async def test_its_options_entities_and_counters_stay(
    hass: HomeAssistant, entry: ConfigEntry[Any], simulator: Simulator, clock: Clock
) -> None:
    (written,) = stored("core.config_entries")["entries"]
    assert entry.options == written["options"] == OPTIONS
    assert entry.entry_id == written["entry_id"]
    assert entry.data["webhook_id"] == written["data"]["webhook_id"]
    entities = er.async_get(hass)
    for one in stored("core.entity_registry")["entities"]:
        found = entities.async_get_entity_id(
            one["entity_id"].split(".")[0], DOMAIN, one["unique_id"]
        )
        assert found == one["entity_id"]
        kept = entities.async_get(one["entity_id"])
        assert kept is not None
        assert (kept.id, kept.disabled_by) == (one["id"], one["disabled_by"])
        assert kept.device_id == one["device_id"]
    devices = dr.async_get(hass)
    for device in stored("core.device_registry")["devices"]:
        assert devices.async_get(device["id"]) is not None
    # The one that waited in the cloud may be counted already.
    assert pages_of(hass) in (3, 3 + 2)


async def test_who_asks_again_gets_the_same_job(
    hass: HomeAssistant, entry: ConfigEntry[Any], simulator: Simulator, tmp_path: Path
) -> None:
    """An automation that repeats its request id after the update prints nothing twice."""
    queue = entry.runtime_data.queue
    (done,) = [job for job in queue.jobs() if job.title == "completed.pdf"]
    path = tmp_path / "completed.pdf"
    path.write_bytes(make_pdf(3, "completed.pdf"))
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    devices = stored("core.device_registry")["devices"]
    (laser,) = [one["id"] for one in devices if one["name"] == "Kyocera MA2000w GX"]
    answer = await hass.services.async_call(
        DOMAIN,
        "print",
        {"device_id": laser, "file": str(path), "request_id": "completed.pdf"},
        blocking=True,
        return_response=True,
    )
    jobs: Any = (answer or {})["jobs"]
    assert [job["job_id"] for job in jobs] == [done.job_id]
