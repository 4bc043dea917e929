"""What the dashboard card is told, over a real WebSocket connection."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
import logging
import os
from typing import Any

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.devices import box_identifier
from custom_components.lianke.jobs.job import Asker, JobState
from custom_components.lianke.websocket_api import job_feed
from tests.clock import Clock
from tests.conftest import make_entry, set_up
from tests.household import LABELS, House, device_of, twin_of
from tests.simulator import Fault, Outcome, Simulator

from .cards import (
    Files,
    client_of,
    command,
    compare,
    first_view,
    status_entity,
    subscribe,
    until,
    until_answer,
)


@pytest.fixture
async def print_file(house: House, make_file: Files) -> Callable[..., Awaitable[dict[str, Any]]]:
    async def send(pages: int = 1, **fields: Any) -> dict[str, Any]:
        path = await house.hass.async_add_executor_job(make_file, pages)
        return await house.print_one(**{"file": path, "wait": False, **fields})

    return send


type PrintFile = Callable[..., Awaitable[dict[str, Any]]]


async def test_the_card_knows_what_it_is_told(
    hass: HomeAssistant,
    setup: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    print_file: PrintFile,
) -> None:
    await print_file(3, duplex="manual_long_edge", release_code="4711", wait=False)
    client = await hass_ws_client()
    await subscribe(client)
    told = await until(client, lambda message: bool(message["jobs"]))
    compare(told, "Feed")
    for job in told["jobs"]:
        compare(job, "Job")
    compare(told["jobs"][0]["by_hand"], "ManualDuplex")
    for printer in told["printers"].values():
        compare(printer, "Printer")
        for ink in printer["ink"]:
            compare(ink, "Ink")
    message = {"type": "lianke/printer/options", "device_id": device_of(hass)}
    await client.send_json_auto_id(message)
    options = await until_answer(client)
    compare(options, "PrinterOptions", "print/options.ts")
    for paper in options["papers"]:
        compare(paper, "NamedChoice", "print/options.ts")


async def test_the_card_gives_the_advice_that_actions_give(
    hass_ws_client: WebSocketGenerator, print_file: PrintFile, house: House
) -> None:
    """Nobody is told to save a PDF as PDF."""
    house.cloud.plan(house.box.printer(1), Outcome(code=502, msg="damaged"))
    await print_file(wait=True)
    (job,) = (await first_view(await hass_ws_client()))["jobs"]
    assert (job["reason"], job["reason_key"]) == ("conversion_failed", "conversion_failed_pdf")


@pytest.mark.parametrize("is_admin", [True, False])
async def test_printed_documents_are_kept_from_the_card(
    hass: HomeAssistant,
    house: House,
    hass_ws_client: WebSocketGenerator,
    hass_access_token: str,
    hass_read_only_access_token: str,
    is_admin: bool,
) -> None:
    """An administrator switches it on at a job's row, for a week; a time that was chosen stays."""
    token = hass_access_token if is_admin else hass_read_only_access_token
    client = await hass_ws_client(hass, token)
    answer = await command(client, "printed/keep", device_id=house.device())
    assert (answer is None or answer["code"]) == (is_admin or "unauthorized")
    assert house.entry.options.get("keep_printed_hours", 0) == (168 if is_admin else 0)
    house.set_options({"keep_printed_hours": 24})
    await command(client, "printed/keep", device_id=house.device())
    assert house.entry.options["keep_printed_hours"] == 24


async def test_a_child_is_told_how_many_pages_are_left(
    hass: HomeAssistant,
    house: House,
    make_file: Files,
    hass_ws_client: WebSocketGenerator,
    hass_admin_user: MockUser,
) -> None:
    house.set_options({"monthly_pages": 7, "approvers": ["a parent"]})
    client = await hass_ws_client()
    await subscribe(client)

    def left(message: dict[str, Any]) -> int | None:
        told: int | None = message["printers"][house.device()]["pages_left"]
        return told

    assert left(await until(client, lambda _: True)) == 7
    # What waits counts, and what was printed.
    context = Context(user_id=hass_admin_user.id)
    path = await hass.async_add_executor_job(make_file, 2)
    await house.ask("print", context, device_id=house.device(), file=path, wait=False)
    await until(client, lambda message: left(message) == 5)
    await house.came_out()
    done = await until(client, lambda message: message["jobs"][0]["state"] == "completed")
    assert left(done) == 5
    # Of fewer than were printed nothing is left; who is not limited, or approves what is beyond, is told nothing.
    for options, pages in (
        ({"monthly_pages": 1, "monthly_beyond": "refused"}, 0),
        ({"monthly_pages": 1}, None),
        ({"monthly_pages": 1, "monthly_users": ["somebody else"]}, None),
    ):
        house.set_options(options)
        other = await hass_ws_client()
        assert left(await first_view(other)) == pages


async def test_first_message_shows_printers(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    client = await hass_ws_client()
    view = await first_view(client)
    laser = view["printers"][house.device()]
    assert laser == {
        "name": "Kyocera MA2000w GX",
        "status": "idle",
        "may_control": True,
        "pages_left": None,
        "service_expired": False,
        "waiting": 0,
        "pages_printed": 0,
        "keeps_printed": False,
        "scanner": None,
        "scanned": 0,
        "ink": [],
        "problems": [],
    }
    inks = [printer["ink"] for printer in view["printers"].values() if printer["ink"]]
    assert [[ink["level"] for ink in one] for one in inks] == [[72, 40, 55, 8]]
    assert view["jobs"] == []


async def test_changes_are_told_together(
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock,
    hass_ws_client: WebSocketGenerator,
    print_file: PrintFile,
    house: House,
) -> None:
    """The first change at once, and the others once the time between two messages has passed."""
    # So long that five jobs are taken meanwhile on any machine.
    pace = 600.0
    monkeypatch.setattr(job_feed, "FEED_PACE", pace)
    await house.switch_off()
    client = await hass_ws_client()
    await subscribe(client)
    await client.receive_json()
    for _ in range(5):
        await print_file()
    clock.tick(pace)
    messages = [await client.receive_json()]
    while len(messages[-1]["event"]["jobs"]) < 5:
        messages.append(await client.receive_json())
    assert len(messages) <= 2
    jobs = messages[-1]["event"]["jobs"]
    assert {job["hold_reason"] for job in jobs} == {"box_offline"}
    assert messages[-1]["event"]["printers"][house.device()]["waiting"] == 5


async def test_only_the_printers_asked_for(
    hass_ws_client: WebSocketGenerator, print_file: PrintFile, house: House
) -> None:
    laser, label = house.device(), house.device(LABELS)
    await print_file(device_id=label, paper="60 x 40 mm")
    client = await hass_ws_client()
    view = await first_view(client, device_ids=[laser, "of-nobody"])
    assert list(view["printers"]) == [laser]
    assert view["jobs"] == []


async def test_ten_open_cards_ask_the_cloud_nothing(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    await house.hass.async_block_till_done(wait_background_tasks=True)
    before = len(house.cloud.requests)
    for _ in range(10):
        client = await hass_ws_client()
        assert (await first_view(client))["printers"]
    await house.hass.async_block_till_done()
    assert len(house.cloud.requests) == before


async def test_listens_only_while_somebody_looks(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    coordinator = house.coordinator
    before = len(coordinator._listeners)
    client = await hass_ws_client()
    numbers = [await subscribe(client)]
    await client.receive_json()
    numbers.append(await subscribe(client))
    await client.receive_json()
    assert len(coordinator._listeners) == before + 1
    for number in numbers:
        await client.send_json_auto_id({"type": "unsubscribe_events", "subscription": number})
        assert (await client.receive_json())["success"]
    assert len(coordinator._listeners) == before


async def test_reload_and_new_name_are_followed(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    laser = house.device()
    client = await hass_ws_client()
    assert laser in (await first_view(client))["printers"]
    assert await house.hass.config_entries.async_unload(house.entry.entry_id)
    await until(client, lambda view: not view["printers"])
    assert await house.hass.config_entries.async_setup(house.entry.entry_id)
    await until(client, lambda view: laser in view["printers"])
    dr.async_get(house.hass).async_update_device(laser, name_by_user="Study")
    await until(client, lambda view: view["printers"][laser]["name"] == "Study")


async def test_second_box_joins_an_open_card(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    client = await hass_ws_client()
    first = (await first_view(client))["printers"]
    other = make_entry(house.simulator, twin_of(house.simulator), title="Other box")
    assert await set_up(house.hass, other)
    await until(client, lambda view: len(view["printers"]) > len(first))


async def test_faults_are_listed_and_forgotten_when_off(
    hass_ws_client: WebSocketGenerator, settled: None, house: House
) -> None:
    printer = house.box.printer(1)
    printer.paper = 0
    printer.cover_open = True
    coordinator = house.coordinator
    laser = house.device()
    client = await hass_ws_client()
    await subscribe(client, device_ids=[laser])
    coordinator.async_refresh_soon("test", next(iter(coordinator.data.printers)))
    view = await until(
        client, lambda view: view["printers"][laser]["problems"] == ["cover_open", "out_of_paper"]
    )
    assert view["printers"][laser]["status"] == "cover_open"
    house.cloud.fail("GET /device/device_info", Fault(kind="http"), times=None)
    for _ in range(2):
        await coordinator.async_refresh()
    view = await until(client, lambda view: view["printers"][laser]["status"] is None)
    assert view["printers"][laser]["problems"] == []
    house.cloud.faults.clear()
    await house.switch_off()
    view = await until(client, lambda view: view["printers"][laser]["status"] == "box_offline")
    assert view["printers"][laser]["problems"] == []


# Permissions


async def test_the_card_is_told_who_may_answer(
    hass_ws_client: WebSocketGenerator, make_file: Files, house: House
) -> None:
    """Approvers answer for approvals, whoever may control the printer for the rest; pictures likewise."""
    laser = house.device()
    key = house.coordinator.data.printers.keys()
    house.set_options({"approval_printers": list(key)})
    for text in ({"file": make_file(2)}, {"text": "x"}):
        await house.print_one(device_id=laser, wait=False, release_code="4711", **text)
    [words, pages] = house.queue.jobs()
    await house.queue.async_continue(words.job_id)
    picture = f"/api/lianke/job_picture/{pages.job_id}"
    admin = await hass_ws_client()
    shown = {job["job_id"]: job for job in (await first_view(admin))["jobs"]}
    approval, release = shown[pages.job_id], shown[words.job_id]
    assert (approval["hold_reason"], approval["may_answer"]) == ("approval", True)
    assert (approval["picture"], approval["needs_code"]) == (picture, False)
    assert (release["hold_reason"], release["may_answer"]) == ("release", True)
    assert (release["picture"], release["needs_code"]) == (None, True)
    for rights, may in ((True, [True, False]), ({POLICY_READ: True}, [False, False])):
        policy = {"entity_ids": {status_entity(house.hass, house.entry, laser): rights}}
        async with client_of(house.hass, hass_ws_client, policy) as client:
            jobs = (await first_view(client))["jobs"]
            assert [job["may_answer"] for job in jobs] == may
            assert [job["picture"] for job in jobs] == [None, None]


async def test_who_asked_is_not_for_everybody(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    """Readers see neither users nor devices, those who print see devices; the action says the same."""
    laser, queue = house.device(), house.queue
    await house.print_one(device_id=laser, wait=False, text="x", release_code="4711")
    [job] = queue.jobs()
    asker = Asker(user_id="somebody")
    spec = replace(job.spec, sender="Phone", sender_address="192.168.1.9", asker=asker)
    await queue._jobs.async_change(job, spec=spec)
    address = "Phone · 192.168.1.9"
    admin = await hass_ws_client()
    [shown] = (await first_view(admin))["jobs"]
    assert (shown["source"], shown["user_id"]) == (address, "somebody")
    for rights, source in ((True, address), ({POLICY_READ: True}, None)):
        policy = {"entity_ids": {status_entity(house.hass, house.entry, laser): rights}}
        async with client_of(house.hass, hass_ws_client, policy) as client:
            [shown] = (await first_view(client))["jobs"]
            assert (shown["source"], shown["user_id"]) == (source, None)
            data = {"device_id": laser}
            answer = await command(client, "action", service="list_jobs", service_data=data)
            [shown] = answer["response"]["jobs"]
            assert (shown["source"], shown["user_id"]) == (source, None)


async def test_printer_without_status_entity_is_for_administrators(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    laser = house.device()
    er.async_get(house.hass).async_remove(status_entity(house.hass, house.entry, laser))
    client = await hass_ws_client()
    assert laser in (await first_view(client))["printers"]
    async with client_of(house.hass, hass_ws_client, {"all": True}) as other:
        assert laser not in (await first_view(other))["printers"]


# Confirming


@pytest.fixture
async def unconfirmed(
    setup: MockConfigEntry, simulator: Simulator, print_file: PrintFile
) -> dict[str, Any]:
    simulator.box.online = False
    await setup.runtime_data.coordinator.async_refresh()
    job = await print_file(2)
    queue = setup.runtime_data.queue
    await queue._jobs.async_change(queue.get(job["job_id"]), state=JobState.UNCONFIRMED)
    return job


async def test_it_came_out(
    hass_ws_client: WebSocketGenerator, unconfirmed: dict[str, Any], house: House
) -> None:
    client = await hass_ws_client()

    async def confirm(**changes: Any) -> Any:
        fields = {"device_id": house.device(), "job_id": unconfirmed["job_id"]}
        return await command(client, "jobs/confirm", **fields | changes)

    assert (await confirm(device_id=house.device(LABELS)))["translation_key"] == "job_not_found"
    job = await confirm()
    assert (job["state"], job["pages_printed"]) == ("completed", 2)
    assert (await confirm())["translation_key"] == "job_not_unconfirmed"
    assert (await confirm(job_id="x" * 500))["translation_key"] == "job_not_found"


# Actions


async def test_an_action_answers_as_when_called_elsewhere(
    hass_ws_client: WebSocketGenerator, caplog: pytest.LogCaptureFixture, house: House
) -> None:
    """What the user did wrong is answered, translated, and logged as no error."""
    client = await hass_ws_client()
    data = {"device_id": house.device(), "text": "x", "wait": True}

    async def call(service: str = "print", **changes: Any) -> dict[str, Any]:
        fields = {"service": service, "service_data": data | changes}
        return dict(await command(client, "action", **fields))

    refused = await call(paper="A3")
    assert refused["code"] == "service_validation_error"
    assert refused["translation_key"] == "paper_not_available"
    assert (await call(copies="many"))["translation_key"] == "field_wrong"
    assert (await call("hand_over"))["translation_key"] == "service_not_found"
    assert not house.printed
    result = await call()
    assert [job["state"] for job in result["response"]["jobs"]] == ["completed"]
    assert len(house.printed) == 1
    # A busy machine makes asyncio warn of slow steps.
    logged = [record for record in caplog.records if record.name != "asyncio"]
    assert not [record for record in logged if record.levelno >= logging.WARNING]


async def test_an_action_has_the_rights_of_its_user(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    policy = {
        "entity_ids": {status_entity(house.hass, house.entry, house.device()): {"read": True}}
    }
    data = {"device_id": house.device(), "text": "x"}
    async with client_of(house.hass, hass_ws_client, policy) as client:
        answer = await command(client, "action", service="print", service_data=data)
        assert answer["code"] == "unauthorized"


async def test_a_document_that_a_preview_keeps_is_forgotten(
    hass_ws_client: WebSocketGenerator, make_file: Files, house: House
) -> None:
    client = await hass_ws_client()
    data = {"device_id": house.device(), "file": make_file(1), "preview_by": "here_only"}
    answer = await command(client, "action", service="preview", service_data=data)
    document = answer["response"]["document"]
    for _ in "twice":
        assert await command(client, "document/forget", document=document) is None
    assert (
        await house.hass.async_add_executor_job(
            os.listdir, house.hass.config.cache_path(DOMAIN, "spool")
        )
        == []
    )
    answer = await command(client, "document/forget", document="x" * 65)
    assert answer["code"] == "invalid_format"


# Options


async def test_options_of_a_printer(hass_ws_client: WebSocketGenerator, house: House) -> None:
    laser = house.device()
    client = await hass_ws_client()
    offered = await command(client, "printer/options", device_id=laser)
    answer = await house.ask("get_capabilities", device_id=laser)
    assert {name: offered[name] for name in answer if name in offered} == answer
    assert offered["max_document_bytes"] == 50 * 1024 * 1024
    # Beside the box's own polls.
    params = "/print/printer_params"
    assert [one.path for one in house.cloud.requests].count(params) == 1
    assert await command(client, "printer/options", device_id=laser) == offered
    assert [one.path for one in house.cloud.requests].count(params) == 1


async def test_defaults_are_what_a_silent_call_prints_with(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    laser = house.device()
    key = next(iter(house.data.storage.printers))
    house.hass.config_entries.async_update_entry(
        house.entry,
        options={
            "default_options": {"duplex": "long_edge", "tray": 4, "paper": "A5"},
            "printer_options": {key: {"paper": 13}},
            "max_document_mb": 7,
        },
    )
    client = await hass_ws_client()
    offered = await command(client, "printer/options", device_id=laser)
    assert offered["defaults"] == {
        **offered["defaults"],
        "paper": "B5 (JIS)",
        "tray": "手动进纸",
        "duplex": "long_edge",
        "copies": 1,
    }
    assert offered["max_document_bytes"] == 7 * 1024 * 1024


async def test_options_of_something_else_are_refused(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    box = dr.async_get(house.hass).async_get_device_by_identifier(
        box_identifier(house.entry), house.entry.entry_id
    )
    assert box is not None
    client = await hass_ws_client()
    for device_id in (box.id, "of-nobody"):
        error = await command(client, "printer/options", device_id=device_id)
        assert error["code"] == "service_validation_error"
        assert error["translation_key"]
