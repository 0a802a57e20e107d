"""Restores a lost record from the modulefile and the installed files, without running code of other users."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from stackenv.environments.added_files import LAYERS
from stackenv.environments.carried import complete_carried
from stackenv.environments.conda_environment import capture_record
from stackenv.environments.constraints import CONSTRAINTS_FILE
from stackenv.environments.context import Context
from stackenv.environments.managed_files import list_lost_files
from stackenv.environments.package_folders import find_in_packages
from stackenv.environments.packed import IMAGE, describe_contents
from stackenv.environments.places import RUN_FIRST
from stackenv.environments.platform import probe_platform
from stackenv.environments.stack import Stack, require_module_names
from stackenv.environments.store import DEPENDS_ON, StoredModule
from stackenv.environments.venv_install import complete_record
from stackenv.errors import StackenvError, quote_word
from stackenv.lifecycle.adopted_record import AdoptRequest, draft_adopted_conda, draft_adopted_venv
from stackenv.lifecycle.export import PACKED_FORMATS, render
from stackenv.lmod.bindings import Lmod
from stackenv.packing.image import require_image
from stackenv.packing.squashfs import opened_image
from stackenv.plain_files import read_file_text
from stackenv.record import CHOICES_TITLE, FOLDER, RECORD_FILE, Record, parse_choices, parse_record
from stackenv.transactions.changes import WriteFile
from stackenv.transactions.writers import list_writers, name_user

# What Python and the activation of a conda environment read when they start; lib64 may be a link.
STARTED = ("lib*/python3*/site-packages", "lib*/python3*/site-packages/*.pth", "etc/conda/activate.d/*")


def restore_record(module: StoredModule, context: Context, request: AdoptRequest | None = None) -> Record:
    """Return the record of the environment of `module`, as `adopt` would create it.

    `request` holds what was typed; without it, the modulefile is used.

    Raises
    ------
    StackenvError
        If the modulefile does not point to an environment, or its modules cannot be loaded; if code of
        another user would be run.
    """
    former, adopted = read_repeated_record(module, context), request is not None
    if request is None:
        request = AdoptRequest(Path(module.prefix), module.name, version=module.version).with_former(former)
    if not request.modules:
        request = replace(request, modules=former.modules)
    if former.packed:
        restored = restore_packed(module, former)
        return replace(restored, owned=restored.owned and not adopted)
    require_module_names(former.modules, f"stackenv edit {module.full_name} --module NAME/VERSION")
    require_own_files(Path(module.prefix))
    restore = restore_conda if former.kind == "conda" else restore_venv
    restored = restore(request, context, former)
    remembered = ("platform", "cpu_features", "replaces", "sees_modules", "module_roots", "muted")
    return replace(restored, **{name: getattr(former, name) for name in remembered})


def require_restorable(module: StoredModule, context: Context, adopted: bool) -> None:
    """Raise StackenvError if the record of `module` must not be restored in its environment.

    Everyone who can write to a folder of modules can create a modulefile that points to any environment. An
    `adopted` environment was given by its path, and need not contain files of stackenv.
    """
    prefix, lost = (
        Path(module.prefix),
        f"the record of {module.full_name} is missing and cannot be restored",
    )
    owner, writer = prefix.stat().st_uid, module.path.lstat().st_uid
    adopt = f"stackenv adopt {quote_word(prefix)}"
    if owner != writer:
        raise StackenvError(
            f"{lost}: {module.path} belongs to {name_user(writer)}, but the environment {prefix} to "
            f"{name_user(owner)}; nothing was changed",
            f"if the environment is yours, create a module for it in your own folder: {adopt} NEW_NAME",
        )
    if not adopted and not has_trace(prefix):
        raise StackenvError(
            f"{lost}: stackenv wrote nothing in {prefix}, so another environment may have taken its "
            "place; nothing was changed",
            f"if it is the environment of this module: {adopt} {module.name} --version {module.version}"
            + (f" --shared {quote_word(context.shared)}" if context.shared else ""),
        )


def has_trace(prefix: Path) -> bool:
    """Return whether stackenv has written anything into the environment at `prefix`."""
    return (prefix / FOLDER).is_dir() or has_layers(prefix)


def has_layers(prefix: Path) -> bool:
    """Return whether stackenv's files that set the import order are in the environment at `prefix`."""
    return any(find_in_packages(prefix, f"{LAYERS}.py"))


def read_repeated_record(module: StoredModule, context: Context) -> Record:
    """Return the record that the modulefile of `module` repeats; its `owned` is always False."""
    text = read_file_text(module.path, errors="replace")
    known = {
        "name": module.name,
        "version": module.version,
        "path": module.prefix,
        "module_folder": str(context.store.root),
        "owned": False,
    }
    *_, line, _ = (text + "\n\n\n").split("\n", 3)
    title = f"-- {CHOICES_TITLE}"
    found = parse_choices(line[len(title) :], known) if line.startswith(title) else None
    if found is None:
        found = parse_choices("{}", {**known, **guess_choices(module, text, context)})
    assert found is not None
    return found


def guess_choices(module: StoredModule, text: str, context: Context) -> Mapping[str, Any]:
    """Return the choices that follow from the environment's files, for a modulefile that repeats none.

    Raises
    ------
    StackenvError
        If that is not enough, because the environment is packed.
    """
    prefix = Path(module.prefix)
    if (prefix / IMAGE).exists():
        raise StackenvError(
            f"the record of {module.full_name}, which is packed, is missing, and {module.path}, written "
            "by an older stackenv, does not say what the image contains; nothing was changed",
            f"unpack and adopt it: unsquashfs -d FOLDER {quote_word(prefix / IMAGE)}; stackenv "
            "adopt FOLDER NEW_NAME",
        )
    return {
        "kind": "conda" if (prefix / "conda-meta").is_dir() else "venv",
        "modules": re.findall(DEPENDS_ON, text),
        "modulepath": context.environ.get("MODULEPATH", ""),
        "allow_shadow": [],
        "user_site": False,
        "description": "",
        "platform": asdict(probe_platform()),
        "cpu_features": [],
        # Constraints without layers are what `adopt --no-pth` writes.
        "layers": has_layers(prefix) or not (prefix / CONSTRAINTS_FILE).exists(),
    }


def restore_venv(request: AdoptRequest, context: Context, former: Record) -> Record:
    """Return the record of the venv that `request` names."""
    # The modules that are loaded now do not matter.
    lmod = Lmod.find(context.environ).purged()
    record, stack = draft_adopted_venv(request, context, lmod, former, require_own_python)
    complete = complete_record(record, stack.environ, {})
    return complete_carried(complete, stack, lmod, context.configuration.personal)


def restore_conda(request: AdoptRequest, context: Context, former: Record) -> Record:
    """Return the record of the conda environment that `request` names."""
    require_own_python(request.prefix, None)
    record, _ = draft_adopted_conda(request, context, Lmod.find(context.environ).purged(), former)
    return capture_record(replace(record, user_site=request.user_site), context)


def restore_packed(module: StoredModule, former: Record) -> Record:
    """Return the record of the packed environment of `module`: that in its image, with the image itself.

    Raises
    ------
    StackenvError
        If the image is gone or damaged, or contains no record.
    """
    with opened_image(require_image(former)) as folder:
        path = Path(folder, RECORD_FILE)
        try:
            found = parse_record(read_file_text(path), str(path))
        except OSError as error:
            raise StackenvError(
                f"the image of {module.full_name} does not contain {RECORD_FILE}: "
                f"{os.strerror(error.errno or 0)}"
            ) from error
    known = ("name", "version", "path", "module_folder", "description", "packed")
    return replace(found, **{name: getattr(former, name) for name in known})


def restore_contents(record: Record, context: Context) -> tuple[WriteFile, ...]:
    """Return the changes that restore lost files with the contents of the image of `record`.

    Raises
    ------
    StackenvError
        If the image is gone or damaged.
    """
    lost = {file.path for file in list_lost_files(describe_contents(record), record.path)}
    if not lost:
        return ()
    with opened_image(require_image(record)) as folder:
        within = replace(record, path=str(folder), packed=None)
        return tuple(
            WriteFile(path, render(name, within, context))
            for name, file in PACKED_FORMATS.items()
            if (path := f"{record.path}/{file}") in lost
        )


def require_own_files(prefix: Path) -> None:
    """Raise StackenvError if a start of the Python in `prefix` could run code of other users.

    That is the case if another user owns a file that it runs, or if everyone can write to one. Groups may
    have write access, because those who gave it chose to trust them.
    """
    paths = [*(prefix / name for name in RUN_FIRST), *(path for s in STARTED for path in prefix.glob(s))]
    for path in paths:
        if path.exists():
            refuse(path, prefix, find_doubt(path, groups=True))


def require_own_python(prefix: Path, stack: Stack | None) -> None:
    """Raise StackenvError if the Python of `prefix` belongs to another user and not to the modules."""
    python = (prefix / "bin/python").resolve()
    if python.exists() and not (stack and stack.python and stack.python.real == str(python)):
        refuse(python, prefix, find_doubt(python, groups=False))


def find_doubt(path: Path, groups: bool) -> str:
    """Return why `path` cannot be trusted, or an empty text; with `groups`, groups may write to it."""
    found = path.stat()
    if found.st_uid not in (0, os.geteuid()):
        return f"belongs to {name_user(found.st_uid)}"
    writers = [who for who in list_writers(path, found) if not groups or who == "everybody"]
    return f"can be written by {', '.join(writers)}" if writers else ""


def refuse(path: Path, prefix: Path, doubt: str) -> None:
    """Raise StackenvError if there is a `doubt` about `path`, which would be run."""
    if doubt:
        raise StackenvError(
            f"{path} {doubt}, and restoring the record of {prefix} would run it as you; nothing was changed",
            "ask its owner to run this command; to see whose it is and who can write to it: ls -ld "
            f"{quote_word(path)}",
        )
