"""Users with packed environments, on a node whose mounts are in a folder of the test."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from in_ci import fail_or_skip
from squashfuses import list_squashfuses
from users import User, make_user


def require_fuse() -> None:
    """Skip the test where FUSE cannot mount anything; fail it in CI."""
    missing = [p for p in ("mksquashfs", "unsquashfs", "squashfuse", "fusermount3") if not shutil.which(p)]
    if missing or not os.access("/dev/fuse", os.W_OK):
        reason = f"FUSE is not available here: {missing or '/dev/fuse'}"
        fail_or_skip(reason)


def list_mounts(folder: Path) -> list[str]:
    """Return the mount points below `folder` in this namespace."""
    places = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [place for place in places if place.startswith(f"{folder}/")]


def make_packing_user(folder: Path, stack, **environ: str) -> User:
    """Return a user whose site mounts packed environments below `folder`/node."""
    user = make_user(folder, stack)
    (folder / "node").mkdir(exist_ok=True)
    configuration = folder / "packing.yaml"
    configuration.write_text(f"version: 1\npack:\n  mounts: {folder}/node\n")
    user.environ.update(STACKENV_SITE_CONFIG=str(configuration), **environ)
    return user


@contextmanager
def unmounting(folder: Path) -> Iterator[None]:
    """Unmount, at the end, whatever is still mounted below `folder`."""
    try:
        yield
    finally:
        for place in list_mounts(folder):
            subprocess.run(["umount", "-l", place], capture_output=True, check=False)


def empty_node(folder: Path) -> None:
    """Kill each squashfuse of the node at `folder`, and remove its mounts and the files beside them."""
    for pid in list_squashfuses(folder):
        os.kill(pid, signal.SIGKILL)
    for place in list_mounts(folder):
        subprocess.run(["umount", "-l", place], check=True)
    shutil.rmtree(folder / f"stackenv-{os.geteuid()}", ignore_errors=True)


class Shell:
    """A bash with the module loaded that waits for commands."""

    def __init__(self, user: User, **environ: str) -> None:
        init = Path(user.environ["LMOD_CMD"]).parents[1] / "init/bash"
        self.process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            env={**user.environ, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.run(f'. "{init}"; module use {user.modules}; module load bio')

    def run(self, command: str) -> str:
        """Return what `command` prints, without the line that marks its end."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{command}\necho; echo DONE\n")
        self.process.stdin.flush()
        lines = list(iter(self.process.stdout.readline, "DONE\n"))
        return "".join(lines).strip()

    def close(self) -> None:
        self.process.communicate("exit\n")


def kill(pids: list[int]) -> None:
    """Kill processes as a batch system does, and wait until they have ended."""
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def load(user: User, commands: str, name: str = "bio", **environ: str) -> subprocess.CompletedProcess[str]:
    return user.run(f"module use {user.modules}; module load {name} || exit 70; {commands}", **environ)


def in_job(number: int, step: str = "") -> dict[str, str]:
    """Return the variables that Slurm sets in the job `number`, and in its step `step` if given."""
    return {"SLURM_JOB_ID": str(number), **({"SLURM_STEP_ID": step} if step else {})}
