"""Cases of scans on their way to a destination, in a home that dies at each of the steps in turn."""

import json
from pathlib import Path
from typing import Any, Final

from tests.paperless_server import TOKEN, Paperless

from .home import CallError, GoneError, Home
from .judge import Judgement
from .proxy import Proxy
from .scan_judge import scans_of
from .scan_rounds import home_that_scans
from .scene import case, end
from .world import World

# Minimum number of deaths in a case; there are far more.
FEWEST_DEATHS: Final = 10
# Maximum number of operations on the integration's files by which each power cut comes later than the one before.
STRIDE: Final = 4
# Seconds of the world's clock after which a delivery that can end has ended.
PATIENCE: Final = 2 * 24 * 3600.0


async def _set_options(home: Home, **options: Any) -> None:
    """Change the options of the only box while nothing runs."""
    await home.stop()
    path = home.config / ".storage" / "core.config_entries"
    stored = json.loads(path.read_text())
    [entry] = [one for one in stored["data"]["entries"] if one["entry_id"] in home.entries.values()]
    entry["options"] |= options
    path.write_text(json.dumps(stored))
    await home.start()


def _has_ended(home: Home, scan_id: str) -> bool:
    return all(one["state"] != "open" for one in scans_of(home)[scan_id]["deliveries"])


async def _once(
    world: World, home: Home, scanner: str, to: str, by: str, step: int
) -> tuple[str, str, bool]:
    """Send a scan in a home that dies at a step; return the scan's id, its end, and whether it died."""
    home.boxes[0].printer(1).glass = f"page {by} {step}"
    scan_id = (await home.call("scan", device_id=scanner))["scan_id"]
    if by == "messages":
        home.steps_to_live = step
    else:
        home.disk.die_at(step)
    is_told = False
    try:
        sent = {"scan_id": scan_id, "answer": "hand_on", "send_to": to, "wait": False}
        await home.call("continue_scan", **sent)
        is_told = True
        await world.until(lambda: not home.runs or _has_ended(home, scan_id), PATIENCE, 10)
        await world.until(lambda: not home.runs, 15)
    except GoneError:
        pass
    except CallError as err:
        world.note(f"{step}: {err.key or err}")
    if died := not home.runs:
        if by == "writes":
            world.note(f"left by the power cut: {home.disk.cut_power(world.random)}")
        await home.start()
    home.steps_to_live = None
    await home.set_disk("ok")
    await world.until(lambda: _has_ended(home, scan_id), PATIENCE, 10)
    [state] = [one["state"] for one in scans_of(home)[scan_id]["deliveries"]] or ["never"]
    return scan_id, state if is_told or state != "never" else "unheard", died


def _judged(end: str, made: int) -> str:
    """Return what is wrong with a delivery after which there are so many files; empty if nothing is."""
    if made > 1:
        return "sent twice"
    if end == "unheard":
        # The home died before anybody was told that the scan will be sent.
        return "sent without a record" if made else ""
    return "" if (end, made) == ("done", 1) else f"lost: {end}, {made} files"


async def _at_each_step(
    world: World, home: Home, scanner: str, to: str, by: str, made: Any
) -> list[str]:
    problems, deaths, step, died = [], 0, 1, True
    while died:
        scan_id, state, died = await _once(world, home, scanner, to, by, step)
        said = f"step {step}: {scan_id} {state}, {made(scan_id)} files"
        world.note(said)
        if problem := _judged(state, made(scan_id)):
            problems.append(f"{problem} at {said}")
        deaths += died
        step += 1 if by == "messages" else world.random.randint(1, STRIDE)
    if deaths < FEWEST_DEATHS:
        problems.append(f"died only {deaths} times")
    return problems


def _to_paperless(by: str, text: str) -> None:
    async def script(world: World) -> Judgement:
        home, scanner = await home_that_scans(world)
        async with Paperless(version=3, refuses_duplicates=False).running() as server:
            line = Proxy(cloud_port=int(server.address.rpartition(":")[2]), hass_port=home.port)
            line.on_step = home.on_step
            await line.start()
            try:
                address = f"http://127.0.0.1:{line.port}"
                await _set_options(home, paperless_url=address, paperless_token=TOKEN)

                def made(scan_id: str) -> int:
                    return sum(scan_id in one.name for one in server.tasks)

                problems = await _at_each_step(world, home, scanner, "paperless", by, made)
                found = await end(world)
            finally:
                await line.stop()
        found.problems += problems
        return found

    case(text, f"scan_to_paperless_cut_by_{by}")(script)


_to_paperless("messages", "A scan is a document once, whichever message its home dies at.")
_to_paperless("writes", "A scan is a document once, whatever a power cut leaves of its home.")


@case("A scan is in its folder once and whole, whatever a power cut leaves of its home.")
async def scan_to_folder_cut_by_writes(world: World) -> Judgement:
    """Deliver into a folder that may be written to."""
    home, scanner = await home_that_scans(world)
    (folder := home.documents / "scans").mkdir()
    await _set_options(home, scan_folder=str(folder))

    def made(scan_id: str) -> int:
        [kept] = home.ledger.parent.glob(f"scans-*/{scan_id}/*.pdf")
        name = scans_of(home)[scan_id]["copied_to"]
        whole = [Path(one).read_bytes() == kept.read_bytes() for one in name]
        return sum(whole) if all(whole) else 0

    problems = await _at_each_step(world, home, scanner, "folder", "writes", made)
    found = await end(world)
    found.problems += problems
    names = [one for scan in scans_of(home).values() for one in scan["copied_to"]]
    if {path.name for path in folder.iterdir()} != {Path(one).name for one in names}:
        found.problems.append("files in the folder that nobody knows, or less")
    return found
