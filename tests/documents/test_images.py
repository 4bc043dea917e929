"""Converting pictures: what it takes of memory, and what is too large for it."""

import asyncio
from functools import partial
from pathlib import Path
import subprocess
import sys
from threading import Event
import time

from homeassistant.core import HomeAssistant
from PIL import Image
import pytest

from custom_components.lianke.documents import conversion as images
from custom_components.lianke.documents.conversion import (
    DATA_CONVERTING,
    async_make_document,
    can_read_heif,
    convert_image,
)
from custom_components.lianke.documents.document import Document, FileType
from custom_components.lianke.fair_queue import FairQueue
from custom_components.lianke.input_error import InputError
from tests.clock import until
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


async def test_one_picture_at_a_time_in_turn(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who converts many holds another up by one, and no thread; who gives up lets nobody begin beside it."""
    begun: list[str] = []
    gates = {name: Event() for name in ("a1", "a2", "a3", "b1", "home 1")}

    def decode(_: Path, name: str) -> Image.Image:
        begun.append(name)
        assert gates[name].wait(20)
        return Image.new("RGB", (8, 8))

    def make(name: str) -> asyncio.Task[Document]:
        path, user = tmp_path / name, {"a": "anna", "b": "ben"}.get(name[0])
        write = partial(path.write_bytes, picture("WEBP"))
        return asyncio.create_task(async_make_document(hass, path, write, name, user=user))

    monkeypatch.setattr(images, "_decode", decode)
    tasks, turns = {}, hass.data.setdefault(DATA_CONVERTING, FairQueue(1))
    for number, name in enumerate(gates, start=1):
        tasks[name] = make(name)
        await until(lambda number=number: turns.waiting + turns.taken == number)  # type: ignore[misc]
    await until(lambda: begun)
    # Anna has gone; her picture is converted all the same.
    tasks.pop("a1").cancel()
    await hass.async_add_executor_job(time.sleep, 0.1)
    assert begun == ["a1"]
    for number, name in enumerate(("a1", "b1", "home 1", "a2"), start=1):
        gates[name].set()
        await until(lambda number=number: len(begun) > number)  # type: ignore[misc]
    gates["a3"].set()
    documents = await asyncio.gather(*tasks.values())
    assert begun == ["a1", "b1", "home 1", "a2", "a3"]
    assert {document.extension for document in documents} == {FileType.PNG}
