"""The scripts that everybody calls: what CI calls, and what the end of a run of the tests says."""

import fcntl
import json
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
from unittest import mock

import pytest
import yaml

from benchmarks import __main__ as bench, set_up
from scripts import demo
from scripts.demo import PORT
from tests.e2e.hass import HassError
from tests.simulator.admin import Admin

ROOT = Path(__file__).parents[1]
# What may stand in .ci/run besides the three scripts: how they are called, one after the other.
FRAME = {
    "set -euo pipefail",
    'cd "$(dirname "${BASH_SOURCE[0]}")/.."',
    "failed=()",
    'check() { "$@" || failed+=("$*"); }',
    "if [ ${#failed[@]} -gt 0 ]; then",
    "printf 'FAILED: %s\\n' \"${failed[@]}\"",
    "exit 1",
    "fi",
}
CHECKS = ["scripts/lint", "scripts/test --full", "scripts/demo --check"]


def test_ci_installs_nothing_itself() -> None:
    """What the checks need they bring, so a stranger's clone passes where the server's does."""
    text = (ROOT / ".ci" / "run").read_text("utf-8")
    lines = [line.strip() for line in text.splitlines() if not line.strip().startswith("#")]
    checks = [line.removeprefix("check ") for line in lines if line.startswith("check ")]
    assert checks == CHECKS
    assert {line for line in lines if line and not line.startswith("check ")} == FRAME


def test_the_workflows_install_nothing_for_the_tests() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        installed = re.findall(r"apt-get.*install (?:-\S+ )*(.*)", path.read_text("utf-8"))
        # A container of Debian that has what a bare machine has.
        assert installed in ([], ["ca-certificates git python3"]), path.name


# How scripts/test asks for little on the terminal.
SHORT = ("--tb=short", "--show-capture=no", "-rfE")

OUTCOMES = """
import logging
import pytest

def test_passes():
    logging.getLogger().warning("of one that passes")

def test_fails():
    logging.getLogger().warning("of one that fails")
    print("printed by one that fails")
    assert 1 == 2

@pytest.fixture
def broken():
    raise OSError("nothing there")

def test_errs(broken): ...

@pytest.mark.parametrize("case", ["a/b", "c"])
def test_skips(case):
    pytest.skip("no Chromium")

@pytest.mark.skip(reason="no CUPS")
def test_marked(): ...

@pytest.mark.xfail(strict=True)
def test_known():
    assert False
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_says_what_failed_and_what_was_left_out(tmp_path: Path, workers: str) -> None:
    (tmp_path / "test_it.py").write_text(OUTCOMES, "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "utf-8")
    assert " ".join(SHORT) in (ROOT / "scripts" / "test").read_text("utf-8")
    arguments = ["-p", "xdist", "-n", workers, "-p", "tests.run_report", "--rootdir", str(tmp_path)]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, *SHORT, str(tmp_path)],
        cwd=ROOT,
        # What this environment's plugins add would not be seen, but takes half a minute.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert run.returncode == 1
    # The end names what failed, without what anything has logged.
    *_, failed, erred, count = run.stdout.splitlines()
    assert "FAILED" in failed
    assert "test_fails" in failed
    assert "ERROR" in erred
    assert "1 failed, 1 passed, 3 skipped, 1 xfailed, 1 error" in count
    assert "of one that" not in run.stdout
    folder = tmp_path / ".test-report"
    assert (folder / "failed").read_text("utf-8").split() == [
        "test_it.py::test_errs", "test_it.py::test_fails",
    ]  # fmt: skip
    assert (folder / "left_out").read_text("utf-8").splitlines() == [
        "2 tests (no Chromium)", "1 test (no CUPS)",
    ]  # fmt: skip
    logs = {path.name: path.read_text("utf-8") for path in folder.glob("*.log")}
    assert set(logs) == {"test_it.py-test_fails.log", "test_it.py-test_errs.log"}
    assert "assert 1 == 2" in logs["test_it.py-test_fails.log"]
    assert "of one that fails" in logs["test_it.py-test_fails.log"]
    assert "printed by one that fails" in logs["test_it.py-test_fails.log"]
    assert "nothing there" in logs["test_it.py-test_errs.log"]


async def test_a_figure_that_cannot_be_had_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(rounds: int) -> None:
        raise OSError("nothing there")

    monkeypatch.setattr(set_up, "measure_import", broken)
    monkeypatch.setattr(bench, "find_chromium", lambda: None)
    run = bench.Bench(["import_cost", "card"])
    await run.run()
    assert run.failed == ["import_cost (OSError)"]
    assert run.left_out == ["card_paint, card_long_task (no Chromium)"]
    assert [figure.name for figure in run.figures] == ["card_bytes"]


def test_the_bench_needs_no_pytest() -> None:
    """It runs in the demo's environment, which has none."""
    program = "import sys; sys.modules['pytest'] = None; import benchmarks.__main__"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_bench_asks_what_the_simulator_answers() -> None:
    """A call of the admin interface that goes costs the figures of a day, which nobody sees before a release."""
    asked = re.findall(
        r'cloud\.ask\("(\w+)", f?"([^"]*)"', (ROOT / "benchmarks/probe/day.py").read_text("utf-8")
    )
    routes = Admin(mock.Mock()).routes()
    assert asked
    for method, path in asked:
        where = "/_sim/" + re.sub(r"^{printer}", "boxes/1/printers/1", path)
        assert any(
            route.method == method
            and re.fullmatch(re.sub(r"{\w+}", "[^/]+", route.path), where) is not None
            for route in routes
        ), (method, path)


def test_checks_before_a_commit_are_those_of_lint() -> None:
    """All of them, each by scripts/lint, which has the versions; nothing of others is fetched for it."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert [one["repo"] for one in hooks] == ["local"]
    called = [hook["entry"] for hook in hooks[0]["hooks"]]
    lint = (ROOT / "scripts" / "lint").read_text("utf-8")
    (names,) = re.findall(r"set -- (.+); fi", lint)
    assert called == [f"scripts/lint {name}" for name in names.split()]
    assert re.findall(r"^check_(\w+)\(\)", lint, re.MULTILINE) == names.split()
    assert {hook["language"] for hook in hooks[0]["hooks"]} == {"system"}


def test_the_dev_container_is_the_bare_machine() -> None:
    """What CI has before the scripts bring the rest; its ports are those that the demo takes."""
    folder = ROOT / ".devcontainer"
    settings = json.loads((folder / "devcontainer.json").read_text("utf-8"))
    made = (folder / settings["build"]["dockerfile"]).read_text("utf-8")
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text("utf-8")
    (image,) = re.findall(r"^    container: (.+)$", workflow, re.MULTILINE)
    assert re.findall(r"^FROM (.+)$", made, re.MULTILINE) == [image]
    installs = r"apt-get install .+? ((?:[\w-]+ )*[\w-]+)(?: &&|$)"
    assert re.findall(installs, made, re.MULTILINE) == re.findall(installs, workflow, re.MULTILINE)
    assert settings["forwardPorts"] == [PORT, PORT + 1]


def test_what_the_scripts_bring_has_a_version() -> None:
    """Nobody gets another program tomorrow: no name that is installed stands without its version."""
    tools = (ROOT / "scripts" / "requirements_tools.txt").read_text("utf-8")
    pinned = re.findall(r"^([a-z-]+)==[\d.]+$", tools, re.MULTILINE)
    text = "\n".join(p.read_text("utf-8") for p in (ROOT / "scripts").iterdir() if p.is_file())
    assert set(re.findall(r'["=]\$\(tool ([a-z-]+)\)', text)) == set(pinned)
    installs = re.sub(r"--only-binary \S+", "", "\n".join(re.findall(r".*\binstall -.*", text)))
    for name in pinned:
        assert not re.search(rf"\s{name}\b(?!\))", installs), name


# A shell in the background ignores Ctrl+C, and so would what it starts.
HEARS_CTRL_C = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp("bash", ["bash", "-c", sys.argv[1]])
"""


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path) -> None:
    """Ctrl+C while an environment was made left a folder there."""
    (tmp_path / "temporary").mkdir()
    copy = tmp_path / "clone" / "scripts"
    copy.mkdir(parents=True)
    for name in ("environment.sh", "requirements_tools.txt"):
        (copy / name).write_text((ROOT / "scripts" / name).read_text("utf-8"))
    script = f"""
    set -euo pipefail
    . {copy}/environment.sh
    is_ready() {{ return 1; }}
    # Said by what is ended: between two commands, bash takes Ctrl+C for the one that has not begun.
    find_python() {{ sh -c "echo begun; exec sleep 60"; }}
    need_environment tests
    """
    process = subprocess.Popen(
        [sys.executable, "-c", HEARS_CTRL_C, script],
        env=os.environ | {"TMPDIR": str(tmp_path / "temporary")},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    assert list((tmp_path / "temporary").iterdir())
    os.killpg(process.pid, signal.SIGINT)
    process.wait(20)
    process.stdout.close()
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "99999"], "99999 is no port; take one from 1 to 65534"),
        (["--port", "65535"], "65535 is no port; take one from 1 to 65534"),
        (["--check", "--zip", "none.zip"], "there is no zip none.zip"),
    ],
)
def test_the_demo_refuses_what_it_cannot_do_in_one_sentence(
    options: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before anything is started or written."""
    monkeypatch.setattr(sys, "argv", ["scripts/demo", *options])
    with pytest.raises(SystemExit):
        demo.main()
    assert said in capsys.readouterr().err


def test_a_demo_is_left_alone_by_a_second_one_while_its_home_assistant_starts_or_was_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home Assistant's own lock is not there yet; that of a killed demo's Home Assistant is all there is."""
    monkeypatch.setattr(demo, "STATE", tmp_path)
    words, home = demo.WORDS["en"], tmp_path / "home"
    with (
        demo.alone("demo", home, words),
        pytest.raises(HassError, match=f"process {os.getpid()},"),
        demo.alone("demo", home, words),
    ):
        pytest.fail("It runs twice")
    home.mkdir()
    with (home / ".ha_run.lock").open("a+", encoding="utf-8") as lock:
        lock.write('{"pid": 4711, "version": 1}')
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(HassError, match="process 4711,"), demo.alone("demo", home, words):
            pytest.fail("It runs twice")
    with demo.alone("demo", home, words):
        demo.reset()
    assert [path.name for path in tmp_path.iterdir()] == ["demo.lock"]
