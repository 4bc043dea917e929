"""`python -m tests.simulator --port N --out DIR`: run the simulator until SIGTERM or Ctrl-C."""

import argparse
import asyncio
from collections.abc import Callable
import json
from pathlib import Path
import signal
from typing import Any, Final

from .cloud import RATE_LIMIT, Cloud
from .server import Simulator


def _fleet(cloud: Cloud) -> None:
    for _number in range(100):
        cloud.add_box(printers=3)


def _fleet_keys(cloud: Cloud) -> None:
    for _number in range(100):
        cloud.add_box(cloud.add_account(), printers=3)


SCENARIOS: Final[dict[str, Callable[[Cloud], None]]] = {
    "default": Cloud.cast_default,
    "fleet": _fleet,
    "fleet-keys": _fleet_keys,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--out", type=Path, required=True, help="the out tray")
    parser.add_argument("--scenario", choices=SCENARIOS, default="default")
    parser.add_argument("--speed", type=float, default=1.0, help="times faster than life")
    parser.add_argument(
        "--rate-limit", type=int, default=RATE_LIMIT, help="requests a minute and key; 0: no limit"
    )
    parser.add_argument("--chromium", help="prints HTML, nothing if empty; looked for by default")
    parser.add_argument("--variant", action="append", default=[], metavar="NAME=VALUE")
    return parser.parse_args()


def _variant(text: str) -> tuple[str, Any]:
    name, _equals, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    simulator = Simulator(
        arguments.out,
        arguments.port,
        speed=arguments.speed,
        rate_limit=arguments.rate_limit or None,
        chromium=arguments.chromium,
        cast=SCENARIOS[arguments.scenario],
    )
    async with simulator:
        simulator.cloud.variants.update(**dict(map(_variant, arguments.variant)))
        greeting = {
            "url": simulator.url,
            "api_key": simulator.api_key,
            "device_id": simulator.device_id,
            "device_key": simulator.device_key,
            "qr_link": simulator.qr_link,
        }
        print(json.dumps(greeting), flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(_serve(_arguments()))
