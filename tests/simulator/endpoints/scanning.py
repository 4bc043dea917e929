"""Endpoints about scanners. Only the lists are known; the other answers are invented."""

from typing import Any

from ..models import FINAL_STATES, ApiError, Printer
from .call import NOTHING, Call


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
