"""Whatever is asked of the ledger and refused by the disk: what is told is on disk, and no report is lost."""

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, cast
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from hypothesis import example, given, settings, strategies as st

from custom_components.lianke import ledger as module
from custom_components.lianke.ledger import Lease, Ledger, RecordChange, Table, View
from custom_components.lianke.ledger_file import Kind, LedgerRefusedError
from tests.examples import examples

COUNT = Kind[int]("count", json.dumps, json.loads)
HERE = Table(COUNT, "here")
# A decision adds one to a record, a report so many.
REPORT = 1000


class Work(NamedTuple):
    """Something that a thread is to do."""

    done: asyncio.Future[Any]
    what: Callable[..., Any]
    args: tuple[Any, ...]


class Threads:
    """What the ledger knows of Home Assistant, with threads that work when they are told to."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        # The loop ends with the case.
        self.loop.run_in_executor = self._run_in_executor  # type: ignore[assignment, method-assign]
        self.is_manual = False
        self.waiting: list[Work] = []

    def async_add_executor_job(self, what: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Do it at once, or let it wait."""
        work = Work(self.loop.create_future(), what, args)
        self.waiting.append(work)
        if not self.is_manual:
            self.work(refuses=False)
        return work.done

    def _run_in_executor(
        self, _pool: None, what: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        return self.async_add_executor_job(what, *args)

    def work(self, *, refuses: bool) -> None:
        """Let one that waits have its end."""
        work = self.waiting.pop(0)
        if refuses:
            work.done.set_exception(LedgerRefusedError("no room"))
        else:
            work.done.set_result(work.what(*work.args))


class Case:
    """A ledger, what was asked of it, and what it told."""

    def __init__(self, ledger: Ledger, threads: Threads) -> None:
        self.ledger = ledger
        self.threads = threads
        self.lease = Lease(ledger)
        self.told: dict[str, int] = {}
        self.links: list[bool] = []
        self.decisions: list[tuple[str, asyncio.Future[None]]] = []
        self.reports: Counter[str] = Counter()
        ledger.listen(HERE, self.on_step)

    def on_step(self, step: RecordChange[int]) -> None:
        """Follow the steps: each begins where the one before ended."""
        new = cast(int, step.new)
        (name,) = (name for name, value in self.ledger.committed(HERE).items() if value == new)
        # What a listener raises stays with it.
        self.links.append(self.told.get(name) == step.old)
        self.told[name] = new

    def ask(self, kind: str, name: str) -> None:
        """Ask for a change."""
        was = self.ledger.latest(HERE)[name]

        def change(view: View) -> None:
            count = view.get(HERE, name)
            assert count is not None
            if kind == "if it is so" and count != was:
                raise ValueError("it is not so any more")
            view.put(HERE, name, count + (REPORT if kind == "report" else 1))

        done = self.lease.commit(change, is_report=kind == "report")
        if kind == "report":
            self.reports[name] += 1
        else:
            self.decisions.append((name, done))

    def check(self) -> None:
        """Look whether all is on disk that was told, and that somebody heard to be decided."""
        db = self.ledger._file._db
        assert db is not None
        rows = {name: int(text) for name, text in db.execute("SELECT id, record FROM record")}
        assert dict(self.ledger.committed(HERE)) == rows == self.told
        assert all(self.links)
        made = Counter(
            name for name, done in self.decisions if done.done() and done.exception() is None
        )
        for name, count in rows.items():
            # Other values, so that they are told apart.
            number = count % REPORT - START[name]
            assert made[name] <= number
        self.are_made = made


START = {"a": 0, "b": 200, "c": 400}


async def turns() -> None:
    """Let everything be done that is due."""
    for _ in range(8):
        await asyncio.sleep(0)


asks = st.tuples(st.sampled_from(["decision", "if it is so", "report"]), st.sampled_from("abc"))
ends = st.sampled_from(["written", "refused", "reloaded"])


# Reports of one record, and of others, that the disk refuses again and again.
LONG: list[tuple[str, str] | str] = [
    *[("report", name) for name in "aab"],
    *["refused"] * 3,
    ("decision", "a"),
    ("report", "c"),
    *["refused", "reloaded"] * 3,
    ("if it is so", "a"),
    "written",
]


def _begin(name: str, count: int, view: View) -> None:
    view.put(HERE, name, count)


@settings(max_examples=examples(100), deadline=None)
@example(LONG)
@given(st.lists(asks | ends, max_size=40))
def test_any_order(steps: list[tuple[str, str] | str]) -> None:
    async def run(root: Path) -> None:
        threads = Threads()
        ledger = Ledger(cast(HomeAssistant, threads), root)
        await ledger.async_open()
        await ledger.async_load(HERE)
        case = Case(ledger, threads)
        for name, count in START.items():
            await ledger.commit(partial(_begin, name, count))
        threads.is_manual = True
        for step in steps:
            if isinstance(step, tuple):
                case.ask(*step)
            elif step == "reloaded":
                case.lease.end()
                case.lease = Lease(ledger)
            elif threads.waiting:
                threads.work(refuses=step == "refused")
            await turns()
            case.check()
        threads.is_manual = False
        while threads.waiting:
            threads.work(refuses=False)
            await turns()
        await ledger.commit(lambda _: None)
        case.check()
        assert ledger.latest(HERE) == ledger.committed(HERE)
        for name, count in ledger.committed(HERE).items():
            # No report is lost, and of the decisions those are made of which somebody heard that they are.
            assert count == START[name] + REPORT * case.reports[name] + case.are_made[name]
        await ledger.async_close()

    with TemporaryDirectory() as folder, patch.object(module, "RETRY_AFTER", 0.0):
        asyncio.run(run(Path(folder) / "jobs"))
