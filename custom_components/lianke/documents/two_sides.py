"""Both sides by hand: how a printer's stack is turned, and a document as two files, one for each side."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
import hashlib
from pathlib import Path
from typing import Any, Final, Self

from homeassistant.core import HomeAssistant

from ..api.options import DUPLEX, ORIENTATIONS, ResolvedOptions, select_pages
from ..errors import InputError
from ..pdf.process import MAX_SOURCE_PAGES
from .document import Document, digest_of
from .kinds import CONTENT_TYPES, IMAGES, FileType
from .pdf import pdf_error
from .pdf_client import PdfError, PdfUnavailableError, async_get_pdf_worker
from .spool import Spool

FACE_UP: Final = "face_up"
FACE_DOWN: Final = "face_down"
FACES: Final = (FACE_UP, FACE_DOWN)
SHORT_EDGE: Final = "short_edge"
# For both files, starting the process included.
SPLIT_SECONDS: Final = 30
TYPES: Final = IMAGES | {FileType.PDF}


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnSetup:
    """How sheets come out of a printer, and how they have to be put back.

    `comes_out` and `put_back` say where the printed side is. `turned` means that the second side comes out
    upside down if the upper edge of the first one goes into the printer first. The defaults are right for
    most small lasers: sheets come out with the printed side down, and what lies upwards in the tray is
    printed next.
    """

    comes_out: str = FACE_DOWN
    put_back: str = FACE_DOWN
    turned: bool = False

    @classmethod
    def from_stored(cls, stored: object) -> Self:
        """Read what `as_dict` wrote; what cannot be read has its default."""
        if not isinstance(stored, Mapping):
            return cls()
        faces = {
            name: stored[name] for name in ("comes_out", "put_back") if stored.get(name) in FACES
        }
        return cls(**faces, turned=stored.get("turned") is True)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {"comes_out": self.comes_out, "put_back": self.put_back, "turned": self.turned}

    @property
    def backs_descending(self) -> bool:
        """Return whether the last sheet is printed first on its second side.

        Then the first sheet ends up on top of the finished stack.
        """
        return self.comes_out == FACE_DOWN

    @property
    def fronts_descending(self) -> bool:
        """Return whether the last sheet is printed first on its first side.

        The stack is turned over, its first sheet on top, if it is put back another way up than it came out.
        """
        return self.backs_descending == (self.comes_out != self.put_back)


@dataclass(frozen=True, kw_only=True, slots=True)
class TwoSides:
    """A document as two files with a page for each sheet; `options` print the first one.

    `pages` are those of one copy, `sheets` those of all copies. `back_align` is where the backs' pages
    lie. `lies`: the pages were stood up, so that their left edge goes into the printer first.
    """

    fronts: Document
    backs: Document
    options: ResolvedOptions
    back_align: str | None
    pages: int
    copies: int
    sheets: int
    lies: bool


def can_split(document: Document) -> bool:
    """Return whether the pages of a document can be printed on both sides by hand."""
    return document.extension in TYPES and document.pages is not None


async def async_split(
    hass: HomeAssistant,
    spool: Spool,
    document: Document,
    options: ResolvedOptions,
    setup: TurnSetup,
    *,
    limit_bytes: int,
    user: str | None,
) -> TwoSides | None:
    """Return a document as two files, None if it has but one page; the document stays as it is.

    Raises InputError: by_hand_type, by_hand_not_available, pages_not_in_document,
    sheet_too_many_pages, and what is wrong with the file; HomeAssistantError: disk_full.
    """
    if document.extension not in TYPES:
        raise InputError("by_hand_type", name=document.name)
    if document.pages is None:
        raise InputError("by_hand_not_available")
    pages = select_pages(options.page_range, document.pages)
    if not pages:
        raise InputError("pages_not_in_document", count=str(document.pages))
    if len(pages) == 1:
        return None
    if len(pages) * options.copies > MAX_SOURCE_PAGES:
        raise InputError("sheet_too_many_pages", limit=str(MAX_SOURCE_PAGES))
    paths = [await spool.async_new_path(FileType.PDF) for _ in range(2)]
    turned = (options.by_hand == SHORT_EDGE) != setup.turned
    upright = _stands(options)
    made = replace(
        document,
        name=f"{Path(document.name).stem}{FileType.PDF}",
        content_type=CONTENT_TYPES[FileType.PDF],
        extension=FileType.PDF,
        ticket=None,
        ticket_scope=None,
        counted_for=None,
        pages_at_most=None,
    )
    fronts, backs = (replace(made, path=path) for path in paths)
    request = {
        "file": {
            "path": str(document.path),
            "is_pdf": document.extension == FileType.PDF,
            "pages": [number - 1 for number in pages],
        },
        "copies": options.copies,
        "fronts": str(fronts.path),
        "backs": str(backs.path),
        "limit": limit_bytes,
        "upright": upright,
        "turned": turned,
        "fronts_descending": setup.fronts_descending,
        "backs_descending": setup.backs_descending,
    }
    try:
        answer = await async_get_pdf_worker(hass).async_run(
            "split", request, user=user, seconds=SPLIT_SECONDS
        )
        sizes, digest = await hass.async_add_executor_job(_measure, paths, document)
    except PdfUnavailableError:
        await spool.async_discard(fronts, backs)
        raise InputError("by_hand_not_available") from None
    except PdfError as err:
        await spool.async_discard(fronts, backs)
        raise pdf_error(err, document.name, limit_bytes=limit_bytes) from None
    except BaseException:
        await spool.async_discard(fronts, backs)
        raise
    sheets = int(answer["sheets"])
    asked = (options.as_dict(), setup.as_dict())
    return TwoSides(
        fronts=replace(
            fronts, size=sizes[0], pages=sheets, digest=digest_of("two sides", digest, *asked)
        ),
        backs=replace(backs, size=sizes[1], pages=sheets),
        options=_printed(options, upright=upright),
        back_align=_opposite(options.align) if turned else options.align,
        pages=len(pages),
        copies=options.copies,
        sheets=sheets,
        lies=bool(answer["lies"]),
    )


def _stands(options: ResolvedOptions) -> bool:
    """Return whether pages that lie are stood up here, as the service would turn them either way."""
    paper = options.paper
    if paper is not None and paper.width > paper.height:
        return False
    return options.orientation == ORIENTATIONS["landscape"] or options.auto_rotate is not False


def _printed(options: ResolvedOptions, *, upright: bool) -> ResolvedOptions:
    """Return the options for one side: what was done here is not to be done again."""
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


def _opposite(align: str | None) -> str | None:
    """Return where something lies on a page that is turned upside down: z1 to z9, by rows."""
    return None if align is None else f"z{10 - int(align[1:])}"


def _measure(paths: list[Path], document: Document) -> tuple[list[int], str]:
    """Return the sizes of files, and the digest of a document; blocks."""
    digest = document.digest
    if digest is None:
        with document.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    return [path.stat().st_size for path in paths], digest
