"""The marks of tests that share a stage; not in stage.py, because the benchmarks use that module without pytest."""

import pytest


def on_stage(group: str = "card") -> list[pytest.MarkDecorator]:
    """Return the marks of tests that share a stage; all tests of a group run in one process."""
    return [
        pytest.mark.browser,
        pytest.mark.e2e,
        pytest.mark.asyncio(loop_scope="session"),
        pytest.mark.timeout(600),
        pytest.mark.xdist_group(group),
    ]
