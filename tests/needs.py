"""Programs and libraries for some tests: scripts/test installs them where it can; without them tests are skipped."""

from ctypes.util import find_library
import shutil
import sys

import pytest

# tests/disk puts a library of ours between a process and the system.
linux = pytest.mark.skipif(sys.platform != "linux", reason="not Linux")
# Reads QR codes in pictures.
zbar = pytest.mark.skipif(find_library("zbar") is None, reason="no zbar library")
# Draws PDF files independently of the library that lays them out.
poppler = pytest.mark.skipif(not shutil.which("pdftoppm"), reason="no poppler")
chromium = pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium")
# Tests that print pages (tests/documents/browser.py) share one Chromium; otherwise each process would start its own.
one_chromium = pytest.mark.xdist_group("printed by Chromium")
# A mail server.
dovecot = pytest.mark.skipif(not shutil.which("dovecot"), reason="no Dovecot")
# Reads the text on a printed page.
tesseract = pytest.mark.skipif(not shutil.which("tesseract"), reason="no Tesseract")
