"""The whole integration in front of the simulated cloud, with a clock that the test moves."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import hashlib
from pathlib import Path
from random import Random
from typing import Any, override

from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.documents.document import Document
from custom_components.lianke.documents.pdf_client import async_get_pdf_worker
from custom_components.lianke.jobs.job import Job, JobState
from tests.clock import LONGEST, Clock, real_time
from tests.conftest import make_entry, set_up
from tests.jobs.conftest import Receiver, Shop, open_shop, receiver, sim
from tests.proof.papers import unlike_any
from tests.simulator import Simulator

__all__ = ["open_shop", "receiver", "sim"]

# Seconds after which nothing that happened counts any more, for doubt, strangers, the print limits or the day's list.
TOMORROW = 25 * 3600.0


@dataclass
class House(Shop):
    """A shop with everything in front of it: entities, actions, the webhook."""

    random: Random = field(default_factory=lambda: Random(4))
    _digests: dict[Path, str] = field(default_factory=dict)

    def paper(self, pages: int = 2, *, padding: int = 0) -> Document:
        """Make a document that differs from all others."""
        content = unlike_any(self.random, pages, "Proof", padding)
        return self.document(pages, content=content)

    def tray(self, job: Job) -> tuple[int, int]:
        """Return how often a job's document came out whole, and how often in part."""
        whole = partial = 0
        for one in self.sim.cloud.out_tray:
            if one.foreign or one.name != job.current_delivery.document.name:
                continue
            if one.path not in self._digests:
                self._digests[one.path] = hashlib.sha256(one.path.read_bytes()).hexdigest()
            assert self._digests[one.path] == job.current_delivery.document.digest, (
                "another document came out"
            )
            whole += one.complete
            partial += not one.complete
        return whole, partial

    def judge(self, job: Job) -> None:
        """Compare what is reported about a finished job with what is in the out tray."""
        whole, partial = self.tray(job)
        assert whole <= 1, f"printed {whole} times: {job}"
        assert job.is_final, job
        if job.state is JobState.COMPLETED:
            assert whole == 1, f"told as completed, and nothing came out: {job}"
        if job.state is JobState.FAILED:
            assert whole + partial == 0 or job.partly_printed, f"failed, and it came out: {job}"
        if job.state in (JobState.CANCELED, JobState.EXPIRED):
            assert whole == 0, f"told as not printed, and it came out: {job}"
            assert not partial or job.partly_printed, f"told as not printed at all: {job}"

    def judge_tray(self) -> None:
        """Check that no document has come out twice, whole or in part, however long after its job's end."""
        came = Counter(one.name for one in self.sim.cloud.out_tray if not one.foreign)
        assert set(came.values()) <= {1}, came.most_common(3)

    @override
    async def settle(self) -> None:
        """Wait until nothing is under way any more, including requests over real sockets."""
        for _ in range(4):
            await asyncio.sleep(0.003)
            await self.hass.async_block_till_done()
            await self._until(lambda: not self._is_busy())

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait in real time; the event loop's own time-outs follow the test's clock."""
        for _ in range(20_000):
            if condition():
                return
            await asyncio.sleep(0.001)
        pytest.fail("it takes too long")

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait for something that does not depend on the test's clock, such as a write to the disk."""
        await self._until(condition)

    def _is_busy(self) -> bool:
        """Return whether a request is under way that no fault holds up, a thread works, or a PDF is being read."""
        if async_get_pdf_worker(self.hass).is_busy or self.threads_work():
            return True
        # A request on its way to the cloud counts as well: on a busy machine that takes longer than a step.
        ours = self.entry.runtime_data.account.requests.taken
        under_way = max(ours, sum(account.in_flight for account in self.sim.cloud.accounts))
        hanging = sum(
            planned.hits
            for planned in self.sim.cloud.faults.planned
            if planned.fault.kind == "timeout"
        )
        return bool(under_way > hanging)

    async def forget_faults(self) -> None:
        """End all faults; requests that a fault holds up are canceled."""
        faults = self.sim.cloud.faults
        hangs = any(planned.fault.kind == "timeout" and planned.hits for planned in faults.planned)
        faults.clear()
        for answering in list(self.sim.cloud._answering) if hangs else ():
            answering.cancel()
        await self._until(lambda: not self._is_busy())

    async def calm(self, job: Job) -> Job:
        """Wait in real time until a job's upload has ended, or hangs; return the job."""

        def has_end() -> bool:
            current = self.queue.get(job.job_id)
            hangs = any(
                planned.fault.kind == "timeout" and planned.hits
                for planned in self.sim.cloud.faults.planned
            )
            if self.queue._uploader.is_uploading(current.current_delivery):
                return hangs
            return (
                hangs
                or current.state is not JobState.UPLOADING
                or current.current_delivery.is_in_doubt
            )

        for _ in range(200):
            for _ in range(1000):
                if has_end():
                    await self.settle()
                    return self.queue.get(job.job_id)
                await asyncio.sleep(0.001)
            # The upload waits for its turn, because the requests of an account are limited.
            if not self.threads_work():
                self.clock.tick(5)
        pytest.fail("the upload has no end")

    async def drive[T](self, work: Awaitable[T], step: float = 5) -> T:
        """Move the clock until `work` has ended; return its result or raise its error."""
        task = asyncio.ensure_future(work)
        began = real_time()
        while real_time() - began < LONGEST:
            await asyncio.wait([task], timeout=0.005)
            if task.done():
                return task.result()
            # `_ready` has callbacks that go on after a thread has ended, such as sending a form that was just made.
            if not (self._is_busy() or asyncio.get_running_loop()._ready):  # type: ignore[attr-defined] # no other way
                self.clock.tick(step)
        task.cancel()
        pytest.fail("it does not come to an end")

    async def finish(self, job: Job, *, hours: float = 30, step: float = 20) -> Job:
        """Move the clock until a job is final, in short steps at first, then in longer and longer ones."""
        passed = 0.0
        while not (current := await self.calm(job)).is_final:
            assert passed < hours * 3600, (current, list(self.sim.cloud.requests)[-12:])
            await self.tick(step)
            passed += step
            step = max(step, min(passed / 2, 600))
        # Wait for what follows from the final state.
        await self.settle()
        return current

    async def next_day(self) -> None:
        """End all faults, and move the clock so far that nothing that happened counts any more."""
        await self.forget_faults()
        for printer in self.box.printers:
            printer.failures = 0
        await self.tick(TOMORROW)
        await self.mend()

    async def mend(self) -> None:
        """Poll until the integration knows that the box and its printer are ready again."""
        for _ in range(5):
            # The steps are small: on a busy machine, a large step would cause a time-out.
            await self.drive(self.refresh(), step=0.5)
            if self.coordinator.is_fresh and self.coordinator.is_ready(self.key()):
                break
        else:
            pytest.fail(f"the box did not come back: {self.coordinator.last_error}")
        # A printer that has just become ready gets no job for a minute (STEADY_TIME).
        await self.tick(61)

    def device(self, port: int = 1) -> str:
        """Return the device of the printer at a port."""
        identifier = (DOMAIN, f"{self.entry.unique_id}_{self.key(port)}")
        device = dr.async_get(self.hass).async_get_device_by_identifier(
            identifier, self.entry.entry_id
        )
        assert device is not None
        return device.id

    def entity(self, domain: str, key: str, port: int | None = 1) -> str:
        """Return an entity of the printer at a port, or of the box."""
        of = self.entry.unique_id if port is None else f"{self.entry.unique_id}_{self.key(port)}"
        entity_id = er.async_get(self.hass).async_get_entity_id(domain, DOMAIN, f"{of}_{key}")
        assert entity_id is not None
        return entity_id

    def state(self, domain: str, key: str, port: int | None = 1) -> State:
        """Return the state of an entity."""
        state = self.hass.states.get(self.entity(domain, key, port))
        assert state is not None
        return state

    async def act(self, action: str, *, response: bool = True, **data: Any) -> Any:
        """Call an action of the integration."""
        return await self.hass.services.async_call(
            DOMAIN, action, data, blocking=True, return_response=response
        )

    async def press(self, key: str, port: int | None = None) -> None:
        """Press a button."""
        await self.hass.services.async_call(
            "button", "press", {"entity_id": self.entity("button", key, port)}, blocking=True
        )


type OpenHouse = Callable[..., Any]


@pytest.fixture
def open_house(hass: HomeAssistant, sim: Simulator, tmp_path: Path, clock: Clock) -> OpenHouse:
    """Return a function that sets up the first box, or sets its entry up again."""

    @asynccontextmanager
    async def opener(entry: MockConfigEntry | None = None, **options: Any) -> AsyncIterator[House]:
        if entry is None:
            entry = make_entry(
                sim, sim.box, options={"max_jobs_per_hour": 999} | options, title="Office box"
            )
        assert await set_up(hass, entry)
        data = entry.runtime_data
        house = House(
            hass=hass,
            sim=sim,
            entry=entry,
            storage=data.storage,
            coordinator=data.coordinator,
            queue=data.queue,
            receiver=Receiver(),
            tmp_path=tmp_path,
            clock=clock,
        )
        await house.settle()
        for key in data.storage.printers:
            await data.coordinator.capabilities.get(key)
        data.queue.listen(lambda job, old: house.history.append((job.job_id, old, job.state)))
        try:
            yield house
        finally:
            await house.forget_faults()
            await hass.config_entries.async_unload(entry.entry_id)
            await hass.async_block_till_done(wait_background_tasks=True)

    return opener


@pytest.fixture
async def house(open_house: OpenHouse, all_entities: None) -> AsyncIterator[House]:
    """Provide a house that the cloud cannot call back."""
    async with open_house() as opened:
        yield opened


@pytest.fixture
async def reachable_house(
    open_house: OpenHouse, all_entities: None, reachable: str, sim: Simulator
) -> AsyncIterator[House]:
    """Provide a house that the cloud calls back when a job has ended."""
    sim.cloud.variants.callbacks = "end"
    async with open_house() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _quiet_asyncio(caplog: pytest.LogCaptureFixture) -> None:
    """Leave out the event loop's own messages: these tests open thousands of connections."""
    caplog.set_level("WARNING", logger="asyncio")
