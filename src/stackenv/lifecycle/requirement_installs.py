"""How packages are installed that there were before: as exactly as can be, by pip and by conda."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stackenv.environments.pip_failure import NO_BUILD_ISOLATION
from stackenv.environments.venv_install import install_packages
from stackenv.environments.venv_steps import read_report
from stackenv.errors import InstallError, UnreachableError
from stackenv.lifecycle.conda_update import read_answer, run_conda
from stackenv.lifecycle.install_report import Outcome
from stackenv.lifecycle.requirements import Wanted
from stackenv.output import tell
from stackenv.record import Package, Record

# conda's own names for them (conda/exceptions.py, conda/gateways/connection/session.py).
UNREACHABLE = (
    "CondaHTTPError",
    "CondaSSLError",
    "ProxyError",
    "ConnectionError",
    "UnavailableInvalidChannel",
)
# In the words of libmamba, which does not list them.
NOT_PROVIDED = re.compile(r"nothing provides (?:requested )?([A-Za-z0-9_][\w.-]*)")


def install_with_pip(
    record: Record,
    wanted: Sequence[Wanted],
    environ: Mapping[str, str],
    reports: Path,
    outcome: Outcome,
    isolated: bool = True,
) -> None:
    """Install `wanted` as exactly as can be: all at once, else one by one, else in any version.

    What pip reports is written into the folder `reports`; `outcome` hears what could not be had.

    Raises
    ------
    InstallError
        When nothing at all could be had, or the index cannot be reached.
    """
    from stackenv.lifecycle.create_venv import BUILD_TOOLS

    reports.mkdir(exist_ok=True)

    def install(*arguments: str) -> None:
        report = reports / f"{len(list(reports.iterdir())):06}.json"
        own = () if isolated else (NO_BUILD_ISOLATION, "--no-cache-dir")
        install_packages(record, ((*own, *arguments),), environ, report)

    for package in (package for package in wanted if package.why):
        outcome.miss(package, package.why)
    possible = [package for package in wanted if not package.why]
    if possible and not isolated:
        install_packages(record, (BUILD_TOOLS,), environ, reports / "build.json")
    try:
        if possible:
            install(*(word for package in possible for word in package.arguments))
        return
    except UnreachableError:
        raise
    except InstallError:
        tell("not all can be had as they were; each is tried by itself")
    # The first could bring others of these in newer versions: those are put right when their turn comes.
    for package in possible:
        why = try_each(install, package)
        if why:
            outcome.miss(package, why)
    outcome.require_some(possible, "look whether this node reaches the index: pip download --no-deps PACKAGE")


def try_each(install: Callable[..., None], package: Wanted) -> str:
    """Install `package`, else any version of it; return why that cannot be, or nothing."""
    try:
        install(*package.arguments)
        return ""
    except UnreachableError:
        raise
    except InstallError as error:
        why = error.reason or error.message
    if package.arguments != (f"{package.name}=={package.version}",):
        return why
    try:
        install(package.name)
        return ""
    except InstallError:
        return why


def read_reports(folder: Path) -> dict[tuple[str, str], Package]:
    """Return what pip has told in `folder` of each package, by name and version."""
    told: dict[tuple[str, str], Package] = {}
    for report in sorted(folder.glob("*.json")):
        try:
            told.update(read_report(report))
        except (ValueError, KeyError):
            continue
    return told


def install_with_conda(
    call: Callable[..., None],
    find_unavailable: Callable[..., set[str] | None],
    wanted: Sequence[Wanted],
    outcome: Outcome,
) -> None:
    """Install conda's packages `wanted`: as they were; what is not to be had so, in any version.

    Parameters
    ----------
    call
        Runs conda's `create` or `install` with specifications.
    find_unavailable
        Returns the names of those that conda cannot find; None when it could have them all together.

    Raises
    ------
    InstallError
        When nothing at all could be had, the channels cannot be reached, or conda failed over something
        else than what there is to be had: a disk that is full, a download that broke off.
    """
    left = {package.name: package for package in wanted}
    specs = {package.name: package.arguments[0] for package in wanted}
    while True:
        try:
            call("create", *specs.values())
            break
        except InstallError:
            missing = find_unavailable(*specs.values())
            if missing is None:
                raise
            unavailable = missing & specs.keys()
        loose = {name for name in unavailable if specs[name] == name}
        for name in loose:
            outcome.miss(left[name], "no channel has it")
            del specs[name]
        if not unavailable and all(spec == name for name, spec in specs.items()):
            install_each(call, [left[name] for name in specs], outcome)
            break
        # Where conda names none it is all of them together that cannot be had.
        again = (unavailable or specs.keys()) - loose
        tell(f"cannot be had as they were, any version is tried: {', '.join(sorted(again)) or 'none'}")
        specs.update({name: name for name in again})
    outcome.require_some(wanted, "look whether this node reaches the channels: conda search PACKAGE")


def install_each(call: Callable[..., None], wanted: Sequence[Wanted], outcome: Outcome) -> None:
    """Install each of `wanted` by itself, in any version."""
    call("create")
    for package in wanted:
        try:
            call("install", package.name)
        except InstallError as error:
            outcome.miss(package, error.message.split(";")[0])


def ask_unavailable(conda: str, arguments: Sequence[str], environ: Mapping[str, str]) -> set[str] | None:
    """Return the names of the packages that `conda ARGUMENTS` does not find in any channel.

    None when it finds all of them, and they go together.

    Raises
    ------
    UnreachableError
        When it reaches no channel.
    """
    answer = read_answer(run_conda(conda, [*arguments, "--dry-run", "--json"], environ).stdout)
    words = str(answer.get("message") or answer.get("error") or "")
    if answer.get("exception_name") in UNREACHABLE:
        raise UnreachableError(
            f"conda reaches no channel from here: {words.splitlines()[0] if words else 'no answer'}; "
            "nothing was changed",
            "on many sites only the login nodes reach the internet: type the same there",
        )
    if answer.get("success"):
        return None
    told = [answer.get("packages") or (), *(answer.get("bad_deps") or ())]
    specs = [spec for specs in told if isinstance(specs, (list, tuple)) for spec in specs]
    names = {re.split(r"[\s=<>!~\[]", str(spec).rpartition("::")[2], maxsplit=1)[0] for spec in specs}
    return names | set(NOT_PROVIDED.findall(words))
