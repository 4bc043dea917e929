"""Draw a page of an open PDF file as it is printed: with its annotations and the values of its forms."""

from typing import Any

from PIL import Image
import pypdfium2


def render(
    document: Any, page: Any, size: tuple[int, int], place: tuple[int, int, int, int]
) -> Image.Image:
    """Return a picture, RGBX, of that size in pixels, in which the page has a place: left, top, width, height.

    The document's forms have to be initialized before its page is opened.
    """
    raw = pypdfium2.raw
    # As Pillow's own pixels are, so that they are not copied.
    bitmap = pypdfium2.PdfBitmap.new_native(*size, raw.FPDFBitmap_BGRx, rev_byteorder=True)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, *size)
    where = (*place, 0, raw.FPDF_ANNOT | raw.FPDF_PRINTING | raw.FPDF_REVERSE_BYTE_ORDER)
    raw.FPDF_RenderPageBitmap(bitmap, page, *where)
    if document.formenv:
        raw.FPDF_FFLDraw(document.formenv, bitmap, page, *where)
    picture: Image.Image = bitmap.to_pil()
    return picture
