"""Makes a simulated box behave like one in a report, of which `scripts/record --report` has made a fixture."""

from typing import Any

from .cloud import Cloud
from .models import Box, Outcome


def behave_like(cloud: Cloud, box: Box, fixture: dict[str, Any]) -> None:
    """Apply a fixture to a box, to its first printer and its account, and to the cloud's variants.

    If the fixture says how a print ended, the printer's next job ends that way.
    """
    box.hardware, box.software = fixture["box"]["hardware"], fixture["box"]["software"]
    printer = box.printers[0]
    printer.name = printer.driver_name = fixture["printer"]["model"]
    printer.support_status = fixture["printer"]["reports_condition"]
    cloud.variants.update(**fixture["variants"])
    if (push := fixture["push"]) is not None:
        assert box.account
        box.account.push_shape, box.account.push_encoding = push["shape"], push["encoding"]
    if (end := fixture["end"]) is not None:
        cloud.plan(printer, Outcome(code=end["code"], msg=end["msg"] or None))
