"""Makes a simulated box behave like a reported one, by a fixture of `scripts/record --report`."""

from typing import Any

from .cloud import Cloud
from .models import Box, Outcome


def behave_like(cloud: Cloud, box: Box, fixture: dict[str, Any]) -> None:
    """Take over the fixture's box, its printer as the box's first one, its variants, and the end of the next page."""
    box.hardware, box.software = fixture["box"]["hardware"], fixture["box"]["software"]
    printer = box.printers[0]
    printer.name = printer.driver_name = fixture["printer"]["model"]
    printer.support_status = fixture["printer"]["reports_condition"]
    cloud.variants.update(**fixture["variants"])
    if (end := fixture["end"]) is not None:
        cloud.plan(printer, Outcome(code=end["code"], msg=end["msg"] or None))
