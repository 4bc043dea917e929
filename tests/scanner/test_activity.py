"""What a scan leaves on Home Assistant's page *Activity* where a box is new: who scanned, and how it ended.

Its scanner's main entity adds that it is busy, and that it is not: Home Assistant always writes that.
"""

from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.core import Context
import pytest

from custom_components.lianke.scanner.hub import scanner_device
from tests.activity import Activity, Line
from tests.clock import rest, until
from tests.household import House
from tests.simulator.models import Printer

pytestmark = [pytest.mark.usefixtures("hurried", "hub"), pytest.mark.timeout(120)]

STATUS = "sensor.scanner_status"


async def test_one_line_a_scan(house: House, laser: Printer) -> None:
    await house.poll()
    activity = Activity(house.hass)
    user = await house.hass.auth.async_create_user("Anna", group_ids=[GROUP_ID_ADMIN])
    device = scanner_device(house.hass, house.entry, str(laser.id))
    assert device is not None

    async def do(action: str, **data: Any) -> None:
        await house.ask(action, Context(user_id=user.id), device_id=device.id, **data)
        await rest(house.hass)

    def said() -> tuple[list[str], list[Line]]:
        """Return what the scanner's status says, and the other lines."""
        lines = [line for line in activity.take() if line.entity != "sensor.status"]
        busy = [line.says for line in lines if line.entity == STATUS]
        return busy, [line for line in lines if line.entity != STATUS]

    result = Line("event.scan", "completed", user.id)
    await do("scan", size="A4")
    assert said() == (["scanning", "idle"], [result])
    # However many pages: the status says each time that it waits for one.
    await do("scan", size="A4", several_pages=True)
    await do("continue_scan", answer="next")
    await do("continue_scan", answer="finish")
    busy, others = said()
    assert others == [result]
    assert busy == ["scanning", "waiting", "scanning", "waiting", "scanning", "idle"]
    # A copy is a scan and a print.
    await do("copy", size="A4")
    await until(lambda: all(job.is_final for job in house.queue.jobs()))
    await rest(house.hass)
    _, others = said()
    assert others == [
        result,
        Line("event.job", "queued", user.id),
        Line("event.job", "completed", user.id),
    ]
    house.cloud.variants.update(scan_problem="jam")
    await do("scan", size="A4", source="feeder")
    _, others = said()
    assert others == [Line("event.scan", "failed", user.id)]
