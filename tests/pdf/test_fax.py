"""What is coded as faxes are is read code by code."""

import time

from PIL import Image
import pytest

from custom_components.lianke.pdf.fax import Coding, is_whole
from tests.pdf.sheets import fax_coded


@pytest.mark.parametrize(
    ("compression", "options", "k"),
    [("group4", 0, -1), ("group3", 0, 0), ("group3", 1, 1), ("tiff_ccitt", 0, 0)],
)
def test_runs_of_every_length_in_both_colors(compression: str, options: int, k: int) -> None:
    """Each has a code of its own, or two; so has each way to build on the row above."""
    page = Image.new("1", (5300, 2650), 1)
    for row in range(1, 2650):
        page.paste(0, (row, row, row * 2, row + 1))
    data = fax_coded(page, compression, options)
    coding = Coding(page.width, page.height, k, is_aligned=compression == "tiff_ccitt")
    assert is_whole(data, coding)
    assert not is_whole(data[: len(data) // 2], coding)
    assert not is_whole(data, coding._replace(rows=page.height + 2))
    assert not is_whole(data, coding._replace(rows=page.height - 60))
    assert not is_whole(data, coding._replace(columns=page.width + 1))


def test_zeros_are_gone_past_at_once() -> None:
    began = time.process_time()
    assert not is_whole(bytes(400_000), Coding(1728, 1000, 0))
    assert not is_whole(b"\xff" * 400_000, Coding(1728, 400_000, -1))
    assert time.process_time() - began < 6
