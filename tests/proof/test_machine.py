"""Whatever people, boxes, strangers and crashes do, in any order: each job ends with the truth."""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
import hashlib
from pathlib import Path
from random import Random
import shutil
import threading
from typing import Any, override

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.api.errors import LiankeError
from custom_components.lianke.api.tasks import parse_callback
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.input_error import InputError
from custom_components.lianke.jobs.files import ledger_path
from custom_components.lianke.jobs.job import Job, JobState
from custom_components.lianke.manual_duplex import public_dict
from custom_components.lianke.printing.builder import (
    ReprintChanges,
    async_move_to,
    async_print_again,
)
from tests.clock import Clock
from tests.jobs.conftest import OpenShop, Receiver, Shop
from tests.manual_duplex.requests import request as request_by_hand
from tests.power_cut import copy_moment
from tests.proof.outcomes import OUTCOMES, SUBMIT
from tests.proof.papers import unlike_any
from tests.simulator import Fault, Outcome, PrintedJob, Simulator
from tests.simulator.cast import office_printers

SHORT = 5
LONG = 20
PORTS = (1, 2, 4)
# Seconds. A job that nobody can say anything about is given up after a day.
END = 30 * 3600

FAULTS = (
    Fault(kind="reset_after_body"),
    Fault(kind="reset_after_accept"),
    Fault(kind="http", status=502),
    Fault(kind="http", status=502, done=True),
    Fault(kind="empty", done=True),
    Fault(kind="wrong_types", shape="data_null", done=True),
    Fault(kind="code", code=400),
    Fault(kind="code", code=500),
    Fault(kind="code", code=500, done=True),
    Fault(kind="code", code=5002),
    Fault(kind="code", code=5011),
    Fault(kind="code", code=10009),
    Fault(kind="code", code=10021, msg="打印次数已用完"),
    Fault(kind="code", code=10021, msg="打印次数已用完", done=True),
)


def digest_of(job: Job) -> str:
    """Return the digest of a job's document, of two halves the first one's."""
    return job.deliveries[0].document.digest or ""


@dataclass(kw_only=True)
class World:
    """What one story happens in. Its coroutines run in the test's event loop."""

    hass: HomeAssistant
    sim: Simulator
    open_shop: OpenShop
    receiver: Receiver
    tmp_path: Path
    clock: Clock
    random: Random = field(default_factory=lambda: Random(7))
    shop: Shop = field(init=False)
    stories: int = 0
    restarts: int = 0
    # The second sides' digests by those of the first sides, which are their jobs'.
    backs: dict[str, str] = field(default_factory=dict)
    # The jobs whose paper somebody may have turned over, and has been told so.
    turned: set[str] = field(default_factory=set)
    reported: set[str] = field(default_factory=set)
    cut_short: set[JobState] = field(default_factory=set)
    _opened: AbstractAsyncContextManager[Shop] = field(init=False)
    _digests: dict[Path, str] = field(default_factory=dict)

    async def begin(self, *, callbacks: str, cancel: str, totals: str) -> None:
        """Open a shop on a box that has never been used."""
        self.stories += 1
        # The cloud's limits on requests count anew.
        self.clock.tick(3600)
        cloud = self.sim.cloud
        cloud.faults.clear()
        cloud.boxes.clear()
        cloud.out_tray.clear()
        cloud.add_box(cloud.accounts[0], office_printers)
        cloud.variants.update(
            callbacks=callbacks,
            list_lag=10.0,
            cancel=cancel,
            revoked_totals=totals,
        )
        # Jobs that ended so may have been printed as a whole, if they say that sheets may be out.
        self.cut_short = {JobState.FAILED} | (
            set() if cancel == "revokes" else {JobState.CANCELED, JobState.EXPIRED}
        )
        box = self.sim.box
        entry = MockConfigEntry(
            domain=DOMAIN,
            title="Box",
            data={"device_id": box.device_id, "webhook_id": "test_webhook"},
            options={"max_jobs_per_hour": 999},
        )
        entry.add_to_hass(self.hass)
        await self._open(entry)

    async def _open(self, entry: MockConfigEntry) -> None:
        self._opened = self.open_shop(self.receiver, entry=entry)
        self.shop = await self._opened.__aenter__()
        self.shop.queue.listen(self._on_job)

    def _on_job(self, job: Job, _old: JobState | None) -> None:
        """Take away what is left of a finished job's turned paper."""
        if job.is_final:
            for printer in self.shop.box.printers:
                printer.take_out(job.job_id)

    async def close(self) -> None:
        """Stop in order."""
        await self._opened.__aexit__(None, None, None)

    async def move(self, job: Job, port: int) -> None:
        """Move a job to the printer at a port, which may be its own and need not be ready."""
        key, options = self.shop.key(port), self.shop.options(port=port)
        changes = ReprintChanges(printer_key=key, options=options, requested={})
        await self.attempt(async_move_to(self.shop.queue, job, changes, self.shop.entry.entry_id))

    async def restart(self, *, crash: bool) -> None:
        """Stop and start again; a crash leaves on disk what is there at this moment."""
        root = ledger_path(self.hass)
        # One of its own each time: what is left of one that broke would be told as the cause in its place.
        self.restarts += 1
        kept = self.tmp_path / f"kept{self.restarts}"
        if crash:
            for upload in self.shop.queue._uploader._uploads.values():
                upload.cancel()
            self.shop.queue._uploader._closing = True
            # In this very turn of the event loop: nothing can be sent any more.
            copy_moment(root, kept)
        await self.close()
        if crash:
            shutil.rmtree(root)
            kept.rename(root)
        await self._open(self.shop.entry)

    async def submit(self, port: int, content: bytes, **wishes: Any) -> None:
        """Print; a refusal is an answer as well."""
        document = self.shop.document(2, content=content)
        with suppress(InputError, HomeAssistantError):
            await self.shop.submit(document, port=port, **wishes)
        await self.shop.settle()

    async def submit_by_hand(self, port: int, pages: int, copies: int, **wishes: Any) -> None:
        """Print on both sides by hand."""
        text = f"Turned {len(self.backs)}"
        request = request_by_hand(
            self.shop, pages=pages, copies=copies, text=text, port=port, **wishes
        )
        spec, (first, second) = request
        fronts, backs = (
            hashlib.sha256(one.document.path.read_bytes()).hexdigest() for one in (first, second)
        )
        self.backs[fronts] = backs
        first = replace(first, document=replace(first.document, digest=fronts))
        await self.attempt(self.shop.queue.async_submit(spec, (first, second)))

    def turning(self) -> list[Job]:
        """Return the jobs that wait for their paper to be turned over."""
        return [
            job
            for job in self.shop.queue.jobs()
            if job.asks_for and job.waits_for == ("turn_paper",)
        ]

    async def turn_paper(self, job: Job, *, crash: bool) -> None:
        """Say that the paper was turned over; a crash comes right after the answer."""
        if await self.go_on(job, "turn_paper"):
            self.reported.add(job.job_id)
        if crash:
            await self.restart(crash=True)
        await self.shop.settle()

    async def go_on(self, job: Job, reason: str | None) -> bool:
        """Say yes for a job, its paper being put back if that is asked; return whether it goes on."""
        turns = reason in (None, "turn_paper") and job.waits_for[:1] == ("turn_paper",)
        with (
            suppress(InputError, HomeAssistantError),
            self.put_back(job) if turns else nullcontext(),
        ):
            await self.shop.queue.async_continue(job.job_id, reason=reason)
            return True
        return False

    @contextmanager
    def put_back(self, job: Job) -> Iterator[None]:
        """Put a job's paper into the tray; take it out again if the answer is no."""
        view = public_dict(job)
        assert view is not None
        printer = next(
            one for one in self.shop.box.printers if self.shop.key(one.port) == job.spec.printer_key
        )
        self.turned.add(job.job_id)
        before = list(printer.stacks)
        printer.put_back(job.job_id, int(str(view["sheets"])))
        try:
            yield
        except InputError, HomeAssistantError:
            printer.take_out(job.job_id)
            # Whoever takes it out sees what was printed on it.
            for task in self.shop.box.tasks:
                task.printed_on.discard(job.job_id)
            raise
        else:
            assert not before, (before, job)

    async def print_and_turn(self, job: Job, content: bytes, milliseconds: int) -> None:
        """Print while somebody says that the paper was turned over."""
        port = self.shop.storage.printers[job.spec.printer_key].printer.port

        async def turn() -> None:
            await asyncio.sleep(milliseconds / 1000)
            if self.shop.queue.get(job.job_id).asks_for:
                await self.go_on(job, "turn_paper")

        await asyncio.gather(self.submit(port, content), turn())
        await self.shop.settle()

    async def change(self, thing: Any, **values: Any) -> None:
        """Change a box or a printer, and let it be seen.

        Nobody does so each second: a shop has no account, which would keep what is asked for apart.
        """
        self.clock.tick(5)
        for name, value in values.items():
            setattr(thing, name, value)
        await self.shop.refresh()

    async def stranger(self, port: int) -> None:
        """Print as another app, as if one had been seen before: the first of a day passes for ours."""
        self.sim.cloud.print_as_someone_else(self.shop.box, self.shop.printer(port))
        self.shop.storage.record_foreign_task()
        await self.shop.settle()

    async def attempt(self, work: Awaitable[Any]) -> None:
        """Do what may be refused."""
        with suppress(InputError, HomeAssistantError, LiankeError):
            await work
        await self.shop.settle()

    async def pass_time(self, seconds: float, step: float = 20) -> None:
        """Let time pass."""
        while seconds > 0:
            await self.shop.tick(min(step, seconds))
            seconds -= step

    async def forge(self, job: Job, state: str, code: int) -> None:
        """Send a callback that a stranger made up: another task, and no token or a wrong one.

        The job's own token counts against a task that only the list has matched, by design.
        """
        # The first half of a job may have ended since it was picked; then its token is another one.
        job = self.shop.queue.get(job.job_id)
        before = self.shop.queue.jobs()
        named = job.current_delivery.task_id is not None and not job.current_delivery.task_from_list
        for token in (None, "x" * 32, job.current_delivery.token if named else None):
            assert not await self.shop.call_back(token, "another task", state, code)
        assert self.shop.queue.jobs() == before

    async def repeat_callbacks(self) -> None:
        """Send all that ever came once more, as the cloud would to the tasks' addresses."""
        for token, body in list(zip(self.receiver.tokens, self.receiver.bodies, strict=True)):
            if (claim := parse_callback(body)) is not None:
                before = {job.job_id: job.state for job in self.shop.queue.jobs() if job.is_final}
                await self.shop.queue.tracker.async_on_callback(token, claim)
                for job_id, state in before.items():
                    if state is not JobState.UNCONFIRMED:
                        assert self.shop.queue.get(job_id).state is state
        await self.shop.settle()

    async def end(self) -> None:
        """Put everything right and wait for the end of every job."""
        cloud, box = self.sim.cloud, self.shop.box
        cloud.faults.clear()
        box.online = True
        for printer in box.printers:
            printer.paper = None
            printer.outcomes.clear()
        passed = 0.0
        step = 20.0
        await self.shop.refresh()
        while not all(job.is_final for job in self.shop.queue.jobs()):
            for job in self.turning():
                await self.turn_paper(job, crash=False)
            assert passed < END, self.shop.queue.jobs()
            await self.shop.tick(step)
            passed += step
            step = 600.0 if passed > 1800 else 20.0
        await self.repeat_callbacks()
        self.judge()
        await self.close()
        self.receiver.bodies.clear()
        self.receiver.tokens.clear()

    def tray(self) -> dict[str, tuple[int, int]]:
        """Return how often each document came out whole and in part, by its digest."""
        found: dict[str, tuple[int, int]] = {}
        for one in self.sim.cloud.out_tray:
            if one.foreign:
                continue
            digest = self.digest(one)
            whole, part = found.get(digest, (0, 0))
            found[digest] = (whole + one.complete, part + (not one.complete))
        return found

    def digest(self, printed: PrintedJob) -> str:
        """Return the digest of what came out."""
        if printed.path not in self._digests:
            self._digests[printed.path] = hashlib.sha256(printed.path.read_bytes()).hexdigest()
        return self._digests[printed.path]

    def may_come_late(self, digest: str) -> bool:
        """Return whether a document may come out after its job's end; the cloud's time passes slower than ours."""
        return any(
            job.state is JobState.UNCONFIRMED
            or (job.state in (JobState.CANCELED, JobState.EXPIRED) and job.partly_printed)
            for job in self.shop.queue.jobs()
            if digest in (digest_of(job), self.backs.get(digest_of(job)))
        )

    def judge(self) -> None:
        """Compare the jobs of each document with the out tray; a retry is a job of its own."""
        tray = self.tray()
        by_digest: dict[str, list[Job]] = {}
        for job in self.shop.queue.jobs():
            by_digest.setdefault(digest_of(job), []).append(job)
        assert tray.keys() <= by_digest.keys() | {
            self.backs[digest] for digest in by_digest if digest in self.backs
        }
        for digest, jobs in by_digest.items():
            whole, part = tray.get(digest, (0, 0))
            if digest in self.backs:
                self.judge_halves(jobs, (whole, part), tray.get(self.backs[digest], (0, 0)))
                continue
            surely = sum(job.state is JobState.COMPLETED for job in jobs)
            maybe = sum(
                job.state is JobState.UNCONFIRMED
                or (job.state in self.cut_short and job.partly_printed)
                for job in jobs
            )
            assert surely <= whole <= surely + maybe, (whole, jobs)
            # Of what nothing was printed, nothing lies there.
            perhaps = sum(job.state is JobState.UNCONFIRMED or job.partly_printed for job in jobs)
            assert whole + part <= surely + perhaps, (whole, part, jobs)
        for request_id in {job.spec.request_id for job in self.shop.queue.jobs()} - {None}:
            mine = [job for job in self.shop.queue.jobs() if job.spec.request_id == request_id]
            for digest in {digest_of(job) for job in mine}:
                whole, part = tray.get(digest, (0, 0))
                # What a retry prints again is meant to be.
                retried = sum(job.spec.retry_of is not None for job in by_digest[digest])
                assert whole + part <= 1 + retried, (request_id, mine)

    def judge_halves(
        self, jobs: list[Job], fronts: tuple[int, int], backs: tuple[int, int]
    ) -> None:
        """Compare the jobs of a document that is printed by hand with its halves in the out tray."""
        seen = (fronts, backs, jobs)
        surely = sum(job.state is JobState.COMPLETED for job in jobs)
        maybe = [
            job
            for job in jobs
            if job.state is JobState.UNCONFIRMED
            or (job.state is not JobState.COMPLETED and job.partly_printed)
        ]
        second = sum(job.is_at_second_delivery for job in jobs)
        assert max(surely, second) <= fronts[0] <= surely + len(maybe), seen
        assert surely <= backs[0] <= surely + sum(job.is_at_second_delivery for job in maybe), seen
        assert backs[0] <= len({job.job_id for job in jobs} & self.turned), seen
        assert fronts[1] + backs[1] <= len(maybe), seen
        for job in jobs:
            if job.state is JobState.COMPLETED:
                details = job.deliveries[1].details
                assert job.pages_printed == details["pages"] * details["copies"], seen


class Story(RuleBasedStateMachine):
    """Anything that can happen to jobs."""

    world: World
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        """Know nothing yet."""
        super().__init__()
        self.contents: dict[tuple[str, int], bytes] = {}

    def run(self, work: Any) -> None:
        """Do something in the test's event loop, and wait for it."""
        asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def pick(self, number: int) -> Job | None:
        """Return one of the jobs, None while there is none.

        A precondition would ask for what depends on timing; with the same choices, the same rules have to be open.
        """
        jobs = self.world.shop.queue.jobs()
        return jobs[number % len(jobs)] if jobs else None

    @initialize(
        callbacks=st.sampled_from(["never", "end", "each_state"]),
        cancel=st.sampled_from(["revokes", "prints_success", "prints_revoked", "revoked_prints"]),
        totals=st.sampled_from(["missing", "bytes"]),
    )
    def begin(self, callbacks: str, cancel: str, totals: str) -> None:
        self.run(self.world.begin(callbacks=callbacks, cancel=cancel, totals=totals))

    @rule(port=st.sampled_from(PORTS), hold=st.booleans(), minutes=st.none() | st.integers(1, 90))
    def print_something(self, port: int, hold: bool, minutes: int | None) -> None:
        content = unlike_any(self.world.random, 2, "Story")
        expires_in = None if minutes is None else timedelta(minutes=minutes)
        self.run(self.world.submit(port, content, hold=hold, expires_in=expires_in))

    @rule(
        port=st.sampled_from(PORTS),
        people=st.sampled_from([("approval",), ("release",), ("approval", "release")]),
        minutes=st.none() | st.integers(1, 90),
    )
    def print_what_people_are_asked_about(
        self, port: int, people: tuple[str, ...], minutes: int | None
    ) -> None:
        content = unlike_any(self.world.random, 2, "Asked")
        expires_in = None if minutes is None else timedelta(minutes=minutes)
        self.run(self.world.submit(port, content, waits_for=people, expires_in=expires_in))

    @rule(
        port=st.sampled_from(PORTS),
        pages=st.integers(2, 7),
        copies=st.integers(1, 2),
        minutes=st.none() | st.integers(1, 90),
        seconds=st.sampled_from([0, 60]),
    )
    def print_both_sides_by_hand(
        self, port: int, pages: int, copies: int, minutes: int | None, seconds: int
    ) -> None:
        expires_in = None if minutes is None else timedelta(minutes=minutes)
        self.run(self.world.submit_by_hand(port, pages, copies, expires_in=expires_in))
        self.run(self.world.pass_time(seconds))

    @rule(number=st.integers(0, 50), crash=st.booleans())
    def turn_the_paper(self, number: int, crash: bool) -> None:
        if waiting := self.world.turning():
            self.run(self.world.turn_paper(waiting[number % len(waiting)], crash=crash))

    @rule(
        number=st.integers(0, 50),
        reason=st.sampled_from([None, "approval", "release"]),
        is_yes=st.booleans(),
    )
    def answer(self, number: int, reason: str | None, is_yes: bool) -> None:
        queue = self.world.shop.queue
        if (job := self.pick(number)) is None:
            return
        # Those that wait for people are few.
        job = next((one for one in queue.jobs() if one.asks_for), job)
        answer = self.world.go_on(job, reason) if is_yes else queue.async_reject(job.job_id)
        self.run(self.world.attempt(answer))

    @rule(number=st.integers(0, 50), milliseconds=st.integers(0, 9))
    def print_while_the_paper_is_turned(self, number: int, milliseconds: int) -> None:
        if waiting := self.world.turning():
            content = unlike_any(self.world.random, 2, "At once")
            job = waiting[number % len(waiting)]
            self.run(self.world.print_and_turn(job, content, milliseconds))

    @rule(port=st.sampled_from(PORTS), request_id=st.sampled_from(["a", "b"]))
    def print_once_only(self, port: int, request_id: str) -> None:
        content = self.contents.setdefault(
            (request_id, port), unlike_any(self.world.random, 2, request_id)
        )
        self.run(self.world.submit(port, content, request_id=request_id))

    @rule(port=st.sampled_from(PORTS))
    def print_the_briefing(self, port: int) -> None:
        content = unlike_any(self.world.random, 2, "Briefing")
        self.run(self.world.submit(port, content, replace_key="briefing"))

    @rule(fault=st.sampled_from(FAULTS))
    def break_an_upload(self, fault: Fault) -> None:
        self.world.sim.cloud.fail(SUBMIT, fault)

    @rule(seconds=st.sampled_from([0.05, 0.5]))
    def be_late_with_a_cancellation(self, seconds: float) -> None:
        self.world.sim.cloud.fail("DELETE /print/job", Fault(kind="delay", seconds=seconds))

    @rule(fault=st.sampled_from(["empty", "timeout", "reset_before"]))
    def break_an_answer(self, fault: Any) -> None:
        self.world.sim.cloud.fail("GET /print/job", Fault(kind=fault, seconds=60))

    @rule(port=st.sampled_from(PORTS), outcome=st.sampled_from(OUTCOMES))
    def break_a_printer(self, port: int, outcome: Outcome) -> None:
        self.world.sim.cloud.plan(self.world.shop.printer(port), outcome)

    @rule(port=st.sampled_from(PORTS), sheets=st.sampled_from([0, 1, None]))
    def change_the_paper(self, port: int, sheets: int | None) -> None:
        self.run(self.world.change(self.world.shop.printer(port), paper=sheets))

    @rule(online=st.booleans())
    def switch_the_box(self, online: bool) -> None:
        self.run(self.world.change(self.world.shop.box, online=online))

    @rule(port=st.sampled_from(PORTS))
    def print_as_a_stranger(self, port: int) -> None:
        self.run(self.world.stranger(port))

    @rule(seconds=st.sampled_from([1, 15, 61, 330]))
    def wait(self, seconds: int) -> None:
        self.run(self.world.pass_time(seconds))

    @rule(number=st.integers(0, 50))
    def cancel(self, number: int) -> None:
        if (job := self.pick(number)) is not None:
            self.run(self.world.attempt(self.world.shop.queue.async_cancel(job.job_id)))

    @rule(number=st.integers(0, 50))
    def retry(self, number: int) -> None:
        if (job := self.pick(number)) is not None:
            retry = async_print_again(self.world.shop.queue, job, Context())
            self.run(self.world.attempt(retry))

    @rule(number=st.integers(0, 50), port=st.sampled_from(PORTS), crash=st.booleans())
    def move(self, number: int, port: int, crash: bool) -> None:
        if (job := self.pick(number)) is None:
            return
        self.run(self.world.move(job, port))
        if crash:
            self.run(self.world.restart(crash=True))

    @rule(
        number=st.integers(0, 50),
        state=st.sampled_from(["SUCCESS", "FAILURE", "REVOKED", "SENDING"]),
        code=st.sampled_from([200, 500]),
    )
    def forge_a_callback(self, number: int, state: str, code: int) -> None:
        if (job := self.pick(number)) is not None:
            self.run(self.world.forge(job, state, code))

    @rule()
    def repeat_callbacks(self) -> None:
        self.run(self.world.repeat_callbacks())

    @rule(crash=st.booleans())
    def restart(self, crash: bool) -> None:
        self.run(self.world.restart(crash=crash))

    @invariant()
    def nothing_came_out_twice(self) -> None:
        if not hasattr(self.world, "shop"):
            return
        for digest, (whole, _part) in self.world.tray().items():
            jobs = [
                job
                for job in self.world.shop.queue.jobs()
                if digest in (digest_of(job), self.world.backs.get(digest_of(job)))
            ]
            assert whole <= len(jobs), jobs

    @invariant()
    def nothing_is_sent_before_the_answer(self) -> None:
        if not hasattr(self.world, "shop"):
            return
        tray = self.world.tray()
        for job in self.world.shop.queue.jobs():
            if job.waits_for and job.state is JobState.HELD:
                assert (job.current_delivery.task_id, job.current_delivery.handed_over_at) == (
                    None,
                    None,
                ), job
                if not job.is_at_second_delivery:
                    assert digest_of(job) not in tray, job

    @invariant()
    def second_sides_come_on_first_ones(self) -> None:
        if not hasattr(self.world, "shop"):
            return
        tray = self.world.tray()
        for digest, backs in self.world.backs.items():
            jobs = [job for job in self.world.shop.queue.jobs() if digest_of(job) == digest]
            fronts, second = tray.get(digest, (0, 0))[0], tray.get(backs, (0, 0))
            assert sum(job.is_at_second_delivery for job in jobs) <= fronts, jobs
            assert sum(second) <= len({job.job_id for job in jobs} & self.world.turned), jobs
        for one in self.world.sim.cloud.out_tray:
            for whose in self.world.sim.cloud.tasks[one.task_id].printed_on:
                job, digest = self.world.shop.queue.get(whose), self.world.digest(one)
                assert (
                    one.foreign
                    or digest == self.world.backs[digest_of(job)]
                    or self.world.may_come_late(digest)
                ), job
        # Whoever was told that it goes on is not asked again, by no crash either.
        assert not {job.job_id for job in self.world.turning()} & self.world.reported

    @override
    def teardown(self) -> None:
        if hasattr(self.world, "shop"):
            self.run(self.world.end())


async def run_stories(world: World, examples: int) -> None:
    """Let the machine run in a thread, since its rules are no coroutines."""

    class Reported(Story):
        """Stories of this world."""

    Reported.world = world
    Reported.loop = asyncio.get_running_loop()
    sized = settings(
        max_examples=examples,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    done = asyncio.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            run_state_machine_as_test(Reported, settings=sized)
        except BaseException as err:  # noqa: BLE001  # handed on to the test
            failures.append(err)
        finally:
            Reported.loop.call_soon_threadsafe(done.set)

    thread = threading.Thread(target=work, name="_run_safe_shutdown_loop: stories")
    thread.start()
    await done.wait()
    thread.join()
    if failures:
        raise failures[0]
    assert world.stories >= examples


@pytest.fixture
def world(
    hass: HomeAssistant,
    sim: Simulator,
    open_shop: OpenShop,
    receiver: Receiver,
    tmp_path: Path,
    clock: Clock,
) -> World:
    """Return where stories happen."""
    return World(
        hass=hass,
        sim=sim,
        open_shop=open_shop,
        receiver=receiver,
        tmp_path=tmp_path,
        clock=clock,
    )


@pytest.mark.short
async def test_stories(world: World) -> None:
    await run_stories(world, SHORT)


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_stories_long(world: World) -> None:
    await run_stories(world, LONG)
