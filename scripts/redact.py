"""Removes secrets and personal data from the service's answers and keeps their shape.

Only values that are known to be harmless stay: numbers, names of models, papers and states, and the vendor's messages.
All other texts and all ids are replaced with invented texts of the same shape. The same text always gets the same
replacement, so that references still match. `leaks` checks whether a redacted text still contains a replaced text.
"""

from collections.abc import Mapping
import hashlib
import re
import secrets

# Fields whose text reveals nothing about a person or a place.
HARMLESS = frozenset(
    {
        "api_support", "code", "device_type", "drivce_name", "driver_name", "expire_date", "hardware", "job_status",
        "mdl", "mobile_support", "online", "printer_state", "product", "proto", "remote_support", "software",
        "state", "status", "task_state",
    }
)  # fmt: skip
# Blocks of an answer that describe a driver; the names and values in them come from the driver.
HARMLESS_BLOCKS = frozenset({"capabilities", "devmode", "devicecontext"})
MESSAGES = frozenset({"msg", "message", "reason"})
# Fields that identify something, except a paper's id, which is a constant of Windows.
IDS = re.compile(r"(^|_)(id|uid|key|hash|phone|mobile|serial|sn)$", re.IGNORECASE)
NO_IDS = frozenset({"paper_id"})
# A `name` next to one of these fields names a paper, a color or a tray. Any other `name` may name a room or a person.
BESIDE_NAMES = HARMLESS_BLOCKS | frozenset(
    {"paper_id", "width", "height", "level", "levels", "color", "colors"}
)
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
MOMENT = re.compile(r"\d{4}[-年]\d\d?[-月]\d\d?日?([T ]\d\d:\d\d(:\d\d)?)?")
TIME_OF_DAY = re.compile(r"\d\d?:\d\d(:\d\d)?")
RFC_MOMENT = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")
BIG_NUMBER = 10**10
MOMENTS = ("time", "stamp")
# Texts in a message that must be replaced; the widest patterns come first.
IN_TEXT = re.compile(
    r"https?://\S+"
    r"|[\w.+-]+@[\w-]+\.[\w.-]+"
    r"|(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"
    r"|(?<![\w:.])[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{1,40}(?:%\w{1,16})?(?![\w:])"
    r"|客厅|起居室|书房|主卧|次卧|卧室|儿童房|厨房|餐厅|阳台|车库|地下室|办公室|会议室|前台|仓库"
    r"|(?i:\b(?:living|dining|meeting|kids'?|guest)[ -]?room\b|\b(?:bedroom|kitchen|study|garage|basement|office)\b)"
    r"|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
    r"|[A-Za-z0-9_-]*\d[A-Za-z0-9_-]{9,}|\d{7,}"
)
ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
SHORTEST_LEAK = 6


class Redactor:
    """Replaces what must not be published. One redactor serves all answers of a recording."""

    def __init__(self, known: tuple[str, ...]) -> None:
        """`known` are secrets to look for in every text."""
        self._known = tuple(one for one in known if one)
        self._salt = secrets.token_bytes(16)
        self._hidden: set[str] = set(self._known)
        # Names of people, rooms and things, which messages may quote.
        self._names: set[str] = set()

    def answer(self, value: object, key: str = "", *, harmless: bool = False) -> object:
        """Redact an answer, or the part of it under `key`."""
        if isinstance(value, Mapping):
            return self._mapping(value, harmless=harmless or key.lower() in HARMLESS_BLOCKS)
        if isinstance(value, list):
            return [self.answer(item, key, harmless=harmless) for item in value]
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int | float):
            return self._number(value, key)
        return self._text_of(str(value), key, harmless=harmless)

    def message(self, text: str) -> str:
        """Return a text that people wrote, with everything replaced that looks like an address, a number or a key."""
        for name in sorted(self._names, key=len, reverse=True):
            text = text.replace(name, self._invent(name))
        return IN_TEXT.sub(self._replaced, self._without_known(text))

    def leaks(self, text: str) -> bool:
        """Whether a text contains a known secret, or any text that was replaced."""
        return any(one in text for one in self._hidden if len(one) >= SHORTEST_LEAK)

    def _mapping(self, value: Mapping[str, object], *, harmless: bool) -> dict[str, object]:
        # A printer's name is harmless if it is the printer's model; otherwise the owner has invented it.
        model = value.get("driver_name") or value.get("drivce_name")
        named = harmless or bool(BESIDE_NAMES & {str(key).lower() for key in value})
        return {
            self.message(str(key)): (
                item
                if (key in {"printer_name", "name"} and item == model)
                # If the model's name begins with the `vendor`, that is a manufacturer; otherwise the owner may have
                # written it.
                or (key == "vendor" and item and str(model or "").startswith(f"{item} "))
                else self.answer(item, str(key), harmless=True)
                if (str(key).lower() == "name" and named)
                else self.answer(item, str(key), harmless=harmless)
            )
            for key, item in value.items()
        }

    def _number(self, value: float, key: str) -> float:
        named = _is_id(key)
        moment = any(part in key.lower() for part in MOMENTS)
        if isinstance(value, int) and (named or (abs(value) >= BIG_NUMBER and not moment)):
            return int(self._invent(str(abs(value))))
        return value

    def _text_of(self, text: str, key: str, *, harmless: bool) -> str:
        if not text or MOMENT.fullmatch(text) or RFC_MOMENT.fullmatch(text):
            return text
        lower = key.lower()
        if lower in MESSAGES:
            return self.message(text)
        if harmless or lower in HARMLESS:
            return self._without_known(text)
        if text.isdecimal() and len(text) <= 4 and not _is_id(key):
            return text
        if "name" in lower and len(text) > 1:
            self._names.add(text)
        return self._invent(text)

    def _without_known(self, text: str) -> str:
        for secret in self._known:
            text = text.replace(secret, self._invent(secret))
        return text

    def _replaced(self, found: re.Match[str]) -> str:
        """Invent a replacement for a match in a message; a time of day stays."""
        return found[0] if TIME_OF_DAY.fullmatch(found[0]) else self._invent(found[0])

    def _invent(self, text: str) -> str:
        """Invent a text of the same shape, always the same for the same text."""
        self._hidden.add(text)
        if ADDRESS.fullmatch(text):
            return f"192.0.2.{self._digest(text)[0]}"
        stream = self._digest(text)
        hexadecimal = re.fullmatch(r"[0-9a-f:-]+|[0-9A-F:-]+", text) is not None
        # Leading zeros are kept, because code that takes a text for a number would lose them.
        rest = text.lstrip("0") if text.isdecimal() else text
        zeros = "0" * (len(text) - len(rest)) if len(rest) >= SHORTEST_LEAK else ""
        return zeros + "".join(
            _letter(letter, stream[place % len(stream)], hexadecimal=hexadecimal)
            for place, letter in enumerate(text[len(zeros) :])
        )

    def _digest(self, text: str) -> bytes:
        return hashlib.sha512(self._salt + text.encode()).digest()


def _is_id(key: str) -> bool:
    """Return whether a field identifies something; `printerId` is treated like `printer_id`."""
    snake = HUMP.sub("_", key).lower()
    return bool(IDS.search(snake)) and snake not in NO_IDS


def _letter(letter: str, by: int, *, hexadecimal: bool) -> str:
    """Return a character of the same kind in place of a letter or digit; other characters stay."""
    if letter.isascii() and letter.isdigit():
        return "123456789"[by % 9]
    letters = "abcdef" if hexadecimal else "abcdefghijklmnopqrstuvwxyz"
    if letter.isascii() and letter.isalpha():
        invented = letters[by % len(letters)]
        return invented.upper() if letter.isupper() else invented
    return "某" if letter.isalnum() else letter
