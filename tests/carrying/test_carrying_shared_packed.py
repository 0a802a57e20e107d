"""A project's packed environment, started without modules by its owner and by a colleague."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from packing import require_fuse
from projects import GROUP, INIT_AND, MEMBER, OWNER, Project, making_project, shell_quote
from squashfuses import list_squashfuses
from test_carrying_shared import READ, make_readable_stack
from users import User


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project whose packed environments are mounted by FUSE in a folder where everyone may write."""
    require_fuse()
    with making_project(make_readable_stack) as project:
        top = project.root.parent
        (top / "node").mkdir()
        (top / "node").chmod(0o1777)
        configuration = top / "packing.yaml"
        configuration.write_text(f"version: 1\npack:\n  mounts: {top}/node\n")
        for user in (project.owner, project.member):
            user.environ["STACKENV_SITE_CONFIG"] = str(configuration)
        try:
            yield project
        finally:
            for number in list_squashfuses(top):
                os.kill(number, signal.SIGKILL)


def run_as(
    project: Project, user: User, number: int, folder: Path, script: str
) -> subprocess.CompletedProcess[str]:
    """Run `script` as the user `number`, who has an account and may use /dev/fuse and fusermount3."""
    accounts = folder / "passwd"
    lines = "".join(f"user{n}:x:{n}:{n}::/:/bin/sh\n" for n in (OWNER, MEMBER))
    accounts.write_text(Path("/etc/passwd").read_text() + lines)
    node = folder / "node.sh"
    node.write_text(
        f"[ -e {folder}/fuse ] || mknod {folder}/fuse c 10 229 && chmod 666 {folder}/fuse || exit 80\n"
        f"mount --bind {folder}/fuse /dev/fuse && mount --bind {accounts} /etc/passwd || exit 81\n"
        f"exec setpriv --reuid {number} --regid {number} --groups {GROUP} bash --norc -c "
        f"{shell_quote(INIT_AND + 'umask 007; ' + script)}\n"
    )
    return user.run(f"exec unshare --mount bash {node}")


def test_a_packed_environment_starts_for_both_after_a_colleagues_refresh(
    project: Project, tmp_path: Path
) -> None:
    def as_owner(script: str) -> subprocess.CompletedProcess[str]:
        return run_as(project, project.owner, OWNER, tmp_path, script)

    def as_member(script: str) -> subprocess.CompletedProcess[str]:
        return run_as(project, project.member, MEMBER, tmp_path, script)

    python = f"exec env -i {project.root}/venvs/tool-1.0/bin/python -c {shell_quote(READ)}"
    made = as_owner(
        f"stackenv create --shared {project.root} tool -m {project.owner.stack.bundle_module} && "
        f"stackenv pack --shared {project.root} tool"
    )
    assert made.returncode == 0, made.stderr
    modulefile = Path(project.owner.stack.modulepath.split(":")[0], "Needle/1.0.lua")
    modulefile.write_text(f"{modulefile.read_text()}-- built again\n")
    for run in (as_owner, as_member):
        assert "has changed; hint: stackenv edit tool/1.0 --refresh" in run(python).stderr
    done = as_member(f"stackenv edit tool --refresh --shared {project.root}")
    assert done.returncode == 0, done.stderr
    assert (project.root / "venvs/tool-1.0/stackenv/record.json").stat().st_uid == MEMBER
    for run in (as_owner, as_member):
        found = run(python)
        assert (found.stdout, found.stderr) == ("10\n", "")
