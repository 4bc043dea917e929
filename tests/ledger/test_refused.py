"""What the disk refuses: in which order the rest is written, for what time, and what a start finds of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
import sqlite3

from homeassistant.core import HomeAssistant
import pytest

from custom_components.lianke import ledger as module
from custom_components.lianke.ledger import Ledger, View
from custom_components.lianke.ledger_file import LedgerRefusedError
from tests.ledger.things import HERE, made_of, opened, put, refusing_disk, states, under_way


@contextmanager
def refusing_commits(ledger: Ledger) -> Iterator[None]:
    """Let SQLite take all of a transaction, and refuse its end, as where a flush fails."""

    def look(action: int, what: str | None, *_: object) -> int:
        is_end = (action, what) == (sqlite3.SQLITE_TRANSACTION, "COMMIT")
        return sqlite3.SQLITE_DENY if is_end else sqlite3.SQLITE_OK

    db = ledger._file._db
    assert db is not None
    db.set_authorizer(look)
    try:
        yield
    finally:
        if ledger._file._db is not None:
            db.set_authorizer(None)


async def test_the_order_is_kept_though_the_disk_refuses(hass: HomeAssistant, root: Path) -> None:
    """The older of two reports would be the last word on disk."""
    async with opened(hass, root) as ledger:
        with refusing_disk(ledger):
            first = ledger.commit(put(HERE, "a", "first"), is_report=True)
            await under_way(ledger)
            ledger.commit(put(HERE, "a", "second"), is_report=True)
            with pytest.raises(LedgerRefusedError):
                await first
            assert ledger.latest(HERE)["a"].state == "second"
        await ledger.commit(lambda _: None)
        assert states(ledger) == {"a": "second"}
    async with opened(hass, root) as ledger:
        assert states(ledger) == {"a": "second"}


async def test_a_change_that_is_made_again_has_the_time_at_which_it_was_asked_for(
    hass: HomeAssistant, root: Path
) -> None:
    """A disk that is full for a day must not make a job a day younger."""
    times: list[datetime] = []

    def change(view: View) -> None:
        times.append(view.now)

    async with opened(hass, root) as ledger:
        with refusing_disk(ledger):
            refused = ledger.commit(put(HERE, "a", "held"))
            await under_way(ledger)
            late = ledger.commit(change)
            with pytest.raises(LedgerRefusedError):
                await refused
        await late
    assert times == [times[0]] * 2


async def test_what_was_refused_until_the_end_is_no_damage(
    hass: HomeAssistant, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next start would set the ledger aside, and ask people about all that waits."""
    monkeypatch.setattr(module, "CLOSE_TIME", 0.1)
    ledger = await made_of(hass, root)
    await ledger.commit(put(HERE, "a", "held"))
    with refusing_commits(ledger):
        with pytest.raises(LedgerRefusedError):
            await ledger.commit(put(HERE, "b", "held"))
        await ledger.async_close()
    async with opened(hass, root) as again:
        assert again.damaged_folder is None
        assert states(again) == {"a": "held"}


async def test_a_refused_end_of_a_transaction_leaves_nothing_open(
    hass: HomeAssistant, root: Path
) -> None:
    """The next one would be refused as well, whatever the disk takes."""
    async with opened(hass, root) as ledger:
        with refusing_commits(ledger), pytest.raises(LedgerRefusedError):
            await ledger.commit(put(HERE, "a", "held"))
        await ledger.commit(put(HERE, "b", "held"))
        assert states(ledger) == {"b": "held"}


async def test_what_was_said_no_to_is_not_made_later(hass: HomeAssistant, root: Path) -> None:
    """What stood in its way is left out; whoever asked was told that nothing is done."""

    def only_without_the_other(view: View) -> None:
        if view.get(HERE, "a") is not None:
            raise ValueError("taken")
        put(HERE, "b", "held")(view)

    async with opened(hass, root) as ledger:
        with refusing_disk(ledger):
            refused = ledger.commit(put(HERE, "a", "held"))
            await under_way(ledger)
            with pytest.raises(ValueError, match="taken"):
                ledger.commit(only_without_the_other)
            with pytest.raises(LedgerRefusedError):
                await refused
        await ledger.commit(lambda _: None)
        assert states(ledger) == {}
