"""The account of the quality scale: what it names as proof exists, and what can be counted is."""

import ast
from functools import cache
from pathlib import Path
import re
from typing import Any

import yaml

from tests.manual import ROOT, read

INTEGRATION = ROOT / "custom_components" / "lianke"
RULES = {
    "action-exceptions", "action-setup", "appropriate-polling", "async-dependency", "brands", "common-modules",
    "config-entry-unloading", "config-flow", "config-flow-test-coverage", "dependency-transparency", "devices",
    "diagnostics", "discovery", "discovery-update-info", "docs-actions", "docs-conditions",
    "docs-configuration-parameters", "docs-data-update", "docs-examples", "docs-high-level-description",
    "docs-installation-instructions", "docs-installation-parameters", "docs-known-limitations",
    "docs-removal-instructions", "docs-supported-devices", "docs-supported-functions", "docs-triggers",
    "docs-troubleshooting", "docs-use-cases", "dynamic-devices", "entity-category", "entity-device-class",
    "entity-disabled-by-default", "entity-event-setup", "entity-translations", "entity-unavailable",
    "entity-unique-id", "exception-translations", "has-entity-name", "icon-translations", "inject-websession",
    "integration-owner", "log-when-unavailable", "parallel-updates", "reauthentication-flow", "reconfiguration-flow",
    "repair-issues", "runtime-data", "stale-devices", "strict-typing", "test-before-configure", "test-before-setup",
    "test-coverage", "unique-config-entry",
}  # fmt: skip
# What acts, and so must not do everything at once.
ACTING = {"button", "notify"}
PLATFORMS = {"binary_sensor", "button", "event", "image", "notify", "sensor"}


def rules() -> dict[str, dict[str, str]]:
    """Return the account."""
    text = (INTEGRATION / "quality_scale.yaml").read_text("utf-8")
    found: dict[str, dict[str, str]] = yaml.safe_load(text)["rules"]
    return found


@cache
def names_in(path: str) -> set[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


# Rules that are not kept, and how their account begins.
OPEN = {
    "dependency-transparency": "Not claimed: ",
    "entity-unavailable": "Deviation, kept on purpose: ",
    "test-before-setup": "Deviation, kept on purpose: ",
}


def test_what_is_not_kept_says_so() -> None:
    """Every other rule is done, or exempt for a reason; without all of them no level is claimed."""
    assert set(rules()) == RULES
    todo = {name: one["comment"] for name, one in rules().items() if one["status"] == "todo"}
    assert todo.keys() == OPEN.keys()
    for name, begins in OPEN.items():
        assert todo[name].startswith(begins)
    manifest: dict[str, Any] = yaml.safe_load((INTEGRATION / "manifest.json").read_text("utf-8"))
    assert "quality_scale" not in manifest
    exempt = {name for name, account in rules().items() if account["status"] == "exempt"}
    assert exempt == {"discovery", "discovery-update-info"}


def test_proof_exists() -> None:
    for rule, account in rules().items():
        assert account.keys() == {"status", "comment"}, rule
        if account["status"] == "exempt":
            continue
        comment = account["comment"]
        found = 0
        for path, test in re.findall(r"(tests/[\w/]+\.py)::(\w+)", comment):
            assert test in names_in(path), f"{path}::{test}"
            found += 1
        for path in re.findall(r"[\w./@-]+\.(?:py|md|yaml|json|png|toml)\b|scripts/\w+", comment):
            assert (ROOT / path).exists() or (INTEGRATION / path).exists(), path
            found += 1
        if rule.startswith("docs-"):
            titles = {one.title for one in read("en")}
            named = re.findall(r'"([^"]+)"', comment)
            assert named, rule
            assert set(named) <= titles
        assert found, rule


def test_exempt_rules_have_nothing_to_describe() -> None:
    """No discovery."""
    manifest: dict[str, Any] = yaml.safe_load((INTEGRATION / "manifest.json").read_text("utf-8"))
    assert not {"bluetooth", "dhcp", "homekit", "mqtt", "ssdp", "usb", "zeroconf"} & set(manifest)


def test_parallel_updates() -> None:
    """Each platform says how much it does at a time; one that acts, one thing."""
    said = {}
    for path in INTEGRATION.glob("*.py"):
        found = re.search(r"^PARALLEL_UPDATES = (\d+)$", path.read_text("utf-8"), re.MULTILINE)
        if found:
            said[path.stem] = int(found[1])
    assert said == {platform: int(platform in ACTING) for platform in PLATFORMS}


def test_no_extra_state_attributes() -> None:
    """What is worth showing is an entity."""
    for path in _modules():
        assert "extra_state_attributes" not in path.read_text("utf-8"), path.name


def test_no_broad_excepts_and_no_silenced_types() -> None:
    """Errors are caught by name; the type checker is not told to look away without a reason."""
    for path in _modules():
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"}
            ):
                # What was begun is put right, and the error goes on: to whoever waits for it, or its kind to the log.
                handed_on = any(
                    (isinstance(part, ast.Attribute) and part.attr == "set_exception")
                    or (isinstance(part, ast.Name) and part.id == "type_and_place")
                    for part in ast.walk(node)
                )
                assert handed_on or isinstance(node.body[-1], ast.Raise), path
        assert "# type: ignore\n" not in text, path


def _modules() -> list[Path]:
    return sorted(INTEGRATION.rglob("*.py"))
