"""Checks, packs and describes a release: the workflow that runs for a tag calls this, and anybody can run it earlier.

  check TAG       the tag is the manifest's version, and both changelogs describe it
  notes VERSION   the text of the release: what changed, in both languages
  pack FILE       the zip that Home Assistant's Marketplace and HACS install
  sbom FILE       other people's packages in that zip, and those that Home Assistant installs for it (CycloneDX, JSON)

The zip has all files below custom_components/lianke that git does not ignore, sorted and with the same time, so that
the same content gives the same bytes. The same content also gives the same list of packages. The list is made here and
not by somebody else's tool, because the workflow's job that may write runs only this repository's code.
"""

import argparse
import base64
import hashlib
import json
import os
from pathlib import Path
import re
import subprocess
import sys
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5
import zipfile

ROOT = Path(__file__).resolve().parents[1]
INTEGRATION = Path("custom_components", "lianke")
CHANGELOGS = ("CHANGELOG.md", "docs/zh-Hans/CHANGELOG.md")
# Versions of a custom integration that Home Assistant accepts and can compare; 0.2.0b1 is a beta.
VERSION = re.compile(r"\d+\.\d+\.\d+(?P<before>(?:a|b|rc)\d+|\.dev\d+)?")
NO_GIT = (OSError, subprocess.CalledProcessError)
# The earliest time that a zip can store.
TIME = (1980, 1, 1, 0, 0, 0)
NOT_SHIPPED = ("__pycache__", ".pyc")
# Imports of packages in a module of the card, up to the package's name. Imports of types do not match, since they add
# nothing to the bundle.
IMPORT = re.compile(r'^import (?!type\b)[^;]*?from "(@[^/"]+/[^/"]+|[^."][^/"]*)', re.MULTILINE)
TYPES = "@types/"
# A line break inside a paragraph: the next line is not empty, and does not begin a list item, heading, table, quotation
# or code.
GOES_ON = re.compile(r"(?<=\S)\n *(?!- |#+ |[|>\s]|```)")


class ReleaseError(Exception):
    """A check of the release has failed."""


def manifest_version(root: Path = ROOT) -> str:
    manifest = json.loads((root / INTEGRATION / "manifest.json").read_text("utf-8"))
    return str(manifest["version"])


def section(name: str, version: str, root: Path = ROOT) -> str:
    """Return a changelog's section about a version. Raises ReleaseError if the section is missing or empty."""
    text = (root / name).read_text("utf-8")
    found = re.search(
        rf"^## {re.escape(version)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL
    )
    if found is None or not found[1].strip():
        raise ReleaseError(f"{name} has no section about {version}.")
    return found[1].strip()


def is_prerelease(version: str) -> bool:
    """Return whether a version is a prerelease, such as 0.2.0b1."""
    found = VERSION.fullmatch(version)
    return found is not None and found["before"] is not None


def check(tag: str, root: Path = ROOT) -> str:
    """Return the version after checking that tag, manifest and changelogs agree. Raises ReleaseError if they do not."""
    version = manifest_version(root)
    if tag != version:
        raise ReleaseError(f"The tag is {tag}, the manifest says {version}.")
    if not VERSION.fullmatch(version):
        raise ReleaseError(f"{version} is no version such as 0.2.0 or 0.2.0b1.")
    for name in CHANGELOGS:
        section(name, version, root)
        if "\n## Unreleased\n" in (root / name).read_text("utf-8") and not is_prerelease(version):
            raise ReleaseError(f"{name} has a section Unreleased.")
    return version


def notes(version: str, root: Path = ROOT) -> str:
    """Return the text of a release in both languages. Raises ReleaseError if a changelog says nothing about it.

    Each paragraph becomes one line, since GitHub shows line breaks as they are written.
    """
    english, chinese = (GOES_ON.sub(" ", section(name, version, root)) for name in CHANGELOGS)
    return (
        f"[中文](#user-content-zh)\n\n{english}\n\n---\n\n"
        f'<a id="user-content-zh"></a>\n\n## 更新内容\n\n{chinese}\n'
    )


def shipped(root: Path = ROOT) -> list[Path]:
    """Return the files of the integration that git does not ignore, relative to its folder."""
    folder = root / INTEGRATION
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "."]
    try:
        listed = subprocess.run(command, cwd=folder, capture_output=True, check=True, text=True)
    except NO_GIT:
        # The sources may be a download that has no git history.
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    else:
        names = set(listed.stdout.split("\0"))
    return [
        Path(name)
        for name in sorted(names)
        if (folder / name).is_file() and not any(part in name for part in NOT_SHIPPED)
    ]


def pack(target: Path, root: Path = ROOT) -> int:
    """Write the zip and return how many files it has."""
    files = shipped(root)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in files:
            entry = zipfile.ZipInfo(name.as_posix(), TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, (root / INTEGRATION / name).read_bytes())
    return len(files)


def bundled(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """Map the names of the packages that the card's bundle is built from to their entries in package-lock.json."""
    folder = root / "frontend"
    locked = json.loads((folder / "package-lock.json").read_text("utf-8"))["packages"]
    sources = sorted((folder / "src").rglob("*.ts"))
    found: dict[str, dict[str, Any]] = {}
    waiting = {name for path in sources for name in IMPORT.findall(path.read_text("utf-8"))}
    while waiting:
        name = waiting.pop()
        found[name] = locked[f"node_modules/{name}"]
        needed = found[name].get("dependencies", {})
        waiting |= {one for one in needed if one not in found and not one.startswith(TYPES)}
    return dict(sorted(found.items()))


def bill_of_materials(root: Path = ROOT) -> dict[str, Any]:
    """Return the list of the packages that are in the zip or installed with it, in the CycloneDX 1.6 format."""
    version = manifest_version(root)
    manifest = json.loads((root / INTEGRATION / "manifest.json").read_text("utf-8"))
    measured = json.loads((root / "tests" / "wheels.json").read_text("utf-8"))
    components = []
    for name, package in bundled(root).items():
        algorithm, _, digest = package["integrity"].partition("-")
        components.append(
            _component("npm", name, package["version"], "The card is built from it")
            | {
                "licenses": [{"license": {"id": package["license"]}}],
                "hashes": [
                    {
                        "alg": f"SHA-{algorithm.removeprefix('sha')}",
                        "content": base64.b64decode(digest).hex(),
                    }
                ],
            }
        )
    for text in manifest["requirements"]:
        name = re.split(r"[<>=!~]", text)[0]
        tested = measured["requirements"][name]["musl aarch64"]["version"]
        words = f"Home Assistant installs {text}; this is the version that was tested"
        components.append(_component("pypi", name, tested, words))
    components += [
        _component("npm", font["name"], font["version"], "The font is made from it")
        | {"licenses": [{"license": {"id": "OFL-1.1"}}]}
        for font in json.loads((root / "scripts" / "font_sources.json").read_text("utf-8"))
    ]
    content = json.dumps(components, sort_keys=True)
    source = f"{manifest['documentation']}/{version}/{hashlib.sha256(content.encode()).hexdigest()}"
    subject = {
        "type": "application",
        "bom-ref": f"lianke@{version}",
        "name": "lianke",
        "version": version,
        "description": manifest["name"],
        "licenses": [{"license": {"id": "MIT"}}],
        "externalReferences": [{"type": "vcs", "url": manifest["documentation"]}],
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, source)}",
        "version": 1,
        "metadata": {"component": subject},
        "components": components,
        "dependencies": [
            {"ref": subject["bom-ref"], "dependsOn": [one["bom-ref"] for one in components]}
        ],
        # Not listed: libraries in other languages that the packages contain, and a small package that one of the listed
        # packages needs.
        "compositions": [{"aggregate": "incomplete", "assemblies": [subject["bom-ref"]]}],
    }


def _component(kind: str, name: str, version: str, words: str) -> dict[str, Any]:
    """Build the list's entry for a package; `words` say why the package is there."""
    address = f"pkg:{kind}/{quote(name, safe='/')}@{version}"
    return {
        "type": "library",
        "bom-ref": address,
        "name": name,
        "version": version,
        "description": words,
        "scope": "required",
        "purl": address,
    }


def write_outputs(**outputs: str) -> None:
    """Set outputs for the later steps of the GitHub workflow; outside a workflow, do nothing."""
    if path := os.environ.get("GITHUB_OUTPUT"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in outputs.items())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/release", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["check", "notes", "pack", "sbom"])
    parser.add_argument("subject", help="the tag, the version, or the file to write")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.what == "check":
            version = check(chosen.subject)
            write_outputs(version=version, prerelease=str(is_prerelease(version)).lower())
            print(f"{version} can be released.")
        elif chosen.what == "notes":
            print(notes(chosen.subject), end="")
        elif chosen.what == "sbom":
            made = bill_of_materials()
            Path(chosen.subject).write_text(f"{json.dumps(made, indent=2)}\n", encoding="utf-8")
            print(f"{len(made['components'])} packages in {chosen.subject}.")
        else:
            count = pack(Path(chosen.subject))
            print(f"{count} files in {chosen.subject}.")
    except ReleaseError as err:
        print(f"::error::{err}" if "GITHUB_ACTIONS" in os.environ else f"✗ {err}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
