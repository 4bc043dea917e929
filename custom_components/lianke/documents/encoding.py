"""Detect the encoding of text. Blocks: run it in the executor.

The library alone takes short Chinese texts for Big5, so East Asian encodings are compared here.
"""

from collections.abc import Callable
import re
from typing import Final
import unicodedata

from charset_normalizer import from_bytes

MARKS: Final = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
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
ENOUGH: Final = 0.85
MUCH_KANA: Final = 0.15
MOSTLY_HANGUL: Final = 0.95
# A few Chinese characters may all read as Hangul.
SHORT_BYTES: Final = 24
_ALLOWED_CONTROLS: Final = "\t\n\r\f"
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f]")
_PAIR_GB = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]")
_PAIR_SJIS = re.compile(rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]|[\xa1-\xdf]")


def decode_text(data: bytes) -> str:
    """Return the text in data; a byte that fits nowhere becomes a replacement character."""
    return data.decode(guess_encoding(data) or "gb18030", errors="replace")


def guess_encoding(data: bytes) -> str | None:
    """Return the encoding of text, even with some damaged bytes; None when it is no text."""
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            return encoding if _is_readable(data.decode(encoding, errors="replace")) else None
    if _CONTROLS.search(data):
        return None
    if _is_utf8(data):
        return "utf-8"
    sample = data[:SAMPLE_BYTES]
    shares = {encoding: share(sample) for encoding, share in _SHARES.items()}
    encoding = max(shares, key=lambda name: shares[name])
    if shares[encoding] >= ENOUGH:
        return encoding
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


def _is_utf8(data: bytes) -> bool:
    """Return whether most of what is not ASCII is UTF-8."""
    text = data.decode("utf-8", errors="replace")
    bad = text.count("\ufffd")
    good = sum(letter > "\x7f" for letter in text) - bad
    # Cut text has part of a character at one or both ends.
    ends = text.startswith("\ufffd") + (len(text) > 1 and text.endswith("\ufffd"))
    return bad == 0 or (good > 0 and bad - ends <= good // 8)


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


def _share(
    pairs: re.Pattern[bytes], is_common: Callable[[bytes], bool]
) -> Callable[[bytes], float]:
    """Return a function for the share of characters beyond ASCII that are in common use."""

    def share(data: bytes) -> float:
        found = pairs.findall(data)
        stray = sum(byte > 0x7F for byte in pairs.sub(b"", data))
        common = sum(is_common(pair) for pair in found)
        return common / (len(found) + stray) if found else 0.0

    return share


def _between(pair: bytes, first: int, last: int) -> bool:
    return len(pair) == 2 and first <= pair[0] <= last and pair[1] >= 0xA1


def _big5(pair: bytes) -> bool:
    return 0xA4 <= pair[0] <= 0xC6 or (0xA1 <= pair[0] <= 0xA3 and pair[1] < 0xC0)


_gb_share = _share(_PAIR_GB, lambda pair: _between(pair, 0xA1, 0xA3) or _between(pair, 0xB0, 0xD7))
_big5_share = _share(re.compile(rb"[\x81-\xfe][\x40-\x7e\xa1-\xfe]"), _big5)
_hangul_share = _share(
    _PAIR_GB, lambda pair: _between(pair, 0xA1, 0xA3) or _between(pair, 0xB0, 0xC8)
)
_euc_kana = _share(_PAIR_GB, lambda pair: _between(pair, 0xA4, 0xA5))
_sjis_kana = _share(_PAIR_SJIS, lambda pair: pair[0] in (0x82, 0x83))
_sjis_share = _share(_PAIR_SJIS, lambda pair: 0x81 <= pair[0] <= 0x97 and len(pair) == 2)
_euc_share = _share(_PAIR_GB, lambda pair: _between(pair, 0xA1, 0xCF))

# The same bytes are text in several of these: kana and Hangul identify Japanese and Korean, which
# read as Chinese, too; simplified Chinese comes first where all fit equally.
_SHARES: Final[dict[str, Callable[[bytes], float]]] = {
    "gb18030": _gb_share,
    "big5hkscs": lambda data: _big5_share(data) - 0.02,
    "cp932": lambda data: _sjis_share(data) + 0.1 if _sjis_kana(data) >= MUCH_KANA else 0.0,
    "euc_jp": lambda data: _euc_share(data) + 0.1 if _euc_kana(data) >= MUCH_KANA else 0.0,
    "cp949": lambda data: (
        _hangul_share(data) + 0.1
        if len(data) >= SHORT_BYTES and _hangul_share(data) >= MOSTLY_HANGUL
        else 0.0
    ),
}
