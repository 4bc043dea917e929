"""Make the sheets of a plan: each page becomes a form that is drawn in its place, text stays text."""

from collections.abc import Callable, Sequence
from typing import Any

import pypdfium2

from .failure import TaskError
from .gather import Gathered, import_pages
from .plan import Sheet

type Finish = Callable[[Any, Any, Sheet, int], None]
"""Called with the document, the page, its sheet and its number, from 0, before it is finished."""


def impose(gathered: Gathered, sheets: Sequence[Sheet], finish: Finish) -> Any:
    """Return a new document with a page for each sheet. Raises TaskError: damaged.

    All pages are brought over at once, so that fonts and pictures that they share are there once.
    """
    raw = pypdfium2.raw
    # One page alone would be copied and make no form.
    each = max(2, *(len(sheet.items) for sheet in sheets))
    ordered = pypdfium2.PdfDocument.new()
    import_pages(
        ordered, gathered.document, [item.page for sheet in sheets for item in sheet.items]
    )
    for number, sheet in enumerate(sheets):
        for place in range(len(sheet.items), each):
            # An empty page for a place that stays empty.
            ordered.new_page(1, 1, number * each + place).close()
    made = raw.FPDF_ImportNPagesToOne(ordered, *sheets[0].size, each, 1)
    if not made:
        raise TaskError("damaged")
    document = pypdfium2.PdfDocument(made)
    ordered.close()
    for number, sheet in enumerate(sheets):
        page = document[number]
        page.set_mediabox(0, 0, *sheet.size)
        forms = list(page.get_objects(max_depth=1))
        if len(forms) != each:
            raise TaskError("damaged")
        for place, form in enumerate(forms):
            if place < len(sheet.items):
                item = sheet.items[place]
                matrix = item.matrix(gathered.sizes[item.page])
                form.set_matrix(pypdfium2.PdfMatrix(*matrix))
            else:
                page.remove_obj(form)
        finish(document, page, sheet, number)
        page.gen_content()
        page.close()
    return document
