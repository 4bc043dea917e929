"""Check that the end of a PDF file is not missing. This needs no PDFium, so it works on any system."""

import mmap
import re
from typing import Final

from .process import TaskError

# Words at the end of a PDF file. In a complete file, no object follows the last occurrence of these words.
_LAST: Final = (b"startxref", b"trailer", b"%%EOF")
_OBJECT: Final = re.compile(rb"\d\s+\d+\s+obj\b")
_LINEARIZED: Final = re.compile(rb"<<[^>]*/Linearized\b[^>]*>>")
_WHOLE_LENGTH: Final = re.compile(rb"/L\s+(\d{1,12})\b")
_HEAD_BYTES: Final = 2048


def check_end(path: str) -> None:
    """Raise TaskError: incomplete, if the end of the file is missing.

    PDFium would open such a file with only the pages that it finds.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:  # noqa: PTH123  # the path is a str
        last = max(data.rfind(word) for word in _LAST)
        head = _LINEARIZED.search(data[:_HEAD_BYTES])
        # A linearized file has a second end, after its first page, so its length is checked as well.
        length = head and _WHOLE_LENGTH.search(head[0])
        if _OBJECT.search(data, max(0, last)) or (length and int(length[1]) > len(data)):
            raise TaskError("incomplete")
