"""The action that prints a kept document again, with other options than before."""

from dataclasses import replace
from typing import Any

from homeassistant.exceptions import ServiceValidationError
import pytest

from custom_components.lianke.const import CONF_DEFAULT_OPTIONS
from tests.clock import until
from tests.household import INKJET, LABELS, LASER, OTHER_LASER, House, as_read, key_of, refusal
from tests.simulator import Outcome

# Callbacks arrive, so that waiting is short.
pytestmark = pytest.mark.usefixtures("reachable")


# How the small laser calls its own choice of a tray.
OWN_TRAY = "7"


async def failed(house: House, **data: Any) -> str:
    house.cloud.plan(house.box.printer(1), Outcome(code=502, msg="x"))
    job = await house.print_one(file=house.menu, **data)
    assert job["state"] == "failed"
    return str(job["job_id"])


async def retry(house: House, job_id: str, **data: Any) -> dict[str, Any]:
    job: dict[str, Any] = (await house.ask("retry_job", job_id=job_id, **data))["job"]
    return job


async def test_options_are_changed_before_a_failed_job_is_printed_again(house: House) -> None:
    job_id = await failed(house, paper="A5", copies=3, duplex="long_edge")
    await retry(house, job_id, copies=1, pages="2-3")
    [document] = await house.came_out()
    assert document.copies == 1
    assert document.options["jpPageRange"] == "2-3"
    # What the call does not name stays as it was.
    assert (document.options["dmPaperSize"], document.options["dmDuplex"]) == ("11", "2")


async def test_another_paper_takes_the_place_of_a_size(house: House) -> None:
    job_id = await failed(house, paper_width=60, paper_height=40)
    await retry(house, job_id, paper="A5")
    [document] = await house.came_out()
    assert document.options["dmPaperSize"] == "11"
    assert "dmPaperWidth" not in document.options


async def test_options_that_the_printer_does_not_have_print_nothing(house: House) -> None:
    job_id = await failed(house)
    before = house.sent
    for wrong in ({"tray": "no such tray"}, {"pages": "7-9"}, {"copies": 99}):
        with pytest.raises(ServiceValidationError):
            await retry(house, job_id, **wrong)
    assert house.sent == before
    # None of that was the one retry that a job has.
    await retry(house, job_id)
    await house.came_out()


async def test_options_are_changed_for_another_printer(house: House) -> None:
    job_id = await failed(house, paper="A5", tray="纸盒 1")
    before, other = house.sent, house.device(INKJET)
    assert await refusal(retry(house, job_id, to_device_id=other)) == "option_missing_there"
    assert house.sent == before
    job = await retry(house, job_id, to_device_id=other, tray="后进纸器", copies=2)
    assert (job["printer"], job["device_id"]) == (INKJET, other)
    [document] = await house.came_out()
    assert document.options["targetIp"] == house.box.network_printer().ip
    assert (document.copies, document.options["dmPaperSize"]) == (2, "11")
    # Numbers of one driver's own are other things for another one.
    house.cloud.plan(house.box.network_printer(), Outcome(code=502, msg="x"))
    job = await house.print_one(file=house.menu, device_id=other, paper=257, media_type=260)
    small = {"job_id": job["job_id"], "to_device_id": house.device(OTHER_LASER)}
    assert await refusal(retry(house, **small)) == "paper_not_mapped"
    assert await refusal(retry(house, **small, paper="A5")) == "option_not_checkable"


async def test_sheets_keep_their_layout(house: House) -> None:
    job_id = await failed(house, sheet="2_up")
    before = house.sent
    for wrong in ({"scale": "fill"}, {"orientation": "portrait"}, {"auto_rotate": True}):
        assert await refusal(retry(house, job_id, **wrong)) == "sheets_are_laid_out"
    assert house.sent == before
    await retry(house, job_id, copies=2, pages="2")
    [document] = await house.came_out()
    assert (document.copies, document.options["jpPageRange"]) == (2, "2")
    assert document.options["jpScale"] == "fit"


async def test_sheets_to_be_cut_stay_on_one_side(house: House) -> None:
    """Both sides are the default; to a driver that has no word for one side it is left, and nothing is refused."""
    house.set_options({CONF_DEFAULT_OPTIONS: {"duplex": "long_edge"}})
    await house.ask("get_capabilities", device_id=house.device())
    key, storage = key_of(house.entry, LASER), house.data.storage
    able = storage.printers[key].capabilities
    assert able is not None
    for number, (modes, printed) in enumerate([({1, 2}, "1"), ({2, 3}, None), (set(), None)], 1):
        storage.update(key, capabilities=replace(able, duplex=frozenset[int](modes)))
        await retry(house, await failed(house, sheet="invoices"))
        document = (await house.came_out(number))[-1]
        assert document.options.get("dmDuplex") == printed


@pytest.mark.usefixtures("hurried")
async def test_a_printed_job_is_printed_again_otherwise(house: House) -> None:
    house.set_options({"keep_printed_hours": 1})
    job = await house.print_one(file=house.menu, copies=2)
    assert job["state"] == "completed"
    # The clean-up after a job's end keeps the document.
    await until(lambda: house.queue.get(job["job_id"]).can_print_again)
    [listed] = (await house.ask("list_jobs", device_id=house.device()))["jobs"]
    assert (listed["can_retry"], listed["can_print_again"]) == (False, True)
    again = await retry(house, job["job_id"], copies=1)
    assert again["copies"] == 1
    assert [one.copies for one in await house.came_out(2)] == [2, 1]


async def test_raw_data_has_no_options_to_change(house: House) -> None:
    house.cloud.plan(house.box.printer(1), Outcome(code=502, msg="x"))
    job = await house.print_one(text="x", raw=True)
    assert await refusal(retry(house, job["job_id"], copies=2)) == "raw_refuses_options"


async def test_paper_that_nobody_asked_for_is_the_originals_wherever_it_is_printed(
    house: House,
) -> None:
    """A page of A4, printed so by default, came out on labels of 60 x 40 mm."""
    job_id = await failed(house)
    before, labels = house.sent, house.device(LABELS)
    for chosen in ({}, {"copies": 2}, {"duplex": "off"}):
        again = retry(house, job_id, to_device_id=labels, **chosen)
        assert await refusal(again) == "paper_not_mapped"
    assert house.sent == before
    # Nobody guesses, but whoever sees what there is may choose.
    await retry(house, job_id, to_device_id=labels, paper="100 x 150 mm")
    [document] = await house.came_out()
    assert (document.port, document.options["dmPaperSize"]) == (2, "302")


async def test_what_another_printer_cannot_do_is_left_to_it_on_request(house: House) -> None:
    job_id = await failed(house, duplex="long_edge", tray="纸盒 1")
    before, small = house.sent, house.device(OTHER_LASER)
    for without in ([], ["duplex"], ["tray"]):
        again = retry(house, job_id, to_device_id=small, without=without)
        assert await refusal(again) == "option_missing_there"
    twice = retry(house, job_id, to_device_id=small, without=["tray", "duplex"], duplex="off")
    assert await refusal(twice) == "option_twice"
    assert house.sent == before
    await retry(house, job_id, to_device_id=small, without=["tray", "duplex"])
    [document] = await house.came_out()
    assert (document.port, document.options["dmDuplex"]) == (4, "1")
    assert document.options["dmDefaultSource"] == OWN_TRAY


async def test_a_job_refused_elsewhere_is_not_said_to_have_been_moved(house: House) -> None:
    job_id = await failed(house, duplex="long_edge", paper="A4")
    for name in (LABELS, OTHER_LASER):
        with pytest.raises(ServiceValidationError) as refused:
            await retry(house, job_id, to_device_id=house.device(name))
        for language, moved in (("en", "moved"), ("zh-Hans", "移动")):
            said = as_read(refused.value, language)
            assert name in said
            assert moved not in said


async def test_what_is_not_changed_stays_as_it_was_though_the_defaults_are_others_now(
    house: House,
) -> None:
    """As before was what the box's options said when somebody pressed, not what had been printed."""
    job_id = await failed(house)
    house.set_options({CONF_DEFAULT_OPTIONS: {"paper": "A5", "duplex": "long_edge", "copies": 5}})
    await retry(house, job_id, pages="2")
    [document] = await house.came_out()
    assert document.options["jpPageRange"] == "2"
    assert (document.options["dmPaperSize"], document.options["dmDuplex"]) == ("9", "1")
    assert document.copies == 1
    # What is left to the printer is what it does by now.
    other = await failed(house, paper="A4", duplex="off")
    await retry(house, other, without=["paper", "duplex"])
    document = (await house.came_out(2))[-1]
    assert (document.options["dmPaperSize"], document.options["dmDuplex"]) == ("11", "2")
