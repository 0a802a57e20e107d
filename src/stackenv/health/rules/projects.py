"""A project's own environment that has packages of the loaded modules a second time."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from stackenv import RECORD_FILE
from stackenv.account.account import Account
from stackenv.environments.package_folders import list_package_folders
from stackenv.environments.python import probe_python
from stackenv.environments.stack import BUILD_BACKENDS, find_module
from stackenv.health.finding import Finding, Level
from stackenv.health.rules.optimised_packages import list_needing
from stackenv.health.rules.user_site import read_packages
from stackenv.output import shorten_list
from stackenv.plain_files import read_file_text
from stackenv.record import Package
from stackenv.transactions.writers import list_writers, name_user
from stackenv.user_paths import has, type_load

RULE = "project-environment"
PROJECT_FILE = "pyproject.toml"
# Where uv, PDM and Poetry (virtualenvs.in-project) have a project's environment; uv has another by the
# variable, which is taken from the folder of the project (uv documentation, "Configuring projects").
OWN, VARIABLE = ".venv", "UV_PROJECT_ENVIRONMENT"
MINOR = re.compile(r"/python(3\.\d+)/")


@dataclass(frozen=True)
class Clash:
    """A package in both the project's environment and a loaded module, and which of them is imported."""

    own: Package
    theirs: Package
    module: str
    module_wins: bool

    @property
    def stack_copy(self) -> str:
        return f"{self.own.name} {self.theirs.version} of {self.module}"


def find_project_environment(account: Account) -> Iterator[Finding]:
    """Yield findings for packages that both the project's environment and the loaded modules have.

    No process is started if they have no package in common.
    """
    found = locate_environment(account)
    if found is None:
        return
    project, prefix = found
    own = read_own(prefix)
    theirs = read_modules(account.environ)
    both = sorted(own.keys() & theirs.keys() - BUILD_BACKENDS)
    if not both:
        return
    doubt = describe_writers(prefix)
    if doubt:
        yield report_not_asked(prefix, both, doubt)
        return
    clashes = list(list_clashes(prefix, {name: own[name] for name in both}, theirs, account.environ))
    # A module's package in the locked version does what the lock file says.
    losing = [c for c in clashes if c.module_wins and c.own.version != c.theirs.version]
    if losing:
        yield report_modules_win(prefix, losing, project, account)
    hiding = [c for c in clashes if not c.module_wins]
    if hiding:
        yield report_modules_hidden(prefix, hiding, project, account)


def locate_environment(account: Account) -> tuple[Path, Path] | None:
    """Return the folder of the current project and its environment; None if there is none.

    An environment of stackenv is checked with its module instead.
    """
    name = account.environ.get(VARIABLE) or OWN
    for folder in list_project_folders(account.folder, account.home):
        prefix = folder / name
        if has(prefix, "pyvenv.cfg") and has(prefix, "bin/python"):
            return None if has(prefix, RECORD_FILE) else (folder, prefix)
    return None


def list_project_folders(folder: Path | None, home: Path) -> Iterator[Path]:
    """Yield `folder` and its parents that have a project file, up to the home or a mount point."""
    device = None
    last = Path(os.path.realpath(home))
    for parent in (folder, *folder.parents) if folder else ():
        try:
            status = parent.stat()
        except OSError:
            return
        if device not in (None, status.st_dev):
            return
        device = status.st_dev
        if has(parent, PROJECT_FILE):
            yield parent
        if parent == last:
            return


def read_own(prefix: Path) -> dict[str, Package]:
    """Return the packages in the environment itself, by name."""
    return {
        name: Package(name, version, str(folder))
        for folder in list_package_folders(prefix)
        for name, version in read_packages(folder).items()
    }


def read_modules(environ: Mapping[str, str]) -> dict[str, Package]:
    """Return the packages of loaded modules by name; the first in the order of the variables wins."""
    found: dict[str, Package] = {}
    loaded = environ.get("LOADEDMODULES", "").split(":")
    for folder in list_module_folders(environ):
        if find_module(str(folder), loaded, environ):
            for name, version in read_packages(folder).items():
                found.setdefault(name, Package(name, version, str(folder)))
    return found


def list_module_folders(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the folders in which modules can have packages, by real path, in search order."""
    for entry in filter(None, environ.get("PYTHONPATH", "").split(":")):
        yield Path(os.path.realpath(entry))
    # EasyBuild's sitecustomize.py uses the folder for the version of the running Python.
    for entry in filter(None, environ.get("EBPYTHONPREFIXES", "").split(":")):
        yield from list_package_folders(Path(os.path.realpath(entry)))


def describe_writers(prefix: Path) -> str:
    """Return which other user can decide what the environment's Python runs; empty if none can."""
    folders = (prefix.parent, prefix, prefix / "bin", *list_package_folders(prefix))
    for folder in folders:
        status = folder.stat()
        if status.st_uid not in (os.geteuid(), 0):
            return f"{folder} belongs to {name_user(status.st_uid)}"
        for who in list_writers(folder, status):
            return f"{who} can write {folder}"
    return ""


def list_clashes(
    prefix: Path, own: Mapping[str, Package], theirs: Mapping[str, Package], environ: Mapping[str, str]
) -> Iterator[Clash]:
    """Ask the environment's Python, and yield which copy of each package in `own` it imports.

    Raises
    ------
    ProbeError
        If the Python does not run.
    """
    loaded = environ.get("LOADEDMODULES", "").split(":")
    imported: dict[str, Package] = {
        canonicalize_name(package.name): package
        for package in probe_python(str(prefix / "bin/python"), environ).packages
    }
    real = os.path.realpath(prefix)
    for name, package in own.items():
        seen = imported.get(name)
        wins = seen is not None and not f"{seen.location}/".startswith(f"{real}/")
        other = seen if wins and seen is not None else theirs[name]
        yield Clash(package, other, find_module(other.location, loaded, environ) or other.location, wins)


def report_modules_win(prefix: Path, clashes: list[Clash], project: Path, account: Account) -> Finding:
    """Return the finding that `clashes` are imported from modules, whatever the project's lock says."""
    problem = next(list_problems(prefix, clashes), "")
    level: Level = "broken" if problem else "warning"
    return Finding(
        RULE,
        level,
        f"{prefix} has {list_own(clashes)}, but its Python imports {list_theirs(clashes)}",
        str(prefix),
        f"{problem or 'the versions in use are not those in the lock file of the project'}: the loaded "
        "module sets PYTHONPATH, which takes precedence over the environment of a project",
        f"{advise(clashes, project, account)}; to use the project's own: env -u PYTHONPATH "
        f"{name_tool(project)} run COMMAND",
        parts=tuple(clash.stack_copy for clash in clashes),
    )


def report_modules_hidden(prefix: Path, clashes: list[Clash], project: Path, account: Account) -> Finding:
    """Return the finding that the project's own copies of `clashes` are imported, not the modules'."""
    return Finding(
        RULE,
        "warning",
        f"{prefix} has {list_own(clashes)}, which its Python imports instead of {list_theirs(clashes)}",
        str(prefix),
        "a generic build replaces the one optimised for this machine",
        f"{advise(clashes, project, account)}; to keep the project's own, do nothing",
        parts=tuple(clash.stack_copy for clash in clashes),
    )


def report_not_asked(prefix: Path, names: Iterable[str], doubt: str) -> Finding:
    """Return the finding that the environment's Python was not asked: it may run code of other users."""
    return Finding(
        RULE,
        "unchecked",
        f"{prefix} and the loaded modules both have {shorten_list(list(names))}; which of them is imported "
        f"was not checked: {doubt}",
        str(prefix),
        "checking would run code from that environment, which other users can change",
        "create an environment of your own in a folder that only you can write",
    )


def list_own(clashes: Iterable[Clash]) -> str:
    return f"its own {shorten_list([f'{clash.own.name} {clash.own.version}' for clash in clashes])}"


def list_theirs(clashes: Iterable[Clash]) -> str:
    """Return the modules' copies, with the name of each module once."""
    copies: dict[str, list[str]] = {}
    for clash in clashes:
        copies.setdefault(clash.module, []).append(f"{clash.own.name} {clash.theirs.version}")
    return " and ".join(f"{shorten_list(names)} of {module}" for module, names in copies.items())


def advise(clashes: Iterable[Clash], project: Path, account: Account) -> str:
    """Return what to type to use the modules' packages, in the loaded personal module or a new one."""
    tool = name_tool(project)
    install = f"uv pip install -r {PROJECT_FILE}, then python instead of uv run"
    if tool != "uv":
        # These tools read no constraints, and may have chosen another environment for the project.
        pins = " ".join(f"{clash.own.name}=={clash.theirs.version}" for clash in clashes)
        choose = "pdm use -f $VIRTUAL_ENV; " if tool == "pdm" else ""
        install = f"{choose}{tool} add {pins}"
    active = account.environ.get("VIRTUAL_ENV", "")
    if active and has(Path(active), RECORD_FILE):
        return f"to use the modules' packages, in the folder of {PROJECT_FILE}: {install}"
    template = account.configuration.personal.modules
    load = type_load(template.expand(account.environ) or template.text, "NAME", account.environ)
    create = f"stackenv create NAME; {load}"
    return f"to use the modules' packages: {create}; in the folder of {PROJECT_FILE}: {install}"


def name_tool(project: Path) -> str:
    """Return the tool of the project, by its lock file or pyproject.toml; uv if that is not clear."""
    for tool in ("uv", "poetry", "pdm"):
        if has(project, f"{tool}.lock"):
            return tool
    try:
        text = read_file_text(project / PROJECT_FILE, errors="replace")
    except OSError:
        return "uv"
    # Only Poetry reads a file without [project]; uv and PDM require that table.
    return "uv" if "[project]" in text or "[tool.poetry]" not in text else "poetry"


def list_problems(prefix: Path, clashes: Iterable[Clash]) -> Iterator[str]:
    """Yield why packages in the environment cannot work with what it imports from the modules."""
    folders = list_package_folders(prefix)
    for clash in clashes:
        built, runs = (MINOR.search(f"{path}/") for path in (clash.theirs.location, str(folders[-1])))
        if built and runs and built.group(1) != runs.group(1):
            yield (
                f"{clash.stack_copy} is for Python {built.group(1)}, but the environment has Python "
                f"{runs.group(1)}"
            )
    installed: list[Distribution] = list(distributions(path=[str(folder) for folder in folders]))
    for clash in clashes:
        yield from list_needing(installed, canonicalize_name(clash.own.name), clash.theirs.version)
