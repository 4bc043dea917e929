"""Fixtures that tests with a whole Home Assistant share."""

import importlib.util
import os

import pytest

from tests.simulator.rendering import find_chromium


@pytest.fixture(autouse=True)
def verify_cleanup() -> None:
    """Switch off the check of Home Assistant's test plugin: no part of Home Assistant runs in this process."""


@pytest.fixture(autouse=True)
def _may_connect(socket_enabled: None) -> None:
    """Let tests open sockets to the other processes on this machine."""


@pytest.fixture(scope="session")
def newest() -> None:
    """Skip the test if there is no Home Assistant with its frontend that could be started."""
    if "LIANKE_HASS" not in os.environ and importlib.util.find_spec("hass_frontend") is None:
        pytest.skip("LIANKE_HASS names no Python that has Home Assistant with its frontend")


@pytest.fixture(scope="session")
def chromium(newest: None) -> str:
    """Return the path of Chromium, or skip the test if there is none; scripts/test installs Chromium where it can."""
    if (path := find_chromium()) is None:
        pytest.skip("no Chromium")
    return path
