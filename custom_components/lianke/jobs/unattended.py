"""Tasks that go on when their callers have gone."""

import asyncio
from typing import Any


async def async_finish[T](task: asyncio.Future[T]) -> T:
    """Wait for a task that goes on if the wait is cancelled; raises what it raises.

    Unlike asyncio.shield, an error that nobody waits for any more is none of the loop's.
    """
    task.add_done_callback(_note_end)
    await asyncio.wait([task])
    return task.result()


def _note_end(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()
