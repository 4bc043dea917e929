"""Shows the integration in a real Home Assistant with a simulated cloud behind it, or proves that it works.

Without --check both keep running until Ctrl+C, and what was set up is there again the next time. With --check a fresh
Home Assistant that has nothing but the zip of a release walks through binding and printing by its own HTTP and
WebSocket interface: one line a step, and the exit code is not 0 if any step fails.
"""

import argparse
import asyncio
from contextlib import AsyncExitStack
import os
from pathlib import Path
import shutil
import signal
import socket
import sys
from time import monotonic
import zipfile

from scripts.release import pack
from tests.e2e.binding import DOMAIN, announce_changes, bind_first
from tests.e2e.cloud import CloudError, SimulatorProcess
from tests.e2e.hass import ROOT, HassError, RealHomeAssistant
from tests.e2e.home import CONFIGURATION, DASHBOARD, TEXTS, furnish
from tests.e2e.walk import Walk, WalkError

STATE = ROOT / ".demo"
PORT = 8123
CHECK_SPEED = 4.0  # times faster than life: a page takes 0.75 s


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="prove that it works, then end")
    parser.add_argument(
        "--zip", type=Path, help="the release to check; default: one packed from this folder"
    )
    parser.add_argument("--reset", action="store_true", help="forget what earlier runs kept")
    parser.add_argument(
        "--port", type=int, default=PORT, help="of Home Assistant; the simulator takes the next one"
    )
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 shows it to the network, too")
    parser.add_argument(
        "--language", choices=sorted(TEXTS), default=_language(), help="default: by LANG"
    )
    return parser.parse_args()


def _language() -> str:
    """Return the language of the environment, as far as there is a choice."""
    spoken = (
        os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    )
    return "zh-Hans" if spoken.startswith("zh") else "en"


def tell(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def ensure_free(port: int) -> None:
    """Raise HassError if something listens on the port already."""
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise HassError(f"Port {port} is taken. Choose another one with --port.")


def unpack_release(release: Path | None, folder: Path) -> int:
    """Empty the folder, unpack a release into its Home Assistant as installing does; return how many files it has."""
    shutil.rmtree(folder, ignore_errors=True)
    target = folder / "home" / "custom_components" / DOMAIN
    target.mkdir(parents=True)
    if release is None:
        release = folder / "lianke.zip"
        pack(release)
    with zipfile.ZipFile(release) as archive:
        archive.extractall(target)
        return len(archive.namelist())


async def check(language: str, release: Path | None) -> None:
    """Walk through everything with a fresh Home Assistant on a free port, into which a release was unpacked."""
    folder = STATE / "check"
    count = await asyncio.to_thread(unpack_release, release, folder)
    tell(f"✓ The zip of the release is unpacked ({count} files)")
    began = monotonic()
    async with AsyncExitStack() as stack:
        cloud = await stack.enter_async_context(
            SimulatorProcess(folder / "printed", speed=CHECK_SPEED)
        )
        hass = RealHomeAssistant(folder / "home", language=language, extra=CONFIGURATION)
        await stack.enter_async_context(hass)
        version = (await hass.get("/api/config"))["version"]
        tell(f"✓ Home Assistant {version} is up and onboarded ({monotonic() - began:.1f} s)")
        try:
            await Walk(hass, cloud, tell).run()
        except WalkError, HassError, CloudError:
            for problem in hass.problems(DOMAIN):
                tell(problem)
            raise
    tell(f"All steps passed in {monotonic() - began:.0f} s.")


async def show(port: int, host: str, language: str) -> None:
    """Run until told to end."""
    for taken in (port, port + 1):
        ensure_free(taken)
    printed = STATE / "printed"
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tell("Starting Home Assistant and the simulated cloud …")
    async with AsyncExitStack() as stack:
        cloud = await stack.enter_async_context(SimulatorProcess(printed, port=port + 1))
        hass = RealHomeAssistant(
            STATE / "home", port=port, host=host, language=language, extra=CONFIGURATION
        )
        await stack.enter_async_context(hass)
        if not await hass.entries(DOMAIN):
            await bind_first(hass, cloud)
            await furnish(hass, cloud)
        (entry, *_) = await hass.entries(DOMAIN)
        await announce_changes(hass, cloud, entry["entry_id"])
        tell(f"""
  Address    {hass.url}/{DASHBOARD}
  User       {hass.user}
  Password   {hass.password}

  Printed documents land in {printed}.
  The simulated cloud is at {cloud.admin_url}: take paper out, unplug, see what came out.
  Ctrl+C ends both; scripts/demo --reset starts afresh.""")
        ended = asyncio.ensure_future(hass.wait())
        told = asyncio.ensure_future(stop.wait())
        await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if ended.done():
            raise HassError(f"Home Assistant ended with {hass.returncode}; see {hass.console}")
        ended.cancel()
        tell("Ending …")


def main() -> int:
    """Do what the command line says and return the exit code."""
    chosen = arguments()
    try:
        if chosen.reset:
            shutil.rmtree(STATE, ignore_errors=True)
        if chosen.check:
            asyncio.run(check(chosen.language, chosen.zip))
        else:
            asyncio.run(show(chosen.port, chosen.host, chosen.language))
    except (WalkError, HassError, CloudError) as err:
        print(f"✗ {err}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
