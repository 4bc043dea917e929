"""Job folders written by versions 0.1.0, 0.2.0 and 0.3.0, and their migration into the ledger, cut off anywhere.

`tests/upgrade/0_3_0/states` has a folder for each state. The queue of the released 0.3.0 wrote it, in front of its
simulator; it was copied while the queue ran, as a power cut would leave it, but without the marker that says where the
folder was. `cloud.json` has the cloud's tasks at that moment, `other_jobs` the jobs of the box that a job was moved to,
`boxes` what was known about both boxes. `tests/upgrade/0_1_0/states` and `0_2_0/states` are the same for earlier
versions.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from itertools import count
import json
import os
from pathlib import Path
import shutil
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.documents import spool
from custom_components.lianke.jobs import migration
from custom_components.lianke.jobs.files import ledger_path, old_path
from custom_components.lianke.jobs.job import Job
from custom_components.lianke.jobs.opening import async_close_ledger, async_get_ledger
from custom_components.lianke.ledger_file import DATABASE_NAME, LedgerFile
from tests.clock import Clock
from tests.jobs.conftest import OpenShop, Shop
from tests.jobs.cut_off import Snapshots
from tests.ledgers import rows
from tests.simulator import Simulator
from tests.upgrade.cloud import remember

WRITTEN = Path(__file__).parents[1] / "upgrade"


type Written = Callable[..., AbstractAsyncContextManager[tuple[Shop, Job]]]


def folder_of(name: str) -> Path:
    """Return the folder of a state; the state's name begins with the version unless that is 0.2.0."""
    version, _, state = name.rpartition(" ")
    return WRITTEN / (version or "0_2_0") / "states" / state


def records(name: str) -> list[dict[str, Any]]:
    found = [
        json.loads(path.read_text("utf-8")) for path in folder_of(name).glob("jobs/*/job.json")
    ]
    return sorted(found, key=lambda record: str(record["created_at"]))


def lay_out(hass: HomeAssistant, *names: str) -> None:
    """Put the folders of some states where the old version had them; the other box may have no jobs."""
    for jobs, entry_id in (("jobs", "test_entry"), ("other_jobs", "test_entry_1")):
        old_path(hass, entry_id).unlink(missing_ok=True)
        old_path(hass, entry_id).mkdir(mode=0o700, parents=True)
        for name in names:
            if (folder := folder_of(name) / jobs).is_dir():
                shutil.copytree(folder, old_path(hass, entry_id), dirs_exist_ok=True)


STATES = sorted(
    f"{path.parents[2].name} {path.parent.name}" for path in WRITTEN.glob("*/states/*/jobs")
)


# Methods of Path that change the disk during a migration; the ledger's own writes are watched separately.
STEPS = ("mkdir", "rename", "rmdir", "touch", "unlink")


# Files that record where the ledger's folder is: their content differs for every folder that is made.
PLACES = {DATABASE_NAME, f"{DATABASE_NAME}-wal", "ledger.count"}


async def taken_in(hass: HomeAssistant) -> dict[str, Any]:
    """Open the ledger as the first box does, and close it; return everything that is on disk then (see `look`)."""
    tokens = (f"token {number}" for number in count())
    with patch.object(migration, "new_token", lambda: next(tokens)):
        await async_get_ledger(hass)
    await async_close_ledger(hass)
    return await hass.async_add_executor_job(look, ledger_path(hass))


def look(root: Path) -> dict[str, Any]:
    """Return the records of a ledger, and all files beside it with their content."""
    # The ledger has put no damaged files aside.
    assert not [*root.parent.glob("damaged-*")]
    found: dict[str, Any] = {
        f"{kind} {box}": rows(root, kind, box)
        for kind in ("job", "task")
        for box in ("test_entry", "test_entry_1")
    }
    for path in sorted(root.parent.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(root.parent))
            found[name] = "" if path.name in PLACES else path.read_bytes()
    return found


@contextmanager
def cut_off_anywhere(hass: HomeAssistant, folder: Path) -> Iterator[Snapshots]:
    """Take a snapshot of the folder before each step that changes it, and after the last step."""
    root = ledger_path(hass).parent
    taken = Snapshots(root, folder)

    def before(work: Callable[..., Any]) -> Callable[..., Any]:
        def step(path: Path, *args: Any, **more: Any) -> Any:
            if path.is_relative_to(root):
                taken.take()
            return work(path, *args, **more)

        return step

    with (
        ExitStack() as steps,
        patch.object(migration, "flush_to_disk", taken.before(spool.flush_to_disk)),
        patch.object(LedgerFile, "write", taken.before(LedgerFile.write)),
        # Between the transaction and `ledger.count`.
        patch("os.pwrite", taken.before(os.pwrite)),
    ):
        for name in STEPS:
            steps.enter_context(patch.object(Path, name, before(getattr(Path, name))))
        yield taken
    taken.take()


def together() -> list[list[str]]:
    """Return all states in groups: the states of a group are of one version and fit into one folder together."""
    groups: list[tuple[str, set[str], list[str]]] = []
    for name in STATES:
        version, folder = name.partition(" ")[0], folder_of(name)
        paths = {str(path.relative_to(folder)) for path in folder.glob("*jobs/*")}
        for of, known, names in groups:
            if of == version and not known & paths:
                known.update(paths)
                names.append(name)
                break
        else:
            groups.append((version, paths, [name]))
    return [names for _, _, names in groups]


@pytest.fixture
def entries(hass: HomeAssistant, sim: Simulator, tmp_path: Path) -> list[MockConfigEntry]:
    """Add the config entries of both boxes, which Home Assistant knows before it sets up the first box."""
    hass.config.config_dir = str(tmp_path / "config")
    found = []
    for number, box in enumerate([*sim.cloud.boxes.values()][:2]):
        entry = MockConfigEntry(
            domain=DOMAIN,
            title="Box",
            data={"device_id": box.device_id, "webhook_id": "test_webhook"},
            entry_id=f"test_entry_{number}" if number else "test_entry",
        )
        entry.add_to_hass(hass)
        found.append(entry)
    return found


@pytest.fixture
def written(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    clock: Clock,
    sim: Simulator,
    open_shop: OpenShop,
    entries: list[MockConfigEntry],
) -> Written:
    """Return a function that opens the shop on an older version's folder and yields it with the folder's newest job."""

    @asynccontextmanager
    async def opener(name: str, **options: Any) -> AsyncIterator[tuple[Shop, Job]]:
        folder = folder_of(name)
        for path in (folder.parent / "boxes").iterdir():
            hass_storage[path.stem] = json.loads(path.read_text("utf-8"))
        cloud = json.loads((folder / "cloud.json").read_text("utf-8"))
        clock.tick(datetime.fromtimestamp(cloud["now"], UTC) - dt_util.utcnow())
        if not old_path(hass, "test_entry").exists():
            lay_out(hass, name)
        remember(sim, sim.box, cloud["tasks"])
        hass.config_entries.async_update_entry(entries[0], options=options)
        async with open_shop(entry=entries[0]) as shop:
            yield shop, shop.queue.jobs()[0]

    return opener
