"""Small real documents for tests and demos."""


def make_pdf(pages: int, text: str = "Page") -> bytes:
    """Make a valid A4 PDF with a line of ASCII text and the page number on each page."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        (
            f"<< /Type /Pages /Count {pages} /Kids "
            f"[{' '.join(f'{4 + 2 * number} 0 R' for number in range(pages))}] >>"
        ).encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    for number in range(pages):
        drawing = f"BT /F1 36 Tf 72 720 Td ({escaped} {number + 1}) Tj ET".encode("latin-1")
        objects.append(
            (
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
                f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R >>"
            ).encode()
        )
        length = f"<< /Length {len(drawing)} >>\nstream\n".encode()
        objects.append(length + drawing + b"\nendstream")
    result = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(result))
        result += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    start = len(result)
    result += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    for offset in offsets:
        result += f"{offset:010d} 00000 n \n".encode()
    result += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\n".encode()
    result += f"startxref\n{start}\n%%EOF\n".encode()
    return bytes(result)
