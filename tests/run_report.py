"""A pytest plugin for scripts/test: stores the output of failed tests in .test-report and counts skipped ones.

The file `failed` lists failed tests, `left_out` the reasons for skipping. Each failed test has a file of its own with
traceback, log and output, which would bury the names on a terminal.
"""

from collections import Counter
from pathlib import Path
import re
from typing import Final

import pytest

FOLDER: Final = ".test-report"
# Characters; a file's name must be shorter than 255 bytes, including its ending.
LONGEST: Final = 200


class Report:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._failed: dict[str, str] = {}
        self._left_out: Counter[str] = Counter()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Handle a module that cannot be imported, or that is skipped as a whole."""
        self._take(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Handle the result of a test's setup, call or teardown."""
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
        """Write both lists, which scripts/test prints at its end."""
        with (self._folder / "failed").open("a", encoding="utf-8") as file:
            file.writelines(f"{test}\n" for test in sorted(self._failed))
        with (self._folder / "left_out").open("a", encoding="utf-8") as file:
            file.writelines(
                f"{count} test{'s' * (count > 1)} ({reason})\n"
                for reason, count in self._left_out.most_common()
            )


def pytest_configure(config: pytest.Config) -> None:
    """Register in the main process, which receives all workers' results."""
    if not hasattr(config, "workerinput"):
        folder = config.rootpath / FOLDER
        folder.mkdir(exist_ok=True)
        config.pluginmanager.register(Report(folder), "lianke-report")
