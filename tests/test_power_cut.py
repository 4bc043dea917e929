"""The copies that tests take for what a power cut leaves."""

from itertools import cycle
from pathlib import Path
from threading import Event, Thread

from tests.power_cut import copy_moment


def test_a_copy_is_of_one_moment(tmp_path: Path) -> None:
    """A file that a thread moves to and fro lies in one of two folders at any moment, and so it does in each copy."""
    root, over = tmp_path / "root", Event()
    places = [root / name for name in ("first", "middle", "last")]
    for place in places:
        place.mkdir(parents=True)
        (place / "other").touch()
    (places[0] / "file").touch()

    def move() -> None:
        here = places[0]
        for there in cycle((places[2], places[0])):
            (here / "file").rename(there / "file")
            here = there
            if over.wait(0.004):
                return

    thread = Thread(target=move)
    thread.start()
    try:
        for number in range(50):
            copy_moment(root, tmp_path / f"copy{number}")
    finally:
        over.set()
        thread.join()
    found = [len([*(tmp_path / f"copy{number}").rglob("file")]) for number in range(50)]
    assert found == [1] * 50
