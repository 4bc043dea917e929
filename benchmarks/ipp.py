"""A network printer that answers the single IPP request that core's `ipp` sends during its set-up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import struct
from typing import Final

UUID: Final = "cfe92100-67c4-11d4-a45f-f8d027761251"
_INTEGER: Final = 0x21
_BOOLEAN: Final = 0x22
_ENUM: Final = 0x23
_TEXT: Final = 0x41
_NAME: Final = 0x42
_KEYWORD: Final = 0x44
_URI: Final = 0x45
_CHARSET: Final = 0x47
_LANGUAGE: Final = 0x48

type Value = int | bool | str

# A color laser printer with four toners; attributes as such printers send them (RFC 8011, PWG 5100.9).
ATTRIBUTES: Final[tuple[tuple[int, str, tuple[Value, ...]], ...]] = (
    (_URI, "printer-uri-supported", ("ipp://127.0.0.1/ipp/print", "ipps://127.0.0.1/ipp/print")),
    (_NAME, "printer-name", ("Bench",)),
    (_TEXT, "printer-location", ("Office",)),
    (_TEXT, "printer-info", ("Colour laser",)),
    (_TEXT, "printer-make-and-model", ("Kyocera MA2000w GX",)),
    (_TEXT, "printer-device-id", ("MFG:Kyocera;CMD:PCL,PDF;MDL:MA2000w;SERIALNUMBER:X7B3;",)),
    (_ENUM, "printer-state", (3,)),
    (_KEYWORD, "printer-state-reasons", ("none",)),
    (_INTEGER, "printer-up-time", (86400,)),
    (_URI, "printer-uuid", (f"urn:uuid:{UUID}",)),
    (_URI, "printer-more-info", ("http://127.0.0.1/",)),
    (_TEXT, "printer-firmware-string-version", ("2.1.113",)),
    (_BOOLEAN, "printer-is-accepting-jobs", (True,)),
    (_INTEGER, "queued-job-count", (0,)),
    (_NAME, "marker-names", ("Black", "Cyan", "Magenta", "Yellow")),
    (_KEYWORD, "marker-types", ("toner", "toner", "toner", "toner")),
    (_NAME, "marker-colors", ("#000000", "#00FFFF", "#FF00FF", "#FFFF00")),
    (_INTEGER, "marker-levels", (72, 40, 55, 8)),
    (_INTEGER, "marker-low-levels", (5, 5, 5, 5)),
    (_INTEGER, "marker-high-levels", (100, 100, 100, 100)),
)


def _encode(tag: int, name: str, value: Value) -> bytes:
    if isinstance(value, bool):
        content = struct.pack(">?", value)
    elif isinstance(value, int):
        content = struct.pack(">i", value)
    else:
        content = value.encode()
    head = struct.pack(">bh", tag, len(name)) + name.encode()
    return head + struct.pack(">h", len(content)) + content


def _answer(request_id: int) -> bytes:
    """Build the body of a successful Get-Printer-Attributes response."""
    body = struct.pack(">bbhi", 2, 0, 0, request_id)
    body += b"\x01" + _encode(_CHARSET, "attributes-charset", "utf-8")
    body += _encode(_LANGUAGE, "attributes-natural-language", "en") + b"\x04"
    for tag, name, values in ATTRIBUTES:
        for number, value in enumerate(values):
            body += _encode(tag, "" if number else name, value)
    return body + b"\x03"


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            body = await reader.readexactly(length)
            answer = _answer(struct.unpack_from(">i", body, 4)[0])
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\n"
                + f"Content-Length: {len(answer)}\r\n\r\n".encode()
                + answer
            )
    except asyncio.IncompleteReadError, ConnectionError:
        writer.close()


@asynccontextmanager
async def ipp_printer() -> AsyncIterator[int]:
    """Run the printer on a free port of 127.0.0.1 and yield the port."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        server.close_clients()


def ipp_entry(port: int) -> dict[str, object]:
    return {
        "domain": "ipp",
        "title": "Bench IPP",
        "unique_id": UUID,
        "data": {
            "host": "127.0.0.1",
            "port": port,
            "base_path": "/ipp/print",
            "ssl": False,
            "verify_ssl": False,
            "uuid": UUID,
        },
    }
