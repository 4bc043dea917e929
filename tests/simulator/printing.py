"""The life of a task in realistic time: converting, sending, printing, ending."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
import json
import math
import os
from pathlib import Path
import re
import shutil
from typing import TYPE_CHECKING, Any, Final

from .models import (
    FINAL_STATES,
    RESULT_TEXTS,
    ApiError,
    Document,
    Moment,
    PrintedJob,
    Task,
    TaskState,
)
from .rendering import ConversionError

if TYPE_CHECKING:
    from .cloud import Cloud

QUEUE_SECONDS: Final = 0.5
CONVERT_SECONDS: Final = 1.5
CONVERT_SECONDS_PER_PAGE: Final = 0.1
WARM_UP_SECONDS: Final = 2.0
CONNECTION_SECONDS: Final = 10.0
DEAD_BOX_SECONDS: Final = 16 * 60.0
REVOKE_SECONDS: Final = 1.0
ASSUMED_PAGES: Final = 3
NAME_BYTES: Final = 150


class _BrokenError(Exception):
    """Ends the job with a result code other than 200."""

    def __init__(self, code: int, msg: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.msg = msg or RESULT_TEXTS.get(code, "未知错误")


def parse_page_range(text: str) -> Callable[[int], list[int]]:
    """Return a function that applies `jpPageRange`: given the number of pages, it returns the pages to print, from 1.

    Raises ApiError 400 if the text is not a range.
    """
    text = text.strip()
    if not text:
        return lambda total: list(range(1, total + 1))
    if text in ("-1", "-2"):
        first = 1 if text == "-1" else 2
        return lambda total: list(range(first, total + 1, 2))
    wanted: list[tuple[int, int]] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})(?:-(\d{1,6}))?\s*", part)
        if match is None:
            raise ApiError(400, "参数错误：jpPageRange")
        first = int(match[1])
        last = int(match[2] or first)
        if first < 1 or last < first:
            raise ApiError(400, "参数错误：jpPageRange")
        wanted.append((first, last))
    return lambda total: [
        page for first, last in wanted for page in range(first, min(last, total) + 1)
    ]


def safe_name(name: str) -> str:
    """Turn any name into a valid file name of limited length; the ending is kept."""
    name = re.sub(r"[\x00-\x1f/\\]", "_", name).strip(". ") or "document"
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending.encode()) > 20:
        stem, ending = name, ""
    stem = stem.encode()[:NAME_BYTES].decode(errors="ignore")
    return f"{stem}.{ending}" if ending else stem


class PrintShop:
    def __init__(self, cloud: Cloud, out: Path) -> None:
        self._cloud = cloud
        self._out = out
        self._seq = 0

    # Start

    def start(self, task: Task) -> None:
        self.move(task, "READY")
        task.runner = self._cloud.spawn(self._run(task))

    def move(self, task: Task, state: TaskState, result: dict[str, Any] | None = None) -> None:
        """Change a task's state, and send the callbacks for it."""
        if task.report_revoked:
            if state not in FINAL_STATES:
                return
            state, result = "REVOKED", self._revoked_result(task)
        self._note(task, state, result)
        self._cloud.messenger.state_changed(task)
        if state in FINAL_STATES:
            task.ended.set()

    def _note(self, task: Task, state: TaskState, result: dict[str, Any] | None) -> None:
        now = self._cloud.now()
        task.state = state
        task.result = result
        task.updated = now
        task.history.append(Moment(time=now, state=state, result=result))
        if state in FINAL_STATES:
            task.finished = now

    async def _run(self, task: Task) -> None:
        try:
            if task.preview:
                await self._cloud.sleep(QUEUE_SECONDS)
                await self._convert(task)
                await self._draw_previews(task)
            else:
                async with task.printer.turn:
                    await self._print(task)
            code, msg = 200, RESULT_TEXTS[200]
        except _BrokenError as broken:
            code, msg = broken.code, broken.msg
        if not task.ended.is_set():
            await self._finish(task, code, msg)
        self._drop_documents(task)

    async def _print(self, task: Task) -> None:
        cloud, printer, outcome = self._cloud, task.printer, task.outcome
        await cloud.sleep(QUEUE_SECONDS)
        if cloud.off_mode(printer) == "accepted_until_on":
            await printer.until(lambda: printer.reachable)
        await self._convert(task)
        if outcome and outcome.code in (500, 502) and outcome.prints == "none":
            raise _BrokenError(outcome.code, outcome.msg)
        self.move(task, "SENDING")
        printer.current = task
        try:
            await self._feed(task)
        except _BrokenError:
            if task.pages_out and not task.committed:
                task.committed = True
                await self._deliver(task, complete=False)
            raise
        finally:
            printer.current = None
            printer.touch()

    async def _convert(self, task: Task) -> None:
        self.move(task, "PARSING")
        cloud = self._cloud
        if task.printer.driver_type != 1:
            await cloud.sleep(CONVERT_SECONDS)
            raise _BrokenError(502, "文件转换失败：打印机驱动不支持")
        for url in task.urls:
            try:
                ending = task.fields.get("urlFileExt")
                task.documents.append(await cloud.messenger.fetch(url, ending))
            except ConversionError as error:
                raise _BrokenError(502, str(error)) from None
        for document in task.documents:
            try:
                await cloud.renderer.count(document)
            except ConversionError as error:
                raise _BrokenError(502, str(error)) from None
        pages = pages_of_one_copy(task)
        if not pages:
            raise _BrokenError(502, "文件转换失败：没有可打印的页面")
        await cloud.sleep(CONVERT_SECONDS + CONVERT_SECONDS_PER_PAGE * pages)

    async def _draw_previews(self, task: Task) -> None:
        folder = self._cloud.spool / f"preview-{task.task_id}"
        for number, document in enumerate(task.documents):
            into = folder / str(number)
            into.mkdir(parents=True)
            pages = selected_pages(task, document)
            task.images += await self._cloud.renderer.draw(document, pages or [], into)
        task.ticket = self._cloud.new_ticket(task)

    # Paper

    async def _feed(self, task: Task) -> None:
        """Print sheet after sheet; raises _BrokenError if printing cannot go on."""
        cloud, outcome = self._cloud, task.outcome
        await self._check_reach(task)
        await cloud.sleep(WARM_UP_SECONDS)
        if outcome and outcome.code == 503 and outcome.prints == "none":
            await cloud.sleep(CONNECTION_SECONDS)
            raise _BrokenError(503, outcome.msg)
        if outcome and outcome.prints == "none":
            return
        stop_at = outcome.prints if outcome and isinstance(outcome.prints, int) else None
        per_sheet = 2 if task.fields.get("dmDuplex") in ("2", "3") else 1
        for _copy in range(task.copies):
            left = pages_of_one_copy(task)
            while left:
                if stop_at is not None and task.pages_out >= stop_at:
                    assert outcome is not None
                    raise _BrokenError(outcome.code, outcome.msg)
                side = min(per_sheet, left)
                await self._one_sheet(task, side)
                left -= side
        task.committed = True
        await self._deliver(task, complete=True)

    async def _one_sheet(self, task: Task, sides: int) -> None:
        printer = task.printer
        if printer.blocked and self._cloud.variants.paper_out == "fails":
            await self._cloud.sleep(CONNECTION_SECONDS)
            raise _BrokenError(500, "打印机缺纸")
        while printer.blocked:
            await printer.until(lambda: self._lost(task) or not printer.blocked)
            await self._check_reach(task)
        if (whose := printer.feed()) is not None:
            task.printed_on.add(whose)
        await self._cloud.sleep(printer.seconds_per_page * sides)
        await self._check_reach(task)
        if printer.paper:
            printer.paper -= 1
        task.pages_out += sides

    def _lost(self, task: Task) -> bool:
        return not task.printer.reachable or task.box.online is not True

    async def _check_reach(self, task: Task) -> None:
        """Raise _BrokenError 503 if the printer cannot be reached, but only after the time that noticing takes."""
        if self._lost(task):
            if task.box.online is not True:
                await self._cloud.sleep(self._dead_box_seconds(task))
            await self._cloud.sleep(CONNECTION_SECONDS)
            raise _BrokenError(503)

    def _dead_box_seconds(self, task: Task) -> float:
        """Return for how many more seconds the cloud tries to reach the box; the limit counts from the job's start."""
        age = (self._cloud.now() - task.created) * self._cloud.speed
        return max(0.0, DEAD_BOX_SECONDS - CONNECTION_SECONDS - age)

    async def _deliver(self, task: Task, *, complete: bool) -> None:
        """Put the job's documents into the out tray."""
        cloud = self._cloud
        for document in task.documents:
            self._seq += 1
            kind = "foreign-" if task.foreign else "" if complete else "partial-"
            name = safe_name(document.name)
            path = self._out / f"{self._seq:04d}-{kind}{name}"
            pages = selected_pages(task, document)
            count = None if pages is None else len(pages)
            options = {key: value for key, value in task.fields.items() if key != "deviceKey"}
            asked = options.pop("callbackUrl", None) is not None
            job = PrintedJob(
                seq=self._seq,
                name=document.name,
                path=path,
                task_id=task.task_id,
                device_id=task.box.device_id,
                port=task.printer.port,
                printer_id=task.printer.id,
                options=options,
                pages=count,
                pages_out=(count or ASSUMED_PAGES) * task.copies if complete else task.pages_out,
                copies=task.copies,
                sheets=sheets(task, count),
                callback_asked=asked,
                complete=complete,
                foreign=task.foreign,
                time=cloud.now(),
            )
            await asyncio.get_running_loop().run_in_executor(
                cloud.executor, _lay_out, document.path, job
            )
            cloud.out_tray.append(job)

    # The end

    async def _finish(self, task: Task, code: int, msg: str) -> None:
        cloud, outcome = self._cloud, task.outcome
        state: TaskState = "SUCCESS"
        if outcome and code in (200, outcome.code):
            state, code = outcome.state, outcome.code
            msg = outcome.msg or RESULT_TEXTS.get(code, msg)
        if not task.preview and not task.foreign:
            task.printer.failures = 0 if code == 200 else task.printer.failures + 1
            task.printer.last_failure = cloud.now()
        result: dict[str, Any] | None = {"code": code, "msg": msg}
        if result and code == 200:
            result["data"] = self._totals(task)
        if outcome and not outcome.result:
            result = None
        elif cloud.variants.result_delay:
            self._note(task, state, None)
            await cloud.sleep(cloud.variants.result_delay)
        self.move(task, state, result)

    def _bytes(self, task: Task) -> dict[str, int]:
        """Return the bytes of a task's documents, and how many of these bytes reached the printer."""
        size = sum(document.size for document in task.documents)
        pages = max(1, pages_of_one_copy(task) * task.copies)
        return {"file_total": size, "send_total": size * task.pages_out // pages}

    def _revoked_result(self, task: Task) -> dict[str, Any] | None:
        if self._cloud.variants.revoked_totals == "missing":
            return None
        return {"code": 500, "msg": "任务已取消", "data": self._bytes(task)}

    def _totals(self, task: Task) -> dict[str, Any]:
        counts = [selected_pages(task, document) for document in task.documents]
        size = sum(document.size for document in task.documents)
        data: dict[str, Any] = {"file_total": size, "send_total": 0 if task.preview else size}
        if None not in counts:
            data["total_page"] = sum(len(count or ()) for count in counts)
        if task.preview:
            data["img_list"] = [
                self._cloud.preview_url(task, index) for index in range(len(task.images))
            ]
            if (wanted := self._cloud.variants.preview_pictures) != "drawn":
                data["img_list"] = []
            if wanted == "counted":
                data.setdefault("total_page", 1)
            data["task_ticket"] = task.ticket
        return data

    def _drop_documents(self, task: Task) -> None:
        for document in task.documents:
            if document.path not in self._cloud.kept_documents:
                document.path.unlink(missing_ok=True)

    # Cancel

    def cancel(self, task: Task) -> bool:
        """Cancel a task in the way that the variant chooses; returns False if it is too late."""
        if task.state in FINAL_STATES or task.committed or task.state == "SET_REVOKE":
            return False
        match self._cloud.variants.cancel:
            case "prints_success":
                return True
            case "prints_revoked":
                self.move(task, "SET_REVOKE")
                task.report_revoked = True
                return True
            case "revoked_prints":
                self.move(task, "SET_REVOKE")
                self._note(task, "REVOKED", None)
                task.report_revoked = True
                self._cloud.messenger.state_changed(task)
                task.ended.set()
                return True
        self.move(task, "SET_REVOKE")
        self._stop(task)
        self._cloud.spawn(self._revoke(task))
        return True

    def _stop(self, task: Task) -> None:
        if task.runner:
            task.runner.cancel()

    async def _revoke(self, task: Task) -> None:
        if task.runner:
            await asyncio.wait([task.runner])
        if task.pages_out and not task.committed:
            await self._deliver(task, complete=False)
        await self._cloud.sleep(REVOKE_SECONDS)
        self.move(task, "REVOKED", self._revoked_result(task))
        self._drop_documents(task)

    def flush(self, tasks: list[Task]) -> int:
        """Cancel those of the tasks that have not begun; returns how many were canceled."""
        waiting = [task for task in tasks if task.state == "READY"]
        for task in waiting:
            self.move(task, "SET_REVOKE")
            self._stop(task)
            self._cloud.spawn(self._revoke(task))
        return len(waiting)


def selected_pages(task: Task, document: Document) -> list[int] | None:
    """Return the numbers of a document's pages that the job prints; None if its pages cannot be counted."""
    if document.pages is None:
        return None
    return parse_page_range(task.fields.get("jpPageRange", ""))(document.pages)


def pages_of_one_copy(task: Task) -> int:
    """Return the number of pages per copy; a document whose pages cannot be counted counts as ASSUMED_PAGES."""
    counts = [selected_pages(task, document) for document in task.documents]
    return sum(ASSUMED_PAGES if count is None else len(count) for count in counts)


def sheets(task: Task, pages: int | None) -> int:
    """Return the number of sheets for all copies of a document."""
    per_sheet = 2 if task.fields.get("dmDuplex") in ("2", "3") else 1
    return math.ceil((ASSUMED_PAGES if pages is None else pages) / per_sheet) * task.copies


def _lay_out(source: Path, job: PrintedJob) -> None:
    """Put one document and its JSON file into the out tray."""
    try:
        os.link(source, job.path)
    except OSError:
        shutil.copyfile(source, job.path)
    record = asdict(job)
    record["path"] = job.path.name
    text = json.dumps(record, ensure_ascii=False, indent=2)
    Path(f"{job.path}.json").write_text(text, encoding="utf-8")
