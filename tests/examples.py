"""How many examples a property meets."""

import os

# Set by scripts/test.
FULL_FORM = bool(os.environ.get("LIANKE_FULL"))


def examples(number: int) -> int:
    """Return how many of `number` examples to try: all in the full form, else a tenth, at least 30."""
    return number if FULL_FORM else max(number // 10, 30)
