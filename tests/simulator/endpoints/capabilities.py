"""Endpoints about models: names, capabilities, papers."""

from typing import Any

from ..models import ApiError
from .call import NOTHING, Call


async def all_models(call: Call) -> Any:
    """GET /print/printer_enum."""
    return call.cloud.model_names


async def search_models(call: Call) -> Any:
    """POST /print/printer_enum."""
    words = call.text("query").lower().split()
    return [name for name in call.cloud.model_names if all(word in name.lower() for word in words)]


def _capabilities(call: Call) -> tuple[dict[str, Any], dict[str, dict[str, int]]]:
    """Return capabilities and papers of the model that the request names; raises ApiError 400 if it is unknown."""
    if "printerHash" in call.fields:
        printer = call.find_printer(call.box(), "devicePort")
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
    """GET /print/paper_dimension_list, which takes 3 s."""
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
