"""The action that moves a job to another printer: rights, options, papers, and what comes out where."""

from typing import Any

from homeassistant.auth.permissions.const import CAT_ENTITIES
from homeassistant.core import Context
from homeassistant.exceptions import Unauthorized
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.lianke.api.capabilities import STANDARD, Capabilities, Paper
from custom_components.lianke.api.options import known_papers
from custom_components.lianke.printing.again import find_paper
from tests.household import INKJET, LABELS, LASER, OTHER_LASER, House, data_of, refusal, show_state

# Callbacks arrive, so that waiting is short.
pytestmark = pytest.mark.usefixtures("reachable")


async def look(entry: MockConfigEntry) -> None:
    """Let the box be polled."""
    await data_of(entry).coordinator.async_refresh()


async def held(house: House, **data: Any) -> str:
    """Print the menu on the laser, which has no paper; return the job's id."""
    show_state(house.box.printer(1), "outOfPaper")
    await look(house.entry)
    job = await house.print_one(file=house.menu, **data)
    assert job["state"] == "held"
    return str(job["job_id"])


async def move(
    house: House, job_id: str, to: str, context: Context | None = None
) -> dict[str, Any]:
    """Move a job to a printer by its name; return the new one."""
    answer = await house.ask("move_job", context, job_id=job_id, to_device_id=house.device(to))
    job: dict[str, Any] = answer["job"]
    return job


async def test_a_job_comes_out_of_the_printer_that_it_is_moved_to(house: House) -> None:
    job_id = await held(house, paper="A5", copies=2)
    job = await move(house, job_id, INKJET)
    assert (job["printer"], job["moved_from"]) == (INKJET, job_id)
    [document] = await house.came_out()
    assert document.options["targetIp"] == house.box.network_printer().ip
    assert (document.copies, document.options["dmPaperSize"]) == (2, "11")
    [old] = (await house.ask("list_jobs", device_id=house.device()))["jobs"]
    assert (old["state"], old["reason"], old["moved_to"]) == ("canceled", "moved", job["job_id"])
    assert old["message"] == f"This job was moved to {INKJET}."
    events = house.hass.states.get("event.kyocera_ma2000w_gx_print_job")
    assert events is not None
    assert (events.attributes["event_type"], events.attributes["reason"]) == ("canceled", "moved")
    assert events.attributes["to_printer"] == INKJET


async def test_what_the_other_printer_does_not_have_stays(house: House) -> None:
    job_id = await held(house, tray="纸盒 1")
    assert await refusal(move(house, job_id, INKJET)) == "tray_not_available"
    assert await refusal(move(house, job_id, LASER)) == "move_to_itself"
    # The card gives the driver's number, which is another thing elsewhere.
    labels = await held(house, media_type=258)
    assert await refusal(move(house, labels, OTHER_LASER)) == "option_not_checkable"
    # No label is as large as a page.
    plain = await held(house)
    assert await refusal(move(house, plain, LABELS)) == "paper_not_mapped"
    queue = house.queue
    assert {queue.get(one).state for one in (job_id, labels, plain)} == {"held"}
    assert house.sent == 0


async def test_a_size_of_ones_own_is_no_paper_of_an_office_printer(house: House) -> None:
    job_id = await held(house, paper_width=64, paper_height=44)
    assert await refusal(move(house, job_id, INKJET)) == "paper_not_mapped"
    job = await move(house, job_id, LABELS)
    assert job["printer"] == LABELS
    [document] = await house.came_out()
    assert document.options["dmPaperWidth"] == "640"


async def test_the_paper_is_found_by_its_size(house: House) -> None:
    """Whatever each driver calls it, and by the name that the user has chosen."""
    job_id = await held(house, paper="信封 DL")
    job = await move(house, job_id, INKJET)
    [document] = await house.came_out()
    assert document.options["dmPaperSize"] == "27"
    assert house.queue.get(job["job_id"]).spec.requested == {"paper": 27}


def test_which_paper_is_the_same() -> None:
    a4 = Paper.of_size(9, "A4", 2100, 2970)
    near = Paper.of_size(70, "A4 (210 x 297)", 2099, 2969)
    borderless = Paper.of_size(71, "A4 borderless", 2100, 2970)
    other = Paper.of_size(72, "Letter", 2159, 2794)
    assert find_paper(a4, [other, borderless, near]) is near
    assert find_paper(a4, [borderless, near, Paper.of_size(9, "A4", 2098, 2970)]).paper_id == 9  # type: ignore[union-attr]
    assert find_paper(borderless, [near, Paper.of_size(5, "A4 无边", 2100, 2970)]).paper_id == 5  # type: ignore[union-attr]
    assert find_paper(a4, [other]) is None
    # Nothing is known of a printer: it may have any standard paper.
    assert known_papers(None, ()) == [*STANDARD]
    assert [one.name for one in known_papers(Capabilities(papers={"A4": 9, "X": 300}), ())] == [
        "A4"
    ]


async def test_both_printers_must_be_the_callers(
    hass_read_only_user: MockUser, house: House
) -> None:
    job_id = await held(house)
    context = Context(user_id=hass_read_only_user.id)
    control = {"read": True, "control": True}
    laser, small = "sensor.kyocera_ma2000w_gx", "sensor.hp_laserjet_1020"
    for allowed in ({laser: control}, {small: control}, {laser: control, small: {"read": True}}):
        hass_read_only_user.mock_policy({CAT_ENTITIES: {"entity_ids": allowed}})
        with pytest.raises(Unauthorized):
            await move(house, job_id, OTHER_LASER, context)
    assert house.sent == 0
    hass_read_only_user.mock_policy(
        {CAT_ENTITIES: {"entity_ids": {laser: control, small: control}}}
    )
    await move(house, job_id, OTHER_LASER, context)
    [document] = await house.came_out()
    assert document.port == 4
