"""`stackenv rename`: another name for a module."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.options import EXIT_STATUS, dry_run_option, shared_option
from stackenv.environments.context import Context, open_context
from stackenv.errors import UsageError
from stackenv.output import tell

if TYPE_CHECKING:
    from stackenv.environments.store import ModuleStore, StoredModule
    from stackenv.transactions.plan import Change, Replacement


@click.command(epilog=EXIT_STATUS)
@click.argument("old", metavar="OLD[/VERSION]")
@click.argument("new", metavar="NEW[/VERSION]")
@shared_option
@dry_run_option
def rename(old: str, new: str, shared: Path | None, dry_run: bool) -> None:
    """Give a module another name.

    Without a version, NEW keeps that of OLD. The environment's folder stays where it is: a venv does not
    move. A module that is in use in this shell is refused.

    \b
    Example:
      stackenv rename biopy bio
      stackenv rename bio/1.0 bio/2024
    """
    from stackenv.environments.module_update import carry_out, open_store, require_unused
    from stackenv.lifecycle.saved_collections import tell_collections

    context = open_context(shared)
    open_store(context, dry_run)
    module = context.store.find(old)
    replacement = plan_rename(module, new, context)
    require_unused(module, context.environ)
    carry_out(replacement, context, dry_run)
    if not dry_run:
        (full_name,) = replacement.also
        tell(f"{full_name} is ready; its environment stays in {module.prefix}")
        tell_collections(module, context.store.find(full_name).read_record(), context)


def plan_rename(module: StoredModule, new: str, context: Context) -> Replacement:
    """Return the changes that give `module` the name `new`.

    Raises
    ------
    UsageError
        When it is no name, or the one it has.
    TakenError
        When there is a module of this name.
    """
    from stackenv.environments.module_update import (
        keep_hand_edited,
        read_own_record,
        require_unpacked,
        see,
        write_environment,
    )
    from stackenv.environments.stack import require_loadable_name
    from stackenv.environments.store import parse_full_name
    from stackenv.jupyter.kernels import rewrite_kernels
    from stackenv.transactions.plan import RemoveFile, RemoveFolder, Replacement

    store = context.store
    name, version = parse_full_name(new)
    version = version or module.version
    if (name, version) == (module.name, module.version):
        raise UsageError(f"{module.full_name} has this name already")
    path = store.require_free(name, version)
    before = read_own_record(module)
    require_unpacked(before)
    record = replace(before, name=name, version=version)
    require_loadable_name(record, context)
    told, kept = keep_hand_edited(module, path)
    changes: list[Change] = [*kept, *write_environment(record, path), RemoveFile(str(module.path))]
    sentences = [
        *told,
        f"write the module {record.full_name}, and its name in {record.path}; the folder stays where it is",
        f"remove the modulefile {module.path}",
    ]
    said, moved = move_default(module, name, version, store)
    sentences += said
    changes += moved
    renamed, kernels, files = rewrite_kernels(before, record, context.environ, context.shared)
    changes += [RemoveFolder(str(module.path.parent)), *kernels]
    sentences += renamed
    defaults = (store.default_path(module.name), store.default_path(name))
    seen = see((module.path, module.record_path, path, *defaults, *files))
    return Replacement(module.full_name, tuple(sentences), tuple(changes), seen, (record.full_name,))


def move_default(
    module: StoredModule, name: str, version: str, store: ModuleStore
) -> tuple[tuple[str, ...], tuple[Change, ...]]:
    """Return how `module`, if it is the default, stays it as `name` and `version`: sentences, changes."""
    from stackenv.environments.store import render_default
    from stackenv.transactions.plan import RemoveFile, WriteFile

    if store.read_default(module.name) != module.version:
        return (), ()
    default = store.default_path(name)
    gone = () if name == module.name else (RemoveFile(str(store.default_path(module.name))),)
    if name != module.name and default.exists():
        return (), gone
    kept = WriteFile(str(default), render_default(name, version))
    return (f"keep it what `module load {name}` gives",), (*gone, kept)
