"""Every question that the integration asks, on the card, on phones and in dialogs: an answer says what it does.

The questions are found where they are made, so that a new one fails here until the table knows it.
"""

import ast
from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[1]
INTEGRATION: Final = ROOT / "custom_components" / "lianke"
CARD: Final = ROOT / "frontend" / "src"
LANGUAGES: Final = ("en", "zh-Hans")

# Answers that say nothing without their question, or the opposite of what they do: beside "Discard what was
# scanned?" 取消 is read as "do not".
MUTE: Final = re.compile(
    r"(yes|no|ok(ay)?|cancel|confirm|sure|是|是的|否|不|好|好的|确定|确认|取消)[.!。！…]?",
    re.IGNORECASE,
)

# The questions of the card: where each is asked, and what its answers are called.
ON_THE_CARD: Final[dict[tuple[str, str], dict[str, tuple[str, str]]]] = {
    ("answer", "reject"): {"en": ("Reject", "Let it wait"), "zh-Hans": ("拒绝", "继续等待")},
    ("reprint", "again"): {"en": ("Print", "Don't print"), "zh-Hans": ("打印", "不打印")},
    ("reprint", "move"): {"en": ("Move", "Leave it there"), "zh-Hans": ("移动", "留在原处")},
    ("job-actions", "again"): {
        "en": ("Print anyway", "Don't print"),
        "zh-Hans": ("仍要打印", "不打印"),
    },
    ("notes", "discard"): {
        "en": ("Discard {n} jobs", "Keep"),
        "zh-Hans": ("丢弃 {n} 个任务", "保留"),
    },
    ("notes", "discard_one"): {
        "en": ("Discard 1 job", "Keep"),
        "zh-Hans": ("丢弃 1 个任务", "保留"),
    },
    ("scan", "cancel"): {"en": ("Discard", "Keep"), "zh-Hans": ("丢弃", "保留")},
    ("scan", "discard"): {"en": ("Delete", "Keep"), "zh-Hans": ("删除", "保留")},
}

# What else the card opens over itself, which destroys nothing when it is closed.
OTHER_DIALOGS: Final = {
    "components/answer.ts",  # how paper is turned
    "print/corners.ts",
    "print/crop.ts",
    "print/media-browser.ts",
    "print/preview.ts",
    "scan/scan.ts",
}

# The buttons of notifications: where they are made, and the texts of each question.
ON_PHONES: Final = {
    "people/notifications.py": {
        "approval_approve": ("Approve", "批准"),
        "approval_reject": ("Reject", "拒绝"),
    },
    "scanner/scan_questions.py": {
        "scan_button_next": ("Next page", "下一页"),
        "scan_button_again": ("Scan again", "重新扫描"),
        "scan_button_finish": ("Finish", "完成"),
    },
}

# What is repaired by pressing one button, whose name is what it does.
REPAIRS: Final = {
    "awaiting_driver": ("Ask for a driver", "申请驱动"),
    "box_not_bound": ("Check again", "再次检查"),
    "error_limit_reached": ("Lift the pause", "解除暂停"),
    "push_address_changed": ("Close this message", "关闭此消息"),
    "too_many_jobs": ("Save the limit", "保存上限"),
    "too_many_pages": ("Save the limit", "保存上限"),
}
# Repairs that ask in several steps.
GUIDES: Final = {"test_page": {"answers", "scanner", "scanned", "report", "share"}}


def card_texts(language: str) -> dict[str, dict[str, Any]]:
    """Return the card's dictionaries of a language, by the part that they are of."""
    return {
        path.name.removesuffix(f".{language}.json"): json.loads(path.read_text("utf-8"))
        for path in (CARD / "translations").glob(f"*.{language}.json")
    }


def texts(language: str) -> dict[str, Any]:
    """Return the integration's texts."""
    return dict(json.loads((INTEGRATION / "translations" / f"{language}.json").read_text("utf-8")))


def sources() -> Iterator[tuple[str, str]]:
    """Yield the card's sources, by name."""
    for path in sorted(CARD.rglob("*.ts")):
        yield path.relative_to(CARD).as_posix(), path.read_text("utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_question_of_the_card_has_answers_that_say_what_they_do(language: str) -> None:
    found = {
        (part, name): (question["yes"], question["no"])
        for part, known in card_texts(language).items()
        for name, question in known.get("questions", {}).items()
    }
    assert found == {key: answers[language] for key, answers in ON_THE_CARD.items()}
    assert not [answers for answers in found.values() if any(map(MUTE.fullmatch, answers))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_button_of_the_card_is_mute(language: str) -> None:
    """Whatever the card calls anything: none of its words is a bare yes, no or cancel."""
    everywhere = json.loads((CARD / "translations" / f"{language}.json").read_text("utf-8"))
    mute = [
        (part, key, text)
        for part, known in [*card_texts(language).items(), ("everywhere", everywhere)]
        for key, text in known.items()
        if isinstance(text, str) and MUTE.fullmatch(text)
    ]
    assert not mute


def test_the_card_asks_in_no_other_way() -> None:
    asked: set[tuple[str, str]] = set()
    dialogs: set[str] = set()
    for name, source in sources():
        part = Path(name).stem
        assert not re.search(r"\b(window\.)?(confirm|alert|prompt)\(", source), name
        # Who asks names the question; its answers come with it.
        asked |= {(part, one) for one in re.findall(r"\.questions(?:\.|\[\")(\w+)", source)}
        if re.search(r"\.questions\[[\w.]+\]", source):
            asked |= {key for key in ON_THE_CARD if key[0] == part}
        if name != "components/ask.ts":
            for tag in re.findall(r"<lianke-ask\b(.*?)>\s*</lianke-ask>", source, re.DOTALL):
                assert ".question=" in tag, name
                assert "questions" in source, name
        if "<dialog" in source:
            dialogs.add(name)
    assert asked == set(ON_THE_CARD)
    assert dialogs == OTHER_DIALOGS | {"print/reprint.ts"}


def _makes_buttons(tree: ast.AST) -> bool:
    """Return whether a module makes buttons of notifications: something with an action and a title."""
    return any(
        {"action", "title"} <= {key.value for key in node.keys if isinstance(key, ast.Constant)}
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
    )


def test_each_button_of_a_notification_says_what_it_does() -> None:
    makers = {
        path.relative_to(INTEGRATION).as_posix()
        for path in INTEGRATION.rglob("*.py")
        if _makes_buttons(ast.parse(path.read_text("utf-8")))
    }
    assert makers == set(ON_PHONES)
    for number, language in enumerate(LANGUAGES):
        known = texts(language)["exceptions"]
        buttons = {key for key in known if re.search(r"_button_|^approval_(approve|reject)$", key)}
        assert buttons == {key for keys in ON_PHONES.values() for key in keys}
        for keys in ON_PHONES.values():
            for key, answer in keys.items():
                assert known[key]["message"] == answer[number]
                assert not MUTE.fullmatch(answer[number])


def test_no_blueprint_asks_by_buttons_of_its_own() -> None:
    def asking(node: object) -> bool:
        if isinstance(node, dict):
            data = node.get("data")
            if isinstance(data, dict) and ("actions" in data or asking(data)):
                return True
            return any(map(asking, node.values()))
        return isinstance(node, list) and any(map(asking, node))

    class Loader(yaml.SafeLoader):
        """Takes the tags of Home Assistant."""

    Loader.add_multi_constructor("!", lambda *_: None)
    paths = list(INTEGRATION.rglob("blueprints/**/*.yaml"))
    assert paths
    for path in paths:
        assert not asking(yaml.load(path.read_text("utf-8"), Loader)), path


def test_each_repair_says_what_its_button_does() -> None:
    for number, language in enumerate(LANGUAGES):
        found = {
            issue: known["fix_flow"]["step"]["confirm"].get("submit")
            for issue, known in texts(language)["issues"].items()
            if "fix_flow" in known and issue not in GUIDES
        }
        assert found == {issue: answers[number] for issue, answers in REPAIRS.items()}
        for issue, known in texts(language)["issues"].items():
            steps = known.get("fix_flow", {}).get("step", {})
            assert set(steps) <= GUIDES.get(issue, {"confirm"}), issue
            for step, content in steps.items():
                ways = [*content.get("menu_options", {}).values(), content.get("submit", "")]
                assert not [way for way in ways if MUTE.fullmatch(way)], (issue, step)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_way_on_in_a_dialog_is_mute(language: str) -> None:
    known = texts(language)
    for flow in ("config", "options"):
        for step, content in known[flow]["step"].items():
            ways = [*content.get("menu_options", {}).values(), content.get("submit", "")]
            assert not [way for way in ways if MUTE.fullmatch(way)], (flow, step)
