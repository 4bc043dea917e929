"""What a print leaves on Home Assistant's page *Activity* where a box is new: begun by whom, and how it ended.

A job that waits has a line more for each wait: it says that somebody has to do something, and what they did follows.
"""

from functools import partial
from typing import Any

from homeassistant.auth.models import User
from homeassistant.core import Context
from homeassistant.helpers import entity_registry as er
from homeassistant.util import slugify
import pytest

from tests.activity import Activity, Line
from tests.clock import Clock, rest, until
from tests.household import INKJET, LASER, House, show_state
from tests.lan.conftest import LanPrinter, lan, offer
from tests.people.conftest import anna, boss
from tests.printing.conftest import house
from tests.simulator import Outcome

__all__ = ["anna", "boss", "house", "lan", "offer"]

pytestmark = pytest.mark.timeout(180)
EVENT = "event.job"
# What a printer says of itself when it is switched off, and on again, whether something is to be printed or not.
SWITCHED = {
    "sensor.status",
    "button.reset_error_limit",
    *(f"binary_sensor.{name}" for name in ("cover", "ink", "paper", "paper_jam")),
}


@pytest.fixture
async def activity(hurried: None, reachable: str, house: House) -> Activity:
    """Look at the page once it is known how the printers are, with callbacks."""
    await house.poll()
    return Activity(house.hass)


async def ended(house: House, job_id: str) -> None:
    """Wait until a job is over, and whoever shows it has heard of it."""
    await until(lambda: house.queue.get(job_id).is_final)
    await rest(house.hass)


async def waiting(activity: Activity, house: House) -> dict[str, Any]:
    """Print on the laser, which has run out of paper, and return the job."""
    show_state(house.box.printer(1), "outOfPaper")
    status = f"sensor.{slugify(LASER)}"
    await until(lambda: house.hass.states.is_state(status, "out_of_paper"))
    activity.take()
    job = await house.print_one(file=house.menu, wait=False)
    await until(
        lambda: house.queue.get(job["job_id"]).current_delivery.hold_reason == "out_of_paper"
    )
    return job


async def test_two_lines_a_print(activity: Activity, anna: User, house: House) -> None:
    """Also where it fails or is canceled; each says who asked."""
    asked = Context(user_id=anna.id)

    async def printed(**data: str) -> list[Line]:
        await house.ask(
            "print", asked, device_id=house.device(), file=house.menu, wait=True, **data
        )
        await rest(house.hass)
        return [line for line in activity.take() if line.entity != "sensor.status"]

    queued = Line(EVENT, "queued", anna.id)
    assert await printed() == [queued, Line(EVENT, "completed", anna.id)]
    assert await printed(title="Biopsy") == [queued, Line(EVENT, "completed", anna.id)]
    house.cloud.plan(house.box.printer(1), Outcome(code=502))
    assert await printed() == [queued, Line(EVENT, "failed", anna.id)]


async def test_two_lines_of_a_print_that_is_canceled(activity: Activity, house: House) -> None:
    job = await waiting(activity, house)
    await house.ask("cancel_job", job_id=job["job_id"], device_id=house.device())
    await ended(house, job["job_id"])
    assert activity.said(EVENT) == ["held", "canceled"]


async def test_one_line_more_where_a_job_waits_for_its_printer(
    activity: Activity, house: House
) -> None:
    printer = house.box.printer(1)
    printer.on = False
    await house.poll()
    assert {line.entity for line in activity.take()} == SWITCHED
    job = await house.print_one(file=house.menu, wait=False)
    await until(
        lambda: house.queue.get(job["job_id"]).current_delivery.hold_reason == "disconnected"
    )
    assert activity.said(EVENT) == ["held"]
    printer.on = True
    await house.poll()
    await ended(house, job["job_id"])
    lines = activity.take()
    assert [line.says for line in lines if line.entity == EVENT] == ["queued", "completed"]
    assert {line.entity for line in lines} <= {EVENT} | SWITCHED


async def test_one_line_more_for_each_answer_of_a_person(
    activity: Activity, anna: User, boss: User, house: House
) -> None:
    house.set_options({"approval_users": [anna.id]})

    async def asked(**data: str) -> str:
        answer = await house.ask(
            "print", Context(user_id=anna.id), device_id=house.device(), file=house.menu, **data
        )
        return str(answer["jobs"][0]["job_id"])

    # Approved, and rejected.
    job_id = await asked()
    await house.ask("continue_job", Context(user_id=boss.id), job_id=job_id)
    await ended(house, job_id)
    assert activity.said(EVENT) == ["held", "queued", "completed"]
    job_id = await asked()
    await house.ask("reject_job", Context(user_id=boss.id), job_id=job_id)
    await ended(house, job_id)
    assert activity.said(EVENT) == ["held", "canceled"]
    # Approved, and released with a code at the printer.
    job_id = await asked(release_code="4711")
    await house.ask("continue_job", Context(user_id=boss.id), job_id=job_id)
    released: dict[str, Any] = {"reason": "release", "code": "4711"}
    await house.ask("continue_job", Context(user_id=anna.id), job_id=job_id, **released)
    await ended(house, job_id)
    assert activity.said(EVENT) == ["held", "held", "queued", "completed"]
    # Released alone.
    house.set_options({})
    job_id = await asked(release_code="4711")
    await house.ask("continue_job", Context(user_id=anna.id), job_id=job_id, **released)
    await ended(house, job_id)
    assert activity.said(EVENT) == ["held", "queued", "completed"]


async def test_two_lines_at_each_printer_of_a_job_that_is_moved(
    activity: Activity, house: House
) -> None:
    job = await waiting(activity, house)
    to: dict[str, Any] = {"to_device_id": house.device(INKJET)}
    moved = (await house.ask("move_job", job_id=job["job_id"], **to))["job"]
    await ended(house, moved["job_id"])
    assert sorted(activity.said(EVENT)) == sorted(["held", "canceled", "queued", "completed"])


async def test_one_line_more_where_paper_is_to_be_turned(activity: Activity, house: House) -> None:
    """Waits for the paper; each half is sent to the cloud."""
    job = await house.print_one(file=house.menu, duplex="manual_long_edge")
    assert job["hold_reason"] == "turn_paper"
    assert activity.said(EVENT) == ["queued", "held"]
    await house.ask("continue_job", job_id=job["job_id"], reason="turn_paper")
    await ended(house, job["job_id"])
    assert activity.said(EVENT) == ["queued", "completed"]


async def test_a_push_leaves_no_line(activity: Activity, house: House) -> None:
    """The cloud tells of each print, and of much else."""
    account = house.box.account
    assert account
    account.push_url = house.data.account.address
    for event in ("printer_status", "job_done"):
        assert await house.cloud.messenger.push(account, house.box.device_id, event) == 200
    await until(lambda: house.data.storage.last_push_at is not None)
    await rest(house.hass)
    assert activity.take() == []


@pytest.mark.usefixtures("hurried")
async def test_two_lines_of_a_print_by_a_phone(lan: LanPrinter) -> None:
    await lan.data.coordinator.async_refresh()
    await rest(lan.hass)
    activity = Activity(lan.hass)
    number = await lan.print()
    await lan.ended(number)
    await rest(lan.hass)
    assert activity.said(EVENT) == ["queued", "completed"]


async def test_a_printer_that_is_seen_at_work_says_so_itself(
    clock: Clock, reachable: str, house: House
) -> None:
    """Two lines of its main entity, which rights, assistants, conditions and its history need."""
    await house.poll()
    activity = Activity(house.hass)
    show_state(house.box.printer(1), "printing")
    await house.poll()
    show_state(house.box.printer(1), "idle")
    await house.poll()
    assert [(one.entity, one.says) for one in activity.take()] == [
        ("sensor.status", "printing"),
        ("sensor.status", "idle"),
    ]


async def test_entities_that_write_too_much_stay_on_boxes_of_before(house: House) -> None:
    """A new box has them disabled; those that are enabled stay so, and go on."""
    registry = er.async_get(house.hass)
    ids = ("kyocera_ma2000w_gx_hold_reason", "office_box_last_push_received")
    for entity_id in map("sensor.{}".format, ids):
        found = registry.async_get(entity_id)
        assert found is not None
        assert found.disabled_by is er.RegistryEntryDisabler.INTEGRATION
        assert house.hass.states.get(entity_id) is None
        registry.async_update_entity(entity_id, disabled_by=None)
    await house.hass.config_entries.async_reload(house.entry.entry_id)
    await rest(house.hass)
    await house.switch_off()
    await house.print_one(file=house.menu, wait=False)
    await until(
        partial(house.hass.states.is_state, "sensor.kyocera_ma2000w_gx_hold_reason", "box_offline")
    )
    assert house.hass.states.get("sensor.office_box_last_push_received") is not None
