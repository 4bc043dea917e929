"""Raster files for printing (PWG and URF), written as compactly as their formats allow."""

from collections.abc import Iterable
import struct

GRAY, RGB = 1, 3


def pack_row(row: bytes, step: int) -> bytes:
    """Return a row encoded in runs and literal stretches."""
    pixels = [row[at : at + step] for at in range(0, len(row), step)]
    out = bytearray()
    at = 0
    while at < len(pixels):
        run = 1
        while at + run < len(pixels) and run < 128 and pixels[at + run] == pixels[at]:
            run += 1
        if run > 1:
            out += bytes([run - 1]) + pixels[at]
            at += run
            continue
        length = 1
        while (
            at + length < len(pixels)
            and length < 128
            and (at + length + 1 >= len(pixels) or pixels[at + length] != pixels[at + length + 1])
        ):
            length += 1
        if length == 1:
            out += b"\0" + pixels[at]
        else:
            out += bytes([257 - length]) + b"".join(pixels[at : at + length])
        at += length
    return bytes(out)


def pack_rows(rows: Iterable[bytes], step: int) -> bytes:
    """Return a page's rows encoded; equal rows that follow each other are encoded once."""
    out = bytearray()
    last: bytes | None = None
    count = 0
    for row in [*rows, None]:
        if row is not None and row == last and count < 256:
            count += 1
            continue
        if last is not None:
            out += bytes([count - 1]) + pack_row(last, step)
        last, count = row, 1
    return bytes(out)


def pwg_header(width: int, height: int, step: int = RGB, dpi: int = 300, **other: int) -> bytes:
    """Return the header of a PWG page; `other` are further numbers by their offset, as in `at_392=61`."""
    head = bytearray(1796)
    head[:9] = b"PwgRaster"
    struct.pack_into(">II", head, 276, dpi, dpi)
    space = 18 if step == GRAY else 19
    struct.pack_into(">II", head, 372, width, height)
    struct.pack_into(">IIIII", head, 384, 8, 8 * step, width * step, 0, space)
    for place, number in other.items():
        struct.pack_into(">I", head, int(place.removeprefix("at_")), number)
    return bytes(head)


def urf_header(width: int, height: int, step: int = RGB, dpi: int = 300) -> bytes:
    """Return the header of a URF page."""
    head = bytes([8 * step, 0 if step == GRAY else 1, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0])
    return head + struct.pack(">III", width, height, dpi) + bytes(8)


def pwg(*pages: bytes) -> bytes:
    """Return a PWG file of pages, each a header with its rows."""
    return b"RaS2" + b"".join(pages)


def urf(*pages: bytes) -> bytes:
    """Return a URF file of pages, each a header with its rows."""
    return b"UNIRAST\0" + len(pages).to_bytes(4) + b"".join(pages)


def page_rows(width: int, height: int, step: int, seed: int = 0) -> list[bytes]:
    """Return rows of a page: a white margin, stripes, a gradient and some noise."""
    white = b"\xff" * (width * step)
    rows: list[bytes] = []
    for number in range(height):
        match number * 4 // height:
            case 0:
                rows.append(white)
            case 1:
                rows.append(bytes((0, 128, 255)[:step]) * width)
            case 2:
                rows.append(bytes((at * 7 + number + seed) % 256 for at in range(width * step)))
            case _:
                rows.append(bytes(((at * at + number) // 5) % 3 for at in range(width * step)))
    return rows


def a_page(width: int = 60, height: int = 40, step: int = RGB) -> bytes:
    """Return a small URF page."""
    return urf_header(width, height, step) + pack_rows(page_rows(width, height, step), step)
