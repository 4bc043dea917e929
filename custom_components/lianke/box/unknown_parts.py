"""Unknown parts of the service's answers and messages, remembered so that the user can report them."""

from collections.abc import Callable
from datetime import datetime
import json
import logging
from typing import Any

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..api.coerce import to_mapping, to_text
from ..api.unknown import Unknown, UnknownKind

_LOGGER = logging.getLogger(__name__)

# Maximum unknown parts of each kind that are kept. Anyone who knows the webhook's address can send messages, and these
# must not crowd out the other kinds.
MAX_OF_A_KIND = 20
# Maximum characters of a shape; a part with a longer shape is not kept.
MAX_SHAPE = 4000
# Maximum characters of a name and its place together; a part with more is not kept.
MAX_NAME = 200
_SCANNING = "/scanning/"


type _Key = tuple[str, str, str, str]


class UnknownLog:
    """Remembers each unknown part and logs it once."""

    def __init__(self, save: Callable[[], None]) -> None:
        """Create a log that calls `save` when there is something new to store."""
        self._save = save
        # The unknown parts in their stored form, oldest first.
        self._seen: dict[_Key, dict[str, Any]] = {}
        self._warned = False

    def has_room(self, kind: UnknownKind) -> bool:
        return [seen["kind"] for seen in self._seen.values()].count(kind) < MAX_OF_A_KIND

    @callback
    def observe(self, unknown: Unknown) -> None:
        """Remember and log an unknown part, unless it was seen before, is too large, or its kind is full."""
        key = _key(unknown)
        if key in self._seen or len(unknown.where) + len(unknown.name) > MAX_NAME:
            return
        if not self.has_room(unknown.kind) or len(json.dumps(unknown.shape)) > MAX_SHAPE:
            return
        self._remember(unknown, dt_util.utcnow())
        if unknown.kind is UnknownKind.MESSAGE:
            # Anyone who knows the webhook's address can send messages, and must not be able to fill the log.
            level = logging.DEBUG
        elif _SCANNING in unknown.where:
            # We do not know yet what answers about scanners look like, so unknown parts are normal in scanning.
            level = logging.INFO
        else:
            # One warning is enough for the user; more would only fill the log.
            level = logging.INFO if self._warned else logging.WARNING
            self._warned = True
        _LOGGER.log(
            level,
            "The service said something unknown (%s: %s, %s). Nothing is lost; please download the diagnostics of"
            " the box and paste their section 'unknown' into an issue",
            unknown.kind,
            unknown.where,
            unknown.name,
        )
        self._save()

    def load(self, stored: object) -> None:
        """Read what `as_stored` returned, and skip anything that cannot be read."""
        for item in stored[: MAX_OF_A_KIND * len(UnknownKind)] if isinstance(stored, list) else ():
            fields = to_mapping(item)
            first_seen = dt_util.parse_datetime(to_text(fields.get("first_seen")))
            name, where = to_text(fields.get("name")), to_text(fields.get("where"))
            if first_seen is None or not name or fields.get("kind") not in list(UnknownKind):
                continue
            shape: Any = fields.get("shape", "")
            unknown = Unknown(
                kind=UnknownKind(str(fields["kind"])), where=where, name=name, shape=shape
            )
            self._remember(unknown, first_seen)
        # The stored parts have already been logged.
        self._warned = any(
            seen["kind"] != UnknownKind.MESSAGE and _SCANNING not in seen["where"]
            for seen in self._seen.values()
        )

    def _remember(self, unknown: Unknown, first_seen: datetime) -> None:
        self._seen[_key(unknown)] = {
            "kind": unknown.kind.value,
            "where": unknown.where,
            "name": unknown.name,
            "shape": unknown.shape,
            "first_seen": first_seen.isoformat(timespec="seconds"),
        }

    def as_stored(self) -> list[dict[str, Any]]:
        """Return the unknown parts as plain JSON data, oldest first."""
        return list(self._seen.values())


def _key(unknown: Unknown) -> _Key:
    """Return a key that tells unknown parts apart. Only the keys of messages and answers contain the shape."""
    by_shape = unknown.kind in (UnknownKind.MESSAGE, UnknownKind.ANSWER)
    shape = json.dumps(unknown.shape, sort_keys=True) if by_shape else ""
    return unknown.kind.value, unknown.where, unknown.name, shape
