"""Power cuts at any moment: no job lost, none printed twice, and nobody told what is not so."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack
import os
from pathlib import Path
from random import Random, SystemRandom

import pytest

from tests.e2e.blackout import FINAL, JOBS, Home, Verdict
from tests.e2e.hass import HassError

# The chaos test lets processes die as often within minutes, by a clock of its own; these take real time. By hand
# LIANKE_ROUNDS=20 makes more of them.
ROUNDS = int(os.environ.get("LIANKE_ROUNDS", "8"))
MOST_UNCONFIRMED = 0.05

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("newest")]


@pytest.mark.timeout(1800)
async def test_many_power_cuts(tmp_path: Path) -> None:
    await prove(tmp_path, ROUNDS)


def _seed() -> int:
    seed = int(os.environ.get("LIANKE_SEED") or SystemRandom().randrange(2**32))
    print(f"LIANKE_SEED={seed} repeats these moments")  # noqa: T201  # shown when the test fails
    return seed


async def prove(folder: Path, rounds: int) -> None:
    """Run reachable homes and an unreachable one, half of the rounds each, and judge all.

    A reachable home has one round: an upload that never arrived would take the proof from each power cut after it, and
    power that goes once a minute is not what the share of doubts is to stand for. They have their rounds in turn, and
    wait side by side the five minutes until doubt ends.
    """
    seed = _seed()
    half = rounds // 2
    names = [f"reachable {number}" for number in range(half)]
    homes = [
        Home(folder=folder / name, reachable=name != "unreachable", random=Random(f"{seed} {name}"))
        for name in (*names, "unreachable")
    ]
    turn = asyncio.Lock()
    async with asyncio.TaskGroup() as group:
        lives = [
            group.create_task(live(home, range(number, number + 1), turn))
            for number, home in enumerate(homes[:-1])
        ]
        lives.append(group.create_task(live(homes[-1], range(half), asyncio.Lock())))
    verdicts = [verdict for life in lives for verdict in life.result()]
    states = Counter("in doubt" if one.in_doubt else one.state for one in verdicts)
    for home in homes:
        mine = [one for one in verdicts if one.order in home.orders and one.in_doubt]
        print(  # noqa: T201
            f"{'reachable' if home.reachable else 'unreachable'}: {len(home.cuts)} cuts, in doubt: "
            f"{Counter(f'{one.order.name.split(" order")[0]}, accepted {one.accepted}' for one in mine)}"
        )
    print(dict(states))  # noqa: T201
    assert len(verdicts) == rounds * JOBS
    # Nothing is wrong with any document or printer, so that nothing else can come of a job.
    assert set(states) <= {"completed", "in doubt"}, states
    assert all(one.state in FINAL for one in verdicts)
    assert states["in doubt"] <= MOST_UNCONFIRMED * len(verdicts), states


async def live(home: Home, rounds: Iterable[int], turn: asyncio.Lock) -> list[Verdict]:
    """Take a home through its rounds, at its turn, and check everything that must hold for it alone."""
    async with AsyncExitStack() as stack:
        async with turn:
            await stack.enter_async_context(home.running())
            for number in rounds:
                await home.round(number)
                assert not (await home.cloud.get(""))["banned"], "the cloud was asked too often"
        await home.settle()
        verdicts = await home.verdicts()
        for verdict in verdicts:
            judge(verdict)
        judge_doubts(home, [verdict for verdict in verdicts if verdict.in_doubt])
        await judge_counters(home, verdicts)
        overview = await home.cloud.get("")
        assert not overview["banned"], "the cloud was asked too often"
        assert not overview["errors"]
        assert not overview["violations"]
        assert not home.hass.problems("lianke"), home.hass.problems("lianke")
        keep_secrets(home, [account["api_key"] for account in overview["accounts"]])
        return verdicts


def judge(verdict: Verdict) -> None:
    """Compare what the user is told with what lies in the tray."""
    assert len(verdict.jobs) == 1, f"{verdict.order.name}: lost, or taken twice: {verdict}"
    job = verdict.jobs[0]
    if verdict.order.job_id is not None:
        assert job["job_id"] == verdict.order.job_id
    assert verdict.whole <= 1, f"printed {verdict.whole} times: {verdict}"
    assert job["state"] in FINAL or verdict.in_doubt, f"without an end: {verdict}"
    if job["state"] == "completed":
        assert verdict.whole == 1, f"told as completed, and nothing came out: {verdict}"
    if job["state"] == "failed":
        nothing = verdict.whole == verdict.partial == 0
        assert nothing or job["partly_printed"], f"told as failed, though it came out: {verdict}"
    if job["state"] in ("canceled", "expired"):
        assert verdict.whole == 0, verdict


def judge_doubts(home: Home, doubts: list[Verdict]) -> None:
    """Accept doubt only where nothing could have settled it."""
    for doubt in doubts:
        assert home.cut_off(doubt), f"in doubt without a power cut: {doubt}"
        if home.reachable and doubt.accepted:
            # Its callback was repeated or the day's list names it, and nobody else prints here.
            assert not home.had_one_reading(doubt, doubts), f"proof was there: {doubt}"
    by_cut = Counter(
        (doubt.order.box, cut)
        for doubt in doubts
        for cut in home.cuts
        if doubt.record is not None
        and cut == min(home.cuts, key=lambda one: home.distance(doubt, one))
    )
    assert all(count == 1 for count in by_cut.values()), f"several in doubt at once: {by_cut}"


async def judge_counters(home: Home, verdicts: list[Verdict]) -> None:
    """Compare the counters of pages, which lived through every cut, with the proven jobs."""
    printed: Counter[str] = Counter()
    for verdict in verdicts:
        if verdict.state == "completed":
            printed[verdict.order.device] += verdict.jobs[0]["pages_printed"]
    states = await home.hass.states()
    for entity in await home.hass.entities():
        if entity["translation_key"] == "pages_printed" and entity["platform"] == "lianke":
            shown = float(states[entity["entity_id"]]["state"])
            assert shown == printed[entity["device_id"]], entity["entity_id"]


def keep_secrets(home: Home, keys: list[str]) -> None:
    """Look for secrets in all that was logged at DEBUG."""
    log = home.hass.log()
    secrets = [*keys, *(record["token"] for record in home.records())]
    assert not any(secret in log for secret in secrets)
    if not log:
        raise HassError("there is no log")
