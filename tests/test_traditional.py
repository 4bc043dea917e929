"""Texts in traditional Chinese, which scripts/traditional makes: complete, and in the words of Taiwan."""

from collections.abc import Iterator
import json
import re
from typing import Any

import pytest

from tests.conftest import COMPONENT

CARD = COMPONENT.parents[1] / "frontend" / "src" / "translations" / "zh-Hant.json"
# Words of the mainland, in traditional characters, and what they are in Taiwan.
TAIWAN = {
    "打印": "列印",
    "打印機": "印表機",
    "掃描儀": "掃描器",
    "複印": "影印",
    "紙盒": "紙匣",
    "文檔": "文件",
    "文件夾": "資料夾",
    "網絡": "網路",
    "默認": "預設",
    "用戶": "使用者",
    "設置": "設定",
    "服務器": "伺服器",
    "軟件": "軟體",
    "屏幕": "螢幕",
    "鏈接": "連結",
    "添加": "新增",
    "信息": "資訊",
    "質量": "品質",
    "二維碼": "QR 碼",
    "固件": "韌體",
    "儀表盤": "儀表板",
}
# Characters that only simplified Chinese has.
SIMPLIFIED = re.compile(r"[们个为这时会来过还没对开关进页纸张选择设预览发给经双扫网络认户务]")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Give each text with its place."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, f"{path}.{key}")
    else:
        yield path, value


def load(language: str) -> dict[str, str]:
    """Return the integration's texts by their places."""
    path = COMPONENT / "translations" / f"{language}.json"
    return dict(leaves(json.loads(path.read_text("utf-8"))))


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"\{\w+\}", text))


def test_every_text_is_there_with_the_same_placeholders() -> None:
    simplified, traditional = load("zh-Hans"), load("zh-Hant")
    assert list(simplified) == list(traditional)
    for place, text in simplified.items():
        assert placeholders(traditional[place]) == placeholders(text), place


@pytest.mark.parametrize("where", ["integration", "card"])
def test_the_words_are_those_of_taiwan(where: str) -> None:
    texts = (
        load("zh-Hant").values()
        if where == "integration"
        else json.loads(CARD.read_text("utf-8")).values()
    )
    text = "\n".join(texts)
    assert [word for word in TAIWAN if word in text] == []
    assert {*SIMPLIFIED.findall(text)} == set()
    assert "“" not in text
    used = [word for word in TAIWAN.values() if word in text]
    assert {"列印", "印表機", "掃描器", "雙面"} <= {*used, *re.findall("雙面", text)}
