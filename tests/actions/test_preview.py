"""Previews of PDF files and pictures, which are drawn here and sent to nobody."""

import asyncio
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aiohttp.test_utils import TestClient
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.actions import print as printing
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.documents import pdf_client, spool as spool_module
from custom_components.lianke.documents.pdf_client import PdfError, async_get_pdf_worker
from custom_components.lianke.documents.spool import async_get_spool
from tests.printing import LASER, ask, device_of, make_media, print_one, sent
from tests.simulator import Simulator, make_pdf

type Client = TestClient[Any, Any]


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Return a media folder with a PDF of three pages."""
    return make_media(hass, tmp_path / "media")


@pytest.fixture
async def client(
    reachable: str, setup: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> Client:
    """Set everything up and return a browser that nobody has logged in with."""
    return await hass_client_no_auth()


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


def spooled(hass: HomeAssistant) -> list[Path]:
    """Return the files in the spool."""
    return [*Path(hass.config.cache_path(DOMAIN, "spool")).iterdir()]


async def test_a_pdf_is_drawn_here(
    hass: HomeAssistant,
    all_entities: None,
    client: Client,
    simulator: Simulator,
    media: Path,
) -> None:
    preview = await ask(hass, "preview", device_id=device_of(hass), file=str(media / "菜单.pdf"))
    assert (preview["pages"], preview["title"], preview["drawn_by"]) == (3, "菜单.pdf", "here")
    assert len(preview["images"]) == 3
    for address in (*preview["images"], preview["images"][0]):
        picture = await look(client, address)
        assert picture is not None
        assert picture.size == (1240, 1754)
    [image] = [state for state in hass.states.async_all("image") if state.name.startswith(LASER)]
    assert image.state != "unknown"
    assert (sent(simulator), simulator.cloud.count("POST /print/file_pages")) == (0, 0)
    # The document and three pictures; and it can be printed.
    assert len(spooled(hass)) == 4
    job = await print_one(hass, document=preview["document"])
    assert (job["title"], job["pages"], job["state"]) == ("菜单.pdf", 3, "completed")
    assert simulator.printed[0].path.read_bytes() == (media / "菜单.pdf").read_bytes()


async def test_a_preview_follows_the_options(
    hass: HomeAssistant, client: Client, simulator: Simulator, media: Path
) -> None:
    """Looked at again by its handle with other options, it stays one document."""
    device = device_of(hass)
    (media / "x.pdf").write_bytes(make_pdf(7))
    first = await ask(hass, "preview", device_id=device, file=str(media / "x.pdf"))
    handle = first["document"]
    second = await ask(
        hass,
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
    assert len(spooled(hass)) == 2
    assert sent(simulator) == 0
    with pytest.raises(ServiceValidationError) as refused:
        await ask(hass, "preview", device_id=device, document=handle, pages="8-9")
    assert refused.value.translation_key == "pages_not_in_document"
    assert await look(client, second["images"][3]) is not None


async def test_a_picture_is_drawn_here(
    hass: HomeAssistant, client: Client, simulator: Simulator, media: Path
) -> None:
    Image.new("RGB", (300, 200), "red").save(media / "x.jpg")
    preview = await ask(hass, "preview", device_id=device_of(hass), file=str(media / "x.jpg"))
    assert (preview["pages"], preview["drawn_by"]) == (1, "here")
    assert sent(simulator) == 0


async def test_a_large_scan_is_drawn_here(
    hass: HomeAssistant, client: Client, simulator: Simulator, media: Path
) -> None:
    """A plan on A1, more than is decoded at once."""
    Image.new("L", (7000, 10_000), "white").save(media / "plan.png")
    device, path = device_of(hass), str(media / "plan.png")
    sheets: list[dict[str, Any]] = [{}, {"sheet": "2_up"}]
    for sheet in sheets:
        preview = await ask(
            hass, "preview", device_id=device, file=path, preview_by="here_only", **sheet
        )
        assert preview["drawn_by"] == "here"
    assert sent(simulator) == 0


async def test_only_here_nothing_is_sent_and_nobody_else_sees_it(
    hass: HomeAssistant, all_entities: None, client: Client, simulator: Simulator, media: Path
) -> None:
    device = device_of(hass)
    path = str(media / "菜单.pdf")
    preview = await ask(hass, "preview", device_id=device, file=path, preview_by="here_only")
    assert (preview["pages"], preview["drawn_by"]) == (3, "here")
    assert await look(client, preview["images"][2]) is not None
    [image] = [state for state in hass.states.async_all("image") if state.name.startswith(LASER)]
    assert image.state == "unknown"
    kept = spooled(hass)

    async def refused(**source: Any) -> str | None:
        with pytest.raises(ServiceValidationError) as error:
            await ask(hass, "preview", device_id=device, preview_by="here_only", **source)
        return error.value.translation_key

    assert await refused(text="Hello") == "not_drawn_here"
    await async_get_pdf_worker(hass).async_close()
    with patch.object(pdf_client, "find_spec", return_value=None):
        assert await refused(file=path) == "not_drawn_here"
    assert (sent(simulator), simulator.cloud.count("POST /print/file_pages")) == (0, 0)
    assert spooled(hass) == kept


@pytest.mark.usefixtures("hurried")
async def test_other_types_and_on_request_all_are_drawn_by_the_cloud(
    hass: HomeAssistant, client: Client, simulator: Simulator, media: Path
) -> None:
    device = device_of(hass)
    path = str(media / "菜单.pdf")
    preview = await ask(hass, "preview", device_id=device, file=path, preview_by="cloud")
    assert (preview["pages"], preview["drawn_by"], sent(simulator)) == (3, "cloud", 1)
    preview = await ask(hass, "preview", device_id=device, text="Hello")
    assert (preview["drawn_by"], sent(simulator)) == ("cloud", 2)
    await async_get_pdf_worker(hass).async_close()
    Image.new("RGB", (300, 200), "red").save(media / "x.jpg")
    with patch.object(pdf_client, "find_spec", return_value=None):
        preview = await ask(hass, "preview", device_id=device, file=str(media / "x.jpg"))
    assert (preview["drawn_by"], sent(simulator)) == ("cloud", 3)


async def test_what_cannot_be_drawn_is_refused(
    hass: HomeAssistant, client: Client, simulator: Simulator, media: Path
) -> None:
    Image.new("RGB", (300, 200), "red").save(media / "x.png")
    (media / "x.png").write_bytes((media / "x.png").read_bytes()[:60])
    with pytest.raises(ServiceValidationError) as refused:
        await ask(hass, "preview", device_id=device_of(hass), file=str(media / "x.png"))
    assert refused.value.translation_key == "image_unreadable"
    assert (spooled(hass), sent(simulator)) == ([], 0)


async def test_previews_of_a_user_at_once_are_few(
    hass: HomeAssistant,
    client: Client,
    simulator: Simulator,
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They ask the cloud for nothing, and so are held back here."""
    monkeypatch.setattr(printing, "MAX_MADE_AT_ONCE", 2)
    path = str(media / "菜单.pdf")
    answers = await asyncio.gather(
        *(ask(hass, "preview", device_id=device_of(hass), file=path) for _ in range(5)),
        return_exceptions=True,
    )
    refused = [one for one in answers if isinstance(one, ServiceValidationError)]
    assert [one.translation_key for one in refused] == ["too_many_requests"] * 3
    assert len(answers) - len(refused) == 2
    await ask(hass, "preview", device_id=device_of(hass), file=path)


async def test_a_page_that_cannot_be_drawn_has_no_picture(
    hass: HomeAssistant, client: Client, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview = await ask(hass, "preview", device_id=device_of(hass), file=str(media / "菜单.pdf"))
    monkeypatch.setattr(pdf_client, "MAX_WAITING", 0)
    assert await look(client, preview["images"][1]) is None
    monkeypatch.undo()
    assert await look(client, preview["images"][1]) is not None


async def test_pictures_that_are_drawn_later_count_too(
    hass: HomeAssistant, client: Client, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pictures of one document make room by letting the oldest go."""
    device = device_of(hass)
    path = str(media / "菜单.pdf")
    old = await ask(hass, "preview", device_id=device, file=path)
    new = await ask(hass, "preview", device_id=device, file=path)
    kept = sum(item.size for item in (await async_get_spool(hass))._kept.values())
    monkeypatch.setattr(spool_module, "MAX_KEPT_BYTES", kept)
    assert await look(client, new["images"][1]) is not None
    assert await look(client, old["images"][0]) is None
    assert await look(client, new["images"][0]) is not None
    assert len(spooled(hass)) == 3


async def test_only_the_first_pages_can_be_looked_at(
    hass: HomeAssistant, client: Client, media: Path
) -> None:
    (media / "x.pdf").write_bytes(make_pdf(300))
    preview = await ask(hass, "preview", device_id=device_of(hass), file=str(media / "x.pdf"))
    assert (preview["pages"], len(preview["images"])) == (300, 200)
    address = preview["images"][0].partition("?")[0].rpartition("/")[0]
    for number in (0, 201, 300):
        assert (await client.get(f"{address}/{number}")).status == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("error", [PdfError("memory"), HomeAssistantError("the disk is full")])
async def test_a_picture_that_cannot_be_drawn_is_missing(
    hass: HomeAssistant, media: Path, client: Client, error: Exception
) -> None:
    """The browser shows a gap, and no server error is logged."""
    path = str(media / "菜单.pdf")
    preview = await ask(hass, "preview", device_id=device_of(hass), file=path)
    with patch.object(spool_module.Spool, "async_picture", side_effect=error):
        assert (await client.get(preview["images"][1])).status == HTTPStatus.NOT_FOUND
    assert (await client.get(preview["images"][1])).status == HTTPStatus.OK
