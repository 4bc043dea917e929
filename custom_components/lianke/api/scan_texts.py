r"""Extracts the pages from a text in an answer about a scan. We have never seen such a text, so its grammar is assumed.

    text      = addresses / files / words           (a text that contains JSON has already been parsed by the caller)
    addresses = [missing] address *(between (address / missing)) [end]
    files     = [missing] file *(between (file / missing)) [end]
    address   = ("http" ["s"] "://" / relative) anything without blanks, quotes or angle brackets, at most
                MAX_ANSWER_URL long
    relative  = a path after "/", "./" or "../" with a further "/" or "."; its base is the address of the request
    file      = ["data:" [kind] *(";" word) ","] base64, in one run or in equally long lines (the last may be shorter)
    between   = one of "," ";" "|" with blanks and one line break around it / a line break / a blank
    missing   = nothing, or any other text, in the place of an address or a file
    end       = [between] [a word for success, such as "done"]

The first item that is not missing decides whether the text consists of addresses or of files. If all items are missing,
the text consists of words.

*Anything unreadable in the place of a page is a missing page*, which is returned as b"". Missing pages are: an empty
place between two separators (also a blank line), or before the first separator or line break; "null"; an address that
is too long; anything that follows a page without a separator. A separator at the end adds no missing page,
and neither do blanks at the start. A sign such as a comma may separate two addresses or be part of an address (signed
addresses contain commas). The sign is part of the address if every address contains the same number of such signs.
Otherwise, this is unclear: the address is returned unchanged, and then a missing page.

A file in base64 ends with "=", at a separator, or before a line that begins another file or cannot be part of this
file: a line after a shorter line, a line after the end of the picture, or a line longer than the first line. A file
that is not wrapped has one line. If two files follow each other directly and the first has no "=", the end of a
picture in the middle of the bytes reveals the second file. But a JPEG may contain such bytes for another reason, so
the bytes are returned as one file, and then a missing page.
"""

import base64
from collections.abc import Generator, Iterator
from itertools import chain, repeat
import re
from typing import Final

from .answer_limits import MAX_ANSWER_URL
from .long_json import LONG_TEXT_BYTES, LONG_TEXT_PIECE, LongText

# Possible numbers of characters in a line of wrapped base64; MIME uses 76.
_WIDTHS: Final = range(32, 257)
# A file in a result: its web address or its content; b"" for a missing file.
type Part = str | bytes

SUCCESS_WORDS: Final = frozenset(
    ("done", "ok", "end", "eof", "success", "finished", "complete", "completed")
) | {"完成", "成功", "已完成", "结束", "扫描完成"}

# `(?!/9j/)`: a JPEG in base64 begins like a path.
_ADDRESS_START: Final = r"https?://|(?!/9j/)(?:\.{1,2}/|//?)(?=[^\s?,;|\"'<>]{2,300}+(?:[?\s,;|]|\Z))[\w~%-][\w~%-]*[./]"
_NEXT_ADDRESS: Final = re.compile(rf"(?i){_ADDRESS_START}")
_ADDRESS: Final = re.compile(rf"(?i)(?:{_ADDRESS_START})[^\s\"'<>]+")
_ABSOLUTE: Final = re.compile(r"(?i)https?://")
# Matches a text that only reports success, and not, for example, "not successful".
_SUCCESS_TEXT: Final = re.compile(
    r"(?i)(?![\w ]{0,20}(?:不|未|没|无|not|un))[\w ]{0,20}(?:成功|success|successful|successfully)[\s.!。！]*"
)
# The start of a second address in an item. An address after "=" or "/" belongs to the first address, which may be that
# of a proxy.
_ANOTHER_ADDRESS: Final = re.compile(r"(?i)(?<=[^=/])https?://")
_BREAK: Final = r"(?:\r\n|[\r\n])"
# A bounded run of blanks; unbounded runs would take quadratic time.
_BLANKS: Final = r"[ \t]{0,40}"
_BETWEEN: Final = re.compile(
    rf"(?i){_BLANKS}([,;|]){_BLANKS}{_BREAK}?{_BLANKS}(?={_ADDRESS_START})|{_BLANKS}{_BREAK}{_BLANKS}|\s"
)
_SIGNS: Final = ",;|"
_SIGN: Final = re.compile(rf"[{_SIGNS}]")
_NOTHING: Final = r"(?:null|none|nil|undefined|false|error|failed)"
_NOTHING_ALONE: Final = re.compile(rf"(?i){_NOTHING}?")
_NOTHING_NEXT: Final = re.compile(rf"(?i){_NOTHING}(?![A-Za-z0-9+/_=-])")
_RELATIVE: Final = r"\.{0,2}/[^\s,;|]{0,300}"
_UNREADABLE: Final = re.compile(rf"(?i){_NOTHING}|{_RELATIVE}|data:.*|")
# A missing item before the first address or file.
_LEAD: Final = re.compile(
    rf"(?i)(?:{_NOTHING}|\d{{1,5}}|{_RELATIVE}|)(?:{_BLANKS}[,;|]\s*|(?<=[^\s,;|]){_BLANKS}{_BREAK}\s*)"
)
# No line break may follow the comma: this URL may be empty, and base64 on the next line may be the next page.
_DATA_URL: Final = re.compile(r"(?i)data:[\w.+/-]{0,100}(?:;[\w.=+%-]{1,80}){0,4},[ \t]{0,4}")
# How JPEG, PNG, PDF, TIFF, BMP and WebP files begin in base64. In the middle of a text (`_NEXT_FILE`), a usual JPEG
# marker must follow the beginning of a JPEG.
START: Final = (
    r"[/_]9j[/_]|iVBORw0KGgo|JVBERi0"
    r"|SUkqA|TU0AK|Qk[\w+/-]{6}AAAAA|UklGR[\w+/-]{6}XRUJQ"
)
_FILE: Final = re.compile(rf"(?i:data:)|{START}")
_NEXT_FILE: Final = re.compile(
    rf"(?i:data:)|{START.replace('[/_]|', '[/_][wx2-7/_]|', 1)}|(?i:https?://)"
)
_FILE_LATER: Final = re.compile(
    rf"[\s,;|]((?i:data:[\w.+/-]{{0,100}};base64,)|(?:{START})[A-Za-z0-9+/_-]{{40}})"
)
# A run of base64 of this length may be a file whose beginning is lost.
_LONG_RUN: Final = re.compile(r"[A-Za-z0-9+/_\r\n-]{1024}")
_GAP: Final = re.compile(r"[\s,;|]+")
_NO_GAP: Final = re.compile(r"[^\s,;|]+")
_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]+")
_PADDING: Final = re.compile(r"=+")
_BREAKS: Final = re.compile(_BREAK)
_TO_STANDARD: Final = str.maketrans("-_", "+/")
# Number of characters that must be available in order to recognize the next item.
_LOOK_AHEAD: Final = 600
_TRAILING: Final = 12
# Possible ends of a file, by its first two bytes. The picture data of a JPEG never contain the end marker.
_ENDINGS: Final = {
    b"\xff\xd8": (b"\xff\xd9",),
    b"\x89P": (b"IEND\xaeB`\x82",),
    b"%P": (b"%%EOF", b"%%EOF\n", b"%%EOF\r\n"),
}
_TWO_FILES: Final = re.compile(
    rb"\xff\xd9\s{0,4}\xff\xd8\xff|IEND\xaeB`\x82\s{0,4}\x89PNG|%%EOF\s{0,4}%PDF-"
)


def is_success(text: str) -> bool:
    text = text.strip()
    return text.lower() in SUCCESS_WORDS or _SUCCESS_TEXT.fullmatch(text) is not None


def is_relative(address: str) -> bool:
    return not _ABSOLUTE.match(address)


def is_nothing(text: str) -> bool:
    """Tell whether a text is empty or a word such as "null", which means that there is no value."""
    return _NOTHING_ALONE.fullmatch(text[:MAX_ANSWER_URL].strip()) is not None


def read_parts(text: str | LongText) -> Iterator[Part]:
    """Yield the addresses or files in a text, and b"" for each missing page. A text of words yields nothing."""
    pieces = text.text_pieces() if isinstance(text, LongText) else iter((text,))
    try:
        whole = next(pieces, "")
        first = whole.lstrip()
        missing = int(_BREAKS.search(whole[: -len(first) or None]) is not None)
        at = 0
        while not (_FILE.match(first, at) or _NEXT_ADDRESS.match(first, at)) and (
            lead := _LEAD.match(first, at)
        ):
            missing += 1
            at = lead.end()
        first = first[at:]
        is_long = isinstance(text, LongText) or len(text) >= LONG_TEXT_BYTES
        if _NEXT_ADDRESS.match(first) and not _FILE.match(first):
            yield from repeat(b"", missing)
            yield from _addresses(first, is_all=next(pieces, None) is None)
        elif _FILE.match(first) or (is_long and _LONG_RUN.match(first)):
            yield from repeat(b"", missing)
            yield from _files(chain((first,), pieces))
        elif later := _FILE_LATER.search(first):
            yield from repeat(b"", missing + 1)
            yield from _files(chain((first[later.start(1) :],), pieces))
    except ValueError:
        # The rest of the bytes cannot be decoded as text.
        yield b""


def _addresses(text: str, *, is_all: bool) -> Iterator[Part]:
    items: list[str] = []
    signs: set[str] = set()
    at = 0
    text = text.rstrip()
    if text[-1] in _SIGNS:
        text = text[:-1].rstrip()
    for gap in _BETWEEN.finditer(text):
        item = text[at : gap.start()]
        if gap[1]:
            signs.add(gap[1])
        elif item.endswith((*_SIGNS,)):
            # A sign followed by a blank separates two items, even if the next item is not an address.
            signs.add(item[-1])
            item = item[:-1]
        items.append(item)
        at = gap.end()
    items.append(text[at:])
    if not is_all:
        items[-1] = ""
    elif len(items) > 1 and items[-1].lower() in SUCCESS_WORDS:
        items.pop()
    counts = {sum(map(item.count, signs)) for item in items if _ADDRESS.match(item)}
    for item in items:
        yield from _address(item, "".join(signs), is_clear=len(counts) == 1)


def _address(item: str, signs: str, *, is_clear: bool) -> Iterator[Part]:
    """Yield the address in an item, and b"" for each other page that the item may stand for."""
    words = _SIGN.split(item)
    ends = [
        number
        for number, word in enumerate(words)
        if number
        and _UNREADABLE.fullmatch(word)
        and (signs or (word and not word.startswith((".", "/"))))
    ]
    end = ends[0] if ends else len(words)
    address = item[: sum(map(len, words[:end])) + end - 1]
    yield address if len(address) <= MAX_ANSWER_URL and _ADDRESS.fullmatch(address) else b""
    yield from repeat(b"", len(words) - end)
    if not ends and not is_clear and any(sign in item for sign in signs):
        yield b""
    # The item contains further addresses, joined by an unknown sign or by nothing.
    yield from repeat(b"", len(_ANOTHER_ADDRESS.findall(address)))


def _files(pieces: Iterator[str]) -> Iterator[bytes]:
    reader = _Files()
    text = ""
    for piece in pieces:
        text += piece
        at = yield from reader.read(text, is_last=False)
        text = text[at:]
    yield from reader.read(text, is_last=True)
    yield from reader.close()


def _has_two(content: bytes) -> bool:
    # The search runs in pieces, because no other thread runs during a search.
    return any(
        _TWO_FILES.search(content, start, start + LONG_TEXT_PIECE + 20)
        for start in range(0, len(content), LONG_TEXT_PIECE)
    )


class _Files:
    """Reads a sequence of files in base64, with only one file in memory at a time."""

    def __init__(self) -> None:
        self._content: bytearray | None = None
        self._any = False
        # Whether a data URL had a blank after its comma, and whether a file was written without a data URL.
        self._has_blank = self._has_bare = False
        self._new()

    def _new(self) -> None:
        self._rest = ""
        self._is_padded = self._is_broken = False
        # Number of characters in the file's first line (0 until that line has ended), and in the file's current line.
        self._first = self._line = 0

    def read(self, text: str, *, is_last: bool) -> Generator[bytes, None, int]:
        """Yield the files that end in `text`; return the position up to which `text` was read."""
        at = 0
        while at < len(text):
            is_near_end = not is_last and len(text) - at < _LOOK_AHEAD
            if gap := _GAP.match(text, at):
                is_cut = not is_last and len(text) - gap.end() < _LOOK_AHEAD
                if is_cut and len(gap[0]) < _LOOK_AHEAD:
                    return at
                yield from self._between(gap[0], text[gap.end() : gap.end() + _LOOK_AHEAD])
                at = gap.end()
            elif self._content is None:
                if is_near_end:
                    return at
                if (
                    self._any
                    and is_last
                    and text[at:].rstrip(" \t\r\n,;|").lower() in SUCCESS_WORDS
                ):
                    return len(text)
                self._content = bytearray()
                self._any = True
                if found := _DATA_URL.match(text, at):
                    self._has_blank = self._has_blank or found[0][-1] != ","
                    at = found.end()
                else:
                    self._has_bare = True
                if self._has_blank and self._has_bare:
                    # The data URL was empty, and the base64 after the blank was the next page.
                    self._has_blank = False
                    yield b""
            elif self._is_broken:
                found = _NO_GAP.match(text, at)
                at = found.end() if found else at
            elif run := _RUN.match(text, at):
                if self._is_padded:
                    yield from self.close()
                    continue
                self._add(run[0])
                at = run.end()
            elif padding := _PADDING.match(text, at):
                self._is_padded = True
                at = padding.end()
            else:
                self._is_broken = True
        return at

    def close(self) -> Iterator[bytes]:
        """Yield the current file, if any, and b"" if its bytes may hide another page."""
        if self._content is None:
            return
        # A truncated file is still a page; the code that decodes the page reports that the page is incomplete.
        if len(self._rest) > 1:
            self._content += base64.b64decode(self._rest + "=" * (-len(self._rest) % 4))
        content, is_broken = bytes(self._content), self._is_broken
        self._content = None
        self._new()
        yield content
        if content and (is_broken or _has_two(content)):
            yield b""

    def _add(self, run: str) -> None:
        assert self._content is not None
        self._line += len(run)
        plain = self._rest + run.translate(_TO_STANDARD)
        end = len(plain) - len(plain) % 4
        self._content += base64.b64decode(plain[:end])
        self._rest = plain[end:]

    def _between(self, gap: str, ahead: str) -> Iterator[bytes]:
        """Yield the current file if a gap between two runs of base64 ends the file, and b"" for each missing page.

        The gap does not end the file if both runs are lines of it.
        """
        signs, breaks = sum(map(gap.count, _SIGNS)), len(_BREAKS.findall(gap))
        if ahead and not signs and self._content is not None and self._goes_on(breaks, ahead):
            self._first = self._first or self._line
            self._line = 0
            return
        yield from self.close()
        if signs or not ahead:
            yield from repeat(b"", signs - 1)
        else:
            yield from repeat(b"", breaks - 1 if breaks else len(gap) - 1)

    def _goes_on(self, breaks: int, ahead: str) -> bool:
        """Tell whether the next line belongs to the same file."""
        assert self._content is not None
        if self._is_broken or breaks > 1:
            return False
        if ahead[0] == "=":
            return True
        run = _RUN.match(ahead)
        width = self._first or self._line
        return (
            run is not None
            and not self._is_padded
            and self._line == width in _WIDTHS
            and len(run[0]) <= width
            and not _NEXT_FILE.match(ahead)
            and not _NOTHING_NEXT.match(ahead)
            # A few more bytes may follow the end of a picture.
            and (len(run[0]) < _TRAILING or not self._has_ended())
        )

    def _has_ended(self) -> bool:
        assert self._content is not None
        endings = _ENDINGS.get(bytes(self._content[:2]), ())
        return not self._rest and self._content.endswith(endings)
