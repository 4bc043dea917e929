"""Home Assistant's own Marketplace reads this repository, and installs the zip of its release.

It is part of Home Assistant from 2026.11 on, so this runs in a process of that version (LIANKE_HASS, the demo's).
Its own classes do the work: the tree of the repository is resolved, hacs.json and manifest.json are read, the zip is
unpacked, the loader's check is passed, and what the catalogue would say of the repository is accepted.
"""

import json
import os
from pathlib import Path
import subprocess

import pytest

from scripts.release import ROOT, manifest_version, pack

HASS = os.environ.get("LIANKE_HASS", str(ROOT / ".venv-demo" / "bin" / "python"))

SCRIPT = r"""
import asyncio, json, logging, sys
from pathlib import Path
from types import SimpleNamespace

from aiogithubapi.models.git_tree import GitHubGitTreeEntryModel
from homeassistant.components.marketplace.repositories.base import (
    RepositoryManifest, valid_integration_categories)
from homeassistant.components.marketplace.repositories.integration import IntegrationRepository
from homeassistant.components.marketplace.utils.validate import (
    REPOSITORY_MANIFEST_VALUES, VALIDATE_FETCHED_V2_REPO_DATA, Validate, is_valid_ref)

root, release, config = map(Path, sys.argv[1:4])
full_name, version = sys.argv[4:6]
files = json.load(sys.stdin)
logs = []
handler = logging.Handler()
handler.emit = lambda record: logs.append(record.getMessage())
logging.getLogger("homeassistant").addHandler(handler)


async def run():
    loop = asyncio.get_running_loop()

    async def in_executor(function, *arguments):
        return await loop.run_in_executor(None, function, *arguments)

    async def download(file, **_):
        return release.read_bytes()

    async def save(path, content, **_):
        await in_executor(Path(path).write_bytes, content)
        return True

    hass = SimpleNamespace(
        async_add_executor_job=in_executor, loop=loop, data={},
        config=SimpleNamespace(config_dir=str(config)), async_create_task=loop.create_task)
    marketplace = SimpleNamespace(
        hass=hass, core=SimpleNamespace(config_path=str(config)),
        async_download_file=download, async_save_file=save)
    repository = IntegrationRepository(marketplace, full_name)
    repository.ref = version

    hacs = json.loads((root / "hacs.json").read_text("utf-8"))
    repository.repository_manifest = RepositoryManifest.from_dict(hacs)
    folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    repository.tree = [
        GitHubGitTreeEntryModel({"path": path, "type": kind})
        for kind, paths in (("tree", sorted(folders)), ("blob", sorted(files))) for path in paths]
    repository.treefiles = files
    repository.resolve_content()
    resolved = repository.try_resolve_content()

    manifest = json.loads((root / repository._integration_manifest_path()).read_text("utf-8"))
    repository._use_integration_manifest(manifest)
    repository.content.path.local = repository.localpath
    validate = Validate()
    await repository.download_zip_files(validate)
    errors = [str(error) for error in validate.errors + repository.validate.errors]
    await repository.async_check_written_content()
    catalogue = VALIDATE_FETCHED_V2_REPO_DATA["integration"]({
        "description": "x", "etag_repository": "x", "full_name": full_name, "last_fetched": 1.0,
        "last_updated": "x", "last_version": version, "manifest": {"name": hacs["name"]},
        "domain": repository.data.domain, "manifest_name": repository.data.manifest_name,
        "categories": manifest.get("categories", []), "topics": []})
    print(json.dumps({
        "resolved": resolved, "remote": repository.content.path.remote, "errors": errors,
        "local": repository.content.path.local, "name": repository.display_name,
        "owners": repository.data.authors, "flow": repository.data.config_flow,
        "unread": sorted(set(hacs) - set(REPOSITORY_MANIFEST_VALUES)),
        "zip": repository.repository_manifest.filename, "ref": is_valid_ref(version),
        "minimum": repository.repository_manifest.homeassistant,
        "replaces": await repository.async_replaces_built_in(),
        "categories": valid_integration_categories(catalogue["categories"]), "logs": logs}))

asyncio.run(run())
"""


def repository_files() -> list[str]:
    """Return what git knows of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return [name for name in listed.split("\0") if name]


@pytest.mark.skipif(not Path(HASS).exists(), reason="no Home Assistant with a Marketplace")
def test_the_marketplace_installs_it(tmp_path: Path) -> None:
    probe = subprocess.run(
        [HASS, "-c", "import homeassistant.components.marketplace"],
        capture_output=True,
        check=False,
    )
    if probe.returncode:
        pytest.skip("this Home Assistant has no Marketplace")
    release, config = tmp_path / "lianke.zip", tmp_path / "config"
    count = pack(release)
    config.mkdir()
    version = manifest_version()
    manifest = json.loads((ROOT / "custom_components/lianke/manifest.json").read_text("utf-8"))
    full_name = manifest["documentation"].removeprefix("https://github.com/")
    done = subprocess.run(
        [HASS, "-c", SCRIPT, str(ROOT), str(release), str(config), full_name, version],
        input=json.dumps(repository_files()),
        capture_output=True,
        check=False,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    installed = config / "custom_components" / "lianke"
    assert told["errors"] == []
    assert [line for line in told["logs"] if "Ignoring" in line or "rror" in line] == []
    assert told["resolved"] is True
    assert told["remote"] == "custom_components/lianke"
    assert Path(told["local"]) == installed
    assert told["name"] == manifest["name"]
    assert told["owners"] == manifest["codeowners"]
    assert told["flow"] is True
    assert told["zip"] == "lianke.zip"
    assert told["minimum"] == "2026.10.0"
    assert told["unread"] == []
    assert told["ref"] is True
    assert told["replaces"] is False
    assert told["categories"] == manifest["categories"]
    assert sum(path.is_file() for path in installed.rglob("*")) == count
