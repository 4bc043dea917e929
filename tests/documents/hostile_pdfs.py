"""PDF files of a few MB at most that cause crashes, hangs or high memory use, and PDF files with large pictures."""

import os
from pathlib import Path
import zlib


def write_pdf(path: Path, *objects: bytes) -> Path:
    """Write a PDF of objects, the first of which is the catalogue."""
    data = b"".join(
        f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
        for number, content in enumerate(objects, start=1)
    )
    path.write_bytes(b"%PDF-1.5\n" + data + b"trailer\n<< /Root 1 0 R >>\nstartxref\n0\n%%EOF\n")
    return path


def stream(entries: str, data: bytes) -> bytes:
    return f"<< {entries} /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"


def deflated(size: int) -> bytes:
    """Return a small piece of compressed data that inflates to this many zeros."""
    packer = zlib.compressobj(1)
    zeros = bytes(2**20)
    return b"".join(packer.compress(zeros) for _ in range(size // 2**20)) + packer.flush()


PAGE = (
    b"<< /Type /Catalog /Pages 2 0 R >>",
    b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
    (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /XObject << /X 5 0 R >> >> >>"
    ),
)


def huge_picture(path: Path) -> Path:
    """Write a PDF of some kB with a picture of half a gigabyte."""
    entries = (
        "/Type /XObject /Subtype /Image /Width 14000 /Height 12000 /ColorSpace /DeviceRGB "
        "/BitsPerComponent 8 /Filter /FlateDecode"
    )
    content = stream("", b"q 595 0 0 842 0 0 cm /X Do Q")
    return write_pdf(path, *PAGE, content, stream(entries, deflated(14000 * 12000 * 3)))


def huge_content(path: Path) -> Path:
    """Write a PDF whose page content inflates to more than half a gigabyte."""
    return write_pdf(path, *PAGE, stream("/Filter /FlateDecode", deflated(600 * 2**20)), b"<< >>")


def endless_drawing(path: Path) -> Path:
    """Write a PDF with forms that each draw the next one ten times."""
    form = "/Type /XObject /Subtype /Form /BBox [0 0 595 842]"
    forms = [
        stream(f"{form} /Resources << /XObject << /X {number + 1} 0 R >> >>", b"/X Do\n" * 10)
        for number in range(5, 14)
    ]
    last = stream(form, b"0 0 595 842 re f\n" * 100)
    return write_pdf(path, *PAGE, stream("", b"/X Do"), *forms, last)


def chain(length: int, entry: str) -> list[bytes]:
    """Return objects, from number 4 on, each of which names the next one."""
    return [f"<< {entry} {number + 1} 0 R >>".encode() for number in range(4, 4 + length)]


def many_pages(path: Path) -> Path:
    """Write a PDF of a hundred thousand nearly empty pages."""
    kids = " ".join(f"{number} 0 R" for number in range(3, 100_003))
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources << >> >>"
    tree = f"<< /Type /Pages /Count 100000 /Kids [{kids}] >>".encode()
    return write_pdf(path, PAGE[0], tree, *[page] * 100_000)


def deep_tree(path: Path) -> Path:
    """Write a PDF whose page is below a hundred thousand branches."""
    branches = [
        f"<< /Type /Pages /Parent {number - 1} 0 R /Count 1 /Kids [{number + 1} 0 R] >>".encode()
        for number in range(2, 100_002)
    ]
    return write_pdf(path, PAGE[0], *branches, b"<< /Type /Page /MediaBox [0 0 9 9] >>")


def tree_in_a_circle(path: Path) -> Path:
    """Write a PDF whose page tree contains a page and the tree itself."""
    tree = b"<< /Type /Pages /Count 2 /Kids [3 0 R 2 0 R] >>"
    return write_pdf(path, PAGE[0], tree, PAGE[2], b"<< >>", b"<< >>")


def long_chain(path: Path) -> Path:
    """Write a PDF whose page names the first of many objects that each name the next."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources << /Properties 4 0 R >> >>"
    return write_pdf(path, *PAGE[:2], page, *chain(200_000, "/A"), b"null")


def deep_brackets(path: Path) -> Path:
    """Write a PDF of a page whose resources have a hundred thousand nested lists."""
    nested = b"[" * 100_000 + b"]" * 100_000
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources << /A %b >> >>" % nested
    return write_pdf(path, *PAGE[:2], page)


def huge_object_stream(path: Path) -> Path:
    """Write a PDF of some kB whose objects are in a stream that inflates to more than half a gigabyte."""
    packed = stream("/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode", deflated(600 * 2**20))
    table = b"".join(
        bytes([kind]) + place.to_bytes(4) + b"\0"
        for kind, place in ((0, 0), (2, 3), (2, 3), (1, 9))
    )
    data = b"%PDF-1.5\n3 0 obj\n" + packed + b"\nendobj\n"
    table = table[:19] + (9).to_bytes(4) + b"\0"
    at = len(data)
    entries = "/Type /XRef /Root 1 0 R /W [1 4 1] /Size 4"
    data += b"4 0 obj\n" + stream(entries, table) + b"\nendobj\n"
    path.write_bytes(data + f"startxref\n{at}\n%%EOF\n".encode())
    return path


def bomb() -> bytes:
    """Return a small PDF whose cross-reference stream is gigabytes when inflated."""
    inner = zlib.compressobj(9, wbits=-15)
    # After a full flush nothing refers to what came before: the same piece can be repeated.
    piece = inner.compress(bytes(2**20)) + inner.flush(zlib.Z_FULL_FLUSH)
    size = 2000 * 2**20
    checksum = (size % 65521 << 16 | 1).to_bytes(4)  # Adler-32 of this many zeros
    packed = b"\x78\xda" + 2000 * piece + inner.flush() + checksum
    return (
        b"%PDF-1.5\n"
        + f"5 0 obj\n<< /Type /XRef /Root 1 0 R /W [1 3 1] /Size 9 /Length {len(packed)}"
        f" /Filter /FlateDecode >>\n".encode()
        + b"stream\n"
        + packed
        + b"\nendstream\nendobj\nstartxref\n9\n%%EOF"
    )


def tree_of_itself(levels: int) -> bytes:
    """Return a small PDF in whose page tree each node has the next node twice as its child."""
    out = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
    for number in range(2, 2 + levels):
        kids = f"{number + 1} 0 R " * 2
        out += f"{number} 0 obj\n<< /Type /Pages /Count 1 /Kids [{kids}] >>\nendobj\n".encode()
    out += f"{2 + levels} 0 obj\n<< /Type /Page /MediaBox [0 0 9 9] >>\nendobj\n".encode()
    return out + b"trailer\n<< /Root 1 0 R >>\nstartxref\n0\n%%EOF\n"


def pictures(path: Path, pages: int, each: int) -> Path:
    """Write a PDF whose pages each have their own picture of `each` bytes, which cannot be compressed."""
    kids = " ".join(f"{4 + 3 * number} 0 R" for number in range(pages))
    objects = [
        PAGE[0],
        f"<< /Type /Pages /Count {pages} /Kids [{kids}] >>".encode(),
        b"null",
    ]
    head = "/Type /XObject /Subtype /Image /ColorSpace /DeviceGray /BitsPerComponent 8"
    for number in range(pages):
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 3 * number} 0 R "
            f"/Resources << /XObject << /X {6 + 3 * number} 0 R >> >> >>".encode(),
            stream("", b"q 500 0 0 500 40 40 cm /X Do Q"),
            stream(f"{head} /Width 200 /Height {each // 200}", os.urandom(each)),
        ]
    return write_pdf(path, *objects)
