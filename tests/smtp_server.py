"""A mail server on a real port that takes mails, or breaks off as a test says (RFC 5321)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Literal

type Fault = Literal[
    "",
    "recipient",  # the recipient is refused
    "content",  # the mail is refused once it is there
    "cut",  # the connection breaks in the middle of the mail
    "lost",  # the mail is taken, but the connection breaks before that is said
    "gone",  # as "lost", and there is no server after that
    "silent",  # the mail is taken, but that is never said
]


@dataclass
class SmtpServer:
    port: int = 0
    # What goes wrong with each of the next mails.
    faults: list[Fault] = field(default_factory=list)
    tries: int = 0
    # Called at each step: a place where the sender may die.
    on_step: Callable[[], None] = lambda: None
    mails: list[EmailMessage] = field(default_factory=list)
    _server: asyncio.Server = field(init=False)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault: Fault = ""

        def say(text: str) -> None:
            writer.write(f"{text}\r\n".encode())

        try:
            say("220 mail.example ESMTP")
            while line := await reader.readline():
                self.on_step()
                command = line.decode().strip().upper()
                if command.startswith("EHLO"):
                    say("250-mail.example\r\n250 8BITMIME")
                elif command.startswith("MAIL FROM:"):
                    self.tries += 1
                    fault = self.faults.pop(0) if self.faults else ""
                    say("250 OK")
                elif command.startswith("RCPT TO:"):
                    say("550 5.1.1 no such user" if fault == "recipient" else "250 OK")
                elif command == "DATA":
                    say("354 go on")
                    if fault == "cut":
                        await reader.readline()
                        break
                    content = await self._content(reader)
                    if fault == "content":
                        say("554 5.6.0 no such mails here")
                        continue
                    self.on_step()
                    self.mails.append(message_from_bytes(content, policy=policy.default))
                    self.on_step()
                    if fault == "gone":
                        self._server.close()
                    if fault in ("lost", "gone"):
                        break
                    if fault == "silent":
                        await reader.read()
                        break
                    say("250 taken")
                elif command == "QUIT":
                    say("221 bye")
                    break
                else:
                    say("250 OK" if command in ("NOOP", "RSET") else "502 unknown")
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            if fault in ("cut", "lost", "gone"):
                writer.transport.abort()
            writer.close()

    async def _content(self, reader: asyncio.StreamReader) -> bytes:
        lines = []
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                raise ConnectionError("only a part of the mail came")
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    async def close(self) -> None:
        self._server.close()
        self._server.close_clients()
        await self._server.wait_closed()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[SmtpServer]:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1")
        self.port = self._server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            await self.close()
