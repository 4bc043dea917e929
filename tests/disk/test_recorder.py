"""The recorder notes all that reaches the disk, and faults happen to what they concern."""

import _sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
import ctypes
import errno
import os
from pathlib import Path
import re
import subprocess
import sys
import time

import pytest

from tests import needs

from . import build
from .crashes import kills
from .recorder import Recorder
from .recording import Fault, FaultKind, NeverMetError, NotNotedError
from .writers import FILE, content

pytestmark = needs.linux

ROOT = Path(__file__).parents[2]
WRITERS = "tests.disk.writers"


@contextmanager
def started(recorder: Recorder, writer: str) -> Iterator[Callable[[str], str]]:
    """Start a writer that waits for lines, and give what says one to it."""
    with subprocess.Popen(
        [sys.executable, "-m", WRITERS, writer, str(recorder.folder)],
        cwd=ROOT,
        env=recorder.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        incoming, outgoing = process.stdin, process.stdout
        assert outgoing.readline() == "ready\n"

        def say(line: str) -> str:
            incoming.write(f"{line}\n")
            incoming.flush()
            return outgoing.readline()

        yield say
        incoming.close()


# What is noted


# What changes files, in all spellings of the C library.
CHANGING = re.compile(
    rb"\0((?:__)?(?:p?writev?|open|creat|f?truncate|rename|unlink|remove|rmdir|mkdir|link|symlink"
    rb"|sendfile|copy_file_range|splice|(?:posix_)?fallocate|mmap|fopen|freopen|fdopen|mko?stemps?"
    rb"|f?chmod|f(?:data)?sync)(?:at)?(?:64)?(?:v?2|_2|_chk)?)(?=\0)"
)


def test_no_way_to_a_file_leads_past_the_library() -> None:
    own = ctypes.CDLL(str(build.library()))
    system = ctypes.CDLL(None)
    loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    # The interpreter, and SQLite, which may be a part of its module.
    binaries = [Path(sys.executable).resolve(), Path(_sqlite3.__file__)]
    binaries += [Path(path) for path in loaded if "libsqlite3" in path]
    called = {name.decode() for path in binaries for name in CHANGING.findall(path.read_bytes())}
    assert {"pwrite64", "fdatasync", "ftruncate64", "unlink"} <= called
    for name in called:
        addresses = [
            ctypes.cast(getattr(library, name), ctypes.c_void_p).value for library in (own, system)
        ]
        assert addresses[0] != addresses[1], f"shim.c does not know {name}"


def test_whatever_python_does_to_files_is_noted(folder: Path, recorder: Recorder) -> None:
    recording = recorder.run(WRITERS, "all_sorts", str(folder))
    assert recording.status == 0, recording.output
    done = {one.kind for one in recording.operations}
    assert done == {
        *("create", "write", "truncate", "sync", "mkdir", "rmdir", "unlink", "rename", "link"),
        "chmod",
    }
    # A child process as well.
    assert len({one.process for one in recording.operations}) == 2
    numbers = [one.number for one in recording.operations]
    assert numbers == list(range(1, len(numbers) + 1))
    *_, last = kills(recording)
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*")}
    assert {path: data for path, data in last.files.items() if path} == {
        path: whole.read_bytes() for path, whole in files.items()
    }
    assert {"two", "four", "child"} == set(files)


def test_what_sqlite_writes_is_noted(folder: Path, recorder: Recorder) -> None:
    # The log is copied into the file and begun anew meanwhile.
    recording = recorder.run(WRITERS, "ledger", str(folder), "30")
    assert recording.status == 0, recording.output
    written = {one.path for one in recording.operations if one.kind == "write"}
    assert written >= {"ledger.db", "ledger.db-wal"}
    starts = [one for one in recording.operations if one.path == "ledger.db-wal" and not one.offset]
    assert len([one for one in starts if one.kind == "write"]) > 1
    assert [mark.text for mark in recording.marks] == [f"kept {one}" for one in range(1, 31)]
    for mark in recording.marks:
        before = recording.operations[: mark.number]
        last = [one.kind for one in before if one.path == "ledger.db-wal"][-1]
        assert last == "sync"
    # `run` compares what lies there with what the log tells.
    assert (folder / "ledger.db").read_bytes().startswith(b"SQLite format 3")


def test_threads_are_noted_in_the_order_in_which_they_write(
    folder: Path, recorder: Recorder
) -> None:
    recording = recorder.run(WRITERS, "threads", str(folder))
    assert recording.status == 0, recording.output
    assert len({one.thread for one in recording.operations}) >= 4
    appended = [one for one in recording.operations if one.path == "all" and one.kind == "write"]
    assert b"".join(one.data for one in appended) == (folder / "all").read_bytes()
    assert len(appended) == 200


def test_a_forked_process_is_watched_when_it_says_so(
    folder: Path, recorder: Recorder, tmp_path: Path
) -> None:
    subprocess.run(
        [sys.executable, "-m", WRITERS, "forked", str(folder), str(tmp_path / "log")],
        cwd=ROOT,
        env={**os.environ, "LD_PRELOAD": str(build.library())},
        check=True,
    )
    recording = recorder.recording()
    assert [(one.kind, one.path) for one in recording.operations] == [
        *(("create", "one"), ("write", "one")),
        *(("create", "two"), ("write", "two")),
    ]
    assert [mark.text for mark in recording.marks] == ["kept 1"]


@pytest.mark.parametrize("how", ["mmap", "symlink", "rename", "stdio"])
def test_what_cannot_be_noted_ends_the_process(folder: Path, recorder: Recorder, how: str) -> None:
    with pytest.raises(NotNotedError, match="The recorder cannot note"):
        recorder.run(WRITERS, "unseen", str(folder), how)


def test_what_another_process_writes_is_missed_and_told(folder: Path, recorder: Recorder) -> None:
    with pytest.raises(NotNotedError, match="'file' is not what the log tells"):
        recorder.run(WRITERS, "unseen", str(folder), "another process")


# Faults

NO_ROOM = ("create", "grow", "mkdir", "link")
CHANGES = (*NO_ROOM, "overwrite", "truncate", "rmdir", "rename", "chmod", "unlink")


@pytest.mark.parametrize(
    ("fault", "error", "refused"),
    [
        (Fault(kind="full"), "ENOSPC", NO_ROOM),
        (Fault(kind="full", copies=True), "ENOSPC", (*NO_ROOM, "overwrite")),
        (Fault(kind="full", only="new"), "ENOSPC", ("create",)),
        (Fault(kind="full", at=2, times=1), "ENOSPC", ("grow",)),
        (Fault(kind="read_only"), "EROFS", (*CHANGES, "sync", "open")),
        (Fault(kind="fsync_fails"), "EIO", ("sync",)),
        (Fault(kind="write_fails", at=2), "EIO", ("overwrite",)),
    ],
    ids=repr,
)
def test_a_fault_refuses(
    folder: Path, tmp_path: Path, fault: Fault, error: str, refused: tuple[str, ...]
) -> None:
    (folder / "old").write_bytes(b"old")
    (folder / "open").write_bytes(bytes(100))
    (folder / "empty").mkdir()
    (tmp_path / "log").mkdir()
    recorder = Recorder(folder, tmp_path / "log")
    with started(recorder, "refused") as say:
        recorder.order(fault)
        assert say("go on") == "done\n"
    recording = recorder.recording()
    assert {mark.text for mark in recording.marks} == {f"{one} {error}" for one in refused}
    assert len(recording.met) == len(refused)
    assert {one.fault for one in recording.met} == {fault}


def test_a_disk_has_some_room_left(folder: Path, recorder: Recorder) -> None:
    recorder.order(Fault(kind="full", room=1000))
    recording = recorder.run(WRITERS, "replace", str(folder))
    # The process dies of it.
    assert "No space left" in recording.output
    assert (folder / "kept" / f"{FILE}.new").read_bytes() == content(1)[:1000]
    # A write of which a part is done, and those that follow.
    assert [one.error for one in recording.met][:2] == [0, errno.ENOSPC]


def test_a_slow_disk_takes_its_time(folder: Path, recorder: Recorder) -> None:
    recorder.order(Fault(kind="slow", milliseconds=30))
    began = time.monotonic()
    recording = recorder.run(WRITERS, "replace", str(folder))
    assert len(recording.met) == 10
    assert time.monotonic() - began > 0.3


def test_a_fault_that_meets_nothing_fails_its_case(folder: Path, recorder: Recorder) -> None:
    recorder.order(Fault(kind="fsync_fails", only="*-wal"))
    with pytest.raises(NeverMetError):
        recorder.run(WRITERS, "replace", str(folder))


def test_faults_come_and_go_while_a_process_runs(folder: Path, recorder: Recorder) -> None:
    faults: tuple[tuple[FaultKind | None, str], ...] = (
        (None, "written"),
        ("read_only", "EROFS"),
        (None, "written"),
        ("write_fails", "EIO"),
        ("full", "ENOSPC"),
        (None, "written"),
    )
    with started(recorder, "obedient") as say:
        for number, (kind, answer) in enumerate(faults):
            recorder.order(Fault(kind=kind) if kind else None)
            assert say(f"file-{number}") == f"{answer}\n"
    recording = recorder.recording()
    assert not recording.never_met
    assert [one.kind for one in recording.met] == ["create", "write", "create"]
