"""What some tests need besides Python: scripts/test brings it where it can, and a test that lacks it is left out."""

from ctypes.util import find_library
import shutil

import pytest

from custom_components.lianke.documents import watermark_font

# Reads QR codes in pictures.
zbar = pytest.mark.skipif(find_library("zbar") is None, reason="no zbar library")
chromium = pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium")


def chinese_fonts() -> tuple[str, ...]:
    """Return the folders that may have a font with Chinese characters: this system's, and the installed package's."""
    installed = watermark_font._find_font()
    return (*watermark_font.FONT_FOLDERS, *([installed] if installed else []))
