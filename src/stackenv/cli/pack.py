"""`stackenv pack`: an environment of many files into one, behind the same module."""

from __future__ import annotations

import os
import shlex
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from stackenv.cli.options import EXIT_STATUS, dry_run_option, shared_option
from stackenv.environments.context import Context, open_context
from stackenv.errors import BusyError, StackenvError
from stackenv.output import format_count, print_line, showing_progress, tell

if TYPE_CHECKING:
    from stackenv.environments.store import StoredModule
    from stackenv.record import Record
    from stackenv.transactions.plan import Change, Plan, Replacement


@click.command(epilog=EXIT_STATUS)
@click.argument("name", metavar="NAME[/VERSION]")
@shared_option
@dry_run_option
def pack(name: str, shared: Path | None, dry_run: bool) -> None:
    """Make one file of an environment, behind the same module.

    The environment becomes a SquashFS image, which is mounted when its module is loaded or a command of
    its bin is run: once for a job or a login session, on each node. It cannot be changed until it is
    unpacked. Its files are deleted when the image has been read and compared with them, one by one; jobs
    that use them at that moment fail, so pack when none is running. Where you cannot mount an image, which is
    tried with a small one, nothing is packed.

    \b
    Example:
      stackenv pack biopy
    """
    from stackenv.environments.module_update import open_store, read_own_record, require_unused

    context = open_context(shared)
    open_store(context, dry_run)
    module = context.store.find(name, default=True)
    record = read_own_record(module)
    if record.packed:
        raise StackenvError(f"{module.full_name} is packed already", f"stackenv unpack {module.full_name}")
    require_unused(module, context.environ)
    require_idle(record)
    packing = Packing.begin(module, record, context)
    if dry_run:
        for sentence in packing.sentences():
            print_line(sentence)
        return
    packing.carry_out()


def require_idle(record: Record) -> None:
    """Raise BusyError while processes of this user on this node use the environment of `record`."""
    from stackenv.disk.processes import list_users

    users = list_users(Path(record.path))
    if users:
        shown = "; ".join(f"{process.pid} {process.command[:60]}" for process in users[:3])
        number = format_count(len(users), "process", "processes")
        raise BusyError(
            f"{record.full_name} is in use by {number} on this node, and their files would be gone: {shown}; "
            "nothing was changed",
            "end them, or wait; jobs on other nodes cannot be seen from here: squeue --me",
        )


@dataclass
class Packing:
    """One packing under way: what is known when it begins, and what its steps find out."""

    module: StoredModule
    record: Record
    context: Context
    identity: str
    packed: Record | None = None
    stamps: dict[str, tuple[int, int, int]] | None = None
    aside: Path | None = None

    @classmethod
    def begin(cls, module: StoredModule, record: Record, context: Context) -> Packing:
        """Return the packing of `record`, of which nothing is done yet.

        Raises
        ------
        StackenvError
            When this node lacks the programs, the folder cannot be exchanged, or no image can be mounted.
        """
        from stackenv.packing.squashfs import find_program
        from stackenv.transactions.interruption import stopping_at_signals

        find_program("mksquashfs", "squashfs-tools")
        real = Path(record.path).resolve()
        if not os.access(real.parent, os.W_OK | os.X_OK):
            raise StackenvError(
                f"{real.parent}, the folder that {real.name} is in, cannot be written; nothing was changed",
                f"ls -ld {shlex.quote(str(real.parent))}",
            )
        packing = cls(module, record, context, uuid.uuid4().hex)
        # Ctrl-C must leave nothing mounted.
        with stopping_at_signals():
            packing.require_mountable("session" if record.kind == "venv" else "namespace")
        return packing

    def require_mountable(self, way: str) -> None:
        """Raise ModuleError when this user cannot mount an image on this node, in the way of the load."""
        from stackenv.packing.trial_mount import require_mountable

        mounts = self.context.configuration.pack.mounts
        require_mountable(self.record, way, mounts, self.context.environ)

    @property
    def real(self) -> Path:
        return Path(self.record.path).resolve()

    @property
    def staged(self) -> Path:
        return self.real.with_name(f".{self.real.name}.staged-{self.identity[:8]}")

    @property
    def proof(self) -> Path:
        return self.staged / f"stackenv/unfinished-{self.identity}"

    def sentences(self) -> list[str]:
        """Return what is going to be done."""
        return [*(step.sentence for step in self.plan().steps), *self.exchange_sentences()]

    def exchange_sentences(self) -> tuple[str, ...]:
        return (
            f"put the image in the place of {self.record.path}, write {self.module.path}, delete the files",
        )

    def plan(self) -> Plan:
        """Return the steps that make the image, and what belongs beside it."""
        from stackenv.environments.packed import describe_marks
        from stackenv.transactions.plan import Plan, RemoveFile, RemoveTree, Step

        marks = describe_marks(self.record, self.identity)
        steps = (
            Step(f"compile what is not compiled yet in {self.record.path}", self.compile),
            Step(
                "mark the environment with the image's number",
                self.mark,
                tuple(RemoveFile(mark.path) for mark in marks),
            ),
            Step(
                f"make one file of all that is in {self.record.path}",
                self.make_image,
                (RemoveTree(str(self.staged), str(self.proof)),),
            ),
            Step("compare the image with the files: names, modes, sizes, contents, links", self.verify),
            Step("write beside the image what is read without it", self.write_shell),
        )
        return Plan(self.module.full_name, steps, f"{self.proof}.never")

    def carry_out(self) -> None:
        """Pack the environment, whole or not at all."""
        from stackenv.environments.run_plan import making
        from stackenv.record import read_command_words
        from stackenv.transactions.carry_out import carry_out_exchange

        with making(self.context):
            command = shlex.join(read_command_words())
            journal = self.context.journal
            carry_out_exchange(self.plan(), self.exchange, journal, command, tell, self.find_problem)
        assert self.packed and self.packed.packed
        image = self.packed.packed
        tell(
            f"{self.module.full_name} is packed: {image.entries} files, links and folders are one file of "
            f"{image.size_bytes / 1e6:.1f} MB; load it as before; to change it: stackenv unpack "
            f"{self.module.full_name}"
        )

    def compile(self) -> None:
        from stackenv.environments.launch import describe_launch
        from stackenv.lmod.bindings import find_lmod
        from stackenv.packing.packing import compile_packages, describe_compilation

        words = describe_compilation(self.record)
        if words:
            modulepath = f"{self.context.store.root}:{self.record.modulepath}"
            lmod = find_lmod(self.context.environ)
            compile_packages(
                describe_launch(lmod, self.module.full_name, str(self.module.path), modulepath, words)
            )

    def mark(self) -> None:
        from stackenv.environments.packed import describe_marks
        from stackenv.packing.packing import write_files

        write_files(describe_marks(self.record, self.identity), self.record, Path(self.record.path))

    def make_image(self) -> None:
        from stackenv.environments.packed import IMAGE
        from stackenv.packing.squashfs import make_image

        self.context.access.make_folder(self.staged)
        self.proof.parent.mkdir()
        self.proof.touch()
        make_image(self.real, self.staged / IMAGE)

    def verify(self) -> None:
        from stackenv.environments.own_packages import read_own_packages
        from stackenv.environments.packed import IMAGE
        from stackenv.packing.packing import choose_way, describe_image, read_image, require_same
        from stackenv.packing.tree import hash_tree, list_names, read_stamps, read_tree

        self.stamps = read_stamps(self.real)
        image = self.staged / IMAGE
        names = sum(1 for _ in list_names(str(self.real)))
        with showing_progress("comparing", 2 * names) as advance:
            found = read_image(image, advance)
            wanted = read_tree(self.real, advance)
        require_same(wanted, found, "the image does not hold what the environment has")
        way, reason = choose_way(self.record, wanted)
        if reason:
            # Known only now, and not what was tried at the beginning.
            tell(reason)
            self.require_mountable(way)
        mounts = self.context.configuration.pack.mounts
        packed = describe_image(image, self.identity, way, mounts, len(found), hash_tree(found))
        self.packed = replace(self.record, packages=read_own_packages(self.record), packed=packed)

    def write_shell(self) -> None:
        from stackenv.environments.exported_files import render_environment, render_requirements
        from stackenv.environments.packed import ENVIRONMENT, REQUIREMENTS
        from stackenv.packing.packing import write_shell

        assert self.packed
        texts = {
            REQUIREMENTS: render_requirements(self.record),
            ENVIRONMENT: render_environment(self.record, self.context),
        }
        write_shell(self.packed, texts, self.staged)
        if self.context.access.group is not None:
            self.context.access.give_tree(self.staged)

    def find_changes(self, folder: Path) -> str:
        """Return what was changed in the environment, now at `folder`, since it was compared; else empty."""
        from stackenv.packing.tree import list_changes

        changed = list_changes(self.stamps or {}, folder)
        return ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")

    def find_problem(self) -> str:
        """Return why the files must not be deleted; empty when nobody has changed one of them."""
        assert self.aside
        changed = self.find_changes(self.aside)
        return changed and (
            f"WARNING: {changed}: changed while {self.module.full_name} was packed, and is not in the image. "
            f"The files are not deleted: {self.aside}. Unpack, take from there what is missing, delete it"
        )

    def exchange(self) -> Replacement:
        from stackenv.environments.module_update import see
        from stackenv.transactions.plan import Replacement

        assert self.packed
        changed = self.find_changes(self.real)
        if changed:
            raise BusyError(
                f"{changed}: changed while {self.module.full_name} was packed; nothing was changed",
                "type the same again when nobody installs into it",
            )
        self.aside = self.real.with_name(f".{self.real.name}.removing-{uuid.uuid4().hex[:8]}")
        places = Places(self.real, self.staged, self.aside, self.proof)
        sentences, changes = exchange_folders(self.module, self.packed, places)

        return Replacement(
            self.module.full_name, (*sentences, *self.exchange_sentences()), changes, see([self.module.path])
        )


class Places(NamedTuple):
    """Where an exchange takes place: the environment, the new one, where the old one goes, what proves."""

    real: Path
    staged: Path
    aside: Path
    proof: Path


def exchange_folders(
    module: StoredModule, record: Record, places: Places
) -> tuple[tuple[str, ...], tuple[Change, ...]]:
    """Return how the new one takes the place of the environment, which goes: sentences, and changes.

    The last change is the deletion.
    """
    from stackenv.environments.module import describe_module
    from stackenv.environments.module_update import keep_hand_edited
    from stackenv.modulefile.text import render_module
    from stackenv.record import RECORD_FILE
    from stackenv.transactions.plan import MovePath, RemoveFile, RemoveTree, WriteFile

    real, staged, aside, proof = places
    sentences, kept = keep_hand_edited(module, module.path)
    return sentences, (
        *kept,
        RemoveFile(str(proof)),
        MovePath(str(real), str(aside)),
        MovePath(str(staged), str(real)),
        WriteFile(str(module.path), render_module(describe_module(record))),
        RemoveTree(str(aside), str(aside / RECORD_FILE)),
    )
