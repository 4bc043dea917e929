"""Reads recorded answers of real boxes as the client does."""

from collections.abc import Callable, Mapping
import json
from pathlib import Path

from custom_components.lianke.api.capabilities import Capabilities, parse_papers
from custom_components.lianke.api.coerce import to_int
from custom_components.lianke.api.errors import ERROR_BY_CODE
from custom_components.lianke.api.models import Box, PrinterCondition, parse_printers
from custom_components.lianke.api.tasks import Task, parse_day_tasks
from custom_components.lianke.api.unknown import unknown_parts

FOLDER = Path(__file__).parent / "recorded"
READERS: Mapping[str, Callable[[object], object]] = {
    "GET /device/device_info": Box.from_json,
    "GET /device/printer_status": PrinterCondition.from_json,
    "GET /external_api/printer_list": parse_printers,
    "GET /print/printer_params": Capabilities.from_json,
    "GET /print/paper_dimension_list": parse_papers,
    "GET /print/job": lambda data: Task.from_json("recorded", data),
    "POST /print/query_device_task": parse_day_tasks,
}


def check_answer(path: Path) -> str | None:
    """Read a recorded answer; return its endpoint, or None if it is a refusal, which must have a known code."""
    recorded = json.loads(path.read_text("utf-8"))
    where = f"{recorded['method']} {recorded['path']}"
    answer = recorded["answer"]
    code = to_int(answer["code"])
    if code != 200:
        assert code in ERROR_BY_CODE, (path.name, code)
        return None
    assert not list(unknown_parts(where, answer.get("data"))), path.name
    assert READERS[where](answer.get("data")) is not None
    return where
