"""Names and messages that the READMEs and the manual quote are those that people see."""

from collections.abc import Iterator, Mapping
import json
import re
from typing import Any

import pytest

from . import DOCUMENTS, LANGUAGES, ROOT, section, text_of
from .test_shape import newest_home_assistant

INTEGRATION = ROOT / "custom_components" / "lianke"
CARD = ROOT / "frontend" / "src"
# In italics, but not ours and not on the screens of Home Assistant's frontend.
OTHERS = {
    "AI task", "Body text", "Folder Watcher", "HTTP", "IMAP", "Internet Printing Protocol (IPP)",  # integrations
    "Model Context Protocol Server", "Telegram bot", "Zeroconf",
    "Device control", "Expose all AI tools", "Require an administrator account",  # of that server
    "Bonjour gateway", "Default Print Service", "Microsoft IPP Class Driver", "Mopria Print Service",  # devices
    "Kyocera MA2000w GX", "Lianke", "Lianke Cloud Print", "Watermark and stamp",
    "Tell me",  # a blueprint of the first version
    "Sticker",  # of the simulated cloud
    "My Profile",  # of Paperless-ngx
    "It works, or not",  # a form of this project
}  # fmt: skip


def leaves(tree: Mapping[str, Any]) -> Iterator[str]:
    """Give every text in a tree."""
    for value in tree.values():
        if isinstance(value, Mapping):
            yield from leaves(value)
        else:
            yield str(value)


def texts(language: str) -> list[str]:
    """Return the texts of the integration, of its blueprints and of its card."""
    files = [
        INTEGRATION / "translations" / f"{language}.json",
        *sorted((CARD / "translations").glob(f"*{language}.json")),
    ]
    told = [text for path in files for text in leaves(json.loads(path.read_text("utf-8")))]
    # A blueprint is called what stands before the colon.
    told += [re.split("[:：]", text)[0] for text in told]
    blueprints = (INTEGRATION / "blueprints").glob(f"*/{language}/*.yaml")
    return told + [
        name
        for path in blueprints
        for name in re.findall(r"^ +name: (.+)$", path.read_text("utf-8"), re.MULTILINE)
    ]


def on_screens(language: str) -> set[str]:
    """Return the texts of Home Assistant's frontend, none if there is no frontend."""
    folder = newest_home_assistant() / "hass_frontend" / "static" / "translations"
    return {
        str(text)
        for path in folder.rglob(f"{language}-*.json")
        if not path.name.startswith("en-GB")
        for text in json.loads(path.read_text("utf-8")).values()
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_messages_of_the_troubleshooting_are_shown(language: str) -> None:
    """What it quotes is what the integration says."""
    shown = texts(language)
    marks = r"\"([^\"]+)\"" if language == "en" else r"“([^”]+)”"
    for row in section(language, "Troubleshooting").rows():
        for quoted in re.findall(marks, row[0].text):
            pieces = [piece.strip(" .") for piece in re.split(r"…+", quoted) if piece.strip()]
            assert any(all(piece in text for piece in pieces) for text in shown), quoted


def test_names_in_italics_are_on_the_screens() -> None:
    """Options, buttons, entities, menus: a name in italics, which begins with a capital, is a label somewhere."""
    screens = on_screens("en")
    if not screens:
        pytest.skip("this Home Assistant has no frontend")
    known = {re.sub(r":?\s*\{\w+\}", "", text) for text in texts("en")} | screens | OTHERS
    for document in DOCUMENTS:
        prose = re.sub(r"```.*?```", "", text_of("en", document), flags=re.DOTALL)
        names = {
            " ".join(name.split())
            for name in re.findall(r"(?<![*\w])\*([A-Z][^*]*)\*(?![*\w])", prose)
            if not re.search(r"[→·]", name)
        }
        assert names - known == set(), document


# The names that most pages speak of, in the words of the integration.
NAMED = [
    "取消等待中的任务", "复制蓝图", "可打印的文档", "等待原因", "已打印出来", "保留未打印的文档",
    "重新打印", "打印任务", "重置错误次数上限", "使用与此云盒相同的账号", "搜索网络打印机", "服务器",
    "设置消息推送", "等待期限", "链科打印机",
]  # fmt: skip


def test_chinese_names_are_on_the_screens() -> None:
    shown = set(texts("zh-Hans"))
    text = "\n".join(text_of("zh-Hans", document) for document in DOCUMENTS)
    for name in NAMED:
        assert f"“{name}”" in text, name
        assert name in shown, name
