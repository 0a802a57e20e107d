"""How a venv is made, how pip installs packages in it, and what is known of it when it is complete."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from stackenv.environments.constraints import constraints_url
from stackenv.environments.installer import describe_pip_call, run_installer
from stackenv.environments.own_packages import ENSUREPIP, read_own_packages
from stackenv.environments.platform import list_needed_features
from stackenv.environments.stack import Stack
from stackenv.errors import InstallError, StackenvError, UnreachableError, quote_word
from stackenv.modulefile import InstalledFile
from stackenv.modulefile.text import render_installed_file
from stackenv.record import Package, Python, Record
from stackenv.transactions.files import write_file

# What a user has set for other installs, which leads out of an environment.
ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
NO_BUILD_ISOLATION = "--no-build-isolation"
# What nearly all builds need, where they are not isolated.
BUILD_TOOLS = ("setuptools", "wheel")
# pip's resolver (pip/_internal/resolution/resolvelib/factory.py, 22 to 26): what conflicts.
CONSTRAINT_IN_CONFLICT = re.compile(r"The user requested \(constraint\) ([A-Za-z0-9][\w.-]*)")
BUILD_FAILED = re.compile(
    r"Failed to build|Failed building wheel|subprocess-exited-with-error|metadata-generation-failed"
)
# The last of its attempts has failed (pip's urllib3), or a file that was named by its URL.
NO_CONNECTION = re.compile(r"Retrying \(Retry\(total=0\b|Max retries exceeded with url")
ERROR = re.compile(r"^ *(?:ERROR|error): (.+)$", re.MULTILINE)
# What says no more than that there was an error.
GENERAL = ("Could not find a version", "ResolutionImpossible", "subprocess-exited", "metadata-generation")
MISSING_MODULE = re.compile(r"(?:ModuleNotFoundError|ImportError): No module named ['\"]([\w.]+)")


def explain_copied_pip(record: Record, stack: Stack, sees_base: bool) -> str:
    """Return why the venv of `record` gets a copy of pip; empty where it uses the pip of its modules.

    Raises
    ------
    StackenvError
        When it needs one, and its Python has none to copy.
    """
    if record.with_pip:
        why = "--with-pip was given"
    elif stack.is_on_os_python:
        why = "it is based on the operating system's Python"
    elif not sees_base:
        why = "with --no-system-site-packages it cannot use that of its modules"
    elif record.user_site:
        why = "with --user-site a pip in ~/.local would run instead of that of its modules"
    elif not stack.has_pip:
        why = "its modules have no pip"
    else:
        return ""
    assert stack.python is not None
    if not stack.can_copy_pip:
        raise StackenvError(
            f"{stack.python.executable} has no standard module `ensurepip`, and the environment needs a copy "
            f"of pip: {why}",
            "load another Python module",
        )
    return why


def make_venv(
    path: Path,
    python: Python,
    prompt: str,
    environ: Mapping[str, str],
    system_site_packages: bool,
    with_pip: bool,
) -> None:
    """Make a venv of `python` in the folder `path`; a copy of pip in it is 1,500 files, and most of the time.

    Raises
    ------
    StackenvError
        When the module `venv` fails; its own words are in the message.
    """
    options = ["--system-site-packages"] if system_site_packages else []
    options += [] if with_pip else ["--without-pip"]
    # -I: a PYTHONPATH that breaks the standard library must not keep the hint from being made.
    command = [python.executable, "-I", "-m", "venv", *options, "--prompt", prompt, str(path)]
    done = subprocess.run(
        command,
        env=dict(environ),
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        words = (done.stdout + done.stderr).strip() or f"status {done.returncode}"
        raise StackenvError(
            f"{python.executable} could not make a venv: {words}",
            f"df -h {quote_word(path)}; df -i {quote_word(path)}",
        )


def write_files(files: Sequence[InstalledFile]) -> None:
    """Write `files`, each whole.

    Raises
    ------
    StackenvError
        When the disk refuses.
    """
    for file in files:
        write_file(Path(file.path), render_installed_file(file), file.executable)


def environment_of(record: Record, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ`, that of the stack, with the environment of `record` in front."""
    path = f"{record.path}/bin:{environ.get('PATH', os.defpath)}"
    changed = {**environ, "VIRTUAL_ENV": record.path, "PATH": path, "STACKENV_TOLD": record.full_name}
    changed.pop("PYTHONHOME", None)
    return changed


def constrained(record: Record, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` with the constraints of `record`, which an adopted venv may not set itself."""
    own = environ.get("PIP_CONSTRAINT", "")
    words = " ".join(filter(None, (constraints_url(record), own)))
    return {**environ, "PIP_CONSTRAINT": words} if words else dict(environ)


def install_packages(
    record: Record, calls: Sequence[Sequence[str]], environ: Mapping[str, str], reports: Path
) -> None:
    """Have the environment's pip install the arguments of each of `calls`, one after the other.

    What it reports of each call goes to a file in the folder `reports`.

    Raises
    ------
    InstallError
        When pip fails; its words are read for what the constraints have to do with it.
    """
    reports.mkdir(exist_ok=True)
    # What the user has set for other installs must not lead this one out of the environment.
    within = {name: value for name, value in environ.items() if name not in ELSEWHERE}
    reporting = can_report(read_pip_version(record, within))
    for arguments in calls:
        report = reports / f"{len(list(reports.iterdir())):06}.json"
        options = ("--report", str(report)) if reporting else ()
        command = describe_pip_call(f"{record.path}/bin/python", "install", *options, *arguments)
        status, words = run_installer(command, {**within, "PIP_USER": "0"})
        if status:
            report.unlink(missing_ok=True)
            raise explain_failure(record, arguments, words, status)


def refuse_python(record: Record, error: OSError) -> InstallError:
    """Return the error to raise where the Python of the venv of `record` cannot be started."""
    return InstallError(
        f"its Python {record.path}/bin/python cannot be started: {error.strerror}",
        f"stackenv rebuild {record.full_name}",
    )


def read_pip_version(record: Record, environ: Mapping[str, str]) -> str:
    """Return the version of the pip that the venv of `record` runs under `environ`; empty without one.

    Raises
    ------
    InstallError
        When its Python cannot be started.
    """
    python = f"{record.path}/bin/python"
    try:
        done = subprocess.run(
            [python, "-c", "import pip; print(pip.__version__)"],
            env=dict(environ),
            # What lies in the current folder would be imported first.
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise refuse_python(record, error) from error
    return "" if done.returncode else done.stdout.strip()


def can_report(version: str) -> bool:
    """Tell whether pip of this version has the option --report, as from 22.2 on."""
    try:
        return Version(version) >= Version("22.2")
    except InvalidVersion:
        return False


def complete_record(
    record: Record,
    environ: Mapping[str, str],
    reported: Mapping[tuple[str, str], Package],
    copies_pip: bool = False,
) -> Record:
    """Return `record` with the packages that are there now, and what pip has `reported` of them.

    With `copies_pip` the pip that was not installed by another is that of the Python's ensurepip.
    """

    def complete(package: Package) -> Package:
        known = reported.get((package.name.lower(), package.version))
        if known is None:
            copied = copies_pip and package.name == "pip"
            return replace(package, installer=ENSUREPIP) if copied else package
        return replace(known, name=package.name, version=package.version, location=package.location)

    packages = tuple(map(complete, read_own_packages(replace(record, packages=()))))
    features = list_needed_features(packages, Path(record.path), environ)
    return replace(record, packages=packages, cpu_features=features)


def read_reports(folder: Path) -> dict[tuple[str, str], Package]:
    """Return what pip's reports (its `--report`, format 1) in `folder` say of each package it installed."""
    found: dict[tuple[str, str], Package] = {}
    for report in sorted(folder.glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError):
            for item in json.loads(report.read_text(encoding="utf-8")).get("install", []):
                name, version = item["metadata"]["name"], item["metadata"]["version"]
                download = item.get("download_info", {})
                hashes = download.get("archive_info", {}).get("hashes", {})
                source = urlsplit(download.get("url", "")).path.rpartition("/")[2]
                found[(name.lower(), version)] = Package(name, version, "", source, hashes.get("sha256", ""))
    return found


def find_pinned(record: Record, arguments: Sequence[str], log: str) -> list[tuple[str, str, str]]:
    """Return which of the pinned packages the failure in pip's words, `log`, is about."""
    # Slow to import, and needed only when pip fails.
    from packaging.requirements import InvalidRequirement, Requirement

    named = {canonicalize_name(name) for name in CONSTRAINT_IN_CONFLICT.findall(log)}
    for argument in arguments:
        try:
            requirement = Requirement(argument)
        except InvalidRequirement:
            continue
        for name, version, _ in record.pinned:
            same = canonicalize_name(name) == canonicalize_name(requirement.name)
            if same and not requirement.specifier.contains(version, prereleases=True):
                named.add(canonicalize_name(name))
    return [pin for pin in record.pinned if canonicalize_name(pin[0]) in named]


def explain_failure(record: Record, arguments: Sequence[str], log: str, status: int) -> InstallError:
    """Return the error to raise for a pip that ended with `status` and said `log`."""
    pinned = find_pinned(record, arguments, log)
    wanted = " ".join(word for word in arguments if not word.startswith("--"))
    if pinned:
        names = ", ".join(f"{name} {version} (the module {module})" for name, version, module in pinned)
        shadows = " ".join(f"--allow-shadow {name}" for name, _, _ in pinned)
        return InstallError(
            f"pip could not install {wanted}: another version is asked for than the stack's {names}",
            "look for a version that goes with the stack's, load a newer generation of that module, or let "
            f"a generic build replace it in this environment alone: the same command with {shadows}",
        )
    if BUILD_FAILED.search(log):
        missing = {canonicalize_name(module.split(".")[0]) for module in MISSING_MODULE.findall(log)}
        for name, version, origin in record.pinned:
            if canonicalize_name(name) in missing:
                return InstallError(
                    f"pip could not build a package from source: its build did not see {name}, which pip's "
                    f"isolated builds hide; the stack has it ({name} {version}, {origin})",
                    f"the same command with {NO_BUILD_ISOLATION}; what else the build needs, beyond "
                    "setuptools and wheel, must then be named as packages before this one",
                )
    if NO_CONNECTION.search(log):
        return UnreachableError(
            f"pip could not reach from here where {wanted} is to come from; its output is above",
            "on many sites only the login nodes reach the internet: type the same command there",
        )
    return InstallError(
        f"pip could not install {wanted} (status {status}); its output is above",
        "correct that and type the same command again; nothing is left of this attempt",
        find_reason(log),
    )


def find_reason(log: str) -> str:
    """Return the line of pip's words, `log`, that tells most; empty when none does."""
    lines = [line.strip() for line in ERROR.findall(log)]
    return next((line for line in lines if not line.startswith(GENERAL)), "")
