"""Processes that keep records in a file of the real ledger: python -m tests.disk.keepers NAME FOLDER [ARGUMENT…].

Before each change they set a mark with the expected records (`asked`), after it a mark that says whether the disk keeps
these (`kept`) or has refused the change (`refused`).
"""

from contextlib import closing
import json
from pathlib import Path
import sqlite3
import sys

from custom_components.lianke import ledger_file
from custom_components.lianke.ledger_file import (
    DATABASE_NAME,
    LedgerFile,
    LedgerRefusedError,
    Row,
    RowKey,
)

from .recorder import mark

BOX = "box"
# Names of records, each of which goes through different changes.
SEVERAL = "abcdef"

type Texts = dict[str, str]


def key_of(name: str) -> RowKey:
    """Return the key of a record."""
    return RowKey("job", BOX, name)


class Keeper:
    """A ledger file that marks each change."""

    def __init__(self, root: Path) -> None:
        self.file = LedgerFile(root)
        self.texts: Texts = {}

    def open(self) -> None:
        """Open the file, and mark all its records as kept."""
        self.texts = {key.record_id: text for key, text in self.file.open()}
        tell("kept", self.texts)

    def put(self, name: str, text: str | None, *, staged: bool = False) -> bool:
        """Write a record, or delete it (None); return whether the disk accepted the change."""
        after = {one: text for one, text in self.texts.items() if one != name or staged}
        if text is not None and not staged:
            after[name] = text
        tell("asked", after)
        row = None if text is None else Row(text, is_staged=staged)
        try:
            self.file.write({key_of(name): row})
        except LedgerRefusedError as err:
            tell("refused", str(err))
            return False
        self.texts = after
        tell("kept", after)
        return True


def tell(word: str, what: object) -> None:
    """Set a mark."""
    mark(f"{word} {json.dumps(what)}")


def text_of(name: str, number: int, sectors: int = 1) -> str:
    """Return a record that fills this many sectors, each of which shows the record's name and version."""
    return f"{name}{number:07}" * 64 * sectors


# Records that exist before `stubborn`, and those that can still be read before `salvaged`.
BEFORE: Texts = {"before": text_of("b", 0)}
READABLE: Texts = {name: text_of(name, 1) for name in "ac"}


def life(folder: Path) -> None:
    """Do everything that happens to a ledger: add, change, stage and delete rows, fill the log, checkpoint, restart."""
    keeper = Keeper(folder / "cache" / "jobs")
    keeper.open()
    for name in SEVERAL[:3]:
        keeper.put(name, text_of(name, 0))
    # A staged record belongs to something that is still being accepted, so it need not be kept.
    keeper.put("s", text_of("s", 0), staged=True)
    keeper.put("s", text_of("s", 1))
    keeper.put("a", text_of("a", 1))
    # These records are more than the log holds before it is copied into the file.
    for name in SEVERAL[3:]:
        keeper.put(name, text_of(name, 0, 260))
    keeper.put("d", None)
    keeper.file.checkpoint()
    keeper.put("b", text_of("b", 1))
    keeper.put("t", text_of("t", 0), staged=True)
    keeper.file.close()
    keeper.open()
    keeper.put("s", None)
    keeper.file.checkpoint()
    keeper.file.close()


def stubborn(folder: Path, last: str = "12") -> None:
    """Go on with a ledger while the disk refuses some changes, until it accepts a last one."""
    keeper = Keeper(folder / "cache" / "jobs")
    tell("kept", BEFORE)
    keeper.open()
    for number in range(int(last)):
        keeper.put(f"r{number}", text_of("r", number, 1 + number % 3 * 40))
        if number % 4 == 3:
            keeper.file.checkpoint()
    for _ in range(20):
        # Until the disk accepts a change, the refused ones may turn out to be stored.
        if keeper.put("end", text_of("e", 0)):
            break
    keeper.file.close()
    keeper.open()
    keeper.file.close()


def old(root: Path) -> None:
    """Make a ledger of three records with a document each, and damage one record from outside."""
    keeper = Keeper(root)
    keeper.open()
    for name in "abc":
        keeper.put(name, text_of(name, 1))
        (root / BOX / name).mkdir(parents=True)
        (root / BOX / name / "document.pdf").write_text(name * 600)
    keeper.file.close()
    with closing(sqlite3.connect(root / DATABASE_NAME)) as db, db:
        db.execute("UPDATE record SET record = '' WHERE id = 'b'")


def salvaged(folder: Path) -> None:
    """Open a ledger made by `old`, and add a record."""
    keeper = Keeper(folder / "cache" / "jobs")
    tell("kept", READABLE)
    keeper.open()
    keeper.put("d", text_of("d", 1))
    keeper.file.close()


# What must not be done


def impatient(folder: Path) -> None:
    """Do the same as `life`, without waiting for the disk (synchronous=OFF)."""
    pragmas = dict.fromkeys(ledger_file._PRAGMAS, True)
    del pragmas["synchronous=FULL", None]
    setattr(ledger_file, "_PRAGMAS", (*pragmas, ("synchronous=OFF", None)))  # noqa: B010  # it is a constant
    life(folder)


def unnamed(folder: Path, keeper: str) -> None:
    """Do the same as another keeper, without flushing the names in folders."""
    # So that mypy notices if it is called something else, and nothing is replaced.
    assert callable(ledger_file.sync_folder)
    setattr(ledger_file, "sync_folder", lambda _folder: None)  # noqa: B010  # mypy: a function is not assignable
    globals()[keeper](folder)


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
