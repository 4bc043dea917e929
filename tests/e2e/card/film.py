"""An animated picture of the card, from dropping a file to the printed paper, made of single pictures."""

from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
import pypdfium2

WIDTH = 840  # pixels of the animated picture
SLIDES = 5  # steps in which the paper comes out
EXERCISES = [
    (7, 8),
    (26, 9),
    (14, 12),
    (3, 17),
    (9, 9),
    (5, 34),
    (8, 16),
    (11, 7),
    (42, 3),
    (2, 19),
]


def exercises() -> bytes:
    """Return a PDF with a sheet of arithmetic, the same in every language."""
    sheet = Image.new("RGB", (1240, 1754), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(64)
    draw.text((120, 110), "1 + 1", font=ImageFont.load_default(96), fill="black")
    draw.line((120, 250, 1120, 250), fill="black", width=4)
    for number, (left, right) in enumerate(EXERCISES):
        place = (120 + 560 * (number % 2), 340 + 250 * (number // 2))
        draw.text(place, f"{left} + {right} =", font=font, fill="black")
    stream = BytesIO()
    sheet.save(stream, "PDF", resolution=150)
    return stream.getvalue()


def _first_page(path: Path, width: int) -> Image.Image:
    """Return the first page of a printed PDF with an edge around it."""
    with pypdfium2.PdfDocument(path) as document:
        page = document[0]
        drawn: Image.Image = page.render(scale=2 * width / page.get_width()).to_pil()
    shown = drawn.convert("RGB").resize((width, drawn.height * width // drawn.width))
    ImageDraw.Draw(shown).rectangle((0, 0, shown.width - 1, shown.height - 1), outline="#9aa0a6")
    return shown


class Film:
    """Frames, with the time for which each is shown."""

    def __init__(self) -> None:
        """Begin without a frame."""
        self._frames: list[tuple[Image.Image, int]] = []

    def add(self, picture: bytes, milliseconds: int) -> None:
        """Add a picture (PNG) that is shown for this time."""
        frame = Image.open(BytesIO(picture)).convert("RGB")
        height = frame.height * WIDTH // frame.width
        self._frames.append((frame.resize((WIDTH, height), Image.Resampling.LANCZOS), milliseconds))

    def save(self, path: Path, printed: Path) -> None:
        """Write the film, with the printed sheet coming out at its end."""
        height = max(frame.height for frame, _ in self._frames)
        frames = [(self._on_canvas(frame, height), time) for frame, time in self._frames]
        last, _ = frames[-1]
        below = self._frames[-1][0].height  # the sheet comes out below the card
        paper = _first_page(printed, WIDTH // 2)
        for step in range(1, SLIDES + 1):
            out = min(paper.height, height - below) * step // SLIDES
            frame = last.copy()
            part = paper.crop((0, paper.height - out, paper.width, paper.height))
            frame.paste(part, ((WIDTH - paper.width) // 2, below))
            frames.append((frame, 2800 if step == SLIDES else 140))
        pictures, times = zip(*frames, strict=True)
        pictures[0].save(
            path,
            "WEBP",
            save_all=True,
            append_images=pictures[1:],
            duration=list(times),
            loop=0,
            lossless=True,
            method=6,
        )

    @staticmethod
    def _on_canvas(frame: Image.Image, height: int) -> Image.Image:
        canvas = Image.new("RGB", (WIDTH, height), frame.getpixel((0, 0)))
        canvas.paste(frame, (0, 0))
        return canvas
