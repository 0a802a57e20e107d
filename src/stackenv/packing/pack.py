"""Packs an environment into one image, which the same module loads."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from stackenv.environments.context import Context
from stackenv.environments.exported_files import render_environment, render_requirements
from stackenv.environments.launch import describe_launch
from stackenv.environments.module_update import (
    open_store,
    read_own_record,
    require_unused,
)
from stackenv.environments.own_packages import read_own_packages
from stackenv.environments.packed import ENVIRONMENT, IMAGE, REQUIREMENTS, describe_marks
from stackenv.environments.processes import list_processes_using
from stackenv.environments.store import StoredModule
from stackenv.environments.working import working_in
from stackenv.errors import BusyError, StackenvError
from stackenv.lmod.bindings import find_lmod
from stackenv.output import format_count, print_message, shorten_list, show_status, showing_progress
from stackenv.packing.beside_image import write_beside_image, write_relocated
from stackenv.packing.exchange import Exchange
from stackenv.packing.image import (
    compile_packages,
    describe_compilation,
    describe_image,
    read_image,
    require_same,
)
from stackenv.packing.squashfs import find_program, make_image
from stackenv.packing.tree import hash_tree, list_changes, list_names, read_stamps, read_tree
from stackenv.packing.trial_mount import require_mountable
from stackenv.packing.way import choose_way
from stackenv.record import PackedImage, Record
from stackenv.transactions.changes import RemoveFile
from stackenv.transactions.interruption import stopping_at_signals
from stackenv.transactions.transaction import Step, Switch, Transaction, carry_out


def plan_packing(name: str, context: Context, dry_run: bool) -> Packing:
    """Return the packing of the environment of the module `name`, not started yet.

    Raises
    ------
    StackenvError
        If it is already packed or in use, this node lacks the programs, the folder cannot be replaced, or no
        image can be mounted.
    """
    open_store(context, dry_run)
    module = context.store.find(name, default=True)
    record = read_own_record(module)
    if record.packed:
        raise StackenvError(f"{module.full_name} is already packed", f"stackenv unpack {module.full_name}")
    require_unused(module, context.environ)
    require_idle(record)
    return Packing.begin(module, record, context)


def require_idle(record: Record) -> None:
    """Raise BusyError if processes of this user on this node use the environment of `record`."""
    users = list_processes_using(Path(record.path))
    if users:
        shown = "; ".join(f"{process.pid} {process.command[:60]}" for process in users[:3])
        number = format_count(len(users), "process", "processes")
        raise BusyError(
            f"{record.full_name} is in use by {number} on this node, whose files would disappear: {shown}; "
            "nothing was changed",
            "end them, or wait; to list your jobs on other nodes: squeue --me",
        )


@dataclass
class Packing(Exchange):
    """A packing in progress: what is known at the beginning, and what its steps find out."""

    packed: Record | None = None
    stamps: dict[str, tuple[int, int, int]] | None = None

    @classmethod
    def begin(cls, module: StoredModule, record: Record, context: Context) -> Packing:
        """Return the packing of `record`, not started yet.

        Raises
        ------
        StackenvError
            If this node lacks the programs, the folder cannot be replaced, or no image can be mounted.
        """
        find_program("mksquashfs", "squashfs-tools")
        real = Path(record.path).resolve()
        if not os.access(real.parent, os.W_OK | os.X_OK):
            raise StackenvError(
                f"{real.parent} is not writable, so {real.name} in it cannot be packed; nothing was changed",
                f"ls -ld {shlex.quote(str(real.parent))}",
            )
        packing = cls(module, record, context)
        # Ctrl-C must leave nothing mounted.
        with stopping_at_signals():
            packing.require_mountable("session" if record.kind == "venv" else "namespace")
        return packing

    def require_mountable(self, way: str) -> None:
        """Raise ModuleError if this user cannot mount an image on this node as a load would."""
        mounts = self.context.configuration.pack.mounts
        require_mountable(self.record, way, mounts, self.context.environ)

    def sentences(self) -> list[str]:
        """Return what will be done, a sentence for each step."""
        return [*(step.sentence for step in self.plan().steps), self.switch_sentence]

    @property
    def image(self) -> Path:
        """Where the image is afterwards."""
        return Path(self.record.path, IMAGE)

    @property
    def switch_sentence(self) -> str:
        """What the switch does."""
        return f"replace {self.record.path} with the image, write {self.module.path}, delete the files"

    def plan(self) -> Transaction:
        """Return the steps that create the image and the files beside it."""
        marks = describe_marks(self.record, self.identity)
        steps = (
            Step(f"compile the Python files in {self.record.path} that are not compiled yet", self.compile),
            Step(
                "mark the environment with the ID of the image",
                self.mark,
                tuple(RemoveFile(mark.path) for mark in marks),
            ),
            self.plan_making(
                f"write everything in {self.record.path} into one image",
                lambda: make_image(self.real, self.staged / IMAGE),
            ),
            Step("compare the image with the files: names, modes, sizes, contents, links", self.verify),
            Step("write the files that are needed beside the image", self.write_beside_image),
        )
        return Transaction(self.module.full_name, self.switch, steps)

    def carry_out(self) -> PackedImage:
        """Pack the environment, whole or not at all; return the image."""
        with working_in(self.context):
            show_status(f"Packing {self.record.full_name}")
            carry_out(self.plan(), self.context.journal)
        assert self.packed and self.packed.packed
        return self.packed.packed

    def compile(self) -> None:
        words = describe_compilation(self.record)
        if words:
            modulepath = f"{self.context.store.root}:{self.record.modulepath}"
            lmod = find_lmod(self.context.environ)
            compile_packages(
                describe_launch(lmod, self.module.full_name, str(self.module.path), modulepath, words)
            )

    def mark(self) -> None:
        write_relocated(describe_marks(self.record, self.identity), self.record, Path(self.record.path))

    def verify(self) -> None:
        self.stamps = read_stamps(self.real)
        image = self.staged / IMAGE
        names = sum(1 for _ in list_names(str(self.real)))
        with showing_progress("comparing", 2 * names) as advance:
            found = read_image(image, advance)
            wanted = read_tree(self.real, advance)
        require_same(wanted, found, "the image differs from the environment")
        way, reason = choose_way(self.record, wanted)
        if reason:
            # The way is known only now, and differs from the one tested at the beginning.
            print_message(reason)
            self.require_mountable(way)
        mounts = self.context.configuration.pack.mounts
        packed = describe_image(image, self.identity, way, mounts, len(found), hash_tree(found))
        self.packed = replace(self.record, packages=read_own_packages(self.record), packed=packed)

    def write_beside_image(self) -> None:
        assert self.packed
        texts = {
            REQUIREMENTS: render_requirements(self.record),
            ENVIRONMENT: render_environment(self.record, self.context),
        }
        write_beside_image(self.packed, texts, self.staged)
        if self.context.access.group is not None:
            self.context.access.share_tree(self.staged)

    def find_changes(self, folder: Path) -> str:
        """Return the files of the environment, now at `folder`, that changed since `verify`; else empty."""
        changed = list_changes(self.stamps or {}, folder)
        return shorten_list(changed, 3)

    def find_problem(self) -> str:
        """Return why the files must not be deleted; empty if none of them has changed."""
        changed = self.find_changes(self.aside)
        return changed and (
            f"WARNING: {changed} changed while {self.module.full_name} was packed; the changes are not in "
            f"the image. The files were kept in {self.aside}: unpack, copy what is missing, then delete them"
        )

    def switch(self) -> Switch:
        """Return the changes that replace the files with the image."""
        assert self.packed
        changed = self.find_changes(self.real)
        if changed:
            raise BusyError(
                f"{changed} changed while {self.module.full_name} was packed, so it was not packed",
                "run the command again when nothing is being installed into it",
            )
        return self.plan_switch(self.packed, self.switch_sentence, self.find_problem)
