"""Programs and libraries for some tests: scripts/test installs them where it can; without them tests are skipped."""

from ctypes.util import find_library
from functools import cache
from pathlib import Path
import shutil
import sys

import pytest

from custom_components.lianke.documents import sheets as watermark_font
from custom_components.lianke.pdf import sheet_marks as lettering
from custom_components.lianke.pdf.process import TaskError

# tests/disk puts a library of ours between a process and the system.
linux = pytest.mark.skipif(sys.platform != "linux", reason="not Linux")
# Reads QR codes in pictures.
zbar = pytest.mark.skipif(find_library("zbar") is None, reason="no zbar library")
# Draws PDF files independently of the library that lays them out.
poppler = pytest.mark.skipif(not shutil.which("pdftoppm"), reason="no poppler")
chromium = pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium")
# Tests that print pages (tests/documents/browser.py) share one Chromium; otherwise each process would start its own.
one_chromium = pytest.mark.xdist_group("printed by Chromium")
# Reads the text on a printed page.
tesseract = pytest.mark.skipif(not shutil.which("tesseract"), reason="no Tesseract")


def chinese_fonts() -> tuple[str, ...]:
    """Return the folders that may hold a font with Chinese characters: the system's, and the installed package's."""
    installed = watermark_font._find_font()
    return (*watermark_font.FONT_FOLDERS, *([installed] if installed else []))


@cache
def chinese_font() -> Path:
    """Find a font with Chinese characters in `chinese_fonts()`, or skip the test; takes half a second."""
    folders = chinese_fonts()
    try:
        lettering.lettering("仅供办理××使用", folders)
    except TaskError:
        pytest.skip("no font with Chinese characters")
    return lettering.likely_fonts(folders, "仅")[0]
