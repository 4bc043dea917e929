"""Turns the report of the guide into a fixture, with which a simulated box behaves like the reported one.

    scripts/record --report FILE [--out FOLDER]

FILE is the text of an issue, or `-`. The fixture goes into FOLDER, and the rows for *Works with* are printed.
"""

import json
from pathlib import Path
import re
from typing import Any

ROOT = Path(__file__).parents[1]
LABELS = ROOT / "custom_components" / "lianke" / "report" / "labels.json"
# Maximum characters of a fixture's name.
MAX_FIXTURE_NAME = 80
# How the service names the capabilities that a report describes.
BLOCKS = {
    "papers": "Papers",
    "trays": "Bins",
    "media_types": "MediaTypes",
    "colors": "Color",
    "duplex": "Duplex",
    "orientations": "Orientation",
}
# Each row: the key of a report's line, a pattern to look for in the line, and the simulator's variant that follows from
# it, with its value. If several rows give a value to the same variant, the first counts.
VARIANTS = (
    ("row", r"hash_id missing", "hash_id", "missing"),
    ("row", r"hash_id number", "hash_id", "number"),
    ("abilities", r"sizes 0$", "papers", "empty"),
    ("callbacks", r"address yes, arrived no", "callbacks", "never"),
    ("unknown", r'^field callback task_result \{"JSON in a text"', "callback_encoding", "form"),
    ("unknown", r"/scanner_params params \{", "scanner_params", "nested"),
    ("unknown", r'/scanner_params colorMode "', "scanner_params", "texts"),
    ("unknown", r'/scanner_status \w+ "true or false"', "scanner_status", "flags"),
    ("unknown", r'/scanner_status status "number', "scanner_status", "numbers"),
    ("unknown", r"^state GET /scanning/job task_state [A-Z]+ ", "scan_states", "unknown"),
    ("unknown", r"^state GET /scanning/job task_state ", "scan_states", "odd"),
    ("scanners", r"^0$", "scanners", "empty"),
    ("scanners", r"\b403$", "scanners", "code_403"),
    ("scanners", r"\b497$", "scanners", "code_497"),
    ("scan", r"scan_feeder_empty", "scan_problem", "feeder_empty"),
    ("scan", r"scan_jam", "scan_problem", "jam"),
    ("scan", r"scan_cover_open", "scan_problem", "lid"),
    ("unknown", r"^code GET /scanning/job task_result/code ", "scan_problem", "unknown_code"),
    ("unknown", r'^answer GET /scanning/job \S+ "text of', "scan_result", "bare"),
)
SCANNED = "GET /scanning/job task_result/data "
# For each pattern in a report's line about a push message, the shape that the simulator gives to such messages; the
# first pattern that fits counts.
PUSHED = "message webhook "
PUSHES = (
    (r'"body": \[', "list"),
    (r'"data": \{"device_id"', "nested"),
    (r'"deviceId"', "camel"),
    (r'"deviceid"', "lower"),
    (r'"sn"', "sn"),
    (r'"device_id": "id of a box of ours"', "flat"),
    (r'"device_id"', "unknown_box"),
    (r'"event"', "event_only"),
    (r"", "garbage"),
)


def read_report(text: str) -> dict[str, Any]:
    """Return the lines of a report by their keys; `unknown` is a list. Raises ValueError if there is no report."""
    names = {
        label.partition(" · ")[0]: key for key, label in json.loads(LABELS.read_text()).items()
    }
    found: dict[str, Any] = {"unknown": []}
    for line in text.splitlines():
        label, colon, value = line.strip().partition(": ")
        key = names.get(label.partition(" · ")[0])
        if not colon or key is None:
            continue
        if key == "unknown":
            found[key].append(value)
        else:
            found.setdefault(key, value)
    if missing := {"versions", "box", "printer", "came_out"} - found.keys():
        raise ValueError(f"the text is no report: it lacks {', '.join(sorted(missing))}")
    return found


def fixture_of(report: dict[str, Any]) -> dict[str, Any]:
    """Return what the simulator must be set to so that its report is the same."""
    hardware, _, software = report["box"].partition(" ")
    model, by, species, driver = report["printer"].rsplit(", ", 3)
    variants: dict[str, Any] = {}
    for key, pattern, name, value in VARIANTS:
        texts = report.get(key, [])
        if any(re.search(pattern, one) for one in ([texts] if isinstance(texts, str) else texts)):
            variants.setdefault(name, value)
    if missing := _missing_blocks(report):
        variants["missing_blocks"] = missing
    if "scan" in report and "scan_result" not in variants and (result := _scan_result(report)):
        variants["scan_result"] = result
    code = re.search(r"^failed, .*?\b(\d{3,5})\b", report.get("result", ""))
    return {
        "report": report,
        "box": {"hardware": hardware, "software": software},
        "printer": {
            "model": model,
            "network": by == "network",
            "species": species,
            "driver": driver.removeprefix("driver "),
            "reports_condition": "condition yes" in report.get("row", ""),
        },
        "variants": variants,
        "push": _push(report),
        "end": {"code": int(code[1]), "msg": report.get("words", "")} if code else None,
    }


def _missing_blocks(report: dict[str, Any]) -> list[str]:
    blocks = [
        BLOCKS[name]
        for name in BLOCKS
        if re.search(rf"\b{name} missing", report.get("abilities", ""))
    ]
    has_defaults = "dmOrientation" in report.get("options", "") or "Orientation" in blocks
    return blocks if has_defaults or "options" not in report else [*blocks, "DevMode"]


def _push(report: dict[str, Any]) -> dict[str, str] | None:
    """Return in which form the service pushes messages; None if no message has come."""
    line = next((one for one in report["unknown"] if one.startswith(PUSHED)), None)
    if line is None:
        return None
    shape = next(name for pattern, name in PUSHES if re.search(pattern, line))
    return {"shape": shape, "encoding": "form" if "form-urlencoded" in line else "json"}


def _scan_result(report: dict[str, Any]) -> str | None:
    """Return the form in which the service answered with a scan's pages; None if it is the usual one or unknown."""
    shapes = [one.partition(SCANNED)[2] for one in report["unknown"] if SCANNED in one]
    if not shapes:
        return "never" if "scan_not_understood" in report["scan"] else None
    shape = json.loads(shapes[0])
    if not isinstance(shape, dict):
        return None
    if "JSON in a text" in shape:
        return "json_text"
    values = [*shape.values()]
    whole = [one[0] for one in values if isinstance(one, list) and one]
    texts = [one for one in (*values, *whole) if isinstance(one, str)]
    has_content = any(one.startswith("text of") for one in texts)
    has_address = any("://" in one for one in texts)
    if any(isinstance(one, dict) for one in whole):
        return "objects"
    if has_content:
        return "both" if has_address else "data_url" if whole else "base64"
    if not has_address:
        return "not_understood"
    if whole:
        return "addresses"
    name = next(iter(shape))
    return "numbered" if name[-1].isdigit() else "sides" if name in ("front", "back") else "address"


# The names of the questions of the guide, in English and Chinese.
TRIED = {
    "came_out": ("test page", "测试页"),
    "both_sides": ("both sides", "双面"),
    "colors": ("colors", "彩色"),
    "phone": ("from a phone or computer", "手机或电脑"),
    "scan_came_out": ("scan", "扫描"),
}


def rows(report: dict[str, Any]) -> tuple[str, str]:
    """Return the report's rows of the table *Works with*, in English and in Chinese."""
    model, by, *_ = report["printer"].rsplit(", ", 3)
    version = report["versions"].partition(",")[0]
    made = []
    for place, (no, none, network) in enumerate(
        (("not: ", "nothing", "network"), ("不行：", "无", "网络"))
    ):
        tried = [
            f"{'' if report[key] == 'yes' else no}{words[place]}"
            for key, words in TRIED.items()
            if report.get(key) in ("yes", "no")
        ]
        cells = (
            report["box"],
            model,
            network if by == "network" else by,
            ", ".join(tried) or none,
            version,
        )
        made.append("| " + " | ".join(one.replace("|", "/") for one in cells) + " | … |")
    return made[0], made[1]


def save(text: str, folder: Path) -> Path:
    """Write a report's fixture. Raises ValueError if the text is no report."""
    report = read_report(text)
    name = re.sub(r"\W+", "-", f"{report['box']} {report['printer'].rsplit(', ', 3)[0]}").strip("-")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name[:MAX_FIXTURE_NAME]}.json"
    content = json.dumps(fixture_of(report), indent=2, ensure_ascii=False)
    path.write_text(f"{content}\n", encoding="utf-8")
    return path
