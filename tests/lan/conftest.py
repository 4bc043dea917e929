"""A printer of the simulated box, offered to the home network."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field, replace
import fcntl
import os
from pathlib import Path
import socket
from tempfile import gettempdir
from unittest.mock import Mock

from aiohttp import ClientSession, TCPConnector
from homeassistant.components import zeroconf as component
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from yarl import URL
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from custom_components.lianke.const import CONF_LAN_PRINTERS, LAN_PRINTER_PATH, MAX_JOBS_PER_HOUR
from custom_components.lianke.ipp import model as values
from custom_components.lianke.ipp.codec import decode, encode
from custom_components.lianke.ipp.model import (
    Attributes,
    IppGroup,
    IppMessage,
    IppTag,
    IppValue,
    Operation,
    Status,
)
from custom_components.lianke.jobs.job import Job
from custom_components.lianke.lan import announce
from custom_components.lianke.runtime import LiankeData
from tests.clock import until
from tests.conftest import set_up, tear_down
from tests.household import LASER, data_of, key_of
from tests.simulator import Simulator, make_pdf

PDF = make_pdf(3)
IPP = "_ipp._tcp.local."


@dataclass
class Reply:
    """An answer, with the parts of it that tests look at."""

    message: IppMessage

    @property
    def status(self) -> int:
        return self.message.code

    @property
    def jobs(self) -> list[Attributes]:
        return [group.attributes for group in self.message.groups if group.tag == IppTag.JOB]

    @property
    def printer(self) -> Attributes:
        return self.message.group(IppTag.PRINTER)

    @property
    def unsupported(self) -> Attributes:
        return self.message.group(IppTag.UNSUPPORTED_GROUP)

    def one(self, name: str, group: IppTag = IppTag.JOB) -> object:
        (value,) = self.message.group(group)[name]
        return value.content

    def many(self, name: str, group: IppTag = IppTag.PRINTER) -> list[object]:
        return [value.content for value in self.message.group(group)[name]]


def number_in(reply: Reply) -> int:
    assert reply.status == Status.OK, Status(reply.status)
    number = reply.one("job-id")
    assert isinstance(number, int)
    return number


@dataclass
class LanPrinter:
    """Talks to an offered printer as a device of the home network would."""

    hass: HomeAssistant
    simulator: Simulator
    entry: MockConfigEntry
    key: str
    token: str
    base: str
    session: ClientSession
    name: str = "iPhone von Anna"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> LiankeData:
        return data_of(self.entry)

    @property
    def url(self) -> str:
        return f"{self.base}{LAN_PRINTER_PATH}/{self.token}"

    @property
    def uri(self) -> str:
        return f"ipp://{URL(self.base).authority}{LAN_PRINTER_PATH}/{self.token}"

    def message(
        self, operation: int, job: Attributes | None = None, **attributes: tuple[IppValue, ...]
    ) -> bytes:
        """Return a request as bytes; in the names of attributes, _ stands for -."""
        named = {name.replace("_", "-"): value for name, value in attributes.items()}
        groups = [
            IppGroup(
                tag=IppTag.OPERATION,
                attributes={
                    "attributes-charset": (IppValue(IppTag.CHARSET, "utf-8"),),
                    "attributes-natural-language": (IppValue(IppTag.LANGUAGE, "en"),),
                    "printer-uri": values.uri(self.uri),
                    "requesting-user-name": values.name(self.name),
                    **named,
                },
            )
        ]
        if job:
            groups.append(IppGroup(tag=IppTag.JOB, attributes=job))
        return encode(IppMessage(code=operation, request_id=1, groups=tuple(groups)))

    async def post(self, body: bytes, **headers: str) -> tuple[int, bytes]:
        """Send a body; return the HTTP status and the answer's body."""
        sent = {"Content-Type": "application/ipp", **self.headers, **headers}
        async with self.session.post(self.url, data=body, headers=sent) as answer:
            return answer.status, await answer.read()

    async def stream(self, pieces: AsyncIterator[bytes], **headers: str) -> int:
        sent = {"Content-Type": "application/ipp", **headers}
        async with self.session.post(self.url, data=pieces, headers=sent) as answer:
            return decode(await answer.read())[0].code

    async def begin(self, body: bytes, missing: int = 0) -> asyncio.StreamWriter:
        """Send a request over a connection of its own, all but its last bytes."""
        url = URL(self.url)
        _, writer = await asyncio.open_connection("127.0.0.1", url.port)
        head = f"POST {url.path} HTTP/1.1\r\nHost: 127.0.0.1:{url.port}\r\n"
        head += f"Content-Type: application/ipp\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body[: len(body) - missing])
        await writer.drain()
        return writer

    async def ask(
        self,
        operation: int,
        job: Attributes | None = None,
        document: bytes = b"",
        **attributes: tuple[IppValue, ...],
    ) -> Reply:
        status, body = await self.post(self.message(operation, job, **attributes) + document)
        assert status == 200, status
        message, length = decode(body)
        assert length == len(body)
        assert message.request_id == 1
        return Reply(message)

    async def print(
        self,
        document: bytes = PDF,
        job: Attributes | None = None,
        **attributes: tuple[IppValue, ...],
    ) -> int:
        attributes.setdefault("job_name", values.name("数学作业.pdf"))
        return number_in(await self.ask(Operation.PRINT_JOB, job, document, **attributes))

    async def create(
        self, job: Attributes | None = None, **attributes: tuple[IppValue, ...]
    ) -> int:
        """Create a job without its document, which is sent later; return the job's number."""
        return number_in(await self.ask(Operation.CREATE_JOB, job, b"", **attributes))

    async def send(self, number: int, document: bytes = PDF) -> Reply:
        return await self.ask(
            Operation.SEND_DOCUMENT,
            document=document,
            job_id=values.integer(number),
            last_document=values.boolean(True),
        )

    def set_option(self, name: str, value: object) -> None:
        options = {**self.entry.options, name: value}
        self.hass.config_entries.async_update_entry(self.entry, options=options)

    async def switch_off(self) -> None:
        """Switch the box off, so that jobs wait."""
        self.simulator.box.online = False
        await self.data.coordinator.async_refresh()

    async def job(self, number: int) -> Reply:
        return await self.ask(Operation.GET_JOB_ATTRIBUTES, job_id=values.integer(number))

    async def ended(self, number: int) -> Reply:
        """Wait until a job is over and return its description."""
        async with asyncio.timeout(20):
            while True:
                reply = await self.job(number)
                state = reply.one("job-state")
                assert isinstance(state, int)
                if state >= 7:
                    return reply
                await asyncio.sleep(0.05)


type Offer = Callable[[str], Coroutine[None, None, LanPrinter]]


@pytest.fixture
async def offer(
    hass: HomeAssistant, simulator: Simulator, reachable: str, entry: MockConfigEntry
) -> AsyncGenerator[Offer]:
    """Return a function that offers a printer of the office box to the home network."""
    assert await set_up(hass, entry)
    sessions: list[ClientSession] = []

    async def offer(name: str) -> LanPrinter:
        key, token = key_of(entry, name), f"token-{len(sessions)}-0123456789abcdef"
        offered = {**entry.options.get(CONF_LAN_PRINTERS, {}), key: token}
        options = {MAX_JOBS_PER_HOUR.key: 999, CONF_LAN_PRINTERS: offered}
        hass.config_entries.async_update_entry(entry, options={**entry.options, **options})
        coordinator = data_of(entry).coordinator
        await coordinator.capabilities.get(key)
        sessions.append(ClientSession())
        return LanPrinter(
            hass=hass,
            simulator=simulator,
            entry=entry,
            key=key,
            token=token,
            base=reachable,
            session=sessions[-1],
        )

    yield offer
    for session in sessions:
        await session.close()
    await tear_down(hass)


@pytest.fixture
async def lan(offer: Offer) -> LanPrinter:
    return await offer(LASER)


type Device = Callable[[str], LanPrinter]


@pytest.fixture
async def device(lan: LanPrinter) -> AsyncGenerator[Device]:
    """Return a function that lets another address talk to the laser printer, under the same name."""
    sessions: list[ClientSession] = []

    def device(address: str) -> LanPrinter:
        connector = TCPConnector(local_addr=(address, 0), limit=0)
        sessions.append(ClientSession(connector=connector))
        return replace(lan, session=sessions[-1], headers={})

    yield device
    for session in sessions:
        await session.close()


def jobs_of(lan: LanPrinter) -> list[Job]:
    """Return the jobs of a printer, newest first."""
    return lan.data.queue.jobs(lan.key)


@dataclass
class Network:
    """The home network, on this machine alone."""

    hass: HomeAssistant
    browser: AsyncZeroconf
    seen: set[str] = field(default_factory=set)
    kinds: dict[str, set[str]] = field(default_factory=dict)

    async def watch(self, *kinds: str) -> AsyncServiceBrowser:
        def changed(
            zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
        ) -> None:
            found = self.kinds.setdefault(service_type, set())
            if state_change is ServiceStateChange.Removed:
                found.discard(name)
            else:
                found.add(name)

        return AsyncServiceBrowser(self.browser.zeroconf, list(kinds), handlers=[changed])

    async def names(self, kind: str, count: int) -> set[str]:
        """Wait until `count` services of a type are seen, and return their names."""
        await until(lambda: len(self.kinds.get(kind, ())) == count)
        return {name.removesuffix(f".{IPP}") for name in self.kinds.get(kind, ())}

    async def text(self, name: str, kind: str = IPP) -> dict[str, str]:
        info = AsyncServiceInfo(kind, f"{name}.{kind}")
        assert await info.async_request(self.browser.zeroconf, 5000)
        assert info.parsed_addresses() == ["127.0.0.1"]
        assert info.port == 8123
        return {key: value or "" for key, value in info.decoded_properties.items()}


@pytest.fixture
async def alone_on_loopback() -> AsyncGenerator[None]:
    """Wait until no other process of this machine runs a test with zeroconf.

    Such tests hear each other on loopback: if two announce the same printer, one of these is renamed to "Name-2".
    """
    with (Path(gettempdir()) / f"lianke-zeroconf-{os.getuid()}.lock").open("w") as turn:
        async with asyncio.timeout(240):
            while True:
                try:
                    # The lock is released when the file is closed; for a killed process, the system closes it.
                    fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    await asyncio.sleep(0.05)
                else:
                    break
        yield


@pytest.fixture
async def network(
    hass: HomeAssistant,
    alone_on_loopback: None,
    socket_enabled: None,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncGenerator[Network]:
    """Yield a network with Home Assistant's shared zeroconf and a browser in it."""
    monkeypatch.setattr(socket, "has_ipv6", False)
    shared = component.models.HaAsyncZeroconf(
        zc=component.models.HaZeroconf(interfaces=["127.0.0.1"])
    )
    browser = AsyncZeroconf(interfaces=["127.0.0.1"])
    hass.config.components.add("zeroconf")
    hass.config.api = Mock(port=8123, use_ssl=False)

    async def get(_hass: HomeAssistant) -> AsyncZeroconf:
        return shared

    monkeypatch.setattr(component, "async_get_async_instance", get)

    async def addresses(_hass: HomeAssistant) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setattr("homeassistant.components.network.async_get_announce_addresses", addresses)
    monkeypatch.setattr(announce, "is_loopback", lambda _address: False)
    yield Network(hass, browser)
    await browser.async_close()
    await shared.ha_async_close()


def spooled(hass: HomeAssistant) -> list[str]:
    """Return the names of the files in the spool."""
    return sorted(path.name for path in Path(hass.config.cache_path("lianke", "spool")).iterdir())
