"""The home that the demo shows: things to print, an automation and a dashboard.

It has everything that the manual's examples name, so that the examples can be pasted as they are.
"""

import asyncio
from datetime import datetime
import json
from pathlib import Path
import re
from typing import Any
from zoneinfo import ZoneInfo

from PIL import Image, ImageDraw

from tests.simulator import make_pdf

from .binding import DOMAIN, entity_of, printer_device
from .cloud import SimulatorProcess
from .hass import HassError, RealHomeAssistant

PRINTER = "Kyocera MA2000w GX"  # the simulated laser printer in the box's first USB port
INKJET = "EPSON L3250 Series (网络)"  # the simulated printer whose ink runs low
LABELS = "Gprinter GP-1324D"
DOCUMENT_PAGES = 3
DASHBOARD = "lianke-demo"
BUTTON = "input_button.print_the_document"
AUTOMATION = "lianke_demo"
CALENDAR = "calendar.family"
CAMERA = "camera.front_door"
# It has a smart plug and a door contact, for the examples that switch the printer on or watch the door.
CONFIGURATION = """\
input_button:
history:
logbook:
recorder:
  commit_interval: 5
input_boolean:
  front_door:
  printer_plug:
template:
  - binary_sensor:
      - name: Front door
        unique_id: front_door
        default_entity_id: binary_sensor.front_door
        device_class: door
        state: "{{ is_state('input_boolean.front_door', 'on') }}"
  - switch:
      - name: Printer plug
        unique_id: printer_plug
        default_entity_id: switch.printer_plug
        state: "{{ is_state('input_boolean.printer_plug', 'on') }}"
        turn_on:
          action: input_boolean.turn_on
          target:
            entity_id: input_boolean.printer_plug
        turn_off:
          action: input_boolean.turn_off
          target:
            entity_id: input_boolean.printer_plug
"""
TEXTS: dict[str, dict[str, Any]] = {
    "en": {
        "automation": "Print the document",
        "calendar": "Family",
        "camera": "Front door",
        "dinner": "Dinner with grandparents",
        "items": ["Milk", "Bread", "Apples"],
        "label": "Strawberry jam",
        "list": "Shopping list",
        "note": "Note",
        "note_text": "Back at six. Soup is in the fridge.",
        "button": "Print the document",
        "dashboard": "Printing",
        "document": "Hello from Home Assistant, page",
        "jobs": "Print jobs",
        "printer": "The printer",
        "title": "Demo document",
        "try": "Drop a file on a card, or press a button: the list, the calendar and the picture of "
        "the camera are printed, and an automation prints a document of three pages. Nothing leaves "
        "this machine. At [the simulated cloud]({cloud}) you can take paper out, unplug printers and "
        "see what came out.",
    },
    "zh-Hans": {
        "automation": "打印文档",
        "calendar": "家庭",
        "camera": "门口",
        "dinner": "和爷爷奶奶吃饭",
        "items": ["牛奶", "面包", "苹果"],
        "label": "草莓酱",
        "list": "购物清单",
        "note": "便条",
        "note_text": "六点回家，汤在冰箱里。",
        "button": "打印文档",
        "dashboard": "打印",
        "document": "Hello from Home Assistant, page",
        "jobs": "打印任务",
        "printer": "打印机",
        "title": "演示文档",
        "try": "把文件拖到卡片上，或按一个按钮：打印清单、日历、摄像头画面，或由自动化打印一份三页的文档。"
        "一切都在本机进行。在[模拟云端]({cloud})可以取走纸张、拔掉打印机，并查看打印结果。",
    },
}


async def furnish(hass: RealHomeAssistant, cloud: SimulatorProcess) -> None:
    """Add things to print, an automation and a dashboard for the first box.

    Files, the automation and the dashboard are written anew if they exist.
    """
    texts = TEXTS[hass.language]
    document = hass.documents / "demo.pdf"
    document.write_bytes(make_pdf(DOCUMENT_PAGES, texts["document"]))
    for name, pages in (("menu.pdf", DOCUMENT_PAGES), ("letter.pdf", 1)):
        (hass.documents / name).write_bytes(make_pdf(pages, texts["document"]))
    for name, color in (("front.jpg", "#3d6b8e"), ("back.jpg", "#8e6b3d")):
        _draw_card(hass.documents / name, color)
    if not await hass.command("input_button/list"):
        # The entity id, which the automation refers to, is made from this name; the dashboard shows its own text.
        await hass.command("input_button/create", name="Print the document", icon="mdi:printer")
    printer = await printer_device(hass, cloud.device_id, PRINTER)
    await hass.post(
        f"/api/config/automation/config/{AUTOMATION}", automation(texts, printer, str(document))
    )
    await _add_sources(hass)
    await _open_to_assistants(hass, printer)
    await _add_dashboard(hass, cloud, printer)


def cloud_page(hass: RealHomeAssistant, cloud: SimulatorProcess) -> str:
    """Return the address of the simulated cloud's page in the language of the house."""
    return f"{cloud.admin_url}?language={hass.language}"


async def point_to_cloud(hass: RealHomeAssistant, cloud: SimulatorProcess) -> None:
    """Make the dashboard link to the present address of the simulated cloud; change nothing else in it."""
    try:
        text = json.dumps(await hass.command("lovelace/config", url_path=DASHBOARD))
    except HassError:
        # Somebody has deleted the dashboard.
        return
    now = re.sub(r"\(https?://[^()\s]+/_sim/[^()\s]*\)", f"({cloud_page(hass, cloud)})", text)
    if now != text:
        await hass.command("lovelace/config/save", url_path=DASHBOARD, config=json.loads(now))


async def print_samples(hass: RealHomeAssistant, cloud: SimulatorProcess) -> None:
    """Print the list and a label, so that the history and the out tray have something to show."""
    texts = TEXTS[hass.language]
    listed = await _entity(hass, "shopping_list")
    samples: dict[str, dict[str, Any]] = {
        PRINTER: {"source_entity": listed, "title": texts["list"]},
        LABELS: {
            "markdown": f"# {texts['label']}\n\n![](qr:{texts['label']})",
            "title": texts["label"],
            "paper_width": 60,
            "paper_height": 40,
        },
    }
    for name, data in samples.items():
        printer = await printer_device(hass, cloud.device_id, name)
        await hass.call(DOMAIN, "print", {"device_id": printer["id"], **data})


async def _add_sources(hass: RealHomeAssistant) -> None:
    """Add a list, a calendar and a camera, none of them empty."""
    texts = TEXTS[hass.language]
    picture = hass.documents / "front-door.jpg"
    _draw_door(picture)
    flows: dict[str, dict[str, Any]] = {
        "shopping_list": {},
        "local_calendar": {"calendar_name": texts["calendar"], "import": "create_empty"},
        "local_file": {"file_path": str(picture)},
    }
    for handler, answers in flows.items():
        if await hass.entries(handler):
            continue
        flow = await hass.start_flow(handler)
        if flow["type"] == "form":
            await hass.submit(flow, answers)
    for item in texts["items"]:
        await hass.call("shopping_list", "add_item", {"name": item})
    # The dinner is on every day, so that there is something to print on any day.
    today = datetime.now(ZoneInfo(hass.time_zone)).date()
    dinner = {
        "summary": texts["dinner"],
        "dtstart": f"{today}T18:00:00",
        "dtend": f"{today}T20:00:00",
        "rrule": "FREQ=DAILY",
    }
    await _entity(hass, "shopping_list", called=texts["list"])
    calendar = await _entity(hass, "local_calendar", CALENDAR)
    await hass.command("calendar/event/create", entity_id=calendar, event=dinner)
    await _entity(hass, "local_file", CAMERA, called=texts["camera"])


async def _open_to_assistants(hass: RealHomeAssistant, printer: dict[str, Any]) -> None:
    """Let assistants connect over MCP, and expose a printer and everything that can be printed to them."""
    if not await hass.entries("mcp_server"):
        await hass.submit(await hass.start_flow("mcp_server"), {})
    exposed = [
        await entity_of(hass, printer, "sensor", "status"),
        await _entity(hass, "shopping_list"),
        CALENDAR,
        CAMERA,
    ]
    await hass.command(
        "homeassistant/expose_entity",
        assistants=["conversation"],
        entity_ids=exposed,
        should_expose=True,
    )


def _draw_door(path: Path) -> None:
    """Draw what a camera at the front door could see."""
    picture = Image.new("RGB", (960, 540), "#a9c7e8")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 380, 960, 540), fill="#7d8f69")
    draw.rectangle((330, 110, 630, 480), fill="#e9e2d3")
    draw.polygon([(300, 120), (480, 20), (660, 120)], fill="#8c4a3b")
    draw.rectangle((430, 270, 530, 480), fill="#5b3a29")
    draw.ellipse((508, 370, 520, 382), fill="#e0c068")
    picture.save(path, "JPEG")


def _draw_card(path: Path, color: str) -> None:
    """Draw one side of a card with the shape of an ID card."""
    picture = Image.new("RGB", (856, 540), color)
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((60, 60, 320, 400), 20, fill="#f4efe6")
    for line in range(4):
        draw.rectangle((380, 90 + 90 * line, 790, 130 + 90 * line), fill="#f4efe6")
    picture.save(path, "JPEG")


async def _entity(
    hass: RealHomeAssistant,
    platform: str,
    entity_id: str | None = None,
    *,
    called: str | None = None,
) -> str:
    """Return the id of an integration's only entity; first change its id and its name if these are given."""
    found = next(one["entity_id"] for one in await hass.entities() if one["platform"] == platform)
    changes: dict[str, Any] = {} if entity_id in (None, found) else {"new_entity_id": entity_id}
    if called is not None:
        changes["name"] = called
    if changes:
        await hass.command("config/entity_registry/update", entity_id=found, **changes)
    return str(entity_id or found)


async def _automation(hass: RealHomeAssistant) -> str:
    """Return the automation's entity id; the entity appears a moment after the automation was saved."""
    async with asyncio.timeout(180):
        while True:
            for one in await hass.entities():
                if (one["platform"], one["unique_id"]) == ("automation", AUTOMATION):
                    return str(one["entity_id"])
            await asyncio.sleep(0.1)


def automation(texts: dict[str, str], printer: dict[str, Any], document: str) -> dict[str, Any]:
    """Return an automation that prints the document when the button is pressed."""
    return {
        "alias": texts["automation"],
        "mode": "queued",
        "triggers": [{"trigger": "state", "entity_id": BUTTON}],
        "conditions": [],
        "actions": [
            {
                "action": f"{DOMAIN}.print",
                "data": {"device_id": printer["id"], "file": document, "title": texts["title"]},
            }
        ],
    }


async def _add_dashboard(
    hass: RealHomeAssistant, cloud: SimulatorProcess, printer: dict[str, Any]
) -> None:
    """Add the dashboard and make it the one that opens first."""
    texts = TEXTS[hass.language]
    boards = await hass.command("lovelace/dashboards/list")
    if not any(board["url_path"] == DASHBOARD for board in boards):
        await hass.command(
            "lovelace/dashboards/create",
            url_path=DASHBOARD,
            title=texts["dashboard"],
            icon="mdi:printer",
            show_in_sidebar=True,
            require_admin=False,
        )
    inkjet = await printer_device(hass, cloud.device_id, INKJET)
    labels = await printer_device(hass, cloud.device_id, LABELS)
    listed = await _entity(hass, "shopping_list")
    buttons = [
        {"entity": listed, "name": texts["list"]},
        {"entity": CALENDAR, "name": texts["calendar"]},
        {"entity": CAMERA, "name": texts["camera"], "device": inkjet["id"]},
        {"name": texts["note"], "data": {"text": texts["note_text"]}},
        {"entity": await _automation(hass), "name": texts["automation"]},
    ]
    sections = [
        [
            {
                "type": "custom:lianke-card",
                "devices": [printer["id"]],
                "buttons": buttons,
                "history": 5,
            },
            {"type": "markdown", "content": texts["try"].format(cloud=cloud_page(hass, cloud))},
        ],
        [
            {"type": "custom:lianke-card", "devices": [inkjet["id"]]},
            {"type": "custom:lianke-card", "devices": [labels["id"]], "layout": "compact"},
            {"type": "picture-entity", "entity": CAMERA, "name": texts["camera"]},
        ],
        [
            {"type": "todo-list", "entity": listed, "title": texts["list"]},
            {"type": "calendar", "entities": [CALENDAR], "initial_view": "listWeek"},
            {
                "type": "entities",
                "title": texts["printer"],
                "entities": await _entities(hass, printer),
            },
        ],
    ]
    view = {
        "title": texts["dashboard"],
        "type": "sections",
        "sections": [{"type": "grid", "cards": cards} for cards in sections],
    }
    await hass.command("lovelace/config/save", url_path=DASHBOARD, config={"views": [view]})
    await hass.command("frontend/set_system_data", key="core", value={"default_panel": DASHBOARD})


async def _entities(hass: RealHomeAssistant, printer: dict[str, Any]) -> list[str]:
    """Return the entities that say the most about the printer."""
    reported = ("status", "jobs_waiting", "pages_printed")
    return [await entity_of(hass, printer, "sensor", key) for key in reported]
