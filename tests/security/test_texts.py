"""Texts from outside where Home Assistant renders Markdown: repairs, set-up, notifications.

A printer's name, its address, a document's title and the service's words are anybody's. None of
them may load a picture, make a link or set itself up as a part of the page.
"""

import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from yarl import URL

from custom_components.lianke.api.models import DriverState, Printer
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.flows.binding import printer_list
from custom_components.lianke.issues import AWAITING_DRIVER
from custom_components.lianke.jobs.rules import LimitError
from custom_components.lianke.lan.network_options import lan_addresses
from custom_components.lianke.pages.clean import MAX_ESCAPED_LENGTH, escape_markdown
from tests.conftest import LANGUAGES, make_entry, set_up, texts
from tests.security.rendering import PAYLOADS, active, as_shown, blocks, shown
from tests.simulator import Simulator

# Where a placeholder of a rendered text comes from: ours, or from outside and escaped there.
OURS = {"console_url", "count", "date", "limit", "address", "copied", "kept", "nobody"}
# A link escapes itself: it is percent-encoded. A report is an indented block of code.
OURS |= {"out", "sides", "arrows", "link", "picture", "report"}
ESCAPED = {
    "addresses",
    "box",
    "device_id",
    "name",
    "printer",
    "printers",
    "result",
    "test_printer",
    "users",
}


def rendered_texts(part: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    if isinstance(part, str):
        markdown = {"description", "data_description", "abort", "create_entry"} & set(path)
        return {path: part} if markdown and path[0] in {"config", "options", "issues"} else {}
    return {
        where: text
        for key, item in part.items()
        for where, text in rendered_texts(item, (*path, key)).items()
    }


def test_addresses_in_the_home_network_show_names_as_they_are() -> None:
    base = URL("http://192.168.1.2:8123")
    for payload in PAYLOADS.values():
        markdown = lan_addresses(
            base, {"lan_printers": {"key": payload}}, {"lan_printers": {"key": "token"}}
        )  # the address is code
        assert active(markdown) == {"code_inline"}, markdown
        assert as_shown(payload) in shown(markdown)


def test_an_escaped_text_is_shown_as_it_is() -> None:
    for payload in PAYLOADS.values():
        for frame in (
            "{}",
            "- ✓ {} (USB 1)",
            "The printer {} (box x) is gone.\n\nGo on.",
            "**{}**",
        ):
            markdown = frame.replace("{}", escape_markdown(payload))
            assert not active(markdown), markdown
            assert blocks(markdown) == blocks(frame.replace("{}", "x"))
            assert as_shown(payload) in shown(markdown)


def test_the_payloads_would_do_something() -> None:
    """A payload that is harmless unescaped proves nothing; some are there for their looks alone."""
    harmless = [
        name for name, text in PAYLOADS.items() if not active(text) and blocks(text) == blocks("x")
    ]
    assert harmless == [
        "bare address",
        "bare address without a scheme",
        "closed brackets",
        "emphasis",
        "entity",
        "escaped already",
        "Chinese",
        "turned direction",
        "control characters",
        "braces",
        "percent",
    ]


def test_an_escaped_text_is_bounded() -> None:
    assert len(shown(escape_markdown("![x](//evil.example)" * 1000))) <= MAX_ESCAPED_LENGTH + 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_rendered_text_has_a_placeholder_that_nobody_escapes(language: str) -> None:
    """A new placeholder in a description has to be escaped, and to be named here."""
    for path, text in rendered_texts(texts(language)).items():
        names = set(re.findall(r"\{(\w+)\}", text))
        assert names <= OURS | ESCAPED, (path, names)


@pytest.mark.parametrize("language", LANGUAGES)
def test_titles_are_shown_plainly_and_have_names_of_their_own(language: str) -> None:
    """What is escaped would show its backslashes in a title."""
    for kind, issue in texts(language)["issues"].items():
        titles = [issue["title"]]
        titles += [step["title"] for step in issue.get("fix_flow", {}).get("step", {}).values()]
        for title in titles:
            assert not set(re.findall(r"\{(\w+)\}", title)) & ESCAPED, (kind, title)


# Set-up


def test_the_list_of_printers_found() -> None:
    """The address of a network printer was put into the form as the service gave it."""
    for payload in PAYLOADS.values():
        printer = Printer(
            row_id=1,
            hash_id=None,
            name=payload,
            model="",
            driver=DriverState.SUPPORTED,
            is_printer=True,
            port=631,
            ip_address=payload,
        )
        lines = printer_list((printer, printer))
        assert not active(lines)
        assert blocks(lines) == blocks("- ✓ x (y)\n- ✓ x (y)")
        assert shown(lines).count(as_shown(payload)) == 4


# Repairs


async def test_repairs_of_a_printer(hass: HomeAssistant, simulator: Simulator) -> None:
    """A printer in the network names itself, and its repairs loaded the picture of its name."""
    simulator.cloud.rate_limit = None
    # That every payload is shown as it is once it is escaped: test_an_escaped_text_is_shown_as_it_is.
    for name in ("picture", "HTML link", "reference", "turned direction"):
        await _look_at_repairs(hass, simulator, PAYLOADS[name])


async def _look_at_repairs(hass: HomeAssistant, simulator: Simulator, payload: str) -> None:
    simulator.box.printer(3).name = simulator.box.printer(3).driver_name = payload
    entry = make_entry(simulator, simulator.box, title=f"Box {payload}")
    assert await set_up(hass, entry)
    data = entry.runtime_data
    key = next(key for key, one in data.storage.printers.items() if one.printer.port == 3)
    name = data.storage.printers[key].name
    assert as_shown(payload) in as_shown(name)
    data.queue.on_limit(key, LimitError("too_many_pages", printer=name, limit=5))
    issues = {
        issue.translation_key: issue.translation_placeholders or {}
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN and issue.active
    }
    assert {AWAITING_DRIVER, "too_many_pages"} <= set(issues)
    for language in LANGUAGES:
        for kind, placeholders in issues.items():
            translated = texts(language)["issues"][kind]
            assert placeholders["printer_name"] in translated["title"].format(**placeholders)
            step = translated["fix_flow"]["step"]["confirm"]["description"]
            description = step.format(**placeholders)
            assert not active(description), description
            assert blocks(description) == blocks(step.format(**dict.fromkeys(placeholders, "x")))
            assert as_shown(payload) in shown(description)
    await hass.config_entries.async_remove(entry.entry_id)


# Notifications
