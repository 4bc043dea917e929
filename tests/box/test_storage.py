"""What is remembered, and when it is written down."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.lianke.api.models import (
    Box,
    Capabilities,
    DriverDefaults,
    DriverState,
    Marker,
    Paper,
    Printer,
)
from custom_components.lianke.box.storage import (
    BUSY_TIME,
    MAX_COUNTED_JOBS,
    MAX_PRINTERS,
    BoxMemory,
)

KEY = "lianke.entry"
BOX = Box(
    online=True,
    device_type="box",
    hardware="LK300EW_D2",
    software="2.1.113",
    expires=date(2031, 8, 25),
    lan_address="192.168.1.30",
)
LASER = Printer(
    row_id=1,
    hash_id="h1",
    name="Laser",
    model="MA2000w",
    driver=DriverState.SUPPORTED,
    is_printer=True,
    port=1,
    raw_state="idle",
    markers=(Marker(name="black", level=70),),
)
# As a printer's row looks while it prints.
BUSY = replace(LASER, is_printer=False, raw_state="printing")
ABLE = Capabilities(
    papers={"A4": 9}, colors=frozenset({1}), defaults=DriverDefaults(paper_id=9, copies=1)
)
PAPERS = (
    Paper(
        paper_id=9, name="A4", width=2100, height=2970, printable_width=2016, printable_height=2886
    ),
)


@pytest.fixture
def memory(hass: HomeAssistant) -> BoxMemory:
    """Return an empty memory."""
    return BoxMemory(hass, "entry")


async def reread(hass: HomeAssistant, memory: BoxMemory) -> BoxMemory:
    """Write the memory down and return what a new start reads."""
    await memory.async_flush()
    again = BoxMemory(hass, "entry")
    await again.async_load()
    return again


def the_key(memory: BoxMemory) -> str:
    """Return the key of the only printer."""
    (key,) = memory.printers
    return key


async def test_everything_survives_a_restart(
    hass: HomeAssistant, memory: BoxMemory, hass_storage: dict[str, Any]
) -> None:
    memory.note_box(BOX)
    (key,) = memory.match([LASER])
    memory.keep_capabilities(key, ABLE)
    memory.keep_papers(key, PAPERS)
    memory.count_pages(key, "job", 3)
    memory.note_foreign()
    memory.note_push()
    memory.note_callback("there")
    memory.note_push_proof("here")
    again = await reread(hass, memory)

    # Whether box and printer are there is not remembered, and neither is what the printer does.
    assert again.box == replace(BOX, online=None)
    known = again.printers[key]
    expected = replace(memory.printers[key], present=False)
    assert known == replace(expected, printer=replace(LASER, raw_state=None))
    assert known.pages_printed == 3
    assert known.printer.markers[0].level == 70
    assert again.foreign_seen_at == memory.foreign_seen_at
    assert again.last_push_at == memory.last_push_at
    assert again.callbacks_proven_for("there")
    assert not again.callbacks_proven_for("here")
    assert again.pushes_proven_for("here")
    again.count_pages(key, "job", 3)
    assert again.printers[key].pages_printed == 3
    assert "idle" not in str(hass_storage[KEY])


async def test_no_address_is_never_proven(memory: BoxMemory) -> None:
    assert not memory.callbacks_proven_for(None)
    assert not memory.pushes_proven_for(None)


async def test_a_poll_without_news_writes_nothing(
    hass: HomeAssistant,
    memory: BoxMemory,
    hass_storage: dict[str, Any],
    freezer: FrozenDateTimeFactory,
) -> None:
    memory.note_box(BOX)
    memory.match([LASER])
    freezer.tick(61)
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert KEY in hass_storage
    hass_storage.clear()

    for raw_state in ("idle", "printing", None, "idle"):
        memory.note_box(replace(BOX, online=raw_state != "printing"))
        memory.match([replace(LASER, raw_state=raw_state)])
        memory.match([replace(LASER, is_printer=False)])
        freezer.tick(600)
        async_fire_time_changed(hass)
        await hass.async_block_till_done()
    await memory.async_flush()
    assert KEY not in hass_storage

    memory.match([replace(LASER, markers=(Marker(name="black", level=69),))])
    freezer.tick(61)
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert KEY in hass_storage


async def test_a_printer_that_is_off_stays_with_its_ink(memory: BoxMemory) -> None:
    (key,) = memory.match([LASER])
    assert memory.match([]) == {}
    assert not memory.printers[key].present
    assert memory.printers[key].printer.markers[0].level == 70
    assert memory.match([replace(LASER, markers=())]) == {key: LASER}
    assert memory.printers[key].present


async def test_a_printer_that_is_busy_when_its_box_is_bound_is_there_at_once(
    memory: BoxMemory,
) -> None:
    """It once had no device until it rested, since its row says that it is no printer."""
    (key,) = memory.match([BUSY])
    assert memory.printers[key].present
    assert list(memory.match([LASER])) == [key]
    # What the user removed is not brought back by a row that may mean that it is off.
    memory.forget(key)
    assert memory.match([BUSY]) == {}
    assert len(memory.match([LASER])) == 1


async def test_a_box_cannot_fill_the_memory_with_printers(
    memory: BoxMemory, caplog: pytest.LogCaptureFixture
) -> None:
    """200 new printers an answer once became 200 devices each time, for ever."""
    for answer in range(3):
        memory.match(
            [
                replace(LASER, row_id=number, hash_id=f"{number}", model=f"M{number}", port=number)
                for number in range(200 * answer, 200 * answer + 200)
            ]
        )
    assert len(memory.printers) == MAX_PRINTERS
    assert len([record for record in caplog.records if "ignored" in record.getMessage()]) == 1


async def test_only_what_said_that_it_is_a_printer_gets_a_key(memory: BoxMemory) -> None:
    for nothing in ({"raw_state": None}, {"hash_id": None}, {"driver": DriverState.AWAITING}):
        assert memory.match([replace(BUSY, **nothing)]) == {}
    assert not memory.printers
    assert len(memory.match([LASER])) == 1


async def test_a_busy_printer_is_there_and_an_unclear_one_at_last_not(
    memory: BoxMemory, freezer: FrozenDateTimeFactory
) -> None:
    (key,) = memory.match([LASER])
    busy = replace(LASER, is_printer=False, model="", markers=(), raw_state=None)
    row = memory.match([busy])[key]
    assert row == replace(LASER, is_printer=False, raw_state=None)
    assert memory.printers[key].present

    freezer.tick(BUSY_TIME - timedelta(seconds=1))
    memory.match([busy])
    assert memory.printers[key].present
    freezer.tick(1)
    memory.match([busy])
    assert not memory.printers[key].present

    memory.match([LASER])
    assert memory.printers[key].present
    memory.match([busy])
    assert memory.printers[key].present


async def test_a_new_driver_can_do_other_things(memory: BoxMemory) -> None:
    waiting = replace(LASER, model="Unknown", driver=DriverState.AWAITING)
    (key,) = memory.match([waiting])
    memory.keep_capabilities(key, ABLE)
    memory.keep_papers(key, PAPERS)
    memory.match([replace(LASER, model="")])
    assert memory.printers[key].printer.model == "Unknown"
    assert memory.printers[key].capabilities == ABLE
    memory.match([LASER])
    assert memory.printers[key].printer.model == "MA2000w"
    assert memory.printers[key].capabilities is None
    assert memory.printers[key].papers == ()


async def test_namesakes_are_told_apart(memory: BoxMemory) -> None:
    rows = [replace(LASER, row_id=n, hash_id=None, port=n) for n in (1, 2)]
    twins = memory.match(rows)
    assert [memory.printers[key].name for key in twins] == ["Laser", "Laser (USB 2)"]
    memory.match(rows[::-1])
    assert [memory.printers[key].name for key in twins] == ["Laser", "Laser (USB 2)"]
    memory.match([replace(rows[0], name="Renamed"), rows[1]])
    assert [memory.printers[key].name for key in twins] == ["Renamed", "Laser (USB 2)"]


async def test_pages_count_once_a_job(hass: HomeAssistant, memory: BoxMemory) -> None:
    (key,) = memory.match([LASER])
    for job_id in ("one", "two", "one"):
        memory.count_pages(key, job_id, 2)
    memory.count_pages("unknown", "three", 2)
    memory.count_pages(key, "negative", -5)
    assert memory.printers[key].pages_printed == 4
    for number in range(MAX_COUNTED_JOBS):
        memory.count_pages(key, f"job {number}", 1)
    stored = (await reread(hass, memory))._as_stored()
    assert len(stored["counted_jobs"]) == MAX_COUNTED_JOBS
    assert "one" not in stored["counted_jobs"]


async def test_forgotten_and_back_is_another(memory: BoxMemory) -> None:
    (key,) = memory.match([LASER])
    memory.forget(key)
    memory.forget(key)
    assert not memory.printers
    (new,) = memory.match([LASER])
    assert new != key


async def test_remove_deletes_the_file(
    hass: HomeAssistant,
    memory: BoxMemory,
    hass_storage: dict[str, Any],
    freezer: FrozenDateTimeFactory,
) -> None:
    memory.note_box(BOX)
    await memory.async_flush()
    assert KEY in hass_storage
    await memory.async_remove()
    freezer.tick(3600)
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert KEY not in hass_storage
    await memory.async_remove()


@pytest.mark.parametrize(
    "damage",
    [
        {"printers": []},
        {"printers": {"bad": {}}},
        {"printers": {"bad": None}},
        {"printers": {"bad": {"printer": 4}}},
        {"box": "none", "counted_jobs": {}, "last_push_at": 7, "push_address": 3},
    ],
)
async def test_what_cannot_be_read_is_left_out(
    hass: HomeAssistant, memory: BoxMemory, hass_storage: dict[str, Any], damage: dict[str, Any]
) -> None:
    memory.note_box(BOX)
    memory.match([LASER])
    key = the_key(memory)
    await memory.async_flush()
    stored = hass_storage[KEY]["data"]
    if isinstance(damage.get("printers"), dict):
        damage = {"printers": {**stored["printers"], **damage["printers"]}}
    hass_storage[KEY]["data"] = stored | damage
    again = BoxMemory(hass, "entry")
    await again.async_load()
    if isinstance(damage.get("printers"), list):
        assert not again.printers
    else:
        assert list(again.printers) == [key]
    assert again.last_push_at is None
    assert again.push_address is None


async def test_nothing_is_written_after_the_end(
    hass: HomeAssistant, hass_storage: dict[str, Any], memory: BoxMemory
) -> None:
    """Whoever has the memory next writes what it learns: an older one must not come after it."""
    memory.note_box(BOX)
    memory.note_push()
    await memory.async_close()
    assert hass_storage[KEY]["data"]["last_push_at"] == memory.last_push_at.isoformat()  # type: ignore[union-attr]
    stored = hass_storage.pop(KEY)
    memory.note_foreign()
    memory.keep_push()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=1))
    await hass.async_block_till_done()
    assert KEY not in hass_storage
    assert stored["data"]["foreign_seen_at"] is None
