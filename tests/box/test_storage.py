"""What is remembered, and when it is written down."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
import time
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.lianke.api.capabilities import Capabilities, DriverDefaults, Paper
from custom_components.lianke.api.models import Box, DriverState, Marker
from custom_components.lianke.box.printer_identity import BUSY_TIME
from custom_components.lianke.box.storage import (
    MAX_COUNTED_JOBS,
    MAX_PRINTERS,
    BoxStorage,
)
from custom_components.lianke.jobs.rules import MAX_FINISHED_RECORDS
from tests.box.stores import LASER, reread

KEY = "lianke.entry"
BOX = Box(
    online=True,
    device_type="box",
    hardware="LK300EW_D2",
    software="2.1.113",
    expires=date(2031, 8, 25),
    lan_address="192.168.1.30",
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


def the_key(storage: BoxStorage) -> str:
    """Return the key of the only printer."""
    (key,) = storage.printers
    return key


async def test_everything_survives_a_restart(
    hass: HomeAssistant, storage: BoxStorage, hass_storage: dict[str, Any]
) -> None:
    storage.save_box(BOX)
    (key,) = storage.match([LASER])
    storage.update(key, capabilities=ABLE, capabilities_at=dt_util.utcnow())
    storage.update(key, papers=PAPERS, papers_at=dt_util.utcnow())
    storage.count_pages(key, "job", 3)
    storage.record_foreign_task()
    storage.record_push()
    storage.save_callback_address("there")
    storage.save_push_address("here")
    again = await reread(hass, storage)

    # Whether box and printer are there is not remembered, and neither is what the printer does.
    assert again.box == replace(BOX, online=None)
    known = again.printers[key]
    expected = replace(storage.printers[key], present=False)
    assert known == replace(expected, printer=replace(LASER, raw_state=None))
    assert known.pages_printed == 3
    assert known.printer.markers[0].level == 70
    assert again.foreign_seen_at == storage.foreign_seen_at
    assert again.last_push_at == storage.last_push_at
    assert again.callbacks_proven_for("there")
    assert not again.callbacks_proven_for("here")
    assert again.pushes_proven_for("here")
    again.count_pages(key, "job", 3)
    assert again.printers[key].pages_printed == 3
    assert "idle" not in str(hass_storage[KEY])


async def test_no_address_is_never_proven(storage: BoxStorage) -> None:
    assert not storage.callbacks_proven_for(None)
    assert not storage.pushes_proven_for(None)


async def test_a_poll_without_news_writes_nothing(
    hass: HomeAssistant,
    storage: BoxStorage,
    hass_storage: dict[str, Any],
    freezer: FrozenDateTimeFactory,
) -> None:
    storage.save_box(BOX)
    storage.match([LASER])
    freezer.tick(61)
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert KEY in hass_storage
    hass_storage.clear()

    for raw_state in ("idle", "printing", None, "idle"):
        storage.save_box(replace(BOX, online=raw_state != "printing"))
        storage.match([replace(LASER, raw_state=raw_state)])
        storage.match([replace(LASER, is_printer=False)])
        freezer.tick(600)
        async_fire_time_changed(hass)
        await hass.async_block_till_done()
    await storage.async_flush()
    assert KEY not in hass_storage

    storage.match([replace(LASER, markers=(Marker(name="black", level=69),))])
    freezer.tick(61)
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert KEY in hass_storage


async def test_a_write_that_has_begun_is_over_before_the_next_start(
    hass: HomeAssistant,
    storage: BoxStorage,
    hass_storage: dict[str, Any],
    freezer: FrozenDateTimeFactory,
) -> None:
    """A box that was reloaded at that moment read the old file: a removed printer came back as another one."""
    begun, write = asyncio.Event(), Store._async_write_data

    async def slow(self: Store[Any], data: dict[str, Any]) -> None:
        if "data_func" in data:
            data["data"] = data.pop("data_func")()
        begun.set()
        await hass.async_add_executor_job(time.sleep, 0.1)
        await write(self, data)

    with patch.object(Store, "_async_write_data", slow):
        storage.match([LASER])
        freezer.tick(61)
        async_fire_time_changed(hass)
        await begun.wait()
        await storage.async_close()
        assert KEY in hass_storage


async def test_a_new_printer_is_written_soon(
    hass: HomeAssistant,
    storage: BoxStorage,
    freezer: FrozenDateTimeFactory,
    hass_storage: dict[str, Any],
) -> None:
    """What may wait for longer put it off: after a power cut its jobs were those of a printer unknown."""
    storage.save_box(BOX)
    storage.match([LASER])
    storage.save_box(replace(BOX, software="2.1.114"))
    freezer.tick(2)
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert the_key(storage) in hass_storage[KEY]["data"]["printers"]
    assert hass_storage[KEY]["data"]["box"]["software"] == "2.1.114"


async def test_a_printer_that_is_busy_when_its_box_is_bound_is_there_at_once(
    storage: BoxStorage,
) -> None:
    """It once had no device until it rested, since its row says that it is no printer."""
    (key,) = storage.match([BUSY])
    assert storage.printers[key].present
    assert list(storage.match([LASER])) == [key]
    # What the user removed is not brought back by a row that may mean that it is off.
    storage.forget(key)
    assert storage.match([BUSY]) == {}
    assert len(storage.match([LASER])) == 1


async def test_a_box_cannot_fill_the_memory_with_printers(
    storage: BoxStorage, caplog: pytest.LogCaptureFixture
) -> None:
    """200 new printers an answer once became 200 devices each time, for ever."""
    for answer in range(3):
        storage.match(
            [
                replace(LASER, row_id=number, hash_id=f"{number}", model=f"M{number}", port=number)
                for number in range(200 * answer, 200 * answer + 200)
            ]
        )
    assert len(storage.printers) == MAX_PRINTERS
    assert len([record for record in caplog.records if "ignored" in record.getMessage()]) == 1


@pytest.mark.parametrize("hash_id", ["h1", None])
async def test_a_box_that_is_added_again_has_the_same_keys(
    hass: HomeAssistant, hash_id: str | None
) -> None:
    rows = [
        replace(LASER, row_id=1, hash_id=hash_id),
        replace(LASER, row_id=2, hash_id=hash_id and "h2", port=2),
        replace(LASER, row_id=3, hash_id=hash_id and "h3", port=631, ip_address="192.168.1.9"),
        replace(LASER, row_id=4, hash_id=hash_id and "h4", port=631, ip_address="192.168.1.10"),
    ]
    keys = {row.row_id: key for key, row in BoxStorage(hass, "first").match(rows).items()}
    assert len(set(keys.values())) == 4
    # The service may list them in another order, under other numbers.
    again = [replace(row, row_id=(row.row_id or 0) + 100) for row in reversed(rows)]
    assert BoxStorage(hass, "second").match(again) == {
        keys[(row.row_id or 0) - 100]: row for row in again
    }


async def test_a_printer_in_the_place_of_one_that_was_moved_has_a_key_of_its_own(
    storage: BoxStorage,
) -> None:
    plain = replace(LASER, hash_id=None)
    (key,) = storage.match([plain])
    moved = replace(plain, port=2)
    assert storage.match([moved]) == {key: moved}
    other = replace(plain, row_id=2)
    found = storage.match([moved, other])
    assert len(found) == 2
    assert found[key] == moved


async def test_only_what_said_that_it_is_a_printer_gets_a_key(storage: BoxStorage) -> None:
    for nothing in ({"raw_state": None}, {"hash_id": None}, {"driver": DriverState.AWAITING}):
        assert storage.match([replace(BUSY, **nothing)]) == {}
    assert not storage.printers
    assert len(storage.match([LASER])) == 1


async def test_a_busy_printer_is_there_and_an_unclear_one_at_last_not(
    storage: BoxStorage, freezer: FrozenDateTimeFactory
) -> None:
    (key,) = storage.match([LASER])
    busy = replace(LASER, is_printer=False, model="", markers=(), raw_state=None)
    row = storage.match([busy])[key]
    assert row == replace(LASER, is_printer=False, raw_state=None)
    assert storage.printers[key].present

    freezer.tick(BUSY_TIME - timedelta(seconds=1))
    storage.match([busy])
    assert storage.printers[key].present
    freezer.tick(1)
    storage.match([busy])
    assert not storage.printers[key].present

    storage.match([LASER])
    assert storage.printers[key].present
    storage.match([busy])
    assert storage.printers[key].present


async def test_a_new_driver_can_do_other_things(storage: BoxStorage) -> None:
    waiting = replace(LASER, model="Unknown", driver=DriverState.AWAITING)
    (key,) = storage.match([waiting])
    storage.update(key, capabilities=ABLE, capabilities_at=dt_util.utcnow())
    storage.update(key, papers=PAPERS, papers_at=dt_util.utcnow())
    storage.match([replace(LASER, model="")])
    assert storage.printers[key].printer.model == "Unknown"
    assert storage.printers[key].capabilities == ABLE
    storage.match([LASER])
    assert storage.printers[key].printer.model == "MA2000w"
    assert storage.printers[key].capabilities is None
    assert storage.printers[key].papers == ()


async def test_namesakes_are_told_apart(storage: BoxStorage) -> None:
    rows = [replace(LASER, row_id=n, hash_id=None, port=n) for n in (1, 2)]
    twins = storage.match(rows)
    assert [storage.printers[key].name for key in twins] == ["Laser", "Laser (USB 2)"]
    storage.match(rows[::-1])
    assert [storage.printers[key].name for key in twins] == ["Laser", "Laser (USB 2)"]
    storage.match([replace(rows[0], name="Renamed"), rows[1]])
    assert [storage.printers[key].name for key in twins] == ["Renamed", "Laser (USB 2)"]
    storage.match([replace(row, name="Renamed") for row in rows])
    assert [storage.printers[key].name for key in twins] == ["Renamed", "Renamed (USB 2)"]


async def test_pages_count_once_a_job(hass: HomeAssistant, storage: BoxStorage) -> None:
    (key,) = storage.match([LASER])
    for job_id in ("one", "two", "one"):
        storage.count_pages(key, job_id, 2)
    storage.count_pages("unknown", "three", 2)
    storage.count_pages(key, "negative", -5)
    # As a start does with all records that are kept.
    for number in [*range(MAX_FINISHED_RECORDS)] * 2:
        storage.count_pages(key, f"record {number}", 1)
    assert storage.printers[key].pages_printed == 4 + MAX_FINISHED_RECORDS
    for number in range(MAX_COUNTED_JOBS):
        storage.count_pages(key, f"job {number}", 1)
    stored = (await reread(hass, storage))._as_stored()
    assert len(stored["counted_jobs"]) == MAX_COUNTED_JOBS
    assert "one" not in stored["counted_jobs"]


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
    hass: HomeAssistant, storage: BoxStorage, hass_storage: dict[str, Any], damage: dict[str, Any]
) -> None:
    storage.save_box(BOX)
    storage.match([LASER])
    key = the_key(storage)
    await storage.async_flush()
    stored = hass_storage[KEY]["data"]
    if isinstance(damage.get("printers"), dict):
        damage = {"printers": {**stored["printers"], **damage["printers"]}}
    hass_storage[KEY]["data"] = stored | damage
    again = BoxStorage(hass, "entry")
    await again.async_load()
    if isinstance(damage.get("printers"), list):
        assert not again.printers
    else:
        assert list(again.printers) == [key]
    assert again.last_push_at is None
    assert again.push_address is None


async def test_a_push_holds_up_no_write(
    hass: HomeAssistant, hass_storage: dict[str, Any], storage: BoxStorage
) -> None:
    """Until the next unload nothing more was written, and a restart knew nothing of it."""
    storage.record_push()
    storage.record_foreign_task()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
    await hass.async_block_till_done()
    assert hass_storage[KEY]["data"]["foreign_seen_at"] is not None


async def test_nothing_is_written_after_the_end(
    hass: HomeAssistant, hass_storage: dict[str, Any], storage: BoxStorage
) -> None:
    """Whoever has the memory next writes what it learns: an older one must not come after it."""
    storage.save_box(BOX)
    storage.record_push()
    await storage.async_close()
    assert hass_storage[KEY]["data"]["last_push_at"] == storage.last_push_at.isoformat()  # type: ignore[union-attr]
    stored = hass_storage.pop(KEY)
    storage.record_foreign_task()
    storage.record_push()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=1))
    await hass.async_block_till_done()
    assert KEY not in hass_storage
    assert stored["data"]["foreign_seen_at"] is None
