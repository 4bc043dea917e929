"""Limits on what is made: no small input becomes a huge page, fills the memory or stops the loop."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
import gc
import os
from pathlib import Path
import resource
import subprocess
import sys
import time
from typing import Any, NamedTuple

from homeassistant.components.todo.const import TodoItemStatus
from homeassistant.components.todo.entity import TodoItem
from homeassistant.core import HomeAssistant
import pytest

from custom_components.lianke.documents.document import SourceKind
from custom_components.lianke.documents.spool import Spool
from custom_components.lianke.input_error import InputError
from custom_components.lianke.pages.lists import MAX_LIST_ENTRIES
from custom_components.lianke.pages.page import MAX_MADE_BYTES
from tests.documents.conftest import fetched
from tests.documents.entities import Shopping, add
from tests.documents.hostile_pdfs import bomb, tree_of_itself
from tests.documents.samples import protected_pdf
from tests.simulator import make_pdf

MB = 1024 * 1024
MAX_GROWTH = 64 * MB
MAX_HOLD = 0.1
# Seconds between two looks at the loop.
TICK = 0.01

type Made = tuple[SourceKind, str, bytes | str]


def text(kind: SourceKind, pattern: str, size: int = MB) -> Made:
    """Return a text of a pattern, repeated up to a size."""
    return kind, "", (pattern * (size // len(pattern) + 1))[:size]


def file(name: str, pattern: bytes, size: int = MB) -> Made:
    """Return a file of a pattern, repeated up to a size."""
    return SourceKind.FILE, name, (pattern * (size // len(pattern) + 1))[:size]


HOSTILE: dict[str, tuple[Made, str | None]] = {
    # 1 MB of this became 288 MB of HTML.
    "csv": (file("a.csv", b"a,b\n" + b",\n" * 20 + b"," * 59 + b"\n"), "too_many_cells"),
    "csv-columns": (file("a.csv", b","), "too_many_cells"),
    "csv-quotes": (file("a.csv", b'a,"'), "too_many_cells"),
    # 180 kB of this held a worker for 40 s.
    "codes": (text(SourceKind.MARKDOWN, "![](qr:a)", 90_000), "too_many_codes"),
    "codes-html": (text(SourceKind.HTML, "<img src=qr:a>", 180_000), "too_many_codes"),
    "long-markdown": (text(SourceKind.MARKDOWN, "a\n\n"), "text_too_large"),
    "links": (
        (SourceKind.MARKDOWN, "", f"[a]: http://x/{'y' * 45_000}\n\n" + "[a]" * 15_000),
        "page_too_large",
    ),
    "nested": ((SourceKind.MARKDOWN, "", "a\n\n" + ">" * 90_000), None),
    "emphasis": (text(SourceKind.MARKDOWN, "*a*", 90_000), None),
    "lines": (text(SourceKind.TEXT, "a\n"), None),
    "one-word": (text(SourceKind.TEXT, "W"), None),
    "quotes": (text(SourceKind.TEXT, "'"), None),
    "blanks": (text(SourceKind.TEXT, "a "), None),
    "chinese": (text(SourceKind.TEXT, "长，", 340_000), None),
    "log": (file("a.log", b"2026-11-26 07:00:00 INFO something happened\n"), None),
    "bomb": ((SourceKind.FILE, "a.pdf", bomb()), "pdf_"),
    "tree": ((SourceKind.FILE, "a.pdf", tree_of_itself(60)), "pdf_damaged"),
    "protected": ((SourceKind.FILE, "a.pdf", protected_pdf(2, user="x")), "pdf_password_needed"),
}  # fmt: skip


class Watch:
    """Measures how much memory grows and how long the loop is held."""

    def __init__(self) -> None:
        """Measure nothing yet."""
        self.before = self.most = rss()
        self.hold = 0.0
        self._task = asyncio.get_running_loop().create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            before = Used.now()
            await asyncio.sleep(TICK)
            self.hold = max(self.hold, Used.now().held_since(before))
            self.most = max(self.most, rss())

    async def stop(self) -> None:
        """End the measuring."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    @property
    def growth(self) -> int:
        """Return the bytes that memory has grown by at its peak."""
        return max(0, self.most - self.before)


def rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Used(NamedTuple):
    """What this process, and the thread of the loop, have used so far.

    Others use this machine as well, and its host's: a late tick proves nothing.
    """

    passed: float
    process: float
    loop: float
    sleeps: int

    @classmethod
    def now(cls) -> Used:
        sleeps = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        return cls(time.monotonic(), time.process_time(), time.thread_time(), sleeps)

    def held_since(self, before: Used) -> float:
        """Return for how long the loop was held in a tick: by itself, or by a thread that kept the interpreter's lock.

        Whoever waits for that lock wakes at each switch interval to ask for it. A loop that is only given no processor
        does not wake, and a thread that keeps the lock but is given no processor uses none.
        """
        passed, process, loop, sleeps = (now - then for now, then in zip(self, before, strict=True))
        asked = loop + sleeps * sys.getswitchinterval()
        return max(0.0, min(passed - TICK, process, asked))


@pytest.fixture
def feed(hass: HomeAssistant, spool: Spool, media: Path) -> Callable[[Made], Any]:
    """Return a function that takes an input as far as to its document, and discards it."""

    async def feed(made: Made) -> str | None:
        kind, name, value = made
        if isinstance(value, bytes):
            (media / name).write_bytes(value)
            value = str(media / name)
        try:
            document = await fetched(hass, spool, kind, value, limit=50 * MB)
        except InputError as err:
            return err.reason
        document.path.unlink()
        assert document.size <= MAX_MADE_BYTES
        return None

    return feed


def use(seconds: float) -> None:
    """Use a processor as Python does, which gives the lock to whoever asks for it."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def keep_lock(seconds: float) -> None:
    """Use a processor in one call of C, which gives the lock to nobody."""
    count, taken = 1_000_000, 0.0
    while taken < seconds:
        started = time.thread_time()
        sum(range(count := 2 * count))
        taken = time.thread_time() - started


def busy_neighbors(count: int) -> list[subprocess.Popen[bytes]]:
    return [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]


@pytest.mark.long
@pytest.mark.parametrize(
    ("work", "is_in_loop", "is_held"),
    [(use, True, True), (keep_lock, False, True), (use, False, False)],
)
async def test_only_a_real_hold_counts(
    hass: HomeAssistant, work: Callable[[float], None], is_in_loop: bool, is_held: bool
) -> None:
    """Whatever the neighbors do, who want two processors more than there are."""
    neighbors = await hass.async_add_executor_job(busy_neighbors, (os.cpu_count() or 1) + 2)
    watch = Watch()
    try:
        await asyncio.sleep(0)
        if is_in_loop:
            work(0.2)
        else:
            await hass.async_add_executor_job(work, 0.2)
        await asyncio.sleep(2 * TICK)
    finally:
        await watch.stop()
        for neighbor in neighbors:
            neighbor.kill()
            neighbor.wait()
    assert (watch.hold > MAX_HOLD) is is_held, watch.hold


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_inputs_stay_within_bounds(feed: Callable[[Made], Any], name: str) -> None:
    """No input of a megabyte makes memory grow by 64 MB or holds the loop for 100 ms."""
    made, key = HOSTILE[name]
    await feed((SourceKind.TEXT, "", "warm"))
    await feed((SourceKind.MARKDOWN, "", "![](qr:warm)"))
    await feed((SourceKind.FILE, "warm.pdf", make_pdf(1)))
    gc.collect()
    watch = Watch()
    started = time.process_time()
    refused = await feed(made)
    spent = time.process_time() - started
    await watch.stop()
    print(f"{name}: {watch.growth // MB} MB, {watch.hold * 1000:.0f} ms, {spent:.1f} s, {refused}")  # noqa: T201
    assert (refused is None) if key is None else (refused or "").startswith(key)
    assert watch.growth < MAX_GROWTH
    assert watch.hold < MAX_HOLD
    assert spent < 10


async def test_a_list_has_a_limit(hass: HomeAssistant, spool: Spool) -> None:
    items = [TodoItem(summary="x", status=TodoItemStatus.NEEDS_ACTION)] * (MAX_LIST_ENTRIES + 1)
    await add(hass, "todo", [Shopping(items)])
    with pytest.raises(InputError, match="list_too_long"):
        await fetched(hass, spool, SourceKind.ENTITY, "todo.shopping")
