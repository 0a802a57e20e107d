"""`stackenv rebuild`: create a new environment that replaces an old one, with the same module."""

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
    read_texts,
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
from stackenv.lifecycle.saved_collections import print_outdated_collections
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
    """The arguments of `stackenv rebuild`."""

    name: str
    modules: tuple[str, ...] = ()
    no_build_isolation: bool = False
    force: bool = False
    shared: Path | None = None


@dataclass(frozen=True)
class Rebuilt:
    """The result of a rebuild; for a dry run only the steps.

    Parameters
    ----------
    steps
        The sentences of the steps.
    old, record
        The record of the environment before and now; None for a dry run.
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
    """Rebuild the environment of a module and switch the module to it, completely or not at all.

    Raises
    ------
    ModuleError
        If the modules cannot be loaded; the hint names others.
    VerificationError
        If the new environment has a fault that the old one does not have.
    StackenvError
        If the modules provide no Python for a venv, or anything else fails.
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
    # In quotes, so that a terminal shows whole paths: not all of these expand ~.
    print_message(f"in crontabs, scripts and editors, replace '{old.path}/bin' by '{record.path}/bin'")
    leave = describe_use(module, context.environ)
    if leave:
        print_message(
            f"this shell still uses the old {module.full_name}; to load the new one: {leave}; ml "
            f"{module.full_name}"
        )
    print_outdated_collections(module, record, context)
    return Rebuilt((), old, record, rebuilding.remaking.report)


@dataclass
class Rebuilding:
    """One rebuild: the new environment, and the switch of the modulefile at the end.

    Parameters
    ----------
    remaking
        The new environment.
    module
        The module, which still points to the old one.
    seen
        The files on which the plan is based, and their contents.
    force
        Whether the module is switched even if the new environment has new faults.
    """

    remaking: Remaking
    module: StoredModule
    seen: Mapping[str, str | None]
    force: bool

    @property
    def sentences(self) -> tuple[str, ...]:
        """The sentences that a dry run prints."""
        steps = (step.sentence for step in self.plan().steps)
        return (*steps, self.switch_sentence, *self.remaking.report.sentences())

    @property
    def switch_sentence(self) -> str:
        """The sentence of the switch."""
        old, new = self.remaking.old.path, self.remaking.making.record.path
        return f"point {self.module.path} to {new}; {old} stays until `stackenv clean`"

    def plan(self) -> Transaction:
        """Return the steps that create the new environment; they do not change the module."""
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
        """Create the new environment and switch to it, completely or not at all."""
        carry_out(self.plan(), self.remaking.making.context.journal)
        self.remaking.making.start_first()

    def _look(self) -> None:
        """Check again under the lock, and create the folder with the right access."""
        require_as_seen(self.seen)
        self.remaking.making.make_folders()

    def _require_sound(self) -> None:
        """Raise VerificationError if the new environment has a fault that the old one does not have."""
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
        """Return the changes that point the module to the new environment."""
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
        seen = read_texts([self.module.path, *files])
        return Switch(sentences, changes, seen, routine=self.switch_sentence)


def note_replaced(old: Record, new: Record) -> tuple[WriteFile, ...]:
    """Return the change that records in the environment of `old` that `new` has replaced it.

    A crontab or an editor may still use the old path; its messages can then name the new environment. The
    record of another user is not changed, because a record written by somebody else is not trusted.
    """
    path = Path(old.path, RECORD_FILE)
    if not (is_own(path) and os.access(path.parent, os.W_OK)):
        return ()
    return (WriteFile(str(path), write_record_text(replace(old, replaced_by=new.path))),)


def begin(request: RebuildRequest, module: StoredModule, context: Context) -> Rebuilding:
    """Return the plan to rebuild `module` on the modules of `request` or its record; change nothing."""
    seen = read_texts((module.path, module.record_path))
    old = read_own_record(module)
    wanted = request.modules or old.modules
    if not request.modules:
        print_other_loaded_versions(old, context)
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


def print_other_loaded_versions(old: Record, context: Context) -> None:
    """Print a message if other versions of its modules are loaded, because these are not used."""
    names = set(map(name_of, old.modules))
    loaded = [m.full_name for m in Lmod.find(context.environ).read_loaded() if m.asked_for]
    others = [m for m in loaded if name_of(m) in names and m not in old.modules]
    if others:
        words = " ".join(f"-m {shlex.quote(m)}" for m in loaded if m != old.full_name)
        print_message(
            f"{', '.join(others)} loaded now, but {old.full_name} stays on {', '.join(old.modules)}; to "
            f"rebuild it on the loaded modules: stackenv rebuild {old.full_name} {words}"
        )
