"""Convert an OFD file (GB/T 33190) to PDF, with its text and lines, and say what cannot be drawn."""

from typing import Any, Final

from pikepdf import Array, Dictionary, Name, Page, Pdf

from .ofd_document import read_documents
from .ofd_geometry import Matrix, put
from .ofd_package import Package
from .ofd_page import Canvas, Conversion, Drawer
from .pdf_files import save_new
from .plan import POINTS_PER_MM

# Maximum number of pages, and of characters, that an answer names as incomplete.
MAX_NAMED: Final = 20


def convert_ofd(request: dict[str, Any]) -> dict[str, Any]:
    """Write the file `path` as a PDF of at most `limit` bytes to the new file `target`.

    `font` is the path of the font for text whose own font is not in the file, or None. The answer has the number of
    `pages`; `missing`, the numbers of the pages on which something cannot be drawn, by its kind (seal, picture, text,
    page, part); and `letters`, the characters for which there is no font.
    Raises TaskError: damaged, ofd_locked, ofd_too_large, too_many_pages, too_large, disk, memory.
    """
    with Pdf.new() as pdf:
        job = Conversion(pdf, request.get("font"))
        gaps = job.gaps
        package = Package(request["path"], gaps)
        number = 0
        for document in read_documents(package, gaps):
            drawer = Drawer(job, package, gaps)
            for place in range(len(document.pages)):
                number += 1
                gaps.page = number
                drawing = document.page(place)
                width, height = (side * POINTS_PER_MM for side in drawing.size)
                flip: Matrix = (POINTS_PER_MM, 0.0, 0.0, -POINTS_PER_MM, 0.0, height)
                canvas = Canvas(job)
                canvas.put(f"{put(*flip)} cm")
                drawer.draw(drawing, canvas, flip)
                content = canvas.stream(pdf, canvas.text)
                page = Dictionary(
                    Type=Name.Page,
                    MediaBox=Array([0, 0, round(width, 3), round(height, 3)]),
                    Resources=canvas.resources,
                    Contents=pdf.make_indirect(content),
                )
                pdf.pages.append(Page(pdf.make_indirect(page)))
        job.finish()
        save_new(pdf, request["target"], request["limit"])
    return {
        "pages": number,
        "missing": {kind: sorted(pages)[:MAX_NAMED] for kind, pages in gaps.pages.items()},
        "letters": "".join(gaps.letters)[:MAX_NAMED],
    }
