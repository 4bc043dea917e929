"""Changes the code of a copy, one place at a time, and reports which changes no test notices.

See scripts/mutants. The tests run in forks of a process that has already imported everything except the integration and
its tests. That takes a third of the time that separate processes would take.
"""

import argparse
import ast
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
import gc
import importlib
from itertools import pairwise
import logging
import os
from pathlib import Path
import re
import shutil
import signal
import sys
import tempfile
from time import monotonic, sleep
import tomllib
from typing import Final, override
import warnings

import pytest

ROOT: Final = Path(__file__).parents[1]
COMPONENT: Final = Path("custom_components", "lianke")
TABLES: Final = ROOT / "tests" / "mutants"
# Folders that are copied; everything else in the clone is linked.
COPIED: Final = ("custom_components", "tests")
OURS: Final = ("custom_components", "tests", "scripts", "__main__")
# Maximum seconds for one test, and for all tests of a change: a change may make tests wait forever.
TEST_TIME: Final = 300
RUN_TIME: Final = 1200
KILLED, SURVIVED = "killed", "SURVIVED"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change that replaces a text in a file, and the tests that must notice the change."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def place(self, source: str) -> str:
        """Return the source with the change. Raises ValueError unless the source has the old text exactly once."""
        if (found := source.count(self.old)) != 1:
            raise ValueError(f"{self.name}: its text stands {found} times in {self.file}")
        return source.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Survivor:
    """A change that no test can notice, and the reason for that."""

    file: str
    old: str
    new: str
    why: str


def short_form() -> str:
    """Return the expression of markers by which scripts/test selects tests without --full, with all of a room's."""
    script = (ROOT / "scripts" / "test").read_text("utf-8")
    (chosen,) = re.findall(r"^ +chosen='(not long .*)'$", script, re.MULTILINE)
    return str(chosen).replace(" and not thorough", "")


def by_hand() -> list[Mutant]:
    table = tomllib.loads((TABLES / "by_hand.toml").read_text("utf-8"))
    return [
        Mutant(one["name"], one["file"], one["old"], one["new"], tuple(one["tests"]))
        for one in table["mutant"]
    ]


def suites() -> dict[str, tuple[str, ...]]:
    """Return, for each file, the tests that must notice any change of the file, quick tests first."""
    table = tomllib.loads((TABLES / "survivors.toml").read_text("utf-8"))
    return {one["file"]: tuple(one["tests"]) for one in table["suite"]}


def survivors() -> list[Survivor]:
    table = tomllib.loads((TABLES / "survivors.toml").read_text("utf-8"))
    return [
        Survivor(one["file"], one["old"], one["new"], one["why"])
        for one in table.get("survivor", ())
    ]


# Each change of a file

_SHIFTED: Final = {"<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<")}
_FLIPPED: Final = {
    "==": "!=",
    "!=": "==",
    "is": "is not",
    "is not": "is",
    "in": "not in",
    "not in": "in",
}
_OPERATOR: Final = re.compile(rb"is\s+not|not\s+in|is\b|in\b|[<>=!]=|[<>]")
# Logging does not change what the code does, so no mutant removes a call of the logger.
_LOG: Final = "_LOGGER"


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes of a source and their replacement."""

    start: int
    end: int
    new: bytes

    def apply(self, source: bytes) -> bytes:
        return source[: self.start] + self.new + source[self.end :]


class _Finder(ast.NodeVisitor):
    """Finds every comparison and every number, and every call that could be left out."""

    def __init__(self, source: bytes) -> None:
        self.edits: list[Edit] = []
        self._source = source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    @override
    def visit_Compare(self, node: ast.Compare) -> None:
        """Collect the edits that replace an operator of this comparison."""
        terms = [node.left, *node.comparators]
        for left, right in pairwise(terms):
            start, end = self._span(left)[1], self._span(right)[0]
            found = _OPERATOR.search(self._source, start, end)
            assert found is not None
            operator = " ".join(found[0].decode().split())
            others = _SHIFTED.get(operator) or (_FLIPPED[operator],)
            self.edits += [Edit(*found.span(), other.encode()) for other in others]
        self.generic_visit(node)

    @override
    def visit_Constant(self, node: ast.Constant) -> None:
        """Collect the edits that replace this number with the next higher and the next lower one."""
        number, span = node.value, self._span(node)
        if isinstance(number, int | float) and not isinstance(number, bool):
            self.edits += [Edit(*span, repr(number + by).encode()) for by in (1, -1)]

    @override
    def visit_Expr(self, node: ast.Expr) -> None:
        """Collect the edit that leaves this call out."""
        call = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(call, ast.Call) and not ast.unparse(call).startswith(_LOG):
            self.edits.append(Edit(*self._span(node), b"pass"))
        self.generic_visit(node)


def each_edit(source: bytes) -> list[Edit]:
    """Return all edits of a source, sorted by their place in it."""
    finder = _Finder(source)
    finder.visit(ast.parse(source))
    return sorted(finder.edits, key=lambda edit: (edit.start, edit.new))


def line_of(source: bytes, edit: Edit) -> tuple[int, str, str]:
    """Return the number of the line on which an edit begins, and the edited lines before and after the edit."""
    start = source.rfind(b"\n", 0, edit.start) + 1
    end = source.find(b"\n", edit.end)
    end = len(source) if end < 0 else end
    after = source[start : edit.start] + edit.new + source[edit.end : end]
    number = source.count(b"\n", 0, start) + 1
    return number, source[start:end].decode().strip(), after.decode().strip()


# Runs


class Copy:
    def __init__(self, root: Path, test_time: int) -> None:
        self.root = root
        self._test_time = test_time
        self._output, self._loaded = root / "output", root / "loaded"
        for path in ROOT.iterdir():
            if path.name not in COPIED:
                (root / path.name).symlink_to(path)
        for name in COPIED:
            shutil.copytree(ROOT / name, root / name, symlinks=True)

    @contextmanager
    def changed(self, file: str, text: bytes) -> Iterator[None]:
        """Change a file while the context lasts; `file` is relative to the integration's folder."""
        path = self.root / COMPONENT / file
        before = path.read_bytes()
        # If both versions of the file have the same size and time, Python could run the old version's compiled code.
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
            compiled.unlink()
        path.write_bytes(text)
        try:
            yield
        finally:
            path.write_bytes(before)

    def run(self, tests: Sequence[str]) -> tuple[str, str]:
        """Run tests; return the result (such as SURVIVED) and the end of the tests' output."""
        child = os.fork()
        if child == 0:
            os._exit(self._run_here(tests))
        until = monotonic() + RUN_TIME
        status: int | None = None
        while status is None and monotonic() < until:
            done, code = os.waitpid(child, os.WNOHANG)
            status = os.waitstatus_to_exitcode(code) if done else None
            sleep(0.05)
        if status is None:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
        said = self._output.read_text("utf-8", errors="replace")[-4000:]
        # Exit code 5 means that none of the tests is in the short form. With an exit code that is not listed, the run
        # proves nothing: the change may have prevented imports.
        names = {0: SURVIVED, 1: KILLED, 5: "NO TEST", None: "KILLED BY TIME"}
        return names.get(status, f"BROKEN ({status})"), said

    def _run_here(self, tests: Sequence[str]) -> int:
        os.setsid()
        os.chdir(self.root)
        sys.path.insert(0, str(self.root))
        sys.dont_write_bytecode = True
        output = os.open(self._output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(output, stream)
        options = ["-q", "-x", "-n", "0", "-m", short_form(), f"--timeout={self._test_time}"]
        options += ["--tb=short", "-p", "no:cacheprovider", "-W", "ignore"]
        folder = f"--basetemp={self.root / 'temp'}"
        paths = [f"tests/{one}" for one in tests]
        try:
            return int(pytest.main([*options, folder, *paths]))
        except BaseException as err:  # noqa: BLE001  # no error may leave the forked process
            print(repr(err))
            return 3
        finally:
            sys.stdout.flush()
            self._loaded.write_text("\n".join(sys.modules), "utf-8")

    def load_all_but_ours(self, tests: Sequence[str]) -> tuple[str, str]:
        """Run tests without a change; then import the modules that they used, except ours, for the runs that follow."""
        result = self.run(tests)
        logging.disable()
        with warnings.catch_warnings(action="ignore"):
            for name in self._loaded.read_text("utf-8").split():
                if name.partition(".")[0] not in OURS:
                    # Some modules are made by tests at run time and cannot be imported.
                    with suppress(Exception):
                        importlib.import_module(name)
        logging.disable(logging.NOTSET)
        gc.freeze()
        return result


def check_unchanged(copy: Copy, tests: Collection[str]) -> None:
    """Check that all tests pass without a change, since a failing test would seem to notice every change."""
    result, said = copy.load_all_but_ours([*dict.fromkeys(tests)])
    if result != SURVIVED:
        raise SystemExit(f"{said}\nThe tests do not pass without a change: {result}")


def run_by_hand(names: Sequence[str], test_time: int) -> int:
    """Try the changes in by_hand.toml whose names contain one of `names`, or all changes if `names` is empty.

    Returns the number of failures.
    """
    chosen = [one for one in by_hand() if not names or any(name in one.name for name in names)]
    results: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Copy(Path(folder), test_time)
        check_unchanged(copy, [test for one in chosen for test in one.tests])
        for one in chosen:
            source = (copy.root / COMPONENT / one.file).read_text("utf-8")
            try:
                text = one.place(source).encode()
            except ValueError as err:
                print(err, flush=True)
                results["NOT FOUND"] += 1
                continue
            for test in one.tests:
                began = monotonic()
                with copy.changed(one.file, text):
                    result, said = copy.run([test])
                results[result] += 1
                print(f"{result:9} {monotonic() - began:5.1f} s  {one.name} — {test}", flush=True)
                if result not in (KILLED, SURVIVED):
                    print(said)
    return print_results(results)


def run_each(file: str, lines: range, test_time: int) -> int:
    """Try each change of a file that begins on these lines; return the number of failures."""
    tests, results = suites()[file], Counter[str]()
    explained = {(one.old, one.new) for one in survivors() if one.file == file}
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Copy(Path(folder), test_time)
        check_unchanged(copy, tests)
        source = (copy.root / COMPONENT / file).read_bytes()
        for edit in each_edit(source):
            number, old, new = line_of(source, edit)
            if number not in lines:
                continue
            began = monotonic()
            with copy.changed(file, edit.apply(source)):
                result, said = copy.run(tests)
            if (old, new) in explained:
                result = "explained" if result == SURVIVED else f"EXPLAINED, BUT {result}"
            results[result] += 1
            (noticed,) = re.findall(r"^(?:FAILED|ERROR) (\S+)", said, re.MULTILINE)[:1] or ("",)
            took = f"{monotonic() - began:5.1f} s"
            print(f"{result:9} {took}  {file}:{number}: {old}  →  {new}  {noticed}", flush=True)
    return print_results(results)


def print_results(results: Counter[str]) -> int:
    """Print how often each result occurred; return the number of failures: results other than killed and explained."""
    print(", ".join(f"{number} {result}" for result, number in results.most_common()))
    return sum(number for result, number in results.items() if result not in (KILLED, "explained"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/mutants")
    parser.add_argument("names", nargs="*", help="parts of names, or files below the integration")
    parser.add_argument("--each", action="store_true", help="make each change of these files")
    parser.add_argument("--lines", default="1-99999", help="only those on lines so many to so many")
    parser.add_argument("--patience", type=int, default=TEST_TIME, help="seconds for one test")
    given = parser.parse_args()
    first, _, last = given.lines.partition("-")
    lines = range(int(first), int(last or first) + 1)
    if given.each:
        left = sum(run_each(file, lines, given.patience) for file in given.names)
    else:
        left = run_by_hand(given.names, given.patience)
    raise SystemExit(1 if left else 0)


if __name__ == "__main__":
    main()
