"""What the buttons of a notification send back: a job, an answer, and a proof that the button is ours."""

from enum import StrEnum
import hashlib
import hmac
import re
from typing import Final, NamedTuple

from ..jobs.job import Job

_PROOF_LENGTH: Final = 32
_BUTTON: Final = re.compile(
    rf"LIANKE_(APPROVE|REJECT)_([0-9A-Z]{{26}})_([0-9a-f]{{{_PROOF_LENGTH}}})"
)


class Answer(StrEnum):
    """An approver's answer."""

    APPROVE = "APPROVE"
    REJECT = "REJECT"


class Button(NamedTuple):
    """A button that was pressed; nothing is proven before `is_of` says so."""

    answer: Answer
    job_id: str
    proof: str

    def is_of(self, job: Job) -> bool:
        """Return whether the button was made for this job and answer."""
        return hmac.compare_digest(self.proof, _proof(job, self.answer))


def button_of(job: Job, answer: Answer) -> str:
    """Return what a button sends that gives this answer for a job.

    It is made from the job's secret, so that it holds over restarts and cannot be guessed.
    """
    return f"LIANKE_{answer}_{job.job_id}_{_proof(job, answer)}"


def read_button(text: object) -> Button | None:
    """Return the button that sends a text, None if it is not of this integration."""
    if not isinstance(text, str) or (found := _BUTTON.fullmatch(text)) is None:
        return None
    return Button(Answer(found[1]), found[2], found[3])


def _proof(job: Job, answer: Answer) -> str:
    signed = hmac.new(job.token.encode(), f"{answer} {job.job_id}".encode(), hashlib.sha256)
    return signed.hexdigest()[:_PROOF_LENGTH]
