"""A folder, its recorder, and a folder for the states made from the recording."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from .recorder import Recorder

# A folder in memory for thousands of states, so that flushing them takes no time.
IN_MEMORY: Final = Path("/dev/shm")


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """Provide a path for the folder of a state."""
    with TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else tmp_path) as folder:
        yield Path(folder) / "state"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder that is watched."""
    path = tmp_path / "watched"
    path.mkdir()
    return path


@pytest.fixture
def recorder(tmp_path: Path, folder: Path) -> Recorder:
    """Return a recorder of the watched folder."""
    log = tmp_path / "log"
    log.mkdir()
    return Recorder(folder, log)
