"""The guide's report: lines of text that a user can read, and that `scripts/record` turns into a fixture.

A report has no ids, addresses, titles or names. Messages of the service may quote any of these, so they are redacted.
"""

from collections.abc import Collection, Mapping, Sequence
import json
from pathlib import Path
import re
from typing import Final, NamedTuple
from urllib.parse import urlencode

from homeassistant.components.diagnostics import REDACTED
from homeassistant.const import __version__
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.loader import async_get_integration

from ..api.capabilities import Capabilities
from ..api.unknown import name_or_pattern
from ..box.printer_identity import StoredPrinter
from ..const import DOMAIN
from ..jobs.job import Job
from ..runtime import LiankeConfigEntry
from ..scanner.hub import async_get_hub, is_scanning_enabled
from ..scanner.scan_job import ScanJob
from .redaction import scrubbed, secrets_of, without_titles

# Maximum characters of the link that opens the form. Browsers and GitHub accept about 8,000.
MAX_LINK: Final = 6000
# Maximum characters of a message of the service, and of each short field of the form. A Chinese character becomes nine
# characters of the link.
MAX_SERVICE_WORDS: Final = 120
# Maximum characters of any other value in the report.
MAX_VALUE: Final = 240
# The printer's capabilities that the report describes.
BLOCKS: Final = ("papers", "trays", "media_types", "colors", "duplex", "orientations")
# The label of each line, in English and Chinese, since readers may speak either. `scripts/record` finds a line by the
# English part.
LABELS: Final[Mapping[str, str]] = json.loads(
    Path(__file__).with_name("labels.json").read_text("utf-8")
)
# Ids: words of at least eight characters with a digit in them.
_IDS = re.compile(r"(?<![\w-])(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{8,}")


class GuideScan(NamedTuple):
    # None if the scan could not begin, for the reason in `refused`.
    job: ScanJob | None
    seconds: float
    refused: str = ""


async def async_make_report(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    printer_key: str,
    job: Job | None,
    answers: Mapping[str, str],
    scan: GuideScan | None = None,
) -> str:
    """Return the report; if a link could not contain all of it, its last lines are left out."""
    integration = await async_get_integration(hass, entry.domain)
    data = entry.runtime_data
    known, box = data.storage.printers[printer_key], data.storage.box
    names = _names(hass, entry)
    proven = data.storage.callbacks_proven_for(data.account.fingerprint)
    facts = {
        "versions": f"{integration.version}, Home Assistant {__version__}",
        "box": f"{box.hardware} {box.software}" if box else "",
        "printer": _printer(known),
        "row": _row(known),
        "abilities": _abilities(known.capabilities, len(known.papers)),
        **(_printed(entry, job, names) if job else {}),
        "callbacks": f"address {_yes(data.account.address)}, arrived {_yes(proven)}",
        "push": f"arrived {_yes(data.storage.last_push_at)}, "
        f"unclear {_yes(data.account.unclear_messages)}",
        "scanners": _scanners(hass, entry),
        **(_scanned(entry, scan, names) if scan else {}),
        **answers,
    }
    cleaned = scrubbed(
        {key: " ".join(text.split())[:MAX_VALUE] for key, text in facts.items()}, secrets_of(entry)
    )
    seen = scrubbed(data.storage.unknown.as_stored(), secrets_of(entry))
    lines = [f"{LABELS[key]}: {cleaned[key]}" for key in LABELS if cleaned.get(key)]
    lines += [
        f"{LABELS['unknown']}: {one['kind']} {one['where']} {one['name']} {json.dumps(one['shape'])}"
        for one in seen
    ]
    return (await async_make_link(hass, lines))[0]


async def async_make_link(hass: HomeAssistant, lines: Sequence[str]) -> tuple[str, str]:
    """Return a report, shortened if need be, and the link to a form that contains it."""
    integration = await async_get_integration(hass, DOMAIN)
    told = dict(line.partition(": ")[::2] for line in lines)
    fields = {
        key: told.get(LABELS[key], "")[:MAX_SERVICE_WORDS] for key in ("box", "printer", "versions")
    }
    for kept in range(len(lines), -1, -1):
        cut = [f"{LABELS['left_out']}: {len(lines) - kept}"] if kept < len(lines) else []
        report = "\n".join([*lines[:kept], *cut])
        query = urlencode({"template": "works.yml", **fields, "report": report})
        link = f"{integration.issue_tracker}/new?{query}"
        if len(link) <= MAX_LINK:
            break
    return report, link


def _joined(*parts: object) -> str:
    return ", ".join(str(part) for part in parts if part is not None)


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _printer(known: StoredPrinter) -> str:
    printer = known.printer
    model, by = printer.model or printer.product, "network" if printer.ip_address else "USB"
    return _joined(model, by, printer.species.name.lower(), f"driver {printer.driver}")


def _row(known: StoredPrinter) -> str:
    printer, number = known.printer, (known.printer.hash_id or "").isdecimal()
    return _joined(
        f"hash_id {'missing' if not printer.hash_id else 'number' if number else 'text'}",
        f"condition {_yes(printer.reports_condition)}",
        f"markers {len(printer.markers)}",
        f"state {name_or_pattern(printer.raw_state or 'none')}",
    )


def _abilities(able: Capabilities | None, sizes: int) -> str:
    """Describe each of BLOCKS by its values, by their number, or as missing."""
    told: dict[str, object] = {}
    for name in BLOCKS:
        if (block := getattr(able, name, None)) is None:
            told[name] = "missing"
        else:
            is_set = isinstance(block, frozenset)
            told[name] = "/".join(map(str, sorted(block))) if is_set else len(block)
    return _joined(*(f"{name} {value}" for name, value in told.items()), f"sizes {sizes}")


def _printed(entry: LiankeConfigEntry, job: Job, names: Collection[str]) -> dict[str, str]:
    now = job.current_delivery
    moments = {
        "upload": now.handed_over_at,
        "first word": now.task_known_at,
        "callback": now.proven_at,
        "end": now.ended_at,
        "push": entry.runtime_data.storage.last_push_at,
    }
    seconds = {
        name: (at - job.created_at).total_seconds()
        for name, at in moments.items()
        if at is not None
    }
    partly = "partly" if job.partly_printed else None
    return {
        "options": " ".join(f"{name}={value}" for name, value in now.options.form_fields().items()),
        "result": _joined(job.state, now.reason, now.code, partly, f"pages {job.pages_printed}"),
        "words": _words(entry, names, now.detail),
        # A negative time is that of a push message from before the job.
        "seconds": _joined(*(f"{name} {past:.1f}" for name, past in seconds.items() if past >= 0)),
    }


def _scanners(hass: HomeAssistant, entry: LiankeConfigEntry) -> str:
    """Return how many scanners the service lists, or why there is no list."""
    hub = async_get_hub(hass, entry)
    if not is_scanning_enabled(hass):
        return "switched off"
    return hub.list_error or str(sum(known.present for known in hub.scanners.values()))


def _scanned(entry: LiankeConfigEntry, scan: GuideScan, names: Collection[str]) -> dict[str, str]:
    if (job := scan.job) is None:
        return {"scan": _joined("refused", scan.refused)}
    told = _joined(job.state, job.reason, f"pages {job.page_count}", f"{scan.seconds:.1f} s")
    return {"scan": told, "scan_words": _words(entry, names, job.detail)}


def _words(entry: LiankeConfigEntry, names: Collection[str], text: str) -> str:
    """Return a message of the service without the names, titles and ids that it may quote."""
    text = without_titles(entry, text)
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, REDACTED)
    # Redact before the text is cut, since half an address would no longer look like one.
    return _IDS.sub(REDACTED, str(scrubbed(text, secrets_of(entry))))[:MAX_SERVICE_WORDS]


def _names(hass: HomeAssistant, entry: LiankeConfigEntry) -> set[str]:
    """Return the names and ids to redact: those that the service knows, and those that users gave to devices and home.

    Names of users and rooms are not needed: the service does not know them.
    """
    storage = entry.runtime_data.storage
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    names = {name for device in devices for name in (device.name, device.name_by_user)}
    names |= {entry.title, hass.config.location_name, *storage.scanners.values()}
    for known in storage.printers.values():
        names |= {known.name, known.printer.name, known.printer.hash_id, str(known.printer.row_id)}
    return {name for name in names if name and len(name) > 1}
