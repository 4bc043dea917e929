"""Limits on what is made: no small input becomes a huge page, fills the memory or stops the loop."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
import gc
import os
from pathlib import Path
import time
from typing import Any

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
    "csv-lines": (file("a.csv", b"a,b\n"), "too_many_cells"),
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
    "tabs": (text(SourceKind.TEXT, "a\t"), None),
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
            # Others use this machine as well: what counts is processor time, and no wait for a processor.
            waited = waited_for_processor()
            started, cpu = time.monotonic(), time.process_time()
            await asyncio.sleep(0.01)
            passed = time.monotonic() - started - (waited_for_processor() - waited)
            late = min(passed, time.process_time() - cpu + 0.01) - 0.01
            self.hold = max(self.hold, late)
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


def waited_for_processor() -> float:
    """Return for how many seconds threads of this process were ready to run and had no processor.

    One that holds the interpreter's lock makes the event loop wait as well.
    """
    waited = 0
    for thread in Path("/proc/self/task").iterdir():
        # It may end meanwhile.
        with suppress(OSError):
            waited += int((thread / "schedstat").read_text().split()[1])
    return waited / 1e9


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
