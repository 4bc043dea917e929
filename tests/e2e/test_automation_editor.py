"""Automations that somebody makes in Home Assistant's editor, in Chinese, and why nothing happened."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
import json
from pathlib import Path
import re
from typing import Any

from playwright.async_api import Locator, Page, expect
import pytest
import yaml

from .binding import DOMAIN, bind, entity_of, printer_device
from .browsing import PATIENCE, browsing
from .cloud import UNSEEN, SimulatorProcess
from .hass import ROOT, RealHomeAssistant

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("socket_enabled"),
]

INTEGRATION = ROOT / "custom_components" / DOMAIN
LASER = "Kyocera MA2000w GX"
INKJET = "EPSON L3250 Series (网络)"
SCANNER = "EPSON L3250 Series 扫描仪"
# Where the editor offers what not every printer has.
ONLY_OF = {"ink_low": INKJET, "is_ink_low": INKJET, "scan_ready": SCANNER, "is_scanning": SCANNER}
ADD = {"triggers": "添加触发条件", "conditions": "添加条件", "actions": "添加动作"}
TEXTS = json.loads((INTEGRATION / "translations" / "zh-Hans.json").read_text("utf-8"))
INKS = ("Black", "Cyan", "Magenta", "Yellow")


@asynccontextmanager
async def editing(
    folder: Path, chromium: str
) -> AsyncIterator[tuple[Page, RealHomeAssistant, SimulatorProcess]]:
    """Give a page of a Chinese home with a bound box."""
    expect.set_options(timeout=PATIENCE)
    async with (
        SimulatorProcess(folder / "printed", speed=20, module=UNSEEN) as cloud,
        RealHomeAssistant(folder / "config", language="zh-Hans") as home,
    ):
        await bind(home, server=cloud.url, api_key=cloud.api_key, qr_text=cloud.qr_link)
        async with browsing(chromium, home, "zh-Hans") as page:
            await page.set_viewport_size({"width": 1400, "height": 1400})
            yield page, home, cloud
        assert not home.problems(DOMAIN)


async def begin(page: Page, home: RealHomeAssistant) -> None:
    """Begin an automation from nothing."""
    await page.goto(f"{home.url}/config/automation/dashboard")
    await page.get_by_role("button", name="创建自动化").first.click()
    await page.get_by_text("创建新的自动化").first.click()


async def add(page: Page, kind: str, device: str, text: str) -> Locator:
    """Add what a device's page offers under this text, and return its form."""
    await page.get_by_role("button", name=ADD[kind]).click()
    offered = page.locator("add-automation-element-dialog")
    await offered.get_by_text("设备", exact=True).last.click()
    await offered.get_by_text(device, exact=True).last.click()
    await offered.locator("ha-list-item-button").filter(has_text=text).first.click()
    await expect(offered).to_have_count(0)
    form = page.locator("ha-automation-sidebar")
    await expect(form.get_by_text(device, exact=True)).to_be_visible()
    return form


def field(form: Locator, text: str) -> Locator:
    """Return the row of a field with this name or description."""
    return form.locator("ha-settings-row").filter(has_text=text)


async def save(page: Page, home: RealHomeAssistant, name: str) -> dict[str, Any]:
    """Save the automation under a name, and return what Home Assistant has stored."""
    await page.get_by_role("button", name="保存").first.click()
    await page.get_by_role("textbox", name="名称").fill(name)
    await page.get_by_role("button", name="保存").last.click()
    await expect(page).not_to_have_url(f"{home.url}/config/automation/edit/new")
    key = page.url.rsplit("/", 1)[-1]
    stored = await home.get(f"/api/config/automation/config/{key}")
    assert stored["alias"] == name
    return dict(stored)


async def trace(page: Page, home: RealHomeAssistant, key: str) -> Locator:
    """Open the newest trace of an automation."""
    await page.goto(f"{home.url}/config/automation/trace/{key}")
    return page.locator("ha-automation-trace")


async def test_an_automation_is_made_from_nothing_and_traces_say_why_nothing_happened(
    tmp_path: Path, chromium: str
) -> None:
    async with editing(tmp_path, chromium) as (page, home, cloud):
        devices = {
            name: await printer_device(home, cloud.device_id, name) for name in (LASER, INKJET)
        }
        status = {
            name: await entity_of(home, device, "sensor", "status")
            for name, device in devices.items()
        }

        async def poll(name: str) -> None:
            await home.call("homeassistant", "update_entity", {"entity_id": status[name]})

        async def ink(levels: Sequence[int]) -> None:
            markers = [
                {"name": name, "color": "#000000", "type": "ink-cartridge", "level": level}
                for name, level in zip(INKS, levels, strict=True)
            ]
            await cloud.change_printer(cloud.device_id, "192.168.1.40", markers=markers)
            await poll(INKJET)

        await ink([72, 40, 55, 8])
        await begin(page, home)
        form = await add(page, "triggers", INKJET, "墨水或墨粉不足")
        await field(form, "阈值").get_by_role("spinbutton").fill("20")
        await form.get_by_text("全部", exact=True).click()
        await field(form, "至少持续").locator("ha-checkbox").click()
        await field(form, "至少持续").get_by_role("spinbutton").last.fill("2")
        await page.keyboard.press("Tab")
        # The row says what was typed, and how many inks it is about.
        rows = page.locator("ha-automation-trigger-row")
        await expect(rows.first).to_contain_text("低于 20%")
        await expect(rows.first).to_contain_text("持续 2秒")
        await expect(rows.first).to_contain_text(f"{INKJET} (4)")
        form = await add(page, "triggers", LASER, "打印机需要处理")
        await field(form, "出现哪些问题").locator("ha-checkbox").click()
        await field(form, "出现哪些问题").get_by_role("button", name="添加").click()
        await page.get_by_text("缺纸", exact=True).last.click()
        await form.get_by_text("首次", exact=True).click()
        await expect(rows.last).to_contain_text(f"{LASER} (1)")
        await add(page, "conditions", LASER, "打印机已就绪")
        await expect(page.locator("ha-automation-condition-row")).to_contain_text(f"{LASER} (1)")
        form = await add(page, "actions", LASER, "打印文件、网址")
        await expect(page.locator("ha-automation-action-row")).to_contain_text(f"{LASER} (1)")
        await field(form, "纯文本").locator("ha-checkbox").click()
        await field(form, "纯文本").get_by_role("textbox").fill("该买墨水了")
        stored = await save(page, home, "墨水提醒")
        laser, inkjet = ({"device_id": devices[name]["id"]} for name in (LASER, INKJET))
        number = {"number": 20, "active_choice": "number"}
        assert stored["triggers"] == [
            {
                "trigger": "lianke.ink_low",
                "target": inkjet,
                "options": {
                    "threshold": {"type": "below", "value": number},
                    "behavior": "all",
                    "for": {"hours": 0, "minutes": 0, "seconds": 2},
                },
            },
            {
                "trigger": "lianke.printer_needs_attention",
                "target": laser,
                "options": {"behavior": "first", "fault": ["out_of_paper"]},
            },
        ]
        assert stored["conditions"] == [
            {"condition": "lianke.is_ready", "target": laser, "options": {"behavior": "any"}}
        ]
        [action] = stored["actions"]
        assert action["data"] == {"text": "该买墨水了"}

        # Somebody opens it again and changes it.
        await page.goto(f"{home.url}/config/automation/edit/{stored['id']}")
        # The row names its target once all descriptions are there; who presses it earlier sees YAML.
        await expect(rows.first).to_contain_text(f"{INKJET} (4)")
        await rows.first.click()
        await field(form, "阈值").get_by_role("spinbutton").fill("25")
        await page.get_by_role("button", name="保存").first.click()

        async def threshold() -> object:
            changed = await home.get(f"/api/config/automation/config/{stored['id']}")
            return changed["triggers"][0]["options"]["threshold"]["value"]["number"]

        assert await home.poll(threshold, lambda number: number == 25)

        # Two inks are low, and two are not.
        await ink([18, 40, 55, 8])
        shown = await trace(page, home, stored["id"])
        await expect(shown).to_contain_text("未触发自动化流程。原因如下所示。")
        await expect(shown).to_contain_text("others_differ")
        assert await cloud.get("printed") == []
        await ink([18, 19, 5, 8])
        assert await home.poll(lambda: cloud.get("printed"), bool)
        # The printer itself cannot print, so the condition does not hold.
        await cloud.change_printer(cloud.device_id, 1, paper=0)
        await poll(LASER)
        await home.wait_for_state(status[LASER], lambda state: state["state"] == "out_of_paper")
        shown = await trace(page, home, stored["id"])
        # Home Assistant first shows the newest change that was none for a trigger.
        await shown.get_by_role("button", name=re.compile("^20..年")).click()
        await shown.get_by_text("因条件失败而停止").click()
        await shown.get_by_text("跟踪时间线").click()
        await expect(shown).to_contain_text("因某个条件失败，停止于")
        assert len(await cloud.get("printed")) == 1


async def test_every_form_is_in_chinese_and_can_be_saved(tmp_path: Path, chromium: str) -> None:
    async with editing(tmp_path, chromium) as (page, home, cloud):
        await home.command("labs/update", enabled=True, domain=DOMAIN, preview_feature="scanning")

        async def scanners() -> list[str]:
            return [one["name"] for one in await home.devices() if one["name"] == SCANNER]

        assert await home.poll(scanners, bool)
        await begin(page, home)
        for kind in ("triggers", "conditions"):
            described = yaml.safe_load((INTEGRATION / f"{kind}.yaml").read_text("utf-8"))
            for name, texts in TEXTS[kind].items():
                form = await add(page, kind, ONLY_OF.get(name, LASER), texts["description"])
                await expect(form.get_by_text(texts["name"], exact=True)).to_be_visible()
                await expect(form.get_by_text(texts["description"], exact=True)).to_be_visible()
                fields = described[name].get("fields", {})
                assert fields.keys() == texts.get("fields", {}).keys()
                await expect(form.locator("ha-settings-row")).to_have_count(len(fields))
                for key, field_texts in texts.get("fields", {}).items():
                    row = field(form, field_texts["description"])
                    await expect(row).to_contain_text(field_texts["name"])
                    if key == "threshold":
                        # The second such field of a page loses its default: Home Assistant's editor then asks for it.
                        await row.get_by_role("spinbutton").fill("15")
                        await page.keyboard.press("Tab")
                    if (choice := fields[key]["selector"].get("select")) is None:
                        continue
                    if len(choice["options"]) > 5:
                        await row.locator("ha-checkbox").click()
                        await row.get_by_role("button", name="添加").click()
                    said = TEXTS["selector"][choice["translation_key"]]["options"]
                    for option in choice["options"]:
                        await expect(
                            page.get_by_text(said[option], exact=True).last
                        ).to_be_attached()
                    await page.keyboard.press("Escape")
        stored = await save(page, home, "全部")
        for kind in ("triggers", "conditions"):
            made = [one[kind[:-1]] for one in stored[kind]]
            assert made == [f"{DOMAIN}.{name}" for name in TEXTS[kind]]
        [state] = [
            state
            for name, state in (await home.states()).items()
            if name.startswith("automation.") and state["attributes"]["id"] == stored["id"]
        ]
        assert state["state"] == "on"
        assert await cloud.get("printed") == []
