"""Commands that are killed, stopped or overtaken: complete or without effect, and the next one says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminals import read_table
from trees import describe_tree, list_files
from users import STACKENV, User
from without_cache import list_below

WAIT_S = 120
# A package whose build begins, reports that by a file, and does not end.
SLOW = """\
import os, pathlib, time
pathlib.Path({marker!r} + "-").write_text(str(os.getpid()))
os.rename({marker!r} + "-", {marker!r})
time.sleep(600)
"""


# pip, and uv.
INSTALLERS = ((), ("--uv",))


class Running:
    """`stackenv ARGUMENTS`, started in a process group of its own, with modules loaded."""

    def __init__(self, user: User, *arguments: str, **changes: str) -> None:
        loaded = user.run(f"module load {user.stack.bundle_module}; env -0", **changes)
        environ = dict(e.split("=", 1) for e in loaded.stdout.split("\0") if "=" in e)
        self.log = user.home.parent / f"log-{time.monotonic_ns()}"
        with self.log.open("w") as stream:
            self.process = subprocess.Popen(
                [STACKENV, *arguments],
                env=environ,
                cwd=user.home,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                # Under nohup the tests ignore SIGHUP, and so would the processes that they start.
                preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
            )

    def wait_for(self, sentence: str) -> None:
        wait_until(lambda: sentence in self.log.read_text() or self.process.poll() is not None)
        assert sentence in self.log.read_text(), self.log.read_text()

    def kill(self) -> None:
        """Kill the command and all that it has started, as a batch system does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def wait_until(condition) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.005)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def journal_of(user: User) -> Path:
    return user.modules / ".stackenv/it@1.0.json"


def require_nothing_left(user: User) -> None:
    assert list_files(user.home) == []
    folders = {str(path.relative_to(user.home)) for path in list_below(user.home)}
    assert folders <= {"modules", "modules/.stackenv", "venvs"}
    assert list((user.home.parent / "tmp").iterdir()) == []


@pytest.fixture
def slow_package(tmp_path: Path) -> Iterator[Path]:
    """A package whose build blocks; the file `started` in it then holds the build's process number."""
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "setup.py").write_text(SLOW.format(marker=str(folder / "started")))
    yield folder
    if (folder / "started").exists():
        pid = int((folder / "started").read_text())
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


def start_slow(user: User, slow_package: Path, *options: str) -> Running:
    words = ("create", "it", *options, "--no-build-isolation", str(slow_package))
    running = Running(user, *words)
    wait_until(lambda: (slow_package / "started").exists() or running.process.poll() is not None)
    assert running.process.poll() is None, running.log.read_text()
    return running


STEPS = (
    "check that it/1.0 is still free",
    "create the folder",
    "create a venv with Python",
    "set the import order",
    "install with pip",
    "write the modulefile",
)


@pytest.mark.each_value("sentence", "after_s")
@pytest.mark.parametrize("after_s", [0.0, 0.04])
@pytest.mark.parametrize("sentence", STEPS)
def test_a_killed_create_is_undone_or_completed_by_the_next_command(
    user: User, sentence: str, after_s: float
) -> None:
    running = Running(user, "create", "it", "--allow-shadow", "packaging", "packaging==24.2")
    running.wait_for(sentence)
    time.sleep(after_s)
    running.kill()
    complete = (user.modules / "it/1.0.lua").exists()
    # The command may have completed in that time: then there is no journal any more.
    noted = {} if complete else json.loads(journal_of(user).read_text())
    listed = user.stackenv("list")
    assert listed.returncode == 0, listed.stderr
    if complete or noted["finish"]:
        assert read_table(listed.stdout)[0][:2] == ["it/1.0", "venv"]
        assert not list((user.home / "venvs/it-1.0/stackenv").glob("unfinished-*"))
        return
    assert ("were undone" in listed.stderr) == bool(noted["undo"])
    require_nothing_left(user)


@pytest.mark.parametrize("options", INSTALLERS)
def test_create_after_a_killed_build_undoes_it_and_succeeds(
    user: User, slow_package: Path, options: tuple[str, ...]
) -> None:
    start_slow(user, slow_package, *options).kill()
    assert journal_of(user).exists() and (user.home / "venvs/it-1.0/bin/python").exists()
    created = user.stackenv("create", "it", load=[user.stack.bundle_module])
    assert created.returncode == 0, created.stderr
    assert "was interrupted; its changes to it/1.0 were undone" in created.stderr
    assert list((user.home.parent / "tmp").iterdir()) == []
    used = user.run("ml use ~/modules; ml it && python -c 'import numpy, sys; print(sys.prefix)'")
    assert used.stdout.strip() == str(user.home / "venvs/it-1.0")
    assert list_files(user.modules) == ["it/1.0.lua"]


@pytest.mark.each_value("number", "options")
@pytest.mark.parametrize("options", INSTALLERS)
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_stop_signal_ends_the_build_and_undoes_all_changes(
    user: User, slow_package: Path, number: signal.Signals, status: int, options: tuple[str, ...]
) -> None:
    running = start_slow(user, slow_package, *options)
    builder = int((slow_package / "started").read_text())
    os.kill(running.process.pid, number)
    assert running.process.wait(60) == status
    assert not is_running(builder)
    last = running.log.read_text().rstrip().splitlines()[-1]
    assert last == f"error: interrupted by {number.name}; all changes were undone"
    require_nothing_left(user)


@pytest.mark.parametrize("options", INSTALLERS)
def test_repeated_control_c_still_undoes_all_changes(
    user: User, slow_package: Path, options: tuple[str, ...]
) -> None:
    running = start_slow(user, slow_package, *options)
    for _ in range(5):
        os.killpg(running.process.pid, signal.SIGINT)
        time.sleep(0.02)
    # A further SIGINT after the end kills the process, which is 130 to a shell, too.
    assert running.process.wait(60) in (130, -signal.SIGINT)
    require_nothing_left(user)


def test_create_of_a_name_being_created_names_the_process_and_changes_nothing(
    user: User, slow_package: Path
) -> None:
    first = start_slow(user, slow_package)
    before = describe_tree(user.modules)
    second = user.stackenv("create", "it", "--path", "elsewhere", load=[user.stack.bundle_module])
    assert second.returncode == 8
    assert f"it/1.0 is being changed now by process {first.process.pid} on" in second.stderr
    assert describe_tree(user.modules) == before and not (user.home / "elsewhere").exists()
    assert first.process.poll() is None
    first.kill()


def test_only_one_of_two_simultaneous_creates_succeeds(user: User) -> None:
    both = [Running(user, "create", "it") for _ in range(2)]
    statuses = sorted(running.process.wait(WAIT_S) for running in both)
    logs = [running.log.read_text() for running in both]
    assert statuses in ([0, 8], [0, 9]), logs
    assert user.stackenv("list").stdout.count("\n") == 2
    assert list_files(user.modules) == ["it/1.0.lua"]
    used = user.run("ml use ~/modules; ml it && python -c 'import numpy'")
    assert used.returncode == 0, used.stderr
    assert not list((user.home / "venvs/it-1.0/stackenv").glob("unfinished-*"))


def test_an_unavailable_package_leaves_nothing_behind(user: User) -> None:
    failed = user.stackenv("create", "it", "no-such-package", load=[user.stack.bundle_module])
    assert failed.returncode == 10 and "no-such-package" in failed.stderr
    require_nothing_left(user)


@pytest.fixture
def old_venv(user: User) -> Path:
    """A venv of the user's own, with a package in it."""
    made = user.run(
        f"module load {user.stack.python_module}; python -m venv --without-pip venvs/mine &&"
        f" uv pip install -q --no-index --find-links {user.stack.wheels} --python venvs/mine packaging==24.2"
    )
    assert made.returncode == 0, made.stderr + made.stdout
    return user.home / "venvs/mine"


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.15])
@pytest.mark.parametrize("sentence", ["write into", "write the modulefile"])
def test_a_killed_adopt_is_undone_or_completed_by_the_next_command(
    user: User, old_venv: Path, sentence: str, after_s: float
) -> None:
    before = describe_tree(old_venv)
    running = Running(user, "adopt", str(old_venv), "it")
    running.wait_for(sentence)
    time.sleep(after_s)
    running.kill()
    complete = (user.modules / "it/1.0.lua").exists()
    finished = complete or json.loads(journal_of(user).read_text())["finish"]
    listed = user.stackenv("list")
    assert listed.returncode == 0, listed.stderr
    if finished:
        assert read_table(listed.stdout)[0][:2] == ["it/1.0", "venv"]
        return
    assert describe_tree(old_venv) == before
    assert list((user.home.parent / "tmp").iterdir()) == []


def test_a_stopped_adopt_leaves_the_conda_environment_unchanged(user: User, tmp_path: Path) -> None:
    prefix, started = user.home / "conda-env", tmp_path / "started"
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "etc/conda/activate.d").mkdir(parents=True)
    (prefix / "etc/conda/activate.d/slow.sh").write_text(f"touch '{started}'; sleep 300\n")
    before = describe_tree(prefix)
    running = Running(user, "adopt", str(prefix), "it")
    wait_until(lambda: started.exists() or running.process.poll() is not None)
    running.process.terminate()
    assert running.process.wait(60) == 143, running.log.read_text()
    assert describe_tree(prefix) == before
    assert list((user.home.parent / "tmp").iterdir()) == []


def test_a_reused_process_number_is_not_mistaken_for_the_owner(user: User) -> None:
    running = Running(user, "create", "it")
    running.wait_for("create a venv")
    running.kill()
    entry = json.loads(journal_of(user).read_text())
    entry["pid"] = os.getpid()
    journal_of(user).write_text(json.dumps(entry))
    assert "were undone" in user.stackenv("list").stderr
    require_nothing_left(user)
