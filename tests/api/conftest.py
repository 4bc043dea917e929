"""A simulator, a session and a client for the tests of the package for the service's API."""

from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import ClientSession, TCPConnector, ThreadedResolver
import pytest

from custom_components.lianke.api.client import LiankeClient
from custom_components.lianke.api.models import Credentials
from custom_components.lianke.api.unknown import Observer
from custom_components.lianke.api.upload import UploadFile
from tests.simulator import Account, Box, Simulator, make_pdf


@pytest.fixture
async def sim(tmp_path: Path, socket_enabled: None) -> AsyncIterator[Simulator]:
    """Run the default cast at high speed, without the limit on requests: fault tables send many."""
    async with Simulator(out=tmp_path / "out", speed=400, rate_limit=None, chromium="") as running:
        yield running
        assert running.cloud.violations == []


@pytest.fixture
async def session(socket_enabled: None) -> AsyncIterator[ClientSession]:
    """Open a session with aiohttp's default settings."""
    async with ClientSession(connector=TCPConnector(resolver=ThreadedResolver())) as opened:
        yield opened


@pytest.fixture
def account(sim: Simulator) -> Account:
    return sim.cloud.accounts[0]


@pytest.fixture
def box(sim: Simulator) -> Box:
    return next(iter(sim.cloud.boxes.values()))


@pytest.fixture
def client(sim: Simulator, session: ClientSession, account: Account, box: Box) -> LiankeClient:
    return make_client(sim.url, session, account, box)


@pytest.fixture
def small(tmp_path: Path) -> UploadFile:
    """Return a real document of one page."""
    path = tmp_path / "small"
    path.write_bytes(make_pdf(1))
    return upload_file(path)


def upload_file(path: Path, *, name: str = "x.pdf", size: int | None = None) -> UploadFile:
    """Describe a file for an upload; with `size`, first create the file from that many zero bytes."""
    if size is not None:
        with path.open("wb") as file:
            file.truncate(size)
    return UploadFile(
        path=path, name=name, content_type="application/pdf", size=path.stat().st_size
    )


def make_client(
    url: str,
    session: ClientSession,
    account: Account,
    box: Box,
    observer: Observer | None = None,
) -> LiankeClient:
    return LiankeClient(
        session,
        api_key=account.api_key,
        credentials=Credentials(device_id=box.device_id, device_key=box.device_key),
        server=url,
        observer=observer,
    )
