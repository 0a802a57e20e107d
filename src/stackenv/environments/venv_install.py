"""Create a venv, install packages in it with pip, and complete its record."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from packaging.version import InvalidVersion, Version

from stackenv.captured_run import run_captured
from stackenv.environments.constraints import constraints_url
from stackenv.environments.install_failure import explain_failure
from stackenv.environments.installer import describe_pip_call, run_installer
from stackenv.environments.own_packages import ENSUREPIP, read_own_packages
from stackenv.environments.platform import list_needed_features
from stackenv.environments.stack import Stack
from stackenv.errors import InstallError, StackenvError, quote_word
from stackenv.modulefile import InstalledFile
from stackenv.modulefile.text import render_installed_file
from stackenv.plain_files import read_file_text
from stackenv.record import Package, Python, Record
from stackenv.transactions.files import write_file

# Variables that a user may have set for other installs, and that lead out of an environment.
ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
# Packages that nearly all builds need if they are not isolated.
BUILD_TOOLS = ("setuptools", "wheel")


def explain_copied_pip(record: Record, stack: Stack, sees_base: bool) -> str:
    """Return why the venv of `record` gets its own copy of pip; empty if it uses the pip of its modules.

    Raises
    ------
    StackenvError
        If it needs a copy, but its Python has no ensurepip.
    """
    if record.with_pip:
        why = "--with-pip was given"
    elif stack.is_on_os_python:
        why = "it is based on the operating system's Python"
    elif not sees_base:
        why = "with --no-system-site-packages, it cannot use the pip of its modules"
    elif record.user_site:
        why = "with --user-site, a pip in ~/.local would run instead of that of its modules"
    elif not stack.has_pip:
        why = "its modules have no pip"
    else:
        return ""
    assert stack.python is not None
    if not stack.can_copy_pip:
        raise StackenvError(
            f"{stack.python.executable} lacks the standard module `ensurepip`, but the environment "
            f"needs its own copy of pip: {why}",
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
    """Create a venv of `python` in the folder `path`.

    A copy of pip has 1,500 files and takes most of the time.

    Raises
    ------
    StackenvError
        If the module `venv` fails; the message contains its output.
    """
    options = ["--system-site-packages"] if system_site_packages else []
    options += [] if with_pip else ["--without-pip"]
    # -I: the venv is created even if PYTHONPATH breaks the standard library.
    command = [python.executable, "-I", "-m", "venv", *options, "--prompt", prompt, str(path)]
    done = run_captured(command, environ, cwd="/")
    if done.returncode:
        words = (done.stdout + done.stderr).strip() or f"status {done.returncode}"
        raise StackenvError(
            f"{python.executable} could not create a venv: {words}",
            f"df -h {quote_word(path)}; df -i {quote_word(path)}",
        )


def write_files(files: Sequence[InstalledFile], synced: bool = True) -> None:
    """Write `files`, each completely or not at all, and sync each one if `synced`.

    Raises
    ------
    StackenvError
        If they cannot be written.
    """
    for file in files:
        write_file(Path(file.path), render_installed_file(file), file.executable, synced=synced)


def environment_of(record: Record, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ`, that of the stack, with the environment of `record` active."""
    path = f"{record.path}/bin:{environ.get('PATH', os.defpath)}"
    changed = {**environ, "VIRTUAL_ENV": record.path, "PATH": path, "STACKENV_TOLD": record.full_name}
    changed.pop("PYTHONHOME", None)
    return changed


def constrained(record: Record, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` with the constraints of `record`; an adopted venv may have no file that sets them."""
    own = environ.get("PIP_CONSTRAINT", "")
    words = " ".join(filter(None, (constraints_url(record), own)))
    return {**environ, "PIP_CONSTRAINT": words} if words else dict(environ)


def install_packages(
    record: Record, calls: Sequence[Sequence[str]], environ: Mapping[str, str], reports: Path
) -> None:
    """Run the environment's pip with the arguments of each of `calls`, one after the other.

    Its report of each call is written to a file in the folder `reports`.

    Raises
    ------
    InstallError
        If pip fails; the message says whether the constraints are the cause.
    """
    reports.mkdir(exist_ok=True)
    # The user's settings for other installs must not lead this one out of the environment.
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
    """Return the error for a venv of `record` whose Python cannot be started."""
    return InstallError(
        f"its Python {record.path}/bin/python cannot be started: {error.strerror}",
        f"stackenv rebuild {record.full_name}",
    )


def read_pip_version(record: Record, environ: Mapping[str, str]) -> str:
    """Return the version of the pip that the venv of `record` runs with `environ`; empty without one.

    Raises
    ------
    InstallError
        If its Python cannot be started.
    """
    python = f"{record.path}/bin/python"
    try:
        done = subprocess.run(
            [python, "-c", "import pip; print(pip.__version__)"],
            env=dict(environ),
            # Python would import a pip.py in the current folder first.
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
    """Return whether pip of this version has the option --report, which 22.2 introduced."""
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
    """Return `record` with the packages that are installed now, and the details that pip `reported`.

    With `copies_pip`, a pip that is not among the reported packages is the copy from ensurepip.
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
    """Return the packages in the reports of pip (`--report`, format 1) in `folder`, with their origins."""
    found: dict[tuple[str, str], Package] = {}
    for report in sorted(folder.glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError):
            for item in json.loads(read_file_text(report)).get("install", []):
                name, version = item["metadata"]["name"], item["metadata"]["version"]
                download = item.get("download_info", {})
                hashes = download.get("archive_info", {}).get("hashes", {})
                source = urlsplit(download.get("url", "")).path.rpartition("/")[2]
                found[(name.lower(), version)] = Package(name, version, "", source, hashes.get("sha256", ""))
    return found
