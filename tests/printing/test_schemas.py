"""Bad input gets a clear error, and nothing is sent: every test here ends with that count."""

from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Any
from unittest.mock import patch

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import CAT_ENTITIES
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.devices import async_target
from custom_components.lianke.documents.document import Document
from custom_components.lianke.documents.page_documents import async_notification_page
from custom_components.lianke.documents.sources import async_get_document
from custom_components.lianke.documents.spool import async_get_spool, write_bytes
from custom_components.lianke.input_error import InputError
from custom_components.lianke.printing import print_action
from custom_components.lianke.printing.builder import (
    LanSender,
    PrintRequest,
    async_print_single_job,
)
from custom_components.lianke.printing.builtin_pages import async_print_page
from tests.documents.samples import zipped
from tests.household import LABELS, LASER, House, as_read, data_of, sent
from tests.simulator import Simulator, make_pdf


@pytest.fixture(autouse=True)
async def _nothing_is_sent(
    hass: HomeAssistant, setup: MockConfigEntry, simulator: Simulator
) -> AsyncGenerator[None]:
    yield
    await hass.async_block_till_done()
    assert sent(simulator) == 0
    assert data_of(setup).queue.jobs() == []


async def refused(house: House, action: str = "print", **data: Any) -> HomeAssistantError:
    data.setdefault("device_id", house.device())
    with pytest.raises(HomeAssistantError) as raised:
        await house.ask(action, **data)
    return raised.value


CASES: list[tuple[dict[str, Any], str]] = [
    ({}, "source_missing"),
    ({"title": "only a title"}, "source_missing"),
    ({"text": "x", "file": "/x"}, "source_not_one"),
    ({"content": "JVBERi0x!"}, "content_not_base64"),
    ({"content": "", "filename": "a.pdf"}, "file_empty"),
    ({"file": "/etc/passwd"}, "file_not_allowed"),
    ({"file": "{media}/missing.pdf"}, "file_not_found"),
    ({"file": "{media}/empty.pdf"}, "file_empty"),
    ({"file": "{media}/program"}, "type_not_supported"),
    ({"file": "{media}/发票.ofd"}, "file_damaged"),
    ({"file": "{media}/large.pdf"}, "file_too_large"),
    ({"media": "media-source://media_source/local/missing.pdf"}, "file_not_found"),
    ({"media": "nothing"}, "media_not_found"),
    ({"upload": "0123456789"}, "upload_gone"),
    ({"url": "https://192.168.1.1/x.pdf"}, "url_not_public"),
    ({"url": "http://example.com/x.pdf"}, "url_not_https"),
    ({"url": "menu.pdf"}, "url_invalid"),
    ({"source_entity": "light.lamp"}, "entity_not_printable"),
    ({"source_entity": "camera.none"}, "entity_not_found"),
    ({"text": "  "}, "text_empty"),
    ({"html": "x" * 1024 * 1025}, "html_too_large"),
    ({"markdown": "![x](qr:)"}, "qr_empty"),
    ({"document": "gone"}, "document_gone"),
    ({"text": "x", "paper": "A3"}, "paper_not_available"),
    ({"text": "x", "paper": 4711}, "paper_not_available"),
    ({"text": "x", "tray": "Tray 9"}, "tray_not_available"),
    ({"text": "x", "media_type": "Foil"}, "media_type_not_available"),
    ({"text": "x", "color": "color"}, "color_not_available"),
    ({"text": "x", "color": "pink"}, "color_not_available"),
    ({"text": "x", "duplex": "middle"}, "duplex_not_available"),
    ({"text": "x", "orientation": "up"}, "orientation_not_available"),
    ({"text": "x", "quality": "worst"}, "quality_not_available"),
    ({"text": "x", "scale": "huge"}, "invalid_option"),
    ({"text": "x", "align": "somewhere"}, "invalid_option"),
    ({"text": "x", "excel_fit": "x"}, "invalid_option"),
    ({"text": "x", "copies": 100}, "too_many_copies"),
    ({"text": "x", "copies": 0}, "too_many_copies"),
    ({"text": "x", "paper_width": 60}, "custom_paper_needs_both_sides"),
    ({"text": "x", "paper_width": 60, "paper_height": 9999}, "paper_size_out_of_range"),
    ({"text": "x", "paper": "A4", "paper_width": 1, "paper_height": 1}, "paper_or_size"),
    ({"text": "x", "pages": "3-1"}, "invalid_page_range"),
    ({"text": "x", "pages": "last"}, "invalid_page_range"),
    ({"file": "{media}/菜单.pdf", "pages": "9-12"}, "pages_not_in_document"),
    ({"text": "x", "raw": True, "copies": 2}, "raw_refuses_options"),
    ({"markdown": "x", "raw": True}, "raw_needs_file_or_text"),
    ({"file": "{media}/菜单.pdf", "copies": 40}, "too_many_pages"),
]


EMPTY: list[tuple[str, dict[str, Any], str]] = [
    ("print", {"file": ""}, "file is empty. Give it a value, or leave it out."),
    ("print", {"file": [" "]}, "file is empty. Give it a value, or leave it out."),
    ("print", {"upload": ""}, "Uploaded file (upload) is empty. Give it a value, or leave it out."),
    ("print", {"media": ""}, "Media item (media) is empty. Give it a value, or leave it out."),
    (
        "print",
        {"source_entity": ""},
        "Entity (source_entity) is empty. Give it a value, or leave it out.",
    ),
    ("print", {"text": "x", "paper": ""}, "paper is empty. Give it a value, or leave it out."),
    (
        "print",
        {"text": "x", "sheet": ""},
        "Layout (sheet) is empty. Give it a value, or leave it out.",
    ),
    (
        "print",
        {"text": "x", "replace_key": ""},
        "Replace key (replace_key) is empty. Give it a value, or leave it out.",
    ),
    ("cancel_job", {"job_id": ""}, "job_id is missing. Add it."),
]


async def test_a_field_with_nothing_in_it_is_said_to_be_empty(house: House) -> None:
    """As a template may yield it; "may not read home from there", it read, and "1 characters at least"."""
    for action, data, said in EMPTY:
        with pytest.raises(ServiceValidationError) as raised:
            await house.ask(action, **{"device_id": house.device(), **data})
        assert as_read(raised.value, "en") == said


async def test_refused(house: House) -> None:
    (house.media / "empty.pdf").touch()
    (house.media / "program").write_bytes(b"\x7fELF\0")
    (house.media / "发票.ofd").write_bytes(zipped("OFD.xml"))
    with (house.media / "large.pdf").open("wb") as file:
        file.truncate(51 * 1024 * 1024)
    house.hass.states.async_set("light.lamp", "on")
    wrong = []
    for data, key in CASES:
        given = {
            name: value.replace("{media}", str(house.media)) if isinstance(value, str) else value
            for name, value in data.items()
        }
        error = await refused(house, **given)
        if error.translation_key != key:
            wrong.append((str(data)[:100], key, error.translation_key))
    assert wrong == []


HUGE = 1 << 10000
LONG = "A4" + " " * 300_000

SCHEMA_CASES: list[dict[str, Any]] = [
    {"text": "x", "wait_timeout": 1801},
    {"text": "x", "columns": 3},
    {"text": "x", "agenda": "month"},
    {"text": "x", "raw_encoding": "latin-1"},
    {"text": "x", "if_not_ready": "maybe"},
    {"text": "x", "expires_in": 1},
    {"text": "x", "expires_in": {"days": 8}},
    {"text": "x", "request_id": " "},
    {"text": "x", "replace_key": "x" * 129},
    {"text": "x", "copies": "many"},
    # YAML's yes and no, which Python takes for 1 and 0: `paper: yes` failed each upload.
    *(
        {"text": "x", name: value}
        for name in (
            *("paper", "paper_width", "copies", "color", "orientation", "tray", "media_type"),
            *("quality", "scale", "align", "pages", "excel_fit", "columns", "wait_timeout"),
        )
        for value in (True, False)
    ),
    {"text": "x", "duplex": True},
    {"text": "x", "unknown": 1},
    *({"text": "x", field: ["x" * 256]} for field in ("device_id", "area_id", "label_id")),
    {"text": "x", "device_id": ["x"] * 101},
    {"text": "x", "entity_id": "no entity"},
    {"source_entity": "no entity"},
    {"file": []},
    {"file": ["x"] * 21},
    {"media": {"media_content_type": "x"}},
    *({"text": "x", "device_id": LONG}, {"text": "x", "paper": LONG}, {"text": "x", "color": LONG}),
    *({"text": "x", "pages": LONG}, {"file": LONG}, {"url": LONG}, {"document": ["x", LONG]}),
    *({"text": "x", "copies": value} for value in (float("inf"), HUGE, "9" * 5000)),
    *({"text": "x", "paper_width": value} for value in (HUGE, float("nan"), "-inf")),
    *(
        {"text": "x", name: value}
        for name in ("wait_timeout", "expires_in")
        for value in (
            *(float("inf"), float("nan"), 1e300, HUGE, "inf", "9" * 400, "9" * 400 + ":0"),
            *({"hours": 1e300}, {"hours": float("inf")}, {"hours": "nan"}, {"days": 10**12}),
        )
    ),
]


async def test_refused_by_the_schema(house: House) -> None:
    for data in SCHEMA_CASES:
        data.setdefault("device_id", house.device())
        error = await refused(house, **data)
        assert (error.translation_key or "").startswith("field_"), data


async def test_half_a_character_is_no_reason_to_fail(house: House) -> None:
    """The other half of an emoji may have been cut off, and nothing could write the rest down."""
    half = "菜\ud83d"
    device = house.device()
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("print", {"text": "x", "paper": half}, "paper_not_available"),
        ("print", {"file": f"{house.media}/{half}"}, "file_not_found"),
        ("print", {"text": "x", "device_id": half}, "service_device_not_found"),
        ("cancel_job", {"job_id": half}, "job_not_found"),
        ("search_models", {"config_entry": half}, "service_config_entry_not_found"),
    ]
    for action, data, key in cases:
        if action != "search_models":
            data.setdefault("device_id", device)
        with pytest.raises(HomeAssistantError) as raised:
            await house.ask(action, **data)
        assert raised.value.translation_key == key
        assert "菜\ufffd" in (raised.value.translation_placeholders or {}).values()
    await house.ask("search_models", config_entry=house.entry.entry_id, query=half)


async def test_the_error_names_what_is_allowed(house: House) -> None:
    error = await refused(house, text="x", tray="Tray 9")
    placeholders = error.translation_placeholders or {}
    assert placeholders["value"] == "Tray 9"
    assert placeholders["allowed"] == "纸盒 1, 自动选择, 手动进纸"


async def test_a_label_printer_never_gets_a4(house: House) -> None:
    house.cloud.variants.missing_blocks = ["DevMode"]
    error = await refused(house, text="x", device_id=house.device(LABELS))
    assert error.translation_key == "paper_required"
    assert "60 x 40 mm" in (error.translation_placeholders or {})["allowed"]


async def test_devices_that_are_no_printer(house: House) -> None:
    found = dr.async_get(house.hass).async_get_device_by_identifier(
        (DOMAIN, house.box.device_id), house.entry.entry_id
    )
    assert found is not None
    error = await refused(house, text="x", device_id=found.id)
    assert error.translation_key == "not_a_printer"
    error = await refused(house, text="x", device_id="unknown")
    assert error.translation_key == "service_device_not_found"
    other = MockConfigEntry(domain="other")
    other.add_to_hass(house.hass)
    stranger = dr.async_get(house.hass).async_get_or_create(
        config_entry_id=other.entry_id, identifiers={("other", "1")}
    )
    error = await refused(house, text="x", device_id=stranger.id)
    assert error.translation_key == "service_device_wrong_domain"


async def test_an_entry_that_is_not_loaded(house: House) -> None:
    device = house.device()
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    error = await refused(house, text="x", device_id=device)
    assert error.translation_key == "service_config_entry_not_loaded"
    await house.hass.config_entries.async_setup(house.entry.entry_id)
    await house.hass.async_block_till_done()


@pytest.mark.parametrize("action", ["print", "preview", "count_pages", "notify"])
async def test_an_entry_that_is_unloaded_while_the_document_is_made(
    action: str, house: House
) -> None:
    printer_key = next(iter(house.data.coordinator.data.printers))

    def unloading(make: Callable[..., Awaitable[Document]]) -> Callable[..., Awaitable[Document]]:
        async def slow(*args: Any, **more: Any) -> Document:
            document = await make(*args, **more)
            await house.hass.config_entries.async_unload(house.entry.entry_id)
            return document

        return slow

    asked: Awaitable[Any]
    if action == "notify":
        make = unloading(partial(async_notification_page, house.hass, message="x", title=None))
        asked = async_print_page(house.hass, house.entry, printer_key, make, Context())
    else:
        asked = house.ask(action, device_id=house.device(), text="x")
    with (
        patch.object(print_action, "async_get_document", unloading(async_get_document)),
        pytest.raises(ServiceValidationError) as raised,
    ):
        await asked
    assert raised.value.translation_key == "service_config_entry_not_loaded"
    await house.hass.config_entries.async_setup(house.entry.entry_id)
    await house.hass.async_block_till_done()


async def test_a_printer_that_is_gone(house: House) -> None:
    device = house.device()
    data = house.data
    key = next(key for key, view in data.coordinator.data.printers.items() if view.name == LASER)
    data.coordinator.async_forget(key)
    error = await refused(house, text="x", device_id=device)
    assert error.translation_key in ("printer_gone", "service_device_not_found")


def user_with(hass_read_only_user: MockUser, entities: dict[str, Any]) -> Context:
    hass_read_only_user.mock_policy({CAT_ENTITIES: {"entity_ids": entities}})
    return Context(user_id=hass_read_only_user.id)


def status_of(house: House, device: str) -> str:
    return next(
        entry.entity_id
        for entry in er.async_entries_for_device(er.async_get(house.hass), device)
        if entry.unique_id.endswith("_status")
    )


async def test_without_a_status_entity_only_an_administrator_may(
    hass_read_only_user: MockUser, hass_admin_user: User, house: House
) -> None:
    device = house.device()
    er.async_get(house.hass).async_remove(status_of(house, device))
    with pytest.raises(Unauthorized):
        await house.ask("list_jobs", user_with(hass_read_only_user, {}), device_id=device)
    admin = Context(user_id=hass_admin_user.id)
    assert (await house.ask("list_jobs", admin, device_id=device))["jobs"] == []


async def test_a_source_that_the_user_may_not_read(
    hass_read_only_user: MockUser, house: House
) -> None:
    house.hass.states.async_set("camera.door", "idle")
    device = house.device()
    allowed = {status_of(house, device): {"control": True, "read": True}}
    context = user_with(hass_read_only_user, allowed)
    for source in (
        {"source_entity": "camera.door"},
        {"media": "media-source://camera/camera.door"},
    ):
        with pytest.raises(Unauthorized):
            await house.ask("print", context, device_id=device, **source)


async def test_a_pdf_at_the_limit_of_pages_passes_the_count_only(house: House) -> None:
    (house.media / "long.pdf").write_bytes(make_pdf(60))
    error = await refused(house, file=house.path("long.pdf"), copies=2)
    assert error.translation_key == "too_many_pages"
    assert (error.translation_placeholders or {})["limit"] == "100"
    house.set_options({"max_document_mb": 1})
    (house.media / "big.pdf").write_bytes(make_pdf(1) + bytes(1024 * 1024))
    error = await refused(house, file=house.path("big.pdf"))
    assert error.translation_key == "file_too_large"
    assert (error.translation_placeholders or {})["limit"] == "1"
    error = await refused(house, content=b64encode(bytes(1024 * 1024 + 1)).decode())
    assert error.translation_key == "file_too_large"


async def test_what_a_refusal_by_the_schema_says(house: House) -> None:
    """No name of a class, no time span as the library writes it."""
    for service, data, words in (
        ("list_jobs", {"state": "gone"}, ["canceled", "held", "state cannot be gone"]),
        ("print", {"text": "x", "expires_in": {"days": 8}}, ["from 10 seconds to 7 days"]),
        ("print", {"text": "x", "wait_timeout": {"hours": 2}}, ["at most 30 minutes"]),
    ):
        with pytest.raises(ServiceValidationError) as caught:
            await house.hass.services.async_call(
                DOMAIN, service, {"device_id": "x", **data}, blocking=True, return_response=True
            )
        text = str(caught.value)
        assert all(word in text for word in words), text
        assert not any(raw in text for raw in ("JobState", "0:00:00")), text


SAID: list[tuple[str, dict[str, Any], str]] = [
    ("print", {"text": "x", "paper": None}, "paper is empty"),
    ("print", {"text": "x", "papper": "A4"}, "no field papper"),
    ("print", {"text": "x", "sheet": "5_up"}, "2_up, 4_up, 6_up, 9_up, booklet"),
    ("print", {"text": "x", "copies": 1.5}, "copies takes a whole number"),
    ("print", {"text": "x", "tray": True}, "not yes or no"),
    ("print", {"text": "x", "title": "x", "password": "x" * 300}, "255 characters at most"),
    ("print", {"text": "x", "sheet": "poster", "poster_rows": 9}, "too large: 6 at most"),
    ("print", {"text": "x", "watermark_opacity": 0}, "too small: 1 at least"),
    ("print", {"file": ["/x"] * 21}, "too many items: 20 at most"),
    ("print", {"file": []}, "file is empty"),
    (
        "print",
        {"text": "x", "watermark": " "},
        "watermark is empty. Give it a value, or leave it out",
    ),
    (
        "print",
        {"file": "/x", "clean": True, "clean_corners": [[[0, 0]] * 3]},
        "The four corners",
    ),
    ("retry_job", {}, "job_id is missing"),
    ("move_job", {"job_id": "x", "to_device_id": ["x", "y"]}, "exactly one printer"),
    ("scan", {"source": "tray"}, "Choose one of: glass, feeder"),
    ("scan", {"color": "red"}, "Choose one of: "),
]


async def test_a_field_that_is_refused_says_what_to_do(house: House) -> None:
    """In the user's language; nothing of the library, and no value that may be secret."""
    for action, data, words in SAID:
        with pytest.raises(ServiceValidationError) as caught:
            await house.ask(action, device_id=house.device(), **data)
        text = str(caught.value)
        assert words in text
        assert caught.value.translation_domain == DOMAIN
        for raw in ("ScanSource", "expected", "value must", "data[", "xxxx"):
            assert raw not in text


async def test_a_devices_file_goes_where_its_options_are_refused(house: House) -> None:
    """It stayed in the spool for hours, since nobody had made a document of it yet."""
    spool = await async_get_spool(house.hass)
    path = await spool.async_new_path(".part")
    await house.hass.async_add_executor_job(write_bytes, path, make_pdf(1))
    request = PrintRequest(
        target=async_target(house.hass, house.device()),
        context=Context(),
        documents=[],
        options={"paper": "Moon"},
        sender=LanSender("phone", "192.168.1.9", "192.168.1.9"),
        files=[path],
    )
    with pytest.raises(InputError):
        await async_print_single_job(house.hass, request)
    assert not path.exists()
