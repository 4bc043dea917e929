"""The IPP encoding: what is written is read again, and nothing that is read does harm."""

import os
import random

import pytest

from custom_components.lianke.ipp import codec, model as values
from custom_components.lianke.ipp.codec import IncompleteError, decode, encode
from custom_components.lianke.ipp.model import (
    IppError,
    IppGroup,
    IppMessage,
    IppTag,
    IppValue,
    Operation,
    Status,
)
from tests.ipp.requests import ENCODED, MESSAGE, attribute, spoiled

# A million in the long form: LIANKE_FUZZ=1000000.
FUZZED = int(os.environ.get("LIANKE_FUZZ", "5000"))


def message(*attributes: bytes) -> bytes:
    return b"\2\0\0\x0b\0\0\0\1\1" + b"".join(attributes) + b"\3"


def test_what_is_written_is_read_again() -> None:
    assert decode(ENCODED) == (MESSAGE, len(ENCODED))


def test_the_document_begins_behind_the_attributes() -> None:
    _, length = decode(ENCODED + b"%PDF-1.7")
    assert (ENCODED + b"%PDF-1.7")[length:] == b"%PDF-1.7"


def test_a_message_as_another_program_writes_it() -> None:
    """Byte by byte from RFC 8010, appendix A.1, with the language of a name."""
    data = bytes.fromhex(
        "0101 0002 00000001 01"
        "47 0012 617474726962757465732d63686172736574 0005 7574662d38"
        "48 001b 617474726962757465732d6e61747572616c2d6c616e6775616765 0005 656e2d7573"
        "36 0008 6a6f622d6e616d65 000b 0002 6465 0005 4272696566"
        "02 21 0006 636f70696573 0004 00000014"
        "44 0005 7369646573 0013 74776f2d73696465642d6c6f6e672d65646765"
        "03"
    )
    read, length = decode(data)
    assert length == len(data)
    assert (read.version, read.code, read.request_id) == ((1, 1), Operation.PRINT_JOB, 1)
    assert read.group(IppTag.OPERATION)["job-name"] == values.name("Brief")
    assert read.group(IppTag.JOB) == {
        "copies": values.integer(20),
        "sides": values.keyword("two-sided-long-edge"),
    }
    assert read.group(IppTag.PRINTER) == {}


def test_a_message_that_is_cut_off() -> None:
    for length in range(len(ENCODED)):
        with pytest.raises(IncompleteError) as caught:
            decode(ENCODED[:length])
        assert caught.value.status is Status.BAD_REQUEST


@pytest.mark.parametrize(
    "data",
    [
        message(attribute(IppTag.INTEGER, b"copies", b"\0\1")),
        message(attribute(IppTag.BOOLEAN, b"x", b"\2")),
        message(attribute(IppTag.RANGE, b"x", b"\0")),
        message(attribute(IppTag.RESOLUTION, b"x", b"")),
        message(attribute(IppTag.DATE_TIME, b"x", bytes(11))),
        message(attribute(IppTag.NAME_LANGUAGE, b"x", b"\0\2de\0\x09Brief")),
        message(attribute(IppTag.NAME_LANGUAGE, b"x", b"\xff")),
        message(attribute(IppTag.INTEGER, b"", b"\0\0\0\1")),
        message(*[attribute(IppTag.NAME, b"a", b"x")] * 2),
        message(attribute(IppTag.END_COLLECTION, b"x", b"")),
        message(attribute(IppTag.NAME, b"x", b"")[:2] + b"\xff\xff"),
        b"\2\0\0\x0b\0\0\0\1\0",
        b"\2\0\0\x0b\0\0\0\1\x21",
        message(attribute(IppTag.BEGIN_COLLECTION, b"x", b""), attribute(IppTag.NAME, b"y", b"z")),
        message(attribute(IppTag.BEGIN_COLLECTION, b"x", b""), attribute(IppTag.NAME, b"", b"z")),
    ],
)
def test_a_malformed_message(data: bytes) -> None:
    with pytest.raises(IppError) as caught:
        decode(data)
    assert caught.value.status is Status.BAD_REQUEST


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (
            message(attribute(IppTag.NAME, b"x" * (codec.MAX_ATTRIBUTE_NAME_BYTES + 1), b"")),
            Status.VALUE_TOO_LONG,
        ),
        (
            message(attribute(IppTag.TEXT, b"x", b"y" * (codec.MAX_IPP_VALUE_BYTES + 1))),
            Status.VALUE_TOO_LONG,
        ),
        (
            message(
                attribute(IppTag.INTEGER, b"x", bytes(4)),
                *[attribute(IppTag.INTEGER, b"", bytes(4))] * codec.MAX_IPP_VALUES,
            ),
            Status.ENTITY_TOO_LARGE,
        ),
        (message(bytes([IppTag.OPERATION]) * codec.MAX_IPP_VALUES), Status.ENTITY_TOO_LARGE),
        (
            message(
                attribute(IppTag.BEGIN_COLLECTION, b"x", b""),
                *[
                    attribute(IppTag.MEMBER_NAME, b"", b"y")
                    + attribute(IppTag.BEGIN_COLLECTION, b"", b"")
                ]
                * codec.MAX_COLLECTION_DEPTH,
            ),
            Status.ENTITY_TOO_LARGE,
        ),
        (
            message(
                *[
                    attribute(IppTag.OCTETS, str(number).encode(), bytes(30_000))
                    for number in range(codec.MAX_ATTRIBUTES_BYTES // 30_000 + 1)
                ]
            ),
            Status.ENTITY_TOO_LARGE,
        ),
    ],
    ids=["name", "value", "values", "groups", "depth", "message"],
)
def test_a_message_beyond_a_bound(data: bytes, status: Status) -> None:
    with pytest.raises(IppError) as caught:
        decode(data)
    assert caught.value.status is status


def test_as_much_as_a_bound_allows() -> None:
    decode(
        message(
            attribute(
                IppTag.NAME, b"x" * codec.MAX_ATTRIBUTE_NAME_BYTES, b"y" * codec.MAX_IPP_VALUE_BYTES
            )
        )
    )
    decode(
        message(
            attribute(IppTag.INTEGER, b"x", bytes(4)),
            *[attribute(IppTag.INTEGER, b"", bytes(4))] * (codec.MAX_IPP_VALUES - 2),
        )
    )
    decode(message(bytes([IppTag.OPERATION]) * (codec.MAX_IPP_VALUES - 1)))


def test_text_that_is_no_utf_8_is_read() -> None:
    read, _ = decode(message(attribute(IppTag.NAME, b"job-name", b"\xff\xfeBrief")))
    assert read.group(IppTag.OPERATION)["job-name"] == values.name("\ufffd\ufffdBrief")


def test_a_value_of_an_unknown_syntax_is_kept() -> None:
    read, _ = decode(message(attribute(0x4F, b"x", b"\1\2"), attribute(0x15, b"y", b"z")))
    assert read.group(IppTag.OPERATION) == {
        "x": (IppValue(0x4F, b"\1\2"),),
        "y": (IppValue(0x15, None),),
    }


def test_long_texts_are_cut_at_a_character() -> None:
    (value,) = values.name("打" * 100)
    assert value.content == "打" * 42


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1])
def test_an_integer_that_has_no_place(number: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        encode(
            IppMessage(
                code=0,
                request_id=1,
                groups=(
                    IppGroup(tag=IppTag.JOB, attributes={"x": (IppValue(IppTag.INTEGER, number),)}),
                ),
            )
        )


@pytest.mark.timeout(1200)
def test_fuzzed_messages_raise_nothing_but_their_own_error() -> None:
    chance = random.Random(20261126)
    read = refused = 0
    for _ in range(FUZZED):
        data = spoiled(chance)
        try:
            found, length = decode(data)
        except IppError:
            refused += 1
        else:
            assert 0 < length <= len(data)
            # What could be read can be answered with.
            encode(found)
            read += 1
    # Both ways were taken often enough to say something.
    assert read > FUZZED / 50
    assert refused > FUZZED / 5
