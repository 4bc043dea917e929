"""Walks through the guide as the frontend does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from textwrap import dedent
from typing import Any

from homeassistant.core import Context
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.report.report import LABELS
from custom_components.lianke.scanner.hub import async_get_hub
from tests.clock import until
from tests.household import LASER, House, key_of

PATH = "/api/repairs/issues/fix"


@dataclass
class Guide:
    house: House
    client: ClientSessionGenerator
    set_up: Callable[[], Awaitable[bool]]
    # What the guide asked, step by step.
    asked: dict[str, list[str]] = field(default_factory=dict)

    @property
    def issue(self) -> ir.IssueEntry | None:
        """The issue that leads to the guide."""
        found = ir.async_get(self.house.hass).issues.values()
        return next(
            (one for one in found if one.active and one.translation_key == "test_page"), None
        )

    async def print_page(self, name: str = LASER, *, ends: bool = True) -> None:
        """Press the button, and wait for the issue and, unless not `ends`, the end."""
        await self.press(name)
        await until(lambda: self.issue is not None)
        await until(lambda: not ends or all(job.is_final for job in self.house.queue.jobs()))

    async def press(self, name: str = LASER, *, user_id: str | None = None) -> None:
        """Set the box up if it is not, and press the button as a user or, without one, as an automation."""
        hass, entry = self.house.hass, self.house.entry
        if not getattr(entry, "runtime_data", None):
            assert await self.set_up()
            await async_get_hub(hass, entry).async_refresh()
        key = key_of(entry, name)
        button = er.async_get(hass).async_get_entity_id(
            "button", DOMAIN, f"{entry.unique_id}_{key}_test_page"
        )
        assert button
        await hass.services.async_call(
            "button",
            "press",
            {"entity_id": button},
            blocking=True,
            context=Context(user_id=user_id),
        )

    async def post(self, path: str = "", **fields: Any) -> dict[str, Any]:
        response = await (await self.client()).post(f"{PATH}{path}", json=fields)
        assert response.status == HTTPStatus.OK, await response.text()
        result: dict[str, Any] = await response.json()
        if result["type"] == "form":
            self.asked[result["step_id"]] = [one["name"] for one in result["data_schema"]]
        return result

    async def open(self) -> dict[str, Any]:
        assert self.issue
        return await self.post(handler=DOMAIN, issue_id=self.issue.issue_id)

    async def answer(self, result: dict[str, Any], answer: str = "yes") -> dict[str, Any]:
        """Give the same answer to each question of a form, or none."""
        fields = {one["name"]: answer for one in result["data_schema"] if answer}
        return await self.post(f"/{result['flow_id']}", **fields)

    async def walk(
        self, *, answer: str = "yes", scan: bool = True
    ) -> tuple[dict[str, Any], str, str]:
        """Go through the guide to its last form; return the form, the report and the link."""
        result = await self.answer(await self.open(), answer)
        if result["type"] == "menu":
            result = await self.choose(result, "scan" if scan else "report")
        if result["step_id"] == "scanned":
            result = await self.answer(result, answer)
        assert result["step_id"] == "report", result
        (report,) = (one["default"] for one in result["data_schema"])
        result = await self.post(f"/{result['flow_id']}", report=report)
        shown = result["description_placeholders"]
        assert dedent(shown["report"]) == report
        return result, report, shown["link"]

    async def choose(self, result: dict[str, Any], step: str) -> dict[str, Any]:
        """Choose whether to scan the page, and wait for the scan."""
        result = await self.post(f"/{result['flow_id']}", next_step_id=step)
        return await self._past_progress(result) if result["type"] == "progress" else result

    async def _past_progress(self, result: dict[str, Any]) -> dict[str, Any]:
        """Ask as the frontend does when Home Assistant says that a step has made progress."""
        client = await self.client()
        path = f"{PATH}/{result['flow_id']}"
        found: dict[str, Any] = result

        async def has_moved() -> bool:
            nonlocal found
            found = await (await client.get(path)).json()
            return found["type"] not in ("progress", "progress_done")

        for _ in range(600):
            if await has_moved():
                break
            await self.house.hass.async_block_till_done()
        if found["type"] == "form":
            self.asked[found["step_id"]] = [one["name"] for one in found["data_schema"]]
        return found


def lines(report: str) -> dict[str, str]:
    """Return the values of a report's lines by their keys; of unknown parts, the last one."""
    keys = {label: key for key, label in LABELS.items()}
    return {
        keys[label]: value
        for label, _, value in (line.partition(": ") for line in report.splitlines())
    }
