"""`python -m benchmarks.imported ROUNDS MODULE…`: import integrations as Home Assistant does, many times.

First imports the modules that a running Home Assistant has loaded anyway. Then each forked child imports one
integration: ours and core's `ipp` in turn. Prints JSON with the results of every round for each integration: the
seconds, the number of modules, which of the modules given as MODULE were loaded, the number of data classes, the
seconds that making them took, and the seconds that finding modules and reading their code took.
"""

from collections.abc import Callable, Sequence
import dataclasses
from functools import partial
import gc
from importlib import import_module
from importlib.machinery import FileFinder, SourceFileLoader
import json
import os
from pathlib import Path
import sys
import time
from typing import Any

from homeassistant import bootstrap
from homeassistant.loader import BASE_PRELOAD_PLATFORMS

# Components that are loaded by the time the first config entry is set up.
PRESENT = (
    *("binary_sensor", "button", "event", "file_upload", "frontend", "http", "image", "labs"),
    *("lovelace", "media_source", "notify", "repairs", "sensor", "system_health", "webhook"),
    "websocket_api",
)
PLATFORMS = ("binary_sensor", "button", "event", "image", "notify", "sensor")
PACKAGES = {"lianke": "custom_components.lianke", "ipp": "homeassistant.components.ipp"}


class Maker:
    """Makes data classes as the standard library does, and counts and times them."""

    def __init__(self) -> None:
        """Replace the decorator `dataclass` for all modules imported from now on."""
        self._make: Callable[..., Any] = dataclasses.dataclass
        self.made = 0
        self.seconds = 0.0
        dataclasses.dataclass = self._decorate

    def _decorate(self, cls: type | None = None, /, **options: Any) -> Any:
        if cls is None:
            return lambda cls: self._decorate(cls, **options)
        began = time.perf_counter()
        made = self._make(cls, **options)
        self.seconds += time.perf_counter() - began
        self.made += 1
        return made


class Reader:
    """Finds modules and reads compiled code as Python does, and times it."""

    def __init__(self) -> None:
        """Replace the functions that find modules and read code, for all modules imported from now on."""
        self.seconds = 0.0
        for owner, name in ((FileFinder, "find_spec"), (SourceFileLoader, "get_code")):
            setattr(owner, name, self._timed(getattr(owner, name)))

    def _timed(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any) -> Any:
            began = time.perf_counter()
            result = step(*args)
            self.seconds += time.perf_counter() - began
            return result

        return timed


def import_all(package: str) -> float:
    """Import an integration and all its platforms; returns the seconds that this took."""
    began = time.perf_counter()
    folder = Path(import_module(package).__path__[0])
    for platform in sorted({*BASE_PRELOAD_PLATFORMS, *PLATFORMS}):
        if (folder / f"{platform}.py").exists():
            import_module(f"{package}.{platform}")
    return time.perf_counter() - began


def in_child(load: Callable[[], float], watched: Sequence[str]) -> dict[str, Any]:
    """Run `load` in a forked child; returns the child's measurements."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        before = set(sys.modules)
        maker, reading = Maker(), Reader()
        seconds = load()
        came = set(sys.modules) - before
        found = {
            "seconds": seconds,
            "modules": len(came),
            "classes": maker.made,
            "class_seconds": maker.seconds,
            "code_seconds": reading.seconds,
            "watched": [name for name in watched if name in came],
        }
        os.write(writer, json.dumps(found).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    answer: dict[str, Any] = json.loads(text)
    return answer


def main(rounds: int, watched: Sequence[str]) -> None:
    assert bootstrap
    for component in PRESENT:
        import_module(f"homeassistant.components.{component}")
    # Without this, a child that collects garbage would have to copy nearly all memory that it shares with its parent.
    gc.collect()
    gc.freeze()
    loads = {name: partial(import_all, package) for name, package in PACKAGES.items()}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in loads}
    # The first round compiles modules, so it does not count.
    for number in range(rounds + 1):
        for name, load in loads.items():
            answer = in_child(load, watched)
            if number:
                found[name].append(answer)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
