"""Job callbacks of the cloud: which job they prove, and how far they move it."""

from collections.abc import Callable

from ..api.client import LiankeClient
from ..api.tasks import Callback
from .claims import take_claim
from .job import JobState
from .preview import Previewer
from .registry import JobRegistry
from .tracker import TaskTracker


class CallbackHandler:
    """Takes the job callbacks of one box."""

    def __init__(
        self,
        client: LiankeClient,
        registry: JobRegistry,
        tracker: TaskTracker,
        previewer: Previewer,
    ) -> None:
        """Take what callbacks move; `client` removes secrets from the cloud's words."""
        self._client = client
        self._registry = registry
        self._tracker = tracker
        self._previewer = previewer

    async def async_handle(
        self, token: str | None, claim: Callback, review_soon: Callable[[], None]
    ) -> bool:
        """Take a callback and keep what it says; return whether it belongs to a job of this box.

        A job's own token proves the job even when its upload was never answered. Without it a
        callback is a hint to ask, no more. `review_soon` is called when there is something to
        ask. Raises JobStoreError when what it says could not be written: the cloud must tell it again.
        """
        if self._previewer.on_callback(token, claim):
            return True
        job = take_claim(self._registry, token, claim, self._client.clean(claim.result))
        if job is None:
            # Anyone who has seen a task's id can say this: the cloud is asked instead.
            if (named := self._registry.by_task(claim.task_id)) and self._tracker.hint(named):
                review_soon()
            return False
        if job.state is JobState.COMPLETED and job.pages_printed is None:
            self._tracker.poll_soon(job)
            review_soon()
        await self._registry.async_wait_persisted(job.job_id)
        return True
