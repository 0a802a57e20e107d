"""What is wrong with an environment that was made anew, and was not with the one before."""

from __future__ import annotations

from pathlib import Path

from stackenv.apply.store import StoredModule
from stackenv.commands.workplace import Workplace
from stackenv.facts.checked_environment import CheckedEnvironment, StackLoader
from stackenv.model.environment import Record
from stackenv.model.finding import GRAVE, Finding
from stackenv.rules import ENVIRONMENT_RULES, apply_rules

# What tells whether an environment works, of the rules of `stackenv check`.
SOUND = ("python-changed", "missing-files", "extensions", "numpy-bounds", "inconsistent")


def list_new_faults(old: Record, new: Record, module: StoredModule, workplace: Workplace) -> list[Finding]:
    """Return what `stackenv check` finds gravely wrong with the environment `new`, and not with `old`."""
    loader = StackLoader(workplace.environ)
    found = list_faults(new, module, workplace, loader, believed=True)
    if not found:
        return []
    # In a project others may have written the old one: nothing in it is run.
    before = list_faults(old, module, workplace, loader, believed=not workplace.shared)
    known = {(finding.rule, part) for finding in before for part in split(finding)}
    return [finding for finding in found if any((finding.rule, p) not in known for p in split(finding))]


def split(finding: Finding) -> list[str]:
    """Return the faults that `finding` is about: one sentence tells of several."""
    return finding.what.split("; ")


def list_faults(
    record: Record, module: StoredModule, workplace: Workplace, loader: StackLoader, believed: bool
) -> list[Finding]:
    """Return what is gravely wrong with the environment of `record`."""
    if not Path(record.path).is_dir():
        return []
    subject = CheckedEnvironment(
        full_name=record.full_name,
        modulefile=module.path,
        prefix=Path(record.path),
        record=record,
        problem="",
        cure="",
        shared=workplace.shared is not None,
        believed=believed,
        environ=workplace.environ,
        policy=workplace.policy,
        loader=loader,
        thorough=True,
    )
    rules = {name: ENVIRONMENT_RULES[name] for name in SOUND}
    return [finding for finding in apply_rules(rules, subject) if finding.level in GRAVE]
