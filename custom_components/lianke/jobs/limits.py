"""The checks a job must pass before it is taken: repetition, and the paper guard."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from homeassistant.exceptions import ServiceValidationError

from ..api.options import ResolvedOptions
from ..api.page_range import count_selected, most_selected
from ..const import DOMAIN
from ..documents.document import Document
from ..documents.sniff import FileType
from .job import Job, JobState
from .outcome import BEFORE_PAPER

REQUEST_ID_LIFE = timedelta(hours=24)
LIMIT_PERIOD = timedelta(hours=1)
# A job in one of these may have come out in part, as `partly_printed` tells, but not as a whole.
_NOT_PRINTED = frozenset({JobState.FAILED, JobState.CANCELED, JobState.EXPIRED})
_WITHDRAWN = frozenset({JobState.CANCELED, JobState.EXPIRED})
# So many jobs may be withdrawn in an hour before the cloud has them; further ones count as printed.
FREE_WITHDRAWALS = 10


# Only a program that converts them knows their pages.
CONVERTED = frozenset(
    {
        FileType.DOC,
        FileType.XLS,
        FileType.PPT,
        FileType.DOCX,
        FileType.XLSX,
        FileType.PPTX,
        FileType.HTML,
    }
)


class LimitError(ServiceValidationError):
    """The paper guard refused a job; `key` tells which limit."""

    def __init__(self, key: str, *, limit: int, printer: str, text: str | None = None) -> None:
        """Name the limit and the printer in the user's language; text is its key where it differs."""
        self.key = key
        super().__init__(
            translation_domain=DOMAIN,
            translation_key=text or key,
            translation_placeholders={"limit": str(limit), "printer": printer},
        )


class Content(NamedTuple):
    """What makes two requests the same: printer, bytes, options."""

    printer_key: str
    digest: str
    options: Mapping[str, object]


def find_duplicate(
    jobs: Iterable[Job], request_id: str, content: Content, now: datetime
) -> Job | None:
    """Return the job that already answers this request id, newest first.

    Raises ServiceValidationError when it asked for something else.
    """
    for job in sorted(jobs, key=lambda job: job.created_at, reverse=True):
        if (
            job.request_id != request_id
            or _surely_not_printed(job)
            or now - job.created_at > REQUEST_ID_LIFE
        ):
            continue
        same = Content(printer_key=job.printer_key, digest=job.digest, options=dict(job.options))
        if same != content:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="request_id_conflict",
                translation_placeholders={"request_id": request_id},
            )
        return job
    return None


def check_pages(document: Document, options: ResolvedOptions, *, limit: int, printer: str) -> None:
    """Refuse a job unless its pages times copies are surely within the limit.

    The pages are those that the page range takes of the document's own count, else of the most it
    can have. Where nobody knows, a range bounds them; without one, a document that can only be
    counted by converting it is printed once, and any other is refused. Commands for the printer
    have no pages that anybody could count. Raises LimitError, ServiceValidationError.
    """
    if document.extension == FileType.RAW:
        return
    if document.pages is not None and not count_selected(options.page_range, document.pages):
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="pages_not_in_document",
            translation_placeholders={"count": str(document.pages)},
        )
    most = most_pages(document, options)
    if most is None:
        if document.extension in CONVERTED and options.copies == 1:
            return
        raise LimitError("guard_pages", limit=limit, printer=printer, text="guard_pages_unknown")
    if most * options.copies > limit:
        text = "guard_pages" if document.pages is not None else "guard_pages_estimated"
        raise LimitError("guard_pages", limit=limit, printer=printer, text=text)


def most_pages(document: Document, options: ResolvedOptions) -> int | None:
    """Return the most pages that one copy takes; None when nobody knows."""
    known = document.pages if document.pages is not None else document.pages_at_most
    return most_selected(options.page_range, known)


def check_rate(jobs: Iterable[Job], now: datetime, *, limit: int, printer: str) -> None:
    """Refuse a job when its printer has got, or is still to get, too many.

    `jobs` are the printer's. Those that wait count however old they are: a loop that
    runs all night against a printer that is off must not empty the tray in the morning.
    Canceled ones count as well once the cloud had them, and beyond a few an hour.
    """
    counted = [job for job in jobs if not job.is_final or now - job.created_at < LIMIT_PERIOD]
    withdrawn = sum(_was_withdrawn_early(job) for job in counted)
    replaced = sum(_was_withdrawn_early(job) and job.reason == "replaced" for job in counted)
    taken = len(counted) - withdrawn
    if taken + max(0, withdrawn - replaced - FREE_WITHDRAWALS) >= limit:
        raise LimitError("guard_rate", limit=limit, printer=printer)


def _surely_not_printed(job: Job) -> bool:
    """Return whether nothing of a job can be on paper."""
    if job.state not in _NOT_PRINTED or job.partly_printed:
        return False
    if job.task_id is None or job.idle_at is not None:
        return True
    # Records of 0.1.0, which have no generation, do not tell whether a task had begun when it was
    # canceled, and took more failures for such in which nothing can be on paper.
    return job.state is JobState.FAILED and (job.generation > 0 or job.code in BEFORE_PAPER)


def _was_withdrawn_early(job: Job) -> bool:
    """Return whether a job ended before the cloud had it."""
    return job.state in _WITHDRAWN and job.task_id is None
