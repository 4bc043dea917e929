"""The number of examples with which a property is tested."""

import os

# scripts/test --full sets it to 1. By hand, LIANKE_FULL=10 tries ten times as many.
TIMES = int(os.environ.get("LIANKE_FULL") or 0)


def examples(number: int) -> int:
    """Return the number of examples to try: `number` in the full form, otherwise a tenth of it, but at least 30."""
    return number * TIMES or max(number // 10, 30)
