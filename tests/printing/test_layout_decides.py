"""What a layout decides, a layout decides: no default of box, printer or driver comes out of the printer instead."""

from dataclasses import replace
from typing import Any, Final

from homeassistant.core import HomeAssistant
from PIL import Image
import pytest

from custom_components.lianke.api.capabilities import DriverDefaults
from custom_components.lianke.api.options import OPTION_NAMES
from custom_components.lianke.const import CONF_DEFAULT_OPTIONS, CONF_PRINTER_OPTIONS
from custom_components.lianke.documents.sheets import LAYOUT_OPTIONS
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.printing.builder import APPLIED_IN_SHEETS
from tests.clock import until
from tests.household import LASER, OTHER_LASER, House, key_of
from tests.simulator import Outcome, PrintedJob, make_pdf

pytestmark = pytest.mark.usefixtures("reachable")

LAYOUTS: Final[dict[str, dict[str, Any]]] = {
    "plain": {},
    "2_up": {"sheet": "2_up"},
    "4_up": {"sheet": "4_up"},
    "6_up": {"sheet": "6_up"},
    "9_up": {"sheet": "9_up"},
    "booklet": {"sheet": "booklet"},
    "invoices": {"sheet": "invoices"},
    "id_card": {"sheet": "id_card"},
    "poster": {"sheet": "poster"},
    "4r": {"photo_size": "4r"},
    "1_inch": {"photo_size": "1_inch", "photo_count": 0},
    "paper": {"photo_size": "paper"},
    "clean": {"clean": True},
    "merge": {"merge": True},
}
PICTURES: Final = ("id_card", "4r", "1_inch", "paper", "clean")
ON_SHEETS: Final = [name for name in LAYOUTS if name not in ("plain", "clean", "merge")]
# One of each kind: the other layouts lie, stand and are cut as one of these.
KINDS: Final = ("2_up", "4_up", "booklet", "invoices", "id_card", "poster", "1_inch")
# Options that the printer or the service applies to sheets as to any other document.
APPLIED_TO_SHEETS: Final = {
    *("paper", "paper_width", "paper_height", "copies", "color", "duplex"),
    *("tray", "media_type", "quality", "reverse_order"),
}
# What comes out of a printer that nobody has set anything for: side, way, scale and place.
DECIDED: Final[dict[str, dict[str, str | None]]] = {
    "2_up": {"dmOrientation": "2", "jpScale": "fit", "jpAutoAlign": "z5"},
    "4_up": {"dmOrientation": "1", "jpScale": "fit", "jpAutoAlign": "z5"},
    "6_up": {"dmOrientation": "2", "jpScale": "fit", "jpAutoAlign": "z5"},
    "9_up": {"dmOrientation": "1", "jpScale": "fit", "jpAutoAlign": "z5"},
    "booklet": {"dmDuplex": "3", "dmOrientation": "2", "jpScale": "fit", "jpAutoAlign": "z5"},
    "invoices": {"dmDuplex": "1", "dmOrientation": "1", "jpScale": "fit", "jpAutoAlign": "z5"},
    "id_card": {"dmDuplex": "1", "dmOrientation": "1", "jpScale": "none", "jpAutoAlign": "z5"},
    "poster": {"dmDuplex": "1", "dmOrientation": "1", "jpScale": "none", "jpAutoAlign": "z5"},
    "4r": {"dmDuplex": "1", "dmOrientation": "1", "jpScale": "none", "jpAutoAlign": "z5"},
    "1_inch": {"dmDuplex": "1", "dmOrientation": "2", "jpScale": "none", "jpAutoAlign": "z5"},
    "paper": {"dmDuplex": "1", "dmOrientation": "1", "jpScale": "none", "jpAutoAlign": "z5"},
}
# Defaults that somebody may have for documents.
DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "standing": {"duplex": "off", "orientation": "portrait"},
    "half": {"duplex": "short_edge", "scale": "50%", "align": "top_left", "auto_rotate": True},
    "all": {
        "duplex": "long_edge",
        "orientation": "landscape",
        "scale": "fill",
        "align": "bottom_right",
        "auto_rotate": False,
    },
}


# Defaults that somebody has set since, and that any printer can do.
SINCE: Final = DEFAULTS["half"] | {"duplex": "off", "orientation": "landscape"}


@pytest.fixture(autouse=True)
def documents(house: House) -> None:
    (house.media / "five.pdf").write_bytes(make_pdf(5))
    Image.new("RGB", (600, 800), "red").save(house.media / "front.jpg")


def call_of(house: House, layout: str) -> dict[str, Any]:
    name = "front.jpg" if layout in PICTURES else "five.pdf"
    return {"file": house.path(name), **LAYOUTS[layout]}


def decided(printed: PrintedJob, layout: str) -> dict[str, str | None]:
    """Return what came out, as far as the layout decides it; a service must not turn it once more."""
    assert "jpAutoRotate" not in printed.options
    assert "officeExcelFitToPages" not in printed.options
    return {name: printed.options.get(name) for name in DECIDED[layout]}


async def set_driver(house: House, **defaults: int) -> None:
    await house.ask("get_capabilities", device_id=house.device())
    key, storage = key_of(house.entry, LASER), house.data.storage
    able = storage.printers[key].capabilities
    assert able is not None
    changed = replace(able.defaults, **defaults)
    assert isinstance(changed, DriverDefaults)
    storage.update(key, capabilities=replace(able, defaults=changed))


@pytest.mark.parametrize("layout", KINDS)
async def test_no_default_changes_a_layout(layout: str, house: House) -> None:
    """None of box, printer or driver; what a call says of the sides is done, and a preview counts what comes out."""
    key, call = key_of(house.entry, LASER), call_of(house, layout)
    of_box = [{CONF_DEFAULT_OPTIONS: options} for options in DEFAULTS.values()]
    for stored in (*of_box, {CONF_PRINTER_OPTIONS: {key: DEFAULTS["all"]}}):
        house.set_options(stored)
        await house.print_one(**call)
        assert decided(house.printed[-1], layout) == DECIDED[layout], stored
    preview = await house.ask("preview", device_id=house.device(), **call)
    job = await house.print_one(**call, duplex="long_edge")
    assert preview["pages"] == job["pages"]
    both = {"dmDuplex": "2"} if "dmDuplex" in DECIDED[layout] else {}
    assert decided(house.printed[-1], layout) == DECIDED[layout] | both
    assert house.printed[-1].options["dmDuplex"] == "2"
    house.set_options({})
    for duplex, orientation in ((2, 2), (3, 1)):
        await set_driver(house, duplex=duplex, orientation=orientation)
        await house.print_one(**call)
        assert decided(house.printed[-1], layout) == DECIDED[layout], (duplex, orientation)


@pytest.mark.parametrize("layout", ["plain", "clean", "merge"])
async def test_pages_that_are_not_laid_out_follow_the_defaults(layout: str, house: House) -> None:
    """They are documents like any other."""
    house.set_options({CONF_DEFAULT_OPTIONS: DEFAULTS["all"]})
    await house.print_one(**call_of(house, layout))
    [printed] = house.printed
    wanted = {"dmDuplex": "2", "dmOrientation": "2", "jpScale": "fill", "jpAutoAlign": "z9"}
    assert {name: printed.options.get(name) for name in wanted} == wanted
    assert printed.options["jpAutoRotate"] == "0"


@pytest.mark.parametrize("layout", ["2_up", "poster"])
async def test_a_call_says_how_sheets_lie(layout: str, house: House) -> None:
    for wanted, sent in (("landscape", "2"), ("portrait", "1")):
        await house.print_one(**call_of(house, layout), orientation=wanted)
        assert house.printed[-1].options["dmOrientation"] == sent


@pytest.mark.long
async def test_nothing_is_left_of_the_print_before(house: House) -> None:
    """Each layout is printed once with options of its own, and then one without."""
    every = DEFAULTS["all"] | {"auto_rotate": True}
    for number, before in enumerate(LAYOUTS):
        layout = ON_SHEETS[number % len(ON_SHEETS)]
        await house.print_one(**call_of(house, before), **every)
        await house.print_one(**call_of(house, layout))
        assert decided(house.printed[-1], layout) == DECIDED[layout], layout


@pytest.mark.parametrize("layout", ["2_up", "booklet", "id_card"])
async def test_a_failed_layout_is_printed_again_as_it_was(layout: str, house: House) -> None:
    """With defaults that were set since, and at a printer whose driver has others."""
    for number, other in enumerate((None, OTHER_LASER)):
        house.set_options({})
        house.cloud.plan(house.box.printer(1), Outcome(code=502, msg="x"))
        duplex = "off" if other and layout == "booklet" else None
        side: dict[str, Any] = {"booklet_side": "front"} if duplex else {}
        job = await house.print_one(**call_of(house, layout), **side)
        assert job["state"] == "failed"
        house.set_options({CONF_DEFAULT_OPTIONS: SINCE})
        to: dict[str, Any] = {} if other is None else {"to_device_id": house.device(other)}
        await house.ask("retry_job", job_id=job["job_id"], **to)
        await house.came_out(number + 1)
        wanted = DECIDED[layout] | ({"dmDuplex": "1"} if duplex else {})
        assert decided(house.printed[-1], layout) == wanted


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("layout", ["booklet", "poster"])
async def test_a_waiting_layout_is_moved_as_it_is(
    hass: HomeAssistant, layout: str, house: House
) -> None:
    side: dict[str, Any] = {"booklet_side": "front"} if layout == "booklet" else {}
    await house.switch_off()
    answer = await house.ask("print", device_id=house.device(), **call_of(house, layout), **side)
    [job] = answer["jobs"]
    assert job["state"] == "held"
    house.set_options({CONF_DEFAULT_OPTIONS: SINCE})
    other = house.device(OTHER_LASER)
    await house.ask("move_job", job_id=job["job_id"], to_device_id=other)
    house.box.online = True
    await house.poll()
    await until(lambda: any(one.state is JobState.COMPLETED for one in house.queue.jobs()))
    wanted = DECIDED[layout] | ({"dmDuplex": "1"} if side else {})
    assert decided(house.printed[-1], layout) == wanted


@pytest.mark.parametrize("layout", ["booklet", "1_inch"])
async def test_both_sides_by_hand_as_a_default(layout: str, house: House) -> None:
    """A booklet is turned at its short edge; what is cut is printed on one side, and nobody waits for anything."""
    house.set_options({CONF_DEFAULT_OPTIONS: {"duplex": "manual_long_edge"}})
    answer = await house.ask("print", device_id=house.device(OTHER_LASER), **call_of(house, layout))
    [job] = answer["jobs"]
    delivered = house.queue.get(job["job_id"]).deliveries
    assert len(delivered) == (2 if layout == "booklet" else 1)


def test_every_option_is_applied_once() -> None:
    """Either to the pages, while they are laid out, or to the sheets.

    What is applied to the pages, a side printed by hand must not have again (`_printed` in manual_duplex).
    """
    to_pages = LAYOUT_OPTIONS | {*APPLIED_IN_SHEETS}
    assert not to_pages & APPLIED_TO_SHEETS
    assert to_pages | APPLIED_TO_SHEETS == {*OPTION_NAMES}
