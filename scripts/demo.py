"""Shows the integration in a real Home Assistant with a simulated cloud behind it, or proves that it works.

Without --check, Home Assistant and the cloud keep running until Ctrl+C, and everything set up is still there the next
time. With --check, the demo binds a box and prints in a fresh Home Assistant that has only the zip of a release, by the
HTTP and WebSocket interfaces. Each step prints a line; the exit code is not 0 if any step fails.
"""

import argparse
import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
import fcntl
import os
from pathlib import Path
import re
import shutil
import signal
import socket
import sys
from time import monotonic
from typing import IO, NoReturn
import zipfile

from scripts.release import pack
from tests.e2e.binding import DOMAIN, announce_changes, bind_first
from tests.e2e.cloud import CloudError, SimulatorProcess
from tests.e2e.hass import ROOT, HassError, RealHomeAssistant
from tests.e2e.home import (
    CONFIGURATION,
    DASHBOARD,
    TEXTS,
    cloud_page,
    furnish,
    point_to_cloud,
    print_samples,
)
from tests.e2e.walk import Walk, WalkError

STATE = ROOT / ".demo"
PORT = 8123
# Home Assistant's own lock file. The Home Assistant of a killed demo may still run and hold this lock.
HASS_LOCK = ".ha_run.lock"
LOCK = ".lock"
LAST_PORT = 65_534
# Exit code with which Home Assistant asks to be restarted.
RESTART = 100
CHECK_SPEED = 4.0  # times as fast as a real printer: a page takes 0.75 s

# Texts for the terminal.
WORDS: dict[str, dict[str, str]] = {
    "en": {
        "starting": "Starting Home Assistant and the simulated cloud …",
        "up": "Home Assistant {version} is up and onboarded",
        "unpacked": "The zip of the release is unpacked ({count} files)",
        "passed": "All steps passed in {seconds:.0f} s.",
        "taken": "Port {port} is taken. Choose another one with --port.",
        "runs": "A demo runs in this folder already, and was left alone. Press Ctrl+C in its terminal, or end process "
        "{pid}, before you start another one here.",
        "key": "  ApiKey             {api_key}   (of {boxes})",
        "ended": "Home Assistant ended with {code}; see {console}",
        "restarting": "Home Assistant restarts …",
        "running": "It is up again.",
        "ending": "Ending …",
        "shown": """
  Home Assistant     {url}
  User               {user}
  Password           {password}

  Simulated cloud    {cloud}
  Printed documents  {printed}

  To bind a box yourself, once the first one is removed or for the other ones: the QR codes are on the cloud's page;
  each ApiKey is good for the boxes of its account.
{keys}
  Server             {server}   (under “Server” below the ApiKey)

  Try first: log in, press “{button}” on the printer's card, and watch the sheets come out on the cloud's page.
  Ctrl+C ends both; scripts/demo --reset starts afresh.""",
    },
    "zh-Hans": {
        "starting": "正在启动 Home Assistant 和模拟云端…",
        "up": "Home Assistant {version} 已启动并完成初始设置",
        "unpacked": "已解压发布包（{count} 个文件）",
        "passed": "全部步骤通过，用时 {seconds:.0f} 秒。",
        "taken": "端口 {port} 已被占用，请用 --port 选择其他端口。",
        "runs": "本文件夹中已有演示在运行，未作改动。要再启动一个，请先在它的终端按 Ctrl+C，或结束进程 {pid}。",
        "key": "  ApiKey          {api_key}（用于 {boxes}）",
        "ended": "Home Assistant 已退出（代码 {code}），详见 {console}",
        "restarting": "Home Assistant 正在重启…",
        "running": "已重新启动。",
        "ending": "正在结束…",
        "shown": """
  Home Assistant  {url}
  用户            {user}
  密码            {password}

  模拟云端        {cloud}
  打印出的文档    {printed}

  亲手绑定云盒时（其他云盒，或先移除已绑定的一台）：二维码在模拟云端的页面上，每个 ApiKey 只用于其账号的云盒。
{keys}
  服务地址        {server}（在 ApiKey 下方的“服务器”中填写）

  先试试：登录后，在打印机的卡片上按“{button}”，然后在模拟云端的页面上看纸张打印出来。
  按 Ctrl+C 结束两者；scripts/demo --reset 可重新开始。""",
    },
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="prove that it works, then end")
    parser.add_argument(
        "--zip", type=_release, help="the release to check; default: one packed from this folder"
    )
    parser.add_argument("--reset", action="store_true", help="forget what earlier runs kept")
    parser.add_argument(
        "--port",
        type=_port,
        default=PORT,
        help="of Home Assistant; the simulator takes the next one",
    )
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 shows it to the network, too")
    parser.add_argument(
        "--language", choices=sorted(TEXTS), default=_language(), help="default: by LANG"
    )
    return parser.parse_args()


def _port(text: str) -> int:
    """Parse a port, which must be below 65535 because the simulator takes the next port."""
    if not text.isdecimal() or not 1 <= int(text) <= LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is no port; take one from 1 to {LAST_PORT}")
    return int(text)


def _release(text: str) -> Path:
    """Return the path after checking that there is a zip."""
    if not zipfile.is_zipfile(text):
        raise argparse.ArgumentTypeError(f"there is no zip {text}")
    return Path(text)


def _language() -> str:
    """Return the environment's language; English if the demo has no texts in it."""
    spoken = (
        os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    )
    return "zh-Hans" if spoken.startswith("zh") else "en"


def say(line: str) -> None:
    print(line, flush=True)


def hold(lock: IO[str], words: dict[str, str]) -> None:
    """Hold a lock until its file is closed. Raises HassError if another process holds it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        found = re.search(r'"pid": (\d+)', lock.read())
        raise HassError(words["runs"].format(pid=found[1] if found else "?")) from None


@contextmanager
def alone(name: str, home: Path, words: dict[str, str]) -> Iterator[None]:
    """Make sure, before anything in a folder is touched, that no other process runs a Home Assistant there.

    The demo has its own lock for the times when no Home Assistant runs: before the start, and during a restart. Raises
    HassError if another process holds either lock.
    """
    STATE.mkdir(exist_ok=True)
    with (STATE / f"{name}{LOCK}").open("a+", encoding="utf-8") as mine:
        hold(mine, words)
        mine.truncate(0)
        mine.write(f'{{"pid": {os.getpid()}}}')
        mine.flush()
        if (theirs := home / HASS_LOCK).exists():
            with theirs.open("a+", encoding="utf-8") as lock:
                hold(lock, words)
        yield


def reset() -> None:
    """Delete the demo's state except its lock files, on which this process holds locks."""
    for kept in STATE.iterdir():
        if kept.is_dir() and not kept.is_symlink():
            shutil.rmtree(kept, ignore_errors=True)
        elif kept.suffix != LOCK:
            kept.unlink()


def ensure_free(port: int, words: dict[str, str]) -> None:
    """Raise HassError if something already listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise HassError(words["taken"].format(port=port))


def unpack_release(release: Path | None, folder: Path) -> int:
    """Empty the folder and install a release into its Home Assistant; return how many files the release has."""
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
    """Do every step of the check in a fresh Home Assistant, which runs on a free port with only an unpacked release."""
    words = WORDS[language]
    folder = STATE / "check"
    count = await asyncio.to_thread(unpack_release, release, folder)
    say(f"✓ {words['unpacked'].format(count=count)}")
    began = monotonic()
    async with AsyncExitStack() as stack:
        cloud = await stack.enter_async_context(
            SimulatorProcess(folder / "printed", speed=CHECK_SPEED)
        )
        hass = RealHomeAssistant(folder / "home", language=language, extra=CONFIGURATION)
        await stack.enter_async_context(hass)
        version = (await hass.get("/api/config"))["version"]
        say(f"✓ {words['up'].format(version=version)} ({monotonic() - began:.1f} s)")
        try:
            await Walk(hass, cloud, say).run()
        except WalkError, HassError, CloudError:
            for problem in hass.problems(DOMAIN):
                say(problem)
            raise
    say(words["passed"].format(seconds=monotonic() - began))


async def told(hass: RealHomeAssistant, cloud: SimulatorProcess, printed: Path) -> str:
    """Build the text that a visitor needs: addresses, how to log in, what to try first."""
    words = WORDS[hass.language]
    world = await cloud.get("")
    boxes = {
        account["api_key"]: [
            box["device_id"] for box in world["boxes"] if box["account"] == account["name"]
        ]
        for account in world["accounts"]
    }
    return words["shown"].format(
        url=f"{hass.url}/{DASHBOARD}",
        user=hass.user,
        password=hass.password,
        printed=printed,
        cloud=cloud_page(hass, cloud),
        keys="\n".join(
            words["key"].format(api_key=key, boxes=", ".join(ids)) for key, ids in boxes.items()
        ),
        server=cloud.url,
        button=TEXTS[hass.language]["button"],
    )


async def show(port: int, host: str, language: str) -> None:
    """Run Home Assistant and the simulated cloud until interrupted."""
    words = WORDS[language]
    for taken in (port, port + 1):
        ensure_free(taken, words)
    printed = STATE / "printed"
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    say(words["starting"])
    async with AsyncExitStack() as stack:
        cloud = await stack.enter_async_context(SimulatorProcess(printed, port=port + 1))
        hass = RealHomeAssistant(
            STATE / "home", port=port, host=host, language=language, extra=CONFIGURATION
        )
        # An earlier run may have used another port for the simulator.
        await asyncio.to_thread(hass.change_entries, DOMAIN, server=cloud.url)
        await stack.enter_async_context(hass)
        if not await hass.entries(DOMAIN):
            await bind_first(hass, cloud)
            await furnish(hass, cloud)
            await print_samples(hass, cloud)
        await point_to_cloud(hass, cloud)
        (entry, *_) = await hass.entries(DOMAIN)
        await announce_changes(hass, cloud, entry["entry_id"])
        say(await told(hass, cloud, printed))
        going = asyncio.ensure_future(keep_going(hass, words))
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait({going, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if going.done():
            going.result()
        going.cancel()
        say(words["ending"])


async def keep_going(hass: RealHomeAssistant, words: dict[str, str]) -> NoReturn:
    """Start Home Assistant again whenever a user restarts it in its pages. Raises HassError if it ends otherwise."""
    while await hass.wait() == RESTART:
        say(words["restarting"])
        await hass.start()
        say(words["running"])
    raise HassError(words["ended"].format(code=hass.returncode, console=hass.console))


def main() -> int:
    chosen = arguments()
    homes = {"check": STATE / "check" / "home", "demo": STATE / "home"}
    try:
        with ExitStack() as stack:
            for name in homes if chosen.reset else ["check" if chosen.check else "demo"]:
                stack.enter_context(alone(name, homes[name], WORDS[chosen.language]))
            if chosen.reset:
                reset()
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
