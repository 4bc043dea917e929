"""Previews of PDF files and pictures, which are drawn here and sent to nobody."""

import asyncio
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aiohttp.test_utils import TestClient
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from PIL import Image
import pytest

from custom_components.lianke.documents import pdf_client, spool as spool_module
from custom_components.lianke.documents.pdf_client import PdfError, async_get_pdf_worker
from custom_components.lianke.documents.spool import async_get_spool
from custom_components.lianke.printing import builder
from tests.clock import until
from tests.documents.conftest import site_without_pdfium
from tests.documents.samples import ole
from tests.household import LASER, House, refusal
from tests.simulator import make_pdf

type Client = TestClient[Any, Any]

pytestmark = pytest.mark.usefixtures("reachable")


async def look(client: Client, address: str) -> Image.Image | None:
    """Return the picture at an address, None where there is none any more."""
    answer = await client.get(address)
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    assert (answer.status, answer.content_type) == (HTTPStatus.OK, "image/jpeg")
    assert answer.headers["Cache-Control"] == "no-store"
    picture = Image.open(BytesIO(await answer.read()))
    picture.load()
    return picture


async def test_a_pdf_is_drawn_here(all_entities: None, client: Client, house: House) -> None:
    preview = await house.ask("preview", device_id=house.device(), file=house.menu)
    assert (preview["pages"], preview["title"], preview["drawn_by"]) == (3, "菜单.pdf", "here")
    assert len(preview["images"]) == 3
    for address in (*preview["images"], preview["images"][0]):
        picture = await look(client, address)
        assert picture is not None
        assert picture.size == (1240, 1754)
    [image] = [
        state for state in house.hass.states.async_all("image") if state.name.startswith(LASER)
    ]
    assert image.state != "unknown"
    assert (house.sent, house.cloud.count("POST /print/file_pages")) == (0, 0)
    # The document and three pictures; and it can be printed.
    assert len(house.spooled()) == 4
    job = await house.print_one(document=preview["document"])
    assert (job["title"], job["pages"], job["state"]) == ("菜单.pdf", 3, "completed")
    assert house.printed[0].path.read_bytes() == (house.media / "菜单.pdf").read_bytes()


async def test_a_document_twice_on_the_sheets(client: Client, house: House) -> None:
    what: dict[str, Any] = {"device_id": house.device(), "merge": True}
    [handle, _] = (await house.ask("count_pages", file=[house.menu] * 2, **what))["document"]
    preview = await house.ask("preview", document=[handle, handle], **what)
    assert (preview["pages"], preview["document"]) == (6, [handle, handle])
    for address in preview["images"]:
        assert await look(client, address)


async def test_a_preview_follows_the_options(client: Client, house: House) -> None:
    """Looked at again by its handle with other options, it stays one document."""
    device = house.device()
    (house.media / "x.pdf").write_bytes(make_pdf(7))
    first = await house.ask("preview", device_id=device, file=house.path("x.pdf"))
    handle = first["document"]
    second = await house.ask(
        "preview",
        device_id=device,
        document=handle,
        pages="2-4,6",
        reverse_order=True,
        orientation="landscape",
        auto_rotate=False,
        color="mono",
    )
    assert (second["document"], second["pages"], len(second["images"])) == (handle, 4, 4)
    picture = await look(client, second["images"][0])
    assert picture is not None
    assert (picture.mode, picture.size) == ("L", (1754, 1240))
    # What was seen before is gone, and its files are: its addresses show what takes its place.
    again = await look(client, first["images"][0])
    assert again is not None
    assert (again.mode, again.size) == (picture.mode, picture.size)
    assert await look(client, first["images"][6]) is None
    assert len(house.spooled()) == 2
    assert house.sent == 0
    assert (
        await refusal(house.ask("preview", device_id=device, document=handle, pages="8-9"))
        == "pages_not_in_document"
    )
    assert await look(client, second["images"][3]) is not None


async def test_a_large_scan_is_drawn_here(house: House) -> None:
    """A plan on A1, more than is decoded at once."""
    Image.new("L", (7000, 10_000), "white").save(house.media / "plan.jpg")
    device, path = house.device(), house.path("plan.jpg")
    sheets: list[dict[str, Any]] = [{}, {"sheet": "2_up"}]
    for sheet in sheets:
        preview = await house.ask(
            "preview", device_id=device, file=path, preview_by="here_only", **sheet
        )
        assert preview["drawn_by"] == "here"
    assert house.sent == 0


async def test_only_here_nothing_is_sent_and_nobody_else_sees_it(
    all_entities: None, client: Client, house: House
) -> None:
    device = house.device()
    path = house.menu
    preview = await house.ask("preview", device_id=device, file=path, preview_by="here_only")
    assert (preview["pages"], preview["drawn_by"]) == (3, "here")
    assert await look(client, preview["images"][2]) is not None
    [image] = [
        state for state in house.hass.states.async_all("image") if state.name.startswith(LASER)
    ]
    assert image.state == "unknown"
    kept = house.spooled()

    async def refused(**source: Any) -> str | None:
        return await refusal(
            house.ask("preview", device_id=device, preview_by="here_only", **source)
        )

    assert await refused(text="Hello") == "not_drawn_here"
    await async_get_pdf_worker(house.hass).async_close()
    with patch.object(pdf_client, "find_spec", return_value=None):
        assert await refused(file=path) == "not_drawn_here"
    assert (house.sent, house.cloud.count("POST /print/file_pages")) == (0, 0)
    assert house.spooled() == kept


@pytest.mark.usefixtures("hurried")
async def test_a_picture_of_the_cloud_that_is_cut_off_is_not_shown(house: House) -> None:
    """Half a page was shown as a page."""
    fields: dict[str, Any] = {
        "device_id": house.device(),
        "file": house.menu,
        "preview_by": "cloud",
    }
    house.cloud.variants.update(preview_cut=1)
    preview = await house.ask("preview", **fields)
    # The second time it came whole.
    assert (preview["pages"], house.cloud.variants.preview_cut) == (3, 0)
    house.cloud.variants.update(preview_cut=99)
    with pytest.raises(HomeAssistantError) as caught:
        await house.ask("preview", **fields)
    assert caught.value.translation_key == "preview_cut_off"


async def test_a_preview_whose_box_is_unloaded_says_so(house: House) -> None:
    """It was told as an answer of the service that cannot be understood, to those that wait for their turn too."""
    fields: dict[str, Any] = {
        "device_id": house.device(),
        "file": house.menu,
        "preview_by": "cloud",
    }
    asked = [house.hass.async_create_task(house.ask("preview", **fields)) for _ in range(3)]
    previews = house.queue.tracker.previews
    await until(lambda: len(previews) == 3 and len(house.cloud.tasks) == 2)
    assert await house.hass.config_entries.async_unload(house.entry.entry_id)
    ends = await asyncio.gather(*asked, return_exceptions=True)
    assert [getattr(end, "translation_key", end) for end in ends] == ["preview_unloaded"] * 3
    assert len(house.cloud.tasks) == 2


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("reason", ["memory", "unchecked"])
async def test_a_picture_of_the_cloud_that_could_not_be_decoded_is_not_shown(
    house: House, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    worker = async_get_pdf_worker(house.hass)
    run = worker.async_run_pdf_task

    async def fail(task: str, *how: Any, **more: Any) -> dict[str, Any]:
        if task == "check":
            raise PdfError(reason)
        return await run(task, *how, **more)

    monkeypatch.setattr(worker, "async_run_pdf_task", fail)
    with pytest.raises(HomeAssistantError) as caught:
        await house.ask("preview", device_id=house.device(), file=house.menu, preview_by="cloud")
    assert caught.value.translation_key == "preview_unchecked"


@pytest.mark.usefixtures("hurried")
async def test_other_types_and_on_request_all_are_drawn_by_the_cloud(
    house: House, tmp_path: Path
) -> None:
    device = house.device()
    path = house.menu
    preview = await house.ask("preview", device_id=device, file=path, preview_by="cloud")
    assert (preview["pages"], preview["drawn_by"], house.sent) == (3, "cloud", 1)
    preview = await house.ask("preview", device_id=device, text="Hello", copies=3)
    assert (preview["drawn_by"], house.sent) == ("cloud", 2)
    # The service may count copies as pages.
    assert [task.copies for task in house.cloud.tasks.values()] == [1, 1]
    await async_get_pdf_worker(house.hass).async_close()
    Image.new("RGB", (300, 200), "red").save(house.media / "x.jpg")
    site = site_without_pdfium(tmp_path / "site")
    with patch.object(pdf_client, "package_folder", lambda name: site / name):
        preview = await house.ask("preview", device_id=device, file=house.path("x.jpg"))
    assert (preview["drawn_by"], house.sent) == ("cloud", 3)


@pytest.mark.parametrize("action", ["preview", "count_pages"])
async def test_previews_of_a_user_at_once_are_few(
    action: str, monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    """They ask the cloud for nothing, and so are held back here."""
    monkeypatch.setattr(builder, "MAX_REQUESTS_AT_ONCE", 2)
    path = house.menu
    answers = await asyncio.gather(
        *(house.ask(action, device_id=house.device(), file=path) for _ in range(5)),
        return_exceptions=True,
    )
    refused = [one for one in answers if isinstance(one, ServiceValidationError)]
    assert [one.translation_key for one in refused] == ["too_many_requests"] * 3
    assert len(answers) - len(refused) == 2
    await house.ask(action, device_id=house.device(), file=path)


async def test_pictures_that_are_drawn_later_count_too(
    client: Client, monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    """The pictures of one document make room by letting the oldest go."""
    device = house.device()
    path = house.menu
    old = await house.ask("preview", device_id=device, file=path)
    new = await house.ask("preview", device_id=device, file=path)
    kept = sum(item.size for item in (await async_get_spool(house.hass))._kept.values())
    monkeypatch.setattr(spool_module, "MAX_SPOOL_BYTES", kept)
    assert await look(client, new["images"][1]) is not None
    assert await look(client, old["images"][0]) is None
    assert await look(client, new["images"][0]) is not None
    assert len(house.spooled()) == 3


async def test_only_the_first_pages_can_be_looked_at(client: Client, house: House) -> None:
    # A file of 1 kB may claim a million.
    claimed = make_pdf(1).replace(b"/Count 1", b"/Count 1048574")
    (house.media / "x.pdf").write_bytes(claimed)
    preview = await house.ask("preview", device_id=house.device(), file=house.path("x.pdf"))
    assert (preview["pages"], len(preview["images"])) == (1, 1)
    (house.media / "x.pdf").write_bytes(make_pdf(300))
    preview = await house.ask("preview", device_id=house.device(), file=house.path("x.pdf"))
    assert (preview["pages"], len(preview["images"])) == (300, 200)
    address = preview["images"][0].partition("?")[0].rpartition("/")[0]
    for number in (0, 201, 300):
        assert (await client.get(f"{address}/{number}")).status == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("error", [PdfError("memory"), HomeAssistantError("the disk is full")])
async def test_a_picture_that_cannot_be_drawn_is_missing(
    client: Client, error: Exception, house: House
) -> None:
    """The browser shows a gap, and no server error is logged."""
    path = house.menu
    preview = await house.ask("preview", device_id=house.device(), file=path)
    with patch.object(spool_module.Spool, "async_picture", side_effect=error):
        assert (await client.get(preview["images"][1])).status == HTTPStatus.NOT_FOUND
    assert (await client.get(preview["images"][1])).status == HTTPStatus.OK


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("language", "says"), [("en", "waits until that is confirmed"), ("zh-Hans", "等待确认后再打印")]
)
async def test_a_preview_says_where_the_job_is_to_be_confirmed(
    language: str, says: str, house: House
) -> None:
    """It said that the document "can be printed all the same", and the job waited for somebody."""
    await house.hass.config.async_update(language=language)
    (house.media / "letter.doc").write_bytes(ole("WordDocument"))
    letter: dict[str, Any] = {"device_id": house.device(), "file": house.path("letter.doc")}
    house.cloud.variants.preview_pictures = "none"
    preview = await house.ask("preview", **letter)
    assert preview["uncounted"]
    assert says in preview["message"]
    job = await house.print_one(document=preview["document"])
    assert (job["state"], job["hold_reason"]) == ("held", "release")
    # Some pages of it are no more than these, and nobody is asked.
    some = await house.ask("preview", **letter, pages="1-2")
    assert not some["uncounted"]
    assert says not in some["message"]
    job = await house.print_one(document=some["document"], pages="1-2")
    assert job["hold_reason"] != "release"


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("source", "reason", "advice"),
    [
        ({"file": "letter.doc"}, "preview_not_drawn", "save it as PDF"),
        ({"text": "Hello"}, "preview_only_counted", "pages: 1"),
        ({"file": "x.pdf", "preview_by": "cloud"}, "preview_by_cloud_empty", "leave out Drawn by"),
    ],
)
async def test_a_preview_without_pictures_says_why(
    source: dict[str, Any], reason: str, advice: str, all_entities: None, house: House
) -> None:
    """The service takes it and answers without a picture, and the one before is not shown for it."""
    (house.media / "letter.doc").write_bytes(ole("WordDocument"))
    (house.media / "x.pdf").write_bytes(make_pdf(2))
    if "file" in source:
        source = source | {"file": house.path(source["file"])}
    device = house.device()
    await house.ask("preview", device_id=device, file=house.menu)
    [image] = [
        state for state in house.hass.states.async_all("image") if state.name.startswith(LASER)
    ]
    assert image.state != "unknown"
    counted = reason == "preview_only_counted"
    house.cloud.variants.preview_pictures = "counted" if counted else "none"
    preview = await house.ask("preview", device_id=device, **source)
    assert (preview["images"], preview["reason"]) == ([], reason)
    assert preview["message"].startswith("The Lianke service ")
    assert advice in preview["message"]
    shown = house.hass.states.get(image.entity_id)
    assert shown is not None
    assert shown.state == "unknown"
    # It is accepted all the same; where nobody knows its pages, a person has to say so.
    job = await house.print_one(document=preview["document"])
    assert job["state"] == ("held" if preview["pages"] is None else "completed")
    preview = await house.ask("preview", device_id=device, file=house.menu)
    assert (preview["reason"], preview["message"]) == (None, None)
