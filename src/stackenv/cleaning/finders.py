"""Finds what `stackenv clean` can delete, by class: one function and one row of `FINDERS` each."""

from __future__ import annotations

import functools
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from stackenv.account.storage_places import list_venvs
from stackenv.cleaning.downloads import find_downloads
from stackenv.cleaning.in_use import find_reason_to_keep
from stackenv.cleaning.leftover_environments import list_leftovers, read_intact_record
from stackenv.cleaning.reclaimable import DeleteEnvironment, Reclaimable
from stackenv.cleaning.tool_caches import advise_on_foreign, find_pip_caches, find_uv_caches
from stackenv.conda.command import describe_command
from stackenv.conda.foreign_packages import find_foreign
from stackenv.conda.package_cache import list_unused
from stackenv.conda.packages import find_soft_linked
from stackenv.conda.storage import list_conda_prefixes, list_package_caches
from stackenv.disk.usage import measure_trees
from stackenv.environments.conda_environment import load_conda_stack
from stackenv.environments.context import Context
from stackenv.environments.module_update import read_hand_edited
from stackenv.environments.processes import find_active_variable, list_processes_using
from stackenv.errors import StackenvError, explain_with_hint
from stackenv.health.finding import RunCommand
from stackenv.jupyter.kernels import list_kernels
from stackenv.jupyter.state import judge_kernel
from stackenv.lmod.bindings import Lmod
from stackenv.user_paths import is_own, list_folders

# The variable that names conda's package caches, separated by commas.
PACKAGES = "CONDA_PKGS_DIRS"


def measure_item(item: Reclaimable, environ: Mapping[str, str]) -> Reclaimable:
    """Return `item` with the size of its places, and with the reason to keep it if processes here use them.

    `environ` is that of the shell, because /proc only has the variables that a shell was started with.
    """
    usage = measure_trees({place: Path(place) for place in item.places})
    watched = [Path(place) for place in item.watched or item.places]
    users = [user for place in watched for user in list_processes_using(place, inherited=True)]
    active = next(filter(None, (find_active_variable(place, environ) for place in watched)), "")
    kept = item.kept
    if active and not kept:
        kept = (
            f"in use in this shell ({active} is {environ[active]}): unload its module or deactivate it first"
        )
    elif users and not kept:
        kept = f"in use on this node by process {users[0].pid}: {users[0].command[:60]}"
    return replace(
        item,
        size_bytes=sum(tree.freed_bytes for tree in usage.values()),
        inodes=sum(tree.freed_inodes for tree in usage.values()),
        kept=kept,
    )


def find_conda_caches(context: Context) -> Iterator[Reclaimable]:
    """Yield what `conda clean` removes: archives, extracted packages, indexes.

    All package caches of this user are included, also those that conda used earlier.
    """
    stack = load_conda_stack((), context, Lmod.find(context.environ))
    conda = stack.environ.get("CONDA_EXE", "")
    folders = name_package_caches(stack.environ, context)
    if not folders or not conda or not Path(conda).is_file():
        return
    named = ("env", f"{PACKAGES}={folders}")
    cache = list_unused(conda, {**stack.environ, PACKAGES: folders})
    linked = find_soft_linked(list_conda_prefixes(context.environ, context.configuration))
    kept = f"{linked} consists of symbolic links into the cache and would break" if linked else ""
    for kind, what, places, options, why in (
        ("conda-archives", "archives of conda packages", cache.archives, ("--tarballs",), ""),
        ("conda-packages", "conda packages that no environment uses", cache.packages, ("--packages",), kept),
        ("conda-indexes", "conda indexes and logs", cache.indexes, cache.clean_indexes, ""),
    ):
        if places:
            action = RunCommand((*named, *describe_command(conda, "clean", "--yes", *options)))
            watched = tuple(sorted({str(Path(place).parent) for place in places}))
            judge = functools.partial(judge_conda_caches, kind, tuple(map(Path, folders.split(","))))
            why = why or judge()
            yield Reclaimable(kind, what, places, 0, 0, (action,), stack.environ, watched, why, judge)


def judge_conda_caches(kind: str, folders: Iterable[Path]) -> str:
    """Return why conda must not remove the class `kind` from `folders`; empty if it may."""
    foreign = find_foreign(folders, (kind,))
    return advise_on_foreign("conda", str(foreign)) if foreign else ""


def name_package_caches(environ: Mapping[str, str], context: Context) -> str:
    """Return the value of CONDA_PKGS_DIRS with which conda sees each package cache of this user.

    The entries in `environ` come first.
    """
    known = list_package_caches(environ, context.configuration)
    own = (str(path) for path in known if path.is_dir() and is_own(path) and "," not in str(path))
    return ",".join(dict.fromkeys((*filter(None, environ.get(PACKAGES, "").split(",")), *own)))


def find_modules_without_environment(context: Context) -> Iterator[Reclaimable]:
    """Yield the personal modules whose environment no longer exists."""
    for module in context.store.list_modules():
        # Not while the file system is unavailable: then the parent is missing, too.
        if not Path(module.prefix).exists() and Path(module.prefix).parent.is_dir():
            words = ["stackenv", "remove", module.full_name, "--yes"]
            words += ["--shared", str(context.shared)] if context.shared else []
            what = f"module {module.full_name}, whose environment {module.prefix} is gone"
            by_hand = "it was edited by hand; to remove it: stackenv remove " + shlex.quote(module.full_name)
            yield Reclaimable(
                *("modules", what, (str(module.path),), 0, 0, (RunCommand(tuple(words)),)),
                environ=context.environ,
                kept=by_hand if read_hand_edited(module) else "",
            )


def find_leftover_environments(context: Context) -> Iterator[Reclaimable]:
    """Yield the environments that stackenv created and no module uses: left over, or rebuilt elsewhere."""
    yield from judge_environments((*list_prefixes(context), *list_replaced(context)), context)


def judge_environments(prefixes: Iterable[Path], context: Context) -> Iterator[Reclaimable]:
    """Yield those of the environments `prefixes` that stackenv created and no module uses."""

    def read_prefix(modulefile: Path) -> str | None:
        module = context.store.read(modulefile)
        return module.prefix if module else None

    # The record does not know of a modulefile that was renamed by hand or hidden by a dot.
    files = context.store.root.rglob("*.lua")
    led_to = {os.path.realpath(prefix) for prefix in map(read_prefix, files) if prefix}
    for leftover in list_leftovers(prefixes, read_prefix):
        if os.path.realpath(leftover.prefix) in led_to:
            continue
        name, prefix = leftover.record.full_name, str(leftover.prefix)
        kind, what = "environments", f"environment {prefix} of {name}, which no longer has a module"
        if leftover.replaced_by:
            kind, what = (
                "old-rebuilds",
                f"old {name} in {prefix}, which was rebuilt as {leftover.replaced_by}",
            )
        actions, kept = (DeleteEnvironment(prefix, name),), find_reason_to_keep(leftover, context)
        yield Reclaimable(kind, what, (prefix,), 0, 0, actions, kept=kept)


def list_replaced(context: Context) -> Iterator[Path]:
    """Yield the environments that were rebuilt elsewhere, wherever they are, and their predecessors.

    In a project only this user's own, because others must remove theirs themselves.
    """
    for module in context.store.list_modules():
        prefix, seen = module.prefix, set()
        while prefix and prefix not in seen:
            seen.add(prefix)
            record = read_intact_record(Path(prefix))
            if record is None or record.module_folder != str(context.store.root):
                break
            prefix = record.replaces
            if prefix and (context.shared is None or is_own(Path(prefix))):
                yield Path(prefix)


def list_prefixes(context: Context) -> Iterator[Path]:
    """Yield the folders that can be environments of stackenv: of the project, or else of this user."""
    if context.shared:
        for name in ("venvs", "envs"):
            yield from filter(is_own, list_folders(context.shared / name))
        return
    yield from list_venvs(context.environ, context.configuration)
    yield from list_conda_prefixes(context.environ, context.configuration)


def find_broken_kernels(context: Context) -> Iterator[Reclaimable]:
    """Yield the Jupyter kernels of stackenv whose environment or module is gone."""
    for stored in list_kernels(context.environ):
        state = judge_kernel(stored)
        # A copy must be removed by the user who made it.
        if state.can_go and not stored.is_copy:
            action = RunCommand(("stackenv", "kernel", "remove", stored.name))
            what = f"Jupyter kernel {stored.display_name}: {state.problem}"
            yield Reclaimable("kernels", what, (str(stored.folder),), 0, 0, (action,), context.environ)


# In the order in which they are shown and removed: a removed module may leave a broken kernel.
FINDERS: Mapping[str, Callable[[Context], Iterator[Reclaimable]]] = {
    "conda": find_conda_caches,
    "pip": find_pip_caches,
    "uv": find_uv_caches,
    "downloads": find_downloads,
    "modules": find_modules_without_environment,
    "environments": find_leftover_environments,
    "kernels": find_broken_kernels,
}
# The classes of a project; the others belong to an account.
SHARED = ("modules", "environments")


def list_reclaimable(
    context: Context, print_message: Callable[[str], None], advance: Callable[[int], None]
) -> list[Reclaimable]:
    """Return what can be deleted, with sizes; `print_message` is called for what could not be checked."""
    found = []
    for name, finder in FINDERS.items():
        if context.shared and name not in SHARED:
            continue
        try:
            found += [measure_item(item, context.environ) for item in finder(context)]
        except (StackenvError, OSError) as error:
            problem = "; hint: ".join(filter(None, explain_with_hint(error)))
            print_message(f"{name}: skipped: {problem}")
        advance(1)
    return found
