"""Job records of version 1, which 0.1.0 and 0.2.0 wrote, as those of version 2. Plain JSON in, plain JSON out.

Version 1 had one list of fields for a job. Those of the attempt to send were the present one's: of a job with
two (`by_hand`), the first one's were mostly gone once the second one waited.
"""

from collections.abc import Mapping
from pathlib import Path
import re
from typing import Any, Final

from ..api.stored import StoredError
from .delivery import new_token
from .spec import Origin, PersonReason

DOCUMENT_STEM: Final = "document"
SECOND_NAME: Final = "backs.pdf"
"""What the second delivery prints."""
_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,10}")
# In every record of version 1, and under the same name in one of version 2.
_SPEC: Final = (
    "printer_key",
    "title",
    "options",
    "requested",
    "request_id",
    "replace_key",
    "retry_of",
    "hold",
    "ignore_quiet_hours",
    "asker",
)
_DELIVERY: Final = (
    "token",
    "state",
    "hold_reason",
    "handed_over_at",
    "task_id",
    "task_known_at",
    "sent_bytes",
    "expiring",
    "reason",
    "code",
    "detail",
    "partly_printed",
)
_JOB: Final = (
    "job_id",
    "printer_name",
    "created_at",
    "changed_at",
    "expires_at",
    "pages",
    "copies",
    "pages_printed",
    "cancel_requested",
    "has_document",
)
# Those that 0.2.0 added.
_SPEC_ADDED: Final = (
    "moved_from",
    "sender",
    "sender_address",
    "foreign_title",
    "laid_out",
    "origin",
    "approved",
    "release_code",
)
_DELIVERY_ADDED: Final = ("was_refused", "task_from_list", "clock_least", "clock_most")
_JOB_ADDED: Final = (
    "generation",
    "retried_as",
    "retrying_to",
    "copied",
    "document_kept",
    "moving_to",
    "move_open",
)
# The second delivery's details: what its sheets have in common with those of the first one.
_DETAILS: Final = ("pages", "copies", "put_back", "lies", "fronts_descending", "backs_descending")


def file_name(name: str) -> str:
    """Return the name of a document's file in the folder of its job."""
    suffix = Path(name).suffix.lower()
    return f"{DOCUMENT_STEM}{suffix if _SUFFIX.fullmatch(suffix) else ''}"


def migrate(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record of version 1 as one of version 2. Raises StoredError where it is malformed."""
    options, name = old.get("options"), old.get("document_name")
    if not isinstance(options, dict) or not isinstance(name, str):
        raise StoredError("no job of version 1")
    job, spec = _taken(old, _JOB, _JOB_ADDED), _taken(old, _SPEC, _SPEC_ADDED)
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
    delivery = {
        **_taken(old, _DELIVERY, _DELIVERY_ADDED),
        "document": document,
        "options": options,
        "ended_at": old.get("finished_at"),
    }
    if delivery["reason"] == "taken_back_late":
        delivery["reason"] = "expired_too_late"
    if delivery["task_id"] is not None and not delivery["handed_over_at"]:
        delivery["task_known_at"] = delivery["task_known_at"] or old["created_at"]
    deliveries = [delivery]
    if (by_hand := old.get("by_hand")) is not None:
        if not isinstance(by_hand, dict) or not isinstance(waits_for, list):
            raise StoredError("malformed deliveries")
        spec["waits_for"] = [reason for reason in waits_for if reason != PersonReason.TURN_PAPER]
        deliveries = _deliveries(delivery, by_hand, waits=len(spec["waits_for"]) < len(waits_for))
    return {
        "version": 2,
        **job,
        "spec": spec,
        "deliveries": deliveries,
    }


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


def _taken(
    old: Mapping[str, Any], names: tuple[str, ...], added: tuple[str, ...]
) -> dict[str, Any]:
    """Return fields of a record, of those that were added later only what is there."""
    if missing := [name for name in names if name not in old]:
        raise StoredError(f"{missing[0]} is missing")
    return {name: old[name] for name in (*names, *added) if name in old}
