"""Files given in base64, as mail integrations hand attachments over."""

from base64 import b64encode, encodebytes
import io
import random

from hypothesis import given, strategies as st
import pytest

from custom_components.lianke.documents.sources import BASE64_PIECE, write_base64
from custom_components.lianke.input_error import InputError


def decoded(text: str, limit: int = 10**9) -> bytes:
    writer = io.BytesIO()
    write_base64(writer, text, limit, "x")
    return writer.getvalue()


@given(st.binary(max_size=300), st.sampled_from(("\n", "\r\n", " ", "")))
def test_any_bytes(data: bytes, line_end: str) -> None:
    text = encodebytes(data).decode().replace("\n", line_end)
    assert decoded(text) == data


@pytest.mark.parametrize(
    "size", [BASE64_PIECE * 3 // 4 + number for number in range(-2, 3)] + [3 * BASE64_PIECE]
)
def test_pieces_fit_together(size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert decoded(encodebytes(data).decode()) == data
    assert decoded(b64encode(data).decode()) == data


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "ab",
        "abc",
        "a===",
        "ab=c",
        "ab==cdef",
        "饺子",
        "ab\0d",
        "-_-_",
        "data:,x",
        "QUJD" * BASE64_PIECE + "!",
    ],
)
def test_no_base64(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # of whichever kind
        decoded(text)


def test_padding_ends_a_piece_not_the_text() -> None:
    with pytest.raises(ValueError, match="padding"):
        decoded("QUJD" * (BASE64_PIECE // 4 - 1) + "QUI=" + "QUJD")


def test_the_limit_is_kept() -> None:
    assert len(decoded(b64encode(b"x" * 1000).decode(), 1000)) == 1000
    with pytest.raises(InputError, match="file_too_large"):
        decoded(b64encode(b"x" * 1001).decode(), 1000)
