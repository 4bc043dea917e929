"""Triggers, conditions and targets in automations of a whole Home Assistant of the newest release."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

from .binding import DOMAIN, bind, entity_of, printer_device
from .cloud import SimulatorProcess
from .hass import RealHomeAssistant, Subscription

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

LASER = "Kyocera MA2000w GX"
INKJET = "EPSON L3250 Series (网络)"
TRIGGERS = {
    "job_printed": {},
    "job_failed": {"outcome": ["failed"]},
    "job_held": {"reason": ["out_of_paper"]},
    "printer_needs_attention": {"fault": ["out_of_paper"]},
    "printer_ready": {},
    "ink_low": {"below": 15},
}
CONDITIONS = ("is_ready", "needs_attention", "has_waiting_jobs")
ACTIONS = {
    *(
        "print",
        "preview",
        "count_pages",
        "list_jobs",
        "get_capabilities",
        "cancel_job",
        "retry_job",
    ),
}


@pytest.fixture(autouse=True)
def verify_cleanup() -> None:
    """Leave other processes alone; no part of Home Assistant runs in here."""


@pytest.fixture(autouse=True)
def _needs_home_assistant() -> None:
    if "LIANKE_HASS" not in os.environ and importlib.util.find_spec("hass_frontend") is None:
        pytest.skip("LIANKE_HASS names no Python that has Home Assistant with its frontend")


async def automate(home: RealHomeAssistant, printers: dict[str, str]) -> None:
    """Make an automation a trigger, and one that asks all conditions, as the editor saves them."""
    for name, options in TRIGGERS.items():
        printer = printers[INKJET if name == "ink_low" else LASER]
        trigger = {"trigger": f"{DOMAIN}.{name}", "target": {"device_id": printer}}
        said = {"name": name, "printer": "{{ trigger.printer }}", "said": "{{ trigger.message }}"}
        await home.post(
            f"/api/config/automation/config/{name}",
            {
                "alias": name,
                "triggers": [trigger | ({"options": options} if options else {})],
                "actions": [{"event": "fired", "event_data": said}],
            },
        )
    for name in CONDITIONS:
        target = {"device_id": printers[LASER]}
        await home.post(
            f"/api/config/automation/config/{name}",
            {
                "alias": name,
                "triggers": [{"trigger": "event", "event_type": "check"}],
                "conditions": [{"condition": f"{DOMAIN}.{name}", "target": target}],
                "actions": [{"event": "fired", "event_data": {"name": name}}],
            },
        )


async def fired(events: Subscription, *names: str) -> list[dict[str, Any]]:
    """Return what the next events say, which must be of these, in any order."""
    told = [(await events.next(60))["data"] for _ in names]
    assert sorted(one["name"] for one in told) == sorted(names)
    return sorted(told, key=lambda one: names.index(one["name"]))


async def test_automations_of_the_newest_home_assistant(
    tmp_path: Path, socket_enabled: None
) -> None:
    async with (
        SimulatorProcess(tmp_path / "printed", speed=20) as cloud,
        RealHomeAssistant(tmp_path / "config") as home,
    ):
        await bind(home, server=cloud.url, api_key=cloud.api_key, qr_text=cloud.qr_link)
        devices = {
            name: await printer_device(home, cloud.device_id, name) for name in (LASER, INKJET)
        }
        printers = {name: str(device["id"]) for name, device in devices.items()}
        status = await entity_of(home, devices[LASER], "sensor", "status")
        await home.wait_for_state(status, lambda state: state["state"] == "idle")

        async def show(state: str) -> None:
            """Poll until the laser printer is in a state."""
            await home.call("homeassistant", "update_entity", {"entity_id": status})
            await home.wait_for_state(status, lambda shown: shown["state"] == state)

        # What the printer's page offers.
        target = {"device_id": [printers[LASER]]}
        for kind, names in (
            ("triggers", set(TRIGGERS)),
            ("conditions", set(CONDITIONS)),
            ("services", ACTIONS),
        ):
            offered = await home.command(f"get_{kind}_for_target", target=target)
            ours = {name for name in offered if name.startswith(f"{DOMAIN}.")}
            assert ours == {f"{DOMAIN}.{name}" for name in names}

        await automate(home, printers)
        async with home.subscribe("subscribe_events", event_type="fired") as events:

            async def check(*names: str) -> None:
                await home.post("/api/events/check")
                await fired(events, *names)

            await check("is_ready")
            await home.call(DOMAIN, "print", {"device_id": printers[LASER], "text": "x"})
            [said] = await fired(events, "job_printed")
            assert said["printer"] == LASER

            planned = {"outcomes": [{"code": 502, "state": "SUCCESS", "prints": "none"}]}
            await cloud.post(f"boxes/{cloud.device_id}/printers/1/outcomes", planned)
            await home.call(DOMAIN, "print", {"device_id": printers[LASER], "text": "x"})
            [said] = await fired(events, "job_failed")
            assert "could not" in said["said"]

            await cloud.change_printer(cloud.device_id, 1, paper=0)
            await show("out_of_paper")
            [said] = await fired(events, "printer_needs_attention")
            assert said["said"] == "Out of paper"
            answer = await home.call(
                DOMAIN, "print", {"entity_id": status, "text": "x"}, response=True
            )
            [said] = await fired(events, "job_held")
            assert said["said"] == "Out of paper"
            await check("needs_attention", "has_waiting_jobs")

            await home.call(DOMAIN, "cancel_job", {"job_id": answer["jobs"][0]["job_id"]})
            await cloud.change_printer(cloud.device_id, 1, paper=100)
            await show("idle")
            await fired(events, "printer_ready")
            await check("is_ready")

            levels = [
                {"marker_id": 1, "marker_type": "unknown", "name": "Black", "color": ["#000000"]}
                | {"level": 9, "low_level": 0, "high_level": 100}
            ]
            await cloud.change_printer(cloud.device_id, "192.168.1.40", markers=levels)
            await home.call("homeassistant", "update_entity", {"entity_id": status})
            [said] = await fired(events, "ink_low")
            assert said["printer"] == INKJET
        assert not home.problems(DOMAIN)
