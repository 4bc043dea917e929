"""Home Assistant with a clock that jumps."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
import sys
import time
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import event, update_coordinator
from homeassistant.util import dt as dt_util, ulid
from homeassistant.util.hass_dict import HassKey

from custom_components.lianke.documents import pdf_client


def _load_clock() -> Any:
    """Load benchmarks/clock.py, which the cloud's process uses as well; it is not on this process's import path."""
    path = Path(__file__).resolve().parent.parent / "clock.py"
    spec = spec_from_file_location("lianke_bench_clock", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_REAL_MONOTONIC, _REAL_TIME = time.monotonic, time.time
DATA_LEADER: HassKey[Any] = HassKey("lianke_bench_leader")


def install(hass: HomeAssistant, clock_path: str, socket_path: str) -> None:
    """Use the shared clock from now on; outside `moving`, this clock runs like the real clock."""
    clocks = _load_clock()
    clock = clocks.Clock(Path(clock_path))
    clock.install()
    leader = hass.data[DATA_LEADER] = clocks.Leader(clock, Path(socket_path))
    leader.attach(hass.loop)

    def utcnow() -> datetime:
        return datetime.fromtimestamp(time.time(), UTC)

    def now(time_zone: tzinfo | None = None) -> datetime:
        return datetime.fromtimestamp(time.time(), time_zone or dt_util.get_default_time_zone())

    # These functions bypass the time module, or use functions that were imported from it before they were replaced.
    replacements: tuple[tuple[Any, str, Any], ...] = (
        (dt_util, "utcnow", utcnow),
        (dt_util, "now", now),
        (event, "time_tracker_utcnow", utcnow),
        (event, "time_tracker_timestamp", clock.time),
        (update_coordinator, "utcnow", utcnow),
        (ulid, "ulid_now", lambda: ulid.ulid_at_time(time.time())),
    )
    for module, name, replacement in replacements:
        setattr(module, name, replacement)
    _wait_for_pdf_work(leader)
    for name, module in list(sys.modules.items()):
        if not name.startswith("custom_components.lianke"):
            continue
        for kept, replacement in (("monotonic", clock.monotonic), ("time", clock.time)):
            if vars(module).get(kept) in (_REAL_MONOTONIC, _REAL_TIME):
                setattr(module, kept, replacement)


def _wait_for_pdf_work(leader: Any) -> None:
    """Keep the clock from jumping while the PDF process works, because that process does not use it."""
    ask = pdf_client.PdfWorker._async_ask

    async def counted(*args: Any) -> dict[str, Any]:
        leader.busy_threads += 1
        try:
            return await ask(*args)
        finally:
            leader.busy_threads -= 1

    setattr(pdf_client.PdfWorker, "_async_ask", counted)  # noqa: B010


@contextmanager
def moving(hass: HomeAssistant) -> Iterator[Any]:
    """Let the clocks jump, within the context, whenever both processes only wait."""
    leader = hass.data[DATA_LEADER]
    leader.begin()
    try:
        yield leader
    finally:
        leader.end()
