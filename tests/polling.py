"""Endpoints and helpers for tests about polling."""

from collections import Counter

from custom_components.lianke.runtime import LiankeData
from tests.simulator import Simulator

INFO = "GET /device/device_info"
LIST = "GET /external_api/printer_list"
STATUS = "GET /device/printer_status"
PARAMS = "GET /print/printer_params"
PAPERS = "GET /print/paper_dimension_list"


def key_of(data: LiankeData, name: str) -> str:
    """Find the key of the printer whose name begins with `name`."""
    return next(key for key, known in data.storage.printers.items() if known.name.startswith(name))


def requests(simulator: Simulator) -> Counter[str]:
    """Return how often each endpoint has been requested so far."""
    return Counter(simulator.cloud.counts)
