"""`stackenv check`: what is wrong, why it hurts, and how to fix it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stackenv.cli.options import EXIT_STATUS, dry_run_option, json_option, shared_option, yes_option
from stackenv.environments.context import Context, open_context
from stackenv.errors import LostRecordError, StackenvError, UsageError, explain
from stackenv.output import confirm, format_count, print_json, print_line, tell

if TYPE_CHECKING:
    from stackenv.environments.store import StoredModule
    from stackenv.health.checked_environment import CheckedEnvironment, StackLoader
    from stackenv.health.finding import Action, Finding

# What the findings of the account stand below.
ACCOUNT = "your account"
# Subject of each group of findings, and the findings.
Found = list[tuple[str, list["Finding"]]]


@click.command(epilog=EXIT_STATUS)
@click.argument("name", metavar="[NAME[/VERSION]]", required=False)
@click.option("--fix", is_flag=True, help="Fix what can be fixed automatically; show each fix and ask first.")
@yes_option
@shared_option
@dry_run_option
@json_option
def check(name: str | None, fix: bool, yes: bool, shared: Path | None, dry_run: bool, as_json: bool) -> None:
    """Look for what is wrong: in one environment, or in all of them and in your account.

    Each finding says what it is, where, why it hurts, and what to type. With NAME each file of that
    environment is read and compared with what was installed; without, their presence alone. Nothing is
    changed without --fix; --fix --dry-run shows what it would do. The status is 1 while something is broken
    or can be taken over by others, and when a fix has failed.

    \b
    Example:
      stackenv check
      stackenv check biopy
      stackenv check --fix
    """
    if as_json and fix:
        raise UsageError("--json goes without --fix: nobody could be asked", "stackenv check --json")
    if not fix and (yes or dry_run):
        raise UsageError("nothing is changed without --fix", "leave out --yes and --dry-run, or add --fix")
    context = open_context(shared)
    if not dry_run:
        context.recover()
    found, failed = look(name, context), False
    if fix:
        failed = not fix_found(found, context, yes, dry_run)
        if dry_run:
            return
        found = look(name, context)
    if as_json:
        print_json([{"subject": subject, **asdict_finding(f)} for subject, fs in found for f in fs])
    else:
        print_found(found, can_fix=not fix)
    end(found, failed)


doctor = copy.copy(check)
doctor.name, doctor.hidden = "doctor", True


def look(name: str | None, context: Context) -> Found:
    """Return what is found in the environment `name`, or in the account and all environments."""
    from stackenv.account.account import Account
    from stackenv.health.checked_environment import StackLoader
    from stackenv.health.rules import ACCOUNT_RULES, ENVIRONMENT_RULES, apply_rules
    from stackenv.output import showing_progress

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
            found.append((module.full_name, list(apply_rules(ENVIRONMENT_RULES, subject))))
            advance(1)
    return found


def describe_subject(
    module: StoredModule, context: Context, loader: StackLoader, thorough: bool
) -> CheckedEnvironment:
    """Return what the rules look at; the record is read, and nothing else."""
    from stackenv.cli.info import can_be_believed
    from stackenv.environments.module_update import read_own_record
    from stackenv.health.checked_environment import CheckedEnvironment

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
        believed=can_be_believed(module),
        environ=context.environ,
        configuration=context.configuration,
        loader=loader,
        thorough=thorough,
    )


def fix_found(found: Found, context: Context, yes: bool, dry_run: bool) -> bool:
    """Carry out the fixes of `found`, each when it was agreed to, and what several need once.

    One that needs what another fault breaks is skipped as long as that is not fixed, or is fixed by going
    without the user's configuration. Return whether none was skipped and none has failed.

    Raises
    ------
    UsageError
        When nobody is there to answer.
    """
    done: set[Action] = set()
    tried: set[Action] = set()
    whole = True
    for subject, findings in found:
        unfixed: list[Finding] = []
        for finding in findings:
            actions = [action for action in finding.fix if action not in tried]
            reason = find_obstacle(actions, unfixed, done, context, dry_run)
            if reason:
                tell(f"{subject}: {finding.what}")
                tell(f"  skipped{reason}")
                whole = False
            elif actions:
                tried.update(actions)
                whole &= carry_out(subject, finding, actions, done, context, yes, dry_run)
            if not finding.fix or not done.issuperset(finding.fix):
                unfixed.append(finding)
    if not any(finding.fix for _, findings in found for finding in findings):
        tell("none of these can be fixed automatically; run the command shown under each")
    return whole


def find_obstacle(
    actions: Sequence[Action],
    unfixed: Sequence[Finding],
    done: set[Action],
    context: Context,
    dry_run: bool,
) -> str:
    """Return why `actions` must not be carried out now, to follow "skipped"; empty when they can be.

    What they need is broken by one of `unfixed` or by a fault of the account, or has just been set aside.
    """
    from stackenv.account.account import Account
    from stackenv.health.finding import MoveAside
    from stackenv.health.rules import CONDA_RULES, apply_rules

    needed = {need for action in actions for need in action.needs}
    causes = list(unfixed)
    if "conda" in needed:
        account = Account(Path(context.environ.get("HOME", "/")), context.environ, context.configuration)
        found = apply_rules(CONDA_RULES, account)
        # A dry run counts what it has listed as fixed.
        causes += [finding for finding in found if not finding.fix or not done.issuperset(finding.fix)]
    for cause in causes:
        if cause.breaks in needed:
            return f", because it would fail: {cause.what} ({cause.where}); first: {cause.hint}"
    # Without the user's channels and folders, conda would install from others, and to others.
    if "conda" in needed and any(isinstance(action, MoveAside) for action in done):
        moved = "would be" if dry_run else "was"
        again = "write it again, then run `stackenv check --fix` again"
        return f": conda's configuration {moved} moved aside; {again}"
    return ""


def carry_out(
    subject: str,
    finding: Finding,
    actions: Sequence[Action],
    done: set[Action],
    context: Context,
    yes: bool,
    dry_run: bool,
) -> bool:
    """Carry out `actions`, of the fix of `finding`, if they are agreed to, and add them to `done`.

    A dry run lists them. Return whether none has failed.
    """
    from stackenv.health.fix import carry_out_action
    from stackenv.transactions.interruption import InterruptedCommandError

    if dry_run:
        for action in actions:
            print_line(action.sentence)
        done.update(actions)
    elif agree(subject, finding, yes):
        try:
            for action in actions:
                carry_out_action(action, context.environ)
                done.add(action)
        except InterruptedCommandError as error:
            error.hint = "stackenv check"
            raise
        except (StackenvError, OSError) as error:
            tell(f"not fixed: {explain(error)}")
            return False
    return True


def agree(subject: str, finding: Finding, yes: bool) -> bool:
    """Tell what the fix of `finding` will do; return whether it is wanted."""
    tell(f"{subject}: {finding.what}")
    for action in finding.fix:
        tell(f"  {action.sentence}")
    typed = "stackenv check --fix --dry-run shows all of it; stackenv check --fix --yes does it"
    return yes or confirm("Do that?", "that is wanted", typed)


def asdict_finding(finding: Finding) -> dict[str, Any]:
    """Return `finding` as plain data; its fix is what would be done, in sentences."""
    left_out = ("fix", "parts", "hides", "breaks")
    data = {name: value for name, value in asdict(finding).items() if name not in left_out}
    return {**data, "fix": [action.sentence for action in finding.fix]}


def print_found(found: Found, can_fix: bool) -> None:
    """Print what was found, for people."""
    for subject, findings in found:
        if findings:
            print_line(f"{subject}:")
        for finding in findings:
            print_line(f"  {finding.level}: {finding.what} [{finding.rule}]")
            for title, text in (("where", finding.where), ("why", finding.why), ("type", finding.hint)):
                if text:
                    print_line(f"    {title + ':':6} {text}")
    every = [finding for _, findings in found for finding in findings]
    environments = sum(subject != ACCOUNT for subject, _ in found)
    looked = format_count(environments, "environment")
    looked += " and your account" if any(subject == ACCOUNT for subject, _ in found) else ""
    if not every:
        print_line(f"nothing is wrong: {looked}")
    elif can_fix and any(finding.fix for finding in every):
        tell("stackenv check --fix shows what can be fixed automatically, and asks before each")


def end(found: Sequence[tuple[str, list[Finding]]], failed: bool) -> None:
    """End with status 1 when something grave is in `found`, or when a fix has `failed`."""
    from stackenv.health.finding import GRAVE

    if failed or any(finding.level in GRAVE for _, findings in found for finding in findings):
        raise click.exceptions.Exit(1)
