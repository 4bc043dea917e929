"""A recorder of a folder."""

from pathlib import Path

import pytest

from .recorder import Recorder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder that is watched."""
    path = tmp_path / "watched"
    path.mkdir()
    return path


@pytest.fixture
def recorder(tmp_path: Path, folder: Path) -> Recorder:
    """Return a recorder of that folder."""
    log = tmp_path / "log"
    log.mkdir()
    return Recorder(folder, log)
