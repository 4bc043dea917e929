"""Scans whose records a damaged ledger has lost."""

from contextlib import closing
import sqlite3

import pytest

from custom_components.lianke.jobs.files import ledger_path
from custom_components.lianke.jobs.opening import async_close_ledger, async_get_ledger
from custom_components.lianke.ledger_file import DATABASE_NAME
from custom_components.lianke.scanner.scan_files import scans_path
from tests.conftest import set_up
from tests.household import House
from tests.scanner.scans import do, records
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")


async def test_pages_that_no_record_names_any_more_are_set_aside(
    house: House, laser: Printer
) -> None:
    """They may be all that there is of a paper; the next start does not delete them either."""
    for page in ("one", "two"):
        laser.glass = page
        await do(house, laser)
    lost, kept = (job.job_id for job in records(house))
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    await async_close_ledger(house.hass)
    path = ledger_path(house.hass) / DATABASE_NAME
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE record SET digest = '' WHERE id = ?", (lost,))
    root = scans_path(house.hass, house.entry.entry_id)
    files = {file.name for file in (root / lost).iterdir()}
    assert files
    assert await set_up(house.hass, house.entry)
    aside = (await async_get_ledger(house.hass)).damaged_folder
    assert aside is not None
    for _ in range(2):
        assert [job.job_id for job in records(house)] == [kept]
        assert {path.name for path in (aside / root.name / lost).iterdir()} == files
        assert {path.name for path in root.iterdir()} == {kept}
        await house.hass.config_entries.async_unload(house.entry.entry_id)
        await async_close_ledger(house.hass)
        assert await set_up(house.hass, house.entry)
