"""What tests with a whole Home Assistant share."""

import importlib.util
import os

import pytest

from tests.simulator.rendering import find_chromium


@pytest.fixture(autouse=True)
def verify_cleanup() -> None:
    """Leave other processes alone; no part of Home Assistant runs in here."""


@pytest.fixture(autouse=True)
def _may_connect(socket_enabled: None) -> None:
    """Let tests talk to the processes on this machine."""


@pytest.fixture(scope="session")
def newest() -> None:
    """Skip a test where there is no Home Assistant with its frontend to start."""
    if "LIANKE_HASS" not in os.environ and importlib.util.find_spec("hass_frontend") is None:
        pytest.skip("LIANKE_HASS names no Python that has Home Assistant with its frontend")


@pytest.fixture(scope="session")
def chromium(newest: None) -> str:
    """Return the browser, or skip: scripts/test brings one where it can."""
    if (path := find_chromium()) is None:
        pytest.skip("no Chromium")
    return path
