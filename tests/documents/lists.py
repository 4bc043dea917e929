"""Short lists and notes as households write them, in seven languages, to test how old encodings are told apart."""

from collections.abc import Iterator
from pathlib import Path
import random
import re
from typing import Final

# Words on the lists; in the file, they follow the name of their language.
WORDS: Final = {
    language: words.split()
    for language, words in re.findall(
        r"\[(.+)\]\n([^\[]+)", Path(__file__).with_name("words.txt").read_text("utf-8")
    )
}
# Words in the notes. Every other word was used to choose the weights of the encodings; the other half tests the result.
_NOTES: Final = {
    kind: [item.replace("_", " ") for item in items.split()]
    for kind, items in re.findall(
        r"\[(.+)\]\n([^\[]+)", Path(__file__).with_name("households.txt").read_text("utf-8")
    )
}
_KEYS: Final = ("things", "family", "given", "names", "places")
NOTES: Final = ("lists", "prices", "names", "addresses")
ENCODINGS: Final[dict[str, list[str]]] = {
    "zh-Hans": ["gbk"],
    "zh-Hant": ["big5"],
    "ja": ["shift_jis", "euc_jp"],
    "ko": ["euc_kr"],
    "de": ["cp1252"],
    "fr": ["cp1252"],
}
_HEADS: Final = {
    "zh-Hans": ["购物清单", "明天要买", "采购清单：", "给妈妈带", "周末", "待办"],
    "zh-Hant": ["購物清單", "明天要買", "採購清單：", "幫媽媽帶", "週末", "待辦"],
    "ja": ["買い物リスト", "明日買う物", "週末", "母へ", "メモ"],
    "ko": ["장보기 목록", "내일 살 것", "주말", "엄마께", "메모"],
    "de": ["Einkaufsliste", "Für morgen:", "Bitte mitbringen", "Samstag"],
    "fr": ["Liste de courses", "Pour demain :", "À acheter", "Samedi"],
}
_UNITS: Final = {
    "zh-Hans": ["两盒", "一打", "三个", "5斤", "2瓶", "1袋", "半斤", "十个"],
    "zh-Hant": ["兩盒", "一打", "三個", "5斤", "2瓶", "1袋", "半斤", "十個"],
    "ja": ["2本", "1個", "三袋", "5kg", "少し"],
    "ko": ["2개", "한 봉지", "세 병", "5kg"],
    "de": ["2 Stück", "1 kg", "drei", "500 g"],
    "fr": ["2 pièces", "1 kg", "trois", "500 g"],
}


def lists(language: str, count: int, seed: int) -> Iterator[str]:
    """Yield `count` lists of one to twelve things, each list with at least one non-ASCII character."""
    choice = random.Random(f"{language} {seed}")
    while count:
        things = choice.sample(WORDS[language], choice.choice((1, 2, 3, 3, 4, 5, 6, 8, 12)))
        if choice.random() < 0.4:
            things = [
                f"{thing} {choice.choice(_UNITS[language])}" if choice.random() < 0.6 else thing
                for thing in things
            ]
        if choice.random() < 0.3:
            things.insert(0, choice.choice(_HEADS[language]))
        form = choice.choice(("{}", "- {}", "{}", "{}", "[ ] {}"))
        between = choice.choice(("\n", "\r\n", "\n", ", ", " "))
        text = between.join(form.format(thing) for thing in things)
        if choice.random() < 0.5:
            text += "\n"
        if not text.isascii():
            count -= 1
            yield text


def notes(language: str, kind: str, count: int, half: int) -> Iterator[str]:
    """Yield `count` notes of one kind from one half of the words, each note with at least one non-ASCII character."""
    choice = random.Random(f"{language} {kind} {half}")
    words = {
        key: _NOTES[f"{language} {key}"][half::2] for key in _KEYS if f"{language} {key}" in _NOTES
    }
    prices = _NOTES[f"{language} prices"]
    eastern = language in ("zh-Hans", "zh-Hant", "ja")
    while count:
        between = choice.choice(("\n", "\r\n", "、" if eastern else ", ", " "))
        if kind == "lists":
            parts = choice.sample(words["things"], choice.choice((1, 1, 2, 3, 4, 6, 8)))
        elif kind == "prices":
            parts = [
                thing
                + choice.choice((" ", "\t", ": ", ""))
                + choice.choice(prices).format(choice.randrange(1, 300))
                for thing in choice.sample(words["things"], choice.choice((1, 2, 3, 5)))
            ]
            between = choice.choice(("\n", "\r\n"))
        elif kind == "names":
            parts = [_name(words, choice) for _ in range(choice.choice((1, 1, 2, 3, 4)))]
        else:
            number = f"{choice.randrange(1, 30)}-{choice.randrange(1, 20)}"
            parts = [f"{choice.choice(words['places'])}{' ' if language == 'ko' else ''}{number}"]
            if choice.random() < 0.5:
                parts.insert(0, _name(words, choice))
            between = "\n"
        text = between.join(parts)
        if not text.isascii():
            count -= 1
            yield text


def _name(words: dict[str, list[str]], choice: random.Random) -> str:
    if "family" not in words:
        return choice.choice(words["names"])
    whole = choice.choice(words["family"]), choice.choice(words["given"])
    return choice.choice(("".join(whole), " ".join(whole), whole[1]))
