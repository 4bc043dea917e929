"""The threat model in SECURITY.md: each door is named with code and tests that exist, the same in both languages."""

import ast
from pathlib import Path
import re

ROOT = Path(__file__).parents[2]
CODE = ROOT / "custom_components" / "lianke"
# How a module takes something from outside.
OPENS = re.compile(
    r"register_view\(|\(HomeAssistantView\)|webhook\.async_register\(|async_register_command\(|services\.async_register\("
    r"|def async_get_media_source|def async_get_config_entry_diagnostics|llm\.async_register_api\("
    r"|async_register_static_paths\(|\(ConfigFlow,"
)


def doors() -> tuple[list[list[str]], list[list[str]]]:
    """Return code and tests of each door, in English and in Chinese."""
    text = (ROOT / ".github" / "SECURITY.md").read_text("utf-8")
    english, chinese = (
        re.search(rf"^## {title}\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
        for title in ("Each way in", "每一道门")
    )
    assert english
    assert chinese
    first, second = (
        [
            [cell.strip() for cell in row.split("|")[1:-1]]
            for row in found[1].splitlines()
            if row.startswith("|")
        ][2:]
        for found in (english, chinese)
    )
    return first, second


def test_each_test_that_is_named_exists() -> None:
    rows, _ = doors()
    assert len(rows) >= 15
    for door, code, _, tests in rows:
        names = re.findall(r"`([^`]+)`", tests)
        assert names, door
        for path in re.findall(r"`([^`]+)`", code):
            assert (CODE / path).is_file(), (door, path)
        for named in names:
            path, _, name = named.partition("::")
            tree = ast.parse((ROOT / path).read_text("utf-8"))
            assert name.startswith("test_"), named
            assert any(
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
                for node in ast.walk(tree)
            ), named


def test_both_languages_name_the_same() -> None:
    english, chinese = doors()
    assert [[code, tests] for _, code, _, tests in english] == [
        [code, tests] for _, code, _, tests in chinese
    ]


def test_every_module_that_opens_a_door_is_named() -> None:
    rows, _ = doors()
    named = {path for row in rows for path in re.findall(r"`([^`]+)`", row[1])}
    opening = {
        path.relative_to(CODE).as_posix()
        for path in CODE.rglob("*.py")
        if OPENS.search(path.read_text("utf-8"))
    }
    assert len(opening) >= 8
    assert opening - named == set()
