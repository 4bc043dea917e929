"""Check that a fax-coded picture (CCITT Group 3 or 4) has all its rows: decoders silently skip missing rows."""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Final, NamedTuple

# Codes of the run lengths 0 to 63, then of 64 to 1728 in steps of 64.
_WHITE_CODES: Final = """
00110101 000111 0111 1000 1011 1100 1110 1111 10011 10100 00111 01000 001000 000011 110100 110101
101010 101011 0100111 0001100 0001000 0010111 0000011 0000100 0101000 0101011 0010011 0100100 0011000 00000010 00000011
00011010 00011011 00010010 00010011 00010100 00010101 00010110 00010111 00101000 00101001 00101010 00101011 00101100
00101101 00000100 00000101 00001010 00001011 01010010 01010011 01010100 01010101 00100100 00100101 01011000 01011001
01011010 01011011 01001010 01001011 00110010 00110011 00110100 11011 10010 010111 0110111 00110110 00110111 01100100
01100101 01101000 01100111 011001100 011001101 011010010 011010011 011010100 011010101 011010110 011010111 011011000
011011001 011011010 011011011 010011000 010011001 010011010 011000 010011011"""
_BLACK_CODES: Final = """
0000110111 010 11 10 011 0011 0010 00011 000101 000100 0000100 0000101 0000111 00000100 00000111
000011000 0000010111 0000011000 0000001000 00001100111 00001101000 00001101100 00000110111 00000101000 00000010111
00000011000 000011001010 000011001011 000011001100 000011001101 000001101000 000001101001 000001101010 000001101011
000011010010 000011010011 000011010100 000011010101 000011010110 000011010111 000001101100 000001101101 000011011010
000011011011 000001010100 000001010101 000001010110 000001010111 000001100100 000001100101 000001010010 000001010011
000000100100 000000110111 000000111000 000000100111 000000101000 000001011000 000001011001 000000101011 000000101100
000001011010 000001100110 000001100111 0000001111 000011001000 000011001001 000001011011 000000110011 000000110100
000000110101 0000001101100 0000001101101 0000001001010 0000001001011 0000001001100 0000001001101 0000001110010
0000001110011 0000001110100 0000001110101 0000001110110 0000001110111 0000001010010 0000001010011 0000001010100
0000001010101 0000001011010 0000001011011 0000001100100 0000001100101"""
# Codes of the run lengths 1792 to 2560 in steps of 64, for both colors.
_LONG_CODES: Final = """
00000001000 00000001100 00000001101 000000010010 000000010011 000000010100 000000010101 000000010110
000000010111 000000011100 000000011101 000000011110 000000011111"""
_LONGEST: Final = 13
# Codes of the distance in pixels between a color change and the color change above it. `_PASS` and `_RUNS` are not
# distances: they mark changes that are coded in another way.
_PASS, _RUNS = 8, 9
_ABOVE: Final = {
    "1": 0,
    "011": 1,
    "000011": 2,
    "0000011": 3,
    "010": -1,
    "000010": -2,
    "0000010": -3,
    "0001": _PASS,
    "001": _RUNS,
}
_LONGEST_ABOVE: Final = 7
_END_BITS: Final = 12
# Maximum number of bits that may follow the last row instead of an end mark, whatever they contain.
_PADDING_BITS: Final = 64


class Coding(NamedTuple):
    columns: int
    rows: int
    # The parameter K of PDF: below 0 for Group 4, 0 if every row is coded independently, above 0 if only some rows are.
    k: int
    is_aligned: bool = False


class _DamagedError(Exception):
    """An unknown code, or a row that is too long."""


def is_whole(data: bytes, coding: Coding) -> bool:
    """Return whether the data has all rows, each of the right length, and nothing else; one row may be missing."""
    rows = _Rows(data, coding)
    try:
        count = sum(1 for _ in islice(rows, coding.rows))
    except _DamagedError:
        return False
    # Some programs declare one row too many.
    return count >= coding.rows - 1 and rows.is_at_end()


@cache
def _table(codes: tuple[tuple[str, int], ...], longest: int) -> list[tuple[int, int]]:
    """Return a table that gives, for each number of `longest` bits, the value and length of the code it begins with.

    The length is 0 for a number that begins with no code.
    """
    table = [(0, 0)] * (1 << longest)
    for code, value in codes:
        left = longest - len(code)
        first = int(code, 2) << left
        table[first : first + (1 << left)] = [(value, len(code))] * (1 << left)
    return table


@cache
def _runs(codes: str) -> list[tuple[int, int]]:
    lengths = [*range(64), *range(64, 1729, 64)]
    pairs = zip(codes.split(), lengths, strict=True)
    long = zip(_LONG_CODES.split(), range(1792, 2561, 64), strict=True)
    return _table((*pairs, *long), _LONGEST)


class _Rows:
    """Reads the rows of a picture. A row is a list of the columns where its color changes, starting from white."""

    def __init__(self, data: bytes, coding: Coding) -> None:
        self._data = data + bytes(4)
        self._bits = len(data) * 8
        self._coding = coding
        self._at = 0
        # Whether the next row is coded independently. If k is above 0, the bit after the previous end mark decides.
        self._is_single = True
        self._above = _table(tuple(_ABOVE.items()), _LONGEST_ABOVE)
        self._colors = (_runs(_WHITE_CODES), _runs(_BLACK_CODES))

    def __iter__(self) -> Iterator[list[int]]:
        row: list[int] = []
        while self._at < self._bits:
            if self._coding.is_aligned:
                self._at += -self._at % 8
            ends = self._skip_ends()
            # In Group 3, a single mark may precede each row, and several marks end the picture. In Group 4, a single
            # mark ends the picture.
            if ends > (self._coding.k >= 0) or self._at >= self._bits:
                return
            if self._coding.k < 0 or (self._coding.k > 0 and not self._is_single):
                row = self._built_on(row)
            else:
                row = self._by_itself()
            yield row

    def is_at_end(self) -> bool:
        """Return whether only the end mark or padding follows."""
        return (
            self._bits - self._at <= _PADDING_BITS
            or self._skip_ends() > (self._coding.k >= 0)
            or not self._data[self._at // 8 + 1 :].strip(b"\0")
        )

    def _peek(self, count: int) -> int:
        start = self._at >> 3
        window = int.from_bytes(self._data[start : start + 4])
        return window >> (32 - (self._at & 7) - count) & ((1 << count) - 1)

    def _skip_ends(self) -> int:
        """Skip end marks and the zeros before them; return the number of marks."""
        count = 0
        while self._at < self._bits and not self._peek(_END_BITS - 1):
            while self._at < self._bits and not self._peek(8):
                self._at += 8
            while self._at < self._bits and not self._peek(1):
                self._at += 1
            if self._at >= self._bits:
                return count
            self._at += 1
            count += 1
            if self._coding.k > 0:
                self._is_single = bool(self._peek(1))
                self._at += 1
        return count

    def _run(self, color: int) -> int:
        table, length = self._colors[color], 0
        while True:
            part, used = table[self._peek(_LONGEST)]
            if not used or self._at >= self._bits:
                raise _DamagedError
            self._at += used
            length += part
            if part < 64:
                return length

    def _by_itself(self) -> list[int]:
        row: list[int] = []
        at = color = 0
        while at < self._coding.columns:
            at += self._run(color)
            row.append(at)
            color ^= 1
        if at > self._coding.columns:
            raise _DamagedError
        return row

    def _built_on(self, above: list[int]) -> list[int]:
        """Read a row that is coded by its differences from the row above."""
        columns = self._coding.columns
        row: list[int] = []
        last = len(above)
        at, color, place = -1, 0, 0
        while at < columns:
            # Find the first change in the row above that is right of `at` and to the opposite color.
            while place < last and above[place] <= at:
                place += 2
            value, used = self._above[self._peek(_LONGEST_ABOVE)]
            if not used or self._at >= self._bits:
                raise _DamagedError
            self._at += used
            if value == _PASS:
                at = above[place + 1] if place + 1 < last else columns
                continue
            if value == _RUNS:
                for shade in (color, color ^ 1):
                    at = max(0, at) + self._run(shade)
                    row.append(at)
            else:
                change = (above[place] if place < last else columns) + value
                if change < max(0, at):
                    raise _DamagedError
                at = change
                row.append(at)
                color ^= 1
                place = place + 1 if place < 1 else place - 1
            if at > columns:
                raise _DamagedError
        return row
