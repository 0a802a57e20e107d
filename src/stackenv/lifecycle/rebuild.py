"""What `stackenv rebuild` does: a new environment in the place of an old one, behind the same module."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stackenv.environments.context import Context, open_context
from stackenv.environments.foreign_files import list_foreign, list_settings
from stackenv.environments.module import describe_module
from stackenv.environments.module_update import (
    describe_use,
    open_store,
    plan_kept_modulefile,
    read_own_record,
    see,
)
from stackenv.environments.places import choose_next_place
from stackenv.environments.store import StoredModule
from stackenv.environments.working import working_in
from stackenv.errors import ModuleError, VerificationError
from stackenv.jupyter.kernels import plan_kernel_renaming
from stackenv.lifecycle.making import Making, describe_based, describe_with_packages
from stackenv.lifecycle.regressions import list_new_faults
from stackenv.lifecycle.remaking import Remaking, advise, draft_remade, load_modules, sees_base
from stackenv.lifecycle.requirements import InstallReport, read_contents
from stackenv.lifecycle.saved_collections import tell_collections
from stackenv.lmod.bindings import Lmod
from stackenv.lmod.versions import name_of
from stackenv.modulefile.text import render_module
from stackenv.output import format_count, print_aside, print_message, show_status
from stackenv.record import RECORD_FILE, Record, write_record_text
from stackenv.transactions.changes import RemoveFile, WriteFile
from stackenv.transactions.transaction import Step, Switch, Transaction, carry_out, require_as_seen
from stackenv.user_paths import is_own


@dataclass(frozen=True)
class RebuildRequest:
    """What was typed behind `stackenv rebuild`."""

    name: str
    modules: tuple[str, ...] = ()
    no_build_isolation: bool = False
    force: bool = False
    shared: Path | None = None


@dataclass(frozen=True)
class Rebuilt:
    """What was rebuilt; of a dry run only the steps that there would be.

    Parameters
    ----------
    steps
        Their sentences.
    old, record
        Of the environment before and now; None for a dry run.
    report
        What became of its packages.
    """

    steps: tuple[str, ...]
    old: Record | None = None
    record: Record | None = None
    report: InstallReport | None = None

    @property
    def summary(self) -> str:
        """What was done, in a line."""
        assert self.record
        return f"Rebuilt {describe_with_packages(self.record)}, in {self.record.path}"


def rebuild_environment(request: RebuildRequest, dry_run: bool) -> Rebuilt:
    """Make the environment of a module again and switch the module to it, whole or not at all.

    Raises
    ------
    ModuleError
        When the modules cannot be loaded; the hint names others.
    VerificationError
        When the new environment has a fault that the old one had not.
    StackenvError
        When the modules bring no Python that a venv could be made of, and at whatever else fails.
    """
    context = open_context(request.shared)
    open_store(context, dry_run)
    module = context.store.find(request.name)
    with working_in(context) as within:
        show_status(f"Rebuilding {module.full_name}")
        rebuilding = begin(request, module, within)
        if dry_run:
            return Rebuilt(rebuilding.sentences)
        rebuilding.carry_out()
    old, record = rebuilding.remaking.old, rebuilding.remaking.making.record
    stays = (
        f"the old environment stays in {old.path} until you run `stackenv clean`"
        if old.owned
        else f"{old.path} was not created by stackenv and is yours to delete"
    )
    print_message(stays)
    print_message(f"in crontabs, scripts and editors, replace {old.path}/bin by {record.path}/bin")
    leave = describe_use(module, context.environ)
    if leave:
        print_message(
            f"this shell still uses the old {module.full_name}; to load the new one: {leave}; ml "
            f"{module.full_name}"
        )
    tell_collections(module, record, context)
    return Rebuilt((), old, record, rebuilding.remaking.report)


@dataclass
class Rebuilding:
    """One rebuilding: the new environment in the making, and the exchange of the modulefile at its end.

    Parameters
    ----------
    remaking
        The new environment.
    module
        The module, which leads to the old one.
    seen
        The files by which it was decided, and what they held.
    force
        Whether it is switched to the new one also when that has new faults.
    """

    remaking: Remaking
    module: StoredModule
    seen: Mapping[str, str | None]
    force: bool

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a dry run prints."""
        steps = (step.sentence for step in self.plan().steps)
        return (*steps, self.switch_sentence, *self.remaking.report.sentences())

    @property
    def switch_sentence(self) -> str:
        """What the switch does."""
        old, new = self.remaking.old.path, self.remaking.making.record.path
        return f"point {self.module.path} to {new}; {old} stays until `stackenv clean`"

    def plan(self) -> Transaction:
        """Return the steps that make the new environment; the module is not touched."""
        new = self.remaking.making
        look = Step(
            f"check that {self.module.full_name} has not changed meanwhile",
            self._look,
            new.undo_folders(),
            f"Rebuilding {describe_based(new.record)}",
        )
        sound = Step("check that everything works", self._require_sound, doing="Checking the new environment")
        steps = (look, *self.remaking.plan_environment(), *new.plan_access(), sound)
        return Transaction(self.module.full_name, self.switch, steps)

    def carry_out(self) -> None:
        """Make the new environment and switch to it, whole or not at all."""
        carry_out(self.plan(), self.remaking.making.context.journal)
        self.remaking.making.start_first()

    def _look(self) -> None:
        """Look again, now that nobody else can change it; make the folder for whom it is meant."""
        require_as_seen(self.seen)
        self.remaking.making.make_folders()

    def _require_sound(self) -> None:
        """Raise VerificationError when the new environment has a fault that the old one had not."""
        new = self.remaking.making
        faults = list_new_faults(self.remaking.old, new.record, self.module.path, new.context, new.stack)
        for fault in faults:
            print_aside(fault.what, fault.level)
        if faults and not self.force:
            raise VerificationError(
                f"the new {new.record.full_name} has {format_count(len(faults), 'fault')}, listed "
                "above, that the old one does not have; the module still uses the old environment, and "
                "the new one is deleted",
                f"try other modules: stackenv rebuild {new.record.full_name} -m MODULE; to switch "
                "all the same: --force",
            )

    def switch(self) -> Switch:
        """Return the changes by which the module leads to the new environment."""
        new, old = self.remaking.making, self.remaking.old
        sentences, kept = plan_kept_modulefile(self.module, self.module.path)
        renamed, kernels, files = plan_kernel_renaming(
            old, new.record, new.context.environ, new.context.shared
        )
        changes = (
            *kept,
            *note_replaced(old, new.record),
            WriteFile(str(self.module.path), render_module(describe_module(new.record))),
            *kernels,
            RemoveFile(str(new.mark)),
        )
        sentences = (*sentences, self.switch_sentence, *renamed)
        return Switch(sentences, changes, see([self.module.path, *files]))


def note_replaced(old: Record, new: Record) -> tuple[WriteFile, ...]:
    """Return how the environment of `old` comes to know that `new` has its place.

    A crontab or an editor has its path still: what it says where it lacks something is not of the new one.
    Not of a colleague's, whose record nobody would believe then.
    """
    path = Path(old.path, RECORD_FILE)
    if not (is_own(path) and os.access(path.parent, os.W_OK)):
        return ()
    return (WriteFile(str(path), write_record_text(replace(old, replaced_by=new.path))),)


def begin(request: RebuildRequest, module: StoredModule, context: Context) -> Rebuilding:
    """Return the rebuilding of `module`, on the modules of `request` or its record; nothing is done yet."""
    seen = see((module.path, module.record_path))
    old = read_own_record(module)
    wanted = request.modules or old.modules
    if not request.modules:
        tell_loaded_versions(old, context)
    try:
        stack = load_modules(old, wanted, context)
    except ModuleError as error:
        command = f"stackenv rebuild {old.full_name}"
        raise ModuleError(error.message, advise(command, wanted, context)) from error
    path = choose_next_place(old, context)
    record = replace(draft_remade(old, path, stack, context), replaces=old.path)
    print_message(f"Rebuilding {describe_based(record)}, in {record.path}")
    if old.packed:
        print_message(
            f"the old environment is packed, the new one is not; to pack it: stackenv pack {record.full_name}"
        )
    new = Making(record, stack, context, sees_base(old))
    report = InstallReport(left_behind=[*list_foreign(old), *list_settings(old)])
    remaking = Remaking(new, old, read_contents(old), report, not request.no_build_isolation)
    return Rebuilding(remaking, module, seen, request.force)


def tell_loaded_versions(old: Record, context: Context) -> None:
    """Say that other versions of its modules, which are loaded now, are not taken for what was meant."""
    names = set(map(name_of, old.modules))
    loaded = [m.full_name for m in Lmod.find(context.environ).read_loaded() if m.asked_for]
    others = [m for m in loaded if name_of(m) in names and m not in old.modules]
    if others:
        words = " ".join(f"-m {shlex.quote(m)}" for m in loaded if m != old.full_name)
        print_message(
            f"{', '.join(others)} loaded now, but {old.full_name} stays on {', '.join(old.modules)}; to "
            f"rebuild it on the loaded modules: stackenv rebuild {old.full_name} {words}"
        )
