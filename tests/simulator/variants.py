"""Switches for behavior of the service that the vendor's documents leave open: one field for each open question.

An unknown name or value is refused at once; otherwise a typing mistake in a test would go unnoticed and switch nothing.
"""

from dataclasses import dataclass, fields
from typing import Any, Final, Literal, get_args, override

from .checks import accepts
from .models import OffMode

LISTS: Final = ("missing_blocks", "missing_endpoints")


@dataclass(kw_only=True)
class Variants:
    """Selectable behaviors; README.md describes each."""

    # Every answer
    unknown_box: Literal["code_11404", "code_404"] = "code_11404"
    latency: float = 0.0
    missing_endpoints: list[str]
    missing_answer: Literal["html", "json"] = "html"

    # Boxes
    offline_list: Literal["code_5002", "code_500", "stale", "empty"] = "code_5002"

    # Printers
    no_printers: Literal["code_497", "empty", "missing"] = "empty"
    printer_off: OffMode = "row_gone"
    busy_is_printer: Literal[0, 1] = 0
    hash_id: Literal["as_is", "missing", "number"] = "as_is"
    markers: Literal["list", "vendor", "negative", "null", "missing", "garbage"] = "list"
    missing_blocks: list[str]
    papers: Literal["yes", "empty", "missing", "code_400"] = "yes"

    # Jobs
    unfinished: Literal["state_only", "nulls", "empty_result", "zero_code"] = "state_only"
    unknown_task: Literal["code_404", "code_400"] = "code_404"
    result_delay: float = 0.0
    paper_out: Literal["waits", "fails"] = "waits"
    cancel: Literal["revokes", "prints_success", "prints_revoked", "revoked_prints"] = "revokes"
    revoked_totals: Literal["missing", "bytes"] = "missing"
    preview_pictures: Literal["drawn", "none", "counted"] = "drawn"
    preview_cut: int = 0

    # Scans
    scanners: Literal["listed", "empty", "missing", "code_403", "code_497"] = "listed"
    scanner_params: Literal["lists", "nested", "texts", "empty", "code_500"] = "lists"
    scanner_status: Literal["silent", "words", "flags", "numbers", "code_500"] = "silent"
    scanner_busy: int = 12001
    scan_states: Literal["as_of_jobs", "unknown", "missing", "odd", "odd_between"] = "as_of_jobs"
    scan_shows: Literal["at_end", "as_they_come"] = "at_end"
    scan_seconds: float = 3.0
    scan_waits: bool = False
    scan_result: Literal[
        "address",
        "addresses",
        "objects",
        "lines",
        "json_text",
        "base64",
        "base64_lines",
        "data_url",
        "both",
        "numbered",
        "sides",
        "linked",
        "bare",
        "never",
        "not_understood",
    ] = "address"
    scan_type: Literal["as_asked", "png", "pdf"] = "as_asked"
    scan_late: float = 0.0
    scan_late_each: float = 0.0
    scan_cut: float = 0.0
    scan_cut_page: int = 0
    scan_cut_times: int = -1
    scan_spoiled: Literal[
        "none",
        "head_lost",
        "zeros_at_head",
        "line_before",
        "byte_lost",
        "zeros",
        "text",
        "json",
        "html",
        "tiff",
        "bmp",
        "webp",
        "gif",
        "missing",
    ] = "none"
    scan_problem: Literal[
        "none", "feeder_empty", "jam", "jam_at_end", "lid", "unknown_code", "hangs"
    ] = "none"
    scan_problem_state: Literal["FAILURE", "SUCCESS"] = "FAILURE"
    scan_dpi: int = 150

    # The day's task list
    list_lag: float = 10.0
    list_lag_random: bool = False
    list_order: Literal["newest_first", "oldest_first"] = "newest_first"
    clock_skew: float = 0.0

    # Callbacks
    callbacks: Literal["end", "each_state", "before_answer", "never"] = "end"
    callback_encoding: Literal["json", "form"] = "json"
    callback_order: Literal["in_order", "reversed"] = "in_order"
    callback_delay: float = 0.0
    callback_duplicates: int = 0

    def __init__(self, **chosen: Any) -> None:
        for field in fields(self):
            setattr(self, field.name, [] if field.name in LISTS else field.default)
        self.update(**chosen)

    @override
    def __setattr__(self, name: str, value: Any) -> None:
        annotations = type(self).__annotations__
        if name not in annotations:
            raise ValueError(f"there is no variant {name!r}")
        if not accepts(annotations[name], value):
            allowed = get_args(annotations[name]) or annotations[name]
            raise ValueError(f"variant {name} cannot be {value!r}; allowed: {allowed}")
        super().__setattr__(name, value)

    def update(self, **chosen: Any) -> None:
        """Change several variants at once; raises ValueError for an unknown name or value."""
        for name, value in chosen.items():
            setattr(self, name, value)
