"""What assistants print with all options, print again, and are told of printers and jobs."""

import asyncio
from pathlib import Path
from typing import Any

from homeassistant.auth.const import GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.core import (
    Context,
    HomeAssistant,
)
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    llm,
)
from homeassistant.helpers.translation import async_load_integrations
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.llm import LLM_API_HOME_ASSISTANT, async_get_tools
from tests.clock import until
from tests.household import (
    AWAITING,
    INKJET,
    LABELS,
    LASER,
    OTHER_LASER,
    PDF,
    make_media,
)
from tests.simulator import Fault
from tests.talk import CONTEXT, Talk, call, expose, status_of, view


async def speak_chinese(hass: HomeAssistant) -> None:
    await hass.config.async_update(language="zh-Hans")
    # Home Assistant reads the texts of the new language in the background.
    await async_load_integrations(hass, {DOMAIN})


async def completed(talk: Talk, **arguments: Any) -> dict[str, Any]:
    """Wait until the newest job has ended; return what an assistant is told of it."""
    async with asyncio.timeout(20):
        while True:
            [status] = await talk.say(call("printer_status", **arguments))
            own = view(status)["own_newest_job"]
            if own["state"] == "completed":
                return dict(own)
            await asyncio.sleep(0.05)


async def test_a_model_sets_all_that_the_printer_can(tmp_path: Path, talk: Talk) -> None:
    make_media(talk.hass, tmp_path / "media")
    address = "media-source://media_source/local/菜单.pdf"
    wanted = {"duplex": "long_edge", "color": "mono", "pages": "2-3", "paper": "A5", "copies": 2}
    more = {"tray": "纸盒 1", "media_type": "厚纸", "orientation": "", "quality": None}
    [taken] = await talk.say(call("print_document", address=address, **wanted, **more))
    assert view(taken)["copies"] == 2
    [paper] = await talk.came_out()
    sent = {"dmDuplex": "2", "dmColor": "1", "jpPageRange": "2-3", "dmPaperSize": "11"}
    sent |= {"dmCopies": "2", "dmDefaultSource": "258", "dmMediaType": "257"}
    assert sent.items() <= paper.options.items()
    assert (await completed(talk))["in_words"] == "Completed"
    [taken] = await talk.say(call("print_document", address=address, sheet="2_up"))
    assert (await talk.came_out(2))[-1].path.read_bytes() != PDF
    # What the printer cannot is refused in words of the house, with what it can.
    await speak_chinese(talk.hass)
    expose(talk.hass, status_of(talk.hass, INKJET))
    refused = await talk.say(
        call("print_text", text="x", printer=INKJET, duplex="long_edge"),
        call("print_text", text="x", printer=LASER, color="color"),
        call("print_text", text="x", printer=LASER, paper="A0"),
        call("print_text", text="x", printer=LASER, pages="last"),
        call("print_text", text="x", printer=LASER, copies=100),
    )
    for result, words in zip(refused, ("off", "mono", "A5", "last", "99"), strict=True):
        assert result.error
        assert words in str(result.data["error_text"])
        assert not str(result.data["error_text"]).isascii()
    assert talk.sent == 2


@pytest.mark.usefixtures("hurried")
async def test_that_again_is_the_speaker_s_and_never_twice(talk: Talk) -> None:
    talk.set_options({"keep_printed_hours": 1})
    anna = await talk.hass.auth.async_create_user("Anna", group_ids=[GROUP_ID_USER])
    again = call("print_again")
    [refused] = await talk.say(again, user=anna)
    assert "You have printed nothing" in str(refused.data)

    async def kept() -> None:
        await until(lambda: talk.queue.jobs()[0].can_print_again)

    for user, title in ((anna, "Hers"), (None, "Nobody's")):
        await talk.say(call("print_text", text=title, title=title), user=user)
        await kept()
    context = Context(user_id=None)
    await talk.ask("print", context, device_id=talk.device(), text="An automation's")
    await kept()
    for user, title in ((anna, "Hers"), (None, "Nobody's")):
        again = call("print_again", copies=2)
        [taken] = await talk.say(again, user=user)
        assert (view(taken)["title"], view(taken)["copies"]) == (title, 2)
        await kept()
    # A model that repeats its call is told of the first.
    api = await llm.async_get_api(talk.hass, llm.LLM_API_ASSIST, CONTEXT)
    once = call("print_again", job_id=view(taken)["job_id"])
    told = [view(await api.async_call_tool(once)) for _ in range(2)]
    assert told[0]["job_id"] == told[1]["job_id"]
    await kept()
    assert len(talk.printed) == 6
    # What still waits is not printed a second time.
    talk.box.printer(1).on = False
    await talk.coordinator.async_refresh()
    await talk.say(call("print_text", text="x", title="Menu"))
    [refused] = await talk.say(call("print_again"))
    assert "Menu is not finished, so it is not printed again: Waits for" in str(refused.data)
    [refused] = await talk.say(call("print_again", job_id=talk.queue.jobs()[0].job_id))
    assert refused.error
    assert (len(talk.printed), talk.queue.waiting(talk.queue.jobs()[0].spec.printer_key)) == (6, 1)


async def test_what_is_not_kept_cannot_be_printed_again(talk: Talk) -> None:
    await talk.say(call("print_text", text="x"))
    await talk.came_out()
    await completed(talk)
    [refused] = await talk.say(call("print_again"))
    assert "kept" in str(refused.data)
    assert len(talk.printed) == 1


async def test_which_printer_can(hass_read_only_user: User, talk: Talk) -> None:
    expose(talk.hass, status_of(talk.hass, INKJET), status_of(talk.hass, LABELS))

    async def can(user: User | None = None, **wanted: Any) -> dict[str, Any]:
        [told] = await talk.say(call("which_printer", **wanted), user=user)
        return {one["printer"]: one.get("can", one) for one in view(told)["printers"]}

    assert await can(color="color") == {LASER: False, LABELS: False, INKJET: True}
    assert await can(duplex="long_edge") == {LASER: True, LABELS: None, INKJET: False}
    assert await can(paper="A5", duplex="") == {LASER: True, LABELS: False, INKJET: True}
    assert await can(hass_read_only_user, color="color", duplex="long_edge") == dict.fromkeys(
        (LASER, LABELS, INKJET), False
    )
    told = await can()
    assert (told[INKJET]["color"], told[LASER]["max_copies"]) == (["mono", "color"], 99)
    assert "A4" in str(told[LASER]["papers"])
    # One whose abilities nobody knows is not said to lack anything; who may not look is told nothing.
    expose(talk.hass, status_of(talk.hass, AWAITING))
    assert (await can(color="color"))[AWAITING] is None
    stranger = MockUser(name="Stranger", groups=[]).add_to_hass(talk.hass)
    assert await can(stranger, color="color") == {}
    assert talk.sent == 0


async def test_status_in_words_says_when_it_was_heard(talk: Talk) -> None:
    talk.box.printer(1).paper = 0
    await talk.coordinator.async_refresh()
    await speak_chinese(talk.hass)
    [status] = await talk.say(call("printer_status"))
    assert (view(status)["in_words"], view(status)["own_newest_job"]) == ("缺纸", None)
    await talk.say(call("print_text", text="x"))
    heard = talk.coordinator.heard_at
    assert heard is not None
    talk.cloud.fail("GET /device/device_info", Fault(kind="http"), times=None)
    for _ in range(2):
        await talk.coordinator.async_refresh()
    [status] = await talk.say(call("printer_status"))
    at = f"{dt_util.as_local(heard):%Y-%m-%d %H:%M}"
    assert view(status)["in_words"] == f"现在无法得知。{at} 最后一次得知的是：缺纸"
    # What waits here waits, whoever can be reached.
    assert view(status)["own_newest_job"]["in_words"].startswith("正在等待打印机：")
    assert view(status)["status"] is None


async def test_what_only_reads_is_in_the_second_api(talk: Talk) -> None:
    """For all printers: an administrator manages them there. Where all are exposed, the tools are the same."""
    assert async_get_tools(talk.hass, CONTEXT, "other") is None
    second = async_get_tools(talk.hass, CONTEXT, LLM_API_HOME_ASSISTANT)
    assert second is not None
    assert all(tool.annotations.read_only for tool in second.tools)
    api = await llm.async_get_api(talk.hass, llm.LLM_API_ASSIST, CONTEXT)
    first = {tool.name: tool for tool in api.tools}
    tools = {tool.name: tool for tool in second.tools}
    assert not any(tool == first[name] for name, tool in tools.items())
    status = call("printer_status", printer=OTHER_LASER)
    told = await tools[status.tool_name].async_call(talk.hass, status, CONTEXT)
    assert isinstance(told, llm.ToolResult)
    assert told.data["printer"] == OTHER_LASER
    for printer in dr.async_get(talk.hass).devices:
        for entity in er.async_entries_for_device(er.async_get(talk.hass), printer.id):
            if entity.unique_id.endswith("_status"):
                expose(talk.hass, entity.entity_id)
    api = await llm.async_get_api(talk.hass, llm.LLM_API_ASSIST, CONTEXT)
    first = {tool.name: tool for tool in api.tools}
    assert all(tool == first[name] for name, tool in tools.items())
    assert tools[status.tool_name] != first[f"{DOMAIN}__list_jobs"]
