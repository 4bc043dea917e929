"""Text of many languages in the encodings that people's files have, whole, cut and damaged."""

from collections.abc import Iterable
import random

import pytest

from custom_components.lianke.documents.encoding import (
    can_be_text,
    decode_if_clear,
    decode_text,
    guess_encoding,
)
from tests.documents.lists import ENCODINGS, NOTES, lists, notes

SIMPLIFIED = (
    "各位同事：\n    关于暑期值班的通知如下，值班时间为上午八点三十分至下午五点三十分，请相互转告。"
    "采购清单：牛奶两盒、鸡蛋一打、面包三个、大米五公斤，酱油和西红柿看着买。\n联系电话 010-12345678。"
)
TRADITIONAL = (
    "各位同事：\n關於暑期值班的通知如下，值班時間為上午八點三十分至下午五點三十分，請相互轉告。"
    "採購清單：牛奶兩盒、雞蛋一打、麵包三個、白米五公斤，醬油和番茄看著買。謝謝大家的幫忙。"
)
JAPANESE = (
    "お知らせ\n来週の月曜日は祝日のため、事務所はお休みです。ご用の方は火曜日にお電話ください。"
    "買い物リスト：牛乳、卵、パン、お米、しょうゆ、トマト、リンゴ、コーヒー。"
)
KOREAN = (
    "안녕하세요. 다음 주 월요일은 공휴일이므로 사무실은 문을 닫습니다. 문의하실 분은 화요일에 전화해 주세요.\n"
    "장보기 목록: 우유, 달걀, 빵, 쌀, 간장, 토마토, 사과, 커피, 물."
)
FRENCH = (
    "Chère voisine,\nle café est prêt à huit heures. Nous fêterons Noël chez Hélène, et l'été prochain "
    "nous irons à la forêt. Où êtes-vous allés hier ? À bientôt, François"
)
GERMAN = (
    "Schöne Grüße aus München! Die Müllabfuhr kommt künftig dienstags, bitte die Tonnen früh vor die Tür "
    "stellen. Überweisungen für die Straßenreinigung wären bis März fällig. Tschüß, Jörg"
)
RUSSIAN = (
    "Уважаемые соседи!\nВо вторник с девяти до двенадцати часов не будет горячей воды. "
    "Список покупок: молоко, яйца, хлеб, рис, помидоры, яблоки, кофе."
)
POLISH = (
    "Szanowni sąsiedzi, we wtorek od dziewiątej do dwunastej nie będzie ciepłej wody. Proszę kupić: "
    "mleko, jajka, chleb, ryż, śmietanę. Zażółć gęślą jaźń."
)
SPANISH = "Mañana por la mañana habrá reunión de vecinos. ¿Quién traerá el café? Los niños jugarán en el jardín."
TEXTS = [
    ("cp1250", POLISH),
    ("cp1252", SPANISH),
    ("cp1252", "café"),
    ("gb18030", SIMPLIFIED),
    ("gbk", SIMPLIFIED),
    ("utf-8", SIMPLIFIED),
    ("utf-8-sig", SIMPLIFIED),
    ("utf-16", SIMPLIFIED),
    ("big5", TRADITIONAL),
    ("utf-8", TRADITIONAL),
    ("shift_jis", JAPANESE),
    ("cp932", JAPANESE),
    ("euc_jp", JAPANESE),
    ("utf-8", JAPANESE),
    ("euc_kr", KOREAN),
    ("cp949", KOREAN),
    ("utf-8", KOREAN),
    ("cp1252", FRENCH),
    ("utf-8", FRENCH),
    ("cp1252", GERMAN),
    ("utf-8", GERMAN),
    ("cp1251", RUSSIAN),
    ("koi8_r", RUSSIAN),
    ("utf-8", RUSSIAN),
]
IDS = [f"{encoding}-{text[:2]}" for encoding, text in TEXTS]


@pytest.mark.parametrize(("encoding", "text"), TEXTS, ids=IDS)
def test_whole_texts(encoding: str, text: str) -> None:
    """Big5, Shift-JIS and EUC were printed as garbage; so was what ends as texts of DOS do."""
    assert decode_text(text.encode(encoding)) == text
    if not encoding.startswith("utf-16"):
        assert decode_text(text.encode(encoding) + b"\x1a") == text + "\x1a"


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_short_texts(encoding: str) -> None:
    for text in ("采购清单", "名称,数量\n牛奶,2", "你好", "# 牛奶"):
        assert decode_text(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [item for item in TEXTS if item[0] in ("utf-8", "gb18030", "big5", "euc_kr", "cp932")],
    ids=[name for name in IDS if name[:-3] in ("utf-8", "gb18030", "big5", "euc_kr", "cp932")],
)
def test_texts_that_were_cut_anywhere(encoding: str, text: str) -> None:
    """A text that ends within a letter was read in another encoding from its start on."""
    data = text.encode(encoding)
    for end in range(len(data) // 2, len(data)):
        assert decode_text(data[:end])[:20] == text[:20]


@pytest.mark.parametrize(
    "text", [SIMPLIFIED, TRADITIONAL, JAPANESE, KOREAN, FRENCH, GERMAN, RUSSIAN]
)
def test_one_bad_byte_costs_one_letter(text: str) -> None:
    """One bad byte turned a whole UTF-8 text into garbage."""
    data = text.encode()
    choice = random.Random(20261126)
    for _ in range(60):
        place = choice.randrange(len(data))
        bad = data[:place] + bytes([choice.choice((0x80, 0xFF, 0xC3, 0xB2))]) + data[place + 1 :]
        decoded = decode_text(bad)
        assert sum(letter in decoded for letter in set(text)) >= len(set(text)) - 4
        assert decoded.count("\ufffd") <= 4


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe" + bytes(range(256)) * 4,
        b"\xff\xfe\x01\x00\x02\x00\x03\x00" * 20,
        b"text\0with zeros",
        b"\x7fELF\x01",
    ],
)
def test_what_is_no_text(data: bytes) -> None:
    """A mark at the start was enough to be taken for text."""
    assert guess_encoding(data) is None


def read(texts: Iterable[str], encoding: str, home: str) -> tuple[int, list[str], list[str]]:
    """Return how many texts a house gets as they are, which are refused, and which are printed as something else."""
    right = 0
    refused: list[str] = []
    wrong: list[str] = []
    for text in texts:
        try:
            data = text.encode(encoding)
        except UnicodeEncodeError:
            continue
        got = decode_if_clear(data, home) if can_be_text(data) else None
        if got == text:
            right += 1
        else:
            (refused if got is None else wrong).append(text)
    return right, refused, wrong


@pytest.mark.long
@pytest.mark.parametrize(
    ("language", "encoding", "count"),
    [
        ("zh-Hans", "gbk", 2000),
        ("zh-Hans", "utf-16-le", 1000),
        ("fr", "utf-16-le", 1000),
        *(
            (language, encoding, 1000)
            for language, encodings in ENCODINGS.items()
            for encoding in encodings
            if encoding != "gbk"
        ),
    ],
)
def test_short_lists_in_the_language_of_the_house(language: str, encoding: str, count: int) -> None:
    """GBK was read as Korean (40 of 2,000), EUC-JP and Shift-JIS as Chinese, German as Big5.

    UTF-16 without its mark needs one character of ASCII: of a single word nobody can tell what it is.
    """
    unmarked = encoding.startswith("utf-16")
    texts = [
        text
        for text in lists(language, count, 1)
        if not unmarked or any(letter.isascii() for letter in text)
    ]
    assert len(texts) > count * 0.9
    right, refused, wrong = read(texts, encoding, language)
    assert len(wrong) <= count // 500, wrong[:5]
    assert len(refused) <= count // 200, refused[:5]
    assert right > count * 0.89


@pytest.mark.parametrize("kind", NOTES)
@pytest.mark.parametrize(
    ("language", "encoding", "most"),
    [
        # A name of one or two characters, one of which GBK has beyond the two levels.
        ("zh-Hans", "gbk", 20),
        ("zh-Hant", "big5", 2),
        ("ja", "cp932", 30),
        ("ja", "euc_jp", 60),
        ("ko", "cp949", 2),
        ("fr", "cp1252", 5),
        ("en", "cp1252", 5),
        ("ja", "utf-16-le", 5),
        ("fr", "utf-16-be", 5),
    ],
)
def test_notes_that_nothing_was_tuned_to(
    kind: str, language: str, encoding: str, most: int
) -> None:
    """Of 1,000 in EUC-JP 326 with prices were wrong, half-width katakana in each; £5 was Ł5, and 5 € was 5 Ђ.

    `most` is how many may be refused. In UTF-16 without its mark the letters of ᵉ are in no other encoding.
    """
    texts = [
        text
        for text in notes(language, kind, 1000, 1)
        if "ᵉ" not in text
        and (not encoding.startswith("utf-16") or any(letter.isascii() for letter in text))
    ]
    right, refused, wrong = read(texts, encoding, language)
    assert len(wrong) <= 2, wrong[:5]
    assert len(refused) <= most, refused[:5]
    assert right > 250


@pytest.mark.parametrize(
    ("language", "encoding", "most_wrong", "most_refused"),
    [
        ("zh-Hans", "gbk", 2, 40),
        ("zh-Hant", "big5", 12, 40),
        ("ja", "shift_jis", 8, 40),
        ("ja", "euc_jp", 8, 80),
        ("ko", "euc_kr", 4, 100),
        ("de", "cp1252", 0, 0),
        ("fr", "cp1252", 0, 0),
    ],
)
def test_short_lists_in_another_language(
    language: str, encoding: str, most_wrong: int, most_refused: int
) -> None:
    """In an English house a few words of Japanese or Korean may be read as Chinese: so many of a thousand."""
    _, refused, wrong = read(lists(language, 1000, 1), encoding, "en")
    assert len(wrong) <= most_wrong, wrong[:5]
    assert len(refused) <= most_refused, refused[:5]


@pytest.mark.parametrize(
    ("kind", "most_wrong", "most_refused"),
    [("lists", 2, 150), ("prices", 2, 80), ("names", 20, 250), ("addresses", 2, 5)],
)
def test_chinese_in_an_english_house_is_not_printed_as_korean(
    kind: str, most_wrong: int, most_refused: int
) -> None:
    """66 of 1,000 names were: a name or two fits both, and is refused.

    Short names with 玥 are still wrong, as Big5: GBK has it beyond the two levels.
    """
    _, refused, wrong = read(notes("zh-Hans", kind, 1000, 1), "gbk", "en")
    assert len(wrong) <= most_wrong, wrong[:5]
    assert len([text for text in wrong if "玥" not in text]) <= 2, wrong[:5]
    assert len(refused) <= most_refused, refused[:5]


@pytest.mark.parametrize(
    "text",
    [
        *("5 €", "5€", "1 €\n2 €", "€", "10 °C", "°C", "§ 5", "£5", "½", "Größe ¾", "„Öl“", "»Öl«"),
        *("süß\t1 €", "Öl87 €", "à à", "à\n€", "n°", "n°144 €\nécole21 €", "15 h – 17 h"),
        "(2×) “best”",
    ],
)
def test_signs_among_few_letters(text: str) -> None:
    """They were read as Cyrillic, Thai and Chinese: a sign counted as a letter with an accent."""
    for home in ("en", "de", "fr"):
        assert decode_if_clear(text.encode("cp1252"), home) == text, home


@pytest.mark.parametrize("text", ["ﾄﾏﾄ", "チーズ\nﾚﾀｽ", "人参\nｷｬﾍﾞﾂ 1玉", "豚肉 300ｸﾞﾗﾑ"])
def test_katakana_of_half_width(text: str) -> None:
    """In EUC-JP each is two bytes, which were a kanji in Shift-JIS."""
    for encoding in ("euc_jp", "cp932"):
        assert decode_if_clear(text.encode(encoding), "ja") == text


def test_what_fits_two_encodings_is_refused() -> None:
    for encoding, text in (("gbk", "林萍"), ("cp949", "주티")):
        data = text.encode(encoding)
        assert can_be_text(data)
        assert decode_if_clear(data, "en") is None
        assert decode_if_clear(data, "zh-Hans") == "林萍"
        assert decode_if_clear(data, "ko") == "주티"


@pytest.mark.parametrize("text", ["café", "Öl, Käse", "été", "10 °C", "£5", "señor"])
def test_a_few_letters_of_utf_8(text: str) -> None:
    """The bytes of é in UTF-8 are a character in GBK."""
    for home in ("en", "zh-Hans", "zh-Hant", "ja", "ko", "de"):
        assert decode_text(text.encode(), home) == text, home


def test_words_in_gbk_that_are_valid_utf_8() -> None:
    for text in ("虾皮", "[ ] 虾\n", "梅", "楼"):
        assert text.encode("gbk").decode() != text
        assert decode_text(text.encode("gbk"), "zh-Hans") == text


def test_the_house_s_chinese() -> None:
    """Home Assistant writes zh-Hans and zh-Hant; others write the country."""
    for home, text in (("zh-Hant", "香菇"), ("zh-TW", "香菇"), ("zh-HK", "檸檬")):
        assert decode_text(text.encode("big5"), home) == text
    for home in ("zh-Hans", "zh-CN", "zh"):
        assert decode_text("香菇".encode("gbk"), home) == "香菇"
