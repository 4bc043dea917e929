"""The delivery of a finished scan to a destination."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from ..api.stored import Record
from ..input_error import InputError


class Destination(StrEnum):
    FOLDER = "folder"
    PAPERLESS = "paperless"
    MAIL = "mail"
    SCRIPT = "script"


class DeliveryState(StrEnum):
    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    UNCERTAIN = "uncertain"  # The scan may or may not have arrived.


BROKEN: Final = frozenset({DeliveryState.FAILED, DeliveryState.UNCERTAIN})


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanDelivery(Record):
    to: Destination
    asked_at: datetime
    state: DeliveryState = DeliveryState.OPEN
    tags: tuple[str, ...] = ()
    sent: int = 0  # Number of files that have arrived.
    # When we began to send the next file, which may have arrived since; None if it certainly has not.
    tried_at: datetime | None = None
    task_id: str | None = None  # The destination's id for the file that it is processing.
    # Why the last try failed, as a translation key; set even while the delivery is open.
    reason: str | None = None
    detail: str = ""

    @property
    def shown_state(self) -> str:
        """The state as people see it: an open delivery is `sending`, `processing` or, after a failed try, `waiting`."""
        if self.state is not DeliveryState.OPEN:
            return self.state.value
        return "waiting" if self.reason else "processing" if self.task_id else "sending"


class DeliveryError(InputError):
    """A try that failed. `state` is the new state of the delivery; OPEN means that we try again."""

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        state: DeliveryState = DeliveryState.FAILED,
        may_have_arrived: bool = False,
    ) -> None:
        super().__init__(reason, detail=detail)
        self.detail, self.state, self.may_have_arrived = detail, state, may_have_arrived
