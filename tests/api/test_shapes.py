"""Shapes tell kind and length of what came from outside, and nothing of what it said."""

import json
import re
import string

from hypothesis import given, strategies as st
import pytest

from custom_components.lianke.api import unknown
from custom_components.lianke.api.unknown import is_word, name_or_pattern, pattern_of, shape_of


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("lk00ab00000000", "[a9]{14}"),
        ("2026-11-26 06:51:34", "9{4}-9{2}-9{2} 9{2}:9{2}:9{2}"),
        ("作业.pdf", "文{2}.a{3}"),
        ("OFFLINE", "A{7}"),
        ("", ""),
        (True, "true or false"),
        (None, "null"),
        (1763000000000, "number of 13 digits"),
        (-7, "number of 1 digits"),
        (10**30, "number"),
        (0.5, "fraction"),
        (b"\xff\x00", "2 bytes"),
        ([], []),
        ({"sn": "ab", "data": {"at": [1, 2]}}, {
            "sn": "a{2}",
            "data": {"at": ["number of 1 digits", "number of 1 digits"]},
        }),
        ('{"type": "x"}', {"JSON in a text": {"type": "a{1}"}}),
        ("{broken", "{a{6}"),
    ],
)  # fmt: skip
def test_shapes(value: object, shape: object) -> None:
    assert shape_of(value) == shape


@pytest.mark.parametrize(
    "name",
    [
        "lk00ab00000000",
        "AbCdEfGh12345678",
        "AaAaA00AAAAAAAAA",
        "13812345678",
        "作业",
        "Letter to grandmother",
        "anna@home.example",
        "",
        "42",
        "a" * 40,
    ],
)
def test_what_could_be_a_key_or_personal_is_no_word(name: str) -> None:
    assert not is_word(name)
    assert not name or name not in name_or_pattern(name)


KEYS = st.text(string.ascii_letters + string.digits, min_size=16, max_size=32).filter(
    # As keys are that were drawn at random; one that reads like words cannot be told from a name.
    lambda key: (
        len(re.findall(r"(?<![a-z])[a-z](?![a-z])", key)) > 2 or sum(map(str.isdigit, key)) > 2
    )
)


@given(key=KEYS, deep=st.integers(0, 3))
def test_no_key_is_in_a_shape(key: str, deep: int) -> None:
    value: object = {key: key, "token": f"key={key}", "list": [key, {"x": key}]}
    for _ in range(deep):
        value = {"data": value, "text": json.dumps(value)}
    assert key not in json.dumps(shape_of(value))


@given(text=st.text(min_size=1))
def test_patterns_have_no_letters_of_the_text(text: str) -> None:
    kept = [letter for letter in text if letter.isalnum() and letter not in "aA9文?textof"]
    if len(text) <= unknown.MAX_SHAPE_PATTERN:
        digits = set(string.digits)
        assert not (set(pattern_of(text)) - digits) & set(kept)


def test_shapes_are_small() -> None:
    deep: object = "x"
    for _ in range(unknown.MAX_SHAPE_DEPTH + 5):
        deep = [deep]
    assert json.dumps(shape_of(deep)).count("[") == unknown.MAX_SHAPE_DEPTH + 1
    assert len(shape_of({f"f{'a' * n}": 1 for n in range(60)})) == unknown.MAX_SHAPE_FIELDS + 1
    assert shape_of([1] * 9) == ["number of 1 digits"] * unknown.MAX_SHAPE_ITEMS + ["9 in all"]
    bush = {f"f{'a' * n}": [[1, 2, 3], [1, 2, 3], [1, 2, 3]] for n in range(28)}
    assert json.dumps(shape_of(bush)).count("number") < unknown.MAX_SHAPE_VALUES
    assert shape_of("a" * (unknown.MAX_SHAPE_PATTERN + 1)) == "text of 61"
    reported = json.dumps({"a": "b" * unknown.MAX_SHAPE_JSON})
    assert shape_of(reported) == f"text of {len(reported)}"
    assert is_word("a" * unknown.MAX_WORD)
    assert not is_word("a" * (unknown.MAX_WORD + 1))


def test_a_name_has_no_control_characters() -> None:
    """Names of fields come from whoever can send a message, and reach the log."""
    assert name_or_pattern("x\x1b[2J\r\n\u202eERROR") == "<a{1}?[[A9]{2}???A{5}>"
