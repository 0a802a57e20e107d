"""`stackenv remove`: delete a module, and the environment that stackenv made for it."""

from __future__ import annotations

import os
import shlex
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.options import EXIT_STATUS, dry_run_option, shared_option, yes_option
from stackenv.environments.context import Context, open_context
from stackenv.errors import StackenvError, UsageError
from stackenv.output import ask, format_count, tell

if TYPE_CHECKING:
    from stackenv.environments.store import StoredModule
    from stackenv.record import Record
    from stackenv.transactions.plan import Change, Replacement

# By which a folder is an environment, where no record tells: of a venv, of conda.
MARKS = ("pyvenv.cfg", "conda-meta/history")


@click.command(epilog=EXIT_STATUS)
@click.argument("name", metavar="NAME[/VERSION]")
@click.option("--environment", is_flag=True, help="Delete the environment, also one that was adopted.")
@yes_option
@shared_option
@dry_run_option
def remove(name: str, environment: bool, yes: bool, shared: Path | None, dry_run: bool) -> None:
    """Delete a module, and its environment if stackenv made it.

    An environment that was adopted stays, without what stackenv has put into it. Your Jupyter kernel of it
    goes too. A module that is in use in this shell is refused, with --yes too: without its modulefile it
    could not be unloaded.

    \b
    Example:
      stackenv remove biopy
      stackenv remove biopy/1.0 --yes
    """
    from stackenv.environments.module_update import (
        carry_out,
        open_store,
        remove_without_journal,
        require_unused,
    )
    from stackenv.lifecycle.saved_collections import tell_collections
    from stackenv.transactions.journal import JournalFullError

    context = open_context(shared)
    open_store(context, dry_run)
    module = context.store.find(name)
    replacement = plan_removal(module, environment, context, keep=not yes)
    if not dry_run:
        require_unused(module, context.environ)
        if not yes:
            agree(replacement, module)
    try:
        carry_out(replacement, context, dry_run)
    except JournalFullError as error:
        remove_without_journal(replacement, context, error.message)
    if not dry_run:
        tell(f"{module.full_name} is gone")
        tell_collections(module, None, context)


def agree(replacement: Replacement, module: StoredModule) -> None:
    """Ask whether `replacement` is meant.

    Raises
    ------
    UsageError
        When nobody is there to answer.
    """
    for sentence in replacement.sentences:
        tell(sentence)
    if not sys.stdin.isatty():
        raise UsageError(
            f"nobody can be asked whether {module.full_name} is to be removed: the input is no terminal; "
            "nothing was changed",
            f"stackenv remove {module.full_name} --yes",
        )
    if not ask("Do that?"):
        raise StackenvError("nothing was changed")


def plan_removal(module: StoredModule, environment: bool, context: Context, keep: bool = True) -> Replacement:
    """Return the changes that remove `module`, and the environment where it goes too.

    With `keep` what was changed by hand in the modulefile stays beside it.
    The modulefile is the first: nobody loads the module any more while the rest goes.
    """
    from stackenv.environments.module_update import see
    from stackenv.jupyter.kernels import remove_kernels
    from stackenv.transactions.plan import RemoveFile, RemoveFolder, Replacement

    store = context.store
    told, kept = plan_hand_edited(module, keep)
    changes: list[Change] = [*kept, RemoveFile(str(module.path))]
    sentences = [*told, f"remove the modulefile {module.path}"]
    default = store.default_path(module.name)
    if store.read_default(module.name) == module.version:
        changes.append(RemoveFile(str(default)))
    others = [
        other
        for other in store.list_modules()
        if other.path != module.path and os.path.realpath(other.prefix) == os.path.realpath(module.prefix)
    ]
    if others:
        names, files = (
            ", ".join(o.full_name for o in others),
            " ".join(shlex.quote(str(o.path)) for o in others),
        )
        raise StackenvError(
            f"{module.prefix} is the environment of {names} too; nothing was changed",
            f"if those are copies that nobody needs: rm {files}",
        )
    told, kernels, kernel_files = remove_kernels(module.prefix, context.environ)
    what, more = plan_environment(module, environment, context)
    seen = see((module.path, module.record_path, default, *kernel_files))
    changes.append(RemoveFolder(str(module.path.parent)))
    return Replacement(module.full_name, (*sentences, *told, what), (*changes, *kernels, *more), seen)


def plan_hand_edited(module: StoredModule, keep: bool) -> tuple[tuple[str, ...], tuple[Change, ...]]:
    """Return what happens to what was changed by hand in the modulefile: sentences, and changes."""
    from stackenv.environments.module_update import keep_hand_edited

    told, kept = keep_hand_edited(module, module.path)
    if keep or not told:
        return told, kept
    return (f"{module.path} was changed by hand, and that goes with it (without --yes it is kept)",), ()


def plan_environment(
    module: StoredModule, environment: bool, context: Context
) -> tuple[str, tuple[Change, ...]]:
    """Return what happens to the environment of `module`: a sentence, and the changes."""
    from stackenv.environments.foreign_files import list_foreign
    from stackenv.environments.module_update import read_own_record, require_unpacked
    from stackenv.output import shorten_list

    prefix = Path(module.prefix)
    if not prefix.is_dir():
        return f"its environment {prefix} is gone already", ()
    record, problem = None, ""
    try:
        record = read_own_record(module)
    except StackenvError as error:
        problem = error.message
    if environment or (record and record.owned):
        kept = (context.store.root, Path(context.environ.get("HOME", "/")))
        sentence, changes = delete_environment(module, kept)
        foreign = list_foreign(record) if record else []
        also = f"; with what was not installed: {shorten_list(foreign)}" if foreign else ""
        return sentence + also, changes
    if record is None:
        return f"leave the environment {prefix} as it is, for nothing tells who made it: {problem}", ()
    # Its files are in the image, and that is in stackenv's folder.
    require_unpacked(record)
    return leave_environment(record)


def leave_environment(record: Record) -> tuple[str, tuple[Change, ...]]:
    """Return how an adopted environment stays: without the files of stackenv."""
    from stackenv.environments.managed_files import keep_edited, remove_files
    from stackenv.environments.module import describe_files

    files = describe_files(record)
    told, kept = keep_edited(files, record.path)
    sentence = (
        f"leave the environment {record.path}, which stackenv did not make, and take the files of stackenv "
        "out of it"
    )
    return "; ".join((sentence, *told)), (*kept, *remove_files(files, record.path))


def delete_environment(module: StoredModule, kept: tuple[Path, ...]) -> tuple[str, tuple[Change, ...]]:
    """Return how the environment of `module` is deleted: renamed first, so that nobody finds half of it.

    None of the folders `kept` may be in it.

    Raises
    ------
    StackenvError
        When it cannot be deleted, or is not known as an environment.
    """
    from stackenv.record import RECORD_FILE
    from stackenv.transactions.plan import MovePath, RemoveFile, RemoveTree

    path = Path(module.prefix)
    real = path.resolve()
    proof = next((mark for mark in (RECORD_FILE, *MARKS) if (real / mark).is_file()), "")
    if not proof:
        raise StackenvError(
            f"{path} is no environment (it has neither a record nor {' nor '.join(MARKS)}): it is not "
            "deleted, and nothing was changed",
            "without --environment the module alone is removed",
        )
    require_deletable(path, real, kept)
    aside = real.with_name(f".{real.name}.removing-{uuid.uuid4().hex[:8]}")
    measured = measure(real)
    return (
        f"delete the environment {path}: {format_count(measured.files, 'file')}, {measured.text}",
        (
            MovePath(str(real), str(aside)),
            *([RemoveFile(str(path))] if path.is_symlink() else []),
            RemoveTree(str(aside), str(aside / proof)),
        ),
    )


def require_deletable(path: Path, real: Path, kept: tuple[Path, ...]) -> None:
    """Raise StackenvError when `path`, which is really `real`, holds one of `kept` or cannot be renamed."""
    for folder in kept:
        if folder.resolve().is_relative_to(real):
            raise StackenvError(
                f"{folder} is inside the environment {path}, and would go with it; nothing was changed",
                "without --environment the module alone is removed",
            )
    for folder in (path.parent, real.parent):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StackenvError(
                f"{path} cannot be deleted: {folder} cannot be written; nothing was changed",
                f"ls -ld {shlex.quote(str(folder))}",
            )


@dataclass(frozen=True)
class Measured:
    """The size of a folder; `size` is in bytes, each file counted once however many links it has."""

    files: int
    size: int

    @property
    def text(self) -> str:
        number, unit = float(self.size), "bytes"
        for larger in ("kB", "MB", "GB", "TB"):
            if number < 1000:
                break
            number, unit = number / 1000, larger
        return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"


def measure(folder: Path) -> Measured:
    """Return how much is below `folder`; what links lead to is not counted."""
    files, sizes = 0, {}
    for place, folders, names in os.walk(folder):
        for name in (*names, *(f for f in folders if Path(place, f).is_symlink())):
            found = Path(place, name).lstat()
            files += 1
            sizes[found.st_dev, found.st_ino] = found.st_size
    return Measured(files, sum(sizes.values()))
