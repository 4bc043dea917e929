"""Both sides by hand through the actions: what is offered, split, refused, and read from the tray."""

from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke import manual_duplex
from custom_components.lianke.box import capability_cache
from custom_components.lianke.const import CONF_PRINTER_OPTIONS
from tests.household import INKJET, LABELS, LASER, House, key_of, make_media, refusal
from tests.manual_duplex.laser import Laser, Sheet, images_of, paper, read, turn_stack
from tests.simulator import Fault, Outcome, make_pdf

# Callbacks arrive, so that waiting is short.
pytestmark = pytest.mark.usefixtures("reachable")


LONG, SHORT = "manual_long_edge", "manual_short_edge"
USUAL = Laser(out_up=False, prints_up=True, top_leads=True)


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    folder = make_media(hass, tmp_path / "media")
    (folder / "seven.pdf").write_bytes(make_pdf(7))
    (folder / "one.pdf").write_bytes(make_pdf(1))
    (folder / "page.html").write_text("<h1>Page</h1>")
    return folder


def options(hass: HomeAssistant, entry: MockConfigEntry, **changes: Any) -> None:
    hass.config_entries.async_update_entry(entry, options={**entry.options, **changes})


async def by_hand(house: House, **data: Any) -> dict[str, Any]:
    """Print, and return the job as it waits for its paper to be turned over."""
    data.setdefault("device_id", house.device())
    data.setdefault("duplex", LONG)
    [job] = (await house.ask("print", wait=True, **data))["jobs"]
    assert (job["state"], job["hold_reason"]) == ("held", "turn_paper"), job
    return dict(job)


async def finish(house: House, job: dict[str, Any], laser: Laser = USUAL) -> list[Sheet]:
    """Turn the stack over as the job says, continue, and return the finished sheets."""
    count = job["by_hand"]["sheets"]
    stack = laser.print(images_of(house.printed[-1]), paper(count))
    stack = turn_stack(stack, job["by_hand"]["put_back"])
    done = len(house.printed)
    answer = await house.ask("continue_job", job_id=job["job_id"], reason="turn_paper")
    assert answer["job"]["job_id"] == job["job_id"]
    await house.came_out(done + 1)
    return laser.print(images_of(house.printed[-1]), stack)


async def reason(house: House, action: str = "print", **data: Any) -> str | None:
    """Return why a call is refused."""
    return await refusal(house.ask(action, **data), HomeAssistantError)


@pytest.mark.parametrize(
    "laser",
    [USUAL, Laser(out_up=True, prints_up=False, top_leads=False)],
    ids=["as it is at first", "as it was set up"],
)
async def test_seven_pages_twice(laser: Laser, house: House) -> None:
    if laser != USUAL:
        setup = {"comes_out": laser.comes_out, "put_back": laser.put_back, "turned": laser.turned}
        options(
            house.hass,
            house.entry,
            **{manual_duplex.CONF_MANUAL_DUPLEX: {key_of(house.entry, LASER): setup}},
        )
    job = await by_hand(house, file=house.path("seven.pdf"), copies=2)
    assert (job["title"], job["pages"], job["copies"]) == ("seven.pdf", 7, 2)
    assert ("printed side up" in job["message"]) is (laser.put_back == "face_up")
    assert "all 8 sheets" in job["message"]
    done = await finish(house, job, laser)
    sheets = [(front.text, back.text) for front, back in read(done, out_up=laser.out_up)]
    assert (
        sheets
        == [("Page 1", "Page 2"), ("Page 3", "Page 4"), ("Page 5", "Page 6"), ("Page 7", "")] * 2
    )
    assert all(printed.options["dmDuplex"] == "1" for printed in house.printed)
    assert not house.spooled()


async def test_chosen_pages_and_what_lies(house: House) -> None:
    job = await by_hand(
        house, file=house.path("seven.pdf"), sheet="2_up", pages="2-6", reverse_order=True
    )
    assert (job["pages"], job["by_hand"]["edge_first"]) == (3, "left")
    assert "the left edge of the pages first" in job["message"]
    done = await finish(house, job)
    sheets = [(front.text, back.text) for front, back in read(done, out_up=False)]
    assert sheets == [("Page 2 Page 3", "Page 4 Page 5"), ("Page 6", "")]
    assert house.printed[0].options["dmOrientation"] == "1"


@pytest.mark.parametrize("by_default", [False, True])
async def test_a_booklet_turns_at_its_short_edge(by_default: bool, house: House) -> None:
    chosen: dict[str, Any] = {"duplex": LONG}
    if by_default:
        options(
            house.hass, house.entry, **{CONF_PRINTER_OPTIONS: {key_of(house.entry, LASER): chosen}}
        )
        chosen = {}
    device = house.device()
    [job] = (
        await house.ask(
            "print",
            device_id=device,
            file=house.path("seven.pdf"),
            sheet="booklet",
            wait=True,
            **chosen,
        )
    )["jobs"]
    done = await finish(house, job)
    [(first, second), (third, fourth)] = read(done, out_up=False)
    assert [first.text, second.text] == ["Page 1", "Page 2 Page 7"]
    assert [third.text, fourth.text] == ["Page 6 Page 3", "Page 4 Page 5"]
    # Turned over at the short edge of a sheet that lies, they are the same way up.
    assert (second.turn - first.turn) % 360 == 180


async def test_a_request_is_known_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the printer's papers were not known the first time."""
    monkeypatch.setattr(capability_cache, "CACHE_PAUSE", 0)
    house.cloud.fail("GET /print/paper_dimension_list", Fault(kind="code"))
    asked = {"file": house.path("seven.pdf"), "request_id": "once"}
    first, again = [await by_hand(house, **asked) for _ in range(2)]
    assert (again["job_id"], again["duplicate"]) == (first["job_id"], True)


async def test_what_has_no_second_side(house: House) -> None:
    await house.ask(
        "print",
        device_id=house.device(),
        file=[house.path("one.pdf"), house.path("seven.pdf")],
        duplex=LONG,
        pages="1",
        copies=2,
        wait=True,
    )
    assert [printed.copies for printed in await house.came_out(2)] == [2, 2]
    assert [printed.options["dmDuplex"] for printed in house.printed] == ["1", "1"]


async def test_what_cannot_be_split(house: House) -> None:
    device = house.device()
    for source in ({"text": "Hello"}, {"file": house.path("page.html")}):
        assert await reason(house, device_id=device, duplex=LONG, **source) == "manual_duplex_type"
    assert house.sent == 0
    assert not house.spooled()
    # By default it concerns what it can, and does not keep a notification from being printed.
    options(
        house.hass,
        house.entry,
        **{CONF_PRINTER_OPTIONS: {key_of(house.entry, LASER): {"duplex": SHORT}}},
    )
    await house.ask("print", device_id=device, text="Hello", wait=True)
    [printed] = await house.came_out()
    assert printed.options["dmDuplex"] == "1"
    job = await by_hand(house, file=house.path("seven.pdf"), duplex=SHORT)
    assert await reason(house, "continue_job", job_id=job["job_id"], reason="approval") == (
        "job_not_waiting"
    )
    off = await house.ask(
        "print", device_id=device, file=house.path("seven.pdf"), duplex="off", wait=True
    )
    assert off["jobs"][0]["state"] == "completed"


@pytest.mark.parametrize(
    ("printer", "expected"),
    [(LASER, ["off", "long_edge", "short_edge"]), (INKJET, ["off", LONG, SHORT]), (LABELS, None)],
)
async def test_it_is_offered_where_there_is_no_unit(
    printer: str, expected: list[str] | None, house: House
) -> None:
    answer = await house.ask("get_capabilities", device_id=house.device(printer))
    assert answer["duplex"] == expected


async def test_an_error_names_it_where_there_is_no_unit(house: House) -> None:
    with pytest.raises(HomeAssistantError) as refused:
        await house.ask(
            "print",
            device_id=house.device(INKJET),
            file=house.path("seven.pdf"),
            duplex="long_edge",
        )
    assert refused.value.translation_placeholders is not None
    assert LONG in refused.value.translation_placeholders["allowed"]


async def test_again_with_other_options(house: House) -> None:
    options(house.hass, house.entry, keep_printed_hours=1)
    job = await by_hand(house, file=house.path("seven.pdf"))
    await finish(house, job)
    await house.hass.async_block_till_done(wait_background_tasks=True)
    job_id = job["job_id"]
    other = {"to_device_id": house.device(INKJET)}
    assert await reason(house, "retry_job", job_id=job_id, copies=2) == "manual_duplex_unchanged"
    assert await reason(house, "retry_job", job_id=job_id, **other) == "manual_duplex_unchanged"
    house.cloud.plan(house.box.printer(1), Outcome(code=502))
    plain = await house.ask(
        "print", device_id=house.device(), file=house.path("seven.pdf"), wait=True
    )
    job_id = plain["jobs"][0]["job_id"]
    assert await reason(house, "retry_job", job_id=job_id, duplex=LONG) == "manual_duplex_not_again"
    assert await reason(house, "retry_job", job_id=job_id, from_sheet=2) == "not_manual_duplex"
    before = house.sent
    assert await reason(house, "retry_job", job_id=job_id, copies=1, backs_only=True) == (
        "not_manual_duplex"
    )
    assert house.sent == before


async def test_a_split_that_takes_too_long(monkeypatch: pytest.MonkeyPatch, house: House) -> None:
    monkeypatch.setattr(manual_duplex, "SPLIT_SECONDS", 0)
    file = house.path("seven.pdf")
    assert await reason(house, device_id=house.device(), duplex=LONG, file=file) == "pdf_takes_long"
    monkeypatch.setattr(manual_duplex, "SPLIT_SECONDS", 30)
    monkeypatch.setattr(manual_duplex, "MAX_SOURCE_PAGES", 13)
    refused = await reason(house, device_id=house.device(), duplex=LONG, file=file, copies=2)
    assert refused == "sheet_too_many_pages"
    assert house.sent == 0
    assert not house.spooled()


async def test_how_paper_is_turned_is_a_fact_once_somebody_has_tried_it(house: House) -> None:
    """Before, the message says that it is probable, and where the test sheet is printed."""
    job = await by_hand(house, file=house.path("seven.pdf"))
    assert job["by_hand"]["tested"] is False
    assert "probably with the printed side down" in job["message"]
    assert "Both sides by hand" in job["message"]
    await finish(house, job)
    key = key_of(house.entry, LASER)
    for put_back, words in (("face_down", "printed side down"), ("face_up", "printed side up")):
        setup = {"comes_out": "face_down", "put_back": put_back, "turned": False}
        options(house.hass, house.entry, **{manual_duplex.CONF_MANUAL_DUPLEX: {key: setup}})
        job = await by_hand(house, file=house.path("seven.pdf"))
        assert job["by_hand"]["tested"] is True
        assert words in job["message"]
        assert "probably" not in job["message"]
        await house.ask("reject_job", job_id=job["job_id"])
