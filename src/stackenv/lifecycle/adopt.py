"""`stackenv adopt`: create a module for an environment that already exists."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stackenv.conda.storage import find_named_environment
from stackenv.environments.added_files import describe_files
from stackenv.environments.conda_environment import print_unused_python_modules
from stackenv.environments.constraints import CONSTRAINTS_FILE
from stackenv.environments.context import Context, open_context, recover
from stackenv.environments.first_start import start_changed
from stackenv.environments.managed_files import is_users
from stackenv.environments.module_update import open_store, require_unpacked
from stackenv.environments.own_packages import count_by_installer, read_own_packages
from stackenv.environments.places import print_path_warnings, require_finished, require_on_path, resolve_dots
from stackenv.environments.store import StoredModule, check_name, expand_home, read_former_record
from stackenv.environments.working import working_in
from stackenv.errors import LostRecordError, StackenvError, TakenError, UsageError
from stackenv.lifecycle.adopted_name import suggest_name
from stackenv.lifecycle.adopted_record import (
    AdoptRequest,
    draft_adopted_conda,
    draft_adopted_venv,
    print_foreign_scripts,
)
from stackenv.lifecycle.edit import plan_edit
from stackenv.lifecycle.making import Made, Making, describe_made
from stackenv.lifecycle.record_changes import EditRequest
from stackenv.lifecycle.restore_record import read_repeated_record
from stackenv.lmod.bindings import Lmod
from stackenv.output import print_message, print_warning
from stackenv.record import Record
from stackenv.transactions.transaction import carry_out, read_text


def adopt_environment(
    environment: str, name: str | None, options: Mapping[str, Any], shared: Path | None, dry_run: bool
) -> Made:
    """Create a module for `environment`, the path of an environment or the name of a conda environment.

    Parameters
    ----------
    name
        The name of the module; None for the name of its folder or project.
    options
        Fields of an AdoptRequest, as typed; `version` is None if it was not typed.

    Raises
    ------
    UsageError
        If there is no such environment, or the module cannot have this name.
    TakenError
        If it already has a module, or the name is taken.
    StackenvError
        If the environment cannot be adopted where it is, or anything else fails.
    """
    context = open_context(shared)
    if not dry_run:
        recover(context)
    prefix = find_environment(environment, context)
    require_finished(prefix)
    former = read_former_record(prefix)
    if former:
        require_in_place(former, prefix)
        require_unpacked(former)
    home = Path(context.environ.get("HOME", "/"))
    lost = find_lost_module(context, prefix, name, options["version"])
    if lost:
        request = build_request(prefix, lost.name, options, read_repeated_record(lost, context), home)
        return adopt_again(lost, request, context, dry_run)
    request = build_request(prefix, name, options, former, home)
    context.store.check_writable()
    require_not_adopted(context, prefix, former)
    with working_in(context) as within:
        return adopt_new(request, within, former, dry_run)


def adopt_new(request: AdoptRequest, context: Context, former: Record | None, dry_run: bool) -> Made:
    """Create a module for the environment of `request`; `former` is the record of a module that it had."""
    require_adoptable(request.prefix)
    replaced = read_replaced(request, context)
    lmod = Lmod.find(context.environ)
    if (request.prefix / "conda-meta").is_dir():
        record, stack = draft_adopted_conda(request, context, lmod, former)
        print_unused_python_modules(lmod)
        print_message(
            f"{request.prefix} is a conda environment with {count_by_installer(read_own_packages(record))}"
        )
        print_foreign_scripts(request.prefix)
    else:
        record, stack = draft_adopted_venv(request, context, lmod, former)
        print_unpinned_stack(request, record)
    adopted = Making(record, stack, context, replaced=replaced)
    return adopted.carry_out(adopted.plan_files(), dry_run)


def adopt_again(lost: StoredModule, request: AdoptRequest, context: Context, dry_run: bool) -> Made:
    """Restore the record of `lost`, a module that already points to the environment."""
    open_store(context, dry_run)
    refresh = EditRequest((), (), (), make_default=False, description=None, refresh=True)
    with contextlib.ExitStack() as links:
        edit = plan_edit(refresh, lost, context, dry_run, links, request)
        if dry_run:
            return Made(edit.sentences)
        carry_out(edit, context.journal)
    start_changed(lost.read_record(), context)
    return describe_made(lost.path, context)


def build_request(
    prefix: Path, name: str | None, options: Mapping[str, Any], former: Record | None, home: Path
) -> AdoptRequest:
    """Return what was typed, completed from `former`, an older record of the environment.

    Raises
    ------
    UsageError
        If name or version is not valid for a module.
    """
    chosen = check_name(name if name is not None else former.name if former else suggest_name(prefix, home))
    version = options["version"]
    if version is None:
        version = former.version if former and former.name == chosen else "1.0"
    # The path as typed, absolute: a link to another file system is how the user wants it named.
    request = AdoptRequest(**{**options, "prefix": prefix, "name": chosen, "version": version})
    check_name(request.version, "version")
    return request.with_former(former)


def find_environment(text: str, context: Context) -> Path:
    """Return the prefix of the environment at the path `text`, or of the conda environment of that name.

    Raises
    ------
    UsageError
        If there is none.
    """
    path = resolve_dots(expand_home(text))
    if path.is_dir():
        if (path / "pyvenv.cfg").is_file() or (path / "conda-meta").is_dir():
            return path
        raise UsageError(
            f"{path} is not an environment: it contains neither pyvenv.cfg (venv) nor conda-meta (conda)",
            "name the folder that contains bin/activate or conda-meta",
        )
    found = find_named_environment(text, context.environ, context.configuration) if "/" not in text else None
    if found:
        return found
    raise UsageError(
        f"the folder {path} does not exist"
        + ("" if "/" in text else f", and there is no conda environment named {text}"),
        "to list conda environments: conda env list",
    )


def require_adoptable(prefix: Path) -> None:
    """Raise UsageError or StackenvError if the environment at `prefix` cannot be adopted where it is."""
    require_on_path(prefix, "move it")
    print_path_warnings(prefix)
    if not os.access(prefix, os.W_OK):
        raise StackenvError(
            f"{prefix} is not writable, and its record is stored in it; nothing was changed",
            f"ls -ld {shlex.quote(str(prefix))}; its owner can adopt it for all with --shared",
        )


def require_in_place(former: Record, prefix: Path) -> None:
    """Raise StackenvError if the packed environment `former` is not where it was packed."""
    if not former.packed or os.path.realpath(former.path) == os.path.realpath(prefix):
        return
    old, new = shlex.quote(former.path), shlex.quote(str(prefix))
    if os.path.lexists(former.path):
        raise StackenvError(
            f"{prefix} is a copy of {former.full_name}, which is packed in {former.path}; nothing "
            "was changed",
            f"stackenv unpack {former.full_name}; then copy the unpacked environment and adopt the copy",
        )
    raise StackenvError(
        f"{prefix} is {former.full_name}, which was packed in {former.path} and moved since; a packed "
        "environment works only where it was packed; nothing was changed",
        f"mv {new} {old}; then, to have it in the new place: stackenv unpack {former.full_name}; mv "
        f"{old} {new}; stackenv adopt {new} {former.name}",
    )


def find_lost_module(context: Context, prefix: Path, name: object, version: object) -> StoredModule | None:
    """Return the module NAME/VERSION, as typed, that points to `prefix` without a record, or None."""
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
    """Raise TakenError if a module already points to `prefix`, here or in another folder of modules."""
    for module in context.store.list_modules():
        if Path(module.prefix).resolve() == prefix.resolve():
            raise TakenError(
                f"{prefix} already has a module: {module.full_name}",
                f"if it does not work: stackenv check {module.full_name}; to rename it: stackenv rename "
                f"{module.full_name} NEW_NAME",
            )
    if former is None or Path(former.module_folder).resolve() == context.store.root.resolve():
        return
    elsewhere = Path(former.module_folder, former.name, f"{former.version}.lua")
    found = context.store.read(elsewhere)
    if found and Path(found.prefix).resolve() == prefix.resolve():
        raise TakenError(
            f"{prefix} already has a module in another folder: {elsewhere}",
            f"to use it: module use {shlex.quote(former.module_folder)}; module load "
            f"{former.full_name}; or remove that module first",
        )


def read_replaced(request: AdoptRequest, context: Context) -> str | None:
    """Return the text of the modulefile of this name, whose environment is gone; None if there is none.

    Raises
    ------
    TakenError
        If there is another file.
    """
    path = context.store.path_of(request.name, request.version)
    module = context.store.read(path)
    if module is None or os.path.lexists(module.prefix):
        context.store.require_free(request.name, request.version)
        return None
    print_message(
        f"the module {module.full_name} pointed to {module.prefix}, which no longer exists; reusing "
        "it for this environment"
    )
    return read_text(path)


def print_unpinned_stack(request: AdoptRequest, record: Record) -> None:
    """Warn if the user's own pip.conf replaces stackenv's, and nothing else pins the stack."""
    if not request.no_pth:
        return
    if any(Path(f.path).name == "pip.conf" and is_users(f, record.path) for f in describe_files(record)):
        print_warning(
            "pip can replace packages of the modules: with --no-pth, only stackenv's pip.conf prevents "
            "that, and this environment has its own. Leave out --no-pth, or add to that pip.conf: "
            f"[install] constraint = {record.path}/{CONSTRAINTS_FILE}"
        )
