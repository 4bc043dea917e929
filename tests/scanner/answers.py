"""Answers about a scan, and what comes of them; their pages are fetched without a network."""

import base64
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
import json
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
import pypdfium2

from custom_components.lianke.api.long_json import parse_long
from custom_components.lianke.api.scanning import ScanTask, find_parts
from custom_components.lianke.api.tasks import TaskState
from custom_components.lianke.const import ScanSource
from custom_components.lianke.input_error import InputError
from custom_components.lianke.pdf.process import answer_to
from custom_components.lianke.scanner.scan_job import ScanRequest
from custom_components.lianke.scanner.scan_parts import (
    TO_CONVERT,
    AnswerParts,
    IncompletePageError,
    ScanError,
    ScannedFile,
    check_page_file,
)

BOTH_SIDES = ScanRequest(source=ScanSource.FEEDER, duplex=True, size="A4")
# What is drawn on, and the pixels of a scanned page.
SHEET = (620, 877)
A4 = (413, 585)
CARD = (253, 160)
HOST = "https://a.example"


def draw(number: int, size: tuple[int, int] = A4) -> Image.Image:
    """Draw a page with a bar at a height of its own, and lines of dots; page 0 is blank."""
    page = Image.new("RGB", SHEET, "white")
    if number:
        pen = ImageDraw.Draw(page)
        pen.rectangle((60, 80 * number, 560, 80 * number + 60), fill=(0, 0, 90))
        for row in range(100, 840, 20):
            for column in range(70, 540, 9 + number):
                pen.rectangle((column, row, column + 4, row + 7), fill="gray")
    return page.resize(size, Image.Resampling.LANCZOS)


def number_on(page: Image.Image) -> int:
    """Return the number of a page by the height of its bar."""
    blue = page.convert("RGB").resize((10, 100), Image.Resampling.BOX).crop((2, 0, 8, 100))
    rows: Any = blue.resize((1, 100), Image.Resampling.BOX)
    dark = [row for row in range(100) if rows.getpixel((0, row))[0] < 90]
    return round((sum(dark) / len(dark) * SHEET[1] / 100 - 30) / 80) if dark else 0


@cache
def encoded(number: int, kind: str, size: tuple[int, int] = A4) -> bytes:
    out = BytesIO()
    draw(number, size).save(out, kind, dpi=(50, 50), **({"quality": 80} if kind == "JPEG" else {}))
    return out.getvalue()


@cache
def stack(count: int, kind: str) -> bytes:
    out, (first, *others) = BytesIO(), [draw(number + 1) for number in range(count)]
    first.save(out, kind, save_all=True, append_images=others, resolution=50)
    return out.getvalue()


LOGO = BytesIO()
Image.radial_gradient("L").resize((120, 60)).convert("RGB").save(LOGO, "JPEG")
GIF = BytesIO()
Image.radial_gradient("L").resize((120, 60)).save(GIF, "GIF")


@dataclass
class World:
    """The files that the service hands out, of which one is cut off."""

    numbers: list[int]
    cut_at: int | None = None
    share: float = 1.0
    files: dict[str, bytes] = field(default_factory=dict)

    def bytes_of(self, at: int, kind: str = "JPEG") -> bytes:
        data = encoded(self.numbers[at], kind)
        return data[: int(len(data) * self.share)] if at == self.cut_at else data

    def serve(self, address: str, data: bytes) -> str:
        self.files[address] = data
        return address

    def urls(self, kind: str = "JPEG", form: str = HOST + "/{}.x") -> list[str]:
        """Return an address of each page."""
        pages = range(len(self.numbers))
        return [self.serve(form.format(n + 1), self.bytes_of(n, kind)) for n in pages]

    def texts(self, kind: str = "JPEG") -> list[str]:
        """Return each page in base64. A cut may be within four characters."""
        texts = []
        for at, number in enumerate(self.numbers):
            text = base64.b64encode(encoded(number, kind)).decode()
            texts.append(text[: int(len(text) * self.share)] if at == self.cut_at else text)
        return texts

    def whole(self, kind: str) -> str:
        """Return an address of all pages in one file."""
        data = stack(len(self.numbers), kind)
        if self.cut_at is not None:
            data = data[: int(len(data) * self.share)]
        return self.serve(f"{HOST}/all", data)

    def small(self, at: int, size: tuple[int, int] = (155, 219)) -> str:
        data = encoded(self.numbers[at], "JPEG", size)
        return self.serve(f"{HOST}/small/{at}/{size[0]}", data)

    def logo(self) -> str:
        return self.serve(f"{HOST}/l.x", LOGO.getvalue())


def data_url(text: str, kind: str = "jpeg") -> str:
    return f"data:image/{kind};base64,{text}"


def items(**columns: list[str]) -> list[dict[str, str]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def in_process(**task: Any) -> dict[str, Any]:
    answer = answer_to(task)
    if "error" in answer:
        raise IncompletePageError
    return answer


CHECKED: dict[str, int | None] = {}


def page_of(data: bytes, path: Path) -> ScannedFile:
    """Check a page as the integration does. Raises InputError."""
    path.write_bytes(data)
    file = check_page_file(path)
    if file.digest not in CHECKED:
        task = "check_pdf" if file.extension == ".pdf" else "check"
        CHECKED[file.digest] = None
        found = in_process(task=task, path=str(path), type=file.extension, start=0)
        assert found["sure"] is not False
        CHECKED[file.digest] = found.get("pages", 1)
    if (count := CHECKED[file.digest]) is None:
        raise IncompletePageError
    if file.extension in TO_CONVERT:
        target = path.with_suffix(".made")
        made = in_process(task="convert_scan", path=str(path), target=str(target), limit=10**8)
        file, count = check_page_file(target), made["pages"]
    return file._replace(pages=count)


@dataclass
class Outcome:
    pages: list[int]
    failure: ScanError | None
    is_deleted: bool


def outcome(answer: Any, files: dict[str, bytes], request: ScanRequest, folder: Path) -> Outcome:
    folder.mkdir()
    line = json.dumps({"task_state": "SUCCESS", "task_result": {"data": answer}}).encode()
    found = find_parts(parse_long(line))
    task = ScanTask(task_id="1", state=TaskState.SUCCESS, code=200, **vars(found))
    parts = AnswerParts(task, request)
    for _ in range(2):
        for number in parts.waiting():
            part = task.parts[number]
            data = part if isinstance(part, bytes) else files.get(part)
            try:
                if data is None:
                    raise InputError("url_refused", host="", status="404")
                parts.pages[number] = page_of(data, folder / f"{number}.page")
            except InputError as err:
                parts.errors[number] = err
    numbers = sorted(parts.pages)
    places = [task.places.index(task.places[one]) for one in numbers]
    paths = [str(parts.pages[one].path) for one in numbers]
    measured = answer_to({"task": "compare", "paths": paths, "places": places})
    parts.sort_out(numbers, measured["sizes"], measured["alike"])
    kept, failure = parts.scanned()
    if failure is None and not kept:
        failure = ScanError("scan_not_understood")
    if failure is None and task.has_more:
        failure = ScanError("scan_too_many_pages")
    return Outcome(
        [one for file in kept for one in numbers_in(file)],
        failure,
        failure is None and parts.is_plain(kept),
    )


def numbers_in(file: ScannedFile) -> list[int]:
    if file.extension == ".pdf":
        with pypdfium2.PdfDocument(file.path) as pdf:
            assert len(pdf) == file.pages
            return [number_on(page.render(scale=1).to_pil()) for page in pdf]
    with Image.open(file.path) as picture:
        return [number_on(picture)]
