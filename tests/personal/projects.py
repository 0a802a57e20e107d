"""A project: a folder that its group may write, its owner, another member of the group, and a stranger."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from stacked import Stack
from users import User, make_user

# Numeric IDs that no account of the machine has.
GROUP, OWNER, MEMBER, STRANGER = 74001, 74011, 74012, 74013


@dataclass(frozen=True)
class Project:
    """A project's folder, its owner, and a member of its group."""

    root: Path
    owner: User
    member: User

    def run(self, user: User, number: int, group: int, script: str) -> subprocess.CompletedProcess[str]:
        """Run `script` with the user ID `number` and `group` as the only supplementary group."""
        become = " ".join(become_user(number, group))
        return user.run(f"exec {become} bash --norc -c {shell_quote(INIT_AND + script)}")

    def as_owner(self, script: str) -> subprocess.CompletedProcess[str]:
        return self.run(self.owner, OWNER, GROUP, script)

    def as_member(self, script: str) -> subprocess.CompletedProcess[str]:
        return self.run(self.member, MEMBER, GROUP, script)

    def as_stranger(self, script: str) -> subprocess.CompletedProcess[str]:
        return self.run(self.member, STRANGER, STRANGER, script)


INIT_AND = ". /usr/share/lmod/lmod/init/bash; umask 077; "


def shell_quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def become_user(number: int, group: int) -> list[str]:
    """Return the words that run a command with user ID `number` and only `group` as supplementary group."""
    own = f"--reuid {number} --regid {number} --groups {group} --bounding-set=-all"
    return ["setpriv", *own.split()]


@contextmanager
def making_project(make_stack: Callable[[Path], Stack]) -> Iterator[Project]:
    """Create a project with the stack that `make_stack` creates in a folder, and remove it at the end."""
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("to become another user takes root and setpriv")
    # Other users cannot enter pytest's own folders.
    top = Path(tempfile.mkdtemp(prefix="stackenv-test-shared-"))
    top.chmod(0o755)
    stack = make_stack(top)
    users = []
    for name, number in (("owner", OWNER), ("member", MEMBER)):
        user = make_user(top / name, stack)
        for folder in (top / name, *(top / name).rglob("*")):
            os.chown(folder, number, number)
        (user.home.parent / "tmp").chmod(0o1777)
        users.append(user)
    root = top / "project"
    root.mkdir()
    os.chown(root, OWNER, GROUP)
    root.chmod(0o2770)
    try:
        yield Project(root, *users)
    finally:
        shutil.rmtree(top)
