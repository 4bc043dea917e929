"""What the bench counts of a print's way through the code."""

import asyncio
from collections import Counter
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.probe.walks import Recorder
from benchmarks.walks import Walk

MODULE = """
import asyncio


class Printer:
    @property
    def name(self):
        return max("one", "two", key=lambda text: len(text))


def in_thread():
    def read():
        return all(letter for letter in Printer().name)

    return read()


async def coroutine():
    for _ in range(3):
        await asyncio.sleep(0)
    return await asyncio.to_thread(in_thread)


async def never_awaited():
    pass


def begins():
    never_awaited().close()
    return coroutine()
"""


@pytest.fixture(name="ours")
def ours_fixture(tmp_path: Path) -> ModuleType:
    """Return a module in a package of ours."""
    path = tmp_path / "ours" / "jobs" / "queue.py"
    path.parent.mkdir(parents=True)
    path.write_text(MODULE)
    spec = importlib.util.spec_from_file_location("ours_queue", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_what_begins_is_recorded_in_all_threads_and_once(
    tmp_path: Path, ours: ModuleType
) -> None:
    """A coroutine that goes on does not begin again; an inner function is a part of its outer one."""
    recorder = Recorder(tmp_path / "ours")
    with recorder.recording():
        await ours.begins()
    await ours.begins()
    names = ["begins", "coroutine", "in_thread", "in_thread", "Printer.name"]
    assert recorder.steps == [("jobs/queue.py", name) for name in names]


async def test_a_second_recorder_sees_what_the_first_left_aside(
    tmp_path: Path, ours: ModuleType
) -> None:
    other = Recorder(tmp_path / "others")
    with other.recording():
        ours.in_thread()
    assert other.steps == []
    recorder = Recorder(tmp_path / "ours")
    with recorder.recording():
        ours.in_thread()
    assert ("jobs/queue.py", "Printer.name") in recorder.steps


async def test_still_is_only_who_has_begun_nothing_for_a_while(
    tmp_path: Path, ours: ModuleType
) -> None:
    recorder = Recorder(tmp_path / "ours")

    async def busy() -> None:
        for _ in range(10):
            await asyncio.sleep(0.05)
            ours.in_thread()

    with recorder.recording():
        task = asyncio.create_task(busy())
        await recorder.still(0.2)
        assert task.done()


def test_what_begins_at_rest_is_not_on_the_walk() -> None:
    rest = [["coordinator.py", "poll"], ["sensor.py", "value"]]
    steps = [
        ["printing/print_action.py", "build"],
        ["coordinator.py", "poll"],
        ["printing/print_action.py", "build"],
        ["jobs/queue.py", "submit"],
        ["printing/print_action.py", "answer"],
        ["sensor.py", "available"],
    ]
    walk = Walk.of("walk_print", steps, rest)
    assert walk.files == {
        "printing/print_action.py": Counter(build=2, answer=1),
        "jobs/queue.py": Counter(submit=1),
        "sensor.py": Counter(available=1),
    }
    functions, files = walk.figures()
    assert (functions.name, functions.value, functions.goal) == ("walk_print", 4, 200)
    assert functions.note == "5 calls, 3 changes of file"
    assert (files.name, files.value, files.goal) == ("walk_print_files", 3, 38)
    assert functions.ok
    assert files.ok
    assert str(walk).splitlines()[:2] == [
        "walk_print",
        "   2  printing/print_action.py: build 2, answer 1",
    ]


def test_a_walk_through_too_many_files_misses_its_goal() -> None:
    many = [[f"{number}.py", "begin"] for number in range(39)]
    functions, files = Walk.of("walk_print", many, []).figures()
    assert functions.ok
    assert not files.ok


def test_a_goal_for_later_is_said_to_be_one() -> None:
    functions, files = Walk.of("walk_approval", [["jobs/queue.py", "submit"]], []).figures()
    assert functions.note.startswith("a goal for later; ")
    assert files.note == "a goal for later"
