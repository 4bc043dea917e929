"""What comes of a scan for each shape of an answer: what is kept, what is deleted at the service, what is told."""

import base64
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
import textwrap
from typing import Any

from PIL import Image
import pytest

from custom_components.lianke.scanner.scan_job import ScanRequest
from tests.scanner.answers import BOTH_SIDES, HOST, World, outcome
from tests.scanner.scans import FED, GLASS

DATA = "data:image/jpeg;base64,"
WHOLE = None
# Nothing is told, but what the answer leaves open stays at the service.
STAYS = ("", "")
FIRST, SECOND, THIRD, LAST = (("scan_incomplete", which) for which in ("1/2", "2/3", "3/3", "2/2"))
# Without the service's "success".
NOTHING = ("scan_not_understood", "")

type Build = Callable[[list[str], list[str], str], Any]
"""Makes an answer of addresses, of files in base64, and of the address of the service."""


def small(text: str) -> str:
    """Return the small picture of a page in base64."""
    picture = Image.open(BytesIO(base64.b64decode(text)))
    picture.thumbnail((100, 140))
    picture.save(file := BytesIO(), "JPEG")
    return DATA + base64.b64encode(file.getvalue()).decode()


# By request, pages in the feeder, how many are kept, and what is told: answers. Only what is whole is deleted.
SHAPES: dict[tuple[ScanRequest, int, int, tuple[str, str] | None], dict[str, Build]] = {
    (FED, 3, 3, WHOLE): {
        "lines": lambda u, t, b: "\n".join(u),
        "a comma at the end": lambda u, t, b: ",".join(u) + ",",
        "base64, commas": lambda u, t, b: ",".join(t),
        "base64, lines": lambda u, t, b: "\n".join(t),
        "base64, a blank": lambda u, t, b: " ".join(t),
        "data URLs, commas": lambda u, t, b: ",".join(DATA + x for x in t),
        "data URLs, lines": lambda u, t, b: "\n".join(DATA + x for x in t),
        "relative addresses": lambda u, t, b: [one.removeprefix(b) for one in u],
        "relative addresses, commas": lambda u, t, b: ",".join(one.removeprefix(b) for one in u),
        "a count as text": lambda u, t, b: {
            "page": "3",
            **{f"page{n + 1}": one for n, one in enumerate(u)},
        },
    },
    (FED, 3, 2, SECOND): {
        "lines, one empty": lambda u, t, b: "\n".join([u[0], "", u[2]]),
        "lines, one that is no address": lambda u, t, b: "\n".join([u[0], "2.jpg", u[2]]),
        "lines, one too long": lambda u, t, b: "\n".join([u[0], f"{u[1]}?s={'x' * 4200}", u[2]]),
        "commas, one null": lambda u, t, b: ",".join([u[0], "null", u[2]]),
        "base64, an empty place": lambda u, t, b: ",".join([t[0], "", t[2]]),
        "base64, one without its beginning": lambda u, t, b: "\n".join([t[0], t[1][400:], t[2]]),
        "false in a list": lambda u, t, b: [u[0], False, u[2]],
        "null in a list": lambda u, t, b: [u[0], None, u[2]],
        "a number among objects": lambda u, t, b: [{"url": u[0]}, 404, {"url": u[2]}],
        "an object without a page": lambda u, t, b: [
            {"url": u[0]},
            {"help": f"{b}/scan/help"},
            {"url": u[2]},
        ],
        "a page that is gone": lambda u, t, b: [u[0], f"{b}/scan/none/9", u[2]],
    },
    (FED, 1, 1, LAST): {
        "base64 and a sentence": lambda u, t, b: f"{t[0]}\n第2页未完成",
        "a field that is gone": lambda u, t, b: {"url": u[0], "more": f"{b}/scan/none/9"},
        "places for more pages": lambda u, t, b: {"page1": u[0], "page2": ""},
    },
    (FED, 2, 2, WHOLE): {
        "a word at the end": lambda u, t, b: [*u, "done"],
        "a number beside": lambda u, t, b: {"url1": u[0], "url2": u[1], "url": 2},
        "a message that is empty": lambda u, t, b: {"msg": "", "error": None, "list": u},
        "booleans": lambda u, t, b: {"duplex": False, "more": False, "list": u},
        "data URLs of lines": lambda u, t, b: [DATA + textwrap.fill(x, 76) for x in t],
    },
    (GLASS, 1, 1, STAYS): {
        "a thumb that is gone": lambda u, t, b: {"url": u[0], "thumb": f"{b}/scan/none/9"},
        "help that is gone, first": lambda u, t, b: {"help": f"{b}/scan/none/9", "url": u[0]},
        "places for more pages, on the glass": lambda u, t, b: {"page1": u[0], "page2": ""},
        "a small twin by an unknown name": lambda u, t, b: {"cover": small(t[0]), "url": u[0]},
        "a path on the box": lambda u, t, b: {"url": u[0], "path": "/data/scan/1.jpg"},
        "a thumb alone": lambda u, t, b: {"thumb": small(t[0])},
    },
    (GLASS, 1, 1, FIRST): {
        "a thumb of a page that is gone": lambda u, t, b: {"url": f"{b}/scan/none/9", "thumb": u[0]}
    },
    (BOTH_SIDES, 1, 2, STAYS): {
        "both sides and help": lambda u, t, b: {
            "front": u[0],
            "back": u[1],
            "manual": f"{b}/scan/help",
        },
        "both sides, which are alike": lambda u, t, b: {"front": t[0], "back": t[0]},
        "something about the sides": lambda u, t, b: {
            "front": u[0],
            "back": u[1],
            "front_size": 1,
            "sides": "long edge",
        },
        "names of files beside the sides": lambda u, t, b: {
            "front_url": u[0],
            "front_file": "1.jpg",
            "back_url": u[1],
            "back_file": "2.jpg",
        },
        "counts of the sides": lambda u, t, b: {
            "front": [u[0]],
            "back": [u[1]],
            "front_pages": 1,
            "back_pages": 1,
        },
    },
    (GLASS, 1, 0, NOTHING): {
        "a thumb, its page null": lambda u, t, b: {"thumb": small(t[0]), "url": None}
    },
    (FED, 2, 0, NOTHING): {
        "thumbs, their pages null": lambda u, t, b: [
            {"url": None, "thumb": small(one)} for one in t
        ]
    },
    (FED, 2, 1, LAST): {
        "a thumb without its page among others": lambda u, t, b: [
            {"url": u[0], "thumb": small(t[0])},
            {"thumb": small(t[1])},
        ]
    },
    (FED, 2, 2, STAYS): {
        "thumbs beside their pages": lambda u, t, b: [
            {"url": u[n], "thumb": small(t[n])} for n in (0, 1)
        ],
        "each page by two addresses": lambda u, t, b: [
            {"url": one, "download_url": f"{one}?download=1"} for one in u
        ],
        "an empty address beside numbered ones": lambda u, t, b: {
            "url": "",
            "url1": u[0],
            "url2": u[1],
        },
        "a total that is not there": lambda u, t, b: {"total": 3, "list": u},
        "an error beside the pages": lambda u, t, b: {
            "list": u,
            "errors": [{"page": 3, "msg": "timeout"}],
        },
        "more than there is": lambda u, t, b: {"num_pages": 3, "list": u},
        "a first page beside the list": lambda u, t, b: {
            "url": f"{u[0]}?s=1",
            "list": [f"{one}?s=2" for one in u],
        },
    },
    (BOTH_SIDES, 2, 2, THIRD): {
        "two sheets without backs": lambda u, t, b: [{"front": u[n], "back": None} for n in (0, 2)],
        "backs left out": lambda u, t, b: [{"front": u[0]}, {"front": u[2]}],
        "backs left out of paths": lambda u, t, b: [{"front_path": u[0]}, {"front_path": u[2]}],
    },
    (BOTH_SIDES, 1, 1, LAST): {
        "sides in objects, one empty": lambda u, t, b: {
            "front": {"url": u[0]},
            "back": {"url": ""},
        },
        "sides in lists, one empty": lambda u, t, b: {"front": [u[0]], "back": [None]},
    },
    (FED, 3, 2, STAYS): {
        "sheets by letters, one null": lambda u, t, b: {
            "sheet_a": u[0],
            "sheet_b": None,
            "sheet_c": u[2],
        },
        "a gap in the numbers": lambda u, t, b: {"page1": u[0], "page3": u[2]},
    },
    (FED, 1, 2, WHOLE): {
        "the same address for two pages that are alike": lambda u, t, b: [u[0]] * 2
    },
    (GLASS, 1, 1, WHOLE): {
        "a mirror of the address": lambda u, t, b: {"url": u[0], "backup_url": u[0]}
    },
    (FED, 1, 1, WHOLE): {
        "an address within another": lambda u, t, b: f"{u[0]}?src=https://h/1.jpg",
        "a blank in a data URL": lambda u, t, b: f"data:image/jpeg;name=a%201.jpg;base64, {t[0]}",
    },
    (BOTH_SIDES, 2, 3, STAYS): {"an odd number of sides": lambda u, t, b: u[:3]},
    (FED, 2, 2, ("scan_incomplete", "1/3")): {
        "a data URL whose text begins on a line of its own": lambda u, t, b: (
            f"{DATA}\n{t[0]}\n{DATA}{t[1]}"
        )
    },
}
CASES = [
    pytest.param(*case, build, id=name)
    for case, builds in SHAPES.items()
    for name, build in builds.items()
]


@pytest.mark.whole
@pytest.mark.parametrize(("request_", "sheets", "kept", "told", "build"), CASES)
def test_shapes(
    tmp_path: Path,
    request_: ScanRequest,
    sheets: int,
    kept: int,
    told: tuple[str, str] | None,
    build: Build,
) -> None:
    world = World([*range(1, sheets * (2 if request_.duplex else 1) + 1)])
    urls = world.urls(form=HOST + "/scan/{}")
    world.serve(f"{HOST}/scan/help", b"<html><body>Help</body></html>")
    # The service takes relative addresses, and whatever is asked for behind them.
    for url in urls:
        for asked in ("?s=1", "?s=2", "?download=1", "?src=https://h/1.jpg"):
            world.serve(url + asked, world.files[url])
        world.serve(url.removeprefix(HOST), world.files[url])
    found = outcome(build(urls, world.texts(), HOST), world.files, request_, tmp_path / "scan")
    failure = None if found.failure is None else (found.failure.reason, found.failure.detail)
    assert failure == (None if told == STAYS else told)
    assert (len(found.pages), found.is_deleted) == (kept, told is WHOLE)
