"""Cases of scans and copies in a home whose power goes at every step of them."""

import asyncio
from collections.abc import Awaitable, Callable
import json
from typing import Any, Final

from tests.ledgers import rows

from .child import DOMAIN
from .home import FINAL, GoneError, Home
from .judge import Judgement
from .scene import case, end, one_home
from .world import World

# Far fewer than there are.
FEWEST_STEPS: Final = 12

type Act = Callable[[int], Awaitable[Any]]


async def _home_that_scans(world: World) -> tuple[Home, str]:
    """Give a home whose first printer scans, with the feature on, and the scanner's device."""
    home, box = await one_home(world, scan_result="base64", scan_dpi=75)
    box.printer(1).scanner, box.printer(1).feeder = True, []
    await home.stop()
    status = {"preview_feature_status": [{"domain": DOMAIN, "preview_feature": "scanning"}]}
    labs = {"key": "core.labs", "version": 1, "minor_version": 1, "data": status}
    (home.config / ".storage" / "core.labs").write_text(json.dumps(labs))
    await home.start()
    # All that is known by then is on disk: what a start finds is written late.
    await asyncio.sleep(300)
    [scanner] = [one for name, _, one in await home.ask("devices") if "/scanner/" in name]
    return home, scanner


def _scans(home: Home) -> dict[str, dict[str, Any]]:
    """Return every scan as it is on disk, by its id."""
    return {record["job_id"]: record for record in rows(home.ledger, "scan")}


async def _at_each_step(world: World, home: Home, arm: Act, ask: Act, pages: int) -> list[str]:
    """Ask for the same with a power cut one step later each time, until it is done before; return what was wrong."""
    cloud, printer = world.sim.cloud, home.boxes[0].printer(1)
    problems: list[str] = []
    died = True

    def at_rest() -> bool:
        scans = _scans(home).values()
        return all(one["state"] in FINAL for one in (*scans, *home.records())) and all(
            task.ended.is_set() for task in cloud.tasks.values()
        )

    step = 1
    while died:
        printer.glass = f"page {step}"
        printer.feeder = [f"page {step} of {number}" for number in range(pages)]
        known, papers, scanned = _scans(home), len(cloud.out_tray), len(printer.scanned)
        lives = home.lives
        await arm(step)
        try:
            await ask(step)
            await world.until(lambda: not home.runs or at_rest(), 1200, 10)
        except GoneError:
            pass
        if not home.runs:
            await home.start()
        died = home.lives > lives
        if not await world.until(at_rest, 3600, 10):
            problems.append(f"open: step {step}")
        # A scanner that a dead home has set off ends by itself.
        await asyncio.sleep(120)
        new = [one for scan_id, one in _scans(home).items() if scan_id not in known]
        printed, made = len(cloud.out_tray) - papers, len(printer.scanned) - scanned
        said = (
            f"{[(one['state'], one['reason']) for one in new]}, {made} scanned, {printed} printed"
        )
        world.note(f"step {step}: {said}")
        for wrong, is_so in {
            "scanned twice": made > pages or len(set(printer.scanned)) < len(printer.scanned),
            "printed twice": printed > 1,
            "two scans": len(new) > 1,
            "scanned without a record": made and not new,
            "not done": not died and [one["state"] for one in new] != ["completed"],
        }.items():
            if is_so:
                problems.append(f"{wrong}: step {step}: {said}")
        for one in new:
            files = [path.name for path in home.ledger.parent.glob(f"scans-*/{one['job_id']}/*")]
            is_whole = len(one["pages"]) == made == pages
            if one["state"] == "completed":
                jobs = [
                    job["state"] for job in home.records() if job["job_id"] in one["print_jobs"]
                ]
                right = len(jobs) == bool(one["printing"]) and (jobs == ["completed"]) == printed
                right = right and {*one["files"]} <= {*files}
                right = right and is_whole
            else:
                # Nobody knows what became of a request whose answer did not come.
                reasons = {"scan_in_doubt"} if made else {"scan_in_doubt", "scan_not_begun"}
                right = one["reason"] in reasons and not printed and not one["pages"]
            if not right:
                problems.append(f"told wrongly: step {step}: {said}")
        step += 1
    if step < FEWEST_STEPS:
        problems.append(f"never cut at a step after {step - 2}")
    return problems


def _cut(text: str, action: str, by: str, **data: Any) -> None:
    async def script(world: World) -> Judgement:
        home, scanner = await _home_that_scans(world)
        printer = {"printer": home.device(home.boxes[0], 1)} if action == "copy" else {}

        async def ask(_step: int) -> None:
            await home.call(action, device_id=scanner, wait=False, **printer, **data)

        async def arm(step: int) -> None:
            if by == "messages":
                home.steps_to_live = step
            else:
                await home.ask("disk", mode=f"dies {step}")

        fed = data.get("source") == "feeder"
        problems = await _at_each_step(world, home, arm, ask, 2 if fed else 1)
        found = await end(world)
        found.problems += problems
        return found

    case(text, f"{action}_cut_by_{by}")(script)


_cut("A copy is scanned once and printed once, whichever message it dies at.", "copy", "messages")
_cut("A copy is scanned once and printed once, whichever write it dies at.", "copy", "writes")
_cut(
    "Pages from a feeder are scanned once and kept, whichever write it dies at.",
    "scan",
    "writes",
    source="feeder",
)
