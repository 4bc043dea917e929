"""Forms of the options flow, and the options that their answers stand for.

An answer that equals the present options changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from homeassistant.helpers.selector import (
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TimeSelector,
)
from homeassistant.util import dt as dt_util
import voluptuous as vol

from ..api.capabilities import STANDARD, Capabilities, Paper
from ..api.errors import OptionError
from ..api.models import Species
from ..api.option_resolver import resolve_options
from ..api.options import (
    ALIGNMENTS,
    COLORS,
    ORIENTATIONS,
    QUALITIES,
    SCALES,
    PrintOptions,
    duplex_names,
)
from ..const import (
    CONF_HOLD_HOURS,
    CONF_KEEP_FAILED_HOURS,
    CONF_KEEP_PRINTED_HOURS,
    CONF_MAX_DOCUMENT_MB,
    CONF_MAX_JOBS_PER_HOUR,
    CONF_MAX_PAGES,
    CONF_POLL_INTERVAL,
    CONF_PRINTER_KIND,
    CONF_QUIET_FROM,
    CONF_QUIET_TO,
    DEFAULT_HOLD_HOURS,
    DEFAULT_KEEP_FAILED_HOURS,
    DEFAULT_KEEP_PRINTED_HOURS,
    DEFAULT_MAX_DOCUMENT_MB,
    DEFAULT_MAX_JOBS_PER_HOUR,
    DEFAULT_MAX_PAGES,
    DEFAULT_POLL_INTERVAL,
    DEFAULT_PRINTER_KIND,
    MAX_POLL_INTERVAL,
    MIN_POLL_INTERVAL,
    PRINTER_KINDS,
)
from ..options_frame import number_field, several
from .blueprints import BLUEPRINTS

YES = "yes"
NO = "no"
SWITCHES = ("auto_rotate", "reverse_order")
SIZES = ("paper_width", "paper_height")


class _Number(NamedTuple):
    """A whole number among the settings."""

    default: int
    low: int
    high: int
    unit: str


_NUMBERS: Mapping[str, _Number] = {
    CONF_POLL_INTERVAL: _Number(
        default=DEFAULT_POLL_INTERVAL, low=MIN_POLL_INTERVAL, high=MAX_POLL_INTERVAL, unit="seconds"
    ),
    CONF_HOLD_HOURS: _Number(default=DEFAULT_HOLD_HOURS, low=1, high=168, unit="hours"),
    CONF_MAX_DOCUMENT_MB: _Number(default=DEFAULT_MAX_DOCUMENT_MB, low=1, high=200, unit="MB"),
    CONF_MAX_PAGES: _Number(default=DEFAULT_MAX_PAGES, low=1, high=9999, unit="pages"),
    CONF_MAX_JOBS_PER_HOUR: _Number(
        default=DEFAULT_MAX_JOBS_PER_HOUR, low=1, high=999, unit="jobs"
    ),
    CONF_KEEP_FAILED_HOURS: _Number(
        default=DEFAULT_KEEP_FAILED_HOURS, low=0, high=720, unit="hours"
    ),
    CONF_KEEP_PRINTED_HOURS: _Number(
        default=DEFAULT_KEEP_PRINTED_HOURS, low=0, high=720, unit="hours"
    ),
}


def _choice(name: str, options: Iterable[str], *, custom: bool = False) -> SelectSelector:
    """Return a drop-down list whose texts are translated under its name."""
    return SelectSelector(
        SelectSelectorConfig(
            options=list(options),
            translation_key=name,
            custom_value=custom,
            mode=SelectSelectorMode.DROPDOWN,
        )
    )


def _driver_names(options: Iterable[str]) -> SelectSelector:
    """Return a drop-down list of the driver's own names, with room for another."""
    return SelectSelector(
        SelectSelectorConfig(
            options=list(dict.fromkeys(name.strip() for name in options)),
            custom_value=True,
            mode=SelectSelectorMode.DROPDOWN,
        )
    )


def settings_schema(options: Mapping[str, Any]) -> vol.Schema:
    """Return the form of the general settings with their present values."""
    schema: dict[vol.Marker, object] = {}
    for key, number in _NUMBERS.items():
        default = options.get(key, number.default)
        selector = number_field(number.low, number.high, unit=number.unit)
        schema[vol.Required(key, default=default)] = selector
        if key == CONF_POLL_INTERVAL:
            kind = options.get(CONF_PRINTER_KIND, DEFAULT_PRINTER_KIND)
            schema[vol.Required(CONF_PRINTER_KIND, default=kind)] = _choice(
                CONF_PRINTER_KIND, PRINTER_KINDS
            )
            for time_key in (CONF_QUIET_FROM, CONF_QUIET_TO):
                shown = {"suggested_value": options.get(time_key)}
                schema[vol.Optional(time_key, description=shown)] = TimeSelector()
    return vol.Schema(schema)


def settings_errors(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return the errors of the general settings, by field."""
    begin = dt_util.parse_time(answer.get(CONF_QUIET_FROM) or "")
    end = dt_util.parse_time(answer.get(CONF_QUIET_TO) or "")
    if (begin is None) is not (end is None):
        return {CONF_QUIET_TO if end is None else CONF_QUIET_FROM: "quiet_hours_need_both"}
    if begin is not None and begin == end:
        return {CONF_QUIET_TO: "quiet_hours_are_none"}
    return {}


def settings_from(answer: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with the general settings changed as answered."""
    wanted: dict[str, Any] = {
        key: (int(answer[key]), number.default) for key, number in _NUMBERS.items()
    }
    wanted[CONF_PRINTER_KIND] = (answer[CONF_PRINTER_KIND], DEFAULT_PRINTER_KIND)
    changed = dict(options)
    for key, (value, default) in wanted.items():
        if value != options.get(key, default):
            changed[key] = value
    for key in (CONF_QUIET_FROM, CONF_QUIET_TO):
        if answer.get(key):
            changed[key] = answer[key]
        else:
            changed.pop(key, None)
    return changed


def defaults_schema(
    stored: Mapping[str, Any],
    capabilities: Capabilities | None = None,
    papers: tuple[Paper, ...] = (),
) -> vol.Schema:
    """Return the form of default print options, limited to what a printer can do where that is known."""
    able = capabilities or Capabilities()
    names = [*(able.papers or {}), *(paper.name for paper in papers)]

    def possible(
        field: str, values: Mapping[str, int], ids: frozenset[int] | None
    ) -> SelectSelector:
        # The stored value stays in the list, so that submitting it shows its error.
        return _choice(
            field,
            [
                name
                for name, number in values.items()
                if ids is None or number in ids or name == stored.get(field)
            ],
        )

    # A size beyond the range gets an error of our own, which says what is possible.
    size = number_field(0.1, None, step=0.1, unit="mm")
    fields: dict[str, object] = {
        "paper": _driver_names(names or [paper.name for paper in STANDARD]),
        "paper_width": size,
        "paper_height": size,
        "color": possible("color", COLORS, able.colors),
        "duplex": _choice("duplex", _with(stored.get("duplex"), duplex_names(able.duplex))),
        "orientation": possible("orientation", ORIENTATIONS, able.orientations),
        "tray": _driver_names(able.trays or ()),
        "media_type": _driver_names(able.media_types or ()),
        "quality": _choice("quality", QUALITIES),
        "scale": _choice("scale", SCALES, custom=True),
        "align": _choice("align", ALIGNMENTS),
        **{name: _choice("yes_no", (YES, NO)) for name in SWITCHES},
    }
    return vol.Schema(
        {
            vol.Optional(name, description={"suggested_value": _shown(stored.get(name))}): selector
            for name, selector in fields.items()
        }
    )


def _with(stored: str | None, names: list[str]) -> list[str]:
    """Return names with the stored one among them, so that submitting it shows its error."""
    return names if stored is None or stored in names else [*names, stored]


def _shown(value: object) -> object:
    """Return a stored default as the form shows it."""
    if isinstance(value, bool):
        return YES if value else NO
    return value


def defaults_from(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the default options of an answer; empty fields are unset."""
    chosen: dict[str, Any] = {}
    for name, answered in answer.items():
        value = answered.strip() if isinstance(answered, str) else answered
        if value not in (None, ""):
            chosen[name] = value == YES if name in SWITCHES else value
    return chosen


def check_defaults(
    options: PrintOptions,
    capabilities: Capabilities | None,
    papers: tuple[Paper, ...],
    species: Species,
) -> None:
    """Raise OptionError when a printer does not support these defaults."""
    try:
        resolve_options(options, capabilities, papers, species)
    except OptionError as err:
        if err.reason != "paper_required":
            raise
        # The paper of a label printer may be left to each action; check the rest.
        sized = replace(options, paper_width=100.0, paper_height=100.0)
        resolve_options(sized, capabilities, papers, species)


def shown_reason(err: OptionError) -> str:
    """Return the form's error key for an option that cannot be a default."""
    if err.reason.endswith("_not_available") or err.reason == "invalid_option":
        return "not_available"
    return err.reason


def blueprints_schema(chosen: Iterable[str] | None = None) -> vol.Schema:
    """Return the form with the blueprints to copy, all of them by default."""
    return vol.Schema(
        {
            vol.Required(
                "blueprints", default=list(BLUEPRINTS if chosen is None else chosen)
            ): several(list(BLUEPRINTS), key="blueprints")
        }
    )
