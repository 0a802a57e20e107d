"""Capture what the activation of a conda environment does, so that a module can do it without conda.

This runs the scripts of the environment, so it is a step of a plan, never a probe. It does not need conda,
whose activation sets PATH and conda's own variables and then uses the environment's files (`build_activate`
and `_yield_commands`, conda/activate.py, 24.7.1): the variables of env_vars.d and conda-meta/state, then
activate.d/*.sh in order; for a deactivation, deactivate.d in reverse.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stackenv.conda.activation.captured import CapturedActivation, CaptureFinding
from stackenv.conda.activation.changes import (
    Change,
    choose_seeds,
    describe_changes,
    find_differing,
    keep_common,
)
from stackenv.conda.activation.findings import (
    compare_dialects,
    find_deactivation,
    find_failures,
    find_run_findings,
    find_setter,
    find_shell_changes,
)
from stackenv.conda.activation.run import Observation, Trial, clear_folder, find_program
from stackenv.conda.activation.sources import ActivationSources, hash_activation, read_sources
from stackenv.errors import StackenvError, explain

OTHER_HOST = "stackenv-capture"


@dataclass(frozen=True)
class Capture:
    """The plain run of one dialect, and the trial without the scripts that ended earlier runs.

    `findings` are about those scripts.
    """

    shell: str
    trial: Trial
    plain: Observation
    findings: tuple[CaptureFinding, ...]


@dataclass(frozen=True)
class Runs:
    """All runs: in sh a plain one, one with other inputs and one with `seeds`; in csh the first and last."""

    sh: Capture
    other: Observation
    seeded: Observation
    csh: Capture | None
    csh_seeded: Observation | None
    seeds: Mapping[str, str]


def capture_activation(prefix: Path, timeout_s: int = 60) -> CapturedActivation:
    """Run the activation of the environment at `prefix` in clean shells; return what it does.

    At most nine shells run, each for at most `timeout_s` seconds; five if no script ends its shell.

    Raises
    ------
    StackenvError
        If there is no bash, or `prefix` is not a conda environment.
    """
    sources = read_sources(prefix)
    bash = find_program("bash")
    with temporary_folder() as top:
        runs = run_all(sources, bash, timeout_s, top)
    sh, csh = runs.sh, runs.csh
    changes = describe_changes(sh.plain, runs.seeded, runs.seeds)
    differing = find_differing(sh.plain, runs.other)
    findings = [*sources.findings, *sh.findings, *find_shell_changes(sh.plain), *find_unvaried(runs.other)]
    findings += find_run_findings(sh.plain, runs.other, runs.seeded)
    restorable = {n for n in runs.seeds if n not in changes or changes[n].verb != "backup"}
    findings += find_deactivation(sh.plain, runs.seeded, restorable, sources.prefix)
    if csh and runs.csh_seeded:
        findings += [*csh.findings, *find_run_findings(csh.plain, None, runs.csh_seeded)]
        theirs = describe_changes(csh.plain, runs.csh_seeded, runs.seeds)
        findings += compare_dialects(changes, theirs, set(differing))
    else:
        findings += find_missing_csh(sources, changes)
    for name, reason in differing.items():
        if name not in changes or changes[name].verb != "backup":
            changes[name] = keep_common(changes.get(name, Change("unknown")), name, runs.other)
            findings.append(CaptureFinding("differs", name, f"{reason} ({find_setter(sh.plain, name)})"))
    return assemble(changes, findings, hash_activation(Path(sources.prefix)))


def run_all(sources: ActivationSources, bash: str, timeout_s: int, top: Path) -> Runs:
    """Run the activation as often as needed, in folders below `top`."""
    sh = run_plain(bash, make_trial(sources, timeout_s), top)
    # Wait for the next second, so that values that a script takes from the clock differ.
    time.sleep(1.01 - time.time() % 1)
    other = sh.trial.run(bash, top / "b", make_inputs(top / "b", other=True), OTHER_HOST)
    csh = run_csh(sources, timeout_s, top)
    seeds = choose_seeds(sources, [sh.plain, other, *([csh.plain] if csh else [])], top / "seeds")
    seeded = run_seeded(sh, seeds, top)
    return Runs(sh, other, seeded, csh, run_seeded(csh, seeds, top) if csh else None, seeds)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Create a temporary folder, and remove it at the end, whatever a script has left in it."""
    try:
        top = Path(tempfile.mkdtemp(prefix="stackenv-capture-"))
    except OSError as error:
        raise StackenvError(
            f"cannot create a temporary folder: {explain(error)}", "set TMPDIR to a folder with space"
        ) from error
    try:
        yield top
    finally:
        clear_folder(top)


def make_inputs(place: Path, other: bool = False) -> dict[str, str]:
    """Return the variables that depend on user, host and time; with `other`, all have different values.

    The time zones are 25:45 hours apart, so that the date, the hour and the minute differ.
    """
    inputs = {
        "HOME": str(place / "home"),
        "TMPDIR": str(place / "tmp"),
        "PWD": str(place / "work"),
        "SCRATCH": str(place / "scratch"),
        "WORKSPACE": str(place / "workspace"),
        "USER": "other-user" if other else "one-user",
        "LOGNAME": "other-user" if other else "one-user",
        "HOSTNAME": OTHER_HOST if other else socket.gethostname(),
        "TZ": "<+1345>-13:45" if other else "<-12>12",
    }
    job = {"SLURM_JOB_ID": "4217839", "SLURM_CPUS_PER_TASK": "1873"} if other else {}
    return {**inputs, **job}


def make_trial(sources: ActivationSources, timeout_s: int) -> Trial:
    """Return the whole activation and deactivation of `sources` in sh."""
    return Trial(sources.prefix, sources.activate, sources.deactivate, sources.variables, timeout_s)


def run_plain(shell: str, trial: Trial, top: Path) -> Capture:
    """Run `trial`; if a script ends the shell, run it again without that script and the later ones."""
    findings: list[CaptureFinding] = []
    for _ in range(3):
        plain = trial.run(shell, top / "a", make_inputs(top / "a"))
        if plain.stopped_at is None:
            break
        findings += [
            finding for finding in find_failures(plain) if finding.subject == plain.labels[plain.stopped_at]
        ]
        trial = trial.cut(plain.stopped_at)
    return Capture(shell, trial, plain, tuple(findings))


def run_csh(sources: ActivationSources, timeout_s: int, top: Path) -> Capture | None:
    """Run the scripts for csh; return None if there are none, or no tcsh that starts."""
    tcsh = shutil.which("tcsh")
    if not tcsh or not sources.csh:
        return None
    trial = replace(make_trial(sources, timeout_s), activate=sources.csh, deactivate=())
    try:
        return run_plain(tcsh, trial, top)
    except StackenvError:
        return None


def run_seeded(capture: Capture, seeds: Mapping[str, str], top: Path) -> Observation:
    """Repeat the first run of `capture` with `seeds` in the environment."""
    return capture.trial.run(capture.shell, top / "a", {**make_inputs(top / "a"), **seeds})


def find_unvaried(other: Observation) -> Iterator[CaptureFinding]:
    """Yield a finding if the host name could not be changed for the second run."""
    if other.host != OTHER_HOST:
        detail = "this host does not let users change it for one process, so only HOSTNAME was changed"
        yield CaptureFinding("not tried", "host name", detail)


def find_missing_csh(sources: ActivationSources, changes: Mapping[str, Change]) -> Iterator[CaptureFinding]:
    """Yield a finding that says why the csh scripts were not compared."""
    if sources.csh:
        yield CaptureFinding("not tried", "csh", "this host has no tcsh that starts")
    elif changes.keys() - sources.variables.keys():
        yield CaptureFinding("csh missing", "activate.d", "has scripts for sh but none for csh")


def assemble(
    changes: Mapping[str, Change], findings: list[CaptureFinding], sha256: str
) -> CapturedActivation:
    """Return the activation that consists of `changes`, by variable name, and `findings`."""
    ordered = sorted(changes.items())
    noted = {finding.subject for finding in findings if finding.kind == "differs"}
    for name, change in ordered:
        if change.note and name not in noted:
            kind = "backup" if change.verb == "backup" else "differs"
            findings.append(CaptureFinding(kind, name, change.note))
    return CapturedActivation(
        tuple((name, change.value) for name, change in ordered if change.verb == "set"),
        tuple((name, change.value) for name, change in ordered if change.verb == "default"),
        tuple((name, change.front) for name, change in ordered if change.front),
        tuple((name, change.back) for name, change in ordered if change.back),
        tuple(name for name, change in ordered if change.verb == "unset"),
        tuple(sorted(set(findings))),
        sha256,
    )
