"""The clock that tests move is told what is under way."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
import threading

from tests.clock import threads_work, until


async def test_threads_that_only_seem_to_work() -> None:
    """A pool may count one idle thread too few for ever; nothing waits for that, only for what is at work."""
    gate = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        await asyncio.get_running_loop().run_in_executor(pool, int)
        await until(lambda: not threads_work(pool))
        pool._idle_semaphore.acquire()
        assert threads_work(pool)
        await until(lambda: not threads_work(pool))
        pool.submit(gate.wait, 60)
        await asyncio.sleep(0.5)
        assert threads_work(pool)
        gate.set()
        await until(lambda: not threads_work(pool))
