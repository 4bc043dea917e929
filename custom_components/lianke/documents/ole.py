"""Read the root directory of an old Office file (a compound file). Blocks."""

from io import BufferedReader
from typing import Final

MAGIC: Final = bytes.fromhex("d0cf11e0a1b11ae1")
# 4096 entries of 128 bytes: far more than any document has.
MAX_DIRECTORY_SECTORS: Final = 1024
ENTRY_BYTES: Final = 128
HEADER_FAT_SECTORS: Final = 109


def root_names(file: BufferedReader) -> frozenset[str] | None:
    """Return the names of the streams and folders at the root; None when the file is cut off.

    Embedded documents are in folders below, which are left out.
    """
    directory = _directory(file)
    if directory is None:
        return None
    entries = [
        directory[start : start + ENTRY_BYTES]
        for start in range(0, len(directory) - ENTRY_BYTES + 1, ENTRY_BYTES)
    ]
    names: set[str] = set()
    waiting = [_number(entries[0], 76)] if entries else []
    seen: set[int] = set()
    while waiting:
        index = waiting.pop()
        if index in seen or not 0 < index < len(entries):
            continue
        seen.add(index)
        entry = entries[index]
        names.add(entry[:64].decode("utf-16-le", errors="replace").partition("\0")[0])
        # The siblings left and right; not the children.
        waiting += [_number(entry, 68), _number(entry, 72)]
    return frozenset(names)


def _directory(file: BufferedReader) -> bytes | None:
    """Return the sectors of the directory; None when the first is not there."""
    file.seek(0)
    header = file.read(512)
    if len(header) < 512:
        return None
    sector_size = 1 << min(max(int.from_bytes(header[30:32], "little"), 7), 12)
    sector = _number(header, 48)
    found = b""
    seen: set[int] = set()
    while sector not in seen and len(seen) < MAX_DIRECTORY_SECTORS:
        seen.add(sector)
        data = _sector(file, sector, sector_size)
        found += data
        if len(data) < sector_size:
            break
        sector = _next(file, header, sector, sector_size)
    return found or None


def _next(file: BufferedReader, header: bytes, sector: int, sector_size: int) -> int:
    """Return the sector after one by the allocation table; beyond the header's part of it the adjacent one."""
    per_sector = sector_size // 4
    table, place = divmod(sector, per_sector)
    if table >= HEADER_FAT_SECTORS:
        return sector + 1
    data = _sector(file, _number(header, 76 + 4 * table), sector_size)
    return _number(data, 4 * place) if len(data) >= 4 * place + 4 else -1


def _sector(file: BufferedReader, sector: int, sector_size: int) -> bytes:
    if not 0 <= sector < 0xFFFFFFFA:
        return b""
    file.seek((sector + 1) * sector_size)
    return file.read(sector_size)


def _number(data: bytes, start: int) -> int:
    return int.from_bytes(data[start : start + 4], "little")
