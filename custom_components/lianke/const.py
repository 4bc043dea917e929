"""Names and limits that several modules share."""

from typing import Final

DOMAIN: Final = "lianke"
MANUFACTURER: Final = "Lianke"
# The vendor's console, where boxes are bound to an account.
CONSOLE_URL: Final = "https://open.liankenet.com"

# Facts of the connection, in the entry's data. `api_key`, `device_id` and `webhook_id` have the
# names that homeassistant.const gives them.
CONF_DEVICE_KEY: Final = "device_key"
CONF_SERVER: Final = "server"

# Options, read at each use. An absent option has its default.
CONF_POLL_INTERVAL: Final = "poll_interval"
CONF_PRINTER_KIND: Final = "printer_kind"
CONF_QUIET_FROM: Final = "quiet_from"
CONF_QUIET_TO: Final = "quiet_to"
CONF_HOLD_HOURS: Final = "hold_hours"
CONF_MAX_DOCUMENT_MB: Final = "max_document_mb"
CONF_MAX_PAGES: Final = "max_pages"
CONF_MAX_JOBS_PER_HOUR: Final = "max_jobs_per_hour"
CONF_KEEP_FAILED_HOURS: Final = "keep_failed_hours"
CONF_KEEP_PRINTED_HOURS: Final = "keep_printed_hours"
CONF_KEEP_SCANS_DAYS: Final = "keep_scans_days"
CONF_KEEP_SCANS_MB: Final = "keep_scans_mb"
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
CONF_KEEP_ALIVE: Final = "keep_alive"
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
# How stacks are turned over for their second sides, by printer key.
# The tokens of the printers that are offered to the home network, by printer key.
CONF_LAN_PRINTERS: Final = "lan_printers"
LAN_PRINTER_PATH: Final = f"/api/{DOMAIN}/ipp"
# The same of the scanners, by the service's ids.
CONF_LAN_SCANNERS: Final = "lan_scanners"
LAN_SCANNER_PATH: Final = f"/api/{DOMAIN}/escl"

PRINTER_KINDS: Final = ("usb", "network", "both")
DEFAULT_PRINTER_KIND: Final = "both"

# Seconds.
DEFAULT_POLL_INTERVAL: Final = 60
MIN_POLL_INTERVAL: Final = 30
MAX_POLL_INTERVAL: Final = 3600

DEFAULT_HOLD_HOURS: Final = 12
DEFAULT_KEEP_FAILED_HOURS: Final = 24
# Off: it is somebody's paper.
DEFAULT_KEEP_PRINTED_HOURS: Final = 0
DEFAULT_KEEP_SCANS_DAYS: Final = 30
# Of a box, with their pages.
DEFAULT_KEEP_SCANS_MB: Final = 1024
DEFAULT_MAX_DOCUMENT_MB: Final = 50
# Pages times copies of one job.
DEFAULT_MAX_PAGES: Final = 100
# Of one printer.
DEFAULT_MAX_JOBS_PER_HOUR: Final = 30
