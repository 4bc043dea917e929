"""Guess the encoding of a text file. The functions are slow: run them in the executor.

The bytes of a short list in GBK are also valid in Big5, EUC-JP and EUC-KR, where they stand for rarer characters. So
each encoding is rated by how common its characters would be, Home Assistant's language decides close cases, and text
whose encoding stays unclear is refused. chardet 7.7 mistakes 46 % of short lists in GBK for another encoding.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import inf, log
import re
from typing import Final
import unicodedata

from charset_normalizer import from_bytes

BYTE_ORDER_MARKS: Final = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
UTF_16: Final = frozenset({"utf-16", "utf-16-le", "utf-16-be"})
# Encodings that need no guess. A file whose name does not say that it is text counts as text only in one of these.
SURE_ENCODINGS: Final = frozenset({"utf-8", *BYTE_ORDER_MARKS.values()})
# Single-byte encodings from which charset_normalizer chooses, the more common encodings first.
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
# Share of a text's non-ASCII characters that must be common. A short list may have rarer characters, such as those for
# crab and lemon in Chinese, so second-level characters count as common in a short text.
ENOUGH: Final = 0.85
# The same share for a short text in Home Assistant's language, where names may have even rarer characters.
ENOUGH_AT_HOME: Final = 0.5
# Maximum number of double-byte characters for a Chinese text to count as short if Home Assistant's language is Western.
SHORT_TEXT: Final = 24
# Maximum number of double-byte characters for a text in Home Assistant's language to count as short.
SHORT_TEXT_AT_HOME: Final = 60
LONG_BYTES: Final = 40
FEW_LETTERS: Final = 8
# Share of a text's characters that must be common for the text to count as UTF-16 without a byte order mark.
MOSTLY: Final = 0.6
# Share of a text's bytes that may be control characters; one more control character is always allowed.
FEW_CONTROLS: Final = 0.05
_ALLOWED_CONTROLS: Final = "\t\n\r\f"
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f]")
# The escape sequence that switches ISO-2022 to double-byte characters.
_ISO_2022: Final = b"\x1b$"

# Likelihood of a character in the second level of an encoding: all programs know it, but few people write it.
_SECOND: Final = 5e-6
# Likelihood of a character outside of an encoding's levels.
_RARE: Final = 1e-8
# Likelihood of a byte that belongs to no character.
_STRAY: Final = 1e-9
# Likelihood of an ASCII character in any language.
_ASCII: Final = 0.01
# Likelihood of the first half-width katakana character of a word; such characters rarely occur alone.
_HALF: Final = 1e-4
# Likelihood of each further half-width katakana character of that word.
_HALF_AGAIN: Final = 0.8 / 63
# Likelihood of a non-ASCII letter in cp1252.
_ACCENT: Final = 0.005
# Likelihood factor for a non-ASCII letter that directly follows another non-ASCII letter, and for a run of non-ASCII
# letters without any letter next to the run.
_ODD_ACCENT: Final = 0.02
# Likelihood factor for a character whose second byte may be an ASCII letter of a word, as "\xe4s" in "K\xe4se".
_OUT_OF_A_WORD: Final = 0.001
# Likelihood factor for the encodings of Home Assistant's language.
_AT_HOME: Final = 1e6
# Likelihood factor for simplified Chinese if Home Assistant's language is Western.
_IN_CHINA: Final = 20.0
# Likelihood factor for UTF-16 without a byte order mark.
_UNMARKED: Final = 0.001
# Factor by which the likeliest encoding must beat the second likeliest; otherwise the encoding is unclear.
_CLEAR: Final = 100.0

# The characters that are most frequent in texts, notes and shopping lists: in simplified Chinese, traditional Chinese,
# Korean and Japanese.
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
_OFTEN_JA: Final = (
    "日一国人年大十二本中長出三時行見月分後前生五間上東四今金九入学高円子外八六下来気小七山話女北午百書先名川千水半男西電校語土木聞食車何南万毎白天母火右読友左休父雨"
    "会同事自社発者地業方新場員立開手力問代明動京目通言理体田主題意不作用度強公持野以思家世多正安院心界教文元重近考画海売知道集別物使品計死特私始朝運終台広住無真有"
    "口少町料工建空急止送切転研足究楽起着店病質待試族銀早映親験英医仕去味写字答夜音注帰古歌買悪図週室歩風紙黒花春赤青館屋色走秋夏習駅洋旅服夕借曜飲肉貸堂鳥飯勉冬"
    "昼茶弟牛魚兄犬妹姉漢県府区市村郡丁番号様個枚箱袋缶瓶杯匹束卵乳豆米麦油塩酢糖醤酒菜根葉芋実果桃梨柿葡萄苺栗柚鶏豚鮭鮪鯖鰻蛸蟹海老貝飴菓餅麺粉薬洗剤歯磨池封筒"
    "佐藤鈴木渡辺伊山加吉井斎松清林森橋阿部石前岡谷村近遠坂青福太西三浦原竹和上野宮崎内横工酒柴丸河菅久杉千葉桜菊地平沢島永浜塚関荒岩尾谷神奈埼玉阪兵庫愛静岐阜重滋賀"
    "郎美恵結衣陽翔健直智洋裕幸由真樹彩香奈菜介輔拓哉誠浩勝茂隆修優希莉翼蓮湊葵凛楓梓薫萌瑞穂遥"
)


@dataclass(frozen=True, slots=True, eq=False)
class _Encoding:
    """A double-byte encoding, and how likely its characters are."""

    name: str
    language: str
    characters: re.Pattern[bytes]
    # The most frequent characters, and the share of a text that they make up together.
    often: str
    share: float
    # Levels of the other characters, each with its first and last lead byte, and the likelihood of one character.
    levels: tuple[tuple[int, int, float], ...]
    # Matches half-width katakana; None if the encoding has none.
    half: re.Pattern[bytes] | None = None


_PAIR_GB = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]")
_PAIR_BIG5 = re.compile(rb"[\x81-\xfe][\x40-\x7e\xa1-\xfe]")
_PAIR_SJIS = re.compile(rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]|[\xa1-\xdf]")
_PAIR_EUC = re.compile(rb"[\x8e\xa1-\xfe][\xa1-\xfe]")
_EACH_KANA: Final = 0.5 / 170
_EACH_KANJI: Final = 0.1 / 2500
_EACH_SIGN: Final = 0.08 / 282
_EASTERN: Final = (
    _Encoding(
        "gb18030",
        "zh-hans",
        _PAIR_GB,
        _OFTEN_HANS,
        0.4,
        ((0xB0, 0xD7, 0.5 / 3500), (0xA1, 0xA3, _EACH_SIGN), (0xD8, 0xF7, _SECOND)),
    ),
    _Encoding(
        "big5hkscs",
        "zh-hant",
        _PAIR_BIG5,
        _OFTEN_HANT,
        0.4,
        ((0xA4, 0xC6, 0.5 / 5100), (0xA1, 0xA3, _EACH_SIGN), (0xC9, 0xF9, _SECOND)),
    ),
    _Encoding(
        "cp932",
        "ja",
        _PAIR_SJIS,
        _OFTEN_JA,
        0.3,
        (
            (0x82, 0x83, _EACH_KANA),
            (0x88, 0x97, _EACH_KANJI),
            (0x81, 0x81, _EACH_SIGN),
            (0x98, 0xEA, _SECOND),
        ),
        re.compile(rb"[\xa1-\xdf]"),
    ),
    _Encoding(
        "euc_jp",
        "ja",
        _PAIR_EUC,
        _OFTEN_JA,
        0.3,
        (
            (0xA4, 0xA5, _EACH_KANA),
            (0xB0, 0xCF, _EACH_KANJI),
            (0xA1, 0xA3, _EACH_SIGN),
            (0xD0, 0xF4, _SECOND),
        ),
        re.compile(rb"\x8e[\xa1-\xdf]"),
    ),
    _Encoding(
        "cp949",
        "ko",
        _PAIR_GB,
        _OFTEN_KO,
        0.65,
        ((0xB0, 0xC8, 0.3 / 900), (0xA1, 0xA3, 0.02 / 282)),
    ),
)


@lru_cache(30_000)
def _likelihood(pair: bytes, encoding: _Encoding) -> float:
    if len(pair) != 2 or (encoding.half and encoding.half.fullmatch(pair)):
        return _RARE
    try:
        letter = pair.decode(encoding.name)
    except UnicodeDecodeError:
        return _STRAY
    # Some characters of Hong Kong's Big5 become two characters in Unicode; the first of the two decides.
    if unicodedata.category(letter[0]) == "Co":
        return _STRAY
    if letter in encoding.often:
        return encoding.share / len(set(encoding.often))
    # A second byte below A1 shows that a character is from an extension, except in Big5 and Shift-JIS.
    whole = pair[1] >= 0xA1 or encoding.characters in (_PAIR_BIG5, _PAIR_SJIS)
    for first, last, likelihood in encoding.levels:
        if whole and first <= pair[0] <= last:
            return likelihood * _ODD_HANGUL if _is_odd_hangul(letter) else likelihood
    return _RARE


def _is_odd_hangul(letter: str) -> bool:
    """Whether a Hangul syllable has a rare vowel or a rare final consonant: half of all syllables hardly occur."""
    rest, final = divmod(ord(letter[0]) - 0xAC00, 28)
    if not 0 <= rest < 19 * 21:
        return False
    return rest % 21 not in _VOWELS or final not in _ENDS


# Numbers, in Unicode's order, of the vowels and final consonants of common Hangul syllables.
_VOWELS: Final = frozenset((0, 1, 2, 4, 5, 6, 8, 9, 12, 13, 17, 18, 20))
_ENDS: Final = frozenset((0, 1, 4, 8, 16, 17, 19, 21))
# Likelihood factor for a Hangul syllable with any other vowel or final consonant.
_ODD_HANGUL: Final = 0.06
# The non-ASCII characters of German, French, Spanish, Italian, Dutch and the Nordic languages in cp1252.
_WESTERN: Final = frozenset(
    "àâäáåãæçèéêëìíîïñòóôöõøœùúûüÿßÀÂÄÁÅÃÆÇÈÉÊËÌÍÎÏÑÒÓÔÖÕØŒÙÚÛÜ¿¡«»„“”‘’‚–—…€£§°·²³\xa0½¼´"
)
# Signs that never occur within a word. Where the byte of a sign stands within a word, the byte is a letter in a Central
# European encoding. × and ÷ are not in _WESTERN, since their UTF-8 bytes are common characters in GBK.
_SIGNS: Final = frozenset("¿¡€£¥§°²³½¼¾±×÷®©™•µ")
_CP1252: Final = _WESTERN | _SIGNS
_WORDS: Final = re.compile(r"[^\W\d_]+")
_HIGH: Final = re.compile(r"[^\x00-\x7f]+")
# Languages that are not written in cp1252; for these, charset_normalizer chooses the single-byte encoding.
_NOT_WESTERN: Final = re.compile(
    r"ar|be|bg|bs|cs|el|fa|he|hr|hu|is|kk|lt|lv|mk|pl|ro|ru|sk|sl|sr|th|tr|uk|ur|vi"
)


def decode_text(data: bytes, language: str = "") -> str:
    """Return the data decoded with the likeliest encoding; bytes that are invalid in it become replacement characters.

    `language` is Home Assistant's language, which decides between encodings that fit equally well.
    """
    encoding, _ = _weigh_despite_controls(data, language)
    return data.decode(encoding or "gb18030", errors="replace")


def decode_if_clear(data: bytes, language: str) -> str | None:
    """Return the decoded text, or None if a second encoding fits about as well: it might come out garbled on paper."""
    encoding, is_clear = _weigh_despite_controls(data, language)
    return data.decode(encoding, errors="replace") if encoding and is_clear else None


def can_be_text(data: bytes) -> bool:
    """Whether the data may be text in any language that Home Assistant can be set to."""
    for form in (data, _without_controls(data)):
        if guess_encoding(form):
            return True
        sample = form[:SAMPLE_BYTES]
        if not _CONTROLS.search(form) and any(
            _eastern(sample, one, SHORT_TEXT_AT_HOME)[1] for one in _EASTERN
        ):
            return True
    return False


def guess_encoding(data: bytes, language: str = "") -> str | None:
    """Return the likeliest encoding, or None if the data is not text; some damaged bytes are tolerated."""
    return _weigh(data, language)[0]


def _weigh(data: bytes, language: str) -> tuple[str | None, bool]:
    """Return the likeliest encoding (None if the data is not text), and whether it clearly beats all others."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            readable = _is_readable(data.decode(encoding, errors="replace"))
            return (encoding, True) if readable else (None, False)
    sample = data[:SAMPLE_BYTES]
    likely, doubts = dict(_utf_16(sample)), dict[str, float]()
    if _CONTROLS.search(data):
        # Of all texts, only those in UTF-16 contain such bytes, namely the zeros in line ends and Latin letters.
        return _likeliest(likely, doubts)
    home = language.lower()
    eastern = any(_is_spoken(one.language, home) for one in _EASTERN)
    western = not eastern and not _NOT_WESTERN.fullmatch(home.partition("-")[0])
    if _is_utf8(data, likely=not (eastern or western)):
        text = data.decode("utf-8", errors="replace")
        if not eastern or len(data) > LONG_BYTES or len(_HIGH.sub("", text)) < len(text) - 1:
            return "utf-8", True
        # The name 莉子 in Shift-JIS is also valid UTF-8: a Chinese character and a q.
        likely["utf-8"] = sum(log(_usual(letter)) for letter in text) + log(_AT_HOME)
    for one in _EASTERN:
        # A Western household, too, has its box from China, so Chinese is likelier there than other Eastern languages.
        if _is_spoken(one.language, home):
            before, rarer = _AT_HOME, SHORT_TEXT_AT_HOME
        elif one.language == "zh-hans" and western:
            before, rarer = _IN_CHINA, SHORT_TEXT
        else:
            before, rarer = 1.0, 0
        value, fits = _eastern(sample, one, rarer)
        if fits:
            likely[one.name] = value + log(before)
        else:
            doubts[one.name] = value
    if (western or eastern) and (western_value := _western(sample)) is not None:
        likely["cp1252"] = western_value + (log(_AT_HOME) if western else 0.0)
    if likely:
        return _likeliest(likely, doubts)
    # Among equal guesses, take the more common encoding.
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
    if best is None:
        return None, False
    # If Home Assistant's language is Eastern or Western, the encodings of that language have already been ruled out,
    # so a few letters prove nothing. Bytes that all come in pairs may be double-byte characters, so even more of
    # them are needed.
    beyond = sum(byte > 0x7F for byte in sample)
    least = LONG_BYTES if _PAIR_GB.sub(b"", sample).isascii() else FEW_LETTERS
    return best.encoding, beyond >= least or not (eastern or western)


def _likeliest(likely: dict[str, float], doubts: dict[str, float]) -> tuple[str | None, bool]:
    """Return the likeliest of the encodings in `likely`, and whether it clearly beats all others, as `_weigh` does.

    Encodings in `doubts` fit badly and are never chosen, but the best encoding must clearly beat those, too.
    """
    best = max(likely, key=likely.__getitem__, default=None)
    if best is None:
        return None, False
    others = [value for name, value in (likely | doubts).items() if name != best]
    return best, likely[best] - max(others, default=-inf) >= log(_CLEAR)


def _weigh_despite_controls(data: bytes, language: str) -> tuple[str | None, bool]:
    """Return the same as `_weigh`, but tolerate a few control characters, such as the Ctrl-Z that ends a DOS text."""
    encoding, is_clear = _weigh(data, language)
    return (encoding, is_clear) if encoding else _weigh(_without_controls(data), language)


def _without_controls(data: bytes) -> bytes:
    """Return data with a few control characters replaced by spaces; data with many, or in ISO-2022, is unchanged."""
    # ISO-2022 writes letters as ASCII bytes between escape sequences. Without these, the ASCII would be printed.
    shown, count = _CONTROLS.subn(b" ", data)
    return shown if _ISO_2022 not in data and count <= 1 + len(data) * FEW_CONTROLS else data


def _is_spoken(language: str, home: str) -> bool:
    """Whether `home`, Home Assistant's language in lower case, is `language`; plain zh means simplified Chinese."""
    if not home.startswith("zh"):
        return home.partition("-")[0] == language
    traditional = any(part in home for part in ("hant", "tw", "hk", "mo"))
    return language == ("zh-hant" if traditional else "zh-hans")


def _is_utf8(data: bytes, *, likely: bool) -> bool:
    """Whether most non-ASCII bytes are UTF-8; a few letters are proof enough only if UTF-8 is `likely`."""
    text = data.decode("utf-8", errors="replace")
    beyond = [letter for letter in text if letter > "\x7f" and letter != "\ufffd"]
    bad = text.count("\ufffd")
    # A few two-byte letters prove nothing: 虾皮 in GBK is valid UTF-8, and so are bytes of 玉ねぎ in Shift-JIS.
    doubtful = (
        len(beyond) < FEW_LETTERS
        and all(letter < "\u0800" for letter in beyond)
        and not all(letter in _WESTERN for letter in beyond)
    )
    if bad == 0:
        return likely or not doubtful
    good = sum(unicodedata.category(letter) != "Cn" for letter in beyond)
    # A text that was cut off may begin or end with part of a character.
    ends = text.startswith("\ufffd") + (len(text) > 1 and text.endswith("\ufffd"))
    return good > 2 and not doubtful and bad - ends <= good // 8


def _is_readable(text: str) -> bool:
    """Whether at most one character in twenty is a control, unassigned, private-use or replacement character."""
    odd = sum(
        (
            unicodedata.category(letter) in ("Cc", "Cn", "Co", "Cs")
            and letter not in _ALLOWED_CONTROLS
        )
        or letter == "\ufffd"
        for letter in text
    )
    return odd <= len(text) // 20


def _eastern(data: bytes, encoding: _Encoding, rarer: int) -> tuple[float, bool]:
    """Return the logarithm of the data's likelihood in a double-byte encoding, and whether the encoding is possible.

    If the text has at most `rarer` double-byte characters, the rare ones (of the second level) count as common.
    """
    rest = encoding.characters.sub(b"", data)
    stray = sum(byte > 0x7F for byte in rest)
    if len(data) > LONG_BYTES and rest and rest[-1] > 0x7F and data.endswith(rest[-1:]):
        stray -= 1  # the first half of a character where the text was cut
    total = stray * log(_STRAY) + (len(rest) - stray) * log(_ASCII)
    found = list(encoding.characters.finditer(data))
    least = _SECOND if len(found) <= rarer else 2 * _SECOND
    used, half_until = 0, -1
    for match in found:
        pair = match[0]
        likelihood = _likelihood(pair, encoding)
        if encoding.half and encoding.half.fullmatch(pair):
            # Half-width katakana is likely only if `rarer` is not 0, that is, if Home Assistant's language may be
            # Japanese: lower-case Russian in KOI8 has the same bytes.
            if rarer and half_until == match.start():
                likelihood = _HALF_AGAIN
            elif rarer and encoding.half.match(data, match.end()):
                likelihood = _HALF
            used += likelihood > _RARE
            half_until = match.end()
        else:
            used += likelihood >= least
        total += log(likelihood)
        if len(pair) == 2 and pair[1] < 0x80:
            start, end = match.span()
            if data[start - 1 : start].isalpha() or data[end : end + 1].islower():
                total += log(_OUT_OF_A_WORD)
    enough = ENOUGH_AT_HOME if len(found) <= rarer == SHORT_TEXT_AT_HOME else ENOUGH
    return total, bool(found) and used / (len(found) + stray) >= enough


def _western(data: bytes) -> float | None:
    """Return the logarithm of the data's likelihood in cp1252; None if it is not Western European text."""
    text = data.decode("cp1252", errors="replace")
    runs = list(_HIGH.finditer(text))
    if not runs or any(letter > "\x7f" and letter not in _CP1252 for letter in text):
        return None
    for word in _WORDS.findall(text):
        # In süß and été, two thirds of the letters are accented, and no word has a larger share. The French à, a word
        # of one letter, is the exception.
        accents = sum(letter > "\x7f" for letter in word)
        if len(word) > 1 and accents > 2 * (len(word) - accents):
            return None
    total = 0.0
    for run in runs:
        around = text[: run.start()][-1:] + text[run.end() :][:1]
        if around.isalpha() and len(around) == 2 and any(letter in _SIGNS for letter in run[0]):
            return None
        if len(run[0]) > 1 and not any(letter.isalnum() for letter in around):
            return None
        total += len(run[0]) * log(_ACCENT) + (len(run[0]) - 1) * log(_ODD_ACCENT)
        if run[0].isalpha() and not any(letter.isalpha() for letter in around):
            total += log(_ODD_ACCENT)
    return total + sum(letter <= "\x7f" for letter in text) * log(_ASCII)


def _utf_16(data: bytes) -> dict[str, float]:
    """Return, for each byte order that fits, the logarithm of the data's likelihood in UTF-16 without a mark."""
    likely: dict[str, float] = {}
    if not data or len(data) % 2:
        return likely
    for encoding in ("utf-16-le", "utf-16-be"):
        values = [_usual(letter) for letter in data.decode(encoding, errors="replace")]
        # As UTF-16, Latin text with a stray zero byte would be rare Chinese characters.
        if (
            sum(value > _SECOND for value in values) >= MOSTLY * len(values)
            and min(values) >= _SECOND
        ):
            likely[encoding] = sum(map(log, values)) + log(_UNMARKED)
    return likely


def _usual(letter: str) -> float:
    if letter.isascii():
        return _ASCII if letter.isprintable() or letter in _ALLOWED_CONTROLS else _RARE
    if letter in _WESTERN:
        return _ACCENT
    if "\uff61" <= letter <= "\uff9f":
        return _HALF_AGAIN
    return max(_likelihood(letter.encode(one.name, "ignore"), one) for one in _EASTERN)
