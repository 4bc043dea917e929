"""Manual duplex prints, handed to a queue."""

from dataclasses import replace
from typing import Any

from custom_components.lianke.jobs.job import Job
from tests.jobs.conftest import Request, Shop
from tests.manual_duplex.laser import Laser, plan_for, split_to
from tests.simulator import make_pdf

# Sheets come out face down and are put back face down; the last sheet is the first to get its second side.
USUAL = Laser(out_up=False, prints_up=True, top_leads=True)


def request(
    shop: Shop,
    *,
    pages: int = 7,
    copies: int = 1,
    laser: Laser = USUAL,
    edge: str = "long",
    text: str = "Page",
    **changes: Any,
) -> Request:
    """Return a request whose document is split into two for a printer."""
    source = shop.document(pages, content=make_pdf(pages, text))
    paths = [source.path.with_name(f"{side}-{shop.made}.pdf") for side in "fb"]
    plan = plan_for(pages, copies, laser)
    file = {"path": str(source.path), "is_pdf": True, "pages": list(range(pages))}
    split_to(paths, file, plan, turned=(edge == "short") != laser.turned)
    first, second = (
        replace(source, path=path, size=path.stat().st_size, pages=plan.sheets) for path in paths
    )
    spec, (whole,) = shop.request(first, **changes)
    everything = (1, plan.sheets)
    return spec, plan.deliveries(
        (first, whole.options), (second, whole.options), everything, everything
    )


async def submit(shop: Shop, **changes: Any) -> Job:
    return await shop.queue.async_submit(*request(shop, **changes))
