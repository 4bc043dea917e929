"""Scans and copies that 0.3.0 wrote: each is taken into the ledger, and goes on as it would have.

`tests/upgrade/0_3_0/scans` has the folder of scans, and that of jobs, right after each write of their records: of a
scan of two pages, a copy, and a feeder that jams. They were written by the released 0.3.0 in front of its simulator,
which drew rough pages.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
import json
from pathlib import Path
import shutil
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.jobs.files import ledger_path, old_path
from custom_components.lianke.jobs.opening import async_close_ledger, async_get_ledger
from custom_components.lianke.ledger import Table
from custom_components.lianke.ledger_file import LedgerFile, Row
from custom_components.lianke.scanner.scan_files import async_migrate_scan_records, scans_path
from custom_components.lianke.scanner.scan_job import SCANS_KIND, ScanJob, ScanState
from tests.clock import Clock, until
from tests.conftest import set_up
from tests.household import LASER, House, came_out, key_of
from tests.jobs.old_folders import cut_off_anywhere
from tests.ledgers import rows
from tests.scanner.scans import do, last, pages_of, printer, records, say
from tests.simulator.models import Printer

WRITTEN = Path(__file__).parents[1] / "upgrade" / "0_3_0" / "scans"
ENTRY = "test_entry"
STATES = sorted(path.name for path in WRITTEN.iterdir())

type Written = Callable[..., Awaitable[ScanJob]]


def lay_out(name: str, part: str, target: Path, **said: object) -> None:
    """Put a folder of a state where 0.3.0 had it; what this house calls otherwise has its name here."""
    if not (folder := WRITTEN / name / part).is_dir():
        return
    if target.is_file():
        target.unlink()
    shutil.copytree(folder, target, dirs_exist_ok=True)
    for path in folder.glob("*/*.json"):
        record = json.loads(path.read_text("utf-8"))
        for block in (record, record.get("printing") or {}, record.get("spec") or {}):
            block |= {key: said[key] for key in block.keys() & said.keys()}
        (target / path.relative_to(folder)).write_text(json.dumps(record), "utf-8")


@pytest.fixture
def written(house: House, laser: Printer, clock: Clock) -> Written:
    """Set the box up on the scans of one state, and the jobs of that or another one; return the scan."""

    async def opener(name: str, jobs_of: str | None = None) -> ScanJob:
        hass, entry_id = house.hass, house.entry.entry_id
        said = {
            "scanner_id": str(laser.id),
            "device_id": printer(house),
            "printer_key": key_of(house.entry, LASER),
        }
        await hass.config_entries.async_unload(entry_id)
        await async_close_ledger(hass)
        shutil.rmtree(ledger_path(hass))
        lay_out(name, "scans", scans_path(hass, entry_id), **said)
        lay_out(jobs_of or name, "jobs", old_path(hass, entry_id), **said)
        left = json.loads((WRITTEN / name / "house.json").read_text("utf-8"))["now"]
        clock.tick(datetime.fromtimestamp(left + 600, UTC) - dt_util.utcnow())
        assert await set_up(hass, house.entry)
        await until(lambda: records(house))
        (job,) = records(house)
        return job

    return opener


async def ended(house: House) -> ScanJob:
    """Return the scan once it is over, or waits for somebody."""
    await until(lambda: last(house).is_final or last(house).is_waiting)
    (job,) = records(house)
    return job


# What becomes of some of them by itself, why, and of how many pages. A scan without a page is the same in all three.
ENDS = {
    "copy_02_scanning_asked_task": ("failed", "scan_lost", 0),
    "copy_03_finishing": ("completed", None, 1),
    "copy_04_finishing": ("completed", None, 1),
    "copy_05_completed": ("completed", None, 1),
    "feeder_03_finishing": ("failed", "scan_failed", 1),
    "feeder_05_failed": ("failed", "scan_failed", 1),
    "pages_00_scanning": ("failed", "scan_not_begun", 0),
    "pages_01_scanning_asked": ("failed", "scan_in_doubt", 0),
    "pages_03_waiting": ("waiting", None, 1),
    "pages_04_scanning": ("waiting", "scan_not_begun", 1),
    "pages_05_scanning_asked": ("waiting", "scan_in_doubt", 1),
    "pages_06_scanning_asked_task": ("waiting", "scan_lost", 1),
    "pages_07_waiting": ("waiting", None, 2),
    "pages_08_finishing": ("completed", None, 2),
    "pages_10_completed": ("completed", None, 2),
}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("name", ENDS)
async def test_it_goes_on(house: House, laser: Printer, written: Written, name: str) -> None:
    """Nothing is scanned again, since nobody knows whether the paper still lies there; a copy is printed once."""
    state, reason, pages = ENDS[name]
    before = await written(name)
    scan = await ended(house)
    assert (scan.state, scan.reason, len(scan.pages)) == (state, reason, pages)
    if scan.is_waiting:
        await say(house, laser, "finish")
        scan = await ended(house)
        assert scan.state is ScanState.COMPLETED
    assert (scan.job_id, scan.created_at) == (before.job_id, before.created_at)
    root = scans_path(house.hass, house.entry.entry_id)
    assert sum(len(pages_of(root / scan.job_id / name)) for name in scan.files) == pages
    assert not [*root.rglob("scan.json")]
    is_printed = bool(scan.printing) and scan.state is ScanState.COMPLETED
    assert len(scan.print_jobs) == is_printed
    assert [job.job_id for job in house.entry.runtime_data.queue.jobs()] == [*scan.print_jobs]
    await came_out(house.simulator, int(is_printed))
    assert not laser.scanned


async def test_a_copy_that_was_killed_before_it_knew_of_its_print(
    house: House, laser: Printer, written: Written
) -> None:
    await written("copy_04_finishing", jobs_of="copy_05_completed")
    scan = await ended(house)
    (job,) = house.entry.runtime_data.queue.jobs()
    assert scan.print_jobs == (job.job_id,)
    await came_out(house.simulator, 1)
    assert not laser.scanned


async def taken_in(hass: HomeAssistant) -> dict[str, Any]:
    """Take the scans in as a box that is set up does, and return all that is there then."""
    ledger, table = await async_get_ledger(hass), Table(SCANS_KIND, ENTRY)
    await ledger.async_load(table)
    try:
        await async_migrate_scan_records(hass, ledger, table, scans_path(hass, ENTRY))
    finally:
        await async_close_ledger(hass)
    return await hass.async_add_executor_job(look, hass)


def look(hass: HomeAssistant) -> dict[str, Any]:
    """Return the records of scans in the ledger, and the files; blocks."""
    root = scans_path(hass, ENTRY)
    return {
        "records": rows(ledger_path(hass), SCANS_KIND.name, ENTRY),
        **{
            str(path.relative_to(root)): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file()
        },
    }


@pytest.fixture
def here(hass: HomeAssistant, tmp_path: Path) -> HomeAssistant:
    """Return Home Assistant with a folder of its own, and a box that is not set up."""
    hass.config.config_dir = str(tmp_path / "config")
    entry = MockConfigEntry(domain=DOMAIN, entry_id=ENTRY, data={"api_key": "nowhere in a log"})
    entry.add_to_hass(hass)
    return hass


async def test_it_is_taken_in_as_if_it_had_not_been_cut_off(
    here: HomeAssistant, clock: Clock, tmp_path: Path
) -> None:
    """Every state, at each step."""
    root = ledger_path(here).parent
    for name in STATES:
        lay_out(name, "scans", scans_path(here, ENTRY))
        (record,) = scans_path(here, ENTRY).rglob("scan.json")
        scan = json.loads(record.read_text("utf-8"))
        files = {path.name for path in record.parent.iterdir()} - {record.name}
        with cut_off_anywhere(here, tmp_path / name) as taken:
            whole = await taken_in(here)
        (kept,) = whole["records"]
        # Fields that 0.3.0 did not have are new in the request, too.
        scan["request"] = kept["request"] | scan["request"]
        assert kept.items() >= scan.items()
        assert {Path(path).name for path in whole.keys() - {"records"}} == files
        # Before the row, before its count, before the record of before is deleted, and after that.
        assert taken.count >= 4
        for number in range(taken.count):
            taken.restore(number)
            assert await taken_in(here) == whole, (name, number)
        shutil.rmtree(root)


async def test_a_record_that_cannot_be_deleted_keeps_its_box_from_starting(
    here: HomeAssistant, clock: Clock
) -> None:
    """Once its row was forgotten, it would be taken in and copied again."""
    lay_out("copy_03_finishing", "scans", scans_path(here, ENTRY))
    unlink = Path.unlink

    def refuse(path: Path, *args: Any, **more: Any) -> None:
        if path.name == "scan.json":
            raise PermissionError("not yours")
        unlink(path, *args, **more)

    with patch.object(Path, "unlink", refuse), pytest.raises(PermissionError):
        await taken_in(here)
    whole = await taken_in(here)
    assert len(whole["records"]) == 1
    assert not [path for path in whole if path.endswith("scan.json")]


async def test_what_cannot_be_read_is_set_aside_and_takes_no_space(
    house: House, laser: Printer, written: Written, caplog: pytest.LogCaptureFixture
) -> None:
    """K8: it counted against the space for scans and drove out readable ones, and lay there for ever."""
    root = scans_path(house.hass, house.entry.entry_id)
    for number in range(12):
        (folder := root / f"bad{number:02}").mkdir(parents=True)
        (folder / "scan.json").write_text("{" if number else " " * 300_000)
        with (folder / "page-0001.jpg").open("wb") as page:
            page.truncate(2**30)
    kept = await written("pages_10_completed")
    aside = {f"damaged-bad{number:02}" for number in range(2, 12)}
    assert {path.name for path in root.iterdir()} == {kept.job_id, *aside}
    assert caplog.text.count("cannot be read and is set aside") == 12
    answer = await do(house, laser)
    assert [scan.job_id for scan in records(house)] == [answer["scan_id"], kept.job_id]
    # They stay over a start, and go with their box.
    await house.hass.config_entries.async_reload(house.entry.entry_id)
    assert {path.name for path in root.iterdir()} == {answer["scan_id"], kept.job_id, *aside}
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    assert not root.exists()


async def test_what_a_later_version_wrote_waits_for_it_with_its_pages(
    house: House, laser: Printer, written: Written
) -> None:
    scan = await written("pages_10_completed")
    root = scans_path(house.hass, house.entry.entry_id)
    files = {path.name for path in (root / scan.job_id).iterdir()}
    for old, new, known in (("state", "status", []), ("status", "state", [scan])):
        await house.hass.config_entries.async_unload(house.entry.entry_id)
        await async_close_ledger(house.hass)
        await house.hass.async_add_executor_job(rename_field, house.hass, old, new)
        assert await set_up(house.hass, house.entry)
        assert records(house) == known
        assert {path.name for path in (root / scan.job_id).iterdir()} == files


def rename_field(hass: HomeAssistant, old: str, new: str) -> None:
    """Let a field of all scans have another name; blocks."""
    file = LedgerFile(ledger_path(hass))
    changed = {
        key: Row(text.replace(f'"{old}":', f'"{new}":'), is_staged=False)
        for key, text in file.open()
        if key.kind == SCANS_KIND.name
    }
    file.write(changed)
    file.close()
