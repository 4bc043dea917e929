"""Processes that write, for the tests of the recorder: python -m tests.disk.writers NAME FOLDER [ARGUMENT…].

Each process marks what it regards as kept on disk; only the safe ones are right about it.
"""

from collections.abc import Callable
from contextlib import closing
import errno
import os
from pathlib import Path
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading

from .recorder import mark, watch

# Pragmas with which the ledger is opened.
SAFE = ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=64")
FILE = "settings.json"


def content(number: int) -> bytes:
    """Return a file's content in version `number`: several sectors, each of which shows the version."""
    return f"{number:08}".encode() * 200


def flush_folder(folder: Path) -> None:
    """Flush the names in a folder."""
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def replace(folder: Path, *omitted: str) -> None:
    """Replace a file three times: write a new one, flush it, rename it, flush its folder; skip the `omitted` steps."""
    inner = folder / "kept"
    inner.mkdir()
    if "parent" not in omitted:
        flush_folder(folder)
    for number in range(1, 4):
        beside = inner / f"{FILE}.new"
        if "rename" in omitted:
            beside = inner / FILE
        with beside.open("wb") as file:
            file.write(content(number))
            file.flush()
            if "flush" not in omitted:
                os.fsync(file.fileno())
        if "rename" not in omitted:
            beside.rename(inner / FILE)
        if "folder" not in omitted:
            flush_folder(inner)
        mark(f"kept {number}")


def connect(path: Path, *changes: str) -> sqlite3.Connection:
    """Open a database as the ledger does, except that the pragmas in `changes` differ."""
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in (*SAFE, *changes):
        database.execute(f"PRAGMA {pragma}").fetchall()
    return database


def ledger(folder: Path, rows: str, *changes: str) -> None:
    """Commit rows one by one."""
    with closing(connect(folder / "ledger.db", *changes)) as database:
        database.execute("CREATE TABLE jobs (seq INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT)")
        for number in range(1, int(rows) + 1):
            insert(database, number)


def insert(database: sqlite3.Connection, number: int) -> None:
    """Commit one row; now and then this makes the file grow and the log begin anew."""
    database.execute("BEGIN EXCLUSIVE")
    database.execute("INSERT INTO jobs (record) VALUES (?)", (f"{number:04}" * 500,))
    database.execute("COMMIT")
    mark(f"kept {number}")


def stubborn_ledger(folder: Path, first: str, last: str) -> None:
    """Add rows to a ledger, each in as many attempts as the disk needs to accept it; refusals are marked."""
    mark(f"kept {int(first) - 1}")
    with closing(connect(folder / "ledger.db")) as database:
        for number in range(int(first), int(last) + 1):
            for _ in range(20):
                try:
                    insert(database, number)
                    break
                except sqlite3.Error as err:
                    mark(f"refused {number} {err.sqlite_errorname}")
                    if database.in_transaction:
                        database.execute("ROLLBACK")


def say(line: str) -> None:
    """Send the test a line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def refused(folder: Path) -> None:
    """Try each kind of operation in a folder with the files `old` and `open` and a folder `empty`; mark refusals."""
    fd = os.open(folder / "open", os.O_RDWR)
    say("ready")
    sys.stdin.readline()
    attempts: dict[str, Callable[[], object]] = {
        "create": (folder / "new").touch,
        "grow": lambda: os.pwrite(fd, bytes(100), 50),
        "overwrite": lambda: os.pwrite(fd, bytes(50), 0),
        "truncate": lambda: os.ftruncate(fd, 10),
        "sync": lambda: os.fsync(fd),
        "mkdir": (folder / "folder").mkdir,
        "rmdir": (folder / "empty").rmdir,
        "link": lambda: (folder / "other").hardlink_to(folder / "old"),
        "rename": lambda: (folder / "old").rename(folder / "renamed"),
        "chmod": lambda: os.fchmod(fd, 0o600),
        "open": lambda: os.close(os.open(folder / "open", os.O_WRONLY)),
        "read": (folder / "open").read_bytes,
        "unlink": (folder / "open").unlink,
    }
    for name, attempt in attempts.items():
        try:
            attempt()
        except OSError as err:
            mark(f"{name} {errno.errorcode[err.errno or 0]}")
    say("done")


def obedient(folder: Path) -> None:
    """Write a file for each line of input, and answer whether that worked."""
    say("ready")
    for line in sys.stdin:
        answer = "written"
        try:
            (folder / line.strip()).write_bytes(content(1))
        except OSError as err:
            answer = errno.errorcode[err.errno or 0]
        say(answer)


def all_sorts(folder: Path) -> None:
    """Do whatever Python can do to files."""
    one, two = folder / "one", folder / "two"
    one.write_bytes(content(1))
    with one.open("ab") as file:
        file.write(b"more")
    with one.open("r+b", buffering=0) as file:
        file.seek(700)
        os.writev(file.fileno(), [b"several ", b"parts"])
        os.pwritev(file.fileno(), [b"at ", b"a place"], 1400)
        os.pwrite(file.fileno(), b"beyond the end", 5000)
        os.posix_fallocate(file.fileno(), 0, 6000)
        file.truncate(5500)
    os.truncate(one, 5600)
    shutil.copyfile(one, two)
    one.copy(folder / "three")
    with one.open("rb") as source, (folder / "four").open("wb") as target:
        os.sendfile(target.fileno(), source.fileno(), 0, 3000)
        os.copy_file_range(source.fileno(), target.fileno(), 2000, 100, 500)
    os.chdir(folder)
    Path("inner/deep").mkdir(parents=True)
    Path("inner/deep/file").write_text("relative")
    fd = os.open("inner", os.O_RDONLY)
    os.rename("deep", "shallow", src_dir_fd=fd, dst_dir_fd=fd)
    os.link("two", "linked", dst_dir_fd=fd)
    Path("two").write_bytes(b"by its other name")
    os.mkdir("empty", dir_fd=fd)
    os.rmdir("empty", dir_fd=fd)
    os.unlink("linked", dir_fd=fd)
    os.fsync(fd)
    Path("inner").rename("outer")
    Path("outer/../outer/shallow/file").chmod(0o600)
    with tempfile.TemporaryFile(dir=folder) as nameless:
        nameless.write(b"nobody sees it")
        nameless.flush()
    with tempfile.NamedTemporaryFile(dir=folder) as named:
        named.write(b"for a while")
    Path("three").replace("one")
    with Path("one").open("r+b") as file:
        Path("one").unlink()
        file.write(b"without a name")
    if os.fork() == 0:
        Path("child").write_text("another process")
        os._exit(0)
    os.wait()
    shutil.rmtree("outer")


def threads(folder: Path) -> None:
    """Write from several threads, each into a file of its own and all into a shared file."""

    def write(name: str) -> None:
        with (folder / "all").open("ab", buffering=0) as shared:
            for number in range(50):
                shared.write(f"{name} {number}\n".encode())
                path = folder / f"{name}.new"
                path.write_bytes(content(number))
                path.rename(folder / name)

    (folder / "all").touch()
    started = [threading.Thread(target=write, args=(f"thread-{one}",)) for one in range(4)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def forked(folder: Path, log: str) -> None:
    """Write without being watched, then in a forked process that is watched, and in a process that this one starts."""
    (folder.parent / "elsewhere").write_bytes(b"of no concern")
    if os.fork() == 0:
        watch(folder, Path(log))
        (folder / "one").write_bytes(content(1))
        mark("kept 1")
        command = [sys.executable, "-c", "import sys; open(sys.argv[1], 'w').write('two')"]
        subprocess.run([*command, str(folder / "two")], check=True)
        os._exit(0)
    os.wait()


def unseen(folder: Path, how: str) -> None:
    """Write in a way that the recorder cannot note."""
    (folder / "file").write_bytes(bytes(4096))
    match how:
        case "mmap":
            import mmap

            with (folder / "file").open("r+b") as file, mmap.mmap(file.fileno(), 4096) as mapped:
                mapped[0] = 1
        case "symlink":
            (folder / "link").symlink_to(folder / "file")
        case "rename":
            (folder / "file").rename(folder.parent / "away")
        case "stdio":
            import ctypes

            ctypes.CDLL(None).fopen(os.fsencode(folder / "file"), b"w")
        case "another process":
            command = ["sh", "-c", 'echo unseen >"$1"', "sh", str(folder / "file")]
            subprocess.run(command, env={"PATH": os.environ["PATH"]}, check=True)


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
