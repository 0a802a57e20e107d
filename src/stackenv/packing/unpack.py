"""Extract the files of a packed environment again."""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from stackenv.environments.context import Context
from stackenv.environments.module_update import open_store, read_own_record, require_unused
from stackenv.environments.packed import IMAGE
from stackenv.environments.working import working_in
from stackenv.errors import StackenvError, TakenError
from stackenv.output import having_status, print_message, show_status, showing_progress
from stackenv.packing.beside_image import list_strangers, write_unpacked
from stackenv.packing.exchange import Exchange
from stackenv.packing.image import require_image
from stackenv.packing.squashfs import extract_image
from stackenv.packing.tree import hash_tree, read_tree
from stackenv.transactions.interruption import stopping_at_signals
from stackenv.transactions.scratch import make_folder, sweep_scratch
from stackenv.transactions.transaction import Step, Switch, Transaction, carry_out


def plan_unpacking(name: str, in_place: bool, context: Context, dry_run: bool) -> Unpacking:
    """Return the plan to unpack the environment of the module `name`; nothing is done yet.

    Unless it is `in_place`, the environment stays packed, and its files are put into another folder.

    Raises
    ------
    StackenvError
        If the environment is not packed, or is in use in this shell.
    """
    if in_place:
        open_store(context, dry_run)
    module = context.store.find(name, default=True)
    record = read_own_record(module)
    if record.packed is None:
        raise StackenvError(f"{module.full_name} is not packed", f"stackenv pack {module.full_name}")
    if in_place:
        require_unused(module, context.environ)
    return Unpacking(module, record, context)


@dataclass
class Unpacking(Exchange):
    """An unpacking: its plan and its execution."""

    def sentences(self, folder: Path | None) -> list[str]:
        """Return sentences that say what will be done."""
        if folder:
            assert self.record.packed
            return [f"unpack {self.record.packed.entries} files, links and folders below {folder}"]
        return list(self.plan().sentences)

    def plan(self) -> Transaction:
        """Return the steps that create the folder of files."""
        assert self.record.packed
        steps = (
            Step(f"check that the image of {self.module.full_name} is intact", self.look),
            self.plan_making(
                f"unpack {self.record.packed.entries} files, links and folders beside {self.record.path}",
                lambda: extract_image(Path(self.record.path, IMAGE), self.staged),
            ),
            Step("compare them with what was packed: names, modes, sizes, contents, links", self.verify),
        )
        return Transaction(self.module.full_name, self.switch, steps)

    def look(self) -> None:
        require_image(self.record)

    def verify(self) -> None:
        self._compare(self.staged)
        write_unpacked(self.record, self.staged)
        if self.context.access.group is not None:
            self.context.access.share_tree(self.staged)

    def _compare(self, folder: Path) -> None:
        assert self.record.packed
        with showing_progress("comparing", self.record.packed.entries) as advance:
            tree = read_tree(folder, advance)
        tree.pop(str(self.unfinished.relative_to(self.staged)), None)
        if hash_tree(tree) != self.record.packed.tree_sha256:
            raise StackenvError(
                f"the files in {folder} are not those that were packed ({len(tree)} entries instead of "
                f"{self.record.packed.entries}); the image was not changed",
                "check the disk: df -h; df -i",
            )

    def switch(self) -> Switch:
        """Return the changes that replace the image by the files."""
        strangers = list_strangers(self.real)
        if strangers:
            raise TakenError(
                f"{self.real} contains files that stackenv did not write and that would be deleted: "
                f"{', '.join(strangers[:3])}; nothing was changed",
                "move them elsewhere",
            )
        sentence = f"replace {self.record.path} with them, write {self.module.path}, delete the image"
        return self.plan_switch(replace(self.record, packed=None), sentence)

    def carry_out(self) -> Path:
        """Unpack the environment completely, or not at all; return its folder."""
        with working_in(self.context):
            show_status(f"Unpacking {self.module.full_name}")
            carry_out(self.plan(), self.context.journal)
        print_message(
            f"Unpacked {self.module.full_name} into {self.record.path}; to pack it again: "
            f"stackenv pack {self.module.full_name}"
        )
        return Path(self.record.path)

    def extract_to(self, folder: Path) -> Path:
        """Extract all files below `folder`, or none, and return their folder; the environment stays packed.

        Raises
        ------
        TakenError
            If they are there already.
        """
        assert self.record.packed
        target = folder / f"stackenv-{self.record.packed.identity}"
        if not folder.is_dir():
            raise StackenvError(f"the folder {folder} does not exist", '--to "$TMPDIR"')
        if target.exists():
            raise TakenError(f"{target} already exists", f"module load {self.module.full_name}")
        self.look()
        with stopping_at_signals(), having_status():
            show_status(f"Unpacking {self.module.full_name}")
            # Its name says whose it is: the next command removes it when this one is killed.
            try:
                sweep_scratch(folder)
                draft = make_folder(folder)
            except OSError as error:
                raise StackenvError(
                    f"{folder} cannot be written: {error.strerror}; nothing was changed", '--to "$TMPDIR"'
                ) from error
            try:
                extract_image(Path(self.record.path, IMAGE), draft)
                self._compare(draft)
                draft.rename(target)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        if Path(os.environ.get("TMPDIR", "/tmp")) != folder:
            print_message(f"the module only looks in $TMPDIR: export TMPDIR={shlex.quote(str(folder))}")
        print_message(f"Unpacked {self.module.full_name} to {target}; the environment itself stays packed")
        return target
