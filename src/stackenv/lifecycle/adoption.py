"""What the adoption of a venv and that of a conda environment have in common."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from stackenv.environments.context import Context
from stackenv.environments.places import require_on_path, tell_unfit
from stackenv.environments.store import StoredModule
from stackenv.errors import LostRecordError, StackenvError, TakenError
from stackenv.output import format_count, tell
from stackenv.record import FOLDER, RECORD_FILE, Record
from stackenv.transactions.carry_out import read_text
from stackenv.transactions.plan import Change, RemoveFile, RemoveTree, Step, WriteFile


@dataclass(frozen=True)
class AdoptRequest:
    """What was typed behind `stackenv adopt`; `prefix` is the environment that it means."""

    prefix: Path
    name: str
    modules: tuple[str, ...] = ()
    version: str = "1.0"
    allow_shadow: tuple[str, ...] = ()
    no_pth: bool = False
    user_site: bool = False
    description: str = ""

    def check_prefix(self) -> None:
        """Raise UsageError or StackenvError when the environment cannot be adopted where it is."""
        require_on_path(self.prefix, "move it")
        tell_unfit(self.prefix)
        if not os.access(self.prefix, os.W_OK):
            raise StackenvError(
                f"{self.prefix} cannot be written, and its record lies in it; nothing was changed",
                f"ls -ld {shlex.quote(str(self.prefix))}; its owner can adopt it for all with --shared",
            )

    def with_former(self, record: Record | None) -> AdoptRequest:
        """Return the request with what `record` knows and was not typed."""
        if record is None:
            return self
        return replace(
            self,
            allow_shadow=self.allow_shadow or record.allow_shadow,
            description=self.description or record.description,
            user_site=self.user_site or record.user_site,
            no_pth=self.no_pth or not record.layers,
        )


def find_lost_module(context: Context, prefix: Path, name: object, version: object) -> StoredModule | None:
    """Return the module that leads to `prefix` and whose record is lost, if it is NAME/VERSION as typed."""
    for module in context.store.list_modules():
        if Path(module.prefix).resolve() != prefix.resolve():
            continue
        if name in (None, module.name) and version in (None, module.version):
            try:
                module.read_record()
            except LostRecordError:
                return module
            except StackenvError:
                continue
    return None


def require_not_adopted(context: Context, prefix: Path, former: Record | None) -> None:
    """Raise TakenError when a module leads to `prefix` already, here or in another folder of modules."""
    for module in context.store.list_modules():
        if Path(module.prefix).resolve() == prefix.resolve():
            raise TakenError(
                f"{prefix} has a module already: {module.full_name}",
                f"if it does not work: stackenv check {module.full_name}; to give it another name: stackenv "
                f"rename {module.full_name} NEW_NAME",
            )
    if former is None or Path(former.module_folder).resolve() == context.store.root.resolve():
        return
    elsewhere = Path(former.module_folder, former.name, f"{former.version}.lua")
    found = context.store.read(elsewhere)
    if found and Path(found.prefix).resolve() == prefix.resolve():
        raise TakenError(
            f"{prefix} has a module already, in another folder: {elsewhere}",
            f"module use {shlex.quote(former.module_folder)}; module load {former.full_name}; or remove that "
            "module first",
        )


def take_modulefile(request: AdoptRequest, context: Context) -> tuple[Path, tuple[Step, ...]]:
    """Return where the modulefile goes, and the step that takes away one whose environment is gone.

    Raises
    ------
    TakenError
        When there is another file.
    """
    path = context.store.path_of(request.name, request.version)
    module = context.store.read(path)
    if module is None or os.path.lexists(module.prefix):
        return context.store.require_free(request.name, request.version), ()
    tell(f"the module {module.full_name} led to {module.prefix}, which is gone: it gets this environment")
    text = read_text(path) or ""
    return path, (Step(f"delete the old modulefile {path}", path.unlink, (WriteFile(str(path), text),)),)


def undo_files(paths: Iterable[str], prefix: str, proof: str) -> tuple[Change, ...]:
    """Return the changes that bring back what was there before `paths` are written below `prefix`.

    `proof` is in the folder of stackenv's files, which goes as a whole if it was not there.
    """
    folder = Path(prefix, FOLDER)
    within = f"{folder}/"
    changes: list[Change] = []
    for path in (*paths, f"{prefix}/{RECORD_FILE}"):
        if Path(path).exists():
            changes.append(WriteFile(path, read_text(Path(path)) or "", os.access(path, os.X_OK)))
        elif not path.startswith(within) or folder.exists():
            changes.append(RemoveFile(path))
    return (*changes, RemoveFile(proof) if folder.exists() else RemoveTree(str(folder), proof))


def find_foreign_scripts(prefix: Path) -> tuple[str, ...]:
    """Return the names of the scripts in bin whose interpreter is in a folder that is not there."""
    found = []
    for script in sorted((prefix / "bin").iterdir()) if (prefix / "bin").is_dir() else ():
        try:
            with script.open("rb") as stream:
                first = stream.readline(4096)
        except OSError:
            continue
        # `#!/bin/sh` and exec in the next line is pip's way around long and odd paths: not looked at.
        words = os.fsdecode(first[2:]).split()
        if first.startswith(b"#!/") and words and not Path(words[0]).exists():
            found.append(script.name)
    return tuple(found)


def tell_foreign_scripts(prefix: Path) -> None:
    """Tell when the environment was moved, and its programs lead to where it was."""
    scripts = find_foreign_scripts(prefix)
    if scripts:
        tell(
            f"WARNING: the Python of {format_count(len(scripts), 'program')} in {prefix}/bin "
            f"({', '.join(scripts[:3])}) is gone: was it moved? `python -m pip` works; for "
            "the others install their packages again"
        )
