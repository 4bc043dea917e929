"""The action that moves a job to another printer: rights, options, papers, and what comes out where."""

from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.auth.permissions.const import CAT_ENTITIES
from homeassistant.core import Context
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.translation import async_load_integrations
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import MockHAClientWebSocket, WebSocketGenerator

from custom_components.lianke.api.capabilities import STANDARD_PAPERS, Capabilities, Paper
from custom_components.lianke.api.options import known_papers
from custom_components.lianke.const import CONF_PRINTER_OPTIONS
from custom_components.lianke.devices import async_printer_device
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.printing.reprint import find_paper
from tests.clock import Clock, elapse
from tests.conftest import make_entry, set_up
from tests.household import (
    AWAITING,
    INKJET,
    LABELS,
    LASER,
    OTHER_LASER,
    House,
    data_of,
    key_of,
    refusal,
    show_state,
    twin_of,
)
from tests.simulator import Outcome

# Callbacks arrive, so that waiting is short.
pytestmark = pytest.mark.usefixtures("reachable")


async def look(entry: MockConfigEntry) -> None:
    await data_of(entry).coordinator.async_refresh()


async def held(house: House, **data: Any) -> str:
    """Print the menu on the laser, which has no paper; return the job's id."""
    show_state(house.box.printer(1), "outOfPaper")
    await look(house.entry)
    job = await house.print_one(file=house.menu, **data)
    assert job["state"] == "held"
    return str(job["job_id"])


async def move(
    house: House, job_id: str, to: str, context: Context | None = None, **options: Any
) -> dict[str, Any]:
    """Move a job to a printer by its name; return the new one."""
    where = {"job_id": job_id, "to_device_id": house.device(to)}
    answer = await house.ask("move_job", context, **where, **options)
    job: dict[str, Any] = answer["job"]
    return job


async def test_a_job_comes_out_of_the_printer_that_it_is_moved_to(house: House) -> None:
    job_id = await held(house, paper="A5", copies=2)
    job = await move(house, job_id, INKJET)
    assert (job["printer"], job["moved_from"]) == (INKJET, job_id)
    [document] = await house.came_out()
    assert document.options["targetIp"] == house.box.network_printer().ip
    assert (document.copies, document.options["dmPaperSize"]) == (2, "11")
    [old] = (await house.ask("list_jobs", device_id=house.device()))["jobs"]
    assert (old["state"], old["reason"], old["moved_to"]) == ("canceled", "moved", job["job_id"])
    assert old["message"] == f"This job was moved to {INKJET}."
    events = house.hass.states.get("event.kyocera_ma2000w_gx_print_job")
    assert events is not None
    assert (events.attributes["event_type"], events.attributes["reason"]) == ("canceled", "moved")
    assert events.attributes["to_printer"] == INKJET


async def test_what_the_other_printer_does_not_have_stays(house: House) -> None:
    job_id = await held(house, tray="纸盒 1")
    assert await refusal(move(house, job_id, INKJET)) == "option_missing_there"
    assert await refusal(move(house, job_id, LASER)) == "move_to_itself"
    # The card gives the driver's number, which is another thing elsewhere.
    labels = await held(house, media_type=258)
    assert await refusal(move(house, labels, OTHER_LASER)) == "option_not_checkable"
    # No label is as large as a page.
    plain = await held(house)
    assert await refusal(move(house, plain, LABELS)) == "paper_not_mapped"
    queue = house.queue
    assert {queue.get(one).state for one in (job_id, labels, plain)} == {"held"}
    assert house.sent == 0


async def test_a_refused_move_names_the_other_printer_and_the_way_on(house: House) -> None:
    """An outsider read "This printer has no tray", and that of the printer that has it."""
    job_id = await held(house, tray="纸盒 1")
    with pytest.raises(ServiceValidationError) as refused:
        await move(house, job_id, INKJET)
    said = str(refused.value)
    assert INKJET in said
    assert "for Tray, so" in said
    assert "without: [tray]" in said
    await move(house, job_id, INKJET, without="tray")
    await house.came_out()


async def test_a_size_of_ones_own_is_no_paper_of_an_office_printer(house: House) -> None:
    job_id = await held(house, paper_width=64, paper_height=44)
    assert await refusal(move(house, job_id, INKJET)) == "paper_not_mapped"
    job = await move(house, job_id, LABELS)
    assert job["printer"] == LABELS
    [document] = await house.came_out()
    assert document.options["dmPaperWidth"] == "640"


async def test_the_paper_is_found_by_its_size(house: House) -> None:
    """Whatever each driver calls it, and by the name that the user has chosen."""
    job_id = await held(house, paper="信封 DL")
    job = await move(house, job_id, INKJET)
    [document] = await house.came_out()
    assert document.options["dmPaperSize"] == "27"
    assert house.queue.get(job["job_id"]).spec.requested == {"paper": 27}


def test_which_paper_is_the_same() -> None:
    a4 = Paper.of_size(9, "A4", 2100, 2970)
    near = Paper.of_size(70, "A4 (210 x 297)", 2099, 2969)
    borderless = Paper.of_size(71, "A4 borderless", 2100, 2970)
    other = Paper.of_size(72, "Letter", 2159, 2794)
    assert find_paper(a4, [other, borderless, near]) is near
    assert find_paper(a4, [borderless, near, Paper.of_size(9, "A4", 2098, 2970)]).paper_id == 9  # type: ignore[union-attr]
    assert find_paper(borderless, [near, Paper.of_size(5, "A4 无边", 2100, 2970)]).paper_id == 5  # type: ignore[union-attr]
    assert find_paper(a4, [other]) is None
    # Nothing is known of a printer: it may have any standard paper.
    assert known_papers(None, ()) == [*STANDARD_PAPERS]
    assert [one.name for one in known_papers(Capabilities(papers={"A4": 9, "X": 300}), ())] == [
        "A4"
    ]


async def test_both_printers_must_be_the_callers(
    hass_read_only_user: MockUser, house: House
) -> None:
    job_id = await held(house)
    context = Context(user_id=hass_read_only_user.id)
    control = {"read": True, "control": True}
    laser, small = "sensor.kyocera_ma2000w_gx", "sensor.hp_laserjet_1020"
    for allowed in ({laser: control}, {small: control}, {laser: control, small: {"read": True}}):
        hass_read_only_user.mock_policy({CAT_ENTITIES: {"entity_ids": allowed}})
        with pytest.raises(Unauthorized):
            await move(house, job_id, OTHER_LASER, context)
    assert house.sent == 0
    hass_read_only_user.mock_policy(
        {CAT_ENTITIES: {"entity_ids": {laser: control, small: control}}}
    )
    await move(house, job_id, OTHER_LASER, context)
    [document] = await house.came_out()
    assert document.port == 4


# With other options


async def plan(house: House, client: MockHAClientWebSocket, job_id: str, to: str) -> dict[str, Any]:
    asked = {"device_id": house.device(), "job_id": job_id, "to_device_id": house.device(to)}
    await client.send_json_auto_id({"type": "lianke/jobs/plan_move", **asked})
    answer = await client.receive_json()
    assert answer["success"], answer
    return dict(answer["result"])


async def test_a_job_is_moved_with_the_options_that_the_other_printer_has(
    house: House, hass_ws_client: WebSocketGenerator
) -> None:
    """W4: long edge, as a remembered choice leaves it, at a printer that prints one side."""
    job_id = await held(house, duplex="long_edge", tray="纸盒 1", color="mono")
    client = await hass_ws_client(house.hass)
    assert await plan(house, client, job_id, OTHER_LASER) == {
        "open": [
            {
                "option": "duplex",
                "before": "long_edge",
                # Nobody turns the paper of what was not made for it.
                "allowed": ["off"],
                "instead": "off",
                "must_choose": False,
            },
            {
                "option": "tray",
                "before": "纸盒 1",
                "allowed": ["自动选择"],
                "instead": None,
                "must_choose": False,
            },
        ],
        "different": [],
        "same": ["color", "copies", "orientation", "paper"],
    }
    assert await refusal(move(house, job_id, OTHER_LASER)) == "option_missing_there"
    assert await refusal(move(house, job_id, OTHER_LASER, duplex="off")) == "option_missing_there"
    assert house.sent == 0
    job = await move(house, job_id, OTHER_LASER, duplex="off", without="tray", copies=3)
    [document] = await house.came_out()
    assert (document.port, document.copies, document.options["dmDuplex"]) == (4, 3, "1")
    assert house.queue.get(job["job_id"]).spec.requested == {
        "paper": 9,
        "duplex": "off",
        "color": "mono",
        "copies": 3,
    }
    # Once it is moved, it is not moved again, whatever is chosen.
    again = move(house, job_id, OTHER_LASER, duplex="off", without="tray")
    assert await refusal(again) == "job_not_movable"
    assert len(house.printed) == 1


async def test_what_the_other_printer_does_by_itself_is_told(
    house: House, hass_ws_client: WebSocketGenerator
) -> None:
    job_id = await held(house)
    client = await hass_ws_client(house.hass)
    assert await plan(house, client, job_id, INKJET) == {
        "open": [],
        "different": [{"option": "color", "before": "mono", "after": "color"}],
        "same": ["copies", "duplex", "orientation", "paper"],
    }
    assert await plan(house, client, job_id, OTHER_LASER) == {
        "open": [],
        "different": [],
        "same": ["color", "copies", "duplex", "orientation", "paper"],
    }


async def test_what_nobody_knows_of_the_other_printer_is_told_and_may_be_chosen(
    house: House, hass_ws_client: WebSocketGenerator
) -> None:
    """Both sides, to a printer whose driver does not say whether it has two: it went there without a word."""
    job_id = await held(house, duplex="long_edge")
    client = await hass_ws_client(house.hass)
    silent = {"option": "duplex", "before": "long_edge", "unknown": True, "must_choose": False}
    found = (await plan(house, client, job_id, LABELS))["open"]
    assert found[0]["option"] == "paper"
    assert found[1:] == [{**silent, "allowed": ["off", "short_edge"], "instead": None}]
    # Unknown is not forbidden: nothing chosen means as before.
    await move(house, job_id, LABELS, paper="100 x 150 mm")
    [document] = await house.came_out()
    assert (document.port, document.options["dmDuplex"]) == (2, "2")
    # As a default of the first printer's box, nobody asks the other one for it.
    key = key_of(house.entry, LASER)
    house.set_options({CONF_PRINTER_OPTIONS: {key: {"duplex": "long_edge"}}})
    job_id = await held(house)
    told = await plan(house, client, job_id, LABELS)
    assert {"option": "duplex", "before": "long_edge", "after": None} in told["different"]
    await move(house, job_id, LABELS, paper="100 x 150 mm", duplex="off")
    document = (await house.came_out(2))[-1]
    assert document.options["dmDuplex"] == "1"


async def test_a_card_is_told_the_same_of_a_job_that_is_printed_again_elsewhere(
    house: House, hass_ws_client: WebSocketGenerator
) -> None:
    house.cloud.plan(house.box.printer(1), Outcome(code=502, msg="x"))
    job = await house.print_one(file=house.menu, duplex="long_edge")
    assert job["state"] == "failed"
    client = await hass_ws_client(house.hass)
    found = (await plan(house, client, str(job["job_id"]), LABELS))["open"]
    assert [one["option"] for one in found] == ["paper", "duplex"]
    [one] = (await plan(house, client, str(job["job_id"]), OTHER_LASER))["open"]
    assert (one["option"], one["instead"]) == ("duplex", "off")


async def test_paper_of_another_size_is_chosen_by_somebody(
    house: House, hass_ws_client: WebSocketGenerator
) -> None:
    job_id = await held(house)
    client = await hass_ws_client(house.hass)
    [one] = (await plan(house, client, job_id, LABELS))["open"]
    assert (one["option"], one["before"], one["must_choose"]) == ("paper", "A4", True)
    assert one["allowed"] == ["60 x 40 mm", "100 x 100 mm", "100 x 150 mm"]
    await move(house, job_id, LABELS, paper="100 x 150 mm")
    [document] = await house.came_out()
    assert (document.port, document.options["dmPaperSize"]) == (2, "302")


async def test_a_move_that_nothing_mends_is_refused_when_it_is_planned(
    house: House, hass_ws_client: WebSocketGenerator
) -> None:
    job_id = await held(house)
    client = await hass_ws_client(house.hass)
    for job, to, key in (
        (job_id, LASER, "move_to_itself"),
        ("01JD8T5W3ZQ9K4N7V2X6B1C0MF", INKJET, "job_not_found"),
    ):
        asked = {"device_id": house.device(), "job_id": job, "to_device_id": house.device(to)}
        await client.send_json_auto_id({"type": "lianke/jobs/plan_move", **asked})
        answer = await client.receive_json()
        assert answer["error"]["translation_key"] == key


async def test_the_other_box_goes_between_question_and_answer(
    clock: Clock, house: House, hass_ws_client: WebSocketGenerator
) -> None:
    """The job stays, and comes out where it was, once."""
    other = make_entry(house.simulator, twin_of(house.simulator), title="Other box")
    assert await set_up(house.hass, other)
    printer = next(iter(data_of(other).coordinator.data.printers.values()))
    device = async_printer_device(house.hass, other, printer.key)
    assert device is not None
    clock.tick(1)
    job_id = await held(house, duplex="long_edge")
    client = await hass_ws_client(house.hass)
    asked = {"device_id": house.device(), "job_id": job_id, "to_device_id": device.id}
    await client.send_json_auto_id({"type": "lianke/jobs/plan_move", **asked})
    assert (await client.receive_json())["success"]
    assert await house.hass.config_entries.async_unload(other.entry_id)
    answer = house.ask("move_job", job_id=job_id, to_device_id=device.id, without=["duplex"])
    assert await refusal(answer) == "service_config_entry_not_loaded"
    assert house.queue.get(job_id).state is JobState.HELD
    show_state(house.box.printer(1), "idle")
    clock.tick(1)
    await look(house.entry)
    await elapse(house.hass, clock, 70, 5)
    [document] = await house.came_out()
    assert (document.port, document.options["dmDuplex"]) == (1, "2")


async def test_what_was_approved_is_approved_anew_once_it_is_changed(house: House) -> None:
    """Fifty copies were not what somebody agreed to; a job as it is, or as an approver changes it, goes on."""
    auth = house.hass.auth
    boss = await auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])
    anna = await auth.async_create_user("Anna", group_ids=[GROUP_ID_USER])
    house.set_options({"approval_users": [anna.id]})
    by = {user.name: Context(user_id=user.id) for user in (boss, anna)}
    show_state(house.box.printer(1), "outOfPaper")
    await look(house.entry)

    async def approved(**data: Any) -> str:
        asked = {"device_id": house.device(), "file": house.menu, **data}
        [job] = (await house.ask("print", by["Anna"], **asked))["jobs"]
        await house.ask("continue_job", by["Boss"], job_id=job["job_id"])
        return str(job["job_id"])

    job_id = await approved()
    job = await move(house, job_id, OTHER_LASER, by["Anna"], copies=9)
    assert (job["state"], job["hold_reason"], job["copies"]) == ("held", "approval", 9)
    assert house.sent == 0
    await house.ask("cancel_job", job_id=job["job_id"])
    await move(house, await approved(), OTHER_LASER, by["Anna"])
    await house.came_out(1)
    await move(house, await approved(duplex="long_edge"), OTHER_LASER, by["Boss"], duplex="off")
    await house.came_out(2)


async def test_a_code_is_asked_for_wherever_a_job_is_moved(house: House) -> None:
    job_id = await held(house, duplex="long_edge", release_code="4711")
    job = await move(house, job_id, OTHER_LASER, duplex="off")
    assert (job["hold_reason"], job["needs_code"]) == ("release", True)
    await house.ask("continue_job", job_id=job["job_id"], code="4711")
    [document] = await house.came_out()
    assert (document.port, document.options["dmDuplex"]) == (4, "1")


@pytest.mark.parametrize(
    ("language", "says"),
    [
        (
            "en",
            (
                "HP LaserJet 1020 cannot do Long edge (long_edge) for Two-sided (duplex), so “菜单.pdf” does not go "
                "there. Give it another Two-sided (duplex), or leave it to HP LaserJet 1020: `without: [duplex]`. "
                "Allowed: off"
            ),
        ),
        (
            "zh-Hans",
            (
                "HP LaserJet 1020 不支持双面打印（duplex）“长边翻转（long_edge）”，因此“菜单.pdf”没有发到那里。"
                "请另选双面打印（duplex），或交给 HP LaserJet 1020 决定：`without: [duplex]`。可选：关（off）"
            ),
        ),
    ],
)
async def test_what_is_refused_is_said_in_the_words_of_the_house(
    house: House, language: str, says: str
) -> None:
    """W4: the Chinese sentence listed `off, manual_long_edge`, and neither card nor action had other words."""
    await house.hass.config.async_update(language=language)
    await async_load_integrations(house.hass, {"lianke"})
    job_id = await held(house, duplex="long_edge")
    with pytest.raises(ServiceValidationError) as refused:
        await move(house, job_id, OTHER_LASER)
    assert str(refused.value) == says
    # The card says it in the words of its user.
    placeholders = refused.value.translation_placeholders
    assert placeholders is not None
    assert placeholders["allowed_key"] == "off"
    assert (placeholders["value_key"], placeholders["option_key"]) == ("long_edge", "duplex")


# What a printer surely does not take


async def refused_plan(
    house: House, client: MockHAClientWebSocket, job_id: str, to: str
) -> str | None:
    asked = {"device_id": house.device(), "job_id": job_id, "to_device_id": house.device(to)}
    await client.send_json_auto_id({"type": "lianke/jobs/plan_move", **asked})
    answer = await client.receive_json()
    return None if answer["success"] else str(answer["error"]["translation_key"])


async def test_a_printer_that_takes_nothing_is_told_in_the_plan(
    house: House, hass_ws_client: WebSocketGenerator
) -> None:
    """And the job is as it was all the time."""
    job_id = await held(house)
    client = await hass_ws_client(house.hass)
    before = house.queue.get(job_id)
    assert await refused_plan(house, client, job_id, AWAITING) == "driver_awaiting"
    assert await refusal(move(house, job_id, AWAITING)) == "driver_awaiting"
    registry = dr.async_get(house.hass)
    by_user = dr.DeviceEntryDisabler.USER
    registry.async_update_device(house.device(OTHER_LASER), disabled_by=by_user)
    assert await refusal(move(house, job_id, OTHER_LASER)) == "printer_disabled"
    # Jobs are replaced, never changed.
    assert house.queue.get(job_id) is before
    await move(house, job_id, INKJET)
    assert house.queue.get(job_id) is not before
    await house.came_out()


async def test_commands_for_one_kind_of_printer_are_not_sent_to_another(
    house: House, hass_ws_client: WebSocketGenerator
) -> None:
    """A laser prints those of a label printer as characters, on many sheets."""
    show_state(house.box.printer(1), "outOfPaper")
    await look(house.entry)
    job_id = str((await house.print_one(text="^XA^XZ", raw=True))["job_id"])
    client = await hass_ws_client(house.hass)
    assert await refused_plan(house, client, job_id, LABELS) == "raw_other_model"
    assert await refusal(move(house, job_id, LABELS)) == "raw_other_model"
    await house.ask("cancel_job", job_id=job_id)
    assert house.sent == 0


# Pages that were laid out


@pytest.mark.parametrize("sheet", ["id_card", "poster"])
async def test_what_was_laid_out_is_not_cut_by_smaller_paper(
    house: House, hass_ws_client: WebSocketGenerator, sheet: str
) -> None:
    """Of an ID card on A4, the gap between its two sides came out of the label printer."""
    Image.new("RGB", (600, 800), "red").save(house.media / "front.jpg")
    show_state(house.box.printer(1), "outOfPaper")
    await look(house.entry)
    path = house.path("front.jpg") if sheet == "id_card" else house.menu
    job = await house.print_one(file=path, sheet=sheet)
    job_id = str(job["job_id"])
    client = await hass_ws_client(house.hass)
    assert await refused_plan(house, client, job_id, LABELS) == "sheets_no_paper"
    small: tuple[dict[str, Any], ...] = (
        {},
        {"paper": "60 x 40 mm"},
        {"without": ["paper"]},
        {"paper": "100 x 150 mm"},
    )
    for options in small:
        key = "sheets_need_paper" if options else "paper_not_mapped"
        assert await refusal(move(house, job_id, LABELS, **options)) == key
    # Nor on smaller paper of its own, once it may be printed again.
    assert await refusal(move(house, job_id, INKJET, paper="A5")) == "sheets_need_paper"
    assert house.sent == 0
    await move(house, job_id, INKJET)
    await house.came_out()


@pytest.mark.parametrize(
    "layout",
    [{"sheet": "booklet", "booklet_side": "front"}, {"sheet": "invoices"}],
    ids=lambda layout: str(layout["sheet"]),
)
async def test_what_fits_itself_to_its_paper_goes_to_any_that_is_chosen(
    house: House, hass_ws_client: WebSocketGenerator, layout: dict[str, Any]
) -> None:
    """A sheet of A4 was refused on Letter, on which it only becomes a little smaller. True sizes still are."""
    show_state(house.box.printer(1), "outOfPaper")
    await look(house.entry)
    job = await house.print_one(file=house.menu, **layout)
    job_id = str(job["job_id"])
    client = await hass_ws_client(house.hass)
    # That printer has none of its size, and which is taken instead is nobody's to guess.
    [paper] = [
        one
        for one in (await plan(house, client, job_id, LABELS))["open"]
        if one["option"] == "paper"
    ]
    assert paper["must_choose"]
    assert "100 x 150 mm" in paper["allowed"]
    assert await refusal(move(house, job_id, LABELS)) == "paper_not_mapped"
    await move(house, job_id, INKJET, paper="Letter")
    [document] = await house.came_out()
    assert document.options["dmPaperSize"] == "1"
    assert document.options["jpScale"] == "fit"
    assert document.pages == job["pages"]


async def test_what_was_laid_out_is_not_cut_when_it_is_printed_again(house: House) -> None:
    """Nor on paper that only the first printer has as its own default."""
    Image.new("RGB", (600, 800), "red").save(house.media / "front.jpg")
    house.cloud.plan(house.box.printer(1), Outcome(code=502, msg="x"))
    job = await house.print_one(file=house.path("front.jpg"), sheet="id_card")
    assert job["state"] == "failed"
    before, labels = house.sent, {"to_device_id": house.device(LABELS)}
    for options, key in (
        (labels, "paper_not_mapped"),
        (labels | {"paper": "60 x 40 mm"}, "sheets_need_paper"),
        ({"paper": "A5"}, "sheets_need_paper"),
        ({"paper_width": 60, "paper_height": 40}, "sheets_need_paper"),
    ):
        again = house.ask("retry_job", job_id=job["job_id"], **options)
        assert await refusal(again) == key
    assert house.sent == before
    await house.ask("retry_job", job_id=job["job_id"])
    await house.came_out()


async def test_what_was_laid_out_for_a_label_goes_to_a_larger_one(
    house: House, hass_ws_client: WebSocketGenerator
) -> None:
    """Only papers that take it are offered, and one that has no word for two sides is told nothing of them."""
    Image.new("RGB", (600, 800), "red").save(house.media / "front.jpg")
    show_state(house.box.printer(1), "outOfPaper")
    await look(house.entry)
    job = await house.print_one(
        file=house.path("front.jpg"), photo_size="1_inch", paper_width=90, paper_height=90
    )
    job_id = str(job["job_id"])
    client = await hass_ws_client(house.hass)
    printer = house.box.printer(1)
    assert printer is not None
    able = await house.ask("get_capabilities", device_id=house.device(LABELS))
    assert not able.get("duplex")
    assert await refused_plan(house, client, job_id, INKJET) is None
    [one] = (await plan(house, client, job_id, INKJET))["open"]
    assert one["option"] == "paper"
    assert one["must_choose"]
    assert "A4" in one["allowed"]
    large = await house.print_one(
        file=house.path("front.jpg"), photo_size="1_inch", paper_width=120, paper_height=170
    )
    [two] = (await plan(house, client, str(large["job_id"]), INKJET))["open"]
    assert "A4" in two["allowed"]
    assert len(two["allowed"]) < len(one["allowed"])
    await house.ask("cancel_job", job_id=large["job_id"])
    await move(house, job_id, LABELS, paper="100 x 150 mm")
    [document] = await house.came_out()
    assert document.options["dmPaperSize"] == "302"
    assert "dmDuplex" not in document.options
