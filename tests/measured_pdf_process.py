"""The PDF process with coverage: tests/conftest.py runs it instead of the integration's script.

At the end the process is killed, so its coverage is saved after each answer.
"""

import importlib
import importlib.util
from pathlib import Path
import sys
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "custom_components" / "lianke" / "pdf"


def start(site: str) -> None:
    """Do the same as the integration's script; `site` is the folder of installed packages."""
    sys.path.append(site)
    from coverage import Coverage

    settings = str(ROOT / "pyproject.toml")
    measured = Coverage(str(ROOT / ".coverage-pdf"), data_suffix=True, config_file=settings)
    measured.start()
    spec = importlib.util.spec_from_file_location(
        PACKAGE.name, PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)]
    )
    assert spec is not None
    sys.modules[PACKAGE.name] = importlib.util.module_from_spec(spec)
    process = importlib.import_module(f"{PACKAGE.name}.process")
    write = process.write_answer

    def write_both(*args: Any) -> None:
        write(*args)
        measured.save()

    process.__dict__["write_answer"] = write_both
    process.main(site)


if __name__ == "__main__":
    start(sys.argv[1])
