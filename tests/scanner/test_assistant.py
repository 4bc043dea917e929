"""Assistants scan and copy with all that the scanner can do, and are told the truth; each for whoever asked."""

from collections.abc import Awaitable, Callable
from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.auth.models import User
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import llm
from homeassistant.setup import async_setup_component
import pytest
import voluptuous as vol

from custom_components.lianke.const import CONF_APPROVAL_SOURCES
from custom_components.lianke.jobs.box_jobs import JOB_KIND
from custom_components.lianke.jobs.opening import async_get_ledger
from custom_components.lianke.ledger import Table
from custom_components.lianke.llm import async_get_tools
from custom_components.lianke.scanner.scan_job import ScanState
from tests.clock import until
from tests.household import LASER, House, refusal, show_state
from tests.scanner.scans import (
    device,
    do,
    last,
    printer,
    printer_status,
    records,
    rewrite,
    say,
    state_of,
)
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")

type Ask = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def ask(house: House, laser: Printer) -> Ask:
    """Return a function that calls a tool as a model does for a user, and returns what the model is told."""
    for component in ("homeassistant", "conversation", "llm"):
        assert await async_setup_component(house.hass, component, {})
    for entity in (
        state_of(house, laser, "sensor", "scanner_status").entity_id,
        printer_status(house),
    ):
        async_expose_entity(house.hass, "conversation", entity, True)
    for state in house.hass.states.async_all("sensor"):
        if state.entity_id not in (
            state_of(house, laser, "sensor", "scanner_status").entity_id,
            printer_status(house),
        ):
            async_expose_entity(house.hass, "conversation", state.entity_id, False)

    async def call(name: str, user: User | None = None, **arguments: Any) -> dict[str, Any]:
        context = llm.LLMContext(
            platform="test",
            context=Context(user_id=None if user is None else user.id),
            language="en",
            assistant="conversation",
            device_id=None,
        )
        tools = async_get_tools(house.hass, context, llm.LLM_API_ASSIST)
        assert tools is not None
        [tool] = [one for one in tools.tools if one.name == f"lianke__{name}"]
        wanted = llm.ToolInput(tool_name=tool.name, tool_args=arguments)
        result = await tool.async_call(house.hass, wanted, context)
        assert isinstance(result, llm.ToolResult)
        return dict(result.data)

    return call


async def boss(house: House, name: str = "Boss") -> User:
    return await house.hass.auth.async_create_user(name, group_ids=[GROUP_ID_ADMIN])


@pytest.mark.long
async def test_all_settings(house: House, laser: Printer, ask: Ask) -> None:
    laser.feeder = ["one", "two"]
    told = await ask(
        "scan",
        source="feeder",
        color="gray",
        size="A4",
        scan_duplex=True,
        straighten=True,
        format="jpeg",
        filename="Contract",
    )
    job = last(house)
    assert (told["state"], told["scan_id"]) == ("completed", job.job_id)
    assert (job.request.color, job.request.source, job.request.size) == ("gray", "feeder", "A4")
    assert (job.request.duplex, job.request.format, job.straighten) == (True, "jpeg", True)
    assert all(name.startswith("Contract") for name in job.files)
    assert len(told["media_content_ids"]) == len(job.files) > 1
    # No path on this system.
    assert set(told) == {"scan_id", "state", "scanner", "pages", "message", "media_content_ids"}


async def test_only_what_the_scanner_can_is_offered(house: House, laser: Printer, ask: Ask) -> None:
    for wrong in ({"size": "A0"}, {"source": "roof"}, {"format": "gif"}, {"color": "red"}):
        with pytest.raises(vol.Invalid):
            await ask("scan", **wrong)
    assert await refusal(ask("scan", scan_duplex=True)) == "scan_duplex_glass"
    assert laser.scanned == []


async def test_a_media_id_is_printed_by_whoever_asked(
    house: House, laser: Printer, ask: Ask
) -> None:
    anna = await boss(house, "Anna")
    told = await ask("scan", anna, size="A4")
    [media] = told["media_content_ids"]
    printed = await ask("print_document", anna, address=media, copies=2)
    assert printed["copies"] == 2
    [paper] = await house.came_out()
    assert paper.options["dmCopies"] == "2"


async def test_nobody_else_is_told_of_a_scan(house: House, laser: Printer, ask: Ask) -> None:
    anna, other = await boss(house, "Anna"), await boss(house, "Other")
    waiting = await ask("scan", anna, several_pages=True)
    assert waiting["state"] == "waiting"
    scan = {"scan_id": waiting["scan_id"]}
    for who in (other, None):
        assert await refusal(ask("scan_status", who, **scan)) == "scan_gone"
        assert await refusal(ask("continue_scan", who, **scan, answer="finish")) == "scan_gone"
    assert (await ask("scan_status", anna, **scan))["state"] == "waiting"
    more = await ask("continue_scan", anna, **scan, answer="next")
    assert (more["state"], more["pages"]) == ("waiting", 2)
    done = await ask("continue_scan", anna, **scan, answer="finish")
    assert (done["state"], len(done["media_content_ids"])) == ("completed", 1)
    assert await ask("scan_status", anna, **scan) == done
    # Nor is anybody told of what was not asked of an assistant, such as by an automation.
    mine = await do(house, laser, context=Context(user_id=anna.id))
    nobodys = await do(house, laser)
    for who, one in ((anna, mine), (None, nobodys)):
        assert await refusal(ask("scan_status", who, scan_id=one["scan_id"])) == "scan_gone"
    status = state_of(house, laser, "sensor", "scanner_status").entity_id
    tools = await ask("scan_status", anna, **scan)
    assert tools["scan_id"] == waiting["scan_id"]
    async_expose_entity(house.hass, "conversation", status, False)
    with pytest.raises(ValueError, match="unpack"):
        # It is not even offered.
        await ask("scan_status", anna, **scan)


async def test_scan_this_and_print_it_twice(house: House, laser: Printer, ask: Ask) -> None:
    """The copy waits for the printer: it is not said to be on paper until it is."""
    anna = await boss(house, "Anna")
    show_state(laser, "outOfPaper")
    await house.poll()
    told = await ask("copy", anna, copies=2)
    [job] = told["print_jobs"]
    assert (told["state"], job["state"], job["copies"]) == ("held", "held", 2)
    assert "Out of paper" in job["message"]
    assert house.printed == []
    show_state(laser, "idle")
    laser.paper = 500
    await house.poll()
    await until(lambda: house.printed)
    await until(lambda: house.queue.jobs()[0].is_final)
    now = await ask("scan_status", anna, scan_id=told["scan_id"])
    assert (now["state"], now["print_jobs"][0]["state"]) == ("completed", "completed")
    [paper] = await house.came_out()
    assert paper.options["dmCopies"] == "2"
    assert laser.scanned == [laser.glass]
    # A copy of many files has several prints: if not all of them could be made, it is not on paper.
    await rewrite(house, told["scan_id"], state=ScanState.FAILED, reason="scan_not_printed")
    now = await ask("scan_status", anna, scan_id=told["scan_id"])
    assert (now["state"], now["print_jobs"][0]["state"]) == ("failed", "completed")


async def test_a_copy_whose_print_nobody_knows_any_more(
    house: House, laser: Printer, ask: Ask
) -> None:
    """Its record may be gone, or the printer's box may be unloaded; it is not said to be on paper."""
    anna = await boss(house, "Anna")
    told = await ask("copy", anna)
    await until(lambda: house.queue.jobs()[0].is_final)
    [job], jobs = house.queue.jobs(), Table(JOB_KIND, house.entry.entry_id)
    ledger = await async_get_ledger(house.hass)
    await ledger.commit(lambda view: view.delete(jobs, job.job_id))
    now = await ask("scan_status", anna, scan_id=told["scan_id"])
    assert now["state"] == "unconfirmed"
    assert [one["job_id"] for one in now["print_jobs"]] == [job.job_id]
    assert now["print_jobs"][0]["message"]


async def test_what_cannot_be_printed_is_not_scanned(
    house: House, laser: Printer, ask: Ask
) -> None:
    for wrong, key in (
        ({"copies": 0}, "too_many_copies"),
        ({"copies": 1000}, "too_many_copies"),
        ({"paper": "A2"}, "paper_not_available"),
        ({"sheet": "id_card", "source": "feeder"}, "id_card_on_glass"),
    ):
        assert await refusal(ask("copy", **wrong), HomeAssistantError) == key
    with pytest.raises(vol.Invalid):
        await ask("copy", printer="Nobody's")
    with pytest.raises(vol.Invalid):
        await ask("copy", duplex="x")
    assert laser.scanned == []
    assert records(house) == []


@pytest.mark.parametrize("by", ["assistant", "card"])
async def test_what_an_assistant_copies_is_approved(
    house: House, laser: Printer, ask: Ask, by: str
) -> None:
    """Also where somebody else finishes it on the card."""
    await boss(house)
    anna = await house.hass.auth.async_create_user("Anna", group_ids=["system-users"])
    house.set_options({CONF_APPROVAL_SOURCES: ["assistant"]})
    told = await ask("copy", anna, several_pages=by == "card")
    if by == "card":
        context = Context(user_id=anna.id)
        await say(house, laser, "finish", scan_id=told["scan_id"], context=context)
        told = await ask("scan_status", anna, scan_id=told["scan_id"])
    assert (told["state"], told["print_jobs"][0]["hold_reason"]) == ("held", "approval")
    assert house.sent == 0


async def test_a_printer_that_is_not_exposed_copies_nothing(
    house: House, laser: Printer, ask: Ask
) -> None:
    async_expose_entity(house.hass, "conversation", printer_status(house), False)
    with pytest.raises(ValueError, match="unpack"):
        await ask("copy")
    assert device(house, laser) != printer(house)
    with pytest.raises(vol.Invalid):
        await ask("scan", printer=LASER)
    assert laser.scanned == []
