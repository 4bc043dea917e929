"""What scripts/release does for the workflow of a tag: check, describe, pack."""

import hashlib
import json
from pathlib import Path
import re
import shutil
import zipfile

import pytest
import yaml

from scripts.release import (
    CHANGELOGS,
    INTEGRATION,
    ROOT,
    ReleaseError,
    check,
    is_prerelease,
    main,
    manifest_version,
    notes,
    pack,
    section,
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a copy of what a release is made of, without git."""
    shutil.copytree(ROOT / INTEGRATION, tmp_path / INTEGRATION)
    for name in CHANGELOGS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def set_version(root: Path, version: str) -> None:
    path = root / INTEGRATION / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "version": version}))
    for name in CHANGELOGS:
        text = (root / name).read_text("utf-8")
        new = f"\n## {version}\n\n### New\n\n- It works,\n  and well.\n- So\n  - well\n"
        changed = text.replace("\n## ", f"{new}\n## ", 1)
        (root / name).write_text(changed, "utf-8")


def test_what_is_here_is_described() -> None:
    """Both changelogs know the manifest's version, and have the same versions and parts."""
    version = manifest_version()
    first, second = ((ROOT / name).read_text("utf-8") for name in CHANGELOGS)
    assert section(CHANGELOGS[0], version)
    versions = [re.findall(r"^## (\S+)$", text, re.MULTILINE) for text in (first, second)]
    assert [one for one in versions[0] if one != "Unreleased"] == versions[1]
    for one in versions[1]:
        # Part by part the same number of changes.
        english, chinese = (section(name, one).split("### ") for name in CHANGELOGS)
        counts = [[part.count("\n- ") for part in parts] for parts in (english, chinese)]
        assert counts[0] == counts[1], one


def test_a_tag_that_fits(repository: Path) -> None:
    set_version(repository, "9.3.0")
    assert check("9.3.0", repository) == "9.3.0"
    text = notes("9.3.0", repository)
    assert text.count("### New\n\n- It works, and well.\n- So\n  - well\n") == 2
    assert "更新内容" in text
    assert "0.1.0" not in text


@pytest.mark.parametrize(
    ("tag", "version", "words"),
    [
        ("v9.3.0", "9.3.0", "The tag is v9.3.0"),
        ("9.3.1", "9.3.0", "the manifest says 9.3.0"),
        ("9.3", "9.3", "no version such as"),
        ("latest", "latest", "no version such as"),
    ],
)
def test_tags_that_do_not_fit(repository: Path, tag: str, version: str, words: str) -> None:
    set_version(repository, version)
    with pytest.raises(ReleaseError, match=words):
        check(tag, repository)


@pytest.mark.parametrize("name", CHANGELOGS)
def test_a_changelog_that_does_not_know_the_version(repository: Path, name: str) -> None:
    before = (repository / name).read_text("utf-8")
    set_version(repository, "9.3.0")
    (repository / name).write_text(before, "utf-8")
    with pytest.raises(ReleaseError, match=re.escape(f"{name} has no section about 9.3.0")):
        check("9.3.0", repository)


def test_what_is_unreleased_belongs_to_a_version(repository: Path) -> None:
    """In a beta it may stay."""
    for version, fits in (("9.3.0b1", True), ("9.3.0", False)):
        set_version(repository, version)
        path = repository / CHANGELOGS[0]
        path.write_text(path.read_text("utf-8") + "\n## Unreleased\n\n- More.\n", "utf-8")
        if fits:
            assert check(version, repository) == version
        else:
            with pytest.raises(ReleaseError, match="Unreleased"):
                check(version, repository)


@pytest.mark.parametrize(
    ("version", "pre"),
    [
        ("0.2.0", False),
        ("1.0.0", False),
        ("0.2.0b1", True),
        ("0.2.0rc1", True),
        ("0.2.0.dev1", True),
    ],
)
def test_betas_are_prereleases(version: str, pre: bool) -> None:
    assert is_prerelease(version) is pre


def test_the_workflow_learns_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "output"
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    version = manifest_version()
    assert main(["check", version]) == 0
    assert output.read_text("utf-8") == f"version={version}\nprerelease=false\n"
    assert main(["check", "9.9.9"]) == 1
    assert capsys.readouterr().err.startswith("::error::The tag is 9.9.9")
    assert main(["notes", version]) == 0
    assert main(["pack", str(tmp_path / "x.zip")]) == 0


def test_the_zip_is_the_integration(tmp_path: Path) -> None:
    """All that is shipped and nothing else, the same bytes each time, also without git."""
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    assert pack(first) == pack(second) > 200
    assert (
        hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()
    )
    with zipfile.ZipFile(first) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        manifest = archive.read("manifest.json")
        font = archive.getinfo("fonts/lianke-sans-sc.ttf")
        assert manifest == (ROOT / INTEGRATION / "manifest.json").read_bytes()
    assert names == sorted(names)
    assert {
        "__init__.py",
        "translations/zh-Hans.json",
        "brand/icon.png",
        "quality_scale.yaml",
        "fonts/OFL.txt",
    } <= set(names)
    # It is a part of each download.
    assert font.compress_size < 3_500_000
    assert not [name for name in names if "__pycache__" in name or name.startswith(("/", "."))]
    copy = tmp_path / "copy"
    shutil.copytree(
        ROOT / INTEGRATION, copy / INTEGRATION, ignore=shutil.ignore_patterns("__pycache__", ".*")
    )
    assert pack(tmp_path / "c.zip", copy) == len(names)


def test_the_workflow_does_what_the_page_says() -> None:
    """It tests first, signs what it publishes, and may write only where it publishes."""
    folder = ROOT / ".github" / "workflows"
    text = (folder / "release.yml").read_text("utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    jobs = workflow["jobs"]
    assert jobs["test"]["uses"] == "./.github/workflows/test.yml"
    assert "workflow_call" in yaml.safe_load((folder / "test.yml").read_text("utf-8"))[True]
    assert jobs["release"]["needs"] == ["test", "bare"]
    assert jobs["release"]["permissions"] == {
        "contents": "write",
        "id-token": "write",
        "attestations": "write",
    }
    steps = jobs["release"]["steps"]
    order = [step.get("uses", "").partition("@")[0] or step["run"].split()[1] for step in steps]
    assert order[-6:] == ["check", "pack", "sbom", *["actions/attest"] * 2, "notes"]
    packed = json.loads((ROOT / "hacs.json").read_text("utf-8"))["filename"]
    listed = steps[-4]["run"].split()[-1]
    assert steps[-3]["with"] == {"subject-path": packed}
    assert steps[-2]["with"] == {"subject-path": packed, "sbom-path": listed}
    assert f"{packed} {listed} " in steps[-1]["run"]
    assert "--prerelease" in text


def test_the_list_of_packages(tmp_path: Path) -> None:
    """It names what the zip has of others and what Home Assistant installs, and is the same each time."""
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    assert main(["sbom", str(first)]) == main(["sbom", str(second)]) == 0
    assert first.read_bytes() == second.read_bytes()
    found = json.loads(first.read_text("utf-8"))
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert found["metadata"]["component"]["version"] == manifest_version()
    packages = {one["purl"]: one for one in found["components"]}
    assert set(found["dependencies"][0]["dependsOn"]) == set(packages)
    names = {address.rpartition("@")[0] for address in packages}
    manifest = json.loads((ROOT / INTEGRATION / "manifest.json").read_text("utf-8"))
    for text in manifest["requirements"]:
        assert f"pkg:pypi/{re.split('[<>=]', text)[0]}" in names
    assert {
        "pkg:npm/%40expo-google-fonts/noto-sans-sc",
        "pkg:npm/%40expo-google-fonts/noto-sans",
    } <= names
    # What the bundle says itself of the code in it.
    bundle = "\n".join(path.read_text("utf-8") for path in (ROOT / INTEGRATION).rglob("*.js"))
    licensed = re.findall(r"^ {0,2}((?:@[\w-]+/)?[\w-]+)/[\w./-]+\.js:$", bundle, re.MULTILINE)
    assert {"lit-html", "lit-element"} <= set(licensed)
    bundled = {one["name"]: one for one in packages.values() if "hashes" in one}
    assert {*licensed, "@mdi/js"} <= set(bundled)
    assert "home-assistant-js-websocket" not in bundled  # types alone
    assert all(len(one["hashes"][0]["content"]) == 128 for one in bundled.values())
