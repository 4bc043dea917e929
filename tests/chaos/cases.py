"""All scripted cases: each is one way in which somebody was told wrongly, or paper was wasted.

A case happens in a world of its own; then all is put in order and the judge looks at words and paper. What a case
expects beyond that it says itself.
"""

from . import case_disks, case_lines, case_power, case_scans, case_turned, case_users
from .scene import CASES

__all__ = [
    "CASES",
    "case_disks",
    "case_lines",
    "case_power",
    "case_scans",
    "case_turned",
    "case_users",
]
