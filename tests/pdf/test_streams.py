"""What the streams of a PDF say of themselves."""

import math
from pathlib import Path

import pytest

from custom_components.lianke.pdf.process import TaskError
from custom_components.lianke.pdf.streams import check_streams


@pytest.mark.parametrize(
    ("entries", "packed", "outcome"),
    [
        # No rows are none that could be counted.
        ("/Filter/CCITTFaxDecode/K -1/Columns 100/Rows -5", b"5" * 100, False),
        ("/Filter/CCITTFaxDecode/K 0/Columns 0/Rows 5", b"5" * 100, False),
        ("/Filter/FlateDecode/Length 0", b"", True),
        ("/Filter/FlateDecode/Length 9", b"", "incomplete"),
    ],
)
def test_streams_that_say_odd_things_of_themselves(
    tmp_path: Path, entries: str, packed: bytes, outcome: bool | str
) -> None:
    path = tmp_path / "x.pdf"
    head = f"%PDF-1.4\n1 0 obj<<{entries}>>stream\n".encode()
    path.write_bytes(head + packed + b"\nendstream endobj")
    try:
        told: bool | str = check_streams(str(path), 0, math.inf)[0]
    except TaskError as err:
        told = err.reason
    assert told == outcome
