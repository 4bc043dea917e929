"""A mail server that misbehaves, on a real port: each command is answered as a test says."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
import re

from tests.documents.certificates import certificate

# Gets a command without its tag and returns the answer without the last line; None closes the connection, and ... never
# answers.
type Answer = Callable[[str], bytes | None]


class OddMailServer:
    def __init__(self) -> None:
        self.port = 0
        self.commands: list[str] = []
        self.open = 0
        self.answer: Answer = lambda _: b""

    def has_got(self, name: str) -> bool:
        return any(name in command for command in self.commands)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            writer.write(b"* OK ready\r\n")
            while line := await reader.readline():
                tag, _, command = line.decode().strip().partition(" ")
                name = command.upper()
                self.commands.append(re.sub("LOGIN .*", "LOGIN", command))
                if name == "CAPABILITY":
                    writer.write(b"* CAPABILITY IMAP4rev1\r\n")
                elif name.startswith("SEARCH"):
                    writer.write(b"* SEARCH\r\n")
                elif name == "LOGOUT":
                    break
                elif "FETCH" in name or name.startswith("UID"):
                    if (answer := self.answer(command)) is None:
                        break
                    if answer == b"...":
                        continue
                    writer.write(answer)
                writer.write(tag.encode() + b" OK done\r\n")
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def odd_mail_server(folder: Path) -> AsyncGenerator[OddMailServer]:
    service = OddMailServer()
    context, _ = certificate(folder)
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0, ssl=context)
    service.port = server.sockets[0].getsockname()[1]
    try:
        yield service
    finally:
        server.close()
        server.close_clients()
        await server.wait_closed()
