"""Calls of pip for an update: what it would change, the download of wheels, and their installation."""

from __future__ import annotations

import configparser
import glob
import json
import os
import re
import signal
import subprocess
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from stackenv.environments.installer import describe_pip_call
from stackenv.environments.own_packages import InstalledDistribution, read_record_rows
from stackenv.environments.package_folders import choose_package_folder, is_pure, name_package_folders
from stackenv.environments.venv_install import ELSEWHERE, refuse_python
from stackenv.errors import InstallError
from stackenv.lifecycle.prospect import PackageChange, cut_short
from stackenv.output import choose_quiet, show_words
from stackenv.plain_files import read_file_text
from stackenv.record import Record
from stackenv.transactions.child_process import end_with_parent

# Their programs also get names with versions, which the metadata does not list.
VERSIONED = {"pip": ("bin/pip*",), "setuptools": ("bin/easy_install*",)}
# pip renames folders that it uninstalls, until it is done (pip/_internal/utils/temp_dir.py).
RENAMED = "~*"
WHEEL = re.compile(r"[^/]+\.dist-info/WHEEL")


class PipError(InstallError):
    """pip failed; `words` is all that it printed."""

    def __init__(self, message: str, words: str) -> None:
        super().__init__(message)
        self.words = words


def run_pip(record: Record, arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    """Run the pip of the venv of `record`; return what it prints.

    Raises
    ------
    PipError
        If it fails; the message is a short form of what pip prints.
    InstallError
        If it cannot be started.
    """
    # Settings that the user made for other installs must not redirect this one.
    within = {name: value for name, value in environ.items() if name not in ELSEWHERE}
    python = f"{record.path}/bin/python"
    try:
        done = subprocess.run(
            describe_pip_call(python, *arguments),
            # pip itself compiles what it installs; what this pip imports must not be compiled.
            env={**within, "PIP_USER": "0", "PYTHONDONTWRITEBYTECODE": "1", "PIP_NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # The next command may restore the environment, so nothing may still be writing to it.
            preexec_fn=partial(end_with_parent, signal.SIGKILL),
            check=False,
        )
    except OSError as error:
        raise refuse_python(record, error) from error
    if done.returncode:
        raise PipError(shorten(done.stdout) or f"status {done.returncode}", done.stdout)
    return done.stdout


def shorten(words: str) -> str:
    """Return the lines of `words` that say what went wrong, joined into one."""
    lines = [" ".join(filter(str.isprintable, line.split())) for line in words.splitlines()]
    errors = [line.partition("ERROR:")[2].strip() for line in lines if line.startswith("ERROR:")]
    # If pip did not expect the error, the last line has Python's message.
    chosen = list(filter(None, lines))[-1:] if errors == ["Exception:"] else errors or lines[-3:]
    return cut_short("; ".join(filter(None, chosen)))


def ask_pip(
    record: Record, requirement: str, environ: Mapping[str, str], report: Path, own: Mapping[str, str]
) -> tuple[PackageChange, ...]:
    """Return what pip would install to update `requirement`; change nothing.

    `own` maps canonical names to the present versions of the environment's packages; pip writes the file
    `report`, which requires pip 22.2.

    Raises
    ------
    PipError
        If pip finds no solution.
    """
    # Without --quiet, with which pip does not print the cause of a conflict.
    arguments = ("install", "--upgrade", "--dry-run", "--report", str(report), requirement)
    run_pip(record, arguments, environ)
    found = []
    for item in json.loads(read_file_text(report)).get("install", []):
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        download = item.get("download_info", {})
        exact = f"{name} @ {download['url']}" if item.get("is_direct") else f"{name}=={version}"
        found.append(
            PackageChange(
                name,
                own.get(canonicalize_name(name), ""),
                version,
                exact,
                urlsplit(download.get("url", "")).path.rpartition("/")[2],
                download.get("archive_info", {}).get("hashes", {}).get("sha256", ""),
            )
        )
    return tuple(found)


def fetch_wheels(
    record: Record, changes: Iterable[PackageChange], environ: Mapping[str, str], folder: Path
) -> None:
    """Download wheels of what `changes` install into `folder`, or build them if there are none.

    Raises
    ------
    PipError
        If that fails; the environment is not changed.
    """
    requirements = [change.requirement for change in changes if change.after]
    words = ("wheel", *choose_quiet(), "--no-deps", "--wheel-dir", str(folder), *requirements)
    show_words(run_pip(record, words, environ))


def install_wheels(
    record: Record, changes: Iterable[PackageChange], environ: Mapping[str, str], folder: Path
) -> None:
    """Install exactly the versions of `changes` from the wheels in `folder`.

    By name and version, because a package that is installed by its path is recorded with it (PEP 610).

    Raises
    ------
    PipError
        If that fails.
    """
    requirements = [f"{change.name}=={change.after}" for change in changes if change.after]
    words = (
        "install",
        *choose_quiet(),
        "--no-deps",
        "--no-index",
        "--find-links",
        str(folder),
        *requirements,
    )
    within = {name: value for name, value in environ.items() if name != "PIP_FIND_LINKS"}
    show_words(run_pip(record, words, within))


def list_inconsistencies(record: Record, environ: Mapping[str, str]) -> frozenset[str]:
    """Return the lines in which `pip check` reports a conflict."""
    try:
        run_pip(record, ("check",), environ)
    except PipError as error:
        return frozenset(line.strip() for line in error.words.splitlines() if " require" in line)
    return frozenset()


def list_touched(
    record: Record, replaced: Iterable[InstalledDistribution], wheels: Path
) -> tuple[str, ...] | None:
    """Return glob patterns, relative to the environment, for all that pip changes when it installs `wheels`.

    None if that is unknown, because one of the `replaced` distributions lists no files.
    """
    prefix = Path(record.path)
    sites = name_package_folders(prefix)
    touched = [f"{glob.escape(site)}/{RENAMED}" for site in sites]
    for distribution in replaced:
        if distribution.read_text("RECORD") is None:
            return None
        site = str(distribution.place.parent.relative_to(prefix))
        names = [os.path.normpath(f"{site}/{row[0]}") for row in read_record_rows(distribution) if row]
        touched += [unit for name in names for unit in name_units(name, sites)]
    for wheel in sorted(wheels.glob("*.whl")):
        touched += (unit for name in list_wheel(wheel, record) for unit in name_units(name, sites))
        touched += VERSIONED.get(wheel.name.partition("-")[0], ())
    # For a path that does not exist yet, the pattern is the outermost missing folder.
    return tuple(dict.fromkeys(outermost(Path(record.path), pattern) for pattern in touched))


def name_units(name: str, sites: Iterable[str]) -> Iterator[str]:
    """Yield the glob patterns for the file `name`; in one of the folders `sites`, for its whole package."""
    if name.startswith("../") or name.startswith("/"):
        return
    site = next((site for site in sites if name.startswith(f"{site}/")), "")
    inner = name[len(site) + 1 :].split("/") if site else []
    if not inner:
        yield glob.escape(name)
        yield from (glob.escape(str(folder)) + f"/{RENAMED}" for folder in list(Path(name).parents)[:-1])
        yield RENAMED
    elif inner[0] == "__pycache__":
        yield f"{glob.escape(site)}/__pycache__/{glob.escape(inner[-1].split('.')[0])}.*"
    else:
        yield f"{glob.escape(site)}/{glob.escape(inner[0])}"
        if len(inner) == 1 and name.endswith(".py"):
            yield f"{glob.escape(site)}/__pycache__/{glob.escape(inner[0][:-3])}.*"


def outermost(prefix: Path, pattern: str) -> str:
    """Return `pattern`, or the first folder in it that does not exist below `prefix`."""
    parts = pattern.split("/")
    for number in range(1, len(parts)):
        head = "/".join(parts[:number])
        if not glob.glob(f"{glob.escape(str(prefix))}/{head}"):  # noqa: PTH207
            return head
    return pattern


def list_wheel(wheel: Path, record: Record) -> Iterator[str]:
    """Yield where the files of `wheel` are installed, relative to the environment (PEP 427)."""
    assert record.python is not None
    prefix, minor = Path(record.path), record.python.minor
    folders = (choose_package_folder(prefix, minor, for_all) for for_all in (True, False))
    pure, platform = (folder.relative_to(prefix) for folder in folders)
    places = {"scripts": "bin", "data": ".", "purelib": pure, "platlib": platform}
    scripts = ""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        text = "".join(archive.read(n).decode("utf-8", "replace") for n in names if WHEEL.fullmatch(n))
        site = pure if is_pure(text) else platform
        for name in names:
            data = re.fullmatch(r"[^/]+\.data/([^/]+)/(.+)", name)
            if data and data[1] == "headers":
                yield "include/site"
                continue
            place = places.get(data[1], site) if data else site
            yield os.path.normpath(f"{place}/{data[2] if data else name}")
            if re.fullmatch(r"[^/]+\.dist-info/entry_points\.txt", name):
                scripts = archive.read(name).decode("utf-8", "replace")
    for script in list_scripts(scripts):
        yield f"bin/{script}"


def list_scripts(entry_points: str) -> Iterator[str]:
    """Yield the programs in the text of an entry_points.txt."""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(entry_points)
    except configparser.Error:
        return
    for section in ("console_scripts", "gui_scripts"):
        if parser.has_section(section):
            yield from parser.options(section)
