"""Limits for scans: how many scans may begin, how long a scan waits, and which scans are kept."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from ..account.request_limits import MINUTE
from .scan_job import ScanJob, ScanState

# How many scans may begin

# Maximum number of scans per scanner and minute that the house (its people and automations) may begin. A complete scan
# takes so long that nobody needs more.
MAX_STARTS: Final = 12
# Maximum number of scans per scanner and minute that all devices of the home network together may begin.
MAX_LAN_STARTS: Final = 10
# Maximum number of scans per scanner and minute that one device of the home network may begin.
MAX_LAN_STARTS_A_DEVICE: Final = 8
# Seconds that a new scan waits while other scans use the scanner; after that, it is refused with `scanner_busy`.
SCANNER_TURN_SECONDS: Final = 20.0


def seconds_until_free(
    begun: Sequence[tuple[float, str | None]], device: str | None, now: float
) -> float:
    """Return the seconds until a device (None: Home Assistant) may begin another scan; 0 or less means now.

    `begun` has the scanner's latest scans, oldest first: when each began, in seconds by the clock of `now`, and for
    which device. The limit exists because scans that are begun and canceled again and again would use up the account's
    requests.
    """
    own = [at for at, by in begun if by == device]
    most = MAX_STARTS if device is None else MAX_LAN_STARTS_A_DEVICE
    if device and any(by not in (None, device) and at > now - MINUTE for at, by in begun):
        # Another device scans, too: leave half of the scans to it.
        most = MAX_LAN_STARTS // 2
    counted = [(own, most)]
    if device is not None:
        counted.append(([at for at, by in begun if by is not None], MAX_LAN_STARTS))
    full = [times[-most] for times, most in counted if len(times) >= most]
    return max(full) + MINUTE - now if full else 0


# How long a scan waits, and how many pages it has

# Maximum number of pages of a scan; a scan with this many pages does not wait for another page.
MAX_SCAN_PAGES: Final = 200
# Seconds that a scan waits for a person at the scanner; after that, the scan ends with the pages that it has.
GLASS_SECONDS: Final = 3600.0

# How often the service is asked

# Maximum number of requests for one scan in any minute: for the scanner's condition, to start, to poll, and to forget
# the scan. A request to cancel the scan, which never waits, may be the tenth.
MAX_SCAN_REQUESTS: Final = 9
# Seconds for which a scanner's reported condition is used before we ask for it again.
CONDITION_SECONDS: Final = 10.0
# Seconds to wait for an answer about a scanner's condition, so that a slow answer does not delay a scan.
LOOK_SECONDS: Final = 1.0
# Seconds for which the reported condition of a feeder or cover is a reason to refuse a scan.
CURRENT_SECONDS: Final = 2.0

# When we ask the service to forget a scan

# Seconds between the end of a feeder's scan, after which late pages may come, and our request that the service forget
# the scan; also the seconds between two tries of this request.
FORGET_PAUSE: Final = 120.0
# Maximum number of times that we ask the service to forget a scan if it does not answer.
FORGET_TRIES: Final = 5

# Which scans are kept

# Maximum number of kept scans per box; the oldest are deleted first.
MAX_KEPT_SCANS: Final = 500
# How long the scanned pages of a printed copy are kept.
KEEP_COPIES: Final = timedelta(days=1)


def scans_to_delete(
    finished: Sequence[ScanJob],
    sizes: Mapping[str, int],
    now: datetime,
    *,
    keep: timedelta,
    most_bytes: int,
) -> list[str]:
    """Return the ids of the scans that exceed the limits of age, number and total size; `finished` is oldest first.

    `sizes` are the bytes of every scan, finished or not. The newest finished scan is never deleted because of its size.
    """
    total = sum(sizes.values())
    gone: list[str] = []
    for number, job in enumerate(finished):
        is_copied = job.printing and job.state is ScanState.COMPLETED
        is_old = now - job.created_at > (KEEP_COPIES if is_copied else keep)
        newer = len(finished) - number - 1
        if is_old or newer >= MAX_KEPT_SCANS or (total > most_bytes and newer):
            total -= sizes.get(job.job_id, 0)
            gone.append(job.job_id)
    return gone
