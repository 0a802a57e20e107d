"""Fixes of start-up files, killed at each of their steps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from checking import fix
from init_blocks import OWN, plant
from people import Person

# Kills itself before a given one of the steps that change the disk.
KILLED = """\
import os, signal, sys
left = int(sys.argv[1])
def hook(event, arguments):
    global left
    changes = event in ("os.rename", "os.link", "os.remove", "os.chmod", "os.utime", "os.truncate")
    if changes or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
        left -= 1
        if not left:
            os.kill(os.getpid(), 9)
from stackenv.cli.start import main
sys.argv = ["stackenv", "check", "--fix", "--yes"]
sys.addaudithook(hook)
sys.exit(main())
"""


@pytest.mark.parametrize("is_linked", [False, True])
def test_a_fix_killed_at_any_step_loses_nothing(person: Person, own_conda: Path, is_linked: bool) -> None:
    file, other = person.home / ".bashrc", person.home / "other"
    steps, planted = 0, b""
    for step in range(1, 100):
        for path in (
            *person.home.glob(".bashrc*"),
            *person.home.glob("..bashrc*"),
            *person.home.glob("other"),
        ):
            path.unlink()
        file.write_bytes(OWN)
        if is_linked:
            os.link(file, other)
        if step == 1:
            plant(own_conda, file)
        else:
            file.write_bytes(planted)
        planted = file.read_bytes()
        command = [sys.executable, "-I", "-c", KILLED, str(step)]
        done = subprocess.run(
            command, env=person.environ, cwd=person.home, capture_output=True, text=True, check=False
        )
        if not done.returncode:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        steps += 1
        kept = [path.read_bytes() for path in (file, *person.home.glob(".bashrc.stackenv-backup*"))]
        assert planted in kept
        assert kept[0] in (planted, OWN)
        fix(person)
        assert file.read_bytes() == OWN
    assert file.read_bytes() == OWN
    assert steps >= 5
