"""~/.local: packages in it that environments see, and settings by which pip installs into it."""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from stackenv.account.account import Account
from stackenv.account.caches import list_pip_files
from stackenv.account.storage_places import list_venvs
from stackenv.conda.storage import list_conda_prefixes
from stackenv.disk.usage import measure_trees
from stackenv.environments.venv import read_configuration
from stackenv.health.finding import Finding, RunCommand
from stackenv.output import format_bytes, format_count, shorten_list
from stackenv.plain_files import read_file_text
from stackenv.user_paths import find_absolute

TRUE = ("1", "true", "yes", "on", "t", "y")
SECTION = re.compile(r"\[(.+)\]")
KEY = re.compile(r"user\s*[=:]\s*(\w+)", re.IGNORECASE)


def find_pip_user(account: Account) -> Iterator[Finding]:
    """Yield a finding for each setting that makes `pip install` mean `pip install --user`."""
    lines = [
        (f"{file.path}:{number}", value)
        for file in account.start_files
        for number, _, value in file.list_assignments(["PIP_USER"])
    ]
    for where, value in lines:
        if value.lower() in TRUE:
            yield report_user_install(
                f"PIP_USER={value}", where, "delete that line; in this shell: unset PIP_USER"
            )
    if not lines and account.environ.get("PIP_USER", "").lower() in TRUE:
        yield report_user_install("PIP_USER is set", "environment variable PIP_USER", "unset PIP_USER")
    for path in list_pip_files(account.environ):
        yield from (
            report_user_install("user = true", f"{path}:{line}", "delete that line")
            for line in find_user(path)
        )


def find_user(path: Path) -> Iterator[int]:
    """Yield the lines of the file `path` that make `pip install` mean `pip install --user`."""
    section = ""
    for number, line in enumerate(read_file_text(path, errors="replace").splitlines(), 1):
        begun, found = SECTION.match(line.strip()), KEY.match(line)
        section = begun.group(1) if begun else section
        if found and section in ("global", "install") and found.group(1).lower() in TRUE:
            yield number


def report_user_install(what: str, where: str, hint: str) -> Finding:
    """Return the finding that `what`, at `where`, makes pip install into ~/.local."""
    return Finding(
        "pip-user",
        "warning",
        f"every `pip install` acts as `pip install --user`: {what}",
        where,
        "in an environment it fails, or it installs into ~/.local, where every other environment finds it",
        hint,
    )


METADATA = re.compile(r"(.+?)-([^-]+)(?:-py[\d.]+)?\.(?:dist|egg)-info")


@dataclass(frozen=True)
class Viewer:
    """A Python that sees the folder: its title, its own packages, and whether it is an environment."""

    title: str
    packages: dict[str, str]
    is_environment: bool


def find_user_site(account: Account) -> Iterator[Finding]:
    """Yield a finding for packages in ~/.local that environments or the loaded Python see."""
    environ = account.environ
    if environ.get("PYTHONNOUSERSITE"):
        return
    base = find_absolute(environ.get("PYTHONUSERBASE", "")) or account.home / ".local"
    for folder in sorted(base.glob("lib/python3.*/site-packages")):
        packages = read_packages(folder)
        if packages:
            yield from judge_user_site(folder, packages, account)


def judge_user_site(folder: Path, packages: dict[str, str], account: Account) -> Iterator[Finding]:
    """Yield a finding if one of the account's Pythons sees `packages` in `folder` of ~/.local."""
    minor = folder.parent.name
    viewers = [v for v in list_viewers(account, minor) if v.is_environment or v.packages.keys() & packages]
    if not viewers:
        return
    shadowed = [
        f"{name} {packages[name]} hides {viewer.packages[name]} of {viewer.title}"
        for viewer in viewers
        for name in sorted(packages.keys() & viewer.packages.keys())
    ]
    usage = measure_trees({"": folder})[""]
    size = format_bytes(usage.all_bytes)
    titles = shorten_list([viewer.title for viewer in viewers])
    files = format_count(usage.all_inodes, "file")
    seen = "is" if len(packages) == 1 else "are"
    what = (
        f"{format_count(len(packages), 'package')} ({size}, {files}) in ~/.local {seen} visible to {titles}"
    )
    if shadowed:
        what += f"; {shorten_list(shadowed)}"
    hidden = account.configuration.conda.user_site == "hide"
    unless = (
        " if they are not started by the site's `conda activate`, for example in Jupyter" if hidden else ""
    )
    names = itertools.chain([f"{folder}.aside"], (f"{folder}.aside{n}" for n in itertools.count(2)))
    aside = RunCommand(("mv", "-T", str(folder), next(n for n in names if not os.path.lexists(n))))
    yield Finding(
        "user-site",
        "warning",
        what,
        str(folder),
        f"they use packages that they do not contain, and can break because of them{unless}",
        f"to move them aside, which can be undone: {aside.sentence}; or, for one program: env "
        "PYTHONNOUSERSITE=1 PROGRAM",
        (aside,),
    )


def list_viewers(account: Account, minor: str) -> Iterator[Viewer]:
    """Yield the Pythons of version `minor` (python3.11) that read ~/.local, without starting them.

    The venvs of stackenv do not read it.
    """
    environ, configuration = account.environ, account.configuration
    for prefix in list_conda_prefixes(environ, configuration):
        folder = prefix / "lib" / minor / "site-packages"
        if folder.is_dir():
            yield Viewer(f"the conda environment {prefix}", read_packages(folder), True)
    for prefix in list_venvs(environ, configuration):
        folder = prefix / "lib" / minor / "site-packages"
        if folder.is_dir() and not (prefix / "stackenv").is_dir() and sees_base(prefix):
            # Its own packages come before ~/.local.
            yield Viewer(f"the venv {prefix}", {}, True)
    found = shutil.which("python3", path=environ.get("PATH", ""))
    # The system Python may use ~/.local; venvs are handled above.
    if found and not (Path(found).parents[1] / "pyvenv.cfg").exists():
        prefix = Path(os.path.realpath(found)).parents[1]
        folder = prefix / "lib" / minor / "site-packages"
        if folder.is_dir() and prefix != Path("/usr"):
            yield Viewer(f"the loaded Python {prefix}", read_packages(folder), False)


def sees_base(prefix: Path) -> bool:
    """Return whether the venv at `prefix` sees the packages of its base, and so ~/.local."""
    if not (prefix / "pyvenv.cfg").is_file():
        return False
    return read_configuration(prefix / "pyvenv.cfg").get("include-system-site-packages", "").lower() == "true"


def read_packages(folder: Path) -> dict[str, str]:
    """Return the packages in `folder` by name, with their versions, from the names of metadata folders."""
    try:
        found = filter(None, map(METADATA.fullmatch, os.listdir(folder)))  # noqa: PTH208 (names are enough)
        return {canonicalize_name(match.group(1)): match.group(2) for match in found}
    except OSError:
        return {}
