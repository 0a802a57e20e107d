"""`stackenv edit`: change the base modules of an environment, what it may shadow, the default version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from stackenv.environments.context import Context
from stackenv.environments.first_start import start_changed
from stackenv.environments.module import render_default
from stackenv.environments.module_update import (
    describe_use,
    open_store,
    plan_environment_files,
    plan_kept_modulefile,
    read_own_record,
    read_texts,
    require_unpacked,
    require_writable,
)
from stackenv.environments.store import StoredModule
from stackenv.environments.venv import find_lost_links, links_made
from stackenv.errors import LostRecordError, StackenvError, explain_with_hint, quote_word
from stackenv.jupyter.kernels import plan_kernel_renaming
from stackenv.lifecycle.adopted_record import AdoptRequest
from stackenv.lifecycle.record_changes import EditRequest, change_record, describe_differences, refresh_record
from stackenv.lifecycle.restore_record import require_restorable, restore_contents, restore_record
from stackenv.lifecycle.saved_collections import print_outdated_collections
from stackenv.output import format_count, print_error, print_message
from stackenv.record import Record
from stackenv.transactions.changes import Change, WriteFile
from stackenv.transactions.transaction import Switch, Transaction, carry_out


class Part(NamedTuple):
    """One part of an edit: its sentences, its changes, and the files on which these were decided."""

    sentences: tuple[str, ...]
    changes: tuple[Change, ...]
    files: tuple[Path, ...]


class Edited(NamedTuple):
    """A module that was changed, or would be, and the sentences that say how, or why it was not."""

    module: StoredModule
    sentences: tuple[str, ...]
    problem: str = ""
    hint: str = ""


def edit_named(request: EditRequest, name: str, context: Context, dry_run: bool) -> Edited:
    """Change the environment of the module `name`, and return it; with `dry_run`, change nothing."""
    request.check()
    open_store(context, dry_run)
    return edit_module(request, context.store.find(name), context, dry_run)


def edit_all(request: EditRequest, context: Context, dry_run: bool) -> Iterator[Edited]:
    """Change all environments of `context`, and yield each; if one fails, it is not changed.

    Raises
    ------
    StackenvError
        At the end, if one has failed.
    """
    request.check_all()
    open_store(context, dry_run)
    failed: dict[str, str] = {}
    modules = list(context.store.list_modules())
    for module in modules:
        try:
            require_record(module, context)
            edited = edit_module(request, module, context, dry_run)
        except (StackenvError, OSError) as error:
            edited = Edited(module, (), *explain_with_hint(error))
            failed[module.full_name] = edited.hint
            print_error(f"{module.full_name} was not changed: {edited.problem}")
        yield edited
    if not dry_run:
        done = len(modules) - len(failed)
        print_message(f"{format_count(done, 'environment is', 'environments are')} up to date")
    if failed:
        raise StackenvError(
            f"{format_count(len(failed), 'environment')} could not be changed: {', '.join(failed)}",
            "\n      ".join(f"{name}: {hint}" for name, hint in failed.items() if hint),
        )


def require_record(module: StoredModule, context: Context) -> None:
    """Raise LostRecordError if the record is lost in a project, where it is restored only by its name."""
    if context.shared is None:
        return
    try:
        module.read_record()
    except LostRecordError as error:
        raise LostRecordError(
            f"{error.message}; in a project, --all does not restore it, because others may have written "
            "the modulefile",
            f"read {module.path}, then run: stackenv edit {module.full_name} --refresh --shared "
            f"{quote_word(context.shared)}",
        ) from error


def edit_module(request: EditRequest, module: StoredModule, context: Context, dry_run: bool) -> Edited:
    """Change one environment, and return it; with `dry_run`, change nothing."""
    with ExitStack() as links:
        edit = plan_edit(request, module, context, dry_run, links)
        if dry_run:
            return Edited(module, edit.sentences)
        carry_out(edit, context.journal)
    start_changed(module.read_record(), context)
    leave = describe_use(module, context.environ)
    if leave:
        print_message(
            f"this shell still uses {module.full_name} as it was; to load it again: {leave}; ml "
            f"{module.full_name}"
        )
    if request.modules:
        print_outdated_collections(module, module.read_record(), context)
    return Edited(module, edit.sentences)


def plan_edit(
    request: EditRequest,
    module: StoredModule,
    context: Context,
    dry_run: bool,
    links: ExitStack,
    adopted: AdoptRequest | None = None,
) -> Transaction:
    """Return the changes that `request` asks for; with `dry_run`, no activation is run to find them.

    Missing links to Python are restored for that, and removed again if the block of `links` fails.
    `adopted` holds the arguments of `stackenv adopt`, for a module whose record is lost.
    """
    sentences: list[str] = []
    restored = None
    if request.refresh:
        sentences, restored = restore_lost(module, context, dry_run, links, adopted)
        if sentences and dry_run:
            # What follows needs the Python, or the record.
            return Transaction.of(module.full_name, Switch(tuple(sentences), (), read_texts((module.path,))))
    parts: list[Part] = []
    if request.changes_record:
        parts.append(plan_files(request, module, context, dry_run, restored))
    if request.make_default:
        parts.append(plan_default(module, context))
    switch = Switch(
        (*sentences, *(sentence for part in parts for sentence in part.sentences)),
        tuple(change for part in parts for change in part.changes),
        read_texts((module.path, module.record_path, *(path for part in parts for path in part.files))),
    )
    return Transaction.of(module.full_name, switch)


def plan_files(
    request: EditRequest, module: StoredModule, context: Context, dry_run: bool, restored: Record | None
) -> Part:
    """Return the part that changes the record, and everything that depends on it, as `request` asks."""
    before, after = plan_record(request, module, context, dry_run, restored)
    notes, kept = plan_kept_modulefile(module, module.path)
    renamed, kernels, files = plan_kernel_renaming(before, after, context.environ, context.shared)
    contents = restore_contents(after, context) if request.refresh else ()
    return Part(
        (
            *notes,
            *describe_differences(before, after),
            f"write the record, the files in {after.path} that depend on it, and the modulefile "
            f"{module.path}",
            *renamed,
        ),
        (*kept, *contents, *plan_environment_files(after, module.path, request.restacks), *kernels),
        tuple(files),
    )


def plan_default(module: StoredModule, context: Context) -> Part:
    """Return the part that makes `module` the default version."""
    default = context.store.default_path(module.name)
    context.store.require_own_default(module.name)
    return Part(
        (f"make {module.full_name} the version that `module load {module.name}` loads: {default}",),
        (WriteFile(str(default), render_default(module.name, module.version)),),
        (default,),
    )


def plan_record(
    request: EditRequest, module: StoredModule, context: Context, dry_run: bool, restored: Record | None
) -> tuple[Record, Record]:
    """Return the record of `module` as it is, or as `restored`, and as `request` changes it."""
    before = restored or read_own_record(module)
    if request.changes_environment:
        require_unpacked(before)
    after = change_record(request, before, context)
    return before, refresh_record(after, context, dry_run) if request.refresh and not restored else after


def restore_lost(
    module: StoredModule, context: Context, dry_run: bool, made: ExitStack, adopted: AdoptRequest | None
) -> tuple[list[str], Record | None]:
    """Restore missing links to Python in a venv; return sentences, and the restored record if it was lost.

    If the block of `made` fails, the links are removed again. With `dry_run` nothing is restored.
    """
    sentences, record = [], None
    try:
        record = read_own_record(module)
    except LostRecordError:
        require_restorable(module, context, adopted is not None)
        sentences.append(f"restore {module.record_path} from {module.path} and the installed packages")
    python = record.python.executable if record and record.python else ""
    is_venv = record is None or (record.kind == "venv" and not record.packed)
    links = find_lost_links(Path(module.prefix), python) if is_venv else {}
    if links:
        sentences.insert(0, f"restore {', '.join(links)} in {module.prefix}/bin")
        require_writable(module.prefix)
    if dry_run or not sentences:
        return sentences, None
    made.enter_context(links_made(Path(module.prefix, "bin"), links))
    if record:
        return sentences, None
    restored = restore_record(module, context, adopted)
    if not (restored.owned or adopted):
        print_message(
            f"from now on, `stackenv remove` keeps the folder {module.prefix}, because only the lost "
            "record said that stackenv created it; to delete it as well: stackenv remove "
            f"{module.full_name} --environment"
        )
    return sentences, restored
