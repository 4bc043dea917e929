"""Manual duplex: the printer prints a document for each side of the sheets; in between, a person turns the stack over.

Such a job has two deliveries. The second delivery waits until somebody has turned the stack over. Its `details` contain
the Plan of both deliveries; the package `jobs` stores these details without interpreting them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from homeassistant.core import HomeAssistant
from homeassistant.util.json import JsonValueType

from ..api.coerce import to_mapping
from ..api.options import DUPLEX, ORIENTATIONS, ResolvedOptions, select_pages
from ..api.stored import READ, Record, Stored, StoredError
from ..devices import Target
from ..documents.conversion import make_document
from ..documents.document import IMAGES, Document, FileType, digest_of, file_digest
from ..documents.pdf import layout_error
from ..documents.pdf_client import PdfError, PdfUnavailableError, async_get_pdf_worker
from ..documents.spool import async_get_spool
from ..input_error import InputError
from ..jobs.job import Delivery, Job, JobState, PersonReason, job_error
from ..jobs.rules import max_document_bytes
from ..pdf.process import MAX_SOURCE_PAGES

# The option of a config entry that holds the setup of each printer, by the printer's key.
CONF_MANUAL_DUPLEX: Final = "by_hand"
FACE_UP: Final = "face_up"
FACE_DOWN: Final = "face_down"
FACES: Final = (FACE_UP, FACE_DOWN)
SHORT_EDGE: Final = "short_edge"
# Seconds for making both files, once the PDF process has started.
SPLIT_SECONDS: Final = 30
TYPES: Final = IMAGES | {FileType.PDF}

# Page numbers from 0 in the order of printing; None is a blank page.
type Side = list[int | None]
# The first and the last page of a part of a file, counted from 1.
type Span = tuple[int, int]


def _face(value: object) -> str:
    return FACE_UP if value == FACE_UP else FACE_DOWN


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup(Stored):
    """How sheets come out of a printer, and how they must be put back; the defaults suit most small laser printers."""

    # Which way the printed side faces when sheets come out, and which way it must face when they are put back. The
    # defaults are for a printer that prints on the side that faces up in the tray.
    comes_out: str = field(default=FACE_DOWN, metadata={READ: _face})
    put_back: str = field(default=FACE_DOWN, metadata={READ: _face})
    # Whether the second side comes out upside down if the top edge of the first side goes into the printer first.
    turned: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any], printer_key: str) -> Self:
        """Read a printer's setup from the options of its config entry; unreadable values are replaced by defaults."""
        return cls.from_dict(to_mapping(options.get(CONF_MANUAL_DUPLEX, {}).get(printer_key)))

    @property
    def backs_descending(self) -> bool:
        """Whether the last sheet's second side is printed first, so that the first sheet ends up on top."""
        return self.comes_out == FACE_DOWN

    @property
    def fronts_descending(self) -> bool:
        """Whether the last sheet's first side is printed first.

        In the tray, the sheets must lie in the order in which their second sides are printed. If the stack is put back
        with the other face up than it came out, the order of its sheets is reversed.
        """
        return self.backs_descending == (self.comes_out != self.put_back)


def is_set_up(options: Mapping[str, Any], printer_key: str) -> bool:
    return printer_key in options.get(CONF_MANUAL_DUPLEX, {})


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan(Record):
    """How two files, each with one page per sheet in the order of printing, make one two-sided print."""

    # Number of pages of one copy.
    pages: int
    copies: int
    # Which way the printed side must face when the stack is put back.
    put_back: str
    # Whether landscape pages were turned, so that their left edge is where the top edge would be.
    lies: bool = False
    fronts_descending: bool = False
    backs_descending: bool = False
    # Whether somebody has tried `put_back` on this printer.
    tested: bool = False

    @property
    def sheets(self) -> int:
        return (self.pages + 1) // 2 * self.copies

    @property
    def sides(self) -> tuple[Side, Side]:
        """Pages of the first and of the second sides, copy by copy; None for the blank back of an odd last page."""
        fronts: Side = [*range(0, self.pages, 2)] * self.copies
        backs: Side = [
            number if number < self.pages else None for number in range(1, self.pages + 1, 2)
        ] * self.copies
        return (
            fronts[::-1] if self.fronts_descending else fronts,
            backs[::-1] if self.backs_descending else backs,
        )

    def deliveries(
        self,
        fronts: tuple[Document, ResolvedOptions],
        backs: tuple[Document, ResolvedOptions],
        front_span: Span | None,
        back_span: Span,
    ) -> tuple[Delivery, Delivery]:
        """Make deliveries that print these parts of both files; if `front_span` is None, only second sides are printed.

        In that case, the job asks nobody to turn the stack over, since somebody has already done so.
        """
        first, last = back_span
        left = sum(page is not None for page in self.sides[1][first - 1 : last])
        left += 0 if front_span is None else front_span[1] - front_span[0] + 1
        after = None if front_span is None else PersonReason.TURN_PAPER
        return Delivery(
            document=fronts[0],
            options=self._of_span(fronts[1], front_span),
            state=JobState.COMPLETED if front_span is None else JobState.HELD,
            counts_as=(self.pages, self.copies) if left == self.pages * self.copies else (left, 1),
        ), Delivery(
            document=backs[0],
            options=self._of_span(backs[1], back_span),
            after=after,
            hold_reason=after,
            details=self.as_dict(),
        )

    def _of_span(self, options: ResolvedOptions, span: Span | None) -> ResolvedOptions:
        everything = span in (None, (1, self.sheets))
        return replace(options, page_range="" if everything else "{}-{}".format(*span or ()))

    def span(self, delivery: Delivery) -> Span:
        first, _, last = delivery.options.page_range.partition("-")
        return (int(first), int(last)) if last else (1, self.sheets)


def _plan_of(job: Job) -> Plan | None:
    """Return the plan of a manual duplex job; None for any other job, and if the plan cannot be read."""
    if len(job.deliveries) < 2:
        return None
    try:
        plan = Plan.from_dict(job.deliveries[1].details)
    except StoredError:
        return None
    fits = min(plan.pages, plan.copies) > 0 and 2 * plan.sheets <= MAX_SOURCE_PAGES
    if not fits or plan.put_back not in FACES:
        return None
    spans = map(plan.span, job.deliveries)
    return plan if all(1 <= first <= last <= plan.sheets for first, last in spans) else None


def public_dict(job: Job) -> dict[str, JsonValueType] | None:
    """Return what users see of a manual duplex job: side, sheets, how to put them back; None for any other job."""
    if (plan := _plan_of(job)) is None:
        return None
    first, last = plan.span(job.deliveries[1])
    return {
        "half": 2 if job.is_at_second_delivery else 1,
        "sheets": last - first + 1,
        "put_back": plan.put_back,
        "edge_first": "left" if plan.lies else "top",
        # Plans written before 0.4 lack `tested`. If `put_back` is not the default, somebody has set it.
        "tested": plan.tested or plan.put_back != Setup().put_back,
    }


def how_to_turn(job: Job) -> tuple[str, dict[str, str]] | None:
    """Return the key and placeholders of the text on putting the stack back; None if the job is not manual duplex."""
    shown = public_dict(job)
    if shown is None:
        return None
    where = shown["put_back"] if shown["tested"] else "probably"
    return f"turn_paper_{where}_{shown['edge_first']}", {"sheets": str(shown["sheets"])}


def rest_of(job: Job, *, from_sheet: int, backs_only: bool) -> tuple[Delivery, Delivery]:
    """Make deliveries that print the rest of an ended job, from one sheet on, with the documents of the job.

    `from_sheet` counts from 1 in the order in which the unfinished side came out. If the first side is unfinished, the
    user keeps the earlier sheets, which get their second sides together with the others. If the second side is
    unfinished, the earlier sheets are complete, and the others are printed anew on both sides. With `backs_only`, only
    second sides are printed.
    Raises InputError: not_manual_duplex, no_such_sheet.
    """
    if (plan := _plan_of(job)) is None:
        raise job_error("not_manual_duplex", job)
    fronts, backs = job.deliveries
    front_span = None if fronts.state is JobState.COMPLETED else plan.span(fronts)
    back_span = plan.span(backs)
    first, last = back_span if backs_only or front_span is None else front_span
    if not 1 <= from_sheet <= last - first + 1:
        raise InputError("no_such_sheet", title=job.spec.title, count=str(last - first + 1))
    first += from_sheet - 1
    if backs_only:
        front_span, back_span = None, (first, last)
    elif front_span is not None:
        front_span = (first, last)
    else:
        front_span = back_span = (first, last)
        if plan.fronts_descending != plan.backs_descending:
            front_span = (plan.sheets + 1 - last, plan.sheets + 1 - first)
    return plan.deliveries(
        (fronts.document, fronts.options), (backs.document, backs.options), front_span, back_span
    )


async def async_split(
    hass: HomeAssistant,
    target: Target,
    document: Document,
    options: ResolvedOptions,
    *,
    by_default: bool,
    user: str | None,
) -> tuple[Delivery, ...]:
    """Split a document for manual duplex into one delivery for each side; a single page needs only one delivery.

    The document's own file is not changed. `by_default` means that nobody asked for two sides explicitly; a document
    that cannot be split is then printed on one side. Raises InputError: manual_duplex_type,
    manual_duplex_not_available, pages_not_in_document, sheet_too_many_pages, and the errors of `layout_error`;
    HomeAssistantError: disk_full.
    """
    one_sided = (Delivery(document=document, options=replace(options, by_hand=None)),)
    if by_default and (document.extension not in TYPES or document.pages is None):
        return one_sided
    if document.extension not in TYPES:
        raise InputError("manual_duplex_type", name=document.name)
    if document.pages is None:
        raise InputError("manual_duplex_not_available")
    pages = select_pages(options.page_range, document.pages)
    if not pages:
        raise InputError("pages_not_in_document", count=str(document.pages))
    if len(pages) == 1:
        return one_sided
    if len(pages) * options.copies > MAX_SOURCE_PAGES:
        raise InputError("sheet_too_many_pages", limit=str(MAX_SOURCE_PAGES))
    setup = Setup.of(target.entry.options, target.printer_key)
    limit_bytes = max_document_bytes(target.entry.options)
    spool = await async_get_spool(hass)
    paths = [await spool.async_new_path(FileType.PDF) for _ in range(2)]
    plan = Plan(
        pages=len(pages),
        copies=options.copies,
        put_back=setup.put_back,
        fronts_descending=setup.fronts_descending,
        backs_descending=setup.backs_descending,
        tested=is_set_up(target.entry.options, target.printer_key),
    )
    turned = (options.by_hand == SHORT_EDGE) != setup.turned
    upright = _stands(options)
    request = {
        "file": {
            "path": str(document.path),
            "is_pdf": document.extension == FileType.PDF,
            "pages": [number - 1 for number in pages],
        },
        "parts": [
            {"target": str(paths[0]), "pages": plan.sides[0], "turned": False},
            {"target": str(paths[1]), "pages": plan.sides[1], "turned": turned},
        ],
        "limit": limit_bytes,
        "upright": upright,
    }
    try:
        answer = await async_get_pdf_worker(hass).async_run_pdf_task(
            "split", request, user=user, seconds=SPLIT_SECONDS
        )
        fronts, backs = await hass.async_add_executor_job(_made, paths, document, plan.sheets)
    except PdfUnavailableError:
        raise InputError("manual_duplex_not_available") from None
    except PdfError as err:
        raise layout_error(err, document.name, limit_bytes=limit_bytes) from None
    plan = replace(plan, lies=bool(answer["lies"]))
    # The digest leaves out the paper's size, which may become known before the same print is requested again.
    asked = (options.form_fields(), options.by_hand, setup.as_dict())
    digest = digest_of("two sides", fronts.digest, *asked)
    printed = _printed(options, upright=upright)
    align = options.align
    if turned and align is not None:
        # The page is upside down, so its position on the paper is reversed, too: z1 to z9 count row by row.
        align = f"z{10 - int(align[1:])}"
    everything = (1, plan.sheets)
    return plan.deliveries(
        (replace(fronts, digest=digest), printed),
        (backs, replace(printed, align=align)),
        everything,
        everything,
    )


def _stands(options: ResolvedOptions) -> bool:
    """Whether landscape pages are turned upright here and not by the service, which might turn them either way."""
    paper = options.paper
    if paper is not None and paper.width > paper.height:
        return False
    return options.orientation == ORIENTATIONS["landscape"] or options.auto_rotate is not False


def _printed(options: ResolvedOptions, *, upright: bool) -> ResolvedOptions:
    """Return the options for printing one side, without the options that were applied here."""
    return replace(
        options,
        copies=1,
        page_range="",
        duplex=options.duplex and DUPLEX["off"],
        reverse_order=False,
        excel_fit=None,
        orientation=ORIENTATIONS["portrait"] if upright else options.orientation,
        auto_rotate=None if upright else options.auto_rotate,
    )


def _made(paths: list[Path], document: Document, sheets: int) -> tuple[Document, Document]:
    """Make the documents of both sides, the first with the digest of the source document; blocks."""
    fronts, backs = (
        make_document(path, document.name, title=document.title, kind=FileType.PDF, pages=sheets)
        for path in paths
    )
    return replace(fronts, digest=document.digest or file_digest(document.path)), backs
