"""The actions, from the call to the paper in the simulator's out tray."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.const import DOMAIN
from tests.conftest import make_entry, set_up, tear_down
from tests.documents.samples import picture
from tests.printing import (
    INKJET,
    LASER,
    OTHER_LASER,
    Upload,
    ask,
    came_out,
    data_of,
    device_of,
    make_media,
    print_one,
    sent,
    uploader,
)
from tests.simulator import Box, Fault, Outcome, Simulator, make_pdf


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Keep the jobs and the spool of a test apart from those of other runs."""
    return hass_tmp_config_dir


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Return a media folder with a PDF of three pages."""
    return make_media(hass, tmp_path / "media")


@pytest.fixture
async def upload(reachable: str, hass_client: ClientSessionGenerator) -> Upload:
    """Return a function that uploads a file."""
    return await uploader(hass_client)


@pytest.fixture
async def ready(reachable: str, setup: MockConfigEntry, media: Path) -> MockConfigEntry:
    """Set everything up; callbacks arrive, so that waiting is short."""
    return setup


async def test_a_file_is_printed_and_the_outcome_told(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    job = await print_one(hass, file=str(media / "菜单.pdf"), title="今天的菜单")
    [printed] = simulator.printed
    assert printed.path.read_bytes() == (media / "菜单.pdf").read_bytes()
    assert printed.name == "菜单.pdf"
    assert (printed.pages, printed.port) == (3, 1)
    assert printed.options["reportDeviceStatus"] == printed.options["reportPrinterStatus"] == "1"
    assert "errLimitNum" not in printed.options
    assert job["state"] == "completed"
    assert (job["title"], job["printer"]) == ("今天的菜单", LASER)
    assert (job["pages"], job["copies"]) == (3, 1)
    assert (job["duplicate"], job["timed_out"], job["message"]) == (False, False, None)
    assert job["device_id"] == device_of(hass)


async def test_a_reload_is_waited_over(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, box: Box, media: Path
) -> None:
    box.printer(1).paper = 1
    call = hass.async_create_task(
        ask(hass, "print", device_id=device_of(hass), file=str(media / "菜单.pdf"), wait=True)
    )
    async with asyncio.timeout(20):
        while not sent(simulator):
            await asyncio.sleep(0.02)
    assert await hass.config_entries.async_unload(ready.entry_id)
    await asyncio.sleep(0.1)
    assert not call.done()
    assert await hass.config_entries.async_setup(ready.entry_id)
    box.printer(1).paper = None
    [job] = (await call)["jobs"]
    assert (job["state"], job["timed_out"]) == ("completed", False)
    assert len(simulator.printed) == 1


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("菜单\n" * 100_000, "菜单 " * 66 + "菜单"),
        ("早\ud83d\ude00\ud83d", "早😀\ufffd"),
        (" ", "菜单.pdf"),
    ],
    ids=["long", "half a character", "blank"],
)
async def test_any_title_is_kept_over_a_reload(
    hass: HomeAssistant, ready: MockConfigEntry, box: Box, media: Path, title: str, shown: str
) -> None:
    box.online = False
    await data_of(ready).coordinator.async_refresh()
    job = await print_one(
        hass, file=str(media / "菜单.pdf"), title=title, request_id="\ud83d", replace_key="\ud83d"
    )
    assert job["title"] == shown
    assert await hass.config_entries.async_reload(ready.entry_id)
    [kept] = (await ask(hass, "list_jobs", device_id=device_of(hass)))["jobs"]
    assert (kept["job_id"], kept["title"]) == (job["job_id"], shown)


async def test_values_are_read_as_people_and_yaml_write_them(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    await print_one(hass, file=str(media / "菜单.pdf"), duplex=False, paper=" a5 ", color="Mono")
    options = simulator.printed[0].options
    assert (options["dmDuplex"], options["dmPaperSize"], options["dmColor"]) == ("1", "11", "1")


async def test_defaults_apply_where_the_call_is_silent(
    hass: HomeAssistant, reachable: str, entry: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    assert await set_up(hass, entry)
    [key] = [
        view.key for view in data_of(entry).coordinator.data.printers.values() if view.name == LASER
    ]
    hass.config_entries.async_update_entry(
        entry,
        options={
            "default_options": {"paper": "A5", "duplex": "long_edge", "scale": "none"},
            "printer_options": {key: {"paper": "Letter", "tray": "手动进纸"}},
        },
    )
    await print_one(hass, file=str(media / "菜单.pdf"), scale="fit")
    options = simulator.printed[0].options
    assert options["dmPaperSize"] == "1"
    assert options["dmDefaultSource"] == "4"
    assert options["dmDuplex"] == "2"
    assert options["jpScale"] == "fit"
    await tear_down(hass)


async def test_a_media_item_as_the_form_gives_it(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator
) -> None:
    item = {
        "media_content_id": f"media-source://{DOMAIN}/local/菜单.pdf",
        "media_content_type": "application/pdf",
        "metadata": {},
    }
    await print_one(hass, media=item)
    assert simulator.printed[0].name == "菜单.pdf"


async def test_a_web_address(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=make_pdf(2))

    app = web.Application()
    app.router.add_get("/files/{name}", answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    address = f"http://127.0.0.1:{server.port}/files"
    hass.config.allowlist_external_urls = {f"{address}/"}
    job = await print_one(hass, url=f"{address}/账单.pdf?token=secret")
    assert (job["state"], job["title"], job["pages"]) == ("completed", "账单.pdf", 2)
    assert simulator.printed[0].name == "账单.pdf"
    assert "secret" not in str(job)
    await server.close()


async def test_several_documents_are_jobs_in_order(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    for number in (1, 2, 3):
        (media / f"{number}.pdf").write_bytes(make_pdf(number))
    paths = [str(media / f"{number}.pdf") for number in (1, 2, 3)]
    jobs = (
        await ask(hass, "print", device_id=device_of(hass), file=paths, wait=True, request_id="x")
    )["jobs"]
    assert [job["state"] for job in jobs] == ["completed"] * 3
    assert [job["title"] for job in jobs] == ["1.pdf", "2.pdf", "3.pdf"]
    assert [printed.name for printed in simulator.printed] == ["1.pdf", "2.pdf", "3.pdf"]
    again = await ask(hass, "print", device_id=device_of(hass), file=paths, request_id="x")
    assert [job["duplicate"] for job in again["jobs"]] == [True] * 3
    assert [job["job_id"] for job in again["jobs"]] == [job["job_id"] for job in jobs]
    assert len(simulator.printed) == 3


async def test_a_limit_reached_in_the_middle_is_told(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    hass.config.language = "zh-Hans"
    hass.config_entries.async_update_entry(ready, options={"max_jobs_per_hour": 2})
    paths = [str(media / "菜单.pdf")] * 3
    with pytest.raises(HomeAssistantError) as raised:
        await ask(hass, "print", device_id=device_of(hass), file=paths)
    assert raised.value.translation_key == "submitted_partly"
    placeholders = raised.value.translation_placeholders or {}
    assert (placeholders["done"], placeholders["wanted"]) == ("2", "3")
    assert LASER in placeholders["reason"]
    assert "任务" in placeholders["reason"]
    await came_out(simulator, 2)


async def test_a_double_tap_on_an_upload_prints_once(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, upload: Upload
) -> None:
    file_id = await upload(make_pdf(1), "a.pdf")
    calls = [print_one(hass, upload=file_id, request_id="drop-1") for _ in range(3)]
    jobs = await asyncio.gather(*calls)
    assert sorted(job["duplicate"] for job in jobs) == [False, True, True]
    assert len({job["job_id"] for job in jobs}) == 1
    assert len(simulator.printed) == 1
    with pytest.raises(ServiceValidationError) as raised:
        await print_one(hass, upload=file_id, request_id="drop-2")
    assert raised.value.translation_key == "upload_gone"
    with pytest.raises(ServiceValidationError):
        await print_one(hass, upload=file_id)


async def test_a_failure_is_told_in_the_language_of_the_house(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    hass.config.language = "zh-Hans"
    path = str(media / "菜单.pdf")
    printer = simulator.box.printer(1)
    simulator.cloud.plan(printer, Outcome(code=502, msg="文件已损坏"))
    job = await print_one(hass, file=path)
    assert (job["state"], job["reason"], job["code"]) == ("failed", "conversion_failed", 502)
    assert job["detail"] == "文件已损坏"
    # Nobody is told to save a PDF as PDF.
    assert "转换" in job["message"]
    assert "打印成新的 PDF" in job["message"]
    assert "另存为 PDF" not in job["message"]
    assert job["can_retry"]
    simulator.cloud.plan(printer, Outcome(code=502, msg="文件已损坏"))
    with pytest.raises(HomeAssistantError) as raised:
        await hass.services.async_call(
            DOMAIN,
            "print",
            {"device_id": device_of(hass), "file": path, "wait": True},
            blocking=True,
        )
    assert raised.value.translation_key == "job_failed"
    placeholders = raised.value.translation_placeholders or {}
    assert placeholders["title"] == "菜单.pdf"
    assert placeholders["reason"] == job["message"]


async def test_without_waiting_a_failure_is_not_raised(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    simulator.cloud.plan(simulator.box.printer(1), Outcome(code=502, msg="x"))
    answer = await hass.services.async_call(
        DOMAIN,
        "print",
        {"device_id": device_of(hass), "file": str(media / "菜单.pdf")},
        blocking=True,
    )
    assert answer is None


async def test_a_job_for_a_printer_without_paper_waits(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    simulator.box.printer(1).paper = 0
    await data_of(ready).coordinator.async_refresh()
    before = dt_util.utcnow()
    job = await print_one(hass, file=str(media / "菜单.pdf"), expires_in={"hours": 3})
    assert (job["state"], job["hold_reason"]) == ("held", "out_of_paper")
    assert not job["timed_out"]
    expires = dt_util.parse_datetime(job["expires_at"], raise_on_error=True)
    assert timedelta(hours=2.9) < expires - before < timedelta(hours=3.1)
    replaced = await print_one(hass, file=str(media / "菜单.pdf"), replace_key="menu")
    newer = await print_one(hass, file=str(media / "菜单.pdf"), replace_key="menu")
    jobs = {
        item["job_id"]: item
        for item in (await ask(hass, "list_jobs", device_id=device_of(hass)))["jobs"]
    }
    assert jobs[replaced["job_id"]]["state"] == "canceled"
    assert jobs[newer["job_id"]]["state"] == "held"
    with pytest.raises(ServiceValidationError) as raised:
        await print_one(hass, file=str(media / "菜单.pdf"), if_not_ready="fail")
    assert raised.value.translation_key == "not_ready_out_of_paper"
    assert sent(simulator) == 0


async def test_waiting_ends_in_time(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    simulator.cloud.variants.callbacks = "never"
    job = await print_one(hass, file=str(media / "菜单.pdf"), wait_timeout=0.3)
    assert job["timed_out"]
    assert job["state"] in ("uploading", "queued")


async def test_pictures_expire_soon_and_lists_later(
    hass: HomeAssistant, setup: MockConfigEntry, simulator: Simulator
) -> None:
    from tests.documents.test_entities import Door, add

    await add(hass, "camera", [Door(picture("JPEG"))])
    simulator.box.online = False
    await data_of(setup).coordinator.async_refresh()
    photo = await print_one(hass, source_entity="camera.door")
    text = await print_one(hass, text="x")
    now = dt_util.utcnow()
    for job, hours in ((photo, 1), (text, 12)):
        expires = dt_util.parse_datetime(job["expires_at"], raise_on_error=True)
        assert abs(expires - now - timedelta(hours=hours)) < timedelta(minutes=1)
    assert photo["title"] == "门铃"


async def test_jobs_are_listed_and_filtered(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    await print_one(hass, text="1", title="one")
    simulator.cloud.plan(simulator.box.printer(1), Outcome(code=502, msg="x"))
    await print_one(hass, text="2", title="two")
    await print_one(hass, text="3", title="other printer", device_id=device_of(hass, INKJET))
    device = device_of(hass)

    async def titles(**filters: Any) -> list[str]:
        answer = await ask(hass, "list_jobs", device_id=device, **filters)
        assert set(answer) == {"jobs"}
        return [job["title"] for job in answer["jobs"]]

    assert await titles() == ["two", "one"]
    assert await titles(limit=1) == ["two"]
    assert await titles(state="completed") == ["one"]
    assert await titles(state=["failed", "completed"]) == ["two", "one"]
    assert await titles(state=["held"]) == []


async def test_the_clouds_list_is_asked_once_a_minute(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    simulator.cloud.variants.list_lag = 0.0
    await print_one(hass, text="1")
    simulator.cloud.print_as_someone_else(simulator.box, simulator.box.printer(1))
    before = simulator.cloud.count("POST /print/query_device_task")
    for _ in range(3):
        answer = await ask(hass, "list_jobs", device_id=device_of(hass), include_cloud=True)
    assert simulator.cloud.count("POST /print/query_device_task") == before + 1
    assert sorted(task["own"] for task in answer["cloud"]) == [False, True]
    [own] = [task for task in answer["cloud"] if task["own"]]
    assert own["state"] == "SUCCESS"
    assert dt_util.parse_datetime(own["created_at"]) is not None


async def failed_job(hass: HomeAssistant, simulator: Simulator, **data: Any) -> dict[str, Any]:
    """Print something that fails, and return its job."""
    simulator.cloud.plan(simulator.box.printer(1), Outcome(code=502, msg="x"))
    job = await print_one(hass, **({"text": "再来一次"} | data))
    assert job["state"] == "failed"
    return job


async def test_a_failed_job_is_printed_on_another_printer(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator
) -> None:
    job = await failed_job(hass, simulator, paper="A5", tray="纸盒 1")
    device, other = device_of(hass), device_of(hass, INKJET)
    # The other printer has no such tray: it says so, and nothing is sent.
    before = sent(simulator)
    with pytest.raises(ServiceValidationError) as raised:
        await ask(hass, "retry_job", device_id=device, job_id=job["job_id"], to_device_id=other)
    assert raised.value.translation_key == "tray_not_available"
    assert sent(simulator) == before
    job = await failed_job(hass, simulator, paper="A5")
    answer = await ask(
        hass, "retry_job", device_id=device, job_id=job["job_id"], to_device_id=other
    )
    assert answer["job"]["device_id"] == other
    assert answer["job"]["printer"] == INKJET
    [printed] = await came_out(simulator)
    assert printed.options["targetIp"] == simulator.box.network_printer().ip
    assert printed.options["dmPaperSize"] == "11"


async def test_a_failed_job_is_printed_by_another_box(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator
) -> None:
    box = simulator.cloud.add_box(simulator.box.account)
    simulator.cloud.add_printer(box, "HP LaserJet 1020", 1)
    second = make_entry(simulator, box, title="Second")
    assert await set_up(hass, second)
    job = await failed_job(hass, simulator)
    key = next(iter(data_of(second).coordinator.data.printers))
    from homeassistant.helpers import device_registry as dr

    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, f"{box.device_id}_{key}"), second.entry_id
    )
    assert device is not None
    answer = await ask(
        hass,
        "retry_job",
        device_id=device_of(hass),
        job_id=job["job_id"],
        to_device_id=device.id,
    )
    assert answer["job"]["device_id"] == device.id
    [printed] = await came_out(simulator)
    assert (printed.device_id, "再来一次" in printed.path.read_text("utf-8")) == (
        box.device_id,
        True,
    )
    [again] = data_of(second).queue.jobs()
    assert again.retry_of == job["job_id"]


async def test_capabilities(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator
) -> None:
    answer = await ask(hass, "get_capabilities", device_id=device_of(hass))
    assert answer["model"] == LASER
    assert answer["papers"][0] == {
        "name": "A4",
        "id": 9,
        "width": 210.0,
        "height": 297.0,
        "printable_width": 201.6,
        "printable_height": 288.6,
    }
    # The driver's name for it ends in a line end, which nobody should have to type.
    assert "信封 DL" in [paper["name"] for paper in answer["papers"]]
    assert answer["trays"][1] == {"name": "纸盒 1", "id": 258}
    assert answer["color"] == ["mono"]
    assert answer["duplex"] == ["off", "long_edge", "short_edge"]
    assert answer["orientation"] == ["portrait", "landscape"]
    assert answer["max_copies"] == 99
    assert answer["defaults"]["paper"] == "A4"
    assert answer["defaults"]["tray"] == "自动选择"
    asked = simulator.cloud.count("GET /print/printer_params")
    await ask(hass, "get_capabilities", device_id=device_of(hass))
    assert simulator.cloud.count("GET /print/printer_params") == asked


async def test_what_a_driver_does_not_say_is_unknown(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator
) -> None:
    simulator.cloud.variants.missing_blocks = ["Capabilities", "DevMode"]
    simulator.cloud.variants.papers = "empty"
    answer = await ask(hass, "get_capabilities", device_id=device_of(hass, OTHER_LASER))
    unknown = ("papers", "trays", "media_types", "color", "duplex", "orientation", "max_copies")
    assert {answer[name] for name in unknown} == {None}
    assert set(answer["defaults"].values()) == {None}
    await print_one(hass, text="x", device_id=device_of(hass, OTHER_LASER), tray=258, paper="A5")
    assert simulator.printed[0].options["dmDefaultSource"] == "258"
    assert simulator.printed[0].options["dmPaperSize"] == "11"


async def test_papers_without_a_block_are_named_by_the_list(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator
) -> None:
    simulator.cloud.variants.missing_blocks = ["Papers"]
    answer = await ask(hass, "get_capabilities", device_id=device_of(hass))
    assert [paper["name"] for paper in answer["papers"]][:2] == ["A4", "A5"]


async def cloud_preview(hass: HomeAssistant, media: Path) -> dict[str, Any]:
    """Have the menu drawn by the cloud."""
    path = str(media / "菜单.pdf")
    return await ask(hass, "preview", device_id=device_of(hass), file=path, preview_by="cloud")


async def test_a_preview_is_shown_and_then_printed_without_a_second_upload(
    all_entities: None,
    hass: HomeAssistant,
    ready: MockConfigEntry,
    simulator: Simulator,
    media: Path,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    answer = await cloud_preview(hass, media)
    assert (answer["pages"], answer["title"], len(answer["images"])) == (3, "菜单.pdf", 3)
    assert simulator.printed == []
    anyone = await hass_client_no_auth()
    picture_answer = await anyone.get(answer["images"][1])
    assert picture_answer.status == HTTPStatus.OK
    assert picture_answer.content_type == "image/png"
    assert (await picture_answer.read()).startswith(b"\x89PNG")
    assert (await anyone.get(answer["images"][1].partition("?")[0])).status == (
        HTTPStatus.UNAUTHORIZED
    )
    client = await hass_client()
    for last in ("0", "4", "x", "-1", "9" * 5000):
        path = f"{answer['images'][0].partition('?')[0].rpartition('/')[0]}/{last}"
        assert (await client.get(path)).status == HTTPStatus.NOT_FOUND
    [image] = [state for state in hass.states.async_all("image") if state.name.startswith(LASER)]
    assert dt_util.parse_datetime(image.state) is not None
    assert data_of(ready).queue.jobs() == []

    job = await print_one(hass, document=answer["document"], copies=2)
    [printed] = simulator.printed
    assert printed.options["taskTicket"]
    assert (job["title"], job["pages"], job["state"]) == ("菜单.pdf", 3, "completed")


async def test_a_preview_for_other_options_is_printed_from_the_file(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    answer = await cloud_preview(hass, media)
    await print_one(hass, document=answer["document"], paper="A5")
    [printed] = simulator.printed
    assert "taskTicket" not in printed.options
    assert printed.path.read_bytes() == (media / "菜单.pdf").read_bytes()


async def test_a_preview_that_fails_leaves_nothing(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    simulator.box.online = False
    with pytest.raises(HomeAssistantError) as raised:
        await cloud_preview(hass, media)
    assert raised.value.translation_key == "box_offline"
    assert spooled(hass) == []


def spooled(hass: HomeAssistant) -> list[Path]:
    """Return the files in the spool."""
    return list(Path(hass.config.cache_path(DOMAIN, "spool")).iterdir())


async def test_pages_are_counted_here_or_by_the_service(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    device = device_of(hass)
    answer = await ask(hass, "count_pages", device_id=device, file=str(media / "菜单.pdf"))
    assert answer["pages"] == 3
    assert simulator.cloud.count("POST /print/file_pages") == 0
    # Without its table, which other programs put right as well.
    (media / "odd.pdf").write_bytes(make_pdf(2).replace(b"startxref", b"startnone"))
    answer = await ask(
        hass, "count_pages", device_id=device, file=str(media / "odd.pdf"), paper="A5"
    )
    assert answer["pages"] == 2
    assert simulator.cloud.count("POST /print/file_pages") == 0
    await print_one(hass, document=answer["document"])
    assert simulator.printed[0].name == "odd.pdf"
    simulator.cloud.fail("POST /print/file_pages", Fault(kind="code", code=502))
    kept = len(spooled(hass))
    with pytest.raises(HomeAssistantError):
        await ask(hass, "count_pages", device_id=device, text="x")
    assert len(spooled(hass)) == kept


async def test_only_one_document_at_a_time_is_looked_at(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    paths = [str(media / "菜单.pdf")] * 2
    for action in ("preview", "count_pages"):
        with pytest.raises(ServiceValidationError) as raised:
            await ask(hass, action, device_id=device_of(hass), file=paths)
        assert raised.value.translation_key == "one_document_only"
    assert sent(simulator) == 0


async def test_actions_without_a_response(
    hass: HomeAssistant, ready: MockConfigEntry, simulator: Simulator, media: Path
) -> None:
    job = await failed_job(hass, simulator)
    device = device_of(hass)
    for action, data in (
        ("preview", {"text": "x"}),
        ("retry_job", {"job_id": job["job_id"]}),
    ):
        answer = await hass.services.async_call(
            DOMAIN, action, {"device_id": device, **data}, blocking=True
        )
        assert answer is None
    await came_out(simulator)
