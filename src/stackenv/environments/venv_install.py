"""The steps that make a venv, put packages into it, and write its record."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path

from packaging.version import Version

from stackenv.environments.constraints import constraints_url
from stackenv.environments.venv_module import find_site_packages
from stackenv.errors import StackenvError, TakenError, quote_word
from stackenv.modulefile import InstalledFile
from stackenv.modulefile.text import render_installed_file
from stackenv.record import FOLDER, Python, Record
from stackenv.transactions.files import write_file

ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")


def make_folder(path: Path, proof: Path) -> None:
    """Make the folder `path` with the file `proof` below it; what exists must be an empty folder.

    Raises
    ------
    TakenError
        When there is something already.
    StackenvError
        When it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
            raise TakenError(
                f"{path} exists and is not empty: it is left alone, and nothing was changed",
                f"if it is an environment: stackenv adopt {path} NAME; otherwise: --path ANOTHER_FOLDER",
            )
        path.mkdir(exist_ok=True)
        proof.parent.mkdir(exist_ok=True)
        proof.touch(exist_ok=False)
    except OSError as error:
        raise StackenvError(
            f"{path} could not be made: {error.strerror}",
            f"ls -ld {quote_word(path.parent)}; df -h {quote_word(path.parent)}",
        ) from error


def make_venv(
    path: Path, python: Python, prompt: str, system_site_packages: bool, environ: Mapping[str, str]
) -> None:
    """Make a venv of `python` in the folder `path`, with pip.

    Raises
    ------
    StackenvError
        When the module `venv` fails; its own words are in the message.
    """
    options = ["--system-site-packages"] if system_site_packages else []
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


@contextlib.contextmanager
def links_made(folder: Path, links: Mapping[str, str]) -> Iterator[None]:
    """Make `links` in `folder`, as `make_links` does; when that or the block fails all is as it was."""
    before = {name: str((folder / name).readlink()) for name in links if (folder / name).is_symlink()}
    had_folder = folder.exists()
    try:
        make_links(folder, links)
        yield
    except BaseException:
        with contextlib.suppress(OSError, StackenvError):
            for name in links.keys() - before.keys():
                (folder / name).unlink(missing_ok=True)
            make_links(folder, before)
            if not had_folder:
                folder.rmdir()
        raise


def make_links(folder: Path, links: Mapping[str, str]) -> None:
    """Make `links` in `folder`: names, and what they lead to.

    Raises
    ------
    StackenvError
        When the disk refuses.
    """
    for name, target in links.items():
        draft = folder / f".{name}.{uuid.uuid4().hex}"
        try:
            folder.mkdir(exist_ok=True)
            draft.symlink_to(target)
            draft.replace(folder / name)
        except OSError as error:
            raise StackenvError(
                f"{folder / name} could not be made: {error.strerror}",
                f"ls -ld {quote_word(folder)}; df -h {quote_word(folder)}",
            ) from error
        finally:
            draft.unlink(missing_ok=True)


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
    record: Record, calls: Sequence[Sequence[str]], environ: Mapping[str, str], report: Path
) -> None:
    """Have the environment's pip install the arguments of each of `calls`, one after the other.

    Its words go to stderr, and what it reports of all to `report`.

    Raises
    ------
    InstallError
        When pip fails; its words are read for what the constraints have to do with it.
    """
    from stackenv.environments.pip_failure import explain_failure

    # What the user has set for other installs must not lead this one out of the environment.
    within = {name: value for name, value in environ.items() if name not in ELSEWHERE}
    installed: list[object] = []
    with tempfile.TemporaryDirectory(prefix="stackenv-pip-") as folder:
        for number, arguments in enumerate(calls):
            told = Path(folder, f"{number}.json")
            command = [
                *(f"{record.path}/bin/python", "-m", "pip", "install", "--no-input"),
                "--disable-pip-version-check",
                *(("--report", str(told)) if can_report(record) else ()),
                *arguments,
            ]
            status, words = run_aloud(command, {**within, "PIP_USER": "0"})
            if status:
                raise explain_failure(record, arguments, words, status)
            if told.is_file():
                installed += json.loads(told.read_text(encoding="utf-8"))["install"]
    report.write_text(json.dumps({"install": installed}), encoding="utf-8")


def run_aloud(command: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """Run `command`, with its words on stderr as they come; return its status and the words.

    By a pipe, not by pip's --log: with that pip keeps from the terminal what a failed build has said.
    """
    words = []
    sys.stderr.flush()
    with subprocess.Popen(
        command,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                words.append(line)
                sys.stderr.write(line)
                sys.stderr.flush()
        except BaseException:
            # What is undone must have nobody at work in it.
            process.kill()
            raise
    return process.returncode, "".join(words)


def can_report(record: Record) -> bool:
    """Tell whether the environment's pip has the option --report, as from 22.2 on."""
    assert record.python is not None
    folder = find_site_packages(record.path, record.python)
    return any(Version(pip.version) >= Version("22.2") for pip in distributions(path=[folder], name="pip"))


def proof_of(path: str, identity: str) -> str:
    """Return the file by which an unfinished environment at `path` is known as ours."""
    return f"{path}/{FOLDER}/unfinished-{identity}"
