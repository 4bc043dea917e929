"""Cases of scans on their way to a destination, in a home that dies at each of the steps in turn."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
import json
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.paperless_server import TOKEN, Paperless
from tests.smtp_server import SmtpServer

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
STRIDE: Final = 6
# Seconds of the world's clock after which a delivery that can end has ended.
PATIENCE: Final = 2 * 24 * 3600.0
# Seconds of the world's clock after which Home Assistant has stored what a start has changed.
STORED: Final = 300.0
# Destinations that cannot be asked whether a scan has arrived.
BLIND: Final = frozenset({"mail", "script"})

type Made = Callable[[str], int]


async def _set_options(home: Home, new: dict[str, Any] | None = None, **options: Any) -> None:
    """Change the options of the only box, and add another config entry, while nothing runs."""
    await home.stop()
    path = home.config / ".storage" / "core.config_entries"
    stored = json.loads(path.read_text())
    entries = stored["data"]["entries"]
    [entry] = [one for one in entries if one["entry_id"] in home.entries.values()]
    if new is not None:
        bare: dict[str, Any] = {
            "entry_id": "0" * 26,
            "unique_id": None,
            "version": 1,
            "options": {},
        }
        entries.append(entry | bare | new)
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
    # The word of it comes once the end is on disk.
    await asyncio.sleep(1)
    [state] = [one["state"] for one in scans_of(home)[scan_id]["deliveries"]] or ["never"]
    return scan_id, state if is_told or state != "never" else "unheard", died


def _judged(to: str, end: str, made: int, told: list[str], *, died: bool) -> str:
    """Return what is wrong with a delivery after which there are so many files; empty if nothing is."""
    if made > 1:
        return "sent twice"
    if end == "unheard":
        # The home died before anybody was told that the scan will be sent.
        return "sent without a record" if made or told else ""
    if end == "uncertain" and to in BLIND and died:
        # The next start has found a begun try. It says so, and does not try again.
        return "" if told == ["not_sent"] else "told wrongly"
    if (end, made) != ("done", 1):
        return "lost"
    # The home may have died between the end and the word of it.
    return "" if told == ["sent"] or (died and not told) else "told wrongly"


async def _at_each_step(
    world: World, home: Home, scanner: str, to: str, by: str, made: Made
) -> list[str]:
    problems, step, died = [], 1, True
    ends: Counter[str] = Counter()
    while died:
        scan_id, state, died = await _once(world, home, scanner, to, by, step)
        told = [how for one, how in home.delivered if one == scan_id]
        said = f"step {step}: {scan_id} {state}, {made(scan_id)} files, told {told}"
        world.note(said)
        if problem := _judged(to, state, made(scan_id), told, died=died):
            problems.append(f"{problem} at {said}")
        if state == "uncertain":
            # Whoever has been told may send it again, and then it is sent.
            before = made(scan_id)
            again = {"scan_id": scan_id, "answer": "hand_on", "send_to": to}
            await home.call("continue_scan", **again)
            if not _has_ended(home, scan_id) or made(scan_id) != before + 1:
                problems.append(f"not sent again after {said}")
        ends[state] += died
        step += 1 if by == "messages" else world.random.randint(1, STRIDE)
    if ends.total() < FEWEST_DEATHS:
        problems.append(f"died only {ends.total()} times")
    if to in BLIND and not (ends["uncertain"] and ends["done"]):
        problems.append(f"died at too few kinds of steps: {ends}")
    return problems


@case("A scan is a document once, whichever message its home dies at.")
async def scan_to_paperless_cut_by_messages(world: World) -> Judgement:
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

            problems = await _at_each_step(world, home, scanner, "paperless", "messages", made)
            found = await end(world)
        finally:
            await line.stop()
    found.problems += problems
    return found


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


def _kept(home: Home, scan_id: str) -> bytes:
    """Return the content of the only file of a scan."""
    [kept] = home.ledger.parent.glob(f"scans-*/{scan_id}/*.pdf")
    return kept.read_bytes()


@asynccontextmanager
async def _mail(home: Home) -> AsyncGenerator[Made]:
    """Let scans be mailed, by Home Assistant's own integration."""
    async with SmtpServer().running() as server:
        home.others = {"smtp": {}}
        recipient = {
            "data": {},
            "subentry_id": "1" * 26,
            "subentry_type": "recipient",
            "title": "Office",
            "unique_id": "office@example.org",
        }
        data = {
            "server": "127.0.0.1",
            "port": server.port,
            "sender": "house@example.org",
            "encryption": "none",
            "verify_ssl": False,
        }
        await _set_options(home, {"domain": "smtp", "data": data, "subentries": [recipient]})
        await asyncio.sleep(STORED)
        stored = json.loads((home.config / ".storage" / "core.entity_registry").read_text())
        [entity_id] = [
            one["entity_id"] for one in stored["data"]["entities"] if one["platform"] == "smtp"
        ]
        await _set_options(home, scan_mail=entity_id)
        server.on_step = home.on_step

        def made(scan_id: str) -> int:
            kept = _kept(home, scan_id)
            return sum(
                file.get_payload(decode=True) == kept
                for mail in server.mails
                for file in mail.iter_attachments()
            )

        yield made


@asynccontextmanager
async def _script(home: Home) -> AsyncGenerator[Made]:
    """Let scans be passed to a script that tells a server of them, twice each."""
    told: list[str] = []

    async def hear(request: web.Request) -> web.Response:
        told.append(await request.text())
        return web.Response()

    app = web.Application()
    app.router.add_post("/", hear)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(access_log=None)
    line = Proxy(cloud_port=server.port or 0, hass_port=home.port)
    line.on_step = home.on_step
    await line.start()
    try:
        tell = {"action": "rest_command.tell", "data": {"text": "{{ scan_id }} {{ repeat.index }}"}}
        url = f"http://127.0.0.1:{line.port}/"
        home.others = {
            "rest_command": {"tell": {"url": url, "method": "post", "payload": "{{ text }}"}},
            "script": {"tell": {"sequence": [{"repeat": {"count": 2, "sequence": [tell]}}]}},
        }
        await _set_options(home, scan_script="script.tell")

        def made(scan_id: str) -> int:
            first, second = (told.count(f"{scan_id} {number}") for number in (1, 2))
            return max(first, second)

        yield made
    finally:
        await line.stop()
        await server.close()


def _to_blind(to: str, by: str, text: str, ready: Any) -> None:
    async def script(world: World) -> Judgement:
        home, scanner = await home_that_scans(world)
        async with ready(home) as made:
            problems = await _at_each_step(world, home, scanner, to, by, made)
            found = await end(world)
        found.problems += problems
        return found

    case(text, f"scan_to_{to}_cut_by_{by}")(script)


_to_blind(
    "mail",
    "writes",
    "A scan is never mailed again without a word, whatever a power cut leaves of its home.",
    _mail,
)
_to_blind(
    "script",
    "messages",
    "A script never gets a scan again without a word, whichever message its home dies at.",
    _script,
)
