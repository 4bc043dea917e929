"""Writes what scripts/bench has measured into the manual: `scripts/bench | python3 scripts/figures.py`.

Prints the bench's output as it comes. From the lines of JSON in it, rewrites the table at the end of the manual's page
on performance, in each language. The new table has only the figures of this run, so let the bench measure all figures.
"""

from collections.abc import Iterable
import json
from pathlib import Path
import sys
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
PAGE = "performance.md"
HEADS = {
    "en": "| Figure | What it is | Measured | Beside | Goal |",
    "zh-Hans": "| 指标 | 内容 | 结果 | 对照 | 目标 |",
}
MISSED = {"en": " (missed)", "zh-Hans": "（未达到）"}
COUNTED = {
    "bytes": "字节",
    "entities": "个",
    "files": "个文件",
    "functions": "个函数",
    "jobs": "个",
    "modules": "个",
    "polls": "次",
    "requests": "次",
    "writes": "次",
    "/s": "/秒",
}
# Descriptions of each figure and of its baseline, in English and in Chinese.
TEXTS = {
    "print_overhead": (
        ("`lianke.print` of 20 MB until the service has it", "the least that is safe"),
        ("`lianke.print` 打印 20 MB，到服务收下为止", "保证安全的最低限度"),
    ),
    "small_jobs": (
        (
            "`lianke.print` of a file of 200 kB, one of 40, until the service has them all",
            "a bare loop that copies, flushes and uploads",
        ),
        (
            "`lianke.print` 打印 200 kB 的文件，共 40 个，到服务全部收下为止，每个",
            "只复制、落盘并上传的循环",
        ),
    ),
    "small_jobs_cpu": (
        ("The same, processor time", "that loop"),
        ("同上，处理器时间", "上述循环"),
    ),
    "preview_first_page": (
        (
            "From dropping a PDF of 20 pages until its first page can be seen",
            "the simulated cloud's preview",
        ),
        ("从放入一个 20 页的 PDF 到看见首页", "模拟云端的预览"),
    ),
    "lan_overhead": (
        ("20 MB from a phone, from its last byte until the service has it", "`lianke.print` of it"),
        ("手机发送 20 MB，从最后一个字节到服务收下为止", "`lianke.print` 打印同一文件"),
    ),
    "print_memory_path": (
        ("Memory for 200 MB from a path", ""),
        ("从路径打印 200 MB 所用的内存", ""),
    ),
    "print_memory_upload": (
        ("Memory for 95 MB from an upload", ""),
        ("打印上传的 95 MB 所用的内存", ""),
    ),
    "callback_latency": (
        ("Callback until the outcome is on the screen, median", "a bare webhook that sets a state"),
        ("从回调到界面显示结果，中位数", "只设置一个状态的 Webhook"),
    ),
    "callback_latency_p99": (
        ("The same; 99 of 100 are faster", "a bare webhook"),
        ("同上，100 次中有 99 次更快", "只设置一个状态的 Webhook"),
    ),
    "callbacks_per_second": (
        ("Callbacks in a second, none lost", "a bare webhook"),
        ("每秒处理的回调，无一丢失", "只设置一个状态的 Webhook"),
    ),
    "push_latency": (
        ("Push until the changed state is there", "a poll's round trips and a bare webhook"),
        ("从推送到状态更新", "一次轮询的往返加 Webhook"),
    ),
    "idle_requests_per_hour": (
        ("Requests in an idle hour, three printers", "polling everything each minute"),
        ("空闲一小时的请求数，三台打印机", "每分钟全部轮询"),
    ),
    "idle_requests_per_hour_push": (
        ("The same, once push has proved to work", "polling everything each minute"),
        ("同上，推送确认有效之后", "每分钟全部轮询"),
    ),
    "idle_writes_per_hour": (
        ("States and files written in an idle hour", ""),
        ("空闲一小时写入的状态和文件", ""),
    ),
    "setup_cost": (
        ("Setting an entry up, processor time", "core's `ipp`"),
        ("设置一个条目，处理器时间", "核心集成 `ipp`"),
    ),
    "start_jobs": (
        ("A start until the 10,000 kept jobs of 50 boxes are known", "reading all of them at once"),
        ("启动时，到认出 50 台云盒保留的 10,000 个任务为止", "一次全部读取"),
    ),
    "import_cost": (("Importing the integration", "core's `ipp`"), ("导入集成", "核心集成 `ipp`")),
    "import_modules": (
        ("Modules that come with the integration", "core's `ipp`"),
        ("随集成载入的模块数", "核心集成 `ipp`"),
    ),
    "state_cost": (
        ("What each state change of the home costs more", "a bare state change"),
        ("家中每次状态变化增加的开销", "单独一次状态变化"),
    ),
    "state_cost_led": (
        ("The same, where an automation changes it for a person", "a bare state change"),
        ("同上，由人触发的自动化更改状态时", "单独一次状态变化"),
    ),
    "scale_time": (
        ("Setting up a box, one of 100", "one of 10"),
        ("设置一台云盒，共 100 台时", "共 10 台时"),
    ),
    "scale_memory": (
        ("Memory of a box, one of 100", "one of 10"),
        ("每台云盒的内存，共 100 台时", "共 10 台时"),
    ),
    "scale_entities": (
        ("Entities of a box, one of 100", "one of 10"),
        ("每台云盒的实体，共 100 台时", "共 10 台时"),
    ),
    "fleet_day_requests": (
        ("Requests of 100 boxes in a day with 5,000 jobs and faults", ""),
        ("100 台云盒、5000 个任务、故障不断的一天的请求数", ""),
    ),
    "fleet_day_unsettled": (
        ("Jobs of that day lost or misreported", ""),
        ("这一天丢失或误报的任务", ""),
    ),
    "fleet_day_memory": (
        ("Growth of memory from the eighth hour of that day on", ""),
        ("这一天从第 8 小时起内存的增长", ""),
    ),
    "fleet_day_disk": (("Growth on disk in the same time", ""), ("同一时段磁盘占用的增长", "")),
    "card_bytes": (
        ("What a dashboard loads for the card, compressed", ""),
        ("仪表盘为卡片加载的数据（压缩后）", ""),
    ),
    "card_paint": (
        ("The card is drawn so long after a tile of Home Assistant's own, median of 5", ""),
        ("卡片比 Home Assistant 自带的磁贴晚显示的时间，5 次的中位数", ""),
    ),
    "card_long_task": (
        ("Longest task of the page while 20 jobs change (below 50 ms none is counted)", ""),
        ("20 个任务变化时页面最长的任务（50 毫秒以下不计）", ""),
    ),
    "walk_print": (
        ("Functions that `lianke.print` goes through until all have been told", ""),
        ("`lianke.print` 从调用到结果传到各处经过的函数", ""),
    ),
    "walk_print_files": (("The files they are in", ""), ("这些函数所在的文件", "")),
    "walk_phone": (
        ("Functions that a phone's print goes through", ""),
        ("手机打印经过的函数", ""),
    ),
    "walk_phone_files": (("The files they are in", ""), ("这些函数所在的文件", "")),
    "walk_copy": (
        ("Functions that a scan and its copy go through", ""),
        ("扫描并复印经过的函数", ""),
    ),
    "walk_copy_files": (("The files they are in", ""), ("这些函数所在的文件", "")),
    "walk_approval": (
        (
            "Functions from an approver's button to the printed page; a goal for a later version",
            "",
        ),
        ("从按下批准按钮到打印完成经过的函数；目标留待以后的版本", ""),
    ),
    "walk_approval_files": (
        ("The files they are in; a goal for a later version", ""),
        ("这些函数所在的文件；目标留待以后的版本", ""),
    ),
    "loop_stall": (
        (
            "Longest stall of the event loop in all of this, Python's collection of garbage left out",
            "",
        ),
        ("以上过程中事件循环最长的停顿（垃圾回收除外）", ""),
    ),
}


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def row(figure: dict[str, Any], language: str) -> str:
    chinese = language == "zh-Hans"
    what, beside = TEXTS[figure["name"]][chinese]
    baseline, unit = figure["baseline"], figure["unit"]
    if chinese:
        unit = COUNTED.get(unit, unit)
    if not unit.startswith("/"):
        unit = f" {unit}"
    colon = "：" if chinese else ": "
    reported = "" if baseline is None else f"{number(baseline)}{unit}{colon}{beside}"
    factor, goal = figure["factor"], ""
    if figure["goal"] is not None:
        goal = "≤ " + (f"{number(figure['goal'])}{unit}" if factor is None else f"{factor:.2f} ×")
    missed = "" if figure["ok"] else MISSED[language]
    measured = f"{number(figure['value'])}{unit}"
    return f"| `{figure['name']}` | {what} | {measured} | {reported} | {goal}{missed} |"


def write(figures: dict[str, dict[str, Any]]) -> None:
    for language, head in HEADS.items():
        path = DOCS / language / PAGE
        words = path.read_text("utf-8").partition(head)[0].rstrip()
        rows = [row(figures[name], language) for name in TEXTS if name in figures]
        table = "\n".join([head, "|---|---|---|---|---|", *rows])
        path.write_text(f"{words}\n\n{table}\n", "utf-8")


def main(lines: Iterable[str]) -> int:
    """Print the lines and write the figures among them into the pages; return the exit code.

    The exit code is 1 if a figure has no description.
    """
    figures: dict[str, dict[str, Any]] = {}
    for line in lines:
        sys.stdout.write(line)
        if line.startswith("{"):
            figure = json.loads(line)
            figures[figure["name"]] = figure
    if unknown := sorted(set(figures) - set(TEXTS)):
        print(f"Describe these in {Path(__file__).name}: {', '.join(unknown)}", file=sys.stderr)
        return 1
    write(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.stdin))
