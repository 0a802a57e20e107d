"""Output while pip installs: one line on a terminal; pip's own output if it fails or with --verbose."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from terminals import open_terminal
from test_interrupted import SLOW, require_nothing_left, wait_until
from users import STACKENV, User, make_user

# Beginnings of lines that pip prints for any package that it installs.
PIPS = ("Collecting", "Processing", "Installing collected packages", "Successfully installed")
ERASED = "\x1b[2K"
# The escape sequence that hides the cursor.
HIDDEN = "\x1b[?25l"


def says_pip(text: str) -> bool:
    return any(line.startswith(PIPS) for line in text.splitlines())


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack) -> User:
    """Return a user with an environment of two packages, and the output of create into a pipe in ~/said."""
    user = make_user(tmp_path_factory.mktemp("progress"), one_stack)
    (user.home / "list.txt").write_text("six\n")
    made = create(user, "quiet", "biopython", "-r", "list.txt")
    assert made.returncode == 0, made.stderr
    (user.home / "said").write_text(made.stderr)
    return user


def create(user: User, *words: str) -> subprocess.CompletedProcess[str]:
    return user.stackenv("create", *words, load=[user.stack.bundle_module])


def test_pips_output_is_not_shown_by_default(owner: User) -> None:
    assert not says_pip((owner.home / "said").read_text())
    rebuilt = owner.stackenv("rebuild", "quiet")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert not says_pip(rebuilt.stderr + rebuilt.stdout)


@pytest.mark.parametrize("option", ["-v", "--verbose"])
def test_pips_output_is_shown_with_verbose(user: User, option: str) -> None:
    made = create(user, "loud", "six", option)
    assert made.returncode == 0, made.stderr
    assert says_pip(made.stderr) and "Successfully installed six" in made.stderr
    assert says_pip(user.stackenv("rebuild", "loud", option).stderr)


def test_pips_output_is_shown_before_the_error_when_pip_fails(user: User) -> None:
    failed = create(user, "it", "six", "biopython==0.0.1")
    assert failed.returncode == 10
    reason = "No matching distribution found for biopython==0.0.1"
    places = [failed.stderr.index(text) for text in ("Processing", reason, "error: pip could")]
    assert places == sorted(places)
    require_nothing_left(user)


class AtTerminal:
    """`stackenv WORDS` on a separate terminal, with modules loaded; `shown` is what it wrote there."""

    def __init__(self, user: User, *words: str) -> None:
        loaded = user.run(f"module load {user.stack.bundle_module}; env -0")
        environ = dict(entry.split("=", 1) for entry in loaded.stdout.split("\0") if "=" in entry)
        self.leader, follower = open_terminal(columns=300)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", STACKENV, *words],
            **dict.fromkeys(("stdin", "stdout", "stderr"), follower),
            env={**environ, "TERM": "xterm"},
            cwd=user.home,
        )
        os.close(follower)
        self.shown = ""

    def read(self, until: str = "\0") -> str:
        """Read the output until its end or until it has `until`; return all of it so far."""
        deadline = time.monotonic() + 120
        while until not in self.shown and time.monotonic() < deadline:
            try:
                self.shown += os.read(self.leader, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                break
        return self.shown

    def end(self) -> int:
        """Return the status of the command."""
        self.read()
        os.close(self.leader)
        return self.process.wait(60)


def test_a_terminal_shows_the_current_step_and_erases_it_at_the_end(user: User) -> None:
    (user.home / "list.txt").write_text("six\n")
    running = AtTerminal(user, "create", "it", "biopython", "-r", "list.txt")
    assert running.end() == 0, running.shown
    based, installing = f"Creating it/1.0 on {user.stack.bundle_module} ...", "Installing 1 package and the"
    assert 0 < running.shown.index(based) < running.shown.index(f"{installing} requirements in list.txt ...")
    # pip's own output is nowhere in it.
    assert not says_pip(running.shown.replace("\r", "\n"))
    # The line is erased before the lasting output, which names no step.
    stays = running.shown[running.shown.rindex(ERASED) :]
    assert "Created it/1.0 (2 packages)" in stays and "ml use ~/modules; ml it" in stays
    for step in ("check that it/1.0 is still free", "create the folder", "install with pip"):
        assert step not in running.shown
    # After Ctrl-Z the terminal still has a cursor.
    assert HIDDEN not in running.shown


def test_ctrl_c_undoes_all_changes_and_clears_the_progress_line(user: User, tmp_path: Path) -> None:
    package = tmp_path / "slow"
    package.mkdir()
    (package / "setup.py").write_text(SLOW.format(marker=str(package / "started")))
    running = AtTerminal(user, "create", "it", "--no-build-isolation", str(package))
    wait_until(lambda: (package / "started").exists() or running.process.poll() is not None)
    os.write(running.leader, b"\x03")
    assert running.end() == 130, running.shown
    assert HIDDEN not in running.shown
    last = running.shown[running.shown.rindex(ERASED) :]
    assert "interrupted by SIGINT; all changes were undone" in last
    require_nothing_left(user)


def test_a_dumb_terminal_gets_lines_without_escape_sequences(user: User) -> None:
    made = user.run(f"module load {user.stack.bundle_module}; TERM=dumb script -qec 'stackenv create it' log")
    assert made.returncode == 0, made.stderr
    assert "create the folder" in made.stdout and "\x1b" not in made.stdout


def test_update_shows_the_current_environment_on_a_terminal(user: User) -> None:
    made = create(user, "it", "packaging==23.2", "--allow-shadow", "packaging")
    assert made.returncode == 0, made.stderr
    running = AtTerminal(user, "update", "packaging", "--env", "it", "--yes")
    assert running.end() == 0, running.shown
    assert "Updating it/1.0: packaging 23.2 -> 24.2 ..." in running.shown
    for step in ("fetch", "back up", "check that"):
        assert f"it/1.0: {step}" not in running.shown
    assert "updated it/1.0: packaging 23.2 -> 24.2" in running.shown.rpartition(ERASED)[2]
