"""What some tests need besides Python: scripts/test brings it where it can, and a test that lacks it is left out."""

from ctypes.util import find_library
from functools import cache
from pathlib import Path
import shutil
import sys

import pytest

from custom_components.lianke.documents import sheets as watermark_font
from custom_components.lianke.pdf import marks as lettering
from custom_components.lianke.pdf.process import TaskError

# Lets a library of ours stand between a process and the system (tests/disk).
linux = pytest.mark.skipif(sys.platform != "linux", reason="not Linux")
# Reads QR codes in pictures.
zbar = pytest.mark.skipif(find_library("zbar") is None, reason="no zbar library")
# Draws PDF files with other eyes than the ones that lay them out.
poppler = pytest.mark.skipif(not shutil.which("pdftoppm"), reason="no poppler")
chromium = pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium")
# Those that have pages printed (tests/documents/browser.py) share one: each process would start one of its own.
one_chromium = pytest.mark.xdist_group("printed by Chromium")
# Reads what is printed on a page.
tesseract = pytest.mark.skipif(not shutil.which("tesseract"), reason="no Tesseract")


def chinese_fonts() -> tuple[str, ...]:
    """Return the folders that may have a font with Chinese characters: this system's, and the installed package's."""
    installed = watermark_font._find_font()
    return (*watermark_font.FONT_FOLDERS, *([installed] if installed else []))


@cache
def chinese_font() -> Path:
    """Return a font of those folders that has Chinese characters, or skip; it takes half a second to find."""
    folders = chinese_fonts()
    try:
        lettering.lettering("仅供办理××使用", folders)
    except TaskError:
        pytest.skip("no font with Chinese characters")
    return lettering._fonts(folders, "仅")[0]
