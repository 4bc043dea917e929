"""A printer's abilities and the style of its pages, in Chinese."""

from datetime import UTC, datetime
import json
from pathlib import Path

from custom_components.lianke.api.capabilities import Capabilities, Paper
from custom_components.lianke.pages.page import PageStyle, paper_size

LABELS = json.loads(
    Path(__file__)
    .parents[2]
    .joinpath("custom_components", "lianke", "translations", "zh-Hans.json")
    .read_text("utf-8")
)["common"]
NOW = datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
ABLE = Capabilities(
    papers={"A4": 9, "信封 DL\r\n": 27},
    trays={"自动选择": 7},
    colors=frozenset({1, 2}),
    duplex=frozenset({1, 2, 3}),
    max_copies=99,
)


def style_for(found: Paper, header: str | None = "家里的清单") -> PageStyle:
    width, height, side, top = paper_size(found)
    return PageStyle(
        width=width,
        height=height,
        margin_side=side,
        margin_top=top,
        language="zh-Hans",
        now=NOW,
        texts=LABELS,
        header=header,
    )
