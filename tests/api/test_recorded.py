"""Answers of real boxes, recorded with scripts/record, are read by the client, and nothing in them is unknown.

Put a folder that an owner has handed on below `recorded`, named by hardware and firmware. A test that fails names what
is to be learned: a field, a state or a code that api/unknown.py does not list, or an answer that cannot be read.
"""

import pytest

from custom_components.lianke.api.unknown import unknown_parts

from .recorded_answers import FOLDER, READERS, check_answer


def test_recorded_answers() -> None:
    for path in sorted(FOLDER.glob("*/[0-9]*.json")):
        check_answer(path)


@pytest.mark.parametrize("where", READERS)
def test_every_reader_belongs_to_an_endpoint_whose_parts_are_known(where: str) -> None:
    """One that is missing there would let everything pass."""
    assert [part.kind for part in unknown_parts(where, "odd")] == ["answer"]
