"""Calls of conda for an update: first what it would change, then the change."""

from __future__ import annotations

import glob
import json
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from packaging.requirements import Requirement

from stackenv.conda.command import describe_command
from stackenv.conda.packages import PACKAGE_FOLDERS, list_files, read_notes
from stackenv.environments.own_packages import list_channels
from stackenv.errors import InstallError
from stackenv.lifecycle.prospect import PackageChange, cut_short
from stackenv.output import choose_quiet, show_words
from stackenv.transactions.child_process import end_with_parent

ANACONDA = ("https://repo.anaconda.com/", "https://repo.continuum.io/", "pkgs/")


def ask_conda(conda: str, arguments: Sequence[str], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what `conda ARGUMENTS` would do, as the JSON that conda prints.

    Raises
    ------
    InstallError
        If conda finds no solution; the message is a short form of what conda says.
    """
    done = run_conda(conda, [*arguments, "--dry-run", "--json"], environ)
    answer = read_answer(done.stdout)
    if done.returncode or answer.get("success") is False:
        refuse(
            str(answer.get("message") or answer.get("error") or done.stderr or done.stdout), done.returncode
        )
    return answer


def update_with_conda(conda: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Run `conda ARGUMENTS`, which changes the environment.

    Raises
    ------
    InstallError
        If it fails; the message is a short form of what conda says.
    """
    # Without --json: conda 24.7 cannot report a failed transaction with it (AttributeError: dump_map).
    done = run_conda(conda, [*arguments, *choose_quiet()], environ)
    if done.returncode:
        refuse(done.stderr or done.stdout, done.returncode)
    show_words(done.stdout)


def run_conda(
    conda: str, arguments: Sequence[str], environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run `conda ARGUMENTS`.

    Raises
    ------
    InstallError
        If it cannot be started.
    """
    try:
        return subprocess.run(
            describe_command(conda, *arguments),
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            # The next command may restore the environment, so nothing may still be writing to it.
            preexec_fn=partial(end_with_parent, signal.SIGKILL),
            check=False,
        )
    except OSError as error:
        raise InstallError(
            f"{conda} cannot be started: {error.strerror}", "to find a conda module: module spider conda"
        ) from error


def refuse(words: str, status: int) -> NoReturn:
    """Raise InstallError with the beginning of conda's `words`, in one line."""
    lines = [" ".join(filter(str.isprintable, line)) for line in map(str.split, words.splitlines())]
    text = "; ".join(filter(None, lines)) or f"status {status}"
    raise InstallError(f"conda: {cut_short(text)}")


def read_answer(text: str) -> dict[str, Any]:
    """Return the first complete JSON object in `text`: activation scripts may have printed before it."""
    decoder = json.JSONDecoder()
    for start in [0, *(number + 1 for number, letter in enumerate(text) if letter == "\n")]:
        try:
            found, _ = decoder.raw_decode(text, start)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return {}


def describe_request(requirement: Requirement, prefix: str) -> list[str]:
    """Return the arguments of conda: `update` installs the newest version, `install` the requested ones.

    They name the channels from which the environment's packages came, for it may have been created with
    `--channel`; but not Anaconda's own channels, whose use the site decides.
    """
    spec = f"{requirement.name}{requirement.specifier}"
    channels = choose_channels(list_channels(Path(prefix)))
    named = [word for channel in channels for word in ("--channel", channel)]
    return ["install" if requirement.specifier else "update", "--yes", "--prefix", prefix, *named, spec]


def choose_channels(channels: Iterable[str]) -> list[str]:
    """Return `channels` without Anaconda's own, whose use the site decides."""
    return [c for c in channels if c != "defaults" and not c.startswith(ANACONDA)]


def read_changes(answer: Mapping[str, Any]) -> tuple[PackageChange, ...]:
    """Return the changes in conda's JSON `answer` (conda, `UnlinkLinkTransaction`)."""
    actions = answer.get("actions") or {}
    if isinstance(actions, list):
        actions = actions[0] if actions else {}
    before = {item["name"]: str(item["version"]) for item in actions.get("UNLINK", ())}
    after = {item["name"]: str(item["version"]) for item in actions.get("LINK", ())}
    return tuple(
        PackageChange(name, before.get(name, ""), after.get(name, "")) for name in sorted({*before, *after})
    )


def list_touched(prefix: Path) -> tuple[str, ...]:
    """Return glob patterns, relative to `prefix`, for all places in which conda may write files."""
    files = (name for _, names in read_files(prefix) for name in names)
    # New packages may use folders that no installed package uses yet.
    top = {*PACKAGE_FOLDERS, *(name.split("/")[0] for name in files)} - {"", ".", ".."}
    # The last one matches the scripts with which conda runs the installation commands of packages.
    return (*map(glob.escape, sorted(top)), ".tmp*")


def list_replaced(prefix: Path, changes: Iterable[PackageChange]) -> frozenset[str]:
    """Return the files of the packages that `changes` replace or remove, and all files of conda-meta."""
    names = {change.name for change in changes if change.before}
    replaced = {name for package, files in read_files(prefix) if package in names for name in files}
    # Those of all packages: conda may record again which ones the user requested.
    return frozenset({*replaced, *(f"conda-meta/{path.name}" for path in (prefix / "conda-meta").iterdir())})


def read_files(prefix: Path) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Return each package of the environment at `prefix`, with its files."""
    return ((note["name"], tuple(list_files(note))) for note in read_notes(prefix))
