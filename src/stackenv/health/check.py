"""Checks the environments and the user's account for problems."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from stackenv.account.account import Account
from stackenv.environments.context import Context
from stackenv.environments.module_update import read_own_record
from stackenv.environments.store import StoredModule
from stackenv.errors import LostRecordError, StackenvError
from stackenv.health.checked_environment import CheckedEnvironment, StackLoader
from stackenv.health.finding import GRAVE, Finding
from stackenv.health.installed_files import showing_nothing
from stackenv.health.rules import ACCOUNT_RULES, ENVIRONMENT_RULES, apply_rules
from stackenv.health.side_by_side import count_processes, look_side_by_side
from stackenv.output import showing_progress
from stackenv.transactions.interruption import stopping_at_signals

# The subject of findings about the account.
ACCOUNT = "your account"
# The subject of each group of findings, and the findings.
Found = list[tuple[str, list[Finding]]]


# A check has nothing to undo when it is stopped.
GRACE_S = 1


def look(name: str | None, context: Context) -> Found:
    """Return the findings about the environment `name`, or about the account and all environments.

    Raises
    ------
    InterruptedCommandError
        If a signal to stop arrived; started processes have been ended.
    """
    with stopping_at_signals(GRACE_S, "nothing was changed"):
        return look_at_all(name, context)


def look_at_all(name: str | None, context: Context) -> Found:
    """Return the findings, as `look` does."""
    loader = StackLoader(context.environ)
    if name:
        module = context.store.find(name, default=True)
        environment = describe_subject(module, context, loader, thorough=True)
        return [(module.full_name, look_at(environment))]
    modules = list(context.store.list_modules())
    environments = [describe_subject(module, context, loader, thorough=False) for module in modules]
    subjects = [environment.full_name for environment in environments]
    looks = [functools.partial(look_at, environment) for environment in environments]
    # First, because a problem of the account is often the cause of one in an environment.
    if not context.shared:
        subjects.insert(0, ACCOUNT)
        looks.insert(0, functools.partial(look_at_account, context))
    with showing_progress("checking", len(looks)) as advance:
        # Before the processes start, each of which would load the same ones.
        loader.load_all(e.stack_key for e in environments if e.record is not None and e.record.modules)
        return list(zip(subjects, look_side_by_side(looks, advance, count_processes(len(looks)))))


def look_at(environment: CheckedEnvironment) -> list[Finding]:
    """Return the findings about `environment`."""
    with closing(environment):
        environment.begin()
        reasons = dict(environment.record.muted) if environment.record else {}
        return [mute(finding, reasons) for finding in apply_rules(ENVIRONMENT_RULES, environment)]


def mute(finding: Finding, reasons: Mapping[str, str]) -> Finding:
    """Return `finding` with the reason for which it is muted, if it is; grave findings cannot be muted."""
    reason = "" if finding.level in GRAVE else reasons.get(finding.rule, "")
    return replace(finding, muted=reason) if reason else finding


def look_at_account(context: Context) -> list[Finding]:
    """Return the findings about the user's account."""
    home = Path(context.environ.get("HOME", "/"))
    account = Account(home, context.environ, context.configuration, find_working_folder())
    return list(apply_rules(ACCOUNT_RULES, account))


def find_working_folder() -> Path | None:
    """Return the folder in which the command was typed; None if it no longer exists."""
    try:
        return Path.cwd()
    except OSError:
        return None


def describe_subject(
    module: StoredModule, context: Context, loader: StackLoader, thorough: bool
) -> CheckedEnvironment:
    """Return the environment as the rules see it; only its record is read here."""
    record, problem, hint, lost = None, "", "", False
    try:
        record = read_own_record(module)
    except StackenvError as error:
        problem, hint, lost = error.message, error.hint, isinstance(error, LostRecordError)
    return CheckedEnvironment(
        full_name=module.full_name,
        modulefile=module.path,
        prefix=Path(module.prefix),
        record=record,
        problem=problem,
        hint=hint,
        record_lost=lost,
        shared=context.shared,
        trusted=module.is_trusted,
        environ=context.environ,
        configuration=context.configuration,
        loader=loader,
        thorough=thorough,
        showing=showing_progress if thorough else showing_nothing,
    )
