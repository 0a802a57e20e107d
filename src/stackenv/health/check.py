"""Looks for what is wrong: in the environments, and in the user's account."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from stackenv.account.account import Account
from stackenv.environments.context import Context
from stackenv.environments.module_update import read_own_record
from stackenv.environments.store import StoredModule
from stackenv.errors import LostRecordError, StackenvError
from stackenv.health.checked_environment import CheckedEnvironment, StackLoader
from stackenv.health.finding import Finding
from stackenv.health.rules import ACCOUNT_RULES, ENVIRONMENT_RULES, apply_rules
from stackenv.output import showing_progress

# The subject of what is found in the account.
ACCOUNT = "your account"
# Subject of each group of findings, and the findings.
Found = list[tuple[str, list[Finding]]]


def look(name: str | None, context: Context) -> Found:
    """Return what is found in the environment `name`, or in the account and all environments."""
    store = context.store
    modules = [store.find(name, default=True)] if name else list(store.list_modules())
    loader, found = StackLoader(context.environ), []
    with showing_progress("looking", len(modules) + 1) as advance:
        # First, for what is wrong there is often the cause of what is wrong in an environment.
        if not name and not context.shared:
            account = Account(Path(context.environ.get("HOME", "/")), context.environ, context.configuration)
            found.append((ACCOUNT, list(apply_rules(ACCOUNT_RULES, account))))
        advance(1)
        for module in modules:
            subject = describe_subject(module, context, loader, thorough=bool(name))
            with closing(subject):
                subject.begin()
                found.append((module.full_name, list(apply_rules(ENVIRONMENT_RULES, subject))))
            advance(1)
    return found


def describe_subject(
    module: StoredModule, context: Context, loader: StackLoader, thorough: bool
) -> CheckedEnvironment:
    """Return what the rules look at; the record is read, and nothing else."""
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
        believed=module.is_believed,
        environ=context.environ,
        configuration=context.configuration,
        loader=loader,
        thorough=thorough,
    )
