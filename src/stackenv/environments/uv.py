"""The uv of the user or of a module: which one is used, and how it installs packages instead of pip."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from stackenv import STACKENV_UUID
from stackenv.captured_run import run_captured
from stackenv.environments.constraints import constraints_url
from stackenv.environments.context import Context
from stackenv.environments.install_failure import NO_BUILD_ISOLATION, UV, explain_failure
from stackenv.environments.installer import run_installer
from stackenv.environments.own_packages import read_site_packages
from stackenv.environments.stack import Stack
from stackenv.errors import InstallError, explain
from stackenv.output import print_message
from stackenv.plain_files import open_file
from stackenv.record import Record

INSTEAD = "pip installs the packages instead"
HOW_TO_GET = "`module spider uv`, or https://docs.astral.sh/uv/getting-started/installation/"
# The isolated builds of uv see the packages of the modules in these, such as an old setuptools; pip's do not.
OF_MODULES = ("PYTHONPATH", "EBPYTHONPREFIXES")
# Matches the lines in which uv reports what it installed.
INSTALLED = re.compile(r"^ [+~] ([A-Za-z0-9][\w.-]*)==", re.MULTILINE)
# With -v, uv reports a `target` or `prefix` setting, with which it installs outside the environment.
ELSEWHERE = re.compile(r"Using `--(?:target|prefix)` directory at `?(.+?)`?$", re.MULTILINE)
REDIRECTED = (
    "`target` or `prefix` is set in a uv.toml, or in the pyproject.toml of a folder above this one",
    "remove that setting, or leave out --uv",
)
# How long to wait for an answer of uv.
TIMEOUT_S = 60


@dataclass(frozen=True)
class Uv:
    """A uv that works.

    Parameters
    ----------
    path
        The path of the program.
    copies
        Whether it copies files from its cache instead of making hard links. It must if the environment is
        on another file system, or if links would give the cache's files to a project's group.
    """

    path: str
    copies: bool

    def install(self, record: Record, calls: Sequence[Sequence[str]], environ: Mapping[str, str]) -> None:
        """Install the arguments of each of `calls` into the venv of `record`, one after the other.

        Raises
        ------
        InstallError
            If uv fails; the message says whether the constraints are the cause.
        """
        python = f"{record.path}/bin/python"
        # `reinstall` in a uv.toml would replace packages of the modules by those of an index.
        command = (self.path, "pip", "install", "--color", "never", "--no-reinstall", "--python", python)
        elsewhere = ask_for_target((*command, "-v", "--dry-run", "-r", os.devnull), environ)
        if elsewhere:
            why, hint = REDIRECTED
            raise InstallError(
                f"uv would install into {elsewhere} instead of the environment: {why}; nothing was installed",
                hint,
            )
        for arguments in calls:
            within = self.describe_environ(record, environ, NO_BUILD_ISOLATION in arguments)
            status, said = run_installer((*command, *arguments), within)
            if status:
                raise explain_failure(record, arguments, said, status, UV)
            require_inside(record, said)
        print_copies(record)

    def describe_environ(
        self, record: Record, environ: Mapping[str, str], builds_see_stack: bool
    ) -> dict[str, str]:
        """Return the environment variables for a uv that installs into the venv of `record`."""
        # Relative paths among the requirements start from the current folder.
        left_out = ("UV_WORKING_DIR", *(() if builds_see_stack else OF_MODULES))
        within = {name: value for name, value in environ.items() if name not in left_out}
        constraints = " ".join(filter(None, (constraints_url(record), within.get("UV_CONSTRAINT", ""))))
        if constraints:
            within["UV_CONSTRAINT"] = constraints
        if self.copies:
            within["UV_LINK_MODE"] = "copy"
        return {**within, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "UV_NO_WRAP": "1"}


def choose_uv(record: Record, stack: Stack, context: Context) -> Uv | None:
    """Return the uv that installs packages into the venv of `record` on `stack`.

    It is the first uv on the PATH of the modules, then of the caller, that is not the bin/uv of an
    environment; that script searches in the same way. If there is none that works, a message says why, and
    the result is None: pip has to install the packages.
    """
    if record.stubs_off and record.pinned:
        # uv would install its own copy of each pinned package in addition to that of the modules.
        print_message(f"uv cannot see the modules' packages here (personal.stubs is false); {INSTEAD}")
        return None
    path = find_uv([*list_path(stack.environ), *list_path(context.environ)])
    if not path:
        print_message(f"uv was not found on PATH; {INSTEAD} (to get uv: {HOW_TO_GET})")
        return None
    cache, problem = ask_for_cache(path, stack.environ)
    if problem:
        print_message(f"{path} does not work here ({problem}); {INSTEAD}")
        return None
    return Uv(path, context.access.group is not None or is_apart(Path(cache), Path(record.path)))


def list_own(record: Record) -> set[str]:
    """Return the canonical names of the packages in the venv of `record`, without its stubs."""
    return {canonicalize_name(d.metadata["Name"]) for d in read_site_packages(Path(record.path))}


def require_inside(record: Record, said: str) -> None:
    """Raise InstallError if the packages that uv reports as installed, in `said`, are not in the venv.

    No option and no variable overrides a `target` in a uv.toml. `ask_for_target` finds it with current uvs.
    """
    installed = {canonicalize_name(name) for name in INSTALLED.findall(said)}
    if installed and not installed & list_own(record):
        why, hint = REDIRECTED
        raise InstallError(
            f"uv installed {', '.join(sorted(installed))} outside the environment: {why}",
            f"uv pip uninstall {' '.join(sorted(installed))}; then {hint}",
        )


def print_copies(record: Record) -> None:
    """Print which pinned packages uv installed into the venv of `record`, because they have no stub."""
    held = {canonicalize_name(pin[0]): pin for pin in record.pinned}
    own = list_own(record)
    copies = [pin for name, pin in held.items() if name in own]
    if copies:
        names = ", ".join(f"{name} {version} ({module})" for name, version, module in copies)
        wanted = " ".join(name for name, _, _ in copies)
        print_message(
            f"uv installed its own copy of {names}, which has no stub here; to use the modules' instead: "
            f"ml {record.full_name}; pip uninstall {wanted}"
        )


def list_path(environ: Mapping[str, str]) -> list[str]:
    """Return the folders of PATH in `environ`."""
    return environ.get("PATH", "").split(os.pathsep)


def find_uv(folders: Iterable[str]) -> str:
    """Return the first uv in `folders` that is not the script of an environment; empty without one."""
    found = (shutil.which("uv", path=folder or os.curdir) for folder in folders)
    return next((os.path.abspath(path) for path in found if path and not is_script(path)), "")  # noqa: PTH100


def is_script(path: str) -> bool:
    """Return whether the program at `path` is the bin/uv of an environment: its second line says so."""
    try:
        with open_file(path) as file:
            lines = (file.readline(200), file.readline(200))
    except OSError:
        return False
    return lines == (b"#!/bin/sh\n", f"# {STACKENV_UUID}\n".encode())


def ask_for_cache(path: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the cache folder of the uv at `path` and an empty text, or an empty text and the problem."""
    try:
        done = run_captured([path, "cache", "dir", "--color", "never"], environ, TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", explain(error)
    if done.returncode < 0:
        return "", f"killed by {signal.Signals(-done.returncode).name}"
    said = " ".join(done.stderr.split()) or f"status {done.returncode}"
    return (done.stdout.strip(), "") if done.returncode == 0 else ("", said)


def ask_for_target(words: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return the folder into which the command `words` would install, if it is not the environment's.

    The result is empty if uv names no such folder. uv creates the folder and a lock in it, nothing else.
    """
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        # With RUST_LOG, uv would print too little or too much.
        within = {
            name: value for name, value in environ.items() if name not in ("RUST_LOG", "UV_WORKING_DIR")
        }
        found = ELSEWHERE.search(run_captured(words, within, TIMEOUT_S).stderr)
        return found[1] if found else ""
    return ""


def is_apart(one: Path, other: Path) -> bool:
    """Return whether the two paths, which need not exist yet, are on different file systems."""
    devices = {
        next(p for p in (path, *path.parents) if os.access(p, os.F_OK)).stat().st_dev for path in (one, other)
    }
    return len(devices) > 1
