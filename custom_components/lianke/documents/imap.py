"""Fetch parts of a message over an IMAP connection that is already logged in (RFC 3501).

Home Assistant's own client, aioimaplib, keeps everything that a server sends, and recurses once for each literal.
Therefore, this module takes over that client's connection and reads answers within bounds.
"""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
import re
from typing import Final

# Maximum bytes of a mail server's answer to one command. A stranger can send a mail whose structure is longer; such a
# mail is refused with `mail_too_complex`.
MAX_IMAP_ANSWER: Final = 512 * 1024
# Number of bytes of a message that are fetched at once.
RANGE_BYTES: Final = 256 * 1024
# Maximum number of words and lists in one answer of a mail server.
MAX_IMAP_VALUES: Final = 10_000
# Maximum depth of lists in one answer of a mail server.
MAX_IMAP_DEPTH: Final = 60
# Seconds in which a mail server must answer one command.
IMAP_SECONDS: Final = 30

# A part of an answer; None stands for NIL.
type ImapValue = bytes | list[ImapValue] | None

_CRLF: Final = b"\r\n"
_LITERAL: Final = re.compile(rb"\{(\d{1,10})\}\r\n\Z")
_ESCAPED: Final = re.compile(rb"\\(.)")
_READ: Final = re.compile(rb"\* (\d+ FETCH|SEARCH)\b", re.IGNORECASE)
_WORD: Final = re.compile(
    rb'([()])|"((?:[^"\\]|\\.)*+)"|((?:BODY\[[^\]]*\](?:<\d+>)?)|[^\s()"]+)', re.IGNORECASE
)


class ImapError(Exception):
    """The server closes the connection or is too slow (`mail_broken_off`), or sends too much (`mail_too_complex`)."""

    def __init__(self, reason: str = "mail_broken_off") -> None:
        super().__init__(reason)
        self.reason = reason


def parse(pieces: list[bytes]) -> list[ImapValue]:
    """Return the values in an answer; `pieces` alternates text and literals. Raises ImapError: mail_too_complex."""
    stack: list[list[ImapValue]] = [[]]
    values = 0
    for number, piece in enumerate(pieces):
        if number % 2:
            stack[-1].append(piece)
            continue
        for match in _WORD.finditer(piece):
            bracket, quoted, word = match.groups()
            values += 1
            if bracket == b"(":
                inner: list[ImapValue] = []
                stack[-1].append(inner)
                stack.append(inner)
            elif bracket == b")":
                stack.pop()
            elif quoted is not None:
                stack[-1].append(_ESCAPED.sub(rb"\1", quoted))
            else:
                stack[-1].append(None if word.upper() == b"NIL" else word)
            if not 0 < len(stack) <= MAX_IMAP_DEPTH or values > MAX_IMAP_VALUES:
                raise ImapError("mail_too_complex")
    return stack[0]


class ImapConnection:
    """The methods raise ImapError. If the server refuses a command, the result is empty."""

    def __init__(self, transport: asyncio.Transport) -> None:
        """Take over a connection on which a folder is selected."""
        self._transport = transport
        self._reader = asyncio.StreamReader(limit=MAX_IMAP_ANSWER)
        protocol = asyncio.StreamReaderProtocol(self._reader)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        self._numbers = count(1)

    def close(self) -> None:
        # CLOSE would remove messages that are marked as deleted.
        self._transport.write(b"lianke LOGOUT\r\n")
        self._transport.close()

    async def fetch(self, message: str, items: str, *, by_uid: bool = True) -> dict[str, ImapValue]:
        """Return items of the message with this UID (or, unless `by_uid`, with this number); {} if there is none."""
        found: dict[str, ImapValue] = {}
        uid = "UID " if by_uid else ""
        for answer in await self._command(f"{uid}FETCH {message} ({items})"):
            if len(answer) < 4 or not isinstance(listed := answer[3], list):
                continue
            pairs = {
                key.decode("ascii", "replace").upper(): value
                for key, value in zip(listed[::2], listed[1::2], strict=False)
                if isinstance(key, bytes)
            }
            # The server may report changes of other messages as well.
            if (pairs.get("UID") if by_uid else answer[1]) == message.encode():
                found |= pairs
        return found

    async def search(self, criteria: str) -> list[str]:
        """Return the UIDs of the messages that match, in the order of the folder."""
        return [
            word.decode()
            for answer in await self._command(f"UID SEARCH {criteria}")
            for word in answer[2:]
            if isinstance(word, bytes) and word.isdigit()
        ]

    async def part(self, uid: str, section: str) -> AsyncIterator[bytes]:
        """Yield a part of a message as it was sent, in pieces of RANGE_BYTES."""
        start = 0
        while True:
            items = f"UID BODY.PEEK[{section}]<{start}.{RANGE_BYTES}>"
            found = await self.fetch(uid, items)
            name = next((name for name in found if name.startswith("BODY[")), None)
            piece = b"" if name is None else found[name] or b""
            if name is None or not isinstance(piece, bytes) or len(piece) > RANGE_BYTES:
                # Somebody has deleted the message meanwhile, or the server does not support ranges.
                raise ImapError
            if piece:
                yield piece
            start += len(piece)
            if len(piece) < RANGE_BYTES:
                return

    async def _command(self, text: str) -> list[list[ImapValue]]:
        tag = f"lianke{next(self._numbers)} ".encode()
        answers: list[list[ImapValue]] = []
        pieces: list[bytes] = []
        left = MAX_IMAP_ANSWER
        try:
            async with asyncio.timeout(IMAP_SECONDS):
                if self._transport.is_closing():
                    raise ImapError
                self._transport.write(tag + text.encode("ascii") + _CRLF)
                while True:
                    # In an answer, a literal follows each line that announces a literal.
                    line = await self._reader.readuntil(_CRLF)
                    literal = _LITERAL.search(line)
                    size = 0 if literal is None else int(literal[1])
                    left -= len(line) + size
                    if left < 0:
                        raise ImapError("mail_too_complex")
                    if literal is not None:
                        pieces += line[: literal.start()], await self._reader.readexactly(size)
                        continue
                    pieces.append(line)
                    if pieces[0].startswith(tag):
                        return answers
                    if _READ.match(pieces[0]):
                        answers.append(parse(pieces))
                    pieces.clear()
        except asyncio.LimitOverrunError:
            raise ImapError("mail_too_complex") from None
        except EOFError, OSError, TimeoutError:
            raise ImapError from None
