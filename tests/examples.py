"""How many examples a property meets."""

import os

# Set to 1 by scripts/test --full; by hand LIANKE_FULL=10 tries ten times as many.
TIMES = int(os.environ.get("LIANKE_FULL") or 0)


def examples(number: int) -> int:
    """Return how many of `number` examples to try: all in the full form, else a tenth, at least 30."""
    return number * TIMES or max(number // 10, 30)
