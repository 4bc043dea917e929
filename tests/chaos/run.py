"""Starts rounds of chaos in a process of their own."""

import json
import subprocess
import sys
from typing import Any

from tests.e2e.hass import ROOT


def chaos(*arguments: str, seconds: int) -> list[dict[str, Any]]:
    """Run the test in a process whose clocks it may move, for so long at most; return its results."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--json", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=seconds,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
