"""Translated errors of the print queue, and unexpected errors in a log that quotes no document."""

import logging
import traceback

from homeassistant.exceptions import HomeAssistantError

from ..const import DOMAIN
from ..errors import InputError
from .job import Job

_LOGGER = logging.getLogger(__name__)


def job_error(key: str, job: Job) -> InputError:
    """Return the error for what this job does not allow."""
    return InputError(key, title=job.title)


def change_not_saved(job: Job) -> HomeAssistantError:
    """Return the error for a change of a job that could not be written to disk."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="change_not_saved",
        translation_placeholders={"title": job.title},
    )


def already_retried(again: Job) -> InputError:
    """Return the error for a second retry of one job; `again` is the job that the first one made."""
    return InputError("job_retried_already", title=again.title, job_id=again.job_id)


def disk_full(err: OSError) -> HomeAssistantError:
    """Return the error for a job that could not be written to disk, and log why."""
    _LOGGER.warning("A print job cannot be written to disk: %s", err.__cause__)
    return HomeAssistantError(translation_domain=DOMAIN, translation_key="disk_full")


def type_and_place(err: BaseException) -> str:
    """Return an error's type and where it was raised. Its text may quote the document."""
    place = traceback.extract_tb(err.__traceback__)[-1:]
    return type(err).__name__ + "".join(
        f" in {frame.name}, {frame.filename}:{frame.lineno}" for frame in place
    )
