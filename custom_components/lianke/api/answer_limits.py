"""How much of an answer of the service is read: one limit for each kind of thing.

The service is trusted. These limits only keep a mistake of it from costing memory or time, and each is far beyond
anything real; what is beyond one is cut or ignored, or makes the answer an unexpected one. Bounds on what people and
strangers send have names of their own, where they guard.
"""

from typing import Final

# Bytes. The longest real answers, paper lists, are far shorter.
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
# Bytes of an answer about a scan, which may hold the pages themselves; also of all JSON in texts of it.
MAX_SCAN_ANSWER_BYTES: Final = 48 * 1024 * 1024
# Values in a JSON text. The longest answers (the day's list, the list of all models) have a third of that.
MAX_ANSWER_VALUES: Final = 150_000
# Names in a list of nothing else: all models that the service has drivers for.
MAX_ANSWER_NAMES: Final = 20_000
# Rows of a list, fields of an object, or values among which the pages of a scan are looked for.
MAX_ANSWER_ROWS: Final = 5000
# Rows that each become a device or an entity: printers, scanners, inks.
MAX_ANSWER_DEVICES: Final = 200
# Lists and objects inside one another.
MAX_ANSWER_DEPTH: Final = 8
# Characters of a text, a number in JSON, or a header.
MAX_ANSWER_TEXT: Final = 255
# Characters of a web address or a ticket.
MAX_ANSWER_URL: Final = 4096
# Digits of a number.
MAX_ANSWER_DIGITS: Final = 18
