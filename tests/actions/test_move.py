"""The action that moves a job to another printer: rights, options, papers, and what comes out where."""

from pathlib import Path
from typing import Any

from homeassistant.auth.permissions.const import CAT_ENTITIES
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError, Unauthorized
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.lianke.actions.move import find_paper
from custom_components.lianke.api.capabilities import Capabilities, Paper
from custom_components.lianke.api.option_resolver import known_papers
from custom_components.lianke.api.papers import STANDARD
from tests.printing import (
    INKJET,
    LABELS,
    LASER,
    OTHER_LASER,
    ask,
    came_out,
    data_of,
    device_of,
    make_media,
    print_one,
    sent,
    show_state,
)
from tests.simulator import Simulator


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Return a media folder with a PDF of three pages."""
    return make_media(hass, tmp_path / "media")


@pytest.fixture
async def ready(reachable: str, setup: MockConfigEntry, media: Path) -> MockConfigEntry:
    """Set everything up; callbacks arrive, so that waiting is short."""
    return setup


async def look(entry: MockConfigEntry) -> None:
    """Let the box be polled."""
    await data_of(entry).coordinator.async_refresh()


async def held(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path, **data: Any
) -> str:
    """Print the menu on the laser, which has no paper; return the job's id."""
    show_state(simulator.box.printer(1), "outOfPaper")
    await look(ready)
    job = await print_one(hass, file=str(media / "菜单.pdf"), **data)
    assert job["state"] == "held"
    return str(job["job_id"])


async def move(
    hass: HomeAssistant, job_id: str, to: str, context: Context | None = None
) -> dict[str, Any]:
    """Move a job to a printer by its name; return the new one."""
    answer = await ask(hass, "move_job", context, job_id=job_id, to_device_id=device_of(hass, to))
    job: dict[str, Any] = answer["job"]
    return job


async def refused(hass: HomeAssistant, job_id: str, to: str) -> str:
    """Try to move a job; return why not."""
    with pytest.raises(ServiceValidationError) as caught:
        await move(hass, job_id, to)
    return str(caught.value.translation_key)


async def test_a_job_comes_out_of_the_printer_that_it_is_moved_to(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    job_id = await held(hass, ready, simulator, media, paper="A5", copies=2)
    job = await move(hass, job_id, INKJET)
    assert (job["printer"], job["moved_from"]) == (INKJET, job_id)
    [document] = await came_out(simulator)
    assert document.options["targetIp"] == simulator.box.network_printer().ip
    assert (document.copies, document.options["dmPaperSize"]) == (2, "11")
    [old] = (await ask(hass, "list_jobs", device_id=device_of(hass)))["jobs"]
    assert (old["state"], old["reason"], old["moved_to"]) == ("canceled", "moved", job["job_id"])
    assert old["message"] == f"This job was moved to {INKJET}."
    events = hass.states.get("event.kyocera_ma2000w_gx_print_job")
    assert events is not None
    assert (events.attributes["event_type"], events.attributes["reason"]) == ("canceled", "moved")
    assert events.attributes["to_printer"] == INKJET


async def test_what_the_other_printer_does_not_have_stays(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    job_id = await held(hass, ready, simulator, media, tray="纸盒 1")
    assert await refused(hass, job_id, INKJET) == "tray_not_available"
    assert await refused(hass, job_id, LASER) == "move_to_itself"
    # No label is as large as a page.
    plain = await held(hass, ready, simulator, media)
    assert await refused(hass, plain, LABELS) == "paper_not_mapped"
    queue = data_of(ready).queue
    assert [queue.get(one).state for one in (job_id, plain)] == ["held", "held"]
    assert sent(simulator) == 0


async def test_a_size_of_ones_own_is_no_paper_of_an_office_printer(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    job_id = await held(hass, ready, simulator, media, paper_width=64, paper_height=44)
    assert await refused(hass, job_id, INKJET) == "paper_not_mapped"
    job = await move(hass, job_id, LABELS)
    assert job["printer"] == LABELS
    [document] = await came_out(simulator)
    assert document.options["dmPaperWidth"] == "640"


async def test_the_paper_is_found_by_its_size(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    """Whatever each driver calls it, and by the name that the user has chosen."""
    job_id = await held(hass, ready, simulator, media, paper="信封 DL")
    job = await move(hass, job_id, INKJET)
    [document] = await came_out(simulator)
    assert document.options["dmPaperSize"] == "27"
    assert data_of(ready).queue.get(job["job_id"]).requested == {"paper": 27}


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
    hass: HomeAssistant,
    ready: MockConfigEntry,
    simulator: Simulator,
    media: Path,
    hass_read_only_user: MockUser,
) -> None:
    job_id = await held(hass, ready, simulator, media)
    context = Context(user_id=hass_read_only_user.id)
    control = {"read": True, "control": True}
    laser, small = "sensor.kyocera_ma2000w_gx", "sensor.hp_laserjet_1020"
    for allowed in ({laser: control}, {small: control}, {laser: control, small: {"read": True}}):
        hass_read_only_user.mock_policy({CAT_ENTITIES: {"entity_ids": allowed}})
        with pytest.raises(Unauthorized):
            await move(hass, job_id, OTHER_LASER, context)
    assert sent(simulator) == 0
    hass_read_only_user.mock_policy(
        {CAT_ENTITIES: {"entity_ids": {laser: control, small: control}}}
    )
    await move(hass, job_id, OTHER_LASER, context)
    [document] = await came_out(simulator)
    assert document.port == 4
