"""A proxy between one Home Assistant and the cloud, in both directions, that spoils messages.

Requests go through `port`, callbacks and pushes through `callback_port`. A policy sees each message before it is passed
on, and may return a `Fault` for it.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
import json
import re
import socket
import struct
from typing import Any, Final, Literal

HOST: Final = "127.0.0.1"
CHUNK: Final = 1 << 16
HEAD_LIMIT: Final = 1 << 20

type Kind = Literal[
    "cut_head",  # connection reset after the head
    "cut_body",  # connection reset in the middle of the body
    "cut_end",  # connection reset before the closing boundary
    "swallow",  # read completely, not passed on, connection reset
    "hang",  # read completely, not passed on, never answered
    "late_request",  # read completely, passed on `seconds` later, even if the client no longer waits
    "cut_answer",  # passed on completely, answer discarded, connection reset
    "hang_answer",  # passed on completely, never answered
    "late_answer",  # the answer comes `seconds` later
    "double_answer",  # the answer comes again `seconds` later; 0: when the connection repeats the request
    "early_answer",  # a made-up answer before the end of the body; connection reset `seconds` later
    "truncate",  # half of the answer's body, then connection reset
    "replace",  # another answer; the request is passed on first unless `accepted` is false
]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong with one message."""

    kind: Kind
    seconds: float = 0.0
    accepted: bool = True
    status: int = 502
    content_type: str = "text/html"
    body: bytes = b"<html><body><center><h1>nginx</h1></center></body></html>"

    def answer(self) -> bytes:
        """Return the answer that replaces the right one."""
        return answer(self.status, self.body, self.content_type)


def answer(status: int, body: bytes, content_type: str = "application/json") -> bytes:
    """Return an HTTP answer."""
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    if 300 <= status < 400:
        head += "Location: http://127.0.0.1:9/portal\r\n"
    return head.encode() + b"\r\n" + body


@dataclass(kw_only=True)
class Exchange:
    """One message and what became of it."""

    number: int
    way: Literal["request", "callback"]
    method: str
    target: str
    time: float
    fault: str | None = None
    body: Any = None
    answer: Any = None
    # Whether the receiver's own answer was sent back completely.
    answered: bool = False
    status: int | None = None

    @property
    def endpoint(self) -> str:
        """Method and path."""
        return f"{self.method} {self.target.split('?')[0].removeprefix('/api')}"


type Policy = Callable[[Exchange], Fault | None]


def no_faults(_exchange: Exchange) -> Fault | None:
    """Spoil nothing."""
    return None


@dataclass(eq=False, kw_only=True)
class Proxy:
    """The proxy of one Home Assistant, in both directions."""

    cloud_port: int
    hass_port: int
    policy: Policy = no_faults
    # While this is False, every connection is reset instead of passing a message on.
    is_up: bool = True
    # Called at each step of each message: a place where a process may die.
    on_step: Callable[[], None] = lambda: None
    exchanges: list[Exchange] = field(default_factory=list)
    port: int = 0
    callback_port: int = 0
    _servers: list[asyncio.Server] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        """Listen on both ports."""
        for way in ("request", "callback"):
            server = await asyncio.start_server(self._taker(way), HOST, self.port_of(way))
            self._servers.append(server)
            port = server.sockets[0].getsockname()[1]
            if way == "request":
                self.port = port
            else:
                self.callback_port = port

    def port_of(self, way: str) -> int:
        """Return the port for one direction, 0 before the start."""
        return self.port if way == "request" else self.callback_port

    async def stop(self) -> None:
        """Stop listening, and end all connections."""
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _taker(self, way: str) -> Any:
        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            try:
                await _Connection(self, way, reader, writer).run()
            except OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError:
                pass
            finally:
                _break(writer)

        return take


class _Connection:
    """One connection of a client, with any number of messages."""

    def __init__(
        self, proxy: Proxy, way: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._proxy = proxy
        self._way = way
        self._reader = reader
        self._writer = writer
        # An answer to send once more, and the beginning of the request that makes it come.
        self._second = b""
        self._second_for = b""
        self._exchange: Exchange

    async def run(self) -> None:
        """Pass messages on until the connection ends."""
        while True:
            head = await self._reader.readuntil(b"\r\n\r\n")
            if not self._proxy.is_up:
                return
            if self._second and head.startswith(self._second_for):
                self._writer.write(self._second)
                self._second = b""
            if not await self._pass(head):
                return

    async def _pass(self, head: bytes) -> bool:
        """Pass one message on; return whether the connection stays open."""
        proxy = self._proxy
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        exchange = self._exchange = Exchange(
            number=len(proxy.exchanges),
            way=self._way,
            method=method,
            target=target,
            time=asyncio.get_running_loop().time(),
        )
        proxy.exchanges.append(exchange)
        proxy.on_step()
        fault = proxy.policy(exchange)
        exchange.fault = None if fault is None else fault.kind
        length = _length(head)
        match fault:
            case None:
                pass
            case Fault(kind="cut_head"):
                return False
            case Fault(kind="swallow") | Fault(kind="replace", accepted=False) | Fault(kind="hang"):
                await self._reader.readexactly(length)
                if fault.kind == "hang":
                    await asyncio.sleep(3600)
                if fault.kind != "replace":
                    return False
                await self._send(fault.answer())
                return True
            case Fault(kind="late_request"):
                body = await self._reader.readexactly(length)
                await asyncio.sleep(fault.seconds)
                return await self._finish(await self._exchange_whole(head, body), fault)
        up_reader, up_writer = await self._connect()
        try:
            if not await self._forward(head, length, up_writer, fault):
                return False
            got = await self._read_answer(up_reader)
        finally:
            _break(up_writer)
        proxy.on_step()
        return await self._finish(got, fault)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        proxy = self._proxy
        port = proxy.cloud_port if self._way == "request" else proxy.hass_port
        return await asyncio.open_connection(HOST, port, limit=HEAD_LIMIT)

    async def _forward(
        self, head: bytes, length: int, up: asyncio.StreamWriter, fault: Fault | None
    ) -> bool:
        """Pass head and body on, up to where the fault cuts them off; return whether all of it was passed on."""
        up.write(head)
        stop = length
        if fault is not None and fault.kind == "cut_body":
            stop = length // 2
        elif fault is not None and fault.kind in ("cut_end", "early_answer"):
            stop = length - _closing(head)
        left, kept = stop, bytearray()
        while left > 0:
            if not (chunk := await self._reader.read(min(CHUNK, left))):
                return False
            self._proxy.on_step()
            left -= len(chunk)
            if length < CHUNK:
                kept += chunk
            up.write(chunk)
            await up.drain()
        self._note_body(bytes(kept))
        if fault is not None and fault.kind == "early_answer":
            await self._send(fault.answer())
            await asyncio.sleep(fault.seconds)
            return False
        return stop == length

    def _note_body(self, body: bytes) -> None:
        if self._way == "callback":
            with suppress(ValueError):
                self._exchange.body = json.loads(body)

    async def _exchange_whole(self, head: bytes, body: bytes) -> bytes:
        self._note_body(body)
        reader, writer = await self._connect()
        try:
            writer.write(head + body)
            return await self._read_answer(reader)
        finally:
            _break(writer)

    async def _read_answer(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        if re.search(rb"(?i)\r\ntransfer-encoding:\s*chunked", head):
            raise ValueError("a chunked answer")
        body = await reader.readexactly(_length(head))
        self._exchange.status = int(head[9:12])
        with suppress(ValueError):
            self._exchange.answer = json.loads(body)
        return head + body

    async def _finish(self, got: bytes, fault: Fault | None) -> bool:
        """Send the answer back, spoiled by the fault if there is one; return whether the connection stays open."""
        match fault:
            case Fault(kind="cut_answer"):
                return False
            case Fault(kind="hang_answer"):
                await asyncio.sleep(3600)
                return False
            case Fault(kind="truncate"):
                self._writer.write(got[: len(got) - 1 - (len(got) - got.index(b"\r\n\r\n")) // 2])
                await self._writer.drain()
                return False
            case Fault(kind="replace"):
                await self._send(fault.answer())
                return True
            case Fault(kind="late_answer"):
                await asyncio.sleep(fault.seconds)
        if not self._proxy.is_up:
            return False
        await self._send(got)
        self._exchange.answered = True
        self._proxy.on_step()
        if fault is not None and fault.kind == "double_answer":
            if fault.seconds:
                self._later(got, fault.seconds)
            else:
                self._second = got
                self._second_for = f"{self._exchange.method} {self._exchange.target} ".encode()
        return True

    def _later(self, got: bytes, seconds: float) -> None:
        def send() -> None:
            if not self._writer.is_closing():
                self._writer.write(got)

        asyncio.get_running_loop().call_later(seconds, send)

    async def _send(self, content: bytes) -> None:
        self._writer.write(content)
        await self._writer.drain()


def _length(head: bytes) -> int:
    found = re.search(rb"(?i)\r\ncontent-length:\s*(\d+)", head)
    return int(found[1]) if found else 0


def _closing(head: bytes) -> int:
    """Return the length of a form's closing boundary in bytes; 1 for any other body."""
    found = re.search(rb'(?i)boundary="?([^"\r\n;]+)', head)
    return len(found[1]) + 8 if found else 1


def _break(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset."""
    with suppress(OSError, AttributeError):
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
