"""Find the pictures of electronic seals. Seals are only drawn: their signatures are not verified."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from .ofd_geometry import BoxMm, box
from .ofd_package import Gaps, Package, folder_of_part

# Maximum number of ASN.1 values of a signature that are examined.
MAX_VALUES: Final = 10_000

_CONSTRUCTED: Final = 0x20
_OCTETS: Final = 0x04
_INTEGER: Final = 0x02
# IA5String, UTF8String, PrintableString
_STRINGS: Final = (0x16, 0x0C, 0x13)


class Stamp(NamedTuple):
    """A seal on a page."""

    place: BoxMm
    # The part of `place` that is visible, from its top left corner; None for all of it.
    clip: BoxMm | None
    # None if the signature has no picture.
    picture: bytes | None


def seal_picture(data: bytes | None) -> bytes | None:
    """Return the picture in a signature or seal (GB/T 38540 or GM/T 0031); None if there is none.

    All these formats contain a sequence of the picture's type, data, width and height, but in different places.
    """
    if data is None:
        return None
    left = MAX_VALUES
    open_values = [(0, len(data))]
    while open_values:
        start, end = open_values.pop()
        values = list(_values(data, start, end, left))
        left -= len(values) + 1
        if left <= 0:
            return None
        tags = [tag for tag, _, _ in values[:4]]
        if len(tags) == 4 and tags[0] in _STRINGS and tags[1:] == [_OCTETS, _INTEGER, _INTEGER]:
            return data[values[1][1] : values[1][2]]
        open_values += [
            (first, last)
            for tag, first, last in reversed(values)
            if tag & _CONSTRUCTED or (tag == _OCTETS and data[first : first + 1] == b"\x30")
        ]
    return None


def _values(data: bytes, start: int, end: int, most: int) -> Iterator[tuple[int, int, int]]:
    """Yield the tag, start and end of each value between two places; stop before an invalid value."""
    for _ in range(most):
        if start + 2 > end:
            return
        tag, length = data[start], data[start + 1]
        start += 2
        if length & 0x80:
            size = length & 0x7F
            if not 1 <= size <= 4 or start + size > end:
                return
            length = int.from_bytes(data[start : start + size])
            start += size
        if start + length > end:
            return
        yield tag, start, start + length
        start += length


def read_stamps(
    package: Package, location: str | None, gaps: Gaps, numbers: dict[str, int]
) -> dict[str, list[Stamp]]:
    """Return the seals of a document by the id of their page; `location` is the path of the list of signatures.

    `numbers` has the page number for each page id.
    """
    stamps: dict[str, list[Stamp]] = {}
    if not location:
        return stamps
    path = package.find(location)
    listed = package.xml(path)
    if listed is None:
        gaps.add("seal")
        return stamps
    folder = folder_of_part(path or "")
    for entry in listed.findall("Signature"):
        file = package.find(entry.get("BaseLoc"), folder)
        signature = package.xml(file)
        if signature is None:
            gaps.add("seal")
            continue
        here = folder_of_part(file or "")
        marks = signature.findall("SignedInfo/StampAnnot")
        if not marks:
            continue
        picture = _picture_of(package, signature, here)
        for mark in marks:
            page, place = mark.get("PageRef", ""), box(mark.get("Boundary"))
            if page not in numbers or place is None:
                gaps.add("seal")
                continue
            stamps.setdefault(page, []).append(Stamp(place, box(mark.get("Clip")), picture))
    return stamps


def _picture_of(package: Package, signature: Any, folder: str) -> bytes | None:
    value = package.find(signature.findtext("SignedValue") or "SignedValue.dat", folder)
    if (picture := seal_picture(package.read(value))) is not None:
        return picture
    seal = signature.findtext("SignedInfo/Seal/BaseLoc")
    return seal_picture(package.read(package.find(seal, folder)) if seal else None)
