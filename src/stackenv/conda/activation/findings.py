"""Findings about an activation, apart from its variables; they come from comparing its runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from stackenv.conda.activation.captured import CaptureFinding
from stackenv.conda.activation.changes import Change, changed_names
from stackenv.conda.activation.run import Observation

LINE_LIMIT = 160
SAYS = {
    "set": "sets it",
    "default": "sets it if it is unset",
    "extend": "extends it",
    "unset": "unsets it",
    "unknown": "changes it",
    "backup": "keeps a value in it",
}


def clean_line(text: str, inputs: Mapping[str, str], last: bool = False) -> str:
    """Return the first or `last` non-blank line of `text`, with $NAME for the paths of this run's folders."""
    for name, value in sorted(inputs.items(), key=lambda item: -len(item[1])):
        text = text.replace(value, f"${name}") if "/" in value else text
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[-1 if last else 0] if lines else ""
    return "".join(c if c.isprintable() else "?" for c in line)[:LINE_LIMIT]


def find_words(observation: Observation, at: int, last: bool = False) -> str | None:
    """Return the first or `last` line printed by the script before the moment `at`; None if none ran."""
    if at >= len(observation.moments):
        return None
    return clean_line(observation.moments[at].output, observation.inputs, last)


def find_script(observation: Observation, kind: str, name: str) -> str:
    """Return the label of the first script after which `name`, of this kind, exists in the shell."""
    for label, moment in zip(observation.labels, observation.moments[1:]):
        if name in moment.state[kind]:
            return label
    return ""


def find_setter(observation: Observation, name: str) -> str:
    """Return the label of the script of activate.d that gave the variable `name` its last value."""
    values = [m.environment.get(name) for m in observation.moments[: observation.activated + 1]]
    changed = [at for at in range(1, len(values)) if values[at] != values[at - 1]]
    return observation.labels[changed[-1] - 1] if changed else "conda-meta/state or env_vars.d"


def find_failures(
    observation: Observation, second: Observation | None = None, where: str = ""
) -> Iterator[CaptureFinding]:
    """Yield the scripts that returned a failure status, or in which the shell ended.

    Each comes with the last line that it printed, if that is the same in the `second` run.
    """
    for at, (label, moment) in enumerate(zip(observation.labels, observation.moments[1:]), 1):
        if moment.status != "0":
            words = find_words(observation, at, last=True)
            same = second and words == find_words(second, at, last=True)
            detail = f"ends with status {moment.status}{where}"
            yield CaptureFinding("failed", label, f"{detail}: {words}" if words and same else detail)
    if observation.stopped_at is not None and observation.stopped_at < len(observation.labels):
        yield CaptureFinding("failed", observation.labels[observation.stopped_at], observation.end + where)


def find_output(plain: Observation, other: Observation) -> Iterator[CaptureFinding]:
    """Yield the scripts that print something; with the first line, if it is the same in `other`."""
    for at, (label, moment) in enumerate(zip(plain.labels, plain.moments[1:]), 1):
        line = find_words(plain, at)
        if line and moment.status == "0":
            same = line == find_words(other, at) or at >= len(other.moments)
            yield CaptureFinding(
                "output", label, f"prints: {line}" if same else "prints something different each time"
            )


def find_run_findings(
    plain: Observation, other: Observation | None, seeded: Observation
) -> Iterator[CaptureFinding]:
    """Yield the scripts that print or fail; for the later runs, only what the first did not show."""
    second = other or seeded
    elsewhere = ", if HOME, TMPDIR, the folder, the user or the host is different"
    seeds = ", if variables that it changes are set before"
    known: set[str] = set()
    for finding in (
        *find_failures(plain, second),
        *(find_failures(other, None, elsewhere) if other else ()),
        *find_failures(seeded, None, seeds),
    ):
        if finding.subject not in known:
            yield finding
        known.add(finding.subject)
    yield from find_output(plain, second)


def find_shell_changes(plain: Observation) -> Iterator[CaptureFinding]:
    """Yield what activate.d leaves in the shell itself: functions, aliases, options and the like."""
    start, after = plain.moments[0], plain.after
    for kind, names in after.state.items():
        new = names - start.state[kind]
        if kind == "shell variable":
            new -= after.environment.keys()
        for name in sorted(new):
            subject = "current folder" if kind == "folder" else name
            yield CaptureFinding(kind, subject, f"left by {find_script(plain, kind, name)}")


def find_deactivation(
    plain: Observation, seeded: Observation, restorable: set[str], prefix: str
) -> Iterator[CaptureFinding]:
    """Yield what deactivate.d leaves behind, and what it does beyond undoing the activation.

    `restorable` are the variables that had a value in the run `seeded`, which deactivate.d should restore.
    """
    changed = changed_names(plain)
    different: set[str] = set()
    for name, was, now in compare_ends(plain, prefix):
        if was == now:
            continue
        different.add(name)
        if name in changed:
            yield CaptureFinding("left behind", name, "deactivate.d does not undo it")
        else:
            done = "unsets" if now is None else "changes" if was is not None else "sets"
            detail = f"deactivate.d {done} it, but activate.d does not touch it"
            yield CaptureFinding("deactivate", name, detail)
    for name, was, now in compare_ends(seeded, prefix):
        if name in restorable - different and now not in (was, None):
            detail = "deactivate.d neither unsets it nor restores its value"
            yield CaptureFinding("left behind", name, detail)
    last = plain.moments[-1]
    for kind, names in last.state.items():
        new = names - plain.after.state[kind] - plain.moments[0].state[kind]
        for name in sorted(new - last.environment.keys() if kind == "shell variable" else new):
            subject = "current folder" if kind == "folder" else name
            yield CaptureFinding("deactivate", subject, f"deactivate.d leaves a {kind}")


def compare_ends(run: Observation, prefix: str) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield the name of each variable of a run, its value before activate.d and that after deactivate.d."""
    first, last = dict(run.moments[0].environment), dict(run.moments[-1].environment)
    if len(run.moments) > run.activated + 1:
        # conda takes the environment off PATH before deactivate.d runs.
        entries = first["PATH"].split(":")
        if f"{prefix}/bin" in entries:
            entries.remove(f"{prefix}/bin")
        first["PATH"] = ":".join(entries)
    for name in sorted(first.keys() | last.keys()):
        yield name, first.get(name), last.get(name)


def compare_dialects(
    ours: Mapping[str, Change], theirs: Mapping[str, Change], known: set[str]
) -> Iterator[CaptureFinding]:
    """Yield the variables, except the `known` ones, that the scripts for csh treat differently."""
    for name in sorted((ours.keys() | theirs.keys()) - known):
        one, two = ours.get(name), theirs.get(name)
        verbs = {change.verb for change in (one, two) if change}
        same = one and two and replace(one, note="") == replace(two, note="")
        if same or verbs == {"backup"}:
            continue
        detail = f"sh {describe_verb(one)}, csh {describe_verb(two)}"
        if one and two and one.verb == two.verb:
            detail = f"sh and csh disagree on the value: each {describe_verb(one)}"
        yield CaptureFinding("csh differs", name, detail)


def describe_verb(change: Change | None) -> str:
    """Return a phrase that says what a dialect's scripts do to a variable."""
    return SAYS[change.verb] if change else "leaves it alone"
