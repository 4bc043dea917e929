"""Capabilities and papers of a driver."""

import json

import pytest

from custom_components.lianke.api.capabilities import (
    Capabilities,
    DriverDefaults,
    Paper,
    parse_papers,
)
from custom_components.lianke.api.errors import LiankeResponseError

CAPABILITIES = {
    "Capabilities": {
        "Papers": {"A4": 9, "信封 DL\r\n": 27, "": 5, "broken": None},
        "Bins": {"纸盒 1": "258"},
        "Color": {"黑白": 1},
        "Duplex": {"关闭": 1, "长边翻转": 2},
        "MediaTypes": None,
        "Orientation": {"纵向": 1, "横向": 2},
        "Copies": "99",
        "Resolutions": None,
    },
    "DevMode": {
        "PaperSize": 9,
        "PaperWidth": 2100,
        "PaperLength": 2970,
        "Copies": 1,
        "PrintQuality": 600,
    },
    "DeviceContext": None,
    "Name": "x",
}


def test_capabilities() -> None:
    able = Capabilities.from_json(CAPABILITIES)
    assert able == Capabilities(
        papers={"A4": 9, "信封 DL": 27},
        trays={"纸盒 1": 258},
        media_types=None,
        colors=frozenset({1}),
        duplex=frozenset({1, 2}),
        orientations=frozenset({1, 2}),
        max_copies=99,
        defaults=DriverDefaults(
            paper_id=9, paper_width=2100, paper_length=2970, copies=1, quality=600
        ),
    )
    assert Capabilities.from_dict(json.loads(json.dumps(able.as_dict()))) == able


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


@pytest.mark.parametrize("data", [[], "x", 7, True])
def test_no_capabilities(data: object) -> None:
    with pytest.raises(LiankeResponseError):
        Capabilities.from_json(data)


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
        Paper(
            paper_id=9,
            name="A4",
            width=2100,
            height=2970,
            printable_width=2016,
            printable_height=2886,
        ),
        Paper(
            paper_id=9,
            name="unknown margins",
            width=2100,
            height=2970,
            printable_width=2100,
            printable_height=2970,
        ),
        Paper(
            paper_id=9,
            name="too wide inside",
            width=2100,
            height=2970,
            printable_width=2100,
            printable_height=2970,
        ),
    )
    assert [Paper.from_dict(json.loads(json.dumps(paper.as_dict()))) for paper in papers] == [
        *papers
    ]
    assert parse_papers(None) == ()
    with pytest.raises(LiankeResponseError):
        parse_papers([])
