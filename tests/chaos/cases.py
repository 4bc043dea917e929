"""All scripted cases: each is one way in which somebody was once told something wrong, or paper was wasted.

A case runs in a world of its own. Then everything is put in order, and the judge compares what users were told with the
paper. A case itself checks what it expects beyond that.
"""

from . import (
    case_deliveries,
    case_disks,
    case_lines,
    case_power,
    case_scans,
    case_turned,
    case_users,
)
from .scene import CASES

__all__ = [
    "CASES",
    "case_deliveries",
    "case_disks",
    "case_lines",
    "case_power",
    "case_scans",
    "case_turned",
    "case_users",
]
