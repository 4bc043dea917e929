"""The page on requirements says what the packages themselves say, and what was measured of their builds."""

from importlib.metadata import metadata
import json
from pathlib import Path
import re
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
import pytest

from . import LANGUAGES, ROOT, Section, sections

PAGE = "requirements"
SYSTEMS = {"musl aarch64", "musl x86_64", "glibc aarch64", "glibc x86_64"}
EACH = {"en": "each system", "zh-Hans": "每种系统"}
ALL = {"en": "all systems: pure Python", "zh-Hans": "所有系统：纯 Python"}
MEASURED: dict[str, Any] = json.loads((ROOT / "tests" / "wheels.json").read_text("utf-8"))


def requirements() -> dict[str, Requirement]:
    """Return the manifest's requirements by name."""
    path = ROOT / "custom_components" / "lianke" / "manifest.json"
    texts = json.loads(path.read_text("utf-8"))["requirements"]
    return {one.name: one for one in map(Requirement, texts)}


def tables(language: str) -> tuple[Section, Section]:
    """Return the sections with the two tables of packages."""
    first, second, *_ = [one for one in sections(language, PAGE) if one.tables]
    return first, second


def by_package(section: Section) -> dict[str, list[str]]:
    """Return the texts of a table's rows by package."""
    return {row[0].codes[0]: [cell.text for cell in row] for row in section.rows()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_requirement_is_described(language: str) -> None:
    for table in tables(language):
        assert list(by_package(table)) == list(requirements())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", requirements())
def test_who_makes_it_and_its_license(language: str, name: str) -> None:
    """As the installed package says of itself."""
    reported = metadata(name)
    section, _ = tables(language)
    _, _, made_by, license_ = by_package(section)[name]
    owner = re.split(r"[,，]", made_by)[0]
    addresses = [*reported.get_all("Project-URL", []), *reported.get_all("Home-page", [])]
    addresses += reported.get_all("Download-URL", [])
    assert any(f"https://github.com/{owner}" in address for address in addresses)
    assert f"https://github.com/{owner}" in section.links
    licenses = f"{reported.get('License')} {reported.get('License-Expression')} {reported.get_all('Classifier', [])}"
    for one in license_.split(", "):
        assert one in licenses


@pytest.mark.parametrize("name", requirements())
def test_the_builds_are_those_of_the_range(name: str) -> None:
    """Each system has one, of a version that the manifest takes, as the installed one is."""
    builds = MEASURED["requirements"][name]
    assert set(builds) == SYSTEMS
    assert MEASURED["python"] == "3.14"
    for build in builds.values():
        assert build is not None
        assert Version(build["version"]) in requirements()[name].specifier
    assert Version(metadata(name)["Version"]) in requirements()[name].specifier


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", requirements())
def test_what_was_measured_is_told(language: str, name: str) -> None:
    builds = MEASURED["requirements"][name]
    _, section = tables(language)
    _, ready, size, _ = by_package(section)[name]
    alone = all(tag.endswith("-none-any") for build in builds.values() for tag in build["tags"])
    assert ready == (ALL if alone else EACH)[language]
    if not alone:
        for system, build in builds.items():
            library, machine = system.split()
            wheel = "musllinux" if library == "musl" else "manylinux"
            assert all(wheel in tag and tag.endswith(machine) for tag in build["tags"])
    assert size == f"{builds['musl aarch64']['bytes'] / 1024**2:.1f} MB"


def test_what_a_package_brings_is_told() -> None:
    """No other packages come along, and each that does has builds for every system."""
    # What Home Assistant itself has.
    own = {"packaging", "pillow"}
    page = Path(ROOT / "docs" / "en" / f"{PAGE}.md").read_text("utf-8")
    for name in requirements():
        brought = {
            canonicalize_name(Requirement(text).name)
            for text in metadata(name).get_all("Requires-Dist", [])
            if (marker := Requirement(text).marker) is None or marker.evaluate({"extra": ""})
        }
        assert brought - own <= {"mdurl", "lxml"}, name
    assert set(MEASURED["brought"]) == {"mdurl", "lxml"}
    for name, builds in MEASURED["brought"].items():
        assert f"`{name}`" in page
        assert set(builds) == SYSTEMS
        assert None not in builds.values()
    assert f"{MEASURED['brought']['lxml']['musl aarch64']['bytes'] / 1024**2:.1f} MB" in page
