"""What a printer's driver can do and its papers. `models` offers these names, too."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Self

from .coerce import JsonValue, to_int, to_int_map, to_mapping, to_text
from .errors import LiankeResponseError

MAX_PAPERS = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class DriverDefaults:
    """A driver's own defaults (`DevMode`): ids; paper sizes in 0.1 mm; None = it does not say."""

    paper_id: int | None = None
    paper_width: int | None = None
    paper_length: int | None = None
    color: int | None = None
    copies: int | None = None
    duplex: int | None = None
    tray: int | None = None
    media_type: int | None = None
    orientation: int | None = None
    quality: int | None = None

    @classmethod
    def from_json(cls, block: object) -> Self:
        """Read the `DevMode` block, whatever of it is there."""
        fields = to_mapping(block)
        return cls(
            paper_id=to_int(fields.get("PaperSize")),
            paper_width=to_int(fields.get("PaperWidth")),
            paper_length=to_int(fields.get("PaperLength")),
            color=to_int(fields.get("Color")),
            copies=to_int(fields.get("Copies")),
            duplex=to_int(fields.get("Duplex")),
            tray=to_int(fields.get("DefaultSource")),
            media_type=to_int(fields.get("MediaType")),
            orientation=to_int(fields.get("Orientation")),
            quality=to_int(fields.get("PrintQuality")),
        )

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> Self:
        """Read what `dataclasses.asdict` wrote."""
        return cls(**{name: to_int(stored.get(name)) for name in cls.__slots__})


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a driver can do (`printer_params`). None = the block is missing or empty: unknown, not forbidden.

    `colors`: 1 mono, 2 colour. `duplex`: 1 off, 2 long edge, 3 short edge. `orientations`: 1 portrait, 2 landscape.
    """

    papers: Mapping[str, int] | None = None
    trays: Mapping[str, int] | None = None
    media_types: Mapping[str, int] | None = None
    colors: frozenset[int] | None = None
    duplex: frozenset[int] | None = None
    orientations: frozenset[int] | None = None
    max_copies: int | None = None
    defaults: DriverDefaults = DriverDefaults()

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read `data` of `printer_params`; raises LiankeResponseError when it is not an object."""
        if data is not None and not isinstance(data, dict):
            raise LiankeResponseError("printer_params of an unknown shape")
        whole = to_mapping(data)
        block = to_mapping(whole.get("Capabilities"))
        copies = to_int(block.get("Copies"))
        return cls(
            papers=to_int_map(block.get("Papers")),
            trays=to_int_map(block.get("Bins")),
            media_types=to_int_map(block.get("MediaTypes")),
            colors=_ids(block.get("Color")),
            duplex=_ids(block.get("Duplex")),
            orientations=_ids(block.get("Orientation")),
            max_copies=copies if copies and copies > 0 else None,
            defaults=DriverDefaults.from_json(whole.get("DevMode")),
        )

    def as_dict(self) -> dict[str, JsonValue]:
        """Return plain JSON data for storage."""
        return {
            "papers": _stored_map(self.papers),
            "trays": _stored_map(self.trays),
            "media_types": _stored_map(self.media_types),
            "colors": _stored_ids(self.colors),
            "duplex": _stored_ids(self.duplex),
            "orientations": _stored_ids(self.orientations),
            "max_copies": self.max_copies,
            "defaults": asdict(self.defaults),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> Self:
        """Read what `as_dict` wrote."""
        return cls(
            papers=to_int_map(stored.get("papers")),
            trays=to_int_map(stored.get("trays")),
            media_types=to_int_map(stored.get("media_types")),
            colors=_ids(stored.get("colors")),
            duplex=_ids(stored.get("duplex")),
            orientations=_ids(stored.get("orientations")),
            max_copies=to_int(stored.get("max_copies")),
            defaults=DriverDefaults.from_dict(to_mapping(stored.get("defaults"))),
        )


def _ids(block: object) -> frozenset[int] | None:
    """Return the ids of a `{name: id}` block or a list of ids; None when there are none."""
    values = islice(block if isinstance(block, list) else to_mapping(block).values(), MAX_PAPERS)
    return frozenset(number for value in values if (number := to_int(value)) is not None) or None


def _stored_map(block: Mapping[str, int] | None) -> JsonValue:
    """Return a copy for storage."""
    return None if block is None else dict(block)


def _stored_ids(ids: frozenset[int] | None) -> JsonValue:
    """Return a list for storage."""
    return None if ids is None else [*sorted(ids)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper:
    """A paper and its size in 0.1 mm; the printable area equals the paper where nobody tells it."""

    paper_id: int
    name: str
    width: int
    height: int
    printable_width: int
    printable_height: int

    @classmethod
    def from_json(cls, name: object, block: object) -> Self | None:
        """Read one entry of `paper_dimension_list`; None when it has no id or no size."""
        fields = to_mapping(block)
        paper_id, label = to_int(fields.get("paper_id")), to_text(name)
        width, height = to_int(fields.get("physical_width")), to_int(fields.get("physical_height"))
        if paper_id is None or not label or not width or not height or width < 0 or height < 0:
            return None
        inner_width, inner_height = (
            to_int(fields.get("printable_width")),
            to_int(fields.get("printable_height")),
        )
        return cls(
            paper_id=paper_id,
            name=label,
            width=width,
            height=height,
            printable_width=inner_width if inner_width and 0 < inner_width <= width else width,
            printable_height=inner_height
            if inner_height and 0 < inner_height <= height
            else height,
        )

    def as_dict(self) -> dict[str, JsonValue]:
        """Return plain JSON data for storage."""
        return dict(asdict(self))

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> Self:
        """Read what `as_dict` wrote."""
        return cls(
            paper_id=to_int(stored.get("paper_id")) or 0,
            name=to_text(stored.get("name")),
            width=to_int(stored.get("width")) or 0,
            height=to_int(stored.get("height")) or 0,
            printable_width=to_int(stored.get("printable_width")) or 0,
            printable_height=to_int(stored.get("printable_height")) or 0,
        )


def parse_papers(data: object) -> tuple[Paper, ...]:
    """Read `data` of `paper_dimension_list`; raises LiankeResponseError when it is not an object."""
    if data is not None and not isinstance(data, dict):
        raise LiankeResponseError("paper_dimension_list of an unknown shape")
    entries = islice(to_mapping(data).items(), MAX_PAPERS)
    return tuple(paper for name, block in entries if (paper := Paper.from_json(name, block)))
