"""Folders of earlier versions, and the power goes while they are taken into the ledger: as if it had not."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
import shutil
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.jobs.files import ledger_path
from tests import needs
from tests.clock import Clock
from tests.disk.search import MODES
from tests.jobs.old_folders import lay_out, taken_in, together

from .crashes import State, kills, power_cuts
from .recorder import Recorder
from .recording import Fault, FaultKind, Recording

pytestmark = needs.linux

ENTRIES = ("test_entry", "test_entry_1")
GROUPS = together()
# The one with the most of 0.3.0: moves and second attempts that were cut off.
FULLEST = max((one for one in GROUPS if one[0].startswith("0_3_0")), key=len)


class Upgrade:
    """The folders of some states, recorded as they are taken in."""

    def __init__(self, hass: HomeAssistant, log: Path, names: list[str]) -> None:
        """Lay nothing out yet."""
        self.hass = hass
        self.cache = ledger_path(hass).parent
        self._log = log
        self._names = names
        self.whole: dict[str, Any] = {}

    async def begin(self) -> None:
        """Find out what should be there in the end, and lay the folders out anew."""
        lay_out(self.hass, *self._names)
        self.whole = await taken_in(self.hass)
        shutil.rmtree(self.cache)
        lay_out(self.hass, *self._names)

    def record(self, fault: Fault | None = None) -> Recording:
        """Take them in, in another process."""
        shutil.rmtree(self._log, ignore_errors=True)
        self._log.mkdir()
        recorder = Recorder(self.cache, self._log)
        if fault is not None:
            recorder.order(fault)
        config, now = self.hass.config.config_dir, dt_util.utcnow().isoformat()
        return recorder.run("tests.disk.migrates", config, now, *ENTRIES)

    async def check_all(self, states: Iterable[State]) -> int:
        """Start on each state, and see that the same comes of it; return how many there were."""
        number = 0
        for state in states:
            number += 1
            await self.hass.async_add_executor_job(state.write_to, self.cache)
            assert await taken_in(self.hass) == self.whole, state.name
        return number


@pytest.fixture
async def upgrade(
    hass: HomeAssistant,
    clock: Clock,
    scratch: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Upgrade:
    """Give the folders of some states."""
    hass.config.config_dir = str(scratch)
    for entry_id in ENTRIES:
        MockConfigEntry(domain=DOMAIN, entry_id=entry_id, data={"api_key": "no key"}).add_to_hass(
            hass
        )
    upgrade = Upgrade(hass, tmp_path / "log", getattr(request, "param", FULLEST))
    await upgrade.begin()
    return upgrade


def both(recording: Recording, *, each: int = 1, bound: int, torn: int) -> Iterable[State]:
    """Give what a killed process and a power cut leave, after each so many-th operation."""
    assert [mark.text for mark in recording.marks] == ["taken in"], recording.output
    points = range(0, len(recording.operations) + 1, each)
    cuts = (
        power_cuts(recording, metadata=mode, bound=bound, torn=torn, points=points)
        for mode in MODES
    )
    return chain((state for state in kills(recording) if state.point in points), *cuts)


@pytest.mark.short
async def test_any_power_cut_leaves_what_the_next_start_takes_in(upgrade: Upgrade) -> None:
    recording = await upgrade.hass.async_add_executor_job(upgrade.record)
    assert await upgrade.check_all(both(recording, each=3, bound=1, torn=1)) > 60


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("upgrade", GROUPS, ids=lambda names: names[0], indirect=True)
async def test_power_cuts_leave_what_the_next_start_takes_in(upgrade: Upgrade) -> None:
    recording = await upgrade.hass.async_add_executor_job(upgrade.record)
    assert await upgrade.check_all(both(recording, each=2, bound=3, torn=2)) > 100


LONG = [pytest.param(kind, marks=pytest.mark.long) for kind in ("full", "read_only", "write_fails")]


@pytest.mark.parametrize("kind", ["fsync_fails", *LONG])
async def test_a_disk_that_refuses_puts_it_off(upgrade: Upgrade, kind: FaultKind) -> None:
    """Whatever it had taken before: the next start goes on."""
    for at in (2, 7):
        shutil.rmtree(upgrade.cache)
        await upgrade.begin()
        fault = Fault(kind=kind, at=at)
        recording = await upgrade.hass.async_add_executor_job(upgrade.record, fault)
        # That it was met, the recorder looks at.
        assert recording.status != -9
        assert await taken_in(upgrade.hass) == upgrade.whole, at
