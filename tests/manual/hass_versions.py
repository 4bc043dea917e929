"""The newest Home Assistant that is installed for tests."""

import os
from pathlib import Path
import sys


def newest_home_assistant() -> Path:
    """Return the packages of the newest Home Assistant that is at hand."""
    python = Path(os.environ.get("LIANKE_HASS", sys.executable))
    (packages,) = python.parent.parent.glob("lib/python*/site-packages")
    return packages
