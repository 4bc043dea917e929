"""The documented endpoints: parameters in, `data` out, or an ApiError."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import format_datetime
import random
import re
from typing import Any, Final

from .cloud import Cloud
from .models import FINAL_STATES, Account, ApiError, Box, Printer, Task
from .printing import parse_page_range
from .rendering import ConversionError
from .upload import Form

NOTHING: Final = object()
REFRESH_SECONDS: Final = 10.0
TOO_FREQUENT_SECONDS: Final = 60.0
SEARCH_EVERY_SECONDS: Final = 12 * 3600.0
PAUSE_SECONDS: Final = 1800.0
ERROR_LIMIT: Final = 30
RESETS_A_DAY: Final = 10
OLD_FIRMWARE: Final = (2, 1, 112)
EXPIRED: Final = "设备已超过有效期"


@dataclass(frozen=True)
class Call:
    """One request whose body has been read."""

    cloud: Cloud
    account: Account
    form: Form

    @property
    def fields(self) -> dict[str, str]:
        """The parameters, wherever they came in."""
        return self.form.fields

    def text(self, name: str) -> str:
        """Give a required parameter; raises ApiError 400."""
        if not (value := self.fields.get(name, "").strip()):
            raise ApiError(400, f"参数错误：{name}")
        return value

    def number(self, name: str, default: int | None = None) -> int:
        """Give an integer parameter; raises ApiError 400."""
        text = self.fields.get(name, "").strip()
        if not text and default is not None:
            return default
        if not re.fullmatch(r"-?\d{1,9}", text):
            raise ApiError(400, f"参数错误：{name}")
        return int(text)

    def box(self, *, expired_too: bool = False) -> Box:
        """Give the box of the request; raises ApiError for all that can be wrong with it."""
        box = self.cloud.boxes.get(self.text("deviceId"))
        if box is None:
            code = 404 if self.cloud.variants.unknown_box == "code_404" else 11404
            raise ApiError(code, "设备不存在")
        if box.device_key != self.text("deviceKey"):
            raise ApiError(404, "设备ID或设备密钥错误")
        if not box.activated:
            raise ApiError(10011, "设备未激活")
        if box.account is not self.account:
            raise ApiError(11013, "设备未绑定到当前账号，请先到开放平台绑定设备")
        if box.expired and not expired_too:
            raise ApiError(self.cloud.variants.expired_code, EXPIRED)
        return box


def _expire_date(box: Box) -> str:
    return f"{box.expire_date.year}年{box.expire_date.month}月{box.expire_date.day}日"


def _network(box: Box) -> dict[str, Any]:
    lan = {
        "ipaddr": box.lan_address,
        "gateway": "192.168.1.1",
        "dns": "192.168.1.1",
        "netmask": "255.255.255.0",
        "macaddr": "00:ca:01:0b:0c:0d",
        "proto": "dhcp",
        "link": [True],
    }
    wwan = {
        "ipaddr": box.wifi_address,
        "gateway": "192.168.1.1" if box.wifi_address else None,
        "dns": ["192.168.1.1", "223.5.5.5"] if box.wifi_address else [],
        "netmask": "255.255.255.0" if box.wifi_address else None,
        "macaddr": "00:ca:01:0b:0c:0e",
        "proto": "dhcp",
        "link": [box.wifi_address is not None],
    }
    return {"lan": lan, "wwan": wwan}


# Boxes


async def device_info(call: Call) -> Any:
    """GET /device/device_info."""
    box = call.box(expired_too=True)
    online = None if box.online is None else int(box.online)
    data: dict[str, Any] = {
        "info": {
            "api_support": 1,
            "device_type": "LK300",
            "expire_date": _expire_date(box),
            "is_expire": int(box.expired),
            "mobile_support": 1,
            "online": online,
            "remote_support": 1,
            "usb_port_num": box.usb_port_num,
        },
        "network": _network(box),
        "version": {"hardware": box.hardware, "software": box.software},
    }
    kept = call.cloud.variants.offline_network
    if online is None or (online == 0 and kept == "missing"):
        del data["network"]
    elif online == 0 and kept == "empty":
        data["network"] = {}
    return data


async def refresh_device_info(call: Call) -> Any:
    """GET /device/async_refresh_device_info, for firmware before 2.1.112 only."""
    cloud, box = call.cloud, call.box()
    firmware = tuple(int(part) for part in re.findall(r"\d+", box.software))
    if firmware >= OLD_FIRMWARE:
        raise ApiError(404, "固件版本不支持")
    if box.refreshing:
        raise ApiError(401, "正在刷新，请勿重复操作")
    now = cloud.now()
    if box.refreshed_at is not None and now - box.refreshed_at < TOO_FREQUENT_SECONDS:
        raise ApiError(10009, "操作过于频繁，请稍后再试")
    box.refreshed_at = now
    box.refreshing = True

    async def run() -> None:
        try:
            await cloud.sleep(REFRESH_SECONDS)
        finally:
            box.refreshing = False

    cloud.spawn(run())
    return NOTHING


async def reboot(call: Call) -> Any:
    """POST /device/async_device_reboot."""
    box = call.box()
    if box.rebooting:
        raise ApiError(401, "设备正在重启")
    if box.online is not True:
        raise ApiError(5002, "设备不在线")
    call.cloud.reboot(box)
    return NOTHING


# Printers


def _row(cloud: Cloud, printer: Printer) -> dict[str, Any] | None:
    """Give a printer as a row of the list; None when the list leaves it out."""
    variants = cloud.variants
    mode = cloud.off_mode(printer)
    if mode == "row_gone":
        return None
    row: dict[str, Any] = {
        "MDL": None,
        "device": None,
        "drivce_name": printer.driver_name,
        "driver_name": printer.driver_name,
        "driver_type": printer.driver_type,
        "id": printer.id,
        "idProduct": None,
        "idVendor": None,
        "isPrinter": 1,
        "port": printer.port,
        "printer_name": printer.name,
        "printer_state": printer.state,
        "product": None,
        "support_status": printer.support_status,
        "vendor": None,
        **printer.extras,
    }
    if printer.current and variants.busy_is_printer == 0:
        row["isPrinter"] = 0
    if variants.species_key in ("species", "both"):
        row["species"] = printer.species
    if variants.species_key in ("printer_species", "both"):
        row["printer_species"] = printer.species
    if printer.hash_id is not None and variants.hash_id != "missing":
        row["hash_id"] = printer.hash_id
        if variants.hash_id == "number":
            row["hash_id"] = printer.id * 7
    if printer.network:
        row["ip_addr"] = printer.ip
        if variants.markers != "missing":
            row["markers"] = _markers(cloud, printer)
    if mode == "not_printer":
        row["isPrinter"] = 0
        row["printer_state"] = "idle"
    elif mode == "state_null":
        row["printer_state"] = None
    elif mode is not None:
        row["printer_state"] = "idle"
    return row


def _markers(cloud: Cloud, printer: Printer) -> Any:
    """Ink levels in the chosen of the shapes they might have."""
    if printer.markers is None:
        return None
    levels = printer.markers
    match cloud.variants.markers:
        case "parallel":
            return {
                "marker-names": [one["name"] for one in levels],
                "marker-colors": [one["color"] for one in levels],
                "marker-levels": [one["level"] for one in levels],
            }
        case "text":
            return ",".join(f"{one['name']}:{one['level']}" for one in levels)
        case "json_text":
            pairs = ", ".join(
                f'{{"name": "{one["name"]}", "level": {one["level"]}}}' for one in levels
            )
            return f"[{pairs}]"
        case "negative":
            return [{**one, "level": -2} for one in levels]
        case "null":
            return None
        case "garbage":
            return [7, {"level": "many"}, None, {"name": 5}]
        case _:
            return levels


async def printer_list(call: Call) -> Any:
    """GET /external_api/printer_list."""
    cloud, box = call.cloud, call.box()
    kind = call.number("printerType", 1)
    if kind not in (1, 2, 3):
        raise ApiError(400, "参数错误：printerType")
    if box.online is not True:
        match cloud.variants.offline_list:
            case "code_5002":
                raise ApiError(5001 if box.online is None else 5002, "设备不在线")
            case "code_500":
                raise ApiError(500, "设备无响应，请检查设备")
            case "empty":
                return {"row": [], "total": 0}
    wanted = [one for one in box.printers if kind == 3 or one.network == (kind == 2)]
    rows = [row for printer in wanted if (row := _row(cloud, printer)) is not None]
    if not rows:
        match cloud.variants.no_printers:
            case "code_497":
                raise ApiError(497, "未找到打印机")
            case "missing":
                return NOTHING
    return {"row": rows, "total": len(rows)}


def _find_printer(call: Call, box: Box, port_name: str) -> Printer | None:
    """Find the printer a request means, by hash, by network address, or by USB port."""
    if wanted := call.fields.get("printerHash"):
        return next((one for one in box.printers if one.hash_id == wanted), None)
    if address := call.fields.get("targetIp"):
        return next((one for one in box.printers if one.ip == address), None)
    port = call.number(port_name)
    return next((one for one in box.printers if not one.network and one.port == port), None)


async def printer_status(call: Call) -> Any:
    """GET /device/printer_status: slow, one at a time a box."""
    cloud, box = call.cloud, call.box()
    printer = _find_printer(call, box, "usbPort")
    if box.status_running:
        cloud.violations.append(f"two printer_status at a time at {box.device_id}")
        raise ApiError(500, "设备忙，请稍后再试")
    box.status_running += 1
    try:
        await cloud.sleep(random.uniform(3, 8))
    finally:
        box.status_running -= 1
    if box.online is not True:
        raise ApiError(500, "设备无响应，请检查设备")
    if printer is None or cloud.off_mode(printer) in ("row_gone", "not_printer"):
        raise ApiError(497, "未找到打印机")
    if not printer.support_status:
        cloud.violations.append(f"printer_status of {printer.driver_name}, which has none")
        raise ApiError(500, "该打印机不支持状态查询")
    if not printer.reachable:
        raise ApiError(500, "设备无响应，请检查设备")
    flags: dict[str, Any] = {
        "headOpened": printer.cover_open,
        "paperJam": printer.paper_jam,
        "outOfPaper": printer.paper == 0,
        "outOfRibbon": printer.ribbon_out,
        "outOfInk": printer.ink_out,
        "pause": printer.paused,
        "printing": printer.current is not None and not printer.blocked,
    }
    match cloud.variants.status_flags:
        case "int":
            flags = {name: int(flag) for name, flag in flags.items()}
        case "str":
            flags = {name: str(int(flag)) for name, flag in flags.items()}
        case "some_missing":
            flags = {name: flag for name, flag in flags.items() if name[0] in "op"}
    if printer.blocked:
        return {**flags, "msg": "打印机异常", "statusCode": 40, "errCode": 3}
    return {**flags, "msg": "正常"}


async def refresh_network_printer(call: Call) -> Any:
    """GET /printer/refresh_network_printer."""
    cloud, box = call.cloud, call.box()
    if box.online is not True:
        raise ApiError(5002, "设备不在线")
    if box.searching:
        raise ApiError(401, "正在搜索，请勿重复操作")
    now = cloud.now()
    if box.searched_at is not None and now - box.searched_at < SEARCH_EVERY_SECONDS:
        raise ApiError(10009, "操作过于频繁，请稍后再试")
    box.searched_at = now
    box.searching = True
    try:
        await cloud.sleep(5.0)
    finally:
        box.searching = False
    return {"total": sum(one.network and one.reachable for one in box.printers)}


async def request_driver(call: Call) -> Any:
    """POST /driver/uninstall_driver_event."""
    box = call.box()
    if not re.fullmatch(r"1\d{10}", call.fields.get("phone", "")):
        raise ApiError(403, "手机号格式错误")
    number = call.number("printerId")
    printer = next((one for one in box.printers if one.id == number), None)
    if printer is None:
        raise ApiError(497, "未找到打印机")
    printer.driver_requested = True
    return NOTHING


# Models


async def all_models(call: Call) -> Any:
    """GET /print/printer_enum."""
    return call.cloud.model_names


async def search_models(call: Call) -> Any:
    """POST /print/printer_enum."""
    words = call.text("query").lower().split()
    return [name for name in call.cloud.model_names if all(word in name.lower() for word in words)]


def _capabilities(call: Call) -> tuple[dict[str, Any], dict[str, dict[str, int]]]:
    """Give what a model can do, and its papers; raises ApiError 400 for an unknown one."""
    if "printerHash" in call.fields:
        printer = _find_printer(call, call.box(), "devicePort")
        if printer is None or not printer.capabilities:
            raise ApiError(400, "打印机型号不存在")
        return printer.capabilities, printer.papers
    name = call.text("printerModel")
    for box in call.cloud.boxes.values():
        for printer in box.printers:
            if printer.driver_name == name and printer.capabilities:
                return printer.capabilities, printer.papers
    if model := call.cloud.models.get(name):
        return model.capabilities, model.papers
    raise ApiError(400, "打印机型号不存在")


async def printer_params(call: Call) -> Any:
    """GET /print/printer_params."""
    data, _papers = _capabilities(call)
    missing = set(call.cloud.variants.missing_blocks)
    shown = {name: block for name, block in data.items() if name not in missing}
    if "Capabilities" in shown:
        blocks = shown["Capabilities"]
        shown["Capabilities"] = {k: v for k, v in blocks.items() if k not in missing}
    return shown


async def paper_dimension_list(call: Call) -> Any:
    """GET /print/paper_dimension_list: slow."""
    _data, papers = _capabilities(call)
    await call.cloud.sleep(3.0)
    match call.cloud.variants.papers:
        case "empty":
            return {}
        case "missing":
            return NOTHING
        case "code_400":
            raise ApiError(400, "参数错误：printerModel")
        case _:
            return papers


# Jobs


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
        return {"pages": None} if cloud.variants.unknown_pages == "null" else {}
    return {"pages": pages}


def _urls(call: Call) -> list[str]:
    urls = [line.strip() for line in call.fields.get("jobFile", "").split("\n") if line.strip()]
    if not all(re.match(r"https?://", url) for url in urls):
        raise ApiError(400, "参数错误：jobFile")
    return urls


def _check_options(call: Call) -> None:
    """Refuse what the documents do not allow; raises ApiError 400."""
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
        "htmlKernel": ("chrometopdf", "wkhtml", "wkhtmltopdf"),
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


def _empty_port(cloud: Cloud) -> ApiError:
    code = 5051 if cloud.variants.empty_port == "code_5051" else 5011
    return ApiError(code, "该端口未连接打印机")


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
    if not fields.get("printerHash"):
        call.text("printerModel")
        call.number("devicePort")
    printer = _find_printer(call, box, "devicePort")
    if printer is None:
        raise _empty_port(cloud)
    gone = cloud.off_mode(printer) in ("row_gone", "not_printer")
    if gone and fields.get("reportPrinterStatus") != "0":
        raise _empty_port(cloud)
    if printer.driver_type != 1 and cloud.variants.awaiting_job == "code_400":
        raise ApiError(400, "打印机驱动不支持")
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
    # From here on the files belong to the task.
    files.clear()
    task = cloud.submit(box, printer, dict(fields), documents, urls=urls)
    if first_try := cloud.messenger.first_tries.get(task.task_id):
        await first_try.wait()
        del cloud.messenger.first_tries[task.task_id]
    return {"task_id": task.task_id}


def _task(call: Call) -> Task | None:
    """Give the task of a request, if this box has it; raises ApiError as the variant wants."""
    box = call.box(expired_too=True)
    task = call.cloud.tasks.get(call.text("task_id"))
    if task is not None and task.box is box:
        return task
    match call.cloud.variants.unknown_task:
        case "code_404":
            raise ApiError(404, "任务不存在")
        case "code_400":
            raise ApiError(400, "任务不存在")
    return None


async def get_job(call: Call) -> Any:
    """GET /print/job."""
    cloud = call.cloud
    task = _task(call)
    variants = cloud.variants
    if task is None:
        shapes = {"missing": NOTHING, "empty": {}, "ready": {"task_state": "READY"}}
        return shapes[variants.unknown_task]
    if task.state not in FINAL_STATES:
        match variants.unfinished:
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
            case "empty":
                return {}
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
    task = _task(call)
    if task is None:
        return NOTHING
    if not call.cloud.shop.cancel(task) and call.cloud.variants.cancel_finished == "code_400":
        raise ApiError(400, "任务已完成，无法取消")
    return NOTHING


async def query_device_task(call: Call) -> Any:
    """POST /print/query_device_task."""
    return {"task_list": call.cloud.day_list(call.box(expired_too=True))}


async def flush_jobs(call: Call) -> Any:
    """POST /print/flush_jobs: everybody's jobs."""
    cloud, box = call.cloud, call.box()
    printer = _find_printer(call, box, "devicePort")
    if printer is None:
        raise _empty_port(cloud)
    return {"queue_num": cloud.shop.flush(cloud.tasks_of(box, printer))}


async def reset_error_limit(call: Call) -> Any:
    """POST /print/reset_printing_error_limit."""
    cloud, box = call.cloud, call.box()
    printer = _find_printer(call, box, "devicePort")
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


# Scanning


def _scanner(call: Call) -> Printer:
    number = call.number("scanningId")
    for printer in call.box().printers:
        if printer.scanner and printer.id == number and printer.reachable:
            return printer
    raise ApiError(497, "未找到扫描仪")


async def scanner_list(call: Call) -> Any:
    """GET /scanning/scanner_list."""
    box = call.box()
    if box.online is not True:
        raise ApiError(5002, "设备不在线")
    scanners = [one for one in box.printers if one.scanner and one.reachable]
    return {"row": [{"id": one.id, "name": one.driver_name} for one in scanners]}


async def scanner_status(call: Call) -> Any:
    """GET /scanning/scanner_status."""
    scanner = _scanner(call)
    busy = any(
        scan["scanner"] is scanner and scan["state"] not in FINAL_STATES
        for scan in call.cloud.scans.values()
    )
    return {"status": "scanning" if busy else "idle", "msg": "正常"}


async def scanner_params(call: Call) -> Any:
    """GET /scanning/scanner_params."""
    _scanner(call)
    return {
        "colorMode": ["RGB24", "Grayscale8", "BlackAndWhite1"],
        "inputSource": ["Platen", "ADF"],
        "format": ["JPEG", "PDF"],
        "duplex": [0, 1],
        "size": ["A4", "A5"],
    }


async def post_scan(call: Call) -> Any:
    """POST /scanning/job."""
    cloud, scanner = call.cloud, _scanner(call)
    if call.fields.get("inputSource", "Platen") not in ("Platen", "ADF"):
        raise ApiError(400, "参数错误：inputSource")
    if call.fields.get("format", "JPEG") not in ("JPEG", "PDF"):
        raise ApiError(400, "参数错误：format")
    task_id = f"scan-{len(cloud.scans) + 1:08d}"
    cloud.scans[task_id] = scan = {"scanner": scanner, "state": "READY"}

    async def run() -> None:
        await cloud.sleep(6.0)
        if scan["state"] == "READY":
            scan["state"] = "SUCCESS"

    cloud.spawn(run())
    return {"task_id": task_id}


def _scan(call: Call) -> dict[str, Any]:
    call.box()
    if scan := call.cloud.scans.get(call.text("task_id")):
        return scan
    raise ApiError(404, "任务不存在")


async def get_scan(call: Call) -> Any:
    """GET /scanning/job."""
    scan = _scan(call)
    data: dict[str, Any] = {"task_state": scan["state"]}
    if scan["state"] == "SUCCESS":
        data["task_result"] = {"code": 200, "msg": "success", "data": {"file_list": []}}
    return data


async def delete_scan(call: Call) -> Any:
    """DELETE /scanning/job: with a JSON body."""
    scan = _scan(call)
    if scan["state"] not in FINAL_STATES:
        scan["state"] = "REVOKED"
    return NOTHING


type Endpoint = Callable[[Call], Awaitable[Any]]

ENDPOINTS: Final[dict[str, Endpoint]] = {
    "GET /device/device_info": device_info,
    "GET /device/async_refresh_device_info": refresh_device_info,
    "GET /device/printer_status": printer_status,
    "POST /device/async_device_reboot": reboot,
    "GET /external_api/printer_list": printer_list,
    "GET /print/printer_enum": all_models,
    "POST /print/printer_enum": search_models,
    "GET /print/printer_params": printer_params,
    "GET /print/paper_dimension_list": paper_dimension_list,
    "POST /print/file_pages": file_pages,
    "POST /print/job": post_job,
    "GET /print/job": get_job,
    "DELETE /print/job": delete_job,
    "POST /print/query_device_task": query_device_task,
    "POST /print/flush_jobs": flush_jobs,
    "POST /print/reset_printing_error_limit": reset_error_limit,
    "POST /driver/uninstall_driver_event": request_driver,
    "GET /printer/refresh_network_printer": refresh_network_printer,
    "GET /scanning/scanner_list": scanner_list,
    "GET /scanning/scanner_status": scanner_status,
    "GET /scanning/scanner_params": scanner_params,
    "POST /scanning/job": post_scan,
    "GET /scanning/job": get_scan,
    "DELETE /scanning/job": delete_scan,
}
