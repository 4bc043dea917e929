"""The guide after a test page asks what the page can answer, and shows a report of it."""

from http import HTTPStatus
from textwrap import dedent
from urllib.parse import parse_qs, urlsplit

from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import yaml

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.report.guide import GUIDE_SCAN_SECONDS
from custom_components.lianke.report.report import LABELS as TEXTS, MAX_LINK
from tests.clock import until
from tests.conftest import COMPONENT
from tests.household import INKJET, LABELS, LASER, key_of
from tests.report.guides import Guide, lines
from tests.security.rendering import PAYLOADS, active
from tests.simulator import Outcome

FORM = COMPONENT.parents[1] / ".github" / "ISSUE_TEMPLATE"


async def test_from_the_button_to_the_report(guide: Guide) -> None:
    """A page in color and on both sides, the questions about it, a scan, the report, and the issue is gone."""
    await guide.print_page()
    (printed,) = guide.house.cloud.printed
    assert printed.options["dmDuplex"] == "2"
    result, report, link = await guide.walk()
    assert guide.asked == {
        "answers": ["came_out", "upright", "both_sides", "push_set_up"],
        "scanned": ["scan_came_out", "scan_upright"],
        "report": ["report"],
        "share": [],
    }
    told = lines(report)
    assert told["box"] == "LK300EW_D2 2.1.113"
    assert told["printer"] == f"{LASER}, USB, laser, driver supported"
    assert told["result"].startswith("completed, ")
    assert "dmPaperSize=9" in told["options"]
    assert told["callbacks"] == "address yes, arrived yes"
    assert {"upload", "first word", "end"} <= {
        part.rpartition(" ")[0] for part in told["seconds"].split(", ")
    }
    assert told["came_out"] == told["both_sides"] == told["scan_upright"] == "yes"
    assert told["scan"].startswith("completed, pages 1, ")
    assert (told["scanners"], told["push"]) == ("2", "arrived no, unclear no")
    # The form gets exactly what was shown.
    query = parse_qs(urlsplit(link).query)
    assert query["report"] == [report]
    template = yaml.safe_load((FORM / query.pop("template")[0]).read_text("utf-8"))
    ids = {part.get("id") for part in template["body"]}
    assert query.keys() <= ids
    required = {
        part["id"] for part in template["body"] if part.get("validations", {}).get("required")
    }
    assert required <= query.keys()
    assert len(link) <= MAX_LINK
    done = await guide.post(f"/{result['flow_id']}")
    assert done["type"] == "create_entry"
    assert guide.issue is None


async def test_a_page_that_did_not_come_out_without_a_scan(guide: Guide) -> None:
    guide.house.cloud.plan(guide.house.box.printer(1), Outcome(code=503, msg="打印机无响应"))
    await guide.print_page()
    _, report, _ = await guide.walk(answer="no", scan=False)
    told = lines(report)
    assert told["result"].startswith("failed, ")
    assert "503" in told["result"]
    assert told["words"] == "打印机无响应"
    assert told["came_out"] == "no"
    assert "scan" not in told


async def test_only_what_the_printer_can_do_is_asked(guide: Guide) -> None:
    """A label printer prints one side; one that the home network sees is asked about phones."""
    await guide.print_page(LABELS)
    assert guide.issue
    hass, entry = guide.house.hass, guide.house.entry
    key = key_of(entry, LABELS)
    hass.config_entries.async_update_entry(entry, options={"lan_printers": {key: "token"}})
    result = await guide.open()
    asked = ["came_out", "upright", "phone", "push_set_up"]
    assert [one["name"] for one in result["data_schema"]] == asked
    # Whether push is set up is known once a message has come.
    account = guide.house.box.account
    assert account
    account.push_url = guide.house.data.account.address
    await guide.house.cloud.messenger.push(account, guide.house.box.device_id, "printer_off")
    result = await guide.open()
    assert [one["name"] for one in result["data_schema"]] == asked[:-1]


async def test_nothing_is_answered_by_itself(guide: Guide) -> None:
    """Otherwise whoever goes on without looking would say yes to everything."""
    await guide.print_page(INKJET)
    result = await guide.open()
    assert not [one for one in result["data_schema"] if one.get("default") or one["required"]]
    _, report, _ = await guide.walk(answer="")
    told = lines(report)
    assert [told[key] for key in ("came_out", "upright", "colors", "scan_colors")] == [
        "untried"
    ] * 4


async def test_the_scan_is_shown(guide: Guide, hass_client_no_auth: ClientSessionGenerator) -> None:
    await guide.print_page()
    result = await guide.choose(await guide.answer(await guide.open()), "scan")
    response = await (await hass_client_no_auth()).get(
        result["description_placeholders"]["picture"]
    )
    assert (response.status, response.content_type) == (HTTPStatus.OK, "image/jpeg")


async def test_what_somebody_deletes_is_not_in_the_link(guide: Guide) -> None:
    await guide.print_page()
    result = await guide.answer(await guide.open())
    result = await guide.choose(result, "report")
    (report,) = (one["default"] for one in result["data_schema"])
    kept = [line for line in report.splitlines() if not line.startswith(("Unknown", "Box"))]
    result = await guide.post(f"/{result['flow_id']}", report="\r\n".join([*kept, "文" * 9000]))
    shown = result["description_placeholders"]
    query = parse_qs(urlsplit(shown["link"]).query)
    assert "box" not in query
    (sent,) = query["report"]
    assert sent.splitlines() == [*kept, f"{TEXTS['left_out']}: 1"]
    assert dedent(shown["report"]) == sent
    assert len(shown["link"]) <= MAX_LINK


async def test_a_printer_is_asked_about_once(guide: Guide, hass_admin_user: MockUser) -> None:
    """After the report, an automation's page asks no more, even after a restart; somebody's own page does."""
    await guide.print_page()
    result, _, _ = await guide.walk(scan=False)
    await guide.post(f"/{result['flow_id']}")
    assert await guide.house.hass.config_entries.async_reload(guide.house.entry.entry_id)
    await guide.press()
    await until(lambda: len(guide.house.cloud.printed) == 2)
    await until(lambda: all(job.is_final for job in guide.house.queue.jobs()))
    assert guide.issue is None
    await guide.press(user_id=hass_admin_user.id)
    await until(lambda: guide.issue is not None)


async def test_a_question_outlives_restarts(guide: Guide) -> None:
    """One before the printer is switched on and the page is accepted, and one with the issue open."""
    house, printer = guide.house, guide.house.box.printer(1)
    assert await guide.set_up()
    printer.on = False
    await house.poll()
    await guide.press()
    assert await house.hass.config_entries.async_reload(house.entry.entry_id)
    assert guide.issue is None
    printer.on = True
    await house.poll()
    await until(lambda: guide.issue is not None)
    assert guide.issue
    # Home Assistant keeps the issue over a restart only if it is ignored.
    ir.async_delete_issue(house.hass, DOMAIN, guide.issue.issue_id)
    assert await house.hass.config_entries.async_reload(house.entry.entry_id)
    assert guide.issue


async def test_a_box_that_is_not_loaded(guide: Guide) -> None:
    await guide.print_page()
    result = await guide.open()
    hass = guide.house.hass
    assert await hass.config_entries.async_unload(guide.house.entry.entry_id)
    result = await guide.answer(result)
    assert (result["type"], result["reason"]) == ("abort", "not_loaded")


async def test_a_scan_that_fails_is_reported(guide: Guide) -> None:
    await guide.print_page()
    guide.house.cloud.variants.scan_problem = "unknown_code"
    _, report, _ = await guide.walk()
    assert lines(report)["scan"].startswith("failed, ")


@pytest.mark.usefixtures("hurried")
async def test_a_page_whose_end_nobody_knows(guide: Guide) -> None:
    """The paper is out, but the service does not say so: the guide waits a moment, then goes on."""
    guide.house.cloud.variants.callbacks = "never"
    guide.house.cloud.variants.result_delay = 1e6
    await guide.print_page(ends=False)
    _, report, _ = await guide.walk(scan=False)
    told = lines(report)
    assert told["result"].split(", ")[0] in ("queued", "processing", "sending")
    assert "end" not in told["seconds"]
    assert told["came_out"] == "yes"


@pytest.mark.usefixtures("hurried")
async def test_a_scan_that_hangs(guide: Guide) -> None:
    guide.house.cloud.variants.scan_problem = "hangs"
    await guide.print_page()
    _, report, _ = await guide.walk()
    state, pages, seconds = lines(report)["scan"].split(", ")
    assert (state, pages) == ("scanning", "pages 0")
    assert float(seconds.removesuffix(" s")) == pytest.approx(GUIDE_SCAN_SECONDS, abs=5)


async def test_a_report_is_shown_as_it_is(guide: Guide) -> None:
    """It may quote the service, whose words must neither load pictures nor make links."""
    await guide.print_page()
    result = await guide.choose(await guide.answer(await guide.open()), "report")
    text = "\n".join(f"Words: {payload}\n{payload}" for payload in PAYLOADS.values())
    result = await guide.post(f"/{result['flow_id']}", report=text)
    shown = result["description_placeholders"]["report"]
    assert all(line in shown for payload in PAYLOADS.values() for line in payload.splitlines())
    assert active(f"Copy the text.\n\n{shown}") == {"code_block"}
