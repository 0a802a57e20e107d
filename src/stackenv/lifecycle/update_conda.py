"""`stackenv update` in a conda environment: what it would do, and the update itself."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.requirements import Requirement

from stackenv.conda.packages import describe_package
from stackenv.environments.conda_environment import capture_record, find_conda, load_conda_stack
from stackenv.environments.context import Context
from stackenv.environments.module_update import plan_environment_files, plan_kept_modulefile, read_texts
from stackenv.environments.own_packages import Owners, read_owners
from stackenv.environments.places import plan_access
from stackenv.environments.stack import Stack
from stackenv.errors import InstallError, StackenvError, quote_word
from stackenv.lifecycle.conda_calls import (
    ask_conda,
    describe_request,
    list_replaced,
    list_touched,
    read_changes,
    update_with_conda,
)
from stackenv.lifecycle.prospect import Prospect
from stackenv.lifecycle.update_targets import StackShelf, Target, find_unwritable, is_same_package
from stackenv.lmod.bindings import Lmod
from stackenv.record import FOLDER, Record
from stackenv.transactions.backup import RestoreTree, back_up, name_backup_folder, plan_backup_removal
from stackenv.transactions.changes import RemoveFolder
from stackenv.transactions.transaction import Step, Switch, Transaction, require_as_seen


def look_at_conda(
    target: Target, requirement: Requirement, shelf: StackShelf, looking: bool
) -> tuple[Prospect | None, CondaUpdate | None]:
    """Return what an update of `requirement` means for the environment, and the update if it is due.

    Nothing is changed; with `looking`, not even conda's cache. Both are None if the package is not installed.
    """
    owners = read_owners(Path(target.prefix))
    packages = map(describe_package, owners.by_conda)
    found = next((p for p in packages if is_same_package(p.name, requirement)), None)
    if found is None:
        return find_pips(target, requirement, owners), None
    prospect = Prospect(target.name, target.prefix, "conda", found.version)
    # conda's spelling of the name.
    exact = Requirement(f"{found.name}{requirement.specifier}")
    try:
        refuse_conda(target, requirement)
        stack = load_conda(target, shelf)
        conda, environ = find_conda(stack), dict(stack.environ)
        with tempfile.TemporaryDirectory(prefix="conda-") as folder:
            cache = {"CONDA_PKGS_DIRS": f"{folder}/pkgs"} if looking else {}
            words = describe_request(exact, target.prefix)
            changes = read_changes(ask_conda(conda, words, {**environ, **cache}))
    except InstallError as error:
        hint = (
            f"to see all that conda says: conda {shlex.join(describe_request(exact, target.prefix))} "
            "--dry-run"
        )
        return replace(prospect, state="refused", problem=error.message, hint=hint), None
    except StackenvError as error:
        return replace(prospect, state="refused", problem=error.message, hint=error.hint), None
    first = [c for c in changes if c.name == found.name and c.after != found.version]
    if not first:
        return replace(prospect, then=found.version, state="current"), None
    prospect = replace(
        prospect, changes=(*first, *(c for c in changes if c not in first)), then=first[0].after
    )
    return prospect, CondaUpdate(target, prospect, exact, conda, environ, shelf.context)


def find_pips(target: Target, requirement: Requirement, owners: Owners) -> Prospect | None:
    """Return the refusal to update a package that pip has installed; None if it is not installed."""
    for distribution in owners.distributions:
        name = distribution.metadata["Name"]
        if is_same_package(name, requirement):
            enter = f"ml {target.name}" if target.module else f"conda activate {quote_word(target.prefix)}"
            return Prospect(
                target.name,
                target.prefix,
                "conda",
                distribution.version,
                state="refused",
                problem=f"{name} was installed by pip, not by conda",
                hint=f"{enter}; pip install --upgrade {requirement.name}",
            )
    return None


def refuse_conda(target: Target, requirement: Requirement) -> None:
    """Raise StackenvError if the environment must not, or cannot, be changed."""
    prefix = Path(target.prefix)
    if requirement.extras:
        raise StackenvError("extras, in brackets after a name, are for pip only; conda has none")
    if target.record and target.record.packed:
        raise StackenvError(
            f"{target.name} is packed and cannot be updated", f"stackenv unpack {target.name}"
        )
    if (prefix / "condabin").exists() and target.record is None:
        raise StackenvError(
            f"{prefix} is the base environment of a conda installation, which stackenv does not update"
        )
    if target.module is None and (prefix / FOLDER / "record.json").is_file():
        raise StackenvError(
            f"{prefix} has a module in another folder",
            "if that folder is a project's: stackenv update PACKAGE --shared FOLDER --all",
        )
    unwritable = find_unwritable(target, ("conda-meta", "bin", "lib", FOLDER))
    if unwritable or not os.access(prefix / "conda-meta/history", os.W_OK):
        unwritable = unwritable or str(prefix / "conda-meta/history")
        raise StackenvError(f"{unwritable} is not writable", f"ls -ld {quote_word(unwritable)}")


def load_conda(target: Target, shelf: StackShelf) -> Stack:
    """Return the stack of the environment's conda module or, if it has none, of the site's."""
    if target.record and target.module and target.record.modules:
        stack = shelf.load(target.module, target.record, with_python=False)
        if stack.environ.get("CONDA_EXE"):
            return stack
    key = ("conda", ())
    if key not in shelf.loaded:
        context = shelf.context
        shelf.loaded[key] = load_conda_stack((), context, Lmod.find(context.environ).purged())
    return shelf.loaded[key]


@dataclass
class CondaUpdate:
    """One update of a conda environment."""

    target: Target
    prospect: Prospect
    requirement: Requirement
    conda: str
    environ: Mapping[str, str]
    context: Context
    kept: Path = field(init=False)
    seen: Mapping[str, str | None] = field(init=False)
    captured: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kept = name_backup_folder(Path(self.target.prefix, FOLDER))
        module = self.target.module
        self.seen = read_texts((module.path, module.record_path)) if module else {}

    @property
    def subject(self) -> str:
        """Its name in the journal: the module, or a similar name that is derived from the path."""
        if self.target.module:
            return self.target.module.full_name
        prefix = Path(self.target.prefix)
        number = hashlib.sha256(os.path.realpath(prefix).encode("utf-8", "surrogateescape")).hexdigest()
        return f"conda-environment/{re.sub(r'[^A-Za-z0-9_.+-]', '_', prefix.name)}-{number[:12]}"

    def plan(self) -> Transaction:
        """Return the steps of the update; the switch writes the record and the modulefile."""
        name, path = self.target.name, Path(self.target.prefix)
        # A hard link into the user's own package cache would keep the group and mode of that file.
        copy = ["--copy"] if self.context.shared else []
        words = [*describe_request(self.requirement, str(path)), *copy]
        steps = [
            Step(
                f"{name}: back up what will be replaced, in {self.kept}",
                self.back_up,
                (RestoreTree(str(path), str(self.kept)), RemoveFolder(str(path / FOLDER))),
            ),
            Step(f"{name}: conda {' '.join(words)}", lambda: self.install(words)),
        ]
        if self.target.record:
            steps.append(Step(f"{name}: capture its activation", self.capture))
        steps += plan_access(path, self.context, name)
        return Transaction(self.subject, self.switch, tuple(steps))

    def back_up(self) -> None:
        prefix = Path(self.target.prefix)
        require_as_seen(self.seen)
        replaced = list_replaced(prefix, self.prospect.changes)
        back_up(prefix, self.kept, list_touched(prefix), replaced.__contains__)

    def install(self, words: list[str]) -> None:
        update_with_conda(self.conda, words, self.environ)

    def capture(self) -> None:
        assert self.target.record
        self.captured.append(capture_record(self.target.record, self.context))

    def switch(self) -> Switch:
        """Return the changes that update record and modulefile, and delete the backup."""
        module = self.target.module
        deletion = plan_backup_removal(self.kept)
        if module is None:
            folder = RemoveFolder(f"{self.target.prefix}/{FOLDER}")
            return Switch((), (deletion, folder), self.seen)
        told, hand_edited = plan_kept_modulefile(module, module.path)
        sentence = f"{self.target.name}: write the record and the modulefile {module.path}"
        return Switch(
            (*told, sentence),
            (*hand_edited, *plan_environment_files(self.captured[0], module.path), deletion),
            self.seen,
            routine=sentence,
        )
