"""`python -m tests.chaos --rounds 200 --jobs 2 --seed 1`: run random rounds and print a table of their outcomes.

A round depends on nothing but its seed: `--rounds 1 --seed N --story` repeats one and prints everything that happened.
`--keep DIR` keeps the folder of each round.
"""

import argparse
from collections import Counter
import json
from pathlib import Path
import subprocess
import sys
import traceback
from typing import Any, Final

from tests.e2e.hass import ROOT

from .cases import CASES
from .clock import real_time
from .home import as_line
from .judge import Judgement
from .rounds import random_round
from .scan_rounds import scan_round
from .world import World, Zygote, live

ROUNDS: Final = {"random": random_round, "scans": scan_round}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--scans", action="store_true", help="rounds of scanning and copying")
    parser.add_argument("--case", action="append", help="a scripted case instead; all: every one")
    parser.add_argument("--story", action="store_true", help="tell what happened")
    parser.add_argument("--keep", type=Path, help="leave the folders here")
    parser.add_argument("--json", action="store_true", help="a line a round, for programs")
    arguments = parser.parse_args()
    run = _side_by_side if arguments.jobs > 1 else _one_by_one
    results = run(arguments)
    if not arguments.json:
        _show(results)
    sys.exit(any(result["problems"] or result["error"] for result in results))


def _one_by_one(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    zygote = Zygote()
    results = []
    names = arguments.case or []
    if names == ["all"]:
        names = list(CASES)
    works: list[tuple[str, int]] = [(name, arguments.seed) for name in names]
    if not names:
        seeds = range(arguments.seed, arguments.seed + arguments.rounds)
        works = [("scans" if arguments.scans else "random", seed) for seed in seeds]
    for name, seed in works:
        result = _live_one(name, seed, zygote, arguments)
        results.append(result)
        if arguments.json:
            print(json.dumps(result), flush=True)
        else:
            _show_one(result)
    zygote.close()
    return results


def _live_one(
    name: str, seed: int, zygote: Zygote, arguments: argparse.Namespace
) -> dict[str, Any]:
    worlds: list[World] = []

    async def script(world: World) -> Judgement:
        worlds.append(world)
        if name in ROUNDS:
            return await ROUNDS[name](world)
        return await CASES[name].script(world)

    began = real_time()
    keep = arguments.keep and arguments.keep / f"{name}-{seed}"
    result: dict[str, Any] = {"name": name, "seed": seed, "error": None, "problems": []}
    try:
        found = live(seed, script, zygote, keep=keep)
        result |= {
            "problems": found.problems,
            "outcomes": found.outcomes,
            "unconfirmed": found.unconfirmed,
            "faults": found.faults,
        }
    except Exception:  # noqa: BLE001  # the other rounds must run all the same
        result["error"] = traceback.format_exc()
    result["seconds"] = round(real_time() - began, 1)
    if arguments.story and worlds:
        for line in worlds[0].story:
            print(line)
        for home in worlds[0].homes.values():
            for one in home.reported:
                print(f"{one.time - worlds[0].began:9.2f}", home.name, as_line(one))
    return result


def _side_by_side(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Run the rounds in several processes at once, each with its share of the rounds."""
    share = -(-arguments.rounds // arguments.jobs)
    running = []
    for number in range(arguments.jobs):
        seed = arguments.seed + number * share
        rounds = min(share, arguments.seed + arguments.rounds - seed)
        command = [sys.executable, "-m", "tests.chaos", "--json"]
        command += ["--rounds", str(rounds), "--seed", str(seed)]
        if arguments.scans:
            command.append("--scans")
        if arguments.keep:
            command += ["--keep", str(arguments.keep)]
        running.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
    results = []
    for process in running:
        assert process.stdout is not None
        for line in process.stdout:
            results.append(json.loads(line))
            _show_one(results[-1])
        process.wait()
    return results


def _show_one(result: dict[str, Any]) -> None:
    bad = result["error"] or result["problems"]
    jobs = sum(result.get("outcomes", {}).values())
    print(
        f"{result['name']} {result['seed']}: {'BAD' if bad else 'ok'}, {jobs} jobs, "
        f"{sum(result.get('faults', {}).values())} faults, {result['seconds']} s",
        flush=True,
    )
    for problem in result["problems"]:
        print(f"    {problem}", flush=True)
    if result["error"]:
        print(result["error"], flush=True)


def _show(results: list[dict[str, Any]]) -> None:
    """Print a table of the outcomes of all rounds."""
    for title in ("outcomes", "unconfirmed", "faults"):
        total: Counter[str] = Counter()
        for result in results:
            total.update(result.get(title, {}))
        print(f"\n{title}: {total.total()}")
        for name, count in total.most_common():
            print(f"  {count:6} {name}")
    kinds = Counter(problem.split(":")[0] for result in results for problem in result["problems"])
    seconds = sum(result["seconds"] for result in results)
    print(f"\n{len(results)} rounds, {seconds:.0f} s, problems: {dict(kinds) or 'none'}")
    for result in results:
        if result["problems"] or result["error"]:
            print(f"  {result['name']} {result['seed']}")


if __name__ == "__main__":
    main()
