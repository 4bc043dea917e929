"""The tables of scripts/mutants fit the code: what is changed stands there, and the tests that notice it are short."""

import ast
from pathlib import Path

import pytest

from scripts import mutants
from scripts.mutants import COMPONENT, ROOT, Mutant, each_edit, line_of

TESTS = ROOT / "tests"
# Of tests that the short form leaves out, most of them or all.
LEFT_OUT = ("mark.long", "mark.further", "mark.e2e", "mark.browser")
BY_HAND = mutants.by_hand()


def source_of(file: str) -> str:
    return (ROOT / COMPONENT / file).read_text("utf-8")


def find_test(name: str) -> ast.AST:
    """Return a test by its node id."""
    path, *names = name.split("::")
    node: ast.AST = ast.parse((TESTS / path).read_text("utf-8"))
    for one in names:
        assert "[" not in one, f"{name}: which cases are short depends on all of them"
        found = [child for child in ast.iter_child_nodes(node) if getattr(child, "name", "") == one]
        assert found, f"{name} is no test"
        (node,) = found
    return node


def test_there_are_many_and_each_has_a_name() -> None:
    assert len({one.name for one in BY_HAND}) == len(BY_HAND) >= 100


@pytest.mark.parametrize("file", sorted({one.file for one in BY_HAND}))
def test_what_is_to_be_changed_stands_there_once(file: str) -> None:
    source = source_of(file)
    for one in BY_HAND:
        if one.file == file:
            changed = one.place(source)
            assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source)), one.name


def test_a_text_that_stands_elsewhere_is_no_place() -> None:
    for source in ("b", "aa"):
        with pytest.raises(ValueError, match="stands"):
            Mutant("one", "file.py", "a", "b", ()).place(source)


def test_the_tests_that_notice_it_are_short() -> None:
    for name in {test for one in BY_HAND for test in one.tests}:
        test = find_test(name)
        assert isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef), name
        marks = " ".join(map(ast.unparse, test.decorator_list))
        assert not [one for one in LEFT_OUT if one in marks], name
    assert mutants.short_form().startswith("not long and not further and ")


def test_what_is_explained_is_one_of_the_changes() -> None:
    explained = mutants.survivors()
    for file in {one.file for one in explained}:
        source = source_of(file).encode()
        changes = {line_of(source, edit)[1:] for edit in each_edit(source)}
        for one in explained:
            if one.file == file:
                assert (one.old, one.new) in changes, one
                assert one.why
    for tests in mutants.suites().values():
        assert all(Path(TESTS, test.partition("::")[0]).exists() for test in tests)


def test_each_change_of_a_file() -> None:
    source = b"""
def rule(a, b):
    \"\"\"Say 1 < 2.\"\"\"
    _LOGGER.debug("it is not told")
    if a < 3 <= b and a is not None:
        await commit(a)
    return "1 == 2" if a not in b else 0.5
"""
    changes = [line_of(source, edit)[2] for edit in each_edit(source)]
    assert changes == [
        "if a <= 3 <= b and a is not None:",
        "if a >= 3 <= b and a is not None:",
        "if a < 2 <= b and a is not None:",
        "if a < 4 <= b and a is not None:",
        "if a < 3 < b and a is not None:",
        "if a < 3 > b and a is not None:",
        "if a < 3 <= b and a is None:",
        "pass",
        'return "1 == 2" if a in b else 0.5',
        'return "1 == 2" if a not in b else -0.5',
        'return "1 == 2" if a not in b else 1.5',
    ]
