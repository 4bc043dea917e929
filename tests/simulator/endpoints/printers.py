"""Endpoints about printers: the list, the real-time status, drivers, the network."""

import random
import re
from typing import Any, Final

from ..cloud import Cloud
from ..models import ApiError, Box, Printer
from .call import NOTHING, Call

SEARCH_EVERY_SECONDS: Final = 12 * 3600.0


def _row(cloud: Cloud, printer: Printer) -> dict[str, Any] | None:
    """Build a printer's row in the printer list; None if the list leaves the printer out."""
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
        "species": printer.species,
        "support_status": printer.support_status,
        "vendor": None,
        **printer.extras,
    }
    if printer.current and variants.busy_is_printer == 0:
        row["isPrinter"] = 0
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
    """Return the ink levels in the shape that the variant chooses."""
    if printer.markers is None:
        return None
    levels = printer.markers
    by_name = sorted(levels, key=lambda one: str(one["name"]))
    match cloud.variants.markers:
        case "vendor":
            return [_vendor_marker(number, one) for number, one in enumerate(by_name, 1)]
        case "negative":
            return [{**one, "level": -2} for one in levels]
        case "null":
            return None
        case "garbage":
            return [7, {"level": "many"}, None, {"name": 5}]
        case _:
            return levels


def _vendor_marker(number: int, one: dict[str, Any]) -> dict[str, Any]:
    """Build an ink level in the form of the vendor's data model: the color is a list, or an empty text."""
    return {
        "marker_id": number,
        "marker_type": "unknown",
        "name": one["name"],
        "color": [f"#{part}" for part in one["color"].split("#")[1:]] or "",
        "level": one["level"],
        "low_level": 0,
        "high_level": 100,
    }


def rows_of(cloud: Cloud, box: Box) -> list[tuple[bool, dict[str, Any]]]:
    """Build the rows of a box's printer list; returns pairs: whether the printer is a network printer, and its row."""
    return [
        (printer.network, row)
        for printer in box.printers
        if (row := _row(cloud, printer)) is not None
    ]


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
    found = rows_of(cloud, box)
    if box.is_old:
        # A box with old firmware reports its printers' states only when a refresh requests them.
        box.reported = box.reported or ({}, found)
        found = box.reported[1]
    rows = [row for is_network, row in found if kind == 3 or is_network == (kind == 2)]
    if not rows:
        match cloud.variants.no_printers:
            case "code_497":
                raise ApiError(497, "未找到打印机")
            case "missing":
                return NOTHING
    return {"row": rows, "total": len(rows)}


async def printer_status(call: Call) -> Any:
    """GET /device/printer_status, which takes 3 to 8 s; a box refuses a second request meanwhile."""
    cloud, box = call.cloud, call.box()
    printer = call.find_printer(box, "usbPort")
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
    number = call.json_number("printerId")
    printer = next((one for one in box.printers if one.id == number), None)
    if printer is None:
        raise ApiError(497, "未找到打印机")
    printer.driver_requested = True
    return NOTHING
