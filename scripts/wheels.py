"""Measures which prebuilt wheels the integration's requirements have: `scripts/wheels`.

Installs each requirement for every system that Home Assistant runs on, each time into an empty folder and without
building anything. Writes each requirement's version, the tags of its wheel and its bytes on disk to tests/wheels.json,
which the manual quotes.
"""

from datetime import UTC, datetime
from importlib.metadata import metadata, version
import json
from pathlib import Path
import subprocess
import sys
import tempfile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ROOT / "custom_components" / "lianke" / "manifest.json"
RESULT = ROOT / "tests" / "wheels.json"
PYTHON = "3.14"
# Home Assistant OS and its containers use musl, most other installations glibc.
SYSTEMS = {
    "musl aarch64": "aarch64-unknown-linux-musl",
    "musl x86_64": "x86_64-unknown-linux-musl",
    "glibc aarch64": "aarch64-manylinux_2_28",
    "glibc x86_64": "x86_64-manylinux_2_28",
}
# Packages that come with Home Assistant, which also chooses their versions.
HOME_ASSISTANT = {"packaging", "pillow"}


def measure(uv: str, requirement: str, platform: str) -> dict[str, object] | None:
    """Install a requirement for a system; returns its version, tags and bytes, or None without a prebuilt wheel."""
    with tempfile.TemporaryDirectory() as folder:
        command = [uv, "pip", "install", "-q", "--no-deps", "--only-binary", ":all:", "--no-config"]
        command += ["--python-version", PYTHON, "--python-platform", platform, "--target", folder]
        if subprocess.run([*command, requirement], check=False).returncode:
            return None
        (info,) = Path(folder).glob("*.dist-info")
        tags = [
            line.removeprefix("Tag: ")
            for line in (info / "WHEEL").read_text("utf-8").splitlines()
            if line.startswith("Tag: ")
        ]
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        found = info.name.removesuffix(".dist-info").rpartition("-")[2]
        return {"version": found, "tags": tags, "bytes": size}


def brings(name: str) -> set[str]:
    """Return the names of the packages that an installed package depends on."""
    asked = [Requirement(text) for text in metadata(name).get_all("Requires-Dist", [])]
    return {
        canonicalize_name(one.name)
        for one in asked
        if one.marker is None or one.marker.evaluate({"extra": ""})
    }


def main(uv: str) -> None:
    requirements = json.loads(MANIFEST.read_text("utf-8"))["requirements"]
    names = [Requirement(text).name for text in requirements]
    brought = sorted({one for name in names for one in brings(name)} - set(names) - HOME_ASSISTANT)
    found = {
        name: {
            # The versions are those in the tests' environment, where Home Assistant determines some of them.
            system: measure(uv, f"{name}=={version(name)}", platform)
            for system, platform in SYSTEMS.items()
        }
        for name in names + brought
    }
    result = {
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
        "python": PYTHON,
        "requirements": {name: found[name] for name in names},
        "brought": {name: found[name] for name in brought},
    }
    RESULT.write_text(f"{json.dumps(result, indent=2)}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
