"""Both sides of sheets through a feeder that scans one side: the fronts, then the backs of the stack turned over.

The second stack begins with the back of the last sheet. Both are joined only if they have as many pages; until then the
pages of the second stack, as they came, lie behind those of the first.
"""

from itertools import chain
from typing import Any

from .scan_job import ScanAnswer, ScanJob, ScanState, Stack


def _stacks_of(job: ScanJob) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the pages of both stacks, in the order of their sheets."""
    count = len(job.pages) - job.newest
    return job.pages[:count], job.pages[count:][::-1]


def documents_of(job: ScanJob) -> list[list[str]]:
    """Return the pages of each document that the scan becomes: two if its stacks are not joined."""
    parts = _stacks_of(job) if job.stack is Stack.BACKS else (job.pages,)
    kept = {*job.kept_pages}
    return [pages for part in parts if (pages := [name for name in part if name in kept])]


def join_stacks(job: ScanJob) -> dict[str, Any]:
    """Return the changes that make one document of both stacks, or that say why they do not fit."""
    fronts, backs = _stacks_of(job)
    if not job.more_pages.keys().isdisjoint(job.pages):
        return {"reason": "scan_stacks_fixed"}
    if len(fronts) != len(backs):
        return {"reason": "scan_stacks_differ", "detail": f"{len(fronts)}/{len(backs)}"}
    pages = tuple(chain.from_iterable(zip(fronts, backs, strict=True)))
    return {"pages": pages, "stack": None, "newest": 0, "reason": None, "detail": ""}


def scan_more(job: ScanJob, answer: ScanAnswer) -> dict[str, Any]:
    """Return the changes with which a scan goes on: with more pages, or with the last ones again.

    After the first of two stacks comes the second. Where both do not fit, the second is scanned again.
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
    """Return the changes that leave the second stack out."""
    state = {"state": ScanState.FINISHING, "reason": None, "detail": ""}
    return {"pages": _stacks_of(job)[0], "stack": None, "newest": 0, **state}
