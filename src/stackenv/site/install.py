"""The module of a conda or a stackenv that EasyBuild did not install, but a person, Spack or Ansible.

Does what the hooks do, except emptying the package cache, and removes again what it or the hooks wrote. A
note in its folder lists the modulefiles that it wrote for the installation; without the note, the folder was
written by the hooks.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from stackenv import STACKENV_UUID
from stackenv.conda.install import is_foreign, opened_for_writing
from stackenv.conda.installation import check_root
from stackenv.conda.module import LIBEXEC
from stackenv.configuration.loader import load_configuration
from stackenv.configuration.site_file import find_configuration_file
from stackenv.errors import InstallationError, StackenvError, TakenError, UsageError, quote_word
from stackenv.modulefile.lua_string import quote_lua
from stackenv.output import print_message, print_warning
from stackenv.plain_files import read_file_text
from stackenv.site.exchange import exchanged, kept, locked, readable_for_all, staged_folder
from stackenv.site.load_test import LoadTestReport
from stackenv.site.readers import find_closed
from stackenv.site.software import MAKE_VENV, Software, describe_software, find_software
from stackenv.transactions.files import write_file
from stackenv.transactions.interruption import ignore_stopping, stopping_at_signals

# The first line of a modulefile that stackenv wrote entirely, without a part of EasyBuild's.
WRITTEN = f"-- {STACKENV_UUID} written by `stackenv site install`"
BY_HOOKS = (
    "EasyBuild wrote it with stackenv's hooks; to update it: eb --hooks=$(stackenv site hooks) --module-only "
    "--force EASYCONFIG"
)
NOTE = f"{LIBEXEC}/site-install.json"
STAGED = ".stackenv-new"


@dataclass(frozen=True)
class SiteModule:
    """An installation, and the modulefile that will point to it."""

    software: Software
    modulefile: Path

    @property
    def root(self) -> str:
        """The prefix of the installation."""
        return self.software.root

    @property
    def steps(self) -> tuple[str, ...]:
        """What an install does, as sentences."""
        shells = self.software.configuration.conda.load_test.shells
        outside = (os.path.relpath(path, self.root) for path in self.software.list_outside())
        return (
            f"write into {self.root}: {', '.join((f'the folder {LIBEXEC}', *outside))}",
            f"load {self.software.module} in each of these shells that is installed: {', '.join(shells)}",
            f"write the modulefile {self.modulefile}",
        )

    def render(self) -> str:
        """Return the text of the modulefile."""
        about = (
            f"Name: {self.software.name}",
            f"Version: {self.modulefile.stem}",
            f"Description: {self.software.summary}",
        )
        lines = "".join(f"whatis({quote_lua(line)})\n" for line in about)
        return f"{WRITTEN}\n{lines}\n{self.software.render()}"


def plan_module(name: str, version: str, root: str, modulefile: Path, file: Path | None) -> SiteModule:
    """Return the requested module; `file` is the site configuration, by default the active one.

    Raises
    ------
    UsageError
        If the software is unknown, or the name does not match the modulefile.
    InstallationError
        If the software is not at `root`.
    TakenError
        If there is a modulefile that `stackenv site install` did not write, or the hooks have been used.
    StackenvError
        If something cannot be written.
    """
    modulefile = modulefile.absolute()
    if (modulefile.parent.name, modulefile.name) != (name, f"{version}.lua"):
        place = modulefile.parent if modulefile.parent.name == name else modulefile.parent / name
        raise UsageError(
            f"{modulefile} does not match the module name {name}/{version}",
            f"--modulefile {quote_word(place / f'{version}.lua')}",
        )
    configuration = load_configuration(find_configuration_file(os.environ, file))
    software = find_software(name, f"{name}/{version}", root, configuration)
    require_own(modulefile)
    module = SiteModule(software, modulefile)
    if Path(module.root, LIBEXEC).exists() and not Path(module.root, NOTE).is_file():
        raise TakenError(f"{module.root} was already set up by the EasyBuild hooks", BY_HOOKS)
    if software.is_complete:
        raise InstallationError(
            f"{module.root} is not a virtual environment: {module.root}/pyvenv.cfg not found", MAKE_VENV
        )
    require_possible(module)
    return module


def require_own(modulefile: Path) -> None:
    """Raise TakenError if `stackenv site install` did not write what is at `modulefile`."""
    if not os.path.lexists(modulefile):
        return
    text = read_file_text(modulefile, errors="replace") if modulefile.is_file() else ""
    if modulefile.is_symlink() or not text.startswith(WRITTEN):
        aside = f"mv {quote_word(modulefile)} {quote_word(f'{modulefile}.old')}"
        raise TakenError(
            f"{modulefile} was not written by `stackenv site install` and is left unchanged",
            BY_HOOKS if STACKENV_UUID in text else aside,
        )


def require_possible(module: SiteModule) -> None:
    """Raise StackenvError if something is in the way or cannot be written, before anything is written."""
    for file in module.software.list_files_outside():
        if not file.yields and is_foreign(Path(file.path)):
            raise StackenvError(
                f"{file.path} already exists and was not written by stackenv; nothing was changed",
                "move it away, or move its contents to conda.condarc in the site configuration",
            )
    inside = [Path(module.root, name) for name in (".", "libexec", LIBEXEC, "condarc.d", "conda-meta")]
    for folder in (*inside, *module.modulefile.parents):
        if os.path.lexists(folder) and (
            not folder.is_dir() or (folder in inside[2:] and folder.is_symlink())
        ):
            raise StackenvError(
                f"{folder} is not a folder; nothing was changed", f"ls -ld {quote_word(folder)}; move it away"
            )
    there = [folder for folder in inside if folder.is_dir()]
    require_changeable([*there, next(path for path in module.modulefile.parents if path.is_dir())])


def require_changeable(folders: Sequence[Path]) -> None:
    """Raise StackenvError for one of `folders` that this user cannot write to, whatever its mode."""
    for folder in folders:
        read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
        if read_only or not (os.access(folder, os.W_OK) or folder.stat().st_uid == os.geteuid()):
            why = "is on a read-only file system" if read_only else "is not writable by you"
            raise StackenvError(f"{folder} {why}; nothing was changed", f"ls -ld {quote_word(folder)}")


Warn = Callable[[str, str], None]


def install(module: SiteModule, warn: Warn = print_warning) -> LoadTestReport:
    """Write the files, and then the modulefile, once it loads; return the report of the load test.

    `warn` is called with what may not work, and what to type. If anything fails, or a signal arrives,
    everything is restored.

    Raises
    ------
    BusyError
        If another run is changing this installation.
    VerificationError
        If the modulefile does not load in a shell.
    StackenvError
        If something cannot be written, or would be overwritten.
    """
    software, root = module.software, Path(module.root)
    for warning in software.check():
        warn(warning, "")
    text = module.render()
    # On a signal, the blocks end from the innermost to the outermost, and each undoes its step.
    with stopping_at_signals(), locked(root), opened_for_writing(root), readable_for_all():  # noqa: SIM117
        with staged_folder(root / STAGED) as staged:
            for warning in software.stage(staged):
                warn(warning, "")
            write_note(module, staged)
            tested = put_in_place(module, staged, text, warn)
    warn_of_unreadable(module, warn)
    return tested


def put_in_place(module: SiteModule, staged: Path, text: str, warn: Warn) -> LoadTestReport:
    """Put the contents of `staged` in place, load the modulefile `text`, and write it; return the test
    report.
    """
    software, place = module.software, Path(module.root, LIBEXEC)
    with exchanged(staged, place), kept([*software.list_outside(), module.modulefile]):
        for warning in software.install_outside():
            warn(warning, "")
        for done in software.settle(emptying=False):
            print_message(done)
        tested = software.test(text)
        for warning in tested.warnings:
            warn(warning, "")
        write_file(module.modulefile, text, by_umask=True)
        # Everything is complete: from here on, nothing is undone.
        ignore_stopping()
    return tested


def write_note(module: SiteModule, staged: Path) -> None:
    """Write a note into `staged`, stackenv's new folder, that lists the modulefiles of the installation."""
    modulefiles = dict.fromkeys([*read_existing(module.root), str(module.modulefile)])
    write_file(staged / Path(NOTE).name, json.dumps(list(modulefiles)) + "\n", by_umask=True)


def read_note(root: str) -> list[str]:
    """Return the modulefiles that `site install` wrote for the installation, also those that were removed."""
    try:
        noted = json.loads(read_file_text(Path(root, NOTE)))
    except (OSError, ValueError):
        return []
    return [str(path) for path in noted] if isinstance(noted, list) else []


def read_existing(root: str) -> list[str]:
    """Return the modulefiles that `site install` wrote for the installation and that still exist."""
    return [path for path in read_note(root) if os.path.lexists(path)]


def warn_of_unreadable(module: SiteModule, warn: Warn) -> None:
    """Warn if file modes, from this or an earlier umask, stop users from reading or running files."""
    if module.software.is_unreadable():
        quoted_root = quote_word(module.root)
        warn(f"users cannot run the programs in {module.root}", f"chmod -R a+rX {quoted_root}")
    beside = (path.parent for path in module.software.list_outside())
    # Lmod must be able to list the modules folders.
    places = (Path(module.root, LIBEXEC), *beside, *module.modulefile.parents[:2])
    closed = [str(path) for path in find_closed(places)]
    if closed:
        warn(f"users cannot enter {', '.join(closed)}", f"chmod a+rx {shlex.join(closed)}")


@dataclass(frozen=True)
class Uninstallation:
    """What an uninstallation removes: the modulefile, and with the last one stackenv's files.

    Parameters
    ----------
    places
        What is removed, in this order. The modulefile comes first, so that no one loads it any more; one that
        EasyBuild wrote is kept. Nothing is removed from an installation that has another module.
    others
        The modulefiles of those other modules.
    """

    root: Path
    modulefile: Path
    places: tuple[Path, ...]
    others: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """What it does, as sentences."""
        left = (
            [f"keep stackenv's files in {self.root}, which {', '.join(self.others)} needs"]
            if self.others
            else []
        )
        return (*(f"remove {path}" for path in self.places), *left)

    def carry_out(self) -> None:
        """Remove the files, and the folders that are empty afterwards.

        Raises
        ------
        BusyError
            If another run is changing this installation.
        """
        with locked(self.root), opened_for_writing(self.root):
            for number, place in enumerate(self.places):
                try:
                    if place.is_dir():
                        shutil.rmtree(place)
                    else:
                        place.unlink(missing_ok=True)
                except OSError as error:
                    gone, left = self.places[:number], self.places[number:]
                    also = f"; already removed: {', '.join(map(str, gone))}" if gone else ""
                    raise StackenvError(
                        f"{place} could not be removed: {error.strerror}{also}",
                        f"to remove the rest: rm -r {shlex.join(map(str, left))}",
                    ) from error
            if self.others:
                write_file(self.root / NOTE, json.dumps(list(self.others)) + "\n")
            emptied = [self.modulefile.parent]
            emptied += [] if self.others else [self.root / "libexec", self.root / "condarc.d"]
            for folder in emptied:
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()


def plan_uninstallation(root: str, modulefile: Path, file: Path | None) -> Uninstallation:
    """Return what is removed from the installation at `root`, and its modulefile.

    Files that the hooks wrote are removed once EasyBuild has written the modulefile without them.

    Raises
    ------
    TakenError
        If `stackenv site install` did not write the modulefile.
    StackenvError
        If it did not write it for this installation, or cannot change the installation, or if a modulefile
        still needs the files that the hooks wrote.
    """
    root, modulefile = check_root(root), modulefile.absolute()
    name = modulefile.parent.name
    configuration = load_configuration(find_configuration_file(os.environ, file))
    software = describe_software(name, f"{name}/{modulefile.stem}", root, configuration)
    if Path(root, LIBEXEC).is_dir() and not Path(root, NOTE).is_file():
        require_without_hooks(root, modulefile)
        require_changeable([Path(root)])
        return Uninstallation(Path(root), modulefile, (Path(root, LIBEXEC), *software.list_removable()))
    require_own(modulefile)
    noted = read_existing(root)
    # An uninstallation that was killed has removed the modulefile first.
    if str(modulefile) not in read_note(root):
        hint = f"choose --modulefile from {', '.join(noted)}" if noted else ""
        raise StackenvError(
            f"{modulefile} was not written by `stackenv site install` for {root}; nothing was changed", hint
        )
    require_changeable([Path(root), modulefile.parent])
    others = tuple(path for path in noted if path != str(modulefile))
    places = () if others else (Path(root, LIBEXEC), *software.list_removable())
    return Uninstallation(Path(root), modulefile, (modulefile, *places), others)


def require_without_hooks(root: str, modulefile: Path) -> None:
    """Raise StackenvError unless EasyBuild's `modulefile` points to `root` and lacks stackenv's part.

    Other modulefiles beside it, such as hidden ones, must not have that part and point there either.
    EasyBuild's copies of replaced modulefiles, VERSION.bak_TIME, may: Lmod does not treat them as modules.
    """
    leads = re.compile(rf"(?<![\w/.+-]){re.escape(root)}(?![\w/.+-])")
    candidates = [modulefile, *sorted(modulefile.parent.glob("*.lua"))]
    texts = {path: read_file_text(path, errors="replace") for path in candidates if path.is_file()}
    leading = {path: text for path, text in texts.items() if leads.search(text)}
    if modulefile not in leading:
        why = f"does not point to {root}" if modulefile in texts else "not found"
        raise StackenvError(
            f"{modulefile} {why}; nothing was changed",
            f"--modulefile must be the one that EasyBuild wrote for {quote_word(root)}",
        )
    for path, text in leading.items():
        if STACKENV_UUID in text:
            raise StackenvError(
                f"{path} still needs the files that stackenv's hooks wrote; nothing was changed",
                "remove the hooks from EasyBuild's configuration (eb --show-config shows them), then: eb "
                "--module-only --force EASYCONFIG",
            )
