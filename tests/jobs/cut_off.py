"""The folder of all jobs as power cuts would leave it: right before each write to the disk, and after the last one.

A write that changes no file, such as a flush, leaves no snapshot of its own: the next start cannot tell the two apart.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
import shutil
from threading import Lock
from typing import Any
from unittest.mock import patch

from custom_components.lianke.documents import spool
from custom_components.lianke.jobs import files
from custom_components.lianke.jobs.files import ledger_path
from custom_components.lianke.ledger_file import LedgerFile
from tests.jobs.conftest import Shop
from tests.power_cut import copy_moment


class Snapshots:
    """Copies of the ledger and of all documents, numbered as they were taken."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        # Documents are flushed in another thread.
        self._lock = Lock()
        self._last: dict[str, bytes | None] | None = None
        self.count = 0

    def take(self) -> None:
        with self._lock:
            folder = self._folder / str(self.count)
            copy_moment(self._root, folder)
            found = {
                str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
                for path in folder.rglob("*")
            }
            if found == self._last:
                shutil.rmtree(folder)
                return
            self._last = found
            self.count += 1

    def before(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*args: Any) -> Any:
            self.take()
            return work(*args)

        return taken

    def restore(self, number: int) -> None:
        """Replace the folder by the copy with this number; the ledger must be closed."""
        shutil.rmtree(self._root)
        shutil.copytree(self._folder / str(number), self._root)


@contextmanager
def snapshots(shop: Shop, folder: Path) -> Iterator[Snapshots]:
    """Take snapshots within the context. All documents count as large: those are flushed while other work goes on."""
    taken = Snapshots(ledger_path(shop.hass), folder)
    with (
        patch.object(LedgerFile, "write", taken.before(LedgerFile.write)),
        patch.object(files, "SMALL_BYTES", 0),
        patch.object(files, "link_or_copy", taken.before(spool.link_or_copy)),
        patch.object(files, "flush_to_disk", taken.before(spool.flush_to_disk)),
        patch.object(files, "unlink_all", taken.before(spool.unlink_all)),
        patch.object(files, "_flush", taken.before(files._flush)),
        patch.object(files, "remove_folders", taken.before(files.remove_folders)),
    ):
        yield taken
    taken.take()


def power_goes(shop: Shop) -> Callable[[], None]:
    """Keep what is on disk at this moment; return a function that restores it once the ledger is closed."""
    root, moment = ledger_path(shop.hass), shop.tmp_path / "moment"
    copy_moment(root, moment)

    def come_back() -> None:
        shutil.rmtree(root)
        moment.rename(root)

    return come_back
