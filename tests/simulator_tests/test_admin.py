"""The admin interface, the command line, and the rest."""

import asyncio
from dataclasses import fields
from pathlib import Path
import socket
from typing import get_args

import pytest

from tests.simulator import Simulator, Variants
from tests.simulator.admin import ACCOUNT_FIELDS, BOX_FIELDS, PRINTER_FIELDS, SETTINGS
from tests.simulator.faults import KINDS, SHAPES
from tests.simulator.messenger import PUSH_SHAPES


async def test_an_error_inside_is_not_swallowed(tmp_path: Path, socket_enabled: None) -> None:
    async def fail() -> None:
        raise RuntimeError("a mistake in the simulator")

    simulator = Simulator(tmp_path / "out")
    await simulator.start()
    simulator.cloud.spawn(fail())
    await asyncio.sleep(0)
    with pytest.raises(ExceptionGroup, match="the simulator failed"):
        await simulator.stop()


def test_variants_are_checked() -> None:
    variants = Variants(callbacks="never")
    assert variants.callbacks == "never"
    with pytest.raises(ValueError, match="no variant"):
        variants.update(callback="never")
    with pytest.raises(ValueError, match="cannot be"):
        variants.update(busy_is_printer=True)
    with pytest.raises(ValueError, match="cannot be"):
        variants.update(missing_blocks="Papers")


def test_the_readme_names_everything() -> None:
    folder = Path(__file__).parents[1] / "simulator"
    text = (folder / "README.md").read_text(encoding="utf-8")
    names = [field.name for field in fields(Variants)]
    names += [
        *KINDS,
        *SHAPES,
        *PUSH_SHAPES,
        *BOX_FIELDS,
        *PRINTER_FIELDS,
        *ACCOUNT_FIELDS,
        *SETTINGS,
    ]
    for field in fields(Variants):
        names += [choice for choice in get_args(field.type) if isinstance(choice, str)]
    assert [name for name in names if f"`{name}`" not in text] == []
    modules = [path.name for path in folder.iterdir() if path.suffix == ".py"]
    unnamed = [name for name in modules if not name.startswith("__") and f"`{name}`" not in text]
    assert unnamed == []


async def test_who_comes_as_it_stops_to_listen_is_dropped_and_fails_nothing(
    sim: Simulator,
) -> None:
    failures: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    with socket.create_connection(("127.0.0.1", sim.port)):
        # The connection is taken between these two, and has no transport yet.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await sim.stop_listening()
        await asyncio.sleep(0)
    assert not failures
