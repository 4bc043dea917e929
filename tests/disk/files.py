"""A folder in memory to which the operations of a log are applied again: what a process sees if nothing is lost.

Each operation becomes a change: of names (`Naming`), of a file's bytes (`Writing`), or of what is certain to be on disk
(`Flushing`). `crashes.py` decides which of the changes a power cut leaves.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from .recording import Found, NotNotedError, Operation

# Bytes that a disk writes together or not at all.
SECTOR: Final = 512
# The flag RENAME_EXCHANGE of stdio.h.
EXCHANGE: Final = 2
# What the system adds to the path of an open file without a name.
NAMELESS: Final = " (deleted)"


@dataclass(eq=False, slots=True)
class Node:
    """A file or a folder, under any name."""

    is_folder: bool
    data: bytearray = field(default_factory=bytearray)


# A name in a folder.
type Slot = tuple[Node, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """An atomic change of names: the node of each name afterwards, None for a removed name."""

    number: int
    sets: tuple[tuple[Slot, Node | None], ...]
    # Nodes that had one of these names before and have none of them afterwards.
    gone: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """A change of a file's bytes: `data` is written at `start`; if `cuts`, the file is truncated there."""

    number: int
    node: Node
    start: int
    data: bytes
    cuts: bool
    # The sectors in which anything changes, and the file's length afterwards.
    sectors: range
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flushing:
    """A flush: everything written to a node is on disk, unless the flush `failed`."""

    number: int
    node: Node
    failed: bool


type Change = Naming | Writing | Flushing


def sectors_of(start: int, end: int) -> range:
    """Return the sectors that contain the bytes from `start` to before `end`."""
    return range(start // SECTOR, -(-end // SECTOR)) if end > start else range(0)


class Files:
    """The folder as it is after some operations."""

    def __init__(self, found: Iterable[Found]) -> None:
        """Begin with what was in the folder before the recording."""
        self.root = Node(is_folder=True)
        self.names: dict[Slot, Node] = {}
        self._by_inode: dict[int, Node] = {}
        for one in found:
            node = self.root if not one.path else self._by_inode.get(one.inode)
            if node is None:
                node = Node(is_folder=one.data is None, data=bytearray(one.data or b""))
            self._by_inode[one.inode] = node
            if one.path:
                self.names[self._slot(one.path)] = node

    def apply(self, operation: Operation) -> Change | None:
        """Apply an operation, and return the change; None if nothing changes that is recorded."""
        match operation.kind:
            case "create" | "mkdir":
                node = Node(is_folder=operation.kind == "mkdir")
                self._by_inode[operation.inode] = node
                return self._rename(operation.number, {self._slot(operation.path): node})
            case "unlink" | "rmdir":
                return self._rename(operation.number, {self._slot(operation.path): None})
            case "link":
                node = self._known(operation)
                return self._rename(operation.number, {self._slot(operation.target): node})
            case "rename":
                old, new = self._slot(operation.path), self._slot(operation.target)
                other = self.names.get(new) if operation.mode & EXCHANGE else None
                return self._rename(operation.number, {old: other, new: self._known(operation)})
            case "write" | "truncate":
                return self._write(operation)
            case "sync":
                known = self._by_inode.get(operation.inode)
                if known is None:
                    self._check_nameless(operation)
                    return None
                failed = bool(operation.error)
                return Flushing(number=operation.number, node=known, failed=failed)
            case _:
                return None

    def written_out(self) -> dict[str, bytes | None]:
        """Return the content of each path: a file's bytes, or None for a folder."""
        return written_out(self.root, self.names, lambda node: bytes(node.data))

    def _rename(self, number: int, sets: dict[Slot, Node | None]) -> Naming:
        meant = [self.names[slot] for slot in sets if slot in self.names]
        set_names(self.names, sets.items())
        left = set(sets.values())
        gone = tuple(node for node in meant if node not in left)
        return Naming(number=number, sets=tuple(sets.items()), gone=gone)

    def _write(self, operation: Operation) -> Writing | None:
        node = self._by_inode.get(operation.inode)
        if node is None:
            self._check_nameless(operation)
            return None
        start, before = operation.offset, len(node.data)
        cuts = operation.kind == "truncate"
        if start > before:
            node.data.extend(bytes(start - before))
        if cuts:
            del node.data[start:]
            sectors = sectors_of(start, before)
        else:
            node.data[start : start + len(operation.data)] = operation.data
            sectors = sectors_of(start, start + len(operation.data))
        return Writing(
            number=operation.number,
            node=node,
            start=start,
            data=operation.data,
            cuts=cuts,
            sectors=sectors,
            length=len(node.data),
        )

    def _slot(self, path: str) -> Slot:
        *parents, name = path.split("/")
        node = self.root
        for parent in parents:
            node = self._entry((node, parent), path)
        return node, name

    def _entry(self, slot: Slot, path: str) -> Node:
        node = self.names.get(slot)
        if node is None:
            raise NotNotedError(f"nobody made what {path!r} lies in")
        return node

    def _known(self, operation: Operation) -> Node:
        """Return the node at an operation's path. Raises NotNotedError if it is not the one with the noted inode."""
        node = self._entry(self._slot(operation.path), operation.path)
        if node is not self._by_inode.get(operation.inode):
            raise NotNotedError(f"{operation.path!r} is another file than the log tells")
        return node

    def _check_nameless(self, operation: Operation) -> None:
        """Accept a temporary file that never had a name. Raises NotNotedError for any other file."""
        if not operation.path.endswith(NAMELESS):
            raise NotNotedError(f"nobody made {operation.path!r}")


def set_names(names: dict[Slot, Node], sets: Iterable[tuple[Slot, Node | None]]) -> None:
    """Assign names to other nodes, or remove names (None)."""
    for slot, node in sets:
        if node is None:
            names.pop(slot, None)
        else:
            names[slot] = node


def written_out[T](
    root: Node, names: Mapping[Slot, Node], read: Callable[[Node], T]
) -> dict[str, T | None]:
    """Return everything below a folder by path: the result of `read` for a file, None for a folder."""
    children: dict[Node, list[tuple[str, Node]]] = {}
    for (folder, name), node in names.items():
        children.setdefault(folder, []).append((name, node))
    found: dict[str, T | None] = {"": None}
    left = [("", root)]
    while left:
        path, folder = left.pop()
        for name, node in children.get(folder, ()):
            inner = f"{path}/{name}" if path else name
            found[inner] = None if node.is_folder else read(node)
            if node.is_folder:
                left.append((inner, node))
    return found
