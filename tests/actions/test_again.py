"""The action that prints a kept document again, with other options than before."""

from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.printing import INKJET, ask, came_out, device_of, make_media, print_one, sent
from tests.simulator import Outcome, Simulator


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Return a media folder with a PDF of three pages."""
    return make_media(hass, tmp_path / "media")


@pytest.fixture
async def ready(reachable: str, setup: MockConfigEntry, media: Path) -> MockConfigEntry:
    """Set everything up; callbacks arrive, so that waiting is short."""
    return setup


async def failed(hass: HomeAssistant, simulator: Simulator, media: Path, **data: Any) -> str:
    """Print the menu, which fails, and return the job's id."""
    simulator.cloud.plan(simulator.box.printer(1), Outcome(code=502, msg="x"))
    job = await print_one(hass, file=str(media / "菜单.pdf"), **data)
    assert job["state"] == "failed"
    return str(job["job_id"])


async def retry(hass: HomeAssistant, job_id: str, **data: Any) -> dict[str, Any]:
    """Print a job again and return the new one."""
    job: dict[str, Any] = (await ask(hass, "retry_job", job_id=job_id, **data))["job"]
    return job


async def test_options_are_changed_before_a_failed_job_is_printed_again(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    job_id = await failed(hass, simulator, media, paper="A5", copies=3, duplex="long_edge")
    await retry(hass, job_id, copies=1, pages="2-3")
    [document] = await came_out(simulator)
    assert document.copies == 1
    assert document.options["jpPageRange"] == "2-3"
    # What the call does not name stays as it was.
    assert (document.options["dmPaperSize"], document.options["dmDuplex"]) == ("11", "2")


async def test_another_paper_takes_the_place_of_a_size(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    job_id = await failed(hass, simulator, media, paper_width=60, paper_height=40)
    await retry(hass, job_id, paper="A5")
    [document] = await came_out(simulator)
    assert document.options["dmPaperSize"] == "11"
    assert "dmPaperWidth" not in document.options


async def test_options_that_the_printer_does_not_have_print_nothing(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    job_id = await failed(hass, simulator, media)
    before = sent(simulator)
    for wrong in ({"tray": "no such tray"}, {"pages": "7-9"}, {"copies": 99}):
        with pytest.raises(ServiceValidationError):
            await retry(hass, job_id, **wrong)
    assert sent(simulator) == before
    # None of that was the one retry that a job has.
    await retry(hass, job_id)
    await came_out(simulator)


async def test_options_are_changed_for_another_printer(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    job_id = await failed(hass, simulator, media, paper="A5", tray="纸盒 1")
    job = await retry(hass, job_id, to_device_id=device_of(hass, INKJET), tray="后进纸器", copies=2)
    assert job["printer"] == INKJET
    [document] = await came_out(simulator)
    assert (document.copies, document.options["dmPaperSize"]) == (2, "11")


async def test_sheets_keep_their_layout(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    job_id = await failed(hass, simulator, media, sheet="2_up")
    before = sent(simulator)
    for wrong in ({"scale": "fill"}, {"orientation": "portrait"}, {"auto_rotate": True}):
        with pytest.raises(ServiceValidationError) as refused:
            await retry(hass, job_id, **wrong)
        assert refused.value.translation_key == "sheets_are_laid_out"
    assert sent(simulator) == before
    await retry(hass, job_id, copies=2, pages="2")
    [document] = await came_out(simulator)
    assert (document.copies, document.options["jpPageRange"]) == (2, "2")
    assert document.options["jpScale"] == "fit"


async def test_a_printed_job_is_printed_again_otherwise(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    hass.config_entries.async_update_entry(ready, options={"keep_printed_hours": 1})
    job = await print_one(hass, file=str(media / "菜单.pdf"), copies=2)
    assert job["state"] == "completed"
    queue = ready.runtime_data.queue
    while not queue.get(job["job_id"]).can_print_again:  # the clean-up after a job's end sets it
        await hass.async_block_till_done(wait_background_tasks=True)
        await ready.runtime_data.queue._scheduler._async_clean_up(
            queue.get(job["job_id"]).changed_at
        )
    [listed] = (await ask(hass, "list_jobs", device_id=device_of(hass)))["jobs"]
    assert (listed["can_retry"], listed["can_print_again"]) == (False, True)
    again = await retry(hass, job["job_id"], copies=1)
    assert again["copies"] == 1
    assert [one.copies for one in await came_out(simulator, 2)] == [2, 1]


async def test_raw_data_has_no_options_to_change(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator
) -> None:
    simulator.cloud.plan(simulator.box.printer(1), Outcome(code=502, msg="x"))
    job = await print_one(hass, text="x", raw=True)
    with pytest.raises(ServiceValidationError) as refused:
        await retry(hass, job["job_id"], copies=2)
    assert refused.value.translation_key == "raw_refuses_options"
