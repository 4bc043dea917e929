"""Answers about a scan, made of whole pages in every notation, of which one is spoiled at times."""

import base64
from collections.abc import Callable
import json
import random
import re
from typing import Any

from hypothesis import example, given, settings, strategies as st
import pytest

from custom_components.lianke.api.long_json import parse_long
from custom_components.lianke.api.scan_texts import is_success
from custom_components.lianke.api.scanning import find_parts
from tests.examples import examples

type Page = tuple[str, bytes]
"""A page as its address and as its content."""


def page(chance: random.Random, number: int, *, has_commas: bool) -> Page:
    # No such file ends within itself.
    body = chance.randbytes(chance.randint(400, 5000)).replace(b"\xff", b"\xfe")
    start, end = chance.choice(
        [
            (b"\xff\xd8\xff\xe0", b"\xff\xd9"),
            (b"\xff\xd8\xff\xdb", b"\xff\xd9"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"IEND\xaeB`\x82"),
            (b"%PDF-1.4\n", b"%%EOF\n"),
        ]
    )
    extra = "?process=image/resize,w_100" if has_commas else chance.choice(["", ".jpg", "?a=1&b=2"])
    return f"https://a.example/{number}{extra}", start + body + end


def in_lines(width: int, end: str) -> Callable[[Page], str]:
    return lambda one: re.sub(
        f"(.{{{width}}})(?!$)", rf"\1{end}", base64.b64encode(one[1]).decode()
    )


def encoded(one: Page) -> str:
    return base64.b64encode(one[1]).decode()


NOTATIONS: dict[str, Callable[[Page], str]] = {
    "address": lambda one: one[0],
    "base64": encoded,
    "base64 for the web": lambda one: base64.urlsafe_b64encode(one[1]).decode(),
    "base64 without padding": lambda one: encoded(one).rstrip("="),
    "lines of 64": in_lines(64, "\n"),
    "lines of 76": in_lines(76, "\r\n"),
    "data URL": lambda one: f"data:image/jpeg;base64,{encoded(one)}",
    "data URL with parameters": lambda one: f"data:image/jpeg;name=1.jpg;base64,{encoded(one)}",
}
SEPARATORS = (",", ";", "|", "\n", "\r\n", ", ", ",\n", " ", ";\r\n", " | ")
# What stands in the place of a page in JSON, and in a text.
SPOILED: tuple[Any, ...] = (None, False, 404, 0, "", {}, [], {"url": None}, [""], "null", "error")
SPOILED_TEXTS = (
    "",
    "null",
    "error",
    "2.jpg",
    "https://a.example/" + "x" * 4200,
    "data:image/jpeg;base64,",
    "<html>",
    "文件不存在",
)


def joined(chance: random.Random, items: list[str], separator: str) -> str:
    return separator.join(items) + (separator if chance.random() < 0.2 else "")


def shaped(chance: random.Random, items: list[Any]) -> Any:
    """Return an answer with these in a list of some kind."""
    match chance.randrange(7):
        case 0:
            return items
        case 1:
            return {"pages": len(items), "img": items, "ok": True, "msg": "success", "next": None}
        case 2:
            return [{"no": n, "url": one, "name": "x.jpg"} for n, one in enumerate(items)]
        case 3:
            return {"page": len(items)} | {f"page{n}": one for n, one in enumerate(items)}
        case 4:
            return {str(n): {"file": {"path": one}, "size": n} for n, one in enumerate(items)}
        case 5:
            return {"list": [[one] for one in items]}
        case _:
            return [*items, "done"]


def answer(chance: random.Random, *, is_spoiled: bool) -> tuple[list[Page], Any]:
    """Return pages, and an answer with all of them, or with one spoiled."""
    # Signed addresses are so all of them.
    has_commas = chance.random() < 0.3
    pages = [page(chance, n, has_commas=has_commas) for n in range(chance.randint(2, 5))]
    at = chance.randrange(len(pages)) if is_spoiled else -1
    how = chance.choice([*NOTATIONS])
    if chance.random() < 0.5:
        separator = chance.choice(SEPARATORS)
        if separator == " " and how.startswith("lines"):
            separator = "\n"
        items = [NOTATIONS[how](one) for one in pages]
        if is_spoiled:
            # A separator at the end stands before nothing, and a blank at the start is none.
            is_told = at < len(items) - 1 and (at or separator != " ")
            items[at] = chance.choice(SPOILED_TEXTS if is_told else SPOILED_TEXTS[1:])
            if separator == " " and len(items) == 2 and items[0].endswith(","):
                # As one page with a blank in its data URL, which is not rare.
                items[0] = "error"
            if chance.random() < 0.3:
                items[at] = encoded(("", pages[at][1][7:])) if how != "address" else "x.jpg"
        made: Any = joined(chance, items, separator)
        if chance.random() < 0.5:
            made = {"img": made, "msg": "success", "code": 200}
    else:
        values: list[Any] = [
            NOTATIONS[how if chance.random() < 0.7 else chance.choice([*NOTATIONS])](one)
            for one in pages
        ]
        if is_spoiled:
            values[at] = chance.choice([*SPOILED, *SPOILED_TEXTS])
        made = shaped(chance, values)
    for _ in range(chance.choice([0, 0, 1, 2])):
        made = json.dumps(made, ensure_ascii=chance.random() < 0.5)
        if chance.random() < 0.5:
            made = {"task_result": {"data": made, "code": 200}}
    # As it is read from the line.
    return pages, parse_long(json.dumps({"data": made}).encode())


def told(pages: list[Page], made: Any) -> tuple[list[int | None], bool]:
    """Return the numbers of the pages that are found, None for what is none, and whether there is said to be more."""
    known: dict[str | bytes, int] = {}
    for number, one in enumerate(pages):
        known |= dict.fromkeys(one, number)
    found = find_parts(made)
    return [known.get(part) for part in found.parts], found.has_more


@settings(max_examples=examples(150), deadline=None)
@given(st.integers(min_value=0, max_value=2**64))
def test_whole_pages_in_any_notation_are_found(seed: int) -> None:
    pages, made = answer(random.Random(seed), is_spoiled=False)
    assert told(pages, made) == ([*range(len(pages))], False)


@settings(max_examples=examples(150), deadline=None)
@given(st.integers(min_value=0, max_value=2**64))
# An empty data URL, and the next page on the next line, and behind a blank.
@example(28991)
@example(9935)
def test_a_spoiled_page_is_missing(seed: int) -> None:
    pages, made = answer(random.Random(seed), is_spoiled=True)
    found, has_more = told(pages, made)
    # Where nothing is found, nothing is deleted.
    assert not found or has_more or None in found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{0}, {1}", [0, 1]),
        ("{0},,{1}", [0, None, 1]),
        ("{0},{1},", [0, 1]),
        ("{0},{1},,", [0, 1, None]),
        (",{0},{1}", [None, 0, 1]),
        ("\n{0}\n{1}", [None, 0, 1]),
        ("\n{0}", [None, 0]),
        ("{0}\n\n{1}", [0, None, 1]),
        ("{0}\n2.jpg\n{1}", [0, None, 1]),
        ("{0}\n/scan/2\n{1}", [0, "/scan/2", 1]),
        ("/scan/2?a=1,{1}", ["/scan/2?a=1", 1]),
        ("../2.jpg", ["../2.jpg"]),
        ("//b.example/2", ["//b.example/2"]),
        ("/data", []),
        ("/9", []),
        ("{0},null,{1}", [0, None, 1]),
        ("null\n{0}", [None, 0]),
        ("404,{0}", [None, 0]),
        ("{0}\n{1}\nDone", [0, 1]),
        ("{0}\ndone\n{1}", [0, None, 1]),
        ("{0}\n{1}\n失败", [0, 1, None]),
        ("{0}?a=1,2,{1}?a=1,2", ["{0}?a=1,2", "{1}?a=1,2"]),
        ("{0}?a=1,2,{1}", ["{0}?a=1,2", None, 1]),
        ("{0};v=1", ["{0};v=1"]),
        ("{0},null", [0, None]),
        ("see {0}", []),
        ("a, b, c", []),
    ],
)
def test_addresses_in_a_text(text: str, found: list[int | str | None]) -> None:
    pages = ["https://a.example/1", "https://a.example/2"]
    parts = find_parts({"msg": text.format(*pages)}).parts
    wanted = [
        b"" if one is None else one.format(*pages) if isinstance(one, str) else pages[one]
        for one in found
    ]
    assert [*parts] == wanted


@pytest.mark.parametrize(
    ("text", "is_fine"),
    [
        ("success", True),
        ("Success!", True),
        ("操作成功", True),
        ("scan successful", True),
        ("", False),
        ("扫描不成功", False),
        ("unsuccessful", False),
        ("not successful", False),
        ("卡纸", False),
    ],
)
def test_a_word_for_success_is_no_reason(text: str, *, is_fine: bool) -> None:
    assert is_success(text) is is_fine


@pytest.mark.parametrize("level", range(1, 8))
def test_json_in_json_is_read_as_far_as_there_is_room(level: int) -> None:
    """What is not read is said to be more, where pages are found."""
    inner = '"' + "/9j/" + "QUJD" * (1024 * 1024) + '"'
    for _ in range(level):
        inner = json.dumps({"p": json.loads(inner)} if inner[0] == '"' else {"p": inner})
    made = parse_long(json.dumps({"url": "https://a.example/1", "x": inner}).encode())
    found = find_parts(made)
    assert (len(found.parts) == 2) != found.has_more
