"""What a start reads of a ledger: what is open, new, or the newest of its topic. The others are read when asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import json
from pathlib import Path
import sqlite3
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.lianke.ledger import Ledger, RecordChange, Table, View
from custom_components.lianke.ledger_file import DATABASE_NAME, Kind, loads
from tests.ledger.things import full_disk


@dataclass(frozen=True)
class Parcel:
    name: str
    changed_at: str
    is_over: bool = True
    to: str = "north"


READ: list[str] = []


def _read(text: str) -> Parcel:
    parcel = Parcel(**json.loads(text))
    READ.append(parcel.name)
    return parcel


PARCEL = Kind[Parcel](
    "parcel",
    lambda parcel: json.dumps(vars(parcel)),
    _read,
    needed="record ->> '$.changed_at' >= ? OR record ->> '$.is_over' = 0",
    topic="record ->> '$.to'",
)
HERE = Table(PARCEL, "here")
OLD = ("a", "b", "c", "d")


def parcel(name: str, days: float = 0, **more: Any) -> Parcel:
    return replace(Parcel(name, (dt_util.utcnow() - timedelta(days=days)).isoformat()), **more)


@asynccontextmanager
async def opened(hass: HomeAssistant, root: Path) -> AsyncIterator[Ledger]:
    READ.clear()
    ledger = Ledger(hass, root)
    await ledger.async_open(PARCEL)
    await ledger.async_load(HERE)
    try:
        yield ledger
    finally:
        await ledger.async_close()


@pytest.fixture
async def kept(hass: HomeAssistant, root: Path) -> list[Parcel]:
    """Keep old parcels, an old one that is open, a new one, and the only one that went south."""
    parcels = [parcel("far", 9, to="south"), *(parcel(name, 5) for name in OLD)]
    parcels[2:2] = [parcel("open", 8, is_over=False)]
    parcels += [parcel("new", 1)]

    def keep(view: View) -> None:
        for one in parcels:
            view.put(HERE, one.name, one)

    async with opened(hass, root) as ledger:
        await ledger.commit(keep)
    return parcels


def names(ledger: Ledger) -> list[str]:
    return [one.name for one in ledger.committed(HERE).values()]


async def test_a_start_reads_what_is_open_new_or_the_newest_of_its_topic(
    hass: HomeAssistant, root: Path, kept: list[Parcel]
) -> None:
    async with opened(hass, root) as ledger:
        assert READ == ["far", "open", "new"]
        assert [one.name for one in ledger.latest(HERE).already_read] == READ
        assert [*ledger.latest(HERE)] == [one.name for one in kept]
        assert len(ledger.latest(HERE)) == len(kept)
        assert "a" in ledger.committed(HERE)
        assert READ == ["far", "open", "new"]


async def test_whoever_asks_for_all_gets_all_in_their_order(
    hass: HomeAssistant, root: Path, kept: list[Parcel]
) -> None:
    async with opened(hass, root) as ledger:
        assert [*ledger.latest(HERE).values()] == kept
        assert [*ledger.committed(HERE).items()] == [(one.name, one) for one in kept]
        # Once, for what is latest and what is committed.
        assert sorted(READ) == sorted(one.name for one in kept)
        assert ledger.latest(HERE)["a"] is ledger.committed(HERE)["a"]


async def test_a_change_sees_all_that_the_start_did_not_read(
    hass: HomeAssistant, root: Path, kept: list[Parcel]
) -> None:
    async with opened(hass, root) as ledger:
        assert await ledger.commit(lambda view: [*view.all(HERE)]) == kept
    async with opened(hass, root) as ledger:
        assert await ledger.commit(lambda view: view.get(HERE, "b")) == kept[3]
        assert READ[3:] == ["b"]
        assert await ledger.commit(lambda view: view.get(HERE, "none")) is None


async def test_what_the_start_did_not_read_is_read_beside_the_event_loop(
    hass: HomeAssistant, root: Path, kept: list[Parcel]
) -> None:
    async with opened(hass, root) as ledger:
        await ledger.async_read_unread(HERE)
        assert not ledger.latest(HERE).unread_records
        assert sorted(READ) == sorted(one.name for one in kept)
        assert names(ledger) == [one.name for one in kept]
        assert ledger.latest(HERE)["a"] is ledger.committed(HERE)["a"]
        await ledger.async_read_unread(HERE)
        assert len(READ) == len(kept)


async def test_what_changes_before_it_is_read_stays_changed(
    hass: HomeAssistant, root: Path, kept: list[Parcel]
) -> None:
    """While the others are being read, too: what was on disk at the start is not put in its place."""
    heard: list[RecordChange[Parcel]] = []
    async with opened(hass, root) as ledger:
        ledger.listen(HERE, heard.append)
        changed = replace(kept[1], to="west")
        await ledger.commit(lambda view: view.put(HERE, "a", changed))
        reading = hass.async_create_task(ledger.async_read_unread(HERE))
        await ledger.commit(lambda view: view.delete(HERE, "b"))
        await reading
        expected = [changed if one.name == "a" else one for one in kept if one.name != "b"]
        assert [*ledger.committed(HERE).values()] == expected
    assert [(step.old, step.new) for step in heard] == [(kept[1], changed), (kept[3], None)]
    async with opened(hass, root) as ledger:
        assert [*ledger.committed(HERE).values()] == expected


async def test_a_refusal_leaves_what_was_not_read_as_it_was(
    hass: HomeAssistant, root: Path, kept: list[Parcel]
) -> None:
    async with opened(hass, root) as ledger:
        with full_disk(ledger):
            big = replace(kept[1], to="x" * 60_000)
            with pytest.raises(OSError, match="full"):
                await ledger.commit(lambda view: view.put(HERE, "a", big))
        assert [one.name for one in ledger.latest(HERE).already_read] == ["far", "open", "new"]
        assert [*ledger.latest(HERE).values()] == kept
        assert [*ledger.committed(HERE).values()] == kept


async def test_one_that_cannot_be_read_is_none_once_somebody_asks(
    hass: HomeAssistant,
    root: Path,
    kept: list[Parcel],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its files stay until then, and its row does for a later version."""

    def read(text: str) -> Parcel:
        if '"b"' in text:
            raise ValueError("of a later version")
        return _read(text)

    there = Table(replace(PARCEL, read=read), "here")
    ledger = Ledger(hass, root)
    await ledger.async_open(PARCEL)
    await ledger.async_load(there)
    assert "b" in ledger.latest(there)
    assert ledger.latest(there).get("b") is None
    await ledger.async_read_unread(there)
    expected = [one for one in kept if one.name != "b"]
    assert [*ledger.latest(there).values()] == expected
    assert [*ledger.committed(there).values()] == expected
    assert "A record of a parcel cannot be read" in caplog.text
    assert ledger.unreadable(there) == {"b"}
    await ledger.async_close()
    async with opened(hass, root) as ledger:
        assert [*ledger.committed(HERE).values()] == kept


async def test_what_changed_two_days_ago_is_read_and_what_did_before_is_not(
    hass: HomeAssistant, root: Path, freezer: FrozenDateTimeFactory
) -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=dt_util.UTC)
    freezer.move_to(now)

    def keep(view: View) -> None:
        for name, hours in (("before", 48.001), ("since", 47.999), ("newest", 100)):
            view.put(HERE, name, parcel(name, hours / 24))

    async with opened(hass, root) as ledger:
        await ledger.commit(keep)
    async with opened(hass, root) as ledger:
        assert [one.name for one in ledger.latest(HERE).already_read] == ["since", "newest"]


async def test_a_start_reads_all_where_sqlite_cannot_tell_what_it_needs(
    hass: HomeAssistant, root: Path, kept: list[Parcel]
) -> None:
    """As of a record that is no JSON: it may be one that is open."""
    unlike = replace(PARCEL, write=lambda parcel: f"{parcel.name}, no JSON")
    async with opened(hass, root) as ledger:
        table = Table(unlike, "there")
        await ledger.async_load(table)
        await ledger.commit(lambda view: view.put(table, "x", parcel("x", 9)))
    async with opened(hass, root) as ledger:
        assert [one.name for one in kept] == READ
        assert not ledger.latest(HERE).unread_records


async def test_after_damage_all_that_can_be_read_is_read_at_the_start(
    hass: HomeAssistant, root: Path, kept: list[Parcel]
) -> None:
    with closing(sqlite3.connect(root / DATABASE_NAME)) as db, db:
        db.execute("UPDATE record SET record = record || ' ' WHERE id = 'c'")
    async with opened(hass, root) as ledger:
        assert ledger.damaged_folder is not None
        assert not ledger.latest(HERE).unread_records
        assert names(ledger) == [one.name for one in kept if one.name != "c"]


@pytest.mark.parametrize("title", ["half of \ud83d", "菜单.pdf", "NaN"])
def test_what_python_writes_is_read(title: str) -> None:
    """Home Assistant's parser refuses half a character, and numbers that are none."""
    record = {"title": title, "wide": float("inf"), "count": 2**48, "none": None}
    assert loads(json.dumps(record)) == record
    assert loads(json.dumps(record | {"wide": 1.5})) == record | {"wide": 1.5}


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        loads('{"title": ')


async def test_what_nobody_could_read_goes_with_its_box(
    hass: HomeAssistant, root: Path, kept: list[Parcel]
) -> None:
    def refuse(text: str) -> Parcel:
        raise ValueError("of a later version")

    there = Table(replace(PARCEL, read=refuse), "here")
    ledger = Ledger(hass, root)
    await ledger.async_open(PARCEL)
    await ledger.async_load(there)

    def remove(view: View) -> None:
        for name in (*ledger.latest(there), *ledger.unreadable(there)):
            view.delete(there, name)

    await ledger.commit(remove)
    assert not ledger.unreadable(there)
    await ledger.async_close()
    async with opened(hass, root) as ledger:
        assert not names(ledger)
        assert not READ
