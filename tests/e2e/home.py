"""The home that the demo shows: a document to print, a button, an automation and a dashboard."""

from typing import Any

from tests.simulator import make_pdf

from .binding import DOMAIN, entity_of, printer_device
from .cloud import SimulatorProcess
from .hass import RealHomeAssistant

PRINTER = "Kyocera MA2000w GX"  # the simulated laser printer in the box's first USB port
DOCUMENT_PAGES = 3
DASHBOARD = "lianke-demo"
BUTTON = "input_button.print_the_document"
AUTOMATION = "lianke_demo"
TEXTS = {
    "en": {
        "automation": "Print the document",
        "box": "The box",
        "button": "Print the document",
        "dashboard": "Printing",
        "document": "Hello from Home Assistant, page",
        "jobs": "Print jobs",
        "printer": "The printer",
        "title": "Demo document",
        "try": "Press the button: an automation prints a document of three pages. Or drop a file on the card. Nothing "
        "leaves this machine; printed documents land in the folder `.demo/printed`.",
    },
    "zh-Hans": {
        "automation": "打印文档",
        "box": "云盒",
        "button": "打印文档",
        "dashboard": "打印",
        "document": "Hello from Home Assistant, page",
        "jobs": "打印任务",
        "printer": "打印机",
        "title": "演示文档",
        "try": "按下按钮，自动化会打印一份三页的文档；也可以把文件拖到卡片上。"
        "一切都在本机进行，打印结果保存在文件夹 `.demo/printed` 中。",
    },
}


async def furnish(hass: RealHomeAssistant, cloud: SimulatorProcess) -> None:
    """Add document, button, automation and dashboard for the first box; what is there already is written anew."""
    texts = TEXTS[hass.language]
    document = hass.documents / "demo.pdf"
    document.write_bytes(make_pdf(DOCUMENT_PAGES, texts["document"]))
    if not await hass.command("input_button/list"):
        # The name makes the entity id, which the automation refers to; the dashboard shows its own text.
        await hass.command("input_button/create", name="Print the document", icon="mdi:printer")
    printer = await printer_device(hass, cloud.device_id, PRINTER)
    await hass.post(
        f"/api/config/automation/config/{AUTOMATION}", automation(texts, printer, str(document))
    )
    await _add_dashboard(hass, cloud, printer)


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
    status = await entity_of(hass, printer, "sensor", "status")
    sections = [
        [
            {"type": "custom:lianke-card", "devices": [printer["id"]]},
            {"type": "markdown", "content": texts["try"]},
            {
                "type": "button",
                "entity": BUTTON,
                "name": texts["button"],
                "show_state": False,
                # By itself a tap would only show the button's details.
                "tap_action": {
                    "action": "perform-action",
                    "perform_action": "input_button.press",
                    "target": {"entity_id": BUTTON},
                },
            },
        ],
        [
            {
                "type": "entities",
                "title": texts["printer"],
                "entities": await _entities(hass, printer, status),
            }
        ],
    ]
    view = {
        "title": texts["dashboard"],
        "type": "sections",
        "sections": [{"type": "grid", "cards": cards} for cards in sections],
    }
    await hass.command("lovelace/config/save", url_path=DASHBOARD, config={"views": [view]})
    await hass.command("frontend/set_system_data", key="core", value={"default_panel": DASHBOARD})


async def _entities(hass: RealHomeAssistant, printer: dict[str, Any], first: str) -> list[str]:
    """Return the printer's entities worth a row, the first one on top."""
    shown = [
        entity["entity_id"]
        for entity in await hass.entities()
        if entity["device_id"] == printer["id"]
        and entity["entity_id"].split(".")[0] in {"sensor", "binary_sensor"}
        and not entity["disabled_by"]
        and not entity["hidden_by"]
    ]
    return [first, *sorted(entity_id for entity_id in shown if entity_id != first)]
