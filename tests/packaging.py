"""Reads what the integration is shipped with: manifest, services, translations, imports."""

import ast
from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import TargetSelector
import yaml

ROOT = Path(__file__).parents[1]


INTEGRATION = ROOT / "custom_components" / "lianke"


LANGUAGES = ("en", "zh-Hans")


def load(path: Path) -> Any:
    """Return the content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def load_services() -> dict[str, Any]:
    """Return services.yaml."""
    services: dict[str, Any] = yaml.safe_load((INTEGRATION / "services.yaml").read_text("utf-8"))
    return services


def fields_of(service: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an action, those in sections too."""
    found: dict[str, Any] = {}
    for name, field in (service or {}).get("fields", {}).items():
        found |= field.get("fields", {name: field})
    return found


def actions_for(hass: HomeAssistant, device_id: str) -> set[str]:
    """Return which actions the target-first editor offers for a device.

    Home Assistant's own lookup imports more integrations than a test has.
    """
    entities = er.async_entries_for_device(er.async_get(hass), device_id)
    targets: dict[str, Any] = {
        name: TargetSelector(service.get("target")).config
        for name, service in load_services().items()
    }
    return {
        name
        for name, target in targets.items()
        for wanted in target.get("entity", ())
        for one in entities
        if one.domain in wanted["domain"]
        and any(one.supported_features & flag for flag in wanted["supported_features"])
    }


def imported_at_run_time(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Give every import of a module, those in functions too, but what only the type checker reads."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node
    elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        for statement in node.orelse:
            yield from imported_at_run_time(statement)
    else:
        for child in ast.iter_child_nodes(node):
            yield from imported_at_run_time(child)


def components_of(node: ast.Import | ast.ImportFrom) -> set[str]:
    """Return the integrations of Home Assistant that an import statement needs."""
    prefix = "homeassistant.components"
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif node.level or not node.module:
        return set()
    elif node.module == prefix:
        return {alias.name for alias in node.names}
    else:
        modules = [node.module]
    return {module.split(".")[2] for module in modules if module.startswith(f"{prefix}.")}
