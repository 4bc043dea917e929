"""The actions, from the call to the paper in the simulator's out tray."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
from itertools import count
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.jobs.job import Job
from custom_components.lianke.pages.page import PageStyle
from tests.clock import until
from tests.conftest import LANGUAGES, make_entry, set_up, texts
from tests.documents.entities import Door, add
from tests.documents.samples import picture, zipped
from tests.household import (
    INKJET,
    LASER,
    OTHER_LASER,
    House,
    Site,
    Upload,
    as_read,
    data_of,
    refusal,
    uploader,
)
from tests.simulator import Fault, Outcome, Simulator, make_pdf


@pytest.fixture
def house(reachable: str, house: House) -> House:
    """Return the house; callbacks arrive, so that waiting is short."""
    return house


@pytest.fixture
async def upload(reachable: str, hass_client: ClientSessionGenerator) -> Upload:
    return await uploader(hass_client)


async def test_a_file_is_printed_and_the_outcome_told(house: House) -> None:
    job = await house.print_one(file=house.menu, title="今天的菜单")
    [printed] = house.printed
    assert printed.path.read_bytes() == (house.media / "菜单.pdf").read_bytes()
    assert printed.name == "菜单.pdf"
    assert (printed.pages, printed.port) == (3, 1)
    assert printed.options["reportDeviceStatus"] == printed.options["reportPrinterStatus"] == "1"
    assert "errLimitNum" not in printed.options
    assert job["state"] == "completed"
    assert (job["title"], job["printer"]) == ("今天的菜单", LASER)
    assert (job["pages"], job["copies"]) == (3, 1)
    assert (job["duplicate"], job["timed_out"], job["message"]) == (False, False, None)
    assert job["device_id"] == house.device()


async def test_a_reload_is_waited_over(house: House) -> None:
    house.box.printer(1).paper = 1
    call = house.hass.async_create_task(
        house.ask("print", device_id=house.device(), file=house.menu, wait=True)
    )
    await until(lambda: house.sent)
    assert await house.hass.config_entries.async_unload(house.entry.entry_id)
    await asyncio.sleep(0.1)
    assert not call.done()
    assert await house.hass.config_entries.async_setup(house.entry.entry_id)
    house.box.printer(1).paper = None
    [job] = (await call)["jobs"]
    assert (job["state"], job["timed_out"]) == ("completed", False)
    assert len(house.printed) == 1


async def test_the_removal_of_a_box_is_not_waited_over(house: House) -> None:
    house.box.printer(1).paper = 1
    call = house.hass.async_create_task(
        house.ask("print", device_id=house.device(), file=house.menu, wait=True)
    )
    await until(lambda: house.sent)
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    [job] = (await call)["jobs"]
    assert job["state"] not in ("completed", "held")
    assert job["timed_out"]


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("菜单\n" * 100_000, "菜单 " * 66 + "菜单"),
        ("早\ud83d\ude00\ud83d", "早😀\ufffd"),
        (" ", "菜单.pdf"),
    ],
    ids=["long", "half a character", "blank"],
)
async def test_any_title_is_kept_over_a_reload(title: str, shown: str, house: House) -> None:
    house.box.online = False
    await house.data.coordinator.async_refresh()
    job = await house.print_one(
        file=house.menu, title=title, request_id="\ud83d", replace_key="\ud83d"
    )
    assert job["title"] == shown
    assert await house.hass.config_entries.async_reload(house.entry.entry_id)
    [kept] = (await house.ask("list_jobs", device_id=house.device()))["jobs"]
    assert (kept["job_id"], kept["title"]) == (job["job_id"], shown)


async def test_values_are_read_as_people_and_yaml_write_them(house: House) -> None:
    await house.print_one(file=house.menu, duplex=False, paper=" a5 ", color="Mono")
    options = house.printed[0].options
    assert (options["dmDuplex"], options["dmPaperSize"], options["dmColor"]) == ("1", "11", "1")


async def test_defaults_apply_where_the_call_is_silent(house: House) -> None:
    [key] = [view.key for view in house.coordinator.data.printers.values() if view.name == LASER]
    house.set_options(
        {
            "default_options": {"paper": "A5", "duplex": "long_edge", "scale": "none"},
            "printer_options": {key: {"paper": "Letter", "tray": "手动进纸"}},
        }
    )
    await house.print_one(file=house.menu, scale="fit")
    options = house.printed[0].options
    assert options["dmPaperSize"] == "1"
    assert options["dmDefaultSource"] == "4"
    assert options["dmDuplex"] == "2"
    assert options["jpScale"] == "fit"


async def test_a_media_item_as_the_form_gives_it(house: House) -> None:
    item = {
        "media_content_id": f"media-source://{DOMAIN}/local/菜单.pdf",
        "media_content_type": "application/pdf",
        "metadata": {},
    }
    await house.print_one(media=item)
    assert house.printed[0].name == "菜单.pdf"


async def test_a_web_address(house: House, site: Site) -> None:
    house.hass.config.allowlist_external_urls = {f"{site.url}/"}
    job = await house.print_one(url=f"{site.url}/账单.pdf?token=secret")
    assert (job["state"], job["title"], job["pages"]) == ("completed", "账单.pdf", 2)
    assert house.printed[0].name == "账单.pdf"
    assert "secret" not in str(job)


async def test_several_documents_are_jobs_in_order(house: House) -> None:
    for number in (1, 2, 3):
        (house.media / f"{number}.pdf").write_bytes(make_pdf(number))
    paths = [house.path(f"{number}.pdf") for number in (1, 2, 3)]
    jobs = (
        await house.ask("print", device_id=house.device(), file=paths, wait=True, request_id="x")
    )["jobs"]
    assert [job["state"] for job in jobs] == ["completed"] * 3
    assert [job["title"] for job in jobs] == ["1.pdf", "2.pdf", "3.pdf"]
    assert [printed.name for printed in house.printed] == ["1.pdf", "2.pdf", "3.pdf"]
    again = await house.ask("print", device_id=house.device(), file=paths, request_id="x")
    assert [job["duplicate"] for job in again["jobs"]] == [True] * 3
    assert [job["job_id"] for job in again["jobs"]] == [job["job_id"] for job in jobs]
    assert len(house.printed) == 3


async def test_a_repeated_request_is_one_though_its_page_bears_the_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute later it was refused as meant for something else."""
    times = count()
    monkeypatch.setattr(PageStyle, "date_time", lambda *_: str(next(times)))
    (house.media / "notes.txt").write_text("buy milk", "utf-8")
    what: dict[str, Any] = {"file": house.path("notes.txt"), "header": True, "request_id": "x"}
    first, again = [await house.print_one(**what) for _ in range(2)]
    assert (again["duplicate"], again["job_id"]) == (True, first["job_id"])


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_limit_reached_in_the_middle_is_told(house: House, language: str) -> None:
    """In the language of the house alone: whoever reads another got one half of the sentence in each."""
    house.hass.config.language = language
    house.set_options({"max_jobs_per_hour": 2})
    paths = [house.menu] * 3
    with pytest.raises(HomeAssistantError) as raised:
        await house.ask("print", device_id=house.device(), file=paths)
    told = texts(language)["exceptions"]
    reason = told["too_many_jobs"]["message"].format(printer=LASER, limit=2)
    partly = told["submitted_partly"]["message"].format(done=2, wanted=3, reason=reason)
    assert {as_read(raised.value, reads) for reads in LANGUAGES} == {partly}
    await house.came_out(2)


async def test_an_unload_in_the_middle_is_told(house: House) -> None:
    """Whoever called again would have had the first document twice."""
    create, unloads = house.queue.async_submit, []

    async def submit(*args: Any, **kwargs: Any) -> Job:
        job = await create(*args, **kwargs)
        unload = house.hass.config_entries.async_unload(house.entry.entry_id)
        unloads.append(house.hass.async_create_task(unload))
        return job

    call = house.ask("print", device_id=house.device(), file=[house.menu] * 2)
    with (
        patch.object(house.queue, "async_submit", submit),
        pytest.raises(HomeAssistantError, match="Only 1 of 2 documents"),
    ):
        await call
    await unloads[0]


async def test_a_double_tap_on_an_upload_prints_once(upload: Upload, house: House) -> None:
    file_id = await upload(make_pdf(1), "a.pdf")
    calls = [house.print_one(upload=file_id, request_id="drop-1") for _ in range(3)]
    jobs = await asyncio.gather(*calls)
    assert sorted(job["duplicate"] for job in jobs) == [False, True, True]
    assert len({job["job_id"] for job in jobs}) == 1
    assert len(house.printed) == 1
    assert await refusal(house.print_one(upload=file_id, request_id="drop-2")) == "upload_gone"
    with pytest.raises(ServiceValidationError):
        await house.print_one(upload=file_id)


async def test_a_page_that_text_does_not_make_is_refused_before_anything_is_sent(
    house: House,
) -> None:
    """It was sent, failed, and pictures and styles were blamed."""
    what: dict[str, Any] = {"device_id": house.device(), "pages": "2"}
    ways = [
        (action, source)
        for action in ("print", "preview", "count_pages")
        for source in ("text", "markdown", "html")
    ]
    for action, source in ways:
        asked = house.ask(action, **what | {source: "Milk"})
        assert await refusal(asked) == "pages_beyond_document", (action, source)
    assert not [one for one in house.cloud.requests if one.method == "POST"]
    assert not house.printed
    # Nor is it refused where it may make one: then only the service knows.
    for action, source in ways[::4]:
        await house.ask(action, **what | {source: "Milk " * 3000})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("own.html", b"<style>p { margin: 9cm }</style><p>Milk"),
        ("letter.docx", zipped("[Content_Types].xml", "word/document.xml")),
    ],
)
async def test_pages_that_only_the_service_can_miss_are_named_in_the_failure(
    house: House, name: str, content: bytes
) -> None:
    """It may say the same of pages that are not there as of a document that it cannot open."""
    (house.media / name).write_bytes(content)
    house.cloud.plan(house.box.printer(1), Outcome(code=502, msg="文件转换失败：没有可打印的页面"))
    job = await house.print_one(file=str(house.media / name), pages="2")
    assert (job["state"], job["reason"]) == ("failed", "conversion_failed")
    assert job["message"].startswith("The Lianke service could not print the chosen pages of")
    assert "没有可打印的页面" in job["message"]


async def test_a_double_tap_on_uploads_is_told_of_all(upload: Upload, house: House) -> None:
    files = [await upload(make_pdf(pages), f"{pages}.pdf") for pages in (1, 2)]
    what: dict[str, Any] = {"device_id": house.device(), "upload": files, "request_id": "drop"}
    first, again = [(await house.ask("print", **what))["jobs"] for _ in range(2)]
    assert [job["job_id"] for job in again] == [job["job_id"] for job in first]
    # Of these the second document was never printed, and there is nothing to print it from.
    house.set_options({"max_jobs_per_hour": 3})
    files = [await upload(make_pdf(pages), f"{pages}.pdf") for pages in (1, 2)]
    what |= {"upload": files, "request_id": "partly"}
    with pytest.raises(HomeAssistantError, match="Only 1 of 2 documents"):
        await house.ask("print", **what)
    assert await refusal(house.ask("print", **what)) == "upload_gone"


async def test_a_failure_is_told_in_the_language_of_the_house(house: House) -> None:
    house.hass.config.language = "zh-Hans"
    path = house.menu
    printer = house.box.printer(1)
    house.cloud.plan(printer, Outcome(code=502, msg="文件已损坏"))
    job = await house.print_one(file=path)
    assert (job["state"], job["reason"], job["code"]) == ("failed", "conversion_failed", 502)
    assert job["detail"] == "文件已损坏"
    # Nobody is told to save a PDF as PDF.
    assert "转换" in job["message"]
    assert "打印成新的 PDF" in job["message"]
    assert "另存为 PDF" not in job["message"]
    assert job["can_retry"]
    house.cloud.plan(printer, Outcome(code=502, msg="文件已损坏"))
    with pytest.raises(HomeAssistantError) as raised:
        await house.hass.services.async_call(
            DOMAIN,
            "print",
            {"device_id": house.device(), "file": path, "wait": True},
            blocking=True,
        )
    for reads in LANGUAGES:
        said = as_read(raised.value, reads)
        assert said == f"在 {LASER} 上打印“菜单.pdf”失败。{job['message']}"


async def test_fields_that_have_nothing_to_do_say_so_and_print_all_the_same(house: House) -> None:
    """One automation prints whatever lands in a folder, and may have its `wait` from a template."""
    await house.print_one(file=house.menu, excel_fit="columns", wait=False, wait_timeout=60)
    await house.came_out()
    for language, words in (("en", ("no effect",)), ("zh-Hans", ("没有作用", "不起作用"))):
        for action in texts(language)["services"].values():
            for name in {"excel_fit", "wait_timeout"} & {*action.get("fields", ())}:
                description = action["fields"][name]["description"]
                assert any(one in description for one in words), (language, name)


async def test_a_job_for_a_printer_without_paper_waits(house: House) -> None:
    house.box.printer(1).paper = 0
    await house.data.coordinator.async_refresh()
    before = dt_util.utcnow()
    job = await house.print_one(file=house.menu, expires_in={"hours": 3})
    assert (job["state"], job["hold_reason"]) == ("held", "out_of_paper")
    assert not job["timed_out"]
    expires = dt_util.parse_datetime(job["expires_at"], raise_on_error=True)
    assert timedelta(hours=2.9) < expires - before < timedelta(hours=3.1)
    two: dict[str, Any] = {"file": [house.menu] * 2, "replace_key": "menu"}
    replaced = (await house.ask("print", device_id=house.device(), **two))["jobs"]
    newer = await house.print_one(file=house.menu, replace_key="menu")
    jobs = {
        item["job_id"]: item
        for item in (await house.ask("list_jobs", device_id=house.device()))["jobs"]
    }
    assert [jobs[old["job_id"]]["state"] for old in replaced] == ["canceled"] * 2
    assert jobs[newer["job_id"]]["state"] == "held"
    assert (
        await refusal(house.print_one(file=house.menu, if_not_ready="fail"))
        == "not_ready_out_of_paper"
    )
    assert house.sent == 0


async def test_a_repeated_call_replaces_nothing_newer(house: House) -> None:
    first: dict[str, Any] = {"file": house.menu, "replace_key": "menu", "request_id": "x"}
    await house.print_one(**first)
    await house.came_out()
    house.box.printer(1).paper = 0
    await house.data.coordinator.async_refresh()
    newer: dict[str, Any] = {"file": [house.menu] * 2, "replace_key": "menu"}
    waiting = [
        job["job_id"]
        for job in (await house.ask("print", device_id=house.device(), **newer))["jobs"]
    ]
    assert (await house.print_one(**first))["duplicate"]
    assert [house.queue.get(job_id).state for job_id in waiting] == ["held"] * 2


async def test_waiting_ends_in_time(house: House) -> None:
    house.cloud.variants.callbacks = "never"
    job = await house.print_one(file=house.menu, wait_timeout=0.3)
    assert job["timed_out"]
    assert job["state"] in ("uploading", "queued")


async def test_pictures_expire_soon_and_lists_later(
    hass: HomeAssistant, simulator: Simulator, setup: MockConfigEntry
) -> None:
    house = House(hass=hass, simulator=simulator, entry=setup)
    await add(house.hass, "camera", [Door(picture("JPEG"))])
    door: dict[str, Any] = {"source_entity": "camera.door"}
    seen = (await house.ask("preview", device_id=house.device(), **door))["document"]
    house.box.online = False
    await house.data.coordinator.async_refresh()
    photo = await house.print_one(**door)
    text = await house.print_one(text="x")
    # The same, once looked at, also on sheets.
    again = await house.print_one(document=seen)
    sheet = await house.print_one(document=seen, stamp="date")
    now = dt_util.utcnow()
    for job, hours in ((photo, 1), (again, 1), (sheet, 1), (text, 12)):
        expires = dt_util.parse_datetime(job["expires_at"], raise_on_error=True)
        assert abs(expires - now - timedelta(hours=hours)) < timedelta(minutes=1)
    assert photo["title"] == "门铃"


@pytest.mark.usefixtures("hurried")
async def test_jobs_are_listed_and_filtered(house: House) -> None:
    await house.print_one(text="1", title="one")
    house.cloud.plan(house.box.printer(1), Outcome(code=502, msg="x"))
    await house.print_one(text="2", title="two")
    await house.print_one(text="3", title="other printer", device_id=house.device(INKJET))
    device = house.device()

    async def titles(**filters: Any) -> list[str]:
        answer = await house.ask("list_jobs", device_id=device, **filters)
        assert set(answer) == {"jobs"}
        return [job["title"] for job in answer["jobs"]]

    assert await titles() == ["two", "one"]
    assert await titles(limit=1) == ["two"]
    assert await titles(state="completed") == ["one"]
    assert await titles(state=["failed", "completed"]) == ["two", "one"]
    assert await titles(state=["held"]) == []


async def test_the_clouds_list_is_asked_once_a_minute(house: House) -> None:
    house.cloud.variants.list_lag = 0.0
    await house.print_one(text="1")
    house.cloud.print_as_someone_else(house.box, house.box.printer(1))
    before = house.cloud.count("POST /print/query_device_task")
    for _ in range(3):
        answer = await house.ask("list_jobs", device_id=house.device(), include_cloud=True)
    assert house.cloud.count("POST /print/query_device_task") == before + 1
    assert sorted(task["own"] for task in answer["cloud"]) == [False, True]
    [own] = [task for task in answer["cloud"] if task["own"]]
    assert own["state"] == "SUCCESS"
    assert dt_util.parse_datetime(own["created_at"]) is not None


async def failed_job(house: House) -> dict[str, Any]:
    house.cloud.plan(house.box.printer(1), Outcome(code=502, msg="x"))
    job = await house.print_one(text="再来一次")
    assert job["state"] == "failed"
    return job


async def test_a_failed_job_is_printed_by_another_box(house: House) -> None:
    box = house.cloud.add_box(house.box.account)
    house.cloud.add_printer(box, "HP LaserJet 1020", 1)
    second = make_entry(house.simulator, box, title="Second")
    assert await set_up(house.hass, second)
    job = await failed_job(house)
    key = next(iter(data_of(second).coordinator.data.printers))
    device = dr.async_get(house.hass).async_get_device_by_identifier(
        (DOMAIN, f"{box.device_id}_{key}"), second.entry_id
    )
    assert device is not None
    answer = await house.ask(
        "retry_job", device_id=house.device(), job_id=job["job_id"], to_device_id=device.id
    )
    assert answer["job"]["device_id"] == device.id
    [printed] = await house.came_out()
    assert (printed.device_id, "再来一次" in printed.path.read_text("utf-8")) == (
        box.device_id,
        True,
    )
    [again] = data_of(second).queue.jobs()
    assert again.spec.retry_of == job["job_id"]


async def test_capabilities(house: House) -> None:
    answer = await house.ask("get_capabilities", device_id=house.device())
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
    asked = house.cloud.count("GET /print/printer_params")
    await house.ask("get_capabilities", device_id=house.device())
    assert house.cloud.count("GET /print/printer_params") == asked


async def test_what_a_driver_does_not_say_is_unknown(house: House) -> None:
    house.cloud.variants.missing_blocks = ["Capabilities", "DevMode"]
    house.cloud.variants.papers = "empty"
    answer = await house.ask("get_capabilities", device_id=house.device(OTHER_LASER))
    unknown = ("papers", "trays", "media_types", "color", "duplex", "orientation", "max_copies")
    assert {answer[name] for name in unknown} == {None}
    assert set(answer["defaults"].values()) == {None}
    await house.print_one(text="x", device_id=house.device(OTHER_LASER), tray=258, paper="A5")
    assert house.printed[0].options["dmDefaultSource"] == "258"
    assert house.printed[0].options["dmPaperSize"] == "11"


async def test_capabilities_that_cannot_be_asked_for_are_no_nulls(house: House) -> None:
    """As if the driver did not say: an automation would take it for that."""
    for endpoint in ("GET /print/printer_params", "GET /print/paper_dimension_list"):
        house.cloud.fail(endpoint, Fault(kind="code", code=5002), times=None)
    with pytest.raises(ServiceValidationError, match="did not say what Kyocera MA2000w GX can do"):
        await house.ask("get_capabilities", device_id=house.device())


async def test_papers_without_a_block_are_named_by_the_list(house: House) -> None:
    house.cloud.variants.missing_blocks = ["Papers"]
    answer = await house.ask("get_capabilities", device_id=house.device())
    assert [paper["name"] for paper in answer["papers"]][:2] == ["A4", "A5"]


async def cloud_preview(house: House) -> dict[str, Any]:
    path = house.menu
    return await house.ask("preview", device_id=house.device(), file=path, preview_by="cloud")


async def test_a_preview_is_shown_and_then_printed_without_a_second_upload(
    all_entities: None,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
    house: House,
) -> None:
    answer = await cloud_preview(house)
    assert (answer["pages"], answer["title"], len(answer["images"])) == (3, "菜单.pdf", 3)
    assert house.printed == []
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
    [image] = [
        state for state in house.hass.states.async_all("image") if state.name.startswith(LASER)
    ]
    assert dt_util.parse_datetime(image.state) is not None
    assert house.queue.jobs() == []

    job = await house.print_one(document=answer["document"], copies=2)
    [printed] = house.printed
    assert printed.options["taskTicket"]
    assert (job["title"], job["pages"], job["state"]) == ("菜单.pdf", 3, "completed")


@pytest.mark.usefixtures("hurried")
async def test_a_preview_for_other_options_is_printed_from_the_file(house: House) -> None:
    answer = await cloud_preview(house)
    await house.print_one(document=answer["document"], paper="A5")
    [printed] = house.printed
    assert "taskTicket" not in printed.options
    assert printed.path.read_bytes() == (house.media / "菜单.pdf").read_bytes()
    # Nor do they get it when the job is printed again.
    answer = await cloud_preview(house)
    house.cloud.plan(house.box.printer(1), Outcome(code=502, msg="x"))
    job = await house.print_one(document=answer["document"])
    await house.ask("retry_job", job_id=job["job_id"], paper="A5")
    [_, again] = await house.came_out(2)
    assert (again.options["dmPaperSize"], "taskTicket" in again.options) == ("11", False)


async def test_a_preview_that_fails_leaves_nothing(house: House) -> None:
    house.box.online = False
    assert await refusal(cloud_preview(house), HomeAssistantError) == "box_offline"
    assert house.spooled() == []


async def test_pages_are_counted_here_or_by_the_service(house: House) -> None:
    device = house.device()
    answer = await house.ask("count_pages", device_id=device, file=house.menu)
    assert answer["pages"] == 3
    assert house.cloud.count("POST /print/file_pages") == 0
    # Without its table, which other programs put right as well.
    (house.media / "odd.pdf").write_bytes(make_pdf(2).replace(b"startxref", b"startnone"))
    answer = await house.ask(
        "count_pages", device_id=device, file=house.path("odd.pdf"), paper="A5"
    )
    assert answer["pages"] == 2
    assert house.cloud.count("POST /print/file_pages") == 0
    await house.print_one(document=answer["document"])
    assert house.printed[0].name == "odd.pdf"
    house.cloud.fail("POST /print/file_pages", Fault(kind="code", code=502))
    kept = len(house.spooled())
    with pytest.raises(HomeAssistantError):
        await house.ask("count_pages", device_id=device, text="x")
    assert len(house.spooled()) == kept


async def test_actions_without_a_response(house: House) -> None:
    job = await failed_job(house)
    device = house.device()
    # Without waiting a failure is not raised either.
    house.cloud.plan(house.box.printer(1), Outcome(code=502, msg="x"))
    for action, data in (
        ("print", {"file": house.menu}),
        ("preview", {"text": "x"}),
        ("retry_job", {"job_id": job["job_id"]}),
    ):
        answer = await house.hass.services.async_call(
            DOMAIN, action, {"device_id": device, **data}, blocking=True
        )
        assert answer is None
    await house.came_out()
