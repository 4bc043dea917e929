"""The scale of scans, which are printed as large as their originals unless somebody chose a scale."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from homeassistant.core import HomeAssistant

from ..api.options import SCALES, ResolvedOptions
from ..pdf.writer import true_size_of

# Difference in 0.1 mm up to which a page that is larger than the paper still fits: pixels are rounded.
_TOLERANCE: Final = 20


async def async_scale_of_scan(
    hass: HomeAssistant, path: Path, requested: Mapping[str, Any], options: ResolvedOptions
) -> ResolvedOptions:
    """Return the options with which the document at `path`, if it is a scan that fits on the paper, has its true size.

    Other documents, and those for which a scale is `requested`, keep their options.
    """
    size = None
    if "scale" not in requested and options.paper is not None:
        # Printing again refuses a document that is gone, with its own words.
        with suppress(OSError):
            size = await hass.async_add_executor_job(true_size_of, path)
    if size is None or options.paper is None:
        return options
    room = sorted((options.paper.width, options.paper.height))
    if all(side <= most + _TOLERANCE for side, most in zip(size, room, strict=True)):
        return replace(options, scale=SCALES["none"])
    # It fitted on the paper of the job that is printed again.
    return replace(options, scale=None) if options.scale == SCALES["none"] else options
