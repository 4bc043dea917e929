"""Prints the requirements of Home Assistant's own integrations, one per line, for the environment that it runs in.

Usage: hass_requirements.py [--default] [INTEGRATION …]

At every start, Home Assistant sets up its default integrations and all base platforms, and installs their requirements.
The demo and the end-to-end tests install nothing, so their environment gets these requirements beforehand: --default
stands for all these integrations. The dependencies of every integration are included.
"""

import json
from pathlib import Path
import sys

from homeassistant.bootstrap import DEFAULT_INTEGRATIONS
import homeassistant.components
from homeassistant.const import BASE_PLATFORMS

COMPONENTS = Path(homeassistant.components.__path__[0])
CUSTOM = Path(__file__).resolve().parents[1] / "custom_components"


def requirements(domains: set[str]) -> list[str]:
    """Return the requirements of integrations and of all their dependencies. Raises KeyError for an unknown name."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = sorted(domains)
    while waiting:
        domain = waiting.pop()
        if domain in seen:
            continue
        seen.add(domain)
        manifests = [folder / domain / "manifest.json" for folder in (CUSTOM, COMPONENTS)]
        path = next((path for path in manifests if path.exists()), None)
        if path is None:
            raise KeyError(f"No integration {domain}")
        manifest = json.loads(path.read_text(encoding="utf-8"))
        found.update(manifest.get("requirements", ()))
        waiting.extend(manifest.get("dependencies", ()))
        waiting.extend(manifest.get("after_dependencies", ()))
    return sorted(found)


if __name__ == "__main__":
    wanted = set(sys.argv[1:])
    if "--default" in wanted:
        wanted = (wanted - {"--default"}) | DEFAULT_INTEGRATIONS | BASE_PLATFORMS
    print("\n".join(requirements(wanted)))
