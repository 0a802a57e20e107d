"""What every command needs: the site configuration, the folder of modules, and its journal."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stackenv.configuration import SiteConfiguration, find_configuration_file, load_configuration
from stackenv.disk.purged_storage import find_purged_storage
from stackenv.environments.store import ModuleStore
from stackenv.errors import BusyError, StackenvError, TakenError, UsageError
from stackenv.output import tell
from stackenv.record import FOLDER
from stackenv.transactions.access import Access
from stackenv.transactions.journal import Journal
from stackenv.transactions.leftovers import read_interrupted, sweep
from stackenv.transactions.scratch import sweep_scratch

# A URL's user and password are all before the last @ in front of its path (RFC 3986, 3.2).
URL_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s]*@")
# How conda has the token in a channel's URL.
URL_TOKEN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^?#\s]*?/t/)[^/?#\s]+")
URL_QUERY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^?#\s]*)\?[^#\s]*")
# The first three end what pip's programs write between double quotes, the last tcsh replaces.
UNFIT = {'"': "pip's programs", "$": "pip's programs", "`": "pip's programs", "!": "tcsh"}


@dataclass(frozen=True)
class Context:
    """The parts that every command needs. `shared` is the root of a project, or None."""

    configuration: SiteConfiguration
    environ: Mapping[str, str]
    store: ModuleStore
    shared: Path | None

    @property
    def journal(self) -> Journal:
        return Journal(self.store.root)

    @property
    def access(self) -> Access:
        """Who may use what is made here."""
        return Access.of_project(self.shared) if self.shared else Access()

    def recover(self) -> None:
        """Undo or finish what killed commands have left; tell what was done, and what could not be."""
        try:
            interrupted = read_interrupted(self.store.root)
            self._recover_journals()
            sweep(self.store.root, interrupted)
        except OSError as error:
            raise StackenvError(
                f"the folder of modules cannot be read: {error.filename or self.store.root}: "
                f"{error.strerror}; nothing was changed",
                f"ls -ld {shlex.quote(str(self.store.root))}",
            ) from error
        sweep_scratch()

    def _recover_journals(self) -> None:
        try:
            with self.access.applied():
                for sentence in self.journal.recover():
                    tell(sentence)
        except StackenvError as error:
            tell(f"what an interrupted command has left is not undone: {error}")

    def check_place(self, path: Path, conda: bool = False) -> Path:
        """Return `path`, in which a new environment can be, without the dots in it.

        Raises
        ------
        UsageError
            When it cannot be on PATH, is on purged storage or inside something else's folder.
        TakenError
            When there is something already.
        """
        path = resolve_dots(path)
        if not path.name or ":" in str(path) or not str(path).isprintable():
            raise UsageError(
                f"{str(path)!r} cannot be on PATH: a colon or a line splits it there", "--path ANOTHER"
            )
        require_fit(path)
        if self.is_purged(path):
            raise UsageError(
                f"{path} is on storage that the site purges of old files: an environment would lose some",
                "--path FOLDER, elsewhere; without --path the site's place is taken",
            )
        self._check_outside(path, conda)
        require_empty(path)
        return path

    def _check_outside(self, path: Path, conda: bool) -> None:
        real = Path(os.path.realpath(path))
        if Path(os.path.realpath(self.store.root)) in (real, *real.parents):
            raise UsageError(
                f"{path} is in the folder of modules, which Lmod searches as a whole", "--path ANOTHER"
            )
        for outer in real.parents:
            # conda itself keeps environments in the folder envs of its own, base.
            if conda and real.parent.name == "envs" and outer == real.parent.parent:
                continue
            if (outer / "pyvenv.cfg").exists() or (outer / "conda-meta").exists():
                raise UsageError(
                    f"{path} is inside the environment {outer}, and would go with it", "--path ANOTHER"
                )

    def choose_environment_folder(self, folder: str) -> Path:
        """Return where the environment `folder` goes: the first usable place of the site configuration.

        Raises
        ------
        StackenvError
            When there is none.
        """
        if self.shared:
            return self.shared / "venvs" / folder
        for template in self.configuration.personal.environments:
            place = template.expand(self.environ)
            if place and place.startswith("/") and Path(place).parent.is_dir():
                return Path(place, folder)
        tried = ", ".join(template.text for template in self.configuration.personal.environments)
        raise StackenvError(
            f"none of the site's places for environments can be used now: {tried} (a variable is not set, "
            "or the folder it is in does not exist)",
            "--path FOLDER",
        )

    def is_purged(self, path: Path) -> bool:
        """Tell whether the site deletes old files at `path`."""
        return bool(find_purged_storage(path, self.environ, self.configuration))

    def describe_use(self) -> str:
        """Return the folder of modules as users type it behind `module use`."""
        home, root = self.environ.get("HOME", ""), str(self.store.root)
        if home and root.startswith(f"{home}/") and shlex.quote(root[len(home) :]) == root[len(home) :]:
            return f"~{root[len(home) :]}"
        return shlex.quote(root)


def open_context(shared: Path | None = None) -> Context:
    """Return where this process works, by its environment.

    Raises
    ------
    ConfigurationError
        When the site configuration is wrong.
    StackenvError
        When the folder of modules depends on a variable that is not set.
    """
    environ = dict(os.environ)
    configuration = load_configuration(find_configuration_file(environ))
    if shared:
        project = check_project(shared.absolute())
        return Context(configuration, environ, ModuleStore(project / "modules"), project)
    root = configuration.personal.modules.expand(environ)
    if not root or not root.startswith("/"):
        raise StackenvError(
            f"the folder of personal modules, {configuration.personal.modules.text}, is unknown: a variable "
            "in it is not set",
            "set it, or have the site name another folder in the site configuration (personal.modules)",
        )
    return Context(configuration, environ, ModuleStore(Path(root)), None)


def check_project(root: Path) -> Path:
    """Return `root`, the folder of a project.

    Raises
    ------
    UsageError
        When there is none.
    """
    if not root.is_dir():
        raise UsageError(
            f"the project's folder {root} does not exist",
            f"its group must be that of the project: mkdir {shlex.quote(str(root))}; chgrp GROUP "
            f"{shlex.quote(str(root))}; chmod g+rwxs {shlex.quote(str(root))}",
        )
    return root


def require_fit(path: Path) -> None:
    """Raise UsageError when not everything works at `path`: there is still a choice."""
    found = [f"{character} ({whose})" for character, whose in UNFIT.items() if character in str(path)]
    if found:
        raise UsageError(
            f"an environment at {str(path)!r} would not work as a whole; what is in the way: "
            f"{', '.join(found)}; nothing was changed",
            "--path ANOTHER",
        )


def tell_unfit(path: Path) -> None:
    """Tell what does not work in the environment at `path`, which is there already."""
    text = str(path)
    if any(character in text for character in '"$`'):
        tell(
            f"WARNING: {text!r} has a character that the programs in its bin break on (pip, and what pip "
            "installs): `python -m pip` works"
        )
    if "!" in text or ("{" in text and "}" in text):
        tell(f"WARNING: {text!r} has a character that tcsh replaces: its module does not work in tcsh")


def resolve_dots(path: Path) -> Path:
    """Return `path` absolute and without `..`, which only the file system knows how to follow.

    Links stay: the user's way to name the place.
    """
    path = path.absolute()
    return Path(os.path.realpath(path)) if ".." in path.parts else path


def require_finished(prefix: Path) -> None:
    """Raise BusyError while a command makes the environment at `prefix`, or what it left is not undone."""
    try:
        proofs = sorted((prefix / FOLDER).glob("unfinished-*"))
    except OSError:
        return
    if proofs:
        raise BusyError(
            f"{prefix} is being made now by another stackenv, or that was interrupted; nothing was changed",
            "wait until it is done; what was interrupted: stackenv list cleans up; if no stackenv works on "
            f"it anywhere: rm {shlex.join(map(str, proofs))}",
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
        raise StackenvError(f"{path} cannot be read: {error.strerror}", "--path ANOTHER_FOLDER") from error
    if os.path.lexists(path):
        what = "is a link" if path.is_symlink() else "exists and is no empty folder"
        raise TakenError(
            f"{path} {what}: it is left alone, and nothing was changed",
            f"if it is an environment: stackenv adopt {shlex.quote(str(path))} NAME; otherwise: "
            "--path ANOTHER_FOLDER",
        )


def read_command_words() -> tuple[str, ...]:
    """Return the command as it was typed, but for what is secret in its URLs: others may read it."""
    return ("stackenv", *map(hide_credentials, sys.argv[1:]))


def hide_credentials(text: str) -> str:
    """Return `text` with `***` for user and password, token and query of each URL in it."""
    return URL_QUERY.sub(r"\1?***", URL_TOKEN.sub(r"\1***", URL_USER.sub(r"\1***@", text)))
