"""`python -m benchmarks.cloud CLOCK SOCKET …`: the simulator with a clock that jumps."""

import asyncio
from pathlib import Path
import sys

from tests.simulator.__main__ import _arguments, _serve

from .clock import Clock, Follower


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that uses the shared clock from its start."""

    def __init__(self, follower: Follower) -> None:
        super().__init__()
        follower.attach(self)


def main() -> None:
    """Run the simulator with the remaining arguments of the command line."""
    clock = Clock(Path(sys.argv[1]))
    clock.install()
    follower = Follower(clock, Path(sys.argv[2]))
    del sys.argv[1:3]
    with asyncio.Runner(loop_factory=lambda: _Loop(follower)) as runner:
        runner.run(_serve(_arguments()))


if __name__ == "__main__":
    main()
