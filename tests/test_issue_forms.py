"""The forms of issues: GitHub takes them, both languages are there, and what they point to exists."""

from pathlib import Path
import re
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "ISSUE_TEMPLATE"
FORMS = sorted(path.name for path in FOLDER.glob("*.yml") if path.name != "config.yml")
KINDS = {"checkboxes", "dropdown", "input", "markdown", "textarea"}
# The only two that exist once for each language.
PAIR = {"bug.yml", "bug.zh-Hans.yml"}


def form(name: str) -> dict[str, Any]:
    """Return a form."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text("utf-8"))
    return found


@pytest.mark.parametrize("name", FORMS)
def test_github_takes_it(name: str) -> None:
    found = form(name)
    assert set(found) <= {"name", "description", "title", "labels", "assignees", "body"}
    assert found["name"]
    assert found["description"]
    ids = [part["id"] for part in found["body"] if part["type"] != "markdown"]
    assert len(ids) == len(set(ids)) > 0
    for part in found["body"]:
        assert part["type"] in KINDS
        assert set(part) <= {"type", "id", "attributes", "validations"}
        assert part["attributes"].get("label") or part["type"] == "markdown"


@pytest.mark.parametrize("name", FORMS)
def test_it_speaks_both_languages(name: str) -> None:
    if name in PAIR:
        ids = [[part.get("id") for part in form(one)["body"]] for one in sorted(PAIR)]
        assert ids[0] == ids[1]
        return
    for part in form(name)["body"]:
        text = part["attributes"].get("label") or part["attributes"]["value"]
        assert re.search(r"[一-鿿]", text), text
        assert re.search(r"[A-Za-z]{3}", text), text


@pytest.mark.parametrize("name", FORMS)
def test_links_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(\.\./blob/main/([^)#]+)", (FOLDER / name).read_text("utf-8")):
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("name", ["bug.yml", "bug.zh-Hans.yml", "unknown.yml"])
def test_nobody_is_asked_for_a_secret(name: str) -> None:
    """And everybody is told what not to post."""
    text = (FOLDER / name).read_text("utf-8")
    assert "ApiKey" in text
    assert "Never post" in text or "请勿公开" in text


def test_the_manual_leads_to_the_form() -> None:
    """By its file's name, which GitHub opens."""
    for language in ("en", "zh-Hans"):
        page = (ROOT / "docs" / language / "first-boxes.md").read_text("utf-8")
        (template,) = re.findall(r"issues/new\?template=([\w.-]+)\)", page)
        assert template in FORMS


def test_questions_have_a_place_of_their_own() -> None:
    """Beside the forms stand the discussions, and the page on holes; both languages."""
    config = yaml.safe_load((FOLDER / "config.yml").read_text("utf-8"))
    assert config["blank_issues_enabled"] is False
    links = config["contact_links"]
    project = "https://github.com/lianke-home-assistant/lianke/"
    assert {one["url"].removeprefix(project) for one in links} == {"discussions", "security/policy"}
    for one in links:
        assert set(one) == {"name", "url", "about"}
        assert " · " in one["name"]
        assert " · " in one["about"]
