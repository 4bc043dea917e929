"""What hassfest and the HACS action check, since neither runs everywhere."""

from collections.abc import Mapping
import json
from pathlib import Path
import re
import struct
from typing import Any

from awesomeversion import AwesomeVersion
import pytest
import yaml

from custom_components.lianke.api.options import MANUAL_DUPLEX, OPTION_NAMES
from custom_components.lianke.condition import CONDITIONS
from custom_components.lianke.printing.handlers import ACTIONS
from custom_components.lianke.scanner.actions import SCAN_ACTIONS
from custom_components.lianke.trigger import TRIGGERS
from scripts.release import CHANGELOGS, VERSION
from tests.packaging import INTEGRATION, LANGUAGES, ROOT, fields_of, load, load_services


def sections_of(service: dict[str, Any]) -> set[str]:
    """Return the names of an action's sections."""
    return {name for name, field in (service or {}).get("fields", {}).items() if "fields" in field}


# Manifest


def test_manifest_has_the_keys_that_are_known_in_order() -> None:
    """Home Assistant's validator wants domain, name, and the rest sorted."""
    manifest = load(INTEGRATION / "manifest.json")
    keys = list(manifest)
    assert keys[:2] == ["domain", "name"]
    assert keys[2:] == sorted(keys[2:])
    needed = {
        "codeowners",
        "config_flow",
        "documentation",
        "integration_type",
        "iot_class",
        "version",
    }
    allowed = {
        "after_dependencies",
        "categories",
        "connectivity",
        "dependencies",
        "issue_tracker",
        "loggers",
        "preview_features",
        "quality_scale",
        "requirements",
    }
    assert needed <= set(keys)
    assert set(keys) <= needed | allowed | {"domain", "name"}


def test_manifest_says_what_the_project_is() -> None:
    """The values that HACS and Home Assistant act on."""
    manifest = load(INTEGRATION / "manifest.json")
    assert manifest["domain"] == INTEGRATION.name == "lianke"
    assert manifest["integration_type"] == "hub"
    assert manifest["iot_class"] == "cloud_polling"
    assert manifest["categories"] == ["computers_network.printers"]
    assert manifest["connectivity"] == ["cloud"]
    assert manifest["config_flow"] is True
    assert all(re.fullmatch(r"@[\w-]+", owner) for owner in manifest["codeowners"])
    assert manifest["codeowners"]
    for key in ("documentation", "issue_tracker"):
        assert manifest[key].startswith("https://github.com/")
    # cloud would drag in many integrations' requirements, and frontend needs a package of its own.
    assert not {"cloud", "frontend"} & set(manifest["dependencies"])
    for key in ("dependencies", "after_dependencies", "requirements"):
        assert manifest[key] == sorted(manifest[key])


def test_version_is_one_that_home_assistant_takes() -> None:
    """The version decides about updates, so it has to be comparable, and the changelog has to know it."""
    version = load(INTEGRATION / "manifest.json")["version"]
    assert VERSION.fullmatch(version)
    assert AwesomeVersion(version).strategy in ("SemVer", "PEP 440")
    assert f"\n## {version}\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")


# Actions


def test_services_translations_and_icons_name_the_same_actions() -> None:
    """An action that is missing in one of the three files shows up half-named."""
    services = load_services()
    assert services
    icons = load(INTEGRATION / "icons.json")["services"]
    assert set(icons) == set(services)
    for name, icon in icons.items():
        assert set(icon.get("sections", {})) <= sections_of(services[name])
    for language in LANGUAGES:
        translated = load(INTEGRATION / "translations" / f"{language}.json")["services"]
        assert set(translated) == set(services), language
        for name, service in services.items():
            texts_of = translated[name]
            assert set(texts_of.get("fields", {})) == set(fields_of(service)), (language, name)
            assert set(texts_of.get("sections", {})) == sections_of(service), (language, name)


def test_services_are_those_that_are_registered() -> None:
    """Compare services.yaml with the names in the rooms that have actions."""
    assert ACTIONS.keys() | SCAN_ACTIONS.keys() == set(load_services())


def test_options_that_a_job_can_be_printed_without_are_all_offered() -> None:
    for name, service in load_services().items():
        if (without := fields_of(service).get("without")) is not None:
            assert set(without["selector"]["select"]["options"]) == set(OPTION_NAMES), name


def test_every_action_on_a_printer_has_a_target() -> None:
    """The target-first editor leaves out actions without one."""
    for name, service in load_services().items():
        kind = "SPECIFIC_VERSION" if name in SCAN_ACTIONS else "INSTALL"
        features = [f"update.UpdateEntityFeature.{kind}"]
        target = {"entity": [{"domain": "event", "supported_features": features}]}
        # One is about boxes that are gone.
        about_a_box = "config_entry" in fields_of(service) or name == "forget_removed_boxes"
        assert service.get("target") == (None if about_a_box else target), name


# What an action needs beside the field that an example is for.
NEEDED = {
    "move_job": {"job_id": "x", "to_device_id": "x"},
    "search_models": {"config_entry": "x"},
    "continue_scan": {"answer": "next"},
}


def test_every_example_of_a_field_is_taken() -> None:
    """As *Fill example data* reads it, which takes a text for YAML: with "# Menu" it fills in nothing."""
    actions = ACTIONS | SCAN_ACTIONS
    tried = 0
    for name, service in load_services().items():
        schema = actions[name].schema.schema
        needed = NEEDED.get(name) or ({"job_id": "x"} if "job_id" in schema else {})
        target = {"device_id": "x"} if "device_id" in schema else {}
        for field, description in fields_of(service).items():
            if (example := description.get("example")) is None:
                continue
            value = yaml.safe_load(example) if isinstance(example, str) else example
            assert value not in (None, ""), (name, field)
            assert field in actions[name].check(target | needed | {field: value}), (name, field)
            tried += 1
    assert tried


def test_options_to_choose_from_are_translated() -> None:
    """A selector with a translation key finds each of its options in both languages."""
    offered: dict[str, set[str]] = {}
    for name, service in load_services().items():
        for field, description in fields_of(service).items():
            chooser = (description["selector"] or {}).get("select") or {}
            if (key := chooser.get("translation_key")) is None:
                continue
            options = {o["value"] if isinstance(o, dict) else str(o) for o in chooser["options"]}
            if (name, field) in (("retry_job", "duplex"), ("move_job", "duplex")):
                # By hand is refused there.
                assert not options & {*MANUAL_DUPLEX}
                options |= {*MANUAL_DUPLEX}
            assert offered.setdefault(key, options) == options, (name, field)
    for language in LANGUAGES:
        selectors = load(INTEGRATION / "translations" / f"{language}.json")["selector"]
        for key, options in offered.items():
            assert set(selectors[key]["options"]) == options, (key, language)


# Triggers and conditions

AUTOMATION_PARTS: dict[str, Mapping[str, Any]] = {"triggers": TRIGGERS, "conditions": CONDITIONS}


def load_parts(kind: str) -> dict[str, Any]:
    """Return triggers.yaml or conditions.yaml, without the parts that are shared in it."""
    parts: dict[str, Any] = yaml.safe_load((INTEGRATION / f"{kind}.yaml").read_text("utf-8"))
    return {name: part for name, part in parts.items() if not name.startswith(".")}


@pytest.mark.parametrize("kind", AUTOMATION_PARTS)
def test_triggers_and_conditions_are_described(kind: str) -> None:
    """Code, description, texts and icons name the same ones with the same fields; each has a target."""
    classes = AUTOMATION_PARTS[kind]
    parts = load_parts(kind)
    assert list(parts) == list(classes)
    icons = load(INTEGRATION / "icons.json")[kind]
    assert list(icons) == list(classes)
    for name, part in parts.items():
        [entity] = part["target"]["entity"]
        # No other integration's sensors and events have features; of one that is named, the editor counts no entity.
        assert "integration" not in entity, name
        assert entity["domain"] in ("sensor", "event"), name
        assert entity["supported_features"], name
        fields = part.get("fields", {})
        options = classes[name]._schema({"target": {"device_id": "x"}})["options"]
        for key, field in fields.items():
            assert len(field["selector"]) == 1, (name, key)
            assert field.get("default", options.get(key)) == options.get(key), (name, key)
            if (chooser := field["selector"].get("select")) is None:
                continue
            # What can be chosen is what the code takes, and all of it; and it has texts.
            chosen = {"target": {"device_id": "x"}, "options": {key: chooser["options"]}}
            assert classes[name]._schema(chosen)["options"][key] == chooser["options"]
            assert set(chooser["options"]) >= set(options[key]), (name, key)
            for language in LANGUAGES:
                selectors = load(INTEGRATION / "translations" / f"{language}.json")["selector"]
                named = selectors[chooser["translation_key"]]["options"]
                assert set(named) == set(chooser["options"]), (name, key, language)
        for language in LANGUAGES:
            text = load(INTEGRATION / "translations" / f"{language}.json")[kind][name]
            assert list(text.get("fields", {})) == list(fields), (name, language)


# Translations


@pytest.mark.parametrize("path", sorted(INTEGRATION.rglob("*.json")), ids=lambda path: path.name)
def test_no_json_file_names_a_key_twice(path: Path) -> None:
    """The first of two is lost without a word."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), sorted(
            name for name in names if names.count(name) > 1
        )
        return dict(pairs)

    json.loads(path.read_text("utf-8"), object_pairs_hook=unique)


def test_there_is_no_source_of_other_translations() -> None:
    """Custom integrations ship the full texts."""
    assert not (INTEGRATION / "strings.json").exists()
    assert {path.stem for path in (INTEGRATION / "translations").iterdir()} == {
        *LANGUAGES,
        "zh-Hant",
    }


def test_icons_belong_to_texts() -> None:
    """Each entity with an icon has a name, and each state with one."""
    icons = load(INTEGRATION / "icons.json")
    entities = load(INTEGRATION / "translations" / "en.json")["entity"]
    for platform, keys in icons["entity"].items():
        for key, icon in keys.items():
            assert key in entities[platform], (platform, key)
            states = entities[platform][key].get("state")
            if states is not None:
                assert set(icon.get("state", {})) <= set(states), (platform, key)


# HACS


def test_hacs_file_has_only_known_keys() -> None:
    """Its validator refuses others."""
    hacs = load(ROOT / "hacs.json")
    assert set(hacs) <= {
        "content_in_root", "country", "filename", "hacs", "hide_default_branch", "homeassistant", "name",
        "persistent_directory", "zip_release",
    }  # fmt: skip
    assert hacs["name"] == load(INTEGRATION / "manifest.json")["name"]
    assert hacs["homeassistant"] == "2026.10.0"
    assert hacs["filename"] == "lianke.zip"
    release = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    assert "lianke.zip" in release


def test_repository_holds_one_integration() -> None:
    """HACS takes one integration a repository."""
    folders = [
        path.name for path in (ROOT / "custom_components").iterdir() if path.name != "__pycache__"
    ]
    assert folders == ["lianke"]


def test_project_has_what_strangers_look_for() -> None:
    """Licence and read-me; the licence is one that HACS accepts."""
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License\n")
    for name in ("README.md", "README.zh-Hans.md", *CHANGELOGS):
        assert (ROOT / name).stat().st_size > 0, name


@pytest.mark.parametrize(("name", "side"), [("icon.png", 256), ("icon@2x.png", 512)])
def test_brand_images(name: str, side: int) -> None:
    """PNG, square, of the size the brands proxy expects, with an alpha channel."""
    head = (INTEGRATION / "brand" / name).read_bytes()[:26]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, colour = struct.unpack(">IIBB", head[16:26])
    assert (width, height) == (side, side)
    assert (depth, colour) == (8, 6)


# The house
