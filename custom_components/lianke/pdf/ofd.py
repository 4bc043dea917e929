"""Convert an OFD file (GB/T 33190) to PDF, keeping text and lines as such, and report what cannot be drawn."""

from typing import Any, Final

from pikepdf import Array, Dictionary, Name, Page, Pdf
from pikepdf.exceptions import PikepdfError

from .font import FONT
from .ofd_document import read_documents
from .ofd_geometry import Matrix, put
from .ofd_package import Package
from .ofd_page import Canvas, Conversion, Drawer
from .pdf_files import save_new
from .plan import POINTS_PER_MM
from .process import TaskError

# Maximum number of pages that an answer lists for each kind of missing thing, and of characters without a font.
MAX_NAMED: Final = 20
_ODD: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    PikepdfError,
    RecursionError,
    TypeError,
    ValueError,
)


def convert_ofd(request: dict[str, Any]) -> dict[str, Any]:
    """Write the file `path` as a PDF of at most `limit` bytes to the new file `target`.

    `font` is the path of the font (by default the integration's) for text whose own font is not in the file. The answer
    has the number of `pages`; `missing`, the numbers of the pages on which something cannot be drawn, by the kind of
    thing (seal, picture, text, page, part); and `letters`, the characters that no font has.
    Raises TaskError: damaged, ofd_locked, ofd_too_large, too_many_pages, too_large, disk, memory.
    """
    with Pdf.new() as pdf:
        job = Conversion(pdf, request.get("font", FONT))
        try:
            add_pages(job, request["path"])
        except _ODD:
            # The file contains something that no valid file contains.
            raise TaskError("damaged") from None
        save_new(pdf, request["target"], request["limit"])
        gaps = job.gaps
        return {
            "pages": len(pdf.pages),
            "missing": {kind: sorted(pages)[:MAX_NAMED] for kind, pages in gaps.pages.items()},
            "letters": " ".join(map(_named, list(gaps.letters)[:MAX_NAMED])),
        }


def add_pages(job: Conversion, path: str) -> None:
    """Draw all pages of a file. Raises TaskError, or one of _ODD for some damaged files."""
    gaps, pdf = job.gaps, job.pdf
    package = Package(path, gaps)
    for document in read_documents(package, gaps):
        drawer = Drawer(job, package, gaps)
        for place in range(len(document.pages)):
            gaps.page = len(pdf.pages) + 1
            drawing = document.page(place)
            width, height = (side * POINTS_PER_MM for side in drawing.size)
            flip: Matrix = (POINTS_PER_MM, 0.0, 0.0, -POINTS_PER_MM, 0.0, height)
            canvas = Canvas(job)
            canvas.put(f"{put(*flip)} cm")
            drawer.draw(drawing, canvas, flip)
            page = Dictionary(
                Type=Name.Page,
                MediaBox=Array([0, 0, round(width, 3), round(height, 3)]),
                Resources=canvas.resources,
                Contents=pdf.make_indirect(canvas.stream(pdf, canvas.text)),
            )
            pdf.pages.append(Page(pdf.make_indirect(page)))
    job.finish()


def _named(letter: str) -> str:
    return letter if letter.isprintable() else f"U+{ord(letter):04X}"
