"""Capabilities and papers of a driver."""

import json

import pytest

from custom_components.lianke.api.capabilities import Capabilities, Paper, parse_papers
from custom_components.lianke.api.errors import LiankeResponseError
from tests.papers import paper


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"Capabilities": None},
        {"Capabilities": {"Papers": {}, "Copies": 0, "Color": []}},
        {"DevMode": 7},
    ],
)
def test_missing_blocks_are_unknown(data: object) -> None:
    able = Capabilities.from_json(data)
    assert able == Capabilities()
    assert Capabilities.from_dict(json.loads(json.dumps(able.as_dict()))) == able


def test_papers() -> None:
    size = {"paper_id": 9, "physical_width": 2100, "physical_height": 2970}
    papers = parse_papers(
        {
            "A4\r\n": {**size, "printable_width": 2016, "printable_height": "2886"},
            "unknown margins": size,
            "too wide inside": {**size, "printable_width": 3000, "printable_height": 0},
            "no id": {**size, "paper_id": None},
            "no size": {"paper_id": 1},
            "negative": {**size, "physical_width": -1},
            "no object": 7,
        }
    )
    assert papers == (
        paper(2100, 2970, 42, name="A4", paper_id=9),
        paper(2100, 2970, name="unknown margins", paper_id=9),
        paper(2100, 2970, name="too wide inside", paper_id=9),
    )
    assert [Paper.from_dict(json.loads(json.dumps(one.as_dict()))) for one in papers] == [*papers]
    assert parse_papers(None) == ()
    with pytest.raises(LiankeResponseError):
        parse_papers([])
