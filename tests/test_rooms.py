"""The rooms below Home Assistant are of use where it is not installed."""

from pathlib import Path
import subprocess
import sys

import pytest

INTEGRATION = Path(__file__).parents[1] / "custom_components" / "lianke"

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
