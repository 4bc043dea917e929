"""Small real files of every kind."""

import hashlib
from io import BytesIO
import struct
from typing import Any
import zipfile
import zlib

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher
from PIL import Image


def picture(kind: str, size: tuple[int, int] = (40, 30), mode: str = "RGB", **save: Any) -> bytes:
    """Return a picture with a red left half, so that turning it can be seen."""
    image = Image.new(mode, size, "white")
    image.paste(Image.new(mode, (size[0] // 2, size[1]), "red"), (0, 0))
    out = BytesIO()
    image.save(out, kind, **save)
    return out.getvalue()


def empty_webp(width: int, height: int) -> bytes:
    """Return a transparent WebP picture of any size in pixels, in 36 bytes."""
    # Lossless: width and height minus one in 14 bits each, a bit for transparency, then codes of length zero.
    size = (width - 1) | (height - 1) << 14 | 1 << 28
    content = b"\x2f" + size.to_bytes(4, "little") + bytes.fromhex("0710fd8f020622a2ff0100")
    return b"RIFF\x1c\0\0\0WEBPVP8L\x0f\0\0\0" + content


def tiff(frames: int) -> bytes:
    """Return a TIFF file with this many pages."""
    first, *others = [Image.new("1", (8, 8)) for _ in range(frames)]
    out = BytesIO()
    first.save(out, "TIFF", save_all=True, append_images=others)
    return out.getvalue()


def zipped(*names: str) -> bytes:
    """Return a zip file with these parts."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), "<x/>")
    return out.getvalue()


def zip64(data: bytes, *, reported: int) -> bytes:
    """Return a zip file with a ZIP64 record of its end, which makes the size in the usual record void.

    `reported` is the directory's size in bytes according to the usual record.
    """
    end = data.rfind(b"PK\5\6")
    count, size, start = struct.unpack("<HLL", data[end + 10 : end + 20])
    large = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    first = data[end : end + 12] + reported.to_bytes(4, "little") + data[end + 16 :]
    return data[:end] + large + locator + first


def ole(*streams: str, within: str = "") -> bytes:
    """Return an old Office file with these streams at its root, and the stream `within` in a folder below."""
    header = bytearray(512)
    header[:8] = bytes.fromhex("d0cf11e0a1b11ae1")
    header[30:32] = (9).to_bytes(2, "little")
    header[48:52] = (1).to_bytes(4, "little")
    names = ["Root Entry", *streams, *(["MBD0001", within] if within else [])]
    nowhere = (0xFFFFFFFF).to_bytes(4, "little")
    entries = b""
    top = len(streams) + bool(within)
    for index, name in enumerate(names):
        right = (index + 1).to_bytes(4, "little") if 0 < index < top else nowhere
        child = (1 if index == 0 else index + 1) if name in ("Root Entry", "MBD0001") else None
        below = nowhere if child is None else child.to_bytes(4, "little")
        entry = name.encode("utf-16-le").ljust(64, b"\0") + bytes(4) + nowhere + right + below
        entries += entry.ljust(128, b"\0")
    sectors = -(-len(entries) // 512)
    table = b"".join(
        (number + 1 if 0 < number < sectors else 0xFFFFFFFE).to_bytes(4, "little")
        for number in range(sectors + 1)
    )
    return bytes(header) + table.ljust(512, b"\0") + entries.ljust(512 * sectors, b"\0")


def pdf_with_streams(pages: int, *, predictor: int = 12) -> bytes:
    """Return a PDF whose objects and cross-references are compressed (PDF 1.5), as qpdf writes it."""
    kids = " ".join(f"{number} 0 R" for number in range(10, 10 + pages))
    objects = {
        1: "<< /Type /Catalog /Pages 2 0 R /Note (a \\) b (c) << /Count 99 >>) >>",
        2: f"<< /Type /Pages /Kids [ {kids} ] /Count 3 0 R >>",
        3: str(pages),
        **dict.fromkeys(
            range(10, 10 + pages), "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>"
        ),
    }
    header, body = "", ""
    for number, text in objects.items():
        header += f"{number} {len(body)} "
        body += text + " "
    packed = zlib.compress((header + body).encode())
    out = BytesIO()
    out.write(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
    stream_at = out.tell()
    out.write(
        f"4 0 obj\n<< /Type /ObjStm /N {len(objects)} /First {len(header)} /Length {len(packed)}"
        f" /Filter /FlateDecode >>\nstream\n".encode()
        + packed
        + b"\nendstream\nendobj\n"
    )
    xref_at = out.tell()
    size = 10 + pages
    places = {number: (2, 4, index) for index, number in enumerate(objects)}
    places |= {4: (1, stream_at, 0), 5: (1, xref_at, 0)}
    rows = [places.get(number, (0, 0, 0)) for number in range(size)]
    table = [bytes([kind]) + where.to_bytes(3) + bytes([index]) for kind, where, index in rows]
    parameters = ""
    if predictor == 12:
        above = [bytes(5), *table[:-1]]
        table = [
            b"\x02" + bytes((a - b) & 255 for a, b in zip(row, up, strict=True))
            for row, up in zip(table, above, strict=True)
        ]
        parameters = " /DecodeParms << /Predictor 12 /Columns 5 >>"
    packed = zlib.compress(b"".join(table))
    out.write(
        f"5 0 obj\n<< /Type /XRef /Size {size} /W [1 3 1] /Root 1 0 R /Length {len(packed)}"
        f" /Filter /FlateDecode{parameters} >>\nstream\n".encode()
        + packed
        + f"\nendstream\nendobj\nstartxref\n{xref_at}\n%%EOF\n".encode()
    )
    return out.getvalue()


PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")


def protected_pdf(pages: int, *, user: str = "", owner: str = "owner") -> bytes:
    """Return a PDF encrypted with 40-bit RC4: `user` opens it, `owner` may change it, too."""

    def padded(password: str) -> bytes:
        return (password.encode("latin-1") + PADDING)[:32]

    owner_entry = rc4(md5(padded(owner))[:5], padded(user))
    permissions, identity = -4, b"0123456789abcdef"
    key = md5(
        padded(user) + owner_entry + permissions.to_bytes(4, "little", signed=True) + identity
    )
    user_entry = rc4(key[:5], PADDING)
    numbers = range(4, 4 + 2 * pages, 2)
    kids = " ".join(f"{number} 0 R" for number in numbers)
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Count {pages} /Kids [{kids}] >>".encode(),
        3: f"<< /Filter /Standard /V 1 /R 2 /P {permissions} /O <{owner_entry.hex()}> "
        f"/U <{user_entry.hex()}> >>".encode(),
    }
    for number in numbers:
        objects[number] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents {number + 1} 0 R >>"
        ).encode()
        inner = md5(key[:5] + (number + 1).to_bytes(3, "little") + bytes(2))[:10]
        drawing = rc4(inner, b"0 0 50 50 re f")
        objects[number + 1] = (
            f"<< /Length {len(drawing)} >>\nstream\n".encode() + drawing + b"\nendstream"
        )
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, content in sorted(objects.items()):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n".encode()
    for place in places:
        out += f"{place:010d} 00000 n \n".encode()
    out += (
        f"trailer\n<< /Size {len(places) + 1} /Root 1 0 R /Encrypt 3 0 R "
        f"/ID [<{identity.hex()}> <{identity.hex()}>] >>\nstartxref\n{start}\n%%EOF\n"
    ).encode()
    return bytes(out)


def md5(data: bytes) -> bytes:
    return hashlib.md5(data).digest()


def rc4(key: bytes, data: bytes) -> bytes:
    """Encrypt data as old PDF files do."""
    return Cipher(ARC4(key), mode=None).encryptor().update(data)
