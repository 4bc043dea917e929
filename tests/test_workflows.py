"""What runs on the server: whose code, with which rights; and who is asked about a change, or told of a hole."""

import json
from pathlib import Path
import re
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.y*ml"))
# An action by its commit, with what people call that commit.
PINNED = re.compile(
    r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # (?:v\d+\.\d+\.\d+|(?:main|master) of \d{4}-\d\d-\d\d)"
)
# Jobs that may do more than read the files, and why.
MAY: dict[tuple[str, str], set[str]] = {
    ("pages.yml", "publish"): {"pages", "id-token"},
    ("release.yml", "release"): {"contents", "id-token", "attestations"},  # publishes and signs
    ("security.yml", "code"): {"security-events"},  # hands in what it found
}


def flaws(name: str, text: str) -> list[str]:
    """Return what is wrong with a workflow."""
    workflow: dict[Any, Any] = yaml.safe_load(text)
    triggers = workflow[True]  # YAML takes `on` for that
    found = [
        f"{word}: runs with rights for code of strangers"
        for word in ("pull_request_target", "workflow_run", "issue_comment")
        if word in triggers
    ]
    # There it is the name of the caller, which has that group already: the server ends both.
    if "workflow_call" in triggers and "github.workflow" in str(workflow.get("concurrency")):
        found.append("waits for its caller")
    # The comment with the version is none of YAML's business.
    written = re.findall(r"\buses: *(.+)", text)
    steps = [step for job in workflow["jobs"].values() for step in job.get("steps", [])]
    used = [one["uses"] for one in (*workflow["jobs"].values(), *steps) if "uses" in one]
    if len(written) != len(used):
        found.append("an action is written in a way that is not looked at here")
    found += [
        f"{one}: not pinned, or its version is not said"
        for one in written
        if not one.startswith("./") and not PINNED.fullmatch(one)
    ]
    found += [
        f"{step['uses']}: leaves its token behind"
        for step in steps
        if step.get("uses", "").startswith("actions/checkout@")
        and step.get("with", {}).get("persist-credentials") is not False
    ]
    # What others may choose, such as a branch's name, is never part of a command.
    found += [
        f"{step['run']}: has an expression in it" for step in steps if "${{" in step.get("run", "")
    ]
    if "secrets." in text or "secrets: inherit" in text:
        found.append("uses a secret")
    if workflow.get("permissions") != {}:
        found.append("has rights for all of its jobs")
    for job, content in workflow["jobs"].items():
        rights = content.get("permissions")
        if not isinstance(rights, dict):
            found.append(f"{job}: does not say which rights it needs")
            continue
        more = {right for right, how in rights.items() if (right, how) != ("contents", "read")}
        if more - MAY.get((name, job), set()):
            found.append(f"{job}: more rights than it needs")
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_others_code_is_pinned_and_has_few_rights(path: Path) -> None:
    assert flaws(path.name, path.read_text("utf-8")) == []


COMMIT = "0123456789abcdef0123456789abcdef01234567"
GOOD = f"""
on: [push]
permissions: {{}}
jobs:
  one:
    permissions:
      contents: read
    steps:
      - uses: actions/checkout@{COMMIT} # v7.0.1
        with:
          persist-credentials: false
      - run: make
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (f"@{COMMIT} # v7.0.1", "@v7", "not pinned"),
        (f"@{COMMIT} # v7.0.1", f"@{COMMIT}", "not pinned"),
        (f"@{COMMIT}", f"@{COMMIT[:7]}", "not pinned"),
        (f"uses: actions/checkout@{COMMIT}", '"uses": someone/else@main', "not looked at"),
        ("persist-credentials: false", "fetch-depth: 1", "leaves its token"),
        ("permissions: {}", "permissions: read-all", "for all of its jobs"),
        ("permissions: {}\n", "", "for all of its jobs"),
        ("contents: read", "contents: write", "more rights"),
        ("contents: read", "packages: read", "more rights"),
        ("    permissions:\n      contents: read\n", "", "does not say"),
        ("on: [push]", "on: [pull_request_target]", "rights for code of strangers"),
        ("on: [push]", "on: [workflow_call]\nconcurrency: '${{ github.workflow }}'", "its caller"),
        ("run: make", "run: echo ${{ github.head_ref }}", "an expression"),
        ("run: make", "run: make\n        env: {TOKEN: '${{ secrets.TOKEN }}'}", "a secret"),
    ],
)
def test_flaws_are_found(old: str, new: str, words: str) -> None:
    assert flaws("x.yml", GOOD) == []
    changed = GOOD.replace(old, new)
    assert changed != GOOD
    (found,) = flaws("x.yml", changed)
    assert words in found


def test_an_action_has_one_version() -> None:
    """So that none is forgotten when it is raised."""
    lines = {
        line
        for path in WORKFLOWS
        for line in re.findall(r"\buses: *([^. ].+)", path.read_text("utf-8"))
    }
    # Parts of one repository go together, such as CodeQL's.
    commits = {
        ("/".join(line.split("/")[:2]).partition("@")[0], line.split("@")[1]) for line in lines
    }
    assert len(commits) == len({repository for repository, _ in commits})


def test_rights_are_named_for_jobs_that_exist() -> None:
    jobs = {
        (path.name, job)
        for path in WORKFLOWS
        for job in yaml.safe_load(path.read_text("utf-8"))["jobs"]
    }
    assert set(MAY) <= jobs


def test_what_others_make_is_kept_fresh() -> None:
    """Dependabot looks at whatever names versions."""
    updates = yaml.safe_load((GITHUB / "dependabot.yml").read_text("utf-8"))["updates"]
    looked_at = {
        (one["package-ecosystem"], folder)
        for one in updates
        for folder in one.get("directories") or [one["directory"]]
    }
    assert looked_at == {
        ("github-actions", "/"),
        ("npm", "/frontend"),
        ("pip", "/"),
        ("pip", "/docs"),
        ("pip", "/scripts"),
    }
    # Wherever a list of packages lies.
    assert {path.name for path in ROOT.glob("requirements*.txt")} == {"requirements_test.txt"}
    assert {path.parent.name for path in ROOT.glob("*/requirements*.txt")} == {"docs", "scripts"}
    assert {one["schedule"]["interval"] for one in updates} == {"weekly"}


def test_owners_are_the_manifests() -> None:
    lines = (GITHUB / "CODEOWNERS").read_text("utf-8").splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    manifest = ROOT / "custom_components" / "lianke" / "manifest.json"
    assert {owner for _, *owners in rules for owner in owners} == set(
        json.loads(manifest.read_text("utf-8"))["codeowners"]
    )
    assert rules[0][0] == "*"
    for place, *_ in rules[1:]:
        assert (ROOT / place.strip("/")).exists(), place


def test_a_hole_can_be_reported_in_both_languages() -> None:
    """To nobody but the maintainers, with what is defended: each row and each point."""
    english, chinese = (GITHUB / "SECURITY.md").read_text("utf-8").split("\n# 安全\n")
    for part in (english, chinese):
        assert "/security/advisories/new)" in part
    # Who is defended against is a table in English, and a list in Chinese; what is not defended is a list in both.
    told, points = (
        len(re.findall(r"^(?:\||-) \*\*", part, re.MULTILINE)) for part in (english, chinese)
    )
    assert told == points > 15
