"""Every way in which a request to the service can go wrong, and what each must mean for a print job.

The table is generated from the kinds of faults, the documented codes (lianke-api, "Codes") and the wrong shapes that
the simulator knows. What becomes of a job is stated here independently of the integration's own tables.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tests.simulator import Fault
from tests.simulator.endpoints import ENDPOINTS
from tests.simulator.faults import SHAPES

# What becomes of a job whose upload meets the fault:
# "unsent": the upload was certainly not complete, or was refused for now; the job waits and is sent again.
# "refused": the job was certainly not accepted; it fails.
# "unclear": the answer does not tell whether the job was accepted.
# "taken": the answer is fine.
type Meaning = Literal["unsent", "refused", "unclear", "taken"]

# Seconds of a time-out: tests pass them by moving the clock.
LONG = 10.0**7
# Bytes: more than the system's buffers hold, so that the end of an upload cannot be handed over before the reset.
LARGE = 40_000_000

CODES: dict[int, Meaning] = {
    400: "refused",
    401: "unsent",
    403: "unsent",
    404: "refused",
    497: "unsent",
    500: "unclear",
    502: "refused",
    503: "unclear",
    5001: "unsent",
    5002: "unsent",
    5011: "unsent",
    5051: "unsent",
    10009: "unsent",
    10011: "refused",
    11013: "refused",
    # No document says that an upload is answered with these two codes.
    11200: "unclear",
    11201: "unclear",
    11203: "unsent",
    11404: "refused",
    # Codes that no document explains: whatever text comes with them, the job may have been accepted.
    10021: "unclear",
    77777: "unclear",
}
# Statuses that, without the service's own JSON, may come from anything on the way, which may have let the job through.
HTTP = (401, 403, 404, 413, 429, 500, 502, 503)
OF_THE_SERVICE: dict[int, Meaning] = {401: "unsent", 403: "unsent", 404: "refused"}
EXPIRED = "设备已超过有效期"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One fault; with `fault` None, no server listens. `padding`: additional bytes that the document needs."""

    name: str
    fault: Fault | None
    meaning: Meaning
    padding: int = 0

    @property
    def done(self) -> bool:
        """Whether the service does what was requested in spite of the fault."""
        return self.fault is not None and self.fault.runs_action


def cells() -> Iterator[Cell]:
    """Yield every fault once; if a fault leaves it open whether the service acted, yield it for both cases."""
    yield Cell(name="nobody listens", fault=None, meaning="unsent")
    for kind in ("refuse", "reset_before", "reset_mid_body"):
        yield Cell(name=kind, fault=Fault(kind=kind), meaning="unsent", padding=LARGE)
    yield Cell(name="reset_after_body", fault=Fault(kind="reset_after_body"), meaning="unclear")
    yield Cell(name="reset_after_accept", fault=Fault(kind="reset_after_accept"), meaning="unclear")
    yield from _both("timeout", "unclear", kind="timeout", seconds=LONG)
    for status in HTTP:
        yield from _both(f"http {status}", "unclear", kind="http", status=status)
    for status, meaning in OF_THE_SERVICE.items():
        fault = {"kind": "http", "status": status, "content_type": "application/json"}
        body = f'{{"code":{status},"msg":"原因"}}'
        yield from _both(f"http {status} of the service", meaning, **fault, body=body)
    for status in (403, 429):
        yield from _both(f"firewall {status}", "unclear", kind="firewall", status=status)
    yield from _both("portal", "unclear", kind="portal")
    yield Cell(name="early", fault=Fault(kind="early", code=5002), meaning="unsent", padding=LARGE)
    yield Cell(name="early refusal", fault=Fault(kind="early", code=400), meaning="refused")
    yield Cell(name="twice", fault=Fault(kind="twice"), meaning="taken")
    for kind in ("empty", "truncated", "not_json"):
        yield from _both(kind, "unclear", kind=kind)
    for shape in SHAPES:
        yield from _both(f"wrong_types {shape}", "unclear", kind="wrong_types", shape=shape)
    yield Cell(name="string_codes", fault=Fault(kind="string_codes"), meaning="taken")
    for index, (code, meaning) in enumerate(CODES.items()):
        # The service has been seen to send codes as numbers and as texts.
        reported = code if index % 2 else str(code)
        yield from _both(f"code {reported!r}", meaning, kind="code", code=reported, msg="原因")
    yield from _both("expired", "refused", kind="code", code=400, msg=EXPIRED)


def _both(name: str, meaning: Meaning, **fault: object) -> Iterator[Cell]:
    yield Cell(name=name, fault=Fault(**fault), meaning=meaning)  # type: ignore[arg-type]  # names a fault's fields
    if meaning == "unclear":
        done = Fault(**fault, done=True)  # type: ignore[arg-type]  # as above
        yield Cell(name=f"{name}, done", fault=done, meaning=meaning)


CELLS = tuple(cells())
TABLE = tuple((endpoint, cell) for endpoint in sorted(ENDPOINTS) for cell in CELLS)
