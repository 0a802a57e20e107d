"""Chooses and checks the folder of an environment: the site's, the project's, or the user's choice."""

from __future__ import annotations

import itertools
import os
import shlex
import uuid
from collections.abc import Iterator
from pathlib import Path

from stackenv.disk.purged_storage import find_purged_folder
from stackenv.environments.context import Context
from stackenv.environments.store import ENVIRONMENT_MARKS
from stackenv.errors import BusyError, StackenvError, TakenError, UsageError, quote_word
from stackenv.output import print_warning
from stackenv.record import FOLDER, RECORD_FILE, Record
from stackenv.transactions.changes import RemoveTree
from stackenv.transactions.transaction import Step

# The first three break the double-quoted path in the programs that pip installs; tcsh replaces the last.
UNFIT = {'"': "pip's programs", "$": "pip's programs", "`": "pip's programs", "!": "tcsh"}
# The files and folders in an environment that are run or imported first.
RUN_FIRST = ("", "bin", FOLDER, RECORD_FILE, "pyvenv.cfg", "conda-meta", "etc/conda/activate.d")


def check_place(path: Path, context: Context, conda: bool = False) -> Path:
    """Return `path` without dots if a new environment can be created there.

    Raises
    ------
    UsageError
        If it cannot be on PATH, is on purged storage, in the folder of modules or in another environment.
    TakenError
        If it exists and is not an empty folder.
    """
    path = resolve_dots(path)
    require_on_path(path, "choose another folder: --path FOLDER")
    require_fit(path)
    if is_purged(path, context):
        raise UsageError(
            f"{path} is on storage from which the site deletes old files: the environment would lose files",
            "choose another folder: --path FOLDER; without --path, the site's default folder is used",
        )
    require_outside(path, context, conda)
    require_empty(path)
    return path


def choose_path(name: str, version: str, path: Path | None, context: Context, conda: bool = False) -> Path:
    """Return the folder of the new environment NAME/VERSION: `path`, or without it the first usable place.

    Raises
    ------
    UsageError
        If the name is not valid, or the environment cannot be created in that folder.
    TakenError
        If the module or the folder already exists.
    BusyError
        If another command is changing the module.
    StackenvError
        If no folder of the site configuration can be used.
    """
    full_name = context.store.require_free(name, version)
    context.journal.require_unchanged(full_name)
    return check_place(path or choose_place(name, version, context, conda), context, conda)


def choose_place(name: str, version: str, context: Context, conda: bool = False) -> Path:
    """Return the folder for the new environment NAME/VERSION: the first usable one of the configuration.

    Raises
    ------
    StackenvError
        If there is none.
    """
    folder = f"{name}-{version}"
    if context.shared:
        return context.shared / ("envs" if conda else "venvs") / folder
    place = next(list_conda_places(context) if conda else list_venv_places(context), None)
    if place:
        return Path(place, folder)
    if conda:
        raise StackenvError(
            "none of the site's folders for conda environments is available", "choose a folder: --path FOLDER"
        )
    tried = ", ".join(template.text for template in context.configuration.personal.environments)
    raise StackenvError(
        f"none of the site's folders for environments is available: {tried} (a variable is not set, or "
        "the parent folder does not exist)",
        "choose a folder: --path FOLDER",
    )


def list_venv_places(context: Context) -> Iterator[Path]:
    """Yield the site's places for venvs that can be used now, the preferred first."""
    for template in context.configuration.personal.environments:
        place = template.expand(context.environ)
        if place and place.startswith("/") and Path(place).parent.is_dir():
            yield Path(place)


def list_conda_places(context: Context) -> Iterator[Path]:
    """Yield the site's places for conda environments that can be used now, the preferred first."""
    for place in context.configuration.conda.storage:
        parent = place.parent.expand(context.environ)
        if parent and parent.startswith("/") and Path(parent).is_dir():
            yield Path(parent, place.environments)


def choose_next_place(old: Record, context: Context) -> Path:
    """Return a new folder for the successor of the environment of `old`: the first free NAME-VERSION-NUMBER.

    It is beside the old folder if stackenv created that and may write there, otherwise in the site's folder.
    """
    parent, conda = Path(old.path).parent, old.kind == "conda"
    beside = old.owned and os.access(parent, os.W_OK | os.X_OK) and not is_purged(parent, context)
    for number in itertools.count(2):
        version = f"{old.version}-{number}"
        path = parent / f"{old.name}-{version}" if beside else choose_place(old.name, version, context, conda)
        if not os.path.lexists(path):
            return check_place(path, context, conda)
    raise AssertionError("there is always a next number")


def is_purged(path: Path, context: Context) -> bool:
    """Return whether the site deletes old files at `path`."""
    return bool(find_purged_folder(path, context.environ, context.configuration))


def resolve_dots(path: Path) -> Path:
    """Return `path` as an absolute path without `..`.

    If it contains `..`, links are resolved, because only the file system knows where `..` leads behind a
    link. Otherwise links stay as the user wrote them.
    """
    path = path.absolute()
    return Path(os.path.realpath(path)) if ".." in path.parts else path


def require_on_path(path: Path, hint: str) -> None:
    """Raise UsageError with `hint` if `path` cannot be an entry of PATH or a path in a modulefile."""
    if not path.name or ":" in str(path) or not str(path).isprintable():
        raise UsageError(
            f"{str(path)!r} cannot be used in PATH: it contains a colon or a character that cannot be "
            "printed",
            hint,
        )


def require_fit(path: Path) -> None:
    """Raise UsageError if something would not work in an environment at `path`, which is not created yet."""
    found = [f"{character} ({whose})" for character, whose in UNFIT.items() if character in str(path)]
    if found:
        raise UsageError(
            f"an environment in {str(path)!r} would not work completely, because of these characters: "
            f"{', '.join(found)}; nothing was changed",
            "choose another folder: --path FOLDER",
        )


def print_path_warnings(path: Path) -> None:
    """Print warnings for what does not work in the existing environment at `path`."""
    text = str(path)
    if any(character in text for character in '"$`'):
        print_warning(
            f"{text!r} contains a character that breaks the programs in its bin (pip, and those that "
            "pip installs); `python -m pip` works"
        )
    if "!" in text or ("{" in text and "}" in text):
        print_warning(f"{text!r} contains a character that tcsh replaces: its module does not work in tcsh")


def require_outside(path: Path, context: Context, conda: bool) -> None:
    """Raise UsageError if `path` is in the folder of modules or in another environment."""
    real = Path(os.path.realpath(path))
    if Path(os.path.realpath(context.store.root)) in (real, *real.parents):
        raise UsageError(
            f"{path} is in the folder of modules, all of which Lmod searches",
            "choose another folder: --path FOLDER",
        )
    for outer in real.parents:
        # conda itself keeps environments in the folder envs of its base environment.
        if conda and real.parent.name == "envs" and outer == real.parent.parent:
            continue
        if any((outer / mark).exists() for mark in ENVIRONMENT_MARKS):
            raise UsageError(
                f"{path} is inside the environment {outer} and would be deleted with it",
                "choose another folder: --path FOLDER",
            )


def require_finished(prefix: Path) -> None:
    """Raise BusyError if a command is creating the environment at `prefix`, or was killed meanwhile."""
    try:
        marks = sorted((prefix / FOLDER).glob("unfinished-*"))
    except OSError:
        return
    if marks:
        raise BusyError(
            f"{prefix} is being created by another stackenv, or that was interrupted; nothing was changed",
            "wait until it is done; to clean up after an interruption: stackenv list; if no stackenv "
            f"is working on it anywhere: rm {shlex.join(map(str, marks))}",
        )


def require_empty(path: Path) -> None:
    """Raise TakenError if `path` exists and is not an empty folder.

    Raises
    ------
    BusyError
        If another command is creating an environment there.
    """
    require_finished(path)
    try:
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            return
    except OSError as error:
        raise StackenvError(
            f"{path} cannot be read: {error.strerror}", "choose another folder: --path FOLDER"
        ) from error
    if os.path.lexists(path):
        what = "is a link" if path.is_symlink() else "exists and is not an empty folder"
        raise TakenError(
            f"{path} {what}; nothing was changed",
            f"if it is an environment: stackenv adopt {shlex.quote(str(path))} NAME; otherwise choose "
            "another folder: --path FOLDER",
        )


def name_mark(path: str) -> Path:
    """Return a new path in `path` for the file that marks the unfinished environment as this command's."""
    return Path(path, FOLDER, f"unfinished-{uuid.uuid4().hex}")


def plan_folder(path: Path, mark: Path) -> Step:
    """Return the step that creates the folder `path` of a new environment, with the file `mark`."""
    undo = (RemoveTree(str(path), str(mark)),)
    return Step(f"create the folder {path}", lambda: make_folder(path, mark), undo)


def make_folder(path: Path, mark: Path) -> None:
    """Create the folder `path` with the file `mark` in it; an empty folder may exist already.

    Raises
    ------
    TakenError
        If `path` exists and is not an empty folder.
    StackenvError
        If it cannot be created.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        require_empty(path)
        path.mkdir(exist_ok=True)
        mark.parent.mkdir(exist_ok=True)
        mark.touch(exist_ok=False)
    except OSError as error:
        raise StackenvError(
            f"{path} could not be created: {error.strerror}",
            f"ls -ld {quote_word(path.parent)}; df -h {quote_word(path.parent)}",
        ) from error


def plan_access(path: Path, context: Context, whose: str = "") -> tuple[Step, ...]:
    """Return the step that gives a project's group access to the environment at `path`.

    There is no step if the environment belongs to no project.
    """
    if context.access.group is None:
        return ()
    sentence = f"{whose and f'{whose}: '}give the group of {context.shared} access"
    return (Step(sentence, lambda: context.access.share_tree(path)),)
