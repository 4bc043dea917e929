"""A copy is one thing: its scan ends together with the print that it was for."""

import pytest

from tests.household import House
from tests.scanner.test_scans import do, records
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")


async def test_a_copy_s_end_and_its_print_are_on_disk_together(
    house: House, laser: Printer
) -> None:
    """A power cut between the two would print it again, or never."""
    told: list[str] = []
    house.queue.listen(lambda _job, _old: told.append(records(house)[0].state))
    assert (await do(house, laser, "copy"))["state"] == "completed"
    assert told[0] == "completed"
