"""Names and limits that several modules share."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

DOMAIN: Final = "lianke"
MANUFACTURER: Final = "Lianke"
# Media types of documents, as used in IPP and eSCL.
PDF_TYPE: Final = "application/pdf"
JPEG_TYPE: Final = "image/jpeg"
# The vendor's console, where boxes are bound to an account.
CONSOLE_URL: Final = "https://open.liankenet.com"

# This version keeps older releases from setting up the entry: they would treat its jobs as damaged or print them again.
ENTRY_VERSION: Final = 2

# Keys of the entry's data, in addition to Home Assistant's constants for `api_key`, `device_id` and `webhook_id`.
CONF_DEVICE_KEY: Final = "device_key"
CONF_SERVER: Final = "server"

# Keys of the entry's options, which are read each time they are needed. An absent option has its default value.
CONF_PRINTER_KIND: Final = "printer_kind"
CONF_QUIET_FROM: Final = "quiet_from"
CONF_QUIET_TO: Final = "quiet_to"
# The script that can receive finished scans.
CONF_SCAN_SCRIPT: Final = "scan_script"
# Further destinations of scans: a folder, a notify entity of the integration `smtp`, and Paperless-ngx with the tags
# for its documents. The address and token are used only if the integration `paperless_ngx` has no entry.
CONF_SCAN_FOLDER: Final = "scan_folder"
CONF_SCAN_MAIL: Final = "scan_mail"
CONF_PAPERLESS_URL: Final = "paperless_url"
CONF_PAPERLESS_TOKEN: Final = "paperless_token"  # noqa: S105
CONF_PAPERLESS_ANY_CERTIFICATE: Final = "paperless_any_certificate"
CONF_PAPERLESS_TAGS: Final = "paperless_tags"
# Destinations of scans started with a scanner's button: “SCANNER DESTINATION”, or “DESTINATION” for all scanners.
CONF_SCAN_SEND_TO: Final = "scan_send_to"
CONF_DEFAULT_OPTIONS: Final = "default_options"
CONF_PRINTER_OPTIONS: Final = "printer_options"
# Ids of the users who approve jobs; if there are no such users, administrators approve jobs.
CONF_APPROVERS: Final = "approvers"
# Which jobs need approval: jobs of more than this many pages, and all jobs of these users, sources or printers.
CONF_APPROVAL_PAGES: Final = "approval_pages"
CONF_APPROVAL_USERS: Final = "approval_users"
CONF_APPROVAL_SOURCES: Final = "approval_sources"
CONF_APPROVAL_PRINTERS: Final = "approval_printers"
# Notify entities and actions that reach the approvers.
CONF_APPROVAL_NOTIFY: Final = "approval_notify"
# Printers and users whose jobs wait until somebody releases them at the printer, and the hashed codes with which users
# release their jobs.
CONF_RELEASE_PRINTERS: Final = "release_printers"
CONF_RELEASE_USERS: Final = "release_users"
CONF_RELEASE_CODES: Final = "release_codes"
CONF_NOZZLE_CARE: Final = "keep_alive"
# Pages that a user may print in a month (0: no limit), the users with this limit (none listed: all users), and what
# happens to jobs that exceed the limit.
CONF_MONTHLY_PAGES: Final = "monthly_pages"
CONF_MONTHLY_USERS: Final = "monthly_users"
CONF_MONTHLY_BEYOND: Final = "monthly_beyond"
BEYOND_APPROVAL: Final = "approval"
BEYOND_REFUSED: Final = "refused"
CONF_PAGE_STATISTICS: Final = "page_statistics"
# By printer key: the fallback printer ("<config entry>/<printer key>"), and the minutes until it takes over.
CONF_FALLBACK_PRINTERS: Final = "stand_ins"
FALLBACK_PRINTER: Final = "printer"
FALLBACK_MINUTES: Final = "minutes"
# By printer key: the tokens of the printers that are offered to the home network.
CONF_LAN_PRINTERS: Final = "lan_printers"
LAN_PRINTER_PATH: Final = f"/api/{DOMAIN}/ipp"
# By scanner id: the tokens of the scanners that are offered to the home network.
CONF_LAN_SCANNERS: Final = "lan_scanners"
LAN_SCANNER_PATH: Final = f"/api/{DOMAIN}/escl"

PRINTER_KINDS: Final = ("usb", "network", "both")
DEFAULT_PRINTER_KIND: Final = "both"
# Seconds: the longest poll interval that a user can set.
MAX_POLL_INTERVAL: Final = 3600


class Setting(NamedTuple):
    """An integer option of a box, with its default and bounds."""

    key: str
    default: int
    least: int
    most: int
    unit: str

    def of(self, options: Mapping[str, Any]) -> int:
        return int(options.get(self.key, self.default))


POLL_INTERVAL: Final = Setting("poll_interval", 60, 30, MAX_POLL_INTERVAL, "seconds")
HOLD_HOURS: Final = Setting("hold_hours", 12, 1, 168, "hours")
# Maximum size of a document; a larger document is refused with `file_too_large`.
MAX_DOCUMENT_MB: Final = Setting("max_document_mb", 50, 1, 200, "MB")
# Maximum number of pages of a job, counting every copy.
MAX_PAGES: Final = Setting("max_pages", 100, 1, 9999, "pages")
# Maximum number of jobs on a printer in an hour, for each user and for each device of the home network.
MAX_JOBS_PER_HOUR: Final = Setting("max_jobs_per_hour", 30, 1, 999, "jobs")
# How long the documents of jobs that were not printed are kept.
KEEP_FAILED_HOURS: Final = Setting("keep_failed_hours", 24, 0, 720, "hours")
# How long the documents of printed or canceled jobs are kept: not at all by default, since documents are private.
KEEP_PRINTED_HOURS: Final = Setting("keep_printed_hours", 0, 0, 720, "hours")
# How long scans are kept; older scans are deleted.
KEEP_SCANS_DAYS: Final = Setting("keep_scans_days", 30, 1, 365, "days")
# Maximum size of all kept scans of a box together; the oldest scans are deleted first.
KEEP_SCANS_MB: Final = Setting("keep_scans_mb", 1024, 100, 10240, "MB")


class ScanColor(StrEnum):
    COLOR = "color"
    GRAY = "gray"
    MONO = "mono"


class ScanSource(StrEnum):
    GLASS = "glass"
    FEEDER = "feeder"
