"""A measured figure with its baseline and its goal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
import json
from statistics import median
from typing import Final, Self

# Milliseconds: nobody notices a shorter wait.
FELT: Final = 40.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One result; `value`, `baseline` and `goal` are in `unit`."""

    name: str
    value: float
    unit: str
    baseline: float | None
    # Maximum of `value`; None if nobody would notice a higher one.
    goal: float | None = None
    # The goal as a multiple of the baseline, if it was given as one.
    factor: float | None = None
    # For people only.
    note: str = ""
    # Whether something went wrong that the value does not show, such as a lost callback.
    failed: bool = False

    @classmethod
    def times(
        cls,
        name: str,
        value: float,
        unit: str,
        baseline: float,
        factor: float,
        note: str = "",
    ) -> Self:
        """Make a figure whose goal is a multiple of its baseline."""
        return cls(
            name=name,
            value=value,
            unit=unit,
            baseline=baseline,
            goal=baseline * factor,
            factor=factor,
            note=note,
        )

    @property
    def ok(self) -> bool:
        """Whether the figure meets its goal, if it has one, and nothing failed."""
        return (self.goal is None or self.value <= self.goal) and not self.failed

    def as_json(self) -> str:
        """Return the figure as one line of JSON."""
        return json.dumps(
            {
                "name": self.name,
                "value": _rounded(self.value),
                "unit": self.unit,
                "baseline": _rounded(self.baseline),
                "goal": _rounded(self.goal),
                "factor": self.factor,
                "ok": self.ok,
            }
        )


def _rounded(value: float | None) -> float | None:
    """Return the value rounded to four significant digits."""
    return None if value is None else float(f"{value:.4g}")


def _text(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(figures: Iterable[Figure]) -> str:
    rows = [("figure", "value", "baseline", "ratio", "goal", "", "")]
    for figure in figures:
        base = figure.baseline
        rows.append(
            (
                figure.name,
                f"{_text(figure.value)} {figure.unit}",
                _text(base),
                f"{figure.value / base:.2f}" if base else "-",
                "" if figure.goal is None else f"≤ {_text(figure.goal)}",
                "ok" if figure.ok else "MISSED",
                figure.note,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return "\n".join(
        "  ".join(
            (*(text.ljust(width) for text, width in zip(row[:-1], widths, strict=True)), row[6])
        ).rstrip()
        for row in rows
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share (0 to 1) of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def middle(values: Sequence[float]) -> float:
    return float(median(values))
