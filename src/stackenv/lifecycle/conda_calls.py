"""Calls of conda for an update: what it would change, and the change itself."""

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
    """Return what `conda ARGUMENTS` would do, as its JSON has it.

    Raises
    ------
    InstallError
        When it finds no way; its own words, in short, are the message.
    """
    done = run_conda(conda, [*arguments, "--dry-run", "--json"], environ)
    answer = read_answer(done.stdout)
    if done.returncode or answer.get("success") is False:
        refuse(
            str(answer.get("message") or answer.get("error") or done.stderr or done.stdout), done.returncode
        )
    return answer


def update_with_conda(conda: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Carry out `conda ARGUMENTS`.

    Raises
    ------
    InstallError
        When it fails; its own words, in short, are the message.
    """
    # Not as JSON: conda 24.7 cannot tell of a failed transaction so (AttributeError: dump_map).
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
        When it cannot even be started.
    """
    try:
        return subprocess.run(
            describe_command(conda, *arguments),
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            # What the next command puts back must have nobody at work in it.
            preexec_fn=partial(end_with_parent, signal.SIGKILL),
            check=False,
        )
    except OSError as error:
        raise InstallError(
            f"{conda} cannot be started: {error.strerror}", "to find a conda module: module spider conda"
        ) from error


def refuse(words: str, status: int) -> NoReturn:
    """Raise InstallError with the first of conda's `words`, in one line."""
    lines = [" ".join(filter(str.isprintable, line)) for line in map(str.split, words.splitlines())]
    text = "; ".join(filter(None, lines)) or f"status {status}"
    raise InstallError(f"conda: {cut_short(text)}")


def read_answer(text: str) -> dict[str, Any]:
    """Return the last JSON object in `text`: conda's, behind what activation scripts may have printed."""
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
    """Return what follows `conda`: `update` takes the newest, `install` the versions that are asked for.

    From where the environment's packages came from: it may have been made with `--channel`. Not from
    Anaconda's own, whose use is the site's decision.
    """
    spec = f"{requirement.name}{requirement.specifier}"
    channels = choose_channels(list_channels(Path(prefix)))
    named = [word for channel in channels for word in ("--channel", channel)]
    return ["install" if requirement.specifier else "update", "--yes", "--prefix", prefix, *named, spec]


def choose_channels(channels: Iterable[str]) -> list[str]:
    """Return those of `channels` to name to conda: the use of Anaconda's own is the site's decision."""
    return [c for c in channels if c != "defaults" and not c.startswith(ANACONDA)]


def read_changes(answer: Mapping[str, Any]) -> tuple[PackageChange, ...]:
    """Return the changes that the answer of conda tells of (conda, `UnlinkLinkTransaction`, as JSON)."""
    actions = answer.get("actions") or {}
    if isinstance(actions, list):
        actions = actions[0] if actions else {}
    before = {item["name"]: str(item["version"]) for item in actions.get("UNLINK", ())}
    after = {item["name"]: str(item["version"]) for item in actions.get("LINK", ())}
    return tuple(
        PackageChange(name, before.get(name, ""), after.get(name, "")) for name in sorted({*before, *after})
    )


def list_touched(prefix: Path) -> tuple[str, ...]:
    """Return glob patterns, below `prefix`, of where conda puts, or may put, files."""
    files = (name for _, names in read_files(prefix) for name in names)
    # What comes new may use folders that nothing installed uses yet.
    top = {*PACKAGE_FOLDERS, *(name.split("/")[0] for name in files)} - {"", ".", ".."}
    # In the last are the commands by which conda runs what packages bring for their installation.
    return (*map(glob.escape, sorted(top)), ".tmp*")


def list_replaced(prefix: Path, changes: Iterable[PackageChange]) -> frozenset[str]:
    """Return the files of the packages that `changes` replace or remove, and of conda's own notes."""
    names = {change.name for change in changes if change.before}
    replaced = {name for package, files in read_files(prefix) if package in names for name in files}
    # Of all packages: conda may record again who has asked for one.
    return frozenset({*replaced, *(f"conda-meta/{path.name}" for path in (prefix / "conda-meta").iterdir())})


def read_files(prefix: Path) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Return each package of the environment at `prefix`, and its files."""
    return ((note["name"], tuple(list_files(note))) for note in read_notes(prefix))
