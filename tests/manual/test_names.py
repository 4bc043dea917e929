"""Names and messages that the READMEs and the manual quote are those that people see."""

from collections.abc import Mapping
import json
import re
from typing import Any

import pytest

from tests.manual.hass_versions import newest_home_assistant

from . import DOCUMENTS, LANGUAGES, ROOT, section, text_of

INTEGRATION = ROOT / "custom_components" / "lianke"
CARD = ROOT / "frontend" / "src"
# What Home Assistant's own screens are called: each pair is the text of one key of its frontend.
HOME_ASSISTANT = {
    ("Actions", "动作"), ("Activity", "活动"), ("Add card", "添加卡片"), ("Add dashboard", "添加仪表盘"),
    ("Add from link", "从链接添加"), ("Add integration", "添加集成"), ("Add to…", "添加至…"),
    ("Automations & scenes", "自动化与场景"), ("Blueprints", "蓝图"), ("By card", "按卡片"), ("By entity", "按实体"),
    ("Configure", "配置"), ("Create as a new condition", "创建为新条件"), ("Create as a new trigger", "创建新触发器"),
    ("Dashboards", "仪表盘"), ("Delete", "删除"), ("Devices & services", "设备与服务"), ("Discover", "自动发现"),
    ("Download diagnostics", "下载诊断信息"), ("Edit in YAML", "YAML 编辑"), ("Enable debug logging", "启用调试日志"),
    ("Enabled", "已启用"), ("Entities", "实体"), ("Expose", "公开"), ("Image", "图像"), ("Install", "安装"),
    ("Labs", "实验室"), ("Local network", "本地网络"), ("Logs", "日志"), ("Long-lived access tokens", "长期访问令牌"),
    ("Marketplace", "市场"), ("Media", "媒体"), ("Network", "网络"), ("Next", "下一步"), ("Overview", "概览"),
    ("People", "人员"),
    ("Perform action", "执行动作"), ("Reconfigure", "重新配置"), ("Repairs", "修复"), ("Security", "安全"),
    ("Sentence", "语句"), ("Set conversation response", "设置对话响应"), ("Set up", "设置"), ("Settings", "设置"),
    ("Statistics graph", "统计图"), ("Storage", "存储"), ("System", "系统"), ("System information", "系统信息"),
    ("Tags", "联动标签"),
    ("Tools", "工具"), ("Users", "用户"), ("Voice assistants", "语音助手"), ("YAML mode", "YAML 模式"),
}  # fmt: skip
# Neither ours nor of Home Assistant's frontend.
OTHERS = {
    "en": {
        "AI task", "Assist", "Body text", "Folder Watcher", "HTTP", "IMAP", "Internet Printing Protocol (IPP)",
        "Model Context Protocol Server", "Telegram bot", "Zeroconf",  # integrations
        "Device control", "Expose all AI tools", "Require an administrator account",  # of that server
        "Add Printer", "Add device", "Add manually", "Bluetooth & devices", "Bonjour gateway", "Default Print Service",
        "Microsoft IPP Class Driver", "Mopria Print Service", "Printers & Scanners", "Printers & scanners",
        "Print", "Select a shared printer by name", "Share", "System Settings",  # devices
        "Kyocera MA2000w GX", "Lianke", "Watermark and stamp",
        "Tell me",  # a blueprint of the first version
        "Sticker",  # of the simulated cloud
        "My Profile",  # of Paperless-ngx
        "SMTP",
        "It works, or not",  # a form of this project
    },
    "zh-Hans": {
        "正文", "Internet Printing Protocol (IPP)",  # integrations
        "AP 隔离", "Windows 扫描", "共享", "打印", "图像捕捉", "打印机与扫描仪", "打印机和扫描仪",
        "按名称选择共享打印机", "手动添加", "文档扫描仪", "添加打印机", "添加设备", "系统设置",
        "蓝牙和其他设备", "默认打印服务",  # devices
        "Lianke Cloud Print 链科云打印", "链科", "iPhone von Anna · 192.168.1.23", "水印与标注",
        "提醒我",  # a blueprint of the first version
        "标签",  # of the simulated cloud
        "能用或不能用",  # a form of this project
    },
}  # fmt: skip
# In quotation marks since somebody says or reads it.
SAID = {
    "扫描并打印两份。", "扫描并打印两份", "复印这张", "好的，2 份复印件已交给打印机。", "没能复印。",
    "已扫描，但还没有打印。",
    "取消等待中的任务。", "好的，清单已交给打印机。", "打印一份去海边三天的行李清单。", "打印机 (厨房)",
    "打印机为什么不打印", "打印机为什么不打印？", "打印机在干什么", "打印机怎么了", "打印机状态：空闲。",
    "打印机有没有纸", "打印购物清单", "请把购物清单打印出来", "清单没能打印。", "清单还没有打印。",
    "购物清单在等待：缺纸。", "已取消购物清单。",
    "门口是谁？把画面打印出来。", "五分钟后打印清单", "打印 https://www.example.com/menu.pdf，两份。",
    "双面黑白打印 media-source://media_source/local/menu.pdf 的第 2 到 3 页，然后告诉我结果。",
    "双面黑白打印菜单的第 2 到 3 页。", "哪台打印机能打 A3？", "哪台打印机能彩色打印？", "我的东西打印好了吗？",
    "再打印一次。", "打印机怎么样", "打印机缺纸了吗", "打印机缺纸。", "打印机没有报告缺纸。", "打印好了吗",
    "我打印的文件怎么样了", "购物清单已经打印好了。", "打印上一份", "再打印两份", "好的，购物清单已再次交给打印机。",
    "取消菜单的打印", "再打印", "我的",
    "The service said something unknown", "Requirements for lianke not found", "一切正常", "2 / 12", "很可能",
    "未确认", "已打印", "打印", "成功", "该查一查了", "打印机已停止", "正在打印",
}  # fmt: skip
# In a way through the menus, but no label.
ON_THE_WAY = {
    "en": {"⋮", "⋮ of the box", "⚙", "⚙ of the box", "profile", "the entity", "the printer"},
    "zh-Hans": {"⋮", "云盒的 ⋮", "⚙", "云盒的 ⚙", "用户资料", "点开该实体", "选择打印机"},
}


def by_key(language: str) -> dict[str, str]:
    """Return the texts of the integration and of its card by file and key."""
    found: dict[str, str] = {}

    def gather(tree: Mapping[str, Any], path: str) -> None:
        for key, value in tree.items():
            if isinstance(value, Mapping):
                gather(value, f"{path}.{key}")
            else:
                found[f"{path}.{key}"] = str(value)

    files = [
        INTEGRATION / "translations" / f"{language}.json",
        *sorted((CARD / "translations").glob(f"*{language}.json")),
    ]
    for path in files:
        gather(json.loads(path.read_text("utf-8")), path.name.removesuffix(f"{language}.json"))
    return found


def texts(language: str) -> list[str]:
    """Return the texts of the integration, of its blueprints and of its card."""
    told = [*by_key(language).values()]
    # A blueprint is called what stands before the colon.
    told += [re.split("[:：]", text)[0] for text in told]
    blueprints = (INTEGRATION / "blueprints").glob(f"*/{language}/*.yaml")
    return told + [
        name
        for path in blueprints
        for name in re.findall(r"^ +name: (.+)$", path.read_text("utf-8"), re.MULTILINE)
    ]


def on_screens(language: str) -> dict[str, str]:
    """Return the texts of Home Assistant's frontend by their keys, none if there is no frontend."""
    folder = newest_home_assistant() / "hass_frontend" / "static" / "translations"
    return {
        key: str(text)
        for path in folder.rglob(f"{language}-*.json")
        if not path.name.startswith("en-GB")
        for key, text in json.loads(path.read_text("utf-8")).items()
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


def of_home_assistant(language: str) -> set[str]:
    return {names[LANGUAGES.index(language)] for names in HOME_ASSISTANT}


def prose(language: str, document: str) -> str:
    """Return a document without its examples, and without what its links lead to."""
    text = re.sub(r"```.*?```", "", text_of(language, document), flags=re.DOTALL)
    return re.sub(r"\]\([^)]*\)", "]", text)


def test_home_assistant_names_its_screens_like_that() -> None:
    """In both languages, by one and the same key."""
    shown = {language: on_screens(language) for language in LANGUAGES}
    if not shown["en"]:
        pytest.skip("this Home Assistant has no frontend")
    both = {(text, shown["zh-Hans"].get(key)) for key, text in shown["en"].items()}
    assert both >= HOME_ASSISTANT, HOME_ASSISTANT - both
    for language in LANGUAGES:
        text = " ".join(" ".join(prose(language, one) for one in DOCUMENTS).split())
        for name in of_home_assistant(language):
            assert name in text, name


def test_names_in_italics_are_those_of_the_screens() -> None:
    """Options, buttons, entities, menus: a name in italics, which begins with a capital, is a label somewhere."""
    known = {*texts("en"), *of_home_assistant("en"), *OTHERS["en"]}
    for document in DOCUMENTS:
        found = re.findall(r"(?<![*\w])\*([A-Z][^*]*)\*(?![*\w])", prose("en", document))
        names = {
            " ".join(piece.split())
            for name in found
            if "·" not in name
            for piece in name.split("→")
        }
        assert names - known == set(), document


def test_chinese_names_in_quotation_marks_are_those_of_the_screens() -> None:
    known = {*texts("zh-Hans"), *of_home_assistant("zh-Hans"), *OTHERS["zh-Hans"], *SAID}
    for document in DOCUMENTS:
        text = prose("zh-Hans", document)
        if document == "troubleshooting":  # The first column quotes parts of messages, see above.
            text = re.sub(r"^\| [^|]*\|", "", text, flags=re.MULTILINE)
        names = {
            piece.strip() for name in re.findall(r"“([^”]+)”", text) for piece in name.split("→")
        }
        assert names - known == set(), document
        # Italics are for names in Latin letters: nobody can read slanted Chinese.
        slanted = re.findall(r"\*([^*\n]+)\*", text.replace("**", ""))
        assert [name for name in slanted if re.search("[一-龥]", name)] == [], document


def test_a_name_on_a_page_is_on_its_chinese_twin() -> None:
    """In the words of the same button, option, entity or menu."""
    chinese = by_key("zh-Hans")
    twins = {name: {twin} for name, twin in HOME_ASSISTANT}
    for key, text in by_key("en").items():
        twins.setdefault(text.split(":")[0], set()).add(re.split("[:：]", chinese[key])[0])
    compared = 0
    for document in DOCUMENTS:
        twin = prose("zh-Hans", document)
        for name in re.findall(r"(?<![*\w])\*([A-Z][^*→·]*)\*(?![*\w])", prose("en", document)):
            expected = twins.get(" ".join(name.split()))
            assert expected is None or any(one in twin for one in expected), (document, name)
            compared += expected is not None
    assert compared


def steps(language: str) -> set[str]:
    """Return what may stand between two arrows of a way through the menus."""
    ours = json.loads((INTEGRATION / "translations" / f"{language}.json").read_text("utf-8"))
    menus = (step.get("menu_options", {}) for step in ours["options"]["step"].values())
    return {
        ours["title"],
        *(name for menu in menus for name in menu.values()),
        *of_home_assistant(language), *OTHERS[language], *ON_THE_WAY[language],
    } - {"Lianke", "链科"}  # fmt: skip


def astray(text: str, known: set[str]) -> list[str]:
    """Return what is no such step: text before the first arrow ends with one, text after the last begins with one."""
    pieces = [piece.strip() for piece in " ".join(re.sub(r"[*“”`]", "", text).split()).split("→")]

    def is_known(place: int, piece: str) -> bool:
        begins = place == 0 or any(piece.startswith(one) for one in known)
        ends = place == len(pieces) - 1 or any(piece.endswith(one) for one in known)
        return piece in known or (begins and ends)

    return [piece for place, piece in enumerate(pieces) if not is_known(place, piece)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_ways_through_the_menus_are_those_of_the_screens(language: str) -> None:
    known = steps(language)
    for document in DOCUMENTS:
        for paragraph in re.split(r"\n\s*\n|\n(?=[-|#>]|\d\.)", prose(language, document)):
            if language == "en" and re.search("[一-龥]", paragraph):
                continue  # The English README says in Chinese where the Chinese one is.
            assert astray(paragraph, known) == [], document


@pytest.mark.parametrize("language", LANGUAGES)
def test_ways_that_texts_tell_are_those_of_the_screens(language: str) -> None:
    known = steps(language)
    blueprints = (INTEGRATION / "blueprints").glob(f"*/{language}/*.yaml")
    lines = [line for path in blueprints for line in path.read_text("utf-8").splitlines()]
    told = [text for text in (*texts(language), *lines) if "→" in text]
    assert told
    for text in told:
        assert astray(text, known) == [], text
