"""Shared by all commands that change a module: read its record, check its use, plan the changes."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from packaging.utils import canonicalize_name

from stackenv.environments.added_files import describe_files
from stackenv.environments.context import Context, recover
from stackenv.environments.launchers import plan_links
from stackenv.environments.managed_files import find_free, is_users, plan_file_rewriting, plan_kept_files
from stackenv.environments.module import describe_module
from stackenv.environments.names import ACTIVE_ENVIRONMENT
from stackenv.environments.own_packages import read_own_packages
from stackenv.environments.store import StoredModule
from stackenv.environments.stubs import plan_kept_stubs, plan_stubs
from stackenv.errors import StackenvError
from stackenv.modulefile import InstalledFile
from stackenv.modulefile.text import is_as_written, render_module
from stackenv.output import print_message
from stackenv.record import FOLDER, RECORD_FILE, Record, write_record_text
from stackenv.transactions.changes import Change, Together, WriteFile, carry_out_change
from stackenv.transactions.transaction import Transaction, read_text, require_as_seen

# What follows if the user has a file of this name.
LOSSES = {"uv": "; uv may replace packages of the modules"}


def open_store(context: Context, dry_run: bool) -> None:
    """Check that modules can be changed; undo or finish what killed commands left."""
    context.store.check_writable()
    if not dry_run:
        recover(context)


def read_own_record(module: StoredModule) -> Record:
    """Return the record of `module`.

    Raises
    ------
    StackenvError
        If it is missing or unusable, or is the record of another module.
    """
    record = module.read_record()
    if (record.full_name, record.path) == (module.full_name, module.prefix):
        return record
    raise StackenvError(
        f"{module.path} points to {module.record_path}, which is the record of {record.full_name} in "
        f"{record.path}: the modulefile or the environment is a copy; nothing was changed",
        f"to delete a copied modulefile: rm {shlex.quote(str(module.path))}; to adopt a copied "
        f"environment: stackenv adopt {shlex.quote(module.prefix)} NEW_NAME",
    )


def require_unpacked(record: Record) -> None:
    """Raise StackenvError if the environment of `record` is packed and therefore cannot be changed."""
    if record.packed:
        raise StackenvError(
            f"{record.full_name} is packed and cannot be changed; nothing was changed",
            f"first run: stackenv unpack {record.full_name}",
        )


def describe_use(module: StoredModule, environ: Mapping[str, str]) -> str:
    """Return the command that makes this shell stop using `module`; empty if the shell does not use it."""
    if environ.get(ACTIVE_ENVIRONMENT) == module.full_name or module.full_name in environ.get(
        "LOADEDMODULES", ""
    ).split(":"):
        return f"module unload {module.full_name}"
    for variable, leave in (("VIRTUAL_ENV", "deactivate"), ("CONDA_PREFIX", "conda deactivate")):
        active = environ.get(variable)
        if active and os.path.realpath(active) == os.path.realpath(module.prefix):
            return leave
    return ""


def require_unused(module: StoredModule, environ: Mapping[str, str]) -> None:
    """Raise StackenvError if this shell uses `module`: without its modulefile, it could not unload it."""
    leave = describe_use(module, environ)
    if leave:
        raise StackenvError(
            f"{module.full_name} is in use in this shell; nothing was changed",
            f"first run: {leave}",
        )


def require_writable(prefix: str) -> None:
    """Raise StackenvError if the environment at `prefix` is not writable, as on a read-only mount."""
    for folder in (Path(prefix), Path(prefix, FOLDER)):
        if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
            raise StackenvError(
                f"{folder} is not writable; nothing was changed", f"ls -ld {shlex.quote(str(folder))}"
            )


def require_changeable(changes: Iterable[Change]) -> None:
    """Raise StackenvError if one of the folders in which `changes` are made is not writable."""
    for folder in dict.fromkeys(Path(change.path).parent for change in changes):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        if not os.access(there, os.W_OK | os.X_OK):
            raise StackenvError(
                f"{there} is not writable; nothing was changed", f"ls -ld {shlex.quote(str(there))}"
            )


def plan_environment_files(record: Record, modulefile: Path, restacked: bool = False) -> tuple[Change, ...]:
    """Return the changes that make the files, the record and the modulefile agree with `record`.

    `restacked` says that `record` was derived from the loaded modules just now.

    Raises
    ------
    StackenvError
        If the environment is not writable.
    """
    require_writable(record.path)
    files = keep_users_files(describe_files(record), record.path)
    # The module points to this environment, perhaps after another had replaced it.
    complete = replace(record, packages=read_own_packages(record), replaced_by="")
    own = {canonicalize_name(package.name) for package in complete.packages}
    told, kept = plan_kept_files(files, record.path)
    for sentence in told:
        print_message(sentence)
    stubs = (plan_stubs if restacked else plan_kept_stubs)(record, own)
    require_changeable(stubs)
    return (
        *Together.of(record.path, stubs),
        *kept,
        *plan_file_rewriting(files, record.path),
        *plan_links(record),
        WriteFile(f"{record.path}/{RECORD_FILE}", write_record_text(complete)),
        WriteFile(str(modulefile), render_module(describe_module(complete))),
    )


def keep_users_files(files: Iterable[InstalledFile], prefix: str) -> tuple[InstalledFile, ...]:
    """Return `files` without those whose paths hold a file of the user; print a message for each of these."""
    kept = []
    for file in files:
        if is_users(file, prefix):
            if file.stand_in:
                continue
            print_message(
                f"{file.path} is your own file and is not changed{LOSSES.get(Path(file.path).name, '')}"
            )
        else:
            kept.append(file)
    return tuple(kept)


def read_hand_edited(module: StoredModule) -> str:
    """Return the text of the modulefile of `module` if it was edited by hand, otherwise an empty text."""
    text = read_text(module.path) or ""
    return "" if is_as_written(text) else text


def plan_kept_modulefile(
    module: StoredModule, modulefile: Path
) -> tuple[tuple[str, ...], tuple[Change, ...]]:
    """Return how a modulefile of `module` that was edited by hand is kept, under a new name, by `modulefile`.

    That is a sentence and a change, or neither if it was not edited. Lmod ignores the copy: modulefiles end
    in .lua or are written in Tcl.
    """
    text = read_hand_edited(module)
    if not text:
        return (), ()
    kept = find_free(modulefile)
    sentence = f"keep {module.path}, which was changed by hand, as {kept}"
    return (sentence,), (WriteFile(str(kept), text),)


def read_texts(paths: Iterable[Path]) -> dict[str, str | None]:
    """Return the current text of each of the files `paths`; None for a missing one."""
    return {str(path): read_text(path) for path in paths}


def remove_without_journal(removal: Transaction, context: Context, why: str) -> None:
    """Carry out `removal`, which only removes, without a journal, because the disk is full.

    Raises
    ------
    StackenvError
        If another command changes the module, or has changed it since; if the disk reports an error.
    """
    context.journal.require_unchanged(removal.subject)
    switch = removal.switch()
    require_as_seen(switch.seen)
    print_message(f"{why}; removing without a journal, to free space: do not interrupt this command")
    with context.access.applied():
        for change in switch.changes:
            carry_out_change(change)
