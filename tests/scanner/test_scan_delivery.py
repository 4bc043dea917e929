"""Where finished scans go: a document is there once, or the scan says why."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
import errno
import json
from pathlib import Path
import shutil
from types import SimpleNamespace
from typing import Any

from homeassistant.components.media_source import async_resolve_media
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import ServiceCall
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from yarl import URL

from custom_components.lianke.diagnostics import async_get_config_entry_diagnostics
from custom_components.lianke.documents import folders
from custom_components.lianke.scanner import scan_delivery, scan_jobs
from custom_components.lianke.scanner.hub import async_get_hub
from custom_components.lianke.scanner.paperless import async_paperless
from custom_components.lianke.scanner.scan_delivery import button_destinations
from custom_components.lianke.scanner.scan_job import DeliveryState
from custom_components.lianke.scanner.scan_jobs import async_get_scan_jobs
from tests.clock import LONGEST, Clock, rest, until
from tests.conftest import set_up
from tests.household import House
from tests.manual import LANGUAGES, examples
from tests.paperless_server import TOKEN, Paperless
from tests.scanner.scans import (
    device,
    do,
    hold,
    last,
    media_folder,
    pages_of,
    records,
    restart,
    rewrite,
    show,
    state_of,
)
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")


# Where the versions differ: in what they say of a task.
BOTH_VERSIONS = pytest.mark.parametrize("paperless", [2, 3], indirect=True)


@pytest.fixture
async def paperless(
    request: pytest.FixtureRequest, house: House, socket_enabled: None
) -> AsyncGenerator[Paperless]:
    """Run a Paperless-ngx, which is set up in the options."""
    async with Paperless(version=getattr(request, "param", 3)).running() as server:
        house.set_options({"paperless_url": server.address, "paperless_token": TOKEN})
        yield server


async def send(house: House, laser: Printer, **data: Any) -> dict[str, Any]:
    answer = await do(house, laser, send_to="paperless", **data)
    [sent] = answer["sent_to"]
    return dict(sent)


async def ended(house: House) -> tuple[str, str | None]:
    """Wait for the end of the last scan's only delivery."""
    await until(lambda: last(house).is_final and not last(house).open_deliveries)
    [one] = last(house).deliveries
    return one.state.value, one.reason


@BOTH_VERSIONS
async def test_a_scan_becomes_a_document(
    house: House, laser: Printer, paperless: Paperless, caplog: pytest.LogCaptureFixture
) -> None:
    house.set_options({**house.entry.options, "paperless_tags": ["rechnung"]})
    laser.glass = "receipt"
    sent = await send(house, laser, filename="租房 合同 (2)", tags=["家"])
    assert sent == {"destination": "paperless", "state": "done", "reason": None, "message": None}
    [document] = paperless.documents
    job = last(house)
    assert document.form["title"] == "租房 合同 (2)"
    assert document.form["tags"] == [3, 7]
    assert document.form["created"] == job.created_at.replace(microsecond=0)
    kept = async_get_scan_jobs(house.hass, house.entry).path(job, job.files[0])
    assert document.content == kept.read_bytes()
    assert show(pages_of(kept), ["receipt"])
    assert document.name == f"租房 合同 (2) {job.job_id}-1.pdf"
    assert TOKEN not in caplog.text


REFUSALS = {
    "401": "paperless_token",
    "413": "paperless_too_large",
    "redirect": "paperless_redirects",
    "login page": "paperless_other_server",
}


@pytest.mark.whole
@pytest.mark.parametrize("fault", REFUSALS)
async def test_refusals_are_told_and_can_be_tried_again(
    house: House, laser: Printer, paperless: Paperless, fault: str
) -> None:
    paperless.faults = [fault]
    sent = await send(house, laser)
    assert (sent["state"], sent["reason"]) == ("failed", REFUSALS[fault])
    assert sent["message"]
    assert paperless.tasks == []
    await do(
        house,
        laser,
        "continue_scan",
        answer="hand_on",
        scan_id=last(house).job_id,
        send_to="paperless",
    )
    assert await ended(house) == ("done", None)
    assert len(paperless.documents) == 1


@BOTH_VERSIONS
@pytest.mark.whole
@pytest.mark.parametrize("fault", ["502", "502 after", "cut", "lost"])
async def test_what_may_have_arrived_is_looked_for(
    house: House, laser: Printer, paperless: Paperless, fault: str
) -> None:
    paperless.faults = [fault]
    paperless.refuses_duplicates = False
    sent = await send(house, laser)
    assert sent["state"] in ("waiting", "done")
    assert await ended(house) == ("done", None)
    assert len(paperless.tasks) == len(paperless.documents) == 1
    assert paperless.posts == (1 if fault in ("lost", "502 after") else 2)


async def send_on(house: House, laser: Printer, to: str = "paperless") -> None:
    scan_id = last(house).job_id
    await do(house, laser, "continue_scan", answer="hand_on", scan_id=scan_id, send_to=to)


@BOTH_VERSIONS
async def test_the_same_file_is_told_to_be_there(
    house: House, laser: Printer, paperless: Paperless
) -> None:
    await send(house, laser)
    [first] = paperless.documents
    # Somebody else has put the next file there, under another name.
    paperless.refuses_duplicates, paperless.rests = True, True
    answer = await do(house, laser)
    kept = async_get_scan_jobs(house.hass, house.entry).path(last(house), last(house).files[0])
    first.content = kept.read_bytes()
    paperless.rests = False
    await send_on(house, laser)
    assert await ended(house) == ("done", "paperless_duplicate")
    assert last(house).deliveries[0].detail == "1"
    assert len(paperless.documents) == 1
    # In the trash, it is not there.
    paperless.in_trash.add(1)
    await do(house, laser)
    kept = async_get_scan_jobs(house.hass, house.entry).path(last(house), last(house).files[0])
    first.content = kept.read_bytes()
    await send_on(house, laser)
    assert await ended(house) == ("failed", "paperless_in_trash")
    assert answer["sent_to"] == []


@BOTH_VERSIONS
async def test_a_task_is_followed_to_its_end(
    house: House, laser: Printer, paperless: Paperless
) -> None:
    paperless.error = f"no text layer, token={TOKEN}"
    sent = await send(house, laser)
    assert (sent["state"], sent["reason"]) == ("failed", "paperless_failed")
    assert "no text layer" in sent["message"]
    assert TOKEN not in sent["message"]
    paperless.error = None
    await send_on(house, laser)
    assert await ended(house) == ("done", None)
    # What is there is not sent again.
    await send_on(house, laser)
    await house.hass.async_block_till_done()
    assert (len(paperless.documents), paperless.posts) == (1, 2)


@BOTH_VERSIONS
async def test_what_cannot_be_looked_for_is_not_sent_again(
    house: House, laser: Printer, paperless: Paperless
) -> None:
    paperless.refuses_duplicates = False
    paperless.rights = frozenset({"add_document", "view_document"})
    paperless.faults = ["lost"]
    await send(house, laser)
    assert await ended(house) == ("uncertain", "paperless_in_doubt")
    await send_on(house, laser)
    assert await ended(house) == ("uncertain", "paperless_in_doubt")
    assert paperless.posts == 1
    # Once the token may look, the document is found.
    paperless.rights |= {"view_paperlesstask"}
    await send_on(house, laser)
    assert await ended(house) == ("done", None)
    assert (paperless.posts, len(paperless.documents)) == (1, 1)


async def test_without_the_right_to_see_tasks_the_end_is_unknown(
    house: House, laser: Printer, paperless: Paperless
) -> None:
    paperless.rights -= {"view_paperlesstask"}
    sent = await send(house, laser)
    assert (sent["state"], sent["reason"]) == ("uncertain", "paperless_unfinished")
    paperless.rights -= {"add_document"}
    sent = await send(house, laser)
    assert (sent["state"], sent["reason"]) == ("failed", "paperless_forbidden")


async def test_an_unknown_tag_and_a_refused_type_are_told(
    house: House, laser: Printer, paperless: Paperless, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = await send(house, laser, tags=["Steuer"])
    assert (sent["state"], sent["reason"]) == ("failed", "paperless_no_tag")
    assert "Steuer" in sent["message"]
    assert paperless.posts == 0
    await do(house, laser)
    path = async_get_scan_jobs(house.hass, house.entry).path(last(house), last(house).files[0])
    path.write_bytes(b"no page")
    await send_on(house, laser)
    assert await ended(house) == ("failed", "paperless_refused")
    assert "File type" in last(house).deliveries[0].detail


async def test_pictures_become_documents_each_once(
    house: House, laser: Printer, paperless: Paperless
) -> None:
    laser.feeder = ["one", "two", "three"]
    paperless.refuses_duplicates = False
    paperless.faults = ["", "lost"]
    await send(house, laser, source="feeder", format="jpeg", filename="Trip")
    assert await ended(house) == ("done", None)
    titles = [one.form["title"] for one in paperless.documents]
    assert titles == ["Trip 1", "Trip 2", "Trip 3"]
    assert len({one.content for one in paperless.documents}) == 3


async def test_a_server_that_is_off_is_tried_for_a_day(
    house: House, laser: Printer, clock: Clock
) -> None:
    async with Paperless(version=3).running() as server:
        address = server.address
    house.set_options({"paperless_url": address, "paperless_token": TOKEN})
    events = async_capture_events(house.hass, EVENT_STATE_CHANGED)
    sent = await send(house, laser)
    assert (sent["state"], sent["reason"]) == ("waiting", "paperless_unreachable")
    assert sent["message"]
    await restart(house)
    assert [one.value for one in last(house).open_deliveries] == ["paperless"]
    clock.tick(timedelta(hours=23))
    await rest(house.hass)
    assert last(house).open_deliveries
    clock.tick(timedelta(hours=1))
    assert await ended(house) == ("failed", "paperless_given_up")
    kinds = [
        state.attributes["event_type"]
        for event in events
        if (state := event.data["new_state"])
        and state.domain == "event"
        and "destination" in state.attributes
    ]
    assert kinds == ["not_sent"]
    async with Paperless(version=3).running(URL(address).port) as server:
        await send_on(house, laser)
        assert await ended(house) == ("done", None)
        assert len(server.documents) == 1


async def test_a_server_that_never_ends_a_task_is_given_up(
    house: House, laser: Printer, paperless: Paperless, clock: Clock
) -> None:
    paperless.rests = True
    sent = await send(house, laser)
    assert sent["state"] == "processing"
    clock.tick(timedelta(hours=24))
    assert await ended(house) == ("uncertain", "paperless_unfinished")
    paperless.rests = False
    await send_on(house, laser)
    assert await ended(house) == ("done", None)
    assert paperless.posts == 1


async def test_a_discarded_scan_is_not_sent(
    house: House, laser: Printer, paperless: Paperless
) -> None:
    paperless.faults = ["502"] * 99
    sent = await send(house, laser)
    assert sent["state"] == "waiting"
    await do(house, laser, "continue_scan", answer="discard", scan_id=last(house).job_id)
    paperless.faults = []
    await rest(house.hass)
    assert last(house).deliveries == ()
    assert paperless.documents == []


async def test_a_scan_that_failed_is_not_on_its_way(
    house: House, laser: Printer, paperless: Paperless
) -> None:
    house.cloud.variants.update(scan_problem="lid")
    answer = await do(house, laser, send_to="paperless")
    [sent] = answer["sent_to"]
    assert (answer["state"], sent["state"]) == ("failed", "failed")
    assert (sent["reason"], sent["message"]) == (answer["reason"], answer["message"])
    assert paperless.tasks == []


async def test_a_scan_that_is_discarded_while_it_is_copied_is_in_no_folder(
    house: House, laser: Printer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = media_folder(house, tmp_path) / "scans"
    house.set_options({"scan_folder": "local/scans"})
    await do(house, laser)
    copying, go_on = hold(monkeypatch, shutil, "copyfileobj", seconds=LONGEST)
    sending = house.hass.async_create_task(send_on(house, laser, "folder"))
    await until(copying.is_set)
    discard = do(house, laser, "continue_scan", answer="discard", scan_id=last(house).job_id)
    discarding = house.hass.async_create_task(discard)
    await until(lambda: last(house).state == "canceled")
    go_on.set()
    await discarding
    await sending
    await rest(house.hass)
    assert [*folder.iterdir()] == []


async def test_a_discard_does_not_wait_for_a_folder_that_does_not_answer(
    house: House, laser: Printer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does another scan, which is copied elsewhere."""
    media_folder(house, tmp_path)
    house.set_options({"scan_folder": "local/scans"})
    await do(house, laser)
    job_id = last(house).job_id
    monkeypatch.setattr(scan_jobs, "CLOSE_TIME", 0.1)
    copying, go_on = hold(monkeypatch, folders, "copy_all", seconds=LONGEST)
    await send_on(house, laser, "folder")
    await until(copying.is_set)
    await do(house, laser, "continue_scan", answer="discard", scan_id=job_id)
    await do(house, laser, folder="local/other")
    assert last(house).copies
    go_on.set()
    await rest(house.hass)


async def test_through_the_integration_of_home_assistant(
    house: House, laser: Printer, caplog: pytest.LogCaptureFixture
) -> None:
    async with Paperless(version=2).running() as server:
        data = {"url": server.address, "api_key": TOKEN, "verify_ssl": True}
        entry = MockConfigEntry(domain="paperless_ngx", data=data)
        entry.add_to_hass(house.hass)
        assert await house.hass.config_entries.async_setup(entry.entry_id)
        laser.glass = "receipt"
        # An own address would be used only without that integration.
        house.set_options({"paperless_url": "http://127.0.0.1:1", "paperless_token": "x"})
        sent = await send(house, laser)
        assert sent["state"] == "done"
        assert len(server.documents) == 1
        assert await house.hass.config_entries.async_unload(entry.entry_id)
    assert TOKEN not in caplog.text


async def test_nothing_is_scanned_for_what_is_not_set_up(house: House, laser: Printer) -> None:
    for to, reason in (
        ("paperless", "send_no_paperless"),
        ("folder", "send_no_folder"),
        ("mail", "send_no_mail"),
        ("script", "scan_no_script"),
    ):
        with pytest.raises(ServiceValidationError) as caught:
            await do(house, laser, send_to=[to])
        assert caught.value.translation_key == reason
    assert laser.scanned == []


async def test_into_the_folder_of_the_options_by_the_button(
    house: House, laser: Printer, tmp_path: Path
) -> None:
    folder = media_folder(house, tmp_path)

    async def scan_by_the_button(chosen: str) -> None:
        house.set_options({"scan_folder": "local/scans", "scan_send_to": [chosen]})
        entity_id = state_of(house, laser, "button", "scan").entity_id
        data = {"entity_id": entity_id}
        await house.hass.services.async_call("button", "press", data, blocking=True)
        await until(lambda: last(house).is_final)

    await scan_by_the_button("another folder")
    assert last(house).deliveries == ()
    await scan_by_the_button(f"{laser.id} folder")
    assert await ended(house) == ("done", None)
    [file] = (folder / "scans").iterdir()
    job = last(house)
    assert job.copied_to == (str(file),)
    assert file.name == job.files[0]
    # Once more: the same copy stays.
    await send_on(house, laser, "folder")
    assert await ended(house) == ("done", None)
    assert [*(folder / "scans").iterdir()] == [file]
    shown = state_of(house, laser, "event", "scan")
    assert shown.attributes["event_type"] == "sent"
    assert shown.attributes["destination"] == "folder"
    house.set_options({"scan_folder": "local/gone/too"})
    await send_on(house, laser, "folder")
    assert await ended(house) == ("failed", "scan_not_copied")


async def test_a_folder_whose_disk_is_full_is_tried_for_a_day(
    house: House, laser: Printer, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = media_folder(house, tmp_path) / "scans"
    house.set_options({"scan_folder": "local/scans"})

    def copy(*_files: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(folders, "shutil", SimpleNamespace(copyfileobj=copy))
        answer = await do(house, laser, folder="local/scans")
        assert (answer["state"], answer["reason"]) == ("failed", "scan_folder_full")
        # Nobody is told of a file that is not there, nor to send what only a completed scan can send.
        assert (len(answer["files"]), answer["copied_to"]) == (1, [])
        assert state_of(house, laser, "event", "scan").attributes["copied_to"] == []
        assert "send" not in answer["message"]
        answer = await do(house, laser, send_to="folder")
        [sent] = answer["sent_to"]
        assert (sent["state"], sent["reason"]) == ("waiting", "send_folder_full")
        assert answer["copied_to"] == []
        clock.tick(timedelta(hours=24))
        assert await ended(house) == ("failed", "send_folder_full")
    await send_on(house, laser, "folder")
    assert await ended(house) == ("done", None)
    [there] = [file for file in folder.iterdir() if file.suffix != ".part"]
    assert last(house).files == (there.name,)
    assert state_of(house, laser, "event", "scan").attributes["copied_to"] == [str(there)]


async def test_a_folder_that_does_not_answer_keeps_no_box_from_being_unloaded(
    house: House, laser: Printer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network share whose server is off; the box was in the middle of its unload until the server came back."""
    folder = media_folder(house, tmp_path) / "scans"
    house.set_options({"scan_folder": "local/scans"})
    copying, go_on = hold(monkeypatch, folders, "copy_all", seconds=LONGEST)
    monkeypatch.setattr(scan_delivery, "CLOSE_TIME", 0.1)
    await do(house, laser, send_to="folder", wait=False)
    await until(copying.is_set)
    unload = house.hass.async_create_task(
        house.hass.config_entries.async_unload(house.entry.entry_id)
    )
    await until(unload.done)
    assert [*folder.iterdir()] == []
    go_on.set()
    assert await set_up(house.hass, house.entry)
    assert await ended(house) == ("done", None)
    assert [file.name for file in folder.iterdir()] == [*last(house).files]


async def test_what_was_chosen_for_all_buttons_is_that_of_each(
    house: House, laser: Printer, tmp_path: Path
) -> None:
    house.set_options({"scan_send_to": ["folder", "script"]})
    begun = await house.hass.config_entries.options.async_init(house.entry.entry_id)
    form = await house.hass.config_entries.options.async_configure(
        begun["flow_id"], {"next_step_id": "scan_destinations"}
    )
    assert form["data_schema"] is not None
    [(key, field)] = [
        (key, field) for key, field in form["data_schema"].schema.items() if key == "scan_send_to"
    ]
    scanners = async_get_hub(house.hass, house.entry).scanners
    assert key.description["suggested_value"] == [
        f"{scanner_id} {to}" for scanner_id in scanners for to in ("folder", "script")
    ]
    labels = {one["value"]: one["label"] for one in field.config["options"]}
    assert labels[f"{laser.id} paperless"] == f"{laser.name}: Paperless-ngx"
    assert button_destinations(house.entry.options, str(laser.id)) == ["folder", "script"]


async def test_the_token_is_nowhere(
    house: House, laser: Printer, paperless: Paperless, caplog: pytest.LogCaptureFixture
) -> None:
    paperless.faults = ["401"]
    await send(house, laser)
    report = await async_get_config_entry_diagnostics(house.hass, house.entry)
    assert paperless.address not in json.dumps(report, default=str)
    assert TOKEN not in json.dumps(report, default=str)
    assert TOKEN not in caplog.text
    assert TOKEN not in str([state.as_dict() for state in house.hass.states.async_all()])
    assert TOKEN not in repr(async_paperless(house.hass, house.entry.options))
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    await house.hass.async_block_till_done()

    def is_left() -> bool:
        files = [path for path in Path(house.hass.config.config_dir).rglob("*") if path.is_file()]
        return any(TOKEN.encode() in path.read_bytes() for path in files)

    assert not await house.hass.async_add_executor_job(is_left)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_example_of_the_manual(
    house: House, laser: Printer, paperless: Paperless, language: str
) -> None:
    [example] = [one for one in examples(language, "paperless") if "actions" in one]
    [action] = example["actions"]
    paperless.tags["Receipts"] = 9
    laser.feeder = ["a receipt"]
    assert action["action"] == "lianke.scan"
    answer = await do(house, laser, **{**action["data"], "device_id": device(house, laser)})
    assert [one["state"] for one in answer["sent_to"]] == ["done"]
    [document] = paperless.documents
    assert (document.form["title"], document.form["tags"]) == ("Receipt", [9])


async def test_without_a_response_a_failure_is_an_error(
    house: House, laser: Printer, paperless: Paperless
) -> None:
    paperless.faults = ["401"]
    data = {"device_id": device(house, laser), "send_to": "paperless"}
    with pytest.raises(HomeAssistantError) as caught:
        await house.hass.services.async_call("lianke", "scan", data, blocking=True)
    assert caught.value.translation_key == "paperless_token"


async def test_by_mail(house: House, laser: Printer) -> None:
    sent: list[dict[str, Any]] = []

    async def take(call: ServiceCall) -> None:
        sent.append(dict(call.data))
        if len(sent) > 1:
            raise HomeAssistantError("the server says no")

    house.hass.services.async_register("smtp", "send_message", take)
    house.hass.states.async_set("notify.office", "unknown")
    house.set_options({"scan_mail": "notify.office", "scan_send_to": ["mail"]})
    answer = await do(house, laser, send_to="mail", filename="Brief")
    assert [one["state"] for one in answer["sent_to"]] == ["done"]
    [mail] = sent
    [file] = answer["files"]
    assert (mail["entity_id"], mail["title"]) == ("notify.office", "Brief")
    [attached] = mail["attachments"]
    assert attached["media_source"]["media_content_id"] == file["media_content_id"]
    media = await async_resolve_media(house.hass, file["media_content_id"], None)
    assert str(media.path) == file["path"]
    await send_on(house, laser, "mail")
    assert await ended(house) == ("failed", "send_mail_failed")
    assert last(house).deliveries[0].detail == "the server says no"
    # What was cut off is not sent again by itself.
    one = replace(last(house).deliveries[0], state=DeliveryState.OPEN, reason=None)
    await rewrite(house, last(house).job_id, deliveries=(one,))
    await restart(house)
    assert await ended(house) == ("uncertain", "send_in_doubt")
    assert len(sent) == 2


async def test_a_mail_that_meets_an_error_nobody_expects_is_not_on_its_way_for_ever(
    house: House, laser: Printer
) -> None:
    async def take(_call: ServiceCall) -> None:
        raise ZeroDivisionError

    house.hass.services.async_register("smtp", "send_message", take)
    house.hass.states.async_set("notify.office", "unknown")
    house.set_options({"scan_mail": "notify.office"})
    await do(house, laser, send_to="mail")
    assert await ended(house) == ("uncertain", "send_in_doubt")


@BOTH_VERSIONS
async def test_the_options_are_tested(house: House, laser: Printer, paperless: Paperless) -> None:
    flow = house.hass.config_entries.options
    entry_id = house.entry.entry_id
    house.set_options({})

    async def answer(**typed: Any) -> Any:
        begun = await flow.async_init(entry_id)
        assert "scan_destinations" in begun["menu_options"]
        form = await flow.async_configure(begun["flow_id"], {"next_step_id": "scan_destinations"})
        assert form["data_schema"] is not None
        assert TOKEN not in str(form["data_schema"].schema)
        return await flow.async_configure(begun["flow_id"], typed)

    def result(menu: Any) -> str:
        assert menu["step_id"] == "destinations_tested"
        return str(menu["description_placeholders"]["result"])

    form = await answer(paperless_url=paperless.address)
    assert form["errors"] == {"paperless_token": "paperless_needs_both"}
    server = {"paperless_url": paperless.address, "paperless_token": TOKEN}
    assert "accept" in result(await answer(**{**server, "paperless_token": "wrong"}))
    tags = ["Steuer ![x](//evil.example)"]
    assert r"Steuer \!\[x\]\(" in result(await answer(**server, paperless_tags=tags))
    paperless.rights -= {"view_paperlesstask"}
    assert "view tasks" in result(await answer(**server))
    paperless.rights |= {"view_paperlesstask"}
    paperless.status = 404
    assert "is not Paperless-ngx" in result(await answer(**server))
    paperless.status = 0
    no_server = {**server, "paperless_url": "http://127.0.0.1:1"}
    assert "cannot be reached" in result(await answer(**no_server))
    assert "does not exist" in result(await answer(scan_folder="local/nowhere/x"))
    chosen = [f"{laser.id} paperless"]
    menu = await answer(**server, scan_send_to=chosen, paperless_tags=["家"])
    assert "answers" in result(menu)
    saved = await flow.async_configure(menu["flow_id"], {"next_step_id": "destinations_saved"})
    assert saved["type"] == "create_entry"
    kept = {"paperless_tags": ["家"], "scan_send_to": chosen}
    assert house.entry.options.items() >= (server | kept).items()
    # The token stays if its field is left empty, but not at another address.
    menu = await answer(paperless_url=paperless.address)
    await flow.async_configure(menu["flow_id"], {"next_step_id": "destinations_saved"})
    assert house.entry.options == server
    form = await answer(paperless_url="http://127.0.0.1:1")
    assert form["errors"] == {"paperless_token": "paperless_needs_both"}


async def test_what_takes_too_long_or_is_too_large_is_bounded(
    house: House, laser: Printer, paperless: Paperless, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ServiceValidationError):
        await do(house, laser, send_to="paperless", tags=["a"] * 21)
    with pytest.raises(ServiceValidationError):
        await do(house, laser, send_to="paperless", tags=["a" * 256])
    # A server that begins, and then says nothing for minutes.
    paperless.faults = ["slow"]
    sent = await send(house, laser, filename="n" * 250, wait_timeout={"minutes": 9})
    assert (sent["state"], sent["reason"]) == ("waiting", "paperless_unreachable")
    paperless.release.set()
    assert await ended(house) == ("done", None)
    assert len(paperless.documents) == 1
    for fault in ("long id", "huge answer"):
        paperless.faults = [fault]
        sent = await send(house, laser)
        assert (sent["state"], sent["reason"]) == ("failed", "paperless_other_server")


async def test_a_mail_is_neither_huge_nor_waited_for_without_end(
    house: House, laser: Printer
) -> None:
    begun: list[ServiceCall] = []

    async def take(call: ServiceCall) -> None:
        begun.append(call)
        await asyncio.Event().wait()

    house.hass.services.async_register("smtp", "send_message", take)
    house.hass.states.async_set("notify.office", "unknown")
    house.set_options({"scan_mail": "notify.office"})
    await do(house, laser, send_to="mail", wait=False)
    await until(lambda: records(house) and last(house).is_final)
    assert await ended(house) == ("uncertain", "send_in_doubt")
    path = async_get_scan_jobs(house.hass, house.entry).path(last(house), last(house).files[0])
    path.write_bytes(bytes(25 * 1024 * 1024 + 1))
    await send_on(house, laser, "mail")
    assert await ended(house) == ("failed", "send_mail_too_large")
    assert len(begun) == 1
