"""Faults of a rebuilt environment that the old one did not have."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from stackenv.environments.context import Context
from stackenv.environments.stack import Stack
from stackenv.health.checked_environment import CheckedEnvironment, StackLoader
from stackenv.health.finding import GRAVE, Finding
from stackenv.health.rules import ENVIRONMENT_RULES, apply_rules
from stackenv.output import print_message
from stackenv.record import Record

# The rules of `stackenv check` that show whether an environment works.
SOUND = ("python-changed", "missing-files", "extensions", "numpy-bounds", "inconsistent")


def list_new_faults(
    old: Record, new: Record, modulefile: Path, context: Context, stack: Stack
) -> list[Finding]:
    """Return the grave findings of `stackenv check` on the environment `new` that `old` does not have.

    `stack` are the modules of `new`, as loaded for it. If the modules of `old` are gone, conflicts between
    packages cannot be compared: they are printed, but not returned.
    """
    loader = StackLoader(context.environ, {(stack.modulepath, stack.modules, new.kind == "venv"): stack})
    found = list_faults(look_at(new, modulefile, context, loader, trusted=True))
    if not found:
        return []
    # In a project, others may have written the old environment: nothing in it is run.
    before = look_at(old, modulefile, context, loader, trusted=not context.shared)
    known = {(finding.rule, part) for finding in list_faults(before) for part in split(finding)}
    faults = [finding for finding in found if any((finding.rule, p) not in known for p in split(finding))]
    if before.prefix.is_dir() and (old.kind != "venv" or before.loaded_stack is not None):
        return faults
    for fault in (fault for fault in faults if fault.rule == "inconsistent"):
        print_message(f"cannot compare with the old environment, because its modules are gone: {fault.what}")
    return [fault for fault in faults if fault.rule != "inconsistent"]


def split(finding: Finding) -> list[str]:
    """Return the single faults of `finding`, which may report several in one sentence."""
    return list(finding.parts) or finding.what.split("; ")


def look_at(
    record: Record, modulefile: Path, context: Context, loader: StackLoader, trusted: bool
) -> CheckedEnvironment:
    """Return the environment of `record` in the form in which the rules check it."""
    return CheckedEnvironment(
        full_name=record.full_name,
        modulefile=modulefile,
        prefix=Path(record.path),
        record=record,
        problem="",
        hint="",
        shared=context.shared,
        trusted=trusted,
        environ=context.environ,
        configuration=context.configuration,
        loader=loader,
        thorough=True,
    )


def list_faults(environment: CheckedEnvironment) -> list[Finding]:
    """Return the grave findings on `environment`; none if it is gone."""
    if not environment.prefix.is_dir():
        return []
    rules = {name: ENVIRONMENT_RULES[name] for name in SOUND}
    with closing(environment):
        environment.begin()
        return [finding for finding in apply_rules(rules, environment, every=True) if finding.level in GRAVE]
