"""Photos of known pages: Chromium and poppler draw the pages, and this module makes the photos, each from a seed.

A page lies on wood, cloth or a light desk and is seen at an angle, in uneven light and in somebody's shadow, with hands
at its edges. The picture is blurred, noisy, and a JPEG file, which some phones store turned by 90 degrees.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from io import BytesIO
import os
from pathlib import Path
import random
import re
import subprocess
import tempfile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from tests.documents.browser import draw
from tests.documents.judge import drawn

STYLE = """<!doctype html><meta charset=utf-8><style>
@page { size: A4; margin: 0 }
body { margin: 22mm 24mm; font: 13pt/1.6 "Noto Serif CJK SC", serif; height: 245mm; overflow: hidden }
h1 { font-size: 22pt; margin: 0 0 6mm } p { margin: 0 0 4mm }
table { border-collapse: collapse; width: 100%; font-size: 12pt }
td, th { border: 0.3mm solid black; padding: 1.5mm 2mm; text-align: left }
</style>"""
ENGLISH = """<h1>How the harbour was built</h1>
<p>The first stones were laid in spring, when the water was low and the carts could cross the sand. Forty men
worked from dawn until the tide came back, and every evening the foreman counted the blocks.</p>
<p>By the end of the second year the wall stood four metres above the water. Fishermen tied their boats to iron
rings, and the market moved from the hill down to the quay.</p>
<p>Nobody knows who paid for the lighthouse. An old letter names a widow from the village; another mentions 372
crowns, given by a captain whose ship had been saved from the rocks.</p>
<p>Today the harbour holds sixty yachts, two ferries and a small museum. It opens at nine and closes at half past
five, except on Mondays.</p>"""
CHINESE = """<h1>秋天的校园</h1>
<p>清晨的阳光照在操场上，银杏树的叶子已经变成了金黄色。同学们背着书包走进校门，互相问好，准备开始新的一天。</p>
<p>第一节是语文课，老师带领我们朗读课文，并且讲解了生词的意思。第二节数学课上，大家一起讨论怎样计算长方形的面积。</p>
<p>下午放学以后，我和小明在图书馆里看书。他喜欢科学故事，我喜欢历史小说。管理员提醒我们，借来的书要在两个星期以内归还。</p>
<p>回家的路上，风轻轻吹过，落叶铺满了人行道。我捡起一片最完整的叶子，把它夹在日记本里，作为这个秋天的纪念。</p>"""
TABLE = (
    "<h1>Deliveries in October</h1><table><tr><th>Day<th>Goods<th>Boxes<th>Price"
    + "".join(
        f"<tr><td>{day} October<td>{goods}<td>{boxes}<td>{price} EUR"
        for day, goods, boxes, price in (
            (2, "Apples from the valley", 14, "182.50"),
            (5, "Potatoes, washed", 22, "96.80"),
            (9, "Carrots and leeks", 17, "120.15"),
            (12, "Honey in glasses", 6, "243.00"),
            (16, "Pears, second class", 9, "75.60"),
            (20, "Walnuts", 4, "158.40"),
            (27, "Pumpkins", 31, "210.70"),
        )
    )
    + "</table><p style='margin-top:8mm'>All prices include delivery to the shop. "
    "Empty boxes are taken back on Friday.</p>"
)
FORM = """<div style="background:#1746a0;color:white;padding:5mm;font-size:20pt">Library card</div>
<p style="margin-top:6mm">Please write clearly and hand this form to the desk.</p>
<style>td:first-child { background: #cfe3ff }</style>
<table><tr><td>Family name<td>Lindqvist<tr><td>Given name<td>Amanda
<tr><td>Street<td>Garden Lane 48<tr><td>Telephone<td>0445 913 276</table>
<p style="margin-top:6mm">The card is valid for twelve months. Lost cards cost five crowns.</p>
<div style="width:42mm;height:22mm;border:1.2mm solid #d01020;color:#d01020;text-align:center;line-height:22mm;
font-size:17pt;margin:8mm 0 0 90mm">APPROVED</div>
<div style="width:40mm;height:25mm;background:#188038;margin-top:-20mm"></div>"""
PAGES = {"english": ENGLISH, "chinese": CHINESE, "table": TABLE, "form": FORM}

type Floats = NDArray[np.float32]
type Point = tuple[float, float]


@cache
def page(name: str) -> Image.Image:
    """Return one of PAGES, drawn at 200 dpi."""
    with tempfile.TemporaryDirectory() as folder:
        pdf = Path(folder) / "made.pdf"
        pdf.write_bytes(draw(STYLE + PAGES[name], Path(folder)))
        return drawn(pdf, 0, "-r", "200").convert("RGB")


def text_of(name: str) -> str:
    """Return the text of one of PAGES, without white space."""
    return "".join(re.sub("<style>.*</style>|<[^>]*>", "", PAGES[name]).split())


class Photo(NamedTuple):
    """A JPEG file, and the page's corners, as fractions of the upright picture's width and height."""

    data: bytes
    corners: list[Point]


def photograph(
    sheet: Image.Image,
    seed: int,
    side: int = 3000,
    *,
    on: str | None = None,
    moved: Point = (0, 0),
    beside: Image.Image | None = None,
    light: Sequence[float] = (1, 1, 1),
) -> Photo:
    """Return a photo of a page, with `side` pixels along its longer side.

    The page lies `on` a kind of desk, is `moved` by fractions of the picture, may have another page `beside` it, and is
    lit by a lamp of some colour. Where a sheet is transparent, one sees the desk.
    """
    chance = random.Random(seed)
    noise = np.random.default_rng(seed)
    size = (side * 3 // 4, side)
    corners = [
        (x + moved[0] * size[0], y + moved[1] * size[1])
        for x, y in _corners(chance, size, sheet.size)
    ]
    scene = _desk(chance, noise, size, on)
    mapping = _perspective(corners, sheet.size)
    white = chance.uniform(0.86, 0.97)
    if beside is not None:
        # To the right of the page, a finger's breadth away, where the same camera sees it.
        a, b, c, *others, g, h = mapping
        off = sheet.width * 1.05
        _lay(scene, beside, (a - off * g, b - off * h, c - off, *others, g, h), white)
    _lay(scene, sheet, mapping, white)
    _hands(scene, chance, corners)
    pixels = np.asarray(scene, np.float32) * _light(chance, size)[..., None]
    pixels *= np.array([chance.uniform(0.92, 1.0) * part for part in light], np.float32)
    lit = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    lit = lit.filter(ImageFilter.GaussianBlur(chance.uniform(0.4, 1.0) * side / 3000))
    grain = noise.normal(0, chance.uniform(2, 7), (size[1], size[0], 1)).astype(np.float32)
    taken = Image.fromarray((np.asarray(lit, np.float32) + grain).clip(0, 255).astype(np.uint8))
    exif = Image.Exif()
    if chance.random() < 0.3:
        taken = taken.transpose(Image.Transpose.ROTATE_90)
        exif[0x0112] = 6
    out = BytesIO()
    taken.save(out, "JPEG", quality=chance.randint(78, 93), exif=exif)
    return Photo(out.getvalue(), [(x / size[0], y / size[1]) for x, y in corners])


def _lay(scene: Image.Image, sheet: Image.Image, mapping: tuple[float, ...], white: float) -> None:
    way = (scene.size, Image.Transform.PERSPECTIVE, mapping, Image.Resampling.BICUBIC)
    mask = sheet.convert("RGBA").getchannel("A").transform(*way)
    # Paper has some thickness, so it casts a narrow shadow.
    blur = ImageFilter.GaussianBlur(max(scene.size) / 250)
    scene.paste("black", mask=mask.filter(blur).point(lambda value: value * 0.4))
    laid = sheet.convert("RGB").transform(*way)
    scene.paste(laid.point(lambda value: value * white), mask=mask)


def _corners(chance: random.Random, size: tuple[int, int], sheet: tuple[int, int]) -> list[Point]:
    """Return where a camera above a table sees the corners of a page: turned, tilted, somewhere in the picture."""
    turn, pitch, roll = (np.radians(chance.uniform(-most, most)) for most in (9, 26, 14))
    # Half of the page's width and height in mm; its longer side is as long as A4's.
    x, y = (extent / max(sheet) * 148.5 for extent in sheet)
    ground = np.array([(-x, -y), (x, -y), (x, y), (-x, y)])
    cosine, sine = np.cos(turn), np.sin(turn)
    ground = ground @ np.array([[cosine, sine], [-sine, cosine]])
    points = np.column_stack([ground, np.zeros(4)])
    around_x = np.array(
        [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    )
    around_y = np.array(
        [[np.cos(roll), 0, np.sin(roll)], [0, 1, 0], [-np.sin(roll), 0, np.cos(roll)]]
    )
    points = points @ around_x.T @ around_y.T
    points += [chance.uniform(-25, 25), chance.uniform(-25, 25), chance.uniform(330, 420)]
    seen = points[:, :2] / points[:, 2:]
    # The page is as large as the picture has room for, with some of the table around it.
    room = np.array(size) / 2 * chance.uniform(0.8, 0.96)
    seen = seen * min(room / abs(seen).max(0)) + np.array(size) / 2
    return [(float(x), float(y)) for x, y in seen]


def _perspective(corners: Sequence[Point], size: tuple[int, int]) -> tuple[float, ...]:
    """Return the coefficients that map pixels of the photo to those of the page, by solving eight equations."""
    width, height = size
    rows: list[list[float]] = []
    wanted: list[float] = []
    ends = ((0, 0), (width, 0), (width, height), (0, height))
    for (x, y), (u, v) in zip(corners, ends, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    return tuple(float(value) for value in np.linalg.solve(np.array(rows), np.array(wanted)))


def _smooth(noise: np.random.Generator, size: tuple[int, int], across: int, down: int) -> Floats:
    """Return noise from -1 to 1 with `across` waves over the width and `down` waves over the height."""
    small = (noise.random((down + 1, across + 1)) * 255).astype(np.uint8)
    large = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(large, np.float32) / 127.5 - 1


def _desk(
    chance: random.Random, noise: np.random.Generator, size: tuple[int, int], on: str | None
) -> Image.Image:
    by_chance = chance.choice(("wood", "wood", "dark wood", "cloth", "light"))
    kind = on or by_chance
    shade = np.ones((size[1], size[0]), np.float32)
    if "wood" in kind:
        colour = (176, 128, 84) if kind == "wood" else (92, 60, 40)
        shade += 0.18 * _smooth(noise, size, 70, 3) + 0.10 * _smooth(noise, size, 300, 8)
        plank = size[0] // chance.randint(3, 6)
        for edge in range(chance.randrange(plank), size[0], plank):
            shade[:, edge : edge + size[0] // 250] *= 0.45
            shade[:, edge : edge + plank] *= chance.uniform(0.88, 1.1)
    elif kind == "cloth":
        colour = chance.choice(((54, 66, 92), (110, 34, 40), (60, 84, 62)))
        shade += 0.12 * _smooth(noise, size, 400, 400) + 0.1 * _smooth(noise, size, 6, 6)
    elif kind == "checks":
        colour = (236, 232, 226)
        y, x = (at // (size[1] // chance.randint(14, 24)) % 2 for at in np.indices(shade.shape))
        shade *= np.where(x & y, 0.35, np.where(x | y, 0.65, 1.0)).astype(np.float32)
        shade += 0.05 * _smooth(noise, size, 400, 400)
    elif kind == "as white":
        colour = (226, 225, 221)
        shade += 0.02 * _smooth(noise, size, 40, 40) + 0.03 * _smooth(noise, size, 5, 5)
    else:
        colour = chance.choice(((188, 186, 180), (170, 175, 182), (196, 178, 152)))
        shade += 0.04 * _smooth(noise, size, 40, 40) + 0.05 * _smooth(noise, size, 5, 5)
    pixels = shade[..., None] * np.array(colour, np.float32)
    desk = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return desk.transpose(Image.Transpose.ROTATE_90).resize(size) if chance.random() < 0.4 else desk


def _hands(scene: Image.Image, chance: random.Random, corners: Sequence[Point]) -> None:
    """Lay thumbs on the edges of the page, which reach a little way into its margin."""
    for side in chance.sample(range(4), chance.choice((0, 0, 1, 1, 2))):
        begin, end = np.array(corners[side]), np.array(corners[(side + 1) % 4])
        at = begin + (end - begin) * chance.uniform(0.3, 0.7)
        inwards = np.array(corners).mean(0) - at
        inwards /= np.linalg.norm(inwards)
        tip, root = at + inwards * scene.height * 0.018, at - inwards * scene.height * 0.25
        skin = chance.choice(((226, 178, 150), (196, 142, 110), (120, 82, 62)))
        width = scene.height * 0.028
        layer = Image.new("L", scene.size, 0)
        pen = ImageDraw.Draw(layer)
        pen.line([tuple(tip), tuple(root)], 255, round(width * 2))
        pen.ellipse([*(tip - width), *(tip + width)], 255)
        scene.paste(skin, mask=layer.filter(ImageFilter.GaussianBlur(scene.height / 600)))


def _light(chance: random.Random, size: tuple[int, int]) -> Floats:
    """Return the brightness of each pixel: light that falls off to one side, perhaps with somebody's shadow in it."""
    x, y = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]))
    turn, fall = chance.uniform(0, 6.28), chance.uniform(0.05, 0.28)
    light = 0.92 - fall * (np.cos(turn) * x + np.sin(turn) * y) / 1.4
    if chance.random() < 0.6:
        shadow = Image.new("L", size, 255)
        middle = np.array([chance.uniform(0.1, 0.9) * size[0], chance.uniform(0.5, 1.1) * size[1]])
        reach = chance.uniform(0.25, 0.5) * size[0]
        points = [
            tuple(middle + reach * chance.uniform(0.7, 1.2) * np.array([np.cos(a), np.sin(a)]))
            for a in np.linspace(0, 6.28, 7)
        ]
        ImageDraw.Draw(shadow).polygon(points, round(255 * chance.uniform(0.5, 0.8)))
        # The shadow is blurred at a smaller size, which takes a fraction of the time.
        soft = shadow.reduce(8).filter(ImageFilter.GaussianBlur(chance.uniform(1.5, 8)))
        light *= np.asarray(soft.resize(size, Image.Resampling.BICUBIC), np.float32) / 255
    dimmed: Floats = light.astype(np.float32)
    return dimmed


def read(picture: Image.Image, language: str) -> str:
    """Return the text that Tesseract reads, without white space."""
    out = BytesIO()
    picture.save(out, "PNG", dpi=(200, 200), compress_level=1)
    command: list[Any] = ["tesseract", "-", "-", "-l", language, "--psm", "4"]
    # Without this limit Tesseract starts a thread for each core, and these only wait for each other.
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    done = subprocess.run(
        command, input=out.getvalue(), capture_output=True, check=True, timeout=120, env=environment
    )
    return "".join(done.stdout.decode().split())


def alike(text: str, wanted: str) -> float:
    """Return how well a text was read, from 0 to 1: the share of pairs of letters that both texts have, anywhere."""
    pairs, known = (
        Counter(one[at : at + 2] for at in range(len(one) - 1)) for one in (text, wanted)
    )
    return 2 * (pairs & known).total() / max(1, pairs.total() + known.total())
