"""The QR code on a photo of the sticker, as phones take them."""

import base64
from collections.abc import Callable
import io
from pathlib import Path
import sys
import time
from typing import Any

from PIL import Image, ImageChops, ImageFilter, ImageOps
import pytest

from custom_components.lianke.api import sticker
from custom_components.lianke.api.errors import (
    UnreadableCredentialsError,
)
from custom_components.lianke.api.sticker import read_photo
from custom_components.lianke.input_error import InputError
from tests import needs
from tests.simulator import qr_link, qr_png

pytestmark = needs.zbar

DEVICE_ID, DEVICE_KEY = "lk00ab00000000", "AbCdEfGh12345678"
TWELVE_MEGAPIXELS = (4000, 3000)


def code(text: str, side: int) -> Image.Image:
    return Image.open(io.BytesIO(qr_png(text, scale=10))).convert("L").resize((side, side))


def photo(
    *texts: str, size: tuple[int, int] = TWELVE_MEGAPIXELS, side: int = 700, angle: float = 0
) -> Image.Image:
    """Show a grey desk with codes lying beside each other, each tilted."""
    desk = Image.new("L", size, 120)
    for index, text in enumerate(texts):
        tilted = code(text, side).rotate(
            angle, expand=True, fillcolor=120, resample=Image.Resampling.BICUBIC
        )
        left = (2 * index + 1) * size[0] // (2 * len(texts)) - tilted.width // 2
        desk.paste(tilted, (left, (size[1] - tilted.height) // 2))
    return desk


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Save a picture as a phone does."""

    def saved(picture: Image.Image, name: str = "photo.jpg", **options: Any) -> Path:
        path = tmp_path / name
        picture.convert("RGB").save(path, quality=85, **options)
        return path

    return saved


STICKER = qr_link(DEVICE_ID, DEVICE_KEY)
SOMEONES = base64.b64encode(b"someone0000000:AAAABBBBCCCCDDDD").decode()


def check(path: Path) -> None:
    found = read_photo(path)
    assert (found.device_id, found.device_key) == (DEVICE_ID, DEVICE_KEY)


@pytest.mark.parametrize("angle", [20, 45])
def test_twelve_megapixels_tilted(save: Callable[..., Path], angle: float) -> None:
    check(save(photo(STICKER, angle=angle)))


# The others are made of these.
@pytest.mark.parametrize(
    "way",
    [Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180],
)
def test_turned_or_mirrored(save: Callable[..., Path], way: Image.Transpose) -> None:
    """Whatever a photo says of how it was held."""
    check(save(photo(STICKER, size=(1200, 900), side=400, angle=20).transpose(way)))


def test_dim(save: Callable[..., Path]) -> None:
    dark = photo(STICKER, angle=20).point([value * 6 // 100 for value in range(256)])
    check(save(dark))


def test_dim_and_noisy(save: Callable[..., Path]) -> None:
    dark = photo(STICKER, angle=20).point([value * 15 // 100 for value in range(256)])
    noise = Image.effect_noise(dark.size, 20)
    check(save(ImageChops.add(dark, noise, 1, -128).filter(ImageFilter.GaussianBlur(2))))


def test_half_in_the_shadow(save: Callable[..., Path]) -> None:
    shade = Image.linear_gradient("L").resize(TWELVE_MEGAPIXELS)
    check(save(ImageChops.multiply(photo(STICKER, side=1200, angle=20), shade)))


def test_far_away(save: Callable[..., Path]) -> None:
    check(save(photo(STICKER, side=220, angle=20)))


def test_light_on_dark(save: Callable[..., Path]) -> None:
    check(save(ImageOps.invert(code(qr_link(DEVICE_ID, DEVICE_KEY), 600))))


def test_a_tiny_cutout_of_a_screen(save: Callable[..., Path]) -> None:
    """Less than two pixels a module."""
    tiny = code(qr_link(DEVICE_ID, DEVICE_KEY), 600)
    check(save(tiny.resize((70, 70), Image.Resampling.BILINEAR)))


def test_a_blurred_code(save: Callable[..., Path]) -> None:
    blurred = photo(qr_link(DEVICE_ID, DEVICE_KEY), size=(1200, 900), side=300)
    check(save(blurred.filter(ImageFilter.GaussianBlur(3.2))))


@pytest.mark.parametrize(
    "other",
    [
        "https://u.wechat.com/MGxhNv0-yXl3cXk",
        "WIFI:T:WPA;S:home;P:secret12;;",
        "bitcoin:1BoatSLRHtKNngkdXEeobR76b53LETtpyT",
        "https://other.example.com/?token=" + SOMEONES,
    ],
)
def test_two_codes_take_ours(save: Callable[..., Path], other: str) -> None:
    """Whichever is read first: of two in a photo it is the larger one, which has more to say."""
    for text in (other, f"{other}?{'x' * 100}"):
        check(save(photo(text, STICKER, size=(1200, 900), side=350, angle=20)))


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "1", "CMYK"])
def test_other_kinds_of_pictures(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("code.tiff" if mode == "CMYK" else "code.png")
    code(STICKER, 600).convert("RGB").convert(mode).save(path)
    check(path)


def test_drawn_on_nothing(tmp_path: Path) -> None:
    drawn = code(STICKER, 600).point([0 if value < 128 else 255 for value in range(256)])
    picture = Image.new("RGBA", drawn.size, (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), mask=ImageChops.invert(drawn))
    path = tmp_path / "transparent.png"
    picture.save(path)
    check(path)


def test_somebody_elses_code(save: Callable[..., Path]) -> None:
    with pytest.raises(UnreadableCredentialsError, match="invalid_qr_code"):
        read_photo(save(photo("https://example.com/", size=(1200, 900), side=500)))


@pytest.mark.long
def test_no_code_in_reasonable_time(save: Callable[..., Path]) -> None:
    """All that is tried grows with the pixels: twelve megapixels take about as long."""
    size = (2600, 1950)
    path = save(ImageChops.multiply(photo(size=size), Image.effect_noise(size, 60)))
    start = time.process_time()
    with pytest.raises(InputError, match="no_qr_code_found"):
        read_photo(path)
    assert time.process_time() - start < 16


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a",
        b"%PDF-1.4",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
        b"<svg/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
    ],
)
def test_no_picture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match="photo_unreadable"):
        read_photo(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="photo_unreadable"):
        read_photo(tmp_path / "gone.jpg")


def test_cut_off_and_damaged_files(save: Callable[..., Path], tmp_path: Path) -> None:
    whole = save(photo(STICKER, size=(800, 600), side=330)).read_bytes()
    path = tmp_path / "damaged.jpg"
    refused = 0
    for end in range(0, len(whole), max(len(whole) // 40, 1)):
        path.write_bytes(whole[:end] + bytes(max(0, 200 - end)) + whole[end + 9 :: 2])
        try:
            check(path)
        except InputError:
            refused += 1
    assert refused


@pytest.mark.parametrize(
    ("kind", "size"), [("WEBP", (4608, 3456)), ("JPEG", (8192, 6144)), ("AVIF", (1600, 1200))]
)
def test_what_phones_take(tmp_path: Path, kind: str, size: tuple[int, int]) -> None:
    path = tmp_path / "photo"
    taken = photo(STICKER, size=size, side=1400).convert("RGB")
    # As fast as AVIF and WebP can be written.
    taken.save(path, kind, quality=60, speed=10, method=0)
    check(path)


def test_file_too_big(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sticker, "MAX_PHOTO_BYTES", 100)
    path = tmp_path / "photo.png"
    path.write_bytes(qr_png(STICKER))
    with pytest.raises(InputError, match="photo_unreadable"):
        read_photo(path)


def test_reader_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyzbar.pyzbar", None)
    path = tmp_path / "photo.png"
    path.write_bytes(qr_png(STICKER))
    with pytest.raises(InputError, match="qr_reader_missing"):
        read_photo(path)
