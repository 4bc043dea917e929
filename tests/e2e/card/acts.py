"""What people do before and with the card, for several test modules."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from tests.e2e.binding import bind, printer_device
from tests.e2e.card.stage import DASHBOARD, LASER, SMALL_LASER, Stage, change_options
from tests.simulator import make_pdf

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


# The card picker shows all of Home Assistant's cards; one of them is a map that asks for its tiles.
MAP = ("request to https://", "ERR_NAME_NOT_RESOLVED", "Failed to fetch")


async def cards(stage: Stage) -> list[dict[str, object]]:
    """Return the cards of the dashboard as they are stored."""
    config = await stage.home.command("lovelace/config", url_path=DASHBOARD)
    return list(config["views"][0]["sections"][0]["cards"])


LIST = "todo.shopping_list"


async def fill_list(stage: Stage, *items: str) -> None:
    """Give the shopping list these open items and no others."""
    if not any(one["entity_id"] == LIST for one in await stage.home.command("get_states")):
        flow = await stage.home.start_flow("shopping_list")
        if flow["type"] == "form":
            await stage.home.submit(flow, {})
    await stage.home.call("shopping_list", "complete_all", {})
    await stage.home.call("shopping_list", "clear_completed_items", {})
    for item in items:
        await stage.home.call("shopping_list", "add_item", {"name": item})


@asynccontextmanager
async def slow_paper(stage: Stage) -> AsyncIterator[None]:
    """Have the laser printer take seconds for a page, so that what is shown meanwhile is seen on any machine."""
    printer = partial(stage.cloud.change_printer, stage.cloud.device_id, 1)
    await printer(seconds_per_page=15.0)
    try:
        yield
    finally:
        await printer(seconds_per_page=3.0)


async def send(stage: Stage, name: str, pages: int = 1, printer: str = LASER) -> None:
    """Have Home Assistant print a PDF."""
    path = stage.home.documents / f"{name}.pdf"
    path.write_bytes(make_pdf(pages, name))
    data = {"device_id": stage.devices[printer], "file": str(path), "title": name}
    await stage.home.call("lianke", "print", data)


async def bind_other_box(stage: Stage) -> tuple[str, str, str]:
    """Bind the account's second box; return the ids of the box, its entry and the device of its small laser."""
    boxes = await stage.cloud.boxes()
    first = next(box for box in boxes if box["device_id"] == stage.cloud.device_id)
    other = next(box for box in boxes if box["account"] == first["account"] and box is not first)
    entry = await bind(
        stage.home, server=stage.cloud.url, account=stage.entry_id, qr_text=other["qr_link"]
    )
    printer = await printer_device(stage.home, other["device_id"], SMALL_LASER)
    return other["device_id"], entry["entry_id"], printer["id"]


@asynccontextmanager
async def approval(stage: Stage) -> AsyncIterator[None]:
    """Have every job on the laser approved, by an administrator."""
    choose = partial(change_options, stage.home, stage.entry_id, "approval")
    await choose(approval_printers=[LASER])
    try:
        yield
    finally:
        await choose(approval_printers=[])


async def submit(stage: Stage, title: str, printer: str = LASER, **data: Any) -> None:
    """Have Home Assistant print a PDF."""
    path = stage.home.documents / "people.pdf"
    path.write_bytes(make_pdf(2, title))
    data |= {"device_id": stage.devices[printer], "file": str(path), "title": title}
    await stage.home.call("lianke", "print", data)
