"""The parts of the service's answer about a scan: pages, missing pages, and extras.

An extra is a part that comes in addition to pages and is not a page itself. A part is an extra if
- the name of a field around it stands for something else (`_BESIDE`), such as a thumbnail or a logo;
- it is a file of a type that pages never have, in a place without pages;
- it is a relative address that cannot be fetched, in a place without pages: a path on the box, for example;
- it looks like a larger picture in another place, or like a page of a PDF; then all files in its place are extras;
- it looks like a picture in the same list that is more than twice as wide and high;
- it looks like a page of another format, and both are at the same position of two lists, or in the same list item;
- it is tiny (`_is_tiny`): even a scanned card is far larger.
If an answer has extras, we do not ask the service to forget the scan.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
import hashlib
from pathlib import Path
import re
from typing import Final, NamedTuple

from ..api.errors import LiankeError
from ..api.scan_texts import is_relative, is_success
from ..api.scanning import ScanTask, side_of_sheet
from ..const import ScanSource
from ..documents.document import CONVERTED_IMAGES, IMAGES, FileType, sniff
from ..input_error import InputError
from .scan_job import ScanRequest
from .scanner_condition import ScannerCondition, ScannerConditions

# Maximum bytes of all files of one scan together.
MAX_SCAN_BYTES: Final = 500 * 1024 * 1024
# Minimum bytes that are needed to identify a file's type; a shorter file may be the beginning of anything.
_LEAST_PAGE: Final = 16
# Minimum pixels of a page's longer side, in a place without larger pictures: a card has 250 even at 75 dpi.
_TINY: Final = 200
# Maximum factor from a page's length to the length of the longest page in the same scan; a smaller picture is no page.
# A3, the longest page, is less than eleven times as long as the shortest page (40 mm).
_TINIEST: Final = 11
_INCOMPLETE: Final = "scan_incomplete"
UNCHECKED: Final = "scan_unchecked"
_WRONG_ADDRESS: Final = "scan_wrong_address"
# The reason of a failed scan, by the reason why a part of it is not a page; all other reasons become scan_fetch_failed.
_SCAN_REASONS: Final = {
    _INCOMPLETE: _INCOMPLETE,
    UNCHECKED: UNCHECKED,
    "file_too_large": "scan_too_large",
    "url_invalid": _WRONG_ADDRESS,
    "url_not_public": _WRONG_ADDRESS,
    "url_not_https": _WRONG_ADDRESS,
}
# Reasons for which fetching a part again does not help.
_LASTING: Final = _SCAN_REASONS.keys() - {_INCOMPLETE}
# Names of fields whose content is not a page, or only the thumbnail of a page.
_BESIDE: Final = re.compile(
    r"(?i)help|faq|logo|icon|brand|banner|avatar|qr_?code|thumb|preview|small"
)
_PAGES: Final = frozenset({FileType.JPEG, FileType.PNG, FileType.PDF})
# Kinds of files that become JPEGs, or a PDF if they have several pages.
TO_CONVERT: Final = frozenset({FileType.BMP, FileType.TIFF, FileType.WEBP})


class ScannedFile(NamedTuple):
    """A page, or a PDF of pages, in the spool."""

    path: Path
    extension: str  # including the dot
    size: int  # bytes
    digest: str
    pages: int = 1


class ScanError(LiankeError):
    """A scan failed; `reason` is the key of the translated text, and `detail` is the service's own message."""

    is_passing = False

    def __init__(self, reason: str, detail: str = "") -> None:
        # A message such as "success" does not explain a failure.
        super().__init__("" if is_success(detail) else detail)
        self.reason = reason

    @property
    def conditions(self) -> ScannerConditions:
        """The scanner's conditions that the failure reports."""
        return ScannerConditions(one for one in ScannerCondition if self.reason == f"scan_{one}")


class IncompletePageError(InputError):
    """A page is missing or incomplete, or could not be checked in time; fetching it again may help."""

    reason = _INCOMPLETE


class _NoPageError(IncompletePageError):
    """The data is not a file of a known type; usually it is a page whose beginning is missing."""


class OtherError(_NoPageError):
    """The data is a file of a known type, but not a page: an error message instead of a page, or an extra file."""


class ScanResult(NamedTuple):
    files: tuple[ScannedFile, ...]  # In the order of the pages.
    failure: ScanError | None  # Why pages are missing, or None if no page is missing.


class AnswerParts:
    """The parts of an answer. Each part is a page, an extra file (such as a logo), or stands for a missing page."""

    def __init__(self, task: ScanTask, request: ScanRequest) -> None:
        self.task = task
        self._request = request
        # Pages and errors by the number of their part. `errors` has the last error of each part that is not a page.
        self.pages: dict[int, ScannedFile] = {}
        # Numbers of the pages that are extras, by what they show (True) or by their size (False).
        self._measured: dict[int, bool] = {}
        self.errors: dict[int, InputError] = {}
        # False once a newer answer has had other addresses: the order of the parts may differ between the two answers.
        self.is_one_answer = True

    def continue_with(self, again: ScanTask) -> bool:
        """Continue with a newer answer, and return True.

        Return False if the parts of the newer answer may be in another order; the caller must then fetch all pages
        again.
        """
        before = self.task
        if len(again.parts) > len(before.parts) or _paths(again) != _paths(before):
            return False
        if again.parts != before.parts and self.pages:
            self.is_one_answer = False
        self.task = again
        return True

    @property
    def is_too_large(self) -> bool:
        return sum(page.size for page in self.pages.values()) > MAX_SCAN_BYTES

    def sort_out(
        self,
        numbers: Sequence[int],
        sizes: Sequence[Sequence[int] | None],
        alike: Sequence[tuple[int, int, bool]],
    ) -> None:
        """Find the extras among the pages from the measurements of the PDF process (`pdf/scan_extras.py`)."""
        places = self.task.places
        copied: set[str] = set()
        for small, large, has_ink in alike:
            one, other = numbers[large], numbers[small]
            if side_of_sheet(places[other]) is not None:
                continue
            if sizes[small] == sizes[large]:
                is_extra = has_ink and self._is_same_page(one, other)
            else:
                # Blank sheets of different sizes in one list may all be pages.
                is_extra = has_ink or places[one] != places[other]
                copied |= {places[other]} if has_ink and places[one] != places[other] else set()
            if is_extra:
                self._measured[other] = True
        # All parts in such a place are copies. Otherwise, if a page is missing, its copy would count as the page.
        self._measured |= {one: True for one in numbers if places[one] in copied}
        longest: dict[str, int] = {}
        for number, size in zip(numbers, sizes, strict=True):
            longest[places[number]] = max(longest.get(places[number], 0), *size or (_TINY,))
        # If a page is missing, a logo may be the only picture that came.
        most = max((*longest.values(), 4 * _TINY if self.waiting() else 0))
        for number, size in zip(numbers, sizes, strict=True):
            if size and _is_tiny(max(size), most, is_alone=longest[places[number]] < _TINY):
                self._measured.setdefault(number, False)

    def is_plain(self, files: Sequence[ScannedFile]) -> bool:
        """Whether these files are certainly all pages of the scan, and each part of the answer is one of the files."""
        count = sum(file.pages for file in files)
        return (
            self.task.is_plain
            and self.task.expected <= count
            and self.is_one_answer
            and len(files) == len(self.task.parts)
            and not any(map(is_named_beside, self.task.places))
            and not (self._request.duplex and count % 2)
        )

    def waiting(self) -> list[int]:
        """Return the numbers of the parts that may still become pages."""
        return [
            number
            for number in range(len(self.task.parts))
            if number not in self.pages
            and not (
                (error := self.errors.get(number))
                and (error.reason in _LASTING or self._is_beside(number, error))
            )
        ]

    def scanned(self) -> ScanResult:
        task, pages = self.task, self.pages
        files: list[ScannedFile] = []
        missing: dict[str, InputError] = {}
        seen: dict[str, int] = {}

        def count() -> int:
            return sum(file.pages for file in files) + len(missing)

        def lacks(error: InputError) -> None:
            missing[str(count() + 1)] = error

        is_too_large = self.is_too_large
        for number in range(max(pages) + 1 if is_too_large else len(task.parts)):
            if (page := pages.get(number)) is None:
                error = self.errors.get(number) or IncompletePageError()
                if not self._is_beside(number, error):
                    lacks(error)
            elif is_named_beside(task.places[number]) and (self._numbers or task.is_open):
                # This is a thumbnail. If the answer does not have the full page as well, a page is missing.
                if not self._numbers or self._is_item_without(number):
                    lacks(IncompletePageError())
            elif number in self._measured:
                if not self._measured[number] and self._is_item_without(number):
                    lacks(IncompletePageError())
            elif (first := seen.setdefault(page.digest, number)) == number:
                files.append(page)
            elif not self._is_same_page(first, number):
                if self.is_one_answer:
                    files.append(page)
                else:
                    # The order of the parts may have changed between two answers, so one of the two equal files may
                    # have taken the place of another page.
                    lacks(IncompletePageError())
        if is_too_large:
            return ScanResult(tuple(files), ScanError("scan_too_large"))
        if not files and all(isinstance(e, _NoPageError) for e in self.errors.values()):
            # There is no page at all, so it is unknown which parts should be pages.
            missing.clear()
        if self._request.duplex and not missing and self._lacks_side(files):
            # Each sheet has two sides, even if one of them is blank.
            lacks(IncompletePageError())
        if not missing:
            return ScanResult(tuple(files), None)
        reasons = {_SCAN_REASONS.get(one.reason, "scan_fetch_failed") for one in missing.values()}
        if files and "scan_fetch_failed" in reasons:
            # There are other pages, so it is known which pages are missing.
            reasons.add(_INCOMPLETE)
            reasons.discard("scan_fetch_failed")
        # `min` compares alphabetically, which happens to prefer reasons that scanning again may fix.
        return ScanResult(
            tuple(files), ScanError(min(reasons), ", ".join(f"{one}/{count()}" for one in missing))
        )

    def _lacks_side(self, files: Sequence[ScannedFile]) -> bool:
        sides = Counter(side_of_sheet(self.task.places[one]) for one in self.pages)
        return (
            self.task.lacks_side
            or (self.task.has_half and _is_odd(files))
            # The service may leave out a side completely, so that the numbers of front and back sides differ.
            or (None not in sides and len({*sides.values()}) + (len(sides) == 1) > 1)
        )

    @property
    def _numbers(self) -> list[int]:
        """The numbers of the full pages. Thumbnails are left out: their places do not show where other pages are."""
        return [
            one
            for one in self.pages
            if one not in self._measured and not is_named_beside(self.task.places[one])
        ]

    def _is_beside(self, number: int, err: InputError) -> bool:
        """Whether a part that is not a page is certainly an extra: a help link, a logo, a page's copy in a web format.

        Usually the part's place and content decide. An extra is a complete file in a place that has no pages. An error
        message instead of a page is in a place that has pages, or in a list item that has no page although other items
        have pages. A part that cannot be fetched may be anything: only the name of its field can show that it is not a
        page.
        """
        if not (numbers := self._numbers):
            return False
        task, is_duplex = self.task, self._request.duplex
        place = task.places[number]
        page_places = {task.places[one] for one in numbers}
        if task.parts[number] == b"":
            return self._request.source is ScanSource.GLASS or not any(
                one == place or one.startswith((f"{place}.", f"{place}[")) for one in page_places
            )
        if place in page_places or self._is_item_without(number):
            return False
        if is_duplex and side_of_sheet(place):
            return False
        if is_named_beside(place):
            return True
        alike = task.places.count(place)
        if isinstance(part := task.parts[number], str) and is_relative(part):
            return True
        if not isinstance(err, OtherError) or alike > len(numbers):
            return False
        # The part may be the other side of a sheet, in a field with another name. It certainly is not if the number of
        # pages is even, or if the pages are in a list and the part is not.
        return (
            not is_duplex
            or alike > 1
            or len(numbers) % 2 == 0
            or any(_is_list_beside(one, place) for one in page_places)
        )

    def _is_same_page(self, one: int, other: int) -> bool:
        """Whether two parts with the same content are one page, sent as an address and as data, or in two fields."""
        task = self.task
        if type(task.parts[one]) is not type(task.parts[other]):
            return True
        place = task.places[other]
        # The service may send the first page of a list again outside the list.
        is_one_item = all(a == b for a, b in zip(task.items[one], task.items[other], strict=False))
        is_same_row = self._row(one) == self._row(other)
        return (
            (is_one_item or is_same_row)
            and task.places[one] != place
            and side_of_sheet(place) is None
        )

    def _row(self, number: int) -> tuple[int, int]:
        """Return the position of a part among all parts in its place, and their number."""
        places = self.task.places
        return places[:number].count(places[number]), places.count(places[number])

    def _is_item_without(self, number: int) -> bool:
        """Whether a part is in a list item that has no page, while other items of the list have a page."""
        task = self.task
        if not (items := task.items[number]):
            return False
        list_place = task.places[number].rpartition("[]")[0] + "[]"
        in_list = [one for one in self._numbers if task.places[one].startswith(list_place)]
        return bool(in_list) and all(task.items[one][: len(items)] != items for one in in_list)


def _is_odd(files: Sequence[ScannedFile]) -> bool:
    return sum(file.pages for file in files) % 2 == 1


def _paths(task: ScanTask) -> list[object]:
    """Return what identifies each part of an answer: the length of data, or an address without its signature."""
    return [len(one) if isinstance(one, bytes) else one.partition("?")[0] for one in task.parts]


def is_named_beside(place: str) -> bool:
    """Whether the name of a field at a place shows that the content is not a page, or is only a thumbnail."""
    return _BESIDE.search(place) is not None


def _is_tiny(size: int, longest: int, *, is_alone: bool) -> bool:
    """Whether a picture is too small for a page; `size` is its longer side, `longest` that of the scan's longest page.

    All pages of a scan have the same resolution. In a place without pages (`is_alone`), even a picture larger than the
    smallest possible page may be a logo.
    """
    return size * _TINIEST < longest or (is_alone and size < _TINY and size * 4 < longest)


def _is_list_beside(pages: str, place: str) -> bool:
    """Whether the place of the pages, `pages`, is in a list that does not contain `place`."""
    lists = pages.split("[]")[:-1]
    return lists != place.split("[]")[: len(lists)]


def check_page_file(path: Path) -> ScannedFile:
    """Return a file with the type found in its content; delete the file if it is not a page. Blocking.

    Raises InputError, such as IncompletePageError.
    """
    size = path.stat().st_size
    with path.open("rb") as reader:
        digest = hashlib.file_digest(reader, "sha256").hexdigest()
    kind: FileType | None = None
    with suppress(InputError):
        kind = sniff(path, path.name, may_be_raw=False)
    if kind is not None and kind in _PAGES | TO_CONVERT:
        return ScannedFile(path, str(kind), size, digest)
    path.unlink()
    if size < _LEAST_PAGE:
        raise IncompletePageError
    if kind is None:
        raise _NoPageError
    raise OtherError(UNCHECKED if kind in IMAGES | CONVERTED_IMAGES else None)
