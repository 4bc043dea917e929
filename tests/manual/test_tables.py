"""The tables of the READMEs and the manual, held against the code."""

from collections.abc import Mapping
import json
from pathlib import Path
import re
from typing import Any

import pytest

from custom_components.lianke.api.options import (
    ALIGNMENTS,
    COLORS,
    DUPLEX,
    EXCEL_FITS,
    MANUAL_DUPLEX,
    OPTION_NAMES,
    ORIENTATIONS,
    QUALITIES,
    SCALES,
)
from custom_components.lianke.binary_sensor import CONNECTIVITY, PRINTER_CONDITIONS, PROBLEM
from custom_components.lianke.box.printer_status import PrinterStatus
from custom_components.lianke.button import (
    BOX_BUTTONS,
    CANCEL_WAITING_JOBS,
    RELEASE_JOBS,
    RESET_ERROR_LIMIT,
    SCAN_BUTTON,
    TEST_PAGE,
)
from custom_components.lianke.documents.document import RAW_ENCODINGS, SourceKind
from custom_components.lianke.documents.page_documents import AGENDAS
from custom_components.lianke.documents.sheets import (
    BOOKLET_SIDES,
    PHOTO_FITS,
    PHOTO_PRINT_SIZES,
    SHEET_ORDERS,
    SHEETS,
    STAMPS,
)
from custom_components.lianke.event import JOB_EVENTS, SCAN_EVENTS
from custom_components.lianke.flows.blueprints import BLUEPRINTS
from custom_components.lianke.flows.options_flow import settings_schema
from custom_components.lianke.image import LAST_SCAN, PREVIEW
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.notify import NOTIFY
from custom_components.lianke.pages.page import TEXT_SIZES
from custom_components.lianke.printing.schemas import FAIL, HOLD, PRINT_SCHEMA, TARGET_FIELDS
from custom_components.lianke.sensor import (
    BOX_SENSORS,
    INK,
    JOB_SENSORS,
    LAST_PUSH,
    SCANNER_STATUS,
    STATUS,
)
from scripts import figures
from tests.conftest import texts
from tests.packaging import fields_of, load_services

from . import LANGUAGES, ROOT, Cell, section, sections, text_of

CARD_SOURCE = ROOT / "frontend" / "src"
RESTART = {"en": "Restart", "zh-Hans": "重启"}  # Home Assistant names it by its device class
KINDS = {
    "binary_sensor": {"en": "binary sensor", "zh-Hans": "二元传感器"},
    "sensor": {"en": "sensor", "zh-Hans": "传感器"},
    "button": {"en": "button", "zh-Hans": "按钮"},
    "event": {"en": "event", "zh-Hans": "事件"},
    "image": {"en": "image", "zh-Hans": "图像"},
    "notify": {"en": "notify", "zh-Hans": "通知"},
}
OFF_AT_FIRST = {"en": "Disabled by default", "zh-Hans": "默认禁用"}


def first_codes(rows: list[list[Cell]]) -> list[str]:
    """Return what stands as code in the first column."""
    return [code for row in rows for code in row[0].codes]


# Each against the code


@pytest.mark.parametrize("language", LANGUAGES)
def test_set_up_fields(language: str) -> None:
    steps = texts(language)["config"]["step"]
    fields = [
        *steps["user"]["data"].values(),
        *steps["account"]["data"].values(),
        *steps["account"]["sections"]["advanced"]["data"].values(),
        *steps["printers"]["data"].values(),
    ]
    rows = section(language, "Binding a box").rows()
    assert sorted(row[0].text for row in rows) == sorted(fields)


@pytest.mark.parametrize("language", LANGUAGES)
def test_settings(language: str) -> None:
    """Names as in the form, defaults and ranges as the form has them."""
    names = texts(language)["options"]["step"]["settings"]["data"]
    kinds = texts(language)["selector"]["printer_kind"]["options"]
    units = texts(language)["selector"]["unit"]["unit_of_measurement"]
    off = {"en": "off", "zh-Hans": "关"}[language]
    expected = {}
    for marker, selector in settings_schema({}).schema.items():
        key = str(marker.schema)
        config: Mapping[str, Any] = getattr(selector, "config", {})
        if "min" in config:
            counted = config["unit_of_measurement"]
            # Pages and jobs stand in the name already.
            unit = "" if counted in {"pages", "jobs"} else f" {units.get(counted, counted)}"
            span = f"{config['min']:g}–{config['max']:g}{unit}"
            expected[names[key]] = (f"{marker.default()}{unit}", span)
        elif "options" in config:
            expected[names[key]] = (kinds[marker.default()], "")
    none = {"en": "none", "zh-Hans": "无"}[language]
    expected[names["scan_script"]] = (none, "")
    quiet = "、" if language == "zh-Hans" else ", "
    expected[f"{names['quiet_from']}{quiet}{names['quiet_to']}"] = (off, "")
    rows = section(language, "Settings").rows()
    assert {row[0].text: (row[1].text, row[2].text) for row in rows} == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_menu_of_options(language: str) -> None:
    """One heading for each way through the options, named as in the menu."""
    menu = texts(language)["options"]["step"]["init"]["menu_options"]
    assert [one.title for one in sections(language, "options")[1:]] == list(menu.values())


def _entity_rows(language: str, described: list[tuple[str, Any]]) -> dict[str, tuple[str, bool]]:
    names = texts(language)["entity"]
    rows = {}
    for platform, description in described:
        if description.key == "restart":
            name = RESTART[language]
        else:
            name = names[platform][description.key]["name"].replace("{marker}", "…")
        rows[name] = (KINDS[platform][language], description.entity_registry_enabled_default)
    return rows


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("title", "described"),
    [
        (
            "Entities of the box",
            [
                ("binary_sensor", CONNECTIVITY),
                *(("sensor", one) for one in BOX_SENSORS),
                ("sensor", LAST_PUSH),
                *(("button", one) for one in BOX_BUTTONS),
            ],
        ),
        (
            "Entities of each printer",
            [
                ("sensor", STATUS),
                ("binary_sensor", PROBLEM),
                *(("binary_sensor", one) for one in PRINTER_CONDITIONS),
                ("sensor", INK),
                *(("sensor", one) for one in JOB_SENSORS),
                ("event", JOB_EVENTS),
                ("image", PREVIEW),
                ("notify", NOTIFY),
                ("button", TEST_PAGE),
                ("button", CANCEL_WAITING_JOBS),
                ("button", RELEASE_JOBS),
                ("button", RESET_ERROR_LIMIT),
            ],
        ),
        (
            "Entities of each scanner",
            [
                ("sensor", SCANNER_STATUS),
                ("button", SCAN_BUTTON),
                ("event", SCAN_EVENTS),
                ("image", LAST_SCAN),
            ],
        ),
    ],
)
def test_entities(language: str, title: str, described: list[tuple[str, Any]]) -> None:
    """Every entity there is, with its name, its kind, and whether it is disabled by default."""
    off = OFF_AT_FIRST[language]
    rows = section(language, title).rows()
    assert {row[0].text: (row[1].text, off not in row[2].text) for row in rows} == (
        _entity_rows(language, described)
    )
    assert len(rows) == len(described)


def test_no_other_entity_has_a_name() -> None:
    """The tables above are complete."""
    rows = [
        row[0].text.replace("…", "{marker}")
        for title in (
            "Entities of the box",
            "Entities of each printer",
            "Entities of each scanner",
        )
        for row in section("en", title).rows()
    ]
    named = [one["name"] for keys in texts("en")["entity"].values() for one in keys.values()]
    assert sorted(rows) == sorted([*named, RESTART["en"]])


@pytest.mark.parametrize("language", LANGUAGES)
def test_states_of_a_printer(language: str) -> None:
    names = texts(language)["entity"]["sensor"]["status"]["state"]
    rows = section(language, "States of a printer").rows()
    assert {row[0].text: row[1].text for row in rows} == names
    assert {row[0].text for row in rows} == {status.value for status in PrinterStatus}


@pytest.mark.parametrize("language", LANGUAGES)
def test_states_of_a_job(language: str) -> None:
    rows = section(language, "States of a job").rows()
    assert [row[0].text for row in rows] == [state.value for state in JobState]


@pytest.mark.parametrize("language", LANGUAGES)
def test_actions(language: str) -> None:
    rows = section(language, "Actions").rows()
    assert first_codes(rows) == [f"lianke.{name}" for name in load_services()]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_field_of_printing_is_in_a_table(language: str) -> None:
    """The tables together name what the action takes, each once; so do the forms."""
    named = [
        code
        for title in (
            "What to print",
            "How to print it",
            "All fields",
            "Pages laid out by Home Assistant",
            "When to print, and never twice",
            "Printer commands",
        )
        for code in first_codes(section(language, title).rows())
    ]
    taken = {str(marker.schema) for marker in PRINT_SCHEMA.schema} - set(map(str, TARGET_FIELDS))
    assert sorted([*named, "title", "password", "filename", "print_incomplete"]) == sorted(taken)
    assert set(fields_of(load_services()["print"])) == taken
    for name in ("title", "password", "filename", "print_incomplete"):
        assert f"`{name}`" in text_of(language, "printing")
    assert first_codes(section(language, "What to print").rows()) == [
        kind.value for kind in SourceKind
    ]
    assert first_codes(section(language, "How to print it").rows()) == list(OPTION_NAMES)


VALUES = {
    "color": COLORS,
    "duplex": [*DUPLEX, *MANUAL_DUPLEX],
    "orientation": ORIENTATIONS,
    "quality": QUALITIES,
    "scale": SCALES,
    "align": ALIGNMENTS,
    "excel_fit": EXCEL_FITS,
    "sheet": SHEETS,
    "sheet_order": SHEET_ORDERS,
    "booklet_side": BOOKLET_SIDES,
    "photo_size": PHOTO_PRINT_SIZES,
    "photo_fit": PHOTO_FITS,
    "stamp": STAMPS,
    "agenda": AGENDAS,
    "if_not_ready": (HOLD, FAIL),
    "raw_encoding": RAW_ENCODINGS,
    "columns": ("1", "2"),
    "text_size": TEXT_SIZES,
}


def test_values_are_compared_for_every_field_with_choices() -> None:
    """A new field needs its line in VALUES, or nobody notices that the manual lacks a value."""
    for name, field in fields_of(load_services()["print"]).items():
        choices = field["selector"].get("select")
        if choices is not None and not choices.get("custom_value"):
            assert name in VALUES


@pytest.mark.parametrize("language", LANGUAGES)
def test_values_are_those_that_are_taken(language: str) -> None:
    rows = {
        row[0].text: row
        for title in (
            "How to print it",
            "All fields",
            "Pages laid out by Home Assistant",
            "When to print, and never twice",
            "Printer commands",
        )
        for row in section(language, title).rows()
    }
    for name, values in VALUES.items():
        assert list(rows[name][1].codes) == list(values), name
    english = texts(language)["selector"]
    if language == "zh-Hans":
        # Where the table gives a value's name, it is the one in the form.
        for name in ("color", "duplex", "orientation", "quality", "scale", "excel_fit"):
            for value, text in re.findall(r"(\w+)（([^）]+)）", rows[name][1].text):
                assert english[name]["options"][value] == text, (name, value)


@pytest.mark.parametrize("language", LANGUAGES)
def test_other_fields_are_told(language: str) -> None:
    """Fields that no table has stand in the text or an example of their section."""
    for action, title in (
        ("list_jobs", "Jobs"),
        ("cancel_job", "Jobs"),
        ("retry_job", "Jobs"),
        ("move_job", "Move a job to another printer"),
        ("get_capabilities", "Capabilities and models"),
        ("search_models", "Capabilities and models"),
    ):
        one = section(language, title)
        said = one.text + "".join(example.content for example in one.examples)
        for name in fields_of(load_services()[action]):
            if name in OPTION_NAMES:
                continue
            assert re.search(rf"\b{name}\b", said, re.ASCII), (action, name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_event(language: str) -> None:
    """Types in the text, attributes in the table."""
    one = section(language, "Events")
    assert JOB_EVENTS.event_types is not None
    for event_type in JOB_EVENTS.event_types:
        assert event_type in one.text
    named = texts("en")["entity"]["event"]["job"]["state_attributes"]
    assert first_codes(one.rows()) == list(named)


@pytest.mark.parametrize("language", LANGUAGES)
def test_blueprints(language: str) -> None:
    """Each that there is, as the options show it, in their order."""
    names = texts(language)["selector"]["blueprints"]["options"]
    rows = section(language, "All blueprints").rows()
    colon, stop = ("：", "。") if language == "zh-Hans" else (": ", ".")
    told = [(row[0].text + colon + row[1].text).removesuffix(stop).lower() for row in rows]
    assert told == [names[name].lower() for name in BLUEPRINTS]


@pytest.mark.parametrize("language", LANGUAGES)
def test_card(language: str) -> None:
    """The keys that the card reads, its sections and layouts."""
    script = (CARD_SOURCE / "config.ts").read_text("utf-8")
    editor = (CARD_SOURCE / "editor.ts").read_text("utf-8")
    reads = (CARD_SOURCE / "types.ts").read_text("utf-8").partition("interface CardConfig")[2]
    rows = {row[0].text: row for row in section(language, "The card").rows()}
    assert set(rows) == set(re.findall(r'{ name: "(\w+)", selector', editor)) | {"buttons"}
    assert '{\n      name: "buttons",' in editor
    for key in rows:
        assert re.search(rf"\b{key}\??:", reads), key
    parts = re.search(r"const SECTIONS = \[([^\]]+)\]", script)
    assert parts is not None
    simple = re.search(r'const SIMPLE = "(\w+)"', script)
    assert simple is not None
    assert list(rows["show"][2].codes) == [*re.findall(r'"(\w+)"', parts[1]), simple[1]]
    layouts = re.search(r"layout: \(value\) =>([^,]+),", script)
    assert layouts is not None
    assert list(rows["layout"][2].codes) == re.findall(r'"(\w+)"', layouts[1])
    defaults = re.search(r'layout: "(\w+)" as const,\s+show: SECTIONS,\s+history: (\d+)', script)
    assert defaults is not None
    assert (rows["layout"][1].text, rows["history"][1].text) == (defaults[1], defaults[2])


@pytest.mark.parametrize("language", LANGUAGES)
def test_figures_are_those_that_are_measured(language: str) -> None:
    """Each figure is one of the bench's, and what was missed is said to be."""
    rows = section(language, "Performance").rows()
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "benchmarks").glob("*.py"))
    for name in first_codes(rows):
        assert f'"{name}"' in sources, name
    assert set(first_codes(rows)) <= set(figures.TEXTS)
    assert {"print_overhead", "idle_requests_per_hour", "loop_stall"} <= set(first_codes(rows))


def test_figures_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured figures replace the table and nothing else; one that nobody described is refused."""
    before = {language: text_of(language, "performance") for language in LANGUAGES}
    for language, text in before.items():
        (tmp_path / language).mkdir()
        (tmp_path / language / "performance.md").write_text(text, "utf-8")
    monkeypatch.setattr(figures, "DOCS", tmp_path)
    stall = {
        "name": "loop_stall",
        "value": 1234.0,
        "unit": "ms",
        "baseline": None,
        "goal": 50,
        "factor": None,
        "ok": False,
    }
    assert figures.main([json.dumps(stall)]) == 0
    for language, text in before.items():
        after = (tmp_path / language / "performance.md").read_text("utf-8")
        assert "| 1,234 ms |" in after
        kept = [line for line in text.splitlines() if not re.match(r"\| `\w+` \|", line)]
        assert [line for line in after.splitlines() if "| 1,234 ms |" not in line] == kept
    assert figures.main([json.dumps(stall | {"name": "other"})]) == 1
