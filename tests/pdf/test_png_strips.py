"""Large PNG pictures that are read a strip at a time: the same as read whole, in little memory."""

from io import BytesIO
from pathlib import Path
import struct
from typing import Any
import zlib

from PIL import Image
import pytest

from custom_components.lianke.pdf import pictures
from custom_components.lianke.pdf.pictures import flatten, read_picture
from custom_components.lianke.pdf.process import TaskError

SIZE = (203, 157)


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a small picture be a large one, of many strips."""
    monkeypatch.setattr(pictures, "MAX_PIXELS", SIZE[0] * SIZE[1] // 3)
    monkeypatch.setattr(pictures, "MAX_PNG_PIXELS", SIZE[0] * SIZE[1])
    monkeypatch.setattr(pictures, "STRIP_BYTES", 4000)


def sample(mode: str) -> Image.Image:
    """Return a picture whose rows differ, so that all filters are used."""
    across = Image.linear_gradient("L").resize(SIZE)
    down = Image.linear_gradient("L").rotate(90).resize(SIZE)
    round_one = Image.radial_gradient("L").resize(SIZE)
    match mode:
        case "L" | "1":
            return round_one.convert(mode)
        case "I;16":
            return round_one.convert("I").point(lambda value: value * 257).convert(mode)
        case "P":
            return Image.merge("RGB", (across, down, round_one)).quantize(200)
        case "LA":
            return Image.merge("LA", (across, round_one))
        case "RGB":
            return Image.merge("RGB", (across, down, round_one))
        case _:
            return Image.merge("RGBA", (across, down, round_one, down))


def written(path: Path, image: Image.Image, **options: Any) -> str:
    """Write a PNG file and return its path."""
    image.save(path, "PNG", **options)
    return str(path)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_it_is_as_if_it_was_read_whole(tmp_path: Path, mode: str) -> None:
    path = written(tmp_path / "a.png", sample(mode), dpi=(150, 150))
    picture, size = read_picture(path)
    with Image.open(path) as whole:
        expected = flatten(whole).reduce(2)
    assert picture.size == expected.size == (102, 79)
    assert picture.mode == expected.mode
    assert picture.tobytes() == expected.tobytes()
    assert size.width == pytest.approx(203 / 150 * 72, rel=0.01)


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("kind", [0, 3])
def test_several_pixels_in_a_byte(tmp_path: Path, bits: int, kind: int) -> None:
    """Every row but the first says how it differs from the one above it."""
    width, height = SIZE
    row_bytes = (width * bits + 7) // 8
    rows = b"\0" + bytes(n * 37 % 256 for n in range(row_bytes))
    rows += b"".join(
        b"\2" + bytes((n * 11 + row) % 256 for n in range(row_bytes)) for row in range(1, height)
    )
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    palette = bytes(n * 5 % 256 for n in range(3 * 2**bits))
    chunks = [(b"IHDR", header), *([(b"PLTE", palette)] if kind == 3 else [])]
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    path = tmp_path / "a.png"
    path.write_bytes(
        pictures.SIGNATURE + b"".join(pictures._chunk(name, data) for name, data in chunks)
    )
    picture, _ = read_picture(str(path))
    with Image.open(path) as whole:
        assert picture.tobytes() == flatten(whole).reduce(2).tobytes()


def test_it_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture, size = read_picture(written(tmp_path / "a.png", sample("RGB"), exif=exif))
    assert picture.size == (79, 102)
    assert size.width < size.height


@pytest.mark.parametrize("cut", [2, 8])
def test_one_that_is_cut_off(tmp_path: Path, cut: int) -> None:
    path = Path(written(tmp_path / "a.png", sample("RGB")))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // cut])
    with pytest.raises(TaskError, match=r"^image_damaged$"):
        read_picture(str(path))


def test_what_is_too_large_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = BytesIO()
    sample("L").save(out, "PNG")
    path = tmp_path / "a.png"
    interlaced = bytearray(out.getvalue())
    interlaced[28] = 1
    interlaced[29:33] = struct.pack(">I", zlib.crc32(interlaced[12:29]))
    path.write_bytes(interlaced)
    with pytest.raises(TaskError, match=r"^image_too_large$"):
        read_picture(str(path))
    path.write_bytes(out.getvalue())
    read_picture(str(path))
    for limit in ("MAX_STRIP_BYTES", "MAX_PNG_PIXELS"):
        with monkeypatch.context() as patched:
            patched.setattr(pictures, limit, 100)
            with pytest.raises(TaskError, match=r"^image_too_large$"):
                read_picture(str(path))
