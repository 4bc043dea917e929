"""Going beyond the bounds on what comes from outside: a line of a table for each.

`tests/bounds.toml` names these tables; the tests of other modules go beyond the bounds that need
more than a value.
"""

import base64
from collections.abc import Callable
import io
import json
from pathlib import Path
import struct
from typing import Any, override
from urllib.parse import quote

from PIL import Image
import pytest
import voluptuous as vol

from custom_components.lianke.api import (
    capabilities,
    coerce,
    errors,
    long_json,
    models,
    options,
    scanning,
    sticker,
    tasks,
    transport,
    upload,
)
from custom_components.lianke.api.models import Credentials
from custom_components.lianke.api.stored import StoredError
from custom_components.lianke.documents import conversion
from custom_components.lianke.documents.document import FileType
from custom_components.lianke.flows.binding import checked_key
from custom_components.lianke.input_error import InputError
from custom_components.lianke.jobs.job import Job
from custom_components.lianke.pages import testpage
from custom_components.lianke.pdf import process
from custom_components.lianke.printing.schemas import (
    CANCEL_JOB_SCHEMA,
    MODELS_SCHEMA,
    PRINT_SCHEMA,
    REJECT_JOB_SCHEMA,
)
from tests import needs
from tests.jobs.make import make_job

TOKEN = base64.b64encode(b"lk0123456789ab:0123456789abcdef").decode()
MANY = 30_000

type Case = tuple[Callable[[], Any], Any]


def after(header: str, *, seconds: float = 0.0, jump: float = 0.0) -> object:
    kept = transport.ServiceClock()
    at = 1_700_000_000.0
    kept.measure(
        header,
        transport.ClockReading(at, 0.0),
        transport.ClockReading(at + seconds + jump, seconds),
    )
    return kept.offset


def many(make: Callable[[int], Any], count: int = MANY) -> dict[str, Any]:
    return {f"name {number}": make(number) for number in range(count)}


def nested(value: object, depth: int) -> object:
    """Return a value in so many lists."""
    for _ in range(depth):
        value = [value]
    return value


def encoded(times: int) -> str:
    """Return a link that was percent-encoded so many times."""
    link = f"https://a.example/?token={TOKEN}"
    for _ in range(times):
        link = quote(link, safe="")
    return "https://b.example/?url=" + link


def credentials(text: str) -> Credentials | None:
    try:
        return sticker.parse_credentials(text)
    except errors.UnreadableCredentialsError:
        return None


def reason(**wanted: Any) -> tuple[str, int] | None:
    """Return why options are refused, and how many values the refusal offers."""
    able = capabilities.Capabilities(papers={f"Paper {n}": n for n in range(1, 301)})
    try:
        options.resolve_options(options.options_in(wanted), able, (), models.PrinterType.LASER)
    except InputError as err:
        return err.reason, len(getattr(err, "allowed", ()))
    return None


def paper(number: int) -> dict[str, int]:
    return {"paper_id": number, "physical_width": 100, "physical_height": 100}


def result(**data: Any) -> tasks.TaskResult:
    read = tasks.TaskResult.from_json({"code": 200, "data": data})
    assert read is not None
    return read


def read(text: str | bytes) -> object:
    """Return what JSON says; "refused" for what is not read."""
    try:
        return coerce.to_json(text) if isinstance(text, str) else long_json.parse_long(text)
    except ValueError:
        return "refused"


def length_of(text: str | bytes) -> object:
    found = read(text)
    return len(found) if isinstance(found, list) else found


API: dict[str, Case] = {
    "api.answer_limits.MAX_ANSWER_BYTES": (
        lambda: [
            str(read(b"[" + b",".join([b'"' + b"x" * 4000 + b'"'] * count) + b"]"))[:7]
            for count in (2000, 2200)
        ],
        ["['xxxxx", "refused"],
    ),
    "api.answer_limits.MAX_SCAN_ANSWER_BYTES": (
        lambda: [
            (len(found.parts), found.has_more)
            for n in (48 * 1024**2, 48 * 1024**2 + 1)
            for found in [
                scanning.find_parts(["https://a.example/1", '["https://a.example/2"]'.ljust(n)])
            ]
        ],
        [(2, False), (1, True)],
    ),
    "api.answer_limits.MAX_ANSWER_VALUES": (
        lambda: [
            *(length_of(json.dumps([1] * count)) for count in (150_000, 150_001)),
            *(length_of(b'["' + b'\\"' * quotes + b'"]') for quotes in (599_998, 599_999)),
        ],
        [150_000, "refused", 1, "refused"],
    ),
    "api.answer_limits.MAX_ANSWER_NAMES": (
        lambda: len(models.parse_model_names([f"Model {number}" for number in range(MANY)])),
        20_000,
    ),
    "api.answer_limits.MAX_ANSWER_ROWS": (
        lambda: [
            len(capabilities.parse_papers(many(paper))),
            len(coerce.to_int_map(many(int)) or ()),
            len(result(img_list=["x"] * MANY).images),
            len(tasks.parse_day_tasks({"task_list": [{"task_id": "x"}] * MANY})),
            len(scanning.find_parts([*range(5000), "https://a.example/1"]).parts),
        ],
        [5000, 5000, 5000, 5000, 0],
    ),
    "api.answer_limits.MAX_ANSWER_DEVICES": (
        lambda: [
            len(models.parse_printers({"row": [{"port": 1, "driver_name": "x"}] * MANY})),
            len(models.parse_markers([{"level": 1}] * MANY)),
        ],
        [200, 200],
    ),
    "api.answer_limits.MAX_ANSWER_DEPTH": (
        lambda: [len(scanning.find_parts(nested("https://a.example/1", n)).parts) for n in (8, 9)],
        [1, 0],
    ),
    "api.answer_limits.MAX_ANSWER_TEXT": (
        lambda: [
            len(coerce.to_text("x" * MANY)),
            *(read(one) for n in (253, 254) for one in ("99" + "9" * n, "0." + "9" * n)),
            after("Tue, 14 Nov 2023 22:13:20 GMT" + " " * 227),
        ],
        [255, int("9" * 255), 1.0, None, None, None],
    ),
    "api.answer_limits.MAX_ANSWER_URL": (
        lambda: [
            *(
                scanning.find_parts("https://a.example/" + "x" * n).parts == (b"",)
                for n in (4078, 4079)
            ),
            len(result(ticket="x" * MANY).ticket or ""),
        ],
        [False, True, 4096],
    ),
    "api.answer_limits.MAX_ANSWER_DIGITS": (
        lambda: [coerce.to_int("1" * n) for n in (18, 19)],
        [int("1" * 18), None],
    ),
    "api.scanning.MAX_SCAN_FILES": (
        lambda: [
            (len(found.parts), found.has_more)
            for n in (200, 300)
            for found in [scanning.find_parts([f"https://a.example/{m}" for m in range(n)])]
        ],
        [(200, False), (200, True)],
    ),
    "api.tasks.MAX_PUSH_BOXES": (
        lambda: len(tasks.parse_push([{"sn": f"box-{n}"} for n in range(200)])),
        20,
    ),
    "api.tasks.MAX_PUSH_ENTRIES": (
        lambda: tasks.parse_push(many(int, 200) | {"sn": "box-1"}),
        frozenset(),
    ),
    "api.transport.MAX_CLOCK_OFFSET": (lambda: after("Tue, 14 Nov 2043 22:13:20 GMT"), None),
    "api.transport.MAX_CLOCK_JUMP": (
        lambda: after("Tue, 14 Nov 2023 22:13:20 GMT", jump=0.6),
        None,
    ),
    "api.capabilities.MAX_COMPARED_CHARACTERS": (
        lambda: len(capabilities.normalize_name("x" * MANY)),
        100,
    ),
    "api.capabilities.MAX_COMPARED_NAMES": (
        lambda: capabilities.sort_by_similarity(
            "wanted", [*(str(n) for n in range(200)), "wanted"]
        )[0],
        "0",
    ),
    "api.capabilities.MOST_MM": (lambda: capabilities.parse_size("3277x100mm"), None),
    "api.capabilities.MOST_INCHES": (lambda: capabilities.parse_size("14x14"), (140, 140)),
    "api.options.MAX_COPIES": (lambda: reason(copies=1000), ("too_many_copies", 1)),
    "api.options.MAX_SIDE": (
        lambda: reason(paper_width=100, paper_height=3277),
        ("paper_size_out_of_range", 1),
    ),
    "api.options.MAX_PIECES": (
        lambda: reason(paper="Paper 1", pages=",".join("1" * 101)),
        ("invalid_page_range", 3),
    ),
    "api.options.MAX_PAGE": (lambda: options.most_selected("1-99999", None), 99_999),
    "api.options.MAX_LISTED_NAMES": (lambda: reason(paper="None"), ("paper_not_available", 40)),
    "api.options.MAX_PAGE_RANGE": (
        lambda: [are_read("1," * 499 + "11"), are_read("1," * 499 + "111")],
        [True, False],
    ),
    "api.sticker.MAX_STICKER_TEXT": (lambda: credentials(" " * 4096 + TOKEN), None),
    "api.sticker.MAX_ENCODINGS": (lambda: credentials(encoded(5)), None),
    "api.upload.MAX_FILE_NAME": (lambda: len(upload.safe_name("x" * MANY + ".pdf")), 120),
}


def refused(schema: vol.Schema, **data: Any) -> bool:
    try:
        schema({"device_id": "a"} | data if schema is not MODELS_SCHEMA else data)
    except vol.Invalid:
        return True
    return False


def key_reason(text: str) -> str | None:
    try:
        checked_key(text)
    except Exception as err:  # noqa: BLE001  # its arguments are what counts
        return str(err.args[-1]) if err.args else type(err).__name__
    return None


CALLS: dict[str, tuple[Callable[[int], bool], int]] = {
    "printing.schemas.MAX_WAIT": (lambda n: refused(PRINT_SCHEMA, text="x", wait_timeout=n), 1800),
    "printing.schemas.MAX_EXPIRY": (
        lambda n: refused(PRINT_SCHEMA, text="x", expires_in=n),
        604_800,
    ),
    "printing.schemas.MAX_SOURCES": (lambda n: refused(PRINT_SCHEMA, file=["x"] * n), 20),
    "printing.schemas.MAX_TARGETS": (
        lambda n: refused(PRINT_SCHEMA, text="x", area_id=["x"] * n),
        100,
    ),
    "printing.schemas.MAX_KEY": (
        lambda n: refused(PRINT_SCHEMA, text="x", request_id="x" * n),
        128,
    ),
    "printing.schemas.MAX_FIELD_NAME": (lambda n: refused(CANCEL_JOB_SCHEMA, job_id="x" * n), 255),
    "printing.schemas.MAX_PASSWORD": (
        lambda n: refused(PRINT_SCHEMA, text="x", password="x" * n),
        255,
    ),
    "printing.schemas.MAX_REJECT_MESSAGE": (
        lambda n: refused(REJECT_JOB_SCHEMA, job_id="x", message="x" * n),
        200,
    ),
    "printing.schemas.MAX_QUERY": (
        lambda n: refused(MODELS_SCHEMA, config_entry="x", query="x" * n),
        64,
    ),
    "printing.schemas.MAX_ADDRESS": (lambda n: refused(PRINT_SCHEMA, url="x" * n), 8192),
    "printing.schemas.MAX_FIELD_NUMBER": (
        lambda n: refused(PRINT_SCHEMA, text="x", copies=n),
        999_999_999,
    ),
    "api.options.MAX_PAGE_RANGE": (
        lambda n: refused(PRINT_SCHEMA, text="x", pages="1" * n),
        1000,
    ),
    "flows.binding.MAX_KEY_LENGTH": (lambda n: key_reason("x" * n) is not None, 128),
}


DOCUMENTS: dict[str, Case] = {
    "input_error.MAX_QUOTED": (
        lambda: len(InputError("file_damaged", name="x" * MANY).placeholders["name"]),
        200,
    ),
    "documents.conversion.MAX_STEM": (
        lambda: len(conversion.document_file_name("x" * MANY + ".pdf", FileType.PDF)),
        104,
    ),
    "documents.conversion.MAX_TITLE": (lambda: len(conversion.clean_title("x" * MANY)), 200),
    "pdf.process.MAX_REQUEST": (
        lambda: process.read_request(
            io.BytesIO(struct.pack(">I", 65537) + b'"' + b"x" * 65535 + b'"')
        ),
        None,
    ),
    "pages.testpage.MAX_TEST_PAGE_NAMES": (
        lambda: testpage._names(many(int)).count(","),
        39,
    ),
    "api.stored.MAX_COUNT": (lambda: counted(2**48 + 1), "copies: no count"),
}


def counted(copies: int) -> str | None:
    """Return why a number in a stored job is refused."""
    record = json.loads(make_job().as_json())
    try:
        Job.from_record(record | {"copies": copies})
    except StoredError as err:
        return str(err)
    return None


def are_read(pages: str) -> bool:
    """Return whether stored options with such pages are taken for what they are."""
    try:
        options.ResolvedOptions.from_dict({"paper_id": 9, "copies": 1, "page_range": pages})
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("bound", API)
def test_answers_and_texts(bound: str) -> None:
    read, expected = API[bound]
    assert read() == expected


@pytest.mark.parametrize("bound", CALLS)
def test_calls(bound: str) -> None:
    is_refused, limit = CALLS[bound]
    assert not is_refused(limit)
    assert is_refused(limit + 1)


@pytest.mark.parametrize("bound", DOCUMENTS)
def test_documents_and_records(bound: str) -> None:
    read, expected = DOCUMENTS[bound]
    assert read() == expected


def test_a_title_as_long_as_a_call_takes_no_time() -> None:
    """A title of 4 MB was read whole in the event loop, to be cut to 200 characters."""
    seen = 0

    class Long(str):
        __slots__ = ()

        @override
        def encode(self, *args: Any, **more: Any) -> bytes:
            nonlocal seen
            seen = len(self)
            return super().encode(*args, **more)

        @override
        def __getitem__(self, index: Any) -> Long:
            return Long(super().__getitem__(index))

    assert conversion.clean_title(Long("菜单 " * 1_000_000)) == ("菜单 " * 67)[:200]
    assert seen <= conversion.MAX_TITLE * 20


PHOTOS = ("JPEG", "WEBP", "AVIF", "PNG")


@needs.zbar
@pytest.mark.parametrize("kind", PHOTOS)
def test_photos_of_a_sticker(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind has a bound of its own, here a small one; what phones take is below it (test_sticker_photo.py)."""
    if kind == "PNG":
        monkeypatch.setattr(sticker, "MAX_PHOTO_OTHER_PIXELS", 40_000)
    else:
        monkeypatch.setitem(sticker._MAX_PIXELS, kind, 40_000)
    path = tmp_path / "photo"
    for height, refusal in ((201, "photo_unreadable"), (200, "no_qr_code_found")):
        picture_of((200, height), "L").save(path, kind)
        with pytest.raises(InputError, match=refusal):
            sticker.read_photo(path)


def picture_of(size: tuple[int, int], mode: str) -> Image.Image:
    return Image.new(mode, size, "white" if mode != "1" else 1)


def test_a_large_picture_becomes_a_jpeg(tmp_path: Path) -> None:
    """As PNG it would be several times its size."""
    for size, kind in (((2000, 2000), FileType.PNG), ((2001, 2000), FileType.JPEG)):
        path = tmp_path / "picture"
        picture_of(size, "L").save(path, "BMP")
        assert conversion.convert_image(path, tmp_path / f"{kind[1:]}", "picture") is kind


def test_the_frames_of_a_tiff_are_counted_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "MAX_COUNTED_TIFF_PAGES", 10)
    path = tmp_path / "many.tif"
    first = Image.new("1", (1, 1))
    for frames, counted in ((9, 9), (10, None)):
        first.save(path, save_all=True, append_images=[first] * (frames - 1))
        assert conversion.count_frames(path) == counted
