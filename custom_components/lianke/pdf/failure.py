"""Why a task fails."""


class TaskError(Exception):
    """A task that cannot be done; `reason` becomes the answer's `error`."""

    def __init__(self, reason: str) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason
