"""The blueprint that hands a scan on into a folder, the manual's script that takes one, and sending again."""

from datetime import timedelta
from pathlib import Path
import shutil
from typing import Any

from homeassistant.exceptions import ServiceValidationError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest

from custom_components.lianke.scanner.scan_jobs import async_get_scan_jobs
from tests.clock import Clock, hurrying, until
from tests.flows.automations import notices, press, trigger, use
from tests.household import House
from tests.manual import LANGUAGES, examples
from tests.paperless_server import TOKEN, Paperless
from tests.scanner.scans import device, do, last, pages_of, records, say, show, under_way
from tests.simulator.models import Printer


async def scan(house: House, laser: Printer, name: str, **inputs: Any) -> None:
    """Make an automation of a blueprint and press its button once."""
    assert await async_setup_component(
        house.hass, "input_button", {"input_button": {"print": None}}
    )
    await use(
        house.hass, name, scanner=device(house, laser), buttons=["input_button.print"], **inputs
    )
    await press(house.hass)


async def ended(house: House, name: str) -> None:
    await until(
        lambda: (
            (state := house.hass.states.get(f"automation.{name}")) is not None
            and state.attributes["last_triggered"] is not None
            and state.attributes["current"] == 0
        )
    )


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("language", LANGUAGES)
async def test_into_a_folder(
    house: House, laser: Printer, other_laser: Printer, tmp_path: Path, language: str
) -> None:
    house.hass.config.language = language
    folder = tmp_path / "media" / "scans"
    folder.mkdir(parents=True)
    house.hass.config.media_dirs = {"local": str(folder.parent)}
    laser.feeder = ["one", "two"]
    await scan(house, laser, "scan_to_folder", source="feeder", color="gray")
    await until(lambda: [*folder.iterdir()])
    await ended(house, "scan_to_folder")
    [file] = folder.iterdir()
    assert show(pages_of(file), ["one", "two"], colorMode="Grayscale8")
    [job] = records(house)
    kept = async_get_scan_jobs(house.hass, house.entry).path(job, job.files[0])
    assert file.read_bytes() == kept.read_bytes()
    assert notices(house.hass) == []
    # What goes wrong is told: there is nothing to scan, then a file in the folder's place.
    laser.feeder = []
    await press(house.hass)
    await until(lambda: len(notices(house.hass)) == 1)
    await ended(house, "scan_to_folder")
    shutil.rmtree(folder)
    folder.touch()
    laser.feeder = ["three"]
    await press(house.hass)
    await until(lambda: len(notices(house.hass)) == 2)
    await ended(house, "scan_to_folder")
    assert laser.scanned == ["one", "two"]
    assert other_laser.scanned == []
    # What somebody calls off at the card did not go wrong.
    folder.unlink()
    folder.mkdir()
    house.simulator.cloud.variants.update(scan_problem="hangs")
    run = house.hass.async_create_task(trigger(house.hass, "automation.scan_to_folder"))
    await under_way(house)
    await say(house, laser, "discard")
    await run
    assert len(notices(house.hass)) == 2


@pytest.mark.usefixtures("hurried", "hub")
@pytest.mark.parametrize("language", LANGUAGES)
async def test_to_a_script(house: House, laser: Printer, language: str) -> None:
    [script] = [one for one in examples(language, "paperless") if "script" in one]
    assert await async_setup_component(house.hass, "persistent_notification", {})
    assert await async_setup_component(house.hass, "script", script)
    house.set_options({"scan_script": "script.tell_about_scan"})
    answer = await do(house, laser, filename="租房 合同 (2)")
    hand_on = {"answer": "hand_on", "scan_id": answer["scan_id"]}
    await do(house, laser, "continue_scan", **hand_on)
    answer = await do(house, laser, "continue_scan", **hand_on, send_to="script")
    assert [one["state"] for one in answer["sent_to"]] == ["done"]
    assert [message for _, message in notices(house.hass)] == ["租房 合同 (2).pdf"] * 2


@pytest.mark.usefixtures("hurried", "hub")
async def test_a_script_says_why_it_did_not_take_it(house: House, laser: Printer) -> None:
    refuse = {"variables": {"answer": {"error": "the shelf is full"}}}
    stop = {"stop": "no", "response_variable": "answer"}
    assert await async_setup_component(
        house.hass, "script", {"script": {"shelf": {"sequence": [refuse, stop]}}}
    )
    house.set_options({"scan_script": "script.shelf"})
    answer = await do(house, laser)
    with pytest.raises(ServiceValidationError) as caught:
        await say(house, laser, "hand_on", scan_id=answer["scan_id"])
    assert caught.value.translation_placeholders == {"detail": "the shelf is full"}
    again = await say(house, laser, "hand_on", scan_id=answer["scan_id"], send_to="script")
    [sent] = again["sent_to"]
    assert (sent["state"], sent["reason"]) == ("failed", "scan_not_handed_on")
    assert "the shelf is full" in sent["message"]


@pytest.mark.usefixtures("hurried", "hub")
async def test_a_script_that_fails_has_not_taken_it(
    house: House, laser: Printer, caplog: pytest.LogCaptureFixture
) -> None:
    act = {"action": "notify.nobody", "data": {"message": "x"}}
    sequence = {"script": {"shelf": {"sequence": [act]}}}
    assert await async_setup_component(house.hass, "script", sequence)
    house.set_options({"scan_script": "script.shelf"})
    answer = await do(house, laser, send_to="script")
    [sent] = answer["sent_to"]
    assert (sent["state"], sent["reason"]) == ("failed", "scan_not_handed_on")
    assert "notify.nobody" in sent["message"]
    assert "The disk refuses" not in caplog.text


@pytest.mark.usefixtures("hub", "socket_enabled")
async def test_whoever_sends_it_again_does_not_wait_for_the_next_try(
    house: House, laser: Printer, clock: Clock
) -> None:
    """After some time, the next try by itself is minutes away, later half an hour."""
    paperless = Paperless()
    async with paperless.running():
        house.set_options({"paperless_url": paperless.address, "paperless_token": TOKEN})
    async with hurrying(clock, house.hass):
        began = dt_util.utcnow()
        sent = (await do(house, laser, send_to="paperless"))["sent_to"]
        assert [one["state"] for one in sent] == ["waiting"]
        await until(lambda: dt_util.utcnow() - began > timedelta(minutes=8))
    began = dt_util.utcnow()
    again: dict[str, Any] = {"answer": "hand_on", "send_to": "paperless", "wait": False}
    async with paperless.running(int(paperless.address.rpartition(":")[2])):
        await do(house, laser, "continue_scan", scan_id=last(house).job_id, **again)
        await until(lambda: paperless.posts)
        assert dt_util.utcnow() - began < timedelta(minutes=1)
        async with hurrying(clock, house.hass):
            await until(lambda: not last(house).open_deliveries)
    assert (last(house).deliveries[0].state, len(paperless.documents)) == ("done", 1)
