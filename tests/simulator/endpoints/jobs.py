"""Endpoints about jobs: submit, follow, cancel, the day's list, the error limit."""

from email.utils import format_datetime
import re
from typing import Any, Final

from ..day import day_list
from ..models import FINAL_STATES, ApiError, Task
from ..printing import parse_page_range
from ..rendering import ConversionError
from .call import NOTHING, TOO_FREQUENT_SECONDS, Call

PAUSE_SECONDS: Final = 1800.0
ERROR_LIMIT: Final = 30
RESETS_A_DAY: Final = 10


async def file_pages(call: Call) -> Any:
    """POST /print/file_pages."""
    cloud = call.cloud
    call.box()
    call.number("devicePort")
    call.text("printerModel")
    call.number("dmPaperSize")
    files = call.form.files
    urls = _urls(call)
    if len(files) + len(urls) != 1:
        raise ApiError(400, "参数错误：jobFile")
    try:
        if urls:
            files.append(await cloud.messenger.fetch(urls[0], call.fields.get("urlFileExt")))
        await cloud.renderer.count(files[0])
    except ConversionError as error:
        raise ApiError(502, str(error)) from None
    await cloud.sleep(1.5)
    if (pages := files[0].pages) is None:
        return {}
    return {"pages": pages}


def _urls(call: Call) -> list[str]:
    urls = [line.strip() for line in call.fields.get("jobFile", "").split("\n") if line.strip()]
    if not all(re.match(r"https?://", url) for url in urls):
        raise ApiError(400, "参数错误：jobFile")
    return urls


def _check_options(call: Call) -> None:
    """Raise ApiError 400 for an option that the vendor's documents do not allow."""
    fields = call.fields
    custom = call.number("dmPaperSize") == 0
    if custom and (call.number("dmPaperWidth", 0) <= 0 or call.number("dmPaperLength", 0) <= 0):
        raise ApiError(400, "参数错误：dmPaperWidth")
    if not 1 <= call.number("dmCopies", 1) <= 9999:
        raise ApiError(400, "参数错误：dmCopies")
    allowed = {
        "dmOrientation": ("1", "2"),
        "dmColor": ("1", "2"),
        "dmDuplex": ("1", "2", "3"),
        "dmPrintQuality": ("-1", "-2", "-3", "-4"),
        "jpAutoRotate": ("0", "1"),
        "pdfRev": ("0", "1"),
        "isPreview": ("0", "1"),
        "reportDeviceStatus": ("0", "1"),
        "reportPrinterStatus": ("0", "1"),
        "htmlKernel": ("chrometopdf", "chrome", "wkhtml", "wkhtmltopdf"),
        "officeExcelFitToPages": ("0", "1", "2", "3"),
    }
    for name, values in allowed.items():
        if fields.get(name, "") not in ("", *values):
            raise ApiError(400, f"参数错误：{name}")
    for name in ("dmDefaultSource", "dmMediaType"):
        call.number(name, 0)
    if not re.fullmatch(r"(z[1-9])?", fields.get("jpAutoAlign", "")):
        raise ApiError(400, "参数错误：jpAutoAlign")
    scale = r"(fit|fitw|fith|fill|cover|none|\d{1,4}%)?"
    if not re.fullmatch(scale, fields.get("jpScale", "")):
        raise ApiError(400, "参数错误：jpScale")
    parse_page_range(fields.get("jpPageRange", ""))


def _empty_port() -> ApiError:
    return ApiError(5011, "该端口未连接打印机")


async def post_job(call: Call) -> Any:
    """POST /print/job."""
    cloud, fields, files = call.cloud, call.fields, call.form.files
    box = call.box()
    _check_options(call)
    if fields.get("reportDeviceStatus") != "0":
        if box.online is None:
            raise ApiError(5001, "设备未配网")
        if not box.online:
            raise ApiError(5002, "设备不在线")
    # A request that names no printer means the printer at the first USB port.
    printer = call.find_printer(box, "devicePort", default=1)
    if printer is None:
        raise _empty_port()
    gone = cloud.off_mode(printer) in ("row_gone", "not_printer")
    if gone and fields.get("reportPrinterStatus") != "0":
        raise _empty_port()
    limit = min(call.number("errLimitNum", ERROR_LIMIT), ERROR_LIMIT)
    if printer.failures and cloud.now() - printer.last_failure >= PAUSE_SECONDS:
        printer.failures = 0
    if printer.failures >= max(limit, 1):
        raise ApiError(11203, "连续打印失败次数过多，已暂停打印30分钟")
    urls: list[str] = []
    documents = list(files)
    if ticket := fields.get("taskTicket"):
        if (earlier := cloud.tickets.get(ticket)) is None:
            raise ApiError(400, "参数错误：taskTicket")
        call.form.discard()
        documents = list(earlier.documents)
    elif not files:
        urls = _urls(call)
        if not urls:
            raise ApiError(400, "参数错误：jobFile")
    # From here on the task owns the files.
    files.clear()
    task = cloud.submit(box, printer, dict(fields), documents, urls=urls)
    if first_try := cloud.messenger.first_tries.get(task.task_id):
        await first_try.wait()
        del cloud.messenger.first_tries[task.task_id]
    return {"task_id": task.task_id}


def _task(call: Call) -> Task:
    """Find the request's task among those of its box; raises ApiError with the code that `unknown_task` chooses."""
    box = call.box(expired_too=True)
    task = call.cloud.tasks.get(call.text("task_id"))
    if task is not None and task.box is box:
        return task
    raise ApiError(404 if call.cloud.variants.unknown_task == "code_404" else 400, "任务不存在")


async def get_job(call: Call) -> Any:
    """GET /print/job."""
    cloud = call.cloud
    task = _task(call)
    if task.state not in FINAL_STATES:
        match cloud.variants.unfinished:
            case "nulls":
                return {
                    "task_state": task.state,
                    "task_result": None,
                    "task_done_time": None,
                    "task_done_timestamp": None,
                }
            case "empty_result":
                return {"task_state": task.state, "task_result": {}, "task_done_time": ""}
            case "zero_code":
                return {"task_state": task.state, "task_result": {"code": 0, "msg": "", "data": {}}}
            case _:
                return {"task_state": task.state}
    assert task.finished is not None
    done = cloud.shown_time(task.finished)
    data: dict[str, Any] = {
        "task_state": task.state,
        "task_done_time": format_datetime(done, usegmt=True),
        "task_done_timestamp": int(done.timestamp() * 1000),
    }
    if task.result is not None:
        data["task_result"] = task.result
    return data


async def delete_job(call: Call) -> Any:
    """DELETE /print/job."""
    call.cloud.shop.cancel(_task(call))
    return NOTHING


async def query_device_task(call: Call) -> Any:
    """POST /print/query_device_task: the tasks of the last 24 hours; `status` selects the tasks in one state."""
    rows = day_list(call.cloud, call.box(expired_too=True))
    wanted = call.fields.get("status")
    return {"task_list": [row for row in rows if wanted in (None, "", "null", row["status"])]}


def _check_port(call: Call) -> None:
    """Raise ApiError 400 if the port is not a JSON number, unless a printer's hash is given instead."""
    if not call.fields.get("printerHash"):
        call.json_number("devicePort")


async def flush_jobs(call: Call) -> Any:
    """POST /print/flush_jobs: cancels everybody's waiting jobs at a printer; JSON with devicePort as a number."""
    cloud, box = call.cloud, call.box()
    _check_port(call)
    printer = call.find_printer(box, "devicePort")
    if printer is None:
        raise _empty_port()
    return {"queue_num": cloud.shop.flush(cloud.tasks_of(box, printer))}


async def reset_error_limit(call: Call) -> Any:
    """POST /print/reset_printing_error_limit: the body is JSON with devicePort as a number."""
    cloud, box = call.cloud, call.box()
    _check_port(call)
    printer = call.find_printer(box, "devicePort")
    now = cloud.now()
    if box.reset_at is not None and now - box.reset_at < TOO_FREQUENT_SECONDS:
        raise ApiError(10009, "操作过于频繁，请稍后再试")
    if printer is None or not printer.failures:
        raise ApiError(11201, "没有需要重置的错误")
    while box.resets and box.resets[0] <= now - 86400:
        box.resets.popleft()
    if len(box.resets) >= RESETS_A_DAY:
        raise ApiError(11200, "今日重置次数已用完")
    box.reset_at = now
    box.resets.append(now)
    printer.failures = 0
    return NOTHING
