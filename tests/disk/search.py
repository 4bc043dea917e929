"""Searches the states that a crash can leave for one that fails a check."""

from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
import sqlite3
from typing import Any

from tests.disk.crashes import Metadata, State, check_all, kills, power_cuts
from tests.disk.recording import Recording

MODES: tuple[Metadata, ...] = ("ordered", "unordered")


type Check = Callable[[Path, State], None]


def first_broken(states: Iterable[State], scratch: Path, check: Check) -> State | None:
    """Return the first state that fails a check."""
    for state in states:
        try:
            check_all([state], scratch, check)
        except AssertionError, sqlite3.Error, ValueError:
            return state
    return None


def both(recording: Recording, **limits: Any) -> Iterable[State]:
    """Give what a killed process leaves, and power cuts in both modes."""
    cuts = (power_cuts(recording, metadata=mode, **limits) for mode in MODES)
    return chain(kills(recording), *cuts)
