"""The guide after a test page: asks how the page came out, scans it if wanted, and shows the report to pass on."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from textwrap import indent
from time import monotonic
from typing import Final

from homeassistant.components.http.auth import async_sign_path
from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig
import voluptuous as vol

from ..api.errors import LiankeError
from ..const import CONF_LAN_PRINTERS
from ..input_error import InputError
from ..issues import IssueData
from ..jobs.job import Job
from ..options_frame import UserInput, choice
from ..pages.clean import escape_markdown
from ..runtime import LiankeConfigEntry
from ..scanner.hub import async_get_hub
from ..scanner.scan_job import ScanFormat, ScanRequest
from ..scanner.scan_jobs import async_get_scan_jobs
from ..scanner.scan_view import picture_paths
from .report import MAX_LINK, GuideScan, async_make_link, async_make_report

# Seconds to wait for the job's end after the answers: the service reports the end later than the paper comes out.
PAGE_END_SECONDS: Final = 20
# Seconds to wait for the guide's scan. A slower scan continues without the guide.
GUIDE_SCAN_SECONDS: Final = 180
# How long the address of the guide's picture of the scan is valid.
PICTURE_TIME: Final = timedelta(hours=1)


class TestPageGuide(RepairsFlow):
    def __init__(self, entry: LiankeConfigEntry, facts: IssueData) -> None:
        self._entry = entry
        self._key = str(facts["printer_key"])
        self._job_id = str(facts["job_id"])
        self._answers: dict[str, str] = {}
        self._scan: GuideScan | None = None
        self._scanning: asyncio.Task[GuideScan] | None = None
        self._picture = ""
        self._report = ""

    async def async_step_init(self, user_input: UserInput = None) -> RepairsFlowResult:
        return await self.async_step_answers()

    async def async_step_answers(self, user_input: UserInput = None) -> RepairsFlowResult:
        if not self._is_loaded:
            return self.async_abort(reason="not_loaded")
        if user_input is None:
            return self._ask("answers", self._questions)
        self._answers |= user_input
        with suppress(InputError):
            await self._entry.runtime_data.queue.async_wait(self._job_id, PAGE_END_SECONDS)
        return await self.async_step_scanner()

    async def async_step_scanner(self, user_input: UserInput = None) -> RepairsFlowResult:
        if self._is_loaded and self._scanners:
            return self.async_show_menu(step_id="scanner", menu_options=["scan", "report"])
        return await self.async_step_report()

    async def async_step_scan(self, user_input: UserInput = None) -> RepairsFlowResult:
        if self._scanning is None:
            self._scanning = self.hass.async_create_task(self._async_scan(), "lianke: guide's scan")
        if not self._scanning.done():
            return self.async_show_progress(
                step_id="scan", progress_action="scan", progress_task=self._scanning
            )
        self._scan = self._scanning.result()
        paths = picture_paths(self._entry, self._scan.job) if self._scan.job else []
        if not paths:
            return self.async_show_progress_done(next_step_id="report")
        self._picture = async_sign_path(self.hass, paths[0], PICTURE_TIME)
        return self.async_show_progress_done(next_step_id="scanned")

    async def async_step_scanned(self, user_input: UserInput = None) -> RepairsFlowResult:
        if user_input is None:
            # A page in black cannot show whether colors are scanned.
            colors = ("scan_colors",) if "colors" in self._answers else ()
            questions = ("scan_came_out", "scan_upright", *colors)
            return self._ask("scanned", questions, picture=self._picture)
        self._answers |= user_input
        return await self.async_step_report()

    async def async_step_report(self, user_input: UserInput = None) -> RepairsFlowResult:
        """Show all that the report contains. The user may change it before passing it on."""
        if not self._is_loaded:
            return self.async_abort(reason="not_loaded")
        if user_input is not None:
            # No link can contain more than that.
            self._report = user_input["report"][:MAX_LINK]
            return await self.async_step_share()
        report = await async_make_report(
            self.hass, self._entry, self._key, self._job, self._answers, self._scan
        )
        # Not read-only: phones do not select the text of a read-only field.
        field = TextSelector(TextSelectorConfig(multiline=True))
        return self.async_show_form(
            step_id="report",
            data_schema=vol.Schema({vol.Required("report", default=report): field}),
            last_step=False,
        )

    async def async_step_share(self, user_input: UserInput = None) -> RepairsFlowResult:
        if not self._is_loaded:
            return self.async_abort(reason="not_loaded")
        if user_input is not None:
            self._entry.runtime_data.storage.save_question(self._key, None)
            return self.async_create_entry(data={})
        text, link = await async_make_link(self.hass, self._report.splitlines())
        return self.async_show_form(
            step_id="share",
            data_schema=vol.Schema({}),
            # Markdown shows indented lines as they are.
            description_placeholders={"link": link, "report": indent(text, "    ")},
        )

    def _ask(self, step: str, questions: tuple[str, ...], **placeholders: str) -> RepairsFlowResult:
        """Ask questions. None of them has a default, since it would be taken for an answer."""
        self._answers |= dict.fromkeys(questions, "untried")
        field = choice(("yes", "no"), key="report_answer", listed=True)
        name = self._entry.runtime_data.storage.printers[self._key].name
        return self.async_show_form(
            step_id=step,
            data_schema=vol.Schema({vol.Optional(question): field for question in questions}),
            description_placeholders={"printer": escape_markdown(name), **placeholders},
            last_step=False,
        )

    @property
    def _questions(self) -> tuple[str, ...]:
        data, job = self._entry.runtime_data, self._job
        able = data.storage.printers[self._key].capabilities
        is_colored = able is None or able.colors is None or 2 in able.colors
        is_two_sided = job is not None and job.current_delivery.options.duplex in (2, 3)
        is_shared = self._key in self._entry.options.get(CONF_LAN_PRINTERS, {})
        # Whether messages arrive is known, but not whether the service was asked to send any.
        is_silent = data.account.address is not None and data.storage.last_push_at is None
        more = {
            "both_sides": is_two_sided,
            "colors": is_colored,
            "phone": is_shared,
            "push_set_up": is_silent,
        }
        return ("came_out", "upright", *(name for name, is_asked in more.items() if is_asked))

    @property
    def _is_loaded(self) -> bool:
        """Whether the box is loaded and still has the printer."""
        is_loaded = self._entry.state is ConfigEntryState.LOADED
        return is_loaded and self._key in self._entry.runtime_data.storage.printers

    @property
    def _job(self) -> Job | None:
        with suppress(InputError):
            return self._entry.runtime_data.queue.get(self._job_id)
        return None

    @property
    def _scanners(self) -> list[str]:
        found = async_get_hub(self.hass, self._entry).scanners
        return [scanner_id for scanner_id, known in found.items() if known.present]

    async def _async_scan(self) -> GuideScan:
        began = monotonic()
        try:
            jobs = async_get_scan_jobs(self.hass, self._entry)
            job = await jobs.async_start(
                self._scanners[0], ScanRequest(format=ScanFormat.PDF), Context()
            )
            job = await jobs.async_wait(job.job_id, GUIDE_SCAN_SECONDS)
        except (InputError, LiankeError, HomeAssistantError, IndexError) as err:
            return GuideScan(None, 0, getattr(err, "reason", type(err).__name__))
        return GuideScan(job, monotonic() - began)
