"""Home Assistant's own Marketplace reads this repository, and installs the zip of its release.

It is part of Home Assistant from 2026.11 on, so this runs in a process of that version (LIANKE_HASS, the demo's).
Its own classes do the work, with a local folder in the place of GitHub: the tree of a repository that was added by link
is resolved; what the catalogue would say of it is accepted; an install from the catalogue reads hacs.json and
manifest.json, unpacks the zip, and lets the loader find the integration without a restart.
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
from awesomeversion import AwesomeVersion
from homeassistant import loader
from homeassistant.const import __version__
from homeassistant.core import HomeAssistant
from homeassistant.helpers import translation
from homeassistant.components.marketplace.base import MarketplaceManager
from homeassistant.components.marketplace.repositories.base import (
    RepositoryManifest, valid_integration_categories)
from homeassistant.components.marketplace.repositories.integration import IntegrationRepository
from homeassistant.components.marketplace.utils.validate import (
    REPOSITORY_MANIFEST_VALUES, VALIDATE_FETCHED_V2_REPO_DATA, is_valid_ref)

root, release, config = map(Path, sys.argv[1:4])
full_name, version = sys.argv[4:6]
files = json.load(sys.stdin)
logs, asked, progress = [], [], []
handler = logging.Handler()
handler.emit = lambda record: logs.append(f"{record.levelname} {record.getMessage()}")
logging.getLogger("homeassistant.components.marketplace").addHandler(handler)


class Marketplace(SimpleNamespace):
    # The parts that an install asks, with a local folder in the place of GitHub.
    async_save_file = MarketplaceManager.async_save_file

    async def async_download_file(self, file, **_):
        asked.append(file.path)
        if file.path == f"{full_name}/releases/download/{version}/lianke.zip":
            return release.read_bytes()
        path = root / file.path.removeprefix(f"{full_name}/{version}/")
        return path.read_bytes() if path.is_file() else None

    def async_dispatch(self, signal, data):
        progress.append(data.get("progress"))


async def nothing(*_):
    return None


async def run():
    hass = HomeAssistant(str(config))
    loader.async_setup(hass)
    hacs = json.loads((root / "hacs.json").read_text("utf-8"))
    manifest = json.loads((root / "custom_components/lianke/manifest.json").read_text("utf-8"))

    # What the catalogue says of a repository.
    catalogue = VALIDATE_FETCHED_V2_REPO_DATA["integration"]({
        "description": "x", "etag_repository": "x", "full_name": full_name, "last_fetched": 1.0,
        "last_updated": "2026-11-26T00:00:00Z", "last_version": version,
        "manifest": {"name": hacs["name"]}, "domain": manifest["domain"],
        "manifest_name": manifest["name"], "categories": manifest.get("categories", []), "topics": []})

    marketplace = Marketplace(
        hass=hass, core=SimpleNamespace(config_path=str(config)),
        configuration=SimpleNamespace(plugin_path="www/community/", theme_path="themes/"),
        version=AwesomeVersion(__version__),
        repositories=SimpleNamespace(is_default=lambda _: True, list_installed=[]),
        filesystem_lock=asyncio.Lock(), data=SimpleNamespace(async_write=nothing))
    repository = IntegrationRepository(marketplace, full_name)
    repository.data.id = "1"
    repository.data.update_data(catalogue)

    # Added by link: the tree of the repository is looked through.
    folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    linked = IntegrationRepository(marketplace, full_name)
    linked.repository_manifest = RepositoryManifest.from_dict(hacs)
    linked.tree = [
        GitHubGitTreeEntryModel({"path": path, "type": kind})
        for kind, paths in (("tree", sorted(folders)), ("blob", sorted(files))) for path in paths]
    linked.treefiles = files
    resolved = linked.try_resolve_content()

    # From the catalogue: all of the install, from asking for hacs.json to the loader's new look.
    await repository.async_install_repository()
    found = (await loader.async_get_custom_components(hass)).get("lianke")
    print(json.dumps({
        "resolved": resolved, "linked": linked.content.path.remote, "asked": asked,
        "progress": progress, "installed": repository.data.installed_version,
        "restart": repository.pending_restart, "loaded": found and str(found.version),
        "local": repository.content.path.local,
        "name": repository.display_name, "owners": repository.data.authors,
        "flow": repository.data.config_flow, "ref": is_valid_ref(version),
        "unread": sorted(set(hacs) - set(REPOSITORY_MANIFEST_VALUES)),
        "minimum": repository.repository_manifest.homeassistant,
        "categories": valid_integration_categories(catalogue["categories"]),
        "readme": (await repository.async_get_readme_contents(version=version))[:20],
        "logs": logs}))
    await hass.async_stop(force=True)

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


@pytest.mark.long
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
    reported = json.loads(done.stdout)
    installed = config / "custom_components" / "lianke"
    assert reported["logs"] == []
    assert reported["resolved"] is True
    assert reported["linked"] == "custom_components/lianke"
    # A first install of what has a config flow needs no restart.
    assert reported["restart"] is False
    assert reported["installed"] == reported["loaded"] == version
    assert reported["progress"][-2:] == [90, False]
    assert f"{full_name}/releases/download/{version}/lianke.zip" in reported["asked"]
    assert f"{full_name}/{version}/hacs.json" in reported["asked"]
    assert Path(reported["local"]) == installed
    assert reported["name"] == manifest["name"]
    assert reported["owners"] == manifest["codeowners"]
    assert reported["flow"] is True
    assert reported["minimum"] == "2026.10.0"
    assert reported["unread"] == []
    assert reported["ref"] is True
    assert reported["categories"] == manifest["categories"]
    assert reported["readme"] == (ROOT / "README.md").read_text("utf-8")[:20]
    assert sum(path.is_file() for path in installed.rglob("*")) == count
