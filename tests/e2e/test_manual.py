"""The manual's examples, pasted as they are into the home that the demo shows."""

from pathlib import Path
from typing import Any

import pytest

from tests.manual import DOCUMENTS, sections

from .binding import DOMAIN, bind_first, printer_device
from .cloud import SimulatorProcess
from .hass import RealHomeAssistant
from .home import CONFIGURATION, LABELS, PRINTER, furnish

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300), pytest.mark.usefixtures("newest")]

# What is no automation and no action, and what names a device, which is chosen in the editor.
NOT_PASTED = ("homeassistant", "logger", "shell_command", "type", "use_blueprint")
OPEN = ("held", "uploading", "queued", "processing", "sending", "canceling")
# What nobody can have but the reader.
OF_THE_READER = {"notify.mail"}
ENOUGH = 30  # examples; fewer means that they were not found


def examples(language: str) -> list[tuple[str, Any]]:
    """Return what can be pasted, with the heading above it."""
    found = [
        (f"{document}: {one.title}", example.data)
        for document in DOCUMENTS
        for one in sections(language, document)
        for example in one.examples
        if example.kind == "yaml"
    ]
    return [
        (where, data)
        for where, data in found
        if isinstance(data, list) or not set(data) & set(NOT_PASTED)
    ]


async def test_every_example_can_be_pasted(tmp_path: Path) -> None:
    """Actions print, and Home Assistant takes the automations.

    In one language: what differs in the other are texts (manual/test_shape.py), and manual/test_examples.py runs both.
    """
    language = "zh-Hans"
    pasted = examples(language)
    assert len(pasted) >= ENOUGH
    home = RealHomeAssistant(tmp_path / "config", language=language, extra=CONFIGURATION)
    async with SimulatorProcess(tmp_path / "printed", speed=50) as cloud, home:
        await bind_first(home, cloud)
        await furnish(home, cloud)
        devices = [
            (await printer_device(home, cloud.device_id, name))["id"] for name in (PRINTER, LABELS)
        ]

        async def jobs() -> list[dict[str, Any]]:
            return [
                job
                for device in devices
                for job in (
                    await home.call(DOMAIN, "list_jobs", {"device_id": device}, response=True)
                )["jobs"]
            ]

        async def ended() -> bool:
            """Answer jobs that wait for a person, and say whether all have ended."""
            found = [job for job in await jobs() if job["state"] in OPEN]
            for job in found:
                if job["can_continue"]:
                    await home.call(DOMAIN, "continue_job", {"job_id": job["job_id"]})
            return not found

        for number, (where, data) in enumerate(pasted):
            if isinstance(data, dict) and "triggers" in data:
                await home.post(f"/api/config/automation/config/pasted_{number}", data)
                continue
            await home.command("execute_script", sequence=data)
            assert await home.poll(ended, bool), where
            assert {job["state"] for job in await jobs()} <= {"completed"}, where
        aliases = {
            data["alias"] for _, data in pasted if isinstance(data, dict) and "alias" in data
        }

        async def on() -> set[str]:
            return {
                state["attributes"].get("friendly_name")
                for name, state in (await home.states()).items()
                if name.startswith("automation.") and state["state"] == "on"
            }

        # An automation that is not valid has no entity that is on.
        if await home.poll(on, lambda found: aliases <= found) is None:
            assert aliases <= await on()
        states = await home.states()
        for _, data in pasted:
            assert_known(data, states)


def assert_known(data: Any, states: dict[str, Any]) -> None:
    """Check that every entity an example names is in the demo's home."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key in {"entity_id", "source_entity"}:
                for entity in value if isinstance(value, list) else [value]:
                    assert entity in states or entity in OF_THE_READER, entity
            else:
                assert_known(value, states)
    elif isinstance(data, list):
        for one in data:
            assert_known(one, states)
