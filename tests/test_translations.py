"""The texts in both languages: complete, in the words of the glossary, and each in one language."""

import ast
from collections.abc import Iterator
import re
from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigFlowResult
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.lianke.api import errors
from custom_components.lianke.api.errors import LiankeError, OptionError
from custom_components.lianke.box.printer_status import PrinterStatus
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.flows.binding import EXPLAINED_IN_SETUP
from custom_components.lianke.flows.options_flow import (
    defaults_schema,
    settings_schema,
    shown_reason,
)
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.rules import HOLD_REASONS
from custom_components.lianke.options_frame import EXPLAINED_EVERYWHERE
from custom_components.lianke.people.people_steps import page_counts_schema
from custom_components.lianke.printing.fallback_printer import fallback_schema
from custom_components.lianke.printing.nozzle_care import nozzle_care_schema
from custom_components.lianke.repairs import EXPLAINED_IN_REPAIRS
from tests.conftest import COMPONENT, LANGUAGES, make_entry, texts as texts_in
from tests.household import twin_of
from tests.simulator import Simulator, qr_link

CJK = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
# Latin words that a Chinese text may hold: names, file types, units, and what one has to type.
NAMES = {
    "ApiKey",
    "Assistant",
    "Cloud",
    "GitHub",
    "Home",
    "HP",
    "Lianke",
    "Office",
    "Excel",
    "Paperless",
    "Paperless-ngx",
    "SMTP",
    "Telegram",
    "PDFium",
    "zbar",
    "Wi-Fi",
}
SYSTEMS = {"AirPrint", "AirScan", "Docker", "IMAP", "Linux", "Windows", "eSCL", "macOS"}
TYPES = {
    "Acrobat",
    "Adobe",
    "Reader",
    "XFA",
    "AVIF",
    "CSV",
    "GB",
    "HEIC",
    "HTML",
    "JPEG",
    "Markdown",
    "OFD",
    "PDF",
    "PNG",
    "UTF",
    "WebP",
}
TECHNIQUE = {
    "Message-ID",
    "Base",
    "HTTP",
    "http",
    "https",
    "kB",
    "MB",
    "mm",
    "qr",
    "QR",
    "R",
    "URL",
    "USB",
}
TO_TYPE = {
    "imap",
    "fetch",
    "part",
    "all",
    "allowlist",
    "api",
    "dirs",
    "even",
    "external",
    "odd",
    "storage",
    "urls",
}
# What pictures call their parts.
PARTS = {"A", "B"}
LATIN = PARTS | NAMES | SYSTEMS | TYPES | TECHNIQUE | TO_TYPE
# What each thing is called, wherever the English text names it.
GLOSSARY = {
    r"box(es)?": "云盒",
    r"printers?": "打印机|原始指令|打印指令",
    r"print jobs?": "打印任务",
    r"jobs?": "任务",
    r"documents?": "文档",
    r"quiet hours": "免打扰时段",
    r"waiting time": "等待期限",
    r"trays?": "纸盒",
    r"media types?": "介质类型",
    r"copies": "份",
    r"reverse order": "逆序打印",
    r"duplex|two-sided": "双面",
    r"long edge": "长边",
    r"short edge": "短边",
    r"black and white": "黑白",
    r"drivers?": "驱动",
    r"push": "推送",
    r"QR codes?": "二维码",
    r"ApiKey": "ApiKey",
}
# Other words for the same things, as other products use them.
OTHER_WORDS = re.compile(
    r"作业|盒子|打印盒|勿扰|静音|纸匣|纸槽|送纸盘|双面打印模式|密匙|秘钥|Api Key|API Key"
)
# Home Assistant's own words that a text refers to.
FOREIGN_NAMES = {"Next", "下一步", "Reconfigure", "重新配置", "Repairs", "修复"}


def walk(texts: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text with where it stands."""
    for key, value in texts.items():
        if isinstance(value, dict):
            yield from walk(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


EN, ZH = (texts_in(language) for language in LANGUAGES)
EN_TEXTS, ZH_TEXTS = dict(walk(EN)), dict(walk(ZH))


def bare(text: str) -> str:
    """Return a text without placeholders and without what is to be typed as it is."""
    return re.sub(r"\{\w+\}|`[^`]*`", "", text)


def names(text: str) -> list[str]:
    """Return the names of placeholders, each as often as it occurs."""
    return sorted(re.findall(r"\{(\w+)\}", text))


def test_same_texts_in_the_same_order() -> None:
    """Each text is there in both languages, with the same placeholders, as often."""
    assert list(EN_TEXTS) == list(ZH_TEXTS)
    for path, text in EN_TEXTS.items():
        assert set(names(text)) == set(names(ZH_TEXTS[path])), path


def test_english_texts_are_english() -> None:
    """No Chinese is left in them, nor the punctuation that is Chinese alone."""
    for path, text in EN_TEXTS.items():
        assert not CJK.search(text), path


def test_chinese_texts_are_chinese() -> None:
    """No English is left in them, and punctuation is Chinese."""
    for path, text in ZH_TEXTS.items():
        words = set(re.findall(r"[A-Za-z][A-Za-z-]*[A-Za-z]|[A-Za-z]", bare(text)))
        assert words <= LATIN, (path, words - LATIN)
        assert text != EN_TEXTS[path] or not re.search("[a-z]{3}", bare(text)) or text in LATIN, (
            path
        )
        assert not re.search(r"[\u4e00-\u9fff][,;:!?]", text), path
        assert not re.search(r"[\u4e00-\u9fff]\.(\s|$)", text), path


@pytest.mark.parametrize("english", GLOSSARY)
def test_things_have_one_name(english: str) -> None:
    """Where the English text names a thing, the Chinese one uses the glossary's word for it."""
    found = 0
    for path, text in EN_TEXTS.items():
        if not re.search(rf"\b{english}\b", bare(text).replace("tick boxes", ""), re.IGNORECASE):
            continue
        found += 1
        chinese = ZH_TEXTS[path]
        # A name in a placeholder may stand for the thing itself, and a unit has its measure word.
        stands_for_it = {"box": "{box}", "printer": "{printer}"}.get(english.rstrip("s?()e"), "")
        if path.endswith("unit_of_measurement") or (stands_for_it and stands_for_it in chinese):
            continue
        assert re.search(GLOSSARY[english], chinese), path
    assert found, "the glossary names what the texts speak of"


def test_things_have_no_other_name() -> None:
    """Nobody has to guess whether two words mean the same."""
    for path, text in ZH_TEXTS.items():
        assert not OTHER_WORDS.search(text), path


def test_states() -> None:
    """Job and printer states are called the same everywhere, and none is missing."""
    sensors = ZH["entity"]["sensor"]
    jobs, printers = sensors["last_job"]["state"], sensors["status"]["state"]
    assert set(jobs) == set(JobState)
    assert set(printers) == set(PrinterStatus)
    assert ZH["selector"]["job_state"]["options"] == jobs
    events = ZH["entity"]["event"]["job"]["state_attributes"]["event_type"]["state"]
    assert events.items() <= jobs.items()
    for reasons in (
        sensors["hold_reason"]["state"],
        EN["entity"]["sensor"]["hold_reason"]["state"],
    ):
        assert set(reasons) == set(HOLD_REASONS)
    held = sensors["hold_reason"]["state"]
    assert not [key for key in printers.keys() & held.keys() if printers[key] != held[key]]


def test_names_of_what_is_on_the_screen() -> None:
    """A text that quotes a button or a menu quotes what stands there."""
    for texts, quotes in ((ZH_TEXTS, "“([^”{}]+)”"), (EN_TEXTS, '[“"]([^”"{}]+)[”"]')):
        known = set(texts.values()) | FOREIGN_NAMES
        for path, text in texts.items():
            for quoted in re.findall(quotes, text):
                assert quoted in known, path


def reasons_of(kind: type[LiankeError]) -> Iterator[str]:
    """Yield the reasons of an error class and all below it."""
    if kind is not OptionError:
        yield kind.reason
    for below in kind.__subclasses__():
        yield from reasons_of(below)


def test_errors_of_the_service_have_texts() -> None:
    """Whatever the service or our own checks say can be shown."""
    assert {"cannot_connect", "refused", "box_not_bound"} <= set(reasons_of(errors.LiankeError))
    for texts in (EN, ZH):
        assert set(reasons_of(errors.LiankeError)) <= texts["exceptions"].keys()
        assert texts["config"]["error"].keys() >= EXPLAINED_IN_SETUP
        flows = [issue.get("fix_flow", {}).get("error", {}) for issue in texts["issues"].values()]
        assert EXPLAINED_IN_REPAIRS | {"refused"} == set().union(*flows)
        # A flow that asks the service may get any of these.
        asking = [known for known in flows if known]
        assert len(asking) == 3
        assert all(known.keys() >= EXPLAINED_EVERYWHERE | {"refused"} for known in asking)


def option_reasons() -> set[str]:
    """Return the reasons with which options are refused, as the source gives them."""
    source = "".join(path.read_text("utf-8") for path in (COMPONENT / "api").glob("*.py"))
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "OptionError":
            reason = node.args[0]
            if isinstance(reason, ast.Constant):
                found.add(str(reason.value))
            else:
                found.add("color_not_available")
    return found


def test_options_that_cannot_be_have_texts() -> None:
    """What the form of default options can refuse can be told there."""
    elsewhere = {"invalid_page_range", "paper_required", "raw_refuses_options", "too_many_copies"}
    reasons = option_reasons()
    assert elsewhere < reasons
    for texts in (EN, ZH):
        for reason in reasons - elsewhere:
            shown = shown_reason(OptionError(reason, option="paper"))
            assert shown in texts["options"]["error"], reason


def check_form(schema: vol.Schema, texts: dict[str, Any], where: str) -> None:
    """Check that a form's fields, and no others, have a name and a description."""
    plain = {str(marker) for marker, value in schema.schema.items() if not hasattr(value, "schema")}
    assert texts.get("data", {}).keys() == plain, where
    assert texts.get("data_description", {}).keys() == plain, where
    parts = {
        str(marker): value for marker, value in schema.schema.items() if hasattr(value, "schema")
    }
    assert texts.get("sections", {}).keys() == parts.keys(), where
    for name, part in parts.items():
        assert texts["sections"][name]["name"], where
        check_form(part.schema, texts["sections"][name], f"{where}.{name}")
    for value in schema.schema.values():
        config = getattr(value, "config", None) or {}
        if (key := config.get("translation_key")) is None:
            # In Chinese, a letter for a time says nothing.
            assert config.get("unit_of_measurement") in (None, "MB", "mm"), where
            continue
        for texts_of in (EN, ZH):
            if (unit := config.get("unit_of_measurement")) is not None:
                assert unit in texts_of["selector"][key]["unit_of_measurement"], where
                continue
            # Printers and accounts have names of their own beside the choices that are translated.
            choices = [
                one if isinstance(one, dict) else {"value": one, "label": one}
                for one in config["options"]
            ]
            named = {one["value"] for one in choices if one["label"] == one["value"]}
            assert texts_of["selector"][key]["options"].keys() >= named, where


@pytest.mark.parametrize("texts", [EN, ZH], ids=LANGUAGES)
def test_fields_of_options_are_described(texts: dict[str, Any]) -> None:
    """Each field says what it is and what it does."""
    steps = texts["options"]["step"]
    for name, schema in (
        ("settings", settings_schema({})),
        ("default_options", defaults_schema({})),
        ("keep_alive_printer", nozzle_care_schema({})),
        ("stand_in_printer", fallback_schema({}, [])),
        ("page_counts", page_counts_schema({}, [])),
    ):
        check_form(schema, steps[name], name)


def test_menu_titles_without_names() -> None:
    """Home Assistant fills names into the text of a menu, but not into its title."""
    for texts in (EN, ZH):
        for step, form in texts["options"]["step"].items():
            if "menu_options" in form:
                assert not names(form.get("title", "")), step


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Let Home Assistant write to the test's own folder, where what is kept of a removed box is found."""
    return {}


async def test_fields_of_setting_up_are_described(
    hass: HomeAssistant, setup: MockConfigEntry, simulator: Simulator
) -> None:
    """Each form, gone through, has texts for its fields, its placeholders and its errors."""
    seen: set[str] = set()

    def check(result: ConfigFlowResult) -> None:
        step = str(result["step_id"])
        seen.add(step)
        given = set(result["description_placeholders"] or {})
        for texts in (EN, ZH):
            form = texts["config"]["step"][step]
            assert result["data_schema"] is not None
            check_form(result["data_schema"], form, step)
            for _path, text in walk(form):
                assert set(names(text)) <= given, step
            for reason in (result["errors"] or {}).values():
                assert set(names(texts["config"]["error"][reason])) <= given, reason

    flows = hass.config_entries.flow
    result = await flows.async_init(DOMAIN, context={"source": SOURCE_USER})
    check(result)
    twin = twin_of(simulator)
    # It was here before, so that the last form has all its fields.
    before = make_entry(simulator, twin, options={"monthly_pages": 1})
    before.add_to_hass(hass)
    await hass.config_entries.async_remove(before.entry_id)
    result = await flows.async_configure(result["flow_id"], {})
    check(result)
    link = qr_link(twin.device_id, twin.device_key)
    result = await flows.async_configure(result["flow_id"], {"qr_text": link})
    check(result)
    advanced = {"server": simulator.url}
    result = await flows.async_configure(result["flow_id"], {"advanced": advanced})
    check(result)
    answer = {"advanced": advanced, "account": setup.entry_id}
    result = await flows.async_configure(result["flow_id"], answer)
    check(result)
    flows.async_abort(result["flow_id"])
    check(await setup.start_reauth_flow(hass))
    check(await setup.start_reconfigure_flow(hass))
    for progress in flows.async_progress():
        flows.async_abort(progress["flow_id"])
    assert seen == {"user", "account", "printers", "reauth_confirm", "reconfigure"}
    assert seen | {"no_printers"} == EN["config"]["step"].keys()
