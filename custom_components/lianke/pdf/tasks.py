"""The tasks by the names that requests have for them: from the fields of a request to an answer."""

from collections.abc import Callable
from typing import Any, Final

from . import draw, layout, pages, raster_pdf, two_sides

type Task = Callable[[dict[str, Any]], dict[str, Any]]

TASKS: Final[dict[str, Task]] = {
    "count": pages.count,
    "draw": draw.draw,
    "lay_out": layout.lay_out,
    "unlock": pages.unlock,
    "raster": raster_pdf.convert,
    "split": two_sides.split,
}
