"""What a power cut leaves is as crashes.py says, sentence by sentence, and every state can be made again."""

from collections.abc import Iterable, Iterator
from itertools import count

import pytest

from .crashes import Metadata, State, kills, named, power_cuts
from .recording import Found, Kind, Mark, Operation, Recording

type Files = dict[str, bytes | None]

OLD = b"o" * 1536
NEW = b"n" * 1536


class Story:
    """Writes a recording by hand."""

    def __init__(self, **files: bytes | None) -> None:
        """Begin with files, and with folders (None); two underscores are a slash."""
        self._inodes = {"": 1}
        self._fresh = count(2)
        found = [Found(path="", inode=1, data=None)]
        for name, data in files.items():
            path = name.replace("__", "/")
            self._inodes[path] = next(self._fresh)
            found.append(Found(path=path, inode=self._inodes[path], data=data))
        self._before = tuple(found)
        self._operations: list[Operation] = []
        self._marks: list[Mark] = []

    def do(
        self,
        kind: Kind,
        path: str,
        data: bytes = b"",
        *,
        at: int = 0,
        target: str = "",
        error: int = 0,
    ) -> Story:
        """Go on by an operation."""
        if kind in ("create", "mkdir"):
            self._inodes[path] = next(self._fresh)
        self._operations.append(
            Operation(
                number=len(self._operations) + 1,
                kind=kind,
                path=path,
                target=target,
                inode=self._inodes[path],
                offset=at,
                data=data,
                error=error,
            )
        )
        if kind == "rename":
            self._inodes[target] = self._inodes.pop(path)
        return self

    def say(self, text: str) -> Story:
        self._marks.append(Mark(number=len(self._operations), text=text))
        return self

    @property
    def recording(self) -> Recording:
        return Recording(
            before=self._before,
            operations=tuple(self._operations),
            marks=tuple(self._marks),
            met=(),
            never_met=(),
        )

    def cuts(self, metadata: Metadata = "ordered") -> Iterator[State]:
        """Give what power cuts leave, with enough tries that none is missing."""
        return power_cuts(self.recording, metadata=metadata, bound=256, torn=200)

    def last(self, metadata: Metadata = "ordered") -> list[Files]:
        """Return what may be there after all of it."""
        recording = self.do("chmod", "").say("the end").recording
        end = len(recording.operations)
        states = power_cuts(recording, metadata=metadata, bound=256, torn=200)
        return [
            {path: data for path, data in one.files.items() if path}
            for one in states
            if one.point == end
        ]


def contents(states: Iterable[Files], path: str = "file") -> set[bytes | None]:
    return {one.get(path) for one in states}


def test_what_was_flushed_is_there() -> None:
    story = Story(file=OLD).do("write", "file", NEW).do("sync", "file")
    assert story.last() == [{"file": NEW}]


def test_of_what_was_not_flushed_any_sector_may_be_there() -> None:
    found = contents(Story(file=OLD).do("write", "file", NEW).last())
    either = (OLD[:512], NEW[:512])
    assert found == {a + b + c for a in either for b in either for c in either}


def test_a_sector_is_as_it_was_at_some_moment() -> None:
    story = Story(file=b"").do("write", "file", b"a" * 100).do("write", "file", b"b" * 100, at=100)
    # Never the second without the first.
    parts = {b"", b"a" * 100, b"a" * 100 + b"b" * 100}
    lengths_alone = {bytes(100), bytes(200), b"a" * 100 + bytes(100)}
    assert contents(story.last()) == parts | lengths_alone


def test_a_file_is_as_long_as_it_was_at_some_moment() -> None:
    story = Story(file=b"").do("write", "file", b"a" * 600).do("write", "file", b"b" * 50)
    assert {len(one or b"") for one in contents(story.last())} == {0, 600}


def test_a_later_write_may_be_there_without_an_earlier_one() -> None:
    story = Story(file=b"").do("write", "file", b"a" * 512).do("write", "file", b"b" * 512, at=512)
    assert bytes(512) + b"b" * 512 in contents(story.last())


def test_cutting_off_comes_before_what_is_written_where_it_had_cut() -> None:
    story = Story(file=OLD).do("truncate", "file").do("write", "file", b"new")
    # Nothing of the old file behind the new one.
    assert contents(story.last()) == {OLD, b"", bytes(3), b"new"}
    story = Story(file=OLD).do("truncate", "file", at=512).do("write", "file", b"n" * 512)
    assert b"n" * 512 + OLD[512:] in contents(story.last())


@pytest.mark.parametrize("metadata", ["ordered", "unordered"])
def test_a_rename_is_atomic(metadata: Metadata) -> None:
    story = Story(one=None, two=None, one__file=OLD, two__file=NEW)
    story.do("rename", "one/file", target="two/file")
    states = story.last(metadata)
    assert [sorted(path for path in one if "/" in path) for one in states] == [
        ["two/file"],
        ["one/file", "two/file"],
    ]
    assert [one["two/file"] for one in states] == [OLD, NEW]


@pytest.mark.parametrize("metadata", ["ordered", "unordered"])
def test_changes_of_one_name_are_there_in_order(metadata: Metadata) -> None:
    story = Story(file=OLD).do("rename", "file", target="aside").do("create", "file")
    states = story.last(metadata)
    # The old file is never lost.
    assert all(OLD in one.values() for one in states)
    assert {tuple(sorted(one)) for one in states} == {("file",), ("aside",), ("aside", "file")}


@pytest.mark.parametrize("metadata", ["ordered", "unordered"])
def test_a_folder_goes_only_after_what_was_in_it(metadata: Metadata) -> None:
    story = Story(folder=None, folder__file=OLD)
    story.do("rename", "folder/file", target="file").do("rmdir", "folder")
    assert all(OLD in one.values() for one in story.last(metadata))


def test_names_come_in_order_or_each_by_itself() -> None:
    story = Story().do("create", "one").do("create", "two")
    assert {tuple(sorted(one)) for one in story.last("ordered")} == {
        (),
        ("one",),
        ("one", "two"),
    }
    assert ("two",) in {tuple(one) for one in story.last("unordered")}


def test_flushing_a_file_ensures_its_name_in_a_journal_alone() -> None:
    story = Story().do("create", "one").do("create", "two").do("create", "three").do("sync", "two")
    assert {tuple(sorted(one)) for one in story.last("ordered")} == {
        ("one", "two"),
        ("one", "three", "two"),
    }
    assert {} in story.last("unordered")


def test_flushing_a_folder_ensures_the_names_in_it() -> None:
    story = Story(folder=None).do("create", "folder/file").do("create", "file")
    story.do("sync", "folder")
    assert {tuple(sorted(one)) for one in story.last("unordered")} == {
        ("folder", "folder/file"),
        ("file", "folder", "folder/file"),
    }
    story = Story().do("mkdir", "folder").do("create", "folder/file").do("sync", "folder")
    # The folder's own name is another one's.
    assert {} in story.last("unordered")
    assert story.last("ordered") == [{"folder": None, "folder/file": b""}]


def test_a_name_says_nothing_about_bytes() -> None:
    story = Story(file=OLD).do("create", "new").do("write", "new", NEW)
    story.do("rename", "new", target="file").do("sync", "")
    assert b"" in contents(story.last())


def test_what_a_failed_flush_was_to_write_stays_in_doubt() -> None:
    story = Story(file=bytes(8192)).do("write", "file", b"a" * 512)
    story.do("write", "file", b"b" * 512, at=4096)
    story.do("sync", "file", error=5).do("sync", "file")
    assert bytes(8192) in contents(story.last())
    # Writing to the first page again has all of that page written, and nothing of the second.
    story.do("write", "file", b"c", at=600).do("sync", "file")
    first = b"a" * 512 + bytes(88) + b"c"
    found = contents(story.last())
    assert found == {
        first.ljust(8192, b"\0"),
        first.ljust(4096, b"\0") + b"b" * 512 + bytes(3584),
    }
    story.do("write", "file", b"d", at=8191).do("sync", "file")
    assert len(contents(story.last())) == 1


def test_every_subset_is_tried_once_where_that_is_possible() -> None:
    story = Story()
    for name in "abcde":
        story.do("create", name)
    assert len(story.last("unordered")) == 2**5


def test_what_was_said_by_then_comes_with_each_state() -> None:
    story = Story(file=OLD).say("begun").do("write", "file", NEW).do("sync", "file").say("kept")
    states = list(story.cuts())
    assert {one.marks for one in states if one.files["file"] == OLD} == {("begun",)}
    assert [one.files["file"] for one in states if one.marks == ("begun", "kept")] == [NEW]
    # A killed process loses nothing.
    assert [one.files["file"] for one in kills(story.recording)] == [OLD, NEW, NEW]


@pytest.mark.parametrize("metadata", ["ordered", "unordered"])
def test_a_name_makes_its_state_again(metadata: Metadata) -> None:
    story = Story(file=OLD, folder=None)
    for number in range(12):
        name = f"folder/{number}"
        story.do("create", name).do("write", name, NEW)
        story.do("sync", "folder" if number % 3 else name, error=number % 2)
        story.do("rename", name, target="file")
    recording = story.recording
    states = list(power_cuts(recording, metadata=metadata, bound=8, torn=8))
    assert len({one.name for one in states}) == len(states) > 150
    assert list(power_cuts(recording, metadata=metadata, bound=8, torn=8)) == states
    for state in [*states, *kills(recording)]:
        assert named(recording, state.name) == state
