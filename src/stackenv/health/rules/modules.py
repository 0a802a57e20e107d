"""A start-up file loads modules that are not available."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from stackenv.account.account import Account
from stackenv.account.start_modules import Load, list_loads, list_used_folders
from stackenv.health.finding import Finding
from stackenv.lmod.bindings import Lmod


def find(account: Account) -> Iterator[Finding]:
    """Yield a finding for each line that loads, whatever the conditions in its file say, what Lmod lacks.

    A module of a folder that one of the files uses is there, and so is one of a hierarchy. Where a folder
    cannot be known before a shell has run the file, nothing is said.
    """
    loads = [(file, load) for file in account.start_files for load in list_loads(file)]
    folders = list_used_folders(account.start_files, account.environ)
    modulepath = account.environ.get("MODULEPATH", "")
    if not loads or folders is None or not modulepath:
        return
    # The module of stackenv itself may have been purged, which uses the folder of the user's own.
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
            yield report(f"{file.path}:{load.line}", load, gone, lmod, folders)


def is_file_of_module(name: str, folders: Sequence[str]) -> bool:
    """Tell whether one of `folders` has the module, or a folder of its versions, just as it is named."""
    paths = (Path(folder, name) for folder in folders if folder)
    return any(path.exists() or Path(f"{path}.lua").exists() for path in paths)


def report(where: str, load: Load, gone: Sequence[str], lmod: Lmod, folders: Sequence[Path]) -> Finding:
    """Return the finding that the modules `gone`, of those of `load`, are not available."""
    shell, when = ("shell", "login and each job") if not load.interactive else ("interactive shell", "login")
    are = "is" if len(gone) == 1 else "are"
    others = [m for name in gone for m in lmod.available(name.split("/")[0]) if is_version_of(m, name)]
    instead = f" (there are: {', '.join(others)})" if others else ""
    away = [str(folder) for folder in folders if not folder.is_dir()]
    used = f"; `module use` leads to a folder that does not exist: {', '.join(away)}" if away else ""
    return Finding(
        "modules-at-login",
        "broken",
        f"each new {shell} runs `{load.command}`, and {', '.join(gone)} {are} not available{used}",
        where,
        f"Lmod loads none of the modules of that line, and prints an error in each {when}",
        f"change the name in that line{instead}, or delete the line; module spider {gone[0].split('/')[0]}",
    )


def is_version_of(full_name: str, name: str) -> bool:
    """Tell whether the module `full_name` is another version of the module `name`."""
    return full_name.split("/")[0] == name.split("/")[0]
