"""The moments of a scan: each time that one of our coroutines waits, and before and after each ledger transaction.

At one of these moments the power goes, the box is reloaded, or the disk refuses a write.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
import shutil
from typing import Any
from unittest.mock import patch

from homeassistant.core import callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
import pytest

from custom_components.lianke import ledger
from custom_components.lianke.api.errors import LiankeConnectionError
from custom_components.lianke.api.transport import Transport
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.documents import folders
from custom_components.lianke.documents.spool import async_get_spool
from custom_components.lianke.jobs.files import ledger_path
from custom_components.lianke.jobs.opening import DATA_LEDGER, async_close_ledger
from custom_components.lianke.ledger import Ledger
from custom_components.lianke.ledger_file import LedgerFile, LedgerRefusedError
from custom_components.lianke.scanner.paperless import Paperless
from custom_components.lianke.scanner.scan_delivery import Deliveries
from custom_components.lianke.scanner.scan_job import (
    DeliveryError,
    DeliveryState,
    ScanJob,
    ScanUpdate,
)
from custom_components.lianke.scanner.scan_jobs import SIGNAL_SCAN, ScanJobs, async_get_scan_jobs
from tests.household import House
from tests.ledgers import rows
from tests.power_cut import copy_moment

type Story = Callable[[], Coroutine[Any, Any, None]]


class Driven[T]:
    """A coroutine that calls `waits` each time before it waits."""

    def __init__(self, work: Coroutine[Any, Any, T], waits: Callable[[], None]) -> None:
        self._work = work
        self._waits = waits

    def __await__(self) -> Generator[Any, Any, T]:
        """Run the coroutine, and call `waits` whenever it waits for something."""
        inner, value, error = self._work.__await__(), None, None
        while True:
            try:
                waited_for = inner.send(value) if error is None else inner.throw(error)
            except StopIteration as end:
                result: T = end.value
                return result
            self._waits()
            value = error = None
            try:
                value = yield waited_for
            except BaseException as err:  # noqa: BLE001  # any error goes on to the coroutine
                error = err


@dataclass
class Moments:
    """Counts the moments, and lets something happen at one of them."""

    house: House
    root: Path
    copy: Path
    # Number of the moment, from 1, at which `act` is called.
    at: int = 0
    act: Callable[[], None] = lambda: None
    count: int = 0
    writes: int = 0
    # Numbers of the transactions that are refused, and whether their rows are on disk in spite of that.
    refused: frozenset[int] = frozenset()
    comes_true: bool = False
    has_acted: bool = False
    # Whether the power is gone: what the old process still does then has no effect.
    is_dead: bool = False
    is_copied: bool = False
    # Set at the next start. Until then, requests of the old process wait; then they fail without an answer.
    buried: asyncio.Event = field(default_factory=asyncio.Event)
    told: list[ScanJob] = field(default_factory=list)
    lies: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Start counting anew."""
        self.at = self.count = self.writes = 0
        self.refused, self.comes_true, self.has_acted = frozenset(), False, False
        self.told, self.lies = [], []

    def pass_(self) -> None:
        """Count a moment, and call `act` if it is the chosen one."""
        if self.is_dead:
            return
        self.count += 1
        if self.count == self.at:
            self.has_acted = True
            self.act()

    def cut(self) -> None:
        """Cut the power, and keep what is on disk at that moment."""
        self.is_dead, self.comes_true = True, False
        copy_moment(self.root, self.copy)
        self.is_copied = True

    async def async_start(self) -> None:
        """Set the box up again with what the power cut has left."""
        hass, entry = self.house.hass, self.house.entry
        old = hass.data[DATA_LEDGER]._file
        # Do not wait for the old process to write what its disk refuses.
        with patch.object(ledger, "CLOSE_TIME", 0.1):
            await hass.config_entries.async_unload(entry.entry_id)
            await async_close_ledger(hass)
        # Close the file now: a late thread would close it while the next process uses it, and remove SQLite's log.
        await hass.async_add_executor_job(old.close)

        def put_back() -> None:
            shutil.rmtree(self.root)
            self.copy.rename(self.root)

        await hass.async_add_executor_job(put_back)
        await (await async_get_spool(hass)).async_start()
        self.is_dead = self.is_copied = False
        self.buried.set()
        self.buried = asyncio.Event()
        assert await hass.config_entries.async_setup(entry.entry_id)

    @callback
    def on_scan(self, update: ScanUpdate) -> None:
        """Compare a reported change of a scan with what is on disk."""
        if self.is_dead:
            return
        job = update.job
        self.told.append(job)
        kept = {one["job_id"]: one for one in rows(ledger_path(self.house.hass), "scan")}
        found = kept.get(job.job_id, {})
        if (found.get("state"), tuple(found.get("pages", ()))) != (job.state, job.pages):
            self.lies.append(f"told {job.state}, on disk is {found.get('state')}")
        jobs = async_get_scan_jobs(self.house.hass, self.house.entry)
        missing = [one for one in (*job.pages, *job.files) if not jobs.path(job, one).is_file()]
        # At the end, all pages but the first may be gone, because they are in the file.
        if missing and not (job.is_final and {*missing} <= {*job.pages[1:]}):
            self.lies.append(f"told {job.state} without {missing}")


def drive(moments: Moments, monkeypatch: pytest.MonkeyPatch, where: object, name: str) -> None:
    """Count each moment in which a coroutine function waits."""
    work = getattr(where, name)

    async def driven(*args: Any, **more: Any) -> Any:
        return await Driven(work(*args, **more), moments.pass_)

    monkeypatch.setattr(where, name, driven)


def moments_of_ledger(house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Moments:
    """Count the moments of a house's transactions; once the power is gone, nothing reaches the disk or the service."""
    root = Path(house.hass.config.cache_path(DOMAIN))
    moments = Moments(house, root, tmp_path / "moment")
    write_all, tidy_up = Ledger._write, Ledger._checkpoint
    done, write, slot = Ledger._on_done, LedgerFile.write, Transport._request_slot

    # This moment is before the ledger takes changes from its queue. Nothing can happen between that and the thread's
    # work, because no other task can run then.
    def begin_write(self: Ledger) -> None:
        moments.pass_()
        write_all(self)

    def begin_tidying_up(self: Ledger) -> None:
        moments.pass_()
        tidy_up(self)

    def end_write(self: Ledger, work: asyncio.Future[None]) -> None:
        moments.pass_()
        done(self, work)

    def refusing(self: LedgerFile, of: Any) -> None:
        if moments.is_dead:
            raise LedgerRefusedError("the power is gone")
        moments.writes += 1
        if moments.comes_true and moments.has_acted:
            # The next transaction would undo the rows that are on disk although they were refused: cut the power first.
            moments.cut()
            raise LedgerRefusedError("the power is gone")
        if moments.writes in moments.refused:
            moments.has_acted = True
            if moments.comes_true:
                write(self, of)
            raise LedgerRefusedError("the disk is full")
        write(self, of)

    @asynccontextmanager
    async def no_line(self: Transport, *args: Any, **more: Any) -> AsyncIterator[None]:
        if moments.is_dead:
            await moments.buried.wait()
            raise LiankeConnectionError("the power is gone", may_have_arrived=False)
        async with slot(self, *args, **more):
            yield

    monkeypatch.setattr(Ledger, "_write", begin_write)
    monkeypatch.setattr(Ledger, "_checkpoint", begin_tidying_up)
    monkeypatch.setattr(Ledger, "_on_done", end_write)
    monkeypatch.setattr(LedgerFile, "write", refusing)
    monkeypatch.setattr(Transport, "_request_slot", no_line)
    return moments


@asynccontextmanager
async def moments_of(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncGenerator[Moments]:
    """Count the moments of a house that scans."""
    moments = moments_of_ledger(house, monkeypatch, tmp_path)
    to_its_end, copy_all = ScanJobs._async_to_its_end, folders.copy_all

    async def work_driven(self: ScanJobs, work: Coroutine[Any, Any, Any]) -> Any:
        async def driven() -> Any:
            return await Driven(work, moments.pass_)

        return await to_its_end(self, driven())

    def no_copy(*args: Any, **more: Any) -> bool:
        if moments.is_dead:
            raise OSError("the power is gone")
        return copy_all(*args, **more)

    drive(moments, monkeypatch, ScanJobs, "_async_run")
    monkeypatch.setattr(ScanJobs, "_async_to_its_end", work_driven)
    monkeypatch.setattr(folders, "copy_all", no_copy)
    stop = async_dispatcher_connect(house.hass, SIGNAL_SCAN, moments.on_scan)
    try:
        yield moments
    finally:
        stop()


@asynccontextmanager
async def moments_of_deliveries(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncGenerator[Moments]:
    """Count the moments of a house that sends scans; once the power is gone, no request reaches Paperless-ngx."""
    async with moments_of(house, monkeypatch, tmp_path) as moments:
        ask = Paperless._async_ask

        async def no_line(self: Paperless, *args: Any, **more: Any) -> Any:
            if moments.is_dead:
                await moments.buried.wait()
                raise DeliveryError("paperless_unreachable", state=DeliveryState.OPEN)
            return await ask(self, *args, **more)

        drive(moments, monkeypatch, Deliveries, "_async_run")
        monkeypatch.setattr(Paperless, "_async_ask", no_line)
        yield moments
