"""The site's modules: no longer available, loaded over conda, or missing from Lmod's cache."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from stackenv.account.account import Account
from stackenv.account.start_modules import Load, list_loads, list_used_folders
from stackenv.environments.added_files import FIRST_PTH
from stackenv.errors import ModuleError, quote_word
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding, RunCommand
from stackenv.lmod.bindings import Lmod
from stackenv.lmod.versions import name_of
from stackenv.plain_files import read_file_bytes


def find_modules_gone(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding when its modules cannot be loaded, with the modules that can replace them."""
    record = environment.record
    if record is None or not record.modules:
        return
    try:
        _ = environment.stack
    except ModuleError as error:
        lmod = Lmod.find({**environment.environ, "MODULEPATH": environment.modulepath})
        instead = lmod.list_replacements(record.modules)
        gone = [module for module, found in instead.items() if module != found]
        modules = " ".join(f"-m {m}" for m in lmod.replace_missing(record.modules)) or "-m MODULE"
        yield Finding(
            "modules-gone",
            "broken",
            f"{', '.join(gone)} {'is' if len(gone) == 1 else 'are'} no longer available"
            if gone
            else f"{', '.join(record.modules)} cannot be loaded: {error.message.splitlines()[-1]}",
            str(environment.modulefile),
            f"`module load {environment.full_name}` fails in shells, in jobs and in Jupyter",
            f"stackenv rebuild {environment.full_name} {modules}",
            breaks="environment",
        )


def find_other_tree(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding when MODULEPATH has its modules in a different software tree from when it was created.

    A site may have a tree for each kind of CPU, with the same module names. A tree that MODULEPATH contains,
    too, or that is the same folder by another path, does not count.
    """
    record, name = environment.record, environment.full_name
    if record is None or not (record.python and record.python.module):
        return
    now = [folder for folder in environment.environ.get("MODULEPATH", "").split(":") if folder]
    for module in record.modules:
        there, made_on = (find_folder(module, folders) for folders in (now, record.modulepath.split(":")))
        if not (there and made_on) or {*map(os.path.realpath, now)} & {os.path.realpath(made_on)}:
            continue
        yield Finding(
            "other-tree",
            "warning",
            f"it was created with the modules in {made_on}, but MODULEPATH here has {there}",
            str(environment.modulefile),
            f"{record.python.executable}, perhaps built for another CPU, runs with packages for this one",
            f"create one for this tree, too: stackenv export {name} > {record.name}.yaml; stackenv create "
            f"{record.name}-here --from {record.name}.yaml",
        )
        return


def find_folder(module: str, folders: Sequence[str]) -> str:
    """Return the first of `folders` that has the modulefile of `module`; empty if none has."""
    return next((folder for folder in folders if folder and Path(folder, f"{module}.lua").is_file()), "")


def find_modules_at_login(account: Account) -> Iterator[Finding]:
    """Yield a finding for each line of a start-up file that loads a module that is not available.

    Conditions in the file are ignored. Modules in folders that one of the files uses, and modules of a
    hierarchy, count as available. If a folder is known only to a shell that runs the file, nothing is found.
    """
    loads = [(file, load) for file in account.start_files for load in list_loads(file)]
    folders = list_used_folders(account.start_files, account.environ)
    modulepath = account.environ.get("MODULEPATH", "")
    if not loads or folders is None or not modulepath:
        return
    # The module stackenv, which uses the folder of the user's own modules, may not be loaded now.
    own = account.configuration.personal.modules.expand(account.environ)
    searched = list(dict.fromkeys([*modulepath.split(":"), *map(str, folders), *([own] if own else [])]))
    doubtful = {name for _, load in loads for name in load.names if not is_file_of_module(name, searched)}
    if not doubtful:
        return
    lmod = Lmod.find({**account.environ, "MODULEPATH": ":".join(searched)})
    unknown = {name for name in doubtful if not lmod.knows(name)}
    for file, load in loads:
        gone = [name for name in load.names if name in unknown]
        if gone:
            yield report_not_available(f"{file.path}:{load.line}", load, gone, lmod, folders)


def is_file_of_module(name: str, folders: Sequence[str]) -> bool:
    """Return whether one of `folders` has a module, or a folder of versions, with exactly this name."""
    paths = (Path(folder, name) for folder in folders if folder)
    return any(path.exists() or Path(f"{path}.lua").exists() for path in paths)


def report_not_available(
    where: str, load: Load, gone: Sequence[str], lmod: Lmod, folders: Sequence[Path]
) -> Finding:
    """Return the finding that the modules `gone`, of those of `load`, are not available."""
    shell, when = (
        ("shell", "login and in each job") if not load.interactive else ("interactive shell", "login")
    )
    are = "is" if len(gone) == 1 else "are"
    others = [m for name in gone for m in lmod.available(name_of(name)) if is_version_of(m, name)]
    instead = f" (available: {', '.join(others)})" if others else ""
    away = [str(folder) for folder in folders if not folder.is_dir()]
    used = f"; `module use` names a folder that does not exist: {', '.join(away)}" if away else ""
    return Finding(
        "modules-at-login",
        "broken",
        f"each new {shell} runs `{load.command}`, but {', '.join(gone)} {are} not available{used}",
        where,
        f"Lmod loads none of the modules on that line, and prints an error at each {when}",
        f"change the name in that line{instead}, or delete the line; to search: module spider "
        f"{gone[0].split('/')[0]}",
    )


def is_version_of(full_name: str, name: str) -> bool:
    """Return whether the module `full_name` is another version of the module `name`."""
    return name_of(full_name) in (name, name_of(name))


VARIABLES = ("PYTHONPATH", "EBPYTHONPREFIXES")


def find_stack_over_conda(account: Account) -> Iterator[Finding]:
    """Yield a finding when a module takes precedence over the conda environment that is active in this shell.

    Modules that were loaded before the activation are hidden, and in an environment with a personal module
    later ones are, too (modulefiles/libexec/hide_modules.py has the same rule).
    """
    environ = account.environ
    prefix, root = environ.get("CONDA_PREFIX", ""), environ.get("STACKENV_CONDA_ROOT", "")
    # Another conda hides nothing; and the rule `managed-files` reports an environment with a personal module
    # that has lost its files.
    if not prefix or not root or prefix in (root, environ.get("STACKENV_CONDA_ENV")):
        return
    if not account.configuration.conda.hide_modules or hides_modules(Path(prefix)):
        return
    roots = [root for name, root in environ.items() if name.startswith("EBROOT") and root.strip("/")]
    roots += account.configuration.conda.module_roots
    entries = [entry for variable in VARIABLES for entry in environ.get(variable, "").split(":")]
    late = [e for e in entries if is_within(e, roots) and not is_within(e, [prefix])]
    if not late:
        return
    name = environ.get("CONDA_DEFAULT_ENV") or prefix
    yield Finding(
        "stack-over-conda",
        "warning",
        f"{name_module(late, environ)} was loaded after `conda activate {name}` and takes precedence over "
        "the environment",
        f"environment variables {' and '.join(v for v in VARIABLES if environ.get(v))}",
        "Python imports the module's packages first, and pip considers them installed",
        f"to put the environment first: conda activate {quote_word(name)}; or create a module for it, which "
        f"works in any order: stackenv adopt {quote_word(prefix)}",
    )


def is_within(path: str, folders: Iterable[str]) -> bool:
    """Return whether `path` is one of `folders` or below one."""
    return any(f"{path}/".startswith(f"{folder.rstrip('/')}/") for folder in folders)


def hides_modules(prefix: Path) -> bool:
    """Return whether the Python of the conda environment at `prefix` hides modules when it starts."""
    return any(prefix.glob(f"lib/python*/site-packages/{FIRST_PTH}"))


def name_module(entries: list[str], environ: Mapping[str, str]) -> str:
    """Return the last loaded module that added one of `entries`; the first entry if none is found."""
    loaded = environ.get("LOADEDMODULES", "").split(":")
    named = [module for module in loaded if any(f"/{module}/" in f"{entry}/" for entry in entries)]
    return named[-1] if named else entries[0]


# Up to Lmod 8.7.14, without dot files, and later.
CACHE_FOLDERS = (".lmod.d/.cache", ".lmod.d/__cache__", ".cache/lmod")
CACHE_VALID_S = 86400
# The keys of the outer table are folders (libexec/serializeTbl.lua), in the compiled file, too.
COVERED = re.compile(rb"""["'\x00-\x1f\x80-\xff](/[^"'\x00-\x1f\x80-\xff]+)""")


def find_lmod_cache(account: Account) -> Iterator[Finding]:
    """Yield a finding for each of the user's Lmod caches that is in use and lacks new modules."""
    modulepath = [folder for folder in account.environ.get("MODULEPATH", "").split(":") if folder]
    for folder in (account.home / name for name in CACHE_FOLDERS):
        files = sorted(path for path in folder.glob("spiderT*") if path.is_file())
        if not files or (folder / "invalidated").exists():
            continue
        # The oldest counts, because Lmod reads the compiled file first.
        written = min(path.stat().st_mtime for path in files)
        if written < time.time() - read_valid_s(account):
            continue
        covered = {
            m.decode("utf-8", "replace") for path in files for m in COVERED.findall(read_file_bytes(path))
        }
        changed = [place for place in modulepath if place in covered and is_newer(Path(place), written)]
        if changed:
            fix = RunCommand(("rm", *map(str, files)))
            yield Finding(
                "lmod-cache",
                "warning",
                f"Lmod's cache is older than the modules in {', '.join(changed)}",
                str(files[0]),
                "until the cache is a day old, `module spider` does not find new modules there, but "
                "lists removed ones; so does `module load` with LMOD_CACHED_LOADS; Lmod rebuilds the cache",
                f"{fix.sentence}; or, for one search: module --ignore_cache spider",
                (fix,),
            )


def read_valid_s(account: Account) -> int:
    """Return for how many seconds Lmod uses a cache."""
    text = account.environ.get("LMOD_ANCIENT_TIME", "")
    return int(text) if text.isdigit() else CACHE_VALID_S


def is_newer(folder: Path, written: float) -> bool:
    """Return whether a module was added or removed below `folder` since `written`, by the folders' times."""
    with contextlib.suppress(OSError):
        if folder.stat().st_mtime > written:
            return True
        with os.scandir(folder) as entries:
            below = [Path(entry.path) for entry in entries if entry.is_dir() and entry.name[0] != "."]
        return any(is_newer(entry, written) for entry in below)
    return False
