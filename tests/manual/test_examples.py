"""Every block of YAML in the READMEs and the manual, run."""

from datetime import timedelta
import json
import re
from typing import Any

from homeassistant.components import logger
from homeassistant.components.automation.const import DOMAIN as AUTOMATION
from homeassistant.core_config import CORE_CONFIG_SCHEMA
from homeassistant.helpers import config_validation as cv
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
import yaml

from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.printing.schemas import PRINT_SCHEMA
from tests.simulator import Outcome
from tests.simulator.models import PrintedJob

from . import LANGUAGES, ROOT, Example, read, section
from .conftest import LASER, LETTER, MENU, House

pytestmark = pytest.mark.long

RUN: set[tuple[str, int]] = set()
# Pages whose examples are run by test_automation_pages.py and scanner/test_handing_on.py.
OTHERS = {"assistants", "blueprints", "conditions", "mail", "paperless", "triggers"}
CORE_CARDS = {"button", "entities", "picture-entity", "tile", "vertical-stack"}


def blocks(title: str, number: int = 0, document: str | None = None) -> list[Example]:
    """Return one block of a section, in Chinese; in both languages where a text that differs is a template.

    All else is the same in both (test_shape.py::test_examples_are_the_same).
    """
    RUN.add((title, number))
    found = [section(language, title, document).examples[number] for language in LANGUAGES]
    english, chinese = found
    return [chinese] if "{" not in english.content or english.content == chinese.content else found


def example(title: str, number: int = 0, document: str | None = None) -> pytest.MarkDecorator:
    """Run a test with one block of a section."""
    return pytest.mark.parametrize("block", blocks(title, number, document))


def at_home(house: House, block: Example) -> Any:
    """Return the block's data with the folders of this house."""
    return yaml.safe_load(house.at_home(block.content))


async def automate(house: House, block: Example) -> None:
    """Set an automation up; one that is not valid has no entity that is on."""
    config = {AUTOMATION: [at_home(house, block)]}
    assert await async_setup_component(house.hass, AUTOMATION, config)
    await house.hass.async_block_till_done()
    (state,) = house.hass.states.async_all(AUTOMATION)
    assert state.state == "on"


async def printed(house: House, actions: Any) -> list[PrintedJob]:
    """Run actions, wait for what they print, and return what came out, all of it complete."""
    await house.run(actions)
    jobs = await house.finish()
    assert {job.state for job in jobs} == {JobState.COMPLETED}
    return list(house.simulator.printed)


def test_every_block_is_run() -> None:
    blocks = {
        (one.title, number)
        for one in read("en")
        for number, block in enumerate(one.examples)
        if block.kind == "yaml" and one.document not in OTHERS
    }
    assert blocks - RUN == set()


# First steps


@example("Print something")
async def test_first_print(house: House, block: Example) -> None:
    (document,) = await printed(house, at_home(house, block))
    assert block.data["data"]["text"] in document.path.read_text("utf-8")


@example("Print something", 1)
async def test_morning_page(house: House, block: Example) -> None:
    await automate(house, block)
    (automation,) = house.hass.states.async_all(AUTOMATION)
    await house.hass.services.async_call(
        AUTOMATION, "trigger", {"entity_id": automation.entity_id}, blocking=True
    )
    await house.finish()
    assert sorted(job.spec.title for job in house.jobs) == ["Family", "Shopping list"]
    pages = "".join(document.path.read_text("utf-8") for document in house.simulator.printed)
    assert "牛奶" in pages
    assert "Dentist" in pages
    assert {job.expires_at - job.created_at for job in house.jobs} == {timedelta(hours=3)}
    # Its timer must not outlive it.
    await house.hass.services.async_call(
        AUTOMATION, "turn_off", {"entity_id": automation.entity_id}, blocking=True
    )


# Printing


@example("Actions")
async def test_menu_at_a_button(house: House, block: Example) -> None:
    await automate(house, block)
    await house.hass.services.async_call(
        "input_button", "press", {"entity_id": "input_button.print_the_document"}, blocking=True
    )
    await house.hass.async_block_till_done()
    (job,) = await house.finish()
    assert job.state is JobState.COMPLETED
    (document,) = house.simulator.printed
    assert document.path.read_bytes() == MENU
    assert (document.copies, document.options["dmDuplex"]) == (2, "2")


@example("What to print")
async def test_what_has_to_be_allowed(house: House, block: Example) -> None:
    config = CORE_CONFIG_SCHEMA(at_home(house, block)["homeassistant"])
    house.hass.config.allowlist_external_dirs |= set(config["allowlist_external_dirs"])
    house.hass.config.allowlist_external_urls = {
        f"{url.rstrip('/')}/" for url in config["allowlist_external_urls"]
    }
    path = house.folder / "share" / "letter.pdf"
    path.write_bytes(LETTER)
    (document,) = await printed(
        house,
        {"action": "lianke.print", "data": {"device_id": house.device(), "file": str(path)}},
    )
    assert document.path.read_bytes() == LETTER
    assert house.hass.config.is_allowed_external_url("http://192.168.1.20/menus/today.pdf")
    assert not house.hass.config.is_allowed_external_url("http://192.168.1.20/other.pdf")


@example("What to print", 1)
async def test_guest_wifi(house: House, block: Example) -> None:
    (document,) = await printed(house, at_home(house, block))
    page = document.path.read_text("utf-8")
    assert "data:image/svg+xml;base64," in page
    assert "<strong>welcome-home</strong>" in page
    assert [job.spec.title for job in house.jobs] == [block.data["data"]["title"]]
    assert document.options["htmlKernel"] == "chrometopdf"


@example("What to print", 2)
async def test_two_documents(house: House, block: Example) -> None:
    documents = await printed(house, at_home(house, block))
    assert [document.path.read_bytes() for document in documents] == [MENU, LETTER]


@example("How to print it")
async def test_label(house: House, block: Example) -> None:
    (document,) = await printed(house, at_home(house, block))
    assert document.port == 2
    sides = ("dmPaperSize", "dmPaperWidth", "dmPaperLength")
    assert [document.options[name] for name in sides] == ["0", "600", "400"]
    assert "size: 60mm 40mm" in document.path.read_text("utf-8")


# What comes of a menu of three pages, of four vouchers, of photographed pages, of photos.
SHEETS = {
    "Several pages on a sheet": 1,
    "Invoices": 2,
    "Photographed pages": 2,
    "Photos": 1,
}


@pytest.mark.parametrize(
    ("block", "pages"),
    [(block, pages) for title, pages in SHEETS.items() for block in blocks(title)],
)
async def test_sheets(house: House, block: Example, pages: int) -> None:
    (document,) = await printed(house, at_home(house, block))
    assert document.pages == pages
    assert document.path.read_bytes().startswith(b"%PDF")
    assert document.path.read_bytes() != MENU


@example("ID cards")
async def test_id_card(house: House, block: Example) -> None:
    (document,) = await printed(house, at_home(house, block))
    assert document.pages == 1
    assert document.options["jpScale"] == "none"  # true size


@example("Pages laid out by Home Assistant")
async def test_agenda(house: House, block: Example) -> None:
    (document,) = await printed(house, at_home(house, block))
    page = document.path.read_text("utf-8")
    assert "Dentist" in page
    assert "Concert" in page
    assert document.options["dmPaperSize"] == "11"


@example("When to print, and never twice")
async def test_once_a_day(house: House, block: Example) -> None:
    (document,) = await printed(house, [at_home(house, block), at_home(house, block)])
    assert "Dentist" in document.path.read_text("utf-8")
    assert "Concert" not in document.path.read_text("utf-8")
    (job,) = house.jobs
    assert job.spec.replace_key == "briefing"
    assert job.expires_at - job.created_at == timedelta(hours=3)


@example("When to print, and never twice", 1)
async def test_wait_and_tell(house: House, block: Example) -> None:
    await house.run(at_home(house, block))
    ((title, message),) = house.notes
    assert title == "menu.pdf"
    assert "3" in message
    house.simulator.cloud.plan(house.laser, Outcome(code=503))
    await house.run(at_home(house, block))
    _, failed = house.notes[-1]
    assert failed.strip() == (await house.call("list_jobs"))["jobs"][0]["message"]
    house.laser.paper = 0
    await house.look()
    await house.run(at_home(house, block))
    _, waits = house.notes[-1]
    assert house.jobs[-1].expires_at.isoformat() in waits


@example("When to print, and never twice", 2)
async def test_response(house: House, block: Example) -> None:
    answer = await house.call("print", file=house.at_home("/media/menu.pdf"), wait=True)
    shown = json.loads(block.content)["jobs"][0]
    reported = answer["jobs"][0]
    for key, value in shown.items():
        if key == "job_id":
            assert re.fullmatch(r"[0-9A-Z]{26}", reported[key])
            assert re.fullmatch(r"[0-9A-Z]{26}", value)
        else:
            assert reported[key] == value, key


@example("Printer commands")
async def test_commands(house: House, block: Example) -> None:
    (document,) = await printed(house, at_home(house, block))
    assert document.path.suffix == ".prn"
    assert document.path.read_bytes() == block.data["data"]["text"].encode("gb18030")


@example("Previews and page counts")
async def test_preview_then_print(house: House, block: Example) -> None:
    variables = await house.run(at_home(house, block))
    assert variables["preview"]["pages"] == 3
    assert len(variables["preview"]["images"]) == 3
    await house.finish()
    (document,) = house.simulator.printed
    assert document.path.read_bytes() == MENU
    # The preview was drawn here.
    assert house.simulator.cloud.count("POST /print/job") == 1


@example("Previews and page counts", 1)
async def test_count(house: House, block: Example) -> None:
    variables = await house.run(at_home(house, block))
    assert variables["counted"]["pages"] == 3
    assert house.simulator.printed == []


@example("Jobs")
async def test_print_again(house: House, block: Example) -> None:
    house.simulator.cloud.plan(house.laser, Outcome(code=503))
    await house.call("print", file=house.at_home("/media/menu.pdf"), wait=True)
    assert house.simulator.printed == []
    await house.run(at_home(house, block))
    failed, again = await house.finish()
    assert (failed.state, again.state) == (JobState.FAILED, JobState.COMPLETED)
    (document,) = house.simulator.printed
    assert document.path.read_bytes() == MENU


@example("With other options")
async def test_print_again_otherwise(house: House, block: Example) -> None:
    house.simulator.cloud.plan(house.laser, Outcome(code=503))
    await house.call("print", file=house.at_home("/media/menu.pdf"), wait=True)
    await house.run(at_home(house, block))
    failed, again = await house.finish()
    assert (failed.state, again.state) == (JobState.FAILED, JobState.COMPLETED)
    (document,) = house.simulator.printed
    assert (document.options["dmPaperSize"], document.options["jpPageRange"]) == ("11", "1")


@example("Both sides by hand", document="both-sides-by-hand")
async def test_both_sides_by_hand(house: House, block: Example) -> None:
    await house.run(at_home(house, block))
    (job,) = await house.finish()
    assert (job.state, job.current_delivery.hold_reason) == (JobState.HELD, "turn_paper")
    await house.call("continue_job", job_id=job.job_id)
    (job,) = await house.finish()
    assert (job.state, job.pages_printed) == (JobState.COMPLETED, 6)
    assert len(house.simulator.printed) == 2


@example("After a jam")
async def test_the_rest_of_the_second_sides(house: House, block: Example) -> None:
    await house.call(
        "print", file=house.at_home("/media/menu.pdf"), duplex="manual_long_edge", copies=2
    )
    (job,) = await house.finish()
    house.simulator.cloud.plan(house.laser, Outcome(code=500, prints=2))
    await house.call("continue_job", job_id=job.job_id)
    await house.finish()
    await house.run(at_home(house, block))
    failed, again = await house.finish()
    assert (failed.state, again.state) == (JobState.FAILED, JobState.COMPLETED)
    assert house.simulator.printed[-1].options["jpPageRange"] == "3-4"


@example("Jobs", 1)
async def test_cancel_what_waits(house: House, block: Example) -> None:
    house.laser.paper = 0
    await house.look()
    path = house.at_home("/media/menu.pdf")
    await house.call("print", file=[path, path])
    assert {job.state for job in house.jobs} == {JobState.HELD}
    variables = await house.run(at_home(house, block))
    assert len(variables["waiting"]["jobs"]) == 2
    assert isinstance(variables["waiting"]["cloud"], list)
    assert {job.state for job in house.jobs} == {JobState.CANCELED}


@example("Release at the printer", document="waiting-jobs")
async def test_a_tag_releases_what_waits(house: House, block: Example) -> None:
    key = next(key for key, one in house.data.storage.printers.items() if one.name == LASER)
    house.hass.config_entries.async_update_entry(house.entry, options={"release_printers": [key]})
    await automate(house, block)
    path = house.at_home("/media/menu.pdf")
    await house.call("print", file=path)
    await house.call("print", file=path, release_code="4711")
    assert {job.state for job in house.jobs} == {JobState.HELD}
    tag_id = block.data["triggers"][0]["tag_id"]
    house.hass.bus.async_fire("tag_scanned", {"tag_id": tag_id})
    await house.hass.async_block_till_done()
    released, coded = house.jobs
    await house.data.queue.async_wait(released.job_id, 20)
    assert [job.state for job in house.jobs] == [JobState.COMPLETED, JobState.HELD]
    (document,) = house.simulator.printed
    assert document.path.read_bytes() == MENU
    assert coded.state is JobState.HELD


@example("Move a job to another printer")
async def test_move_what_waits(house: House, block: Example) -> None:
    house.laser.paper = 0
    await house.look()
    await house.call("print", file=house.at_home("/media/menu.pdf"))
    await house.run(at_home(house, block))
    jobs = await house.finish()
    assert sorted(job.state for job in jobs) == [JobState.CANCELED, JobState.COMPLETED]
    (document,) = house.simulator.printed
    assert document.path.read_bytes() == MENU
    assert document.port != house.laser.port


@example("Capabilities and models")
async def test_capabilities(house: House, block: Example) -> None:
    able = (await house.run(at_home(house, block)))["able"]
    reported = section("en", "Capabilities and models").text
    for key in able:
        assert re.search(rf"\b{key}\b", reported), key
    assert {key: able["papers"][0][key] for key in ("name", "id")} == {"name": "A4", "id": 9}


@example("Capabilities and models", 1)
async def test_models(house: House, block: Example) -> None:
    found = (await house.run(at_home(house, block)))["found"]
    assert "HP LaserJet 1020" in found["models"]
    assert set(found) == {"models", "total"}


@example("Export")
async def test_counted_pages_are_sent(house: House, block: Example) -> None:
    await automate(house, block)
    await house.hass.services.async_call(
        AUTOMATION, "turn_off", {"entity_id": "all"}, blocking=True
    )
    actions = yaml.safe_load(
        block.content.replace("notify.mail", "notify.kyocera_ma2000w_gx_print_message")
    )["actions"]
    (document,) = await printed(house, actions)
    month = (dt_util.now() - timedelta(days=1)).strftime("%Y-%m")
    assert month in document.path.read_text("utf-8")


@example("Printing a message")
async def test_message(house: House, block: Example) -> None:
    (document,) = await printed(house, at_home(house, block))
    page = document.path.read_text("utf-8")
    assert block.data["data"]["message"] in page
    assert block.data["data"]["title"] in page


# Events


@example("Events")
async def test_message_of_a_failure(house: House, block: Example) -> None:
    await automate(house, block)
    house.simulator.cloud.plan(house.laser, Outcome(code=503))
    path = house.at_home("/media/menu.pdf")
    await house.call("print", file=path, wait=True)
    await house.call("print", file=path, title="Fine", wait=True)
    await house.hass.async_block_till_done()
    ((title, message),) = house.notes
    assert title == block.data["actions"][0]["data"]["title"]
    (reason,) = {job["message"] for job in (await house.call("list_jobs"))["jobs"]} - {None}
    assert "云盒" in reason or "box" in reason
    assert message.strip() in {f"menu.pdf: {reason}", f"menu.pdf：{reason}"}
    # Nothing is told again when the entity comes back after a restart.
    assert await house.hass.config_entries.async_reload(house.entry.entry_id)
    await house.hass.async_block_till_done()
    assert len(house.notes) == 1


@example("Events", 1)
async def test_message_of_missing_paper(house: House, block: Example) -> None:
    await automate(house, block)
    house.laser.paper = 0
    await house.look()
    assert house.state("sensor.kyocera_ma2000w_gx") == "out_of_paper"
    await house.call("print", file=house.at_home("/media/menu.pdf"))
    async_fire_time_changed(house.hass, dt_util.utcnow() + timedelta(seconds=100))
    await house.hass.async_block_till_done()
    assert house.notes == []
    async_fire_time_changed(house.hass, dt_util.utcnow() + timedelta(seconds=130))
    await house.hass.async_block_till_done()
    ((_, message),) = house.notes
    assert "1" in message


# Dashboards


def check_card(house: House, card: dict[str, Any]) -> None:
    """Check a built-in card's type, its entities and its actions, those of cards in it too."""
    assert card["type"] in CORE_CARDS
    for entity in [card.get("entity"), *card.get("entities", ())]:
        assert entity is None or house.state(entity) is not None, entity
    if (tap := card.get("tap_action")) is not None:
        domain, _, action = tap["perform_action"].partition(".")
        assert house.hass.services.has_service(domain, action)
        PRINT_SCHEMA(tap["data"])
    for inner in card.get("cards", ()):
        check_card(house, inner)


@example("Without the card")
async def test_built_in_cards(house: House, block: Example) -> None:
    check_card(house, block.data)


def check_our_card(config: dict[str, Any]) -> None:
    """Hold a configuration against what the card itself accepts."""
    source = (ROOT / "frontend" / "src" / "config.ts").read_text("utf-8")
    assert config.pop("type") == "custom:lianke-card"
    assert 'CARD = "lianke-card"' in source
    rows = section("en", "The card").rows()
    assert set(config) <= {row[0].text for row in rows}
    cv.ensure_list(config["devices"])


@example("The card")
def test_our_card(block: Example) -> None:
    config = dict(block.data)
    check_our_card(config)
    keys = {row[0].text for row in section("en", "Quick buttons").rows()}
    for button in config["buttons"]:
        assert set(button) <= keys
        assert "entity" in button or PRINT_SCHEMA({"device_id": "x", **button["data"]})


@example("One sentence")
def test_simple_card(block: Example) -> None:
    check_our_card(dict(block.data))


SHELLS = (ROOT / "frontend" / "src" / "shells.ts").read_text("utf-8")


@example("Badge and tile")
def test_badge(block: Example) -> None:
    assert block.data["type"] == "custom:lianke-badge"
    assert '"badge"' in SHELLS
    cv.ensure_list(block.data["devices"])


@example("Badge and tile", 1)
def test_feature_of_a_tile(house: House, block: Example) -> None:
    check_card(house, block.data)
    assert block.data["features"] == [{"type": "custom:lianke-feature"}]
    assert '"feature"' in SHELLS


@example("A card for a list or calendar")
async def test_card_for_a_list(house: House, block: Example) -> None:
    check_our_card(dict(block.data))
    assert house.state(block.data["source_entity"]) is not None


@example("Troubleshooting")
def test_logger(block: Example) -> None:
    assert logger.CONFIG_SCHEMA(block.data)["logger"]["logs"]


# Rows of "What happens when…" that no other test shows as a whole


async def test_a_printer_that_is_off(house: House) -> None:
    """Jobs wait for a printer that is off, and are printed once it is on."""
    house.laser.plugged = False
    await house.look()
    answer = await house.call("print", file=house.at_home("/media/menu.pdf"), wait=True)
    assert answer["jobs"][0]["state"] == "held"
    assert answer["jobs"][0]["hold_reason"] == "disconnected"
    assert house.state("binary_sensor.kyocera_ma2000w_gx_problem") == "off"
    assert house.simulator.cloud.count("POST /print/job") == 0


async def test_a_key_that_is_no_longer_valid(house: House) -> None:
    """Jobs wait, nothing is lost, and Home Assistant asks for the new key."""
    account = house.simulator.box.account
    assert account is not None
    account.api_key = "A" * 32
    await house.look()
    await house.look()
    answer = await house.call("print", file=house.at_home("/media/menu.pdf"), wait=True)
    assert answer["jobs"][0]["state"] == "held"
    assert answer["jobs"][0]["hold_reason"] == "key_rejected"
    flows = house.hass.config_entries.flow.async_progress()
    assert [flow["context"]["source"] for flow in flows] == ["reauth"]
