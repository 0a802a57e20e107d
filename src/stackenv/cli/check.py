"""`stackenv check`: what is wrong, why it matters, and how to fix it."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.completers import complete_names
from stackenv.cli.json_option import json_option, set_result
from stackenv.cli.options import dry_run_option, quiet_option, shared_option, yes_option
from stackenv.errors import UsageError
from stackenv.output import confirm, format_count, print_entry, print_line, print_message

if TYPE_CHECKING:
    from stackenv.cli.results import ReportedProblem
    from stackenv.health.check import Found
    from stackenv.health.finding import Finding


@click.command()
@click.argument("name", metavar="[NAME[/VERSION]]", required=False, shell_complete=complete_names)
@click.option("--fix", is_flag=True, help="Fix what can be fixed automatically; show each fix and ask first.")
@yes_option
@quiet_option
@shared_option
@dry_run_option
@json_option
def check(name: str | None, fix: bool, yes: bool, shared: Path | None, dry_run: bool, as_json: bool) -> None:
    """Find problems in your environments and account.

    For each problem, it says what is wrong, where, why it matters and how to fix it. Without NAME, all your
    environments and your account are checked, but files only for their presence and size. With NAME, only
    that environment is checked, and more thoroughly: each file is read and compared with what was installed,
    and its compiled modules are imported, one after another in one process. A module that works only because
    another package was loaded before it is not detected.

    Nothing is changed without --fix; --fix --dry-run shows what it would do. The exit status is 1 if anything
    is broken, if other users can change what you run (insecure), or if a fix failed.

    \b
    Example:
      stackenv check
      stackenv check biopy
      stackenv check --fix
    """
    from stackenv.environments.context import open_context, recover
    from stackenv.health.check import look
    from stackenv.health.finding import GRAVE
    from stackenv.health.fixing import Fixing

    require_combinable(fix, yes, dry_run, as_json)
    context = open_context(shared)
    if not dry_run:
        recover(context)
    found, failed, fixed = look(name, context), False, 0
    wanted = [(subject, [f for f in findings if not f.muted]) for subject, findings in found]
    if fix and any(finding.fix for _, findings in wanted for finding in findings):
        fixing = Fixing(context, functools.partial(agree, yes), dry_run)
        failed, fixed = not fixing.fix_all(wanted), fixing.fixed
        if dry_run:
            return
        found = look(name, context)
    if as_json:
        set_result([describe_finding(subject, f) for subject, findings in found for f in findings])
    else:
        print_found(found, fix)
    if fixed:
        print_message(f"Fixed {format_count(fixed, 'problem')}")
    if dry_run:
        return
    if failed or any(finding.level in GRAVE for _, findings in found for finding in findings):
        raise click.exceptions.Exit(1)


doctor = copy.copy(check)
doctor.name, doctor.hidden = "doctor", True


def require_combinable(fix: bool, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Raise UsageError for options that cannot be combined."""
    if as_json and fix:
        raise UsageError(
            "--json cannot be combined with --fix, which asks before each fix", "stackenv check --json"
        )
    if not fix and (yes or dry_run):
        raise UsageError("--yes and --dry-run require --fix", "leave out --yes and --dry-run, or add --fix")


def agree(yes: bool, subject: str, finding: Finding) -> bool:
    """Say what the fix of `finding` will do; return whether the user wants it."""
    facts = [f"{subject}: {finding.what}", *(f"  {action.sentence}" for action in finding.fix)]
    typed = "`stackenv check --fix --dry-run` shows all fixes; `stackenv check --fix --yes` applies them"
    return confirm("Apply this fix?", typed, yes, facts)


def describe_finding(subject: str, finding: Finding) -> ReportedProblem:
    """Return `finding` as `--json` prints it; its fix is what would be done, in sentences."""
    from stackenv.cli.results import ReportedProblem
    from stackenv.health.check import ACCOUNT

    return ReportedProblem(
        module="" if subject == ACCOUNT else subject,
        rule=finding.rule,
        level=finding.level,
        what=finding.what,
        where=finding.where,
        why=finding.why,
        hint=finding.hint,
        fix_steps=tuple(action.sentence for action in finding.fix),
        muted_reason=finding.muted,
    )


def print_finding(finding: Finding) -> None:
    """Print one finding: what it is, and below it where, why, and what to type."""
    print_entry(f"{finding.level}:", f"{finding.what} [{finding.rule}]", finding.level, indent=2)
    for title, text in (("where", finding.where), ("why", finding.why), ("hint", finding.hint)):
        if text:
            print_entry(f"{title}:", text, title, indent=4, margin=7)


def print_found(found: Found, fix: bool) -> None:
    """Print what was found, for people; `fix` is whether --fix has been used."""
    from stackenv.health.check import ACCOUNT

    muted = [(subject, finding) for subject, findings in found for finding in findings if finding.muted]
    found = [(subject, [finding for finding in findings if not finding.muted]) for subject, findings in found]
    for number, (subject, findings) in enumerate((s, findings) for s, findings in found if findings):
        if number:
            print_line("")
        print_entry(f"{subject}:", "", "title")
        for finding in findings:
            print_finding(finding)
    every = [finding for _, findings in found for finding in findings]
    environments = sum(subject != ACCOUNT for subject, _ in found)
    looked = format_count(environments, "environment")
    looked += " and your account" if any(subject == ACCOUNT for subject, _ in found) else ""
    if not every:
        print_line(f"no problems found: {looked}")
    elif not any(finding.fix for finding in every):
        if fix:
            print_message("none of these can be fixed automatically; run the command shown under each")
    elif not fix:
        print_message("`stackenv check --fix` shows what can be fixed automatically, and asks each time")
    for subject, rule, reason in dict.fromkeys((s, f.rule, f.muted) for s, f in muted):
        print_message(f"muted in {subject}: {rule} ({reason})")
