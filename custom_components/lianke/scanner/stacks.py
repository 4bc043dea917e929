"""Scan both sides with a feeder that scans one side: first the fronts, then, with the stack turned over, the backs.

The second stack begins with the back of the last sheet. Both stacks are joined only if they have the same number of
pages; until then, the pages of the second stack follow those of the first, in the order of scanning.
"""

from itertools import chain
from typing import Any

from .scan_job import ScanAnswer, ScanJob, ScanState, Stack


def _stacks_of(job: ScanJob) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the pages of both stacks, in the order of their sheets."""
    count = len(job.pages) - job.newest
    return job.pages[:count], job.pages[count:][::-1]


def documents_of(job: ScanJob) -> list[list[str]]:
    """Return the pages of each document to make from the scan: two documents if the stacks are not joined."""
    parts = _stacks_of(job) if job.stack is Stack.BACKS else (job.pages,)
    kept = {*job.kept_pages}
    return [pages for part in parts if (pages := [name for name in part if name in kept])]


def join_stacks(job: ScanJob) -> dict[str, Any]:
    """Return the changes to a scan that join both stacks, or that say why the stacks do not fit."""
    fronts, backs = _stacks_of(job)
    if not job.more_pages.keys().isdisjoint(job.pages):
        return {"reason": "scan_stacks_fixed"}
    if len(fronts) != len(backs):
        return {"reason": "scan_stacks_differ", "detail": f"{len(fronts)}/{len(backs)}"}
    pages = tuple(chain.from_iterable(zip(fronts, backs, strict=True)))
    return {"pages": pages, "stack": None, "newest": 0, "reason": None, "detail": ""}


def scan_more(job: ScanJob, answer: ScanAnswer) -> dict[str, Any]:
    """Return the changes to a scan that begin to scan more pages, or the last pages again.

    After the first of two stacks, the second is scanned. If both have been scanned but do not fit together, the second
    is scanned again.
    """
    is_again = answer is ScanAnswer.AGAIN or job.stack is Stack.BACKS
    return {
        "state": ScanState.SCANNING,
        "replaces": job.pages[len(job.pages) - job.newest :] if is_again else (),
        "stack": job.stack if is_again or job.stack is None else Stack.BACKS,
        "asked": False,
        "reason": None,
    }


def fronts_only(job: ScanJob) -> dict[str, Any]:
    """Return the changes to a scan that leave out the second stack and finish the scan."""
    state = {"state": ScanState.FINISHING, "reason": None, "detail": ""}
    return {"pages": _stacks_of(job)[0], "stack": None, "newest": 0, **state}
