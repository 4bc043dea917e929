"""Makes jobs for tests from fields by name: each field goes to the part of the job to which it belongs."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from homeassistant.util import dt as dt_util

from custom_components.lianke.api.options import ResolvedOptions
from custom_components.lianke.api.tasks import DayTask, TaskState
from custom_components.lianke.documents.document import Document
from custom_components.lianke.jobs.job import DELIVERY_FIELDS, Delivery, Job, JobSpec, JobState

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_SPEC = {item.name for item in fields(JobSpec)}
_DOCUMENT = {item.name for item in fields(Document)} - {"pages", "title"}


def _some(values: dict[str, Any], names: Any) -> dict[str, Any]:
    return {name: values.pop(name) for name in [*values] if name in names}


def make_delivery(**values: Any) -> Delivery:
    """Return a delivery of a PDF of two pages, with these fields of the delivery or its document changed."""
    document: dict[str, Any] = {
        "path": Path("document.pdf"),
        "name": "a.pdf",
        "content_type": "application/pdf",
        "extension": ".pdf",
        "size": 1000,
        "pages": 2,
        "title": "Title",
    }
    document |= _some(values, _DOCUMENT)
    return Delivery(
        **{"options": ResolvedOptions(paper_id=9), "document": Document(**document)} | values
    )


def make_job(**values: Any) -> Job:
    """Return a job with one delivery, held unless its state is given."""
    delivery = _some(values, DELIVERY_FIELDS | _DOCUMENT)
    spec: dict[str, Any] = {"printer_key": "printer", "title": "Title", "waits_for": ()}
    job: dict[str, Any] = {
        "job_id": "job",
        "printer_name": "Printer",
        "created_at": NOW,
        "changed_at": NOW,
        "expires_at": NOW + timedelta(hours=12),
        "deliveries": (make_delivery(**{"state": JobState.HELD} | delivery),),
    }
    spec |= _some(values, _SPEC)
    return Job(**job | {"spec": JobSpec(**spec)} | values)


def altered(job: Job, **values: Any) -> Job:
    """Return a job with these fields changed: of the job, its spec, its present delivery or the delivery's document."""
    document = replace(job.current_delivery.document, **_some(values, _DOCUMENT))
    delivery, spec = _some(values, DELIVERY_FIELDS), _some(values, _SPEC)
    new = replace(job.current_delivery, **{"document": document} | delivery)
    return replace(
        job,
        spec=replace(job.spec, **spec),
        deliveries=tuple(new if one is job.current_delivery else one for one in job.deliveries),
        **values,
    )


def ended(number: int, minutes: float, **changes: object) -> Job:
    at = dt_util.utcnow() - timedelta(minutes=minutes)
    values: dict[str, object] = {"state": JobState.CANCELED, "created_at": at, "changed_at": at}
    return make_job(**({"job_id": f"job-{number}"} | values | changes))


def make_upload(number: int, handed_over_at: datetime, **changes: object) -> Delivery:
    """Return a delivery whose document has been handed over to the end."""
    values: dict[str, object] = {
        "token": f"job-{number}",
        "state": JobState.UPLOADING,
        "handed_over_at": handed_over_at,
        # The clocks agree, which the last answer has shown to within two seconds.
        "clock_least": -500,
        "clock_most": 1500,
    }
    return make_delivery(**(values | changes))


def make_task(
    task_id: str, created_at: datetime, state: TaskState = TaskState.READY, code: int | None = None
) -> DayTask:
    """Return a listed task; the list's times are whole seconds."""
    shown = created_at.replace(microsecond=0)
    return DayTask(
        task_id=task_id, state=state, code=code, message="", created_at=shown, updated_at=shown
    )
