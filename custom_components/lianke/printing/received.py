"""Print what a device of the home network has sent: the same way as an action does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from homeassistant.core import Context, HomeAssistant

from ..api.options import PrintOptions
from ..devices import Target
from ..documents.received import async_received_document, lan_user
from ..documents.spool import async_get_spool
from ..jobs.job import Job
from ..jobs.settings import max_document_bytes
from ..jobs.spec import Asker, JobSpec
from .print import limit_calls
from .request import async_deliveries, async_resolve


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """A file in the spool, how to print it, and who sent it; `job_id` is the id its job gets.

    `papers` are those that are offered: widths and heights in 0.01 mm. `digest` tells the file apart.
    """

    path: Path
    name: str
    title: str
    options: Mapping[str, Any]
    job_id: str
    sender: str
    sender_address: str
    release_code: str | None = None
    papers: Sequence[tuple[int, int]] = ()
    digest: str | None = None


async def async_print_received(hass: HomeAssistant, target: Target, received: Received) -> Job:
    """Make a job of a file and return it once it is on disk; the file is used up.

    Raises InputError for what is wrong with options or document, HomeAssistantError when
    the job cannot be kept.
    """
    queue = target.data.queue
    queue.submitter.check_rate(target.printer_key, None, sender_address=received.sender_address)
    user = lan_user(received.sender_address)
    spool = await async_get_spool(hass)
    async with spool.scope(received.path), limit_calls(hass, (target.entry.entry_id, user)):
        options = await async_resolve(
            target.entry, target.printer_key, PrintOptions(**received.options)
        )
        document = await async_received_document(
            hass,
            spool,
            received.path,
            name=received.name,
            title=received.title,
            limit_bytes=max_document_bytes(target.entry.options),
            papers=received.papers,
            user=user,
        )
        first, *others = await async_deliveries(
            hass, target, document, options, by_default=True, user=user
        )
        # Whatever was made of it: it is known by what was sent.
        document = replace(first.document, digest=received.digest or first.document.digest)
        deliveries = (replace(first, document=document), *others)
        queue = target.data.queue
        spool.let_go(*(one.document.path for one in deliveries))
        return await queue.async_submit(
            JobSpec(
                printer_key=target.printer_key,
                title=received.title or document.title,
                options=first.options,
                requested=received.options,
                asker=Asker.of(Context()),
                sender=received.sender,
                sender_address=received.sender_address,
                release_code=received.release_code,
            ),
            deliveries,
            job_id=received.job_id,
        )
