"""What the people of a home do, recorded together with the answers they get."""

from dataclasses import dataclass
import hashlib
from pathlib import Path
from typing import Any

from custom_components.lianke.jobs.job import Job
from custom_components.lianke.manual_duplex import public_dict
from tests.simulator import Box

from .home import CallError, GoneError, Home


@dataclass(eq=False, kw_only=True)
class Asked:
    """One call that prints a document, or prints it again."""

    home: str
    time: float
    path: Path
    digest: str
    request_id: str | None = None
    retry_of: str | None = None
    job_id: str | None = None
    duplicate: bool = False
    # Whether Home Assistant refused the call; None without an answer, as when it died.
    refused: bool | None = None
    error: str | None = None


async def print_paper(home: Home, box: Box, port: int, path: Path, **data: Any) -> Asked:
    """Print a document on a printer."""
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


async def retry(home: Home, job_id: str, device: str, **data: Any) -> Asked:
    """Retry a job."""
    first = next(one for one in home.asked if one.job_id == job_id)
    asked = Asked(
        home=home.name,
        time=home.world.now,
        path=first.path,
        digest=first.digest,
        retry_of=job_id,
    )
    home.asked.append(asked)
    await _ask(home, asked, "retry_job", device_id=device, job_id=job_id, **data)
    return asked


async def retry_backs(home: Home, job_id: str, device: str) -> Asked:
    """Retry only the second sides of a job that ended before them, and put its paper back."""
    asked = await retry(home, job_id, device, backs_only=True)
    if asked.job_id is not None:
        _put_back(home, asked.job_id)
    return asked


async def turn_paper(home: Home, job_id: str, device: str) -> None:
    """Report that a job's paper is turned, and put the paper back unless Home Assistant refuses."""
    home.world.note(f"{home.name} turn {job_id[-6:]}")
    try:
        await home.call("continue_job", device_id=device, job_id=job_id, reason="turn_paper")
    except GoneError:
        home.world.note(f"{home.name} turn {job_id[-6:]}: no answer")
    except CallError as err:
        home.world.note(f"{home.name} turn {job_id[-6:]}: {err.key or err}")
        return
    # Without an answer, the record tells whether the job goes on.
    _put_back(home, job_id)


async def release(home: Home, job_id: str, device: str) -> None:
    """Release a job."""
    home.world.note(f"{home.name} release {job_id[-6:]}")
    try:
        await home.call("continue_job", device_id=device, job_id=job_id, reason="release")
    except CallError as err:
        home.world.note(f"{home.name} release {job_id[-6:]}: {err.key or err}")


async def answer_all(home: Home) -> None:
    """Continue every job that waits for a person."""
    for record in home.records():
        if record["state"] == "held" and record["waits_for"]:
            device = home.device_named(record["printer_name"])
            answer = turn_paper if record["waits_for"][0] == "turn_paper" else release
            await answer(home, record["job_id"], device)


def _put_back(home: Home, job_id: str) -> None:
    """Put a job's paper into the tray if its second sides will be printed without another question."""
    record = next((one for one in home.records() if one["job_id"] == job_id), None)
    if record is None or record["finished_at"] or record["waits_for"] or not record["by_hand"]:
        return
    view = public_dict(Job.from_record(record["record"]))
    if view is not None and view["half"] == 2:
        home.world.note(f"{home.name} paper of {job_id[-6:]} lies in {record['printer_name']}")
        for box in home.boxes:
            for printer in box.printers:
                if printer.name == record["printer_name"]:
                    home.piled += [(job_id, stack.whose) for stack in printer.stacks]
                    printer.put_back(job_id, int(str(view["sheets"])))


async def cancel(home: Home, job_id: str, device: str) -> dict[str, Any] | None:
    """Cancel a job; return the job as answered, None if Home Assistant refused or did not answer."""
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
