"""The tasks by the names that requests have for them: from the fields of a request to an answer."""

from collections.abc import Callable
from typing import Any, Final

from . import draw, files, layout, raster, scans

type Task = Callable[[dict[str, Any]], dict[str, Any]]

TASKS: Final[dict[str, Task]] = {
    "count": files.count,
    "draw": draw.draw,
    "join_scans": scans.join_scans,
    "lay_out": layout.lay_out,
    "unlock": files.unlock,
    "raster": raster.convert,
    "scan_page": scans.scan_page,
    "split": layout.split,
}
