"""Carries out the fixes of findings, causes before effects."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stackenv.account.account import Account
from stackenv.environments.context import Context
from stackenv.errors import StackenvError, explain_with_hint
from stackenv.health.actions import carry_out_action
from stackenv.health.check import Found
from stackenv.health.finding import Action, Finding, MoveAside
from stackenv.health.rules import CONDA_RULES, apply_rules
from stackenv.output import print_entry, print_error, print_message
from stackenv.transactions.interruption import InterruptedCommandError


@dataclass
class Fixing:
    """The fixes of findings, and how far they have got.

    Parameters
    ----------
    agree
        Asks the user about the fix of a finding, given its subject; what it raises ends the command.
    dry_run
        Whether to only print what would be done.
    done
        The actions that were carried out, or listed by a dry run.
    tried
        The actions that were carried out, failed, or were declined.
    fixed
        How many findings were fixed.
    """

    context: Context
    agree: Callable[[str, Finding], bool]
    dry_run: bool = False
    done: set[Action] = field(default_factory=set)
    tried: set[Action] = field(default_factory=set)
    fixed: int = 0

    def fix_all(self, found: Found) -> bool:
        """Carry out the fixes of `found` that the user agrees to; an action that several need runs once.

        A fix that needs what another problem breaks is skipped until that is fixed, and also if it was fixed
        by moving the user's configuration aside. Return whether none was skipped and none failed.
        """
        whole = True
        for subject, findings in found:
            unfixed: list[Finding] = []
            for finding in findings:
                whole &= self._fix(subject, finding, unfixed)
                if self._is_fixed(finding):
                    self.fixed += 1
                else:
                    unfixed.append(finding)
        return whole

    def _is_fixed(self, finding: Finding) -> bool:
        return bool(finding.fix) and self.done.issuperset(finding.fix)

    def _fix(self, subject: str, finding: Finding, unfixed: Sequence[Finding]) -> bool:
        """Carry out the fix of `finding`; return whether it was neither skipped nor failed."""
        # An action that follows a new one is repeated, because it completes that one.
        actions = list(itertools.dropwhile(self.tried.__contains__, finding.fix))
        reason = self._find_obstacle(actions, unfixed)
        if reason:
            print_message(f"{subject}: {finding.what}")
            print_message(f"  skipped{reason}")
            return False
        self.tried.update(actions)
        return not actions or self._carry_out(subject, finding, actions)

    def _find_obstacle(self, actions: Sequence[Action], unfixed: Sequence[Finding]) -> str:
        """Return why `actions` must not be carried out now, as text after "skipped"; empty if they can be.

        The reason is that one of `unfixed`, or a problem of the account, breaks what they need, or that
        conda's configuration has just been moved aside.
        """
        needed = {need for action in actions for need in action.needs}
        causes = list(unfixed)
        if "conda" in needed:
            home = Path(self.context.environ.get("HOME", "/"))
            account = Account(home, self.context.environ, self.context.configuration)
            # A dry run counts what it has listed as fixed.
            causes += [found for found in apply_rules(CONDA_RULES, account) if not self._is_fixed(found)]
        for cause in causes:
            if cause.breaks in needed:
                return f", because it would fail: {cause.what} ({cause.where}); fix that first: {cause.hint}"
        # Without the user's channels and folders, conda would install from others, and to others.
        if "conda" in needed and any(isinstance(action, MoveAside) for action in self.done):
            moved = "would be" if self.dry_run else "was"
            again = "write a correct one, then run `stackenv check --fix` again"
            return f": conda's configuration {moved} moved aside; {again}"
        return ""

    def _carry_out(self, subject: str, finding: Finding, actions: Sequence[Action]) -> bool:
        """Carry out `actions`, the fix of `finding`, if the user agrees; a dry run only lists them.

        Return whether none failed.
        """
        if self.dry_run:
            for action in actions:
                print_entry("", action.sentence)
            self.done.update(actions)
        elif self.agree(subject, finding):
            try:
                for action in actions:
                    carry_out_action(action, self.context.environ)
                    self.done.add(action)
            except InterruptedCommandError as error:
                error.hint = "stackenv check"
                raise
            except (StackenvError, OSError) as error:
                problem, hint = explain_with_hint(error)
                print_error(f"not fixed: {problem}", hint)
                return False
        return True
