"""Buttons of boxes, printers and scanners."""

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.components.button.const import ButtonDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .api.errors import LiankeError, PrinterNotFoundError
from .box.printer_status import PrinterSnapshot
from .entity import (
    BoxEntity,
    PrinterEntity,
    QueueEntity,
    ScannerEntity,
    async_add_printers,
    async_add_scanners,
)
from .error_texts import translating
from .input_error import InputError
from .jobs.job import WAITING, PersonReason, job_error
from .people.initiator import async_find_initiator
from .people.rights import async_check_change
from .printing.builtin_pages import async_print_test_page
from .runtime import LiankeConfigEntry, LiankeData
from .scanner.scan_delivery import button_destinations, deliveries_to
from .scanner.scan_job import ScanFormat, ScanRequest
from .scanner.scan_jobs import async_get_scan_jobs

PARALLEL_UPDATES = 1


async def _async_each(steps: Iterator[Coroutine[Any, Any, object]]) -> None:
    """Await every step, even after an earlier step was refused; at the end, raise the first refusal.

    An InputError does not count as a refusal: it means that the job is already over or that somebody else has answered.
    """
    refusals: list[LiankeError | HomeAssistantError] = []
    for step in steps:
        with suppress(InputError):
            try:
                await step
            except (LiankeError, HomeAssistantError) as err:
                refusals.append(err)
    if refusals:
        raise refusals[0]


async def _async_restart(data: LiankeData, context: Context) -> None:
    await data.client_for(context).restart_box()
    data.coordinator.async_refresh_soon("the box was restarted")


async def _async_search(data: LiankeData, context: Context) -> None:
    await data.client_for(context).find_network_printers()
    data.coordinator.async_refresh_soon("network printers were searched for")


async def _async_clear_queue(data: LiankeData, context: Context) -> None:
    """Delete all tasks that wait in the cloud for the box's printers, whoever sent them.

    Printers that are off are included, since tasks wait for them too.
    """
    client = data.client_for(context)
    not_found: list[str] = []

    async def flush(view: PrinterSnapshot) -> None:
        try:
            await client.delete_waiting_tasks(view.printer.address)
        except PrinterNotFoundError:
            if view.present:
                raise
            not_found.append(view.name)

    # A former and a present printer may have the same address. Take the present printer, so that a refusal names it.
    views = sorted(data.coordinator.data.printers.values(), key=attrgetter("present"))
    await _async_each(map(flush, {view.printer.address: view for view in views}.values()))
    if not_found:
        raise InputError("queue_not_cleared", printers=", ".join(not_found))


async def _async_cancel_waiting(data: LiankeData, key: str, _context: Context) -> None:
    waiting = [job for job in data.queue.jobs(key) if job.state in WAITING and job.can_cancel]
    await _async_each(data.queue.async_cancel(job.job_id) for job in waiting)


async def _async_release(data: LiankeData, key: str, context: Context) -> None:
    """Release the jobs that wait for somebody to come to the printer, except the jobs that need a code."""
    asked = [job for job in data.queue.jobs(key) if job.asks_for]
    waiting = [job for job in asked if job.asks_for == PersonReason.RELEASE]
    if waiting and (await async_find_initiator(data.coordinator.hass, context)).forgotten:
        raise job_error("beginning_forgotten", waiting[0])
    await _async_each(
        data.queue.async_continue(job.job_id, reason=PersonReason.RELEASE)
        for job in reversed(waiting)
        if not job.needs_code
    )
    if waiting and all(job.needs_code for job in waiting):
        raise job_error("code_missing", waiting[0])


async def _async_reset_error_limit(data: LiankeData, key: str, context: Context) -> None:
    if (view := data.coordinator.data.printers.get(key)) is None:
        raise InputError("printer_gone")
    await data.client_for(context).reset_error_limit(view.printer.address)
    data.queue.clear_backoff(key)


@dataclass(frozen=True, kw_only=True)
class BoxButtonDescription(ButtonEntityDescription):
    """Describes a button that acts on the box."""

    press_fn: Callable[[LiankeData, Context], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class PrinterButtonDescription(ButtonEntityDescription):
    """Describes a button that acts on a printer; `press_fn` gets the printer's key."""

    press_fn: Callable[[LiankeData, str, Context], Awaitable[None]]


BOX_BUTTONS = (
    BoxButtonDescription(
        key="restart",
        device_class=ButtonDeviceClass.RESTART,
        entity_category=EntityCategory.CONFIG,
        press_fn=_async_restart,
    ),
    BoxButtonDescription(
        key="search_network_printers",
        entity_category=EntityCategory.CONFIG,
        press_fn=_async_search,
    ),
    BoxButtonDescription(
        key="clear_queue",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        press_fn=_async_clear_queue,
    ),
)

TEST_PAGE = ButtonEntityDescription(key="test_page", entity_category=EntityCategory.CONFIG)

CANCEL_WAITING_JOBS = PrinterButtonDescription(
    key="cancel_waiting_jobs",
    press_fn=_async_cancel_waiting,
)

RELEASE_JOBS = PrinterButtonDescription(
    key="release_jobs",
    entity_registry_enabled_default=False,
    press_fn=_async_release,
)

SCAN_BUTTON = ButtonEntityDescription(key="scan")

RESET_ERROR_LIMIT = PrinterButtonDescription(
    key="reset_error_limit",
    entity_category=EntityCategory.CONFIG,
    press_fn=_async_reset_error_limit,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    of_box = [BoxButton(entry, description) for description in BOX_BUTTONS]

    def make(view: PrinterSnapshot) -> Iterator[ButtonEntity]:
        yield TestPageButton(entry, view.key, TEST_PAGE)
        yield QueueButton(entry, view.key, CANCEL_WAITING_JOBS)
        yield QueueButton(entry, view.key, RELEASE_JOBS)
        yield PrinterButton(entry, view.key, RESET_ERROR_LIMIT)

    async_add_printers(entry, async_add_entities, make, of_box)
    async_add_scanners(entry, async_add_entities, lambda key: [ScanButton(entry, key, SCAN_BUTTON)])


class _Button(ButtonEntity):
    """A button that checks the rights itself, because Home Assistant checks none if an automation presses it."""

    async def _async_check(self) -> Context:
        """Return the context of this press after checking the rights. Raises the errors of `async_check_change`."""
        context = self._context or Context()
        title = self.name if isinstance(self.name, str) else self.entity_id
        await async_check_change(self.hass, context, self.entity_id, title)
        return context


class BoxButton(BoxEntity, _Button):
    entity_description: BoxButtonDescription

    @override
    async def async_press(self) -> None:
        with translating():
            context = await self._async_check()
            await self.entity_description.press_fn(self.lianke, context)


class PrinterButton(PrinterEntity, _Button):
    """A button that is available only while the printer is connected."""

    entity_description: PrinterButtonDescription

    @override
    async def async_press(self) -> None:
        with translating():
            context = await self._async_check()
            await self.entity_description.press_fn(self.lianke, self.printer_key, context)


class QueueButton(QueueEntity, PrinterButton):
    """A button that acts on a printer's jobs, even while the printer is off."""


class TestPageButton(QueueEntity, ButtonEntity):
    """Prints a page that shows what the printer can do; the job is held until the printer is ready."""

    @override
    async def async_press(self) -> None:
        context = self._context or Context()
        await async_print_test_page(
            self.hass, self.entry, self.printer_key, context, entity_id=self.entity_id
        )


class ScanButton(ScannerEntity, _Button):
    """Scans the page on the glass and keeps the scan as a PDF."""

    @override
    async def async_press(self) -> None:
        with translating():
            context = await self._async_check()
            request = ScanRequest(format=ScanFormat.PDF)
            wanted = button_destinations(self.entry.options, self.scanner_id)
            await async_get_scan_jobs(self.hass, self.entry).async_start(
                self.scanner_id,
                request,
                context,
                deliveries=deliveries_to(self.hass, self.entry, wanted),
            )
