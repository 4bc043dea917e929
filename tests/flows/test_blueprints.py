"""The blueprints: copied by the options, never over an edited one, and each of them does its work."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from datetime import UTC, timedelta
import json
import os
from pathlib import Path
import re
import shutil
from typing import Any, override

from homeassistant.auth.const import GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.components import labs
from homeassistant.components.ai_task import (
    AITaskEntity,
    AITaskEntityFeature,
    GenDataTask,
    GenDataTaskResult,
    GenImageTask,
    GenImageTaskResult,
)
from homeassistant.components.automation.helpers import async_get_blueprints
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.components.calendar import CalendarEvent
from homeassistant.components.conversation import ChatLog
from homeassistant.components.folder.sensor import PLATFORM_SCHEMA as FOLDER_SCHEMA
from homeassistant.components.weather import Forecast, WeatherEntity
from homeassistant.components.weather.const import WeatherEntityFeature
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.const import ATTR_ENTITY_ID, EVENT_CALL_SERVICE
from homeassistant.core import (
    Context,
    Event,
    EventStateChangedData,
    HomeAssistant,
    callback,
)
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_component import DATA_INSTANCES
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.helpers.translation import async_load_integrations
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import load_yaml_dict
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_mock_service,
)

from custom_components.lianke.const import DOMAIN, MAX_PAGES
from custom_components.lianke.flows.blueprints import BLUEPRINTS
from custom_components.lianke.pages.clean import escape_markdown
from custom_components.lianke.scanner.hub import FEATURE, async_get_hub
from tests.clock import Clock, elapse, hurrying, rest, until
from tests.conftest import make_entry, set_up
from tests.documents.entities import ITEMS, Door, Family, Shopping, add
from tests.documents.samples import picture
from tests.flows.automations import automate, notices, press, trigger, use
from tests.flows.telegram import MAX_FILE, TOKEN, Telegram, telegram
from tests.household import House, ask, data_of, device_of, make_media, show_state, twin_of
from tests.scanner.scans import device
from tests.simulator import Box, Fault, Outcome, Simulator, make_pdf

pytestmark = pytest.mark.long

LANGUAGES = ("en", "zh-Hans")
TRANSLATIONS = Path(__file__).parents[2] / "custom_components" / DOMAIN / "translations"
SHIPPED = Path(__file__).parents[2] / "custom_components" / DOMAIN / "blueprints" / "automation"
TELL_ME_OF_0_1_0 = Path(__file__).parents[1] / "upgrade" / "0_1_0" / "blueprints"
LASER_ID = "kyocera_ma2000w_gx"
STATUS = f"sensor.{LASER_ID}"
WAITING = f"sensor.{LASER_ID}_jobs_waiting"
JOB = f"event.{LASER_ID}_print_job"


@pytest.fixture
def hass_config_dir(tmp_path: Path) -> str:
    """Keep the copies of a test apart from those of other runs."""
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "configuration.yaml").write_text("input_button:\n  print:\n")
    return str(folder)


@pytest.fixture
def copies(hass: HomeAssistant) -> Path:
    """Return the folder where copies go."""
    return Path(hass.config.path("blueprints", "automation", DOMAIN))


def names_in(folder: Path) -> set[str]:
    """Return which blueprints lie in a folder; it must hold nothing else."""
    assert {file.suffix for file in folder.iterdir()} == {".yaml"}
    return {file.stem for file in folder.iterdir()}


async def print_by(house: House, name: str, **inputs: Any) -> str:
    """Make an automation that prints on the laser by a blueprint, and return it."""
    return await use(house.hass, name, printer=house.device(), **inputs)


async def options(
    hass: HomeAssistant, entry: MockConfigEntry, *names: str, last: str = "blueprints_copied"
) -> dict[str, str]:
    """Copy by the options; return the lists of the last page, which is to be this one."""
    flow = hass.config_entries.options
    result = await flow.async_init(entry.entry_id)
    result = await flow.async_configure(result["flow_id"], {"next_step_id": "blueprints"})
    assert result["type"] is FlowResultType.FORM
    result = await flow.async_configure(result["flow_id"], {"blueprints": list(names)})
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, last)
    reported = result["description_placeholders"]
    result = await flow.async_configure(result["flow_id"], {"next_step_id": "done"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert reported is not None
    return dict(reported)


def labels(language: str) -> dict[str, str]:
    """Return what the form says of each blueprint: its name and what it does."""
    texts = json.loads((TRANSLATIONS / f"{language}.json").read_text("utf-8"))
    offered: dict[str, str] = texts["selector"]["blueprints"]["options"]
    return offered


def listed(names: Iterable[str], language: str = "en") -> str:
    """Return what the last page says of copies, one a line."""
    return "\n".join(f"- {labels(language)[name]}" for name in names)


@pytest.mark.parametrize(("language", "in_chinese"), [("de", False), ("zh-Hant", True)])
async def test_all_are_copied_and_valid(
    hass: HomeAssistant, entry: MockConfigEntry, copies: Path, language: str, in_chinese: bool
) -> None:
    hass.config.language = language
    entry.add_to_hass(hass)
    assert await async_setup_component(hass, "automation", {})
    reported = await options(hass, entry, *BLUEPRINTS)
    assert reported == {
        "copied": listed(BLUEPRINTS, "zh-Hans" if in_chinese else "en"),
        "kept": "",
    }
    assert names_in(copies) == set(BLUEPRINTS)
    after = await async_get_blueprints(hass).async_get_blueprints()
    for name in BLUEPRINTS:
        blueprint = after[f"{DOMAIN}/{name}.yaml"]
        assert isinstance(blueprint, Blueprint), blueprint
        assert blueprint.validate() is None
        assert blueprint.metadata["homeassistant"]["min_version"] == "2026.10.0"
        for described in (blueprint.metadata, *blueprint.inputs.values()):
            for text in (described["name"], described["description"]):
                assert bool(re.search("[\u4e00-\u9fff]", text)) is in_chinese, text
        for given in blueprint.inputs.values():
            assert given["selector"]
    assert entry.options == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_shipped_and_offered_are_the_same(language: str) -> None:
    assert names_in(SHIPPED / language) == set(BLUEPRINTS)


# Keys under which texts stand; everything else is the same in all languages.
TEXTS = {"name", "description", "label", "title", "message", "markdown", "stop", "default"}
TEXTS |= {"set_conversation_response", "doing", "task_name", "unit_of_measurement"}
# How many copies somebody wants, and of what, is said in the words of each language.
TEXTS |= {"count", "again_copies", "newest", "said"}


def shape(value: Any, key: str = "") -> Any:
    """Return a blueprint with a mark in place of what is there for people to read."""
    if isinstance(value, dict):
        return {name: shape(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner, key) for inner in value]
    return key if isinstance(value, str) and key in TEXTS else value


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_the_languages_differ_in_texts_only(name: str) -> None:
    english, chinese = (
        load_yaml_dict(SHIPPED / language / f"{name}.yaml") for language in LANGUAGES
    )
    assert english != chinese
    assert shape(english) == shape(chinese)
    assert list(english) == list(chinese)
    # By the names that the form offers, which says what each does besides.
    for language, blueprint, start, colon in (
        ("en", english["blueprint"], "Lianke: ", ": "),
        ("zh-Hans", chinese["blueprint"], "链科：", "："),
    ):
        title, does = labels(language)[name].split(colon)
        assert blueprint["name"] == start + title
        assert does


INPUTS_OF_0_1_0 = {
    "shopping_list": {"printer", "list", "buttons", "sentences", "columns", "completed"},
    "morning_briefing": {"printer", "time", "days", "language", "weather", "calendars", "lists"},
    "doorbell_photo": {"printer", "doorbells", "camera", "pause"},
    "folder": {"printer", "folder", "types", "still"},
    "smart_plug": {"plug", "status", "waiting", "idle", "quiet_from", "quiet_until"},
}


@pytest.mark.parametrize("name", INPUTS_OF_0_1_0)
def test_automations_of_0_1_0_fit_the_renewed_copies(name: str) -> None:
    """What such an automation has set has a meaning still, and nothing more is required of it."""
    inputs = load_yaml_dict(SHIPPED / "en" / f"{name}.yaml")["blueprint"]["input"]
    assert INPUTS_OF_0_1_0[name] <= set(inputs)
    assert all("default" in inputs[more] for more in set(inputs) - INPUTS_OF_0_1_0[name])


async def test_an_edited_copy_is_kept(
    hass: HomeAssistant, entry: MockConfigEntry, copies: Path
) -> None:
    entry.add_to_hass(hass)
    assert await async_setup_component(hass, "automation", {})
    await options(hass, entry, "folder", "doorbell_photo", "smart_plug")
    edited = (copies / "folder.yaml").read_text("utf-8").replace("max: 50", "max: 51")
    (copies / "folder.yaml").write_text(edited, "utf-8")
    added = (copies / "doorbell_photo.yaml").read_text("utf-8") + "# mine\n"
    (copies / "doorbell_photo.yaml").write_text(added, "utf-8")
    (copies / "shopping_list.yaml").write_text("mine: true\n", "utf-8")
    reported = await options(hass, entry, *BLUEPRINTS, last="blueprints_some_kept")
    names = ("shopping_list", "doorbell_photo", "folder")
    assert reported["kept"] == listed(names)
    assert listed(["smart_plug"]) in reported["copied"].splitlines()
    # No heading stands above nothing.
    reported = await options(hass, entry, *names, last="blueprints_kept")
    assert reported == {"copied": "", "kept": listed(names)}
    assert (copies / "folder.yaml").read_text("utf-8") == edited
    assert (copies / "doorbell_photo.yaml").read_text("utf-8") == added
    assert (copies / "shopping_list.yaml").read_text("utf-8") == "mine: true\n"


async def test_an_older_copy_is_renewed(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    copies: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    older = tmp_path / "older"
    (older / "en").mkdir(parents=True)
    (older / "en" / "smart_plug.yaml").write_text("# an older version\n", "utf-8")
    entry.add_to_hass(hass)
    assert await async_setup_component(hass, "automation", {})
    with monkeypatch.context() as patched:
        patched.setattr("custom_components.lianke.flows.blueprints._SHIPPED", older)
        await options(hass, entry, "smart_plug")
    assert "blueprint:" not in (copies / "smart_plug.yaml").read_text("utf-8")
    reported = await options(hass, entry, "smart_plug")
    assert reported == {"copied": listed(["smart_plug"]), "kept": ""}
    assert "Lianke: Smart plug" in (copies / "smart_plug.yaml").read_text("utf-8")


async def test_a_copy_follows_the_language_of_the_house(
    hass: HomeAssistant, entry: MockConfigEntry, copies: Path
) -> None:
    entry.add_to_hass(hass)
    assert await async_setup_component(hass, "automation", {})
    for language, name in (("en", "Lianke: Folder"), ("zh-Hans", "链科：文件夹")):
        hass.config.language = language
        assert await options(hass, entry, "folder") == {
            "copied": listed(["folder"], language),
            "kept": "",
        }
        assert name in (copies / "folder.yaml").read_text("utf-8")


def put_in_the_way(folder: Path) -> None:
    """Make a file where a folder should be."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("in the way")


async def test_a_folder_that_cannot_be_written(
    hass: HomeAssistant, entry: MockConfigEntry, copies: Path
) -> None:
    entry.add_to_hass(hass)
    assert await async_setup_component(hass, "automation", {})
    put_in_the_way(copies)
    flow = hass.config_entries.options
    result = await flow.async_init(entry.entry_id)
    result = await flow.async_configure(result["flow_id"], {"next_step_id": "blueprints"})
    result = await flow.async_configure(result["flow_id"], {"blueprints": ["folder"]})
    assert result["errors"] == {"base": "blueprints_not_written"}
    await hass.async_add_executor_job(copies.unlink)
    result = await flow.async_configure(result["flow_id"], {"blueprints": ["folder"]})
    assert result["step_id"] == "blueprints_copied"


@pytest.fixture
async def house(
    hass: HomeAssistant, simulator: Simulator, setup: MockConfigEntry
) -> AsyncGenerator[House]:
    """Return a house with a newly bound box, a button and a list; automations have an end."""
    registry = er.async_get(hass)
    kept = er.async_entries_for_config_entry(registry, setup.entry_id)
    # A blueprint must not need what people have to enable first.
    assert not [one for one in kept if one.translation_key == "hold_reason" and not one.disabled]
    await add(hass, "todo", [Shopping(ITEMS)])
    assert await async_setup_component(hass, "input_button", {"input_button": {"print": None}})
    await hass.async_block_till_done()
    yield House(hass=hass, simulator=simulator, entry=setup)
    for automation in hass.states.async_entity_ids("automation"):
        await hass.services.async_call(
            "automation", "turn_off", {ATTR_ENTITY_ID: automation}, blocking=True
        )


async def watch(hass: HomeAssistant, folder: Path) -> None:
    """Have Home Assistant tell of what is put into a folder."""
    watcher = MockConfigEntry(
        domain="folder_watcher", options={"folder": str(folder), "patterns": ["*"]}
    )
    watcher.add_to_hass(hass)
    assert await hass.config_entries.async_setup(watcher.entry_id)


async def change(
    house: House,
    clock: Clock,
    work: Callable[[], object],
    last: tuple[str, Path],
    seconds: float,
) -> None:
    """Do something in a watched folder, and let time pass once the last of it is told."""
    told = async_capture_events(house.hass, "folder_watcher")
    await house.hass.async_add_executor_job(work)
    await until(
        lambda: any((one.data["event_type"], Path(one.data["path"])) == last for one in told)
    )
    await elapse(house.hass, clock, seconds, min(seconds, 2))


def page_of(simulator: Simulator, number: int = 0) -> str:
    """Return the HTML page that came out."""
    return simulator.printed[number].path.read_text("utf-8")


async def test_shopping_list_at_a_button(house: House) -> None:
    await print_by(house, "shopping_list", list="todo.shopping", buttons=["input_button.print"])
    await press(house.hass)
    await house.came_out()
    assert "牛奶" in page_of(house.simulator)
    assert "面包" not in page_of(house.simulator)
    # A button that is loaded anew was not pressed.
    await house.hass.services.async_call("input_button", "reload", blocking=True)
    await house.hass.async_block_till_done()
    assert len(house.printed) == 1


async def test_shopping_list_by_voice(house: House) -> None:
    house.hass.config.language = "zh-Hans"
    await print_by(house, "shopping_list", list="todo.shopping", completed=True)
    assert await say(house.hass, "打印购物清单", "zh-Hans") == "好的，清单已交给打印机。"
    await house.came_out()
    assert "面包" in page_of(house.simulator)


async def test_an_empty_shopping_list(hass: HomeAssistant, setup: MockConfigEntry) -> None:
    hass.config.language = "zh-Hans"
    await add(hass, "todo", [Shopping([])])
    await use(hass, "shopping_list", printer=device_of(hass), list="todo.shopping")
    assert await say(hass, "打印购物清单", "zh-Hans") == "清单是空的。"
    assert data_of(setup).queue.jobs() == []


async def say(
    hass: HomeAssistant, sentence: str, language: str, context: Context | None = None
) -> str:
    """Say a sentence to Assist and return its reply."""
    answer = await hass.services.async_call(
        "conversation",
        "process",
        {"text": sentence, "language": language},
        blocking=True,
        return_response=True,
        context=context,
    )
    await hass.async_block_till_done()
    assert answer is not None
    response: dict[str, Any] = answer["response"]  # type: ignore[assignment] # any JSON
    return str(response["speech"]["plain"]["speech"])


VOICE = {
    "en": {
        "list": "Print the shopping list",
        "status": "What is the printer doing?",
        "reason": "Why doesn't it print?",
        "wrong": "What's wrong with the printer?",
        "answers": {
            "sent": "The list is on its way to the printer.",
            "idle": "The printer: Idle.",
            "paper": "The printer reports no lack of paper.",
            "nothing": "Nothing waits. The printer: Idle.",
            "held": "The list is not printed yet. Waits for the printer: Out of paper.",
            "asks": "The list is not printed yet. Waiting for approval.",
            "refused": "The list could not be printed.",
            "waiting": "The printer: Out of paper. 1 waiting.",
            "why": "购物清单 is not printed yet. Waits for the printer: Out of paper.",
            "why_asks": "购物清单 is not printed yet. Waiting for approval.",
        },
    },
    "zh-Hans": {
        "list": "打印购物清单",
        "status": "打印机在干什么？",
        "reason": "打印机为什么不打印？",
        "wrong": "打印机怎么了？",
        "answers": {
            "sent": "好的，清单已交给打印机。",
            "idle": "打印机状态：空闲。",
            "paper": "打印机没有报告缺纸。",
            "nothing": "没有任务在等待。打印机状态：空闲。",
            "held": "清单还没有打印。正在等待打印机：缺纸。",
            "asks": "清单还没有打印。等待批准。",
            "refused": "清单没能打印。",
            "waiting": "打印机状态：缺纸。1 个任务在等待。",
            "why": "购物清单还没有打印。正在等待打印机：缺纸。",
            "why_asks": "购物清单还没有打印。等待批准。",
        },
    },
}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_voice(clock: Clock, language: str, house: House) -> None:
    await house.hass.config.async_update(language=language)
    # The names of the states in that language, which are else read in the background.
    await async_load_integrations(house.hass, {DOMAIN, "sensor"})
    voice: dict[str, Any] = VOICE[language]
    answers = voice["answers"]
    await print_by(house, "voice", list="todo.shopping")
    assert await say(house.hass, voice["status"], language) == answers["idle"]
    assert await say(house.hass, voice["reason"], language) == answers["nothing"]
    assert await say(house.hass, voice["list"], language) == answers["sent"]
    await elapse_until(house.hass, clock, lambda: house.printed)
    assert "牛奶" in page_of(house.simulator)
    await elapse_until(house.hass, clock, lambda: house.hass.states.is_state(STATUS, "idle"))
    house.box.printer(1).paper = 0
    await look(house.hass, clock, house.entry)
    assert await say(house.hass, voice["list"], language) == answers["held"]
    assert await say(house.hass, voice["status"], language) == answers["waiting"]
    for asked in ("reason", "wrong"):
        assert await say(house.hass, voice[asked], language) == answers["why"]
    assert len(house.printed) == 1


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("blueprint", ["voice", "shopping_list"])
async def test_a_voice_is_told_what_becomes_of_the_list(
    blueprint: str, language: str, house: House
) -> None:
    """Nobody is told that a list is on its way that waits for an approval, or is refused."""
    await house.hass.config.async_update(language=language)
    voice: dict[str, Any] = VOICE[language]
    answers = voice["answers"]
    house.set_options({**house.entry.options, "approval_sources": ["nobody"]})
    await house.hass.async_block_till_done()
    await use(house.hass, blueprint, printer=house.device(), list="todo.shopping")
    assert await say(house.hass, voice["list"], language) == answers["asks"]
    (waiting,) = house.queue.jobs()
    assert waiting.current_delivery.hold_reason == "approval"
    if blueprint == "voice":
        assert await say(house.hass, voice["reason"], language) == answers["why_asks"]
    house.hass.states.async_remove("todo.shopping")
    assert await say(house.hass, voice["list"], language) == answers["refused"]
    assert len(house.queue.jobs()) == 1
    assert house.printed == []


@pytest.mark.parametrize(
    ("language", "sentence", "answer"),
    [
        ("zh-Hans", "把购物清单打印出来", "sent"),
        ("zh-Hans", "请打印购物清单。", "sent"),
        ("zh-Hans", "请帮我把购物清单打出来", "sent"),
        ("zh-Hans", "帮我打印一下购物清单", "sent"),
        ("zh-Hans", "打印机有没有纸？", "paper"),
        ("zh-Hans", "打印机还有纸吗？", "paper"),
        ("en", "Please print out my shopping list", "sent"),
        ("en", "Does the printer have any paper?", "paper"),
        ("en", "Is there still paper in the printer?", "paper"),
        ("en", "Is the printer out of paper?", "paper"),
    ],
)
async def test_a_voice_is_understood_as_people_speak(
    house: House, language: str, sentence: str, answer: str
) -> None:
    await house.hass.config.async_update(language=language)
    await async_load_integrations(house.hass, {DOMAIN, "sensor"})
    await print_by(house, "voice", list="todo.shopping")
    answers: dict[str, Any] = VOICE[language]["answers"]  # type: ignore[assignment] # by language
    assert await say(house.hass, sentence, language) == answers[answer]
    if answer == "sent":
        await house.came_out()


@pytest.mark.parametrize("blueprint", ["voice", "shopping_list"])
@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("zh-Hans", "请把购物清单打印出来"),
        ("zh-Hans", "请打印购物清单"),
        ("en", "Please print my shopping list"),
    ],
)
async def test_a_list_is_asked_for_politely(
    house: House, blueprint: str, language: str, sentence: str
) -> None:
    await house.hass.config.async_update(language=language)
    await use(house.hass, blueprint, printer=house.device(), list="todo.shopping")
    await say(house.hass, sentence, language)
    await house.came_out()
    assert "牛奶" in page_of(house.simulator)


COPIED = {
    "en": {
        "one": "The copy is on the way to the printer.",
        "several": "{} copies are on the way to the printer.",
        "held": "The page is scanned, but not printed yet. Waits for the printer: Out of paper.",
        "refused": "The copy could not be made.",
        "none": "No scanner is chosen for copies.",
    },
    "zh-Hans": {
        "one": "好的，1 份复印件已交给打印机。",
        "several": "好的，{} 份复印件已交给打印机。",
        "held": "已扫描，但还没有打印。正在等待打印机：缺纸。",
        "refused": "没能复印。",
        "none": "还没有选择用于复印的扫描仪。",
    },
}


@pytest.fixture
async def scanner(house: House) -> str:
    """Return the scanner's device, while the preview feature is on."""
    assert await async_setup_component(house.hass, "labs", {})
    await labs.async_update_preview_feature(house.hass, DOMAIN, FEATURE, True)
    await async_get_hub(house.hass, house.entry).async_refresh()
    await rest(house.hass)
    return device(house, house.box.printer(1))


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        (
            "en",
            {
                "Scan this and print it twice": 2,
                "Please scan the page and print it out three times.": 3,
                "Copy this": 1,
                "Scan it and print 4 copies": 4,
                "Make two copies of this": 2,
                "scan this and print it": 1,
            },
        ),
        (
            "zh-Hans",
            {
                "扫描并打印两份": 2,
                "请帮我扫描一下这一页，然后打印3份": 3,
                "把这个扫描一下再打印出来": 1,
                "复印这张": 1,
                "把这张复印两份": 2,
                "扫描后打印十份。": 10,
            },
        ),
    ],
)
async def test_a_voice_scans_and_prints(
    house: House, scanner: str, language: str, sentences: dict[str, int]
) -> None:
    await house.hass.config.async_update(language=language)
    await print_by(house, "voice", list="todo.shopping", scanner=scanner)
    for number, (sentence, count) in enumerate(sentences.items(), 1):
        told = COPIED[language]["several" if count > 1 else "one"].format(count)
        assert await say(house.hass, sentence, language) == told
        papers = await house.came_out(number)
        assert papers[-1].options["dmCopies"] == str(count)
        assert len(house.box.printer(1).scanned) == number


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en", "Scan this and print it twice"), ("zh-Hans", "扫描并打印两份")],
)
async def test_a_voice_is_told_what_becomes_of_a_copy(
    house: House, scanner: str, language: str, sentence: str
) -> None:
    """Nothing is said to be on its way that waits or was refused, nor scanned for nothing."""
    await house.hass.config.async_update(language=language)
    await async_load_integrations(house.hass, {DOMAIN, "sensor"})
    laser, told = house.box.printer(1), COPIED[language]
    made = await print_by(house, "voice", list="todo.shopping", scanner=scanner)
    house.set_options({**house.entry.options, MAX_PAGES.key: 1})
    assert await say(house.hass, sentence, language) == told["refused"]
    assert laser.scanned == []
    house.set_options({**house.entry.options, MAX_PAGES.key: 10})
    show_state(laser, "outOfPaper")
    await house.poll()
    assert await say(house.hass, sentence, language) == told["held"]
    assert (len(laser.scanned), house.printed) == (1, [])
    await house.hass.services.async_call(
        "automation", "turn_off", {ATTR_ENTITY_ID: made}, blocking=True
    )


async def test_a_voice_without_a_scanner_copies_nothing(house: House) -> None:
    await print_by(house, "voice", list="todo.shopping")
    assert await say(house.hass, "Copy this", "en") == COPIED["en"]["none"]
    # What is no number of copies is not taken for one.
    assert (
        await say(house.hass, "Scan this and print it tomorrow", "en") not in COPIED["en"].values()
    )
    assert house.queue.jobs() == []


CANCELED = {
    "en": (
        "Letter is canceled.",
        "Menu is canceled.",
        "You have nothing here that can be canceled.",
        "Notes could not be canceled.",
        "Notes is being canceled. Part of it may have been printed.",
    ),
    "zh-Hans": (
        "已取消Letter。",
        "已取消Menu。",
        "您在这里没有可以取消的任务。",
        "Notes没能取消。",
        "正在取消Notes，可能已经打印了一部分。",
    ),
}


@pytest.mark.parametrize(
    ("language", "sentence"), [("en", "Cancel the print"), ("zh-Hans", "取消打印")]
)
async def test_a_voice_cancels_the_newest_job(
    clock: Clock, house: House, language: str, sentence: str
) -> None:
    await house.hass.config.async_update(language=language)
    letter, menu, nothing, refused, coming = CANCELED[language]
    await print_by(house, "voice", list="todo.shopping")
    house.box.printer(1).paper = 0
    await look(house.hass, clock, house.entry)
    user = await house.hass.auth.async_create_user("Anna", group_ids=[GROUP_ID_USER])
    anna = Context(user_id=user.id)
    for title, answer in (("Menu", menu), ("Letter", letter)):
        await hold(house.hass, context=anna, title=title)
        for told in (answer, nothing):
            assert await say(house.hass, sentence, language, anna) == told
    assert [job.state for job in house.queue.jobs()] == ["canceled", "canceled"]
    house.box.printer(1).paper = 500
    await look(house.hass, clock, house.entry)
    # The paper runs out once it is sent.
    await hold(house.hass, "z", anna, title="Notes")
    house.box.printer(1).paper = 0
    await elapse_until(house.hass, clock, lambda: house.queue.jobs()[0].state == "sending")
    house.cloud.fail("DELETE /print/job", Fault(kind="code", code=5002, msg="设备不在线"))
    assert await say(house.hass, sentence, language, anna) == refused
    assert await say(house.hass, sentence, language, anna) == coming
    assert house.queue.jobs()[0].state == "canceling"
    assert await say(house.hass, sentence, language, anna) == nothing
    assert house.printed == []


async def test_voice_about_a_failure_and_a_refusal(clock: Clock, house: House) -> None:
    await print_by(house, "voice", list="todo.gone")
    assert await say(house.hass, "print my shopping list", "en") == "The list could not be printed."
    house.cloud.plan(house.box.printer(1), Outcome(code=502))
    await hold(house.hass)
    await elapse_until(house.hass, clock, lambda: house.queue.jobs()[0].state == "failed")
    reported = await say(house.hass, "why is not the printer printing", "en")
    assert reported.startswith("Text was not printed: The Lianke service could not convert")
    assert house.printed == []
    house.cloud.plan(house.box.printer(1), Outcome(prints=1))
    await hold(house.hass, "y")
    await elapse_until(house.hass, clock, lambda: house.queue.jobs()[0].state == "failed")
    reported = await say(house.hass, "why is not the printer printing", "en")
    assert reported.startswith("Text may have been printed: ")
    # The paper runs out once it is sent.
    house.box.printer(1).paper = 0
    await hold(house.hass, "z")
    await elapse_until(house.hass, clock, lambda: house.queue.jobs()[0].state == "sending")
    await look(house.hass, clock, house.entry)
    reported = await say(house.hass, "why is not the printer printing", "en")
    assert reported == "Text is on its way. The printer: Out of paper."
    # What is being canceled is on no way.
    await house.queue.async_cancel(house.queue.jobs()[0].job_id)
    assert house.queue.jobs()[0].state == "canceling"
    reported = await say(house.hass, "why is not the printer printing", "en")
    assert reported == "Nothing waits. The printer: Out of paper."


async def test_arithmetic(clock: Clock, house: House) -> None:
    """Every exercise can be solved with numbers of the chosen size."""
    await print_by(
        house,
        "arithmetic",
        time=(dt_util.now() + timedelta(minutes=1)).strftime("%H:%M:%S"),
        days=["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        kinds=["plus", "minus", "times", "divided"],
        largest=30,
        tables=7,
        rows=20,
    )
    await elapse(house.hass, clock, 90)
    [job] = house.queue.jobs()
    assert job.expires_at is not None
    await elapse_until(house.hass, clock, lambda: house.printed)
    found = re.findall(r"(\d+) ([+−×÷]) (\d+) =", page_of(house.simulator))
    assert len(found) == 60
    assert {sign for _, sign, _ in found} == set("+−×÷")
    for first, sign, second in found:
        one, other = int(first), int(second)
        if sign == "+":
            assert one + other <= 30
        elif sign == "−":
            assert 0 <= other <= one <= 30
        elif sign == "×":
            assert max(one, other) <= 7
        else:
            assert one % other == 0
            assert one // other <= 7


class Painter(AITaskEntity):
    """An AI task that always draws the same."""

    _attr_supported_features = AITaskEntityFeature.GENERATE_IMAGE

    def __init__(self) -> None:
        self.entity_id = "ai_task.painter"
        self.asked: list[str] = []

    @override
    async def _async_generate_image(
        self, task: GenImageTask, chat_log: ChatLog
    ) -> GenImageTaskResult:
        self.asked.append(task.instructions)
        return GenImageTaskResult(
            image_data=picture("PNG"),
            conversation_id=chat_log.conversation_id,
            mime_type="image/png",
        )


async def test_ai_picture(tmp_path: Path, house: House) -> None:
    make_media(house.hass, tmp_path / "media")
    painter = Painter()
    assert await async_setup_component(house.hass, "homeassistant", {})
    await add(house.hass, "ai_task", [painter])
    await print_by(
        house,
        "ai_picture",
        ai="ai_task.painter",
        instructions="A cat",
        buttons=["input_button.print"],
    )
    await press(house.hass)
    [job] = await house.came_out()
    assert painter.asked == ["A cat"]
    assert job.path.read_bytes() == picture("PNG")


@pytest.mark.parametrize(
    ("language", "reported"),
    [
        ("en", ["1, 2: handed to the printer.", "could not be printed."]),
        ("zh-Hans", ["1, 2：已交给打印机。", "没能打印。"]),
    ],
)
async def test_share_from_phone(language: str, reported: list[str], house: House) -> None:
    house.hass.config.language = language
    calls = async_mock_service(house.hass, "notify", "phone")
    await print_by(house, "share_from_phone", tell=PHONE)
    house.hass.bus.async_fire("mobile_app.share", {"caller": "android-app://x"})
    house.hass.bus.async_fire("mobile_app.share", {"text": "1, 2"})
    await house.came_out()
    assert "1, 2" in page_of(house.simulator)
    # A link goes to the printer as a document, shared as such or as a text.
    events = async_capture_events(house.hass, EVENT_CALL_SERVICE)
    links = ["https://127.0.0.1/a.pdf", "https://127.0.0.1/b.pdf"]
    for data in ({"url": links[0]}, {"text": links[1]}):
        house.hass.bus.async_fire("mobile_app.share", data)
    await rest(house.hass)
    asked = [one.data["service_data"] for one in events if one.data["domain"] == DOMAIN]
    assert [data["url"] for data in asked] == links
    messages = [call.data["message"] for call in calls]
    assert messages[0] == reported[0]
    assert len(messages) == 3
    assert all(message.endswith(reported[1]) for message in messages[1:])
    assert len(house.printed) == 1


async def out_of_paper(
    clock: Clock, hass: HomeAssistant, entry: MockConfigEntry, box: Box, language: str
) -> None:
    """Take the paper out of the printer."""
    await hass.config.async_update(language=language)
    await async_load_integrations(hass, {DOMAIN, "sensor"})
    box.printer(1).paper = 0
    await look(hass, clock, entry)


@pytest.mark.parametrize(
    ("language", "paper", "person"),
    [
        (
            "en",
            "not printed yet. Waits for the printer: Out of paper.",
            "not printed yet. Waiting for approval.",
        ),
        ("zh-Hans", "还没有打印。正在等待打印机：缺纸。", "还没有打印。等待批准。"),
    ],
)
async def test_what_is_shared_and_waits(
    clock: Clock, language: str, paper: str, person: str, house: House
) -> None:
    await out_of_paper(clock, house.hass, house.entry, house.box, language)
    calls = async_mock_service(house.hass, "notify", "phone")
    await print_by(house, "share_from_phone", tell=PHONE)
    house.hass.bus.async_fire("mobile_app.share", {"text": "Hello"})
    await rest(house.hass)
    house.set_options({**house.entry.options, "approval_sources": ["nobody"]})
    house.hass.bus.async_fire("mobile_app.share", {"text": "Hello"})
    await rest(house.hass)
    colon = "Hello：" if language == "zh-Hans" else "Hello: "
    assert [call.data["message"] for call in calls] == [colon + paper, colon + person]
    assert not house.printed


ANNA, EVE, FAMILY = 4711, 666, -100200


@pytest.fixture
async def _assist(hass: HomeAssistant) -> None:
    """Set up what has pages of its own, which has to be there before Home Assistant is on a port."""
    for component in ("homeassistant", "conversation"):
        assert await async_setup_component(hass, component, {})


@pytest.fixture
async def bot(_assist: None, reachable: str, media: Path, house: House) -> AsyncGenerator[Telegram]:
    """Return Telegram, with a bot of Home Assistant's own integration that knows two people and a group."""
    async with telegram() as service:
        entry = MockConfigEntry(
            domain="telegram_bot",
            minor_version=3,
            data={"platform": "polling", "api_key": TOKEN, "api_endpoint": service.url},
            options={"parse_mode": "markdown"},
            subentries_data=[
                ConfigSubentryData(
                    data={"chat_id": chat},
                    subentry_type="allowed_chat_ids",
                    title=str(chat),
                    unique_id=str(chat),
                )
                for chat in (ANNA, EVE, FAMILY)
            ],
        )
        entry.add_to_hass(house.hass)
        assert await house.hass.config_entries.async_setup(entry.entry_id)
        yield service
        assert await house.hass.config_entries.async_unload(entry.entry_id)


async def telegram_to_paper(house: House, media: Path) -> None:
    """Print what Anna sends."""
    await print_by(house, "telegram_to_paper", people=[str(ANNA)], folder=str(media / "telegram"))


async def test_telegram_to_paper(house: House, bot: Telegram, media: Path) -> None:
    """Documents and photos of who may print are, and answered; others are told that they may not."""
    await telegram_to_paper(house, media)
    pdf, photo = make_pdf(2), picture("JPEG")
    bot.send(ANNA, **bot.document("../Letter of *Anna*.PDF", pdf))
    await until(lambda: bot.answers)
    bot.send(ANNA, chat_id=FAMILY, caption="At the lake", **bot.photo(photo))
    await until(lambda: len(bot.answers) == 2)
    bot.send(EVE, **bot.document("advertising.pdf", pdf))
    await until(lambda: len(bot.answers) == 3)
    # Not meant for the printer; and nobody whom the bot does not know is answered.
    bot.send(EVE, chat_id=FAMILY, **bot.photo(photo))
    bot.send(999, **bot.photo(photo))
    # A caption that is edited later.
    bot.send(ANNA, **bot.document("plan.pdf", pdf))
    await until(lambda: len(bot.answers) == 4)
    bot.send(ANNA, edited=True, caption="Our plan", **bot.document("plan.pdf", pdf))
    bot.send(ANNA, **bot.document("no.pdf", b"PK of something"))
    bot.send(ANNA, **bot.document("film.pdf", bytes(MAX_FILE + 1)))
    await until(lambda: len(bot.answers) == 6)
    # Commands for the printer are no document.
    bot.send(ANNA, **bot.document("code.PR-N", b"\x1b%-12345X@PJL INFO ID"))
    await until(lambda: len(bot.answers) == 7)
    plain = {"parse_mode": None}
    log = "the log of Home Assistant says what is wrong with this one."
    assert bot.answers == [
        plain | {"chat_id": chat_id, "to": to, "text": text}
        for chat_id, to, text in (
            (ANNA, 100, "../Letter of *Anna*.PDF is printed."),
            (FAMILY, 101, "At the lake is printed."),
            (EVE, 102, "You may not print here."),
            (ANNA, 105, "plan.pdf is printed."),
            (ANNA, 107, f"no.pdf is not printed. Documents and photos can be; {log}"),
            (
                ANNA,
                108,
                "film.pdf is not printed: it is larger than 20 MB, and Telegram hands over no such file to a bot.",
            ),
            (ANNA, 109, f"code.PR-N is not printed. Documents and photos can be; {log}"),
        )
    ]
    assert [job.path.read_bytes() for job in house.printed] == [pdf, photo, pdf]
    # One file a type stays, whatever they are called.
    assert {file.name for file in (media / "telegram").iterdir()} == {
        "telegram.file",
        "telegram.jpg",
        "telegram.pdf",
    }


async def test_telegram_to_paper_that_waits(
    clock: Clock, house: House, bot: Telegram, media: Path
) -> None:
    house.hass.config.language = "zh-Hans"
    house.set_options({"approval_sources": ["nobody"]})
    await telegram_to_paper(house, media)
    bot.send(ANNA, **bot.photo(picture("JPEG")))
    bot.send(EVE, **bot.photo(picture("JPEG")))
    await until(lambda: len(bot.answers) == 2)
    assert [answer["text"] for answer in bot.answers] == [
        "“照片”还没有打印。等待批准。",
        "您不能在这里打印。",
    ]
    assert not house.printed
    # The paper runs out once it is sent.
    house.set_options({"approval_sources": []})
    house.box.printer(1).paper = 0
    bot.send(ANNA, **bot.photo(picture("PNG")))
    await until(lambda: house.sent)
    async with hurrying(clock, house.hass):
        await until(lambda: len(bot.answers) == 3)
    assert bot.answers[2]["text"] == "“照片”已交给打印机。打印机状态：缺纸。"


class Reader(AITaskEntity):
    """An AI task that reads the same questions on each photo, or what it is told to."""

    _attr_supported_features = (
        AITaskEntityFeature.GENERATE_DATA | AITaskEntityFeature.SUPPORT_ATTACHMENTS
    )

    def __init__(self) -> None:
        self.entity_id = "ai_task.reader"
        self.photos: list[bytes] = []
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.data: Any = {
            "questions": [
                {"question": "3 < x < 5, x is whole.\nWhat is *x*?", "answer": "x = 4"},
                {"question": "<script>alert(1)</script>", "answer": "<b>None</b>"},
            ]
        }

    @override
    async def _async_generate_data(self, task: GenDataTask, chat_log: ChatLog) -> GenDataTaskResult:
        [photo] = task.attachments or []
        self.photos.append(await self.hass.async_add_executor_job(photo.path.read_bytes))
        await self.goes_on.wait()
        if self.data is None:
            raise HomeAssistantError("The provider is not reached")
        assert task.structure is not None
        data = task.structure(self.data)
        return GenDataTaskResult(conversation_id=chat_log.conversation_id, data=data)


@pytest.fixture
async def reader(house: House) -> Reader:
    """Return an AI task that reads."""
    reader = Reader()
    assert await async_setup_component(house.hass, "homeassistant", {})
    await add(house.hass, "ai_task", [reader])
    return reader


@pytest.mark.parametrize(
    ("language", "missing"),
    [
        ("en", ["The AI task has found no question", "The AI task could not read the photo."]),
        ("zh-Hans", ["AI 任务在照片上没有找到题目。", "AI 任务没能读取照片"]),
    ],
)
async def test_wrong_questions_at_a_button(
    language: str, missing: list[str], house: House, reader: Reader
) -> None:
    """Questions come out first, their answers on a sheet of their own; who may not press is left alone."""
    house.hass.config.language = language
    calls = async_mock_service(house.hass, "notify", "phone")
    await add(house.hass, "camera", [Door(picture("JPEG"))])
    anna, ben = [
        await house.hass.auth.async_create_user(name, group_ids=[GROUP_ID_USER])
        for name in ("Anna", "Ben")
    ]
    house.hass.states.async_set("person.anna", "home", {"user_id": anna.id})
    await print_by(
        house,
        "wrong_questions",
        ai="ai_task.reader",
        picture="camera.door",
        buttons=["input_button.print"],
        people=["person.anna"],
        tell=PHONE,
    )

    async def press_as(user: User | None) -> None:
        await press(house.hass, Context(user_id=user.id if user else None))
        await rest(house.hass)

    await press_as(ben)
    await press_as(None)
    assert (reader.photos, house.queue.jobs()) == ([], [])
    await press_as(anna)
    await house.came_out(2)
    assert reader.photos == [picture("JPEG")]
    questions, answers = page_of(house.simulator, 0), page_of(house.simulator, 1)
    asked = r"<strong>1\.</strong> 3 &lt; x &lt; 5, x is whole\.<br ?/?>\s*What is \*x\*\?</p>"
    assert re.search(asked, questions)
    assert "<strong>2.</strong> &lt;script&gt;alert(1)&lt;/script&gt;" in questions
    assert "x = 4" not in questions
    assert "<strong>1.</strong> x = 4</p>" in answers
    assert "&lt;b&gt;None&lt;/b&gt;" in answers
    # Space to write in.
    assert (questions.count("<p>\xa0</p>"), answers.count("<p>\xa0</p>")) == (8, 0)
    assert {job.spec.asker.user_id for job in house.queue.jobs()} == {anna.id}
    assert calls == []
    reader.data = {"questions": []}
    await press_as(anna)
    reader.data = None
    await press_as(anna)
    assert [
        call.data["message"][: len(text)] for call, text in zip(calls, missing, strict=True)
    ] == missing
    assert len(house.printed) == 2


async def test_wrong_questions_that_wait(house: House, reader: Reader) -> None:
    """Whoever has to ask before printing does so here as well, and is told that nothing is printed yet."""
    await add(house.hass, "camera", [Door(picture("JPEG"))])
    house.set_options({"approval_sources": ["automation"]})
    await print_by(
        house,
        "wrong_questions",
        ai="ai_task.reader",
        picture="camera.door",
        buttons=["input_button.print"],
    )
    await press(house.hass)
    await rest(house.hass)
    assert [job.current_delivery.hold_reason for job in house.queue.jobs()] == [
        "approval",
        "approval",
    ]
    [(title, message)] = notices(house.hass)
    assert (title, message) == (
        "The questions are not printed yet",
        escape_markdown("Waiting for approval."),
    )
    assert not house.printed


async def test_wrong_questions_of_a_folder(
    clock: Clock, media: Path, house: House, reader: Reader
) -> None:
    """Each photo that is put there is read once; answers are left out where nobody wants them."""
    folder = media / "homework"
    folder.mkdir()
    await watch(house.hass, media)
    await print_by(
        house, "wrong_questions", ai="ai_task.reader", folder=f"{folder}/", answers=False
    )

    def put() -> None:
        (folder / "notes.txt").write_text("none")
        (folder / "my test.part").write_bytes(picture("PNG"))
        (folder / "my test.part").rename(folder / "my test.PNG")
        # Written, and opened once more.
        (folder / "1.jpg").write_bytes(picture("JPEG"))
        with (folder / "1.jpg").open("ab"):
            pass
        # Moved here from elsewhere.
        (media / "2.webp").write_bytes(picture("WEBP"))
        (media / "2.webp").rename(folder / "2.webp")

    def put_many() -> None:
        for number in range(21):
            (folder / f"{number}.png").write_bytes(picture("PNG"))

    await change(house, clock, put, ("moved", media / "2.webp"), 30)
    assert reader.photos == [picture("PNG"), picture("JPEG"), picture("WEBP")]
    assert len(house.queue.jobs()) == 3
    # The upload stalls.
    slow = folder / "slow.jpg"
    with slow.open("wb", 0) as file:
        await change(house, clock, lambda: file.write(picture("JPEG")[:50]), ("modified", slow), 20)
        assert len(reader.photos) == 3
        file.write(picture("JPEG")[50:])
        await change(house, clock, file.close, ("closed", slow), 20)
    assert reader.photos[3:] == [picture("JPEG")]
    # Another one takes its place while it is read.
    reader.goes_on.clear()
    await change(house, clock, lambda: slow.write_bytes(picture("PNG")), ("closed", slow), 10)
    await change(house, clock, lambda: slow.write_bytes(picture("WEBP")), ("closed", slow), 10)
    reader.goes_on.set()
    await elapse(house.hass, clock, 10)
    assert reader.photos[4:] == [picture("PNG"), picture("WEBP")]
    # Without a question, no sheet shows what was read; and they are many.
    reader.data = {"questions": []}
    await change(house, clock, put_many, ("closed", folder / "20.png"), 200)
    assert len(reader.photos) == 6 + 21
    assert len(house.queue.jobs()) == 6


class Sky(WeatherEntity):
    """A weather service with a forecast for today."""

    _attr_supported_features = WeatherEntityFeature.FORECAST_DAILY
    _attr_native_temperature_unit = "°C"
    _attr_native_temperature = 3.0
    _attr_condition = "rainy"

    def __init__(self) -> None:
        self.entity_id = "weather.home"

    @override
    async def async_forecast_daily(self) -> list[Forecast]:
        return [
            Forecast(
                datetime=dt_util.now().isoformat(),
                condition="lightning-rainy",
                native_temperature=9,
                native_templow=2,
                precipitation_probability=80,
            )
        ]


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_morning_briefing(clock: Clock, language: str, house: House) -> None:
    now = dt_util.now()
    events = [
        CalendarEvent(
            start=now + timedelta(hours=4), end=now + timedelta(hours=5), summary="牙医 *Dr* #1"
        ),
        CalendarEvent(start=now.date(), end=now.date() + timedelta(days=1), summary="Birthday"),
        # Of somebody who is elsewhere.
        CalendarEvent(
            start=(now + timedelta(hours=3)).astimezone(UTC),
            end=(now + timedelta(hours=4)).astimezone(UTC),
            summary="Call",
        ),
        # It began yesterday, and has no time today.
        CalendarEvent(
            start=now - timedelta(hours=20), end=now + timedelta(hours=2), summary="Night"
        ),
    ]
    await add(house.hass, "calendar", [Family(events)])
    await add(house.hass, "weather", [Sky()])
    automation = await print_by(
        house,
        "morning_briefing",
        time=(now + timedelta(minutes=1)).strftime("%H:%M:%S"),
        language=language,
        weather=["weather.home"],
        calendars=["calendar.family"],
        lists=["todo.shopping"],
    )
    await elapse(house.hass, clock, 70)
    [job] = house.queue.jobs()
    assert job.expires_at is not None
    assert job.expires_at - job.created_at == timedelta(hours=3)
    assert job.spec.replace_key == f"morning-briefing-{automation}"
    await elapse(house.hass, clock, 120)
    page = page_of(house.simulator)
    time = (now + timedelta(hours=4)).strftime("%H:%M")
    for text in (
        ("<h2>天气</h2>", "雷阵雨 2 – 9 °C，降水概率 80 %", "<h2>日程</h2>", "<h2>待办</h2>")
        if language == "zh"
        else (
            "<h2>Weather</h2>",
            "lightning rainy 2 – 9 °C, precipitation 80 %",
            "<h2>Calendar</h2>",
            "<h2>Tasks</h2>",
        )
    ):
        assert text in page
    # What people write is shown as they wrote it, not taken for Markdown.
    assert f"<li>{time} 牙医 *Dr* #1</li>" in page
    assert "<li>Birthday</li>" in page
    assert "<li>Night</li>" in page
    assert page.index("Birthday") < page.index("Call") < page.index("牙医")
    assert "<li>☐ 牛奶</li>" in page
    assert "<li>☐ &lt;script&gt;</li>" in page
    assert "面包" not in page


@pytest.mark.parametrize("chosen", [[], ["gone"]])
async def test_a_briefing_of_nothing_prints_nothing(chosen: list[str], house: House) -> None:
    """Neither if nothing was chosen nor if nothing of it can be read."""
    await add(house.hass, "calendar", [Family([])])
    await add(house.hass, "weather", [Sky()])
    automation = await print_by(
        house,
        "morning_briefing",
        weather=[f"weather.{one}" for one in chosen],
        calendars=[f"calendar.{one}" for one in chosen],
        lists=[f"todo.{one}" for one in chosen],
    )
    calls = async_capture_events(house.hass, EVENT_CALL_SERVICE)
    await trigger(house.hass, automation)
    asked = ["weather", "calendar", "todo"] if chosen else []
    assert [event.data["domain"] for event in calls] == ["automation", *asked]
    state = house.hass.states.get(automation)
    assert state is not None
    assert state.attributes["last_triggered"] is not None
    assert house.queue.jobs() == []


async def test_a_briefing_says_what_could_not_be_read(house: House) -> None:
    await add(house.hass, "calendar", [Family([])])
    await add(house.hass, "weather", [Sky()])
    automation = await print_by(
        house,
        "morning_briefing",
        weather=["weather.home", "weather.gone"],
        calendars=["calendar.family", "calendar.gone"],
        lists=["todo.gone"],
    )
    await trigger(house.hass, automation)
    await house.came_out()
    page = page_of(house.simulator)
    assert page.count("<p>Not all of it could be read.</p>") == 3
    assert page.count("<h2>Weather</h2>") == 1
    assert "Nothing" not in page


async def test_only_the_newest_briefing_waits(clock: Clock, house: House) -> None:
    automation = await print_by(house, "morning_briefing", lists=["todo.shopping"])
    house.box.printer(1).plugged = False
    await look(house.hass, clock, house.entry)
    for _ in range(2):
        await trigger(house.hass, automation)
    assert [job.state for job in house.queue.jobs()] == ["held", "canceled"]
    await elapse(house.hass, clock, 3 * 3600 + 60, 600)
    assert [job.state for job in house.queue.jobs()] == ["expired", "canceled"]
    assert house.printed == []


async def look(hass: HomeAssistant, clock: Clock, entry: MockConfigEntry) -> None:
    """See what has changed at the box."""
    clock.tick(61)
    await data_of(entry).coordinator.async_refresh()
    await rest(hass)


async def test_doorbell_photo(clock: Clock, house: House) -> None:
    await add(house.hass, "camera", [Door(picture("JPEG"))])
    house.hass.states.async_set("binary_sensor.bell", "off")
    bell = {"event_types": ["ring", "motion"]}
    house.hass.states.async_set("event.bell", "unknown", bell)
    await print_by(
        house,
        "doorbell_photo",
        doorbells=["binary_sensor.bell", "event.bell"],
        camera="camera.door",
    )
    queue = house.queue
    house.hass.states.async_set(
        "event.bell", "2026-11-24T10:00:00", bell | {"event_type": "motion"}
    )
    await rest(house.hass)
    assert queue.jobs() == []
    for state in ("on", "off", "on"):
        house.hass.states.async_set("binary_sensor.bell", state)
        await rest(house.hass)
    [job] = queue.jobs()
    assert job.expires_at is not None
    assert job.expires_at - job.created_at == timedelta(minutes=10)
    await elapse(house.hass, clock, 65)
    house.hass.states.async_set("event.bell", "2026-11-24T10:01:05", bell | {"event_type": "ring"})
    await rest(house.hass)
    assert len(queue.jobs()) == 2
    await elapse(house.hass, clock, 60)
    assert [job.path.read_bytes() for job in house.printed] == [picture("JPEG")] * 2


async def hold(
    hass: HomeAssistant, text: str = "x", context: Context | None = None, **more: Any
) -> None:
    """Print something."""
    await ask(hass, "print", context, device_id=device_of(hass), text=text, **more)
    await rest(hass)


async def use_tell_me(hass: HomeAssistant, copies: Path, **inputs: Any) -> None:
    """Make an automation of the blueprint that 0.1.0 has copied and that is offered no more."""
    await hass.async_add_executor_job(
        shutil.copytree, TELL_ME_OF_0_1_0 / "automation" / DOMAIN, copies
    )
    await automate(hass, "tell_me", status=STATUS, waiting=WAITING, job=JOB, **inputs)


async def test_tell_me_of_0_1_0(clock: Clock, copies: Path, house: House) -> None:
    await use_tell_me(house.hass, copies, language="en")
    await hold(house.hass, "comes out")
    await elapse_until(house.hass, clock, lambda: house.printed)
    await elapse(house.hass, clock, 60)
    assert len(house.printed) == 1
    assert notices(house.hass) == []
    house.cloud.plan(house.box.printer(1), Outcome(code=502))
    await hold(house.hass, "fails")
    await elapse_until(house.hass, clock, lambda: notices(house.hass))
    await elapse(house.hass, clock, 60)
    [(title, message)] = notices(house.hass)
    assert title == "Kyocera MA2000w GX: a job failed"
    # The sidebar renders Markdown.
    assert escape_markdown("(文件转换失败)") in message
    house.box.printer(1).paper = 0
    await look(house.hass, clock, house.entry)
    assert house.hass.states.is_state(STATUS, "out_of_paper")
    await elapse(house.hass, clock, 300, 100)
    assert len(notices(house.hass)) == 1  # no job waits
    await hold(house.hass)
    await elapse(house.hass, clock, 110, 55)
    assert len(notices(house.hass)) == 1  # for less than two minutes
    await elapse(house.hass, clock, 20, 10)
    assert [one for one, _ in notices(house.hass)] == [title, "Kyocera MA2000w GX: Out of paper"]


PHONE = [
    {"action": "notify.phone", "data": {"title": "{{ title }}", "message": "{{ message }}"}},
]


@pytest.mark.parametrize(
    ("language", "title", "message", "other"),
    [
        ("en", "Kyocera MA2000w GX: Out of paper", "Jobs wait for it.", "Paper jam"),
        ("zh-Hans", "Kyocera MA2000w GX：缺纸", "有任务在等待打印。", "卡纸"),
    ],
)
async def test_messages_of_paper(
    clock: Clock, language: str, title: str, message: str, other: str, house: House
) -> None:
    house.hass.config.language = language
    calls = async_mock_service(house.hass, "notify", "phone")
    await print_by(house, "printer_messages", tell=PHONE)
    house.box.printer(1).paper = 0
    await look(house.hass, clock, house.entry)
    await elapse(house.hass, clock, 300, 100)
    assert calls == []  # no job waits
    await hold(house.hass)
    await elapse(house.hass, clock, 110, 55)
    assert calls == []  # for less than two minutes
    await elapse(house.hass, clock, 20, 10)
    await until(lambda: calls)
    assert [dict(call.data) for call in calls] == [{"title": title, "message": message}]
    # It goes on: more jobs, contact lost and found.
    await hold(house.hass, "y")
    house.box.online = False
    await look(house.hass, clock, house.entry)
    await elapse(house.hass, clock, 300, 100)
    house.box.online = True
    await look(house.hass, clock, house.entry)
    await elapse(house.hass, clock, 300, 100)
    assert len(calls) == 1
    house.box.printer(1).paper = 100
    await look(house.hass, clock, house.entry)
    await elapse_until(house.hass, clock, lambda: house.hass.states.is_state(WAITING, "0"))
    # A fault for a moment only.
    house.box.printer(1).paper = 0
    await look(house.hass, clock, house.entry)
    await hold(house.hass, "z")
    house.box.printer(1).paper = 100
    await look(house.hass, clock, house.entry)
    await elapse(house.hass, clock, 300, 100)
    assert len(calls) == 1
    house.box.printer(1).paper = 0
    await look(house.hass, clock, house.entry)
    await hold(house.hass, "a")
    # It turns into another one.
    show_state(house.box.printer(1), "paperJam")
    await look(house.hass, clock, house.entry)
    await elapse(house.hass, clock, 150, 50)
    await until(lambda: len(calls) == 2)
    assert calls[1].data["title"].endswith(other)
    show_state(house.box.printer(1), "idle")
    house.box.printer(1).raw_state = None
    await look(house.hass, clock, house.entry)
    await elapse_until(house.hass, clock, lambda: all(job.is_final for job in house.queue.jobs()))
    # It runs out in the midst of a job.
    house.box.printer(1).paper = 0
    await hold(house.hass, "b")
    await elapse_until(house.hass, clock, lambda: house.queue.jobs()[0].state == "sending")
    await look(house.hass, clock, house.entry)
    await elapse(house.hass, clock, 150, 50)
    await until(lambda: len(calls) == 3)


async def test_messages_of_what_is_not_chosen(clock: Clock, house: House) -> None:
    """To choose nothing means nothing, not anything."""
    calls = async_mock_service(house.hass, "notify", "phone")
    await print_by(house, "printer_messages", faults=[], outcomes=[], tell=PHONE)
    house.cloud.plan(house.box.printer(1), Outcome(code=502))
    await hold(house.hass)
    await elapse_until(house.hass, clock, lambda: house.queue.jobs()[0].state == "failed")
    house.box.printer(1).paper = 0
    await look(house.hass, clock, house.entry)
    await hold(house.hass)
    await elapse(house.hass, clock, 300, 100)
    assert calls == []


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "Kyocera MA2000w GX: a job failed"),
        ("zh-Hans", "Kyocera MA2000w GX：打印失败"),
    ],
)
async def test_messages_of_a_failure(clock: Clock, language: str, title: str, house: House) -> None:
    house.hass.config.language = language
    await print_by(house, "printer_messages")
    await hold(house.hass, "comes out")
    await elapse_until(house.hass, clock, lambda: house.printed)
    await elapse(house.hass, clock, 60)
    assert notices(house.hass) == []
    house.cloud.plan(house.box.printer(1), Outcome(code=502))
    await hold(house.hass, "fails", title="![fails](x)")
    await elapse_until(house.hass, clock, lambda: notices(house.hass))
    [(reported, message)] = notices(house.hass)
    assert reported == title
    assert message.startswith(escape_markdown("![fails](x)"))
    # The sidebar renders Markdown.
    assert "文件转换失败" in message
    assert escape_markdown(" (文件转换失败)" if language == "en" else "文件转换失败") in message


async def elapse_until(hass: HomeAssistant, clock: Clock, condition: Callable[[], object]) -> None:
    """Let time pass until something has come true, for ten minutes at most."""
    for _ in range(120):
        if condition():
            return
        await elapse(hass, clock, 5)
    raise TimeoutError


async def test_folder(clock: Clock, tmp_path: Path, house: House) -> None:
    folder = make_media(house.hass, tmp_path / "print")
    slow, slower, gone = (folder / f"{name}.pdf" for name in ("slow", "slower", "gone"))
    await watch(house.hass, folder)
    # So long that what a busy machine adds to it does not count.
    await print_by(house, "folder", folder=f"{folder}/", still=50)
    calls = async_capture_events(house.hass, EVENT_CALL_SERVICE)
    pdf = make_pdf(2)

    def printed() -> int:
        return [call.data["service"] for call in calls].count("print")

    def put_others() -> None:
        for name in (".hidden.pdf", "~$open.docx", "tool.exe"):
            (folder / name).write_bytes(pdf)
        (folder / "below").mkdir()
        (folder / "below" / "other.pdf").write_bytes(pdf)
        (tmp_path / "moved.pdf").rename(folder / "moved.pdf")
        (folder / "upload.part").write_bytes(pdf)
        (folder / "upload.part").rename(folder / "renamed.pdf")

    for name in (gone.name, "moved.pdf"):
        (tmp_path / name).write_bytes(pdf)
    # Behind one upload waits another, which pauses as its turn comes, and ends later.
    with slow.open("wb", 0) as file, slower.open("wb", 0) as other:
        await change(house, clock, lambda: file.write(pdf[:99]), ("modified", slow), 20)
        await change(house, clock, lambda: other.write(pdf[:99]), ("modified", slower), 20)
        await change(house, clock, lambda: file.write(pdf[99:]), ("modified", slow), 40)
        await change(house, clock, file.close, ("closed", slow), 40)
        await change(house, clock, lambda: other.write(pdf[99:]), ("modified", slower), 40)
        await change(house, clock, other.close, ("closed", slower), 20)
    # The time of a copy is often set after it was closed.
    await change(house, clock, lambda: os.utime(slower, (0, 0)), ("modified", slower), 90)
    await elapse_until(house.hass, clock, lambda: len(house.printed) == 2)
    assert [(job.name, job.path.read_bytes()) for job in house.printed] == [
        (slow.name, pdf),
        (slower.name, pdf),
    ]
    await change(house, clock, lambda: (tmp_path / gone.name).rename(gone), ("created", gone), 20)
    await change(house, clock, gone.unlink, ("deleted", gone), 90)
    assert printed() == 2
    await change(house, clock, put_others, ("moved", folder / "upload.part"), 90)
    await elapse_until(house.hass, clock, lambda: len(house.printed) == 4)
    assert {job.name for job in house.printed[2:]} == {"moved.pdf", "renamed.pdf"}
    # What is put there again is printed again.
    await change(house, clock, lambda: slow.write_bytes(pdf), ("closed", slow), 90)
    await elapse_until(house.hass, clock, lambda: len(house.printed) == 5)
    await elapse(house.hass, clock, 200)
    assert printed() == 5


async def plug(
    hass: HomeAssistant, clock: Clock, entry: MockConfigEntry, box: Box, **inputs: Any
) -> None:
    """Use the plug's blueprint; the printer hangs on this plug and is off."""

    def power(event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        box.printer(1).plugged = state is not None and state.state == "on"

    assert await async_setup_component(
        hass, "input_boolean", {"input_boolean": {"plug": {"initial": False}}}
    )
    assert await async_setup_component(
        hass,
        "template",
        {
            "template": {
                "switch": {
                    "default_entity_id": "switch.plug",
                    "name": "Plug",
                    "state": "{{ is_state('input_boolean.plug', 'on') }}",
                    "turn_on": {
                        "action": "input_boolean.turn_on",
                        "target": {"entity_id": "input_boolean.plug"},
                    },
                    "turn_off": {
                        "action": "input_boolean.turn_off",
                        "target": {"entity_id": "input_boolean.plug"},
                    },
                }
            }
        },
    )
    await hass.async_block_till_done()
    async_track_state_change_event(hass, "switch.plug", callback(power))
    box.printer(1).plugged = False
    await look(hass, clock, entry)
    await use(
        hass,
        "smart_plug",
        plug="switch.plug",
        status=STATUS,
        waiting=WAITING,
        **inputs,
    )


async def test_smart_plug(clock: Clock, house: House) -> None:
    other = make_entry(house.simulator, twin_of(house.simulator), title="Home box")
    assert await set_up(house.hass, other)
    await plug(house.hass, clock, house.entry, house.box)
    await elapse(house.hass, clock, 900, 60)
    assert is_on(house.hass) is False
    await hold(house.hass)
    await elapse(house.hass, clock, 5)
    assert is_on(house.hass) is True
    assert house.printed == []
    passed = 0
    while not house.printed:
        assert is_on(house.hass) is True
        assert passed < 300
        await elapse(house.hass, clock, 5)
        passed += 5
    await elapse(house.hass, clock, 9 * 60, 30)
    assert is_on(house.hass) is True
    # A job is on its way, and the printer idle still.
    house.cloud.fail("POST /print/job", Fault(kind="timeout"))
    await hold(house.hass)
    await elapse(house.hass, clock, 4 * 60, 30)
    assert house.queue.jobs()[0].state == "uploading"
    assert house.hass.states.is_state(WAITING, "0")
    await trigger(house.hass, "automation.smart_plug")
    assert is_on(house.hass) is True
    # It scans, as one of the integration's entities says.
    scanner, *_, elsewhere = house.hass.states.async_entity_ids("notify")
    known = {"options": ["idle", "scanning", "waiting"]}
    house.hass.states.async_set(scanner, "waiting", known)
    await elapse(house.hass, clock, 11 * 60, 30)
    assert is_on(house.hass) is True
    house.hass.states.async_set(scanner, "idle", known)
    await elapse(house.hass, clock, 9 * 60, 30)
    assert is_on(house.hass) is True
    # Another box's scanner has nothing to do with it.
    house.hass.states.async_set(elsewhere, "offline", known)
    await elapse(house.hass, clock, 6 * 60, 30)
    assert is_on(house.hass) is False
    assert len(house.printed) == 1


async def test_smart_plug_in_quiet_hours(clock: Clock, house: House) -> None:
    now = dt_util.now()
    quiet = [(now + timedelta(hours=hours)).strftime("%H:%M:%S") for hours in (-1, 1)]
    house.set_options({"quiet_from": quiet[0], "quiet_to": quiet[1]})
    await plug(house.hass, clock, house.entry, house.box, quiet_from=quiet[0], quiet_until=quiet[1])
    await hold(house.hass)
    await elapse(house.hass, clock, 900, 60)
    assert house.hass.states.get(WAITING).state == "1"  # type: ignore[union-attr] # is there
    assert is_on(house.hass) is False
    await elapse(house.hass, clock, 3600, 60)
    assert len(house.printed) == 1


async def test_smart_plug_left_on_by_a_restart(clock: Clock, house: House) -> None:
    await plug(house.hass, clock, house.entry, house.box)
    await house.hass.services.async_call(
        "automation", "turn_off", {"entity_id": "automation.smart_plug"}
    )
    await house.hass.services.async_call(
        "switch", "turn_on", {"entity_id": "switch.plug"}, blocking=True
    )
    await look(house.hass, clock, house.entry)
    await house.hass.services.async_call(
        "automation", "turn_on", {"entity_id": "automation.smart_plug"}, blocking=True
    )
    await elapse(house.hass, clock, 5 * 60, 30)
    assert is_on(house.hass) is True
    await elapse(house.hass, clock, 11 * 60, 30)
    assert is_on(house.hass) is False


def is_on(hass: HomeAssistant) -> bool:
    """Return whether the plug is on."""
    return hass.states.is_state("switch.plug", "on")


async def test_invoices_of_the_month(clock: Clock, tmp_path: Path, house: House) -> None:
    """21 invoices on a day of the month, in two calls; none on the other days."""
    folder = make_media(house.hass, tmp_path / "media") / "invoices"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number:02}.pdf").write_bytes(make_pdf(1, f"Invoice {number}"))
    (folder / "last.PNG").write_bytes(picture("PNG"))
    (folder / "notes.txt").write_text("none of them")
    sensor = FOLDER_SCHEMA({"platform": "folder", "folder": str(folder)})
    await house.hass.data[DATA_INSTANCES]["sensor"].async_setup_platform("folder", sensor)
    await house.hass.async_block_till_done()
    day = (dt_util.now() + timedelta(days=2)).day
    await print_by(
        house,
        "invoices",
        folder="sensor.invoices",
        day=day,
        time=f"{dt_util.now() + timedelta(minutes=5):%H:%M}:00",
    )
    # The hour of the day before passes.
    await elapse(house.hass, clock, 26 * 3600, 2 * 3600)
    assert house.queue.jobs() == []
    await elapse(house.hass, clock, 20 * 3600, 2 * 3600)
    assert house.queue.jobs() == []
    await elapse(house.hass, clock, 2 * 3600 + 600, 600)
    jobs = await house.came_out(2)
    assert sorted(job.pages for job in jobs if job.pages) == [1, 10]
    assert {job.options["jpScale"] for job in jobs} == {"fit"}
    # The same again is not printed.
    await trigger(house.hass, "automation.invoices")
    await elapse(house.hass, clock, 86400 + 600, 2 * 3600)
    # Later it is; others come out also where one of the first twenty cannot be printed, and once.
    (folder / "00.pdf").write_bytes(b"%PDF-1.4 damaged")
    await trigger(house.hass, "automation.invoices")
    await trigger(house.hass, "automation.invoices")
    assert [job.pages for job in (await house.came_out(3))[2:]] == [1]


async def test_print_when_there(house: House) -> None:
    """A tag, a person's arrival or a sensor releases what waits for it, and nothing else does."""
    people = [
        await house.hass.auth.async_create_user(name, group_ids=[GROUP_ID_USER])
        for name in ("Anna", "Ben")
    ]
    house.set_options({"release_users": [user.id for user in people]})
    house.hass.states.async_set("person.anna", "unknown", {"user_id": people[0].id})
    house.hass.states.async_set("binary_sensor.hall", "off")
    await print_by(
        house,
        "print_when_there",
        tag="at-the-printer",
        presence=["person.anna", "binary_sensor.hall"],
        person="person.anna",
    )

    async def prints(text: str) -> None:
        for user in people:
            data = {"text": text, "title": f"{text} of {user.name}"}
            await house.ask("print", Context(user_id=user.id), device_id=house.device(), **data)

    await prints("first")
    # Neither another tag nor what Home Assistant finds at its start.
    house.hass.bus.async_fire("tag_scanned", {"tag_id": "elsewhere"})
    house.hass.bus.async_fire("tag_scanned", {"tag_id": ""})
    house.hass.states.async_set("person.anna", "home", {"user_id": people[0].id})
    await rest(house.hass)
    assert house.printed == []
    house.hass.bus.async_fire("tag_scanned", {"tag_id": "at-the-printer"})
    await house.came_out(1)
    await prints("second")
    for state in ("not_home", "home"):
        house.hass.states.async_set("person.anna", state, {"user_id": people[0].id})
    await house.came_out(2)
    await prints("third")
    house.hass.states.async_set("binary_sensor.hall", "on")
    await house.came_out(3)
    await rest(house.hass)
    waiting = [job for job in house.queue.jobs() if job.current_delivery.hold_reason == "release"]
    assert {job.spec.title for job in waiting} == {
        f"{one} of Ben" for one in ("first", "second", "third")
    }
    # The jobs of nobody, such as an automation's, are not those of a person without a user.
    house.set_options({"release_printers": [waiting[0].spec.printer_key]})
    job = await house.print_one(text="x", wait=False)
    assert job["hold_reason"] == "release"
    house.hass.states.async_set("person.anna", "home")
    house.hass.bus.async_fire("tag_scanned", {"tag_id": "at-the-printer"})
    await rest(house.hass)
    assert house.queue.get(job["job_id"]).current_delivery.hold_reason == "release"


@pytest.mark.parametrize("coded", [False, True])
async def test_print_when_there_and_codes(coded: bool, house: House) -> None:
    """What needs a code is left out, unless the automation's owner wants it."""
    inputs = {"coded": True} if coded else {}
    await print_by(house, "print_when_there", tag="there", **inputs)
    await house.print_one(text="x", release_code="4711", wait=False)
    house.hass.bus.async_fire("tag_scanned", {"tag_id": "there"})
    if coded:
        await house.came_out(1)
    await rest(house.hass)
    assert len(house.printed) == coded


async def test_print_when_there_by_a_sensor_alone(house: House) -> None:
    """Everybody's jobs are released then; a tag without an ID releases nothing."""
    key = next(iter(house.data.storage.printers))
    house.set_options({"release_printers": [key]})
    house.hass.states.async_set("binary_sensor.hall", "off")
    await print_by(house, "print_when_there", presence=["binary_sensor.hall"])
    await house.print_one(text="x", wait=False)
    house.hass.bus.async_fire("tag_scanned", {"tag_id": ""})
    await rest(house.hass)
    assert house.printed == []
    house.hass.states.async_set("binary_sensor.hall", "on")
    await house.came_out(1)
