"""Rooms are of use by themselves: without Home Assistant where it is not installed, and known to few."""

import ast
from collections.abc import Iterator
from pathlib import Path
import re
import subprocess
import sys
import tomllib

import pytest

ROOT = Path(__file__).parents[1]
INTEGRATION = ROOT / "custom_components" / "lianke"

# Its package is there without what it does at its start, which is Home Assistant's.
_ALONE = """
import importlib, pkgutil, sys, types

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("homeassistant", "voluptuous", "probatio"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
lianke = sys.modules["lianke"] = types.ModuleType("lianke")
lianke.__path__ = [sys.argv[1]]
room = importlib.import_module("lianke." + sys.argv[2])
modules = [one.name for one in pkgutil.walk_packages(room.__path__, room.__name__ + ".")]
for name in modules:
    if not name.endswith(".__main__"):
        importlib.import_module(name)
print(len(modules))
"""


@pytest.mark.parametrize("room", ["api", "escl", "ipp", "pages", "pdf"])
def test_a_room_without_home_assistant(room: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ALONE, str(INTEGRATION), room],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(list((INTEGRATION / room).glob("*.py"))) - 1


# Its names of today and before, and what a job waits for that it makes.
MANUAL_DUPLEX = re.compile(
    r"manual_?duplex|by_hand|ByHand|two_sides|turned_paper|turn_paper|SIDES_BY", re.IGNORECASE
)
# The general name of a wait, whoever asks for it.
GENERAL = re.compile(r"PersonReason\.TURN_PAPER")


def test_few_modules_know_of_manual_duplex() -> None:
    texts = {
        str(path.relative_to(INTEGRATION)): GENERAL.sub("", path.read_text("utf-8"))
        for path in INTEGRATION.rglob("*.py")
        if "manual_duplex" not in path.parts
    }
    know = sorted(name for name, text in texts.items() if MANUAL_DUPLEX.search(text))
    assert len(know) <= 10, know
    # The stored name of what a job waits for, and what reads jobs of 0.2.0.
    assert [name for name in know if name.startswith("jobs/")] == [
        "jobs/job.py",
        "jobs/migration.py",
    ]
    assert not [name for name in texts if "jobs/" in name and "manual_duplex" in texts[name]]


def test_the_floors_are_drawn_as_they_are() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = [one["layers"] for one in contracts if one["id"] == "floors"]
    page = (ROOT / ".github" / "ARCHITECTURE.md").read_text("utf-8")
    drawn = re.findall(r'f(\d+)\["<b>(\d+)</b> [^:"]+: ([\w, ]+)"\]', page)
    floors = [(str(len(layers) - 1 - place), layer) for place, layer in enumerate(layers)]
    assert [(name, number, set(rooms.split(", "))) for name, number, rooms in drawn] == [
        (number, number, set(re.split(" [|:] ", layer))) for number, layer in floors
    ]


def test_the_files_that_the_architecture_names_are_there() -> None:
    page = (ROOT / ".github" / "ARCHITECTURE.md").read_text("utf-8")
    names = set(re.findall(r"`([\w./-]+\.(?:js|json|md|py|toml|ts|yaml))(?:`|::)", page))
    for walk in re.findall(r"```text\n(.*?)```", page, re.DOTALL):
        names |= set(re.findall(r"[\w/]+\.py", walk))
    card = ROOT / "frontend"
    rooms = (INTEGRATION, ROOT / "tests", ROOT / "docs", card / "src", card / "test")
    files = [f"/{path}" for room in rooms for path in room.rglob("*.*")]
    files += [f"/{path}" for path in ROOT.glob("*.*")]
    assert len(names) > 100
    assert not [name for name in names if not any(file.endswith(f"/{name}") for file in files)]


def test_the_names_that_the_architecture_uses_are_in_the_code() -> None:
    """Functions, classes and constants: who renames one renames it there, too."""
    page = (ROOT / ".github" / "ARCHITECTURE.md").read_text("utf-8")
    before, _, kept = page.partition("## What is kept where")
    # That part names files and columns.
    page = before + kept.partition("## The simulator")[2]
    names = set(re.findall(r"`(?:\w+\.)*(\w+)(?:\([^`]*\))?`", page)) - {"mjs"}
    sources = [
        path
        for room in ("custom_components", "tests", "frontend/src")
        for kind in ("py", "ts", "json", "yaml")
        for path in (ROOT / room).rglob(f"*.{kind}")
    ]
    words = {word for path in sources for word in re.findall(r"\w+", path.read_text("utf-8"))}
    assert len(names) > 50
    assert not names - words


# Each room's own start and end, which Home Assistant or the room above calls by this name.
OF_EACH_ROOM = {
    *("async_setup", "async_setup_entry", "async_unload_entry", "async_remove"),
    *("async_get_triggers", "async_get_conditions", "async_register_info", "async_register"),
    "PARALLEL_UPDATES",
}


def defined(tree: ast.Module) -> Iterator[str]:
    """Yield the public names that a module defines: classes, functions, types, constants."""
    for node in tree.body:
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                names = [node.name]
            case ast.TypeAlias(name=ast.Name(id=name)) | ast.AnnAssign(target=ast.Name(id=name)):
                names = [name]
            case ast.Assign():
                names = [one.id for one in node.targets if isinstance(one, ast.Name)]
            case _:
                continue
        yield from (name for name in names if not name.startswith("_"))


def test_a_name_has_one_meaning() -> None:
    """No two modules define the same public name, or are called the same."""
    places: dict[str, list[str]] = {}
    for path in sorted(INTEGRATION.rglob("*.py")):
        module = str(path.relative_to(INTEGRATION))
        if path.name not in ("__init__.py", "__main__.py"):
            places.setdefault(path.name, []).append(module)
        for name in {*defined(ast.parse(path.read_text("utf-8")))} - OF_EACH_ROOM:
            places.setdefault(name, []).append(module)
    assert len(places) > 1000
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_test_module_imports_from_another() -> None:
    """Whatever several test modules share is in a module of its own."""
    tests = Path(__file__).parent
    modules = {path.stem for path in tests.rglob("test_*.py")}
    found, seen = [], 0
    for path in sorted(tests.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.ImportFrom):
                continue
            module = (node.module or "").split(".")
            if node.level or module[0] == "tests":
                seen += 1
                names = {*module, *(one.name for one in node.names)}
                found += [f"{path.relative_to(tests)}: {name}" for name in names & modules]
    assert seen > 1000
    assert found == []
