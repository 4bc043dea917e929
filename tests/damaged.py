"""Damages messages as a broken or malicious sender would."""

from collections.abc import Callable
import random


def damaged(
    message: bytes,
    chance: random.Random,
    most: int,
    put_in: Callable[[], bytes],
    change: Callable[[bytearray, int], None],
) -> bytes:
    """Change, cut, double or insert bytes at up to `most` places, or replace the whole message by noise.

    `put_in` returns bytes to insert; `change` damages a place in a way that is special to the kind of message.
    """
    if chance.random() < 0.05:
        return chance.randbytes(chance.randrange(200))
    data = bytearray(message)
    for _ in range(chance.randrange(1, most + 1)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[at : at + chance.randrange(1, 20)]
            case 2:
                data[at:at] = data[at : at + chance.randrange(1, 60)]
            case 3:
                data[at:at] = put_in()
            case _:
                change(data, at)
    return bytes(data)
