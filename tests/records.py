"""A job's record on disk as one flat set of fields, including those of its present delivery."""

from typing import Any

from custom_components.lianke.jobs.job import Job


def flat(record: dict[str, Any]) -> dict[str, Any]:
    """Flatten a record; the record itself is the field `record`.

    In manual duplex, `by_hand` has the half (1 or 2) under way, and the first half's token and task once it was sent.
    """
    job = Job.from_record(record)
    at = job.deliveries.index(job.current_delivery)
    delivery, first = record["deliveries"][at], record["deliveries"][0]
    document = delivery["document"]
    by_hand = None
    if len(job.deliveries) > 1:
        sent = job.is_at_second_delivery and first["task_id"]
        by_hand = {
            "half": 2 if job.is_at_second_delivery else 1,
            "first_token": first["token"] if sent else None,
            "first_task_id": first["task_id"] if sent else None,
        }
    return {
        **record,
        **record["spec"],
        **delivery,
        "document_name": document["name"],
        "content_type": document["content_type"],
        "size": document["size"],
        "document_pages": document["pages"],
        "ticket": document["ticket"],
        "digest": record["deliveries"][0]["document"]["digest"],
        "state": job.state.value,
        "reason": job.reason,
        "partly_printed": job.partly_printed,
        "waits_for": list(job.waits_for),
        "finished_at": delivery["ended_at"],
        "by_hand": by_hand,
        "record": record,
    }
