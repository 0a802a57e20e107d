"""`stackenv rename`: give a module another name."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stackenv.environments.context import Context
from stackenv.environments.first_start import start_changed
from stackenv.environments.module import render_default
from stackenv.environments.module_update import (
    open_store,
    plan_environment_files,
    plan_kept_modulefile,
    read_own_record,
    read_texts,
    require_unpacked,
    require_unused,
)
from stackenv.environments.store import ModuleStore, StoredModule, parse_full_name
from stackenv.errors import UsageError
from stackenv.jupyter.kernels import plan_kernel_renaming
from stackenv.lifecycle.making import require_loadable_name
from stackenv.lifecycle.saved_collections import print_outdated_collections
from stackenv.output import print_message
from stackenv.record import Record
from stackenv.transactions.changes import Change, RemoveFile, RemoveFolder, WriteFile
from stackenv.transactions.transaction import Switch, Transaction, carry_out


@dataclass(frozen=True)
class Renaming:
    """A module, the record that it will have, and the changes that rename it."""

    module: StoredModule
    record: Record
    changes: Transaction
    context: Context

    def carry_out(self) -> None:
        """Rename the module, and print which collections of `module save` contain the old name."""
        carry_out(self.changes, self.context.journal)
        start_changed(self.record, self.context)
        print_outdated_collections(self.module, self.record, self.context)
        print_message(
            f"Renamed {self.module.full_name} to {self.record.full_name}; its environment stays in "
            f"{self.module.prefix}"
        )


def plan_renaming(old: str, new: str, context: Context, dry_run: bool) -> Renaming:
    """Return the plan to rename the module `old` to `new`.

    Raises
    ------
    UsageError
        If `new` is not a valid name, or is its present name.
    TakenError
        If a module of this name exists.
    StackenvError
        If this shell uses the module, or its environment is packed.
    """
    open_store(context, dry_run)
    module = context.store.find(old)
    name, version = parse_full_name(new)
    version = version or module.version
    if (name, version) == (module.name, module.version):
        raise UsageError(f"{module.full_name} already has this name")
    context.store.require_free(name, version)
    before = read_own_record(module)
    require_unpacked(before)
    record = replace(before, name=name, version=version)
    require_loadable_name(record, context)
    changes = plan_changes(module, before, record, context)
    require_unused(module, context.environ)
    return Renaming(module, record, changes, context)


def plan_changes(module: StoredModule, before: Record, record: Record, context: Context) -> Transaction:
    """Return the changes that give `module`, with the record `before`, the name in `record`."""
    store = context.store
    path = store.path_of(record.name, record.version)
    notes, kept = plan_kept_modulefile(module, path)
    defaulted, moved = move_default(module, record.name, record.version, store)
    renamed, kernels, files = plan_kernel_renaming(before, record, context.environ, context.shared)
    changes: list[Change] = [
        *kept,
        *plan_environment_files(record, path),
        RemoveFile(str(module.path)),
        *moved,
    ]
    changes += [RemoveFolder(str(module.path.parent)), *kernels]
    sentences = (
        *notes,
        f"write the module {record.full_name}, and its name in {record.path}; the folder stays where it is",
        f"remove the modulefile {module.path}",
        *defaulted,
        *renamed,
    )
    defaults = (store.default_path(module.name), store.default_path(record.name))
    seen = read_texts((module.path, module.record_path, path, *defaults, *files))
    switch = Switch(sentences, tuple(changes), seen)
    return Transaction.of(module.full_name, switch, (record.full_name,))


def move_default(
    module: StoredModule, name: str, version: str, store: ModuleStore
) -> tuple[tuple[str, ...], tuple[Change, ...]]:
    """Return how `module` stays the default as `name` and `version`, if it is: sentences and changes."""
    if store.read_default(module.name) != module.version:
        return (), ()
    default = store.default_path(name)
    gone = () if name == module.name else (RemoveFile(str(store.default_path(module.name))),)
    if name != module.name and default.exists():
        return (), gone
    kept = WriteFile(str(default), render_default(name, version))
    return (f"keep it the version that `module load {name}` loads",), (*gone, kept)
