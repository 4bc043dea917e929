"""One stored version, one queue of changes: what is told is on disk, what the disk refuses is left out."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
import logging
from pathlib import Path
import sqlite3
import stat
import sys
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.lianke import ledger as module
from custom_components.lianke.ledger import Change, Lease, Ledger, RecordChange, Table, View
from custom_components.lianke.ledger_file import (
    COUNTER_NAME,
    DAMAGED_LEDGER_PREFIX,
    DATABASE_NAME,
    MAX_RECORD_LENGTH,
    Kind,
    LedgerBusyError,
    LedgerClosedError,
    LedgerRefusedError,
)
from tests.ledger.things import (
    BIG,
    HERE,
    THERE,
    THING,
    Thing,
    full_disk,
    made_of,
    opened,
    put,
    stage_of,
    states,
    to,
    under_way,
)


async def test_what_is_committed_is_read_again(hass: HomeAssistant, root: Path) -> None:
    async with opened(hass, root) as ledger:
        assert await ledger.commit(put(HERE, "a", "held")) == Thing("a")
        await ledger.commit(put(THERE, "b", "sent"))
        await ledger.commit(lambda view: view.delete(THERE, "b"))
        await ledger.commit(put(HERE, "b", "held"))
        await ledger.commit(put(HERE, "a", "done"))
    async with opened(hass, root) as again:
        assert [*states(again).items()] == [("a", "done"), ("b", "held")]
        assert not again.committed(THERE)
        assert again.latest(HERE) == again.committed(HERE)


async def test_latest_at_once_committed_once_on_disk(hass: HomeAssistant, root: Path) -> None:
    async with opened(hass, root) as ledger:
        told: list[RecordChange[Thing]] = []
        ledger.listen(HERE, told.append)
        done = ledger.commit(put(HERE, "a", "held"))
        assert "a" in ledger.latest(HERE)
        assert "a" not in ledger.committed(HERE)
        assert not told
        await done
        assert ledger.committed(HERE)["a"] == Thing("a")
        assert told == [RecordChange(None, Thing("a"))]


async def test_each_change_of_one_moment_is_told_and_one_transaction_writes_them(
    hass: HomeAssistant, root: Path
) -> None:
    async with opened(hass, root) as ledger:
        told: list[tuple[str | None, str | None]] = []

        def on_step(step: RecordChange[Thing]) -> None:
            old, new = step.old, step.new
            told.append((None if old is None else old.state, None if new is None else new.state))

        ledger.listen(HERE, on_step)
        before = ledger._file._count
        await asyncio.gather(
            ledger.commit(put(HERE, "a", "held")),
            ledger.commit(to("a", "uploading", only="held")),
            ledger.commit(to("a", "queued", only="uploading")),
        )
        assert told == [(None, "held"), ("held", "uploading"), ("uploading", "queued")]
        assert ledger._file._count == before + 1


async def test_who_comes_first_decides(hass: HomeAssistant, root: Path) -> None:
    async with opened(hass, root) as ledger:
        await ledger.commit(put(HERE, "a", "held"))
        sent = ledger.commit(to("a", "sent", only="held"))
        with pytest.raises(ValueError, match="not held"):
            ledger.commit(to("a", "canceled", only="held"))
        assert (await sent).state == "sent"
        assert states(ledger) == {"a": "sent"}


async def test_two_records_of_one_change_are_there_together(
    hass: HomeAssistant, root: Path
) -> None:
    async with opened(hass, root) as ledger:
        await ledger.commit(put(HERE, "a", "held"))
        seen: list[tuple[dict[str, str], dict[str, str]]] = []
        for table in (HERE, THERE):
            ledger.listen(table, lambda _: seen.append((states(ledger), states(ledger, THERE))))

        def move(view: View) -> None:
            thing = view.get(HERE, "a")
            assert thing is not None
            view.put(HERE, "a", replace(thing, state="moved"))
            view.put(THERE, "a2", thing)
            assert [one.state for one in view.all(HERE)] == ["moved"]

        await ledger.commit(move)
        assert seen == [({"a": "moved"}, {"a2": "held"})] * 2


async def test_what_a_change_raises_changes_nothing(hass: HomeAssistant, root: Path) -> None:
    async with opened(hass, root) as ledger:

        def half(view: View) -> None:
            view.put(HERE, "a", Thing("a"))
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            ledger.commit(half)
        assert not ledger.latest(HERE)
        assert ledger.is_settled


async def test_a_decision_that_the_disk_refuses_is_left_out(
    hass: HomeAssistant, root: Path
) -> None:
    async with opened(hass, root) as ledger:
        told: list[RecordChange[Thing]] = []
        ledger.listen(HERE, told.append)
        with full_disk(ledger):
            first = ledger.commit(put(HERE, "a", "held", pad=BIG))
            with pytest.raises(LedgerRefusedError):
                await first
            assert "a" not in ledger.latest(HERE)
        assert not told
        await ledger.commit(put(HERE, "b", "held"))
        assert [*states(ledger)] == ["b"]
    async with opened(hass, root) as again:
        assert [*states(again)] == ["b"]


async def test_what_depended_on_a_refused_decision_is_made_again_without_it(
    hass: HomeAssistant, root: Path
) -> None:
    async with opened(hass, root) as ledger:
        await ledger.commit(put(HERE, "a", "held"))
        with full_disk(ledger):
            refused = ledger.commit(put(HERE, "b", "held", pad=BIG))
            await under_way(ledger)
            depends = ledger.commit(to("b", "sent", only="held"))
            count = ledger.commit(lambda view: len([*view.all(HERE)]), is_report=True)
            results = await asyncio.gather(refused, depends, count, return_exceptions=True)
        assert isinstance(results[0], LedgerRefusedError)
        assert isinstance(results[1], ValueError)
        # What it read is on disk.
        assert results[2] == 1
        assert [*states(ledger)] == ["a"]


async def test_a_report_waits_for_the_disk_and_says_so(
    hass: HomeAssistant, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_AFTER", 0.02)
    monkeypatch.setattr(module, "RETRY_AT_MOST", 0.05)
    async with opened(hass, root) as ledger:
        ledger._pause = 0.02
        told: list[RecordChange[Thing]] = []
        ledger.listen(HERE, told.append)
        report = put(HERE, "a", "queued", pad=BIG)
        with full_disk(ledger):
            with pytest.raises(LedgerRefusedError):
                await ledger.commit(report, is_report=True)
            assert ledger.latest(HERE)["a"].state == "queued"
            assert not ledger.committed(HERE)
            # A repeat changes nothing, and is not on disk either.
            with pytest.raises(LedgerRefusedError):
                await ledger.commit(report, is_report=True)
            # A decision meanwhile gets its answer at once, and takes nothing along.
            with pytest.raises(LedgerRefusedError):
                await ledger.commit(put(HERE, "b", "held", pad=BIG))
            assert not told
        async with asyncio.timeout(30):
            while not ledger.is_settled:
                await asyncio.sleep(0.01)
        assert [*states(ledger)] == ["a"]
        assert [step.new and step.new.state for step in told] == ["queued"]


async def test_after_a_refusal_something_is_written_over_what_may_come_true(
    hass: HomeAssistant, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_AFTER", 0.01)
    async with opened(hass, root) as ledger:
        ledger._pause = 0.01
        before = ledger._file._count
        with full_disk(ledger), pytest.raises(LedgerRefusedError):
            await ledger.commit(put(HERE, "a", "held", pad=BIG))
        async with asyncio.timeout(30):
            while not ledger.is_settled:
                await asyncio.sleep(0.01)
        assert ledger._file._count > before


async def test_a_cancelled_caller_cancels_nothing(hass: HomeAssistant, root: Path) -> None:
    async with opened(hass, root) as ledger:

        async def ask() -> None:
            await ledger.commit(put(HERE, "a", "held"))

        task = hass.async_create_task(ask())
        await asyncio.sleep(0)
        task.cancel()
        await ledger.commit(put(HERE, "b", "held"))
        assert [*states(ledger)] == ["a", "b"]


async def test_one_may_wait_for_others(hass: HomeAssistant, root: Path) -> None:
    async with opened(hass, root) as ledger:
        before = ledger._file._count
        slow = ledger.commit(put(HERE, "a", "held"), within=30)
        await asyncio.sleep(0.02)
        assert not slow.done()
        await ledger.commit(put(HERE, "b", "held"))
        assert slow.done()
        assert ledger._file._count == before + 1
        alone = ledger.commit(put(HERE, "c", "held"), within=0.02)
        await alone


@pytest.mark.no_fail_on_log_exception
async def test_a_listener_that_fails_keeps_nobody_from_hearing(
    hass: HomeAssistant, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(hass, root) as ledger:
        told: list[RecordChange[Thing]] = []

        def fail(_: RecordChange[Thing]) -> None:
            raise RuntimeError("no")

        ledger.listen(HERE, fail)
        stop = ledger.listen(HERE, told.append)
        await ledger.commit(put(HERE, "a", "held"))
        assert len(told) == 1
        stop()
        await ledger.commit(put(HERE, "a", "sent"))
        assert len(told) == 1
    assert "A listener to the ledger failed" in caplog.text
    caplog.clear()


async def test_a_staged_record_is_latest_but_nobody_is_told(
    hass: HomeAssistant, root: Path
) -> None:
    def stage(view: View) -> None:
        view.put(HERE, "a", Thing("a"), staged=True)

    def tell(view: View) -> None:
        thing = view.get(HERE, "a")
        assert thing is not None
        view.put(HERE, "a", thing, staged=False)

    async with opened(hass, root) as ledger:
        told: list[RecordChange[Thing]] = []
        ledger.listen(HERE, told.append)
        await ledger.commit(stage)
        await ledger.commit(to("a", "uploading", only="held"))
        assert ledger.latest(HERE)["a"].state == "uploading"
        assert not ledger.committed(HERE)
        assert not told
    async with opened(hass, root) as ledger:
        assert not ledger.latest(HERE)
        ledger.listen(HERE, told.append)
        # Also where both are one transaction.
        first, second = ledger.commit(stage), ledger.commit(tell)
        await asyncio.gather(first, second)
        assert told == [RecordChange(None, Thing("a"))]
        await ledger.commit(stage_of("b"))
        await ledger.commit(lambda view: view.delete(HERE, "b"))
        assert len(told) == 1
        # Another record of that name is no longer staged.
        await ledger.commit(put(HERE, "b", "sent"))
        assert told[1:] == [RecordChange(None, Thing("b", "sent"))]
    async with opened(hass, root) as ledger:
        assert states(ledger) == {"a": "held", "b": "sent"}


async def test_a_staged_record_survives_a_refusal(hass: HomeAssistant, root: Path) -> None:
    async with opened(hass, root) as ledger:
        await ledger.commit(stage_of("a"))
        with full_disk(ledger), pytest.raises(LedgerRefusedError):
            await ledger.commit(put(HERE, "b", "held", pad=BIG))
        assert [*ledger.latest(HERE)] == ["a"]
        assert not ledger.committed(HERE)


async def test_a_lease_that_is_over_changes_nothing(hass: HomeAssistant, root: Path) -> None:
    async with opened(hass, root) as ledger:
        old, new = Lease(ledger), Lease(ledger)
        await old.commit(put(HERE, "a", "held"))
        queued = old.commit(put(HERE, "a", "sent"))
        old.end()
        await queued
        with pytest.raises(LedgerClosedError):
            old.commit(put(HERE, "a", "lost"))
        await new.commit(put(HERE, "b", "held"))
        assert states(ledger) == {"a": "sent", "b": "held"}


async def test_what_an_old_instance_asked_for_is_not_made_again(
    hass: HomeAssistant, root: Path
) -> None:
    """Its change waits behind one that the disk refuses, and the box is unloaded meanwhile."""
    async with opened(hass, root) as ledger:
        lease = Lease(ledger)
        with full_disk(ledger):
            refused = ledger.commit(put(HERE, "a", "held", pad=BIG))
            await under_way(ledger)
            late = lease.commit(put(HERE, "b", "held"))
            lease.end()
            results = await asyncio.gather(refused, late, return_exceptions=True)
        assert [type(result) for result in results] == [LedgerRefusedError, LedgerClosedError]
        assert not ledger.latest(HERE)


async def test_a_table_is_read_once(hass: HomeAssistant, root: Path) -> None:
    """Whoever else asks for it meanwhile waits."""
    async with opened(hass, root) as ledger:
        await ledger.commit(put(HERE, "a", "held"))
    again = Ledger(hass, root)
    await again.async_open()
    await asyncio.gather(*(again.async_load(HERE) for _ in range(5)))
    assert states(again) == {"a": "held"}
    await again.async_close()


async def test_what_an_old_instance_has_reported_is_made_again(
    hass: HomeAssistant, root: Path
) -> None:
    """It has happened, and the next instance goes by it."""
    async with opened(hass, root) as ledger:
        lease = Lease(ledger)
        with full_disk(ledger):
            refused = lease.commit(put(HERE, "a", "sent", pad=BIG), is_report=True)
            await under_way(ledger)
            late = lease.commit(put(HERE, "b", "sent"), is_report=True)
            lease.end()
            await asyncio.wait([refused, late])
            with pytest.raises(LedgerClosedError):
                lease.commit(put(HERE, "c", "sent"), is_report=True)
        await ledger.commit(lambda _: None)
        assert states(ledger) == {"a": "sent", "b": "sent"}


async def test_reports_that_wait_for_the_disk_stay_few(hass: HomeAssistant, root: Path) -> None:
    """However long it refuses. A listener hears what has become of a record in the end."""
    async with opened(hass, root) as ledger:
        await ledger.commit(put(HERE, "a", "held"))
        await ledger.commit(put(HERE, "gone", "held"))
        await ledger.commit(stage_of("staged"))
        told: list[RecordChange[Thing]] = []
        ledger.listen(HERE, told.append)

        def told_and_gone(view: View) -> None:
            view.put(HERE, "staged", Thing("staged"), staged=False)
            view.delete(HERE, "gone")

        reports: list[Change[Any]] = [put(HERE, "a", str(number), pad=BIG) for number in range(20)]
        reports += [told_and_gone, put(HERE, "new", "held"), stage_of("more"), stage_of("less")]
        reports += [lambda view: view.delete(HERE, "new"), lambda view: view.delete(HERE, "less")]
        with full_disk(ledger):
            for report in reports:
                with pytest.raises(LedgerRefusedError):
                    await ledger.commit(report, is_report=True)
                assert len(ledger._queue) == 1
            assert states(ledger) == {"a": "held", "gone": "held"}
            assert not told
            latest = {name: thing.state for name, thing in ledger.latest(HERE).items()}
            assert latest == {"a": "19", "staged": "held", "more": "held"}
        await ledger.commit(lambda _: None)
        assert states(ledger) == {"a": "19", "staged": "held"}
        steps = [(step.old and step.old.state, step.new and step.new.state) for step in told]
        assert steps == [("held", "19"), (None, "held"), ("held", None)]
        assert {key.record_id for key in ledger._staged} == {"more"}
    async with opened(hass, root) as ledger:
        assert states(ledger) == {"a": "19", "staged": "held"}


async def test_closing_writes_what_waits_and_takes_nothing_more(
    hass: HomeAssistant, root: Path
) -> None:
    ledger = await made_of(hass, root)
    waiting = ledger.commit(put(HERE, "a", "held"), within=60)
    await ledger.async_close()
    assert (await waiting).name == "a"
    with pytest.raises(LedgerClosedError):
        ledger.commit(put(HERE, "b", "held"))
    await ledger.async_close()
    async with opened(hass, root) as again:
        assert [*states(again)] == ["a"]


async def test_closing_waits_for_a_disk_that_refuses_only_so_long(
    hass: HomeAssistant, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_TIME", 0.1)
    ledger = await made_of(hass, root)
    with full_disk(ledger):
        report = ledger.commit(put(HERE, "a", "held", pad=BIG), is_report=True)
        async with asyncio.timeout(30):
            await ledger.async_close()
            with pytest.raises(LedgerRefusedError):
                await report


async def test_a_record_that_is_too_large_is_refused_alone(hass: HomeAssistant, root: Path) -> None:
    pad = "x" * (MAX_RECORD_LENGTH - len(THING.write(Thing("a", "held"))))
    async with opened(hass, root) as ledger:
        largest = ledger.commit(put(HERE, "a", "held", pad=pad))
        with pytest.raises(LedgerRefusedError, match="too large"):
            ledger.commit(put(HERE, "b", "held", pad=f"{pad}x"))
        await largest
        assert [*states(ledger)] == ["a"]
        assert "b" not in ledger.latest(HERE)


def modes(root: Path) -> dict[str, int]:
    """Return who may do what with a folder and what is in it."""
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in root.iterdir()}
    return found | {"": stat.S_IMODE(root.stat().st_mode)}


async def test_nobody_else_may_read_or_open_it(hass: HomeAssistant, root: Path) -> None:
    async with opened(hass, root) as ledger:
        await ledger.commit(put(HERE, "a", "held"))
        assert modes(root) == {
            "": 0o700,
            DATABASE_NAME: 0o600,
            f"{DATABASE_NAME}-wal": 0o600,
            COUNTER_NAME: 0o600,
        }
        script = (
            "import sqlite3, sys\n"
            "db = sqlite3.connect(sys.argv[1], timeout=0)\n"
            "try: db.execute('SELECT * FROM record').fetchall()\n"
            "except sqlite3.OperationalError as err: print(err)\n"
        )
        path = root / DATABASE_NAME
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, str(path), stdout=-1
        )
        said, _ = await process.communicate()
        assert said == b"database is locked\n"


async def test_another_process_has_it_open(hass: HomeAssistant, root: Path) -> None:
    async with opened(hass, root) as ledger:
        await ledger.commit(put(HERE, "a", "held"))
    script = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)\n"
        "db.execute('PRAGMA locking_mode=EXCLUSIVE').fetchall()\n"
        "db.execute('BEGIN EXCLUSIVE')\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(root / DATABASE_NAME), stdin=-1, stdout=-1
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"open\n"
    try:
        with pytest.raises(LedgerBusyError):
            await Ledger(hass, root).async_open()
    finally:
        process.kill()
        await process.wait()
    async with opened(hass, root) as ledger:
        assert [*states(ledger)] == ["a"]


async def test_what_sqlite_is_told_holds(hass: HomeAssistant, root: Path) -> None:
    async with opened(hass, root) as ledger:
        db = ledger._file._db
        assert db is not None
        found = {
            name: db.execute(f"PRAGMA {name}").fetchall()[0][0]
            for name in ("locking_mode", "journal_mode", "synchronous", "wal_autocheckpoint")
        }
        assert found == {
            "locking_mode": "exclusive",
            "journal_mode": "wal",
            "synchronous": 2,
            "wal_autocheckpoint": 64,
        }
        assert db.execute("PRAGMA secure_delete").fetchall() == [(1,)]


# Damage


async def made(hass: HomeAssistant, root: Path) -> None:
    """Make a ledger with two records of one box, with a document beside them."""
    async with opened(hass, root) as ledger:
        await ledger.commit(put(HERE, "a", "held"))
        await ledger.commit(put(HERE, "b", "sent"))


def change(root: Path, sql: str) -> None:
    db = sqlite3.connect(root / DATABASE_NAME, isolation_level=None)
    db.execute(sql)
    db.close()


def damage_row(root: Path) -> None:
    change(root, "UPDATE record SET record = replace(record, 'held', 'sent') WHERE id = 'a'")


def damage_page(root: Path) -> None:
    path = root / DATABASE_NAME
    data = bytearray(path.read_bytes())
    data[4096 * 1 : 4096 * 2] = bytes(4096)
    path.write_bytes(data)


def go_back(root: Path) -> None:
    change(root, "UPDATE count SET value = 2")


def lose_tables(root: Path) -> None:
    (root / DATABASE_NAME).write_bytes(b"")


def lose_file(root: Path) -> None:
    (root / DATABASE_NAME).unlink()


def be_no_database(root: Path) -> None:
    (root / DATABASE_NAME).write_bytes(b"no database" * 1000)


def have_other_tables(root: Path) -> None:
    change(root, "DROP TABLE count")


async def is_set_aside(
    hass: HomeAssistant,
    root: Path,
    damage: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> dict[str, str]:
    """Return what is left of a ledger that was damaged so, which is used from then on."""
    await made(hass, root)
    (root / "document").write_text("of a job")
    damage(root)
    async with opened(hass, root) as ledger:
        left = states(ledger)
        (aside,) = root.parent.glob(f"{DAMAGED_LEDGER_PREFIX}*")
        assert ledger.damaged_folder == aside
        assert (aside / "document").read_text() == "of a job"
        assert "is damaged" in caplog.text
        await ledger.commit(put(HERE, "c", "held"))
        kept = states(ledger)
    caplog.clear()
    async with opened(hass, root) as again:
        assert states(again) == kept
        assert again.damaged_folder is None
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]
    return left


@pytest.mark.parametrize(
    ("damage", "left"),
    [
        (damage_row, {"b": "sent"}),
        (go_back, {"a": "asks first", "b": "sent"}),
        (have_other_tables, {"a": "asks first", "b": "sent"}),
    ],
)
async def test_a_damaged_ledger_is_set_aside_and_what_can_be_read_asks_first(
    hass: HomeAssistant,
    root: Path,
    damage: Callable[[Path], None],
    left: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await is_set_aside(hass, root, damage, caplog) == left


async def test_a_box_that_is_not_loaded_after_damage_asks_first_too(
    hass: HomeAssistant, root: Path
) -> None:
    """It is switched off, or the power goes before it is set up: later, its jobs would have gone out unasked."""
    async with opened(hass, root) as ledger:
        await ledger.commit(put(HERE, "a", "held"))
        await ledger.commit(put(THERE, "b", "held"))
    go_back(root)
    ledger = Ledger(hass, root)
    await ledger.async_open(THING)
    await ledger.async_load(HERE)
    await ledger.async_close()
    async with opened(hass, root) as again:
        assert again.damaged_folder is None
        assert states(again)["a"] == "asks first"
        assert {one.state for one in again.latest(THERE).values()} == {"asks first"}


async def test_a_record_that_this_version_cannot_read_survives_damage(
    hass: HomeAssistant, root: Path
) -> None:
    def unreadable(text: str) -> Thing:
        raise ValueError(text)

    await made(hass, root)
    go_back(root)
    older = Kind[Thing]("thing", THING.write, unreadable, THING.salvage)
    ledger = await made_of(hass, root, older)
    assert ledger.unreadable(Table(older, "here")) == {"a", "b"}
    await ledger.async_close()
    async with opened(hass, root) as again:
        assert [*states(again)] == ["a", "b"]


@pytest.mark.parametrize("damage", [lose_tables, lose_file, be_no_database])
async def test_a_ledger_that_is_gone_is_not_taken_for_a_new_one(
    hass: HomeAssistant,
    root: Path,
    damage: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its documents would be deleted as nobody's."""
    assert await is_set_aside(hass, root, damage, caplog) == {}


async def test_what_is_worth_nothing_after_damage_is_deleted(
    hass: HomeAssistant, root: Path
) -> None:
    await made(hass, root)
    go_back(root)
    only_sent = Kind[Thing](
        "thing", THING.write, THING.read, lambda thing: thing if thing.state == "sent" else None
    )
    ledger = await made_of(hass, root, only_sent)
    assert states(ledger) == {"b": "sent"}
    await ledger.async_close()
    async with opened(hass, root) as again:
        assert states(again) == {"b": "sent"}


async def test_of_a_page_that_is_gone_what_is_left_depends(
    hass: HomeAssistant, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left = await is_set_aside(hass, root, damage_page, caplog)
    assert left.items() <= {"a": "asks first", "b": "sent"}.items()


async def test_a_count_that_is_behind_is_no_damage(hass: HomeAssistant, root: Path) -> None:
    """It is not flushed: a power cut may leave an older one, or none."""
    await made(hass, root)
    for text in ("1", "", "nonsense"):
        (root / COUNTER_NAME).write_text(text)
        async with opened(hass, root) as ledger:
            assert [*states(ledger)] == ["a", "b"]
            assert ledger.damaged_folder is None
    (root / COUNTER_NAME).unlink()
    async with opened(hass, root) as ledger:
        assert [*states(ledger)] == ["a", "b"]


async def test_a_record_of_a_later_version_stays(
    hass: HomeAssistant, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await made(hass, root)

    def read(text: str) -> Thing:
        if "sent" in text:
            raise ValueError("of a later version")
        return THING.read(text)

    older = await made_of(hass, root, Kind[Thing]("thing", THING.write, read))
    assert [*states(older)] == ["a"]
    assert (older.unreadable(HERE), older.unreadable(THERE)) == ({"b"}, frozenset())
    await older.async_close()
    assert "A record of a thing cannot be read" in caplog.text
    async with opened(hass, root) as ledger:
        assert [*states(ledger)] == ["a", "b"]


async def test_what_nobody_listened_to_is_handed_to_the_next_once(
    hass: HomeAssistant, root: Path
) -> None:
    """A step a record, from what was told to what is; what came before anybody listened is no news."""
    async with opened(hass, root) as ledger:
        await ledger.commit(put(HERE, "a", "held"))
        assert ledger.take_missed_changes(HERE) == []
        heard: list[RecordChange[Thing]] = []
        stop = ledger.listen(HERE, heard.append)
        await ledger.commit(put(HERE, "b", "held"))
        stop()
        await ledger.commit(put(HERE, "a", "sent"))
        await ledger.commit(put(HERE, "a", "done"))
        await ledger.commit(put(HERE, "c", "held"))
        await ledger.commit(lambda view: view.delete(HERE, "c"))
        await ledger.commit(lambda view: view.delete(HERE, "b"))
        await ledger.commit(put(THERE, "a", "held"))
        ledger.listen(HERE, heard.append)
        assert heard == [RecordChange(None, Thing("b"))]
        assert ledger.take_missed_changes(HERE) == [
            RecordChange(Thing("a"), Thing("a", "done")),
            RecordChange(Thing("b"), None),
        ]
        assert ledger.take_missed_changes(HERE) == []
