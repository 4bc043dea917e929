"""Names and limits that several modules share."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

DOMAIN: Final = "lianke"
MANUFACTURER: Final = "Lianke"
# The vendor's console, where boxes are bound to an account.
CONSOLE_URL: Final = "https://open.liankenet.com"

# An earlier version must not set up an entry of this one: it would take the jobs for damaged, or print them again.
ENTRY_VERSION: Final = 2

# Facts of the connection, in the entry's data. `api_key`, `device_id` and `webhook_id` have the
# names that homeassistant.const gives them.
CONF_DEVICE_KEY: Final = "device_key"
CONF_SERVER: Final = "server"

# Options, read at each use. An absent option has its default.
CONF_PRINTER_KIND: Final = "printer_kind"
CONF_QUIET_FROM: Final = "quiet_from"
CONF_QUIET_TO: Final = "quiet_to"
# The script that finished scans can be handed on to.
CONF_SCAN_SCRIPT: Final = "scan_script"
CONF_DEFAULT_OPTIONS: Final = "default_options"
CONF_PRINTER_OPTIONS: Final = "printer_options"
# Ids of the users who approve jobs; without any, administrators do.
CONF_APPROVERS: Final = "approvers"
# What is to be approved: jobs above so many pages, of these users, sources and printers.
CONF_APPROVAL_PAGES: Final = "approval_pages"
CONF_APPROVAL_USERS: Final = "approval_users"
CONF_APPROVAL_SOURCES: Final = "approval_sources"
CONF_APPROVAL_PRINTERS: Final = "approval_printers"
# Notify entities and actions that reach the approvers.
CONF_APPROVAL_NOTIFY: Final = "approval_notify"
# Whose jobs wait for somebody at the printer, and users' codes for it, hashed.
CONF_RELEASE_PRINTERS: Final = "release_printers"
CONF_RELEASE_USERS: Final = "release_users"
CONF_RELEASE_CODES: Final = "release_codes"
CONF_NOZZLE_CARE: Final = "keep_alive"
# Pages that a user may print in a month, 0 for any number; which users, none for all; and what becomes of
# more.
CONF_MONTHLY_PAGES: Final = "monthly_pages"
CONF_MONTHLY_USERS: Final = "monthly_users"
CONF_MONTHLY_BEYOND: Final = "monthly_beyond"
BEYOND_APPROVAL: Final = "approval"
BEYOND_REFUSED: Final = "refused"
CONF_PAGE_STATISTICS: Final = "page_statistics"
# By printer key: which printer takes over, "<config entry>/<printer key>", and after how many minutes.
CONF_STAND_INS: Final = "stand_ins"
STAND_IN_PRINTER: Final = "printer"
STAND_IN_MINUTES: Final = "minutes"
# The tokens of the printers that are offered to the home network, by printer key.
CONF_LAN_PRINTERS: Final = "lan_printers"
LAN_PRINTER_PATH: Final = f"/api/{DOMAIN}/ipp"
# The same of the scanners, by the service's ids.
CONF_LAN_SCANNERS: Final = "lan_scanners"
LAN_SCANNER_PATH: Final = f"/api/{DOMAIN}/escl"

PRINTER_KINDS: Final = ("usb", "network", "both")
DEFAULT_PRINTER_KIND: Final = "both"


MAX_POLL_INTERVAL: Final = 3600
"""seconds."""


class Setting(NamedTuple):
    """A whole number among the options of a box: its key, what it is unless it is set, its bounds and unit."""

    key: str
    default: int
    least: int
    most: int
    unit: str

    def of(self, options: Mapping[str, Any]) -> int:
        """Return its value by the options of an entry."""
        return int(options.get(self.key, self.default))


POLL_INTERVAL: Final = Setting("poll_interval", 60, 30, MAX_POLL_INTERVAL, "seconds")
HOLD_HOURS: Final = Setting("hold_hours", 12, 1, 168, "hours")
MAX_DOCUMENT_MB: Final = Setting("max_document_mb", 50, 1, 200, "MB")
# Pages times copies of one job.
MAX_PAGES: Final = Setting("max_pages", 100, 1, 9999, "pages")
# Of one printer.
MAX_JOBS_PER_HOUR: Final = Setting("max_jobs_per_hour", 30, 1, 999, "jobs")
KEEP_FAILED_HOURS: Final = Setting("keep_failed_hours", 24, 0, 720, "hours")
# Off: it is somebody's paper.
KEEP_PRINTED_HOURS: Final = Setting("keep_printed_hours", 0, 0, 720, "hours")
KEEP_SCANS_DAYS: Final = Setting("keep_scans_days", 30, 1, 365, "days")
# Of a box, with their pages.
KEEP_SCANS_MB: Final = Setting("keep_scans_mb", 1024, 100, 10240, "MB")


class ScanColor(StrEnum):
    """How a page is scanned."""

    COLOR = "color"
    GRAY = "gray"
    MONO = "mono"


class ScanSource(StrEnum):
    """Where the paper is."""

    GLASS = "glass"
    FEEDER = "feeder"
