"""What version 0.1.0 left on disk is read, so that an update costs no job."""

from typing import Any

import pytest

from custom_components.lianke.api.options import ResolvedOptions
from custom_components.lianke.api.stored import StoredError
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.limits import find_duplicate
from custom_components.lianke.jobs.store import read_record
from custom_components.lianke.manual_duplex import public_dict

RECORD: dict[str, Any] = {
    "version": 1,
    "job_id": "01KB0QKX3V8N5J1T0Q4Z6Y7W8A",
    "printer_key": "k1",
    "printer_name": "Kyocera MA2000w",
    "title": "invoice.pdf",
    "state": "held",
    "created_at": "2026-11-20T08:00:00+00:00",
    "changed_at": "2026-11-20T08:00:00+00:00",
    "expires_at": "2026-11-20T20:00:00+00:00",
    "document_name": "invoice.pdf",
    "content_type": "application/pdf",
    "size": 4096,
    "digest": "",
    "token": "secret-token",
    "document_pages": 2,
    "pages": 2,
    "copies": 1,
    "options": {},
    "requested": {},
    "ticket": None,
    "request_id": None,
    "replace_key": None,
    "retry_of": None,
    "hold": True,
    "ignore_quiet_hours": False,
    "hold_reason": "box_offline",
    "asker": {"context_id": None, "user_id": None, "parent_id": None},
    "has_document": True,
    "handed_over_at": None,
    "task_id": None,
    "task_known_at": None,
    "cancel_requested": False,
    "expiring": False,
    "reason": None,
    "code": None,
    "detail": "",
    "partly_printed": False,
    "pages_printed": None,
    "finished_at": None,
    "sent_bytes": None,
}
"""As 0.1.0 wrote it, field by field; it had no others."""


@pytest.mark.parametrize(("code", "is_free"), [(500, False), (None, False), (502, True)])
def test_what_the_first_version_called_failed_frees_no_request_id(
    code: int | None, is_free: bool
) -> None:
    """It said that nothing was printed where sheets may be out; 502 is told before any paper moves."""
    options = ResolvedOptions(paper_id=9, copies=1).as_dict()
    failed = {"state": "failed", "task_id": "t-1", "code": code, "request_id": "once"}
    job = read_record(RECORD | failed | {"options": options})
    found = find_duplicate([job], job.spec, job.present, job.created_at)
    assert (found is None) == is_free


def test_a_reason_of_the_first_version_has_its_name_of_today() -> None:
    options = ResolvedOptions(paper_id=9, copies=1).as_dict()
    old = {"state": "unconfirmed", "reason": "taken_back_late", "options": options}
    assert read_record(RECORD | old).reason == "expired_too_late"


HALVES = {
    "half": 2,
    "pages": 7,
    "copies": 1,
    "sheets": 4,
    "put_back": "face_down",
    "lies": False,
    "fronts_descending": False,
    "backs_descending": True,
    "front_size": 100,
    "back_size": 90,
    "front_range": "",
    "back_range": "2-4",
    "back_align": None,
    "first_task_id": "task-1",
    "first_token": "first",
    "first_from_list": True,
}


def test_the_halves_of_a_job_are_its_deliveries() -> None:
    options = ResolvedOptions(paper_id=9, copies=1).as_dict()
    waits = {"waits_for": ["turn_paper"], "hold_reason": "turn_paper", "by_hand": HALVES}
    job = read_record(RECORD | waits | {"options": options})
    first, second = job.deliveries
    assert (first.token, first.task_id, first.task_from_list) == ("first", "task-1", True)
    assert (first.state, first.document.size) == (JobState.COMPLETED, 100)
    assert (second.token, second.after, second.document.size) == ("secret-token", "turn_paper", 90)
    assert (second.options.page_range, second.document.path.name) == ("2-4", "backs.pdf")
    assert public_dict(job) == {
        "half": 2,
        "sheets": 3,
        "put_back": "face_down",
        "edge_first": "top",
    }


@pytest.mark.parametrize(
    "damage",
    [
        {"half": 3},
        {"half": 1},
        {"half": True},
        {"pages": "7"},
        {"copies": True},
        {"front_range": "x"},
        {"front_range": 3},
        {"first_token": 5},
        {"back_size": "90"},
    ],
)
def test_damaged_halves(damage: dict[str, Any]) -> None:
    options = ResolvedOptions(paper_id=9, copies=1).as_dict()
    waits = {"waits_for": ["turn_paper"], "hold_reason": "turn_paper"}
    with pytest.raises(StoredError):
        read_record(RECORD | waits | {"options": options, "by_hand": HALVES | damage})
