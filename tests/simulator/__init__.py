"""A simulated Lianke cloud on a real port of this machine; it is never more lenient than the service."""

from .cloud import Cloud
from .faults import Fault
from .models import Account, Box, Outcome, PrintedJob, Printer, Task
from .qr import qr_link, qr_png
from .samples import make_pdf
from .server import Simulator
from .variants import Variants

__all__ = [
    "Account",
    "Box",
    "Cloud",
    "Fault",
    "Outcome",
    "PrintedJob",
    "Printer",
    "Simulator",
    "Task",
    "Variants",
    "make_pdf",
    "qr_link",
    "qr_png",
]
