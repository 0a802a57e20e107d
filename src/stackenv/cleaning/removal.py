"""Removes what is no longer needed, after the user has agreed."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Callable, NamedTuple

from stackenv.cleaning.finders import judge_environments, measure_item
from stackenv.cleaning.reclaimable import DeleteEnvironment, Reclaimable
from stackenv.environments.context import Context
from stackenv.environments.store import StoredModule
from stackenv.errors import StackenvError, explain_with_hint
from stackenv.health.actions import carry_out_action
from stackenv.lifecycle.remove import delete_environment as plan_deletion
from stackenv.output import format_count, print_error
from stackenv.transactions.interruption import InterruptedCommandError
from stackenv.transactions.transaction import Switch, Transaction, carry_out, ignore_sentence

Agree = Callable[[str, Sequence[Reclaimable]], bool]


class Handled(NamedTuple):
    """Something that was removed, or why it could not be, and what to type."""

    item: Reclaimable
    problem: str = ""
    hint: str = ""


def remove_agreed(found: Sequence[Reclaimable], context: Context, agree: Agree) -> Iterator[Handled]:
    """Remove each class of `found` that is agreed to; one that fails does not stop the others.

    Yield what was removed, and what could not be. `agree` is asked with the name of a class and its items.

    Raises
    ------
    StackenvError
        At the end, when something could not be removed.
    """
    failed = 0
    for kind, group in itertools.groupby(found, lambda item: item.kind):
        items = list(group)
        if not agree(kind, items):
            continue
        for item in items:
            try:
                remove(item, context)
                handled = Handled(item)
            except InterruptedCommandError:
                raise
            except (StackenvError, OSError) as error:
                failed += 1
                handled = Handled(item, *explain_with_hint(error))
                print_error(f"{item.what}: not removed: {handled.problem}", handled.hint)
            yield handled
    if failed:
        raise StackenvError(
            f"{format_count(failed, 'item')} could not be removed", "to list what is left: stackenv clean"
        )


def remove(item: Reclaimable, context: Context) -> None:
    """Carry out the actions of `item`, unless it must now be kept.

    Raises
    ------
    StackenvError
        If it is in use, or an action fails.
    """
    if not any(os.path.lexists(place) for place in item.places):
        # It was removed with something else, as a kernel is with its module.
        return
    now = measure_item(replace(item, kept=item.judge()), context.environ)
    if now.kept:
        raise StackenvError(now.kept)
    for action in item.actions:
        if isinstance(action, DeleteEnvironment):
            delete_environment(action, context)
        else:
            carry_out_action(action, {**context.environ, **item.environ})


def delete_environment(action: DeleteEnvironment, context: Context) -> None:
    """Delete a leftover environment, journaled, so that the next command finishes an interrupted deletion.

    Raises
    ------
    StackenvError
        If a module uses it now, something else keeps it, or it cannot be deleted.
    """
    # Checked again, because the answer may have taken hours.
    now = list(judge_environments([Path(action.prefix)], context))
    if not now or now[0].kept:
        raise StackenvError(now[0].kept if now else "a module uses it now")
    name, _, version = action.full_name.partition("/")
    stored = StoredModule(name, version, context.store.path_of(name, version), action.prefix)
    kept = (context.store.root, Path(context.environ.get("HOME", "/")))
    sentence, changes = plan_deletion(stored, kept)
    planned = Transaction.of(action.full_name, Switch((sentence,), changes))
    # It was shown with the question, or instead of it.
    carry_out(planned, context.journal, print_message=ignore_sentence)
