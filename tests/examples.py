"""How many examples a property is tried with."""

import os

# scripts/test --full sets it to 1. By hand, LIANKE_FULL=10 tries ten times as many.
TIMES = int(os.environ.get("LIANKE_FULL") or 0)


def examples(number: int) -> int:
    """In the full form all of `number`, otherwise a tenth, but at least 30."""
    return number * TIMES or max(number // 10, 30)
