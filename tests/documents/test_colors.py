"""Colours stay what they are to the eye: a picture's profile counts wherever it is converted."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
import struct
from typing import Any

from PIL import Image, ImageCms
import pypdfium2
import pytest

from custom_components.lianke.documents.conversion import convert_image
from custom_components.lianke.pdf.draw import draw
from custom_components.lianke.pdf.scan_pages import join_scans, scan_page

# What stays a PNG, and what becomes a JPEG.
SMALL, LARGE = (400, 300), (2400, 1800)
# Of a red, a green and a skin as they are seen, in sRGB: within all that a screen shows.
COLORS = [(226, 40, 38), (60, 170, 70), (224, 172, 140), (128, 128, 128)]
# That much a trained eye sees side by side; JPEG moves colours a little, too.
NOTICED = 3.0


def display_p3() -> bytes:
    """Return the profile of a phone's pictures: sRGB's curve, with the primaries of Display P3 (adapted to D50)."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + fixed(*values)

    curve = (
        b"para\0\0\0\0"
        + struct.pack(">HH", 3, 0)
        + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    )
    name = "Display P3".encode("ascii")
    text = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + bytes(1 + 8 + 3 + 67)
    tags = {
        b"desc": text,
        b"wtpt": xyz(0.96419, 1.0, 0.82489),
        b"rXYZ": xyz(0.51512, 0.24120, -0.00105),
        b"gXYZ": xyz(0.29198, 0.69225, 0.04189),
        b"bXYZ": xyz(0.15710, 0.06657, 0.78407),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, data, at = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        table += tag + struct.pack(">II", at + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    head = bytearray(128)
    size = 128 + 4 + len(table) + len(data)
    head[0:4] = struct.pack(">I", size)
    head[8:12] = b"\x02\x10\0\0"
    head[12:24] = b"mntrRGB XYZ "
    head[36:40] = b"acsp"
    head[68:80] = fixed(0.96419, 1.0, 0.82489)
    return bytes(head) + struct.pack(">I", len(tags)) + table + data


def p3(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """Return a picture as a phone takes it of four fields of these colours."""
    seen = Image.new("RGB", (4, 1))
    seen.putdata(COLORS)
    profile = ImageCms.ImageCmsProfile(BytesIO(display_p3()))
    taken = ImageCms.profileToProfile(seen, ImageCms.createProfile("sRGB"), profile)
    assert taken is not None
    # As they are without the profile, they differ to the eye.
    assert max(differences(taken)) > 2 * NOTICED
    return taken.resize(size, Image.Resampling.NEAREST).convert(
        mode, palette=Image.Palette.ADAPTIVE
    )


def differences(picture: Image.Image) -> Iterator[float]:
    """Yield by how much the middle of each field differs from its colour (CIE76, in Lab)."""
    fields = Image.new("RGB", (8, 1))
    found = picture.convert("RGB")
    width, height = found.size
    for number, color in enumerate(COLORS):
        middle: Any = found.getpixel((width * (2 * number + 1) // 8, height // 2))
        fields.putpixel((number, 0), middle)
        fields.putpixel((number + 4, 0), color)
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = ImageCms.applyTransform(fields, to_lab)
    assert lab is not None
    values: list[Any] = [lab.getpixel((number, 0)) for number in range(8)]
    for one, other in zip(values[:4], values[4:], strict=True):
        # a and b are signed.
        parts = [(one[0] - other[0]) * 100 / 255]
        parts += [
            ((a + 128) % 256 - (b + 128) % 256) for a, b in zip(one[1:], other[1:], strict=True)
        ]
        yield sum(part**2 for part in parts) ** 0.5


def save(path: Path, kind: str, picture: Image.Image, **how: Any) -> Path:
    picture.save(path, kind, icc_profile=display_p3(), **how)
    return path


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize(
    ("kind", "mode", "how"),
    [
        ("WEBP", "RGB", {"quality": 95}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("AVIF", "RGB", {"quality": 95}),
    ],
)
def test_a_phone_s_picture_keeps_its_colors(
    tmp_path: Path, kind: str, mode: str, how: dict[str, Any], size: tuple[int, int]
) -> None:
    """Its reds were grey: as JPEG it lost its profile, and so did one with transparent parts as PNG."""
    source = save(tmp_path / "source", kind, p3(size, mode), **how)
    convert_image(source, tmp_path / "target", "x")
    with Image.open(tmp_path / "target") as made:
        # What prints it need not know of profiles.
        assert made.info.get("icc_profile") is None
        assert max(differences(made)) < NOTICED


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_a_preview_shows_the_colors_of_a_png(tmp_path: Path, mode: str) -> None:
    """The profile of one with a palette was ignored."""
    source = save(tmp_path / "source", "PNG", p3(SMALL, mode))
    how = {"paper": None, "scale": "fit", "align": 5, "rotate": False, "mono": False}
    draw(
        {"path": str(source), "target": str(tmp_path / "target"), "page": 0, "is_pdf": False, **how}
    )
    with Image.open(tmp_path / "target") as made:
        assert max(differences(made)) < NOTICED


def test_a_scan_keeps_its_colors(tmp_path: Path) -> None:
    """A page that was joined to a PDF, or straightened, had those of another profile."""
    source = save(tmp_path / "source", "JPEG", p3(LARGE), quality=95)
    fields = {"target": str(tmp_path / "page"), "limit": 2**25, "is_pdf": False, "color": "color"}
    scan_page({"path": str(source), **fields})
    with Image.open(tmp_path / "page") as made:
        assert max(differences(made)) < NOTICED
    joined = {
        "paths": [str(source)],
        "target": str(tmp_path / "pdf"),
        "limit": 2**25,
        "mono": False,
    }
    join_scans(joined)
    with pypdfium2.PdfDocument(tmp_path / "pdf") as pdf:
        assert max(differences(pdf[0].render().to_pil())) < NOTICED
