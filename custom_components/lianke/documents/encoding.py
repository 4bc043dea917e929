"""The encoding of text files. Blocks: run it in the executor.

The bytes of a short list in GBK are a list of rarer words in Big5, EUC-JP and EUC-KR as well. So each encoding says how
likely the bytes are in it, by groups of characters and how often each group is used, and the language of the house
decides where that leaves a doubt. Libraries were tried: chardet 7.7 reads 46 % of the lists in GBK as something else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import log
import re
from typing import Final
import unicodedata

from charset_normalizer import from_bytes

MARKS: Final = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
UTF_8: Final = frozenset({"utf-8", "utf-8-sig"})
UTF_16: Final = frozenset({"utf-16", "utf-16-le", "utf-16-be"})
# Encodings that need no guess: a file without a name that says text is text in these alone.
SURE_ENCODINGS: Final = frozenset({"utf-8", *MARKS.values()})
# Single-byte encodings, among which the library decides.
ONE_BYTE: Final = (
    "cp1252",
    "cp1250",
    "cp1251",
    "koi8_r",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1258",
    "cp874",
)
SAMPLE_BYTES: Final = 64 * 1024
# Share of the characters beyond ASCII that must be in use in an encoding. A short list may have several that are rarer
# (crab and lemon are, in Chinese): they count in so few characters, and in more of the language of the house.
ENOUGH: Final = 0.85
SHORT: Final = 24
SHORT_AT_HOME: Final = 60
LONG_BYTES: Final = 40
FEW_LETTERS: Final = 8
# Share of the characters of UTF-16 without its mark that must be in common use.
MOSTLY: Final = 0.6
# Share of a text that may be control characters, one in any case.
FEW_CONTROLS: Final = 0.05
_ALLOWED_CONTROLS: Final = "\t\n\r\f"
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f]")
# What begins double-byte letters in ISO-2022.
_ISO_2022: Final = b"\x1b$"

# How likely a character is of an encoding's second level, which all programs know and few people write; one that is in
# neither level; a byte that is no character; and a character of ASCII, in any language.
_SECOND: Final = 5e-6
_RARE: Final = 1e-7
_STRAY: Final = 1e-8
_ASCII: Final = 0.01
# How likely a letter of cp1252 is beyond ASCII, and how much rarer two of them in a row are, or one that stands alone.
_ACCENT: Final = 0.005
_ODD_ACCENT: Final = 0.02
# How much rarer a character is that would take an ASCII letter out of the midst of a word: the "\xe4s" of "K\xe4se".
_OUT_OF_A_WORD: Final = 0.001
# How much likelier than others the language of the house is, Chinese where that is none of these, and UTF-16 that has
# no mark.
_AT_HOME: Final = 2000.0
_IN_CHINA: Final = 20.0
_UNMARKED: Final = 0.03

# The characters that Chinese texts, notes and shopping lists use most.
_OFTEN_HANS: Final = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化"
    "高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向"
    "道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角"
    "期根论运农指几九区强放决西被干做必战先回则任取据处理府研七六八百千万号清单购买今明周末早午晚饭菜肉鱼鸡蛋奶油米豆花果茶酒糖盐牙纸衣药瓶袋盒包斤半打瓜葱姜蒜"
)
_OFTEN_HANT: Final = (
    "的一是在不了有和人這中大為上個國我以要他時來用們生到作地於出就分對成會可主發年動同工也能下過子說產種面而方後多定行學法所民得經十三之進著等部度家電力裡如水化"
    "高自二理起小物現實加量都兩體制機當使點從業本去把性好應開它合還因由其些然前外天政四日那社義事平形相全表間樣與關各重新線內數正心反你明看原又麼利比或但質氣第向"
    "道命此變條只沒結解問意建月公無系軍很情者最立代想已通並提直題黨程展五果料象員革位入常文總次品式活設及管特件長求老頭基資邊流路級少圖山統接知較將組見計別她手角"
    "期根論運農指幾九區強放決西被幹做必戰先回則任取據處理府研七六八百千萬號清單購買今明週末早午晚飯菜肉魚雞蛋奶油米豆花果茶酒糖鹽牙紙衣藥瓶袋盒包斤半打瓜蔥薑蒜"
)
_OFTEN_KO: Final = (
    "이다는을가의에고하로한지기도사자리나아인대서시어해정는들그수전을일라스부보구상장원과만으제여주있게니면했동공성용명조비중경신오방관문선연유요회당국세실생차화계무내"
    "미모우안드트위발개거물소러우무마바치카파추커피김치밀쌀빵물고기간식초콩두배달걀설탕소금마늘양감포수박딸레몬과자녹맥주스휴지세제비누약"
)


@dataclass(frozen=True, slots=True)
class _Encoding:
    """A double-byte encoding, and how likely its characters are."""

    name: str
    language: str
    characters: re.Pattern[bytes]
    # How likely a character is, by its bytes.
    likelihood: Callable[[bytes], float]


def _between(pair: bytes, first: int, last: int) -> bool:
    return len(pair) == 2 and first <= pair[0] <= last and pair[1] >= 0xA1


@cache
def _often(text: str, encoding: str) -> dict[bytes, float]:
    """Return how likely each of the most used characters is: together they make two fifths of a text."""
    letters = frozenset(text)
    return {letter.encode(encoding): 0.4 / len(letters) for letter in letters}


def _gb(pair: bytes) -> float:
    if often := _often(_OFTEN_HANS, "gb18030").get(pair):
        return often
    if _between(pair, 0xB0, 0xD7):  # the first level of GB 2312
        return 0.5 / 3500
    if _between(pair, 0xA1, 0xA3):
        return 0.08 / 282
    return _SECOND if _between(pair, 0xD8, 0xF7) else _RARE


def _big5(pair: bytes) -> float:
    if often := _often(_OFTEN_HANT, "big5hkscs").get(pair):
        return often
    if 0xA4 <= pair[0] <= 0xC6:  # the first level of Big5
        return 0.5 / 5100
    if 0xA1 <= pair[0] <= 0xA3 and pair[1] < 0xC0:
        return 0.08 / 408
    return _SECOND if 0xC9 <= pair[0] <= 0xF9 else _RARE


def _sjis(pair: bytes) -> float:
    if len(pair) == 1:  # half-width katakana
        return _SECOND
    if pair[0] in (0x82, 0x83):
        return 0.5 / 170
    if 0x88 <= pair[0] <= 0x97:
        return 0.35 / 2965
    if pair[0] == 0x81:
        return 0.08 / 147
    return _SECOND if 0x98 <= pair[0] <= 0xEA else _RARE


def _euc_jp(pair: bytes) -> float:
    if _between(pair, 0xA4, 0xA5):
        return 0.5 / 170
    if _between(pair, 0xB0, 0xCF):
        return 0.35 / 2965
    if _between(pair, 0xA1, 0xA3):
        return 0.08 / 282
    return _SECOND if _between(pair, 0xD0, 0xF4) else _RARE


def _hangul(pair: bytes) -> float:
    if often := _often(_OFTEN_KO, "cp949").get(pair):
        return often
    if _between(pair, 0xB0, 0xC8):
        return 0.5 / 2200
    if _between(pair, 0xA1, 0xA3):
        return 0.02 / 282
    return _RARE


_PAIR_GB = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]")
_PAIR_BIG5 = re.compile(rb"[\x81-\xfe][\x40-\x7e\xa1-\xfe]")
_PAIR_SJIS = re.compile(rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]|[\xa1-\xdf]")
_EASTERN: Final = (
    _Encoding("gb18030", "zh-hans", _PAIR_GB, _gb),
    _Encoding("big5hkscs", "zh-hant", _PAIR_BIG5, _big5),
    _Encoding("cp932", "ja", _PAIR_SJIS, _sjis),
    _Encoding("euc_jp", "ja", _PAIR_GB, _euc_jp),
    _Encoding("cp949", "ko", _PAIR_GB, _hangul),
)
# Letters and marks that German, French, Spanish, Italian, Dutch and the north of Europe write in cp1252.
_WESTERN: Final = frozenset(
    "àâäáåãæçèéêëìíîïñòóôöõøœùúûüÿßÀÂÄÁÅÃÆÇÈÉÊËÌÍÎÏÑÒÓÔÖÕØŒÙÚÛÜ¿¡«»„“”‘’‚–—…€£§°·²³\xa0½¼´"
)
# Languages whose single-byte encoding the library decides, not cp1252.
_NOT_WESTERN: Final = re.compile(
    r"ar|be|bg|bs|cs|el|fa|he|hr|hu|is|kk|lt|lv|mk|pl|ro|ru|sk|sl|sr|th|tr|uk|ur|vi"
)


def decode_text(data: bytes, language: str = "") -> str:
    """Return the text in data; a byte that fits nowhere becomes a replacement character.

    `language` is the one of the house, as Home Assistant writes it: between encodings that fit alike it decides.
    """
    encoding = guess_encoding(data, language) or guess_despite_controls(data, language) or "gb18030"
    return data.decode(encoding, errors="replace")


def guess_encoding(data: bytes, language: str = "") -> str | None:
    """Return the encoding of text, even with some damaged bytes; None when it is no text."""
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            return encoding if _is_readable(data.decode(encoding, errors="replace")) else None
    sample = data[:SAMPLE_BYTES]
    likely = dict(_utf_16(sample))
    if _CONTROLS.search(data):
        # UTF-16 has zeros in its line ends and Latin letters; in other encodings of text there are none.
        return max(likely, key=likely.__getitem__) if likely else None
    home = language.lower()
    eastern = any(_is_spoken(one.language, home) for one in _EASTERN)
    western = not eastern and not _NOT_WESTERN.fullmatch(home.partition("-")[0])
    if _is_utf8(data, likely=not (eastern or western)):
        return "utf-8"
    for one in _EASTERN:
        # Whoever reads none of these languages has this box from China.
        if _is_spoken(one.language, home):
            before, rarer = _AT_HOME, SHORT_AT_HOME
        elif one.language == "zh-hans" and western:
            before, rarer = _IN_CHINA, SHORT
        else:
            before, rarer = 1.0, 0
        if (value := _eastern(sample, one, rarer)) is not None:
            likely[one.name] = value + log(before)
    if (western or eastern) and (value := _western(sample)) is not None:
        likely["cp1252"] = value + (log(_AT_HOME) if western else 0.0)
    if likely:
        return max(likely, key=likely.__getitem__)
    # Among equal guesses the more common encoding.
    guesses = from_bytes(sample, cp_isolation=list(ONE_BYTE))
    best = min(
        guesses,
        key=lambda guess: (
            round(guess.chaos, 2),
            -guess.coherence,
            ONE_BYTE.index(guess.encoding),
        ),
        default=None,
    )
    return None if best is None else best.encoding


def guess_despite_controls(data: bytes, language: str = "") -> str | None:
    """Return the encoding of text with a few control characters in it, such as the Ctrl-Z that DOS puts at the end."""
    if _ISO_2022 in data:
        # Its letters are ASCII between switches, which would be printed.
        return None
    shown, count = _CONTROLS.subn(b" ", data)
    return guess_encoding(shown, language) if count <= 1 + len(data) * FEW_CONTROLS else None


def _is_spoken(language: str, home: str) -> bool:
    """Return whether a house speaks the language of an encoding; Chinese without a script is simplified."""
    if not home.startswith("zh"):
        return home.partition("-")[0] == language
    traditional = any(part in home for part in ("hant", "tw", "hk", "mo"))
    return language == ("zh-hant" if traditional else "zh-hans")


def _is_utf8(data: bytes, *, likely: bool) -> bool:
    """Return whether most of what is not ASCII is UTF-8; where that is `likely`, a few letters are enough."""
    text = data.decode("utf-8", errors="replace")
    beyond = [letter for letter in text if letter > "\x7f" and letter != "\ufffd"]
    bad = text.count("\ufffd")
    # 虾皮 in GBK is valid UTF-8, and the middle of 玉ねぎ in Shift-JIS: a few letters of two bytes each prove nothing.
    doubtful = (
        len(beyond) < FEW_LETTERS
        and all(letter < "\u0800" for letter in beyond)
        and not all(letter in _WESTERN for letter in beyond)
    )
    if bad == 0:
        return likely or not doubtful
    good = sum(unicodedata.category(letter) != "Cn" for letter in beyond)
    # Cut text has part of a character at one or both ends.
    ends = text.startswith("\ufffd") + (len(text) > 1 and text.endswith("\ufffd"))
    return good > 2 and not doubtful and bad - ends <= good // 8


def _is_readable(text: str) -> bool:
    """Return whether text has hardly any control or unassigned characters."""
    odd = sum(
        (
            unicodedata.category(letter) in ("Cc", "Cn", "Co", "Cs")
            and letter not in _ALLOWED_CONTROLS
        )
        or letter == "\ufffd"
        for letter in text
    )
    return odd <= len(text) // 20


def _eastern(data: bytes, encoding: _Encoding, rarer: int) -> float | None:
    """Return the logarithm of how likely data are in a double-byte encoding; None where they are no text in it.

    Among at most `rarer` characters those of the second level count as used.
    """
    rest = encoding.characters.sub(b"", data)
    stray = sum(byte > 0x7F for byte in rest)
    if len(data) > LONG_BYTES and rest and rest[-1] > 0x7F and data.endswith(rest[-1:]):
        stray -= 1  # the first half of a character, where a text was cut
    total = stray * log(_STRAY) + (len(rest) - stray) * log(_ASCII)
    found = list(encoding.characters.finditer(data))
    least = _SECOND if len(found) <= rarer else 2 * _SECOND
    used = 0
    for match in found:
        pair = match[0]
        likelihood = encoding.likelihood(pair)
        used += likelihood >= least
        total += log(likelihood)
        if len(pair) == 2 and pair[1] < 0x80 and _is_in_a_word(data, match.start(), match.end()):
            total += log(_OUT_OF_A_WORD)
    return total if found and used / (len(found) + stray) >= ENOUGH else None


def _is_in_a_word(data: bytes, start: int, end: int) -> bool:
    return data[start - 1 : start].isalpha() or data[end : end + 1].islower()


def _western(data: bytes) -> float | None:
    """Return the logarithm of how likely data are in cp1252; None where they are no text of western Europe."""
    text = data.decode("cp1252", errors="replace")
    accents = [place for place, letter in enumerate(text) if letter > "\x7f"]
    letters = sum(letter.isalpha() for letter in text)
    if (
        not accents
        or len(accents) > 0.5 * letters
        or any(text[place] not in _WESTERN for place in accents)
    ):
        return None
    total = (len(text) - len(accents)) * log(_ASCII) + len(accents) * log(_ACCENT)
    for place in accents:
        before, after = text[place - 1 : place], text[place + 1 : place + 2]
        if before > "\x7f" or (text[place].isalpha() and not (before + after).isalpha()):
            total += log(_ODD_ACCENT)
    return total


def _utf_16(data: bytes) -> dict[str, float]:
    """Return the logarithms of how likely data are as UTF-16 without its mark; empty where they are no text in it."""
    likely: dict[str, float] = {}
    if not data or len(data) % 2:
        return likely
    for encoding in ("utf-16-le", "utf-16-be"):
        values = [_usual(letter) for letter in data.decode(encoding, errors="replace")]
        # Latin text with a zero in it is rare Chinese characters.
        if (
            sum(value > _SECOND for value in values) >= MOSTLY * len(values)
            and min(values) >= _SECOND
        ):
            likely[encoding] = sum(map(log, values)) + log(_UNMARKED)
    return likely


def _usual(letter: str) -> float:
    """Return how likely a character is in a text of any language."""
    if letter.isascii():
        return _ASCII if letter.isprintable() or letter in _ALLOWED_CONTROLS else _RARE
    if letter in _WESTERN:
        return _ACCENT
    return max(_likelihood(letter, one) for one in _EASTERN)


def _likelihood(letter: str, encoding: _Encoding) -> float:
    try:
        pair = letter.encode(encoding.name)
    except UnicodeEncodeError:
        return _RARE
    return encoding.likelihood(pair) if len(pair) == 2 else _RARE
