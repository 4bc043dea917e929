"""Read a scanner's condition from the words of the service. No document lists these words, so we know only some."""

from collections.abc import Mapping
from enum import StrEnum
import re
from typing import Final

from .scanner_abilities import fields_within

# Number of characters of a text that are searched for words about a scanner's condition.
_LOOKED_AT: Final = 200


class ScannerCondition(StrEnum):
    """What keeps a scanner from scanning, and what is known of its feeder."""

    OFF = "off"
    COVER_OPEN = "cover_open"
    JAM = "jam"
    BUSY = "busy"
    FEEDER_EMPTY = "feeder_empty"
    FEEDER_LOADED = "feeder_loaded"


class ScannerConditions(frozenset[ScannerCondition]):
    """The reported conditions of a scanner; empty if none was reported."""


# Conditions that the status sensor of a scanner shows, the most important first.
STATES: Final = (ScannerCondition.COVER_OPEN, ScannerCondition.JAM, ScannerCondition.BUSY)

_ADF: Final = r"(?:\b(?:adf|feeder)\b|[进送输]稿器)"
_WORDS: Final = {
    ScannerCondition.OFF: (
        r"离线|不在线|关机|未开机|未连接|已断开|\boff[ -]?line\b|\boff$|\b(?:not |dis)connected\b"
    ),
    ScannerCondition.COVER_OPEN: (
        r"盖.{0,3}[未没]有?[关合盖]|盖.{0,2}(?:打开|开着|开启)|\b(?:cover|lid|door|hatch)\b.{0,9}\bopen"
    ),
    ScannerCondition.JAM: r"(?<![未无没有])卡[纸稿]|(?<!no )(?<!no paper )\bjam(?:med)?\b",
    ScannerCondition.BUSY: r"(?<!不)忙|正在|占用|\b(?:busy|scanning|printing|copying|processing|in use)\b",
    ScannerCondition.FEEDER_EMPTY: (
        r"(?:没有|缺少?|无|未检测到|未放[入置]?|未装入?)(?:原稿|稿件|文稿)"
        rf"|{_ADF}.{{0,4}}(?:无纸|缺纸|没有?纸|为?空)|{_ADF}.{{0,9}}\b(?:empty|out of)\b"
        r"|\bno (?:originals?|documents?)\b|\bout of documents\b"
    ),
    ScannerCondition.FEEDER_LOADED: rf"(?:已放入|已装入|(?<!未)检测到|(?<!没)有)原稿|{_ADF}.{{0,4}}(?:有纸|\bloaded\b)",
}
_PATTERNS: Final = {one: re.compile(f"(?i){words}") for one, words in _WORDS.items()}
_FINE: Final = re.compile(r"(?i)空闲|就绪|正常|待机|\b(?:idle|ready|normal|ok|standby)\b")
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
_WORD_BREAKS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|_")


def conditions_in(said: str | Mapping[str, object]) -> ScannerConditions | None:
    """Return the conditions that a message or an answer about a scanner reports; None if we understand none of it.

    In an answer, a text (`"status": "idle"`) is understood by its words, and a flag (`"coverOpen": true`) by the name
    of its field.
    """
    found: set[ScannerCondition] = set()
    is_understood = False
    for name, value in fields_within(said) if isinstance(said, Mapping) else [("", said)]:
        flag = _FLAGS.get(str(value)[:_LOOKED_AT].casefold())
        text = _WORD_BREAKS.sub(" ", name) if flag is not None else value
        if not isinstance(text, str):
            continue
        meant = {one for one, words in _PATTERNS.items() if words.search(text[:_LOOKED_AT])}
        is_understood = is_understood or bool(meant or _FINE.search(text[:_LOOKED_AT]))
        found |= meant if flag is not False else set()
    return ScannerConditions(found) if is_understood else None


def cause_in(message: str) -> ScannerCondition | None:
    """Return the only condition that the message of a failed scan names; None if it names none or several."""
    causes = [*(conditions_in(message) or ())]
    return causes[0] if len(causes) == 1 else None
