"""`stackenv remove`: delete a module, and the environment if stackenv created it."""

from __future__ import annotations

import os
import shlex
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from stackenv.disk.usage import measure_trees
from stackenv.environments.added_files import describe_files
from stackenv.environments.context import Context
from stackenv.environments.foreign_files import list_foreign
from stackenv.environments.managed_files import plan_file_removal, plan_kept_files
from stackenv.environments.marks import MARKS
from stackenv.environments.module_update import (
    open_store,
    plan_kept_modulefile,
    read_own_record,
    read_texts,
    remove_without_journal,
    require_changeable,
    require_unpacked,
    require_unused,
)
from stackenv.environments.store import StoredModule
from stackenv.environments.stubs import list_stubs, plan_stub_removal
from stackenv.errors import StackenvError
from stackenv.jupyter.kernels import plan_kernel_removal
from stackenv.lifecycle.saved_collections import print_outdated_collections
from stackenv.output import format_bytes, format_count, print_message, shorten_list
from stackenv.record import RECORD_FILE, Record
from stackenv.transactions.changes import Change, MovePath, RemoveFile, RemoveFolder, RemoveTree, Together
from stackenv.transactions.journal import JournalFullError
from stackenv.transactions.transaction import Switch, Transaction, carry_out, ignore_sentence


@dataclass(frozen=True)
class Removal:
    """A module that is to be removed, and the changes that remove it.

    Parameters
    ----------
    keeps_environment
        Whether its environment stays.
    """

    module: StoredModule
    changes: Transaction
    context: Context
    keeps_environment: bool

    def carry_out(self, are_steps_known: bool = False) -> None:
        """Remove the module, and print which collections of `module save` contain it.

        The steps are printed unless the user knows them from a question.
        """
        say = ignore_sentence if are_steps_known else print_message
        try:
            carry_out(self.changes, self.context.journal, print_message=say)
        except JournalFullError as error:
            remove_without_journal(self.changes, self.context, error.message)
        print_outdated_collections(self.module, None, self.context)
        print_message(f"Removed {self.module.full_name}")


def plan_removals(
    names: Iterable[str], environment: bool, keep: bool, context: Context, dry_run: bool
) -> list[Removal]:
    """Return the plans to remove the modules `names`, each once, as `plan_removal` does for one.

    Raises
    ------
    StackenvError
        If one of them must not be removed.
    """
    removals = [plan_removal(name, environment, keep, context, dry_run) for name in names]
    return list({removal.module.full_name: removal for removal in removals}.values())


def plan_removal(name: str, environment: bool, keep: bool, context: Context, dry_run: bool) -> Removal:
    """Return the plan to remove the module `name`, and its environment if owned or `environment` is set.

    With `keep`, a modulefile that was changed by hand is kept under another name.

    Raises
    ------
    StackenvError
        If this shell uses the module, or something else would be deleted with it.
    """
    open_store(context, dry_run)
    module = context.store.find(name)
    require_sole_module(module, context)
    fate = plan_environment(module, environment, context)
    changes = plan_changes(module, fate, context, keep)
    if not dry_run:
        require_unused(module, context.environ)
    return Removal(module, changes, context, fate.is_kept)


def plan_changes(module: StoredModule, fate: Fate, context: Context, keep: bool) -> Transaction:
    """Return the changes that remove `module`, and those of `fate` to its environment.

    With `keep`, a modulefile that was changed by hand is kept under another name. The modulefile goes first,
    so that nobody can load the module while the rest is deleted.
    """
    store = context.store
    notes, kept = plan_hand_edited(module, keep)
    changes: list[Change] = [*kept, RemoveFile(str(module.path))]
    sentences = [*notes, f"remove the modulefile {module.path}"]
    default = store.default_path(module.name)
    if store.read_default(module.name) == module.version:
        changes.append(RemoveFile(str(default)))
    notes, kernels, kernel_files = plan_kernel_removal(module.prefix, context.environ)
    seen = read_texts((module.path, module.record_path, default, *kernel_files))
    changes.append(RemoveFolder(str(module.path.parent)))
    switch = Switch((*sentences, *notes, fate.sentence), (*changes, *kernels, *fate.changes), seen)
    return Transaction.of(module.full_name, switch)


def require_sole_module(module: StoredModule, context: Context) -> None:
    """Raise StackenvError if another module points to the environment of `module`."""
    real = os.path.realpath(module.prefix)
    others = [
        other
        for other in context.store.list_modules()
        if other.path != module.path and os.path.realpath(other.prefix) == real
    ]
    if others:
        names = ", ".join(other.full_name for other in others)
        raise StackenvError(
            f"{module.prefix} is also the environment of {names}; nothing was changed",
            f"if those modulefiles are unwanted copies: rm {shlex.join(str(other.path) for other in others)}",
        )


def plan_hand_edited(module: StoredModule, keep: bool) -> tuple[tuple[str, ...], tuple[Change, ...]]:
    """Return what happens to a modulefile that was changed by hand: sentences and changes."""
    notes, kept = plan_kept_modulefile(module, module.path)
    if keep or not notes:
        return notes, kept
    return (f"delete the changes made by hand in {module.path} (without --yes they are kept)",), ()


class Fate(NamedTuple):
    """What happens to an environment: a sentence, the changes, and whether it is kept."""

    sentence: str
    changes: tuple[Change, ...]
    is_kept: bool


def plan_environment(module: StoredModule, environment: bool, context: Context) -> Fate:
    """Return what happens to the environment of `module`: it is deleted if owned or `environment` is set."""
    prefix = Path(module.prefix)
    if not prefix.is_dir():
        return Fate(f"skip its environment {prefix}, which no longer exists", (), False)
    record, problem = None, ""
    try:
        record = read_own_record(module)
    except StackenvError as error:
        problem = error.message
    if environment or (record and record.owned):
        kept = (context.store.root, Path(context.environ.get("HOME", "/")))
        sentence, changes = delete_environment(module, kept)
        foreign = list_foreign(record) if record else []
        also = f", including files that were not installed: {shorten_list(foreign)}" if foreign else ""
        return Fate(sentence + also, changes, False)
    if record is None:
        return Fate(
            f"keep the environment {prefix}, because it is unknown who created it: {problem}", (), True
        )
    # Its files are in the image, which is in stackenv's folder.
    require_unpacked(record)
    return leave_environment(record)


def leave_environment(record: Record) -> Fate:
    """Return how an adopted environment is kept, without the files of stackenv."""
    files = describe_files(record)
    notes, kept = plan_kept_files(files, record.path)
    stubs = plan_stub_removal(list_stubs(Path(record.path)))
    require_changeable(stubs)
    sentence = (
        f"keep the environment {record.path}, which stackenv did not create, and remove stackenv's "
        "files from it"
    )
    changes = (*kept, *Together.of(record.path, stubs), *plan_file_removal(files, record.path))
    return Fate("; ".join((sentence, *notes)), changes, True)


def delete_environment(module: StoredModule, kept: tuple[Path, ...]) -> tuple[str, tuple[Change, ...]]:
    """Return how the environment of `module` is deleted: renamed first, so that nobody finds half of it.

    It must not contain any of the folders `kept`.

    Raises
    ------
    StackenvError
        If it cannot be deleted, or is not recognised as an environment.
    """
    path = Path(module.prefix)
    real = path.resolve()
    mark = next((mark for mark in (RECORD_FILE, *MARKS.others) if (real / mark).is_file()), "")
    if not mark:
        raise StackenvError(
            f"{path} is not an environment (it has neither a record nor {' nor '.join(MARKS.others)}) "
            "and is not deleted; nothing was changed",
            "to remove only the module, leave out --environment",
        )
    require_deletable(path, real, kept)
    aside = real.with_name(f".{real.name}.removing-{uuid.uuid4().hex[:8]}")
    measured = measure_trees({"": real})[""]
    return (
        f"delete the environment {path}: {format_count(measured.freed_inodes, 'file')}, "
        f"{format_bytes(measured.freed_bytes)}",
        (
            MovePath(str(real), str(aside)),
            *([RemoveFile(str(path))] if path.is_symlink() else []),
            RemoveTree(str(aside), str(aside / mark)),
        ),
    )


def require_deletable(path: Path, real: Path, kept: tuple[Path, ...]) -> None:
    """Raise StackenvError if `path`, really `real`, contains one of `kept` or cannot be renamed."""
    for folder in kept:
        if folder.resolve().is_relative_to(real):
            raise StackenvError(
                f"{folder} is inside the environment {path} and would be deleted with it; nothing "
                "was changed",
                "to remove only the module, leave out --environment",
            )
    for folder in (path.parent, real.parent):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StackenvError(
                f"{path} cannot be deleted: {folder} is not writable; nothing was changed",
                f"ls -ld {shlex.quote(str(folder))}",
            )
