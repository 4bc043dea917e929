"""A server that sends exactly the bytes that a test wants, and keeps the heads of the requests it received."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import socket

type Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawServer:
    """The address of a server, and the head of the request on each of its connections."""

    url: str = ""
    heads: list[bytes] = field(default_factory=list)


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def raw_server(script: Script) -> AsyncIterator[RawServer]:
    """Run a script for every connection, after the request's head has been read."""
    known = RawServer()
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            known.heads.append(await reader.readuntil(b"\r\n\r\n"))
            await script(reader, writer)
        except OSError, asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()
            running.discard(task)

    listener = socket.create_server(("127.0.0.1", 0))
    # A small buffer, so that the system cannot accept a whole upload before the script reads it.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    server = await asyncio.start_server(serve, sock=listener, limit=1 << 16)
    known.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api"
    try:
        yield known
    finally:
        server.close()
        for task in [*running]:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def saying(*pieces: bytes) -> Script:
    """Return a script that sends these pieces and reads nothing of the request's body."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return script
