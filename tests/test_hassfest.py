"""What hassfest refuses, checked here: it runs only in a container of its own.

Written anew from the rules that it goes by. tests/test_packaging.py compares the files with each other; this file looks
at each by itself, as hassfest does.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
import importlib.util
import os
from pathlib import Path
import re
import sys
from typing import Any

from homeassistant.const import BASE_PLATFORMS
from homeassistant.helpers import selector
from packaging.requirements import Requirement
import pytest
import voluptuous as vol
import yaml

from tests.packaging import INTEGRATION, LANGUAGES, ROOT, components_of, imported_at_run_time, load

SLUG = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
KEY = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")
ICON = re.compile(r"mdi:[a-z0-9]+(-[a-z0-9]+)*")
CORE = Path(importlib.util.find_spec("homeassistant").submodule_search_locations[0])  # type: ignore[union-attr, index]
# Part of every start, so that nobody has to declare them.
ALWAYS = BASE_PLATFORMS | {
    "diagnostics", "homeassistant", "llm", "persistent_notification", "repairs", "system_health", "websocket_api",
}  # fmt: skip

type Problems = Iterator[str]


def texts_below(node: Any, path: str) -> Problems:
    """Yield what is wrong with the texts of a block of named texts."""
    if not isinstance(node, Mapping):
        yield f"{path}: no block"
        return
    for key, value in node.items():
        if not KEY.fullmatch(key):
            yield f"{path}.{key}: no key"
        yield from text(value, f"{path}.{key}")


def text(value: Any, path: str) -> Problems:
    """Yield what is wrong with one text."""
    if not isinstance(value, str):
        yield f"{path}: no text"
        return
    if not value or value != value.strip():
        yield f"{path}: empty, or blanks around"
    if re.search(r"<[a-z/!]", value):
        yield f"{path}: markup"
    if re.search(r"https?://|www\.", value):
        yield f"{path}: an address"
    if "[%key:" in value:
        yield f"{path}: a reference"
    if re.search(r"'[^']*\{[^}']*\}[^']*'", value):
        yield f"{path}: a placeholder in single quotes"
    unbalanced = value.count("{") != value.count("}")
    if unbalanced or re.search(r"\{(?!\w+\})", value):
        yield f"{path}: a placeholder that is none"


Check = Callable[[Any, str], Problems]


def block(**parts: Check | None) -> Check:
    """Return a check of a block with these parts; None stands for a text, and others are refused."""

    def check(node: Any, path: str) -> Problems:
        if not isinstance(node, Mapping):
            yield f"{path}: no block"
            return
        for key, value in node.items():
            if key not in parts:
                yield f"{path}.{key}: unknown"
                continue
            yield from (parts[key] or text)(value, f"{path}.{key}")

    return check


def each(one: Check, key: re.Pattern[str] = SLUG) -> Check:
    """Return a check of a block whose keys are free."""

    def check(node: Any, path: str) -> Problems:
        if not isinstance(node, Mapping) or not node:
            yield f"{path}: no block, or empty"
            return
        for name, value in node.items():
            if not key.fullmatch(name):
                yield f"{path}.{name}: no key"
            yield from one(value, f"{path}.{name}")

    return check


def with_name(check: Check, *needed: str) -> Check:
    """Return a check that also asks for some texts."""

    def checked(node: Any, path: str) -> Problems:
        yield from check(node, path)
        for name in needed:
            if not isinstance(node, Mapping) or not node.get(name):
                yield f"{path}: no {name}"

    return checked


def described(check: Check) -> Check:
    """Return a check of a form: what is described must be one of its fields."""

    def checked(node: Any, path: str) -> Problems:
        yield from check(node, path)
        for fields, about in (
            ("data", "data_description"),
            ("menu_options", "menu_option_descriptions"),
        ):
            for name in set(node.get(about, {})) - set(node.get(fields, {})):
                yield f"{path}.{about}.{name}: no such field"

    return checked


def issue(node: Any, path: str) -> Problems:
    """Yield what is wrong with a repair issue: it has either a description or a flow that fixes it."""
    yield from with_name(block(title=None, description=None, fix_flow=FLOW), "title")(node, path)
    if ("description" in node) == ("fix_flow" in node):
        yield f"{path}: either a description or a fix_flow"


SECTION = described(
    block(name=None, description=None, data=texts_below, data_description=texts_below)
)
STEP = described(
    block(
        title=None, description=None, submit=None, data=texts_below, data_description=texts_below,
        menu_options=texts_below, menu_option_descriptions=texts_below, sections=each(SECTION),
    )
)  # fmt: skip
FLOW = block(
    step=each(STEP), error=texts_below, abort=texts_below, progress=texts_below, create_entry=texts_below
)  # fmt: skip
FIELD = with_name(block(name=None, description=None, example=None), "name", "description")
NAMED_PART = with_name(
    block(name=None, description=None, fields=each(FIELD), sections=each(block(name=None, description=None))),
    "name", "description",
)  # fmt: skip
ATTRIBUTE = block(name=None, state=texts_below)
ENTITY = block(
    name=None, state=texts_below, unit_of_measurement=None, state_attributes=each(ATTRIBUTE)
)
TRANSLATIONS = block(
    title=None,
    common=texts_below,
    conditions=each(NAMED_PART),
    config=FLOW,
    device=each(block(name=None)),
    entity=each(each(ENTITY)),
    exceptions=each(with_name(block(message=None), "message")),
    issues=each(issue),
    options=FLOW,
    selector=each(
        block(options=texts_below, choices=texts_below, fields=each(FIELD), unit_of_measurement=texts_below)
    ),
    preview_features=each(
        block(name=None, description=None, enable_confirmation=None, disable_confirmation=None)
    ),
    services=each(NAMED_PART),
    system_health=block(info=texts_below),
    triggers=each(NAMED_PART),
)  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations(language: str) -> None:
    """Every text stands where Home Assistant looks for one, and is one that it takes."""
    assert list(TRANSLATIONS(load(INTEGRATION / "translations" / f"{language}.json"), "")) == []


def test_each_platform_of_the_texts_exists() -> None:
    """Texts of a platform without a module are never shown."""
    for platform in load(INTEGRATION / "translations" / "en.json")["entity"]:
        assert platform in BASE_PLATFORMS
        assert (INTEGRATION / f"{platform}.py").exists()


# services.yaml, triggers.yaml, conditions.yaml

FIELD_KEYS = {"default", "example", "filter", "required", "selector"}


def described_part(part: Mapping[str, Any], path: str) -> Problems:
    """Yield what is wrong with an action, a trigger or a condition as the editor reads it."""
    if unknown := set(part) - {"fields", "target"}:
        yield f"{path}: unknown {unknown}"
    if "target" in part:
        try:
            selector.TargetSelector(part["target"])
        except vol.Invalid as err:
            yield f"{path}.target: {err}"
    for name, field in part.get("fields", {}).items():
        inner = field.get("fields", {name: field})
        if "fields" in field and set(field) - {"fields", "collapsed"}:
            yield f"{path}.{name}: unknown part of a section"
        for key, one in inner.items():
            if not SLUG.fullmatch(key):
                yield f"{path}.{key}: no key"
            if unknown := set(one) - FIELD_KEYS:
                yield f"{path}.{key}: unknown {unknown}"
            try:
                selector.validate_selector(one["selector"])
            except (vol.Invalid, KeyError) as err:
                yield f"{path}.{key}: {err!r}"


@pytest.mark.parametrize("name", ["services", "triggers", "conditions"])
def test_what_editors_read(name: str) -> None:
    parts = yaml.safe_load((INTEGRATION / f"{name}.yaml").read_text("utf-8"))
    found = [
        problem
        for key, part in parts.items()
        if not key.startswith(".")
        for problem in described_part(part or {}, key)
    ]
    assert found == []


# icons.json


def icon(value: Any, path: str) -> Problems:
    """Yield what is wrong with one icon."""
    if not isinstance(value, str) or not ICON.fullmatch(value):
        yield f"{path}: no icon"


def entity_icon(node: Any, path: str) -> Problems:
    """Yield what is wrong with the icons of an entity: a state's icon that is the default is superfluous."""
    yield from block(default=icon, state=each(icon, KEY))(node, path)
    for state, name in node.get("state", {}).items():
        if name == node.get("default"):
            yield f"{path}.{state}: the same as the default"


ICONS = block(
    entity=each(each(entity_icon)),
    services=each(with_name(block(service=icon, sections=each(icon)), "service")),
    triggers=each(with_name(block(trigger=icon), "trigger")),
    conditions=each(with_name(block(condition=icon), "condition")),
)


def test_icons() -> None:
    assert list(ICONS(load(INTEGRATION / "icons.json"), "")) == []


# Manifest and dependencies


def cores() -> list[Path]:
    """Return the folders of the Home Assistants at hand: the tests' own, and the demo's, which is newer."""
    python = Path(os.environ.get("LIANKE_HASS", ROOT / ".venv-demo" / "bin" / "python"))
    newer = python.parent.parent.glob("lib/python3.*/site-packages/homeassistant")
    return [CORE, *newer]


@pytest.mark.parametrize("core", cores(), ids=lambda core: core.parents[3].name)
def test_dependencies_exist_and_lead_to_no_circle(core: Path) -> None:
    """Each is an integration of Home Assistant, and none of them needs this one."""
    manifest = load(INTEGRATION / "manifest.json")
    assert not set(manifest["dependencies"]) & set(manifest["after_dependencies"])
    seen: set[str] = set()
    todo = [*manifest["dependencies"], *manifest["after_dependencies"]]
    while todo:
        if (name := todo.pop()) in seen:
            continue
        seen.add(name)
        path = core / "components" / name / "manifest.json"
        assert path.exists(), name
        todo += load(path).get("dependencies", [])
    assert manifest["domain"] not in seen
    assert not (core / "components" / manifest["domain"]).exists()
    known = core / "generated" / "integration_categories.json"
    if known.exists():
        text_of_all = known.read_text("utf-8")
        for category in manifest["categories"]:
            assert category in text_of_all or category.partition(".")[2] in text_of_all


def undeclared(sources: Mapping[str, str], manifest: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return the components that modules import anywhere without the manifest naming them.

    A module at the root that is named as a component is that component's platform, and may import it.
    """
    declared = {*manifest["dependencies"], *manifest["after_dependencies"], manifest["domain"]}
    found: dict[str, set[str]] = {}
    for path, source in sources.items():
        for node in imported_at_run_time(ast.parse(source)):
            for name in components_of(node) - declared - ALWAYS - {path.removesuffix(".py")}:
                found.setdefault(name, set()).add(path)
    return found


def test_whole_files_import_only_what_is_declared() -> None:
    """Functions, methods and handlers too; only what stands under TYPE_CHECKING is left out."""
    manifest = load(INTEGRATION / "manifest.json")
    sources = {
        str(path.relative_to(INTEGRATION)): path.read_text("utf-8")
        for path in INTEGRATION.rglob("*.py")
    }
    assert undeclared(sources, manifest) == {}
    hidden = "async def f():\n    if x:\n        from homeassistant.components.cloud import x\n"
    assert undeclared({"a.py": hidden}, manifest) == {"cloud": {"a.py"}}
    assert undeclared({"cloud.py": hidden, "api/cloud.py": ""}, manifest) == {}
    typed = "if TYPE_CHECKING:\n    from homeassistant.components.cloud import x\n"
    assert undeclared({"a.py": typed}, manifest) == {}


def test_requirements_are_such_as_hassfest_takes() -> None:
    """Packages of the index, none of the standard library, none that Home Assistant forbids."""
    for requirement in load(INTEGRATION / "manifest.json")["requirements"]:
        parsed = Requirement(requirement)
        assert re.fullmatch(r"[a-z0-9-]+", parsed.name)
        assert not parsed.url
        assert not parsed.marker
        # A pin would fight with other integrations over the version at each start.
        assert {clause.operator for clause in parsed.specifier} == {">=", "<"}
        assert parsed.name.replace("-", "_") not in sys.stdlib_module_names
        assert parsed.name not in {"codecov", "pytest", "setuptools", "wheel"}
