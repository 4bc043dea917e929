"""Binding a box, a new key, other connection facts: the real flow against the simulated cloud."""

import asyncio
from collections.abc import AsyncGenerator
from io import BytesIO
from typing import Any
from unittest.mock import patch

from aiohttp import FormData
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigFlowContext,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.pages.clean import escape_markdown
from tests import needs
from tests.clock import until
from tests.config_flows import answer, asked, begin, key_of, link_of, recognized, told
from tests.conftest import make_entry, tear_down
from tests.flows.options import fields_of
from tests.household import twin_of
from tests.simulator import Box, Fault, Simulator, qr_link, qr_png

VENDOR = "https://cloud.liankenet.com/api"
WRONG_KEY = "Q" * 32
DOTS = "•" * 12  # stand for a key that the flow holds already
STRANGE_CODE = 4711

pytestmark = pytest.mark.usefixtures("ready")


@pytest.fixture
async def ready(hass: HomeAssistant) -> AsyncGenerator[None]:
    """Set up what must be there before a web client; unload what a test has set up."""
    for dependency in ("file_upload", "media_source", "webhook"):
        assert await async_setup_component(hass, dependency, {})
    yield
    await tear_down(hass)


@pytest.fixture
def first(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Return the office box's entry, which is there already, and not loaded."""
    entry.add_to_hass(hass)
    return entry


def stranger_of(simulator: Simulator) -> Box:
    """Return a box of another account."""
    boxes = simulator.cloud.boxes.values()
    return next(one for one in boxes if one.account is not simulator.box.account)


async def upload(hass_client: ClientSessionGenerator, picture: bytes) -> str:
    """Upload a file as the form's file field does; return its id."""
    client = await hass_client()
    form = FormData()
    form.add_field("file", picture, filename="sticker.png", content_type="image/png")
    response = await client.post("/api/file_upload", data=form)
    assert response.status == 200
    return str((await response.json())["file_id"])


def sticker_photo(box: Box) -> bytes:
    """Return a photo of a box's sticker."""
    return qr_png(link_of(box))


def shown_text(result: ConfigFlowResult) -> str:
    """Return everything that a form carries to the browser."""
    schema = result["data_schema"]
    parts: list[object] = [result.get("description_placeholders"), result.get("errors")]
    todo = [schema.schema] if schema else []
    while todo:
        for marker, value in todo.pop().items():
            parts += [marker.description, getattr(marker, "default", lambda: None)]
            default = getattr(marker, "default", None)
            parts.append(default() if callable(default) else default)
            parts.append(getattr(value, "config", None))
            if hasattr(value, "schema"):
                todo.append(value.schema.schema)
    return repr(parts)


@needs.zbar
async def test_bound_by_photo(
    hass: HomeAssistant,
    simulator: Simulator,
    box: Box,
    hass_client: ClientSessionGenerator,
) -> None:
    """A photo and a key are all it takes; the photo is deleted after use."""
    result = await begin(hass)
    photo = await upload(hass_client, sticker_photo(box))
    result = await answer(hass, result, photo=photo)
    assert result["step_id"] == "account"
    assert told(result)["device_id"] == box.device_id
    assert not simulator.cloud.requests
    result = await answer(hass, result, simulator.url, api_key=f" {key_of(box)}\n")
    assert result["step_id"] == "printers"
    shown = told(result)
    assert shown["device_id"] == box.device_id
    for printer in box.printers:
        assert printer.name.split()[0] in shown["printers"]
    assert shown["printers"].count("\n") == len(box.printers) - 1
    assert "⏳" in shown["printers"]
    assert result["last_step"] is True

    result = await answer(hass, result, test_page=False)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == f"Lianke {box.device_id}"
    webhook_id = result["data"]["webhook_id"]
    assert len(webhook_id) >= 32
    assert result["data"] == {
        "api_key": key_of(box),
        "device_id": box.device_id,
        "device_key": box.device_key,
        "server": simulator.url,
        "webhook_id": webhook_id,
    }
    assert result["result"].unique_id == box.device_id
    assert result["options"] == {}
    assert simulator.cloud.count("POST /print/job") == 0
    assert photo not in hass.data["file_upload"].files


async def test_one_thing_at_a_time(hass: HomeAssistant, box: Box) -> None:
    """First the sticker, the photo before the link, which WeChat does not show; then the account."""
    assert list(fields_of(await begin(hass))) == ["photo", "qr_text"]
    result = await recognized(hass, link_of(box))
    assert list(fields_of(result)) == ["api_key", "advanced"]
    assert box.device_key not in shown_text(result)
    # Nobody needs to open the section.
    advanced = fields_of(result)["advanced"]
    assert advanced.schema({})["server"] == VENDOR
    assert advanced.options["collapsed"] is True


async def test_text_helps_out_when_the_photo_shows_no_code(
    hass: HomeAssistant, box: Box, hass_client: ClientSessionGenerator
) -> None:
    """Given both, an unreadable or vanished photo is no obstacle."""
    blank = BytesIO()
    Image.new("RGB", (400, 300), "white").save(blank, "PNG")
    link = link_of(box)
    for photo in (await upload(hass_client, blank.getvalue()), "0" * 32):
        result = await answer(hass, await begin(hass), photo=photo, qr_text=link)
        assert result["step_id"] == "account"
        hass.config_entries.flow.async_abort(result["flow_id"])


@needs.zbar
async def test_unusable_photos(
    hass: HomeAssistant,
    simulator: Simulator,
    box: Box,
    hass_client: ClientSessionGenerator,
) -> None:
    """Each bad photo says what to do, and the form goes on with a good one."""
    blank = BytesIO()
    Image.new("RGB", (400, 300), "white").save(blank, "PNG")
    foreign = qr_png("https://example.com/?shop=1")
    result = await begin(hass)
    bad = {
        "no_qr_code_found": blank.getvalue(),
        "invalid_qr_code": foreign,
        "photo_unreadable": b"this is no picture",
    }
    for reason, picture in bad.items():
        photo = await upload(hass_client, picture)
        result = await answer(hass, result, photo=photo)
        assert result["step_id"] == "user"
        assert result["errors"] == {"photo": reason}
        assert photo not in shown_text(result)
    result = await answer(hass, result, photo=photo)
    assert result["errors"] == {"photo": "photo_gone"}
    result = await answer(hass, result)
    assert result["errors"] == {"photo": "sticker_missing"}
    result = await answer(hass, result, qr_text="https://example.com/?shop=1")
    assert result["errors"] == {"qr_text": "invalid_qr_code"}

    photo = await upload(hass_client, sticker_photo(box))
    result = await answer(hass, result, photo=photo)
    assert result["step_id"] == "account"
    assert not result["errors"]
    assert not simulator.cloud.requests


async def test_missing_qr_library(
    hass: HomeAssistant, box: Box, hass_client: ClientSessionGenerator
) -> None:
    """Without the system's zbar library the link must be pasted."""
    photo = await upload(hass_client, sticker_photo(box))
    with patch.dict("sys.modules", {"pyzbar": None, "pyzbar.pyzbar": None}):
        result = await answer(hass, await begin(hass), photo=photo)
    assert result["errors"] == {"photo": "qr_reader_missing"}
    link = link_of(box)
    result = await answer(hass, result, qr_text=link)
    assert result["step_id"] == "account"


async def test_keys_that_cannot_be_one(hass: HomeAssistant, simulator: Simulator, box: Box) -> None:
    """They are refused here; then only the key is asked again."""
    result = await asked(hass, simulator, api_key=None)
    assert result["errors"] == {"api_key": "api_key_missing"}
    for key, reason in (
        ("   ", "api_key_missing"),
        ("two words", "api_key_malformed"),
        ("line\nbreak", "api_key_malformed"),
        ("密钥", "api_key_malformed"),
        ("k" * 500, "api_key_malformed"),
    ):
        result = await answer(hass, result, simulator.url, api_key=key)
        assert result["errors"] == {"api_key": reason}
    assert not simulator.cloud.requests
    result = await answer(hass, result, simulator.url, api_key=key_of(box))
    assert result["step_id"] == "printers"


async def test_servers_that_are_not_safe(hass: HomeAssistant, simulator: Simulator) -> None:
    """Keys travel encrypted, or not at all; the section opens to show what is wrong.

    Which these are: security/test_addresses.py::test_who_may_be_the_service.
    """
    result = await asked(hass, simulator, server="http://cloud.liankenet.com/api")
    for server in ("https://me:secret@cloud.liankenet.com/api", "https://[::1", ""):
        assert result["errors"] == {"base": "invalid_server"}
        assert fields_of(result)["advanced"].options["collapsed"] is False
        result = await answer(hass, result, server)
    assert result["errors"] == {"base": "invalid_server"}
    assert not simulator.cloud.requests
    result = await answer(hass, result, simulator.url)
    assert result["step_id"] == "printers"


@pytest.mark.parametrize("answered", ["html", "json"])
async def test_a_server_address_with_a_wrong_path(
    hass: HomeAssistant, simulator: Simulator, answered: str
) -> None:
    """A 404 of the path is about the address: sticker and key are kept, the section opens."""
    simulator.cloud.variants.update(missing_answer=answered)
    result = await asked(hass, simulator, server=simulator.url.removesuffix("/api") + "/v3")
    assert result["errors"] == {"base": "address_unknown"}
    assert fields_of(result)["advanced"].options["collapsed"] is False
    # Nothing but the address is asked again, and without a path it gets the service's own.
    result = await answer(hass, result, simulator.url.removesuffix("/api"))
    assert result["step_id"] == "printers"
    result = await hass.config_entries.flow.async_configure(result["flow_id"], {})
    assert result["result"].data["server"] == simulator.url


async def test_a_service_without_a_printer_list(hass: HomeAssistant, simulator: Simulator) -> None:
    """It is told while binding, instead of binding a box whose every poll would fail."""
    simulator.cloud.variants.missing_endpoints = ["GET /external_api/printer_list"]
    result = await asked(hass, simulator)
    assert result["errors"] == {"base": "address_unknown"}


async def test_refusals_of_the_service(hass: HomeAssistant, simulator: Simulator, box: Box) -> None:
    """Each is told in words, nothing secret returns to the form, and submitting again goes on."""
    endpoint = "GET /device/device_info"
    simulator.cloud.fail(endpoint, Fault(kind="http", status=500), times=None)
    result = await asked(hass, simulator)
    assert result["errors"] == {"base": "unexpected_answer"}
    for fault, reason in (
        (Fault(kind="code", code=10011, msg="设备未激活"), "box_never_activated"),
        (Fault(kind="code", code=11013, msg="设备未绑定"), "box_not_bound"),
        (Fault(kind="code", code=5001, msg="设备未配网"), "box_not_provisioned"),
        (Fault(kind="code", code=5002, msg="设备离线"), "box_offline"),
        (Fault(kind="code", code=500, msg="设备无响应"), "box_not_responding"),
        (Fault(kind="code", code=400, msg="设备已超过有效期"), "service_expired"),
        (Fault(kind="code", code=STRANGE_CODE, msg="奇怪"), "refused"),
        (Fault(kind="code", code=502, msg="文件转换失败"), "refused"),
        (Fault(kind="empty"), "unexpected_answer"),
        (Fault(kind="reset_before"), "cannot_connect"),
    ):
        simulator.cloud.faults.clear()
        simulator.cloud.fail(endpoint, fault, times=None)
        result = await answer(hass, result, simulator.url)
        assert result["type"] is FlowResultType.FORM
        assert result["errors"] == {"base": reason}
        shown = shown_text(result)
        assert key_of(box) not in shown
        assert box.device_key not in shown
        assert link_of(box) not in shown
        assert simulator.url in shown, "the server is no secret and stays"
        if reason == "refused":
            placeholders = told(result)
            assert placeholders["code"] == str(fault.code)
            assert placeholders["detail"] == fault.msg
    simulator.cloud.faults.clear()
    result = await answer(hass, result, simulator.url)
    assert result["step_id"] == "printers"


async def test_too_frequent(hass: HomeAssistant, simulator: Simulator) -> None:
    """That the account is silent for a while then is told in flows/test_binding.py."""
    fault = Fault(kind="code", code=10009, msg="请求过于频繁")
    simulator.cloud.fail("GET /device/device_info", fault)
    assert (await asked(hass, simulator))["errors"] == {"base": "too_frequent"}


async def test_time_out(hass: HomeAssistant, simulator: Simulator) -> None:
    """A service that does not answer ends the wait."""
    simulator.cloud.fail("GET /external_api/printer_list", Fault(kind="timeout", seconds=0.4))
    with patch("custom_components.lianke.api.client.PRINTER_LIST_SECONDS", 0.1):
        result = await asked(hass, simulator)
    assert result["errors"] == {"base": "timed_out"}
    await asyncio.sleep(0.4)
    result = await answer(hass, result, simulator.url)
    assert result["step_id"] == "printers"


async def test_rejected_key(hass: HomeAssistant, simulator: Simulator, box: Box) -> None:
    """The wrong key is forgotten, the sticker is not."""
    result = await asked(hass, simulator, api_key=WRONG_KEY)
    assert result["step_id"] == "account"
    assert result["errors"] == {"api_key": "invalid_api_key"}
    assert WRONG_KEY not in shown_text(result)
    assert DOTS not in shown_text(result)
    result = await answer(hass, result, simulator.url)
    assert result["errors"] == {"api_key": "api_key_missing"}
    result = await answer(hass, result, simulator.url, api_key=DOTS)
    assert result["errors"] == {"api_key": "api_key_malformed"}, "there is none that they stand for"
    result = await answer(hass, result, simulator.url, api_key=key_of(box))
    assert result["step_id"] == "printers"


async def test_a_key_is_typed_once(hass: HomeAssistant, simulator: Simulator, box: Box) -> None:
    """After an error of another cause dots stand for it; typed over or emptied, they do not."""
    simulator.cloud.fail("GET /device/device_info", Fault(kind="reset_before"), times=None)
    result = await asked(hass, simulator)
    assert DOTS in shown_text(result)
    assert key_of(box) not in shown_text(result)
    result = await answer(hass, result, simulator.url, api_key=DOTS + "x")
    assert result["errors"] == {"api_key": "api_key_malformed"}
    result = await answer(hass, result, simulator.url, api_key=key_of(box))
    result = await answer(hass, result, simulator.url, api_key=None)
    assert result["errors"] == {"api_key": "api_key_missing"}
    result = await answer(hass, result, simulator.url, api_key=WRONG_KEY)
    simulator.cloud.faults.clear()
    result = await answer(hass, result, simulator.url, api_key=key_of(box))
    result = await answer(hass, result, test_page=False)
    assert result["data"]["api_key"] == key_of(box)


async def test_sticker_of_an_unknown_box(
    hass: HomeAssistant, simulator: Simulator, box: Box
) -> None:
    """It leads back to the sticker, which is forgotten; key and server are not."""
    link = qr_link(box.device_id, "A" * 16)
    result = await answer(hass, await recognized(hass, link), simulator.url, api_key=key_of(box))
    assert result["step_id"] == "user"
    assert result["errors"] == {"base": "box_not_found"}
    result = await answer(hass, result)
    assert result["step_id"] == "user"
    assert result["errors"] == {"photo": "sticker_missing"}
    result = await answer(hass, result, qr_text=link_of(box))
    assert result["step_id"] == "account"
    assert not result["errors"]
    assert simulator.url in shown_text(result)
    result = await answer(hass, result, simulator.url)
    assert result["step_id"] == "printers"


async def test_an_unknown_box_of_the_same_account(
    hass: HomeAssistant, simulator: Simulator, first: MockConfigEntry
) -> None:
    """The account that was chosen is still chosen after the way back to the sticker."""
    twin = twin_of(simulator)
    result = await recognized(hass, qr_link(twin.device_id, "A" * 16))
    result = await answer(hass, result, VENDOR, account=first.entry_id)
    assert result["errors"] == {"base": "box_not_found"}
    result = await answer(hass, result, qr_text=link_of(twin))
    result = await answer(hass, result, VENDOR)
    assert result["step_id"] == "printers"


async def test_the_chosen_account_was_closed(
    hass: HomeAssistant, simulator: Simulator, box: Box, first: MockConfigEntry
) -> None:
    """Its key is rejected: the choice is taken back, and a key can be typed."""
    twin = twin_of(simulator)
    assert box.account is not None
    new = simulator.cloud.renew_key(box.account)
    result = await recognized(hass, link_of(twin))
    result = await answer(hass, result, simulator.url, account=first.entry_id)
    assert result["errors"] == {"api_key": "invalid_api_key"}
    result = await answer(hass, result, simulator.url, api_key=new)
    assert result["step_id"] == "printers"


async def test_box_of_another_account(hass: HomeAssistant, simulator: Simulator, box: Box) -> None:
    """The user is told to bind it first; once bound, submitting again is enough."""
    other = stranger_of(simulator)
    result = await asked(hass, simulator, other)
    assert result["errors"] == {"base": "box_not_bound"}
    other.account = box.account
    result = await answer(hass, result, simulator.url)
    assert result["step_id"] == "printers"


async def test_box_is_set_up_already(
    hass: HomeAssistant, simulator: Simulator, box: Box, first: MockConfigEntry
) -> None:
    """A second entry of the same box is refused before a key is asked for, and the service."""
    result = await answer(hass, await begin(hass), qr_text=link_of(box))
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"
    assert not simulator.cloud.requests


async def test_forms_left_behind(hass: HomeAssistant, simulator: Simulator) -> None:
    """A form that a closed browser tab has left does not stand in the way of another, and ends with it."""
    left = await asked(hass, simulator, api_key=WRONG_KEY)
    assert left["errors"] == {"api_key": "invalid_api_key"}
    result = await asked(hass, simulator)
    assert result["step_id"] == "printers"
    entry = (await answer(hass, result, test_page=False))["result"]
    assert not hass.config_entries.flow.async_progress()
    context: ConfigFlowContext = {"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    for _ in range(2):
        result = await hass.config_entries.flow.async_init(DOMAIN, context=context)
        result = await answer(hass, result, simulator.url, api_key=WRONG_KEY)
        assert result["errors"] == {"api_key": "invalid_api_key"}


async def test_two_boxes_bound_at_the_same_time_share_a_webhook(
    hass: HomeAssistant, simulator: Simulator, box: Box
) -> None:
    other = twin_of(simulator)
    flows = [
        await answer(
            hass,
            await recognized(hass, link_of(one)),
            simulator.url,
            api_key=key_of(one),
        )
        for one in (box, other)
    ]
    made = []
    for flow in flows:
        # A box without a printer has no test page to offer.
        given: dict[str, Any] = {"test_page": False} if flow["step_id"] == "printers" else {}
        made.append(await answer(hass, flow, **given))
    first, second = (result["data"]["webhook_id"] for result in made)
    assert first == second


async def test_second_box_by_the_same_account(
    hass: HomeAssistant, simulator: Simulator, box: Box, first: MockConfigEntry
) -> None:
    """An account is chosen by its entry's name; its key stays here, its webhook is shared."""
    twin = twin_of(simulator)
    stranger = stranger_of(simulator)
    make_entry(simulator, stranger, title="Shop box").add_to_hass(hass)

    link = link_of(twin)
    result = await recognized(hass, link)
    accounts = fields_of(result)["account"].config["options"]
    assert [one["label"] for one in accounts] == ["Office box", "Shop box", "another"]
    assert key_of(box) not in shown_text(result)

    result = await answer(hass, result, VENDOR, account=first.entry_id)
    assert result["step_id"] == "printers"
    result = await answer(hass, result, test_page=False)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["api_key"] == key_of(box)
    assert result["data"]["server"] == simulator.url
    assert result["data"]["webhook_id"] == first.data["webhook_id"]

    third = qr_link("lc26ha99999999", "A" * 16)
    accounts = fields_of(await recognized(hass, third))["account"].config["options"]
    labels = [one["label"] for one in accounts]
    assert labels == ["Office box", "Shop box", "another"], "one line an account"


async def test_an_account_that_was_chosen_by_mistake(
    hass: HomeAssistant, simulator: Simulator, first: MockConfigEntry
) -> None:
    """A key that is typed counts, or *Another account* takes the choice back."""
    stranger = stranger_of(simulator)
    link = link_of(stranger)
    for chosen, key in ((first.entry_id, key_of(stranger)), ("another", key_of(stranger))):
        result = await answer(
            hass, await recognized(hass, link), simulator.url, account=chosen, api_key=key
        )
        assert result["step_id"] == "printers"
        hass.config_entries.flow.async_abort(result["flow_id"])

    # The other way round: a kept key, shown as dots, does not outweigh the account that is chosen.
    twin = twin_of(simulator)
    result = await recognized(hass, link_of(twin))
    result = await answer(hass, result, simulator.url, api_key=key_of(stranger))
    assert result["errors"] == {"base": "box_not_bound"}
    result = await answer(hass, result, simulator.url, account=first.entry_id)
    assert result["step_id"] == "printers"

    result = await answer(hass, await recognized(hass, link), simulator.url, account="another")
    assert result["errors"] == {"api_key": "api_key_missing"}


async def test_the_chosen_account_was_removed(
    hass: HomeAssistant, simulator: Simulator, box: Box, first: MockConfigEntry
) -> None:
    """The form says so, and takes a key or another account."""
    stranger = stranger_of(simulator)
    make_entry(simulator, stranger, title="Shop box").add_to_hass(hass)
    twin = twin_of(simulator)
    result = await recognized(hass, link_of(twin))
    await hass.config_entries.async_remove(first.entry_id)
    result = await answer(hass, result, simulator.url, account=first.entry_id)
    assert result["errors"] == {"account": "account_gone"}
    assert first.entry_id not in shown_text(result)
    result = await answer(hass, result, simulator.url, api_key=key_of(box))
    assert result["step_id"] == "printers"


async def test_same_key_typed_again_shares_the_webhook(
    hass: HomeAssistant, simulator: Simulator, first: MockConfigEntry
) -> None:
    """The console takes one push address an account, however the key came here."""
    twin = twin_of(simulator)
    result = await asked(hass, simulator, twin)
    result = await answer(hass, result, test_page=False)
    assert result["data"]["webhook_id"] == first.data["webhook_id"]


async def test_box_without_printers(hass: HomeAssistant, simulator: Simulator, box: Box) -> None:
    """It is bound all the same, and no test page is offered."""
    box.printers.clear()
    result = await asked(hass, simulator)
    assert result["step_id"] == "no_printers"
    assert not fields_of(result)
    result = await answer(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_box_that_cannot_list_its_printers(hass: HomeAssistant, simulator: Simulator) -> None:
    """A box that is off for the moment is bound; a key refused half-way is not passed over."""
    simulator.cloud.fail(
        "GET /external_api/printer_list", Fault(kind="code", code=5002, msg="设备离线")
    )
    result = await asked(hass, simulator)
    assert result["step_id"] == "no_printers"
    hass.config_entries.flow.async_abort(result["flow_id"])

    simulator.cloud.fail("GET /external_api/printer_list", Fault(kind="http", status=401))
    result = await asked(hass, simulator)
    assert result["errors"] == {"api_key": "invalid_api_key"}


async def to_last_step(hass: HomeAssistant, simulator: Simulator) -> ConfigFlowResult:
    """Go as far as the form that lists the printers."""
    result = await asked(hass, simulator)
    assert result["step_id"] == "printers"
    return result


@pytest.mark.usefixtures("hurried")
async def test_test_page(hass: HomeAssistant, simulator: Simulator, box: Box) -> None:
    """Ticked, one page is printed on the printer named, and no other at the next start."""
    box.printers[0].paper = 0
    result = await to_last_step(hass, simulator)
    shown = told(result)
    named = next(one for one in box.printers if escape_markdown(one.name) == shown["test_printer"])
    assert named is not box.printers[0], "a printer that has paper goes first"
    result = await answer(hass, result, test_page=True)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await until(lambda: simulator.cloud.printed)
    assert [job.printer_id for job in simulator.cloud.printed] == [named.id]

    assert await hass.config_entries.async_reload(result["result"].entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert simulator.cloud.count("POST /print/job") == 1


@pytest.mark.parametrize("what", ["gone", "unsupported", "not set up"])
async def test_test_page_that_cannot_be_printed(
    hass: HomeAssistant,
    simulator: Simulator,
    box: Box,
    caplog: pytest.LogCaptureFixture,
    what: str,
) -> None:
    """The box is bound all the same, and nothing is printed; the log says why."""
    del box.printers[1:]
    result = await to_last_step(hass, simulator)
    if what == "gone":
        box.printers.clear()
    elif what == "unsupported":
        box.printers[0].driver_type = 2
    else:
        simulator.cloud.fail("GET /device/device_info", Fault(kind="http"), times=None)
    result = await answer(hass, result, test_page=True)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    assert simulator.cloud.count("POST /print/job") == 0
    assert ("test page" in caplog.text) is (what != "not set up")


async def test_new_key_for_every_box_of_the_old_one(
    hass: HomeAssistant, simulator: Simulator, box: Box
) -> None:
    """Re-authentication of one entry renews all that shared the key, and no other."""
    old = key_of(box)
    boxes = list(simulator.cloud.boxes.values())
    mine = [one for one in boxes if one.account is box.account]
    entries = [make_entry(simulator, one) for one in boxes]
    for entry in entries:
        entry.add_to_hass(hass)
    assert box.account is not None
    before = entries[0].data["webhook_id"]
    new = simulator.cloud.renew_key(box.account)

    result = await entries[0].start_reauth_flow(hass)
    assert result["step_id"] == "reauth_confirm"
    result = await answer(hass, result, api_key="not one")
    assert result["errors"] == {"api_key": "api_key_malformed"}
    result = await answer(hass, result, api_key=old)
    assert result["errors"] == {"api_key": "invalid_api_key"}
    assert old not in shown_text(result)
    result = await answer(hass, result, api_key=new)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    for entry, one in zip(entries, boxes, strict=True):
        assert entry.data["api_key"] == (new if one in mine else key_of(one))
    assert entries[0].data["webhook_id"] == entries[1].data["webhook_id"] == before


async def test_new_key_of_an_account_that_is_here_already(
    hass: HomeAssistant, simulator: Simulator, box: Box
) -> None:
    """Then the box takes that account's webhook; a disabled sibling gets the key without loading."""
    twin, stranger = twin_of(simulator), stranger_of(simulator)
    mine, sleeping, other = (make_entry(simulator, one) for one in (box, twin, stranger))
    for entry in (mine, sleeping, other):
        entry.add_to_hass(hass)
    object.__setattr__(sleeping, "disabled_by", "user")
    box.account = stranger.account

    result = await mine.start_reauth_flow(hass)
    result = await answer(hass, result, api_key=key_of(stranger))
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    for entry in (mine, sleeping):
        assert entry.data["api_key"] == key_of(stranger)
        assert entry.data["webhook_id"] == other.data["webhook_id"]
    assert sleeping.state.value == "not_loaded"


async def test_reconfigure_unchanged(
    hass: HomeAssistant, simulator: Simulator, box: Box, first: MockConfigEntry
) -> None:
    """Submitting the form as it is checks the connection and changes nothing."""
    before = dict(first.data)
    result = await first.start_reconfigure_flow(hass)
    assert result["step_id"] == "reconfigure"
    shown = shown_text(result)
    assert key_of(box) not in shown
    assert box.device_key not in shown
    assert simulator.url in shown
    result = await answer(hass, result, simulator.url)
    assert result["reason"] == "reconfigure_successful"
    assert first.data == before
    assert simulator.cloud.count("GET /device/device_info") == 1


async def test_reconfigure_everything(hass: HomeAssistant, simulator: Simulator, box: Box) -> None:
    """A new sticker, another account, another server: each error recovers, then all is changed."""
    twin = twin_of(simulator)
    entry, sibling = make_entry(simulator, box), make_entry(simulator, twin)
    for one in (entry, sibling):
        one.add_to_hass(hass)
    stranger = stranger_of(simulator)
    box.account = stranger.account
    box.device_key = "NewDeviceKey0123"

    result = await entry.start_reconfigure_flow(hass)
    result = await answer(hass, result, "http://example.com/api")
    assert result["errors"] == {"base": "invalid_server"}
    result = await answer(hass, result, simulator.url, api_key="no key")
    assert result["errors"] == {"api_key": "api_key_malformed"}
    result = await answer(hass, result, simulator.url)
    assert result["errors"] == {"base": "box_not_found"}
    link = link_of(box)
    result = await answer(hass, result, simulator.url, qr_text=link)
    assert result["errors"] == {"base": "box_not_bound"}
    result = await answer(hass, result, simulator.url, api_key=WRONG_KEY)
    assert result["errors"] == {"api_key": "invalid_api_key"}
    result = await answer(hass, result, simulator.url, api_key=key_of(box))
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.data["api_key"] == key_of(box)
    assert entry.data["device_key"] == box.device_key
    assert entry.data["webhook_id"] != sibling.data["webhook_id"], "that one stays with its account"
    assert sibling.data["api_key"] == key_of(twin)


async def test_reconfigure_keeps_the_webhook_when_alone(
    hass: HomeAssistant, simulator: Simulator, box: Box, first: MockConfigEntry
) -> None:
    """The last box of a key may take its address along."""
    before = first.data["webhook_id"]
    assert box.account is not None
    new = simulator.cloud.renew_key(box.account)
    result = await answer(
        hass, await first.start_reconfigure_flow(hass), simulator.url, api_key=new
    )
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert first.data["api_key"] == new
    assert first.data["webhook_id"] == before


@needs.zbar
async def test_reconfigure_with_the_sticker_of_another_box(
    hass: HomeAssistant,
    simulator: Simulator,
    first: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    """An entry never turns into another box."""
    before = dict(first.data)
    twin = twin_of(simulator)
    photo = await upload(hass_client, sticker_photo(twin))
    result = await answer(
        hass, await first.start_reconfigure_flow(hass), simulator.url, photo=photo
    )
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "wrong_account"
    assert first.data == before


@pytest.mark.parametrize("source", ["reauth", "reconfigure"])
async def test_a_new_key_is_typed_once(
    hass: HomeAssistant, simulator: Simulator, box: Box, first: MockConfigEntry, source: str
) -> None:
    """After an error of another cause dots stand for it, and it is what is saved."""
    assert box.account is not None
    new = simulator.cloud.renew_key(box.account)
    server = simulator.url if source == "reconfigure" else None
    result = await (
        first.start_reauth_flow(hass) if source == "reauth" else first.start_reconfigure_flow(hass)
    )
    simulator.cloud.fail("GET /device/device_info", Fault(kind="reset_before"), times=None)
    result = await answer(hass, result, server, api_key=new)
    assert result["errors"] == {"base": "cannot_connect"}
    assert DOTS in shown_text(result)
    assert new not in shown_text(result)
    simulator.cloud.faults.clear()
    result = await answer(hass, result, server)
    assert result["reason"] == f"{source}_successful"
    await hass.async_block_till_done()
    assert first.data["api_key"] == new
