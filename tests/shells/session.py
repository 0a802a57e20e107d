"""A script of steps that fit every shell, run by a real shell with a real Lmod, and its results."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dialects import Dialect, spare_manual_pages

# What a shell or Lmod itself changes between any two commands.
VOLATILE_ENVIRONMENT = frozenset({"_", "SHLVL", "PWD", "OLDPWD", "COLUMNS", "LINES", "_AST_FEATURES"})
LMOD_BOOKS = ("_ModuleTable", "__LMOD_", "LMOD_")
# zsh ties MANPATH and manpath, and lists them until Lmod unsets them; their values are compared.
VOLATILE_VARIABLES = frozenset(
    """
    MANPATH manpath dirprev dirnext __fish_cd_direction
    BASH_ARGC BASH_ARGV BASH_COMMAND BASH_LINENO BASH_SUBSHELL CMD_DURATION COLUMNS EPOCHREALTIME
    EPOCHSECONDS FUNCNAME KSH_MATCH LINENO LINES LOADEDMODULES MATCH MBEGIN MEND OPTARG OPTIND
    PIPESTATUS PPID RANDOM REPLY SECONDS SRANDOM _ _LMFILES_ _ModuleTable001_ _ModuleTable002_
    _ModuleTable003_ _ModuleTable004_ _ModuleTable_Sz_ cwd dirstack fish_kill_signal histname history
    match mbegin mend owd pipestatus reply status status_generation
    """.split()  # noqa: SIM905 (forty names read better as words)
)


@dataclass(frozen=True)
class Snapshot:
    """The shell at one moment."""

    environment: Mapping[str, str]
    functions: frozenset[str]
    variables: frozenset[str]

    @property
    def path(self) -> list[str]:
        return self.environment.get("PATH", "").split(":")


@dataclass
class Result:
    """The results of a session: its output, the snapshots by name, and the exit statuses in order."""

    stdout: str
    stderr: str
    returncode: int
    snapshots: dict[str, Snapshot]
    statuses: list[int]


def read_snapshot(folder: Path) -> Snapshot:
    """Return the snapshot that a script wrote into `folder`."""
    entries = (folder / "env").read_bytes().decode(errors="surrogateescape").split("\0")
    pairs = (entry.partition("=") for entry in entries if entry)
    environment = {
        name: value
        for name, _, value in pairs
        if name not in VOLATILE_ENVIRONMENT and not name.startswith(LMOD_BOOKS)
    }
    functions = (folder / "functions").read_text(errors="replace").splitlines()
    variables = (folder / "variables").read_text(errors="replace").splitlines()
    assert variables, f"{folder}: the shell listed no variables; see `list_variables` in dialects.py"
    return Snapshot(
        environment,
        frozenset(line.strip() for line in functions if line.strip()),
        frozenset(
            name
            for name in variables
            if name
            and name not in VOLATILE_VARIABLES | VOLATILE_ENVIRONMENT
            and not name.startswith(LMOD_BOOKS)
        ),
    )


@dataclass
class Session:
    """Steps for one shell; `run` carries them out in one process."""

    dialect: Dialect
    folder: Path
    lmod: str
    environ: Mapping[str, str]
    strict: bool = False
    interactive: bool = False
    lines: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def do(self, *commands: str) -> Session:
        """Run `commands`, which mean the same in all shells."""
        for command in commands:
            self.lines += [command]
        return self

    def check(self, *commands: str) -> Session:
        """Run `commands` and note the exit status of each, whatever `set -e` says."""
        for command in commands:
            file = str(self.folder / "statuses")
            if self.dialect.family == "sh":
                self.lines += [f"{command} && echo 0 >> {file} || echo $? >> {file}"]
            else:
                self.lines += [command, self.dialect.status(file)]
        return self

    def export(self, name: str, value: str) -> Session:
        self.lines += [self.dialect.export(name, value)]
        return self

    def unset(self, name: str) -> Session:
        self.lines += [self.dialect.unset(name)]
        return self

    def snapshot(self, name: str) -> Session:
        """Take a snapshot of the shell, called `name`."""
        folder = self.folder / f"snapshot-{name}"
        folder.mkdir(parents=True)
        self.names.append(name)
        self.lines += [self.dialect.snapshot(str(folder))]
        return self

    def run(self, timeout_s: int = 120) -> Result:
        """Run the steps; return their results."""
        start = [self.dialect.start(self.lmod)]
        if self.strict and self.dialect.family == "sh":
            start += ["set -eu"]
        script = self.folder / "script"
        script.write_text("\n".join([*start, *self.lines, ""]), encoding="utf-8")
        start_command = self.dialect.interactive if self.interactive else self.dialect.command
        if self.interactive and self.dialect.name == "fish":
            spare_manual_pages(self.environ)
        done = subprocess.run(
            [*start_command, str(script)],
            stdin=subprocess.DEVNULL,
            env=dict(self.environ),
            cwd=self.folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
        statuses = self.folder / "statuses"
        return Result(
            done.stdout,
            done.stderr,
            done.returncode,
            {
                name: read_snapshot(self.folder / f"snapshot-{name}")
                for name in self.names
                if (self.folder / f"snapshot-{name}" / "variables").exists()
            },
            [int(line) for line in statuses.read_text().split()] if statuses.exists() else [],
        )


def differences(before: Snapshot, after: Snapshot) -> dict[str, object]:
    """Return what differs between two snapshots, by name; empty when nothing does."""
    names = before.environment.keys() | after.environment.keys()
    found: dict[str, object] = {
        name: (before.environment.get(name), after.environment.get(name))
        for name in sorted(names)
        if before.environment.get(name) != after.environment.get(name)
    }
    for kind in ("functions", "variables"):
        ours, theirs = getattr(before, kind), getattr(after, kind)
        if ours != theirs:
            found[kind] = {"gone": sorted(ours - theirs), "new": sorted(theirs - ours)}
    return found
