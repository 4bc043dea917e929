"""Scans from the action to kept files, and copies to the simulator's out tray."""

import asyncio
from contextlib import nullcontext, suppress
import errno
from functools import partial
from http import HTTPStatus
from io import BytesIO
import os
from pathlib import Path
import shutil
import threading
import time
from typing import Any
from urllib.parse import quote

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_READ_ONLY
from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import CAT_ENTITIES
from homeassistant.components import labs, media_source
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.components.http.server import StaticPathConfig
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context, HomeAssistant, ServiceCall, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er, llm
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from PIL import Image, ImageFilter
import pypdfium2
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.lianke.api.scanning import Scanners
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.documents import folders, local_files
from custom_components.lianke.jobs.opening import async_get_ledger
from custom_components.lianke.people.notifications import EVENT_ACTION
from custom_components.lianke.scanner import scan_files, scan_jobs
from custom_components.lianke.scanner.actions import describe_scanners
from custom_components.lianke.scanner.hub import FEATURE, ScannerHub
from custom_components.lianke.scanner.scan_files import scans_path
from custom_components.lianke.scanner.scan_job import ScanState, ScanUpdate, media_id
from custom_components.lianke.scanner.scan_jobs import SIGNAL_SCAN, async_get_scan_jobs
from custom_components.lianke.scanner.scan_rules import CONDITION_SECONDS
from custom_components.lianke.scanner.scan_view import file_path, picture_paths
from tests.clock import Clock, until
from tests.companion import phone_of
from tests.household import LASER, House, as_read, refusal
from tests.ledger.things import refusing_disk
from tests.scanned import ALIKE, difference
from tests.scanner.scans import (
    ASSISTANT,
    device,
    do,
    hold,
    hub_of,
    is_like,
    last,
    media_folder,
    over,
    pages_of,
    printer,
    printer_status,
    records,
    restart,
    rewrite,
    say,
    show,
    state_of,
    under_way,
)
from tests.simulator import Fault, Outcome
from tests.simulator.endpoints import scanning
from tests.simulator.endpoints.scanning import draw_page
from tests.simulator.models import Printer
from tests.websocket_api.cards import compare

pytestmark = pytest.mark.usefixtures("hurried", "hub")


@pytest.mark.usefixtures("all_entities")
async def test_a_scan_is_kept_and_told(house: House, laser: Printer) -> None:
    told: list[ScanUpdate] = []

    @callback
    def tell(update: ScanUpdate) -> None:
        told.append(update)

    async_dispatcher_connect(house.hass, SIGNAL_SCAN, tell)
    answer = await do(house, laser, size="A4", filename="租房/合同")
    assert (answer["state"], answer["pages"], answer["reason"]) == ("completed", 1, None)
    [file] = answer["files"]
    assert (file["name"], file["content_type"]) == ("合同.pdf", "application/pdf")
    [page] = pages_of(file["path"])
    assert is_like(page, laser.glass, size="A4")
    assert [update.job.state for update in told] == ["finishing", "completed"]
    event = state_of(house, laser, "event", "scan")
    assert event.attributes["event_type"] == "completed"
    assert event.attributes["media_content_id"] == file["media_content_id"]
    assert state_of(house, laser, "sensor", "scanner_status").state == "idle"
    shown = state_of(house, laser, "image", "last_scan").state
    assert shown == told[0].job.created_at.isoformat()
    # It lies where backups and the recorder do not look.
    assert Path(file["path"]).is_relative_to(house.hass.config.cache_path(DOMAIN))
    media = await media_source.async_resolve_media(house.hass, file["media_content_id"], None)
    assert media.path == Path(file["path"])
    # It is there without the box, too.
    house.box.online = False
    await house.hass.config_entries.async_reload(house.entry.entry_id)
    await until(lambda: state_of(house, laser, "image", "last_scan").state != "unknown")
    assert state_of(house, laser, "image", "last_scan").state == shown
    house.box.online = True
    await house.coordinator.async_refresh()
    # It can be printed like any other file of the media browser.
    job = await house.print_one(device_id=printer(house), media=file["media_content_id"])
    assert job["pages"] == 1


@pytest.mark.parametrize("way", ["action", "button", "answer"])
async def test_a_scan_right_after_a_start(house: House, laser: Printer, way: str) -> None:
    """Waits until the scanner is listed, and it is known what it can do."""
    if way == "answer":
        await do(house, laser, several_pages=True)
    house.cloud.fail("GET /scanning/scanner_list", Fault(kind="delay", seconds=0.5))
    await house.hass.config_entries.async_reload(house.entry.entry_id)
    assert not hub_of(house).is_listed
    match way:
        case "action":
            assert await refusal(do(house, laser, size="A3")) == "scan_no_size"
            await do(house, laser)
        case "button":
            entity_id = state_of(house, laser, "button", "scan").entity_id
            await house.hass.services.async_call(
                "button", "press", {"entity_id": entity_id}, blocking=True
            )
        case "answer":
            await say(house, laser, "finish")
    assert hub_of(house).is_listed
    await over(house)
    assert (last(house).state, len(last(house).files)) == ("completed", 1)


async def test_pages_on_the_glass_wait_for_somebody(house: House, laser: Printer) -> None:
    laser.glass = "one"
    answer = await do(house, laser, several_pages=True, size="A4")
    assert (answer["state"], answer["pages"]) == ("waiting", 1)
    assert state_of(house, laser, "sensor", "scanner_status").state == "waiting"
    with pytest.raises(ServiceValidationError, match="in use"):
        await do(house, laser)
    laser.glass = "crooked"
    await say(house, laser, "next")
    # A restart changes nothing.
    await house.hass.config_entries.async_reload(house.entry.entry_id)
    await until(lambda: records(house) and hub_of(house).scanners)
    laser.glass = "two"
    again = await say(house, laser, "again")
    assert (again["state"], again["pages"]) == ("waiting", 2)
    done = await say(house, laser, "finish")
    assert (done["scan_id"], done["state"]) == (answer["scan_id"], "completed")
    [file] = done["files"]
    assert show(pages_of(file["path"]), ["one", "two"], size="A4")
    assert laser.scanned == ["one", "crooked", "two"]
    discarded = await say(house, laser, "discard", scan_id=answer["scan_id"])
    assert (discarded["state"], discarded["files"]) == ("canceled", [])
    assert not list(scans_path(house.hass, house.entry.entry_id).rglob("*.pdf"))


async def test_pages_are_changed_before_they_are_kept(house: House, laser: Printer) -> None:
    """Two stacks of a feeder: a page is turned and cut, one goes, and the second stack is fed once more."""
    laser.feeder = ["one", "two", "three"]
    answer = await do(house, laser, source="feeder", several_pages=True, size="A4")
    assert (answer["state"], answer["pages"]) == ("waiting", 3)

    await say(house, laser, "remove", page=2)
    top = {"bottom": 0.5}
    await say(house, laser, "change", page=1, crop=top)
    # Of what is left, which is a page lying on its side by now.
    await say(house, laser, "change", page=1, crop={"turn": 90, "right": 0.5})
    laser.feeder = ["four", "five"]
    assert (await say(house, laser, "next"))["pages"] == 4
    laser.feeder = ["five", "six"]
    await say(house, laser, "again")
    done = await say(house, laser, "finish")
    assert (done["state"], done["pages"]) == ("completed", 4)
    with pypdfium2.PdfDocument(done["files"][0]["path"]) as pdf:
        sizes = [[round(side / 72 * 25.4) for side in page.get_size()] for page in pdf]
    assert sizes == [[74, 210], *[[210, 297]] * 3]
    first, *rest = pages_of(done["files"][0]["path"])
    # The lower half of the upper half, on its side.
    whole = draw_page("one", {"colorMode": "RGB24", "size": "A4"}, 150)
    quarter = whole.crop((0, 438, 1240, 877)).transpose(Image.Transpose.ROTATE_270)
    assert difference(first, quarter) < ALIKE
    assert show(rest, ["three", "five", "six"], size="A4")


async def test_what_cannot_be_done_with_a_page_is_refused(house: House, laser: Printer) -> None:
    await do(house, laser, several_pages=True)
    for answer, more, key in (
        ("change", {"page": 2}, "scan_no_page"),
        ("remove", {}, "scan_only_page"),
        ("hand_on", {}, "scan_no_script"),
    ):
        assert await refusal(say(house, laser, answer, **more)) == key
    assert (await say(house, laser, "finish"))["pages"] == 1


async def test_a_feeder_becomes_one_file_and_a_jam_loses_no_page(
    house: House, laser: Printer
) -> None:
    laser.feeder = ["one", "two", "three"]
    answer = await do(house, laser, source="feeder", color="gray", size="A4")
    pages = pages_of(answer["files"][0]["path"])
    assert show(pages, ["one", "two", "three"], size="A4", colorMode="Grayscale8")
    laser.feeder = ["four", "five"]
    house.cloud.variants.update(scan_problem="jam")
    answer = await do(house, laser, source="feeder", size="A4")
    assert (answer["state"], answer["reason"], answer["pages"]) == ("failed", "scan_jam", 1)
    assert answer["message"].startswith("Paper is jammed in the scanner.")
    [page] = pages_of(answer["files"][0]["path"])
    assert is_like(page, "four", size="A4")
    event = state_of(house, laser, "event", "scan")
    assert event.attributes["event_type"] == "failed"
    with pytest.raises(HomeAssistantError, match="Paper is jammed"):
        await house.hass.services.async_call(
            DOMAIN, "scan", {"device_id": device(house, laser), "source": "feeder"}, blocking=True
        )


@pytest.mark.parametrize(("hours", "reason"), [(0, None), (25, "copy_in_doubt")])
async def test_a_copy_is_scanned_once_and_printed_once(
    house: House, laser: Printer, clock: Clock, hours: float, reason: str | None
) -> None:
    answer = await do(house, laser, "copy", copies=2, size="A4")
    assert answer["state"] == "completed"
    [job_id] = answer["print_jobs"]
    await until(lambda: house.printed)
    [printed] = house.printed
    assert (printed.pages, printed.copies, printed.port) == (1, 2, 1)
    assert printed.options["jpScale"] == "none"
    [page] = pages_of(printed.path)
    assert is_like(page, laser.glass, size="A4")
    # As 0.3.0 was killed after the print was submitted, before that was written.
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    await rewrite(house, answer["scan_id"], state=ScanState.FINISHING, print_jobs=())
    clock.tick(hours * 3600)
    await house.hass.config_entries.async_setup(house.entry.entry_id)
    await over(house)
    assert last(house).print_jobs == (() if reason else (job_id,))
    assert last(house).reason == reason
    assert len(house.printed) == 1
    assert laser.scanned == [laser.glass]


async def test_a_copy_whose_answer_was_lost_is_made_once(house: House, laser: Printer) -> None:
    """Whoever presses again while it is under way, or after it, even if Home Assistant was restarted meanwhile."""
    asked = partial(do, house, laser, "copy", size="A4", request_id="card-1")
    first, second = await asyncio.gather(asked(copies=2), asked(copies=2))
    await until(lambda: house.printed)
    await restart(house)
    third = await asked(copies=2)
    assert first["scan_id"] == second["scan_id"] == third["scan_id"]
    assert await refusal(asked(copies=3), ServiceValidationError) == "request_id_conflict"
    await house.hass.async_block_till_done()
    assert (len(house.printed), laser.scanned) == (1, [laser.glass])


async def test_a_copy_that_printed_nothing_is_made_anew(house: House, laser: Printer) -> None:
    asked = partial(do, house, laser, "copy", request_id="card-1")
    first = await asked(several_pages=True)
    await say(house, laser, "discard")
    assert (await asked())["scan_id"] != first["scan_id"]
    await until(lambda: house.printed)


@pytest.mark.parametrize("kept_as", ["pdf", "jpg", "png"])
async def test_what_is_smaller_than_the_paper_is_printed_at_its_size(
    house: House, laser: Printer, kept_as: str
) -> None:
    """A receipt of no chosen size, which its picture tells; copied, printed later and again, it was blown up to A4."""
    laser.glass_mm = [80, 200]
    house.cloud.variants.scan_type = "png" if kept_as == "png" else "as_asked"
    await do(house, laser, "copy")
    # A device that still prints the copy does not scan.
    await until(lambda: house.printed and laser.current is None)
    [file] = (await do(house, laser, format="pdf" if kept_as == "pdf" else "jpeg"))["files"]
    media = file["media_content_id"]
    job = await house.print_one(media=media)
    house.cloud.plan(laser, Outcome(code=502, msg="x"))
    failed = await house.print_one(media=media, paper="A5")
    assert failed["state"] == "failed"
    await house.ask("retry_job", job_id=failed["job_id"], paper="A4")
    await house.print_one(media=media, scale="fit")
    # It does not fit on A6 at its size, neither at first nor when it is printed again.
    await house.print_one(media=media, paper_width=105, paper_height=148)
    house.cloud.plan(laser, Outcome(code=502, msg="x"))
    failed = await house.print_one(media=media)
    await house.ask("retry_job", job_id=failed["job_id"], paper_width=105, paper_height=148)
    printed = await house.came_out(6)
    scales = [one.options.get("jpScale") for one in printed]
    assert scales == ["none", "none", "none", "fit", None, None]
    assert job["state"] == "completed"
    for one in printed:
        if kept_as != "pdf" and one.options.get("jpScale") == "fit":
            # It becomes a PDF only to keep its size.
            assert one.path.suffix == f".{kept_as}"
            continue
        with pypdfium2.PdfDocument(one.path) as pdf:
            mm = [side / 72 * 25.4 for side in pdf[0].get_size()]
        assert mm == pytest.approx((80, 200), rel=0.01)


async def test_a_whole_glass_is_fitted_on_the_paper(house: House, laser: Printer) -> None:
    await do(house, laser, "copy")
    [printed] = await house.came_out()
    assert "jpScale" not in printed.options


@pytest.mark.long
async def test_an_id_card_has_its_size(house: House, laser: Printer) -> None:
    laser.glass = "front"
    answer = await do(house, laser, "copy", sheet="id_card")
    assert (answer["state"], answer["pages"]) == ("waiting", 1)
    laser.glass = "back"
    answer = await say(house, laser, "next")
    assert (answer["state"], answer["message"]) == ("completed", None)
    await until(lambda: house.printed)
    [printed] = house.printed
    [sheet] = pages_of(printed.path)
    # Of what is dark, only the black square is thicker than 5 mm, once for each side of the card.
    thick = sheet.convert("L").filter(ImageFilter.MaxFilter(31))
    box = thick.point(lambda value: 255 if value < 60 else 0).getbbox()
    assert box is not None
    # 20 mm of the glass are 20 mm on paper, less what the filter takes.
    mm = 150 / 25.4
    assert abs(box[2] - box[0] - (20 * mm - 30)) < mm
    assert box[3] - box[1] > 54 * mm
    assert printed.pages == 1


async def test_the_back_of_an_id_card_is_scanned_again(house: House, laser: Printer) -> None:
    """Where it is to be looked at before it is printed."""
    for glass, word in (("front", None), ("crooked", "next"), ("back", "again")):
        laser.glass = glass
        if word is None:
            await do(house, laser, "copy", sheet="id_card", several_pages=True)
        else:
            answer = await say(house, laser, word)
    assert (answer["state"], answer["pages"]) == ("waiting", 2)
    assert await refusal(say(house, laser, "next")) == "scan_card_full"
    done = await say(house, laser, "finish")
    assert (done["state"], len(done["print_jobs"])) == ("completed", 1)
    [printed] = await house.came_out()
    assert printed.pages == 1
    assert laser.scanned == ["front", "crooked", "back"]


async def test_a_stack_that_did_not_come_is_done_without(house: House, laser: Printer) -> None:
    laser.feeder = ["one"]
    await do(house, laser, "copy", source="feeder", several_pages=True, size="A4")
    # What has come stays when the stack that did not come is put in once more.
    for stack, word, pages in (
        ([], "next", 1),
        (["two"], "again", 2),
        ([], "again", 2),
        (["2"], "again", 2),
    ):
        laser.feeder = stack
        answer = await say(house, laser, word)
        assert (answer["state"], answer["pages"]) == ("waiting", pages)
    laser.feeder = []
    answer = await say(house, laser, "next")
    assert (answer["state"], answer["reason"]) == ("waiting", "scan_feeder_empty")
    done = await say(house, laser, "finish")
    assert (done["state"], done["reason"], len(done["print_jobs"])) == ("completed", None, 1)
    await house.came_out()


async def test_pages_are_straightened_as_they_come(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an automation, which waits for nobody."""

    def draw_askew(*args: Any) -> Image.Image:
        return draw_page(*args).rotate(2, Image.Resampling.BICUBIC, fillcolor="white")

    monkeypatch.setattr(scanning, "draw_page", draw_askew)
    laser.feeder = ["one", "two"]
    asked: dict[str, Any] = {"source": "feeder", "size": "A4"}
    answer = await do(house, laser, **asked, straighten=True)
    assert (answer["state"], answer["pages"]) == ("completed", 2)
    assert show(pages_of(answer["files"][0]["path"]), ["one", "two"], size="A4")
    askew = do(house, laser, "copy", sheet="id_card", straighten=True)
    assert await refusal(askew) == "scan_page_fixed"


async def test_what_cannot_be_scanned_is_refused(
    house: House, laser: Printer, tmp_path: Path
) -> None:
    laser_device = device(house, laser)
    for data, key in (
        ({"size": "A3"}, "scan_no_size"),
        ({"scan_duplex": True}, "scan_duplex_glass"),
        ({"folder": str(tmp_path)}, "scan_folder"),
        ({"folder": "local/../../etc"}, "scan_folder"),
        ({"device_id": printer(house)}, "printer_not_scanner"),
    ):
        assert await refusal(do(house, laser, **data)) == key
    fed = do(house, laser, "copy", sheet="id_card", source="feeder")
    assert await refusal(fed) == "id_card_on_glass"
    assert await refusal(say(house, laser, "next")) == "scan_not_waiting"
    assert laser.scanned == []
    await labs.async_update_preview_feature(house.hass, DOMAIN, FEATURE, False)
    assert await refusal(do(house, laser, device_id=laser_device)) == "scanning_off"
    assert dr.async_get(house.hass).async_get(laser_device) is None


async def test_a_folder_gets_the_file(house: House, laser: Printer, tmp_path: Path) -> None:
    """One directly in the media folder is made; the blueprint names it, and nobody had made it."""
    folder = tmp_path / "media" / "scans"
    folder.parent.mkdir()
    house.hass.config.media_dirs = {"local": str(folder.parent), "nas": str(folder.parent)}
    for missing in ("nas/scans", "local/scans/of/today"):
        assert await refusal(do(house, laser, folder=missing)) == "scan_folder"
    assert not folder.exists()
    for name in ("a.pdf", "a (2).pdf"):
        answer = await do(house, laser, filename="a", folder="local/scans")
        assert answer["copied_to"] == [str(folder / name)]
    assert sorted(path.name for path in folder.iterdir()) == ["a (2).pdf", "a.pdf"]
    # Names are as long as a file system takes them, and each page has its own, also one that its page has already.
    for filename, count in (("租房合同" * 60, 2), ("page-0001", 1)):
        laser.feeder = ["one", "two"][:count]
        fed: dict[str, Any] = {"format": "jpeg", "filename": filename, "folder": "local/scans"}
        answer = await do(house, laser, source="feeder", size="A4", **fed)
        assert (answer["state"], len({*answer["copied_to"]})) == ("completed", count)
        for file, text in zip(answer["files"], laser.scanned[-count:], strict=True):
            assert is_like(Image.open(file["path"]).resize((1240, 1754)), text, size="A4")


async def test_kept_scans_are_told_apart_in_the_media_browser(
    hass: HomeAssistant, house: House, laser: Printer, hass_client: ClientSessionGenerator
) -> None:
    """Their time comes before the name of their scanner, which all have, and a picture shows what they are."""
    assert await async_setup_component(hass, "websocket_api", {})
    await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])
    client = await hass_client()
    for glass in ("one", "two"):
        laser.glass = glass
        await do(house, laser, size="A4")
    await do(house, laser, size="A4", format="jpeg", filename="回执")
    folder = await media_source.async_browse_media(hass, "media-source://lianke/kept-scans")
    assert folder.children is not None
    titles = [child.title for child in folder.children]
    times = [f"{dt_util.as_local(job.created_at):%Y-%m-%d %H:%M:%S}" for job in records(house)]
    assert titles == [
        f"{times[0]} 回执.jpg",
        *(f"{time} {hub_of(house).get(str(laser.id)).name}.pdf" for time in times[1:]),
    ]
    for child, glass in zip(folder.children, ("two", "two", "one"), strict=True):
        assert child.thumbnail is not None
        response = await client.get(child.thumbnail)
        page = Image.open(BytesIO(await response.read()))
        assert is_like(page.resize((1240, 1754)), glass, size="A4")


async def test_scans_are_private(
    hass: HomeAssistant,
    house: House,
    laser: Printer,
    hass_client: ClientSessionGenerator,
    hass_ws_client: Any,
) -> None:
    assert await async_setup_component(hass, "websocket_api", {})
    await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])
    guest = await hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_READ_ONLY])
    answer = await do(house, laser, filename="租房 #1 100%")
    media = answer["files"][0]["media_content_id"]
    url = f"/api/lianke/{quote(media.removeprefix('media-source://lianke/kept-'))}"
    token = await hass.auth.async_create_refresh_token(guest, "http://localhost")
    access = hass.auth.async_create_access_token(token)
    for who, seen in ((None, True), (access, False)):
        client = await (hass_client() if who is None else hass_client(who))
        response = await client.get(url)
        assert response.status == (HTTPStatus.OK if seen else HTTPStatus.NOT_FOUND)
        if seen:
            assert (await response.read()).startswith(b"%PDF-")
            assert response.headers["Cache-Control"] == "private, no-store"
        socket = await (hass_ws_client(hass) if who is None else hass_ws_client(hass, who))
        await socket.send_json_auto_id(
            {
                "type": "media_source/browse_media",
                "media_content_id": "media-source://lianke/kept-scans",
            }
        )
        children = (await socket.receive_json())["result"]["children"]
        assert [one["media_content_id"] for one in children] == ([media] if seen else [])
        await socket.send_json_auto_id(
            {"type": "media_source/resolve_media", "media_content_id": media}
        )
        resolved = await socket.receive_json()
        assert resolved["success"] is seen
        if seen:
            assert (await client.get(resolved["result"]["url"])).status == HTTPStatus.OK
    # Nor printed for who may only see that there is a scanner, where no connection says who asks, as in a companion
    # app's webhook.
    reader = MockUser(groups=[]).add_to_hass(hass)
    status = printer_status(house)
    rights = {status: {"control": True}}
    call = {"device_id": printer(house), "media": media}
    reader.mock_policy({CAT_ENTITIES: {"entity_ids": rights}})
    unseen = house.ask("print", Context(user_id=reader.id), **call)
    assert await refusal(unseen) == "media_not_found"
    rights[state_of(house, laser, "sensor", "scanner_status").entity_id] = {"control": True}
    reader.mock_policy({CAT_ENTITIES: {"entity_ids": rights}})
    await house.ask("print", Context(user_id=reader.id), **call)
    assert len(await house.came_out()) == 1


async def test_a_player_that_signs_shows_no_scan(
    hass: HomeAssistant, house: House, laser: Printer, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """A guest's phone told one to play a kept scan: the link was signed for the system's own user, who saw all."""
    await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])
    guest = await hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_READ_ONLY])
    answer = await do(house, laser, size="A4")
    media = answer["files"][0]["media_content_id"]
    [job] = records(house)
    phone = await phone_of(hass, guest, hass_client_no_auth)
    for path in (*picture_paths(house.entry, job), file_path(house.entry, job, 0)):
        assert await phone.play(path) == HTTPStatus.NOT_FOUND
    # Nor does it learn where the file lies.
    assert await phone.play(media) == 0
    # An automation finds what it is made to find, also where that phone sets it off.
    play = {
        "action": "media_player.play_media",
        "data": {"media_content_id": media, "media_content_type": "application/pdf"},
        "target": {"entity_id": "media_player.tv"},
    }
    made = {
        "alias": "Show",
        "triggers": {"trigger": "event", "event_type": "show"},
        "actions": play,
    }
    assert await async_setup_component(hass, "automation", {"automation": [made]})
    phone.played.clear()
    await phone.fire("show")
    await until(lambda: phone.played)
    assert phone.played != [None]


async def test_a_card_says_what_the_scanner_is_doing(
    hass: HomeAssistant,
    house: House,
    laser: Printer,
    hub: ScannerHub,
    hass_ws_client: Any,
    clock: Clock,
) -> None:
    """Each time it looks the scanner is asked; a scan of the home network is told at once."""
    for component in ("auth", "websocket_api"):
        assert await async_setup_component(hass, component, {})
    house.cloud.variants.update(scanner_status="words")
    laser.scan_trouble = "jam"
    clock.tick(CONDITION_SECONDS + 1)
    socket = await hass_ws_client(hass)

    async def see(status: str) -> None:
        found = None
        while found != status:
            for one in (await socket.receive_json()).get("event", {}).get("scanners", ()):
                if one["device_id"] == device(house, laser):
                    found = one["status"]

    await socket.send_json_auto_id({"type": "lianke/scans/subscribe"})
    await see("jam")
    async with hub.using(str(laser.id), "a computer"):
        await see("scanning")


async def test_a_card_follows_the_scanners(
    hass: HomeAssistant,
    house: House,
    laser: Printer,
    hass_ws_client: Any,
    hass_client_no_auth: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for component in ("auth", "websocket_api"):
        assert await async_setup_component(hass, component, {})
    socket = await hass_ws_client(hass)
    await socket.send_json_auto_id({"type": "lianke/scans/subscribe"})
    assert (await socket.receive_json())["success"]
    scanners = (await socket.receive_json())["event"]["scanners"]
    [shown] = [one for one in scanners if one["device_id"] == device(house, laser)]
    assert (shown["sources"], shown["duplex"], shown["scan"]) == (["feeder", "glass"], True, None)
    assert (shown["printer"], shown["hand_on"]) == (printer(house), None)

    async def act(service: str, **data: Any) -> None:
        data = {"device_id": device(house, laser), "wait": False} | data
        await socket.send_json_auto_id(
            {"type": "lianke/action", "service": service, "service_data": data}
        )

    async def see(state: str) -> dict[str, Any]:
        """Return the scan once it is so."""
        while True:
            message = await socket.receive_json()
            for one in message.get("event", {}).get("scanners", ()):
                if one["device_id"] == device(house, laser) and one["scan"]:
                    compare(one, "Scanner", "scan/types.ts")
                    compare(one["scan"], "Scan", "scan/types.ts")
                    states.append(one["scan"]["state"])
                    if states[-1] == state:
                        scan: dict[str, Any] = one["scan"]
                        return scan

    async def fetch(path: str, who: str | None = None) -> tuple[int, bytes, str]:
        """Return what is behind an address, signed as the card has it signed."""
        asking = await (hass_ws_client(hass) if who is None else hass_ws_client(hass, who))
        await asking.send_json_auto_id({"type": "auth/sign_path", "path": path})
        signed = (await asking.receive_json())["result"]["path"]
        client = await hass_client_no_auth()
        assert (await client.get(path)).status == HTTPStatus.UNAUTHORIZED
        response = await client.get(signed)
        return (
            response.status,
            await response.read(),
            response.headers.get("Content-Disposition", ""),
        )

    states: list[str] = []
    await act("scan", several_pages=True, filename="租房 #1 100%", size="A4")
    scan = await see("waiting")
    assert states[0] == "scanning"
    [picture] = scan["pictures"]
    status, body, _ = await fetch(picture)
    with Image.open(BytesIO(body)) as shown_page:
        assert shown_page.size == (827, 1169)
        assert is_like(shown_page.resize((1240, 1754)), laser.glass, size="A4")
    guest = await hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_READ_ONLY])
    token = await hass.auth.async_create_refresh_token(guest, "http://localhost")
    as_guest = hass.auth.async_create_access_token(token)
    assert (await fetch(picture, as_guest))[0] == HTTPStatus.NOT_FOUND
    await act("continue_scan", answer="change", crop={"bottom": 0.5})
    [changed] = (await see("waiting"))["pictures"]
    assert changed != picture
    assert (await fetch(picture))[0] == HTTPStatus.NOT_FOUND
    # A box that is loaded again is followed, too, also where its scanners are known before it is.
    forward = house.hass.config_entries.async_forward_entry_setups

    async def slow(*args: Any) -> None:
        await forward(*args)
        await hub_of(house).async_listed()

    monkeypatch.setattr(house.hass.config_entries, "async_forward_entry_setups", slow)
    await house.hass.config_entries.async_reload(house.entry.entry_id)
    await see("waiting")
    await act("continue_scan", answer="finish")
    scan = await see("completed")
    [kept], [download] = scan["pictures"], scan["downloads"]
    status, body, _ = await fetch(kept)
    with Image.open(BytesIO(body)) as shown_page:
        assert shown_page.size == pytest.approx((827, 585), abs=1)
    assert download["name"] == "租房 #1 100%.pdf"
    status, body, named = await fetch(download["path"])
    assert (status, body[:5]) == (HTTPStatus.OK, b"%PDF-")
    assert named == f"inline; filename*=UTF-8''{quote(download['name'])}"
    assert (await fetch(download["path"], as_guest))[0] == HTTPStatus.NOT_FOUND


async def test_an_assistant_scans(hass: HomeAssistant, house: House, laser: Printer) -> None:
    for component in ("homeassistant", "conversation", "llm"):
        assert await async_setup_component(hass, component, {})

    async def tools() -> dict[str, llm.Tool]:
        api = await llm.async_get_api(hass, llm.LLM_API_ASSIST, ASSISTANT)
        return {tool.name: tool for tool in api.tools}

    status = state_of(house, laser, "sensor", "scanner_status").entity_id
    async_expose_entity(hass, "conversation", status, False)
    hidden = await tools()
    async_expose_entity(hass, "conversation", status, True)
    tool = (await tools())["lianke__scan"]
    assert tool.integration == DOMAIN
    result = await tool.async_call(
        hass,
        llm.ToolInput(tool_name=tool.name, tool_args={"scanner": f"{LASER} scanner"}),
        ASSISTANT,
    )
    assert isinstance(result, llm.ToolResult)
    assert (result.data["state"], result.data["pages"]) == ("completed", 1)
    assert "files" not in result.data
    async_expose_entity(hass, "conversation", status, False)
    with pytest.raises(ServiceValidationError):
        await tool.async_call(hass, llm.ToolInput(tool_name=tool.name, tool_args={}), ASSISTANT)
    assert laser.scanned == [laser.glass]
    assert hidden.keys() <= (await tools()).keys()
    # Nor does an assistant print what was scanned there, as long as it is not exposed.
    [job] = records(house)
    address = media_id(house.entry.entry_id, job, job.files[0])
    status_there = printer_status(house)
    async_expose_entity(house.hass, "conversation", status_there, True)
    for exposed in (False, True):
        async_expose_entity(house.hass, "conversation", status, exposed)
        tool = (await tools())["lianke__print_document"]
        asks = tool.async_call(
            house.hass,
            llm.ToolInput(tool_name=tool.name, tool_args={"printer": LASER, "address": address}),
            ASSISTANT,
        )
        if exposed:
            await asks
        else:
            assert await refusal(asks) == "scan_not_exposed"
            assert not house.queue.jobs()
    await house.came_out()


async def test_two_scans_of_one_name_into_a_folder(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two scanners at a time: neither takes the other's place, and one is told to take another name."""
    copy, both = shutil.copyfileobj, threading.Barrier(2)

    def slow(source: Any, target: Any) -> None:
        copy(source, target)
        with suppress(threading.BrokenBarrierError):
            both.wait(0.3)

    monkeypatch.setattr(shutil, "copyfileobj", slow)
    (folder := tmp_path / "folder").mkdir()
    files = [tmp_path / scanner / "a.pdf" for scanner in ("one", "two")]
    for file in files:
        file.parent.mkdir()
        file.write_text(file.parent.name)
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    target = [folder / "a.pdf"]
    done = await asyncio.gather(
        *(asyncio.to_thread(folders.copy_all, hass, [one], target) for one in files)
    )
    [path] = folder.iterdir()
    assert sorted(done) == [False, True]
    assert path.read_text() == files[done.index(True)].read_text()
    assert not folders.copy_all(hass, [files[done.index(True)]], target)
    assert folders.copy_all(hass, [files[done.index(True)]], target, again=True)
    assert not folders.copy_all(hass, [files[done.index(False)]], target, again=True)


async def test_a_folder_that_became_a_link_gets_nothing(
    house: House, laser: Printer, tmp_path: Path
) -> None:
    """The scan was written to where the link leads, outside of all that is allowed."""
    folder, outside = tmp_path / "media" / "scans", tmp_path / "outside"
    folder.mkdir(parents=True)
    outside.mkdir()
    house.hass.config.media_dirs = {"local": str(folder.parent)}
    await do(house, laser, several_pages=True, folder="local/scans")
    folder.rmdir()
    folder.symlink_to(outside)
    answer = await say(house, laser, "finish")
    assert (answer["state"], answer["reason"]) == ("failed", "scan_not_copied")
    assert (answer["copied_to"], [*outside.iterdir()]) == ([], [])
    # It is kept all the same.
    assert answer["files"][0]["bytes"] > 0


@pytest.mark.parametrize("there", ["nothing", "a file", "a part that is a file"])
async def test_a_folder_that_is_gone_is_told_as_such(
    house: House, laser: Printer, tmp_path: Path, there: str
) -> None:
    """The disk was said to be full, and the scan was taken up again at each start."""
    folder = media_folder(house, tmp_path, "media/scans/of/today")
    await do(house, laser, several_pages=True, folder="local/scans/of/today")
    folder.rmdir()
    if there == "a file":
        folder.touch()
    elif there == "a part that is a file":
        folder.parent.rmdir()
        folder.parent.touch()
    answer = await say(house, laser, "finish")
    assert (answer["state"], answer["reason"]) == ("failed", "scan_not_copied")
    assert (answer["copied_to"], len(answer["files"])) == ([], 1)
    assert not last(house).is_unkept


@pytest.mark.parametrize("error", [errno.EROFS, errno.EACCES])
async def test_a_folder_that_may_only_be_read_is_told_as_such(
    house: House,
    laser: Printer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: int,
) -> None:
    """A share that is mounted to be read."""
    folder, open_it = media_folder(house, tmp_path, "media/scans"), os.open

    def refuse(path: Any, flags: int, *args: Any, **more: Any) -> int:
        if str(path).endswith(".pdf.part"):
            raise OSError(error, "no")
        return open_it(path, flags, *args, **more)

    monkeypatch.setattr(os, "open", refuse)
    answer = await do(house, laser, folder="local/scans")
    assert (answer["state"], answer["reason"]) == ("failed", "scan_not_copied")
    assert (len(answer["files"]), [*folder.iterdir()]) == (1, [])
    assert not last(house).is_unkept


async def test_a_part_of_the_path_that_becomes_a_link_while_it_is_opened(
    house: House, laser: Printer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the path was looked at, and before the folder is opened."""
    folder = media_folder(house, tmp_path, "media/scans/today")
    (outside := tmp_path / "outside" / "today").mkdir(parents=True)
    check = local_files.check_not_public

    def swap(*args: Any) -> None:
        check(*args)
        if folder.parent.is_dir() and not folder.parent.is_symlink() and laser.scanned:
            folder.rmdir()
            folder.parent.rmdir()
            folder.parent.symlink_to(outside.parent)

    monkeypatch.setattr(local_files, "check_not_public", swap)
    answer = await do(house, laser, folder="local/scans/today")
    assert folder.parent.is_symlink()
    assert (answer["state"], answer["reason"]) == ("failed", "scan_not_copied")
    assert (answer["copied_to"], [*outside.iterdir()]) == ([], [])


async def test_no_scan_is_put_where_an_integration_serves_files_to_everybody(
    hass: HomeAssistant, house: House, laser: Printer, tmp_path: Path
) -> None:
    folder = media_folder(house, tmp_path, "media/scans/of")
    served = StaticPathConfig("/shop", str(folder.parent))
    assert await async_setup_component(hass, "http", {})
    await hass.http.async_register_static_paths([served])
    for name in ("local/scans", "local/scans/of"):
        with pytest.raises(ServiceValidationError) as refused:
            await do(house, laser, folder=name)
        assert refused.value.translation_key == "scan_folder_public"
        assert refused.value.translation_placeholders == {"folder": "scans"}
    assert laser.scanned == []


async def test_no_scan_is_handed_out_to_everybody(
    house: House, laser: Printer, tmp_path: Path
) -> None:
    """Home Assistant serves `www` without login."""
    config = house.hass.config
    public = Path(config.path("www"))
    (public / "scans").mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(public / "scans")
    config.media_dirs = {"local": str(public), "home": config.config_dir}
    config.allowlist_external_dirs = {str(tmp_path), str(public)}
    for folder in ("www", "local/scans", str(link), "home/www/scans"):
        assert await refusal(do(house, laser, folder=folder)) == "scan_folder_public"
    # All of it may lie on another disk.
    shutil.rmtree(public)
    (tmp_path / "disk").mkdir()
    await asyncio.to_thread(public.symlink_to, tmp_path / "disk")
    assert await refusal(do(house, laser, folder="home/www")) == "scan_folder_public"
    assert laser.scanned == []


@pytest.mark.parametrize("asked", ["all", "params"])
async def test_what_is_switched_off_while_it_is_asked_for_stays_off(
    house: House, laser: Printer, hub: ScannerHub, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    hub.clear()
    real = getattr(Scanners, asked)

    async def switching(scanners: Scanners, *args: Any) -> Any:
        await labs.async_update_preview_feature(house.hass, DOMAIN, FEATURE, False)
        await until(lambda: not hub.scanners)
        return await real(scanners, *args)

    monkeypatch.setattr(Scanners, asked, switching)
    await hub.async_refresh()
    assert not hub.scanners


async def test_a_scanner_that_was_deleted_comes_back_whole(
    hass_ws_client: WebSocketGenerator, house: House, laser: Printer, hub: ScannerHub
) -> None:
    assert await async_setup_component(house.hass, "config", {})
    client, deleted = await hass_ws_client(house.hass), device(house, laser)
    answer = await client.remove_device(deleted)
    assert answer["error"]["translation_key"] == "printer_connected"
    laser.plugged = False
    await hub.async_refresh()
    assert (await client.remove_device(deleted))["success"]
    await house.hass.async_block_till_done()
    laser.plugged = True
    await hub.async_refresh()
    await house.hass.async_block_till_done()
    assert device(house, laser) == deleted
    assert state_of(house, laser, "sensor", "scanner_status").state == "idle"


@pytest.mark.parametrize("what", ["ledger", "folder"])
async def test_a_refusing_disk_loses_nothing(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def full(*_args: Any, **_kwargs: Any) -> None:
        raise OSError("no space left on device")

    ledger = await async_get_ledger(house.hass)
    if what == "folder":
        monkeypatch.setattr(Path, "mkdir", full)
    with refusing_disk(ledger) if what == "ledger" else nullcontext():
        assert await refusal(do(house, laser), HomeAssistantError) == "disk_full"
    assert laser.scanned == []
    assert records(house) == []
    monkeypatch.undo()
    await until(lambda: ledger.is_settled)
    await do(house, laser, several_pages=True)
    await say(house, laser, "next")
    # A page that it does not let go of keeps nobody from going on.
    monkeypatch.setattr(Path, "unlink", full)
    left = await say(house, laser, "remove")
    assert (left["state"], left["pages"]) == ("waiting", 1)
    monkeypatch.undo()
    assert (await say(house, laser, "finish"))["state"] == "completed"


@pytest.mark.parametrize(("answer", "state"), [("finish", "completed"), ("discard", "canceled")])
async def test_an_answer_right_after_a_page(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch, answer: str, state: str
) -> None:
    """While what is left over is still deleted: nothing that the answer makes is taken for that."""
    tidy, tidying = scan_files.keep_only, threading.Event()

    def slow(*args: Any) -> None:
        tidying.set()
        time.sleep(0.2)
        tidy(*args)

    await do(house, laser, several_pages=True, wait=False)
    monkeypatch.setattr(scan_jobs, "keep_only", slow)
    await until(tidying.is_set)
    done = await say(house, laser, answer)
    assert done["state"] == state
    await house.hass.async_block_till_done(wait_background_tasks=True)
    [record] = records(house)
    assert bool(record.files) is (answer == "finish")
    folder = scans_path(house.hass, house.entry.entry_id) / record.job_id
    assert {path.name for path in folder.iterdir()} == {*record.files, *record.pages[:1]}


async def test_whoever_answers_goes(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the midst of it, as an automation that is started anew: the scan ends all the same."""
    monkeypatch.setattr(scan_jobs, "GLASS_SECONDS", 1200)
    await do(house, laser, several_pages=True)
    await say(house, laser, "next")
    tidying, gone = hold(monkeypatch, scan_jobs, "keep_only")
    asking = house.hass.async_create_task(say(house, laser, "remove"))
    await until(tidying.is_set)
    asking.cancel()
    await asyncio.sleep(0)
    gone.set()
    job = await over(house)
    assert (job.state, len(job.pages)) == ("completed", 1)


async def test_a_copy_with_both_sides_by_hand(house: House, laser: Printer) -> None:
    laser.feeder = ["one", "two"]
    answer = await do(house, laser, "copy", source="feeder", size="A4", duplex="manual_long_edge")
    [job_id] = answer["print_jobs"]
    await until(lambda: house.queue.get(job_id).current_delivery.hold_reason == "turn_paper")
    assert len(house.printed) == 1
    await house.ask("continue_job", job_id=job_id)
    await house.came_out(2)
    assert laser.scanned == ["one", "two"]


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_copy_that_is_discarded_while_its_print_is_made(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch, *, is_late: bool
) -> None:
    """Nothing is printed: the print is not made any more, or canceled."""
    house.set_options({"release_printers": list(house.data.storage.printers)})
    scans, queue = async_get_scan_jobs(house.hass, house.entry), house.queue
    # The end of the copy keeps two names.
    tidying, go_on = hold(
        monkeypatch, scan_jobs, "keep_only", lambda _folder, names: len(names) == 2
    )
    async with nullcontext() if is_late else queue._lock:
        scan_id = (await do(house, laser, "copy", wait=False))["scan_id"]
        await until(tidying.is_set if is_late else lambda: queue._submitting)
        discard = house.hass.async_create_task(say(house, laser, "discard", scan_id=scan_id))
        await until(lambda: discard.done() or scans._lock.locked())
        if is_late:
            await until(lambda: [job.state for job in queue.jobs()] == ["canceled"])
            go_on.set()
    assert (await discard)["state"] == "canceled"
    await until(lambda: not queue._submitting)
    assert [job.state for job in queue.jobs()] == (["canceled"] if is_late else [])
    assert not house.printed


async def test_a_scan_that_is_discarded_while_it_is_copied(
    house: House, laser: Printer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder gets nothing, however slow it is."""
    folder = media_folder(house, tmp_path)
    copying, discarding = hold(monkeypatch, folders, "copy_all")
    await do(house, laser, folder="local", filename="a", wait=False)
    await until(copying.is_set)
    discard = house.hass.async_create_task(say(house, laser, "discard"))
    await until(async_get_scan_jobs(house.hass, house.entry)._lock.locked)
    discarding.set()
    assert (await discard)["state"] == "canceled"
    await house.hass.async_block_till_done()
    assert [*folder.iterdir()] == []


async def test_a_scan_that_is_discarded_is_canceled(house: House, laser: Printer) -> None:
    house.cloud.variants.update(scan_problem="hangs")
    answer = await do(house, laser, wait=False)
    await under_way(house)
    done = await say(house, laser, "discard")
    assert (done["scan_id"], done["state"]) == (answer["scan_id"], "canceled")
    [scan] = house.cloud.scans.values()
    await until(lambda: scan.state == "REVOKED")
    # The scanner is free once the service's answer has come.
    await until(lambda: not hub_of(house).is_in_use(str(laser.id)))


async def test_a_finished_scan_is_handed_on(
    hass: HomeAssistant, house: House, laser: Printer
) -> None:
    """To the script that the options name, which can say that it failed."""
    got: list[ServiceCall] = []

    async def take(call: ServiceCall) -> None:
        got.append(call)

    hass.services.async_register("test", "take", take)
    steps = [
        {"action": "test.take", "data": {"path": "{{ files[0].path }}", "scan": "{{ scan_id }}"}},
        {"variables": {"answer": {"error": "{{ 'no room' if pages == 2 else '' }}"}}},
        {"stop": "done", "response_variable": "answer"},
    ]
    script = {"archive": {"alias": "To the archive", "sequence": steps}}
    assert await async_setup_component(hass, "script", {"script": script})
    house.set_options({"scan_script": "script.archive"})
    user = await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])
    answer = await do(house, laser, several_pages=True)
    hand_on = {"answer": "hand_on", "scan_id": answer["scan_id"]}
    assert await refusal(do(house, laser, "continue_scan", **hand_on)) == "scan_no_files"
    [shown] = [
        one for one in describe_scanners(hass, user) if one["device_id"] == device(house, laser)
    ]
    assert shown["hand_on"] == "To the archive"
    await say(house, laser, "finish")
    context = Context(user_id=user.id)
    done = await do(house, laser, "continue_scan", context=context, **hand_on)
    assert got[0].data == {"path": done["files"][0]["path"], "scan": answer["scan_id"]}
    assert got[0].context.user_id == user.id
    laser.feeder = ["one", "two"]
    answer = await do(house, laser, source="feeder")
    with pytest.raises(ServiceValidationError) as caught:
        await say(house, laser, "hand_on", scan_id=answer["scan_id"])
    assert caught.value.translation_key == "scan_not_handed_on"
    assert caught.value.translation_placeholders == {"detail": "no room"}
    # A script speaks as it likes, so its words are quoted.
    for language, quoted in (("en", "says: “no room”"), ("zh-Hans", "说明为：“no room”")):
        assert quoted in as_read(caught.value, language)


async def test_a_phone_asks_what_comes_next(
    hass: HomeAssistant,
    house: House,
    laser: Printer,
    hass_client_no_auth: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That of who scans, with a picture of the page, and until somebody has answered; others may not."""
    anna = await hass.auth.async_create_user("Anna", group_ids=[GROUP_ID_ADMIN])
    guest = await hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_READ_ONLY])
    told: list[ServiceCall] = []
    refused: list[ServiceCall] = []

    async def take(call: ServiceCall) -> None:
        (refused if call.service == "send_message" else told).append(call)

    for name in ("mobile_app_anna_s_phone", "mobile_app_guest_s_phone", "send_message"):
        hass.services.async_register("notify", name, take)
    phones = []
    for user in (anna, guest):
        phone = MockConfigEntry(
            domain="mobile_app", data={"user_id": user.id, "device_name": f"{user.name}'s phone"}
        )
        phones.append(phone)
        phone.add_to_hass(hass)
        phone.mock_state(hass, ConfigEntryState.LOADED)
        er.async_get(hass).async_get_or_create(
            "notify", "mobile_app", user.name or "", config_entry=phone
        )

    async def press(button: str, user: User | None) -> None:
        context = Context(user_id=None if user is None else user.id)
        hass.bus.async_fire(EVENT_ACTION, {"action": button}, context=context)
        await hass.async_block_till_done()

    await do(house, laser, several_pages=True, context=Context(user_id=anna.id))
    await until(lambda: told)
    [asked] = told
    assert asked.service == "mobile_app_anna_s_phone"
    assert asked.data["message"].startswith(f"{LASER}: pages scanned: 1.")
    buttons = [one["action"] for one in asked.data["data"]["actions"]]
    assert [one["title"] for one in asked.data["data"]["actions"]] == [
        "Next page",
        "Scan again",
        "Finish",
    ]
    client = await hass_client_no_auth()
    picture = await client.get(asked.data["data"]["image"])
    assert (picture.status, picture.content_type) == (HTTPStatus.OK, "image/jpeg")
    await press(buttons[0], None)
    await press(buttons[0], guest)
    [no] = refused
    assert no.data["message"] == "Unauthorized"
    assert laser.scanned == [laser.glass]
    await press(buttons[0], anna)
    await until(lambda: len(told) == 3)
    tags = [call.data["data"]["tag"] for call in told]
    assert tags == [tags[0]] * 3
    assert told[1].data["message"] == "clear_notification"
    assert told[2].data["message"].startswith(f"{LASER}: pages scanned: 2.")
    # A page that did not come is no page, and the phone says why.
    house.cloud.variants.update(scan_problem="lid")
    await press(buttons[0], anna)
    await until(lambda: len(told) == 5)
    why, _, rest_of_it = told[4].data["message"].partition(f" {LASER}: pages scanned: 2.")
    assert why == "The cover of the scanner is open. Close it, then scan again."
    assert rest_of_it == " Put the next page in its place, or finish."
    await say(house, laser, "finish")
    await until(lambda: len(told) == 6)
    assert told[5].data["message"] == "clear_notification"
    await press(buttons[0], anna)
    assert refused[-1].data["message"] == "No scan waits for an answer at this scanner."
    # A scan that fails while it waits asks nothing any more, either.
    house.cloud.variants.update(scan_problem="none")
    monkeypatch.setattr(scan_jobs, "GLASS_SECONDS", 1200)
    await do(house, laser, several_pages=True, context=Context(user_id=anna.id))
    await until(lambda: len(told) == 7)
    scans = async_get_scan_jobs(hass, house.entry)
    with refusing_disk(await async_get_ledger(hass)):
        # Nobody answers, and the scan can neither be finished nor stored as such.
        await until(lambda: not scans.unfinished_job(str(laser.id)))
    await until(lambda: len(told) == 8)
    assert last(house).state == "failed"
    assert told[7].data["message"] == "clear_notification"
    for phone in phones:
        phone.mock_state(hass, ConfigEntryState.NOT_LOADED)
