"""Long texts within JSON, read a piece at a time."""

import json
import time

import pytest

from custom_components.lianke.api import long_json
from custom_components.lianke.api.long_json import LongText, parse_long

# Each is longer than a piece, and begins at every place of it.
TEXTS = ("ascii", "链科", "é\\u00e9", "\\\\", '\\n\\\\\\"', "\\ud83d\\ude00", "😀x")
BROKEN = {
    "no character ends": b"\x80" * 200,
    "no character ends after the first piece": b"a" * 60 + b"\x80" * 200,
    "half a character at a piece's end": b"a" * 62 + b"\xe9\x93" + b"a" * 200,
    "a control character": b"a" * 100 + b"\x01" * 100,
    "no escape": b"a" * 100 + b"\\x" * 100,
}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_json, "LONG_TEXT_BYTES", 128)
    monkeypatch.setattr(long_json, "LONG_TEXT_PIECE", 64)


def long_text(body: bytes) -> LongText:
    """Return a text that was cut out of an answer."""
    found = parse_long(b'{"data": "' + body + b'"}')
    assert isinstance(found, dict)
    text = found["data"]
    assert isinstance(text, LongText)
    return text


@pytest.mark.parametrize("text", TEXTS)
def test_pieces_are_the_whole(text: str) -> None:
    for shift in range(12):
        body = ("a" * shift + text * 80).encode()
        whole = json.loads(b'"' + body + b'"')
        read = long_text(body)
        assert "".join(read.text_pieces()) == whole, shift
        assert whole.startswith(read.start()), shift


def test_many_quotes_within_a_long_text_take_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_json, "LONG_TEXT_PIECE", 1024 * 1024)
    body = b"a" * 1_100_000 + b'\\"' * 60_000
    started = time.process_time()
    assert long_text(body).start().startswith("aaa")
    assert time.process_time() - started < 1


@pytest.mark.timeout(10)
@pytest.mark.parametrize("body", BROKEN.values(), ids=list(BROKEN))
def test_what_is_no_text_is_one_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # as for anything that is no JSON
        for _ in long_text(body).text_pieces():
            pass
