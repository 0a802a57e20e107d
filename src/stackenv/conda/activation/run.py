"""One run of an environment's scripts in a clean shell, and what was observed in it.

Each script is sourced as conda does it. The state of the shell is recorded before the first script (moment 0)
and after each one. A moment is a group of files MOMENT.KIND in the folder of the run, of which MOMENT.done is
written last; MOMENT.output holds what a script prints.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stackenv.errors import StackenvError, quote_word
from stackenv.modulefile import SHIPPED
from stackenv.modulefile.dialect import is_name, quote_csh, quote_sh
from stackenv.modulefile.templates import fill_placeholders
from stackenv.plain_files import read_file_text

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
HOST_LAUNCHER = Path(__file__).with_name("host.py")
OUTPUT_LIMIT = 10_000_000
# Variables that shells themselves put into the environment.
SHELLS_OWN = frozenset({"_", "SHLVL", "PWD", "OLDPWD"})
# Variables that bash sets as a by-product of commands.
BASH_OWN = frozenset("BASH_REMATCH COPROC MAPFILE OLDPWD OPTARG OPTERR OPTIND PIPESTATUS REPLY _".split())  # noqa: SIM905


@dataclass(frozen=True)
class Moment:
    """The shell after one script; `state` holds everything but the environment, by the kind of finding."""

    environment: Mapping[str, str]
    state: Mapping[str, frozenset[str]]
    status: str
    output: str


@dataclass(frozen=True)
class Observation:
    """The observations of one run.

    `before` is the environment without the variables that conda exports before the scripts run; `labels`
    names the scripts, of which the first `activated` come from activate.d; `end` says how the shell ended if
    it did not finish all of them, and is empty otherwise.
    """

    inputs: Mapping[str, str]
    before: Mapping[str, str]
    moments: tuple[Moment, ...]
    labels: tuple[str, ...]
    activated: int
    end: str
    pid: int
    host: str

    @property
    def after(self) -> Moment:
        """The shell after activate.d, or after its last script that finished."""
        return self.moments[min(self.activated, len(self.moments) - 1)]

    @property
    def stopped_at(self) -> int | None:
        """The index of the script in which the shell ended."""
        return len(self.moments) - 1 if self.end else None


@dataclass(frozen=True)
class Trial:
    """The scripts of a run, and what conda sets before them."""

    prefix: str
    activate: tuple[str, ...]
    deactivate: tuple[str, ...]
    variables: Mapping[str, str]
    timeout_s: int

    @property
    def labels(self) -> tuple[str, ...]:
        scripts = [*self.activate, *self.deactivate]
        return tuple(os.path.relpath(script, f"{self.prefix}/etc/conda") for script in scripts)

    def cut(self, index: int) -> Trial:
        """Return this trial without the script at `index` and the later ones in the same folder."""
        beyond = index - len(self.activate)
        if beyond < 0:
            return replace(self, activate=self.activate[:index])
        return replace(self, deactivate=self.deactivate[:beyond])

    def run(self, shell: str, place: Path, inputs: Mapping[str, str], host: str = "") -> Observation:
        """Source the scripts in `shell`, the path of a bash or tcsh, with the variables `inputs`.

        `place` is the run's own folder, which is emptied first: scripts would see what an earlier run left in
        HOME.

        Raises
        ------
        StackenvError
            If the shell does not reach the first script.
        """
        clear_folder(place)
        for name in ("home", "tmp", "work", "scratch", "workspace", "moments"):
            (place / name).mkdir(parents=True)
        command = [sys.executable, "-I", "-S", str(HOST_LAUNCHER), host, *self._command(shell, place)]
        end, pid = watch_shell(command, place, self._environment(shell, inputs), self.timeout_s)
        seen = tuple(read_moments(place / "moments"))
        if not seen:
            raise StackenvError(
                f"{shell} {end} before any script of {self.prefix} ran",
                f"check the free space: df -h {quote_word(place)}; "
                f"and that the shell starts: {shell} -c true",
            )
        if len(seen) > len(self.labels):
            end = ""
        before = {n: v for n, v in seen[0].environment.items() if n not in self.variables}
        return Observation(
            inputs,
            before,
            seen,
            self.labels,
            len(self.activate),
            end,
            pid,
            read_text(place / "moments/0.host"),
        )

    def _command(self, shell: str, place: Path) -> list[str]:
        moments = str(place / "moments")
        if Path(shell).name == "bash":
            script = write_bash(self.activate, self.deactivate, self.prefix, moments)
            # With -c, not as a file, so that $0 is the same as in a user's shell.
            return [shell, "--noprofile", "--norc", "-c", script, "bash"]
        path = place / "moments/script"
        path.write_text(write_tcsh(self.activate, moments), encoding="utf-8", errors="surrogateescape")
        return [shell, "-f", str(path)]

    def _environment(self, shell: str, inputs: Mapping[str, str]) -> dict[str, str]:
        return {
            "TERM": "dumb",
            "SHELL": shell,
            **inputs,
            "PATH": f"{self.prefix}/bin:{SYSTEM_PATH}",
            "CONDA_PREFIX": self.prefix,
            "CONDA_DEFAULT_ENV": Path(self.prefix).name,
            "CONDA_SHLVL": "1",
            **self.variables,
        }


def find_program(name: str) -> str:
    """Return the absolute path of the program `name`.

    Raises
    ------
    StackenvError
        If it is not on PATH.
    """
    found = shutil.which(name)
    if found is None:
        raise StackenvError(
            f"{name} was not found on PATH, so the activation of a conda environment cannot be captured",
            f"put the folder of {name} on PATH: export PATH=/usr/bin:/bin:$PATH",
        )
    return found


def write_bash(activate: Sequence[str], deactivate: Sequence[str], prefix: str, folder: str) -> str:
    """Return the code for bash that writes its moments to `folder`.

    Each script is sourced in a function, as conda sources it: a `declare` in it is local.
    """
    functions = read_file_text(SHIPPED / "capture/capture.bash")
    lines = [
        fill_placeholders(functions, {"ENV": find_program("env"), "BIN": f"{prefix}/bin"}, "sh"),
        f"__stackenv_moment {quote_sh(folder + '/0')} 0 || :",
    ]
    for number, script in enumerate([*activate, *deactivate], 1):
        if number == len(activate) + 1:
            lines.append("__stackenv_leave || :")
        moment = f"{folder}/{number}"
        lines += [
            f"__stackenv_{number}() {{ . {quote_sh(script)} >|{quote_sh(moment + '.output')} 2>&1; }}",
            f"__stackenv_{number}",
            f'__stackenv_moment {quote_sh(moment)} "$?" || :',
        ]
    return "\n".join([*lines, ""])


def write_tcsh(scripts: Sequence[str], folder: str) -> str:
    """Return the code for tcsh that writes its moments to `folder`."""
    lines = ["set __stackenv_status = 0"]
    for number, script in enumerate(["", *scripts]):
        moment = f"{folder}/{number}"
        if script:
            lines += [
                f"source {quote_csh(script)} >&! {quote_csh(moment + '.output')}",
                "set __stackenv_status = $status",
            ]
        lines += [
            f"echo $__stackenv_status >! {quote_csh(moment + '.status')}",
            f"{quote_csh(find_program('env'))} -0 >! {quote_csh(moment + '.environment')}",
            f"alias >! {quote_csh(moment + '.alias')}",
            f"echo >! {quote_csh(moment + '.done')}",
        ]
    return "\n".join([*lines, ""])


def clear_folder(folder: Path) -> None:
    """Remove as much of `folder` as possible, whatever permissions a script has left in it."""
    for parent, names, _ in os.walk(folder):
        # Change modes before the walk enters the folders. Skip links: they may lead to other users' folders.
        for path in (Path(parent, name) for name in names):
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def watch_shell(
    command: Sequence[str], place: Path, environ: Mapping[str, str], timeout_s: int
) -> tuple[str, int]:
    """Run `command` to its end; return how it ended and its process ID; leave no child running."""
    process = subprocess.Popen(
        command,
        cwd=place / "work",
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + timeout_s
    stopped = ""
    try:
        # WNOWAIT: until the shell is reaped, its process ID still names its process group.
        while not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            if time.monotonic() > deadline:
                stopped = f"does not end within {timeout_s} s"
            elif sum(file.stat().st_size for file in (place / "moments").glob("*.output")) > OUTPUT_LIMIT:
                stopped = f"prints more than {OUTPUT_LIMIT // 1_000_000} MB"
            if stopped:
                break
            time.sleep(0.005)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return stopped or f"ends the shell with status {process.returncode}", process.pid


def read_text(path: Path) -> str:
    """Return the text of `path`; empty if it does not exist."""
    try:
        return read_file_text(path, errors="surrogateescape")
    except OSError:
        return ""


def read_moments(folder: Path) -> Iterator[Moment]:
    """Yield the moments in `folder` in order, up to the first incomplete one."""
    number = 0
    while (folder / f"{number}.done").exists():
        texts = {path.suffix[1:]: read_text(path) for path in folder.glob(f"{number}.*")}
        pairs = (entry.partition("=") for entry in texts["environment"].split("\0"))
        environment = {name: value for name, _, value in pairs if is_name(name) and name not in SHELLS_OWN}
        yield Moment(environment, dict(read_state(texts)), texts["status"].strip(), texts.get("output", ""))
        number += 1


def read_state(texts: Mapping[str, str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each kind of finding about the shell itself with its names, from the files of a moment."""

    def words(kind: str) -> list[list[str]]:
        lines = [line.split() for line in texts.get(kind, "").splitlines()]
        return [line for line in lines if line and not line[0].startswith("__stackenv_")]

    yield "function", frozenset(line[0] for line in words("function"))
    yield "alias", frozenset(line[0] for line in words("alias"))
    yield "shell variable", frozenset(line[0] for line in words("variable")) - BASH_OWN
    yield "shell option", frozenset(" ".join(line) for line in words("option"))
    # A handler may span several lines; POSIX mode also lists the defaults, as `-`.
    traps = re.split(r"^trap -- ", texts.get("trap", ""), flags=re.MULTILINE)[1:]
    yield "trap", frozenset(trap.split()[-1] for trap in traps if not trap.startswith("- "))
    yield "umask", frozenset(line[0] for line in words("umask"))
    yield "folder", frozenset([texts.get("folder", "").rstrip("\n")])
