"""Takes the folders of jobs that 0.1.0 to 0.3.0 wrote into the ledger, once for all boxes.

A box's folder gets its new place in one step, and an empty file takes the old one: an earlier version that is put back
fails to set up then, instead of doing damage. The rows of all boxes are one transaction, after which the old records
are deleted. Wherever that is cut off, the next start goes on: as long as a job has a record of its own, and no row, it
is taken in; documents stay where they are.
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
from ..documents.spool import sync_path
from ..ledger import Ledger, Table, View
from .box_jobs import JOBS, OWN_TASKS, OwnTask
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
from .rules import LISTED

_LOGGER = logging.getLogger(__name__)

RECORD_NAME: Final = "job.json"
OTHER_TASKS_NAME: Final = "other_tasks.json"
# What version 0.1.0 wrote while a preview was under way, of which it says nothing: its task is any of the next days.
COMING: Final = "coming"
COMING_BYTES: Final = int(LISTED.total_seconds() * ANSWER_BYTES_A_SECOND)
# A folder that was being made or deleted.
PART_PREFIX: Final = "part-"
MAX_DAMAGED: Final = 10
# Told 0.3.0 where the folder lay.
MARKER_NAME: Final = "home.json"
# Exists in a job's folder of 0.3.0 until its document is on disk.
FLUSHING_NAME: Final = "flushing"
# A larger record was not written by this code.
MAX_RECORD_BYTES: Final = 256 * 1024


@dataclass(slots=True)
class _Found:
    """What lies in the folder of one box. `moving` and `retrying` name a job as "<config entry>/<job>"."""

    entry_id: str
    jobs: list[Job] = field(default_factory=list)
    moving: dict[str, str] = field(default_factory=dict)
    retrying: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, OwnTask] = field(default_factory=dict)
    left: list[Path] = field(default_factory=list)


async def async_take_in(hass: HomeAssistant, ledger: Ledger, entry_ids: Iterable[str]) -> None:
    """Take the jobs of these boxes into the ledger, which was just opened. Raises OSError."""
    found = await hass.async_add_executor_job(_find_all, hass, [*entry_ids])
    for box in found:
        await ledger.async_load(Table(JOBS, box.entry_id))
        await ledger.async_load(Table(OWN_TASKS, box.entry_id))
    if any(box.jobs or box.tasks for box in found):
        jobs = {
            box.entry_id: {
                job.job_id: job
                for job in box.jobs
                if job.job_id not in ledger.latest(Table(JOBS, box.entry_id))
            }
            for box in found
        }
        known = {
            box.entry_id: dict(ledger.latest(Table(JOBS, box.entry_id)).items())
            | jobs[box.entry_id]
            for box in found
        }
        for box in found:
            _settle(box, jobs[box.entry_id], known)

        def take_in(view: View) -> None:
            for box in found:
                for job in jobs[box.entry_id].values():
                    view.put(Table(JOBS, box.entry_id), job.job_id, job)
                for key, task in box.tasks.items():
                    view.put(Table(OWN_TASKS, box.entry_id), key, task)

        await asyncio.shield(ledger.commit(take_in))
    await hass.async_add_executor_job(_delete_all, [path for box in found for path in box.left])


def _find_all(hass: HomeAssistant, entry_ids: list[str]) -> list[_Found]:
    found = []
    for entry_id in entry_ids:
        old, new = old_path(hass, entry_id), jobs_path(hass, entry_id)
        if old.is_dir():
            _move(old, new)
        elif not old.exists():
            # Also where that was cut off right before it.
            old.touch(mode=0o600)
            sync_path(old.parent)
        if new.is_dir():
            found.append(_find(entry_id, new))
    return found


def _move(old: Path, new: Path) -> None:
    """Give the folder of a box its new place, and put an empty file in the old one.

    No system has one step for both: a process that is killed in between leaves neither.
    """
    if not new.exists():
        old.rename(new)
    else:
        # An earlier version was let start once more. What it wrote is newer, and each job has its own name.
        for path in old.iterdir():
            shutil.rmtree(target := new / path.name, ignore_errors=True)
            path.rename(target)
        sync_path(new)
        old.rmdir()
    # Before anything is flushed, which takes its time: a power cut leaves both steps or none, as good as always.
    old.touch(mode=0o600)
    sync_path(new.parent)
    sync_path(old.parent)


def _find(entry_id: str, root: Path) -> _Found:
    found, damaged = _Found(entry_id), []
    for folder in sorted(root.iterdir()):
        if folder.name.startswith(DAMAGED_PREFIX):
            damaged.append(folder)
        elif (
            # Else it was being made or deleted.
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
    """Bring to an end what a stop cut off between two jobs of 0.3.0: whether the new one exists says how."""
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
            # It was not made, and never will be. Why this one waits now is found out anew.
            own[job_id] = job.changed(hold_reason=None)


def _parts(text: str) -> tuple[str, str]:
    """Return the ids of "<config entry>/<job>"."""
    entry_id, _, job_id = text.partition("/")
    return entry_id, job_id


def _load_record(folder: Path) -> dict[str, Any]:
    record = folder / RECORD_NAME
    if record.stat().st_size > MAX_RECORD_BYTES:
        raise StoredError("the record is too large")
    try:
        found = json.loads(record.read_text("utf-8"))
    except (ValueError, RecursionError) as err:
        raise StoredError(str(err)[:100]) from None
    if not isinstance(found, dict) or found.get("job_id") != folder.name:
        raise StoredError("the record belongs to another folder")
    return found


def _set_aside(folder: Path, err: Exception) -> Path:
    """Rename a damaged folder, so that it is not read again and can be examined; return its new path."""
    _LOGGER.warning("Print job %s cannot be read and is set aside: %s", folder.name, err)
    aside = folder.with_name(f"{DAMAGED_PREFIX}{folder.name}")
    with suppress(OSError):
        folder.rename(aside)
    return aside


def _delete_all(paths: Iterable[Path]) -> None:
    """Delete what was taken in. Raises OSError: once its row is forgotten, it would be taken in and print again."""
    for path in paths:
        path.unlink(missing_ok=True)


# Records of version 1, which 0.1.0 and 0.2.0 wrote, as those of version 2, and these as of today. Plain JSON in, plain
# JSON out.
#
# Version 1 had one list of fields for a job. Those of the attempt to send were the present one's: of a job with
# two (`by_hand`), the first one's were mostly gone once the second one waited.

# The second delivery's details: what its sheets have in common with those of the first one.
_DETAILS: Final = ("pages", "copies", "put_back", "lies", "fronts_descending", "backs_descending")


def read_record(record: dict[str, Any], found: _Found | None = None) -> Job:
    """Return a stored job; note where another one was to take its place. Raises StoredError."""
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
        # Early copies of 0.3.0 wrote those of the first delivery once more.
        spec.pop("options", None)
    if record.pop("generation", 0) == 0 and isinstance(deliveries, list):
        # 0.1.0 ruled paper out after more failures than today.
        for one in filter(lambda one: isinstance(one, dict), deliveries):
            if one.get("state") == JobState.FAILED and one.get("code") not in BEFORE_PAPER:
                one["partly_printed"] = one.get("partly_printed") or one.get("task_id") is not None
    return record | {"version": 3}


def migrate(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record of version 1 as one of version 2. Raises StoredError where it is malformed."""
    options, name = old.get("options"), old.get("document_name")
    if not isinstance(options, dict) or not isinstance(name, str):
        raise StoredError("no job of version 1")
    # The other fields have the names that they had.
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
    """Return the two deliveries of a job of which the present one is known."""
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
    """Return the tasks that were ours without a job, and the uploads of previews that were cut off."""
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
    """Return what was stored of a preview, also by 0.2.0, None for anything else."""
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
        # No secret, but the same at a start that goes on: it is found by it.
        "token": f"{record.get('handed_over_at')} {number}",
        "state": JobState.UPLOADING,
    }
