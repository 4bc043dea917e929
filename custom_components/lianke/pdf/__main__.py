"""Start the worker process: `python __main__.py SITE_PACKAGES`, where SITE_PACKAGES contains PDFium's package."""

import importlib
import importlib.util
from pathlib import Path
import sys

NAME = "pdf"


def start() -> None:
    """Import this folder as a top-level package, without the integration around it, and run the worker."""
    folder = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    sys.modules[NAME] = importlib.util.module_from_spec(spec)
    importlib.import_module(f"{NAME}.process").main(sys.argv[1])


if __name__ == "__main__":
    start()
