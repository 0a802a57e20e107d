"""One rebuilding: what it needs to know, its steps, and the exchange of the modulefile at the end."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from stackenv.environments.context import Context
from stackenv.environments.foreign_files import list_foreign, list_settings
from stackenv.environments.module import describe_module
from stackenv.environments.module_update import keep_hand_edited, read_own_record, see
from stackenv.environments.stack import Stack
from stackenv.environments.store import StoredModule
from stackenv.environments.venv_install import proof_of
from stackenv.errors import ModuleError, StackenvError, VerificationError
from stackenv.health.rules.modules import list_instead
from stackenv.jupyter.kernels import rewrite_kernels
from stackenv.lifecycle.rebuild_conda import conda_rebuild_steps
from stackenv.lifecycle.rebuild_steps import draft_rebuilt, load_modules, venv_rebuild_steps
from stackenv.lifecycle.regressions import list_new_faults
from stackenv.lifecycle.requirements import Contents, Outcome, read_contents
from stackenv.lmod.bindings import Lmod
from stackenv.modulefile.text import render_module
from stackenv.output import format_count, tell
from stackenv.record import Record, read_command_words
from stackenv.transactions.carry_out import carry_out_exchange, require_as_seen
from stackenv.transactions.plan import Plan, RemoveFile, RemoveFolder, Replacement, Step, WriteFile


@dataclass
class Rebuilding:
    """One rebuilding under way.

    Parameters
    ----------
    module, old
        What is there: the module, and the record of its environment.
    record
        Of the new environment, as far as it is known.
    stack
        The modules that it stands on.
    proof
        The file by which the unfinished new environment is known as ours.
    contents
        What it is to have.
    outcome
        What became of that.
    seen
        The files by which it was decided, and what they held.
    isolated
        Whether builds from source see only what they ask for.
    """

    module: StoredModule
    old: Record
    record: Record
    stack: Stack
    proof: str
    context: Context
    contents: Contents
    outcome: Outcome = field(default_factory=Outcome)
    seen: Mapping[str, str | None] = field(default_factory=dict)
    isolated: bool = True
    force: bool = False

    @property
    def sentences(self) -> list[str]:
        """What a dry run prints."""
        steps = [step.sentence for step in self.plan().steps]
        return [*steps, self.switch_sentence, *self.outcome.sentences()]

    @property
    def switch_sentence(self) -> str:
        return (
            f"let {self.module.path} lead to {self.record.path}; {self.old.path} stays until stackenv clean"
        )

    def making_steps(self) -> tuple[Step, ...]:
        """Return the steps that make the environment with its packages and its record."""
        return REBUILD_STEPS[self.record.kind](self)

    def plan(self) -> Plan:
        """Return the steps that make the new environment; the module is not touched."""
        path, access = Path(self.record.path), self.context.access
        made = [folder for folder in (path, *path.parents) if not folder.exists()]
        look = Step(
            f"see whether {self.module.full_name} is as it was",
            self._look,
            tuple(RemoveFolder(str(folder)) for folder in made),
        )
        give = Step(f"give the group of {self.context.shared} access", lambda: access.give_tree(path))
        sound = Step("look whether all of it works", self._require_sound)
        shared = [give] if access.group is not None else []
        steps = (look, *self.making_steps(), *shared, sound)
        return Plan(self.module.full_name, steps, f"{self.proof}.never")

    def carry_out(self) -> None:
        """Make the new environment and switch to it, whole or not at all."""
        command = shlex.join(read_command_words())
        journal = self.context.journal
        carry_out_exchange(self.plan(), self.exchange, journal, command, tell, lambda: "")

    def _look(self) -> None:
        """Look again, now that nobody else can change it; make the folder for whom it is meant."""
        require_as_seen(Replacement(self.module.full_name, (), (), self.seen))
        path, access = Path(self.record.path), self.context.access
        if self.context.shared and path.is_relative_to(self.context.shared):
            access.make_folder(path.parent)
        access.make_folder(path)

    def _require_sound(self) -> None:
        """Raise VerificationError when the new environment has a fault that the old one had not."""
        faults = list_new_faults(self.old, self.record, self.module, self.context)
        for fault in faults:
            tell(f"{fault.level}: {fault.what}")
        if faults and not self.force:
            raise VerificationError(
                f"the new {self.record.full_name} has {format_count(len(faults), 'fault')}, listed above, "
                "that the old one had not; the module still leads to the old one, and the new one is deleted",
                f"stackenv rebuild {self.record.full_name} -m MODULE, with others; all the same: --force",
            )

    def exchange(self) -> Replacement:
        """Return the changes by which the module leads to the new environment."""
        told, kept = keep_hand_edited(self.module, self.module.path)
        renamed, kernels, files = rewrite_kernels(
            self.old, self.record, self.context.environ, self.context.shared
        )
        changes = (
            *kept,
            WriteFile(str(self.module.path), render_module(describe_module(self.record))),
            *kernels,
            RemoveFile(self.proof),
        )
        sentences = (*told, self.switch_sentence, *renamed)
        return Replacement(self.module.full_name, sentences, changes, see([self.module.path, *files]))


REBUILD_STEPS: Mapping[str, Callable[[Rebuilding], tuple[Step, ...]]] = {
    "venv": venv_rebuild_steps,
    "conda": conda_rebuild_steps,
}


def begin(
    module: StoredModule, modules: tuple[str, ...], context: Context, force: bool, isolated: bool
) -> Rebuilding:
    """Return the rebuilding of `module` on `modules`, or on those of its record; nothing is done yet.

    Raises
    ------
    ModuleError
        When the modules cannot be loaded; the hint names others.
    StackenvError
        When they bring no Python that a venv could be made of.
    """
    seen = see((module.path, module.record_path))
    old = read_own_record(module)
    wanted = modules or old.modules
    if not modules:
        tell_of_loaded(old, context)
    try:
        stack = load_modules(old, wanted, context)
    except ModuleError as error:
        raise ModuleError(error.message, advise(old.full_name, wanted, context)) from error
    record = replace(draft_rebuilt(old, stack, context), replaces=old.path)
    tell(f"{record.full_name} anew on {', '.join(stack.modules) or 'no module'}, in {record.path}")
    if old.packed:
        tell(f"it is packed; the new one is not, until: stackenv pack {record.full_name}")
    proof = proof_of(record.path, uuid.uuid4().hex)
    return Rebuilding(
        *(module, old, record, stack, proof, context, read_contents(old)),
        outcome=Outcome(left_behind=[*list_foreign(old), *list_settings(old)]),
        seen=seen,
        isolated=isolated,
        force=force,
    )


def tell_of_loaded(old: Record, context: Context) -> None:
    """Say that other versions of its modules, which are loaded now, are not taken for what was meant."""
    names = {module.split("/")[0] for module in old.modules}
    loaded = [m.full_name for m in Lmod.find(context.environ).read_loaded() if m.asked_for]
    others = [m for m in loaded if m.split("/")[0] in names and m not in old.modules]
    if others:
        words = " ".join(f"-m {shlex.quote(m)}" for m in loaded if m != old.full_name)
        tell(
            f"loaded now is {', '.join(others)}, and {old.full_name} stays on {', '.join(old.modules)}; to "
            f"move it: stackenv rebuild {old.full_name} {words}"
        )


def advise(full_name: str, modules: tuple[str, ...], context: Context) -> str:
    """Return what to type instead, when `modules` cannot be loaded."""
    try:
        instead = list_instead(Lmod.find(context.environ), modules)
    except StackenvError:
        instead = []
    words = " ".join(f"-m {shlex.quote(m)}" for m in instead) or "-m MODULE"
    return f"stackenv rebuild {full_name} {words}; all that there are: module spider MODULE"
