"""Updates from the released versions, and their code put back, in a whole Home Assistant each time.

The old code comes from this repository's history and runs as it was, in front of the simulator of today; then the zip
of a release of today's code takes its place, as an update does, with whatever the old one has left on disk.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
import io
import json
from pathlib import Path
import subprocess
import tarfile
from typing import Any

from aiohttp import ClientSession
import pytest

from scripts.demo import unpack_release
from tests.simulator import make_pdf

from .binding import (
    DOMAIN,
    announce_changes,
    bind,
    printer_device,
    wait_loaded,
    wait_written,
    written_entry,
)
from .card.stage import change_options
from .cloud import UNSEEN, SimulatorProcess
from .hass import ROOT, HassError, RealHomeAssistant
from .home import INKJET, LABELS, PRINTER
from .lan import offer, send

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.long,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("newest"),
]

# The last commit of each. What called itself 0.3.0 at first wrote a field that the later one does not know.
RELEASED = {
    "0.1.0": "6e9b0fc7",
    "0.2.0": "30a0f83b",
    "0.3.0 at first": "5cb72235",
    "0.3.0": "d8886653",
}
PAGES = {"done": 3, "held": 2, "queued": 30}
IN_CLOUD = {"queued", "processing", "sending"}
ON_ITS_WAY = {"phone", "queued"}
ABSENT = {"unavailable", "unknown"}
# s for what may take its time on a machine that has more to do.
PATIENCE = 240
PRINTERS = (PRINTER, INKJET, LABELS)
SCANNER = "scanner"


def unpack(commit: str, target: Path) -> Path:
    """Write the integration as it was at a commit below a folder, or skip where the history has none; return where."""
    asked = ["git", "-C", str(ROOT), "archive", commit, "custom_components"]
    packed = subprocess.run(asked, check=False, capture_output=True)
    if packed.returncode:
        pytest.skip(f"the history has no {commit}: it is not of full depth")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(target, filter="data")
    return target / "custom_components"


def contents(config: Path) -> dict[str, bytes]:
    """Return all that is kept of jobs, scans and boxes."""
    kept = [*(config / ".cache" / DOMAIN).rglob("*"), *(config / ".storage").glob(f"{DOMAIN}.*")]
    return {str(path.relative_to(config)): path.read_bytes() for path in kept if path.is_file()}


def is_of_past(entity_id: str) -> bool:
    """Return whether an entity shows when something happened last."""
    return entity_id.startswith("event.") or entity_id.endswith("_last_push_received")


def lose_version(config: Path) -> None:
    """Leave the entry as a power cut does that comes before Home Assistant has written it."""
    path = config / ".storage" / "core.config_entries"
    stored = json.loads(path.read_text("utf-8"))
    (entry,) = (one for one in stored["data"]["entries"] if one["domain"] == DOMAIN)
    assert entry["version"] == 2
    entry["version"] = 1
    path.write_text(json.dumps(stored), "utf-8")


@dataclass(slots=True)
class Household:
    """A Home Assistant with a box, and with this or that version of the integration."""

    home: RealHomeAssistant
    cloud: SimulatorProcess
    version: str
    entry_id: str = ""
    devices: dict[str, str] = field(default_factory=dict)
    # Where the laser printer is offered to the home network.
    address: str = ""
    # A scan that was kept.
    media: str = ""
    page: bytes = b""

    @property
    def has_people(self) -> bool:
        """Return whether that version knew codes and the home network."""
        return self.version != "0.1.0"

    @property
    def has_scanners(self) -> bool:
        return self.version.startswith("0.3.0")

    def put(self, components: Path) -> None:
        """Let Home Assistant find a version's code at its next start."""
        place = self.home.config / "custom_components"
        place.unlink(missing_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(components, target_is_directory=True)

    async def start(self, components: Path) -> None:
        """Start with a version's code and an empty log."""
        await asyncio.to_thread(self.put, components)
        self.home.console.unlink()
        await self.home.start()

    async def bind(self) -> None:
        """Set the box up by the forms of the old version, and find its printers."""
        home, cloud = self.home, self.cloud
        if self.version == "0.1.0":
            # One form asked for all.
            sticker = {"qr_text": cloud.qr_link, "api_key": cloud.api_key}
            flow = await home.start_flow(DOMAIN)
            flow = await home.submit(flow, sticker | {"advanced": {"server": cloud.url}})
            flow = await home.submit(flow, {"test_page": False})
            assert flow["type"] == "create_entry", flow
            entry = flow["result"]
            await wait_loaded(home, entry["entry_id"])
        else:
            entry = await bind(home, server=cloud.url, api_key=cloud.api_key, qr_text=cloud.qr_link)
        self.entry_id = entry["entry_id"]
        await announce_changes(home, cloud, self.entry_id)
        for name in PRINTERS:
            device = await printer_device(home, cloud.device_id, name)
            self.devices[name] = device["id"]

    async def print(self, title: str, printer: str, **data: Any) -> dict[str, Any]:
        """Print a PDF of that title; return what the action answers of its job."""
        path = self.home.documents / f"{title}.pdf"
        path.write_bytes(make_pdf(PAGES.get(title, 1), title))
        asked = {"device_id": self.devices[printer], "file": str(path), "title": title, **data}
        answer = await self.home.call(DOMAIN, "print", asked, response=True)
        (job,) = answer["jobs"]
        return dict(job)

    async def do(self, action: str, printer: str, **data: Any) -> None:
        """Call an action about a printer."""
        await self.home.call(DOMAIN, action, {"device_id": self.devices[printer], **data})

    async def jobs(self) -> dict[str, dict[str, Any]]:
        """Return the newest job of each title."""
        found: dict[str, dict[str, Any]] = {}
        for name in PRINTERS:
            asked = {"device_id": self.devices[name], "limit": 50}
            answer = await self.home.call(DOMAIN, "list_jobs", asked, response=True)
            found |= {job["title"]: job for job in reversed(answer["jobs"])}
        return found

    async def until(self, states: dict[str, str]) -> dict[str, dict[str, Any]]:
        """Return all jobs by their titles, once some are in these states."""

        def reached(jobs: dict[str, dict[str, Any]]) -> bool:
            return states.items() <= {title: job["state"] for title, job in jobs.items()}.items()

        found = await self.home.poll(self.jobs, reached, timeout=PATIENCE, every=0.5)
        if found is None:
            now = {title: job["state"] for title, job in (await self.jobs()).items()}
            raise AssertionError(f"{now} is not {states}")
        return found

    async def came_out(self) -> Counter[str]:
        """Return how often each document came out."""
        printed = await self.cloud.get("printed")
        return Counter(job["name"].removesuffix(".pdf") for job in printed)

    async def entities(self) -> dict[str, tuple[str, ...]]:
        """Return what the registry has of the box's entities, by entity id."""
        kept = ("id", "unique_id", "device_id", "disabled_by")
        return {
            one["entity_id"]: tuple(one[name] for name in kept)
            for one in await self.home.entities()
            if one["platform"] == DOMAIN
        }

    async def switch_inkjet(self, *, on: bool) -> None:
        await self.cloud.change_printer(self.cloud.device_id, "192.168.1.40", on=on)

    async def send(self) -> int:
        """Print from a phone; return the number that it is told of its job."""
        async with ClientSession() as session:
            return await send(session, self.address, [make_pdf(1, "phone")], "phone", "iPhone")

    async def leave_jobs(self) -> None:
        """Have jobs in open states, and some that are over; the last one is on its way."""
        await change_options(self.home, self.entry_id, "settings", hold_hours=20)
        await self.print("done", PRINTER, request_id="once")
        await self.until({"done": "completed"})
        outcome = {"outcomes": [{"code": 502}]}
        await self.cloud.post(f"boxes/{self.cloud.device_id}/printers/1/outcomes", outcome)
        await self.print("failed", PRINTER)
        await self.until({"failed": "failed"})
        await self.switch_inkjet(on=False)
        await self.print("held", INKJET, wait=False)
        open_states = {"held": "held"}
        if self.has_people:
            await self.print("asks", LABELS, release_code="4711", wait=False)
            open_states["asks"] = "held"
        await self.until(open_states)
        if self.has_scanners:
            await self.scan()
        if self.has_people:
            self.address = await offer(self.home, self.entry_id)
            await wait_written(self.home, self.entry_id, "lan_printers")
        await wait_written(self.home, self.entry_id, "hold_hours")
        await self.written()
        if self.has_people:
            await self.send()
        await self.print("queued", PRINTER, wait=False)
        await self.home.poll(self.jobs, lambda jobs: jobs["queued"]["state"] in IN_CLOUD)

    async def written(self) -> None:
        """Return once Home Assistant has written its registries, some seconds after each change."""
        wanted = {*self.devices.values(), *(await self.entities())}

        def read() -> str:
            storage = self.home.config / ".storage"
            names = ("core.device_registry", "core.entity_registry")
            paths = [storage / name for name in names]
            return "".join(path.read_text("utf-8") for path in paths if path.exists())

        async def missing() -> set[str]:
            text = await asyncio.to_thread(read)
            return {one for one in wanted if f'"{one}"' not in text}

        left = await self.home.poll(missing, lambda ids: not ids)
        assert left is not None, await missing()

    async def scan(self) -> None:
        """Keep a page, and leave a scan that waits for the next one."""
        await self.home.command(
            "labs/update", enabled=True, domain=DOMAIN, preview_feature="scanning"
        )

        async def scanners() -> list[str]:
            # It had the name of its printer.
            return [
                one["device_id"]
                for one in await self.home.entities()
                if (one["platform"], one["translation_key"]) == (DOMAIN, "scan")
            ]

        found = await self.home.poll(scanners, bool)
        assert found is not None
        scanner = self.devices[SCANNER] = found[0]
        done = await self.home.call(DOMAIN, "scan", {"device_id": scanner}, response=True)
        self.media = done["files"][0]["media_content_id"]
        self.page = await self.download(self.media)
        # As the later 0.3.0 called it: before, a folder of somebody could have that name.
        self.media = self.media.replace(f"{DOMAIN}/scans/", f"{DOMAIN}/kept-scans/")
        await self.do("scan", SCANNER, several_pages=True, wait=False)
        await self.until_scan("waiting")

    async def until_scan(self, state: str) -> None:
        """Return once the scanner's newest scan is in this state."""
        async with self.home.subscribe(f"{DOMAIN}/scans/subscribe") as scans:

            def reached(event: dict[str, Any]) -> bool:
                # The other printer's is there as well, once that is switched on.
                (one,) = [
                    one for one in event["scanners"] if one["device_id"] == self.devices[SCANNER]
                ]
                return bool(one["scan"]) and one["scan"]["state"] == state

            await scans.until(reached, timeout=PATIENCE)

    async def goes_on(
        self,
        jobs: dict[str, dict[str, Any]],
        states: dict[str, dict[str, Any]],
        entry: dict[str, Any] | None,
    ) -> None:
        """Have all go on that the old version has left, and something new."""

        async def written() -> dict[str, Any] | None:
            return await asyncio.to_thread(written_entry, self.home, self.entry_id)

        now = await self.home.poll(written, lambda one: one is not None and one["version"] == 2)
        assert entry is not None
        assert now is not None
        assert (now["options"], now["data"]) == (entry["options"], entry["data"])
        ours = (await self.entities()).keys()
        known = {name for name in ours & states.keys() if states[name]["state"] not in ABSENT}

        async def missing() -> set[str]:
            shown = await self.home.states()
            return {name for name in known if shown[name]["state"] in ABSENT}

        # What a printer says of itself is asked for a little later.
        left = await self.home.poll(missing, lambda names: not names, timeout=PATIENCE)
        assert left is not None, await missing()
        done = await self.print("done", PRINTER, request_id="once", wait=False)
        assert done["job_id"] == jobs["done"]["job_id"]
        await self.do("retry_job", PRINTER, job_id=jobs["failed"]["job_id"])
        await self.print("new", PRINTER)
        await self.switch_inkjet(on=True)
        if self.has_people:
            answer = {"reason": "release", "code": "4711"}
            await self.do("continue_job", LABELS, job_id=jobs["asks"]["job_id"], **answer)
        if self.has_scanners:
            assert await self.download(self.media) == self.page
            await self.do("continue_scan", SCANNER, answer="finish")
            await self.until_scan("completed")
        await self.until(dict.fromkeys(("new", *jobs), "completed"))
        assert await self.came_out() == Counter(["new", *jobs])

    async def ends_in(self, states: set[str]) -> None:
        """Return once the entry is in one of these states.

        For a moment it may be in none: Home Assistant tries again what it could not set up, already while it starts.
        """

        async def state() -> str:
            entry = await self.home.entry(self.entry_id)
            assert entry is not None
            return str(entry["state"])

        found = await self.home.poll(state, lambda now: now in states, timeout=PATIENCE)
        assert found is not None, await state()

    async def download(self, media: str) -> bytes:
        """Return a kept scan."""
        found = await self.home.command("media_source/resolve_media", media_content_id=media)
        async with self.home.raw("GET", found["url"]) as response:
            assert response.status == 200, found
            return await response.read()


@pytest.mark.parametrize(
    ("version", "kill"),
    [
        pytest.param("0.1.0", True, id="0.1.0 killed"),
        pytest.param("0.2.0", False, id="0.2.0 stopped"),
        pytest.param("0.3.0 at first", False, id="0.3.0 at first stopped"),
        pytest.param("0.3.0", True, id="0.3.0 killed"),
    ],
)
async def test_an_update_and_the_way_back(tmp_path: Path, version: str, *, kill: bool) -> None:
    """All is there and goes on, each print once; the old code put back does nothing, and today's goes on again.

    Killed, Home Assistant also loses the new version of the entry, as it does where the power fails within a second.
    """
    old = await asyncio.to_thread(unpack, RELEASED[version], tmp_path / "old")
    await asyncio.to_thread(unpack_release, None, tmp_path / "today")
    today = tmp_path / "today" / "home" / "custom_components"
    home = RealHomeAssistant(tmp_path / "config")

    async def stop() -> None:
        await (home.kill() if kill else home.stop())

    async with SimulatorProcess(tmp_path / "printed", speed=20, module=UNSEEN) as cloud:
        house = Household(home, cloud, version)
        house.put(old)
        async with home:
            await house.bind()
            await house.leave_jobs()
            jobs, entities, states = await house.jobs(), await house.entities(), await home.states()
            if kill:
                # Home Assistant writes these every quarter of an hour, and when it stops.
                states = {name: state for name, state in states.items() if not is_of_past(name)}
            options = written_entry(home, house.entry_id)
            await stop()

            await house.start(today)
            await wait_loaded(home, house.entry_id)
            if house.has_people:
                # Nobody has told the phone of its job, as far as today's code knows.
                await house.send()
            found = await house.jobs()
            assert {title: job["job_id"] for title, job in found.items()} == {
                title: job["job_id"] for title, job in jobs.items()
            }
            await house.until(
                {title: job["state"] for title, job in jobs.items() if title not in ON_ITS_WAY}
                | dict.fromkeys(ON_ITS_WAY & jobs.keys(), "completed")
            )
            assert (await house.entities()).items() >= entities.items()
            await house.goes_on(jobs, states, options)
            came_out = await house.came_out()
            assert not home.problems(DOMAIN)
            await house.switch_inkjet(on=False)
            await house.print("later", INKJET, wait=False)
            jobs = await house.until({"later": "held"})
            await stop()

            if kill:
                await asyncio.to_thread(lose_version, home.config)
            left = await asyncio.to_thread(contents, home.config)
            await house.start(old)
            await house.switch_inkjet(on=True)
            refused = {"setup_error", "setup_retry"} if kill else {"migration_error"}
            await house.ends_in(refused)
            with pytest.raises(HassError):
                await house.print("new", PRINTER)
            await home.stop()
            assert await asyncio.to_thread(contents, home.config) == left
            assert await house.came_out() == came_out

            await house.start(today)
            await wait_loaded(home, house.entry_id)
            again = await house.until({"later": "completed"})
            assert again.keys() == jobs.keys()
            assert all(again[title]["job_id"] == job["job_id"] for title, job in jobs.items())
            assert await house.came_out() == came_out + Counter(["later"])
            assert not home.problems(DOMAIN)
