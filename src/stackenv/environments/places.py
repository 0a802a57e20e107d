"""Where an environment can be: the folders of the site and of a project, and which paths are valid."""

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

# The first three end what pip's programs write between double quotes, the last tcsh replaces.
UNFIT = {'"': "pip's programs", "$": "pip's programs", "`": "pip's programs", "!": "tcsh"}
# In an environment: what is run or imported first.
RUN_FIRST = ("", "bin", FOLDER, RECORD_FILE, "pyvenv.cfg", "conda-meta", "etc/conda/activate.d")


def check_place(path: Path, context: Context, conda: bool = False) -> Path:
    """Return `path`, in which a new environment can be, without the dots in it.

    Raises
    ------
    UsageError
        When it cannot be on PATH, is on purged storage or inside something else's folder.
    TakenError
        When there is something already.
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
        When the module cannot be called so, or the environment cannot be there.
    TakenError
        When there is something already.
    BusyError
        When another command changes the module.
    StackenvError
        When there is no usable place.
    """
    full_name = context.store.require_free(name, version)
    context.journal.require_unchanged(full_name)
    return check_place(path or choose_place(name, version, context, conda), context, conda)


def choose_place(name: str, version: str, context: Context, conda: bool = False) -> Path:
    """Return where the new environment NAME/VERSION goes: the first usable place of the site configuration.

    Raises
    ------
    StackenvError
        When there is none.
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
    """Return a new folder for what replaces the environment of `old`: NAME-VERSION-NUMBER, the first free.

    Beside the old one where stackenv made that, and may; otherwise at the site's place.
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
    """Return `path` absolute and without `..`, which only the file system knows how to follow.

    Links stay: the user's way to name the place.
    """
    path = path.absolute()
    return Path(os.path.realpath(path)) if ".." in path.parts else path


def require_on_path(path: Path, hint: str) -> None:
    """Raise UsageError with `hint` when `path` cannot be on PATH and in the lists of modules."""
    if not path.name or ":" in str(path) or not str(path).isprintable():
        raise UsageError(
            f"{str(path)!r} cannot be used in PATH: it contains a colon or a character that cannot be "
            "printed",
            hint,
        )


def require_fit(path: Path) -> None:
    """Raise UsageError when not everything works at `path`: there is still a choice."""
    found = [f"{character} ({whose})" for character, whose in UNFIT.items() if character in str(path)]
    if found:
        raise UsageError(
            f"an environment in {str(path)!r} would not work completely, because of these characters: "
            f"{', '.join(found)}; nothing was changed",
            "choose another folder: --path FOLDER",
        )


def tell_unfit(path: Path) -> None:
    """Tell what does not work in the environment at `path`, which is there already."""
    text = str(path)
    if any(character in text for character in '"$`'):
        print_warning(
            f"{text!r} contains a character that breaks the programs in its bin (pip, and those that "
            "pip installs); `python -m pip` works"
        )
    if "!" in text or ("{" in text and "}" in text):
        print_warning(f"{text!r} contains a character that tcsh replaces: its module does not work in tcsh")


def require_outside(path: Path, context: Context, conda: bool) -> None:
    """Raise UsageError when `path` is in the folder of modules or in another environment."""
    real = Path(os.path.realpath(path))
    if Path(os.path.realpath(context.store.root)) in (real, *real.parents):
        raise UsageError(
            f"{path} is in the folder of modules, all of which Lmod searches",
            "choose another folder: --path FOLDER",
        )
    for outer in real.parents:
        # conda itself keeps environments in the folder envs of its own, base.
        if conda and real.parent.name == "envs" and outer == real.parent.parent:
            continue
        if any((outer / mark).exists() for mark in ENVIRONMENT_MARKS):
            raise UsageError(
                f"{path} is inside the environment {outer} and would be deleted with it",
                "choose another folder: --path FOLDER",
            )


def require_finished(prefix: Path) -> None:
    """Raise BusyError while a command makes the environment at `prefix`, or what it left is not undone."""
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
    """Raise TakenError when there is something at `path` other than an empty folder.

    Raises
    ------
    BusyError
        When another command is making an environment there.
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
    """Return a new file by which an unfinished environment at `path` is known as this command's."""
    return Path(path, FOLDER, f"unfinished-{uuid.uuid4().hex}")


def plan_folder(path: Path, mark: Path) -> Step:
    """Return the step that makes the folder `path` of a new environment, with its `mark`."""
    undo = (RemoveTree(str(path), str(mark)),)
    return Step(f"create the folder {path}", lambda: make_folder(path, mark), undo)


def make_folder(path: Path, mark: Path) -> None:
    """Make the folder `path` with the file `mark` in it; what exists must be an empty folder.

    Raises
    ------
    TakenError
        When there is something already.
    StackenvError
        When it cannot be made.
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
    """Return the step that gives a project's group access to the environment at `path`; none without one."""
    if context.access.group is None:
        return ()
    sentence = f"{whose and f'{whose}: '}give the group of {context.shared} access"
    return (Step(sentence, lambda: context.access.give_tree(path)),)
