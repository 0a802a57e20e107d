"""Carries out the fixes of what check has found, causes before effects."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stackenv.account.account import Account
from stackenv.environments.context import Context
from stackenv.errors import StackenvError, explain
from stackenv.health.actions import carry_out_action
from stackenv.health.check import Found
from stackenv.health.finding import Action, Finding, MoveAside
from stackenv.health.rules import CONDA_RULES, apply_rules
from stackenv.output import print_entry, print_error, print_message
from stackenv.transactions.interruption import InterruptedCommandError


@dataclass
class Fixing:
    """The fixes of what was found, as far as they have come.

    Parameters
    ----------
    agree
        Is asked about the fix of a finding, with the subject of that; what it raises ends all.
    dry_run
        Print what would be done.
    done
        What was carried out, or listed by a dry run.
    tried
        What was carried out, has failed or was not agreed to.
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
        """Carry out the fixes of `found`, each when it was agreed to, and what several need once.

        One that needs what another fault breaks is skipped as long as that is not fixed, or is fixed by
        going without the user's configuration. Return whether none was skipped and none has failed.
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
        if not any(finding.fix for _, findings in found for finding in findings):
            print_message("none of these can be fixed automatically; run the command shown under each")
        return whole

    def _is_fixed(self, finding: Finding) -> bool:
        return bool(finding.fix) and self.done.issuperset(finding.fix)

    def _fix(self, subject: str, finding: Finding, unfixed: Sequence[Finding]) -> bool:
        """Carry out the fix of `finding`; return whether it was not skipped and has not failed."""
        # What follows something new is done again: it is for the sake of that.
        actions = list(itertools.dropwhile(self.tried.__contains__, finding.fix))
        reason = self._find_obstacle(actions, unfixed)
        if reason:
            print_message(f"{subject}: {finding.what}")
            print_message(f"  skipped{reason}")
            return False
        self.tried.update(actions)
        return not actions or self._carry_out(subject, finding, actions)

    def _find_obstacle(self, actions: Sequence[Action], unfixed: Sequence[Finding]) -> str:
        """Return why `actions` must not be carried out now, to follow "skipped"; empty when they can be.

        What they need is broken by one of `unfixed` or by a fault of the account, or has just been set
        aside.
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
        """Carry out `actions`, of the fix of `finding`, if they are agreed to; a dry run lists them.

        Return whether none has failed.
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
                print_error(f"not fixed: {explain(error)}")
                return False
        return True
