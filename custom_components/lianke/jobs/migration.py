"""Moves jobs into the ledger from the folders in which 0.1.0 to 0.3.0 kept them, once for all boxes.

The folder of a box is renamed to its new place, and an empty file takes its old place: because of this file, an earlier
version that is installed again fails at its setup instead of doing damage. The rows of all boxes are written in one
transaction, and the old records are deleted after it. If a start is interrupted, the next start continues: it takes in
each job that has an old record but no row. Documents stay where they are.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
import json
import logging
from pathlib import Path
import shutil
from typing import Any, Final

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from ..api.coerce import to_list
from ..api.options import ResolvedOptions
from ..api.stored import StoredError
from ..api.transport import ANSWER_BYTES_A_SECOND
from ..documents.spool import flush_to_disk
from ..ledger import Ledger, Table, View
from .box_jobs import JOB_KIND, OWN_TASK_KIND, OwnTask
from .files import DAMAGED_PREFIX, jobs_path, old_path
from .job import (
    BEFORE_PAPER,
    MOVED,
    SECOND_NAME,
    Delivery,
    Job,
    JobSpec,
    JobState,
    Origin,
    PersonReason,
    file_name,
    new_token,
)
from .rules import LIST_REACH

_LOGGER = logging.getLogger(__name__)

RECORD_NAME: Final = "job.json"
OTHER_TASKS_NAME: Final = "other_tasks.json"
# What 0.1.0 wrote while a preview was running. It has no details, so any task of the next two days may be the
# preview's. To express that, the upload gets the size COMING_BYTES: the answer to an upload of that size may take two
# days.
COMING: Final = "coming"
COMING_BYTES: Final = int(LIST_REACH.total_seconds() * ANSWER_BYTES_A_SECOND)
# Prefix of the name of a folder that was being made or deleted when Home Assistant stopped.
PART_PREFIX: Final = "part-"
# Maximum number of damaged folders that are kept per box; older ones are deleted.
MAX_DAMAGED: Final = 10
# Name of the file in which 0.3.0 stored where the box's folder was.
MARKER_NAME: Final = "home.json"
# Name of the file that 0.3.0 left in a job's folder until the job's document was flushed to disk.
FLUSHING_NAME: Final = "flushing"
# Maximum size in bytes of an old record; a larger one counts as damaged.
MAX_OLD_RECORD_BYTES: Final = 256 * 1024


@dataclass(slots=True)
class _Found:
    """The contents of the folder of one box."""

    entry_id: str
    jobs: list[Job] = field(default_factory=list)
    # By job id, other jobs as "<config entry>/<job>": the job that was to replace this job in a move, and the job that
    # was to print this job's document again.
    moving: dict[str, str] = field(default_factory=dict)
    retrying: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, OwnTask] = field(default_factory=dict)
    left: list[Path] = field(default_factory=list)


async def async_take_in(hass: HomeAssistant, ledger: Ledger, entry_ids: Iterable[str]) -> None:
    """Take the old jobs of these boxes into the ledger. Call this right after the ledger is opened. Raises OSError."""
    found = await hass.async_add_executor_job(_find_all, hass, [*entry_ids])
    for box in found:
        await ledger.async_load(Table(JOB_KIND, box.entry_id))
        await ledger.async_load(Table(OWN_TASK_KIND, box.entry_id))
    if any(box.jobs or box.tasks for box in found):
        jobs = {
            box.entry_id: {
                job.job_id: job
                for job in box.jobs
                if job.job_id not in ledger.latest(Table(JOB_KIND, box.entry_id))
            }
            for box in found
        }
        known = {
            box.entry_id: dict(ledger.latest(Table(JOB_KIND, box.entry_id)).items())
            | jobs[box.entry_id]
            for box in found
        }
        for box in found:
            _settle(box, jobs[box.entry_id], known)

        def take_in(view: View) -> None:
            for box in found:
                for job in jobs[box.entry_id].values():
                    view.put(Table(JOB_KIND, box.entry_id), job.job_id, job)
                for key, task in box.tasks.items():
                    view.put(Table(OWN_TASK_KIND, box.entry_id), key, task)

        await asyncio.shield(ledger.commit(take_in))
    await hass.async_add_executor_job(_delete_all, [path for box in found for path in box.left])


def _find_all(hass: HomeAssistant, entry_ids: list[str]) -> list[_Found]:
    found = []
    for entry_id in entry_ids:
        old, new = old_path(hass, entry_id), jobs_path(hass, entry_id)
        if old.is_dir():
            _move(old, new)
        elif not old.exists():
            # An earlier start may have been interrupted between moving the folder and making this file.
            old.touch(mode=0o600)
            flush_to_disk(old.parent)
        if new.is_dir():
            found.append(_find(entry_id, new))
    return found


def _move(old: Path, new: Path) -> None:
    """Move the folder of a box to its new place, and put an empty file in its old place.

    No system does both in one step. If the process is killed in between, the file is missing until the next start.
    """
    if not new.exists():
        old.rename(new)
    else:
        # An earlier version has run again. Its files are newer, so they replace ours; folders are named after their
        # jobs, so other jobs are not affected.
        for path in old.iterdir():
            shutil.rmtree(target := new / path.name, ignore_errors=True)
            path.rename(target)
        flush_to_disk(new)
        old.rmdir()
    # Make the file before any flush, which takes time, so that a power cut most likely leaves both steps done or
    # neither.
    old.touch(mode=0o600)
    flush_to_disk(new.parent)
    flush_to_disk(old.parent)


def _find(entry_id: str, root: Path) -> _Found:
    found, damaged = _Found(entry_id), []
    for folder in sorted(root.iterdir()):
        if folder.name.startswith(DAMAGED_PREFIX):
            damaged.append(folder)
        elif (
            # If this condition is false, the folder was still being made or deleted.
            not folder.name.startswith(PART_PREFIX)
            and (folder / RECORD_NAME).is_file()
            and not (folder / FLUSHING_NAME).exists()
        ):
            try:
                job = read_record(_load_record(folder), found)
            except (OSError, StoredError) as err:
                damaged.append(_set_aside(folder, err))
                continue
            found.jobs.append(job)
            found.left.append(folder / RECORD_NAME)
    found.jobs.sort(key=lambda job: (job.created_at, job.job_id))
    for folder in sorted(damaged, reverse=True)[MAX_DAMAGED:]:
        shutil.rmtree(folder, ignore_errors=True)
    found.tasks = _read_tasks(root / OTHER_TASKS_NAME)
    found.left += [root / name for name in (OTHER_TASKS_NAME, MARKER_NAME)]
    return found


def _settle(box: _Found, own: dict[str, Job], known: Mapping[str, Mapping[str, Job]]) -> None:
    """Finish the moves and retries that were interrupted in 0.3.0; each counts as done if its new job exists."""
    for job_id, text in box.retrying.items():
        entry_id, again_id = _parts(text)
        if job_id in own and entry_id in known and again_id not in known[entry_id]:
            own[job_id] = replace(own[job_id], retried_as=None)
    for job_id, text in box.moving.items():
        entry_id, new_id = _parts(text)
        if (job := own.get(job_id)) is None or job.state is not JobState.HELD:
            continue
        if entry_id not in known:
            _LOGGER.warning("What became of a print job that was moved is not known: %s", job_id)
            own[job_id] = job.changed(state=JobState.UNCONFIRMED, reason="move_unclear")
        elif (new := known[entry_id].get(new_id)) is not None:
            own[job_id] = job.changed(
                state=JobState.CANCELED,
                reason=MOVED,
                hold_reason=None,
                detail=new.printer_name,
                moved_to=new_id,
            )
        else:
            # The new job does not exist and never will, so this job stays. The next review finds out why this job
            # waits.
            own[job_id] = job.changed(hold_reason=None)


def _parts(text: str) -> tuple[str, str]:
    """Split "<config entry>/<job>" into its ids."""
    entry_id, _, job_id = text.partition("/")
    return entry_id, job_id


def _load_record(folder: Path) -> dict[str, Any]:
    record = folder / RECORD_NAME
    if record.stat().st_size > MAX_OLD_RECORD_BYTES:
        raise StoredError("the record is too large")
    try:
        found = json.loads(record.read_text("utf-8"))
    except (ValueError, RecursionError) as err:
        raise StoredError(str(err)[:100]) from None
    if not isinstance(found, dict) or found.get("job_id") != folder.name:
        raise StoredError("the record belongs to another folder")
    return found


def _set_aside(folder: Path, err: Exception) -> Path:
    """Rename a damaged folder so that it is not read again and can be examined; return its new path."""
    _LOGGER.warning("Print job %s cannot be read and is set aside: %s", folder.name, err)
    aside = folder.with_name(f"{DAMAGED_PREFIX}{folder.name}")
    with suppress(OSError):
        folder.rename(aside)
    return aside


def _delete_all(paths: Iterable[Path]) -> None:
    """Delete the old records of jobs that are in the ledger now.

    Raises OSError: if an old record stayed, a start after the deletion of its row would take the job in again and print
    it again.
    """
    for path in paths:
        path.unlink(missing_ok=True)


# Records of version 1 (0.1.0 and 0.2.0) are converted to version 2, and records of version 2 to today's version, all as
# JSON. In version 1 a job had one list of fields; the fields about sending belonged to the current delivery. If a
# person turned the paper (`by_hand`), most fields of the first delivery were lost once the second delivery waited.

# Fields of `by_hand` that become the second delivery's details; they describe the sheets of both deliveries.
_DETAILS: Final = ("pages", "copies", "put_back", "lies", "fronts_descending", "backs_descending")


def read_record(record: dict[str, Any], found: _Found | None = None) -> Job:
    """Read a stored job of version 1 or 2; note in `found` which jobs were to replace or retry it.

    Raises StoredError.
    """
    found = found or _Found("")
    job = Job.from_record(_as_version_3(record, found))
    text = found.moving.get(job.job_id) if job.reason == MOVED else None
    return replace(job, moved_to=_parts(text)[1]) if text else job


def _as_version_3(record: dict[str, Any], found: _Found) -> dict[str, Any]:
    for name, noted in (("moving_to", found.moving), ("retrying_to", found.retrying)):
        if isinstance(text := record.get(name), str):
            noted[str(record.get("job_id"))] = text
    if record.get("version") == 1:
        record = migrate(record)
    if record.get("version") != 2:
        raise StoredError("not a job record of a known version")
    deliveries, spec = record.get("deliveries"), record.get("spec")
    if isinstance(spec, dict):
        # Early versions of 0.3.0 also stored the first delivery's options here.
        spec.pop("options", None)
    if record.pop("generation", 0) == 0 and isinstance(deliveries, list):
        # Version 0.1.0 assumed that nothing had been printed after any of these failures; today only the codes in
        # BEFORE_PAPER count as proof of that.
        for one in filter(lambda one: isinstance(one, dict), deliveries):
            if one.get("state") == JobState.FAILED and one.get("code") not in BEFORE_PAPER:
                one["partly_printed"] = one.get("partly_printed") or one.get("task_id") is not None
    return record | {"version": 3}


def migrate(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record of version 1, converted to version 2. Raises StoredError if the record is malformed."""
    options, name = old.get("options"), old.get("document_name")
    if not isinstance(options, dict) or not isinstance(name, str):
        raise StoredError("no job of version 1")
    # Fields whose names are the same in both versions.
    job, spec, delivery = (
        {item.name: old[item.name] for item in fields(kind) if item.name in old}
        for kind in (Job, JobSpec, Delivery)
    )
    job |= {"generation": old.get("generation", 0)}
    waits_for = old.get("waits_for", [])
    spec |= {"waits_for": waits_for, "automated": old.get("origin") == Origin.AUTOMATION}
    document = {
        "path": file_name(name),
        "name": name,
        "content_type": old.get("content_type"),
        "extension": Path(file_name(name)).suffix,
        "size": old.get("size"),
        "pages": old.get("document_pages"),
        "pages_at_most": old.get("document_pages_at_most"),
        "title": old.get("title"),
        "digest": old.get("digest"),
        "ticket": old.get("ticket"),
    }
    delivery |= {"document": document, "ended_at": old.get("finished_at")}
    if delivery.get("reason") == "taken_back_late":
        delivery["reason"] = "expired_too_late"
    if delivery.get("task_id") is not None and not delivery.get("handed_over_at"):
        delivery["task_known_at"] = delivery.get("task_known_at") or old.get("created_at")
    deliveries = [delivery]
    if (by_hand := old.get("by_hand")) is not None:
        if not isinstance(by_hand, dict) or not isinstance(waits_for, list):
            raise StoredError("malformed deliveries")
        spec["waits_for"] = [reason for reason in waits_for if reason != PersonReason.TURN_PAPER]
        deliveries = _deliveries(delivery, by_hand, waits=len(spec["waits_for"]) < len(waits_for))
    return {"version": 2, **job, "spec": spec, "deliveries": deliveries}


def _deliveries(
    present: dict[str, Any], by_hand: Mapping[str, Any], *, waits: bool
) -> list[dict[str, Any]]:
    """Return both deliveries of a job whose record describes only one of them, `present`, in full."""
    half = by_hand.get("half")
    if isinstance(half, bool) or half not in (1, 2):
        raise StoredError("a delivery that is none")
    document, options = present["document"], present["options"]
    fronts = {
        "document": document | {"size": by_hand.get("front_size")},
        "options": options | {"page_range": by_hand.get("front_range", "")},
        "counts_as": [by_hand.get("pages"), by_hand.get("copies")],
    }
    backs = {
        "document": document
        | {"path": SECOND_NAME, "size": by_hand.get("back_size"), "digest": None, "ticket": None},
        "options": options
        | {"page_range": by_hand.get("back_range", ""), "align": by_hand.get("back_align")},
        "details": {name: by_hand[name] for name in _DETAILS if name in by_hand},
    }
    turn = PersonReason.TURN_PAPER.value
    if half == 1:
        if waits:
            raise StoredError("a first delivery that waits for what comes after it")
        second = {"token": new_token(), "state": "held", "after": turn, "hold_reason": turn}
        return [present | fronts, second | backs]
    first = {
        "token": by_hand.get("first_token") or new_token(),
        "state": "completed",
        "task_id": by_hand.get("first_task_id"),
        "task_from_list": by_hand.get("first_from_list", False),
    }
    return [first | fronts, present | backs | {"after": turn if waits else None}]


def _read_tasks(path: Path) -> dict[str, OwnTask]:
    """Return the tasks that were ours although they belonged to no job, and the uploads of interrupted previews."""
    try:
        found = to_list(json.loads(path.read_text("utf-8")))
        written_at = dt_util.utc_from_timestamp(path.stat().st_mtime)
    except OSError, ValueError, RecursionError:
        return {}
    now = dt_util.utcnow()
    tasks = {}
    coming = {"handed_over_at": min(written_at, now).isoformat(), "size": COMING_BYTES}
    for number, said in enumerate(found):
        item = coming if said == COMING else said
        if isinstance(item, str) and item:
            tasks[item] = OwnTask(noted_at=now, task_id=item)
        elif (upload := _read_upload(item, number)) is not None:
            noted_at: datetime = upload.handed_over_at or now
            tasks[upload.token] = OwnTask(noted_at=noted_at, upload=upload)
    return tasks


def _read_upload(record: object, number: int) -> Delivery | None:
    """Return the upload of a stored preview, also from the format of 0.2.0; None if the record is anything else."""
    if not isinstance(record, dict):
        return None
    try:
        if "document" not in record:
            record = _preview_of_0_2_0(record, number)
        upload = Delivery.from_dict(record)
    except StoredError, TypeError:
        return None
    known = upload.handed_over_at is not None and upload.document.size >= 0
    return upload if known else None


def _preview_of_0_2_0(record: dict[str, Any], number: int) -> dict[str, Any]:
    document = {
        "path": "",
        "name": "",
        "content_type": "",
        "extension": "",
        "size": record.pop("size", None),
        "pages": None,
        "title": "",
    }
    return record | {
        "document": document,
        "options": ResolvedOptions(paper_id=0).as_dict(),
        # This token is not secret. It is the same at each start, so that a repeated start writes to the same row.
        "token": f"{record.get('handed_over_at')} {number}",
        "state": JobState.UPLOADING,
    }
