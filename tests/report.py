"""Keeps what failed tests printed in .test-report, and counts what was left out: a plugin for scripts/test.

`failed` there has a line for each test that failed, `left_out` one for each reason to skip tests; each test that failed
has a file of its own with its traceback, its log and its output, which would bury the names on a terminal.
"""

from collections import Counter
from pathlib import Path
import re
from typing import Final

import pytest

FOLDER: Final = ".test-report"
# Longer than the longest name that a file can have with its ending.
LONGEST: Final = 200


class Report:
    """What one run has to tell."""

    def __init__(self, folder: Path) -> None:
        """Write below a folder."""
        self._folder = folder
        self._failed: dict[str, str] = {}
        self._left_out: Counter[str] = Counter()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take a module that cannot be read, or that is skipped as a whole."""
        self._take(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what became of a test's beginning, its middle or its end."""
        self._take(report)

    def _take(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        if report.failed:
            name = re.sub(r"[^\w.\[\]-]+", "-", report.nodeid)[-LONGEST:]
            self._failed[report.nodeid] = name
            parts = [report.nodeid, report.longreprtext]
            parts += [f"── {title}\n{text}" for title, text in report.sections]
            with (self._folder / f"{name}.log").open("a", encoding="utf-8") as file:
                file.write("\n\n".join(parts) + "\n")
        elif report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "unknown"
            self._left_out[reason.removeprefix("Skipped: ")] += 1

    def pytest_sessionfinish(self) -> None:
        """Write both lists, for the end of scripts/test."""
        with (self._folder / "failed").open("a", encoding="utf-8") as file:
            file.writelines(f"{test}\n" for test in sorted(self._failed))
        with (self._folder / "left_out").open("a", encoding="utf-8") as file:
            file.writelines(
                f"{count} test{'s' * (count > 1)} ({reason})\n"
                for reason, count in self._left_out.most_common()
            )


def pytest_configure(config: pytest.Config) -> None:
    """Report in the process that hears of all tests."""
    if not hasattr(config, "workerinput"):
        folder = config.rootpath / FOLDER
        folder.mkdir(exist_ok=True)
        config.pluginmanager.register(Report(folder), "lianke-report")
