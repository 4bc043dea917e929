"""A request as a phone sends it, and damaged requests."""

from datetime import UTC, datetime
import random

from custom_components.lianke.ipp import model as values
from custom_components.lianke.ipp.codec import encode
from custom_components.lianke.ipp.model import (
    Attributes,
    IppGroup,
    IppMessage,
    IppTag,
    IppValue,
    Operation,
)
from tests.damaged import damaged

OPERATION: Attributes = {
    "attributes-charset": (IppValue(IppTag.CHARSET, "utf-8"),),
    "attributes-natural-language": (IppValue(IppTag.LANGUAGE, "de"),),
    "printer-uri": values.uri("ipp://192.168.1.2:8123/api/lianke/ipp/x"),
    "requesting-user-name": values.name("iPhone von Anna"),
    "last-document": values.boolean(True),
    "requested-attributes": values.keyword("all", "media-col-database"),
}
JOB: Attributes = {
    "copies": values.integer(2),
    "print-quality": values.enum(4),
    "page-ranges": values.number_range(2, 3),
    "printer-resolution": values.resolution(300, 600),
    "when": values.date_time(datetime(2026, 11, 26, 9, 30, 5, 200_000, UTC)),
    "printer-alert": values.octets(b"\0\xff"),
    "nothing": values.NO_VALUE,
    "media-col": values.collection(
        {
            "media-size": values.collection(
                {"x-dimension": values.integer(21000), "y-dimension": values.integer(29700)}
            ),
            "media-source": values.keyword("tray-1"),
        },
        {"media-type": values.keyword("stationery")},
    ),
    "job-name": values.name("数学作业.pdf"),
}
MESSAGE = IppMessage(
    code=Operation.PRINT_JOB,
    request_id=7,
    groups=(
        IppGroup(tag=IppTag.OPERATION, attributes=OPERATION),
        IppGroup(tag=IppTag.JOB, attributes=JOB),
    ),
)
ENCODED = encode(MESSAGE)


def attribute(tag: int, name: bytes, value: bytes) -> bytes:
    return bytes([tag]) + b"".join(len(part).to_bytes(2) + part for part in (name, value))


def spoiled(chance: random.Random) -> bytes:
    """Return a damaged message, perhaps with an additional attribute."""

    def put_attribute(data: bytearray, at: int) -> None:
        tag = chance.choice([*IppTag])
        data[at:at] = attribute(tag, b"", chance.randbytes(chance.choice((0, 1, 4, 8, 11))))

    return damaged(
        ENCODED, chance, 5, lambda: chance.randbytes(chance.randrange(1, 8)), put_attribute
    )
