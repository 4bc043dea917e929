"""A table of shapes that an answer about a scan may have. Each is read whole, and cut off at ten places of a page.

The pages are fetched without a network; `test_answers.py` tries such shapes through the whole integration.
"""

import base64
from collections.abc import Callable
import json
from pathlib import Path
import textwrap
from typing import Any

import pytest

from custom_components.lianke.pdf import scan_extras
from custom_components.lianke.pdf.process import answer_to
from custom_components.lianke.scanner.scan_job import ScanRequest
from tests.scanner.answers import (
    A4,
    BOTH_SIDES,
    CARD,
    GIF,
    HOST,
    World,
    data_url,
    encoded,
    items,
    outcome,
    stack,
)
from tests.scanner.scans import FED, GLASS

type Build = Callable[[World], Any]
ONE: dict[str, Build] = {
    "an address": lambda w: {"file": w.urls()[0]},
    "an address alone": lambda w: w.urls()[0],
    "an address in capitals": lambda w: {"file": w.urls(form="HTTPS://A.example/{}")[0]},
    "an address with blanks around": lambda w: {"file": f" {w.urls()[0]} \n"},
    "a PNG": lambda w: {"file": w.urls("PNG")[0]},
    "a BMP": lambda w: {"file": w.urls("BMP")[0]},
    "a TIFF": lambda w: {"file": w.urls("TIFF")[0]},
    "a WebP": lambda w: {"file": w.urls("WEBP")[0]},
    "a PDF": lambda w: {"file": w.whole("PDF")},
    "base64": lambda w: {"img": w.texts()[0]},
    "base64 alone": lambda w: w.texts()[0],
    "base64 of a PNG": lambda w: {"img": w.texts("PNG")[0]},
    "base64 of a BMP": lambda w: {"img": w.texts("BMP")[0]},
    "base64 of a TIFF": lambda w: {"img": w.texts("TIFF")[0]},
    "base64 of a WebP": lambda w: {"img": w.texts("WEBP")[0]},
    "a PDF in base64": lambda w: {"img": w.texts("PDF")[0]},
    "a PDF in base64 in lines": lambda w: {"img": textwrap.fill(w.texts("PDF")[0], 76)},
    "a PDF in a data URL": lambda w: {"img": data_url(w.texts("PDF")[0], "pdf")},
    "base64 for the web": lambda w: {"img": w.texts()[0].replace("+", "-").replace("/", "_")},
    "base64 without padding": lambda w: {"img": w.texts()[0].rstrip("=")},
    "base64 in lines": lambda w: {"img": textwrap.fill(w.texts()[0], 76)},
    "a data URL": lambda w: {"img": data_url(w.texts()[0])},
    "a data URL of a TIFF": lambda w: {"img": data_url(w.texts("TIFF")[0], "tiff")},
    "JSON in a text": lambda w: json.dumps({"file": w.urls()[0]}),
    "JSON in JSON in a text": lambda w: json.dumps(json.dumps([w.urls()[0]])),
    "a relative address": lambda w: {"file": w.urls(form="/scan/{}.jpg")[0]},
    "a relative address alone": lambda w: w.urls(form="/scan/{}")[0],
    "an address relative to the answer": lambda w: {"file": w.urls(form="../scan/{}?s=1")[0]},
    "an address without a scheme": lambda w: {"file": w.urls(form="//a.example/{}.jpg")[0]},
    "deep in objects": lambda w: {"a": {"b": [{"c": {"d": w.urls()[0]}}]}},
    "facts beside": lambda w: {"url": w.urls()[0], "name": "1.jpg", "size": 9, "type": "image/jpeg"},
    "a thumbnail beside": lambda w: {"url": w.urls()[0], "thumb": w.small(0)},
    "a list of previews beside": lambda w: {"url": w.urls()[0], "previews": [{"a": w.small(0)}]},
    "a small twin beside": lambda w: {"url": w.urls()[0], "cover": w.small(0)},
    "a small twin of half the size": lambda w: {"cover": w.small(0, (206, 292)), "url": w.urls()[0]},
    "small twins of two sizes": lambda w: {
        "s": w.small(0), "m": w.small(0, (200, 283)), "l": w.urls()[0]
    },
    "a small twin in the same list": lambda w: [w.urls()[0], w.small(0)],
    "a small twin in base64": lambda w: {
        "a": w.texts()[0], "b": base64.b64encode(encoded(w.numbers[0], "JPEG", (155, 219))).decode()
    },
    "a picture of the maker's beside": lambda w: {"url": w.urls()[0], "mark": w.logo()},
    "a picture of the maker's first": lambda w: {"mark": w.logo(), "url": w.urls()[0]},
    "a picture of the maker's as a GIF": lambda w: {
        "url": w.urls()[0], "mark": w.serve(f"{HOST}/g.x", GIF.getvalue())
    },
    "a page of help beside": lambda w: {
        "url": w.urls()[0], "about": w.serve(f"{HOST}/h.x", b"<html><body>Help</body></html>")
    },
    "a path on the box beside": lambda w: {"url": w.urls()[0], "path": "/data/scan/1.jpg"},
    "the same address twice": lambda w: {"url": w.urls()[0], "mirror": w.urls()[0]},
    "two addresses of a page": lambda w: {"url": w.urls()[0], "more": w.urls(form=HOST + "/{}?d")[0]},
    "an address and base64": lambda w: {"url": w.urls()[0], "img": w.texts()[0]},
    "two formats": lambda w: {"jpg": w.urls()[0], "png": w.urls("PNG", HOST + "/{}.png")[0]},
    "a PDF and its cover": lambda w: {"pdf": w.whole("PDF"), "cover": w.small(0)},
    "a PDF and its page": lambda w: {"pdf": w.whole("PDF"), "jpg": w.urls()[0]},
    "a number of pages": lambda w: {"total": 1, "file": w.urls()[0]},
}  # fmt: skip
STACK: dict[str, Build] = {
    "a list": lambda w: w.urls(),
    "a list in a field": lambda w: {"code": 200, "list": w.urls()},
    "a list and its number": lambda w: {"total": len(w.numbers), "list": w.urls()},
    "a list and a word": lambda w: [*w.urls(), "done"],
    "a list of lists": lambda w: [[one] for one in w.urls()],
    "a list of PNGs": lambda w: w.urls("PNG"),
    "a list of BMPs": lambda w: w.urls("BMP"),
    "a list of WebPs": lambda w: w.urls("WEBP"),
    "objects": lambda w: [{"no": n, "path": {"href": one}} for n, one in enumerate(w.urls())],
    "numbered fields": lambda w: {f"page{n}": one for n, one in enumerate(w.urls(), start=1)},
    "fields that are numbers": lambda w: {str(n): {"u": one} for n, one in enumerate(w.urls())},
    "lines": lambda w: "\n".join(w.urls()),
    "commas": lambda w: {"file": ",".join(w.urls())},
    "semicolons and blanks": lambda w: {"file": "; ".join(w.urls())},
    "bars": lambda w: {"file": "|".join(w.urls())},
    "signed addresses and commas": lambda w: {"file": ",".join(w.urls(form=HOST + "/{}?s=a,b"))},
    "relative addresses": lambda w: {"list": w.urls(form="/scan/{}.jpg")},
    "relative addresses and commas": lambda w: {"list": ",".join(w.urls(form="/scan/{}.jpg"))},
    "relative addresses in lines": lambda w: "\n".join(w.urls(form="./{}.jpg")),
    "a relative one among others": lambda w: [
        w.urls()[0], w.urls(form="/x/{}.jpg")[1], w.urls()[2]
    ],
    "base64 in a list": lambda w: w.texts(),
    "base64 and commas": lambda w: {"img": ",".join(w.texts())},
    "base64 in lines": lambda w: {"img": "\n".join(w.texts())},
    "base64 of TIFFs in lines": lambda w: {"img": "\n".join(w.texts("TIFF"))},
    "base64 of BMPs and commas": lambda w: {"img": ",".join(w.texts("BMP"))},
    "base64 of WebPs in lines": lambda w: {"img": "\n".join(w.texts("WEBP"))},
    "data URLs": lambda w: {"img": [data_url(one) for one in w.texts()]},
    "data URLs and commas": lambda w: ",".join(data_url(one) for one in w.texts()),
    "JSON in a text": lambda w: json.dumps({"list": w.urls()}),
    "JSON with base64 in a text": lambda w: {"r": json.dumps([{"img": one} for one in w.texts()])},
    "JSON texts in a list": lambda w: [json.dumps({"url": one}) for one in w.urls()],
    "a PDF": lambda w: {"file": w.whole("PDF")},
    "a PDF and its number": lambda w: {"total": len(w.numbers), "file": w.whole("PDF")},
    "a PDF and its pages": lambda w: {"pdf": w.whole("PDF"), "list": w.urls()},
    "a TIFF": lambda w: {"file": w.whole("TIFF")},
    "addresses and base64": lambda w: {"url": w.urls(), "img": w.texts()},
    "two formats in lists": lambda w: {"jpg": w.urls(), "png": w.urls("PNG", HOST + "/{}.png")},
    "two formats in objects": lambda w: items(jpg=w.urls(), png=w.urls("PNG", HOST + "/{}.png")),
    "two addresses of each page in lists": lambda w: {
        "url": w.urls(), "more": w.urls(form=HOST + "/{}?d")
    },
    "small twins in objects": lambda w: items(a=w.urls(), b=[w.small(n) for n in range(3)]),
    "small twins in a list of their own": lambda w: {
        "list": w.urls(), "tiles": [w.small(n) for n in range(3)]
    },
    "small twins among pages": lambda w: [
        one for n, url in enumerate(w.urls()) for one in (url, w.small(n))
    ],
    "thumbnails in objects": lambda w: items(url=w.urls(), thumb=[w.small(n) for n in range(3)]),
    "a picture of the maker's beside": lambda w: {"list": w.urls(), "mark": w.logo()},
    "a picture of the maker's in each object": lambda w: [
        {"url": one, "mark": w.logo()} for one in w.urls()
    ],
    "the first page once more": lambda w: {"url": w.urls(form=HOST + "/{}?1")[0], "list": w.urls()},
}  # fmt: skip
SIDES: dict[str, Build] = {
    "two fields": lambda w: dict(zip(("front", "back"), w.urls(), strict=True)),
    "two fields of base64": lambda w: dict(zip(("front_img", "back_img"), w.texts(), strict=True)),
    "a list": lambda w: w.urls(),
    "objects": lambda w: [{"front": w.urls()[0], "back": w.urls()[1]}],
    "two lists": lambda w: {"front": w.urls()[:1], "back": w.urls()[1:]},
    "a PDF": lambda w: {"pdf": w.whole("PDF")},
}
ALIKE: dict[str, Build] = {
    "a list": lambda w: w.urls(),
    "the same address in a list": lambda w: [w.urls()[0]] * 3,
    "base64 in a list": lambda w: w.texts(),
    "base64 and commas": lambda w: {"img": ",".join(w.texts())},
    "base64 in numbered fields": lambda w: {f"p{n}": one for n, one in enumerate(w.texts())},
    "base64 in objects": lambda w: [{"img": one} for one in w.texts()],
    "addresses and base64": lambda w: {"url": w.urls(), "img": w.texts()},
    "objects and their small twins": lambda w: items(a=w.urls(), b=[w.small(n) for n in range(3)]),
}
TABLE = [
    pytest.param(request, numbers, build, id=f"{title}: {name}")
    for title, request, numbers, builds in (
        ("one page", GLASS, [1], ONE),
        ("a blank page", GLASS, [0], ONE),
        ("a stack", FED, [1, 2, 3], STACK),
        ("both sides", BOTH_SIDES, [1, 2], SIDES),
        ("both sides, alike", BOTH_SIDES, [2, 2], SIDES),
        ("pages that are alike", FED, [4, 4, 4], ALIKE),
        ("blank pages", FED, [0, 0, 0], ALIKE),
    )
    for name, build in builds.items()
    # A PDF is drawn with its own numbers. Two blank pictures may be two blank pages.
    if numbers[0] == 1 or not name.startswith(("a PDF", "two formats", "a small twin in the same"))
]


def test_a_tiff_of_too_many_pages_is_not_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_extras, "MAX_CONVERTED", 2)
    path, target = tmp_path / "stack", tmp_path / "made"
    path.write_bytes(stack(3, "TIFF"))
    task = {"task": "convert_scan", "path": str(path), "target": str(target), "limit": 10**8}
    assert answer_to(task)["error"] == "too_many_pages"
    assert not target.exists()
    monkeypatch.setattr(scan_extras, "MAX_CONVERTED", 3)
    assert answer_to(task) == {"pages": 3}


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_pictures_are_compared_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(scan_extras, "COMPARE_SECONDS", seconds)
    for name, size in (("page", A4), ("cover", (155, 219))):
        (tmp_path / name).write_bytes(encoded(1, "JPEG", size))
    paths = [str(tmp_path / name) for name in ("cover", "page")]
    found = answer_to({"task": "compare", "paths": paths, "places": [0, 1]})
    assert found["alike"] == ([(0, 1, True)] if seconds else [])


def test_a_card_beside_a_page_is_a_page(tmp_path: Path) -> None:
    """Also where it is scanned at 75 dpi, and in a field of its own."""
    world = World([1])
    files = {"sheet": world.urls()[0], "other": world.serve(f"{HOST}/c", encoded(2, "PNG", CARD))}
    found = outcome(files, world.files, FED, tmp_path / "card")
    assert (len(found.pages), found.failure) == (2, None)


@pytest.mark.whole
@pytest.mark.parametrize(("request_", "numbers", "build"), TABLE)
def test_every_page_once_or_a_reason(
    tmp_path: Path, request_: ScanRequest, numbers: list[int], build: Build
) -> None:
    world = World(numbers)
    whole = outcome(build(world), world.files, request_, tmp_path / "whole")
    assert (whole.pages, whole.failure) == (numbers, None)
    for place in range(10):
        at = place % len(numbers)
        world = World(numbers, at, place / 10 + 0.0005)
        cut = outcome(build(world), world.files, request_, tmp_path / str(place))
        left = [*numbers]
        for page in cut.pages:
            assert page in left, (place, cut)
            del left[: left.index(page) + 1]
        is_complete = cut.pages == numbers
        assert is_complete or cut.failure is not None, (place, cut)
        assert not cut.is_deleted or is_complete, (place, cut)
