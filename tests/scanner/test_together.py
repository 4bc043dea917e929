"""A copy is one thing: its scan ends together with the print that it was for."""

from homeassistant.config_entries import ConfigEntryState
import pytest

from custom_components.lianke.scanner import copies
from custom_components.lianke.scanner.scan_job import ScanState
from tests.clock import rest, until
from tests.household import House
from tests.scanner.scans import do, last, over, printer, records, under_way
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")


async def test_a_copy_s_end_and_its_print_are_on_disk_together(
    house: House, laser: Printer
) -> None:
    """A power cut between the two would print it again, or never."""
    told: list[str] = []
    house.queue.listen(lambda _job, _old: told.append(last(house).state))
    assert (await do(house, laser, "copy"))["state"] == "completed"
    assert told[0] == "completed"


async def copy_without_its_box(house: House, laser: Printer, other: House) -> None:
    """Begin a copy for another box, which is gone once the page is scanned."""
    house.cloud.variants.update(scan_seconds=100.0)
    await do(house, laser, "copy", printer=printer(other), size="A4", wait=False)
    await under_way(house)
    await house.hass.config_entries.async_unload(other.entry.entry_id)
    await until(lambda: last(house).files)
    assert len(laser.scanned) == 1


async def test_a_copy_waits_for_the_box_of_its_printer(
    house: House, laser: Printer, other: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a start it may be set up later than the scanner's."""
    monkeypatch.setattr(copies, "BOX_SECONDS", 10**6)
    await copy_without_its_box(house, laser, other)
    await rest(house.hass)
    assert (last(house).state, house.printed) == (ScanState.FINISHING, [])
    assert await house.hass.config_entries.async_setup(other.entry.entry_id)
    [paper] = await house.came_out()
    assert paper.device_id == other.entry.unique_id
    await over(house)
    assert (last(house).state, last(house).reason) == ("completed", None)


async def test_a_copy_whose_box_is_never_set_up_is_told_why(
    house: House, laser: Printer, other: House
) -> None:
    await copy_without_its_box(house, laser, other)
    began = house.hass.loop.time()
    await over(house)
    assert other.entry.state is ConfigEntryState.NOT_LOADED
    [job] = records(house)
    assert (job.state, job.reason, job.print_jobs) == ("failed", "scan_not_printed", ())
    assert "Home box" in job.detail
    assert house.hass.loop.time() - began >= copies.BOX_SECONDS / 2
    # What was scanned is kept, and comes out by hand.
    assert len(job.files) == 1
    assert house.printed == []
