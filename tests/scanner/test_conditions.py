"""What the service says of a scanner is understood where its words are clear, and nothing is guessed."""

from collections.abc import Mapping

import pytest

from custom_components.lianke.scanner.scanner_condition import (
    ScannerCondition,
    cause_in,
    conditions_in,
)

OFF, OPEN, JAM, BUSY, EMPTY, LOADED = ScannerCondition

SAID: list[tuple[str | Mapping[str, object], set[ScannerCondition] | None]] = [
    ("自动进稿器中没有原稿", {EMPTY}),
    ("未检测到原稿", {EMPTY}),
    ("ADF is out of paper", {EMPTY}),
    ("自动进稿器卡纸", {JAM}),
    ("Paper jam", {JAM}),
    ("上盖未关闭", {OPEN}),
    ("Cover is open", {OPEN}),
    ("扫描仪正忙", {BUSY}),
    ("设备不在线", {OFF}),
    ("检测到原稿", {LOADED}),
    ("正常", set()),
    # These deny what their words name, or say nothing of a scanner.
    ("上盖已关闭", None),
    ("no paper jam", None),
    ("未卡纸", None),
    ("打印机缺纸", None),
    ("success", None),
    ("未知错误", None),
    ("", None),
    ({"status": "idle", "msg": "正常"}, set()),
    ({"status": "scanning", "msg": "正常"}, {BUSY}),
    ({"data": {"state": ["busy"]}}, {BUSY}),
    ({"coverOpen": True, "adf_empty": "1", "paperJam": 0}, {OPEN, EMPTY}),
    ({"paperJam": False}, set()),
    ({"status": 3, "id": 4711, "name": None}, None),
    ({}, None),
]


@pytest.mark.parametrize(("said", "meant"), SAID, ids=range(len(SAID)))
def test_what_is_said(
    said: str | Mapping[str, object], meant: set[ScannerCondition] | None
) -> None:
    assert conditions_in(said) == meant


def test_a_message_that_names_several_causes_tells_none() -> None:
    assert cause_in("可能卡纸或上盖未关") is None
    assert cause_in("卡纸") is JAM
