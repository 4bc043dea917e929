"""Endpoints about scanners. They take requests as the vendor's clients send them; variants choose the answers."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
import json
import re
from typing import Any, Final

from aiohttp import web
from PIL import Image, ImageDraw, ImageFont

from ..cloud import Cloud
from ..models import FINAL_STATES, ApiError, Printer
from .call import NOTHING, Call

COLORS: Final = {"RGB24": "RGB", "Grayscale8": "L", "BlackAndWhite1": "1"}
# Width and height in mm.
SIZES: Final = {"A4": (210, 297), "A5": (148, 210)}
GLASS: Final = (216, 297)
PROBLEMS: Final = {
    "feeder_empty": (500, "自动进稿器中没有原稿"),
    "jam": (500, "自动进稿器卡纸"),
    "jam_at_end": (500, "自动进稿器卡纸"),
    "lid": (500, "上盖未关闭"),
    "unknown_code": (12345, "未知错误"),
}
# Problems with which not even one page is scanned.
STOPPING: Final = ("feeder_empty", "lid", "hangs", "unknown_code")


@dataclass
class Scan:
    """A scan task and its files."""

    scanner: Printer
    options: dict[str, Any]
    state: str = "READY"
    problem: tuple[int, str] | None = None
    files: list[bytes] = field(default_factory=list)
    # Number of files that the answer lists once the task has finished.
    shown: int = 0
    deleted: bool = False
    # How often a file was cut off or spoiled.
    cut: int = 0
    # Whether the scan was deleted before its end.
    deleted_early: bool = False


def draw_page(
    text: str, options: dict[str, Any], dpi: int, found: Sequence[float] | None = None
) -> Image.Image:
    """Draw a page as the scanner sees it at `dpi`, in the chosen size or else in the size `found` by the scanner.

    Every page has its text, a frame 10 mm from the edges of an A4 sheet, and a row of squares in black, red, green,
    blue and gray.
    """

    def dots(mm: float) -> int:
        return round(mm * dpi / 25.4)

    page = Image.new("RGB", (dots(GLASS[0]), dots(GLASS[1])), "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((dots(10), dots(10), dots(200), dots(287)), outline="black", width=dots(1))
    for number, color in enumerate(("black", "red", "green", "blue", "gray")):
        left = dots(20 + 24 * number)
        draw.rectangle((left, dots(20), left + dots(20), dots(40)), fill=color)
    draw.text((dots(20), dots(60)), text, fill="black", font=ImageFont.load_default(dots(12)))
    width, height = SIZES.get(options.get("size") or "", found or GLASS)
    page = page.crop((0, 0, dots(width), dots(height)))
    return page.convert(COLORS[options["colorMode"]])


def encode(pages: list[Image.Image], kind: str, dpi: int) -> list[bytes]:
    """Encode each page as a JPEG or PNG file, or all of them as one PDF."""
    files = []
    for page in pages if kind != "PDF" else pages[:1]:
        to = BytesIO()
        if kind == "PDF":
            page.save(to, "PDF", resolution=dpi, save_all=True, append_images=pages[1:])
        else:
            shown = page.convert("L") if page.mode == "1" else page
            shown.save(to, kind, dpi=(dpi, dpi))
        files.append(to.getvalue())
    return files


def _scanner(call: Call, text: str | None = None) -> Printer:
    number = call.number("scanningId") if text is None else int(text)
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
    match call.cloud.variants.scanners:
        case "empty":
            return {"row": []}
        case "missing":
            return NOTHING
        case "code_403":
            raise ApiError(403, "无权限")
        case "code_497":
            raise ApiError(497, "未找到扫描仪")
    return {"row": [{"id": one.id, "name": one.driver_name} for one in scanners]}


async def scanner_status(call: Call) -> Any:
    """GET /scanning/scanner_status."""
    scanner = _scanner(call)
    is_scanning = _is_scanning(call.cloud, scanner)
    trouble = scanner.scan_trouble or ("feeder_empty" if scanner.feeder == [] else None)
    match call.cloud.variants.scanner_status:
        case "silent":
            # The scanner says nothing about its cover or feeder.
            return {"status": "scanning" if is_scanning else "idle", "msg": "正常"}
        case "code_500":
            raise ApiError(500, "设备无响应")
        case "numbers":
            return {"status": 3}
        case "flags":
            return {
                "busy": is_scanning or scanner.current is not None,
                "coverOpen": trouble == "lid",
                "adfJam": trouble == "jam",
                "adfEmpty": trouble == "feeder_empty",
                "adfLoaded": bool(scanner.feeder),
            }
    status = "scanning" if is_scanning else "busy" if scanner.current is not None else "idle"
    return {"status": status, "msg": PROBLEMS[trouble][1] if trouble else "正常"}


def _is_scanning(cloud: Cloud, scanner: Printer) -> bool:
    scans = cloud.scans.values()
    return any(one.scanner is scanner and one.state not in FINAL_STATES for one in scans)


async def scanner_params(call: Call) -> Any:
    """GET /scanning/scanner_params."""
    scanner = _scanner(call)
    sources = ["Platen", "ADF"] if scanner.feeder is not None else ["Platen"]
    duplex = [0, 1] if scanner.scan_duplex else [0]
    lists: dict[str, list[Any]] = {
        "colorMode": [*COLORS],
        "inputSource": sources,
        "format": ["JPEG", "PDF"],
        "duplex": duplex,
        "size": [*SIZES],
        "resolution": [150, 300],
    }
    match call.cloud.variants.scanner_params:
        case "code_500":
            raise ApiError(500, "设备无响应")
        case "empty":
            return {}
        case "texts":
            return {name: ",".join(map(str, values)) for name, values in lists.items()}
        case "nested":
            return {"params": {name: {"values": values} for name, values in lists.items()}}
    return lists


async def post_scan(call: Call) -> Any:
    """POST /scanning/job: JSON, with scanningId as a number."""
    cloud = call.cloud
    number = call.json_number("scanningId")
    body = call.form.json
    assert body is not None
    if "duplex" in body:
        call.json_number("duplex")
    scanner = _scanner(call, str(number))
    options = {"colorMode": "RGB24", "inputSource": "Platen", "format": "JPEG", "duplex": 0, **body}
    has_feeder = scanner.feeder is not None
    allowed = {
        "colorMode": (*COLORS,),
        "inputSource": ("Platen", "ADF") if has_feeder else ("Platen",),
        "format": ("JPEG", "PDF"),
        "duplex": (0, 1) if options["inputSource"] == "ADF" and scanner.scan_duplex else (0,),
        "size": (*SIZES,),
    }
    for name, values in allowed.items():
        if name in options and options[name] not in values:
            raise ApiError(400, f"参数错误：{name}")
    if scanner.current is not None or _is_scanning(cloud, scanner):
        raise ApiError(cloud.variants.scanner_busy, "扫描仪正忙")
    task_id = f"scan-{len(cloud.scans) + 1:08d}"
    cloud.scans[task_id] = scan = Scan(scanner, options)
    cloud.spawn(_run(cloud, scan))
    return {"task_id": task_id}


async def _pass_page(cloud: Cloud) -> None:
    """Wait for as long as a page takes, and while the scanner waits for its person."""
    await cloud.sleep(cloud.variants.scan_seconds)
    while cloud.variants.scan_waits:
        await asyncio.sleep(0.05)


async def _run(cloud: Cloud, scan: Scan) -> None:
    scanner, variants = scan.scanner, cloud.variants
    await cloud.sleep(1.0)
    if scan.state != "READY":
        return
    scan.state = "SENDING"
    is_fed = scan.options["inputSource"] == "ADF"
    pages = [scanner.glass]
    if is_fed:
        assert scanner.feeder is not None
        sides = [f"{one} {side}" for one in scanner.feeder for side in ("front", "back")]
        pages = sides if scan.options["duplex"] else [*scanner.feeder]
    drawn: list[Image.Image] = []
    for page in pages:
        if scanner.scan_trouble or variants.scan_problem in STOPPING:
            break
        await _pass_page(cloud)
        if scan.state != "SENDING":
            return
        if is_fed and not page.endswith(" back"):
            scanner.feeder = (scanner.feeder or [])[1:]
        scanner.scanned.append(page)
        dpi = variants.scan_dpi
        found = None if is_fed else scanner.glass_mm
        drawn.append(await asyncio.to_thread(draw_page, page, scan.options, dpi, found))
        if variants.scan_shows == "as_they_come":
            kind = "PNG" if variants.scan_type == "png" else "JPEG"
            scan.files += await asyncio.to_thread(encode, drawn[-1:], kind, dpi)
        if variants.scan_problem == "jam":
            break
    trouble = scanner.scan_trouble or variants.scan_problem
    if trouble in ("jam", "jam_at_end") and variants.scanner_status != "silent":
        # The jammed paper is still there when the next scan begins.
        scanner.scan_trouble = "jam"
    problem = PROBLEMS.get(trouble)
    if not drawn and problem is None and is_fed:
        problem = PROBLEMS["feeder_empty"]
    if variants.scan_problem == "hangs":
        return
    kind = {"png": "PNG", "pdf": "PDF"}.get(variants.scan_type, scan.options["format"])
    if drawn and variants.scan_shows == "at_end":
        scan.files = await asyncio.to_thread(encode, drawn, kind, variants.scan_dpi)
    scan.problem = problem
    # Usually all files are listed at once.
    if not variants.scan_late:
        scan.shown = 1 if variants.scan_late_each else len(scan.files)
    scan.state = variants.scan_problem_state if problem else "SUCCESS"
    if variants.scan_late:
        await cloud.sleep(variants.scan_late)
    while variants.scan_late_each and scan.shown < len(scan.files):
        scan.shown = max(1, scan.shown)
        await cloud.sleep(variants.scan_late_each)
        scan.shown += 1
    scan.shown = len(scan.files)


def _scan(call: Call) -> Scan:
    call.box()
    if "scanningId" in call.fields:
        call.cloud.violations.append("scanningId with a scan's task")
    scan: Scan | None = call.cloud.scans.get(call.text("task_id"))
    if scan is not None and not scan.deleted:
        return scan
    raise ApiError(404, "任务不存在")


async def get_scan(call: Call) -> Any:
    """GET /scanning/job."""
    scan = _scan(call)
    cloud = call.cloud
    variants = cloud.variants
    state = scan.state
    if variants.scan_states == "unknown":
        state = {"READY": "WAITING", "SENDING": "SCANNING", "SUCCESS": "FINISHED"}.get(state, state)
    elif variants.scan_states == "odd" or (
        variants.scan_states == "odd_between" and scan.state not in FINAL_STATES
    ):
        state = {"READY": "S0", "SENDING": "S1", "SUCCESS": "S9"}.get(state, "S8")
    data: dict[str, Any] = {} if variants.scan_states == "missing" else {"task_state": state}
    if scan.state not in FINAL_STATES and variants.scan_shows == "at_end":
        return data
    if scan.problem:
        code, message = scan.problem
        data["task_result"] = {"code": code, "msg": message}
    elif scan.state == "SUCCESS":
        data["task_result"] = {"code": 200, "msg": "success"}
    count = scan.shown if scan.state in FINAL_STATES else len(scan.files)
    if not count or variants.scan_result == "never":
        return data
    shown = _shown(call, scan, count)
    if isinstance(shown, str | list) and variants.scan_result == "bare":
        return shown
    data.setdefault("task_result", {})["data"] = shown
    return data


def _is_hit(cloud: Cloud, scan: Scan, number: int) -> bool:
    """Return whether the variants cut off or spoil this file this time; if so, count it in `scan.cut`."""
    variants = cloud.variants
    is_meant = variants.scan_cut or variants.scan_spoiled != "none"
    if not is_meant or variants.scan_cut_page not in (0, number + 1):
        return False
    if scan.cut == variants.scan_cut_times:
        return False
    scan.cut += 1
    return True


def _cut(cloud: Cloud, data: bytes) -> bytes:
    """Cut off the end of a file, or of its base64 text, as the variant `scan_cut` says."""
    share = cloud.variants.scan_cut
    return data[: int(len(data) * share)] if share else data


def spoil(how: str, data: bytes) -> bytes | None:
    """Return the bytes that are sent instead of a file; None if the file is to be missing."""
    if how in ("tiff", "bmp", "webp", "gif"):
        to = BytesIO()
        Image.open(BytesIO(data)).save(to, how.upper())
        return to.getvalue()
    return {
        "none": data,
        "head_lost": data[200:],
        "zeros_at_head": bytes(512) + data[512:],
        "line_before": b"\r\n" + data,
        "byte_lost": data[1:],
        "zeros": bytes(4000),
        "text": b"This file is not there any more.",
        "json": json.dumps({"code": 404, "msg": "文件不存在"}, ensure_ascii=False).encode(),
        "html": b"<html><body>502 Bad Gateway</body></html>",
        "missing": None,
    }[how]


def _text(cloud: Cloud, scan: Scan, number: int) -> str | None:
    """Return a file as base64, spoiled if a variant says so; None if the file is to be missing."""
    data: bytes | None = scan.files[number]
    assert data is not None
    if not _is_hit(cloud, scan, number):
        return base64.b64encode(data).decode()
    data = spoil(cloud.variants.scan_spoiled, data)
    return None if data is None else _cut(cloud, base64.b64encode(data)).decode()


def _shown(call: Call, scan: Scan, count: int) -> Any:
    """Present the first `count` files of a scan in the form of the `scan_result` variant."""
    task_id = next(key for key, one in call.cloud.scans.items() if one is scan)
    base = call.cloud.base_url.removesuffix("/api")
    urls = [f"{base}/scan/{task_id}/{number + 1}" for number in range(count)]

    def texts() -> list[str | None]:
        return [_text(call.cloud, scan, number) for number in range(count)]

    def one_or_all(found: list[Any]) -> Any:
        return found[0] if len(found) == 1 else found

    match call.cloud.variants.scan_result:
        case "address":
            return {"file": one_or_all(urls)}
        case "addresses":
            return {"file_list": urls}
        case "objects":
            return {"files": [{"no": n, "path": {"href": url}} for n, url in enumerate(urls)]}
        case "lines":
            return {"file": "\n".join(urls)}
        case "json_text":
            return json.dumps({"list": urls})
        case "base64":
            return {"img": one_or_all(texts())}
        case "base64_lines":
            return {"img": [text and re.sub(r"(.{76})", r"\1\r\n", text) for text in texts()]}
        case "data_url":
            return {"img": [text and f"data:image/jpeg;base64,{text}" for text in texts()]}
        case "both":
            return {"img": texts(), "url": urls, "help": f"{base}/scan/help"}
        case "numbered":
            return {f"page{n + 1}": url for n, url in enumerate(urls)}
        case "sides":
            return dict(zip(("front", "back"), urls, strict=False))
        case "linked":
            pages = [{"path": url, "view": f"{base}/scan/help?{n}"} for n, url in enumerate(urls)]
            return {"files": pages, "help": f"{base}/scan/help", "brand": f"{base}/scan/logo"}
        case "bare":
            return one_or_all(texts())
        case "not_understood":
            return {"fileId": 4711}
    raise AssertionError


async def delete_scan(call: Call) -> Any:
    """DELETE /scanning/job, with a JSON body."""
    if call.form.json is None:
        raise ApiError(400, "参数错误：JSON")
    scan = _scan(call)
    if scan.state in FINAL_STATES:
        scan.deleted = True
        scan.files = []
    else:
        scan.state = "REVOKED"
        scan.deleted_early = True
    return NOTHING


async def give_scan(request: web.Request, cloud: Cloud) -> web.StreamResponse:
    """Send a scanned file, or the help page or logo that an answer links to; no ApiKey is needed."""
    if request.match_info["task_id"] == "help":
        return web.Response(text="<html><body>帮助</body></html>", content_type="text/html")
    if request.match_info["task_id"] == "logo":
        logo = BytesIO()
        Image.new("RGB", (32, 32), "red").save(logo, "WEBP")
        return web.Response(body=logo.getvalue(), content_type="image/webp")
    scan = cloud.scans.get(request.match_info["task_id"])
    number = int(request.match_info["number"])
    if scan is None or not 1 <= number <= len(scan.files):
        return web.Response(status=404)
    data: bytes | None = scan.files[number - 1]
    if data is not None and _is_hit(cloud, scan, number - 1):
        data = spoil(cloud.variants.scan_spoiled, data)
        data = None if data is None else _cut(cloud, data)
    if data is None:
        return web.Response(status=404)
    return web.Response(body=data, content_type="application/octet-stream")
