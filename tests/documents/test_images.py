"""Converting pictures: what it takes of memory, and what is too large for it."""

from pathlib import Path
import subprocess
import sys
from threading import Event, Thread

from PIL import Image
import pytest

from custom_components.lianke.documents import conversion as images
from custom_components.lianke.documents.conversion import can_read_heif, convert_image
from custom_components.lianke.errors import InputError
from tests.documents.samples import empty_webp, picture

# Linux counts the peak of this program alone there.
STATUS = Path("/proc/self/status")
MEASURE = """
from pathlib import Path
import sys
from custom_components.lianke.documents.conversion import convert_image

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024

before = peak()
convert_image(Path(sys.argv[1]), Path(sys.argv[2]), "x")
print(peak() - before)
"""


@pytest.mark.skipif(not STATUS.exists(), reason="no /proc")
@pytest.mark.long
def test_the_largest_picture_takes_300_mb(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(empty_webp(4120, 4120))
    command = [sys.executable, "-c", MEASURE, str(source), str(tmp_path / "target")]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 300


@pytest.mark.parametrize("size", [(7700, 7700), (16383, 16383), (4200, 4100)])
def test_larger_ones_are_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "source").write_bytes(empty_webp(*size))
    with pytest.raises(InputError, match="image_too_large"):
        convert_image(tmp_path / "source", tmp_path / "target", "x.webp")
    assert not (tmp_path / "target").exists()


def test_a_huge_avif_is_too_large_not_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").write_bytes(picture("AVIF"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert can_read_heif(tmp_path / "source")
    with pytest.raises(InputError, match="image_too_large"):
        convert_image(tmp_path / "source", tmp_path / "target", "x.avif")


def test_one_picture_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source").write_bytes(picture("WEBP"))
    begun: list[str] = []
    first_in, go_on = Event(), Event()

    def decode(_: Path, name: str) -> Image.Image:
        begun.append(name)
        first_in.set()
        assert go_on.wait(5)
        return Image.new("RGB", (8, 8))

    monkeypatch.setattr(images, "_decode", decode)
    threads = [
        Thread(target=convert_image, args=(tmp_path / "source", tmp_path / name, name))
        for name in ("one", "two")
    ]
    for thread in threads:
        thread.start()
    assert first_in.wait(5)
    threads[1].join(0.2)
    assert len(begun) == 1
    go_on.set()
    for thread in threads:
        thread.join(5)
    assert sorted(begun) == ["one", "two"]
