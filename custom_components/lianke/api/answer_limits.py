"""Limits on how much of the service's answers is read, one for each kind of data.

The service is trusted. These limits only prevent a mistake of the service from costing too much memory or time, and
each limit is far above any real answer. Data beyond a limit is cut off or ignored, or the whole answer is rejected as
unexpected. Limits on what people and strangers send are defined where they are enforced.
"""

from typing import Final

# Maximum bytes of an answer. The longest real answers, paper lists, are far shorter.
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
# Maximum bytes of an answer about a scan, which may contain the pages themselves. Also the maximum total bytes of the
# JSON documents that such an answer contains as texts.
MAX_SCAN_ANSWER_BYTES: Final = 48 * 1024 * 1024
# Maximum values in a JSON text. The longest answers (the lists of the day's tasks and of all models) have about a third
# as many.
MAX_ANSWER_VALUES: Final = 150_000
# Maximum names in a list that consists of names only: the list of all models that the service has drivers for.
MAX_ANSWER_NAMES: Final = 20_000
# Maximum rows of a list or fields of an object; also the maximum values that are searched for the pages of a scan.
MAX_ANSWER_ROWS: Final = 5000
# Maximum rows in a list whose rows each become a device or an entity: printers, scanners, inks.
MAX_ANSWER_DEVICES: Final = 200
# Maximum nesting depth of lists and objects.
MAX_ANSWER_DEPTH: Final = 8
# Maximum characters of a text, of a number in JSON, or of a header.
MAX_ANSWER_TEXT: Final = 255
# Maximum characters of a web address or a ticket.
MAX_ANSWER_URL: Final = 4096
# Maximum digits of a number.
MAX_ANSWER_DIGITS: Final = 18
