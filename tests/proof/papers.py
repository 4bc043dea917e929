"""Documents that can be told apart by their bytes."""

from random import Random

from tests.simulator import make_pdf


def unlike_any(random: Random, pages: int, text: str, padding: int = 0) -> bytes:
    """Return a PDF that differs from all others, with `padding` bytes more than it needs."""
    pdf = make_pdf(pages, text)
    at = pdf.rindex(b"xref\n0")
    filling = b"%" + random.randbytes(8).hex().encode() + b"0" * padding + b"\n"
    tail = pdf[at:].replace(
        f"startxref\n{at}\n".encode(), f"startxref\n{at + len(filling)}\n".encode()
    )
    return pdf[:at] + filling + tail
