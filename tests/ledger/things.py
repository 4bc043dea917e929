"""Records of two boxes for tests of the ledger, and disks that refuse them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
import json
from pathlib import Path
import sqlite3

from homeassistant.core import HomeAssistant

from custom_components.lianke.ledger import Ledger, Table, View
from custom_components.lianke.ledger_file import Kind


@dataclass(frozen=True)
class Thing:
    name: str
    state: str = "held"
    pad: str = ""


def _read(text: str) -> Thing:
    return Thing(**json.loads(text))


def _salvage(thing: Thing) -> Thing | None:
    return replace(thing, state="asks first") if thing.state == "held" else thing


THING = Kind[Thing]("thing", lambda thing: json.dumps(vars(thing)), _read, _salvage)


HERE = Table(THING, "here")


THERE = Table(THING, "there")


def put(table: Table[Thing], name: str, state: str, *, pad: str = "") -> Callable[[View], Thing]:
    def change(view: View) -> Thing:
        thing = Thing(name, state, pad)
        view.put(table, name, thing)
        return thing

    return change


def to(name: str, state: str, *, only: str) -> Callable[[View], Thing]:
    """Return a change of a thing's state, which fails unless the thing is in the state `only`."""

    def change(view: View) -> Thing:
        thing = view.get(HERE, name)
        if thing is None or thing.state != only:
            raise ValueError(f"{name} is not {only}")
        view.put(HERE, name, replace(thing, state=state))
        return replace(thing, state=state)

    return change


async def made_of(hass: HomeAssistant, root: Path, kind: Kind[Thing] = THING) -> Ledger:
    ledger = Ledger(hass, root)
    await ledger.async_open(kind)
    for box in ("here", "there"):
        await ledger.async_load(Table(kind, box))
    return ledger


@asynccontextmanager
async def opened(hass: HomeAssistant, root: Path) -> AsyncIterator[Ledger]:
    ledger = await made_of(hass, root)
    try:
        yield ledger
    finally:
        await ledger.async_close()


@contextmanager
def full_disk(ledger: Ledger) -> Iterator[None]:
    """Do not let SQLite's file grow any more."""
    db = ledger._file._db
    assert db is not None
    db.execute("PRAGMA max_page_count=1")
    try:
        yield
    finally:
        with suppress(sqlite3.ProgrammingError):
            # The ledger may have been closed meanwhile.
            db.execute("PRAGMA max_page_count=1000000")


@contextmanager
def refusing_disk(ledger: Ledger) -> Iterator[None]:
    """Let SQLite refuse every write, however small."""
    db = ledger._file._db
    assert db is not None
    db.execute("PRAGMA query_only=ON")
    try:
        yield
    finally:
        with suppress(sqlite3.ProgrammingError):
            db.execute("PRAGMA query_only=OFF")


BIG = "x" * 60_000


def states(ledger: Ledger, table: Table[Thing] = HERE) -> dict[str, str]:
    return {name: thing.state for name, thing in ledger.committed(table).items()}


async def under_way(ledger: Ledger) -> None:
    """Wait until a transaction is being written; it cannot be over before the event loop's next turn."""
    while ledger._work is None:
        await asyncio.sleep(0)


def stage_of(name: str) -> Callable[[View], None]:
    return lambda view: view.put(HERE, name, Thing(name), staged=True)
