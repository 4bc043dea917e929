"""A ledger that cannot be trusted: what is read of it, whatever cuts that off, and where its files go."""

from contextlib import closing
from pathlib import Path
import sqlite3
from unittest.mock import patch

import pytest

from custom_components.lianke import ledger_file
from custom_components.lianke.ledger_file import (
    COUNTER_NAME,
    DAMAGED_LEDGER_PREFIX,
    DATABASE_NAME,
    MAX_DAMAGED_LEDGERS,
    LedgerFile,
    LedgerRefusedError,
    Row,
    RowKey,
)

KEYS = [RowKey("job", "box", name) for name in "abc"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Write a ledger of three rows, each with a document, and close it."""
    root = tmp_path / "cache" / "jobs"
    file = LedgerFile(root)
    file.open()
    for key in KEYS:
        file.write({key: Row(f'"{key.record_id}"', is_staged=False)})
        folder = root / key.box / key.record_id
        folder.mkdir(parents=True)
        (folder / "document.pdf").write_text(key.record_id)
    file.close()
    return root


def spoil(root: Path, sql: str = "UPDATE record SET record = '' WHERE id = 'b'") -> None:
    """Change the rows from outside."""
    with closing(sqlite3.connect(root / DATABASE_NAME)) as db, db:
        db.execute(sql)


def opened(root: Path) -> tuple[str, Path | None]:
    """Open a ledger and close it; return the ids of its rows, and what was set aside."""
    file = LedgerFile(root)
    try:
        return "".join(key.record_id for key, _ in file.open()), file.damaged_folder
    finally:
        file.close()


def documents(root: Path) -> str:
    return "".join(sorted(path.read_text() for path in root.rglob("document.pdf")))


def test_documents_go_where_their_rows_go(root: Path) -> None:
    """A job that is read asks first, and has what it prints then; what nobody can read is not deleted."""
    spoil(root)
    found, aside = opened(root)
    assert aside is not None
    assert (found, documents(root), documents(aside)) == ("ac", "ac", "b")
    assert opened(root) == ("ac", None)


@pytest.mark.parametrize("what", ["write", "_readable"])
def test_what_is_read_of_it_is_read_again_after_a_stop(root: Path, what: str) -> None:
    """The disk refused, or the power went, between the new ledger and what was to come into it."""
    spoil(root)
    where = LedgerFile if what == "write" else ledger_file
    for _ in range(2):
        with (
            patch.object(where, what, side_effect=LedgerRefusedError("full")),
            pytest.raises(LedgerRefusedError),
        ):
            opened(root)
        assert (root / DATABASE_NAME).exists()
    found, aside = opened(root)
    assert (found, documents(root)) == ("ac", "ac")
    assert [*root.parent.glob(f"{DAMAGED_LEDGER_PREFIX}*")] == [aside]
    assert opened(root) == ("ac", None)


def test_a_new_ledger_that_is_damaged_itself_leaves_one_aside(root: Path) -> None:
    """Each try to set the box up would have set one more aside."""
    spoil(root)
    with patch.object(ledger_file, "_count_of", side_effect=ledger_file._DamagedError("bad")):
        for _ in range(3):
            with pytest.raises(OSError, match="bad"):
                opened(root)
    found, aside = opened(root)
    assert (found, documents(root)) == ("ac", "ac")
    assert [*root.parent.glob(f"{DAMAGED_LEDGER_PREFIX}*")] == [aside]


def test_a_new_ledger_that_was_torn_before_it_was_used_is_made_again(root: Path) -> None:
    """The rows to be copied are still in the old one."""
    spoil(root)
    with (
        patch.object(LedgerFile, "write", side_effect=LedgerRefusedError("full")),
        pytest.raises(LedgerRefusedError),
    ):
        opened(root)
    for path in root.glob(f"{DATABASE_NAME}*"):
        path.write_bytes(b"torn" * 1024)
    found, aside = opened(root)
    assert (found, documents(root)) == ("ac", "ac")
    assert [*root.parent.glob(f"{DAMAGED_LEDGER_PREFIX}*")] == [aside]


def test_a_bit_that_falls_over_hides_no_row(root: Path) -> None:
    """That of a staged row, which a start forgets, was covered by no digest."""
    spoil(root, "UPDATE record SET staged = 1 WHERE id = 'b'")
    found, aside = opened(root)
    assert (found, aside is None) == ("ac", False)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE record SET record = CAST(x'ff' AS TEXT) WHERE id = 'b'",
        "UPDATE record SET record = x'22' WHERE id = 'b'",
        "UPDATE record SET kind = x'22' WHERE id = 'b'",
    ],
)
def test_what_is_no_text_is_damage(root: Path, sql: str) -> None:
    """The box would never have come up again."""
    spoil(root, sql)
    found, aside = opened(root)
    assert (found, aside is None) == ("ac", False)
    assert opened(root) == ("ac", None)


@pytest.mark.parametrize("left", [1, 50, 4096, 5000])
def test_a_file_that_was_cut_off_is_damage(root: Path, left: int) -> None:
    path = root / DATABASE_NAME
    path.write_bytes(path.read_bytes()[:left])
    found, aside = opened(root)
    assert (found, aside is None) == ("", False)
    assert opened(root) == ("", None)


def test_columns_that_are_none_of_ours_are_damage(root: Path) -> None:
    spoil(root, "ALTER TABLE record RENAME COLUMN digest TO other")
    found, aside = opened(root)
    assert (found, aside is None) == ("", False)


def test_a_disk_that_cannot_be_read_is_no_damage(root: Path) -> None:
    """It is tried again, and nothing is set aside."""
    (root / DATABASE_NAME).rename(root / "elsewhere")
    (root / DATABASE_NAME).mkdir()
    with pytest.raises(OSError, match="unable to open"):
        opened(root)
    (root / DATABASE_NAME).rmdir()
    (root / "elsewhere").rename(root / DATABASE_NAME)
    assert opened(root) == ("abc", None)


def test_a_counter_that_cannot_be_written_leaves_nothing_open(root: Path) -> None:
    """The next try would find the ledger busy, by what was left open itself."""
    counter = root / COUNTER_NAME
    counter.unlink()
    counter.mkdir()
    # Whoever tried closes none of them.
    files = [LedgerFile(root) for _ in range(2)]
    for file in files:
        with pytest.raises(IsADirectoryError):
            file.open()
    counter.rmdir()
    assert opened(root) == ("abc", None)


def test_rows_behind_what_cannot_be_read_are_looked_for_so_far(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of a row may be any, by a bit."""
    monkeypatch.setattr(ledger_file, "MAX_UNREADABLE_ROWS", 20)
    spoil(root, "UPDATE record SET seq = 30 WHERE id = 'c'")
    spoil(root, "UPDATE record SET record = CAST(x'ff' AS TEXT) WHERE id = 'b'")
    assert opened(root)[0] == "ac"
    spoil(root, "UPDATE record SET seq = 9223372036854775807 WHERE id = 'c'")
    spoil(root, "UPDATE record SET record = '' WHERE id = 'a'")
    assert opened(root)[0] == "c"


def test_few_damaged_ledgers_are_kept(root: Path) -> None:
    aside = []
    for _ in range(MAX_DAMAGED_LEDGERS + 1):
        spoil(root, "UPDATE record SET digest = ''")
        aside.append(opened(root)[1])
        file = LedgerFile(root)
        file.open()
        file.write({KEYS[0]: Row('"a"', is_staged=False)})
        file.close()
    assert sorted(root.parent.glob(f"{DAMAGED_LEDGER_PREFIX}*")) == aside[1:]
