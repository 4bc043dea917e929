"""A report that is read back makes a simulator that behaves like the reported box."""

import json
from pathlib import Path
import re
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from scripts.record import read
from scripts.reports import fixture_of, read_report, rows
from tests.conftest import make_entry, set_up
from tests.household import LASER, House
from tests.report.guides import Guide
from tests.simulator import Outcome
from tests.simulator.cast import office_printers
from tests.simulator.reported import behave_like
from tests.simulator.variants import Variants

HIDDEN: list[dict[str, Any]] = [
    {"hash_id": "missing", "callbacks": "never", "scan_result": "numbered"},
    {"hash_id": "number", "papers": "empty", "scan_states": "unknown"},
    {"missing_blocks": ["Duplex"], "scanner_status": "flags", "scan_result": "sides"},
    {
        "missing_blocks": ["Papers", "Color"],
        "scan_result": "addresses",
        "push": {"shape": "nested", "encoding": "json"},
    },
    {"missing_blocks": ["DevMode"], "scanner_params": "texts", "scan_result": "objects"},
    {"callback_encoding": "form", "scan_problem": "feeder_empty"},
    {
        "missing_blocks": ["Bins", "MediaTypes"],
        "scanner_params": "nested",
        "scan_result": "json_text",
    },
    {"scanner_status": "numbers", "scan_result": "base64"},
    {"scan_result": "both", "push": {"shape": "garbage", "encoding": "json"}},
    {"scan_problem": "jam", "scan_result": "data_url"},
    {"scan_problem": "lid"},
    {"scan_problem": "unknown_code"},
    {"scan_result": "not_understood"},
    {"push": {"shape": "sn", "encoding": "form"}, "scanners": "code_403"},
    {"push": {"shape": "event_only", "encoding": "json"}, "scanners": "empty"},
]


def without_times(report: str) -> list[str]:
    """Return a report's lines without what differs from one time to the next.

    Which states of a scan are seen depends on how fast they change.
    """
    left_out = re.compile("Seconds|.*state GET /scanning/job")
    kept = [line for line in report.splitlines() if not left_out.match(line)]
    return [re.sub(r", [\d.]+ s$|text of \d+|:9\{\d\}", "", line) for line in kept]


async def push(house: House) -> None:
    """Push a message about a box, in the account's form."""
    account = house.box.account
    assert account
    account.push_url = house.data.account.address
    await house.cloud.messenger.push(account, house.entry.data["device_id"], "printer_off")


async def again(guide: Guide, fixture: dict[str, Any]) -> str:
    """Return the report of another box, which behaves like the fixture, of the same printers."""
    house = guide.house
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    house.cloud.variants.update(**vars(Variants()))
    account = house.box.account
    assert account
    account.push_shape, account.push_encoding = "flat", "json"
    box = house.cloud.add_box(printers=office_printers)
    behave_like(house.cloud, box, fixture)
    entry: MockConfigEntry = make_entry(house.simulator, box, title="Reported box")
    other = House(hass=house.hass, simulator=house.simulator, entry=entry)
    guide = Guide(house=other, client=guide.client, set_up=lambda: set_up(house.hass, entry))
    await guide.print_page(fixture["printer"]["model"])
    if fixture["push"]:
        await push(other)
    _, report, _ = await guide.walk()
    return report


@pytest.mark.parametrize(
    "hidden",
    [
        pytest.param(one, marks=[pytest.mark.further] if number % 4 else [])
        for number, one in enumerate(HIDDEN)
    ],
)
@pytest.mark.usefixtures("hurried")
async def test_a_hidden_variant_is_told(hidden: dict[str, Any], guide: Guide) -> None:
    account, message = guide.house.box.account, hidden.get("push")
    variants = {name: value for name, value in hidden.items() if name != "push"}
    guide.house.cloud.variants.update(**variants)
    await guide.print_page()
    if message:
        assert account
        account.push_shape, account.push_encoding = message["shape"], message["encoding"]
        await push(guide.house)
    result, report, _ = await guide.walk()
    await guide.post(f"/{result['flow_id']}")
    # As it stands in an issue, below other fields.
    fixture = fixture_of(read_report(f"### Box · 云盒\n\nLK300EW_D2\n\n### Report\n\n{report}\n"))
    told = {name: value for name, value in fixture["variants"].items() if name in variants}
    assert told == variants
    assert fixture["push"] == message
    assert without_times(await again(guide, fixture)) == without_times(report)


async def test_a_failure_is_told(guide: Guide) -> None:
    end = Outcome(code=502, msg="文件转换失败")
    guide.house.cloud.plan(guide.house.box.printer(1), end)
    await guide.print_page()
    result, report, _ = await guide.walk(answer="no")
    await guide.post(f"/{result['flow_id']}")
    fixture = fixture_of(read_report(report))
    assert fixture["end"] == {"code": 502, "msg": "文件转换失败"}
    assert "failed, " in await again(guide, fixture)


async def test_a_fixture_and_rows(
    guide: Guide, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await guide.print_page()
    _, report, _ = await guide.walk()
    (issue := tmp_path / "issue.txt").write_text(f"Hello,\n\n{report}\n", "utf-8")
    assert await guide.house.hass.async_add_executor_job(read, issue, tmp_path) == 0
    path = tmp_path / "LK300EW_D2-2-1-113-Kyocera-MA2000w-GX.json"
    fixture = json.loads(path.read_text("utf-8"))
    assert fixture["report"]["came_out"] == "yes"
    english, chinese = rows(fixture["report"])
    version = fixture["report"]["versions"].partition(",")[0]
    box = f"| LK300EW_D2 2.1.113 | {LASER} | USB |"
    assert english == f"{box} test page, both sides, scan | {version} | … |"
    assert chinese == f"{box} 测试页, 双面, 扫描 | {version} | … |"
    assert capsys.readouterr().out.splitlines() == [f"✓ {path}", english, chinese]
    issue.write_text("It works!", "utf-8")
    assert await guide.house.hass.async_add_executor_job(read, issue, tmp_path) == 1


@pytest.mark.parametrize("text", ["", "Box: x", "hello\nCame out: yes"])
def test_what_is_no_report(text: str) -> None:
    with pytest.raises(ValueError, match="no report"):
        read_report(text)
