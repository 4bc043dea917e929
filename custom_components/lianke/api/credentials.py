"""What a box is known by."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """A box's id and its secret key."""

    device_id: str
    device_key: str = field(repr=False)
