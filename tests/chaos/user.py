"""What the people of a home ask for, written down with what they were answered."""

from dataclasses import dataclass
import hashlib
from pathlib import Path
from typing import Any

from tests.simulator import Box

from .home import CallError, GoneError, Home


@dataclass(eq=False, kw_only=True)
class Asked:
    """One call that asks for paper."""

    home: str
    time: float
    path: Path
    digest: str
    request_id: str | None = None
    retry_of: str | None = None
    job_id: str | None = None
    duplicate: bool = False
    # Whether Home Assistant said no; None while it has said nothing, as when it died.
    refused: bool | None = None
    error: str | None = None


async def print_paper(home: Home, box: Box, port: int, path: Path, **data: Any) -> Asked:
    """Ask for a document on a printer."""
    asked = Asked(
        home=home.name,
        time=home.world.now,
        path=path,
        digest=_digest(path),
        request_id=data.get("request_id"),
    )
    home.asked.append(asked)
    await _ask(home, asked, "print", device_id=home.device(box, port), file=[str(path)], **data)
    return asked


async def retry(home: Home, job_id: str, device: str) -> Asked:
    """Ask for a job once more."""
    first = next(one for one in home.asked if one.job_id == job_id)
    asked = Asked(
        home=home.name,
        time=home.world.now,
        path=first.path,
        digest=first.digest,
        retry_of=job_id,
    )
    home.asked.append(asked)
    await _ask(home, asked, "retry_job", device_id=device, job_id=job_id)
    return asked


async def cancel(home: Home, job_id: str, device: str) -> dict[str, Any] | None:
    """Ask for a job back; return how it stands then, None if the answer was no, or none."""
    home.world.note(f"{home.name} cancel {job_id[-6:]}")
    try:
        answer = await home.call("cancel_job", device_id=device, job_id=job_id)
    except CallError as err:
        home.world.note(f"{home.name} cancel {job_id[-6:]}: {err.key or err}")
        return None
    job = answer["jobs"][0] if "jobs" in answer else answer["job"]
    home.world.note(f"{home.name} cancel {job_id[-6:]}: {job['state']}")
    return dict(job)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def _ask(home: Home, asked: Asked, service: str, **data: Any) -> None:
    name = asked.path.stem
    try:
        answer = await home.call(service, **data)
    except GoneError:
        home.world.note(f"{home.name} {service} {name}: no answer")
        return
    except CallError as err:
        asked.refused = True
        asked.error = err.key or str(err)
        home.world.note(f"{home.name} {service} {name}: {asked.error}")
        return
    job = answer["jobs"][0] if "jobs" in answer else answer["job"]
    asked.refused = False
    asked.job_id = job["job_id"]
    asked.duplicate = bool(job.get("duplicate"))
    home.world.note(
        f"{home.name} {service} {name}: {job['job_id'][-6:]} {job['state']}"
        f"{' duplicate' if asked.duplicate else ''}"
    )
