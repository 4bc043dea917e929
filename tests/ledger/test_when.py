"""When the ledger writes: at once, once for all that came meanwhile, and ever later while the disk refuses."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
import gc
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
import pytest

from custom_components.lianke import ledger as module
from custom_components.lianke.ledger import Lease, Ledger, RecordChange
from custom_components.lianke.ledger_file import DATABASE_NAME, LedgerFile, LedgerRefusedError
from tests.jobs.conftest import hanging
from tests.ledger.things import (
    HERE,
    Thing,
    made_of,
    opened,
    put,
    refusing_disk,
    stage_of,
    states,
    under_way,
)


@contextmanager
def no_time_passes(hass: HomeAssistant) -> Iterator[None]:
    """Let the event loop's clock stand still: no timer is due, and those that are set can be told."""
    with patch.object(hass.loop, "time", lambda: 1000.0):
        yield


async def test_it_is_tried_again_ever_later(hass: HomeAssistant, root: Path) -> None:
    """After a second at first, and every half minute in the end."""
    async with opened(hass, root) as ledger:
        pauses = []
        with no_time_passes(hass), refusing_disk(ledger):
            with pytest.raises(LedgerRefusedError):
                await ledger.commit(put(HERE, "a", "queued"), is_report=True)
            for _ in range(7):
                pauses.append(ledger._due - 1000)
                assert ledger._timer is not None
                ledger._timer.cancel()
                ledger._write()
                while ledger._work is not None:
                    await asyncio.sleep(0)
        assert pauses == [1, 2, 4, 8, 16, 30, 30]
        await ledger.commit(lambda _: None)
        assert states(ledger) == {"a": "queued"}
        # And soon again the next time.
        with no_time_passes(hass), refusing_disk(ledger):
            with pytest.raises(LedgerRefusedError):
                await ledger.commit(put(HERE, "a", "sent"), is_report=True)
            assert ledger._due == 1001
        await ledger.commit(lambda _: None)


async def test_what_is_asked_for_is_written_at_once(hass: HomeAssistant, root: Path) -> None:
    """Whatever came before it: while the disk was at work, or was refused by it."""
    ledger = await made_of(hass, root)
    assert ledger.is_settled
    lease = Lease(ledger)
    with no_time_passes(hass):
        await lease.commit(put(HERE, "a", "held"))
        first = ledger.commit(put(HERE, "a", "queued"))
        await under_way(ledger)
        await ledger.commit(put(HERE, "a", "sent"))
        assert first.done()
        with refusing_disk(ledger), pytest.raises(LedgerRefusedError):
            await ledger.commit(put(HERE, "b", "held"), is_report=True)
        with pytest.raises(LedgerRefusedError):
            await refused_behind(ledger)
        assert not ledger.is_settled
        await ledger.async_close()
    async with opened(hass, root) as ledger:
        assert states(ledger) == {"a": "sent", "b": "held"}


async def refused_behind(ledger: Ledger) -> None:
    """Let a decision be refused; what waits besides must be tried again at once, for who waits for an answer."""
    with refusing_disk(ledger):
        refused = ledger.commit(put(HERE, "c", "held"))
        await under_way(ledger)
        behind = ledger.commit(put(HERE, "d", "held"))
        results = await asyncio.gather(refused, behind, return_exceptions=True)
    assert {type(result) for result in results} == {LedgerRefusedError}
    raise results[0]  # type: ignore[misc]  # as the line above says


async def test_what_may_wait_is_not_written_twice(hass: HomeAssistant, root: Path) -> None:
    """Its time comes while it is written together with what could not wait."""
    async with opened(hass, root) as ledger:
        with hanging() as disk:
            slow = ledger.commit(put(HERE, "a", "held"), within=0.05)
            soon = ledger.commit(put(HERE, "b", "held"))
            await asyncio.sleep(0.15)
            later = ledger.commit(put(HERE, "c", "held"))
            assert disk.visits == [2]
            assert not slow.done()
            disk.goes_on.set()
            await asyncio.gather(slow, soon, later)
            assert disk.visits == [2, 1]
        assert [*states(ledger)] == ["a", "b", "c"]


async def test_what_may_wait_does_not_put_off_what_may_not(hass: HomeAssistant, root: Path) -> None:
    async with opened(hass, root) as ledger:
        with no_time_passes(hass):
            soon = ledger.commit(put(HERE, "a", "held"))
            slow = ledger.commit(put(HERE, "b", "held"), within=30)
            await soon
            assert slow.done()


async def test_what_changes_nothing_is_neither_written_nor_told(
    hass: HomeAssistant, root: Path
) -> None:
    async with opened(hass, root) as ledger:
        await ledger.commit(put(HERE, "a", "held"))
        told: list[RecordChange[Thing]] = []
        ledger.listen(HERE, told.append)
        count = ledger._file._count
        await ledger.commit(put(HERE, "a", "held"))
        # It was never there, or only in between.
        await ledger.commit(lambda view: view.delete(HERE, "nothing"))
        await ledger.commit(stage_of("staged"))
        await ledger.commit(lambda view: view.delete(HERE, "staged"))
        assert not told
        assert ledger._file._count == count + 2


async def test_nobody_need_wait_for_a_refusal(hass: HomeAssistant, root: Path) -> None:
    """It is no error that nobody has looked after."""
    lost: list[dict[str, Any]] = []
    hass.loop.set_exception_handler(lambda _loop, context: lost.append(context))
    async with opened(hass, root) as ledger:
        with refusing_disk(ledger):
            ledger.commit(put(HERE, "a", "held"))
            while ledger.latest(HERE):
                await asyncio.sleep(0.01)
        await ledger.commit(lambda _: None)
        gc.collect()
    assert not lost


async def test_the_log_goes_into_the_database_when_nothing_happens(
    hass: HomeAssistant, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE", 0.05)
    log = root / f"{DATABASE_NAME}-wal"
    async with opened(hass, root) as ledger:
        await ledger.commit(put(HERE, "a", "held"))
        async with asyncio.timeout(30):
            while log.stat().st_size:
                await asyncio.sleep(0.01)
            # The queue goes on afterwards.
            await ledger.commit(put(HERE, "b", "held"))
        assert [*states(ledger)] == ["a", "b"]


async def test_the_log_stays_while_the_disk_is_at_work(
    hass: HomeAssistant, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the one was taken for that of the other, and what was not on disk was told."""
    monkeypatch.setattr(module, "IDLE", 0.05)
    async with opened(hass, root) as ledger:
        await ledger.commit(put(HERE, "a", "held"))
        with hanging() as disk:
            slow = ledger.commit(put(HERE, "b", "held"))
            await asyncio.sleep(0.15)
            assert disk.hangs
            assert not slow.done()
            assert [*states(ledger)] == ["a"]
        await slow


async def test_closing_waits_for_the_log_that_is_just_being_moved(
    hass: HomeAssistant, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file stayed open, and the box that was set up next found it busy."""
    monkeypatch.setattr(module, "IDLE", 0.01)
    move, began, goes_on = LedgerFile.checkpoint, Event(), Event()

    def slow(self: LedgerFile) -> None:
        began.set()
        assert goes_on.wait(timeout=60)
        move(self)

    monkeypatch.setattr(LedgerFile, "checkpoint", slow)
    ledger = await made_of(hass, root)
    await ledger.commit(put(HERE, "a", "held"))
    while not began.is_set():
        await asyncio.sleep(0.01)
    closing = hass.async_create_task(ledger.async_close())
    await asyncio.sleep(0.05)
    assert not closing.done()
    goes_on.set()
    await closing
    async with opened(hass, root) as again:
        assert states(again) == {"a": "held"}


async def test_a_write_goes_on_when_home_assistant_stops(hass: HomeAssistant, root: Path) -> None:
    """Home Assistant cancels all that it knows of then, while the thread is in the midst of its transaction."""
    async with opened(hass, root) as ledger:
        with hanging() as disk:
            decision = ledger.commit(put(HERE, "a", "held"))
            while not disk.hangs:
                await asyncio.sleep(0.01)
            known = {*hass._tasks, *hass._background_tasks} - {asyncio.current_task()}
            for task in known:
                task.cancel("Home Assistant is stopping")
            late = ledger.commit(put(HERE, "b", "queued"))
            await asyncio.sleep(0.05)
            assert not decision.done()
            # The next transaction does not begin beside it.
            assert len(disk.visits) == 1
            disk.goes_on.set()
            await asyncio.gather(decision, late)
        assert states(ledger) == {"a": "held", "b": "queued"}


async def test_a_thread_that_was_canceled_has_written_nothing(
    hass: HomeAssistant, root: Path
) -> None:
    """As where the event loop's threads are no more before it has begun."""
    async with opened(hass, root) as ledger:
        dropped = hass.loop.create_future()
        with patch.object(hass.loop, "run_in_executor", return_value=dropped):
            decision = ledger.commit(put(HERE, "a", "held"))
            report = ledger.commit(put(HERE, "b", "queued"), is_report=True)
            await under_way(ledger)
        dropped.cancel()
        results = await asyncio.gather(decision, report, return_exceptions=True)
        assert {type(result) for result in results} == {LedgerRefusedError}
        await ledger.commit(lambda _: None)
        assert states(ledger) == {"b": "queued"}


async def test_what_is_refused_after_the_end_is_not_tried_again(
    hass: HomeAssistant, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its timer would go on in a Home Assistant that has stopped."""
    monkeypatch.setattr(module, "CLOSE_TIME", 0.1)
    ledger = await made_of(hass, root)
    with hanging() as disk:
        disk.refusals = 1
        waits = ledger.commit(put(HERE, "a", "held"), is_report=True)
        while not disk.hangs:
            await asyncio.sleep(0.01)
        await ledger.async_close()
        with pytest.raises(LedgerRefusedError):
            await waits
        disk.goes_on.set()
        while ledger._file._db is not None:
            await asyncio.sleep(0.01)
    assert ledger._timer is None


async def test_closing_does_not_wait_for_a_disk_that_hangs_for_ever(
    hass: HomeAssistant, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it close the file while a thread is in it."""
    monkeypatch.setattr(module, "CLOSE_TIME", 0.1)
    closed: list[bool] = []
    ledger = await made_of(hass, root)
    with hanging() as disk:
        waits = ledger.commit(put(HERE, "a", "held"))
        while not disk.hangs:
            await asyncio.sleep(0.01)
        with patch.object(LedgerFile, "close", lambda _: closed.append(True)):
            await ledger.async_close()
            with pytest.raises(LedgerRefusedError):
                await waits
            assert not closed
        disk.goes_on.set()
        while ledger._file._db is not None:
            await asyncio.sleep(0.01)
    assert ledger._timer is None
    async with opened(hass, root) as again:
        assert states(again) == {"a": "held"}
