"""What a user asks of sheets: layouts, photos, watermarks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

SHEETS: Final = (
    "2_up",
    "4_up",
    "6_up",
    "9_up",
    "booklet",
    "invoices",
    "id_card",
    "poster",
)
SHEET_ORDERS: Final = ("rows", "columns")
BOOKLET_SIDES: Final = ("both", "front", "back")
STAMPS: Final = ("date", "page_numbers")
PHOTO_FITS: Final = ("fill", "fit")
# Width and height in mm; None is as large as the paper.
PHOTO_SIZES: Final[dict[str, tuple[float, float] | None]] = {
    "paper": None,
    "3r": (89, 127),
    "4r": (102, 152),
    "5r": (127, 178),
    "6r": (152, 203),
    "1_inch": (25, 35),
    "2_inch": (35, 49),
}
# ID photos are never turned: a head stays upright.
UPRIGHT_PHOTOS: Final = frozenset({"1_inch", "2_inch"})
# The least part of a picture's width and height that can be cut out.
MIN_CUT: Final = 0.05
MAX_TILES: Final = 6
MAX_PHOTO_COUNT: Final = 100
MAX_WATERMARK: Final = 60


# Fields that belong to one layout, and what chooses it.
BELONGS: Final = {
    "poster_columns": "sheet: poster",
    "poster_rows": "sheet: poster",
    "id_card_crop": "sheet: id_card",
    "photo_count": "photo_size",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """The part of a picture that is printed, as `pdf.crop.Cut` takes it."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0
    turn: float = 0.0


WHOLE: Final = Cut()


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetOptions:
    """How documents are laid out before they are sent; the names are the action's fields.

    `sheet` and `photo_size` are layouts; None leaves the pages as they are. `merge` makes one
    document of several. `id_card_crop` has an entry for each document. `watermark_opacity` is in
    percent.
    """

    sheet: str | None = None
    sheet_order: str = "rows"
    sheet_frame: bool = False
    poster_columns: int = 2
    poster_rows: int = 2
    booklet_side: str = "both"
    id_card_crop: tuple[Cut, ...] = ()
    photo_size: str | None = None
    photo_fit: str = "fill"
    photo_count: int = 1
    merge: bool = False
    merge_new_sheet: bool = True
    watermark: str | None = None
    watermark_opacity: int = 20
    stamp: tuple[str, ...] = ()

    @classmethod
    def from_fields(cls, data: Mapping[str, Any]) -> Self:
        """Read the fields of a call that its schema let pass."""
        given = {item.name: data[item.name] for item in fields(cls) if item.name in data}
        if "stamp" in given:
            given["stamp"] = tuple(given["stamp"])
        if "id_card_crop" in given:
            given["id_card_crop"] = tuple(Cut(**cut) for cut in given["id_card_crop"])
        return cls(**given)

    @property
    def idle_field(self) -> tuple[str, str] | None:
        """Return a field that has no effect, and what it lacks; None if all that is given counts."""
        chosen = {f"sheet: {self.sheet}", "photo_size" if self.photo_size else ""}
        for item in fields(self):
            needed = BELONGS.get(item.name)
            if needed and needed not in chosen and getattr(self, item.name) != item.default:
                return item.name, needed
        return None

    @property
    def is_set(self) -> bool:
        """Return whether anything is to be laid out."""
        return bool(self.sheet or self.photo_size or self.merge or self.watermark or self.stamp)

    @property
    def joins(self) -> bool:
        """Return whether all documents become one."""
        return self.merge or bool(self.photo_size) or self.sheet in ("invoices", "id_card")

    @property
    def layout(self) -> str | None:
        """Return what the worker calls the layout."""
        return "photos" if self.photo_size else self.sheet

    @property
    def is_true_size(self) -> bool:
        """Return whether the service must not scale the sheets."""
        return self.layout in ("photos", "id_card", "poster")

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return asdict(self)
